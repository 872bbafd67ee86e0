"""What is measured: each target is started in front of the same pool, says
which processes it consists of, and is ended by process id.

A target that cannot be started raises Unavailable with the reason."""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import time

# Outside the range of ports that outgoing connections take.
PORTS = range(20000, 32000)
START_S = 20
HAPROXY = "/usr/sbin/haproxy"


class Unavailable(Exception):
    """A target cannot be started here; the message says why."""


def free_port():
    for _ in range(200):
        port = random.choice(PORTS)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Unavailable("no free port")


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def children(pid):
    """All descendants of pid, by /proc."""
    parent = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = read(entry / "stat").rpartition(")")[2].split()
            if len(fields) > 1:
                parent.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = parent.get(todo.pop(), [])
        found += below
        todo += below
    return sorted(found)


def cpu_ns(pids):
    return sum(int((read(f"/proc/{p}/schedstat").split() or [0])[0]) for p in pids)


def write_bytes(pids):
    """Bytes that were sent to the disk, or None where it may not be read."""
    total = 0
    for pid in pids:
        lines = dict(l.split(": ") for l in read(f"/proc/{pid}/io").splitlines())
        if "write_bytes" not in lines:
            return None
        total += int(lines["write_bytes"])
    return total


class Target:
    """A relay (or nothing) between the load generator and the pool."""

    name = ""
    capture = False

    def __init__(self, place):
        self.place = place  # where files may be put
        self.proc = None
        self.port = None

    def start(self, pool_port, relay_cpu, other_cpu):
        raise NotImplementedError

    def relay_pids(self):
        return []

    def other_pids(self):
        return []

    def spawn(self, argv, cpu, env=None, pipe=False):
        """Runs argv on one processor; it ends when we do, whatever kills us."""
        self.place.mkdir(parents=True, exist_ok=True)
        self.log = self.place / f"{self.name.replace(' ', '-')}.log"
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(cpu)]
                + [str(a) for a in argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else log,
                stderr=log,
                env=env,
            )

    def said(self):
        return " | ".join(read(self.log).strip().splitlines()[-3:])

    def wait_port(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.proc.poll() is not None:
                raise Unavailable(f"ended with {self.proc.returncode}: {self.said()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Unavailable(f"does not accept at port {self.port}: {self.said()}")

    def ready_line(self):
        """Of our own programs, which say at which port they listen."""
        words = self.proc.stdout.readline().decode().split()
        if len(words) != 2 or words[0] != "ready":
            raise Unavailable(f"did not start: {self.said()}")
        self.port = int(words[1])

    def stop(self):
        if self.proc is None:
            return
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(20)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if self.proc.stdout:
            self.proc.stdout.close()
        self.proc = None


class Pool(Target):
    """The other end, not a target: the load generator's pool."""

    name = "pool"

    def __init__(self, place, load):
        super().__init__(place)
        self.load = load

    def start(self, pool_port, relay_cpu, other_cpu):
        self.spawn([self.load, "pool"], relay_cpu, pipe=True)
        self.ready_line()

    def lines(self):
        """Lines that the pool has seen and sent in all sessions."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.sendall(b"!count\n")
            return int(s.makefile().readline().split()[2])


class Direct(Target):
    name = "direct"

    def start(self, pool_port, relay_cpu, other_cpu):
        self.port = pool_port


class Floor(Target):
    name = "floor"

    def __init__(self, place, build):
        super().__init__(place)
        self.program = build / "bench/floor"

    def start(self, pool_port, relay_cpu, other_cpu):
        if not self.program.exists():
            raise Unavailable(f"{self.program} is not built")
        self.spawn([self.program, 0, "127.0.0.1", pool_port], relay_cpu, pipe=True)
        self.ready_line()

    def relay_pids(self):
        return [self.proc.pid]


class Haproxy(Target):
    """Debian's haproxy as a child of ours, never the system's service."""

    name = "haproxy"
    config = """global
    nbthread 1
    maxconn {maxconn}
defaults
    mode tcp
    maxconn {maxconn}
    backlog 4096
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen bench
    bind 127.0.0.1:{port}
    server pool 127.0.0.1:{pool}
"""

    @staticmethod
    def maxconn():
        """Two descriptors a session, and some for itself."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return 12000 if hard < 0 else max(100, min(12000, (hard - 120) // 2))

    def start(self, pool_port, relay_cpu, other_cpu):
        if not os.path.exists(HAPROXY):
            raise Unavailable(f"{HAPROXY} is not installed")
        self.port = free_port()
        self.place.mkdir(parents=True, exist_ok=True)
        conf = self.place / "haproxy.cfg"
        conf.write_text(
            self.config.format(
                port=self.port, pool=pool_port, maxconn=self.maxconn()
            )
        )
        self.spawn([HAPROXY, "-db", "-f", conf], relay_cpu)
        self.wait_port()

    def relay_pids(self):
        return [self.proc.pid]


class HashScope(Target):
    """relayd on the relay's processor, everything else on the other one."""

    def __init__(self, place, build, capture):
        super().__init__(place)
        self.capture = capture
        self.name = "HashScope on" if capture else "HashScope off"
        self.build = build
        self.home = self.place / ("on" if capture else "off")
        self.run_dir = self.home / "run"
        self.state_dir = self.home / "state"

    def start(self, pool_port, relay_cpu, other_cpu):
        program = self.build / "bin/hashscoped"
        if not program.exists():
            raise Unavailable(f"{program} is not built")
        self.port = free_port()
        shutil.rmtree(self.home, ignore_errors=True)
        for d in (self.run_dir, self.state_dir):
            d.mkdir(parents=True)
        conf = self.home / "hashscope.conf"
        conf.write_text("" if self.capture else "capture { enabled no }\n")
        conf.chmod(0o600)
        env = dict(
            os.environ,
            POOL_HOST="127.0.0.1",
            POOL_PORT=str(pool_port),
            LISTEN_HOST="127.0.0.1",
            LISTEN_PORT=str(self.port),
            API_HOST="127.0.0.1",
            API_PORT=str(free_port()),
            HASHSCOPE_RUN_DIR=str(self.run_dir),
            HASHSCOPE_STATE_DIR=str(self.state_dir),
        )
        self.spawn([program, "-d", "-f", conf], other_cpu, env)
        self.wait_ready()
        for pid in self.relay_pids():
            os.sched_setaffinity(pid, {relay_cpu})

    def wait_ready(self):
        """The port answers before relayd does: the supervisor holds it."""
        self.wait_port()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            rows = self.ctl("show", "processes")
            if rows and all(r["state"] in ("ready", "stopped") for r in rows):
                return
            time.sleep(0.02)
        raise Unavailable(f"not all processes are ready: {self.said()}")

    def named(self, name):
        return [
            p for p in children(self.proc.pid) if read(f"/proc/{p}/comm").strip() == name
        ]

    def relay_pids(self):
        return self.named("relayd")

    def other_pids(self):
        return self.named("captured")

    def ctl(self, *words):
        """What `hashscopectl -j WORDS` answers, None while it cannot."""
        out = subprocess.run(
            [str(self.build / "bin/hashscopectl"), "-j", *words],
            env=dict(os.environ, HASHSCOPE_RUN_DIR=str(self.run_dir)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
        )
        return json.loads(out.stdout) if out.returncode == 0 else None

    def capture_counts(self):
        """Committed messages, gaps, and bytes of dropped copies, all so far."""
        s = self.ctl("show", "summary")
        return (
            int(s["capture"]["messages_committed"]),
            int(s["capture"]["gaps"]),
            int(s["tap"]["lost_bytes"]),
        )

    def stop(self):
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)
