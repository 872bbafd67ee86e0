"""A real hashscoped under test, with a scripted pool and a scripted miner.

What a test writes and reads are plain sockets, so that it decides about each
byte, segment, FIN and RST itself.  Every wait has a deadline.
"""
import contextlib
import json
import ctypes
import fcntl
import os
import pathlib
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

import hs

HOST = "127.0.0.1"
CTL = hs.BUILD / "bin" / "hashscopectl"
# Memory is not what it is then, and some limits would stop the sanitizers.
SANITIZED = hs.BUILD.name.endswith("-san")
NOBODY = 65534
# Roles that have the name of their program until they have read which one
# they are.
LATE_NAMES = ("query-page", "query-search", "signer")
CLONE_NEWNET = 0x40000000
SYS_PIDFD_GETFD = 438
LINGER_RST = struct.pack("ii", 1, 0)
# Variables that would configure the program under test from outside.
FOREIGN = re.compile(r"^(AGENT_|API_|CAPTURE_|CORS_|HASHSCOPE_|LISTEN_|NOSTR_"
                     r"|POOL_|RUN_ID$|NOTIFY_SOCKET$|WATCHDOG_|JOURNAL_)")


# --- processes ---

def proc_file(pid, name):
    """A file of /proc/PID as text; "" when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def proc_status(pid):
    """/proc/PID/status as a dict of texts."""
    return dict(line.split(":\t", 1) if ":\t" in line else (line, "")
                for line in proc_file(pid, "status").splitlines())


def proc_fds(pid):
    """What the descriptors of a process are: {number: link}."""
    fds = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            fds[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return fds


def proc_rss(pid):
    """Resident bytes of a process, but for what it shares with files."""
    fields = proc_file(pid, "statm").split()
    return (int(fields[1]) - int(fields[2])) * resource.getpagesize()


def proc_cpu(pid):
    """Seconds of CPU time that a process has used, by its threads' clock."""
    run_ns = proc_file(pid, "schedstat").split()
    return int(run_ns[0]) / 1e9


def age(pid):
    """Seconds since a process was started."""
    ticks = int(proc_file(pid, "stat").rsplit(")", 1)[1].split()[19])
    return (time.clock_gettime(time.CLOCK_BOOTTIME) -
            ticks / os.sysconf("SC_CLK_TCK"))


def children_of(pid):
    """{name: pid} of a process's children, as they name themselves."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in proc_file(pid, f"task/{task}/children").split():
            name = proc_file(child, "comm").strip()
            meant = proc_file(child, "cmdline").split("\0")[0]
            if name not in ("captured", "nostrd") or meant not in LATE_NAMES:
                found[name] = int(child)
    return found


def gone(pid):
    """Has the process ended (or is it only waited for)?"""
    return proc_status(pid).get("State", "X")[0] in "XZ"


@contextlib.contextmanager
def stopped(pid):
    """The process stands still for a moment."""
    os.kill(pid, signal.SIGSTOP)
    try:
        hs.wait_for(lambda: proc_status(pid)["State"][0] == "T", "a stop")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def limit_descriptors(pid, soft):
    """Sets the soft RLIMIT_NOFILE of a running process, as its own user."""
    st = os.stat(f"/proc/{pid}/status")
    uid = int(proc_status(pid)["Uid"].split()[0])
    gid = int(proc_status(pid)["Gid"].split()[0])
    become = [] if uid == os.getuid() else [
        "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    assert st
    subprocess.run([*become, "prlimit", f"--pid={pid}", f"--nofile={soft}:"],
                   check=True, timeout=hs.DEADLINE)


class Hashscoped(hs.Proc):
    """hashscoped -d in a directory of its own, by a configuration text."""

    def __init__(self, text, *args, env=None, user=None, prefix=(),
                 where=None, ready=True, stderr=None):
        """Starts it and waits until it relays.

        user: a numeric uid to run as.  prefix: words before the command.
        where: the directory of another instance, to share it.  ready: False
        to not wait.  stderr: instead of the pipe that is read.
        """
        self.dir = pathlib.Path(where or tempfile.mkdtemp(prefix="hs-"))
        self._own_dir = where is None
        self.run_dir = self.dir / "run"
        self.state_dir = self.dir / "state"
        self.conf = self.dir / "hashscope.conf"
        self._ctl = None
        self.dir.chmod(0o755)
        if text is not None:
            self.configure(text)
        become = []
        if user is not None and user != os.getuid():
            os.chown(self.dir, user, user)
            become = ["setpriv", f"--reuid={user}", f"--regid={user}",
                      "--clear-groups"]
        clean = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
        with _environment(clean):
            super().__init__(
                *become, *prefix, self.binary(user is not None), "-d", *args,
                *([] if text is None else ["-f", self.conf]), env={
                    "HASHSCOPE_RUN_DIR": str(self.run_dir),
                    "HASHSCOPE_STATE_DIR": str(self.state_dir),
                    "API_PORT": str(hs.free_port(HOST)),
                    **(env or {})}, stderr=stderr or subprocess.PIPE)
        if ready:
            try:
                self.expect_error("point miners to")
            except AssertionError:
                self.close()
                raise

    def binary(self, copied):
        """The program; a copy where another user can reach it."""
        if not copied:
            return hs.BUILD / "bin" / "hashscoped"
        for part in ("bin", "libexec"):
            if not (self.dir / part).exists():
                shutil.copytree(hs.BUILD / part, self.dir / part)
        return self.dir / "bin" / "hashscoped"

    def configure(self, text):
        """Writes the configuration file, whole or not at all."""
        tmp = self.conf.with_suffix(".new")
        tmp.write_text(text)
        tmp.chmod(0o644)
        tmp.rename(self.conf)

    def child(self, name):
        """The pid of a child that is there, or comes."""
        return hs.wait_for(lambda: self.children().get(name), name)

    def children(self):
        """{name: pid} of those that have said who they are."""
        main = children_of(self.pid)
        main.pop("hashscoped", None)
        return main

    def log(self, pattern=""):
        """The lines of the log that match."""
        return [x for x in list(self.errors) if re.search(pattern, x)]

    def wait_log(self, pattern, count=1, deadline=hs.DEADLINE):
        """Waits until count lines of the log match; all of them."""
        return hs.wait_for(
            lambda: len(self.log(pattern)) >= count and self.log(pattern),
            f"{count} lines /{pattern}/ in {list(self.errors)[-20:]}",
            deadline)

    def ctl(self):
        """A client of the control socket."""
        if self._ctl is None:
            self._ctl = Control(self.run_dir / "control.sock")
        return self._ctl

    def stats(self):
        """relayd's counters."""
        return self.ctl().stats()

    def close(self):
        """Ends it and removes its directory."""
        if self._ctl is not None:
            self._ctl.close()
        if self.alive():
            self.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(0.5)
        # A second one does not wait for sessions that do not end.
        super().close()
        if self._own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        # A child that a sanitizer ended was only started again.
        bad = self.log(r"Sanitizer|runtime error:")
        assert not bad, list(self.errors)[-60:]


@contextlib.contextmanager
def _environment(env):
    """The environment for a moment."""
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


# --- the control socket ---

def _messages():
    """Names and numbers of the messages, from the one list of them."""
    text = (hs.ROOT / "common" / "msg.h").read_text()
    names = re.findall(r"^\tX\((\w+),", text, re.M)
    return {name: i + 1 for i, name in enumerate(names)}


def _acts():
    """Names and numbers of the acts, from the one list of them."""
    text = (hs.ROOT / "common" / "act.h").read_text()
    names = re.findall(r"^\tX\((\w+),", text, re.M)
    return {name: i + 1 for i, name in enumerate(names)}


ACTS = _acts()
ROLES = ["", "viewer", "operator", "admin"]
CREDENTIALS = ["nobody", "open", "cookie", "bearer", "uid"]


def pack_str(text):
    """A string in a message."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<I", len(data)) + data


def who_body(credential="nobody", secret="", peer="127.0.0.1:1", uid=0,
             may_act=False):
    """struct act_who."""
    return (struct.pack("<BIB", CREDENTIALS.index(credential), uid, may_act)
            + pack_str(secret) + pack_str(peer) + pack_str(""))


def act_body(kind, session=None, worker="", pos=0, n=0, on=False, role="",
             name="", text="", **who):
    """struct act."""
    sid = bytes.fromhex(session.replace("-", "")) if session else bytes(16)
    return (who_body(**who) + struct.pack("<BB", ACTS[kind], bool(session))
            + sid + pack_str(worker) + struct.pack(
                "<QQBB", pos, n, on, ROLES.index(role))
            + pack_str(name) + pack_str(text))


def acted(body):
    """struct act_done: status, text, what the JSON says."""
    status, n = struct.unpack_from("<HI", body)
    text = body[6:6 + n].decode()
    result = body[6 + n + 4:]
    return status, text, json.loads(result) if result else None


class Control:
    """Speaks to the control role as hashscopectl does."""

    NUMBERS = _messages()
    NAMES = {v: k for k, v in NUMBERS.items()}
    MORE = 1

    def __init__(self, path):
        """Connects, once there is somebody to connect to, and says hello."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(hs.DEADLINE)
        hs.wait_for(lambda: self.sock.connect_ex(str(path)) == 0, str(path))
        self._id = 0
        self.send("CTL_HELLO", struct.pack("<I", 1))
        assert self.receive()[0] == "CTL_WELCOME"

    def send(self, name, body=b""):
        """Sends one message under a new id."""
        self._id += 1
        self.sock.send(
            struct.pack("<HHI", self.NUMBERS[name], 0, self._id) + body)

    def receive(self):
        """The next message: its name and its body."""
        body = b""
        while True:
            packet = self.sock.recv(65536)
            assert packet, "control has closed"
            kind, flags, _ = struct.unpack_from("<HHI", packet)
            body += packet[8:]
            if not flags & self.MORE:
                return self.NAMES[kind], body

    @staticmethod
    def _text(body, at):
        n, = struct.unpack_from("<I", body, at)
        return body[at + 4:at + 4 + n].decode(), at + 4 + n

    def ask(self, name, body=b""):
        """Asks and waits for the REPLY: (was it done, text)."""
        self.send(name, body)
        while True:
            got, answer = self.receive()
            if got == "REPLY":
                return bool(answer[0]), self._text(answer, 1)[0]

    def stats(self):
        """relayd's counters by their names."""
        self.send("REQ_RELAY_STATS")
        got, body = self.receive()
        assert got == "RELAY_STATS", (got, body)
        stats, at = {}, 4
        for _ in range(struct.unpack_from("<I", body)[0]):
            name, at = self._text(body, at)
            stats[name], = struct.unpack_from("<Q", body, at)
            at += 8
        return stats

    def act(self, kind, session=None, n=0, **fields):
        """Has something done: (status, text, result)."""
        self.send("ACT", act_body(kind, session=session, n=n, **fields))
        while True:
            got, answer = self.receive()
            if got == "ACTED":
                return acted(answer)

    def _done(self, *args, **kw):
        status, text, _ = self.act(*args, **kw)
        return status == 200, text

    def reload(self):
        """Reads the configuration again: (was it done, text)."""
        return self._done("RELOAD")

    def drain(self, ms):
        """Takes no newcomers; the others have so long."""
        return self._done("DRAIN", n=ms)

    def disconnect(self, uuid):
        """Ends a session."""
        return self._done("DISCONNECT", session=uuid)

    def close(self):
        """Closes the connection."""
        self.sock.close()


# --- sockets ---

def rst(sock):
    """Ends a connection by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RST)
    sock.close()


def arrived(sock):
    """Waits until the other end's kernel has all that was sent: what is
    still in the sender's queue an RST would take with it."""
    def unacked():
        left = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(left, "little")
    hs.wait_for(lambda: unacked() == 0, "an empty queue")


def recv_exact(sock, n, deadline=hs.DEADLINE):
    """Exactly n bytes."""
    sock.settimeout(deadline)
    data = bytearray()
    while len(data) < n:
        chunk = sock.recv(min(n - len(data), 1 << 20))
        assert chunk, f"ended after {len(data)} of {n} bytes"
        data += chunk
    return bytes(data)


def recv_end(sock, deadline=hs.DEADLINE):
    """Until FIN or RST: (bytes, True when it was an RST)."""
    sock.settimeout(deadline)
    data = bytearray()
    while True:
        try:
            chunk = sock.recv(1 << 20)
        except ConnectionResetError:
            return bytes(data), True
        if not chunk:
            return bytes(data), False
        data += chunk


def send_and_expect(source, sink, data):
    """Sends it at one end, and it is what arrives at the other."""
    source.sendall(data)
    got = recv_exact(sink, len(data))
    assert got == data, (got, data)


def silent(sock, seconds):
    """Is there neither a byte nor an end for so long?"""
    return not select.select([sock], [], [], seconds)[0]


def equal(got, want):
    """The same bytes; a short message when not."""
    if got != want:
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b),
                  min(len(got), len(want)))
        raise AssertionError(
            f"{len(got)} bytes, {len(want)} expected, differ at {at}: "
            f"{got[at:at + 20]!r}, {want[at:at + 20]!r}")


class Worker(threading.Thread):
    """A function in a thread; .result() raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self._call = (function, args)
        self._value = self._error = None
        self.start()

    def run(self):
        function, args = self._call
        try:
            self._value = function(*args)
        except BaseException as e:
            self._error = e

    def result(self, deadline=hs.DEADLINE):
        """What the function returned."""
        self.join(deadline)
        assert not self.is_alive(), f"{self._call[0]} still runs"
        if self._error is not None:
            raise self._error
        return self._value


def send_chunks(sock, data, seed, fin=True, largest=65536):
    """Sends data in chunks of random sizes, then FIN."""
    rng, at = random.Random(seed), 0
    view = memoryview(data)
    sock.settimeout(hs.DEADLINE)
    while at < len(data):
        n = min(rng.randint(1, largest), int(rng.paretovariate(0.3)))
        sock.sendall(view[at:at + n])
        at += n
    if fin:
        sock.shutdown(socket.SHUT_WR)


def bytes_of(n, seed):
    """n bytes by chance, every value of a byte among them."""
    return random.Random(seed).randbytes(n)


def fill(sock):
    """Sends until nothing is taken any more; what was taken."""
    sock.setblocking(False)
    block, sent = bytes_of(1 << 16, 1), bytearray()
    quiet = 0
    while quiet < 20:
        if not select.select([], [sock], [], 0.02)[1]:
            quiet += 1
            continue
        with contextlib.suppress(BlockingIOError):
            sent += block[:sock.send(block)]
            quiet = 0
    sock.setblocking(True)
    return bytes(sent)


class Pool:
    """A listening socket; the test accepts, reads and writes itself."""

    def __init__(self, host=HOST, port=0, backlog=512, rcvbuf=None):
        """Listens; rcvbuf bounds what an accepted socket takes unread."""
        self.host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.bind((host, port))
        self.sock.listen(backlog)
        self.port = self.sock.getsockname()[1]
        self.taken = []

    @property
    def url(self):
        """As in a pool statement."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"stratum+tcp://{host}:{self.port}"

    def accept(self, deadline=hs.DEADLINE):
        """The next connection."""
        self.sock.settimeout(deadline)
        conn, _ = self.sock.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.settimeout(hs.DEADLINE)
        self.taken.append(conn)
        return conn

    def waiting(self):
        """Has somebody connected who was not accepted?"""
        return not silent(self.sock, 0)

    def close(self):
        """Closes everything."""
        for s in [self.sock, *self.taken]:
            s.close()


class BlackHole:
    """An address at which SYNs are dropped: a backlog that is full."""

    def __init__(self):
        """Fills it."""
        self._pool = Pool(backlog=0)
        self.url, self.port = self._pool.url, self._pool.port
        self._filler = []
        # One fits; what comes after it stays in SYN_SENT.
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((HOST, self.port))
            self._filler.append(s)
            hs.wait_for(self._pool.waiting, "a full backlog")

    def open(self):
        """From now on it answers: the pool, whose fillers are gone."""
        ours = {s.getsockname()[1] for s in self._filler[:1]}
        for s in self._filler[1:]:
            s.close()
        first, peer = self._pool.sock.accept()
        assert peer[1] in ours
        first.close()
        self._filler[0].close()
        self._pool.sock.listen(512)
        return self._pool

    def close(self):
        """Closes everything."""
        for s in self._filler:
            s.close()
        self._pool.close()


def connect(host, port, sndbuf=None, rcvbuf=None, deadline=hs.DEADLINE):
    """A miner's connection."""
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if sndbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(deadline)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.connect((host, port))
    return s


def tcp_row(local, remote):
    """A connection's line in /proc/net/tcp, by its ports; None."""
    for name in ("tcp", "tcp6"):
        for line in proc_file("self", f"net/{name}").splitlines()[1:]:
            f = line.split()
            if (int(f[1].split(":")[1], 16), int(f[2].split(":")[1], 16)) == (
                    local, remote):
                return f
    return None


def unread(local, remote):
    """Bytes that a connection has received and its owner has not read."""
    row = tcp_row(local, remote)
    return 0 if row is None else int(row[4].split(":")[1], 16)


def foreign_socket(pid, fd):
    """A duplicate of another process's socket (needs its permission)."""
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        got = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
        if got == -1:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return socket.socket(fileno=got)
    finally:
        os.close(pidfd)


def in_netns(pid, function, *args):
    """Runs a function in the network namespace of a process."""
    def run():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{pid}/ns/net", "rb") as f:
            if libc.setns(f.fileno(), CLONE_NEWNET) == -1:
                raise OSError(ctypes.get_errno(), "setns")
        return function(*args)
    return Worker(run).result()


# --- a relay with its pools ---

def settings(listeners, body="", capture=False):
    """A configuration text; listeners: [(host, port, [pool urls], inner)]."""
    text = "" if capture else "capture { enabled no }\n"
    text += body + "\n"
    for host, port, pools, *inner in listeners:
        text += f"listen on {host} port {port} {{\n"
        text += "".join(f'\tpool "{url}"\n' for url in pools)
        text += "".join(f"\t{x}\n" for x in inner) + "}\n"
    return text


class Box:
    """A running HashScope with one listener, and the pools behind it."""

    def __init__(self, pools, body="", inner="", host=HOST, capture=False,
                 args=(), **kw):
        """pools: Pool objects or urls."""
        self.pools = pools
        self.host, self.port = host, hs.free_port(host)
        self.opened = []
        urls = [p if isinstance(p, str) else p.url for p in pools]
        self.text = settings([(host, self.port, urls, inner)], body, capture)
        self.hsd = Hashscoped(self.text, *args, **kw)

    @property
    def pool(self):
        """The first pool."""
        return self.pools[0]

    @property
    def relayd(self):
        """relayd's pid."""
        return self.hsd.child("relayd")

    def miner(self, **kw):
        """Connects a miner."""
        s = connect(self.host, self.port, **kw)
        self.opened.append(s)
        return s

    def pair(self, **kw):
        """A miner and the pool's end of its session."""
        miner = self.miner(**kw)
        return miner, self.pool.accept()

    def turned_away(self, early=b""):
        """A miner gets an RST, be it ever so early, and not a byte."""
        try:
            miner = self.miner()
            miner.sendall(early)
            got = recv_end(miner)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert got == (b"", True)

    def settled(self, pair):
        """A round trip through a session: relayd has seen what was before."""
        miner, pool = pair
        for _ in range(2):
            miner.sendall(b"?")
            assert recv_exact(pool, 1) == b"?"
            pool.sendall(b"!")
            assert recv_exact(miner, 1) == b"!"

    def run_ctl(self, *words, json_out=True, run_dir=None):
        """hashscopectl with these words: a CompletedProcess."""
        argv = [CTL, *(["-j"] if json_out else []), *map(str, words)]
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=5 * hs.DEADLINE,
            env={**os.environ,
                 "HASHSCOPE_RUN_DIR": str(run_dir or self.hsd.run_dir)})

    def is_fed(self):
        """Does captured tell somebody of what comes?  Who was just killed
        says nothing."""
        done = self.run_ctl("show", "summary")
        return done.returncode == 0 and json.loads(
            done.stdout)["feed"]["subscribed"]

    def stats(self):
        """relayd's counters."""
        return self.hsd.stats()

    def idle(self):
        """Waits until relayd has no session."""
        hs.wait_for(lambda: self.stats()["sessions_live"] == 0, "no sessions")

    def sockets(self):
        """How many TCP sockets relayd holds.  Those of its channels are
        others: a peer may be introduced at any time."""
        tcp = set()
        for name in ("tcp", "tcp6"):
            with open(f"/proc/{self.relayd}/net/{name}") as f:
                tcp |= {f"socket:[{line.split()[9]}]" for line in f}
        return len([x for x in proc_fds(self.relayd).values() if x in tcp])

    def close(self):
        """Ends it all, the connections first: relayd waits for them."""
        for x in [*self.opened, *self.pools]:
            if not isinstance(x, str):
                x.close()
        self.hsd.close()
