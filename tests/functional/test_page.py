"""The pages as a browser shows them: what is there, what its buttons do, on a phone and without a mouse."""

import pytest
from browser import Browser
from test_approvals import with_approval
from test_people import SECRETS, TOKENS, VERBS, config, done, in_state, run_of, step_in, told

pytestmark = pytest.mark.skipif(not Browser.found(), reason="there is no Chromium")


@pytest.fixture
def browser(tmp_path):
    made = Browser(tmp_path)
    yield made
    made.close()


def test_a_run_with_its_graph_is_approved(daemon, fakes, browser):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    browser.open(server.admin + "/#/approvals")
    browser.wait_text("Roll out <everywhere>", "Ship podinfo & more?")
    browser.open(server.admin + "/#/runs/" + run)
    browser.wait_text("1. Roll out <everywhere>", "2. after")
    assert browser.run("document.querySelectorAll('svg a').length") == 2 and browser.run("document.querySelectorAll('svg path').length") == 1
    browser.press("Approve")
    assert browser.run("document.querySelector('dialog').open && document.activeElement.id") == "f-comment"
    assert browser.run("!!document.querySelector('dialog[aria-labelledby=asked] #asked')")
    assert in_state(server, run, "waiting"), "nothing is done before it is confirmed"
    browser.fill("#f-comment", "by hand")
    browser.press("Approve", "document.querySelector('dialog')")
    browser.wait_text("approved by local", "by hand")
    in_state(server, run, "succeeded")
    assert not browser.run("document.querySelector('dialog').open") and browser.errors == []


def test_the_page_follows_and_the_keyboard_stays_where_it_was(daemon, fakes, browser):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    browser.open(server.admin + "/#/runs/" + run)
    browser.wait_text("1. Roll")
    browser.run("[...document.querySelectorAll('main a')].find(a => a.textContent === 'why?').focus()")
    done(server, f"runs/{run}/approve", {"comment": "elsewhere"})
    browser.wait_text("approved by local", "elsewhere")
    assert browser.run("document.activeElement.textContent") == "why?"


def test_held_steps_are_answered_in_bulk(daemon, fakes, browser):
    server = daemon(config(fakes, """
workflows:
  main:
    on: {source: flagger}
    steps:
      - {id: go, uses: web/request, with: {method: POST, path: /go, body: {}}}
"""))
    fakes.fault(path="/echo/go", close="after", times=2)
    runs = [run_of(server, name="same", namespace=space) for space in ("a", "b")]
    for run in runs:
        step_in(server, run, "go", "waiting")
    browser.open(server.admin + "/#/failures")
    browser.wait_text("Held: nobody knows", "go: no answer to POST", "No failures.")
    browser.press("Answer all")
    browser.press("Answer all", "document.querySelector('dialog')")
    for run in runs:
        in_state(server, run, "succeeded")
    browser.wait_text("answered 2")
    assert browser.errors == []


def test_failures_are_retried_in_bulk_and_pauses_shown(daemon, fakes, browser):
    fakes.fault(path="/echo/two/same", status=400, times=2)
    server = daemon(config(fakes, VERBS))
    runs = [run_of(server, name="same", namespace=space) for space in ("a", "b")]
    for run in runs:
        in_state(server, run, "failed")
    browser.open(server.admin + "/#/failures")
    browser.wait_text("two: 400 from PUT /*")
    browser.press("Retry all")
    browser.press("Retry all", "document.querySelector('dialog')")
    browser.wait_text("No failures.")
    for run in runs:
        in_state(server, run, "succeeded")
    browser.open(server.admin + "/#/workflows")
    browser.wait_text("main")
    browser.press("Pause")
    browser.fill("#f-reason", "lunch")
    browser.press("Pause", "document.querySelector('dialog')")
    browser.wait_text("Paused: workflow main by local (lunch)", "Unpause")
    assert server.items("pauses")[0]["reason"] == "lunch"
    browser.open(server.admin + "/#/runs/" + run_of(server, name="later"))
    browser.wait_text("workflow main is paused by local: lunch")
    for page in ("runs", "events", "deliveries", "approvals", "targets", "pauses", "explain/" + runs[0]):
        browser.open(server.admin + "/#/" + page)
        browser.wait_text("Postlude")
        browser.run("new Promise(done => setTimeout(done, 200))")
        assert "[object" not in browser.text() and browser.run("document.getElementById('note').textContent") == "", page
    assert browser.errors == []


def test_what_is_refused_is_said(daemon, fakes, browser):
    server = with_approval(daemon, fakes, "[bob]", TOKENS)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    browser.open(server.admin + "/#/runs/" + run)
    browser.wait_text("Token:")
    browser.fill("main input", SECRETS["ADA"])
    browser.press("Use it")
    browser.wait_text("may answer: bob")
    browser.press("Approve")
    browser.press("Approve", "document.querySelector('dialog')")
    browser.wait_text("only these may answer: bob; you are ada")
    browser.press("Leave it", "document.querySelector('dialog')")
    server.config_file.write_text(server.config_file.read_text() + "\nworkflow: {}\n")
    browser.wait_text("The newest configuration was refused", "did you mean 'workflows'?")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(daemon, fakes, browser, dark):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    step_in(server, run, "ok", "waiting")
    browser.ask("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=2, mobile=True)
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    for url, piece in ((server.admin + "/#/runs", run), (server.admin + "/#/runs/" + run, "Approve"), (told(fakes)["approve"], "Approve")):
        browser.open(url)
        browser.wait_text(piece)
        assert browser.run("document.documentElement.scrollWidth") <= 375, url
        bright = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (bright == "rgb(20, 22, 26)") is dark, (url, bright)


def test_a_links_button_works_in_a_browser(daemon, fakes, browser):
    server = with_approval(daemon, fakes)
    run = run_of(server)
    browser.open(told(fakes)["reject"])
    browser.wait_text("Reject")
    browser.fill("#comment", "not in a browser")
    browser.press("Reject")
    browser.wait_text("Rejected. Thank you.")
    assert in_state(server, run, "failed")["steps"][0]["reason"] == "rejected by link: not in a browser"
    assert browser.errors == []
