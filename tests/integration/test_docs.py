"""The documents say what the programs do: PROTOCOL.md and the list of
messages, the manuals and the options, the README and the words of
hashscopectl, relayd(8) and the reasons in its source."""
import re
import subprocess

import pytest

import hs

ROLES = {
    "R_SUP": "supervisor", "R_CONTROL": "control", "R_RESOLVER": "resolver",
    "R_RELAY": "relayd", "R_CAPTURE": "captured", "R_QUERY": "query",
    "R_AUTH": "auth", "R_API": "apid", "R_REPLAY": "replay",
    "R_NOSTR": "nostrd", "R_SIGNER": "signer",
    "R_PASSWORD": "password",
    "R_CTL": "hashscopectl", "R_CHILD": "each child",
    "R_VIEWER": "each viewer"}


def text(name):
    return (hs.ROOT / name).read_text()


def roles(mask):
    return {ROLES[word.strip()] for word in mask.split("|")}


def size(expression, defines):
    """Bytes of the list's fourth column."""
    m = re.fullmatch(r"MSG_KIB\((\d+)\)", expression)
    if m:
        return int(m[1]) * 1024
    if expression in defines:
        return size(defines[expression], defines)
    return int(expression)


def listed():
    """{name: (from, to, size, fds)} of MSG_LIST in common/msg.h."""
    source = text("common/msg.h")
    defines = dict(re.findall(r"#define (MSG_\w+)\s+(MSG_KIB\(\d+\))", source))
    start = source.index("#define MSG_LIST(X)")
    body = source[start:source.index("/* clang-format on */", start)]
    body = body.replace("\\\n", " ")
    found = re.findall(
        r"X\(\s*(\w+),\s*([\w| ]+?),\s*([\w| ]+?),\s*([\w()]+?),\s*(\d)\s*\)",
        body)
    assert len(found) == len(re.findall(r"\bX\(\s*[A-Z_]+,", body))
    return {name: (roles(sender), roles(to), size(most, defines), int(fds))
            for name, sender, to, most, fds in found}


def described():
    """The same, of the tables of doc/PROTOCOL.md."""
    rows = {}
    for line in text("doc/PROTOCOL.md").splitlines():
        m = re.match(r"\| `([A-Z_]+)` \|", line)
        if not m:
            continue
        cells = [c.strip() for c in line.strip("|").split("|")]
        assert len(cells) == 6, line
        assert m[1] not in rows, f"{m[1]} twice"
        assert cells[5], f"{m[1]}: what is in it?"
        rows[m[1]] = (set(cells[1].split(", ")), set(cells[2].split(", ")),
                      int(cells[3]), int(cells[4]))
    return rows


def test_protocol_describes_every_message():
    assert len(listed()) > 40
    assert described() == listed()


def options_in_usage(program):
    """The letters in `usage: NAME [-abc] [-f file]`, over all its lines."""
    done = subprocess.run([hs.BUILD / "bin" / program, "-?"],
                          timeout=hs.DEADLINE, capture_output=True, text=True)
    said = done.stderr + done.stdout
    usage = [x for x in said.splitlines() if program in x and "-" in x]
    return set("".join(re.findall(r"(?<=[\[ ])-(\w+)", "\n".join(usage))))


def options_in_manual(page):
    source = text(page)
    start = source.index(".Sh SYNOPSIS")
    synopsis = source[start:source.index(".Sh DESCRIPTION")]
    listed = set(re.findall(r"^\.It Fl (\w)", source, re.M))
    brief = set("".join(re.findall(r"\bFl (\w+)", synopsis)))
    return listed, brief


@pytest.mark.parametrize("program", ["hashscoped", "hashscopectl"])
def test_manual_and_usage_agree_on_options(build, program):
    usage = options_in_usage(program)
    items, synopsis = options_in_manual(f"man/{program}.8")
    assert usage and usage == items == synopsis


def test_readme_uses_real_options_and_words(build):
    """Each command line in the README is one that the programs know."""
    readme = text("README.md")
    known = {p: options_in_usage(p) for p in ("hashscoped", "hashscopectl")}
    for program, letters in re.findall(
            r"(hashscoped|hashscopectl)\s+-(\w+)", readme):
        assert set(letters) <= known[program], f"{program} -{letters}"
    words = subprocess.run(
        [build / "bin/hashscopectl", "help"], check=True, timeout=hs.DEADLINE,
        stdout=subprocess.PIPE, text=True).stdout
    told = set(re.findall(r"^  ([\w-]+) ", words, re.M))
    assert told >= {"show", "monitor"}
    used = set(re.findall(r"hashscopectl (?:-j )?([a-z-]+)", readme))
    assert used and used <= told | {"help"}


@pytest.mark.parametrize("page", sorted(
    p.name for p in (hs.ROOT / "man").glob("*.[578]")))
def test_manual_refers_to_manuals_that_exist(page):
    ours = {p.name for p in (hs.ROOT / "man").glob("*.[578]")}
    for name, section in re.findall(r"^\.Xr (\S+) (\d)", text(f"man/{page}"),
                                    re.M):
        if re.match(r"hashscope|relayd|captured", name):
            assert f"{name}.{section}" in ours


def test_reasons_are_in_the_manual():
    """A reason in the source of relayd is one that relayd(8) explains."""
    source = "".join(p.read_text() for p in (hs.ROOT / "relayd").glob("*.c"))
    used = set(re.findall(
        r'session_(?:end|finish)\(\s*[\w.>-]+,\s*"(\w+)"', source))
    used |= set(re.findall(r'relay_finish_all\(\w+, "(\w+)"\)', source))
    told = set(re.findall(r"^\.It Sy (\w+)$", text("man/relayd.8"), re.M))
    assert {"no_pool", "limit", "drained"} <= used
    assert used <= told
    # Made of a side and what happened, and what captured itself writes.
    assert told - used == {
        f"{side}_{what}" for side in ("miner", "pool")
        for what in ("closed", "reset", "timeout")} - used | {"relay_ended"}


def test_example_is_the_manual_of_defaults(build, tmp_path):
    """The example parses, and its statements are in hashscope.conf(5)."""
    conf = tmp_path / "hashscope.conf"
    conf.write_text(text("etc/hashscope.conf.example"))
    conf.chmod(0o600)  # a checkout may be writable by its group
    done = subprocess.run(
        [build / "bin/hashscoped", "-n", "-f", conf],
        capture_output=True, text=True, timeout=hs.DEADLINE, env={})
    assert (done.returncode, done.stderr) == (0, "")
    manual = text("man/hashscope.conf.5")
    for line in text("etc/hashscope.conf.example").splitlines():
        m = re.match(r"\s*#?([a-z][a-z-]+) (?=[\"{a-z0-9])", line)
        if m and not line.startswith("# "):
            assert re.search(rf"^\.I[ct] (Ic )?{m[1]}\b", manual, re.M), m[1]


def test_service_variables_are_documented():
    """What the README and the unit tell of the environment is in a manual."""
    manuals = text("man/hashscope.conf.5") + text("man/hashscoped.8")
    for name in set(re.findall(
            r"\b((?:POOL|LISTEN|CAPTURE|HASHSCOPE)_[A-Z_]+)\b",
            text("README.md") + text("etc/hashscope.service"))):
        assert name in manuals, name
