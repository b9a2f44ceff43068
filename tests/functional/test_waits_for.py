"""What a run that is queued, and a step whose time has come, still wait for: told by `runs show`, `explain` and the API."""

import pytest
from daemon import flagger_body, free_port, wait_until

HOOK = "/hooks/flagger/post-rollout"


def config(url, limits="", more=""):
    return f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{url}', auth: none{limits}}}}}
workflows:
  w:
    on: {{source: flagger}}
    {more}
    steps: [{{id: go, uses: web/request, retry: {{backoff: {{initial: 10ms, max: 10ms}}}}, with: {{method: PUT, path: /go}}}}]
"""


def accept(server, **what):
    event = server.post(HOOK, flagger_body(**what)).json["event"]
    return wait_until(lambda: server.items(f"runs?event={event}"))[0]["id"]


def step_waits(server, words):
    """Until a step of some run waits for what holds these words; its run and the text."""
    def look():
        for run in server.items("runs"):
            text = server.api(f"runs/{run['id']}")["steps"][0]["waitsFor"]
            if text and words in text:
                return run["id"], text
        return None
    return wait_until(look, why=words)


def test_a_queued_run_names_the_one_before_it(daemon, fakes):
    server = daemon(config(fakes.url + "/echo", more="concurrency: {policy: queue}"))
    fakes.fault(path="/echo/go", hold=True)
    runs = [accept(server, checksum=str(number)) for number in range(3)]
    shown = [server.api(f"runs/{run}")["waitsFor"] for run in runs]
    queue = server.api(f"runs/{runs[0]}")["queue"]
    assert shown == [None, f"{runs[0]}, which is before it in the queue '{queue}'",
                     f"{runs[1]}, which is before it in the queue '{queue}', and 1 more"]
    for words in (["runs", "show", runs[2]], ["explain", runs[2]]):
        assert f"waits for   {runs[1]}" in server.cli(*words, check=0).stdout
    assert server.api(f"explain/{runs[1]}")["runs"][0]["waitsFor"] == shown[1]
    fakes.release()
    for run in runs:
        wait_until(lambda: server.api(f"runs/{run}")["state"] == "succeeded")
        assert server.api(f"runs/{run}")["waitsFor"] is None


def test_a_step_waits_for_room(daemon, fakes):
    server = daemon(config(fakes.url + "/echo", ", limits: {concurrency: 1}", "concurrency: {policy: parallel}"))
    fakes.fault(path="/echo/go", hold=True)
    for name in ("one", "two"):
        accept(server, name=name)
    run, text = step_waits(server, "slot")
    assert text == "a free slot of target web: all that its `concurrency` allows are in use (1)"
    for words in (["runs", "show", run], ["explain", run]):
        assert f"     waits for {text}\n" in server.cli(*words, check=0).stdout
    fakes.release()
    wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["state"] == "succeeded")


def test_a_step_waits_for_the_rate(daemon, fakes):
    server = daemon(config(fakes.url + "/echo", ", limits: {rate: 1/h}", "concurrency: {policy: parallel}"))
    for name in ("one", "two"):
        accept(server, name=name)
    _, text = step_waits(server, "rate")
    assert text.startswith("the rate of target web (1/h); the next attempt is in 59m") or "in 1h" in text, text


def test_a_step_waits_for_a_target_that_does_not_work(daemon):
    server = daemon(config(f"http://127.0.0.1:{free_port()}", "", "concurrency: {policy: parallel}"))
    for number in range(6):
        accept(server, name=f"app-{number}")
    _, text = step_waits(server, "fails")
    assert text.startswith("target web, which fails (its breaker is open)"), text


def test_what_is_tried_again_says_so(daemon, fakes):
    text = config(fakes.url + "/echo").replace("{initial: 10ms, max: 10ms}", "{initial: 10h, max: 10h}, for: 100h")
    server = daemon(text)
    fakes.fault(path="/echo/go", status=503)
    run = accept(server)
    wait_until(lambda: server.api(f"runs/{run}")["retrying"])
    listed = server.cli("runs", "list", "-o", "wide", check=0).stdout
    assert "retrying (target web)" in listed and "503" in listed.split("REASON")[1], listed
    shown = server.cli("runs", "show", run, check=0).stdout
    assert "state       retrying (target web)" in shown and "waits for its next attempt, in " in shown, shown
    again, = server.api(f"runs/{run}")["retrying"]
    assert again["number"] == 1 and again["target"] == "web" and "503" in again["reason"] and again["dueAt"]
    assert server.items("runs")[0]["retrying"] == [again]
    refused = server.cli("runs", "retry", run, check=1).stderr
    assert f"{run} is running, not failed: its step go is tried again by itself, at {again['dueAt'][:19]}" in refused, refused


def test_a_target_that_was_down_is_told_when_it_answers(daemon, fakes):
    server = daemon(config(fakes.url + "/echo"))
    fakes.fault(path="/echo/go", status=503, times=7)
    run = accept(server)
    wait_until(lambda: server.api(f"runs/{run}")["state"] == "succeeded", 30)
    log = server.log()
    assert log.index("a target is down") < log.index("the target answers again") and log.count("the target answers again") == 1


@pytest.mark.parametrize("what", [["--target", "web"], ["--workflow", "w"], ["--source", "flagger"], ["--all"]])
def test_a_step_waits_for_the_end_of_a_pause(daemon, fakes, what):
    server = daemon(config(fakes.url + "/echo"))
    server.cli("pause", *what, check=0)
    run = accept(server)
    subject = "all runs" if what == ["--all"] else f"{what[0][2:]} {what[1]}"
    _, text = step_waits(server, "pause")
    assert text == f"the end of the pause of {subject} by local", text
    server.cli("unpause", *what, check=0)
    wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["state"] == "succeeded")


def test_deliveries_name_their_canary(daemon, fakes):
    server = daemon(config(fakes.url + "/echo").replace("type: flagger, auth: none", "type: flagger, auth: none, accept: {event: {namespace: other}}"))
    server.post(HOOK, flagger_body(name="shown"))
    server.post("/hooks/flagger/event", flagger_body(name="filtered"))
    server.post(HOOK, b"{")
    seen = {d["canary"]: d for d in server.items("deliveries")}
    assert seen["prod-shop/filtered"]["verdict"] == "filtered" and seen["prod-shop/shown"]["verdict"] == "accepted" and seen[None]["verdict"] == "rejected"
    listed = server.cli("deliveries", "list", check=0).stdout.splitlines()
    assert listed[0].split()[:4] == ["ID", "CANARY", "HOOK", "VERDICT"] and max(map(len, listed)) <= 80
    for named in ("prod-shop/shown", "prod-shop/filtered"):
        assert any(named in line and f" {seen[named]['hook']} " in line for line in listed), listed
        told = server.cli("explain", seen[named]["id"], check=0).stdout
        assert f"canary      {named}\n" in told and f"hook        {seen[named]['hook']}\n" in told
