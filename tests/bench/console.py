#!/usr/bin/python3
"""The console in Chromium under load, over the real programs: how long its
main thread is busy at a time while messages come, what it keeps in memory,
how a full store scrolls, and how soon the first page is there.

    console.py [--seconds S] [--rate N] [--messages N] [--parts a,b] [--tiny]

Parts: live, pages, scroll, paint.  Figures are Chromium's own, by its tracing.
Printed with their goals; nothing here fails because something was slow.  Two
clocks are shown for a task: the wall, which counts, and the thread's CPU time,
which is what of it was ours when the machine has other things to do."""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("HS_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/integration"))

import cap  # noqa: E402
import hs  # noqa: E402
import rig  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
PARTS = ("live", "pages", "scroll", "paint")
CONNECTIONS = 20
FILL_RATE = 24000  # messages a second; a miner's submit has an answer
LONG_MS = 100
PAINT_MS = 1000
KIB = 350
# What is left after the garbage is collected: it must not grow from the first
# look to the last, but for what a page comes to know within its first minute;
# and a list that was scrolled through keeps but a window of it.
GROWTH_MB = 3
SCROLLED_MB = 32


class Traffic:
    """Miners that submit and are answered: two messages each time."""

    def __init__(self, scope, rate, shares=None):
        more = [] if shares is None else ["--shares", shares]
        self.proc = hs.Proc(
            hs.sim("miner"), "--worker", "bench.rack", "--agent", "bench/1.0",
            "--lenient", "--connections", CONNECTIONS, "--rate",
            rate / 2 / CONNECTIONS, "--mix",
            "valid=96,stale=2,duplicate=1,low=1", *more, scope.host,
            scope.port)

    def close(self):
        self.proc.close()


class Table:
    """Lines as they come, and whether each met its goal."""

    def __init__(self):
        self.missed = 0

    def head(self, text):
        print(f"\n{text}", flush=True)

    def row(self, name, value, goal=None, met=None):
        verdict = ""
        if goal is not None:
            verdict = f"  {goal}: {'met' if met else 'missed'}"
            self.missed += not met
        print(f"  {name:40} {value:>44}{verdict}", flush=True)

    def tasks(self, name, f):
        w, c = f["wall"], f["cpu"]
        self.row(f"{name}: longest task, wall (CPU)",
                 f"{w['max']:.1f} ms ({c['max']:.1f})", f"<= {LONG_MS} ms",
                 w["max"] <= LONG_MS)
        self.row("  tasks over 50 / 100 ms, wall (CPU)",
                 f"{w['over50']} / {w['over100']} "
                 f"({c['over50']} / {c['over100']})")
        self.row("  p99, wall (CPU); tasks",
                 f"{w['p99']:.2f} ms ({c['p99']:.2f}); {f['tasks']:,}")

    def memory(self, heap, scrolled=False):
        text = " → ".join(f"{h['heap']:.1f}" for h in heap) + " MB"
        most = SCROLLED_MB if scrolled else heap[0]["heap"] + GROWTH_MB
        goal = (f"<= {most} MB" if scrolled
                else f"<= the first + {GROWTH_MB} MB")
        self.row("  JS heap after GC", text, goal,
                 max(h["heap"] for h in heap[1:]) <= most)
        self.row("  DOM nodes (elements)", " → ".join(
            f"{h['nodes']:,} ({h['elements']:,})" for h in heap))

    def scroll(self, r):
        self.tasks(f"scroll {r['how']}", r)
        f = r["frames"]
        self.row("  frames drawn, longest, p99, dropped",
                 f"{f['drawn']:,}, {f['max']:.0f} ms, {f['p99']:.0f} ms, "
                 f"{f['dropped']}")
        self.row("  rows reached; looks that found no row",
                 f"{r['rows']:,}; {r['empty']} of {r['looks']}")

    def paint(self, r):
        self.row(f"{r['path']}: first contentful paint",
                 f"{r['contentful']:.0f} ms")
        self.row("  first figure or row on the screen",
                 f"{r['useful']:.0f} ms, worst {r['worst']:.0f}",
                 f"< {PAINT_MS} ms", r["useful"] < PAINT_MS)
        self.row("  transferred: files; answers of the API",
                 f"{r['files']:.0f} KiB; {r['api']:.0f} KiB; "
                 f"{r['requests']} requests",
                 f"<= {KIB} KiB", r["files"] <= KIB)

    def take(self, r, why):
        """One line of what the browser's program says."""
        what = r["what"]
        if what == "live":
            self.tasks(f"messages, half {r['half'] + 1}", r)
        elif what == "page":
            self.tasks(r["path"], r)
            self.memory(r["heap"])
        elif what == "memory":
            self.memory(r["heap"], r["of"] == "scroll")
            self.row("  rows in the list / made; gaps",
                     f"{r['kept']:,} / {r['rows']}; {r['gaps']}")
            if r.get("behind") is not None:
                self.row("  newest row is behind by", f"{r['behind']:.0f} ms")
        elif what == "scroll":
            self.scroll(r)
        elif what == "paint":
            self.paint(r)
        elif what == "broken":
            self.row("an error in the page", r["error"])
            self.missed += 1
        for line in r.get("longest", []) if why else []:
            print(f"      {line}", flush=True)


def console_kib():
    """All files of the console, each compressed."""
    files = [f for f in (ROOT / "ui/dist").rglob("*")
             if f.is_file() and "docs" not in f.relative_to(ROOT).parts]
    return sum(len(gzip.compress(f.read_bytes(), 9)) for f in files) / 1024


def stored(scope):
    """How many messages can be asked for."""
    return scope.ctl("show", "summary")["capture"]["store_visible"]


def fill(scope, count, table):
    """Until the store has so many."""
    table.head(f"filling the store to {count:,} messages")
    while stored(scope) < count:
        t = Traffic(scope, FILL_RATE, (count - stored(scope)) // 2 + 200)
        try:
            t.proc.wait(3600)
        finally:
            t.close()
        scope.settle(600)
    table.row("messages stored", f"{stored(scope):,}")


class Bench:
    def __init__(self, o):
        self.o = o
        self.table = Table()
        self.closing = []

    def start(self):
        pool = hs.Listening(hs.sim("pool"), "--difficulty", "1e-8",
                            "--job-interval", "10", "--max-clients", "200")
        self.closing.append(pool)
        # Without a bound, or the store never has as many as are asked for.
        self.scope = cap.Scope([f"stratum+tcp://{pool.host}:{pool.port}"],
                               "capture { messages 0 }")
        self.closing.append(self.scope)
        self.url = self.scope.hsd.expect_error(
            r"the console is at (http://\S+?)/")[1]
        self.traffic = Traffic(self.scope, self.o.rate)
        self.closing.append(self.traffic)

    def plan(self):
        o = self.o
        return {"parts": o.parts, "seconds": o.seconds,
                "warm": min(10, o.seconds / 4), "pages": o.seconds / 6,
                "scroll": o.seconds / 8, "paints": 2 if o.tiny else 5}

    def environment(self):
        return {**os.environ, "HS_PLAN": json.dumps(self.plan()),
                "HS_URL": self.url, "HS_CTL": str(rig.CTL),
                "HS_CHROMIUM": CHROMIUM,
                "HASHSCOPE_RUN_DIR": str(self.scope.hsd.run_dir)}

    def answer(self, r, node):
        """Does what the browser's program wants to be done."""
        if r["do"] == "fill":
            fill(self.scope, self.o.messages, self.table)
            self.table.head("a full store, while more comes")
        elif r["do"] == "quiet":
            self.traffic.close()
            self.table.head("from an empty cache")
        node.stdin.write("done\n")
        node.stdin.flush()

    def browse(self):
        with subprocess.Popen(["node", HERE / "console.mjs"], text=True,
                              env=self.environment(), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as node:
            try:
                for line in node.stdout:
                    r = json.loads(line)
                    if r["what"] == "please":
                        self.answer(r, node)
                    else:
                        self.table.take(r, self.o.why)
            except BaseException:
                node.terminate()
                raise
            node.stdin.close()
            return node.wait()

    def run(self):
        o = self.o
        self.start()
        self.table.head(f"the console at {o.rate:,} messages a second for "
                        f"{o.seconds:g} s, load {os.getloadavg()[0]:.1f}")
        status = self.browse()
        kib = console_kib()
        self.table.row("the whole console, compressed", f"{kib:.0f} KiB",
                       f"<= {KIB} KiB", kib <= KIB)
        print(f"\n{self.table.missed} goals missed, load "
              f"{os.getloadavg()[0]:.1f}", flush=True)
        return status

    def close(self):
        for x in reversed(self.closing):
            x.close()


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seconds", type=float, default=120)
    p.add_argument("--rate", type=int, default=2000)
    p.add_argument("--messages", type=int, default=1000000)
    p.add_argument("--parts", default=",".join(PARTS))
    p.add_argument("--why", action="store_true",
                   help="what the longest tasks did")
    p.add_argument("--tiny", action="store_true")
    o = p.parse_args()
    o.parts = o.parts.split(",")
    if not set(o.parts) <= set(PARTS):
        p.error(f"parts are {', '.join(PARTS)}")
    if o.tiny:
        o.seconds, o.messages = min(o.seconds, 6), min(o.messages, 6000)
    return o


def main():
    o = options()
    if (not shutil.which("node") or not os.path.exists(CHROMIUM) or
            not (ROOT / "ui/node_modules").is_dir()):
        print("console: not measured: needs Node, Chromium and `make ui`")
        return 0
    bench = Bench(o)
    # Ended by somebody, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return bench.run()
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
