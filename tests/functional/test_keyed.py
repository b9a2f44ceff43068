"""Steps with `key`: what the first use makes, later ones change, whatever run they are in."""

import fnmatch
import time

import pytest
from daemon import flagger_body, wait_until

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  slack: {connector: slack, url: '%s/api', timeout: 20s, limits: {concurrency: 8}, auth: {bearer: {env: TOKEN}}}
workflows:
  begun:
    on: {source: flagger, hook: pre-rollout}
    steps:
      - id: say
        uses: slack/message
        key: release-${{ .event.name }}
        with: {channel: "#releases", text: '${{ .event.name }} ${{ .event.checksum }} is on its way'}
  ended:
    on: {source: flagger}
    concurrency: {policy: parallel}
    steps:
      - id: say
        uses: slack/message
        key: release-${{ .event.name }}
        with: {channel: "#releases", text: '${{ .event.name }} ${{ .event.checksum }} is out'}
      - uses: slack/message
        if: .steps.say.state == "succeeded"
        with: {channel: "#releases", thread: '${{ .steps.say.outputs.ts }}', text: 'see ${{ .steps.say.outputs.channel }}'}
"""


@pytest.fixture
def server(daemon, fakes):
    return daemon(CONFIG % fakes.url, environment={"TOKEN": "t0ken-of-the-bot"})


def accept(server, hook="post-rollout", **what):
    answer = server.post(f"/hooks/flagger/{hook}", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def succeeded(server, event, workflow):
    run = server.wait_run(event, workflow=workflow)
    assert run["state"] == "succeeded", run
    return run


def kept(fakes):
    """Messages that are no replies."""
    return [m for m in fakes.state()["slack"]["messages"] if not m["thread_ts"]]


def calls(fakes, path):
    return [r for r in fakes.state()["requests"] if fnmatch.fnmatchcase(r["path"], path)]


def test_one_message_is_edited_as_a_release_goes_on(server, fakes):
    succeeded(server, accept(server, "pre-rollout", checksum="one"), "begun")
    assert [(m["text"], m["edits"]) for m in kept(fakes)] == [("podinfo one is on its way", 0)]
    run = succeeded(server, accept(server, checksum="one"), "ended")
    message, = kept(fakes)
    assert (message["text"], message["edits"]) == ("podinfo one is out", 1)
    # An update yields what the first use did, so that what follows it can refer to the message.
    assert run["steps"][0]["outputs"] == {"channel": message["channel"], "ts": message["ts"]}
    replies = [m for m in fakes.state()["slack"]["messages"] if m["thread_ts"]]
    assert [m["thread_ts"] for m in replies] == [message["ts"]]
    # Another key is another message.
    succeeded(server, accept(server, name="shop", checksum="one"), "ended")
    assert [(m["text"], m["edits"]) for m in kept(fakes)] == [("podinfo one is out", 1), ("shop one is out", 0)]


def test_a_crash_in_between_makes_no_second_message(server, fakes):
    fakes.fault(path="/api/chat.postMessage", delayAfter=60)  # it is posted, and we die before we hear of it
    event = accept(server, "pre-rollout", checksum="one")
    wait_until(lambda: kept(fakes))
    server.kill()
    server.start()
    succeeded(server, event, "begun")
    # Chat is told rather than not (onUnclear: repeat): the doubt of the first use is settled by posting again …
    first = len(kept(fakes))
    assert first == 2
    succeeded(server, accept(server, checksum="one"), "ended")
    # … and from then on there is one that is edited.
    assert len(kept(fakes)) == first and kept(fakes)[-1]["edits"] == 1
    # A crash after the answer, or in an update, costs nothing at all.
    fakes.fault(path="/api/chat.update", delayAfter=60)
    event = accept(server, checksum="two")
    wait_until(lambda: kept(fakes)[-1]["edits"] == 2)
    server.kill()
    server.start()
    succeeded(server, event, "ended")
    assert len(kept(fakes)) == first and kept(fakes)[-1]["text"] == "podinfo two is out"


def test_first_uses_at_once_create_once(server, fakes):
    fakes.fault(path="/api/chat.postMessage", times=1, delayAfter=0.5)
    events = [accept(server, checksum=f"c{n}", metadata={"n": str(n)}) for n in range(6)]
    for event in events:
        succeeded(server, event, "ended")
    message, = kept(fakes)
    sent = calls(fakes, "/api/chat.postMessage")
    assert len([r for r in sent if "thread_ts" not in r["body"]]) == 1
    updates = calls(fakes, "/api/chat.update")
    assert len(updates) == message["edits"] <= 5 and message["edits"] >= 1
    assert message["text"] == "podinfo c5 is out", "an older release is not the last to speak"


def test_check_knows_which_actions_can(daemon, fakes):
    config = CONFIG.replace("slack/message\n        key", "slack/webhook\n        key").replace("auth: {bearer", "auth: {url")
    refused = daemon(config % fakes.url, start=False, environment={"TOKEN": "x"})
    done = refused.cli("check", refused.config_file)
    assert done.returncode == 1
    assert "'key' needs an action that can update the object that it created, and slack/webhook has no `update`" in done.stdout
