"""Readers of the store under load: the WAL stays bounded, queries answer, and
what dies of them hurts nobody.  And a relayd that is killed."""
import collections
import json
import os
import signal
import sqlite3
import threading

import pytest

import cap
import hs
import rig

MIB = 1 << 20
WAL_MAX = 128 * MIB
RATE = 12 * MIB
QUICK = "timers { restart-min 10ms restart-max 50ms restart-reset 100ms }\n"


class Reader(threading.Thread):
    """Holds read transactions on the store, one after the other."""

    def __init__(self, path, hold, pause=0):
        """hold, pause: seconds with and without a transaction."""
        super().__init__(daemon=True)
        self.uri = f"file:{path}?mode=ro"
        self.hold, self.pause = hold, pause
        self.over, self.rounds, self.error = threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            db = sqlite3.connect(self.uri, uri=True, isolation_level=None)
            while not self.over.is_set():
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM sessions").fetchone()
                self.over.wait(self.hold)
                db.execute("COMMIT")
                self.rounds += 1
                self.over.wait(self.pause)
            db.close()
        except sqlite3.Error as e:
            self.error = e

    def close(self):
        """Ends it."""
        self.over.set()
        self.join(hs.DEADLINE)


class Asker(threading.Thread):
    """hashscopectl in a loop; counts the exit codes."""

    def __init__(self, scope, *words):
        super().__init__(daemon=True)
        self.scope, self.words = scope, words
        self.over, self.codes = threading.Event(), collections.Counter()
        self.start()

    def run(self):
        while not self.over.is_set():
            done = self.scope.run_ctl(*self.words)
            if done.returncode == 0:
                json.loads(done.stdout)
            self.codes[done.returncode] += 1

    def close(self):
        """Ends it."""
        self.over.set()
        self.join(hs.DEADLINE)


def wal_size(sc):
    """The WAL's file."""
    try:
        return os.stat(f"{sc.store}-wal").st_size
    except FileNotFoundError:
        return 0


def watch_wal(sc, until):
    """The largest size that it has until something is true."""
    largest = 0

    def done():
        nonlocal largest
        largest = max(largest, wal_size(sc))
        return until()

    hs.wait_for(done, "so much load", 10 * hs.DEADLINE)
    return largest


def read_under_load(scope, load, closing, volume, holds):
    """Readers hold transactions while that many bytes are stored."""
    made = load(sessions=16, rate=RATE, pad=4000, seed=41)
    sc = scope("capture { redact no size 256M }", pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["tap.seq"] > 100, "load")
    readers = [closing(Reader(sc.store, *h)) for h in holds]
    askers = [closing(Asker(sc, "show", "messages", *x)) for x in (
        ("limit", 1000), ("text", "nothing like it"))]
    slow = False

    def enough():
        """Never more than captured stores: the ring is not what is tried."""
        nonlocal slow
        st = sc.stats()
        if slow != (st["tap.ring_used"] > st["tap.ring_bytes"] / 8):
            slow = not slow
            made.set_rate(RATE / 16 if slow else RATE)
        return (st["bytes_from_miners"] > volume and
                all(x.codes[0] > 3 for x in askers) and
                all(x.rounds > 3 or x.error for x in readers))

    largest = watch_wal(sc, enough)
    for x in askers + readers:
        x.close()
    made.end()
    sc.ended()
    assert sc.stats()["tap.lost_bytes"] == 0
    count = sc.summary()
    assert count["hold"]["late"] == 0
    for x in askers:
        assert set(x.codes) == {0} and x.codes[0] > 3, x.codes
    for x in readers:
        assert x.error is None and x.rounds > 3
    assert largest < WAL_MAX
    return sc


def test_wal_is_bounded_under_queries(scope, load, closing):
    read_under_load(scope, load, closing, RATE * 2, [])


def test_wal_is_bounded_under_a_steady_reader(scope, load, closing):
    """Somebody else's, without a pause between its transactions."""
    sc = read_under_load(scope, load, closing, RATE * 8, [(0.1,), (0.07,)])
    assert sc.summary()["hold"]["checkpoints"] > 0


@pytest.mark.long
def test_wal_is_bounded_under_steady_readers_for_long(scope, load, closing):
    sc = read_under_load(scope, load, closing, RATE * 60,
                         [(0.3,), (0.2,), (0.01, 0.01)])
    assert sc.summary()["hold"]["checkpoints"] > 3


def lanes(sc):
    """{name: (pid, generation)} of the query role."""
    return {p["role"]: (p["pid"], p["generation"])
            for p in sc.ctl("show", "processes")
            if p["role"].startswith("query")}


def test_query_lanes_are_killed(scope, load, closing):
    """Who asks is told, or waits; others notice nothing; they come back."""
    made = load(sessions=8, rate=500000, seed=42)
    sc = scope("capture { redact no }\n" + QUICK, pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["tap.seq"] > 100, "load")
    askers = [closing(Asker(sc, "show", "messages", *x)) for x in (
        ("limit", 2000), ("text", "nothing like it"))]
    for name in list(lanes(sc)) * 3:
        pid, generation = lanes(sc)[name]
        before = [x.codes[0] for x in askers]
        os.kill(pid, signal.SIGKILL)
        hs.wait_for(lambda: lanes(sc)[name][1] > generation, "a new lane")
        hs.wait_for(lambda: all(x.codes[0] > n + 1
                                for x, n in zip(askers, before)), "answers")
    for x in askers:
        x.close()
        assert set(x.codes) <= {0, 1}, x.codes
        assert x.codes[0] > x.codes[1]
    done = made.end()
    sc.ended()
    cap.check_load(sc, done)
    assert sc.stats()["tap.resumes"] == 1


def test_lane_that_stands_still_is_replaced(scope, load, closing):
    """It would hold up the checkpoint."""
    made = load(sessions=16, rate=RATE, pad=4000, seed=43)
    sc = scope("capture { redact no size 256M }\n" + QUICK, pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.stats()["tap.seq"] > 100, "load")
    reader = closing(Reader(sc.store, 0.1))
    other = closing(Reader(sc.store, 0.07))
    pid, generation = lanes(sc)["query-search"]
    os.kill(pid, signal.SIGSTOP)
    largest = watch_wal(
        sc, lambda: lanes(sc)["query-search"][1] > generation)
    reader.close()
    other.close()
    assert largest < WAL_MAX
    assert sc.summary()["hold"]["late"] == 1
    made.end()
    sc.ended()
    assert sc.messages("text", "nothing like it") == []


def test_kill_9_of_relayd(scope, closing):
    """Its sessions end in the store with a reason; the port answers again."""
    sc = scope("capture { redact no }\n"
               "timers { restart-min 1h  restart-max 1h }")
    line = b'{"id":1,"method":"mining.ping","params":[]}\n'
    half = b'{"id":2,"method"'
    pairs = [sc.pair() for _ in range(20)]
    ports = {miner.getsockname()[1] for miner, _ in pairs}
    for miner, pool in pairs:
        miner.sendall(line + half)
        assert rig.recv_exact(pool, len(line + half)) == line + half
    sc.settle()
    died_us = cap.now_us()
    os.kill(sc.relayd, signal.SIGKILL)
    sc.hsd._ctl.close()
    sc.hsd._ctl = None
    miner = sc.miner()
    pool = sc.pool.accept()
    miner.sendall(line)
    # At once, that is without the pause of those that die again and again.
    assert rig.recv_exact(pool, len(line)) == line
    for near, far in pairs:
        assert rig.recv_end(near)[0] == rig.recv_end(far)[0] == b""
    hs.wait_for(lambda: sc.by_port().get(miner.getsockname()[1]), "session")
    sc.settle()
    assert len(sc.sessions("live")) == 1
    sessions = sc.by_port()
    found = cap.by_session(sc.messages())
    for port in ports:
        s = sessions[port]
        assert (s["state"], s["close_reason"]) == ("ended", "relay_ended")
        assert s["gaps"] == 0 and s["bytes"][cap.UP] == len(line + half)
        assert died_us - 1000000 <= cap.micros(s["ended_at"]) <= cap.now_us()
        got = found[s["session_id"]][cap.UP]
        cap.check_stream(got, [(line[:-1], len(line)), (half, len(half))])
        assert got[1]["no_newline"]
