"""The connector kubernetes against a real API server, by each way to its credentials (tests/lib/cluster.py)."""

import json
import os
import re

import cluster as clusters
import pytest
import yaml
from daemon import Daemon, flagger_body, wait_until

pytestmark = [pytest.mark.xdist_group("cluster"),
              pytest.mark.skipif(clusters.missing() is not None, reason=str(clusters.missing()))]
NAMESPACE = "prod-shop"
CANARY = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "podinfo", "namespace": NAMESPACE},
          "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}, "service": {"port": 80}}}


def deployment(name, image="podinfo:1", **metadata):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE, **metadata},
            "spec": {"replicas": 2, "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": image}]}}}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = clusters.Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.define(clusters.custom("canaries", "Canary", "flagger.app", "v1beta1"),
                    clusters.custom("virtualservices", "VirtualService", "networking.istio.io", "v1"))
        made.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        made.canary = made.call("POST", f"/apis/flagger.app/v1beta1/namespaces/{NAMESPACE}/canaries", CANARY)
        yield made
    finally:
        made.stop()


class Runs:
    """A daemon with one workflow; `run` releases, and yields the run."""

    def __init__(self, cluster, folder, steps, auth=None, environment=None):
        auth = auth or {"kubeconfig": str(cluster.folder / "admin.yaml")}
        target = {"connector": "kubernetes", "auth": auth}
        if "bearer" in auth:
            target.update(url=cluster.url, tls={"ca": str(cluster.certificate())})
        self.cluster = cluster
        self.daemon = Daemon(folder, yaml.safe_dump({
            "sources": {"flagger": {"type": "flagger", "auth": "none"}}, "targets": {"k": target},
            "workflows": {"w": {"on": {"source": "flagger"}, "steps": [{"retry": {"for": "20s"}, **one} for one in steps]}}}),
            environment={"no_proxy": "*", **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.daemon.kill()

    def run(self, checksum="7774c75db4"):
        event = self.daemon.post("/hooks/flagger/post-rollout", flagger_body(checksum=checksum)).json["event"]
        wait_until(lambda: any(run["state"] in ("succeeded", "failed") for run in self.daemon.runs_of(event)), 60, 0.1, "the run")
        return self.daemon.api("runs/" + self.daemon.runs_of(event)[0]["id"])


def step(run, number=0):
    found = run["steps"][number]
    return found["state"], found["reason"], found["outputs"]


def apply(thing, **more):
    return {"uses": "k/apply", "with": {"object": thing, **more}}


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


GET = {"uses": "k/get", "with": {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo"}}


def test_objects_are_applied_and_read(cluster, tmp_path):
    steps = [apply(config_map("notes", release="${{ .event.checksum }}")),
             {"id": "read", "uses": "k/get", "with": {"apiVersion": "v1", "kind": "ConfigMap", "name": "notes"}},
             {"id": "all", "uses": "k/list", "with": {"apiVersion": "v1", "kind": "ConfigMap", "fields": "metadata.name=notes"}},
             {"id": "virtual", **apply({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                                        "metadata": {"name": "docs"}, "spec": {"hosts": ["docs.example.com"]}})}]
    with Runs(cluster, tmp_path / "d", steps) as runs:
        run = runs.run()
        assert [s["state"] for s in run["steps"]] == ["succeeded"] * 4, run["steps"]
        assert run["steps"][0]["outputs"]["changed"] is True
        assert run["steps"][1]["outputs"]["object"]["data"] == {"release": "7774c75db4"}
        assert "managedFields" not in json.dumps(run["steps"][1]["outputs"])
        assert [item["metadata"]["name"] for item in run["steps"][2]["outputs"]["items"]] == ["notes"]
        again = runs.daemon.cli("runs", "replay", run["id"], check=0)
        other, = set(re.findall(r"run_\w+", again.stdout)) - {run["id"]}
        wait_until(lambda: runs.daemon.api("runs/" + other)["state"] == "succeeded", 30)
        assert runs.daemon.api("runs/" + other)["steps"][0]["outputs"]["changed"] is False
    made = cluster.call("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/notes")
    assert [entry["manager"] for entry in made["metadata"]["managedFields"]] == ["postlude"]


def test_a_field_of_another_manager_is_named_and_taken_by_force(cluster, tmp_path):
    cluster.call("PATCH", f"/api/v1/namespaces/{NAMESPACE}/configmaps/taken?fieldManager=helm",
                 {**config_map("taken", mode="old")}, kind="application/apply-patch+yaml")
    with Runs(cluster, tmp_path / "d", [apply(config_map("taken", mode="new"))]) as runs:
        state, reason, _ = step(runs.run())
        assert state == "failed" and "helm" in reason and ".data.mode" in reason and "force: true" in reason
    with Runs(cluster, tmp_path / "e", [apply(config_map("taken", mode="new"), force=True)]) as runs:
        assert step(runs.run())[0] == "succeeded"
    assert cluster.call("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/taken")["data"] == {"mode": "new"}


def test_what_flagger_owns_is_left_alone(cluster, tmp_path):
    owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo",
             "uid": cluster.canary["metadata"]["uid"], "controller": True}
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    cluster.call("POST", path, deployment("podinfo-primary", ownerReferences=[owner]))
    labelled = config_map("generated", a="b")
    labelled["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "flagger"}
    cluster.call("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", labelled)
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "podinfo-primary"}, "spec": {"replicas": 3}}
    claimed = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "podinfo"}, "spec": {}}
    patched = {"uses": "k/patch", "with": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary",
                                           "merge": {"spec": {"replicas": 3}}}}
    cases = [(apply(scaled, force=True), "the Canary podinfo"), (apply(claimed), "the Canary podinfo"), (patched, "the Canary podinfo"),
             (apply(config_map("generated", a="c")), "app.kubernetes.io/managed-by")]
    for number, (one, owned) in enumerate(cases):
        with Runs(cluster, tmp_path / str(number), [one]) as runs:
            state, reason, _ = step(runs.run())
            assert state == "failed" and owned in reason and "allowFlaggerOwned: true" in reason, reason
    assert cluster.call("GET", path + "/podinfo-primary")["spec"]["replicas"] == 2
    with Runs(cluster, tmp_path / "allowed", [apply(scaled, force=True, allowFlaggerOwned=True)]) as runs:
        assert step(runs.run())[0] == "succeeded"
    assert cluster.call("GET", path + "/podinfo-primary")["spec"]["replicas"] == 3


def test_a_patch_is_made_where_its_test_holds(cluster, tmp_path):
    cluster.call("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", config_map("flags", mode="a", keep="x"))

    def patch(**how):
        return {"uses": "k/patch", "with": {"apiVersion": "v1", "kind": "ConfigMap", "name": "flags", **how}}
    change = [{"op": "test", "path": "/data/mode", "value": "a"}, {"op": "replace", "path": "/data/mode", "value": "b"}]
    steps = [{"id": "json", **patch(json=change)}, {"id": "again", **patch(json=change)},
             {"id": "merge", **patch(merge={"data": {"keep": None, "new": "1"}})},
             {"id": "wrong", **patch(json=[{"op": "test", "path": "/data/mode", "value": "z"}, {"op": "remove", "path": "/data/mode"}])}]
    with Runs(cluster, tmp_path / "d", steps) as runs:
        run = runs.run()
        assert [s["state"] for s in run["steps"]] == ["succeeded", "succeeded", "succeeded", "failed"], run["steps"]
        assert [s["outputs"]["changed"] for s in run["steps"][:3]] == [True, False, True]
        assert "`test` of the patch does not hold" in run["steps"][3]["reason"]
    assert cluster.call("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/flags")["data"] == {"mode": "b", "new": "1"}


def test_a_job_is_made_once_and_its_log_is_put_out(cluster, tmp_path):
    wait = {"wait": {"every": "1s", "timeout": "60s"}}
    steps = [{"id": "good", "uses": "k/job", "with": {"name": "smoke", "image": "smoke:1", "args": ["a"], "env": {"N": 1}}, **wait},
             {"id": "bad", "uses": "k/job", "with": {"name": "red", "image": "fails:1"}, **wait}]
    with Runs(cluster, tmp_path / "d", steps) as runs:
        run = runs.run()
        state, _, outputs = step(run)
        assert state == "succeeded" and outputs["log"] == "checking\nall is well\n" and outputs["succeeded"] == 1, run["steps"]
        state, reason, _ = step(run, 1)
        assert state == "failed" and "BackoffLimitExceeded" in reason and "HTTP 502 from podinfo" in reason
        runs.daemon.cli("runs", "retry", run["id"], check=0)
        wait_until(lambda: len(runs.daemon.api("runs/" + run["id"])["steps"][1]["attempts"]) > len(run["steps"][1]["attempts"]) and
                   runs.daemon.api("runs/" + run["id"])["state"] == "failed", 30)
    jobs = cluster.call("GET", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")["items"]
    assert sorted(job["metadata"]["name"].split("-")[0] for job in jobs) == ["red", "smoke"]


def test_a_restart_waits_for_new_pods_and_is_made_once(cluster, tmp_path):
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    cluster.call("POST", path, deployment("worker"))
    wait_until(lambda: cluster.call("GET", path + "/worker")["status"].get("availableReplicas") == 2, 30)
    with Runs(cluster, tmp_path / "d", [{"uses": "k/restart", "with": {"name": "worker"}, "wait": {"every": "1s"}}]) as runs:
        run = runs.run()
        assert step(run)[0] == "succeeded", run["steps"]
        after = cluster.call("GET", path + "/worker")
        assert after["metadata"]["generation"] == 2 and after["status"]["updatedReplicas"] == 2
        again = runs.daemon.cli("runs", "replay", run["id"], check=0)
        other, = set(re.findall(r"run_\w+", again.stdout)) - {run["id"]}
        wait_until(lambda: runs.daemon.api("runs/" + other)["state"] == "succeeded", 30)
    assert cluster.call("GET", path + "/worker")["metadata"]["generation"] == 2


def test_an_event_is_about_the_canary(cluster, tmp_path):
    with Runs(cluster, tmp_path / "d", [{"uses": "k/event", "with": {"reason": "Released", "note": "podinfo is live"}}]) as runs:
        assert step(runs.run())[0] == "succeeded"
    events = cluster.call("GET", f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events")["items"]
    mine = [event for event in events if event["reportingController"] == "postlude"]
    assert [event["note"] for event in mine] == ["podinfo is live"]
    assert mine[0]["regarding"]["uid"] == cluster.canary["metadata"]["uid"]


def test_without_the_right_the_reason_says_which(cluster, tmp_path):
    auth = {"kubeconfig": str(cluster.kubeconfig("lesser.yaml", {"token": clusters.LESSER}))}
    with Runs(cluster, tmp_path / "d", [GET], auth) as runs:
        state, reason, _ = step(runs.run())
        assert state == "failed" and 'User "lesser" cannot get resource "canaries"' in reason and "Role" in reason


def plugin(cluster, token, expires):
    """A credential plugin that counts its calls."""
    path = cluster.folder / f"plugin-{os.urandom(4).hex()}"
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
              "status": {"token": token, "expirationTimestamp": expires}}
    path.write_text(f"#!/bin/sh\necho called >> {path}.calls\necho '{json.dumps(answer)}'\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize("way", ["inCluster", "bearer", "token", "tokenFile", "certificate", "plugin"])
def test_credentials(cluster, tmp_path, way):
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text(clusters.TOKEN + "\n")
    (account / "ca.crt").write_bytes(cluster.certificate().read_bytes())
    called = plugin(cluster, clusters.TOKEN, "2999-01-01T00:00:00Z")
    auth = {
        "inCluster": lambda: {"inCluster": True, "folder": str(account)},
        "bearer": lambda: {"bearer": {"file": str(account / "token")}},
        "token": lambda: {"kubeconfig": str(cluster.kubeconfig("a.yaml", {"token": clusters.TOKEN})), "context": "test"},
        "tokenFile": lambda: {"kubeconfig": str(cluster.kubeconfig("b.yaml", {"tokenFile": str(account / "token")}))},
        "certificate": lambda: {"kubeconfig": str(cluster.kubeconfig("c.yaml", {"client-certificate": "client.crt", "client-key": "client.key"}))},
        "plugin": lambda: {"kubeconfig": str(cluster.kubeconfig("d.yaml", {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": str(called)}}))},
    }[way]()
    around = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)}
    with Runs(cluster, tmp_path / "d", [GET, {"id": "again", **GET}], auth, around) as runs:
        run = runs.run()
        assert [s["state"] for s in run["steps"]] == ["succeeded"] * 2, run["steps"]
        if way in ("inCluster", "tokenFile"):  # it is rotated
            (account / "token").write_text("nobody-knows-this-token\n")
            state, reason, _ = step(runs.run("7774c75db5"))
            assert state == "failed" and "does not accept the target's credentials" in reason
            (account / "token").write_text(clusters.TOKEN + "\n")
            assert step(runs.run("7774c75db6"))[0] == "succeeded"
        shown = json.dumps(runs.daemon.api("runs/" + run["id"])) + runs.daemon.log()
        assert clusters.TOKEN not in shown
    if way == "plugin":
        assert open(f"{called}.calls").read() == "called\n"


def test_a_certificate_of_somebody_else_is_not_taken(cluster, tmp_path):
    (cluster.folder / "other.crt").write_bytes((cluster.folder / "ca.crt").read_bytes())
    path = cluster.kubeconfig("e.yaml", {"token": clusters.TOKEN}, **{"certificate-authority": "other.crt"})
    with Runs(cluster, tmp_path / "d", [{**GET, "retry": {"attempts": 1}}], {"kubeconfig": str(path)}) as runs:
        state, reason, _ = step(runs.run())
        assert state == "failed" and "certificate" in reason, reason
    path = cluster.kubeconfig("f.yaml", {"token": clusters.TOKEN}, **{"insecure-skip-tls-verify": True})
    with Runs(cluster, tmp_path / "e", [GET], {"kubeconfig": str(path)}) as runs:
        state, reason, _ = step(runs.run())
        assert state == "failed" and "`insecure: true`" in reason
    with Runs(cluster, tmp_path / "f", [GET], {"kubeconfig": str(path), "insecure": True}) as runs:
        assert step(runs.run())[0] == "succeeded"
