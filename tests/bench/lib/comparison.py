"""
What is compared, a function for each table: it takes the farms and the scale, and yields rows. Ways of one point run right after each other,
so that they see the same machine. Columns are in tables.py, in the order in which a row has them.
"""
import json
import os
import signal
import time

from lib.counters import Traffic, jetstream_bytes, redis_bytes, settle, wait_at_rest
from lib.farm import JOBS, KEEPING, OWNERS, Farm, resumed, stopped
from lib.model import WAYS
from lib.world import World

OWNER_KILLED = "employee"  # where one of them is: who is asked most


class Scale:
    def __init__(self, quick):
        self.quick = quick
        self.employees = 20_000 if quick else 100_000
        self.seconds = 0.5 if quick else 2.5
        self.pairs = 1 if quick else 3
        self.bare_calls = 6_000 if quick else 24_000
        self.bytes_seconds = 0.6 if quick else 1.5
        self.in_flight = (1, 64) if quick else (1, 16, 64, 256)
        self.consumers = (1, 4) if quick else (1, 2, 4, 8)
        self.outage_seconds = 0.5 if quick else 1.5
        self.timeout_ms = 300 if quick else 1_000  # of a command: a stopped owner answers nobody
        self.outage_rate = 500 if quick else 1_000
        self.faults = [("killed", "one"), ("stopped", "all")] if quick else [
            (fault, owners) for fault in ("killed", "stopped", "slow", "restarting") for owners in ("one", "all")]
        self.changes_rates = (100,) if quick else (0, 100)
        self.fresh_seconds = 1 if quick else 3
        self.update_rates = (100,) if quick else (1, 10, 100)
        self.ratios = (10,) if quick else (0.1, 1, 10, 100, 1_000)
        self.reports = (5_000,) if quick else (1_000, 10_000, 100_000)
        self.growth = (1_000, 20_000) if quick else (1_000, 10_000, 100_000, 1_000_000)
        self.growth_ways = ("parallel", "replica") if quick else ("parallel", "hybrid", "replica")


class Farms:
    """Both of them: of(way) is the one whose consumers can be so."""

    def __init__(self, build, scale):
        self.build, self.scale = build, scale
        self.slow_us = {}  # what a command takes longer, one at a time, where all owners are slow
        self.asking = Farm(build, keeps=False, employees=scale.employees)
        try:
            self.keeping = Farm(build, keeps=True, employees=scale.employees)
            self.kept = {way: bytes_kept(self.of(way), way) for way in WAYS}
        except BaseException:
            self.asking.close()
            raise

    def of(self, way):
        return self.keeping if way in KEEPING else self.asking

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keeping.close()
        self.asking.close()


def speed(farms, scale):
    for in_flight in scale.in_flight:
        for way in WAYS:
            farm = farms.of(way)
            run = farm.clock_in(farm.only(way), "--in-flight", in_flight, "--seconds", scale.seconds, "--warm-up", scale.seconds / 5)
            cpu = run.cpu
            yield [way, in_flight, run.per_s, run.p50_us, run.p99_us, cpu["crew1"], *(cpu[owner] for owner in OWNERS), cpu["nats"],
                   cpu["redis"], run.requests, run.messages, run.bytes]


COMMANDS = ("check", "clock-in")  # the decision alone, which writes nothing; the whole command


def bare_pair(farm, way, scale):
    """The service, then bare programs doing the same input and output for other employees: {command: (product, bare)}."""
    calls = scale.bare_calls
    crew, = farm.only(way)
    product = farm.rates(crew, COMMANDS, calls, first=0)
    wait_at_rest(farm.world, f"{crew.upper()}_DAY", [crew])
    farm.used[crew] = farm.employees
    plain = farm.bare_rates(way, crew, COMMANDS, calls, first=scale.employees // 2)
    return {command: (product[command], plain[command]) for command in COMMANDS}


def bare(farms, scale):
    """In turns, each way @scale.pairs times; shown is the median pair."""
    pairs = {(command, way): [] for command in COMMANDS for way in WAYS}
    for _ in range(scale.pairs):
        for way in WAYS:
            for command, pair in bare_pair(farms.of(way), way, scale).items():
                pairs[command, way].append(pair)
    for command, way in pairs:
        product, plain = sorted(pairs[command, way], key=lambda pair: pair[0] / pair[1])[scale.pairs // 2]
        yield [way, command, product, plain, product / plain]


def bottleneck(farms, scale):
    for count in scale.consumers:
        for way in WAYS:
            farm = farms.of(way)
            run = farm.clock_in(farm.only(way, count), "--in-flight", 16, "--seconds", scale.seconds, "--warm-up", scale.seconds / 5, rest=False)
            owners = sum(run.cpu[owner] for owner in OWNERS)
            yield [way, count, run.per_s, run.p99_us, run.requests, run.requests * run.per_s, owners, 100 * owners * run.per_s / 1e6]


def load(farms, scale):
    """Few commands and four times as many, without changes and with: the owners should notice the changes alone."""
    farm, names = farms.keeping, farms.keeping.only("replica", scale.consumers[-1])
    for changes in scale.changes_rates:
        for commands in (500, 2_000):
            run = farm.clock_in(names, "--rate", commands / len(names), "--seconds", scale.seconds, "--warm-up", 0, rest=False,
                                meanwhile=farm.changes(changes, scale.seconds) if changes else None)
            owners = sum(run.cpu[owner] for owner in OWNERS)
            yield [len(names), commands, changes, run.requests, 100 * owners * commands / 1e6]


def bytes_kept(farm, way):
    """What a consumer takes of Redis by knowing of the farm, before its first command; in a farm where it has never run."""
    before = redis_bytes(farm.world)
    farm.only(way)
    return max(0, settle(lambda: redis_bytes(farm.world)) - before)


# ---- outage ----

def killed(farm, names):
    for name in names:
        farm.end(farm.owners.pop(name))
    yield
    farm.start_owners(names)


def halted(farm, names):
    for name in names:
        stopped(farm.owners[name])
    yield
    for name in names:
        resumed(farm.owners[name])
    for name in names:
        farm.world.furrow("health", "--wait", "30", name)


def slow(farm, names):
    """What nats-server sends to them reaches them late."""
    relay = farm.start_relay()
    for name in names:
        farm.end(farm.owners.pop(name))
    farm.start_owners(names, FURROW_NATS_URL=farm.relay)
    yield
    for name in names:
        farm.end(farm.owners.pop(name))
    farm.end(relay)
    farm.start_owners(names)


def unharmed(farm, names):
    yield


FAULTS = {"none": unharmed, "killed": killed, "stopped": halted, "slow": slow, "restarting": unharmed}


def restart(farm, names):
    for name in names:
        farm.end(farm.owners.pop(name), signal.SIGTERM)
    farm.start_owners(names)


def outage(farms, scale, ways=WAYS):
    """A steady rate of commands while an owner, or all of them, are as the fault says."""
    how = ("--rate", scale.outage_rate, "--seconds", scale.outage_seconds, "--warm-up", 0.2, "--timeout-ms", scale.timeout_ms)
    alive, groups = {}, [(farm, [way for way in ways if farms.of(way) is farm]) for farm in (farms.asking, farms.keeping)]
    groups = [(farm, group) for farm, group in groups if group]
    for farm, group in groups:
        farm.of_ways(group)
    for fault, owners in (("none", ""), *scale.faults):
        for farm, group in groups:
            names = [OWNER_KILLED] if owners == "one" else list(OWNERS)
            harm = FAULTS[fault](farm, names)
            next(harm)
            for way, crew in zip(group, farm.crews):
                run = farm.clock_in([crew], *how, during=(lambda: restart(farm, names)) if fault == "restarting" else None, rest=False)
                alive.setdefault(way, run)
                yield [way, fault, owners, 100 * run.share_ok, run.p50_us, run.p99_us, alive[way].p99_us]
                if (fault, owners) == ("slow", "all"):
                    one = farm.clock_in([crew], "--in-flight", 1, "--calls", 5, "--warm-up", 1)
                    farms.slow_us[way] = one.p50_us - alive[way].p50_us
            next(harm, None)


def outage_trace(farms, scale):
    """The same second by second: all owners are killed after one second and come back after two and a half."""
    for way in () if scale.quick else WAYS:
        farm, file = farms.of(way), os.path.join(farms.of(way).world.dir, "trace")

        def kill_and_bring_back():
            time.sleep(1)
            harm = killed(farm, list(OWNERS))
            next(harm)
            time.sleep(1.5)
            next(harm, None)
        farm.clock_in(farm.only(way), "--rate", scale.outage_rate, "--seconds", 4, "--warm-up", 0, "--timeout-ms", scale.timeout_ms, "--trace", file,
                      during=kill_and_bring_back, rest=False)
        for line in open(file):
            yield [way, *(float(word) for word in line.split())]


# ---- freshness ----

FRESH_JOBS = 10


def freshness(farms, scale):
    """Jobs are closed and opened again while people clock in on them."""
    for updates in scale.update_rates:
        for way in WAYS:
            farm = farms.of(way)
            crew, = farm.only(way)
            line = farm.line_of(farm.spawn([os.path.join(farm.folder, "ways_freshness"), "--url", farm.world.nats("client"), "--service", crew,
                                            "--updates", updates, "--rate", scale.outage_rate, "--seconds", scale.fresh_seconds, "--jobs", FRESH_JOBS,
                                            "--check"]))
            answers = max(1, line["answers"])
            yield [way, updates, answers, line["old"], line["wrong"], 100 * line["old"] / answers, 100 * line["wrong"] / answers, line["age_p99_us"],
                   line["old_p50_us"], line["old_p99_us"]]


# ---- bandwidth against storage ----

IDLE_S = 0.5


def change(farm, rate, seconds):
    """Changes employees; the messages and bytes of one change, all who keep them included, without what an idle farm sends in that time."""
    before = Traffic(farm.world)
    time.sleep(IDLE_S)
    idle, before, begun = Traffic(farm.world, before), Traffic(farm.world), time.monotonic()
    made = farm.line_of(farm.spawn(farm.changes(rate, seconds)))["sent"]
    farm.caught_up()
    total, share = Traffic(farm.world, before), (time.monotonic() - begun) / IDLE_S
    return (total.messages - idle.messages * share) / made, (total.bytes - idle.bytes * share) / made


def rates_of(ratio):
    """Commands and changes a second that make @ratio and that any machine can do."""
    return (ratio * 1_000, 1_000) if ratio <= 1 else (2_000, 2_000 / ratio)


def bandwidth(farms, scale):
    """Commands and changes alone, and mixed."""
    seconds, alone = scale.bytes_seconds, {}
    for way in WAYS:
        farm = farms.of(way)
        run = farm.clock_in(farm.only(way), "--rate", 2_000, "--seconds", seconds, "--warm-up", 0)
        alone[way] = (run.messages, run.bytes, *change(farm, 1_000, seconds))
    for ratio in scale.ratios:
        for way in WAYS:
            farm = farms.of(way)
            reads, changes = rates_of(ratio)
            crew = farm.only(way)
            mixed = farm.clock_in(crew, "--rate", reads, "--seconds", seconds, "--warm-up", 0, meanwhile=farm.changes(changes, seconds))
            yield [way, ratio, *alone[way], mixed.bytes, farms.kept[way], farms.kept[way] / (farm.employees + 2 * JOBS), farm.redis_of_owners,
                   farm.jetstream_of_owners]


# ---- bulk, growth ----

REPORT = "roster.v1.RosterService.CountEmployees"


def report(build, way, employees):
    """All employees who earn less than so much: one in a hundred."""
    keeps = way in KEEPING
    with World(build, also=["roster"], keeping=["roster"] if keeps else []) as world:
        world.fill("employees", employees)
        if not keeps:
            world.start_service("employee")
        wait_at_rest(world, "EMPLOYEE", [] if keeps else ["employee"])
        world.start_service("roster", os.path.join(world.bench, "ways"), WAYS_WAY=way)
        wait_at_rest(world, "EMPLOYEE", ["roster"] if keeps else [])
        before = Traffic(world)
        answer = json.loads(world.furrow("call", REPORT, '{"rateCentsBelow":1510}'))
        traffic = Traffic(world, before)
        return [way, employees, float(answer["matching"]), float(answer["micros"]) / 1e6, traffic.messages, traffic.bytes]


def bulk(farms, scale):
    for employees in scale.reports:
        for way in ("parallel", "replica"):
            yield report(farms.build, way, employees)


def growth(farms, scale):
    for employees in scale.growth:
        for way in scale.growth_ways:
            with Farm(farms.build, keeps=way in KEEPING, employees=employees, crews=1, owners=way not in KEEPING) as farm:
                kept = bytes_kept(farm, way)
                calls = min(employees * 9 // 10, 2_000 if scale.quick else 30_000)
                run = farm.clock_in(["crew1"], "--in-flight", 64, "--calls", calls, "--warm-up", calls // 10)
                yield [way, employees, run.per_s, run.p50_us, run.p99_us, kept, jetstream_bytes(farm.world)["EMPLOYEE"][1]]


MEASURED = {"speed": speed, "bare": bare, "bottleneck": bottleneck, "load": load, "outage": outage, "outage_trace": outage_trace,
            "freshness": freshness, "bytes": bandwidth, "bulk": bulk, "growth": growth}
