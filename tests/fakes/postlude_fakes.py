#!/usr/bin/env python3
"""Stateful fakes of Jira, Slack and a CI for the demo, the crash test and pytest. Standard library only.

    postlude_fakes.py [--port N] [--port-file FILE] [--quiet]

One port serves all: Jira below /rest/api/{2,3}/…, Slack below /api/… (Web API) and /services/… (incoming webhooks),
a CI below /ci/builds and a sink below /echo/… that takes anything. A complete request is applied at once and counted,
whatever becomes of the connection afterwards: that is what makes an answer that never came worth a test.

    GET  /_fake/state    everything that happened: {"jira": …, "slack": …, "effects": {key: n}, "requests": […]}
    POST /_fake/faults   {"path": glob, "method": "POST", "times": 1, …one or more of the faults below}
                         or {"clear": true}; faults are used up in their order, the first that fits
         status, headers, body   answers this instead of applying the request; 429 with {"Retry-After": "1"}. In a header,
                                 {date+30}, {epoch+30} and {millis+30} are that many seconds after the answer, which
                                 is logged as "answered"
         delay                   seconds before the request is applied
         hold                    true: neither applied nor answered before the release
         delayAfter              seconds between applying it and answering
         close: before | after   closes the connection before or after applying it, without an answer
         cut: N                  applies it, sends the first N bytes of the answer, and closes
         slackError: TEXT        200 with {"ok": false, "error": TEXT}, not applied
    POST /_fake/builds   {"result": "passed"}: all builds of the CI that run are over
    POST /_fake/release  lets go of what is held, now and later
    POST /_fake/reset    forgets everything
"""

import argparse
import email.utils
import fnmatch
import http.server
import itertools
import json
import os
import re
import socket
import sys
import threading
import time

from fake_jira import Jira
from fake_wire import LOCK, Answer, Effects, Request


# -- Slack


class Slack:
    CHANNELS = {"#releases": "C0RELEASES", "#alerts": "C0ALERTS", "#pay": "C0PAY",
                "#customers": "C0CUSTOMERS"}

    def __init__(self, effects):
        self.effects = effects
        self.messages = []
        self.webhooks = []
        self.clock = itertools.count(1)

    def handle(self, request):
        if request.path.startswith("/services/"):
            return self.webhook(request)
        method = request.path.removeprefix("/api/")
        if method not in ("chat.postMessage", "chat.update") or request.method != "POST":
            return self.no("unknown_method")
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return self.no("not_authed")
        if not isinstance(request.json, dict):
            return self.no("invalid_json")
        channel = self.CHANNELS.get(request.json.get("channel"), request.json.get("channel"))
        if channel not in self.CHANNELS.values():
            return self.no("channel_not_found")
        if not request.json.get("text") and not request.json.get("blocks"):
            return self.no("no_text")
        return self.post(request.json, channel) if method == "chat.postMessage" else self.update(request.json, channel)

    @staticmethod
    def no(error):
        return Answer(200, {"ok": False, "error": error})

    def post(self, body, channel):
        key = body.get("metadata", {}).get("event_payload", {}).get("key")
        message = {"channel": channel, "ts": f"1700000000.{next(self.clock):06}", "text": body.get("text"),
                   "blocks": body.get("blocks"), "thread_ts": body.get("thread_ts"), "key": key, "edits": 0}
        self.messages.append(message)
        self.effects.add("slack", "message", key, body.get("text"))
        return Answer(200, {"ok": True, "channel": channel, "ts": message["ts"], "message": {"text": body.get("text")}})

    def update(self, body, channel):
        for message in self.messages:
            if message["channel"] == channel and message["ts"] == body.get("ts"):
                message.update(text=body.get("text"), blocks=body.get("blocks"), edits=message["edits"] + 1)
                self.effects.add("slack", "update", None, body.get("text"))
                return Answer(200, {"ok": True, "channel": channel, "ts": message["ts"], "text": body.get("text")})
        return self.no("message_not_found")

    def webhook(self, request):
        if len(request.path.split("/")) != 5:
            return Answer(404, "no_service")
        if not isinstance(request.json, dict):
            return Answer(400, "invalid_payload")
        if not request.json.get("text") and not request.json.get("blocks"):
            return Answer(400, "no_text")
        self.webhooks.append({"path": request.path, "text": request.json.get("text")})
        self.effects.add("slack", "webhook", None, request.json.get("text"))
        return Answer(200, "ok", {"Content-Type": "text/html"})

    def state(self):
        return {"messages": self.messages, "webhooks": self.webhooks}


# -- a CI


class Ci:
    """POST /ci/builds starts one, GET /ci/builds/ID looks at it, GET /ci/builds?key=K finds it. One with the
    Idempotency-Key of another is that one."""

    def __init__(self, effects):
        self.effects = effects
        self.builds = []

    def handle(self, request):
        key = request.headers.get("idempotency-key") or (request.json or {}).get("key")
        if request.method == "POST" and request.path == "/ci/builds":
            known = [b for b in self.builds if key and b["key"] == key and "idempotency-key" in request.headers]
            if known:
                return Answer(200, known[0])
            build = {"id": str(len(self.builds) + 1), "of": (request.json or {}).get("of"), "key": key, "state": "running",
                     "result": None}
            self.builds.append(build)
            self.effects.add("ci", "build", key, build["id"])
            return Answer(201, build)
        if request.method == "GET" and request.path == "/ci/builds":
            return Answer(200, [b for b in self.builds if b["key"] == request.query.get("key")])
        for build in self.builds:
            if request.method == "GET" and request.path == "/ci/builds/" + build["id"]:
                return Answer(200, build)
        return Answer(404, {"message": "there is no such build"})

    def finish(self, result):
        for build in self.builds:
            if build["state"] == "running":
                build.update(state="done", result=result)


# -- all of them, their log and their faults


def timely(headers, now):
    """The headers of a fault with their times, which count from the answer: who set the fault knows not when that is."""
    def written(match):
        at = now + int(match[2])
        return {"date": lambda: email.utils.formatdate(int(at), usegmt=True), "epoch": lambda: str(int(at)),
                "millis": lambda: str(int(at * 1000))}[match[1]]()
    return {name: re.sub(r"\{(date|epoch|millis)([+-]\d+)\}", written, value) for name, value in (headers or {}).items()}


class Fakes:
    def __init__(self, base=""):
        self.base = base
        self.reset()

    def reset(self):
        self.effects = Effects()
        self.jira = Jira(self.effects, self.base)
        self.slack = Slack(self.effects)
        self.ci = Ci(self.effects)
        self.faults = []
        self.requests = []
        self.released = threading.Event()

    def fault_for(self, request):
        for fault in self.faults:
            if fault.get("method", request.method) != request.method:
                continue
            if not fnmatch.fnmatchcase(request.path, fault.get("path", "*")):
                continue
            fault["times"] -= 1
            if fault["times"] == 0:
                self.faults.remove(fault)
            return fault
        return {}

    def begin(self, request):
        """Logs the request's arrival and picks its fault."""
        with LOCK:
            entry = {"at": time.time(), "method": request.method, "path": request.path, "query": request.query,
                     "headers": {name: value for name, value in request.headers.items() if name != "authorization"},
                     "body": request.json if request.json is not None else request.raw.decode(errors="replace"),
                     "applied": False, "status": None}
            self.requests.append(entry)
            return entry, self.fault_for(request)

    def apply(self, request, entry):
        with LOCK:
            entry["applied"] = True
            if request.path.startswith("/rest/api/"):
                answer = self.jira.handle(request)
            elif request.path.startswith(("/api/", "/services/")):
                answer = self.slack.handle(request)
            elif request.path.startswith("/ci/"):
                answer = self.ci.handle(request)
            elif request.path.startswith("/echo"):
                key = request.headers.get("idempotency-key")
                if request.method not in ("GET", "HEAD"):
                    self.effects.add("echo", request.method, key, request.path)
                answer = Answer(200, {"method": request.method, "path": request.path, "query": request.query,
                                      "body": entry["body"], "key": key})
            else:
                answer = Answer(404, "nothing here")
            entry["status"] = answer.status
            return answer

    def control(self, request):
        with LOCK:
            if request.method == "GET" and request.path == "/_fake/state":
                return Answer(200, {"jira": self.jira.state(), "slack": self.slack.state(), "builds": self.ci.builds,
                                    "effects": self.effects.by_key,
                                    "all": self.effects.list, "requests": self.requests, "faults": self.faults})
            if request.method == "POST" and request.path == "/_fake/faults" and isinstance(request.json, dict):
                if request.json.get("clear"):
                    self.faults.clear()
                else:
                    self.faults.append({"times": 1, **request.json})
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/builds":
                self.ci.finish((request.json or {}).get("result", "passed"))
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/release":
                self.released.set()
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/reset":
                self.reset()
                return Answer(204)
            return Answer(404, "no such control")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fake", ""
    timeout = 120
    disable_nagle_algorithm = True

    def read_request(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            wanted = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(wanted)
            if len(body) < wanted:
                return None  # the sender went away: not a complete request, so nothing is applied
        return Request(self.command, self.path, self.headers.items(), body)

    def serve(self):
        request = self.read_request()
        if request is None:
            self.close_connection = True
            return
        fakes = self.server.fakes
        if request.path.startswith("/_fake/"):
            self.answer(fakes.control(request))
            return
        entry, fault = fakes.begin(request)
        if fault.get("delay"):
            time.sleep(fault["delay"])
        if fault.get("hold"):
            fakes.released.wait(120)
        if fault.get("close") == "before":
            self.drop()
        elif "slackError" in fault:
            entry["status"] = 200
            self.answer(Slack.no(fault["slackError"]))
        elif "status" in fault:
            entry.update(status=fault["status"], answered=time.time())
            self.answer(Answer(fault["status"], fault.get("body"), timely(fault.get("headers"), entry["answered"])))
        else:
            answer = fakes.apply(request, entry)
            if fault.get("delayAfter"):
                time.sleep(fault["delayAfter"])
            if fault.get("close") == "after":
                self.drop()
            else:
                self.answer(answer, fault.get("cut"))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def drop(self):
        """Closes without a word; with unread data or not, the peer sees the end of the stream."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, answer, cut=None):
        head = [f"HTTP/1.1 {answer.status} {http.server.BaseHTTPRequestHandler.responses.get(answer.status, ('',))[0]}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status != 204:
            head.append(f"Content-Length: {len(answer.body)}")
        data = ("\r\n".join(head) + "\r\n\r\n").encode()
        if self.command != "HEAD" and answer.status != 204:
            data += answer.body
        try:
            self.wfile.write(data if cut is None else data[:cut])
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # nobody waits for it any more
        if cut is not None:
            self.drop()

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # a peer that was killed

    def log_message(self, format, *args):
        if not self.server.quiet:
            sys.stderr.write("fake: " + format % args + "\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, port=0, quiet=True):
        super().__init__(("127.0.0.1", port), Handler)
        self.quiet = quiet
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.fakes = Fakes(self.url)

    def start(self):
        """In a thread of its own, for tests; stop() ends it."""
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()

    def state(self):
        with LOCK:
            return json.loads(self.fakes.control(Request("GET", "/_fake/state", [], b"")).body)

    def fault(self, **fault):
        with LOCK:
            self.fakes.faults.append({"times": 1, **fault})

    def release(self):
        self.fakes.released.set()

    def finish_builds(self, result="passed"):
        with LOCK:
            self.fakes.ci.finish(result)

    def rerun_builds(self):
        """Somebody has them run once more, over there."""
        with LOCK:
            for build in self.fakes.ci.builds:
                build.update(state="running", result=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0: any; printed, and written to --port-file")
    parser.add_argument("--port-file", help="written when the fakes listen")
    parser.add_argument("--quiet", action="store_true", help="do not log requests")
    options = parser.parse_args()
    server = Server(options.port, options.quiet)
    print(f"fakes of Jira and Slack on {server.url}", flush=True)
    if options.port_file:
        partly = options.port_file + ".part"
        with open(partly, "w") as file:
            file.write(str(server.port))
        os.replace(partly, options.port_file)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
