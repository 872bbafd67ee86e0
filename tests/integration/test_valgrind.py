"""All processes under valgrind, with traffic, garbage, a death and a reload.

valgrind counts among the calls of the process that it watches, so the
sandboxes only log here; hence an ordinary user, as root may not ask for that.
"""
import os
import pathlib
import re
import shutil
import tempfile

import pytest

import hs
import rig

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind"),
    pytest.mark.skipif("san" in str(hs.BUILD), reason="not with sanitizers"),
]
PATIENCE = 120


@pytest.fixture
def logs():
    """A directory where every user may write."""
    with tempfile.TemporaryDirectory(prefix="hs-valgrind-") as d:
        os.chmod(d, 0o1777)
        yield pathlib.Path(d)


def test_no_errors(closing, logs):
    user = rig.NOBODY if os.getuid() == 0 else None
    pool = closing(hs.Listening(hs.sim("pool"), "--port", "0"))
    port = hs.free_port()
    box = closing(rig.Hashscoped(
        f'listen on 127.0.0.1 port {port} '
        f'{{ pool "stratum+tcp://localhost:{pool.port}" }}\n',
        user=user, ready=False, env={"HASHSCOPE_SANDBOX": "log"},
        prefix=("valgrind", "-q", "--trace-children=yes", "--leak-check=full",
                "--show-leak-kinds=definite", f"--log-file={logs}/%p")))
    box.expect_error("point miners to", PATIENCE)

    def mine(shares):
        miner = closing(hs.Proc(
            hs.sim("miner"), "--shares", str(shares), "--rate", "5",
            "--connections", "4", "--lenient", "127.0.0.1", str(port)))
        assert miner.wait(PATIENCE) == 0
        assert miner.json()["answers"] == shares

    mine(20)
    with rig.connect(rig.HOST, port) as garbage:
        garbage.sendall(os.urandom(200_000))
    old = box.child("captured")
    os.kill(old, 9)
    hs.wait_for(lambda: box.children().get("captured", old) != old,
                "another captured", PATIENCE)
    mine(8)
    os.kill(box.pid, 1)
    box.expect_error("reloaded", PATIENCE)
    assert box.stop(deadline=PATIENCE) == 0
    said = {f.name: f.read_text() for f in logs.iterdir()}
    assert len(said) >= 7
    # It does not know Landlock's and seccomp's calls, and says so.
    known = re.compile(r"^(--\d+-- .*|==\d+== *)\n", re.M)
    wrong = {k: v for k, v in said.items() if known.sub("", v).strip()}
    assert not wrong, "\n".join(wrong.values())
