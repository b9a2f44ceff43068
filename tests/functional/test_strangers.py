"""What an unauthenticated caller can make us store, count, read into memory or keep open is bounded, and honest senders
are served meanwhile."""

import json
import re
import sqlite3
import subprocess
import time

import pytest
from browser import Browser
from daemon import Daemon, flagger_body, request, wait_until
from wire import Wire, basic, exchange, flagger_post, post

SECRET = "s3cret-of-the-hook"
PROOF = basic("flagger", SECRET)
CONFIG = """
sources:
  flagger: {type: flagger, auth: [{basic: {username: flagger, password: {env: HOOK}}}]}
"""
HOOK = "/hooks/flagger/post-rollout"


def made(folder, **options):
    return Daemon(folder, CONFIG, environment={"HOOK": SECRET}, **options)


@pytest.fixture
def server(tmp_path, binary):
    one = made(tmp_path)
    yield one
    one.kill()


@pytest.fixture
def narrow(tmp_path, binary, monkeypatch):
    """One that may open few files."""
    script = tmp_path / "narrow"
    script.write_text(f"#!/bin/sh\nulimit -n 256\nexec {binary} \"$@\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("POSTLUDE_BINARY", str(script))
    one = made(tmp_path / "d")
    yield one
    one.kill()


def honest(server, name):
    body = flagger_body(name=name)
    answer = exchange(server.port, flagger_post(HOOK, body, "h", PROOF), timeout=5.0)
    assert answer.status == 202, answer


def metric(server, name):
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


# -- what it takes to refuse them

def test_a_refused_call_of_many_escapes_costs_little(server):
    """A header of escapes was read anew from each of its characters, and of each refused call: 15 ms of the loop."""
    value = ("\\" * 63 + "u0068") * 230
    call = post(HOOK, b"{}", [("X-A", value[:15_000])])
    begin = time.monotonic()
    for _ in range(100):
        assert exchange(server.port, call, timeout=5.0).status == 401
    many = time.monotonic() - begin
    call = post(HOOK, b"{}", [("X-A", "a" * 15_000)])
    begin = time.monotonic()
    for _ in range(100):
        assert exchange(server.port, call, timeout=5.0).status == 401
    assert many < 2 * (time.monotonic() - begin) + 0.5
    honest(server, "meanwhile")


def test_too_few_open_files_are_told(binary, tmp_path):
    config = tmp_path / "postlude.yaml"
    config.write_text(f"store: {{url: 'sqlite:{tmp_path}/p.db'}}\nsources: {{a: {{type: flagger, auth: none}}}}\n")
    done = subprocess.run(["sh", "-c", f"ulimit -n 16; exec {binary} serve --config {config}"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 1
    assert "may open only 16 files" in done.stderr and "raise the limit" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# -- connections and bytes

BEGUN = {"silent": b"", "a piece of a head": b"POST /hooks/fl", "a piece of a body": post(HOOK, b"x" * 900, length=1000)}


@pytest.mark.parametrize("kind", BEGUN)
def test_more_connections_than_there_may_be_shut_nobody_out(narrow, kind):
    held = []
    for number in range(300):
        held.append(Wire(narrow.port).send(BEGUN[kind]))
        if number % 60 == 59:
            honest(narrow, f"{kind.split()[-1]}-{number}")
            assert request(narrow.hooks, "GET", "/readyz", timeout=5.0).status == 200
    assert metric(narrow, "postlude_connections_let_go_total") > 100
    if kind == "silent":
        assert held[0].is_closed()
    else:
        assert held[0].answer().status == 503, "whoever had begun is told"
    for wire in held:
        wire.socket.close()


def test_the_admin_listener_answers_probes_while_it_is_held(narrow):
    held = [Wire(narrow.admin_port) for _ in range(100)]
    for path in ("/readyz", "/healthz", "/api/v1/runs"):
        assert narrow.get(path, timeout=5.0).status == 200
    honest(narrow, "meanwhile")
    assert len(held) == 100


def test_unfinished_bodies_are_bounded_in_all(server):
    piece = post(HOOK, b"{" + b" " * ((1 << 20) - 3), length=(1 << 20) - 1)
    held = []
    for number in range(120):
        held.append(Wire(server.port).send(piece))
        if number % 40 == 39:
            honest(server, f"beside-{number}")
    answer = held[0].answer()
    assert answer.status == 503 and answer.headers["retry-after"] == "2", answer
    memory = 'postlude_connections_let_go_total{listener="hooks",was="memory"}'
    wait_until(lambda: metric(server, memory) > 20, why="the reading of what the kernel still held")
    held[-1].send(b"}")
    assert held[-1].answer().status == 401, "the newest had room"


def test_how_long_a_connection_may_idle_is_configured(tmp_path, binary):
    base = tmp_path / "base.yaml"
    base.write_text("server: {idleTimeout: 1s}\n")
    server = made(tmp_path / "d", base=[base])
    try:
        with Wire(server.port) as wire:
            for number in range(2):
                assert wire.send(flagger_post(HOOK, flagger_body(name=f"i{number}"), "h", PROOF)).answer().status == 202
            began = time.monotonic()
            assert wire.is_closed()
            assert 0.5 < time.monotonic() - began < 5
    finally:
        server.kill()


# -- names of this machine

EVIL = ["127.evil.example", "127.evil.example:PORT", "127.0.0.1.evil.com:PORT", "localhost.evil:PORT", "evil.com", "",
        "0.0.0.0:PORT", "127.0.0.1@evil.com", "localhost:80:evil", "[::ffff:127.0.0.1]:PORT", "127.1:PORT"]


def test_without_tokens_only_names_of_this_machine_are_answered(server):
    def ask(method, path, host, body=None):
        headers = {"Host": host.replace("PORT", str(server.admin_port)), "Content-Type": "application/json"}
        return request(server.admin, method, path, body, {**headers, "Origin": "http://" + headers["Host"]})

    for host in EVIL:
        for path in ("/api/v1/runs", "/metrics", "/"):
            answer = ask("GET", path, host)
            assert answer.status == 403 and "Host" in answer.json["detail"], (host, path, answer)
        assert ask("POST", "/api/v1/pause", host, b'{"all":true}').status == 403, host
        assert ask("GET", "/healthz", host).status == 200, "probes come by any name"
    assert server.items("pauses") == []
    for host in ("127.0.0.1:PORT", "127.3.2.1:PORT", "LOCALHOST:PORT", "localhost", "[::1]:PORT"):
        for path in ("/api/v1/runs", "/metrics", "/"):
            assert ask("GET", path, host).status == 200, host
    answer = exchange(server.admin_port, b"GET /api/v1/runs HTTP/1.0\r\n\r\n")
    assert answer.status == 403, "no Host at all"
    answer = exchange(server.admin_port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n\r\n")
    assert answer.status == 400


@pytest.mark.skipif(not Browser.found(), reason="there is no Chromium")
def test_a_page_whose_name_leads_here_can_do_nothing(server, tmp_path):
    browser = Browser(tmp_path, "--host-resolver-rules=MAP 127.evil.test 127.0.0.1")
    try:
        browser.open(f"http://127.evil.test:{server.admin_port}/healthz")
        browser.wait_text("ok")
        paused = browser.run("fetch('/api/v1/pause', {method: 'POST', body: '{\"all\": true}'}).then(r => r.status)")
        read = browser.run("fetch('/api/v1/config').then(r => r.status)")
    finally:
        browser.close()
    assert (paused, read) == (403, 403) and server.items("pauses") == []


# -- what is kept

def database(server, query):
    connection = sqlite3.connect(server.database, timeout=5)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


LONG = [
    ("a target", post(HOOK + "?" + "\u00fe" * 15_000, b"{}")),
    ("a path", post("/" + "%e4" * 5_000, b"{}")),
    ("one header", post(HOOK, b"{}", [("X-A", "\u00ff" * 15_000)])),
    ("many headers", post(HOOK, b"{}", [(f"X-{n}", "y" * 10) for n in range(600)])),
    ("a known header", post(HOOK, b"{}", [("User-Agent", "\u00e4\\" * 7_000)])),
    ("escapes", post(HOOK, b"{}", [("X-B", '\t"\\' * 4_000)])),
]


def test_strangers_leave_little(server):
    for kind, data in LONG * 6:
        assert exchange(server.port, data).status in (401, 404), kind
    rows = wait_until(lambda: server.items("deliveries?verdict=rejected"))
    assert 1 <= len(rows) < 30, "some of them a second"
    for row in rows:
        kept = server.get("/api/v1/deliveries/" + row["id"]).body
        assert len(kept) < 2_000, kept
    server.stop()
    records = [detail for detail, in database(server, "SELECT detail FROM audit WHERE actor = 'nobody'")]
    assert 1 <= len(records) <= 3, "one a minute, and one at the end"
    counts = {status: sum(int(n) for n in re.findall(rf"{status} x (\d+)", " ".join(records))) for status in (401, 404)}
    assert counts == {401: 30, 404: 6} and records[0].split(" since 20")[0].isdigit(), records


def test_polls_that_are_refused_again_and_again_are_one_delivery(server):
    body = flagger_body(phase="Progressing")
    for _ in range(12):
        assert exchange(server.port, flagger_post("/hooks/flagger/confirm-rollout", body, "h", PROOF)).status == 403
    row, = server.items("deliveries")
    assert row["repeats"] == 11 and row["lastAt"] >= row["receivedAt"] and row["hook"] == "confirm-rollout"
    assert database(server, "SELECT count(*) FROM audit WHERE action = 'delivery.rejected'") == [(1,)]


def test_a_404_names_no_configured_path(server):
    paths = ("/", "/hooks/flagger/confirm-rolout", "/rollback", "/robots.txt")
    for path in paths:
        answer = exchange(server.port, post(path, b"{}"))
        assert answer.status == 404 and answer.json["detail"] == "no such path", answer
    listed = lambda: server.items("deliveries?verdict=rejected")
    rows = {row["path"]: row["reason"] for row in wait_until(lambda: len(listed()) == len(paths) and listed())}
    assert "nearest configured one is /hooks/flagger" in rows["/rollback"]
    assert not any(gate in rows[path] for path in ("/rollback", "/robots.txt") for gate in ("confirm-", "(rollback"))
    assert "(confirm-rollout of flagger)" in rows["/hooks/flagger/confirm-rolout"], "that one is really near"


# -- what is listed

def test_lists_are_small_whatever_was_sent(server):
    large = "x" * 900_000
    for number in range(6):
        body = flagger_body(name=f"large-{number}", metadata={"x": large})
        answer = server.post(HOOK, body, {"Authorization": PROOF})
        assert answer.status == 202, answer
        assert server.post(HOOK, body, {"Authorization": PROOF}).json["duplicate"]
    for kind in ("events", "deliveries", "runs"):
        assert len(server.get(f"/api/v1/{kind}?limit=500").body) < 20_000, kind
    event = server.api("events/" + answer.json["event"])
    assert event["metadata"] == {"x": large} and len(event["deliveries"]) == 2
    repeat = server.api("deliveries/" + event["deliveries"][1]["id"])
    assert json.loads(repeat["body"])["metadata"]["x"] == large, "a repeat shows the body that it shares"
