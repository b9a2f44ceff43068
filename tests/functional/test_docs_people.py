"""docs/workflows.md, as test_docs runs it: what people and callbacks answer, and what people do to runs."""

import json
import re
import time

import pytest
from daemon import request, wait_until
from test_docs import guide, states  # noqa: F401


# -- people and callbacks

def links(text):
    """The paths on the listener of hooks that a text names."""
    return [re.sub(r"^https://hooks\.example\.com", "", link) for link in re.findall(r"https://hooks\.example\.com\S+", text)]


def press(guided, link, comment=""):
    return request(guided.server.hooks, "POST", link, f"comment={comment}".encode(), {"Content-Type": "application/x-www-form-urlencoded"})


@pytest.mark.parametrize("yes", [True, False], ids=["approve", "reject"])
def test_an_approval_by_link(guide, yes):
    guided = guide("approval")
    run = guided.run(states=("waiting",))
    text, = wait_until(guided.said)
    approve, reject = links(text)
    assert text.startswith("Go? https://hooks.example.com/links/") and " No? https://hooks.example.com/links/" in text
    for link in (approve, reject):  # a scanner
        assert request(guided.server.hooks, "GET", link).status == 200
        assert request(guided.server.hooks, "HEAD", link).status == 200
    assert guided.show(run)["state"] == "waiting" and guided.show(run)["steps"][0]["reason"] == "Tell customers about 7774c75db4?"
    assert press(guided, approve if yes else reject, "fine").status == 200
    late = press(guided, reject if yes else approve)
    assert late.status in (409, 410), "the first answer counts"
    run = guided.until(run, "succeeded" if yes else "failed")
    assert guided.said("C0PAY") == (["7774c75db4 is live (link)"] if yes else [])
    if yes:
        assert set(run["steps"][0]["outputs"]) == {"approved", "by", "at", "comment"} and run["steps"][0]["outputs"]["comment"] == "fine"
    else:
        assert run["steps"][0]["reason"] == "rejected by link: fine"
    assert len(guided.said()) == 1, "it was announced once"


def test_time_for_people_is_not_the_runs(guide):
    guided = guide("approval", {"phase: Succeeded}": "phase: Succeeded}\n    timeout: 2s"})
    run = guided.run(states=("waiting",))
    time.sleep(2.2)
    guided.people("approve", run)
    guided.until(run, "succeeded")


def test_an_approval_by_command(guide):
    guided = guide("approval")
    run = guided.run(states=("waiting",))
    guided.people("approve", run, "--step", "go")
    assert guided.until(run, "succeeded")["steps"][0]["outputs"]["approved"] is True


@pytest.mark.parametrize("then, state, said", [("skip", "skipped", False), ("approve", "succeeded", True), ("fail", "failed", False)])
def test_an_approval_that_nobody_gives(guide, then, state, said):
    guided = guide("approval", {"timeout: 3d, onTimeout: skip": f"timeout: 1s, onTimeout: {then}"})
    run = guided.run()
    assert run["steps"][0]["state"] == state and run["state"] == ("failed" if then == "fail" else "succeeded")
    assert guided.said("C0PAY") == (["7774c75db4 is live (nobody said no)"] if said else [])


def test_an_announcement_that_fails_fails_nothing(guide):
    guided = guide("approval", {"announce:\n          uses: slack/message\n          with: {channel: \"#releases\"":
                                "announce:\n          uses: slack/message\n          with: {channel: \"#nowhere\""})
    run = guided.run(states=("waiting",))
    wait_until(lambda: "failed" in states(guided.show(run)))
    guided.people("approve", run)
    assert guided.until(run, "succeeded")["steps"][0]["state"] == "succeeded"


def test_approvers(guide):
    tokens = "access: {tokens: [{name: ops, role: operator, secret: {env: OPS}}, {name: dev, role: operator, secret: {env: DEV}}]}\n"
    guided = guide("approval", {"timeout: 3d": "approvers: [ops], timeout: 3d"}, more=tokens,
                   secrets={"OPS": "t0ken-of-ops", "DEV": "t0ken-of-dev", "POSTLUDE_TOKEN": "t0ken-of-dev"})
    event = guided.send()
    link = links(wait_until(guided.said)[0])[0]
    assert press(guided, link).status == 403, "the page asks for a token of theirs"
    run = {"id": re.search(r"run_[0-9a-z]+", link)[0]}
    refused = guided.server.cli("runs", "approve", run["id"], check=1)
    assert "ops" in refused.stderr
    guided.server.cli("runs", "approve", run["id"], "--token", "t0ken-of-ops", check=0)
    wait_until(lambda: guided.said("C0PAY") == ["7774c75db4 is live (ops)"])
    assert event


def test_a_callback(guide):
    guided = guide("callback")
    run = guided.run(states=("waiting",))
    body, = guided.bodies("/echo/suites")
    link, = links(body["answerTo"])

    def call(value):
        return request(guided.server.hooks, "POST", link, json.dumps(value).encode(), {"Content-Type": "application/json"})

    assert request(guided.server.hooks, "GET", link).status == 405
    assert call({"failed": 2}).status == 202
    run = guided.until(run, "failed")
    assert run["steps"][1]["outputs"] == {"failed": 2} and run["steps"][2]["reason"] == "2 tests failed"
    assert call({"failed": 0}).status == 409, "a second use is told so"
    assert guided.show(run)["state"] == "failed"
    assert request(guided.server.hooks, "POST", link[:-1] + ("0" if link[-1] != "0" else "1"), b"{}").status == 404


def test_a_callback_that_is_early(guide):
    guided = guide("callback", {"- {id: tested": "- {id: slow, uses: wait, with: {for: 1h}}\n      - {id: tested"})
    event = guided.send()
    body, = wait_until(lambda: guided.bodies("/echo/suites"))
    assert request(guided.server.hooks, "POST", links(body["answerTo"])[0], b'{"failed": 0}').status == 202
    guided.people("skip", guided.server.wait_run(event, ("waiting",)), "--step", "slow")
    run = guided.server.wait_run(event)
    assert states(run) == ["succeeded", "skipped", "succeeded", "succeeded"], "it is found by the wait"


def test_a_callback_that_never_comes(guide):
    guided = guide("callback", {"timeout: 2h": "timeout: 1s"})
    run = guided.run()
    assert run["state"] == "failed" and run["steps"][1]["reason"] == "nobody called back within 1s"
    link, = links(guided.bodies("/echo/suites")[0]["answerTo"])
    assert request(guided.server.hooks, "POST", link, b"{}").status == 410


# -- what people do

def test_retry_and_its_text(guide):
    guided = guide("lists")
    guided.fakes.fault(path="/echo/smoke/*", status=422)
    run = guided.run()
    guided.people("retry", run)
    run = guided.until(run, "succeeded")
    assert states(run)[:3] == ["succeeded"] * 3
    assert [s for s in guided.sent() if s.startswith("PUT")] == [
        "PUT /locks/podinfo", "PUT /smoke/7774c75db4", "PUT /smoke/7774c75db4", "PUT /tags/7774c75db4"]


def test_cancel_takes_finally(guide):
    guided = guide("lists", {"- {id: smoke, uses: ci/request, with: {method: PUT, path: '/smoke/${{ .event.checksum }}'}}":
                             "- {id: smoke, uses: wait, with: {for: 1h}}"})
    run = guided.run(states=("waiting",))
    guided.people("cancel", run)
    run = guided.until(run, "cancelled")
    assert states(run) == ["succeeded", "cancelled", "cancelled", "cancelled", "succeeded"]
    assert guided.sent() == ["PUT /locks/podinfo", "DELETE /locks/podinfo"] and guided.said("C0ALERTS") == []


def test_skip_lets_a_failed_run_go_on(guide):
    guided = guide("lists")
    guided.fakes.fault(path="/echo/smoke/*", status=422)
    run = guided.run()
    guided.people("skip", run, "--step", "smoke")
    run = guided.until(run, "succeeded")
    assert states(run)[:3] == ["succeeded", "skipped", "succeeded"] and len(guided.bodies("/echo/smoke/7774c75db4")) == 1


def test_dismiss(guide):
    guided = guide("assert")
    run = guided.run(checksum="main branch")
    guided.people("dismiss", run)
    assert guided.show(run)["dismissed"] is True and guided.show(run)["state"] == "failed"


def test_replay_meets_what_was_done_and_again_does_not(guide):
    guided = guide("continue")
    run = guided.run()
    guided.people("replay", run)
    runs = wait_until(lambda: len(r := guided.server.runs_of(run["event"])) == 2 and r)
    again = max(runs, key=lambda r: r["id"])
    wait_until(lambda: guided.show(again)["finishedAt"] or guided.show(again)["state"] == "waiting")
    assert len(guided.bodies("/echo/builds/podinfo")) == 1, "effect none, onUnclear fail: not done again"
    assert guided.show(again)["steps"][1]["state"] == "failed"
    guided.people("replay", run, "--again")
    wait_until(lambda: len(guided.bodies("/echo/builds/podinfo")) == 2)


def test_pause_survives_a_restart(guide):
    guided = guide("retry")
    guided.server.cli("pause", "--workflow", "catalog", check=0)
    event = guided.send()
    wait_until(lambda: guided.server.runs_of(event))
    guided.server.restart()
    time.sleep(0.7)
    assert guided.sent() == []
    guided.server.cli("unpause", "--workflow", "catalog", check=0)
    assert guided.server.wait_run(event)["state"] == "succeeded" and guided.sent() == ["PUT /catalog/podinfo"]
