"""The configuration as the operator meets it: errors, checks, no start."""
import os
import pathlib
import socket
import subprocess
import tempfile

import pytest

import hs
import rig

PROGRAM = hs.BUILD / "bin" / "hashscoped"
ROOT = os.getuid() == 0
GOOD = """
site "north"
listen on 127.0.0.1 port 3333 {
	pool "stratum+tcp://pool.example:3333"
	pool "backup.example"
	proxy from 10.0.0.0/8 fd00::/8
}
listen on * port 3334 { pool 192.0.2.1:1 }
capture { messages 1000000  per-session 100000  age 30d  size 2G }
console { listen on 127.0.0.1 port 8000 }
watch { payout "bc1q…"  silent 10m  rejects 5% }
nostr { relay "wss://relay.example"  run "north-1"  format batch
	broadcast default off  trust "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg" }
replay { worker "test.1"  password "hush"  rate 100/s }
timers { keepalive 5s 5s 3  idle 1h  half-close 90s }
limits { sessions 0  per-address 50  session-buffer 1M }
log json
log verbose
"""

# A file, and what is said of it: the line and a part of the message.
BAD = """site ""
listen on 127.0.0.1 port 99999 {
	pool "stratum+ssl://pool.example:3333"
	pool
	proxy from 10.0.0.1/8
}
listen on 127.0.0.1 port 3333
listen on 127.0.0.1 port 3333
capture { messages many  age 5 }
limits { sessions 1  sessions 2 }
nonsense 5
timers { keepalive 1500ms 10s 6 }
log loud
site "
include "no-such-file"
listen on 127.0.0.1 port 1 { pool [::1 }
timers {
"""
WRONG = [
    (1, "site: must not be empty"), (2, '"99999"'), (3, '"stratum+ssl"'),
    (4, "a pool was expected"), (5, '"10.0.0.1/8"'), (8, "is there already"),
    (9, '"many"'), (9, '"5"'), (10, "set twice"), (11, '"nonsense"'),
    (12, '"1500ms"'), (13, '"loud"'), (14, ""), (15, ""), (16, '"[::1"'),
    (17, ""),
]


def run(*args, env=None, **kw):
    """hashscoped to its end: (exit status, stdout, lines of stderr)."""
    clean = {k: v for k, v in os.environ.items() if not rig.FOREIGN.match(k)}
    done = subprocess.run(
        [PROGRAM, *args], env={**clean, **(env or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=hs.DEADLINE,
        stdin=subprocess.DEVNULL, **kw)
    return done.returncode, done.stdout, done.stderr.splitlines()


def write(path, text, mode=0o644):
    """A file of this mode, whatever the umask."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_every_error_in_one_go(tmp_path):
    """As file:line: message, exit 1, and nothing is started."""
    conf = write(tmp_path / "bad.conf", BAD)
    env = {"HASHSCOPE_RUN_DIR": str(tmp_path / "run"),
           "HASHSCOPE_STATE_DIR": str(tmp_path / "state")}
    for args in (["-n"], ["-nn"], ["-d"]):
        status, out, errors = run(*args, "-f", conf, env=env)
        assert (status, out) == (1, "")
        places = [int(x[len(str(conf)) + 1:].split(":")[0]) for x in errors]
        assert places == sorted(places), errors
        assert set(places) == {line for line, _ in WRONG}, errors
        for line, part in WRONG:
            assert any(x.startswith(f"{conf}:{line}: ") and part in x
                       for x in errors), (line, part, errors)
    assert sorted(os.listdir(tmp_path)) == ["bad.conf"]


def test_errors_of_an_included_file_name_it(tmp_path):
    write(tmp_path / "more.conf", "\n\nsite a b\n")
    conf = write(tmp_path / "main.conf",
                 'include "more.conf"\nnonsense\ninclude "main.conf"\n')
    status, _, errors = run("-n", "-f", conf)
    assert status == 1
    assert any(x.startswith(f"{tmp_path}/more.conf:3: ") for x in errors)
    assert any(x.startswith(f"{conf}:2: ") for x in errors)
    assert any("main.conf:3: " in x for x in errors)


@pytest.mark.parametrize("name,value", [
    ("POOL_PORT", "0"), ("POOL_PORT", "3333x"), ("LISTEN_PORT", "-1"),
    ("POOL_HOST", "stratum+ssl://pool.example"), ("POOL_HOST", "a b"),
    ("LISTEN_HOST", "300.1.2.3"), ("CAPTURE_MAX_MESSAGES", "1e6"),
    ("NOSTR_SK", "nsec1nonsense"), ("NOSTR_ENABLED", "maybe"),
    ("API_PORT", "http")])
def test_errors_of_the_environment_name_the_variable(name, value):
    status, out, errors = run("-n", env={name: value})
    assert (status, out, len(errors)) == (1, "", 1)
    assert errors[0].startswith(f"{name}: ")
    assert name != "NOSTR_SK" or value not in errors[0]


def test_errors_of_file_and_environment_together(tmp_path):
    conf = write(tmp_path / "bad.conf", "nonsense\n")
    status, _, errors = run("-n", "-f", conf,
                            env={"POOL_PORT": "x", "LISTEN_PORT": "y"})
    assert status == 1 and len(errors) == 3


def test_an_empty_variable_counts_as_unset(tmp_path):
    conf = write(tmp_path / "good.conf", GOOD)
    names = ("POOL_HOST", "POOL_PORT", "LISTEN_HOST", "LISTEN_PORT",
             "API_HOST", "NOSTR_SK", "HASHSCOPE_RUN_DIR", "RUN_ID")
    assert run("-nn", "-f", conf) == run(
        "-nn", "-f", conf, env={name: "" for name in names})


def test_canonical_form_parses_back_to_itself(tmp_path):
    conf = write(tmp_path / "good.conf", GOOD)
    assert run("-n", "-f", conf) == (0, "", [])
    status, once, errors = run("-nn", "-f", conf)
    assert (status, errors) == (0, [])
    for part in ('pool "stratum+tcp://backup.example:3333"', "idle 1h",
                 "half-close 90s",
                 'site "north"', "log json", "log verbose", "per-address 50"):
        assert part in once
    again = write(tmp_path / "canonical.conf", once)
    assert run("-nn", "-f", again) == (0, once, [])


def test_canonical_form_of_the_environment(tmp_path):
    """What is in force, but for the secret key."""
    secret = "5" * 64
    status, out, errors = run("-nn", env={
        "POOL_HOST": "stratum+tcp://pool.example:1234", "NOSTR_SK": secret,
        "LISTEN_HOST": "::1", "LISTEN_PORT": "4444", "RUN_ID": "r1"})
    assert (status, errors) == (0, [])
    assert "listen on ::1 port 4444" in out
    assert 'pool "stratum+tcp://pool.example:1234"' in out
    assert 'run "r1"' in out and secret not in out
    conf = write(tmp_path / "canonical.conf", out)
    assert run("-nn", "-f", conf) == (0, out, [])


def test_no_file_is_an_error_only_when_it_was_asked_for(tmp_path):
    missing = tmp_path / "none.conf"
    status, _, errors = run("-n", "-f", missing)
    assert status == 1 and errors == [f"{missing}: No such file or directory"]
    if not pathlib.Path("/etc/hashscope/hashscope.conf").exists():
        assert run("-n") == (0, "", [])


def test_files_that_are_none(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o644)
    sock = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(sock))
    for path in (fifo, tmp_path, "/dev/null", sock):
        status, _, errors = run("-n", "-f", path)
        assert status == 1 and len(errors) == 1, path
        assert errors[0].startswith(f"{path}: ")


@pytest.mark.skipif(not ROOT, reason="needs root")
@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize("mode,owner,good", [
    (0o644, 0, True), (0o600, 0, True), (0o664, 0, False), (0o646, 0, False),
    (0o644, rig.NOBODY, False)])
def test_root_trusts_only_its_own_files(tmp_path, included, mode, owner, good):
    main = path = write(tmp_path / "a.conf", "site x\n", mode)
    os.chown(path, owner, 0)
    if included:
        main = write(tmp_path / "main.conf", 'include "a.conf"\n')
    status, _, errors = run("-n", "-f", main)
    assert (status == 0) == good, errors
    if not good:
        assert "writable by" in errors[0] or "not owned by root" in errors[0]
        assert "a.conf" in errors[0] or "main.conf:1: " in errors[0]


@pytest.fixture
def open_dir():
    """A directory that everybody may look into."""
    with tempfile.TemporaryDirectory(prefix="hs-") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


def test_who_is_not_root_may_use_any_file_and_reads_only_his(open_dir):
    conf = write(open_dir / "a.conf", "site x\n", 0o666)
    program = open_dir / "hashscoped"
    program.write_bytes(PROGRAM.read_bytes())
    program.chmod(0o755)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    words = [*(other if ROOT else []), program, "-n", "-f", conf]
    assert subprocess.run(words, timeout=hs.DEADLINE).returncode == 0
    conf.chmod(0)
    done = subprocess.run(words, timeout=hs.DEADLINE, text=True,
                          stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == f"{conf}: Permission denied\n"


def test_usage():
    for args in (["-x"], ["-d", "more"], ["-f"]):
        status, out, errors = run(*args)
        assert (status, out) == (2, "") and errors, args
    status, out, errors = run("-V")
    assert (status, errors) == (0, [])
    assert out == f"hashscoped {(hs.ROOT / 'VERSION').read_text().strip()}\n"
    status, out, _ = run("--help")
    assert status == 0 and out.startswith("usage: hashscoped ")


def test_port_that_is_taken(tmp_path):
    """Each is named with its place, and nothing is left behind."""
    with socket.socket() as a, socket.socket() as b:
        for s in (a, b):
            s.bind((rig.HOST, 0))
            s.listen()
        ports = [s.getsockname()[1] for s in (a, b)]
        conf = write(tmp_path / "a.conf", "\n".join(
            f"listen on 127.0.0.1 port {p}" for p in ports))
        status, _, errors = run("-d", "-f", conf, env={
            "HASHSCOPE_RUN_DIR": str(tmp_path / "run"),
            "HASHSCOPE_STATE_DIR": str(tmp_path / "state")})
    assert status == 1
    assert errors == [
        f"{conf}:{i + 1}: cannot listen on 127.0.0.1:{p}: "
        "Address already in use" for i, p in enumerate(ports)]
    assert os.listdir(tmp_path) == ["a.conf"]


@pytest.mark.parametrize("which", ["RUN", "STATE"])
def test_directory_that_cannot_be(tmp_path, which):
    """It says which, and how it is named."""
    blocker = write(tmp_path / "file", "")
    env = {"HASHSCOPE_RUN_DIR": str(tmp_path / "run"),
           "HASHSCOPE_STATE_DIR": str(tmp_path / "state"),
           "LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(hs.free_port())}
    env[f"HASHSCOPE_{which}_DIR"] = str(blocker / "x")
    status, _, errors = run("-d", env=env)
    assert status == 1
    assert str(blocker / "x") in errors[-1]
    assert f"HASHSCOPE_{which}_DIR" in errors[-1]


@pytest.mark.parametrize("user", [None, rig.NOBODY])
def test_runs_with_no_file_at_all(hashscoped, closing, user):
    """Only by the variables, as root and as an ordinary user."""
    if user is not None and not ROOT:
        pytest.skip("needs root")
    if pathlib.Path("/etc/hashscope/hashscope.conf").exists():
        pytest.skip("there is a configuration")
    pool = closing(rig.Pool())
    port = hs.free_port()
    hashscoped(None, user=user, env={
        "POOL_HOST": rig.HOST, "POOL_PORT": str(pool.port),
        "LISTEN_HOST": rig.HOST, "LISTEN_PORT": str(port)})
    with rig.connect(rig.HOST, port) as miner, pool.accept() as conn:
        miner.sendall(b"hello\n")
        assert rig.recv_exact(conn, 6) == b"hello\n"
        conn.sendall(b"hi\n")
        assert rig.recv_exact(miner, 3) == b"hi\n"


def test_variables_override_the_file(hashscoped, closing):
    """The original's, as where the original ran."""
    pool, wrong = closing(rig.Pool()), closing(rig.Pool())
    ports = [hs.free_port(), hs.free_port()]
    h = hashscoped(rig.settings([(rig.HOST, ports[0], [wrong.url])]), env={
        "POOL_HOST": pool.url, "POOL_PORT": "1",
        "LISTEN_PORT": str(ports[1])})
    with rig.connect(rig.HOST, ports[1]) as miner, pool.accept() as conn:
        miner.sendall(b"x")
        assert rig.recv_exact(conn, 1) == b"x"
    with pytest.raises(ConnectionRefusedError):
        rig.connect(rig.HOST, ports[0])
    assert h.alive()
