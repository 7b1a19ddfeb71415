"""The rendered trial, run: nats-server and redis-server with the rendered configuration, the services, the provisioning Job and the test pod with
the rendered commands, environment and secret files, and the probes as the kubelet would run them (kubelet.py).
"""
import concurrent.futures
import json
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import attack
import chart
from chart import check, component, containers, pods
from kubelet import Kubelet, free_port, running
from mesh import SERVICES, eventually, pause


class Trial:
    def __init__(self, helm, build, nats_server, folder):
        self.objects = helm.objects("trial")
        self.port = {"nats": free_port(), "redis": free_port()}
        self.name = {kind: f"{chart.RELEASE}-{kind}" for kind in ("nats", "redis")}
        hosts = {f"{self.name['nats']}:4222": f"127.0.0.1:{self.port['nats']}", f"{self.name['redis']}:6379": f"127.0.0.1:{self.port['redis']}"}
        self.kubelet = Kubelet(self.objects, build, hosts, folder)
        self.nats_server = self.kubelet.install(nats_server)
        self.pods = {component(owner): pod for owner, pod in pods(self.objects)}

    def instance(self, service):
        return f"{chart.RELEASE}-{service}-7d9c5b7f46-x{service[:4]}"

    def start_nats(self):
        self.kubelet.start("nats", self.pods["nats"], ["-a", "127.0.0.1", "-p", str(self.port["nats"]), "-m", "-1"], program=self.nats_server)

    def start_redis(self):
        self.kubelet.start("redis", self.pods["redis"], ["--port", str(self.port["redis"]), "--bind", "127.0.0.1"])

    def start(self, service):
        self.kubelet.start(self.instance(service), self.pods[service])

    def probe(self, service, kind):
        return self.kubelet.probe(self.instance(service), self.pods[service], kind)

    def probe_all(self, *kinds):
        """The exit codes of these probes, service by service, all at once: without NATS each takes its time."""
        with concurrent.futures.ThreadPoolExecutor(len(SERVICES) * len(kinds)) as pool:
            asked = [[pool.submit(self.probe, service, kind) for kind in kinds] for service in SERVICES]
            return [tuple(one.result()[0] for one in row) for row in asked]

    def redis(self, user, *words):
        login = [] if not user else ["--user", user, "--no-auth-warning", "-a", self.kubelet.secret(f"{chart.RELEASE}-trial", f"{user}.redis").decode()]
        return subprocess.run(["redis-cli", "-p", str(self.port["redis"]), *login, *words], capture_output=True, text=True, timeout=20).stdout.strip()

    def furrow(self, user, *words):
        env = {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.port['nats']}"}
        if user:
            env |= {"FURROW_NATS_INBOX": f"_INBOX_{user}", "FURROW_NATS_USER": user,
                    "FURROW_NATS_PASSWORD": self.kubelet.secret(f"{chart.RELEASE}-trial", f"{user}.nats").decode()}
        done = subprocess.run([self.kubelet.programs["/usr/bin/furrow"], *words], env=env, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def ready(self, service):
        return self.probe(service, "readinessProbe")[0] == 0

    def logs(self):
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in sorted(self.kubelet.folder.glob("*.log")))


def check_configuration(trial, servers):
    """nats.conf by each nats-server; users.acl by redis-server as it starts."""
    trial.kubelet.mount("nats", trial.pods["nats"])
    env = trial.kubelet.env("nats", trial.pods["nats"], containers(trial.pods["nats"])[0])
    words = [trial.kubelet.here("nats", word) for word in containers(trial.pods["nats"])[0]["args"]]
    for server in servers:
        version = subprocess.run([server, "--version"], capture_output=True, text=True).stdout.strip()
        done = subprocess.run([server, "-t", *words], env=env, capture_output=True, text=True)
        check(f"rendered nats.conf: {version}", done.returncode == 0 and "valid" in done.stdout + done.stderr, done.stdout + done.stderr)


def check_redis(trial):
    trial.start_redis()
    eventually("redis-server answers", lambda: "NOAUTH" in trial.redis(None, "ping"))
    check("Redis does nothing for the anonymous", "NOAUTH" in trial.redis(None, "get", "employee:x"))
    check("Redis refuses a wrong password", "WRONGPASS" in trial.redis(None, "auth", "employee", "guess"))
    for user in SERVICES:
        other = next(name for name in SERVICES if name != user)
        check(f"Redis: {user} writes and reads its own", trial.redis(user, "set", f"{user}:check", "1") == "OK" and trial.redis(user, "get", f"{user}:check") == "1",
              trial.redis(user, "get", f"{user}:check"))
        check(f"Redis: {user} has nothing of {other}'s", all("NOPERM" in trial.redis(user, *words) for words in
              [("get", f"{other}:check"), ("set", f"{other}:check", "2"), ("flushall",), ("config", "get", "*"), ("keys", "*"), ("acl", "list")]))
        check(f"Redis: {user} may not reach there by a script either",
              "NOPERM" in (said := trial.redis(user, "eval", "return redis.call('get', KEYS[1])", "1", f"{other}:check")), said)


def check_waiting(trial):
    """Whatever comes first, a pod waits, alive and not ready."""
    for service in SERVICES:
        trial.start(service)
    eventually("services speak of NATS", lambda: all("waiting for NATS" in trial.kubelet.log(trial.instance(name)) for name in SERVICES))
    said = trial.probe_all("livenessProbe", "startupProbe", "readinessProbe")
    check("services without NATS: alive, started, not ready", said == [(0, 0, 1)] * len(SERVICES), said)
    trial.start_nats()
    eventually("services answer through NATS", lambda: all('"id"' in trial.probe(name, "livenessProbe")[1] for name in SERVICES))
    for service in SERVICES:
        check(f"{service} without streams: alive, not ready", [trial.probe(service, kind)[0] for kind in ("livenessProbe", "readinessProbe")] == [0, 1])


def check_provision(trial):
    trial.kubelet.start("provision", trial.pods["provision"])
    check("the Job provisions", trial.kubelet.finish("provision", 60) == 0, trial.kubelet.log("provision"))
    for service in SERVICES:
        eventually(f"{service} is ready", lambda: trial.ready(service))
        code, text = trial.probe(service, "readinessProbe")
        check(f"{service} is ready, under its pod's name", code == 0 and f'"{trial.instance(service)}"' in text, text)
    trial.kubelet.start("provision", trial.pods["provision"])
    check("the Job may run again", trial.kubelet.finish("provision", 60) == 0, trial.kubelet.log("provision"))


def check_test_pod(trial):
    trial.kubelet.start("test", trial.pods["test"])
    check("helm test's pod finds every service well", trial.kubelet.finish("test", 90) == 0, trial.kubelet.log("test"))


def check_notes(trial, helm, nats):
    """What NOTES.txt tells to type, typed: with the stock CLI."""
    done = helm.run("install", chart.RELEASE, str(chart.CHART), "-n", chart.NAMESPACE, "--dry-run=client", *helm.values("trial"))
    check("helm install --dry-run ends with NOTES", done.returncode == 0 and "NOTES:" in done.stdout, done.stderr)
    said = {"req": '"employees"', "micro": "timesheet", "--js-domain": "EMPLOYEE"}
    for line in [line for line in done.stdout.split("NOTES:")[1].splitlines() if line.startswith("  nats ")]:
        user = line.split("--user ")[1].split()[0] if "--user " in line else "client"
        env = {"NATS_URL": f"nats://127.0.0.1:{trial.port['nats']}", "HOME": str(trial.kubelet.folder), "NATS_USER": user,
               "NATS_PASSWORD": trial.kubelet.secret(f"{chart.RELEASE}-trial", f"{user}.nats").decode()}
        done = subprocess.run([nats, *shlex.split(line.replace("$inbox", f"_INBOX_{user}.~secret"))[1:]], env=env, capture_output=True, text=True, timeout=30)
        [want] = [text for word, text in said.items() if word in line.split()]
        check(f"NOTES' command answers: {line.strip()}", done.returncode == 0 and want in done.stdout, done.stdout + done.stderr)


def check_calls(trial):
    code, text = trial.furrow("client", "call", "employee.v1.EmployeeService.HireEmployee", '{"givenName":"Ana","familyName":"Luna","badge":"777"}')
    check("the user client calls a method", code == 0 and "ACTIVE" in text, text)
    employee = json.JSONDecoder().raw_decode(text[text.index("{"):])[0]["employee"]["id"]
    code, text = trial.furrow("client", "call", "employee.v1.EmployeeService.GetEmployee", json.dumps({"id": employee}))
    check("and reads what it wrote", code == 0 and "Luna" in text, text)
    code, text = trial.furrow("inspector", "call", "--timeout", "1000", "employee.v1.EmployeeService.GetEmployee", json.dumps({"id": employee}))
    check("the user inspector calls nothing", code != 0, text)
    code, text = trial.furrow(None, "call", "--timeout", "1000", "employee.v1.EmployeeService.GetEmployee", json.dumps({"id": employee}))
    check("nobody connects without a name", code != 0 and "uthoriz" in text, text)
    check("nats-server logged the refusal", "Publish Violation" in trial.kubelet.log("nats"), trial.kubelet.log("nats"))


def check_accounts(trial):
    """One user's key does nothing to what is another service's, whatever it asks and wherever it has the answer sent."""
    port, permissions = trial.port["nats"], json.loads((chart.CHART / "files/permissions.json").read_text())
    password = {user: trial.kubelet.secret(f"{chart.RELEASE}-trial", f"{user}.nats").decode() for _, user, _ in attack.users(permissions)}
    streams = attack.entities(permissions)
    before = attack.states(port, permissions, password["operator"])
    check("the attack knows every stream of entities", len(before) > len(SERVICES) and {owner for owner, _ in before} == {owner for owner, _ in streams}, before)
    for account, user, allowed in attack.users(permissions):
        if user == "operator":
            continue
        count = attack.attack(port, permissions, password[user], account, user, allowed)
        after = attack.states(port, permissions, password["operator"])
        changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
        check(f"{count} requests of {user}, answered onto others' entities: nothing of theirs has changed", count and not changed, changed)
    for user in (f"{name}.log" for name in SERVICES):
        other = [(owner, subject) for owner, subject in streams if f"{owner}.log" != user]
        harm = [subject for _, subject in other] + [f"$JS.{owner}.API.{verb}" for owner, _ in other for verb in ("STREAM.PURGE.X", "STREAM.NAMES", "CONSUMER.CREATE.X.spy")]
        allowed = list(attack.refused(port, password[user], user, harm))
        check(f"{user} may neither publish others' events nor manage their streams", not allowed, allowed)


def check_liveness(trial):
    """A silent process is restarted; one that merely lacks NATS is not."""
    service = "job"
    process = trial.kubelet.processes[trial.instance(service)]
    pause(process)
    check("a process that hangs is dead to its probe", trial.probe(service, "livenessProbe")[0] == 1)
    check("but not to another's", trial.probe("employee", "livenessProbe")[0] == 0)
    process.send_signal(signal.SIGCONT)
    eventually("it goes on", lambda: trial.ready(service))
    nats = trial.kubelet.processes["nats"]
    nats.kill()
    nats.wait()
    said = trial.probe_all("livenessProbe", "readinessProbe")
    check("without NATS nobody is restarted, nobody is ready", said == [(0, 1)] * len(SERVICES), said)
    trial.start_nats()
    for name in SERVICES:
        eventually(f"{name} is ready again", lambda: trial.ready(name), 60)
    check("NATS came back, and all with it", True)


def check_settings(trial):
    env = {"FURROW_INSTANCE_ID": "a.b"}
    done = subprocess.run([trial.kubelet.programs["/usr/bin/job"]], env=env, capture_output=True, text=True, timeout=20)
    check("an instance's id that is no subject token is refused", done.returncode == 2 and 'FURROW_INSTANCE_ID is' in done.stdout + done.stderr, done.stdout + done.stderr)
    code, text = trial.furrow("inspector", "health", "--probe", "live", "job")
    check("a probe without an instance's id is refused", code == 2 and "FURROW_INSTANCE_ID" in text, text)


def check_end(trial):
    for service in SERVICES:
        grace = trial.pods[service]["spec"]["terminationGracePeriodSeconds"]
        process = trial.kubelet.processes[trial.instance(service)]
        process.send_signal(signal.SIGTERM)
        check(f"{service} ends well within its grace of {grace} s", trial.kubelet.finish(trial.instance(service), grace) == 0, trial.kubelet.log(trial.instance(service)))


def main(tools, build):
    helm, newest = chart.Helm(tools), tools / "bin/nats-server"
    servers = [server for server in (shutil.which("nats-server"), str(newest)) if server]
    with tempfile.TemporaryDirectory(prefix="furrow-chart-") as folder:
        trial = Trial(helm, build, str(newest), folder)
        with running(trial):
            check_configuration(trial, servers)
            check_redis(trial)
            check_waiting(trial)
            check_provision(trial)
            check_test_pod(trial)
            check_calls(trial)
            check_notes(trial, helm, tools / "bin/nats")
            check_accounts(trial)
            check_liveness(trial)
            check_settings(trial)
            check_end(trial)
