"""The simulators by themselves: pool, miner and player judge all the other
tests, so they are held against each other and against real blocks first."""
import json
import resource
import signal
import socket

import pytest

import hs

MASK = "1fffe000"
FAULTS = {
    "stale": 21, "job": 21, "duplicate": 22, "low": 23, "ntime": 20,
    "extranonce2": 20, "version": 20, "worker": 24, "unsubscribed": 25,
}


def run(miner, pool, *options):
    """Runs the miner to its end: (exit status, summary)."""
    m = miner(pool.host, pool.port, *options)
    return m.wait(), m.json()


@pytest.mark.parametrize("formula", ["bip310", "or", "xor"])
def test_judge_knows_mainnet_block(build, formula):
    path = hs.DATA / "block-881423.json"
    want = json.loads(path.read_text())["computed"][formula]
    got = hs.verify(path, formula)
    assert got["header"] == want["header"]
    assert got["hash"] == want["hash"]
    assert got["difficulty"] == pytest.approx(want["difficulty"], rel=1e-12)
    assert got["meets_share"] and got["meets_network"]


def test_judge_knows_documented_block(build):
    path = hs.DATA / "slush-doc.json"
    want = json.loads(path.read_text())["computed"]["bip310"]
    got = hs.verify(path)
    assert (got["header"], got["hash"]) == (want["header"], want["hash"])
    assert got["difficulty"] == pytest.approx(7.885781, abs=1e-6)
    assert got["meets_share"] and got["meets_network"]


def test_judge_sees_one_wrong_digit(build, tmp_path):
    case = json.loads((hs.DATA / "slush-doc.json").read_text())
    case["submit_params"][4] = "b2957c03"
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps(case))
    got = hs.verify(path)
    assert not got["meets_share"] and not got["meets_network"]


def test_transcript_shares_meet_their_difficulty(build, tmp_path):
    """The judge agrees with ckpool's own log on shares of a real miner."""
    notify = {}
    for r in hs.jsonl(hs.TRANSCRIPT):
        for line in r["bytes"].splitlines():
            msg = json.loads(line)
            if msg.get("method") == "mining.notify":
                notify[msg["params"][0]] = msg["params"]
    submits = {
        (p[2], p[3], p[4]): p for r in hs.jsonl(hs.TRANSCRIPT)
        for p in [json.loads(x).get("params")
                  for x in r["bytes"].splitlines()]
        if r["direction"] == "miner_to_pool" and len(p) == 5}
    log = hs.jsonl(hs.DATA / "transcripts" / "ckpool-cpuminer.shares.jsonl")
    for share in log[::20]:
        p = submits[share["nonce2"], share["ntime"], share["nonce"]]
        case = tmp_path / "share.json"
        case.write_text(json.dumps({
            "extranonce1": share["enonce1"], "share_difficulty": share["diff"],
            "notify_params": notify[p[1]], "submit_params": p}))
        got = hs.verify(case)
        assert got["hash"] == share["hash"]
        assert got["difficulty"] == pytest.approx(share["sdiff"], rel=1e-4)
        assert got["meets_share"] == share["result"]


@pytest.mark.parametrize("kind", ["array", "object", "ckpool", "string"])
def test_every_verdict_as_demanded(pool, miner, tmp_path, kind):
    log = tmp_path / "shares.jsonl"
    p = pool("--difficulty", "1e-7", "--job-interval", "0.03",
             "--block-interval", "0.1", "--reject-kind", kind, "--log", log,
             "--seed", 1)
    status, got = run(
        miner, p, "--shares", 400, "--rate", 250, "--connections", 4,
        "--version-rolling", MASK, "--cpuminer-ids", "--mix",
        "valid=60,stale=5,duplicate=5,low=5,ntime=5,extranonce2=5,version=5,"
        "worker=5,job=5", "--seed", 2)
    assert (status, got["mismatches"]) == (0, 0), got
    assert got["answers"] == got["submits"] == 400
    # Each connection may have one in its hands that it does not send.
    assert abs(got["sent"]["valid"] - 240) <= 4
    assert set(got["rejected"]) >= {"20", "21", "22", "23", "24"}
    assert got["verdicts"]["low-difficulty"] <= got["sent"]["low"]
    assert p.stop() == 0
    said = p.json()
    assert said["submits"] == 400 and said["misjudged"] == 0
    for verdict, n in got["verdicts"].items():
        assert said[verdict] == n
    shares = hs.jsonl(log)
    assert len(shares) == 400
    for s in shares:
        assert s["result"] == (s["verdict"] == "accepted") == (
            s["reason"] == "")
        if s["result"]:
            assert s["sdiff"] >= s["diff"] == 1e-7
    assert {s["enonce1"] for s in shares} == {
        "%08x" % (0x01000000 + i) for i in range(1, 5)}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone(pool, miner, fault):
    # What is not meant to be stale must not become it on a busy machine.
    block = "0.05" if fault in ("stale", "duplicate") else "3600"
    p = pool("--difficulty", "1e-8", "--block-interval", block)
    status, got = run(miner, p, "--shares", 20, "--rate", 0, "--depth", 1,
                      "--fault", fault)
    assert status == 0, got
    assert str(FAULTS[fault]) in got["rejected"], got
    # The first duplicate, and those after a new block, have to be valid.
    if fault != "duplicate":
        assert got["rejected"] == {str(FAULTS[fault]): 20}


def test_miner_notices_a_pool_that_misjudges(pool, miner):
    p = pool("--difficulty", "1e-8", "--wrong-rate", "0.5")
    options = ("--shares", 60, "--rate", 0)
    status, got = run(miner, p, *options)
    assert status == 1 and 10 < got["mismatches"] < 50
    status, got = run(miner, p, "--lenient", *options)
    assert status == 0 and got["mismatches"] > 0
    q = pool("--difficulty", "1e-8", "--accept-all")
    status, got = run(miner, q, "--fault", "low", *options)
    assert status == 1 and got["mismatches"] == 60


@pytest.mark.parametrize("theirs", ["bip310", "or", "xor"])
@pytest.mark.parametrize("ours", ["bip310", "or", "xor"])
def test_version_formulas(pool, miner, ours, theirs):
    """They agree on a share only by luck when the job has bits in the mask."""
    p = pool("--difficulty", "1e-6", "--version-formula", theirs,
             "--job-version", "3555e000")
    status, got = run(
        miner, p, "--shares", 30, "--rate", 0, "--version-rolling", MASK,
        "--formula", ours)
    if ours == theirs:
        assert (status, got["accepted"]) == (0, 30)
    else:
        assert status == 1 and got["rejected"]["23"] > 25


def test_formulas_agree_without_bits_in_the_job(pool, miner):
    p = pool("--difficulty", "1e-7", "--version-formula", "xor")
    status, got = run(
        miner, p, "--shares", 30, "--rate", 0, "--version-rolling", MASK,
        "--formula", "or")
    assert (status, got["accepted"]) == (0, 30)


def test_rolling_that_was_never_negotiated(pool, miner):
    options = ("--shares", 20, "--rate", 0, "--version-rolling", MASK,
               "--no-configure")
    p = pool("--difficulty", "1e-8")
    status, got = run(miner, p, *options)
    assert status == 1 and got["verdicts"].get("bad-version", 0) >= 19
    q = pool("--difficulty", "1e-8", "--unnegotiated")
    assert run(miner, q, *options)[0] == 0


def test_terms_change_while_mining(pool, miner):
    """Difficulty, extranonce and mask hold from when they should."""
    p = pool("--difficulty", "1e-8", "--job-interval", "0.05")
    m = miner(p.host, p.port, "--connections", 3, "--rate", 200,
              "--version-rolling", MASK, "--shares", 600, "--seed", 5)
    m.expect("^connected 3$")
    for command in ("difficulty 2e-8", "extranonce", "clean", "notify",
                    "mask 00ffe000", "difficulty 1e-8", "message hello",
                    'raw {"id":7,"method":"client.get_version","params":[]}'):
        assert p.ask(command)[0] == "ok"
    assert p.ask("nonsense")[0] == "error"
    assert m.wait() == 0, m.json()
    got = m.json()
    assert got["mismatches"] == 0 and got["accepted"] > 500
    assert p.stop() == 0


def test_ipv6(pool, miner):
    p = pool("--listen", "::1", "--difficulty", "1e-8")
    assert p.host == "::1"
    assert run(miner, p, "--shares", 10, "--rate", 0)[0] == 0


def test_many_connections(pool, miner):
    p = pool("--difficulty", "1e-8", "--job-interval", "0.5")
    m = miner(p.host, p.port, "--connections", 1000, "--rate", "0.5",
              "--shares", 500)
    m.expect("^connected 1000$")
    assert m.wait() == 0, m.json()
    p.stop()
    assert p.json()["peak"] == 1000


@pytest.mark.long
def test_ten_thousand_connections(pool, miner):
    n = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)
    p = pool("--difficulty", "1e-8", "--job-interval", "2",
             "--block-interval", "5")
    m = miner(p.host, p.port, "--connections", n, "--rate", "0.2",
              "--duration", 12)
    m.expect(f"^connected {n}$", 60)
    assert m.wait(60) == 0, m.json()
    got = m.json()
    assert got["answers"] == got["submits"] > n / 10
    p.stop()
    assert p.json()["peak"] == n


def test_reconnect(pool, miner):
    """After client.reconnect, an RST and a FIN the miner is there again."""
    p = pool("--difficulty", "1e-8", "--last-words", '{"id":null}')
    m = miner(p.host, p.port, "--connections", 2, "--rate", 50,
              "--reconnect")
    m.expect("^connected 2$")
    for command, seen in (("reconnect", 4), ("rst", 6), ("fin", 8)):
        assert p.ask(command)[0] == "ok"
        hs.wait_for(lambda: p.ask("connections").string ==
                    f"ok connections {seen}", f"{seen} connections")
        hs.wait_for(lambda: p.ask("notify").string == "ok notify 2",
                    "the old ones gone")
    assert m.stop() == 0
    assert m.json()["connects"] == 8
    assert p.stop() == 0


def test_reconnect_leads_elsewhere(pool, miner):
    """By SIGUSR1, to another pool, which may well be on IPv6."""
    q = pool("--listen", "::1", "--difficulty", "1e-8")
    p = pool("--difficulty", "1e-8", "--reconnect", f"[::1]:{q.port}")
    m = miner(p.host, p.port, "--rate", 50, "--reconnect")
    m.expect("^connected 1$")
    p.send_signal(signal.SIGUSR1)
    hs.wait_for(lambda: q.ask("notify").string == "ok notify 1", "arrival")
    assert m.stop() == 0
    assert m.json()["connects"] == 2


def test_latency_is_added(pool, miner):
    p = pool("--difficulty", "1e-8", "--latency", 40)
    status, got = run(miner, p, "--shares", 5, "--rate", 0, "--depth", 1)
    assert status == 0 and got["latency_us"]["p50"] >= 40000


def test_silent_pool(pool):
    p = pool("--silent")
    with socket.create_connection((p.host, p.port)) as s:
        s.sendall(b'{"id":1,"method":"mining.ping"}\n')
        hs.wait_for(lambda: p.ask("lines").string == "ok lines 1", "ping")
        p.ask("silent off")
        s.sendall(b'{"id":2,"method":"mining.ping"}\n')
        s.shutdown(socket.SHUT_WR)
        answers, _ = hs.recv_all(s)
    assert answers == b'{"id":2,"result":"pong","error":null}\n'


def test_slow_reader_pushes_back(pool):
    p = pool("--slow-read", 1000)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        s.connect((p.host, p.port))
        s.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 4 << 20:
                sent += s.send(b"x" * 4096)
    assert 0 < sent < 1 << 20


def test_one_client_too_many(pool):
    p = pool("--max-clients", 1)
    with socket.create_connection((p.host, p.port)):
        hs.wait_for(lambda: p.ask("notify").string == "ok notify 1", "client")
        with socket.create_connection((p.host, p.port)) as s:
            assert hs.recv_all(s)[0] == b""
    p.stop()
    assert p.json()["refused"] == 1


def test_refused_worker(pool, miner):
    p = pool("--users", "bc1q")
    status, got = run(miner, p, "--worker", "someone.else", "--shares", 1)
    assert status == 1 and got["refused"] == 1 and got["submits"] == 0


def test_last_words_arrive_before_the_reset(pool):
    p = pool("--last-words", "farewell")
    with socket.create_connection((p.host, p.port)) as s:
        hs.wait_for(lambda: p.ask("notify").string == "ok notify 1", "client")
        p.ask("rst")
        assert hs.recv_all(s) == (b"farewell\n", True)


def test_pool_survives_what_is_no_stratum(pool):
    p = pool("--difficulty", "1e-8")
    junk = [b"\x16\x03\x01\x00" * 50 + b"\n", b"[" * 5000 + b"\n",
            b'{"id":1,"method":"mining.submit","params":[1,[],{},null]}\n',
            b'{"id":{"a":[]},"method":"nope","params":{}}\r\n',
            b"x" * 200000 + b"\n", b'"\\ud800"\n', b"\n",
            b'{"method":"mining.configure","params":[["\\"","x"],3]}\n']
    with socket.create_connection((p.host, p.port)) as s:
        s.sendall(b"".join(junk) + b'{"id":9,"method":"mining.ping"}\n')
        s.shutdown(socket.SHUT_WR)
        answers, rst = hs.recv_all(s)
    assert b'{"id":9,"result":"pong","error":null}\n' in answers and not rst
    assert b"Method not found" in answers
    p.stop()
    assert p.json()["lines"] == len(junk) + 1


def test_proxy_header(miner):
    """What a PROXY header in front of the stream looks like."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for option, want in (
                ("v1,192.0.2.7:4444",
                 b"PROXY TCP4 192.0.2.7 127.0.0.1 4444 %d\r\n" % port),
                ("v1,[2001:db8::7]:4444",
                 b"PROXY TCP6 2001:db8::7 2001:db8::1 4444 3333\r\n"),
                ("v2,192.0.2.7:4444",
                 b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1"
                 b"\x11\x5c" + port.to_bytes(2, "big"))):
            m = miner("127.0.0.1", port, "--proxy-header", option)
            with server.accept()[0] as s:
                s.settimeout(hs.DEADLINE)
                data = b""
                while not data.endswith(b"\n") or b"subscribe" not in data:
                    data += s.recv(4096)
                assert data.startswith(want + b'{"id": 1')
            m.wait()


def play(player, closing, options, mangle=None):
    """Plays the transcript through a relay: (exit status, summary)."""
    p = player(*options)
    relay = closing(hs.Relay(p.host, p.port, mangle))
    p.send(f"connect 127.0.0.1 {relay.port}")
    return p.wait(), p.json()


@pytest.mark.parametrize("options", [
    "--chunk as-recorded", "--chunk line", "--chunk 1", "--chunk 100",
    "--chunk 3 --lockstep", "--chunk random --seed 1",
    "--chunk random --seed 2 --lockstep", "--speed 500",
    "--copies 8 --mark bc1q28kkr5hk --chunk 64",
])
def test_player_through_a_relay(player, closing, options):
    status, got = play(player, closing, options.split())
    assert status == 0 and got["ok"], got
    records = hs.jsonl(hs.TRANSCRIPT)
    for direction in ("miner_to_pool", "pool_to_miner"):
        size = sum(len(r["bytes"]) for r in records
                   if r["direction"] == direction)
        assert got[direction] == size * got["copies"]
    assert got["strays"] == 0
    assert len(got["pairs"]) == 2 * got["copies"]
    if options == "--chunk as-recorded":
        assert got["chunks"] == got["records"] == len(records)


def test_player_sees_one_changed_byte(player, closing):
    def mangle(data, to_pool):
        return data.replace(b"Q", b"q") if to_pool else data.replace(
            b"6b016a97", b"6b016a98", 1)
    status, got = play(player, closing, [], mangle)
    assert status == 1 and not got["ok"]
    assert got["error"] == "bytes differ"
    assert got["direction"] == "pool_to_miner"
    stream = "".join(
        r["bytes"] for r in hs.jsonl(hs.TRANSCRIPT)
        if r["session"] == got["session"] and
        r["direction"] == got["direction"])
    assert bytes.fromhex(got["expected"]).decode() == stream[
        got["offset"]:got["offset"] + 16]
    assert bytes.fromhex(got["got"]).decode()[0] == "8"


def test_player_sees_a_lost_and_a_doubled_byte(player, closing):
    state = {"n": 0}

    def lose(data, to_pool):
        state["n"] += 1
        return data[:-1] if state["n"] == 30 else data

    def double(data, to_pool):
        state["n"] += 1
        return data + data[-1:] if state["n"] == 90 else data
    status, got = play(player, closing, ["--timeout", "0.3"], lose)
    assert status == 1 and got["error"] == "nothing moves any more", got
    status, got = play(player, closing, [], double)
    assert status == 1 and got["error"] in (
        "arrived before it was sent", "bytes differ"), got
