"""hashscopectl against a running HashScope."""
import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess

import pytest

import hs
import rig

SUBMIT = b'{"id":%d,"method":"mining.submit","params":["w.1","j","00","00","%d"]}\n'
YES = b'{"id":%d,"result":true,"error":null}\n'
NO = b'{"id":%d,"result":null,"error":[21,"Job not found",null]}\n'
# What a terminal would obey, valid in JSON or not.
ESCAPES = '{"id":null,"method":"\\u001b[2J","params":["\x9b31m\x7f"]}\n'.encode()
OTHER_UID = 12345
MONITORS = r"client of uid \d+ monitors"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Ctl:
    """Runs hashscopectl on a control socket."""

    def __init__(self, hsd, spawn):
        self.hsd, self.spawn = hsd, spawn
        self.binary = hs.BUILD / "bin" / "hashscopectl"
        self.env = {**os.environ, "HASHSCOPE_RUN_DIR": str(hsd.run_dir),
                    "TZ": "UTC"}

    def run(self, *words, env=None, prefix=(), cwd=None):
        """The finished program."""
        return subprocess.run(
            [*prefix, self.binary, *map(str, words)], cwd=cwd,
            env={**self.env, **(env or {})}, capture_output=True,
            timeout=hs.DEADLINE)

    def json(self, *words):
        """What it says with -j, which must be valid UTF-8 and succeed."""
        done = self.run("-j", *words)
        assert done.returncode == 0, done
        return json.loads(done.stdout.decode("utf-8", "strict"))

    def text(self, *words):
        """What it says to people."""
        done = self.run(*words)
        assert done.returncode == 0, done
        return done.stdout.decode("ascii")

    def fails(self, code, *words, **kw):
        """It ends with that code; what it says about it."""
        done = self.run(*words, **kw)
        assert done.returncode == code, done
        return done.stderr.decode()

    def messages(self, *words):
        """All messages, oldest first."""
        return self.json("show", "messages", "after", 0, *words)

    def wait_messages(self, n):
        """All messages, once there are n."""
        return hs.wait_for(
            lambda: (m := self.messages()) and len(m) >= n and m,
            f"{n} messages")

    def monitor(self, *words):
        """monitor -j, seen to be subscribed."""
        said = len(self.hsd.log(MONITORS))
        p = self.spawn(self.binary, "-j", "monitor", *words, env=self.env)
        self.hsd.wait_log(MONITORS, said + 1)
        hs.wait_for(
            lambda: self.json("show", "summary")["feed"]["subscribed"],
            "a subscription")
        return p


@pytest.fixture
def live(box, spawn):
    """A box that captures, its hashscopectl."""
    b = box(capture=True, body="limits { session-buffer 1M }", args=["-v"])
    ctl = Ctl(b.hsd, spawn)
    # The relay is ready before the others are.
    hs.wait_for(lambda: ctl.run("show", "summary").returncode == 0,
                "a captured that answers")
    return b, ctl


def handshake(pair, agent="cgminer/4.12", worker="farm.7"):
    """subscribe, authorize, difficulty: 6 messages."""
    miner, pool = pair
    for line, answers in (
            ({"id": 1, "method": "mining.subscribe", "params": [agent]},
             [{"id": 1, "result": [[], "abcd", 4], "error": None}]),
            ({"id": 2, "method": "mining.authorize",
              "params": [worker, "secret"]},
             [{"id": 2, "result": True, "error": None},
              {"id": None, "method": "mining.set_difficulty",
               "params": [512]}])):
        data = json.dumps(line).encode() + b"\n"
        miner.sendall(data)
        assert rig.recv_exact(pool, len(data)) == data
        data = b"".join(json.dumps(x).encode() + b"\n" for x in answers)
        pool.sendall(data)
        assert rig.recv_exact(miner, len(data)) == data


def exchange(pair, to_pool=b"", to_miner=b""):
    """Bytes through a session, in this order."""
    miner, pool = pair
    if to_pool:
        miner.sendall(to_pool)
        assert rig.recv_exact(pool, len(to_pool)) == to_pool
    if to_miner:
        pool.sendall(to_miner)
        assert rig.recv_exact(miner, len(to_miner)) == to_miner


def flood(ctl, pair, line, start, end, lot=1000):
    """Many messages, no faster than one session's share of the ring takes."""
    def committed():
        return ctl.json("show", "summary")["capture"]["messages_committed"]

    for first in range(start, end, lot):
        last = min(first + lot, end)
        exchange(pair, b"".join(line % i for i in range(first, last)))
        hs.wait_for(lambda: committed() >= last, f"{last} committed")


# --- usage ---

def test_usage(build):
    binary = build / "bin" / "hashscopectl"

    def run(*words):
        return subprocess.run([binary, *words], capture_output=True,
                              timeout=hs.DEADLINE, text=True)

    assert run().returncode == 0
    assert "monitor" in run("help").stdout
    assert "miner_to_pool" in run("show", "messages", "direction",
                                  "help").stdout
    version = run("-V").stdout
    assert re.fullmatch(r"hashscopectl \d+\.\d+\.\d+\n", version)
    for words in (["show"], ["shwo"], ["-x"], ["show", "session"],
                  ["show", "messages", "limit", "0"], ["reload", "now"]):
        done = run(*words)
        assert done.returncode == 2, done
        assert done.stderr and not done.stdout
    done = run("-s", "/nonexistent/control.sock", "show", "summary")
    assert done.returncode == 3
    assert "/nonexistent/control.sock: No such file" in done.stderr


def test_error_does_not_obey(build):
    """A wrong word is shown, not sent to the terminal."""
    done = subprocess.run(
        [build / "bin" / "hashscopectl", "show", "\x1b[31m"],
        capture_output=True, timeout=hs.DEADLINE)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr and b"\\x1b" in done.stderr


# --- show ---

def test_summary(live):
    b, ctl = live
    pair = b.pair()
    exchange(pair, SUBMIT % (1, 1), YES % 1)
    ctl.wait_messages(2)
    s = ctl.json("show", "summary")
    assert re.fullmatch(r"\d+\.\d+\.\d+", s["version"])
    assert 0 <= s["uptime_s"] < 600
    assert s["miner"] == [f"stratum+tcp://127.0.0.1:{b.port}"]
    assert s["errors"] == []
    assert s["relay"]["sessions_live"] == 1
    assert s["relay"]["bytes_from_miners"] == len(SUBMIT % (1, 1))
    assert s["capture"]["messages_seen"] == 2
    assert s["tap"]["ring_bytes"] == 64 << 20
    text = ctl.text("show", "summary")
    assert f"stratum+tcp://127.0.0.1:{b.port}" in text
    assert "1 live" in text and "!" not in text


def test_capture_is_away(live):
    """What is away is said at once, nobody waits for it."""
    b, ctl = live
    captured = b.hsd.child("captured")
    with rig.stopped(b.hsd.pid):
        os.kill(captured, signal.SIGKILL)
        hs.wait_for(lambda: rig.gone(captured), "an end")
        # The supervisor stands still: captured is not started again.
        c = rig.Control(b.hsd.run_dir / "control.sock")
        hs.wait_for(
            lambda: c.ask("REQ_CAPTURE_STATS") ==
            (False, "captured is not running"), "an answer")
        c.close()
    hs.wait_for(lambda: ctl.run("show", "summary").returncode == 0, "capture")


def test_sessions(live):
    b, ctl = live
    assert ctl.json("show", "sessions") == []
    first, second = b.pair(), b.pair()
    handshake(first)
    handshake(second, agent="bmminer/2.0", worker="farm.8")
    ctl.wait_messages(10)
    sessions = ctl.json("show", "sessions")
    assert [s["user_agent"] for s in sessions] == [
        "bmminer/2.0", "cgminer/4.12"]
    s = sessions[1]
    assert s["peer"] == "127.0.0.1:%d" % first[0].getsockname()[1]
    assert s["workers"] == ["farm.7"] and s["difficulty"] == 512
    assert s["pool_port"] == b.pool.port and s["pool_connected"] is True
    assert s["state"] == "live" and s["ended_at"] is None
    assert s["stats"] == {"total_messages": 5, "miner_to_pool": 2,
                          "pool_to_miner": 3, "parse_errors": 0}
    one = ctl.json("show", "session", s["session_id"])
    assert one["session_id"] == s["session_id"]
    text = ctl.text("show", "sessions")
    assert "farm.7" in text and "bmminer/2.0" in text

    # As much of an id as is printed is enough to name it.
    short = [line.split()[0] for line in text.splitlines()[1:]]
    for cut, s in zip(short, sessions):
        assert s["session_id"].startswith(cut)
        assert ctl.json("show", "session", cut)["session_id"] == (
            s["session_id"])
    assert "begins 2 sessions" in ctl.fails(1, "show", "session", "0")
    assert "no session" in ctl.fails(1, "show", "session", "ffff")
    missing = "0190aaaa-0000-7000-8000-000000000000"
    assert ctl.fails(1, "show", "session", missing)

    first[0].close()
    first[1].close()
    hs.wait_for(lambda: len(ctl.json("show", "sessions", "live")) == 1,
                "one live session")
    ended, = ctl.json("show", "sessions", "ended")
    assert ended["workers"] == ["farm.7"] and ended["close_reason"]
    assert ended["state"] == "ended" and ended["pool_connected"] is False
    assert ended["ended_at"].endswith("Z")
    assert len(ctl.json("show", "sessions", "limit", 1)) == 1


def test_messages(live):
    b, ctl = live
    pair, other = b.pair(), b.pair()
    handshake(pair)
    exchange(pair, SUBMIT % (3, 1), YES % 3)
    exchange(pair, SUBMIT % (4, 2), NO % 4)
    exchange(pair, b'{"id":5,"method":\xff\n')
    exchange(other, SUBMIT % (1, 9))
    all_ = ctl.wait_messages(11)
    ids = [int(m["id"]) for m in all_]
    assert ids == sorted(set(ids)) and len(ids) == 11
    raw = [m["raw"] for m in all_ if m["raw_encoding"] == "utf8"]
    assert (SUBMIT % (3, 1)).decode().rstrip("\n") in raw
    newest = ctl.json("show", "messages")
    assert [m["id"] for m in newest] == [m["id"] for m in all_[::-1]]

    def ask(*words):
        return [m["id"] for m in ctl.json("show", "messages", *words)]

    def want(condition, source=newest):
        return [m["id"] for m in source if condition(m)]

    session = ctl.json("show", "sessions")[-1]["session_id"]
    cases = [
        (["session", session], lambda m: m["session_id"] == session),
        (["session", session[:-1]], lambda m: m["session_id"] == session),
        (["direction", "pool_to_miner"],
         lambda m: m["direction"] == "pool_to_miner"),
        (["dir", "m"], lambda m: m["direction"] == "miner_to_pool"),
        (["method", "mining.submit"],
         lambda m: m["method"] == "mining.submit"),
        (["errors", "parse"], lambda m: m["parse_error"] is not None),
        (["errors", "pool"], lambda m: m["is_error"]),
        (["errors"], lambda m: m["parse_error"] or m["is_error"]),
        (["text", "JOB NOT"], lambda m: "Job not" in m["raw"]),
        (["text", "farm", "direction", "miner_to_pool", "method",
          "mining.authorize"], lambda m: m["method"] == "mining.authorize" and
         m["is_request"]),
        (["since", "1h"], lambda m: True),
        (["until", "1h"], lambda m: False),
        (["since", all_[4]["ts_recv"]],
         lambda m: m["ts_recv"] >= all_[4]["ts_recv"]),
        (["before", all_[3]["id"]], lambda m: int(m["id"]) < ids[3]),
    ]
    for words, condition in cases:
        assert ask(*words) == want(condition), words
        assert want(condition) or words == ["until", "1h"], words
    assert ask("after", all_[3]["id"]) == [m["id"] for m in all_[4:]]
    assert ask("after", all_[3]["id"], "limit", 2) == [
        m["id"] for m in all_[4:6]]
    assert ask("limit", 3) == [m["id"] for m in newest[:3]]


def test_message(live):
    b, ctl = live
    pair = b.pair()
    exchange(pair, SUBMIT % (3, 1), NO % 3)
    exchange(pair, b"\x16\x03\x01\xff\x00\n")
    submit, answer, binary = ctl.wait_messages(3)
    assert submit["decoded"]["params"][0] == "w.1"
    assert submit["jsonrpc_id"] == 3 and submit["is_request"] is True
    assert submit["paired_message_id"] == answer["id"]
    assert submit["response"] == json.loads(NO % 3)
    assert submit["response_raw"] == (NO % 3).decode().rstrip("\n")
    assert submit["latency_ms"] > 0
    assert submit["size_bytes"] == len(SUBMIT % (3, 1))
    assert answer["is_response"] is True and answer["is_error"] is True
    assert answer["paired_message_id"] == submit["id"]
    assert binary["raw_encoding"] == "base64" and binary["decoded"] is None
    assert binary["raw"] == "FgMB/wA="
    one = ctl.json("show", "message", submit["id"])
    assert "unknown_job" in one["explanation"]["text"]
    assert {**one, "explanation": None} == submit
    text = ctl.text("show", "message", submit["id"])
    assert "Job not found" in text and answer["id"] in text
    assert "no" in ctl.fails(1, "show", "message", 10 ** 15)


def test_terminal_is_safe(live):
    """Nothing that a peer sends reaches a terminal as it is."""
    b, ctl = live
    pair = b.pair()
    handshake(pair, agent="\x1b[31mred", worker="\x9bw\x07")
    exchange(pair, ESCAPES)
    ctl.wait_messages(6)
    for words in (["show", "messages"], ["show", "sessions"],
                  ["show", "session", "0"], ["show", "message", "1"]):
        for json_ in ([], ["-j"]):
            out = ctl.run(*json_, *words).stdout.decode("utf-8", "strict")
            assert out and not FORBIDDEN.search(out), out
    escaped = ctl.messages()[-1]
    assert escaped["method"] == "\x1b[2J"
    assert escaped["decoded"]["params"] == ["\x9b31m\x7f"]


def test_many_pages(live):
    """More messages than one question to the store brings."""
    b, ctl = live
    pair = b.pair()
    n = 1700
    data = b"".join(SUBMIT % (i, i) for i in range(n))
    exchange(pair, data)
    all_ = ctl.wait_messages(n)
    assert [m["jsonrpc_id"] for m in all_] == list(range(n))
    newest = ctl.json("show", "messages", "limit", 1200)
    assert [m["jsonrpc_id"] for m in newest] == list(
        range(n - 1, n - 1201, -1))
    found = ctl.json("show", "messages", "text", '"id":16')
    assert len(found) == 111
    lines = ctl.text("show", "messages").splitlines()
    assert len(lines) == 101


def test_processes_and_config(live):
    b, ctl = live
    rows = {p["role"]: p for p in ctl.json("show", "processes")}
    assert {"hashscoped", "relayd", "captured", "control"} <= set(rows)
    assert rows["hashscoped"]["pid"] == b.hsd.pid
    assert rows["relayd"]["pid"] == b.relayd
    assert rows["relayd"]["state"] == "ready"
    assert rows["relayd"]["generation"] == 1
    text = ctl.text("show", "config")
    assert f"listen on 127.0.0.1 port {b.port}" in text
    assert ctl.json("show", "config")["config"] == text


def pty_run(ctl, *words, **env):
    """What it writes to a terminal."""
    parent, child = pty.openpty()
    try:
        p = subprocess.Popen([ctl.binary, *words], stdout=child,
                             stdin=subprocess.DEVNULL,
                             env={**ctl.env, **env})
        os.close(child)
        out = b""
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:
                break
            if not chunk:
                break
            out += chunk
        assert p.wait(hs.DEADLINE) == 0
    finally:
        os.close(parent)
    return out


def test_colour(live):
    b, ctl = live
    exchange(b.pair(), SUBMIT % (3, 1), NO % 3)
    ctl.wait_messages(2)
    assert b"\x1b[31m" in pty_run(ctl, "show", "messages")
    assert b"\x1b" not in pty_run(ctl, "show", "messages", NO_COLOR="1")
    assert "\x1b" not in ctl.text("show", "messages")


# --- monitor ---

def lines_of(p, n, deadline=hs.DEADLINE):
    """The first n objects of a monitor."""
    hs.wait_for(lambda: len(p.lines) >= n,
                f"{n} lines of {len(p.lines)}, {list(p.errors)[-5:]}",
                deadline)
    return [json.loads(x) for x in p.lines[:n]]


def test_monitor(live):
    b, ctl = live
    pair = b.pair()
    exchange(pair, SUBMIT % (1, 1))
    ctl.wait_messages(1)
    p = ctl.monitor()
    exchange(pair, b"", YES % 1)
    exchange(pair, SUBMIT % (2, 2), NO % 2)
    seen = lines_of(p, 3)
    assert [m["jsonrpc_id"] for m in seen] == [1, 2, 2]
    assert seen[0]["paired_message_id"] == ctl.messages()[0]["id"]
    stored = {m["id"]: m for m in ctl.wait_messages(4)}
    for m in seen:
        assert m["raw"] == stored[m["id"]]["raw"]


def test_monitor_filters(live):
    b, ctl = live
    pair, other = b.pair(), b.pair()
    handshake(pair)
    handshake(other)
    ctl.wait_messages(10)
    session = ctl.json("show", "sessions")[-1]
    assert session["peer"].endswith(":%d" % pair[0].getsockname()[1])
    sid = session["session_id"]
    p = {name: ctl.monitor(*words) for name, words in {
        "session": ["session", sid, "limit", 4],
        "errors": ["errors", "limit", 2],
        "pool": ["errors", "pool", "limit", 1],
        "direction": ["direction", "pool_to_miner", "limit", 2],
        "method": ["method", "mining.submit", "limit", 5],
        "text": ["text", "NOT FOUND", "limit", 1]}.items()}
    exchange(other, SUBMIT % (3, 1))
    exchange(pair, SUBMIT % (4, 1), YES % 4)
    exchange(pair, SUBMIT % (5, 1), NO % 5)
    exchange(other, b"broken\n", YES % 3)
    # limit ends each by itself: the count is exact.
    for one in p.values():
        assert one.wait() == 0
    got = {name: [json.loads(x) for x in one.lines]
           for name, one in p.items()}
    assert [m["jsonrpc_id"] for m in got["session"]] == [4, 4, 5, 5]
    assert [m["jsonrpc_id"] for m in got["errors"]] == [5, None]
    assert [m["jsonrpc_id"] for m in got["pool"]] == [5]
    assert [m["jsonrpc_id"] for m in got["direction"]] == [4, 5]
    assert [m["jsonrpc_id"] for m in got["method"]] == [3, 4, 4, 5, 5]
    assert [m["jsonrpc_id"] for m in got["text"]] == [5]


def test_monitor_that_stood_still(live):
    """A monitor that could not be fed gets what it missed from the store."""
    b, ctl = live
    pair = b.pair()
    n = 12000
    filler = b"x" * 700
    line = b'{"id":%d,"method":"mining.submit","params":["' + filler + b'"]}\n'
    p = ctl.monitor("limit", n + 1)
    exchange(pair, line % 0)
    lines_of(p, 1)
    with rig.stopped(p.pid):
        flood(ctl, pair, line, 1, n)
    exchange(pair, line % n)
    ids = [m["jsonrpc_id"] for m in lines_of(p, n + 1, 60)]
    assert ids == list(range(n + 1))
    assert p.wait() == 0
    assert not [x for x in p.errors if "missed" in x]


def test_monitor_survives_captured(live):
    """captured is killed: its monitor goes on, and forgets what it says."""
    b, ctl = live
    pair = b.pair()
    p = ctl.monitor()
    for i in range(5):
        old = b.hsd.child("captured")
        exchange(pair, SUBMIT % (2 * i, i))
        os.kill(old, signal.SIGKILL)
        exchange(pair, SUBMIT % (2 * i + 1, i))
        hs.wait_for(lambda: b.hsd.children().get("captured") not in (
            None, old), "another captured")
        ctl.wait_messages(2 * i + 2)
    stored = ctl.messages()
    assert [m["jsonrpc_id"] for m in stored] == list(range(10))
    # What it printed last under each position is what is stored.
    want = [(m["id"], m["jsonrpc_id"]) for m in stored]

    def told():
        kept = {m["id"]: m for m in map(json.loads, list(p.lines))}
        return [(m["id"], kept.get(m["id"], {}).get("jsonrpc_id"))
                for m in stored] == want
    exchange(pair, SUBMIT % (99, 1))
    hs.wait_for(told, "all that is stored")
    assert p.alive()


def test_monitor_before_its_first_batch(live):
    """captured dies before it told anything, and what the next one took
    before it was asked for news is told all the same."""
    b, ctl = live
    pair = b.pair()
    exchange(pair, SUBMIT % (1, 1))
    ctl.wait_messages(1)
    p = ctl.monitor()
    old = b.hsd.child("captured")

    def stored():
        with contextlib.closing(sqlite3.connect(
                f"file:{b.hsd.state_dir / 'store.db'}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM messages").fetchone()[0]

    with rig.stopped(b.hsd.child("control")):
        with rig.stopped(old):
            exchange(pair, SUBMIT % (2, 2))
            os.kill(old, signal.SIGKILL)
        hs.wait_for(lambda: stored() == 2, "a second message in the store")
    assert [m["jsonrpc_id"] for m in lines_of(p, 1)] == [2]


def test_monitor_ends_with_hashscope(live):
    b, ctl = live
    p = ctl.monitor()
    b.hsd.send_signal(signal.SIGTERM)
    assert p.wait() == 3
    p.expect_error("closed the connection|connection lost")


# --- acts ---

def test_disconnect(live):
    b, ctl = live
    pair, other = b.pair(), b.pair()
    handshake(pair)
    handshake(other)
    ctl.wait_messages(10)
    sid = ctl.json("show", "sessions")[-1]["session_id"]
    answer = ctl.json("disconnect", sid)
    assert answer["ok"] is True
    assert rig.recv_end(pair[0]) == (b"", False)
    assert rig.recv_end(pair[1]) == (b"", False)
    pair[0].close()
    pair[1].close()
    b.settled(other)
    hs.wait_for(
        lambda: ctl.json("show", "session", sid)["state"] == "ended", "an end")
    assert ctl.fails(1, "disconnect", sid)
    b.hsd.wait_log(rf"uid {os.getuid()}: disconnect")


def test_log_and_reload(live):
    b, ctl = live
    assert ctl.json("log", "verbose")["ok"] is True
    b.hsd.wait_log(r"uid \d+: log verbose")
    ctl.text("log", "brief")
    before = ctl.text("show", "config")
    b.hsd.configure(b.text + "bogus\n")
    said = ctl.fails(1, "reload")
    assert said
    assert ctl.text("show", "config") == before
    b.hsd.configure(b.text.replace("1M", "2M"))
    assert ctl.json("reload")["ok"] is True
    assert "session-buffer 2M" in ctl.text("show", "config")


def test_drain(live):
    b, ctl = live
    pair = b.pair()
    b.settled(pair)
    ctl.text("drain", 0)
    assert rig.recv_end(pair[0]) == (b"", False)
    with pytest.raises(OSError):
        late = b.miner()
        assert late.recv(1) == b""
        raise ConnectionError("closed at once")
    assert "draining" in ctl.text("show", "summary")


# --- who may, and where ---

def test_stranger(live):
    b, ctl = live
    if os.getuid() != 0:
        pytest.skip("needs root to be somebody else")
    for uid in (OTHER_UID, int(rig.proc_status(b.relayd)["Uid"].split()[0])):
        copy = b.hsd.dir / "hashscopectl"
        if not copy.exists():
            copy.write_bytes(ctl.binary.read_bytes())
            copy.chmod(0o755)
        done = subprocess.run(
            ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
             copy, "-s", b.hsd.run_dir / "control.sock", "show", "summary"],
            capture_output=True, timeout=hs.DEADLINE, text=True)
        assert done.returncode == 3, done
        assert "may not use this socket" in done.stderr
    b.hsd.wait_log(f"uid {OTHER_UID} may not use")


def test_finding_the_socket(live, tmp_path):
    b, ctl = live
    sock = b.hsd.run_dir / "control.sock"
    nowhere = {"HASHSCOPE_RUN_DIR": ""}
    assert ctl.run("-s", sock, "show", "summary",
                   env=nowhere).returncode == 0
    assert ctl.run("show", "summary", env=nowhere,
                   cwd=b.hsd.dir).returncode == (
                       0 if os.stat(sock).st_uid == os.getuid() else 3)
    assert "/run/hashscope/" in ctl.fails(3, "show", "summary", env=nowhere,
                                          cwd=tmp_path)
    # A link to a socket is not the caller's socket.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "control.sock").symlink_to(sock)
    assert "/run/hashscope/" in ctl.fails(3, "show", "summary", env=nowhere,
                                          cwd=tmp_path)


def test_a_client_that_does_not_read(live):
    """It holds others up for seconds at most, then it is gone."""
    b, ctl = live
    pair = b.pair()
    n = 4000
    line = (b'{"id":%d,"method":"m","params":["' + b"y" * 2000 + b'"]}\n')
    flood(ctl, pair, line, 0, n)
    greedy = rig.Control(b.hsd.run_dir / "control.sock")
    # kind, flags, session, dir, method … pool, by, step, verdicts, since …
    # pos, limit, rest
    greedy.send("QUERY", struct.pack(
        "<BI16sB4IBIHB5QIII", 3, 0, b"", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 100000, 0, 0))
    assert len(ctl.json("show", "messages", "limit", 3)) == 3
    b.hsd.wait_log("does not read")
    greedy.close()
