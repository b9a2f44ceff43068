"""A Jira, Cloud and Data Center."""

import copy
import datetime
import itertools
import json
import re
import urllib.parse

from fake_wire import Answer


def jira_error(status, message=None, **fields):
    return Answer(status, {"errorMessages": [message] if message else [], "errors": fields})


class Jira:
    """Both editions: version 2 and 3 of the paths, /search of Data Center and /search/jql of Cloud."""

    STATUSES = {"10000": ("To Do", "new"), "10001": ("In Progress", "indeterminate"), "10002": ("Done", "done")}
    TRANSITIONS = {"11": "10000", "21": "10001", "31": "10002"}
    ME = {"accountId": "5b10a2844c20165700ede21g", "key": "bot", "name": "bot", "displayName": "Release Bot"}

    VERSION_EXISTS = "A version with this name already exists in this project."

    def __init__(self, effects, base):
        self.effects = effects
        self.base = base
        self.page_max = 100  # issues that one page of a search has
        self.ids = itertools.count(10010)
        self.projects = {"PROJ": {"id": "10000", "key": "PROJ", "name": "Project"},
                         "PAY": {"id": "10001", "key": "PAY", "name": "Payments"}}
        self.versions = {}
        self.issues = {}
        for key, summary in (("PROJ-1", "Checkout is slow"), ("PROJ-2", "Prices in yen"), ("PROJ-3", "A new logo"),
                             ("PAY-1", "Refunds")):
            self.issues[key] = {"id": str(next(self.ids)), "key": key, "summary": summary, "status": "10001",
                                "fixVersions": [], "resolution": None, "comments": [], "links": []}
        self.routes = [
            ("GET", r"/myself", lambda r: Answer(200, dict(self.ME, self=f"{self.base}/rest/api/2/user?key=bot"))),
            ("GET", r"/project/([^/]+)", self.get_project),
            ("GET", r"/project/([^/]+)/versions", self.get_versions),
            ("POST", r"/version", self.create_version),
            ("GET", r"/version/(\d+)", self.get_version),
            ("PUT", r"/version/(\d+)", self.update_version),
            ("POST", r"/search/jql", self.search_cloud),
            ("POST", r"/search", self.search_data_center),
            ("POST", r"/issue", self.create_issue),
            ("GET", r"/issue/([^/]+)", self.get_issue),
            ("PUT", r"/issue/([^/]+)", self.update_issue),
            ("GET", r"/issue/([^/]+)/transitions", self.get_transitions),
            ("POST", r"/issue/([^/]+)/transitions", self.transition),
            ("GET", r"/issue/([^/]+)/comment", self.get_comments),
            ("POST", r"/issue/([^/]+)/comment", self.comment),
            ("PUT", r"/issue/([^/]+)/comment/(\d+)", self.edit_comment),
            ("POST", r"/issue/([^/]+)/remotelink", self.remote_link),
        ]

    def handle(self, request):
        path = re.sub(r"^/rest/api/[23]", "", request.path)
        if not request.headers.get("authorization", "").startswith(("Basic ", "Bearer ")):
            return jira_error(401, "You are not authenticated. Authentication required to perform this operation.")
        if request.malformed:
            return jira_error(400, "There was an error parsing JSON. Check that your request body is valid.")
        other_method = False
        for method, pattern, handler in self.routes:
            match = re.fullmatch(pattern, path)
            if not match:
                continue
            if method == request.method:
                return handler(request, *map(urllib.parse.unquote, match.groups()))
            other_method = True
        return Answer(405) if other_method else jira_error(404, "null for uri: " + request.path)

    # versions

    def project(self, key):
        return self.projects.get(key) or next((p for p in self.projects.values() if p["id"] == key), None)

    def get_project(self, request, key):
        project = self.project(key)
        if not project:
            return jira_error(404, f"No project could be found with key '{key}'.")
        return Answer(200, dict(project, self=f"{self.base}/rest/api/2/project/{project['id']}"))

    def show_version(self, version):
        shown = {"self": f"{self.base}/rest/api/2/version/{version['id']}", "archived": False, **version}
        return {name: value for name, value in shown.items() if value is not None}

    def get_versions(self, request, key):
        project = self.project(key)
        if not project:
            return jira_error(404, f"No project could be found with key '{key}'.")
        own = [v for v in self.versions.values() if str(v["projectId"]) == project["id"]]
        return Answer(200, [self.show_version(v) for v in own])

    def create_version(self, request):
        body = request.json or {}
        project = self.project(str(body.get("projectId", ""))) or self.project(body.get("project", ""))
        if not project:
            return jira_error(400, projectId="Project must be specified to create a version.")
        name = (body.get("name") or "").strip()
        if not name:
            return jira_error(400, name="You must specify a valid version name")
        for version in self.versions.values():
            if str(version["projectId"]) == project["id"] and version["name"].lower() == name.lower():
                return jira_error(400, name=self.VERSION_EXISTS)
        version = {"id": str(next(self.ids)), "name": name, "projectId": int(project["id"]),
                   "description": body.get("description"), "startDate": body.get("startDate"),
                   "released": bool(body.get("released")), "releaseDate": body.get("releaseDate")}
        self.versions[version["id"]] = version
        self.effects.add("jira", "version created", f"{project['key']}/{name}", version["id"])
        return Answer(201, self.show_version(version))

    def get_version(self, request, number):
        version = self.versions.get(number)
        return Answer(200, self.show_version(version)) if version else jira_error(404, "Could not find version for id")

    def update_version(self, request, number):
        version = self.versions.get(number)
        if not version:
            return jira_error(404, f"Could not find version for id '{number}'")
        for name in ("name", "description", "startDate", "released", "releaseDate", "archived"):
            if name in (request.json or {}):
                version[name] = request.json[name]
        self.effects.add("jira", "version updated", None, f"{version['name']}: {json.dumps(request.json)}")
        return Answer(200, self.show_version(version))

    # issues

    def issue(self, key):
        found = self.issues.get(key) or next((i for i in self.issues.values() if i["id"] == key), None)
        return found, jira_error(404, "Issue does not exist or you do not have permission to see it.")

    def status(self, number):
        name, category = self.STATUSES[number]
        return {"id": number, "name": name, "self": f"{self.base}/rest/api/2/status/{number}",
                "statusCategory": {"key": category}}

    def show_issue(self, issue, fields=None):
        shown = {"summary": issue["summary"], "status": self.status(issue["status"]), "resolution": issue["resolution"],
                 "fixVersions": [self.show_version(self.versions[v]) for v in issue["fixVersions"]]}
        if fields and "*all" not in fields:
            shown = {name: value for name, value in shown.items() if name in fields}
        return {"id": issue["id"], "key": issue["key"], "self": f"{self.base}/rest/api/2/issue/{issue['id']}",
                "fields": shown}

    def create_issue(self, request):
        fields = (request.json or {}).get("fields", {})
        project = self.project(fields.get("project", {}).get("key") or fields.get("project", {}).get("id"))
        if not project:
            return jira_error(400, project="project is required")
        if fields.get("issuetype", {}).get("name") not in ("Task", "Bug"):
            return jira_error(400, issuetype="Specify a valid issue type")
        if not (fields.get("summary") or "").strip():
            return jira_error(400, summary="You must specify a summary of the issue.")
        number = 1 + max(int(key.split("-")[1]) for key in self.issues if key.startswith(project["key"] + "-"))
        issue = {"id": str(next(self.ids)), "key": f"{project['key']}-{number}", "summary": fields["summary"],
                 "description": fields.get("description"), "labels": fields.get("labels", []), "status": "10000",
                 "fixVersions": [], "resolution": None, "comments": [], "links": []}
        self.issues[issue["key"]] = issue
        marks = [label for label in issue["labels"] if label.startswith("postlude-")]
        self.effects.add("jira", "issue created", marks[0] if marks else None, issue["key"])
        return Answer(201, {"id": issue["id"], "key": issue["key"], "self": f"{self.base}/rest/api/2/issue/{issue['id']}"})

    def get_issue(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        fields = request.query.get("fields")
        shown = self.show_issue(issue, fields.split(",") if fields else None)
        if request.query.get("expand") == "editmeta":
            shown["editmeta"] = self.edit_metadata(issue)
        return Answer(200, shown)

    def edit_metadata(self, issue):
        project = self.projects[issue["key"].split("-")[0]]
        own = [self.show_version(v) for v in self.versions.values() if str(v["projectId"]) == project["id"]]
        return {"fields": {"fixVersions": {
            "required": False, "schema": {"type": "array", "items": "version", "system": "fixVersions"},
            "name": "Fix versions", "key": "fixVersions", "operations": ["set", "add", "remove"], "allowedValues": own}}}

    def find_version(self, issue, named):
        project = self.projects[issue["key"].split("-")[0]]
        for version in self.versions.values():
            if str(version["projectId"]) == project["id"] and named in ({"id": version["id"]}, {"name": version["name"]}):
                return version["id"]
        return None

    def update_issue(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        fields = (request.json or {}).get("fields", {})
        if "summary" in fields and not fields["summary"].strip():
            return jira_error(400, summary="You must specify a summary of the issue.")
        issue.update({name: fields[name] for name in ("summary", "description") if name in fields})
        versions = list(issue["fixVersions"])
        for operation in (request.json or {}).get("update", {}).get("fixVersions", []):
            for verb, named in operation.items():
                found = [self.find_version(issue, n) for n in (named if verb == "set" else [named])]
                if None in found:
                    return jira_error(400, fixVersions=f"Version name '{named}' is not valid")
                if verb == "set":
                    versions = found
                elif verb == "add":
                    versions += [v for v in found if v not in versions]
                elif verb == "remove":
                    versions = [v for v in versions if v not in found]
        if versions != issue["fixVersions"]:
            self.effects.add("jira", "fix versions", None, f"{issue['key']}: {versions}")
        issue["fixVersions"] = versions
        return Answer(204)

    def matching(self, jql):
        """As much JQL as tests need: project = X, fixVersion = "Y", labels = "Z", key in (…), joined by AND; or None."""
        found = list(self.issues.values())
        for clause in re.split(r"\s+AND\s+", re.sub(r"\s+ORDER BY .*$", "", jql, flags=re.I), flags=re.I):
            match = re.fullmatch(r"\s*(project|fixVersion|labels|key)\s*(=|in)\s*(.+?)\s*", clause, flags=re.I)
            if not match:
                return None
            values = [v.strip().strip('"\'') for v in match[3].strip("()").split(",")]
            field = match[1].lower()
            if field == "project":
                found = [i for i in found if i["key"].split("-")[0] in values]
            elif field == "labels":
                found = [i for i in found if set(values) & set(i.get("labels", []))]
            elif field == "key":
                found = [i for i in found if i["key"] in values]
            else:
                ids = [v["id"] for v in self.versions.values() if v["name"] in values]
                if not ids:
                    return None
                found = [i for i in found if set(ids) & set(i["fixVersions"])]
        return found

    def search_cloud(self, request):
        if request.path.startswith("/rest/api/2/"):
            return jira_error(404, "null for uri: " + request.path)
        body = request.json or {}
        unknown = set(body) - {"jql", "fields", "maxResults", "nextPageToken", "expand", "fieldsByKeys", "properties",
                               "reconcileIssues"}
        if unknown:
            return jira_error(400, f"Unrecognized field: {sorted(unknown)[0]}")
        found = self.matching(body.get("jql", ""))
        if found is None:
            return jira_error(400, "Error in the JQL Query")
        begin = int(body.get("nextPageToken") or 0)
        end = begin + min(int(body.get("maxResults") or 50), self.page_max)
        page = {"issues": [self.show_issue(i, body.get("fields") or ["id"]) for i in found[begin:end]],
                "isLast": end >= len(found)}
        if not page["isLast"]:
            page["nextPageToken"] = str(end)
        return Answer(200, page)

    def search_data_center(self, request):
        if request.path.startswith("/rest/api/3/"):
            return jira_error(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
        body = request.json or {}
        found = self.matching(body.get("jql", ""))
        if found is None:
            return jira_error(400, "Error in the JQL Query")
        begin, limit = int(body.get("startAt") or 0), min(int(body.get("maxResults") or 50), self.page_max)
        return Answer(200, {"startAt": begin, "maxResults": limit, "total": len(found),
                            "issues": [self.show_issue(i, body.get("fields")) for i in found[begin:begin + limit]]})

    def get_transitions(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        shown = [{"id": number, "name": self.STATUSES[to][0], "to": self.status(to), "hasScreen": False,
                  "isAvailable": True} for number, to in self.TRANSITIONS.items() if to != issue["status"]]
        return Answer(200, {"expand": "transitions", "transitions": shown})

    def transition(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        body = request.json or {}
        to = self.TRANSITIONS.get(str(body.get("transition", {}).get("id")))
        if to is None or to == issue["status"]:
            return jira_error(400, "It seems that you have tried to perform an illegal workflow operation.")
        issue["status"] = to
        issue["resolution"] = body.get("fields", {}).get("resolution")
        self.effects.add("jira", "transition", None, f"{issue['key']} to {self.STATUSES[to][0]}")
        return Answer(204)

    def get_comments(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        comments = copy.deepcopy(issue["comments"])
        if request.query.get("orderBy") == "-created":
            comments.reverse()
        if "properties" not in request.query.get("expand", ""):
            for comment in comments:
                comment.pop("properties", None)
        begin, limit = int(request.query.get("startAt", 0)), int(request.query.get("maxResults", 50))
        return Answer(200, {"startAt": begin, "maxResults": limit, "total": len(comments),
                            "comments": comments[begin:begin + limit]})

    def comment(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        body = request.json or {}
        if not isinstance(body.get("body"), str) or not body["body"].strip():
            return jira_error(400, comment="Comment body can not be empty!")
        number = str(next(self.ids))
        created = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        comment = {"self": f"{self.base}/rest/api/2/issue/{issue['id']}/comment/{number}", "id": number,
                   "author": self.ME, "body": body["body"], "created": created, "updated": created,
                   "properties": body.get("properties", [])}
        issue["comments"].append(comment)
        marker = re.search(r"\{anchor:postlude-([^}]+)\}", body["body"])
        keys = [p["value"].get("key") for p in comment["properties"] if p.get("key") == "postlude"]
        self.effects.add("jira", "comment", marker[1] if marker else keys[0] if keys else None, issue["key"])
        shown = {name: value for name, value in comment.items() if name != "properties"}
        return Answer(201, shown)

    def edit_comment(self, request, key, number):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        comment = next((c for c in issue["comments"] if c["id"] == number), None)
        if not comment:
            return jira_error(404, f"Can not find a comment for the id: {number}.")
        body = request.json or {}
        if not isinstance(body.get("body"), str) or not body["body"].strip():
            return jira_error(400, comment="Comment body can not be empty!")
        comment["body"] = body["body"]
        comment["properties"] = body.get("properties", comment["properties"])
        self.effects.add("jira", "comment edited", None, issue["key"])
        return Answer(200, {name: value for name, value in comment.items() if name != "properties"})

    def remote_link(self, request, key):
        issue, missing = self.issue(key)
        if not issue:
            return missing
        body = request.json or {}
        if not body.get("object", {}).get("url") or not body["object"].get("title"):
            return jira_error(400, "The link's object must have a url and a title.")
        old = next((link for link in issue["links"] if body.get("globalId") and link["globalId"] == body["globalId"]), None)
        if old:
            old.update(body)
        else:
            issue["links"].append({"id": next(self.ids), "globalId": None, **body})
        link = old or issue["links"][-1]
        if not old:
            self.effects.add("jira", "remote link", body.get("globalId"), issue["key"])
        return Answer(200 if old else 201,
                      {"id": link["id"], "self": f"{self.base}/rest/api/2/issue/{issue['key']}/remotelink/{link['id']}"})

    def state(self):
        return {"versions": list(self.versions.values()),
                "issues": [{**issue, "status": self.STATUSES[issue["status"]][0]} for issue in self.issues.values()]}
