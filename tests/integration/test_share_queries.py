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


METHODS = {
    # method: words of its explanation, a field of it
    ("mining.subscribe", True): ("its software is cpuminer", "user_agent"),
    ("mining.subscribe", False): ("The miner is subscribed", "extranonce1"),
    ("mining.authorize", True): ("bc1q28kkr5", "worker"),
    ("mining.authorize", False): ("logged in", None),
    ("mining.notify", False): ("The pool hands out job", "height"),
    ("mining.set_difficulty", False): ("difficulty", "difficulty"),
    ("mining.submit", True): ("HashScope finds it valid", "verdict"),
    ("mining.submit", False): ("The pool took the share", None),
}


def test_every_method_is_explained(recorded):
    """The recording has eight kinds of messages; one of each, in words."""
    seen = {}
    for m in recorded.messages():
        assert m["explanation"] is None
        assert 0 < len(m["summary"]) < 128 and "\n" not in m["summary"]
        is_share = m["method"] == "mining.submit"
        assert m["share_id"] == (
            None if not is_share else
            m["paired_message_id"] if m["is_response"] else m["id"])
        seen[m["method"], m["direction"] == cap.UP] = m["id"]
    assert set(METHODS) <= set(seen)
    for kind, mid in seen.items():
        m = recorded.ctl("show", "message", mid)
        words, field = METHODS.get(kind, ("", None))
        told = m["explanation"]
        assert words in told["text"] and told["summary"] in told["text"], m
        names = [f["name"] for f in told["fields"]]
        assert field is None or field in names, m
        assert told["complete"]
        text = recorded.run_ctl("show", "message", mid, json_out=False)
        lines = text.stdout.decode("ascii").splitlines()
        assert lines[0] == f"message {mid}"
        assert lines[1].strip() == told["title"]
        if kind[0] == "mining.submit":
            assert any(x.split() == ["the", "pool", "accepted"]
                       for x in lines)


def check_verification(s):
    """What was computed again is what was found first."""
    v = s["verification"]
    assert v["possible"] == (s["hash"] is not None), s
    assert v["verdicts"]["own"] == s["verdict"]
    assert v["verdicts"]["pool"] == s["pool_verdict"]
    if not v["possible"]:
        assert v["why"]
        return
    assert v["hash"] == s["hash"] and v["hash_matches"]
    assert v["difficulty"] == s["difficulty"]
    assert v["is_block"] == s["is_block"]
    assert [x["asked"] for x in v["limits"] if x["reached"]] == \
        s["difficulties"]["passed"]
    checks = {x["name"]: x["ok"] for x in v["checks"]}
    if s["verdict"] == "valid" and s["firm"]:
        assert all(checks.values()), s
    named = {"low_difficulty": "difficulty", "stale": "job",
             "duplicate": "duplicate", "bad_ntime": "ntime",
             "bad_extranonce2": "extranonce2",
             "bad_version": "version_bits"}.get(s["verdict"])
    assert named is None or not checks[named] or not s["firm"], s
    if s["version_bits"] is None:
        assert v["formulas"] == []
        return
    used = [f for f in v["formulas"] if f["used"]]
    assert [f["name"] for f in used] == [s["version_formula"]]
    assert used[0]["version"] == s["version"]
    assert used[0]["hash"] == s["hash"]
    assert {f["name"] for f in v["formulas"] if f["reaches"]} - {"none"} == \
        set(s["version_formulas"]) - {"none"}


def test_every_share_verifies_again(scope, pool, miner, tmp_path):
    """Faults of all kinds, with version bits; and the session is gone."""
    p = pool("--log", tmp_path / "log", "--difficulty", "1e-7",
             "--job-interval", "0.05", "--block-interval", "0.15",
             "--seed", 1)
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--lenient", "--shares", 120,
              "--rate", 200, "--connections", 2, "--version-rolling",
              "1fffe000", "--mix",
              "valid=50,stale=10,duplicate=10,low=10,ntime=5,extranonce2=5,"
              "version=5,job=5")
    assert m.wait() == 0, m.json()
    sc.ended()
    shares = show(sc)
    assert len(shares) == 120 and len({s["verdict"] for s in shares}) >= 6
    for s in shares:
        one = sc.ctl("show", "share", s["id"])
        check_verification(one)
        done = sc.run_ctl("show", "share", s["id"], json_out=False)
        assert done.returncode == 0
        assert "verified step by step" in done.stdout.decode("ascii")


def test_the_formula_in_the_verification(scope, pool, miner, tmp_path):
    p = pool("--log", tmp_path / "log", "--difficulty", "1e-6",
             "--version-formula", "bip310", "--job-version", "3555e000")
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--lenient", "--shares", 15,
              "--rate", 0, "--version-rolling", "1fffe000", "--formula", "or")
    assert m.wait() == 0, m.json()
    sc.ended()
    for s in show(sc):
        one = sc.ctl("show", "share", s["id"])
        check_verification(one)
        f = {x["name"]: x for x in one["verification"]["formulas"]}
        assert set(f) == {"bip310", "or", "xor", "none"}
        assert one["verification"]["job_version"] == "3555e000"
        if s["cause"] == "version_formula":
            assert f["or"]["reaches"] and not f["bip310"]["reaches"]
