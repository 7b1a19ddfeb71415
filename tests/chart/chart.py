"""Rendering the chart: helm as a function, and its output as objects. For the check_*.py beside it, which share `check`."""
import json
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "config/helm/furrow"
sys.path.insert(0, str(ROOT / "tests/support"))

from mesh import Checks  # noqa: E402

check = Checks()
SCENARIOS = ["trial", "production", "many-services"]
OLDEST, NEWEST = "1.30", "1.37"
NAMESPACE, RELEASE = "farm", "furrow"


class Helm:
    def __init__(self, tools, program="helm"):
        self.bin = pathlib.Path(tools) / "bin"
        self.program = self.bin / program
        home = pathlib.Path(tools) / "helm"
        self.env = dict(os.environ, HELM_CACHE_HOME=str(home / "cache"), HELM_CONFIG_HOME=str(home / "config"),
                        HELM_DATA_HOME=str(home / "data"), KUBECONFIG=os.devnull, NO_COLOR="1")

    def run(self, *arguments, **env):
        return subprocess.run([self.program, *arguments], env={**self.env, **env}, capture_output=True, text=True, timeout=120)

    def values(self, scenario):
        return ["-f", str(CHART / f"ci/{scenario}-values.yaml")] if scenario else []

    def try_template(self, scenario, *arguments, kube=NEWEST, release=RELEASE, chart=CHART, **env):
        return self.run("template", release, str(chart), "-n", NAMESPACE, "--kube-version", kube, *self.values(scenario), *arguments, **env)

    def template(self, scenario, *arguments, **options):
        """The rendered text; what helm says when it fails is the error's text."""
        done = self.try_template(scenario, *arguments, **options)
        if done.returncode:
            raise AssertionError(f"helm template {scenario} {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def objects(self, scenario, *arguments, **options):
        return parse(self.template(scenario, *arguments, **options))


def permissions_with(service):
    """What `furrow permissions` would print if there were one more service, with no rights at all."""
    permissions = json.loads((CHART / "files/permissions.json").read_text())
    permissions["accounts"]["MESH"]["users"].append({"name": service, "permissions": {}})
    permissions["accounts"][service] = {"jetstream": "enabled", "users": [{"name": f"{service}.log", "permissions": {}}], "exports": [], "imports": []}
    permissions["redis"][service] = f"~{service}:* +get"
    return permissions


class Loader(yaml.SafeLoader):
    """As the API server reads: a key twice in one map is an error."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{twice} twice in one map, {node.start_mark}"
        return super().construct_mapping(node, deep)


def parse(text):
    return [one for one in yaml.load_all(text, Loader) if one]


def find(objects, kind, name):
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {len(found)} of them"
    return found[0]


def pod_of(thing):
    """The pod (metadata and spec) that an object is or makes; None for others."""
    if thing["kind"] == "Pod":
        return thing
    return thing["spec"].get("template") if isinstance(thing.get("spec"), dict) else None


def pods(objects):
    return [(one, pod_of(one)) for one in objects if pod_of(one)]


def containers(pod):
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def component(thing):
    return thing["metadata"]["labels"]["app.kubernetes.io/component"]


def selects(selector, labels):
    """Kubernetes' label selector, with the operators that the chart uses."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        if (labels.get(rule["key"]) in rule["values"]) != {"In": True, "NotIn": False}[rule["operator"]]:
            return False
    return True
