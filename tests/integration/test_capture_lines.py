"""Lines of every kind: what is stored of them is what was sent."""
import json

import pytest

import cap
import rig

SUBSCRIBE = b'{"id":1,"method":"mining.subscribe","params":["t/1"]}\n'

# One line each, with its end; what is stored of it besides its bytes.
LINES = {
    "ping": (b'{"id":3,"method":"mining.ping","params":[]}\n', {
        "is_request": True, "parse_error": None}),
    "crlf": (b'{"id":4,"method":"mining.ping","params":[]}\r\n', {
        "crlf": True, "parse_error": None, "jsonrpc_id": 4}),
    "inner cr": (b'{"id":5,\r"method":"mining.ping","params":[]}\n', {
        "crlf": False, "parse_error": None}),
    "leading blanks": (b' \t {"id":6,"method":"mining.ping"}\n', {
        "parse_error": None, "jsonrpc_id": 6}),
    "string id": (b'{"id":"txlist4","result":true,"error":null}\n', {
        "is_response": True, "jsonrpc_id": "txlist4"}),
    "no json": (b"hello, pool\n", {"decoded": None, "is_request": False}),
    "cut json": (b'{"id":7,"method":\n', {"decoded": None}),
    "array": (b"[1,2,3]\n", {"is_request": False}),
    "nul inside": (b'{"id":8,"method":"a\0b"}\n', {"decoded": None}),
    "nuls": (b"\0\0\0\n", {"decoded": None}),
    "bad utf-8": (b'{"id":9,"method":"mining.ping","params":["\xff\xc0"]}\n', {
        "decoded": None, "raw_encoding": "base64"}),
    "surrogate": (b'{"id":10,"params":["\xed\xa0\x80"]}\n', {
        "raw_encoding": "base64"}),
    "unicode": ('{"id":11,"method":"mining.ping","params":["\u00e9\u2028\U0001f600'
                '"]}\n'.encode(), {"raw_encoding": "utf8",
                                   "parse_error": None}),
    "deep": (b'{"id":12,"params":' + b"[" * 5000 + b"]" * 5000 + b"}\n", {}),
    "two objects": (b'{"id":13,"method":"mining.ping"}{"id":14,"method":'
                    b'"mining.ping"}\n', {"multiple": True}),
    "escape": (b"\x1b[2J\x07\n", {"decoded": None}),
    "every byte": (bytes(set(range(256)) - {10}) + b"\n", {
        "raw_encoding": "base64", "decoded": None}),
}
ERRORS = {"no json", "cut json", "array", "nul inside", "nuls", "bad utf-8",
          "surrogate", "deep", "escape", "every byte"}

LONG = [cap.KEEP, cap.KEEP + 1, 2 * cap.KEEP, 1 << 20]

FOREIGN = {
    "tls": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(161)),
    "http": b"GET /work HTTP/1.1\r\nHost: pool\r\n\r\n",
    "proxy-v1": b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\nhello\n",
    "proxy-v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    "stratum-v2": rig.bytes_of(64, 11).replace(b"\n", b"\x81"),
    "cryptonote": b'{"id":1,"method":"login","params":{"login":"4x"}}\n',
    "ethereum": b'{"id":1,"method":"eth_submitLogin","params":["0x1"]}\n',
    "binary": b"\x01\0\0\0" * 30,
}

PASSWORD = b"hunter2-very-secret"
SECRETS = {
    "authorize": (
        b'{"id":2,"method":"mining.authorize","params":["w","' + PASSWORD +
        b'"]}\n'),
    "cut": b'{"id":2,"method":"mining.authorize","params":["w","' + PASSWORD +
           b"\n",
    "http basic": b"POST / HTTP/1.1\r\nAuthorization: Basic " + PASSWORD +
                  b"\r\n\r\n",
}


def one_each_way(sc, up, down=b""):
    """Messages of a new session with these lines: (of the miner, pool's)."""
    port = sc.say(up, down)
    sc.ended()
    s = sc.by_port()[port]
    found = cap.by_session(sc.messages("session", s["session_id"]))
    return s, found[s["session_id"]][cap.UP], found[s["session_id"]][cap.DOWN]


def stored(line):
    """A line as raw has it: without its end."""
    return line[:-1].removesuffix(b"\r"), len(line)


def test_lines_of_every_kind(scope):
    """After a first line of Stratum, so that the session counts as that."""
    sc = scope("capture { redact no }")
    everything = b"".join(x for x, _ in LINES.values())
    s, up, down = one_each_way(sc, SUBSCRIBE + everything, everything)
    want = [stored(x) for x, _ in LINES.values()]
    cap.check_stream(up[1:], want)
    cap.check_stream(down, want)
    for got in (up[1:], down):
        for m, (name, (_, facts)) in zip(got, LINES.items()):
            for key, value in facts.items():
                assert m[key] == value, (name, m)
            assert (m["parse_error"] is not None) == (name in ERRORS), m
            if m["decoded"] is not None:
                assert m["decoded"] == json.loads(cap.raw(m))
    assert s["stats"]["parse_errors"] == 2 * len(ERRORS)


def test_blank_lines_are_counted_and_not_stored(scope):
    sc = scope()
    s, up, down = one_each_way(sc, b"\n\r\n \t\n" + SUBSCRIBE + b"\n", b"\n\n")
    cap.check_stream(up, [stored(SUBSCRIBE)])
    assert down == [] and s["message_count"] == 1
    assert sc.summary()["capture"]["lines_blank"] == 6


def test_long_lines_are_cut_and_say_how_long_they_were(scope):
    sc = scope("capture { redact no }")
    body = b'{"id":1,"method":"mining.submit","params":["'
    for length in LONG:
        text = body + b"a" * (length - len(body) - 3) + b'"]}'
        s, up, down = one_each_way(sc, text + b"\n" + SUBSCRIBE, text + b"\n")
        fits = length <= cap.KEEP
        want = (text[:cap.KEEP], length + 1)
        cap.check_stream(up, [want, stored(SUBSCRIBE)])
        cap.check_stream(down, [want])
        for m in (up[0], down[0]):
            assert m["truncated"] == (not fits)
            assert (m["parse_error"] is None) == fits
            assert (m["decoded"] is None) == (not fits)
        assert up[1]["truncated"] is False
        assert s["bytes"] == {cap.UP: length + 1 + len(SUBSCRIBE),
                              cap.DOWN: length + 1}
    assert sc.summary()["capture"]["lines_truncated"] == 2 * 3


def test_end_without_newline(scope):
    sc = scope()
    text = b'{"id":2,"method":"mining.ping"}'
    _, up, down = one_each_way(sc, SUBSCRIBE + text, text + b"\r")
    cap.check_stream(up, [stored(SUBSCRIBE), (text, len(text))])
    assert [m["no_newline"] for m in up] == [False, True]
    assert up[1]["method"] == "mining.ping" and up[1]["parse_error"] is None
    assert down[0]["no_newline"] and down[0]["size_bytes"] == len(text) + 1


def trickle(sc, data, step):
    """A session of a miner that sends so many bytes at a time; its port."""
    miner, pool = sc.pair()
    port = miner.getsockname()[1]
    for i in range(0, len(data), step):
        miner.sendall(data[i:i + step])
        rig.recv_exact(pool, len(data[i:i + step]))
    miner.close()
    pool.close()
    return port


@pytest.mark.parametrize("step", [1, 1000])
def test_foreign_protocols_are_named(scope, step):
    """However they arrive, and every byte is kept."""
    sc = scope("capture { redact no }")
    ports = {}
    for name, data in FOREIGN.items():
        ports[trickle(sc, data, step)] = name
    sc.ended()
    found, sessions = cap.by_session(sc.messages()), sc.by_port()
    assert len(sessions) == len(FOREIGN)
    for port, name in ports.items():
        up = found[sessions[port]["session_id"]][cap.UP]
        want = [(x.removesuffix(b"\r"), n)
                for x, n in cap.lines_of(FOREIGN[name]) if x.strip(b" \t\r")]
        cap.check_stream(up, want)
        # Two bytes of a PROXY header are a line that nobody can name yet.
        if step == 1 and name == "proxy-v2":
            up = up[1:]
        assert {m["protocol"] for m in up} == {name}


@pytest.mark.parametrize("name", ["tls", "http"])
def test_log_tells_of_foreign_protocols(scope, name):
    """With a hint; one line is enough for a while, and one alert."""
    sc = scope()
    for _ in range(3):
        trickle(sc, FOREIGN[name], 1000)
    sc.ended()
    sc.hsd.wait_log(rf"127.0.0.1:\d+ speaks {name}.*not Stratum: ")
    sc.hsd.wait_log("foreign_protocol")
    lines = sc.hsd.log("not Stratum: ")
    assert len([x for x in lines if "foreign_protocol" in x]) == 1
    assert len([x for x in lines if "foreign_protocol" not in x]) == 1


def test_random_bytes_both_ways(scope):
    sc = scope("capture { redact no }")
    up, down = rig.bytes_of(300000, 21), rig.bytes_of(200000, 22)
    _, ups, downs = one_each_way(sc, SUBSCRIBE + up, down)
    cap.check_stream(ups, [stored(SUBSCRIBE)] + [
        (x.removesuffix(b"\r") if n > len(x) else x, n)
        for x, n in cap.lines_of(up) if x.strip(b" \t\r")])
    cap.check_stream(downs, [
        (x.removesuffix(b"\r") if n > len(x) else x, n)
        for x, n in cap.lines_of(down) if x.strip(b" \t\r")])
    assert all(m["parse_error"] for m in downs)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("redact", ["yes", "no"])
def test_passwords(scope, name, redact):
    """No file of the store holds one, unless it was asked for."""
    sc = scope(f"capture {{ redact {redact} }}")
    line = SECRETS[name]
    _, up, _ = one_each_way(sc, line)
    # Where a text has no end it is hidden with the quote that begins it.
    secret = PASSWORD if name != "cut" else b'"' + PASSWORD
    stars = line.replace(secret, b"*" * len(secret))
    want = line if redact == "no" else stars
    got = b"".join(cap.raw(m) for m in up)
    assert got == want.replace(b"\r", b"").replace(b"\n", b"")
    assert any(m["redacted"] for m in up) == (redact == "yes")
    sc.hsd.stop()
    held = any(PASSWORD in f.read_bytes()
               for f in sc.hsd.state_dir.iterdir() if f.is_file())
    assert held == (redact == "no")


def test_half_a_password_does_not_reach_the_disk(scope):
    """A line is half read when captured commits, or dies."""
    sc = scope("timers { commit 2ms ack 1ms }")
    line = SECRETS["authorize"]
    miner, pool = sc.pair()
    for i in range(0, len(line) - 1, 5):
        part = line[i:min(i + 5, len(line) - 1)]
        miner.sendall(part)
        assert rig.recv_exact(pool, len(part)) == part
        sc.settle()
    assert not any(PASSWORD[:6] in f.read_bytes()
                   for f in sc.hsd.state_dir.iterdir() if f.is_file())
    miner.sendall(b"\n")
    sc.settle()
    (m,) = sc.messages()
    assert m["redacted"] and PASSWORD not in cap.raw(m)
    assert m["size_bytes"] == len(line) and m["parse_error"] is None
