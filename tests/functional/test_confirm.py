"""Whoever acts on many things at once, or on what cannot be undone, is asked first: at a terminal, or by --yes."""

import os
import pty
import subprocess

import pytest
from daemon import binary, flagger_body, wait_until

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  web: {connector: http, url: '%(url)s/echo', auth: none}
  slack: {connector: slack, url: '%(url)s/api', auth: {bearer: {env: TOKEN}}}
workflows:
  fails: {on: {source: flagger, name: "app-*"}, steps: [{uses: assert, with: {that: 'false', message: "no way"}}]}
  holds: {on: {source: flagger, name: "hold-*"}, steps: [{id: go, uses: web/request, with: {method: POST, path: '/go'}}]}
  keyed: {on: {source: flagger, name: keyed}, steps: [{uses: slack/message, key: '${{ .event.name }}', with: {channel: '#releases', text: hi}}]}
"""
HOOK = "/hooks/flagger/post-rollout"


@pytest.fixture
def server(daemon, fakes):
    made = daemon(CONFIG % {"url": fakes.url}, environment={"TOKEN": "xoxb-1"})
    fakes.fault(path="/echo/go", close="after", times=9)
    for number in range(7):
        made.wait_run(made.post(HOOK, flagger_body(name=f"app-{number}")).json["event"])
    for number in range(3):
        made.wait_run(made.post(HOOK, flagger_body(name=f"hold-{number}")).json["event"], states=("waiting",))
    assert made.wait_run(made.post(HOOK, flagger_body(name="keyed")).json["event"])["state"] == "succeeded"
    return made


def acts(server):
    failure, = server.items("failures")
    held, = server.api("held")["items"]
    return {
        "retry": (["failures", "retry", "--cause", failure["cause"]], "retry 7 failed runs",
                  lambda: retried(server) == 7),
        "dismiss": (["failures", "dismiss", "--cause", failure["cause"]], "dismiss 7 failed runs", lambda: server.items("failures") == []),
        "resume": (["runs", "resume", "--cause", held["cause"], "--as", "done"], "answer 3 held steps as done",
                   lambda: server.api("held")["items"] == []),
        "forget": (["keys", "forget", "slack", "keyed"], "forget the key 'keyed' of the target 'slack'", lambda: server.api("keys")["items"] == []),
    }


def retried(server):
    runs = [server.api(f"runs/{run['id']}") for run in server.items("runs?workflow=fails")]
    return sum(step["attemptsInAll"] > 1 for run in runs for step in run["steps"])


def at_terminal(server, words, says):
    """The command with a terminal as its standard input."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, says)
        return subprocess.run([binary(), *words, "--server", server.admin], stdin=theirs, capture_output=True, text=True, timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("act", ["retry", "dismiss", "resume", "forget"])
def test_many_at_once_are_asked_about(server, act):
    words, question, happened = acts(server)[act]
    refused = server.cli(*words, check=2)
    assert refused.stdout == "" and question in refused.stderr and "nothing was done" in refused.stderr and "--yes" in refused.stderr
    for says in (b"n\n", b"\n", b"\x04"):
        done = at_terminal(server, words, says)
        assert done.returncode == 1 and f"{question}" in done.stderr and "? [y/N] " in done.stderr and "nothing was done" in done.stderr, done
    assert not happened()
    if act in ("retry", "dismiss"):
        newest = [run["id"] for run in server.items("runs?workflow=fails")]
        assert [run for run in newest if run in done.stderr] == newest[:5] and "… and 2 more" in done.stderr and "prod-shop/app-6 fails" in done.stderr
    if act == "resume":
        assert "3 held steps of holds: run_" in done.stderr
    done = at_terminal(server, words, b"y\n")
    assert done.returncode == 0 and "? [y/N] " in done.stderr, done
    wait_until(happened, why="it was done")


def test_yes_asks_nobody(server):
    words, _, happened = acts(server)["dismiss"]
    done = server.cli(*words, "--yes", check=0)
    assert done.stderr == "" and done.stdout == "dismissed 7\n" and happened()


def test_what_is_not_there_is_not_asked_about(server):
    for words in (["failures", "retry", "--cause", "nothing"], ["runs", "resume", "--cause", "nothing", "--as", "done"],
                  ["keys", "forget", "slack", "nothing"]):
        assert "[y/N]" not in server.cli(*words, check=1).stderr
