"""monitor -j: what is said, as it is said, also when captured begins again."""
import json
import os
import re
import select
import signal
import subprocess

import pytest

import cap
import hs
import rig

MIB = 1 << 20
QUICK = "timers { restart-min 10ms restart-max 50ms commit 50ms }\n"


@pytest.fixture
def monitor(spawn):
    """monitor(scope, *filters): a viewer that is subscribed."""
    def start(sc, *filters):
        p = spawn(rig.CTL, "-j", "monitor", *filters,
                  env={"HASHSCOPE_RUN_DIR": str(sc.hsd.run_dir)})
        hs.wait_for(lambda: sc.summary()["feed"]["subscribed"], "subscription")
        return p
    return start


def printed(viewer):
    """What it has printed so far."""
    return [json.loads(x) for x in list(viewer.lines)]


def forgotten(viewer):
    """Up to which positions it said to keep what came before."""
    found = (re.search(r"forget messages above (\d+)", x)
             for x in list(viewer.errors))
    return [int(m[1]) for m in found if m]


def same_but_for_time(seen, stored):
    """A message when it was seen, and when it was stored and answered."""
    later = {"paired_message_id", "response", "response_ts_recv",
             "response_raw", "response_raw_encoding", "latency_ms", "ts_fwd"}
    for key, value in seen.items():
        if key not in later or value is not None:
            assert stored[key] == value, key


def test_everything_once_and_in_order(scope, load, monitor):
    made = load(sessions=6, rate=600000, seed=31)
    sc = scope("capture { redact no }", pools=[made.url])
    viewer = monitor(sc)
    made.begin(sc)
    hs.wait_for(lambda: len(viewer.lines) > 3000, "some messages")
    done = made.end()
    sc.ended()
    stored = cap.check_load(sc, done)[::-1]
    hs.wait_for(lambda: len(viewer.lines) >= len(stored), "the rest")
    seen = printed(viewer)
    assert [m["id"] for m in seen] == [m["id"] for m in stored]
    for a, b in zip(seen, stored):
        same_but_for_time(a, b)
    assert not viewer.errors


def test_live_before_it_is_committed(scope, monitor):
    """A viewer does not wait for the disk."""
    sc = scope("timers { commit 30s }")
    viewer = monitor(sc)
    miner, pool = sc.pair()
    miner.sendall(b'{"id":1,"method":"mining.ping"}\n')
    rig.recv_exact(pool, 1)
    viewer.expect("mining.ping")
    assert sc.messages() == []


@pytest.mark.parametrize("filters, wanted", [
    (["direction", cap.DOWN], lambda m: m["direction"] == cap.DOWN),
    (["method", "mining.submit"], lambda m: m["method"] == "mining.submit"),
    (["method", "mining.notify", "text", "A1"],
     lambda m: m["method"] == "mining.notify" and "a1" in m["raw"]),
    (["errors"], lambda m: m["is_error"] or m["parse_error"])])
def test_filters(scope, load, monitor, filters, wanted):
    made = load(sessions=4, rate=300000, seed=32)
    sc = scope("capture { redact no }", pools=[made.url])
    viewer = monitor(sc, *filters)
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["tap.seq"] > 500, "some load")
    done = made.end()
    sc.ended()
    want = [m["id"] for m in cap.check_load(sc, done)[::-1] if wanted(m)]
    hs.wait_for(lambda: len(viewer.lines) >= len(want), "the rest")
    assert [m["id"] for m in printed(viewer)] == want


def test_limit_ends_it(scope, load, monitor):
    made = load(sessions=2, rate=100000, seed=33)
    sc = scope(pools=[made.url])
    viewer = monitor(sc, "limit", 50)
    made.begin(sc)
    assert viewer.wait() == 0
    assert len(viewer.lines) == 50
    made.end()


def test_no_loss_and_no_double_when_captured_begins_again(
        scope, load, monitor):
    """What it says to forget comes again; the rest is what is stored."""
    made = load(sessions=6, rate=400000, seed=34)
    sc = scope("capture { redact no }\n" + QUICK, pools=[made.url])
    viewer = monitor(sc)
    made.begin(sc)
    for _ in range(3):
        n = len(viewer.lines)
        hs.wait_for(lambda: len(viewer.lines) > n + 1000, "messages")
        old = sc.hsd.child("captured")
        os.kill(old, signal.SIGKILL)
        hs.wait_for(lambda: sc.hsd.children().get("captured", old) != old,
                    "another captured")
        hs.wait_for(lambda: sc.stats()["tap.attached"], "tap")
    n = len(viewer.lines)
    hs.wait_for(lambda: len(viewer.lines) > n + 1000, "messages again")
    done = made.end()
    sc.ended()
    stored = {m["id"]: m for m in cap.check_load(sc, done)}
    last = max(stored, key=int)
    hs.wait_for(lambda: any(f'"id":"{last}"' in x
                            for x in list(viewer.lines)[-200:]), "the last")
    seen = printed(viewer)
    ids = [int(m["id"]) for m in seen]
    assert ids == sorted(set(ids))
    kept = [m for m in seen if m["id"] in stored]
    assert len(kept) == len(stored)
    for m in kept:
        same_but_for_time(m, stored[m["id"]])
    tops = forgotten(viewer)
    gone = [int(m["id"]) for m in seen if m["id"] not in stored]
    assert all(any(to < x for to in tops) for x in gone)
    # Where something was taken back, the store has nothing above it before
    # the next range of positions.
    for x in gone:
        assert all(int(k) < x or int(k) >> 20 > x >> 20 for k in stored
                   if abs(int(k) - x) < 1 << 20)


def test_a_viewer_that_does_not_read(scope, load, tmp_path):
    """It holds nobody up, and gets all of it once it reads again: also when
    nothing more is said."""
    made = load(sessions=16, rate=3000000, seed=35)
    sc = scope("capture { redact no }", pools=[made.url])
    out, into = os.pipe()
    with open(tmp_path / "errors", "wb") as errors:
        viewer = subprocess.Popen(
            [rig.CTL, "-j", "monitor"], stdout=into, stderr=errors,
            stdin=subprocess.DEVNULL, env={
                **os.environ, "HASHSCOPE_RUN_DIR": str(sc.hsd.run_dir)})
    os.close(into)
    try:
        hs.wait_for(lambda: sc.summary()["feed"]["subscribed"], "subscription")
        made.begin(sc)
        # More than pipe, socket and queues hold together.
        hs.wait_for(lambda: sc.stats()["bytes_from_miners"] > 1.5 * MIB, "load")
        assert sc.stats()["tap.lost_bytes"] == 0
        done = made.end()
        sc.ended()
        stored = cap.check_load(sc, done)[::-1]
        text = read_up_to(out, b'"id":"%s"' % stored[-1]["id"].encode())
    except AssertionError as e:
        raise AssertionError((tmp_path / "errors").read_text()) from e
    finally:
        viewer.kill()
        viewer.wait()
        os.close(out)
    ids = [json.loads(x)["id"] for x in text.splitlines()]
    assert ids == [m["id"] for m in stored]
    assert (tmp_path / "errors").read_text() == ""


def read_up_to(fd, mark):
    """What comes, with the whole of the line that has this."""
    text, at, found = bytearray(), 0, False
    while not found or not text.endswith(b"\n"):
        assert select.select([fd], [], [], hs.DEADLINE)[0]
        chunk = os.read(fd, 1 << 20)
        assert chunk
        text += chunk
        found = found or text.find(mark, at) >= 0
        at = max(0, len(text) - len(mark))
    return text
