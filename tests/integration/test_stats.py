"""What shares earned, by session, worker, pool and firmware; where their time
went; and how somebody speaks."""
import contextlib
import os
import signal
import sqlite3

import pytest

import cap
import hs

DIFF1 = 2 ** 32
WINDOWS = ("1m", "10m", "1h", "24h")


def stats(sc, *words):
    """show stats."""
    return sc.ctl("show", "stats", *words)


def run(scope, pool, miner, log, pool_options=(), miner_options=(), n=1):
    """n miners, one after the other: (scope, the pool's log, how they did)."""
    p = pool("--log", log, "--seed", 1, "--difficulty", "1e-7", *pool_options)
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    done = []
    for i in range(n):
        m = miner(sc.host, sc.port, "--seed", i, "--lenient", *miner_options)
        assert m.wait() == 0, m.json()
        done.append(m.json())
    sc.ended()
    assert p.stop() == 0
    return sc, hs.jsonl(log), done


def of_shares(s):
    """What adds up."""
    return {k: s["shares"][k] for k in
            ("total", "accepted", "rejected", "stale", "unanswered")}


def test_the_pool_says_so(scope, pool, miner, tmp_path):
    sc, said, _ = run(
        scope, pool, miner, tmp_path / "log",
        ("--job-interval", "0.05", "--block-interval", "0.2"),
        ("--shares", 400, "--rate", 200, "--connections", 4, "--mix",
         "valid=80,stale=10,low=5,duplicate=5"))
    accepted = [x for x in said if x["result"]]
    credit = sum(x["diff"] for x in accepted)
    [everything] = stats(sc)
    assert everything["shares"]["total"] == len(said) == 400
    assert everything["shares"]["accepted"] == len(accepted)
    assert everything["shares"]["rejected"] == 400 - len(accepted)
    assert 0 < everything["shares"]["stale"] < 400 - len(accepted)
    assert everything["shares"]["accepted_difficulty"] == \
        pytest.approx(credit, rel=0.01)
    assert everything["shares"]["reject_rate"] == pytest.approx(
        1 - len(accepted) / 400)
    # Over the time that it took, and that is the window of each as well.
    sessions = sc.sessions()
    begun = min(cap.micros(s["first_seen"]) for s in sessions)
    ended = max(cap.micros(s["last_seen"]) for s in sessions)
    rate = credit * DIFF1 / ((ended - begun) / 1e6)
    for w in WINDOWS:
        assert everything["hashrates"][w] == pytest.approx(rate, rel=0.01)
    assert everything["mean_hashrate"] == pytest.approx(rate, rel=0.01)
    # Sessions add up to the same.
    assert sum(s["shares"]["accepted_difficulty"] for s in sessions) == \
        pytest.approx(credit, rel=0.01)
    for s in sessions:
        own = cap.micros(s["last_seen"]) - cap.micros(s["first_seen"])
        assert s["hashrates"]["1h"] == pytest.approx(
            s["shares"]["accepted_difficulty"] * DIFF1 / (own / 1e6), rel=1e-6)
    total = {k: sum(of_shares(s)[k] for s in sessions)
             for k in of_shares(everything)}
    assert total == of_shares(everything)
    # Whoever is asked for, it is the same.
    for by in ("worker", "pool", "user-agent"):
        points = stats(sc, "by", by)
        assert {k: sum(of_shares(x)[k] for x in points)
                for k in of_shares(everything)} == of_shares(everything)
        assert sum(x["messages"]["miner_to_pool"] for x in points) == \
            sum(s["stats"]["miner_to_pool"] for s in sessions)
        assert sum(x["bytes"]["pool_to_miner"] for x in points) == \
            sum(s["bytes"]["pool_to_miner"] for s in sessions)
    for w in sc.ctl("show", "workers"):
        [x] = stats(sc, "worker", w["name"])
        assert x["shares"]["accepted"] == w["shares"]["accepted"]
        assert x["hashrates"] == w["hashrates"]
        assert x["name"] == w["name"]
    assert stats(sc, "worker", "nobody") == []
    # By the minute: the steps are the whole.
    steps = stats(sc, "step", "1m")
    assert {k: sum(of_shares(x)[k] for x in steps)
            for k in of_shares(everything)} == of_shares(everything)
    assert sum(x["seconds"] for x in steps) == \
        pytest.approx(everything["seconds"])
    assert all(cap.micros(x["ts"]) % 60_000_000 == 0 for x in steps)
    # People see it too.
    text = sc.run_ctl("show", "stats", "by", "worker", json_out=False)
    assert b"HASHRATE" in text.stdout and b"H/s" in text.stdout
    assert b"400, " in sc.run_ctl("show", "summary",
                                  json_out=False).stdout


def test_time_is_split(scope, pool, miner, tmp_path):
    sc, _, _ = run(
        scope, pool, miner, tmp_path / "log", ("--latency", "100"),
        ("--shares", 40, "--rate", 100, "--depth", 1))
    shares = sc.ctl("show", "shares")
    assert len(shares) == 40
    for s in shares:
        part = s["latency"]
        assert part["own_us"] >= 0
        # What the pool took on purpose is the pool's, and all adds up.
        assert 100_000 <= part["pool_us"] + (part["tcp_pool_us"] or 0)
        whole = part["own_us"] + part["pool_us"] + (part["tcp_pool_us"] or 0)
        assert 0 <= whole - s["latency_ms"] * 1000 < 100_000
    [x] = stats(sc)
    mean = x["latency"]
    assert mean["count"] == 40
    assert mean["p50_us"] <= mean["p90_us"] <= mean["p99_us"]
    assert mean["mean_us"] == pytest.approx(
        mean["own_us"] + mean["tcp_pool_us"] + mean["pool_us"], abs=5)
    assert mean["pool_us"] + mean["tcp_pool_us"] >= 100_000


def test_killed_in_between(scope, pool, miner, tmp_path):
    """Nothing is counted twice, nothing is lost."""
    log = tmp_path / "log"
    p = pool("--log", log, "--seed", 1, "--difficulty", "1e-7")
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--lenient", "--shares", 600,
              "--rate", 300, "--connections", 3)
    for want in (100, 250, 400):
        hs.wait_for(lambda n=want: log.exists() and
                    log.read_bytes().count(b"\n") >= n, "shares")
        pid = sc.pid("captured")
        os.kill(pid, signal.SIGKILL)
        hs.wait_for(lambda old=pid: sc.pid("captured") not in (0, None, old),
                    "another captured")
    assert m.wait() == 0, m.json()
    sc.ended()
    assert p.stop() == 0
    said = hs.jsonl(log)
    credit = sum(x["diff"] for x in said if x["result"])
    sessions = sc.sessions()
    for points in (stats(sc), stats(sc, "by", "worker"), stats(sc, "step", "1m"),
                   sessions):
        assert sum(x["shares"]["total"] for x in points) == len(said) == 600
        assert sum(x["shares"]["accepted_difficulty"] for x in points) == \
            pytest.approx(credit, rel=0.01)
    assert sum(s["stats"]["total_messages"] for s in sessions) == sum(
        sum(x["messages"].values()) for x in stats(sc))
    for s in sessions:
        own = cap.micros(s["last_seen"]) - cap.micros(s["first_seen"])
        assert s["hashrates"]["1h"] == pytest.approx(
            s["shares"]["accepted_difficulty"] * DIFF1 / (own / 1e6), rel=1e-6)


def test_how_they_speak(scope):
    sc = scope()
    sc.say(
        b'{"id":"a","method":"mining.suggest_difficulty","params":[1]}\n'
        b'{"params":["x","y"],"id":null,"method":"mining.authorize"}\r\n'
        b'{"id":5,"method":"mining.subscribe","params":["odd/1.0"]}\n'
        b'{"id":6,"method":"mining.configure","params":[[],{}]}\n'
        b'{"id":6,"method":"mining.frobnicate","params":[]}\n'
        b'{"id":7,"method":"mining.notify","params":[]}\n'
        b'not json\n',
        b'{"id":9,"method":"mining.set_difficulty","params":[4]}\n'
        b'{"id":77,"result":true,"error":null}\n')
    sc.ended()
    [s] = sc.sessions()
    found = {n["code"]: n for n in s["conformance"]}
    assert set(found) == {
        "id_string", "suggest_before_authorize", "key_order", "id_null",
        "crlf", "authorize_before_subscribe", "configure_after_subscribe",
        "id_reused", "unknown_method", "wrong_side", "notification_id",
        "not_json", "unknown_answer"}
    by_id = {m["id"]: m for m in sc.messages()}
    crlf = found["crlf"]
    assert crlf["count"] == 1
    assert by_id[crlf["first_message_id"]]["crlf"]
    assert by_id[found["unknown_method"]["last_message_id"]]["method"] == \
        "mining.frobnicate"
    assert all(n["text"] for n in found.values())
    [x] = stats(sc, "user-agent", "odd/1.0")
    assert x["messages"]["miner_to_pool"] >= 4


def test_messages_go_figures_stay(scope, pool, miner, tmp_path):
    log = tmp_path / "log"
    p = pool("--log", log, "--seed", 1, "--difficulty", "1e-7")
    sc = scope("capture { messages 50 }",
               pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--lenient", "--shares", 500, "--rate", 0)
    assert m.wait() == 0, m.json()
    sc.ended()
    assert p.stop() == 0
    hs.wait_for(lambda: len(sc.messages()) <= 50, "messages to go")
    [x] = stats(sc)
    assert x["shares"]["total"] == 500
    with contextlib.closing(sqlite3.connect(
            f"file:{sc.store}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM minutes").fetchone()[0] > 0


def test_odd_shares_stay(scope, pool, miner, tmp_path):
    """Their messages and their session are gone, and they verify again."""
    log = tmp_path / "log"
    p = pool("--log", log, "--seed", 1, "--difficulty", "1e-7",
             "--wrong-rate", "0.3")
    sc = scope("capture { messages 50 }",
               pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--lenient", "--shares", 60, "--rate", 0,
              "--mix", "valid=80,low=20")
    assert m.wait() == 0, m.json()
    sc.ended()
    odd = [s for s in sc.ctl("show", "shares")
           if s["pool_verdict"] == "rejected"
           or s["agreement"].startswith("pool_")]
    before = {s["id"]: s for s in
              sc.ctl("show", "shares", "disputed")
              + sc.ctl("show", "shares", "pool", "rejected")}
    assert set(before) >= {s["id"] for s in odd} and len(before) > 20
    # Others push them out.
    m = miner(sc.host, sc.port, "--lenient", "--shares", 400, "--rate", 0,
              "--worker", "other")
    assert m.wait() == 0, m.json()
    sc.ended()
    assert p.stop() == 0
    hs.wait_for(lambda: len(sc.messages()) <= 50, "messages to go")
    after = {s["id"]: s for s in
             sc.ctl("show", "shares", "disputed")
             + sc.ctl("show", "shares", "pool", "rejected")}
    assert not {m["id"] for m in sc.messages()} & set(before)
    for key, s in before.items():
        kept = after[key]
        for name in ("worker", "session_id", "ts", "verdict", "cause",
                     "pool_verdict", "hash", "job_id", "difficulty"):
            assert kept[name] == s[name], (name, s, kept)
        again = sc.ctl("show", "share", key)
        assert again["hash"] == s["hash"] and again["verification"]
        assert sc.ctl("show", "job", kept["job"])["job_id"] == s["job_id"]


def test_jobs_spread(scope, pool, miner, tmp_path):
    sc, _, _ = run(
        scope, pool, miner, tmp_path / "log", ("--job-interval", "0.1"),
        ("--shares", 160, "--rate", 20, "--connections", 8))
    jobs = sc.ctl("show", "jobs")
    spread = [j["fanout"] for j in jobs if j["fanout"]["sessions"] > 0]
    assert len(spread) >= 3
    assert max(f["sessions"] for f in spread) == 8
    for f in spread:
        assert 0 <= f["p50_us"] <= f["p99_us"] <= f["last_us"] < 5_000_000
    # The first one was there when they came.
    assert jobs[-1]["fanout"]["sessions"] == 0
