"""Transparency: the bytes that arrive are the bytes that were sent."""
import errno
import socket

import pytest

import rig

MIB = 1 << 20
# With copies for the store, and without: to miner and pool it is the same.
CAPTURE = pytest.mark.parametrize("capture", [False, True],
                                  ids=["relayed", "captured"])
BUFFER = 64 * 1024

CONTENTS = {
    "line": b'{"id": 1, "method": "mining.subscribe", "params": []}\n',
    "crlf": b'{"id": 1}\r\n{"id": 2}\r\n\r\n\r\r\n',
    "no newline at the end": b'{"id":1}\n{"id":2',
    "empty lines": b"\n" * 1000,
    "megabyte line": b"a" * MIB + b"\n",
    "megabyte without newline": b"[" * MIB,
    "nul": b"\0" * 10 + b'{"id":\0 1}\n\0' + b"\0\n" * 20,
    "every byte": bytes(range(256)) * 40,
    "binary": rig.bytes_of(300000, 7),
    "bad utf-8": b'{"id": "\xff\xfe\xc0\x80\xed\xa0\x80"}\n',
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400),
    "http": b"GET / HTTP/1.1\r\nHost: pool\r\n\r\n",
    "proxy header": b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\nhello\n",
    "one byte": b"x",
    "nothing": b"",
}


def carry(source, sink, data, *args):
    """Sends data and FIN at one end, and expects it at the other."""
    sender = rig.Worker(rig.send_chunks, source, data, *args)
    got, reset = rig.recv_end(sink)
    sender.result()
    rig.equal(got, data)
    assert not reset


def carry_both(miner, pool, up, down, seed, largest=65536):
    """Both directions at once."""
    jobs = [rig.Worker(carry, miner, pool, up, seed, True, largest),
            rig.Worker(carry, pool, miner, down, seed + 1, True, largest)]
    for job in jobs:
        job.result(60)


@CAPTURE
def test_one_byte_at_a_time(box, capture):
    miner, pool = box(capture=capture).pair()
    data = CONTENTS["line"] * 4 + bytes(range(256))
    for i in range(len(data)):
        miner.sendall(data[i:i + 1])
        assert rig.recv_exact(pool, 1) == data[i:i + 1]
        pool.sendall(data[-i - 1:len(data) - i])
        assert rig.recv_exact(miner, 1) == data[-i - 1:len(data) - i]


@CAPTURE
def test_a_stream_of_single_bytes(box, capture):
    """Without waiting in between: they may arrive in any segments."""
    b = box(capture=capture)
    miner, pool = b.pair()
    data = rig.bytes_of(20000, 3)
    carry_both(miner, pool, data, data[::-1], 1, largest=1)


@CAPTURE
@pytest.mark.parametrize("name", CONTENTS)
def test_contents(box, name, capture):
    b = box(capture=capture)
    data = CONTENTS[name]
    for size in (1, 100, 65536):
        if len(data) // size > 20000:
            continue
        miner, pool = b.pair()
        carry_both(miner, pool, data, data[::-1], size, size)


@CAPTURE
@pytest.mark.parametrize("seed", range(4))
def test_both_talk_at_once(box, seed, capture):
    b = box(capture=capture)
    miner, pool = b.pair()
    up = rig.bytes_of(4 * MIB + seed, seed)
    down = rig.bytes_of(5 * MIB - seed, seed + 100)
    carry_both(miner, pool, up, down, seed)
    b.idle()
    stats = b.stats()
    assert stats["bytes_from_miners"] == stats["bytes_to_pools"] == len(up)
    assert stats["bytes_from_pools"] == stats["bytes_to_miners"] == len(down)
    assert stats["undelivered_to_pools"] == 0
    assert stats["undelivered_to_miners"] == 0


@CAPTURE
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_many_sessions_at_once(box, host, capture):
    """Nobody gets what is another's, on IPv4 and IPv6."""
    b = box(pools=[rig.Pool(host)], host=host, capture=capture)
    pairs = [b.pair() for _ in range(16)]
    jobs = []
    for i, (miner, pool) in enumerate(pairs):
        up, down = rig.bytes_of(100000 + i, i), rig.bytes_of(90000 + i, -i)
        jobs.append(rig.Worker(carry_both, miner, pool, up, down, i))
    for job in jobs:
        job.result()


@pytest.mark.parametrize("reader", ["pool", "miner"])
def test_rule_d_slow_reader_holds_the_writer_back(box, reader):
    """Its unread bytes are bounded, others do not notice, nothing is lost."""
    b = box(f"limits {{ session-buffer {BUFFER // 1024}K }}",
            pools=[rig.Pool(rcvbuf=4096)])
    bystander = b.pair()
    relayd = b.relayd
    pairs = [b.pair(rcvbuf=4096, sndbuf=65536) for _ in range(8)]
    before = rig.proc_rss(relayd)
    jobs = []
    for miner, pool in pairs:
        source, sink = (miner, pool) if reader == "pool" else (pool, miner)
        source.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        jobs.append((source, sink, rig.Worker(rig.fill, source)))
    filled = [(source, sink, job.result()) for source, sink, job in jobs]
    # A read of 16 KiB more, and an allocation rounded up.
    bound = len(pairs) * 4 * BUFFER + MIB
    assert rig.SANITIZED or rig.proc_rss(relayd) - before < bound
    b.settled(bystander)
    for source, sink, taken in filled:
        rest = rig.bytes_of(50000, 2)
        assert len(taken) > BUFFER
        sender = rig.Worker(rig.send_chunks, source, rest, 1)
        got, reset = rig.recv_end(sink)
        sender.result()
        rig.equal(got, taken + rest)
        assert not reset


def test_rule_d_a_writer_that_is_held_back_is_still_written_to(box):
    """Both ends only write: neither direction stops the other for good."""
    b = box("limits { session-buffer 16K }", pools=[rig.Pool(rcvbuf=4096)])
    miner, pool = b.pair(rcvbuf=4096)
    up, down = rig.Worker(rig.fill, miner), rig.Worker(rig.fill, pool)
    up, down = up.result(), down.result()
    assert rig.recv_exact(miner, len(down)) == down
    assert rig.recv_exact(pool, len(up)) == up
    b.settled((miner, pool))


def test_pool_that_never_answers(box):
    b = box()
    miner, pool = b.pair()
    data = CONTENTS["line"] * 100
    miner.sendall(data)
    b.settled(b.pair())
    assert rig.silent(miner, 0.6)
    assert rig.recv_exact(pool, len(data)) == data
    b.settled((miner, pool))


@pytest.mark.parametrize("to_pool", [True, False])
def test_rule_g_urgent_data_stays_in_line(box, to_pool):
    """The mode is lost, the byte is not, and it keeps its place."""
    b = box()
    for _ in range(5):
        miner, pool = b.pair()
        source, sink = (miner, pool) if to_pool else (pool, miner)
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        source.sendall(b"before")
        source.send(b"ab!", socket.MSG_OOB)
        source.send(b"?", socket.MSG_OOB)
        source.sendall(b"after")
        source.shutdown(socket.SHUT_WR)
        assert rig.recv_end(sink) == (b"beforeab!?after", False)


def test_rule_g_options_on_both_legs(box):
    """Asked of the sockets that relayd holds, as only root can."""
    b = box("timers { keepalive 7s 3s 2 }")
    miner, pool = b.pair()
    b.settled((miner, pool))
    ports = {miner.getsockname()[1], pool.getsockname()[1]}
    seen = set()
    for fd, link in rig.proc_fds(b.relayd).items():
        if not link.startswith("socket:"):
            continue
        try:
            s = rig.foreign_socket(b.relayd, fd)
        except PermissionError:
            pytest.skip("may not look into another process's descriptors")
        except OSError as e:
            # A channel may go, as when a peer is introduced again.
            assert e.errno in (errno.EBADF, errno.ENOTSOCK), e
            continue
        with s:
            if s.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            try:
                peer = s.getpeername()[1]
            except OSError:
                continue
            if peer not in ports:
                continue
            seen.add(peer)
            want = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                    (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 7),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)]
            for level, name, value in want:
                assert s.getsockopt(level, name) == value, (peer, name)
    assert seen == ports


def test_rule_g_small_messages_do_not_wait_for_each_other(box):
    """Nagle would hold the second one until the first is acknowledged."""
    b = box()
    miner, pool = b.pair()
    bystander = b.pair()
    for _ in range(20):
        miner.sendall(b"1")
        assert rig.recv_exact(pool, 1) == b"1"
        miner.sendall(b"2")
        # relayd has it, and what it sends at once is there at once.
        b.settled(bystander)
        assert not rig.silent(pool, 0)
        assert rig.recv_exact(pool, 1) == b"2"
