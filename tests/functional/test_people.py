"""People and the world outside: callbacks, links, approvals, and what operators do to runs, on the real binary."""

import json
import re

import pytest
from daemon import Daemon, flagger_body, request, wait_until

SECRETS = {"ADA": "ada-token", "BOB": "bob-token", "PAY": "pay-token", "OTHER": "other-token", "EYE": "eye-token"}


def bearer(name):
    return {"Authorization": "Bearer " + SECRETS[name]}


def act(server, path, body=None, headers=None):
    body = b"" if body is None else json.dumps(body).encode()
    return request(server.admin, "POST", "/api/v1/" + path, body, {"Content-Type": "application/json", **(headers or {})})


def done(server, path, body=None, headers=None):
    answer = act(server, path, body, headers)
    assert answer.status == 200, answer
    return answer.json


def start(server, **what):
    answer = server.post("/hooks/flagger/post-rollout", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def run_of(server, **what):
    """The run of a new event, as soon as there is one."""
    event = start(server, **what)
    return wait_until(lambda: read(server, f"runs?event={event}")["items"])[0]["id"]


def read(server, path, headers=None):
    return server.api(path, headers=headers or getattr(server, "who", None))


def in_state(server, run, *states, headers=None):
    return wait_until(lambda: (r := read(server, f"runs/{run}", headers))["state"] in states and r, why=f"{run} in {states}")


def step_of(run, name):
    return next(s for s in run["steps"] if name in (s["id"], s["name"]))


def step_in(server, run, name, *states, headers=None):
    def look():
        whole = read(server, f"runs/{run}", headers)
        return step_of(whole, name)["state"] in states and whole
    return wait_until(look, why=f"step {name} of {run} in {states}")


def sent(fakes, path):
    return [r for r in fakes.state()["requests"] if r["path"] == path]


def told(fakes, path="/echo/told"):
    """The body that a workflow sent there, once it has."""
    return wait_until(lambda: sent(fakes, path))[-1]["body"]


SOURCE = """
sources: {flagger: {type: flagger, auth: none}}
targets: {web: {connector: http, url: 'URL/echo', auth: none}}
"""


def config(fakes, workflows, more=""):
    return SOURCE.replace("URL", fakes.url) + more + workflows


TOKENS = """
access:
  tokens:
    - {name: ada, role: operator, secret: {env: ADA}}
    - {name: bob, role: operator, secret: {env: BOB}}
    - {name: eye, role: viewer, secret: {env: EYE}}
    - {name: pay, role: operator, team: payments, secret: {env: PAY}}
    - {name: other, role: operator, team: others, secret: {env: OTHER}}
teams: {payments: {match: {namespace: 'pay-*'}}, others: {match: {namespace: 'other-*'}}}
"""


# -- callbacks

CALLBACK = """
workflows:
  suite:
    on: {source: flagger}
    steps:
      - {id: go, uses: web/request, with: {method: PUT, path: /told, body: {url: '${{ .run.callbacks.result.url }}'}}}
      - {id: slow, uses: wait, with: {for: WAIT}}
      - {id: result, uses: callback, with: {timeout: LIMIT}}
      - {id: after, uses: web/request, with: {method: PUT, path: /after, body: {got: '${{ .steps.result.outputs }}'}}}
"""


def with_callback(daemon, fakes, wait="1ms", limit="1h", **options):
    text = config(fakes, CALLBACK.replace("WAIT", wait).replace("LIMIT", limit))
    server = daemon(text, start=False, **options)
    server.write_config(text)
    head = server.config_file.read_text().replace("admin: '127", f"publicUrl: '{server.hooks}', admin: '127", 1)
    server.config_file.write_text(head)
    server.start()
    return server


def call(server, url, body=b'{"passed": 12}', headers=None, method="POST"):
    assert url.startswith(server.hooks + "/")
    return request(server.hooks, method, url[len(server.hooks):], body, headers or {"Content-Type": "application/json"})


def test_a_callback_is_single_use_and_its_body_the_outputs(daemon, fakes):
    server = with_callback(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["url"]
    assert re.fullmatch(re.escape(server.hooks) + r"/callbacks/run_[0-9a-z]+\.2\.c\.[0-9a-f]{32}", url)
    step_in(server, run, "result", "waiting")
    first = call(server, url)
    assert first.status == 202 and first.json == {"run": run, "step": "result"}
    assert in_state(server, run, "succeeded")["steps"][2]["outputs"] == {"passed": 12}
    assert sent(fakes, "/echo/after")[0]["body"] == {"got": {"passed": 12}}
    again = call(server, url, b'{"passed": 0}')
    assert again.status == 409 and "already used" in again.json["detail"]
    assert len(sent(fakes, "/echo/after")) == 1
    token = url.rsplit(".", 1)[1]
    assert token not in server.log(), "a token is never logged"


def test_a_callback_before_its_wait_and_across_a_restart(daemon, fakes):
    server = with_callback(daemon, fakes, wait="1h")
    run = run_of(server)
    url = told(fakes)["url"]
    assert step_of(server.api(f"runs/{run}"), "result")["state"] == "pending"
    assert call(server, url, b'"early"').status == 202
    assert call(server, url, b'"late"').status == 409
    server.kill()
    server.start()
    done(server, f"runs/{run}/skip", {"step": "slow"})
    assert step_of(in_state(server, run, "succeeded"), "result")["outputs"] == "early"


def test_a_restart_between_wait_and_callback(daemon, fakes):
    server = with_callback(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["url"]
    step_in(server, run, "result", "waiting")
    server.kill()
    server.start()
    assert call(server, url).status == 202
    in_state(server, run, "succeeded")


@pytest.mark.parametrize("body, kind, outputs", [
    (b'{"a": [1, 2.5, null]}', "application/json", {"a": [1, 2.5, None]}), (b"", "application/json", None), (b" \n", "text/plain", None),
    (b"all good", "text/plain", "all good"), (b"a=1&b=2", "application/x-www-form-urlencoded", "a=1&b=2"), (b'{"x":1}', "text/plain", {"x": 1}),
    (b"{not json", "text/plain", "{not json"), ("schön".encode(), "text/plain; charset=utf-8", "schön"), (b"7", None, 7),
    (b'{"x": -1e400}', "application/json", {"x": -1.7976931348623157e308})])
def test_what_a_callback_may_bring(daemon, fakes, body, kind, outputs):
    server = with_callback(daemon, fakes)
    run = run_of(server)
    assert call(server, told(fakes)["url"], body, {"Content-Type": kind} if kind else {"X-Nothing": "1"}).status == 202
    assert step_of(in_state(server, run, "succeeded"), "result")["outputs"] == outputs


def test_what_a_callback_may_not_bring(daemon, fakes):
    server = with_callback(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["url"]
    plain = {"Content-Type": "text/plain"}
    for body, headers, status in [(b"{", None, 400), (b"\xff\xfe", plain, 400), (b"[" * 65 + b"]" * 65, plain, 400),
                                  (b"[" * 65 + b"]" * 65, None, 400), (b"x" * ((1 << 20) + 1), plain, 413),
                                  (b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415)]:
        answer = call(server, url, body, headers)
        assert answer.status == status and answer.headers["content-type"] == "application/problem+json", (body[:10], answer)
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = call(server, url, None, method=method)
        assert answer.status == 405 and answer.headers["allow"] == "POST"
    path = url[len(server.hooks):]
    proof = path.rsplit(".", 1)[1]
    flipped = ("0" if proof[0] != "0" else "1") + proof[1:]
    wrong = [path.replace(proof, flipped), path[:-1], path + "0", "/callbacks/x", "/callbacks/", path.replace(".2.c.", ".3.c."),
             path.replace(".2.c.", ".2.a."), path.replace("callbacks", "links"), "/callbacks/" + "a" * 5000, "/links/x",
             re.sub("run_[0-9a-z]+", "run_zzzzzzzzzzzz", path)]
    answers = [request(server.hooks, "POST", p, b"{}", {"Content-Type": "application/json"}) for p in wrong]
    assert {a.status for a in answers} == {404} and len({a.body for a in answers}) == 1, "all wrong tokens are told the same"
    # It may be its turn just now, but nothing of all this has answered it.
    assert step_of(server.api(f"runs/{run}"), "result")["state"] in ("pending", "running", "waiting")
    assert call(server, url + "/").status == 202, "with a slash at its end too"


def test_a_callback_ends_with_its_step_or_run(daemon, fakes):
    server = with_callback(daemon, fakes, limit="300ms")
    run = run_of(server)
    url = told(fakes)["url"]
    whole = in_state(server, run, "failed")
    assert step_of(whole, "result")["reason"] == "nobody called back within 300ms"
    late = call(server, url)
    assert late.status == 410 and "ended" in late.json["detail"]


def test_a_link_that_goes_astray_is_not_stored_with_its_token(daemon, fakes):
    server = with_callback(daemon, fakes)
    run_of(server)
    path = told(fakes)["url"][len(server.hooks):]
    assert request(server.hooks, "POST", "/proxy" + path, b"{}", {"Content-Type": "application/json"}).status == 404
    stray = wait_until(lambda: server.items("deliveries?verdict=rejected"))[0]
    assert stray["path"].startswith("/proxy/callbacks/run_") and path.rsplit(".", 1)[1] not in json.dumps(stray)


# -- what operators do to runs

VERBS = """
workflows:
  main:
    on: {source: flagger}
    steps:
      - {id: one, uses: web/request, with: {method: PUT, path: '/one/${{ .event.name }}'}}
      - {id: two, uses: web/request, with: {method: PUT, path: '/two/${{ .event.name }}'}}
      - {id: three, uses: web/request, with: {method: PUT, path: /three}}
"""


def test_retry_skip_dismiss_replay(daemon, fakes):
    fakes.fault(path="/echo/two/*", status=400, times=3)
    server = daemon(config(fakes, VERBS))
    run = run_of(server)
    assert in_state(server, run, "failed")["cause"]
    done(server, f"runs/{run}/retry", {"stale": False})
    wait_until(lambda: len(step_of(server.api(f"runs/{run}"), "two")["attempts"]) == 2 and in_state(server, run, "failed"))
    assert len(sent(fakes, "/echo/one/podinfo")) == 1, "a retry does not repeat what succeeded"
    assert done(server, f"runs/{run}/dismiss")["dismissed"] is True
    assert act(server, f"runs/{run}/dismiss").status == 409
    assert server.items("runs?state=failed&dismissed=false") == [] and len(server.items("runs?dismissed=true")) == 1
    whole = done(server, f"runs/{run}/skip", {"step": "two"})
    assert whole["dismissed"] is False
    whole = in_state(server, run, "succeeded")
    assert step_of(whole, "two")["state"] == "skipped" and step_of(whole, "two")["reason"] == "skipped by local"
    again = done(server, f"runs/{run}/replay")
    assert again["id"] != run and again["replayOf"] == run
    assert in_state(server, again["id"], "failed", "succeeded")["event"] == whole["event"]
    for verb, body in (("retry", {}), ("cancel", {}), ("skip", {"step": "one"}), ("dismiss", {})):
        answer = act(server, f"runs/{run}/{verb}", body)
        assert answer.status == 409 and run in answer.json["detail"], (verb, answer)


def test_replay_again_makes_keys_of_its_own(daemon, fakes):
    text = config(fakes, """
workflows:
  keyed:
    on: {source: flagger}
    steps: [{id: put, uses: web/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key, body: {}}}]
""")
    server = daemon(text)
    run = run_of(server)
    in_state(server, run, "succeeded")
    in_state(server, done(server, f"runs/{run}/replay", {"again": True})["id"], "succeeded")
    keys = [r["headers"].get("idempotency-key") or r["headers"].get("Idempotency-Key") for r in sent(fakes, "/echo/keyed")]
    assert len(keys) == 2 and len(set(keys)) == 2


def test_replay_gives_no_step_the_key_of_another(daemon, fakes):
    post = "{uses: web/request, with: {method: POST, path: /%s, effect: key, idempotencyHeader: Idempotency-Key, body: {}}}"
    bad = "{id: bad, uses: web/request, with: {method: PUT, path: /two/bad}}"

    def text(*steps):
        return config(fakes, "workflows:\n  w:\n    on: {source: flagger}\n    steps:\n" + "".join(f"    - {s}\n" for s in steps))

    server = daemon(text(post % "a", bad))
    run = run_of(server)
    in_state(server, run, "succeeded")

    def config_is(*steps):
        before = read(server, "config")["revision"]
        server.write_config(text(*steps))
        wait_until(lambda: read(server, "config")["revision"] != before, 15)

    config_is(post % "b", post % "a", bad)
    answer = act(server, f"runs/{run}/replay", {})
    assert answer.status == 409 and "web/request has acted" in answer.json["detail"] and " id" in answer.json["detail"], answer
    assert len(read(server, "runs")["items"]) == 1 and not sent(fakes, "/echo/b")
    config_is((post % "b").replace("{uses", "{id: new, uses"), post % "a", bad)
    in_state(server, done(server, f"runs/{run}/replay", {})["id"], "succeeded")
    key, again = [r["headers"].get("idempotency-key") or r["headers"].get("Idempotency-Key") for r in sent(fakes, "/echo/a")]
    assert key == again and len(sent(fakes, "/echo/b")) == 1
    config_is(post % "b", post % "a", bad)
    assert act(server, f"runs/{run}/replay", {"again": True}).status == 200


@pytest.mark.parametrize("path, body, status, word", [
    ("runs/RUN/retri", {}, 404, "did you mean 'retry'"), ("runs/RUN/retry", {"stael": True}, 400, "did you mean 'stale'"),
    ("runs/RUN/retry", {"stale": "yes"}, 400, "true or false"), ("runs/RUN/cancel", {"reason": 7}, 400, "must be text"),
    ("runs/RUN/cancel", {"reason": "x" * 5000}, 400, "longer"), ("runs/RUN/resume", {"step": "one"}, 400, "done, repeat or fail"),
    ("runs/RUN/resume", {"step": "one", "as": "done"}, 409, "ended"), ("runs/RUN/skip", {"step": "nothing"}, 404, "no step nothing"),
    ("runs/run_zzzz/retry", {}, 404, "run_"), ("runs/nonsense/retry", {}, 400, "run_"), ("runs/RUN", {}, 404, "POST"),
    ("runs/RUN/retry", [], 400, "JSON object")])
def test_wrong_wishes(people, path, body, status, word):
    run = people.failed
    answer = act(people, path.replace("RUN", people.good if "resume" in path and status == 409 else run), body)
    assert answer.status == status and word in answer.json["detail"], answer


@pytest.fixture(scope="module")
def people(tmp_path_factory, binary):
    import postlude_fakes
    web = postlude_fakes.Server().start()
    web.fault(path="/echo/two/bad", status=400, times=10**6)
    server = Daemon(tmp_path_factory.mktemp("people"), config(web, VERBS))
    try:
        server.good, server.failed = run_of(server, name="good"), run_of(server, name="bad")
        in_state(server, server.good, "succeeded"), in_state(server, server.failed, "failed")
        yield server
    finally:
        server.kill()
        web.stop()


def test_an_idempotency_key_makes_a_write_once(daemon, fakes):
    server = daemon(config(fakes, VERBS))
    run = run_of(server)
    in_state(server, run, "succeeded")
    key = {"Idempotency-Key": "replay-once"}
    first = done(server, f"runs/{run}/replay", {}, key)
    again = done(server, f"runs/{run}/replay", {}, key)
    assert again == first and len(server.items("runs")) == 2
    assert act(server, f"runs/{run}/replay", {"again": True}, key).status == 422
    assert act(server, f"runs/{run}/replay", {}, {"Idempotency-Key": "x" * 300}).status == 400
    done(server, f"runs/{run}/replay", {}, {"Idempotency-Key": "another"})
    assert len(server.items("runs")) == 3
    refused = act(server, f"runs/{run}/retry", {}, {"Idempotency-Key": "no"})
    assert refused.status == 409 and act(server, f"runs/{run}/retry", {}, {"Idempotency-Key": "no"}).body == refused.body
    server.kill()
    server.start()
    after = act(server, f"runs/{run}/replay", {}, key)
    assert after.status == 200 and after.json == first and after.headers["content-type"] == "application/json"
    after = act(server, f"runs/{run}/retry", {}, {"Idempotency-Key": "no"})
    assert after.status == 409 and after.json == refused.json and after.headers["content-type"] == "application/problem+json"
    assert len(server.items("runs")) == 3


# -- pauses

def waits(server, run):
    return server.api(f"runs/{run}")["state"] in ("running", "queued", "waiting")


@pytest.mark.parametrize("what", [{"workflow": "main"}, {"target": "web"}, {"source": "flagger"}, {"all": True}])
def test_a_pause_holds_and_survives_a_restart(daemon, fakes, what):
    server = daemon(config(fakes, VERBS))
    [(kind, name)] = what.items()
    paused = done(server, "pause", {**what, "reason": "the target moves house"})
    assert paused | {"at": 0} == {"kind": kind, "name": "" if kind == "all" else name, "at": 0, "by": "local",
                                  "reason": "the target moves house"}
    assert act(server, "pause", what).status == 409
    run = run_of(server)
    server.kill()
    server.start()
    assert server.items("pauses") == [paused]
    assert server.metrics()[f'postlude_paused{{kind="{kind}"}}'] == 1
    second = run_of(server, name="another")
    assert waits(server, run) and waits(server, second) and fakes.state()["requests"] == []
    assert server.api(f"runs/{run}")["pausedBy"] == [paused]
    assert server.api(f"explain/{run}")["runs"][0]["pausedBy"] == [paused]
    assert {i["name"]: i["paused"] for i in server.items("workflows")} == {"main": kind in ("workflow", "all")}
    assert {i["name"]: i["paused"] for i in server.items("targets")}["web"] is (kind in ("target", "all"))
    assert {i["name"]: i["breaker"] for i in server.items("targets")}["web"] == "closed"
    done(server, "unpause", what)
    assert act(server, "unpause", what).status == 409 and server.items("pauses") == []
    assert in_state(server, run, "succeeded")["pausedBy"] == [], in_state(server, second, "succeeded")


@pytest.mark.parametrize("body, status, word", [
    ({"workflow": "mian"}, 404, "no workflow 'mian'; did you mean 'main'?"), ({"target": "wbe"}, 404, "no target 'wbe'; did you mean 'web'?"),
    ({"team": "nobody"}, 404, "no team 'nobody'; there is none"), ({"source": "flager"}, 404, "did you mean 'flagger'?"),
    ({}, 400, "name exactly one of workflow"), ({"workflow": "main", "target": "web"}, 400, "name exactly one"), ({"all": False}, 400, "only be true"),
    ({"workflow": 3}, 400, "must be a name"), ({"workflows": "main"}, 400, "did you mean 'workflow'?"), ({"all": True, "reason": 1}, 400, "reason")])
def test_wrong_pauses(people, body, status, word):
    answer = act(people, "pause", body)
    assert answer.status == status and word in answer.json["detail"], answer
    assert people.items("pauses") == []


# -- failures by cause

def test_failures_are_grouped_and_treated_together(daemon, fakes):
    fakes.fault(path="/echo/two/same", status=400, times=3)
    fakes.fault(path="/echo/one/odd", status=404, times=1)
    server = daemon(config(fakes, VERBS))
    runs = [run_of(server, name="same", namespace=space) for space in ("a", "b", "c")] + [run_of(server, name="odd")]
    failed = [in_state(server, run, "failed") for run in runs]
    groups = {g["cause"]: g for g in server.items("failures")}
    assert len(groups) == 2 and sorted(g["count"] for g in groups.values()) == [1, 3]
    many = next(g for g in groups.values() if g["count"] == 3)
    assert many["workflow"] == "main" and (many["first"], many["last"]) == (runs[0], runs[2])
    assert many["lastAt"] == failed[2]["finishedAt"] and many["reason"] == failed[2]["reason"]
    assert [r["id"] for r in server.items("runs?cause=" + many["cause"].replace(" ", "%20").replace("#", "%23"))] == runs[2::-1]
    assert server.items("failures?workflow=nothing") == []
    answer = done(server, "failures/retry", {"cause": many["cause"], "workflow": "main"})
    assert answer == {"done": 3, "refused": [], "more": False}
    for run in runs[:3]:
        in_state(server, run, "succeeded")
    assert len(sent(fakes, "/echo/two/same")) == 6
    odd = next(g for g in groups.values() if g["count"] == 1)
    assert done(server, "failures/dismiss", {"cause": odd["cause"]})["done"] == 1
    seen = {name: n for name, n in server.metrics().items() if name.startswith("postlude_runs{") and n}
    assert seen == {'postlude_runs{state="succeeded",workflow="main"}': 3, 'postlude_runs{state="failed",workflow="main"}': 1}
    assert server.items("failures") == [] and server.api(f"runs/{runs[3]}")["dismissed"] is True
    for body, status in (({"cause": odd["cause"]}, 404), ({}, 400), ({"cause": 1}, 400), ({"cause": "x", "flow": "y"}, 400)):
        assert act(server, "failures/dismiss", body).status == status
    assert act(server, "failures/forget", {"cause": "x"}).status == 404
    assert server.get("/api/v1/failures?flow=x").status == 400


def test_failures_of_an_if_are_one_cause(daemon, fakes):
    server = daemon(config(fakes, """
workflows:
  odd: {on: {source: flagger}, if: .event.payload.name, steps: [{uses: web/request, with: {method: PUT, path: /never}}]}
"""))
    runs = [run_of(server, name=name) for name in ("one", "two", "app-3")]
    reasons = {in_state(server, run, "failed")["reason"] for run in runs}
    assert len(reasons) == 3 and all('must yield true or false, not "' in reason for reason in reasons)
    assert [group["count"] for group in server.items("failures")] == [3]


def test_after_a_storm_others_count_anew(daemon, fakes):
    text = config(fakes, """
workflows:
  put: {on: {source: flagger}, steps: [{uses: web/request, with: {method: PUT, path: /put}}]}
""").replace("auth: none}", "auth: none, storm: {events: 3, within: 1h, then: hold}}", 1)
    server = daemon(text)
    for number in range(5):
        start(server, name=f"app-{number}")
    wait_until(lambda: [p["name"] for p in server.items("pauses")] == ["flagger"])
    done(server, "unpause", {"source": "flagger"})
    in_state(server, run_of(server, name="one-more"), "succeeded")
    assert server.items("pauses") == []


# -- redeliver

ACCEPT = """
sources: {flagger: {type: flagger, auth: AUTH, accept: {post-rollout: {namespace: "NAMESPACE"}}}}
targets: {web: {connector: http, url: 'URL/echo', auth: none}}
workflows: {main: {on: {source: flagger}, steps: [{uses: web/request, with: {method: PUT, path: '/${{ .event.origin }}/${{ .event.name }}'}}]}}
"""


def test_redeliver_what_was_filtered(daemon, fakes):
    text = ACCEPT.replace("URL", fakes.url).replace("AUTH", "none")
    server = daemon(text.replace("NAMESPACE", "never"))
    filtered = server.post("/hooks/flagger/post-rollout", flagger_body()).json["delivery"]
    no = act(server, f"deliveries/{filtered}/redeliver")
    assert no.status == 409 and "not accepted by the source: namespace is prod-shop, wanted never" in no.json["detail"]
    server.write_config(text.replace("NAMESPACE", "prod-*"))
    server.restart()
    taken = done(server, f"deliveries/{filtered}/redeliver")
    assert taken["delivery"] != filtered and taken["duplicate"] is False
    server.wait_run(taken["event"], states=("succeeded",))
    assert server.api(f"events/{taken['event']}")["origin"] == "redelivery" and sent(fakes, "/echo/redelivery/podinfo")
    assert server.api(f"deliveries/{taken['delivery']}")["reason"] == f"redelivers {filtered}"
    again = done(server, f"deliveries/{filtered}/redeliver")
    assert again["event"] == taken["event"] and again["duplicate"] is True
    same = done(server, f"deliveries/{taken['delivery']}/redeliver")
    assert same == {"delivery": taken["delivery"], "event": taken["event"], "duplicate": True}
    assert len(server.items("runs")) == 1


def test_redeliver_only_what_was_proved(daemon, fakes):
    text = ACCEPT.replace("URL", fakes.url).replace("NAMESPACE", "*")
    server = daemon(text.replace("AUTH", "[{bearer: {env: HOOK}}]"), environment={"HOOK": "hook-secret"})
    assert server.post("/hooks/flagger/post-rollout", flagger_body()).status == 401
    unproved = wait_until(lambda: server.items("deliveries?verdict=rejected"))[0]["id"]
    no = act(server, f"deliveries/{unproved}/redeliver")
    assert no.status == 409 and "had no valid proof" in no.json["detail"]
    assert server.post("/hooks/flagger/post-rollout", b"{", {"Authorization": "Bearer hook-secret"}).status == 400
    broken = wait_until(lambda: [d for d in server.items("deliveries?verdict=rejected") if d["proof"]])[0]["id"]
    no = act(server, f"deliveries/{broken}/redeliver")
    assert no.status == 409 and "still cannot be taken in" in no.json["detail"]
    assert act(server, "deliveries/dlv_zzzz/redeliver").status == 404 and act(server, "deliveries/evt_1/redeliver").status == 400
    assert act(server, f"deliveries/{broken}/redeliver", {"x": 1}).status == 400
    assert server.items("events") == []


# -- explain

def test_explain_tells_the_whole_decision(daemon, fakes):
    server = daemon(config(fakes, """
workflows:
  wanted:
    on: [{source: flagger, phase: Failed}, {source: flagger, namespace: ['prod-*', 'qa']}]
    if: .event.metadata.env == "production"
    steps:
      - {id: one, uses: web/request, if: '.event.name == "podinfo"', with: {method: PUT, path: /one}}
      - {id: two, uses: web/request, if: '.event.name != "podinfo"', with: {method: PUT, path: /two}}
  unwanted: {on: {source: flagger}, if: .event.metadata.env == "test", steps: [{uses: wait, with: {for: 1s}}]}
"""))
    first = server.post("/hooks/flagger/post-rollout", flagger_body(metadata={"env": "production"})).json
    second = server.post("/hooks/flagger/post-rollout", flagger_body(metadata={"env": "production"})).json
    assert second["duplicate"] is True
    run = server.wait_run(first["event"])
    whole = server.api(f"explain/{second['delivery']}")
    assert whole["delivery"]["verdict"] == "duplicate" and whole["delivery"]["duplicateOf"] == first["delivery"]
    assert whole["delivery"]["proof"] == "none" and whole["event"]["id"] == first["event"]
    plan = {p["workflow"]: p for p in whole["event"]["plan"]}
    on = plan["wanted"]["trace"]["on"]
    assert [p["matched"] for p in on] == [False, True]
    assert {f["field"]: (f["wanted"], f["value"], f["matched"]) for f in on[0]["fields"]}["phase"] == (["Failed"], "Succeeded", False)
    assert {f["field"]: f["value"] for f in on[1]["fields"]}["namespace"] == "prod-shop"
    condition = plan["wanted"]["trace"]["if"]
    assert condition["result"] is True and condition["values"] == {".event.metadata.env": "production"}
    assert plan["unwanted"]["runs"] is False and plan["unwanted"]["trace"]["if"]["result"] is False
    [told_run] = whole["runs"]
    assert told_run["id"] == run["id"] and "definition" not in told_run
    one, two = told_run["steps"]
    assert one["trace"]["if"]["values"] == {".event.name": "podinfo"} and one["state"] == "succeeded"
    assert two["state"] == "skipped" and two["trace"]["if"]["result"] is False and two["needs"] == [1]
    [exchange] = one["attempts"][0]["requests"]
    assert exchange["status"] == 200 and "body" not in exchange and "response" not in exchange
    for id in (first["event"], run["id"]):
        other = server.api(f"explain/{id}")
        assert other["event"] == whole["event"] and other["runs"] == whole["runs"] and other["delivery"] is None
    text = server.cli("explain", second["delivery"], check=0).stdout
    for piece in ("repeats     " + first["delivery"], "ran      wanted", "not run  unwanted", 'is true; .event.metadata.env was "production"',
                  "phase is not Failed: Succeeded", "2. two (after 1): skipped", '.event.name was "podinfo"', "reported by 2 deliveries"):
        assert piece in text, (piece, text)
    assert server.get("/api/v1/explain/nonsense").status == 400 and server.get("/api/v1/explain/evt_zzzz").status == 404


def test_a_run_shows_its_graph(daemon, fakes):
    server = daemon(config(fakes, """
workflows:
  graph:
    on: {source: flagger}
    steps:
      - {id: root, uses: set, with: {values: {list: [a, b]}}}
      - {id: each, uses: web/request, needs: [root], forEach: .steps.root.outputs.list, with: {method: PUT, path: '/each/${{ .item }}'}}
      - {id: side, uses: web/request, needs: [root], with: {method: PUT, path: /side}}
      - {id: end, uses: web/request, needs: [each, side], with: {method: PUT, path: /end}}
    finally: [{id: last, uses: web/request, with: {method: PUT, path: /last}}]
"""))
    run = in_state(server, run_of(server), "succeeded")
    by = {s["id"]: s for s in run["steps"] if s["elementOf"] is None}
    assert by["end"]["needs"] == [by["each"]["number"], by["side"]["number"]] and by["root"]["needs"] == []
    elements = [s for s in run["steps"] if s["elementOf"] == by["each"]["number"]]
    assert [s["item"] for s in elements] == ["a", "b"] and by["last"]["list"] == "finally" and by["end"]["list"] == "steps"
    assert all(s["attemptsInAll"] == len(s["attempts"]) for s in run["steps"]) and run["shadow"] is False and run["cancel"] is None
    assert not any("leftOut" in r for s in run["steps"] for a in s["attempts"] for r in a["requests"])


# -- teams

TEAMS = TOKENS + """
workflows:
  main: {on: {source: flagger}, steps: [{id: ok, uses: approval, with: {}}]}
"""


def test_a_teams_token_sees_and_acts_on_its_team(daemon, fakes):
    server = daemon(SOURCE.replace("URL", fakes.url) + TEAMS, environment=SECRETS)
    server.who = bearer("ADA")
    mine, theirs = run_of(server, namespace="pay-shop"), run_of(server, namespace="other-shop")
    nobodys = run_of(server, namespace="free")
    pay = bearer("PAY")
    for kind in ("runs", "events", "deliveries"):
        listed = read(server, kind, pay)["items"]
        assert len(listed) == 1 and len(read(server, kind)["items"]) == 3, kind
        mine_id = listed[0]["id"]
        assert server.get(f"/api/v1/{kind}/{mine_id}", pay).status == 200
        for other in read(server, kind)["items"]:
            if other["id"] != mine_id:
                for path in (f"{kind}/{other['id']}", f"explain/{other['id']}"):
                    assert server.get(f"/api/v1/{path}", pay).status == 404
    assert read(server, "runs?team=payments")["items"][0]["id"] == mine and read(server, f"runs/{mine}")["team"] == "payments"
    assert server.get("/api/v1/runs?team=others", pay).status == 404
    for run in (theirs, nobodys):
        for verb, body in (("cancel", {}), ("approve", {}), ("retry", {}), ("replay", {}), ("skip", {"step": "ok"})):
            assert act(server, f"runs/{run}/{verb}", body, pay).status == 404
    assert server.get("/api/v1/config", pay).status == 403
    # pauses: its own team, or its own workflows
    assert act(server, "pause", {"team": "others"}, pay).status == 404 and act(server, "pause", {"workflow": "main"}, pay).status == 404
    assert act(server, "pause", {"all": True}, pay).status == 403 and act(server, "pause", {"target": "web"}, pay).status == 403
    done(server, "pause", {"team": "payments"}, pay)
    assert [p["name"] for p in read(server, "pauses", pay)["items"]] == ["payments"] and read(server, "pauses", bearer("OTHER"))["items"] == []
    done(server, "unpause", {"team": "payments"}, pay)
    step_in(server, mine, "ok", "waiting")
    done(server, f"runs/{mine}/approve", {}, pay)
    in_state(server, mine, "succeeded")
    assert read(server, f"runs/{theirs}")["state"] == "waiting"


# -- the same by command

def test_the_commands(daemon, fakes):
    fakes.fault(path="/echo/two/bad", status=400, times=2)
    server = daemon(config(fakes, VERBS + """
  ask: {on: {source: flagger, name: asks}, steps: [{id: ok, uses: approval, with: {message: 'Well?'}}, {id: then, uses: wait, with: {for: 1h}}]}
"""))
    bad = run_of(server, name="bad")
    in_state(server, bad, "failed")
    cause = server.items("failures")[0]["cause"]
    table = server.cli("failures", "-o", "wide", check=0).stdout
    assert table.startswith("COUNT") and bad in table and cause in table
    assert json.loads(server.cli("failures", "-o", "json", check=0).stdout)["items"] == server.items("failures")
    assert bad in server.cli("runs", "list", "--failed", check=0).stdout and bad in server.cli("runs", "list", "--cause", cause, check=0).stdout
    short = "run_" + bad[4:].lstrip("0")
    assert re.fullmatch(rf"{short} \([a-z-]+\): dismissed; it is failed now.*\n", server.cli("runs", "dismiss", short, check=0).stdout)
    assert server.cli("runs", "list", "--failed", check=0).stdout == "no runs\n" and server.cli("failures", check=0).stdout == "no failures\n"
    assert "is dismissed already" in server.cli("runs", "dismiss", bad, check=1).stderr
    assert bad in server.cli("runs", "retry", bad, "--stale", check=0).stdout
    in_state(server, bad, "failed")
    assert server.cli("failures", "retry", "--cause", cause, "--yes", check=0).stdout == "retried 1\n"
    in_state(server, bad, "succeeded")
    assert "has this cause" in server.cli("failures", "dismiss", "--cause", cause, check=1).stderr
    made = json.loads(server.cli("runs", "replay", bad, "--again", "-o", "json", check=0).stdout)
    assert made["replayOf"] == bad
    in_state(server, made["id"], "succeeded")

    asked = wait_until(lambda: start(server, name="asks"))
    run = wait_until(lambda: server.items(f"runs?event={asked}&workflow=ask"))[0]["id"]
    shown = step_in(server, run, "ok", "waiting")
    assert run in server.cli("runs", "list", "--asks", check=0).stdout and bad not in server.cli("runs", "list", "--asks").stdout
    assert server.get("/api/v1/runs?asks=false").status == 400
    assert "answer with runs approve or runs reject" in server.cli("runs", "show", run, check=0).stdout
    server.cli("runs", "approve", run, "--comment", "why not", check=0)
    step_in(server, run, "then", "waiting")
    assert "approved by local" in server.cli("runs", "show", run, check=0).stdout
    assert "waits for an approval" in server.cli("runs", "reject", run, check=1).stderr
    server.cli("runs", "skip", run, "--step", "then", check=0)
    assert step_of(in_state(server, run, "succeeded"), "then")["state"] == "skipped"
    assert shown["id"] == run

    server.cli("pause", "--workflow", "main", "--reason", "lunch", check=0)
    assert server.cli("pauses", check=0).stdout.splitlines()[1].split()[:2] == ["workflow", "main"]
    held = run_of(server, name="held")
    assert server.cli("pause", "--workflow", "mian", check=1).stderr.strip().endswith("did you mean 'main'?")
    assert server.cli("pause", "--workflow", "main", check=1).stderr.strip() == "it is paused already"
    server.cli("runs", "cancel", held, "--reason", "no", check=0)
    in_state(server, held, "cancelled")
    assert server.cli("unpause", "--workflow", "main", check=0).stdout == "unpaused: workflow main\n"
    assert server.cli("pauses", check=0).stdout == "nothing is paused\n"
    for wrong in (["pause"], ["pause", "--all", "--target", "web"], ["runs", "resume", run, "--as", "perhaps"], ["runs", "approve"],
                  ["failures", "retry"], ["deliveries", "redeliver"]):
        assert server.cli(*wrong, check=2).stderr.strip()
    delivery = server.items("deliveries")[-1]
    assert delivery["event"] in server.cli("deliveries", "redeliver", delivery["id"], check=0).stdout
