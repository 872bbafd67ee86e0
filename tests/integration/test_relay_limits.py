"""Rule f: limits for newcomers, descriptors, and the operator's acts."""
import resource
import select
import signal
import socket
import time

import pytest

import hs
import rig

WORDS = b'{"id":null,"method":"mining.notify"}\n'


# --- limits ---

def test_rule_f_sessions_in_all(box):
    """Newcomers are turned away; who mines keeps mining."""
    b = box("limits { sessions 5 }")
    pairs = [b.pair() for _ in range(5)]
    for _ in range(20):
        b.turned_away(WORDS)
    for pair in pairs:
        b.settled(pair)
    stats = b.stats()
    assert stats["sessions_max"] == stats["sessions_live"] == 5
    assert stats["refused_limit"] == 20
    # One line, and then one a minute with how many there were.
    b.hsd.wait_log("relayd.*5 sessions are open, newcomers are turned away")
    assert len(b.hsd.log("newcomers are turned away")) == 1
    # A place that becomes free is given away.
    for s in pairs.pop():
        s.close()
    hs.wait_for(lambda: b.stats()["sessions_live"] == 4, "a free place")
    pairs.append(b.pair())
    b.turned_away()
    for pair in pairs:
        b.settled(pair)


def test_rule_f_sessions_of_an_address(box):
    """By addresses, not by networks; places come back."""
    b = box("limits { per-address 3 }", host="0.0.0.0")
    here = ["127.0.0.1", "127.0.0.2", "127.0.0.77"]

    def comes_from(address):
        s = socket.socket()
        b.opened.append(s)
        s.bind((address, 0))
        s.settimeout(hs.DEADLINE)
        s.connect(("127.0.0.1", b.port))
        return s

    pairs = {a: [(comes_from(a), b.pool.accept()) for _ in range(3)]
             for a in here}
    for address in here:
        for _ in range(4):
            with pytest.raises(ConnectionResetError):
                s = comes_from(address)
                s.recv(1)
    assert b.stats()["refused_address"] == 12
    line = b.hsd.wait_log("its address has its 3 sessions, turned away")
    assert len(line) == 1 and " 127.0.0.1:" in line[0]
    for address in here:
        for pair in pairs[address]:
            b.settled(pair)
    for s in pairs["127.0.0.2"].pop():
        s.close()
    hs.wait_for(lambda: b.stats()["sessions_live"] == 8, "a free place")
    b.settled((comes_from("127.0.0.2"), b.pool.accept()))
    with pytest.raises(ConnectionResetError):
        comes_from("127.0.0.1").recv(1)


def test_rule_f_no_limit_of_an_address_by_default(box):
    """Farms sit behind one address."""
    b = box()
    pairs = [b.pair() for _ in range(200)]
    assert b.stats()["sessions_live"] == 200
    b.settled(pairs[0])
    b.settled(pairs[-1])


def test_rule_f_memory_of_addresses(box):
    """Three thousand addresses that come and go leave no trace."""
    b = box("limits { per-address 2 }", host="0.0.0.0", pools=[])
    before = rig.proc_rss(b.relayd)
    for i in range(3000):
        with socket.socket() as s:
            s.bind((f"127.{i % 100}.{i // 100}.1", 0))
            s.settimeout(hs.DEADLINE)
            with pytest.raises(ConnectionResetError):
                s.connect(("127.0.0.1", b.port))
                s.recv(1)
    b.idle()
    assert rig.SANITIZED or rig.proc_rss(b.relayd) - before < 1 << 20


# --- descriptors ---

def leave_descriptors(b, free):
    """Lowers relayd's limit so that it can open only so many more."""
    # The channel to the resolver comes before the answer to this.
    b.hsd.wait_log("resolver is ready")
    b.stats()
    used, limit = rig.proc_fds(b.relayd), 0
    while limit in used or free > 0:
        free -= limit not in used
        limit += 1
    rig.limit_descriptors(b.relayd, limit)


def test_rule_f_out_of_descriptors_when_accepting(box):
    """A line, a counter, no spinning; the others mine; then it goes on."""
    b = box(args=["-v"])
    pairs = [b.pair() for _ in range(10)]
    for pair in pairs:
        b.settled(pair)
    relayd = b.relayd
    leave_descriptors(b, 0)
    waiting = [b.miner() for _ in range(5)]
    for m in waiting:
        m.sendall(WORDS)
    b.hsd.wait_log("relayd.*cannot accept: Too many open files; 10 sessions "
                   "go on")
    used = rig.proc_cpu(relayd)
    assert not select.select(waiting, [], [], 1.0)[0]
    assert rig.proc_cpu(relayd) - used < 0.05
    for pair in pairs:
        b.settled(pair)
    stats = b.stats()
    assert stats["out_of_descriptors"] > 0 and stats["accept_errors"] > 0
    assert stats["sessions_live"] == 10
    assert len(b.hsd.log("cannot accept")) == 1
    rig.limit_descriptors(relayd, 1000)
    for _ in waiting:
        assert rig.recv_exact(b.pool.accept(), len(WORDS)) == WORDS
    for pair in pairs:
        b.settled(pair)


def test_rule_f_out_of_descriptors_when_connecting(box):
    """A miner that was accepted and cannot be served gets an RST."""
    b = box(args=["-v"])
    pairs = [b.pair() for _ in range(3)]
    for pair in pairs:
        b.settled(pair)
    leave_descriptors(b, 1)
    b.turned_away(WORDS)
    b.hsd.wait_log("relayd.*out of descriptors, a miner was turned away")
    assert b.stats()["out_of_descriptors"] == 1
    assert b.stats()["no_pool"] == 1
    assert b.stats()["pools_down"] == 0
    for pair in pairs:
        b.settled(pair)
    rig.limit_descriptors(b.relayd, 1000)
    b.settled(b.pair())


def test_rule_f_promises_what_descriptors_suffice_for(box):
    """Two a session; a limit of the system is the limit of sessions."""
    b = box("limits { sessions 1000 }", prefix=["prlimit", "--nofile=164:164"])
    b.hsd.wait_log("relayd.*descriptors suffice for 50 sessions, not for 1000")
    pairs = [b.pair() for _ in range(50)]
    b.turned_away()
    for pair in pairs:
        b.settled(pair)
    assert b.stats()["out_of_descriptors"] == 0


# --- the operator's acts ---

def test_rule_f_drain(box):
    """No newcomers; sessions may end by themselves, the rest is ended."""
    b = box(args=["-v"])
    stays, goes = b.pair(), b.pair()
    started = time.monotonic()
    assert b.hsd.ctl().drain(3000)[0]
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            b.miner()
    b.settled(stays)
    assert b.stats()["draining"] == 1
    goes[0].close()
    assert rig.recv_end(goes[1]) == (b"", False)
    goes[1].close()
    assert rig.recv_end(stays[0]) == (b"", False)
    assert time.monotonic() - started > 2.9
    assert rig.recv_end(stays[1]) == (b"", False)
    for s in stays:
        s.close()
    b.hsd.wait_log("session ended: drained")
    b.idle()
    assert b.hsd.ctl().reload() == (True, "reloaded")
    assert b.stats()["draining"] == 0
    b.settled(b.pair())


def test_rule_f_drain_is_fin_after_flush_then_rst(box):
    """Whoever does not close is reset in the end; first all is written."""
    b = box("timers { reset 500ms }", pools=[rig.Pool(rcvbuf=4096)])
    miner, pool = b.pair(rcvbuf=4096)
    data = rig.bytes_of(100000, 1)
    miner.sendall(data)
    hs.wait_for(lambda: b.stats()["bytes_from_miners"] == len(data), "all")
    started = time.monotonic()
    assert b.hsd.ctl().drain(0)[0]
    got, reset = rig.recv_end(pool)
    rig.equal(got, data)
    assert not reset
    b.idle()
    assert 0.3 < time.monotonic() - started < 5
    with pytest.raises(OSError):
        for _ in range(100):
            pool.sendall(WORDS)
            assert rig.silent(pool, 0.001) or True


def test_rule_f_drain_in_the_end_is_a_restart(box):
    """SIGTERM: FIN to everybody, and nobody waits when all have closed."""
    b = box("timers { reset 1h }", args=["-v"])
    pairs = [b.pair() for _ in range(20)]
    for pair in pairs:
        b.settled(pair)
        pair[1].sendall(WORDS)
    b.hsd.send_signal(signal.SIGTERM)
    for miner, pool in pairs:
        assert rig.recv_end(miner) == (WORDS, False)
        assert rig.recv_end(pool) == (b"", False)
        miner.close()
        pool.close()
    assert b.hsd.wait() == 0
    assert len(b.hsd.log("session ended: shutdown")) == 20


# --- many ---

def carry_many(b, n):
    """n sessions at once, each spoken on; relayd's bytes for each idle one."""
    relayd = b.relayd
    b.settled(b.pair())
    before = rig.proc_rss(relayd)
    pairs = []
    while len(pairs) < n:
        pairs.append(b.pair())
    assert b.stats()["sessions_live"] == n + 1
    rss = rig.proc_rss(relayd) - before
    for rounds in range(2):
        for i, (miner, pool) in enumerate(pairs):
            miner.sendall(b"%d\n" % i)
            pool.sendall(b"%d\r\n" % i)
        for i, (miner, pool) in enumerate(pairs):
            want = b"%d\n" % i
            assert rig.recv_exact(pool, len(want)) == want
            want = b"%d\r\n" % i
            assert rig.recv_exact(miner, len(want)) == want
    after = rig.proc_rss(relayd) - before
    for i, (miner, pool) in enumerate(pairs):
        (miner if i % 2 else pool).close()
    for i, (miner, pool) in enumerate(pairs):
        assert rig.recv_end(pool if i % 2 else miner) == (b"", False)
        (pool if i % 2 else miner).close()
    hs.wait_for(lambda: b.stats()["sessions_live"] == 1, "the end of all")
    return rss / n, after / n


def report(record_property, n, rss, after):
    """Where a reader of the results finds it."""
    record_property("sessions", n)
    record_property("bytes_per_idle_session", round(rss))
    print(f"{n} sessions: {rss:.0f} bytes of relayd each when idle, "
          f"{after:.0f} after they have spoken")


def test_three_hundred_sessions(box, record_property):
    b = box()
    rss, after = carry_many(b, 300)
    report(record_property, 300, rss, after)
    assert rig.SANITIZED or (rss < 4096 and after < 4096)


@pytest.mark.long
def test_five_thousand_sessions(box, record_property):
    """Point by point as with a few, in memory that is bounded."""
    n = 5000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * n + 200:
        pytest.skip(f"only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    b = box()
    rss, after = carry_many(b, n)
    report(record_property, n, rss, after)
    assert rig.SANITIZED or (rss < 1500 and after < 1500)
