"""Exports: the same messages as JSON lines, CSV and packets."""
import collections
import csv
import io
import json
import shutil
import subprocess

import pytest

import hs
import rig
from apirig import get

LINES = [b'{"id":%d,"method":"mining.submit","params":["w","=1+1",%d]}\n'
         % (n, n) for n in range(400)]
FIRST = [b'{"id":1,"method":"mining.subscribe","params":[]}\n',
         b'{"id":2,"method":"mining.configure","params":[["x"]]}\r\n']


@pytest.fixture
def full(api):
    """With two sessions, of which one has said much."""
    a, b = api.pair(), api.pair()
    a[0].sendall(b"".join(FIRST + LINES))
    a[1].sendall(b'{"id":null,"method":"mining.set_difficulty",'
                 b'"params":[7]}\n')
    b[0].sendall(b"\xff\xfe nonsense, \"quoted\"\n")
    hs.wait_for(lambda: len(export(api)) == len(LINES) + 4, "all of it")
    return api


def raw(b, **params):
    reply = get(b, "/api/export", params=params)
    assert reply.status_code == 200
    return reply.content


def export(b, **params):
    return [json.loads(x) for x in
            raw(b, format="jsonl", **params).splitlines()]


def test_lines_are_the_messages(full):
    rows = export(full)
    pages, before = [], None
    while True:
        page = get(full, "/api/messages", params={
            "responses": 1, "limit": 150, "before": before or ""}).json()
        pages += page
        if not page:
            break
        before = page[-1]["id"]
    mine = {m["id"]: (m["raw"], m["session_id"]) for m in pages}
    assert [r["id"] for r in rows] == sorted(mine, key=int)
    assert all((r["raw"], r["session_id"]) == mine[r["id"]] for r in rows)
    ctl = full.run_ctl("export", json_out=False)
    assert ctl.returncode == 0, ctl.stderr
    assert ctl.stdout == raw(full, format="jsonl")


def test_a_part_opens_with_its_context(full):
    every = export(full)
    session = every[0]["session_id"]
    after = [r["id"] for r in every if r["session_id"] == session][300]
    rows = export(full, after=after, session_id=session)
    context = [r for r in rows if r.get("context")]
    assert rows[:len(context)] == context
    assert {r["method"] for r in context} >= {
        "mining.subscribe", "mining.configure"}
    assert all(int(r["id"]) <= int(after) for r in context)
    assert all(int(r["id"]) > int(after) for r in rows[len(context):])


def test_csv(full):
    rows = list(csv.DictReader(io.StringIO(
        raw(full, format="csv").decode(), newline="")))
    by_id = {m["id"]: m for m in export(full)}
    assert len(rows) == len(by_id)
    for row in rows:
        m = by_id[row["id"]]
        # What begins like a formula has an apostrophe before it.
        assert row["raw"] == m["raw"] and row["raw_encoding"] == (
            m["raw_encoding"])
        assert row["size_bytes"] == str(m["size_bytes"])
        assert row["method"] == (m["method"] or "")


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_packets_have_the_same_bytes(full, tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(raw(full, format="pcapng"))
    out = subprocess.run(
        ["tshark", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o",
         "ip.check_checksum:TRUE", "-T", "fields", "-e", "tcp.stream", "-e",
         "tcp.srcport", "-e", "tcp.payload", "-e", "tcp.checksum.status", "-e",
         "ip.checksum.status", "-e", "tcp.analysis.lost_segment"],
        check=True, timeout=60, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    streams = collections.defaultdict(bytes)
    for line in out.stdout.splitlines():
        stream, port, payload, tcp, ip, lost = line.split("\t")
        assert (tcp, ip, lost) == ("1", "1", ""), line
        streams[stream, port] += bytes.fromhex(payload)
    assert b"".join(FIRST + LINES) in streams.values()
    assert b"\xff\xfe nonsense, \"quoted\"\n" in streams.values()


def test_who_does_not_read_holds_up_nobody(full):
    """And is cut off only after a while; memory stays where it is."""
    slow = [rig.connect("127.0.0.1", int(full.url.rsplit(":", 1)[1]),
                        rcvbuf=2048) for _ in range(20)]
    for s in slow:
        s.sendall(b"GET /api/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
    before = rig.proc_rss(full.hsd.child("apid"))
    for _ in range(5):
        assert len(export(full)) == len(LINES) + 4
    after = rig.proc_rss(full.hsd.child("apid"))
    assert rig.SANITIZED or after - before < 64 << 20
    for s in slow:
        s.close()
