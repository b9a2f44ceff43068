#!/usr/bin/env python3
"""What the daemon under the crash test acts on: Jira, Slack and a plain system, on one port of one event loop.

A complete request is applied at once and logged, whatever becomes of the connection; an incomplete one is neither.
Then the seed decides how it is answered: at once, late, cut, not at all, "later" without having applied it, or with a
503 that says nothing although it was applied.

    PUT  /state/…      keeps the body                        POST /objects   one object per Idempotency-Key
    POST /trigger      something happens each time           /rest/api/…, /api/…   tests/fakes
    PUT  /stubborn/…   is refused the first time, or always  PUT  /announce/…   keeps the links that came
    POST /suites       one per Idempotency-Key, each calls its `url` back until that is taken or refused for good
    GET  /_log         all that arrived, and what it led to  POST /_faults/{on,off}
    GET  /_announced   the links by path
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
import postlude_fakes  # noqa: E402

PROJECTS = [f"LOAD{n}" for n in range(200)]
ISSUES = [f"PROJ-{n}" for n in range(100, 1600)]

# What may go wrong with a request, and how often.
FAULTS = (("late", 0.15), ("reset", 0.05), ("cut", 0.02), ("unsaid", 0.02), ("too many", 0.04), ("later", 0.03))


class Target:
    def __init__(self, seed, base=""):
        self.random = random.Random(seed)
        self.faults = True
        self.log = []
        self.fakes = postlude_fakes.Fakes(base)
        self.states, self.objects, self.triggers = {}, {}, []
        self.refused, self.announced = set(), {}
        self.suites, self.calls, self.calling = {}, [], set()
        jira = self.fakes.jira
        for number, key in enumerate(PROJECTS):
            jira.projects[key] = {"id": str(20000 + number), "key": key, "name": key}
        for key in ISSUES:
            jira.issues[key] = {**jira.issues["PROJ-1"], "key": key, "id": str(next(jira.ids)), "fixVersions": [],
                                "comments": [], "links": []}

    def draw(self):
        at = self.random.random()
        for fault, share in FAULTS:
            at -= share
            if at < 0:
                return fault if self.faults else None
        return None

    def apply(self, request, entry):
        if request.path.startswith(("/rest/", "/api/")):
            return self.fakes.apply(request, entry)
        key = request.headers.get("idempotency-key")
        if request.path.startswith("/state/") and request.method == "PUT":
            self.states.setdefault(request.path, []).append(request.json)
            return postlude_fakes.Answer(200, {"ok": True})
        if request.path == "/objects" and request.method == "POST" and key:
            known = self.objects.setdefault(key, {"id": f"obj-{len(self.objects)}", "key": key, "body": request.json,
                                                  "asked": 0})
            known["asked"] += 1
            return postlude_fakes.Answer(201 if known["asked"] == 1 else 200, {"id": known["id"]})
        if request.path == "/trigger" and request.method == "POST":
            self.triggers.append(request.json)
            return postlude_fakes.Answer(202, {"build": len(self.triggers)})
        if request.path == "/suites" and request.method == "POST" and key:
            if key not in self.suites:
                self.suites[key] = request.json
                self.begin_calls(request.json)
            return postlude_fakes.Answer(201, {"suite": key})
        if request.path.startswith("/announce/") and request.method == "PUT":
            self.announced[request.path] = request.json
            return postlude_fakes.Answer(200, {"ok": True})
        if request.path.startswith("/stubborn/") and request.method == "PUT":
            if request.json["refuse"] == "always" or request.path not in self.refused:
                self.refused.add(request.path)
                return postlude_fakes.Answer(400, "not so")
            self.states.setdefault(request.path, []).append(request.json)
            return postlude_fakes.Answer(200, {"ok": True})
        return postlude_fakes.Answer(404, "nothing here")

    # -- suites

    def begin_calls(self, suite):
        """`when` is early, before the wait can have begun; late, long after; or twice, both, with other words."""
        early, late = (0, 0.02), (0.3, 1.2)
        for number, span in enumerate({"early": [early], "late": [late], "twice": [early, late],
                                       "race": [early, early]}[suite["when"]]):
            call = {"event": suite["event"], "url": suite["url"], "body": {"of": suite["event"], "call": number},
                    "answers": []}
            self.calls.append(call)
            task = asyncio.create_task(self.call_back(call, self.random.uniform(*span)))
            self.calling.add(task)
            task.add_done_callback(self.calling.discard)

    async def call_back(self, call, delay):
        """Calls until it is told that it is taken or never will be; the daemon may be dead in between."""
        await asyncio.sleep(delay)
        url = urllib.parse.urlsplit(call["url"])
        body = json.dumps(call["body"]).encode()
        head = (f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()
        while not call["answers"] or call["answers"][-1] in (None, 503):
            status = None  # whether it was taken is not known
            try:
                async with asyncio.timeout(5):
                    reader, writer = await asyncio.open_connection(url.hostname, url.port)
                    try:
                        writer.write(head + body)
                        answer = await reader.readuntil(b"\r\n\r\n")
                        status = int(answer.split(b" ", 2)[1])
                    finally:
                        writer.transport.abort()
            except (OSError, EOFError, asyncio.TimeoutError):
                await asyncio.sleep(0.02)
            call["answers"].append(status)

    def control(self, request):
        if request.path == "/_log":
            return postlude_fakes.Answer(200, {
                "requests": self.log, "states": self.states, "objects": list(self.objects.values()),
                "triggers": self.triggers, "jira": self.fakes.jira.state(), "slack": self.fakes.slack.state(),
                "calls": self.calls, "calling": len(self.calling)})
        if request.path == "/_announced":
            return postlude_fakes.Answer(200, self.announced)
        if request.path.startswith("/_faults/"):
            self.faults = request.path.endswith("/on")
            return postlude_fakes.Answer(200, {"faults": self.faults})
        return postlude_fakes.Answer(404, "no such control")

    async def answer(self, request):
        """(bytes to send, whether to go on), after applying what is to be applied."""
        if request.path.startswith("/_"):
            return bytes_of(self.control(request)), True
        entry = {"at": time.time(), "method": request.method, "path": request.path, "query": request.query,
                 "body": request.json, "applied": False, "fault": self.draw()}
        self.log.append(entry)
        if entry["fault"] == "too many":
            return bytes_of(postlude_fakes.Answer(429, "slow down", {"Retry-After": "0"})), True
        if entry["fault"] == "later":
            return bytes_of(postlude_fakes.Answer(503, "not now", {"Retry-After": "1"})), True
        answer = self.apply(request, entry)
        entry["applied"] = True
        data = bytes_of(answer)
        if entry["fault"] == "late":
            await asyncio.sleep(self.random.uniform(0.01, 0.06))
        elif entry["fault"] == "reset":
            return b"", False
        elif entry["fault"] == "cut":
            return data[:self.random.randrange(1, len(data))], False
        elif entry["fault"] == "unsaid":
            return bytes_of(postlude_fakes.Answer(503, "the upstream is gone")), True
        return data, True

    async def serve(self, reader, writer):
        try:
            while True:
                request = await read_request(reader)
                data, more = await self.answer(request)
                writer.write(data)
                await writer.drain()
                if not more:
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a peer that was killed
        finally:
            if not writer.is_closing():
                writer.transport.abort()


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in head[1:] if line]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return postlude_fakes.Request(method, path, headers, await reader.readexactly(length))


def bytes_of(answer):
    head = [f"HTTP/1.1 {answer.status} ."] + [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 204:
        head.append(f"Content-Length: {len(answer.body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode() + (b"" if answer.status == 204 else answer.body)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--port-file", required=True)
    options = parser.parse_args()
    target = Target(options.seed)
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0, backlog=1024, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    target.fakes.jira.base = f"http://127.0.0.1:{port}"
    pathlib.Path(options.port_file + ".part").write_text(str(port))
    os.replace(options.port_file + ".part", options.port_file)
    parent = os.getppid()
    while os.getppid() == parent:  # never longer than the test
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main())
