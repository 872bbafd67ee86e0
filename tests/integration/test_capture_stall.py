"""The relay never waits: for a captured that stands still, a ring that is
full, or a log that nobody reads."""
import os
import select
import signal
import statistics
import time

import pytest

import cap
import hs
import rig
import traffic


# So that a ring of 256K, and what the socket holds, are full in a second.
RATE = 8000000


class Echo:
    """Round trips through a listener of their own, beside the load."""

    def __init__(self):
        """Its statement goes into the configuration."""
        self.pool, self.port = rig.Pool(), hs.free_port()
        self.statement = (f"listen on {rig.HOST} port {self.port} "
                          f'{{ pool "{self.pool.url}" }}\n')

    def connect(self):
        """Once HashScope runs."""
        self.near = rig.connect(rig.HOST, self.port)
        self.far = self.pool.accept()

    def trip(self):
        """Seconds for a line there and one back."""
        line = b'{"id":1,"method":"mining.ping","params":[]}\n'
        began = time.perf_counter()
        self.near.sendall(line)
        assert self.far.recv(4096) == line
        self.far.sendall(line)
        assert self.near.recv(4096) == line
        return time.perf_counter() - began

    def trips(self, seconds, pause=0.001):
        """As many as fit into so many seconds, with pauses between."""
        took, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            took.append(self.trip())
            select.select([], [], [], pause)
        return took

    def close(self):
        """Closes its sockets."""
        self.near.close()
        self.pool.close()


def calmest(trips, of, parts=5):
    """The figure of the best part: others use the machine as well, but what
    HashScope itself does to its trips it does all the time."""
    n = len(trips) // parts
    return min(of(trips[i * n:(i + 1) * n]) for i in range(parts))


def as_before(during, before, after):
    """Medians and p99, with room for a machine that others use as well."""
    for name, of, factor in (
            ("median", statistics.median, 3),
            ("p99", lambda t: statistics.quantiles(t, n=100)[98], 8)):
        base, now = max(of(before), of(after)), calmest(during, of)
        assert now <= factor * base, (
            f"{name} {now * 1e6:.0f} us, else {base * 1e6:.0f} us")


@pytest.fixture
def stopped():
    """stopped(pid) stops a process; it goes on when the test is over."""
    held = []

    def stop(pid):
        os.kill(pid, signal.SIGSTOP)
        held.append(pid)

    yield stop
    for pid in held:
        if not rig.gone(pid):
            os.kill(pid, signal.SIGCONT)


def begin(scope, load, closing, body, **options):
    """A Scope with a Load and an Echo."""
    made, echo = load(**options), closing(Echo())
    sc = scope(f"capture {{ redact no }}\n{body}\n{echo.statement}",
               pools=[made.url])
    made.begin(sc)
    echo.connect()
    echo.trips(0.3)
    return sc, made, echo


def stall(scope, load, closing, stopped, seconds, calm, **options):
    """captured stands still for so long."""
    sc, made, echo = begin(scope, load, closing, "", **options)
    pid = sc.hsd.child("captured")
    before = echo.trips(calm)
    stopped(pid)
    # Seldom enough for its copies to stay within a session's share.
    during = echo.trips(seconds, seconds / 5000)
    # It is full of what came meanwhile, however fast that was.
    hs.wait_for(lambda: sc.stats()["tap.ring_used"] >
                seconds * options["rate"] / 2, "a ring that is used")
    assert sc.stats()["tap.lost_bytes"] == 0
    os.kill(pid, signal.SIGCONT)
    # What goes on coming must not be all that a slow machine can store.
    made.set_rate(options["rate"] / 16)
    hs.wait_for(lambda: not sc.stats()["tap.unsent"], "emptier ring",
                10 * hs.DEADLINE)
    made.set_rate(options["rate"])
    after = echo.trips(calm)
    done = made.end()
    echo.close()
    sc.ended(10 * hs.DEADLINE)
    cap.check_load(sc, done)
    assert sc.stats()["tap.lost_bytes"] == 0
    as_before(during, before, after)


def test_captured_stopped(scope, load, closing, stopped):
    stall(scope, load, closing, stopped, 3, 0.7, sessions=20, rate=1500000,
          seed=11)


@pytest.mark.long
def test_captured_stopped_for_long(scope, load, closing, stopped):
    stall(scope, load, closing, stopped, 30, 5, sessions=32, rate=1500000,
          seed=12)


def is_subsequence(got, want):
    """All of got, in the order of want, each once."""
    rest = iter(want)
    return all(any(x == y for y in rest) for x in got)


def check_load_of_many(sc, done):
    """cap.check_load() where others have sessions too."""
    ports = {s["port"] for s in done["sessions"]}
    ids = {s["session_id"] for p, s in sc.by_port().items() if p in ports}
    cap.check_load(sc, done, [m for m in sc.messages()
                              if m["session_id"] in ids])


def check_gaps(sc, done):
    """What is stored is whole and in order: (bytes, stored, gaps, marks)."""
    messages, sessions = sc.messages(), sc.by_port()
    found = cap.by_session(messages)
    for s in done["sessions"]:
        at = sessions[s["port"]]
        got = found[at["session_id"]]
        n, seed = s["lines"], done["seed"]
        up = traffic.up_lines(seed, s["number"], n, done["pad"])
        down = traffic.down_lines(seed, s["number"], n)
        for mine, lines in ((got[cap.UP], up), (got[cap.DOWN], down)):
            assert is_subsequence([cap.raw(m) for m in mine], lines)
        check_pairs_across_gaps(s["number"], got)
        assert [at["bytes"][cap.UP], at["bytes"][cap.DOWN]] == s["bytes"]
        assert (at["gaps"] > 0) == (at["gap_bytes"] > 0)
    return (sum(sum(s["bytes"].values()) for s in sessions.values()),
            sum(m["size_bytes"] for m in messages),
            sum(s["gap_bytes"] for s in sessions.values()),
            sum(m["after_gap"] for m in messages))


def check_pairs_across_gaps(number, got):
    """A pair that is told is true: ids of even sessions are unique."""
    by_id = {m["id"]: m for d in got.values() for m in d}
    for m in by_id.values():
        if m["paired_message_id"] and number % 2 == 0:
            other = by_id[m["paired_message_id"]]
            assert other["jsonrpc_id"] == m["jsonrpc_id"]
            assert other["paired_message_id"] == m["id"]


def test_tiny_ring(scope, load, closing, stopped):
    """The relay is as fast as before; what is missing is counted, marked."""
    sc, made, echo = begin(scope, load, closing, "tap { ring 256K }",
                           sessions=10, rate=RATE, pad=1500, seed=13)
    pid = sc.hsd.child("captured")
    before = echo.trips(1)
    stopped(pid)
    during = echo.trips(1.5)
    hs.wait_for(lambda: sc.stats()["tap.lost_bytes"] > 0, "a full ring")
    os.kill(pid, signal.SIGCONT)
    after = echo.trips(1)
    done = made.end()
    echo.close()
    sc.ended()
    sent, kept, gone, marked = check_gaps(sc, done)
    count = sc.summary()["capture"]
    assert sent == kept + gone + count["skipped_bytes"]
    print(count["gap_bytes"], gone, sc.stats()["tap.lost_bytes"], sc.stats(), count)
    assert count["gap_bytes"] == gone == sc.stats()["tap.lost_bytes"] > 0
    assert 0 < marked <= count["gaps"]
    sc.hsd.wait_log("ring of copies is full")
    sc.hsd.wait_log("captured has caught up")
    as_before(during, before, after)


def test_tiny_ring_and_captured_killed(scope, load, closing):
    """Both at once: gaps, but nothing torn, doubled or paired wrongly."""
    sc, made, echo = begin(
        scope, load, closing,
        "tap { ring 256K } timers { restart-min 300ms restart-max 300ms }",
        sessions=10, rate=RATE, pad=1500, seed=14)
    for _ in range(3):
        os.kill(sc.hsd.child("captured"), signal.SIGKILL)
        echo.trips(0.4)
        hs.wait_for(lambda: sc.stats()["tap.attached"], "tap")
    done = made.end()
    echo.close()
    sc.ended()
    sent, kept, gone, marked = check_gaps(sc, done)
    assert sent - kept >= gone > 0 and marked > 0


def test_one_session_may_not_fill_the_ring(scope, load, closing, stopped):
    """Its share is a part of it; the other sessions lose nothing."""
    flood = rig.Pool()
    port = hs.free_port()
    made = load(sessions=8, rate=100000, seed=15)
    sc = scope(f"""capture {{ redact no }} tap {{ ring 8M }}
        listen on {rig.HOST} port {port} {{ pool "{flood.url}" }}""",
               pools=[made.url])
    made.begin(sc)
    miner = rig.connect(rig.HOST, port)
    pool = flood.accept()
    pid = sc.hsd.child("captured")
    stopped(pid)
    data = rig.bytes_of(4 << 20, 3)
    sender = rig.Worker(miner.sendall, data)
    rig.equal(rig.recv_exact(pool, len(data)), data)
    sender.result()
    st = sc.stats()
    assert st["tap.share_drops"] > 0
    assert st["tap.ring_used"] < st["tap.ring_bytes"] / 2
    os.kill(pid, signal.SIGCONT)
    miner.close()
    pool.close()
    done = made.end()
    sc.ended()
    check_load_of_many(sc, done)
    flooded = [s for s in sc.sessions() if s["gaps"]]
    assert len(flooded) == 1 and flooded[0]["listener"].endswith(f":{port}")
    assert flooded[0]["gap_bytes"] == sc.stats()["tap.lost_bytes"]


def test_log_that_nobody_reads(scope, load, closing):
    """stderr is a pipe that is full: nothing but the log is the worse."""
    out, into = os.pipe()
    made, echo = load(sessions=8, rate=500000, seed=16), closing(Echo())
    sc = scope(f"capture {{ redact no }}\n{echo.statement}",
               pools=[made.url], stderr=into, ready=False)
    said = b""
    while b"point miners to" not in said:
        assert select.select([out], [], [], hs.DEADLINE)[0]
        said += os.read(out, 4096)
    made.begin(sc)
    echo.connect()
    before = echo.trips(1)
    os.set_blocking(into, False)
    size = 65536
    while size:
        try:
            os.write(into, b"x" * size)
        except BlockingIOError:
            size //= 2
    os.set_blocking(into, True)
    # From here on each line of the log would wait for ever.
    assert sc.ctl("log", "verbose")["ok"]
    for _ in range(300):
        with rig.connect(rig.HOST, echo.port):
            echo.pool.accept().close()
    during = echo.trips(1)
    assert sc.summary()["capture"]["messages_committed"] > 0
    resumes = sc.stats()["tap.resumes"]
    os.kill(sc.pid("captured"), signal.SIGKILL)
    hs.wait_for(lambda: sc.stats()["tap.resumes"] > resumes,
                "another captured")
    reader = rig.Worker(drain, out)
    after = echo.trips(1)
    done = made.end()
    echo.close()
    sc.ended()
    check_load_of_many(sc, done)
    sc.hsd.stop()
    os.close(into)
    assert b"captured" in reader.result().split(b"x" * 100)[-1]
    as_before(during, before, after)


def drain(fd):
    """All that comes until the last writer has gone."""
    said = b""
    while chunk := os.read(fd, 65536):
        said += chunk
    os.close(fd)
    return said
