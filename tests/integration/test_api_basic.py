"""The API as it answers to anybody: every route of its own description."""
import jsonschema
import pytest
import requests

import hs
import rig
from apirig import get

FORMATS = jsonschema.FormatChecker()


def schema_of(doc, operation, status):
    answer = operation["responses"].get(
        str(status), operation["responses"]["default"])
    content = answer["content"].get("application/json")
    return content and {**content["schema"], "components": doc["components"]}


def check(doc, operation, reply):
    """The answer is as the description says."""
    schema = schema_of(doc, operation, reply.status_code)
    if schema:
        jsonschema.Draft202012Validator(
            schema, format_checker=FORMATS).validate(reply.json())


def fill(path, ids):
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    return path


def test_every_route_answers_as_described(api):
    miner, pool = api.pair()
    miner.sendall(b'{"id":1,"method":"mining.subscribe","params":["x"]}\n')
    rig.recv_exact(pool, 10)
    pool.sendall(b'{"id":1,"result":[[],"aa",4],"error":null}\n')
    hs.wait_for(lambda: get(api, "/api/messages").json(), "a message")
    doc = get(api, "/openapi.json").json()
    ids = {"session_id": get(api, "/api/sessions").json()[0]["session_id"],
           "message_id": get(api, "/api/messages").json()[0]["id"],
           "share_id": "1", "job_id": "1", "agent_id": "a", "name": "n"}
    seen = 0
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            if (method, path) == ("post", "/api/sessions/{session_id}"
                                          "/disconnect"):
                continue
            reply = requests.request(
                method, api.url + fill(path, ids), json={} if
                method == "post" else None, timeout=hs.DEADLINE)
            # 501, 500 and a closed connection are nobody's answer.
            assert reply.status_code in (
                200, 400, 401, 404, 409, 422, 503), (method, path, reply.text)
            check(doc, operation, reply)
            seen += 1
    assert seen > 30
    reply = get(api, "/api/messages", params={"limit": 0})
    assert reply.status_code == 422 and "limit" in reply.json()["detail"]
    assert requests.put(api.url + "/api/me", timeout=hs.DEADLINE
                        ).status_code == 405


def test_a_foreign_name_and_origin_are_refused(api):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"},
                    {"Origin": "null"}):
        assert get(api, "/api/sessions", headers=headers).status_code == 403
    port = api.url.rsplit(":", 1)[1]
    for host in ("localhost", "127.0.0.1", "[::1]"):
        headers = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}"}
        assert get(api, "/api/sessions", headers=headers).status_code == 200


@pytest.mark.parametrize("head", [
    b"POST /api/logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n",
    b"POST /api/logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
    b"Content-Length: 4\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET / HTTP/1.1\nHost: localhost\n\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n",
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00",
])
def test_a_head_that_two_could_read_differently(api, head):
    """A clear answer and the end, and others do not notice."""
    s = rig.connect("127.0.0.1", int(api.url.rsplit(":", 1)[1]))
    s.sendall(head)
    answer, _ = hs.recv_all(s)
    s.close()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505")), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert get(api, "/health").status_code == 200


def test_statistics(api):
    miner, pool = api.pair()
    miner.sendall(b'{"id":1,"method":"mining.subscribe","params":["x/1"]}\n'
                  b'{"id":2,"method":"mining.authorize","params":["w","x"]}\n')
    rig.recv_exact(pool, 110)
    hs.wait_for(lambda: get(api, "/api/stats").json(), "statistics")
    [every] = get(api, "/api/stats").json()
    assert every["messages"] == {"miner_to_pool": 2, "pool_to_miner": 0}
    assert every["name"] is None and set(every["hashrates"]) == {
        "1m", "10m", "1h", "24h"}
    names = {x["name"] for x in get(
        api, "/api/stats", params={"by": "worker"}).json()}
    assert names == {"", "w"}
    [one] = get(api, "/api/stats", params={
        "by": "user_agent", "name": "x/1", "step": 60, "since": 0}).json()
    assert one["by"] == "user_agent" and one["name"] == "x/1"
    assert one["hashrates"] == {} and one["ts"].endswith(":00.000000Z")
    assert get(api, "/api/stats", params={"step": 90}).status_code == 422
    assert get(api, "/api/stats", params={"by": "moon"}).status_code == 422
