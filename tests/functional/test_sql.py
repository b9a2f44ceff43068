"""Statements to real databases: PostgreSQL, MariaDB and SQLite, each as a target of a running daemon."""

import json
import socket
import sqlite3
import threading
import time

import pytest

from daemon import free_port, flagger_body, wait_until
from databases import KINDS, PASSWORD, USER

pytestmark = pytest.mark.xdist_group("databases")

HEAD = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  db: {connector: sql, url: '%s', timeout: %s%s}
workflows:
  w:
    on: {source: flagger}
    steps:
%s"""


def get(databases, name):
    server = databases[name]
    if isinstance(server, str):
        pytest.skip(server)
    return server


@pytest.fixture(params=KINDS)
def database(request, databases):
    return get(databases, request.param)


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request, databases):
    return get(databases, request.param)


def config(database, steps, limit="10s", more="", password=True):
    auth = f", auth: {{basic: {{username: {USER}, password: {{env: DB_PASSWORD}}}}}}" if password and database.name != "sqlite" else ""
    body = "".join(f"      - {json.dumps(step)}\n" for step in steps)
    return HEAD % (database.url, limit, auth + more, body)


def run(daemon, database, steps, states=("succeeded", "failed"), timeout=20.0, **options):
    password = options.pop("secret", PASSWORD)
    one = daemon(config(database, steps, **options), environment={"DB_PASSWORD": password})
    event = one.post("/hooks/flagger/post-rollout", flagger_body(checksum="7774c75db4")).json["event"]
    return one, one.wait_run(event, states, timeout)


def step(uses, statement, params=None, **more):
    body = {"statement": statement, **({"params": params} if params is not None else {}), **more.pop("with_", {})}
    return {"uses": f"db/{uses}", "with": body, **more}


def query(statement, params=None, **more):
    return step("query", statement, params, **more)


def execute(statement, params=None, **more):
    return step("execute", statement, params, **more)


def held(run_):
    return any(one.get("held") for one in run_["steps"])


def asked(run_, at=0):
    return [one for attempt in run_["steps"][at]["attempts"] for one in attempt["requests"]]


def test_types_are_kept(daemon, database):
    database.in_shop({
        "postgresql": "CREATE TABLE IF NOT EXISTS kinds (t boolean, f boolean, i int, big bigint, n numeric, exact numeric, d float8,"
                      " w text, j jsonb, gone int, at timestamptz, raw bytea);"
                      "DELETE FROM kinds; SET timezone = 'UTC'; INSERT INTO kinds VALUES (true, false, 42, 9223372036854775807, 1.5,"
                      " 12345678901234567890.12, 0.25, 'Zürich ''\"', '{\"a\": [1, null]}', null, '2026-12-01 10:00:00+00', '\\xff00')",
        "mariadb": "CREATE TABLE IF NOT EXISTS kinds (t boolean, f boolean, i int, big bigint, n decimal(10,1), exact decimal(30,2),"
                   " d double, w varchar(400), j json, gone int, at datetime, raw varbinary(10)); DELETE FROM kinds;"
                   "INSERT INTO kinds VALUES (true, false, 42, 9223372036854775807, 1.5, 12345678901234567890.12, 0.25, 'Zürich ''\"',"
                   " '{\"a\": [1, null]}', null, '2026-12-01 10:00:00', x'ff00')",
        "sqlite": "CREATE TABLE IF NOT EXISTS kinds (t boolean, f boolean, i int, big int, n numeric, exact text, d real, w text, j json,"
                  " gone int, at text, raw blob); DELETE FROM kinds;"
                  "INSERT INTO kinds VALUES (1, 0, 42, 9223372036854775807, 1.5, '12345678901234567890.12', 0.25, 'Zürich ''\"',"
                  " '{\"a\": [1, null]}', null, '2026-12-01 10:00:00', x'ff00')"}[database.name])
    _, done = run(daemon, database, [query("SELECT * FROM kinds")])
    assert done["state"] == "succeeded", done
    outputs = done["steps"][0]["outputs"]
    row = outputs["first"]
    at = row.pop("at")
    assert row == {"t": True, "f": False, "i": 42, "big": "9223372036854775807", "n": 1.5, "exact": "12345678901234567890.12",
                   "d": 0.25, "w": "Zürich '\"", "j": {"a": [1, None]}, "gone": None, "raw": "\\xff00"}
    assert at.startswith("2026-12-01 10:00:00")
    assert outputs["rows"] == [{**row, "at": at}] and outputs["count"] == 1 and outputs["more"] is False


def test_parameters_are_bound(daemon, database):
    database.in_shop("CREATE TABLE IF NOT EXISTS bound (w varchar(400), i int, b int)")
    evil = "x'); DROP TABLE bound; --\\"
    marks = ("$1", "$2", "$3") if database.name == "postgresql" else "???"
    _, done = run(daemon, database, [
        execute(f"INSERT INTO bound VALUES ({marks[0]}, {marks[1]}, {marks[2]});", [evil, 7, None]),
        query(f"SELECT w, i, b FROM bound WHERE w = {marks[0]} AND i = {marks[1]}", [evil, "${{ 3 + 4 }}"])])
    assert done["state"] == "succeeded", done
    assert done["steps"][0]["outputs"]["count"] == 1
    assert done["steps"][1]["outputs"]["rows"] == [{"w": evil, "i": 7, "b": None}]


def test_rows_are_bounded(daemon, database):
    database.in_shop("CREATE TABLE IF NOT EXISTS many (i int, w varchar(2000)); DELETE FROM many;"
                     "INSERT INTO many VALUES (1, 'a'); INSERT INTO many SELECT i + 1, w FROM many;"
                     "INSERT INTO many SELECT i + 2, w FROM many; INSERT INTO many SELECT i + 4, w FROM many")
    _, done = run(daemon, database, [
        query("SELECT i FROM many ORDER BY i", with_={"maxRows": 3}), query("SELECT i FROM many", with_={"maxRows": 8}),
        query("SELECT i FROM many WHERE i > 100"), execute("UPDATE many SET w = 'b' WHERE i > 2"),
        query("SELECT i, i FROM many", **{"continueOnError": True})])
    outputs = [one["outputs"] for one in done["steps"]]
    assert [row["i"] for row in outputs[0]["rows"]] == [1, 2, 3] and outputs[0]["count"] == 3 and outputs[0]["more"] is True
    assert outputs[1]["count"] == 8 and outputs[1]["more"] is False
    assert outputs[2] == {"rows": [], "count": 0, "first": None, "more": False}
    assert outputs[3]["count"] == 6
    assert "two columns of the answer are called i" in done["steps"][4]["reason"], done["steps"][4]


def test_too_large_an_answer_commits_nothing(daemon, databases):
    database = get(databases, "postgresql")
    database.in_shop("CREATE TABLE IF NOT EXISTS wide (w text); DELETE FROM wide; INSERT INTO wide SELECT repeat('x', 2000)")
    _, done = run(daemon, database, [execute("UPDATE wide SET w = w || 'y' RETURNING w")], more=", maxResponse: 1KiB")
    assert done["state"] == "failed" and "`maxResponse`" in done["steps"][0]["reason"], done["steps"][0]
    assert database.in_shop("SELECT length(w) FROM wide") == "2000"


def test_a_query_cannot_write(daemon, database):
    database.in_shop("CREATE TABLE IF NOT EXISTS safe (i int); DELETE FROM safe")
    _, done = run(daemon, database, [query("INSERT INTO safe VALUES (1)", continueOnError=True),
                                     query("WITH x AS (SELECT 1 AS i) DELETE FROM safe", continueOnError=True),
                                     query("DROP TABLE safe")])
    assert done["state"] == "failed"
    for one in done["steps"]:
        assert one["state"] == "failed" and len(one["attempts"]) == 1, one
    assert database.in_shop("SELECT count(*) FROM safe") == "0"


def test_the_databases_own_words(daemon, database):
    database.in_shop("CREATE TABLE IF NOT EXISTS uniq (i int PRIMARY KEY); DELETE FROM uniq; INSERT INTO uniq VALUES (1)")
    one, done = run(daemon, database, [
        query("SELECT FROM WHERE", id="syntax", continueOnError=True), query("SELECT * FROM not_there", id="missing", continueOnError=True),
        query("SELECT 1 AS a; SELECT 2 AS b", id="two", continueOnError=True),
        execute("INSERT INTO uniq VALUES (1)", id="twice")])
    reasons = [step_["reason"] for step_ in done["steps"]]
    codes = {"postgresql": ("42601", "42P01", "42601", "23505"), "mariadb": ("1064", "1146", "1064", "1062"),
             "sqlite": ("SQLITE_ERROR", "SQLITE_ERROR", "one statement", "SQLITE_CONSTRAINT")}[database.name]
    for reason, code, words in zip(reasons, codes, ("", "not_there", "", "")):
        assert code in reason and words in reason, (code, reason)
    assert all(len(step_["attempts"]) == 1 for step_ in done["steps"]), "a refusal was tried again"
    assert one.api(f"runs/{done['id']}")["steps"][3]["attempts"][0]["requests"][0]["result"] == "refused"


def test_conditions_on_the_answer(daemon, database):
    _, done = run(daemon, database, [
        query("SELECT 7 AS version", with_={"success": ".response.first.version == 7"}),
        query("SELECT 7 AS version", with_={"refuse": ".response.first.version < 8", "success": ".response.first.version >= 8"})])
    assert [one["state"] for one in done["steps"]] == ["succeeded", "failed"], done
    assert len(done["steps"][1]["attempts"]) == 1


def test_a_statement_has_its_time(daemon, database):
    began = time.monotonic()
    _, done = run(daemon, database, [query(database.sleep, retry={"attempts": 1})], limit="1s")
    assert done["state"] == "failed", done
    assert time.monotonic() - began < 8
    if database.name != "sqlite":
        wait_until(lambda: database.sessions(busy=True) == 0, 5.0, why="the end of the statement on the server")


def test_a_wrong_password_is_not_tried_again(daemon, server):
    one, done = run(daemon, server, [query("SELECT 1 AS one")], secret="Wrong-Passw0rd-here")
    assert done["state"] == "failed" and len(done["steps"][0]["attempts"]) == 1, done
    code = {"postgresql": "28P01", "mariadb": "1045"}[server.name]
    assert code in done["steps"][0]["reason"]
    assert "Wrong-Passw0rd-here" not in json.dumps(done) + one.log()


def test_no_server_is_tried_again(daemon, server):
    free = server.url.replace(f":{server.port}/", f":{free_port()}/")

    class Nobody:
        name, url = server.name, free
    _, done = run(daemon, Nobody, [execute("DELETE FROM nothing", retry={"attempts": 2, "backoff": {"initial": "50ms"}})])
    assert done["state"] == "failed" and len(done["steps"][0]["attempts"]) == 2, done
    assert not held(done)


def test_a_server_that_says_nothing_is_left_in_time(daemon, server):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        class Deaf:
            name, url = server.name, server.url.replace(f":{server.port}/", f":{deaf.getsockname()[1]}/")
        began = time.monotonic()
        _, done = run(daemon, Deaf, [query("SELECT 1 AS one", retry={"attempts": 1})], limit="1s")
        assert done["state"] == "failed" and "within 1s" in done["steps"][0]["reason"], done
        assert time.monotonic() - began < 6


def test_secrets_are_never_shown(daemon, server):
    server.in_shop(f"CREATE TABLE IF NOT EXISTS told (w varchar(99)); DELETE FROM told; INSERT INTO told VALUES ('it is {PASSWORD}.')")
    one, done = run(daemon, server, [query("SELECT w FROM told", id="told"), execute(f"INSERT INTO told VALUES ({server.mark})",
                                                                         ["${{ .steps.told.outputs.first.w }}"])])
    assert done["steps"][0]["outputs"]["first"]["w"] == "it is ***.", done
    shown = one.cli("runs", "show", done["id"], "-o", "json").stdout + one.cli("explain", done["id"]).stdout + one.log()
    assert PASSWORD not in shown
    one.stop()
    assert PASSWORD.encode() not in (one.folder / "postlude.db").read_bytes()


def test_encrypted(daemon, server):
    show = {"postgresql": "SELECT ssl AS on_ FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            "mariadb": "SHOW STATUS LIKE 'Ssl_cipher'"}[server.name]

    def value(done):
        first = done["steps"][0]["outputs"]["first"]
        return first["on_"] if server.name == "postgresql" else first["Value"] != ""
    _, done = run(daemon, server, [query(show)])
    assert value(done) is True, "on this machine, too, where the server can"
    _, done = run(daemon, server, [query(show)], more=", tls: {mode: disable}")
    assert value(done) is False
    _, done = run(daemon, server, [query(show)], more=f", tls: {{mode: verify-full, ca: '{server.ca}'}}")
    assert value(done) is True
    _, done = run(daemon, server, [query(show, retry={"attempts": 1})], more=", tls: {mode: verify-full}")
    assert done["state"] == "failed" and not held(done), "nobody vouches for that certificate"


def test_a_lost_connection_while_a_statement_runs(daemon, server):
    server.in_shop("CREATE TABLE IF NOT EXISTS slow (w varchar(99)); DELETE FROM slow")
    sleep = {"postgresql": "INSERT INTO slow SELECT 'x' || pg_sleep(30)", "mariadb": "INSERT INTO slow SELECT SLEEP(30)"}[server.name]
    one = daemon(config(server, [execute(sleep, retry={"attempts": 1})], limit="30s"), environment={"DB_PASSWORD": PASSWORD})
    event = one.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    wait_until(lambda: server.sessions(busy=True) > 0, why="the statement")
    server.kill_sessions()
    done = one.wait_run(event, ("failed", "waiting", "succeeded"))
    # PostgreSQL commits nothing by itself. MariaDB may, so that nobody knows.
    assert done["state"] == {"postgresql": "failed", "mariadb": "waiting"}[server.name], done
    assert held(done) == (server.name == "mariadb")
    assert server.in_shop("SELECT count(*) FROM slow") == "0"


def test_killed_while_it_executes(daemon, server):
    """SIGKILL to the daemon: what it sent is held, and not sent again."""
    server.in_shop("CREATE TABLE IF NOT EXISTS killed (w varchar(99)); DELETE FROM killed")
    text = {"postgresql": "INSERT INTO killed SELECT 'x' || pg_sleep(2)", "mariadb": "INSERT INTO killed SELECT SLEEP(2)"}[server.name]
    one = daemon(config(server, [execute(text)], limit="30s"), environment={"DB_PASSWORD": PASSWORD})
    event = one.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    wait_until(lambda: server.sessions(busy=True) > 0, why="the statement")
    one.kill()
    one.start()
    done = one.wait_run(event, ("waiting", "failed", "succeeded"))
    assert done["state"] == "waiting" and held(done), done
    sent = asked(done)
    assert len(sent) == 1 and sent[0]["method"] == "EXECUTE" and sent[0]["result"] == "unclear", sent
    assert sent[0]["body"] == {"statement": text, "params": []} and sent[0]["url"] == server.url
    wait_until(lambda: server.sessions(busy=True) == 0, 10.0, why="the end of the statement")
    assert server.in_shop("SELECT count(*) FROM killed") == "0", "its transaction was never committed"


def test_stopping_waits_for_no_database(daemon, server):
    one = daemon(config(server, [query(server.sleep)], limit="60s"), environment={"DB_PASSWORD": PASSWORD})
    one.post("/hooks/flagger/post-rollout", flagger_body())
    wait_until(lambda: server.sessions(busy=True) > 0, why="the statement")
    began = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - began < 12


def test_contended_rows_are_tried_again(daemon, databases):
    database = get(databases, "sqlite")
    database.in_shop("CREATE TABLE IF NOT EXISTS busy (i int); DELETE FROM busy")
    lock = sqlite3.connect(database.file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        one = daemon(config(database, [execute("INSERT INTO busy VALUES (1)", retry={"backoff": {"initial": "100ms", "max": "200ms"}})],
                            limit="500ms"))
        event = one.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
        wait_until(lambda: any("SQLITE_BUSY" in (attempt["why"] or "") for found in one.runs_of(event)
                               for attempt in one.api("runs/" + found["id"])["steps"][0]["attempts"]), why="an attempt that met the lock")
    finally:
        lock.close()
    assert one.wait_run(event)["state"] == "succeeded"
    assert database.in_shop("SELECT count(*) FROM busy") == "1"


def forward(port, to):
    """Whoever connects to `port` speaks to the port `to`; ends with the listener."""
    def pump(source, sink):
        try:
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        except OSError:
            pass
        sink.close()

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", to))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=accept, daemon=True).start()
    return listener


def test_a_database_that_is_down_and_comes_back(daemon, server):
    port = free_port()

    class Late:
        name, url = server.name, server.url.replace(f":{server.port}/", f":{port}/")
    one = daemon(config(Late, [query("SELECT 1 AS one", retry={"backoff": {"initial": "50ms", "max": "300ms"}})]),
                 environment={"DB_PASSWORD": PASSWORD})
    event = one.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    wait_until(lambda: "a target is down" in one.log(), why="the breaker")
    with forward(port, server.port):
        assert one.wait_run(event)["state"] == "succeeded"
        wait_until(lambda: "the target answers again" in one.log(), why="the end of the breaker")


def test_its_own_store_is_not_for_steps(daemon, tmp_path):
    class Store:
        name, url = "sqlite", f"sqlite://{tmp_path}/daemon0/postlude.db"
    _, done = run(daemon, Store, [execute("DELETE FROM runs")])
    assert done["state"] == "failed" and "own store" in done["steps"][0]["reason"], done


def test_shadow_shows_and_does_not_execute(daemon, database):
    database.in_shop("CREATE TABLE IF NOT EXISTS shadowed (i int); DELETE FROM shadowed")
    text = config(database, [query("SELECT 1 AS one"), execute("INSERT INTO shadowed VALUES (1)")])
    one = daemon(text.replace("on: {source: flagger}", "mode: shadow\n    on: {source: flagger}"), environment={"DB_PASSWORD": PASSWORD})
    event = one.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    done = one.wait_run(event)
    assert asked(done, 0)[0]["result"] == "succeeded" and asked(done, 1)[0]["result"] == "shadow", done
    assert database.in_shop("SELECT count(*) FROM shadowed") == "0"


@pytest.mark.parametrize("written, said", [
    ({"statement": "SELECT '${{ .event.name }}'"}, "`statement` may hold no expression"),
    ({"statement": "COMMIT"}, "a connection and a transaction of its own"),
    ({"statement": "SELECT 1", "params": "x"}, "`params` is a list"),
    ({"statement": "SELECT 1", "parms": []}, "did you mean `params`"),
    ({"statement": "SELECT 1", "maxRows": 0}, "`maxRows` must be a whole number from 1 to 10000"),
    ({}, "`statement` must be one SQL statement")])
def test_mistakes_are_found_by_check(daemon, databases, written, said):
    database = get(databases, "sqlite")
    one = daemon(config(database, [{"uses": "db/query", "with": written}]), start=False)
    done = one.cli("check", one.config_file)
    assert done.returncode == 1 and said in done.stdout, done.stdout


@pytest.mark.parametrize("target, said", [
    ("url: 'postgres://shop:secret@db/shop'", "it may have no password"),
    ("url: 'postgres://db'", "the name of the database is missing"),
    ("url: 'https://db/shop'", "postgres://HOST"),
    ("url: 'sqlite://file.db'", "an absolute path"),
    ("url: 'postgres://db/shop', auth: {bearer: {env: X}}", "does not support auth `bearer`"),
    ("auth: none", "`url` is missing")])
def test_mistakes_in_targets_are_found_by_check(daemon, target, said):
    text = ("sources: {flagger: {type: flagger, auth: none}}\ntargets: {db: {connector: sql, %s}}\n"
            "workflows: {w: {on: {source: flagger}, steps: [{uses: db/query, with: {statement: SELECT 1}}]}}\n")
    one = daemon(text % target, start=False)
    done = one.cli("check", one.config_file)
    assert done.returncode == 1 and said in done.stdout, done.stdout
    assert "shop:secret" not in done.stdout.replace(target, "")


TEST = """
config: postlude.yaml
tests:
  - name: it asks and tells
    event: {source: flagger, payload: {name: podinfo, namespace: shop, phase: Succeeded, checksum: '7774c75db4', metadata: {}}}
    responses:
      - {request: QUERY, target: db, rows: [{version: 7}]}
      - {request: "EXECUTE INSERT INTO log  VALUES ($1, $2)", target: db, error: {code: '40001', message: try again}}
      - {request: EXECUTE, target: db, count: 1}
    expect:
      runs: [{workflow: w, state: succeeded}]
      requests:
        - {target: db, method: QUERY, statement: SELECT version FROM v}
        - {target: db, method: EXECUTE, statement: 'INSERT INTO log VALUES ($1, $2)', params: [podinfo, 7]}
        - {target: db, method: EXECUTE, statement: 'INSERT INTO log VALUES ($1, $2)', params: [podinfo, 7]}
"""


def test_in_test_files(daemon, tmp_path):
    class Elsewhere:
        name, url = "postgresql", "postgres://db.example.com/shop"
    text = config(Elsewhere, [query("SELECT version\n  FROM v", id="version"),
                              execute("INSERT INTO log\n VALUES ($1, $2)",
                                      ["${{ .event.name }}", "${{ .steps.version.outputs.first.version }}"])])
    one = daemon(text, start=False, folder=tmp_path / "t", environment={"DB_PASSWORD": "x"})
    file = one.folder / "w.test.yaml"
    file.write_text(TEST)
    one.cli("test", file, check=0)
    file.write_text(TEST.replace("params: [podinfo, 7]", "params: [podinfo, 8]", 1))
    done = one.cli("test", file)
    assert done.returncode == 1 and "- 8" in done.stdout and "+ " in done.stdout, done.stdout
    file.write_text(TEST.replace("      - {request: QUERY, target: db, rows: [{version: 7}]}\n", ""))
    done = one.cli("test", file)
    assert done.returncode == 1 and "QUERY SELECT version FROM v" in done.stdout, done.stdout
    file.write_text(TEST.replace("rows: [{version: 7}]", "body: {}"))
    done = one.cli("test", file)
    assert done.returncode != 0 and "'body' is not for this request" in done.stdout + done.stderr, done.stdout
    file.write_text(TEST[:TEST.index("    expect:")] + "    expect: {}\n")
    done = one.cli("test", "--update", file)
    assert "statement: SELECT version FROM v" in file.read_text(), file.read_text() + done.stdout


def test_explained_and_simulated(daemon, databases, tmp_path):
    database = get(databases, "sqlite")
    database.in_shop("CREATE TABLE IF NOT EXISTS explained (i int)")
    one, done = run(daemon, database, [query("SELECT 1 AS one"), query("SELECT 2 AS two", id="two"),
                                       execute("INSERT INTO explained VALUES (?)", ["${{ .steps.two.outputs.first.two }}"])])
    assert "succeeded" in one.cli("explain", done["id"], check=0).stdout
    told = one.cli("runs", "show", done["id"], check=0).stdout
    assert f"EXECUTE {database.url} -> succeeded" in told, told
    assert asked(done, 2)[0]["body"] == {"statement": "INSERT INTO explained VALUES (?)", "params": [2]}
    one.cli("simulate", "--config", one.config_file, check=0)
    one.config_file.write_text(one.config_file.read_text().replace("INSERT INTO explained VALUES (?)", "INSERT INTO explained VALUES (? + 1)"))
    said = one.cli("simulate", "--config", one.config_file, check=1).stdout
    assert "INSERT INTO explained VALUES (? + 1)" in said, said
