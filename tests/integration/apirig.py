"""What the tests of the API share."""
import re

import requests

import hs
import rig


def get(b, path, **kw):
    """GET from the box's console, which is at b.url."""
    return requests.get(b.url + path, timeout=hs.DEADLINE, **kw)


def door(b, rcvbuf=None):
    """A connection to the console's port."""
    return rig.connect("127.0.0.1", int(b.url.rsplit(":", 1)[1]),
                       rcvbuf=rcvbuf)


def upgrade(s, path):
    """Makes a WebSocket of it, and reads no more than the answer's head."""
    s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
              b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
              b"Sec-WebSocket-Version: 13\r\n"
              b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        byte = s.recv(1)
        assert byte, f"it has ended after {head}"
        head += byte
    assert head.startswith(b"HTTP/1.1 101"), head


def talk(s, data):
    """One answer of a connection that stays: (status, body)."""
    s.sendall(data)
    got = b""
    while b"\r\n\r\n" not in got:
        got += rig.recv_exact(s, 1)
    size = int(re.search(rb"Content-Length: (\d+)", got)[1])
    return int(got.split()[1]), rig.recv_exact(s, size)


def number(text, name):
    """One of the numbers of a text from /metrics."""
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def metric(b, name):
    """One of the numbers at /metrics.  Where heads have little time, ours
    may have been too slow: then once more."""
    text = hs.wait_for(
        lambda: (r := get(b, "/metrics")).status_code != 408 and r.text,
        "metrics")
    return number(text, name)


def fed(b):
    """Waits until captured tells apid of messages.  Who is connected before
    hears of those that come then, and not of what came meanwhile."""
    hs.wait_for(b.is_fed, "news for apid")


def opened(b):
    """The box, with .url, when its console answers and is well."""
    b.url = b.hsd.expect_error(r"the console is at (http://\S+?)/ and")[1]
    b.hsd.child("apid")
    hs.wait_for(lambda: get(b, "/health").status_code == 200, "health")
    return b
