"""What the chart promises of every object in every scenario, whatever the values; and that what is written twice is the same twice: permissions,
versions, settings, documentation."""
import json
import re
import subprocess
import tempfile

import yaml

import chart
from chart import CHART, ROOT, SCENARIOS, check, component, containers, find, pods, selects
from mesh import SERVICES

SEALED = {"employee": {"employee.seal"}, "accounting": {"master"}}  # key of private fields, in the scenarios' Secrets
SHELLS = {"sh", "bash", "ash", "dash", "env"}


def none(what, bad):
    """Counts as one check; @bad says whatever does not keep the promise."""
    bad = list(bad)
    check(what, not bad, bad)


def env_of(container):
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env", [])}


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def secret_keys(pod):
    """Every Secret's key that a pod can see, as (secret, key). Whole Secrets are never mounted."""
    for volume in pod["spec"].get("volumes", []):
        if "secret" in volume:
            items = volume["secret"].get("items", [{"key": "everything"}])
            yield from ((volume["secret"]["secretName"], item["key"]) for item in items)
    for container in containers(pod):
        for one in container.get("env", []):
            if "secretKeyRef" in one.get("valueFrom", {}):
                yield one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"]


def services_of(objects):
    return {component(one): one for one in objects if one["kind"] == "Deployment"}


def check_secrets(scenario, objects):
    """Least privilege: a pod sees what is its own user's."""
    services = {name: {key for _, key in secret_keys(one["spec"]["template"])} for name, one in services_of(objects).items()}
    own = {name: {f"{name}.nk", f"{name}.log.nk", f"{name}.nats", f"{name}.log.nats", f"{name}.redis", f"{name}.secret", "ca.crt", "tls.crt", "tls.key"} | SEALED.get(name, set()) for name in services}
    none(f"{scenario}: a service sees its own secrets and no other's", [(name, seen - own[name]) for name, seen in services.items() if not seen <= own[name]])
    none(f"{scenario}: and all that it needs", [(name, seen) for name, seen in services.items() if not {f"{name}.redis", f"{name}.secret"} | SEALED.get(name, set()) <= seen])
    made = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "Secret"}
    if made:
        none(f"{scenario}: every reference to a Secret is met", [(where, key) for _, pod in pods(objects) for where, key in secret_keys(pod) if key not in made.get(where, {})])


def wrong_probes(name, container):
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = container[probe].get("exec", {}).get("command", [])
        if command[:3] != ["/usr/bin/furrow", "health", "--probe"] or command[-1] != name or \
                int(command[command.index("--timeout") + 1]) >= container[probe]["timeoutSeconds"] * 1000:
            yield name, probe, command


def check_services(scenario, objects):
    services = services_of(objects)
    pod = {name: one["spec"]["template"]["spec"] for name, one in services.items()}
    container = {name: one["containers"][0] for name, one in pod.items()}
    none(f"{scenario}: no service opens a port", [name for name, one in container.items() if "ports" in one])
    none(f"{scenario}: probes ask through NATS, and give up before the kubelet does", [bad for name, one in container.items() for bad in wrong_probes(name, one)])
    none(f"{scenario}: a pod's grace is what its drain needs, and 5 s", [name for name, one in pod.items() if one["terminationGracePeriodSeconds"] * 1000 !=
                                                                       int(env_of(container[name])["FURROW_DRAIN_MS"]) + 5000])
    scaled = [(one["kind"], one["spec"]["scaleTargetRef"]["name"]) for one in objects if one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    scalers = {name: [kind for kind, target in scaled if target == one["metadata"]["name"]] + ["replicas"] * ("replicas" in one["spec"]) for name, one in services.items()}
    none(f"{scenario}: one thing alone says how many pods a service has", [(name, by) for name, by in scalers.items() if len(by) != 1])
    none(f"{scenario}: every autoscaler has its Deployment", [one for one in scaled if one[1] not in [one["metadata"]["name"] for one in services.values()]])


def check_pods(scenario, objects):
    """What Pod Security does not ask for, and no shell: the image has none."""
    every = [(name_of(owner), pod["spec"], container) for owner, pod in pods(objects) for container in containers(pod)]
    none(f"{scenario}: no pod has a token", [name for name, spec, _ in every if spec["automountServiceAccountToken"] is not False])
    none(f"{scenario}: no container can write its root", [name for name, _, one in every if one["securityContext"]["readOnlyRootFilesystem"] is not True])
    none(f"{scenario}: every container says what it needs", [name for name, _, one in every if not {"cpu", "memory"} <= one["resources"]["requests"].keys() or
                                                           "memory" not in one["resources"]["limits"]])
    commands = [(name, words) for name, _, one in every for words in [one.get("command", [])] +
                [one[probe].get("exec", {}).get("command", []) for probe in ("startupProbe", "readinessProbe", "livenessProbe") if probe in one] if words]
    none(f"{scenario}: no command needs a shell", [one for one in commands if one[1][0].split("/")[-1] in SHELLS])


def check_policies(scenario, objects):
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    bad = []
    for owner, pod in pods(objects):
        own = [spec for spec in policies if selects(spec["podSelector"], pod["metadata"]["labels"])]
        server = component(owner) in ("nats", "redis")
        closed = own and all(spec["policyTypes"] == ["Ingress", "Egress"] and (server or spec["ingress"] == []) for spec in own)
        ports = {port["port"] for spec in own for rule in spec["egress"] for port in rule["ports"]}
        if not closed or (ports if server else not {53} < ports or len(ports) > 4):
            bad.append((name_of(owner), ports))
    none(f"{scenario}: nothing comes into any pod but the trial's servers, and little gets out", bad)


def check_budgets(scenario, objects):
    """Budgets, selectors and labels fit one another."""
    labels = [pod["metadata"]["labels"] for _, pod in pods(objects)]
    budgets = [one for one in objects if one["kind"] == "PodDisruptionBudget"]
    none(f"{scenario}: each of {len(budgets)} disruption budgets is for the pods of one service",
         [name_of(one) for one in budgets if sum(selects(one["spec"]["selector"], own) for own in labels) != 1])
    none(f"{scenario}: each Deployment spreads its own pods", [name_of(one) for one in services_of(objects).values()
                                                             for spread in one["spec"]["template"]["spec"]["topologySpreadConstraints"]
                                                             if sum(selects(spread["labelSelector"], own) for own in labels) != 1])


def check_settings(scenario, objects, build):
    """A misspelt setting would be ignored by the service, so it must not be in the chart."""
    bad = []
    for name, deployment in services_of(objects).items():
        if name in SERVICES:
            listed = subprocess.run([build / "services" / name, "--settings"], capture_output=True, text=True, check=True).stdout
            unknown = env_of(containers(deployment["spec"]["template"])[0]).keys() - set(re.findall(r"^[A-Z_]+", listed, re.M))
            bad += [(name, unknown)] if unknown else []
    none(f"{scenario}: services know their settings", bad)


def check_names(helm):
    objects = helm.objects("many-services", release="r" * 53)
    same = [(one["kind"], one["metadata"]["name"]) for one in objects]
    none("names fit, however long the release's", [name for _, name in same if len(name) > 61 or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)])
    none("names are unique", {one for one in same if same.count(one) > 1})


def check_outside(helm):
    """A service from outside the tree is a name, an image and permissions, in production and in a trial."""
    deployment = services_of(helm.objects("many-services"))["picking"]
    [container] = containers(deployment["spec"]["template"])
    check("an outside service: its image, its name as user, its Secrets", container["image"] == "registry.example.com/farm/picking:2.3" and
          env_of(container)["FURROW_REDIS_USER"] == "picking" and set(secret_keys(deployment["spec"]["template"])) ==
          {("picking", "picking.nk"), ("picking", "picking.log.nk"), ("picking", "picking.redis"), ("picking", "picking.secret")})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(chart.permissions_with("picking"), file)
        file.flush()
        objects = helm.objects("trial", "--set", "services.picking.replicas=1", "--set-file", f"trial.permissions={file.name}")
    conf = find(objects, "ConfigMap", "furrow-nats")["data"]["nats.conf"]
    none("and in a trial, an account and two users, with what it was given", [text for text in (
        '"picking": {', '{user: "picking", password: $PASSWORD_PICKING, permissions: {}}', '{user: "picking.log", password: $PASSWORD_PICKING_log, permissions: {}}')
        if text not in conf])


# Keys and values of these are Kubernetes' or the user's to choose.
MAPS_OF_THE_USERS = {"/global", "/definitions/labels", "/definitions/strings", "/definitions/peers/podSelector", "/definitions/peers/namespaceSelector",
                     "/definitions/service/settings", "/definitions/service/topologySpread", "/definitions/service/keda/streams",
                     "/definitions/service/tolerations", "/definitions/service/affinity", "/services", "/definitions/on"}


def open_maps(schema, path):
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from open_maps(inner, f"{path}/{name}")
    for name, inner in schema.get("definitions", {}).items():
        yield from open_maps(inner, f"{path}/definitions/{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        yield from open_maps(inner, path)


def undocumented(text):
    """Keys of values.yaml without a "# --" line: their own, or that of what contains them."""
    documented, path, comment = {}, [], False
    for line in text.splitlines():
        if re.match(r"\s*#", line):
            comment = comment or "# -- " in line
            continue
        key = re.match(r"( *)([A-Za-z0-9_./-]+):(.*)", line)
        if key:
            path = path[:len(key[1]) // 2] + [key[2]]
            documented[tuple(path)] = comment or documented.get(tuple(path[:-1]), False)
            if key[3].strip() and not documented[tuple(path)]:
                yield ".".join(path)
        comment = False


def check_values():
    text = (CHART / "values.yaml").read_text()
    none("every value is documented", undocumented(text))
    check("one that is not would be seen", list(undocumented(text + "other:\n  thing: 1\n")) == ["other.thing"])
    schema = json.loads((CHART / "values.schema.json").read_text())
    none("the schema closes every map that is not a map of the user's", set(open_maps(schema, "")) - MAPS_OF_THE_USERS)


def check_permissions(build):
    """The chart's own copy is what the compiled contracts say today."""
    tool = build / "services/cli/furrow"
    done = subprocess.run([tool, "permissions"], capture_output=True, text=True)
    check("files/permissions.json is what `furrow permissions` prints", done.returncode == 0 and (CHART / "files/permissions.json").read_text() == done.stdout,
          f"{done.stderr}they differ; if the contracts changed: {tool} permissions >config/helm/furrow/files/permissions.json")


def check_version():
    project = re.search(r"project\(furrow VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    check("Chart.yaml has the project's version and the Kubernetes that is tested", about["appVersion"] == project and about["kubeVersion"] == f">={chart.OLDEST}.0-0", about)


def check_image(helm):
    """The user that the image has is the one that pods run as; programs are where it installs them."""
    dockerfile = (ROOT / "config/image/Dockerfile").read_text()
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.M)
    contexts = [pod["spec"]["securityContext"] for _, pod in pods(helm.objects("production"))]
    none("pods run as the image's user", [one for one in contexts if not user or user.groups() != (str(one["runAsUser"]), str(one["runAsGroup"])) or
                                         one["fsGroup"] != one["runAsGroup"]])
    commands = {container["command"][0] for _, pod in pods(helm.objects("production")) for container in containers(pod)}
    check("and run what the image has in /usr/bin", "--prefix /usr " in dockerfile and commands == {f"/usr/bin/{name}" for name in ["furrow", *SERVICES]}, commands)


def check_limits(helm):
    """What keeps a slow client from holding up others is the same wherever a nats.conf is written or recommended."""
    dev = re.search(r"^nats_limits\(\)$.*?^CONF$", (ROOT / "config/dev/mesh.sh").read_text(), re.M | re.S)[0]
    limits = re.findall(r"^(?:write_deadline|max_pending|ping_\w+): .*$", dev, re.M)
    trial = find(helm.objects("trial"), "ConfigMap", "furrow-nats")["data"]["nats.conf"].splitlines()
    readme = (CHART / "README.md").read_text().splitlines()
    none(f"the trial and README.md have the limits of config/dev: {', '.join(limits)}", [one for one in limits or ["none"] if one not in trial or one not in readme])


def check_readme(helm):
    """The values and the install commands of README.md render."""
    readme = (CHART / "README.md").read_text()
    values = re.search(r"```yaml\n(# my-values.yaml.*?)```", readme, re.S)[1]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        check("README.md's my-values.yaml renders", helm.objects(None, "-f", file.name))
    settings = re.findall(r"helm install furrow config/helm/furrow .*?((?: --set \S+)+)$", readme, re.M)
    check("README.md's trial renders", settings and all(helm.objects(None, *one.split()) for one in settings), readme)


def main(tools, build):
    helm = chart.Helm(tools)
    for scenario in SCENARIOS:
        objects = helm.objects(scenario)
        check_secrets(scenario, objects)
        check_services(scenario, objects)
        check_pods(scenario, objects)
        check_policies(scenario, objects)
        check_budgets(scenario, objects)
        check_settings(scenario, objects, build)
    check_names(helm)
    check_outside(helm)
    check_values()
    check_permissions(build)
    check_version()
    check_image(helm)
    check_limits(helm)
    check_readme(helm)
