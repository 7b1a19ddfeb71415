"""The mesh that is broken: nats-server, redis-server and two processes of each service as config/dev/up makes them, and what can be done to
them. The second process of each service reaches both servers through proxies of ours, and has a clock that can be moved.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))

from mesh import SERVICES, Mesh, MeshError, eventually, pause  # noqa: E402
from nats import Lost, Nats, Silence  # noqa: E402
from resp import Redis, RedisError  # noqa: E402

INSTANCES = [f"{name}-{number}" for name in SERVICES for number in (1, 2)]
CLOCKED = ["employee-2", "timesheet-2"]
FAKETIME = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
DISK_MB = 512
PROBES = {"employee": ("employee.v1.EmployeeService.GetEmployee", "S0000"), "location": ("location.v1.LocationService.GetLocation", "B1"),
          "job": ("job.v1.JobService.GetJob", "J1"), "timesheet": ("timesheet.v1.TimesheetService.ListDays", None),
          "harvest": ("harvest.v1.HarvestService.ListTickets", None)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mount(path):
    """A small disk of its own, which can be filled. True if this machine lets us."""
    path.mkdir()
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "chaos", path], stderr=subprocess.DEVNULL).returncode == 0


class World(Mesh):
    def __init__(self, build, nats_server=None, faults=None):
        super().__init__(build, nats_server)
        self.nats_port = free_port()
        self.planted = faults
        self.nats_dir, self.redis_dir = self.dir / "nats", self.dir / "redis"
        self.own_disks = all([mount(self.nats_dir), mount(self.redis_dir)])
        self.paused, self.missing_library = set(), False
        self.clocks = {name: self.dir / f"{name}.clock" for name in CLOCKED}
        self.sanitized = b"__asan_init" in (self.bin / "employee").read_bytes()

    # ---- starting ----

    def start(self, name, *command, env=None):
        with open(self.dir / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                    env=env or self.env)

    def configure(self):
        super().configure()
        limits = subprocess.run(["bash", "-c", f". {ROOT}/config/dev/mesh.sh && nats_limits"], check=True, capture_output=True, text=True).stdout
        (self.dir / "nats.conf").write_text(f'listen: "127.0.0.1:{self.nats_port}"\njetstream {{ store_dir: "{self.nats_dir}", max_file_store: 16GB }}\n'
                                            f"include accounts.conf\n{limits}")
        (self.dir / "redis.conf").write_text(f"port 0\nunixsocket {self.dir}/redis.sock\naclfile {self.dir}/redis.acl\ndir {self.redis_dir}\n"
                                             "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\nsave \"\"\n")

    def start_nats(self):
        self.start("nats", self.nats_server, "-c", str(self.dir / "nats.conf"))

    def start_redis(self):
        """Redis 7.0 that found its disk full soon after it rewrote its log leaves half a command in the midst of it, and will not start again
        (BGREWRITEAOF, a short write, SIGKILL). Who operates it cuts the log there, as Redis' manual says: it comes back with what it had then."""
        manifest = self.redis_dir / "appendonlydir/appendonly.aof.manifest"
        if manifest.exists() and subprocess.run(["redis-check-aof", manifest], capture_output=True, check=False).returncode:
            subprocess.run(["redis-check-aof", "--fix", manifest], input=b"y\n", capture_output=True, check=True)
        self.start("redis", "redis-server", str(self.dir / "redis.conf"))

    def start_proxy(self):
        links = []
        self.links = {}
        for name in INSTANCES:
            if name.endswith("-2"):
                for kind, target in ("nats", f"127.0.0.1:{self.nats_port}"), ("redis", f"{self.dir}/redis.sock"):
                    self.links[name, kind] = free_port()
                    links.append(f"{name}/{kind}={self.links[name, kind]}={target}")
        with open(self.dir / "proxy.log", "ab") as log:
            self.proxy = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, HERE / "proxy.py", *links], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.processes["proxy"] = self.proxy
        if self.proxy.stdout.readline() != "ready\n":
            raise MeshError("the proxy does not start: " + self.log("proxy"))

    def tell_proxy(self, link, how):
        try:
            self.proxy.stdin.write(f"{link} {how}\n")
            self.proxy.stdin.flush()
        except OSError:
            raise MeshError("the proxy has ended: " + self.log("proxy")) from None

    def service_env(self, name):
        service, _, number = name.partition("-")
        env = super().service_env(service) | {"FURROW_INSTANCE_ID": name, "FURROW_NATS_URL": f"nats://127.0.0.1:{self.nats_port}"}
        if self.planted:
            env["FURROW_FAULTS"] = self.planted
        if number == "2":
            env |= {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.links[name, 'nats']}", "FURROW_REDIS_URL": f"redis://127.0.0.1:{self.links[name, 'redis']}"}
        if name in self.clocks and FAKETIME and not self.sanitized:
            env |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clocks[name]), "FAKETIME_CACHE_DURATION": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        return env

    def start_service(self, name, program=None):
        self.start(name, program or self.bin / name.partition("-")[0], env=self.service_env(name))

    def set_clock(self, name, seconds):
        """How far the clock of an instance is ahead; it notices within a second."""
        self.clocks[name].write_text(f"{seconds:+d}s\n" if seconds else "+0s\n")

    def start_all(self):
        self.configure()
        for name in self.clocks:
            self.set_clock(name, 0)
        self.start_nats()
        self.start_redis()
        self.start_proxy()
        self.url = f"nats://127.0.0.1:{self.nats_port}"
        self.env["FURROW_NATS_URL"] = self.url
        self.env.update(FURROW_REDIS_URL=f"unix://{self.dir}/redis.sock", FURROW_REDIS_USER="operator",
                        FURROW_REDIS_PASSWORD_FILE=str(self.keys / "operator.redis"))
        self.operator = self.connect("operator")
        eventually("nats-server listens", self.nats_answers)
        eventually("redis-server listens", self.redis_answers)
        self.furrow("provision")
        for name in INSTANCES:
            self.start_service(name)
        self.wait_healthy(*SERVICES)

    def connect(self, user):
        secret = self.keys / f"{user}.inbox"
        inbox = secret.read_text().strip() if secret.exists() else "_INBOX_" + user.partition(".")[0]
        return Nats(("127.0.0.1", self.nats_port), self.nkey(user), inbox)

    def redis(self, seconds=5):
        return Redis(f"{self.dir}/redis.sock", "operator", (self.keys / "operator.redis").read_text().strip(), seconds)

    def nats_answers(self):
        try:
            return self.operator.api("employee", "INFO", seconds=1).get("type")
        except (Lost, Silence, ValueError):
            return self.alive("nats") and False

    def redis_answers(self):
        with contextlib.suppress(RedisError):
            return self.redis().command("PING") == b"PONG"
        return self.alive("redis") and False

    # ---- breaking and mending ----

    def running(self, name):
        process = self.processes.get(name)
        return process is not None and process.poll() is None

    def kill(self, name, how=signal.SIGKILL, seconds=30):
        """Its exit status; None when it has not ended after so long, and had to be killed."""
        process = self.processes.pop(name)
        self.paused.discard(name)
        process.send_signal(how)
        if how == signal.SIGKILL:
            return process.wait()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def pause(self, name):
        pause(self.processes[name])
        self.paused.add(name)

    def go_on(self, name):
        if name in self.paused:
            self.processes[name].send_signal(signal.SIGCONT)
            self.paused.discard(name)

    def restart(self, name):
        {"nats": self.start_nats, "redis": self.start_redis}.get(name, lambda: self.start_service(name))()

    def mend(self):
        """Everything runs and nothing holds it up: whatever was broken and is not yet mended, is now. Who died by himself is an error."""
        for name in list(self.paused):
            self.go_on(name)
        dead = [name for name in ["nats", "redis", *INSTANCES] if not self.running(name)]
        for name in dead:
            self.processes.pop(name, None)
            self.restart(name)
        for name, kind in self.links:
            self.tell_proxy(f"{name}/{kind}", "pass")
        for name in self.clocks:
            self.set_clock(name, 0)
        return dead

    def copy(self, name, to):
        """What the server has on its disk at this moment."""
        source = {"nats": self.nats_dir, "redis": self.redis_dir}[name]
        self.pause(name)
        try:
            shutil.rmtree(to, ignore_errors=True)
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("ballast"))
        finally:
            self.go_on(name)

    def put_back(self, name, copy):
        """The server dies; what it has on its disk is @copy (None: nothing)."""
        folder = {"nats": self.nats_dir, "redis": self.redis_dir}[name]
        self.kill(name)
        for inside in folder.iterdir():
            shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
        if copy:
            shutil.copytree(copy, folder, dirs_exist_ok=True)

    def fill_disk(self, name):
        """To the last byte. The file is what frees it again."""
        ballast = {"nats": self.nats_dir, "redis": self.redis_dir}[name] / "ballast"
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        return ballast

    def provision(self, what):
        """As an operator's job does it: again until it is done."""
        eventually(f"furrow provision --only {what}", lambda: self.tool("provision", "--only", what), 60)

    def tool(self, *arguments):
        with contextlib.suppress(MeshError, subprocess.TimeoutExpired):
            return self.furrow(*arguments) or True
        return None

    def crashes(self):
        """What no process may say, whatever happens to its servers."""
        for name in INSTANCES:
            for line in (self.dir / f"{name}.log").read_text(errors="replace").splitlines():
                if "ERROR: AddressSanitizer" in line or "runtime error:" in line or "FURROW_REQUIRE" in line or "FURROW_ASSERT" in line:
                    yield f"{name}: {line}"

    # ---- asking ----

    def serving(self, nats, service, seconds=0.5):
        """Does some process of @service answer? Asked as a client."""
        method, id_ = PROBES[service]
        request = {"id": id_} if id_ else {"employeeId": "S0000", "pageSize": 1}
        try:
            answer = nats.request(method, json.dumps(request).encode(), {"Grpc-Timeout": "400m"}, seconds)
        except (Lost, Silence):
            return False
        return answer.status == "" and "Nats-Service-Error-Code" not in answer.headers

    def wait_serving(self, seconds=60):
        """Every process of every service is ready, by its own word."""
        deadline = time.monotonic() + seconds
        while True:
            waiting = [name for name in INSTANCES if not self.ready(name)]
            if not waiting:
                return []
            if time.monotonic() > deadline:
                return waiting
            time.sleep(0.05)

    def ready(self, name):
        """By its own health."""
        try:
            answer = self.operator.request(f"furrow.v1.Health.{name.partition('-')[0]}.{name}", seconds=0.5)
            return answer.status == "" and json.loads(answer.body).get("status") == "SERVING"
        except (Lost, Silence, ValueError):
            return False

    def why(self, name):
        try:
            return self.operator.request(f"furrow.v1.Health.{name.partition('-')[0]}.{name}", seconds=0.5).body.decode()[:600]
        except (Lost, Silence):
            return "no answer"
