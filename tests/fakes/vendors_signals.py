"""Fakes of what is told of a release by a signal: alerts, markers, events, metrics, deploys (see vendors.py)."""

from fake_wire import Answer
from vendors import Vendor, missing, stamp


class Opsgenie(Vendor):
    """And Jira Service Management, whose API of integrations has the same shape."""
    routes = (("POST", "/v2/alerts", "create"), ("POST", "/v2/alerts/([^/]+)/(acknowledge|close)", "act"))

    def no(self, status, text):
        return Answer(status, {"message": text, "took": 0.0, "requestId": "r0"})

    def taken(self):
        return Answer(202, {"result": "Request will be processed", "took": 0.1, "requestId": f"request-{next(self.ids)}"})

    def create(self, request):
        body = request.json
        if missing(body, "message"):
            return Answer(422, {"message": "Request body is not processable. Please check the errors.",
                                "errors": {"message": "Message can not be empty."}})
        if len(body["message"]) > 130 or len(body.get("alias", "")) > 512:
            return self.no(422, "Request body is not processable. A field is too long.")
        if body.get("priority", "P3") not in ("P1", "P2", "P3", "P4", "P5"):
            return self.no(422, "Request body is not processable. The priority is unknown.")
        known = self.one("alert", alias=body["alias"]) if "alias" in body else None
        if known:  # open: it is counted
            known["count"] += 1
        else:
            self.make("alert", {**body, "count": 1, "acknowledged": False})
        return self.taken()

    def act(self, request, identifier, what):
        """Whether there is such an alert is looked at later: the answer is the same."""
        by = request.query.get("identifierType", "id")
        for kind, alert in list(self.objects):
            if alert.get(by) == identifier and what == "close":
                self.objects.remove((kind, alert))  # a closed alert's alias is free again
            elif alert.get(by) == identifier:
                alert["acknowledged"] = True
        return self.taken()


class IncidentIo(Vendor):
    routes = (("POST", "/v2/alert_events/http/([^/]+)", "alert"), ("POST", "/v2/incidents", "create"),
              ("POST", "/v2/incidents/([^/]+)/actions/edit", "edit"))

    def no(self, status, text):
        return Answer(status, {"type": "validation_error", "status": status, "request_id": "r0",
                               "errors": [{"code": "invalid", "message": text}]})

    def alert(self, request, source):
        body = request.json
        lack = missing(body, "title", "status", "deduplication_key")
        if lack or body["status"] not in ("firing", "resolved"):
            return self.no(422, f"{lack or 'status'} is not valid")
        known = self.one("alert", source=source, deduplication_key=body["deduplication_key"])
        if body["status"] == "resolved":
            self.objects = [(kind, thing) for kind, thing in self.objects if thing is not known]
        elif not known:
            self.make("alert", {**body, "source": source})
        return Answer(202, {"deduplication_key": body["deduplication_key"], "message": "Event accepted for processing",
                            "status": "success"})

    def create(self, request):
        body = request.json
        lack = missing(body, "idempotency_key", "visibility")
        if lack:
            return self.no(422, f"{lack} is required")
        known = self.one("incident", idempotency_key=body["idempotency_key"])
        if not known:
            number = next(self.ids)
            known = self.make("incident", {**body, "id": f"01FDAG4SAP{number}", "reference": f"INC-{number}",
                                           "permalink": f"https://app.incident.io/acme/incidents/{number}"})
        return Answer(200, {"incident": {name: value for name, value in known.items() if name != "idempotency_key"}})

    def edit(self, request, number):
        known = self.one("incident", id=number)
        if not known:
            return self.no(404, "Incident not found")
        if not isinstance(request.json.get("notify_incident_channel"), bool):
            return self.no(422, "notify_incident_channel is required")
        known.update(request.json["incident"])
        return Answer(200, {"incident": known})


class Honeycomb(Vendor):
    routes = (("POST", "/1/markers/([^/]+)", "create"), ("GET", "/1/markers/([^/]+)", "markers"),
              ("PUT", "/1/markers/([^/]+)/([^/]+)", "edit"))

    def no(self, status, text):
        return Answer(status, {"error": text})

    def wrong(self, body):
        """A time in milliseconds would be a marker in the far future."""
        return any(not isinstance(body.get(name, 1), int) or body.get(name, 1) > 10**11 for name in ("start_time", "end_time"))

    def create(self, request, dataset):
        if self.wrong(request.json):
            return self.no(400, "start_time and end_time are unix seconds")
        made = self.make("marker", {"id": f"mark{next(self.ids)}", "dataset": dataset, "created_at": stamp(), **request.json})
        return Answer(201, {name: value for name, value in made.items() if name != "dataset"})

    def markers(self, request, dataset):
        return Answer(200, self.all("marker", dataset=dataset))

    def edit(self, request, dataset, number):
        known = self.one("marker", dataset=dataset, id=number)
        if not known:
            return self.no(404, "marker not found")
        if self.wrong(request.json):
            return self.no(400, "start_time and end_time are unix seconds")
        known.update(request.json)
        return Answer(200, known)
