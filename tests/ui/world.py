"""What the console looks at: HashScope with the demonstration's miners and
pool, a relay, and a fleet of agents with a pool of its own."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import apirig  # noqa: E402
import cap  # noqa: E402
import hs  # noqa: E402
import nostr  # noqa: E402
import rig  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery"
RUN = "north-1"
FLEET = ("rack-agent-1", "rack-agent-2", "barn-agent")
SILENT = FLEET[2]
EVIL = '<img src=x onerror="window.broken=%d">\u202e\u2066'


class World:
    """All of it; close() ends it."""

    def __init__(self, body, miners=True, odd=False):
        """body: of the configuration, besides the listener and Nostr.
        miners: False has none, and no agents.  odd: with a listener whose
        pool is the browser's program, and an agent that means no good; and a
        second HashScope without Nostr and without a login."""
        self._closing = contextlib.ExitStack()
        self.odd = {}
        if odd:
            listen, pool = hs.free_port(), hs.free_port()
            self.odd = {"HS_ODD_MINERS": f"127.0.0.1 {listen}",
                        "HS_ODD_POOL": f"127.0.0.1 {pool}"}
            body += (f"listen on 127.0.0.1 port {listen} "
                     f'{{ pool "stratum+tcp://127.0.0.1:{pool}" }}\n')
        try:
            self._start(body, miners)
            if odd:
                self._odd_agent()
                self._plain()
        except BaseException:
            self.close()
            raise

    def _hold(self, x):
        self._closing.callback(x.close)
        return x

    def _start(self, body, miners):
        self.pool = self._hold(hs.Listening(
            hs.sim("pool"), "--difficulty", "2e-5", "--job-interval", "2",
            "--block-interval", "9", "--latency", "3"))
        self.relay = self._hold(nostr.Relay())
        self.keys = [nostr.Key() for _ in FLEET]
        trust = '" "'.join(k.public.hex() for k in self.keys)
        self.scope = self._hold(cap.Scope(
            [f"stratum+tcp://{self.pool.host}:{self.pool.port}"],
            f'nostr {{ run "{RUN}" relay "{self.relay.url}"'
            f' trust "{trust}" broadcast default off retry 100ms }}\n'
            + body))
        self.url = self.scope.hsd.expect_error(
            r"the console is at (http://\S+?)/")[1]
        self._users()
        if miners:
            self._miners()
            self._fleet()

    def _users(self):
        """One of each role, and called so."""
        for role in ("viewer", "operator", "admin"):
            done = subprocess.run(
                [rig.CTL, "user", "add", role, "role", role],
                input=PASSWORD + "\n", capture_output=True, text=True,
                timeout=hs.DEADLINE, env=self.environment())
            assert done.returncode == 0, done.stderr

    def _miners(self):
        """Those of `make run`: valid, stale, duplicate and low shares."""
        for name, *options in (
                ("rack", "--version-rolling", "1fffe000", "--connections",
                 "2", "--rate", "4",
                 "--mix", "valid=10,stale=2,duplicate=2,low=2"),
                ("shed", "--cpuminer-ids", "--rate", "2",
                 "--mix", "valid=6,stale=1,job=1")):
            self._hold(hs.Proc(
                hs.sim("miner"), "--worker", f"demo.{name}", "--agent",
                f"demo-{name}/1.0", "--reconnect", "--lenient", *options,
                self.scope.host, self.scope.port))

    def _fleet(self):
        """Agents that load a pool with shares of their own; the last has
        told of itself once, and is no more."""
        pool = self._hold(hs.Listening(
            hs.sim("pool"), "--difficulty", "1e-6", "--block-interval", "5",
            "--latency", "2"))
        npub = self.scope.npub()
        running = [self._agent(name, key, pool, npub)
                   for name, key in zip(FLEET, self.keys)]
        hs.wait_for(lambda: len(self.scope.ctl("show", "agents")) == 3,
                    "three agents")
        assert running[-1].stop() == 0

    def _agent(self, name, key, pool, npub):
        where = self.scope.hsd.dir
        secret, conf = where / f"{name}.key", where / f"{name}.conf"
        secret.write_text(key.secret.hex())
        secret.chmod(0o600)
        conf.write_text(
            f'pool "stratum+tcp://{pool.host}:{pool.port}"\nauthorized yes\n'
            f'worker "demo"\nrun "{RUN}"\nid "{name}"\ntrust "{npub}"\n'
            f'relay "{self.relay.url}"\nkey "{secret}"\ntelemetry 1s\n'
            'retry 100ms\nmode mine\nrate 5/s\n')
        a = self._hold(hs.Proc(hs.BUILD / "bin" / "hashscope-agent", "-f",
                               conf))
        a.expect_error("ready")
        return a

    def _plain(self):
        plain = self._hold(rig.Box([self.scope.pools[0]], capture=True,
                                   env={"API_AUTH": "none"}))
        self.odd["HS_PLAIN"] = apirig.opened(plain).url

    def _odd_agent(self):
        """One that is trusted, and tells what it likes of itself."""
        told = {"schema": "hashscope.v1", "run_id": RUN,
                "agent_id": EVIL % 1, "ts": EVIL % 1, "conn_state": "error",
                "pool_target": {"host": EVIL % 1, "port": 1},
                "stats": {"share_events_received_total": 2**53 - 1,
                          "submits_attempted_total": 0,
                          "submits_accepted_total": 0,
                          "submits_rejected_total": 0, EVIL % 1: 1},
                "errors": [EVIL % 2, {EVIL % 1: [EVIL % 1]}, None, 1e300]}
        self.relay.publish(self.keys[0].event(
            30079, json.dumps(told),
            [["t", "hashscope"], ["t", f"hashscope:{RUN}"]]))

    def environment(self):
        """To reach this HashScope."""
        return {**os.environ,
                "HASHSCOPE_RUN_DIR": str(self.scope.hsd.run_dir)}

    def browser(self, where):
        """What the browser's program finds it by; where: for its files."""
        return {**self.environment(), "HS_URL": self.url,
                "HS_PASSWORD": PASSWORD, "HS_CTL": str(rig.CTL),
                "HS_CHROMIUM": CHROMIUM, "HS_CONF": str(self.scope.hsd.conf),
                "HS_MINERS": f"{self.scope.host} {self.scope.port}",
                "HS_SLOW": os.environ.get("HS_DEADLINE", "20"),
                "HS_WHERE": str(where), **self.odd}

    def close(self):
        """Ends all, the last first, and the others when one fails."""
        self._closing.close()
