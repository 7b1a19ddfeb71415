"""The mesh for tests that speak to it from outside: nats-server, redis-server and the services in a temporary directory, each user with
its own NKey, Redis password and permissions as `furrow permissions` derives them.

Every process has the caller as parent and dies with it, however that ends (PR_SET_PDEATHSIG). Nothing has a fixed port: nats-server takes
one and writes it down, Redis is on a socket in the directory. Standard library only.
"""
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = re.findall("^[a-z].*", (ROOT / "services/list").read_text(), re.M)
RULES = ROOT / "config/rules/us-ca-agriculture.json"  # what payroll pays by
PR_SET_PDEATHSIG = 1
READY_S = 30
libc = ctypes.CDLL(None, use_errno=True)


class MeshError(Exception):
    """Something of the mesh did not start; the text has the end of its log."""


def die_with(parent):
    """A child's first act; the parent may have died before it."""
    def act():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return act


def pause(process):
    """SIGSTOP, and it has stopped: one of its threads stops the others once it runs, and on a busy machine they do many things before."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def eventually(what, condition, seconds=READY_S):
    """The first true value of condition(), asked again until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise MeshError(f"{what}: not so after {seconds} s")
        time.sleep(0.02)


class Mesh:
    """with Mesh(build, nats_server) as mesh: …   mesh.url is where NATS listens, mesh.nkey("client") the seed file of a user.

    mesh.env is the tool's environment, as the operator. contracts: a shared object with those of a service of one's own.
    """

    def __init__(self, build, nats_server, contracts=None):
        self.bin = pathlib.Path(build).resolve() / "services"
        self.nats_server = shutil.which("nats-server") if nats_server is None else str(pathlib.Path(nats_server).resolve())
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="furrow-mesh-"))
        self.processes = {}
        self.url = None
        self.keys = self.dir / "keys"
        self.env = dict(os.environ, FURROW_NATS_NKEY=self.nkey("operator"), FURROW_CONTRACTS=str(contracts or ""))

    def nkey(self, user):
        return str(self.keys / f"{user}.nk")

    def inbox(self, user):
        """The prefix of the inboxes that @user may listen on."""
        file = self.keys / f"{user}.inbox"
        return file.read_text() if file.exists() else f"_INBOX_{user}"

    def __enter__(self):
        try:
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, name, *command, env=None):
        with open(self.dir / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env or self.env,
                                                    preexec_fn=die_with(os.getpid()))

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(READY_S)

    def log(self, name):
        return (self.dir / f"{name}.log").read_text(errors="replace")[-3000:]

    def furrow(self, *arguments):
        """The furrow tool; its output, and an exception when it fails."""
        return self.program("cli/furrow", *arguments)

    def farm(self, *arguments):
        """The farm's own program, likewise."""
        return self.program("farm/farm", *arguments)

    def program(self, path, *arguments):
        done = subprocess.run([self.bin / path, *arguments], env=self.env, capture_output=True, text=True, timeout=90)
        if done.returncode:
            logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in self.processes)
            raise MeshError(f"{path} {' '.join(arguments)}: {done.stdout}{done.stderr}\n{logs}")
        return done.stdout

    def alive(self, name):
        if self.processes[name].poll() is not None:
            raise MeshError(f"{name} ended at once: {self.log(name)}")
        return True

    def nats_url(self):
        self.alive("nats")
        for file in self.dir.glob("*.ports"):
            try:
                return json.loads(file.read_text())["nats"][0]
            except (ValueError, KeyError, IndexError):
                return None  # it is being written
        return None

    def service_env(self, name):
        """What a service needs, its own keys and nobody else's."""
        env = dict(os.environ, FURROW_NATS_URL=self.url, FURROW_NATS_NKEY=self.nkey(name), FURROW_NATS_LOG_NKEY=self.nkey(f"{name}.log"),
                   FURROW_REDIS_URL=f"unix://{self.dir}/redis.sock",
                   FURROW_REDIS_USER=name, FURROW_REDIS_PASSWORD_FILE=str(self.keys / f"{name}.redis"),
                   FURROW_HASH_KEY_FILE=str(self.keys / f"{name}.secret"), FURROW_TIME_ZONE="UTC", PAYROLL_RULES=str(RULES))
        seal = self.keys / f"{name}.seal"
        return env | {"FURROW_SEAL_KEY_FILE": str(seal)} if seal.exists() else env

    def start_service(self, name, program=None):
        self.start(name, program or self.bin / name, env=self.service_env(name))

    def wait_healthy(self, *names):
        self.furrow("health", "--wait", "60", *names)

    def configure(self):
        self.furrow("keys", str(self.keys))
        for file, what in ("accounts.conf", "nats"), ("redis.acl", "redis"):
            (self.dir / file).write_text(self.furrow("permissions", "--format", what, "--keys", str(self.keys)))
        (self.dir / "nats.conf").write_text(f"""listen: "127.0.0.1:-1"
ports_file_dir: "{self.dir}"
jetstream {{ store_dir: "{self.dir}/js" }}
include accounts.conf
ping_interval: "1s"
ping_max: 2
""")

    def start_all(self):
        self.configure()
        self.start("nats", self.nats_server, "-c", str(self.dir / "nats.conf"))
        self.start("redis", "redis-server", "--port", "0", "--unixsocket", f"{self.dir}/redis.sock", "--dir", str(self.dir), "--save", "",
                   "--maxmemory-policy", "noeviction", "--timeout", "4", "--tcp-keepalive", "1", "--aclfile", str(self.dir / "redis.acl"))
        self.url = eventually("nats-server listens", self.nats_url)
        eventually("redis-server listens", lambda: self.alive("redis") and (self.dir / "redis.sock").exists())
        self.env["FURROW_NATS_URL"] = self.url
        self.env.update(FURROW_REDIS_URL=f"unix://{self.dir}/redis.sock", FURROW_REDIS_USER="operator",
                        FURROW_REDIS_PASSWORD_FILE=str(self.keys / "operator.redis"))
        self.furrow("provision")
        for name in SERVICES:
            self.start_service(name)
        self.wait_healthy(*SERVICES)


class Checks:
    """Says what was checked; what fails is an AssertionError with what was seen."""

    def __init__(self):
        self.count = 0

    def __call__(self, what, good, seen=""):
        if not good:
            raise AssertionError(f"{what}: {seen}")
        self.count += 1
        print(f"  ok  {what}", flush=True)
