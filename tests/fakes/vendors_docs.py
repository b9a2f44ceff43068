"""Fakes of what writes things down: Backstage, Confluence, Port, Sentry, ServiceNow (see vendors.py)."""

from fake_wire import Answer
from vendors import Vendor, missing, stamp


class Backstage(Vendor):
    """How often it was asked to refresh is no matter: it counts entities."""

    routes = (("POST", "/api/catalog/refresh", "refresh"),)

    def no(self, status, text):
        return Answer(status, {"error": {"name": "AuthenticationError", "message": text}})

    def refresh(self, request):
        reference = (request.json or {}).get("entityRef")
        if not reference:
            return self.no(400, "entityRef is missing")
        if not self.one("entity", ref=reference):
            self.make("entity", {"ref": reference})
        return Answer(200)


class Confluence(Vendor):
    """Cloud and Data Center."""

    routes = (("GET", "/wiki/api/v2/pages", "find"), ("POST", "/wiki/api/v2/pages", "create"),
              ("PUT", r"/wiki/api/v2/pages/(\d+)", "edit"), ("GET", "/rest/api/content", "find"),
              ("POST", "/rest/api/content", "create"), ("PUT", r"/rest/api/content/(\d+)", "edit"))

    def no(self, status, text):
        return Answer(status, {"errors": [{"status": status, "code": "BAD_REQUEST", "title": text, "detail": None}]})

    def find(self, request):
        found = self.all("page", space=request.query.get("space-id") or request.query.get("spaceKey"),
                         title=request.query.get("title"))
        return Answer(200, {"results": found, "_links": {}})

    @staticmethod
    def text_of(body):
        return (body.get("storage") or body).get("value")

    def create(self, request):
        body = request.json
        space = body.get("spaceId") or body.get("space", {}).get("key")
        if missing(body, "title", "body") or not space or not self.text_of(body["body"]):
            return self.no(400, "spaceId, title and body are needed")
        if self.one("page", space=space, title=body["title"]):
            return self.no(400, "A page with this title already exists: A page already exists with the same TITLE in this space")
        number = str(next(self.ids))
        return Answer(200, self.make("page", {
            "id": number, "space": space, "title": body["title"], "status": "current", "value": self.text_of(body["body"]),
            "version": {"number": 1, "message": "", "createdAt": stamp()}, "_links": {"webui": f"/spaces/{space}/pages/{number}"}}))

    def edit(self, request, number):
        page, body = self.one("page", id=number), request.json
        if not page:
            return self.no(404, "Not Found")
        if body["version"]["number"] != page["version"]["number"] + 1:
            return self.no(409, "Version must be incremented on update.")
        page.update(title=body["title"], value=self.text_of(body["body"]), version={**page["version"], **body["version"]})
        return Answer(200, page)


class Port(Vendor):
    routes = (("POST", r"/v1/blueprints/([^/]+)/entities", "upsert"),)

    def no(self, status, text):
        return Answer(status, {"ok": False, "error": "unauthorized", "message": text})

    def upsert(self, request, blueprint):
        body = request.json
        if missing(body, "identifier"):
            return Answer(422, {"ok": False, "error": "invalid_request", "message": "body must have an identifier"})
        known = self.one("entity", identifier=body["identifier"])
        if known and request.query.get("upsert") != "true":
            return Answer(409, {"ok": False, "error": "identifier_taken", "message": "there is one"})
        entity = known or self.make("entity", {"identifier": body["identifier"]})
        entity.update(body)
        return Answer(201, {"ok": True, "entity": entity})


class Sentry(Vendor):
    routes = (("POST", r"/api/0/organizations/([^/]+)/releases/", "create"),)

    def no(self, status, text):
        return Answer(status, {"detail": text})

    def create(self, request, organization):
        body = request.json
        if missing(body, "version", "projects"):
            return Answer(400, {"projects": ["This field is required."]})
        known = self.one("release", version=body["version"])
        release = known or self.make("release", {
            "id": next(self.ids), "version": body["version"], "shortVersion": body["version"], "status": "open", "authors": [],
            "commitCount": 0, "data": {}, "deployCount": 0, "newGroups": 0, "projects": [], "versionInfo": None,
            "dateCreated": stamp(), "dateReleased": body.get("dateReleased")})
        return Answer(208 if known else 201, release)


class ServiceNow(Vendor):
    TABLE = "/api/now/table/change_request"
    routes = (("POST", TABLE, "create"), ("GET", TABLE, "find"), ("PATCH", TABLE + "/([^/]+)", "edit"))

    def no(self, status, text):
        return Answer(status, {"error": {"message": text, "detail": ""}, "status": "failure"})

    def create(self, request):
        number = next(self.ids)
        return Answer(201, {"result": self.make("change", {"sys_id": f"{number:032x}", "number": f"CHG{number}", **request.json})})

    def find(self, request):
        name, _, value = request.query.get("sysparm_query", "").partition("=")
        found = self.all("change", **{name: value}) if name == "correlation_id" else self.all("change")
        return Answer(200, {"result": found[:int(request.query.get("sysparm_limit", 100))]})

    def edit(self, request, number):
        change = self.one("change", sys_id=number)
        if not change:
            return self.no(404, "No Record found")
        change.update(request.json)
        return Answer(200, {"result": change})
