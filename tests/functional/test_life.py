"""Starting, stopping, running out of disk, and what an operator sees meanwhile."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from daemon import TERMINAL, flagger_body, request, wait_until
from wire import Closed, Wire
from wire import post as post_bytes

SOURCE = "sources: {flagger: {type: flagger, auth: {bearer: {env: HOOK}}}}\n"
ENVIRONMENT = {"HOOK": "hook-Secret"}
BEARER = {"Authorization": "Bearer hook-Secret"}


def config(fakes):
    return SOURCE + f"""
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none, limits: {{concurrency: 8}}}}}}
workflows:
  main:
    on: {{source: flagger, phase: Succeeded}}
    if: '[limit(3; range(10))] | add == 3'
    steps:
      - {{uses: web/request, with: {{method: PUT, path: '/one/${{{{ .event.name }}}}'}}}}
      - {{uses: web/request, with: {{method: POST, path: '/two/${{{{ .event.name }}}}', idempotencyHeader: Idempotency-Key, body: {{}}}}}}
"""


def post(server, **what):
    return server.post("/hooks/flagger/post-rollout", flagger_body(**what), BEARER)


# -- stopping

@pytest.mark.parametrize("round", [1, 2])
def test_sigterm_under_load(daemon, fakes, round):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    fakes.fault(path="/echo/one/*", delayAfter=0.05, times=10**6)
    fakes.fault(path="/echo/two/*7", delayAfter=90, times=2)  # two that will not be answered in time
    accepted, refused, stop = [], [], threading.Event()

    def load(worker):
        number = 0
        while not stop.is_set():
            name = f"w{worker}-{number}"
            number += 1
            try:
                answer = post(server, name=name)
            except (OSError, EOFError):
                time.sleep(0.01)  # not answered: it may be in, or not
                continue
            (accepted if answer.status == 202 else refused).append(answer)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(load, worker) for worker in range(8)]
        wait_until(lambda: len(accepted) > 60 * round)
        assert server.stop(timeout=45) == 0, "it does not wait for all"
        stop.set()
        for future in futures:
            future.result()
    for answer in refused:  # while it shut down
        assert (answer.status, answer.headers.get("retry-after")) == (503, None) and answer.json["detail"] == "shutting down"
    assert 'msg=stopped' in server.log().splitlines()[-1]
    with fakes_lock():
        fakes.fakes.faults.clear()
    server.start()
    events = {answer.json["event"] for answer in accepted}
    assert len(events) == len(accepted)

    def unfinished():
        runs = {}
        for run in server.items("runs?limit=200"):
            runs.setdefault(run["event"], []).append(run["state"])
        return {event: runs.get(event) for event in events if len(runs.get(event, [])) != 1 or runs[event][0] not in TERMINAL}
    wait_until(lambda: not unfinished(), 30, 0.2, "the end of every run")
    assert {run["state"] for run in server.items("runs?limit=200")} == {"succeeded"}
    names = {e["id"]: e["name"] for e in server.items("events?limit=200")}
    sent = {r["path"] for r in fakes.state()["requests"]}
    assert {f"/echo/two/{names[event]}" for event in events} <= sent


def fakes_lock():
    import postlude_fakes
    return postlude_fakes.LOCK


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once_and_leaves_no_child(daemon, fakes, sign):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    event = post(server).json["event"]
    server.wait_run(event)
    children = children_of(server.process.pid)
    assert children, "such expressions are evaluated in children"
    with Wire(server.port) as idle:
        assert server._end(sign, 10) == 0
        assert idle.is_closed()
    assert "closed before they were answered" not in server.log(), "it is closed as idle, at once"
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]
    server.start()
    assert server.api(f"events/{event}")["id"] == event


def children_of(pid):
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return done.stdout.split()


def test_the_request_in_hand_is_answered(daemon, fakes):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    head, body = post_bytes("/hooks/flagger/post-rollout", flagger_body(name="late"),
                            [("Authorization", "Bearer hook-Secret"), ("Expect", "100-continue")]).split(b"\r\n\r\n")
    answer = None
    for _ in range(5):  # it need not wait long for the rest
        with Wire(server.port) as wire:
            wire.send(head + b"\r\n\r\n").wait_for(b"100 Continue\r\n\r\n")
            stops = server.log().count("msg=stopping")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.log().count("msg=stopping") > stops, every=0.001)
            try:
                answer = wire.send(body).answer()
            except Closed:
                pass
        assert server.process.wait(10) == 0
        server.process = None
        server.start()
        stored = server.items("events?name=late")
        assert [e["id"] for e in stored] == ([answer.json["event"]] if answer and answer.status == 202 else [])
        if answer:
            break
    assert answer and (answer.status == 202 or (answer.status == 503 and answer.json["detail"] == "shutting down")), answer


def test_children_do_not_outlive_a_killed_daemon(daemon, fakes):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    server.wait_run(post(server).json["event"])
    children = children_of(server.process.pid)
    assert children
    os.kill(server.process.pid, signal.SIGKILL)  # only it, not its process group
    server.process.wait()
    wait_until(lambda: not [pid for pid in children if os.path.exists(f"/proc/{pid}")], 5, why="the children's end")


# -- starting

def test_a_second_process_on_the_same_file_refuses(daemon, fakes):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    second = daemon(config(fakes), environment=ENVIRONMENT, store=server.store, start=False)
    second.start(ready=False)
    assert second.process.wait(10) == 1
    assert f"another postlude (process {server.process.pid}) has the database {server.database}" in second.log()
    assert post(server).status == 202
    server.stop()
    second.process = None
    second.start()
    assert len(second.items("events")) == 1
    assert post(second, name="other").status == 202


def test_a_port_that_is_taken(daemon, fakes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = daemon(config(fakes), environment=ENVIRONMENT, start=False)
        server.port = taken.getsockname()[1]
        server.write_config(config(fakes))
        server.start(ready=False)
        assert server.process.wait(10) == 1
        lines = server.log().splitlines()
        why = f"cannot listen on 127.0.0.1:{server.port}: Address already in use"
        assert f'msg=stopped why="{why}' in lines[-1] and "another Postlude, listens there" in lines[-1], server.log()
        told, = [i for i, line in enumerate(lines) if f'level=error msg="{why}' in line]
        assert told < next(i for i, line in enumerate(lines) if "msg=stopping" in line), server.log()


@pytest.mark.parametrize("wrong", ["port", "store", "configuration", "expression"])
def test_what_keeps_it_from_starting_is_json_where_the_log_is(daemon, fakes, wrong):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = "log: {format: json}\n" + config(fakes)
        server = daemon(text, environment=ENVIRONMENT, start=False)
        if wrong == "port":
            server.port = taken.getsockname()[1]
        if wrong == "store":
            server.store = f"sqlite:{server.folder}/no/such/folder/postlude.db"
        if wrong == "configuration":
            text = text.replace("uses: web/", "uses: wbe/")
        if wrong == "expression":
            text += "  broken: {on: {source: flagger}, if: '.event | nothing_like_it', steps: [{uses: wait, with: {for: 1s}}]}\n"
        server.write_config(text)
        server.start(ready=False)
        assert server.process.wait(10) == 1
        told = [json.loads(line) for line in server.log().splitlines()]
        assert any(line["level"] == "error" for line in told) and all(line["time"] for line in told), told


@pytest.mark.parametrize("content, words", [
    (b"this is no database, but long enough to look at twice" * 100, "is not a database"),
    (None, "cannot")])
def test_a_store_that_cannot_be_opened(daemon, fakes, content, words):
    server = daemon(config(fakes), environment=ENVIRONMENT, start=False)
    if content is None:
        server.store = f"sqlite:{server.folder}/no/such/folder/postlude.db"
        server.write_config(config(fakes))
    else:
        server.database.write_bytes(content)
    server.start(ready=False)
    assert server.process.wait(10) == 1
    assert "cannot be opened" in server.log() and words in server.log()
    if content is not None:
        assert server.database.read_bytes() == content, "left as it was"


def test_a_wrong_configuration_is_refused_whole(daemon, fakes):
    server = daemon(config(fakes).replace("uses: web/", "uses: wbe/"), environment=ENVIRONMENT, start=False)
    server.start(ready=False)
    assert server.process.wait(10) == 1
    assert "wbe" in server.log() and "web" in server.log() and f"{server.config_file}:" in server.log()
    assert not server.database.exists()


def test_port_0_and_the_port_file(daemon, fakes, tmp_path):
    port_file = tmp_path / "ports"
    server = daemon(config(fakes), environment=ENVIRONMENT, start=False, arguments=["--port-file", str(port_file)])
    server.port = server.admin_port = 0
    server.write_config(config(fakes))
    server.start(ready=False)
    wait_until(port_file.exists)
    ports = dict(line.split("=") for line in port_file.read_text().split())
    for port in ports.values():
        assert request(f"http://127.0.0.1:{port}", "GET", "/readyz").status == 200
    assert sorted(ports) == ["admin", "listen"]


def test_systemd_is_told(daemon, fakes, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(path)
        told.settimeout(20)
        server = daemon(config(fakes), start=False,
                        environment={**ENVIRONMENT, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
        server.start(ready=False)
        first = told.recv(4096).decode()
        assert "READY=1" in first.splitlines()
        assert request(server.admin, "GET", "/readyz").status == 200, "told once it is true"
        assert told.recv(4096) == b"WATCHDOG=1"
        assert told.recv(4096) == b"WATCHDOG=1"
        server.process.send_signal(signal.SIGTERM)
        messages = []
        while not messages or "STOPPING=1" not in messages[-1]:
            messages.append(told.recv(4096).decode().splitlines())
        assert server.process.wait(10) == 0


# -- a full disk

@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(daemon, fakes, small_disk):
    server = daemon(config(fakes), environment=ENVIRONMENT, store=f"sqlite:{small_disk}/postlude.db")
    accepted = [post(server, name="before")]
    assert accepted[0].status == 202
    server.wait_run(accepted[0].json["event"])
    filler = small_disk / "filler"
    with open(filler, "wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
    large = {"filling": "x" * 100_000}  # does not fit into what SQLite still has at hand
    refused = []
    for number in range(40):
        answer = post(server, name=f"full-{number}", metadata=large)
        (accepted if answer.status == 202 else refused).append(answer)
    assert len(refused) > 5
    for answer in refused:
        assert (answer.status, answer.headers.get("retry-after")) == (503, None), answer
        assert answer.json["detail"] == "the store is not writable"
    assert server.process.poll() is None, "it lives on"
    assert request(server.hooks, "GET", "/healthz").status == 200
    def not_ready():  # what is left in SQLite's hands may do for a few small writes
        answer = post(server, name=f"small-{len(accepted)}", metadata={"filling": "x" * 3000})
        (accepted if answer.status == 202 else refused).append(answer)
        return request(server.hooks, "GET", "/readyz").status == 503
    wait_until(not_ready, 20, 0)
    assert {answer.status for answer in refused} == {503}

    filler.unlink()
    def again():
        answer = post(server, name="after")
        return answer if answer.status in (200, 202) else None
    accepted.append(wait_until(again, 10, 0.2, "recovery by itself"))
    wait_until(lambda: request(server.hooks, "GET", "/readyz").status == 200)
    events = {e["id"] for e in server.items("events?limit=200")}
    assert events == {answer.json["event"] for answer in accepted}, "nothing half-stored, nothing lost"
    for answer in accepted:
        assert server.wait_run(answer.json["event"])["state"] == "succeeded"
    assert server.api("audit/verify")["intact"] is True
    server.restart()
    assert {e["id"] for e in server.items("events?limit=200")} == events


# -- what an operator sees

def test_health_and_metrics(daemon, fakes):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    for base in (server.hooks, server.admin):
        for path, text in (("/healthz", b"ok\n"), ("/readyz", b"ready\n")):
            answer = request(base, "GET", path)
            assert (answer.status, answer.body) == (200, text)
            assert request(base, "HEAD", path).status == 200
    assert request(server.hooks, "GET", "/metrics").status == 404
    before = server.metrics()
    server.wait_run(post(server, name="one").json["event"])
    post(server, name="one")
    server.post("/hooks/flagger/post-rollout", flagger_body())
    server.post("/hooks/flagger/post-rollout", b"{", BEARER)

    def count(metrics, name, **labels):
        found = [value for row, value in metrics.items() if row.split("{")[0] == name
                 and all(f'{key}="{wanted}"' in row for key, wanted in labels.items())]
        return sum(found)
    metrics = server.metrics()
    for verdict, number in (("accepted", 1), ("duplicate", 1), ("rejected", 2)):
        assert count(metrics, "postlude_deliveries_total", source="flagger", hook="post-rollout", verdict=verdict) == number, metrics
    assert count(before, "postlude_deliveries_total", source="flagger") == 0
    assert count(metrics, "postlude_runs", state="succeeded") == 1
    assert count(metrics, "postlude_events_waiting") == 0
    assert metrics["postlude_store_bytes"] > 4096 and metrics["postlude_store_commits_total"] >= 3
    text = server.get("/metrics").body.decode()
    assert server.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    assert len(families) == len(set(families)) and len(families) > 8
    documented = set(re.findall(r"^# HELP (\S+) .", text, re.M))
    assert {name for name, _ in families} == documented
    assert count(metrics, "postlude_build_info") == 1 and 'postlude_build_info{version="' in text
    assert count(metrics, "postlude_intake_seconds_count") >= count(before, "postlude_intake_seconds_count") + 2
    assert count(metrics, "postlude_attempt_seconds_count", target="web", action="request") == 2
    assert count(metrics, "postlude_store_commit_seconds_sum") > 0


def test_metrics_on_the_hooks_listener_where_wanted(daemon, fakes, tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("server: {metrics: listen}\n")
    server = daemon(config(fakes), environment=ENVIRONMENT, base=[base])
    assert request(server.hooks, "GET", "/metrics").status == 200
    assert request(server.hooks, "POST", "/metrics", b"").status in (404, 405)


LOGFMT = re.compile(r'^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(debug|info|warn|error) msg=("(?:[^"\\]|\\.)*"|[^\s"=]+)'
                    r'( [A-Za-z][A-Za-z0-9]*=("(?:[^"\\]|\\.)*"|[^\s"=]+|))*$')


@pytest.mark.parametrize("format", ["logfmt", "json"])
def test_logs_are_one_event_a_line(daemon, fakes, format):
    text = config(fakes).replace("auth: {bearer: {env: HOOK}}", "auth: [none, {bearer: {env: HOOK}}]")  # warned of
    text += "  odd: {on: {source: flagger, phase: Failed}, steps: [{uses: assert, with: {that: 'false', message: '${{ .event.metadata.odd }}'}}]}\n"
    server = daemon(text + f"log: {{format: {format}, level: debug}}\n", environment=ENVIRONMENT)
    event = post(server).json["event"]
    server.wait_run(event)
    odd = 'wo"rd=\u00fc \u2028\nlevel=error msg=ready'  # what others write does not begin a line or a field
    failed = server.wait_run(post(server, phase="Failed", metadata={"odd": odd}).json["event"])
    assert odd in failed["reason"]
    post(server, name="refused", phase="")
    server.stop()
    lines = server.log().split("\n")
    assert lines.pop() == "" and len(lines) >= 4
    messages = []
    for line in lines:
        if format == "json":
            row = json.loads(line)
            assert list(row)[:3] == ["time", "level", "msg"], line
            messages.append((row["msg"], row.get("event")))
        else:
            assert LOGFMT.match(line), line
            messages.append((re.search(r'msg=("[^"]*"|\S+)', line)[1].strip('"'), (re.search(r" event=(\S+)", line) or [0, None])[1]))
    assert ("event accepted", event) in messages
    assert [m for m, _ in messages if m in ("ready", "stopping", "stopped")] == ["ready", "stopping", "stopped"]
    assert "hook-Secret" not in server.log()
    told = next(l for l in lines if "run failed" in l)
    why = json.loads(told)["why"] if format == "json" else json.loads(re.search(r' why=("(?:[^"\\]|\\.)*")', told)[1])
    assert odd in why


def test_a_level_leaves_out_the_lesser(daemon, fakes):
    server = daemon(config(fakes) + "log: {level: warn}\n", environment=ENVIRONMENT)
    server.wait_run(post(server).json["event"])
    server.stop()
    assert "level=info" not in server.log()


def test_the_database_is_the_owners(daemon, fakes):
    server = daemon(config(fakes), environment=ENVIRONMENT)
    for path in server.folder.glob("postlude.db*"):
        assert path.stat().st_mode & 0o077 == 0, path
