"""Approvals: what people answer by link and by the API, who may, and what comes too late."""

import json

import pytest
from daemon import request, wait_until
from test_people import (SECRETS, TOKENS, act, bearer, config, done, in_state, read, run_of, sent, step_in, step_of,
                         told)


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
def with_approval(daemon, fakes, approvers="", more="", **options):
    text = config(fakes, APPROVAL.replace("APPROVERS", approvers and ", approvers: " + approvers), more)
    server = daemon(text, start=False, environment=SECRETS, **options)
    head = server.config_file.read_text()
    server.config_file.write_text(head.replace("admin: '127", f"publicUrl: '{server.hooks}', admin: '127", 1))
    server.who = bearer("ADA") if more else None
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
        assert again.status == 409 and b"The step was already" in again.body and b"ed by link at" in again.body
        assert b"<button" not in look(server, other).body and b"ed by link at" in look(server, other).body
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
    assert server.metrics()["postlude_approvals_waiting"] == 1
    assert press(server, url).status == 200
    in_state(server, run, "succeeded")
    assert server.metrics()["postlude_approvals_waiting"] == 0
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
        assert again.status == 409 and "waits for an approval" in again.json["detail"]
    assert act(server, f"runs/{first}/approve", {"step": "nothing"}).status == 404
    assert act(server, f"runs/{first}/approve", {"step": "after"}).status == 409


def test_rejections_are_one_cause_whatever_their_comments(daemon, fakes):
    server = with_approval(daemon, fakes)
    for name, comment in (("one", "too late"), ("two", "not on a Friday: ask Ada"), ("three", None)):
        run = run_of(server, name=name)
        step_in(server, run, "ok", "waiting")
        done(server, f"runs/{run}/reject", {"comment": comment} if comment else {})
        in_state(server, run, "failed")
    group, = server.api("failures")["items"]
    assert group["count"] == 3 and group["cause"] == "Roll out <everywhere>: rejected by local", group
    assert done(server, "failures/dismiss", {"cause": group["cause"]})["done"] == 3


def test_approvers_hold_for_the_api_too(daemon, fakes):
    server = with_approval(daemon, fakes, "[ada]", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting", headers=bearer("ADA"))
    denied = act(server, f"runs/{run}/approve", {}, bearer("BOB"))
    assert denied.status == 403 and denied.json["detail"] == "only these may answer: ada; you are bob"
    assert act(server, f"runs/{run}/approve", {}, bearer("EYE")).status == 403
    done(server, f"runs/{run}/approve", {}, bearer("ADA"))
    in_state(server, run, "succeeded", headers=bearer("ADA"))


# An expression that yields nothing lets nobody, not everybody.
@pytest.mark.parametrize("yields", ['""', "null", "[]", '[""]'])
def test_approvers_that_come_out_as_nobody(daemon, fakes, yields):
    server = with_approval(daemon, fakes, "'${{ " + yields + " }}'", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting", headers=bearer("ADA"))
    denied = act(server, f"runs/{run}/approve", {}, bearer("BOB"))
    assert denied.status == 403 and "nobody" in denied.json["detail"]


@pytest.mark.parametrize("step", [{}, {"step": "ok"}, {"step": "1"}, {"step": "Roll out <everywhere>"}])
def test_skipping_an_approval_is_for_its_approvers(daemon, fakes, step):
    server = with_approval(daemon, fakes, "[ada]", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    denied = act(server, f"runs/{run}/skip", step, bearer("BOB"))
    assert denied.status == 403 and "only its approvers may skip it: ada; you are bob" in denied.json["detail"], denied
    assert step_of(read(server, f"runs/{run}"), "ok")["state"] == "waiting" and not sent(fakes, "/echo/after")
    done(server, f"runs/{run}/skip", {"step": "after"}, bearer("BOB"))
    done(server, f"runs/{run}/skip", step, bearer("ADA"))
    assert step_of(in_state(server, run, "succeeded"), "ok")["reason"] == "skipped by ada"


def test_a_rejected_approval_is_skipped_by_its_approvers(daemon, fakes):
    server = with_approval(daemon, fakes, "[ada]", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    done(server, f"runs/{run}/reject", {}, bearer("ADA"))
    in_state(server, run, "failed")
    for step in ({}, {"step": "ok"}):
        assert act(server, f"runs/{run}/skip", step, bearer("BOB")).status == 403
    done(server, f"runs/{run}/skip", {}, bearer("ADA"))
    in_state(server, run, "succeeded")


LATER = """
workflows:
  later:
    on: {source: flagger}
    steps:
      - {id: before, uses: wait, with: {for: 1h}}
      - {id: ok, forEach: [1, 2], uses: approval, with: {message: 'Element ${{ .item }}', approvers: APPROVERS}}
      - {id: free, uses: approval, with: {message: Anybody}}
"""


def test_skipping_an_approval_before_it_asks(daemon, fakes):
    def started(approvers):
        server = daemon(config(fakes, LATER.replace("APPROVERS", approvers), TOKENS), environment=SECRETS)
        server.who = bearer("ADA")
        run = run_of(server)
        step_in(server, run, "before", "waiting")
        return server, run

    server, run = started("[ada, 'team:payments']")
    assert act(server, f"runs/{run}/skip", {"step": "ok"}, bearer("BOB")).status == 403
    done(server, f"runs/{run}/skip", {"step": "free"}, bearer("BOB"))
    done(server, f"runs/{run}/skip", {"step": "before"}, bearer("BOB"))

    def asking():
        return [n for n, s in enumerate(read(server, f"runs/{run}")["steps"], 1) if s["state"] == "waiting"]

    wait_until(lambda: len(asking()) == 2)
    refused = act(server, f"runs/{run}/skip", {"step": "ok"}, bearer("ADA"))
    assert refused.status == 409 and refused.json["detail"].endswith("by number: " + ", ".join(map(str, asking()))), refused
    refused = act(server, f"runs/{run}/resume", {"as": "done"}, bearer("ADA"))
    assert refused.status == 409 and refused.json["detail"] == f"no step of {run} is held"
    for step in asking():
        assert act(server, f"runs/{run}/skip", {"step": str(step)}, bearer("BOB")).status == 403
        done(server, f"runs/{run}/skip", {"step": str(step)}, bearer("ADA"))
    in_state(server, run, "succeeded")

    server, run = started("'${{ [\"ada\"] }}'")
    refused = act(server, f"runs/{run}/skip", {"step": "ok"}, bearer("ADA"))
    assert refused.status == 409 and "its approvers are an expression" in refused.json["detail"], refused


def test_who_may_only_look_sees_no_links(daemon, fakes):
    server = with_approval(daemon, fakes, "", TOKENS)
    run = run_of(server)
    proof = told(fakes)["approve"].rsplit(".", 1)[1]
    step_in(server, run, "after", "pending", headers=bearer("ADA"))
    wait_until(lambda: proof in server.get(f"/api/v1/runs/{run}", bearer("ADA")).body.decode())
    shown = server.get(f"/api/v1/runs/{run}", bearer("EYE")).body.decode()
    assert proof not in shown and ".a.***" in shown and json.loads(shown)["id"] == run
