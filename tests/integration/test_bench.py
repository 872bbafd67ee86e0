"""The benchmarks' harness in a short form: every test runs once with tiny
counts and every figure is there.  No figure is judged: what is slow today may
be quick tomorrow.  And the floor has to be a relay before it may be a peer."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HS_BUILD") or ROOT / "build")
BENCH = BUILD / "bench"
HASHSCOPE = (BUILD / "bin/hashscoped").exists()
# Seconds for what is done at once where nobody else wants the processor; a
# timeout of a socket is that of all that sendall() sends.
PATIENCE = 60


def run_bench(out, targets, tests=None):
    argv = [sys.executable, "-B", ROOT / "tests/bench/bench.py", "--tiny", "--rounds", "1",
            "--build", BUILD, "--out", out, "--targets", targets]
    if tests:
        argv += ["--tests", tests]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          timeout=10 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text()), done.stdout


def results(report, target):
    return {r["name"]: r["result"] for r in report["raw"] if r["target"] == target}


def check_relayed(got, relayed):
    """What went through must be what was asked for, whatever time it took."""
    assert got["rtt"]["operations"] == 300 and got["rtt"]["lines"] == 600
    assert 0 < got["rtt"]["p50_us"] <= got["rtt"]["p99_us"] <= got["rtt"]["max_us"]
    for test, count in (("one", 400), ("depth", 2000)):
        assert got[test]["operations"] == count and got[test]["lost"] == 0
        assert got[test]["lines"] == 2 * count and got[test]["per_second"] > 0
    assert got["churn"]["operations"] >= 40 and got["churn"]["errors"] == 0
    assert got["fanout"]["sessions"] == 40 and got["fanout"]["lines"] == 80
    assert got["fanout"]["last_ms"] > 0
    assert got["idle"]["sessions"] == 40 and got["idle"]["lines"] == 40 * 8
    assert all(len(got[t]["cpu_us_per_operation"]) >= relayed for t in got)
    if relayed:
        assert got["rtt"]["cpu_us_per_operation"][0] > 0
        assert len(got["idle"]["pss_kb_per_session"]) >= 1


def test_direct_and_floor(tmp_path):
    report, text = run_bench(tmp_path / "result.json", "direct,floor")
    assert report["errors"] == [] and report["skipped"] == {}
    check_relayed(results(report, "direct"), 0)
    check_relayed(results(report, "floor"), 1)
    for key in ("rtt_p50_us", "rtt_p99_us", "one_per_s", "depth_per_s", "churn_per_s", "fanout_ms"):
        assert report["medians"][key]["floor"] > 0 and report["medians"][key]["direct"] > 0
        assert report["ratios"][key]["floor"] is None  # there is no haproxy in this run
    assert report["goals"]["rtt_p50_us"]["verdict"] == "not measured"
    assert report["about"]["rounds"] == 1 and "processor" in report["about"]["layout"]
    assert "round trip p50" in text and "floor" in text


@pytest.mark.skipif(not os.path.exists("/usr/sbin/haproxy"), reason="haproxy is not installed")
def test_haproxy(tmp_path):
    report, _ = run_bench(tmp_path / "result.json", "floor,haproxy", "rtt,idle")
    assert report["skipped"] == {}
    assert report["ratios"]["rtt_p50_us"]["floor"] > 0
    assert report["ratios"]["rtt_p50_us"]["haproxy"] == 1


@pytest.mark.skipif(not HASHSCOPE, reason="hashscoped is not built")
def test_hashscope(tmp_path):
    report, _ = run_bench(tmp_path / "result.json", "on,off")
    assert report["errors"] == [] and report["skipped"] == {}
    check_relayed(results(report, "HashScope off"), 1)
    on = results(report, "HashScope on")
    check_relayed(on, 2)
    for test in ("burst", "steady"):
        assert on[test]["committed"] == on[test]["messages"] > 1000
        assert (on[test]["lost"], on[test]["gaps"], on[test]["dropped_bytes"]) == (0, 0, 0)
        assert on[test]["committed_per_second"] > 0


@pytest.mark.skipif(not HASHSCOPE, reason="hashscoped is not built")
def test_api():
    """The API's figures, in a short form: each is there, beside its goal."""
    argv = [sys.executable, "-B", ROOT / "tests/bench/api.py", "--tiny"]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          timeout=10 * PATIENCE, env={**os.environ, "HS_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ("small requests", "newest page", "filter by method", "filter by session",
                "pool's byte to", "a page while", "an act while"):
        assert any(row in x and ("<" in x or ">=" in x) for x in done.stdout.splitlines()), row
    assert "nothing came" not in done.stdout


def test_says_what_is_not_there(tmp_path):
    """A target that cannot be started is named and left out."""
    for name in ("floor", "load"):
        (tmp_path / "bench").mkdir(exist_ok=True)
        (tmp_path / "bench" / name).symlink_to(BENCH / name)
    argv = [sys.executable, "-B", ROOT / "tests/bench/bench.py", "--tiny", "--rounds", "1",
            "--build", tmp_path, "--targets", "floor,on", "--tests", "rtt"]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "bench/result.json").read_text())
    assert "not built" in report["skipped"]["HashScope on"]
    assert "not measured: HashScope on" in done.stdout


@pytest.fixture
def pool():
    """A listening socket in the pool's place."""
    s = socket.create_server(("127.0.0.1", 0))
    s.settimeout(PATIENCE)
    yield s
    s.close()


@pytest.fixture
def floor(pool):
    proc = subprocess.Popen(
        [BENCH / "floor", "0", "127.0.0.1", str(pool.getsockname()[1])], stdout=subprocess.PIPE)
    yield int(proc.stdout.readline().split()[1])
    proc.terminate()
    proc.wait(PATIENCE)
    proc.stdout.close()


def both_ends(port, pool):
    miner = socket.create_connection(("127.0.0.1", port), PATIENCE)
    far, _ = pool.accept()
    far.settimeout(PATIENCE)
    return miner, far


def read_all(s):
    got = bytearray()
    while chunk := s.recv(65536):
        got += chunk
    return bytes(got)


def test_floor_half_close(floor, pool):
    """A FIN passes on after the last byte, and the other way goes on."""
    for turn in (False, True):
        ends = both_ends(floor, pool)
        a, b = reversed(ends) if turn else ends
        a.sendall(b"the last words")
        a.shutdown(socket.SHUT_WR)
        assert read_all(b) == b"the last words"
        b.sendall(b"x" * 100000)
        b.shutdown(socket.SHUT_WR)
        assert read_all(a) == b"x" * 100000
        a.close()
        b.close()


def test_floor_slow_reader(floor, pool):
    """Both ways full at once: nothing is lost, doubled or turned round."""
    miner, far = both_ends(floor, pool)
    data = os.urandom(8 << 20) * 3
    threads = []
    for s in (miner, far):
        def send(s=s):
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        threads.append(threading.Thread(target=send))
    for t in threads:
        t.start()
    # More than the sockets take: one way stands still while the other goes.
    for s in (far, miner):
        got = read_all(s)
        # Not compared by pytest, which would look for the difference of
        # this much for hours.
        same = got == data
        assert same, f"{len(got)} bytes of {len(data)}"
    for t in threads:
        t.join(PATIENCE)
        assert not t.is_alive()
    miner.close()
    far.close()


def test_floor_no_pool(floor, pool):
    """A pool that refuses is told to the miner, and the floor goes on."""
    pool.close()
    for _ in range(2):
        # On a busy machine the reset is there before connect() returns.
        with pytest.raises(ConnectionResetError):
            with socket.create_connection(
                    ("127.0.0.1", floor), PATIENCE) as miner:
                miner.recv(1)


def test_load_says_what_broke(pool):
    """A port where nobody answers is a failed test, not a figure."""
    proc = subprocess.Popen([BENCH / "load", "pool"], stdout=subprocess.PIPE)
    try:
        port = proc.stdout.readline().split()[1].decode()
        closed = str(pool.getsockname()[1])
        pool.close()
        for test in ("rtt", "flow", "churn", "idle", "fanout"):
            done = subprocess.run(
                [BENCH / "load", test, "-t", closed, "-p", port, "--count", "10",
                 "--sessions", "2"], capture_output=True, timeout=PATIENCE)
            assert done.returncode == 1 and done.stdout == b"", (test, done)
    finally:
        proc.terminate()
        proc.wait(10)
        proc.stdout.close()


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/usr/bin/chromium"),
                    reason="needs Chromium")
def test_console():
    """Every figure of the console is there, in a short form."""
    done = subprocess.run(
        [sys.executable, "-B", ROOT / "tests/bench/console.py", "--tiny"],
        capture_output=True, text=True, timeout=400,
        env={**os.environ, "HS_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stdout + done.stderr
    if "not measured" in done.stdout:
        pytest.skip(done.stdout.strip())
    for what in ("messages, half 2", "/shares: longest task", "JS heap",
                 "messages stored", "scroll down:", "scroll jumps:",
                 "first contentful paint", "the whole console"):
        assert what in done.stdout, done.stdout
    assert "an error in the page" not in done.stdout
