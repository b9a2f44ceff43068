"""Bench: what all measurements share: processes and their end, load, peers, memory, rows of the table."""

import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from daemon import Daemon, binary, flagger_body, free_port, request, wait_until  # noqa: E402,F401

SCRIPT = pathlib.Path(__file__).with_name("post.lua")
TOKEN = "bench-token"
ENVIRONMENT = {"BENCH_TOKEN": TOKEN}
SOURCE = "sources: {flagger: {type: flagger, auth: [{bearer: {env: BENCH_TOKEN}}]}}\n"


class Missing(Exception):
    """A peer that is not installed, or did not do what it is here for."""


class Bench:
    def __init__(self, quick):
        self.quick = quick
        self.rounds = 1 if quick else 3
        self.seconds = 3 if quick else 8
        self.rows = []
        self.processes = []
        (ROOT / "build").mkdir(exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))
        self.serial = 0

    # -- what is started, and its end

    def fresh(self, name):
        self.serial += 1
        folder = self.folder / f"{self.serial}-{name}"
        folder.mkdir()
        return folder

    def spawn(self, command, folder, **options):
        if not shutil.which(command[0]):
            raise Missing(f"{command[0]} is not installed (tools/setup bench)")
        with open(folder / "log", "ab") as log:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True, **options)
        self.processes.append(process)
        return process

    def end(self, process):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
            except ProcessLookupError:
                break
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue
        process.wait()
        self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            self.end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def daemon(self, config, name, arguments=()):
        return Daemon(self.fresh(name), config, arguments=arguments, environment=ENVIRONMENT)

    def row(self, what, ours, beside, ratio, goal, met):
        self.rows.append((what, ours, beside, ratio, goal, met))
        print(f"  {what}: {ours}" + (f", beside {beside}" if beside else "") + (f": {ratio}" if ratio else ""), flush=True)

    # -- tools

    def wrk(self, url, kind="flagger", connections=64, seconds=None, names=500, threads=2):
        """requests/s, requests, errors, p50 and p99 in microseconds."""
        seconds = seconds or self.seconds
        self.serial += 1
        command = ["wrk", f"-t{min(threads, connections)}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT),
                   url, "--", kind, f"{self.serial:02x}", str(names), TOKEN]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            raise Missing(f"wrk said nothing useful: {done.stdout} {done.stderr}")
        requests, micros, errors, p50, p99 = map(int, lines[0].split()[1:])
        if errors > requests / 100:
            raise Missing(f"{errors} of {requests} requests failed at {url}")
        return {"rate": requests / (micros / 1e6), "requests": requests, "errors": errors, "p50": p50, "p99": p99}

    def nginx(self, folder, status):
        port = free_port()
        (folder / "nginx.conf").write_text(f"""\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json;
      return {status} '{{"delivery":"dlv_00000000000","event":"evt_00000000000","duplicate":false}}'; }}
  }}
}}
""")
        name = "nginx" if shutil.which("nginx") else "/usr/sbin/nginx"
        process = self.spawn([name, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder)
        self.wait_port(process, port)
        return process, f"http://127.0.0.1:{port}"

    def wait_port(self, process, port, path="/"):
        def answers():
            if process.poll() is not None:
                raise Missing(f"{process.args[0]} ended with {process.returncode}")
            try:
                return request(f"http://127.0.0.1:{port}", "GET", path, timeout=2)
            except OSError:
                return None
        wait_until(answers, 15, why=f"{process.args[0]}'s port")

    # -- what the daemon tells of itself

    @staticmethod
    def runs(daemon, state):
        return sum(value for name, value in daemon.metrics().items()
                   if name.startswith("postlude_runs{") and f'state="{state}"' in name)

    @staticmethod
    def pss(daemon):
        """Megabytes of the daemon and all its descendants."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
        family = {daemon.process.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            if not more:
                break
            family |= more
        total = 0
        for pid in family:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024, len(family)

    # -- runs

    def flow(self, daemon, seconds):
        """Calls in for `seconds`, then waits for their runs. Runs per second: from the first call to the last run, while
        calls came in, and once all calls were in (as overall where that was too short to tell)."""
        before, failed = self.runs(daemon, "succeeded"), self.runs(daemon, "failed")
        begin = time.monotonic()
        sent = self.wrk(daemon.hooks + "/hooks/flagger/post-rollout", names=0, seconds=seconds)["requests"]
        stopped, then = time.monotonic(), self.runs(daemon, "succeeded") - before
        wait_until(lambda: self.runs(daemon, "succeeded") - before >= sent, 300, 0.1, f"the end of {sent} runs")
        now = time.monotonic()
        if self.runs(daemon, "failed") > failed:
            raise Missing(f"{self.runs(daemon, 'failed') - failed:.0f} runs failed")
        overall = sent / (now - begin)
        after = (sent - then) / (now - stopped) if sent - then > 1000 else overall
        return {"sent": sent, "overall": overall, "during": then / (stopped - begin), "after": after}

    def flows(self, what, config, overall, after, warm):
        """Fresh stores, one after the other; `config` wants nginx's port. `overall` and `after` are goals, or None. `warm`:
        a second of calls comes first, since each write is slower until the write-ahead log has its blocks."""
        process, url = self.nginx(self.fresh("nginx"), 200)
        found = []
        try:
            for _ in range(self.rounds):
                with self.daemon(config % int(url.rsplit(":", 1)[1]), what) as daemon:
                    if warm:
                        self.flow(daemon, 1)
                    one = self.flow(daemon, 2 if self.quick else 4)
                found.append(one)
                print(f"  {one['sent']} calls: {one['overall']:.0f} runs/s from the first call to the last run, "
                      f"{one['during']:.0f}/s while calls came in, {one['after']:.0f}/s once all were in", flush=True)
        finally:
            self.end(process)
        for key, goal, when in (("overall", overall, "first call to last run"), ("after", after, "once all calls are in")):
            rate = statistics.median(one[key] for one in found)
            self.row(f"{what} runs per second, {when}", f"{rate:.0f}/s", "", "", f">= {goal}" if goal else "-",
                     rate >= goal if goal else None)

    def pairs(self, rounds, ours, beside):
        """(ours(), beside()) as often as `rounds`, each first in turn: the second one finds a warmer machine."""
        found = []
        for number in range(rounds):
            if number % 2:
                second = beside()
                found.append((ours(), second))
            else:
                first = ours()
                found.append((first, beside()))
        return found

    def paced(self, daemon, seconds, kill=False):
        """p99 in seconds from a run's making to its end, at 40 runs a second; `kill`: beside one bad call a second."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        before = self.runs(daemon, "succeeded")
        begin = time.monotonic()
        events = []
        for number in range(seconds * 40):
            names = [f"good-{number % 20}"] + ([f"bad-{number}"] if kill and number % 40 == 0 else [])
            for name in names:
                answer = daemon.post("/hooks/flagger/post-rollout", json.dumps({
                    "name": name, "namespace": "prod-shop", "phase": "Succeeded", "checksum": f"{kill:d}{number}"}), headers)
                if name.startswith("good"):
                    events.append(answer.json["event"])
            time.sleep(max(0.0, begin + (number + 1) / 40 - time.monotonic()))
        wait_until(lambda: self.runs(daemon, "succeeded") - before >= len(events), 30, 0.25, "the good runs' end")
        took = []
        for event in events[len(events) // 10:]:
            run = daemon.api("runs?event=" + event)["items"][0]
            times = [datetime.datetime.fromisoformat(run[key].replace("Z", "+00:00")) for key in ("createdAt", "finishedAt")]
            took.append((times[1] - times[0]).total_seconds())
        return sorted(took)[int(len(took) * 0.99)]

    # -- the whole

    def machine(self):
        model = "unknown processor"
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
        disk = subprocess.run(["stat", "-f", "-c", "%T", str(self.folder)], capture_output=True, text=True, check=False).stdout.strip()
        print(f"machine: {os.cpu_count()} x {model}, {memory} GiB, Linux {platform.release()}, {disk}; load {os.getloadavg()[0]:.1f}")
        if os.getloadavg()[0] > 0.7:
            print("machine: others work here too; the ratios will be rough")

    def table(self):
        wide = max(len(row[0]) for row in self.rows)
        print(f"\n{'what':{wide}} {'ours':>22} {'beside':>10} {'ratio':>6} {'goal':>9}")
        for what, ours, beside, ratio, goal, met in self.rows:
            verdict = ("" if goal == "-" else "not measured") if met is None else "met" if met else "MISSED"
            print(f"{what:{wide}} {ours:>22} {beside:>10} {ratio:>6} {goal:>9}  {verdict}")
