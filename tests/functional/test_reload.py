"""Configuration that changes while the daemon runs: what is valid takes effect at once, what is not is refused whole."""

import json
import os
import re
import signal
import sqlite3
import threading
import time

import pytest
from daemon import flagger_body, wait_until
from test_own_connectors import CONFIG as CATALOG, example

OPEN = "sources: {flagger: {type: flagger, auth: none}}\n"


def config(fakes, path="/one", source="flagger", more=""):
    return f"""
sources: {{{source}: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  w:
    on: {{source: {source}}}
    steps: [{{uses: web/request, with: {{method: PUT, path: {path}}}}}]
{more}"""


def state(server, **options):
    return server.api("config", **options)


def reloads(server):
    """How often a configuration was read again, by what came of it."""
    found = {}
    for name, value in server.metrics().items():
        if match := re.fullmatch(r'postlude_config_reloads_total\{result="(\w+)"\}', name):
            if value:
                found[match.group(1)] = int(value)
    return found


def wait_revision(server, other_than, timeout=15):
    return wait_until(lambda: (s := state(server))["revision"] != other_than and s["refused"] is None and s, timeout,
                      why="another revision")


def wait_refused(server, timeout=15):
    return wait_until(lambda: state(server)["refused"], timeout, why="a refusal")


def audit(server):
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        return database.execute("SELECT action, detail FROM audit WHERE action LIKE 'config.%' ORDER BY seq").fetchall()


def paths(fakes):
    return [r["path"] for r in fakes.state()["requests"]]


def test_a_valid_change_takes_effect_at_once(daemon, fakes):
    server = daemon(config(fakes))
    first = state(server)
    assert first["valid"] and first["refused"] is None and first["needsRestart"] == []
    assert first["files"] == [str(server.config_file)]
    assert reloads(server) == {}
    assert server.metrics()[f'postlude_config_revision_info{{revision="{first["revision"]}"}}'] == 1
    server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body(name="a")).json["event"])

    server.write_config(config(fakes, path="/two", source="argo", more="log: {format: json}\n"))
    second = wait_revision(server, first["revision"])
    assert second["loadedAt"] > first["loadedAt"]
    assert server.post("/hooks/flagger/post-rollout", flagger_body(name="b")).status == 404
    assert server.wait_run(server.post("/hooks/argo/post-rollout", flagger_body(name="c")).json["event"])["state"] == "succeeded"
    assert [p.split("/echo")[1] for p in paths(fakes)] == ["/one", "/two"]
    told = server.metrics()
    assert reloads(server) == {"loaded": 1} and told["postlude_config_valid"] == 1
    assert [n for n in told if n.startswith("postlude_config_revision_info")] == [
        f'postlude_config_revision_info{{revision="{second["revision"]}"}}']
    line = wait_until(lambda: [li for li in server.log().splitlines() if "configuration loaded" in li])[0]
    assert json.loads(line)["workflows"] == "1", "the log's format is the new one"
    wait_until(lambda: [a[0] for a in audit(server)] == ["config.loaded"], why="its audit record")
    assert second["revision"][:12] in audit(server)[0][1]


def test_an_invalid_change_is_refused_whole(daemon, fakes):
    server = daemon(config(fakes))
    first = state(server)
    broken = config(fakes, path="/two", more="    timeout: soon\n    stepz: []\n")
    server.write_config(broken)
    refused = wait_refused(server)
    # lines count with the two that Daemon writes before the text
    assert refused["problems"] == [
        f"{server.config_file}:10:14: 'timeout': 'soon' is not a duration; write 30s, 5m, 24h, 30d or 1h30m",
        f"{server.config_file}:11:5: unknown key 'stepz' in the workflow 'w'; did you mean 'steps'? (concurrency, finally, "
        "if, maxAge, mode, on, onFailure, steps, timeout, vars)"]
    now = state(server)
    assert (now["revision"], now["loadedAt"], now["valid"]) == (first["revision"], first["loadedAt"], False)
    assert server.metrics()["postlude_config_valid"] == 0 and reloads(server) == {"rejected": 1}
    assert server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"])["state"] == "succeeded"
    assert paths(fakes)[0].endswith("/one"), "the old one goes on"
    log = server.log()
    for problem in refused["problems"]:
        assert json.dumps(problem, ensure_ascii=False)[1:-1] in log
    server.config_file.write_text(server.config_file.read_text() + "\n# still wrong\n")
    time.sleep(2.5)  # it looks once a second
    other = broken.replace("stepz", "stebs")
    server.write_config(other)
    wait_until(lambda: "'stebs'" in state(server)["refused"]["problems"][1], why="the other problem")
    assert reloads(server) == {"rejected": 2}, "the same problems are not told twice"

    server.write_config(config(fakes, path="/two"))
    assert wait_revision(server, first["revision"])["valid"]
    assert server.metrics()["postlude_config_valid"] == 1
    wait_until(lambda: [a[0] for a in audit(server)] == ["config.rejected", "config.rejected", "config.loaded"],
               why="their audit records")
    assert "'soon' is not a duration" in audit(server)[0][1]


def test_what_jq_refuses_is_refused(daemon, fakes):
    server = daemon(config(fakes))
    server.write_config(config(fakes, more="    if: '.event.name | matchs(\"x\") | . and true'\n"))
    assert any("matchs" in p and f"{server.config_file}:10:" in p for p in wait_refused(server)["problems"])
    assert server.post("/hooks/flagger/post-rollout", flagger_body()).status == 202


def mount(folder, name, files):
    """What the kubelet does: a dated folder, and `..data` swapped to it by a rename."""
    dated = folder / f"..{name}"
    dated.mkdir(parents=True)
    for file, text in files.items():
        (dated / file).write_text(text)
    (folder / "..data_tmp").symlink_to(dated.name)
    os.rename(folder / "..data_tmp", folder / "..data")
    for file in files:
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(f"..data/{file}")


def test_a_mounted_config_map(daemon, fakes, tmp_path):
    folder = tmp_path / "mounted"
    source, rest = config(fakes).split("\ntargets:")
    mount(folder, "one", {"a.yaml": source, "b.yaml": "targets:" + rest})
    server = daemon("", base=[folder])
    first = state(server)
    assert first["files"] == [str(folder), str(server.config_file)]
    source, rest = config(fakes, path="/two", source="other").split("\ntargets:")
    mount(folder, "two", {"a.yaml": source, "b.yaml": "targets:" + rest})
    second = wait_revision(server, first["revision"])
    assert server.wait_run(server.post("/hooks/other/post-rollout", flagger_body()).json["event"])["state"] == "succeeded"
    mount(folder, "three", {"a.yaml": source, "b.yaml": "targets:" + rest})
    time.sleep(2.5)  # it looks once a second
    assert state(server)["loadedAt"] == second["loadedAt"]
    assert reloads(server) == {"loaded": 1}, "one swap, one reload; the same words again are none"


def test_a_deleted_file(daemon, fakes):
    server = daemon(config(fakes))
    first = state(server)
    text = server.config_file.read_text()
    server.config_file.unlink()
    assert wait_refused(server)["problems"] == [f"{server.config_file}: no such file or folder"]
    assert server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"])["state"] == "succeeded"
    new = server.config_file.with_suffix(".new")
    new.write_text(text)
    os.rename(new, server.config_file)
    wait_until(lambda: state(server)["valid"], why="the old words being valid again")
    assert state(server)["revision"] == first["revision"]
    assert server.metrics()["postlude_config_valid"] == 1 and reloads(server) == {"rejected": 1}


def test_a_file_more_and_one_less(daemon, fakes, tmp_path):
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "a.yaml").write_text(config(fakes))
    server = daemon("", base=[folder])
    first = state(server)["revision"]
    (folder / "b.yaml").write_text("sources: {more: {type: flagger, auth: none}}\n")
    second = wait_revision(server, first)["revision"]
    assert server.post("/hooks/more/post-rollout", flagger_body()).status == 202
    (folder / ".swap.yaml").write_text("nonsense: [\n")
    (folder / "x.test.yaml").write_text("nonsense: [\n")
    (folder / "b.yaml").unlink()
    assert wait_revision(server, second)["revision"] == first
    assert server.post("/hooks/more/post-rollout", flagger_body()).status == 404
    assert reloads(server) == {"loaded": 2}


def test_tables_and_folders_of_teams_are_watched(daemon, fakes, tmp_path):
    team = "workflows:\n  %s:\n    on: {source: flagger}\n    steps: [{uses: web/request, with: {method: PUT, path: /t}}]\n"
    folder = tmp_path / "d" / "teams"
    folder.mkdir(parents=True)
    (folder / "w.yaml").write_text(team % "mine")
    (tmp_path / "d" / "table.json").write_text('{"a": 1}')
    server = daemon(config(fakes, more="data: {t: {file: table.json}}\n"
                                       "teams: {pay: {match: {namespace: 'pay-*'}, folder: teams, targets: [web]}}\n"),
                    folder=tmp_path / "d")
    first = state(server)
    assert first["files"] == [str(server.config_file), str(folder), str(tmp_path / "d" / "table.json")]
    (tmp_path / "d" / "table.json").write_text('{"a": 2}')
    second = wait_revision(server, first["revision"])
    (folder / "w.yaml").write_text(team % "ours")
    third = wait_revision(server, second["revision"])
    (tmp_path / "d" / "table.json").write_text('{"a": }')
    assert wait_refused(server)["problems"][0].startswith(f"{tmp_path / 'd' / 'table.json'}:1:7: not JSON")
    (tmp_path / "d" / "table.json").write_text('{"a": 2}')
    wait_until(lambda: state(server)["valid"])
    assert state(server)["revision"] == third["revision"]
    assert reloads(server) == {"loaded": 2, "rejected": 1}


def test_connectors_are_watched(daemon, fakes, tmp_path):
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "catalog.yaml").write_text(example())
    server = daemon(CATALOG % fakes.url, arguments=["--connectors", str(folder)],
                    environment={"CATALOG": "catalog-token-1"})
    server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body(name="a")).json["event"])
    (folder / "catalog.yaml").write_text(example().replace("/version", "/release"))
    wait_until(lambda: reloads(server) == {"loaded": 1}, 15)
    server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body(name="b")).json["event"])
    assert [p.split("/echo")[1] for p in paths(fakes)] == ["/services/a/version", "/services/b/release"]
    (folder / "catalog.yaml").write_text(example().replace("effect:", "efect:"))
    assert any("did you mean 'effect'" in p for p in wait_refused(server)["problems"])


def test_many_changes_while_hooks_come_in(daemon, fakes):
    server = daemon(config(fakes, path="/v0"))
    events, refused, stop = [], [], threading.Event()

    def load():
        number = 0
        while not stop.is_set():
            answer = server.post("/hooks/flagger/post-rollout", flagger_body(name=f"n{number}"))
            (events if answer.status == 202 else refused).append(answer)
            number += 1

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for version in range(1, 13):
            before = state(server)["revision"]
            if version % 3 == 0:
                server.write_config(config(fakes, path=f"/v{version}") + "nonsense: 1\n")
                server.process.send_signal(signal.SIGHUP)
                wait_refused(server)
            else:
                server.write_config(config(fakes, path=f"/v{version}"))
                if version % 2 == 0:
                    server.process.send_signal(signal.SIGHUP)
                wait_revision(server, before)
    finally:
        stop.set()
        thread.join()
    assert refused == [] and len(events) > 50
    for answer in events:
        assert server.wait_run(answer.json["event"], timeout=60)["state"] == "succeeded"
    sent = {p.split("/echo")[1] for p in paths(fakes)}
    assert sent <= {f"/v{v}" for v in range(13) if v == 0 or v % 3} and len(sent) > 4
    assert len(paths(fakes)) == len(events)
    server.write_config(config(fakes, path="/last"))
    wait_until(lambda: state(server)["valid"], 15)
    server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body(name="last")).json["event"])
    assert paths(fakes)[-1].endswith("/last")


def test_a_secret_that_changes_needs_no_reload(daemon, fakes, tmp_path):
    secret = tmp_path / "hook-token"
    secret.write_text("first-secret\n")
    api = tmp_path / "api-token"
    api.write_text("first-api-token\n")
    server = daemon(f"sources: {{flagger: {{type: flagger, auth: {{bearer: {{file: {secret}}}}}}}}}\n"
                    f"access: {{tokens: [{{name: ops, role: admin, secret: {{file: {api}}}}}]}}\n")

    def status(token, number):
        return server.post("/hooks/flagger/post-rollout", flagger_body(name=f"n{number}"), {"Authorization": f"Bearer {token}"}).status

    def api_status(token):
        return server.get("/api/v1/config", {"Authorization": f"Bearer {token}"}).status

    assert (status("first-secret", 1), status("other-secret", 2)) == (202, 403)
    new = tmp_path / "new"
    new.write_text("other-secret\n")
    os.rename(new, secret)
    assert (status("first-secret", 3), status("other-secret", 4)) == (403, 202)
    api.write_text("other-api-token\n")
    assert (api_status("first-api-token"), api_status("other-api-token")) == (401, 200)
    api.rename(tmp_path / "away")
    assert wait_until(lambda: api_status("other-api-token") == 503, 15), "the caller is not to blame"
    (tmp_path / "away").rename(api)
    assert wait_until(lambda: api_status("other-api-token") == 200, 15)
    assert reloads(server) == {}


def test_tokens_of_the_api(daemon, fakes):
    token = "access: {tokens: [{name: ops, role: admin, secret: {env: %s}}]}\n"
    server = daemon(OPEN + token % "ONE", environment={"ONE": "token-number-1", "TWO": "token-number-2"})

    def status(secret):
        return server.get("/api/v1/config", {"Authorization": f"Bearer {secret}"}).status

    assert (status("token-number-1"), status("token-number-2")) == (200, 401)
    server.write_config(OPEN + token % "TWO")
    wait_until(lambda: status("token-number-2") == 200, 15)
    assert status("token-number-1") == 401


def test_sighup_reads_at_once_and_in_any_case(daemon, fakes):
    server = daemon(config(fakes))
    first = state(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: reloads(server) == {"loaded": 1}, 15)
    assert state(server)["revision"] == first["revision"] and state(server)["loadedAt"] > first["loadedAt"]
    server.write_config(config(fakes) + "nonsense: 1\n")
    server.process.send_signal(signal.SIGHUP)
    wait_refused(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: reloads(server).get("rejected", 0) >= 2, 15)
    assert server.stop() == 0


def test_what_needs_a_restart_is_said(daemon, fakes):
    server = daemon(config(fakes))
    first = state(server)
    text = server.config_file.read_text().replace("server: {", "server: {publicUrl: 'https://h.example', metrics: listen, ")
    server.config_file.write_text(text + "evaluator: {time: 300ms}\n")
    told = wait_revision(server, first["revision"])
    assert told["needsRestart"] == ["server.metrics", "evaluator.time"]
    wait_until(lambda: 'keys="server.metrics, evaluator.time"' in server.log(), why="its line")  # the log waits for nobody
    server.restart()
    assert state(server)["needsRestart"] == []


def test_it_can_be_stopped_while_it_reads(daemon, fakes):
    """Its end waits for no reader, and takes nothing from under one that goes on."""
    server = daemon(config(fakes))
    server.write_config(config(fakes, more=many_workflows(500)))
    for delay in (0, 0.05, 0.2):
        server.process.send_signal(signal.SIGHUP)
        time.sleep(delay)
        assert server.stop() == 0, server.log()
        server.write_config(config(fakes))
        server.start()
        server.write_config(config(fakes, more=many_workflows(500)))


def many_workflows(count):
    return "".join(f"  x{i}:\n    on: {{source: flagger}}\n    if: '.event.name | test(\"a{i}\")'\n"
                   f"    steps: [{{uses: web/request, with: {{method: PUT, path: '/x/${{{{ .event.name }}}}'}}}}]\n"
                   for i in range(count))


def test_a_large_configuration_does_not_hold_up_the_loop(daemon, fakes):
    """Reading 2,000 workflows again takes a while; hooks are answered meanwhile."""
    many = many_workflows(2000).replace("source: flagger", "source: other")
    server = daemon(config(fakes))
    before = state(server)["revision"]
    server.write_config(config(fakes, more=many).replace("sources: {", "sources: {other: {type: flagger, auth: none}, "))
    server.process.send_signal(signal.SIGHUP)
    answered = 0
    while state(server)["revision"] == before:
        assert server.post("/hooks/flagger/post-rollout", flagger_body(name=f"n{answered}")).status == 202
        answered += 1
    # Had the loop read it, one or two would have waited until it was done.
    assert answered > 10, answered


def test_a_workflow_is_told_of_a_refusal(daemon, fakes):
    more = """  tell:
    on: {source: postlude, hook: config-rejected}
    steps: [{uses: web/request, with: {method: PUT, path: /refused, body: {why: '${{ .event.payload.reason }}'}}}]
"""
    server = daemon(config(fakes, more=more))
    server.write_config(config(fakes, more=more + "nonsense: 1\n"))
    wait_refused(server)
    wait_until(lambda: fakes.state()["requests"], 15)
    sent = fakes.state()["requests"][0]
    assert sent["path"].endswith("/refused") and "unknown key 'nonsense'" in json.dumps(sent)


def test_a_run_keeps_its_text_and_its_tables(daemon, fakes, tmp_path):
    table = tmp_path / "d" / "t.yaml"
    table.parent.mkdir()
    table.write_text("word: old\n")

    def text(path, wait):
        return f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
data: {{t: {{file: t.yaml}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  w:
    on: {{source: flagger}}
    steps:
      - {wait}
      - {{uses: web/request, with: {{method: PUT, path: '{path}/${{{{ $data.t.word }}}}'}}}}
"""

    server = daemon(text("/one", "{uses: approval, with: {message: Go on}}"), folder=tmp_path / "d")
    first = state(server)["revision"]
    old = server.post("/hooks/flagger/post-rollout", flagger_body(name="old")).json["event"]
    run = server.wait_run(old, ("waiting",))
    table.write_text("word: new\n")
    second = wait_revision(server, first)["revision"]
    server.write_config(text("/two", "{uses: wait, with: {for: 1ms}}"))
    wait_revision(server, second)
    new = server.post("/hooks/flagger/post-rollout", flagger_body(name="new")).json["event"]
    assert server.wait_run(new)["state"] == "succeeded"
    server.cli("runs", "approve", run["id"], check=0)
    assert server.wait_run(old)["state"] == "succeeded"
    assert [p.split("/echo")[1] for p in paths(fakes)] == ["/two/new", "/one/old"]


def test_a_target_that_goes_fails_the_runs_that_need_it(daemon, fakes):
    def text(target):
        return f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{{target}: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  w:
    on: {{source: flagger}}
    steps: [{{uses: approval, with: {{message: Go on}}}}, {{uses: {target}/request, with: {{method: PUT, path: /x}}}}]
"""

    server = daemon(text("web"))
    first = state(server)["revision"]
    event = server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    run = server.wait_run(event, ("waiting",))
    server.write_config(text("other"))
    wait_revision(server, first)
    server.cli("runs", "approve", run["id"], check=0)
    run = server.wait_run(event)
    assert run["state"] == "failed" and "there is no target 'web'" in json.dumps(run["steps"]), run
    assert paths(fakes) == []
