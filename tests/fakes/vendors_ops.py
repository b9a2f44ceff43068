"""Fakes of what watches and of what tells people: PagerDuty, Grafana, Datadog and others (see vendors.py)."""

from fake_wire import Answer
from vendors import Vendor, missing


class PagerDuty(Vendor):
    routes = (("POST", "/v2/enqueue", "alert"), ("POST", "/v2/change/enqueue", "change"))

    def no(self, status, text):
        return Answer(status, {"status": "invalid event", "message": "Event object is invalid", "errors": [text]})

    def alert(self, request):
        body = request.json
        payload = body.get("payload", {})
        if body.get("event_action") == "trigger" and missing(payload, "summary", "source", "severity"):
            return self.no(400, "'payload.summary' is missing or blank")
        if body.get("event_action") != "trigger" and missing(body, "dedup_key"):
            return self.no(400, "'dedup_key' is missing or blank")
        key = body.get("dedup_key") or str(next(self.ids))
        if body["event_action"] == "trigger" and not self.one("alert", key=key):
            self.make("alert", {"key": key, "payload": payload})
        if body["event_action"] == "resolve":
            self.objects = [(kind, thing) for kind, thing in self.objects if thing.get("key") != key]
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def change(self, request):
        if missing(request.json.get("payload"), "summary"):
            return self.no(400, "'payload.summary' is missing or blank")
        self.make("change", {"payload": request.json["payload"]})
        return Answer(202, {"status": "success", "message": "Change event processed"})


class Grafana(Vendor):
    routes = (("POST", "/api/annotations", "create"), ("GET", "/api/annotations", "find"),
              ("PATCH", r"/api/annotations/(\d+)", "edit"))

    def create(self, request):
        body = request.json
        if missing(body, "text"):
            return self.no(400, "Failed to save annotation")
        if not isinstance(body.get("time"), int) or body["time"] < 10**12:
            return self.no(400, "time is no number of milliseconds")
        made = self.make("annotation", {"id": next(self.ids), **body})
        return Answer(200, {"id": made["id"], "message": "Annotation added"})

    def find(self, request):
        begin, end = int(request.query["from"]), int(request.query["to"])
        return Answer(200, [a for a in self.all("annotation") if request.query["tags"] in a["tags"] and begin <= a["time"] <= end])

    def edit(self, request, number):
        found = self.one("annotation", id=int(number))
        if not found:
            return self.no(404, "Annotation not found")
        found.update(request.json)
        return Answer(200, {"message": "Annotation patched"})


class Datadog(Vendor):
    routes = (("POST", "/api/v1/events", "create"), ("POST", "/api/v2/dora/deployment", "deployment"))

    def no(self, status, text):
        return Answer(status, {"errors": [text]})

    def deployment(self, request):
        """Nobody has checked whether one of an `id` that is there is the same: here it is another."""
        attributes = (request.json or {}).get("data", {}).get("attributes", {})
        lack = missing(attributes, "service", "started_at", "finished_at")
        if lack:
            return self.no(400, f"Missing required attribute: {lack}")
        if "git" in attributes and missing(attributes["git"], "commit_sha", "repository_url"):
            return self.no(400, "git needs commit_sha and repository_url")
        made = self.make("deployment", {"id": attributes.get("id") or f"dora-{next(self.ids)}"})
        return Answer(202, {"data": {"id": made["id"], "type": "dora_deployment"}})

    def create(self, request):
        lack = missing(request.json, "title", "text")
        if lack:
            return self.no(400, f"Missing required attribute: {lack}")
        number = next(self.ids)
        event = self.make("event", {"id": number, **request.json})
        shown = {name: event[name] for name in ("id", "title", "text", "tags") if name in event}
        return Answer(202, {"status": "ok", "event": {**shown, "date_happened": 1700000000,
                                                      "url": f"https://app.datadoghq.com/event/event?id={number}"}})


class Statuspage(Vendor):
    routes = (("POST", r"/v1/pages/([^/]+)/incidents", "create"), ("GET", r"/v1/pages/([^/]+)/incidents", "find"),
              ("PATCH", r"/v1/pages/([^/]+)/incidents/([^/]+)", "edit"))

    def no(self, status, text):
        return Answer(status, {"error": text})

    def create(self, request, page):
        incident = (request.json or {}).get("incident", {})
        if missing(incident, "name"):
            return Answer(422, {"error": ["Name can't be blank"]})
        number = f"inc{next(self.ids)}"
        return Answer(201, self.make("incident", {"id": number, **incident, "shortlink": f"https://stspg.io/{number}"}))

    def find(self, request, page):
        return Answer(200, [i for i in self.all("incident") if request.query.get("q", "") in i["name"]])

    def edit(self, request, page, number):
        incident = self.one("incident", id=number)
        if not incident:
            return self.no(404, "Record not found")
        incident.update(request.json["incident"])
        return Answer(200, incident)


class Alertmanager(Vendor):
    routes = (("POST", "/api/v2/silences", "post"), ("GET", "/api/v2/silences", "silences"),
              ("GET", "/api/v2/silence/([^/]+)", "silence"))

    def no(self, status, text):
        return Answer(status, f'"{text}"', {"Content-Type": "application/json"})

    def post(self, request):
        body = request.json
        lack = missing(body, "matchers", "startsAt", "endsAt", "createdBy", "comment")
        if lack:
            return self.no(422, f"silence.{lack} in body is required")
        if any(missing(m, "name") or not isinstance(m.get("isRegex"), bool) for m in body["matchers"]):
            return self.no(422, "silence.matchers in body is invalid")
        if body.get("id"):
            known = self.one("silence", id=body["id"])
            if not known:
                return self.no(404, "silence not found")
            known.update(body)
            return Answer(200, {"silenceID": known["id"]})
        made = self.make("silence", {**body, "id": f"0b7c3f0e-0000-4000-8000-00000000{next(self.ids)}",
                                     "status": {"state": "active"}, "updatedAt": body["startsAt"]})
        return Answer(200, {"silenceID": made["id"]})

    def silences(self, request):
        return Answer(200, self.all("silence"))

    def silence(self, request, number):
        found = self.one("silence", id=number)
        return Answer(200, found) if found else Answer(404)
