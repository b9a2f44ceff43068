"""Every command, its exits (0 fine, 1 found wrong, 2 used wrongly, 3 could not reach), and who may use the API."""

import http.server
import json
import socket
import subprocess
import threading
import time

import pytest
import yaml
from daemon import ROOT, Daemon, flagger_body, free_port, request, wait_until

CONFIG = """
sources:
  flagger: {type: flagger, auth: none, accept: {post-rollout: {namespace: "prod-*"}}}
targets: {web: {connector: http, url: 'URL/echo', auth: none}}
workflows:
  good: {on: {source: flagger, phase: Succeeded}, steps: [{id: put, uses: web/request, with: {method: PUT, path: '/${{ .event.name }}'}}]}
  bad: {on: {source: flagger, phase: Failed}, steps: [{id: no, uses: web/request, with: {method: PUT, path: /refused}}]}
"""


@pytest.fixture(scope="module")
def web():
    import postlude_fakes
    made = postlude_fakes.Server().start()
    made.fault(path="/echo/refused", status=400, times=10**6)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, binary, web):
    """With 7 good releases, one failed, one duplicate, one filtered and one refused call."""
    made = Daemon(tmp_path_factory.mktemp("commands"), CONFIG.replace("URL", web.url))
    try:
        made.events = [made.post("/hooks/flagger/post-rollout", flagger_body(name=f"app-{n}")).json["event"] for n in range(7)]
        failed = made.post("/hooks/flagger/post-rollout", flagger_body(name="broken", phase="Failed")).json
        assert made.post("/hooks/flagger/post-rollout", flagger_body(name="broken", phase="Failed")).json["duplicate"] is True
        filtered = made.post("/hooks/flagger/post-rollout", flagger_body(namespace="dev")).json
        made.post("/hooks/flagger/post-rollout", b"{")
        made.failed, made.failed_delivery, made.filtered = failed["event"], failed["delivery"], filtered["delivery"]
        for event in [*made.events, made.failed]:
            made.wait_run(event)
        yield made
    finally:
        made.kill()


def run(binary, *arguments, **options):
    return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          **options)


# -- with something that is not a daemon

ASKING = [
    "runs list", "runs show run_1", "runs held", "runs retry run_1", "runs resume run_1 --as done",
    "runs resume --cause x --as done --yes", "runs resume --cause x --as done", "events list", "events show evt_1",
    "deliveries list", "deliveries show dlv_1", "deliveries redeliver dlv_1", "explain run_1", "pauses", "pause --all",
    "unpause --all", "failures", "failures retry --cause x --yes", "failures retry --cause x",
    "failures dismiss --cause x --yes", "keys list", "keys forget t k --yes", "keys forget t k", "audit verify",
]


@pytest.fixture(scope="module")
def stranger():
    """Answers 200 to everything, with what `says` holds."""
    class Answers(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.says)))
            self.end_headers()
            self.wfile.write(self.server.says)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize("says", [b"{}", b"[]", b"null", b"1", b'{"items":7}', b'{"items":[1]}', b'{"items":null}',
                                  b'{"done":"x","refused":7}'])
def test_an_answer_that_is_not_postludes_is_told(binary, stranger, says):
    stranger.says = says
    for words in ASKING:
        done = run(binary, *words.split(), "--server", f"127.0.0.1:{stranger.server_port}")
        assert done.returncode == 2, (words, done)
        assert done.stdout == "", words
        assert done.stderr.startswith("the answer is not Postlude's: "), (words, done.stderr)
        assert str(stranger.server_port) in done.stderr


@pytest.mark.parametrize("items", [b"{}", b'{"count":"x","cause":"x","steps":7,"attempts":[{}]}'])
def test_items_that_lack_members_do_no_harm(binary, stranger, items):
    stranger.says = b'{"items":[%s],"id":"run_1","workflow":"w","state":"s","steps":[{"attempts":[{}]}],"delivery":null,' \
        b'"event":{"plan":[{"trace":{"on":[{}]}}]},"runs":[{}],"receivedAt":""}' % items
    for words in ("runs list", "runs show run_1", "runs held", "explain run_1", "failures", "pauses", "keys list"):
        done = run(binary, *words.split(), "--server", f"127.0.0.1:{stranger.server_port}")
        assert done.returncode == 0, (words, done)


# -- what is secret in a URL

@pytest.mark.parametrize("url", ["http://u:pw123456@127.0.0.1:1", "http://u:pw123456@127.0.0.1:1/x?token=pw123456",
                                 "http://u:pw/123456@127.0.0.1:1", "ftp://u:pw123456@h/", "http://u:pw123456@[::1/",
                                 "//u:pw123456@h", "u:pw123456@127.0.0.1:1", "http://127.0.0.1:1/?token=pw123456",
                                 "http://u:p pw123456@127.0.0.1:1/"])
def test_the_credentials_of_a_url_are_not_printed(binary, url):
    for words in (["runs", "list", "--server", url], ["runs", "list", "--server", url, "--token", "pw123456"],
                  ["send", "--url", url], ["simulate", "--server", url]):
        done = run(binary, *words)
        assert done.returncode != 0
        assert "123456" not in done.stdout + done.stderr, (words, done)
    assert "123456" not in run(binary, "send", "--header", "Bearer pw123456").stderr


# -- without a daemon

@pytest.mark.parametrize("words, said", [
    ("chek x", "there is no command 'chek'; did you mean 'check'?\n"),
    ("runs retyr run_1", "there is no command 'retyr'; did you mean 'retry'?\n"),
    ("connectors foo", "there is no command 'foo'; commands: list, show\n"),
    ("connectors check F", "'postlude connectors check' is not built yet in this version of Postlude; `postlude check "
                           "--connectors DIR` checks them\n"),
    ("gates list", "'postlude gates' is not built yet in this version of Postlude\n")])
def test_words_that_are_no_command(binary, words, said):
    done = run(binary, *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_version(binary):
    done = run(binary, "version")
    assert done.returncode == 0 and done.stdout.split()[0] == "postlude" and done.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["serve"], ["check"], ["runs"], ["runs", "show"], ["runs", "retry"],
                                       ["runs", "resume", "run_1"], ["runs", "resume", "run_1", "--step", "1"],
                                       ["runs", "list", "--nothing", "x"], ["runs", "list", "-o", "xml"],
                                       ["schema"], ["schema", "nothing"], ["send", "--metadata", "novalue"],
                                       ["send", "--header", "novalue"], ["send", "--body", "/nowhere/at/all"],
                                       ["explain"], ["explain", "nothing_1"], ["connectors", "show"]])
def test_used_wrongly_is_2(binary, arguments):
    done = run(binary, *arguments)
    assert done.returncode == 2, done
    assert done.stdout == "" or arguments == [] and done.stderr, "nothing on standard output"
    assert done.stderr.strip()


@pytest.mark.parametrize("later", ["doctor", "releases", "gates", "watch",
                                   "backup", "restore"])
def test_what_is_not_built_is_refused_by_name(binary, later):
    done = run(binary, later, "--any", "thing")
    assert done.returncode == 2 and f"'postlude {later}' is not built yet" in done.stderr


@pytest.mark.parametrize("arguments", [["runs", "list"], ["runs", "show", "run_1"], ["runs", "retry", "run_1"],
                                       ["events", "list"], ["deliveries", "list"], ["explain", "evt_1"],
                                       ["runs", "resume", "run_1", "--step", "1", "--as", "done"], ["runs", "approve", "run_1"],
                                       ["runs", "cancel", "run_1"], ["pause", "--all"], ["unpause", "--all"], ["pauses"], ["failures"],
                                       ["failures", "retry", "--cause", "x"], ["deliveries", "redeliver", "dlv_1"]])
def test_could_not_reach_is_3(binary, arguments):
    url = f"http://127.0.0.1:{free_port()}"
    done = run(binary, *arguments, "--server", url)
    assert done.returncode == 3 and done.stdout == "" and url in done.stderr
    assert run(binary, "send", "--url", url + "/hooks/flagger/post-rollout").returncode == 3


def test_schemas(binary):
    for kind in ("config", "connector"):
        done = run(binary, "schema", kind)
        assert done.returncode == 0
        schema = json.loads(done.stdout)
        assert schema["$schema"].startswith("http://json-schema.org/draft-07") and schema["type"] == "object"
        # As ours, made for editors: test_schemas.py holds the two together.
        ours = json.loads((ROOT / "src" / ("app" if kind == "config" else "connector") / f"{kind}.schema.json").read_text())
        for part in ("definitions", "properties"):
            assert schema[part].keys() == ours[part].keys() != set()


def test_connectors(binary):
    listed = run(binary, "connectors", "list")
    assert listed.returncode == 0 and listed.stdout.startswith("NAME")
    items = json.loads(run(binary, "connectors", "list", "-o", "json").stdout)
    actions = {item["name"]: set(item["actions"]) for item in items["items"]}
    assert items["next"] is None
    assert {"release-version", "find-version", "create-version", "set-fix-versions", "find-issues", "transition", "comment",
            "remote-link", "create-issue", "reopen", "deployment"} == actions["jira"]
    assert {"message", "update", "webhook"} <= actions["slack"] and actions["http"] == {"request"}
    for name in actions:
        shown = run(binary, "connectors", "show", name)
        assert shown.returncode == 0 and shown.stdout.startswith(name)
    jira = run(binary, "connectors", "show", "jira")
    assert "jira/release-version" in jira.stdout and "verified:" in jira.stdout and "with.project" in jira.stdout
    one = json.loads(run(binary, "connectors", "show", "jira", "-o", "json").stdout)
    assert one["name"] == "jira" and {a["name"] for a in one["actions"]} == actions["jira"]
    assert all(a["verified"] and a["summary"] and a["input"]["type"] == "object" for a in one["actions"])
    assert json.loads(run(binary, "connectors", "show", "http", "-o", "json").stdout)["name"] == "http"
    missing = run(binary, "connectors", "show", "jirra")
    assert missing.returncode == 1 and "there is no connector 'jirra'" in missing.stderr


def test_check(binary, tmp_path):
    example = run(binary, "check", str(ROOT / "examples" / "jira-release"))
    assert example.returncode == 0 and example.stdout.splitlines()[-1] == "ok: 1 sources, 2 targets, 2 workflows"
    missing = run(binary, "check", str(tmp_path / "nothing.yaml"))
    assert missing.returncode == 1 and "nothing.yaml" in missing.stdout


# -- send

def catch_one(answer=b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"):
    """A socket that takes one request: (port, a function that waits for its bytes)."""
    listener = socket.create_server(("127.0.0.1", 0))
    caught = []

    def serve():
        with listener, listener.accept()[0] as peer:
            peer.settimeout(10)
            data = b""
            while b"\r\n\r\n" not in data:
                data += peer.recv(65536)
            top, body = data.split(b"\r\n\r\n", 1)
            length = int(next(line.split(b":")[1] for line in top.split(b"\r\n") if line.lower().startswith(b"content-length")))
            while len(body) < length:
                body += peer.recv(65536)
            caught.append((top.decode(), body))
            peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener.getsockname()[1], lambda: (thread.join(10), caught[0])[1]


def test_send_sends_flaggers_bytes(binary):
    port, caught = catch_one()
    done = run(binary, "send", "--url", f"http://flagger:p%40ss@127.0.0.1:{port}/jira-update", "--phase", "Failed", "--name", "a<b",
               "--namespace", "ns", "--checksum", "7774c75db4", "--metadata", "team=x&y", "--metadata", "cluster=ü")
    top, body = caught()
    assert done.returncode == 0, done
    assert body == ('{"name":"a\\u003cb","namespace":"ns","phase":"Failed","checksum":"7774c75db4",'
                    '"metadata":{"cluster":"ü","team":"x\\u0026y"}}').encode()
    lines = top.split("\r\n")
    assert lines[0] == "POST /jira-update HTTP/1.1"
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "basic zmxhz2dlcjpwqhnz"
    assert headers["host"] == f"127.0.0.1:{port}"


def test_send_does_not_show_what_proves_the_caller(binary, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"name": "a", "namespace": "b", "phase": "Failed", "metadata": {"hookSecret": "s3cr<t", "team": "x"}}')
    for arguments in (["--metadata", "token=s3cr<t", "--metadata", "team=x"], ["--body", str(body)]):
        port, caught = catch_one()
        done = run(binary, "send", "--url", f"http://127.0.0.1:{port}/hooks/flagger/post-rollout", *arguments)
        assert done.returncode == 0 and b"s3cr" in caught()[1]
        assert "s3cr" not in done.stderr and "***" in done.stderr and '"x"' in done.stderr, done.stderr


@pytest.mark.parametrize("arguments, message, kind", [
    (["--phase", "Progressing"], "New revision detected! Scaling up podinfo.test", "Normal"),
    ([], "Promotion completed! Scaling down podinfo.test", "Normal"),
    (["--phase", "Failed"], "Canary failed! Scaling down podinfo.test", "Warning"),
    (["--message", "Halt a.b <now>", "--type", "Warning"], "Halt a.b <now>", "Warning"),
    (["--metadata", "eventMessage=mine"], "mine", "Normal")])
def test_send_says_what_the_event_hook_says(binary, arguments, message, kind):
    port, caught = catch_one()
    before = time.time()
    done = run(binary, "send", "--url", f"http://127.0.0.1:{port}/hooks/flagger", "--hook", "event", "--metadata", "team=x", *arguments)
    _, body = caught()
    assert done.returncode == 0, done
    metadata = json.loads(body)["metadata"]
    assert list(metadata) == ["eventMessage", "eventType", "team", "timestamp"], "sorted, as Go writes a map"
    assert (metadata["eventMessage"], metadata["eventType"], metadata["team"]) == (message, kind, "x")
    assert before - 5 < int(metadata["timestamp"]) / 1000 < time.time() + 5


def test_what_only_the_event_hook_says_is_refused_elsewhere(binary, tmp_path):
    body = tmp_path / "body.json"
    body.write_text("{}")
    for arguments in (["--message", "x"], ["--type", "Normal"], ["--hook", "event", "--message", "x", "--body", str(body)]):
        done = run(binary, "send", "--url", f"http://127.0.0.1:{free_port()}/hooks/flagger/post-rollout", *arguments)
        assert done.returncode == 2 and "--hook event" in done.stderr, done


@pytest.mark.parametrize("status, code", [(200, 0), (201, 0), (202, 0), (203, 1), (204, 1), (302, 1), (403, 1), (503, 1)])
def test_send_judges_as_flagger_does(binary, status, code):
    port, caught = catch_one(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n".encode())
    done = run(binary, "send", "--url", f"http://127.0.0.1:{port}/x")
    caught()
    assert done.returncode == code, done


def test_send_to_the_daemon(server, tmp_path):
    url = f"{server.hooks}/hooks/flagger/post-rollout"
    done = server.cli("send", "--url", url, "--name", "sent", "--namespace", "prod-x", check=0)
    answer = json.loads(done.stdout)
    assert answer["duplicate"] is False and server.api(f"events/{answer['event']}")["name"] == "sent"
    again = server.cli("send", "--url", url, "--name", "sent", "--namespace", "prod-x", check=0)
    assert json.loads(again.stdout)["duplicate"] is False, "a fresh checksum: a release of its own"
    body = tmp_path / "body.json"
    body.write_bytes(flagger_body(name="from-file"))
    answer = json.loads(server.cli("send", "--url", url, "--body", body, check=0).stdout)
    assert server.api(f"events/{answer['event']}")["name"] == "from-file"
    answer = json.loads(server.cli("send", "--url", url, "--hook", "event", "--phase", "", "-q", check=0).stdout)
    assert server.api(f"events/{answer['event']}")["hook"] == "event"
    refused = server.cli("send", "--url", url, "--hook", "confirm-promotion", check=1)
    assert json.loads(refused.stdout)["status"] == 403


# -- reading

LISTS = {"deliveries": ["id", "receivedAt", "verdict", "hook", "source"], "events": ["id", "receivedAt", "hook", "name"],
         "runs": ["id", "createdAt", "workflow", "state", "event"]}


@pytest.mark.parametrize("kind", LISTS)
def test_json_is_what_the_api_returns(server, kind):
    page = server.api(f"{kind}?limit=3")
    assert sorted(page) == ["items", "next"] and len(page["items"]) == 3
    assert all(key in item for item in page["items"] for key in LISTS[kind])
    done = server.cli(kind, "list", "--limit", 3, "-o", "json", check=0)
    assert json.loads(done.stdout) == page
    table = [line for line in server.cli(kind, "list", "--limit", 3, check=0).stdout.splitlines() if line[0] != " "]
    assert table[0].startswith("ID") and [line.split()[0] for line in table[1:4]] == [i["id"] for i in page["items"]]
    assert table[4] == f"older ones: --after {page['next']}"
    one = page["items"][0]["id"]
    shown = server.api(f"{kind}/{one}")
    assert json.loads(server.cli(kind, "show", one, "-o", "json", check=0).stdout) == shown
    assert one in server.cli(kind, "show", one, check=0).stdout
    assert {key: shown[key] for key in LISTS[kind]} == {key: page["items"][0][key] for key in LISTS[kind]}


@pytest.mark.parametrize("kind", LISTS)
def test_yaml_says_the_same(server, kind):
    class Loader(yaml.SafeLoader):
        """Reads times as text, as the API has them."""
    Loader.yaml_implicit_resolvers = {
        key: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    listed = server.cli(kind, "list", "--limit", 3, "-o", "yaml", check=0).stdout
    assert yaml.load(listed, Loader) == server.api(f"{kind}?limit=3")
    for item in server.api(f"{kind}?limit=20")["items"]:
        shown = server.cli(kind, "show", item["id"], "-o", "yaml", check=0).stdout
        assert yaml.load(shown, Loader) == server.api(f"{kind}/{item['id']}")


@pytest.mark.parametrize("kind", LISTS)
def test_cursors_go_through_everything_once(server, kind):
    whole = [item["id"] for item in server.api(f"{kind}?limit=200")["items"]]
    assert len(whole) == len(set(whole)) and len(whole) >= 8
    paged, after = [], []
    while True:
        page = json.loads(server.cli(kind, "list", "--limit", 2, *after, "-o", "json", check=0).stdout)
        paged += [item["id"] for item in page["items"]]
        if not page["next"]:
            break
        after = ["--after", page["next"]]
    assert paged == whole, "the newest first, nothing twice, nothing left out"


def test_filters(server):
    def listed(*arguments):
        return json.loads(server.cli(*arguments, "--limit", 200, "-o", "json", check=0).stdout)["items"]
    assert {d["verdict"] for d in listed("deliveries", "list")} == {"accepted", "duplicate", "filtered", "rejected"}
    for verdict in ("accepted", "duplicate", "filtered", "rejected"):
        found = listed("deliveries", "list", "--verdict", verdict)
        assert found and {d["verdict"] for d in found} == {verdict}
    assert {d["id"] for d in listed("deliveries", "list", "--event", server.failed)} >= {server.failed_delivery}
    assert len(listed("deliveries", "list", "--event", server.failed)) == 2
    assert listed("deliveries", "list", "--source", "nobody") == []
    assert [e["name"] for e in listed("events", "list", "--name", "app-3")] == ["app-3"]
    assert {e["phase"] for e in listed("events", "list", "--phase", "Failed")} == {"Failed"}
    assert {e["namespace"] for e in listed("events", "list", "--namespace", "prod-shop")} == {"prod-shop"}
    assert {r["workflow"] for r in listed("runs", "list", "--workflow", "bad")} == {"bad"}
    assert [r["event"] for r in listed("runs", "list", "--state", "failed")] == [server.failed]
    assert [r["event"] for r in listed("runs", "list", "--event", server.events[0])] == [server.events[0]]
    assert server.cli("runs", "list", "--workflow", "nothing", check=0).stdout.startswith("no runs: no workflow 'nothing' is configured")
    assert server.cli("runs", "list", "--workflow", "bad", "--state", "queued", check=0).stdout == "no runs\n"


@pytest.mark.parametrize("path, word", [
    ("runs?limit=0", "limit"), ("runs?limit=x", "limit"), ("runs?limit=100000", "limit"), ("runs?state=perhaps", "perhaps"),
    ("runs?nothing=x", "nothing"), ("runs?after=evt_1", "run_"), ("runs?event=run_1", "evt_"), ("runs/nonsense", "run_"),
    ("events?workflow=x", "workflow")])
def test_wrong_questions_are_400(server, path, word):
    answer = server.get(f"/api/v1/{path}")
    assert answer.status == 400 and word in answer.json["detail"], answer
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_there_is_404(server):
    for path in ("/api/v1/runs/run_zzzz", "/api/v1/events/evt_zzzz", "/api/v1/deliveries/dlv_zzzz", "/api/v1/nothing", "/nothing",
                 "/api/v2/runs", "/api/v1"):
        answer = server.get(path)
        assert answer.status == 404 and answer.json["status"] == 404, path
    assert server.cli("runs", "show", "run_zzzz", check=1).stderr.strip()
    assert server.cli("runs", "show", "nonsense", check=2).stderr.strip()
    assert server.cli("runs", "list", "--state", "perhaps", check=2).stderr.strip()


def test_retry_by_command(server):
    failed = server.runs_of(server.failed)[0]["id"]
    done = server.cli("runs", "retry", failed, "-o", "json", check=0)
    assert json.loads(done.stdout)["id"] == failed
    wait_until(lambda: server.api(f"runs/{failed}")["state"] == "failed")
    assert len(server.api(f"runs/{failed}")["steps"][0]["attempts"]) == 2
    good = server.runs_of(server.events[0])[0]["id"]
    assert server.cli("runs", "retry", good, check=1).stderr.strip() == f"{good} is succeeded, not failed"
    assert server.cli("runs", "resume", good, "--step", "put", "--as", "done", check=1).stderr.strip() == f"{good} has ended"
    assert server.cli("runs", "retry", "run_zzzz", check=1).stderr.strip()


def test_explain(server):
    event = server.events[0]
    run_id = server.runs_of(event)[0]["id"]
    told = server.cli("explain", event, check=0).stdout
    assert run_id in told and "ran      good" in told and "not run  bad: " in told
    assert server.cli("explain", run_id, check=0).stdout == told
    for delivery in server.items(f"deliveries?event={server.failed}"):
        told = server.cli("explain", delivery["id"], check=0).stdout
        assert delivery["id"] in told and "reported by 2 deliveries" in told and "400" in told
    told = server.cli("explain", server.filtered, check=0).stdout
    assert "filtered" in told and "It made no event, so nothing ran." in told
    whole = json.loads(server.cli("explain", event, "-o", "json", check=0).stdout)
    shown = server.api(f"runs/{run_id}")
    del shown["definition"]
    for exchange in shown["steps"][0]["attempts"][0]["requests"]:
        del exchange["headers"], exchange["body"], exchange["response"]
    assert whole == {"delivery": None, "event": server.api(f"events/{event}"), "runs": [shown]}
    assert server.cli("explain", "evt_zzzz", check=1).stderr.strip()


# -- who may use the API

TOKENS = """
sources: {flagger: {type: flagger, auth: none}}
access:
  tokens:
    - {name: viewer, role: viewer, secret: {env: VIEWER}}
    - {name: operator, role: operator, secret: [{env: OPERATOR_OLD}, {env: OPERATOR}]}
    - {name: admin, role: admin, secret: {env: ADMIN}}
workflows:
  fails: {on: {source: flagger}, steps: [{uses: wait, with: {for: '${{ .event.checksum }}'}}]}
"""
SECRETS = {"VIEWER": "v-token", "OPERATOR": "o-token", "OPERATOR_OLD": "o-old-token", "ADMIN": "a-token"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, binary):
    made = Daemon(tmp_path_factory.mktemp("guarded"), TOKENS, environment=SECRETS)
    made.event = made.post("/hooks/flagger/post-rollout", flagger_body(checksum="no duration")).json["event"]
    yield made
    made.kill()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("headers, status", [
    ({}, 401), (bearer("wrong"), 401), (bearer(""), 401), ({"Authorization": "Basic di10b2tlbjo="}, 401),
    (bearer("v-token2"), 401), (bearer("v-toke"), 401), (bearer("v-token"), 200), (bearer("o-token"), 200),
    (bearer("o-old-token"), 200), (bearer("a-token"), 200), ({"Authorization": "bearer v-token"}, 200)])
def test_reading_needs_a_token(guarded, headers, status):
    for path in ("/api/v1/runs", "/api/v1/events", "/api/v1/deliveries"):
        answer = guarded.get(path, headers)
        assert answer.status == status, answer
        if status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer") and answer.json["status"] == 401


def test_acting_needs_an_operator(guarded):
    failed = lambda: guarded.get(f"/api/v1/runs?event={guarded.event}&state=failed", bearer("v-token")).json["items"]
    run_id = wait_until(failed)[0]["id"]
    path = f"/api/v1/runs/{run_id}/retry"
    for headers, status in (({}, 401), (bearer("x"), 401), (bearer("v-token"), 403)):
        answer = request(guarded.admin, "POST", path, b"{}", {"Content-Type": "application/json", **headers})
        assert answer.status == status and answer.json["status"] == status
        assert guarded.get(f"/api/v1/runs/{run_id}", bearer("v-token")).json["state"] == "failed"
    for token in ("o-token", "o-old-token", "a-token"):
        wait_until(failed)
        assert request(guarded.admin, "POST", path, b"{}", bearer(token)).status == 200


def test_the_command_takes_a_token(guarded):
    assert guarded.cli("runs", "list", check=1).stderr.strip()
    assert guarded.cli("runs", "list", "--token", "wrong", check=1).stderr.strip()
    assert "fails" in guarded.cli("runs", "list", "--token", "v-token", check=0).stdout
    guarded.environment["POSTLUDE_TOKEN"] = "v-token"
    try:
        assert "fails" in guarded.cli("runs", "list", check=0).stdout
    finally:
        del guarded.environment["POSTLUDE_TOKEN"]


def test_health_needs_no_token(guarded):
    for base in (guarded.hooks, guarded.admin):
        for path in ("/healthz", "/readyz"):
            assert request(base, "GET", path).status == 200
    assert request(guarded.hooks, "GET", "/metrics").status == 404, "only where server.metrics says so"


def test_without_a_token_only_this_machine(server):
    """A name that somebody else's DNS leads here, or a page of another origin, must not act through a browser."""
    for headers in ({"Host": "evil.example:8081"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = server.get("/api/v1/runs", headers)
        assert answer.status == 403, (headers, answer)
    assert server.get("/api/v1/runs", {"Host": f"localhost:{server.admin_port}"}).status == 200


def test_the_admin_listener_takes_no_hooks_and_the_other_no_api(server):
    assert request(server.admin, "POST", "/hooks/flagger/post-rollout", flagger_body(), {"Content-Type": "application/json"}).status == 404
    assert request(server.hooks, "GET", "/api/v1/runs").status == 404
    assert request(server.hooks, "GET", "/").status == 404


def test_one_page_shows_it(server):
    page = server.get("/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"] and b"http://" not in page.body.replace(b"http://www.w3.org", b"")


def test_others_may_not_reach_an_api_without_tokens(binary, tmp_path):
    file = tmp_path / "postlude.yaml"
    file.write_text("server: {admin: '0.0.0.0:8081'}\nsources: {flagger: {type: flagger, auth: none}}\n")
    for command in (["check", str(file)], ["serve", "--config", str(file)]):
        done = run(binary, *command)
        assert done.returncode == 1
        assert "'admin' is '0.0.0.0:8081', which others can reach, and 'access' has no token" in done.stdout + done.stderr
