"""A campaign: a daemon that is killed again and again while hooks come in, and its targets, which never go away.

    campaign = Campaign(folder, seed, kills)
    asyncio.run(campaign.run())        # until everything that was acknowledged is settled
    campaign.daemon, campaign.target_log(), campaign.acknowledged

All that chance decides is drawn from the seed: the kills, the bodies, the targets' faults. Scheduling is not.
"""

import asyncio
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import urllib.request

import daemon as daemons
import target as targets

HERE = pathlib.Path(__file__).resolve().parent
RETRY = "retry: {backoff: {initial: 20ms, max: 400ms}}"
TIMEOUT = 3.0  # of one request, in seconds; a lookup begins so long after what it looks for
PHASE = "{source: flagger, phase: Succeeded, name: [NAMES]}"

# One workflow per effect. `solo-*` is a canary per event; `shared-*` has many events in one queue.
WORKFLOWS = ("put", "key", "version", "comment", "trigger", "message", "chain")
SHARED = ("put", "key", "chain")  # none that holds: what waits for a person keeps its queue waiting
CONFIG = """
sources:
  flagger: {{type: flagger, auth: none}}
targets:
  box: {{connector: http, url: '{url}', auth: none, timeout: {timeout}s}}
  jira: {{connector: jira, url: '{url}', edition: cloud, auth: {{bearer: {{env: FAKE_TOKEN}}}}, timeout: {timeout}s}}
  slack: {{connector: slack, url: '{url}/api', auth: {{bearer: {{env: FAKE_TOKEN}}}}, timeout: {timeout}s}}
workflows:
  put:
    on: {any}
    steps:
      - uses: box/request
        with: {{method: PUT, path: '/state/${{{{ .event.id }}}}', body: {{checksum: '${{{{ .event.checksum }}}}'}}}}
        {retry}
  key:
    on: {any}
    steps:
      - uses: box/request
        with:
          {{method: POST, path: /objects, idempotencyHeader: Idempotency-Key,
            body: {{event: '${{{{ .event.id }}}}', kind: key}}}}
        {retry}
  version:
    on: {solo}
    steps:
      - uses: jira/release-version
        with:
          project: '${{{{ .event.metadata.project }}}}'
          name: '${{{{ .event.name }}}}-${{{{ .event.checksum }}}}'
        {retry}
  comment:
    on: {solo}
    steps:
      - uses: jira/comment
        with: {{issue: '${{{{ .event.metadata.issue }}}}', body: 'released by ${{{{ .event.id }}}}.'}}
        {retry}
  trigger:
    on: {solo}
    steps:
      - id: build
        uses: box/request
        with: {{method: POST, path: /trigger, body: {{event: '${{{{ .event.id }}}}'}}}}
        onUnclear: hold
        {retry}
  message:
    on: {solo}
    steps:
      - uses: slack/message
        with: {{channel: '#releases', text: 'released ${{{{ .event.id }}}}.'}}
        {retry}
  chain:
    on: {any}
    steps:
      - id: made
        uses: box/request
        with:
          {{method: POST, path: /objects, idempotencyHeader: Idempotency-Key,
            body: {{event: '${{{{ .event.id }}}}', kind: chain}}}}
        {retry}
      - uses: wait
        with: {{for: 200ms}}
      - uses: box/request
        with:
          method: PUT
          path: '/state/chain-${{{{ .event.id }}}}'
          body: {{object: '${{{{ .steps.made.outputs.body.id }}}}'}}
        {retry}
"""


class Body:
    def __init__(self, number, name, rng, padding=0, more=None):
        self.name, self.checksum = name, f"c{number:06}"
        metadata = {"project": rng.choice(targets.PROJECTS), "issue": rng.choice(targets.ISSUES)}
        if padding:
            metadata["padding"] = "x" * padding
        self.metadata = metadata | (more or {})
        self.bytes = daemons.flagger_body(name, "crash", "Succeeded", self.checksum, self.metadata)
        self.again = rng.random() < 0.1  # sent once more after its answer, as a proxy might
        self.event = None
        self.tries = 0


class Campaign:
    padding = 0  # of each body, in bytes

    def __init__(self, folder, seed, kills):
        self.folder, self.seed, self.kills = pathlib.Path(folder), seed, kills
        self.folder.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(seed)
        self.bodies = []
        self.killed = []     # (seconds since the start, seconds since ready or None where it was not ready yet)
        self.sessions = []   # of every daemon, whose children must not outlive it
        self.problems = []
        self.refused = 0     # answers 503
        self.began = time.monotonic()
        self.loading = True
        self.lacks = None    # a function that names what must be met and was not yet

    # -- what is started

    def start_target(self):
        port_file = self.folder / "target.port"
        self.target = subprocess.Popen([sys.executable, str(HERE / "target.py"), "--seed", str(self.seed),
                                        "--port-file", str(port_file)])
        daemons.wait_until(port_file.exists, why="the target")
        self.target_url = f"http://127.0.0.1:{port_file.read_text()}"

    def make_daemon(self, **options):
        names = {"any": PHASE.replace("NAMES", "'solo-*', 'shared-*'"), "solo": PHASE.replace("NAMES", "'solo-*'")}
        config = CONFIG.format(url=self.target_url, timeout=int(TIMEOUT), retry=RETRY, **names)
        self.daemon = daemons.Daemon(self.folder, config, start=False,
                                     environment={"FAKE_TOKEN": "a-token-of-the-fakes"}, **options)

    def spawn(self):
        self.daemon.start(ready=False)
        self.sessions.append(self.daemon.process.pid)

    def kill(self):
        """The daemon alone: its children have to find out by themselves."""
        process, self.daemon.process = self.daemon.process, None
        if process.poll() is not None:
            raise AssertionError(f"postlude ended by itself with {process.returncode}:\n{self.daemon.log()[-6000:]}")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        if getattr(self, "daemon", None) is not None:
            self.daemon.kill()
        if getattr(self, "target", None) is not None:
            self.target.kill()
            self.target.wait()
        for session in self.sessions:
            try:
                os.killpg(session, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # -- the run

    async def run(self):
        self.start_target()
        self.make_daemon()
        self.ending, self.down = asyncio.Event(), asyncio.Event()
        self.queues = collections.defaultdict(asyncio.Queue)  # "": all at once; else a canary's own, in its order
        self.senders = [asyncio.create_task(self.send(self.queues[""])) for _ in range(8)]
        others = self.others()
        load = asyncio.create_task(self.load())
        killer = asyncio.create_task(self.kill_all())
        await first_failure(killer, lambda: [*self.senders, *others, load])
        self.loading = False
        self.spawn()
        await self.ready(60)
        await load
        for queue in self.queues.values():
            await asyncio.wait_for(queue.join(), 90)
        for sender in self.senders:
            sender.cancel()
        self.control("POST", "/_faults/off")
        await first_failure(asyncio.create_task(self.settled(120)), lambda: others)
        for other in others:
            other.cancel()

    def others(self):
        """Tasks of who else is at work until all is settled."""
        return []

    async def goes_on(self):
        """Up to `kills`; then while something is lacking, which chance has not brought yet, up to three times as many."""
        if len(self.killed) < self.kills:
            return True
        if self.lacks is None or len(self.killed) >= 3 * self.kills:
            return False
        if len(self.killed) % 5:
            return True
        self.spawn()
        await self.ready(30)
        lacking = await asyncio.to_thread(self.lacks)
        self.note_kill(None)
        self.kill()
        return bool(lacking)

    def note_kill(self, after):
        self.killed.append((round(time.monotonic() - self.began, 3), after and round(after, 3)))

    async def kill_all(self):
        while await self.goes_on():
            self.spawn()
            if self.random.random() < 0.15:  # at the start, where the work of the process before is taken up
                await asyncio.sleep(self.random.uniform(0, 0.15))
                after = None
            else:
                await self.ready(30)
                after = self.random.uniform(0.05, 0.4)
                await asyncio.sleep(after)
            self.ending.set()  # who waits for it has its request under way when the process ends
            self.ending = asyncio.Event()
            await asyncio.sleep(self.random.choice([0, 0.001, 0.004]))
            self.note_kill(after)
            self.kill()
            self.down.set()    # or finds nobody there
            self.down = asyncio.Event()
            await asyncio.sleep(self.random.choice([0, 0, 0.02, 0.08]))

    async def ready(self, timeout, statuses=(200,)):
        end = time.monotonic() + timeout
        while True:
            if self.daemon.process.poll() is not None:
                self.kill()  # says why
            try:
                if (await Caller(self.daemon.admin_port).call("GET", "/readyz", timeout=2))[0] in statuses:
                    return
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                pass
            if time.monotonic() > end:
                raise TimeoutError(f"not ready after {timeout} s:\n{self.daemon.log()[-6000:]}")
            await asyncio.sleep(0.005)

    async def load(self):
        """Bodies one after the other, never so many that the end would be a long wait."""
        while self.loading:
            waiting = sum(body.event is None for body in self.bodies[-64:])
            if waiting < 32 and len(self.bodies) < 4 * max(self.kills, len(self.killed)):
                body = self.next_body(len(self.bodies))
                own = "" if body.name.endswith(f"-{len(self.bodies)}") else body.name
                if own and own not in self.queues:
                    self.senders.append(asyncio.create_task(self.send(self.queues[own])))
                self.bodies.append(body)
                self.queues[own].put_nowait(body)
            await asyncio.sleep(self.random.expovariate(1 / 0.08))

    def next_body(self, number):
        shared = self.random.randrange(10)
        return Body(number, f"shared-{'ab'[shared]}" if shared < 2 else f"solo-{number}", self.random, self.padding)

    async def send(self, queue):
        caller = Caller(self.daemon.port)
        while True:
            body = await queue.get()
            body.event, _ = await self.until_taken(caller, body)
            if body.again and body.name.endswith(f"-{int(body.checksum[1:])}"):
                event, duplicate = await self.until_taken(caller, body)
                if event != body.event or not duplicate:
                    self.problems.append(f"{body.checksum} again: {event} for {body.event}, duplicate: {duplicate}")
            queue.task_done()

    async def until_taken(self, caller, body):
        """(event, duplicate) of the first answer that says it is taken."""
        while True:
            body.tries += 1
            try:
                status, answer = await caller.call("POST", "/hooks/flagger/post-rollout", body.bytes, timeout=5)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
                await asyncio.sleep(0.01)
                continue
            if status in (200, 202):
                answer = json.loads(answer)
                if (status == 200) != answer["duplicate"]:
                    self.problems.append(f"{status} with {answer}")
                return answer["event"], answer["duplicate"]
            if status != 503:
                raise AssertionError(f"{status} {answer!r} for {body.bytes!r}")
            self.refused += 1
            await asyncio.sleep(0.05)

    async def settled(self, timeout):
        """Nothing waits for anything but people."""
        end = time.monotonic() + timeout
        while True:
            metrics = await asyncio.to_thread(self.daemon.metrics)
            open_runs = {state: sum(n for name, n in metrics.items()
                                    if name.startswith("postlude_runs{") and f'state="{state}"' in name)
                         for state in ("queued", "running", "waiting")}
            if metrics.get("postlude_events_waiting") == 0 and not open_runs["queued"] and not open_runs["running"]:
                waiting = await asyncio.to_thread(self.daemon.items, "runs?state=waiting&limit=500")
                held = [any(step["held"] for step in self.daemon.api("runs/" + run["id"])["steps"]) for run in waiting]
                if all(held) and len(waiting) == open_runs["waiting"]:
                    return
            if time.monotonic() > end:
                self.problems.append(f"not settled after {timeout} s: {open_runs}, "
                                     f"{metrics.get('postlude_events_waiting')} events not planned")
                return
            await asyncio.sleep(0.25)

    # -- what is left

    @property
    def acknowledged(self):
        return {body.checksum: body for body in self.bodies if body.event}

    def control(self, method, path):
        request = urllib.request.Request(self.target_url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def target_log(self):
        return self.control("GET", "/_log")

    def orphans(self):
        """Processes of daemons that are gone."""
        own = {self.daemon.process.pid} if self.daemon.process else set()
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[3]) in set(self.sessions) - own:
                found.append(stat.parent.name)
        return found

    def story(self):
        """What is needed to see it again."""
        kills = " ".join(f"{at}{'' if after is None else f'(+{after})'}" for at, after in self.killed)
        return f"seed {self.seed}, {len(self.killed)} kills, {len(self.bodies)} bodies\nkilled at {kills}"


async def first_failure(main, others):
    """Waits for `main`; an error of one of others() is that of all."""
    while not main.done():
        await asyncio.wait([main, *others()], return_when=asyncio.FIRST_EXCEPTION, timeout=1)
        for task in others():
            if task.done() and task.exception():
                main.cancel()
                raise task.exception()
    await main


class Caller:
    """HTTP/1.1 over a connection that is kept while it lasts."""

    def __init__(self, port):
        self.port = port
        self.streams = None

    async def call(self, method, path, body=b"", timeout=10, kind="application/json"):
        try:
            async with asyncio.timeout(timeout):  # wait_for() can swallow its own cancellation
                return await self.exchange(method, path, body, kind)
        except BaseException:
            self.close()
            raise

    async def exchange(self, method, path, body, kind):
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nUser-Agent: Go-http-client/1.1\r\n"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        content = await reader.readexactly(length)
        if "connection: close" in lines:
            self.close()
        return int(lines[0].split(" ")[1]), content

    def close(self):
        if self.streams is not None:
            self.streams[1].transport.abort()
            self.streams = None
