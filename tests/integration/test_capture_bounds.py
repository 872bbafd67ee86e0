"""The bounds of the store, each by itself: what is beyond goes, what is within
stays, and positions only grow."""
import os
import signal

import cap
import hs
import rig

LINE = b'{"id":%d,"method":"mining.ping","params":["%s"]}\n'


def pings(n, tag, pad=b""):
    """n lines of a miner that differ."""
    return b"".join(LINE % (i, tag + pad) for i in range(n))


def newest(sc, port, data, n):
    """The session of a port has the last n of these lines, in order."""
    s = sc.by_port()[port]
    got = cap.by_session(sc.messages())[s["session_id"]][cap.UP]
    cap.check_stream(got, cap.lines_of(data)[-n:] if n else [])
    assert s["message_count"] == data.count(b"\n")
    return got


def test_messages(scope):
    """The newest of all sessions; sessions without any go."""
    sc = scope("capture { redact no messages 1000 }\n"
               "timers { commit 20ms }")
    last, ports = 0, []
    for i in range(12):
        data = pings(300, b"m%d" % i)
        ports.append((sc.say(data), data))
        sc.ended()
        messages = sc.messages()
        assert len(messages) == min(1000, 300 * (i + 1))
        cap.check_order(messages)
        assert int(messages[-1]["id"]) > last - 1000
        assert int(messages[0]["id"]) > last
        last = int(messages[0]["id"])
    for port, data in ports[-3:]:
        newest(sc, port, data, 300)
    newest(sc, *ports[-4], 100)
    assert set(sc.by_port()) == {port for port, _ in ports[-4:]}
    assert sc.summary()["capture"]["store_visible"] == 1000


def test_per_session(scope):
    """One that talks much does not push out the others."""
    sc = scope("capture { redact no per-session 200 }\n"
               "timers { commit 20ms }")
    quiet = pings(50, b"quiet")
    port = sc.say(quiet)
    noisy, sink = sc.pair()
    said, noisy_port = b"", noisy.getsockname()[1]
    for i in range(10):
        data = pings(150, b"n%d" % i)
        noisy.sendall(data)
        rig.recv_exact(sink, len(data))
        said += data
        sc.settle()
        newest(sc, noisy_port, said, min(200, 150 * (i + 1)))
    newest(sc, port, quiet, 50)
    assert len(sc.messages()) == 250
    # A lone query for that session sees the same as the list of all.
    sid = sc.by_port()[noisy_port]["session_id"]
    assert len(sc.messages("session", sid)) == 200
    count = sc.summary()["capture"]
    assert count["store_visible"] == 250
    assert count["store_rows"] < 250 + 1000


def test_age(scope):
    """Old messages go by themselves, also when nothing comes."""
    sc = scope("capture { redact no age 1h }\ntimers { commit 20ms }")
    data = pings(100, b"old")
    port = sc.say(data)
    sc.ended()
    newest(sc, port, data, 100)
    first = int(sc.messages()[0]["id"])
    for age in ("2s", "1h"):
        sc.hsd.configure(sc.text.replace("age 1h", f"age {age}"))
        assert sc.ctl("reload")["ok"]
        hs.wait_for(lambda: not sc.messages(), "an empty store")
        hs.wait_for(lambda: not sc.sessions(), "no sessions")
    port = sc.say(data)
    sc.ended()
    assert int(newest(sc, port, data, 100)[0]["id"]) > first


def test_age_of_less_than_a_second_is_an_age(scope):
    sc = scope("capture { age 500ms }\ntimers { commit 20ms }")
    sc.say(pings(10, b"young"))
    sc.ended()
    hs.wait_for(lambda: not sc.messages(), "an empty store")


def test_size(scope, load):
    """The file stays near what was allowed, however much comes."""
    made = load(sessions=16, rate=12000000, pad=4000, seed=51)
    sc = scope("capture { redact no size 8M }", pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["bytes_from_miners"] > 24 << 20, "load")
    done = made.end()
    sc.ended()
    messages = sc.messages()
    cap.check_order(messages)
    kept = sum(m["size_bytes"] for m in messages)
    assert 2 << 20 < kept < 8 << 20
    hs.wait_for(lambda: os.stat(sc.store).st_size < 24 << 20, "small file")
    found, sessions = cap.by_session(messages), sc.by_port()
    for s in done["sessions"]:
        got = found[sessions[s["port"]]["session_id"]][cap.UP]
        assert got
        want = cap.traffic.up_lines(
            done["seed"], s["number"], s["lines"], done["pad"])
        cap.check_stream(got, cap.sizes(want[-len(got):]))


def test_bounds_are_kept_across_a_restart_and_a_reload(scope):
    """Floors are in the store; positions go on behind it."""
    sc = scope("capture { redact no messages 500 }")
    data = pings(800, b"r")
    port = sc.say(data)
    sc.ended()
    last = int(newest(sc, port, data, 500)[-1]["id"])
    old = sc.hsd.child("captured")
    os.kill(old, signal.SIGKILL)
    hs.wait_for(lambda: sc.hsd.children().get("captured", old) != old,
                "another captured")
    sc.wait_processes()
    newest(sc, port, data, 500)
    sc.hsd.configure(sc.text.replace("messages 500", "messages 100"))
    assert sc.ctl("reload")["ok"]
    hs.wait_for(lambda: len(sc.messages()) == 100, "the new bound")
    newest(sc, port, data, 100)
    other = sc.say(pings(30, b"s"))
    sc.ended()
    newest(sc, port, data, 70)
    assert int(newest(sc, other, pings(30, b"s"), 30)[0]["id"]) > last


def test_many_sessions_and_their_totals(scope, load):
    """200 miners at once: what the sessions count is what is stored."""
    made = load(sessions=200, rate=3000000, seed=52)
    sc = scope("capture { redact no }", pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["bytes_from_miners"] > 1 << 20, "load")
    done = made.end()
    sc.ended()
    messages = cap.check_load(sc, done)
    st, count = sc.stats(), sc.summary()["capture"]
    lines = sum(s["lines"] for s in done["sessions"])
    downs = sum(len(cap.traffic.down_lines(done["seed"], s["number"],
                                           s["lines"]))
                for s in done["sessions"])
    assert len(messages) == lines + downs
    assert count["messages_committed"] == count["store_visible"] == (
        len(messages))
    assert count["bytes"] == sum(m["size_bytes"] for m in messages)
    assert count["bytes"] == st["bytes_from_miners"] + st["bytes_from_pools"]
    assert count["sessions_seen"] == len(sc.sessions()) == 200
