"""What payloads hold means nothing in the languages of other systems: Slack's mrkdwn, JQL, Jira's wiki markup."""

import json
import subprocess

import yaml

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  jira: {connector: jira, url: 'https://jira.example', edition: dataCenter, auth: {bearer: {env: T}}}
  slack: {connector: slack, auth: {bearer: {env: T}}}
workflows:
  w:
    on: {source: flagger}
    steps:
      - {uses: slack/message, with: {channel: '#r', text: '*<https://x|notes>* ${{ .event.metadata.m }}'}}
      - {uses: slack/message, with: {channel: '#r', text: '${{ .event.metadata.m }}', blocks: [{type: section, text: {type: mrkdwn, text: 'by <@U1> ${{ .event.metadata.m }}'}}]}}
      - {uses: slack/message, with: {channel: '#r', text: '${{ "<https://x|y>" | raw }}'}}
      - {uses: jira/find-issues, with: {jql: 'project = ${{ .event.metadata.q }} AND text ~ "${{ .event.metadata.q }}" AND id > ${{ 3 }}'}}
      - {uses: jira/comment, with: {issue: P-1, body: 'h1. ${{ .event.metadata.w }}'}}
"""
METADATA = {"m": "<!channel> & <https://evil|x>", "q": '1.0" OR project is not EMPTY OR "\\', "w": "{code}*b*"}
SLACK = "&lt;!channel&gt; &amp; &lt;https://evil|x&gt;"
JQL = '1.0\\" OR project is not EMPTY OR \\"\\\\'


def test_payloads_mean_nothing(binary, tmp_path):
    (tmp_path / "postlude.yaml").write_text(CONFIG)
    posted = {"request": "POST /chat.postMessage", "target": "slack", "body": {"ok": True, "channel": "C1", "ts": "1.0"}}
    test = {"config": "postlude.yaml", "tests": [{
        "name": "escapes",
        "event": {"source": "flagger", "hook": "post-rollout", "payload": {
            "name": "a", "namespace": "b", "phase": "Succeeded", "checksum": "1", "metadata": METADATA}},
        "responses": [posted, posted, posted,
                      {"request": "POST /rest/api/2/search", "target": "jira", "body": {"issues": [], "total": 0}},
                      {"request": "POST /rest/api/2/issue/P-1/comment", "target": "jira", "status": 201, "body": {"id": "1"}}],
        "expect": {"runs": [{"workflow": "w", "state": "succeeded"}]}}]}
    (tmp_path / "w.test.yaml").write_text(yaml.safe_dump(test))
    done = subprocess.run([binary, "test", str(tmp_path), "-o", "json"], capture_output=True, text=True, timeout=60)
    [one] = json.loads(done.stdout)["tests"]
    sent = [request["body"] for request in one["seen"]["requests"]]
    assert one["result"] == "ok" and len(sent) == 5, one["why"]
    assert sent[0]["text"] == f"*<https://x|notes>* {SLACK}"
    assert sent[1]["text"] == SLACK and sent[1]["blocks"][0]["text"]["text"] == f"by <@U1> {SLACK}"
    assert sent[2]["text"] == "<https://x|y>"
    assert sent[3]["jql"] == f'project = "{JQL}" AND text ~ "{JQL}" AND id > 3'
    assert sent[4]["body"].startswith("h1. \\{code\\}\\*b\\*\n")
