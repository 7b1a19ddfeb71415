"""The rendered trial, run: nats-server and redis-server with the rendered configuration, the services, the provisioning Job and the test pod with
the rendered commands, environment and secret files, and the probes as the kubelet would run them. There is no cluster: a Kubelet below does what
a container's specification says, with host names and paths turned into this machine's. As root, pods run as the user they ask for.

    check_running.py TOOLS BUILD
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import chart
from chart import component, containers, find, pods

sys.path.insert(0, str(chart.ROOT / "tests/support"))
from mesh import SERVICES, Checks, MeshError, die_with, eventually  # noqa: E402

check = Checks()
USER = 65532


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Kubelet:
    """Runs containers of rendered pods as processes. `hosts` maps what the cluster's DNS would resolve to where it is here."""

    def __init__(self, objects, programs, hosts, folder):
        self.objects, self.programs, self.hosts = objects, programs, hosts
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.processes = {}
        self.paths = {}  # of a pod: where what it mounts is here

    def secret(self, name, key):
        return base64.b64decode(find(self.objects, "Secret", name)["data"][key])

    def mount(self, name, pod):
        """Volumes as folders: files of a Secret are root's with the mode asked for, and readable through fsGroup."""
        paths, spec = {}, pod["spec"]
        for volume in spec.get("volumes", []) + [{"name": "data"}]:
            where = self.folder / name / volume["name"]
            where.mkdir(parents=True, exist_ok=True)
            where.chmod(0o755)
            if "secret" in volume:
                for item in volume["secret"]["items"]:
                    self.write(where / item["path"], self.secret(volume["secret"]["secretName"], item["key"]), volume["secret"]["defaultMode"] | 0o440)
            elif "configMap" in volume:
                for key, text in find(self.objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
                    self.write(where / key, text.encode(), 0o644)
            elif os.geteuid() == 0:
                os.chown(where, USER, USER)
            for one in containers(pod)[0].get("volumeMounts", []):
                if one["name"] == volume["name"]:
                    paths[one["mountPath"]] = str(where)
        self.paths[name] = paths
        for file in (self.folder / name).glob("*/*.conf"):
            file.write_text(self.here(name, file.read_text()))

    def write(self, file, data, mode):
        file.unlink(missing_ok=True)
        file.write_bytes(data)
        if os.geteuid() == 0:
            os.chown(file, 0, USER)
            file.chmod(mode)
        else:
            file.chmod(mode & 0o700)  # our own: the group adds nothing

    def here(self, name, text):
        for there, here in list(self.hosts.items()) + sorted(self.paths[name].items(), reverse=True):
            text = text.replace(there, here)
        return text

    def env(self, name, pod, container):
        env = {"PATH": os.environ["PATH"]}
        for one in container.get("env", []):
            source = one.get("valueFrom", {})
            if "secretKeyRef" in source:
                env[one["name"]] = self.secret(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]).decode()
            elif "fieldRef" in source:
                assert source["fieldRef"]["fieldPath"] == "metadata.name", source
                env[one["name"]] = name
            else:
                env[one["name"]] = self.here(name, one["value"])
        return env

    def command(self, name, words):
        program = self.programs.get(words[0], words[0])
        return [program] + [self.here(name, word) for word in words[1:]]

    def as_user(self):
        return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}

    def start(self, name, pod, extra=(), program=None):
        container = containers(pod)[0]
        self.mount(name, pod)
        words = ([program] if program else container.get("command", [])) + container.get("args", [])
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(self.command(name, words) + list(extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                                env=self.env(name, pod, container), preexec_fn=die_with(os.getpid()), **self.as_user())
        log.close()
        return self.processes[name]

    def run(self, name, pod, words, seconds):
        """A command in the container: a probe. (exit code, output); like the kubelet, not longer than @seconds."""
        done = subprocess.run(self.command(name, words), env=self.env(name, pod, containers(pod)[0]), capture_output=True, text=True, cwd="/",
                              timeout=seconds, **self.as_user())
        return done.returncode, done.stdout + done.stderr

    def probe(self, name, pod, kind):
        what = containers(pod)[0][kind]
        return self.run(name, pod, what["exec"]["command"], what["timeoutSeconds"])

    def finish(self, name, seconds):
        return self.processes.pop(name).wait(seconds)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


class Trial:
    def __init__(self, helm, build, nats_server, folder):
        self.objects = helm.objects("trial")
        self.nats_server, self.port = nats_server, {"nats": free_port(), "redis": free_port()}
        self.name = {kind: f"{chart.RELEASE}-{kind}" for kind in ("nats", "redis")}
        programs = {f"/usr/bin/{name}": f"{build}/services/{name}" for name in SERVICES}
        programs["/usr/bin/furrow"] = f"{build}/services/cli/furrow"
        hosts = {f"{self.name['nats']}:4222": f"127.0.0.1:{self.port['nats']}", f"{self.name['redis']}:6379": f"127.0.0.1:{self.port['redis']}"}
        self.kubelet = Kubelet(self.objects, programs, hosts, folder)
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

    def redis(self, user, *words):
        login = [] if not user else ["--user", user, "--no-auth-warning", "-a", self.kubelet.secret(f"{chart.RELEASE}-trial", f"{user}.redis").decode()]
        return subprocess.run(["redis-cli", "-p", str(self.port["redis"]), *login, *words], capture_output=True, text=True, timeout=20).stdout.strip()

    def furrow(self, user, *words):
        env = {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.port['nats']}", "FURROW_NATS_INBOX": f"_INBOX_{user}", "FURROW_NATS_USER": user,
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
    for service in SERVICES:
        check(f"{service} without NATS: alive, started, not ready", [trial.probe(service, kind)[0] for kind in
              ("livenessProbe", "startupProbe", "readinessProbe")] == [0, 0, 1], trial.probe(service, "livenessProbe"))
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


def check_calls(trial):
    code, text = trial.furrow("client", "call", "employee.v1.EmployeeService.HireEmployee", '{"givenName":"Ana","familyName":"Luna","badge":"777"}')
    check("the user client calls a method", code == 0 and "ACTIVE" in text, text)
    employee = json.JSONDecoder().raw_decode(text[text.index("{"):])[0]["employee"]["id"]
    code, text = trial.furrow("client", "call", "employee.v1.EmployeeService.GetEmployee", json.dumps({"id": employee}))
    check("and reads what it wrote", code == 0 and "Luna" in text, text)
    code, text = trial.furrow("inspector", "call", "--timeout", "1000", "employee.v1.EmployeeService.GetEmployee", json.dumps({"id": employee}))
    check("the user inspector calls nothing", code != 0, text)
    check("nats-server logged the refusal", "Publish Violation" in trial.kubelet.log("nats"), trial.kubelet.log("nats"))


def check_liveness(trial):
    """A silent process is restarted; one that merely lacks NATS is not."""
    service = "job"
    process = trial.kubelet.processes[trial.instance(service)]
    process.send_signal(signal.SIGSTOP)
    check("a process that hangs is dead to its probe", trial.probe(service, "livenessProbe")[0] == 1)
    check("but not to another's", trial.probe("employee", "livenessProbe")[0] == 0)
    process.send_signal(signal.SIGCONT)
    eventually("it goes on", lambda: trial.ready(service))
    nats = trial.kubelet.processes["nats"]
    nats.kill()
    nats.wait()
    check("without NATS nobody is restarted, nobody is ready", [(trial.probe(name, "livenessProbe")[0], trial.probe(name, "readinessProbe")[0])
                                                               for name in SERVICES] == [(0, 1)] * len(SERVICES))
    trial.start_nats()
    for name in SERVICES:
        eventually(f"{name} is ready again", lambda: trial.ready(name), 60)
    check("NATS came back, and all with it", True)


def check_end(trial):
    for service in SERVICES:
        grace = trial.pods[service]["spec"]["terminationGracePeriodSeconds"]
        process = trial.kubelet.processes[trial.instance(service)]
        process.send_signal(signal.SIGTERM)
        check(f"{service} ends well within its grace of {grace} s", trial.kubelet.finish(trial.instance(service), grace) == 0, trial.kubelet.log(trial.instance(service)))


def main(tools, build):
    helm = chart.Helm(tools)
    newest = pathlib.Path(tools).resolve() / "bin/nats-server"
    servers = [server for server in (shutil.which("nats-server"), str(newest)) if server and pathlib.Path(server).exists()]
    with tempfile.TemporaryDirectory(prefix="furrow-chart-") as folder:
        trial = Trial(helm, str(pathlib.Path(build).resolve()), servers[-1], folder)
        try:
            check_configuration(trial, servers)
            check_redis(trial)
            check_waiting(trial)
            check_provision(trial)
            check_test_pod(trial)
            check_calls(trial)
            check_liveness(trial)
            check_end(trial)
        except (AssertionError, MeshError, subprocess.TimeoutExpired):
            print(trial.logs(), file=sys.stderr)
            raise
        finally:
            trial.kubelet.end()
    if not newest.exists():
        print("  not run: the newest nats-server (tests/support/tools TOOLS installs it)")
    print(f"running: {check.count} checks, {0 if newest.exists() else 1} tools missing")


if __name__ == "__main__":
    main(*sys.argv[1:])
