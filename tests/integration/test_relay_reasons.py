"""Each end of a session is in the store, with its cause and its bytes."""
import json
import os
import signal
import socket

import pytest

import cap
import hs
import rig

WORDS = b'{"id":1,"method":"mining.ping"}\n'


@pytest.fixture
def scope(build, closing):
    """scope(body, inner, pools): a Box that captures."""
    def start(body="", inner="", pools=None):
        return closing(cap.Scope(
            [rig.Pool()] if pools is None else pools, body, inner))
    return start


def fin(first, second):
    """Ends a session by FIN, first of one side, then of the other."""
    first.shutdown(socket.SHUT_WR)
    rig.recv_end(second)
    second.close()
    rig.recv_end(first)


def only(b):
    """The one session that the store knows, ended."""
    b.ended()
    session, = hs.wait_for(b.sessions, "a session")
    assert session["state"] == "ended"
    return session


ENDS = {
    "miner_closed": lambda miner, pool: fin(miner, pool),
    "pool_closed": lambda miner, pool: fin(pool, miner),
    "miner_reset": lambda miner, pool: rig.rst(miner),
    "pool_reset": lambda miner, pool: rig.rst(pool),
}


@pytest.mark.parametrize("reason", ENDS)
def test_who_has_ended_it(scope, reason):
    b = scope()
    miner, pool = b.pair()
    port = miner.getsockname()[1]
    miner.sendall(WORDS)
    assert rig.recv_exact(pool, len(WORDS)) == WORDS
    ENDS[reason](miner, pool)
    s = only(b)
    assert s["close_reason"] == reason
    assert s["bytes"] == {"miner_to_pool": len(WORDS), "pool_to_miner": 0}
    assert s["peer"] == f"127.0.0.1:{port}"
    assert (s["pool_host"], s["pool_port"]) == ("127.0.0.1", b.pool.port)


@pytest.mark.parametrize("timer,reason", [
    ("idle 300ms", "idle_timeout"), ("half-close 300ms",
                                     "half_close_timeout")])
def test_which_timer_has_ended_it(scope, timer, reason):
    b = scope(f"timers {{ {timer} }}")
    miner, pool = b.pair()
    if reason.startswith("half"):
        miner.shutdown(socket.SHUT_WR)
        assert rig.recv_end(pool) == (b"", False)
    assert rig.recv_end(miner) == (b"", False)
    miner.close()
    pool.close()
    assert only(b)["close_reason"] == reason


def test_no_pool_and_why(scope):
    dead = rig.Pool()
    dead.close()
    b = scope(pools=[dead.url])
    b.turned_away(WORDS)
    s = only(b)
    assert s["close_reason"] == "no_pool"
    assert "Connection refused" in s["close_detail"]
    assert s["bytes"] == {"miner_to_pool": 0, "pool_to_miner": 0}


def test_half_a_proxy_header(scope):
    b = scope("timers { proxy-header 200ms }", "proxy from 127.0.0.1")
    b.turned_away(b"PROXY TCP4 ")
    s = only(b)
    assert s["close_reason"] == "proxy_header"


def test_peer_behind_a_proxy(scope):
    """It is known by its own address, and by whom it came."""
    b = scope("", "proxy from 127.0.0.0/8")
    miner = b.miner()
    miner.sendall(b"PROXY TCP6 2001:db8::7 2001:db8::8 4444 1\r\n" + WORDS)
    pool = b.pool.accept()
    assert rig.recv_exact(pool, len(WORDS)) == WORDS
    fin(miner, pool)
    s = only(b)
    assert s["peer"] == "[2001:db8::7]:4444"
    assert s["via"] == "127.0.0.1:%d" % miner.getsockname()[1]
    assert s["bytes"]["miner_to_pool"] == len(WORDS)


def test_a_limit(scope):
    b = scope("limits { per-address 1 }")
    pair = b.pair()
    b.turned_away()
    b.settle()
    reasons = hs.wait_for(lambda: [
        s["close_reason"] for s in b.sessions() if s["state"] == "ended"],
        "an ended session")
    assert reasons == ["limit"]
    b.settled(pair)


def test_rule_f_disconnect(scope):
    """FIN after what waits, to both; nobody else notices."""
    b = scope()
    stays, goes = b.pair(), b.pair()
    b.settled(stays)
    goes[0].sendall(WORDS)
    goes[1].sendall(WORDS * 2)
    hs.wait_for(lambda: goes[0].getsockname()[1] in b.by_port(), "it")
    session = b.by_port()[goes[0].getsockname()[1]]
    b.ctl("disconnect", session["session_id"])
    assert rig.recv_end(goes[0]) == (WORDS * 2, False)
    assert rig.recv_end(goes[1]) == (WORDS, False)
    for s in goes:
        s.close()
    hs.wait_for(lambda: b.stats()["sessions_live"] == 1, "its end")
    b.settle()
    found = hs.wait_for(lambda: [
        s for s in b.sessions() if s["state"] == "ended"], "it in the store")
    assert [s["close_reason"] for s in found] == ["disconnected"]
    assert found[0]["session_id"] == session["session_id"]
    b.settled(stays)


def test_rule_f_disconnect_of_who_does_not_close(scope):
    """RST after reset, and bytes meanwhile are undeliverable."""
    b = scope("timers { reset 3s }")
    miner, pool = b.pair()
    b.settled((miner, pool))
    session = hs.wait_for(b.sessions, "a session")[0]
    b.ctl("disconnect", session["session_id"])
    assert rig.recv_end(pool) == (b"", False)
    miner.sendall(WORDS)
    b.idle()
    assert b.stats()["undelivered_to_pools"] == len(WORDS)
    with pytest.raises(OSError):
        while True:
            miner.sendall(WORDS)
            rig.silent(miner, 0.01)


def test_relayd_has_died(scope):
    """Its sessions end in the store, with that reason."""
    b = scope()
    pairs = [b.pair() for _ in range(3)]
    for miner, pool in pairs:
        miner.sendall(WORDS)
        assert rig.recv_exact(pool, len(WORDS)) == WORDS
    b.settle()
    os.kill(b.relayd, signal.SIGKILL)
    hs.wait_for(lambda: [s["close_reason"] for s in b.sessions()] ==
                ["relay_ended"] * 3, "three ends")
    b.settled(b.pair())


def test_shutdown(scope, closing):
    """What is known at the end is in the store after the next start."""
    b = scope()
    miner, pool = b.pair()
    miner.sendall(WORDS)
    assert rig.recv_exact(pool, len(WORDS)) == WORDS
    b.hsd.send_signal(signal.SIGTERM)
    assert rig.recv_end(miner) == (b"", False)
    assert rig.recv_end(pool) == (b"", False)
    miner.close()
    pool.close()
    assert b.hsd.wait() == 0
    again = closing(rig.Hashscoped(b.text, where=b.hsd.dir))
    again.stats()
    s, = hs.wait_for(lambda: sessions_of(b), "the store")
    assert s["close_reason"] == "shutdown"
    assert s["bytes"]["miner_to_pool"] == len(WORDS)


def sessions_of(b):
    """show sessions, or None while there is nobody to answer."""
    done = b.run_ctl("show", "sessions")
    return json.loads(done.stdout) if done.returncode == 0 else None
