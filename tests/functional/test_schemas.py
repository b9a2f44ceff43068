"""The schemas that `postlude schema` prints, before a real JSON Schema validator: what an editor's YAML language server
does with them."""

import json
import pathlib
import re
import subprocess

import pytest
import yaml
from daemon import ROOT
from test_config import BROKEN

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

KINDS = ("config", "test", "connector")
# Draft 7, as far as we use it; all else must begin with x-.
KEYWORDS = {"$schema", "$ref", "title", "description", "default", "examples", "definitions", "type", "enum", "const",
            "properties", "additionalProperties", "patternProperties", "propertyNames", "required", "items", "minItems",
            "maxItems", "uniqueItems", "minLength", "maxLength", "minProperties", "maxProperties", "oneOf", "anyOf", "allOf", "not", "if", "then",
            "else", "pattern", "format", "minimum", "maximum", "exclusiveMinimum"}
# Those that editors know with a meaning of their own; ours must not be among them.
KNOWN_FORMATS = {"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri",
                 "uuid", "regex", "json-pointer", "color-hex", "idn-email", "idn-hostname", "uri-template"}


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, which editors read: `on` and `no` are text, `1.10` is a number."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"), ("null", r"null|Null|NULL|~|", "nN~\0"),
                            ("int", r"[-+]?[0-9]+", "-+0123456789"),
                            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first) + ([""] if tag == "null" else []))


def read(text):
    return yaml.load(text, Core)


@pytest.fixture(scope="module")
def schemas(binary):
    told = {}
    for kind in KINDS:
        done = subprocess.run([binary, "schema", kind], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        told[kind] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def validators(schemas):
    return {kind: jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()) for kind, schema in schemas.items()}


def errors(validator, value):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"[:300] for e in validator.iter_errors(value)]


def subschemas(schema):
    """Every schema within a schema, and itself; not what only looks like one, as in `examples`."""
    yield schema
    if not isinstance(schema, dict):
        return
    for keyword in ("properties", "patternProperties", "definitions"):
        for inner in schema.get(keyword, {}).values():
            yield from subschemas(inner)
    for keyword in ("additionalProperties", "propertyNames", "items", "not", "if", "then", "else"):
        if isinstance(schema.get(keyword), dict):
            yield from subschemas(schema[keyword])
    for keyword in ("oneOf", "anyOf", "allOf"):
        for inner in schema.get(keyword, []):
            yield from subschemas(inner)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema(schemas, kind):
    schema = schemas[kind]
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#" and schema["title"] and schema["description"]
    jsonschema.Draft7Validator.check_schema(schema)
    for one in subschemas(schema):
        if not isinstance(one, dict):
            continue
        strange = {k for k in one if k not in KEYWORDS and not k.startswith("x-")}
        assert not strange, f"{strange} in {json.dumps(one)[:200]}"
        assert one.get("format") not in KNOWN_FORMATS
        if "$ref" in one:
            assert one["$ref"].removeprefix("#/definitions/") in schema["definitions"], one["$ref"]
        if "pattern" in one:
            re.compile(one["pattern"])


@pytest.mark.parametrize("kind", ("config", "test"))
def test_its_own_examples_and_defaults_fit(schemas, kind):
    schema = schemas[kind]
    seen = 0
    for one in subschemas(schema):
        if not isinstance(one, dict):
            continue
        for value in one.get("examples", []) + ([one["default"]] if "default" in one else []):
            inner = {**{k: v for k, v in one.items() if k not in ("examples", "default")}, "definitions": schema["definitions"]}
            if "$ref" in inner:
                inner = {"allOf": [{"$ref": inner.pop("$ref")}], "definitions": schema["definitions"]}
            assert errors(jsonschema.Draft7Validator(inner), value) == [], f"{value!r} for {one.get('description')}"
            seen += 1
    assert seen > 5


@pytest.mark.parametrize("kind", ("config", "test"))
def test_every_key_is_described(schemas, kind):
    schema = schemas[kind]
    for one in subschemas(schema):
        for name, key in one.get("properties", {}).items() if isinstance(one, dict) else ():
            target = schema["definitions"].get(key.get("$ref", "").removeprefix("#/definitions/"), {})
            known = key.get("description") or target.get("description") or set(key) == {"const"}  # the last: a condition
            assert known, f"{name} of {list(one['properties'])}"


def test_the_sections_are_all_there(schemas):
    assert set(schemas["config"]["properties"]) >= {
        "server", "store", "access", "data", "calendars", "teams", "clusters", "sources", "targets", "workflows", "gates",
        "evaluator", "enrich", "reconcile", "audit", "log"}


# -- real files

CONFIGS = sorted(p for p in (ROOT / "examples").rglob("*.yaml") if not p.name.endswith(".test.yaml")
                 and re.search(r"^(sources|targets|workflows|server):", p.read_text(), re.M))
TESTS = sorted(p for folder in ("examples", "tests", "docs") for p in (ROOT / folder).rglob("*.test.yaml"))
CONNECTORS = sorted((ROOT / "connectors").glob("*.yaml"))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda p: str(p.relative_to(ROOT)))
def test_an_example_of_a_configuration(validators, file):
    assert errors(validators["config"], read(file.read_text())) == []


@pytest.mark.parametrize("file", CONNECTORS, ids=lambda p: p.name)
def test_a_connector(validators, file):
    assert errors(validators["connector"], read(file.read_text())) == []


def test_the_examples_of_workflow_tests(validators):
    for file in TESTS:
        assert errors(validators["test"], read(file.read_text())) == [], file


def test_there_are_such_files():
    assert CONFIGS and CONNECTORS


def blocks(file, begins):
    found = re.findall(r"```yaml\n(.*?)```", pathlib.Path(file).read_text(), re.DOTALL)
    return [b for b in found if re.match(begins, b)]


SECTIONS = r"(?:#[^\n]*\n)*(server|store|access|data|calendars|teams|clusters|sources|targets|workflows|evaluator|log):"


def test_the_examples_of_the_guides(validators):
    files = sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"]
    texts = [(file.name, text) for file in files for text in blocks(file, SECTIONS)]
    assert any(name == "configuration.md" for name, _ in texts)
    for name, text in texts:
        assert errors(validators["config"], read(text)) == [], f"{name}:\n{text}"
    for text in blocks(ROOT / "docs" / "connectors.md", "connector:"):
        assert errors(validators["connector"], read(text)) == [], text


WHOLE_TEST = """
config: [postlude.yaml, local]
tests:
  - name: a release is told
    event:
      source: flagger
      hook: post-rollout
      payload: {name: podinfo, namespace: prod-shop, phase: Succeeded, checksum: 7774c75db4, metadata: {a: b}}
      release: {version: {old: '1', new: '2'}}
    now: 2026-11-23T10:00:00Z
    responses:
      - {request: GET /rest/api/2/project/PROJ/versions, target: jira, status: 200, headers: {X-A: b}, body: []}
      - {request: 'POST /rest/api/2/version?notify=false', status: 201, body: {id: '7'}}
      - {request: POST /api/chat.postMessage, target: slack, fault: timeout}
    approvals: [{step: go, answer: approve, by: ops, after: 5m}]
    callbacks: [{step: tested, body: {passed: true}, after: 1h30m}]
    expect:
      runs: [{workflow: jira-release, state: succeeded, steps: {version: succeeded, tell: failed}}]
      requests:
        - {target: jira, method: GET, path: /rest/api/2/project/PROJ/versions, query: {a: b, c: [d, e]}}
        - {target: jira, method: POST, path: /rest/api/2/version, headers: {Authorization: '***'}, body: {name: podinfo 2}}
  - {name: nothing is run, event: {source: flagger, payload: {}}, expect: {runs: [], requests: []}}
"""


def test_a_test_file_with_every_key(validators):
    assert errors(validators["test"], read(WHOLE_TEST)) == []
    for was, is_now in (("tests:", "test:"), ("payload:", "paylod:"), ("state: succeeded", "state: done"), ("fault: timeout", "fault: slow"),
                        ("request: GET /", "request: FETCH /"), ("answer: approve", "answer: maybe"), ("method: POST", "method: post"),
                        ("name: a release is told", "name: ' '"), ("old: '1'", "odl: '1'"), ("release: {", "release: {verson: x, ")):
        assert was in WHOLE_TEST
        assert errors(validators["test"], read(WHOLE_TEST.replace(was, is_now, 1))), is_now


WHOLE_CONFIG = """
server:   {listen: 0.0.0.0:8080, admin: 127.0.0.1:8081, publicUrl: https://hooks.example.com, hosts: [postlude.flagger.svc]}
store:    {url: "sqlite:/var/lib/postlude/postlude.db", retention: {deliveries: 30d, runs: 180d}}
access:   {tokens: [{name: ops, role: operator, team: payments, secret: {file: /run/secrets/ops}}]}
data:     {services: {file: services.yaml}}
calendars: {freeze: {timezone: Asia/Shanghai, windows: [{days: [fri], from: "18:00", to: "24:00"}, {from: 2027-02-05, to: 2027-02-15}]}}
teams:    {payments: {match: {namespace: "pay-*"}, folder: teams/payments, targets: [jira], notify: {uses: slack/message, with: {channel: "#pay"}}}}
clusters: {cn-2: {}}
sources:
  flagger: {type: flagger, cluster: cn-2, auth: [{basic: {username: flagger, password: {env: HOOK_PASSWORD}}}],
            paths: {/jira-update: post-rollout}, storm: {events: 50, within: 5m, then: hold}}
targets:
  jira:  {connector: jira, url: https://acme.atlassian.net, auth: {basic: {username: bot@acme.io, password: {file: /run/secrets/jira}}}, limits: {concurrency: 4, rate: 10/s}}
  slack: {connector: slack, auth: {bearer: {file: /run/secrets/slack}}}
workflows:
  jira-release:
    on: {source: flagger, hook: post-rollout, phase: Succeeded, namespace: "prod-*", kind: [forward, back], team: payments}
    if: '.event.metadata.environment == "production"'
    mode: shadow
    concurrency: {key: .event.namespace, policy: replace}
    steps:
      - {id: version, uses: jira/release-version, with: {project: '${{ .event.metadata.jiraProject }}', name: x}, key: 'v-${{ .event.name }}'}
      - {id: go, uses: approval, needs: version, with: {message: 'Go?'}, announce: {uses: slack/message, with: {channel: "#r", text: x}}}
      - {uses: slack/message, needs: [version, go], forEach: .event.metadata.channels, continueOnError: true, with: {channel: "#r", text: x}}
      - {uses: slack/message, needs: [], forEach: [eu, us], if: always, retry: {attempts: 3, backoff: {factor: 1.5}}, with: {channel: "#r", text: x}}
    onFailure: [{uses: slack/message, with: {channel: "#r", text: x}}]
    finally: [{uses: slack/message, with: {channel: "#r", text: x}}]
evaluator: {time: 100ms, memory: 64MiB}
log: {format: json, level: warn}
"""


def test_a_configuration_with_every_section(validators):
    assert errors(validators["config"], read(WHOLE_CONFIG)) == []


FLAT = """
sources: {flagger: {type: flagger, auth: [none]}}
targets: {hub: {connector: http, url: https://hub.example.com, auth: none}, jira: {connector: jira, url: https://x.example.com, auth: {bearer: {env: A}}}}
workflows:
  w:
    on: {source: flagger, metadata: {tier: 1, careful: true}, name: [1.5, x]}
    steps:
      - STEP
"""


def both(binary, validators, tmp_path, step, text=FLAT):
    """What `check` says, and what an editor does."""
    text = text.replace("STEP", step)
    (tmp_path / "postlude.yaml").write_text(text)
    done = subprocess.run([binary, "check", str(tmp_path / "postlude.yaml")], capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode else "", errors(validators["config"], json.loads(json.dumps(read(text))))


@pytest.mark.parametrize("step", [
    "{name: 1.10, uses: hub/request, with: {path: /a, headers: {X: 1}}}", "{name: true, uses: wait, with: {for: 1s}}",
    "{id: true, uses: wait, with: {until: 2027-02-15T09:00:00+08:00}}", "{uses: wait, with: {until: '${{ .event.metadata.at }}'}}",
    "{uses: wait, with: {for: '${{ .event.metadata.for }}'}}", "{uses: jira/comment, needs: [], with: {issue: X-1, body: 2}}",
    "{uses: approval, with: {message: 3, approvers: [ops], timeout: 1h, onTimeout: skip}}", "{uses: approval}",
    "{uses: assert, with: {that: true, message: 1}}", "{uses: assert, with: {that: '.event.name == \"x\"'}}",
    "{uses: set, with: {values: {a: 1}}}", "{uses: set, with: {values: '${{ .event.metadata }}'}}",
])
def test_what_check_takes_an_editor_takes(binary, validators, tmp_path, step):
    assert both(binary, validators, tmp_path, step) == ("", [])


@pytest.mark.parametrize("step", [
    "{uses: wait, with: {fro: 1s}}", "{uses: wait, with: {for: 1s, until: x}}", "{uses: wait}", "{uses: wait, with: {for: 30}}",
    "{uses: approval, with: {mesage: x}}", "{uses: approval, with: {message: x, timeout: 1h, onTimeout: ski}}",
    "{id: c, uses: callback, with: {timout: 1h}}", "{uses: assert, with: {taht: true}}", "{uses: assert}", "{uses: set}",
    "{uses: set, with: {values: 3}}", "{uses: set, with: {value: {a: 1}}}", "{uses: hub/request, timeout: 30, with: {path: /a}}",
    "{id: 7, uses: wait, with: {for: 1s}}", "{uses: wait, with: {for: banana}}", "{uses: hub/request, timeout: banana, with: {path: /a}}"])
def test_what_check_refuses_of_built_in_steps_so_does_an_editor(binary, validators, tmp_path, step):
    told, seen = both(binary, validators, tmp_path, step)
    assert told and seen


def test_an_on_that_yaml_1_1_made_true(binary, validators, tmp_path):
    assert both(binary, validators, tmp_path, "{uses: wait, with: {for: 1s}}", FLAT.replace("on:", "true:")) == ("", [])
    told, seen = both(binary, validators, tmp_path, "{uses: wait, with: {for: 1s}}", FLAT.replace("on:", "true: {sorce: x} #"))
    assert told and seen
    told, seen = both(binary, validators, tmp_path, "{uses: wait, with: {for: 1s}}", re.sub("on: .*\n", "mode: live\n", FLAT))
    assert told and seen


SEEN_BY_SCHEMA = ("an unknown section", "an unknown key", "a list", "a secret in the open", "a secret in a URL", "an unknown hook",
                  "no steps", "a storm for all", "a calendar without windows", "a section that is not built",
                  "a proof that is not built")


@pytest.mark.parametrize("name", SEEN_BY_SCHEMA)
def test_what_check_refuses_by_the_schema_so_does_an_editor(validators, name):
    assert errors(validators["config"], read(BROKEN[name][0]))


def test_an_unknown_kind(binary):
    done = subprocess.run([binary, "schema", "conifg"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "use config, test or connector" in done.stderr
