"""The fakes of Jira and Slack (fake_jira.py, postlude_fakes.py) as one of the vendors, each in a world of its own."""

import copy
import re

import fake_jira
import postlude_fakes
from fake_wire import Answer, Effects
from vendors import Vendor


class Known(Vendor):
    def __init__(self, url, inner):
        super().__init__(url)
        self.inner = inner

    def handle(self, request):
        return self.inner.handle(request)

    def all(self, kind, **members):
        found = copy.deepcopy(self.inner.state()[kind + "s"])
        return [thing for thing in found if all(thing.get(name) == value for name, value in members.items())]


class Jira(Known):
    """Its objects: version, issue; created (issues), fixed (issues with fix versions), todo and done (issues in that status),
    comment, link, deployment. It speaks German, as a site whose user does."""

    DEPLOYMENTS = r"/jira/deployments/0\.1/cloud/[^/]+/bulk"

    def __init__(self, url):
        super().__init__(url, fake_jira.Jira(Effects(), url))
        self.inner.VERSION_EXISTS = "Eine Version mit diesem Namen ist in diesem Projekt bereits vorhanden."
        self.doomed = False

    def no(self, status, text):
        return fake_jira.jira_error(status, text)

    def all(self, kind, **members):
        issues = self.inner.state()["issues"]
        found = {"created": lambda: [i for i in issues if "labels" in i], "fixed": lambda: [i for i in issues if i["fixVersions"]],
                 "todo": lambda: [i for i in issues if i["status"] == "To Do"],
                 "done": lambda: [i for i in issues if i["status"] == "Done"],
                 "comment": lambda: [c for i in issues for c in i["comments"]],
                 "link": lambda: [link for i in issues for link in i["links"]],
                 "deployment": lambda: [thing for name, thing in self.objects if name == "deployment"]}.get(kind)
        return found() if found else super().all(kind, **members)

    @property
    def made(self):
        return {"effects": len(self.inner.effects.list)} if hasattr(self, "inner") else {}

    @made.setter
    def made(self, value):
        pass

    def forget(self):
        """At the next change of what was made: what belongs to the making itself still comes."""
        self.doomed = True

    def forget_now(self):
        self.doomed = False
        self.inner.versions.clear()
        self.inner.issues = {key: issue for key, issue in self.inner.issues.items() if "labels" not in issue}
        for issue in self.inner.issues.values():
            issue["comments"].clear()
            issue["links"].clear()

    def handle(self, request):
        request.headers.setdefault("authorization", "Basic of-a-seed")  # the world has looked at it already
        changes = {"name", "body", "fields", "globalId"} & set(request.json if isinstance(request.json, dict) else {})
        if self.doomed and changes and request.method in ("PUT", "POST"):
            self.forget_now()
        if re.fullmatch(self.DEPLOYMENTS, request.path) and request.method == "POST":
            return self.deploy(request)
        return super().handle(request)

    def deploy(self, request):
        """202 whatever becomes of it; a report that is not newer than the one before changes nothing."""
        accepted, rejected, unknown = [], [], []
        for deployment in request.json["deployments"]:
            key = {"pipelineId": deployment["pipeline"]["id"], "environmentId": deployment["environment"]["id"],
                   "deploymentSequenceNumber": deployment["deploymentSequenceNumber"]}
            named = [name for one in deployment["associations"] for name in one["values"]]
            strangers = [name for name in named if name not in self.inner.issues]
            unknown += strangers
            if strangers == named:
                rejected.append({"key": key, "errors": [{"message": "No known issue is associated with the deployment"}]})
                continue
            accepted.append(key)
            old = next((thing for _, thing in self.objects if thing["key"] == key), None)
            if old and old["update"] < deployment["updateSequenceNumber"]:
                old.update(update=deployment["updateSequenceNumber"], state=deployment["state"])
            elif not old:
                self.objects.append(("deployment", {"key": key, "update": deployment["updateSequenceNumber"],
                                                    "state": deployment["state"]}))
        return Answer(202, {"acceptedDeployments": accepted, "rejectedDeployments": rejected, "unknownIssueKeys": unknown})


class Slack(Known):
    """Its objects: message, webhook."""

    def __init__(self, url):
        super().__init__(url, postlude_fakes.Slack(Effects()))

    def no(self, status, text):
        return Answer(200, {"ok": False, "error": "invalid_auth" if status == 401 else "unknown_method"})

    @property
    def made(self):
        return {"effects": len(self.inner.effects.list)} if hasattr(self, "inner") else {}

    @made.setter
    def made(self, value):
        pass

    def forget(self):
        self.inner.messages.clear()

    def handle(self, request):
        request.headers.setdefault("authorization", "Bearer of-a-seed")  # the world has looked at it already
        return super().handle(request)
