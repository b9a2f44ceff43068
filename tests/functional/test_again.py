"""What is done more than once: onFailure for each failure, a first use of a key whose effect is gone, held steps many at
once."""

import json
import re


import pytest
from daemon import flagger_body, wait_until
from test_people import act, done

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  web: {connector: http, url: '%(url)s/echo', auth: none}
  slack: {connector: slack, url: '%(url)s/api', timeout: 20s, auth: {bearer: {env: TOKEN}}}
workflows:
"""

TELLS = """
  main:
    on: {source: flagger}
    steps:
      - {id: first, uses: web/request, with: {method: PUT, path: /first}}
      - {id: ship, uses: web/request, with: {method: PUT, path: /ship}}
      - {id: last, uses: web/request, with: {method: PUT, path: /last}}
    onFailure:
      - {id: say, uses: slack/message, key: 'of-${{ .event.name }}', with: {channel: "#releases", text: '${{ .failure.reason }}'}}
      - {id: tell, uses: web/request, with: {method: POST, effect: key, idempotencyHeader: Idempotency-Key, path: /tell, body: {why: '${{ .failure.reason }}', ts: '${{ .steps.say.outputs.ts }}'}}}
      - id: each
        forEach: .failure.reason | [scan("[0-9]{3}")] | unique
        uses: web/request
        with: {method: PUT, path: '/each/${{ .item | @uri }}'}
    finally:
      - {id: unlock, uses: web/request, with: {method: POST, effect: key, idempotencyHeader: Idempotency-Key, path: /unlock, body: {after: '${{ .failure.reason }}'}}}
"""


@pytest.fixture
def begin(daemon, fakes):
    def start(workflows):
        return daemon(CONFIG % {"url": fakes.url} + workflows, environment={"TOKEN": "t0ken-of-the-bot"})
    return start


def accept(server, **what):
    answer = server.post("/hooks/flagger/post-rollout", flagger_body(**what))
    assert answer.status == 202, answer
    return answer.json["event"]


def calls(fakes, path):
    return [r for r in fakes.state()["requests"] if r["path"] == path]


def in_state(server, run, state):
    return wait_until(lambda: (r := server.api(f"runs/{run}"))["state"] == state and r)


def messages(fakes):
    return [m["text"] for m in fakes.state()["slack"]["messages"]]


def key_of(call):
    return call["headers"]["idempotency-key"]


# -- onFailure and finally

def test_each_failure_is_told_of(begin, fakes):
    server = begin(TELLS)
    for status in (400, 404, 410):
        fakes.fault(path="/echo/ship", status=status)
    run = server.wait_run(accept(server), states=("failed",))["id"]
    for _ in range(2):
        done(server, f"runs/{run}/retry", {})
        wait_until(lambda: server.api(f"runs/{run}")["state"] == "failed")
    told = calls(fakes, "/echo/tell")
    assert [c["body"]["why"][:3] for c in told] == ["400", "404", "410"]
    assert len({key_of(c) for c in told}) == 3, "each is an effect of its own"
    assert [c["body"]["after"][:3] for c in calls(fakes, "/echo/unlock")] == ["400", "404", "410"]
    assert len({key_of(c) for c in calls(fakes, "/echo/unlock")}) == 3
    # A keyed message is one, and says what failed last; its outputs are those of the first use.
    message, = fakes.state()["slack"]["messages"]
    assert message["text"].startswith("410") and message["edits"] == 2
    assert {c["body"]["ts"] for c in told} == {message["ts"]}
    # A list's elements are those of their own failure.
    assert [len(calls(fakes, f"/echo/each/{status}")) for status in (400, 404, 410)] == [1, 1, 1]
    assert len(calls(fakes, "/echo/first")) == 1, "what succeeded is not done again"
    done(server, f"runs/{run}/retry", {})
    whole = in_state(server, run, "succeeded")
    assert len(calls(fakes, "/echo/tell")) == 3 and len(calls(fakes, "/echo/last")) == 1
    assert len(calls(fakes, "/echo/unlock")) == 4 and calls(fakes, "/echo/unlock")[-1]["body"]["after"] is None
    assert {s["id"]: s["state"] for s in whole["steps"] if not s["elementOf"]}["tell"] == "skipped"
    assert server.api("audit/verify")["intact"]


def test_a_crash_in_the_middle_of_a_failure_tells_once(begin, fakes):
    server = begin(TELLS)
    for status in (400, 404):
        fakes.fault(path="/echo/ship", status=status)
    run = server.wait_run(accept(server), states=("failed",))["id"]
    fakes.fault(path="/echo/tell", method="POST", delayAfter=60)  # told, and we die before we hear of it
    done(server, f"runs/{run}/retry", {})
    wait_until(lambda: len(calls(fakes, "/echo/tell")) == 2)
    server.kill()
    server.start()
    in_state(server, run, "failed")
    told = calls(fakes, "/echo/tell")
    assert len(told) == 3 and key_of(told[1]) == key_of(told[2]) != key_of(told[0])
    assert len(messages(fakes)) == 1


def test_a_retry_of_the_end_alone_tells_nothing_again(begin, fakes):
    server = begin(TELLS)
    fakes.fault(path="/echo/unlock", method="POST", status=400)
    run = server.wait_run(accept(server), states=("failed",))["id"]
    done(server, f"runs/{run}/retry", {})
    in_state(server, run, "succeeded")
    assert len(calls(fakes, "/echo/unlock")) == 2 and calls(fakes, "/echo/tell") == []
    assert len({key_of(c) for c in calls(fakes, "/echo/unlock")}) == 1, "it is the same effect"


# -- keys

KEYED = """
  main:
    on: {source: flagger}
    steps:
      - {id: say, uses: slack/message, key: 'release-${{ .event.name }}', with: {channel: "#releases", text: '${{ .event.checksum }}'}}
"""


@pytest.mark.parametrize("word", ["message_not_found", "edit_window_closed", "cant_update_message"])
def test_what_is_gone_is_made_anew(begin, fakes, word):
    server = begin(KEYED)
    for checksum in ("one", "two"):
        assert server.wait_run(accept(server, checksum=checksum))["state"] == "succeeded"
    assert messages(fakes) == ["two"]
    fakes.fault(path="/api/chat.update", slackError=word)
    run = server.wait_run(accept(server, checksum="three"))
    assert run["state"] == "succeeded", run
    assert messages(fakes) == ["two", "three"]
    assert server.wait_run(accept(server, checksum="four"))["state"] == "succeeded"
    assert messages(fakes) == ["two", "four"], "the new one is what is edited from then on"
    kept, = server.api("keys")["items"]
    assert (kept["target"], kept["key"], kept["state"]) == ("slack", "release-podinfo", "kept")
    assert kept["outputs"]["ts"] == fakes.state()["slack"]["messages"][1]["ts"]
    # What was made for a replay of the first is the message there is.
    asked = [r["request"] for a in run["steps"][0]["attempts"] for r in a["requests"]]
    assert asked == ["update.edit", "post"]


def test_a_crash_while_it_is_made_anew_is_as_one_in_a_first_use(begin, fakes):
    server = begin(KEYED.replace("uses: slack", "onUnclear: hold, uses: slack"))
    assert server.wait_run(accept(server, checksum="one"))["state"] == "succeeded"
    fakes.fault(path="/api/chat.update", slackError="message_not_found")
    fakes.fault(path="/api/chat.postMessage", delayAfter=60)
    event = accept(server, checksum="two")
    wait_until(lambda: len(messages(fakes)) == 2)
    server.kill()
    server.start()
    run = server.wait_run(event, states=("waiting",))
    assert run["steps"][0]["held"] and messages(fakes) == ["one", "two"], "nobody knows, so nothing is sent again"
    refused = act(server, "keys/forget", {"target": "slack", "key": "release-podinfo"})
    assert refused.status == 409 and run["id"] in refused.json["detail"] and "unclear" in refused.json["detail"]
    done(server, f"runs/{run['id']}/resume", {"as": "repeat"})
    in_state(server, run["id"], "succeeded")
    assert messages(fakes) == ["one", "two", "two"]
    assert server.wait_run(accept(server, checksum="three"))["state"] == "succeeded"
    assert messages(fakes) == ["one", "two", "three"]


def test_what_a_step_made_itself_and_is_gone_is_another_effect(begin, fakes):
    server = begin(KEYED.replace("uses: slack", "onUnclear: hold, uses: slack"))
    run = server.wait_run(accept(server, checksum="one"))["id"]
    fakes.fault(path="/api/chat.update", slackError="message_not_found")
    done(server, f"runs/{run}/replay", {})
    wait_until(lambda: messages(fakes) == ["one", "one"])
    replayed, = [r for r in server.items("runs") if r["id"] != run]
    in_state(server, replayed["id"], "succeeded")
    asked = [r["key"] for i in (run, replayed["id"]) for a in server.api(f"runs/{i}")["steps"][0]["attempts"] for r in a["requests"] if r["request"] == "post"]
    assert len(asked) == 2 and asked[0] != asked[1]


def test_a_key_is_listed_and_forgotten(begin, fakes):
    server = begin(KEYED)
    assert server.cli("keys", "list", check=0).stdout == "no step has used a key\n"
    run = server.wait_run(accept(server, checksum="one"))
    listed = server.cli("keys", "list", check=0).stdout
    assert "release-podinfo" in listed and "kept" in listed and run["id"] in listed
    assert re.search(r"kept +\d+s +run_", listed) and listed.split("\n")[0].split()[3] == "AGE", listed
    server.cli("keys", "forget", "slack", "release-other", check=1)
    refused = server.cli("keys", "forget", "slack", "release-podinfo", check=2).stderr
    assert run["id"] in refused and "--yes" in refused and len(server.api("keys")["items"]) == 1
    said = server.cli("keys", "forget", "slack", "release-podinfo", "--yes", check=0).stdout
    assert said.startswith("forgotten")
    assert server.api("keys")["items"] == []
    assert server.wait_run(accept(server, checksum="two"))["state"] == "succeeded"
    assert messages(fakes) == ["one", "two"]
    # The step that made the first is another effect by now: its replay changes what there is.
    done(server, f"runs/{run['id']}/replay", {"stale": True})
    wait_until(lambda: messages(fakes) == ["one", "one"])
    page = server.api("keys?limit=1&target=slack")
    assert len(page["items"]) == 1 and server.api("keys?limit=1&after=" + page["next"])["items"] == []
    assert server.api("audit/verify")["intact"]


# -- held steps

HELD = """
  main:
    on: {source: flagger}
    concurrency: {policy: parallel}
    steps:
      - {id: go, uses: web/request, with: {method: POST, path: '/go/${{ .event.name | @uri }}'}}
      - {id: after, uses: web/request, with: {method: PUT, path: '/after/${{ .event.name | @uri }}'}}
"""


def test_held_steps_are_answered_by_cause(begin, fakes):
    server = begin(HELD)
    runs = []
    for number in range(4):
        fakes.fault(path=f"/echo/go/app-{number}", close="after")
        runs.append(server.wait_run(accept(server, name=f"app-{number}"), states=("waiting",))["id"])
    fakes.fault(path="/echo/go/other", status=500)
    other = server.wait_run(accept(server, name="other"), states=("waiting",))["id"]
    groups = {g["count"]: g for g in server.api("held")["items"]}
    assert set(groups) == {1, 4} and groups[4]["workflow"] == "main" and groups[4]["cause"].startswith("go: ")
    assert groups[4]["cause"] in server.cli("runs", "held", "-o", "wide", check=0).stdout
    server.environment["COLUMNS"] = "40"
    shown, = [line for line in re.findall(r"^4 .*\n(.*)", server.cli("runs", "held", check=0).stdout, re.M)]
    del server.environment["COLUMNS"]
    cause = shown[shown.index("go: "):]
    assert cause.endswith("…") and len(shown) <= 40
    assert re.search(r"\n4 +main +run_\w+ +\d+s\n    go: no answer to POST", server.cli("runs", "held", check=0).stdout)
    refused = server.cli("runs", "resume", "--cause", cause, "--as", "done", check=2).stderr
    assert "answer 4 held steps as done" in refused and runs[0] in refused and "--yes" in refused
    said = server.cli("runs", "resume", "--cause", cause, "--as", "done", "--yes", check=0).stdout
    assert said == "answered 4 held steps as done\n"
    for number, run in enumerate(runs):
        in_state(server, run, "succeeded")
        assert len(calls(fakes, f"/echo/go/app-{number}")) == len(calls(fakes, f"/echo/after/app-{number}")) == 1
    assert server.cli("failures", check=0).stdout == "no failures; 1 step is held: `postlude runs held`\n"
    assert server.cli("failures", "--workflow", "main", check=0).stdout.startswith("no failures; 1 step is held")
    assert "`runs held` lists them" in server.cli("runs", "list", "--state", "held", check=2).stderr
    # A second time there is nothing to answer; the other cause stays as it was.
    server.cli("runs", "resume", "--cause", groups[4]["cause"], "--as", "done", check=1)
    assert server.api(f"runs/{other}")["state"] == "waiting"
    answered = act(server, "held/resume", {"cause": groups[1]["cause"], "as": "repeat", "workflow": "main"})
    assert answered.status == 200 and answered.json == {"done": 1, "refused": [], "more": False}
    in_state(server, other, "succeeded")
    assert len(calls(fakes, "/echo/go/other")) == 2
    for body, status, word in (({"as": "done"}, 400, "cause"), ({"cause": "x", "as": "perhaps"}, 400, "done, repeat or fail"),
                               ({"cause": "x", "as": "done"}, 404, "no held step"), ({"cause": "x", "as": "done", "all": "1"}, 400, "unknown 'all'")):
        refused = act(server, "held/resume", body)
        assert refused.status == status and word in refused.json["detail"], refused.json
    server.cli("runs", "resume", "--as", "done", check=2)
    server.cli("runs", "resume", other, "--cause", "x", "--as", "done", check=2)


def test_a_lost_answer_is_one_cause_whoever_lost_it(begin, fakes):
    """The connection, or the process: what a person has to find out is the same."""
    server = begin(HELD)
    fakes.fault(path="/echo/go/app-1", close="after")
    server.wait_run(accept(server, name="app-1"), states=("waiting",))
    fakes.fault(path="/echo/go/app-2", delayAfter=60)
    event = accept(server, name="app-2")
    wait_until(lambda: calls(fakes, "/echo/go/app-2"))
    server.kill()
    server.start()
    run = server.wait_run(event, states=("waiting",))
    group, = server.api("held")["items"]
    assert group["count"] == 2 and group["cause"].startswith("go: no answer to POST http") and group["last"] == run["id"], group
    server.cli("runs", "resume", "--cause", group["cause"], "--as", "done", "--yes", check=0)
    in_state(server, run["id"], "succeeded")


# -- simulate

def same(server, events):
    said = server.cli("simulate", "--config", str(server.config_file), check=None).stdout
    assert said.endswith(f"{events} events: {events} the same, 0 different\n") and "otherwise" not in said, said


def test_simulating_the_same_finds_keyed_retried_and_resumed_runs_the_same(begin, fakes):
    server = begin(KEYED + HELD.replace("main:", "held:").replace("on: {source: flagger}", 'on: {source: flagger, name: held}') + TELLS.replace("main:", "tells:").replace("on: {source: flagger}", "on: {source: flagger, name: told}"))
    for checksum in ("one", "two"):  # a first use, and one that changes it
        assert server.wait_run(accept(server, checksum=checksum), workflow="main")["state"] == "succeeded"
    same(server, 2)
    fakes.fault(path="/api/chat.update", slackError="message_not_found")
    assert server.wait_run(accept(server, checksum="three"), workflow="main")["state"] == "succeeded"
    same(server, 3)
    fakes.fault(path="/echo/go/held", close="after")
    run = server.wait_run(accept(server, name="held"), workflow="held", states=("waiting",))["id"]
    done(server, f"runs/{run}/resume", {"as": "done"})
    in_state(server, run, "succeeded")
    same(server, 4)
    for status in (400, 404):
        fakes.fault(path="/echo/ship", status=status)
    run = server.wait_run(accept(server, name="told"), workflow="tells", states=("failed",))["id"]
    done(server, f"runs/{run}/retry", {})
    wait_until(lambda: len(calls(fakes, "/echo/unlock")) == 2)
    in_state(server, run, "failed")
    done(server, f"runs/{run}/retry", {})
    in_state(server, run, "succeeded")
    same(server, 5)
    assert json.loads(server.cli("simulate", "--config", str(server.config_file), "-o", "json", check=0).stdout)["different"] == 0
