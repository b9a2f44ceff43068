"""Fakes of what is told of a release by a signal: alerts, markers, events, metrics, deploys (see vendors.py)."""

import base64
import re

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


class Dynatrace(Vendor):
    """It knows one service, podinfo."""
    routes = (("POST", "/api/v2/events/ingest", "ingest"),)
    TYPES = ("AVAILABILITY_EVENT", "CUSTOM_ALERT", "CUSTOM_ANNOTATION", "CUSTOM_CONFIGURATION", "CUSTOM_DEPLOYMENT",
             "CUSTOM_INFO", "ERROR_EVENT", "MARKED_FOR_TERMINATION", "PERFORMANCE_EVENT", "RESOURCE_CONTENTION_EVENT")

    def no(self, status, text):
        return Answer(status, {"error": {"code": status, "message": text}})

    def ingest(self, request):
        body = request.json
        if missing(body, "title") or body.get("eventType") not in self.TYPES:
            return self.no(400, "Constraints violated.")
        if any(not isinstance(value, str) for value in body.get("properties", {}).values()):
            return self.no(400, "properties are texts")
        times = [body[name] for name in ("startTime", "endTime") if name in body]
        if any(time < 10**12 for time in times) or times != sorted(times):
            return self.no(400, "startTime and endTime are UTC milliseconds")
        if "podinfo" not in body.get("entitySelector", "podinfo"):
            return Answer(201, {"reportCount": 0, "eventIngestResults": []})
        self.make("event", body)
        return Answer(201, {"reportCount": 1, "eventIngestResults": [{"correlationId": f"c{next(self.ids)}", "status": "OK"}]})


class Pushgateway(Vendor):
    """It reads the text format as strictly as the real one, and keeps groups."""
    routes = (("PUT", "/metrics/job(.*)", "replace"), ("POST", "/metrics/job(.*)", "add"), ("DELETE", "/metrics/job(.*)", "delete"))
    SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? [-+.\dEeNaInf]+')

    def no(self, status, text):
        return Answer(status, text + "\n")

    @staticmethod
    def group(rest):
        """The labels that a path names, or None."""
        names = ("job" + rest).split("/")
        if len(names) % 2:
            return None
        labels = {}
        for name, value in zip(names[::2], names[1::2]):
            if name.endswith("@base64"):
                value = base64.urlsafe_b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)).decode()
            elif value == "":
                return None
            labels[name.removesuffix("@base64")] = value
        return labels if labels.get("job") else None

    def store(self, request, rest, add):
        labels = self.group(rest)
        text = request.raw.decode()
        if labels is None:
            return self.no(400, "job name is required")
        if not text.endswith("\n"):
            return self.no(400, "text format parsing error: unexpected end of input stream")
        metrics = {}
        for line in filter(lambda line: line and not line.startswith("#"), text.splitlines()):
            match = self.SAMPLE.fullmatch(line)
            if not match:
                return self.no(400, f"text format parsing error in line {line}")
            metrics.setdefault(match[1], []).append(line)
        known = self.one("group", labels=labels)
        if not known:
            known = self.make("group", {"labels": labels, "metrics": {}})
        known["metrics"] = {**(known["metrics"] if add else {}), **metrics}
        return Answer(200)

    def replace(self, request, rest):
        return self.store(request, rest, add=False)

    def add(self, request, rest):
        return self.store(request, rest, add=True)

    def delete(self, request, rest):
        labels = self.group(rest)
        if labels is None:
            return self.no(400, "job name is required")
        self.objects = [(kind, thing) for kind, thing in self.objects if kind != "group" or thing["labels"] != labels]
        if not self.one("deleted", labels=labels):
            self.make("deleted", {"labels": labels})
        return Answer(202)


class OpsLevel(Vendor):
    routes = (("POST", "/integrations/deploy/[^/]+", "deploy"),)

    def deploy(self, request):
        body = request.json
        lack = missing(body, "service", "deployer", "deployed_at", "description")
        if lack or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["deployed_at"]):
            return self.no(422, f"{lack or 'deployed_at'} is not valid")
        if "dedup_id" not in body or not self.one("deploy", dedup_id=body["dedup_id"]):
            self.make("deploy", body)
        return Answer(202, {"result": "ok"})


class Cortex(Vendor):
    """Its one entity is podinfo."""
    PATH = "/api/v1/catalog/([^/]+)/deploys"
    routes = (("POST", PATH, "create"), ("GET", PATH, "deploys"), ("PUT", PATH + "/([^/]+)", "change"))

    def wrong(self, entity, body):
        if entity != "podinfo":
            return self.no(404, "Entity not found")
        lack = missing(body, "title", "timestamp", "type")
        if lack or body["type"] not in ("DEPLOY", "SCALE", "ROLLBACK", "RESTART"):
            return self.no(400, f"{lack or 'type'} is not valid")
        return None

    def create(self, request, entity):
        wrong = self.wrong(entity, request.json)
        return wrong or Answer(200, self.make("deploy", {**request.json, "uuid": f"123e4567-e89b-12d3-a456-42661417{next(self.ids)}"}))

    def deploys(self, request, entity):
        if "page" not in request.query or not 1 <= int(request.query.get("pageSize", "0")) <= 1000:
            return self.no(400, "page and pageSize are required")
        found = self.all("deploy")
        return Answer(200, {"deployments": found, "page": 0, "total": len(found), "totalPages": 1})

    def change(self, request, entity, number):
        known = self.one("deploy", uuid=number)
        if not known:
            return self.no(404, "Deploy not found")
        known.update(request.json)
        return self.wrong(entity, known) or Answer(200, known)


class NewRelic(Vendor):
    """NerdGraph's change tracking; its one entity and its account are those of the cases."""
    routes = (("POST", "/graphql", "graphql"),)
    ENTITY = "MTIzNDU2fEFQTXxBUFBMSUNBVElPTnw3ODk"

    def no(self, status, text):
        return Answer(status, {"errors": [{"message": text}]})

    def graphql(self, request):
        body = request.json
        if "nrql(" in body["query"]:
            mark = re.search(r"LIKE '%(.*)%'", body["variables"]["nrql"])[1]
            found = [{"changeTrackingId": c["id"]} for c in self.all("change") if mark in c.get("description", "")]
            return Answer(200, {"data": {"actor": {"account": {"nrql": {"results": found[:1]}}}}})
        event = body["variables"].get("e", {})
        fields = event.get("categoryAndTypeData", {}).get("categoryFields", {}).get("deployment", {})
        if "changeTrackingCreateEvent" not in body["query"] or missing(fields, "version"):
            return self.no(200, 'Argument "changeTrackingEvent" has invalid value')
        if event.get("entitySearch", {}).get("query") != f"id = '{self.ENTITY}'":
            return Answer(200, {"data": {"changeTrackingCreateEvent": {"changeTrackingEvent": None, "messages": ["No entity found"]}}})
        made = self.make("change", {**event, "id": f"change-{next(self.ids)}"})
        return Answer(200, {"data": {"changeTrackingCreateEvent": {
            "changeTrackingEvent": {"changeTrackingId": made["id"], "timestamp": 1700000000000}, "messages": []}}})
