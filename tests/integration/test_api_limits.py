"""What the console's port bears: each limit of the api block, made small."""
import asyncio
import json

import pytest
import requests
import websockets

import hs
import rig
from apirig import door, fed, get, metric, number, talk, upgrade

HEAD = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\n"


def ended(s):
    """What still comes until the other side ends it."""
    return hs.recv_all(s)[0]


def test_a_head_that_does_not_come(limited):
    b = limited("head 100ms")
    before = metric(b, "hashscope_api_timeouts_total")
    s = door(b)
    s.sendall(HEAD)
    assert ended(s).startswith(b"HTTP/1.1 408 ")
    # Who asks may be too slow itself, and be counted as well.
    assert metric(b, "hashscope_api_timeouts_total") > before


def test_a_body_that_does_not_come(limited):
    b = limited("body 1s")
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
    b = limited("idle 500ms")
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
    b = limited("answer 2s")
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
    assert talk(busy, HEAD + b"\r\n")[0] == 200
    held = [door(b) for _ in range(40)]
    assert get(b, "/api/me").status_code == 200
    assert metric(b, "hashscope_api_connections") <= 16
    assert metric(b, "hashscope_api_connections_refused_total") >= 24
    # A request that is under way is nobody's room.
    assert talk(busy, HEAD + b"\r\n")[0] == 200
    for s in (busy, *held):
        s.close()


def test_connections_of_one_address(limited):
    b = limited("per-address 3")
    first = door(b)
    # Those that have asked for its health are gone by now, or soon.
    hs.wait_for(lambda: number(talk(
        first, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")[1]
        .decode(), "hashscope_api_connections") == 1, "an empty house")
    held = [first, door(b), door(b)]
    for s in held:
        assert talk(s, HEAD + b"\r\n")[0] == 200
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
    b = limited("requests 2/s")
    with requests.Session() as session:
        def ask():
            return session.get(b.url + "/api/me", timeout=hs.DEADLINE)

        hs.wait_for(lambda: ask().status_code == 200, "a first answer")
        [limit] = hs.wait_for(lambda: (r := ask()).status_code != 200 and [r],
                              "a limit")
        assert limit.status_code == 429
        assert limit.headers["Retry-After"] == "1"
        hs.wait_for(lambda: ask().status_code == 200, "another second")


async def plain(b):
    return await websockets.connect(
        b.url.replace("http", "ws") + "/api/ws", max_queue=None)


async def receive(ws):
    return json.loads(await asyncio.wait_for(ws.recv(), hs.DEADLINE))


def test_plain_websockets(limited):
    """Past their number one has to subscribe."""
    b = limited("plain-websockets 1")

    async def run():
        first, second = await plain(b), await plain(b)
        await second.send('{"subscribe": {"topic": "messages"}}')
        # Answered after what was sent before it.
        await (await second.ping())
        fed(b)
        miner, _ = b.pair()
        miner.sendall(b'{"id":1,"method":"mining.x","params":[]}\n')
        assert (await receive(first))["method"] == "mining.x"
        assert (await receive(second))["type"] == "messages"
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
    s.close()
    b.settled(pair)


def test_limits_that_are_reloaded(limited):
    """They hold at once, and nobody is disturbed."""
    b = limited("websockets 1", "requests 100000/s")

    async def run():
        first = await plain(b)
        text = b.hsd.conf.read_text()
        b.hsd.configure(text.replace("websockets 1", "websockets 2"))
        assert b.hsd.ctl().reload()[0]
        second = await plain(b)
        with pytest.raises(websockets.InvalidStatusCode) as e:
            await plain(b)
        assert e.value.status_code == 503
        fed(b)
        miner, _ = b.pair()
        miner.sendall(b'{"id":1,"method":"mining.x","params":[]}\n')
        for ws in (first, second):
            assert (await receive(ws))["method"] == "mining.x"
            await ws.close()
    asyncio.run(run())
