"""`make run`: the whole circle, as a newcomer sees it."""
import os
import pathlib
import re
import shutil
import tempfile

import hs
import pytest
import requests


@pytest.fixture
def place():
    """A directory that other accounts reach as well."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="hs-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_circle(place, spawn):
    """Demo miners, HashScope, a local relay, two agents, another pool, and
    telemetry of both in the API; all of it ends with one signal."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("POOL_", "NOSTR_", "AGENT_"))}
    ports = {"LISTEN_PORT": hs.free_port(), "API_PORT": hs.free_port()}
    run = spawn("bash", hs.ROOT / "etc" / "run.sh", env={
        **env, **{k: str(v) for k, v in ports.items()}, "API_AUTH": "none",
        "HASHSCOPE_RUN_DIR": str(place), "LISTEN_HOST": "127.0.0.1",
        "HS_BUILD": str(hs.BUILD)})
    run.expect(r"console +(http://\S+)", 3 * hs.DEADLINE)
    run.expect(r"agents +demo-agent-1 demo-agent-2")
    url = f"http://127.0.0.1:{ports['API_PORT']}/api/agents"

    def told():
        got = requests.get(url, timeout=hs.DEADLINE).json()
        return len(got) == 2 and all(
            a["stats"]["submits_accepted_total"] >= 5 and a["verified"] and
            a["stats"]["submits_rejected_total"] == 0 for a in got) and got
    agents = hs.wait_for(told, "telemetry of both", 3 * hs.DEADLINE)
    assert {a["agent_id"] for a in agents} == {"demo-agent-1", "demo-agent-2"}
    pool = next(re.search(r"their pool +127\.0\.0\.1:(\d+)", x)
                for x in run.lines if "their pool" in x)
    assert {a["pool_target"]["port"] for a in agents} == {int(pool[1])}
    stop = requests.post(f"{url}/stop", timeout=hs.DEADLINE)
    assert stop.status_code == 200, stop.text
    hs.wait_for(lambda: [a["stopped"] for a in requests.get(
        url, timeout=hs.DEADLINE).json()] == [True, True], "both stopped")
    assert run.stop() == 0
