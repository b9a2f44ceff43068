"""Each of the examples on the real daemon, its files unchanged, against the fakes: what Flagger calls, what is lost or
killed on the way, and what the systems then have. The stories are data: examples.yaml beside this file. A story has

    example  the folder below examples/
    seed     {TARGET: [[METHOD, PATH, BODY], …]}: what is there before
    calls    one after another, each when the runs of the one before have ended:
      hook, phase, name, metadata …   what Flagger calls (post-rollout, Succeeded, podinfo)
      lost     {TARGET: METHOD PATH}: such a request is carried out, and its answer never comes
      killed   {TARGET: METHOD PATH}: such a request is carried out, and then Postlude is killed and starts again
      hurry    {TARGET: N}: a job of that system is over at the look after the Nth
      approve  true: a person says yes to what is asked
      runs     {WORKFLOW: STATE}: all runs of this call
    has      {TARGET: {KIND: [OBJECT, …]}}: all objects of that kind in the fake at the end. An object is compared by the
             members that are given; a member {has: [TEXT, …]} contains these texts, one {lacks: […]} none of them;
             count: {MEMBER: N} says how many elements a member has.

Only the URLs and secrets of the targets are replaced, by a second file of configuration and by the environment.
"""

import base64
import fnmatch
import json
import pathlib
import types
import urllib.parse

import pytest
import vendors
import yaml
from daemon import ROOT, TERMINAL, flagger_body, wait_until

HERE = pathlib.Path(__file__).resolve().parent
STORIES = yaml.safe_load((HERE / "examples.yaml").read_text())
OTHERS = {"migration-check"}  # on real databases: test_migration_check.py
EXAMPLES = {folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir()}
SECRET = "s3cret-of-{}-0f4e1b"
DELAY = 10  # seconds that an answer is kept back while Postlude is killed


def configuration(folder):
    """The sections of all files of a folder, joined as Postlude joins them."""
    joined = {}
    for file in sorted(folder.glob("*.yaml")):
        if not file.name.endswith(".test.yaml"):
            for section, value in yaml.safe_load(file.read_text()).items():
                if isinstance(value, dict):
                    joined.setdefault(section, {}).update(value)
    return joined


def proof_of(auth):
    """(kind, name) as the fakes know it, and where the secret comes from."""
    for kind in ("bearer", "basic", "url"):
        if kind in auth:
            given = auth[kind]
            return (kind, given["username"]) if kind == "basic" else (kind, None), given.get("password", given)["env"]
    if "inCluster" in auth:  # the account's token, which no test has: written over by a bearer's
        return ("bearer", None), "ACCOUNT_TOKEN"
    kind = next(kind for kind in ("header", "query", "body") if kind in auth)
    return (kind, auth[kind]), auth["secret"]["env"]


def secret_path(system, secret):
    """Where the fake of a system whose URL is the secret has it; the cases of the connector say it as well."""
    cases = ROOT / "tests" / "contract" / "systems" / f"{system}.yaml"
    return yaml.safe_load(cases.read_text())["auth"]["path"].replace("SECRET", secret)


class Story:
    def __init__(self, name, told, server):
        self.told, self.seen = told, None
        config = configuration(ROOT / "examples" / told["example"])
        self.environment, self.worlds, self.targets = {}, {}, {}
        for target, own in config["targets"].items():
            system = own["connector"]
            proof, variable = proof_of(own["auth"])
            secret = self.environment.get(variable, SECRET.format(variable.lower()))
            world = server.world(system, f"{name}-{target}", secret=secret, proof=proof)
            self.worlds[target] = world
            self.environment[variable] = secret if proof[0] != "url" else server.url + world.path + secret_path(system, secret)
            if "sign" in own["auth"]:
                world.vendor.sign = self.environment[own["auth"]["sign"]["env"]] = "SEC0f4e1b-of-" + name
            connector = yaml.safe_load((ROOT / "connectors" / f"{system}.yaml").read_text())
            self.targets[target] = self.moved(server.url + world.path, own, connector)
            if "inCluster" in own["auth"]:
                self.targets[target]["auth"] = {"bearer": {"env": variable}}
            for request in told.get("seed", {}).get(target, []):
                server.seed(world, *request)
        source, = config["sources"].items()
        self.source = source[0]
        _, variable = proof_of(source[1]["auth"][0])
        self.environment[variable] = "s3cret-of-the-hook"
        self.headers = {"Authorization": "Basic " + base64.b64encode(b"flagger:s3cret-of-the-hook").decode()}

    @staticmethod
    def moved(base, own, connector):
        """What is written over a target: its fake's URL, and what Postlude told by the vendor's host before."""
        if "url" in own["auth"]:
            return {}  # the secret has it
        url = urllib.parse.urlsplit(own.get("url", connector.get("url")))
        over = {"url": base + url.path, "site": f"{url.scheme}://{url.netloc}"}
        for edition, hosts in connector.get("editions", {}).items():
            if any(fnmatch.fnmatchcase(url.netloc, host) for host in hosts):
                return {"edition": edition, **over}
        return over

    def run(self, daemon):
        for number, call in enumerate(self.told["calls"]):
            for kind, fault in (("lost", {"close": "after"}), ("killed", {"delayAfter": DELAY})):
                for target, write in call.get(kind, {}).items():
                    self.worlds[target].fault, self.worlds[target].write = {**fault}, write
            before = {target: len(self.worlds[target].requests) for target in call.get("killed", {})}
            event = self.send(daemon, call)
            if before:
                wait_until(lambda: self.applied(before), 60, why=f"{call['killed']}")
                wait_until(lambda: self.stands(daemon, event, len(before)), DELAY - 1, 0.2, "a standstill")
                daemon.kill()
                daemon.start()
            runs = self.ended(daemon, event, call)
            assert runs == call["runs"], (number, self.why(daemon, event))
            for target, world in self.worlds.items():
                assert not world.fault, f"call {number}: {target} was not asked {world.write}"
        for target, kinds in self.told["has"].items():
            for kind, wanted in kinds.items():
                there = self.worlds[target].vendor.all(kind)
                assert len(there) == len(wanted), (target, kind, there)
                for thing, own in zip(there, wanted):
                    assert differences(thing, own) == [], (target, kind, thing)

    def send(self, daemon, call):
        body = {name: call[name] for name in ("name", "namespace", "phase", "checksum", "metadata") if name in call}
        answer = daemon.post(f"/hooks/{self.source}/{call.get('hook', 'post-rollout')}", flagger_body(**body), self.headers)
        assert answer.status == 202, answer
        return answer.json["event"]

    def applied(self, before):
        """Whether all are carried out whose answers are kept back."""
        return all(any(request["applied"] and self.worlds[target].writes(types.SimpleNamespace(**request))
                       for request in self.worlds[target].requests[number:]) for target, number in before.items())

    def stands(self, daemon, event, number):
        """Whether nothing else is under way: what runs beside it is not to be lost as well."""
        states = [step["state"] for run in daemon.runs_of(event) for step in daemon.api("runs/" + run["id"])["steps"]]
        still, self.seen = states == self.seen, states
        return still and states.count("running") <= number

    def hurry(self, looks):
        for target, number in looks.items():
            for _, job in self.worlds[target].vendor.objects:
                job["looks"] = 99 if job["looks"] >= number else job["looks"]

    def ended(self, daemon, event, call):
        """{workflow: state} of the event's runs, when all of them have ended and the wanted ones are there."""
        wanted = call["runs"]

        def look():
            self.hurry(call.get("hurry", {}))
            found = daemon.runs_of(event)
            runs = {run["workflow"]: run["state"] for run in found}
            for run in found:
                if call.get("approve") and run["state"] == "waiting":
                    daemon.cli("runs", "approve", run["id"])  # refused while something else is waited for
            planned = daemon.api(f"events/{event}")["planned"]
            return (runs,) if planned and set(wanted) <= set(runs) and set(runs.values()) <= set(TERMINAL) else None
        return wait_until(look, 60, 0.1, f"the end of {', '.join(wanted)}")[0]

    @staticmethod
    def why(daemon, event):
        runs = [daemon.api("runs/" + run["id"]) for run in daemon.runs_of(event)]
        return json.dumps([[run["workflow"], run["state"], step["id"] or step["uses"], step["state"], step["reason"]]
                           for run in runs for step in run["steps"]], indent=1)


def differences(thing, wanted):
    """The members that are not as they are wanted."""
    found = []
    for name, value in wanted.items():
        if name == "count":
            found += [(member, thing[member]) for member, number in value.items() if len(thing[member]) != number]
            continue
        seen = thing.get(name)
        if isinstance(value, dict) and set(value) <= {"has", "lacks"}:
            found += [(name, text) for text in value.get("has", []) if text not in str(seen)]
            found += [(name, text) for text in value.get("lacks", []) if text in str(seen)]
        elif isinstance(value, dict) and isinstance(seen, dict):
            found += [(name, *more) for more in differences(seen, value)]
        elif seen != value:
            found.append((name, seen))
    return found


@pytest.fixture(scope="module")
def server():
    made = vendors.Server().start()
    yield made
    made.stop()


@pytest.mark.parametrize("name", STORIES)
def test_story(name, daemon, server):
    story = Story(name, STORIES[name], server)
    made = daemon(yaml.safe_dump({"targets": story.targets}), environment=story.environment,
                  base=[ROOT / "examples" / story.told["example"]])
    story.run(made)
    for secret in story.environment.values():
        assert secret not in made.log()


@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_each_is_whole(example):
    """An example has what one needs who copies it, and is put to the test with something that breaks."""
    folder = ROOT / "examples" / example
    for file in ("README.md", "README.zh-CN.md"):
        assert (folder / file).exists(), f"{example}: {file}"
        assert f"postlude test examples/{example}" in (folder / file).read_text(), f"{example}: {file}"
        assert f"({example}/{file})" in (folder.parent / file).read_text(), f"{example} is not in examples/{file}"
    assert list(folder.glob("*.test.yaml")), example
    calls = [call for told in STORIES.values() if told["example"] == example for call in told["calls"]]
    if example in OTHERS:
        return
    assert any("lost" in call or "killed" in call for call in calls), f"examples.yaml has nothing that breaks {example}"
