"""docs/workflows.md does what it says: each of its examples is checked, and run on the real binary against the fakes.

A block of YAML has a comment before it: `example: NAME` is a configuration, laid over the example `base`; `file: NAME` is
a file beside it. An example stands here as it stands there, but for the durations that a test may shorten.
"""

import datetime
import json
import pathlib
import re
import subprocess
import time

import pytest
from daemon import ROOT, flagger_body, wait_until

GUIDE = ROOT / "docs" / "workflows.md"
TOKEN = "t0ken-of-the-guide"
BLOCK = re.compile(r"<!-- (example|file): (\S+) -->\n```yaml\n(.*?)```", re.DOTALL)
FOUND = BLOCK.findall(GUIDE.read_text())
EXAMPLES = {name: text for kind, name, text in FOUND if kind == "example"}
FILES = {name: text for kind, name, text in FOUND if kind == "file"}
# The connector that the examples use beside ours.
CONNECTOR = re.search(r"```yaml\n(connector: builds\n.*?)```", (ROOT / "docs" / "connectors.md").read_text(), re.DOTALL)[1]


def example(name, shorter):
    text = EXAMPLES[name]
    for was, is_now in shorter.items():
        assert was in text, f"{name} has no {was} any more"
        text = text.replace(was, is_now)
    return text


def lay_out(folder, name, shorter=None):
    """The example `base` and this one, as files of `folder`; their paths. Connectors are in a folder of it."""
    (folder / "connectors").mkdir(parents=True, exist_ok=True)
    (folder / "connectors" / "builds.yaml").write_text(CONNECTOR)
    for file, text in FILES.items():
        (folder / file).write_text(text)
    paths = [folder / "base.yaml", folder / "example.yaml"]
    paths[0].write_text(EXAMPLES["base"])
    paths[1].write_text(example(name, shorter or {}))
    return paths


class Guided:
    """An example of the guide, running."""

    def __init__(self, server, fakes):
        self.server, self.fakes = server, fakes

    def send(self, hook="post-rollout", **what):
        answer = self.server.post(f"/hooks/flagger/{hook}", flagger_body(**what), {"Authorization": f"Bearer {TOKEN}"})
        assert answer.status == 202, answer
        return answer.json["event"]

    def run(self, workflow=None, states=("succeeded", "failed", "cancelled"), **what):
        return self.server.wait_run(self.send(**what), states, workflow=workflow)

    def show(self, run):
        return self.server.api(f"runs/{run['id']}")

    def until(self, run, state, timeout=20):
        return wait_until(lambda: (r := self.show(run))["state"] == state and r, timeout, why=f"{run['id']} {state}")

    def people(self, verb, run, *more):
        return self.server.cli("runs", verb, run["id"], *more, check=0)

    def sent(self):
        """What arrived, as `METHOD path`, less what only asks."""
        return [f"{r['method']} {r['path'].removeprefix('/echo')}" for r in self.fakes.state()["requests"] if r["method"] != "GET"]

    def bodies(self, path):
        return [r["body"] for r in self.fakes.state()["requests"] if r["path"] == path]

    def said(self, channel="C0RELEASES"):
        return [m["text"] for m in self.fakes.state()["slack"]["messages"] if m["channel"] == channel]


@pytest.fixture
def guide(daemon, fakes, tmp_path):
    """guide(NAME, {"30m": "1s"}) starts the example of that name, with its targets at the fakes."""
    def start(name, shorter=None, more="", secrets=None):
        urls = {"jira": fakes.url, "slack": fakes.url + "/api", "ci": fakes.url + "/echo"}
        if "builds:" in EXAMPLES[name]:
            urls["builds"] = fakes.url + "/ci"
        targets = "targets: {" + ", ".join(f"{t}: {{url: '{u}'}}" for t, u in urls.items()) + "}\n"
        base = lay_out(tmp_path / "guide", name, shorter)
        return Guided(daemon(targets + more, base=base, environment={"TOKEN": TOKEN, **(secrets or {})},
                             arguments=["--connectors", str(tmp_path / "guide" / "connectors")]), fakes)
    return start


def states(run):
    return [step["state"] for step in run["steps"]]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# -- the page itself

def test_every_block_is_an_example():
    assert GUIDE.read_text().count("```yaml") == len(FOUND) > 15
    assert len(EXAMPLES) + len(FILES) == len(FOUND), "a name stands once"


def test_every_example_is_run():
    own = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_docs*.py"))
    for name in EXAMPLES:
        assert name == "base" or f'guide("{name}"' in own, f"nothing runs the example {name}"


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"base"}))
def test_check_accepts(binary, tmp_path, name):
    files = [str(path) for path in lay_out(tmp_path, name)]
    done = subprocess.run([binary, "check", *files, "--connectors", str(tmp_path / "connectors")], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout, done.stdout


def test_every_key_is_told(binary):
    """The tables name every key of the schema that is built, and none that is not there."""
    schema = json.loads(subprocess.run([binary, "schema", "config"], capture_output=True, text=True, check=True).stdout)
    text = GUIDE.read_text()
    for kind, begin, end in (("workflow", "| key |", "## Which events"), ("step", "## Steps", "### Order")):
        part = text[text.index(begin):text.index(end)]
        told = {key for row in re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
        known = schema["definitions"][kind]["properties"]
        assert told == {key for key, what in known.items() if "x-notBuilt" not in what}, kind
        for key in set(known) - told:
            assert f"`{key}`" in text[text.index("## Not built yet"):], key
    pattern = re.search(r"A pattern has any of `([^`]*)`", text)[1].split()
    assert pattern == list(schema["definitions"]["pattern"]["properties"])


# -- which events

def test_the_first_example(guide):
    with_jira = {"environment": "production", "jiraProject": "PROJ"}
    guided = guide("jira-release")
    run = guided.run(metadata=with_jira)
    assert states(run) == ["succeeded"] * 2 and guided.said() == ["Released podinfo-7774c75db4"]
    version, = guided.fakes.state()["jira"]["versions"]
    assert version["name"] == "podinfo-7774c75db4" and version["released"]
    for what, why in (({"metadata": {"environment": "staging"}}, "if: "), ({"namespace": "stage"}, "namespace")):
        event = guided.send(name="other", **what)
        shown = wait_until(lambda e=event: (s := guided.server.api(f"events/{e}"))["planned"] and s)
        assert shown["runs"] == [] and why in shown["plan"][0]["why"]


def test_patterns(guide):
    guided = guide("on")
    wanted = [({"namespace": "prod-a"}, True), ({"namespace": "stage"}, False),
              ({"namespace": "stage", "phase": "Failed", "metadata": {"tier": "1"}}, True),
              ({"namespace": "prod-b", "phase": "Failed", "metadata": {"tier": "2"}}, True),
              ({"namespace": "prod-b", "phase": "Failed", "metadata": {"tier": "3"}}, False),
              ({"namespace": "prod-b", "phase": "Failed"}, False)]
    for number, (what, runs) in enumerate(wanted):
        event = guided.send(name=f"n{number}", **what)
        plan = wait_until(lambda e=event: (s := guided.server.api(f"events/{e}"))["planned"] and s["plan"])
        assert plan[0]["runs"] is runs, (what, plan)
    # Without `hook` it is the default one.
    event = guided.send(hook="pre-rollout", name="n9", phase="Succeeded", namespace="prod-a")
    plan = wait_until(lambda: (s := guided.server.api(f"events/{event}"))["planned"] and s["plan"])
    assert plan[0]["runs"] is False and "hook" in plan[0]["why"]


def test_a_condition_that_is_none_fails_the_run(guide):
    guided = guide("jira-release", {'.event.metadata.environment == "production"': ".event.payload.metadata.environment"})
    run = guided.run(metadata={"environment": "production", "jiraProject": "PROJ"})
    assert run["state"] == "failed" and "must yield true or false" in run["reason"] and guided.sent() == []


def test_an_event_that_is_too_old(guide):
    slow = "(reduce range(1e7) as $i (0; $i)) > 0"  # so that the crash comes before the event is planned
    guided = guide("replace", {"concurrency:": f"maxAge: 1s\n    if: '{slow}'\n    concurrency:"}, "evaluator: {time: 60s}\n")
    event = guided.send()
    guided.server.kill()
    time.sleep(1.1)
    guided.server.start()
    shown = wait_until(lambda: (s := guided.server.api(f"events/{event}"))["planned"] and s)
    assert shown["runs"] == [] and "stale" in shown["plan"][0]["why"]


def test_shadow(guide):
    guided = guide("shadow")
    run = guided.run()
    assert run["state"] == "succeeded" and guided.sent() == []
    assert [r["method"] for r in guided.fakes.state()["requests"]][:1] == ["GET"], "reads are made"
    requests = [r for step in run["steps"] for a in step["attempts"] for r in a["requests"]]
    told = [r for r in requests if r["result"] == "shadow"]
    assert {r["method"] for r in told} >= {"POST"} and all(not r["status"] for r in told)
    assert "Released (shadow)" in json.dumps(told), "what was not asked for stands as a word"


def test_off(guide):
    guided = guide("shadow", {"mode: shadow": "mode: off"})
    event = guided.send()
    shown = wait_until(lambda: (s := guided.server.api(f"events/{event}"))["planned"] and s)
    assert shown["runs"] == [] and "off" in shown["plan"][0]["why"]


def test_vars_and_tables(guide):
    guided = guide("vars")
    assert guided.run()["state"] == "succeeded" and guided.run(name="other")["state"] == "succeeded"
    assert guided.said("C0PAY") == ["prod-shop/podinfo of team-blue is out"]
    assert guided.said() == ["prod-shop/other of nobody is out"]


def test_vars_that_cannot_be_had_fail_the_run(guide):
    guided = guide("vars", {"'${{ .event.namespace }}/${{ .event.name }}'": "'${{ .event.metadata.x }}/y'"})
    run = guided.run()
    assert run["state"] == "failed" and "vars" in run["reason"] and guided.said() == []


# -- concurrency

def test_replace(guide):
    guided = guide("replace")
    first = guided.run(states=("waiting",), checksum="one")
    second = guided.send(name="another", checksum="two")
    first = guided.until(first, "cancelled")
    assert states(first) == ["cancelled", "cancelled"] and first["reason"] == f"replaced by {second}"
    assert states(guided.server.wait_run(second, ("waiting",))) == ["waiting", "pending"]
    other = guided.run(states=("waiting",), namespace="elsewhere", checksum="three")
    assert other["state"] == "waiting", "another key is another queue"
    assert guided.sent() == []


def test_replace_records_what_is_under_way(guide):
    guided = guide("replace", {"30m": "1ms"})
    guided.fakes.fault(path="/echo/load-tests", hold=True)
    first = guided.send(checksum="one")
    wait_until(lambda: guided.bodies("/echo/load-tests"))
    first, = guided.server.runs_of(first)
    second = guided.send(checksum="two")
    wait_until(lambda: guided.show(first)["cancel"], why="the newer one")
    guided.fakes.release()
    second = guided.server.wait_run(second)
    shown = guided.show(first)
    assert shown["state"] == "cancelled" and states(shown) == ["succeeded", "succeeded"] and second["state"] == "succeeded"
    assert guided.bodies("/echo/load-tests") == [{"of": "one"}, {"of": "two"}]


def test_queue_is_in_the_order_of_the_events(guide):
    guided = guide("replace", {"policy: replace": "policy: queue"})
    events = [guided.send(name=f"n{n}", checksum=f"c{n}") for n in range(4)]
    for event in events:
        wait_until(lambda e=event: guided.server.runs_of(e))
    for number, event in enumerate(events):
        run = guided.server.wait_run(event, ("waiting",))
        assert [guided.server.runs_of(e)[0]["state"] for e in events[number + 1:]] == ["queued"] * (3 - number)
        guided.people("skip", run, "--step", "1")
        assert guided.server.wait_run(event)["state"] == "succeeded"
    assert guided.bodies("/echo/load-tests") == [{"of": f"c{n}"} for n in range(4)]


def test_parallel_runs_at_once(guide):
    guided = guide("replace", {"key: .event.namespace, policy: replace": "policy: parallel"})
    events = [guided.send(checksum=f"c{n}") for n in range(3)]
    for event in events:
        guided.server.wait_run(event, ("waiting",))


def test_the_runs_timeout(guide):
    guided = guide("lists", {"phase: Succeeded}": "phase: Succeeded}\n    timeout: 1s", "'/smoke/${{ .event.checksum }}'}}":
                             "/smoke}, retry: {backoff: {max: 200ms}}}"})
    guided.fakes.fault(path="/echo/smoke", status=429, times=1000)
    run = guided.run()
    assert run["state"] == "failed" and "timeout" in run["reason"]
    assert states(run)[2:] == ["skipped", "succeeded", "succeeded"], "these lists have time of their own"
    assert guided.said("C0ALERTS") and guided.sent()[-1] == "DELETE /locks/podinfo"


# -- steps

def test_a_graph(guide):
    guided = guide("graph")
    guided.fakes.fault(path="/echo/notes/*", hold=True)
    run = guided.run(states=("running",))

    def others():
        return {s["id"]: s["state"] for s in guided.show(run)["steps"]}
    wait_until(lambda: guided.bodies("/echo/notes/7774c75db4") and others()["catalog"] == "succeeded", why="what needs no notes")
    assert others() | {"version": "succeeded", "notes": "running", "tell": "pending"} == others()
    guided.fakes.release()
    run = guided.until(run, "succeeded")
    assert states(run) == ["succeeded"] * 4 + ["skipped"] and run["steps"][4]["reason"] == "if: `failure` is false"
    step = {s["id"]: s for s in run["steps"] if s["id"]}
    assert moment(step["catalog"]["finishedAt"]) < moment(step["notes"]["finishedAt"]), "it does not wait for the notes"
    assert moment(step["tell"]["startedAt"]) >= moment(step["notes"]["finishedAt"])
    assert guided.said() == ["7774c75db4: notes 200"] and guided.said("C0ALERTS") == []


def test_a_failure_in_a_graph(guide):
    guided = guide("graph")
    guided.fakes.fault(path="/echo/notes/*", status=404)
    run = guided.run()
    assert run["state"] == "failed" and states(run) == ["succeeded", "failed", "succeeded", "skipped", "succeeded"]
    assert run["steps"][3]["reason"] == "notes failed"
    assert guided.said() == [] and guided.said("C0ALERTS") == ["podinfo is out, but not everywhere"]


def test_lists(guide):
    guided = guide("lists")
    run = guided.run()
    assert states(run) == ["succeeded"] * 3 + ["skipped", "succeeded"] and run["steps"][3]["reason"] == "no step failed"
    assert guided.sent() == ["PUT /locks/podinfo", "PUT /smoke/7774c75db4", "PUT /tags/7774c75db4", "DELETE /locks/podinfo"]


def test_lists_after_a_failure(guide):
    guided = guide("lists")
    guided.fakes.fault(path="/echo/smoke/*", status=422, body={"message": "too slow"})
    run = guided.run()
    assert run["state"] == "failed" and states(run) == ["succeeded", "failed", "skipped", "succeeded", "succeeded"]
    text, = guided.said("C0ALERTS")
    assert text.startswith("smoke failed: ") and "422" in text
    assert text.endswith(f" https://postlude.example.com/#/runs/{run['id']}")
    assert guided.sent() == ["PUT /locks/podinfo", "PUT /smoke/7774c75db4", "POST /api/chat.postMessage", "DELETE /locks/podinfo"]


def test_retry(guide):
    guided = guide("retry", {"initial: 1s": "initial: 100ms"})
    guided.fakes.fault(path="/echo/catalog/*", status=429, times=2)
    assert guided.run()["state"] == "succeeded" and len(guided.sent()) == 3
    guided.fakes.fault(path="/echo/catalog/*", status=429, times=4)
    run = guided.run(checksum="next")
    assert run["state"] == "failed" and "gave up after 4 attempts" in run["reason"] and len(guided.sent()) == 7


def test_what_a_system_asks_for_may_exceed_max(guide):
    guided = guide("retry", {"max: 10s": "max: 100ms"})
    guided.fakes.fault(path="/echo/catalog/*", status=503, headers={"Retry-After": "2"})
    assert guided.run()["state"] == "succeeded"
    first, second = [r["at"] for r in guided.fakes.state()["requests"]]
    assert second - first >= 2


def test_past_for_it_fails_at_once(guide):
    guided = guide("retry")
    guided.fakes.fault(path="/echo/catalog/*", status=429, headers={"Retry-After": "601"})
    run = guided.run()
    assert run["state"] == "failed" and "10m" in run["reason"] and len(guided.sent()) == 1


def test_a_request_has_its_timeout(guide):
    guided = guide("retry", {"timeout: 5s": "timeout: 2s", "initial: 1s": "initial: 100ms"})
    guided.fakes.fault(path="/echo/catalog/*", hold=True)
    run = guided.run()
    assert run["state"] == "succeeded", "the first one hangs still"
    assert [a["outcome"] for a in run["steps"][0]["attempts"]] == ["unclear", "succeeded"]


def test_continue_on_error(guide):
    guided = guide("continue")
    guided.fakes.fault(path="/echo/badges/*", status=404)
    run = guided.run()
    assert run["state"] == "succeeded" and states(run) == ["failed", "succeeded"]
    assert guided.bodies("/echo/builds/podinfo") == [{"badge": "failed"}]


@pytest.mark.parametrize("then, state", [("fail", "failed"), ("hold", "waiting"), ("repeat", "succeeded")])
def test_on_unclear(guide, then, state):
    guided = guide("continue", {"onUnclear: fail": f"onUnclear: {then}"})
    guided.fakes.fault(path="/echo/builds/*", close="after")
    run = guided.run(states=(state,))
    assert len(guided.bodies("/echo/builds/podinfo")) == (2 if then == "repeat" else 1)
    if then == "hold":
        assert run["steps"][1]["held"] is True


def test_wait_for(guide):
    guided = guide("wait-for", {"every: 10s": "every: 1s"})
    run = guided.run(states=("waiting",))
    assert run["steps"][0]["state"] == "waiting" and run["steps"][0]["reason"] == "the job is still running: polls every 1s, for 40m"
    guided.fakes.finish_builds("failed")
    wait_until(lambda: guided.said() == ["Suite 1 has failed"], why="the red result, told")
    run = wait_until(lambda: (r := guided.show(run))["steps"][2]["state"] == "waiting" and r)
    assert run["steps"][2]["reason"] == "the job is still running: polls every 10s, for 2h"
    guided.people("skip", run, "--step", "builds/build")
    guided.until(run, "succeeded")
    assert [b["of"] for b in guided.fakes.state()["builds"]] == ["7774c75db4", "docs of 7774c75db4"]


def test_for_each(guide):
    guided = guide("for-each")
    run = guided.run(metadata={"issues": "PROJ-1,PAY-1,PROJ-2"})
    assert run["state"] == "succeeded" and guided.said() == ["2 issues are live"]
    first, second, third = run["steps"][0]["outputs"]
    assert second is None and first["id"] != third["id"]
    issues = {i["key"]: len(i["comments"]) for i in guided.fakes.state()["jira"]["issues"]}
    assert (issues["PROJ-1"], issues["PROJ-2"], issues["PAY-1"]) == (1, 1, 0)
    keys = {r["key"] for s in run["steps"] for a in s.get("attempts", []) for r in a["requests"] if r["method"] == "POST"}
    assert len(keys) == 3, "two comments and a message, each with a key of its own"


def test_for_each_goes_on_past_a_failure(guide):
    guided = guide("for-each")
    run = guided.run(metadata={"issues": "PROJ-99,PROJ-1"})
    assert run["state"] == "failed" and run["steps"][0]["reason"].startswith("1 of 2 elements failed: ")
    assert [len(i["comments"]) for i in guided.fakes.state()["jira"]["issues"] if i["key"] == "PROJ-1"] == [1]
    assert guided.said() == [] and guided.said("C0ALERTS") == ["PROJ-99 were not told"]


def test_for_each_of_nothing(guide):
    guided = guide("for-each", {'.event.metadata.issues | split(",")': "'[]'"})
    run = guided.run()
    assert run["steps"][0]["state"] == "succeeded" and run["steps"][0]["outputs"] == []
    assert guided.said() == ["0 issues are live"]


def test_for_each_of_too_much(guide):
    guided = guide("for-each", {'.event.metadata.issues | split(",")': "'[range(1001) | tostring]'"})
    run = guided.run()
    assert run["state"] == "failed" and "at most 1000" in run["reason"]


def test_for_each_takes_all_at_once(guide):
    guided = guide("for-each")
    guided.fakes.fault(path="*/comment", method="POST", hold=True, times=3)
    event = guided.send(metadata={"issues": "PROJ-1,PROJ-2,PROJ-3"})
    wait_until(lambda: len([s for s in guided.sent() if s.endswith("/comment")]) == 3, why="three at once: none is answered")
    guided.fakes.release()
    assert guided.server.wait_run(event)["state"] == "succeeded"


def test_key(guide):
    guided = guide("key")
    told = {"eventMessage": "New revision detected! Scaling up podinfo.prod-shop", "eventType": "Normal", "timestamp": "1"}
    assert guided.run("begun", hook="event", phase="Progressing", metadata=told)["state"] == "succeeded"
    assert guided.said() == ["7774c75db4 is on its way"]
    assert guided.run("ended")["state"] == "succeeded"
    assert guided.said() == ["7774c75db4: Succeeded"]
    assert [m["edits"] for m in guided.fakes.state()["slack"]["messages"]] == [1]


# -- built-in steps

CLOSED = {"{days: [fri], from: \"18:00\", to: \"24:00\"}": "{from: 2001-01-01, to: 2001-01-02}"}


def test_waits(guide):
    guided = guide("wait", {"10m": "1s", **CLOSED})
    before = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    begun = time.time()
    run = guided.run(metadata={"notBefore": before})
    assert states(run) == ["succeeded"] * 4
    freeze, soak, deadline, live = run["steps"]
    assert [a["outcome"] for a in freeze["attempts"]] == ["succeeded"], "at once where the calendar is not on"
    assert [a["outcome"] for a in soak["attempts"]] == ["waiting", "succeeded"]
    assert moment(soak["finishedAt"]) - moment(soak["startedAt"]) >= 1
    assert moment(live["startedAt"]) >= moment(before) > begun
    run = guided.run(name="other")  # unix seconds of an expression, and they are over
    assert states(run) == ["succeeded"] * 4 and run["steps"][2]["outputs"] == {}


def test_a_wait_for_a_calendar(guide):
    now = datetime.datetime.now(datetime.timezone.utc)
    today, tomorrow = now.strftime("%Y-%m-%dT00:00"), (now + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:00")
    guided = guide("wait", {"Asia/Shanghai": "UTC", '{days: [fri], from: "18:00", to: "24:00"}': f"{{from: {today}, to: {tomorrow}}}"})
    run = guided.run(states=("waiting",))
    assert states(run) == ["waiting", "pending", "pending", "pending"] and "freeze" in run["steps"][0]["reason"]
    assert run["steps"][0]["dueAt"].startswith(tomorrow)


# -- the rest of the built-in steps

def test_assert_and_set(guide):
    guided = guide("assert")
    run = guided.run()
    assert states(run) == ["succeeded"] * 3
    assert run["steps"][1]["outputs"] == {"title": "PODINFO", "tags": ["prod-shop", "canary"]}
    assert guided.bodies("/echo/titles/PODINFO") == [{"tags": ["prod-shop", "canary"]}]
    run = guided.run(checksum="main branch")
    assert run["state"] == "failed" and run["steps"][0]["reason"] == "no checksum: main branch"
    assert len(guided.sent()) == 1


def test_teams(guide):
    guided = guide("teams")
    assert guided.run(namespace="pay-eu")["state"] == "succeeded"
    assert guided.said("C0PAY") == ["podinfo: Succeeded"] and guided.said() == []
    event = guided.send(namespace="shop")
    shown = wait_until(lambda: (s := guided.server.api(f"events/{event}"))["planned"] and s)
    assert shown["runs"] == [] and "team" in shown["plan"][0]["why"]


def test_an_event_of_no_team_cannot_be_told(guide):
    guided = guide("teams", {', team: "?*"': ""})
    run = guided.run(namespace="shop")
    assert run["state"] == "failed" and run["steps"][0]["reason"] == "the event belongs to no team"


# -- Postlude's own events

def test_run_failed(guide):
    guided = guide("run-failed")
    guided.fakes.fault(path="/echo/live/*", status=403)
    run = guided.run("release")
    assert run["state"] == "failed"
    text, = wait_until(lambda: guided.said("C0ALERTS"))
    assert text.startswith("release of podinfo: set: ") and "403" in text
    event, = guided.server.items("events?source=postlude")
    assert event["hook"] == "run-failed" and event["namespace"] == "prod-shop"


def test_a_failure_to_tell_of_a_failure_makes_no_event(guide):
    guided = guide("run-failed", {"#alerts": "#nowhere"})
    guided.fakes.fault(path="/echo/live/*", status=403)
    guided.run("release")
    event, = wait_until(lambda: guided.server.items("events?source=postlude"))
    assert guided.server.wait_run(event["id"])["state"] == "failed"
    time.sleep(0.5)
    assert len(guided.server.items("events?source=postlude")) == 1


def test_a_storm(guide):
    guided = guide("storm", {"events: 50": "events: 3"})
    events = [guided.send(name=f"n{n}") for n in range(3)]
    for event in events:
        assert guided.server.wait_run(event)["state"] == "succeeded"
    late = [guided.send(name=f"m{n}") for n in range(2)]
    text, = wait_until(lambda: guided.said("C0ALERTS"))
    assert text == "flagger: storm: more than 3 events within 5m"
    for event in late:
        wait_until(lambda e=event: guided.server.runs_of(e))
    time.sleep(0.5)
    assert not [e for e in late if guided.server.runs_of(e)[0]["startedAt"]]
    assert sorted(guided.sent()[:3]) == [f"PUT /live/n{n}" for n in range(3)]
    assert [s for s in guided.sent() if "/live/m" in s] == []
    guided.server.cli("unpause", "--source", "flagger", check=0)
    for event in late:
        assert guided.server.wait_run(event)["state"] == "succeeded"
