"""What is broken is refused by name, with the exact answer, and the next good request is served."""

import itertools
import json
import threading
import time

import pytest
from bad_requests import (CONFIG, ENVIRONMENT, GOOD, MARK, ROWS, SECRET, TITLES, custom, event, github, metadata_body, raw,
                          sign, standard)
from daemon import Daemon, flagger_body, wait_until
from wire import Closed, Wire, basic, chunked, exchange, flagger_post, post

fresh = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory, binary):
    made = Daemon(tmp_path_factory.mktemp("bad"), CONFIG, environment=ENVIRONMENT)
    yield made
    made.kill()


def good(path="/hooks/open/post-rollout"):
    return flagger_post(path, flagger_body(name=f"good-{next(fresh)}"), "127.0.0.1")


def is_alive(server):
    answer = exchange(server.port, good())
    assert answer.status == 202, answer


def assert_problem(answer, status, detail):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json is not None, answer
    if detail is not None:
        assert answer.json == {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail}
    assert sorted(answer.json) == ["detail", "status", "title", "type"]
    assert answer.json["title"] == TITLES[status]
    text = answer.json["detail"]
    assert 0 < len(text) < 200 and text.isprintable(), "one short line"
    assert MARK.encode() not in answer.body, "the body is not echoed"
    for secret in ENVIRONMENT.values():
        assert secret.encode() not in answer.body
    expected = {405: ("allow", "POST"), 429: ("retry-after", "1"), 503: ("retry-after", "2")}.get(status)
    assert expected is None or answer.headers[expected[0]] == expected[1]
    assert status != 401 or answer.headers["www-authenticate"]


def test_the_table_is_long_enough():
    assert len(ROWS) >= 60 and len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("data, status, detail", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_broken_request(server, data, status, detail):
    with Wire(server.port) as wire:
        answer = wire.send(data).answer()
        assert_problem(answer, status, detail)
        if answer.headers.get("connection") == "close":
            assert wire.is_closed()
        else:  # a connection that stays open is understood from its next byte on
            answer = wire.send(good()).answer()
            assert answer.status == 202, answer
    is_alive(server)


def test_the_answer_to_head_has_no_body(server):
    with Wire(server.port) as wire:
        answer = wire.send(raw("HEAD /hooks/open/post-rollout HTTP/1.1\nHost: h\n\n")).answer(bodiless=True)
        assert answer.status == 405
        assert wire.send(good()).answer().status == 202


GOOD_ONES = {
    "bearer": lambda b: ("/hooks/bearer/post-rollout", [("Authorization", f"bearer {SECRET}")]),
    "basic": lambda b: ("/hooks/basic/post-rollout", [("Authorization", basic("flagger", SECRET))]),
    "header": lambda b: ("/hooks/header/post-rollout", [("x-token", SECRET)]),
    "query": lambda b: (f"/hooks/query/post-rollout?a=b&t={SECRET}", []),
    "github": lambda b: ("/hooks/github/post-rollout", github(b)),
    "flux": lambda b: ("/hooks/flux/post-rollout", [("X-Signature", "sha512=" + sign(SECRET, b, "sha512").hexdigest())]),
    "gitlab": lambda b: ("/hooks/gitlab/post-rollout", [("X-Gitlab-Token", SECRET)]),
    "standard": lambda b: ("/hooks/standard/post-rollout", standard(b, at=int(time.time()))),
    "custom": lambda b: ("/hooks/custom/post-rollout", custom(b)),
    "both": lambda b: ("/hooks/both/post-rollout", [("Authorization", f"Bearer {SECRET}"), ("X-Token", ENVIRONMENT["OTHER_SECRET"])]),
    "cluster": lambda b: ("/hooks/multi/cn-2/post-rollout", [("Authorization", f"Bearer {SECRET}")]),
}


@pytest.mark.parametrize("kind", GOOD_ONES)
def test_each_proof_lets_the_right_caller_in(server, kind):
    body = flagger_body(name=f"proof-{kind}")
    path, headers = GOOD_ONES[kind](body)
    answer = exchange(server.port, post(path, body, headers))
    assert answer.status == 202, answer
    assert server.api(f"deliveries/{answer.json['delivery']}")["proof"] not in (None, "none")
    stored = server.get(f"/api/v1/deliveries/{answer.json['delivery']}").body
    for secret in ENVIRONMENT.values():
        assert secret.encode() not in stored


def test_a_token_in_the_metadata_is_cut_out(server):
    answer = exchange(server.port, post("/hooks/metadata/post-rollout", metadata_body(SECRET)))
    assert answer.status == 202, answer
    stored = server.api(f"deliveries/{answer.json['delivery']}")
    assert SECRET not in json.dumps(stored) and "token" not in stored["body"]
    assert server.api(f"events/{answer.json['event']}")["metadata"] == {}


def test_unusual_but_right(server):
    body = flagger_body(name="unusual")
    for number, data in enumerate([
            post("/hooks/open/post-rollout/", event(name="slash")),
            post("/hooks/open/post-rollout?x=y", event(name="query")),
            post("http://any.host/hooks/open/post-rollout", event(name="absolute")),
            post("/hooks/%6Fpen/post-rollout", event(name="escape")),
            post("/hooks/open/post-rollout", event(name="charset"), type='Application/JSON; Charset="UTF-8"'),
            post("/hooks/open/post-rollout", event(name="suffix"), type="application/cloudevents+json"),
            post("/hooks/open/post-rollout", event(name="plain"), [("Content-Encoding", "identity")]),
            post("/hooks/open/post-rollout", chunked(event(name="chunks")[:9], event(name="chunks")[9:]),
                 [("Transfer-Encoding", "Chunked")], length=None),
            post("/hooks/open/post-rollout", event(name="more", unknown={"deep": [1, None]})),
            post("/hooks/open/post-rollout", event(name="without", checksum=...)),
            post("/hooks/open/post-rollout", event(name="blanks") + b" \r\n"),
            post("/hooks/open/event", event(name="started", phase="")),
            b"\r\n" + post("/hooks/open/post-rollout", body),
            raw(f"POST /hooks/open/post-rollout HTTP/1.0\nContent-Type: application/json\nContent-Length: {len(body)}\n\n")
            + flagger_body(name="unusual"[::-1]),
            post("/hooks/small/post-rollout", GOOD + b" " * (1024 - len(GOOD))),
    ]):
        answer = exchange(server.port, data)
        assert answer.status == 202, (number, answer)


def test_unknown_fields_are_kept(server):
    body = event(name="kept", later={"field": [1]})
    answer = exchange(server.port, post("/hooks/open/post-rollout", body))
    assert server.api(f"events/{answer.json['event']}")["payload"]["later"] == {"field": [1]}


def test_100_continue(server):
    body = flagger_body(name="waits")
    data = post("/hooks/open/post-rollout", body, [("Expect", "100-continue")])
    with Wire(server.port) as wire:
        wire.send(data[:-len(body)])
        assert wire.socket.recv(25, 0x2).startswith(b"HTTP/1.1 100 Continue")  # MSG_PEEK
        answer = wire.send(body).answer()
        assert (answer.status, answer.interim) == (202, 1)
    with Wire(server.port) as wire:  # refused by its head: no invitation
        answer = wire.send(post("/hooks/opne/post-rollout", GOOD, [("Expect", "100-continue")])[:-len(GOOD)]).answer()
        assert (answer.status, answer.interim) == (404, 0)


def test_the_same_senders_id_with_another_body(server):
    headers = [("Idempotency-Key", "call-1")]
    first = exchange(server.port, post("/hooks/open/post-rollout", event(name="first"), headers))
    again = exchange(server.port, post("/hooks/open/post-rollout", event(name="first"), headers))
    assert (first.status, again.status, again.json["event"]) == (202, 200, first.json["event"])
    answer = exchange(server.port, post("/hooks/open/post-rollout", event(name="second"), headers))
    assert_problem(answer, 422, None)
    is_alive(server)


def test_over_the_rate(server):
    assert exchange(server.port, post("/hooks/limited/post-rollout", event(name="first"))).status == 202
    answer = exchange(server.port, post("/hooks/limited/post-rollout", event(name="second")))
    assert_problem(answer, 429, "more calls than this source may make")
    answer = exchange(server.port, post("/hooks/limited/post-rollout", b"{"))
    assert_problem(answer, 429, "more calls than this source may make")  # before 400
    is_alive(server)


# -- requests that stop half-way

@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_request_leaves_nothing(server, share, how):
    before = len(server.items("events?name=cut"))
    data = post("/hooks/open/post-rollout", flagger_body(name="cut", checksum=f"{share}{how}"))
    with Wire(server.port) as wire:
        wire.send(data[:int(len(data) * share)])
        if how == "fin":
            wire.end_of_sending()
            try:
                assert wire.answer().status >= 400
            except Closed:
                pass
        else:
            wire.socket.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER 0: close() resets
    is_alive(server)
    assert len(server.items("events?name=cut")) == before


def test_a_sender_that_leaves_after_its_request_is_served(server):
    with Wire(server.port) as wire:
        wire.send(post("/hooks/open/post-rollout", flagger_body(name="left")))
    wait_until(lambda: server.items("events?name=left"))
    is_alive(server)


@pytest.mark.parametrize("broken, statuses", [
    (post("/hooks/open/post-rollout", b"{"), [202, 400, 202, 202]),
    (post("/hooks/opne/post-rollout", GOOD), [202, 404, 202, 202]),
    (post("/hooks/small/post-rollout", b" " * 3000), [202, 413, 202, 202]),
    (post("/hooks/open/post-rollout", chunked(GOOD), [("Transfer-Encoding", "chunked")], length=None, type="text/plain"),
     [202, 415, 202, 202]),
    (post("/hooks/bearer/post-rollout", GOOD), [202, 401, 202, 202]),
    (post("/hooks/open/post-rollout", GOOD, length="x"), [202, 400]),
    (post("/hooks/open/post-rollout", chunked(GOOD), [("Transfer-Encoding", "chunked")]), [202, 400]),
    (b"nonsense\r\n\r\n", [202, 400]),
], ids=["json", "path", "large", "type", "proof", "length", "both lengths", "nonsense"])
def test_among_pipelined_requests(server, broken, statuses):
    name = f"piped-{next(fresh)}"
    bodies = [flagger_body(name=name, checksum=str(n)) for n in range(3)]
    with Wire(server.port) as wire:
        wire.send(post("/hooks/open/post-rollout", bodies[0]) + broken + post("/hooks/open/post-rollout", bodies[1]) + post("/hooks/open/post-rollout", bodies[2]))
        assert [wire.answer().status for _ in statuses] == statuses
        assert statuses[-1] == 202 or wire.is_closed()
    assert len(server.items(f"events?name={name}")) == statuses.count(202), "nothing after a broken one is believed"
    is_alive(server)


def test_a_request_hidden_in_a_body_is_no_request(server):
    hidden = post("/hooks/open/post-rollout", event(name="smuggled"))
    with Wire(server.port) as wire:
        answer = wire.send(post("/hooks/open/post-rollout", hidden)).answer()
        assert answer.status == 400
    with Wire(server.port) as wire:
        wire.send(post("/hooks/opne/post-rollout", chunked(hidden), [("Transfer-Encoding", "chunked")], length=None) + good())
        assert [wire.answer().status, wire.answer().status] == [404, 202]
    assert server.items("events?name=smuggled") == []


def test_byte_by_byte(server):
    data = good()
    with Wire(server.port) as wire:
        for n in range(len(data)):
            wire.send(data[n:n + 1])
        assert wire.answer().status == 202


def test_slow_senders(server):
    """One test for all of them: each has to wait its time."""
    body = flagger_body(name="slow")
    whole = post("/hooks/open/post-rollout", body)
    found, dripping = {}, time.monotonic() + 13

    def slow(name, first, drip, expected):
        with Wire(server.port, 40) as wire:
            began = time.monotonic()
            wire.send(first)
            if drip:  # a byte now and then is as slow as none
                while time.monotonic() < dripping and wire.socket.fileno() >= 0:
                    wire.send(b"x")
                    time.sleep(0.5)
            try:
                found[name] = (wire.answer(), expected, time.monotonic() - began)
            except Closed as closed:
                found[name] = (closed, expected, time.monotonic() - began)

    cases = [("a header that stops", whole[:40], False, (408, "the headers took too long")),
             ("a header in drops", whole[:40] + b"X-", True, (408, "the headers took too long")),
             ("a body that stops", whole[:-10], False, (408, "the body took too long")),
             ("chunks that stop", post("/hooks/open/post-rollout", b"5\r\n{", [("Transfer-Encoding", "chunked")], length=None), False,
              (408, "the body took too long")),
             ("a silent connection", b"", False, None),
             ("after an answer", good(), False, "twice")]
    threads = [threading.Thread(target=slow, args=case) for case in cases]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        is_alive(server)  # while they dawdle
        time.sleep(0.5)
    assert len(found) == len(cases)
    for name, (answer, expected, took) in found.items():
        if expected is None:
            assert isinstance(answer, Closed) and str(answer).startswith("closed") and took > 19, (name, answer, took)
        elif expected == "twice":
            assert answer.status == 202
        else:
            assert not isinstance(answer, Closed), (name, answer)
            assert_problem(answer, *expected)
            assert answer.headers["connection"] == "close" and took < 25, (name, took)
    assert server.items("events?name=slow") == []


# -- hooks on which Flagger reads anything up to 202 as "go on" or "roll back"

GATES = ["confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback"]
GATE_CONFIG = """
sources:
  gates:
    type: flagger
    auth: {bearer: {env: HOOK_SECRET}}
    accept: {confirm-promotion: {phase: Nothing}, rollback: {phase: Nothing}, confirm-rollout: {phase: Nothing}}
    paths: {/my/confirm: confirm-promotion, /my/rollback: rollback}
  gopen: {type: flagger, auth: none}
workflows:
  any: {on: {hook: "*"}, steps: [{uses: wait, with: {for: 0s}}]}
"""
AUTHENTIC = [("Authorization", f"Bearer {SECRET}")]
POLL = flagger_body(phase="Progressing")
CALLS = {
    "authentic": ([post("PATH", POLL, AUTHENTIC)], {403}),
    "duplicate": ([post("PATH", POLL, AUTHENTIC)] * 3, {403}),
    "pipelined": ([post("PATH", POLL, AUTHENTIC) * 2], {403}),
    "every phase": ([post("PATH", flagger_body(phase=phase), AUTHENTIC) for phase in (
        "Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting", "Finalising",
        "Succeeded", "Failed", "Terminating", "Terminated", "")], {403}),
    "with an id": ([post("PATH", POLL, [*AUTHENTIC, ("Idempotency-Key", "x")])] * 2, {403}),
    "malformed": ([post("PATH", b"{", AUTHENTIC), post("PATH", b"", AUTHENTIC), post("PATH", b"[]", AUTHENTIC),
                   post("PATH", b'{"name":1,"namespace":"x","phase":"y"}', AUTHENTIC),
                   post("PATH", b"\xff", AUTHENTIC)], {403}),
    "no proof": ([post("PATH", POLL)], {401}),
    "wrong proof": ([post("PATH", POLL, [("Authorization", "Bearer x")])], {403}),
    "no JSON": ([post("PATH", POLL, AUTHENTIC, type="text/plain"), post("PATH", POLL, AUTHENTIC, type=None)], {415}),
    "too large": ([post("PATH", b" " * (1 << 20) + POLL, AUTHENTIC)], {413}),
    "other methods": ([post("PATH", POLL, AUTHENTIC, method=method) for method in (
        "GET", "PUT", "DELETE", "OPTIONS", "PATCH")], {405}),
    "chunked": ([post("PATH", chunked(POLL), [*AUTHENTIC, ("Transfer-Encoding", "chunked")], length=None)], {403}),
    "broken": ([post("PATH", POLL, AUTHENTIC, length="x"), b"\x16\x03\x01\r\n\r\n"], {400}),
    "with a slash and a query": ([post("PATH/?open=true", POLL, AUTHENTIC)], {403}),
}


@pytest.fixture(scope="module")
def gates(tmp_path_factory, binary):
    made = Daemon(tmp_path_factory.mktemp("gates"), GATE_CONFIG, environment=ENVIRONMENT)
    yield made
    made.kill()


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("path", [f"/hooks/gates/{hook}" for hook in GATES] + ["/my/confirm", "/my/rollback"])
def test_a_gate_never_opens_by_accident(gates, path, kind):
    calls, statuses = CALLS[kind]
    for data in calls:
        with Wire(gates.port) as wire:
            wire.send(data.replace(b"PATH", path.encode()))
            for _ in range(2 if kind == "pipelined" else 1):
                answer = wire.answer()
                assert answer.status > 202 and answer.status in statuses, answer
                assert answer.interim == 0
                assert answer.json["status"] == answer.status


def test_gates_make_no_events_and_are_kept_with_their_reason(gates):
    for hook in GATES:
        answer = exchange(gates.port, post(f"/hooks/gates/{hook}", flagger_body(name="polls"), AUTHENTIC))
        assert_problem(answer, 403, "gates are not built yet: closed")
        kept = gates.items(f"deliveries?source=gates&hook={hook}&limit=200")
        assert {(row["verdict"], row["event"]) for row in kept} == {("rejected", None)}
        assert kept[0]["reason"] == "gates are not built yet: closed" and kept[0]["status"] == 403
    assert gates.items("events") == [] and gates.items("runs") == []


@pytest.mark.parametrize("hook", GATES)
def test_an_open_source_does_not_open_its_gates(gates, hook):
    for body in (POLL, flagger_body(), b"{", b""):
        answer = exchange(gates.port, post(f"/hooks/gopen/{hook}", body))
        assert_problem(answer, 403, "gates are not built yet: closed")


def test_a_gate_pointed_at_post_rollout_by_mistake_stays_closed(gates):
    for phase in ("Progressing", "Waiting", "WaitingPromotion", "Initialized"):
        answer = exchange(gates.port, post("/hooks/gopen/post-rollout", flagger_body(phase=phase)))
        assert_problem(answer, 403, "this path takes the phases Succeeded and Failed only: point an entry of another type at "
                                    "its own path, say /hooks/gopen/event or /hooks/gopen/pre-rollout")


def test_what_is_no_request_is_counted(gates):
    name = 'postlude_broken_requests_total{status="400"}'
    before = gates.metrics().get(name, 0)
    assert exchange(gates.port, b"NOT HTTP\r\n\r\n").status == 400
    assert gates.metrics()[name] == before + 1
