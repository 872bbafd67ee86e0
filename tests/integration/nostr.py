"""A relay of our own with faults on demand, and a judge of its events.

Keys and signatures are BIP-340 as its text describes it, slowly, in Python:
it shares nothing with the programs that it judges.
"""
import asyncio
import base64
import contextlib
import hashlib
import hmac
import http
import json
import os
import ssl
import struct
import threading
import time

import websockets

import hs

# --- BIP-340 ---

P = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def _add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and a[1] != b[1]:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _times(point, n):
    result = None
    while n:
        if n & 1:
            result = _add(result, point)
        point = _add(point, point)
        n >>= 1
    return result


def _hash(tag, data):
    t = hashlib.sha256(tag.encode()).digest()
    return int.from_bytes(hashlib.sha256(t + t + data).digest(), "big")


def _bytes(n):
    return n.to_bytes(32, "big")


def verify(key, message, sig):
    """Is it a signature of the message by the key?  All bytes."""
    x, r = int.from_bytes(key, "big"), int.from_bytes(sig[:32], "big")
    s = int.from_bytes(sig[32:], "big")
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if x >= P or r >= P or s >= ORDER or y * y % P != square:
        return False
    point = (x, y if y % 2 == 0 else P - y)
    e = _hash("BIP0340/challenge", sig[:32] + key + message) % ORDER
    got = _add(_times(G, s), _times(point, ORDER - e))
    return got is not None and got[1] % 2 == 0 and got[0] == r


class Key:
    """A secret key."""

    def __init__(self, secret=None):
        d = int.from_bytes(secret or os.urandom(32), "big") % ORDER
        point = _times(G, d)
        self.d = d if point[1] % 2 == 0 else ORDER - d
        self.secret = d.to_bytes(32, "big")
        self.public = _bytes(point[0])

    def sign(self, message):
        """A signature of these 32 bytes."""
        k = _hash("BIP0340/nonce", _bytes(self.d) + message +
                  os.urandom(32)) % ORDER
        r = _times(G, k)
        k = k if r[1] % 2 == 0 else ORDER - k
        e = _hash("BIP0340/challenge",
                  _bytes(r[0]) + self.public + message) % ORDER
        return _bytes(r[0]) + _bytes((k + e * self.d) % ORDER)

    def event(self, kind, content, tags=(), created_at=None):
        """A signed event."""
        e = {"pubkey": self.public.hex(), "kind": kind, "content": content,
             "tags": [list(t) for t in tags],
             "created_at": int(created_at or time.time())}
        e["id"] = event_id(e).hex()
        e["sig"] = self.sign(bytes.fromhex(e["id"])).hex()
        return e


def event_id(e):
    """The id that an event must have."""
    text = json.dumps([0, e["pubkey"], e["created_at"], e["kind"], e["tags"],
                       e["content"]], separators=(",", ":"),
                      ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def zero_bits(e):
    """That its id begins with."""
    return 256 - int(e["id"], 16).bit_length()


def is_good(e):
    """Id and signature are right."""
    return event_id(e).hex() == e["id"] and verify(
        bytes.fromhex(e["pubkey"]), bytes.fromhex(e["id"]),
        bytes.fromhex(e["sig"]))


def tag(e, name):
    """The values of its tags of that name."""
    return [t[1] for t in e["tags"] if t[0] == name and len(t) > 1]


# --- NIP-44, NIP-17 ---

def _lift(x):
    """The point of that x whose y is even."""
    y = pow((pow(x, 3, P) + 7) % P, (P + 1) // 4, P)
    return x, y if y % 2 == 0 else P - y


def _hmac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def conversation(key, public):
    """NIP-44's conversation key of a Key and a public one."""
    x = _times(_lift(int.from_bytes(public, "big")), key.d)[0]
    return _hmac(b"nip44-v2", _bytes(x))


def _quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8),
                       (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] ^= s[x]
        s[z] = (s[z] << n | s[z] >> (32 - n)) & 0xFFFFFFFF


def chacha20(key, nonce, data):
    """RFC 8439's cipher; the counter begins at 0."""
    out = b""
    for at in range(0, len(data), 64):
        start = [*struct.unpack("<4I", b"expand 32-byte k"),
                 *struct.unpack("<8I", key), at // 64,
                 *struct.unpack("<3I", nonce)]
        s = list(start)
        for _ in range(10):
            for i in range(4):
                _quarter(s, i, 4 + i, 8 + i, 12 + i)
            for i in range(4):
                _quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4,
                         12 + (i + 3) % 4)
        block = struct.pack("<16I", *((a + b) & 0xFFFFFFFF
                                      for a, b in zip(s, start)))
        out += bytes(a ^ b for a, b in zip(data[at:at + 64], block))
    return out


def decrypt(shared, payload):
    """The text of a NIP-44 payload, by its conversation key."""
    raw = base64.b64decode(payload, validate=True)
    assert raw[0] == 2
    nonce, data, mac = raw[1:33], raw[33:-32], raw[-32:]
    keys = last = b""
    for i in (1, 2, 3):
        last = _hmac(shared, last + nonce + bytes([i]))
        keys += last
    assert _hmac(keys[44:76], nonce + data) == mac
    text = chacha20(keys[:32], keys[32:44], data)
    return text[2:2 + int.from_bytes(text[:2], "big")].decode()


def message(key, e):
    """(author, text) of a private message (NIP-17) to this key."""
    assert e["kind"] == 1059 and is_good(e)
    assert tag(e, "p") == [key.public.hex()]
    seal = json.loads(decrypt(
        conversation(key, bytes.fromhex(e["pubkey"])), e["content"]))
    assert seal["kind"] == 13 and seal["tags"] == [] and is_good(seal)
    rumour = json.loads(decrypt(
        conversation(key, bytes.fromhex(seal["pubkey"])), seal["content"]))
    assert rumour["kind"] == 14 and "sig" not in rumour
    assert rumour["pubkey"] == seal["pubkey"] != e["pubkey"]
    assert rumour["id"] == event_id(rumour).hex()
    return rumour["pubkey"], rumour["content"]


# --- shares in events ---

def shares(e):
    """{(session, seq): parameters} of a share event."""
    if e["kind"] == 20781:
        return {}
    c = json.loads(e["content"])
    if c["schema"] == "hashscope.v1":
        return {(c["context"]["session_id"], c["seq"]):
                c["stratum"]["params"]}
    assert c["schema"] == "hashscope.v2"
    got = {}
    for row in c.get("rows", ()):
        f = row.split(",")
        session = c["sessions"][int(f[0])].split(",")[0]
        if f[3].startswith("@"):
            params = json.loads(c["odd"][int(f[3][1:])])
        else:
            params = [c["workers"][int(f[3])], c["jobs"][int(f[4])], *f[5:8]]
            params += [f[8]] if len(f) > 8 and f[8] else []
        got[session, int(f[1])] = params
    return got


def gaps(e):
    """{(session, seq)} that an event says will not come."""
    c = json.loads(e["content"])
    got = set()
    for text in c.get("dropped", ()):
        session, first, last = text.split(",")
        got |= {(session, n) for n in range(int(first), int(last) + 1)}
    return got


# --- the relay ---

class Relay:
    """A relay in a thread.

    answer(relay, event): what to say to an EVENT, a list of frames; None is
    to say nothing; an exception cuts the connection.  By default it accepts.
    """

    def __init__(self, answer=None, tls=None, port=0):
        """tls: (certificate file, key file)."""
        self.answer = answer
        self.greeting = []  # frames for each who connects
        self.events = []    # all that were sent here, accepted or not
        self.stored = {}    # by id, or by address
        self.requests = []  # (subscription, filter)
        self.auths = []
        self.connections = 0
        self.hold = None    # an Event: accepts TCP, and does nothing
        self.document = None  # of NIP-11: bytes; None: there is none
        self.documents = 0  # how often it was asked for
        self.slow = False   # it never comes
        self._clients = {}  # socket: {subscription: filter}
        self.hosts = set()  # what its clients called it
        self._tls = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self.port = port or hs.free_port()
        self._loop = asyncio.new_event_loop()
        self._server = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.start()

    @property
    def url(self):
        """What to configure."""
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}"

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, coroutine):
        """Runs it in the relay's thread."""
        return asyncio.run_coroutine_threadsafe(
            coroutine, self._loop).result(hs.DEADLINE)

    async def _start(self):
        self._server = await websockets.serve(
            self._client, "127.0.0.1", self.port, ssl=self._tls,
            max_size=2**20, ping_interval=None, close_timeout=0.2,
            process_request=self._http)

    async def _http(self, _, headers):
        self.hosts.add(headers["Host"])
        if "Upgrade" in headers:
            return None
        assert headers["Accept"] == "application/nostr+json"
        self.documents += 1
        while self.slow:
            await asyncio.sleep(0.02)
        if self.document is None:
            return http.HTTPStatus.NOT_FOUND, [], b"none here"
        kind = [("Content-Type", "application/nostr+json")]
        return http.HTTPStatus.OK, kind, self.document

    def start(self):
        """Opens its port."""
        self.call(self._start())

    async def _stop(self):
        self._server.close()
        await self._server.wait_closed()

    def stop(self):
        """Closes its port and all connections."""
        if self._server:
            self.call(self._stop())
            self._server = None

    async def _cut(self):
        for ws in list(self._clients):
            ws.transport.abort()

    def cut(self):
        """Breaks all connections."""
        self.call(self._cut())

    @staticmethod
    async def _pass(ws, frame):
        # That he is just leaving is no trouble of who spoke.
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.send(frame if isinstance(frame, str)
                          else json.dumps(frame))

    async def _say(self, frames):
        for ws in list(self._clients):
            for f in frames:
                await self._pass(ws, f)

    def say(self, *frames):
        """Sends these to all who are connected."""
        self.call(self._say(frames))

    async def _client(self, ws, path=None):
        self.connections += 1
        self._clients[ws] = {}
        try:
            for f in self.greeting:
                await ws.send(json.dumps(f))
            async for text in ws:
                await self._frame(ws, json.loads(text))
        except (websockets.ConnectionClosed, ConnectionAbortedError):
            ws.transport.abort()
        finally:
            self._clients.pop(ws, None)

    async def _frame(self, ws, frame):
        if frame[0] == "EVENT":
            await self._event(ws, frame[1])
        elif frame[0] == "REQ":
            sub, wanted = frame[1], frame[2]
            self.requests.append((sub, wanted))
            self._clients[ws][sub] = wanted
            for e in list(self.stored.values()):
                if matches(wanted, e):
                    await ws.send(json.dumps(["EVENT", sub, e]))
            await ws.send(json.dumps(["EOSE", sub]))
        elif frame[0] == "AUTH":
            self.auths.append(frame[1])
            await ws.send(json.dumps(["OK", frame[1]["id"], True, ""]))
        elif frame[0] == "CLOSE":
            self._clients[ws].pop(frame[1], None)

    async def _event(self, ws, e):
        self.events.append(e)
        said = [["OK", e["id"], True, ""]]
        if self.answer:
            said = self.answer(self, e)
        for f in said or ():
            await ws.send(f if isinstance(f, str) else json.dumps(f))
            if f == ["OK", e["id"], True, ""]:
                await self.take(e)

    async def take(self, e):
        """Stores it as NIP-01 says, and passes it on."""
        if e["kind"] >= 30000:
            d = (tag(e, "d") or [""])[0]
            old = self.stored.get((e["kind"], e["pubkey"], d))
            if old and (old["created_at"], e["id"]) > (e["created_at"],
                                                      old["id"]):
                return
            self.stored[e["kind"], e["pubkey"], d] = e
        elif not 20000 <= e["kind"] < 30000:
            self.stored[e["id"]] = e
        for ws, subs in list(self._clients.items()):
            for sub, wanted in list(subs.items()):
                if matches(wanted, e):
                    await self._pass(ws, ["EVENT", sub, e])

    def publish(self, e):
        """Somebody else's event comes in."""
        self.call(self.take(e))

    def accepted(self):
        """Share events, each once, that were answered with OK true."""
        return list({e["id"]: e for e in self.events}.values())

    def shares(self):
        """{(session, seq): parameters} of all that came."""
        got = {}
        for e in list(self.events):
            got.update(shares(e))
        return got

    def close(self):
        """Ends it."""
        self.slow = False
        with contextlib.suppress(Exception):
            self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def matches(wanted, e):
    """NIP-01's filter; of tags only those of one letter are indexed."""
    for name, values in wanted.items():
        if name == "kinds" and e["kind"] not in values:
            return False
        if name == "authors" and e["pubkey"] not in values:
            return False
        if name == "since" and e["created_at"] < values:
            return False
        if name.startswith("#") and len(name) == 2 and not (
                set(tag(e, name[1:])) & set(values)):
            return False
    return True
