"""Requests that are signed: by a scheme that a step or a connector names, with the target's `auth: {sign: S}`."""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time
import urllib.parse

import pytest
from test_engine import SOURCE, calls, run_of, states

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "whsec_" + base64.b64encode(b"the key of the receivers").decode()
PEER = ROOT / "build" / "npm" / "node_modules" / "standardwebhooks"


def config(fakes, steps, connector="http", path=""):
    return SOURCE + f"""
targets:
  web: {{connector: {connector}, url: '{fakes.url}{path}', auth: {{sign: {{env: SIGN}}}}}}
  hook: {{connector: http, auth: {{url: {{env: HOOK}}, sign: {{env: SIGN}}}}}}
workflows:
  main:
    on: {{source: flagger}}
    steps:
{steps}
"""


def environment(fakes):
    return {"SIGN": SECRET, "HOOK": fakes.url + "/echo/robot?access_token=0123456789abcdef"}


def mac(key, text):
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def raw(request):
    return json.dumps(request["body"], separators=(",", ":"), ensure_ascii=False)


STANDARD = "      - {uses: web/request, with: {method: POST, path: /echo/hook, body: {name: '${{ .event.name }}'}, sign: standard-webhooks}}"


def test_a_repeat_keeps_its_id_and_is_signed_anew(daemon, fakes):
    fakes.fault(path="/echo/hook", status=503, headers={"Retry-After": "2"})
    server = daemon(config(fakes, STANDARD), environment=environment(fakes))
    run = run_of(server)
    assert states(run) == ["succeeded"], run
    first, second = [call["headers"] for call in calls(fakes, "POST", "/echo/hook")]
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    for call in calls(fakes, "POST", "/echo/hook"):
        headers = call["headers"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{raw(call)}"
        assert headers["webhook-signature"] == "v1," + mac(b"the key of the receivers", signed)
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    for text in (json.dumps(server.api(f"runs/{run['id']}")), server.log()):
        assert SECRET not in text and "the key of the receivers" not in text
        assert first["webhook-signature"] not in text, "signatures are not stored"


@pytest.mark.skipif(not PEER.is_dir(), reason="npm's standardwebhooks is not installed (tests/contract/setup)")
def test_the_library_of_standard_webhooks_takes_it(daemon, fakes):
    server = daemon(config(fakes, "      - {uses: web/event, with: {data: {of: 'Zoë'}}}", "standard-webhooks", "/echo/hook"), environment=environment(fakes))
    run = run_of(server)
    assert states(run) == ["succeeded"], run
    call = calls(fakes, "POST", "/echo/hook")[0]
    script = ("const {Webhook} = require(process.argv[1]); const [secret, body, headers] = JSON.parse(process.argv[2]);"
              "console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));")
    for secret, good in ((SECRET, True), ("whsec_" + base64.b64encode(b"another key").decode(), False)):
        done = subprocess.run(["node", "-e", script, str(PEER), json.dumps([secret, raw(call), call["headers"]])],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == good, done.stderr
        assert not good or json.loads(done.stdout)["data"] == {"of": "Zoë"}


def test_schemes_that_a_step_names(daemon, fakes):
    server = daemon(config(fakes, """
      - {uses: hook/request, with: {method: POST, path: '', body: {a: 1}, effect: state, sign: dingtalk}}
      - {uses: hook/request, with: {method: POST, path: '', body: {a: 2}, effect: state, sign: feishu}}
      - {uses: web/request, with: {method: POST, path: /echo/github, body: {a: 3}, effect: state, sign: github}}
      - uses: web/request
        with:
          method: PUT
          path: /echo/own
          query: {b: c}
          text: some text
          sign: {hmac: {header: X-Sign, encoding: base64, prefix: 't={timestamp},v1=', content: '{method} {path} {timestamp}.{body}'}}
"""), environment=environment(fakes))
    run = run_of(server)
    assert states(run) == ["succeeded"] * 4, run
    key = SECRET.encode()
    ding, feishu = calls(fakes, "POST", "/echo/robot")
    assert len(ding["query"]["timestamp"]) == 13 and ding["query"]["access_token"] == "0123456789abcdef"
    assert ding["query"]["sign"] == mac(key, ding["query"]["timestamp"] + "\n" + SECRET)
    sent = feishu["body"]
    assert sent["a"] == 2 and sent["sign"] == mac((sent["timestamp"] + "\n" + SECRET).encode(), "")
    github = calls(fakes, "POST", "/echo/github")[0]
    assert github["headers"]["x-hub-signature-256"] == "sha256=" + hmac.new(key, b'{"a":3}', hashlib.sha256).hexdigest()
    own = calls(fakes, "PUT", "/echo/own")[0]["headers"]["x-sign"]
    stamp = own.removeprefix("t=").split(",")[0]
    assert own == f"t={stamp},v1=" + mac(key, f"PUT /echo/own?b=c {stamp}.some text")
    shown = server.api(f"runs/{run['id']}")
    assert SECRET not in json.dumps(shown)
    asked = json.dumps([{**r, "response": None} for step in shown["steps"] for attempt in step["attempts"] for r in attempt["requests"]])
    assert any(r["body"] == {"a": 2} for step in shown["steps"] for attempt in step["attempts"] for r in attempt["requests"])
    for signature in (ding["query"]["sign"], urllib.parse.quote_plus(ding["query"]["sign"]), sent["sign"], own):
        assert signature not in asked, "what is stored of a request is not signed"


def test_a_target_without_a_secret_to_sign_with(tmp_path, binary):
    def complaints(target, step):
        (tmp_path / "p.yaml").write_text(SOURCE + f"targets: {{t: {target}}}\nworkflows:\n  main:\n    on: {{source: flagger}}\n"
                                         f"    steps:\n      - {step}\n")
        done = subprocess.run([binary, "check", "p.yaml"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        return done.returncode, done.stdout

    plain = "{connector: http, url: 'https://h.example.com'}"
    signed = "{connector: http, url: 'https://h.example.com', auth: {sign: {env: S}}}"
    step = "{uses: t/request, with: {method: POST, path: /a, body: {}, sign: standard-webhooks}}"
    code, text = complaints(plain, step)
    assert code == 1 and "the target 't' names no secret for it: add `sign: {env: NAME}` to its `auth`" in text
    assert complaints(signed, step)[0] == 0
    code, text = complaints(signed, "{uses: t/request, with: {path: /a}}")
    assert code == 0 and "names a secret to sign with, and this request is not signed" in text
    code, text = complaints("{connector: standard-webhooks, url: 'https://h.example.com'}", "{uses: t/event}")
    assert code == 1 and "connector standard-webhooks signs its requests: name the secret" in text
    code, text = complaints("{connector: slack, auth: {bearer: {env: A}, sign: {env: S}}}", "{uses: t/message, with: {channel: c, text: x}}")
    assert code == 1 and "connector slack signs nothing: remove `sign` from its `auth`" in text
    assert complaints("{connector: feishu, auth: {url: {env: A}}}", "{uses: t/message}")[0] == 0, "bots may check something else"


def test_a_secret_that_is_no_key_fails_the_step(daemon, fakes):
    server = daemon(config(fakes, STANDARD), environment={"SIGN": "not-a-key!", "HOOK": fakes.url})
    run = run_of(server)
    assert states(run) == ["failed"]
    assert run["reason"].endswith("the secret of `sign` is no secret of Standard Webhooks: `whsec_` and base64"), run["reason"]
    assert calls(fakes, "POST", "/echo/hook") == []


def test_in_workflow_tests_a_signature_is_three_stars(tmp_path, binary):
    (tmp_path / "postlude.yaml").write_text("""
sources: {flagger: {type: flagger, auth: none}}
targets:
  ding: {connector: dingtalk, auth: {url: {env: D}, sign: {env: S}}}
  fei: {connector: feishu, auth: {url: {env: F}, sign: {env: S}}}
  web: {connector: http, url: 'https://h.example.com', auth: {sign: {env: S}}}
workflows:
  main:
    on: {source: flagger}
    steps:
      - {uses: ding/message, with: {text: hello}}
      - {uses: fei/message, with: {card: {elements: []}}}
      - {uses: web/request, with: {method: POST, path: /hook, body: {a: 1}, sign: standard-webhooks}}
""")
    (tmp_path / "t.test.yaml").write_text("""
config: postlude.yaml
tests:
  - name: signed
    event: {source: flagger, payload: {name: app, namespace: prod, phase: Succeeded, checksum: c1}}
    now: 2026-11-23T10:00:00Z
    responses:
      - {request: POST /, target: ding, body: {errcode: 0}}
      - {request: POST /, target: fei, body: {code: 0}}
      - {request: POST /hook, target: web}
    expect: {runs: [{workflow: main, state: succeeded}], requests: []}
""")
    done = subprocess.run([binary, "test", "t.test.yaml", "--update"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    again = subprocess.run([binary, "test", "t.test.yaml"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    seen = (tmp_path / "t.test.yaml").read_text()
    assert seen.count("***") >= 3 and "v1,***" in seen, seen
