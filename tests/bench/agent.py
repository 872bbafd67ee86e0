#!/usr/bin/python3
"""Two agents that mine, each at a simulated pool of its own, on one host:
submits a second sustained, verdicts, and the latency that an agent reports
beside the pool's own clock.  The pool waits 20 to 60 ms, evenly spread, before
it answers.  Printed beside the goals; nothing here fails for being slow.

    agent.py [--seconds S] [--rate N]"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HS_BUILD", ROOT / "build"))
AGENTS = 2
# Whom the agents would believe; nobody publishes here.
KEY = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"


def listening(*argv):
    """A simulator, and its port."""
    p = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE,
                         stdin=subprocess.PIPE, text=True)
    for line in p.stdout:
        if line.startswith("listening"):
            return p, line.split()[2]
    sys.exit(f"{argv[0]} did not start")


def end(p, deadline=20):
    p.terminate()
    try:
        p.wait(deadline)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()


def run(place, seconds, rate):
    """The reports of the agents, and what their pools' clocks say in ms."""
    # Whatever happens, all of them end.
    with contextlib.ExitStack() as ends:
        relay, port = listening(BUILD / "sim/relay")
        ends.callback(end, relay)
        agents = ends.enter_context(contextlib.ExitStack())
        for i in range(AGENTS):
            pool, at = listening(
                BUILD / "sim/pool", "--difficulty", "1e-6", "--latency", 20,
                "--latency-spread", 40, "--latency-log", place / f"clock-{i}",
                "--job-interval", 10, "--block-interval", 15,
                "--seed", i + 1)
            ends.callback(end, pool)
            conf = place / f"agent-{i}.conf"
            conf.write_text(
                f'mode mine\npool "stratum+tcp://127.0.0.1:{at}"\n'
                f'relay "ws://127.0.0.1:{port}"\nauthorized yes\n'
                f'run "bench"\ntrust "{KEY}"\nworker "bench"\n'
                f'id "a-{i}"\nrate {rate}/s\nreport "{place}/report-{i}"\n')
            agents.callback(end, subprocess.Popen(
                [BUILD / "bin/hashscope-agent", "-f", conf],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(seconds)
        agents.close()
    return [(json.loads((place / f"report-{i}").read_text()),
             sorted(int(x) / 1000 for x in
                    (place / f"clock-{i}").read_text().split()[3:]))
            for i in range(AGENTS)]


def show(name, figure, goal, good):
    print(f"  {name:32} {figure:>36}   {goal:>14}  {'' if good else 'missed'}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    o = parser.parse_args()
    # Ended by somebody, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"{AGENTS} agents in mine mode, difficulty 1e-6, {o.rate} submits/s "
          f"each, {o.seconds:g} s, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as d:
        got = run(pathlib.Path(d), o.seconds, o.rate)
    for i, (r, clock) in enumerate(got):
        made = r["made"]
        rate = r["submitted"] / r["seconds"]
        print(f" agent {i + 1}")
        show("submits a second", f"{rate:.0f}", f">= {o.rate * 0.99:.0f}",
             rate >= 0.99 * o.rate)
        v = made["valid"]
        lost = v["submitted"] - v["accepted"] - r["late"]
        show("valid ones", f"{v['submitted']}, {v['accepted']} accepted, "
             f"{r['late']} late", "all accepted",
             lost <= r["submitted"] - r["accepted"] - r["rejected"])
        wrong = sum(k["wrong"] for k in made.values())
        faults = r["submitted"] - v["submitted"]
        show("faults", f"{faults}, {wrong} judged wrongly", "0 wrongly",
             wrong == 0)
        for part in (50, 90, 99):
            pool = clock[min(len(clock) - 1, len(clock) * part // 100)]
            ours = r[f"latency_p{part}_ms"]
            off = 100 * (ours / pool - 1)
            show(f"latency p{part}, agent and pool",
                 f"{ours:.2f} ms, {pool:.2f} ms, {off:+.1f} %", "within 5 %",
                 abs(off) <= 5)


if __name__ == "__main__":
    main()
