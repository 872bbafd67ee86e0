"""WebSockets: the original's bare objects, subscriptions, positions."""
import asyncio
import json
import os
import signal
import time

import pytest
import requests
import websockets

import apirig
import hs
import rig
from apirig import fed, get, upgrade


def url(b, path):
    return b.url.replace("http://", "ws://") + path


def say(pair, number, method="mining.ping"):
    """A request of the miner's, as one line."""
    pair[0].sendall(json.dumps({"id": number, "method": method,
                                "params": []}).encode() + b"\n")


def answer(pair, number):
    pair[1].sendall(json.dumps({"id": number, "result": True,
                                "error": None}).encode() + b"\n")


async def receive(ws):
    return json.loads(await asyncio.wait_for(ws.recv(), hs.DEADLINE))


async def until(ws, kind, count):
    """The objects of frames of this type, until there are so many."""
    found = []
    while len(found) < count:
        m = await receive(ws)
        if m.get("type") == kind:
            found += m["data"]
    return found


def test_bare_objects_and_again_when_answered(api):
    async def run():
        pair = api.pair()
        async with websockets.connect(url(api, "/api/ws")) as ws:
            fed(api)
            say(pair, 7)
            first = await receive(ws)
            assert first["method"] == "mining.ping" and "type" not in first
            assert first["response"] is None
            answer(pair, 7)
            again = await receive(ws)
            assert again["id"] == first["id"]
            assert again["response"]["result"] is True
            assert again["paired_message_id"] and again["latency_ms"] >= 0
            say(pair, 8)
            assert (await receive(ws))["jsonrpc_id"] == 8
        async with websockets.connect(url(api, "/api/ws/agents")) as ws:
            assert (await receive(ws))["type"] == "init"
    asyncio.run(run())


def test_a_session_of_its_own(api):
    async def run():
        a, b = api.pair(), api.pair()
        say(a, 1, "mining.a")
        say(b, 1, "mining.b")
        found = hs.wait_for(
            lambda: {m["method"]: m["session_id"]
                     for m in get(api, "/api/messages").json()
                     if m["method"] in ("mining.a", "mining.b")}, "both")
        async with websockets.connect(
                url(api, f"/api/ws?session_id={found['mining.b']}")) as ws:
            fed(api)
            say(a, 2, "mining.no")
            say(b, 2, "mining.yes")
            assert (await receive(ws))["method"] == "mining.yes"
    asyncio.run(run())


def test_nothing_is_missed_while_apid_is_killed(api):
    """A client that reconnects with its last position gets each once."""
    total = 120

    async def some(last, got, count):
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            await ws.send(json.dumps({"subscribe": {
                "topic": "messages", "since": last, "method": "mining.n"}}))
            while len(got) < count:
                m = await receive(ws)
                assert m["type"] == "messages", m
                got += [x["jsonrpc_id"] for x in m["data"]]
                last = m["last"]
        return last

    async def run():
        pair = api.pair()
        got, last = [], "0"
        for i in range(4):
            for n in range(i * total // 4, (i + 1) * total // 4):
                say(pair, n, "mining.n")
            last = await some(last, got, len(got) + 10)
            os.kill(api.hsd.child("apid"), signal.SIGKILL)
            api.hsd.wait_log("apid is ready", i + 2)
        last = await some(last, got, total)
        assert got == list(range(total))
    api.hsd.ctl()
    asyncio.run(run())


def test_captured_is_killed_meanwhile(api):
    """What it had not stored is told again, after a reset if need be."""
    async def run():
        pair = api.pair()
        got = {}
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            await ws.send(json.dumps({"subscribe": {
                "topic": "messages", "method": "mining.n"}}))
            fed(api)
            for i in range(3):
                for n in range(i * 30, i * 30 + 30):
                    say(pair, n, "mining.n")
                while len(got) < i * 30 + 30:
                    m = await receive(ws)
                    if m["type"] == "reset":
                        got = {k: v for k, v in got.items()
                               if v <= int(m["to"])}
                        continue
                    assert m["type"] == "messages", m
                    for x in m["data"]:
                        assert x["jsonrpc_id"] not in got
                        got[x["jsonrpc_id"]] = int(x["id"])
                os.kill(api.hsd.child("captured"), signal.SIGKILL)
                api.hsd.wait_log("captured is ready", i + 2)
        assert sorted(got) == list(range(90))
        assert sorted(got.values()) == [got[i] for i in range(90)]
    asyncio.run(run())


def test_nothing_of_old_for_who_comes_now(api):
    """Without since a subscription begins with what comes."""
    async def run():
        pair = api.pair()
        for n in range(50):
            say(pair, n, "mining.old")
        hs.wait_for(lambda: get(api, "/api/messages", params={
            "limit": 60}).json()[49:], "all of them")
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            for topic in ("messages", "stats"):
                await ws.send(json.dumps({"subscribe": {"topic": topic}}))
            await until(ws, "stats", 1)
            say(pair, 99, "mining.new")
            assert [m["method"] for m in await until(ws, "messages", 1)] == [
                "mining.new"]
    asyncio.run(run())


def ctl(b, *words):
    """What hashscopectl says."""
    done = b.run_ctl(*words, json_out=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.decode()


def test_credentials_that_end(box):
    """Without a token nothing is heard, and no more when it is revoked."""
    b = box(capture=True)
    b.url = b.hsd.expect_error(r"the console is at (http://\S+?)/$")[1]
    hs.wait_for(lambda: requests.get(b.url + "/health", timeout=hs.DEADLINE
                                     ).status_code == 200, "health")
    token = ctl(b, "token", "create", "t", "role", "viewer").split()[-1]

    async def run():
        with pytest.raises(websockets.InvalidStatusCode) as e:
            await websockets.connect(url(b, "/api/ws"))
        assert e.value.status_code == 401
        async with websockets.connect(url(b, "/api/ws"), extra_headers={
                "Authorization": f"Bearer {token}"}) as ws:
            pair = b.pair()
            fed(b)
            say(pair, 5)
            assert (await receive(ws))["jsonrpc_id"] == 5
            ctl(b, "token", "revoke", "t")
            with pytest.raises(websockets.ConnectionClosed):
                await receive(ws)
    asyncio.run(run())


async def told(ws, sid, key, value):
    """Reads until the session has that; a look of before may come first."""
    while True:
        for s in await until(ws, "sessions", 1):
            assert s["session_id"] == sid
            if s[key] == value:
                return


def test_settings_that_another_client_changed(api):
    """Whoever shows the session is told before the next second."""
    async def change(ws, sid, n):
        """Four changes; the seconds until all were told."""
        start = time.monotonic()
        for path, key, value, body in (
                ("broadcast/enable", "broadcast_enabled", True, None),
                ("repeat-count", "repeat_count", n, {"repeat_count": n}),
                ("auto-replay-count", "auto_replay_count", n,
                 {"auto_replay_count": n})):
            assert requests.post(
                f"{api.url}/api/sessions/{sid}/{path}", json=body,
                timeout=hs.DEADLINE).status_code == 200
            await told(ws, sid, key, value)
        ctl(api, "broadcast", "session", sid, "off")
        await told(ws, sid, "broadcast_enabled", False)
        return time.monotonic() - start

    async def run():
        pair = api.pair()
        for n, method in enumerate(("mining.subscribe", "mining.authorize")):
            rig.send_and_expect(*pair, json.dumps({
                "id": n, "method": method, "params": ["w", "x"]}
                ).encode() + b"\n")
        sid = hs.wait_for(lambda: [
            s["session_id"] for s in get(api, "/api/sessions").json()
            if s["workers"]], "the worker")[0]
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            await ws.send('{"subscribe": {"topic": "sessions"}}')
            await ws.send('{"subscribe": {"topic": "stats"}}')
            await until(ws, "stats", 2)
            # Looked at once a second they would take two seconds in all; a
            # busy machine gets more than one try.
            took = []
            for n in range(2, 7):
                took.append(await change(ws, sid, n))
                if took[-1] < 1.5:
                    return
            assert rig.SANITIZED, took
    asyncio.run(run())


def test_filters_and_topics(api):
    async def run():
        pair = api.pair()
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            for topic in ("messages", "sessions", "stats", "shares", "alerts"):
                await ws.send(json.dumps({"subscribe": {
                    "topic": topic, "q": "NEEDLE",
                    "direction": "miner_to_pool"}}))
            await until(ws, "stats", 1)
            say(pair, 1, "mining.hay")
            say(pair, 2, "mining.Needle")
            found = await until(ws, "messages", 1)
            assert [m["jsonrpc_id"] for m in found] == [2]
            await ws.send(json.dumps({"subscribe": {"topic": "nonsense"}}))
            while (await receive(ws))["type"] != "error":
                pass
        async with websockets.connect(url(api, "/api/ws?subscribe")) as ws:
            # A position that was never given out.
            await ws.send(json.dumps({"subscribe": {
                "topic": "messages", "since": "9000000000000"}}))
            say(pair, 3, "mining.again")
            while (await receive(ws))["type"] != "reset":
                pass
    asyncio.run(run())


@pytest.mark.parametrize("frame", [
    pytest.param(b"\x81\x05hello", id="not masked"),
    pytest.param(b"\x81\x82\0\0\0\0{}" * 3 + b"\x81\x05hello",
                 id="not masked, later"),
    pytest.param(b"\x81\xfe\x7f\xff" + bytes(4) + b"a" * 32767, id="too long"),
    pytest.param(b"\x01\x81\0\0\0\0a" + b"\x00\x80\0\0\0\0" * 2000,
                 id="a flood of fragments"),
    pytest.param(b"\x83\x80\0\0\0\0", id="an unknown opcode"),
    pytest.param(b"\x82\x81\0\0\0\0a", id="binary"),
])
def test_frames_that_end_the_connection(api, frame):
    s = rig.connect("127.0.0.1", int(api.url.rsplit(":", 1)[1]))
    upgrade(s, b"/api/ws")
    s.sendall(frame)
    hs.recv_all(s)
    s.close()
    assert get(api, "/health").status_code == 200


def test_too_many_and_foreign_ones_are_refused(limited):
    api = limited("websockets 5")

    async def run():
        open_ones = []
        with pytest.raises(websockets.InvalidStatusCode) as e:
            await websockets.connect(url(api, "/api/ws"),
                                     origin="http://evil.example")
        assert e.value.status_code == 403
        with pytest.raises(websockets.InvalidStatusCode) as e:
            while len(open_ones) < 100:
                open_ones.append(await websockets.connect(
                    url(api, "/api/ws?subscribe")))
        assert e.value.status_code == 503 and len(open_ones) == 5
        for ws in open_ones:
            await ws.close()
    asyncio.run(run())


def test_missed_while_it_did_not_read(box):
    """A client that is up to date, stands still for longer than messages are
    kept, and reads on: it is told that it has missed some."""
    api = apirig.opened(box(
        "capture { messages 400 }\napi { stuck 10m }\n", capture=True,
        env={"API_AUTH": "none"}))

    async def run():
        pair = api.pair()
        line = b'{"id":1,"method":"mining.n","params":[]}\n'
        pair[0].sendall(line)
        assert rig.recv_exact(pair[1], len(line)) == line
        hs.wait_for(lambda: get(api, "/api/messages").json(), "the first")
        async with websockets.connect(
                url(api, "/api/ws?subscribe"), max_queue=1,
                sock=apirig.door(api, rcvbuf=8192)) as ws:
            # From before the first, so that it begins with the store.
            await ws.send(json.dumps({"subscribe": {
                "topic": "messages", "since": "0"}}))
            first = await until(ws, "messages", 1)
            assert first[0]["jsonrpc_id"] == 1
            # More than apid keeps in memory, no faster than it is captured.
            line = b'{"id":2,"method":"mining.n","params":[]}\n' * 2000
            for _ in range(20):
                sent = rig.Worker(pair[0].sendall, line)
                assert rig.recv_exact(pair[1], len(line)) == line
                sent.result()
                hs.wait_for(lambda: not api.stats()["tap.ring_used"],
                            "the tap")
            say(pair, 3, "mining.n")
            ids, count = [], None
            while 3 not in ids:
                m = await receive(ws)
                if m["type"] == "missed":
                    assert count is None
                    count = m["count"]
                elif m["type"] == "messages":
                    ids += [x["jsonrpc_id"] for x in m["data"]]
            assert count is not None and ids.count(2) >= 399
            assert ids.count(2) + count == 40000
    asyncio.run(run())
