#!/usr/bin/env python3
"""Stateful fakes of Jira, Slack and a CI for the demo, the crash test and pytest. Standard library only.

    postlude_fakes.py [--port N] [--port-file FILE] [--quiet]

One port serves all: Jira below /rest/api/{2,3}/…, Slack below /api/… (Web API) and /services/… (incoming webhooks),
a CI below /ci/builds and a sink below /echo/… that takes anything. A complete request is applied at once and counted,
whatever becomes of the connection afterwards: that is what makes an answer that never came worth a test.

    GET  /_fake/state    everything that happened: {"jira": …, "slack": …, "effects": {key: n}, "requests": […]}
    POST /_fake/faults   {"path": glob, "method": "POST", "times": 1, …one or more of the faults below}
                         or {"clear": true}; faults are used up in their order, the first that fits
         status, headers, body   answers this instead of applying the request; 429 with {"Retry-After": "1"}. In a header,
                                 {date+30}, {epoch+30} and {millis+30} are that many seconds after the answer, which
                                 is logged as "answered"
         delay                   seconds before the request is applied
         hold                    true: neither applied nor answered before the release
         delayAfter              seconds between applying it and answering
         close: before | after   closes the connection before or after applying it, without an answer
         cut: N                  applies it, sends the first N bytes of the answer, and closes
         slackError: TEXT        200 with {"ok": false, "error": TEXT}, not applied
    POST /_fake/builds   {"result": "passed"}: all builds of the CI that run are over
    POST /_fake/release  lets go of what is held, now and later
    POST /_fake/reset    forgets everything
"""

import argparse
import copy
import datetime
import email.utils
import fnmatch
import http.server
import itertools
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

LOCK = threading.RLock()  # the fakes' whole state is behind it: requests are applied one after another


class Answer:
    def __init__(self, status, body=None, headers=None):
        self.status = status
        self.headers = dict(headers or {})
        if body is None:
            self.body = b""
        elif isinstance(body, str):
            self.body = body.encode()
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        else:
            self.body = json.dumps(body).encode()
            self.headers.setdefault("Content-Type", "application/json;charset=UTF-8")


class Request:
    def __init__(self, method, target, headers, body):
        self.method = method
        split = urllib.parse.urlsplit(target)
        self.path = split.path
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in headers}
        self.raw = body
        try:
            self.json = json.loads(body) if body else None
            self.malformed = False
        except ValueError:
            self.json, self.malformed = None, True


class Effects:
    """How often each effect was had, by the idempotency marker that its request planted."""

    def __init__(self):
        self.by_key = {}
        self.list = []

    def add(self, system, kind, key, what):
        self.list.append({"system": system, "kind": kind, "key": key, "what": what, "at": time.time()})
        if key:
            self.by_key[key] = self.by_key.get(key, 0) + 1


# -- Jira


def jira_error(status, message=None, **fields):
    return Answer(status, {"errorMessages": [message] if message else [], "errors": fields})


class Jira:
    """Both editions: version 2 and 3 of the paths, /search of Data Center and /search/jql of Cloud."""

    STATUSES = {"10000": ("To Do", "new"), "10001": ("In Progress", "indeterminate"), "10002": ("Done", "done")}
    TRANSITIONS = {"11": "10000", "21": "10001", "31": "10002"}
    ME = {"accountId": "5b10a2844c20165700ede21g", "key": "bot", "name": "bot", "displayName": "Release Bot"}

    def __init__(self, effects, base):
        self.effects = effects
        self.base = base
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
                return jira_error(400, name="A version with this name already exists in this project.")
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
        """As much JQL as tests need: project = X, fixVersion = "Y", key in (…), joined by AND; or None."""
        found = list(self.issues.values())
        for clause in re.split(r"\s+AND\s+", re.sub(r"\s+ORDER BY .*$", "", jql, flags=re.I), flags=re.I):
            match = re.fullmatch(r"\s*(project|fixVersion|key)\s*(=|in)\s*(.+?)\s*", clause, flags=re.I)
            if not match:
                return None
            values = [v.strip().strip('"\'') for v in match[3].strip("()").split(",")]
            field = match[1].lower()
            if field == "project":
                found = [i for i in found if i["key"].split("-")[0] in values]
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
        end = begin + int(body.get("maxResults") or 50)
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
        begin, limit = int(body.get("startAt") or 0), int(body.get("maxResults") or 50)
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


# -- Slack


class Slack:
    CHANNELS = {"#releases": "C0RELEASES", "#alerts": "C0ALERTS", "#pay": "C0PAY"}

    def __init__(self, effects):
        self.effects = effects
        self.messages = []
        self.webhooks = []
        self.clock = itertools.count(1)

    def handle(self, request):
        if request.path.startswith("/services/"):
            return self.webhook(request)
        method = request.path.removeprefix("/api/")
        if method not in ("chat.postMessage", "chat.update") or request.method != "POST":
            return self.no("unknown_method")
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return self.no("not_authed")
        if not isinstance(request.json, dict):
            return self.no("invalid_json")
        channel = self.CHANNELS.get(request.json.get("channel"), request.json.get("channel"))
        if channel not in self.CHANNELS.values():
            return self.no("channel_not_found")
        if not request.json.get("text") and not request.json.get("blocks"):
            return self.no("no_text")
        return self.post(request.json, channel) if method == "chat.postMessage" else self.update(request.json, channel)

    @staticmethod
    def no(error):
        return Answer(200, {"ok": False, "error": error})

    def post(self, body, channel):
        key = body.get("metadata", {}).get("event_payload", {}).get("key")
        message = {"channel": channel, "ts": f"1700000000.{next(self.clock):06}", "text": body.get("text"),
                   "blocks": body.get("blocks"), "thread_ts": body.get("thread_ts"), "key": key, "edits": 0}
        self.messages.append(message)
        self.effects.add("slack", "message", key, body.get("text"))
        return Answer(200, {"ok": True, "channel": channel, "ts": message["ts"], "message": {"text": body.get("text")}})

    def update(self, body, channel):
        for message in self.messages:
            if message["channel"] == channel and message["ts"] == body.get("ts"):
                message.update(text=body.get("text"), blocks=body.get("blocks"), edits=message["edits"] + 1)
                self.effects.add("slack", "update", None, body.get("text"))
                return Answer(200, {"ok": True, "channel": channel, "ts": message["ts"], "text": body.get("text")})
        return self.no("message_not_found")

    def webhook(self, request):
        if len(request.path.split("/")) != 5:
            return Answer(404, "no_service")
        if not isinstance(request.json, dict):
            return Answer(400, "invalid_payload")
        if not request.json.get("text") and not request.json.get("blocks"):
            return Answer(400, "no_text")
        self.webhooks.append({"path": request.path, "text": request.json.get("text")})
        self.effects.add("slack", "webhook", None, request.json.get("text"))
        return Answer(200, "ok", {"Content-Type": "text/html"})

    def state(self):
        return {"messages": self.messages, "webhooks": self.webhooks}


# -- a CI


class Ci:
    """POST /ci/builds starts one, GET /ci/builds/ID looks at it, GET /ci/builds?key=K finds it. One with the
    Idempotency-Key of another is that one."""

    def __init__(self, effects):
        self.effects = effects
        self.builds = []

    def handle(self, request):
        key = request.headers.get("idempotency-key") or (request.json or {}).get("key")
        if request.method == "POST" and request.path == "/ci/builds":
            known = [b for b in self.builds if key and b["key"] == key and "idempotency-key" in request.headers]
            if known:
                return Answer(200, known[0])
            build = {"id": str(len(self.builds) + 1), "of": (request.json or {}).get("of"), "key": key, "state": "running",
                     "result": None}
            self.builds.append(build)
            self.effects.add("ci", "build", key, build["id"])
            return Answer(201, build)
        if request.method == "GET" and request.path == "/ci/builds":
            return Answer(200, [b for b in self.builds if b["key"] == request.query.get("key")])
        for build in self.builds:
            if request.method == "GET" and request.path == "/ci/builds/" + build["id"]:
                return Answer(200, build)
        return Answer(404, {"message": "there is no such build"})

    def finish(self, result):
        for build in self.builds:
            if build["state"] == "running":
                build.update(state="done", result=result)


# -- all of them, their log and their faults


def timely(headers, now):
    """The headers of a fault with their times, which count from the answer: who set the fault knows not when that is."""
    def written(match):
        at = now + int(match[2])
        return {"date": lambda: email.utils.formatdate(int(at), usegmt=True), "epoch": lambda: str(int(at)),
                "millis": lambda: str(int(at * 1000))}[match[1]]()
    return {name: re.sub(r"\{(date|epoch|millis)([+-]\d+)\}", written, value) for name, value in (headers or {}).items()}


class Fakes:
    def __init__(self, base=""):
        self.base = base
        self.reset()

    def reset(self):
        self.effects = Effects()
        self.jira = Jira(self.effects, self.base)
        self.slack = Slack(self.effects)
        self.ci = Ci(self.effects)
        self.faults = []
        self.requests = []
        self.released = threading.Event()

    def fault_for(self, request):
        for fault in self.faults:
            if fault.get("method", request.method) != request.method:
                continue
            if not fnmatch.fnmatchcase(request.path, fault.get("path", "*")):
                continue
            fault["times"] -= 1
            if fault["times"] == 0:
                self.faults.remove(fault)
            return fault
        return {}

    def begin(self, request):
        """Logs the request's arrival and picks its fault."""
        with LOCK:
            entry = {"at": time.time(), "method": request.method, "path": request.path, "query": request.query,
                     "headers": {name: value for name, value in request.headers.items() if name != "authorization"},
                     "body": request.json if request.json is not None else request.raw.decode(errors="replace"),
                     "applied": False, "status": None}
            self.requests.append(entry)
            return entry, self.fault_for(request)

    def apply(self, request, entry):
        with LOCK:
            entry["applied"] = True
            if request.path.startswith("/rest/api/"):
                answer = self.jira.handle(request)
            elif request.path.startswith(("/api/", "/services/")):
                answer = self.slack.handle(request)
            elif request.path.startswith("/ci/"):
                answer = self.ci.handle(request)
            elif request.path.startswith("/echo"):
                key = request.headers.get("idempotency-key")
                if request.method not in ("GET", "HEAD"):
                    self.effects.add("echo", request.method, key, request.path)
                answer = Answer(200, {"method": request.method, "path": request.path, "query": request.query,
                                      "body": entry["body"], "key": key})
            else:
                answer = Answer(404, "nothing here")
            entry["status"] = answer.status
            return answer

    def control(self, request):
        with LOCK:
            if request.method == "GET" and request.path == "/_fake/state":
                return Answer(200, {"jira": self.jira.state(), "slack": self.slack.state(), "builds": self.ci.builds,
                                    "effects": self.effects.by_key,
                                    "all": self.effects.list, "requests": self.requests, "faults": self.faults})
            if request.method == "POST" and request.path == "/_fake/faults" and isinstance(request.json, dict):
                if request.json.get("clear"):
                    self.faults.clear()
                else:
                    self.faults.append({"times": 1, **request.json})
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/builds":
                self.ci.finish((request.json or {}).get("result", "passed"))
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/release":
                self.released.set()
                return Answer(204)
            if request.method == "POST" and request.path == "/_fake/reset":
                self.reset()
                return Answer(204)
            return Answer(404, "no such control")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fake", ""
    timeout = 120
    disable_nagle_algorithm = True

    def read_request(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            wanted = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(wanted)
            if len(body) < wanted:
                return None  # the sender went away: not a complete request, so nothing is applied
        return Request(self.command, self.path, self.headers.items(), body)

    def serve(self):
        request = self.read_request()
        if request is None:
            self.close_connection = True
            return
        fakes = self.server.fakes
        if request.path.startswith("/_fake/"):
            self.answer(fakes.control(request))
            return
        entry, fault = fakes.begin(request)
        if fault.get("delay"):
            time.sleep(fault["delay"])
        if fault.get("hold"):
            fakes.released.wait(120)
        if fault.get("close") == "before":
            self.drop()
        elif "slackError" in fault:
            entry["status"] = 200
            self.answer(Slack.no(fault["slackError"]))
        elif "status" in fault:
            entry.update(status=fault["status"], answered=time.time())
            self.answer(Answer(fault["status"], fault.get("body"), timely(fault.get("headers"), entry["answered"])))
        else:
            answer = fakes.apply(request, entry)
            if fault.get("delayAfter"):
                time.sleep(fault["delayAfter"])
            if fault.get("close") == "after":
                self.drop()
            else:
                self.answer(answer, fault.get("cut"))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def drop(self):
        """Closes without a word; with unread data or not, the peer sees the end of the stream."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, answer, cut=None):
        head = [f"HTTP/1.1 {answer.status} {http.server.BaseHTTPRequestHandler.responses.get(answer.status, ('',))[0]}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status != 204:
            head.append(f"Content-Length: {len(answer.body)}")
        data = ("\r\n".join(head) + "\r\n\r\n").encode()
        if self.command != "HEAD" and answer.status != 204:
            data += answer.body
        try:
            self.wfile.write(data if cut is None else data[:cut])
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # nobody waits for it any more
        if cut is not None:
            self.drop()

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # a peer that was killed

    def log_message(self, format, *args):
        if not self.server.quiet:
            sys.stderr.write("fake: " + format % args + "\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, port=0, quiet=True):
        super().__init__(("127.0.0.1", port), Handler)
        self.quiet = quiet
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.fakes = Fakes(self.url)

    def start(self):
        """In a thread of its own, for tests; stop() ends it."""
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()

    def state(self):
        with LOCK:
            return json.loads(self.fakes.control(Request("GET", "/_fake/state", [], b"")).body)

    def fault(self, **fault):
        with LOCK:
            self.fakes.faults.append({"times": 1, **fault})

    def release(self):
        self.fakes.released.set()

    def finish_builds(self, result="passed"):
        with LOCK:
            self.fakes.ci.finish(result)

    def rerun_builds(self):
        """Somebody has them run once more, over there."""
        with LOCK:
            for build in self.fakes.ci.builds:
                build.update(state="running", result=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0: any; printed, and written to --port-file")
    parser.add_argument("--port-file", help="written when the fakes listen")
    parser.add_argument("--quiet", action="store_true", help="do not log requests")
    options = parser.parse_args()
    server = Server(options.port, options.quiet)
    print(f"fakes of Jira and Slack on {server.url}", flush=True)
    if options.port_file:
        partly = options.port_file + ".part"
        with open(partly, "w") as file:
            file.write(str(server.port))
        os.replace(partly, options.port_file)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
