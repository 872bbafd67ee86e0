"""Users, tokens, sessions and acts, by hashscopectl and over HTTP: who may do
what, what the audit log says of it, and what it costs others to guess."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import stat
import subprocess
import termios

import pytest
import requests

import hs
import rig

PASSWORD = "correct horse"
FAST = "timers { restart-min 10ms restart-max 50ms }\n"
ROOT = os.getuid() == 0


class Door:
    """A box with a console that wants to know who is there."""

    def __init__(self, b):
        self.box, self.hsd = b, b.hsd
        self.url = self.hsd.expect_error(r"the console is at (http://\S+?)/")[1]
        hs.wait_for(lambda: self.up() == 200, "the API")
        self.line("user", "list")  # auth is there as well

    def up(self):
        """The status of /health, None while nobody answers."""
        try:
            return requests.get(self.url + "/health",
                                timeout=hs.DEADLINE).status_code
        except requests.ConnectionError:
            return None

    def run(self, *words, stdin=""):
        """hashscopectl, finished."""
        return subprocess.run(
            [hs.BUILD / "bin" / "hashscopectl", *map(str, words)],
            input=stdin, capture_output=True, text=True, timeout=hs.DEADLINE,
            env={**os.environ, "HASHSCOPE_RUN_DIR": str(self.hsd.run_dir)})

    def line(self, *words, stdin=""):
        """What it says to people."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def json(self, *words):
        """What it says to programs."""
        return json.loads(self.line("-j", *words))

    def add(self, name, role):
        """A user."""
        assert self.line("user", "add", name, "role", role,
                         stdin=PASSWORD + "\n") == "added"

    def login(self, user="", password=PASSWORD, code=None, status=200):
        """A client that is logged in, or the answer to one that is not."""
        client = Client(self.url)
        body = {"code": code} if code else {"user": user, "password": password}
        reply = client.post("/api/login", json=body)
        assert reply.status_code == status, reply.text
        return client if status == 200 else reply

    def audit(self, *words):
        """The lines of the audit log, oldest first."""
        return self.json("show", "audit", *words)[::-1]

    def acts(self, act):
        """Those of one act."""
        return [x for x in self.audit() if x.get("act") == act]


class Client(requests.Session):
    """Somebody with a browser or a script."""

    def __init__(self, url):
        super().__init__()
        self.base = url

    def request(self, method, url, **kw):
        kw.setdefault("timeout", hs.DEADLINE)
        return super().request(method, self.base + url, **kw)

    def me(self):
        """The status of /api/me, and who that is."""
        reply = self.get("/api/me")
        return reply.status_code, reply.json().get("user")


@pytest.fixture
def door(box):
    """door(body, ...): a Door."""
    def start(body="", **kw):
        kw.setdefault("capture", True)
        return Door(box(FAST + body, args=["-v"], **kw))
    return start


def session_of(d, client):
    """A live session, and the id that the API gives it."""
    pair = d.box.pair()
    d.box.settled(pair)
    live = hs.wait_for(lambda: client.get("/api/sessions").json(), "a session")
    return pair, live[0]["session_id"]


# --- who is it ---

def test_first_steps(door):
    """A URL at the start, which logs in once; then users of one's own."""
    d = door()
    url = d.hsd.expect_error(r"log in once, within ten minutes: (\S+)")[1]
    assert url.startswith(d.url + "/#login=")
    client = d.login(code=url.split("=")[1])
    assert client.me() == (200, f"uid:{os.getuid()}")
    d.login(code=url.split("=")[1], status=401)
    another = d.line("login-url")
    assert another != url
    assert d.login(code=another.split("=")[1]).me()[0] == 200
    d.add("ann", "admin")
    assert d.login("ann").me() == (200, "ann")
    assert client.post("/api/logout").status_code == 200
    assert client.me()[0] == 401
    logins = [x for x in d.audit() if x["event"] == "login"]
    assert [(x["by"], x["status"]) for x in logins] == [
        ("url", 200), ("url", 401), ("url", 200), ("password", 200)]


@pytest.mark.parametrize("manager", ["NOTIFY_SOCKET", "JOURNAL_STREAM"])
def test_a_service_prints_no_secret(door, manager):
    d = door(env={manager: "/nonexistent"})
    d.hsd.wait_log("no user yet: `hashscopectl login-url`")
    assert not d.hsd.log("#login")


def test_without_credentials(door):
    d = door()
    nobody = Client(d.url)
    for path in ("/api/me", "/api/sessions", "/api/messages", "/api/users",
                 "/api/audit", "/metrics"):
        assert nobody.get(path).status_code == 401, path
    assert nobody.post("/api/messages/1/replay").status_code == 401
    for secret in ("", "x", "hst_" + "A" * 43, "A" * 43):
        assert Client(d.url).get("/api/me", headers={
            "Authorization": f"Bearer {secret}"}).status_code == 401


def test_sessions_survive_deaths(door):
    """kill -9 of auth, of password and of apid."""
    d = door()
    d.add("ann", "viewer")
    client = d.login("ann")
    for name in ("auth", "password", "apid"):
        pid = d.hsd.child(name)
        os.kill(pid, signal.SIGKILL)
        d.hsd.wait_log(f"{name} is ready", 2)

        def answered():
            try:
                return client.me() == (200, "ann")
            except requests.ConnectionError:
                return False
        hs.wait_for(answered, f"ann after the death of {name}")
        assert d.hsd.child(name) != pid
    hs.wait_for(lambda: d.hsd.log("password is ready"), "password")
    assert d.login("ann").me() == (200, "ann")


def test_sessions_end(door):
    d = door("console { session idle 4s }")
    d.add("ann", "viewer")
    client = d.login("ann")
    assert client.me()[0] == 200
    hs.wait_for(lambda: Client(d.url).get("/api/me", cookies=client.cookies
                                          ).status_code == 401, "an end")


def test_users_and_tokens(door):
    d = door()
    d.add("ann", "operator")
    client = d.login("ann")
    assert client.get("/api/me").json()["role"] == "operator"
    assert d.run("user", "add", "ann", "role", "viewer", stdin=PASSWORD
                 ).returncode == 1
    assert d.run("user", "add", "bob", "role", "viewer", stdin="short"
                 ).returncode == 1
    assert d.line("user", "role", "ann", "viewer") == "viewer"
    hs.wait_for(lambda: client.get("/api/me").json()["role"] == "viewer",
                "another role")
    user, = d.json("user", "list")
    assert (user["name"], user["role"], user["sessions"]) == (
        "ann", "viewer", 1)
    assert d.line("user", "password", "ann", stdin="another pass") == "changed"
    hs.wait_for(lambda: client.me()[0] == 401, "the end of old sessions")
    d.login("ann", status=401)
    d.login("ann", "another pass")
    assert d.line("user", "remove", "ann") == "removed"
    d.login("ann", "another pass", status=401)
    assert d.json("user", "list") == []

    token = d.line("token", "create", "graf", "role", "viewer",
                   "expires", "30d")
    assert re.fullmatch(r"hst_[\w-]{43}", token)
    script = Client(d.url)
    script.headers["Authorization"] = f"Bearer {token}"
    assert script.me() == (200, "graf")
    row, = d.json("token", "list")
    assert row["name"] == "graf" and row["last_used"] and row["expires"]
    assert d.line("token", "revoke", row["id"]) == "revoked"
    hs.wait_for(lambda: script.me()[0] == 401, "the end of the token")
    said = "".join(p.read_text() for p in files(d, "auth", "audit"))
    for secret in (PASSWORD, "another pass", token):
        assert secret not in said and not d.hsd.log(re.escape(secret))


class Terminal:
    """hashscopectl on a terminal of its own."""

    def __init__(self, d, *words):
        self.fd, slave = pty.openpty()
        self.said = ""
        self.popen = subprocess.Popen(
            [hs.BUILD / "bin" / "hashscopectl", *words], stdin=slave,
            stdout=slave, stderr=slave, start_new_session=True,
            # A shell that put us into the background had it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, "HASHSCOPE_RUN_DIR": str(d.hsd.run_dir)})
        self.slave = slave

    def echoes(self):
        """Does it show what is typed?"""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def expect(self, text):
        """Waits until it has said so."""
        def read():
            if select.select([self.fd], [], [], 0)[0]:
                self.said += os.read(self.fd, 4096).decode()
            return text in self.said
        hs.wait_for(read, repr(text))

    def type(self, text):
        """Types, once nothing is shown any more."""
        hs.wait_for(lambda: not self.echoes(), "no echo")
        os.write(self.fd, text.encode())

    def wait(self):
        """Its end: the exit status."""
        status = self.popen.wait(hs.DEADLINE)
        assert self.echoes()
        return status

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.fd)
        os.close(self.slave)


def test_a_password_on_the_terminal(door, closing):
    """Twice, unseen; a signal leaves the terminal as it was."""
    d = door()
    words = ("user", "add", "ann", "role", "admin")
    t = closing(Terminal(d, *words))
    t.expect("password: ")
    t.type(PASSWORD + "\n")
    t.expect("again: ")
    t.type(PASSWORD + "\n")
    t.expect("added")
    assert t.wait() == 0 and PASSWORD not in t.said
    t = closing(Terminal(d, "user", "password", "ann"))
    t.expect("password: ")
    t.type(PASSWORD + "\n")
    t.expect("again: ")
    t.type("something else\n")
    t.expect("not the same")
    assert t.wait() == 1
    t = closing(Terminal(d, "user", "password", "ann"))
    t.expect("password: ")
    hs.wait_for(lambda: not t.echoes(), "no echo")
    t.popen.send_signal(signal.SIGINT)
    assert t.wait() == -signal.SIGINT
    assert d.login("ann").me() == (200, "ann")


def files(d, *names):
    """The files of these directories of the state."""
    return [p for name in names
            for p in sorted((d.hsd.state_dir / name).iterdir())]


@pytest.mark.parametrize("user", [None, pytest.param(
    rig.NOBODY, marks=pytest.mark.skipif(not ROOT, reason="we are one"))])
def test_places(door, user):
    """Each file and directory is one process's alone."""
    d = door(user=user)
    d.add("ann", "admin")
    d.login("ann")
    d.line("token", "create", "graf", "role", "viewer")
    assert {p.name for p in files(d, "auth")} == {
        "users", "tokens", "sessions"}
    assert {p.name for p in files(d, "audit")} == {"audit.jsonl"}
    owner = rig.proc_status(d.hsd.child("auth"))["Uid"].split()[0]
    for p in files(d, "auth", "audit"):
        assert stat.S_IMODE(p.stat().st_mode) == 0o600, p
        assert stat.S_IMODE(p.parent.stat().st_mode) == 0o700, p
    if ROOT and user is None:
        assert {str(p.stat().st_uid) for p in files(d, "auth")} == {owner}
        assert {p.stat().st_uid for p in files(d, "audit")} == {0}


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_a_directory_of_somebody_else(door):
    """What captured could have put there is not taken."""
    d = door()
    d.hsd.stop()
    where = d.hsd.state_dir / "auth"
    os.chown(where, where.parent.stat().st_uid, 0)
    again = rig.Hashscoped(None, "-f", d.hsd.conf, where=d.hsd.dir)
    try:
        again.wait_log("auth: nobody can log in: Operation not permitted")
        d.box.hsd = d.hsd = again
        done = d.run("reload")
        assert done.returncode == 1 and "auth is not running" in done.stderr
        d.box.settled(d.box.pair())
    finally:
        again.close()


def test_a_file_mended_by_hand(door):
    d = door()
    d.add("ann", "viewer")
    users = d.hsd.state_dir / "auth" / "users"
    text = users.read_text()
    users.write_text(text + "user bob\n")
    assert d.line("reload") == "reloaded"
    d.hsd.wait_log("auth/users: line 3 is not understood")
    d.login("ann", status=401)
    done = d.run("user", "add", "bob", "role", "viewer", stdin=PASSWORD)
    assert done.returncode == 1 and "line 3" in done.stderr
    users.write_text(text.replace(" viewer ", " admin "))
    assert d.line("reload") == "reloaded"
    assert d.login("ann").get("/api/me").json()["role"] == "admin"


# --- acting ---

def test_who_may_act(door):
    d = door()
    for role in ("viewer", "operator", "admin"):
        d.add(role, role)
    viewer, operator, admin = map(d.login, ("viewer", "operator", "admin"))
    pair, sid = session_of(d, viewer)
    reply = viewer.post(f"/api/sessions/{sid}/disconnect")
    assert reply.status_code == 403 and "operator" in reply.json()["detail"]
    d.box.settled(pair)
    assert operator.get("/api/users").status_code == 403
    assert admin.get("/api/users").status_code == 200
    reply = operator.post(f"/api/sessions/{sid}/disconnect")
    assert reply.status_code == 200, reply.text
    assert rig.recv_end(pair[0])[0] == b""
    refused, asked, done = d.acts("disconnect")
    assert (refused["event"], refused["who"], refused["role"],
            refused["session_id"], refused["status"]) == (
        "refused", "viewer", "viewer", sid, 403)
    assert (asked["event"], asked["who"], asked["by"], asked["session_id"]
            ) == ("asked", "operator", "cookie", sid)
    assert (done["event"], done["of"], done["status"]) == (
        "done", asked["n"], 200)
    assert re.match(r"127\.0\.0\.1:\d+$", asked["peer"])


def test_refused_acts_are_bounded(door):
    """A viewer who tries a thousand times leaves twenty lines and a count;
    strangers' failures use up none of them, nor does looking."""
    d = door()
    d.add("v", "viewer")
    d.add("a", "admin")
    viewer, admin = d.login("v"), d.login("a")
    with requests.Session() as s:
        for _ in range(60):
            s.post(d.url + "/api/login", json={"user": "no", "password": "x"},
                   timeout=hs.DEADLINE)
    assert viewer.get("/api/users").status_code == 403
    assert not [x for x in d.audit("last", 1000) if x["event"] == "refused"]
    for path, body in (
            ("/api/users", {"name": "x", "role": "admin", "password": "y"}),
            ("/api/messages/1/replay", {}), ("/api/replay/stop", {}),
            ("/api/agents/stop", {"agent_id": "a-1"}),
            ("/api/sessions/none/repeat-count", {"repeat_count": 0})):
        reply = viewer.post(path, json=body)
        assert reply.status_code == 403, reply.text
    refused = [x for x in d.audit("last", 1000) if x["event"] == "refused"]
    assert [x["act"] for x in refused] == [
        "user-add", "replay", "replay-stop", "agents-stop"]
    assert {(x["who"], x["role"], x["status"]) for x in refused} == {
        ("v", "viewer", 403)}
    assert "password" not in json.dumps(refused)
    for _ in range(995):
        assert viewer.post("/api/replay/stop").status_code == 403
    refused = [x for x in d.audit("last", 1000) if x["event"] == "refused"]
    assert len(refused) < 40
    metrics = admin.get("/metrics").text
    assert 'hashscope_api_forbidden_total{reason="role"} 1001\n' in metrics


def test_requests_of_nobody_are_counted(door):
    """A wrong Host, a foreign Origin, a form: no line each, but a count, and
    one in the log of each with what it was."""
    d = door()
    d.add("a", "admin")
    before = len(d.audit("last", 1000))
    for headers in ({"Host": "evil.example"},
                    {"Origin": "http://evil.example"},
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Content-Type": "text/plain"}):
        for _ in range(50):
            assert requests.post(d.url + "/api/replay/stop", data=b"{}",
                                 headers=headers, timeout=hs.DEADLINE
                                 ).status_code == 403, headers
    assert len(d.audit("last", 1000)) == before
    metrics = d.login("a").get("/metrics").text
    for reason, n in (("host", 50), ("origin", 50), ("form", 100)):
        assert ("hashscope_api_forbidden_total"
                f'{{reason="{reason}"}} {n}\n') in metrics
    assert len(d.hsd.wait_log(
        r'refused a request from 127\.0\.0\.1:\d+ for its host '
        r'"evil\.example"')) == 1
    assert len(d.hsd.wait_log("refused a request from", 3)) == 3


def test_hashscopectl_is_audited(door):
    d = door()
    pair = d.box.pair()
    d.box.settled(pair)
    d.line("log", "verbose")
    d.line("reload")
    sid = hs.wait_for(lambda: d.json("show", "sessions"), "a session")[0][
        "session_id"]
    d.line("disconnect", sid)
    d.line("drain", 0)
    lines = d.audit()
    assert [x["n"] for x in lines] == list(range(1, len(lines) + 1))
    assert [x["act"] for x in lines if x["event"] == "asked"] == [
        "log-level", "reload", "disconnect", "drain"]
    assert [x["status"] for x in lines if x["event"] == "done"] == [200] * 4
    assert {(x["who"], x["by"]) for x in lines} == {
        (f"uid:{os.getuid()}", "uid")}
    # What fails is there as well.
    d.hsd.configure("nonsense\n")
    assert d.run("reload").returncode == 1
    assert d.audit()[-1]["status"] == 409
    assert "nonsense" in d.audit()[-1]["detail"]


def test_an_act_while_auth_is_away(door):
    """It waits for the next one, and is done once."""
    d = door()
    auth = d.hsd.child("auth")
    with rig.stopped(d.hsd.pid):
        os.kill(auth, signal.SIGKILL)
        hs.wait_for(lambda: rig.gone(auth), "the end of auth")
        act = rig.Worker(d.line, "log", "brief")
    assert act.result() == "brief"
    assert len(d.acts("log-level")) == 2


def test_log_is_rotated(door):
    """By size, a bounded number, numbered through; read through all."""
    d = door("audit { size 4K files 3 }")
    for _ in range(40):
        assert d.hsd.ctl().act("LOG_LEVEL", n=1)[0] == 200
    hs.wait_for(lambda: len(files(d, "audit")) == 3, "three files")
    for _ in range(40):
        assert d.hsd.ctl().act("LOG_LEVEL", n=1)[0] == 200
    names = [p.name for p in files(d, "audit")]
    assert names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(p.stat().st_size < 8192 for p in files(d, "audit"))
    numbers = [x["n"] for x in d.audit()]
    assert numbers == list(range(numbers[0], 161))
    assert len(d.audit("last", 5)) == 5
    whole = [json.loads(x) for p in files(d, "audit")[::-1]
             for x in p.read_text().splitlines()]
    assert [x["n"] for x in whole] == numbers
    os.kill(d.hsd.child("auth"), signal.SIGKILL)
    d.hsd.wait_log("auth is ready", 2)
    assert d.hsd.ctl().act("LOG_LEVEL", n=0)[0] == 200
    assert d.audit()[-1]["n"] == 162


def may_mount():
    """Can we have a mount namespace of our own?"""
    return ROOT and subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"],
        stderr=subprocess.DEVNULL).returncode == 0


def test_nothing_is_done_on_a_full_disk(door, tmp_path):
    """Nothing that is not written down; who looks may look on."""
    if not may_mount():
        pytest.skip("may not mount a tmpfs")
    for p in (tmp_path, *tmp_path.parents[:2]):
        p.chmod(0o755)
    d = door(capture=False, env={
        "HASHSCOPE_STATE_DIR": str(tmp_path / "state")}, prefix=(
        "unshare", "-m", "--propagation", "private", "sh", "-c",
        'mount -t tmpfs -o size=16m,mode=755 none "$0" && exec "$@"',
        str(tmp_path)))
    d.add("ann", "admin")
    client = d.login("ann")
    pair = d.box.pair()
    disk = pathlib.Path(f"/proc/{d.hsd.pid}/root{tmp_path}")
    with open(disk / "fill", "wb", buffering=0) as f:
        with pytest.raises(OSError):
            while True:
                f.write(bytes(4096))
    # What is left of the last page of the log.
    hs.wait_for(lambda: d.run("log", "brief").returncode == 1, "a refusal")
    done = d.run("drain", 0)
    assert done.returncode == 1
    assert "audit log cannot be written: No space left" in done.stderr
    assert d.run("user", "remove", "ann").returncode == 1
    assert client.me() == (200, "ann")
    d.box.settled(pair)
    assert d.login("ann").me() == (200, "ann")
    (disk / "fill").unlink()
    assert d.line("user", "remove", "ann") == "removed"
    lines = d.audit()
    assert [x["n"] for x in lines] == list(range(1, len(lines) + 1))
    asked = {x["n"] for x in lines if x["event"] == "asked"}
    assert {x["of"] for x in lines if x["event"] == "done"} == asked


# --- guessing ---

def cpu_ticks(pid):
    """User and system time of a process."""
    return sum(map(int, rig.proc_file(pid, "stat").rsplit(")", 1)[1]
                   .split()[11:13]))


def test_a_thousand_wrong_passwords(door):
    """Few are looked at; whoever is logged in is served meanwhile."""
    d = door()
    d.add("ann", "admin")
    ann = d.login("ann")
    watched = [d.hsd.child("auth"), d.hsd.child("password")]
    before = [cpu_ticks(pid) for pid in watched]

    def guess(n):
        with Client(d.url) as bad:
            return [bad.post("/api/login", json={
                "user": "ann" if i % 2 else f"user{i}",
                "password": f"guess {i}"}).status_code for i in range(n)]
    workers = [rig.Worker(guess, 250) for _ in range(4)]
    served = 0
    while any(w.is_alive() for w in workers):
        assert ann.me() == (200, "ann")
        served += 1
    got = [status for w in workers for status in w.result()]
    assert len(got) == 1000 and set(got) <= {401, 429}
    assert got.count(401) <= 20
    assert served > 20
    spent = [cpu_ticks(pid) - x for pid, x in zip(watched, before)]
    hz = os.sysconf("SC_CLK_TCK")
    assert rig.SANITIZED or spent[1] < 4 * hz, spent
    # She is known where she is, and was not locked out by others' guesses.
    fails = [x for x in d.audit() if x["event"] == "login"
             and x["status"] == 401]
    assert 0 < len(fails) <= 21
    # But not where they guess: one more, should its time be over just now.
    def knock():
        with Client(d.url) as c:
            guess(1)
            reply = c.post("/api/login", json={
                "user": "ann", "password": PASSWORD})
        return reply.status_code == 429 and [reply]
    [reply] = hs.wait_for(knock, "a door that is shut")
    assert int(reply.headers["Retry-After"]) > 0


# --- without ---

def test_auth_none(door):
    d = door(env={"API_AUTH": "none"})
    anybody = Client(d.url)
    assert anybody.get("/api/me").json()["role"] == "admin"
    pair, sid = session_of(d, anybody)
    assert anybody.post(f"/api/sessions/{sid}/disconnect").status_code == 200
    assert rig.recv_end(pair[0])[0] == b""
    assert {(x["who"], x["by"]) for x in d.acts("disconnect")} == {
        ("anybody", "open")}
    assert not d.hsd.log("#login")


def test_auth_none_beyond_loopback_is_refused(build, tmp_path):
    conf = tmp_path / "hashscope.conf"
    conf.write_text("console { listen on * port 8000  auth none }\n")
    done = subprocess.run([build / "bin" / "hashscoped", "-n", "-f", conf],
                          capture_output=True, text=True, timeout=hs.DEADLINE)
    assert done.returncode == 1
    assert f"{conf}:1: the console on 0.0.0.0:8000 would let in" in done.stderr
    assert "127.0.0.1" in done.stderr
