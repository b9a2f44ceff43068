"""What docs/what-happens-when.md says and no other test shows: releases that overtake each other, replays of half-done
runs, failures in a 200, each way of saying "later", targets that do not work, and changes while runs wait."""

import fnmatch
import re
import time

import postlude_fakes
import pytest
from daemon import ROOT, wait_until
from test_engine import accept, calls, config, engine, moment, run_of, states  # noqa: F401 (engine is a fixture)

PAGE = ROOT / "docs" / "what-happens-when.md"


def show(server, run):
    return server.api(f"runs/{run['id']}")


def until(server, run, *wanted, timeout=20):
    return wait_until(lambda: (r := show(server, run))["state"] in wanted and r, timeout, why=f"{run['id']} in {wanted}")


def replay(server, run, *more):
    """The new run, once it has ended or waits."""
    server.cli("runs", "replay", run["id"], *more, check=0)
    runs = wait_until(lambda: len(r := server.runs_of(run["event"])) > 1 and r)
    newest = max(runs, key=lambda r: r["id"])
    return until(server, newest, "succeeded", "failed", "waiting")


# Waits until the test lets it go: no clock decides what else comes first.
GATE = "      - {uses: approval, with: {message: Go}}\n"


def let_go(server, run, *wanted):
    server.cli("runs", "approve", run["id"], check=0)
    return until(server, run, *wanted)


def sums(fakes, path="/echo/live"):
    return [c["body"]["sum"] for c in calls(fakes, "PUT", path)]


# -- the page

def named_tests(text):
    return re.findall(r"`(\w+)::([\w.]+)`", text)


def test_the_page_names_tests_that_exist():
    files = {f.stem: f for f in [*ROOT.glob("tests/*/test_*.py"), *ROOT.glob("src/*/*_test.cc")]}
    named = named_tests(PAGE.read_text())
    assert len(named) > 40
    for file, name in named:
        assert file in files, f"no file {file} of tests"
        text = files[file].read_text()
        if "." in name:
            suite, case = name.split(".")
            assert re.search(rf"^TEST(_F|_P)?\({suite}, {case}\)", text, re.MULTILINE), f"{file} has no {name}"
        else:
            assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{file} has no {name}"


def test_each_statement_of_the_page_names_a_test():
    body = PAGE.read_text().split("\n## ", 1)[1]
    for statement in re.findall(r"^ *- .*(?:\n +(?!- ).*)*", body, re.MULTILINE):
        assert named_tests(statement), f"nothing shows: {statement}"


# -- two releases of one canary

SET = "      - {id: set, uses: web/request, with: {method: PUT, path: /live, body: {sum: '${{ .event.checksum }}'}}}"


def test_in_a_queue_the_older_release_is_first_however_slow(engine, fakes):  # noqa: F811
    server = engine(SET)
    fakes.fault(path="/echo/live", status=429, headers={"Retry-After": "1"})
    old, new = accept(server, checksum="old"), accept(server, checksum="new")
    assert server.wait_run(new)["state"] == "succeeded"
    assert server.wait_run(old)["state"] == "succeeded"
    assert sums(fakes) == ["old", "old", "new"], "the newer one waited for it"


def test_an_older_release_that_is_overtaken_is_not_sent(engine, fakes):  # noqa: F811
    server = engine(SET, more="    concurrency: {policy: parallel}")
    fakes.fault(path="/echo/live", status=429, hold=True)
    old = accept(server, checksum="old")
    wait_until(lambda: sums(fakes) == ["old"])
    assert run_of(server, checksum="new")["state"] == "succeeded"
    fakes.release()
    old = server.wait_run(old)
    assert states(old) == ["skipped"] and old["steps"][0]["reason"].startswith("superseded")
    assert sums(fakes) == ["old", "new"], "what is live stays the newer one"


def test_an_overtaken_effect_that_is_not_ordered_is_had_all_the_same(engine, fakes):  # noqa: F811
    server = engine("      - {uses: web/request, with: {method: POST, path: /log, idempotencyHeader: Idempotency-Key, "
                    "body: {sum: '${{ .event.checksum }}'}}}", more="    concurrency: {policy: parallel}")
    fakes.fault(path="/echo/log", status=429, hold=True)
    old = accept(server, checksum="old")
    wait_until(lambda: calls(fakes, "POST"))
    assert run_of(server, checksum="new")["state"] == "succeeded"
    fakes.release()
    assert server.wait_run(old)["state"] == "succeeded"
    assert [c["body"]["sum"] for c in calls(fakes, "POST")] == ["old", "new", "old"]


def test_in_parallel_a_request_under_way_is_not_waited_for(engine, fakes):  # noqa: F811
    server = engine(SET.replace("/live", "'/live/${{ .event.checksum }}'"), more="    concurrency: {policy: parallel}")
    fakes.fault(path="/echo/live/old", hold=True)
    old = accept(server, checksum="old")
    wait_until(lambda: calls(fakes, "PUT"))
    assert run_of(server, checksum="new")["state"] == "succeeded"
    fakes.release()
    assert server.wait_run(old)["state"] == "succeeded"
    assert [e["what"] for e in fakes.state()["all"]] == ["/echo/live/new", "/echo/live/old"]


def test_a_replay_of_an_older_release_replaces_no_newer_one(engine, fakes):  # noqa: F811
    server = engine(GATE + SET, more="    concurrency: {policy: replace}")
    old = server.wait_run(accept(server, checksum="old"), states=("waiting",))
    let_go(server, old, "succeeded")
    new = server.wait_run(accept(server, checksum="new"), states=("waiting",))
    server.cli("runs", "replay", old["id"], check=0)
    again = max(server.runs_of(old["event"]), key=lambda r: r["id"])
    assert again["id"] != old["id"] and again["state"] == "queued"
    let_go(server, new, "succeeded")
    assert states(let_go(server, until(server, again, "waiting"), "succeeded")) == ["succeeded", "skipped"]
    assert sums(fakes) == ["old", "new"]


# -- a replay after a half-done run

HALF = """
      - {id: state, uses: web/request, with: {method: PUT, path: /state, body: {sum: '${{ .event.checksum }}'}}}
      - {id: keyed, uses: web/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key, body: {}}}
      - {id: version, uses: jira/release-version, with: {project: PROJ, name: '${{ .event.checksum }}'}}
      - {id: comment, uses: jira/comment, timeout: 1s, with: {issue: PROJ-1, body: 'Live: ${{ .event.checksum }}'}}
      - {id: build, uses: web/request, with: {method: POST, path: /build, body: {x: 1}}}
      - {id: last, uses: web/request, with: {method: PUT, path: /last}}
"""


def test_a_replay_after_a_half_done_run(engine, fakes):  # noqa: F811
    server = engine(HALF)
    fakes.fault(path="/echo/last", status=400)
    run = run_of(server)
    assert states(run) == ["succeeded"] * 5 + ["failed"]
    before = fakes.state()["effects"]
    again = replay(server, run)
    # Up to the one of which nobody can tell whether it may be done twice: a person decides.
    again = wait_until(lambda: (r := show(server, again))["steps"][4]["held"] and r, 30)
    assert states(again) == ["succeeded"] * 4 + ["waiting", "pending"] and again["replayOf"] == run["id"]
    assert "another run of this event has already sent" in again["steps"][4]["reason"]
    assert len(calls(fakes, "PUT", "/echo/state")) == 2, "state: set again"
    sent = [c["headers"]["idempotency-key"] for c in calls(fakes, "POST", "/echo/keyed")]
    assert len(sent) == 2 and len(set(sent)) == 1, "key: sent again with its key"
    assert len(fakes.state()["jira"]["versions"]) == 1, "upsert: found"
    assert len(calls(fakes, "POST", "*/comment")) == 1, "lookup: looked for, found and taken over"
    assert again["steps"][3]["outputs"] == run["steps"][3]["outputs"]
    assert len(calls(fakes, "POST", "/echo/build")) == 1, "none: held"
    assert {k: n for k, n in fakes.state()["effects"].items() if k not in sent} == {k: n for k, n in before.items() if k not in sent}
    server.cli("runs", "resume", again["id"], "--step", "build", "--as", "done", check=0)
    assert states(until(server, again, "succeeded")) == ["succeeded"] * 6
    assert len(calls(fakes, "POST", "/echo/build")) == 1 and len(calls(fakes, "PUT", "/echo/last")) == 2


def test_a_replay_takes_todays_workflow(engine, fakes):  # noqa: F811
    server = engine(SET)
    fakes.fault(path="/echo/live", status=400)
    run = run_of(server)
    assert run["state"] == "failed"
    revision = server.api("config")["revision"]
    server.write_config(config(fakes, SET.replace("/live", "/mended")))
    wait_until(lambda: server.api("config")["revision"] != revision, 15)
    server.cli("runs", "retry", run["id"], check=0)
    until(server, run, "succeeded")
    assert len(calls(fakes, "PUT", "/echo/live")) == 2, "a retry keeps the text that the run began with"
    assert replay(server, run)["state"] == "succeeded"
    assert len(calls(fakes, "PUT", "/echo/mended")) == 1


# -- a 200 with a failure inside

def test_slack_says_no_in_a_200(engine, fakes):  # noqa: F811
    server = engine("      - {uses: slack/message, with: {channel: '#releases', text: hello}}")
    fakes.fault(path="/api/chat.postMessage", slackError="channel_not_found")
    run = run_of(server)
    assert run["state"] == "failed" and "channel_not_found" in run["reason"]
    request = run["steps"][0]["attempts"][0]["requests"][0]
    assert (request["status"], request["result"]) == (200, "refused")
    assert fakes.state()["slack"]["messages"] == []


def test_slack_says_later_in_a_200(engine, fakes):  # noqa: F811
    server = engine("      - {uses: slack/message, retry: {backoff: {initial: 50ms}}, with: {channel: '#releases', text: hello}}")
    fakes.fault(path="/api/chat.postMessage", slackError="ratelimited")
    run = run_of(server)
    assert run["state"] == "succeeded" and len(fakes.state()["slack"]["messages"]) == 1
    assert [a["outcome"] for a in run["steps"][0]["attempts"]] == ["retryable", "succeeded"]


JUDGED = """
      - uses: web/request
        retry: {backoff: {initial: 50ms, max: 50ms}, for: 20s}
        with:
          method: PUT
          path: /judged
          success: .response.status == 200 and .response.body.code == 0
          retry: .response.body.code == 11232
          refuse: .response.body.code == 19001
"""


@pytest.mark.parametrize("code, outcomes", [(0, ["succeeded"]), (11232, ["retryable", "succeeded"]), (19001, ["refused"]),
                                            (7, ["unclear", "succeeded"])])
def test_a_200_is_what_its_body_says(engine, fakes, code, outcomes):  # noqa: F811
    server = engine(JUDGED)
    for said in [code, 0][:len(outcomes)]:
        fakes.fault(path="/echo/judged", status=200, body={"code": said, "msg": "sorry"})
    run = run_of(server)
    assert [a["outcome"] for a in run["steps"][0]["attempts"]] == outcomes
    assert run["state"] == ("failed" if outcomes == ["refused"] else "succeeded")


# -- "later", in each dialect

# Status, headers and body of an answer that asks for an hour; its times count from the answer.
LATER = {
    "seconds": (429, {"Retry-After": "3600"}, None),
    "float": (429, {"Retry-After": "3600.5"}, None),
    "date": (429, {"Retry-After": "{date+3600}"}, None),
    "date and the system's own clock": (429, {"Date": "{date-7200}", "Retry-After": "{date-3600}"}, None),
    "epoch": (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{epoch+3600}"}, None),
    "epoch in milliseconds": (429, {"X-RateLimit-Reset": "{millis+3600}"}, None),
    "503": (503, {"Retry-After": "3600"}, None),
    "JSON": (429, {}, {"retry_after": 3600.5, "global": False}),
    "JSON of Telegram": (429, {}, {"ok": False, "parameters": {"retry_after": 3600}}),
    "the longest counts": (429, {"Retry-After": "1"}, {"retry_after": 3600}),
}


@pytest.mark.parametrize("kind", LATER)
def test_every_way_of_saying_later(engine, fakes, kind):  # noqa: F811
    """It is due when it was asked to come again: that stands in its run, and test_retry_after shows that it waits."""
    server = engine("      - {uses: web/request, retry: {attempts: 2, for: 3h, backoff: {initial: 10ms, max: 10ms}}, "
                    "with: {method: POST, path: /l}}")
    status, headers, body = LATER[kind]
    fakes.fault(path="/echo/l", status=status, headers=headers, **({"body": body} if body else {}))
    event = accept(server)

    def told():
        run, = server.runs_of(event)
        step, = show(server, run)["steps"]
        return step["attempts"] and step["attempts"][0]["outcome"] == "retryable" and step

    step = wait_until(lambda: server.runs_of(event) and told())
    answered, = [c["answered"] for c in calls(fakes, "POST")]
    ended, due = moment(step["attempts"][0]["endedAt"]), moment(step["dueAt"])
    wanted = 3600.5 if kind in ("float", "JSON") else 3600
    early = 1 if kind in ("date", "epoch") else 0  # these have whole seconds
    # Milliseconds are cut off, and up to 10 ms added, so that not all come at once.
    assert answered + wanted - early - 0.002 <= due <= ended + wanted + 0.012, (answered, ended, due)


# -- a target that does not work

def test_a_target_that_is_down_uses_up_nobodys_attempts(daemon, fakes):  # noqa: F811
    """Both steps of the breaker: it opens after five failures, and what waits behind it has all its attempts left."""
    steps = """
      - {id: set, uses: web/request, retry: {attempts: 2, backoff: {initial: 10ms, max: 10ms}}, with: {method: PUT, path: '/x/${{ .event.name }}'}}
""" + """  down:
    on: {source: postlude, hook: target-down}
    steps: [{uses: slack/message, with: {channel: "#alerts", text: '${{ .event.payload.target }}: ${{ .event.payload.reason }}'}}]
"""
    one_by_one = config(fakes, steps).replace("web: {connector: http,", "web: {connector: http, limits: {concurrency: 1},")
    server = daemon(one_by_one, environment={"TOKEN": "t0ken-of-the-fakes"})
    fakes.fault(path="/echo/x/*", close="before", times=1000)
    events = [accept(server, name=f"n{n}") for n in range(40)]
    told, = wait_until(lambda: [m["text"] for m in fakes.state()["slack"]["messages"]])
    assert told.startswith("web: ")
    at = wait_until(lambda: len(sent := [c["at"] for c in calls(fakes)]) >= 7 and sent)
    # Five failures open it; then one request after 1, 2, 4 s, instead of 80 within a second.
    assert at[5] - at[4] >= 0.99 and at[6] - at[5] >= 1.99, at
    with postlude_fakes.LOCK:
        fakes.fakes.faults.clear()
    ended = [server.wait_run(event, timeout=60)["state"] for event in events]
    failed = [c for c in calls(fakes) if c["status"] is None]
    assert ended.count("succeeded") >= 40 - len(failed) and len(failed) < 40, (ended, len(failed))


def test_answers_that_say_later_do_not_open_the_breaker(engine, fakes):  # noqa: F811
    server = engine("""
      - {uses: web/request, retry: {backoff: {initial: 10ms, max: 10ms}}, with: {method: PUT, path: /busy}}
""" + """  down:
    on: {source: postlude, hook: target-down}
    steps: [{uses: slack/message, with: {channel: "#alerts", text: down}}]
""")
    fakes.fault(path="/echo/busy", status=429, times=30)
    assert run_of(server)["state"] == "succeeded" and len(calls(fakes)) == 31
    assert server.items("events?source=postlude") == [], "it would tell of a breaker that opens"


def test_an_answer_that_is_too_large_is_unclear(engine, fakes):  # noqa: F811
    server = engine("      - {uses: web/request, with: {method: POST, path: /x, body: {a: 1}}}")
    text = server.config_file.read_text().replace("web: {connector: http,", "web: {connector: http, maxResponse: 64B,")
    revision = server.api("config")["revision"]
    server.config_file.write_text(text)
    wait_until(lambda: server.api("config")["revision"] != revision, 15)
    run = server.wait_run(accept(server), states=("waiting",))
    assert run["steps"][0]["held"] is True and run["steps"][0]["unclear"] is True


# -- changes while runs wait

WAITING = GATE + "      - {uses: web/request, with: {method: PUT, path: /then}}"


def test_a_workflow_that_is_removed_goes_on_where_it_began(engine, fakes):  # noqa: F811
    server = engine(WAITING)
    run = server.wait_run(accept(server), states=("waiting",))
    revision = server.api("config")["revision"]
    server.write_config(config(fakes, SET).replace("  main:", "  other:"))
    wait_until(lambda: server.api("config")["revision"] != revision, 15)
    assert let_go(server, run, "succeeded", "failed")["state"] == "succeeded"
    assert len(calls(fakes, "PUT", "/echo/then")) == 1


def test_a_run_that_missed_its_target_goes_on_once_it_is_back(engine, fakes):  # noqa: F811
    server = engine(WAITING)
    run = server.wait_run(accept(server), states=("waiting",))
    before = server.config_file.read_text()
    revision = server.api("config")["revision"]
    server.config_file.write_text(before.replace("web: {", "web2: {").replace("web/request", "web2/request"))
    wait_until(lambda: server.api("config")["revision"] != revision, 15)
    run = let_go(server, run, "failed")
    assert "there is no target 'web'" in run["reason"] and calls(fakes) == []
    server.config_file.write_text(before)
    wait_until(lambda: server.api("config")["revision"] == revision, 15)
    server.cli("runs", "retry", run["id"], check=0)
    until(server, run, "succeeded")
    assert len(calls(fakes, "PUT", "/echo/then")) == 1


def test_a_wait_that_ended_while_we_were_down_ends_at_the_start(engine, fakes):  # noqa: F811
    server = engine("      - {uses: wait, with: {for: 6s}}\n" + SET)
    run = server.wait_run(accept(server), states=("waiting",))
    server.kill()
    due = moment(run["steps"][0]["dueAt"])
    time.sleep(max(0, due - time.time()))
    begun = time.time()
    server.start()
    wait, _ = until(server, run, "succeeded")["steps"]
    assert [a["outcome"] for a in wait["attempts"]] == ["waiting", "succeeded"]
    assert moment(wait["finishedAt"]) - begun < 6, "a wait that began anew would take as long again"


def test_what_was_accepted_and_not_begun_is_done_after_a_crash(engine, fakes):  # noqa: F811
    server = engine(SET.replace("/live", "'/live/${{ .event.name }}'"))
    events = [accept(server, name=f"n{n}") for n in range(30)]
    server.kill()
    server.start()
    for event in events:
        assert server.wait_run(event)["state"] == "succeeded"
        assert len(server.runs_of(event)) == 1
    paths = [c["path"] for c in calls(fakes)]
    assert sorted(set(paths)) == sorted(f"/echo/live/n{n}" for n in range(30))


def test_what_was_recorded_is_not_sent_again(engine, fakes):  # noqa: F811
    server = engine("      - {uses: web/request, with: {method: POST, path: /build, body: {}}}\n" + WAITING)
    run = server.wait_run(accept(server), states=("waiting",))
    server.kill()
    server.start()
    let_go(server, run, "succeeded")
    assert fnmatch.filter([c["path"] for c in calls(fakes, "POST")], "/echo/build") == ["/echo/build"]
