"""The tools that are compared: how each is started, where it takes hooks, what it says of its own work.

A tool is a folder below peers/ with a program `start`, which stays in the foreground and finds in its environment PORT,
PORT2…, the URLs VERSIONS, PIPELINES, CHAT, and INSTALLED, the folder that tests/compare/setup fills. It runs in a folder
of its own. `kill` ends its whole session at once, as a pod or a unit of systemd dies.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from daemon import ROOT, binary, wait_until

HERE = pathlib.Path(__file__).resolve().parent
PORTS = 4  # that a tool may use


class Tool:
    """A tool that keeps no list of what it has yet to do, or none that we read."""
    hook = "/"
    alerts = False
    ready_path = None

    def __init__(self, folder, ports, systems):
        self.folder, self.ports = folder, ports
        self.environment = {
            **os.environ, "INSTALLED": str(ROOT / "build" / "compare" / "peers"), "PORT": str(ports[0]),
            **{f"PORT{number + 1}": str(port) for number, port in enumerate(ports) if number},
            **{system.upper(): f"{systems.url(system)}/{system}" for system in ("versions", "pipelines", "chat")}}
        self.process = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self):
        return [str(HERE / "peers" / self.place / "start")]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports[0]}{self.hook}"

    def start(self, timeout=90.0):
        with open(self.folder / "tool.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, env=self.environment, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        wait_until(self.is_ready, timeout, 0.02, f"{type(self).__name__}, see {self.folder / 'tool.log'}:")

    def is_ready(self):
        if self.process.poll() is not None:
            tail = (self.folder / "tool.log").read_text(errors="replace")[-2000:]
            raise AssertionError(f"{self.place} ended with {self.process.returncode}:\n{tail}")
        try:
            if self.ready_path is None:
                socket.create_connection(("127.0.0.1", self.ports[0]), 1).close()
                return True
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}{self.ready_path}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def under_way(self):
        """How much it will go on with by itself; None: it does not say."""
        return None

    def held(self):
        """{release: the system whose effect it waits for a person to answer}."""
        return {}

    def resume(self, release, done):
        """A person's answer: it is done, or repeat it."""
        raise NotImplementedError


class Naive(Tool):
    place, hook = "naive", "/hook"


class Script(Tool):
    place, hook = "script", "/hooks/release"


class WaitingScript(Script):
    def command(self):
        return ["env", "WAIT=true", *super().command()]


class Alertmanager(Tool):
    place, hook, alerts, ready_path = "alertmanager", "/api/v2/alerts", True, "/-/ready"


class NodeRed(Tool):
    place, hook = "nodered", "/flagger"


class Restate(Tool):
    place, hook, ready_path = "restate", "/flagger/hook/send", "/restate/health"

    def start(self, timeout=90.0):
        super().start(timeout)
        wait_until((self.folder / "known").exists, timeout, 0.1, "Restate's knowing of the service")

    def under_way(self):
        query = json.dumps({"query": "select count(*) as n from sys_invocation where status != 'completed'"}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[1]}/query", query,
                                         {"Content-Type": "application/json", "Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["rows"][0]["n"]


class N8n(Tool):
    place, hook, ready_path = "n8n", "/webhook/flagger", "/healthz/readiness"


class N8nLegacy(N8n):
    """With the expression engine that it had before."""

    def command(self):
        return ["env", "N8N_EXPRESSION_ENGINE=legacy", *super().command()]


CONFIG = """
server: {{listen: '127.0.0.1:{port}', admin: '127.0.0.1:{admin}'}}
store: {{url: 'sqlite:postlude.db'}}
sources:
  flagger: {{type: flagger, auth: [{{basic: {{username: flagger, password: {{env: HOOK_PASSWORD}}}}}}]}}
targets:
  versions: {{connector: {connector}, url: '{versions}', auth: none{timeout}}}
  ci: {{connector: http, url: '{pipelines}', auth: none{timeout}}}
  chat: {{connector: http, url: '{chat}', auth: none{timeout}}}
workflows:
  release:
    on: {{source: flagger, phase: Succeeded}}
    steps:
      - id: version
        {version}
      - id: pipeline
        uses: ci/request
        onUnclear: {pipeline}
        with: {{method: POST, path: /pipelines, body: {{release: '{name}', version: '{made}'}}}}
      - id: chat
        uses: chat/request
        onUnclear: {message}
        with: {{method: POST, path: /chat, body: {{text: 'Released {name}'}}}}
"""
NAME = "${{ .event.name }}-${{ .event.checksum }}"
LOOKED_FOR = {"connector": "registry", "made": "${{ .steps.version.outputs.id }}",
              "version": f"uses: versions/version\n        with: {{name: '{NAME}'}}"}
KEYED = {"connector": "http", "made": "${{ .steps.version.outputs.body.id }}",
         "version": "uses: versions/request\n        with: {method: POST, path: /versions, idempotencyHeader: "
                    f"Idempotency-Key, body: {{name: '{NAME}'}}}}"}


class Postlude(Tool):
    """The version is looked for by the key that was left in it; the pipeline is held where nobody can know, the chat
    message repeated."""
    place, hook, ready_path = "postlude", "/hooks/flagger/post-rollout", "/readyz"
    version, pipeline, message = LOOKED_FOR, "hold", "repeat"

    def __init__(self, folder, ports, systems, timeout=None):
        super().__init__(folder, ports, systems)
        self.environment["HOOK_PASSWORD"] = "pw"
        self.api = f"http://127.0.0.1:{ports[1]}/api/v1/"
        (folder / "postlude.yaml").write_text(CONFIG.format(
            port=ports[0], admin=ports[1], pipeline=self.pipeline, message=self.message, name=NAME, **self.version,
            timeout=f", timeout: {timeout}" if timeout else "",
            **{system: systems.url(system) for system in ("versions", "pipelines", "chat")}))

    def command(self):
        return [os.path.abspath(binary()), "serve", "--config", "postlude.yaml", "--connectors",
                str(HERE / "peers" / self.place / "connectors")]

    @property
    def url(self):
        return super().url.replace("http://", "http://flagger:pw@")

    def get(self, path):
        with urllib.request.urlopen(self.api + path, timeout=20) as answer:
            return json.load(answer)

    def runs(self, *states):
        for state in states:
            after = ""
            while after is not None:
                page = self.get(f"runs?state={state}&limit=200{after}")
                yield from page["items"]
                after = f"&after={page['next']}" if page["next"] else None

    def under_way(self):
        waiting = sum(1 for run in self.runs("waiting")) - len(self.held())
        return waiting + sum(1 for run in self.runs("queued", "running"))

    def questions(self):
        """{release: (run, step)} of what waits for a person."""
        found = {}
        for listed in self.runs("waiting"):
            run = self.get("runs/" + listed["id"])
            event = self.get("events/" + run["event"])
            for step in run["steps"]:
                if step["state"] == "waiting":
                    found[f"{event['name']}-{event['checksum']}"] = (run["id"], step["id"])
        return found

    def held(self):
        system = {"version": "versions", "pipeline": "pipelines", "chat": "chat"}
        return {release: system[step] for release, (_, step) in self.questions().items()}

    def resume(self, release, done):
        run, step = self.questions()[release]
        body = json.dumps({"step": step, "as": "done" if done else "repeat"}).encode()
        request = urllib.request.Request(f"{self.api}runs/{run}/resume", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=20).close()


class PostludeHoldsAll(Postlude):
    message = "hold"


class PostludeRepeats(Postlude):
    pipeline = "repeat"


class PostludeKeyed(Postlude):
    version = KEYED


ALWAYS = {"postlude-hold": Postlude, "script": Script, "naive": Naive}
MORE = {"postlude-hold-all": PostludeHoldsAll, "postlude-repeat": PostludeRepeats, "postlude-key": PostludeKeyed,
        "script-wait": WaitingScript, "alertmanager": Alertmanager, "nodered": NodeRed, "restate": Restate, "n8n": N8n,
        "n8n-legacy": N8nLegacy}
ALL = ALWAYS | MORE
