"""A real API server with its controllers, on free ports of the loopback interface, for the tests of Kubernetes.

`build` in lib/kube makes the programs once and keeps them in the user's cache; where they are not there, the tests are
skipped. There is no scheduler and no kubelet: a thread binds each pod to the one node and says that it runs (or has
ended, if a job made it), and a small server has the logs.
"""

import base64
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from daemon import free_port, wait_until

VERSION = "1.34.4"
PROGRAMS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / f"postlude-kube-{VERSION}"
TOKEN, LESSER = "admin-token-5b1f0c", "lesser-token-77aa10"
NODE = "node-1"
CONTROLLERS = "deployment-controller,replicaset-controller,job-controller,garbage-collector-controller,namespace-controller"


def missing():
    """Why there can be no cluster; None: there can."""
    lacking = [name for name in ("kube", "etcd") if not os.access(PROGRAMS / name, os.X_OK)]
    return f"no {' and no '.join(lacking)} in {PROGRAMS}; tests/lib/kube/build makes them" if lacking else None


def custom(plural, kind, group, version):
    """A definition of a kind that takes any fields."""
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
                     "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                         "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


class Kubelet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        image = self.server.images.get(self.path.split("/")[3], "")
        text = "checking\nHTTP 502 from podinfo\n" if "fails" in image else "checking\nall is well\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format, *args):
        pass


class Cluster:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.processes = []
        self.stopping = threading.Event()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    # -- life

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder, timeout=60)

    def certificates(self):
        """Of clients: their CA, and one client; and the key of service accounts. The server makes its own."""
        self.openssl("genrsa", "-out", "sa.key", "2048")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=clients", "-days", "2")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "client.key", "-out", "client.csr", "-subj", "/O=system:masters/CN=ann")
        self.openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "client.crt", "-days", "2")

    def run(self, name, *command):
        log = open(self.folder / f"{name}.log", "wb")
        self.processes.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                               stderr=log, cwd=self.folder, start_new_session=True))

    def start(self):
        self.certificates()
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n{LESSER},lesser,2\n")
        etcd, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self.run("etcd", PROGRAMS / "etcd", "--data-dir", "etcd", "--unsafe-no-fsync", "--listen-client-urls", etcd,
                 "--advertise-client-urls", etcd, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                 "--initial-cluster", "default=" + peers, "--log-level", "warn")
        self.run("apiserver", PROGRAMS / "kube", "kube-apiserver", "--etcd-servers=" + etcd, "--bind-address=127.0.0.1",
                 "--advertise-address=127.0.0.1", f"--secure-port={self.port}", "--cert-dir=certs",
                 "--token-auth-file=tokens.csv", "--client-ca-file=ca.crt", "--authorization-mode=RBAC",
                 "--service-account-issuer=https://cluster", "--service-account-key-file=sa.key",
                 "--service-account-signing-key-file=sa.key", "--service-cluster-ip-range=10.0.0.0/24",
                 "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount", "--profiling=false",
                 "--kubelet-preferred-address-types=InternalIP")
        wait_until(self.ready, 90, 0.2, "the API server")
        self.kubeconfig("admin.yaml", {"token": TOKEN})
        self.run("controllers", PROGRAMS / "kube", "kube-controller-manager", "--kubeconfig=admin.yaml", "--bind-address=127.0.0.1",
                 f"--secure-port={free_port()}", "--cert-dir=certs-controllers", "--leader-elect=false",
                 "--controllers=" + CONTROLLERS, "--authentication-skip-lookup=true")
        self.stand_in()

    def ready(self):
        assert all(process.poll() is None for process in self.processes), self.logs()
        try:
            return self.call("GET", "/readyz", raw=True) == b"ok"
        except (OSError, urllib.error.URLError):
            return False

    def logs(self):
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace")[-2000:] for name in ("etcd", "apiserver"))

    def stop(self):
        self.stopping.set()
        for process in reversed(self.processes):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait(10)
        if getattr(self, "kubelet", None):
            self.kubelet.shutdown()
            self.kubelet.server_close()

    # -- what stands in for nodes

    def stand_in(self):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "node.key", "-out", "node.crt", "-subj", "/CN=" + NODE, "-days", "2")
        self.kubelet = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
        self.kubelet.images = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "node.crt", self.folder / "node.key")
        self.kubelet.socket = context.wrap_socket(self.kubelet.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.kubelet.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        self.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet.server_address[1]}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Test"}]}})
        threading.Thread(target=self.let_pods_run, daemon=True).start()

    def let_pods_run(self):
        while not self.stopping.wait(0.1):
            try:
                for pod in self.call("GET", "/api/v1/pods")["items"]:
                    self.let_run(pod)
            except (OSError, ValueError):  # somebody else changed or deleted it, or this is the end
                continue

    def let_run(self, pod):
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        image = pod["spec"]["containers"][0]["image"]
        self.kubelet.images[pod["metadata"]["name"]] = image
        if pod["metadata"].get("deletionTimestamp"):
            self.call("DELETE", path + "?gracePeriodSeconds=0")
        elif "nodeName" not in pod["spec"]:
            self.call("POST", path + "/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]},
                                                  "target": {"apiVersion": "v1", "kind": "Node", "name": NODE}})
        elif pod["status"]["phase"] == "Pending" and "never" not in image:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            job = any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))
            phase = ("Failed" if "fails" in image else "Succeeded") if job else "Running"
            self.call("PATCH", path + "/status", {"status": {"phase": phase, "startTime": now, "conditions": [
                {"type": kind, "status": "False" if job else "True", "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]}})

    # -- what tests ask and say

    def call(self, method, path, body=None, raw=False, kind=None, token=TOKEN):
        kind = kind or ("application/strategic-merge-patch+json" if method == "PATCH" else "application/json")
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Bearer " + token, "Content-Type": kind})
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            data = answer.read()
        return data if raw else json.loads(data)

    def define(self, *definitions):
        """Kinds of their own, and waits until they are served."""
        for definition in definitions:
            self.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        for definition in definitions:
            spec = definition["spec"]
            path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
            wait_until(lambda path=path, spec=spec: self.serves(path, spec["names"]["plural"]), 30, 0.1, path)

    def serves(self, path, plural):
        try:
            return any(entry["name"] == plural for entry in self.call("GET", path)["resources"])
        except urllib.error.HTTPError:
            return False

    def certificate(self):
        return self.folder / "certs" / "apiserver.crt"

    def kubeconfig(self, name, user, **cluster):
        """Writes one with a single context; its path."""
        authority = base64.b64encode(self.certificate().read_bytes()).decode()
        cluster = cluster or {"certificate-authority-data": authority}
        path = self.folder / name
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
        return path
