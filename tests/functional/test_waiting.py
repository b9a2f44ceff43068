"""Actions that start something and wait for it: the example of docs/connectors.md as a user's own connector, on the real
binary, with its CI in the fakes."""

import json
import re
import time

import pytest
from daemon import ROOT, flagger_body, wait_until
from test_engine import moment

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets: {ci: {connector: builds, url: '%(url)s/ci', auth: {bearer: {env: TOKEN}}, limits: {concurrency: 1}}}
workflows:
  w:
    on: {source: flagger}
    concurrency: {policy: parallel}
    steps:
      - {id: suite, uses: ci/build, with: {of: '${{ .event.name }}'}, %(step)s}
      - {id: after, uses: set, with: {values: {result: '${{ .steps.suite.outputs.result }}'}}}
"""
OFTEN = "wait: {every: 1s}"


def example():
    text = (ROOT / "docs" / "connectors.md").read_text()
    return re.search(r"```yaml\n(connector: builds\n.*?)```", text, re.DOTALL).group(1)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "connectors"
    made.mkdir()
    (made / "builds.yaml").write_text(example())
    return made


@pytest.fixture
def ci(daemon, fakes, folder):
    def start(step=OFTEN, connector=None, start=True, **options):
        if connector:
            (folder / "builds.yaml").write_text(connector)
        return daemon(CONFIG % {"url": fakes.url, "step": step}, arguments=["--connectors", str(folder)],
                      environment={"TOKEN": "t0ken-of-the-ci"}, start=start, **options)
    return start


def accept(server, **what):
    answer = server.post("/hooks/flagger/post-rollout", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def looks(fakes):
    return [r for r in fakes.state()["requests"] if r["method"] == "GET" and r["path"].startswith("/ci/builds/")]


def starts(fakes):
    return [r for r in fakes.state()["requests"] if r["method"] == "POST"]


def wait_for_looks(fakes, more):
    wanted = len(looks(fakes)) + more
    wait_until(lambda: len(looks(fakes)) >= wanted, 30, why=f"{more} more looks")


def test_it_is_waited_for(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 3)
    run = server.wait_run(event, ("waiting",))
    step = run["steps"][0]
    assert step["state"] == "waiting" and step["reason"] == "the job is still running: polls every 1s, for 1h", step
    assert step["overBy"] and step["tries"] == 0 and not step["held"]
    fakes.finish_builds()
    run = server.wait_run(event)
    assert run["state"] == "succeeded" and run["steps"][0]["outputs"] == {"id": "1", "result": "passed"}, run
    assert run["steps"][1]["outputs"] == {"result": "passed"}
    assert len(starts(fakes)) == 1 and len(fakes.state()["builds"]) == 1
    times = [r["at"] for r in looks(fakes)]
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[1:])), times


def test_a_kill_while_it_waits_starts_nothing_twice(ci, fakes):
    server = ci()
    event = accept(server)
    for _ in range(3):
        wait_for_looks(fakes, 2)
        server.kill()
        server.start()
    wait_for_looks(fakes, 1)
    fakes.finish_builds()
    run = server.wait_run(event)
    assert run["state"] == "succeeded", run
    assert len(starts(fakes)) == 1
    assert server.api("audit/verify")


def test_what_ends_while_we_are_down_is_found(ci, fakes):
    server = ci("wait: {every: 1s, timeout: 5s}")
    event = accept(server)
    wait_for_looks(fakes, 1)
    run = server.runs_of(event)[0]["id"]
    over = moment(wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["overBy"]))
    server.kill()
    fakes.finish_builds()
    time.sleep(max(0, over + 0.5 - time.time()))
    server.start()
    assert server.wait_run(event)["state"] == "succeeded"


def test_a_red_result_fails_the_step(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 1)
    fakes.finish_builds("failed")
    run = server.wait_run(event)
    assert run["state"] == "failed"
    assert run["steps"][0]["reason"] == "the job failed: build 1 failed"
    assert run["steps"][1]["state"] == "skipped"
    # A retry looks again and starts nothing: it is for whoever ran it again over there.
    fakes.rerun_builds()
    server.cli("runs", "retry", run["id"], check=0)
    wait_for_looks(fakes, 2)
    fakes.finish_builds()
    run = server.wait_run(event)
    assert run["state"] == "succeeded" and len(starts(fakes)) == 1, run
    # Another one is for who says so.
    server.cli("runs", "replay", run["id"], "--again", check=0)
    wait_until(lambda: len(fakes.state()["builds"]) == 2)
    assert len({b["key"] for b in fakes.state()["builds"]}) == 2


def test_any_result_is_expected(ci, fakes):
    server = ci(OFTEN + ", expect: any")
    event = accept(server)
    wait_for_looks(fakes, 1)
    fakes.finish_builds("failed")
    run = server.wait_run(event)
    assert run["state"] == "succeeded" and run["steps"][1]["outputs"] == {"result": "failed"}, run


def test_its_time_is_over(ci, fakes):
    server = ci("wait: {every: 1s, timeout: 3s}")
    event = accept(server)
    run = server.wait_run(event)
    assert run["state"] == "failed" and run["steps"][0]["reason"] == "the job did not end within 3s", run
    begun, times = starts(fakes)[0]["at"], [r["at"] for r in looks(fakes)]
    assert times[-1] - begun > 2.9 and moment(run["steps"][0]["finishedAt"]) - begun > 2.9, times
    # A retry has the whole time again, for the same build.
    server.cli("runs", "retry", run["id"], check=0)
    wait_for_looks(fakes, 1)
    fakes.finish_builds()
    assert server.wait_run(event)["state"] == "succeeded" and len(starts(fakes)) == 1


def test_looks_that_fail_are_tried_again(ci, fakes):
    server = ci(OFTEN + ", retry: {attempts: 3, backoff: {initial: 100ms}}")
    event = accept(server)
    wait_for_looks(fakes, 1)
    for status in (503, 500, 503, 429, 503, 502):
        fakes.fault(path="/ci/builds/*", method="GET", status=status)
        wait_for_looks(fakes, 2)
    fakes.finish_builds()
    run = server.wait_run(event)
    assert run["state"] == "succeeded" and len(starts(fakes)) == 1, run
    metrics = server.metrics()
    assert metrics.get('postlude_breaker_open{target="ci"}', 0) == 0


def test_its_target_serves_others_meanwhile(ci, fakes):
    server = ci()  # one request at a time
    events = [accept(server, name=f"app{n}") for n in range(5)]
    wait_until(lambda: len(starts(fakes)) == 5, why="all to be started while the first one waits")
    fakes.finish_builds()
    for event in events:
        assert server.wait_run(event)["state"] == "succeeded"


def test_a_start_without_an_answer_is_met_by_its_effect(ci, fakes):
    server = ci()
    fakes.fault(path="/ci/builds", method="POST", close="after")
    event = accept(server)
    wait_for_looks(fakes, 1)
    fakes.finish_builds()
    assert server.wait_run(event)["state"] == "succeeded"
    assert len(starts(fakes)) == 2 and len(fakes.state()["builds"]) == 1, "the key makes it the same build"


def test_pause_and_unpause(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 1)
    server.cli("pause", "--target", "ci", check=0)
    run = server.runs_of(event)[0]["id"]
    wait_until(lambda: all(a["endedAt"] for a in server.api(f"runs/{run}")["steps"][0]["attempts"]), why="the look under way")
    before = len(looks(fakes))
    time.sleep(2)
    assert len(looks(fakes)) == before
    fakes.finish_builds()
    server.cli("unpause", "--target", "ci", check=0)
    assert server.wait_run(event)["state"] == "succeeded"


def test_cancel_leaves_it_alone(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 1)
    run = server.wait_run(event, ("waiting",))
    server.cli("runs", "cancel", run["id"], check=0)
    run = server.wait_run(event)
    assert run["state"] == "cancelled" and run["steps"][0]["state"] == "cancelled", run
    before = len(looks(fakes))
    time.sleep(1.5)
    assert len(looks(fakes)) == before


def test_a_run_keeps_how_it_waits(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 1)
    revision = server.api("config")["revision"]
    server.write_config(CONFIG % {"url": fakes.url, "step": "wait: {every: 1h}, expect: any"})
    wait_until(lambda: server.api("config")["revision"] != revision, 30, why="the new configuration")
    wait_for_looks(fakes, 2)
    fakes.finish_builds("failed")
    assert server.wait_run(event)["state"] == "failed"


def test_shadow_starts_nothing_and_does_not_wait(daemon, fakes, folder):
    config = (CONFIG % {"url": fakes.url, "step": OFTEN}).replace("    concurrency", "    mode: shadow\n    concurrency")
    server = daemon(config, arguments=["--connectors", str(folder)], environment={"TOKEN": "x" * 8})
    run = server.wait_run(accept(server))
    assert run["state"] == "succeeded" and run["steps"][1]["outputs"] == {"result": "(shadow)"}, run
    assert not starts(fakes)


# -- what is refused, and what is shown

@pytest.mark.parametrize("was, is_now, said", [
    ("uses: ci/build", "uses: ci/stop", "11:70: 'wait' belongs to an action that starts something and waits for it; "
                                        "ci/stop does not"),
    (OFTEN, "expect: any, " + OFTEN, None),
    ("uses: ci/build, with: {of: '${{ .event.name }}'}", "uses: wait, with: {for: 1s}",
     "'wait' belongs to an action that starts something and waits for it; wait does not"),
    (OFTEN, "expect: red", "'expect' is 'red'; expected 'success' or 'any'"),
    (OFTEN, "wait: {timout: 3m}", "unknown key 'timout' in 'wait'; did you mean 'timeout'?"),
    (OFTEN, "wait: {every: 10ms}", "'every' is at least 1s, not 10ms"),
    (OFTEN, "wait: {timeout: soon}", "'soon' is not a duration"),
    (OFTEN, "wait: 40m", "'wait' is '40m'; expected a map"),
])
def test_check_of_a_step(ci, folder, was, is_now, said):
    connector = example() + "  stop: {summary: S, input: {additionalProperties: true}, requests: [{delete: /x, effect: state}]}\n"
    server = ci(connector=connector, start=False)
    text = server.config_file.read_text()
    assert was in text
    server.config_file.write_text(text.replace(was, is_now, 1))
    done = server.cli("check", server.config_file, "--connectors", folder)
    assert done.returncode == (0 if said is None else 1), done.stdout
    assert said is None or said in done.stdout, done.stdout


@pytest.mark.parametrize("was, is_now, said", [
    ("until: .requests.build.response.body.state == \"done\"", "unti: .x", "'wait' needs 'until'"),
    (".requests.build.response.body.state", ".requests.biuld.response.body.state", "there is no request `biuld`"),
    (".requests.build.response.body.state", ".requests.start.response.body.state", "only these are made again"),
    ("      success:", "      sucess:", "unknown key 'sucess' in 'wait'; did you mean 'success'?"),
])
def test_check_of_a_connector(ci, folder, was, is_now, said):
    assert was in example()
    server = ci(connector=example().replace(was, is_now, 1), start=False)
    done = server.cli("check", server.config_file, "--connectors", folder)
    assert done.returncode == 1 and "builds.yaml:" in done.stdout and said in done.stdout, done.stdout


def test_connectors_show_tells_of_it(ci, folder):
    server = ci(start=False)
    shown = json.loads(server.cli("connectors", "show", "builds", "--connectors", folder, "-o", "json", check=0).stdout)
    assert shown["actions"][0]["wait"] == {"every": "10s", "until": '.requests.build.response.body.state == "done"',
                                           "success": '.requests.build.response.body.result == "passed"'}
    done = server.cli("connectors", "show", "builds", "--connectors", folder, check=0)
    assert 'waits: looks every 10s until .requests.build.response.body.state == "done"' in done.stdout, done.stdout


# -- offline

TESTS = """
config: postlude.yaml
tests:
  - name: green, after some looks
    event: {source: flagger, payload: {name: podinfo, namespace: prod, phase: Succeeded, checksum: c}}
    responses:
      - {request: POST /builds, target: ci, status: 201, body: {id: "7", state: running}}
      - {request: GET /builds/7, target: ci, body: {id: "7", state: running}}
      - {request: GET /builds/7, target: ci, status: 503}
      - {request: GET /builds/7, target: ci, body: {id: "7", state: running}}
      - {request: GET /builds/7, target: ci, body: {id: "7", state: done, result: passed}}
    expect: {runs: [{workflow: w, state: succeeded, steps: {suite: succeeded}}]}
  - name: red
    event: {source: flagger, payload: {name: podinfo, namespace: prod, phase: Succeeded, checksum: c}}
    responses:
      - {request: POST /builds, target: ci, status: 201, body: {id: "7", state: running}}
      - {request: GET /builds/7, target: ci, body: {id: "7", state: done, result: failed}}
    expect: {runs: [{workflow: w, state: failed, steps: {suite: failed, after: skipped}}]}
"""
NEVER = """  - name: never over
    event: {source: flagger, payload: {name: podinfo, namespace: prod, phase: Succeeded, checksum: c}}
    responses:
      - {request: POST /builds, target: ci, status: 201, body: {id: "7", state: running}}
      - {request: GET /builds/7, target: ci, repeat: true, body: {id: "7", state: running}}
    expect: {runs: [{workflow: w, state: failed, steps: {suite: failed}}]}
"""


def test_workflow_tests_and_coverage(ci, folder):
    server = ci(OFTEN.replace("}", ", timeout: 40m}"), start=False)
    file = server.folder / "postlude.test.yaml"
    for text, covered in ((TESTS, False), (TESTS + NEVER, True)):
        file.write_text(text)
        done = server.cli("test", file, "--connectors", folder, "--coverage")
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("the time of step 'suite' is never over" not in done.stdout) == covered, done.stdout
        assert "is never red" not in done.stdout
    green = TESTS.replace("result: failed}", "result: passed}")
    file.write_text(green.replace("state: failed, steps: {suite: failed, after: skipped", "state: succeeded, steps: {suite: succeeded"))
    assert "the result of step 'suite' is never red" in server.cli("test", file, "--connectors", folder, "--coverage").stdout


def test_simulate_finds_it_the_same(ci, fakes, folder):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 14)  # more than are kept
    fakes.finish_builds()
    assert server.wait_run(event)["state"] == "succeeded"
    arguments = ["--since", "1h", "--config", server.config_file, "--connectors", folder]
    done = server.cli("simulate", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    server.config_file.write_text(server.config_file.read_text().replace("'${{ .event.name }}'", "'${{ .event.checksum }}'", 1))
    done = server.cli("simulate", *arguments)
    assert done.returncode == 1 and "+" in done.stdout and "7774c75db4" in done.stdout, done.stdout


def test_explain_says_what_it_waits_for(ci, fakes):
    server = ci()
    event = accept(server)
    wait_for_looks(fakes, 2)
    run = server.wait_run(event, ("waiting",))
    assert "the job is still running" in server.cli("runs", "show", run["id"], check=0).stdout
    assert run["id"] in server.cli("explain", event, check=0).stdout
    fakes.finish_builds()


def test_a_person_says_what_a_held_step_has_started(ci, fakes, folder):
    unclear = example().replace("effect: key", "effect: none").replace("keyWindow: 24h", "onUnclear: hold")
    server = ci(connector=unclear)
    fakes.fault(path="/ci/builds", method="POST", close="after")
    event = accept(server)
    run = server.wait_run(event, ("waiting",))["id"]
    assert wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["held"])
    assert looks(fakes) == []
    for wrong in ("{", "[1]", "77"):
        assert "JSON object" in server.cli("runs", "resume", run, "--as", "done", "--outputs", wrong, check=2).stderr
    said = server.cli("runs", "resume", run, "--as", "repeat", "--outputs", "{}", check=2).stderr
    assert "outputs belong to `as` done" in said, said
    given = json.dumps({"id": "1", "note": "t0ken-of-the-ci"})
    server.cli("runs", "resume", run, "--step", "suite", "--as", "done", "--outputs", given, check=0)
    wait_for_looks(fakes, 2)
    fakes.finish_builds()
    run = server.wait_run(event)
    assert run["state"] == "succeeded" and run["steps"][0]["outputs"] == {"id": "1", "result": "passed"}, run
    assert len(starts(fakes)) == 1 and "t0ken" not in json.dumps(run) and '"note": "***"' in json.dumps(run)
    server.stop()
    told = server.cli("audit", "export", "--file", server.database, check=0).stdout
    assert json.dumps('suite as done, outputs {"id":"1","note":"***"}') in told and "t0ken" not in told, told
