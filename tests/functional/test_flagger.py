"""What Flagger really sends, and what a real Flagger did to Postlude: each a history with the bytes of its calls."""

import base64
import json
import re
import time

import pytest
from daemon import flagger_body, wait_until

TOKEN = "t0ken-of-flagger"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SOURCES = "sources: {flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}, {hmac: github, secret: {env: SIGNING}}]%s}}\n"
CONFIG = SOURCES + """
workflows:
  ended: {on: {source: flagger}, concurrency: {policy: parallel}, steps: [{uses: set, with: {values: {ended: true}}}]}
  begun: {on: {source: flagger, hook: [pre-rollout, rollout]}, concurrency: {policy: parallel},
          steps: [{uses: set, with: {values: {begun: true}}}]}
"""
ENVIRONMENT = {"TOKEN": TOKEN, "SIGNING": "a-secret-to-sign-with"}


@pytest.fixture(scope="module")
def server(tmp_path_factory, binary):
    from daemon import Daemon
    made = Daemon(tmp_path_factory.mktemp("flagger"), CONFIG % "", environment=ENVIRONMENT)
    yield made
    made.kill()


class Canary:
    """Its calls, as Flagger 1.44 makes them."""
    clock = 1_796_000_000_000

    def __init__(self, server, name):
        self.server, self.name, self.events = server, name, []

    def call(self, hook, phase, checksum, metadata=None, headers=None):
        body = flagger_body(name=self.name, namespace="test", phase=phase, checksum=checksum, metadata=metadata)
        return self.server.post(f"/hooks/flagger{hook and '/' + hook}", body, {**BEARER, **(headers or {})})

    def taken(self, *arguments, **options):
        """The event of a call, and whether it is a new one."""
        answer = self.call(*arguments, **options)
        assert answer.status in (200, 202), answer
        assert answer.json["duplicate"] is (answer.status == 200)
        return answer.json["event"], answer.status == 202

    def tell(self, message, phase="Progressing", checksum="7774c75db4", kind="Normal"):
        Canary.clock += 1
        return self.taken("event", phase, checksum,
                          {"eventMessage": message, "eventType": kind, "timestamp": str(Canary.clock)})

    def end(self, checksum="7774c75db4", phase="Succeeded", metadata=None):
        return self.taken("post-rollout", phase, checksum, metadata)

    def deliveries(self):
        return [d for d in self.server.items("deliveries") if d.get("event") or self.name in json.dumps(d)]


@pytest.fixture
def canary(server, request):
    return Canary(server, re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-"))


def why(server, answer):
    """The reason in the record of a refused call."""
    return next(d["reason"] for d in server.items("deliveries") if d["status"] == answer.status)


# -- D1: an event entry at the path of post-rollout, or at the bare one

@pytest.mark.parametrize("message", ["Post-rollout check jira passed", "Promotion completed! Scaling down podinfo.test",
                                     "New revision detected! Scaling up podinfo.test"])
@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Progressing"])
def test_an_event_is_no_release(server, canary, message, phase):
    metadata = {"eventMessage": message, "eventType": "Normal", "timestamp": "1578607635167", "team": "a"}
    refused = canary.call("post-rollout", phase, "7774c75db4", metadata)
    assert refused.status == 403 and "/hooks/flagger/event" in refused.json["detail"], refused
    assert "/hooks/flagger/event" in why(server, refused)
    bare = canary.call("", phase, "7774c75db4", metadata)
    assert bare.status == 404 and "/hooks/flagger/event" in bare.json["detail"], bare
    assert not [e for e in server.items("events") if e["name"] == canary.name]


def test_metadata_of_a_users_own_is_no_event(canary):
    assert canary.end(metadata={"eventMessage": "mine", "timestamp": "1"})[1]


# -- D2: an idle canary's confirm-rollout at the bare path

@pytest.mark.parametrize("path", ["", "/"])
def test_a_bare_path_opens_no_gate(server, canary, path):
    body = flagger_body(name=canary.name, namespace="test", phase="Succeeded", checksum="7774c75db4")
    answer = server.post("/hooks/flagger" + path, body, BEARER)
    assert answer.status == 404
    assert "/hooks/flagger/post-rollout" in answer.json["detail"] and "/hooks/flagger/event" in answer.json["detail"]
    assert [e for e in server.items("events") if e["name"] == canary.name] == []
    wait_until(lambda: f"canary=test/{canary.name}" in server.log(), why="the log names the canary")
    line = next(line for line in server.log().splitlines() if f"canary=test/{canary.name}" in line)
    assert "level=error" in line and "/hooks/flagger/post-rollout" in line, line
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        stranger = server.post("/hooks/flagger" + path, body, {"Content-Type": "application/json", **headers})
        assert stranger.status == 404 and "/hooks" not in stranger.body.decode(), stranger


@pytest.mark.parametrize("phase", ["Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting", "Finalising"])
def test_a_foreign_phase_is_told_its_path(server, canary, phase):
    answer = canary.call("post-rollout", phase, "7774c75db4")
    assert answer.status == 403 and "/hooks/flagger/pre-rollout" in answer.json["detail"], answer
    assert "/hooks/flagger/pre-rollout" in why(server, answer)


def test_a_source_keeps_the_paths_it_lists(daemon):
    made = daemon(CONFIG % ", paths: {/jira-update: post-rollout}", environment=ENVIRONMENT)
    assert made.post("/jira-update", flagger_body(), BEARER).status == 202
    assert made.post("/jira-update/", flagger_body(), BEARER).json["duplicate"] is True
    assert made.post("/jira-update", flagger_body(phase="Waiting"), BEARER).status == 403


# -- D3: a canary that fails again and again

def test_a_failure_is_not_renewed_by_its_repeats(daemon):
    made = daemon(CONFIG % ", dedupe: {window: 2s}", environment=ENVIRONMENT)
    canary = Canary(made, "sad")
    first = canary.end(phase="Failed")
    assert first[1]
    seen = []
    wait_until(lambda: seen.append(canary.end(phase="Failed")) or seen[-1][1], 20, 0.4, "the window's end, though repeats come")
    assert {event for event, new in seen[:-1]} == {first[0]} and len(seen) > 2
    assert made.api(f"events/{first[0]}")["outcome"] == "failed"


def test_a_b_a(canary):
    assert canary.end("aaa")[1] and canary.end("bbb")[1] and canary.end("aaa")[1] and not canary.end("aaa")[1]


def test_what_does_not_stand_between(server, canary):
    first, new = canary.end()
    assert new
    body = flagger_body(name=canary.name, namespace="test", phase="Waiting", checksum="7774c75db4")
    assert server.post("/hooks/flagger/post-rollout", body, BEARER).status == 403
    assert server.post("/hooks/flagger", body, BEARER).status == 404
    assert server.post("/hooks/flagger/event", body, {"Authorization": "Bearer wrong"}).status == 403
    assert server.post("/hooks/flagger/event", body[:-1], BEARER).status == 400
    assert canary.end() == (first, False)


# -- D4: another checksum closes an opening

@pytest.mark.parametrize("hook", ["pre-rollout", "rollout"])
def test_another_checksum_begins_anew(canary, hook):
    def begins(checksum, metadata=None):
        return canary.taken(hook, "Progressing", checksum, metadata)[1]
    assert begins("bbb") and not begins("bbb")
    assert begins("ccc") and begins("bbb") and not begins("bbb")
    assert begins("bbb", {"team": "a"}) and not begins("bbb")
    canary.tell("New revision detected! Restarting analysis for x.test", checksum="ccc")
    assert begins("bbb")
    # What trails the end of another release closes nothing.
    canary.tell("Post-rollout check jira passed", checksum="aaa")
    canary.tell("Promotion completed! Scaling down x.test", phase="Succeeded", checksum="aaa")
    assert not begins("bbb")
    assert canary.end("bbb")[1] and begins("bbb")


# -- D5: nobody has looked at the cluster

def test_check_refuses_an_outcome_that_never_comes(binary, tmp_path):
    import subprocess
    config = tmp_path / "postlude.yaml"
    for outcome in ("rolledBack", "promotionFailed", "unchanged"):
        config.write_text(SOURCES % "" + f"workflows: {{w: {{on: {{source: flagger, outcome: {outcome}}}, "
                                         "steps: [{uses: set, with: {values: {a: 1}}}]}}\n")
        done = subprocess.run([binary, "check", str(config)], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 1, done
        assert outcome in done.stdout + done.stderr and "failed" in done.stdout + done.stderr, done
    config.write_text(SOURCES % "" + "workflows: {w: {on: {source: flagger, outcome: [promoted, failed]}, "
                                     "steps: [{uses: set, with: {values: {a: 1}}}]}}\n")
    done = subprocess.run([binary, "check", str(config)], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done


# -- D8: two entries, with event hooks wired

@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_two_entries_of_one_end_are_one_event(canary, phase):
    first, new = canary.end(phase=phase)
    assert new
    canary.tell("Post-rollout check jira passed", phase="Progressing" if phase == "Failed" else phase)
    assert canary.end(phase=phase) == (first, False)
    canary.tell("Post-rollout check jira-again passed", phase=phase)
    canary.tell(f"Promotion completed! Scaling down {canary.name}.test", phase=phase)
    assert canary.end(phase=phase) == (first, False), "a retry whose answer was lost"
    canary.tell(f"New revision detected! Scaling up {canary.name}.test")
    assert canary.end(phase=phase)[1], "the next release, with the same bytes"


# -- ids of senders

def test_an_id_decides(canary):
    once = {"Idempotency-Key": canary.name}
    first = canary.taken("post-rollout", "Succeeded", "aaa", headers=once)
    assert first[1]
    canary.end("bbb")
    assert canary.taken("post-rollout", "Succeeded", "aaa", headers=once) == (first[0], False)
    assert canary.call("post-rollout", "Succeeded", "ccc", headers=once).status == 422


def test_a_signed_call_is_not_replayed_under_another_id(server, canary):
    import hashlib
    import hmac
    body = flagger_body(name=canary.name, namespace="test")
    sign = {"X-Hub-Signature-256": "sha256=" + hmac.new(ENVIRONMENT["SIGNING"].encode(), body, hashlib.sha256).hexdigest()}
    first = server.post("/hooks/flagger/post-rollout", body, {**sign, "X-GitHub-Delivery": f"{canary.name}-1"})
    assert first.status == 202
    for headers in ({"X-GitHub-Delivery": f"{canary.name}-2"}, {"Idempotency-Key": "x"}, {"webhook-id": "y"},
                    {"ce-id": "1", "ce-source": "z"}, {}):
        again = server.post("/hooks/flagger/post-rollout", body, {**sign, **headers})
        assert again.status == 200 and again.json["event"] == first.json["event"], (headers, again)
    canary.end("another")
    again = server.post("/hooks/flagger/post-rollout", body, {**sign, "X-GitHub-Delivery": f"{canary.name}-1"})
    assert again.status == 200 and again.json["event"] == first.json["event"], "the sender's own redelivery"


# -- what a body may hold

def test_null_metadata_is_none(server, canary):
    body = json.dumps({"name": canary.name, "namespace": "test", "phase": "Failed", "metadata": None}).encode()
    answer = server.post("/hooks/flagger/post-rollout", body, BEARER)
    assert answer.status == 202 and server.api(f"events/{answer.json['event']}")["metadata"] == {}


def test_a_long_phase_is_quoted_in_part(server, canary):
    before = len(server.log())
    long = canary.call("event", "P" * 900_000, "1")
    assert long.status == 202, long
    wait_until(lambda: canary.name in server.log()[before:], why="the log's line")
    assert max(len(line) for line in server.log()[before:].splitlines()) < 2000
    for answer in (canary.call("post-rollout", "Q" * 900_000, "1"),):
        assert answer.status == 403 and len(answer.body) < 500
        assert len(why(server, answer)) < 500


# -- secrets that cannot be read

def test_a_secret_that_blinks_is_not_the_callers_fault(daemon, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(TOKEN)
    made = daemon(f"sources: {{flagger: {{type: flagger, auth: [{{bearer: {{file: {secret}}}}}, "
                  "{basic: {username: f, password: {env: TOKEN}}}]}}\n", environment=ENVIRONMENT)
    assert made.post("/hooks/flagger/post-rollout", flagger_body(name="one"), BEARER).status == 202
    secret.rename(tmp_path / "away")
    for number in range(20):
        answer = made.post("/hooks/flagger/post-rollout", flagger_body(name="two"), BEARER)
        assert answer.status == 503 and "retry-after" not in answer.headers, answer
    wrong = made.post("/hooks/flagger/post-rollout", flagger_body(name="two"), {"Authorization": "Basic Zjp4"})
    assert wrong.status == 403, "of that kind all secrets are known"
    assert made.post("/hooks/flagger/post-rollout", flagger_body(name="two"),
                     {"Authorization": "Basic Zjp0MGtlbi1vZi1mbGFnZ2Vy"}).status == 202
    lines = [line for line in made.log().splitlines() if str(secret) in line and 'msg="a secret cannot be read"' in line]
    assert len(lines) == 1, lines
    assert made.metrics()['postlude_source_secrets_unreadable{source="flagger"}'] == 1
    assert made.get("/readyz").status == 200
    (tmp_path / "away").rename(secret)
    assert made.post("/hooks/flagger/post-rollout", flagger_body(name="three"), BEARER).status == 202
    assert made.metrics()['postlude_source_secrets_unreadable{source="flagger"}'] == 0


def test_a_source_without_a_secret_is_named_and_answers_503(daemon):
    made = daemon("sources:\n"
                  "  blind: {type: flagger, auth: [{bearer: {env: NOT_SET}}]}\n"
                  "  seeing: {type: flagger, auth: [{bearer: {env: TOKEN}}]}\n", environment=ENVIRONMENT)
    def named():
        return [line for line in made.log().splitlines() if "NOT_SET" in line and 'level=warn msg="a secret' in line]
    assert len(named()) == 1, named()
    assert [line for line in made.log().splitlines() if "level=warn" in line and "source=blind" in line and "503" in line]
    for headers in ({}, BEARER):
        for _ in range(10):
            assert made.post("/hooks/blind/post-rollout", flagger_body(), headers).status == 503
    assert len(named()) == 1, named()
    assert made.get("/readyz").status == 200
    made.write_config("sources: {blind: {type: flagger, auth: [{bearer: {env: NOT_SET}}]}}\n")
    wait_until(lambda: made.get("/readyz").status == 503, why="no source is usable")


def test_a_secret_in_a_refused_call_is_read_nowhere(daemon):
    made = daemon(CONFIG % "", environment=ENVIRONMENT)
    secret = ENVIRONMENT["SIGNING"]
    spelled = [secret, secret.replace("-", "%2D"), secret.replace("-", "%252d"), base64.b64encode(secret.encode()).decode(),
               base64.b32encode(secret.encode()).decode().strip("="), secret.encode().hex()]
    for text in spelled:  # a call that goes astray, one without proof, one that cannot be read: few enough to be stored
        for path in (f"/hooks/flagger/post-rollout/{text}", f"/hooks/flagger/post-rollout?a={text}"):
            time.sleep(0.2)
            assert made.post(path, flagger_body(), {"X-Note": text, "User-Agent": text}).status in (401, 404)
        body = json.dumps({"name": "a", "namespace": "b", "phase": 7, "deep": [{"note": text}]}).encode()
        assert made.post("/hooks/flagger/post-rollout", body, BEARER).status == 400
    wait_until(lambda: len(made.items("deliveries")) >= len(spelled) + 2, why="their records; equal ones are one")
    made.stop()
    kept = made.log().encode() + b"".join(file.read_bytes() for file in sorted(made.folder.glob("*.db*")))
    assert b"post-rollout/***" in kept and b"deep" in kept
    for text in spelled:
        assert text.encode() not in kept, text
