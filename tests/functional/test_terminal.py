"""What people meet at a terminal: help, completions, manual pages, addresses; and that nothing acts on it."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unicodedata

import pytest
from daemon import Daemon, flagger_body, free_port

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets: {web: {connector: http, url: 'http://127.0.0.1:1', auth: none}}
workflows:
  a-workflow-with-a-rather-long-name-that-says-what-it-is-for:
    on: {source: flagger, hook: '*'}
    steps: [{uses: assert, with: {that: '.event.phase == "Failed"', message: 'phase ${{ .event.phase }}'}}]
  asks: {on: {source: flagger, hook: '*', name: asks}, steps: [{uses: approval, with: {message: 'go?'}}]}
  holds: {on: {source: flagger, hook: '*', name: asks}, steps: [{uses: web/request, with: {method: GET, path: /}}]}
  cannot-begin: {on: {source: flagger, hook: '*', name: asks}, vars: {x: '${{ error("no") }}'}, steps: [{uses: set, with: {values: {a: 1}}}]}
"""
EVIL = "x\nrun_00000000000z  forged\x1b[31m\x1b]0;title\x07\x7f\x9b31m\u202egnp\u2066\u2028 日本語"


def run(binary, *arguments, **options):
    return subprocess.run([binary, *arguments], capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **options)


@pytest.fixture(scope="module")
def server(tmp_path_factory, binary):
    made = Daemon(tmp_path_factory.mktemp("terminal"), CONFIG)
    try:
        made.evil = made.post("/hooks/flagger/post-rollout", flagger_body(checksum=EVIL, metadata={"m": EVIL})).json["event"]
        made.wait_run(made.evil)
        made.event = made.post("/hooks/flagger/event", flagger_body(name="asks", phase=EVIL, checksum=EVIL)).json["event"]
        made.wait_run(made.event, ("waiting",), workflow="asks")
        yield made
    finally:
        made.kill()


def acting(text):
    """The characters of a text that act on a terminal or turn its reading."""
    return [c for c in text if c != "\n" and (unicodedata.category(c) == "Cc" or unicodedata.category(c) in ("Zl", "Zp")
            or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))]


def test_nothing_acts_on_the_terminal(server):
    runs = [r["id"] for r in server.items("runs")]
    said = EVIL.replace("\n", " ")
    commands = [["runs", "list"], ["events", "list"], ["deliveries", "list"], ["failures"], ["pauses"],
                *(["explain", id_] for id_ in (server.evil, server.event)), *(["runs", "show", id_] for id_ in runs),
                *(["events", "show", id_] for id_ in (server.evil, server.event)), ["runs", "show", "\x1b[31mx\x9b"],
                ["deliveries", "show", server.items("deliveries")[0]["id"]], ["runs", "list", "--state", said], [said],
                ["failures", "retry", "--cause", said]]
    for command in commands:
        for output in ("table", "wide", "yaml", "json"):
            last = [] if command == [said] else ["-o", output]
            done = server.cli(*command, *last)
            for text in (done.stdout, done.stderr):
                assert acting(text) == [], (command, output, text)
                assert not re.search("^run_00000000000z", text, re.M), (command, output, text)
    shown = json.loads(server.cli("events", "show", server.evil, "-o", "json", check=0).stdout)
    assert shown["metadata"]["m"] == EVIL, "JSON means the same"
    assert "\\u001b[31m" in server.cli("explain", server.event, check=0).stdout, "seen, but not acted on"


def test_bytes_that_are_no_text_are_escaped_too(server, binary, tmp_path):
    (tmp_path / "raw").write_bytes(b"\x9b31m\xc0\x80 \xe6\x97")
    done = run(binary, "send", "--url", f"{server.hooks}/hooks/flagger/post-rollout", "--body", str(tmp_path / "raw"))
    assert b"\\x9b31m\\xc0\\x80 \\xe6\\x97" in done.stderr and b"\x9b" not in done.stdout + done.stderr
    done = run(binary, b"check", b"/nowhere/\x9b\x1b[2J")
    assert done.returncode == 1 and b"\\x9b\\u001b[2J" in done.stdout and b"\x1b" not in done.stdout


def columns(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_tables_fit(server, binary):
    for kind in ("runs", "events", "deliveries"):
        for environment, most in (({}, 80), ({"COLUMNS": "70"}, 70), ({"COLUMNS": "200"}, 200)):
            lines = subprocess.run([binary, kind, "list", "--server", server.admin], capture_output=True, text=True,
                                   env={**os.environ, **environment}, check=True).stdout.splitlines()
            assert max(map(columns, lines)) <= most, lines
            ids = [i["id"] for i in server.items(kind)]
            assert [line.split()[0] for line in lines[1:] if line[0] != " "] == ids, "ids are never cut"
    listed = server.cli("runs", "list", check=0).stdout
    assert listed.split("\n")[0].split() == ["ID", "CANARY", "WORKFLOW", "STATE", "DURATION", "AGE"]
    assert "…" in listed
    wide = server.cli("runs", "list", "-o", "wide", check=0).stdout
    assert "a-workflow-with-a-rather-long-name-that-says-what-it-is-for" in wide and "REASON" in wide


def test_lists_say_what_holds_a_run(server):
    def state(workflow):
        line = next(l for l in server.cli("runs", "list", "--workflow", workflow, "-o", "wide", check=0).stdout.splitlines()[1:])
        return re.split(r"  +", line)[3]
    assert state("asks") == "waiting for approval"
    server.cli("pause", "--workflow", "asks", check=0)
    assert state("asks") == "paused (workflow asks), waiting for approval"
    narrow = server.cli("runs", "list", "--workflow", "asks", check=0).stdout.splitlines()
    assert "  waiting for approval  " in narrow[1] or "paused (workflow" in narrow[1], narrow
    shown = server.cli("runs", "show", server.items("runs?workflow=asks")[0]["id"], check=0).stdout
    assert "paused (workflow asks)" in shown and "canary      prod-shop/asks\n" in shown
    server.cli("unpause", "--workflow", "asks", check=0)
    assert state("asks") == "waiting for approval"


def test_a_run_that_could_not_begin_did_not_run(server):
    told = server.cli("explain", server.event, check=0).stdout
    assert "  failed   could not start: cannot-begin: " in told and "ran      cannot-begin" not in told
    assert "  runs     asks" in told


def test_acts_print_a_line(server):
    run_id = server.items("runs?workflow=asks")[0]["id"]
    said = server.cli("runs", "approve", run_id, check=0).stdout
    assert re.fullmatch(rf"{run_id} \(asks\): approved(; it is (?!waiting)[a-z ]+ now)?\n", said), said
    server.wait_run(server.event, workflow="asks")
    again = server.cli("runs", "replay", run_id, check=0).stdout
    new = re.fullmatch(rf"{run_id} \(asks\): replayed as (run_\w+)(; it is (?!waiting)[a-z ]+ now)?\n", again)
    assert new, again
    as_json = json.loads(server.cli("runs", "cancel", new[1], "--reason", "enough", "-o", "json", check=0).stdout)
    assert as_json["id"] == new[1]
    failed = server.items("runs?workflow=cannot-begin")[0]["id"]
    assert re.fullmatch(rf"{failed} \(cannot-begin\): dismissed; it is failed now: .*no.*\n",
                        server.cli("runs", "dismiss", failed, check=0).stdout)


def test_what_was_misspelt_is_named(server, binary):
    for words, said in ((["runs", "list", "--workflow", "ask"], "no runs: no workflow 'ask' is configured; did you mean 'asks'?\n"),
                        (["failures", "--workflow", "aks"], "no failures: no workflow 'aks' is configured; did you mean 'asks'?\n"),
                        (["runs", "held", "--workflow", "aks"], "no step is held: no workflow 'aks' is configured; did you mean 'asks'?\n"),
                        (["keys", "list", "--target", "wb"], "no step has used a key: no target 'wb' is configured; did you mean 'web'?\n"),
                        (["keys", "list", "--target", "web"], "no step has used a key\n")):
        assert server.cli(*words, check=0).stdout == said
    for words, near in ((["runs", "list", "--state", "failde"], "failed"), (["deliveries", "list", "--verdict", "rejectd"], "rejected")):
        assert f"did you mean '{near}'?" in server.cli(*words, check=2).stderr
    assert server.cli("failures", "list", check=0).stdout == server.cli("failures", check=0).stdout
    done = run(binary, "runs", "list", "--server", server.hooks)
    assert done.returncode == 1 and b"admin listener (server.admin)?" in done.stderr, done.stderr
    assert b"listener" not in run(binary, "runs", "show", "run_zzzz", "--server", server.admin).stderr


def test_unpause_says_what_is_still_paused(server):
    server.cli("pause", "--target", "web", check=0)
    refused = server.cli("unpause", "--all", check=1).stderr
    assert "there was no `pause --all`; still paused: target web" in refused, refused
    assert server.cli("pause", "--all", check=0).stdout == "paused: all runs\n"
    listed = server.cli("targets", check=0).stdout
    assert re.search(r"^web +http +[a-z-]+ +target +http://127.0.0.1:1$", listed, re.M), listed
    assert listed == server.cli("targets", "list", check=0).stdout
    assert json.loads(server.cli("targets", "-o", "json", check=0).stdout)["items"] == server.items("targets")
    assert server.cli("unpause", "--all", check=0).stdout == "unpaused: all runs; still paused: target web\n"
    assert server.cli("unpause", "--target", "web", check=0).stdout == "unpaused: target web\n"


def test_a_cut_cause_is_found(server):
    cause = server.items("failures")[0]["cause"]
    assert "begin with 'a'" in server.cli("failures", "dismiss", "--cause", "a…", check=1).stderr
    assert server.cli("failures", "dismiss", "--yes", "--cause", cause[:-1] + "…", check=0).stdout.startswith("dismissed ")
    none = server.cli("failures", "dismiss", "--cause", "nothing…", check=1)
    assert "no failure has a cause that begins with 'nothing'" in none.stderr


# -- without a daemon

@pytest.mark.parametrize("words, same", [
    (["help"], ["--help"]), (["help", "runs"], ["runs", "--help"]), (["runs", "help"], ["runs", "--help"]),
    (["help", "runs", "list"], ["runs", "list", "--help"]), (["--version"], ["version"]), (["-V"], ["version"])])
def test_words_for_help(binary, words, same):
    one, other = run(binary, *words), run(binary, *same)
    assert one.returncode == 0 and one.stdout == other.stdout and one.stdout and one.stderr == b""


@pytest.mark.parametrize("words, near", [(["rnus"], "runs"), (["runs", "aprove"], "approve"), (["runs", "list", "--limt", "3"], "--limit"),
                                         (["check", "x", "--connectrs", "y"], "--connectors"), (["help", "rnus"], "runs"),
                                         (["serve", "-c", "x"], "--config' or '--connectors"), (["serve", "--confg", "x"], "--config"), (["serve", "--confg=x"], "--config"),
                                         (["serve", "--config", "x", "--port-fiel", "y"], "--port-file"), (["schema", "--hepl"], "--help"),
                                         (["runs", "show", "--ouput", "json", "run_1"], "--output"), (["pause", "--tagret", "web"], "--target"),
                                         (["runs", "resume", "run_1", "--stpe", "2"], "--step"), (["simulate", "--sinec", "3d"], "--since"),
                                         (["keys", "forget", "web", "--yse"], "--yes"), (["test", "--fliter", "x"], "--filter")])
def test_slips_of_the_hand(binary, words, near):
    done = run(binary, *words)
    said = done.stderr.decode()
    assert done.returncode == 2 and f"did you mean '{near}'?" in said and done.stdout == b""
    for word in words:
        assert not word.startswith("--") or word.startswith(("--config", "--connectors=")) or f"'{word.split('=')[0]}'" in said, said


def test_an_option_that_is_like_none_is_named_with_those_there_are(binary):
    done = run(binary, "serve", "--zzzz", "x")
    assert done.returncode == 2 and b"'postlude serve' has no option '--zzzz'; options: " in done.stderr and b"--port-file" in done.stderr


def test_help_fits_and_has_none_of_the_librarys_words(binary):
    def below(*words):
        text = run(binary, *words, "--help").stdout.decode()
        assert text.startswith(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) and f"Usage: postlude{''.join(' ' + w for w in words)}" in text
        assert max(map(columns, text.splitlines())) <= 80, text
        for word in ("Excludes", "Option Group", "TEXT", "Needs:", "REQUIRED"):
            assert word not in text, text
        listed = text.split("Subcommands:\n")[1].splitlines() if "Subcommands:" in text else []
        return sum((below(*words, line.split()[0]) for line in listed if re.match(r"  \S", line)), 1)
    assert below() > 40


@pytest.mark.parametrize("option, value", [("--server", "127.0.0.1:PORT"), ("--server", ":PORT"), ("--server", "localhost:PORT/"),
                                           ("POSTLUDE_SERVER", "127.0.0.1:PORT"), ("POSTLUDE_SERVER", ":PORT")])
def test_addresses_without_a_scheme(binary, server, option, value):
    value = value.replace("PORT", str(server.admin_port))
    if option == "--server":
        done = run(binary, "runs", "list", "--server", value)
    else:
        done = run(binary, "runs", "list", env={**os.environ, option: value})
    assert done.returncode == 0 and done.stdout.startswith(b"ID"), done


def test_the_address_that_was_meant_is_named(binary, server):
    port = free_port()
    done = run(binary, "runs", "list", env={**os.environ, "POSTLUDE_SERVER": f"127.0.0.1:{port}"})
    assert done.returncode == 3 and f"could not reach http://127.0.0.1:{port} (from POSTLUDE_SERVER)" in done.stderr.decode()
    for words in (["runs", "list", "--server", "ftp://x"], ["send", "--url", "ftp://x"]):
        done = run(binary, *words)
        assert done.returncode == 2 and f"{words[-2]} is 'ftp://x', which is not an address" in done.stderr.decode()
    sent = run(binary, "send", "--url", f":{server.port}/hooks/flagger/post-rollout", "--name", "bare")
    assert sent.returncode == 0 and json.loads(sent.stdout)["event"]


def test_a_listener_takes_a_port_alone(tmp_path):
    made = Daemon(tmp_path, "sources: {flagger: {type: flagger, auth: none}}\n", start=False)
    made.config_file.write_text(made.config_file.read_text().replace(f"127.0.0.1:{made.port}", f":{made.port}"))
    with made.start():
        assert made.post("/hooks/flagger/post-rollout", flagger_body()).status == 202


def test_a_token_over_plain_http_is_warned_of(binary):
    there = run(binary, "runs", "list", "--server", "http://192.0.2.1.invalid:8081", "--token", "secret")
    assert b"warning: the token is sent to http://192.0.2.1.invalid:8081 unencrypted" in there.stderr and b"secret" not in there.stderr
    for url in (f"http://127.0.0.1:{free_port()}", "https://postlude.invalid"):
        assert b"warning" not in run(binary, "runs", "list", "--server", url, "--token", "secret").stderr


@pytest.fixture(scope="module")
def shared(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("share")
    done = run(binary, "share", str(folder))
    assert (done.returncode, done.stderr) == (0, b""), "every command and option says what it is for"
    return folder


def test_manual_pages(binary, shared):
    pages = sorted(shared.glob("man/man1/*.1"))
    assert {"postlude.1", "postlude-runs.1", "postlude-serve.1", "postlude-send.1"} <= {page.name for page in pages}
    commands = run(binary, "help").stdout.decode().split("Subcommands:")[1].split("\n")
    assert {f"postlude-{line.split()[0]}.1" for line in commands if re.match(r"  \S", line)} == {page.name for page in pages} - {"postlude.1"}
    for page in pages:
        # As lexgrog reads it, and `man -k` shows it: one line that says by itself what the command does.
        name = re.search(r"\n\.SH NAME\n(.*)\n\.SH SYNOPSIS\n", page.read_text(), re.S)[1].replace("\\-", "-")
        assert re.fullmatch(re.escape(page.stem) + " - [A-Z][^\n]{10,90}[^.\n]", name), (page.name, name)
        assert not re.search(r"\b(it|them|one)\b", name.split(" - ")[1].split(",")[0]), name
        if shutil.which("lexgrog"):
            assert run("lexgrog", str(page)).returncode == 0, page.name
        done = run("groff", "-man", "-ww", "-Tutf8", "-z", str(page))
        assert (done.returncode, done.stderr) == (0, b""), page.name
    text = run("groff", "-man", "-Tascii", "-P-cbou", str(shared / "man/man1/postlude-runs.1")).stdout.decode()
    assert "runs approve" in text and "--comment VALUE" in text and "EXIT STATUS" in text
    assert run(binary, "man", "runs").stdout == (shared / "man/man1/postlude-runs.1").read_bytes()
    assert run(binary, "man", "nothing").returncode == 2


@pytest.mark.parametrize("line, offered, not_offered", [
    ("postlude ru", ["runs"], ["serve"]), ("postlude runs ap", ["approve"], []), ("postlude runs ", ["list", "retry"], ["serve"]),
    ("postlude runs list --", ["--workflow", "--server"], ["--config"]), ("postlude runs list -o ", ["table", "wide", "json", "yaml"], ["list"]),
    ("postlude runs list --state ", ["queued", "failed"], []), ("postlude deliveries list --verdict ", ["rejected"], []),
    ("postlude schema ", ["config", "test", "connector"], []), ("postlude targets ", ["list"], []),
    ("postlude completion ", ["bash", "zsh", "fish"], []), ("postlude --v", ["--version"], []),
    ("postlude runs resume --as ", ["done", "repeat", "fail"], []), ("postlude pause --", ["--all", "--target"], []),
    ("postlude la", [], ["later"])])
def test_bash_completes(shared, line, offered, not_offered):
    script = shared / "bash-completion/completions/postlude"
    assert run("bash", "-n", str(script)).returncode == 0
    words = line.split(" ")
    ask = f"""source '{script}'
COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
_postlude; printf '%s\\n' "${{COMPREPLY[@]}}" """
    found = run("bash", "-c", ask).stdout.decode().split()
    assert set(offered) <= set(found) and not set(not_offered) & set(found), found


@pytest.mark.parametrize("shell, file, check", [("zsh", "zsh/site-functions/_postlude", ["-n"]),
                                                ("fish", "fish/vendor_completions.d/postlude.fish", ["--no-execute"])])
def test_other_shells_can_read_theirs(shared, shell, file, check):
    text = (shared / file).read_text()
    for word in ("runs", "approve", "workflow", "json"):
        assert word in text
    assert text.replace("\\'", "").count("'") % 2 == 0, "each quote is closed; \\' is an apostrophe"
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = run(shell, *check, str(shared / file))
    assert (done.returncode, done.stderr) == (0, b"")
