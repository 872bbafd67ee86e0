"""Shares submitted again, by the real programs, to a pool that the test plays
line by line; and what is set for a worker."""
import json
import os
import signal
import subprocess
import time

import pytest
import requests

import cap
import hs
import rig

SUBSCRIBE = (b'{"id": 1, "method": "mining.subscribe", "params": '
             b'["cpuminer/2.5.1", "miner-s"]}\n')
AUTHORIZE = b'{"id": 2, "method": "mining.authorize", "params": ["%s", "x"]}\n'
SUBMIT = (b'{"params": ["%s", "j1", "00000000", "5f5e1000", "%08x"], '
          b'"id": 4, "method": "mining.submit"}\n')
SUBSCRIBED = (b'{"id":%d,"error":null,"result":[[["mining.notify","%s"]],'
              b'"%s",4]}\n')


class Leg:
    """A pool's end of a connection, by lines."""

    def __init__(self, conn):
        self.conn = conn
        self.file = conn.makefile("rb")

    def hear(self, method=None):
        """The next line as an object."""
        m = json.loads(self.file.readline())
        assert method in (None, m["method"]), m
        return m

    def say(self, data):
        """Bytes as they are."""
        self.conn.sendall(data)

    def answer(self, asked, result=True, error=None):
        """An answer to what was heard."""
        self.say(json.dumps({"id": asked["id"], "result": result,
                             "error": error}).encode() + b"\n")

    def greet(self, session=b"5e55", extranonce1=b"f000000f"):
        """subscribe and authorize; both as they were asked."""
        subscribe = self.hear("mining.subscribe")
        self.say(SUBSCRIBED % (subscribe["id"], session, extranonce1))
        authorize = self.hear("mining.authorize")
        self.answer(authorize)
        return subscribe, authorize


class Mining:
    """A miner's session through a Scope, with the pool's end."""

    def __init__(self, sc, pool=None, worker=b"farm.1"):
        self.sc = sc
        self.miner = sc.miner()
        self.port = self.miner.getsockname()[1]
        self.pool = Leg((pool or sc.pool).accept())
        self.got = self.miner.makefile("rb")
        self.miner.sendall(SUBSCRIBE + AUTHORIZE % worker)
        self.pool.greet(b"01d0", b"aaaa0001")
        for _ in range(2):
            assert self.got.readline()

    def submit(self, nonce=1, result=True):
        """A share and its answer; the line."""
        line = SUBMIT % (b"farm.1", nonce)
        self.miner.sendall(line)
        self.pool.answer(self.pool.hear("mining.submit"), result)
        assert json.loads(self.got.readline())["result"] is result
        return line

    def share(self, nonce=1):
        """The id of a share's message, once it is stored."""
        line = self.submit(nonce)
        return self.stored(line)["id"]

    def stored(self, line):
        """The newest stored message that is this line of the miner."""
        def look():
            return next((m for m in self.sc.messages(
                "direction", "miner_to_pool", "method", "mining.submit")
                if cap.raw(m) + b"\n" == line), None)
        return hs.wait_for(look, "a stored share")

    @property
    def session(self):
        """The session as an object, once it is stored."""
        def look():
            return next((s for s in self.sc.sessions() if s["workers"] and
                         s["peer"].endswith(f":{self.port}")), None)
        return hs.wait_for(look, "a stored session that has authorized")

    @property
    def id(self):
        """Its id."""
        return self.session["session_id"]

    def untouched(self):
        """Nothing came to the miner that its own connection's pool did not
        say, and nothing to that pool that the miner did not."""
        return rig.silent(self.miner, 0) and rig.silent(self.pool.conn, 0)


def replay(sc, *words):
    """hashscopectl replay in a thread: (exit code, object, errors)."""
    def run():
        done = sc.run_ctl("replay", *words)
        return (done.returncode,
                json.loads(done.stdout) if done.stdout else None,
                done.stderr.decode())
    return rig.Worker(run)


def replays(sc, want):
    """The submits of HashScope's own that are stored, oldest first."""
    def look():
        got = [m for m in sc.messages("direction", "hashscope_to_pool",
                                      "method", "mining.submit")]
        return got[::-1] if len(got) >= want else None
    return hs.wait_for(look, f"{want} stored replays")


def kill(sc, role):
    """Ends a process; its pid."""
    pid = sc.pid(role)
    os.kill(pid, signal.SIGKILL)
    return pid


def another(sc, role, old):
    """Waits for the process after that one, and for all the others."""
    hs.wait_for(lambda: sc.pid(role) not in (0, None, old), f"a new {role}")
    sc.wait_processes()


# --- replays ---

def test_a_stored_share(scope):
    sc = scope()
    m = Mining(sc)
    line = m.submit()
    share = m.stored(line)
    assert share["replay_of"] is None
    job = replay(sc, share["id"])
    pool = Leg(sc.pool.accept())
    subscribe, authorize = pool.greet()
    # Some pools resume by the id that they gave to the original.
    assert subscribe["params"][0].startswith("HashScope/")
    assert subscribe["params"][1] == "01d0"
    assert authorize["params"] == ["farm.1", "x"]
    asked = pool.file.readline()
    # The stored bytes, but for the id.
    assert asked == line.replace(b'"id": 4', b'"id": %d' % json.loads(
        asked)["id"])
    pool.answer(json.loads(asked))
    code, result, _ = job.result()
    assert code == 0 and result["success"] is True, result
    assert result["pool_response"] == {
        "id": json.loads(asked)["id"], "result": True, "error": None}
    assert result["error"] is None and result["latency_ms"] > 0
    assert "f000000f instead of aaaa0001" in result["note"]
    assert m.untouched()
    # Captured like anything, and with what it repeats.
    again, = replays(sc, 1)
    assert again["replay_of"] == share["id"]
    assert again["direction"] == "hashscope_to_pool"
    assert cap.raw(again) + b"\n" == asked
    assert again["peer"] == f"hashscope→127.0.0.1:{sc.pool.port}"
    hs.wait_for(lambda: replays(sc, 1)[0]["response"], "its answer")
    session = sc.ctl("show", "session", again["session_id"])
    assert session["replay"] is True and session["replay_of"] == share["id"]
    assert session["broadcast_enabled"] is False
    own = [x for x in sc.messages("session", again["session_id"])
           if x["method"] == "mining.authorize" and x["is_request"]]
    assert own[0]["replay_of"] is None and own[0]["redacted"] is True
    # The same again goes over the same connection.
    job = replay(sc, share["id"])
    pool.answer(pool.hear("mining.submit"), None, [22, "Duplicate", None])
    code, result, _ = job.result()
    assert code == 1 and result["success"] is False
    assert result["error"] == "the pool rejects it: Duplicate"
    assert not sc.pool.waiting()


def test_pools_that_fail(scope):
    """Dead, silent from the beginning, silent to the share."""
    sc = scope("replay { answer 2s }")
    m = Mining(sc)
    share = m.share()
    for greets in (False, True):
        job = replay(sc, share)
        pool = Leg(sc.pool.accept())
        if greets:
            pool.greet()
            pool.hear("mining.submit")
        code, result, _ = job.result()
        assert code == 1
        assert result["success"] is False and result["pool_response"] is None
        assert result["error"] == "the pool did not answer within 2 s"
    sc.pool.sock.close()
    code, result, _ = replay(sc, share).result()
    assert code == 1 and result["success"] is False
    assert "could not be reached" in result["error"]
    assert m.untouched()
    # And for people.
    done = sc.run_ctl("replay", share, json_out=False)
    assert done.returncode == 1
    assert b"could not be reached" in done.stdout


def test_edits(scope):
    sc = scope()
    m = Mining(sc)
    share = m.share()
    for wrong, why in (
            ("{", "not one JSON value"), ("[1]", "not a JSON object"),
            ('{"id":1,"method":"mining.authorize","params":[]}',
             "not a mining.submit"),
            ('{"id":1,"method":"mining.submit","params":{}}', "not an array")):
        code, result, errors = replay(sc, share, "edit", wrong).result()
        assert code == 1 and result is None and why in errors
    edited = '{"method":"mining.submit","id":"x","params":["farm.1","none"]}'
    job = replay(sc, share, "edit", edited)
    pool = Leg(sc.pool.accept())
    pool.greet()
    asked = pool.hear("mining.submit")
    assert asked["params"] == ["farm.1", "none"]
    pool.answer(asked, None, [20, "Malformed", None])
    code, result, _ = job.result()
    assert code == 1 and "edited" in result["note"]
    assert replays(sc, 1)[0]["replay_of"] == share


def test_what_cannot_be_replayed(scope):
    sc = scope()
    m = Mining(sc)
    share = m.share()
    sc.settle()
    by = {(x["direction"], x["method"], x["is_request"]): x["id"]
          for x in sc.messages()}
    for message, why in (
            (by["pool_to_miner", "mining.submit", False],
             "Can only replay messages from miner to pool"),
            (by["miner_to_pool", "mining.authorize", True],
             "Can only replay mining.submit messages"),
            (999999999, "Message not found")):
        code, result, errors = replay(sc, message).result()
        assert code == 1 and result is None and why in errors
    m.miner.close()
    m.pool.conn.close()
    m.pool.file.close()
    m.got.close()
    sc.ended()
    code, _, errors = replay(sc, share).result()
    assert code == 1 and "Session not active" in errors


def test_it_goes_to_the_pool_of_its_session(scope):
    """The first pool was away when the miner came, and is back."""
    first, second = rig.Pool(), rig.Pool()
    port = first.port
    first.close()
    sc = scope("timers { pool-retry 1s }", pools=[first, second])
    m = Mining(sc, second)
    share = m.share()
    again = rig.Pool(port=port)
    sc.pools.append(again)
    job = replay(sc, share)
    pool = Leg(second.accept())
    pool.greet()
    pool.answer(pool.hear("mining.submit"))
    assert job.result()[0] == 0
    assert not again.waiting()


def test_often(scope):
    sc = scope("replay { rate 1000/s }")
    m = Mining(sc)
    share = m.share()
    job = replay(sc, share, "count", 100)
    pool = Leg(sc.pool.accept())
    pool.greet()
    for i in range(100):
        pool.answer(pool.hear("mining.submit"), i == 0)
    code, result, _ = job.result()
    assert code == 1
    assert (result["count"], result["sent"], result["accepted"],
            result["rejected"]) == (100, 100, 1, 99)
    assert {x["replay_of"] for x in replays(sc, 100)} == {share}
    # Nobody mined them: they are in no account.
    assert [(w["name"], w["shares"]["total"])
            for w in sc.ctl("show", "workers")] == [("farm.1", 1)]
    assert len(sc.ctl("show", "shares")) == 1


def test_stop(scope):
    sc = scope("replay { rate 10/s }")
    m = Mining(sc)
    job = replay(sc, m.share(), "count", 1000)
    pool = Leg(sc.pool.accept())
    pool.greet()
    pool.answer(pool.hear("mining.submit"))
    assert sc.ctl("replay", "stop")["replays_stopped"] == 1
    code, result, _ = job.result()
    assert code == 1 and result["error"] == "stopped"
    assert result["sent"] < 1000


def test_simulated_pool(scope, pool, miner):
    """Another extranonce1 makes another hash; the note says so."""
    p = pool("--difficulty", "1e-6", "--extranonce1-size", "4")
    sc = scope(pools=[f"stratum+tcp://{p.host}:{p.port}"])
    miner(sc.host, sc.port, "--shares", "1000000")

    def accepted():
        return [x for x in sc.messages("method", "mining.submit", "direction",
                                       "miner_to_pool", "limit", "20")
                if (x["response"] or {}).get("result") is True]
    share = hs.wait_for(accepted, "an accepted share")[0]
    code, result, _ = replay(sc, share["id"]).result()
    assert code == 1 and result["success"] is False
    assert result["pool_response"]["result"] is not True
    assert "extranonce1" in result["note"]


# --- auto-replay ---

def auto(sc, m, on):
    """Switches it; the answer."""
    return sc.ctl("auto-replay", "session", m.id, "on" if on else "off")


def test_auto_replay(scope):
    """At its rate, so often as is set, until its session ends."""
    sc = scope("replay { rate 50/s }")
    m = Mining(sc)
    assert m.session["auto_replay_count"] == 1
    assert sc.ctl("auto-replay-count", "session", m.id, "30") == {
        "session_id": m.id, "worker": "farm.1", "auto_replay_count": 30}
    m.share(1)
    assert auto(sc, m, True) == {"session_id": m.id,
                                 "auto_replay_enabled": True}
    assert m.session["auto_replay_enabled"] is True
    share = m.share(2)
    pool = Leg(sc.pool.accept())
    # Before the first is sent, however long we take to hear of it.
    began = time.monotonic()
    pool.greet()
    for _ in range(30):
        asked = pool.hear("mining.submit")
        assert asked["params"][4] == "00000002"
        pool.answer(asked)
    took = time.monotonic() - began
    # 29 intervals of 20 ms, one of which may be made up for.
    assert took > 28 * 0.02
    assert {x["replay_of"] for x in replays(sc, 30)} == {share}
    # The next share is followed too, from a connection of its own; for
    # twenty seconds, were it not for the end of its session.
    session = m.id
    sc.ctl("auto-replay-count", "session", session, "1000")
    m.submit(3)
    pool = Leg(sc.pool.accept())
    pool.greet()
    assert pool.hear("mining.submit")["params"][4] == "00000003"
    m.miner.shutdown(1)
    m.pool.conn.shutdown(1)
    assert rig.recv_end(pool.conn)[0].count(b"\n") < 999
    hs.wait_for(lambda: sc.ctl("show", "session", session)["state"] ==
                "ended", "the end of the session")
    assert sc.ctl("show", "session", session)["auto_replay_enabled"] is False


def test_auto_replay_stops_at_once(scope):
    """900,000 are a bound, and no reason to wait."""
    sc = scope("replay { rate 1000000/s  answer 5m }")
    m = Mining(sc)
    sc.ctl("auto-replay-count", "worker", "farm.1", "900000")
    auto(sc, m, True)
    m.submit(1)
    pool = Leg(sc.pool.accept())
    pool.greet()
    for _ in range(2000):
        pool.answer(pool.hear("mining.submit"))
    stop = rig.Worker(auto, sc, m, False)
    # It does not wait for answers, which there is much time for.
    rest = rig.recv_end(pool.conn)[0]
    assert stop.result()["auto_replay_enabled"] is False
    # The window, at most.
    assert rest.count(b"\n") <= 64
    assert m.session["auto_replay_enabled"] is False
    m.submit(2)
    assert m.untouched() and not sc.pool.waiting()


def test_the_end_of_the_role(scope):
    """Its loops end with it, which is said; the next one is as good."""
    sc = scope(args=["-v"])
    m = Mining(sc)
    auto(sc, m, True)
    old = kill(sc, "replay")
    sc.hsd.expect_error("auto-replay of 1 sessions has ended")
    another(sc, "replay", old)
    hs.wait_for(lambda: m.session["auto_replay_enabled"] is False,
                "the end of auto-replay")
    job = replay(sc, m.share())
    pool = Leg(sc.pool.accept())
    pool.greet()
    pool.answer(pool.hear("mining.submit"))
    assert job.result()[0] == 0
    assert m.untouched()


def test_auto_replay_outlives_captured(scope):
    sc = scope()
    m = Mining(sc)
    auto(sc, m, True)
    another(sc, "captured", kill(sc, "captured"))
    hs.wait_for(lambda: m.session["auto_replay_enabled"] is True,
                "that it is told of again")
    m.submit(7)
    pool = Leg(sc.pool.accept())
    pool.greet()
    assert pool.hear("mining.submit")["params"][4] == "00000007"


def test_replay_of_outlives_captured(scope):
    """What a replay repeats is told again by relayd."""
    sc = scope()
    m = Mining(sc)
    share = m.share()
    job = replay(sc, share)
    pool = Leg(sc.pool.accept())
    pool.greet()
    asked = pool.hear("mining.submit")
    old = kill(sc, "captured")
    pool.answer(asked)
    assert job.result()[0] == 0
    another(sc, "captured", old)
    again, = replays(sc, 1)
    assert again["replay_of"] == share
    hs.wait_for(lambda: replays(sc, 1)[0]["response"], "its answer")


# --- what is set for a worker ---

def test_settings(scope):
    sc = scope('nostr { enabled no broadcast worker "barn.*" on }')
    m = Mining(sc)
    barn = Mining(sc, worker=b"barn.1")
    assert barn.session["broadcast_enabled"] is True
    assert m.session["broadcast_enabled"] is False
    assert sc.ctl("broadcast", "session", m.id, "on") == {
        "session_id": m.id, "worker": "farm.1", "broadcast_enabled": True}
    assert m.session["broadcast_enabled"] is True
    assert sc.ctl("broadcast", "worker", "barn.1", "off") == {
        "worker": "barn.1", "broadcast_enabled": False}
    assert barn.session["broadcast_enabled"] is False
    assert sc.ctl("repeat-count", "worker", "farm.1", "1000")[
        "repeat_count"] == 1000
    done = sc.run_ctl("repeat-count", "worker", "farm.1", "1001")
    assert done.returncode == 2
    # Answered is stored: nothing else may come between.
    another(sc, "captured", kill(sc, "captured"))
    s = Mining(sc).session
    assert s["broadcast_enabled"] is True and s["repeat_count"] == 1000
    assert s["auto_replay_count"] == 1
    # A reload changes what nobody has set.
    sc.hsd.configure(sc.text.replace("barn.*", "farm.*"))
    assert sc.run_ctl("reload").returncode == 0
    third = Mining(sc, worker=b"farm.3")
    assert third.session["broadcast_enabled"] is True


@pytest.mark.parametrize("words", [
    ("broadcast", "worker", "x", "maybe"), ("replay", "0"),
    ("replay", "1", "count", "1001"), ("auto-replay", "session", "0", "1"),
    ("auto-replay-count", "worker", "x", "900001")])
def test_words_that_are_none(build, words):
    """Refused before anything is asked."""
    done = subprocess.run([rig.CTL, *words], capture_output=True,
                          timeout=hs.DEADLINE)
    assert done.returncode == 2


def test_pools_are_shown(scope):
    """Each pool of the listener: state, sessions, connects, failures."""
    first, second = rig.Pool(), rig.Pool()
    first.close()
    sc = scope("timers { pool-retry 1h }", pools=[first, second])
    fresh = sc.ctl("show", "pools")
    assert [(p["port"], p["state"], p["sessions"], p["connects"],
             p["last_connect"], p["error"]) for p in fresh] == [
                 (x.port, "up", 0, 0, None, None) for x in (first, second)]
    miners = [Mining(sc, second) for _ in range(2)]
    down, up = sc.ctl("show", "pools")
    assert down["state"] == "down" and down["retry_ms"] > 3000000
    assert down["failures"] == 1 and down["error"]
    assert cap.micros(down["last_failure"]) >= sc.began_us
    assert up["state"] == "up" and up["sessions"] == up["connects"] == 2
    assert up["peer"] == f"127.0.0.1:{second.port}" and up["index"] == 1
    assert up["connect_ms"] > 0 and up["listener"].endswith(str(sc.port))
    assert cap.micros(up["last_connect"]) >= sc.began_us
    miners[0].miner.shutdown(2)
    rig.recv_end(miners[0].pool.conn)
    miners[0].pool.conn.shutdown(2)
    hs.wait_for(lambda: sc.ctl("show", "pools")[1]["sessions"] == 1,
                "one session less")
    said = sc.run_ctl("show", "pools", json_out=False).stdout.decode()
    assert "LISTENER" in said and "down, again in" in said


def test_rest(scope):
    """The original's routes, statuses and fields."""
    sc = scope("replay { answer 2s }", env={"API_AUTH": "none"},
               args=["-v"])
    url = sc.hsd.expect_error(
        r"the console is at (http://\S+)/ and asks nobody")[1] + "/api"

    def post(path, body=None):
        r = requests.post(url + path, json=body, timeout=hs.DEADLINE)
        return r.status_code, r.json()

    def settings():
        r = requests.get(f"{url}/sessions/{m.id}", timeout=hs.DEADLINE).json()
        return [r[k] for k in ("broadcast_enabled", "repeat_count",
                               "auto_replay_enabled", "auto_replay_count")]
    m = Mining(sc)
    share, at = m.share(), f"/sessions/{m.id}"
    assert settings() == [False, 1, False, 1]
    assert post(f"{at}/broadcast/enable") == (
        200, {"session_id": m.id, "broadcast_enabled": True})
    assert post(f"{at}/repeat-count", {"repeat_count": 7})[0] == 200
    assert post(f"{at}/repeat-count", {"repeat_count": 1001})[0] == 400
    assert post(f"{at}/auto-replay-count", {"auto_replay_count": 9}) == (
        200, {"session_id": m.id, "auto_replay_count": 9})
    assert post(f"{at}/auto-replay-count", {"auto_replay_count": 900001})[
        0] == 422
    assert post(f"{at}/auto-replay/enable") == (
        200, {"session_id": m.id, "auto_replay_enabled": True})
    assert settings() == [True, 7, True, 9]
    assert post(f"{at}/auto-replay/disable")[1]["auto_replay_enabled"] is False
    assert settings() == [True, 7, False, 9]
    job = rig.Worker(post, f"/messages/{share}/replay")
    pool = Leg(sc.pool.accept())
    pool.greet()
    asked = pool.hear("mining.submit")
    pool.answer(asked)
    status, result = job.result()
    assert status == 200 and result["success"] is True
    assert result["pool_response"]["id"] == asked["id"]
    # The same connection, silent this time.
    pools = requests.get(f"{url}/pools", timeout=hs.DEADLINE).json()
    assert [(p["port"], p["state"], p["sessions"]) for p in pools] == [
        (sc.pool.port, "up", 2)]
    status, result = post(f"/messages/{share}/replay")
    assert (status, result["success"], result["pool_response"]) == (
        200, False, None)
    assert "did not answer" in result["error"]
    edit = {"modified_message": '{"id":1,"method":"mining.submit"}'}
    assert post(f"/messages/{share}/replay", edit)[0] == 400
    assert post("/messages/99999999/replay")[0] == 404
