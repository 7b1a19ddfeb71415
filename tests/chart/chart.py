"""Rendering the chart: helm as a function, and its output as objects. For the check_*.py beside it."""
import os
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "config/helm/furrow"
SCENARIOS = ["trial", "production", "many-services"]
OLDEST, NEWEST = "1.30", "1.37"
NAMESPACE, RELEASE = "farm", "furrow"


class Helm:
    def __init__(self, tools):
        self.bin = pathlib.Path(tools) / "bin"
        home = pathlib.Path(tools) / "helm"
        self.env = dict(os.environ, HELM_CACHE_HOME=str(home / "cache"), HELM_CONFIG_HOME=str(home / "config"),
                        HELM_DATA_HOME=str(home / "data"), KUBECONFIG=os.devnull, NO_COLOR="1")

    def run(self, *arguments, **env):
        return subprocess.run([self.bin / "helm", *arguments], env={**self.env, **env}, capture_output=True, text=True, timeout=120)

    def values(self, scenario):
        return ["-f", str(CHART / f"ci/{scenario}-values.yaml")] if scenario else []

    def try_template(self, scenario, *arguments, kube=NEWEST, release=RELEASE, **env):
        return self.run("template", release, str(CHART), "-n", NAMESPACE, "--kube-version", kube, *self.values(scenario), *arguments, **env)

    def template(self, scenario, *arguments, **options):
        """The rendered text; what helm says when it fails is the error's text."""
        done = self.try_template(scenario, *arguments, **options)
        if done.returncode:
            raise AssertionError(f"helm template {scenario} {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def objects(self, scenario, *arguments, **options):
        return parse(self.template(scenario, *arguments, **options))


def parse(text):
    return [one for one in yaml.safe_load_all(text) if one]


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


def leaves(value, path=()):
    """Paths of values.yaml that are set to something other than a map."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, path + (key,))
    else:
        yield path


def undocumented(text):
    """Keys of values.yaml without a "# --" line: their own, or that of what contains them. What is in `services` is an example of `defaults`."""
    bad, documented, path, comment = [], {}, [], False
    for line in text.splitlines():
        if re.match(r"\s*#", line):
            comment = comment or bool(re.match(r"\s*# -- \S", line))
            continue
        key = re.match(r"( *)([A-Za-z0-9_./-]+):(.*)", line)
        if not key:
            comment = False
            continue
        depth = len(key[1]) // 2
        path = path[:depth] + [key[2]]
        documented[tuple(path)] = comment or documented.get(tuple(path[:-1]), False)
        if key[3].strip() and not documented[tuple(path)]:
            bad.append(".".join(path))
        comment = False
    return bad
