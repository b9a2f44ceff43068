"""Fakes of what deploys and runs pipelines: Argo CD, Argo Workflows, Azure DevOps, CircleCI, Buildkite, Tekton; and a
receiver of CloudEvents (see vendors.py)."""

import re

from fake_wire import Answer
from vendors import Vendor, missing, stamp


def some_uuid(number):
    return f"00000000-0000-4000-8000-{number:012}"


class ArgoCD(Vendor):
    """Its applications: podinfo; broken, whose sync fails; sick, which is degraded after its sync; busy, which somebody else
    syncs at the first request. An operation is over at the third look, and its application is looked at anew at the fourth."""

    routes = (
        ("POST", r"/api/v1/applications/([^/]+)/sync", "sync"),
        ("GET", r"/api/v1/applications/([^/]+)", "application"),
    )
    KNOWN = ("podinfo", "broken", "sick", "busy")

    def __init__(self, url):
        super().__init__(url)
        self.looks = {}
        self.busy = 1

    def no(self, status, text, code=2):
        return Answer(status, {"error": text, "code": code, "message": text})

    def sync(self, request, name):
        if name not in self.KNOWN:
            return self.no(403, "permission denied", 7)
        if name == "busy" and self.busy:
            self.busy -= 1
            return self.no(400, "another operation is already in progress", 9)
        body = request.json
        if body.get("revision") == "missing":
            return self.no(400, "Unable to resolve 'missing' to a commit SHA", 3)
        current = self.one("sync", name=name)
        if current and not self.over(current):
            return self.no(400, "another operation is already in progress", 9)
        self.make("sync", {"name": name, "info": body.get("infos", []), "revision": body.get("revision") or "a" * 40,
                           "looks": 0})
        return Answer(200, self.show(name))

    @staticmethod
    def over(sync):
        return sync["looks"] > 2

    def show(self, name):
        shown = {"metadata": {"name": name, "namespace": "argocd"}, "spec": {"project": "default"},
                 "status": {"sync": {"status": "OutOfSync", "revision": "b" * 40}, "health": {"status": "Healthy"},
                            "reconciledAt": stamp(0)}}
        syncs = self.all("sync", name=name)
        if not syncs:
            return shown
        sync, status = syncs[-1], shown["status"]
        operation = {"sync": {"revision": sync["revision"]}, "info": sync["info"]}
        if sync["looks"] < 2:
            return {**shown, "operation": operation}  # the controller has not taken it up yet
        status["operationState"] = {"operation": operation, "phase": "Running", "startedAt": stamp(1000)}
        if not self.over(sync):
            return {**shown, "operation": operation}
        failed = name == "broken"
        status["operationState"].update(
            phase="Failed" if failed else "Succeeded", finishedAt=stamp(2000), syncResult={"revision": sync["revision"]},
            message="one or more objects failed to apply" if failed else "successfully synced (all tasks run)")
        if sync["looks"] > 3:
            status.update(reconciledAt=stamp(2001), sync={"status": "Synced", "revision": sync["revision"]})
            status["health"] = {"status": "Degraded" if name == "sick" else "Progressing" if sync["looks"] == 4 else "Healthy"}
        return shown

    def application(self, request, name):
        if name not in self.KNOWN:
            return self.no(403, "permission denied", 7)
        kind = request.query.get("refresh")
        if kind:
            if kind not in ("normal", "hard"):
                return self.no(400, "unknown refresh type", 3)
            if not self.one("refresh", of=name, how=kind):  # an annotation, which is there or not
                self.make("refresh", {"of": name, "how": kind})
        for sync in self.all("sync", name=name)[-1:]:
            sync["looks"] += 1
        return Answer(200, self.show(name))


class ArgoWorkflows(Vendor):
    """Its templates: smoke; red, which fails; short, whose workflows are deleted when they are over."""

    routes = (
        ("POST", r"/api/v1/workflows/([^/]+)/submit", "submit"),
        ("GET", r"/api/v1/workflows/([^/]+)/([^/]+)", "workflow"),
    )

    def no(self, status, text, code=2):
        return Answer(status, {"code": code, "message": text, "error": text, "details": []})

    def show(self, workflow):
        phase = ("", "Pending", "Running")[workflow["looks"]] if workflow["looks"] < 3 else workflow["end"]
        return {"metadata": {"name": workflow["name"], "namespace": workflow["namespace"], "uid": workflow["uid"]}, "spec": {},
                "status": {"phase": phase, "message": "child 'smoke' failed" if phase == "Failed" else ""}}

    def submit(self, request, namespace):
        body = request.json
        if missing(body, "resourceKind", "resourceName"):
            return self.no(400, "resource kind and name are required", 3)
        if body["resourceName"] not in ("smoke", "red", "short"):
            return self.no(404, f'workflowtemplates.argoproj.io "{body["resourceName"]}" not found', 5)
        name = body["submitOptions"].get("name") or f"{body['resourceName']}-{next(self.ids)}"
        if self.one("workflow", name=name):
            return self.no(409, f'workflows.argoproj.io "{name}" already exists', 6)
        return Answer(200, self.show(self.make("workflow", {
            "name": name, "namespace": namespace, "uid": some_uuid(next(self.ids)), "looks": 0, "short": body["resourceName"] == "short",
            "end": "Failed" if body["resourceName"] == "red" else "Succeeded"})))

    def workflow(self, request, namespace, name):
        workflow = self.one("workflow", name=name, namespace=namespace)
        if not workflow or (workflow["short"] and workflow["looks"] > 1):
            return self.no(404, f'workflows.argoproj.io "{name}" not found', 5)
        workflow["looks"] += 1
        return Answer(200, self.show(workflow))


class AzureDevOps(Vendor):
    """Its pipelines: 7; 8, which fails; 9, which does not declare the parameter `key`."""

    RUNS = r"/([^/]+)/([^/]+)/_apis/pipelines/(\d+)/runs"
    routes = (("POST", RUNS, "start"), ("GET", RUNS, "runs"), ("GET", RUNS + r"/(\d+)", "run"))

    def no(self, status, text):
        if status == 401:  # it never says so
            return Answer(203, "<html><title>Sign In</title></html>", {"Content-Type": "text/html; charset=utf-8"})
        return Answer(status, {"$id": "1", "innerException": None, "message": text, "typeKey": "PipelineException",
                               "errorCode": 0, "eventId": 3000})

    def show(self, run, organization="acme", project="podinfo"):
        over = run["looks"] > 1
        shown = {"id": run["id"], "name": f"20261122.{run['id']}", "createdDate": run["created"],
                 "state": "completed" if over else "inProgress",
                 "pipeline": {"id": run["pipeline"], "name": "release", "folder": "\\", "revision": 1},
                 "url": f"https://dev.azure.com/{organization}/{project}/_apis/pipelines/{run['pipeline']}/runs/{run['id']}",
                 "_links": {"web": {"href": f"https://dev.azure.com/{organization}/{project}/_build/results?buildId={run['id']}"}}}
        if over:
            shown.update(result="failed" if run["pipeline"] == 8 else "succeeded", finishedDate=stamp())
        return shown

    def start(self, request, organization, project, pipeline):
        if request.query.get("api-version") != "7.1":
            return self.no(400, "No api-version was supplied for the \"POST\" request.")
        body = request.json
        parameters = body.get("templateParameters") or {}
        unknown = [name for name in parameters if name not in ("version", "key") or (name == "key" and pipeline == "9")]
        if unknown:
            return self.no(400, f"Unexpected parameter '{unknown[0]}'")
        return Answer(200, self.show(self.make("run", {
            "id": next(self.ids), "pipeline": int(pipeline), "parameters": parameters, "created": stamp(), "looks": 0}),
            organization, project))

    def runs(self, request, organization, project, pipeline):
        found = [{**self.show(run, organization, project), "templateParameters": run["parameters"]}
                 for run in reversed(self.all("run", pipeline=int(pipeline)))]
        return Answer(200, {"count": len(found), "value": found})

    def run(self, request, organization, project, pipeline, number):
        run = self.one("run", id=int(number), pipeline=int(pipeline))
        if not run:
            return self.no(404, "Run not found.")
        run["looks"] += 1
        return Answer(200, self.show(run, organization, project))


class CircleCI(Vendor):
    """Its branches: main, whose second workflow appears after a setup workflow; red, gate (waits for an approval), invalid
    (a wrong configuration), quiet (the configuration skips it)."""

    routes = (
        ("POST", r"/api/v2/project/([^/]+/[^/]+/[^/]+)/pipeline(?:/run)?", "start"),
        ("GET", r"/api/v2/pipeline/([0-9a-f-]+)", "pipeline"),
        ("GET", r"/api/v2/pipeline/([0-9a-f-]+)/workflow", "workflows"),
    )

    def start(self, request, project):
        body = request.json
        by_definition = request.path.endswith("/run")
        if by_definition and missing(body, "definition_id", "config", "checkout"):
            return self.no(400, "definition_id: missing required key")
        at = body["config"] if by_definition else body
        for name in body.get("parameters", {}):
            if name not in ("version", "deploy"):
                return self.no(400, f"Unexpected argument(s): {name}")
        if at.get("branch") == "quiet":
            return Answer(200, {"message": "Workflow filtered out"})
        number = next(self.ids)
        pipeline = self.make("pipeline", {"id": some_uuid(number), "number": number, "branch": at.get("branch", "main"), "looks": 0})
        return Answer(201, {"id": pipeline["id"], "number": number, "state": "pending", "created_at": stamp()})

    def pipeline(self, request, number):
        pipeline = self.one("pipeline", id=number)
        if not pipeline:
            return self.no(404, "Pipeline not found")
        pipeline["looks"] += 1
        if pipeline["branch"] == "invalid":
            state, errors = "errored", [{"type": "config", "message": "Error calling workflow: 'release'"}]
        else:
            state, errors = "created" if pipeline["looks"] > 2 else "setup", []
        return Answer(200, {"id": number, "number": pipeline["number"], "state": state, "errors": errors, "created_at": stamp()})

    def workflows(self, request, number):
        pipeline = self.one("pipeline", id=number)
        looks = pipeline["looks"]
        items = []
        if looks > 1 and pipeline["branch"] != "invalid":
            items.append({"name": "setup", "status": "success"})
        if looks > 3:
            end = {"red": "failed", "gate": "on_hold"}.get(pipeline["branch"], "success")
            items.append({"name": "release", "status": end if looks > 4 else "running"})
        elif items and looks > 2:
            items[0]["status"] = "running"
        return Answer(200, {"items": [{"id": some_uuid(index), "pipeline_id": number, **item} for index, item in enumerate(items)],
                            "next_page_token": None})


class Buildkite(Vendor):
    """Its branches: main, red, gate (stands before a block step), quiet (the build is skipped)."""

    BUILDS = r"/v2/organizations/([^/]+)/pipelines/([^/]+)/builds"
    routes = (("POST", BUILDS, "create"), ("GET", BUILDS, "builds"), ("GET", BUILDS + r"/(\d+)", "build"))

    def show(self, build, pipeline):
        over = build["looks"] > 1
        end = {"red": "failed", "quiet": "skipped"}.get(build["branch"], "passed")
        return {"id": build["id"], "number": build["number"], "state": end if over else ("scheduled", "running")[build["looks"]],
                "blocked": over and build["branch"] == "gate", "branch": build["branch"], "commit": build["commit"],
                "meta_data": build["meta_data"], "web_url": f"https://buildkite.com/acme/{pipeline}/builds/{build['number']}"}

    def create(self, request, organization, pipeline):
        body = request.json
        lack = missing(body, "commit", "branch")
        if lack:
            return Answer(422, {"message": "Validation failed", "errors": [{"field": lack, "code": "missing_field"}]})
        if any(not isinstance(value, str) for value in body.get("meta_data", {}).values()):
            return Answer(422, {"message": "meta_data values must be strings"})
        return Answer(201, self.show(self.make("build", {
            "id": some_uuid(1), "number": next(self.ids), "branch": body["branch"], "commit": body["commit"],
            "meta_data": body.get("meta_data", {}), "looks": 0}), pipeline))

    def builds(self, request, organization, pipeline):
        wanted = {name[len("meta_data["):-1]: value for name, value in request.query.items() if name.startswith("meta_data[")}
        found = [b for b in self.all("build") if all(b["meta_data"].get(name) == value for name, value in wanted.items())]
        return Answer(200, [self.show(build, pipeline) for build in reversed(found)])

    def build(self, request, organization, pipeline, number):
        build = self.one("build", number=int(number))
        if not build:
            return self.no(404, "No build found")
        build["looks"] += 1
        return Answer(200, self.show(build, pipeline))


class Tekton(Vendor):
    """Runs in the Kubernetes API, of the pipelines release and red (which fails); and an EventListener at /."""

    RUNS = r"/apis/tekton.dev/v1/namespaces/([^/]+)/pipelineruns"
    routes = (("POST", RUNS, "create"), ("GET", RUNS + "/([^/]+)", "run"), ("POST", "/?", "event"))
    REASONS = {401: "Unauthorized", 404: "NotFound", 409: "AlreadyExists", 422: "Invalid"}

    def no(self, status, text):
        return Answer(status, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text,
                               "reason": self.REASONS.get(status, "BadRequest"), "code": status})

    def create(self, request, namespace):
        body = request.json
        name = body["metadata"]["name"]
        if body.get("apiVersion") != "tekton.dev/v1" or body.get("kind") != "PipelineRun":
            return self.no(400, "the object provided is unrecognized")
        if len(name) > 63 or name != name.lower():
            return self.no(422, f'PipelineRun.tekton.dev "{name}" is invalid: metadata.name')
        if self.one("run", name=name, namespace=namespace):
            return self.no(409, f'pipelineruns.tekton.dev "{name}" already exists')
        run = self.make("run", {"name": name, "namespace": namespace, "looks": 0, "body": body})
        return Answer(201, {**run["body"], "status": {}})

    def run(self, request, namespace, name):
        run = self.one("run", name=name, namespace=namespace)
        if not run:
            return self.no(404, f'pipelineruns.tekton.dev "{name}" not found')
        run["looks"] += 1
        shown = dict(run["body"])
        if run["looks"] == 1:
            return Answer(200, shown)  # the controller has not seen it yet
        condition = {"type": "Succeeded", "status": "Unknown", "reason": "Running", "message": "Tasks Completed: 0"}
        status = {"conditions": [condition]}
        if run["looks"] > 2:
            red = shown["spec"]["pipelineRef"]["name"] == "red"
            condition.update(status="False" if red else "True", reason="Failed" if red else "Completed",
                             message=f"Tasks Completed: 1 (Failed: {int(red)}, Cancelled 0), Skipped: 0")
            status["results"] = [{"name": "digest", "value": "sha256:0f4e"}]
        return Answer(200, {**shown, "status": status})

    def event(self, request):
        if not isinstance(request.json, dict):
            return Answer(400, {"errorMessage": "Invalid event body format : error in json"})
        number = self.make("event", {"id": some_uuid(next(self.ids))})["id"]
        return Answer(202, {"eventListener": "release", "namespace": "ci", "eventListenerUID": some_uuid(1), "eventID": number})


class CloudEvents(Vendor):
    """A receiver of structured mode that tells repeats by source and id."""

    routes = (("POST", "/", "take"),)

    def take(self, request):
        kind, event = request.headers.get("content-type", ""), request.json
        if not kind.startswith("application/cloudevents+json"):
            return self.no(415, f"no event in structured mode: {kind}")
        lack = missing(event, "specversion", "id", "source", "type")
        if lack or event["specversion"] != "1.0":
            return self.no(400, f"missing attribute {lack or 'specversion 1.0'}")
        if any(not re.fullmatch("[a-z0-9]+", name) for name in event if name != "data_base64"):
            return self.no(400, "attributes have small letters and digits")
        if any(value is None for name, value in event.items() if name != "data"):
            return self.no(400, "an attribute is null")
        if not self.one("event", id=event["id"], source=event["source"]):
            self.make("event", event)
        return Answer(202)
