"""
The plain model of the three ways: messages, bytes and round trips of a command and of a change, bytes at rest. Formulas and their reasons are
in tests/bench/ways/MODEL.md; here they are as functions, so that they can be held against what was measured and be carried further on
paper. A message through nats-server counts twice, as it comes in and as it goes out; what the server itself ends or begins (a publish, an
acknowledgement of it, a delivery, an acknowledgement of that) counts once. Bytes are those that nats-server counts: headers and body.
"""
from dataclasses import dataclass

from lib import sizes
from lib.sizes import number, text

WAYS = ("sequential", "parallel", "hybrid", "replica")
SEQUENCE = 100_000  # as long as most are
IN_BATCH = 3  # tag and length of a state in the answer to a batch


@dataclass(frozen=True)
class Entity:
    """Somebody's entity: its subject and id, its bytes whole, and those of the fields that a consumer keeps."""
    owner: str
    name: str
    event: str
    id: int
    body: int
    kept: int

    def headers(self):
        return sizes.event(self.name, self.event, self.owner, SEQUENCE)

    def request(self):
        return text(self.id)

    def answer(self):
        """A state: the entity and its version."""
        return text(self.body) + number(SEQUENCE)

    def delivered(self):
        """An event to one consumer; its acknowledgement is empty."""
        return self.headers() + self.body

    def stored(self):
        return sizes.stored(len(self.name) + 1 + self.id, self.headers(), self.body)

    def record(self, service):
        """In the consumer's Redis: 8 bytes of version before the fields; and the id in the list of those that are there."""
        return sizes.redis_string(len(f"{service}:{{{self.name.split('.')[-1]}}}:") + self.id, 8 + self.kept) + self.id + 1


# As `loader` writes them: employees of 200 bytes; jobs and locations with the fields that a clock-in looks at.
FACTS = (
    Entity("employee", "employee.v1.Employee", "updated", 8, 200, text(8) + text(len("Maria Gonzalez 100")) + 2),
    Entity("job", "job.v1.Job", "updated", 8, text(8) + text(7) + text(17) + 2 + 2 + text(6), text(8) + text(17) + 2),
    Entity("location", "location.v1.Location", "updated", 8, text(8) + text(15) + text(8) + text(3) + 2 + 2 + text(6), text(8) + text(15) + 2),
)


def day(service):
    """The consumer's own entity: a working day, just begun."""
    day_id = 8 + 1 + sizes.DATE
    entry = 2 + sizes.TIMESTAMP + text(8) + text(8)
    body = text(day_id) + text(8) + text(len("2026-11-23")) + 2 + text(entry) + text(8) + sizes.TIMESTAMP
    return Entity(service, f"{service}.v1.{service.capitalize()}Day", "clocked_in", day_id, body, body)


@dataclass(frozen=True)
class Load:
    """What comes, and how the hybrid way is set. @distinct: how many employees, jobs and locations take turns; @batch: ids that one of its
    requests asks for, which the timing of the loop makes: it is measured, not predicted."""
    service: str = "crew1"
    consumers: int = 1
    per_s: float = 10_000
    distinct: tuple = (20_000, 100, 100)
    ttl_s: float = 1.0
    batch: float = 25


@dataclass(frozen=True)
class Cost:
    messages: float
    bytes: float
    requests: float = 0  # at the owners
    round_trips: float = 0  # over NATS, one after the other, before the command can be decided


def own_part(load):
    """Of every command in every way: the call, the event, its acknowledgement, and the event's way back into the service's own Redis."""
    own = day(load.service)
    request = sum(text(fact.id) for fact in FACTS)
    versions = sum(number(SEQUENCE) for _ in FACTS)
    answer = own.answer() + text(versions) + sizes.headers(**{"Furrow-Version": len(own.name) + 1 + own.id + 1 + sizes.digits(SEQUENCE)})
    event = own.delivered()
    return Cost(messages=4 + 2 + 2, bytes=2 * (request + answer) + 2 * event + sizes.puback(f"{load.service}_DAY", SEQUENCE))


def misses(load, distinct):
    """The share of reads that a cache with a time limit does not answer, where @distinct ids take turns: each is read every distinct/per_s
    seconds, and of those reads the first that finds the limit past is a miss."""
    return 1 / (1 + int(load.ttl_s * load.per_s / distinct))


def per_command(way, load):
    own = own_part(load)
    asked = [2 * (fact.request() + fact.answer()) for fact in FACTS]
    if way == "replica":
        return own
    if way in ("sequential", "parallel"):
        count = len(FACTS)
        return Cost(own.messages + 4 * count, own.bytes + sum(asked), count, count if way == "sequential" else 1)
    shares = [misses(load, distinct) for distinct in load.distinct]
    requests = sum(shares) / load.batch
    return Cost(own.messages + 4 * requests, own.bytes + sum(share * (each + 2 * IN_BATCH) for share, each in zip(shares, asked)) +
                2 * requests * sizes.headers(**{"Grpc-Timeout": len("2000m")}), requests, max(shares))


def consumed(fact):
    """One change to one consumer: the event, and the acknowledgement that it is kept."""
    return Cost(messages=2, bytes=fact.delivered())


def per_change(way, load, fact=FACTS[0]):
    """Beyond what the change costs its owner."""
    if way != "replica":
        return Cost(0, 0)
    one = consumed(fact)
    return Cost(one.messages * load.consumers, one.bytes * load.consumers)


# A change as it is made here: a new crew for an employee, asked for and answered in JSON.
CHANGE = '{"employee":{"id":"E0000001","crew":"c123456"},"updateMask":"crew"}'
CHANGED = ('{"employee":{"id":"E0000001","displayName":"Maria Gonzalez 1","givenName":"Maria","familyName":"Gonzalez","badge":"B0000001",'
           '"status":"EMPLOYMENT_STATUS_ACTIVE","crew":"c123456","language":"es","contact":{"phone":"+15595550123","email":"maria@example.com",'
           '"address":"' + 71 * "a" + '"},"hourlyRateCents":"2150","hireDate":"2026-03-01","updatedAt":"2026-11-26T18:40:10.609642783Z"},'
           '"version":"100000"}')


def owner_part(fact=FACTS[0]):
    """Of every change in every way: the call, the event, its acknowledgement, and the event's way into the owner's own Redis."""
    answer = len(CHANGED) + sizes.headers(**{"Content-Type": len("application/json"), "Furrow-Version": len(fact.name) + 1 + fact.id + 7})
    return Cost(messages=8, bytes=2 * (len(CHANGE) + answer) + 2 * fact.delivered() + sizes.puback("EMPLOYEE", SEQUENCE))


def mixed(way, load, ratio):
    """Bytes of a command with its share of the changes, where there are @ratio commands a change."""
    return per_command(way, load).bytes + (owner_part().bytes + per_change(way, load).bytes) / ratio


def at_rest(way, load, counts):
    """Bytes in the Redis of all consumers, of @counts employees, jobs and locations."""
    if way != "replica":
        return 0
    return load.consumers * sum(count * fact.record(load.service) for count, fact in zip(counts, FACTS))


def break_even(load, than="parallel"):
    """Reads a change above which keeping a replica costs fewer bytes over NATS than asking. None: never."""
    asked = per_command(than, load).bytes - own_part(load).bytes
    return consumed(FACTS[0]).bytes / asked if asked > 0 else None


def pays_back(load, fact=FACTS[0]):
    """After so many reads of a record the bytes that were not sent are more than the bytes that are kept."""
    return fact.record(load.service) / (2 * (fact.request() + fact.answer()))


# ---- on paper ----

@dataclass(frozen=True)
class Mesh:
    """Each service owns entities/services records, works off commands, and for each command needs a record of each of @needs others."""
    services: int = 1_000
    entities: int = 100_000_000
    per_s: float = 100  # commands a second of each service
    needs: int = 3


def mesh_rates(way, mesh, ratio, batch=25):
    """Of all services together: messages and bytes a second for what is asked and what is changed, at @ratio reads of a record a change of it;
    without what commands and changes cost in every way. The hybrid way's cache is taken to answer nothing: records are read too rarely."""
    commands, fact = mesh.services * mesh.per_s, FACTS[0]
    reads = commands * mesh.needs
    asked, kept = 2 * (fact.request() + fact.answer()), consumed(fact)
    if way == "replica":
        return reads / ratio * kept.messages, reads / ratio * kept.bytes
    return reads * 4 / (batch if way == "hybrid" else 1), reads * asked


def mesh_memory(mesh, of_each):
    """Bytes in the Redis of all services where each keeps @of_each records of others."""
    return mesh.services * of_each * FACTS[0].record("service1000")


def brief(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def paper(mesh=Mesh()):
    """The lines of MODEL.md's last table."""
    each, gigabyte = mesh.entities // mesh.services, 1e9
    commands = mesh.services * mesh.per_s
    lines = ["| | regular | hybrid | event-driven |", "|---|---|---|---|"]
    for ratio in (0.1, 1, 10, 100, 1_000):
        cells = [f"{brief(messages / 1e3)} k, {brief(bytes_ / 1e6)} MB" for messages, bytes_ in (mesh_rates(way, mesh, ratio) for way in WAYS[1:])]
        lines.append(f"| messages and bytes a second, {ratio:g} reads a change | {' | '.join(cells)} |")
    asked = commands * mesh.needs / mesh.services
    lines.append(f"| requests a second at each owner | {asked:,.0f} | {asked / 25:,.0f} | 0 |")
    lines.append(f"| requests a second at an owner that all services need | {commands:,.0f} | {commands / 25:,.0f} | 0 |")
    lines.append(f"| deliveries a second of each change a second of that owner | 0 | 0 | {mesh.services - 1} |")
    lines.append(f"| consumers in JetStream | 0 | 0 | {mesh.services * mesh.needs:,} |")
    lines.append(f"| memory for what is kept, each of {mesh.needs} owners' {each:,} records | 0 | caches | "
                 f"{mesh_memory(mesh, mesh.needs * each) / gigabyte:,.0f} GB |")
    lines.append(f"| the same, if everybody needs all {mesh.entities:,} records | 0 | caches | {mesh_memory(mesh, mesh.entities) / gigabyte:,.0f} GB |")
    return lines
