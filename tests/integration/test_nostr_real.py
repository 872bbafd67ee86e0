"""A relay and judges that share no code with HashScope (tests/judges)."""
import json
import shutil
import subprocess

import pytest

import hs
import nostr
import test_agent
import test_nostr

SOURCE = hs.ROOT / "tests" / "judges"
WHERE = hs.BUILD / "judges"

agent = test_agent.agent
takes_all = test_agent.takes_all


@pytest.fixture(scope="module")
def judges():
    """Their directory, with what they need installed by the lock file."""
    if shutil.which("npm") is None:
        pytest.skip("no npm")
    WHERE.mkdir(exist_ok=True)
    done = WHERE / "node_modules" / ".package-lock.json"
    lock = SOURCE / "package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        for f in SOURCE.iterdir():
            shutil.copy(f, WHERE)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"],
                       cwd=WHERE, check=True, timeout=20 * hs.DEADLINE)
        done.touch()
    for f in SOURCE.glob("*.mjs"):
        shutil.copy(f, WHERE)
    return WHERE


@pytest.fixture
def real(judges, closing):
    """A running @nostr-relay; .url is set."""
    r = closing(hs.Listening("node", judges / "relay.mjs"))
    r.url = f"ws://{r.host}:{r.port}"
    r.requests = [True]
    return r


def judge(judges, events):
    """What nostr-tools and rust-nostr say of these events."""
    done = subprocess.run(
        ["node", judges / "judge.mjs"], input="\n".join(
            json.dumps(e, ensure_ascii=False) for e in events),
        stdout=subprocess.PIPE, check=True, text=True,
        timeout=5 * hs.DEADLINE)
    return json.loads(done.stdout)


def listen(judges, spawn, real):
    """A subscriber of the run; .events() is what came."""
    p = spawn("node", judges / "listen.mjs", real.url,
              json.dumps({"#t": [f"hashscope:{test_nostr.RUN}"]}))
    p.expect("^ready$")
    p.events = lambda: [json.loads(x) for x in list(p.lines)
                        if x.startswith("{")]
    return p


@pytest.mark.parametrize("form,number", [("batch", 300), ("compat", 60)])
def test_judges(scope, judges, real, spawn, closing, form, number):
    """All shares of fifty sessions arrive, and both judges find every event
    right."""
    ear = listen(judges, spawn, real)
    sc = scope(test_nostr.settings(real.url, format=form))
    miners = [closing(test_nostr.Miner(sc, f"wörker \"{i}\" \\ \x7f"))
              for i in range(50)]
    for i in range(number):
        miners[i % 50].submit()

    def came():
        got = {}
        for e in ear.events():
            got.update(nostr.shares(e))
        return len(got) >= number and got
    got = hs.wait_for(came, "shares")
    assert sorted(map(json.dumps, got.values())) == sorted(
        json.dumps(p) for m in miners for p in m.sent)
    events = ear.events()
    said = judge(judges, events)
    assert said == {"tools": len(events), "rust": len(events), "bad": []}


def test_nip44(judges):
    """Encryption as nostr-tools has it, both ways, in every length."""
    done = subprocess.run(
        ["node", judges / "nip44.mjs", WHERE / "nip44", "150"], check=True,
        stdout=subprocess.PIPE, text=True, timeout=5 * hs.DEADLINE)
    assert json.loads(done.stdout) == {
        "encrypted": 150, "decrypted": 150, "refused": 150, "bad": []}


def test_alert(scope, judges, real, spawn, closing):
    """An alert comes by a real relay, and nostr-tools opens it."""
    boss = nostr.Key()
    ear = spawn("node", judges / "listen.mjs", real.url,
                json.dumps({"#p": [boss.public.hex()]}))
    ear.expect("^ready$")
    sc = scope(test_nostr.settings(real.url, **{
        "alerts to": f'"{boss.public.hex()}"'}) +
        'watch { user "alice" }\n')
    closing(test_nostr.Miner(sc, "mallory.1"))
    wrap = hs.wait_for(lambda: [x for x in list(ear.lines)
                                if x.startswith("{")], "a message")[0]
    done = subprocess.run(
        ["node", judges / "message.mjs", boss.secret.hex()], input=wrap,
        stdout=subprocess.PIPE, check=True, text=True,
        timeout=5 * hs.DEADLINE)
    said = json.loads(done.stdout)
    assert said["good"] and said["kind"] == 14
    assert "\ncritical: unknown_user, pool " in said["text"]
    assert ", worker mallory: " in said["text"]
    assert judge(judges, [json.loads(wrap)]) == {
        "tools": 1, "rust": 1, "bad": []}


def test_circle(scope, judges, real, spawn, agent, takes_all, closing):
    """Miners, HashScope, a real relay, three agents, another pool."""
    pool, keys = takes_all(), [nostr.Key() for _ in range(3)]
    trust = '" "'.join(k.public.hex() for k in keys)
    sc = scope(test_nostr.settings(real.url, trust=f'"{trust}"'))
    npub = sc.npub()

    class Publisher:
        public = type("", (), {"hex": staticmethod(lambda: npub)})
    ear = listen(judges, spawn, real)
    for i, k in enumerate(keys):
        path = sc.hsd.dir / f"agent-{i}.key"
        path.write_text(k.secret.hex())
        path.chmod(0o600)
        agent(pool, Publisher, real, name=f"a-{i}", more=f'key "{path}"\n')
    # Each has subscribed once its telemetry has come round.
    hs.wait_for(lambda: len(sc.ctl("show", "agents")) == 3, "three agents")
    m = closing(test_nostr.Miner(sc))
    m.submit(100)
    hs.wait_for(lambda: len(pool.submits) == 300, "submits")
    assert sorted(pool.submits) == sorted(
        3 * [["own", *p[1:]] for p in m.sent])
    hs.wait_for(lambda: [a["stats"]["submits_accepted_total"] for a in
                         sc.ctl("show", "agents")] == [100] * 3, "telemetry")
    events = ear.events()
    assert {e["kind"] for e in events} == {20780, 30079}
    assert judge(judges, events)["bad"] == []
