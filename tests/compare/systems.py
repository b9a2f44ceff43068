"""Three systems that a release's follow-up work touches. They fail on demand, and keep books of what was done to them.

  versions   POST /versions {"name"} makes a version, and a second one when asked twice. An Idempotency-Key that it has
             seen is answered as before. GET /versions?name=N[&ref=R] lists those of that name.
  pipelines  POST /pipelines {"release"} starts one at each call. No key, no look-up.
  chat       POST /chat {"text"} posts one at each call. No key, no look-up.

Each acts in the middle of its latency, whether or not the caller is still there. What fails is decided by a hash of the
seed, the system, the release and how many calls it has had for it: the same for all tools as far as they call alike.
"""

import asyncio
import hashlib
import json
import threading
import time
import urllib.parse

SYSTEMS = ("versions", "pipelines", "chat")
LATENCY = (0.03, 0.15)  # seconds
RETRY_AFTER = 2  # seconds, with each 503


def chance(*what):
    """A number in [0, 1) that depends on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:7], "big") / 2**56


def release_of(body):
    """The release that a call is about; Alertmanager's own body names it in a label."""
    if "alerts" in body:
        return body["alerts"][0]["labels"]["release"]
    return body.get("name") or body.get("release") or str(body.get("text", "")).split(" ")[-1]


class Systems:
    """All three, each on a port of its own, on a thread of their own. `busy` and `cut` are shares of calls; `down` is
    (system, from, to) in seconds after begin()."""

    def __init__(self, ports, seed=1, busy=0.0, cut=0.0, down=None):
        self.ports = dict(zip(SYSTEMS, ports))
        self.seed, self.busy, self.cut, self.outage = seed, busy, cut, down
        self.books = []  # what happened, in order; appended to by the thread, read by others
        self.versions, self.answers, self.calls = {}, {}, {}
        self.servers, self.callers, self.down = {}, {system: set() for system in SYSTEMS}, set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        for system in SYSTEMS:
            asyncio.run_coroutine_threadsafe(self.listen(system), self.loop).result(10)

    def url(self, system):
        return f"http://127.0.0.1:{self.ports[system]}"

    def begin(self):
        """From now on the outage's clock runs."""
        if self.outage:
            asyncio.run_coroutine_threadsafe(self.fail(*self.outage), self.loop)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def last(self):
        """When something was last written into the books."""
        return self.books[-1]["at"] if self.books else 0.0

    # -- on the thread

    async def listen(self, system):
        async def serve(reader, writer):
            await self.serve(system, reader, writer)
        self.servers[system] = await asyncio.start_server(serve, "127.0.0.1", self.ports[system], backlog=512)

    async def end(self):
        for server in self.servers.values():
            server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def fail(self, system, begin, end):
        await asyncio.sleep(begin)
        self.down.add(system)
        self.servers[system].close()
        for writer in list(self.callers[system]):
            writer.transport.abort()
        await asyncio.sleep(end - begin)
        self.down.discard(system)
        await self.listen(system)

    def book(self, kind, system, release, number):
        self.books.append({"at": time.time(), "kind": kind, "system": system, "release": release, "call": number})

    async def serve(self, system, reader, writer):
        self.callers[system].add(writer)
        try:
            while True:
                method, target, headers, body = await read_request(reader, writer)
                # A request that is here is carried out, also when its caller dies.
                work = asyncio.ensure_future(self.answer(system, method, target, headers, body))
                answer = await asyncio.shield(work)
                if answer is None or system in self.down:
                    writer.transport.abort()
                    return
                writer.write(as_bytes(*answer))
                await writer.drain()
                if headers.get("connection", "").lower() == "close":
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except ValueError:
            self.book("unreadable", system, "", 0)
        finally:
            self.callers[system].discard(writer)
            writer.close()

    async def answer(self, system, method, target, headers, body):
        """(status, more headers, value); None cuts the connection."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        look = method == "GET"
        value = json.loads(body) if body else {}
        release = query.get("name", [""])[0] if look else release_of(value)
        call = (system, release, method)
        number = self.calls[call] = self.calls.get(call, 0) + 1
        if chance(self.seed, "busy", *call, number) < self.busy:
            self.book("busy", system, release, number)
            return 503, {"Retry-After": RETRY_AFTER}, {"error": "busy"}
        latency = LATENCY[0] + (LATENCY[1] - LATENCY[0]) * chance(self.seed, "latency", *call, number)
        await asyncio.sleep(latency / 2)
        if system in self.down:
            self.book("died", system, release, number)
            return None
        answer = self.look(release, query, number) if look else self.act(system, release, value, headers, number)
        await asyncio.sleep(latency / 2)
        if chance(self.seed, "cut", *call, number) < self.cut:
            self.book("cut", system, release, number)
            return None
        return answer

    def look(self, release, query, number):
        self.book("looked", "versions", release, number)
        ref = query.get("ref", [None])[0]
        return 200, {}, [v for v in self.versions.get(release, []) if ref in (None, v["ref"])]

    def act(self, system, release, value, headers, number):
        key = headers.get("idempotency-key") if system == "versions" else None
        if key and key in self.answers:
            self.book("repeated", system, release, number)
            return self.answers[key]
        self.book("effect", system, release, number)
        if system != "versions":
            return 201, {}, {"id": number}
        made = {"id": f"v{number}-{release}", "name": release, "ref": value.get("ref")}
        self.versions.setdefault(release, []).append(made)
        answer = 201, {}, made
        if key:
            self.answers[key] = answer
        return answer


async def read_request(reader, writer):
    """(method, target, headers, body); ValueError for what is no request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" not in headers.get("transfer-encoding", ""):
        return method, target, headers, await reader.readexactly(int(headers.get("content-length") or 0))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return method, target, headers, body


def as_bytes(status, headers, value):
    body = json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}",
             *(f"{name}: {text}" for name, text in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
