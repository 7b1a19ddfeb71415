"""Passwords and keys of a trial are made once, and a service that gets an autoscaler has as many pods as before: an upgrade finds them in the cluster.
The cluster here is an API server of a few lines, which knows Secrets and Deployments and nothing else; helm's own `lookup` asks it.
"""
import http.server
import json
import tempfile
import threading

import yaml

import chart
from chart import NAMESPACE, RELEASE, check, find


class Cluster(http.server.ThreadingHTTPServer):
    """with Cluster(secrets, deployments) as cluster: cluster.kubeconfig …; `asked` has the names of all that was asked for."""

    def __init__(self, secrets, deployments=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = set()
        self.paths = {f"/api/v1/namespaces/{NAMESPACE}/secrets/": secrets,
                      f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/": {one["metadata"]["name"]: one for one in deployments}}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.kubeconfig = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        named = {"clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}], "users": [{"name": "u", "user": {}}],
                 "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x", **named}, self.kubeconfig)
        self.kubeconfig.flush()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.kubeconfig.close()


def resources(kinds):
    """Discovery: what a cluster says of the kinds it knows."""
    return [{"name": f"{kind.lower()}s", "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get", "list"]} for kind in kinds]


GROUPS = {"apps/v1": ["Deployment", "StatefulSet"], "batch/v1": ["Job"], "policy/v1": ["PodDisruptionBudget"], "networking.k8s.io/v1": ["NetworkPolicy"],
          "autoscaling/v2": ["HorizontalPodAutoscaler"]}
CORE = ["Secret", "ConfigMap", "Service", "Pod"]
KNOWN = {
    "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources(CORE)},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
        {"name": name, "versions": [{"groupVersion": f"{name}/{version}", "version": version}], "preferredVersion": {"groupVersion": f"{name}/{version}", "version": version}}
        for name, version in (group.split("/") for group in GROUPS)]},
    **{f"/apis/{group}": {"kind": "APIResourceList", "groupVersion": group, "resources": resources(kinds)} for group, kinds in GROUPS.items()},
}
MISSING = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        answer = KNOWN.get(path)
        for folder, there in self.server.paths.items():
            if path.startswith(folder):
                self.server.asked.add(path[len(folder):])
                answer = there.get(path[len(folder):])
        body = json.dumps(answer or MISSING).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: what helm asks for is in the server's `asked`."""


def render(helm, cluster, *arguments):
    return helm.objects("trial", "--dry-run=server", "--disable-openapi-validation", *arguments, KUBECONFIG=cluster.kubeconfig.name)


def installed(secret):
    """With what helm adds to what it installs."""
    secret["metadata"].setdefault("annotations", {}).update({"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": NAMESPACE})
    return secret


def main(tools, _build):
    helm = chart.Helm(tools)
    names = [f"{RELEASE}-trial", f"{RELEASE}-trial-seal"]
    with Cluster({}) as empty:
        first = {name: find(render(helm, empty), "Secret", name) for name in names}
        other = {name: find(render(helm, empty), "Secret", name) for name in names}
    check("helm looked for what is there", set(names) <= empty.asked, empty.asked)
    check("without anything there, each rendering makes its own", all(first[name]["data"][key] != other[name]["data"][key]
                                                                     for name in names for key in first[name]["data"]))
    with Cluster({name: installed(secret) for name, secret in first.items()}) as cluster:
        again = {name: find(render(helm, cluster), "Secret", name) for name in names}
        check("an upgrade keeps every password and key", all(again[name]["data"] == first[name]["data"] for name in names))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(chart.permissions_with("picking"), file)
            file.flush()
            more = find(render(helm, cluster, "--set-file", f"trial.permissions={file.name}", "--set", "services.picking.replicas=1"), "Secret", names[0])["data"]
        old = first[names[0]]["data"]
        check("a new user gets a password, and the others keep theirs", {"picking.nats", "picking.log.nats", "picking.redis"} <= more.keys() and
              all(more[key] == old[key] for key in old if key != "users.acl") and more["users.acl"] != old["users.acl"])
    name, scaled = f"{RELEASE}-job", ["--set", "services.job.autoscaling.enabled=true"]
    with Cluster({}) as empty:
        before = find(render(helm, empty), "Deployment", name)
        check("an autoscaler decides how many pods a new service has", "replicas" not in find(render(helm, empty, *scaled), "Deployment", name)["spec"])
    for pods in 0, 5:
        before["spec"]["replicas"] = pods
        with Cluster({}, [installed(before)]) as cluster:
            after = find(render(helm, cluster, *scaled), "Deployment", name)
            check(f"turning autoscaling on keeps the number of pods, {pods}", after["spec"].get("replicas") == pods, after["spec"].get("replicas"))
