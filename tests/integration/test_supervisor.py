"""The processes: what they hold, their deaths, their end, systemd."""
import datetime
import fcntl
import json
import os
import pwd
import re
import select
import signal
import socket
import stat
import time

import pytest

import hs
import rig

ROOT = os.getuid() == 0
UID_BASE = 59800
CAP_SYS_RESOURCE = 24
SCHED = {"captured", "query page", "query search", "password"}
# Name, account, and the number that serves where that is missing.
CHILDREN = {
    "relayd": ("hashscope-relay", 3), "resolver": ("hashscope-resolve", 2),
    "captured": ("hashscope-capture", 4), "control": ("hashscope", 1),
    "query page": ("hashscope-query", 5),
    "query search": ("hashscope-query", 5),
    "auth": ("hashscope-auth", 7), "password": ("hashscope-password", 12),
    "apid": ("hashscope-api", 8), "replay": ("hashscope-replay", 9),
}
CHROOTED = {"relayd", "control", "auth", "password", "apid", "replay"}
USERS = [pytest.param(None, id="as we are"),
         pytest.param(rig.NOBODY, id="as a user", marks=pytest.mark.skipif(
             not ROOT, reason="we are one"))]


def whole(box, body="", **kw):
    """A box with every child there and introduced."""
    b = box(body, args=["-v"], capture=True, **kw)
    for name in ("relayd", "resolver", "captured", "control", "query-page",
                 "query-search", "auth", "password", "apid", "replay"):
        b.hsd.wait_log(f"{name} is ready")
    b.stats()
    assert set(b.hsd.children()) == set(CHILDREN)
    return b


def ids_of(name):
    """uid and gid that a child has under root."""
    account, number = CHILDREN[name]
    try:
        entry = pwd.getpwnam(account)
        return entry.pw_uid, entry.pw_gid
    except KeyError:
        return UID_BASE + number, UID_BASE + number


def has_capability(bit):
    """Do we have it?"""
    return int(rig.proc_status("self")["CapEff"], 16) >> bit & 1


# --- what each holds ---

def check_status(name, pid, root, uid, gid):
    """/proc/PID/status is what design says."""
    st = rig.proc_status(pid)
    assert st["Uid"].split() == [str(uid)] * 4, name
    assert st["Gid"].split() == [str(gid)] * 4, name
    assert st["Groups"].split() == [], name
    sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"]
    for key in sets + (["CapBnd"] if root else []):
        assert int(st[key], 16) == 0, (name, key)
    assert st["NoNewPrivs"] == "1", name
    assert st["Seccomp"] == "2", name


def check_rest(b, name, pid, root):
    """Root directory, limits, memory killer, scheduler."""
    adj = int(rig.proc_file(pid, "oom_score_adj"))
    if name != "relayd":
        assert adj == 300
    elif root and has_capability(CAP_SYS_RESOURCE):
        assert adj == -500
    assert os.sched_getscheduler(pid) == (
        os.SCHED_BATCH if name in SCHED else os.SCHED_OTHER)
    limits = rig.proc_file(pid, "limits")
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert rig.SANITIZED or re.search(r"Max processes +0 +0 ", limits)
    if not ROOT:
        return
    place = os.readlink(f"/proc/{pid}/root")
    if root and name in CHROOTED:
        assert place == str(b.hsd.run_dir / "empty")
        assert os.listdir(f"/proc/{pid}/root") == []
    else:
        assert place == "/"
    # Not to be dumped or traced: its /proc entry is root's.
    assert rig.SANITIZED or os.stat(f"/proc/{pid}/environ").st_uid == 0
    env = rig.proc_file(pid, "environ").split("\0")
    assert all(x.startswith(("ASAN_", "UBSAN_")) for x in env if x), name


def check_descriptors(b, name, pid):
    """Nothing was inherited, and nothing opened beyond the job."""
    mine = [str(b.hsd.state_dir / x) for x in ("auth", "audit/audit.jsonl")]
    files = re.compile(re.escape(str(b.hsd.state_dir)) + r"/store\.db")
    for fd, link in rig.proc_fds(pid).items():
        if fd <= 2:
            assert link == "/dev/null" or (rig.SANITIZED and fd == 2)
        elif name in SCHED and files.match(link):
            info = rig.proc_file(pid, f"fdinfo/{fd}")
            flags = int(re.search(r"flags:\s*(\d+)", info)[1], 8)
            if name != "captured" and not link.endswith("-shm"):
                assert flags & os.O_ACCMODE == os.O_RDONLY, (name, link)
        elif name == "auth" and link in mine:
            info = rig.proc_file(pid, f"fdinfo/{fd}")
            flags = int(re.search(r"flags:\s*(\d+)", info)[1], 8)
            assert flags & os.O_APPEND or link != mine[1]
        elif name == "apid" and link == "/dev/urandom":
            pass  # libwebsockets opens it before anything is dropped
        elif name == "captured" and link == "anon_inode:[timerfd]":
            pass  # libevent's, for timers of 2 ms that end after 2 ms
        else:
            assert link.startswith(("socket:", "pipe:", "anon_inode:[event")), (
                name, fd, link)


@pytest.mark.parametrize("user", USERS)
def test_each_process_holds_what_it_needs(box, user):
    b = whole(box, user=user)
    pair = b.pair()
    b.settled(pair)
    root = ROOT and user is None
    for name, pid in b.hsd.children().items():
        uid, gid = ids_of(name) if root else (
            (os.getuid(), os.getgid()) if user is None else (user, user))
        check_status(name, pid, root, uid, gid)
        check_rest(b, name, pid, root)
        if ROOT:
            check_descriptors(b, name, pid)
    b.settled(pair)


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_each_account_is_its_own(box):
    """No two processes share one but the two lanes of the query role."""
    b = whole(box)
    uids = [rig.proc_status(pid)["Uid"].split()[0]
            for pid in b.hsd.children().values()]
    assert len(set(uids)) == len(CHILDREN) - 1
    assert "0" not in uids


@pytest.mark.parametrize("user", USERS)
def test_directories(box, user):
    """The store is read by its group, and by nobody else."""
    b = whole(box, user=user)
    root = ROOT and user is None
    st = b.hsd.state_dir.stat()
    assert stat.S_IMODE(st.st_mode) == (0o2750 if root else 0o750)
    if root:
        assert (st.st_uid, st.st_gid) == (
            ids_of("captured")[0], ids_of("query page")[1])
        store = b.hsd.state_dir / "store.db"
        assert stat.S_IMODE(store.stat().st_mode) & 0o007 == 0
        empty = (b.hsd.run_dir / "empty").stat()
        assert (empty.st_uid, stat.S_IMODE(empty.st_mode)) == (0, 0o555)
    pid = (b.hsd.run_dir / "hashscoped.pid").read_text()
    assert int(pid) == b.hsd.pid


# --- deaths ---

@pytest.mark.parametrize("name", sorted(CHILDREN.keys() - {"relayd"}))
def test_a_child_is_killed(box, name):
    """It is there again; the others and the session never notice."""
    b = whole(box)
    before = b.hsd.children()
    pair = b.pair()
    b.settled(pair)
    said = name.replace(" ", "-")
    for i in (1, 2):
        os.kill(b.hsd.children()[name], signal.SIGKILL)
        b.settled(pair)
        b.hsd.wait_log(f"{said} .*has ended: signal 9", i)
        b.hsd.wait_log(f"{said} is ready", i + 1)
        b.settled(pair)
    after = b.hsd.children()
    assert {k: v for k, v in after.items() if k != name} == {
        k: v for k, v in before.items() if k != name}
    b.settled(b.pair())
    assert rig.proc_status(after[name])["Seccomp"] == "2"


def test_relayd_is_killed(box):
    """Its sessions end, its port answers again at once: who dies soon after
    it was started would wait for an hour here."""
    b = whole(box, body="timers { restart-min 1h  restart-max 1h  "
              "restart-reset 1ms }")
    pairs = [b.pair() for _ in range(20)]
    for pair in pairs:
        b.settled(pair)
    for _ in range(3):
        relayd = b.relayd
        os.kill(relayd, signal.SIGKILL)
        # The port is never closed: who comes now waits.
        miner = b.miner()
        miner.sendall(b"early")
        pool = b.pool.accept()
        assert rig.recv_exact(pool, 5) == b"early"
        b.settled((miner, pool))
        hs.wait_for(lambda: rig.gone(relayd), "its end")
        pairs.append((miner, pool))
        for pair in pairs[:-1]:
            for s in pair:
                # A FIN or an RST, as there is something unread or not.
                assert rig.recv_end(s)[0] == b""
                s.close()
        pairs = pairs[-1:]


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_a_channel_that_ends_while_another_is_introduced(box):
    """The supervisor learns of both in one pass; SIGCHLD comes later."""
    b = whole(box, body="tap { ring 256M }")
    for _ in range(3):
        children = b.hsd.children()
        relayd, resolver = children["relayd"], children["resolver"]
        os.kill(relayd, signal.SIGKILL)
        hs.wait_for(lambda: b.relayd != relayd, "another relayd")
        relayd = b.relayd
        # It has been told to start, and makes its ring.
        hs.wait_for(lambda: int(rig.proc_status(relayd).get(
            "VmRSS", "0 kB").split()[0]) > 30000, "a part of the ring")
        with rig.stopped(b.hsd.pid):
            early = rig.proc_status(relayd)["Seccomp"] == "0"
            with rig.foreign_socket(resolver, 3) as channel:
                channel.shutdown(socket.SHUT_RDWR)
            hs.wait_for(lambda: (rig.proc_status(relayd)["Seccomp"],
                                 rig.proc_status(relayd)["State"][0]) ==
                        ("2", "S"), "its READY")
        hs.wait_for(lambda: rig.gone(resolver), "the end of the resolver")
        hs.wait_for(lambda: b.hsd.children().get("resolver", resolver)
                    != resolver or not b.hsd.alive(), "another resolver")
        assert b.hsd.alive(), b.hsd.log()[-5:]
        b.settled(b.pair())
        if early:
            return
    pytest.skip("relayd was too fast")


def test_all_die_at_once(box):
    """While the supervisor does not look."""
    b = whole(box, body="timers { restart-min 1ms  restart-max 1ms }")
    for i in range(3):
        before = b.hsd.children()
        with rig.stopped(b.hsd.pid):
            for pid in before.values():
                os.kill(pid, signal.SIGKILL)
        for name in CHILDREN:
            b.hsd.wait_log(f"{name.replace(' ', '-')} is ready", i + 2)
        b.settled(b.pair())


def logged_at(line):
    """When a line of the log was written."""
    return datetime.datetime.fromisoformat(line.split()[0].rstrip("Z"))


def test_a_crash_loop_backs_off(box):
    """At once, then after a time that doubles to its maximum."""
    slow = "timers { restart-min 300ms  restart-max 1s  restart-reset 1h }"
    b = box(slow, args=["-v"])
    pair = b.pair()
    b.settled(pair)
    for i in range(5):
        b.hsd.wait_log("resolver is ready", i + 1)
        os.kill(b.hsd.child("resolver"), signal.SIGKILL)
        b.hsd.wait_log("resolver .*has ended", i + 1)
        b.hsd.wait_log("resolver is ready", i + 2)
        b.settled(pair)
    # As the supervisor's own lines tell it: the rest is the new one's start,
    # which takes what it takes; without a maximum the last were 2.4 s.
    ended = [logged_at(x) for x in b.hsd.log("resolver .*has ended")]
    ready = [logged_at(x) for x in b.hsd.log("resolver is ready")][1:]
    waits = [(after - before).total_seconds()
             for before, after in zip(ended, ready)]
    for wait, least in zip(waits, (0, 0.3, 0.6, 1, 1)):
        assert wait > least - 0.005, waits
    assert waits[4] < 2.4, waits
    # One that has lived for long enough begins anew, and not in an hour.
    b.hsd.configure(b.text.replace(slow, "timers { restart-min 1h  "
                                   "restart-max 1h  restart-reset 1ms }"))
    assert b.hsd.ctl().reload() == (True, "reloaded")
    os.kill(b.hsd.child("resolver"), signal.SIGKILL)
    b.hsd.wait_log("resolver .*has ended", 6)
    b.hsd.wait_log("resolver is ready", 7)


# --- the end ---

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_the_end(box, sig):
    """In order, with 0, and nothing is left running."""
    b = whole(box)
    miner, pool = b.pair()
    b.settled((miner, pool))
    children = b.hsd.children()
    b.hsd.send_signal(sig)
    for s in (miner, pool):
        assert rig.recv_end(s) == (b"", False)
        s.close()
    assert b.hsd.wait() == 0
    assert all(rig.gone(pid) for pid in children.values())
    assert not (b.hsd.run_dir / "control.sock").exists()
    ends = [re.search(r": (\S+) has ended: (.*)", x).groups()
            for x in b.hsd.log(" has ended: ")]
    assert ends == [(name, "exit 0") for name in (
        "replay", "relayd", "captured", "resolver", "apid", "query-page",
        "query-search", "control", "auth", "password")]
    assert b.hsd.log()[-1].endswith(": ended")
    with pytest.raises(ConnectionRefusedError):
        b.miner()


def test_the_end_of_a_child_that_hangs(box):
    """A second signal does not wait for it."""
    b = whole(box)
    children = b.hsd.children()
    with rig.stopped(children["captured"]):
        b.hsd.send_signal(signal.SIGTERM)
        hs.wait_for(lambda: rig.gone(children["relayd"]), "the end of relayd")
        assert b.hsd.alive()
        b.hsd.send_signal(signal.SIGTERM)
        assert b.hsd.wait() == 0
    assert all(rig.gone(pid) for pid in children.values())


def test_nobody_outlives_the_supervisor(box, hashscoped):
    """kill -9; and the next one starts in the same place."""
    b = whole(box)
    children = b.hsd.children()
    os.kill(b.hsd.pid, signal.SIGKILL)
    b.hsd.wait()
    hs.wait_for(lambda: all(rig.gone(p) for p in children.values()),
                "the end of all")
    assert (b.hsd.run_dir / "control.sock").exists()
    h = hashscoped(b.text, "-v", where=b.hsd.dir)
    h.wait_log("captured is ready")
    assert h.stats()["sessions_live"] == 0
    b.settled(b.pair())


@pytest.mark.parametrize("shared", ["run", "state"])
def test_a_second_instance_is_refused(box, hashscoped, shared):
    """With a clear message, and the first one does not notice."""
    b = whole(box)
    pair = b.pair()
    other = rig.settings([(rig.HOST, hs.free_port(), [])])
    h = hashscoped(other, ready=False, env={
        f"HASHSCOPE_{shared.upper()}_DIR": str(b.hsd.dir / shared)})
    assert h.wait() == 1
    what = f"another hashscoped uses this {shared} directory: "
    assert h.log()[-1].endswith(what + str(b.hsd.dir / shared))
    b.settled(pair)
    b.settled(b.pair())
    assert b.stats()["sessions_live"] == 2


# --- the log ---

def test_a_log_that_nobody_reads(closing):
    """The relay goes on, children are restarted, lines wait in order."""
    pool = closing(rig.Pool())
    port = hs.free_port()
    end, stderr = os.pipe()
    fcntl.fcntl(stderr, fcntl.F_SETPIPE_SZ, 4096)
    h = closing(rig.Hashscoped(
        rig.settings([(rig.HOST, port, [pool.url])]), "-v", ready=False,
        stderr=stderr))
    os.close(stderr)

    def visit():
        with rig.connect(rig.HOST, port) as miner, pool.accept() as conn:
            miner.sendall(b"x")
            assert rig.recv_exact(conn, 1) == b"x"
    hs.wait_for(lambda: "relayd" in h.children() and socket.socket()
                .connect_ex((rig.HOST, port)) == 0, "the port")
    pool.accept().close()
    for _ in range(100):
        visit()
    resolver = h.child("resolver")
    for _ in range(3):
        os.kill(resolver, signal.SIGKILL)
        resolver = hs.wait_for(
            lambda: h.children().get("resolver", resolver) != resolver
            and h.children().get("resolver"), "another resolver")
        visit()
    with open(end, "rb") as f:
        h.send_signal(signal.SIGTERM)
        lines = f.read().decode().splitlines()
    assert h.wait() == 0
    assert len([x for x in lines if "session ended" in x]) >= 100
    assert len([x for x in lines if "resolver (pid" in x]) == 3
    times = [x.split()[0] for x in lines]
    assert times == sorted(times)


def test_log_lines_that_were_dropped_are_counted(closing):
    port = hs.free_port()
    end, stderr = os.pipe()
    fcntl.fcntl(stderr, fcntl.F_SETPIPE_SZ, 4096)
    h = closing(rig.Hashscoped(
        rig.settings([(rig.HOST, port, [])]), "-v", ready=False,
        stderr=stderr))
    os.close(stderr)
    hs.wait_for(lambda: socket.socket().connect_ex((rig.HOST, port)) == 0,
                "the port")
    # 256 KiB wait, of lines of a hundred bytes.
    for _ in range(4000):
        with socket.socket() as s:
            s.settimeout(hs.DEADLINE)
            try:
                s.connect((rig.HOST, port))
                s.recv(1)
            except ConnectionResetError:
                pass
    hs.wait_for(lambda: h.stats()["no_pool"] >= 4000, "all turned away")
    with open(end, "rb", buffering=0) as f:
        got = b""
        while not re.search(rb"\d+ log lines were dropped\n", got):
            assert select.select([f], [], [], hs.DEADLINE)[0]
            got += f.read(1 << 16)
    # All are accounted for, and nothing new had to be logged for it.
    dropped = re.findall(rb"(\d+) log lines were dropped", got)
    assert int(dropped[0]) + got.count(b"session ended") >= 4000
    assert h.stop() == 0


def test_a_log_whose_reader_has_gone(closing):
    """Nobody spins over it, and the relay goes on."""
    pool, port = closing(rig.Pool()), hs.free_port()
    end, stderr = os.pipe()
    h = closing(rig.Hashscoped(
        rig.settings([(rig.HOST, port, [pool.url])]), "-v", ready=False,
        stderr=stderr))
    os.close(stderr)
    os.close(end)
    hs.wait_for(lambda: socket.socket().connect_ex((rig.HOST, port)) == 0,
                "the port")
    pool.accept().close()
    resolver = h.child("resolver")
    os.kill(resolver, signal.SIGKILL)
    hs.wait_for(lambda: h.children().get("resolver", resolver) != resolver,
                "another resolver")
    with rig.connect(rig.HOST, port) as miner, pool.accept() as conn:
        used = rig.proc_cpu(h.pid)
        assert rig.silent(miner, 0.4)
        assert rig.proc_cpu(h.pid) - used < 0.05
        rig.send_and_expect(miner, conn, b"x")


def test_log_as_json(hashscoped):
    port = hs.free_port()
    h = hashscoped(rig.settings([(rig.HOST, port, [])], "log json"), "-v")
    with pytest.raises(ConnectionResetError):
        with rig.connect(rig.HOST, port) as s:
            s.recv(1)
    h.wait_log("session ended")
    assert h.stop() == 0
    lines = [json.loads(x) for x in h.log()]
    assert {x["process"] for x in lines} >= {"hashscoped", "relayd"}
    for x in lines:
        assert {"ts", "level", "process", "pid", "message"} <= set(x)
    ended = [x for x in lines if x["message"].startswith("session ended")]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", x["session"]) for x in ended)


# --- systemd ---

class Notify:
    """What systemd would hear."""

    def __init__(self, path, abstract=False):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(("\0" if abstract else "") + str(path))
        self.sock.settimeout(hs.DEADLINE)
        if not abstract:
            os.chmod(path, 0o777)
        self.name = ("@" if abstract else "") + str(path)

    def next(self, skip="WATCHDOG=1"):
        """The next datagram as a dict of its lines, but for the watchdog."""
        while True:
            text = self.sock.recv(4096).decode()
            if text != skip:
                return dict(x.split("=", 1) for x in text.splitlines())

    def close(self):
        self.sock.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_notify(box, closing, tmp_path, abstract):
    n = closing(Notify(f"hs-test-{os.getpid()}" if abstract
                       else tmp_path / "n", abstract))
    b = box(env={"NOTIFY_SOCKET": n.name})
    assert n.next()["READY"] == "1"
    before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    os.kill(b.hsd.pid, signal.SIGHUP)
    reloading = n.next()
    assert reloading["RELOADING"] == "1"
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    assert before - 1 <= int(reloading["MONOTONIC_USEC"]) <= now
    assert n.next() == {"READY": "1", "STATUS": "reloaded"}
    b.hsd.configure("nonsense\n")
    os.kill(b.hsd.pid, signal.SIGHUP)
    assert n.next()["RELOADING"] == "1"
    assert n.next() == {"READY": "1", "STATUS": "reload refused"}
    b.hsd.send_signal(signal.SIGTERM)
    assert n.next()["STOPPING"] == "1"
    assert b.hsd.wait() == 0


def test_systemd_waits_for_relayd_only(box, closing, tmp_path):
    """And relayd has to be there: READY means that miners are served."""
    n = closing(Notify(tmp_path / "n"))
    b = box(env={"NOTIFY_SOCKET": n.name}, capture=True)
    assert n.next()["READY"] == "1"
    b.settled(b.pair())


@pytest.mark.parametrize("pid,pings", [(None, True), ("1", False)])
def test_systemd_watchdog(box, closing, tmp_path, pid, pings):
    """Twice as often as it is asked for, and only who is asked."""
    n = closing(Notify(tmp_path / "n"))
    env = {"NOTIFY_SOCKET": n.name, "WATCHDOG_USEC": "1000000"}
    if pid:
        env["WATCHDOG_PID"] = pid
    b = box(env=env)
    assert n.next()["READY"] == "1"
    if not pings:
        assert rig.silent(n.sock, 1.2)
        return
    times = []
    while len(times) < 6:
        assert n.sock.recv(4096) == b"WATCHDOG=1"
        times.append(time.monotonic())
    # Five pauses: half of what was asked for each, not the whole.
    assert 1.5 < times[-1] - times[0] < 4.5
    # A supervisor that stands still is not heard, and is killed by systemd.
    with rig.stopped(b.hsd.pid):
        while not rig.silent(n.sock, 1.2):
            n.sock.recv(4096)


# --- reload ---

class Busy:
    """Sessions that speak all the time; each answer is checked."""

    def __init__(self, pairs):
        self.pairs, self.rounds, self.stop = pairs, 0, False
        self.job = rig.Worker(self.run)

    def run(self):
        while not self.stop:
            for i, (miner, pool) in enumerate(self.pairs):
                rig.send_and_expect(miner, pool, b"%d:%d\n" % (i, self.rounds))
                rig.send_and_expect(pool, miner, b"%d" % self.rounds)
            self.rounds += 1

    def more(self, rounds=2):
        """Waits for so many rounds of all of them."""
        want = self.rounds + rounds
        hs.wait_for(lambda: self.rounds >= want or not self.job.is_alive(),
                    "rounds")
        if not self.job.is_alive():
            self.job.result()

    def close(self):
        self.stop = True
        self.job.result()


def test_reload_under_busy_sessions(box, closing):
    """A listener and a pool more, another gone; no session is touched."""
    b = box()
    busy = closing(Busy([b.pair() for _ in range(100)]))
    busy.more()
    # Miners are served before all the others are there.
    for name in ("apid", "auth", "control", "password", "resolver"):
        b.hsd.child(name)
    pids = b.hsd.children()
    second, port = closing(rig.Pool()), hs.free_port()
    text = rig.settings([(rig.HOST, b.port, [second.url, b.pool.url]),
                         (rig.HOST, port, [b.pool.url])])
    b.hsd.configure(text)
    b.hsd.send_signal(signal.SIGHUP)
    b.hsd.wait_log("reloaded")
    busy.more()
    # The old port has the new pool, the new one the old.
    b.settled((b.miner(), second.accept()))
    old, b.port = b.port, port
    newcomer = b.pair()
    b.settled(newcomer)
    b.hsd.configure(rig.settings([(rig.HOST, port, [second.url])]))
    assert b.hsd.ctl().reload() == (True, "reloaded")
    with pytest.raises(ConnectionRefusedError):
        rig.connect(rig.HOST, old)
    busy.more()
    b.settled(newcomer)
    assert b.stats()["sessions_live"] == 102
    assert b.hsd.children() == pids


def test_reload_that_is_refused_whole(box, closing):
    """Errors in the file, or a port that is taken: all stays as it was."""
    b = box()
    busy = closing(Busy([b.pair() for _ in range(20)]))
    good, port = hs.free_port(), hs.free_port()
    taken = closing(rig.Pool(port=port))
    for text, wrong in (
            ("site x\nnonsense\n" + b.text + "listen on\n",
             [f"{b.hsd.conf}:2: unknown statement", f"{b.hsd.conf}:"]),
            (rig.settings([(rig.HOST, good, []), (rig.HOST, port, [])]),
             [f"127.0.0.1:{port}: Address already in use"]),
            ('include "/nonexistent"\n', [f"{b.hsd.conf}:1: "])):
        b.hsd.configure(text)
        done, why = b.hsd.ctl().reload()
        assert not done
        for part in wrong:
            assert part in why
        assert "canonical" not in why
        busy.more()
        b.settled(b.pair())
        with pytest.raises(ConnectionRefusedError):
            rig.connect(rig.HOST, good)
    b.hsd.wait_log("reload refused, all stays as it was: ", 3)
    taken.close()
    b.hsd.configure(rig.settings([(rig.HOST, port, [b.pool.url])]))
    assert b.hsd.ctl().reload() == (True, "reloaded")


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_reload_does_not_trust_what_others_may_write(box):
    b = box()
    b.hsd.conf.chmod(0o666)
    done, why = b.hsd.ctl().reload()
    assert not done and "writable by" in why
    b.hsd.conf.chmod(0o644)
    assert b.hsd.ctl().reload()[0]


def test_reload_many_times(box, closing):
    """Nothing is leaked, and newcomers are served all the while."""
    b = box()
    busy = closing(Busy([b.pair() for _ in range(5)]))
    assert b.hsd.ctl().reload()[0]
    before = (len(rig.proc_fds(b.hsd.pid)), b.sockets())
    for i in range(30):
        assert b.hsd.ctl().reload() == (True, "reloaded")
        with b.miner() as miner, b.pool.accept() as pool:
            b.settled((miner, pool))
    hs.wait_for(lambda: b.stats()["sessions_live"] == 5, "five sessions")
    hs.wait_for(lambda: before == (
        len(rig.proc_fds(b.hsd.pid)), b.sockets()), "as many descriptors")
    busy.more()


def test_reload_of_limits_and_timers(box):
    """They hold for newcomers; who was busy is not taken for idle."""
    b = box()
    pair = b.pair()
    started = time.monotonic()
    while time.monotonic() - started < 2.2:
        b.settled(pair)
    b.hsd.configure("timers { idle 2s }\nlimits { sessions 1 }\n" + b.text)
    assert b.hsd.ctl().reload() == (True, "reloaded")
    assert rig.silent(pair[0], 0.3)
    b.settled(pair)
    b.turned_away()
    assert rig.recv_end(pair[0]) == (b"", False)


def test_reload_of_the_log_level(box):
    b = box()
    b.hsd.configure("log verbose\n" + b.text)
    assert b.hsd.ctl().reload()[0]
    with b.miner(), b.pool.accept():
        pass
    b.hsd.wait_log("relayd.*session ended")
    b.hsd.configure("log brief\n" + b.text)
    assert b.hsd.ctl().reload()[0]
    n = len(b.hsd.log("session ended"))
    with b.miner(), b.pool.accept():
        pass
    b.idle()
    assert len(b.hsd.log("session ended")) == n
