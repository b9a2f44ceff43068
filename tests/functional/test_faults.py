"""What a fault of the machine or a slip of a person does to a running daemon: its log is not read, its files are
removed, its database is damaged, threads and descriptors run out, the clock is set."""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from daemon import ROOT, Daemon, binary, flagger_body, request, wait_until

HOOK = "/hooks/flagger/post-rollout"
SOURCE = "sources: {flagger: {type: flagger, auth: {bearer: {env: HOOK}}}}\n"
ENVIRONMENT = {"HOOK": "hook-Secret"}
BEARER = {"Authorization": "Bearer hook-Secret"}
IDLE = SOURCE + "workflows: {}\n"


def post(server, name, **options):
    return server.post(HOOK, flagger_body(name=name), BEARER, **options)


def accepted(server, *names):
    for name in names:
        answer = post(server, name)
        assert answer.status == 202, answer


def names_of(server):
    return sorted(event["name"] for event in server.items("events?limit=200") if event["source"] == "flagger")


def ended(server, timeout=10.0):
    """Its exit status, once it has ended by itself."""
    status = server.process.wait(timeout)
    server._sweep(server.process)
    server.process = None
    return status


# -- the log

def test_a_log_that_nobody_reads_stops_nothing(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT, start=False)
    reading, writing = os.pipe()
    server.process = subprocess.Popen(
        [binary(), "serve", "--config", *server.configs], stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
        env={**os.environ, **ENVIRONMENT}, start_new_session=True)
    os.close(writing)
    server.wait_ready()
    # Each of these is a line of more than 100 bytes: 64 KiB are in the pipe soon, 1 MiB in the queue.
    for _ in range(400):
        for _ in range(25):
            server.process.send_signal(signal.SIGUSR1)
        assert request(server.hooks, "GET", "/healthz", timeout=2.0).status == 200
    accepted(server, "a")
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(10)
    assert time.monotonic() - begun < 10
    os.close(reading)


# -- signals

def test_signals_of_other_programs_end_nothing(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    named = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT")
    numbers = {name: getattr(signal, name) for name in named}
    numbers |= {f"SIGRTMIN+{n}": signal.SIGRTMIN + n for n in range(signal.SIGRTMAX - signal.SIGRTMIN + 1)}
    for name, number in numbers.items():
        server.process.send_signal(number)
        wait_until(lambda name=name: f"signal={name}\n" in server.log(), why=f"a line about {name}")
    # All others that end a program, but for those that are faults of it, and what asks it to stop.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT):
        server.process.send_signal(number)
    accepted(server, "a")
    left = set(range(1, signal.NSIG)) - set(numbers.values()) - {32, 33}  # libc's own
    ignored = int(re.search(r"SigIgn:\s*(\w+)", status_of(server))[1], 16)
    caught = int(re.search(r"SigCgt:\s*(\w+)", status_of(server))[1], 16)
    fatal = {number for number in left if not (ignored | caught) >> (number - 1) & 1}
    assert {signal.Signals(number).name for number in fatal - HARMLESS} == FAULTS


HARMLESS = {signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN,
            signal.SIGTTOU}
FAULTS = {"SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGSEGV", "SIGXCPU", "SIGSYS"}


def status_of(server):
    return pathlib.Path(f"/proc/{server.process.pid}/status").read_text()


# -- files that are no files

@pytest.mark.parametrize("what", ["pipe", "device", "socket"])
def test_what_is_no_file_is_named_and_never_waited_for(daemon, tmp_path, what):
    folder = tmp_path / "connectors"
    folder.mkdir()
    odd = folder / "odd.yaml"

    def make():
        if what == "pipe":
            os.mkfifo(odd)
        elif what == "device":
            os.symlink("/dev/zero", odd)
        else:
            socket.socket(socket.AF_UNIX).bind(str(odd))

    server = daemon(IDLE, environment=ENVIRONMENT, start=False)
    make()
    done = server.cli("check", server.config_file, "--connectors", folder, check=1, timeout=10)
    assert f"{odd}" in done.stdout + done.stderr and "only ordinary files are read" in done.stdout + done.stderr
    odd.unlink()
    (folder / "fine.yaml").write_text((ROOT / "connectors/slack.yaml").read_text())
    server.arguments = ["--connectors", str(folder)]
    server.start()
    make()
    wait_until(lambda: "only ordinary files are read" in server.log(), why="the refusal")
    server.write_config(SOURCE + "workflows: {x: {on: {source: flagger}, steps: [{uses: set, with: {values: {a: 1}}}]}}\n")
    odd.unlink()
    wait_until(lambda: "configuration loaded" in server.log(), why="the next configuration")


@pytest.mark.parametrize("place", ["secret", "table"])
def test_a_pipe_for_a_secret_or_a_table(daemon, tmp_path, place):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if place == "secret":
        server = daemon(f"sources: {{flagger: {{type: flagger, auth: {{bearer: {{file: {pipe}}}}}}}, open: {{type: flagger, auth: none}}}}\nworkflows: {{}}\n")
        assert post(server, "a", timeout=5.0).status == 503
        wait_until(lambda: "only ordinary files are read" in server.log(), why="the warning")
    else:
        server = daemon(IDLE, start=False)
        server.write_config(IDLE + f"data: {{t: {{file: {pipe}}}}}\n")
        done = server.cli("check", server.config_file, check=1, timeout=10)
        assert "is a named pipe; only ordinary files are read" in done.stdout + done.stderr


def test_a_change_that_could_not_be_read_is_read_later(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    free = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (8, free[1]))  # it has more open than that
    server.write_config(SOURCE + "workflows: {x: {on: {source: flagger}, steps: [{uses: set, with: {values: {a: 1}}}]}}\n")
    wait_until(lambda: "configuration refused" in server.log(), why="the refusal")
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, free)
    wait_until(lambda: "configuration loaded" in server.log(), 15, why="the change")
    assert server.log().count("configuration refused") == 1
    accepted(server, "a")


# -- no thread, no process

@pytest.mark.skipif(os.getuid() != 0, reason="a limit on processes binds nobody's own tests but another user's")
def test_no_thread_and_no_evaluator_can_be_started(daemon, tmp_path):
    config = SOURCE + "workflows: {w: {on: {source: flagger}, steps: [{uses: set, with: {values: {a: '${{ [.event.name | explode[] | . + 1] | add }}'}}}]}}\n"
    folder = pathlib.Path("/var/tmp") / f"postlude-threads-{os.getpid()}"
    server = daemon(config, environment=ENVIRONMENT, start=False)
    shutil.copytree(server.folder, folder)
    server.write_config(config)
    try:
        _threads(server, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _threads(server, folder):
    text = server.config_file.read_text().replace(str(server.folder), str(folder))
    server.config_file = folder / "postlude.yaml"
    server.config_file.write_text(text)
    subprocess.run(["chown", "-R", "54321:54321", str(folder)], check=True)
    user = ["--reuid=54321", "--regid=54321", "--clear-groups"]
    shutil.copy(binary(), folder / "postlude")
    with open(server.log_file, "ab") as log:
        server.process = subprocess.Popen(
            ["setpriv", *user, "bash", "-c", "ulimit -u 60; exec ./postlude serve --config postlude.yaml"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **ENVIRONMENT},
            start_new_session=True)
    server.wait_ready()
    accepted(server, "before")
    pid = server.process.pid
    wait_until(lambda: any(run["state"] == "succeeded" for run in server.items("runs")), why="a run")
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()
    crowd = [subprocess.Popen(["setpriv", *user, "sleep", "60"]) for _ in range(70)]
    try:
        wait_until(lambda: "changes of the configuration cannot be read" in server.log(), why="a line about the thread")
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        accepted(server, "meanwhile")
        assert server.process.poll() is None
    finally:
        for one in crowd:
            one.kill()
            one.wait()
    wait_until(lambda: "changes of the configuration can be read again" in server.log(), why="the thread again")
    wait_until(lambda: sum(run["state"] == "succeeded" for run in server.items("runs")) == 2, 20, why="both runs")


# -- the database's files

def test_a_removed_database_is_rescued(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a", "b")
    for path in server.folder.glob("postlude.db*"):
        path.unlink()
    assert ended(server) == 1
    copies = list(server.folder.glob("postlude.db.rescued-*"))
    assert len(copies) == 1 and str(copies[0]) in server.log()
    assert copies[0].stat().st_mode & 0o077 == 0
    # A start without it says so; moved back it has everything.
    server.start()
    assert names_of(server) == []
    assert "beside it is a copy that was rescued" in server.log()
    server.stop()
    for path in server.folder.glob("postlude.db*"):
        if path != copies[0]:
            path.unlink()
    copies[0].rename(server.database)
    server.start()
    assert names_of(server) == ["a", "b"]
    assert server.api("audit/verify")["intact"]


@pytest.mark.parametrize("how", ["renamed", "replaced", "folder"])
def test_another_file_at_the_databases_path(daemon, tmp_path, how):
    folder = tmp_path / "data"
    folder.mkdir()
    server = daemon(IDLE, environment=ENVIRONMENT, store=f"sqlite:{folder / 'x.db'}")
    accepted(server, "a")
    if how == "renamed":
        (folder / "x.db").rename(folder / "y.db")
    elif how == "replaced":
        (folder / "other").write_bytes((folder / "x.db").read_bytes())
        (folder / "other").rename(folder / "x.db")
    else:
        folder.rename(tmp_path / "moved")
        folder.mkdir()
    assert ended(server) == 1
    copy, = folder.glob("x.db.rescued-*")
    assert [name for name, in sqlite3.connect(copy).execute("SELECT name FROM events")] == ["a"]


def test_what_cannot_be_rescued_is_held_until_it_can(daemon, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    server = daemon(IDLE, environment=ENVIRONMENT, store=f"sqlite:{folder / 'x.db'}")
    accepted(server, "a")
    shutil.rmtree(folder)  # there is nowhere to put a copy
    wait_until(lambda: "could not be copied" in server.log(), why="the failed rescue")
    assert post(server, "b").status == 503
    assert request(server.hooks, "GET", "/healthz").status == 200
    folder.mkdir()
    assert ended(server) == 1
    copy, = folder.glob("x.db.rescued-*")
    assert [name for name, in sqlite3.connect(copy).execute("SELECT name FROM events")] == ["a"]


@pytest.mark.parametrize("which", ["-wal", "-shm"])
def test_a_removed_log_is_copied_back(daemon, which):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a", "b")
    pathlib.Path(f"{server.database}{which}").unlink()
    assert ended(server) == 1
    assert "write-ahead log" in server.log()
    server.start()
    assert names_of(server) == ["a", "b"]


def test_a_log_that_is_cut_short_is_not_copied_over_the_database(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a", "b")
    server.stop()  # both are in the database
    server.start()
    accepted(server, "c")
    os.truncate(f"{server.database}-wal", 0)
    assert ended(server) == 1
    assert "was cut short" in server.log()
    server.start()
    assert names_of(server)[:2] == ["a", "b"]
    assert "the write-ahead log is damaged" in server.log()


def test_another_program_may_empty_the_log(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a")
    other = sqlite3.connect(server.database, timeout=10)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    accepted(server, "b")
    assert names_of(server) == ["a", "b"]
    assert "cut short" not in server.log()


def test_a_removed_lock_lets_no_second_daemon_in(daemon, tmp_path):
    server = daemon(IDLE, environment=ENVIRONMENT)
    second = Daemon(tmp_path / "second", IDLE, environment=ENVIRONMENT, start=False, store=server.store)
    os.kill(server.process.pid, signal.SIGSTOP)  # it cannot look meanwhile
    pathlib.Path(f"{server.database}.lock").unlink()
    second.start(ready=False)
    assert second.process.wait(10) == 1
    assert "another postlude has the database" in second.log()
    second.process = None
    os.kill(server.process.pid, signal.SIGCONT)
    assert ended(server) == 1
    assert "lock file" in server.log()
    server.start()
    accepted(server, "a")


def test_a_hard_link_is_the_same_database(daemon, tmp_path):
    server = daemon(IDLE, environment=ENVIRONMENT)
    os.link(server.database, tmp_path / "hard.db")
    second = Daemon(tmp_path / "second", IDLE, environment=ENVIRONMENT, start=False,
                    store=f"sqlite:{tmp_path / 'hard.db'}")
    second.start(ready=False)
    assert second.process.wait(10) == 1
    assert "another postlude has the database" in second.log()
    second.process = None
    accepted(server, "a")


# -- damage

@pytest.mark.parametrize("how", ["middle", "last", "half", "header", "gone", "empty"])
def test_a_damaged_log_is_told(daemon, how):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, *[f"e{i:02}" for i in range(20)])
    server.kill()
    log = pathlib.Path(f"{server.database}-wal")
    bytes_of = bytearray(log.read_bytes())
    if how == "gone":
        log.unlink()
    elif how in ("half", "empty"):
        log.write_bytes(bytes_of[:len(bytes_of) // 2] if how == "half" else b"")
    else:
        at = {"middle": len(bytes_of) // 2, "last": len(bytes_of) - 100, "header": 10}[how]
        bytes_of[at] ^= 1
        log.write_bytes(bytes_of)
    server.start()
    assert "the write-ahead log is damaged" in server.log()
    left = names_of(server)
    assert left == [f"e{i:02}" for i in range(len(left))] and len(left) < 20
    damaged = [r for r in records(server) if r["action"] == "store.damaged"]
    assert len(damaged) == 1 and "-wal" in damaged[0]["detail"]
    if how != "gone":
        assert list(server.folder.glob("postlude.db-wal.damaged-*"))
    assert server.api("audit/verify")["intact"]
    # Told once, and not of what is whole.
    accepted(server, "after")
    server.kill()
    server.start()
    assert server.log().count("the write-ahead log is damaged") == 1
    assert "after" in names_of(server)


def records(server):
    done = server.cli("audit", "export", "--file", server.database, check=0)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_kill_is_no_damage(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    for round in range(4):
        accepted(server, *[f"r{round}-{i}" for i in range(5)])
        if round % 2:
            server.kill()
            server.start()
        else:
            server.restart()
    assert len(names_of(server)) == 20
    assert "damaged" not in server.log()


def test_a_damaged_page_fails_a_reader_and_not_the_daemon(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    for i in range(30):
        assert server.post(HOOK, flagger_body(name=f"n{i}", metadata={"x": "y" * 3000}), BEARER).status == 202
    server.stop()
    db = sqlite3.connect(server.database)
    page_size, = db.execute("PRAGMA page_size").fetchone()
    root, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'").fetchone()
    db.close()
    with open(server.database, "r+b") as file:
        file.seek((root - 1) * page_size)
        file.write(os.urandom(16))
    server.start()
    answer = server.get("/api/v1/deliveries?limit=100")
    assert answer.status == 503 and "damaged" in answer.json["detail"], answer
    assert request(server.hooks, "GET", "/healthz").status == 200
    wait_until(lambda: "the database is damaged" in server.log(), why="its line")  # the log waits for nobody
    server.kill()


def test_a_value_that_nobody_wrote_fails_a_reader_and_not_the_daemon(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a", "b")
    server.stop()
    db = sqlite3.connect(server.database)
    db.execute("UPDATE deliveries SET verdict = 99 WHERE id = (SELECT max(id) FROM deliveries)")
    db.commit()
    db.close()
    server.start()
    assert server.get("/api/v1/deliveries?limit=100").status == 503
    assert names_of(server) == ["a", "b"]
    accepted(server, "c")


# -- the clock

SHIM = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *ts) {
  int done = (int)syscall(SYS_clock_gettime, clock, ts);
  if (clock == CLOCK_REALTIME && getenv("CLOCK_OFF")) {
    FILE *file = fopen(getenv("CLOCK_OFF"), "r");
    long off = 0;
    if (file) { if (fscanf(file, "%ld", &off) != 1) off = 0; fclose(file); }
    ts->tv_sec += off;
  }
  return done;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="the clock is shimmed in C")
def test_a_clock_that_is_set_is_told_within_seconds(daemon, tmp_path):
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "shim.so", tmp_path / "shim.c"], check=True)
    off = tmp_path / "off"
    off.write_text("0\n")
    server = daemon(IDLE, environment={**ENVIRONMENT, "LD_PRELOAD": str(tmp_path / "shim.so"), "CLOCK_OFF": str(off)})
    off.write_text("864000\n")
    wait_until(lambda: "the wall clock was changed" in server.log(), 5, why="a line about the clock")  # nobody calls
    assert server.metrics()["postlude_clock_off_seconds"] == pytest.approx(864000, abs=5)
    off.write_text("0\n")
    wait_until(lambda: "the wall clock is right again" in server.log(), 5, why="a line about the clock")
    assert server.metrics()["postlude_clock_off_seconds"] == 0


# -- audit verify

def test_audit_verify_names_the_first_bad_record(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, *[f"n{i}" for i in range(10)])
    said = server.cli("audit", "verify", check=0).stdout
    assert re.match(r"the chain is intact: (\d+) records, head [0-9a-f]{64}\n", said), said
    assert "Cut-off records at the end cannot be detected" in said
    beside = server.cli("audit", "verify", "--file", server.database, "-o", "json", check=0)
    assert json.loads(beside.stdout) == server.api("audit/verify")
    server.stop()
    assert [r["seq"] for r in records(server)] == list(range(1, len(records(server)) + 1))
    before = server.database.read_bytes()
    server.cli("audit", "verify", "--file", server.database, check=0)
    assert server.database.read_bytes() == before
    db = sqlite3.connect(server.database)
    db.execute("UPDATE audit SET detail = 'forged' || char(27) || '[2J' WHERE seq = 5")
    db.commit()
    db.close()
    said = server.cli("audit", "verify", "--file", server.database, check=1).stdout
    assert "broken after 5 records" in said or "broken after 4 records" in said, said
    assert "record 5 " in said and "\x1b" not in said
    server.cli("audit", "verify", "--file", server.folder / "none.db", check=2)
    server.cli("audit", "verify", "--file", server.config_file, check=2)
    assert server.cli("audit", "verify").returncode == 3  # nobody is there
    assert not (server.folder / "none.db").exists()


def test_a_store_url_takes_no_parameters(daemon):
    server = daemon(IDLE, start=False, store="sqlite:x.db?mode=ro")
    said = server.cli("check", server.config_file, check=1)
    assert "takes no parameters" in said.stdout + said.stderr
