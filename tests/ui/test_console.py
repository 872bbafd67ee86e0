"""The console in a browser, over the real programs with the demonstration's
traffic.  The scenarios are in scenarios.mjs; they run in one browser, in
order, and each of them is a test here."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import cap  # noqa: E402
import hs  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery"
SECONDS = 400
# A small ring, so that a gap can be made; replays must not wait for others.
BODY = "tap { ring 256K }\nreplay { rate 50/s }\n"


def names():
    """The scenarios, by asking what runs them."""
    if not shutil.which("node") or not (hs.ROOT / "ui/node_modules").is_dir():
        return []
    out = subprocess.run(["node", HERE / "console.mjs", "--list"], check=True,
                         stdout=subprocess.PIPE, timeout=60)
    return json.loads(out.stdout)


NAMES = names()


def start_miners(scope, closing):
    """Those of `make run`: valid, stale, duplicate and low shares."""
    for name, *options in (
            ("rack", "--version-rolling", "1fffe000", "--connections", "2",
             "--rate", "4", "--mix", "valid=10,stale=2,duplicate=2,low=2"),
            ("shed", "--cpuminer-ids", "--rate", "2",
             "--mix", "valid=6,stale=1,job=1")):
        closing.append(hs.Proc(
            hs.sim("miner"), "--worker", f"demo.{name}", "--agent",
            f"demo-{name}/1.0", "--reconnect", "--lenient", *options,
            scope.host, scope.port))


def add_users(scope):
    """One of each role."""
    for role in ("viewer", "operator", "admin"):
        done = subprocess.run(
            [cap.CTL, "user", "add", role, "role", role],
            input=PASSWORD + "\n", capture_output=True, text=True,
            timeout=hs.DEADLINE, env=environment(scope))
        assert done.returncode == 0, done.stderr


def environment(scope):
    """To reach this HashScope."""
    return {**os.environ, "HASHSCOPE_RUN_DIR": str(scope.hsd.run_dir)}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{scenario: None or what was wrong}; the browser runs once."""
    if not NAMES or not os.path.exists(CHROMIUM):
        assert not os.environ.get("CI"), "no Node, or no Chromium"
        pytest.skip("needs Node and Chromium")
    closing = []
    try:
        yield run(closing, tmp_path_factory.mktemp("console"))
    finally:
        for x in reversed(closing):
            x.close()


def run(closing, where):
    """Starts all of it, and the browser."""
    pool = hs.Listening(hs.sim("pool"), "--difficulty", "2e-5",
                        "--job-interval", "2", "--block-interval", "9",
                        "--latency", "3")
    closing.append(pool)
    scope = cap.Scope([f"stratum+tcp://{pool.host}:{pool.port}"], BODY)
    closing.append(scope)
    url = scope.hsd.expect_error(r"the console is at (http://\S+?)/")[1]
    add_users(scope)
    start_miners(scope, closing)
    env = {**environment(scope), "HS_URL": url, "HS_PASSWORD": PASSWORD,
           "HS_CTL": str(cap.CTL), "HS_CHROMIUM": CHROMIUM,
           "HS_MINERS": f"{scope.host} {scope.port}",
           "HS_SLOW": os.environ.get("HS_DEADLINE", "20"),
           "HS_CONF": str(scope.hsd.conf), "HS_WHERE": str(where)}
    lines = [json.loads(x) for x in browse(env)]
    assert lines, "the browser has said nothing"
    return {x["name"]: x["error"] for x in lines}


def browse(env):
    """What the browser's program says; as far as it came, in time."""
    with subprocess.Popen(["node", HERE / "console.mjs"], env=env, text=True,
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as node:
        try:
            return node.communicate(timeout=SECONDS)[0].splitlines()
        except subprocess.TimeoutExpired:
            node.terminate()
            return node.communicate()[0].splitlines()


@pytest.mark.parametrize("name", NAMES or ["console"])
def test_console(results, name):
    assert name in results, "it did not come to that"
    assert results[name] is None, results[name]
