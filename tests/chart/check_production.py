"""The rendered production, run against a NATS and a Redis that somebody else brought: NATS with TLS, client certificates and NKeys, Redis with ACL
users. Keys, accounts and users come from `furrow keys` and `furrow permissions`, and the Secret is the folder of keys, as README.md says. Once with an
account for each service, once with one for all, which must give up what README.md says it gives up.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.request

import chart
from chart import check, component, pods
from kubelet import Kubelet, free_port, running
from mesh import SERVICES, die_with, eventually, pause


def openssl(*words):
    subprocess.run(["openssl", *words], capture_output=True, check=True)


def make_certificates(folder):
    """ca.crt, and server and client certificates that it signed."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=CA", "-keyout", f"{folder}/ca.key",
            "-out", f"{folder}/ca.crt")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key",
                "-out", f"{folder}/{name}.csr")
        pathlib.Path(folder, "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-days", "2",
                "-extfile", f"{folder}/san", "-out", f"{folder}/{name}.crt")


class Production:
    def __init__(self, helm, build, tools, folder, single=False):
        self.folder, self.nats_cli, self.single = pathlib.Path(folder), str(tools / "bin/nats"), single
        self.port = {"nats": free_port(), "monitor": free_port(), "redis": free_port()}
        self.tool = str(build / "services/cli/furrow")
        self.furrow("keys", f"{folder}/keys")
        make_certificates(folder)
        hosts = {f"nats-{n}.nats.svc:4222": f"127.0.0.1:{self.port['nats']}" for n in range(3)}
        hosts["redis.data.svc:6380"] = f"127.0.0.1:{self.port['redis']}"
        values = f"provision.streamReplicas=1,provision.waitSeconds=10,nats.singleAccount={str(single).lower()}"
        self.objects = helm.objects("production", "--set", values)
        self.kubelet = Kubelet(self.objects, build, hosts, folder, self.make_secrets())
        self.nats_server = self.kubelet.install(tools / "bin/nats-server")
        self.pods = {component(owner): pod for owner, pod in pods(self.objects)}

    def furrow(self, *words):
        return subprocess.run([self.tool, *words], capture_output=True, text=True, check=True).stdout

    def make_secrets(self):
        """As `kubectl create secret generic --from-file=keys/` does."""
        keys = {file.name: file.read_bytes() for file in (self.folder / "keys").iterdir()}
        tls = {there: (self.folder / here).read_bytes() for there, here in (("ca.crt", "ca.crt"), ("tls.crt", "client.crt"), ("tls.key", "client.key"))}
        return {"furrow-keys": keys, "nats-client-tls": tls}

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.kubelet.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with(os.getpid()))

    def start_servers(self):
        single = ["--single-account"] if self.single else []
        (self.folder / "accounts.conf").write_text(self.furrow("permissions", "--format", "nats", "--keys", f"{self.folder}/keys", *single))
        (self.folder / "users.acl").write_text(self.furrow("permissions", "--format", "redis", "--keys", f"{self.folder}/keys"))
        (self.folder / "nats.conf").write_text(f"""
            listen: "127.0.0.1:{self.port['nats']}"
            http: "127.0.0.1:{self.port['monitor']}"
            jetstream {{ store_dir: "{self.folder}/js" }}
            tls {{ cert_file: "{self.folder}/server.crt", key_file: "{self.folder}/server.key", ca_file: "{self.folder}/ca.crt", verify: true }}
            ping_interval: "1s"
            ping_max: 2
            include accounts.conf""")
        self.start("nats", self.nats_server, "-c", f"{self.folder}/nats.conf")
        self.start("redis", "redis-server", "--port", str(self.port["redis"]), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder),
                   "--aclfile", f"{self.folder}/users.acl", "--maxmemory-policy", "noeviction", "--timeout", "4", "--tcp-keepalive", "1")

    def instance(self, service, replica=0):
        return f"furrow-{service}-5d6f7c8b9-r{replica}"

    def probe(self, service, kind, replica=0):
        return self.kubelet.probe(self.instance(service, replica), self.pods[service], kind)

    def call(self, method, request):
        """As the user client, from outside of any pod."""
        env = {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.port['nats']}", "FURROW_NATS_NKEY": f"{self.folder}/keys/client.nk",
               "FURROW_NATS_CA": f"{self.folder}/ca.crt", "FURROW_NATS_CERT": f"{self.folder}/client.crt", "FURROW_NATS_KEY": f"{self.folder}/client.key"}
        done = subprocess.run([self.kubelet.programs["/usr/bin/furrow"], "call", method, json.dumps(request)], env=env, capture_output=True, text=True, timeout=60)
        check(f"{method} as client", done.returncode == 0, done.stdout + done.stderr)
        return json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{"):])[0]

    def nats(self, user, *words):
        """The stock CLI, as @user."""
        secret = self.folder / "keys" / f"{user}.inbox"
        prefix = secret.read_text() if secret.exists() else f"_INBOX_{user.split('.')[0]}"
        tls = ["--tlsca", f"{self.folder}/ca.crt", "--tlscert", f"{self.folder}/client.crt", "--tlskey", f"{self.folder}/client.key"]
        done = subprocess.run([self.nats_cli, "--server", f"nats://127.0.0.1:{self.port['nats']}", "--nkey", f"{self.folder}/keys/{user}.nk", "--inbox-prefix", prefix,
                               *tls, *words], env={"HOME": str(self.folder)}, capture_output=True, text=True, timeout=60)
        check(f"nats {' '.join(words)} as {user}", done.returncode == 0, done.stdout + done.stderr)
        return done.stdout

    def logs(self):
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in sorted(self.folder.glob("*.log")))


def check_mesh(production):
    kubelet, run = production.kubelet, production.pods
    kubelet.start("provision", run["provision"])
    check("the hook provisions, over TLS and with operator's NKey", kubelet.finish("provision", 60) == 0, kubelet.log("provision"))
    for service in SERVICES:
        for replica in range(2):
            kubelet.start(production.instance(service, replica), run[service])
    for service in SERVICES:
        for replica in range(2):
            eventually(f"{service} is ready", lambda: production.probe(service, "readinessProbe", replica)[0] == 0)
            code, text = production.probe(service, "readinessProbe", replica)
            check(f"{service}, pod {replica}: itself, ready", code == 0 and f'"{production.instance(service, replica)}"' in text, text)
    kubelet.start("test", run["test"])
    check("helm test's pod, as inspector, finds every service well", kubelet.finish("test", 90) == 0, kubelet.log("test"))


def check_calls(production):
    """Written by one of two pods, read by whichever: what Redis' ACL lets them keep."""
    made = production.call("employee.v1.EmployeeService.HireEmployee", {"givenName": "Ana", "familyName": "Luna", "badge": "777"})["employee"]
    read = production.call("employee.v1.EmployeeService.GetEmployee", {"id": made["id"]})["employee"]
    check("what was written is read", read == made, read)


def check_answers(production):
    """An answer of JetStream, sent onto an employee by timesheet's key: harmless, unless both are in one account."""
    domain = [] if production.single else ["--js-domain", "employee"]
    api, user = ("$JS.API", "timesheet") if production.single else ("$JS.employee.API", "timesheet.log")

    def count():
        return json.loads(production.nats("operator", *domain, "stream", "info", "EMPLOYEE", "--json"))["state"]["last_seq"]

    before = count()
    production.nats(user, "pub", f"{api}.CONSUMER.MSG.NEXT.EMPLOYEE.timesheet", '{"batch":1,"no_wait":true}', "--reply", "employee.v1.Employee.attacked")
    check("in one account, timesheet's key stores something as an employee's state" if production.single else "timesheet's key changes nothing of employee's",
          count() == before + production.single, before)


def check_lag(production):
    """What KEDA's nats-jetstream scaler asks of NATS' monitoring port, and where in the answer it looks."""
    [scaled] = [one for one in production.objects if one["kind"] == "ScaledObject"]
    for trigger in scaled["spec"]["triggers"]:
        want = trigger["metadata"]
        with urllib.request.urlopen(f"http://127.0.0.1:{production.port['monitor']}/jsz?acc={want['account']}&consumers=true&config=true", timeout=10) as answer:
            [account] = json.load(answer)["account_details"]
        lag = [consumer["num_pending"] + consumer["num_ack_pending"] for stream in account["stream_detail"] if stream["name"] == want["stream"]
               for consumer in stream["consumer_detail"] if consumer["name"] == want["consumer"]]
        check(f"KEDA finds the lag of {want['consumer']} on {want['stream']} in account {want['account']}", lag == [0], lag)


def check_one_of_two(production):
    """Two pods of a service: the probe is for one of them."""
    process = production.kubelet.processes[production.instance("timesheet", 1)]
    pause(process)
    check("of two pods, the one that hangs is dead", [production.probe("timesheet", "livenessProbe", replica)[0] for replica in (0, 1)] == [0, 1])
    process.send_signal(signal.SIGCONT)


def check_end(production):
    for name in [name for name in production.kubelet.processes if name.startswith("furrow-")]:
        production.kubelet.processes[name].send_signal(signal.SIGTERM)
    for name in [name for name in production.kubelet.processes if name.startswith("furrow-")]:
        check(f"{name} drains", production.kubelet.finish(name, grace_of(production, name)) == 0, production.kubelet.log(name))


def grace_of(production, name):
    return production.pods[name.split("-")[1]]["spec"]["terminationGracePeriodSeconds"]


def main(tools, build):
    for single, checks in ((False, [check_mesh, check_calls, check_answers, check_lag, check_one_of_two, check_end]),
                           (True, [check_mesh, check_calls, check_lag, check_answers])):
        with tempfile.TemporaryDirectory(prefix="furrow-chart-") as folder:
            production = Production(chart.Helm(tools), build, tools, folder, single)
            with running(production):
                production.start_servers()
                for one in checks:
                    one(production)
