"""Watches and alerts, with the real programs and a pool that does what it
should not."""
import hashlib
import itertools
import json
import os
import signal

import pytest

import hs
import rig

WATCH = "watch {{ silent {silent} prevhash 1500ms {more} }}\n"
FEE = 312500000


def sha(*parts):
    """32 bytes that depend on these."""
    return hashlib.sha256(repr(parts).encode()).digest()


def script(name):
    """A witness program that belongs to a name."""
    return b"\x00\x14" + sha(name)[:20]


def coinbase(height, pays):
    """Both halves of a coinbase; pays: [(name, satoshi)]."""
    tag = (b"\x03" + height.to_bytes(3, "little") + b"/test/")
    one = (b"\x01\x00\x00\x00\x01" + bytes(32) + b"\xff" * 4
           + bytes([len(tag) + 8]) + tag)
    two = b"\xff" * 4 + bytes([len(pays)])
    for name, value in pays:
        two += value.to_bytes(8, "little") + b"\x16" + script(name)
    return one.hex(), (two + bytes(4)).hex()


class Mining:
    """A miner and its pool's end, after the handshake."""

    serial = itertools.count(1)

    def __init__(self, scope, worker="alice.1", pool=None, port=None):
        self.miner = rig.connect(scope.host, port or scope.port)
        scope.opened.append(self.miner)
        self.pool = (pool or scope.pool).accept()
        self.worker = worker
        self.ids = itertools.count(3)
        self.job = None
        self.ask(1, "mining.subscribe", ["test/1"],
                 [[["mining.notify", "1"]], "%08x" % next(self.serial), 4])
        self.ask(2, "mining.authorize", [worker, "x"], True)
        self.tell("mining.set_difficulty", [1e-12])

    def pass_on(self, source, sink, o):
        """One line, and that it arrives."""
        rig.send_and_expect(source, sink, json.dumps(o).encode() + b"\n")

    def tell(self, method, params):
        """A notification of the pool's."""
        self.pass_on(self.pool, self.miner,
                     {"id": None, "method": method, "params": params})

    def ask(self, i, method, params, result, error=None):
        """A request of the miner's, and its answer."""
        self.pass_on(self.miner, self.pool,
                     {"id": i, "method": method, "params": params})
        self.pass_on(self.pool, self.miner,
                     {"id": i, "result": result, "error": error})

    def notify(self, block=1, pays=(("pool", FEE),), clean=False, height=None):
        """A job that builds on a block."""
        self.job = "%x" % next(self.serial)
        prev = sha("block", block)[:28].hex() + "00000000"
        one, two = coinbase(height or 800000 + block, list(pays))
        self.tell("mining.notify", [self.job, prev, one, two, [], "20000000",
                                    "17030ecd", "67000000", clean])

    def submit(self, error=None):
        """A share."""
        i = next(self.ids)
        self.ask(i, "mining.submit",
                 [self.worker, self.job, "%08x" % i, "67000000", "%08x" % i],
                 None if error else True, error)


@pytest.fixture
def mine(scope):
    """mine(silent=, more=, ...): a Scope with these watches."""
    def start(silent="0", more="", body="", **kw):
        return scope(WATCH.format(silent=silent, more=more) + body, **kw)
    return start


def alerts(sc):
    """All of them, active or over."""
    return sc.ctl("show", "alerts", "all")


def one(sc, kind, active=True):
    """The only alert there is, once it is there."""
    def there():
        got = alerts(sc)
        return got if [a for a in got if a["active"] is active] else None
    got = hs.wait_for(there, f"{kind}, {'active' if active else 'over'}")
    assert [a["kind"] for a in got] == [kind], got
    assert (got[0]["ended_at"] is None) is active
    return got[0]


def logged(sc, a, word):
    """The lines of the log about it: there are some, or will be."""
    return sc.hsd.wait_log(rf"alert {a['id']} {word}: {a['kind']} ")


def kill(sc):
    """captured, and it is back."""
    old = sc.pid("captured")
    os.kill(old, signal.SIGKILL)
    hs.wait_for(lambda: sc.hsd.child("captured") not in (None, old),
                "another captured")
    sc.wait_processes()


def test_payout_swap(mine, spawn):
    sc = mine()
    m = Mining(sc)
    monitor = spawn(rig.CTL, "-j", "monitor", "alerts", "limit", "2",
                    env={"HASHSCOPE_RUN_DIR": str(sc.hsd.run_dir)})
    hs.wait_for(lambda: sc.summary()["feed"]["subscribed"], "a monitor")
    fees = iter(range(1000))
    for block in (1, 2, 3):
        for _ in range(3):
            m.notify(block, [("pool", FEE + next(fees)), ("fee", 1000)])
    sc.settle()
    assert alerts(sc) == []
    m.notify(3, [("thief", FEE), ("fee", 1000)])
    a = one(sc, "payout_changed")
    assert a["severity"] == "critical" and a["count"] == 1
    assert a["pool"] == f"{sc.pool.host}:{sc.pool.port}"
    assert a["session_id"] == sc.sessions()[0]["session_id"]
    raiser = sc.ctl("show", "message", a["message_id"])
    assert raiser["method"] == "mining.notify"
    kill(sc)
    for block in (3, 4, 5):
        m.notify(block, [("thief", FEE), ("fee", 1000)])
    sc.settle()
    again = one(sc, "payout_changed")
    assert again["id"] == a["id"] and again["count"] == 4
    assert again["first_seen"] == a["first_seen"] < again["last_seen"]
    m.notify(6, [("pool", FEE), ("fee", 1000)])
    over = one(sc, "payout_changed", active=False)
    assert over["id"] == a["id"]
    assert sc.ctl("show", "alerts") == []
    assert len(logged(sc, a, "began")) == len(logged(sc, a, "ended")) == 1
    assert monitor.wait() == 0
    told = [json.loads(x) for x in monitor.lines]
    assert [(t["id"], t["active"]) for t in told] == [
        (a["id"], True), (a["id"], False)]


def test_pooled_payout_changes_with_each_block(mine):
    sc = mine()
    m = Mining(sc)
    for block in range(1, 12):
        for _ in range(3):
            m.notify(block, [(f"miner {block} {i}", FEE // 8)
                             for i in range(8)] + [("fee", 1000)])
    sc.settle()
    assert alerts(sc) == []


def test_named_payouts(mine):
    """Only these, from the first job on; a reload forgives."""
    sc = mine(more='payout "bc1qexample"')
    m = Mining(sc)
    m.notify()
    a = one(sc, "payout_changed")
    assert "bc1q" in a["text"]
    m.notify()
    sc.settle()
    assert one(sc, "payout_changed")["count"] == 2
    address = a["text"].split(" to ")[1].split(",")[0]
    sc.hsd.configure(sc.text.replace("bc1qexample", address.upper()))
    assert sc.run_ctl("reload").returncode == 0
    assert one(sc, "payout_changed", active=False)["id"] == a["id"]
    m.notify()
    sc.settle()
    assert len(alerts(sc)) == 1


def test_foreign_reconnect(mine):
    sc = mine(more='reconnect-to "good.example"')
    m = Mining(sc)
    m.tell("client.reconnect", [])
    m.tell("client.reconnect", [sc.pool.host, 3333, 0])
    m.tell("client.reconnect", ["eu.good.example", 3333, 0])
    sc.settle()
    assert alerts(sc) == []
    for _ in range(3):
        m.tell("client.reconnect", ["evil\x1b.test", 3333, 0])
    a = hs.wait_for(lambda: [x for x in alerts(sc) if x["count"] == 3],
                    "all three")[0]
    assert one(sc, "foreign_reconnect") == a
    assert "evil\\x1b.test" in a["text"]
    kill(sc)
    assert one(sc, "foreign_reconnect")["id"] == a["id"]
    assert len(logged(sc, a, "began")) == 1


def test_wrong_chain(mine):
    """Two pools of one chain; then one hands out blocks of another."""
    other = rig.Pool()
    port = hs.free_port()
    sc = mine(body=f'listen on 127.0.0.1 port {port} {{ pool "{other.url}" }}')
    a, b = Mining(sc), Mining(sc, "bob.1", other, port)
    for block in (1, 2, 3):
        a.notify(block)
        b.notify(block)
    sc.settle()
    assert alerts(sc) == []

    def disagree():
        a.notify(4, height=800004)
        b.notify("another", height=800004)
        return [x for x in alerts(sc) if x["active"]]
    hs.wait_for(disagree, "an alert")
    got = one(sc, "prevhash_disagrees")
    assert got["pool"] == f"{other.host}:{other.port}"
    kill(sc)
    a.notify(5, height=800005)
    b.notify("and another", height=800005)
    sc.settle()
    assert one(sc, "prevhash_disagrees")["id"] == got["id"]

    def agree():
        a.notify(6)
        b.notify(6)
        return not [x for x in alerts(sc) if x["active"]]
    hs.wait_for(agree, "its end")
    assert one(sc, "prevhash_disagrees", active=False)["id"] == got["id"]
    other.close()


def test_one_session_on_another_chain(mine):
    """The pool's other sessions are what it is compared with."""
    sc = mine()
    good, odd = Mining(sc, "good.1"), Mining(sc, "odd.1")
    for block in (1, 2, 3):
        good.notify(block)
        odd.notify(block)

    def disagree():
        good.notify(4, height=800004)
        odd.notify("another", height=800004)
        return alerts(sc)
    hs.wait_for(disagree, "an alert")
    got = one(sc, "prevhash_disagrees")
    assert got["pool"] == f"{sc.pool.host}:{sc.pool.port}"


def test_silent_worker(mine):
    """Another's traffic moves time on.  That other one must not be as long
    without a share while we look."""
    sc = mine(silent="4s")
    quiet, busy = Mining(sc, "quiet.1"), Mining(sc, "busy.1")
    quiet.notify()
    busy.notify()
    quiet.submit()

    def goes_on():
        busy.submit()
        return [x for x in alerts(sc) if x["active"]]
    hs.wait_for(goes_on, "an alert")
    a = one(sc, "worker_silent")
    assert a["worker"] == "quiet.1"
    kill(sc)
    for _ in range(20):
        busy.submit()
    sc.settle()
    assert one(sc, "worker_silent")["id"] == a["id"]
    quiet.submit()
    assert one(sc, "worker_silent", active=False)["id"] == a["id"]
    assert len(logged(sc, a, "began")) == len(logged(sc, a, "ended")) == 1


def test_rejects_and_unanswered(mine):
    sc = mine(more="rejects 10% rejects-shares 20 unanswered 8")
    m = Mining(sc)
    m.notify()
    for i in range(40):
        m.submit([20, "no", None] if i % 2 else None)
    sc.settle()
    kinds = {a["kind"]: a for a in alerts(sc)}
    # What is rejected is valid: the pool is wrong, too.
    assert set(kinds) == {"rejects_up", "pool_rejects_valid"}
    assert kinds["rejects_up"]["worker"] == "alice.1"
    for i in range(9):
        m.pass_on(m.miner, m.pool, {
            "id": 1000 + i, "method": "mining.submit",
            "params": ["alice.1", m.job, "%08x" % (1000 + i), "67000000",
                       "00000000"]})
    hs.wait_for(lambda: any(a["kind"] == "submits_unanswered" and a["active"]
                            for a in alerts(sc)), "an alert")
    for i in range(9):
        m.pass_on(m.pool, m.miner,
                  {"id": 1000 + i, "result": True, "error": None})
    hs.wait_for(lambda: any(a["kind"] == "submits_unanswered" and
                            not a["active"] for a in alerts(sc)), "its end")


def test_unlisted_user(mine):
    sc = mine(more='user "alice"')
    Mining(sc, "alice.rig1")
    sc.settle()
    assert alerts(sc) == []
    Mining(sc, "mallory.rig1")
    a = one(sc, "unknown_user")
    assert a["worker"] == "mallory" and a["severity"] == "critical"


def test_foreign_protocol_and_summary(mine):
    sc = mine()
    miner, _ = sc.pair()
    miner.sendall(bytes.fromhex("16030100050100000100") + bytes(64))
    a = one(sc, "foreign_protocol")
    assert a["severity"] == "info" and "TLS" in a["text"]
    assert [x["id"] for x in sc.summary()["alerts"]] == [a["id"]]
    assert sc.summary()["watch"]["active"] == 1
    text = sc.run_ctl("show", "summary", json_out=False).stdout.decode()
    assert f"alert {a['id']}: foreign_protocol" in text
    text = sc.run_ctl("show", "alerts", json_out=False).stdout.decode()
    assert text.startswith(f"{a['id']} info foreign_protocol since ")
    sc.hsd.configure(sc.text.replace("prevhash", "foreign no prevhash"))
    assert sc.run_ctl("reload").returncode == 0
    one(sc, "foreign_protocol", active=False)


def test_ordinary_mining(mine, pool, miner):
    """The simulated pool and its miners, faults and all."""
    p = pool("--difficulty", "1e-7", "--job-interval", "0.2", "--seed", 1)
    sc = mine(silent="10m", more="rejects 50%",
              pools=[f"stratum+tcp://{p.host}:{p.port}"])
    m = miner(sc.host, sc.port, "--seed", 2, "--shares", 200, "--rate", 100,
              "--connections", 3, "--mix", "valid=90,duplicate=5,low=5")
    assert m.wait() == 0, m.json()
    sc.ended()
    assert alerts(sc) == []
