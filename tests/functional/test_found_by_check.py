"""What `postlude check` finds in one round, and what it lets pass; values of the environment; proxies."""

import contextlib
import http.server
import os
import subprocess
import threading

import pytest

HEAD = """\
sources: {a: {type: flagger, auth: {bearer: {env: T}}}}
targets:
  ci: {connector: http, url: 'https://ci.example', auth: {bearer: {env: T}}}
  jira: {connector: jira, url: 'https://j.example', auth: {bearer: {env: T}}}
"""


def check(binary, folder, text, *arguments, environment=None):
    (folder / "p.yaml").write_text(text)
    done = subprocess.run([binary, "check", "p.yaml", *arguments], capture_output=True, text=True, timeout=60, cwd=folder,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    assert done.stderr == ""
    return done.returncode, done.stdout


def workflow(steps, on="{source: a, phase: Succeeded}", more=""):
    return HEAD + f"workflows:\n  w:\n    on: {on}\n{more}    steps:\n" + "".join(f"    - {step}\n" for step in steps)


VERSION = "{id: v, uses: jira/release-version, with: {project: P, name: x}}"
PUT = "{uses: ci/request, with: {method: PUT, path: '/x', body: {a: '%s'}}}"

# What is an error, and words of its message.
ERRORS = {
    "an output that the action does not have": (
        workflow([VERSION, PUT % "${{ .steps.v.outputs.nam }}"]), "`.steps.v.outputs` has no `nam`; did you mean `name`?"),
    "the same in a condition": (
        workflow([VERSION, "{uses: wait, if: $steps.v.outputs.nam == null, with: {for: 1s}}"]), "has no `nam`"),
    "the same in finally": (
        workflow([VERSION]) + "    finally: [{uses: wait, if: .steps.v.outputs.nam == null, with: {for: 1s}}]\n", "has no `nam`"),
    "the same in an http/request": (
        workflow(["{id: r, uses: ci/request, with: {path: /x}}", PUT % "${{ .steps.r.outputs.bdy }}"]),
        "has no `bdy`; did you mean `body`?"),
    "outputs of a list": (
        workflow(["{id: r, uses: ci/request, forEach: '[1]', with: {path: /x}}", PUT % "${{ .steps.r.outputs.body }}"]),
        "`.steps.r.outputs` is a list"),
    "an element that lacks it": (
        workflow(["{uses: ci/request, forEach: [{name: a}, {name: b}], with: {path: '/${{ .item.nme }}'}}"]),
        "`.item` has no `nme`; did you mean `name`?"),
    "a variable that is not there": (
        workflow([PUT % "${{ .vars.ownr }}"], more="    vars: {owner: x}\n"), "`.vars` has no `ownr`; did you mean `owner`?"),
    "a sum that fails": (workflow([PUT % "${{ 1 + \"a\" }}"]), "fails each time: "),
    "no number": (workflow(["{uses: ci/request, with: {path: '/${{ \"x\" | tonumber }}'}}"]), "fails each time: "),
    "a constant that fails in vars": (workflow([VERSION], more="    vars: {x: '${{ [1] | keys | .name }}'}\n".replace(" | .name", "[\"a\"]")),
                                      "fails each time: "),
    "a condition that is text": (workflow([VERSION], more="    if: '\"a\" + \"b\"'\n"), "is always \"ab\"; expected true or false"),
    "a condition of a step that is a number": (workflow(["{uses: wait, if: 1 + 1, with: {for: 1s}}"]), "is always 2; expected true or false"),
    "what is asserted is null": (workflow(["{uses: assert, with: {that: 'null // null'}}"]), "is always null; expected true or false"),
    "success is a list": (workflow(["{uses: ci/request, with: {path: /x, success: '[1] + [2]'}}"]), "is always [1,2]; expected true or false"),
    "a list that is none": (workflow(["{uses: ci/request, forEach: 1 + 1, with: {path: /x}}"]), "is always 2; expected a list"),
    "a queue's key that is null": (workflow([VERSION], more="    concurrency: {key: 'null'}\n"), "is always null"),
    "an approval without time": (workflow(["{uses: approval, with: {timeout: 0s}}"]), "within which nobody can answer"),
    "a target's own length": (HEAD.replace("ci: {", "ci: {headers: {Content-Length: '5'}, "), "`Content-Length` is the connection's own"),
    "a target's own host": (HEAD.replace("ci: {", "ci: {headers: {Host: x}, "), "`Host` is the connection's own"),
    "answers of no size": (HEAD.replace("ci: {", "ci: {maxResponse: 0, "), "`maxResponse` must be more than nothing"),
    "a table that is not there": (workflow([PUT % "${{ $data.services }}"]), "`$data` has no `services`"),
    "metadata and a number": (workflow([VERSION], more="    if: .event.metadata.n == 5\n"), "is always text"),
    "metadata and true": (
        workflow([VERSION], more="    if: .event.name == \"a\" and true == .event.metadata.x\n"), "is always text"),
    "an assignment in if": (workflow([VERSION], more="    if: .event.name = \"a\"\n"), "`=` assigns"),
    "an assignment in that": (workflow(["{uses: assert, with: {that: .event.name = \"a\"}}"]), "`=` assigns"),
    "an assignment in success": (
        workflow(["{uses: ci/request, with: {path: /x, success: .response.status = 200}}"]), "`=` assigns"),
    "braces in if": (workflow([VERSION], more="    if: '{{ .event.name }}'\n"), "without `{{ }}`"),
    "a dash": (workflow([VERSION], more="    if: .event.metadata.min-length == \"1\"\n"), '.event.metadata["min-length"]'),
    "forEach over a number": (workflow(["{uses: ci/request, forEach: 5, with: {path: /x}}"]), "expected a list"),
    "another host": (
        workflow(["{uses: ci/request, with: {url: 'https://other.example/x'}}"]), "is not on the target's host https://ci.example"),
    "a slip in a phase": (workflow([VERSION], "{source: a, phase: succeeded}"), "did you mean 'Succeeded'?"),
    "a phase that post-rollout never has": (workflow([VERSION], "{source: a, phase: Progressing}"), "`hook: event`"),
    "a slip in a hook": (workflow([VERSION], "{source: a, hook: post-rollouts}"), "did you mean 'post-rollout'?"),
    "a namespace that is no name": (workflow([VERSION], "{source: a, phase: Succeeded, namespace: 'Prod-*'}"), "did you mean 'prod-*'?"),
    "a canary's name that is none": (workflow([VERSION], "{source: a, phase: Succeeded, name: [ok, a_b]}"), "no canary matches 'a_b'"),
    "a list that excludes all": (
        workflow([VERSION], "{source: a, phase: Succeeded, namespace: [prod, '!prod']}"), "excludes everything that it includes"),
    "accept with a slip": (
        workflow([VERSION]).replace("type: flagger,", "type: flagger, accept: {post-rollout: {phase: [succeeded]}},"),
        "did you mean 'Succeeded'?"),
    "a connector of later": (HEAD + "  base: {connector: cdevents, url: 'http://h'}\n", "not built yet in this version"),
    "no event of the hook has it": (
        workflow([VERSION], "{source: a, hook: pre-rollout, outcome: promoted}"), "the events of pre-rollout have no `outcome`"),
    "none of our own events has it": (
        workflow([VERSION], "{source: postlude, phase: Failed}"), "have no `phase`, so that this pattern matches none"),
    "our own events of targets have no namespace": (
        workflow([VERSION], "{source: postlude, hook: target-down, namespace: prod}"), "the events of target-down have no `namespace`"),
    "an outcome that its phase never has": (
        workflow([VERSION], "{source: a, phase: Failed, outcome: promoted}"), "Failed is failed"),
    "a phase that Flagger does not know, at the end": (workflow([VERSION], "{source: a, phase: Done}"), "`hook: event`"),
    "a namespace with a dot": (workflow([VERSION], "{source: a, phase: Succeeded, namespace: a.b}"), "digits and '-', never '.'"),
    "a namespace that is too long": (workflow([VERSION], "{source: a, phase: Succeeded, namespace: %s}" % ("a" * 64)), "more than 63 characters"),
    "a name that ends with a dot": (workflow([VERSION], "{source: a, phase: Succeeded, name: 'a.'}"), "never a '.' at its beginning or end"),
    "a name with an empty label": (workflow([VERSION], "{source: a, phase: Succeeded, name: 'a..b'}"), "never '..'"),
    "an expression in a pattern": (
        workflow([VERSION], "{source: a, phase: Succeeded, metadata: {k: '${{ .event.name }}'}}"), "a pattern takes globs, not expressions"),
    "an expression as a hook": (workflow([VERSION], "{source: a, hook: '${{ .event.name }}'}"), "a pattern takes globs, not expressions"),
    "an item without forEach": (workflow([PUT % "${{ .item }}"]), "`.item` exists only in a step with `forEach`, and this one has none"),
    "an item in a condition without forEach": (
        workflow(["{uses: wait, if: .item == 1, with: {for: 1s}}"]), "`.item` exists only in a step with `forEach`"),
    "an item in forEach itself": (
        workflow(["{uses: ci/request, forEach: .item.list, with: {path: /x}}"]), "does not exist in `forEach` itself"),
    "an index": (workflow([PUT % "${{ .index }}"]), "a step with `forEach` has `.item`"),
    "a failure in steps": (workflow([PUT % "${{ .failure.reason }}"]), "`.failure` exists only in the steps of `onFailure` and `finally`"),
    "an announcement's step elsewhere": (
        workflow([PUT % "${{ .step.links.open }}"]), "`.step` exists only in an announcement (`announce`)"),
    "the run's id before there is one": (
        workflow([VERSION], more="    if: .run.id == \"x\"\n"), "`.run.id` does not exist yet"),
    "the run's URL in vars": (
        workflow([PUT % "${{ .vars.u }}"], more="    vars: {u: '${{ .run.url }}'}\n"), "`.run.url` does not exist yet"),
    "steps before the first": (workflow([PUT % "${{ .steps | length }}"]), "no step before this one has an `id`"),
    "steps in if": (workflow([VERSION], more="    if: .steps.v.state == \"x\"\n"), "no step has run yet"),
    "vars in if": (workflow([VERSION], more="    vars: {a: x}\n    if: .vars.a == \"x\"\n"), "`.vars` is there in steps"),
    "a connector's names": (workflow([PUT % "${{ .with.name }}"]), "`.with` stands in connector files"),
    "a connector's requests": (workflow([PUT % "${{ .requests.x.response }}"]), "`.requests` stands in connector files"),
    "an answer before there is one": (workflow([PUT % "${{ .response.status }}"]), "what an earlier step got is `.steps.ID.outputs`"),
    "a secret": (workflow([PUT % "${{ .secrets.token }}"]), "expressions cannot see secrets"),
    "a path without a target": (
        workflow(["{uses: http/request, with: {path: /x}}"]), "`uses: http/request` names no target, and so no URL"),
    "a path on a target without URL": (
        workflow(["{uses: bare/request, with: {path: /x}}"]).replace("  ci:", "  bare: {connector: http}\n  ci:"),
        "the target 'bare' has no `url`: set its `url`"),
    "credentials without a host": (
        workflow(["{uses: bare/request, with: {url: 'https://h/x'}}"]).replace("  ci:", "  bare: {connector: http, auth: {bearer: {env: T}}}\n  ci:"),
        "its credentials are sent only to its own host"),
    "a host that the sender decides": (
        workflow(["{uses: http/request, with: {url: 'https://${{ .event.name }}/x'}}"]), "so that no sender decides"),
    "a URL that is a path": (workflow(["{uses: ci/request, with: {url: /x}}"]), "use `path` for a path below the target's URL"),
    "a phase in other letters": (
        workflow(["{uses: wait, if: '.event.phase == \"succeeded\"', with: {for: 1s}}"]),
        "`.event.phase` is never \"succeeded\"; did you mean 'Succeeded'?"),
    "a URL without a scheme": (workflow(["{uses: ci/request, with: {url: ci.example/x}}"]), "`url` must be a complete URL"),
    "forEach over text of the event": (
        workflow(["{uses: ci/request, forEach: .event.metadata.names, with: {path: /x}}"]), '.event.metadata.names | split(",")'),
    "forEach over a map": (workflow(["{uses: ci/request, forEach: .event.metadata, with: {path: /x}}"]), "| to_entries"),
    "a condition that is a number": (workflow(["{uses: wait, if: 5, with: {for: 1s}}"]), "`5` is a number; expected true or false"),
    "an assertion of text": (workflow(["{uses: assert, with: {that: .event.name}}"]), "compare it, as in"),
    "success that is a status": (
        workflow(["{uses: ci/request, with: {path: /x, success: .response.status}}"]), "`.response.status == 200`"),
    "a query that is a list": (workflow(["{uses: ci/request, with: {path: /x, query: [a]}}"]), "`query` is a map of names to values"),
    "headers in text": (workflow(["{uses: ci/request, with: {path: /x, headers: 'a: b'}}"]), "`headers` is a map of names to values"),
    "a header that is a map": (
        workflow(["{uses: ci/request, with: {path: /x, headers: {X-A: {env: TOKEN}}}}"]), "`{env: NAME}` is not read in a workflow"),
    "a method that is computed": (
        workflow(["{uses: ci/request, with: {method: '${{ .event.name }}', path: /x}}"]), "`method` cannot be an expression"),
    "a method that is a list": (workflow(["{uses: ci/request, with: {method: [PUT], path: /x}}"]), "`method` is a list; expected one of GET"),
    "no method": (workflow(["{uses: ci/request, with: {method: , path: /x}}"]), "`method` is empty; expected one of GET"),
    "a key's header that is computed": (
        workflow(["{uses: ci/request, with: {method: PUT, idempotencyHeader: '${{ 1 }}', path: /x}}"]), "cannot be the name of a header"),
    "sources, misspelt": (workflow([VERSION]).replace("sources:", "sourcs:"), "did you mean 'sources'?"),
    "targets, misspelt": (workflow([VERSION]).replace("targets:", "target:"), "did you mean 'targets'?"),
    "a connector, misspelt": (
        workflow([VERSION, PUT % "${{ .steps.v.outputs.name }}"]).replace("connector: jira", "connector: jria"), "did you mean 'jira'?"),
    "a value of the environment as input": (
        workflow(["{uses: jira/release-version, with: {project: {env: P}, name: x}}"]), "expected text: `{env: NAME}` is not read in a workflow"),
    "a value of the environment as a message": (
        workflow(["{uses: approval, with: {message: {env: P}}}"]), "'message' is text: `{env: NAME}` is not read in a workflow"),
    "a value of the environment as credentials": (
        workflow(["{uses: ci/request, with: {path: /x, headers: {Authorization: {env: TOKEN}}}}"]), "credentials belong in the target's `auth`"),
    "a part of a path that leads up": (workflow(["{uses: ci/request, with: {path: /a/../b}}"]), "may not hold `.` or `..`"),
    "a blank in a path": (workflow(["{uses: ci/request, with: {path: '/a b/${{ .event.name }}'}}"]), "as a blank is %20"),
    "several phases in one word": (
        workflow([VERSION], "{source: a, phase: 'Succeeded|Failed'}"), "several are written as a list"),
    "a state that no step has": (
        workflow([VERSION, "{uses: wait, if: .steps.v.state == \"success\", with: {for: 1s}}"]), '`.steps.v.state` is never "success"'),
    "a status in quotes": (
        workflow(["{uses: ci/request, with: {path: /x, success: '.response.status == \"200\"'}}"]), "leave the quotes out"),
    "success in onFailure": (
        workflow([VERSION]) + "    onFailure: [{uses: wait, if: success, with: {for: 1s}}]\n", "`success` is never true here"),
    "failure in the first step": (workflow(["{uses: wait, if: failure(), with: {for: 1s}}"]), "no step comes before this one"),
    "failure before the run": (workflow([VERSION], more="    if: failure()\n"), "no step has run yet"),
    "outputs of a wait": (
        workflow(["{id: x, uses: wait, with: {for: 1s}}", PUT % "${{ .steps.x.outputs.a }}"]), "has no `a`; it has nothing"),
    "a step's id with a dash": (workflow([VERSION, PUT % "${{ .steps.my-step.outputs.x }}"]), "no earlier step has the id `my`"),
    "values of set": (workflow(["{id: s, uses: set, with: {a: 1}}"]), "set needs `with: {values: {NAME: VALUE}}`"),
    "a target's URL without a scheme": (workflow([VERSION]).replace("https://j.example", "j.example"), "'url' is 'j.example'"),
    "a kind of auth that there is not": (
        workflow([VERSION]).replace("j.example', auth: {bearer", "j.example', auth: {token"), "unknown key 'token' in 'auth'"),
    "a target's URL without a scheme, of a step": (
        workflow(["{uses: ci/request, with: {path: /x}}"] * 3).replace("https://ci.example", "ci.example/api"), "'url' is 'ci.example/api'"),
    "a target's URL with a password": (
        workflow(["{uses: ci/request, with: {path: /x}}"] * 3).replace("https://ci.example", "https://u:hunter2@ci.example"),
        "a URL without user and password"),
    "a token's role, and who may approve": (
        "access: {tokens: [{name: ops, role: admins, secret: {env: T}}]}\n" + workflow(["{uses: approval, with: {message: Go, approvers: [ops]}}"]),
        "did you mean 'admin'?"),
    "the state of a run, misspelt": (
        workflow([VERSION, "{uses: wait, if: failed, with: {for: 1s}}"]), "there is no function `failed`; did you mean `failure`?"),
    "a secret without its dot": (workflow([PUT % "${{ secrets.token }}"]), "expressions cannot see secrets"),
    "a workflow's key in a step": (
        workflow([VERSION, "{uses: wait, finally: [], with: {for: 1s}}"]), "it belongs to the workflow, beside `steps`"),
    "a step's key in a workflow": (workflow([VERSION], more="    retry: {attempts: 2}\n"), "it belongs to a step"),
    "a path and its hook, swapped": (
        workflow([VERSION]).replace("type: flagger,", "type: flagger, paths: {post-rollout: /jira-update},"),
        "swap them, /jira-update: post-rollout"),
    "an expression that ends with one brace": (workflow([PUT % "${{ .event.name }"]), "`${{` ends with `}}`"),
    "a graph": (
        workflow(["{id: a, uses: wait, needs: [], with: {for: 1s}}", VERSION, PUT % "${{ .steps.v.outputs.name }}"]),
        "some step of this workflow has `needs`"),
}

WARNINGS = {
    "a body that is JSON in text": (
        workflow(["{uses: ci/request, with: {method: PUT, path: /x, body: '{\"a\": \"${{ .event.name }}\"}'}}"]), "JSON in text"),
    "a body that is encoded twice": (
        workflow(["{uses: ci/request, with: {method: PUT, path: /x, body: '${{ .event | tojson }}'}}"]), "leave out `tojson`"),
    "braces without a dollar": (workflow([PUT % "Released {{ .event.name }}"]), "`{{ .event.name }}` is sent as it stands"),
    "a shell's braces": (workflow([PUT % "/x/${event.name}"]), "`${event.name}` is sent as it stands"),
    "what is always null": (workflow([PUT % "${{ .event.release.version.new }}"]), "`.event.release` is null in every event"),
    "a wait longer than its run": (
        workflow(["{uses: wait, with: {for: 2h}}"], more="    timeout: 1h\n"), "the run's `timeout` ends it after 1h"),
    "a retry longer than its run": (
        workflow(["{uses: ci/request, retry: {for: 3h}, with: {path: /x}}"], more="    timeout: 2h\n"), "'retry.for' is 3h"),
    "a kind, which only a cluster tells": (workflow([VERSION], "{source: a, phase: Succeeded, kind: forward}"), "no event has a `kind`"),
    "a phase that Flagger does not know": (workflow([VERSION], "{source: a, hook: event, phase: Done}"), "no phase of Flagger's"),
    "an expression without its braces": (
        workflow([PUT % ".event.name"]), "`.event.name` is text here, and stays as it is written: as an expression it is `${{ .event.name }}`"),
    "the same in vars": (workflow([PUT % "${{ .vars.a }}"], more="    vars: {a: .event.name}\n"), "is text here"),
    "the same in an input": (workflow(["{uses: jira/release-version, with: {project: P, name: $event.name}}"]), "is text here"),
    "the same in a message": (workflow(["{uses: approval, with: {message: .event.name}}"]), "is text here"),
    "the same in a list": (
        workflow(["{uses: ci/request, forEach: [.event.name], with: {path: '/${{ .item | @uri }}'}}"]), "is text here"),
    "an expression in a step's name": (
        workflow(["{name: 'to ${{ .event.name }}', uses: wait, with: {for: 1s}}"]), "expressions in it are not evaluated"),
    "a path in a step's name": (workflow(["{name: .event.name, uses: wait, with: {for: 1s}}"]), "'name' is shown as written"),
    "a time in the past": (workflow(["{uses: wait, with: {until: '2020-01-01T00:00:00Z'}}"]), "in the past: the step does not wait"),
    "an outcome that only the cluster tells": (
        workflow(["{uses: wait, if: '.event.outcome == \"rolledBack\"', with: {for: 1s}}"]), "`.event.outcome` is never \"rolledBack\""),
    "a failure that there may not be": (
        workflow([VERSION]) + "    finally: [{uses: ci/request, with: {method: PUT, path: /x, body: '${{ .failure.reason }}'}}]\n",
        "`.failure` is null if no step has failed"),
    "a value of the environment in a body": (
        workflow(["{uses: ci/request, with: {method: PUT, path: /x, body: {a: {env: TOKEN}}}}"]), "`{env: NAME}` is not read in a workflow"),
    "onUnclear where nothing stays unclear": (
        workflow(["{uses: ci/request, onUnclear: hold, with: {method: PUT, path: /x}}"]), "`onUnclear` is for requests of effect none"),
    "the same of a request that reads": (
        workflow(["{uses: ci/request, onUnclear: fail, with: {path: /x}}"]), "`onUnclear` is for requests of effect none"),
    "a secret in a target's headers": (
        HEAD.replace("https://ci.example',", "https://ci.example', headers: {X-Api-Key: abcdef123456},"), "`auth: {header: X-Api-Key, secret: {env: NAME}}`"),
    "a secret in a step's headers": (
        workflow(["{uses: ci/request, with: {path: /x, headers: {X-Auth-Token: abcdef123456}}}"]), "`auth: {header: X-Auth-Token,"),
    "an incoming webhook with a bot's token": (
        HEAD + "  chat: {connector: slack, url: 'https://hooks.slack.com/services/T0/B0', auth: {bearer: {env: T}}}\n", "write `auth: {url: {env: NAME}}`"),
    "Slack's URL without its API": (
        HEAD + "  chat: {connector: slack, url: 'https://slack.com', auth: {bearer: {env: T}}}\n", "leave `url` out"),
    "a webhook's action with a bot's token": (
        workflow(["{uses: chat/webhook, with: {text: x}}"]).replace("  ci:", "  chat: {connector: slack, auth: {bearer: {env: T}}}\n  ci:"), "use chat/message"),
    "a channel's action with a webhook": (
        workflow(["{uses: chat/message, with: {channel: '#a', text: x}}"]).replace("  ci:", "  chat: {connector: slack, auth: {url: {env: T}}}\n  ci:"),
        "use chat/webhook"),
    "Jira's URL with the path of its API": (HEAD.replace("https://j.example", "https://j.example/base/rest/api/2"), "write https://j.example/base"),
    "Jira Cloud with a token alone": (HEAD.replace("https://j.example", "https://acme.atlassian.net"), "`auth: {basic: {username: EMAIL,"),
    "rollouts that failed": (workflow([VERSION], "{source: a}"), "p.yaml:7:9: warning: this pattern matches rollouts that failed as well"),
    "the same with its hook": (workflow([VERSION], "[{source: a, hook: 'post-*', namespace: prod}]"), "add `phase: Succeeded`"),
    "the same of a source that accepts both": (
        workflow([VERSION], "{source: '*'}").replace("type: flagger,", "type: flagger, accept: {post-rollout: {phase: '*'}},"),
        "add `phase: Succeeded`"),
    "a query that one expression puts together": (
        workflow(["{uses: jira/find-issues, with: {jql: '${{ \"project = \" + .event.metadata.p }}'}}"]), "nothing in it is escaped"),
    "a secret over plain http": (HEAD.replace("https://ci", "http://ci"), "unencrypted to ci.example"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_it_is_an_error(binary, tmp_path, name):
    text, words = ERRORS[name]
    code, out = check(binary, tmp_path, text)
    assert code == 1 and words in out, out
    assert len(out.splitlines()) == 1, f"one mistake, one line: {out}"


@pytest.mark.parametrize("name", WARNINGS)
def test_it_is_a_warning(binary, tmp_path, name):
    text, words = WARNINGS[name]
    code, out = check(binary, tmp_path, text)
    assert code == 0 and words in out, out
    assert out.count("warning:") == 1, f"one mistake, one line: {out}"


def test_constants_that_are_right_or_fail_on_purpose(binary, tmp_path):
    steps = ["{uses: wait, if: '\"a\" == \"a\"', with: {for: 1s}}", "{uses: assert, with: {that: '1 + 1 == 2'}}",
             PUT % "${{ \"5\" | tonumber }} ${{ [1, 2] | join(\",\") }} ${{ now | todate }} ${{ length }} ${{ keys | length }}",
             "{uses: ci/request, forEach: '[1] + [2]', with: {path: /x}}",
             "{uses: ci/request, if: failure, with: {path: '/${{ error(1) }}'}}"]
    code, out = check(binary, tmp_path, workflow(steps, more="    concurrency: {key: '\"all\" + \"\"'}\n"))
    assert (code, out) == (0, "ok: 1 sources, 2 targets, 1 workflows\n")


def test_nothing_is_said_of_what_is_right(binary, tmp_path):
    steps = [VERSION, PUT % "${{ .steps.v.outputs.name }} $${{ {{code}} ${{ .event.release.id // \"-\" }}",
             "{id: all, uses: ci/request, forEach: [{name: a}, {name: b}], with: {path: '/${{ .item.name }}'}}",
             "{uses: ci/request, forEach: .steps.all.outputs, with: {path: '/${{ .item.status }}'}}",
             "{uses: approval, with: {message: Go, timeout: 3d}}",
             "{uses: ci/request, with: {method: PUT, path: /x, text: '{\"a\": 1}', success: .response.status == 200}}"]
    steps += [
        "{uses: http/request, with: {url: 'https://other.example/${{ .event.name }}'}}",
        "{uses: approval, with: {message: Go}, announce: {uses: ci/request, with: {method: PUT, path: /x, body: '${{ .step.title }}'}}}",
        "{uses: ci/request, if: failure, with: {method: PUT, path: /x, body: '${{ .failure.reason }} ${{ .item // 1 }}'}}",
        "{uses: ci/request, with: {method: PUT, path: /x, body: {env: production, a: see .event.name, b: ./.event}}}",
        "{uses: ci/request, with: {path: /x, query: {a: [1, 2]}, headers: '${{ .event.metadata }}'}}",
        "{uses: ci/request, onUnclear: hold, with: {method: POST, path: /x, idempotencyHeader: Key}}",
        "{uses: ci/request, onUnclear: hold, with: {method: POST, path: /x, headers: {X-Atlassian-Token: no-check, Key: '${{ .event.id }}'}}}"]
    on = "{source: a, phase: [Succeeded, '!Failed'], namespace: ['!kube-*'], hook: '*', outcome: promoted, name: 'a.b-*'}"
    on = f"[{on}, {{source: postlude, name: My_Target}}, {{source: postlude, hook: run-failed, namespace: prod}}]"
    after = """\
    onFailure: [{uses: ci/request, with: {method: PUT, path: /x, body: '${{ .failure.reason }}'}}]
    finally:
    - {uses: ci/request, if: failure, with: {method: PUT, path: /x, body: '${{ .failure.reason }}'}}
    - {uses: ci/request, with: {method: PUT, path: /x, body: '${{ .failure.reason // "none" }}'}}
"""
    code, out = check(binary, tmp_path, workflow(steps, on, "    vars: {n: '${{ .event.metadata.n | tonumber }}'}\n") + after)
    assert (code, out) == (0, "ok: 1 sources, 2 targets, 1 workflows\n")


def test_all_is_said_in_one_round(binary, tmp_path):
    """A mistake in each stage of reading, each once, and nothing that only follows from another."""
    code, out = check(binary, tmp_path, """\
log: {level: loud}
server: {listen: 'nowhere'}
calendars: {freeze: {windows: [{days: [fri], from: '18:00', too: '24:00'}]}}
data: {services: {file: missing.yaml}}
teams: {pay: {match: {}}}
sources:
  a: {type: flagger, auth: {bearer: {env: NOT_SET}}}
  b: {type: flagger, auth: none, cluster: nowhere}
targets:
  ci: {connector: htttp, url: 'https://u:hunter2@ci.example', auth: {bearer: hunter2}}
  jira: {connector: jira, url: 'https://j.example', auth: {bearer: {env: NOT_SET}}, colour: red}
workflows:
  one:
    on: {source: a, phase: succeeded}
    if: .evnt.name == "a"
    steps:
    - {id: v, usess: jira/release-version, with: {project: P, name: x}}
    - {id: x, uses: ci/request, with: {path: /x}}
    - {uses: jira/release-version, with: {projct: P, name: '${{ .steps.v.outputs.id }} ${{ .event.name | nonsense }}'}}
    - {uses: wait, if: 'in_window("freeze") and $data.services == null', with: {calendar: freeze}}
  two:
    on: {source: nobody, team: pay}
    steps: [{uses: wait, with: {for: soon}}]
""", "--secrets")
    assert code == 1
    assert "hunter2" not in out
    lines = out.splitlines()
    for line, words in {
            1: "'level' is 'loud'", 2: "'listen' is 'nowhere'", 3: "unknown key 'too'", 4: "missing.yaml",
            5: "needs 'namespace'", 7: "NOT_SET", 8: "cluster 'nowhere'", 10: "a secret must not be written here",
            11: "unknown key 'colour'", 14: "did you mean 'Succeeded'?", 15: "`.evnt` is not known",
            17: "unknown key 'usess'", 19: "projct", 21: "source 'nobody'", 23: "soon"}.items():
        assert any(one.startswith(f"p.yaml:{line}:") and words in one for one in lines), f"line {line}: {out}"
    assert any("credentials" in one or "user and password" in one for one in lines), out
    assert any("nonsense" in one for one in lines), out
    for noise in ("no calendar", "no target", "no earlier step", "no team", "`$data` has no"):
        assert noise not in out, out


ONLY = "accept: {post-rollout: {phase: Succeeded}}"


@pytest.mark.parametrize("on, more, accept", [
    ("{source: a, phase: [Succeeded, Failed]}", "", ""),
    ("{source: a, outcome: promoted}", "", ""),
    ("{source: a, hook: event}", "", ""),
    ("{source: postlude, hook: run-failed}", "", ""),
    ("{source: a}", "", ONLY),
    ("{source: a}", "    mode: off\n", ""),
    ("{source: a}", "    if: .event.phase == \"Succeeded\"\n", ""),
    ("{source: a}", "    vars: {all: '${{ .event | tojson }}'}\n", "")])
def test_a_workflow_that_knows_how_the_rollout_ended(binary, tmp_path, on, more, accept):
    text = workflow([VERSION], on, more).replace("type: flagger,", f"type: flagger, {accept + ',' if accept else ''}")
    assert check(binary, tmp_path, text) == (0, "ok: 1 sources, 2 targets, 1 workflows\n")


@pytest.mark.parametrize("steps", [
    ["{uses: ci/request, with: {path: /x}}", "{uses: wait, with: {for: 1s}}"],
    [PUT % "${{ .event.outcome }}"]])
def test_a_workflow_that_may_run_after_both_ends(binary, tmp_path, steps):
    """It changes nothing, or tells how the rollout ended."""
    assert check(binary, tmp_path, workflow(steps, "{source: a}"))[1] == "ok: 1 sources, 2 targets, 1 workflows\n"


def test_a_file_that_cannot_be_read_may_have_named_the_others(binary, tmp_path):
    """Only what is wrong with it is said, not that its tables are no configuration."""
    (tmp_path / "data-services.yaml").write_text("podinfo: {team: x}\n")
    (tmp_path / "data-zones.yaml").write_text("[a]\n")
    good = "data:\n  services:\n    file: ./data-services.yaml\n  zones: {file: data-zones.yaml}\n"
    (tmp_path / "more.yaml").write_text("colour: red\n")
    for bad in ("targets:\n\tci: {connector: http}\n", "targets: {ci: [\n"):
        (tmp_path / "postlude.yaml").write_text(good + bad)
        done = subprocess.run([binary, "check", "."], capture_output=True, text=True, timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and "postlude.yaml" in done.stdout, done
        assert "data-" not in done.stdout and "more.yaml:1:1: unknown key 'colour'" in done.stdout, done.stdout


def test_a_file_of_tests_and_a_configuration_are_told_apart(binary, tmp_path):
    def run(*words):
        done = subprocess.run([binary, *words], capture_output=True, text=True, timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    (tmp_path / "p.yaml").write_text(HEAD)
    (tmp_path / "x.test.yaml").write_text("config: p.yaml\ntests: []\n")
    code, out = run("check", "x.test.yaml")
    assert code == 1 and "x.test.yaml: a file of tests, and no configuration: run `postlude test x.test.yaml`" in out, out
    code, out = run("test", "p.yaml")
    assert code != 0 and "p.yaml: a configuration, and no file of tests: run `postlude check p.yaml`" in out, out
    assert "unknown key" not in out, out


def test_secrets_that_a_step_would_refuse(binary, tmp_path):
    text = HEAD.replace("ci.example', auth: {bearer: {env: T}", f"ci.example', auth: {{bearer: {{file: '{tmp_path}/secret'}}")
    for bad in (b"token-a\ntoken-b\n", b"\xef\xbb\xbftoken-a", b"token-a ", b" token-a\n", b"tok\ten", b"to\x00ken", b"\n"):
        (tmp_path / "secret").write_bytes(bad)
        code, out = check(binary, tmp_path, text, "--secrets", environment={"T": "good-token"})
        assert code == 1 and f"{tmp_path}/secret" in out and "token-" not in out, (bad, out)
    for good in (b"token-a", b"token-a\n", b"token-a\r\n", b"two words-in-it"):
        (tmp_path / "secret").write_bytes(good)
        code, out = check(binary, tmp_path, text, "--secrets", environment={"T": "good-token"})
        assert code == 0, (good, out)


# -- values of the environment, anchors, connectors


def test_values_of_the_environment(daemon, binary, fakes, tmp_path):
    text = """
x-retry: &retry {attempts: 1}
sources: {a: {type: flagger, auth: none, maxBody: {env: MOST, default: 1MiB}}}
targets: {web: {connector: http, url: {env: WEB_URL}, limits: {concurrency: {env: AT_ONCE, default: 2}}}}
workflows:
  w: {on: {source: a}, steps: [{retry: *retry, uses: web/request, with: {method: PUT, path: /echo}}]}
"""
    code, out = check(binary, tmp_path, text)
    assert code == 0 and "warning: the environment variable WEB_URL is not set" in out, out
    done = subprocess.run([binary, "serve", "--config", "p.yaml"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 1 and "WEB_URL is not set" in done.stderr
    code, out = check(binary, tmp_path, text, environment={"WEB_URL": "http://u:hunter2@h"})
    assert code == 1 and "hunter2" not in out and "`auth`" in out
    server = daemon(text, environment={"WEB_URL": fakes.url})
    body = b'{"name":"n","namespace":"s","phase":"Failed"}'
    assert server.wait_run(server.post("/hooks/a/post-rollout", body).json["event"])["state"] == "succeeded"
    assert [one["method"] for one in fakes.state()["requests"]] == ["PUT"]


CONNECTOR = """
connector: pages
summary: Pages
auth: [none]
actions:
  put:
    summary: Put one
    input: {type: object, additionalProperties: false, properties: {}}
    requests: [{id: put, put: /echo, effect: state}]
    outputs: {status: '${{ .requests.put.response.status }}'}
    verified: {fake: here}
"""


# In an own connector's request, its outputs or another action: what is said of it, where it stands.
BROKEN_CONNECTORS = {
    "a status as success": ("effect: state, success: .response.status", "mine/pages.yaml:9:62: `.response.status` is a number"),
    "an assignment": ("effect: state, success: .response.status = 200", "`=` assigns"),
    "a function of another language": ("effect: state, success: startsWith(.response.text)", "no function `startsWith`"),
    "a syntax error": ("effect: state, success: '.response.status =='", "the expression is not finished"),
    "an answer before there is one": ("effect: state, if: .response.status == 200", "`.response` is the answer that"),
    "an item": ("effect: state, body: {a: '${{ .item }}'}", "`.item` is there in a step with `forEach`"),
    "inputs": ("effect: state, body: {a: '${{ .inputs.a }}'}", "a step's input is `.with`"),
    "metadata as a condition": ("effect: state, if: .event.metadata.x", '.event.metadata.x == "true"'),
}


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("name", BROKEN_CONNECTORS)
def test_expressions_of_own_connectors(binary, tmp_path, name, used):
    """Each in its place, once, and not that the connector does not exist; whether a step uses the action or not."""
    found, words = BROKEN_CONNECTORS[name]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pages.yaml").write_text(CONNECTOR.replace("effect: state", found))
    code, out = check(binary, tmp_path, f"""
connectors: mine
sources: {{a: {{type: flagger, auth: {{bearer: {{env: T}}}}}}}}
targets: {{pages: {{connector: pages, url: 'https://p.example', auth: none}}}}
workflows: {{w: {{on: {{source: a, phase: Succeeded}}, steps: [{{uses: {"pages/put" if used else "wait, with: {for: 1s}"}}}]}}}}
""")
    assert code == 1 and words in out and "mine/pages.yaml:9:" in out, out
    assert len(out.splitlines()) == 1, out


def test_text_of_own_connectors_that_looks_like_an_expression(binary, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pages.yaml").write_text(CONNECTOR.replace("effect: state", "effect: state, body: {a: .with.name}"))
    code, out = check(binary, tmp_path, "connectors: mine\nsources: {a: {type: flagger, auth: {bearer: {env: T}}}}\n")
    assert code == 0 and "warning: `.with.name` is text here" in out, out


def test_a_secret_in_a_header_of_an_own_connector(binary, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pages.yaml").write_text(CONNECTOR.replace("effect: state", "effect: state, headers: {X-Api-Key: abcdef123456}"))
    code, out = check(binary, tmp_path, "connectors: mine\nsources: {a: {type: flagger, auth: {bearer: {env: T}}}}\n")
    assert code == 0 and "warning: the header `X-Api-Key` has its value written out" in out, out


def test_connectors_of_the_file(daemon, binary, fakes, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pages.yaml").write_text(CONNECTOR)
    text = f"""
connectors: mine
sources: {{a: {{type: flagger, auth: none}}}}
targets: {{pages: {{connector: pages, url: '{fakes.url}', auth: none}}}}
workflows: {{w: {{on: {{source: a}}, steps: [{{uses: pages/put}}]}}}}
"""
    code, out = check(binary, tmp_path, text)
    assert code == 0 and "ok:" in out, out
    (tmp_path / "none").mkdir()
    code, out = check(binary, tmp_path, text, "--connectors", str(tmp_path / "none"))
    assert code == 1 and "/none: no .yaml or .yml file in this folder" in out, "the option takes its place"
    assert "does not exist" not in out, "that follows"
    code, out = check(binary, tmp_path, text.replace("connectors: mine", "connectors: away"))
    assert code == 1 and "p.yaml:2:13: the folder of connectors" in out, out
    server = daemon(text.replace("connectors: mine", f"connectors: {tmp_path}/mine"))
    run = server.wait_run(server.post("/hooks/a/post-rollout", b'{"name":"n","namespace":"s","phase":"Failed"}').json["event"])
    assert run["state"] == "succeeded", run


# -- proxies


@contextlib.contextmanager
def proxy(status):
    """A proxy that answers everything itself: (its URL, what it was asked for)."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do(self):
            asked.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_CONNECT = do

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()


def proxied(url, more=""):
    return f"""
sources: {{a: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{url}', auth: none{more}}}}}
workflows:
  w: {{on: {{source: a}}, steps: [{{retry: {{attempts: 1}}, uses: web/request, with: {{method: PUT, path: /x}}}}]}}
"""


def once(server):
    body = b'{"name":"n","namespace":"s","phase":"Failed"}'
    return server.wait_run(server.post("/hooks/a/post-rollout", body).json["event"])


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_the_environments_proxy(daemon, variable):
    with proxy(200) as (url, asked):
        server = daemon(proxied("http://jira.example.invalid"), environment={variable: url})
        assert once(server)["state"] == "succeeded"
        assert asked == [("PUT", "http://jira.example.invalid/x")]
        assert url in server.log() and "http_proxy" in server.log()


@pytest.mark.parametrize("case", ["no_proxy", "none", "loopback"])
def test_without_the_proxy(daemon, fakes, case):
    target = fakes.url if case == "loopback" else "http://jira.example.invalid"
    with proxy(200) as (url, asked):
        server = daemon(proxied(target, ", proxy: none" if case == "none" else ""),
                        environment={"http_proxy": url, "no_proxy": "example.invalid" if case == "no_proxy" else ""})
        once(server)
        assert asked == []


def test_a_proxy_that_does_not_connect_is_asked_again(daemon):
    """What a refused CONNECT was for has never been handed over: nothing about it is unclear."""
    with proxy(502) as (url, asked):
        server = daemon(proxied("https://jira.example.invalid"), environment={"https_proxy": url})
        run = once(server)
        assert asked == [("CONNECT", "jira.example.invalid:443")]
        attempts = server.api(f"/runs/{run['id']}")["steps"][0]["attempts"]
        assert run["state"] == "failed" and "unclear" not in str(attempts), attempts


def test_https_to_a_port_that_speaks_http(daemon, fakes):
    server = daemon(proxied(fakes.url.replace("http:", "https:")))
    run = once(server)
    assert "the target answered plain HTTP on an https URL" in run["steps"][0]["reason"], run["steps"][0]
