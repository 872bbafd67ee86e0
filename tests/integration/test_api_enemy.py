"""Who means ill: half-open connections, slow writers and readers, pages of
other sites, connections that are used again; and what others notice of it."""
import collections
import contextlib
import re
import resource
import select
import shutil
import socket
import subprocess
import time

import pytest
import requests

import hs
import rig
from apirig import door, get, metric, talk

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
REFUSED = "hashscope_api_connections_refused_total"
TIMEOUTS = "hashscope_api_timeouts_total"


def many_files():
    """A thousand connections take more descriptors than there may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def took(function, *args):
    start = time.monotonic()
    function(*args)
    return time.monotonic() - start


def part(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def test_half_open_connections_push_each_other_out(api):
    """Others get their answer at once, and the relay notices nothing."""
    many_files()
    pair = api.pair()
    before = rig.proc_rss(api.hsd.child("apid"))
    slow = []
    for i in range(1000):
        s = door(api)
        s.sendall(HEAD[:20 + i % 10])
        slow.append(s)
    waited = []
    for _ in range(20):
        waited.append(took(lambda: get(api, "/api/me").raise_for_status()))
    # A head may take ten seconds.
    assert part(waited, .5) < 1, waited
    assert metric(api, REFUSED) > 500
    api.settled(pair)
    after = rig.proc_rss(api.hsd.child("apid"))
    assert rig.SANITIZED or after - before < 32 << 20
    ended = 0
    for s in slow:
        s.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            # Whether by FIN, RST or after 408.
            with contextlib.suppress(ConnectionError):
                s.recv(4096)
            ended += 1
        s.close()
    assert ended > 500
    hs.wait_for(lambda: rig.proc_fds(api.hsd.child("apid")) and len(
        rig.proc_fds(api.hsd.child("apid"))) < 100, "they are gone")


class Slowloris:
    """Connections from many addresses that each send a byte now and then,
    never finish a request, and come again when they are sent away."""

    def __init__(self, b, count):
        self.port = int(b.url.rsplit(":", 1)[1])
        self.poll = select.epoll()
        self.socks, self.order = {}, collections.deque()
        self.text = HEAD + b"X: " + b"a" * 4000
        self.came_again = 0
        many_files()
        for i in range(count):
            self.open(f"127.0.1.{1 + i % 50}")

    def open(self, address):
        s = socket.create_connection(("127.0.0.1", self.port), hs.DEADLINE,
                                     (address, 0))
        s.setblocking(False)
        self.socks[s.fileno()] = [s, address, 0]
        self.order.append(s.fileno())
        self.poll.register(s.fileno(), select.EPOLLIN)
        self.write(s.fileno())

    def write(self, fd):
        s, _, at = self.socks[fd]
        with contextlib.suppress(OSError):
            self.socks[fd][2] += s.send(self.text[at:at + 1])

    def read(self, fd):
        s, address, _ = self.socks[fd]
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if s.recv(4096):
                return
        self.socks.pop(fd)
        self.order.remove(fd)
        s.close()
        self.came_again += 1
        self.open(address)

    def step(self, count):
        """The next so many send a byte; who was sent away comes again."""
        for fd, _ in self.poll.poll(0.01):
            self.read(fd)
        self.order.rotate(-count)
        for fd in list(self.order)[:count]:
            self.write(fd)

    def close(self):
        for s, _, _ in self.socks.values():
            s.close()
        self.poll.close()


@pytest.mark.parametrize("seconds,head", [
    pytest.param(2, "500ms", id="short"),
    pytest.param(60, "10s", id="a minute", marks=pytest.mark.long),
])
def test_a_thousand_half_open(limited, closing, seconds, head):
    """With room for all of them: memory stays bounded, others are answered
    as before, the relay notices nothing."""
    b = limited("connections 2048", "waiting 1500", f"head {head}")
    pair, apid = b.pair(), b.hsd.child("apid")
    b.settled(pair)
    kept, slow_one = requests.Session(), hs.DEADLINE / 20
    said = len(b.hsd.log(r"relayd\["))
    rss = [rig.proc_rss(apid)]
    slow = closing(Slowloris(b, 1000))
    end, new, old, relay = time.monotonic() + seconds, [], [], []
    while time.monotonic() < end or slow.came_again <= 500 or len(new) < 50:
        assert time.monotonic() < end + hs.DEADLINE, slow.came_again
        slow.step(20)
        new.append(took(get, b, "/api/me"))
        old.append(took(kept.get, b.url + "/api/sessions"))
        relay.append(took(b.settled, pair))
        rss.append(rig.proc_rss(apid))
    assert len(slow.socks) == 1000
    # Time has ended each that has ended, and nobody made room for another.
    assert metric(b, REFUSED) == 0
    assert metric(b, TIMEOUTS) > 500
    assert rig.SANITIZED or max(rss) - rss[0] < 32 << 20
    # A busy machine lets one in ten wait, whoever that is.
    for values in (new, old):
        assert part(values, .5) < slow_one / 4, sorted(values)[-5:]
        assert part(values, .9) < slow_one, sorted(values)[-5:]
    assert part(relay, .5) < slow_one / 10, sorted(relay)[-5:]
    assert part(relay, .9) < slow_one / 2, sorted(relay)[-5:]
    stats = b.stats()
    assert (stats["sessions_live"], stats["sessions_total"]) == (1, 1)
    assert stats["tap.lost_bytes"] == 0
    assert len(b.hsd.log(r"relayd\[")) == said
    assert b.hsd.child("apid") == apid


def statuses(data):
    """Those of the answers in it."""
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+) [A-Z]", data)]


def test_a_request_in_pieces(api):
    s = door(api)
    for i in range(len(HEAD)):
        s.send(HEAD[i:i + 1])
    assert talk(s, b"\r\n")[0] in (200, 503)
    s.close()


@pytest.mark.parametrize("head,status", [
    (b"POST /api/replay/stop HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /api/replay/stop HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    (b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
     b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 426),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n", 400),
    (b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: 999999\r\n\r\n", 413),
    (b"POST /api/logout HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: +2\r\n\r\n{}", 400),
    (b"POST /api/logout HTTP/1.1\r\nHost: localhost\r\n"
     b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 +
     b"\r\n\r\n", 431),
    # What libmicrohttpd would put right.
    (b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nX: y\r\nHost: localhost\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\n", 400),
    (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y\r\n z\r\n\r\n",
     400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\tz\r\n"
     b"A: b\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX:\r\n \r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nX: a\0\0Y: b\r\nHost: localhost\r\n\r\n",
     400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\0\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", 400),
    (b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    (b"GET /hea\0lth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health?a=%41&b=\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health?q=%41&&b=+&= HTTP/1.1\r\nHost: localhost\r\nX:\r\n"
     b"Y: \t z \r\n\r\n", 200),
])
@pytest.mark.parametrize("together", (False, True))
def test_the_second_request_of_a_connection(api, head, status, together):
    """Each line of it is looked at as closely as those of the first."""
    s = door(api)
    if together:
        s.sendall(HEAD + b"\r\n" + head + (
            b"" if status != 200 else
            b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\n\r\n"))
        said = statuses(hs.recv_all(s)[0])
        assert said.pop(0) == 200
    else:
        assert talk(s, HEAD + b"\r\n")[0] == 200
        if status == 200:
            said = [talk(s, head)[0]]
        else:
            s.sendall(head)
            said = statuses(hs.recv_all(s)[0])
    # The head of its own errors libmicrohttpd may send twice, in as many
    # pieces as it likes, before it closes.
    assert said in ([status], [status] * 2)
    s.close()


def test_a_page_of_another_site(api):
    """Forms, and scripts that the browser marks as foreign."""
    path = api.url + "/api/replay/stop"
    for headers in ({"Origin": "http://evil.example"},
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Content-Type": "application/x-www-form-urlencoded"},
                    {"Content-Type": "text/plain"}):
        reply = requests.post(path, data=b"{}", headers=headers,
                              timeout=hs.DEADLINE)
        assert reply.status_code == 403, headers


def test_an_allowed_origin(box):
    b = box(env={"API_AUTH": "none",
                 "CORS_ORIGINS": '["http://dash.example"]'}, capture=True)
    b.url = b.hsd.expect_error(r"the console is at (http://\S+)/ and")[1]
    b.hsd.child("apid")
    hs.wait_for(lambda: get(b, "/health").status_code == 200, "health")
    mine = {"Origin": "http://dash.example"}
    reply = get(b, "/api/messages", headers=mine)
    assert reply.headers["Access-Control-Allow-Origin"] == mine["Origin"]
    assert "Link" in reply.headers["Access-Control-Expose-Headers"]
    reply = requests.options(b.url + "/api/login", headers={
        **mine, "Access-Control-Request-Method": "POST"}, timeout=hs.DEADLINE)
    assert reply.status_code == 204
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert get(b, "/health", headers={"Origin": "http://x"}
               ).status_code == 403


def test_headers_of_every_answer(api):
    for path in ("/", "/docs", "/api/sessions", "/nowhere.js"):
        reply = get(api, path)
        assert "frame-ancestors 'none'" in (
            reply.headers["Content-Security-Policy"])
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
    reply = requests.head(api.url + "/api/sessions", timeout=hs.DEADLINE)
    assert reply.status_code == 200 and not reply.content


def test_files_of_the_console(box, tmp_path):
    """ETag, gzip, paths that the console routes itself."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!DOCTYPE html><p>" + "console " * 99)
    (dist / "assets" / "a-1.js").write_text("x" * 5000)
    where = tmp_path / "build"
    for part in ("bin", "libexec"):
        shutil.copytree(hs.BUILD / part, where / part)
    (where / "share/hashscope").mkdir(parents=True)
    subprocess.run([hs.BUILD / "tools/pack",
                    where / "share/hashscope/console.pack", dist],
                   check=True, timeout=hs.DEADLINE)
    saved, hs.BUILD = hs.BUILD, where
    try:
        b = box(env={"API_AUTH": "none"}, capture=True)
    finally:
        hs.BUILD = saved
    b.url = b.hsd.expect_error(r"the console is at (http://\S+)/ and")[1]
    b.hsd.child("apid")
    page = hs.wait_for(lambda: get(b, "/messages"), "the console")
    assert page.text.startswith("<!DOCTYPE html><p>console")
    script = get(b, "/assets/a-1.js")
    assert script.headers["Content-Encoding"] == "gzip"
    assert "immutable" in script.headers["Cache-Control"]
    assert script.text == "x" * 5000
    plain = get(b, "/assets/a-1.js", headers={"Accept-Encoding": "identity"})
    assert plain.text == script.text
    assert get(b, "/assets/a-1.js", headers={
        "If-None-Match": script.headers["ETag"]}).status_code == 304
    assert get(b, "/assets/none.js").status_code == 404
    assert get(b, "/../etc/passwd").status_code in (200, 404)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_metrics_are_what_prometheus_takes(api):
    text = get(api, "/metrics").text
    assert "hashscope_sessions 0" in text
    subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                   check=True, timeout=60)


def test_beyond_loopback_only_when_told(box):
    b = box(env={"API_HOST": "0.0.0.0"}, capture=True)
    b.hsd.expect_error(r"stays on loopback.*ssh -L")
    port = int(b.hsd.expect_error(r"console is at http://127.0.0.1:(\d+)/")[1])
    with open("/proc/net/tcp", encoding="ascii") as f:
        bound = [x.split()[1] for x in f if x.split()[3] == "0A"]
    assert [x.split(":")[0] for x in bound if
            int(x.split(":")[1], 16) == port] == ["0100007F"]
