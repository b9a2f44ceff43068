"""What the fakes applied although no answer came is not done twice: found by its marker, by its name, or repeated."""

import json

import pytest

import postlude_fakes
from daemon import flagger_body


@pytest.fixture
def fakes():
    server = postlude_fakes.Server().start()
    yield server
    server.stop()


def run_step(daemon, fakes, step, edition="cloud"):
    made = daemon(f"""
sources: {{test: {{type: flagger, auth: [none]}}}}
targets:
  jira: {{connector: jira, url: '{fakes.url}', edition: {edition}, timeout: 2s, auth: {{bearer: {{env: SECRET}}}}}}
  slack: {{connector: slack, url: '{fakes.url}/api', auth: {{bearer: {{env: SECRET}}}}}}
workflows:
  one:
    on: {{source: test, hook: post-rollout}}
    steps: [{step}]
""", environment={"SECRET": "t0ken-of-the-bot"})
    answer = made.post("/hooks/test/post-rollout", flagger_body())
    run = made.wait_run(answer.json["event"], timeout=60)
    assert run["state"] == "succeeded", json.dumps(run, indent=1)
    for path in (made.log_file, made.database):
        assert b"t0ken-of-the-bot" not in path.read_bytes(), path
    return run["steps"][0]


@pytest.mark.parametrize("edition", ["cloud", "dataCenter"])
@pytest.mark.parametrize("fault", [{"close": "after"}, {"cut": 30}, {"close": "before"}, {"status": 502}])
def test_a_comment_is_looked_for(daemon, fakes, edition, fault):
    fakes.fault(path="*/comment", method="POST", **fault)
    step = run_step(daemon, fakes, "{uses: jira/comment, timeout: 2s, with: {issue: PROJ-1, body: Released}}", edition)
    state = fakes.state()
    comments = next(i for i in state["jira"]["issues"] if i["key"] == "PROJ-1")["comments"]
    assert len(comments) == 1
    assert step["outputs"]["id"] == comments[0]["id"]
    assert list(state["effects"].values()) == [1]
    looked = [r for r in state["requests"] if r["method"] == "GET" and r["path"].endswith("/comment")]
    assert looked, "the comment was sent again unseen"


@pytest.mark.parametrize("path, method", [("*/version", "POST"), ("*/version/*", "PUT")])
def test_a_version_converges(daemon, fakes, path, method):
    fakes.fault(path=path, method=method, close="after")
    run_step(daemon, fakes, "{uses: jira/release-version, with: {project: PROJ, name: api 1.1}}")
    versions = fakes.state()["jira"]["versions"]
    assert [(v["name"], v["released"]) for v in versions] == [("api 1.1", True)]


def test_a_message_comes_again_with_the_same_key(daemon, fakes):
    """Chat is told rather than not (onUnclear: repeat), and the key tells the repeat from a second message."""
    fakes.fault(path="/api/chat.postMessage", close="after")
    run_step(daemon, fakes, "{uses: slack/message, with: {channel: '#releases', text: Released}}")
    assert list(fakes.state()["effects"].values()) == [2]


def test_slack_asks_to_wait(daemon, fakes):
    fakes.fault(path="/api/chat.postMessage", status=429, headers={"Retry-After": "2"})
    run_step(daemon, fakes, "{uses: slack/message, with: {channel: '#releases', text: Released}}")
    state = fakes.state()
    first, second = [r["at"] for r in state["requests"]]
    assert second - first >= 2
    assert len(state["slack"]["messages"]) == 1
