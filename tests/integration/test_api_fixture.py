"""The objects of a running apid have the fields of tests/fixtures/api, against
which the console checks its types."""
import asyncio
import json

import websockets

import apirig
import hs

WHERE = hs.ROOT / "tests" / "fixtures" / "api"
# By what is in them: any name may be there.
OPEN = {"hashrates", "verdicts", "causes", "decoded", "response",
        "explanation", "verification"}


def fixture(name):
    """What the file has."""
    return json.loads((WHERE / f"{name}.json").read_text())


def shape(x):
    """The names of its fields, and of those within."""
    if isinstance(x, dict):
        return {k: None if k in OPEN else shape(v) for k, v in x.items()}
    if isinstance(x, list) and x and isinstance(x[0], dict):
        return [shape(x[0])]
    return None


def same(got, name):
    """Has it the fields of the fixture?  A list that is empty has any."""
    want = shape(fixture(name))
    have = shape(got)
    for k in have.keys() & want.keys():
        if have[k] is None or want[k] is None:
            have[k] = want[k] = None
    assert have == want, name


def talk(b):
    """A session with a job and a share, and its answer."""
    miner, pool = b.pair()
    job = ["6b", "00" * 32, "0100", "ffff", [], "20000000", "1702b000",
           "6b01ef45", True]
    for up, down in (
            ({"id": 1, "method": "mining.subscribe", "params": ["m/1"]},
             {"id": 1, "result": [[], "85000003", 8], "error": None}),
            ({"id": 2, "method": "mining.authorize", "params": ["w.1", "x"]},
             {"id": None, "method": "mining.set_difficulty", "params": [1]}),
            (None, {"id": None, "method": "mining.notify", "params": job}),
            ({"id": 4, "method": "mining.submit", "params":
              ["w.1", "6b", "3b01000000000000", "6b01ef45", "05bc3187"]},
             {"id": 4, "result": None, "error": [23, "Low", None]})):
        if up:
            miner.sendall(json.dumps(up).encode() + b"\n")
            assert pool.recv(4096).endswith(b"\n")
        pool.sendall(json.dumps(down).encode() + b"\n")
        assert miner.recv(4096).endswith(b"\n")


def first(b, path):
    """The first of a list, when there is one."""
    return hs.wait_for(lambda: apirig.get(b, path).json(), path)[0]


def test_objects(api):
    """Each object, asked for by REST."""
    talk(api)
    share = hs.wait_for(lambda: next(iter(apirig.get(
        api, "/api/shares?pool_verdict=rejected").json()), None), "a share")
    one = apirig.get(api, f"/api/shares/{share['id']}").json()
    same(one, "share")
    assert one["verification"].keys() == (
        fixture("share")["verification"].keys())
    same(share, "share-open")
    submit = apirig.get(api, f"/api/messages/{share['id']}").json()
    same(submit, "message")
    assert submit["explanation"].keys() == (
        fixture("message")["explanation"].keys())
    same(first(api, "/api/sessions"), "session")
    same(first(api, "/api/workers"), "worker")
    same(first(api, "/api/jobs"), "job")
    same(first(api, "/api/stats"), "stat")
    same(first(api, "/api/pools"), "api-pool")
    same(first(api, "/api/processes"), "process")
    same(apirig.get(api, "/api/me").json(), "me")
    assert apirig.get(api, "/health").json().keys() == (
        fixture("health").keys())


def test_frames(api):
    """A batch of the feed, as a WebSocket hears it."""
    async def hear():
        url = api.url.replace("http", "ws") + "/api/ws?subscribe"
        async with websockets.connect(url) as ws:
            await ws.send(json.dumps({"subscribe": {"topic": "messages",
                                                    "since": "0"}}))
            await asyncio.get_running_loop().run_in_executor(None, talk, api)
            while True:
                frame = json.loads(await asyncio.wait_for(ws.recv(),
                                                          hs.DEADLINE))
                if frame.get("data"):
                    return frame
    frame = asyncio.run(hear())
    batch = fixture("frames")[0]
    assert frame.keys() == batch.keys() and frame["type"] == "messages"
    assert isinstance(frame["last"], str) and isinstance(frame["first"], str)
    same(frame["data"][0], "message-odd")
