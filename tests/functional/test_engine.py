"""The engine, by what reaches the fakes: order, conditions, retries, time-outs, and effects across a kill -9."""

import datetime
import fnmatch
import time

import pytest
from daemon import flagger_body, wait_until

SOURCE = "sources: {flagger: {type: flagger, auth: none}}\n"


def config(fakes, steps, more=""):
    """One workflow of these steps, on targets `jira`, `slack` and `web` at the fakes."""
    return SOURCE + f"""
targets:
  jira: {{connector: jira, url: '{fakes.url}', auth: {{bearer: {{env: TOKEN}}}}}}
  slack: {{connector: slack, url: '{fakes.url}/api', auth: {{bearer: {{env: TOKEN}}}}}}
  web: {{connector: http, url: '{fakes.url}/echo', auth: none}}
  gone: {{connector: http, url: 'http://127.0.0.1:9', auth: none}}
workflows:
  main:
    on: {{source: flagger, phase: Succeeded}}
{more}
    steps:
{steps}
"""


@pytest.fixture
def engine(daemon, fakes):
    def start(steps, more="", **options):
        return daemon(config(fakes, steps, more), environment={"TOKEN": "t0ken-of-the-fakes"}, **options)
    return start


def accept(server, **what):
    answer = server.post("/hooks/flagger/post-rollout", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def run_of(server, **what):
    return server.wait_run(accept(server, **what))


def states(run):
    return [step["state"] for step in run["steps"]]


def calls(fakes, method=None, path="/echo/*"):
    return [r for r in fakes.state()["requests"]
            if fnmatch.fnmatchcase(r["path"], path) and method in (None, r["method"])]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# -- conditions, outputs, waits

def test_if_on_a_workflow_and_on_steps(engine, fakes):
    server = engine("""
      - {id: first, uses: web/request, if: '.event.name == "podinfo"', with: {method: PUT, path: /first}}
      - {id: second, uses: web/request, if: '.event.name != "podinfo"', with: {method: PUT, path: /second}}
      - {uses: web/request, if: '.steps.second.state == "skipped"', with: {method: PUT, path: /third}}
""", more="    if: .event.metadata.go == \"yes\"")
    run = run_of(server, metadata={"go": "yes"})
    assert states(run) == ["succeeded", "skipped", "succeeded"] and run["state"] == "succeeded"
    assert run["steps"][1]["reason"] == 'if: `.event.name != "podinfo"` is false'
    assert [c["path"] for c in calls(fakes)] == ["/echo/first", "/echo/third"]
    event = accept(server, metadata={"go": "no"})
    shown = wait_until(lambda: (e := server.api(f"events/{event}"))["planned"] and e)
    assert shown["runs"] == [] and shown["plan"][0]["why"] == 'if: `.event.metadata.go == "yes"` is false'


def test_a_condition_that_is_no_boolean_fails_the_step_with_its_place(engine, fakes):
    server = engine("""
      - {uses: web/request, if: .event.payload.missing, with: {method: PUT, path: /never}}
""")
    run = run_of(server)
    assert run["state"] == "failed"
    reason = run["steps"][0]["reason"]
    assert reason.startswith(".event.payload.missing: must yield true or false, not null (") and "postlude.yaml:" in reason
    assert calls(fakes) == []


def test_outputs_and_types(engine, fakes):
    server = engine("""
      - {id: asked, uses: web/request, with: {path: '/ask/${{ .event.name | @uri }}', query: {sum: '${{ .event.checksum }}'}}}
      - uses: web/request
        with:
          method: POST
          effect: state
          path: /tell
          body:
            text: 'status ${{ .steps.asked.outputs.status }} of ${{ .steps.asked.outputs.body.query.sum }}'
            number: ${{ .steps.asked.outputs.status }}
            list: ['${{ .event.metadata }}', true, 1.10, no]
            literal: $${{ .event.name }}
            braces: '${{ "}}" + .event.name }}'
""")
    run = run_of(server, metadata={"a": "b"})
    assert run["state"] == "succeeded", run
    body = calls(fakes, "POST")[0]["body"]
    assert body["text"] == "status 200 of 7774c75db4"
    assert body["number"] == 200
    assert body["list"][:2] == [{"a": "b"}, True]
    assert body["literal"] == "${{ .event.name }}" and body["braces"] == "}}podinfo"


def test_null_inside_text_names_the_expression(engine, fakes):
    server = engine("""
      - {uses: web/request, with: {method: PUT, path: '/x', body: {text: 'in ${{ .event.metadata.missing }}'}}}
      - {uses: web/request, with: {method: PUT, path: /after}}
      - {uses: web/request, if: failure, with: {method: PUT, path: /failed}}
      - {uses: web/request, if: always(), with: {method: PUT, path: /always}}
""")
    run = run_of(server)
    assert states(run) == ["failed", "skipped", "succeeded", "succeeded"] and run["state"] == "failed"
    reason = run["steps"][0]["reason"]
    assert "postlude.yaml:" in reason and reason.startswith(".event.metadata.missing: is null, which cannot stand inside text")
    assert run["steps"][1]["reason"] == "web/request failed"
    assert [c["path"] for c in calls(fakes)] == ["/echo/failed", "/echo/always"]


def test_a_wait_goes_on_across_a_restart(engine, fakes):
    server = engine("""
      - {id: before, uses: web/request, with: {method: PUT, path: /before}}
      - {uses: wait, with: {for: 5s}}
      - {uses: web/request, with: {method: PUT, path: /after}}
""")
    event = accept(server)
    waiting = server.wait_run(event, states=("waiting",))
    assert states(waiting) == ["succeeded", "waiting", "pending"] and waiting["steps"][1]["dueAt"]
    server.stop()
    assert [c["path"] for c in calls(fakes)] == ["/echo/before"]
    server.start()
    run = server.wait_run(event)
    assert states(run) == ["succeeded"] * 3
    first, second = calls(fakes)
    assert (first["path"], second["path"]) == ("/echo/before", "/echo/after")
    assert moment(run["steps"][1]["finishedAt"]) - moment(waiting["steps"][1]["startedAt"]) >= 5.0
    assert second["at"] - first["at"] >= 4.9


def test_runs_of_a_canary_queue_and_others_do_not(engine, fakes):
    server = engine("""
      - {uses: web/request, with: {method: PUT, path: '/${{ .event.name }}/${{ .event.checksum }}'}}
""")
    fakes.fault(path="/echo/slow/1", hold=True)
    first, second = accept(server, name="slow", checksum="1"), accept(server, name="slow", checksum="2")
    quick = run_of(server, name="quick", checksum="1")
    assert quick["state"] == "succeeded"
    assert server.runs_of(first)[0]["state"] != "succeeded"
    fakes.release()
    assert server.wait_run(second)["state"] == "succeeded"
    order = [c["path"] for c in calls(fakes)]
    assert order.index("/echo/slow/1") < order.index("/echo/slow/2") and "/echo/quick/1" in order


# -- trying again

RETRY = "retry: {attempts: 4, backoff: {initial: 100ms, max: 200ms}, for: 30s}"


# A date has whole seconds: from one to two of them after the answer.
@pytest.mark.parametrize("after, least", [("1", 1.0), ("{date+2}", 1.0), (None, 0.0)], ids=["seconds", "date", "none"])
def test_retry_after(engine, fakes, after, least):
    server = engine(f"""
      - {{uses: web/request, {RETRY}, with: {{method: PUT, path: /later}}}}
""")
    fakes.fault(path="/echo/later", status=429, headers={"Retry-After": after} if after else {})
    run = run_of(server)
    assert run["state"] == "succeeded"
    first, second = calls(fakes)
    assert second["at"] - first["answered"] >= least
    attempts = run["steps"][0]["attempts"]
    assert [a["outcome"] for a in attempts] == ["retryable", "succeeded"]
    assert [a["requests"][0]["status"] for a in attempts] == [429, 200]
    assert len({a["requests"][0]["key"] for a in attempts}) == 1, "the same in every attempt"


def test_503_is_a_later_only_with_retry_after(engine, fakes):
    server = engine(f"""
      - {{uses: web/request, {RETRY}, with: {{method: POST, path: /post}}}}
""")
    fakes.fault(path="/echo/post", status=503, headers={"Retry-After": "1"})
    assert run_of(server, name="one")["state"] == "succeeded"
    for number, headers in enumerate([{}, {"Retry-After": "0"}, {"Retry-After": "-1"}, {"Retry-After": "soon"}]):
        fakes.fault(path="/echo/post", status=503, headers=headers)
        held = server.wait_run(accept(server, name=f"two-{number}"), states=("waiting",))
        assert held["steps"][0]["held"] is True and held["steps"][0]["unclear"] is True
        assert len(calls(fakes)) == 3 + number, headers


def test_attempts_run_out(engine, fakes):
    server = engine(f"""
      - {{uses: web/request, {RETRY}, with: {{method: PUT, path: /never}}}}
""")
    fakes.fault(path="/echo/never", status=429, times=100)
    run = run_of(server)
    assert run["state"] == "failed" and len(calls(fakes)) == 4
    assert "gave up after 4 attempts" in run["steps"][0]["reason"]


def test_a_refusal_is_not_repeated(engine, fakes):
    server = engine(f"""
      - {{uses: web/request, {RETRY}, with: {{method: PUT, path: /refused}}}}
""")
    fakes.fault(path="/echo/refused", status=409, body={"message": "there is one already"}, times=100)
    run = run_of(server)
    assert run["state"] == "failed" and len(calls(fakes)) == 1
    assert "409" in run["steps"][0]["reason"] or "there is one already" in run["steps"][0]["reason"]


def test_a_retry_after_past_the_limit_fails_at_once(engine, fakes):
    server = engine("""
      - {uses: web/request, retry: {for: 10s}, with: {method: PUT, path: /later}}
""")
    fakes.fault(path="/echo/later", status=429, headers={"Retry-After": "3600"})
    run = run_of(server)
    assert run["state"] == "failed" and len(calls(fakes)) == 1
    assert "10s" in run["steps"][0]["reason"]


def test_a_target_that_is_not_there(engine):
    # Never handed over, so that even a POST is tried again.
    server = engine("""
      - {uses: gone/request, retry: {attempts: 3, backoff: {initial: 50ms}}, with: {method: POST, path: /x}}
""")
    run = run_of(server)
    assert run["state"] == "failed"
    assert [a["outcome"] for a in run["steps"][0]["attempts"]] == ["retryable"] * 3


# -- time-outs

def test_a_steps_timeout_bounds_one_request(engine, fakes):
    server = engine(f"""
      - {{uses: web/request, timeout: 1500ms, {RETRY}, with: {{method: PUT, path: /slow}}}}
""")
    fakes.fault(path="/echo/slow", hold=True)
    run = run_of(server)
    assert run["state"] == "succeeded" and [c["status"] for c in calls(fakes)] == [None, 200], "the first one hangs still"
    first, second = run["steps"][0]["attempts"]
    assert (first["outcome"], second["outcome"]) == ("unclear", "succeeded")
    assert moment(first["endedAt"]) - moment(first["startedAt"]) >= 1.49


def test_a_runs_timeout_ends_it(engine, fakes):
    server = engine("""
      - {uses: wait, with: {for: 1h}}
      - {uses: web/request, with: {method: PUT, path: /never}}
""", more="    timeout: 1s")
    run = run_of(server)
    assert run["state"] == "failed" and "timeout" in run["reason"] and "1s" in run["reason"]
    assert calls(fakes) == []
    assert states(run)[1] == "skipped"


def test_a_runs_timeout_bounds_its_retries(engine, fakes):
    server = engine("""
      - {uses: web/request, retry: {backoff: {initial: 200ms, max: 200ms}}, with: {method: PUT, path: /never}}
""", more="    timeout: 3s")
    fakes.fault(path="/echo/never", status=429, times=1000)
    run = run_of(server)
    assert run["state"] == "failed" and "timeout" in run["steps"][0]["reason"]
    assert 2 <= len(calls(fakes)) < 1000, "it was tried again, and would be for ever"


# -- effects: killed while the fake has applied the request and has not answered

def killed_after(server, fakes, path, method, event=None, **what):
    """The event whose request was applied when the daemon died."""
    fakes.fault(path=path, method=method, delayAfter=60)
    event = event or accept(server, **what)
    wait_until(lambda: [r for r in calls(fakes, method, path) if r["status"]], why="the applied request")
    server.kill()
    server.start()
    return event


@pytest.mark.parametrize("with_", [
    "{path: /x, success: '.response.body.absent'}", "{method: PUT, path: /x, success: '.response.headers.absent'}",
    "{method: PUT, path: /x, success: 'false', retry: '.response.body.absent'}"])
def test_a_rule_that_is_no_condition_fails_at_once(engine, fakes, with_):
    """It will say no more the next time: nothing is repeated until `retry.for` is over."""
    server = engine(f"      - {{retry: {{backoff: {{initial: 100ms}}}}, uses: web/request, with: {with_}}}")
    run = run_of(server)
    reason = run["steps"][0]["reason"]
    assert run["state"] == "failed" and "must yield true or false, not null" in reason and "postlude.yaml:" in reason, reason
    assert len(calls(fakes)) == 1, calls(fakes)


def test_now_is_the_same_kind_of_number_in_tests(engine, fakes, tmp_path):
    """Whole seconds, there and in the daemon: what a test proves of `now` holds."""
    server = engine("      - {uses: web/request, with: {method: PUT, path: '/at', body: '${{ [now, (now | floor) == now, (now | todate)] }}'}}")
    run_of(server)
    at, whole, _ = calls(fakes, "PUT")[0]["body"]
    assert isinstance(at, int) and whole is True
    (tmp_path / "now.test.yaml").write_text(f"""
config: {server.config_file}
tests:
  - name: now
    now: 2026-11-27T10:30:00.75Z
    event: {{source: flagger, payload: {{name: a, namespace: b, phase: Succeeded}}}}
    responses: [{{request: PUT /at}}]
    expect: {{requests: [{{target: web, method: PUT, path: /at, body: [1795775400, true, '2026-11-27T10:30:00Z']}}]}}
""")
    server.cli("test", tmp_path / "now.test.yaml", check=0)


def test_read_is_repeated(engine, fakes):
    server = engine("      - {uses: web/request, with: {path: /read}}")
    event = killed_after(server, fakes, "/echo/read", "GET")
    assert server.wait_run(event)["state"] == "succeeded"
    assert len(calls(fakes, "GET")) == 2


def test_state_is_repeated_with_the_same_key(engine, fakes):
    server = engine("      - {uses: web/request, with: {method: PUT, path: '/state', body: {at: '${{ now }}'}}}")
    event = killed_after(server, fakes, "/echo/state", "PUT")
    run = server.wait_run(event)
    assert run["state"] == "succeeded"
    first, second = calls(fakes, "PUT")
    assert first["body"] == second["body"], "the input is evaluated once"
    assert isinstance(first["body"]["at"], int), "in whole seconds"
    requests = [r for a in run["steps"][0]["attempts"] for r in a["requests"]]
    assert [r["result"] for r in requests] == ["unclear", "succeeded"]
    assert len({r["key"] for r in requests}) == 1 and requests[0]["key"]


def test_upsert_finds_what_it_made(engine, fakes):
    server = engine("      - {id: v, uses: jira/release-version, with: {project: PROJ, name: '${{ .event.checksum }}'}}")
    event = killed_after(server, fakes, "/rest/api/2/version", "POST")
    run = server.wait_run(event)
    assert run["state"] == "succeeded", run
    version, = fakes.state()["jira"]["versions"]
    assert version["released"] is True and run["steps"][0]["outputs"]["id"] == version["id"]
    assert [e["kind"] for e in fakes.state()["all"]] == ["version created", "version updated"]


def test_key_is_repeated_with_its_key(engine, fakes):
    server = engine("      - {uses: web/request, with: {method: POST, path: /key, idempotencyHeader: Idempotency-Key, body: {}}}")
    event = killed_after(server, fakes, "/echo/key", "POST")
    run = server.wait_run(event)
    assert run["state"] == "succeeded"
    sent = [c["headers"]["idempotency-key"] for c in calls(fakes, "POST")]
    assert len(sent) == 2 and len(set(sent)) == 1 and len(sent[0]) == 32
    assert {r["key"] for a in run["steps"][0]["attempts"] for r in a["requests"]} == set(sent)
    other = run_of(server, name="other")
    assert other["state"] == "succeeded"
    assert calls(fakes, "POST")[2]["headers"]["idempotency-key"] not in sent, "another effect, another key"


COMMENT = "      - {uses: jira/comment, timeout: 1s, with: {issue: PROJ-1, body: 'Released ${{ .event.checksum }}'}}"


def test_lookup_finds_the_effect_and_does_not_repeat(engine, fakes):
    server = engine(COMMENT)
    event = killed_after(server, fakes, "*/comment", "POST")
    run = server.wait_run(event, timeout=40)
    assert run["state"] == "succeeded", run
    assert len(calls(fakes, "POST", "*/comment")) == 1
    comment, = [i for i in fakes.state()["jira"]["issues"] if i["key"] == "PROJ-1"][0]["comments"]
    assert run["steps"][0]["outputs"]["id"] == comment["id"]
    assert any(r["request"].startswith("lookup.") for a in run["steps"][0]["attempts"] for r in a["requests"])


def test_lookup_that_finds_nothing_repeats_with_the_same_key(engine, fakes):
    server = engine(COMMENT)
    fakes.fault(path="*/comment", method="POST", delay=60)  # killed before it is applied
    event = accept(server)
    wait_until(lambda: calls(fakes, "POST", "*/comment"))
    server.kill()
    server.start()
    run = server.wait_run(event, timeout=40)
    assert run["state"] == "succeeded", run
    first, second = [c["body"]["body"] for c in calls(fakes, "POST", "*/comment")]
    assert first == second and "anchor:postlude-" in first
    assert list(fakes.state()["effects"].values()) == [1]


def test_a_look_is_made_at_once_and_waits_as_long_as_it_is_asked_to(engine, fakes):
    server = engine(COMMENT)
    for status in (503, 429):
        fakes.fault(path="*/issue/PROJ-1/comment", method="GET", status=status, headers={"Retry-After": "2"})
    fakes.fault(path="*/comment", method="POST", close="after")
    run = server.wait_run(accept(server), timeout=20)
    assert run["state"] == "succeeded", run
    assert len(calls(fakes, "POST", "*/comment")) == 1
    made = calls(fakes, "POST", "*/comment")[0]["at"]
    looks = [c["at"] for c in calls(fakes, "GET", "*/issue/PROJ-1/comment")]
    assert looks[0] - made < 2, "the first look does not wait for the request's timeout"
    assert len(looks) == 3 and all(b - a >= 2 for a, b in zip(looks, looks[1:])), looks
    target, = [t for t in server.api("targets")["items"] if t["name"] == "jira"]
    assert target["breaker"] == "closed"


HOLD = """
      - {id: before, uses: web/request, with: {method: PUT, path: /before}}
      - {id: trigger, name: Start the build, uses: web/request, with: {method: POST, path: /build, body: {x: 1}}}
      - {uses: web/request, with: {method: PUT, path: /after}}
"""


def held_run(server, fakes):
    event = killed_after(server, fakes, "/echo/build", "POST")
    run = server.wait_run(event, states=("waiting",))
    assert states(run) == ["succeeded", "waiting", "pending"]
    step = run["steps"][1]
    assert step["held"] is True and step["unclear"] is True and "runs resume" not in step["reason"]
    listed = server.cli("runs", "list", "--state", "waiting", check=0).stdout
    assert run["id"] in listed and "main" in listed
    shown = server.cli("runs", "show", run["id"], check=0).stdout
    assert "Start the build" in shown and "runs resume" in shown
    assert len(calls(fakes, "POST")) == 1
    return run


@pytest.mark.parametrize("step", ["trigger", "2", "Start the build"])
def test_none_is_held_and_resumed_as_done(engine, fakes, step):
    server = engine(HOLD)
    run = held_run(server, fakes)
    server.cli("runs", "resume", run["id"], "--step", step, "--as", "done", check=0)
    run = server.wait_run(run["event"])
    assert states(run) == ["succeeded"] * 3 and run["state"] == "succeeded"
    assert len(calls(fakes, "POST")) == 1 and len(calls(fakes, "PUT", "/echo/after")) == 1


def test_none_is_held_and_resumed_as_repeat(engine, fakes):
    server = engine(HOLD)
    run = held_run(server, fakes)
    server.cli("runs", "resume", run["id"], "--step", "trigger", "--as", "repeat", check=0)
    run = server.wait_run(run["event"])
    assert states(run) == ["succeeded"] * 3
    assert len(calls(fakes, "POST")) == 2
    keys = {r["key"] for a in run["steps"][1]["attempts"] for r in a["requests"]}
    assert len(keys) == 1


def test_none_is_held_and_resumed_as_fail(engine, fakes):
    server = engine(HOLD)
    run = held_run(server, fakes)
    server.cli("runs", "resume", run["id"], "--step", "trigger", "--as", "fail", check=0)
    run = server.wait_run(run["event"])
    assert states(run) == ["succeeded", "failed", "skipped"] and run["state"] == "failed"
    assert len(calls(fakes, "POST")) == 1 and calls(fakes, "PUT", "/echo/after") == []


def test_resuming_what_is_not_held_is_refused(engine, fakes):
    server = engine(HOLD)
    run = held_run(server, fakes)
    for step, status in (("before", 1), ("nothing", 1), ("9", 1)):
        refused = server.cli("runs", "resume", run["id"], "--step", step, "--as", "done", check=status)
        assert step in refused.stderr
    server.cli("runs", "resume", run["id"], "--step", "trigger", "--as", "perhaps", check=2)
    server.cli("runs", "resume", run["id"], "--step", "trigger", "--as", "done", check=0)
    server.wait_run(run["event"])
    server.cli("runs", "resume", run["id"], "--step", "trigger", "--as", "repeat", check=1)
    assert len(calls(fakes, "POST")) == 1


def test_a_held_run_survives_another_restart(engine, fakes):
    server = engine(HOLD)
    run = held_run(server, fakes)
    server.restart()
    again = server.api(f"runs/{run['id']}")
    assert again["state"] == "waiting" and again["steps"][1]["held"] is True
    assert len(calls(fakes, "POST")) == 1


def test_none_that_repeats_comes_twice_with_the_same_key(engine, fakes):
    server = engine("      - {uses: slack/message, with: {channel: '#releases', text: hello}}")
    event = killed_after(server, fakes, "/api/chat.postMessage", "POST")
    run = server.wait_run(event)
    assert run["state"] == "succeeded"
    messages = fakes.state()["slack"]["messages"]
    assert len(messages) == 2 and messages[0]["key"] == messages[1]["key"] and messages[0]["key"]


def test_on_unclear_fail(engine, fakes):
    server = engine("      - {uses: slack/message, onUnclear: fail, with: {channel: '#releases', text: hello}}")
    event = killed_after(server, fakes, "/api/chat.postMessage", "POST")
    run = server.wait_run(event)
    assert run["state"] == "failed" and "onUnclear" in run["steps"][0]["reason"]
    assert len(fakes.state()["slack"]["messages"]) == 1


def test_an_answer_that_is_cut_is_unclear(engine, fakes):
    server = engine("      - {uses: web/request, with: {method: POST, path: /cut, body: {}}}")
    fakes.fault(path="/echo/cut", cut=60)
    run = server.wait_run(accept(server), states=("waiting",))
    assert run["steps"][0]["held"] is True and len(calls(fakes)) == 1


@pytest.mark.parametrize("close", ["before", "after"])
def test_a_connection_that_closes_is_never_two_requests(engine, fakes, close):
    server = engine("      - {uses: web/request, with: {method: POST, path: '/p/${{ .event.name }}', body: {}}}")
    assert run_of(server, name="warm")["state"] == "succeeded"  # leaves a connection to use again
    fakes.fault(path="/echo/p/closed", close=close)
    run = server.wait_run(accept(server, name="closed"), states=("waiting",))
    assert run["steps"][0]["held"] is True
    assert len(calls(fakes, "POST", "/echo/p/closed")) == 1


# -- people

def test_retry_goes_on_from_the_failed_step(engine, fakes):
    server = engine("""
      - {uses: web/request, with: {method: PUT, path: /one}}
      - {id: two, uses: web/request, with: {method: PUT, path: /two}}
      - {uses: web/request, with: {method: PUT, path: /three}}
""")
    fakes.fault(path="/echo/two", status=400)
    run = run_of(server)
    assert states(run) == ["succeeded", "failed", "skipped"]
    server.cli("runs", "retry", run["id"], check=0)
    run = wait_until(lambda: (r := server.api(f"runs/{run['id']}"))["state"] == "succeeded" and r)
    assert states(run) == ["succeeded"] * 3
    assert [c["path"] for c in calls(fakes)] == ["/echo/one", "/echo/two", "/echo/two", "/echo/three"]
    keys = {r["key"] for a in run["steps"][1]["attempts"] for r in a["requests"]}
    assert len(keys) == 1, "the same in every attempt of every retry"
    assert server.cli("runs", "retry", run["id"], check=1).stderr.strip() == f"{run['id']} is succeeded, not failed"


def test_an_older_release_is_superseded(engine, fakes):
    server = engine("      - {id: set, uses: web/request, with: {method: PUT, path: /live, body: {sum: '${{ .event.checksum }}'}}}")
    fakes.fault(path="/echo/live", status=400)
    old = run_of(server, checksum="old")
    assert old["state"] == "failed"
    assert run_of(server, checksum="new")["state"] == "succeeded"
    assert run_of(server, name="other", checksum="x")["state"] == "succeeded"
    server.cli("runs", "retry", old["id"], check=0)
    run = wait_until(lambda: (r := server.api(f"runs/{old['id']}"))["state"] != "failed" and r["finishedAt"] and r)
    assert states(run) == ["skipped"] and run["steps"][0]["reason"].startswith("superseded")
    assert [c["body"]["sum"] for c in calls(fakes)] == ["old", "new", "x"], "the old one is not sent"


def test_stale_sends_it_all_the_same(engine, fakes):
    server = engine("      - {id: set, uses: web/request, with: {method: PUT, path: /live, body: {sum: '${{ .event.checksum }}'}}}")
    fakes.fault(path="/echo/live", status=400)
    old = run_of(server, checksum="old")
    run_of(server, checksum="new")
    server.cli("runs", "retry", old["id"], "--stale", check=0)
    wait_until(lambda: server.api(f"runs/{old['id']}")["state"] == "succeeded")
    assert [c["body"]["sum"] for c in calls(fakes)] == ["old", "new", "old"]


# -- expressions that would not end

@pytest.mark.parametrize("expression, bounds, word", [
    ("last(range(1e12))", "{}", "took more than 250ms"),
    ("[range(1e12)] | length", "{time: 20s, memory: 64MiB}", "64MiB"),
    ("def f: 1 + f; f", "{time: 20s, memory: 64MiB}", ""),
], ids=["hang", "swell", "recurse"])
def test_an_expression_fails_its_step_only(engine, fakes, expression, bounds, word):
    server = engine(f"""
      - {{uses: web/request, if: '.event.name == "bad"', with: {{method: PUT, path: /never, body: {{x: '${{{{ {expression} }}}}'}}}}}}
      - {{uses: web/request, with: {{method: PUT, path: '/${{{{ .event.name }}}}'}}}}
evaluator: {bounds}
""")
    good = [accept(server, name=f"good-{n}") for n in range(3)]
    bad = accept(server, name="bad")
    good += [accept(server, name=f"late-{n}") for n in range(3)]
    for event in good:
        assert server.wait_run(event)["state"] == "succeeded"
    run = server.wait_run(bad, timeout=40)
    assert states(run) == ["failed", "skipped"]
    assert "postlude.yaml:" in run["steps"][0]["reason"] and word in run["steps"][0]["reason"], run["steps"][0]["reason"]
    assert sorted(c["path"] for c in calls(fakes)) == sorted(f"/echo/{k}-{n}" for k in ("good", "late") for n in range(3))
    assert server.is_ready()


def test_a_condition_that_is_no_condition_fails_the_run_and_sends_nothing(engine, fakes):
    server = engine("""
      - {uses: web/request, with: {method: PUT, path: /x}}
""", more="    if: .event.payload.absent")
    run = run_of(server)
    assert run["state"] == "failed" and "must yield true or false" in run["reason"]
    assert states(run) == ["skipped"] and not calls(fakes)
    server.cli("runs", "retry", run["id"], check=0)
    assert server.wait_run(run["event"], states=("succeeded",))
    assert len(calls(fakes, "PUT")) == 1


@pytest.mark.parametrize("step", [
    "{uses: approval, with: {message: 'x ${{ .event.payload.none }}', approvers: [ops]}}",
    "{uses: web/request, with: {method: PUT, path: '/x/${{ .event.payload.none }}'}}"])
def test_a_retry_makes_the_input_anew_that_could_not_be_made(engine, fakes, step):
    server = engine(f"      - {step}\n")
    run = run_of(server)
    assert run["state"] == "failed", run
    reason = run["steps"][0]["reason"]
    assert ".event.payload.none" in reason
    for _ in range(2):  # an approval without its approvers would let everybody answer
        server.cli("runs", "retry", run["id"], check=0)
        run = server.wait_run(run["event"], states=("failed", "waiting", "succeeded"))
        assert run["state"] == "failed" and run["steps"][0]["reason"] == reason, run
    assert not calls(fakes)


@pytest.mark.parametrize("more", [
    "    vars: {x: '${{ error(1) }}'}", "    concurrency: {key: error(1)}", "    concurrency: {key: .event.metadata.none}",
    "    if: .event.payload.none\n    vars: {x: '${{ error(1) }}'}"])
def test_a_retry_does_not_go_on_without_what_could_not_be_computed(engine, fakes, more):
    steps = "      - {uses: web/request, with: {method: PUT, path: /x}}\n"
    server = engine(steps, more=more)
    run = run_of(server)
    assert run["state"] == "failed" and states(run) == ["skipped"]
    refused = server.cli("runs", "retry", run["id"])
    assert refused.returncode != 0 and "runs replay" in refused.stderr, refused
    assert server.api(f"runs/{run['id']}")["state"] == "failed" and not calls(fakes)
    server.write_config(config(fakes, steps, more="    vars: {x: 1}"))
    server.restart()
    server.cli("runs", "replay", run["id"], check=0)
    assert server.wait_run(run["event"], states=("succeeded",))["id"] != run["id"]
    assert len(calls(fakes, "PUT")) == 1
