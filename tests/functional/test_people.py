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
    answer = server.post("/hooks/flagger", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def run_of(server, **what):
    """The run of a new event, as soon as there is one."""
    event = start(server, **what)
    return wait_until(lambda: server.runs_of(event))[0]["id"]


def in_state(server, run, *states, headers=None):
    return wait_until(lambda: (r := server.api(f"runs/{run}", headers=headers))["state"] in states and r, why=f"{run} in {states}")


def step_of(run, name):
    return next(s for s in run["steps"] if name in (s["id"], s["name"]))


def step_in(server, run, name, *states, headers=None):
    def look():
        whole = server.api(f"runs/{run}", headers=headers)
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
    assert again.status == 409 and "used already" in again.json["detail"]
    assert len(sent(fakes, "/echo/after")) == 1
    token = url.rsplit(".", 1)[1]
    assert token not in server.log(), "a token is never logged"


def test_a_callback_before_its_wait_and_across_a_restart(daemon, fakes):
    server = with_callback(daemon, fakes, wait="2s")
    run = run_of(server)
    url = told(fakes)["url"]
    assert step_of(server.api(f"runs/{run}"), "result")["state"] == "pending"
    assert call(server, url, b'"early"').status == 202
    assert call(server, url, b'"late"').status == 409
    server.kill()
    server.start()
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
    (b"{not json", "text/plain", "{not json"), ("schön".encode(), "text/plain; charset=utf-8", "schön"), (b"7", None, 7)])
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
    assert step_of(server.api(f"runs/{run}"), "result")["state"] in ("pending", "waiting")
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


# -- approvals, by link

APPROVAL = """
workflows:
  gate:
    on: {source: flagger}
    steps:
      - id: ok
        name: Roll out <everywhere>
        uses: approval
        with: {message: 'Ship ${{ .event.name }} & more?' APPROVERS}
        announce: {uses: web/request, with: {method: PUT, path: /told, body: '${{ $step.links }}'}}
      - {id: after, uses: web/request, with: {method: PUT, path: /after, body: '${{ .steps.ok.outputs }}'}}
"""
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


def with_approval(daemon, fakes, approvers="", more="", **options):
    text = config(fakes, APPROVAL.replace("APPROVERS", approvers and ", approvers: " + approvers), more)
    server = daemon(text, start=False, environment=SECRETS, **options)
    head = server.config_file.read_text()
    server.config_file.write_text(head.replace("admin: '127", f"publicUrl: '{server.hooks}', admin: '127", 1))
    return server.start()


def press(server, url, form=b"comment=", headers=None):
    return request(server.hooks, "POST", url[len(server.hooks):], form,
                   {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})


def look(server, url, method="GET"):
    return request(server.hooks, method, url[len(server.hooks):])


@pytest.mark.parametrize("word, state", [("approve", "succeeded"), ("reject", "failed")])
def test_only_the_button_acts(daemon, fakes, word, state):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    links = told(fakes)
    for _ in range(3):  # a scanner follows all it finds
        for url in (links["approve"], links["reject"]):
            page = look(server, url)
            assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
            assert look(server, url, "HEAD").status == 200 and look(server, url, "HEAD").body == b""
    assert step_of(server.api(f"runs/{run}"), "ok")["state"] == "waiting"
    page = look(server, links[word])
    text = page.body.decode()
    assert "Ship podinfo &amp; more?" in text and "Roll out &lt;everywhere&gt;" in text and "prod-shop/podinfo" in text
    assert "Succeeded" in text and "gate" in text and text.count("<button") == 1 and word.capitalize() + "</button>" in text
    assert "<script" not in text and "src=" not in text and "http" not in text.replace(server.hooks, ""), "nothing from elsewhere"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy and page.headers["x-robots-tag"].startswith("noindex")
    assert page.headers["cache-control"] == "no-store" and "noindex" in text and "width=device-width" in text
    answer = press(server, links[word], b"comment=looks+good+%3Cb%3E+%E2%9C%93")
    assert answer.status == 200 and (b"Approved" if word == "approve" else b"Rejected") in answer.body
    whole = in_state(server, run, state)
    if word == "approve":
        outputs = step_of(whole, "ok")["outputs"]
        assert outputs["by"] == "link" and outputs["approved"] is True and outputs["comment"] == "looks good <b> ✓"
    else:
        assert step_of(whole, "ok")["reason"] == "rejected by link: looks good <b> ✓"
    for other in links["approve"], links["reject"]:
        again = press(server, other)
        assert again.status == 409 and b"already, by link at" in again.body
        assert b"<button" not in look(server, other).body and b"already, by link" in look(server, other).body
    assert in_state(server, run, state)["finishedAt"] == whole["finishedAt"]
    assert links["approve"].rsplit(".", 1)[1] not in server.log()


def test_a_link_takes_only_its_own_form(daemon, fakes):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["approve"]
    assert request(server.hooks, "POST", url[len(server.hooks):], b"{}", {"Content-Type": "application/json"}).status == 415
    assert press(server, url, b"comment=" + b"x" * (16 << 10)).status == 413
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert press(server, url, headers=headers).status == 403
    assert request(server.hooks, "PUT", url[len(server.hooks):], b"").status == 405
    assert step_of(server.api(f"runs/{run}"), "ok")["state"] == "waiting"
    assert press(server, url, headers={"Origin": server.hooks, "Sec-Fetch-Site": "same-origin"}).status == 200
    in_state(server, run, "succeeded")


def test_approvers_by_link_need_their_token(daemon, fakes):
    server = with_approval(daemon, fakes, "[ada, 'team:payments']", TOKENS)
    run = run_of(server)
    url = told(fakes)["approve"]
    page = look(server, url).body.decode()
    assert 'name="token"' in page and 'type="password"' in page and "ada, team:payments" in page
    for form in (b"comment=x", b"token=", b"token=nobody", b"token=bob-token", b"token=other-token", b"token=eye-token"):
        answer = press(server, url, form)
        assert answer.status == 403 and b"ada, team:payments" in answer.body and b"bob-token" not in answer.body, form
    assert press(server, url, b"token=pay-token&comment=fine").status == 200
    assert step_of(in_state(server, run, "succeeded", headers=bearer("ADA")), "ok")["outputs"]["by"] == "pay"


def test_a_link_after_the_run_was_cancelled(daemon, fakes):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["approve"]
    done(server, f"runs/{run}/cancel", {"reason": "not today"})
    assert in_state(server, run, "cancelled")["reason"].startswith("cancelled by local: not today")
    assert press(server, url).status == 410 and b"ended" in look(server, url).body


def test_a_restart_between_question_and_answer(daemon, fakes):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    url = told(fakes)["approve"]
    server.kill()
    server.start()
    assert press(server, url).status == 200
    in_state(server, run, "succeeded")
    server.kill()
    server.start()
    assert press(server, url).status == 409


# -- approvals, by the API

def test_approve_and_reject_by_the_api(daemon, fakes):
    server = with_approval(daemon, fakes)
    first, second = run_of(server, name="one"), run_of(server, name="two")
    step_in(server, first, "ok", "waiting"), step_in(server, second, "ok", "waiting")
    assert done(server, f"runs/{first}/approve", {"comment": "yes"})["id"] == first
    assert step_of(in_state(server, first, "succeeded"), "ok")["outputs"] | {"at": 0} == {
        "approved": True, "by": "local", "at": 0, "comment": "yes"}
    done(server, f"runs/{second}/reject", {"step": "ok", "comment": "no"})
    assert step_of(in_state(server, second, "failed"), "ok")["reason"] == "rejected by local: no"
    for verb in ("approve", "reject"):
        again = act(server, f"runs/{first}/{verb}")
        assert again.status == 409 and "waits for an answer" in again.json["detail"]
    assert act(server, f"runs/{first}/approve", {"step": "nothing"}).status == 404
    assert act(server, f"runs/{first}/approve", {"step": "after"}).status == 409


def test_approvers_hold_for_the_api_too(daemon, fakes):
    server = with_approval(daemon, fakes, "[ada]", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting", headers=bearer("ADA"))
    denied = act(server, f"runs/{run}/approve", {}, bearer("BOB"))
    assert denied.status == 403 and denied.json["detail"] == "this may answer: ada; you are bob"
    assert act(server, f"runs/{run}/approve", {}, bearer("EYE")).status == 403
    done(server, f"runs/{run}/approve", {}, bearer("ADA"))
    in_state(server, run, "succeeded", headers=bearer("ADA"))


def test_who_may_only_look_sees_no_links(daemon, fakes):
    server = with_approval(daemon, fakes, "", TOKENS)
    run = run_of(server)
    proof = told(fakes)["approve"].rsplit(".", 1)[1]
    step_in(server, run, "after", "pending", headers=bearer("ADA"))
    wait_until(lambda: proof in server.get(f"/api/v1/runs/{run}", bearer("ADA")).body.decode())
    shown = server.get(f"/api/v1/runs/{run}", bearer("EYE")).body.decode()
    assert proof not in shown and ".a.***" in shown and json.loads(shown)["id"] == run


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
