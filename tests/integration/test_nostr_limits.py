"""What relays say of themselves (NIP-11), and the work they want (NIP-13)."""
import json

import pytest

import hs
import nostr
import rig
import test_nostr

relay = test_nostr.relay
QUICK = {"flush": "100ms"}


def told(**limits):
    """A document with these limits."""
    return json.dumps({"name": "x", "supported_nips": [1, 11],
                       "limitation": limits}).encode()


def row(sc):
    """Of show relays; nostrd is ready before control knows it."""
    test_nostr.subscribed(sc)
    return sc.ctl("show", "relays")[0]


def said(sc):
    """The limits, once they are known."""
    return hs.wait_for(lambda: row(sc)["limits"], "the document")


def test_limits(scope, relay, closing):
    """They are shown, and events keep to them."""
    r = relay()
    r.document = told(max_message_length=8192, max_content_length=100000,
                      max_event_tags=5, auth_required=False,
                      payment_required=True)
    sc = scope(test_nostr.settings(r.url, flush="300ms"))
    assert said(sc) == {
        "message_bytes": 8192, "content_characters": 100000, "event_tags": 5,
        "auth_required": False, "payment_required": True}
    text = sc.run_ctl("show", "relays", json_out=False).stdout.decode()
    assert "8.0 KiB paid" in text
    m = closing(test_nostr.Miner(sc, "w" * 100))
    for _ in range(4):
        line = b"".join(json.dumps({
            "id": 9, "method": "mining.submit", "params": p}).encode() + b"\n"
            for p in ([f"{i:x}-" + "x" * 200, "1", "%08x" % i, "5f5e1000",
                       "%08x" % (i * 77)] for i in range(
                           len(m.sent), len(m.sent) + 50)))
        m.sent += [json.loads(x)["params"] for x in line.splitlines()]
        rig.send_and_expect(m.sock, m.pool, line)
    hs.wait_for(lambda: test_nostr.arrived(r, [m]), "shares")
    test_nostr.check(r, [m])
    assert len(r.events) >= 5
    for e in r.events:
        assert len(json.dumps(["EVENT", e])) < 8192 and len(e["tags"]) <= 5
        assert nostr.tag(e, "t")[1] == f"hashscope:{test_nostr.RUN}"


BAD = [b"", b"{", b"[]", b"<html>", b"\xff\xfe{}", b"{" * 5000,
       b"{\"limitation\":[]}", b" " * 100 + b"{\"limitation\":5}",
       b"{\"x\":\"" + b"y" * 5000000 + b"\"}",
       told(max_message_length=-1, max_content_length="x",
            max_event_tags=1e400, min_pow_difficulty=None,
            auth_required=3),
       told(max_message_length=10, max_content_length=1, max_event_tags=0)]


@pytest.mark.parametrize("n", range(len(BAD)))
def test_nonsense(scope, relay, closing, n):
    """It changes nothing."""
    r = relay()
    r.document = BAD[n]
    sc = scope(test_nostr.settings(r.url))
    m = closing(test_nostr.Miner(sc))
    m.submit(3)
    hs.wait_for(lambda: test_nostr.arrived(r, [m]), "shares")
    hs.wait_for(lambda: r.documents, "a question")
    m.submit(3)
    hs.wait_for(lambda: test_nostr.arrived(r, [m]), "shares")
    test_nostr.check(r, [m])
    assert row(sc)["connects"] == 1


def test_slow(scope, relay, closing):
    """A document that does not come is not waited for."""
    r = relay()
    r.slow = True
    sc = scope(test_nostr.settings(r.url, connect="200ms"))
    hs.wait_for(lambda: r.documents, "a question")
    m = closing(test_nostr.Miner(sc))
    for _ in range(5):
        m.submit(1)
        hs.wait_for(lambda: test_nostr.arrived(r, [m]), "shares")
    assert row(sc)["connects"] == 1 and row(sc)["limits"] is None
    assert r.documents == 1


def wants(bits, text):
    """A relay that takes what has so many bits."""
    def answer(_, e):
        if nostr.zero_bits(e) >= bits:
            return [["OK", e["id"], True, ""]]
        return [["OK", e["id"], False, text]]
    return answer


def with_work(r, bits):
    """Share events with so much of it, as they should be."""
    got = [e for e in r.events if nostr.zero_bits(e) >= bits]
    for e in got:
        nonce = [t for t in e["tags"] if t[0] == "nonce"]
        assert nostr.is_good(e)
        assert not nonce or nonce[0][2] == str(bits)
    return got


@pytest.mark.parametrize("text", [
    "pow: difficulty 0 is less than 12", "pow: 12 bits needed",
    "pow: not enough"])
def test_pow(scope, relay, closing, text):
    """A relay that wants work gets it."""
    r = relay(wants(12, text))
    sc = scope(test_nostr.settings(r.url))
    m = closing(test_nostr.Miner(sc))
    m.submit(5)

    def came():
        got = {}
        for e in r.events:
            if nostr.zero_bits(e) >= 12:
                got.update(nostr.shares(e))
        return len(got) == len(m.sent)
    hs.wait_for(came, "shares")
    assert all(nostr.is_good(e) for e in r.events)
    # What it said is known; where it did not say, an event may have had
    # enough by chance, and more was never asked for.
    known = row(sc)["pow_bits"]
    if any(nostr.zero_bits(e) < 12 for e in r.events):
        assert known == 12 if "12" in text else known > 0
    before = len(r.events)
    m.submit(5)
    hs.wait_for(came, "shares")
    assert all(nostr.zero_bits(e) >= known for e in r.events[before:])
    assert known <= row(sc)["pow_bits"] <= 14 and row(sc)["lost"] == 0


def test_pow_document(scope, relay, closing):
    """One that says so beforehand gets no event without."""
    r = relay(wants(10, "pow: 10"))
    r.document = told(min_pow_difficulty=10)
    sc = scope(test_nostr.settings(r.url, format="both"))
    hs.wait_for(lambda: row(sc)["pow_bits"] == 10, "the document")
    m = closing(test_nostr.Miner(sc))
    m.submit(20)
    hs.wait_for(lambda: test_nostr.arrived(r, [m]) and len(r.stored) == 20,
                "shares")
    assert len(with_work(r, 10)) == len(r.events)


def test_pow_too_much(scope, relay, closing):
    """More than is configured: said, and left alone; nothing is lost, and
    when it wants less it gets its shares."""
    bits = [30]
    r = relay(lambda _, e: wants(bits[0], f"pow: {bits[0]} bits")(_, e))
    sc = scope(test_nostr.settings(r.url, refused="1s", pow=8))
    m = closing(test_nostr.Miner(sc))
    m.submit(4)
    sc.hsd.wait_log("it wants 30 bits of proof of work")
    # The others may be read from the store after the first was refused.
    got = hs.wait_for(lambda: [x for x in [row(sc)] if x["state"] == "refused"
                               and x["pending"] == 4], "a refusal")[0]
    assert "30 bits" in got["reason"]
    assert all(nostr.zero_bits(e) < 30 for e in r.events)
    bits[0] = 0
    hs.wait_for(lambda: row(sc)["pending"] == 0, "shares")
    assert row(sc)["lost"] == 0
