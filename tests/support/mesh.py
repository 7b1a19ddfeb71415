"""The mesh for tests that speak to it from outside: nats-server, redis-server and the four services in a temporary directory.

Every process has the caller as parent and dies with it, however that ends (PR_SET_PDEATHSIG). Nothing has a fixed port: nats-server takes
one and writes it down, Redis is on a socket in the directory. Standard library only.
"""
import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

SERVICES = ["employee", "location", "job", "timesheet"]
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
    """with Mesh(build, nats_server) as mesh: …   mesh.url is where NATS listens."""

    def __init__(self, build, nats_server):
        self.bin = pathlib.Path(build).resolve() / "services"
        self.nats_server = shutil.which("nats-server") if nats_server is None else str(pathlib.Path(nats_server).resolve())
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="furrow-mesh-"))
        self.processes = {}
        self.url = None
        self.env = dict(os.environ, FURROW_TIME_ZONE="UTC", FURROW_SEAL_KEY_FILE=str(self.dir / "seal"),
                        FURROW_REDIS_URL=f"unix://{self.dir}/redis.sock")

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

    def start(self, name, *command):
        with open(self.dir / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                                    preexec_fn=die_with(os.getpid()))

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait(READY_S)

    def log(self, name):
        return (self.dir / f"{name}.log").read_text(errors="replace")[-3000:]

    def furrow(self, *arguments):
        """The furrow tool; its output, and an exception when it fails."""
        done = subprocess.run([self.bin / "cli/furrow", *arguments], env=self.env, capture_output=True, text=True, timeout=90)
        if done.returncode:
            logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in self.processes)
            raise MeshError(f"furrow {' '.join(arguments)}: {done.stdout}{done.stderr}\n{logs}")
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

    def start_service(self, name):
        self.start(name, self.bin / name)

    def wait_healthy(self, *names):
        self.furrow("health", "--wait", "60", *names)

    def start_all(self):
        seal = self.dir / "seal"
        seal.touch(0o600)
        seal.write_bytes(secrets.token_bytes(32))
        self.start("nats", self.nats_server, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", str(self.dir / "js"),
                   "--ports_file_dir", str(self.dir))
        self.start("redis", "redis-server", "--port", "0", "--unixsocket", f"{self.dir}/redis.sock", "--dir", str(self.dir), "--save", "",
                   "--maxmemory-policy", "noeviction")
        self.url = eventually("nats-server listens", self.nats_url)
        eventually("redis-server listens", lambda: self.alive("redis") and (self.dir / "redis.sock").exists())
        self.env.update(FURROW_NATS_URL=self.url, NATS_URL=self.url)
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
