"""Helpers of the integration tests: programs, ports, sockets, a relay.

Nothing here sleeps for a fixed time: everything waits for something, with a
deadline.
"""
import collections
import json
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HS_BUILD") or ROOT / "build")
DATA = ROOT / "tests" / "data"
TRANSCRIPT = DATA / "transcripts" / "ckpool-cpuminer.jsonl"

# Sanitizers and a busy machine make programs slower, never wrong.
DEADLINE = float(os.environ.get("HS_DEADLINE", "20"))


# Sockets that keep the ports of free_port() for this test.
kept = []


def free_port(host="127.0.0.1"):
    """A TCP port on host that nobody listens on, nor will but who is told.

    A socket that is bound and does not listen keeps it: the kernel gives it
    to nobody who wants just any port, so not to the next call either, and
    lets those have it who ask for it by number, with SO_REUSEADDR.
    """
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, 0))
    kept.append(s)
    return s.getsockname()[1]


def wait_for(condition, what="condition", deadline=DEADLINE):
    """Polls condition() every 10 ms; returns its first true value."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"no {what} within {deadline} s"
        threading.Event().wait(0.01)


def jsonl(path):
    """The objects of a file of JSON lines."""
    with open(path) as f:
        return [json.loads(line) for line in f]


# What this test started, or one before it left running: a failure shows
# what they said.
started = []


class Proc:
    """A program with pipes: wait for lines, send lines, stop it by its pid."""

    def __init__(self, *argv, env=None, cwd=None, stdin=subprocess.PIPE,
                 stderr=subprocess.PIPE):
        """Starts argv; env is added to the environment.

        stderr: what to write errors to, instead of reading them here.
        """
        self.argv = [str(a) for a in argv]
        self.lines = []  # of stdout, without LF
        self.errors = collections.deque(maxlen=1000)  # lines of stderr
        self._changed = threading.Condition()
        self._ended = 0
        self.popen = subprocess.Popen(
            self.argv, stdin=stdin, stdout=subprocess.PIPE,
            stderr=stderr, cwd=cwd, text=True, errors="replace",
            env={**os.environ, **(env or {})})
        self.pid = self.popen.pid
        self._readers = [
            threading.Thread(target=self._read, args=a, daemon=True)
            for a in ((self.popen.stdout, self.lines),
                      (self.popen.stderr, self.errors)) if a[0]]
        for t in self._readers:
            t.start()
        started.append(self)

    def _read(self, pipe, into):
        for line in pipe:
            with self._changed:
                into.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    def _describe(self):
        return (f"{' '.join(self.argv)}: exit {self.popen.poll()}, stdout "
                f"{self.lines[-5:]}, stderr {list(self.errors)[-20:]}")

    def _expect(self, lines, pattern, deadline, start):
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                for line in list(lines)[start:]:
                    m = re.search(pattern, line)
                    if m:
                        return m
                left = end - time.monotonic()
                assert left > 0 and self._ended < len(self._readers), (
                    f"no /{pattern}/ from {self._describe()}")
                self._changed.wait(left)

    def expect(self, pattern, deadline=DEADLINE, start=0):
        """Waits for a line of stdout (from number start on); the match."""
        return self._expect(self.lines, pattern, deadline, start)

    def expect_error(self, pattern, deadline=DEADLINE, start=0):
        """Waits for a line of stderr; the match."""
        return self._expect(self.errors, pattern, deadline, start)

    def send(self, line):
        """Writes a line to stdin."""
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def ask(self, line, pattern=r"^(ok|error)", deadline=DEADLINE):
        """Sends a line and waits for the line that answers it."""
        start = len(self.lines)
        self.send(line)
        return self.expect(pattern, deadline, start)

    def send_signal(self, sig):
        """Sends a signal to this process only."""
        self.popen.send_signal(sig)

    def alive(self):
        """Has it not ended yet?"""
        return self.popen.poll() is None

    def wait(self, deadline=DEADLINE):
        """Waits for its end and for its last lines; the exit status."""
        try:
            status = self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs: {self._describe()}") from None
        for t in self._readers:
            t.join(deadline)
        return status

    def stop(self, sig=signal.SIGTERM, deadline=DEADLINE):
        """Signals it and waits; the exit status."""
        if self.alive():
            self.send_signal(sig)
        return self.wait(deadline)

    def json(self):
        """The last line of stdout as JSON."""
        assert self.lines, self._describe()
        return json.loads(self.lines[-1])

    def close(self):
        """Ends it whatever it does, and closes the pipes."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for t in self._readers:
            t.join(5)
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass


class Listening(Proc):
    """A Proc that prints `listening ADDR PORT`; has .host and .port."""

    def __init__(self, *argv, **kw):
        super().__init__(*argv, **kw)
        try:
            m = self.expect(r"^listening (\S+) (\d+)$")
        except AssertionError:
            self.close()
            raise
        self.host, self.port = m[1], int(m[2])


def sim(name):
    """The path of a simulator: pool, miner or player."""
    return BUILD / "sim" / name


def verify(path, formula="bip310"):
    """What the pool's judge computes of a notify and a submit in a file."""
    out = subprocess.run(
        [sim("pool"), "--version-formula", formula, "--verify", path],
        check=True, stdout=subprocess.PIPE, timeout=DEADLINE)
    return json.loads(out.stdout)


class Relay:
    """A TCP relay in a thread, with half-closes; mangle may spoil its bytes."""

    def __init__(self, host, port, mangle=None):
        """Relays from .port on 127.0.0.1 to host and port."""
        self._to = (host, port)
        self._mangle = mangle or (lambda data, to_pool: data)
        self._sel = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._sel.register(self._listener, selectors.EVENT_READ, None)
        self._sel.register(self._wake, selectors.EVENT_READ, None)
        self._all = [self._listener, self._wake, self._waker]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _accept(self):
        miner, _ = self._listener.accept()
        self._all.append(miner)
        try:
            pool = socket.create_connection(self._to)
        except OSError:
            miner.close()
            return
        self._all.append(pool)
        for s, other in ((miner, pool), (pool, miner)):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sel.register(s, selectors.EVENT_READ, (other, s is miner))

    def _forward(self, s, other, to_pool):
        try:
            data = s.recv(65536)
            if data:
                other.sendall(self._mangle(data, to_pool))
                return
            self._sel.unregister(s)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            # Whichever of them has ended: neither is looked at again, and
            # its number may be another's from now on.
            for x in (s, other):
                if x.fileno() == -1:
                    continue
                if x in self._sel.get_map():
                    self._sel.unregister(x)
                x.close()

    def _run(self):
        while True:
            for key, _ in self._sel.select():
                if key.fileobj is self._wake:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj.fileno() != -1:
                    self._forward(key.fileobj, *key.data)

    def close(self):
        """Ends the thread and closes every socket."""
        self._waker.send(b"x")
        self._thread.join(5)
        self._sel.close()
        for s in self._all:
            s.close()


def recv_all(sock, deadline=DEADLINE):
    """What comes until FIN or RST: (bytes, True when it was an RST)."""
    sock.settimeout(deadline)
    data = b""
    while True:
        try:
            chunk = sock.recv(65536)
        except ConnectionResetError:
            return data, True
        if not chunk:
            return data, False
        data += chunk
