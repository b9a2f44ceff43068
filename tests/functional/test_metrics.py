"""/metrics: each series is there before its first event, labels come from the configuration alone, and what is shipped
for Prometheus and Grafana asks for what there is."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from daemon import flagger_body, request, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
RULES = PACKAGING / "prometheus" / "postlude.rules.yaml"
DASHBOARD = PACKAGING / "grafana" / "postlude.json"
SECRET = "Hook-secret-1"
BEARER = {"Authorization": f"Bearer {SECRET}"}
HOOK = "/hooks/flagger/post-rollout"

promtool = pytest.mark.skipif(shutil.which("promtool") is None,
                              reason="promtool is not installed (tools/setup test installs it)")


def config(fakes, more=""):
    return f"""
sources:
  flagger:
    type: flagger
    auth: [{{bearer: {{env: HOOK}}}}]
    rate: 20/s
    accept: {{event: {{namespace: prod}}}}
targets:
  web: {{connector: http, url: '{fakes.url}/echo', auth: none}}
  gone: {{connector: http, url: 'http://127.0.0.1:9', auth: none}}
workflows:
  puts: {{on: {{source: flagger, name: "good*"}}, steps: [{{uses: web/request, with: {{method: PUT, path: /put}}}}]}}
  fails: {{on: {{source: flagger, name: bad}}, steps: [{{uses: assert, with: {{that: 'false', message: no}}}}, {{uses: web/request, with: {{path: /x}}}}]}}
  asks: {{on: {{source: flagger, name: asks}}, steps: [{{uses: approval, with: {{message: sure}}}}]}}
  holds: {{on: {{source: flagger, name: holds}}, steps: [{{uses: gone/request, onUnclear: hold, retry: {{attempts: 2, backoff: {{initial: 1s}}}}, with: {{path: /x}}}}]}}
{more}"""


@pytest.fixture
def server(daemon, fakes):
    return daemon(config(fakes), environment={"HOOK": SECRET})


def series_of(text):
    """{(name, labels): value} of the text format, labels as a sorted tuple of pairs."""
    found = {}
    for line in text.splitlines():
        if line and line[0] != "#":
            name, labels, value = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            found[name, tuple(sorted(pairs))] = float(value)
    return found


def scrape(server):
    answer = server.get("/metrics")
    assert answer.status == 200, answer
    return series_of(answer.body.decode())


def value(series, name, **labels):
    """The sum of those series that have these labels; None: there is none."""
    found = [v for (n, pairs), v in series.items() if n == name and set(labels.items()) <= set(pairs)]
    return sum(found) if found else None


def catalogue():
    """The name, kind and labels of each metric, as the code has them."""
    text = (ROOT / "src" / "metrics" / "catalogue.h").read_text()
    labels = {name: re.findall(r'"(\w+)"', said)
              for name, said in re.findall(r"string_view, \d> (k\w+)\{(.*?)\};", text, re.S)}
    found = {}
    for kind, name, of in re.findall(r'constexpr (\w+)Definition k\w+\s*\{\s*\{\s*"(\w+)",.*?names::(k\w+)\}', text, re.S):
        found[name] = (kind.lower(), labels[of])
    assert len(found) == text.count("Definition k") and len(found) > 25
    return found


def families(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def family_of(name, known):
    return name if name in known else re.sub(r"_(bucket|sum|count)$", "", name)


def test_all_is_there_before_anything_happened(server):
    text = server.get("/metrics").body.decode()
    shown = families(text)
    late = {"postlude_attempt_seconds"}  # a latency of an outcome is there once there was one
    assert {n: k for n, (k, _) in catalogue().items() if n not in late} == {n: k for n, k in shown.items() if n not in late}
    series = series_of(text)
    for hook in ("post-rollout", "event", "pre-rollout", "confirm-promotion"):
        for verdict in ("accepted", "duplicate", "filtered", "rejected"):
            assert value(series, "postlude_deliveries_total", source="flagger", hook=hook, verdict=verdict) == 0, (hook, verdict)
        assert value(series, "postlude_not_stored_total", source="flagger", hook=hook) == 0
    assert value(series, "postlude_deliveries_total", source="", hook="", verdict="rejected") == 0
    for status in ("400", "408", "431"):
        assert value(series, "postlude_broken_requests_total", status=status) == 0
    for result in ("loaded", "rejected"):
        assert value(series, "postlude_config_reloads_total", result=result) == 0
    for workflow in ("puts", "fails", "asks", "holds"):
        for result in ("succeeded", "failed", "cancelled"):
            assert value(series, "postlude_runs_total", workflow=workflow, result=result) == 0
        assert value(series, "postlude_run_duration_seconds_count", workflow=workflow) == 0
    for target, action in (("web", "request"), ("gone", "request"), ("postlude", "assert"), ("postlude", "approval")):
        for outcome in ("succeeded", "skipped", "waiting", "held", "retryable", "refused", "unclear", "spread"):
            assert value(series, "postlude_attempts_total", target=target, action=action, outcome=outcome) == 0
        for state in ("succeeded", "failed", "skipped", "cancelled"):
            assert value(series, "postlude_steps_total", target=target, action=action, state=state) == 0
    assert value(series, "postlude_breaker_open", target="web") == value(series, "postlude_breaker_open", target="gone") == 0
    assert value(series, "postlude_steps_held", workflow="holds", target="gone") == 0


def test_the_first_of_each_kind_is_an_increase(server, fakes):
    """What counts must have been 0 at a scrape before: increase() sees no series that begins at 1."""
    before = scrape(server)
    calls = [
        ("POST", HOOK, flagger_body(name="good"), BEARER, 202), ("POST", HOOK, flagger_body(name="good"), BEARER, 200),
        ("POST", "/hooks/flagger/event", flagger_body(name="good", namespace="test"), BEARER, 202),  # filtered
        ("POST", HOOK, flagger_body(name="good"), {}, 401), ("POST", HOOK, flagger_body(name="good"), {"Authorization": "Bearer no"}, 403),
        ("POST", HOOK, b'{"name":"good"}', BEARER, 400), ("POST", HOOK, b"{", BEARER, 400),
        ("POST", "/hooks/flager", b"{}", {}, 404), ("POST", "/nothing", b"{}", BEARER, 404),
        ("GET", HOOK, None, {}, 405), ("POST", HOOK, flagger_body(), {**BEARER, "Content-Type": "text/plain"}, 415),
        ("POST", HOOK, b'{"x":"' + b"x" * (1 << 20) + b'"}', BEARER, 413),
        ("POST", "/hooks/flagger/confirm-promotion", flagger_body(name="good", phase="Progressing"), BEARER, 403),
        ("POST", HOOK, flagger_body(name="bad"), BEARER, 202), ("POST", HOOK, flagger_body(name="asks"), BEARER, 202),
        ("POST", HOOK, flagger_body(name="holds"), BEARER, 202)]
    for method, path, body, headers, status in calls:
        if method == "POST":
            assert server.post(path, body, headers).status == status, (path, headers)
        else:
            assert request(server.hooks, method, path, body, headers).status == status
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="fails", result="failed") == 1, why="a failed run")
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="puts", result="succeeded") == 1, why="a run that succeeded")
    wait_until(lambda: value(scrape(server), "postlude_approvals_waiting") == 1, why="an approval that waits")
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="holds", result="failed") == 1, why="the run on a dead target")
    after = scrape(server)
    known = catalogue()
    for (name, labels), now in after.items():
        of = family_of(name, known)
        if known.get(of, ("", []))[0] == "gauge" or of == "postlude_attempt_seconds":
            continue
        assert (name, labels) in before, f"{name}{dict(labels)} began at {now}"
    rejected = value(after, "postlude_deliveries_total", source="flagger", hook="post-rollout", verdict="rejected")
    assert rejected == sum(1 for c in calls if c[1] == HOOK and c[4] >= 400)
    assert value(after, "postlude_deliveries_total", source="", verdict="rejected") == 2
    assert value(after, "postlude_deliveries_total", hook="event", verdict="filtered") == 1
    assert value(after, "postlude_deliveries_total", hook="post-rollout", verdict="duplicate") == 1
    assert value(after, "postlude_deliveries_total", hook="confirm-promotion", verdict="rejected") == 1
    assert value(after, "postlude_run_duration_seconds_count") == 3
    assert value(after, "postlude_steps_total", target="postlude", action="assert", state="failed") == 1
    assert value(after, "postlude_steps_total", target="web", state="skipped") == 1
    assert value(after, "postlude_steps_total", target="web", state="succeeded") == 1
    assert value(after, "postlude_store_commit_seconds_count") == value(after, "postlude_store_commits_total") > 0
    assert value(after, "postlude_store_commit_commands_sum") == value(after, "postlude_store_commands_total")


def test_a_held_step_is_a_gauge_and_a_retried_run_ends_again(daemon, fakes):
    text = f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{fakes.url}/echo', auth: none}}}}
workflows:
  build: {{on: {{source: flagger}}, steps: [{{id: go, uses: web/request, onUnclear: hold, with: {{method: POST, path: /go}}}}]}}
"""
    server = daemon(text)
    fakes.fault(path="/echo/go", cut=10)
    event = server.post(HOOK, flagger_body()).json["event"]
    run = server.wait_run(event, states=("waiting",))["id"]
    assert value(scrape(server), "postlude_steps_held", workflow="build", target="web") == 1
    server.cli("runs", "resume", run, "--step", "go", "--as", "fail", check=0)
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="build", result="failed") == 1, why="its end")
    assert value(scrape(server), "postlude_steps_held", workflow="build", target="web") == 0
    server.cli("runs", "retry", run, check=0)
    wait_until(lambda: value(scrape(server), "postlude_steps_held", workflow="build", target="web") == 1, why="it is held again")
    server.cli("runs", "resume", run, "--step", "go", "--as", "done", check=0)
    assert server.wait_run(event)["state"] == "succeeded"
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="build", result="succeeded") == 1, why="its second end")
    assert value(scrape(server), "postlude_runs_total", workflow="build", result="failed") == 1


def test_no_caller_can_name_a_series(server):
    configured = scrape(server)
    words = {v for (_, labels), _ in configured.items() for _, v in labels}
    for i in range(5):
        server.post(f"/hooks/made-up-{i}", flagger_body(), BEARER)
        server.post(f"/hooks/flagger/made-up-{i}", flagger_body(), BEARER)
        server.post(HOOK, flagger_body(name=f"made-up-{i}", namespace=f"made-up-{i}", phase=f"made-up-{i}"), BEARER)
        request(server.hooks, f"MADE{i}", HOOK, b"{}", BEARER)
    after = scrape(server)
    told = {v for (name, labels), _ in after.items() for label, v in labels if label != "le"}
    assert not [w for w in told if "made" in w.lower()], told - words
    assert len(after) == len(configured)


def test_what_a_reload_adds_is_there_at_zero(server, fakes):
    more = f"""  later: {{on: {{source: second}}, steps: [{{uses: web2/request, with: {{path: /x}}}}]}}
"""
    text = config(fakes, more).replace("targets:\n", f"  second: {{type: flagger, auth: none}}\ntargets:\n  web2: {{connector: http, url: '{fakes.url}', auth: none}}\n")
    server.write_config(text)
    wait_until(lambda: value(scrape(server), "postlude_config_reloads_total", result="loaded") == 1, why="the new configuration")
    series = scrape(server)
    assert value(series, "postlude_deliveries_total", source="second", hook="post-rollout", verdict="rejected") == 0
    assert value(series, "postlude_runs_total", workflow="later", result="failed") == 0
    assert value(series, "postlude_attempts_total", target="web2", outcome="unclear") == 0
    assert value(series, "postlude_breaker_open", target="web2") == 0
    server.write_config("sources: nonsense\n")
    wait_until(lambda: value(scrape(server), "postlude_config_reloads_total", result="rejected") == 1, why="a refusal")
    assert value(scrape(server), "postlude_config_valid") == 0


def test_the_docs_have_a_row_for_each(server):
    rows = {}
    for line in (ROOT / "docs" / "operating.md").read_text().splitlines():
        if match := re.match(r"\| `([a-z_]+)(?:\{([a-z,]*)\})?` \| (counter|gauge|histogram) \|", line):
            rows[match[1]] = (match[3], [w for w in (match[2] or "").split(",") if w])
    assert rows == catalogue()


# -- what is shipped


def queries_of_dashboard():
    board = json.loads(DASHBOARD.read_text())
    found = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
    found += [re.fullmatch(r"label_values\((.*), \w+\)", v["query"])[1] for v in board["templating"]["list"] if v["type"] == "query"]
    assert len(found) > 20
    return found


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_dashboard_and_rules_ask_for_what_there_is(server):
    wait_until(lambda: server.post(HOOK, flagger_body(name="good"), BEARER).status in (200, 202))
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="puts", result="succeeded") == 1, why="a run")
    known = {}
    for (name, labels) in scrape(server):
        known.setdefault(name, set()).update(label for label, _ in labels)
    for query in queries_of_dashboard() + [r["expr"] for r in rules()]:
        asked = re.findall(r"\b((?:postlude|process)_[a-z_]+)(?:\{([^}]*)\})?", query)
        assert asked or "up{" in query, query
        for name, selectors in asked:
            assert name in known, f"{name} in {query}"
            wanted = set(re.findall(r"(\w+)\s*[=!]~?", selectors)) - {"instance", "job"}
            assert wanted <= known[name], (query, wanted - known[name])
        by = {w.strip() for said in re.findall(r"\bby \(([^)]*)\)", query) for w in said.split(",")} - {"instance", "job"}
        assert not asked or by <= set().union(*(known[name] for name, _ in asked)), (query, by)


def test_each_alert_has_its_runbook():
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.M))
    alerts = {rule["alert"] for rule in rules()}
    assert headings == alerts
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}", rule
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
    tested = yaml.safe_load((RULES.parent / "postlude.rules.test.yaml").read_text())
    assert {a["alertname"] for test in tested["tests"] for a in test["alert_rule_test"]} == alerts


def run_promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, cwd=RULES.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@promtool
def test_promtool_has_nothing_to_say_of_the_metrics(server):
    server.post(HOOK, flagger_body(name="good"), BEARER)
    wait_until(lambda: value(scrape(server), "postlude_runs_total", workflow="puts", result="succeeded") == 1, why="a run")
    assert run_promtool("check", "metrics", text=server.get("/metrics").body.decode()) == ""


@promtool
def test_promtool_takes_rules_and_queries(tmp_path):
    run_promtool("check", "rules", RULES.name)
    run_promtool("test", "rules", "postlude.rules.test.yaml")
    asked = [q.replace("$__rate_interval", "5m").replace("$instance", ".*") for q in queries_of_dashboard()]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [{"record": f"q:{i}", "expr": q} for i, q in enumerate(asked)]}]}))
    run_promtool("check", "rules", file)
