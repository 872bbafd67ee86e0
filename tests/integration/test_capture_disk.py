"""A disk that is full, and a store that is damaged: mining goes on, capture
stops or begins anew by itself, and says so."""
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess

import pytest

import cap
import hs
import rig

MIB = 1 << 20
LINE = b'{"id":%d,"method":"mining.ping","params":["%s"]}\n'
# What captured leaves free at least: hashscoped/confsend.c.
RESERVE = 64 * MIB
QUICK = "timers { commit 20ms restart-min 10ms restart-max 50ms }\n"


def talk(pair, n, tag):
    """n lines from the miner, which the pool gets; the bytes."""
    miner, pool = pair
    data = b"".join(LINE % (i, tag) for i in range(n))
    sender = rig.Worker(miner.sendall, data)
    rig.equal(rig.recv_exact(pool, len(data)), data)
    sender.result()
    return data


def texts(messages):
    """Their lines, oldest first."""
    return [cap.raw(m) for m in messages[::-1]]


def may_mount():
    """Can we have a mount namespace of our own?"""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"],
        stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def small(scope, tmp_path):
    """small(MiB): a Scope on a tmpfs of that size, and its directory."""
    if os.getuid() != 0 or not may_mount():
        pytest.skip("may not mount a tmpfs")

    def start(size):
        # hashscoped makes the directory, so it lies on the tmpfs.
        script = ('mount -t tmpfs -o size=%dm,mode=755 none "$0" && exec "$@"'
                  % size)
        where = tmp_path
        for p in (where, *where.parents[:2]):
            p.chmod(0o755)
        sc = scope("capture { redact no }\n" + QUICK, prefix=(
            "unshare", "-m", "--propagation", "private", "sh", "-c", script,
            str(where)), env={"HASHSCOPE_STATE_DIR": str(where / "state")})
        return sc, pathlib.Path(f"/proc/{sc.hsd.pid}/root{where}")
    return start


def free(path):
    """Bytes that are free there."""
    st = os.statvfs(path)
    return st.f_bavail * st.f_frsize


def fill(path, leave):
    """A file that leaves so many bytes free."""
    with open(path / "fill", "wb") as f:
        os.posix_fallocate(f.fileno(), 0, max(1, free(path) - leave))


def paused(sc):
    """Does captured drop what it gets?"""
    return sc.summary()["store"]["paused"]


@pytest.mark.parametrize("leave", [RESERVE // 2, 0])
def test_full_disk(small, leave):
    """Below the reserve, and full all at once, so that a commit fails."""
    sc, disk = small(RESERVE // MIB + 40)
    pair = sc.pair()
    before = talk(pair, 200, b"before")
    sc.settle()
    fill(disk, leave)
    lost = talk(pair, 200, b"lost")
    hs.wait_for(lambda: (talk(pair, 1, b"lost"), paused(sc))[1], "a pause")
    during = talk(pair, 500, b"lost")
    sc.settle()
    sc.hsd.wait_log("capture stops")
    assert len(sc.hsd.log("capture stops")) == 1
    # Said at once, though it cannot be written down.
    sc.hsd.wait_log("alert 1 began: capture_paused severity=critical")
    assert sc.stats()["tap.lost_bytes"] == 0
    (disk / "fill").unlink()
    hs.wait_for(lambda: not paused(sc), "an end of the pause")
    sc.hsd.wait_log("capture goes on")
    after = talk(pair, 200, b"after")
    sc.settle()
    messages = sc.messages()
    cap.check_order(messages)
    got = texts(messages)
    assert got[:200] == before.splitlines()
    # The first line behind the gap ends it, and is not told from its rest.
    tail = [x for x in got if b"after" in x]
    assert tail in (after.splitlines(), after.splitlines()[1:])
    assert set(got) <= set((before + lost + during + after).splitlines())
    assert sum(m["after_gap"] for m in messages) == 1
    (s,) = sc.sessions()
    count = sc.summary()["capture"]
    assert s["gaps"] == count["gaps"] >= 1
    assert s["gap_bytes"] == count["gap_bytes"] >= len(during)
    assert s["state"] == "live"
    assert len(sc.hsd.log("capture stops")) == 1
    alerts = {a["kind"]: a for a in sc.ctl("show", "alerts", "all")}
    assert not alerts["capture_paused"]["active"]
    assert alerts["capture_gap"]["active"]
    assert len(alerts) == 2
    assert len(sc.hsd.wait_log("capture_paused", 2)) == 2


def moved(sc):
    """Stores that were moved aside."""
    return sorted(p.name for p in sc.hsd.state_dir.glob("store.db.corrupt-*")
                  if re.fullmatch(r"store\.db\.corrupt-\w+(\.\d+)?", p.name))


def spoil(path, first, seed):
    """Overwrites every second page of a file from one on."""
    rng = random.Random(seed)
    with open(path, "r+b") as f:
        for page in range(first, os.stat(path).st_size // 4096, 2):
            f.seek(page * 4096)
            f.write(rng.randbytes(4096))


DAMAGE = {
    "pages": lambda p: spoil(p, 1, 1),
    "header": lambda p: p.write_bytes(b"not a database" * 1000),
    "cut": lambda p: os.truncate(p, os.stat(p).st_size // 3),
    "of somebody else": lambda p: foreign(p),
}


def foreign(path):
    """A sound database that is not ours."""
    owner = os.stat(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE t(x); INSERT INTO t VALUES(1);")
    db.close()
    os.chown(path, owner.st_uid, owner.st_gid)


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_store_at_the_start(scope, hashscoped, closing, name):
    """It is moved aside with an alert, and a new one begun."""
    sc = scope("capture { redact no }\n" + QUICK)
    pair = sc.pair()
    talk(pair, 500, b"old")
    sc.settle()
    pair[0].close()
    pair[1].close()
    assert sc.hsd.stop() == 0
    # All of it was brought into the file, which would else be healed by it.
    for end in ("-wal", "-shm"):
        pathlib.Path(f"{sc.store}{end}").unlink(missing_ok=True)
    DAMAGE[name](sc.store)
    spoilt = sc.store.read_bytes()
    closing(sc.hsd)
    sc.hsd = hashscoped(sc.text, where=sc.hsd.dir)
    sc.wait_processes()
    pair = sc.pair()
    said = talk(pair, 100, b"new")
    sc.settle()
    sc.hsd.wait_log("ALERT: the store was not sound; moved to")
    (aside,) = moved(sc)
    # But for the header, in which SQLite has noted that it looked.
    assert (sc.hsd.state_dir / aside).read_bytes()[100:] == spoilt[100:]
    assert texts(sc.messages()) == said.splitlines()
    alerts = {a["kind"]: a for a in sc.ctl("show", "alerts")}
    assert aside in alerts["store_damaged"]["text"]
    pair[0].close()
    pair[1].close()


def test_store_damaged_while_captured_runs(scope, load):
    """Seen when the pages are read again: all go into a new store."""
    made = load(sessions=8, rate=25000000, pad=15000, seed=61)
    sc = scope("capture { redact no size 100M }\n" + QUICK, pools=[made.url])
    made.begin(sc)
    # More than captured keeps in memory, and old enough to be deleted.
    hs.wait_for(lambda: sc.summary()["capture"]["store_file_bytes"] >
                90 * MIB, "a large store", 5 * hs.DEADLINE)
    last = int(sc.messages("limit", 1)[0]["id"])
    spoil(sc.store, 2, 5)
    sc.hsd.wait_log("ALERT: the store is corrupt", deadline=5 * hs.DEADLINE)
    hs.wait_for(lambda: (sc.capture_stats() or {}).get(
        "store_visible", 0) > 200, "messages in the new store")
    made.set_rate(200000)
    sc.settle(5 * hs.DEADLINE)
    done = made.end()
    sc.ended()
    assert len(moved(sc)) == 1
    assert sc.summary()["store"]["recovered"] == 1
    messages = sc.messages()
    cap.check_order(messages)
    assert int(messages[-1]["id"]) > last
    tail_is_stored(sc, done)


def tail_is_stored(sc, done):
    """What each session said last is there, in order, without a hole but for
    what relayd could not copy."""
    found, sessions = cap.by_session(sc.messages()), sc.by_port()
    for s in done["sessions"]:
        at = sessions[s["port"]]
        assert at["state"] == "ended" and at["pool_port"]
        got = [cap.raw(m) for m in found[at["session_id"]][cap.UP]]
        want = cap.traffic.up_lines(
            done["seed"], s["number"], s["lines"], done["pad"])
        assert got[-1] == want[-1]
        if sc.stats()["tap.lost_bytes"] == 0:
            assert got == want[-len(got):]
        else:
            rest = iter(want)
            assert all(any(x == y for y in rest) for x in got)


def test_damaged_store_and_captured_killed(scope, load):
    """Between two captureds: miners stay connected, relayd tells again."""
    made = load(sessions=8, rate=25000000, pad=15000, seed=62)
    sc = scope("capture { redact no }\n" + QUICK, pools=[made.url])
    made.begin(sc)
    hs.wait_for(lambda: sc.summary()["capture"]["store_file_bytes"] >
                24 * MIB, "a store of some size", 5 * hs.DEADLINE)
    made.set_rate(200000)
    before = {s["session_id"] for s in sc.sessions()}
    pid = sc.hsd.child("captured")
    os.kill(pid, signal.SIGSTOP)
    spoil(sc.store, 2, 7)
    os.kill(pid, signal.SIGKILL)
    sc.hsd.wait_log("ALERT: the store was not sound; moved to")
    hs.wait_for(lambda: sc.stats()["tap.attached"], "tap")
    sc.wait_processes()
    hs.wait_for(lambda: len(sc.messages("limit", 200)) == 200, "messages")
    sc.settle(5 * hs.DEADLINE)
    done = made.end()
    sc.ended()
    assert len(moved(sc)) == 1
    assert {s["session_id"] for s in sc.sessions()} == before
    tail_is_stored(sc, done)
