"""Each action of Jira and Slack, carried out by the real binary: its requests against the vendor's description, and
what the (stateful) fake then holds. Prism looks at the fake's answers too, which keeps the fake honest.

Needs POSTLUDE_SPECS (the folder of API descriptions) and Prism (tests/contract/setup).
"""

import json
import os
import re

import pytest

import postlude_fakes
from chain import PRISM, Prism, Rewriter, objections, to_version_3
from daemon import flagger_body, request

# Where the description accepts anything, these do not (bodies with text, and members it leaves open).
TEXT = {"type": "string", "pattern": "."}
KEY = {"type": "string", "pattern": "^[0-9a-z_=-]{16,}$"}
VERSION_NAMED = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[0-9]+$"}, "name": TEXT}}
OUR_SCHEMAS = {
    ("PUT", "/rest/api/2/issue/PROJ-1"): {
        "type": "object", "required": ["update"], "properties": {"update": {
            "type": "object", "required": ["fixVersions"], "properties": {"fixVersions": {
                "type": "array", "minItems": 1, "items": {
                    "type": "object", "properties": {"add": VERSION_NAMED, "set": {"type": "array", "items": VERSION_NAMED}}}}}}}},
    ("POST", "/rest/api/2/issue/PROJ-1/comment"): {
        "type": "object", "required": ["body"], "properties": {"body": TEXT, "properties": {
            "type": "array", "minItems": 1, "items": {
                "type": "object", "required": ["key", "value"], "properties": {
                    "key": {"const": "postlude"},
                    "value": {"type": "object", "required": ["key"], "properties": {"key": KEY}}}}}}},
    ("PUT", "/rest/api/2/issue/PROJ-2/comment/ID"): {"type": "object", "required": ["body"], "properties": {"body": TEXT}},
    ("POST", "/rest/api/2/issue/PROJ-1/transitions"): {
        "type": "object", "required": ["transition"], "properties": {
            "transition": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "pattern": "^[0-9]+$"}}},
            "fields": {"type": "object", "required": ["resolution"], "properties": {
                "resolution": {"type": "object", "required": ["name"], "properties": {"name": TEXT}}}}}},
    ("POST", "/rest/api/2/issue/PROJ-1/remotelink"): {
        "type": "object", "required": ["globalId", "object"], "properties": {
            "globalId": TEXT, "relationship": TEXT,
            "application": {"type": "object", "required": ["type", "name"], "properties": {"type": TEXT, "name": TEXT}},
            "object": {"type": "object", "required": ["url", "title"], "properties": {
                "url": {"type": "string", "pattern": "^https?://"}, "title": TEXT, "summary": TEXT,
                "icon": {"type": "object", "required": ["url16x16"], "properties": {"url16x16": TEXT}},
                "status": {"type": "object", "required": ["resolved"], "properties": {"resolved": {"type": "boolean"}}}}}}},
    ("POST", "/rest/api/2/search"): {
        "type": "object", "required": ["jql", "startAt", "maxResults", "fields"], "properties": {
            "jql": TEXT, "startAt": {"type": "integer"}, "maxResults": {"type": "integer"},
            "fields": {"type": "array", "items": {"type": "string"}}}},
}

JIRA_STEPS = """
      - {id: create, uses: jira/create-version, with: {project: PROJ, name: 'lib 2 "x"', description: 'a \\ b', startDate: 2026-01-02, releaseDate: 2026-01-03}}
      - {id: release, uses: jira/release-version, with: {project: PROJ, name: '${{ .event.name }} 1.10'}}
      - {id: again, uses: jira/release-version, with: {project: PROJ, name: '${{ .event.name }} 1.10'}}
      - {id: find, uses: jira/find-version, with: {project: PROJ, name: '${{ .event.name }} 1.10'}}
      - {id: fix, uses: jira/set-fix-versions, with: {issue: PROJ-1, versions: ['${{ .steps.find.outputs.id }}', 'lib 2 "x"']}}
      - {id: only, uses: jira/set-fix-versions, with: {issue: PROJ-1, versions: ['${{ .steps.find.outputs.id }}'], replace: true, notify: false}}
      - {id: issues, uses: jira/find-issues, with: {jql: 'project = PROJ AND fixVersion = "${{ .event.name }} 1.10"'}}
      - {id: done, uses: jira/transition, with: {issue: PROJ-1, to: done, resolution: Fixed}}
      - {id: comment, uses: jira/comment, with: {issue: PROJ-1, body: 'Released *${{ .event.name }}*.'}}
      - {id: link, uses: jira/remote-link, with: {issue: PROJ-1, url: 'https://example.com/r/1', title: Release, summary: s, relationship: released by, icon: 'https://example.com/i.png', resolved: true}}
      - {id: relink, uses: jira/remote-link, with: {issue: PROJ-1, url: 'https://example.com/r/1', title: Release 2, globalId: '${{ "system=ours&id=1" }}'}}
      - {id: keptVersion, uses: jira/release-version, key: version, with: {project: PROJ, name: next}}
      - {id: renamed, uses: jira/release-version, key: version, with: {project: PROJ, name: '3.0', description: d, releaseDate: 2026-01-04}}
      - {id: planned, uses: jira/create-version, key: plan, with: {project: PROJ, name: later}}
      - {id: replanned, uses: jira/create-version, key: plan, with: {project: PROJ, name: '4.0', startDate: 2026-02-04}}
      - {id: said, uses: jira/comment, key: status, with: {issue: PROJ-2, body: under way}}
      - {id: saidAgain, uses: jira/comment, key: status, with: {issue: PROJ-2, body: done}}
      - {id: linked, uses: jira/remote-link, key: link, with: {issue: PROJ-2, url: 'https://example.com/r/1', title: Release}}
      - {id: linkedAgain, uses: jira/remote-link, key: link, with: {issue: PROJ-2, url: 'https://example.com/r/2', title: Release 2}}
      - {id: incident, uses: jira/create-issue, key: incident, with: {project: PROJ, type: Bug, summary: Went back, description: 'See *${{ .event.name }}*.', labels: [release]}}
      - {id: incidentAgain, uses: jira/create-issue, key: incident, with: {project: PROJ, summary: Went back twice}}
      - {id: over, uses: jira/transition, with: {issue: '${{ .steps.incident.outputs.key }}', to: Done}}
      - {id: notOver, uses: jira/reopen, with: {issue: '${{ .steps.incident.outputs.key }}'}}
"""
SLACK_STEPS = """
      - {id: told, uses: slack/message, with: {channel: "#releases", text: "Released", blocks: [{type: divider}], broadcast: true, thread: "1700000000.000001"}}
      - {id: edited, uses: slack/update, with: {channel: '${{ .steps.told.outputs.channel }}', ts: '${{ .steps.told.outputs.ts }}', text: "Released, and well"}}
      - {id: first, uses: slack/message, key: progress, with: {channel: "#releases", text: "10 %", blocks: [{type: divider}]}}
      - {id: then, uses: slack/message, key: progress, with: {channel: "#releases", text: "100 %"}}
      - {id: card, uses: slack/card, key: card, with: {channel: "#releases", text: Look, facts: {Team: shop}, links: [{title: Notes, url: "https://example.com"}]}}
      - {id: cardAgain, uses: slack/card, key: card, with: {channel: "#releases", title: Over}}
      - {id: hook, uses: hook/webhook, with: {text: "Released"}}
"""


def of_any_id(path):
    return re.sub(r"/(comment|version)/\d+$", r"/\1/ID", path)


def configuration(targets, steps):
    return f"""
sources: {{test: {{type: flagger, auth: [none]}}}}
targets:
{targets}
workflows:
  all:
    on: {{source: test, hook: post-rollout}}
    steps:{steps}"""


@pytest.fixture
def chain(specs, tmp_path):
    """chain(spec file, rewrite, upstream path, patch) -> (rewriter, fakes)"""
    if not os.access(PRISM, os.X_OK):
        pytest.skip("Prism is not installed: run tests/contract/setup")
    fakes = postlude_fakes.Server().start()
    ends = [fakes.stop]

    def start(spec, rewrite, base="", patch=None):
        description = json.loads((specs / spec).read_text())
        if patch:
            patch(description)
        file = tmp_path / spec
        file.write_text(json.dumps(description))
        prism = Prism(file, fakes.url + base, tmp_path / "prism.log")
        ends.append(prism.stop)
        rewriter = Rewriter(prism.url, fakes.url, rewrite)
        ends.append(rewriter.stop)
        return rewriter, fakes

    yield start
    for end in reversed(ends):
        end()


def run_all(daemon, config, **environment):
    made = daemon(config, environment=environment)
    answer = made.post("/hooks/test/post-rollout", flagger_body())
    assert answer.status == 202, answer
    run = made.wait_run(answer.json["event"], timeout=60)
    assert run["state"] == "succeeded", json.dumps(run, indent=1)
    return {step["id"]: step for step in run["steps"]}


@pytest.mark.parametrize("edition", ["cloud", "dataCenter"])
def test_jira(chain, daemon, edition):
    rewriter, fakes = chain("jira-cloud-v3.json", to_version_3)
    auth = "{basic: {username: bot, password: {env: JIRA}}}" if edition == "cloud" else "{bearer: {env: JIRA}}"
    target = f"  jira: {{connector: jira, url: '{rewriter.url}', edition: {edition}, auth: {auth}}}"
    steps = run_all(daemon, configuration(target, JIRA_STEPS), JIRA="s3cret-token")

    # Data Center's bearer token is not a kind of proof that Cloud's description knows.
    objected = [v for v in rewriter.violations() if edition == "cloud" or v[2].get("code") != 401]
    assert objected == []
    ours = [(entry["path"], text) for entry in rewriter.seen
            for text in objections(entry["body"], OUR_SCHEMAS.get((entry["method"], of_any_id(entry["path"])), {}))]
    assert ours == []
    expected = {("POST", "/rest/api/2/version"), ("PUT", "/rest/api/2/issue/PROJ-1"),
                ("POST", "/rest/api/2/issue/PROJ-1/comment"), ("POST", "/rest/api/2/issue/PROJ-1/remotelink"),
                ("POST", "/rest/api/2/issue/PROJ-1/transitions"), ("PUT", "/rest/api/2/issue/PROJ-2/comment/ID"),
                ("PUT", "/rest/api/2/version/ID"), ("POST", "/rest/api/2/issue"),
                ("POST", "/rest/api/3/search/jql" if edition == "cloud" else "/rest/api/2/search")}
    assert expected <= {(entry["method"], of_any_id(entry["path"])) for entry in rewriter.seen}

    state = fakes.state()
    versions = {v["name"]: v for v in state["jira"]["versions"]}
    assert versions['lib 2 "x"']["released"] is False and versions['lib 2 "x"']["description"] == "a \\ b"
    assert versions["podinfo 1.10"]["released"] is True and versions["podinfo 1.10"]["releaseDate"]
    issue = next(i for i in state["jira"]["issues"] if i["key"] == "PROJ-1")
    assert issue["status"] == "Done" and issue["resolution"] == {"name": "Fixed"}
    assert issue["fixVersions"] == [versions["podinfo 1.10"]["id"]]
    assert len(issue["comments"]) == 1 and len(issue["links"]) == 2
    assert steps["release"]["outputs"]["created"] is True and steps["again"]["outputs"]["created"] is False
    assert steps["issues"]["outputs"]["keys"] == ["PROJ-1"] and steps["issues"]["outputs"]["complete"] is True
    assert all(count == 1 for count in state["effects"].values()), state["effects"]

    # What a key made once was changed from then on.
    assert "next" not in versions and "later" not in versions
    assert versions["3.0"]["released"] is True and versions["3.0"]["description"] == "d"
    assert versions["4.0"]["released"] is False and versions["4.0"]["startDate"] == "2026-02-04"
    assert steps["renamed"]["outputs"] == {**steps["keptVersion"]["outputs"], "name": "3.0", "created": False}
    kept = next(i for i in state["jira"]["issues"] if i["key"] == "PROJ-2")
    assert [c["body"] for c in kept["comments"]] == ["done"]
    assert [(link["object"]["title"], link["object"]["url"]) for link in kept["links"]] == [
        ("Release 2", "https://example.com/r/2")]
    assert steps["linkedAgain"]["outputs"] == {**steps["linked"]["outputs"], "created": False}
    incident = next(i for i in state["jira"]["issues"] if i["key"] == steps["incident"]["outputs"]["key"])
    assert incident["summary"] == "Went back twice" and incident["status"] == "To Do"
    assert incident["labels"][0] == "release" and incident["labels"][1].startswith("postlude-")
    assert steps["notOver"]["outputs"] == {"issue": incident["key"], "from": "Done", "to": "To Do", "changed": True}


def know_metadata(description):
    """The description is of 2021; messages have had metadata since 2022."""
    schema = description["paths"]["/chat.postMessage"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["metadata"] = {
        "type": "object", "required": ["event_type", "event_payload"], "additionalProperties": False,
        "properties": {"event_type": {"type": "string"}, "event_payload": {"type": "object"}}}


def test_slack(chain, daemon):
    def rewrite(path):
        return path.removeprefix("/api") if path.startswith("/api/") else None

    rewriter, fakes = chain("slack-json-patched.json", rewrite, "/api", know_metadata)
    targets = f"""  slack: {{connector: slack, url: '{rewriter.url}/api', auth: {{bearer: {{env: SLACK}}}}}}
  hook: {{connector: slack, auth: {{url: {{env: HOOK}}}}}}"""
    steps = run_all(daemon, configuration(targets, SLACK_STEPS), SLACK="xoxb-1",
                    HOOK=rewriter.url + "/services/T1/B1/secret")
    assert rewriter.violations() == []
    assert [entry["path"] for entry in rewriter.seen if entry["prism"]] == [
        "/api/chat.postMessage", "/api/chat.update"] * 3
    state = fakes.state()["slack"]
    assert [(m["text"], m["edits"]) for m in state["messages"]] == [
        ("Released, and well", 1), ("100 %", 1), ("Over", 1)]
    assert state["messages"][1]["blocks"] == []
    assert [w["text"] for w in state["webhooks"]] == ["Released"]
    assert len(state["messages"][0]["key"]) >= 16
    assert steps["told"]["outputs"]["channel"] == "C0RELEASES"


def test_prism_would_object(chain):
    """The chain can fail: what the facts say Jira refuses is seen, and so is a body that only our schema refuses."""
    rewriter, _ = chain("jira-cloud-v3.json", to_version_3)
    headers = {"Authorization": "Basic Ym90Ong=", "Content-Type": "application/json"}

    def send(method, path, body):
        request(rewriter.url, method, path, json.dumps(body), headers)
        return rewriter.seen[-1]

    bad = send("POST", "/rest/api/2/version", {"name": "x", "projectId": "10000"})
    assert [v["location"] for v in bad["violations"]] == [["request", "body", "projectId"]]
    assert send("POST", "/rest/api/3/search/jql", {"jql": "project = PROJ", "startAt": 0})["violations"]
    assert not send("POST", "/rest/api/2/version", {"name": "x", "projectId": 10000})["violations"]
    loose = send("PUT", "/rest/api/2/issue/PROJ-1", {"fixVersions": []})
    assert not loose["violations"]
    assert objections(loose["body"], OUR_SCHEMAS["PUT", "/rest/api/2/issue/PROJ-1"]) == [
        "body: update is missing", "body: fixVersions is unknown"]
