"""The rendered production, run against a NATS and a Redis that somebody else brought: NATS with TLS, client certificates and NKeys, Redis with ACL
users, both from the permissions that the chart ships; Secrets as an operator would make them, with openssl alone.

    check_production.py TOOLS BUILD
"""
import base64
import binascii
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

import chart
from chart import component, pods
from kubelet import Kubelet, free_port

sys.path.insert(0, str(chart.ROOT / "tests/support"))
from mesh import SERVICES, Checks, MeshError, die_with, eventually  # noqa: E402

check = Checks()
PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")  # PKCS #8 of an Ed25519 key, up to its 32 bytes
SEED_OF_USER, USER_KEY = bytes([18 << 3 | (20 << 3) >> 5, (20 << 3 & 31) << 3]), bytes([20 << 3])


def openssl(*words, given=None):
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


def nkey(data):
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).rstrip(b"=").decode()


def make_nkey():
    """(seed, public key) of a NATS user."""
    raw = secrets.token_bytes(32)
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", given=PRIVATE_DER + raw)[-32:]
    return nkey(SEED_OF_USER + raw), nkey(USER_KEY + public)


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
    def __init__(self, helm, build, nats_server, folder):
        self.folder, self.nats_server = pathlib.Path(folder), nats_server
        self.port = {"nats": free_port(), "redis": free_port()}
        self.users = json.loads((chart.CHART / "files/permissions.json").read_text())["users"]
        self.nkeys = {user["name"]: make_nkey() for user in self.users}
        self.passwords = {user["name"]: secrets.token_hex(20) for user in self.users}
        make_certificates(folder)
        hosts = {f"nats-{n}.nats.svc:4222": f"127.0.0.1:{self.port['nats']}" for n in range(3)}
        hosts["redis.data.svc:6380"] = f"127.0.0.1:{self.port['redis']}"
        objects = helm.objects("production", "--set", "provision.streamReplicas=1,provision.waitSeconds=10")
        self.kubelet = Kubelet(objects, build, hosts, folder, self.make_secrets())
        self.pods = {component(owner): pod for owner, pod in pods(objects)}

    def make_secrets(self):
        keys = {f"{name}.nk": f"{seed}\n".encode() for name, (seed, _) in self.nkeys.items()}
        keys |= {f"{name}.redis": password.encode() for name, password in self.passwords.items()}
        keys["employee.seal"] = secrets.token_bytes(32)
        tls = {there: (self.folder / here).read_bytes() for there, here in (("ca.crt", "ca.crt"), ("tls.crt", "client.crt"), ("tls.key", "client.key"))}
        return {"furrow-keys": keys, "nats-client-tls": tls}

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.kubelet.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with(os.getpid()))

    def start_servers(self):
        users = "\n".join(f"{{nkey: {self.nkeys[user['name']][1]}, permissions: {json.dumps(user['nats'])}}}" for user in self.users)
        (self.folder / "nats.conf").write_text(f"""
            listen: "127.0.0.1:{self.port['nats']}"
            jetstream {{ store_dir: "{self.folder}/js" }}
            tls {{ cert_file: "{self.folder}/server.crt", key_file: "{self.folder}/server.key", ca_file: "{self.folder}/ca.crt", verify: true }}
            accounts {{ FURROW {{ jetstream: enabled, users: [ {users} ] }}, SYS {{}} }}
            system_account: SYS""")
        acl = ["user default off resetpass ~* &* +@all"] + [f"user {user['name']} on #{hashlib.sha256(self.passwords[user['name']].encode()).hexdigest()} {user['redis']}"
                                      for user in self.users if "redis" in user]
        (self.folder / "users.acl").write_text("\n".join(acl) + "\n")
        self.start("nats", self.nats_server, "-c", f"{self.folder}/nats.conf")
        self.start("redis", "redis-server", "--port", str(self.port["redis"]), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder),
                   "--aclfile", f"{self.folder}/users.acl", "--maxmemory-policy", "noeviction")

    def instance(self, service, replica=0):
        return f"furrow-{service}-5d6f7c8b9-r{replica}"

    def probe(self, service, kind, replica=0):
        return self.kubelet.probe(self.instance(service, replica), self.pods[service], kind)

    def call(self, method, request):
        """As the user client, from outside of any pod."""
        seed = self.folder / "client.nk"
        seed.write_text(self.nkeys["client"][0])
        env = {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.port['nats']}", "FURROW_NATS_INBOX": "_INBOX_client", "FURROW_NATS_NKEY": str(seed),
               "FURROW_NATS_CA": f"{self.folder}/ca.crt", "FURROW_NATS_CERT": f"{self.folder}/client.crt", "FURROW_NATS_KEY": f"{self.folder}/client.key"}
        done = subprocess.run([self.kubelet.programs["/usr/bin/furrow"], "call", method, json.dumps(request)], env=env, capture_output=True, text=True, timeout=60)
        check(f"{method} as client", done.returncode == 0, done.stdout + done.stderr)
        return json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{"):])[0]

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


def check_one_of_two(production):
    """Two pods of a service: the probe is for one of them."""
    process = production.kubelet.processes[production.instance("timesheet", 1)]
    process.send_signal(signal.SIGSTOP)
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
    newest = pathlib.Path(tools).resolve() / "bin/nats-server"
    server = str(newest) if newest.exists() else shutil.which("nats-server")
    with tempfile.TemporaryDirectory(prefix="furrow-chart-") as folder:
        production = Production(chart.Helm(tools), str(pathlib.Path(build).resolve()), server, folder)
        try:
            production.start_servers()
            check_mesh(production)
            check_calls(production)
            check_one_of_two(production)
            check_end(production)
        except (AssertionError, MeshError, subprocess.TimeoutExpired):
            print(production.logs(), file=sys.stderr)
            raise
        finally:
            production.kubelet.end()
    print(f"production: {check.count} checks")


if __name__ == "__main__":
    main(*sys.argv[1:])
