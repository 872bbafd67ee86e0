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
        head += s.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head


def metric(b, name):
    """One of the numbers at /metrics."""
    return int(re.search(rf"^{name} (\d+)$", get(b, "/metrics").text,
                         re.M)[1])


def opened(b):
    """The box, with .url, when its console answers and is well."""
    b.url = b.hsd.expect_error(r"the console is at (http://\S+?)/ and")[1]
    b.hsd.child("apid")
    hs.wait_for(lambda: get(b, "/health").status_code == 200, "health")
    return b
