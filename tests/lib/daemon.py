"""A real `postlude serve` under test: its folder, its ports, its life, and how to speak to it.

    with Daemon(tmp_path, "sources: …") as daemon:
        answer = daemon.post("/hooks/flagger/post-rollout", flagger_body())
        run = daemon.wait_run(answer.json["event"])

Standard library only. Nothing here sleeps longer than it must: every wait polls a state and has a limit.
"""

import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
TERMINAL = ("succeeded", "failed", "cancelled")


def binary():
    """The binary under test: $POSTLUDE_BINARY, else what `make build` leaves."""
    return os.environ.get("POSTLUDE_BINARY") or str(ROOT / "build" / "postlude")


def port_range():
    """Below the ports that the kernel gives to connections: none of these is lost to one while its owner restarts.
    Each of pytest's workers has its own share, so that none takes the port of a daemon that another restarts."""
    given = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % workers
    return range(15_000 + mine, int(given[0]) if int(given[0]) > 16_000 else 65_536, workers)


PORTS = port_range()
HANDED_OUT = set()  # no port twice, so that nobody meets what was meant for another


def free_port():
    while True:
        port = random.SystemRandom().choice(PORTS)  # others who choose now choose otherwise
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in HANDED_OUT:
            HANDED_OUT.add(port)
            return port


def wait_until(what, timeout=10.0, every=0.02, why="the state that was waited for"):
    """The first true value of what(), or AssertionError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{why} did not come within {timeout} s")
        time.sleep(every)


def flagger_body(name="podinfo", namespace="prod-shop", phase="Succeeded", checksum="7774c75db4", metadata=None):
    """Exactly the bytes Flagger sends: Go's encoding/json, keys of the struct in order, of maps sorted, no newline."""
    body = {"name": name, "namespace": namespace, "phase": phase, "checksum": checksum}
    if metadata:
        body["metadata"] = dict(sorted(metadata.items()))
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode()


class Answer:
    """What came back: status, headers (lower-case names), body, and the body read as JSON (None when it is not)."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"Answer({self.status}, {self.body[:300]!r})"


def request(base, method, path, body=None, headers=None, timeout=15.0):
    """One request on a fresh connection. The path goes out as it is given."""
    url = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


class Daemon:
    """One `postlude serve`. `config` is YAML without `server` and `store`, which are filled in here; `base` are files
    or folders of configuration below it."""

    def __init__(self, folder, config, arguments=(), environment=None, start=True, store=None, base=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.admin_port = free_port(), free_port()
        self.hooks = f"http://127.0.0.1:{self.port}"
        self.admin = f"http://127.0.0.1:{self.admin_port}"
        self.database = self.folder / "postlude.db"
        self.store = store or f"sqlite:{self.database}"
        self.config_file = self.folder / "postlude.yaml"
        self.log_file = self.folder / "postlude.log"
        self.arguments = list(arguments)
        self.configs = [*map(str, base), str(self.config_file)]
        self.environment = dict(environment or {})
        self.process = None
        self.write_config(config)
        if start:
            self.start()

    def write_config(self, config):
        head = f"server: {{listen: '127.0.0.1:{self.port}', admin: '127.0.0.1:{self.admin_port}'}}\n"
        head += f"store: {{url: '{self.store}'}}\n"
        new = self.config_file.with_name(".new")  # a daemon that looks just now sees the old one or this, whole
        new.write_text(head + config)
        os.replace(new, self.config_file)

    # -- life

    def start(self, ready=True, timeout=30.0):
        assert self.process is None, "already started"
        environment = {**os.environ, **self.environment}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--config", *self.configs, *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)
        if ready:
            self.wait_ready(timeout)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"postlude ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        try:
            return request(self.admin, "GET", "/readyz", timeout=2.0).status == 200
        except OSError:
            return False

    def wait_ready(self, timeout=30.0):
        wait_until(self.is_ready, timeout, 0.01, "readiness")

    def stop(self, timeout=15.0):
        """SIGTERM; the exit status. A daemon that does not end in time is killed, and that is an error."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self):
        """SIGKILL, without warning."""
        return self._end(signal.SIGKILL, 10.0)

    def _end(self, sign, timeout):
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(sign)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._sweep(process)
            process.wait()
            raise AssertionError(f"postlude did not end within {timeout} s:\n{self.log()[-4000:]}") from None
        self._sweep(process)
        return status

    @staticmethod
    def _sweep(process):
        try:  # its children, whatever happened to it
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log(self):
        """What it has logged. A line comes a little after the answer that it is about: a thread gathers them."""
        if self.process is not None and self.process.poll() is None:
            time.sleep(0.05)
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    # -- talk

    def post(self, path, body, headers=None, **options):
        headers = {"Content-Type": "application/json", "User-Agent": "Go-http-client/1.1", **(headers or {})}
        return request(self.hooks, "POST", path, body, headers, **options)

    def get(self, path, headers=None, **options):
        return request(self.admin, "GET", path, None, headers, **options)

    def api(self, path, **options):
        """GET /api/v1/… as JSON; anything but 200 is an error."""
        answer = self.get("/api/v1/" + path.lstrip("/"), **options)
        assert answer.status == 200, answer
        return answer.json

    def items(self, path):
        """All pages of a list."""
        found, after = [], None
        while True:
            sign = "&" if "?" in path else "?"
            page = self.api(path + (f"{sign}after={urllib.parse.quote(str(after))}" if after else ""))
            found += page["items"]
            after = page["next"]
            if not after:
                return found

    def runs_of(self, event):
        return self.items(f"runs?event={event}&limit=200")

    def wait_run(self, event, states=TERMINAL, timeout=20.0, workflow=None):
        """The (first) run of an event, once it is in one of `states`, with its steps."""
        def look():
            for run in self.runs_of(event):
                if run["state"] in states and workflow in (None, run["workflow"]):
                    return run
            return None
        return self.api("runs/" + wait_until(look, timeout, why=f"a run of {event} in {states}")["id"])

    def cli(self, *arguments, check=None, timeout=60.0):
        """`postlude ARGUMENTS` against this daemon; `check` is the exit status it must have."""
        environment = {**os.environ, **self.environment, "POSTLUDE_SERVER": self.admin}
        done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=timeout, stdin=subprocess.DEVNULL)
        if check is not None:
            assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def metrics(self):
        """{'name{labels}': value} from /metrics."""
        answer = self.get("/metrics")
        assert answer.status == 200, answer
        rows = [line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if line and line[0] != "#"]
        return {name: float(value) for name, value in rows}
