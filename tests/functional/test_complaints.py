"""What users of such programs complain of, on the real binary: one broken target that stops all others, and a
workflow that is edited while its run waits."""

import asyncio
import concurrent.futures
import http.client
import threading

import pytest
from daemon import flagger_body, free_port, wait_until

CONFIG = """
sources: {{flagger: {{type: flagger, auth: none}}}}
targets:
  broken: {{connector: http, url: 'http://127.0.0.1:{broken}', auth: none}}
  sound: {{connector: http, url: 'http://127.0.0.1:{sound}', auth: none}}
workflows:
  stuck:
    on: {{source: flagger, phase: Succeeded, name: 'stuck-*'}}
    steps:
      - uses: broken/request
        retry: {{backoff: {{initial: 200ms, max: 2s}}, for: 1h}}
        with: {{method: PUT, path: '/${{{{ .event.name }}}}'}}
  flowing:
    on: {{source: flagger, phase: Succeeded, name: 'flowing-*'}}
    steps:
      - {{uses: sound/request, with: {{method: PUT, path: '/${{{{ .event.name }}}}'}}}}
"""


class System:
    """A plain system on a port of its own, in a thread of its own: answers with .status and keeps what came."""

    def __init__(self, port, status=200):
        self.status, self.port = status, port
        self.at = set()    # the paths of what was answered 200
        self.refused = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", port, backlog=1024))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.status == 200:
                    self.at.add(head.split(b" ", 2)[1].decode())
                else:
                    self.refused += 1
                writer.write(b"HTTP/1.1 %d .\r\nContent-Length: 0\r\n\r\n" % self.status)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def end(self):
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def system():
    started = []

    def start(port, status=200):
        started.append(System(port, status))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def send_all(server, names, callers=16):
    """Sends an event for each name."""
    def send(own):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for name in own:
            connection.request("POST", "/hooks/flagger/post-rollout", flagger_body(name=name), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        list(pool.map(send, [names[n::callers] for n in range(callers)]))


def flow(server, sound, phase, burst=400, single=60):
    """Events one by one, and a burst: all reach the sound target. How fast is for tests/bench to say, as `broken`."""
    for number in range(single):
        name = f"flowing-{phase}-{number}"
        send_all(server, [name], callers=1)
        wait_until(lambda: "/" + name in sound.at, 60, 0.001, name)
    names = [f"flowing-{phase}-burst-{number}" for number in range(burst)]
    send_all(server, names, callers=4)
    wait_until(lambda: all("/" + name in sound.at for name in names), 60, 0.01, "the burst")


def stuck(server, *states):
    metrics = server.metrics()
    return sum(metrics.get(f'postlude_runs{{state="{state}",workflow="stuck"}}', 0) for state in states)


def breaker(server):
    return next(target["breaker"] for target in server.api("targets")["items"] if target["name"] == "broken")


@pytest.mark.timing
@pytest.mark.heavy
@pytest.mark.parametrize("how, count", [("refuses connections", 10_000), ("answers 503", 10_000)], ids=["gone", "503"])
def test_one_broken_target_does_not_hold_up_the_others(daemon, system, how, count):
    sound, port = system(free_port()), free_port()
    broken = system(port, 503) if how == "answers 503" else None
    server = daemon(CONFIG.format(broken=port, sound=sound.port))
    names = [f"stuck-{number}" for number in range(count)]
    send_all(server, names)
    flow(server, sound, "early")  # while they are planned, and their first attempts fail
    wait_until(lambda: breaker(server) == "open", 60, 0.05, "the breaker")
    wait_until(lambda: server.metrics().get("postlude_events_waiting") == 0, 120, 0.1, "the plans")
    flow(server, sound, "beside")
    assert stuck(server, "running", "queued", "waiting") == count, "all of them are under way, none has failed"
    if broken:  # the breaker keeps it from being asked 10,000 times over
        assert broken.refused < count / 10, broken.refused

    if broken:
        broken.status = 200
    else:
        broken = system(port)
    # Its pause, at most a minute, is over some time; the answers to probes close it.
    wait_until(lambda: stuck(server, "running", "queued", "waiting") == 0, 300, 0.25, "the end of all")
    assert broken.at == {"/" + name for name in names}
    assert breaker(server) == "closed"
    assert stuck(server, "succeeded") == count and stuck(server, "failed", "cancelled") == 0


EDITED = """
sources: {{flagger: {{type: flagger, auth: none}}}}
targets: {{web: {{connector: http, url: '{url}/echo', auth: none}}}}
workflows:
  main:
    on: {{source: flagger}}
    vars: {{word: {word}}}
    steps:
      - {{id: before, uses: web/request, with: {{method: PUT, path: '/{word}/before/${{{{ .event.name }}}}'}}}}
      - {wait}
{more}
"""
AFTER = """      - uses: web/request
        with: {{method: PUT, path: '/{word}/after/${{{{ .event.name }}}}', body: {{word: '${{{{ .vars.word }}}}'}}}}
"""


@pytest.mark.parametrize("crash", [False, True], ids=["running", "killed"])
def test_a_run_goes_on_with_the_text_it_began_with(daemon, fakes, crash):
    def text(word, wait, steps):
        return EDITED.format(url=fakes.url, word=word, wait=wait, more=AFTER.format(word=word) if steps else "")

    def accept(name):
        return server.post("/hooks/flagger/post-rollout", flagger_body(name=name)).json["event"]

    server = daemon(text("old", "{uses: approval, with: {message: Go on}}", True))
    event = accept("first")
    server.wait_run(event, states=("waiting",))
    revision = server.api("config")["revision"]
    # Another wait, and nothing after it.
    server.write_config(text("new", "{uses: wait, with: {for: 1ms}}", False))
    wait_until(lambda: server.api("config")["revision"] != revision, why="the new configuration")
    if crash:
        server.kill()
        server.start()
    second = server.wait_run(accept("second"))
    assert second["state"] == "succeeded" and len(second["steps"]) == 2
    assert server.runs_of(event)[0]["state"] == "waiting", "the edited wait is not the old run's"
    server.cli("runs", "approve", server.runs_of(event)[0]["id"], check=0)
    first = server.wait_run(event)
    assert first["state"] == "succeeded" and len(first["steps"]) == 3
    sent = [(r["path"].removeprefix("/echo"), r["body"]) for r in fakes.state()["requests"]]
    assert [path for path, _ in sent] == ["/old/before/first", "/new/before/second", "/old/after/first"]
    assert sent[-1][1] == {"word": "old"}
