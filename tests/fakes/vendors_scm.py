"""Fakes of what keeps code and builds it: GitHub, GitLab, Jenkins (see vendors.py)."""

import json

from fake_wire import Answer
from vendors import Vendor, missing, stamp

PAGE = "https://github.example.com"
# What came between any two versions, the oldest first: a squash, a merge and a commit.
HISTORY = (("Pay in yen (#12)", "PROJ-2: the prices are rounded"),
           ("Merge {request} from acme/logo", "A new logo\n\nPROJ-3, PROJ-2"),
           ("Mend a <b>typo</b> for @all [x](http://e.example)", ""))


def history(base, request, end=""):
    """(sha, message) of each commit; from `many` there are more than a page has."""
    made = [("\n\n".join(filter(None, (title, text)))).replace("{request}", request) for title, text in HISTORY]
    made[1] += end
    many = [f"Change {n}" for n in range(150)] if base == "many" else []
    return [(f"{number:040x}", message) for number, message in enumerate(many + made, 1)]


def github_user():
    user = {name: f"{PAGE}/users/bot" for name in (
        "avatar_url", "events_url", "followers_url", "following_url", "gists_url", "html_url", "organizations_url",
        "received_events_url", "repos_url", "starred_url", "subscriptions_url", "url")}
    return {**user, "login": "bot", "id": 1, "node_id": "U_1", "gravatar_id": None, "type": "Bot", "site_admin": False}


def github_repository(name):
    links = ("archive assignees blobs branches collaborators comments commits compare contents contributors deployments "
             "downloads events forks git_commits git_refs git_tags hooks html issue_comment issue_events issues keys "
             "labels languages merges milestones notifications pulls releases stargazers statuses subscribers "
             "subscription tags teams trees").split()
    urls = {f"{link}_url": f"{PAGE}/{name}" for link in links}
    return {**urls, "url": f"{PAGE}/{name}", "id": 1, "node_id": "R_1", "name": name.split("/")[1], "full_name": name,
            "description": None, "fork": False, "private": False, "owner": github_user()}


class GitHub(Vendor):
    routes = (
        ("POST", r"/repos/([^/]+/[^/]+)/releases", "create_release"),
        ("GET", r"/repos/([^/]+/[^/]+)/releases/tags/([^/]+)", "release_of_tag"),
        ("PATCH", r"/repos/([^/]+/[^/]+)/releases/(\d+)", "edit_release"),
        ("GET", r"/repos/([^/]+/[^/]+)/compare/(.+)\.\.\.(.+)", "compare"),
        ("POST", r"/repos/([^/]+/[^/]+)/actions/workflows/([^/]+)/dispatches", "dispatch"),
        ("GET", r"/repos/([^/]+/[^/]+)/actions/workflows/([^/]+)/runs", "runs"),
        ("GET", r"/repos/([^/]+/[^/]+)/actions/runs/(\d+)", "run"),
        ("POST", r"/repos/([^/]+/[^/]+)/deployments", "create_deployment"),
        ("GET", r"/repos/([^/]+/[^/]+)/deployments", "deployments"),
        ("POST", r"/repos/([^/]+/[^/]+)/deployments/(\d+)/statuses", "deployment_status"),
        ("GET", r"/repos/([^/]+/[^/]+)/deployments/(\d+)/statuses", "deployment_statuses"),
        ("POST", r"/repos/([^/]+/[^/]+)/statuses/([0-9a-f]{40})", "status"),
        ("GET", r"/repos/([^/]+/[^/]+)/commits/([^/]+)/statuses", "statuses"),
        ("POST", r"/repos/([^/]+/[^/]+)/issues/(\d+)/comments", "comment"),
        ("GET", r"/repos/([^/]+/[^/]+)/issues/(\d+)/comments", "comments"),
        ("PATCH", r"/repos/([^/]+/[^/]+)/issues/comments/(\d+)", "edit_comment"),
    )
    DECLARED = ("version", "postlude_key")  # the inputs of its workflow

    def no(self, status, text, **more):
        return Answer(status, {"message": text, "documentation_url": "https://docs.github.com/rest", **more})

    def invalid(self, **error):
        return self.no(422, "Validation Failed", errors=[error])

    def handle(self, request):
        if not request.headers.get("user-agent"):
            return Answer(403, "Request forbidden by administrative rules.")
        return super().handle(request)

    # releases

    def create_release(self, request, repo):
        body = request.json
        if missing(body, "tag_name"):
            return self.invalid(resource="Release", code="missing_field", field="tag_name")
        if self.one("release", tag_name=body["tag_name"]):
            return self.invalid(resource="Release", code="already_exists", field="tag_name")
        number = next(self.ids)
        notes = "Changes" if body.get("generate_release_notes") else None
        return Answer(201, self.make("release", {
            "id": number, "node_id": f"RE_{number}", "tag_name": body["tag_name"],
            "target_commitish": body.get("target_commitish", "main"), "name": body.get("name"),
            "body": "\n".join(filter(None, (body.get("body"), notes))), "draft": False,
            "prerelease": bool(body.get("prerelease")), "author": github_user(), "assets": [],
            "created_at": stamp(), "published_at": stamp(), "tarball_url": None, "zipball_url": None,
            "url": f"{PAGE}/api/releases/{number}", "assets_url": f"{PAGE}/api/releases/{number}/assets",
            "upload_url": f"{PAGE}/upload/{number}", "html_url": f"{PAGE}/{repo}/releases/tag/{body['tag_name']}"}))

    def release_of_tag(self, request, repo, tag):
        release = self.one("release", tag_name=tag)
        return Answer(200, release) if release else self.no(404, "Not Found")

    def edit_release(self, request, repo, number):
        release = self.one("release", id=int(number))
        if not release:
            return self.no(404, "Not Found")
        release.update({name: request.json[name] for name in ("name", "body", "prerelease", "tag_name")
                        if name in request.json})
        return Answer(200, release)

    def compare(self, request, repo, base, head):
        if base == "none":
            return self.no(404, "Not Found")
        who = {"name": "Ann", "email": "ann@example.com", "date": stamp()}
        commits = [{"sha": sha, "node_id": f"C_{sha}", "url": f"{PAGE}/api/commits/{sha}", "author": None, "committer": None,
                    "html_url": f"{PAGE}/{repo}/commit/{sha}", "comments_url": f"{PAGE}/api/commits/{sha}/comments",
                    "parents": [], "commit": {
                        "url": f"{PAGE}/api/git/commits/{sha}", "author": who, "committer": who, "message": message,
                        "comment_count": 0, "tree": {"sha": sha, "url": f"{PAGE}/api/git/trees/{sha}"}}}
                   for sha, message in history(base, "pull request #13")]
        size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        url = f"{PAGE}/{repo}/compare/{base}...{head}"
        return Answer(200, {
            "url": url, "html_url": url, "permalink_url": url, "diff_url": url + ".diff", "patch_url": url + ".patch",
            "base_commit": commits[0], "merge_base_commit": commits[0], "status": "ahead", "ahead_by": len(commits),
            "behind_by": 0, "total_commits": len(commits), "commits": commits[(page - 1) * size:page * size], "files": []})

    # workflows

    def dispatch(self, request, repo, workflow):
        body = request.json
        if workflow == "none.yml":
            return self.no(404, "Not Found")
        if missing(body, "ref"):
            return self.no(422, "No ref found for: null")
        inputs = body.get("inputs") or {}
        for name in inputs:
            if name not in self.DECLARED:
                return self.no(422, f'Unexpected inputs provided: ["{name}"]')
        number = next(self.ids)
        self.make("run", {"id": number, "title": "release " + inputs.get("postlude_key", ""), "ref": body["ref"],
                          "result": "failure" if workflow == "red.yml" else "success", "looks": 0})
        if not body.get("return_run_details") or workflow == "old.yml":  # as older servers
            return Answer(204)
        return Answer(200, {"workflow_run_id": number, "run_url": f"{PAGE}/api/runs/{number}",
                            "html_url": f"{PAGE}/{repo}/actions/runs/{number}"})

    def show_run(self, run, repo):
        over = run["looks"] > 1
        urls = {f"{name}_url": f"{PAGE}/api/runs/{run['id']}/{name}" for name in (
            "jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow")}
        return {**urls, "id": run["id"], "node_id": f"WFR_{run['id']}", "head_branch": run["ref"], "run_number": 1,
                "display_title": run["title"], "event": "workflow_dispatch", "head_sha": "a" * 40,
                "status": "completed" if over else "in_progress", "conclusion": run["result"] if over else None,
                "path": ".github/workflows/release.yml", "workflow_id": 1, "url": f"{PAGE}/api/runs/{run['id']}",
                "html_url": f"{PAGE}/{repo}/actions/runs/{run['id']}", "created_at": stamp(), "updated_at": stamp(),
                "head_commit": None, "head_repository": github_repository(repo),
                "repository": github_repository(repo), "pull_requests": []}

    def runs(self, request, repo, workflow):
        found = [self.show_run(run, repo) for run in self.all("run")]
        return Answer(200, {"total_count": len(found), "workflow_runs": found})

    def run(self, request, repo, number):
        run = self.one("run", id=int(number))
        if not run:
            return self.no(404, "Not Found")
        run["looks"] += 1
        return Answer(200, self.show_run(run, repo))

    # deployments

    def create_deployment(self, request, repo):
        body = request.json
        if missing(body, "ref"):
            return self.invalid(resource="Deployment", code="missing_field", field="ref")
        if body.get("auto_merge", True):
            return Answer(202, {"message": "Auto-merged main into the ref on deployment."})
        if body.get("required_contexts") is None:
            return self.no(409, "Conflict: Commit status checks failed for the ref.")
        number = next(self.ids)
        url = f"{PAGE}/api/deployments/{number}"
        payload = body.get("payload", {})
        return Answer(201, self.make("deployment", {
            "id": number, "node_id": f"DE_{number}", "sha": "a" * 40, "ref": body["ref"], "task": body.get("task", "deploy"),
            "environment": body.get("environment", "production"), "payload": json.dumps(payload),
            "description": body.get("description"), "creator": github_user(), "created_at": stamp(),
            "updated_at": stamp(), "url": url, "statuses_url": url + "/statuses", "repository_url": f"{PAGE}/{repo}"}))

    def deployments(self, request, repo):
        wanted = {name: value for name, value in request.query.items() if name in ("ref", "task", "environment", "sha")}
        return Answer(200, list(reversed(self.all("deployment", **wanted))))

    def deployment_status(self, request, repo, number):
        if not self.one("deployment", id=int(number)):
            return self.no(404, "Not Found")
        if missing(request.json, "state"):
            return self.invalid(resource="DeploymentStatus", code="missing_field", field="state")
        own = next(self.ids)
        url = f"{PAGE}/api/deployments/{number}"
        return Answer(201, self.make("deployment status", {
            "id": own, "node_id": f"DS_{own}", "state": request.json["state"], "creator": github_user(),
            "description": request.json.get("description", ""), "target_url": request.json.get("log_url", ""),
            "log_url": request.json.get("log_url", ""), "environment_url": request.json.get("environment_url", ""),
            "deployment_url": url, "repository_url": f"{PAGE}/{repo}", "url": f"{url}/statuses/{own}",
            "created_at": stamp(), "updated_at": stamp()}))

    def deployment_statuses(self, request, repo, number):
        return Answer(200, list(reversed(self.all("deployment status"))))

    # statuses and comments

    def status(self, request, repo, sha):
        body = request.json
        if missing(body, "state"):
            return self.invalid(resource="Status", code="missing_field", field="state")
        number = next(self.ids)
        return Answer(201, self.make("status", {
            "id": number, "node_id": f"SC_{number}", "state": body["state"], "context": body.get("context", "default"),
            "description": body.get("description"), "target_url": body.get("target_url"), "avatar_url": None,
            "creator": github_user(), "created_at": stamp(), "updated_at": stamp(),
            "url": f"{PAGE}/api/{repo}/statuses/{sha}"}))

    def statuses(self, request, repo, ref):
        return Answer(200, list(reversed(self.all("status"))))

    def comment(self, request, repo, issue):
        if issue == "404":
            return self.no(404, "Not Found")
        if missing(request.json, "body"):
            return self.invalid(resource="IssueComment", code="missing_field", field="body")
        number = next(self.ids)
        return Answer(201, self.make("comment", {
            "id": number, "node_id": f"IC_{number}", "body": request.json["body"], "user": github_user(),
            "html_url": f"{PAGE}/{repo}/issues/{issue}#issuecomment-{number}", "url": f"{PAGE}/api/comments/{number}",
            "issue_url": f"{PAGE}/api/issues/{issue}", "created_at": stamp(), "updated_at": stamp(),
            "author_association": "MEMBER"}))

    def comments(self, request, repo, issue):
        return Answer(200, self.all("comment"))

    def edit_comment(self, request, repo, number):
        comment = self.one("comment", id=int(number))
        if not comment:
            return self.no(404, "Not Found")
        comment["body"] = request.json["body"]
        return Answer(200, comment)


class GitLab(Vendor):
    PROJECT = r"/api/v4/projects/([^/]+)"
    NOTES = PROJECT + r"/(merge_requests|issues)/(\d+)/notes"
    routes = (
        ("POST", PROJECT + "/pipeline", "create_pipeline"),
        ("GET", PROJECT + "/pipelines", "pipelines"),
        ("GET", PROJECT + r"/pipelines/(\d+)", "pipeline"),
        ("POST", PROJECT + "/releases", "create_release"),
        ("GET", PROJECT + "/releases/([^/]+)", "release"),
        ("PUT", PROJECT + "/releases/([^/]+)", "edit_release"),
        ("GET", PROJECT + "/repository/commits", "commits"),
        ("POST", PROJECT + "/deployments", "create_deployment"),
        ("GET", PROJECT + "/deployments", "deployments"),
        ("POST", NOTES, "create_note"),
        ("GET", NOTES, "notes"),
        ("PUT", NOTES + r"/(\d+)", "edit_note"),
    )

    def create_pipeline(self, request, project):
        body = request.json
        if missing(body, "ref"):
            return Answer(400, {"error": "ref is missing"})
        if body["ref"] == "empty":
            return Answer(400, {"message": {"base": ["Pipeline will not run for the selected trigger."]}})
        variables = {v["key"]: v["value"] for v in body.get("variables", [])}
        made = self.make("pipeline", {"id": next(self.ids), "ref": body["ref"], "looks": 0,
                                      "name": "postlude " + variables.get("POSTLUDE_KEY", "")})
        return Answer(201, self.show_pipeline(made))

    def show_pipeline(self, made):
        end = {"red": "failed", "gate": "manual"}.get(made["ref"], "success")
        return {"id": made["id"], "iid": 1, "ref": made["ref"], "sha": "a" * 40, "name": made["name"], "source": "api",
                "status": end if made["looks"] > 1 else "running", "web_url": f"{PAGE}/-/pipelines/{made['id']}"}

    def pipelines(self, request, project):
        return Answer(200, [self.show_pipeline(p) for p in self.all("pipeline", name=request.query.get("name"))])

    def pipeline(self, request, project, number):
        made = self.one("pipeline", id=int(number))
        if not made:
            return self.no(404, "404 Not found")
        made["looks"] += 1
        return Answer(200, self.show_pipeline(made))

    def create_release(self, request, project):
        body = request.json
        if missing(body, "tag_name"):
            return Answer(400, {"error": "tag_name is missing"})
        if self.one("release", tag_name=body["tag_name"]):
            return self.no(409, "Release already exists")
        return Answer(201, self.make("release", {
            "tag_name": body["tag_name"], "name": body.get("name"), "description": body.get("description"),
            "_links": {"self": f"{PAGE}/-/releases/{body['tag_name']}"}}))

    def release(self, request, project, tag):
        found = self.one("release", tag_name=tag)
        return Answer(200, found) if found else self.no(404, "404 Not Found")

    def edit_release(self, request, project, tag):
        found = self.one("release", tag_name=tag)
        if not found:
            return self.no(404, "404 Not Found")
        found.update({name: request.json[name] for name in ("name", "description") if name in request.json})
        return Answer(200, found)

    def commits(self, request, project):
        base = request.query.get("ref_name", "").split("..")[0]
        if base == "none":
            return self.no(404, "404 Repository Not Found")
        found = [{"id": sha, "short_id": sha[:8], "title": message.split("\n")[0], "message": message, "author_name": "Ann",
                  "created_at": stamp(), "web_url": f"{PAGE}/{project}/-/commit/{sha}"}
                 for sha, message in reversed(history(base, "branch 'logo'", "\n\nSee merge request acme/podinfo!13"))]
        size, page = int(request.query.get("per_page", 20)), int(request.query.get("page", 1))
        return Answer(200, found[(page - 1) * size:page * size])

    def create_deployment(self, request, project):
        lack = missing(request.json, "environment", "sha", "ref", "tag", "status")
        if lack:
            return Answer(400, {"error": f"{lack} is missing"})
        body = request.json
        return Answer(201, self.make("deployment", {
            "id": next(self.ids), "iid": 1, "sha": body["sha"], "ref": body["ref"], "status": body["status"],
            "environment": {"id": 1, "name": body["environment"]}, "created_at": stamp()}))

    def deployments(self, request, project):
        found = [d for d in self.all("deployment") if d["environment"]["name"] == request.query.get("environment")]
        return Answer(200, list(reversed(found))[:int(request.query.get("per_page", 20))])

    def create_note(self, request, project, on, number):
        if missing(request.json, "body"):
            return Answer(400, {"error": "body is missing"})
        return Answer(201, self.make("note", {"id": next(self.ids), "body": request.json["body"], "noteable_iid": int(number),
                                              "created_at": stamp(), "system": False}))

    def notes(self, request, project, on, number):
        return Answer(200, list(reversed(self.all("note"))))

    def edit_note(self, request, project, on, number, note):
        found = self.one("note", id=int(note))
        if not found:
            return self.no(404, "404 Not found")
        found["body"] = request.json["body"]
        return Answer(200, found)


class Jenkins(Vendor):
    """Its jobs: release/smoke declares VERSION and POSTLUDE_KEY, release/bare nothing; release/red is as smoke and fails,
    release/cancelled is cancelled in the queue. An item leaves the queue at the third look, and is forgotten at the fourth."""

    JOB = r"/((?:job/[^/]+/?)+)"
    routes = (
        ("GET", JOB + "/api/json", "job"),
        ("POST", JOB + "/(build|buildWithParameters)", "start"),
        ("GET", r"/queue/item/(\d+)/api/json", "item"),
        ("GET", "/queue/api/json", "queue"),
        ("GET", JOB + r"/(\d+)/api/json", "build"),
    )
    PARAMETERS = {"job/release/job/bare": []}

    def no(self, status, text):
        return Answer(status, f"<html>{text}</html>", {"Content-Type": "text/html"})

    def declared(self, job):
        return self.PARAMETERS.get(job, ["VERSION", "POSTLUDE_KEY"])

    def job(self, request, job):
        tree = request.query.get("tree", "")
        if tree.startswith("builds"):
            started = [b for b in self.all("build") if b["looks"] > 1]
            return Answer(200, {"builds": [{"number": b["id"], "queueId": b["id"] + 5000, "actions": self.actions(b)}
                                           for b in reversed(started)]})
        definitions = [{"name": name} for name in self.declared(job)]
        return Answer(200, {"buildable": True, "property": [{"parameterDefinitions": definitions}] if definitions else []})

    @staticmethod
    def actions(build):
        return [{"parameters": [{"name": name, "value": value} for name, value in build["parameters"].items()]}]

    def start(self, request, job, verb):
        known = self.declared(job)
        if bool(known) != (verb == "buildWithParameters"):
            return self.no(400, "Nothing is submitted")
        parameters = {name: value for name, value in getattr(request, "form", {}).items() if name in known}
        build = self.make("build", {"id": next(self.ids), "job": job, "parameters": parameters, "looks": 0})
        return Answer(201, None, {"Location": f"https://jenkins.example.com/queue/item/{build['id'] + 5000}/"})

    def item(self, request, number):
        build = self.one("build", id=int(number) - 5000)
        if not build or build["looks"] > 2:
            return self.no(404, "Not Found")
        build["looks"] += 1
        item = {"id": int(number), "why": "In the quiet period"}
        if build["job"].endswith("cancelled"):
            return Answer(200, {"id": int(number), "cancelled": True})
        if build["looks"] > 1:
            item = {"id": int(number), "executable": {"number": build["id"], "url": f"https://jenkins.example.com/{build['id']}/"}}
        return Answer(200, item)

    def queue(self, request):
        return Answer(200, {"items": [{"id": b["id"] + 5000, "actions": self.actions(b)} for b in self.all("build") if b["looks"] < 2]})

    def build(self, request, job, number):
        build = self.one("build", id=int(number))
        if not build:
            return self.no(404, "Not Found")
        build["looks"] += 1
        over = build["looks"] > 5
        return Answer(200, {"number": build["id"], "building": not over, "duration": 5000 if over else 0,
                            "url": f"https://jenkins.example.com/{job}/{number}/",
                            "result": ("FAILURE" if job.endswith("red") else "SUCCESS") if over else None})
