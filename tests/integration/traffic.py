"""Load with a model: miners and their pool in one process of its own.

    traffic.py [--sessions N] [--rate BYTES/S] [--seed S] [--pad BYTES]

prints `listening HOST PORT` for the pool, reads `connect HOST PORT`, and then
talks until it reads `stop`: submits one way, answers and jobs the other, cut
anywhere but at the ends of lines.  `rate N` changes the speed.  At the end
one line of JSON says what was sent and whether all of it arrived; a test
makes the very lines again with up_lines() and down_lines().
"""
import argparse
import json
import random
import selectors
import socket
import sys
import time

TICK = 0.004
# Bytes on their way in a session, so that no more than some 200 submits wait
# for their answers at any time: HashScope follows up to 256.
ON_WAY = 6000
FILL = "".join(random.Random(1).choices("0123456789abcdef", k=20000))


def number(seed, s, i):
    """Something that looks like chance and is the same again."""
    return (seed * 1000003 + s * 8191 + i * 2654435761 >> 3) % 1000003


def up_line(seed, s, i, pad=0):
    """The i-th submit of session s; every second miner has but one id."""
    n = number(seed, s, i)
    return ('{"id": %d, "method": "mining.submit", "params": ["w%d.%d", "%x",'
            ' "%s"]}' % (4 if s % 2 else i, seed, s, i,
                         FILL[n % 2000:n % 2000 + n % 120 + pad])).encode()


def job_line(seed, i):
    """A job, the same for all."""
    n = number(seed, 0, i)
    return ('{"id": null, "method": "mining.notify", "params": ["%x", "%s"]}'
            % (i, FILL[n % 1000:n % 1000 + 300 + n % 700])).encode()


def down_of(seed, s, i):
    """What the pool says when the i-th submit has come."""
    lines = [job_line(seed, i)] if i % 8 == 0 else []
    lines.append(b'{"id": %d, "result": true, "error": null}'
                 % (4 if s % 2 else i))
    return lines


def up_lines(seed, s, n, pad=0):
    """All of a miner's lines, without their ends."""
    return [up_line(seed, s, i, pad) for i in range(n)]


def down_lines(seed, s, n):
    """All of the pool's lines to it."""
    return [x for i in range(n) for x in down_of(seed, s, i)]


class End:
    """One socket: what is to be sent, what must arrive."""

    def __init__(self, sock, session, is_miner):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.session, self.is_miner = sock, session, is_miner
        self.out, self.want = bytearray(), bytearray()
        self.fin_sent = self.fin_seen = False


class Session:
    """A miner and the pool's end."""

    def __init__(self, number, miner, pool):
        self.number, self.lines, self.taken = number, 0, 0
        self.port = miner.getsockname()[1]
        self.miner, self.pool = End(miner, self, True), End(pool, self, False)
        self.bytes = [0, 0]

    def on_way(self):
        """Bytes of submits sent and not received, and of their answers."""
        return (len(self.pool.want) - len(self.miner.out) +
                len(self.miner.want))


class Traffic:
    """All of it."""

    def __init__(self, args):
        self.args, self.rng = args, random.Random(args.seed)
        self.sel = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.sessions, self.turn = [], 0
        self.on_way = max(ON_WAY, 40 * args.pad)
        self.stopping = False
        self.error = None

    def connect(self, host, port):
        """One after the other, so that the ends find each other."""
        for i in range(self.args.sessions):
            miner = socket.create_connection((host, int(port)), 20)
            self.listener.settimeout(20)
            pool, _ = self.listener.accept()
            s = Session(i, miner, pool)
            self.sessions.append(s)
            for end in (s.miner, s.pool):
                self.sel.register(end.sock, selectors.EVENT_READ, end)

    def send(self, end, n):
        """Up to n bytes of what waits."""
        if not end.out or n <= 0:
            return 0
        try:
            n = end.sock.send(memoryview(end.out)[:n])
        except BlockingIOError:
            return 0
        del end.out[:n]
        end.session.bytes[not end.is_miner] += n
        return n

    def speak(self, s, n):
        """n more bytes of a miner; whole lines are made, parts are sent."""
        while len(s.miner.out) < n and not self.stopping:
            line = up_line(self.args.seed, s.number, s.lines,
                           self.args.pad) + b"\n"
            s.miner.out += line
            s.pool.want += line
            s.lines += 1
        return self.send(s.miner, n)

    def tick(self, budget):
        """Everybody's turn comes, until the budget is used up."""
        mean = max(200, int(budget / max(1, len(self.sessions))))
        for _ in self.sessions:
            if budget <= 0 and not self.stopping:
                break
            s = self.sessions[self.turn % len(self.sessions)]
            self.turn += 1
            n = self.rng.randint(1, 2 * mean) if not self.stopping else 65536
            if self.stopping or s.on_way() < self.on_way:
                budget -= self.speak(s, min(n, self.on_way))
            budget -= self.send(s.pool, self.rng.randint(1, 2 * mean)
                                if not self.stopping else 65536)
        return budget

    def answer(self, s, data):
        """The pool answers each line that came."""
        for _ in range(data.count(b"\n")):
            for line in down_of(self.args.seed, s.number, s.taken):
                s.pool.out += line + b"\n"
                s.miner.want += line + b"\n"
            s.taken += 1

    def receive(self, end):
        """What comes must be what is wanted."""
        data = end.sock.recv(65536)
        if not data:
            end.fin_seen = True
            self.sel.unregister(end.sock)
            if not self.stopping or end.want:
                raise AssertionError(f"session {end.session.number} ended")
            return
        if end.want[:len(data)] != data:
            raise AssertionError(f"session {end.session.number}: other bytes")
        del end.want[:len(data)]
        if not end.is_miner:
            self.answer(end.session, data)

    def finish(self):
        """FINs, once all has arrived; true when all have closed."""
        done = True
        for s in self.sessions:
            if not (s.miner.out or s.pool.out or s.miner.want or s.pool.want):
                for end, may in ((s.miner, True), (s.pool, s.pool.fin_seen)):
                    if may and not end.fin_sent:
                        end.sock.shutdown(socket.SHUT_WR)
                        end.fin_sent = True
            done &= s.miner.fin_seen and s.pool.fin_seen
        return done

    def command(self):
        """A line of stdin."""
        words = sys.stdin.readline().split()
        if words and words[0] == "rate":
            self.args.rate = float(words[1])
            print("ok", flush=True)
        else:
            self.stopping = True

    def run(self):
        """Until stopped."""
        self.sel.register(sys.stdin, selectors.EVENT_READ, None)
        budget, last = 0.0, time.monotonic()
        while not (self.stopping and self.finish()):
            for key, _ in self.sel.select(TICK):
                if key.data is None:
                    self.sel.unregister(sys.stdin)
                    self.command()
                    if not self.stopping:
                        self.sel.register(sys.stdin, selectors.EVENT_READ)
                else:
                    self.receive(key.data)
            now = time.monotonic()
            if now - last >= TICK or self.stopping:
                # What was missed while others had the processor is not
                # made up for in one burst.
                budget = min(budget, 0) + self.args.rate * min(now - last, 0.1)
                last = now
                budget = self.tick(budget)

    def summary(self, seconds):
        """For the test."""
        return json.dumps({
            "ok": self.error is None, "error": self.error,
            "seconds": seconds, "seed": self.args.seed, "pad": self.args.pad,
            "sessions": [{"number": s.number, "port": s.port, "lines": s.lines,
                          "bytes": s.bytes} for s in self.sessions]})


def main():
    """See above."""
    p = argparse.ArgumentParser()
    p.add_argument("--sessions", type=int, default=8)
    p.add_argument("--rate", type=float, default=500000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--pad", type=int, default=0)
    t = Traffic(p.parse_args())
    print("listening %s %d" % t.listener.getsockname(), flush=True)
    _, host, port = sys.stdin.readline().split()
    began = time.monotonic()
    try:
        t.connect(host, port)
        print("connected", flush=True)
        began = time.monotonic()
        t.run()
    except (AssertionError, OSError) as e:
        t.error = str(e) or repr(e)
    print(t.summary(time.monotonic() - began), flush=True)
    return t.error is not None


if __name__ == "__main__":
    sys.exit(main())
