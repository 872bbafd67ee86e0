"""Pools that are dead, black-holed, and back; names; no loops."""
import contextlib
import os
import signal
import subprocess
import time

import pytest

import hs
import rig

# Nothing answers there and nothing says so: a neighbour that never was.
BLACK = """
ip link set lo up
ip link add hs0 type veth peer name hs1
ip addr add 192.0.2.1/24 dev hs0
ip addr add 2001:db8::1/64 dev hs0 nodad
ip link set hs0 up
ip link set hs1 up
exec "$@"
"""
# No name server, and names of our own.
LONELY = """
ip link set lo up
mount --bind %s /etc/hosts
exec "$@"
"""
HOSTS = """
127.0.0.1 localhost both.test four.test
::1 both.test six.test
"""


@pytest.fixture
def namespace():
    """namespace(script): words that run a command in one of its own."""
    def words(script):
        probe = subprocess.run(
            ["unshare", "-nm", "sh", "-ec", script, "sh", "true"],
            stderr=subprocess.PIPE, text=True, timeout=hs.DEADLINE)
        if probe.returncode != 0:
            pytest.skip(f"no network namespace: {probe.stderr.strip()}")
        return ["unshare", "-nm", "sh", "-ec", script, "sh"]
    return words


@pytest.fixture
def named(box, namespace, tmp_path):
    """named(body, pools): a box whose pools have names, in HOSTS."""
    hosts = tmp_path / "hosts"
    hosts.write_text(HOSTS)

    def start(body, pools):
        return box(body, pools=pools, prefix=namespace(LONELY % hosts))
    return start


def inside(b, function, *args):
    """Runs it in the network of a box."""
    return rig.in_netns(b.hsd.pid, function, *args)


def test_first_pool_is_tried_again(box):
    """Dead, then passed over, then back after pool-retry."""
    first, second = rig.Pool(), rig.Pool()
    b = box("timers { pool-retry 3s }", pools=[first, second])
    with b.pair()[1]:
        pass
    first.close()
    for _ in range(5):
        miner = b.miner()
        b.settled((miner, second.accept()))
    assert b.stats()["pool_failures"] == 1
    assert b.stats()["pools_down"] == 1
    b.hsd.wait_log(rf"pool 127.0.0.1:{first.port}: Connection refused; "
                   "tried again in")
    hs.wait_for(lambda: b.stats()["pools_down"] == 0, "the end of the pause")
    miner = b.miner()
    b.settled((miner, second.accept()))
    assert b.stats()["pool_failures"] == 2
    again = rig.Pool(port=first.port)
    b.pools.append(again)
    hs.wait_for(lambda: b.stats()["pools_down"] == 0, "the end of the pause")
    miner = b.miner()
    b.settled((miner, again.accept()))
    b.hsd.wait_log(rf"pool 127.0.0.1:{first.port} answers again")


def test_pools_that_are_all_down_are_tried_nevertheless(box):
    """A pause is for passing over, not for turning away."""
    pool = rig.Pool()
    b = box("timers { pool-retry 1h }", pools=[pool])
    pool.close()
    b.turned_away()
    b.turned_away()
    again = rig.Pool(port=pool.port)
    b.pools.append(again)
    miner = b.miner()
    b.settled((miner, again.accept()))
    assert b.stats()["pools_down"] == 0


def test_order_of_the_pools(box):
    """Always the first that answers, never by turns."""
    pools = [rig.Pool() for _ in range(4)]
    b = box("timers { pool-retry 1h }", pools=pools)
    for dead in range(4):
        for _ in range(3):
            miner = b.miner()
            b.settled((miner, pools[dead].accept()))
        pools[dead].close()
    b.turned_away()


def test_black_hole_and_back(box, closing):
    """Nothing answers: the next one after connect, the first when it is
    back."""
    hole, second = closing(rig.BlackHole()), rig.Pool()
    b = box("timers { connect 300ms  pool-retry 3s }",
            pools=[hole.url, second])
    started = time.monotonic()
    miner = b.miner()
    miner.sendall(b"early")
    with second.accept() as pool:
        assert time.monotonic() - started > 0.28
        assert rig.recv_exact(pool, 5) == b"early"
    b.hsd.wait_log(rf"pool 127.0.0.1:{hole.port}: no answer")
    # Newcomers do not wait for it again.
    b.settled((b.miner(), second.accept()))
    assert b.stats()["pool_failures"] == 1
    first = hole.open()
    hs.wait_for(lambda: b.stats()["pools_down"] == 0, "the end of the pause")
    b.settled((b.miner(), first.accept()))


def test_black_hole_of_a_network(box, namespace):
    """With many miners at once, on IPv4 and IPv6; others keep mining."""
    hole4, hole6 = "192.0.2.99:3333", "[2001:db8::99]:3333"
    # Well before the kernel itself gives a neighbour up, after 3 s.
    b = box("timers { connect 1s  pool-retry 1h }",
            pools=[hole4, hole6, "127.0.0.1:3333"], prefix=namespace(BLACK))
    pool = rig.in_netns(b.hsd.pid, rig.Pool, rig.HOST, 3333)
    b.pools.append(pool)
    miners = [rig.in_netns(b.hsd.pid, b.miner) for _ in range(50)]
    for m in miners:
        m.sendall(b"early")
    assert not pool.waiting()
    for _ in miners:
        assert rig.recv_exact(pool.accept(), 5) == b"early"
    for hole in ("192.0.2.99:3333", "2001:db8::99:3333"):
        line = b.hsd.wait_log(f"pool {hole}: ")
        assert "no answer" in line[0] and len(line) == 1
    assert b.stats()["pools_down"] == 2


@pytest.mark.parametrize("miner_host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("pool_host", ["127.0.0.1", "::1"])
def test_both_families_on_both_sides(box, miner_host, pool_host):
    b = box(pools=[rig.Pool(pool_host)], host=miner_host)
    b.settled(b.pair())


def test_a_listener_for_both_families(hashscoped, closing):
    """Each address is a listener of its own: IPv6 takes no IPv4."""
    pool = closing(rig.Pool())
    port = hs.free_port()
    hashscoped(rig.settings([("*", port, [pool.url])]))
    for host in ("127.0.0.1", "::1"):
        with rig.connect(host, port) as miner, pool.accept() as conn:
            miner.sendall(b"x")
            assert rig.recv_exact(conn, 1) == b"x"


def test_every_listener_has_its_own_pools(hashscoped, closing):
    pools = [closing(rig.Pool()) for _ in range(3)]
    ports = [hs.free_port() for _ in range(3)]
    hashscoped(rig.settings(
        [(rig.HOST, port, [p.url]) for port, p in zip(ports, pools)]))
    for i in (2, 0, 1):
        with rig.connect(rig.HOST, ports[i]) as miner:
            with pools[i].accept() as conn:
                miner.sendall(b"x")
                assert rig.recv_exact(conn, 1) == b"x"


# --- names ---

@pytest.mark.parametrize("name,host", [
    ("four.test", "127.0.0.1"), ("six.test", "::1"), ("FOUR.Test", "127.0.0.1"),
    ("both.test", "127.0.0.1"), ("both.test", "::1")])
def test_name_of_a_pool(named, name, host):
    """Of two addresses the one is found that answers."""
    b = named("", [f"stratum+tcp://{name}:3333"])
    pool = inside(b, rig.Pool, host, 3333)
    b.pools.append(pool)
    for _ in range(3):
        b.settled((inside(b, b.miner), pool.accept()))
    assert b.stats()["pool_failures"] == 0


def test_name_before_there_is_a_resolver(named):
    """A miner that comes while it is being started has to wait for it."""
    b = named("timers { restart-min 300ms }", ["six.test:3333"])
    pool = inside(b, rig.Pool, "::1", 3333)
    b.pools.append(pool)
    b.settled((inside(b, b.miner), pool.accept()))
    for i in (1, 2):
        os.kill(b.hsd.child("resolver"), signal.SIGKILL)
        b.hsd.wait_log("resolver .*has ended", i)
        os.kill(b.relayd, signal.SIGKILL)
        b.hsd.wait_log("relayd .*has ended", i)
        b.settled((inside(b, b.miner), pool.accept()))


def test_name_outlives_the_resolver(box):
    """The addresses that were good stay; a new resolver comes."""
    pool = rig.Pool()
    b = box(pools=[f"localhost:{pool.port}"])
    b.pools.append(pool)
    first = b.hsd.child("resolver")
    b.settled((b.miner(), pool.accept()))
    os.kill(first, signal.SIGKILL)
    b.settled((b.miner(), pool.accept()))
    hs.wait_for(lambda: b.hsd.children().get("resolver", first) != first,
                "another resolver")
    b.settled((b.miner(), pool.accept()))


def test_name_while_the_resolver_stands_still(named):
    """As one does that waits for a name server: nobody waits for it."""
    b = named("timers { connect 3s  pool-retry 200ms }",
              ["four.test:3333", "four.test:3334"])
    pools = [inside(b, rig.Pool, rig.HOST, port) for port in (3333, 3334)]
    b.pools.extend(pools)
    first = (inside(b, b.miner), pools[0].accept())
    b.settled(first)
    with rig.stopped(b.hsd.child("resolver")):
        b.settled((inside(b, b.miner), pools[0].accept()))
        b.hsd.configure(b.text.replace("four.test:3333", "both.test:3333"))
        assert b.hsd.ctl().reload() == (True, "reloaded")
        # No answer: the next pool, in time.
        b.settled((inside(b, b.miner), pools[1].accept()))
        b.hsd.wait_log("pool both.test:3333: its name was not resolved")
    hs.wait_for(lambda: b.stats()["pools_down"] == 0, "the end of the pause")
    b.settled((inside(b, b.miner), pools[0].accept()))
    b.settled(first)


def test_name_that_is_not_known(named):
    b = named("timers { pool-retry 1h }",
              ["no-such-pool.test:3333", "127.0.0.1:3333"])
    pool = inside(b, rig.Pool, rig.HOST, 3333)
    b.pools.append(pool)
    for m in [inside(b, b.miner) for _ in range(5)]:
        b.settled((m, pool.accept()))
    b.hsd.wait_log("pool no-such-pool.test: ")


# --- no loops ---

# relayd accepts 64 a pass; it knows what they are at the end of the next.
OWN_VISITS = 3 * 64

OWN = {
    "127.0.0.1": ("127.0.0.1", "127.0.0.1"),
    "any, by loopback": ("0.0.0.0", "127.0.0.1"),
    "any, by another loopback": ("0.0.0.0", "127.1.2.3"),
    "any, by any": ("0.0.0.0", "0.0.0.0"),
    "any, by name": ("0.0.0.0", "localhost"),
    "mapped": ("127.0.0.1", "[::ffff:127.0.0.1]"),
    "any, mapped": ("0.0.0.0", "[::ffff:127.0.0.1]"),
    "ipv6": ("::1", "[::1]"),
    "any ipv6": ("::", "[::1]"),
    "any ipv6, by any": ("::", "[::]"),
}


def own_setting(name, *more):
    """A configuration whose pool is its own listener, and its port."""
    host, pool = OWN[name]
    port = hs.free_port("::1" if ":" in host else "127.0.0.1")
    return port, rig.settings([(host, port, [f"{pool}:{port}", *more])])


@pytest.mark.parametrize("name", OWN)
def test_pool_that_leads_back_to_us(hashscoped, name):
    """Refused before any byte, and it does not go round."""
    port, text = own_setting(name)
    h = hashscoped(text)
    host = "::1" if ":" in OWN[name][0] else "127.0.0.1"

    def turned_away():
        try:
            with rig.connect(host, port) as miner:
                assert rig.recv_end(miner) == (b"", True)
        except ConnectionResetError:
            pass
    for _ in range(3):
        turned_away()
    h.wait_log("leads back to us")
    # Behind our own visits that are still to be accepted.
    turned_away()
    hs.wait_for(lambda: h.stats()["sessions_live"] == 0, "no sessions")
    stats = h.stats()
    assert stats["refused_own"] >= 1
    assert stats["accepted"] < OWN_VISITS
    assert h.stats()["accepted"] == stats["accepted"]


def test_pool_behind_one_that_leads_back_to_us(hashscoped, closing):
    """It is mined at, and our own visits to it come to an end."""
    pool = closing(rig.Pool())
    port, text = own_setting("any, by loopback", pool.url)
    h = hashscoped(text)
    miners = [closing(rig.connect(rig.HOST, port)) for _ in range(3)]
    for i, m in enumerate(miners):
        m.sendall(b"miner%d" % i)
    found = set()
    while len(found) < 3:
        with pool.accept() as conn:
            with contextlib.suppress(ConnectionResetError):
                found.add(conn.recv(100))
            found.discard(b"")
    assert found == {b"miner0", b"miner1", b"miner2"}
    assert h.stats()["accepted"] < OWN_VISITS


@pytest.mark.parametrize("ours,theirs", [
    ("127.0.0.2", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "127.0.0.1"),
    ("0.0.0.0", "::1"), ("127.0.0.1", "::1")])
def test_pool_on_our_port_that_is_not_us(box, closing, ours, theirs):
    """Same port, another address of this machine: somebody else's."""
    port = hs.free_port("127.0.0.1" if "." in ours else "::1")
    pool = closing(rig.Pool(theirs, port))
    h = rig.Hashscoped(rig.settings([(ours, port, [pool.url])]))
    closing(h)
    host = {"::": "::1", "0.0.0.0": "127.0.0.1"}.get(ours, ours)
    with rig.connect(host, port) as miner, pool.accept() as conn:
        miner.sendall(b"x")
        assert rig.recv_exact(conn, 1) == b"x"
    assert h.stats()["refused_own"] == 0
