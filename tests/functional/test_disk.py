"""What the disk does to what was acknowledged: limits and quotas, other programs at the database, single bits."""

import errno
import itertools
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import struct
import subprocess

import pytest
from daemon import binary, flagger_body, wait_until
from test_faults import BEARER, ENVIRONMENT, HOOK, IDLE, accepted, ended, names_of, records
from test_people import act

TOLD = "the write-ahead log is damaged"


def log_of(server):
    return pathlib.Path(f"{server.database}-wal")


def large(server, name):
    return server.post(HOOK, flagger_body(name=name, metadata={"padding": "y" * 100_000}), BEARER)


def limit(server, size):
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def refused_and_on_again(server, more, less, why):
    """Hooks are answered 503 while there is no room; afterwards all goes on, and all that was acknowledged is there."""
    accepted(server, "before")
    taken = ["before"]
    less()
    for n in range(12):
        answer = large(server, f"large{n:02}")
        assert answer.status in (202, 503), answer
        taken += [f"large{n:02}"] if answer.status == 202 else []
    assert answer.status == 503 and "retry-after" not in answer.headers, answer
    assert names_of(server) == sorted(taken) and server.process.poll() is None
    assert why in server.log(), server.log()[-2000:]
    more()
    accepted(server, "after")
    assert large(server, "large-after").status == 202
    server.kill()
    server.start()
    assert names_of(server) == sorted([*taken, "after", "large-after"])
    assert TOLD not in server.log() and server.api("audit/verify")["intact"]


def test_a_file_at_its_size_limit_is_a_full_disk(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    refused_and_on_again(server, lambda: limit(server, None), lambda: limit(server, log_of(server).stat().st_size + 200_000),
                         "RLIMIT_FSIZE")


def test_a_start_below_the_size_limit_waits_for_room(daemon):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, *[f"e{n}" for n in range(5)])
    server.kill()
    # Its log is read, and has no room in the database.
    wrapper = server.folder / "limited"
    wrapper.write_text(f"#!/bin/bash\nulimit -S -f {server.database.stat().st_size // 1024 + 4}\nexec \"$@\"\n")
    wrapper.chmod(0o755)
    with open(server.log_file, "ab") as log:
        server.process = subprocess.Popen(
            [wrapper, shutil.which("env"), *[f"{k}={v}" for k, v in ENVIRONMENT.items()], binary(), "serve", "--config",
             *server.configs], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    wait_until(lambda: "the store cannot be opened; trying again" in server.log(), why="a line about the limit")
    limit(server, None)
    server.wait_ready()
    assert names_of(server) == [f"e{n}" for n in range(5)] and TOLD not in server.log()


SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static int refuses(int fd, const char *call) {
  static int syncs = 0;
  static long seen = 0;
  char link[64], path[4096], what[16];
  int error = 0, after = 0;
  long turn = 0;
  const char *name = getenv("REFUSE");
  FILE *file = name ? fopen(name, "r") : NULL;
  if (!file) return 0;
  if (fscanf(file, "%ld %15s %d %d", &turn, what, &error, &after) != 4) error = 0;
  fclose(file);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n < 0 ? 0 : n] = 0;
  if (!strstr(path, ".db-wal")) return 0;
  if (turn != seen) seen = turn, syncs = 0;
  if (strcmp(call, "sync") == 0) ++syncs;
  if (error == 0 || strcmp(what, call) != 0 || syncs < after) return 0;
  errno = error;
  return 1;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return refuses(fd, "write") ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}
int fdatasync(int fd) { return refuses(fd, "sync") ? -1 : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return refuses(fd, "sync") ? -1 : (int)syscall(SYS_fsync, fd); }
"""


@pytest.fixture
def shimmed(daemon, tmp_path):
    """A daemon, and refuse(call, error, after): what a "write" or "sync" of its log meets, after so many syncs. No
    arguments: nothing."""
    if shutil.which("cc") is None:
        pytest.skip("the disk is shimmed in C")
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "shim.so", tmp_path / "shim.c"], check=True)
    told, turns = tmp_path / "refuse", itertools.count(1)

    def refuse(call="none", error=0, after=0):
        new = tmp_path / "refuse.new"
        new.write_text(f"{next(turns)} {call} {error} {after}\n")
        new.rename(told)
    refuse()
    environment = {**ENVIRONMENT, "LD_PRELOAD": str(tmp_path / "shim.so"), "REFUSE": str(told)}
    return daemon(IDLE, environment=environment), refuse


@pytest.mark.parametrize("error", [errno.EDQUOT, errno.EFBIG, errno.ENOSPC])
def test_a_write_without_room_is_a_full_disk(shimmed, error):
    server, refuse = shimmed
    said = {errno.EDQUOT: "quota", errno.EFBIG: "RLIMIT_FSIZE", errno.ENOSPC: "the disk is full"}
    refused_and_on_again(server, refuse, lambda: refuse("write", error), said[error])


@pytest.mark.parametrize("call, error", [("write", errno.EIO), ("sync", errno.EIO), ("sync", errno.EDQUOT)])
def test_any_other_failure_ends_the_process(shimmed, call, error):
    server, refuse = shimmed
    accepted(server, "a")
    refuse(call, error)
    with pytest.raises((OSError, AssertionError)):
        accepted(server, "b")
    assert ended(server) == 1
    assert "only a new start can tell" in server.log() and f"errno={error}" in server.log()
    refuse()
    server.start()
    assert "a" in names_of(server)


def test_starts_without_room_keep_one_copy_of_a_damaged_log(shimmed):
    server, refuse = shimmed
    accepted(server, *[f"e{n}" for n in range(20)])
    server.kill()
    with open(log_of(server), "r+b") as log:
        log.seek(-100, os.SEEK_END)
        log.write(b"\xff\x00\xff")
    refuse("write", errno.ENOSPC)
    waits = "the store cannot be opened; trying again"
    for n in range(3):
        server.start(ready=False)
        wait_until(lambda n=n: server.log().count(waits) > n, why="a line about the full disk")
        server.kill()
    copy, = server.folder.glob("postlude.db-wal.damaged-*")
    refuse()
    server.start()
    assert list(server.folder.glob("postlude.db-wal.damaged-*")) == [copy]
    assert server.log().count(TOLD) == 1 and copy.name in server.log()
    assert len([r for r in records(server) if r["action"] == "store.damaged"]) == 1


def test_an_answer_that_found_no_room_is_kept_later(shimmed):
    """The write is carried out, and the disk is full when its answer is to be kept with its key."""
    server, refuse = shimmed
    key = {"Idempotency-Key": "one"}
    refuse("write", errno.ENOSPC, 2)  # the key, and the act
    first = act(server, "pause", {"all": True, "reason": "a move"}, key)
    assert first.status == 200, first
    wait_until(lambda: "the answer for an Idempotency-Key could not be stored" in server.log(), why="a line about the answer")
    assert act(server, "pause", {"all": True, "reason": "a move"}, key).status == 409
    refuse()
    again = act(server, "pause", {"all": True, "reason": "a move"}, key)
    assert (again.status, again.json) == (first.status, first.json), again
    assert act(server, "pause", {"all": True, "reason": "another"}, key).status == 422
    # One that failed for want of room may be tried again.
    refuse("write", errno.ENOSPC, 1)
    key = {"Idempotency-Key": "two"}
    assert act(server, "unpause", {"all": True}, key).status == 503
    refuse()
    assert act(server, "unpause", {"all": True}, key).status == 200


# -- other programs at the database

def empty(server):
    other = sqlite3.connect(server.database, timeout=10)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    assert log_of(server).stat().st_size == 0


def open_and_close(server):
    other = sqlite3.connect(server.database, timeout=10)
    other.execute("SELECT count(*) FROM events").fetchall()
    other.close()


@pytest.mark.parametrize("when", ["while", "while, then more", "after", "both", "reset"])
def test_another_program_that_empties_the_log_loses_nothing(daemon, when):
    server = daemon(IDLE, environment=ENVIRONMENT)
    accepted(server, "a", "b")
    if when in ("while", "while, then more", "both"):
        empty(server)
    if when == "reset":  # and begins it anew
        other = sqlite3.connect(server.database, timeout=10)
        other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        for n in range(2):
            other.execute("UPDATE meta SET value = value WHERE key = 'schema'")
            other.commit()
            other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        other.close()
    if when != "while":
        accepted(server, "c")
    server.kill()
    if when in ("after", "both"):
        open_and_close(server)
        assert not log_of(server).exists()
    server.start()
    assert names_of(server) == (["a", "b"] if when == "while" else ["a", "b", "c"])
    assert TOLD not in server.log()
    assert not [r for r in records(server) if r["action"] == "store.damaged"]
    assert not list(server.folder.glob("*.damaged-*"))
    # What is really lost is still told.
    accepted(server, "d")
    server.kill()
    log_of(server).unlink()
    server.start()
    assert TOLD in server.log() and "d" not in names_of(server)


# -- bits

def places(log):
    """(name, offset, mask) of single bits and bytes: all of the header, and of some frames header and page."""
    chance = random.Random(7)
    page, = struct.unpack(">I", log[8:12])
    frames = (len(log) - 32) // (24 + page)
    out = [(f"header {at}", at, 1 << chance.randrange(8)) for at in range(0, 32, 2)]
    for frame in (1, 2, frames // 2, frames - 1, frames):
        begin = 32 + (frame - 1) * (24 + page)
        for name, at in {"page number": 3, "size": 7, "salt1": 8, "salt2": 15, "sum1": 17, "sum2": 23}.items():
            out.append((f"frame {frame}: {name}", begin + at, 1 << chance.randrange(8)))
        for at in (24, 24 + chance.randrange(page), 24 + page - 1):
            out.append((f"frame {frame}: page, byte {at}", begin + at, chance.choice([0xFF, 1 << chance.randrange(8)])))
    return out


@pytest.mark.timing
def test_no_flipped_bit_of_the_log_goes_unseen(daemon, tmp_path):
    server = daemon(IDLE, environment=ENVIRONMENT)
    names = [f"e{n}" for n in range(8)]
    accepted(server, *names)
    server.kill()
    files = {path.name: path.read_bytes() for path in server.folder.glob("postlude.db*")}
    whole, inode = files["postlude.db-wal"], server.database.stat().st_ino
    found = places(whole)
    assert len(found) >= 60
    silent, told = [], 0
    for name, at, mask in found:
        for path in server.folder.glob("postlude.db*"):
            if path.name not in files:
                path.unlink()
        for file, content in files.items():
            (server.folder / file).write_bytes(content)  # into the same file: its note names it
        assert server.database.stat().st_ino == inode
        with open(log_of(server), "r+b") as log:
            log.seek(at)
            log.write(bytes([whole[at] ^ mask]))
        server.log_file.write_text("")
        server.start()
        left = names_of(server)
        damaged = [r for r in records(server) if r["action"] == "store.damaged"]
        server.kill()
        assert left == names[:len(left)], (name, left)
        if TOLD in server.log() and len(damaged) == 1:
            told += 1
            assert list(server.folder.glob("postlude.db-wal.damaged-*")), name
        elif left != names:
            silent.append((name, left))
    assert not silent and told >= 50, (silent, told)
