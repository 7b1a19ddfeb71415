"""
The servers and programs of a benchmark. A world is one nats-server and one redis-server on what is free, with their data in a
temporary directory, and whatever programs a benchmark starts in it. All of them die with the benchmark, even when that is
killed (PR_SET_PDEATHSIG through setpriv).
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 60
PASSWORD = "bench"
MEMORY_BYTES = 4 << 30
HERE = os.path.dirname(os.path.abspath(__file__))
MESH_SH = os.path.join(HERE, "..", "..", "..", "config", "dev", "mesh.sh")


class Failure(Exception):
    """What went wrong, for people."""


def free_port(above=0):
    # Below the range that the system gives to outgoing connections.
    for port in range(max(above + 1, 21000 + os.getpid() % 5000), 32000):
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


def find_build(root, wanted):
    """@wanted, or the first preset that is built with its benchmarks."""
    for build in [wanted] if wanted else [os.path.join(root, "build", name) for name in ("release", "dev")]:
        if os.path.exists(os.path.join(build, "tests", "bench", "furrow_echo")):
            return os.path.abspath(build)
    raise Failure("no build: cmake --preset release && cmake --build --preset release")


def figures(text):
    """The key=value pairs of a program's line, numbers as numbers."""
    pairs = (word.split("=", 1) for word in text.split() if "=" in word)
    return {key: float(value) for key, value in pairs}


def memory_folder():
    """None where there is none, or little room in it."""
    folder = "/dev/shm"
    return folder if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MEMORY_BYTES else None


def halves():
    """Of the processors that we may use."""
    processors = sorted(os.sched_getaffinity(0))
    return processors[:len(processors) // 2], processors[len(processors) // 2:]


def dying_with_us(processors=None):
    """What a program's command line begins with, so that it dies with us and runs on @processors alone (None or none: on all)."""
    place = ["taskset", "--cpu-list", ",".join(map(str, processors))] if processors else []
    return ["setpriv", "--pdeathsig", "KILL", *place]


class World:
    """
    To be used with `with`, or closed. @shipped: with the accounts, permissions, users and limits of config/dev/up, and the bench's own
    contracts among those of the mesh; else one account that everybody may do everything in. @apart: services and Redis have one half of the
    processors, nats-server and whatever else is run the other. @in_memory: nats-server's data is in memory, where there is a file system there with room for it,
    so that no disk is measured. @crews: how many consumers of the comparison
    (crew1, crew2, …) there are in the mesh, @also further ones (roster), and @keeping which of them by name keep replicas. Users sign in by password instead of NKey, so
    that a URL is all a bare program needs.
    """

    def __init__(self, build, shipped=True, crews=0, keeping=(), also=(), apart=False, in_memory=False):
        self.build, self.shipped = build, shipped
        self.measured, self.loading = halves() if apart else (None, None)
        self.crews, self.keeping, self.also = crews, keeping, also
        self.bench = os.path.join(build, "tests", "bench")
        self.services = os.path.join(build, "services")
        self.dir = tempfile.mkdtemp(prefix="furrow-bench-", dir=memory_folder() if in_memory else None)
        self.keys = os.path.join(self.dir, "keys")
        self.running = []
        self.filled = set()
        self.redis_socket = os.path.join(self.dir, "redis.sock")
        try:
            self._start_servers()
        except BaseException:
            self.close()
            raise

    def _permissions(self, server, file):
        with open(os.path.join(self.dir, file), "w") as out:
            out.write(re.sub(r"# (\S+)\n(\s+)\{\"nkey\": \"U\w+\"", rf'# \1\n\2{{"user": "\1", "password": "{PASSWORD}"',
                             self.furrow("permissions", "--format", server, "--keys", self.keys, env=self.contracts())))

    def _start_servers(self):
        self.port = free_port()
        monitoring = free_port(above=self.port)
        self.monitoring = f"http://127.0.0.1:{monitoring}"
        nats_limits, redis_more = f'http: "127.0.0.1:{monitoring}"\n', []
        if self.shipped:
            os.mkdir(self.keys, 0o700)
            with open(os.path.join(self.keys, "client.inbox"), "w") as inbox:  # what is there stays
                inbox.write(f"_INBOX_client.~{PASSWORD}")
            self.furrow("keys", self.keys, env=self.contracts())
            self._permissions("nats", "accounts.conf")
            self._permissions("redis", "redis.acl")
            nats_limits += "include accounts.conf\n" + subprocess.run(["bash", "-c", f". {MESH_SH} && nats_limits"], check=True, text=True,
                                                                     stdout=subprocess.PIPE).stdout
            redis_more = ["--aclfile", os.path.join(self.dir, "redis.acl")]
        with open(os.path.join(self.dir, "nats.conf"), "w") as out:
            out.write(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.dir}" }}\n{nats_limits}')
        nats = [os.environ.get("FURROW_NATS_SERVER") or find_program("nats-server"), "-c", os.path.join(self.dir, "nats.conf")]
        redis = [os.environ.get("FURROW_REDIS_SERVER") or find_program("redis-server"), "--port", "0", "--unixsocket", self.redis_socket,
                 "--dir", self.dir, "--save", "", "--appendonly", "no", *redis_more]
        # By its log: whoever else may have the port by now, it is not ours.
        self.start(*nats, until="Server is ready", on=self.loading)
        self.start(*redis, until="eady to accept connections", on=self.measured)
        self.redis = Redis(self.redis_socket, *(["operator", self.password("operator")] if self.shipped else []))
        with open(os.path.join(HERE, "bare.lua")) as library:
            self.redis.command("FUNCTION", "LOAD", library.read())

    def password(self, user):
        """Of a user of Redis."""
        with open(os.path.join(self.keys, f"{user}.redis")) as file:
            return file.read().strip()

    def nats(self, user):
        """The URL by which @user signs in."""
        return f"nats://{user}:{PASSWORD}@127.0.0.1:{self.port}" if self.shipped else f"nats://127.0.0.1:{self.port}"

    def redis_of(self, service):
        """How a bench program reaches Redis as @service."""
        return f"{service}:{self.password(service)}@{self.redis_socket}" if self.shipped else self.redis_socket

    def contracts(self):
        crews = [f"ways/furrow_proto_{name}" for name in (*(f"crew{number}" for number in range(1, self.crews + 1)), *self.also)]
        keeps = [f"ways/furrow_proto_{name}_keeps" for name in self.keeping]
        return {"FURROW_CONTRACTS": ":".join(os.path.join(self.bench, f"{name}_contracts.so")
                                             for name in ("furrow_proto_bench", "furrow_proto_bare", *crews, *keeps))}

    def settings(self, user):
        """What the tool or a service needs to be @user."""
        env = {"FURROW_NATS_URL": f"nats://127.0.0.1:{self.port}", "FURROW_REDIS_URL": f"unix://{self.redis_socket}", **self.contracts()}
        if self.shipped:
            env |= {"FURROW_NATS_USER": user, "FURROW_NATS_PASSWORD": PASSWORD, "FURROW_NATS_INBOX": f"_INBOX_{user}", "FURROW_REDIS_USER": user,
                    "FURROW_REDIS_PASSWORD_FILE": os.path.join(self.keys, f"{user}.redis")}
        return env

    def start(self, *argv, until=None, env=None, on=None):
        """Starts a program in the background, on the processors @on; waits for @until in its output."""
        log = os.path.join(self.dir, f"{len(self.running)}-{os.path.basename(argv[0])}.log")
        with open(log, "w") as out:
            process = subprocess.Popen([*dying_with_us(on), *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
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

    def run(self, path, *args, env=None):
        """Runs a program to its end; its output."""
        argv = [path, *map(str, args)]
        done = subprocess.run([*dying_with_us(self.loading), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, **(self.settings("operator") if env is None else env)})
        if done.returncode != 0:
            raise Failure(f"{' '.join(argv)} failed:\n{done.stdout[-2000:]}")
        return done.stdout

    def measure(self, program, *args):
        return figures(self.run(os.path.join(self.bench, program), *args))

    def loader_arguments(self, *args):
        writers = ["--writers", self.nats("%s.log")] if self.shipped else []
        return [os.path.join(self.bench, "loader"), "--url", self.nats("operator"), *writers, *map(str, args)]

    def loader(self, *args):
        self.run(*self.loader_arguments(*args))

    def farm(self, *args):
        return self.run(os.path.join(self.services, "farm", "farm"), *args)

    def furrow(self, *args, env=None):
        return self.run(os.path.join(self.services, "cli", "furrow"), *args, env=env)

    def provision(self):
        if "streams" not in self.filled:
            self.furrow("provision", *([] if self.shipped else ["--single-account"]))
            self.filled.add("streams")

    def fill(self, what, count):
        """Once."""
        self.provision()
        if what not in self.filled:
            self.loader("fill", what, count)
            self.filled.add(what)

    def secrets(self, name):
        """The files that a service needs whoever it is."""
        self.furrow("keys", self.keys, env=self.contracts())  # what is there stays
        path = os.path.join(self.keys, f"{name}.seal")
        return {"FURROW_SEAL_KEY_FILE": path} if os.path.exists(path) else {}

    def start_services(self, names, folder=None, **more):
        """At once; they are ready. @folder: where their programs are, if they are none of the mesh's; @more: further settings."""
        services = []
        for name in names:
            log = {"FURROW_NATS_LOG_USER": f"{name}.log", "FURROW_NATS_LOG_PASSWORD": PASSWORD} if self.shipped else {}
            services.append(self.start(os.path.join(folder or self.services, name), on=self.measured, env={**self.settings(name), **log, **self.secrets(name), **more}))
        for name, service in zip(names, services):
            # Who asks before it is there waits for a second: nats-server tells no operator that nobody serves a subject.
            self.wait(lambda: 'msg="ready"' in open(service.log).read(), service, f"{name} to be ready")
            self.furrow("health", "--wait", PATIENCE_S, name)
        return services

    def start_service(self, name, folder=None, **more):
        return self.start_services([name], folder, **more)[0]

    def start_crew(self, name, way, **more):
        return self.start_service(name, os.path.join(self.bench, "ways"), WAYS_WAY=way, **more)

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
    """As much of a client as the benchmarks need: one command, one answer that is text, a number or a list of such."""

    def __init__(self, path, *user_and_password):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.input = self.socket.makefile("rb")
        if user_and_password:
            self.command("AUTH", *user_and_password)

    def command(self, *words):
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words)))
        return self._answer()

    def _answer(self):
        line = self.input.readline().decode().strip()
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise Failure(f"redis: {rest}")
        if kind == "$":
            return self.input.read(int(rest) + 2)[:-2].decode() if rest != "-1" else None
        if kind == "*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == ":" else rest

    def forget(self, pattern):
        """Deletes the keys that match."""
        cursor = "0"
        while True:
            cursor, keys = self.command("SCAN", cursor, "MATCH", pattern, "COUNT", "10000")
            if keys:
                self.command("UNLINK", *keys)
            if cursor == "0":
                break

    def used_memory(self):
        return int(next(line for line in self.command("INFO", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])
