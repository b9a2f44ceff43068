"""`postlude simulate`: what changed workflows would send something else."""

import contextlib
import json
import re
import sqlite3

import pytest
from daemon import flagger_body, free_port, wait_until
from test_workflow_tests import SECRET


LIVE = """
sources: {{flagger: {{type: flagger, auth: none}}}}
targets:
  web: {{connector: http, url: '{url}/echo', auth: {{bearer: {{env: TOKEN}}}}}}
workflows:
  ship:
    on: {{source: flagger, phase: Succeeded}}
    steps:
      - {{id: look, uses: web/request, with: {{path: '/look/${{{{ .event.name }}}}'}}}}
      - {{id: put, uses: web/request, with: {{method: PUT, path: '/put/${{{{ .event.name }}}}', body: {{run: '${{{{ .run.id }}}}', event: '${{{{ .event.id }}}}', text: old, of: '${{{{ .steps.look.outputs.body.path }}}}'}}}}}}
      - {{id: say, uses: web/request, with: {{method: POST, effect: state, path: /say, idempotencyHeader: X-Key, body: {{who: '${{{{ .event.name }}}}'}}}}}}
"""


@pytest.fixture
def live(daemon, fakes, tmp_path):
    """A daemon with three releases that ran, and `simulate` with another configuration."""
    class Live:
        config = LIVE.format(url=fakes.url)

    made = Live()
    made.server = daemon(made.config, environment={"TOKEN": SECRET})
    made.events = [made.server.post("/hooks/flagger/post-rollout", flagger_body(name=f"app-{n}")).json["event"] for n in range(3)]
    for event in made.events:
        assert made.server.wait_run(event)["state"] == "succeeded"
    made.before = len(fakes.state()["requests"])

    def simulate(config, *arguments, check):
        file = tmp_path / "changed.yaml"
        file.write_text(config)
        done = made.server.cli("simulate", "--config", str(file), *arguments, check=check)
        assert SECRET not in done.stdout + done.stderr
        assert len(fakes.state()["requests"]) == made.before, "something was sent"
        return done.stdout
    made.simulate = simulate
    return made


def test_simulating_the_same_finds_nothing(live):
    assert live.simulate(live.config, check=0) == "3 events: 3 the same, 0 different\n"


def test_what_is_another_time_in_each_run_is_no_difference(daemon, fakes, tmp_path):
    config = LIVE.format(url=fakes.url).replace("text: old", "text: old, a: '${{ now }}', b: '${{ now | todate }}', c: 'at ${{ now * 1000 | floor }}', d: '${{ .run.createdAt }}'")
    server = daemon(config, environment={"TOKEN": SECRET})
    assert server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"])["state"] == "succeeded"
    assert server.cli("simulate", "--config", str(server.config_file), check=0).stdout == "1 events: 1 the same, 0 different\n"
    changed = tmp_path / "changed.yaml"
    changed.write_text(config.replace("now | todate", "now + 3600 | todate"))
    shown = server.cli("simulate", "--config", str(changed), check=1).stdout
    changes = [line.strip() for line in shown.splitlines() if re.match(r" *[-+] ", line)]
    assert len(changes) == 2 and changes[0] == "-      b: (now)Z" or changes[0] == '-      b: "(now)Z"', shown


def test_a_message_that_quotes_a_connection_error_is_no_difference(daemon, fakes):
    """Each in its words: nobody listens; no answer came. They are in `.failure`, and in what is sent because of it."""
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets:
  gone: {{connector: http, url: 'http://127.0.0.1:{free_port()}', auth: none}}
  web: {{connector: http, url: '{fakes.url}/echo', auth: none}}
workflows:
  w:
    on: {{source: flagger}}
    steps:
      - {{id: ask, uses: gone/request, retry: {{attempts: 2, backoff: {{initial: 1ms}}}}, with: {{method: PUT, path: '/gone?x=1'}}}}
    onFailure:
      - {{uses: web/request, with: {{method: PUT, path: /told, body: {{why: '${{{{ .failure.reason }}}}', message: '${{{{ .failure.message }}}}'}}}}}}
""")
    run = server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"])
    told, = [r for r in fakes.state()["requests"] if r["path"] == "/echo/told"]
    assert "PUT /gone" in json.dumps(told["body"]) and run["state"] == "failed", told
    said = server.cli("simulate", "--config", str(server.config_file), check=0).stdout
    assert said == "1 events: 1 the same, 0 different\n", said


def test_an_event_of_our_own_is_an_event_of_its_own(daemon, fakes):
    config = LIVE.format(url=fakes.url) + "      - {uses: assert, with: {that: 'false', message: no}}\n" + \
        "  alarm: {on: {source: postlude, hook: run-failed, namespace: 'prod-*', metadata: {tier: '1'}}, steps: [{uses: web/request, with: {path: '/alarm/${{ .event.name }}'}}]}\n"
    server = daemon(config, environment={"TOKEN": SECRET})
    event = server.post("/hooks/flagger/post-rollout", flagger_body(metadata={"tier": "1"})).json["event"]
    assert server.wait_run(event)["state"] == "failed"
    wait_until(lambda: [run for run in server.api("runs")["items"] if run["workflow"] == "alarm" and run["state"] == "succeeded"])
    assert server.cli("simulate", "--config", str(server.config_file), check=0).stdout == "2 events: 2 the same, 0 different\n"


def test_a_changed_body_is_shown(live):
    shown = live.simulate(live.config.replace("text: old", "text: new"), check=1)
    assert "0 the same, 3 different" in shown and shown.count("would send something else") == 3
    lines = [line.strip() for line in shown.splitlines()]
    assert lines.count("-      text: old") == lines.count("+      text: new") == 3
    assert not any(line.startswith(("-", "+")) and "text:" not in line for line in lines), shown
    told = json.loads(live.simulate(live.config.replace("text: old", "text: new"), "-o", "json", check=1))
    assert [e["event"] for e in told["events"]] == live.events and told["different"] == 3
    assert {r["change"] for e in told["events"] for r in e["runs"]} == {"different"}


def test_a_new_request_has_an_unknown_answer_and_what_follows_is_shown(live):
    changed = live.config.replace("path: /say,", "path: /shout,") + \
        "      - {id: last, uses: web/request, with: {method: PUT, path: '/last/${{ .steps.say.outputs.body.path | ascii_upcase }}'}}\n"
    shown = live.simulate(changed, "--limit", "1", check=1)
    assert "1 events: 0 the same, 1 different; older events were left out: --limit 1 was reached" in shown
    assert re.search(r"new, answer unknown: POST http://127\.0\.0\.1:\d+/echo/shout", shown), shown
    assert re.search(r"^ *-  POST .*/echo/say$", shown, re.M) and re.search(r"^ *\+  POST .*/echo/shout$", shown, re.M)
    assert "step last (web/request)" in shown and "ends" not in shown


def test_runs_that_come_and_go(live):
    changed = live.config.replace("phase: Succeeded", "phase: Failed") + \
        "  more: {on: {source: flagger, phase: Succeeded, name: app-1}, steps: [{uses: web/request, with: {path: /look/app-1}}]}\n"
    shown = live.simulate(changed, check=1)
    assert shown.count("would no longer run") == 3 and shown.count("would be a new run") == 1
    assert "does not run: phase is Succeeded, wanted Failed" in shown
    only = json.loads(live.simulate(changed, "--workflow", "more", "-o", "json", check=1))
    assert (only["same"], only["different"]) == (2, 1)


def test_another_end_is_a_difference(live):
    shown = live.simulate(live.config + "      - {uses: assert, with: {that: 'false', message: not on a Monday}}\n", check=1)
    assert re.search(r"^ *-ends succeeded$", shown, re.M) and re.search(r"\+ends failed: .*not on a Monday", shown), shown


def test_simulate_used_wrongly_or_with_nobody_there(live, binary):
    live.simulate(live.config.replace("workflows:", "workflow:"), check=2)
    live.simulate(live.config, "--since", "soon", check=2)
    live.simulate(live.config, "--workflow", "shop", check=2)
    live.simulate(live.config, "--server", f"http://127.0.0.1:{free_port()}", check=3)
    assert live.simulate(live.config, "--since", "1ms", check=0) == "0 events: 0 the same, 0 different\n"


def test_what_a_cluster_told_is_taken_along(daemon, fakes, tmp_path):
    config = LIVE.format(url=fakes.url).replace("text: old", "text: '${{ .event.release.version.new // \"none\" }}'")
    server = daemon(config, environment={"TOKEN": SECRET})
    event = server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    assert server.wait_run(event)["state"] == "succeeded"
    told = server.api(f"events/{event}")
    assert told["release"] is None and told["canary"] is None and told["outcome"] == "promoted"
    server.stop()
    # As it will be once clusters are read.
    with contextlib.closing(sqlite3.connect(server.database)) as db, db:
        db.execute("UPDATE events SET release = ?, canary = ?", ('{"kind":"forward","version":{"old":"1","new":"2"}}', '{"uid":"u1"}'))
    server.start()
    told = server.api(f"events/{event}")
    assert told["release"]["version"]["new"] == "2" and told["canary"] == {"uid": "u1"}
    changed = tmp_path / "changed.yaml"
    changed.write_text(config.replace("phase: Succeeded", "kind: forward"))
    shown = server.cli("simulate", "--config", str(changed), check=1).stdout
    changes = [line.strip() for line in shown.splitlines() if re.match(r" *[-+] ", line)]
    assert changes == ["-      text: none", "+      text: '2'"] or changes == ["-      text: none", '+      text: "2"'], shown


def test_what_people_answered_is_answered_again(daemon, fakes, tmp_path):
    config = LIVE.format(url=fakes.url).replace("    steps:\n", "    steps:\n      - {id: ok, uses: approval, with: {message: may it}}\n").replace("text: old", "text: '${{ .steps.ok.outputs.by }}'")
    server = daemon(config, environment={"TOKEN": SECRET})
    event = server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    run = server.wait_run(event, states=("waiting",))
    changed = tmp_path / "changed.yaml"
    changed.write_text(config.replace("path: /say", "path: /tell"))
    assert "1 the same" in server.cli("simulate", "--config", str(changed), check=0).stdout, "it has not ended"
    server.cli("runs", "approve", run["id"], "--step", "ok", check=0)
    wait_until(lambda: server.api(f"runs/{run['id']}")["state"] == "succeeded")
    shown = server.cli("simulate", "--config", str(changed), check=1).stdout
    changes = [line.strip() for line in shown.splitlines() if re.match(r" *[-+] ", line)]
    assert len(changes) == 2 and changes[0].endswith("/say") and changes[1].endswith("/tell"), shown


def same(server):
    return server.cli("simulate", "--config", str(server.config_file)).stdout


def test_links_to_answer_by_are_no_difference(daemon, fakes):
    """Also where they stand in wiki markup, which escapes signs of theirs."""
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  w:
    on: {{source: flagger}}
    steps:
      - id: ok
        uses: approval
        with: {{message: may it}}
        announce: {{uses: web/request, with: {{method: PUT, path: /told, body: {{links: '${{{{ .step.links }}}}', wiki: 'see ${{{{ .step.links.approve | jira_wiki_escape }}}}, then'}}}}}}
""", start=False)
    head = server.config_file.read_text()
    server.config_file.write_text(head.replace("admin: '127", f"publicUrl: '{server.hooks}', admin: '127", 1))
    server.start()
    run = server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"], states=("waiting",))
    told = wait_until(lambda: [r for r in fakes.state()["requests"] if r["path"] == "/echo/told"])[0]["body"]
    assert "/links/run_" in told["links"]["approve"] and "/links/run\\_" in told["wiki"], told
    server.cli("runs", "approve", run["id"], check=0)
    wait_until(lambda: server.api(f"runs/{run['id']}")["state"] == "succeeded")
    said = same(server)
    assert said == "1 events: 1 the same, 0 different\n", said


def test_the_key_that_a_lookup_asks_for_is_no_difference(daemon, fakes, tmp_path):
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "builds.yaml").write_text("""connector: builds
summary: Our own CI
auth: [none]
actions:
  start:
    summary: Start a build, once.
    input: {type: object}
    requests:
      - {id: start, post: /builds, effect: lookup, body: {key: '${{ .key }}'}, success: .response.status == 201}
    lookupAfter: 1s
    lookup:
      - id: found
        get: /builds
        query: {key: '${{ .key }}'}
        outputs: '${{ .requests.found.response.body[0] | if . then {id: .id} else null end }}'
    outputs: {id: '${{ .requests.start.response.body.id }}'}
""")
    server = daemon(f"""
connectors: {folder}
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{builds: {{connector: builds, url: '{fakes.url}/ci', auth: none}}}}
workflows:
  w: {{on: {{source: flagger}}, steps: [{{uses: builds/start}}]}}
""")
    fakes.fault(path="/ci/builds", method="POST", close="after")
    run = server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"], timeout=40)
    assert run["state"] == "succeeded", run
    assert [r for r in fakes.state()["requests"] if r["method"] == "GET" and r["path"] == "/ci/builds"], "it was looked for"
    said = same(server)
    assert said == "1 events: 1 the same, 0 different\n", said


def test_a_run_is_answered_what_it_was_answered(daemon, fakes):
    """Two runs of one event ask the same; the one that began second asks first, and hears something else."""
    version = "{uses: jira/release-version, with: {project: PROJ, name: '${{ .event.checksum }}'}}"
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{jira: {{connector: jira, url: '{fakes.url}', auth: {{bearer: {{env: TOKEN}}}}}}}}
workflows:
  a: {{on: {{source: flagger}}, steps: [{{uses: wait, with: {{for: 2s}}}}, {version}]}}
  b: {{on: {{source: flagger}}, steps: [{version}]}}
""", environment={"TOKEN": SECRET})
    event = server.post("/hooks/flagger/post-rollout", flagger_body()).json["event"]
    wait_until(lambda: [r["state"] for r in server.runs_of(event)] == ["succeeded"] * 2)
    said = same(server)
    assert said == "1 events: 1 the same, 0 different\n", said


def test_what_people_did_is_known_without_its_words(daemon, fakes):
    """A step resumed as done, as failed, as repeated; one skipped; one rejected. Messages are for people only."""
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  w:
    on: {{source: flagger}}
    steps:
      - {{id: ok, if: '.event.name == "asked"', uses: approval, with: {{message: may it}}}}
      - {{id: start, uses: web/request, with: {{method: POST, path: '/start/${{{{ .event.name }}}}'}}}}
      - {{id: then, uses: web/request, with: {{method: PUT, path: '/then/${{{{ .event.name }}}}'}}}}
    onFailure: [{{uses: web/request, with: {{method: PUT, path: '/told/${{{{ .event.name }}}}'}}}}]
""")
    acts = {"done": ["resume", "--as", "done"], "fail": ["resume", "--as", "fail"], "repeat": ["resume", "--as", "repeat"],
            "skipped": ["skip"], "asked": ["reject", "--comment", "nobody approved within reason"]}
    ends = {}
    for name, act in acts.items():
        if name != "asked":
            fakes.fault(path=f"/echo/start/{name}", close="after")
        event = server.post("/hooks/flagger/post-rollout", flagger_body(name=name)).json["event"]
        run = server.wait_run(event, states=("waiting",))["id"]
        server.cli("runs", act[0], run, "--step", "ok" if name == "asked" else "start", *act[1:], check=0)
        ends[name] = wait_until(lambda: (lambda r: r if r["state"] in ("succeeded", "failed") else None)(server.api(f"runs/{run}")))
    told = {name: next(s for s in run["steps"] if s["id"] == ("ok" if name == "asked" else "start")) for name, run in ends.items()}
    assert {name: step["because"] for name, step in told.items()} == {
        "done": None, "fail": "personFailed", "repeat": None, "skipped": "personSkipped", "asked": "rejected"}
    settled = {name: [r["settledBy"] for a in step["attempts"] for r in a["requests"]] for name, step in told.items()}
    assert settled == {"done": ["local"], "fail": [None], "repeat": ["local", None], "skipped": [None], "asked": []}, settled
    assert same(server) == "5 events: 5 the same, 0 different\n"
    server.stop()
    with contextlib.closing(sqlite3.connect(server.database)) as db, db:
        db.execute("UPDATE steps SET reason = 'a word' WHERE reason <> ''")
        db.execute("UPDATE requests SET why = 'a word' WHERE settled_by <> ''")
    server.start()
    assert same(server) == "5 events: 5 the same, 0 different\n"
