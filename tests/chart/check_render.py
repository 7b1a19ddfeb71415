"""What the chart renders, judged without a cluster: by helm, by the schemas of the oldest and newest Kubernetes, by linters, by Pod Security's
own evaluator, and by what the chart promises.

    check_render.py TOOLS BUILD
"""
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

import chart
from chart import CHART, NEWEST, OLDEST, SCENARIOS, component, containers, find, pods, selects

sys.path.insert(0, str(chart.ROOT / "tests/support"))
from mesh import SERVICES, Checks  # noqa: E402

# Each with its reason: what kube-score would have and the chart would rather not.
SCORE_IGNORED = [
    "container-ephemeral-storage-request-and-limit",  # nothing is written but logs, and a limit on those evicts a service that complains
    "container-image-pull-policy",                    # a fixed tag or digest need not be pulled again
    "deployment-has-host-podantiaffinity",            # topology spread does it
]
# The same for kube-linter.
LINTER_EXCLUDED = [
    "no-anti-affinity",        # topology spread does it
    "unset-cpu-requirements",  # it wants a limit too, which would throttle the service's one thread while the node idles
]
check = Checks()


def pipe(command, text):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


def check_lint(helm):
    for scenario in SCENARIOS:
        done = helm.run("lint", "--strict", str(CHART), *helm.values(scenario))
        check(f"helm lint --strict: {scenario}", done.returncode == 0 and "[WARNING]" not in done.stdout, done.stdout + done.stderr)


def check_kube_versions(helm):
    meta = yaml.safe_load((CHART / "Chart.yaml").read_text())
    check(f"Chart.yaml asks for Kubernetes {OLDEST}", meta["kubeVersion"] == f">={OLDEST}.0-0", meta["kubeVersion"])
    older = f"1.{int(OLDEST.split('.')[1]) - 1}"
    done = helm.try_template("trial", kube=older)
    check(f"Kubernetes {older} is refused", done.returncode != 0 and "incompatible" in done.stderr, done.stderr)


def strict_errors(thing, version):
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return ""


def check_schemas(helm):
    broken = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "livenesProbe": {}}]}}
    for version in (OLDEST, NEWEST):
        check(f"the schema of {version} would find a misspelt field", "livenesProbe" in strict_errors(broken, version))
        for scenario in SCENARIOS:
            objects = [one for one in helm.objects(scenario, kube=version) if not one["apiVersion"].startswith("keda.sh/")]
            errors = [f"{one['kind']} {one['metadata']['name']}: {error}" for one in objects if (error := strict_errors(one, version))]
            check(f"{len(objects)} objects of {scenario} by the strict schema of {version}", objects and not errors, "\n".join(errors))


def check_crds(helm, tools):
    """kubectl-validate is the API server's own code, also for custom resources; it knows built-in kinds up to OLDEST."""
    for scenario, edit, good in [(scenario, None, True) for scenario in SCENARIOS] + [("production", ("pollingInterval: 15", "pollingInterval: often"), False)]:
        text = helm.template(scenario, kube=OLDEST)
        if edit:
            check("there is something to break", edit[0] in text)
            text = text.replace(*edit)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            done = pipe([helm.bin / "kubectl-validate", file.name, "--version", OLDEST, "--local-crds", f"{tools}/crds"], "")
        what = f"kubectl-validate with KEDA's CRD: {scenario}" if good else "kubectl-validate would find a wrong ScaledObject"
        check(what, (done.returncode == 0) == good, done.stdout + done.stderr)


def check_pod_security(helm):
    privileged = yaml.safe_dump({"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "securityContext": {"privileged": True}}]}})
    check("Pod Security would refuse a privileged pod", pipe([helm.bin / "podsecurity", "latest"], privileged).returncode == 1)
    for scenario in SCENARIOS:
        text = helm.template(scenario)
        for version in (f"v{OLDEST}", "latest"):
            done = pipe([helm.bin / "podsecurity", version], text)
            count = len(pods(chart.parse(text)))
            check(f"Pod Security restricted {version}: {count} pods of {scenario}", done.returncode == 0 and len(done.stdout.splitlines()) == count, done.stdout + done.stderr)


def check_linters(helm, missing):
    ignored = [word for test in SCORE_IGNORED for word in ("--ignore-test", test)]
    linter = helm.bin / "kube-linter"
    for scenario in SCENARIOS:
        text = helm.template(scenario)
        done = pipe([helm.bin / "kube-score", "score", "-", "--ignore-container-cpu-limit", *ignored, "-o", "ci"], text)
        bad = [line for line in done.stdout.splitlines() if not re.match(r"\[(OK|SKIPPED)\]", line)]
        check(f"kube-score: {scenario}", done.returncode == 0 and not bad, "\n".join(bad) + done.stderr)
        if linter.exists():
            done = pipe([linter, "lint", "--exclude", ",".join(LINTER_EXCLUDED), "-"], text)
            check(f"kube-linter: {scenario}", done.returncode == 0, done.stdout + done.stderr)
    if not linter.exists():
        missing.append("kube-linter (its module could not be had; GOBIN=TOOLS/bin go install golang.stackrox.io/kube-linter/cmd/kube-linter@v0.8.3)")


def check_units(helm):
    done = helm_unittest(helm)
    print(done.stdout, end="")
    suites = len(list((CHART.parents[2] / "tests/chart/unit").glob("*.yaml")))
    passed = re.search(r"Test Suites:\s+(\d+) passed, (\d+) total", done.stdout)
    check(f"{suites} suites of unit tests", done.returncode == 0 and passed and passed[1] == passed[2] == str(suites), done.stderr)


def helm_unittest(helm):
    return subprocess.run([helm.bin / "helm-unittest", "--strict", "--file", "../../../tests/chart/unit/*.yaml", str(CHART)], env=helm.env,
                          capture_output=True, text=True, timeout=120)


def env_of(container):
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env", [])}


def secret_keys(pod):
    """Every Secret's key that a pod can see, as (secret, key)."""
    for volume in pod["spec"].get("volumes", []):
        for item in volume.get("secret", {}).get("items", []):
            yield volume["secret"]["secretName"], item["key"]
        assert "secret" not in volume or volume["secret"].get("items"), "a whole Secret is mounted"
    for container in containers(pod):
        for one in container.get("env", []):
            if "secretKeyRef" in one.get("valueFrom", {}):
                yield one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"]


def services_of(objects):
    return {component(one): one for one in objects if one["kind"] == "Deployment"}


def check_secrets(scenario, objects):
    """Least privilege: a pod sees what is its own user's."""
    for name, deployment in services_of(objects).items():
        seen = {key for _, key in secret_keys(deployment["spec"]["template"])}
        sealed = {"employee": {"employee.seal"}, "payroll": {"master"}}.get(name, set())
        own = {f"{name}.nk", f"{name}.nats", f"{name}.redis", "ca.crt", "tls.crt", "tls.key"} | sealed
        check(f"{scenario}: {name} sees its own secrets only", seen <= own and f"{name}.redis" in seen and sealed <= seen, seen)
    secrets = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "Secret"}
    if secrets:
        wanted = [(where, key) for _, pod in pods(objects) for where, key in secret_keys(pod)]
        check(f"{scenario}: {len(wanted)} references to secrets are met", all(key in secrets.get(where, {}) for where, key in wanted))


def check_services(scenario, objects):
    for name, deployment in services_of(objects).items():
        pod = deployment["spec"]["template"]
        [container] = containers(pod)
        env = env_of(container)
        check(f"{scenario}: {name} opens no port", "ports" not in container)
        check(f"{scenario}: {name} has the grace its drain needs",
              pod["spec"]["terminationGracePeriodSeconds"] * 1000 == int(env["FURROW_DRAIN_MS"]) + 5000, env["FURROW_DRAIN_MS"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            command = container[probe]["exec"]["command"]
            timeout = int(command[command.index("--timeout") + 1])
            check(f"{scenario}: {name} {probe}", command[:3] == ["/usr/bin/furrow", "health", "--probe"] and command[-1] == name and
                  timeout < container[probe]["timeoutSeconds"] * 1000, command)
        check(f"{scenario}: {name} has one scaler or replicas",
              sum([any(one["kind"] == kind and one["metadata"]["name"] == deployment["metadata"]["name"] for one in objects)
                   for kind in ("HorizontalPodAutoscaler", "ScaledObject")] + ["replicas" in deployment["spec"]]) == 1)


def check_pods(scenario, objects):
    for owner, pod in pods(objects):
        name = f"{scenario}: {owner['kind']} {owner['metadata']['name']}"
        check(f"{name} has no token", pod["spec"]["automountServiceAccountToken"] is False)
        check(f"{name} cannot write its root", all(one["securityContext"]["readOnlyRootFilesystem"] for one in containers(pod)))
        check(f"{name} says what it needs", all({"cpu", "memory"} <= one["resources"]["requests"].keys() and "memory" in one["resources"]["limits"] for one in containers(pod)))


def check_policies(scenario, objects):
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    for owner, pod in pods(objects):
        own = [one["spec"] for one in policies if selects(one["spec"]["podSelector"], pod["metadata"]["labels"])]
        server = component(owner) in ("nats", "redis")
        closed = all(spec["policyTypes"] == ["Ingress", "Egress"] and (server or spec["ingress"] == []) for spec in own)
        ports = {port["port"] for spec in own for rule in spec["egress"] for port in rule["ports"]}
        check(f"{scenario}: {owner['metadata']['name']} is closed", own and closed and (server or 53 in ports) and len(ports) <= 4, ports)


def check_settings(scenario, objects, build):
    """A misspelt setting would be ignored by the service, so it must not be in the chart."""
    for name, deployment in services_of(objects).items():
        if name not in SERVICES:
            continue
        listed = subprocess.run([f"{build}/services/{name}", "--settings"], capture_output=True, text=True, check=True).stdout
        known = set(re.findall(r"^[A-Z_]+", listed, re.M))
        used = env_of(containers(deployment["spec"]["template"])[0]).keys()
        check(f"{scenario}: {name} knows its settings", used <= known, used - known)


def check_names(helm):
    objects = helm.objects("many-services", release="r" * 53)
    names = [one["metadata"]["name"] for one in objects]
    check("names fit, however long the release's", all(len(name) <= 61 and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) for name in names), names)
    same = [(one["kind"], one["metadata"]["name"]) for one in objects]
    check("names are unique", len(set(same)) == len(same), same)


def check_values():
    text = (CHART / "values.yaml").read_text()
    check("every value is documented", not chart.undocumented(text), chart.undocumented(text))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    opened = [path for path in open_maps(schema, "") if path not in MAPS_OF_THE_USERS]
    check("the schema closes every map that is not a map of the user's", not opened, opened)
    readme = (CHART / "README.md").read_text()
    absent = [".".join(path) for path in chart.leaves({**yaml.safe_load(text), "services": {}}) if not any(f"`{'.'.join(path[:n])}`" in readme for n in range(1, len(path) + 1))]
    check("README.md has every value", not absent, absent)


# Keys and values of these are Kubernetes' or the user's to choose.
MAPS_OF_THE_USERS = {"/global", "/definitions/labels", "/definitions/peers/podSelector", "/definitions/peers/namespaceSelector", "/definitions/service/settings",
                     "/definitions/service/topologySpread", "/definitions/service/keda/streams", "/definitions/service/tolerations",
                     "/definitions/service/affinity", "/services", "/definitions/on"}


def open_maps(schema, path):
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield path
    for name, inner in {**schema.get("properties", {})}.items():
        yield from open_maps(inner, f"{path}/{name}")
    for name, inner in schema.get("definitions", {}).items():
        yield from open_maps(inner, f"{path}/definitions/{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        yield from open_maps(inner, path)


def check_permissions(build):
    """The chart's own copy is what the compiled contracts say today."""
    done = subprocess.run([f"{build}/services/cli/furrow", "permissions"], capture_output=True, text=True)
    check("furrow permissions works", done.returncode == 0, done.stderr)
    kept = (CHART / "files/permissions.json").read_text()
    check("files/permissions.json is what it prints", yaml.safe_load(kept) == yaml.safe_load(done.stdout),
          "run: furrow permissions >config/helm/furrow/files/permissions.json")


def main(tools, build):
    helm = chart.Helm(tools)
    missing = []
    check_lint(helm)
    check_kube_versions(helm)
    check_schemas(helm)
    check_crds(helm, tools)
    check_pod_security(helm)
    check_linters(helm, missing)
    check_units(helm)
    for scenario in SCENARIOS:
        objects = helm.objects(scenario)
        check_secrets(scenario, objects)
        check_services(scenario, objects)
        check_pods(scenario, objects)
        check_policies(scenario, objects)
        check_settings(scenario, objects, build)
    check_names(helm)
    check_values()
    check_permissions(build)
    for what in missing:
        print(f"  not run: {what}")
    print(f"render: {check.count} checks, {len(missing)} tools missing")


if __name__ == "__main__":
    main(*sys.argv[1:])
