"""The seed case: a Canary's post-rollout becomes a released version in Jira, told to Slack, once.

Runs examples/jira-release as it is, with the fakes in the place of Jira and Slack.
"""

import concurrent.futures
import re
import urllib.parse

import pytest
from daemon import ROOT, flagger_body, wait_until
from wire import Wire, basic, exchange, flagger_post

METADATA = {"jiraProject": "PROJ", "environment": "production"}
SECRETS = {"HOOK_PASSWORD": "s3cret-of-the-hook", "JIRA_TOKEN": "jira-t0ken", "SLACK_TOKEN": "xoxb-t0ken"}
AUTHORIZATION = basic("flagger", SECRETS["HOOK_PASSWORD"])
ACCEPTED = re.compile(rb'\{"delivery":"(dlv_[0-9a-z]+)","event":"(evt_[0-9a-z]+)","duplicate":(true|false)\}')


@pytest.fixture
def postlude(daemon, fakes):
    config = f"targets: {{jira: {{url: '{fakes.url}'}}, slack: {{url: '{fakes.url}/api'}}}}\n"
    return daemon(config, environment=SECRETS, base=[ROOT / "examples" / "jira-release"])


def call(daemon, body, path="/jira-update", wire=None):
    data = flagger_post(path, body, f"127.0.0.1:{daemon.port}", AUTHORIZATION)
    return wire.send(data).answer() if wire else exchange(daemon.port, data)


def released(daemon, **what):
    """One release, done: its answer and its run."""
    answer = call(daemon, flagger_body(metadata=METADATA, **what))
    assert answer.status == 202, answer
    run = daemon.wait_run(answer.json["event"])
    assert run["state"] == "succeeded", run
    return answer, run


def effects(fakes):
    return [(e["system"], e["kind"], e["what"]) for e in fakes.state()["all"]]


def test_a_release_is_in_jira_and_slack_once(postlude, fakes):
    body = flagger_body(metadata=METADATA)
    assert body == (b'{"name":"podinfo","namespace":"prod-shop","phase":"Succeeded","checksum":"7774c75db4",'
                    b'"metadata":{"environment":"production","jiraProject":"PROJ"}}')
    answer = call(postlude, body)
    assert answer.status == 202
    assert answer.headers["content-type"] == "application/json"
    delivery, event, duplicate = (part.decode() for part in ACCEPTED.fullmatch(answer.body).groups())
    assert duplicate == "false"

    run = postlude.wait_run(event)
    assert (run["workflow"], run["state"], run["reason"]) == ("jira-release", "succeeded", None)
    assert [step["state"] for step in run["steps"]] == ["succeeded", "succeeded"]
    assert run["steps"][0]["outputs"]["name"] == "podinfo-7774c75db4"

    state = fakes.state()
    version, = state["jira"]["versions"]
    assert (version["name"], version["projectId"], version["released"]) == ("podinfo-7774c75db4", 10000, True)
    message, = state["slack"]["messages"]
    assert (message["channel"], message["text"]) == ("C0RELEASES", "Released podinfo-7774c75db4")
    assert [e[:2] for e in effects(fakes)] == [("jira", "version created"), ("jira", "version updated"),
                                              ("slack", "message")]
    assert len(postlude.runs_of(event)) == 1

    stored = postlude.api(f"deliveries/{delivery}")
    assert (stored["verdict"], stored["event"], stored["hook"]) == ("accepted", event, "post-rollout")
    assert (stored["proof"], stored["status"], stored["path"]) == ("basic flagger", 202, "/jira-update")
    assert stored["body"].encode() == body
    shown = postlude.api(f"events/{event}")
    assert {key: shown[key] for key in ("name", "namespace", "phase", "checksum", "outcome", "metadata", "origin")} == {
        "name": "podinfo", "namespace": "prod-shop", "phase": "Succeeded", "checksum": "7774c75db4",
        "outcome": "promoted", "metadata": METADATA, "origin": "hook"}


def test_no_secret_is_kept(postlude, fakes):
    answer, run = released(postlude)
    delivery = postlude.get(f"/api/v1/deliveries/{answer.json['delivery']}").body
    run = postlude.get(f"/api/v1/runs/{run['id']}").body
    for secret in (*SECRETS.values(), AUTHORIZATION.split()[1], basic("bot@acme.io", SECRETS["JIRA_TOKEN"]).split()[1]):
        assert secret.encode() not in delivery + run
        assert secret not in postlude.log()
    files = [path for path in postlude.folder.iterdir() if path.name.startswith("postlude.db")]
    assert files
    postlude.stop()
    for path in files:
        content = path.read_bytes() if path.exists() else b""
        assert not [s for s in SECRETS.values() if s.encode() in content], path


def test_a_retry_of_the_same_bytes_is_a_duplicate(postlude, fakes):
    first, _ = released(postlude)
    before = effects(fakes)
    body = flagger_body(metadata=METADATA)
    again = [call(postlude, body) for _ in range(3)]
    for answer in again:
        assert answer.status == 200, answer
        assert ACCEPTED.fullmatch(answer.body).group(3) == b"true"
        assert answer.json["event"] == first.json["event"]
    ids = {answer.json["delivery"] for answer in [first, *again]}
    assert len(ids) == 4, "each call has a delivery of its own"
    for answer in again:
        assert postlude.api(f"deliveries/{answer.json['delivery']}")["verdict"] == "duplicate"
    other, _ = released(postlude, name="other")  # whatever the duplicates started would have been done before it
    assert len(postlude.runs_of(first.json["event"])) == 1
    assert effects(fakes)[:len(before)] == before and len(effects(fakes)) == 2 * len(before)
    assert len(postlude.items("events")) == 2


def test_of_equal_calls_at_once_one_is_accepted(postlude):
    body = flagger_body(metadata=METADATA)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: call(postlude, body), range(16)))
    assert sorted(answer.status for answer in answers) == [200] * 15 + [202]
    assert len({answer.json["event"] for answer in answers}) == 1
    assert len(postlude.items("events")) == 1


def test_a_failed_canary_runs_the_other_workflow(postlude, fakes):
    answer = call(postlude, flagger_body(phase="Failed", metadata=METADATA))
    assert answer.status == 202
    run = postlude.wait_run(answer.json["event"])
    assert (run["workflow"], run["state"]) == ("release-failed", "succeeded")
    assert len(postlude.runs_of(answer.json["event"])) == 1
    state = fakes.state()
    assert state["jira"]["versions"] == []
    assert [m["text"] for m in state["slack"]["messages"]] == ["podinfo in prod-shop failed its canary"]
    assert postlude.api(f"events/{answer.json['event']}")["outcome"] == "failed"


def test_a_b_a_runs_three_times(postlude, fakes):
    events = [released(postlude, checksum=checksum)[0].json["event"] for checksum in ("aaaa", "bbbb", "aaaa")]
    assert len(set(events)) == 3
    assert [len(postlude.runs_of(event)) for event in events] == [1, 1, 1]
    assert [m["text"] for m in fakes.state()["slack"]["messages"]] == [
        "Released podinfo-aaaa", "Released podinfo-bbbb", "Released podinfo-aaaa"]
    versions = fakes.state()["jira"]["versions"]
    assert [(v["name"], v["released"]) for v in versions] == [("podinfo-aaaa", True), ("podinfo-bbbb", True)]
    assert len([e for e in effects(fakes) if e[0] == "jira"]) == 4, "the second A finds its version as it should be"


def test_another_authentic_call_ends_the_window(postlude):
    first, _ = released(postlude)
    assert call(postlude, flagger_body(metadata=METADATA)).status == 200
    event = flagger_body(phase="Progressing", metadata={"eventMessage": "New revision detected!", "eventType": "Normal",
                                                        "timestamp": "1578607635167"})
    assert call(postlude, event, "/hooks/flagger/event").status == 202
    assert call(postlude, event, "/hooks/flagger/event").status == 200, "the same event by its timestamp"
    answer = call(postlude, flagger_body(metadata=METADATA))
    assert (answer.status, answer.json["duplicate"]) == (202, False)
    assert answer.json["event"] != first.json["event"]


def test_a_rejected_call_does_not_end_the_window(postlude):
    released(postlude)
    forged = flagger_post("/jira-update", flagger_body(checksum="zzzz"), "127.0.0.1", basic("flagger", "wrong"))
    assert exchange(postlude.port, forged).status == 403
    assert call(postlude, flagger_body(metadata=METADATA)).status == 200


def test_an_environment_that_is_not_wanted_says_which_expression_said_no(postlude, fakes):
    answer = call(postlude, flagger_body(metadata={**METADATA, "environment": "staging"}))
    assert answer.status == 202
    event = answer.json["event"]
    shown = wait_until(lambda: (e := postlude.api(f"events/{event}"))["planned"] and e)
    assert shown["runs"] == []
    why = {entry["workflow"]: (entry["runs"], entry["why"]) for entry in shown["plan"]}
    assert why["jira-release"] == (False, 'if: `.event.metadata.environment == "production"` is false')
    assert why["release-failed"][0] is False and "Succeeded" in why["release-failed"][1]
    assert effects(fakes) == []


def test_one_connection_serves_many_calls(postlude):
    with Wire(postlude.port) as wire:
        for number in range(5):
            answer = call(postlude, flagger_body(checksum=str(number), metadata=METADATA), wire=wire)
            assert answer.status == 202
        wire.send(*[flagger_post("/jira-update", flagger_body(checksum=f"p{n}", metadata=METADATA), "h", AUTHORIZATION)
                    for n in range(5)])
        assert [wire.answer().status for _ in range(5)] == [202] * 5, "pipelined, answered in order"


# -- the URL http://webhook-handler.namespace.svc/cluster.local/jira-update, whose path is /cluster.local/jira-update

LITERAL = """
sources: {flagger: {type: flagger, auth: none, paths: {PATH: post-rollout}}}
workflows: {any: {on: {source: flagger}, steps: [{uses: wait, with: {for: 0s}}]}}
"""


def path_of(url):
    return urllib.parse.urlsplit(url).path


def test_the_seeds_path_taken_literally(daemon):
    path = path_of("http://webhook-handler.namespace.svc/cluster.local/jira-update")
    server = daemon(LITERAL.replace("PATH", path))
    for number, written in enumerate((path, path + "/")):
        body = flagger_body(checksum=f"c{number}", metadata=METADATA)
        answer = exchange(server.port, flagger_post(written, body, "webhook-handler.namespace.svc"))
        assert answer.status == 202, answer
        assert server.wait_run(answer.json["event"])["state"] == "succeeded"
    assert exchange(server.port, flagger_post("/jira-update", flagger_body(), "x")).status == 404


def test_the_mistaken_path_is_explained(postlude):
    path = path_of("http://webhook-handler.namespace.svc/cluster.local/jira-update")
    answer = call(postlude, flagger_body(metadata=METADATA), path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    expected = ("no such path; the nearest configured one is /jira-update (post-rollout of flagger); "
                "the host seems to have been cut: write svc.cluster.local, not svc/cluster.local")
    assert answer.json["detail"] == "no such path", "what is configured is in the record only"
    record, = wait_until(lambda: postlude.items("deliveries?verdict=rejected"))
    assert (record["status"], record["path"], record["reason"]) == (404, path, expected)
    assert (record["event"], record["source"], record["hook"]) == (None, None, None)
    explained = postlude.cli("explain", record["id"], check=0).stdout
    assert expected in explained and "It made no event, so nothing ran." in explained
    assert SECRETS["HOOK_PASSWORD"] not in explained
