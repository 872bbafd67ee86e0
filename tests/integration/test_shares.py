"""Every share is judged by captured as well, and what it found is in the
store beside what the pool said."""
import collections
import contextlib
import os
import signal
import sqlite3

import pytest

import hs

MASK = "1fffe000"


def shares(sc):
    """All shares, oldest first."""
    with contextlib.closing(sqlite3.connect(
            f"file:{sc.store}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute(
            "SELECT h.pos, h.session, w.name AS worker, h.job_id, h.hash,"
            " h.reached, h.required, h.job_difficulty, h.pool_verdict,"
            " h.code, h.error, h.latency, h.firm, h.nonce,"
            " v.text AS verdict, c.text AS cause, a.text AS agreement,"
            " f.text AS formula FROM shares h"
            " JOIN workers w ON w.worker=h.worker"
            " JOIN names v ON v.name=h.verdict"
            " JOIN names c ON c.name=h.cause"
            " LEFT JOIN names a ON a.name=h.agreement"
            " LEFT JOIN names f ON f.name=h.formula ORDER BY h.pos")]


def mine(scope, pool, miner, log, pool_options, miner_options, lenient=True):
    """A miner through HashScope: (its summary, the pool's log, shares)."""
    p = pool("--log", log, "--seed", 1, *pool_options)
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2,
              *(["--lenient"] if lenient else []), *miner_options)
    assert m.wait() == 0, m.json()
    sc.ended()
    assert p.stop() == 0
    return m.json(), hs.jsonl(log), shares(sc)


def check_judged(s):
    """The pool that was right is called right; a share that was on its way
    when the block changed is stale to the pool, whatever else it is."""
    accepted = s["pool_verdict"] == 1
    assert accepted or s["pool_verdict"] == 2
    if s["agreement"] == "agrees":
        assert accepted == (s["verdict"] == "valid"), s
    elif s["verdict"] == "valid":
        assert (s["agreement"], s["cause"]) == ("open", "stale_in_flight"), s
    else:
        assert s["agreement"] == "other_reason" and not accepted, s
        assert "Stale" in s["error"] or "stale" in s["error"], s


def by_hash(said):
    """{hash as displayed: [lines of the pool's log]}."""
    found = collections.defaultdict(list)
    for s in said:
        found[s["hash"]].append(s)
    return found


@pytest.mark.parametrize("kind", ["array", "object", "ckpool", "string"])
def test_verdicts_are_the_pools(scope, pool, miner, tmp_path, kind):
    got, said, mined = mine(
        scope, pool, miner, tmp_path / "log",
        ("--difficulty", "1e-7", "--job-interval", "0.03",
         "--block-interval", "0.1", "--reject-kind", kind),
        ("--shares", 300, "--rate", 200, "--connections", 3,
         "--version-rolling", MASK, "--cpuminer-ids", "--mix",
         "valid=60,stale=6,duplicate=6,low=6,ntime=6,extranonce2=6,version=6,"
         "job=6"), lenient=False)
    assert len(mined) == len(said) == 300
    assert all(s["latency"] > 0 for s in mined)
    for s in mined:
        check_judged(s)
    agreed = [s for s in mined if s["agreement"] == "agrees"]
    assert len(agreed) > 270
    assert {s["verdict"] for s in agreed} >= {
        "valid", "duplicate", "low_difficulty", "bad_ntime",
        "bad_extranonce2", "bad_version"}
    # What hash and difficulty the pool itself came to.
    hashes = by_hash(x for x in said if x["result"])
    for s in mined:
        if s["verdict"] != "valid" or s["pool_verdict"] != 1:
            continue
        theirs = hashes[bytes(reversed(s["hash"])).hex()][0]
        assert s["reached"] == pytest.approx(theirs["sdiff"], rel=1e-6)
        assert s["job_difficulty"] == theirs["diff"]


@pytest.mark.parametrize("fault, verdict, cause", [
    ("stale", "stale", "stale"),
    ("job", "unknown_job", "unknown_job"),
    ("duplicate", "duplicate", "duplicate"),
    ("low", "low_difficulty", "low_difficulty"),
    ("extranonce2", "bad_extranonce2", "extranonce2_length"),
    ("version", "bad_version", "bits_outside_mask"),
])
def test_a_pool_that_accepts_anything(scope, pool, miner, tmp_path, fault,
                                      verdict, cause):
    got, said, mined = mine(
        scope, pool, miner, tmp_path / "log",
        ("--difficulty", "1e-8", "--accept-all",
         *(["--block-interval", "0.1"] if fault == "stale" else [])),
        ("--shares", 30, "--rate", 40, "--depth", 1, "--fault", fault,
         *(["--version-rolling", MASK] if fault == "version" else [])))
    bad = [s for s in mined if s["verdict"] != "valid"]
    assert len(mined) == 30 and len(bad) > 5
    found = collections.Counter((s["verdict"], s["cause"]) for s in bad)
    if fault == "stale":
        # Before there was another block there is nothing that is stale.
        found.pop(("unknown_job", "unknown_job"), None)
    assert set(found) == {(verdict, cause)} and found.total() > 5
    for s in bad:
        assert s["pool_verdict"] == 1
        assert s["agreement"] == (
            "pool_accepts_invalid" if s["firm"] else "open"), s
    if fault in ("low", "duplicate", "stale"):
        assert all(s["firm"] for s in bad)


def test_a_pool_that_rejects_what_is_valid(scope, pool, miner, tmp_path):
    got, said, mined = mine(
        scope, pool, miner, tmp_path / "log",
        ("--difficulty", "1e-8", "--wrong-rate", "0.5"),
        ("--shares", 60, "--rate", 0))
    assert {s["verdict"] for s in mined} == {"valid"}
    wrong = [s for s in mined if s["pool_verdict"] == 2]
    assert 10 < len(wrong) < 50
    for s in mined:
        # Rejected without a reason that tells: it is wrong either way.
        assert s["agreement"] == (
            "agrees" if s["pool_verdict"] == 1 else "pool_rejects_valid"), s


def test_the_formula_is_named(scope, pool, miner, tmp_path):
    got, said, mined = mine(
        scope, pool, miner, tmp_path / "log",
        ("--difficulty", "1e-6", "--version-formula", "bip310",
         "--job-version", "3555e000"),
        ("--shares", 30, "--rate", 0, "--version-rolling", MASK,
         "--formula", "or"))
    rejected = [s for s in mined if s["pool_verdict"] == 2]
    assert len(rejected) > 25
    assert {(s["verdict"], s["cause"], s["formula"]) for s in rejected} == {
        ("valid", "version_formula", "or")}


def test_the_transcript(scope, player):
    p = player("--lockstep")
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    p.send(f"connect {sc.host} {sc.port}")
    assert p.wait() == 0, p.json()
    sc.ended()
    mined = shares(sc)
    logged = by_hash(hs.jsonl(
        hs.DATA / "transcripts" / "ckpool-cpuminer.shares.jsonl"))
    assert len(mined) == 189
    for s in mined:
        theirs = logged[bytes(reversed(s["hash"])).hex()].pop(0)
        assert s["reached"] == pytest.approx(theirs["sdiff"], rel=1e-9)
        assert (s["verdict"] == "valid") == theirs["result"]
        assert s["agreement"] == "agrees"
        assert s["worker"] == theirs["workername"]


def test_killed_while_mining(scope, pool, miner, tmp_path):
    """captured is killed again and again: no share is judged otherwise."""
    p = pool("--difficulty", "1e-7", "--job-interval", "0.5", "--seed", 1)
    sc = scope("", pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--rate", 100,
              "--connections", 3, "--mix", "valid=80,duplicate=10,low=10")
    for _ in range(3):
        old = hs.wait_for(lambda: sc.pid("captured"), "captured")
        seen = (sc.capture_stats() or {}).get("messages_seen", 0)
        hs.wait_for(lambda: (sc.capture_stats() or {}).get(
            "messages_seen", 0) > seen + 20, "some more messages")
        os.kill(old, signal.SIGKILL)
        hs.wait_for(lambda: sc.pid("captured") not in (0, old),
                    "another captured")
        sc.wait_processes()
    assert m.stop() == 0, m.json()
    sc.ended()
    mined = shares(sc)
    assert len(mined) == m.json()["submits"] > 30
    assert {s["agreement"] for s in mined} == {"agrees"}
    found = collections.Counter(s["verdict"] for s in mined)
    assert found["valid"] == m.json()["accepted"]
