"""Shadow runs: nothing but reads is sent, and what hangs on an answer that was never asked for stands as `(shadow)`, so
that all later steps are shown."""

import pytest
from daemon import flagger_body

WORD = "(shadow)"


def config(fakes, steps, mode="shadow"):
    return f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets:
  jira: {{connector: jira, url: '{fakes.url}', auth: {{bearer: {{env: TOKEN}}}}}}
  web: {{connector: http, url: '{fakes.url}/echo', auth: none}}
workflows:
  main:
    on: {{source: flagger}}
    mode: {mode}
    steps:
      - {{id: put, uses: web/request, with: {{method: PUT, path: /put, body: {{word: '{WORD}'}}}}}}
{steps}
"""


@pytest.fixture
def shadow(daemon, fakes):
    def run(steps, **options):
        server = daemon(config(fakes, steps, **options), start=False, environment={"TOKEN": "t0ken-of-the-fakes"})
        head = server.config_file.read_text()
        server.config_file.write_text(head.replace("admin: '127", f"publicUrl: '{server.hooks}', admin: '127", 1))
        server.start()
        answer = server.post("/hooks/flagger/post-rollout", flagger_body())
        return server.wait_run(answer.json["event"])
    return run


def shown(run, step=1):
    """The requests of a step, (method, path, body, result)."""
    return [(r["method"], r["url"].split("/echo", 1)[-1], r["body"], r["result"])
            for a in run["steps"][step]["attempts"] for r in a["requests"]]


@pytest.mark.parametrize("expression, stands", [
    (".steps.put.outputs.body", WORD), (".steps.put.outputs.body.x", WORD), (".steps.put.outputs.body.x | ascii_upcase", WORD),
    (".steps.put.outputs.body.list[0].id", WORD), (".steps.put.outputs.body.x // \"-\"", WORD), (".steps.put.outputs.status == 200", WORD),
    (".steps.put.outputs.status + 1", WORD), (".steps.put.outputs.headers[\"x-id\"]", WORD), (".steps.put.outputs | .body | .x", WORD),
    ("$steps.put.outputs.body.x", WORD), ("\"of \" + .steps.put.outputs.body", "of " + WORD), (".steps.put.outputs[\"no\" + \"thing\"]", WORD),
    (".steps.put.state", "succeeded"), (".event.name", "podinfo"), (".event.metadata.none", None)])
def test_what_hangs_on_an_answer_stands_as_a_word(shadow, fakes, expression, stands):
    run = shadow(f"""
      - {{id: next, uses: web/request, with: {{method: PUT, path: /next, body: {{value: '${{{{ {expression} }}}}'}}}}}}
""")
    assert run["state"] == "succeeded", run["reason"]
    assert shown(run) == [("PUT", "/next", {"value": stands}, "shadow")]
    assert fakes.state()["requests"] == []


def test_words_in_texts_conditions_lists_and_built_ins(shadow, fakes):
    run = shadow("""
      - {id: path, uses: web/request, with: {method: PUT, path: '/p/${{ .steps.put.outputs.body.name | ascii_downcase }}', query: {n: '${{ .steps.put.outputs.body.n + 1 }}'}}}
      - {if: .steps.put.outputs.status == 201, uses: web/request, with: {method: PUT, path: /if}}
      - {if: .steps.put.outputs.body.x.y, uses: web/request, with: {method: PUT, path: /if}}
      - {id: each, forEach: '.steps.put.outputs.body.list[]', uses: web/request, with: {method: PUT, path: '/each/${{ .item.name }}'}}
      - {uses: assert, with: {that: .steps.put.outputs.body.passed}}
      - {uses: wait, with: {until: '${{ .steps.put.outputs.body.at }}'}}
      - {id: set, uses: set, with: {values: {x: '${{ .steps.put.outputs.body.x }}'}}}
      - {uses: web/request, with: {url: '${{ .steps.put.outputs.body.url }}'}}
      - {uses: web/request, with: {path: '/things/${{ .steps.set.outputs.x.id }}'}}
      - {uses: web/request, with: {path: /known}}
""")
    assert run["state"] == "succeeded", run["reason"]
    assert [s["state"] for s in run["steps"]] == ["succeeded"] * len(run["steps"])
    assert shown(run)[0][1] in ("/p/(shadow)?n=%28shadow%29", "/p/%28shadow%29?n=%28shadow%29")
    assert len(shown(run, 2)) == len(shown(run, 3)) == 1
    assert run["steps"][2]["trace"]["if"]["result"] == WORD
    assert len(run["steps"]) == 12 and shown(run, 11)[0][1] in ("/each/(shadow)", "/each/%28shadow%29")
    assert shown(run, 8) == [], "nobody can tell which URL it would be"
    assert [r[3] for r in shown(run, 9)] == ["shadow"], "a read of nobody knows what is not made"
    assert [r["path"] for r in fakes.state()["requests"]] == ["/echo/known"]


def test_an_action_whose_input_is_not_known(shadow, fakes):
    run = shadow("""
      - id: version
        uses: jira/release-version
        with: {project: '${{ .steps.put.outputs.body.project }}', name: '${{ .event.checksum }}', releaseDate: '${{ .steps.put.outputs.body.at }}'}
      - {uses: jira/comment, with: {issue: '${{ .steps.put.outputs.body.issue }}', body: 'Is ${{ .steps.version.outputs.id }}'}}
""")
    assert run["state"] == "succeeded", [(s["uses"], s["reason"]) for s in run["steps"]]
    assert fakes.state()["requests"] == []


@pytest.mark.parametrize("step, word", [
    ("{uses: web/request, with: {method: PUT, path: '/${{ .event.metadata.none }}'}}", "null"),
    ("{uses: web/request, with: {method: PUT, path: /x, body: '${{ error(\"boom\") }}'}}", "boom"),
    ("{if: .event.payload.none, uses: web/request, with: {method: PUT, path: /x}}", "true or false"),
    ("{uses: assert, with: {that: .event.name == \"other\"}}", "is false")])
def test_what_is_wrong_by_itself_fails_in_a_shadow_run_too(shadow, step, word):
    run = shadow("      - " + step)
    assert run["state"] == "failed" and word in run["reason"]


def test_a_word_that_a_system_answers_is_no_excuse_in_a_live_run(shadow):
    run = shadow("      - {uses: web/request, with: {method: PUT, path: /x, body: '${{ .steps.put.outputs.body.body.word.x }}'}}", mode="live")
    assert run["state"] == "failed" and "is text, not a map" in run["reason"]


def test_nobody_is_waited_for_and_what_they_would_be_told_is_shown(shadow, fakes):
    run = shadow("""
      - id: go
        uses: approval
        with: {message: Go, timeout: 3d}
        announce: {uses: web/request, with: {method: PUT, path: /ask, body: '${{ .step.links.approve }}'}}
      - {id: result, uses: callback}
      - {uses: web/request, with: {method: PUT, path: /done, body: {go: '${{ .steps.go.outputs }}', passed: '${{ .steps.result.outputs.passed }}'}}}
""")
    assert run["state"] == "succeeded" and [s["state"] for s in run["steps"]] == ["succeeded"] * 5
    go = run["steps"][1]["outputs"]
    assert go | {"at": ""} == {"approved": True, "by": None, "at": "", "comment": WORD} and run["steps"][2]["outputs"] == WORD
    assert shown(run, 3) == [("PUT", "/done", {"go": go, "passed": WORD}, "shadow")]
    assert [r[:2] + r[3:] for r in shown(run, 4)] == [("PUT", "/ask", "shadow")]
    assert fakes.state()["requests"] == []
