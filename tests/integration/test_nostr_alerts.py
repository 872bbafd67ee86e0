"""Alerts reach the operator as private messages, and nobody else."""
import json
import os
import signal

import pytest

import hs
import nostr
import test_nostr

relay = test_nostr.relay


@pytest.fixture
def boss():
    """The operator's key; what was opened with it is in .read."""
    key = nostr.Key()
    key.read = {}
    return key


@pytest.fixture
def watched(scope, boss):
    """watched(*urls, ...): one whose only user is alice."""
    return lambda *urls, **more: scope(
        test_nostr.settings(*urls, **{
            "alerts to": f'"{boss.public.hex()}"', **more}) +
        'watch { user "alice" }\nsite "north"\n')


def intrude(sc, closing, name):
    """Somebody else mines: an alert about him."""
    return closing(test_nostr.Miner(sc, name))


def told(boss, *relays):
    """The texts of the messages that came, each once."""
    came = {e["id"]: e for r in relays for e in list(r.events)
            if e["kind"] == 1059}
    # Once: it takes so long that the programs would wait for us.
    for i, e in came.items():
        if i not in boss.read:
            boss.read[i] = nostr.message(boss, e)[1]
    return [boss.read[i] for i in came]


def lines(boss, *relays):
    """What alerts they are about: severity and kind."""
    return [x for t in told(boss, *relays) for x in t.split("\n")[1:]]


def test_told(watched, relay, boss, closing):
    """An alert comes to every relay, readable with the operator's key only,
    and from HashScope's own."""
    a, b = relay(), relay()
    sc = watched(a.url, b.url)
    intrude(sc, closing, "mallory.1")
    for r in (a, b):
        text = hs.wait_for(lambda r=r: told(boss, r), "a message")[0]
        assert text.startswith("HashScope north\ncritical: unknown_user")
        assert "worker mallory" in text
    e = [e for e in a.events if e["kind"] == 1059][0]
    assert {x["id"] for x in b.events if x["kind"] == 1059} == {e["id"]}
    npub = sc.npub()
    sc.hsd.wait_log("the operator is told of alerts")
    assert npub.startswith("npub1")
    # Its author is ours: the same that signs shares.
    m = intrude(sc, closing, "alice.1")
    m.submit(1)
    share = hs.wait_for(lambda: [x for x in a.events if x["kind"] == 20780],
                        "a share")[0]
    assert nostr.message(boss, e)[0] == share["pubkey"]
    with pytest.raises((AssertionError, ValueError)):
        nostr.message(nostr.Key(), {**e, "tags": []})
    assert "mallory" not in json.dumps(e)


def test_end(watched, relay, boss, closing):
    """It is told when it is over, too."""
    r = relay()
    sc = watched(r.url)
    miner, _ = sc.pair()
    miner.sendall(bytes.fromhex("16030100050100000100") + bytes(64))
    hs.wait_for(lambda: lines(boss, r), "its begin")
    sc.hsd.configure(sc.text.replace("user", "foreign no user"))
    assert sc.run_ctl("reload").returncode == 0
    both = hs.wait_for(lambda: len(lines(boss, r)) == 2 and lines(boss, r),
                       "its end")
    assert both[0].startswith("info: foreign_protocol")
    assert both[1].startswith("over: foreign_protocol")


def test_many(watched, relay, boss, closing):
    """After five messages one says what came meanwhile."""
    r = relay()
    sc = watched(r.url, **{"alerts pause": "3s"})
    for i in range(6):
        intrude(sc, closing, f"m{i}.1")
        hs.wait_for(lambda i=i: len(lines(boss, r)) > min(i, 4), "a message")
    for i in range(6, 20):
        intrude(sc, closing, f"m{i}.1")
    hs.wait_for(lambda: len(lines(boss, r)) == 20, "all of them")
    assert 5 <= len(told(boss, r)) <= 9


@pytest.mark.parametrize("victim", ["nostrd", "signer", "captured"])
def test_kill(watched, relay, boss, closing, victim):
    """kill -9: each is told, and none twice."""
    r = relay()
    sc = watched(r.url, **{"alerts pause": "10ms"})
    for i in range(5):
        intrude(sc, closing, f"m{i}.1")
        if i == 2:
            hs.wait_for(lambda: lines(boss, r), "a message")
        pid = hs.wait_for(lambda: sc.pid(victim), victim)
        os.kill(pid, signal.SIGKILL)
        hs.wait_for(lambda p=pid: sc.pid(victim) not in (None, p), "another")
    sc.wait_processes()
    intrude(sc, closing, "last.1")
    hs.wait_for(lambda: any("last" in x for x in lines(boss, r)) and
                len(lines(boss, r)) >= 6, "the last, and all the others")
    names = [x.split("worker ")[1].split(":")[0] for x in lines(boss, r)]
    assert sorted(names) == ["last", "m0", "m1", "m2", "m3", "m4"]


def test_relay_away(watched, relay, boss, closing):
    """What no relay took is kept, also when nostrd ends meanwhile."""
    r = relay()
    r.stop()
    sc = watched(r.url)
    intrude(sc, closing, "mallory.1")
    sc.hsd.wait_log("the operator is told of alerts")
    pid = sc.pid("nostrd")
    os.kill(pid, signal.SIGKILL)
    hs.wait_for(lambda: sc.pid("nostrd") not in (None, pid), "another")
    r.start()
    hs.wait_for(lambda: lines(boss, r), "a message")
    assert len(told(boss, r)) == 1


def test_no_such_key(scope, relay):
    """A key that is nobody's is refused, and nothing goes out in the clear."""
    sc = scope(test_nostr.settings(relay().url))
    nobody = next(f"{n:064x}" for n in range(2, 50)
                  if pow((n**3 + 7) % nostr.P, (nostr.P - 1) // 2,
                         nostr.P) != 1)
    for word in ("alerts to", "encrypt to"):
        sc.hsd.configure(sc.text.replace(
            "nostr {", f'nostr {{ {word} "{nobody}" '))
        done = sc.run_ctl("reload")
        assert done.returncode != 0 and b"there is no such key" in done.stderr
