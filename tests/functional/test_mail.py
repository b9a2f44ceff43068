"""smtp/send against a real SMTP server: what arrives, and what follows from each refusal, cut and silence."""

import contextlib
import sqlite3

import pytest
from daemon import flagger_body, free_port, wait_until

pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is not installed (tools/setup test)")

from mail_server import certificate, mail_server  # noqa: E402

HOOK = "/hooks/flagger/post-rollout"
SECRET = "mail-secret-Qm9i"


def config(port, mail, target="", more=""):
    return f"""
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{post: {{connector: smtp, url: 'smtp://127.0.0.1:{port}'{target}}}}}
workflows:
  w:
    on: {{source: flagger}}
    steps:
      - id: tell
        uses: post/send
        retry: {{backoff: {{initial: 20ms, max: 50ms}}}}
        {more}
        with: {mail}
"""


PLAIN = "{from: 'Releases <releases@example.com>', to: [ada@example.com, 'Jürgen Müller <jm@example.com>'], bcc: boss@example.com}"


@pytest.fixture
def post(daemon):
    """post(config of a mail, …): the daemon, and the mail server that it speaks to."""
    with contextlib.ExitStack() as stack:
        def start(mail=PLAIN, target="", more="", environment=None, **server):
            port = free_port()
            handler = stack.enter_context(mail_server(port, **server))
            return daemon(config(port, mail, target, more), environment=environment), handler
        yield start


def run_of(server, states=("succeeded", "failed"), **event):
    return server.wait_run(server.post(HOOK, flagger_body(**event)).json["event"], states)


def test_a_mail_says_what_was_released(post):
    server, mails = post()
    run = run_of(server, checksum="é <b>")
    assert run["state"] == "succeeded", run
    (recipients, message), = mails.mails
    assert recipients == ["ada@example.com", "jm@example.com", "boss@example.com"]
    assert str(message["to"]) == "ada@example.com, Jürgen Müller <jm@example.com>"
    assert str(message["from"]) == "Releases <releases@example.com>"
    assert "boss" not in mails.texts[0].decode() and message["auto-submitted"] == "auto-generated"
    assert str(message["subject"]) == "podinfo é <b> was released"
    assert message["date"].datetime is not None
    plain, html = message.get_body(("plain",)).get_content(), message.get_body(("html",)).get_content()
    assert "Version: é <b>" in plain and "Phase: Succeeded" in plain
    assert b"=0A" not in mails.texts[0], "a line that ends is no encoded character"
    assert "é &lt;b&gt;" in html and "<b>" not in html and "#188038" in html
    outputs = run["steps"][0]["outputs"]
    assert outputs["messageId"] == message["message-id"] and message["message-id"].endswith("@example.com>")
    assert outputs["accepted"] == recipients and outputs["rejected"] == []


def test_an_encrypted_login_and_no_secret_anywhere(post, tmp_path):
    tls = certificate(tmp_path)
    login = "{basic: {username: bot, password: {env: MAIL_PASSWORD}}}"
    server, mails = post("{from: a@example.com, to: b@example.com, subject: 'Größe', text: hello, thread: podinfo}",
                         f", auth: {login}, tls: {{ca: '{tls[0]}'}}", tls=tls, login=("bot", SECRET),
                         environment={"MAIL_PASSWORD": SECRET})
    first, second = run_of(server), run_of(server, checksum="2222")
    assert [first["state"], second["state"]] == ["succeeded"] * 2 and mails.tls == [True, True]
    (_, one), (_, two) = mails.mails
    assert str(one["subject"]) == "Größe" and one.get_body(("plain",)).get_content().strip() == "hello"
    assert one["references"] == two["references"] and one["message-id"] != two["message-id"]
    shown = server.cli("explain", first["id"], check=0).stdout + str(server.api(f"explain/{first['id']}")) + server.log()
    assert "MAIL" in shown and SECRET not in shown
    for table, in sqlite3.connect(server.database).execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        assert SECRET not in str(sqlite3.connect(server.database).execute(f"SELECT * FROM {table}").fetchall()), table


def test_a_wrong_password_is_refused_at_once(post, tmp_path):
    tls = certificate(tmp_path)
    server, mails = post(target=f", auth: {{basic: {{username: bot, password: {{env: MAIL_PASSWORD}}}}}}, tls: {{ca: '{tls[0]}'}}",
                         tls=tls, login=("bot", "other"), environment={"MAIL_PASSWORD": SECRET})
    run = run_of(server)
    assert run["state"] == "failed" and mails.mails == []
    assert "the server refused the login: 535" in run["steps"][0]["reason"], run["steps"][0]["reason"]


def test_credentials_never_go_out_unencrypted(post):
    server, mails = post(target=", auth: {basic: {username: bot, password: {env: MAIL_PASSWORD}}}",
                         environment={"MAIL_PASSWORD": SECRET})
    run = run_of(server)
    assert run["state"] == "failed" and mails.mails == []
    assert "does not offer STARTTLS" in run["steps"][0]["reason"]


@pytest.mark.parametrize("said, state, mails_sent", [
    ({"jm@example.com": "550 5.1.1 no such user"}, "succeeded", 1),
    ({name: "550 5.1.1 no such user" for name in ("ada@example.com", "jm@example.com", "boss@example.com")}, "failed", 0),
    ({name: ["450 4.2.0 greylisted"] for name in ("ada@example.com", "jm@example.com", "boss@example.com")}, "succeeded", 1),
])
def test_refused_recipients(post, said, state, mails_sent):
    server, mails = post()
    mails.refuse = said
    run = run_of(server)
    assert (run["state"], len(mails.mails)) == (state, mails_sent), run
    if state == "failed":
        assert "jm@example.com: 550 5.1.1 no such user" in run["steps"][0]["reason"]
    elif "jm@example.com" in said and isinstance(said["jm@example.com"], str):
        assert run["steps"][0]["outputs"]["rejected"] == [
            {"address": "jm@example.com", "status": 550, "text": "5.1.1 no such user"}]


def test_a_full_server_is_asked_again_and_a_refusal_is_final(post):
    server, mails = post()
    mails.answer = ["452 4.3.1 full", "554 5.7.1 spam"]
    run = run_of(server)
    assert run["state"] == "failed" and len(mails.texts) == 2 and mails.mails == []
    assert "554" in run["steps"][0]["reason"] and "spam" in run["steps"][0]["reason"]


def test_a_cut_before_the_text_is_repeated(post):
    server, mails = post()
    mails.cut = "before"
    event = server.post(HOOK, flagger_body()).json["event"]
    run = wait_until(lambda: server.runs_of(event))[0]["id"]
    wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["attempts"][1:])
    mails.cut = None
    assert server.wait_run(event)["state"] == "succeeded" and len(mails.mails) == 1


@pytest.mark.parametrize("cut", ["after", "silent"])
def test_a_cut_after_the_text_is_held(post, cut):
    server, mails = post(more="timeout: 1s")
    mails.cut = cut
    event = server.post(HOOK, flagger_body()).json["event"]
    run = wait_until(lambda: server.runs_of(event))[0]["id"]
    try:
        wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["held"], why="a held step")
    except AssertionError:
        print(server.api(f"runs/{run}"), server.log())
        raise
    step = server.api(f"runs/{run}")["steps"][0]
    assert "MAIL" in step["reason"] and len(mails.mails) == 1
    # A person has looked: it is there.
    server.cli("runs", "resume", run, "--step", "tell", "--as", "done", check=0)
    assert server.wait_run(event)["state"] == "succeeded" and len(mails.mails) == 1


def test_nobody_listens(daemon):
    port = free_port()
    server = daemon(config(port, PLAIN))
    event = server.post(HOOK, flagger_body()).json["event"]
    run = wait_until(lambda: server.runs_of(event))[0]["id"]
    wait_until(lambda: server.api(f"runs/{run}")["steps"][0]["attempts"][1:])
    with mail_server(port) as mails:
        assert server.wait_run(event)["state"] == "succeeded" and len(mails.mails) == 1


@pytest.mark.parametrize("mail, words", [
    ("{from: a@example.com, to: \"x@example.com\\r\\nBcc: y@example.com\"}", "is not an address"),
    ("{from: a@example.com, to: b@example.com, text: t, subject: '${{ \"a\\nb\" }}'}", "mail.subject must be one line"),
    ("{from: a@example.com, to: []}", "mail.to: nobody to send it to"),
])
def test_what_cannot_be_a_mail(post, mail, words):
    server, mails = post(mail)
    run = run_of(server)
    assert run["state"] == "failed" and words in run["steps"][0]["reason"], run["steps"][0]["reason"]
    assert mails.mails == []


def test_check_and_test_know_mails(daemon, tmp_path, binary):
    server = daemon(config(25, PLAIN), start=False)
    server.config_file.with_name("w.test.yaml").write_text(f"""
config: {server.config_file.name}
tests:
  - name: told
    event: {{source: flagger, payload: {{name: podinfo, namespace: prod, phase: Failed, checksum: '1'}}}}
    responses: [{{request: MAIL /, body: {{rejected: [{{address: ada@example.com, status: 550, text: no}}]}}}}]
    expect:
      runs: [{{workflow: w, state: succeeded}}]
      requests:
        - target: post
          method: MAIL
          path: /
          body:
            from: Releases <releases@example.com>
            to: [ada@example.com, Jürgen Müller <jm@example.com>]
            bcc: boss@example.com
            subject: podinfo 1 has failed
""")
    done = server.cli("test", str(server.config_file.with_name("w.test.yaml")))
    wrong = [line.strip() for line in done.stdout.splitlines() if line.strip()[:1] in "+-" and "subject" in line]
    assert done.returncode == 1 and len(wrong) == 2 and wrong[0].endswith("1 has failed") and wrong[1].endswith("1 failed"), done.stdout + done.stderr
    server.write_config(config(25, PLAIN).replace("smtp://", "https://"))
    done = server.cli("check", str(server.config_file))
    assert done.returncode != 0 and "smtp://HOST:587" in done.stdout + done.stderr
