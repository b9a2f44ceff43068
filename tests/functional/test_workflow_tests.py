"""`postlude test` on the real binary: what it shows, writes and answers, and that it sends nothing."""

import json
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest
import yaml
from daemon import ROOT

SECRET = "s3cret-of-the-hub-0123456789"

CONFIG = """
sources: {flagger: {type: flagger, auth: [{bearer: {env: HOOK}}], accept: {post-rollout: {namespace: "prod-*"}}}}
targets:
  hub: {connector: http, url: https://hub.example.com/base, auth: {bearer: {env: HUB}}, headers: {X-Team: shop, Accept: application/json}}
  key: {connector: http, url: https://key.example.com, auth: {query: token, secret: {env: HUB}}}
  chat: {connector: http, auth: {url: {env: CHAT}}}
workflows:
  ship:
    on: {source: flagger, phase: Succeeded}
    if: .event.metadata.go != "no"
    steps:
      - id: look
        uses: hub/request
        with: {path: '/apps/${{ .event.name }}', query: {env: prod}}
      - id: put
        uses: hub/request
        with: {method: PUT, path: '/apps/${{ .event.name }}', body: {version: '${{ .event.checksum }}', seen: '${{ .steps.look.outputs.body.n }}'}}
"""

TEST = """# A comment that stays.
config: postlude.yaml
tests:
  - name: it ships   # and so does this one
    event:
      source: flagger
      payload: {name: app, namespace: prod-a, phase: Succeeded, checksum: c1}
    now: 2026-11-23T10:00:00Z
    responses:
      - {request: 'GET /apps/app', target: hub, body: {n: 3}}
      - {request: PUT /apps/app, target: hub, body: {}}
    expect:
      runs: [{workflow: ship, state: succeeded, steps: {look: succeeded, put: succeeded}}]
      requests:
        - {target: hub, method: GET, path: /apps/app, query: {env: prod}, headers: {x-team: shop, authorization: Bearer ***}}
        - {target: hub, method: PUT, path: /apps/app, headers: {X-Team: shop, Authorization: Bearer ***}, body: {seen: 3, version: c1}}
  # Behind it.
"""


class Place:
    """A folder with a configuration and tests, and `postlude` in it."""

    def __init__(self, folder, binary):
        self.folder, self.binary = folder, binary
        self.config(CONFIG)
        self.tests(TEST)

    def config(self, text):
        (self.folder / "postlude.yaml").write_text(text)

    def tests(self, text, name="ship.test.yaml"):
        (self.folder / name).write_text(text)

    def text(self, name="ship.test.yaml"):
        return (self.folder / name).read_text()

    def run(self, *arguments, check=0):
        if not arguments or arguments[0].startswith("-"):
            arguments = ("ship.test.yaml", *arguments)
        done = subprocess.run([self.binary, "test", *arguments], capture_output=True, text=True, timeout=120, cwd=self.folder,
                              stdin=subprocess.DEVNULL, env={"HUB": SECRET, "HOOK": SECRET, "CHAT": f"https://chat.example.com/{SECRET}"})
        assert SECRET not in done.stdout + done.stderr, "a secret was printed"
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments, check=0):
        return json.loads(self.run("ship.test.yaml", "-o", "json", *arguments, check=check).stdout)


@pytest.fixture
def place(tmp_path, binary):
    return Place(tmp_path, binary)


def steps(*lines, more=""):
    return CONFIG[:CONFIG.index("workflows:")] + "workflows:\n  ship:\n    on: {source: flagger, phase: Succeeded}\n" + more + \
        "    steps:\n" + "".join(f"      - {line}\n" for line in lines)


def one_test(expect, *, responses=(), more="", event="", now="2026-11-23T10:00:00Z", name="it ships"):
    lines = "".join(f"      - {line}\n" for line in responses)
    return f"""config: postlude.yaml
tests:
  - name: {name}
    event: {{source: flagger, payload: {{name: app, namespace: prod-a, phase: Succeeded, checksum: c1}}{event}}}
    now: {now}
    responses:{' []' if not lines else ''}
{lines}{more}    expect: {expect}
"""


# -- what passes, and what is shown of what fails

def test_what_agrees_passes(place):
    done = place.run()
    assert done.stdout == "ship.test.yaml\n  ok it ships\n\n1 passed, 0 failed\n" and done.stderr == ""


@pytest.mark.parametrize("was, is_now, wanted", [
    ("seen: 3,", "seen: 4,", ["-    seen: 4", "+    seen: 3"]),
    ("seen: 3,", "seen: '3',", ['-    seen: "3"', "+    seen: 3"]),
    (", version: c1", "", ["+    version: c1"]),
    ("{env: prod}", "{env: dev}", ["-    env: dev", "+    env: prod"]),
    ("x-team: shop, ", "", ["+    X-Team: shop"]),
    ("x-team: shop,", "x-team: shop, accept: text/html,", ["-    accept: text/html", "+    accept: application/json"]),
    ("target: hub, method: GET", "target: hub, method: HEAD", ["-  method: HEAD", "+  method: GET"]),
    ("put: succeeded}", "put: skipped}", ["-    put: skipped", "+    put: succeeded"]),
    ("state: succeeded", "state: failed", ["-  state: failed", "+  state: succeeded"]),
    ("      runs: [{", "      runs: [{workflow: ship, state: cancelled}, {", ["-- workflow: ship", "-  state: cancelled"]),
])
def test_what_differs_is_shown_as_a_diff(place, was, is_now, wanted):
    assert was in TEST
    place.tests(TEST.replace(was, is_now, 1))
    shown = [line.strip() for line in place.run(check=1).stdout.splitlines()]
    assert "FAILED it ships (line 4)" in shown and shown[-1] == "0 passed, 1 failed"
    for line in wanted:
        assert line in shown, shown
    assert any(re.fullmatch(r"@@ -\d+(,\d+)? \+\d+(,\d+)? @@", line) for line in shown)


def test_a_header_that_all_requests_have_may_be_expected(place):
    place.tests(TEST.replace("x-team: shop,", "x-team: shop, ACCEPT: application/json,", 1))
    place.run()


def test_numbers_are_compared_by_value_and_text_by_its_characters(place):
    place.tests(TEST.replace("seen: 3,", "seen: 3.0,", 1))
    place.run()
    place.tests(TEST.replace("version: c1", "version: 'c1 '", 1))
    place.run(check=1)


def test_a_missing_response_is_printed_ready_to_paste(place):
    place.tests(TEST.replace("      - {request: PUT /apps/app, target: hub, body: {}}\n", ""))
    shown = place.run(check=1).stdout
    assert "there is no response for this request:" in shown and "path: /apps/app" in shown and "seen: 3" in shown
    pasted = re.search(r"^ *(- \{request: .*)$", shown, re.M).group(1)
    place.tests(TEST.replace("      - {request: PUT /apps/app, target: hub, body: {}}", "      " + pasted))
    place.run()


def test_requests_of_one_moment_are_told_together(place):
    place.config(steps("{id: a, uses: hub/request, needs: [], with: {path: /a}}", "{id: b, uses: hub/request, with: {path: /b}}"))
    place.tests(one_test("{}"))
    shown = place.run(check=1).stdout
    assert "GET /a" in shown and "GET /b" in shown


def test_an_unused_response_is_an_error(place):
    place.tests(TEST.replace("    expect:", "      - {request: GET /other, target: hub}\n    expect:", 1))
    assert "ship.test.yaml:12:9: the response to GET /other of hub was never used" in place.run(check=1).stdout


def test_responses_are_used_once_in_order_and_repeat_where_they_say_so(place):
    place.config(steps("{id: a, uses: hub/request, with: {path: /a}}", "{id: b, uses: hub/request, with: {path: /a}}",
                       "{id: c, uses: hub/request, with: {path: /a}}",
                       "{id: d, uses: hub/request, with: {method: PUT, path: /d, body: ['${{ .steps.a.outputs.body }}', '${{ .steps.b.outputs.body }}', '${{ .steps.c.outputs.body }}']}}"))
    put = "{request: PUT /d}"
    place.tests(one_test("{runs: [{workflow: ship, state: succeeded}]}", responses=["{request: GET /a, body: [1]}", "{request: GET /a, body: [2], repeat: true}", put]))
    seen = place.json()["tests"][0]["seen"]["requests"]
    assert seen[-1]["body"] == [[1], [2], [2]]
    place.tests(one_test("{runs: [{workflow: ship, state: succeeded}]}", responses=["{request: GET /a, body: [1]}", "{request: GET /a, body: [2]}", put]))
    assert "there is no response" in place.run(check=1).stdout


@pytest.mark.parametrize("response, fits", [
    ("{request: 'GET /p%20q?b=2&a=x%20y', target: hub}", True), ("{request: 'GET /p%20q', target: hub}", True),
    ("{request: 'GET /p%20q'}", True), ("{request: 'GET /p%20q?a=x%20y', target: hub}", False),
    ("{request: 'GET /p%20q?b=3&a=x%20y', target: hub}", False), ("{request: 'GET /p%20q', target: key}", False),
    ("{request: 'POST /p%20q', target: hub}", False), ("{request: 'GET /p', target: hub}", False)])
def test_a_response_fits_by_target_method_path_and_query(place, response, fits):
    place.config(steps("{id: a, uses: hub/request, with: {path: '/p%20q', query: {a: x y, b: '2'}}}"))
    place.tests(one_test("{runs: [{workflow: ship, state: succeeded}]}", responses=[response]))
    shown = place.run(check=0 if fits else 1).stdout
    assert fits or "there is no response" in shown


@pytest.mark.parametrize("fault, sends, state", [("fault: refused", 2, "succeeded"), ("fault: reset", 2, "succeeded"),
                                                 ("fault: timeout", 2, "succeeded"), ("status: 400", 1, "failed"),
                                                 ("delay: 45s", 2, "succeeded")])
def test_faults(place, fault, sends, state):
    place.config(steps("{id: put, uses: hub/request, with: {method: PUT, path: /a, body: {}}}"))
    more = ["{request: PUT /a, target: hub}"] if sends == 2 else []
    place.tests(one_test(f"{{runs: [{{workflow: ship, state: {state}}}]}}", responses=[f"{{request: PUT /a, target: hub, {fault}}}", *more]))
    test = place.json()["tests"][0]
    assert len(test["seen"]["requests"]) == sends, test
    if state == "failed":
        assert any("400" in note for note in test["notes"])


# -- time, people, other systems

def test_three_days_pass_at_once(place):
    place.config(steps("{uses: wait, with: {for: 3d}}", "{id: put, uses: hub/request, with: {method: PUT, path: '/${{ now | todate }}'}}", more="    timeout: 7d\n"))
    place.tests(one_test("{}", responses=["{request: 'PUT /2026-11-26T10:00:00Z', target: hub}"]))
    seen = place.json(check=1)["tests"][0]
    assert seen["seen"]["runs"][0]["state"] == "succeeded" and seen["seconds"] < 20


def test_what_a_test_lacks_is_told(place):
    place.config(steps("{id: ok, uses: approval, with: {message: may it}}", "{id: put, uses: hub/request, with: {method: PUT, path: '/${{ .steps.ok.outputs.by }}'}}"))
    expect = "{runs: [{workflow: ship, state: succeeded}]}"
    place.tests(one_test(expect))
    assert "step 'ok' of ship waits for an approval: add it to `approvals`" in place.run(check=1).stdout
    place.tests(one_test("{runs: [{workflow: ship, state: waiting, steps: {ok: waiting}}]}"))
    place.run()
    place.tests(one_test(expect, more="    approvals: [{step: ok, answer: approve, by: ann}]\n", responses=["{request: PUT /ann}"]))
    place.run()
    place.tests(one_test("{runs: [{workflow: ship, state: failed, steps: {ok: failed, put: skipped}}], requests: []}",
                         more="    approvals: [{step: ok, answer: reject, by: ann}]\n"))
    place.run()


def test_an_approval_that_comes_too_late(place):
    place.config(steps("{id: ok, uses: approval, with: {message: may it, timeout: 1h, onTimeout: skip}}"))
    for after, state in (("59m", "succeeded"), ("61m", "skipped")):
        place.tests(one_test(f"{{runs: [{{workflow: ship, state: succeeded, steps: {{ok: {state}}}}}]}}",
                             more=f"    approvals: [{{step: ok, answer: approve, after: {after}}}]\n"))
        shown = place.run(check=0 if state == "succeeded" else 1).stdout
        late = "the answer to step 'ok' (ship.test.yaml:7:17) was not taken: run_000000000001 has ended"
        assert (late in shown) == (state == "skipped"), shown


def test_a_callback(place):
    place.config(steps("{id: tell, uses: hub/request, with: {method: PUT, path: /tell, body: {url: '${{ .run.callbacks.done.url }}'}}}",
                       "{id: done, uses: callback, with: {timeout: 1h}}",
                       "{id: put, uses: hub/request, with: {method: PUT, path: '/${{ .steps.done.outputs.result }}'}}")
                 .replace("sources:", "server: {publicUrl: https://hooks.example.com}\nsources:"))
    answers = ["{request: PUT /tell}", "{request: PUT /good}"]
    place.tests(one_test("{}", responses=answers, more="    callbacks: [{step: done, body: {result: good}, after: 10m}]\n"))
    place.run("--update")
    place.run()  # the callback's URL is the same each time
    assert "url: \"https://hooks.example.com/callbacks/" in place.text()
    place.tests(one_test("{}", responses=answers[:1]))
    shown = place.run(check=1).stdout
    assert "nobody called back within 1h" in shown or "says nothing" in shown


def test_keys_are_the_same_in_each_run(place):
    place.config(steps("{id: put, uses: hub/request, with: {method: POST, path: /a, idempotencyHeader: Idempotency-Key, body: {}}}"))
    place.tests(one_test("{}", responses=["{request: POST /a}"]))
    keys = [place.json(check=1)["tests"][0]["seen"]["requests"][0]["headers"]["Idempotency-Key"] for _ in range(2)]
    assert keys[0] == keys[1] and re.fullmatch(r"[0-9a-f-]{32,36}", keys[0]), keys


def test_an_event_that_is_not_for_us(place):
    payload = "{name: app, namespace: prod-a,"
    expect = "{runs: [], requests: []}"
    place.tests(one_test(expect).replace(payload, "{name: app, namespace: dev,"))
    place.run()  # not accepted by the source
    place.tests(one_test(expect, event=", metadata: {go: no}"))
    place.run()  # the shortcut; `no` is text
    place.tests(one_test(expect, event=", receivedAt: 2026-11-20T10:00:00Z"))
    place.run()  # older than maxAge
    place.tests(one_test(expect))
    assert "there is no response" in place.run(check=1).stdout


WHOLE_RELEASE = """{id: rel_7, strategy: canary, skipAnalysis: false, kind: forward, startedAt: 2026-11-23T09:40:00Z,
        finishedAt: 2026-11-23T09:59:00Z, durationSeconds: 1140.5, workload: {apiVersion: apps/v1, kind: Deployment, name: app,
        labels: {team: blue}, annotations: {}}, version: {old: 1.9, new: 1.10}, images: [{container: app, old: 1.9, new: 1.10,
        digest: 'sha256:ab'}, {container: side, old: null}], revision: {old: 3a, new: 1e5}, analysis: {failedChecks: 1, threshold: 5,
        failureReason: null, metrics: [{name: rate, last: 99.5, min: 98, max: 100, avg: 99.1, threshold: {min: 99}}, {name: more, threshold: 500}]},
        config: {changed: [configmap/app]}, resources: [{apiVersion: v1, kind: Service, name: app}], previous: {id: rel_3, finishedAt: null}}"""


def test_the_facts_of_a_release(place):
    place.config(steps("{id: put, uses: hub/request, with: {method: PUT, path: '/${{ .event.release.version.new }}', body: {release: '${{ .event.release }}', of: '${{ .event.canary.labels.team }}', text: 'from ${{ .event.release.version.old }}'}}}"))
    place.tests(one_test("{runs: [{workflow: ship, state: succeeded}]}", responses=["{request: PUT /1.10}"],
                         event=f", canary: {{uid: u1, labels: {{team: blue}}, annotations: {{}}}},\n        release: {WHOLE_RELEASE}"))
    body = place.json()["tests"][0]["seen"]["requests"][0]["body"]
    assert (body["of"], body["text"]) == ("blue", "from 1.9")
    release = body["release"]
    assert release["version"] == {"old": "1.9", "new": "1.10"} and release["revision"]["new"] == "1e5", "a version is text"
    assert release["durationSeconds"] == 1140.5 and release["skipAnalysis"] is False and release["previous"]["finishedAt"] is None
    assert release["analysis"]["metrics"] == [{"name": "rate", "last": 99.5, "min": 98, "max": 100, "avg": 99.1, "threshold": {"min": 99}},
                                              {"name": "more", "threshold": 500}]
    assert set(release) == set("id strategy skipAnalysis kind startedAt finishedAt durationSeconds workload version images revision "
                               "analysis config resources previous".split())


def test_fractions_are_written_as_people_do(place):
    place.config(steps("{id: put, uses: hub/request, with: {method: PUT, path: '/${{ .event.release.durationSeconds }}', query: {m: '${{ .event.release.durationSeconds / 60 }}'}, form: {r: 99.95}}}",
                       "{uses: hub/request, with: {method: PUT, path: /b, body: {took: '${{ .event.release.durationSeconds }}', small: 0.001}}}"))
    place.tests(one_test("{}", responses=["{request: 'PUT /1140.5'}", "{request: PUT /b}"], event=", release: {durationSeconds: 1140.5}"))
    place.run("--update")
    assert "m: \"19.008333333333333\"" in place.text() and "body: r=99.95\n" in place.text().replace('"', ""), place.text()
    assert "took: 1140.5\n" in place.text() and "small: 0.001\n" in place.text()
    place.run()


def test_without_facts_they_are_null(place):
    place.config(steps("{id: put, uses: hub/request, with: {method: PUT, path: /a, body: {seen: '${{ [.event.release, .event.canary, .event.release.version.new] }}'}}}"))
    for event in ("", ", release: null, canary: null"):
        place.tests(one_test("{runs: [{workflow: ship, state: succeeded}]}", responses=["{request: PUT /a}"], event=event))
        assert place.json()["tests"][0]["seen"]["requests"][0]["body"] == {"seen": [None, None, None]}


@pytest.mark.parametrize("on, event, runs", [
    ("kind: forward", "release: {kind: forward}", True), ("kind: [first, b*]", "release: {kind: back}", True),
    ("kind: forward", "release: {kind: back}", "kind is back, wanted forward"), ("kind: '*'", "", "kind is not known, wanted *"),
    ("kind: '*'", "release: {}", "kind is not known, wanted *"),
    ("outcome: promoted", "", True), ("outcome: promoted", "release: {kind: forward}", True),
    ("phase: Succeeded", "release: {kind: unchanged}", "outcome is unchanged, which matches only where it is named"),
    ("outcome: '*'", "outcome: unchanged", "outcome is unchanged, which matches only where it is named"),
    ("outcome: promoted", "release: {kind: unchanged}, outcome: promoted", True),
    ("outcome: failed", "outcome: failed", True), ("outcome: promoted", "outcome: promotionFailed", "outcome is promotionFailed, wanted promoted"),
    ("outcome: promoted", "outcome: null", "outcome is empty, wanted promoted"),
])
def test_patterns_look_at_kind_and_outcome(place, on, event, runs):
    place.config(steps("{uses: set, with: {values: {a: b}}}").replace("phase: Succeeded}", on + "}"))
    expected = "[{workflow: ship, state: succeeded}]" if runs is True else "[]"
    place.tests(one_test(f"{{runs: {expected}, requests: []}}", event=f", {event}" if event else ""))
    seen = place.json()["tests"][0]
    assert runs is True or f"ship does not run: {runs}" in seen["notes"], seen


def test_an_event_of_our_own(place):
    place.config(CONFIG.replace("on: {source: flagger, phase: Succeeded}\n    if: .event.metadata.go != \"no\"", "on: {source: postlude, hook: run-failed}")
                 .replace("${{ .event.checksum }}", "${{ .event.payload.workflow }}"))
    place.tests(TEST.replace("source: flagger", "source: postlude, hook: run-failed").replace("      source: postlude, hook: run-failed", "      source: postlude\n      hook: run-failed")
                .replace("version: c1", "version: other").replace("checksum: c1", "workflow: other"))
    place.run()


def test_an_event_of_a_failed_run_has_what_its_release_had(place):
    """As in the daemon: namespace and name of its payload, cluster, metadata and team of the run's event."""
    place.config(CONFIG[:CONFIG.index("workflows:")].replace("type: flagger,", "type: flagger, cluster: eu-1,") + """clusters: {eu-1: {}}
teams: {shop: {match: {namespace: "prod-*"}, targets: [hub]}}
workflows:
  tell:
    on: {source: postlude, hook: run-failed, namespace: "prod-*", metadata: {tier: "1"}}
    steps: [{uses: hub/request, with: {method: PUT, path: '/${{ [.event.namespace, .event.name, .event.team, .event.cluster, .event.metadata.tier] | join("/") }}', body: {payload: '${{ .event.payload }}'}}}]
""")
    payload = "{workflow: ship, namespace: prod-a, name: app}"
    place.tests(one_test("{runs: [{workflow: tell, state: succeeded}]}", responses=["{request: PUT /prod-a/app/shop/eu-1/1}"])
                .replace("source: flagger, payload: {name: app, namespace: prod-a, phase: Succeeded, checksum: c1}",
                         f"source: postlude, hook: run-failed, cluster: eu-1, payload: {payload}, metadata: {{tier: 1}}"))
    seen = place.json()["tests"][0]["seen"]["requests"][0]
    assert seen["body"]["payload"] == {"workflow": "ship", "namespace": "prod-a", "name": "app"}, "its metadata is no part of it"


CLUSTERS = """clusters: {eu-1: {}, cn-2: {}}
sources:
  one: {type: flagger, cluster: eu-1, auth: [{bearer: {env: HOOK}}]}
  many: {type: flagger, clusters: {eu-1: {auth: [{bearer: {env: HOOK}}]}, cn-2: {auth: [{bearer: {env: HOOK}}]}}}
  none: {type: flagger, auth: [{bearer: {env: HOOK}}]}
"""


@pytest.mark.parametrize("event, seen", [
    ("source: one", "eu-1"), ("source: one, cluster: eu-1", "eu-1"), ("source: none", None), ("source: many, cluster: cn-2", "cn-2"),
    ("source: one, cluster: cn-2", "5:35: the source 'one' has no cluster 'cn-2'; there is eu-1"),
    ("source: none, cluster: eu-1", "5:36: the source 'none' has no cluster 'eu-1'"),
    ("source: many", "5:21: the source 'many' has the clusters cn-2, eu-1: say 'cluster'"),
    ("source: many, cluster: eu-2", "5:36: the source 'many' has no cluster 'eu-2'; did you mean 'eu-1'?"),
    ("source: one, hook: storm", "5:32: the source 'one' has no hook 'storm'; there is confirm-rollout"),
    ("source: postlude, hook: rollout", "5:37: the source 'postlude' has no hook 'rollout'; there is run-failed"),
    ("source: postlude", "5:21: the source 'postlude' has no hook 'post-rollout'"),
])
def test_an_event_comes_from_a_cluster_of_its_source(place, event, seen):
    told = seen is not None and ":" in seen
    place.config(CLUSTERS + "workflows: {ship: {on: {source: '*'}, steps: [{uses: assert, with: "
                 f"{{that: '.event.cluster == {json.dumps('told' if told else seen)}', message: another}}}}]}}}}\n")
    place.tests(f"config: postlude.yaml\ntests:\n  - name: x\n    expect: {{runs: [{{workflow: ship, state: succeeded}}]}}\n"
                f"    event: {{{event}, payload: {{name: app, namespace: prod, phase: Succeeded}}}}\n")
    shown = place.run(check=2 if told else 0).stdout
    assert not told or f"ship.test.yaml:{seen}" in shown, shown


def test_what_a_run_waits_for_is_told_before_anything_is_expected(place):
    place.config(steps("{id: ok, uses: approval, with: {message: may it}}"))
    place.tests(one_test("{}"))
    assert "step 'ok' of ship waits for an approval" in place.run(check=1).stdout


def test_secrets_are_stars_wherever_they_go(place):
    place.config(steps("{id: a, uses: key/request, with: {method: PUT, path: /a}}", "{id: b, uses: chat/request, with: {method: PUT, path: /b}}"))
    place.tests(one_test("{}", responses=["{request: PUT /a, target: key}", "{request: PUT /b, target: chat}"]))
    place.run("--update")
    requests = yaml.safe_load(place.text())["tests"][0]["expect"]["requests"]
    assert requests == [{"target": "key", "method": "PUT", "path": "/a", "query": {"token": "***"}},
                        {"target": "chat", "method": "PUT", "path": "/b"}]
    place.run()


def test_an_expression_that_never_ends_is_bounded(place):
    place.config(steps("{id: put, uses: hub/request, with: {method: PUT, path: '/${{ [limit(1e9; repeat(1))] | length }}'}}"))
    place.tests(one_test("{runs: [{workflow: ship, state: failed}], requests: []}"))
    place.run()


# -- --update

def test_update_writes_what_was_seen_and_nothing_else(place):
    old = TEST.replace("seen: 3,", "seen: 4,", 1)
    place.tests(old)
    assert "updated it ships" in place.run("--update").stdout
    new = place.text()
    at = old.index("    expect:\n")
    assert new.startswith(old[:at]) and new.endswith("\n  # Behind it.\n")
    assert yaml.safe_load(new)["tests"][0]["expect"]["requests"][1]["body"] == {"version": "c1", "seen": 3}
    assert place.run().stdout.endswith("1 passed, 0 failed\n")
    again = place.text()
    place.run("--update")
    assert place.text() == again == new, "a test that passes is left as it is"


def test_update_of_several_tests_in_all_sorts_of_yaml(place):
    body = TEST[TEST.index("    event:"):TEST.index("    expect:")]
    text = "tests:\n" + "".join(f"- name: test {i}\n{re.sub('(?m)^  ', '', body)}  expect: {expect}\n" for i, expect in enumerate([
        "{}", "{runs: [],\n      requests: []}   # stale", "\n    runs:\n    - {workflow: ship, state: failed}\n\n  # of the next one",
        "\n    requests:\n      - {target: hub, method: PUT, path: /x, body: \"a\n        b\"}\n      - target: hub\n        method: PUT\n        path: /x\n        body: |\n          # text\n\n          more"]))
    place.tests(text)
    shown = place.run("--update").stdout
    assert "0 passed, 0 failed, 4 updated" in shown, shown
    assert place.run().stdout.endswith("4 passed, 0 failed\n")
    assert "  # of the next one\n- name: test 3\n" in place.text()


def test_update_keeps_the_line_ends_of_windows(place):
    (place.folder / "ship.test.yaml").write_bytes(TEST.replace("seen: 3,", "seen: 4,").replace("\n", "\r\n").encode())
    place.run("--update")
    text = (place.folder / "ship.test.yaml").read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n")
    place.run()


def test_update_refuses_what_it_cannot_replace(place):
    flow = 'tests: [{name: x, event: {source: flagger, payload: {name: app, namespace: dev, phase: Succeeded}},\n  expect: {runs: [{workflow: ship, state: failed}]}}]\n'
    place.tests(flow)
    assert "cannot be rewritten in its place" in place.run("--update", check=1).stdout
    assert place.text() == flow


def test_update_does_not_invent_answers(place):
    text = TEST.replace("      - {request: PUT /apps/app, target: hub, body: {}}\n", "")
    place.tests(text)
    place.run("--update", check=1)
    assert place.text() == text


# -- JUnit, coverage, filters

def test_junit(place):
    place.tests(TEST.replace("seen: 3,", "seen: \"<&>'\\x01\",", 1).replace("name: it ships ", "name: 'it \"ships\" <b>&amp;' "))
    place.tests("tests: nothing\n", "broken.test.yaml")
    place.tests(TEST, "sub.test.yaml")
    place.run(".", "--junit", "out.xml", check=2)
    root = xml.parse(place.folder / "out.xml").getroot()
    assert root.tag == "testsuites" and (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"broken.test.yaml", "ship.test.yaml", "sub.test.yaml"}
    case = suites["ship.test.yaml"].find("testcase")
    assert case.get("name") == 'it "ships" <b>&amp;' and case.get("line") == "4"
    assert "<&>'\\u0001" in case.find("failure").text and case.find("failure").get("message")
    assert suites["broken.test.yaml"].find("testcase/error") is not None
    assert len(suites["sub.test.yaml"].find("testcase")) == 0
    place.run("sub.test.yaml", "--junit", "/nowhere/at/all.xml", check=2)


def test_coverage(place):
    place.config(CONFIG + "      - {id: never, if: .event.metadata.more == \"yes\", uses: hub/request, with: {path: /never}}\n"
                 "      - {id: ask, if: .event.metadata.more == \"yes\", uses: approval, with: {message: m, timeout: 1h}}\n"
                 "    onFailure:\n      - {uses: hub/request, with: {path: /failed}}\n"
                 "  other: {on: {source: flagger, phase: Failed}, steps: [{uses: hub/request, with: {path: /other}}]}\n")
    shown = place.run("--coverage").stdout
    assert "ship: 46% (6 of 13)" in shown and "other: 0% (0 of 2)" in shown and "all: 40%" in shown, shown
    for gap in ("its `if` is never false", "step 'never' never runs", "the `if` of step 'never' is never true",
                "the time of step 'ask' is never over", "step '5' of onFailure never runs", "no test runs it"):
        assert re.search(r"postlude\.yaml:\d+:\d+: " + re.escape(gap), shown), (gap, shown)
    place.run("--coverage-min", "40")
    assert "tests reach 40% of the steps and branches; required: 41%" in place.run("--coverage-min", "41", check=1).stderr
    told = place.json("--coverage")["coverage"]
    assert told["percent"] == 40 and [w["percent"] for w in told["workflows"]] == [46, 0]


def test_filter(place):
    place.tests("tests:\n" + "".join(f"  - name: {name}\n    event: {{source: flagger, payload: {{name: a, namespace: dev, phase: Succeeded}}}}\n    expect: {{runs: []}}\n"
                                     for name in ("one of these", "two", "three of these")))
    assert place.run("--filter", "of these").stdout.count("  ok ") == 2
    assert place.run("--filter", "t*").stdout.count("  ok ") == 3 - 1
    assert "no test matches --filter 'four'" in place.run("--filter", "four", check=2).stderr


# -- broken files

@pytest.mark.parametrize("was, is_now, told", [
    ("responses:", "reponses:", "ship.test.yaml:9:5: unknown key 'reponses'"),
    ("    expect:", "    expects:", "did you mean 'expect'?"),
    ("target: hub, body: {n", "target: hob, body: {n", "ship.test.yaml:10:9: the configuration has no target 'hob'; did you mean 'hub'?"),
    ("workflow: ship", "workflow: shop", "the configuration has no workflow 'shop'; did you mean 'ship'?"),
    ("look: succeeded", "lock: succeeded", "the configuration has no step 'lock'; did you mean 'look'?"),
    ("source: flagger", "source: flager", "ship.test.yaml:6:15: the configuration has no source 'flager'; did you mean 'flagger'?"),
    ("state: succeeded", "state: suceeded", "suceeded"),
    ("2026-11-23T10:00:00Z", "2026-13-23T10:00:00Z", "ship.test.yaml:8:10:"),
    ("config: postlude.yaml", "config: postlud.yaml", "postlud.yaml: no such file or folder"),
    ("GET /apps/app'", "GET apps/app'", "a request such as GET /rest/api/2/project/PROJ/versions"),
    ("now:", "release: {}\n    now:", "unknown key 'release'"),
    ("payload:", "release: {verson: {}}\n      payload:", "ship.test.yaml:7:17: unknown key 'verson' in 'release'; did you mean 'version'?"),
    ("payload:", "release: {version: {nw: '2'}}\n      payload:", "ship.test.yaml:7:27: unknown key 'nw' in 'version'; did you mean 'new'?"),
    ("payload:", "release: {images: [{}, {imag: x}]}\n      payload:", "ship.test.yaml:7:31: unknown key 'imag' in entry 2 of 'images'"),
    ("payload:", "release: {images: {container: x}}\n      payload:", "ship.test.yaml:7:25: 'images' is a map; expected a list or nothing"),
    ("payload:", "release: {kind: forwards}\n      payload:", "ship.test.yaml:7:23: 'kind' is 'forwards'; did you mean 'forward'?"),
    ("payload:", "release: {id: x}\n      payload:", "ship.test.yaml:7:21: 'id' is 'x'; expected the id of a release, such as rel_1"),
    ("payload:", "release: {durationSeconds: 5m}\n      payload:", "ship.test.yaml:7:34: 'durationSeconds' is '5m'; expected a number or nothing"),
    ("payload:", "release: {startedAt: today}\n      payload:", "ship.test.yaml:7:28: 'startedAt' is 'today'"),
    ("payload:", "canary: {uuid: x}\n      payload:", "ship.test.yaml:7:16: unknown key 'uuid' in 'canary'; did you mean 'uid'?"),
    ("payload:", "outcome: promted\n      payload:", "ship.test.yaml:7:16: 'outcome' is 'promted'; did you mean 'promoted'?"),
    ("source: flagger", "source: postlude\n      release: {}", "ship.test.yaml:7:16: an event of our own has no 'release'"),
    ("body: {}}", "body: {}, fault: reset}", "'body' belongs to an answer; with `fault: reset` there is none"),
])
def test_a_broken_file_is_told_by_place_and_nearest_key(place, was, is_now, told):
    assert was in TEST
    place.tests(TEST.replace(was, is_now, 1))
    place.tests(TEST, "whole.test.yaml")
    shown = place.run(".", check=2).stdout
    assert told in shown and "whole.test.yaml\n  ok it ships" in shown and "1 file broken" in shown, shown


def test_a_broken_configuration_breaks_its_tests_only(place):
    (place.folder / "other").mkdir()
    (place.folder / "other" / "postlude.yaml").write_text(CONFIG.replace("workflows:", "workflow:"))
    (place.folder / "other" / "a.test.yaml").write_text(TEST)
    shown = place.run(".", check=2).stdout
    assert "other/postlude.yaml:7:1: unknown key 'workflow'" in shown and "ship.test.yaml\n  ok" in shown


@pytest.mark.parametrize("arguments", [["nowhere.test.yaml"], ["empty"], ["ship.test.yaml", "--coverage-min", "101"], ["ship.test.yaml", "-o", "xml"]])
def test_used_wrongly(place, arguments):
    (place.folder / "empty").mkdir()
    assert place.run(*arguments, check=2).stderr


def test_the_examples(binary):
    done = subprocess.run([binary, "test", str(ROOT / "examples"), "--coverage-min", "90"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide(place):
    """docs/testing.md: its configuration and tests, as they stand there."""
    found = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.S)
    configs = [text for text in found if text.startswith("sources:")]
    tests = [text for text in found if text.startswith(("config:", "tests:"))]
    assert len(tests) == len(configs) == 2
    for config, text in zip(configs, tests):
        (place.folder / yaml.safe_load(text)["config"]).write_text(config)
        place.tests(text)
        place.run()
