"""Replays, and runs whose configuration has changed under them: what is worked out anew, and what is not."""

import pytest
from test_people import act, done, in_state, run_of, sent, step_in, step_of
from test_reload import state, wait_revision


def config(fakes, workflow, targets=("web",)):
    return "sources: {flagger: {type: flagger, auth: none}}\ntargets:\n" + "".join(
        f"  {name}: {{connector: http, url: '{fakes.url}/echo', auth: none}}\n" for name in targets) + workflow


def reload(server, text):
    before = state(server)["revision"]
    server.write_config(text)
    wait_revision(server, before)


# What was read and judged is read and judged again; what has gone out goes out as it was.
def test_a_replay_reads_anew(daemon, fakes):
    fakes.fault(path="/echo/look", status=200, body='{"ok": false}', times=1)
    text = config(fakes, """
workflows:
  w:
    on: {source: flagger}
    steps:
      - {id: look, uses: web/request, with: {path: /look}}
      - {id: note, uses: set, with: {values: {seen: '${{ .steps.look.outputs.body.ok == false }}'}}}
      - {id: ok, uses: assert, with: {that: '.steps.note.outputs.seen | not', message: not ok}}
      - {id: put, uses: web/request, with: {method: PUT, path: /put}}
""")
    server = daemon(text)
    run = run_of(server)
    assert in_state(server, run, "failed")["reason"].endswith("not ok")
    again = in_state(server, done(server, f"runs/{run}/replay")["id"], "succeeded", "failed")
    assert again["state"] == "succeeded", again
    assert len(sent(fakes, "/echo/put")) == 1


@pytest.mark.parametrize("change, why", [
    ("    mode: \"off\"\n", "has `mode: off`"),
    ("    if: .event.name == \"other\"\n", "does not want the event: its `if`, `.event.name == \"other\"`, is false"),
    ("    if: .event.payload.name\n", "cannot say whether it wants the event")])
def test_a_replay_asks_todays_workflow(daemon, fakes, change, why):
    text = """
workflows:
  w:
    on: {source: flagger}
CHANGE    steps: [{uses: web/request, with: {method: PUT, path: /put}}]
"""
    server = daemon(config(fakes, text.replace("CHANGE", "")))
    run = run_of(server)
    in_state(server, run, "succeeded")
    reload(server, config(fakes, text.replace("CHANGE", change)))
    answer = act(server, f"runs/{run}/replay", {})
    assert answer.status == 409 and why in answer.json["detail"], answer
    assert len(server.items("runs")) == 1 and len(sent(fakes, "/echo/put")) == 1


# A target that is gone fails the steps that need it, and `finally` has its turn all the same.
def test_what_is_gone_fails_its_own_steps_alone(daemon, fakes):
    text = """
workflows:
  w:
    on: {source: flagger}
    steps:
      - {id: lock, uses: web/request, with: {method: PUT, path: /lock}}
      - {id: ask, uses: approval, with: {message: Go on}}
      - {id: set, uses: set, with: {values: {a: 1}}}
      - {id: never, if: 'false', uses: old/request, with: {method: PUT, path: /never}}
      - {id: old, uses: old/request, with: {method: PUT, path: /old}}
    finally: [{id: unlock, uses: web/request, with: {method: DELETE, path: /lock}}]
"""
    server = daemon(config(fakes, text, ("web", "old")))
    run = run_of(server)
    step_in(server, run, "ask", "waiting")
    reload(server, config(fakes, text.replace("old/request", "web/request")))
    done(server, f"runs/{run}/approve")
    whole = in_state(server, run, "failed")
    states = {name: step_of(whole, name)["state"] for name in ("set", "never", "old", "unlock")}
    assert states == {"set": "succeeded", "never": "skipped", "old": "failed", "unlock": "succeeded"}, whole
    assert "there is no target 'old'" in whole["reason"]
    assert [r["method"] for r in sent(fakes, "/echo/lock")] == ["PUT", "DELETE"]
