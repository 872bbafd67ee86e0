"""show messages with every filter, against a model of what was sent."""
import itertools
import json
import os
import random

import pytest

import cap
import hs
import rig

WORDS = ["mining.submit", "mining.ping", "mining.get_transactions",
         "x.unheard-of"]
SESSIONS = 12


def talk(rng, tag):
    """A miner's line and the pool's, about one thing; some are broken."""
    n = rng.randrange(1000)
    method = rng.choice(WORDS)
    up = json.dumps({"id": n, "method": method, "params": [tag, "Wort%d" % n]})
    down = rng.choice([
        {"id": n, "result": True, "error": None},
        {"id": n, "result": None, "error": [21, "Stale " + tag, None]},
        {"id": n, "result": False, "error": None},
        {"id": None, "method": "mining.notify", "params": [tag, n]},
        {"reject-reason": "Above target", "result": False, "error": None,
         "id": n},
        None])
    down = json.dumps(down) if down else "no json of " + tag
    if rng.random() < 0.1:
        up = up[:rng.randrange(1, len(up))]
    return up.encode() + b"\n", down.encode() + b"\n"


def parsed(line):
    """What a line says, None when it is none of ours."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


class Model:
    """The messages in their order, with what filters look at."""

    def __init__(self, said, messages):
        """said: {session_id: [(direction, line)]} in order."""
        self.rows, asked = [], {}
        rest = {sid: iter(x) for sid, x in said.items()}
        for m in messages:
            direction, line = next(rest[m["session_id"]])
            assert (m["direction"], cap.raw(m)) == (direction, line)
            self.rows.append(self.row(m, line, asked))
        assert all(next(x, None) is None for x in rest.values())

    @staticmethod
    def row(m, line, asked):
        """One message; asked: methods that wait for an answer."""
        said, sid = parsed(line), m["session_id"]
        row = {"id": int(m["id"]), "session": sid, "raw": line,
               "direction": m["direction"], "ts": cap.micros(m["ts_recv"]),
               "method": None, "no": False, "bad": said is None}
        if said is not None and "method" in said:
            row["method"] = said["method"]
            if said["id"] is not None:
                asked.setdefault((sid, m["direction"], said["id"]),
                                 []).append(said["method"])
        elif said is not None:
            other = {cap.UP: cap.DOWN, cap.DOWN: cap.UP}[m["direction"]]
            waiting = asked.get((sid, other, said["id"]), [])
            row["method"] = waiting.pop(0) if waiting else None
            row["no"] = bool(said["error"]) or said["result"] is False
        return row

    def ids(self, session=None, direction=None, method=None, errors=None,
            text=None, since=None, until=None, before=None, after=None,
            limit=None):
        """The answer to a query."""
        found = [
            r["id"] for r in self.rows
            if (session is None or r["session"] == session) and
            (direction is None or r["direction"] == direction) and
            (method is None or r["method"] == method) and
            (errors is None or errors in ("any", "") and (
                r["no"] or r["bad"]) or errors == "pool" and r["no"] or
             errors == "parse" and r["bad"]) and
            (text is None or text.lower().encode() in r["raw"].lower()) and
            (since is None or r["ts"] >= since) and
            (until is None or r["ts"] < until) and
            (before is None or r["id"] < before) and
            (after is None or r["id"] > after)]
        if after is None:
            found.reverse()
        return found[:limit]


def words_of(filters, rng=None):
    """As they are typed."""
    words = []
    for key, value in filters.items():
        if value is None:
            continue
        if key in ("since", "until"):
            value = cap.rfc3339(value)
        words.append((key, value) if value != "" else (key,))
    if rng:
        rng.shuffle(words)
    return [str(x) for pair in words for x in pair]


@pytest.fixture(scope="module")
def asked(request):
    """A Scope that has captured a lot, and its Model."""
    sc = cap.Scope([rig.Pool()], "capture { redact no }\n"
                   "timers { commit 20ms }")
    request.addfinalizer(sc.close)
    rng, said = random.Random(17), {}
    pairs = [sc.pair() for _ in range(SESSIONS)]
    ports = [miner.getsockname()[1] for miner, _ in pairs]
    lines = {port: [] for port in ports}
    for _ in range(1200):
        i = rng.randrange(SESSIONS)
        (miner, pool), port = pairs[i], ports[i]
        up, down = talk(rng, f"s{i}")
        miner.sendall(up)
        assert rig.recv_exact(pool, len(up)) == up
        pool.sendall(down)
        assert rig.recv_exact(miner, len(down)) == down
        lines[port] += [(cap.UP, up[:-1]), (cap.DOWN, down[:-1])]
    for miner, pool in pairs[:SESSIONS // 2]:
        miner.close()
        pool.close()
    hs.wait_for(lambda: sc.stats()["sessions_live"] ==
                SESSIONS - SESSIONS // 2, "the end of half of them")
    sc.settle()
    sessions = sc.by_port()
    for port, x in lines.items():
        said[sessions[port]["session_id"]] = x
    messages = sc.messages()
    cap.check_order(messages)
    return sc, Model(said, messages[::-1])


def check(asked, rng=None, **filters):
    """The program's answer is the model's."""
    sc, model = asked
    got = sc.messages(*words_of(filters, rng))
    assert [int(m["id"]) for m in got] == model.ids(**filters), filters
    return got


def test_each_filter_alone(asked):
    _, model = asked
    middle = model.rows[len(model.rows) // 2]
    cases = [{}, {"limit": 1}, {"limit": 700}, {"text": "no such text"},
             {"session": middle["session"]}, {"text": "wOrT7"},
             {"text": "Stale s3"}, {"method": "no.such.method"},
             {"since": middle["ts"]}, {"until": middle["ts"]},
             {"before": middle["id"]}, {"after": middle["id"]},
             {"after": 1, "limit": 3}, {"before": 1}, {"after": 10**18}]
    cases += [{"direction": d} for d in (cap.UP, cap.DOWN)]
    cases += [{"direction": "hashscope_to_pool"}]
    cases += [{"errors": e} for e in ("", "any", "parse", "pool")]
    cases += [{"method": m} for m in WORDS + ["mining.notify"]]
    for case in cases:
        check(asked, **case)


def test_times_are_told_to_the_microsecond(asked):
    """From since on, and before until."""
    _, model = asked
    for row in model.rows[::300]:
        check(asked, since=row["ts"], until=row["ts"] + 1)
        check(asked, since=row["ts"] + 1, limit=2)
        check(asked, until=row["ts"], limit=2)
        check(asked, until=row["ts"] + 1, limit=2)


def test_filters_together_in_any_order(asked):
    """All at once, by chance."""
    _, model = asked
    rng = random.Random(23)
    some = 0
    for _ in range(60):
        a, b = sorted(rng.sample(model.rows, 2), key=lambda r: r["id"])
        filters = {
            "session": a["session"], "direction": rng.choice(
                [cap.UP, cap.DOWN]),
            "method": rng.choice(WORDS), "errors": rng.choice(
                ["any", "parse", "pool"]),
            "text": rng.choice(["1", "wort", "id", "s3"]), "since": a["ts"],
            "until": b["ts"], "before": b["id"], "after": a["id"],
            "limit": rng.choice([1, 5, 600])}
        for key in rng.sample(sorted(filters), rng.randint(5, 9)):
            del filters[key]
        some += bool(check(asked, rng, **filters))
    assert some > 30


@pytest.mark.parametrize("filters", [
    {}, {"direction": cap.UP, "errors": "parse"}, {"text": "wort1"}])
def test_pages(asked, filters):
    """Forward and backward, page by page, every row once."""
    for size, forward in itertools.product((7, 500), (False, True)):
        if size == 7:
            filters = {**filters, "text": filters.get("text", "s1")}
        whole = check(asked, **filters)
        at, rows = (0, []) if forward else (None, [])
        while True:
            key = "after" if forward else "before"
            cursor = {key: at if at is not None else 10**18}
            page = check(asked, **filters, **cursor, limit=size)
            rows += page
            if len(page) < size:
                break
            at = int(page[-1]["id"])
        assert rows == (whole[::-1] if forward else whole)


def test_one_message_is_what_the_list_says(asked):
    sc, model = asked
    listed = {m["id"]: m for m in sc.messages()}
    for row in model.rows[::170]:
        m = sc.ctl("show", "message", row["id"])
        assert m["explanation"]["title"]
        assert {**m, "explanation": None} == listed[m["id"]]
    assert sc.run_ctl("show", "message", 10**18).returncode == 1


def test_sessions_by_state_and_prefix(asked):
    sc, _ = asked
    every = sc.sessions()
    assert [s["first_seen"] for s in every] == sorted(
        (s["first_seen"] for s in every), reverse=True)
    live, ended = sc.sessions("live"), sc.sessions("ended")
    assert len(live) == len(ended) == SESSIONS // 2
    assert {s["state"] for s in live} == {"live"}
    assert {s["state"] for s in ended} == {"ended"}
    assert sc.sessions("limit", 3) == every[:3]
    for s in every:
        sid = s["session_id"]
        n = len(os.path.commonprefix(
            [sid, *(x["session_id"] for x in every if x is not s)]))
        longest = max(
            len(os.path.commonprefix([sid, x["session_id"]]))
            for x in every if x is not s)
        assert n <= longest
        assert sc.ctl("show", "session", sid[:longest + 1]) == s
        assert sc.run_ctl("show", "session", sid[:longest]).returncode == 1
        got = sc.messages("session", sid[:longest + 1], "limit", 5)
        assert {m["session_id"] for m in got} == {sid}
