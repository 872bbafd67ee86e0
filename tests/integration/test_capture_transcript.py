"""What a real pool and a real miner said, through HashScope: every message is
stored once, in order, with its direction, times, size and bytes."""
import collections
import json

import pytest

import cap
import hs

CHUNKS = ["as-recorded", "1", "7", "4096", "random", "line"]


def streams():
    """{session: {direction: bytes}} of the transcript."""
    found = collections.defaultdict(lambda: {cap.UP: b"", cap.DOWN: b""})
    for r in hs.jsonl(hs.TRANSCRIPT):
        found[r["session"]][r["direction"]] += r["bytes"].encode()
    return found


def conversation():
    """{session: [(direction, line)]} in the order in which it was said."""
    found = collections.defaultdict(list)
    for r in hs.jsonl(hs.TRANSCRIPT):
        assert r["bytes"].endswith("\n")
        found[r["session"]] += [
            (r["direction"], x.encode()) for x in r["bytes"].splitlines()]
    return found


def play(scope, player, body, *options):
    """Plays it through a new HashScope: (scope, the player's summary)."""
    p = player(*options)
    sc = scope(body, pools=[f"stratum+tcp://{p.host}:{p.port}"])
    p.send(f"connect {sc.host} {sc.port}")
    assert p.wait() == 0, p.json()
    assert p.json()["ok"]
    sc.ended()
    return sc, p.json()


def masked(line):
    """As it is stored with redaction on."""
    msg = json.loads(line)
    if msg.get("method") != "mining.authorize":
        return line
    secret = json.dumps(msg["params"][1]).encode()
    assert line.count(secret) == 1
    return line.replace(secret, b'"' + b"*" * (len(secret) - 2) + b'"')


def check_message(m, before, after):
    """One message by itself: kinds, times, what was decoded."""
    msg = json.loads(cap.raw(m))
    assert m["decoded"] == msg and m["parse_error"] is None
    assert m["protocol"] == "stratum"
    assert m["raw_encoding"] == "utf8"
    notification = "method" in msg and msg["id"] is None
    assert (m["is_request"], m["is_response"], m["is_notification"]) == (
        "method" in msg and not notification, "method" not in msg,
        notification), m
    assert m["jsonrpc_id"] == msg["id"]
    assert before <= cap.micros(m["ts_recv"]) <= cap.micros(
        m["ts_fwd"]) <= after
    for flag in ("truncated", "after_gap", "broken", "no_newline", "crlf",
                 "multiple", "undelivered"):
        assert m[flag] is False, m


def check_pairs(messages):
    """Each response belongs to the oldest request of its id, and says so."""
    waiting = collections.defaultdict(collections.deque)
    for m in messages:
        msg = json.loads(cap.raw(m))
        if m["is_request"]:
            waiting[json.dumps(msg["id"])].append(m)
        if not m["is_response"]:
            continue
        asked = waiting[json.dumps(msg["id"])].popleft()
        assert m["paired_message_id"] == asked["id"]
        assert asked["paired_message_id"] == m["id"]
        assert m["method"] == asked["method"] == json.loads(
            cap.raw(asked))["method"]
        took = (cap.micros(m["ts_recv"]) - cap.micros(asked["ts_recv"])) / 1e3
        for x in (m, asked):
            assert x["latency_ms"] == pytest.approx(took, abs=0.0021)
        assert cap.raw(asked, "response_raw") == cap.raw(m)
        assert asked["response"] == msg
        assert asked["response_ts_recv"] == m["ts_recv"]
    for left in waiting.values():
        assert all(m["paired_message_id"] is None for m in left)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_every_message_is_stored_once(scope, player, chunk):
    sc, played = play(scope, player, "capture { redact no }",
                      "--chunk", chunk, "--seed", 5)
    messages = sc.messages()
    cap.check_order(messages)
    after = cap.now_us()
    sessions = sc.by_port()
    found = cap.by_session(messages)
    said = streams()
    assert len(found) == len(sessions) == len(said)
    for pair in played["pairs"]:
        s = sessions[pair["port"]]
        want = said[pair["session"]]
        for direction in (cap.UP, cap.DOWN):
            got = found[s["session_id"]][direction]
            cap.check_stream(got, cap.lines_of(want[direction]))
            assert s["stats"][direction] == len(got)
            assert s["bytes"][direction] == len(want[direction])
            for m in got:
                check_message(m, sc.began_us, after)
    assert sc.summary()["capture"]["gaps"] == 0


def test_whole_conversation_in_order(scope, player):
    """In lockstep the order across both directions is known as well."""
    sc, played = play(scope, player, "capture { redact no }", "--lockstep",
                      "--chunk", "random")
    messages = sc.messages()[::-1]
    sessions = sc.by_port()
    said = conversation()
    for pair in played["pairs"]:
        s = sessions[pair["port"]]
        mine = [m for m in messages if m["session_id"] == s["session_id"]]
        assert [(m["direction"], cap.raw(m)) for m in mine] == said[
            pair["session"]]
        check_pairs(mine)
        times = [cap.micros(m["ts_recv"]) for m in mine]
        assert times == sorted(times)
        for m in mine:
            assert m["peer"] == (s["peer"] if m["direction"] == cap.UP else
                                 s["pool_peer"])


def test_facts_of_the_sessions(scope, player):
    sc, played = play(scope, player, "", "--lockstep")
    said = conversation()
    sessions = sc.by_port()
    for pair in played["pairs"]:
        s = sessions[pair["port"]]
        talk = [json.loads(x) for _, x in said[pair["session"]]]
        by_method = {m["method"]: m["params"] for m in talk if "method" in m}
        count = collections.Counter(d for d, _ in said[pair["session"]])
        assert s == sc.ctl("show", "session", s["session_id"])
        assert s["user_agent"] == by_method["mining.subscribe"][0]
        assert s["workers"] == [by_method["mining.authorize"][0]]
        assert s["difficulty"] == by_method["mining.set_difficulty"][0]
        assert s["message_count"] == s["stats"]["total_messages"] == len(talk)
        assert s["stats"] == {
            "total_messages": len(talk), cap.UP: count[cap.UP],
            cap.DOWN: count[cap.DOWN], "parse_errors": 0}
        assert (s["state"], s["pool_connected"]) == ("ended", False)
        assert s["close_reason"]
        assert s["pool_host"] == "127.0.0.1"
        assert s["pool_peer"] == f"127.0.0.1:{s['pool_port']}"
        assert s["listener"] == f"{sc.host}:{sc.port}"
        assert sc.began_us <= cap.micros(s["first_seen"]) <= cap.micros(
            s["last_seen"]) <= cap.micros(s["ended_at"]) <= cap.now_us()
        mine = sc.messages("session", s["session_id"])
        assert s["last_message_id"] == mine[0]["id"]
        assert s["first_message_id"] == mine[-1]["id"]


def test_passwords_are_masked_and_flagged(scope, player):
    sc, played = play(scope, player, "", "--chunk", "random", "--seed", 9)
    found = cap.by_session(sc.messages())
    sessions = sc.by_port()
    hidden = 0
    for pair in played["pairs"]:
        sid = sessions[pair["port"]]["session_id"]
        want = streams()[pair["session"]]
        up = cap.lines_of(want[cap.UP])
        cap.check_stream(found[sid][cap.UP], [(masked(x), n) for x, n in up])
        cap.check_stream(found[sid][cap.DOWN], cap.lines_of(want[cap.DOWN]))
        for m in found[sid][cap.UP] + found[sid][cap.DOWN]:
            is_it = m["method"] == "mining.authorize" and m["is_request"]
            assert m["redacted"] == is_it
            hidden += is_it
    assert hidden == len(played["pairs"])
