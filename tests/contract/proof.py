"""What every action of a connector must do when things go wrong, as data, and the running of it.

A system is one connector file (connectors/NAME.yaml), one fake (tests/fakes/vendors.py) and one file of cases
(tests/contract/systems/NAME.yaml). Its keys:

    auth    {kind, name}: where the fake wants the secret; `url`: `path` of the URL, with SECRET in it; `sign`: the secret
            that signs
    base    what the target's URL has after the fake's own
    target  more keys of the target
    spec    {file, base}: the vendor's OpenAPI in POSTLUDE_SPECS, and the path before its paths; `rename`: paths that a
            gateway has elsewhere; `actions`: those that it describes, if not all
    later   how the system says "not now"; denied: how it says that the credentials are wrong
    actions.NAME
      write    METHOD PATH (a glob): the request that is lost, refused, …; of an action that only reads, one that does
      object   the kind of the fake's objects that are counted
      with     the step's input, which is the example in the documentation as well
      again    the input of a second use of the same key
      before   a request that makes what the action needs; seed: one that makes what it would make
      hidden   {status, body}: a failure inside a 2xx
      expect   {CASE: "succeeded 1"}: where it is not what follows from the effect
      variants {NAME: {with, event, fault, expect, target}}: more inputs; `event` is one of EVENTS, a fault lost, later, …
               `effect`: of a variant with a fault, in the documentation, where it is not `none, hold`

All cases of all systems run side by side in one daemon, each with a fake of its own.
"""

import functools
import json
import pathlib
import re
import time

import vendors
import yaml
from chain import Prism, Rewriter
from daemon import Daemon, flagger_body, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT = 4  # seconds, of a request whose case waits for it
FAULTS = {
    "lost": {"close": "after"},
    "timeout": {"delayAfter": TIMEOUT + 1},
    "broken": {"status": 500, "body": "Internal Server Error"},
    "change-lost": {"close": "after"},
}
# What follows from the effect of the request that writes: the step's end, and how many objects there are then.
SAFE = {"lost": "succeeded 1", "timeout": "succeeded 1", "broken": "succeeded 1"}
BY_EFFECT = {
    "read": {"plain": "succeeded 0", "later": "succeeded 0", **dict.fromkeys(SAFE, "succeeded 0")},
    "state": SAFE, "upsert": SAFE, "key": SAFE, "lookup": SAFE,
    "none, repeat": {"lost": "succeeded 2", "timeout": "succeeded 2", "broken": "succeeded 1"},
    "none, hold": {"lost": "held 1", "timeout": "held 1", "broken": "held 0"},
    "none, fail": {"lost": "failed 1", "timeout": "failed 1", "broken": "failed 0"},
}
COMMON = {"plain": "succeeded 1", "again": "succeeded 1", "gone": "succeeded 1", "later": "succeeded 1",
          "denied": "failed 0", "exists": "succeeded 1", "hidden": "failed 0", "change-lost": "succeeded 1"}
# What calls: a canary's end, one that went wrong, and one whose sender would like to write in the systems' languages.
EVENTS = {
    "released": {"name": "podinfo", "phase": "Succeeded"},
    "failed": {"name": "podinfo", "phase": "Failed"},
    "hostile": {"name": "hostile", "phase": "Succeeded",
                "checksum": "*_~`<b>@all <!channel> <users/all> [x](http://e.example) | # {code}"},
}
COLUMNS = ("lost", "timeout", "broken", "later", "hidden", "denied", "exists", "gone", "change-lost")


@functools.cache
def connector(name):
    return yaml.safe_load((ROOT / "connectors" / f"{name}.yaml").read_text())


def systems():
    return sorted(path.stem for path in (HERE / "systems").glob("*.yaml"))


def data_of(name):
    return yaml.safe_load((HERE / "systems" / f"{name}.yaml").read_text())


def auth_of(data, secret, sign=None):
    """The target's `auth`."""
    kind, name = data["auth"]["kind"], data["auth"].get("name")
    if sign:
        return {**(auth_of(data, secret) if kind != "none" else {}), "sign": sign}
    if kind == "basic":
        return {"basic": {"username": name, "password": secret}}
    return {kind: secret} if kind in ("bearer", "url") else {kind: name, "secret": secret}


def written_by(action, data):
    """The connector's request that the data's `write` means: the last that writes, of its method."""
    method = data["write"].split()[0].lower()
    inherit = {key: action[key] for key in ("effect", "onUnclear") if key in action}
    return [{**inherit, **request} for request in action["requests"] if method in request][-1]


def effect_of(action, data):
    request = written_by(action, data)
    effect = request.get("effect", "read")
    return "none, " + request["onUnclear"] if effect == "none" else effect


class Case:
    def __init__(self, system, data, action, name):
        self.system, self.data, self.action, self.name = system, data, action, name
        self.own = data["actions"][action]
        self.id = f"{system}-{action}-{name}"
        self.workflow = self.id.replace("_", "-")
        self.variant = self.own.get("variants", {}).get(name, {})
        self.good = name in ("plain", "again") or (self.variant and "fault" not in self.variant)
        self.event = self.variant.get("event", "released")
        self.secret = f"s3cret-{system}-0f4e1b"

    def fault(self):
        """What goes wrong, as the fakes know it."""
        fault = {**FAULTS, "later": self.data.get("later", {"status": 429, "headers": {"Retry-After": "1"}}),
                 "denied": self.data.get("denied", {"status": 401, "body": {"message": "Unauthorized"}}),
                 "hidden": self.own.get("hidden")}.get(self.variant.get("fault", self.name))
        return {**fault} if fault else None

    def expected(self):
        if "expect" in self.variant:
            return self.variant["expect"]
        written = self.own.get("expect", {})
        if self.name in written:
            return written[self.name]
        follows = {**COMMON, **BY_EFFECT[self.effect()]}
        return follows.get(self.name, follows["plain"])

    def world(self, server):
        auth = self.data["auth"]
        world = server.world(self.system, f"{self.action}-{self.name}", secret=self.secret,
                             proof=(auth["kind"], auth.get("name")), fault=self.fault(), write=self.own["write"],
                             gone=self.name == "gone", second=self.name == "change-lost")
        world.vendor.sign = auth.get("sign")
        if "before" in self.own:
            server.seed(world, *self.own["before"])
        if self.name == "exists":
            today = time.strftime("%Y-%m-%d", time.gmtime())
            server.seed(world, *json.loads(json.dumps(self.own["seed"]).replace("TODAY", today)))
        return world

    def target(self, base):
        auth, url = self.data["auth"], base + self.data.get("base", "")
        secret = {"env": self.variable()}
        target = {"connector": self.system, **self.data.get("target", {}), **self.variant.get("target", {})}
        # Others have the default, which no machine is too slow for; and Prism takes seconds to compile a description.
        if "timeout" in (self.name, self.variant.get("fault")) or self.looks_after():
            target["timeout"] = f"{TIMEOUT}s"
        if auth["kind"] == "url":
            return {**target, "auth": auth_of(self.data, secret, self.sign())}
        return {**target, "url": url, "auth": auth_of(self.data, secret, self.sign())}

    def sign(self):
        return {"env": self.variable() + "_SIGN"} if "sign" in self.data["auth"] else None

    def looks_after(self):
        """What is not found counts only after the request's timeout."""
        return self.name in ("broken", "hidden") and self.effect() == "lookup"

    def effect(self):
        return effect_of(connector(self.system)["actions"][self.action], self.own)

    def variable(self):
        return "SECRET_" + re.sub(r"\W", "_", self.id).upper()

    def environment(self, base):
        auth = self.data["auth"]
        if auth["kind"] != "url":
            return self.secret
        return base + self.data.get("base", "") + auth["path"].replace("SECRET", self.secret)

    def steps(self):
        step = {"id": "first", "uses": f"{self.id}/{self.action}", "with": self.variant.get("with", self.own["with"])}
        if self.own.get("wait"):
            step["wait"] = {"every": "1s", "timeout": "100s"}
        if self.name not in ("again", "gone", "change-lost"):
            return [step]
        step["key"] = "of-" + self.id
        return [step, {**step, "id": "second", "with": self.own["again"]}]


def cases_of(system):
    data, actions = data_of(system), connector(system)["actions"]
    found = []
    for name, own in data["actions"].items():
        kinds = ["plain", *own.get("variants", {}), "lost", "timeout", "broken", "later", "denied"]
        kinds += ["again", "change-lost"] if "update" in actions[name] else []
        kinds += ["gone"] if any("gone" in request for request in actions[name].get("update", [])) else []
        kinds += ["exists"] if "seed" in own else []
        kinds += ["hidden"] if "hidden" in own else []
        found += [Case(system, data, name, kind) for kind in kinds]
    return found


def known_paths(description):
    return "|".join(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) for path in description["paths"])


class Proof:
    """All cases, run; `result(case)` is what became of one."""

    def __init__(self, folder, specs, arguments=()):
        self.cases = [case for system in systems() for case in cases_of(system)]
        self.server = vendors.Server().start()
        self.ends = [self.server.stop]
        self.prisms = {}  # system: Rewriter
        self.folder = folder
        self.specs = specs
        try:
            self.start_prisms()
            self.run(arguments)
        finally:
            self.stop()

    def start_prisms(self):
        if self.specs is None:
            return
        waiting = []
        for system in systems():
            spec = data_of(system).get("spec")
            if not spec:
                continue
            description = json.loads((self.specs / spec["file"]).read_text())
            description.pop("servers", None)
            description["paths"] = {spec.get("base", "") + spec.get("rename", {}).get(path, path): item
                                    for path, item in description["paths"].items()}
            file = self.folder / spec["file"]
            file.write_text(json.dumps(description))
            prism = Prism(file, self.server.url, self.folder / f"{system}.log", ready=False)
            self.ends.append(prism.stop)
            rewrite = functools.partial(self.into_prism, known_paths(description))
            rewriter = Rewriter(prism.url, self.server.url, rewrite)
            self.ends.append(rewriter.stop)
            self.prisms[system] = rewriter
            waiting.append(prism)
        for prism in waiting:
            wait_until(prism.listens, 60, 0.1, "Prism")

    @staticmethod
    def into_prism(known, path):
        """None for what the description has not."""
        _, _, system, case, rest = path.split("/", 4)
        return ("/" + rest, {"X-World": f"{system}/{case}"}) if re.fullmatch(known, "/" + rest) else None

    def stop(self):
        for end in reversed(self.ends):
            end()
        self.ends = []

    def run(self, arguments):
        targets, workflows, environment, self.worlds = {}, {}, {}, {}
        for case in self.cases:
            world = self.worlds[case.id] = case.world(self.server)
            through = self.prisms.get(case.system) if case.good else None
            base = (through.url if through else self.server.url) + world.path
            targets[case.id] = case.target(base)
            environment[case.variable()] = case.environment(base)
            if case.sign():
                environment[case.variable() + "_SIGN"] = case.data["auth"]["sign"]
            event = EVENTS[case.event]
            workflows[case.workflow] = {"on": {"source": "test", "name": event["name"], "phase": event["phase"]},
                                        "steps": case.steps()}
        config = {"sources": {"test": {"type": "flagger", "auth": "none"}}, "targets": targets, "workflows": workflows}
        links = self.folder / "links.yaml"
        links.write_text("server: {adminUrl: 'https://postlude.example.com'}\n")
        began = time.monotonic()
        text = yaml.safe_dump(config, allow_unicode=True, width=1000)
        with Daemon(self.folder / "daemon", text, arguments, environment, base=[links]) as daemon:
            events = {}
            for name, event in EVENTS.items():
                answer = daemon.post("/hooks/test/post-rollout", flagger_body(**event), timeout=60)
                assert answer.status == 202, answer
                events[name] = answer.json["event"]
            self.runs = self.wait_for_runs(daemon, events)
            self.seconds = time.monotonic() - began
            self.exposed = self.collect(daemon, events)
        self.exposed["log"] = daemon.log_file.read_bytes()
        for path in sorted(daemon.folder.glob("postlude.db*")):
            self.exposed[path.name] = path.read_bytes()

    def wait_for_runs(self, daemon, events):
        found = {}

        def settled():
            for event in events.values():
                for run in daemon.runs_of(event):
                    if run["workflow"] not in found and run["state"] in ("succeeded", "failed", "cancelled", "waiting"):
                        whole = daemon.api("runs/" + run["id"])
                        held = any(step["held"] for step in whole["steps"])
                        if run["state"] != "waiting" or held:
                            found[run["workflow"]] = (whole, held)
            return len(found) == len(self.cases)
        try:
            wait_until(settled, 120, 0.3, "the end of all cases")
        except AssertionError:
            pass  # those that are missing say so themselves
        return found

    @staticmethod
    def collect(daemon, events):
        exposed = {}
        for path in ("runs?limit=200", "events?limit=200", "audit?limit=200", "config", "held"):
            exposed[path] = daemon.get("/api/v1/" + path).body
        for event in events.values():
            for run in daemon.runs_of(event):
                exposed[run["workflow"]] = daemon.get(f"/api/v1/runs/{run['id']}").body
        exposed["metrics"] = daemon.get("/metrics").body
        return exposed

    def result(self, case):
        """"succeeded 1": the run's end, and how many objects there are in the fake."""
        if case.workflow not in self.runs:
            return "did not end"
        run, held = self.runs[case.workflow]
        if self.worlds[case.id].fault:
            return "what should go wrong never did"
        return f"{'held' if held else run['state']} {len(self.worlds[case.id].vendor.all(case.own['object']))}"

    def why(self, case):
        run, _ = self.runs.get(case.workflow, ({}, False))
        return json.dumps({"steps": [{name: step.get(name) for name in ("id", "state", "reason", "outputs")}
                                     for step in run.get("steps", [])],
                           "requests": [[r["method"], r["path"], r["query"], r["body"], r["status"]]
                                        for r in self.worlds[case.id].requests]}, indent=1)

    def asked(self, case):
        """The requests of a case as they are compared with the stored ones: without what differs from run to run."""
        seen = []
        for request in self.worlds[case.id].requests:
            headers = {name: value for name, value in request["headers"].items()
                       if name in KEPT or name.startswith("x-")}
            headers.pop("x-world", None)
            if case.data["auth"]["kind"] == "header":
                headers.pop(case.data["auth"]["name"].lower(), None)
            entry = {"request": f"{request['method']} {request['path']}", "query": request["query"], "headers": headers,
                     "body": request["body"]}
            text = json.dumps({name: value for name, value in entry.items() if value}, ensure_ascii=False)
            for pattern, word in CHANGING:
                text = re.sub(pattern, word, text)
            entry = json.loads(text.replace(case.secret, "SECRET"))
            if entry not in seen:  # else one of many polls
                seen.append(entry)
        return seen


KEPT = ("accept", "content-type")
CHANGING = (
    (r"\b[0-9a-f]{32}\b", "KEY"),
    (r"\b[0-9a-f]{17}\b", "KEY17"),
    (r"\b(?!2022-11-28)20\d\d-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?Z?)?", "TIME"),
    (r"\brun_[0-9A-Za-z]+|\bevt_[0-9A-Za-z]+", "ID"),
    (r"\b1[789]\d{8}(\d{3})?\b", "9999999999"),
    (r'"sign": "[^"]+"', '"sign": "SIGNATURE"'),
    (r"http://127\.0\.0\.1:\d+", "http://HOST"),
)
