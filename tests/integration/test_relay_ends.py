"""Beginnings and ends: rules a, b, c and e, and what ends a session."""
import socket
import threading
import time

import pytest

import hs
import rig

MIB = 1 << 20
WORDS = b'{"id":null,"method":"client.show_message","params":["bye"]}\n'


def expect_reset(sock, data=b"", deadline=hs.DEADLINE):
    """Exactly these bytes, then an RST."""
    got, reset = rig.recv_end(sock, deadline)
    rig.equal(got, data)
    assert reset, "FIN instead of RST"


# --- a: nothing is read before a pool is connected ---

def test_rule_a_nothing_is_read_before_a_pool_is_connected(box, closing):
    hole = closing(rig.BlackHole())
    b = box(pools=[hole.url])
    miner = b.miner()
    early = rig.bytes_of(60000, 1)
    miner.sendall(early)
    local = miner.getsockname()[1]
    hs.wait_for(lambda: rig.unread(b.port, local) == len(early), "the bytes")
    assert rig.silent(miner, 0.3)
    hs.wait_for(lambda: rig.unread(b.port, local) == len(early), "them still")
    with hole.open().accept() as pool:
        rig.equal(rig.recv_exact(pool, len(early)), early)
        b.settled((miner, pool))


def test_rule_a_fin_before_the_pool_is_delivered_later(box, closing):
    hole = closing(rig.BlackHole())
    b = box(pools=[hole.url])
    miner = b.miner()
    miner.sendall(WORDS)
    miner.shutdown(socket.SHUT_WR)
    assert rig.silent(miner, 0.2)
    pool = hole.open().accept()
    assert rig.recv_end(pool) == (WORDS, False)
    pool.sendall(WORDS * 2)
    pool.shutdown(socket.SHUT_WR)
    assert rig.recv_end(miner) == (WORDS * 2, False)


def test_rule_a_early_bytes_go_to_the_pool_that_answers(box):
    dead = rig.Pool()
    b = box(pools=[dead.url, rig.Pool()])
    dead.close()
    for _ in range(3):
        miner = b.miner()
        miner.sendall(WORDS)
        pool = b.pools[1].accept()
        assert rig.recv_exact(pool, len(WORDS)) == WORDS
        b.settled((miner, pool))


def test_rule_a_no_pool_answers(box):
    """RST, whether the miner has sent something or not; a line says why."""
    dead = [rig.Pool(), rig.Pool()]
    b = box(pools=[p.url for p in dead])
    for p in dead:
        p.close()
    for early in (b"", WORDS):
        b.turned_away(early)
    for p in dead:
        b.hsd.wait_log(rf"pool 127.0.0.1:{p.port}: Connection refused")
    assert b.stats()["no_pool"] == 2
    assert b.stats()["pool_failures"] == 4


def test_rule_a_no_pool_is_configured(box):
    """Miners are turned away, with one line a minute."""
    b = box(pools=[])
    for _ in range(10):
        b.turned_away()
    b.hsd.wait_log("relayd.*no pool is configured")
    assert b.stats()["no_pool"] == 10
    assert len(b.hsd.log("relayd.*no pool is configured")) == 1


@pytest.mark.parametrize("said", [b"", WORDS])
@pytest.mark.parametrize("end", ["fin", "rst"])
def test_rule_a_never_fails_over_once_connected(box, said, end):
    b = box(pools=[rig.Pool(), rig.Pool()])
    miner, pool = b.pair()
    miner.sendall(b"hello")
    assert rig.recv_exact(pool, 5) == b"hello"
    pool.sendall(said)
    if end == "rst":
        rig.arrived(pool)
        rig.rst(pool)
        expect_reset(miner, said)
    else:
        pool.close()
        assert rig.recv_end(miner) == (said, False)
        miner.close()
    b.idle()
    assert not b.pools[1].waiting()
    b.settled(b.pair())


# --- b: FIN ---

@pytest.mark.parametrize("first", ["miner", "pool"])
def test_rule_b_half_close(box, first):
    """The other direction goes on without limit, then both are closed."""
    b = box(args=["-v"])
    miner, pool = b.pair()
    done, goes_on = (miner, pool) if first == "miner" else (pool, miner)
    done.sendall(WORDS)
    done.shutdown(socket.SHUT_WR)
    assert rig.recv_end(goes_on) == (WORDS, False)
    for i in range(200):
        data = rig.bytes_of(10000 + i, i)
        goes_on.sendall(data)
        rig.equal(rig.recv_exact(done, len(data)), data)
    assert b.stats()["sessions_live"] == 1
    goes_on.shutdown(socket.SHUT_WR)
    assert rig.recv_end(done) == (b"", False)
    b.idle()
    b.hsd.wait_log(f"session ended: {first}_closed")


@pytest.mark.parametrize("first", ["miner", "pool"])
def test_rule_b_fin_comes_behind_the_last_byte(box, first):
    """Of what waits in relayd, too: it has read the FIN before that went."""
    b = box("limits { session-buffer 16M }", pools=[rig.Pool(rcvbuf=4096)])
    miner, pool = b.pair(rcvbuf=4096)
    source, sink = (miner, pool) if first == "miner" else (pool, miner)
    data = rig.bytes_of(8 * MIB, 3)
    rig.send_chunks(source, data, 3)
    key = f"bytes_from_{first}s"
    hs.wait_for(lambda: b.stats()[key] == len(data), "all of it read")
    b.settled(b.pair())
    assert b.stats()[f"bytes_to_{'pool' if first == 'miner' else 'miner'}s"
                     ] < len(data)
    got, reset = rig.recv_end(sink)
    rig.equal(got, data)
    assert not reset
    sink.sendall(WORDS)
    assert rig.recv_exact(source, len(WORDS)) == WORDS


def test_rule_b_both_at_once(box):
    b = box()
    for i in range(50):
        miner, pool = b.pair()
        miner.sendall(b"m" * i)
        pool.sendall(b"p" * i)
        miner.shutdown(socket.SHUT_WR)
        pool.shutdown(socket.SHUT_WR)
        assert rig.recv_end(miner) == (b"p" * i, False)
        assert rig.recv_end(pool) == (b"m" * i, False)
    b.idle()


# --- c: RST ---

@pytest.mark.parametrize("size", [0, 1, 60, 16384, 16385, 200000])
@pytest.mark.parametrize("dies", ["pool", "miner"])
def test_rule_c_last_words_arrive_before_the_reset(box, dies, size):
    b = box(args=["-v"])
    words = rig.bytes_of(size, size)
    for _ in range(10):
        miner, pool = b.pair()
        source, sink = (pool, miner) if dies == "pool" else (miner, pool)
        b.settled((miner, pool))
        source.sendall(words)
        rig.arrived(source)
        rig.rst(source)
        expect_reset(sink, words)
    b.idle()
    assert len(b.hsd.wait_log(f"session ended: {dies}_reset", 10)) == 10


@pytest.mark.parametrize("dies", ["pool", "miner"])
def test_rule_c_last_words_while_the_other_writes(box, dies):
    """relayd learns of the RST by a write, and must still read."""
    b = box()
    for i in range(10):
        miner, pool = b.pair()
        source, sink = (pool, miner) if dies == "pool" else (miner, pool)
        b.settled((miner, pool))
        with rig.stopped(b.relayd):
            sink.sendall(b"nobody reads this\n" * (1 + 1000 * (i % 2)))
            source.sendall(WORDS)
            rig.arrived(source)
            rig.rst(source)
        expect_reset(sink, WORDS)
    b.idle()
    key = "undelivered_to_pools" if dies == "pool" else "undelivered_to_miners"
    assert b.stats()[key] > 0


@pytest.mark.parametrize("dies", ["pool", "miner"])
def test_rule_c_write_error_does_not_stop_reading(box, dies):
    """Its words have not been read when a write has failed for good."""
    b = box("limits { session-buffer 16K }", pools=[rig.Pool(rcvbuf=4096)])
    words = rig.bytes_of(150000, 5)
    miner, pool = b.pair(rcvbuf=4096)
    source, sink = (pool, miner) if dies == "pool" else (miner, pool)
    # Both directions are full, so that source is not read.
    down = rig.fill(source)
    up = rig.fill(sink)
    assert len(up) > 16384
    # Room for what its own queue holds, and for the words.
    assert rig.recv_exact(sink, len(down)) == down
    source.settimeout(hs.DEADLINE)
    source.sendall(words[:1000])
    rig.arrived(source)
    rig.rst(source)
    expect_reset(sink, words[:1000])


@pytest.mark.parametrize("dies", ["pool", "miner"])
def test_rule_c_waits_for_a_slow_reader(box, dies):
    """The RST comes when its socket has everything, not before."""
    b = box("limits { session-buffer 256K }\ntimers { reset 1m }",
            pools=[rig.Pool(rcvbuf=4096)])
    miner, pool = b.pair(rcvbuf=4096)
    source, sink = (pool, miner) if dies == "pool" else (miner, pool)
    data = rig.bytes_of(150000, 9)
    source.sendall(data)
    rig.arrived(source)
    rig.rst(source)
    # Whoever resets at once would have done it by now.
    b.settled(b.pair())
    head = rig.recv_exact(sink, 1000)
    assert b.stats()["sessions_live"] == 2
    rest, reset = rig.recv_end(sink)
    rig.equal(head + rest, data)
    assert reset


@pytest.mark.parametrize("dies", ["pool", "miner"])
def test_rule_c_does_not_wait_for_ever(box, dies):
    b = box("timers { reset 400ms }", pools=[rig.Pool(rcvbuf=4096)])
    miner, pool = b.pair(rcvbuf=4096)
    source, sink = (pool, miner) if dies == "pool" else (miner, pool)
    source.sendall(rig.bytes_of(150000, 9))
    rig.arrived(source)
    started = time.monotonic()
    rig.rst(source)
    b.idle()
    # Not at once, nor after what is the default.
    assert 0.35 < time.monotonic() - started < 5
    assert rig.recv_end(sink)[1]


def test_rule_c_both_die(box):
    b = box()
    for i in range(20):
        miner, pool = b.pair()
        miner.sendall(b"x" * 10000)
        pool.sendall(b"y" * 10000)
        rig.rst(miner if i % 2 else pool)
        rig.rst(pool if i % 2 else miner)
    b.idle()
    b.settled(b.pair())


@pytest.mark.parametrize("dies", ["pool", "miner"])
@pytest.mark.parametrize("writes", [True, False])
def test_rule_c_reset_after_half_close(box, dies, writes):
    """A side that has said FIN may still die, written to or not."""
    b = box(args=["-v"])
    for _ in range(5):
        miner, pool = b.pair()
        gone, left = (miner, pool) if dies == "miner" else (pool, miner)
        gone.shutdown(socket.SHUT_WR)
        assert rig.recv_end(left) == (b"", False)
        rig.rst(gone)
        end = time.monotonic() + hs.DEADLINE
        while True:
            assert time.monotonic() < end, "not reset"
            try:
                if writes:
                    left.sendall(WORDS)
                left.getpeername()
            except OSError:
                break
            threading.Event().wait(0.01)
    b.idle()
    assert len(b.hsd.wait_log(f"session ended: {dies}_reset", 5)) == 5


def test_miner_vanishes_in_the_middle(box):
    """What arrives is a beginning of what was sent, and then an RST."""
    b = box(pools=[rig.Pool(rcvbuf=4096)])
    bystander = b.pair()
    for seed in range(5):
        miner, pool = b.pair()
        data = rig.bytes_of(2 * MIB, seed)
        miner.setblocking(False)
        sent = miner.send(data)
        rig.rst(miner)
        got, reset = rig.recv_end(pool)
        assert reset and len(got) <= sent
        rig.equal(got, data[:len(got)])
        b.settled(bystander)


def test_miner_vanishes_while_a_pool_is_looked_for(box, closing):
    hole = closing(rig.BlackHole())
    b = box("timers { connect 500ms }", pools=[hole.url])
    for end in (rig.rst, socket.socket.close):
        for _ in range(5):
            miner = b.miner()
            miner.sendall(WORDS)
            end(miner)
    # relayd may not have accepted them all yet.
    hs.wait_for(lambda: b.stats()["no_pool"] >= 10, "ten ends")
    b.idle()
    assert b.stats()["no_pool"] == 10


def test_closing_leaves_nothing_open(box):
    """Of two hundred sessions with every kind of end."""
    b = box()
    b.idle()
    before = b.sockets()
    assert before > 0
    ends = [rig.rst, socket.socket.close, lambda s: (
        s.shutdown(socket.SHUT_WR), rig.recv_end(s), s.close())]
    for i in range(200):
        miner, pool = b.pair()
        miner.sendall(WORDS)
        first, second = (miner, pool) if i % 2 else (pool, miner)
        job = rig.Worker(rig.recv_end, second)
        ends[i % 3](first) if i % 3 < 2 else first.shutdown(socket.SHUT_WR)
        job.result()
        second.close()
    b.idle()
    assert b.sockets() == before


# --- e: timers ---

def test_rule_e_nothing_ends_by_itself(box):
    b = box()
    idle = b.pair()
    half, end = b.pair()
    half.shutdown(socket.SHUT_WR)
    assert rig.recv_end(end) == (b"", False)
    assert rig.silent(idle[0], 1.2) and rig.silent(half, 0)
    b.settled(idle)
    end.sendall(WORDS)
    assert rig.recv_exact(half, len(WORDS)) == WORDS


def test_rule_e_idle(box):
    """Only who is silent goes, by FIN; the cause is named."""
    b = box("timers { idle 2500ms }", args=["-v"])
    started = time.monotonic()
    idle, busy = b.pair(), b.pair()
    while rig.silent(idle[0], 0.1):
        assert time.monotonic() - started < hs.DEADLINE
        b.settled(busy)
    assert time.monotonic() - started > 2.4
    assert rig.recv_end(idle[0]) == (b"", False)
    assert rig.recv_end(idle[1]) == (b"", False)
    for s in idle:
        s.close()
    b.hsd.wait_log("session ended: idle_timeout")
    b.settled(busy)
    assert len(b.hsd.log("session ended")) == 1


def test_rule_e_half_close_timeout(box):
    b = box("timers { half-close 2s }", args=["-v"])
    open_pair = b.pair()
    for who in (0, 1):
        pair = b.pair()
        started = time.monotonic()
        pair[who].shutdown(socket.SHUT_WR)
        assert rig.recv_end(pair[1 - who]) == (b"", False)
        pair[1 - who].sendall(WORDS)
        assert rig.recv_end(pair[who]) == (WORDS, False)
        assert time.monotonic() - started > 1.9
        for s in pair:
            s.close()
    b.hsd.wait_log("session ended: half_close_timeout", 2)
    b.settled(open_pair)


def keepalive(local, remote):
    """Seconds until a connection's keepalive timer; None without one."""
    row = rig.tcp_row(local, remote)
    timer, when = row[5].split(":") if row else ("", "")
    return int(when, 16) / 100 if timer == "02" else None


def test_rule_e_keepalive_finds_the_dead(box):
    """The timer runs on both legs, with the interval that was set."""
    for body, most in (("", 60), ("timers { keepalive 9s 3s 2 }", 9)):
        b = box(body)
        started = time.monotonic()
        miner, pool = b.pair()
        b.settled((miner, pool))
        ends = [(b.port, miner.getsockname()[1]),
                (pool.getpeername()[1], pool.getsockname()[1])]
        for local, remote in ends:
            when = hs.wait_for(lambda: keepalive(local, remote),
                               "a keepalive timer")
            took = time.monotonic() - started
            assert most - took - 0.1 < when <= most
