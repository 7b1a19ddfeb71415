"""What the chart renders, judged by others: helm 4 and 3, the schemas of the oldest and the newest Kubernetes, the API server's own code,
kube-linter, Pod Security's evaluator, and the chart's unit tests."""
import re
import subprocess
import tempfile

import kubernetes_validate
import yaml

import chart
from chart import CHART, NEWEST, OLDEST, SCENARIOS, check, pods

# What kube-linter would have and the chart would rather not, with the reason.
LINTER_EXCLUDED = [
    "no-anti-affinity",  # topology spread does it
]


def pipe(command, text):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


def check_lint(helms):
    for version, helm in helms.items():
        for scenario in SCENARIOS:
            done = helm.run("lint", "--strict", str(CHART), *helm.values(scenario))
            check(f"helm {version} lint --strict: {scenario}", done.returncode == 0 and "[WARNING]" not in done.stdout, done.stdout + done.stderr)


def check_versions(helms):
    """The two lines of Helm make the same of it, also of the package that is published; an older Kubernetes is refused."""
    objects = {version: helm.objects("production") for version, helm in helms.items()}
    check("helm 4 and helm 3 render the same", objects[4] == objects[3])
    with tempfile.TemporaryDirectory() as folder:
        done = helms[4].run("package", str(CHART), "-d", folder)
        check("helm package", done.returncode == 0, done.stderr)
        version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
        check("the package renders as its source does", helms[4].objects("production", chart=f"{folder}/furrow-{version}.tgz") == objects[4])
    older = f"1.{int(OLDEST.split('.')[1]) - 1}"
    done = helms[4].try_template("trial", kube=older)
    check(f"Kubernetes {older} is refused, {OLDEST} named", done.returncode != 0 and f">={OLDEST}" in done.stderr, done.stderr)


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
            check(f"{len(objects)} objects of {scenario} by the strict schema of {version}", objects and not errors, errors)


def api_server(helm, tools, text):
    """kubectl-validate: the API server's own code, also for custom resources. It knows built-in kinds up to OLDEST."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return pipe([helm.bin / "kubectl-validate", file.name, "--version", OLDEST, "--local-crds", tools / "crds"], "")


def check_crds(helm, tools):
    for scenario in SCENARIOS:
        done = api_server(helm, tools, helm.template(scenario, kube=OLDEST))
        check(f"every object of {scenario} by the API server's code, custom resources by KEDA's CRD", done.returncode == 0, done.stdout + done.stderr)
    [scaled] = [one for one in helm.objects("production", kube=NEWEST) if one["kind"] == "ScaledObject"]
    for spoil, good in [({}, True), ({"pollingInterval": "often"}, False), ({"pollInterval": 5}, False)]:
        done = api_server(helm, tools, yaml.safe_dump({**scaled, "spec": {**scaled["spec"], **spoil}}))
        what = "would find " + str(spoil) if spoil else "is right also as rendered for the newest Kubernetes"
        check(f"a ScaledObject: KEDA's CRD {what}" if spoil else f"the ScaledObject {what}", (done.returncode == 0) == good, done.stdout + done.stderr)


def check_pod_security(helm):
    privileged = yaml.safe_dump({"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "securityContext": {"privileged": True}}]}})
    check("Pod Security would refuse a privileged pod", pipe([helm.bin / "podsecurity", "latest"], privileged).returncode == 1)
    for scenario in SCENARIOS:
        text = helm.template(scenario)
        count = len(pods(chart.parse(text)))
        for version in (f"v{OLDEST}", "latest"):
            done = pipe([helm.bin / "podsecurity", version], text)
            check(f"Pod Security restricted {version}: {count} pods of {scenario}", done.returncode == 0 and len(done.stdout.splitlines()) == count, done.stdout + done.stderr)


def check_linter(helm):
    lint = [helm.bin / "kube-linter", "lint", "--fail-if-no-objects-found", "--exclude", ",".join(LINTER_EXCLUDED), "-"]
    text = helm.template("production")
    done = pipe(lint, text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"))
    check("kube-linter would find a root that can be written", done.returncode == 1 and "no-read-only-root-fs" in done.stdout, done.stdout + done.stderr)
    for scenario in SCENARIOS:
        done = pipe(lint, helm.template(scenario))
        check(f"kube-linter: {scenario}", done.returncode == 0, done.stdout + done.stderr)


def check_units(helm):
    done = subprocess.run([helm.bin / "helm-unittest", "--strict", "--file", "../../../tests/chart/unit/*.yaml", str(CHART)], env=helm.env,
                          capture_output=True, text=True, timeout=120)
    suites = len(list((chart.ROOT / "tests/chart/unit").glob("*.yaml")))
    passed = re.search(r"Test Suites:\s+(\d+) passed, (\d+) total\nTests:\s+(\d+) passed", done.stdout)
    check(f"{passed[3] if passed else 'the'} unit tests in {suites} suites", done.returncode == 0 and passed and passed[1] == passed[2] == str(suites), done.stdout + done.stderr)


def main(tools, _build):
    helms = {4: chart.Helm(tools), 3: chart.Helm(tools, "helm3")}
    check_lint(helms)
    check_versions(helms)
    check_schemas(helms[4])
    check_crds(helms[4], tools)
    check_pod_security(helms[4])
    check_linter(helms[4])
    check_units(helms[4])
