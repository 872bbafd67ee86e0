"""Shares in number, and relays that are away: nothing is lost, and it costs
little.

    pytest -s -m long tests/integration/test_nostr_load.py

prints the figures.
"""
import json
import os
import signal
import threading
import time

import pytest

import hs
import nostr
import rig
import test_nostr
import test_nostr_real

judges = test_nostr_real.judges
real = test_nostr_real.real
relay = test_nostr.relay

SAN = "san" in hs.BUILD.name


class Cost:
    """CPU time and memory of nostrd and its signer, over kills too."""

    NAMES = ("nostrd", "signer")

    def __init__(self, sc):
        self.sc = sc
        self.cpu = {}   # by pid
        self.first = {}
        self.rss = 0
        self.began = time.monotonic()
        self.look()
        self.first = dict(self.cpu)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def look(self):
        """Notes what they have used up to now."""
        total = 0
        for name in self.NAMES:
            try:
                pid = self.sc.hsd.children()[name]
                self.cpu[pid] = rig.proc_cpu(pid)
                total += rig.proc_rss(pid)
            except (OSError, KeyError, IndexError):
                continue
        self.rss = max(self.rss, total)

    def close(self):
        """Looks no more."""
        self.over.set()
        self.thread.join()

    def _run(self):
        while not self.over.wait(0.5):
            self.look()

    def end(self, what):
        """(part of a core, bytes); printed and checked."""
        self.close()
        self.look()
        used = sum(v - self.first.get(k, 0) for k, v in self.cpu.items())
        part = used / (time.monotonic() - self.began)
        print(f"\n{what}: nostrd and signer {100 * part:.2f} % of a core, "
              f"{self.rss / 2**20:.1f} MiB")
        if not SAN:
            assert part < 0.05 and self.rss < 64 * 2**20
        return part, self.rss


def heard(ear, got):
    """{(session, seq): parameters} of what came since the last look."""
    lines = list(ear.lines)
    for line in lines[got["lines"]:]:
        if line.startswith("{"):
            got["shares"].update(nostr.shares(json.loads(line)))
    got["lines"] = len(lines)
    return got["shares"]


def whole(shares):
    """Each session's numbers have no gap, and no share came under two."""
    last = {}
    for session, seq in shares:
        last[session] = max(last.get(session, 0), seq)
    assert sum(last.values()) == len(shares)
    assert len({json.dumps(p) for p in shares.values()}) == len(shares)
    return len(last)


@pytest.mark.parametrize("form,rate,seconds", [
    ("batch", 100, 4),
    pytest.param("batch", 100, 60, marks=pytest.mark.long),
    pytest.param("compat", 20, 60, marks=pytest.mark.long)])
def test_load(scope, judges, real, spawn, pool, miner, closing,
              form, rate, seconds):
    """Fifty sessions, opened at once: every share arrives at a subscriber of
    a real relay, at the politeness that is the default for batches."""
    ear = test_nostr_real.listen(judges, spawn, real)
    p = pool("--difficulty", "1e-8", "--job-interval", "1")
    polite = {"rate": "2/s", "burst": "10", "flush": "1s"} \
        if form == "batch" else {"rate": "25/s", "burst": "50"}
    sc = scope(test_nostr.settings(real.url, format=form, **polite),
               pools=[f"stratum+tcp://{p.host}:{p.port}"])
    sc.wait_processes()
    test_nostr.subscribed(sc)
    hs.wait_for(lambda: sc.ctl("show", "relays")[0]["connects"], "a relay")
    cost = closing(Cost(sc))
    began = time.monotonic()
    m = miner(sc.host, sc.port, "--connections", 50, "--rate", rate / 50,
              "--shares", rate * seconds)
    assert m.wait(hs.DEADLINE + 3 * seconds) == 0
    took = time.monotonic() - began
    sent = json.loads(m.lines[-1])["submits"]
    assert sent == rate * seconds
    got = {"lines": 0, "shares": {}}
    hs.wait_for(lambda: len(heard(ear, got)) >= sent, "all shares",
                2 * hs.DEADLINE)
    late = time.monotonic() - began - took
    assert len(got["shares"]) == sent and whole(got["shares"]) == 50
    row = sc.ctl("show", "relays")[0]
    assert row["lost"] == 0 and row["refused"] == 0
    cost.end(f"{form}: {sent} shares of 50 sessions, {sent / took:.1f} a "
             f"second, 100 % arrived, the last {late:.1f} s after it was "
             f"submitted, in {row['accepted']} events")


@pytest.mark.parametrize("seconds", [
    5, pytest.param(600, marks=pytest.mark.long)])
def test_away(scope, relay, pool, miner, closing, seconds):
    """A relay that is away for long, nostrd killed in the middle: all of it
    arrives afterwards, none twice, or it was counted."""
    r = relay()
    p = pool("--difficulty", "1e-8", "--job-interval", "1")
    sc = scope(test_nostr.settings(r.url, **{
        "rate": "20/s", "flush": "1s", "retry": "100ms",
        "retry-max": "2s" if seconds < 60 else "60s"}),
        pools=[f"stratum+tcp://{p.host}:{p.port}"])
    sc.wait_processes()
    hs.wait_for(lambda: r.connections, "a connection")
    test_nostr.subscribed(sc)
    r.stop()
    cost = closing(Cost(sc))
    rate = 20
    m = miner(sc.host, sc.port, "--connections", 10, "--rate", rate / 10,
              "--shares", rate * seconds)
    half = rate * seconds // 2
    hs.wait_for(lambda: sc.ctl("show", "relays") and
                sc.ctl("show", "relays")[0]["pending"] > half, "half of it",
                hs.DEADLINE + seconds)
    pid = sc.pid("nostrd")
    os.kill(pid, signal.SIGKILL)
    hs.wait_for(lambda: sc.pid("nostrd") not in (None, pid), "another")
    assert m.wait(hs.DEADLINE + 2 * seconds) == 0
    sent = json.loads(m.lines[-1])["submits"]
    sc.settle()
    r.start()
    hs.wait_for(lambda: len(r.shares()) >= sent, "all shares",
                hs.DEADLINE + 60 + seconds / 4)
    shares = r.shares()
    assert len(shares) == sent == rate * seconds and whole(shares) == 10
    assert not any(nostr.gaps(e) for e in r.events)
    # The same share is the same wherever it was sent again.
    for e in r.events:
        for k, params in nostr.shares(e).items():
            assert shares[k] == params
    assert all(nostr.is_good(e) for e in r.events[:5])
    cost.end(f"relay away {seconds} s, nostrd killed: {sent} shares, "
             "none lost, none twice")
