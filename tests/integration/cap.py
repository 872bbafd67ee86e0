"""A HashScope that captures, what hashscopectl says of it, and models of what
it must say."""
import base64
import collections
import datetime
import json
import pathlib
import re

import hs
import rig
import traffic

UP, DOWN = "miner_to_pool", "pool_to_miner"
HERE = pathlib.Path(__file__).parent
KEEP = 65536  # bytes of a line that are stored
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def raw(m, key="raw"):
    """The bytes of a message."""
    if m[key + "_encoding"] == "base64":
        return base64.b64decode(m[key], validate=True)
    return m[key].encode()


def micros(text):
    """A time of the API in µs since 1970, checked for its form."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text), text
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at - EPOCH) // datetime.timedelta(microseconds=1)


def rfc3339(us):
    """The other way round."""
    at = EPOCH + datetime.timedelta(microseconds=us)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now_us():
    """Now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - EPOCH) // datetime.timedelta(microseconds=1)


def port_of(session):
    """The miner's port of a session, by which a test knows it."""
    return int(session["peer"].rsplit(":", 1)[1])


def lines_of(data):
    """The lines of a stream as (bytes, size with the newline)."""
    lines = [(x, len(x) + 1) for x in data.split(b"\n")]
    last, _ = lines.pop()
    return lines + ([(last, len(last))] if last else [])


def by_session(messages):
    """{session_id: {direction: [messages, oldest first]}}."""
    found = collections.defaultdict(lambda: {UP: [], DOWN: []})
    for m in sorted(messages, key=lambda m: int(m["id"])):
        found[m["session_id"]][m["direction"]].append(m)
    return found


def check_stream(messages, want):
    """The messages of one direction are these lines, whole, once, in order."""
    got = [(raw(m), m["size_bytes"]) for m in messages]
    if got == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b),
              min(len(got), len(want)))
    raise AssertionError(
        f"{len(got)} messages, {len(want)} expected, differ at {at}: "
        f"{got[at:at + 2]!r}, {want[at:at + 2]!r}")


def check_order(messages):
    """Newest first; positions once; times of each stream never go back."""
    ids = [int(m["id"]) for m in messages]
    assert ids == sorted(set(ids), reverse=True)
    last = {}
    for m in reversed(messages):
        stream = m["session_id"], m["direction"]
        ts = micros(m["ts_recv"])
        assert ts >= last.get(stream, 0), m
        last[stream] = ts
        if m["ts_fwd"] is not None:
            assert micros(m["ts_fwd"]) >= ts, m


class Scope(rig.Box):
    """A Box with capture on."""

    def __init__(self, pools, body="", inner="", **kw):
        self.began_us = now_us()
        super().__init__(pools, body, inner, capture=True, **kw)
        if kw.get("ready", True):
            try:
                self.wait_processes()
            except BaseException:
                self.close()
                raise

    def wait_processes(self):
        """Miners are served before all the others are there."""
        hs.wait_for(lambda: all(p["state"] == "ready" for p in
                                self.ctl("show", "processes")), "processes")

    @property
    def store(self):
        """The store's file, as the processes see it."""
        return self.hsd.state_dir / "store.db"

    def npub(self):
        """The key that publishes; nostrd is ready before control knows it."""
        def shown():
            p = self.run_ctl("key", "show", json_out=False)
            return p.returncode == 0 and p.stdout.decode().strip()
        return hs.wait_for(shown, "a public key")

    def ctl(self, *words):
        """What `hashscopectl -j WORDS` says."""
        done = self.run_ctl(*words)
        assert done.returncode == 0, (words, done.stderr)
        return json.loads(done.stdout)

    def messages(self, *words):
        """show messages."""
        return self.ctl("show", "messages", *words)

    def sessions(self, *words):
        """show sessions."""
        return self.ctl("show", "sessions", *words)

    def summary(self):
        """show summary."""
        return self.ctl("show", "summary")

    def capture_stats(self):
        """captured's counters, with None while there are none."""
        done = self.run_ctl("show", "summary")
        if done.returncode != 0:
            return None
        return json.loads(done.stdout)["capture"]

    def pid(self, role):
        """The pid of a process by the name in show processes, once it has
        one: 0, which kill(2) takes for us all, is that of one that is down.
        """
        return hs.wait_for(lambda: next(
            p["pid"] for p in self.ctl("show", "processes")
            if p["role"] == role), f"process {role}")

    def caught_up(self):
        """Has captured committed all that relayd copied so far?"""
        st = self.stats()
        return st["tap.attached"] and not st["tap.ring_used"]

    def settle(self, deadline=hs.DEADLINE):
        """Waits until all that was relayed is in the store."""
        hs.wait_for(self.caught_up, "capture that has caught up", deadline)

    def ended(self, deadline=hs.DEADLINE):
        """Waits until all sessions are closed, and in the store."""
        hs.wait_for(lambda: self.stats()["sessions_live"] == 0,
                    "end of sessions", deadline)
        self.settle(deadline)

    def by_port(self):
        """{miner's port: session}."""
        return {port_of(s): s for s in self.sessions()}

    def say(self, up=b"", down=b"", end=True):
        """One session in which each end says that, the pool when it has heard
        the miner: what it says may be an answer.  The miner's port."""
        miner, pool = self.pair()
        port = miner.getsockname()[1]
        for source, sink, data in ((miner, pool, up), (pool, miner, down)):
            job = rig.Worker(source.sendall, data)
            assert rig.recv_exact(sink, len(data)) == data
            job.result()
        if end:
            miner.close()
            pool.close()
        return port


class Load(hs.Listening):
    """traffic.py, connected through a Scope on demand."""

    def __init__(self, **options):
        """options: sessions=, rate=, seed=, pad=."""
        argv = [x for k, v in options.items() for x in (f"--{k}", v)]
        super().__init__("/usr/bin/python3", "-B", HERE / "traffic.py", *argv)
        self.url = f"stratum+tcp://{self.host}:{self.port}"

    def begin(self, scope):
        """Connects its sessions."""
        self.send(f"connect {scope.host} {scope.port}")
        self.expect("^connected$")

    def set_rate(self, rate):
        """Bytes a second, from now on."""
        self.ask(f"rate {rate}")

    def end(self):
        """Lets all arrive and closes; what it did."""
        assert self.alive(), self.json()
        self.send("stop")
        status = self.wait()
        assert status == 0 and self.json()["ok"], self.json()["error"]
        return self.json()


def sizes(lines):
    """Lines as check_stream() wants them."""
    return [(x, len(x) + 1) for x in lines]


def check_load(scope, done, messages=None):
    """The store has each line of a Load, once, whole, paired; messages."""
    if messages is None:
        messages = scope.messages()
    check_order(messages)
    found, sessions = by_session(messages), scope.by_port()
    for s in done["sessions"]:
        at = sessions[s["port"]]
        got = found[at["session_id"]]
        n, seed = s["lines"], done["seed"]
        check_stream(got[UP], sizes(
            traffic.up_lines(seed, s["number"], n, done["pad"])))
        check_stream(got[DOWN], sizes(
            traffic.down_lines(seed, s["number"], n)))
        answers = [m for m in got[DOWN] if m["is_response"]]
        for asked, answer in zip(got[UP], answers):
            assert asked["paired_message_id"] == answer["id"], asked
            assert answer["paired_message_id"] == asked["id"], answer
        assert (at["gaps"], at["gap_bytes"]) == (0, 0), at
        assert at["stats"] == {
            "total_messages": len(got[UP]) + len(got[DOWN]),
            UP: len(got[UP]), DOWN: len(got[DOWN]), "parse_errors": 0}
        assert [at["bytes"][UP], at["bytes"][DOWN]] == s["bytes"]
        assert not any(m["after_gap"] or m["broken"] or m["ts_fwd"] is None
                       for d in got.values() for m in d)
    return messages
