"""
The servers and programs of a benchmark. A world is one nats-server and one redis-server on what is free, with their data in a
temporary directory, and whatever programs a benchmark starts in it. All of them die with the benchmark, even when that is
killed (PR_SET_PDEATHSIG through setpriv).
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 60


class Failure(Exception):
    """What went wrong, for people."""


def free_port():
    # Below the range that the system gives to outgoing connections.
    for port in range(21000 + os.getpid() % 5000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port")


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Failure(f"{name} is not installed")
    return path


def figures(text):
    """The key=value pairs of a program's line, numbers as numbers."""
    pairs = (word.split("=", 1) for word in text.split() if "=" in word)
    return {key: float(value) for key, value in pairs}


class World:
    """To be used with `with`, or closed."""

    def __init__(self, build):
        self.build = build
        self.bench = os.path.join(build, "tests", "bench")
        self.services = os.path.join(build, "services")
        self.dir = tempfile.mkdtemp(prefix="furrow-bench-")
        self.running = []
        self.filled = set()
        self.redis_socket = os.path.join(self.dir, "redis.sock")
        try:
            self._start_servers()
        except BaseException:
            self.close()
            raise

    def _start_servers(self):
        port = free_port()
        self.url = f"nats://127.0.0.1:{port}"
        nats = [os.environ.get("FURROW_NATS_SERVER") or find_program("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", self.dir]
        redis = [os.environ.get("FURROW_REDIS_SERVER") or find_program("redis-server"), "--port", "0", "--unixsocket", self.redis_socket,
                 "--dir", self.dir, "--save", "", "--appendonly", "no"]
        # By its log: whoever else may have the port by now, it is not ours.
        self.start(*nats, until="Server is ready")
        self.start(*redis, until="eady to accept connections")
        self.redis = Redis(self.redis_socket)

    def start(self, *argv, until=None, env=None):
        """Starts a program in the background; waits for @until in its output."""
        log = os.path.join(self.dir, f"{len(self.running)}-{os.path.basename(argv[0])}.log")
        with open(log, "w") as out:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       env={**os.environ, **(env or {})})
        process.log = log
        self.running.append(process)
        if until:
            self.wait(lambda: until in open(log).read(), process, f"{argv[0]} to say \"{until}\"")
        return process

    def wait(self, condition, process, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"waited in vain for {what}; its log ends:\n{open(process.log).read()[-2000:]}")
            time.sleep(0.01)

    def start_bench(self, program, *args, until="ready"):
        return self.start(os.path.join(self.bench, program), *args, until=until)

    def run(self, path, *args):
        """Runs a program to its end; its output."""
        argv = ["setpriv", "--pdeathsig", "KILL", path, *map(str, args)]
        env = {**os.environ, "FURROW_NATS_URL": self.url, "FURROW_REDIS_URL": f"unix://{self.redis_socket}"}
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        if done.returncode != 0:
            raise Failure(f"{' '.join(argv[3:])} failed:\n{done.stdout[-2000:]}")
        return done.stdout

    def measure(self, program, *args):
        return figures(self.run(os.path.join(self.bench, program), *args))

    def loader(self, *args):
        self.run(os.path.join(self.bench, "loader"), "--url", self.url, *args)

    def furrow(self, *args):
        return self.run(os.path.join(self.services, "cli", "furrow"), *args)

    def provision(self):
        if "streams" not in self.filled:
            self.furrow("provision", "--single-account")
            self.filled.add("streams")

    def fill(self, what, count):
        """Once."""
        self.provision()
        if what not in self.filled:
            self.loader("fill", what, count)
            self.filled.add(what)

    def start_service(self, name):
        seal = os.path.join(self.dir, "seal")
        with open(os.open(seal, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write("5e" * 32)
        service = self.start(os.path.join(self.services, name),
                             env={"FURROW_NATS_URL": self.url, "FURROW_REDIS_URL": f"unix://{self.redis_socket}",
                                  "FURROW_SEAL_KEY_FILE": seal})
        self.furrow("health", "--wait", PATIENCE_S, name)
        return service


    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in reversed(self.running):
            process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def resident_mb(process):
    with open(f"/proc/{process.pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise Failure(f"process {process.pid} is gone")


def cpu_seconds(pid):
    """Of the process, since its start."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Of all processors, since the machine's start: whatever was not idle."""
    with open("/proc/stat") as stat:
        ticks = [int(word) for word in stat.readline().split()[1:]]
    return (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


class Redis:
    """As much of a client as the benchmarks need: one command, one answer that is text or a number."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.input = self.socket.makefile("rb")

    def command(self, *words):
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
        line = self.input.readline().decode().strip()
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise Failure(f"redis: {rest}")
        if kind == "$":
            return self.input.read(int(rest) + 2)[:-2].decode()
        return int(rest) if kind == ":" else rest

    def used_memory(self):
        return int(next(line for line in self.command("INFO", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])
