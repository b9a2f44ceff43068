"""Parts that need a store in which much has happened: a thousand runs are made as always, and then multiplied."""

import os
import pathlib
import shutil
import sqlite3
import statistics
import time

from bench import SOURCE, TOKEN, Bench, Missing, flagger_body, wait_until
from flowing import STEPS, THREE

SEEDS = 1000
BYTES_PER_EVENT = 4000  # half as much again as one with its run takes, for what comes beside them
# Of each table the columns that are shifted by a sequence's ids, where they are not 0; texts get a number behind them.
SHIFTED = {
    "deliveries": {"id": "delivery", "event": "event"},
    "events": {"id": "event", "delivery": "delivery", "name": "text"},
    "calls": {"canary": "text", "event": "event"},
    "runs": {"id": "run", "event": "event", "replay_of": "run", "queue_key": "text"},
    "steps": {"id": "step", "run": "run", "attempt": "attempt"},
    "attempts": {"step": "step", "id": "attempt"},
    "requests": {"id": "request", "step": "step", "attempt": "attempt"},
    "high_water": {"queue_key": "text", "event": "event"},
    "audit": {"seq": "audit"},
}
COUNTED = ("totals", "totals_by_workflow")  # how many there are, in the column n
ONCE = ("meta", "sequences", "texts", "pauses")
# What waits keeps the text it began with, when the configuration becomes another.
LATER = SOURCE + """\
workflows:
  later:
    on: {source: flagger, phase: Succeeded}
    steps: [{uses: wait, with: {for: 24h}}]
"""


def multiply(database, times):
    """Makes `times` of everything that has happened, while no daemon runs. Ids, sequences and totals fit; names of
    canaries get a number behind them. What does not: the audit chain's hashes, which nobody verifies here."""
    db = sqlite3.connect(database, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "locking_mode = EXCLUSIVE"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        shift = dict(db.execute("SELECT name, next FROM sequences"))
        shift["audit"] = db.execute("SELECT max(seq) FROM audit").fetchone()[0]
        db.execute("BEGIN")
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
            if table in COUNTED:
                db.execute(f"UPDATE {table} SET n = n * {times}")
            if table in COUNTED + ONCE or not db.execute(f"SELECT EXISTS (SELECT * FROM {table})").fetchone()[0]:
                continue
            if table not in SHIFTED:
                raise Missing(f"tests/bench/stored.py does not know how to multiply the table {table}")
            names, values = [], []
            for name in (row[1] for row in db.execute(f"PRAGMA table_info({table})")):
                by = SHIFTED[table].get(name)
                names.append(name)
                values.append(f"{name} || '-' || k" if by == "text" else name if by is None
                              else f"CASE {name} WHEN 0 THEN 0 ELSE {name} + k * {shift[by]} END")
            db.execute(f"CREATE TEMP TABLE seeds AS SELECT * FROM {table}")
            db.execute(f"""\
WITH RECURSIVE copies (k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM copies WHERE k < {times - 1})
INSERT INTO {table} ({", ".join(names)}) SELECT {", ".join(values)} FROM copies CROSS JOIN temp.seeds""")
            db.execute("DROP TABLE temp.seeds")
        db.execute(f"UPDATE sequences SET next = next * {times} WHERE name <> 'text'")
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
    finally:
        db.close()
    file = os.open(database, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def let_go(path):
    """The page cache forgets the file: what is read of it next comes from the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


class StoredParts(Bench):
    def stored(self, config, state, count, name):
        """A stopped daemon whose store has `count` events, each with its run in `state`."""
        free, needed = shutil.disk_usage(self.folder).free, count * BYTES_PER_EVENT
        if free < needed:
            raise Missing(f"{count} events take {needed >> 20} MiB of disk, and {free >> 20} MiB are free")
        daemon = self.daemon(config, name)
        try:
            for number in range(SEEDS):
                answer = daemon.post("/hooks/flagger/post-rollout", flagger_body(
                    name=f"old-{number}", checksum=f"{number:010x}", metadata={"environment": "production", "jiraProject": "PROJ"}),
                    {"Authorization": f"Bearer {TOKEN}"})
                if answer.status != 202:
                    raise Missing(f"not accepted: {answer}")
            wait_until(lambda: self.runs(daemon, state) == SEEDS, 60, 0.1, f"{SEEDS} {state} runs")
            daemon.stop(30)
            begin = time.monotonic()
            multiply(daemon.database, count // SEEDS)
        except BaseException:
            daemon.kill()
            raise
        print(f"  {count} events with {state} runs: {daemon.database.stat().st_size >> 20} MiB, "
              f"multiplied in {time.monotonic() - begin:.0f} s", flush=True)
        return daemon

    def discard(self, daemon):
        daemon.kill()
        shutil.rmtree(daemon.folder)  # others may need the room

    # -- a million waiting runs

    def starts(self, daemon):
        """Median seconds until ready; before each the page cache has forgotten the database. It runs at the end."""
        took = []
        for _ in range(3 if self.quick else 5):
            daemon.stop(30)
            for path in daemon.folder.glob(daemon.database.name + "*"):
                let_go(path)
            begin = time.perf_counter()
            daemon.start(ready=False)
            wait_until(daemon.is_ready, 60, 0.002, "readiness")
            took.append(time.perf_counter() - begin)
        return statistics.median(took)

    @staticmethod
    def counted(database):
        """Seconds of opening the database with SQLite and counting what waits, from the disk."""
        let_go(database)
        begin = time.perf_counter()
        db = sqlite3.connect(pathlib.Path(database).absolute().as_uri() + "?mode=ro", uri=True)
        try:
            db.execute("SELECT count(*) FROM runs WHERE state = 3").fetchone()
        finally:
            db.close()
        return time.perf_counter() - begin

    def empty(self, config, measure):
        with self.daemon(config, "empty") as daemon:
            return measure(daemon)

    def million(self):
        count = 100_000 if self.quick else 1_000_000
        print(f"{count} waiting runs, made by multiplying", flush=True)
        process, url = self.nginx(self.fresh("nginx"), 200)
        daemon = None
        try:
            daemon = self.stored(LATER, "waiting", count, "million")
            counting = self.counted(daemon.database)
            config = THREE % int(url.rsplit(":", 1)[1])
            daemon.write_config(config)
            start = self.starts(daemon)
            self.row(f"start until ready, {count} waiting runs, beside counting them with SQLite", f"{start:.3f} s", f"{counting:.3f} s",
                     f"{start / counting:.2f}", "<= 1 s", start <= 1)
            if self.runs(daemon, "waiting") != count:
                raise Missing(f"{self.runs(daemon, 'waiting'):.0f} runs wait instead of {count}")
            time.sleep(10)
            self.memory(daemon, f"PSS idle after 10 s, {count} waiting runs")
            found = self.pairs(2 if self.quick else 4, lambda: self.flow_rate("full", daemon),
                               lambda: self.empty(config, lambda other: self.flow_rate("empty", other)))
            self.memory(daemon, f"PSS after thousands of runs beside {count} waiting ones")
        finally:
            self.end(process)
            if daemon:
                self.discard(daemon)
        ratio = statistics.median(ours / beside for ours, beside in found)
        self.row(f"three-step runs per second beside {count} waiting ones, and with an empty store",
                 *(f"{statistics.median(pair[side] for pair in found):.0f}/s" for side in (0, 1)), f"{ratio:.2f}", ">= 0.9", ratio >= 0.9)

    def memory(self, daemon, what):
        megabytes, processes = self.pss(daemon)
        self.row(what, f"{megabytes:.1f} MB in {processes} processes", "", "", "<= 150 MB", megabytes <= 150)

    def flow_rate(self, what, daemon):
        self.flow(daemon, 1)  # until the write-ahead log has its blocks, each is slower
        one = self.flow(daemon, 1 if self.quick else 3)
        print(f"  {what:6} {one['sent']} calls: {one['overall']:.0f} runs/s", flush=True)
        return one["overall"]

    # -- intake beside what has been

    def history(self):
        process, url = self.nginx(self.fresh("nginx"), 200)
        try:
            config = STEPS % int(url.rsplit(":", 1)[1])
            for count, goal in ((10_000, 0.95), (100_000 if self.quick else 1_000_000, 0.9)):
                self.intake_beside(config, count, goal)
        finally:
            self.end(process)

    def intake_beside(self, config, count, goal):
        print(f"taking in with a history of {count} events", flush=True)
        daemon = self.stored(config, "succeeded", count, "history")
        try:
            nothing = config.replace("phase: Succeeded", "phase: Failed")  # looked at, but what is measured is taking in
            daemon.write_config(nothing)
            kept = daemon.database.with_name("kept")
            if count <= 100_000:  # a few seconds of calls are more than that: each round begins with the same
                shutil.copyfile(daemon.database, kept)

            def ours():
                if kept.exists():
                    for path in daemon.folder.glob(daemon.database.name + "*"):
                        path.unlink()
                    shutil.copyfile(kept, daemon.database)
                    let_go(daemon.database)
                daemon.start()
                rate = self.intake_rate("full", daemon)
                daemon.stop(30)
                return rate

            found = self.pairs(3 if self.quick else 10, ours,
                               lambda: self.empty(nothing, lambda other: self.intake_rate("empty", other)))
        finally:
            self.discard(daemon)
        ratio = statistics.median(full / none for full, none in found)
        self.row(f"durable accepts with a history of {count} events, and with none",
                 *(f"{statistics.median(pair[side] for pair in found):.0f}/s" for side in (0, 1)), f"{ratio:.2f}", f">= {goal}", ratio >= goal)

    def intake_rate(self, what, daemon):
        rate = self.wrk(daemon.hooks + "/hooks/flagger/post-rollout", seconds=2)["rate"]
        print(f"  {what:6} {rate:.0f}/s", flush=True)
        return rate
