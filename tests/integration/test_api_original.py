"""A client written for the original: its paths, its fields, its answers."""
import json

import pytest
import requests

import hs
import rig
from apirig import get

MESSAGE = set("""id ts_recv ts_fwd direction session_id peer raw decoded
    parse_error size_bytes jsonrpc_id is_request is_response paired_message_id
    response response_ts_recv response_raw latency_ms""".split())
SESSION = set("""session_id peer first_seen last_seen message_count user_agent
    mining_session_id difficulty pool_host pool_port pool_connected pool_peer
    broadcast_enabled repeat_count auto_replay_enabled
    auto_replay_count""".split())
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
