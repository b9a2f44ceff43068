"""A database and a configuration of schema 6 (tests/testdata/upgrade) with this build: all of it goes on."""

import gzip
import json
import os
import sqlite3
import subprocess

import pytest
from daemon import ROOT, flagger_body, wait_until

MADE = ROOT / "tests" / "testdata" / "upgrade"
FACTS = json.loads((MADE / "facts.json").read_text())
TOKEN = "t0ken-of-the-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BREAKS = "outcome: rolledBack"


@pytest.fixture
def old(daemon, fakes):
    """A stopped daemon whose folder holds what was made with schema 6."""
    def prepare(mend=True, **options):
        made = daemon("", environment={"TOKEN": TOKEN}, start=False, **options)
        made.database.write_bytes(gzip.decompress((MADE / "postlude.db.gz").read_bytes()))
        text = (MADE / "postlude.yaml").read_text()
        if mend:
            text = text.replace(BREAKS, "outcome: failed")
        for name, value in {"LISTEN": made.port, "ADMIN": made.admin_port, "FOLDER": made.folder, "FAKES": fakes.url}.items():
            text = text.replace(name, str(value))
        made.config_file.write_text(text)
        return made
    return prepare


def sent(fakes, path):
    return [r for r in fakes.state()["requests"] if r["path"] == path]


def in_state(server, name, state):
    run = FACTS["runs"][name]
    wait_until(lambda: server.api(f"runs/{run}")["state"] == state, 20, why=f"{name} {state}")
    return server.api(f"runs/{run}")


def copies(server):
    return sorted(server.folder.glob("postlude.db.before-*Z*"))


def schema_of(path):
    with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0])


def test_everything_goes_on(old, fakes):
    server = old().start()
    assert {e["id"] for e in server.items("events")} >= set(FACTS["events"].values())
    assert in_state(server, "done", "succeeded") and in_state(server, "keyed", "succeeded")

    server.cli("runs", "skip", FACTS["runs"]["waits"], "--step", "pause", check=0)
    in_state(server, "waits", "succeeded")
    server.cli("runs", "approve", FACTS["runs"]["asks"], "--step", "ask", check=0)
    in_state(server, "asks", "succeeded")
    called = server.post("/" + FACTS["callback"], json.dumps({"passed": 12}).encode())
    assert called.status == 202, called
    in_state(server, "calls", "succeeded")
    assert sent(fakes, "/echo/called")[0]["body"] == {"got": 12}

    step = server.api("runs/" + FACTS["runs"]["held"])["steps"][0]
    assert step["held"] is True and step["unclear"] is True
    server.cli("runs", "resume", FACTS["runs"]["held"], "--step", "start", "--as", "done", check=0)
    in_state(server, "held", "succeeded")
    assert not sent(fakes, "/echo/start"), "it was sent before the upgrade, and never again"

    server.cli("runs", "retry", FACTS["runs"]["refused"], check=0)
    in_state(server, "refused", "succeeded")
    assert sent(fakes, "/echo/refused")[0]["headers"]["idempotency-key"] == FACTS["key"], "the key of the first attempt"

    fakes.fakes.slack.messages.append(dict(FACTS["message"]))
    again = server.post("/hooks/flagger/post-rollout", flagger_body(name="keyed", checksum="c2"), BEARER)
    assert server.wait_run(again.json["event"], workflow="keyed")["state"] == "succeeded"
    message, = fakes.state()["slack"]["messages"]
    assert (message["ts"], message["text"], message["edits"]) == (FACTS["message"]["ts"], "is out: c2", 1)


def test_what_was_taken_in_before_is_known(old):
    server = old().start()

    def taken(hook, body, headers=None):
        answer = server.post(f"/hooks/flagger/{hook}", body, {**BEARER, **(headers or {})})
        assert answer.status in (200, 202), answer
        return answer.json["event"], answer.status == 202

    def opens(checksum):
        return taken("pre-rollout", flagger_body(name="opens", phase="Progressing", checksum=checksum))
    assert opens("c1") == (FACTS["events"]["opening"], False)
    assert opens("c2")[1] and opens("c1")[1], "the old row knows its checksum"
    told = {"eventMessage": "New revision detected! Scaling up opens.prod-shop", "eventType": "Normal",
            "timestamp": "1796000000000"}
    assert taken("event", flagger_body(name="opens", phase="Progressing", checksum="c1", metadata=told)) == (
        FACTS["events"]["event"], False)
    assert taken("post-rollout", flagger_body(name="with-id", checksum="c1"), {"Idempotency-Key": "sent-once"}) == (
        FACTS["events"]["id"], False)
    assert server.api("events/" + FACTS["events"]["failed"])["outcome"] == "rolledBack", "what was told then stays"
    assert taken("post-rollout", flagger_body(name="new"))[1]


def test_a_copy_is_made_and_never_overwritten(old):
    server = old()
    was = server.database.read_bytes()
    server.start()
    copy, = copies(server)
    assert schema_of(copy) == 6 and copy.stat().st_mode & 0o077 == 0, "only its owner may read it"
    assert any(str(copy) in line and "level=info" in line for line in server.log().splitlines())
    server.stop()
    assert schema_of(server.database) > 6
    server.start()
    assert copies(server) == [copy], "nothing is migrated, nothing copied"
    server.stop()
    kept = copy.read_bytes()
    server.database.write_bytes(was)  # back to the version before, and forward again
    server.start()
    assert len(copies(server)) == 2 and copy.read_bytes() == kept
    assert {schema_of(one) for one in copies(server)} == {6}


def test_without_room_for_a_copy_nothing_is_migrated(old, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    server = old()
    small = tmp_path / "small"
    small.mkdir()
    size = server.database.stat().st_size
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size + 150_000}", "tmpfs", str(small)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here")
    try:
        database = small / "postlude.db"
        database.write_bytes(server.database.read_bytes())
        server.config_file.write_text(server.config_file.read_text().replace(str(server.database), str(database)))
        server.start(ready=False)
        assert server.process.wait(30) != 0
        said = server.log()
        assert "copied before" in said and "is full" in said, said
        assert not list(small.glob("*.before-*"))
        assert schema_of(database) == 6
    finally:
        server.kill()
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_kill_while_the_copy_is_made_loses_nothing(old):
    server = old()
    with sqlite3.connect(server.database) as db:  # so large that there is time for a kill
        db.execute("CREATE TABLE ballast (bytes)")
        db.execute("INSERT INTO ballast VALUES (zeroblob(120000000))")
    db.close()
    events = facts_of(server.database)
    partial = server.database.with_name("postlude.db.partial")
    cut = 0
    for megabytes in (0, 1, 20, 60, 110):
        server.start(ready=False)
        wait_until(lambda: (partial.exists() and partial.stat().st_size >= megabytes * 10**6) or server.process.poll(),
                   20, 0.0005, f"{megabytes} MB of a copy")
        server.kill()
        cut += partial.exists()
        assert {schema_of(one) for one in copies(server)} <= {6}, "whatever has a copy's name is whole"
        assert facts_of(server.database) == events
    assert cut >= 3 and schema_of(server.database) == 6
    server.start()
    assert copies(server) and not partial.exists()
    assert all(schema_of(one) == 6 and facts_of(one) == events for one in copies(server))
    assert {e["id"] for e in server.items("events")} >= set(FACTS["events"].values())
    assert in_state(server, "done", "succeeded")
    server.stop()
    assert schema_of(server.database) > 6


def facts_of(path):
    """What is in it, its log included: a killed daemon leaves one."""
    db = sqlite3.connect(path)
    try:
        tables = ("events", "runs", "steps", "attempts", "deliveries")
        return {table: db.execute(f"SELECT count(*), max(id) FROM {table}").fetchone() for table in tables}
    finally:
        db.close()


def test_what_breaks_is_told(old, binary):
    server = old(mend=False)
    done = server.cli("check", server.config_file)
    assert done.returncode == 1 and "rolledBack" in done.stdout + done.stderr and "failed" in done.stdout + done.stderr
    assert not copies(server)
    server.config_file.write_text(server.config_file.read_text().replace(BREAKS, "outcome: failed"))
    server.start()
    body = flagger_body(name="left-behind", namespace="prod-shop")
    assert server.post("/hooks/flagger", body, BEARER).status == 404
    wait_until(lambda: "canary=prod-shop/left-behind" in server.log(), why="the log names the canary")
    assert server.post("/jira-update", body, BEARER).status == 202
