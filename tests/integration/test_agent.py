"""hashscope-agent: shares from Nostr to one pool, and nothing else."""
import contextlib
import json
import signal
import socket
import threading
import time

import pytest

import hs
import nostr
import rig
import test_nostr

RUN = test_nostr.RUN
SESSION = "0190a1b2-0000-7000-8000-00000000000%d"

relay = test_nostr.relay


class Pool:
    """A pool that takes all: what was submitted is in .submits."""

    def __init__(self, verdict=lambda params: True):
        self.verdict = verdict
        self.submits, self.workers, self.agents = [], [], []
        self.connections = 0
        self._open = []
        self._lock = threading.Lock()
        self.port = 0
        self.start()

    def start(self):
        """Opens its port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,),
                         daemon=True).start()

    def stop(self):
        """Closes its port and all connections."""
        # Closing alone would not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def _accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(s)
                self.connections += 1
            threading.Thread(target=self._serve, args=(s,),
                             daemon=True).start()

    def _answer(self, m):
        if m["method"] == "mining.subscribe":
            self.agents.append(m["params"][0])
            return [[["mining.notify", "1"]], "abcd", 4]
        if m["method"] == "mining.authorize":
            self.workers.append(m["params"][0])
            return True
        self.submits.append(m["params"])
        return self.verdict(m["params"])

    def _serve(self, s):
        try:
            for text in s.makefile():
                m = json.loads(text)
                said = self._answer(m)
                line = {"id": m["id"], "result": said, "error": None}
                if said is False:
                    line = {"id": m["id"], "result": None,
                            "error": [21, "Stale share", None]}
                s.sendall(json.dumps(line).encode() + b"\n")
        except (OSError, ValueError):
            pass  # it ended, maybe within a line

    def drop(self):
        """Ends all connections; how many there have been."""
        with self._lock:
            ended, self._open = self._open, []
            seen = self.connections
        for s in ended:
            # The agent may have ended it first.
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        return seen

    def close(self):
        """Ends it."""
        self.stop()


@pytest.fixture
def takes_all(closing):
    """takes_all(verdict): a Pool."""
    return lambda *a: closing(Pool(*a))


@pytest.fixture
def agent(spawn, tmp_path):
    """agent(pool, key, *relays, more=): a running agent that listens."""
    def start(pool, key, *relays, name="a-1", more="", wait=True):
        conf = tmp_path / f"{name}.conf"
        conf.write_text(
            f'pool "stratum+tcp://127.0.0.1:{pool.port}"\nworker "own"\n'
            f'run "{RUN}"\nid "{name}"\nauthorized yes\n'
            f'trust "{key.public.hex()}"\ntelemetry 200ms\nretry 20ms\n'
            f'retry-max 200ms\nrate 1000/s\nreport "{tmp_path}/{name}.json"\n'
            + "".join(f'relay "{r.url}"\n' for r in relays) + more)
        a = spawn(hs.BUILD / "bin" / "hashscope-agent", "-f", conf)
        if wait:
            a.expect_error("ready")
            hs.wait_for(lambda: any(r.requests for r in relays), "a REQ")
        return a
    return start


def params(n):
    """The parameters of a submit."""
    return ["w", "6a", f"{n:08x}", "5f5e1000", f"{n * 7:08x}"]


def batch(key, numbers, session=1, created_at=None, **change):
    """An event with these shares, each with its number as seq."""
    content = {
        "schema": "hashscope.v2", "run_id": RUN,
        "base": int(time.time() * 1000), "pools": ["pool.example:3333"],
        "sessions": [f"{SESSION % session},0"], "workers": ["w"],
        "jobs": ["6a"],
        "rows": [f"0,{n},0,0,0," + ",".join(params(n)[2:])
                 for n in numbers], **change}
    return key.event(20780, json.dumps(content), test_nostr.tags(),
                     created_at)


def single(key, n, session=1, kind=30080, created_at=None, **change):
    """The original's event of one share."""
    content = {
        "schema": "hashscope.v1", "run_id": RUN, "event_id": "x", "seq": n,
        "ts": "2026-01-01T00:00:00Z",
        "pool": {"host": "evil.example", "port": 1},
        "stratum": {"method": "mining.submit", "id": 4, "params": params(n)},
        "repeat_count": 1, "raw": None,
        "context": {"session_id": SESSION % session, "miner_peer": ""},
        **change}
    return key.event(kind, json.dumps(content), test_nostr.tags() + [
        ["d", f"{RUN}:{n}"]], created_at)


def own(numbers):
    """What the pool must get."""
    return [["own", *params(n)[1:]] for n in numbers]


def test_replay(agent, relay, takes_all, tmp_path):
    """Shares come by both formats and by two relays, each is submitted once,
    in our own name, to our own pool; telemetry and a report tell of it."""
    key, pool = nostr.Key(), takes_all()
    one, two = relay(), relay()
    a = agent(pool, key, one, two)
    hs.wait_for(lambda: one.requests and two.requests, "both")
    assert set(one.requests[0][1]["kinds"]) == {20780, 30080, 20781}
    assert one.requests[0][1]["authors"] == [key.public.hex()]
    e = batch(key, range(1, 21))
    for r in (one, two):
        r.publish(e)
    two.publish(batch(key, range(15, 31)))
    one.publish(single(key, 31))
    two.publish(single(key, 30))
    hs.wait_for(lambda: len(pool.submits) >= 31, "submits")
    last = single(key, 32)
    one.publish(last)
    hs.wait_for(lambda: len(pool.submits) >= 32, "the last")
    assert sorted(pool.submits) == sorted(own(range(1, 33)))
    assert pool.agents == ["hashscope_agent/own"]
    assert pool.workers[0].startswith("own.hashscope_agent")

    def told():
        for e in one.events:
            c = json.loads(e["content"])
            if c["stats"]["submits_accepted_total"] == 32:
                return e
        return None
    e = hs.wait_for(told, "telemetry")
    c = json.loads(e["content"])
    assert nostr.is_good(e) and e["kind"] == 30079
    assert c["agent_id"] == "a-1" and c["conn_state"] == "connected"
    assert c["pool_target"] == {"host": "127.0.0.1", "port": pool.port}
    assert c["stats"]["share_events_received_total"] == 32
    assert c["stats"]["latency_p99_ms"] > 0
    assert nostr.tag(e, "d") == [f"{RUN}:a-1"]
    status = rig.proc_status(a.pid)
    assert status["Seccomp"] == "2" and int(status["CapEff"], 16) == 0
    assert a.stop() == 0
    report = json.loads((tmp_path / "a-1.json").read_text())
    assert report["accepted"] == report["submitted"] == 32
    assert report["rejected"] == 0 and report["latency_p50_ms"] > 0


def test_forged(agent, relay, takes_all):
    """Nothing but what the configured key signed, of this run and of now."""
    key, other, pool = nostr.Key(), nostr.Key(), takes_all()
    r = relay()
    agent(pool, key, r)
    now = int(time.time())
    tamper = test_nostr.tampered
    bad = [
        batch(other, [100]),
        tamper(batch(key, [101]), sig="0" * 128),
        tamper(batch(key, [102]),
               content=batch(key, [103])["content"]),
        tamper(batch(other, [104]), pubkey=key.public.hex()),
        batch(key, [105], run_id="other"),
        batch(key, [106], created_at=now + 3600),
        batch(key, [107], created_at=now - 3600),
        single(key, 108, kind=30081),
        single(key, 109, repeat_count=10**9),
        single(key, 110, repeat_count="5"),
        single(key, 111, stratum={"method": "mining.submit", "id": 1,
                                  "params": [1, 2, {}]}),
        single(key, 112, stratum={"method": "client.reconnect", "id": 1,
                                  "params": params(112)}),
        single(key, -113),
        key.event(20780, "x" * 1000000, test_nostr.tags()),
        key.event(20780, "[" * 50000, test_nostr.tags()),
        key.event(20780, batch(key, [114])["content"],
                  test_nostr.tags("other")),
        key.event(20780, batch(key, [115])["content"], test_nostr.tags() +
                  [["expiration", str(now - 1)]]),
    ]
    for e in bad:
        r.say(["EVENT", "hashscope", e])
    r.publish(batch(key, [1]))
    hs.wait_for(lambda: pool.submits, "the good one")
    r.publish(batch(key, [2]))
    hs.wait_for(lambda: len(pool.submits) == 2, "another")
    assert pool.submits == own([1, 2])


def test_bounds(agent, relay, takes_all, tmp_path):
    """How often, how many and how fast is the agent's own to say."""
    key, pool, r = nostr.Key(), takes_all(), relay()
    a = agent(pool, key, r, more="repeat 3\ntotal 10\n")
    r.publish(single(key, 1, repeat_count=1000))
    hs.wait_for(lambda: len(pool.submits) == 3, "three submits")
    r.publish(batch(key, range(2, 50)))
    assert a.wait() == 0
    report = json.loads((tmp_path / "a-1.json").read_text())
    assert report["submitted"] == len(pool.submits) == 10


def test_verdicts(agent, relay, takes_all, tmp_path):
    """What the pool rejects is counted by its reason."""
    key, r = nostr.Key(), relay()
    pool = takes_all(lambda p: int(p[2], 16) % 2 == 0)
    a = agent(pool, key, r)
    r.publish(batch(key, range(1, 11)))
    hs.wait_for(lambda: len(pool.submits) == 10, "submits")
    hs.wait_for(lambda: any(
        (c["submits_accepted_total"], c["submits_rejected_total"]) == (5, 5)
        for c in (json.loads(e["content"])["stats"] for e in r.events)),
        "telemetry of all")
    assert a.stop() == 0
    report = json.loads((tmp_path / "a-1.json").read_text())
    assert report["accepted"] == report["rejected"] == 5
    assert report["rejected_by_reason"] == {"stale": 5}


def test_comes_back(agent, relay, takes_all):
    """Pool and relay go and come, in any order."""
    key, pool, r = nostr.Key(), takes_all(), relay()
    agent(pool, key, r)
    for n in range(1, 7):
        if n % 2:
            seen = pool.drop()
            hs.wait_for(lambda s=seen: pool.connections > s, "the pool again")
        else:
            seen = len(r.requests)
            r.stop()
            r.start()
            hs.wait_for(lambda s=seen: len(r.requests) > s, "the relay again")
        r.publish(batch(key, range(1, n + 1)))
        hs.wait_for(lambda n=n: len(pool.submits) >= n, "submits")
    assert sorted(pool.submits) == sorted(own(range(1, 7)))


ORDERS = ["pr-pr", "pr-rp", "rp-pr", "rp-rp"]


@pytest.mark.parametrize("order", ORDERS)
def test_both_away(agent, relay, takes_all, order):
    """Pool and relay both go, and come back, the one or the other first."""
    key, pool, r = nostr.Key(), takes_all(), relay()
    both = {"p": pool, "r": r}
    agent(pool, key, r)
    pools, seen = pool.connections, len(r.requests)
    away, back = order.split("-")
    for who in away:
        both[who].stop()
    for who in back:
        both[who].start()
    hs.wait_for(lambda: pool.connections > pools and
                len(r.requests) > seen, "both again")
    r.publish(batch(key, [1]))
    hs.wait_for(lambda: pool.submits, "a submit")
    assert pool.submits == own([1])


def control(key, command, created_at=None, **more):
    """The operator's word."""
    return key.event(20781, json.dumps({
        "schema": "hashscope.v1", "run_id": RUN, "command": command,
        **more}), test_nostr.tags(), created_at)


def test_kill_switch(agent, relay, takes_all):
    """It stops a fleet at once; an old word does nothing."""
    key, pool, r = nostr.Key(), takes_all(), relay()
    fleet = [agent(pool, key, r, name=f"a-{i}") for i in (1, 2)]
    hs.wait_for(lambda: len(r.requests) == 2, "both")
    now = int(time.time())
    r.say(["EVENT", "hashscope", control(nostr.Key(), "stop", now + 5)])
    r.publish(single(key, 1))
    hs.wait_for(lambda: len(pool.submits) == 2, "one each")
    stop = control(key, "stop", now + 10)
    r.publish(stop)
    for a in fleet:
        a.expect_error("stopped by the operator")
    r.publish(single(key, 2))
    # Old, or said before: nothing.
    r.publish(control(key, "start", now + 9))
    r.publish(control(key, "start", now + 20, agent_id="a-1"))
    fleet[0].expect_error("started by the operator")
    r.publish(stop)
    r.publish(single(key, 3))
    hs.wait_for(lambda: len(pool.submits) == 3, "one of the first")
    assert sorted(pool.submits) == sorted(own([1, 1, 3]))
    lines = len(fleet[0].errors)
    fleet[0].send_signal(signal.SIGUSR1)
    fleet[0].expect_error("stopped by the operator", start=lines)


def test_refuses(spawn):
    """Without authorization, or without a publisher: not at all."""
    base = {"POOL_HOST": "127.0.0.1", "RUN_ID": "r",
            "NOSTR_RELAY_URL": "ws://127.0.0.1:1",
            "AGENT_AUTHORIZED": "yes",
            "NOSTR_TRUSTED": nostr.Key().public.hex()}
    binary = hs.BUILD / "bin" / "hashscope-agent"
    for name, word in (("AGENT_AUTHORIZED", "authorized"),
                       ("NOSTR_TRUSTED", "no publisher"),
                       ("POOL_HOST", "pool"), ("RUN_ID", "run"),
                       ("NOSTR_RELAY_URL", "relay")):
        a = spawn(binary, env={k: v for k, v in base.items() if k != name})
        assert a.wait() == 1
        assert word in "\n".join(a.errors)
    a = spawn(binary, "-n", env=base)
    assert a.wait() == 0, list(a.errors)
    a = spawn(binary, "-n", env={**base, "AGENT_POOL_HOST": "x:y:z"})
    assert a.wait() == 1 and "POOL_HOST" in "\n".join(a.errors)


def test_encrypted(scope, agent, relay, takes_all, closing):
    """Shares for a group: who has not its key reads nothing."""
    r, pool, none = relay(), takes_all(), takes_all()
    group = nostr.Key()
    sc = scope(test_nostr.settings(r.url, **{
        "encrypt to": f'"{group.public.hex()}"'}))
    npub = sc.npub()

    class Publisher:
        public = type("", (), {"hex": staticmethod(lambda: npub)})
    secret = sc.hsd.dir / "group.key"
    secret.write_text(group.secret.hex())
    secret.chmod(0o600)
    agent(pool, Publisher, r, name="in", more=f'group "{secret}"\n')
    agent(none, Publisher, r, name="out")
    hs.wait_for(lambda: len(r.requests) >= 2, "both")
    m = closing(test_nostr.Miner(sc))
    m.submit(20)
    hs.wait_for(lambda: len(pool.submits) == 20, "submits")
    assert sorted(pool.submits) == sorted(["own", *p[1:]] for p in m.sent)
    sent = [e for e in r.events if e["kind"] == 20780]
    assert sent and all(nostr.is_good(e) for e in sent)
    assert not any("{" in e["content"] or "w.1" in e["content"]
                   for e in sent)
    assert none.submits == []


def test_circle(scope, agent, relay, takes_all, closing):
    """A miner's shares go round: HashScope, relay, two agents, another pool,
    and telemetry back."""
    r, pool = relay(), takes_all()
    fleet_keys = [nostr.Key(), nostr.Key()]
    trust = '" "'.join(k.public.hex() for k in fleet_keys)
    sc = scope(test_nostr.settings(r.url, trust=f'"{trust}"'))
    npub = sc.npub()

    class Publisher:
        public = type("", (), {"hex": staticmethod(lambda: npub)})
    for i, k in enumerate(fleet_keys):
        secret = sc.hsd.dir / f"agent-{i}.key"
        secret.write_text(k.secret.hex())
        secret.chmod(0o600)
        agent(pool, Publisher, r, name=f"a-{i}",
              more=f'key "{secret}"\n')
    hs.wait_for(lambda: len(r.requests) >= 3, "all")
    m = closing(test_nostr.Miner(sc))
    m.submit(20)
    hs.wait_for(lambda: len(pool.submits) == 40, "submits")
    assert sorted(pool.submits) == sorted(
        2 * [["own", *p[1:]] for p in m.sent])
    hs.wait_for(lambda: sorted(
        (a["agent_id"], a["stats"]["submits_accepted_total"])
        for a in sc.ctl("show", "agents")) == [("a-0", 20), ("a-1", 20)],
        "telemetry of both")


MIX = 'mode mine\nmix "valid=80,stale=6,duplicate=5,low=5,malformed=4"\n'


def mined(agent, pool, relay, tmp_path, more, *options):
    """The report of an agent that mines at a simulated pool."""
    key, r = nostr.Key(), relay()
    p = pool("--difficulty", "1e-6", "--block-interval", "0.5", "--seed", 3,
             *options)
    a = agent(p, key, r, more=MIX + more)
    assert a.wait() == 0, list(a.errors)
    told = [json.loads(e["content"])["stats"]["verdict_mismatches_total"]
            for e in r.events]
    return json.loads((tmp_path / "a-1.json").read_text()), told


def test_mine(agent, pool, relay, tmp_path):
    """Shares of its own: the good ones are accepted, the faults are not."""
    report, told = mined(agent, pool, relay, tmp_path,
                         "rate 200/s\ntotal 800\n", "--latency", 30,
                         "--latency-spread", 30)
    made = report["made"]
    assert sum(k["submitted"] for k in made.values()) == 800
    assert all(k["wrong"] == 0 for k in made.values()), report
    assert all(k["submitted"] > 10 for k in made.values()), report
    assert made["valid"]["accepted"] + report["late"] == (
        made["valid"]["submitted"])
    assert made["valid"]["submitted"] >= 600
    assert set(told) == {0}
    # Never less than the pool's own clock says, but for the buckets of 2 %;
    # how much more is the machine's to say, and tests/bench/agent.py's.
    assert 30 * 0.97 <= report["latency_p50_ms"] <= report["latency_p90_ms"]
    assert report["latency_p50_ms"] <= report["latency_p99_ms"] < 10000


def test_mine_versions(agent, pool, relay, scope):
    """Version bits are rolled when the pool grants them: HashScope between
    the two computes each hash again, and agrees with the pool."""
    p = pool("--difficulty", "1e-6", "--seed", 3)
    sc = scope(pools=[f"stratum+tcp://127.0.0.1:{p.port}"])
    a = agent(sc, nostr.Key(), relay(),
              more='mode mine\nmix "valid=1"\nrate 50/s\ntotal 60\n')
    assert a.wait() == 0, list(a.errors)

    def judged():
        found = sc.ctl("show", "shares")
        return len(found) == 60 and all(
            s["pool_verdict"] != "unanswered" for s in found) and found
    shares = hs.wait_for(judged, "all shares")
    assert {(s["verdict"], s["pool_verdict"]) for s in shares} == {
        ("valid", "accepted")}
    assert len({s["version_bits"] for s in shares}) > 10
    assert {s["version_mask"] for s in shares} == {"1fffe000"}


def test_mine_misjudged(agent, pool, relay, tmp_path):
    """A pool that accepts anything is found out."""
    report, told = mined(agent, pool, relay, tmp_path,
                         "rate 200/s\ntotal 400\n", "--accept-all")
    made = report["made"]
    assert made["valid"]["wrong"] == 0
    for kind in ("stale", "duplicate", "low"):
        assert made[kind]["wrong"] == made[kind]["submitted"] > 0, report
    assert max(told) > 0


def test_example(spawn, tmp_path):
    """Every statement of the example is one."""
    text = (hs.ROOT / "etc" / "hashscope-agent.conf.example").read_text()
    lines = [x[1:] for x in text.splitlines()
             if x[:1] == "#" and x[1:2] != " "]
    assert len(lines) > 10
    conf = tmp_path / "agent.conf"
    conf.write_text("\n".join(lines).replace(
        '"npub1..."', f'"{nostr.Key().public.hex()}"') + "\n")
    a = spawn(hs.BUILD / "bin" / "hashscope-agent", "-n", "-f", conf)
    assert a.wait() == 0, list(a.errors)
