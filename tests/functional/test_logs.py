"""The log: what somebody may have to know of at 2 am is there, with its ids, and nobody can flood or forge it."""

import json
import os
import re

import pytest
from daemon import ROOT, flagger_body, request, wait_until

HOOK = "/hooks/flagger/post-rollout"
SECRET = "Hook-secret-1"
BEARER = {"Authorization": f"Bearer {SECRET}"}


def config(fakes, more=""):
    return f"""
log: {{format: json, level: debug}}
sources:
  flagger: {{type: flagger, auth: [{{bearer: {{env: HOOK}}}}], accept: {{event: {{namespace: prod}}}}}}
targets:
  web: {{connector: http, url: '{fakes.url}/echo', auth: none}}
workflows:
  puts: {{on: {{source: flagger, phase: Succeeded, name: "good*"}}, steps: [{{uses: web/request, with: {{method: PUT, path: /put}}}}]}}
  fails: {{on: {{source: flagger, name: bad}}, steps: [{{uses: assert, with: {{that: 'false', message: "no way"}}}}]}}
  holds: {{on: {{source: flagger, phase: Succeeded, name: holds}}, steps: [{{uses: web/request, with: {{method: POST, path: /build}}}}]}}
  asks: {{on: {{source: flagger, name: asks}}, steps: [{{uses: approval, with: {{message: sure}}}}]}}
  lists: {{on: {{source: flagger, phase: Succeeded, name: lists}}, steps: [{{forEach: '["a", "b"]', uses: web/request, with: {{method: PUT, path: '/${{{{ .item }}}}'}}}}]}}
{more}"""


@pytest.fixture
def server(daemon, fakes):
    return daemon(config(fakes), environment={"HOOK": SECRET})


def lines(server, message=None, **fields):
    """What the log has, as objects; a line that is being written just now is left out."""
    rows = [json.loads(line) for line in server.log().split("\n")[:-1] if line.startswith("{")]
    return [row for row in rows if message in (None, row["msg"]) and all(row.get(k) == v for k, v in fields.items())]


def wait_line(server, message, **fields):
    return wait_until(lambda: lines(server, message, **fields), why=f"{message} {fields}")[0]


@pytest.mark.parametrize("what, path, body, headers, wanted", [
    ("unreadable", HOOK, b'{"name":"a"}', BEARER, {"status": "400", "source": "flagger", "hook": "post-rollout", "proof": "bearer"}),
    ("wrong proof", HOOK, flagger_body(), {"Authorization": "Bearer no"}, {"status": "403", "source": "flagger"}),
    ("no proof", HOOK, flagger_body(), {}, {"status": "401", "source": "flagger"}),
    ("no such path", "/hooks/flager", flagger_body(), {}, {"status": "404", "path": "/hooks/flager"}),
    ("content type", HOOK, flagger_body(), {**BEARER, "Content-Type": "text/plain"}, {"status": "415", "source": "flagger"}),
    ("closed gate", "/hooks/flagger/confirm-promotion", flagger_body(name="gated", phase="Progressing"), BEARER,
     {"status": "403", "hook": "confirm-promotion", "canary": "prod-shop/gated"}),
    ("rollback gate", "/hooks/flagger/rollback", flagger_body(name="gated", phase="Progressing"), BEARER,
     {"status": "403", "hook": "rollback", "canary": "prod-shop/gated"}),
])
def test_a_refused_call_is_told_with_its_record(server, what, path, body, headers, wanted):
    answer = server.post(path, body, headers)
    assert str(answer.status) == wanted["status"], what
    line = wait_line(server, "delivery rejected", **wanted)
    assert line["level"] == "warn" and line["why"]
    assert SECRET not in server.log()
    record = server.api("deliveries/" + line["delivery"])
    assert record["verdict"] == "rejected" and str(record["status"]) == wanted["status"]


def test_duplicates_and_filtered_ones_are_told(server):
    first = server.post(HOOK, flagger_body(name="good"), BEARER).json
    again = server.post(HOOK, flagger_body(name="good"), BEARER).json
    assert again["duplicate"] is True
    line = wait_line(server, "delivery duplicate", delivery=again["delivery"], event=first["event"])
    assert line["level"] == "info" and line["canary"] == "prod-shop/good"
    left = server.post("/hooks/flagger/event", flagger_body(name="x", namespace="test"), BEARER).json
    assert left["filtered"] is True
    line = wait_line(server, "delivery filtered", delivery=left["delivery"])
    assert line["level"] == "info" and line["canary"] == "test/x" and "namespace" in line["why"]


def test_strangers_neither_flood_nor_forge(server):
    forged = "/hooks/x%0Atime=2026 level=error msg=forged".replace(" ", "%20")
    server.post(forged, b"{}", {})
    line = wait_line(server, "delivery rejected", status="404")
    assert len(line["path"]) < 300
    server.post("/hooks/" + "x" * 5000, b"{}", {})
    for _ in range(300):
        request(server.hooks, "POST", HOOK, b"{}", {"Content-Type": "application/json", "X-Long": "y" * 3000})
    def told():
        rows = lines(server, "delivery rejected")
        more = sum(int(row["more"]) for row in lines(server) if re.fullmatch(r"and \d+ more in the last second", row["msg"]))
        return len(rows) + more == 302 and (rows, more)
    rows, more = wait_until(told, why="all calls, told or counted")
    assert more > 100, "most are counted only"
    assert all(len(json.dumps(row)) < 2000 for row in rows)
    # whoever has proved himself is still heard
    server.post(HOOK, b'{"name":"a"}', BEARER)
    wait_line(server, "delivery rejected", status="400")


def test_each_end_of_a_run_is_told(server):
    good = server.post(HOOK, flagger_body(name="good"), BEARER).json["event"]
    run = server.wait_run(good)
    line = wait_line(server, "run succeeded", run=run["id"])
    assert {k: line[k] for k in ("level", "workflow", "event", "canary")} == {
        "level": "info", "workflow": "puts", "event": good, "canary": "prod-shop/good"}
    assert line["took"] and "why" not in line
    run = server.wait_run(server.post(HOOK, flagger_body(name="bad"), BEARER).json["event"])
    line = wait_line(server, "run failed", run=run["id"])
    assert line["level"] == "error" and line["canary"] == "prod-shop/bad" and "no way" in line["why"] and line["cause"]
    asks = server.wait_run(server.post(HOOK, flagger_body(name="asks"), BEARER).json["event"], states=("waiting",))
    server.cli("runs", "cancel", asks["id"], "--reason", "not today", check=0)
    line = wait_line(server, "run cancelled", run=asks["id"])
    assert line["level"] == "info" and "not today" in line["why"]
    # once each, also where one is retried
    server.cli("runs", "retry", run["id"], check=0)
    wait_until(lambda: len(lines(server, "run failed", run=run["id"])) == 2, why="its second end")


@pytest.mark.parametrize("fault", [{"status": 503}, {"close": "after"}], ids=["503", "no answer"])
def test_each_hold_is_told(server, fakes, fault):
    """Whatever the attempt came to: where no answer came, it is `unclear`, and what follows from that is the hold."""
    fakes.fault(path="/echo/build", **fault)
    event = server.post(HOOK, flagger_body(name="holds"), BEARER).json["event"]
    run = server.wait_run(event, states=("waiting",))
    line = wait_line(server, "a step is held for a person", run=run["id"])
    assert line["level"] == "warn" and line["workflow"] == "holds" and line["canary"] == "prod-shop/holds", line
    assert line["target"] == "web" and line["why"] == run["steps"][0]["reason"], line
    assert f"runs resume {run['id']} --step 1" in line["do"] and "runs resume" not in line["cause"], line
    group, = server.api("held")["items"]
    assert group["cause"] == line["cause"] and "`" not in group["cause"], group
    assert "runs resume" in server.cli("runs", "show", run["id"], check=0).stdout


def test_what_goes_well_is_not_worth_a_warning(server):
    server.wait_run(server.post(HOOK, flagger_body(name="lists"), BEARER).json["event"])
    wait_line(server, "run succeeded", workflow="lists")
    assert not [row for row in lines(server) if row["level"] in ("warn", "error")]
    assert all(value != "" for row in lines(server) for value in row.values())


def test_each_act_of_a_person_is_told(daemon, fakes):
    server = daemon(config(fakes) + "access: {tokens: [{name: ops, role: admin, secret: {env: OPS}}]}\n",
                    environment={"HOOK": SECRET, "OPS": "ops-Secret-9", "POSTLUDE_TOKEN": "ops-Secret-9"})
    ops = {"headers": {"Authorization": "Bearer ops-Secret-9"}}

    def run_of(name, *states):
        event = server.post(HOOK, flagger_body(name=name), BEARER).json["event"]
        found = wait_until(lambda: [r for r in server.api(f"runs?event={event}", **ops)["items"] if r["state"] in states], why=name)
        return found[0]["id"]
    bad, good, asks = run_of("bad", "failed"), run_of("good", "succeeded"), run_of("asks", "waiting")
    delivery = server.post("/hooks/flagger/event", flagger_body(name="x", namespace="test"), BEARER).json["delivery"]
    acts = [(("runs", "retry", bad), "runs retry", bad), (("runs", "replay", good), "runs replay", good),
            (("runs", "approve", asks, "--comment", "fine"), "runs approve", asks),
            (("pause", "--workflow", "puts"), "pause", None), (("unpause", "--workflow", "puts"), "unpause", None)]
    for arguments, act, on in acts:
        server.cli(*arguments, check=0)
        line = wait_line(server, "a person acted", act=act)
        assert line["by"] == "ops" and line.get("on") == on and line["level"] == "info", line
    assert json.loads(wait_line(server, "a person acted", act="runs approve")["asked"])["comment"] == "fine"
    assert "puts" in wait_line(server, "a person acted", act="pause")["asked"]
    wait_until(lambda: len(lines(server, "run failed", run=bad)) == 2, why="the retry's end")
    server.cli("runs", "dismiss", bad, check=0)
    wait_line(server, "a person acted", act="runs dismiss", on=bad)
    told = len(lines(server, "a person acted"))
    server.cli("runs", "retry", good, check=1)  # refused: nothing was done
    server.cli("deliveries", "redeliver", delivery)
    assert len([r for r in lines(server, "a person acted") if r["act"] == "runs retry"]) == 1
    assert len(lines(server, "a person acted")) <= told + 1
    assert "ops-Secret-9" not in server.log()


def test_each_configuration_taken_refused_or_mended_is_told(server, fakes):
    server.write_config("sources: nonsense\n")
    line = wait_line(server, "configuration refused")
    assert line["level"] == "error" and "postlude.yaml:3" in line["what"]
    server.write_config(config(fakes))
    assert wait_line(server, "the configuration is valid again")["level"] == "info"
    server.write_config(config(fakes).replace("  puts:", "  renamed:"))
    assert wait_line(server, "configuration loaded")["revision"]
    server.write_config("sources: nonsense\n")
    wait_until(lambda: len(lines(server, "configuration refused")) >= 2, why="another refusal")
    server.write_config(config(fakes))
    wait_until(lambda: len(lines(server, "the configuration is valid again")) == 2 and len(lines(server, "configuration loaded")) == 2,
               why="another valid one")
    # of a file that is wrong everywhere not each problem is a line
    server.write_config("".join(f"wrong{i}: 1\n" for i in range(200)))
    line = wait_line(server, "the previous configuration stays in use", problems="200")
    assert len(lines(server, "configuration refused")) < 60


def test_a_secret_that_cannot_be_read_is_told_when_that_changes(daemon, fakes, tmp_path):
    file = tmp_path / "token"
    text = config(fakes).replace("url: '%s/echo', auth: none" % fakes.url, f"url: '{fakes.url}/echo', auth: {{bearer: {{file: '{file}'}}}}")
    server = daemon(text, environment={"HOOK": SECRET})
    line = wait_line(server, "a secret cannot be read")
    assert line["level"] == "warn" and str(file) in line["secret"]
    for i in range(3):
        server.wait_run(server.post(HOOK, flagger_body(name=f"good{i}"), BEARER).json["event"])
    assert len(lines(server, "a secret cannot be read")) == 1
    new = tmp_path / "new"
    new.write_text("s3cret-of-web\n")
    os.replace(new, file)
    assert server.wait_run(server.post(HOOK, flagger_body(name="good9"), BEARER).json["event"])["state"] == "succeeded"
    wait_line(server, "a secret can be read again")
    assert "s3cret-of-web" not in server.log()


# -- the documents quote lines that are there

OTHERS = {"postlude", "systemctl", "chronyc", "runs", "failures", "keys", "deliveries", "debug"}  # commands, levels


def quoted_lines():
    """What the documents quote, in plain words, where they speak of the log or of lines."""
    for path in sorted((ROOT / "docs").glob("*.md")):
        if path.stem in ("benchmarks", "comparison"):
            continue  # of other logs
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for block in re.split(r"\n\n|\n(?=\|)", text):
            if not re.search(r"\b[Ll]ogs?\b|\b[Ll]ines?\b|^\| `(error|warn|info|debug)` \|", block):
                continue
            for quoted in re.findall(r"`([^`]+)`", block):
                quoted = " ".join(quoted.split())
                plain = re.fullmatch(r"[a-z][A-Za-z']* [A-Za-z' ,…]+(: [A-Za-z' ,…]+)?", quoted)
                if plain and quoted.split()[0] not in OTHERS:
                    yield path.name, quoted


def test_each_line_that_the_documents_quote_is_written():
    sources = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.cc")))
    sources = re.sub(r'"\s*\n\s*"', "", sources)  # texts that go on in the next line
    found = list(quoted_lines())
    assert len(found) > 20, found
    for name, quoted in found:
        first, last = quoted.split(" ", 1)  # "run " + the state
        written = all(part in sources for part in re.split(r" ?… ?|\bN\b", quoted)) or f'"{first} " +' in sources and f'"{last}"' in sources
        assert written, f"docs/{name} quotes `{quoted}`, which nothing writes"
