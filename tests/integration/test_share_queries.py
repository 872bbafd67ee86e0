"""Shares, workers and jobs as hashscopectl shows them."""
import collections
import json

import pytest

import cap
import hs

PAYS = "bc1q28kkr5hk4gnqe3evma6runjrd2pvqyp8fpwfzu"


@pytest.fixture
def recorded(scope, player):
    """A HashScope through which the recorded conversation went."""
    p = player("--lockstep")
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    p.send(f"connect {sc.host} {sc.port}")
    assert p.wait() == 0, p.json()
    sc.ended()
    return sc


def logged():
    """What the pool of the recording itself wrote of its shares."""
    return hs.jsonl(hs.DATA / "transcripts" / "ckpool-cpuminer.shares.jsonl")


def show(sc, *words):
    """show shares WORDS; newest first unless told, each once."""
    found = sc.ctl("show", "shares", *words)
    ids = [int(s["id"]) for s in found]
    assert ids == sorted(set(ids), reverse="after" not in words)
    return found


def test_all_shares_are_the_pools(recorded):
    shares = show(recorded)
    theirs = collections.defaultdict(list)
    for x in logged():
        theirs[x["hash"]].append(x)
    assert len(shares) == 189 == len(logged())
    for s in shares:
        x = theirs[s["hash"]].pop()
        assert f"{s['difficulty']:.6g}" == f"{x['sdiff']:.6g}"
        assert s["worker"] == x["workername"]
        assert s["verdict"] == ("valid" if x["result"] else None)
        assert (s["pool_verdict"], s["agreement"]) == ("accepted", "agrees")
        assert s["latency"]["own_us"] >= 0 and s["latency"]["pool_us"] >= 0
        assert s["latency"]["tcp_pool_us"] is None or \
            s["latency"]["tcp_pool_us"] >= 0
        assert s["id"] == s["message_id"]
        cap.micros(s["ts"])
    assert not any(theirs.values())


def test_a_share_and_its_message(recorded):
    for s in show(recorded, "limit", 20):
        m = recorded.ctl("show", "message", s["message_id"])
        params = m["decoded"]["params"]
        assert [s[k] for k in ("worker", "job_id", "extranonce2", "ntime",
                               "nonce")] == params[:5]
        assert m["session_id"] == s["session_id"]
        assert m["paired_message_id"] == s["answer_id"]
        assert m["ts_recv"] == s["ts"]
        one = recorded.ctl("show", "share", s["id"])
        one.pop("verification", None)
        assert one == s


def test_filters_and_pages(recorded):
    every = show(recorded)
    for key, word in (("session_id", "session"), ("worker", "worker")):
        values = {s[key] for s in every}
        assert len(values) == 2
        for v in values:
            assert show(recorded, word, v) == [
                s for s in every if s[key] == v]
    assert show(recorded, "verdict", "valid", "pool", "accepted") == every
    for words in (("disputed",), ("verdict", "stale"), ("pool", "rejected"),
                  ("pool", "unanswered"), ("worker", "nobody")):
        assert show(recorded, *words) == []
    assert show(recorded, "after", 0) == every[::-1]
    middle = every[90]
    assert show(recorded, "before", middle["id"]) == every[91:]
    assert show(recorded, "after", middle["id"]) == every[:90][::-1]
    assert show(recorded, "since", middle["ts"]) + \
        show(recorded, "until", middle["ts"]) == every
    assert show(recorded, "limit", 7) == every[:7]


def test_workers(recorded):
    workers = recorded.ctl("show", "workers")
    assert len(workers) == 2
    for w in workers:
        own = show(recorded, "worker", w["name"])
        assert w["shares"]["total"] == w["shares"]["accepted"] == len(own)
        assert w["best_difficulty"] == max(s["difficulty"] for s in own)
        assert w["last_share"] == own[0]["ts"]
        assert w["last_share_id"] == own[0]["id"]
        assert w["accepted_difficulty"] == pytest.approx(
            sum(s["required_difficulty"] for s in own))
        assert (w["live_sessions"], w["sessions"]) == (0, [])


def test_jobs(recorded):
    jobs = recorded.ctl("show", "jobs")
    assert len(jobs) == 17
    named = collections.Counter(s["job"] for s in show(recorded))
    assert set(named) <= {j["id"] for j in jobs}
    for j in jobs:
        assert j["outputs"][0]["address"] == PAYS
        assert j["reward"] == sum(o["value"] for o in j["outputs"])
        assert 880001 <= j["height"] <= 880004
        assert j["previous_block"].startswith("0000000000000000000")
        assert "ckpool-lhr /hold/" in j["tag"]
        assert cap.micros(j["time"]) == int(j["ntime"], 16) * 1000000
        m = recorded.ctl("show", "message", j["first_message_id"])
        assert m["decoded"]["params"][0] == j["job_id"]
        assert m["decoded"]["params"][8] == j["clean_jobs"]
        assert m["decoded"]["params"][4] == j["merkle_branches"]
        one = recorded.ctl("show", "job", j["id"])
        assert one["coinbase1"] == m["decoded"]["params"][2]
        assert one["coinbase2"] == m["decoded"]["params"][3]
    for s in recorded.sessions():
        given = recorded.ctl("show", "jobs", "session", s["session_id"])
        assert 0 < len(given) <= 17
        for j in given:
            m = recorded.ctl("show", "message", j["message_id"])
            assert m["session_id"] == s["session_id"]
            assert m["ts_recv"] == j["ts"]
            assert m["decoded"]["params"][0] == j["job_id"]
    pool = jobs[0]["pool"]
    assert recorded.ctl("show", "jobs", "pool", pool) == jobs
    assert recorded.ctl("show", "jobs", "pool", "127.0.0.1") == jobs
    assert recorded.ctl("show", "jobs", "pool", "127.0.0.2") == []


def test_tables(recorded):
    for words, title in ((("shares", "limit", "3"), "SHARE "),
                         (("workers",), "WORKER "), (("jobs",), "ID ")):
        done = recorded.run_ctl("show", *words, json_out=False)
        lines = done.stdout.decode("ascii").splitlines()
        assert done.returncode == 0 and lines[0].lstrip().startswith(title)
        assert "\033" not in done.stdout.decode()
        assert len(lines) == {"shares": 4, "workers": 3, "jobs": 18}[words[0]]
    for what in ("share", "job"):
        done = recorded.run_ctl("show", what, 100000, json_out=False)
        assert done.returncode == 1
        assert f"no such {what}" in done.stderr.decode()


def test_faults_are_found_by_their_filters(scope, pool, miner, tmp_path):
    """A mix of faults; each filter gives those, and no others."""
    p = pool("--log", tmp_path / "log", "--seed", 1, "--difficulty", "1e-7",
             "--wrong-rate", "0.1")
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--lenient", "--shares", 200,
              "--rate", 0, "--connections", 2, "--mix",
              "valid=60,duplicate=10,low=10,ntime=10,extranonce2=5,job=5")
    assert m.wait() == 0, m.json()
    sc.ended()
    every = show(sc)
    assert len(every) == 200
    kinds = collections.Counter(s["verdict"] for s in every)
    assert kinds["valid"] > 50 and len(kinds) >= 5
    for verdict in kinds:
        assert show(sc, "verdict", verdict) == [
            s for s in every if s["verdict"] == verdict]
    for said in ("accepted", "rejected"):
        assert show(sc, "pool", said) == [
            s for s in every if s["pool_verdict"] == said]
    disputed = show(sc, "disputed")
    assert len(disputed) > 3
    assert disputed == [s for s in every if s["agreement"] in (
        "pool_accepts_invalid", "pool_rejects_valid")]
    for s in every:
        assert (s["cause_text"] is None) == (s["cause"] is None), s
    session = every[0]["session_id"]
    assert show(sc, "session", session, "verdict", "duplicate") == [
        s for s in every
        if s["session_id"] == session and s["verdict"] == "duplicate"]


def test_hostile_names(scope):
    """What miners and pools call themselves stays inside its strings."""
    sc = scope()
    worker = "\u202e\x1b[31m\"}],\\ \u0000\ud83d"
    up = b"".join(json.dumps(x).encode() + b"\n" for x in (
        {"id": 1, "method": "mining.authorize", "params": [worker, "x"]},
        {"id": 2, "method": "mining.submit",
         "params": [worker, "\x1b[2J\"", "00", "11111111", "22222222"]},
        {"id": 3, "method": "mining.submit", "params": [worker, 7]},
    )) + b'{"id":4,"method":"mining.submit","params":["\xff","\xfe"]}\n'
    down = b'{"id":2,"result":null,"error":[20,"\\u001b]0;x\\u0007\\"",1]}\n' \
        b'{"id":null,"method":"mining.notify","params":["\\u001b\\"",' \
        b'"x",1,{},[[]],null,true,"",0]}\n'
    sc.say(up, down)
    sc.ended()
    shares, workers = show(sc), sc.ctl("show", "workers")
    jobs = sc.ctl("show", "jobs")
    assert len(shares) == 2 and len(workers) == 1 and len(jobs) == 1
    assert shares[1]["job_id"] == "\x1b[2J\""
    assert shares[1]["pool_error"] == "\x1b]0;x\x07\""
    assert jobs[0]["fault"] and jobs[0]["outputs"] == []
    for words in (("shares",), ("workers",), ("jobs",),
                  ("share", shares[0]["id"]), ("job", jobs[0]["id"])):
        for as_json in (True, False):
            done = sc.run_ctl("show", *words, json_out=as_json)
            assert done.returncode == 0
            assert b"\x1b" not in done.stdout and b"\x07" not in done.stdout
