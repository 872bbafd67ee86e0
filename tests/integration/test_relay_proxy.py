"""Rule a: PROXY protocol headers, from trusted and from other networks."""
import ipaddress
import struct

import pytest

import hs
import rig

TRUST = "proxy from 127.0.0.0/8"
ELSEWHERE = "proxy from 10.0.0.0/8 127.0.0.2 ::/0"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SAID = b'{"id":1,"method":"mining.subscribe"}\n'


def v2(source, port, command=1, tlv=b""):
    """A header of version 2 for TCP, with TLVs behind the addresses."""
    address = ipaddress.ip_address(source)
    body = address.packed * 2 + struct.pack(">HH", port, 3333) + tlv
    family = 0x11 if address.version == 4 else 0x21
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack(
        ">H", len(body)) + body


def v1(kind, source, port):
    """A header of version 1."""
    return f"PROXY {kind} {source} {source} {port} 3333\r\n".encode()


# What it says, and the address by which the session is known then.
HEADERS = {
    "v1 tcp4": (v1("TCP4", "192.0.2.7", 4444), "192.0.2.7:4444"),
    "v1 tcp6": (v1("TCP6", "2001:db8::7", 4444), "[2001:db8::7]:4444"),
    "v1 longest": (v1("TCP6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                      65535),
                   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1 unknown with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "v2 tcp4": (v2("192.0.2.7", 4444), "192.0.2.7:4444"),
    "v2 tcp6": (v2("2001:db8::7", 4444), "[2001:db8::7]:4444"),
    "v2 with tlvs": (v2("192.0.2.7", 4444, tlv=b"\x04\x02\x58" + bytes(600)),
                     "192.0.2.7:4444"),
    "v2 local": (v2("192.0.2.7", 4444, command=0), None),
    "v2 local, empty": (SIGNATURE + b"\x20\x00\x00\x00", None),
    "v2 unix": (SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216), None),
}

MALFORMED = {
    "v1 no addresses": b"PROXY TCP4\r\n",
    "v1 bad address": b"PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
    "v1 wrong family": b"PROXY TCP4 2001:db8::7 2001:db8::7 1 2\r\n",
    "v1 bad port": b"PROXY TCP4 192.0.2.1 192.0.2.1 65536 2\r\n",
    "v1 signed port": b"PROXY TCP4 192.0.2.1 192.0.2.1 +1 2\r\n",
    "v1 a word too many": b"PROXY TCP4 192.0.2.1 192.0.2.1 1 2 3\r\n",
    "v1 udp": b"PROXY UDP4 192.0.2.1 192.0.2.1 1 2\r\n",
    "v1 no cr": b"PROXY TCP4 192.0.2.1 192.0.2.1 1 2\n",
    "v1 nul": b"PROXY TCP4 192.0.2.1\0 192.0.2.1 1 2\r\n",
    "v1 too long": b"PROXY TCP4 " + b"1" * 100,
    "v2 version 3": SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
    "v2 command 2": SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
    "v2 too short": SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
    "v2 too long": SIGNATURE + b"\x21\x11\xff\xff" + bytes(100),
}

ORDINARY = {
    "json": SAID,
    "one byte": b"P",
    "almost v1": b"PROXI TCP4 192.0.2.1 192.0.2.1 1 2\r\n",
    "lower case": b"proxy TCP4 192.0.2.1 192.0.2.1 1 2\r\n",
    "almost v2": SIGNATURE[:-1] + b"\r" + bytes(20),
    "newlines": b"\r\n\r\n" * 5,
}


def known_as(box, pool, header, address):
    """Fails unless sessions with this header count for this address.

    Each address may have one session: the second is turned away, and the
    log says by which address it was known.
    """
    for sock in (box.miner(), box.miner()):
        sock.sendall(header)
    pool.accept()
    line = box.hsd.wait_log("its address has its 1 sessions")[0]
    assert f" {address}: its address" in line


@pytest.mark.parametrize("name", HEADERS)
def test_rule_a_proxy_header_is_taken(box, name):
    """It never reaches the pool, and not a byte behind it is lost."""
    header, address = HEADERS[name]
    b = box("limits { per-address 1 }" if address else "", TRUST)
    miner = b.miner()
    miner.sendall(header + SAID)
    with b.pool.accept() as pool:
        assert rig.recv_exact(pool, len(SAID)) == SAID
        b.settled((miner, pool))
        miner.close()
        assert rig.recv_end(pool) == (b"", False)
    b.idle()
    if address:
        known_as(b, b.pool, header, address)


@pytest.mark.parametrize("name", ["v1 tcp4", "v1 tcp6", "v1 unknown",
                                  "v2 tcp4", "v2 local, empty"])
def test_rule_a_proxy_header_cut_at_every_byte(box, name):
    header, _ = HEADERS[name]
    b = box("", TRUST)
    beat = b.miner()
    beat.sendall(header)
    beat = beat, b.pool.accept()
    for cut in range(1, len(header) + 1):
        miner = b.miner()
        miner.sendall(header[:cut])
        b.settled(beat)
        miner.sendall(header[cut:] + SAID)
        with b.pool.accept() as pool:
            assert rig.recv_exact(pool, len(SAID)) == SAID, cut
        miner.close()
    miner = b.miner()
    for i in range(len(header)):
        assert not b.pool.waiting()
        miner.sendall(header[i:i + 1])
        b.settled(beat)
    miner.sendall(SAID)
    with b.pool.accept() as pool:
        assert rig.recv_exact(pool, len(SAID)) == SAID
        miner.close()


@pytest.mark.parametrize("name", MALFORMED)
def test_rule_a_malformed_proxy_header(box, name):
    """RST, counted, and the pool is never bothered."""
    b = box("", TRUST)
    for cut in (len(MALFORMED[name]), 8):
        miner = b.miner()
        miner.sendall(MALFORMED[name][:cut])
        if cut == 8:
            hs.wait_for(lambda: b.stats()["sessions_live"] == 1, "the session")
            miner.sendall(MALFORMED[name][cut:])
        assert rig.recv_end(miner) == (b"", True)
    assert not b.pool.waiting()
    assert b.stats()["proxy_bad"] == 2


@pytest.mark.parametrize("name", ORDINARY)
def test_rule_a_trusted_peer_without_a_header(box, name):
    """Its own bytes are relayed, however they are cut."""
    data = ORDINARY[name]
    b = box("timers { proxy-header 1m }", TRUST)
    beat = b.miner()
    beat.sendall(SAID)
    beat = beat, b.pool.accept()
    assert rig.recv_exact(beat[1], len(SAID)) == SAID
    if name == "one byte":
        cuts = []
    else:
        cuts = range(len(data))
    for cut in cuts:
        miner = b.miner()
        miner.sendall(data[:cut])
        b.settled(beat)
        miner.sendall(data[cut:])
        with b.pool.accept() as pool:
            assert rig.recv_exact(pool, len(data)) == data, cut
        miner.close()


@pytest.mark.parametrize("name", ["v1 tcp4", "v2 tcp4", "v2 with tlvs"])
def test_rule_a_header_of_a_stranger_is_only_bytes(box, name):
    header, _ = HEADERS[name]
    b = box("limits { per-address 1 }", ELSEWHERE)
    miner = b.miner()
    miner.sendall(header + SAID)
    with b.pool.accept() as pool:
        got = rig.recv_exact(pool, len(header + SAID))
        assert got == header + SAID
        # And it is known by its own address.
        b.turned_away()
        line = b.hsd.wait_log("its address has its 1 sessions")[0]
        assert " 127.0.0.1:" in line


@pytest.mark.parametrize("inner,trusted", [
    ("proxy from 127.0.0.1", True), ("proxy from 127.0.0.0/31", True),
    ("proxy from 126.0.0.0/7", True), ("proxy from 0.0.0.0/0", True),
    ("proxy from 127.0.0.0/32", False), ("proxy from 127.0.0.2/31", False),
    ("proxy from ::1 fd00::/8 128.0.0.0/1", False),
    ("proxy from 10.0.0.0/8\n\tproxy from 127.0.0.1", True),
])
def test_rule_a_networks(box, inner, trusted):
    b = box("", inner)
    header = HEADERS["v1 tcp4"][0]
    want = SAID if trusted else header + SAID
    miner = b.miner()
    miner.sendall(header + SAID)
    assert rig.recv_exact(b.pool.accept(), len(want)) == want


@pytest.mark.parametrize("net,trusted", [
    ("::1", True), ("::/127", True), ("fe80::/10", False), ("::2/127", False)])
def test_rule_a_networks_of_ipv6(box, net, trusted):
    b = box("", f"proxy from {net}", host="::1")
    header = HEADERS["v2 tcp6"][0]
    want = SAID if trusted else header + SAID
    miner = b.miner()
    miner.sendall(header + SAID)
    assert rig.recv_exact(b.pool.accept(), len(want)) == want


@pytest.mark.parametrize("part", [b"P", b"PROXY TCP4 192.0.2.1", SIGNATURE,
                                  HEADERS["v2 tcp4"][0][:-1]])
def test_rule_a_half_a_header_has_its_time(box, part):
    b = box("timers { proxy-header 200ms }", TRUST)
    miner = b.miner()
    miner.sendall(part)
    assert rig.recv_end(miner) == (b"", True)
    assert b.stats()["proxy_bad"] == 1
    assert not b.pool.waiting()


@pytest.mark.parametrize("part", [b"PROXY TCP4 192.0.2.1", SIGNATURE])
def test_rule_a_half_a_header_and_fin(box, part):
    """It ends at once, without a turn for each look at it."""
    b = box("timers { proxy-header 5m }", TRUST)
    miner = b.miner()
    miner.sendall(part)
    hs.wait_for(lambda: b.stats()["sessions_live"] == 1, "the session")
    assert rig.silent(miner, 0.1)
    miner.shutdown(1)
    assert rig.recv_end(miner) == (b"", True)
    b.idle()


def test_rule_a_waiting_for_a_header_costs_nothing(box):
    """Half a header lies there; relayd does not look at it all the time."""
    b = box("timers { proxy-header 1m }", TRUST)
    for part in (b"P", b"PROXY TCP4 192.0.2.1", SIGNATURE, b""):
        b.miner().sendall(part)
    hs.wait_for(lambda: b.stats()["sessions_live"] == 4, "four sessions")
    used = rig.proc_cpu(b.relayd)
    assert rig.silent(b.opened[0], 0.5)
    assert rig.proc_cpu(b.relayd) - used < 0.05


def test_rule_a_silent_peer_gets_its_pool_in_time(box):
    """Who waits for the pool to speak first cannot send a header."""
    b = box("timers { proxy-header 200ms }", TRUST)
    miner = b.miner()
    pool = b.pool.accept()
    b.settled((miner, pool))
