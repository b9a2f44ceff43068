"""`postlude check` and `serve` before a broken configuration: each problem by its line, and what to write instead."""

import json
import os
import subprocess

import pytest
from daemon import ROOT, wait_until

OPEN = "sources: {a: {type: flagger, auth: {bearer: {env: T}}}}\n"
JIRA = OPEN + "targets: {jira: {connector: jira, url: 'https://j.example', auth: {bearer: {env: T}}}}\n"


def workflow(step, head=OPEN, condition=""):
    return head + f"workflows:\n  w:\n    on: {{source: a}}\n{condition}    steps: [{step}]\n"


WAIT = "{uses: wait, with: {for: 1s}}"
SECTIONS = "(access, calendars, clusters, connectors, data, evaluator, log, server, sources, store, targets, teams, workflows)"
SOURCE_KEYS = "(accept, auth, cluster, clusters, dedupe, maxBody, paths, rate, storm, type)"
HOOKS = "(post-rollout, event, confirm-rollout, pre-rollout, rollout, confirm-traffic-increase, confirm-promotion, rollback)"

BROKEN = {
    "an unknown section": (
        "sorces: {}\n", [f"1:1: unknown key 'sorces' in the configuration; did you mean 'sources'? {SECTIONS}"]),
    "an unknown key": (
        "sources: {f: {type: flagger, auth: none, dedup: {window: 1m}}}\n",
        ["1:36: warning: 'none': anybody who reaches this path may call it",
         f"1:42: unknown key 'dedup' in the source 'f'; did you mean 'dedupe'? {SOURCE_KEYS}"]),
    "a key twice": ("log: {level: info}\nlog: {level: warn}\n", ["2:1: duplicate key 'log'; the first is in line 1"]),
    "approvers that nobody is": (
        "access: {tokens: [{name: ops, role: operator, secret: {env: T}}, {name: eyes, role: viewer, secret: {env: T}}]}\n"
        + workflow("{uses: approval, with: {message: Go, approvers: [opz, eyes, 'team:pay', ops]}}"),
        ["6:62: 'approvers' names the token 'opz', which does not exist; did you mean 'ops'?",
         "6:67: 'approvers' names the token 'eyes', whose role is viewer: an approver needs the role operator or admin",
         "6:73: 'approvers' names the team 'pay', which does not exist; 'teams' has none"]),
    "approvers that are no names": (
        workflow("{uses: approval, with: {message: Go, approvers: []}}"),
        ["5:61: 'approvers' is a list of names of tokens, and of team:NAME"]),
    "a time where it means nothing": (
        workflow("{uses: approval, timeout: 1h, with: {message: Go}}"),
        ["5:30: 'timeout' of a step is about requests to a target, and approval makes none; how long it waits is "
         "`with: {timeout: 1h}`"]),
    "retries of a wait": (
        workflow("{uses: wait, retry: {for: 1h}, with: {for: 1s}}"),
        ["5:26: 'retry' of a step is about requests to a target, and wait makes none"]),
    "limits of no time": (
        workflow("{uses: http/request, timeout: 0s, with: {url: 'https://a.example'}}", condition="    timeout: 0s\n    maxAge: 0s\n"),
        ["5:14: 'timeout' is 0s, within which nothing can be done", "6:13: 'maxAge' is 0s, within which nothing can be done",
         "7:43: 'timeout' is 0s, within which nothing can be done"]),
    "a store in memory": (
        OPEN + "store: {url: 'sqlite::memory:'}\n",
        ["2:14: the store must be a file, so that it survives a restart: write sqlite:PATH"]),
    "an expression in a target's headers": (
        JIRA.replace("auth: {bearer: {env: T}}}}\n", "auth: {bearer: {env: T}}, headers: {X-A: '${{ .event.name }}'}}}\n", 2)
            .replace(", headers: {X-A: '${{ .event.name }}'}}}\n", "}}\n", 1),
        ["2:102: a target's headers are the same for all its requests: no expression is evaluated here; write it in a "
         "step's `with.headers`"]),
    "a merged map": (
        "x-a: &a {type: flagger}\nsources: {f: {<<: *a}}\n",
        ["2:15: '<<' (merging of maps) is not supported; write the keys out"]),
    "a comment that cuts a value short": (
        OPEN + "workflows:\n  w:\n    on: {source: a}\n    steps:\n      - name: Released #5 to prod\n        uses: wait\n        with: {for: 1s}\n",
        ["6:24: the comment '#5 to prod' cuts the value short, to 'Released': quote it, or put the comment on a line "
         "of its own"]),
    "a tab": ("sources:\n\tflagger: {}\n", ["2:1: a tab indents this line; use spaces"]),
    "no YAML": ("sources: {flagger: [}\n", ["1:21: '}' closes nothing; quote it if it is text"]),
    "a list": ("- a\n- b\n", ["1:1: the configuration is a list; expected a map"]),
    "nothing": ("\n", ["1:1: the configuration is empty"]),
    "no proof": (
        "sources: {flagger: {type: flagger}}\n",
        ["1:11: the source 'flagger' needs 'auth': a proof, a list of proofs, or none"]),
    "a secret in the open": (
        "sources: {f: {type: flagger, auth: {bearer: hunter2-hunter2}}}\n",
        ["1:45: a secret must not be written here: set 'bearer' to {env: NAME} or {file: path}"]),
    "a secret in a URL": (
        "targets: {x: {connector: http, url: 'https://u:hunter2@h/', auth: none}}\n",
        ["1:37: 'url' is 'https://***@h/'; expected a URL without user and password, which belong in `auth`"]),
    "an unknown hook": (
        "sources: {f: {type: flagger, auth: none, paths: {/x: post-rolout}}}\n",
        ["1:36: warning: 'none': anybody who reaches this path may call it",
         f"1:54: '/x' is 'post-rolout'; did you mean 'post-rollout'? {HOOKS}"]),
    "a path twice": (
        "sources:\n  a: {type: flagger, auth: {bearer: {env: T}}, paths: {/x: event}}\n"
        "  b: {type: flagger, auth: {bearer: {env: T}}, paths: {/x/: post-rollout}}\n",
        ["3:56: '/x' is already event of a (FILE:2:56)"]),
    "a path of our own": (
        "sources: {a: {type: flagger, auth: {bearer: {env: T}}, paths: {/healthz: event}}}\n",
        ["1:64: '/healthz' cannot be a path: this path is Postlude's own"]),
    "a proof that is not built": (
        "sources: {a: {type: flagger, auth: {mtls: {allow: [x]}}}}\n",
        ["1:37: 'mtls' is not built yet in this version of Postlude: remove it"]),
    "a section that is not built": (
        "gates: {}\n", ["1:1: 'gates' is not built yet in this version of Postlude: remove it"]),
    "a step that is not built": (
        workflow("{uses: gate/open}"), ["5:20: 'gate/open' is not built yet in this version of Postlude: remove the step"]),
    "a step that waits for nothing": (
        workflow("{uses: wait, with: {for: 1s}, expect: any}"),
        ["5:43: 'expect' belongs to an action that starts something and waits for it; wait does not. To wait for a job: "
         "a `callback` step, or an action that waits (`connectors show` says which do)"]),
    "a storm for all": (
        "storm: {events: 50, within: 5m, then: hold}\n",
        ["1:1: 'storm' cannot stand here: each source has its own, sources.NAME.storm"]),
    "a team that does not exist": (
        "access: {tokens: [{name: t, role: viewer, team: pay, secret: {env: T}}]}\nteams: {pays: {match: {namespace: a}}}\n",
        ["1:19: the token 't' is for the team 'pay', which does not exist; did you mean 'pays'?"]),
    "a table that does not exist": (
        "data: {services: {file: none.yaml}}\n", ["1:25: 'none.yaml' cannot be read: No such file or directory"]),
    "a folder that does not exist": (
        "teams: {pay: {match: {namespace: a}, folder: teams/pay}}\n",
        ["1:46: the folder 'teams/pay' of the team 'pay': cannot be read: No such file or directory"]),
    "a calendar without windows": (
        "calendars: {freeze: {timezone: UTC}}\n", ["1:13: the calendar 'freeze' needs 'windows'"]),
    "a store that is not built": (
        "store: {url: 'postgres://x/y'}\n",
        ["1:14: a PostgreSQL store is not built yet in this version of Postlude: write sqlite:PATH"]),
    "an unknown cluster": (
        "clusters: {prod: {}}\nsources: {a: {type: flagger, auth: {bearer: {env: T}}, cluster: prd}}\n",
        ["2:65: the source 'a' names the cluster 'prd', which 'clusters' does not have; did you mean 'prod'?"]),
    "an unknown target": (
        workflow("{uses: jra/release-version, with: {project: P, name: n}}", JIRA),
        ["6:13: the step uses 'jra/release-version', but there is no target 'jra'; did you mean 'jira'?"]),
    "an unknown action": (
        workflow("{uses: jira/relase-version, with: {project: P, name: n}}", JIRA),
        ["6:13: the connector jira has no action 'relase-version'; did you mean 'release-version'?"]),
    "two wrong inputs": (
        workflow("{uses: jira/release-version, with: {project: P, nam: n}}", JIRA),
        ["6:48: `with` needs `name`: jira/release-version requires it", "6:61: unknown field `nam`; did you mean `name`?"]),
    "an unknown field of the event": (
        workflow(WAIT, condition="    if: .event.relase == 1\n"), ["5:9: `.event` has no `relase`; did you mean `release`?"]),
    "an unknown field of the release": (
        workflow(WAIT, condition="    if: .event.release.version.nw == \"2\"\n"),
        ["5:9: `.event.release.version` has no `nw`; did you mean `new`?"]),
    "an unknown field of an image": (
        workflow("{uses: wait, with: {for: '${{ .event.release.images | map(.imge) | length }}s'}}"),
        ["5:71: `.event.release.images[]` has no `imge`; there are container digest new old"]),
    "half an expression": (
        workflow(WAIT, condition="    if: '.event.name =='\n"),
        ["5:10: `.event.name ==`: syntax error: the expression is not finished"]),
    "an unknown function": (
        workflow(WAIT, condition="    if: '.event.name | matchs(\"x\")'\n"),
        ["5:24: there is no function `matchs`; did you mean `match`?"]),
    "the environment": (
        workflow(WAIT, condition="    if: 'env.HOME == \"x\"'\n"),
        ["5:10: `env` is refused: expressions cannot see the environment; secrets stand in `auth` blocks"]),
    "an expression without its end": (
        workflow("{uses: wait, with: {for: '${{ .event.name'}}"), ["5:39: `${{` without its `}}`"]),
    "an id twice": (
        workflow("{id: one, uses: wait, with: {for: 1s}}, {id: one, uses: wait, with: {for: 1s}}"),
        ["5:53: two steps have the id 'one'; the first is at line 5"]),
    "no steps": (OPEN + "workflows: {w: {on: {source: a}, steps: []}}\n",
                 ["2:41: 'steps' has 0 entries; expected at least 1"]),
    "no duration": (
        "sources: {a: {type: flagger, auth: {bearer: {env: T}}, dedupe: {window: 60}}}\n",
        ["1:73: 'window': '60' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"]),
    "one port for two": (
        "server: {listen: '127.0.0.1:8080', admin: '127.0.0.1:8080'}\n",
        ["1:43: 'listen' is 127.0.0.1:8080 and 'admin' is 127.0.0.1:8080; expected two ports"]),
}


def run(binary, *arguments, folder=None, environment=None):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=folder,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration(binary, tmp_path, name):
    text, lines = BROKEN[name]
    file = tmp_path / "postlude.yaml"
    file.write_text(text)
    done = run(binary, "check", "postlude.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == ["postlude.yaml:" + line.replace("FILE", "postlude.yaml") for line in lines]
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize("name", ["an unknown key", "an unknown function", "an unknown action", "no YAML"])
def test_serve_refuses_it_with_the_same_words(binary, tmp_path, name):
    text, lines = BROKEN[name]
    (tmp_path / "postlude.yaml").write_text(text)
    done = run(binary, "serve", "--config", "postlude.yaml", folder=tmp_path)
    assert done.returncode == 1
    for line in lines:
        assert f"postlude.yaml:{line}" in done.stderr.splitlines()
    assert list(tmp_path.iterdir()) == [tmp_path / "postlude.yaml"] or name == "an unknown function", "nothing was made"


def test_warnings_do_not_fail(binary, tmp_path):
    file = tmp_path / "postlude.yaml"
    file.write_text("sources:\n  a: {type: flagger, auth: none}\n  b: {type: flagger, auth: {query: t, secret: {env: T}}}\n")
    done = run(binary, "check", "postlude.yaml", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "postlude.yaml:2:28: warning: 'none': anybody who reaches this path may call it",
        "postlude.yaml:3:29: warning: a secret in the query stands in logs, and Flagger prints it in errors; prefer basic",
        "ok: 2 sources, 0 targets, 0 workflows"]


def test_secrets(binary, tmp_path):
    (tmp_path / "present").write_text("s3cret-in-a-file\n")
    (tmp_path / "empty").write_text("\n")
    file = tmp_path / "postlude.yaml"
    file.write_text("""\
sources:
  a: {type: flagger, auth: [{bearer: {env: HERE}}, {bearer: {file: present}}]}
  b: {type: flagger, auth: {bearer: {env: MISSING_SOURCE}}}
targets:
  c: {connector: http, url: 'http://h', auth: {bearer: {file: missing}}}
access: {tokens: [{name: ops, role: viewer, secret: {env: MISSING_TOKEN}}]}
""")
    environment = {"HERE": "s3cret-in-the-environment"}
    assert run(binary, "check", "postlude.yaml", folder=tmp_path, environment=environment).returncode == 0
    done = run(binary, "check", "postlude.yaml", "--secrets", folder=tmp_path, environment=environment)
    assert done.returncode == 1
    found = [line for line in done.stdout.splitlines() if "warning" not in line]
    assert len(found) == 3, found
    assert any("source 'b'" in line and "MISSING_SOURCE" in line for line in found)
    assert any("target 'c'" in line and "missing" in line for line in found)
    assert any("token 'ops'" in line and "MISSING_TOKEN" in line for line in found)
    assert "s3cret" not in done.stdout + done.stderr
    more = {**environment, "MISSING_SOURCE": "x" * 9, "MISSING_TOKEN": "y" * 9}
    (tmp_path / "missing").write_text("z" * 9)
    assert run(binary, "check", "postlude.yaml", "--secrets", folder=tmp_path, environment=more).returncode == 0


def test_missing_secrets_do_not_keep_serve_from_starting(daemon, fakes):
    text = f"""
sources: {{a: {{type: flagger, auth: {{bearer: {{env: MISSING_1}}}}}}, b: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: {{bearer: {{env: MISSING_2}}}}}}}}
workflows: {{w: {{on: {{source: b}}, steps: [{{uses: web/request, with: {{method: PUT, path: /x}}}}]}}}}
"""
    server = daemon(text)
    body = b'{"name":"n","namespace":"s","phase":"Failed"}'
    for proof in ({"Authorization": "Bearer "}, {"Authorization": "Bearer x"}, {}):
        answer = server.post("/hooks/a/post-rollout", body, proof)
        assert answer.status == 503 and "cannot be read" in answer.json["detail"], "the caller is not to blame"
    wait_until(lambda: "MISSING_1" in server.log(), why="the warning")
    run_ = server.wait_run(server.post("/hooks/b/post-rollout", body).json["event"])
    assert run_["state"] == "failed" and "MISSING_2" in run_["steps"][0]["reason"]
    assert fakes.state()["requests"] == [], "nothing is sent without its secret"


def test_a_secret_that_is_no_url(daemon, binary, tmp_path, fakes):
    text = """
sources: {b: {type: flagger, auth: none}}
targets: {chat: {connector: slack, auth: {url: {env: CHAT}}}}
workflows: {w: {on: {source: b}, steps: [{uses: chat/webhook, with: {text: x}}]}}
"""
    (tmp_path / "chat.yaml").write_text(text)
    done = run(binary, "check", "chat.yaml", "--secrets", folder=tmp_path, environment={"CHAT": "hooks.slack.com/services/S3cret"})
    why = "target 'chat': the secret in env CHAT is no URL: a URL begins with https:// or http://"
    assert done.returncode == 1 and f"chat.yaml:3:17: {why}" in done.stdout and "S3cret" not in done.stdout, done.stdout
    server = daemon(text, environment={"CHAT": "hooks.slack.com/services/S3cret"})
    run_ = server.wait_run(server.post("/hooks/b/post-rollout", b'{"name":"n","namespace":"s","phase":"Failed"}').json["event"])
    assert run_["state"] == "failed" and run_["steps"][0]["reason"] == why, run_["steps"][0]["reason"]


def test_a_token_whose_secret_is_missing_is_told(daemon):
    server = daemon("sources: {b: {type: flagger, auth: none}}\n"
                    "access: {tokens: [{name: ops, role: viewer, secret: {env: NO_SUCH}}]}\n")
    line, = [x for x in server.log().splitlines() if "nobody can use this token until its secret can be read" in x]
    assert "level=warn" in line and "token=ops" in line and "NO_SUCH" in line, line
    refused = server.get("/api/v1/runs", {"Authorization": "Bearer x"})
    assert refused.status == 503 and "the secrets of 1 of these 1 cannot be read" in refused.json["detail"], refused.json
    server.write_config("sources: {b: {type: flagger, auth: none}}\n"
                        "access: {tokens: [{name: dev, role: viewer, secret: {env: NOR_THIS}}]}\n")
    wait_until(lambda: "token=dev" in server.log(), why="the warning after a reload")


def test_connectors_show_http(binary, tmp_path):
    text = run(binary, "connectors", "show", "http", folder=tmp_path).stdout
    for line in ("  with.method: GET, HEAD, POST, PUT, PATCH or DELETE; no expression (text; default: GET)",
                 "  effects: GET read, HEAD read, POST none (key with idempotencyHeader), PUT state, "
                 "PATCH none (key with idempotencyHeader), DELETE state", "  outputs: status, headers, body"):
        assert line in text.splitlines(), text
    shown = json.loads(run(binary, "connectors", "show", "http", "-o", "json", folder=tmp_path).stdout)["actions"][0]
    assert shown["input"]["properties"]["method"]["default"] == "GET" and "PUT state" in shown["effects"]


# -- files and folders

def test_a_folder_and_layers(binary, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.yaml").write_text(OPEN)
    (folder / "b.yml").write_text("targets: {web: {connector: http, url: 'http://h', auth: none}}\n")
    (folder / "c.test.yaml").write_text("tests: []\n")
    (folder / ".hidden.yaml").write_text("nonsense: [\n")
    (folder / "notes.txt").write_text("nonsense: [\n")
    done = run(binary, "check", "folder", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ok: 1 sources, 1 targets, 0 workflows\n")
    (folder / "z.yaml").write_text("targets: {web: {connector: http, url: 'http://other', auth: none}}\n")
    done = run(binary, "check", "folder", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "folder/z.yaml:1:11: 'web' in 'targets' is also in folder/b.yml:1:11: a name may be in only one file of a folder\n"
    (folder / "z.yaml").unlink()
    (tmp_path / "over.yaml").write_text("targets: {web: {url: 'not a url'}}\n")
    done = run(binary, "check", "folder", "over.yaml", folder=tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("over.yaml:1:22: 'url' is 'not a url'")


def test_a_mounted_config_map_is_read_once(binary, tmp_path):
    """Kubernetes: the file is a link to ..data/NAME, and ..data is a link to a dated folder."""
    dated = tmp_path / "mounted" / "..2026_11_22"
    dated.mkdir(parents=True)
    (dated / "postlude.yaml").write_text(OPEN)
    (tmp_path / "mounted" / "..data").symlink_to("..2026_11_22")
    (tmp_path / "mounted" / "postlude.yaml").symlink_to("..data/postlude.yaml")
    done = run(binary, "check", "mounted", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ok: 1 sources, 0 targets, 0 workflows\n")


def test_text_stays_text(daemon, fakes):
    """Where text is wanted, `1.10`, `no` and `on` are the text that was written; a key `true` of a workflow is `on`."""
    server = daemon(f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{slack: {{connector: slack, url: '{fakes.url}/api', auth: {{bearer: {{env: T}}}}}}}}
workflows:
  no:
    true: {{source: flagger, metadata: {{version: [no, on, 1.10]}}}}
    steps:
      - {{uses: slack/message, with: {{channel: '#releases', text: 1.10}}}}
      - {{uses: slack/message, with: {{channel: '#releases', text: no}}}}
""", environment={"T": "t0ken-t0ken"})
    for version in ("no", "on", "1.10"):
        body = {"name": "n", "namespace": "s", "phase": "Failed", "metadata": {"version": version}}
        answer = server.post("/hooks/flagger/post-rollout", json.dumps(body).encode())
        assert server.wait_run(answer.json["event"])["workflow"] == "no"
    assert [m["text"] for m in fakes.state()["slack"]["messages"]] == ["1.10", "no"] * 3


def test_every_example_passes_check(binary):
    folders = [path for path in (ROOT / "examples").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        done = run(binary, "check", folder)
        assert done.returncode == 0 and "warning" not in done.stdout, done.stdout
