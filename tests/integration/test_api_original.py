"""A client written for the original: its paths, its fields, its answers."""
import asyncio
import json
import os
import signal

import pytest
import requests
import websockets

import apirig
import hs
import nostr
import rig
from apirig import get

MESSAGE = set("""id ts_recv ts_fwd direction session_id peer raw decoded
    parse_error size_bytes jsonrpc_id is_request is_response paired_message_id
    response response_ts_recv response_raw latency_ms""".split())
SESSION = set("""session_id peer first_seen last_seen message_count user_agent
    mining_session_id difficulty pool_host pool_port pool_connected pool_peer
    broadcast_enabled repeat_count auto_replay_enabled
    auto_replay_count""".split())
AGENT = set("agent_id last_seen conn_state stats pool_target".split())
STATS = set("""share_events_received_total submits_attempted_total
    submits_accepted_total submits_rejected_total last_submit_latency_ms
    submits_per_second_1min submits_per_second_10sec""".split())
CONFIG = set("""listen_host listen_port pool_host pool_port api_port
    capture_max_messages nostr_enabled run_id""".split())


def say(s, **kw):
    s.sendall(json.dumps(kw).encode() + b"\n")


@pytest.fixture
def talk(api):
    """A miner that has subscribed, and one more message of each side."""
    miner, pool = api.pair()
    say(miner, id=1, method="mining.subscribe", params=["x/1", "sub-7"])
    rig.recv_exact(pool, 10)
    say(pool, id=1, result=[[], "aabbccdd", 4], error=None)
    say(pool, id=None, method="mining.set_difficulty", params=[512])
    # What came from both sides at once would be in any order.
    heard = b""
    while heard.count(b"\n") < 2:
        heard += rig.recv_exact(miner, 1)
    say(miner, id=2, method="mining.nonsense", params=[])
    hs.wait_for(lambda: len(get(api, "/api/messages").json()) == 3, "them")
    return api


def test_sessions(talk):
    session = get(talk, "/api/sessions").json()[0]
    assert SESSION <= session.keys()
    assert session["user_agent"] == "x/1" and session["difficulty"] == 512
    assert session["mining_session_id"] == "sub-7"
    one = get(talk, "/api/sessions/" + session["session_id"]).json()
    assert one["stats"] == {"total_messages": 4, "miner_to_pool": 2,
                            "pool_to_miner": 2, "parse_errors": 0}
    reply = get(talk, "/api/sessions/no")
    assert (reply.status_code, list(reply.json())) == (404, ["detail"])


def test_messages(talk):
    """An answer is told with its request, newest first."""
    rows = get(talk, "/api/messages").json()
    assert [r["method"] for r in rows] == [
        "mining.nonsense", "mining.set_difficulty", "mining.subscribe"]
    assert all(MESSAGE <= r.keys() for r in rows)
    first = rows[2]
    assert first["response"]["result"] == [[], "aabbccdd", 4]
    assert first["paired_message_id"] and first["latency_ms"] >= 0
    assert json.loads(first["response_raw"]) == first["response"]
    assert get(talk, "/api/messages/" + first["id"]).json()["raw"] == (
        first["raw"])
    assert len(get(talk, "/api/messages?limit=1&offset=2").json()) == 1
    only = get(talk, "/api/messages?direction=pool_to_miner").json()
    assert [r["method"] for r in only] == ["mining.set_difficulty"]
    assert get(talk, "/api/messages?direction=up").status_code == 422
    reply = get(talk, "/api/messages/999999")
    assert (reply.status_code, reply.json()) == (
        404, {"detail": "Message not found"})


def test_the_rest(talk):
    assert CONFIG <= get(talk, "/api/config").json().keys()
    root = get(talk, "/").json()
    assert root["name"] == "HashScope API" and root["docs"] == "/docs"
    assert get(talk, "/health").json()["status"] == "ok"
    sid = get(talk, "/api/sessions").json()[0]["session_id"]
    base = f"{talk.url}/api/sessions/{sid}"
    assert get(talk, f"/api/sessions/{sid}/repeat-count").json() == {
        "session_id": sid, "repeat_count": 1}
    assert get(talk, f"/api/sessions/{sid}/broadcast/status").json() == {
        "session_id": sid, "broadcast_enabled": False}
    for path, key, value, status in (
            ("repeat-count", "repeat_count", 1001, 400),
            ("auto-replay-count", "auto_replay_count", 900001, 422)):
        reply = requests.post(f"{base}/{path}", json={key: value},
                              timeout=hs.DEADLINE)
        assert reply.status_code == status and reply.json()["detail"]
    done = requests.post(f"{base}/disconnect", timeout=hs.DEADLINE)
    assert done.status_code == 200 and done.json()["session_id"] == sid
    hs.wait_for(lambda: requests.post(
        f"{base}/disconnect", timeout=hs.DEADLINE).status_code == 404, "its end")


# --- agents ---

def report(agent, accepted):
    """What an agent of the original tells of itself."""
    return json.dumps({
        "schema": "hashscope.v1", "run_id": "r", "agent_id": agent,
        "ts": "2026-01-01T00:00:00", "conn_state": "connected",
        "pool_target": {"host": "pool.example", "port": 3333},
        "stats": {"share_events_received_total": accepted + 2,
                  "submits_attempted_total": accepted + 1,
                  "submits_accepted_total": accepted,
                  "submits_rejected_total": 1, "last_submit_latency_ms": 1.5,
                  "submits_per_second_1min": 0.5,
                  "submits_per_second_10sec": 1.0}, "errors": []})


class Fleet:
    """A box that trusts one key, and a relay at which that key reports."""

    def __init__(self, box, closing):
        self.key = nostr.Key()
        self.relay = closing(nostr.Relay())
        self.at = None
        self.box = apirig.opened(box(
            f'nostr {{ run "r" relay "{self.relay.url}" retry 20ms '
            f'trust "{self.key.public.hex()}" }}\n',
            env={"API_AUTH": "none"}, capture=True))
        self.subscribed(1)

    def subscribed(self, count):
        """nostrd listens at the relay, for the count-th time."""
        hs.wait_for(lambda: len(self.relay.requests) >= count, "nostrd")

    def tell(self, agent, accepted):
        """A report; each is a second later than the one before."""
        e = self.key.event(30079, report(agent, accepted),
                           [["t", "hashscope"], ["t", "hashscope:r"],
                            ["d", agent]],
                           self.at and self.at + 1)
        self.at = e["created_at"]
        self.relay.publish(e)

    def agents(self):
        return get(self.box, "/api/agents").json()


@pytest.fixture
def fleet(box, closing):
    return Fleet(box, closing)


async def frame(ws):
    return json.loads(await asyncio.wait_for(ws.recv(), hs.DEADLINE))


def socket_of(b):
    return websockets.connect(b.url.replace("http", "ws") + "/api/ws/agents")


def test_agents(fleet):
    for n in (3, 4, 5):
        fleet.tell("a-1", n)
    fleet.tell("b 2", 9)
    rows = hs.wait_for(lambda: len(fleet.agents()) == 2 and fleet.agents(),
                       "both")
    assert all(AGENT <= r.keys() and STATS <= r["stats"].keys() for r in rows)
    one = {r["agent_id"]: r for r in rows}["a-1"]
    assert one["pool_target"] == {"host": "pool.example", "port": 3333}
    assert one["stats"]["submits_accepted_total"] == 5
    latest = get(fleet.box, "/api/agents/a-1").json()
    assert latest["agent_id"] == "a-1"
    assert latest["latest"]["stats"]["submits_accepted_total"] == 5
    past = get(fleet.box, "/api/agents/a-1/history?limit=2").json()
    assert past["agent_id"] == "a-1"
    assert [x["stats"]["submits_accepted_total"]
            for x in past["history"]] == [5, 4]
    assert len(get(fleet.box, "/api/agents/b%202/history"
                   ).json()["history"]) == 1
    for path in ("/api/agents/c", "/api/agents/c/history"):
        reply = get(fleet.box, path)
        assert (reply.status_code, reply.json()) == (
            404, {"detail": "Agent not found"})


def test_agents_live(fleet):
    """All that are known first, even for the first who asks; then each
    report once."""
    async def run():
        fleet.tell("a-1", 1)
        hs.wait_for(fleet.agents, "it")
        async with socket_of(fleet.box) as ws:
            first = await frame(ws)
            assert first["type"] == "init"
            assert [a["agent_id"] for a in first["agents"]] == ["a-1"]
            assert AGENT <= first["agents"][0].keys()
            for n in (2, 3, 4):
                fleet.tell("a-1", n)
                got = await frame(ws)
                assert (got["type"], got["agent_id"]) == ("telemetry", "a-1")
                assert got["data"]["stats"]["submits_accepted_total"] == n
            async with socket_of(fleet.box) as other:
                [now] = (await frame(other))["agents"]
                assert now["stats"]["submits_accepted_total"] == 4
            # Another nostrd is asked again, by itself.
            os.kill(fleet.box.hsd.child("nostrd"), signal.SIGKILL)
            fleet.subscribed(2)
            fleet.tell("a-1", 5)
            while got["data"]["stats"]["submits_accepted_total"] != 5:
                got = await frame(ws)
    asyncio.run(run())


def test_a_ping_after_silence(limited):
    async def run():
        async with socket_of(limited("ping 20ms")) as ws:
            assert (await frame(ws))["type"] == "init"
            for _ in range(2):
                assert await frame(ws) == {"type": "ping"}
    asyncio.run(run())


def test_agents_by_topic(fleet):
    """What is new: the same as rows, for who subscribes."""
    async def run():
        async with websockets.connect(
                fleet.box.url.replace("http", "ws") + "/api/ws") as ws:
            await ws.send('{"subscribe": {"topic": "agents"}}')
            fleet.tell("a-1", 1)
            got = await frame(ws)
            assert got["type"] == "agents"
            assert got["data"][0]["stats"]["submits_accepted_total"] == 1
    asyncio.run(run())


def test_agents_without_nostr(api):
    """Nobody is known, which is no error; why is said beside it."""
    for path in ("/api/agents", "/api/relays"):
        reply = get(api, path)
        assert (reply.status_code, reply.json()) == (200, [])
        assert reply.headers["Hashscope-Nostr"] == "off"
    assert get(api, "/api/config").json()["nostr_enabled"] is False
    for path in ("/api/agents/a", "/api/agents/a/history"):
        reply = get(api, path)
        assert (reply.status_code, reply.json()) == (
            404, {"detail": "Agent not found"})

    async def run():
        async with socket_of(api) as ws:
            assert await frame(ws) == {"type": "init", "agents": []}
    asyncio.run(run())
