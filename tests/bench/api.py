#!/usr/bin/python3
"""The API under load, each figure beside its goal: small requests, pages of a
store with a million messages while 20,000 a second arrive, how long after the
pool's byte 50 WebSockets have an event, and what a thousand wrong passwords
cost those who are logged in.  Printed; nothing here fails because something
was slow.  Clients, traffic and HashScope share the machine.

    api.py [--messages N] [--seconds S] [--tiny]"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HS_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/integration"))

import hs  # noqa: E402
import rig  # noqa: E402

LIMIT_S = 900  # then it gives up
SESSIONS = 16
ROUND = 500    # lines of one session at a time, while the store is filled
LINE = (b'{"id":%d,"method":"mining.submit","params":["farm.worker","6b01",'
        b'"0a00000000000000","6b01cc91","2fc793ec","13424000"],"t":%d}\n')
EVENT = (b'{"id":null,"method":"mining.set_difficulty","params":[%d],'
         b'"t":%d}\n')
SEEN = re.compile(rb'"t\\":(\d{10,})\}')
UPGRADE = (b"GET /api/ws?subscribe HTTP/1.1\r\nHost: localhost\r\n"
           b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
PAGE = b"GET /api/messages?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
PASSWORD = "correct horse"


# --- what is printed ---

def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def show(name, figure, goal, good):
    print(f"  {name:48} {figure:>32}   {goal:>12}  {'' if good else 'missed'}",
          flush=True)


def show_times(name, took, goal_ms):
    """Milliseconds, by their 99th percentile."""
    if not took:
        show(name, "nothing came", f"< {goal_ms} ms", False)
        return
    p50, p99 = percentile(took, .5), percentile(took, .99)
    show(name, f"p50 {p50:.2f}  p99 {p99:.2f} ms", f"< {goal_ms} ms",
         p99 < goal_ms)


# --- another process ---

class Other:
    """A function in a process of its own, so that it takes nothing from the
    one that measures.  What it returns is read from a pipe as JSON."""

    def __init__(self, function, *args):
        self.pipe, out = os.pipe()
        self.pid = os.fork()
        if self.pid != 0:
            os.close(out)
            return
        try:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            os.close(self.pipe)
            with os.fdopen(out, "w", encoding="ascii") as f:
                json.dump(function(*args), f)
        finally:
            os._exit(0)

    def result(self):
        """Waits for it."""
        with os.fdopen(self.pipe, encoding="ascii") as f:
            got = f.read()
        os.waitpid(self.pid, 0)
        return json.loads(got) if got else None

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


def drain(socks):
    """Reads what comes, until it is stopped."""
    poll = select.epoll()
    by_fd = {s.fileno(): s for s in socks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    while by_fd:
        for fd, _ in poll.poll():
            if not by_fd[fd].recv(1 << 18):
                poll.unregister(fd)
                del by_fd[fd]


def send(socks, line, rate):
    """So many lines a second, evenly over these, until it is stopped."""
    start, said, tick = time.monotonic(), 0, 0.002
    while True:
        select.select([], [], [], tick)
        due = int((time.monotonic() - start) * rate)
        for s in socks:
            n = (due - said + len(socks) - 1) // len(socks)
            n = min(n, due - said)
            s.sendall(b"".join(line % (said + i, time.monotonic_ns())
                               for i in range(n)))
            said += n


# --- HTTP ---

class Api:
    """One connection that stays."""

    def __init__(self, port, cookie=""):
        self.sock = rig.connect("127.0.0.1", port, deadline=60)
        self.more = f"Cookie: {cookie}\r\n" if cookie else ""
        self.rest = b""

    def answers(self, request, count):
        """Sends so many at once and reads all answers."""
        self.sock.sendall(request * count)
        for _ in range(count):
            while b"\r\n\r\n" not in self.rest:
                self.rest += self.sock.recv(1 << 18)
            head, _, rest = self.rest.partition(b"\r\n\r\n")
            size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            while len(rest) < size:
                rest += self.sock.recv(1 << 18)
            assert head.startswith(b"HTTP/1.1 200"), head
            self.rest = rest[size:]
        return rest[:size]

    def timed(self, path, until, method="GET"):
        """Milliseconds of each answer, one after the other."""
        request = (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                   f"{self.more}\r\n").encode()
        took = []
        while not until():
            start = time.monotonic()
            self.answers(request, 1)
            took.append((time.monotonic() - start) * 1000)
        return took


def after(seconds):
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def small(port, seconds):
    """Requests a second, 32 at once on each of 4 connections."""
    request = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
    apis, n = [Api(port) for _ in range(4)], 0
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        for a in apis:
            a.answers(request, 32)
            n += 32
    return n / (time.monotonic() - start)


def started(**kw):
    """A box, its console's port, when apid is there."""
    box = rig.Box([rig.Pool()], "api { requests 1000000/s }", capture=True,
                  **kw)
    port = int(box.hsd.expect_error(
        r"console is at http://127.0.0.1:(\d+)/")[1])
    hs.wait_for(lambda: rig.proc_status(box.hsd.child("apid")).get(
        "Seccomp", "").strip() == "2", "apid")
    return box, port


# --- a store that is full, and more comes ---

def fill(box, port, miners, count):
    """So many messages are in the store; paced, so that none is lost."""
    per = count // len(miners)
    for at in range(0, per, ROUND):
        n = min(ROUND, per - at)
        for k, m in enumerate(miners):
            m.sendall(b"".join(LINE % (k * per + at + i, 0)
                               for i in range(n)))
        hs.wait_for(lambda: box.stats()["tap.ring_used"] < 2 << 20, "the tap",
                    60)
    last, api = b'\\"id\\":%d,' % (len(miners) * per - 1), Api(port)
    hs.wait_for(lambda: last in api.answers(PAGE, 1), "the store", 600)
    lost = box.stats()["tap.lost_bytes"]
    if lost:
        print(f"  ({lost} bytes were not captured meanwhile)")


def pages(box, port, miners, o):
    api = Api(port)
    rate = 100 if o.tiny else 20000
    traffic = Other(send, miners, LINE, rate)
    start = time.monotonic()
    before = box.stats()["bytes_from_miners"]
    try:
        show_times(f"newest page of 100, {rate:,}/s arrive",
                   api.timed("/api/messages", after(o.seconds)), 5)
        session = json.loads(api.answers(PAGE, 1))[0]["session_id"]
        show_times("filter by method", api.timed(
            "/api/messages?method=mining.submit", after(o.seconds)), 50)
        show_times("filter by session", api.timed(
            f"/api/messages?session_id={session}", after(o.seconds)), 50)
        show_times("filter by session and method", api.timed(
            f"/api/messages?session_id={session}&method=mining.submit",
            after(o.seconds)), 50)
        show_times("filter by errors (there are none)", api.timed(
            "/api/messages?errors=pool", after(o.seconds)), 50)
    finally:
        traffic.stop()
    came = box.stats()["bytes_from_miners"] - before
    print(f"  ({came / (time.monotonic() - start) / len(LINE % (10**6, 10**15)):,.0f}"
          f" messages a second arrived, {box.stats()['tap.lost_chunks']}"
          " chunks were not captured)")


# --- events ---

def watch(socks, seconds):
    """Milliseconds from the byte to each of these sockets."""
    poll, took = select.epoll(), []
    by_fd = {s.fileno(): s for s in socks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.1):
            data = by_fd[fd].recv(1 << 18)
            now = time.monotonic_ns()
            took += [(now - int(t)) / 1e6 for t in SEEN.findall(data)]
    # Sorted and thinned: a pipe is enough for it.
    took.sort()
    return took[::max(1, len(took) // 20000)], len(took)


def subscribed(port):
    """A WebSocket that gets all messages."""
    s = rig.connect("127.0.0.1", port, deadline=60)
    s.sendall(UPGRADE)
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    text = json.dumps({"subscribe": {"topic": "messages"}}).encode()
    s.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    return s


def events(box, port, pools, o):
    clients, rate = (4 if o.tiny else 50), 2000
    socks = [subscribed(port) for _ in range(clients)]
    apid = box.hsd.child("apid")
    watcher = Other(watch, socks, o.seconds)
    before = rig.proc_cpu(apid)
    traffic = Other(send, pools, EVENT, rate)
    try:
        took, n = watcher.result()
        spent = rig.proc_cpu(apid)
    finally:
        traffic.stop()
        for s in socks:
            s.close()
    show_times(f"pool's byte to {clients} WebSockets, {rate:,}/s", took, 10)
    print(f"  ({n / o.seconds / clients:,.0f} events a second reached each; "
          f"apid used {(spent - before) / o.seconds:.0%} of a processor)")


# --- guessing ---

def guess(port, count, seconds):
    """So many wrong passwords, evenly over this time; how often each status
    was the answer.  Light, since it shares the machine."""
    sock, said = rig.connect("127.0.0.1", port, deadline=60), {}
    start = time.monotonic()
    for i in range(count):
        wait = start + i * seconds / count - time.monotonic()
        select.select([], [], [], max(wait, 0))
        body = b'{"user":"user%d","password":"guess %d"}' % (i % 9, i)
        sock.sendall(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        answer = sock.recv(1 << 16)
        said[answer[9:12].decode()] = said.get(answer[9:12].decode(), 0) + 1
    return said


def passwords(o):
    box, port = started()
    try:
        subprocess.run([hs.BUILD / "bin/hashscopectl", "user", "add", "ann",
                        "role", "admin"], input=PASSWORD + "\n", text=True,
                       check=True, stdout=subprocess.DEVNULL, env={
                           **os.environ,
                           "HASHSCOPE_RUN_DIR": str(box.hsd.run_dir)})
        r = requests.post(f"http://127.0.0.1:{port}/api/login", timeout=60,
                          json={"user": "ann", "password": PASSWORD})
        cookie = "; ".join(f"{k}={v}" for k, v in r.cookies.items())
        ann = Api(port, cookie)
        count = 40 if o.tiny else 1000
        for name, path, method in (
                ("a page", "/api/sessions", "GET"),
                ("an act", "/api/replay/stop", "POST")):
            quiet = ann.timed(path, after(o.seconds), method)
            others = [Other(guess, port, count // 4, o.seconds) for _ in range(4)]
            left = [x.pipe for x in others]
            during = ann.timed(path, lambda: len(select.select(
                left, [], [], 0)[0]) == len(left), method)
            said = [x.result() for x in others]
            cost = percentile(during, .99) - percentile(quiet, .99)
            show(f"{name} while {count:,} passwords are guessed",
                 f"p99 {percentile(quiet, .99):.2f} -> "
                 f"{percentile(during, .99):.2f} ms", "< 5 ms more", cost < 5)
            tried = sum(x.get("401", 0) for x in said)
            print(f"  ({tried} of them were looked at, the others turned away "
                  f"at once; {len(during)} answers meanwhile)")
    finally:
        box.close()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--messages", type=int, default=1000000)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--tiny", action="store_true")
    o = p.parse_args()
    if o.tiny:
        o.messages, o.seconds = 4000, 0.3
    signal.alarm(LIMIT_S)
    print(f"API: {o.messages:,} messages in the store"
          f" {'':27}{'measured':>32}   {'goal':>12}")
    box, port = started(env={"API_AUTH": "none"})
    pairs = [box.pair() for _ in range(SESSIONS)]
    miners, pools = zip(*pairs)
    sinks = [Other(drain, pools), Other(drain, miners)]
    try:
        rate = small(port, o.seconds)
        show("small requests a second, connections kept", f"{rate:,.0f}",
             ">= 20,000", rate >= 20000)
        events(box, port, pools, o)
        fill(box, port, miners, o.messages)
        pages(box, port, miners, o)
    finally:
        for s in sinks:
            s.stop()
        box.close()
    passwords(o)


if __name__ == "__main__":
    main()
