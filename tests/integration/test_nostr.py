"""Shares go out to relays, whatever relays do."""
import contextlib
import json
import os
import signal
import subprocess

import pytest

import hs
import nostr
import rig

RUN = "test-run"


QUICK = {"flush": "50ms", "rate": "1000/s", "burst": "1000",
         "retry": "20ms", "retry-max": "100ms", "answer": "10s",
         "connect": "10s", "pause": "100ms", "broadcast default": "on"}


def settings(*urls, **more):
    """A nostr block with everything quick, but for what is said."""
    words = {**QUICK, **{k.replace("_", "-"): v for k, v in more.items()}}
    return (f'nostr {{ run "{RUN}"' + "".join(
        f' relay "{u}"' for u in urls) + "".join(
        f" {k} {v}" for k, v in words.items()) + " }\n")


@pytest.fixture
def relay(closing):
    """relay(answer=None, ...): a nostr.Relay."""
    return lambda *a, **kw: closing(nostr.Relay(*a, **kw))


def subscribed(sc):
    """Waits until nostrd has its place: what is committed before the first
    time that it asks is not published.  And control knows it then."""
    if not getattr(sc, "placed", False):
        hs.wait_for(sc.is_fed, "nostrd at the feed")
        # What it asks for is on its way to it; then it answers this.
        sc.placed = hs.wait_for(
            lambda: sc.run_ctl("show", "relays").returncode == 0, "nostrd")


class Miner:
    """A session that submits; what it sent is in .sent."""

    def __init__(self, scope, worker="w.1"):
        if "nostr {" in scope.text and "enabled no" not in scope.text:
            subscribed(scope)
        self.sock, self.pool = scope.pair()
        self.worker = worker
        self.sent = []
        self.say("mining.subscribe", ["test/1"])
        self.say("mining.authorize", [worker, "x"])

    def say(self, method, params):
        """A request of it reaches the pool."""
        rig.send_and_expect(self.sock, self.pool,
                            self._line(method, params))

    def _line(self, method, params):
        return json.dumps({"id": len(self.sent), "method": method,
                           "params": params}).encode() + b"\n"

    def _share(self):
        k = len(self.sent)
        params = [self.worker, f"{k // 10:x}", f"{k:08x}", "5f5e1000",
                  f"{k * 7919:08x}"]
        self.sent.append(params)
        return self._line("mining.submit", params)

    def submit(self, n=1):
        """Submits n shares, each when the one before has arrived."""
        for _ in range(n):
            rig.send_and_expect(self.sock, self.pool, self._share())

    def submit_at_once(self, n):
        """Submits n shares in one piece."""
        rig.send_and_expect(self.sock, self.pool, b"".join(
            self._share() for _ in range(n)))

    def close(self):
        """Ends it."""
        self.sock.close()
        self.pool.close()


def arrived(relay, miners):
    """Have all shares of these come, as they were?"""
    got = {json.dumps(p) for p in relay.shares().values()}
    return all(json.dumps(p) in got for m in miners for p in m.sent)


def check(relay, miners):
    """Every event is good, every share came, seq has no gaps."""
    assert relay.hosts <= {f"{name}:{relay.port}"
                           for name in ("127.0.0.1", "localhost")}
    assert all(nostr.is_good(e) for e in relay.events)
    got = relay.shares()
    assert sorted(map(json.dumps, got.values())) == sorted(
        json.dumps(p) for m in miners for p in m.sent)
    for session in {s for s, _ in got}:
        seqs = sorted(n for s, n in got if s == session)
        assert seqs == list(range(1, len(seqs) + 1))


def test_batches(scope, relay, closing):
    """Many shares in few events; with the tags that relays index."""
    r = relay()
    sc = scope(settings(r.url, flush="300ms"))
    miners = [closing(Miner(sc, f"w.{i}")) for i in range(3)]
    for m in miners:
        m.submit(50)
    hs.wait_for(lambda: arrived(r, miners), "shares")
    check(r, miners)
    assert len(r.events) < 50
    e = r.events[0]
    assert e["kind"] == 20780
    assert nostr.tag(e, "t") == ["hashscope", f"hashscope:{RUN}"]
    assert nostr.tag(e, "d") == [RUN]
    # Nobody learns a miner's address.
    assert not any("127.0.0.1" in e["content"].split('"sessions"')[1]
                   .split("]")[0] for e in r.events)


def test_single_events(scope, relay, closing):
    """The original's event for each share, which relays keep apart."""
    r = relay()
    sc = scope(settings(r.url, format="compat"))
    m = closing(Miner(sc))
    m.submit(30)
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])
    # One that was not answered in time comes again, as it was.
    assert len({e["id"] for e in r.events}) == 30
    hs.wait_for(lambda: len(r.stored) == 30, "the last that is stored")
    for e in r.events:
        c = json.loads(e["content"])
        assert e["kind"] == 30080 and nostr.tag(e, "schema") == [c["schema"]]
        assert nostr.tag(e, "d") == [
            f"{RUN}:{c['context']['session_id']}:{c['seq']}"]
        assert int(nostr.tag(e, "expiration")[0]) == e["created_at"] + 600
        assert c["pool"] == {"host": "127.0.0.1", "port": sc.pool.port}
        assert c["stratum"]["method"] == "mining.submit"
        assert c["context"]["miner_peer"] == "" and c["run_id"] == RUN
        assert c["repeat_count"] == 1


def test_quiet(scope, relay, closing):
    """Nothing of a worker whose broadcast is off."""
    r = relay()
    sc = scope(settings(r.url, **{
        "broadcast default": 'off broadcast worker "loud*" on'}))
    quiet, loud = closing(Miner(sc, "quiet.1")), closing(Miner(sc, "loud.1"))
    quiet.submit(20)
    loud.submit(20)
    hs.wait_for(lambda: arrived(r, [loud]), "shares")
    check(r, [loud])


def limited_once(word):
    """A relay that complains of every other event, the first time."""
    seen = set()

    def answer(_, e):
        if e["id"] in seen or len(seen) % 2:
            seen.add(e["id"])
            return [["OK", e["id"], True, ""]]
        seen.add(e["id"])
        if word == "notice":
            return [["NOTICE", "rate limit exceeded, slow down"]]
        return [["OK", e["id"], False, f"{word}: wait"]]
    return answer


@pytest.mark.parametrize("word", ["rate-limited", "error", "notice"])
def test_complaints(scope, relay, closing, word):
    """What is refused for now comes again, under the same id."""
    r = relay(limited_once(word))
    sc = scope(settings(r.url, answer="300ms"))
    m = closing(Miner(sc))
    for _ in range(5):
        n = len(r.events)
        m.submit(3)
        hs.wait_for(lambda n=n: len(r.events) > n, "an event")
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])
    # What was refused has come, too: it may be on its way again.
    hs.wait_for(lambda: len({e["id"] for e in list(r.events)}) <
                len(r.events), "an event once more")


def test_auth(scope, relay, closing):
    """A relay that wants to know who we are: at once, and on demand."""
    def answer(r, e):
        if not r.auths:
            return [["OK", e["id"], False, "auth-required: who?"],
                    ["AUTH", "on-demand"]]
        return [["OK", e["id"], True, ""]]

    demand, greets = relay(answer), relay(answer)
    greets.greeting = [["AUTH", "at-once"]]
    sc = scope(settings(demand.url, greets.url))
    m = closing(Miner(sc))
    hs.wait_for(lambda: greets.auths, "AUTH")
    m.submit(5)
    for r, challenge in ((demand, "on-demand"), (greets, "at-once")):
        hs.wait_for(lambda r=r: arrived(r, [m]), "shares")
        check(r, [m])
        # It came here also when it was refused, which AUTH follows.
        a = hs.wait_for(lambda r=r: r.auths, "AUTH")[0]
        assert nostr.is_good(a) and a["kind"] == 22242
        assert nostr.tag(a, "challenge") == [challenge]
        assert nostr.tag(a, "relay") == [r.url]
    assert all(e["pubkey"] == demand.auths[0]["pubkey"]
               for e in demand.events)


def test_too_large(scope, relay, closing):
    """Batches that are too large come again as smaller ones."""
    def answer(_, e):
        rows = len(json.loads(e["content"]).get("rows", ()))
        if rows > 3:
            return [["OK", e["id"], False, "invalid: event too large"]]
        return [["OK", e["id"], True, ""]]

    r = relay(answer)
    sc = scope(settings(r.url, flush="500ms"))
    m = closing(Miner(sc))
    m.submit_at_once(40)
    hs.wait_for(lambda: {json.dumps(p) for e in r.events
                         if len(nostr.shares(e)) <= 3
                         for p in nostr.shares(e).values()} ==
                {json.dumps(p) for p in m.sent}, "small batches")
    assert any(len(nostr.shares(e)) > 3 for e in r.events)


def test_cut(scope, relay, closing):
    """A relay that ends the connection whenever it is sent something new."""
    seen = set()

    def answer(_, e):
        if e["id"] in seen:
            return [["OK", e["id"], True, ""]]
        seen.add(e["id"])
        raise ConnectionAbortedError

    r = relay(answer)
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    for _ in range(5):
        n = len(r.events)
        m.submit(4)
        hs.wait_for(lambda n=n: len(r.events) > n, "an event")
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])
    assert r.connections > 2


def test_poison(scope, relay, closing):
    """An event that always ends the connection is not sent for ever, and
    what is around it arrives."""
    def answer(_, e):
        if any(p[4] == f"{7919:08x}" for p in nostr.shares(e).values()):
            raise ConnectionAbortedError
        return [["OK", e["id"], True, ""]]

    r = relay(answer)
    sc = scope(settings(r.url, flush="300ms"))
    m = closing(Miner(sc))
    m.submit(8)

    def told():
        good = {k for e in r.events if not any(
            p[4] == f"{7919:08x}" for p in nostr.shares(e).values())
            for k in nostr.shares(e)}
        lost = set().union(*(nostr.gaps(e) for e in r.events))
        return len(good) == 7 and {n for _, n in lost} == {2}
    hs.wait_for(told, "seven shares and word of the eighth")


def test_garbage(scope, relay, closing):
    """Whatever it says, what is to be published is."""
    r = relay()
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    hs.wait_for(lambda: r.connections, "a connection")
    for text in ("", "{", "null", "[]", '["OK"]', '["OK","00",true,""]',
                 '["EVENT","x",{"id":5}]', '["NOTICE",{}]', "[" * 5000,
                 '["EVENT","hashscope",' + json.dumps(
                     nostr.Key().event(30079, "x" * 200000)) + "]",
                 '["CLOSED","hashscope","error: x"]', '["WHAT",1]'):
        r.say(text)
    m.submit(5)
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])


def test_silent(scope, relay, closing):
    """One that takes the connection and says nothing does not hold up
    another; one that comes late gets everything."""
    silent = rig.Pool()
    closing(silent)
    good, late = relay(), relay()
    late.stop()
    sc = scope(settings(f"ws://127.0.0.1:{silent.port}", good.url, late.url,
                        connect="300ms"))
    m = closing(Miner(sc))
    m.submit(10)
    hs.wait_for(lambda: arrived(good, [m]), "shares")
    sc.hsd.wait_log(r"relay ws://127.0.0.1:%d: it does not answer"
                    % silent.port)
    late.start()
    hs.wait_for(lambda: arrived(late, [m]), "shares")
    for r in (good, late):
        check(r, [m])


def test_no_ok(scope, relay, closing):
    """No answers at all: the same id again, then another connection."""
    deaf = [True]
    r = relay(lambda _, e: None if deaf[0] else [["OK", e["id"], True, ""]])
    sc = scope(settings(r.url, answer="200ms"))
    m = closing(Miner(sc))
    m.submit(3)
    hs.wait_for(lambda: r.connections >= 2 and len(r.events) >= 3, "repeats")
    deaf[0] = False
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])


@pytest.mark.parametrize("victim", [
    "nostrd", "signer", "captured", "query-page", "all"])
def test_kill(scope, relay, closing, victim):
    """kill -9 in the middle: no share is lost, none has two numbers."""
    r = relay()
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    names = ["nostrd", "signer", "captured", "query-page"]
    for _ in range(6):
        m.submit(10)
        for name in names if victim == "all" else [victim]:
            pid = hs.wait_for(lambda n=name: sc.pid(n), name)
            # It may have ended with the one before it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            hs.wait_for(lambda n=name, p=pid: sc.pid(n) != p, "its end")
        sc.wait_processes()
    m.submit(1)
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])
    # The same share is the same number wherever it was sent again.
    for e in r.events:
        for k, p in nostr.shares(e).items():
            assert r.shares()[k] == p


def test_restart(scope, relay, closing):
    """A relay that is away until we were started anew: nothing is lost."""
    r = relay()
    r.stop()
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    m.submit(25)
    sc.settle()
    r.start()
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    check(r, [m])


def test_bound(scope, relay, closing):
    """The outbox is bounded; what had to go is told as first and last."""
    r = relay()
    r.stop()
    sc = scope(settings(r.url, outbox="1M", flush="200ms"))
    m = closing(Miner(sc))
    line = b"".join(json.dumps({
        "id": i, "method": "mining.submit",
        "params": ["w.1", "%x" % (i // 10), "%08x" % i, "00000000",
                   "%08x" % i]}).encode() + b"\n" for i in range(9000))
    for at in range(0, len(line), 100000):
        rig.send_and_expect(m.sock, m.pool, line[at:at + 100000])
    sc.hsd.wait_log("shares will not reach every relay")
    sc.settle()
    if "san" not in hs.BUILD.name:
        assert rig.proc_rss(sc.pid("nostrd")) < 64 * 2**20
    r.start()

    def whole():
        have = {n for _, n in r.shares()}
        lost = {n for e in list(r.events) for _, n in nostr.gaps(e)}
        return have | lost == set(range(1, 9001)) and have and lost
    hs.wait_for(whole, "each share, or word of it")
    assert all(nostr.is_good(e) for e in r.events[:3])


def test_key(scope, relay, closing):
    """The key is made once, for us alone, and is nowhere else."""
    r = relay()
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    m.submit(1)
    hs.wait_for(lambda: arrived(r, [m]), "a share")
    path = sc.hsd.state_dir / "nostr.key"
    assert path.stat().st_mode & 0o777 == 0o600
    nsec = path.read_text().strip()
    assert nsec.startswith("nsec1")
    assert not sc.hsd.log(nsec)
    for name in ("nostrd", "signer"):
        status = rig.proc_status(sc.pid(name))
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0


# --- reload ---

def test_reload(scope, relay, closing):
    """Publishing begins, is encrypted, ends and begins with a reload."""
    r, group = relay(), nostr.Key()
    sc = scope(settings(r.url, enabled="no"))

    def running():
        return [p for p in sc.ctl("show", "processes") if
                p["role"] in ("nostrd", "signer", "nostr-resolver")]
    m = closing(Miner(sc))
    m.submit(3)
    sc.settle()
    assert not running() and not r.connections

    def change(*pair):
        sc.text = sc.text.replace(*pair)
        sc.hsd.configure(sc.text)
        assert sc.run_ctl("reload").returncode == 0

    def plain():
        return [e for e in r.events if e["content"].startswith("{")]

    def taken():
        return sc.ctl("show", "relays")[0]["pending"] == 0

    change("enabled no", "enabled yes")
    hs.wait_for(lambda: r.connections, "a connection")
    subscribed(sc)
    # From now on: what was before is not published.
    m.submit(1)
    hs.wait_for(plain, "a share")
    assert all(nostr.is_good(e) for e in r.events)
    # Else it might come again, encrypted.
    hs.wait_for(taken, "the relay's answer")
    change("enabled yes", f'encrypt to "{group.public.hex()}"')
    n = len(plain())
    m.submit(1)
    hs.wait_for(lambda: len(r.events) > n, "an encrypted one")
    e = [e for e in r.events if e not in plain()][0]
    text = nostr.decrypt(nostr.conversation(
        group, bytes.fromhex(e["pubkey"])), e["content"])
    assert list(nostr.shares({**e, "content": text}).values()) == m.sent[-1:]
    assert len(plain()) == n
    change("nostr {", "nostr { enabled no ")
    hs.wait_for(lambda: not running(), "their end")
    assert not sc.hsd.log("started again")
    change("enabled no", "enabled yes")
    before = len(r.events)
    m.submit(1)
    hs.wait_for(lambda: len(r.events) > before, "a share")


# --- telemetry ---

def telemetry(agent="a-1", **change):
    """The content of a telemetry event."""
    c = {"schema": "hashscope.v1", "run_id": RUN, "agent_id": agent,
         "ts": "2026-01-01T00:00:00Z",
         "pool_target": {"host": "pool.example", "port": 3333},
         "conn_state": "connected",
         "stats": {"share_events_received_total": 7,
                   "submits_attempted_total": 6,
                   "submits_accepted_total": 5, "submits_rejected_total": 1,
                   "last_submit_latency_ms": 1.5,
                   "submits_per_second_1min": 0.1,
                   "submits_per_second_10sec": 0.2}, "errors": []}
    c.update(change)
    return json.dumps(c)


def tags(run=RUN):
    """The tags of a telemetry event."""
    return [["t", "hashscope"], ["t", f"hashscope:{run}"]]


def tampered(e, **change):
    """The event with something changed afterwards."""
    return {**e, **change}


def test_telemetry(scope, relay):
    """Agents that are listed are shown, and nobody else moves anything."""
    key, stranger = nostr.Key(), nostr.Key()
    r = relay()
    sc = scope(settings(r.url, trust=f'"{key.public.hex()}"'))
    hs.wait_for(lambda: r.requests, "a subscription")
    subscribed(sc)
    sub, wanted = r.requests[0]
    assert len(sub) <= 64 and wanted["kinds"] == [30079]
    assert wanted["authors"] == [key.public.hex()]
    assert wanted["#t"] == [f"hashscope:{RUN}"] and wanted["since"] > 10**9

    good = key.event(30079, telemetry(), tags())
    now = good["created_at"]
    forged = [
        stranger.event(30079, telemetry("x1"), tags()),
        tampered(key.event(30079, telemetry("x2"), tags()), sig="0" * 128),
        tampered(key.event(30079, telemetry("x3"), tags()),
                 content=telemetry("x4")),
        tampered(stranger.event(30079, telemetry("x5"), tags()),
                 pubkey=key.public.hex()),
        key.event(30079, telemetry("x6"), tags("other")),
        key.event(30079, telemetry("x7", run_id="other"), tags()),
        key.event(30078, telemetry("x8"), tags()),
        key.event(30079, telemetry("x9"), tags(), now + 3600),
        key.event(30079, telemetry("x10"), tags(), now - 86400),
        key.event(30079, telemetry("x11"),
                  tags() + [["expiration", str(now - 5)]]),
        key.event(30079, telemetry("x12", stats={
            "submits_attempted_total": -1}), tags()),
        key.event(30079, telemetry("x13", stats=[]), tags()),
        key.event(30079, telemetry("x14" * 30), tags()),
        key.event(30079, "x" * 100000, tags()),
        key.event(30079, telemetry("x15", conn_state="fine"), tags()),
        key.event(30079, telemetry("x16").replace("0.1", "1e400"), tags()),
    ]
    for e in forged:
        r.say(["EVENT", sub, e])
    r.say(["EVENT", sub, good])
    shown = hs.wait_for(lambda: sc.ctl("show", "agents"), "an agent")
    assert [a["agent_id"] for a in shown] == ["a-1"]
    a = shown[0]
    assert a["verified"] and a["conn_state"] == "connected"
    assert a["stats"]["submits_accepted_total"] == 5
    assert a["pool_target"] == {"host": "pool.example", "port": 3333}
    # Later news, in whatever order they come.
    r.say(["EVENT", sub, key.event(30079, telemetry(conn_state="error"),
                                   tags(), now - 60)])
    r.say(["EVENT", sub, key.event(
        30079, telemetry(conn_state="reconnecting"), tags(), now + 1)])
    hs.wait_for(lambda: sc.ctl("show", "agents")[0]["conn_state"] ==
                "reconnecting", "the later news")
    assert sc.ctl("show", "relays")[0]["telemetry"] == 2
    assert "pool.example:3333" in sc.run_ctl(
        "show", "agents", json_out=False).stdout.decode()


def test_telemetry_any(scope, relay):
    """Strangers are shown when that is wanted, and marked."""
    r = relay()
    sc = scope(settings(r.url, **{"telemetry trust": "any"}))
    hs.wait_for(lambda: r.requests, "a subscription")
    subscribed(sc)
    assert "authors" not in r.requests[0][1]
    r.say(["EVENT", "hashscope",
           nostr.Key().event(30079, telemetry("s"), tags())])
    shown = hs.wait_for(lambda: sc.ctl("show", "agents"), "an agent")
    assert shown[0]["agent_id"] == "s" and not shown[0]["verified"]


def test_control(scope, relay, closing):
    """show relays, key show; without Nostr they say so."""
    r = relay()
    sc = scope(settings(r.url))
    m = closing(Miner(sc))
    m.submit(3)
    hs.wait_for(lambda: arrived(r, [m]), "shares")
    rows = hs.wait_for(lambda: [x for x in sc.ctl("show", "relays")
                                if x["pending"] == 0], "an idle relay")
    assert rows[0]["url"] == r.url and rows[0]["state"] == "connected"
    assert rows[0]["accepted"] == len({e["id"] for e in r.events})
    npub = sc.npub()
    assert npub.startswith("npub1") and len(npub) == 63
    off = scope("")
    done = off.run_ctl("show", "relays")
    assert done.returncode != 0 and b"nostrd is not running" in done.stderr


# --- TLS ---

def certificate(where, names):
    """A certificate of its own authority, and its key: their paths."""
    cert, key = where / f"{len(names)}.pem", where / f"{len(names)}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=relay", "-addext", f"subjectAltName={names}", "-keyout", key,
         "-out", cert], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    return cert, key


def test_tls(scope, relay, closing, tmp_path):
    """wss: one whose certificate is good for its name gets shares; one with
    another's name, and one of an unknown authority, get nothing."""
    good = certificate(tmp_path, "DNS:localhost")
    other = certificate(tmp_path, "DNS:elsewhere.example")
    unknown = certificate(tmp_path, "DNS:localhost,DNS:x")
    both = tmp_path / "ca.pem"
    both.write_text(good[0].read_text() + other[0].read_text())
    relays = [relay(tls=t) for t in (good, other, unknown)]
    urls = [f"wss://localhost:{r.port}" for r in relays]
    sc = scope(settings(*urls, ca=f'"{both}"'))
    m = closing(Miner(sc))
    m.submit(5)
    hs.wait_for(lambda: arrived(relays[0], [m]), "shares")
    check(relays[0], [m])
    for url in urls[1:]:
        sc.hsd.wait_log(f"relay {url}: ")
    rows = {x["url"]: x for x in sc.ctl("show", "relays")}
    for r, url in zip(relays[1:], urls[1:]):
        assert not r.events and rows[url]["connects"] == 0
        assert rows[url]["pending"] == 5 and rows[url]["reason"]
