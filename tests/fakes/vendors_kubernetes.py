"""A fake of Kubernetes' API (see vendors.py): discovery, objects, server-side apply, patches, and jobs that end.

The same actions run against a real kube-apiserver in tests/functional/test_kubernetes.py.
"""

import copy
import re

from fake_wire import Answer
from vendors import Vendor, stamp

KINDS = {
    "v1": {"configmaps": "ConfigMap", "services": "Service", "pods": "Pod", "namespaces": "Namespace"},
    "apps/v1": {"deployments": "Deployment", "daemonsets": "DaemonSet", "statefulsets": "StatefulSet"},
    "batch/v1": {"jobs": "Job"},
    "events.k8s.io/v1": {"events": "Event"},
    "flagger.app/v1beta1": {"canaries": "Canary"},
    "gateway.networking.k8s.io/v1": {"httproutes": "HTTPRoute"},
    "networking.istio.io/v1": {"virtualservices": "VirtualService", "destinationrules": "DestinationRule"},
}
CANARY = {"metadata": {"name": "podinfo", "namespace": "prod-shop", "uid": "0b7c3f0e-0000-4000-8000-000000000001"},
          "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                   "autoscalerRef": {"kind": "HorizontalPodAutoscaler", "name": "podinfo"}, "service": {"port": 80}}}
OWNER = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": CANARY["metadata"]["uid"], "controller": True}
TAKEN = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "taken", "namespace": "prod-shop"}, "data": {"mode": "old"}}


def merge(into, patch):
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict):
            merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def operate(thing, operations):
    """RFC 6902, as far as the cases need it; ValueError: a `test` does not hold."""
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = thing
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key = int(last) if isinstance(place, list) and last != "-" else last
        if operation["op"] == "test":
            if (place.get(key) if isinstance(place, dict) else place[key]) != operation["value"]:
                raise ValueError("testing value " + operation["path"] + " failed: test failed")
        elif operation["op"] == "remove":
            del place[key]
        elif key == "-":
            place.append(operation["value"])
        else:
            place[key] = operation["value"]


class Kubernetes(Vendor):
    routes = (("GET", "/api/(v1)", "kinds"), ("GET", "/apis/([^/]+/[^/]+)", "kinds"),
              ("GET", "/api/v1/namespaces/([^/]+)/pods/([^/]+)/log", "log"))
    OBJECTS = r"/(?:api|apis)/((?:[^/]+/)?v[0-9][a-z0-9]*)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?"

    def __init__(self, url):
        super().__init__(url)
        self.things = {}  # (apiVersion, resource, namespace, name): object
        owned = self.workload("podinfo-primary")
        owned["metadata"]["ownerReferences"] = [OWNER]
        for resource, group, thing in (("canaries", "flagger.app/v1beta1", CANARY), ("deployments", "apps/v1", owned),
                                       ("configmaps", "v1", TAKEN), ("deployments", "apps/v1", self.workload("podinfo")),
                                       ("deployments", "apps/v1", self.workload("stuck"))):
            self.things[group, resource, "prod-shop", thing["metadata"]["name"]] = self.made_of(copy.deepcopy(thing))

    def all(self, kind, **members):
        """Of a kind of Kubernetes: those that somebody made since the beginning."""
        if any(kind in kinds.values() for kinds in KINDS.values()):
            made = [change["of"] for change in super().all("change")]
            return [thing for (group, resource, _, name), thing in self.things.items()
                    if KINDS[group][resource] == kind and name in made]
        return super().all(kind, **members)

    @staticmethod
    def workload(name):
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "prod-shop"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "minReadySeconds": 5, "template": {
                    "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "podinfo", "image": "podinfo:1"}]}}}}

    def made_of(self, thing):
        number = next(self.ids)
        thing["metadata"].update(uid=f"0b7c3f0e-0000-4000-8000-00000000{number}", resourceVersion=str(number), generation=1,
                                 creationTimestamp=stamp(), managedFields=[{"manager": "somebody", "operation": "Update"}])
        return thing

    def no(self, status, text, reason="Invalid", **more):
        return Answer(status, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text,
                               "reason": reason, "code": status, **more})

    def handle(self, request):
        match = re.fullmatch(self.OBJECTS, request.path)
        if not match:
            return super().handle(request)
        group, namespace, resource, name = match.groups()
        if resource not in KINDS.get(group, {}):
            return self.no(404, "the server could not find the requested resource", "NotFound")
        if request.method == "GET" and name:
            return self.read(group, namespace, resource, name)
        if request.method == "GET":
            return self.list(request, group, namespace, resource)
        if request.method == "POST":
            return self.create(request, group, namespace, resource)
        return self.change(request, group, namespace, resource, name)

    def kinds(self, request, group):
        if group not in KINDS:
            return self.no(404, "the server could not find the requested resource", "NotFound")
        return Answer(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": [
            entry for plural, kind in KINDS[group].items()
            for entry in ({"name": plural, "singularName": kind.lower(), "namespaced": kind != "Namespace", "kind": kind, "verbs": ["get"]},
                          {"name": plural + "/status", "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]})]})

    def read(self, group, namespace, resource, name):
        thing = self.things.get((group, resource, namespace, name))
        if not thing:
            return self.no(404, f'{resource} "{name}" not found', "NotFound")
        if resource == "jobs":
            self.let_run(thing)
        if resource in KINDS["apps/v1"]:
            self.roll(thing)
        return Answer(200, thing)

    def let_run(self, job):
        """A job that was looked at once has ended when it is looked at again."""
        if job.get("status") is None:
            job["status"] = {"active": 1}
        elif "active" in job["status"]:
            fails = job["metadata"]["name"].startswith("red")
            kind, reason = ("Failed", "BackoffLimitExceeded") if fails else ("Complete", "CompletionsReached")
            job["status"] = {"failed" if fails else "succeeded": 1, "conditions": [
                {"type": kind, "status": "True", "reason": reason, "message": "Job has reached the specified backoff limit"}]}

    @staticmethod
    def roll(workload):
        number, seen = workload["metadata"]["generation"], workload.get("status", {}).get("observedGeneration")
        if "spec" in workload and number > 1 and seen != number:
            workload["status"] = {"observedGeneration": number, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}
        elif "spec" in workload and number > 1:
            if workload["metadata"]["name"] == "stuck":
                workload["status"]["conditions"] = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                                                     "message": "ReplicaSet has timed out progressing."}]
            else:
                workload["status"] = {"observedGeneration": number, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}

    def list(self, request, group, namespace, resource):
        items = [thing for key, thing in self.things.items() if key[:3] == (group, resource, namespace)]
        if resource == "pods":
            name = request.query["labelSelector"].removeprefix("job-name=")
            items = [{"metadata": {"name": name + "-x7k2p", "namespace": namespace, "creationTimestamp": stamp()},
                      "spec": {"containers": [{"name": "job"}]}}] if name else []
        return Answer(200, {"kind": KINDS[group][resource] + "List", "apiVersion": group, "items": items,
                            "metadata": {"resourceVersion": "9999"}})

    def log(self, request, namespace, name):
        if not request.query.get("container") or not request.query.get("tailLines", "").isdigit():
            return self.no(400, "a container name must be specified", "BadRequest")
        return Answer(200, "checking\nall is well\n" if not name.startswith("red") else "checking\nHTTP 502 from podinfo\n")

    def create(self, request, group, namespace, resource):
        body = request.json
        key = (group, resource, namespace, body["metadata"]["name"])
        if body.get("apiVersion") != group or body.get("kind") != KINDS[group][resource]:
            return self.no(400, "the object provided is unrecognized", "BadRequest")
        if key in self.things:
            return self.no(409, f'{resource} "{key[3]}" already exists', "AlreadyExists")
        self.things[key] = self.made_of({**body, "metadata": {**body["metadata"], "namespace": namespace}})
        self.make("change", {"of": key[3]})
        return Answer(201, self.things[key])

    def change(self, request, group, namespace, resource, name):
        kind, key = request.headers["content-type"], (group, resource, namespace, name)
        patch = request.json if request.json is not None else {}
        before, applies = self.things.get(key), kind == "application/apply-patch+yaml"
        if before is None and not applies:
            return self.no(404, f'{resource} "{name}" not found', "NotFound")
        if applies and not request.query.get("fieldManager"):
            return self.no(400, "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value", "BadRequest")
        if applies and before is not None and name == "taken" and request.query.get("force") != "true":
            return self.no(409, 'Apply failed with 1 conflict: conflict with "helm" using v1: .data.mode', "Conflict", details={
                "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "helm" using v1', "field": ".data.mode"}]})
        thing = copy.deepcopy(before) if before is not None else self.made_of({"metadata": {"name": name, "namespace": namespace}})
        if kind == "application/json-patch+json":
            try:
                operate(thing, patch)
            except ValueError as wrong:
                return self.no(422, "the server rejected our request due to an error in our request: " + str(wrong))
        elif kind in ("application/apply-patch+yaml", "application/merge-patch+json"):
            merge(thing, patch)
        else:
            return self.no(415, "the body of the request was in an unknown format", "UnsupportedMediaType")
        if thing != before:
            thing["metadata"]["resourceVersion"] = str(next(self.ids))
            if before is not None and thing.get("spec") != before.get("spec"):
                thing["metadata"]["generation"] += 1
            self.things[key] = thing
            self.make("change", {"of": name})
        return Answer(200 if before is not None else 201, thing)
