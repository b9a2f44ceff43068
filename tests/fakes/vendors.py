"""Small stateful fakes of the systems that connectors speak to, and the worlds that they live in.

A new fake is a class and an entry in VENDORS. Each case of a test has a world of its own below /v/SYSTEM/CASE/, with one
instance of the fake, its objects, its faults and the secret that it wants; so many cases run side by side in one server.

A fake says `routes`: (method, pattern of the path, name of its method), and keeps what was made by make(kind, object).
"""

import base64
import copy
import fnmatch
import itertools
import json
import re
import threading
import time
import urllib.parse

import postlude_fakes
from fake_wire import LOCK, Answer, Request


class Vendor:
    routes = ()

    def __init__(self, url):
        self.url = url  # of the system, without a slash at its end
        self.objects = []  # (kind, object): those that are there
        self.made = {}  # kind: how many there ever were
        self.ids = itertools.count(1001)

    def make(self, kind, thing):
        thing = copy.deepcopy(thing)  # what was asked stays as it was
        self.objects.append((kind, thing))
        self.made[kind] = self.made.get(kind, 0) + 1
        return thing

    def all(self, kind, **members):
        return [thing for k, thing in self.objects
                if k == kind and all(thing.get(name) == value for name, value in members.items())]

    def one(self, kind, **members):
        return next(iter(self.all(kind, **members)), None)

    def forget(self):
        """Somebody deletes everything."""
        self.objects.clear()

    def no(self, status, text):
        """An error in the system's own words."""
        return Answer(status, {"message": text})

    def handle(self, request):
        if request.malformed and "json" in request.headers.get("content-type", ""):
            return self.no(400, "Problems parsing JSON")
        if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
            request.form = dict(urllib.parse.parse_qsl(request.raw.decode(), keep_blank_values=True))
        for method, pattern, name in self.routes:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return getattr(self, name)(request, *map(urllib.parse.unquote, match.groups()))
        return self.no(404, "Not Found")


def missing(body, *names):
    """The first of the members that a body lacks, or None."""
    return next((name for name in names if not isinstance(body, dict) or body.get(name) in (None, "")), None)


def stamp(seconds=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class World:
    """One case: a fake, what goes wrong with its next write, and what it was asked."""

    def __init__(self, vendor, path, secret=None, proof=None, fault=None, write="", gone=False, second=False):
        """`second`: the fault is that of the second request that writes, whatever it is."""
        self.vendor, self.path, self.secret, self.proof = vendor, path, secret, proof
        self.fault, self.write, self.gone, self.second = fault, write, gone, second
        self.requests = []

    def proved(self, request):
        """Whether the credentials came, where the target's `auth` puts them."""
        kind, name = self.proof
        if kind == "none":
            return True
        if kind == "bearer":
            return request.headers.get("authorization") == "Bearer " + self.secret
        if kind == "basic":
            wanted = base64.b64encode(f"{name}:{self.secret}".encode()).decode()
            return request.headers.get("authorization") == "Basic " + wanted
        if kind == "header":
            return request.headers.get(name.lower()) == self.secret
        if kind == "query":
            return request.query.get(name) == self.secret
        if kind == "body":
            return isinstance(request.json, dict) and request.json.get(name) == self.secret
        return self.secret in request.path + "?" + urllib.parse.urlencode(request.query)  # url

    def goes_wrong(self, request):
        if self.second:
            return request.method != "GET" and sum(r["method"] != "GET" for r in self.requests) == 2
        return self.writes(request)

    def writes(self, request):
        method, _, path = self.write.partition(" ")
        return request.method == method and fnmatch.fnmatchcase(request.path, path)


class Worlds:
    """What a Handler of postlude_fakes asks."""

    def __init__(self):
        self.worlds = {}
        self.released = threading.Event()

    def world_of(self, request):
        if "x-world" in request.headers:  # Prism knows the system's own paths alone
            return self.worlds.get(tuple(request.headers["x-world"].split("/"))), request.path
        _, _, system, case, rest = (request.path + "///").split("/", 4)
        return self.worlds.get((system, case)), "/" + rest[:-3]

    def begin(self, request):
        with LOCK:
            world, request.inner = self.world_of(request)
            entry = {"at": time.time(), "method": request.method, "path": request.inner, "query": request.query,
                     "headers": dict(request.headers),
                     "body": request.json if request.json is not None else request.raw.decode(errors="replace"),
                     "applied": False, "status": None}
            if world is None:
                return entry, {}
            world.requests.append(entry)
            if world.fault and world.goes_wrong(self.inside(request)):
                fault, world.fault = world.fault, None
                return entry, fault
            return entry, {}

    @staticmethod
    def inside(request):
        """The request as the system sees it: without the world's path."""
        seen = copy.copy(request)
        seen.path = request.inner
        return seen

    def apply(self, request, entry):
        with LOCK:
            world, _ = self.world_of(request)
            if world is None:
                return Answer(404, "there is no such world")
            seen = self.inside(request)
            entry["applied"] = True
            before = sum(world.vendor.made.values())
            answer = world.vendor.handle(seen) if world.proved(seen) else world.vendor.no(401, "Bad credentials")
            entry["status"] = answer.status
            if world.gone and world.writes(seen) and sum(world.vendor.made.values()) > before:
                world.gone = False
                world.vendor.forget()
            return answer

    def control(self, request):
        return Answer(404, "no such control")


class Server(postlude_fakes.Server):
    def __init__(self):
        super().__init__()
        self.fakes = Worlds()

    def world(self, system, case, **options):
        """A new one; its `path` is where the system is on this server."""
        path = f"/v/{system}/{case}"
        world = World(VENDORS[system](self.url + path), path, **options)
        self.fakes.worlds[system, case] = world
        return world

    @staticmethod
    def seed(world, method, path, body=None):
        """What is there before anybody asks."""
        data = b"" if body is None else json.dumps(body).encode()
        answer = world.vendor.handle(Request(method, path, [("Content-Type", "application/json"), ("User-Agent", "x")], data))
        assert answer.status < 300, (method, path, answer.status, answer.body)


import vendors_chat  # noqa: E402
import vendors_docs  # noqa: E402
import vendors_known  # noqa: E402
import vendors_kubernetes  # noqa: E402
import vendors_ops  # noqa: E402
import vendors_pipelines  # noqa: E402
import vendors_scm  # noqa: E402
import vendors_signals  # noqa: E402
import vendors_signed  # noqa: E402

VENDORS = {
    "alertmanager": vendors_ops.Alertmanager,
    "argo-cd": vendors_pipelines.ArgoCD,
    "argo-workflows": vendors_pipelines.ArgoWorkflows,
    "azure-devops": vendors_pipelines.AzureDevOps,
    "backstage": vendors_docs.Backstage,
    "buildkite": vendors_pipelines.Buildkite,
    "circleci": vendors_pipelines.CircleCI,
    "cloudevents": vendors_pipelines.CloudEvents,
    "confluence": vendors_docs.Confluence,
    "cortex": vendors_signals.Cortex,
    "datadog": vendors_ops.Datadog,
    "dingtalk": vendors_signed.DingTalk,
    "discord": vendors_chat.Discord,
    "dynatrace": vendors_signals.Dynatrace,
    "feishu": vendors_signed.Feishu,
    "github": vendors_scm.GitHub,
    "gitlab": vendors_scm.GitLab,
    "google-chat": vendors_chat.GoogleChat,
    "grafana": vendors_ops.Grafana,
    "honeycomb": vendors_signals.Honeycomb,
    "incident-io": vendors_signals.IncidentIo,
    "jenkins": vendors_scm.Jenkins,
    "jira": vendors_known.Jira,
    "jsm": vendors_signals.Opsgenie,
    "kubernetes": vendors_kubernetes.Kubernetes,
    "mattermost": vendors_chat.Mattermost,
    "new-relic": vendors_signals.NewRelic,
    "opsgenie": vendors_signals.Opsgenie,
    "opslevel": vendors_signals.OpsLevel,
    "pagerduty": vendors_ops.PagerDuty,
    "port": vendors_docs.Port,
    "pushgateway": vendors_signals.Pushgateway,
    "rocket-chat": vendors_chat.RocketChat,
    "sentry": vendors_docs.Sentry,
    "servicenow": vendors_docs.ServiceNow,
    "slack": vendors_known.Slack,
    "standard-webhooks": vendors_signed.StandardWebhooks,
    "statuspage": vendors_ops.Statuspage,
    "teams": vendors_chat.Teams,
    "tekton": vendors_pipelines.Tekton,
    "telegram": vendors_chat.Telegram,
    "webex": vendors_chat.Webex,
    "wecom": vendors_chat.WeCom,
}
