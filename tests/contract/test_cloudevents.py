"""What cloudevents/event sends, which test_proof.py compares with golden/cloudevents.json, is an event to the SDK."""

import json
import subprocess

import pytest

from chain import PRISM
from proof import HERE

SDK = PRISM.parents[1] / "cloudevents"
SCRIPT = """
const {HTTP} = require(process.argv[1]);
for (const {headers, body} of JSON.parse(process.argv[2])) {
  const event = HTTP.toEvent({headers, body});
  event.validate();
  console.log(JSON.stringify(event));
}
"""


def sent():
    asked = json.loads((HERE / "golden" / "cloudevents.json").read_text())
    requests = [request for requests in asked.values() for request in requests]
    for request in requests:
        request["body"]["time"] = "2026-11-22T10:00:00Z"  # which differs from run to run
    return requests


def read(requests):
    messages = [{"headers": request["headers"], "body": json.dumps(request["body"])} for request in requests]
    return subprocess.run(["node", "-e", SCRIPT, str(SDK), json.dumps(messages)], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not SDK.is_dir(), reason="npm's cloudevents is not installed (tests/contract/setup)")
def test_the_sdk_takes_all_that_is_sent():
    requests = sent()
    done = read(requests)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(seen) == len(requests) > 3
    for event, request in zip(seen, requests):
        assert event["data"] == request["body"]["data"] and event["source"] == request["body"]["source"]
    assert {event.get("partitionkey") for event in seen} == {None, "podinfo"}


@pytest.mark.skipif(not SDK.is_dir(), reason="npm's cloudevents is not installed (tests/contract/setup)")
@pytest.mark.parametrize("attribute", ("source", "type"))
def test_the_sdk_refuses_one_that_lacks_something(attribute):
    request = sent()[0]
    request["body"][attribute] = ""
    assert read([request]).returncode != 0
