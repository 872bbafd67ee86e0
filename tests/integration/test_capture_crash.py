"""captured killed under load, in the middle of lines: nothing is lost, doubled
or torn, no session is dropped, no position is used twice."""
import json
import os
import random
import signal

import pytest

import cap
import hs
import rig

QUICK = ("timers { restart-min 10ms restart-max 50ms restart-reset 100ms "
         "commit 50ms }\n")


def again(sc, rng, old, resumes):
    """Waits until another captured has got some way; its pid."""
    def another():
        pid = sc.hsd.children().get("captured", old)
        return pid != old and pid
    pid = hs.wait_for(another, "another captured")
    hs.wait_for(lambda: attached(sc.stats(), resumes), "tap")
    further(sc, rng)
    return pid


def attached(st, resumes):
    """Has relayd told its sessions to one captured more than these?"""
    return st["tap.attached"] and st["tap.resumes"] > resumes


def further(sc, rng):
    """Some more entries, by chance."""
    goal = sc.stats()["tap.seq"] + rng.randint(1, 3000)
    hs.wait_for(lambda: sc.stats()["tap.seq"] >= goal, "more load")


def kill_often(sc, kills, seed):
    """kill -9, each time at another moment of what captured does."""
    rng = random.Random(seed)
    pid = sc.hsd.child("captured")
    further(sc, rng)
    for _ in range(kills):
        resumes = sc.stats()["tap.resumes"]
        os.kill(pid, signal.SIGKILL)
        pid = again(sc, rng, pid, resumes)


def check_monitor(lines, stored):
    """What a viewer saw: never two messages under one position."""
    seen = {}
    for line in lines:
        m = json.loads(line)
        key = m["session_id"], m["direction"], m["raw"]
        assert seen.setdefault(m["id"], key) == key
    for m in stored:
        if m["id"] in seen:
            assert seen[m["id"]] == (m["session_id"], m["direction"], m["raw"])
    return seen


def crash(scope, load, spawn, kills, **options):
    """The whole of it."""
    made = load(**options)
    sc = scope("capture { redact no }\n" + QUICK, pools=[made.url])
    made.begin(sc)
    viewer = spawn(rig.CTL, "-j", "monitor",
                   env={"HASHSCOPE_RUN_DIR": str(sc.hsd.run_dir)})
    viewer.expect("submit")
    kill_often(sc, kills, options["seed"])
    done = made.end()
    sc.ended()
    messages = cap.check_load(sc, done)
    assert check_monitor(viewer.lines, messages)
    st = sc.stats()
    assert st["tap.lost_bytes"] == 0 and st["tap.resumes"] == kills + 1
    assert len(sc.sessions()) == len(done["sessions"])
    return sc


def test_kill_9_of_captured(scope, load, spawn):
    crash(scope, load, spawn, 4, sessions=8, rate=800000, seed=3)


@pytest.mark.long
def test_kill_9_of_captured_many_times(scope, load, spawn):
    crash(scope, load, spawn, 20, sessions=16, rate=1500000, seed=4)


def test_sessions_come_and_go_while_captured_is_killed(scope):
    """Short ones, some of which nobody captures before they have ended."""
    sc = scope("capture { redact no }\n" + QUICK)
    rng, said = random.Random(8), {}
    for i in range(60):
        up = b"".join(b'{"id":%d,"method":"mining.ping","params":["%d.%d"]}\n'
                      % (k, i, k) for k in range(rng.randint(0, 30)))
        down = b'{"id":null,"method":"mining.notify","params":[%d]}\n' % i
        if i % 15 == 7:
            os.kill(sc.hsd.child("captured"), signal.SIGKILL)
        said[sc.say(up, down)] = up, down
    sc.ended()
    found, sessions = cap.by_session(sc.messages()), sc.by_port()
    assert sessions.keys() == said.keys()
    for port, (up, down) in said.items():
        s = sessions[port]
        got = found[s["session_id"]]
        cap.check_stream(got[cap.UP], cap.lines_of(up))
        cap.check_stream(got[cap.DOWN], cap.lines_of(down))
        assert s["state"] == "ended" and s["gaps"] == 0
        assert s["close_reason"] not in (None, "relay_ended"), s
        assert cap.micros(s["first_seen"]) <= cap.micros(
            s["last_seen"]) <= cap.micros(s["ended_at"])


def test_half_a_line_and_an_open_question_outlive_captured(scope):
    sc = scope("capture { redact no }\n" + QUICK)
    miner, pool = sc.pair()
    ask = b'{"id":7,"method":"mining.subscribe","params":["x/1"]}\n'
    say = b'{"id":7,"result":[[],"01020304",4],"error":null}\n'
    halves = [(miner, pool, ask[:20]), (pool, miner, b""),
              (miner, pool, ask[20:]), (pool, miner, say[:30]),
              (pool, miner, say[30:])]
    for source, sink, part in halves:
        source.sendall(part)
        assert rig.recv_exact(sink, len(part)) == part
        sc.settle()
        old, resumes = sc.hsd.child("captured"), sc.stats()["tap.resumes"]
        os.kill(old, signal.SIGKILL)
        hs.wait_for(lambda: sc.hsd.children().get("captured", old) != old,
                    "another captured")
        hs.wait_for(lambda: attached(sc.stats(), resumes), "tap")
    sc.settle()
    answer, asked = sc.messages()
    assert (cap.raw(asked), cap.raw(answer)) == (ask[:-1], say[:-1])
    assert asked["paired_message_id"] == answer["id"]
    assert answer["paired_message_id"] == asked["id"]
    assert answer["method"] == "mining.subscribe"
    assert answer["latency_ms"] > 0
    (s,) = sc.sessions()
    assert s["user_agent"] == "x/1" and s["gaps"] == 0
