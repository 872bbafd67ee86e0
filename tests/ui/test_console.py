"""The console in a browser, over the real programs with the demonstration's
traffic.  The scenarios are in scenarios.mjs; they run in one browser, in
order, and each of them is a test here."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import world

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS = 1500
# A small ring, so that a gap can be made, but one that holds lines of 64 KiB;
# replays must not wait for others.
BODY = "tap { ring 4M }\nreplay { rate 50/s }\n"


def names():
    """The scenarios, by asking what runs them."""
    if not shutil.which("node") or not (ROOT / "ui/node_modules").is_dir():
        return []
    out = subprocess.run(["node", HERE / "console.mjs", "--list"], check=True,
                         stdout=subprocess.PIPE, timeout=60)
    return json.loads(out.stdout)


NAMES = names()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{scenario: None or what was wrong}; the browser runs once."""
    if not NAMES or not os.path.exists(world.CHROMIUM):
        assert not os.environ.get("CI"), "no Node, or no Chromium"
        pytest.skip("needs Node and Chromium")
    w = world.World(BODY, odd=True)
    try:
        yield run(w, tmp_path_factory.mktemp("console"))
    finally:
        w.close()


def run(w, where):
    """What the browser says of the scenarios."""
    lines = [json.loads(x) for x in browse(w.browser(where))]
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
            # It ends Chromium, which ends by itself without it.
            node.terminate()
        try:
            return node.communicate(timeout=30)[0].splitlines()
        except subprocess.TimeoutExpired:
            node.kill()
            return node.communicate()[0].splitlines()


@pytest.mark.parametrize("name", NAMES or ["console"])
def test_console(results, name):
    assert name in results, "it did not come to that"
    assert results[name] is None, results[name]
