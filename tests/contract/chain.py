"""Postlude -> Rewriter -> Prism -> fakes: every request of an action, held against the vendor's description.

Jira's description has paths of version 3 only: the rewriter sends requests for version 2 past Prism under version 3,
where the two say the same, and those that only Data Center knows straight to the fake. It keeps what Prism objects to.
"""

import http.client
import http.server
import json
import pathlib
import re
import subprocess
import threading
import urllib.parse

from daemon import free_port, wait_until

PRISM = pathlib.Path(__file__).resolve().parents[2] / "build" / "npm" / "node_modules" / ".bin" / "prism"


class Prism:
    """`prism proxy`: forwards to `upstream`, and says in a header what is wrong with request and answer."""

    def __init__(self, spec, upstream, log, ready=True):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(log, "w+")
        self.process = subprocess.Popen([PRISM, "proxy", str(spec), upstream, "-h", "127.0.0.1", "-p", str(self.port)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        if ready:
            wait_until(self.listens, 60, 0.1, "Prism")

    def listens(self):
        assert self.process.poll() is None, self.text()
        return "Prism is listening" in self.text()

    def text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Rewriter(http.server.ThreadingHTTPServer):
    """`rewrite(path)` gives the path for Prism, also with headers to add, or None for one that goes straight to
    `direct`."""

    daemon_threads = True

    def __init__(self, prism, direct, rewrite):
        super().__init__(("127.0.0.1", 0), Forward)
        self.prism, self.direct, self.rewrite = prism, direct, rewrite
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen = []  # {"method", "path", "prism": bool, "body", "violations", "status"}
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def violations(self):
        return [(entry["method"], entry["path"], v) for entry in self.seen for v in entry["violations"]]


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        rewritten, more = self.server.rewrite(path), {}
        if isinstance(rewritten, tuple):
            rewritten, more = rewritten
        base = self.server.direct if rewritten is None else self.server.prism
        target = (path if rewritten is None else rewritten) + ("?" + query if query else "")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        headers.update(more)
        url = urllib.parse.urlsplit(base)
        upstream = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        try:
            upstream.request(self.command, target, body or None, headers)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        violations = json.loads(answer.headers.get("sl-violations") or "[]")
        if answer.status == 204:  # an answer without a body has no type, whatever the description says
            violations = [v for v in violations if v["location"] != ["response"]]
        self.server.seen.append({
            "method": self.command, "path": path, "prism": rewritten is not None, "status": answer.status,
            "body": json.loads(body) if body else None, "violations": violations})
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in ("content-type", "retry-after", "location"):
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def log_message(self, format, *args):
        pass


def to_version_3(path):
    """Jira: None for what only Data Center has."""
    return None if path == "/rest/api/2/search" else re.sub(r"^/rest/api/2/", "/rest/api/3/", path)


def objections(value, schema, where="body"):
    """What is wrong with a value, by the few keywords that the schemas of our own use."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = schema.get("type")
    if kind and (not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {value!r} is no {kind}"]
    if "const" in schema and value != schema["const"]:
        return [f"{where}: {value!r} is not {schema['const']!r}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r} does not match {schema['pattern']}"]
    found = []
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        if properties or "required" in schema:
            found += [f"{where}: {name} is unknown" for name in value if name not in properties]
        for name, member in properties.items():
            if name in value:
                found += objections(value[name], member, f"{where}.{name}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{where}: too few items")
        for index, item in enumerate(value):
            found += objections(item, schema.get("items", {}), f"{where}[{index}]")
    return found
