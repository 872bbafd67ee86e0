"""Fixtures of the integration tests; the helpers are in hs.py."""
import pytest

import apirig
import cap
import hs
import rig


def pytest_runtest_setup(item):
    """Forgets the programs that ended with the tests before, and gives the
    ports back that these had."""
    hs.started[:] = [p for p in hs.started if p.alive()]
    while hs.kept:
        hs.kept.pop().close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed shows the last lines of each program's log."""
    report = (yield).get_result()
    if report.failed:
        for p in hs.started:
            report.sections.append((f"stderr of {p.argv[0]}, {p.pid}",
                                    "\n".join(list(p.errors)[-60:])))


@pytest.fixture(scope="session")
def build():
    """The directory of what is tested: HS_BUILD, or build/ of this tree."""
    assert hs.BUILD.is_dir(), f"{hs.BUILD}: not built"
    return hs.BUILD


@pytest.fixture
def closing():
    """closing(x) closes x (its .close()) when the test is over."""
    held = []

    def hold(x):
        held.append(x)
        return x

    yield hold
    for x in reversed(held):
        x.close()


@pytest.fixture
def spawn(build, closing):
    """spawn(*argv, **kw): a Proc that is ended when the test is over."""
    return lambda *argv, **kw: closing(hs.Proc(*argv, **kw))


@pytest.fixture
def pool(build, closing):
    """pool(*options): a simulated pool with .host and .port."""
    return lambda *options: closing(hs.Listening(hs.sim("pool"), *options))


@pytest.fixture
def miner(spawn):
    """miner(host, port, *options): simulated miners, a Proc."""
    return lambda host, port, *options: spawn(
        hs.sim("miner"), *options, host, port)


@pytest.fixture
def player(build, closing):
    """player(*options): plays the transcript; wants `connect HOST PORT`."""
    return lambda *options: closing(
        hs.Listening(hs.sim("player"), *options, hs.TRANSCRIPT))


@pytest.fixture
def hashscoped(build, closing):
    """hashscoped(text, *args, **kw): a running rig.Hashscoped."""
    return lambda text, *args, **kw: closing(
        rig.Hashscoped(text, *args, **kw))


@pytest.fixture
def box(build, closing):
    """box(body, inner, pools=, ...): a rig.Box, by default with one pool."""
    def start(body="", inner="", pools=None, **kw):
        if pools is None:
            pools = [rig.Pool()]
        return closing(rig.Box(pools, body, inner, **kw))
    return start


@pytest.fixture
def scope(build, closing):
    """scope(body, pools=, ...): a cap.Scope, by default with one pool."""
    def start(body="", inner="", pools=None, **kw):
        if pools is None:
            pools = [rig.Pool()]
        return closing(cap.Scope(pools, body, inner, **kw))
    return start


@pytest.fixture
def load(closing):
    """load(sessions=, rate=, seed=, pad=): a cap.Load."""
    return lambda **options: closing(cap.Load(**options))


@pytest.fixture
def api(box):
    """A box whose console asks nobody who they are; see apirig."""
    return apirig.opened(box(args=["-v"], env={"API_AUTH": "none"},
                             capture=True))


@pytest.fixture
def limited(box):
    """limited("head 100ms", ...): such a box, with these in its api block."""
    return lambda *limits, **kw: apirig.opened(box(
        "api {\n" + "".join(f"\t{x}\n" for x in limits) + "}\n",
        args=["-v"], env={"API_AUTH": "none"}, capture=True, **kw))
