"""
The farm that is compared: a World with the owners (employee, job, location) and up to eight consumers (crew1 to crew8) that clock people in,
in one of the ways. Two farms make the comparison: in one the consumers have declared replicas, in the other they keep nothing, and the
owners' streams have no consumer of theirs.
"""
import os
import signal
import subprocess

from lib.counters import Nats, Processors, Traffic, jetstream_bytes, redis_bytes, settle, wait_at_rest
from lib.world import Failure, World, figures, free_port

OWNERS = {"employee": "EMPLOYEE", "job": "JOB", "location": "LOCATION"}  # and the streams of what they own
CREWS = 8
JOBS = 100  # and as many locations
SLOW_MS = 200  # that an answer of a slow owner is late
KEEPING = ("replica",)


class Run:
    """What one run of clients came to: per_s, p50_us, p99_us of what ended OK; share_ok of all that was sent; per command: messages and bytes
    through nats-server, requests at the owners, processor time of each."""

    def __init__(self, lines, commands, traffic, requests, processors):
        self.commands = max(commands, 1)
        self.per_s = sum(line["per_s"] for line in lines)
        self.p50_us = sorted(line["p50_us"] for line in lines)[len(lines) // 2]
        self.p99_us = max(line["p99_us"] for line in lines)
        self.ok = sum(line["ok"] for line in lines)
        self.sent = self.ok + sum(line[kind] for line in lines for kind in ("denied", "refused", "failed", "lost"))
        self.denied = sum(line["denied"] for line in lines)
        self.share_ok = self.ok / max(self.sent, 1)
        self.traffic, self.messages, self.bytes = traffic, traffic.messages / self.commands, traffic.bytes / self.commands
        self.requests = requests / self.commands
        self.cpu = {name: spent / self.commands for name, spent in processors.spent.items()}


class Farm:
    """To be used with `with`. @keeps: the consumers have replicas."""

    def __init__(self, build, keeps, employees, crews=CREWS, owners=True):
        self.keeps, self.employees = keeps, employees
        self.world = World(build, crews=crews, keeping=[f"crew{number}" for number in range(1, crews + 1)] if keeps else [])
        self.folder = os.path.join(self.world.bench, "ways")
        self.owners, self.crews, self.used, self.addresses = {}, {}, {}, {}
        try:
            for what, count in (("jobs", JOBS), ("locations", JOBS), ("employees", employees)):
                self.world.fill(what, count)
            self.nats = Nats(self.world)
            empty = redis_bytes(self.world)
            if owners:
                self.start_owners(OWNERS)
            self.jetstream_of_owners = sum(size for stream, (_, size) in jetstream_bytes(self.world).items() if stream in OWNERS.values())
            self.redis_of_owners = settle(lambda: redis_bytes(self.world)) - empty
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.world.close()

    def processes(self):
        return {"nats": self.world.running[0], "redis": self.world.running[1], **self.owners, **self.crews}

    # ---- owners ----

    def start_owners(self, names, **more):
        self.owners |= dict(zip(names, self.world.start_services(names, **more)))
        for name in names:
            wait_at_rest(self.world, OWNERS[name], [name])

    def end(self, process, how=None):
        process.send_signal(how) if how else process.kill()
        process.wait()
        self.world.running.remove(process)

    # ---- consumers ----

    def forget_days(self, name):
        """Everybody can clock in again. Streams of entities cannot be purged; who may delete them can make them anew."""
        answer = self.nats.request(f"$JS.{name}.API.STREAM.DELETE.{name.upper()}_DAY").decode()
        if '"success":true' not in answer:
            raise Failure(f"delete {name.upper()}_DAY: {answer}")
        self.world.redis.forget(f"{name}:{{{name.capitalize()}Day}}:*")
        self.used[name] = 0

    def stop_crew(self, name):
        if name in self.crews:
            self.end(self.crews.pop(name))

    def only(self, way, count=1):
        """Exactly so many consumers, in this way, anew; their names."""
        return list(self.of_ways([way] * count))

    def of_ways(self, ways):
        """A consumer in each of @ways, anew, and no others: {name: way}."""
        names = {f"crew{number}": way for number, way in enumerate(ways, 1)}
        for name in list(self.crews):
            self.stop_crew(name)
        spent = [name for name in names if self.used.get(name)]
        for name in spent:
            self.forget_days(name)
        if spent:
            self.world.furrow("provision")
        for name, way in names.items():
            if (way in KEEPING) != self.keeps:
                raise Failure(f"the consumers of this farm have {'' if self.keeps else 'no '}replicas: they cannot be {way}")
            self.used[name] = 0
            self.crews[name] = self.world.start_crew(name, way)
        for stream in OWNERS.values() if self.keeps else ():
            wait_at_rest(self.world, stream, names)
        return names

    def caught_up(self):
        """Waits until all who keep employees have the newest."""
        wait_at_rest(self.world, "EMPLOYEE", ["employee", *(self.crews if self.keeps else ())])

    def start_relay(self):
        """A way to nats-server on which what comes from it is SLOW_MS late; its URL is self.relay."""
        port = free_port(above=self.world.port + 100)
        self.relay = f"nats://127.0.0.1:{port}"
        return self.world.start(os.path.join(self.folder, "ways_slow"), "--listen", str(port), "--to", str(self.world.port), "--delay-ms",
                                str(SLOW_MS), until="ready")

    # ---- runs ----

    def client(self, name, *how, first=None, employees=None):
        return [os.path.join(self.folder, "ways_client"), "--url", self.world.nats("client"), "--service", name, "--first",
                self.used[name] if first is None else first, "--employees", employees or self.employees, "--jobs", JOBS, *how]

    def clock_in(self, names, *how, meanwhile=None, during=None, rest=True):
        """Clients at all of @names at once; what it came to. @meanwhile: argv of another program beside them; @during(): what happens then.
        @rest: with what the commands leave behind, until all is at rest; else messages and bytes are not all there."""
        counted = {name: self.nats.requests_of(name)["ClockIn"] for name in names}
        requests = self.owners_requests()
        traffic = Traffic(self.world)
        processors = Processors(self.processes())
        beside = self.spawn(meanwhile) if meanwhile else None
        clients = [self.spawn(self.client(name, *how)) for name in names]
        if during:
            during()
        lines = [self.line_of(client) for client in clients]
        if beside:
            self.line_of(beside)
        processors = Processors(self.processes(), processors)
        for name in names if rest else ():
            wait_at_rest(self.world, f"{name.upper()}_DAY", [name])
        if rest:
            settle(lambda: Traffic(self.world).bytes // 20_000)
        traffic, commands = Traffic(self.world, traffic), 0
        for name in names:
            mine = self.nats.requests_of(name)["ClockIn"] - counted[name]
            commands, self.used[name] = commands + mine, self.used[name] + max(mine, due_of(how))
        run = Run(lines, commands, traffic, self.owners_requests() - requests, processors)
        if run.denied > 0.01 * run.sent:
            raise Failure(f"{run.denied:.0f} of {run.sent:.0f} clock-ins were denied: everybody has clocked in already")
        return run

    def rates(self, name, commands, calls, first):
        """Of each of @commands, a second at whatever answers as @name, at 64 in flight."""
        rates = {}
        for command in commands:
            how = ("--in-flight", 64, "--calls", calls, "--warm-up", calls // 8, *(("--check",) if command == "check" else ()))
            rates[command] = self.line_of(self.spawn(self.client(name, *how, first=first)))["per_s"]
        return rates

    def bare_rates(self, way, name, commands, calls, first):
        """The same by bare programs, consumer and owners: no Furrow runs meanwhile. What @name keeps in Redis is there already."""
        self.stop_crew(name)
        for owner in list(self.owners):
            self.end(self.owners.pop(owner))
        programs = [self.start_bare("baseline_owner", owner, "--owner", owner) for owner in OWNERS]
        programs.append(self.start_bare("baseline_ways", name, "--way", way, "--crew", name, "--log-url", self.world.nats(f"{name}.log")))
        rates = self.rates(name, commands, calls, first)
        for program in programs:
            self.end(program)
        self.start_owners(OWNERS)
        return rates

    def start_bare(self, program, user, *more):
        return self.world.start(os.path.join(self.folder, program), *more, "--url", self.world.nats(user), "--redis", self.world.redis_of(user),
                                until="ready")

    def owners_requests(self):
        """At all owners that can be asked now."""
        alive = [name for name, process in self.owners.items() if self.answers(process)]
        return sum(sum(count for method, count in self.nats.requests_of(name).items() if "Get" in method or "List" in method) for name in alive)

    @staticmethod
    def answers(process):
        """Neither ended nor stopped."""
        if process.poll() is not None:
            return False
        with open(f"/proc/{process.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "TtZ"

    def spawn(self, argv):
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @staticmethod
    def line_of(process):
        out = process.communicate()[0]
        if process.returncode != 0:
            raise Failure(f"{' '.join(process.args[3:])} failed:\n{out[-2000:]}")
        return figures(out)

    def changes(self, rate, seconds, keys=None):
        """Argv of a program that changes employees at this rate: another crew each time."""
        return [os.path.join(self.world.bench, "overload"), "--url", self.world.nats("client"), "--subject",
                "employee.v1.EmployeeService.UpdateEmployee", "--body", '{"employee":{"id":"E%d","crew":"c%n"},"updateMask":"crew"}', "--keys",
                keys or self.employees, "--rate", rate, "--seconds", seconds, "--warm-up", 0]


def due_of(how):
    """Commands that a client sends at a rate: some may be at work after it has given them up, and are not counted yet."""
    options = dict(zip(how[::2], how[1::2]))
    return int(options["--rate"] * (options["--seconds"] + options["--warm-up"])) + 10 if "--rate" in options else 0


def stopped(process):
    process.send_signal(signal.SIGSTOP)


def resumed(process):
    process.send_signal(signal.SIGCONT)
