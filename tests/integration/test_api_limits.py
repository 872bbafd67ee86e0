"""What the console's port bears: each limit of the api block, made small."""
import asyncio
import json
import socket

import pytest
import requests
import websockets

import hs
import rig
from apirig import door, get, metric, upgrade

HEAD = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\n"


def ended(s):
    """What still comes until the other side ends it."""
    return hs.recv_all(s)[0]


def test_a_head_that_does_not_come(limited):
    b = limited("head 100ms")
    s = door(b)
    s.sendall(HEAD)
    assert ended(s).startswith(b"HTTP/1.1 408 ")
    assert metric(b, "hashscope_api_timeouts_total") == 1


def test_a_body_that_does_not_come(limited):
    b = limited("body 100ms")
    s = door(b)
    s.sendall(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Length: 10\r\n\r\n{")
    assert ended(s) == b""
    # And a second request whose head stops in the middle.
    s = door(b)
    s.sendall(HEAD + b"\r\n" + HEAD)
    assert ended(s).count(b"HTTP/1.1 200") == 1
    assert metric(b, "hashscope_api_timeouts_total") == 2


def test_a_connection_without_a_request(limited):
    b = limited("idle 100ms")
    s = door(b)
    s.sendall(HEAD + b"\r\n")
    assert ended(s).startswith(b"HTTP/1.1 200 ")
    assert metric(b, "hashscope_api_timeouts_total") == 0


def stored(b, count, size):
    """So many messages of so many bytes are in the store."""
    miner, pool = b.pair()
    for n in range(count):
        rig.send_and_expect(miner, pool, json.dumps({
            "id": n, "method": "mining.x", "params": ["y" * size]}
            ).encode() + b"\n")
        # One session may have a sixteenth of the ring.
        if n % 50 == 49:
            hs.wait_for(lambda: b.stats()["tap.ring_used"] < 1 << 20, "it")
    hs.wait_for(lambda: get(b, "/api/messages?limit=1").json()[0][
        "jsonrpc_id"] == count - 1, "them")
    return miner, pool


def test_an_answer_that_is_not_read(limited):
    """An export breaks off, and does not look whole; who reads has it."""
    b = limited("answer 300ms")
    stored(b, 400, 20000)
    s = door(b, rcvbuf=4096)
    s.sendall(b"GET /api/export?format=jsonl HTTP/1.1\r\n"
              b"Host: localhost\r\n\r\n")
    hs.wait_for(lambda: metric(b, "hashscope_api_timeouts_total") == 1,
                "its end")
    assert not ended(s).endswith(b"\r\n0\r\n\r\n")
    whole = get(b, "/api/export?format=jsonl").content
    assert len(whole) > 400 * 20000


def test_connections(limited):
    """The oldest that says nothing goes; who speaks is answered."""
    b = limited("connections 16", "waiting 8")
    busy = door(b)
    busy.sendall(HEAD + b"\r\n")
    busy.recv(4096)
    held = [door(b) for _ in range(40)]
    assert get(b, "/api/me").status_code == 200
    assert metric(b, "hashscope_api_connections") <= 16
    assert metric(b, "hashscope_api_connections_refused_total") >= 24
    # A request that is under way is nobody's room.
    busy.sendall(HEAD + b"\r\n")
    assert busy.recv(4096).startswith(b"HTTP/1.1 200 ")
    for s in (busy, *held):
        s.close()


def test_connections_of_one_address(limited):
    b = limited("per-address 3")
    held = [door(b) for _ in range(3)]
    for s in held:
        s.sendall(HEAD + b"\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    s = door(b)
    assert ended(s) == b""
    held.pop().close()

    def answered():
        s = door(b)
        s.sendall(HEAD + b"Connection: close\r\n\r\n")
        return ended(s).startswith(b"HTTP/1.1 200 ")

    hs.wait_for(answered, "room")
    for s in held:
        s.close()


def test_requests_of_one_address(limited):
    """Twice the rate at once, then 429 until some time has gone by."""
    b = limited("requests 20/s")
    with requests.Session() as session:
        said = [session.get(b.url + "/api/me", timeout=hs.DEADLINE)
                for _ in range(80)]
        limits = [r for r in said if r.status_code == 429]
        assert said[0].status_code in (200, 429) and limits
        assert limits[0].headers["Retry-After"] == "1"
        hs.wait_for(lambda: session.get(
            b.url + "/api/me", timeout=hs.DEADLINE).status_code == 200,
            "another second")


async def plain(b):
    return await websockets.connect(
        b.url.replace("http", "ws") + "/api/ws", max_queue=None)


def test_plain_websockets(limited):
    """Past their number one has to subscribe."""
    b = limited("plain-websockets 1")

    async def run():
        first, second = await plain(b), await plain(b)
        await second.send('{"subscribe": {"topic": "messages"}}')
        miner, _ = b.pair()
        miner.sendall(b'{"id":1,"method":"mining.x","params":[]}\n')
        assert json.loads(await first.recv())["method"] == "mining.x"
        assert json.loads(await second.recv())["type"] == "messages"
        await first.close()
        await second.close()
    asyncio.run(run())


def unread(b, ask):
    """A WebSocket that says something and reads nothing."""
    s = door(b, rcvbuf=4096)
    upgrade(s, b"/api/ws?subscribe" if ask else b"/api/ws")
    if ask:
        text = json.dumps({"subscribe": {"topic": "messages",
                                         "since": "0"}}).encode()
        s.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    return s


@pytest.mark.parametrize("ask,limits", [
    pytest.param(True, ("stuck 300ms", "queue 4K"), id="subscribed"),
    pytest.param(False, ("queue-max 128K",), id="plain"),
])
def test_a_websocket_that_is_not_read(limited, ask, limits):
    b = limited(*limits)
    s = unread(b, ask)
    pair = stored(b, 400, 20000)
    hs.wait_for(lambda: metric(b, "hashscope_ws_cut_total") == 1, "its end")
    s.shutdown(socket.SHUT_RDWR)
    s.close()
    b.settled(pair)


def test_limits_that_are_reloaded(limited):
    """They hold at once, and nobody is disturbed."""
    b = limited("websockets 1", "requests 100000/s")

    async def run():
        first = await plain(b)
        text = b.hsd.conf.read_text()
        b.hsd.configure(text.replace("websockets 1", "websockets 2"))
        b.hsd.ctl().reload()
        second = await plain(b)
        with pytest.raises(websockets.InvalidStatusCode) as e:
            await plain(b)
        assert e.value.status_code == 503
        miner, _ = b.pair()
        miner.sendall(b'{"id":1,"method":"mining.x","params":[]}\n')
        for ws in (first, second):
            assert json.loads(await ws.recv())["method"] == "mining.x"
            await ws.close()
    asyncio.run(run())
