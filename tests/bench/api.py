#!/usr/bin/python3
"""The API under load: small requests, pages of a full store while more comes,
and how long an event takes to 50 WebSockets.  Printed; nothing here fails
because something was slow.

    api.py [--messages N] [--seconds S] [--tiny]"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import struct
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HS_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/integration"))

import hs  # noqa: E402
import rig  # noqa: E402

LINE = (b'{"id":%d,"method":"mining.submit","params":["farm.worker","6b01",'
        b'"0a00000000000000","6b01cc91","2fc793ec","13424000"],"t":%d}\n')
UPGRADE = (b"GET /api/ws?subscribe HTTP/1.1\r\nHost: localhost\r\n"
           b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")


PAGE = (b"GET /api/messages?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


class Api:
    """One connection that stays."""

    def __init__(self, port):
        self.sock = rig.connect("127.0.0.1", port)
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

    def timed(self, path, seconds):
        """Milliseconds of each answer, one after the other."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        took, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.monotonic()
            self.answers(request, 1)
            took.append((time.monotonic() - start) * 1000)
        return took


class Traffic(threading.Thread):
    """A miner that says so many lines a second; the pool reads them."""

    def __init__(self, box, rate):
        super().__init__(daemon=True)
        self.miner, self.pool = box.pair()
        self.rate, self.said, self.over = rate, 0, threading.Event()
        threading.Thread(target=drain, args=(self.pool,), daemon=True).start()

    def run(self):
        start, tick = time.monotonic(), 0.002
        while not self.over.wait(tick):
            due = int((time.monotonic() - start) * self.rate) - self.said
            lines = [LINE % (self.said + i, time.monotonic_ns())
                     for i in range(due)]
            self.miner.sendall(b"".join(lines))
            self.said += due

    def stop(self):
        self.over.set()
        self.join()


def drain(sock):
    with contextlib.suppress(OSError):
        while sock.recv(1 << 18):
            pass


def fill(box, port, count):
    miner, pool = box.pair()
    threading.Thread(target=drain, args=(pool,), daemon=True).start()
    for i in range(0, count, 2000):
        miner.sendall(b"".join(LINE % (n, 0) for n in range(i, i + 2000)))
        hs.wait_for(lambda: box.stats()["tap.unsent"] < 16 << 20, "the tap")
    last, api = b'\\"id\\":%d,' % (count - 1), Api(port)
    hs.wait_for(lambda: last in api.answers(PAGE, 1), "the store", 600)


def frames(sock, rest=b""):
    """The texts of a server's frames."""
    while True:
        while len(rest) >= 2:
            size, at = rest[1] & 127, 2
            if size == 126 and len(rest) >= 4:
                size, at = struct.unpack(">H", rest[2:4])[0], 4
            elif size == 127 and len(rest) >= 10:
                size, at = struct.unpack(">Q", rest[2:10])[0], 10
            if len(rest) < at + size:
                break
            yield rest[0] & 15, rest[at:at + size]
            rest = rest[at + size:]
        chunk = sock.recv(1 << 18)
        if not chunk:
            return
        rest += chunk


def events(box, port, clients, rate, seconds):
    """Milliseconds from the miner's write to each of some clients."""
    took, socks = [], []
    text = json.dumps({"subscribe": {"topic": "messages"}}).encode()
    ask = bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
    for _ in range(clients):
        s = rig.connect("127.0.0.1", port, deadline=60)
        s.sendall(UPGRADE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(1)
        s.sendall(ask)
        socks.append(s)

    def listen(s, first):
        with contextlib.suppress(OSError, ValueError):
            for _, frame in frames(s):
                now = time.monotonic_ns()
                if not first:
                    continue
                for part in frame.split(b'"t\\":')[1:]:
                    took.append((now - int(part.split(b"}")[0])) / 1e6)

    threads = [threading.Thread(target=listen, args=(s, i == 0), daemon=True)
               for i, s in enumerate(socks)]
    for t in threads:
        t.start()
    traffic = Traffic(box, rate)
    traffic.start()
    threading.Event().wait(seconds)
    traffic.stop()
    for s in socks:
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)
    return took


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


def show(name, took):
    if took:
        print(f"  {name:44} p50 {percentile(took, .5):8.2f} ms  "
              f"p99 {percentile(took, .99):8.2f} ms  n {len(took)}",
              flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--messages", type=int, default=200000)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--tiny", action="store_true")
    o = p.parse_args()
    if o.tiny:
        o.messages, o.seconds = 4000, 1
    box = rig.Box([rig.Pool()], capture=True, env={"API_AUTH": "none"})
    try:
        m = box.hsd.expect_error(r"console is at http://127.0.0.1:(\d+)/")
        port = int(m[1])
        hs.wait_for(lambda: rig.proc_status(box.hsd.child("apid")).get(
            "Seccomp", "").strip() == "2", "apid")
        print(f"API, {o.messages} messages in the store")
        print(f"  small requests, keep-alive, one processor's worth of client: "
              f"{small(port, o.seconds):,.0f}/s")
        fill(box, port, o.messages)
        traffic = Traffic(box, 100 if o.tiny else 20000)
        traffic.start()
        api = Api(port)
        show("newest page of 100, while 20,000/s arrive",
             api.timed("/api/messages", o.seconds))
        show("method filter", api.timed(
            "/api/messages?method=mining.submit&limit=100", o.seconds))
        traffic.stop()
        show("event to 50 WebSockets at 2,000/s",
             events(box, port, 4 if o.tiny else 50, 2000, o.seconds))
    finally:
        box.close()


if __name__ == "__main__":
    main()
