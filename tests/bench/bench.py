#!/usr/bin/python3
"""The benchmarks: every target in interleaved rounds, medians, one table.

    bench.py [--rounds N] [--targets a,b] [--tests a,b] [--tiny] [--out FILE]

Targets: direct, floor (the minimal relay), haproxy, on and off (HashScope with
and without capture).  Figures move with the machine: what counts are ratios to
haproxy within one round, of which the table gives the median.  Nothing here
fails because something was slow; it fails when sessions broke or bytes were
lost.  BENCH_ROUNDS, BENCH_TARGETS, BENCH_TESTS and BENCH_LAYOUT are the same
as the options, HS_BUILD is where the programs are."""

import argparse
import json
import math
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import time

import targets as tg

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYOUTS = {
    "one": "client, relay and pool on processor {a}, captured and all else on {b}",
    "split": "relay on processor {a}; client, pool, captured and all else on {b}",
}
SETTLE_S = 60
COMMIT_STALL_S = 15

# The arguments of load(1) for each test: as it is meant, and as short as shows
# that it works.  Idle comes first, for memory once used is not given back.
TESTS = {
    "idle": (["idle", "--sessions", "5000"], ["idle", "--sessions", "40"]),
    "rtt": (["rtt", "--count", "50000"], ["rtt", "--count", "300"]),
    "one": (
        ["flow", "--sessions", "200", "--seconds", "2"],
        ["flow", "--sessions", "20", "--count", "400"],
    ),
    "depth": (
        ["flow", "--sessions", "200", "--depth", "16", "--seconds", "2"],
        ["flow", "--sessions", "4", "--depth", "16", "--count", "2000"],
    ),
    "churn": (
        ["churn", "--sessions", "32", "--seconds", "2"],
        ["churn", "--sessions", "4", "--count", "40"],
    ),
    "fanout": (
        ["fanout", "--sessions", "{fanout}", "--count", "5"],
        ["fanout", "--sessions", "40", "--count", "2"],
    ),
    "burst": (
        ["flow", "--sessions", "200", "--depth", "16", "--count", "150000"],
        ["flow", "--sessions", "20", "--depth", "4", "--count", "500"],
    ),
    "steady": (
        "flow --sessions 200 --depth 64 --rate 30000 --seconds 10".split(),
        "flow --sessions 20 --depth 64 --rate 1000 --count 500".split(),
    ),
}
# These need a store, and wait until everything is in it.
COMMITTED = ("burst", "steady")


def first(values):
    return values[0] if values else None


def work_place(build):
    """Where files go: below build, or, when that is out of reach for the
    accounts of the processes (a tree below /root), in /var/tmp."""
    place = build / "bench/work"
    if os.geteuid() == 0 and any(
            p.exists() and not p.stat().st_mode & 1 for p in place.parents):
        place = pathlib.Path("/var/tmp/hashscope-bench")
        place.mkdir(mode=0o755, exist_ok=True)
        if place.is_symlink() or place.stat().st_uid != 0:
            raise SystemExit(f"{place} is not ours")
    return place


class Row:
    """A line of the table: where the figure comes from and what to reach.
    The goal is a ratio to haproxy, to HashScope without capture ("off"), or
    a figure of its own ("figure")."""

    def __init__(self, key, label, test, get, digits, goal=None, to="haproxy"):
        self.key, self.label, self.test, self.get = key, label, test, get
        self.digits, self.goal, self.to = digits, goal, to


ROWS = [
    Row("rtt_p50_us", "round trip p50, µs", "rtt", lambda r: r["p50_us"], 1, ("<=", 1.0)),
    Row("rtt_p99_us", "round trip p99, µs", "rtt", lambda r: r["p99_us"], 1, ("<=", 1.5)),
    Row("rtt_cpu_us", "relay CPU per submit and answer, µs", "rtt",
        lambda r: first(r["cpu_us_per_operation"]), 2, ("<=", 1.0)),
    Row("one_per_s", "200 sessions, one outstanding, submits/s", "one",
        lambda r: r["per_second"], 0, (">=", 1.0)),
    Row("one_cpu_us", "  relay CPU per submit and answer, µs", "one",
        lambda r: first(r["cpu_us_per_operation"]), 2),
    Row("depth_per_s", "200 sessions, 16 deep, submits/s", "depth",
        lambda r: r["per_second"], 0, (">=", 0.95)),
    Row("depth_cpu_us", "  relay CPU per submit and answer, µs", "depth",
        lambda r: first(r["cpu_us_per_operation"]), 3, ("<=", 1.05), "off"),
    Row("churn_per_s", "connect-handshake-close cycles/s", "churn",
        lambda r: r["per_second"], 0, (">=", 0.95)),
    Row("fanout_ms", "a new job to all sessions, last one, ms", "fanout",
        lambda r: r["last_ms"], 1, ("<=", 1.0)),
    Row("idle_kb", "memory per idle session, KB", "idle",
        lambda r: first(r["pss_kb_per_session"]), 2, ("<=", 1.0), "figure"),
    Row("burst_per_s", "burst: messages/s committed", "burst",
        lambda r: r["committed_per_second"], 0),
    Row("steady_per_s", "steady: messages/s committed", "steady",
        lambda r: r["committed_per_second"], 0, (">=", 50000), "figure"),
    Row("steady_disk", "  written to disk, MB/s", "steady",
        lambda r: r["disk_mb_per_second"], 2),
    Row("steady_lost", "  messages lost or doubled, gaps, bytes dropped", "steady",
        lambda r: abs(r["lost"]) + r["gaps"] + r["dropped_bytes"], 0, ("<=", 0), "figure"),
]
JUDGED = "HashScope on"


def say(text=""):
    print(text, flush=True)


class Bench:
    def __init__(self, args):
        self.args = args
        self.build = pathlib.Path(args.build).resolve()
        self.place = work_place(self.build)
        cpus = sorted(os.sched_getaffinity(0))
        self.a, self.b = cpus[0], cpus[-1]
        self.load_cpu = self.a if args.layout == "one" else self.b
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        room = 20000 if hard < 0 else hard
        self.fanout = min(9500, room - 500, tg.Haproxy.maxconn() - 100)
        self.load = self.build / "bench/load"
        self.pool = tg.Pool(self.place, self.load)
        self.raw, self.errors, self.skipped = [], [], {}

    def all_targets(self):
        make = {
            "direct": lambda: tg.Direct(self.place),
            "floor": lambda: tg.Floor(self.place, self.build),
            "haproxy": lambda: tg.Haproxy(self.place),
            "on": lambda: tg.HashScope(self.place, self.build, True),
            "off": lambda: tg.HashScope(self.place, self.build, False),
        }
        return [make[name]() for name in self.args.targets]

    def start(self, wanted):
        started = []
        for t in wanted:
            if t.name in self.skipped:
                continue
            try:
                t.start(self.pool.port, self.a, self.b)
                started.append(t)
            except (tg.Unavailable, OSError) as e:
                t.stop()
                self.skipped[t.name] = str(e)
                say(f"{t.name}: not measured: {e}")
        return started

    def settle(self, t):
        """Waits until a target has done what is left of the test before."""
        pids = t.relay_pids() + t.other_pids()
        deadline = time.monotonic() + SETTLE_S
        while pids and time.monotonic() < deadline:
            before = tg.cpu_ns(pids)
            time.sleep(0.05)
            if tg.cpu_ns(pids) - before < 1000000:
                return

    def run_load(self, t, test):
        full, tiny = TESTS[test]
        argv = [a.format(fanout=self.fanout) for a in (tiny if self.args.tiny else full)]
        argv = [self.load, *argv, "--to", t.port, "--pool", self.pool.port,
                "--client-cpu", self.load_cpu, "--pool-cpu", self.load_cpu]
        for pid in (t.relay_pids() + t.other_pids())[:4]:
            argv += ["--pid", pid]
        out = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=300)
        if out.returncode != 0:
            raise RuntimeError(out.stderr.decode().strip() or f"exit {out.returncode}")
        return json.loads(out.stdout)

    def wait_committed(self, t, want, stall=COMMIT_STALL_S):
        """Until `want` messages are in the store or no more come; returns
        the counts and when the last ones were seen."""
        last, moved = None, time.monotonic_ns()
        while True:
            counts = t.capture_counts()
            now = time.monotonic_ns()
            if counts[0] != last:
                last, moved = counts[0], now
            if counts[0] >= want or now - moved > stall * 10**9:
                return counts, moved
            time.sleep(0.05)

    def run_committed(self, t, test):
        """Every line that the pool saw must be in the store, once."""
        # What the test before left is committed 200 ms after it was seen.
        before, _ = self.wait_committed(t, math.inf, 0.6)
        lines = self.pool.lines()
        disk, busy = tg.write_bytes(t.other_pids()), tg.cpu_ns(t.other_pids())
        result = self.run_load(t, test)
        lines = self.pool.lines() - lines
        after, end = self.wait_committed(t, before[0] + lines)
        seconds = (end - result["start_ns"]) / 1e9
        written = tg.write_bytes(t.other_pids())
        result.update(
            messages=lines,
            committed=after[0] - before[0],
            lost=lines - (after[0] - before[0]),
            gaps=after[1] - before[1],
            dropped_bytes=after[2] - before[2],
            committed_per_second=(after[0] - before[0]) / seconds,
            capture_cpu_us=(tg.cpu_ns(t.other_pids()) - busy) / 1e3 / lines,
            disk_mb_per_second=None if disk is None or written is None
            else (written - disk) / 1e6 / seconds,
        )
        return result

    def measure(self, number, t, test):
        if test in COMMITTED and not t.capture:
            return
        self.settle(t)
        try:
            run = self.run_committed if test in COMMITTED else self.run_load
            result = run(t, test)
        except (RuntimeError, OSError, ValueError, KeyError,
                subprocess.SubprocessError) as e:
            self.errors.append(f"round {number}, {t.name}, {test}: {e}")
            say(self.errors[-1])
            return
        self.raw.append(dict(round=number, target=t.name, name=test, result=result))
        self.settle(t)

    def round(self, number):
        wanted = self.all_targets()
        started = []
        try:
            started = self.start(wanted)
            turn = number % max(1, len(started))
            for test in self.args.tests:
                for t in started[turn:] + started[:turn]:
                    self.measure(number, t, test)
                    say(f"round {number}: {test}: {t.name}") if self.args.verbose else None
        finally:
            for t in wanted:
                t.stop()

    def run(self):
        self.load_before = os.getloadavg()[0]
        try:
            self.pool.start(None, self.load_cpu, self.b)
            for number in range(1, self.args.rounds + 1):
                self.round(number)
        finally:
            self.pool.stop()
        self.load_after = os.getloadavg()[0]


class Table:
    """Medians over the rounds, ratios within each round, and the verdicts."""

    def __init__(self, bench):
        self.bench = bench
        self.values = {}  # row key -> target -> round -> value
        for row in ROWS:
            for entry in bench.raw:
                value = row.get(entry["result"]) if entry["name"] == row.test else None
                if value is not None:
                    of = self.values.setdefault(row.key, {})
                    of.setdefault(entry["target"], {})[entry["round"]] = value

    def median(self, row, target):
        rounds = self.values.get(row.key, {}).get(target)
        return statistics.median(rounds.values()) if rounds else None

    def ratio(self, row, target, to):
        """The median of what target was to the other one in each round."""
        mine = self.values.get(row.key, {}).get(target, {})
        other = self.values.get(row.key, {}).get(to, {})
        both = [mine[n] / other[n] for n in mine if other.get(n)]
        return statistics.median(both) if both else None

    def goal(self, row):
        """(figure, goal as text, met or missed), None where there is none."""
        if row.goal is None:
            return None
        sign, limit = row.goal
        if row.to == "figure":
            value = self.median(row, JUDGED)
            text = f"{sign} {limit:,g} absolute"
        else:
            peer = "HashScope off" if row.to == "off" else row.to
            value = self.ratio(row, JUDGED, peer)
            text = f"{sign} {limit:g} × {row.to}"
        if value is None:
            return None, text, "not measured"
        met = value <= limit if sign == "<=" else value >= limit
        return value, text, "met" if met else "missed"

    def names(self):
        order = ["direct", "floor", "haproxy", "HashScope on", "HashScope off"]
        seen = {e["target"] for e in self.bench.raw}
        return [n for n in order if n in seen]

    def print(self):
        names, rows = self.names(), [r for r in ROWS if r.key in self.values]
        width = max(len(r.label) for r in ROWS) + 1
        say(f"{'':{width}}" + "".join(f"{n:>14}" for n in names))
        for row in rows:
            say(f"{row.label:{width}}" + "".join(
                f"{self.text(self.median(row, n), f',.{row.digits}f'):>14}" for n in names))
        say()
        say(f"{'ratio to haproxy':{width}}" + "".join(
            f"{n if n in self.compared() else '':>14}" for n in names) + "  goal")
        for row in rows:
            say(self.ratios(row, names, width))

    @staticmethod
    def text(value, form):
        return "-" if value is None else format(value, form)

    def compared(self):
        """The targets whose ratio to haproxy is printed."""
        return [n for n in self.names() if n not in ("direct", "haproxy")]

    def ratios(self, row, names, width):
        out = f"{row.label:{width}}"
        for n in names:
            ratio = self.ratio(row, n, "haproxy") if n in self.compared() else None
            out += f"{self.text(ratio, '.3f') if n in self.compared() else '':>14}"
        value, goal, verdict = self.goal(row) or (None, "", "")
        if goal:
            out += f"  {goal}: {verdict}" + ("" if value is None else f" ({value:,.4g})")
        return out

    def as_object(self):
        names = self.names()
        return {
            "medians": {r.key: {n: self.median(r, n) for n in names} for r in ROWS},
            "ratios": {
                r.key: {n: self.ratio(r, n, "haproxy") for n in names} for r in ROWS
            },
            "goals": {
                r.key: dict(zip(("value", "goal", "verdict"), self.goal(r)))
                for r in ROWS if r.goal
            },
        }


def describe(bench):
    """What was measured where: the lines above the table."""
    version = "-"
    if os.path.exists(tg.HAPROXY):
        out = subprocess.run([tg.HAPROXY, "-v"], capture_output=True, text=True)
        version = out.stdout.split(" ")[2] if out.returncode == 0 else "-"
    return {
        "cpus": os.cpu_count(),
        "kernel": os.uname().release,
        "haproxy": version,
        "layout": LAYOUTS[bench.args.layout].format(a=bench.a, b=bench.b),
        "rounds": bench.args.rounds,
        "fanout_sessions": 40 if bench.args.tiny else bench.fanout,
        "load_before": bench.load_before,
        "load_after": bench.load_after,
        "tiny": bench.args.tiny,
    }


def words(text):
    return [w for w in text.split(",") if w]


def arguments():
    env = os.environ.get
    p = argparse.ArgumentParser(description="benchmarks beside their peers")
    p.add_argument("--rounds", type=int, default=int(env("BENCH_ROUNDS") or 3))
    p.add_argument("--targets", type=words,
                   default=words(env("BENCH_TARGETS") or "direct,floor,haproxy,on,off"))
    p.add_argument("--tests", type=words, default=words(env("BENCH_TESTS") or ",".join(TESTS)))
    p.add_argument("--layout", choices=LAYOUTS, default=env("BENCH_LAYOUT") or "one")
    p.add_argument("--build", default=env("HS_BUILD") or ROOT / "build")
    p.add_argument("--out", type=pathlib.Path)
    p.add_argument("--tiny", action="store_true", help="only show that it works")
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()
    for given, known in ((args.targets, ("direct", "floor", "haproxy", "on", "off")),
                         (args.tests, TESTS)):
        for w in given:
            if w not in known:
                p.error(f"{w}: not one of {', '.join(known)}")
    args.out = args.out or pathlib.Path(args.build) / "bench/result.json"
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(args)
    if not bench.load.exists():
        sys.exit(f"{bench.load} is not built: make tools")
    bench.run()
    table, about = Table(bench), describe(bench)
    say(f"{about['cpus']} processors, kernel {about['kernel']}, haproxy {about['haproxy']}, "
        f"load average {about['load_before']:.1f} before and {about['load_after']:.1f} after")
    say(f"{about['layout']}; medians of {args.rounds} rounds; "
        f"submits of 160-200 bytes; a new job goes to {about['fanout_sessions']:,} sessions")
    if args.tiny:
        say("a tiny run: it shows that the harness works, its figures mean nothing")
    say()
    table.print()
    for name, why in bench.skipped.items():
        say(f"not measured: {name}: {why}")
    for e in bench.errors:
        say(f"failed: {e}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(
        dict(about=about, **table.as_object(), skipped=bench.skipped,
             errors=bench.errors, raw=bench.raw), indent=1) + "\n")
    return 1 if bench.errors or not bench.raw else 0


if __name__ == "__main__":
    sys.exit(main())
