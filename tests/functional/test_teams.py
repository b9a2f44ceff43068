"""Teams: whose an event is, workflows that are a team's own, and how a team is told; with tables and calendars."""

import json
import subprocess

from daemon import flagger_body, wait_until

BASE = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  web: {connector: http, url: '%s/echo', auth: none}
  pager: {connector: http, url: '%s/pager', auth: none}
teams:
  payments:
    match: {namespace: ["pay-*", ledger]}
    folder: teams/payments
    targets: [web]
    notify: {uses: pager/request, with: {method: POST, path: /payments, body: {text: hello}, effect: none}}
  shop: {match: {namespace: "shop-*"}, folder: teams/shop, targets: [web]}
workflows:
  for-payments:
    on: {source: flagger, team: pay*}
    steps: [{uses: web/request, with: {method: PUT, path: '/general/${{ .event.team }}/${{ .event.name }}'}}]
"""

OWN = """
workflows:
  %s-own:
    on: {source: flagger}
    steps: [{uses: web/request, with: {method: PUT, path: '/own/%s/${{ .event.name }}'}}]
"""


def start(daemon, fakes, tmp_path, **more):
    folder = tmp_path / "d"
    for team in ("payments", "shop"):
        (folder / "teams" / team).mkdir(parents=True)
        (folder / "teams" / team / "w.yaml").write_text(more.get(team, OWN % (team, team)))
    return daemon(BASE % (fakes.url, fakes.url), folder=folder)


def settle(server, event):
    """The workflows that ran, once all of them have ended."""
    wait_until(lambda: all(r["state"] in ("succeeded", "failed", "cancelled") for r in server.runs_of(event)), 20)
    return sorted(r["workflow"] for r in server.runs_of(event))


def test_an_event_is_its_teams(daemon, fakes, tmp_path):
    server = start(daemon, fakes, tmp_path)
    wanted = {"pay-api": ["for-payments", "payments-own"], "ledger": ["for-payments", "payments-own"],
              "shop-cart": ["shop-own"], "other": []}
    for namespace, workflows in wanted.items():
        event = server.post("/hooks/flagger/post-rollout", flagger_body(name=namespace, namespace=namespace)).json["event"]
        if workflows:
            wait_until(lambda e=event, w=workflows: len(server.runs_of(e)) == len(w))
        assert settle(server, event) == workflows
        team = server.api(f"events/{event}")["team"]
        assert team == {"pay-api": "payments", "ledger": "payments", "shop-cart": "shop", "other": None}[namespace]
    sent = sorted(r["path"].split("/echo")[1] for r in fakes.state()["requests"])
    assert sent == ["/general/payments/ledger", "/general/payments/pay-api", "/own/payments/ledger", "/own/payments/pay-api",
                    "/own/shop/shop-cart"]


def test_what_a_teams_folder_may_not_do(binary, tmp_path, fakes):
    (tmp_path / "postlude.yaml").write_text(BASE % (fakes.url, fakes.url))
    for team in ("payments", "shop"):
        (tmp_path / "teams" / team).mkdir(parents=True)
        (tmp_path / "teams" / team / "w.yaml").write_text(OWN % (team, team))

    def check():
        done = subprocess.run([binary, "check", "postlude.yaml"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        return done.returncode, [line for line in done.stdout.splitlines() if "warning" not in line]

    assert check() == (0, ["ok: 1 sources, 2 targets, 3 workflows"])
    file = tmp_path / "teams" / "shop" / "w.yaml"
    file.write_text(OWN.replace("web/", "pager/") % ("shop", "shop"))
    assert check() == (1, ["teams/shop/w.yaml:5:20: the step uses the target 'pager', which the team 'shop' may not use; there is web"])
    file.write_text(OWN % ("payments", "shop"))
    assert check() == (1, ["teams/shop/w.yaml:3:3: a workflow 'payments-own' is also in teams/payments/w.yaml:3:3: workflow "
                           "names must be unique across all folders"])
    file.write_text(OWN.replace("source: flagger", "team: payments") % ("shop", "shop"))
    assert check() == (1, ["teams/shop/w.yaml:4:16: 'team' is not allowed here: workflows in the folder of the team 'shop' run "
                           "only on its events"])
    file.write_text("targets: {mine: {connector: http}}\n")
    assert check() == (1, ["teams/shop/w.yaml:1:1: unknown key 'targets' in the folder of the team 'shop'; valid keys are workflows"])


def test_a_team_is_told(daemon, fakes, tmp_path):
    server = start(daemon, fakes, tmp_path, payments="""
workflows:
  tell:
    on: {source: flagger}
    steps: [{uses: team/notify, with: {body: {text: 'released ${{ .event.name }}'}}}]
""")
    event = server.post("/hooks/flagger/post-rollout", flagger_body(name="api", namespace="pay-api")).json["event"]
    run = server.wait_run(event, workflow="tell")
    sent = [r for r in fakes.state()["requests"] if "pager" in r["path"]]
    assert len(sent) == 1 and "released api" in json.dumps(sent), (run, sent)


def test_tables_and_calendars_in_expressions(daemon, fakes, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "services.yaml").write_text("podinfo: {owner: blue}\n")
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
data: {{services: {{file: services.yaml}}}}
calendars:
  always: {{windows: [{{days: mon-sun}}]}}
  never: {{windows: [{{from: 2001-01-01, to: 2001-01-02}}]}}
workflows:
  w:
    on: {{source: flagger}}
    if: '(.event.name as $n | $data.services[$n].owner == "blue") and in_window("always") and (in_window("never") | not)'
    steps:
      - uses: web/request
        with: {{method: PUT, path: '/${{{{ .data.services.podinfo.owner }}}}'}}
""", folder=tmp_path / "d")
    run = server.wait_run(server.post("/hooks/flagger/post-rollout", flagger_body(name="podinfo")).json["event"])
    assert run["state"] == "succeeded"
    assert [r["path"].split("/echo")[1] for r in fakes.state()["requests"]] == ["/blue"]
