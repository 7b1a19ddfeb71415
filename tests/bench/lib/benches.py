"""
What is measured. A benchmark is a function of a world and the scale (quick or full) that yields figures; a figure has a product side,
a baseline side or a fixed limit, and the minimum or maximum that `run --check` holds it to. Sides run alternately (A B A B); see judge.py.
"""
import os
import shutil
import subprocess
import sys
import time

from lib.figure import Absolute, Pair
from lib.world import Failure, World, busy_seconds, cpu_seconds, figures, find_program, resident_mb

IN_FLIGHT = 64
CAPACITY_IN_FLIGHT = (64, 256, 1024)  # whichever of them gives the most
JOBS = 100


class Scale:
    def __init__(self, quick):
        self.quick = quick
        self.entities = 100_000 if quick else 1_000_000
        self.echo_calls = 200_000 if quick else 1_000_000
        self.latency_calls = 8_000 if quick else 40_000
        self.commands = 10_000 if quick else 50_000
        self.pairs = 1 if quick else 3


def echo(world, scale):
    """Unary echo: one server loop, one client loop; bare nats.c in event-loop mode does the same."""
    world.start_bench("baseline_echo", "serve", "--url", world.nats("bare"))
    world.start_bench("furrow_echo", "serve", "--url", world.nats("bench"))

    def side(program, in_flight, key, *more):
        calls = scale.latency_calls if in_flight == 1 else scale.echo_calls
        return lambda number: world.measure(program, "call", "--url", world.nats("client"), "--in-flight", in_flight, "--calls", calls, "--warm-up",
                                            calls // 20, *more)[key]

    yield Pair("echo", "256 in flight", "calls/s", side("furrow_echo", 256, "per_s"), side("baseline_echo", 256, "per_s"), minimum=0.80)
    yield Pair("echo", "1 in flight, p50", "us", side("furrow_echo", 1, "p50_us"), side("baseline_echo", 1, "p50_us"), maximum=1.15)
    yield Pair("echo", "256 in flight, client in tasks", "calls/s", side("furrow_echo", 256, "per_s", "--tasks"),
               side("baseline_echo", 256, "per_s"))
    subject = ("--subject", "bench.v1.EchoService.Echo", "--body")
    protobuf = side("baseline_echo", 256, "per_s", *subject, "\n\x40" + "x" * 64)
    yield Pair("echo", "JSON instead of protobuf", "calls/s", side("baseline_echo", 256, "per_s", *subject, '{"text":"' + "x" * 64 + '"}'),
               protobuf)
    if not scale.quick:
        for in_flight, minimum in ((16, 0.94), (64, 0.92)):
            yield Pair("echo", f"{in_flight} in flight", "calls/s", side("furrow_echo", in_flight, "per_s"),
                       side("baseline_echo", in_flight, "per_s"), minimum=minimum)


def rules(world, scale):
    """Instructions a request takes of the echo's server with three rules of its text, and without; callgrind counts them."""
    if not shutil.which("valgrind"):
        print("rules: valgrind is not installed", file=sys.stderr)
        return
    with World(world.build, world.shipped) as other:  # where no other server answers
        def count(method, calls):
            out = os.path.join(other.dir, "callgrind")
            server = other.start(find_program("valgrind"), "--tool=callgrind", f"--callgrind-out-file={out}", os.path.join(other.bench, "furrow_echo"),
                                 "serve", "--url", other.nats("bench"), until="ready")
            other.measure("baseline_echo", "call", "--url", other.nats("client"), "--in-flight", IN_FLIGHT, "--calls", calls, "--warm-up", IN_FLIGHT,
                          "--subject", f"bench.v1.EchoService.{method}", "--body", "\n\x40" + "x" * 64)
            server.terminate()
            server.wait()
            with open(out) as lines:
                return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))

        def per_request(method):
            calls = scale.commands
            return lambda number: (count(method, 2 * calls) - count(method, calls)) / calls

        yield Pair("rules", "echo with three, 64 in flight", "instructions", per_request("Rule"), per_request("Echo"), maximum=1.03)


def drained(world, scale):
    """Two ways to drain timesheet's durable of EMPLOYEE, which begins anew each time, into an empty Redis."""
    world.fill("employees", scale.entities)
    account, api = (["--account", "employee"], ["--api", "$JS.employee.API"]) if world.shipped else ([], [])

    def begin():
        world.redis.command("FLUSHALL")
        world.loader("renew", "EMPLOYEE", "timesheet")

    def product():
        return world.measure("furrow_catchup", "--url", world.nats("timesheet.log"), "--redis", world.redis_of("timesheet"), *account)

    def baseline(how):
        return world.measure("baseline_catchup", how, "--url", world.nats("timesheet.log"), "--redis", world.redis_of("timesheet"), "--events",
                             scale.entities, *api)
    return begin, product, baseline


def catch_up(world, scale):
    """A replica keeps 4 of 15 fields of 200-byte entities, from nothing to ready; bare: drain, versioned upsert, ack each."""
    begin, product, baseline = drained(world, scale)
    yield Pair("catch-up", f"{scale.entities} entities", "entities/s", lambda number: (begin(), product()["per_s"])[1],
               lambda number: (begin(), baseline("drain")["per_s"])[1], minimum=0.90)


def redis_bytes(world, scale):
    """Bytes in Redis per replicated entity; bare: plain SET of a string that holds version and fields, in an empty Redis."""
    begin, product, baseline = drained(world, scale)

    def grown(fill):
        begin()
        world.redis.command("MEMORY", "PURGE")
        before = world.redis.used_memory()
        fill()
        return (world.redis.used_memory() - before) / scale.entities

    yield Pair("redis-bytes", f"{scale.entities} entities", "bytes", lambda number: grown(product), lambda number: grown(lambda: baseline("plain")),
               maximum=1.10, once=True)


def hot_entity(world, scale):
    """Many writers of one entity: read, decide, publish, apply; bare: one publish after the other, each with the sequence of the ack before."""
    world.provision()
    writes = 10_000 if scale.quick else 50_000

    def product(writers):
        return lambda number: world.measure("furrow_entity", "--url", world.nats("employee.log"), "--redis",
                                            world.redis_of("employee"), "--way", "hot", "--window", writers, "--writes", writes)["per_s"]

    def baseline(number):
        return world.measure("baseline_hot", "--url", world.nats("employee.log"), "--writes", writes)["per_s"]

    for writers in (256, 1000):
        yield Pair("hot entity", f"{writers} writers", "writes/s", product(writers), baseline)


def start_timesheet(world, scale):
    """Timesheet with the replicas of scale.entities employees, at rest. Its day begins twelve hours from now: near that, clock-ins cost more."""
    if not hasattr(world, "timesheet"):
        world.fill("jobs", JOBS)
        world.fill("locations", JOBS)
        world.fill("employees", scale.entities)
        world.loader("renew", "EMPLOYEE", "timesheet")
        world.redis.command("FLUSHALL")
        world.timesheet = world.start_service("timesheet", FURROW_DAY_START_HOUR=str((time.gmtime().tm_hour + 12) % 24))
        for stream in ("EMPLOYEE", "JOB", "LOCATION"):
            world.loader("wait", stream, "timesheet")
        world.wait(lambda: world.redis.command("HLEN", "timesheet:{Employee}:@reactions") == 0, world.timesheet, "reactions")
    return world.timesheet


def audit(world, scale):
    """`furrow audit` of timesheet's employees, each event and record of the log compared; bare: the catch-up that brings them."""
    start_timesheet(world, scale)
    with World(world.build, world.shipped) as other:
        begin, _, baseline = drained(other, scale)

        def product(number):
            begun = time.monotonic()
            said = world.furrow("audit", "timesheet", "Employee", *([] if world.shipped else ["--single-account"]))
            if f": {scale.entities} records, 0 wrong" not in said:
                raise Failure(f"audit: {said}")
            return scale.entities / (time.monotonic() - begun)

        yield Pair("audit", f"{scale.entities} entities", "entities/s", product, lambda number: (begin(), baseline("drain")["per_s"])[1],
                   minimum=0.90)


def memory(world, scale):
    """Resident memory of the timesheet service: with nothing to keep, and after it has replicated employees."""
    def idle(number):
        with World(world.build, world.shipped) as empty:
            empty.provision()
            return resident_mb(empty.start_service("timesheet"))

    yield Absolute("memory", "idle", "MB", idle, limit=10)
    yield Absolute("memory", f"after {scale.entities} entities", "MB", lambda number: resident_mb(start_timesheet(world, scale)), limit=20)


def clock_in(world, scale):
    """Clock-in at the real timesheet service: three replica reads, one compare-and-set publish, one reply; bare: the same input and output."""
    start_timesheet(world, scale)
    world.start_bench("baseline_clockin", "serve", "--url", world.nats("bare"), "--log-url", world.nats("bare.log"), "--redis",
                      world.redis_of("timesheet"))
    warm_up = scale.commands // 10

    def side(*program):
        return lambda number: world.measure(*program, "--url", world.nats("client"), "--in-flight", IN_FLIGHT, "--calls", scale.commands, "--warm-up",
                                            warm_up, "--first", number * (scale.commands + warm_up), "--jobs", JOBS)["per_s"]

    yield Pair("clock-in", f"{IN_FLIGHT} in flight", "commands/s", side("furrow_clockin"), side("baseline_clockin", "call"), minimum=0.75)


def reads(world, scale):
    """The three records of a clock-in, each with its table's build, which says that it may be believed; bare: without the builds."""
    start_timesheet(world, scale)
    calls = 100_000 if scale.quick else 400_000

    def side(way):
        return lambda number: world.measure("furrow_reads", "--redis", world.redis_of("timesheet"), "--way", way, "--in-flight", IN_FLIGHT,
                                            "--calls", calls, "--keys", scale.entities, "--jobs", JOBS)["per_s"]

    yield Pair("reads", f"{IN_FLIGHT} in flight", "reads/s", side("marked"), side("bare"), minimum=0.95)


def visible(world, scale):
    """From the log's ack of an owner's event to its record in a replica, nothing else going on; held to round trips over NATS."""
    start_timesheet(world, scale)
    changes, runs = 1_000 if scale.quick else 4_000, []

    def run(key):
        def value(number):
            while number >= len(runs):
                runs.append(world.measure("visible", "--url", world.nats("employee.log"), "--redis", world.redis_of("timesheet"),
                                          "--changes", changes))
            return runs[number][key]
        return value

    yield Pair("visible", "ack to replica, p50, of a round trip", "us", run("visible_p50_us"), run("round_trip_us"), maximum=3)


APPLIED_RATE, CALLED_RATE = 5_000, 1_000


def applying(world, scale):
    """Clock-ins at timesheet at an even rate while its replica of employees takes 5,000 events a second; held to the same without events."""
    start_timesheet(world, scale)
    seconds = 2 if scale.quick else 10
    free = iter(range(scale.entities // 5, scale.entities, CALLED_RATE * (seconds + 2)))  # employees whom nobody has clocked in

    def called():
        first = str(next(free))
        body = f'{{"employeeId":"E{"0" * (7 - len(first))}%n","jobId":"J0000001","locationId":"L0000001"}}'
        return world.measure("overload", "--url", world.nats("client"), "--subject", "timesheet.v1.TimesheetService.ClockIn", "--body", body,
                             "--rate", CALLED_RATE, "--seconds", seconds, "--warm-up", 1, "--first", first)["good_p99_us"]

    def busy(number):
        events = world.start(*world.loader_arguments("pace", APPLIED_RATE, seconds + 2))
        p99 = called()
        if events.wait() != 0:
            raise Failure(open(events.log).read())
        world.loader("wait", "EMPLOYEE", "timesheet")
        return p99

    yield Pair("applying", f"{CALLED_RATE} clock-ins a second, p99, beside {APPLIED_RATE} events a second", "us", busy,
               lambda number: called(), maximum=2)


HIRE = '{"givenName":"Ana","familyName":"Luna","badge":"%n"}'
SIXTHS = 6


def hires(world, scale):
    """Hires for a minute: is the last of six parts as fast as the first? Each writes a claim and an employee, and comes back to its owner."""
    world.provision()
    world.start_service("employee") if not hasattr(world, "employee") else None
    seconds = 1.5 if scale.quick else 10
    rates = []

    def sixth(number, at):
        while len(rates) <= number:
            begun = int(time.time() * 1e6)
            rates.append([world.measure("overload", "--url", world.nats("client"), "--subject", "employee.v1.EmployeeService.HireEmployee",
                                        "--body", HIRE, "--in-flight", IN_FLIGHT, "--seconds", seconds, "--first", begun + part * 10_000_000)
                          ["per_s"] for part in range(SIXTHS)])
        return rates[number][at]

    yield Pair("hires", f"{IN_FLIGHT} in flight, the last of {SIXTHS} x {seconds} s to the first", "hires/s", lambda number: sixth(number, -1),
               lambda number: sixth(number, 0), minimum=0.90)


def imports(world, scale):
    """`farm import` of the people of a sample ranch, in servers of its own: each row writes a claim, a sealing key and an employee."""
    people = 5_000 if scale.quick else 50_000

    def seconds(number):
        with World(world.build, world.shipped) as empty:
            folder = os.path.join(empty.dir, "ranch")
            empty.provision()
            empty.farm("seed", "--people", people, "--out", folder)
            empty.start_services(["employee", "timesheet"])
            begun = time.monotonic()
            said = empty.farm("import", os.path.join(folder, "employees.csv"))
            if f"employees: {people} imported, 0 unchanged, 0 bad" not in said:
                raise Failure(f"import: {said[-2000:]}")
            return time.monotonic() - begun

    yield Absolute("import", f"{people} employees", "s", seconds, limit=30 * people / 50_000)


OVERLOADS = (2, 10)
OVERLOADED = {  # name, service, subject and body of the calls that overload
    "GetEmployee": ("employee", "employee.v1.EmployeeService.GetEmployee", "\n\x08E%d"),
    "UpdateEmployee": ("employee", "employee.v1.EmployeeService.UpdateEmployee",
                       '{"employee":{"id":"E%d","crew":"c%n"},"updateMask":"crew"}'),
}
OVERLOAD_KEYS = 20_000


def overload(world, scale):
    """What a service still does when more comes than it can do: a read (one Redis round trip) and a write (one durable publish)."""
    world.fill("employees", OVERLOAD_KEYS)
    service = world.start_service("employee")
    world.loader("wait", "EMPLOYEE", "employee")
    for name, (short_name, subject, body) in OVERLOADED.items():
        yield from overload_figures(name, Overload(world, scale, service, short_name, subject, body))


def overload_figures(name, load):
    for times in OVERLOADS:
        # Ten times the reads that are done in a second the loader cannot send: what it did send says nothing about the service.
        goodput = {2: 0.90, 10: 0.75 if name == "UpdateEmployee" else None}[times]
        yield Pair("overload", f"{name} x{times}, goodput of capacity", "calls/s", load.of(times, "per_s"), load.of("capacity", "per_s"),
                   minimum=goodput)
        if goodput is None:
            continue
        yield Pair("overload", f"{name} x{times}, p99 admitted, of x0.8", "us", load.of(times, "good_p99_us"), load.of(0.8, "good_p99_us"),
                   maximum=3)
        for what, limit in (("refused", 50_000), ("ping", 100_000), ("health", 100_000)):
            yield Absolute("overload", f"{name} x{times}, p99 {what}", "us", load.of(times, f"{what}_p99_us"), limit, once=False)
    for share in ("loader", "nats", "redis", "service", "others"):
        yield Pair("overload", f"{name} x{OVERLOADS[-1]}, share of {share}, of the machine", "%", load.of(OVERLOADS[-1], f"{share}_cpu"),
                   lambda number: 100, once=True)


class Overload:
    """One run measures the capacity, then each load at once after it, so that all of a pair is of the same minute."""

    def __init__(self, world, scale, service, short_name, subject, body):
        self.world, self.service, self.short_name = world, service, short_name
        self.call = ("--subject", subject, "--body", body, "--keys", OVERLOAD_KEYS)
        self.seconds = 2 if scale.quick else 5
        self.runs, self.first = [], int(time.time() * 1e6)

    def of(self, load, key):
        def value(number):
            while number >= len(self.runs):
                self.runs.append(self.run())
            return self.runs[number][load][key]
        return value

    def run(self):
        capacity = max((self.load("--in-flight", in_flight) for in_flight in CAPACITY_IN_FLIGHT), key=lambda line: line["per_s"])
        loads = {"capacity": capacity}
        for times in (0.8, *OVERLOADS):
            probes = {what: self.probe(subject) for what, subject in (("ping", f"$SRV.PING.{self.short_name}"),
                                                                      ("health", f"furrow.v1.Health.{self.short_name}"))}
            loads[times] = self.load("--rate", capacity["per_s"] * times)
            for what, probe in probes.items():
                loads[times][f"{what}_p99_us"] = figures(probe.communicate()[0])["good_p99_us"]
            print(f"overload: {self.call[1]} x{times}: " + " ".join(f"{key}={value:.0f}" for key, value in loads[times].items()), file=sys.stderr)
        return loads

    def arguments(self, *more):
        return [str(word) for word in (os.path.join(self.world.bench, "overload"), "--url", self.world.nats("client"), "--seconds", self.seconds,
                                       "--warm-up", 1, *more)]

    def probe(self, subject):
        return subprocess.Popen(self.arguments("--subject", subject, "--rate", 100), stdout=subprocess.PIPE, text=True)

    def load(self, *how):
        """The line of the loader, and which share of the machine each program took meanwhile."""
        self.first += 100_000_000
        programs = {"nats": self.world.running[0], "redis": self.world.running[1], "service": self.service}
        before, begun = {name: cpu_seconds(process.pid) for name, process in programs.items()}, (busy_seconds(), time.monotonic())
        line = figures(self.world.run(*self.arguments(*self.call, "--first", self.first, *how)))
        elapsed = (time.monotonic() - begun[1]) * os.cpu_count()
        for name, process in programs.items():
            line[f"{name}_cpu"] = 100 * (cpu_seconds(process.pid) - before[name]) / elapsed
        line["loader_cpu"] = 100 * line.pop("cpu") / os.cpu_count()
        line["others_cpu"] = 100 * (busy_seconds() - begun[0]) / elapsed - sum(line[f"{name}_cpu"] for name in (*programs, "loader"))
        return line


# In this order: those that empty Redis before those that need timesheet's replicas in it.
ALL = {"echo": echo, "rules": rules, "catch-up": catch_up, "redis-bytes": redis_bytes, "memory": memory, "audit": audit, "clock-in": clock_in,
       "reads": reads, "visible": visible, "applying": applying, "hot-entity": hot_entity, "overload": overload, "hires": hires, "import": imports}
# Measured without accounts and permissions, too, for the column that says what those cost.
PLAIN = ("echo", "catch-up", "clock-in", "hires")
