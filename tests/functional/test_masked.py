"""A target's secret that comes back in answers: it is masked wherever it is stored, shown or logged."""

import http.server
import json
import threading
import time

from daemon import flagger_body
from test_engine import SOURCE, calls, engine, run_of, states  # noqa: F401  (engine is a fixture)


def test_a_secret_that_a_system_repeats_is_masked_in_outputs(engine, fakes):
    server = engine("""
      - {id: asked, uses: web/request, with: {method: PUT, path: /x, body: {word: t0ken-of-the-fakes}}}
""")
    run = run_of(server)
    assert run["steps"][0]["outputs"]["body"]["body"] and calls(fakes, "PUT")
    assert "t0ken-of-the-fakes" not in str(run["steps"][0]["outputs"])


def test_a_secret_is_masked_before_what_it_stands_in_is_cut(daemon):
    """Stored bodies of 64 KiB, and what failed in one line of 500 bytes."""
    secret = "plainSecretValue77Abcdefgh12345"
    answers = {"/read": (200, "x" * (65536 - 12) + secret + "y" * 100),
               "/write": (200, "{}"),
               "/cut": (400, "x" * 480 + secret + "y" * 100),
               "/lines": (400, json.dumps({"message": "no: " + secret[:16] + "=\r\n" + secret[16:]}))}

    # The configuration is shown as well, so it has the secret backwards.
    body = f'"x" * {65536 - 12} + ("{secret[::-1]}" | explode | reverse | implode) + "y" * 100'

    class Repeats(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if text[0] == "{" else "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_PUT = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repeats) as repeats:
        threading.Thread(target=repeats.serve_forever, daemon=True).start()
        server = daemon(SOURCE + f"""
targets:
  web: {{connector: http, url: 'http://127.0.0.1:{repeats.server_address[1]}', auth: {{bearer: {{env: TOKEN}}}}}}
workflows:
  main:
    on: {{source: flagger}}
    steps:
      - {{uses: web/request, with: {{path: /read}}}}
      - {{uses: web/request, with: {{method: PUT, path: /write, body: '${{{{ {body} }}}}'}}}}
      - {{uses: web/request, continueOnError: true, with: {{method: PUT, path: /cut}}}}
      - {{uses: web/request, with: {{method: PUT, path: /lines}}}}
""", environment={"TOKEN": secret})
        run = run_of(server)
        repeats.shutdown()
    assert states(run) == ["succeeded", "succeeded", "failed", "failed"]
    shown = json.dumps(server.api(f"runs/{run['id']}"))
    assert "(cut)" in shown and "no: ***" in run["reason"]
    for text in (shown, server.log(), server.cli("explain", run["id"]).stdout):
        assert secret[:6] not in text and secret[16:] not in text


def test_large_answers_keep_nobody_waiting(daemon):
    """They are read, masked and judged beside the loop: it goes on answering. (They fail: such outputs are too large.)"""
    secret = "large-secret-4711"
    element = b"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"
    text = b'{"token":"%s","list":[' % secret.encode() + b",".join([element] * 40_000) + b"]}"

    class Large(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Large) as large:
        threading.Thread(target=large.serve_forever, daemon=True).start()
        server = daemon(SOURCE + f"""
targets:
  web: {{connector: http, url: 'http://127.0.0.1:{large.server_address[1]}', auth: {{bearer: {{env: TOKEN}}}}}}
workflows:
  main:
    on: {{source: flagger}}
    steps:
      - {{uses: web/request, with: {{path: /x, success: '.response.status == 200'}}}}
""", environment={"TOKEN": secret})
        events = [server.post("/hooks/flagger/post-rollout", flagger_body(name=f"app-{n}")).json["event"] for n in range(3)]
        slowest = 0.0
        waiting = set(events)
        end = time.monotonic() + 90
        while waiting and time.monotonic() < end:
            begin = time.monotonic()
            assert server.get("/healthz").status == 200
            slowest = max(slowest, time.monotonic() - begin)
            waiting -= {r["event"] for r in server.api("runs")["items"] if r["state"] == "failed"}
            time.sleep(0.02)
        large.shutdown()
    assert not waiting, server.api("runs")["items"]
    assert slowest < 0.5, "reading one of them took seconds"
    run = server.api("runs")["items"][0]
    assert secret not in json.dumps(server.api(f"runs/{run['id']}"))


def test_a_secret_that_has_just_changed_is_masked_too(daemon, fakes, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the-secret-of-before")
    sent = []

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            sent.append(self.headers["Authorization"])
            secret.write_text("the-secret-of-now")  # somebody rotates it while we work
            body = json.dumps({"you": self.headers["Authorization"]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        server = daemon(SOURCE + f"""
targets: {{web: {{connector: http, url: 'http://127.0.0.1:{echo.server_address[1]}', auth: {{bearer: {{file: {secret}}}}}}}}}
workflows:
  main:
    on: {{source: flagger}}
    steps:
      - {{uses: web/request, with: {{method: PUT, path: /a}}}}
      - {{uses: web/request, with: {{method: PUT, path: /b}}}}
""")
        run = run_of(server)
        echo.shutdown()
    assert states(run) == ["succeeded", "succeeded"]
    assert sent == ["Bearer the-secret-of-before", "Bearer the-secret-of-now"]
    assert "the-secret-of" not in json.dumps(server.api(f"runs/{run['id']}"))
