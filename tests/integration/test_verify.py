"""hashscopectl verify: the same verdicts from a file, whatever it is."""
import collections
import ipaddress
import json
import random
import struct
import subprocess

import pytest

import cap
import hs
import rig

SHARES = hs.DATA / "transcripts" / "ckpool-cpuminer.shares.jsonl"
MASK = "1fffe000"
WRONG = ("pool_accepts_invalid", "pool_rejects_valid")


def run(*words):
    """hashscopectl with these words, without any HashScope."""
    return subprocess.run(
        [rig.CTL, *map(str, words)], capture_output=True, text=True,
        timeout=hs.DEADLINE, stdin=subprocess.DEVNULL,
        env={"HASHSCOPE_RUN_DIR": "/nonexistent", "TZ": "UTC"})


def verify(path, status, *words):
    """verify -j PATH ends with that status: what it says."""
    done = run("-j", "verify", path, *words)
    assert done.returncode == status, (done.stderr, done.stdout[-2000:])
    return json.loads(done.stdout)


def transcript():
    """The recorded reads of sockets."""
    return hs.jsonl(hs.TRANSCRIPT)


def write_lines(path, objects):
    """One object a line."""
    path.write_text("".join(json.dumps(x) + "\n" for x in objects))
    return path


def flip(reads, number):
    """The answer to a submit says the other thing: the submit's params."""
    asked = collections.defaultdict(list)
    n = 0
    for r in reads:
        lines = r["bytes"].splitlines(keepends=True)
        for i, line in enumerate(lines):
            msg = json.loads(line)
            if msg.get("method") == "mining.submit":
                asked[r["session"]].append(msg["params"])
            if "method" in msg or msg["id"] != 4:
                continue
            params = asked[r["session"]].pop(0)
            n += 1
            if n == number:
                lines[i] = json.dumps({**msg, "result": False}) + "\n"
                r["bytes"] = "".join(lines)
                return params
    raise AssertionError("so many submits are not there")


# --- the transcript ---

def test_transcript_agrees(build):
    said = verify(hs.TRANSCRIPT, 0)
    log = {(s["enonce1"], s["nonce"], s["ntime"]): s for s in hs.jsonl(SHARES)}
    by_hash = {s["hash"]: s for s in log.values()}
    summary = said["summary"]
    assert (summary["agreed"], summary["answered"], summary["shares"]) == (
        189, 189, 189)
    assert summary["format"] == "transcript" and summary["complete"]
    assert summary["verdicts"]["valid"] == 189
    assert len(said["shares"]) == len(by_hash) == 189
    for s in said["shares"]:
        want = by_hash.pop(s["hash"])
        assert s["difficulty"] == pytest.approx(want["sdiff"], rel=1e-6)
        # ckpool goes by the former one for a while after a change.
        assert s["difficulty"] >= s["required_difficulty"] >= want["diff"]
        assert (s["nonce"], s["ntime"], s["extranonce2"], s["worker"]) == (
            want["nonce"], want["ntime"], want["nonce2"], want["workername"])
        assert (s["verdict"], s["pool_verdict"], s["agreement"]) == (
            "valid", "accepted", "agrees")
        assert s["latency"]["pool_us"] > 0


def test_transcript_for_people(build):
    done = run("verify", hs.TRANSCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agreement          189 of 189" in done.stdout
    assert len(done.stdout.splitlines()) > 189
    done = run("verify", hs.TRANSCRIPT, "disputed")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 10


@pytest.mark.parametrize("number", [1, 100, 189])
def test_one_wrong_answer_is_found(build, tmp_path, number):
    reads = transcript()
    params = flip(reads, number)
    path = write_lines(tmp_path / "flipped", reads)
    said = verify(path, 1, "disputed")
    assert said["summary"]["agreed"] == 188
    assert said["summary"]["agreement"]["pool_rejects_valid"] == 1
    share, = said["shares"]
    assert [share["worker"], share["job_id"], share["extranonce2"],
            share["ntime"], share["nonce"]] == params
    assert (share["verdict"], share["pool_verdict"], share["agreement"]) == (
        "valid", "rejected", "pool_rejects_valid")
    assert "the pool is wrong to reject it" in share["sentence"]
    assert len(verify(path, 1)["shares"]) == 189
    done = run("verify", path, "disputed")
    assert done.returncode == 1
    assert "1 rejected that are valid" in done.stdout
    assert f"line {share['line']} " in done.stdout


def test_chunks_do_not_matter(build, tmp_path):
    want = verify(hs.TRANSCRIPT, 0)["shares"]
    pieces = [{**r, "bytes": c} for r in transcript() for c in r["bytes"]]
    got = verify(write_lines(tmp_path / "bytes", pieces), 0)["shares"]
    for a, b in zip(got, want):
        assert {**a, "line": b["line"]} == b
    assert len(got) == len(want)


def test_missing_notify_is_not_held_against_anybody(build, tmp_path):
    """A capture that begins too late is undecided, and says so."""
    reads = [r for r in transcript() if r["t"] > 30]
    said = verify(write_lines(tmp_path / "late", reads), 1)
    assert said["summary"]["verdicts"]["undecided"] > 0
    assert not any(said["summary"]["agreement"][x] for x in WRONG)
    assert {s["cause"] for s in said["shares"]
            if s["verdict"] == "undecided"} <= {"gap", "no_extranonce",
                                                "no_difficulty"}


def test_a_file_that_breaks_off(build, tmp_path):
    text = hs.TRANSCRIPT.read_bytes()
    path = tmp_path / "broken"
    path.write_bytes(text[:len(text) // 2])
    done = run("-j", "verify", path)
    said = json.loads(done.stdout)
    assert done.returncode == 1
    line = text[:len(text) // 2].count(b"\n") + 1
    assert f"{path}:{line}: the object has no end" in done.stderr
    assert said["summary"]["complete"] is False
    assert said["summary"]["error"] in done.stderr
    assert 0 < said["summary"]["agreed"] <= said["summary"]["shares"]


def test_what_cannot_be_read(build, tmp_path):
    for name, data in (("empty", b""), ("text", b"hello\n"),
                       ("png", b"\x89PNG\r\n\x1a\n"), ("array", b"[]")):
        path = tmp_path / name
        path.write_bytes(data)
        done = run("verify", path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"hashscopectl: {path}: "), done.stderr
    assert run("verify", tmp_path / "missing").returncode == 1
    assert run("verify", tmp_path).returncode == 1
    assert run("verify").returncode == 2
    assert run("verify", hs.TRANSCRIPT, "nonsense").returncode == 2


def test_text_of_strangers_is_escaped(build, tmp_path):
    reads = transcript()
    for r in reads:
        r["bytes"] = r["bytes"].replace(".rig1", "\\u001b[31m\\u009b1m")
    done = run("verify", write_lines(tmp_path / "rude", reads))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout
    done = run("-j", "verify", tmp_path / "rude")
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout


# --- the running system ---

MIX = ("valid=70,stale=5,duplicate=5,low=5,ntime=5,extranonce2=5,job=5")


@pytest.fixture
def mined(scope, pool, miner):
    """mined(pool options): an export of what was mined, the miner's word."""
    def start(*options):
        p = pool("--difficulty", "1e-7", "--job-interval", "0.05",
                 "--block-interval", "0.2", "--seed", 3, *options)
        sc = scope(pools=[f"stratum+tcp://{p.host}:{p.port}"])
        m = miner(sc.host, sc.port, "--shares", 200, "--rate", 200,
                  "--connections", 3, "--cpuminer-ids", "--lenient",
                  "--version-rolling", MASK, "--mix", MIX, "--seed", 4)
        m.wait()
        sc.ended()
        return sc, m.json()
    return start


@pytest.mark.parametrize("words", [("after", 0), ()])
def test_export_of_the_running_system(mined, tmp_path, words):
    """In order and newest first; the pool is right, and it is confirmed."""
    sc, told = mined()
    path = tmp_path / "export"
    path.write_bytes(sc.run_ctl("show", "messages", *words).stdout)
    messages = {m["id"]: m for m in json.loads(path.read_text())}
    said = verify(path, 0)
    summary = said["summary"]
    assert summary["format"] == "messages"
    assert summary["messages"] == summary["objects"] == len(messages)
    assert summary["sessions"] == 3
    assert summary["shares"] == summary["answered"] == told["submits"] == 200
    assert summary["pool_verdicts"]["accepted"] == told["accepted"]
    assert not any(summary["agreement"][x] for x in WRONG)
    assert summary["verdicts"]["valid"] > 100
    for verdict in ("duplicate", "low_difficulty", "bad_ntime",
                    "bad_extranonce2", "unknown_job"):
        assert summary["verdicts"][verdict] > 0, summary
    for s in said["shares"]:
        m = messages[s["message_id"]]
        assert m["method"] == "mining.submit"
        assert m["session_id"] == s["session_id"]
        assert m["decoded"]["params"][3:5] == [s["ntime"], s["nonce"]]
        assert m["ts_recv"] == s["ts"]
        assert s["latency"]["own_us"] >= 0
        assert (m["response"]["result"] is True) is (
            s["pool_verdict"] == "accepted")


def test_a_pool_that_accepts_anything(mined, tmp_path):
    sc, told = mined("--accept-all")
    path = tmp_path / "export"
    path.write_bytes(sc.run_ctl("show", "messages", "after", 0).stdout)
    said = verify(path, 1, "disputed")
    summary = said["summary"]
    assert summary["pool_verdicts"]["accepted"] == 200
    assert summary["agreement"]["pool_accepts_invalid"] > 10
    assert summary["acks_anything"] > 0
    wrong = [s for s in said["shares"]
             if s["agreement"] == "pool_accepts_invalid"]
    assert len(wrong) == summary["agreement"]["pool_accepts_invalid"]
    assert all(s["cause"] and "wrong to accept" in s["sentence"]
               for s in wrong)


def test_objects_of_the_monitor(mined, tmp_path):
    """One a line, in order."""
    sc, _ = mined()
    path = write_lines(tmp_path / "lines", sc.messages("after", 0))
    want = tmp_path / "array"
    want.write_bytes(sc.run_ctl("show", "messages").stdout)
    assert verify(path, 0)["summary"] == verify(want, 0)["summary"]


def test_pipes(build, tmp_path):
    """What is read once may come from a pipe, messages may not."""
    def piped(text):
        return subprocess.run(
            [rig.CTL, "verify", "/dev/stdin"], input=text, text=True,
            capture_output=True, timeout=hs.DEADLINE)
    done = piped(hs.TRANSCRIPT.read_text())
    assert done.returncode == 0
    assert "189 of 189" in done.stdout
    done = piped('{"id":"1","raw":"x"}\n')
    assert done.returncode == 1
    assert "not from a pipe" in done.stderr


# --- packets ---

SYN, FIN, ACK, PSH = 2, 1, 16, 8


class Wire:
    """Packets of the transcript, as an Ethernet cable has them."""

    def __init__(self, v6=False, tag=False):
        self.v6, self.tag = v6, tag
        self.seq = {}
        self.packets = []

    def segment(self, session, up, flags, t, data=b"", seq=None):
        """One packet; returns its number in the list."""
        key = session, up
        start = self.seq.setdefault(key, 0xfffffff0 + session * 3 + up)
        if seq is None:
            seq = start
            self.seq[key] = start + len(data) + bool(flags & (SYN | FIN))
        ends = [40000 + session, 3333] if up else [3333, 40000 + session]
        tcp = struct.pack(">HHIIBBHHH", *ends, seq % 2**32,
                          self.seq.get((session, not up), 0) % 2**32, 0x50,
                          flags, 65535, 0, 0) + data
        a, b = ("fd00::1", "fd00::2") if self.v6 else ("10.0.0.1", "10.0.0.2")
        src, dst = (ipaddress.ip_address(x).packed
                    for x in ((a, b) if up else (b, a)))
        if self.v6:
            ip = struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + src + dst
        else:
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6,
                             0) + src + dst
        ether = bytes(12) + (b"\x81\x00\x00\x05" if self.tag else b"") + (
            b"\x86\xdd" if self.v6 else b"\x08\x00")
        frame = ether + ip + tcp
        self.packets.append((t, frame + bytes(max(0, 60 - len(frame)))))
        return seq

    def transcript(self, rng, size):
        """All of it, in pieces, some twice and some in the wrong order."""
        for session in sorted({r["session"] for r in transcript()}):
            self.segment(session, True, SYN, 0)
            self.segment(session, False, SYN | ACK, 0)
            self.segment(session, True, ACK, 0)
        for r in transcript():
            data = r["bytes"].encode("latin-1")
            up = r["direction"] == cap.UP
            first = len(self.packets)
            for i in range(0, len(data), size):
                piece = data[i:i + size]
                seq = self.segment(r["session"], up, PSH | ACK, r["t"], piece)
                if rng.random() < 0.3:
                    self.segment(r["session"], up, PSH | ACK, r["t"], piece,
                                 seq)
            mixed = self.packets[first:]
            rng.shuffle(mixed)
            self.packets[first:] = mixed
            self.segment(r["session"], not up, ACK, r["t"])

    def pcap(self, path, order=">", nano=False):
        """As tcpdump writes it."""
        unit = 10**9 if nano else 10**6
        with open(path, "wb") as f:
            f.write(struct.pack(order + "IHHiIII",
                                0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0,
                                0, 262144, 1))
            for t, frame in self.packets:
                t += 1.7e9
                f.write(struct.pack(order + "IIII", int(t),
                                    int(t % 1 * unit), len(frame),
                                    len(frame)) + frame)
        return path

    def pcapng(self, path, order="<"):
        """As Wireshark writes it."""
        def block(kind, body):
            body += bytes(-len(body) % 4)
            n = len(body) + 12
            return (struct.pack(order + "II", kind, n) + body +
                    struct.pack(order + "I", n))
        with open(path, "wb") as f:
            f.write(block(0x0a0d0d0a, struct.pack(
                order + "IHHq", 0x1a2b3c4d, 1, 0, -1)))
            f.write(block(1, struct.pack(order + "HHI", 1, 0, 0)))
            f.write(block(5, b"statistics"))
            for t, frame in self.packets:
                us = int((t + 1.7e9) * 1e6)
                f.write(block(6, struct.pack(
                    order + "IIIII", 0, us >> 32, us & 0xffffffff,
                    len(frame), len(frame)) + frame))
        return path


@pytest.mark.parametrize("kind, size, v6, tag", [
    ("pcap", 1460, False, False), ("pcap-little", 100, True, False),
    ("pcap-nano", 37, False, True), ("pcapng", 536, False, False),
    ("pcapng-big", 100, True, True)])
def test_packets(build, tmp_path, kind, size, v6, tag):
    wire = Wire(v6, tag)
    wire.transcript(random.Random(7), size)
    path = tmp_path / kind
    if kind.startswith("pcapng"):
        wire.pcapng(path, ">" if kind.endswith("big") else "<")
    else:
        wire.pcap(path, "<" if kind.endswith("little") else ">",
                  kind.endswith("nano"))
    said = verify(path, 0)
    want = verify(hs.TRANSCRIPT, 0)
    summary = said["summary"]
    assert (summary["agreed"], summary["shares"]) == (189, 189)
    assert summary["format"] == kind.split("-")[0]
    assert summary["packets"] == len(wire.packets)
    assert (summary["gaps"], summary["sessions"]) == (0, 2)
    assert [s["hash"] for s in said["shares"]] == [
        s["hash"] for s in want["shares"]]
    assert all(s["ts"].startswith("2023-11-14T22:1") for s in said["shares"])


def test_packets_that_were_not_captured(build, tmp_path):
    """Shares behind a gap are undecided or right, never called wrong."""
    wire = Wire()
    wire.transcript(random.Random(8), 400)
    rng = random.Random(9)
    wire.packets = [p for p in wire.packets if rng.random() > 0.03]
    said = verify(wire.pcap(tmp_path / "lossy"), 1)
    summary = said["summary"]
    assert summary["gaps"] > 3
    assert 100 < summary["shares"] <= 189
    assert summary["verdicts"]["undecided"] > 0
    assert not any(summary["agreement"][x] for x in WRONG), summary


def test_capture_that_breaks_off(build, tmp_path):
    wire = Wire()
    wire.transcript(random.Random(7), 1460)
    path = wire.pcap(tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:-10])
    done = run("verify", path)
    assert done.returncode == 1
    assert (f"{path}: packet {len(wire.packets)}: the file ends within it" in
            done.stderr)
    assert "agreement          189 of 189" in done.stdout


def test_capture_of_something_else(build, tmp_path):
    wire = Wire()
    for up in (True, False):
        wire.segment(1, up, SYN if up else SYN | ACK, 0)
    for i in range(40):
        wire.segment(1, i % 2 == 0, PSH | ACK, i, b"GET / HTTP/1.1\r\n")
    done = run("verify", wire.pcap(tmp_path / "web"))
    assert done.returncode == 1
    assert "no Stratum session" in done.stderr
