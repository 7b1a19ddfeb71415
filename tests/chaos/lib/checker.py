"""What must be true when nothing is broken any more and all is at rest, against the logs. Each check adds to the history's violations."""
import collections
import datetime
import json
import time

import wire
from history import DEFINITE, OK, REFUSED
from nats import Lost, Silence
from resp import RedisError

WINDOW = 8  # keyed commands that an entity remembers, whatever becomes of Redis
BATCH = 500
ACK_WAIT_S = 35


class Checker:
    def __init__(self, world, history, observer, stable):
        self.world, self.history, self.observer, self.stable = world, history, observer, stable
        self.logs = observer.logs
        self.checked = {name: 0 for name in self.logs}

    def violate(self, kind, text, entity=None, id_=None, op=None):
        self.history.violate(kind, text, entity, id_, op)

    # ---- rest ----

    def rest(self, seconds=60):
        """Everything serves, nothing is on its way. False, with a violation, when that does not come."""
        waiting = self.world.wait_serving(seconds)
        if waiting:
            self.violate("no recovery", "\n      ".join(f"{name} does not serve {seconds} s after all was mended: {self.world.why(name)}" for name in waiting))
            return False
        busy = self.await_rest(seconds)
        if busy:
            self.violate("no rest", f"{seconds} s after all was mended there is still {', '.join(busy)}")
        if not self.observer.catch_up():
            self.violate("no rest", "the logs cannot be read")
            return False
        return not busy

    def await_rest(self, seconds):
        """What is still not done by then. Events in the hands of a connection that broke are no reason to wait: nobody acks them before the
        server delivers them again, after half a minute, and services should not need that.
        """
        deadline, busy = time.monotonic() + seconds, ["?"]
        while busy and time.monotonic() < deadline:
            time.sleep(0.1)
            self.unacked = 0
            busy = self.busy() or self.busy()
        return busy

    def busy(self):
        """What is not yet done."""
        found, redis = [], self.world.redis()
        try:
            for service, entity, _ in wire.TABLES:
                info = self.world.operator.api(entity.owner, f"CONSUMER.INFO.{entity.stream}.{service}")
                if "error" in info:
                    return [f"no consumer {service} of {entity.stream}"]
                self.unacked += info["num_ack_pending"]
                if info["num_pending"]:
                    found.append(f"{service} on {entity.stream}: {info['num_pending']} to be delivered")
                pending = redis.command("HLEN", f"{service}:{{{entity.name}}}:@reactions")
                if pending:
                    found.append(f"{pending} reactions of {service} to {entity.name}")
        except (Lost, Silence, RedisError, KeyError, ValueError) as error:
            found.append(repr(error))
        redis.close()
        return found

    def run(self):
        """All of it."""
        before = list(self.history.violations)
        self.check_records()
        deadline = time.monotonic() + ACK_WAIT_S
        while len(self.history.violations) > len(before) and self.unacked and time.monotonic() < deadline:
            self.history.violations = list(before)  # what is missing may be in those hands
            self.await_rest(ACK_WAIT_S)
            self.check_records()
        self.check_states()
        self.check_commands()
        self.check_badges()
        self.check_days()
        self.check_answers()
        self.check_audit()

    # ---- what is kept ----

    def check_records(self):
        """Records and index entries of owners and replicas, byte for byte."""
        redis = self.world.redis(30)
        keys = collections.defaultdict(list)
        for key in redis.scan("*:{*}:*"):
            prefix, _, rest = key.decode().partition("}:")
            if not rest.startswith("@"):
                keys[prefix + "}:"].append(rest)
        for service, entity, kept in wire.TABLES:
            prefix = f"{service}:{{{entity.name}}}:"
            self.compare_records(redis, prefix, entity, kept, keys[prefix])
            if kept is None:
                self.compare_indexes(redis, prefix, entity)
        redis.close()

    def compare_records(self, redis, prefix, entity, kept, ids):
        log, found = self.logs[entity.name], {}
        for start in range(0, len(ids), BATCH):
            part = ids[start:start + BATCH]
            found.update(zip(part, redis.command("MGET", *(prefix + id_ for id_ in part))))
        for id_ in {*found, *log.by_id}:
            newest, record = log.newest(id_), found.get(id_)
            if newest is None:
                if record is not None:
                    self.violate("drift", f"{prefix}{id_} has version {wire.version_of(record)}, the log has nothing", entity.name, id_)
            elif record is None:
                if newest.state is not None:
                    self.violate("drift", f"{prefix}{id_} is missing; the log has {newest}", entity.name, id_)
            elif wire.version_of(record) != newest.seq:
                self.violate("drift", f"{prefix}{id_} has version {wire.version_of(record)}; the log has {newest}", entity.name, id_)
            elif record[8:] != (b"" if newest.state is None else wire.project(newest.body, kept)):
                self.violate("drift", f"{prefix}{id_} has other bytes than {newest}: {record[8:]!r}", entity.name, id_)

    def compare_indexes(self, redis, prefix, entity):
        log = self.logs[entity.name]
        right = {field: set() for field, _ in entity.indexes}
        for id_ in log.by_id:
            newest = log.newest(id_)
            if newest is not None and newest.state is not None:
                for field, members in entity.entries(id_, newest.state).items():
                    right[field] |= members
        for field, members in right.items():
            there = set(redis.command("ZRANGE", f"{prefix}@by:{field}", "0", "-1"))
            for member in list(there ^ members)[:20]:
                text = "is missing" if member in members else "should not be there"
                self.violate("index", f"{prefix}@by:{field}: {member!r} {text}", entity.name, member.rpartition(b"\0")[2].decode())

    # ---- the logs by themselves ----

    def fresh(self, entity):
        """The new events of each id since the last check, each with the one before."""
        log, since = self.logs[entity.name], self.checked[entity.name]
        for id_, events in log.by_id.items():
            before = None
            for event in events:
                if event.seq > since:
                    yield before, event
                before = event if event.good else before

    def check_states(self):
        """The newest is a state; each follows from the one that it was made for, and changes what its command is about and nothing else."""
        for entity in wire.ENTITIES:
            log = self.logs[entity.name]
            for id_, events in log.by_id.items():
                if not events[-1].good:
                    self.violate("bad state", f"the newest is none: {events[-1]}", entity.name, id_)
        for before, event in self.fresh(wire.EMPLOYEE):
            if not event.good or event.state is None or before is None or before.state is None:
                continue
            expected = event.headers.get("Nats-Expected-Last-Subject-Sequence")
            if event.type == "updated" and expected and int(expected) == before.seq:
                changed = {name for name in event.state if event.state[name] != before.state[name]}
                if len(changed) > 1:
                    self.violate("lost update", f"one command changes {sorted(changed)}:\n      {before}\n      {event}", "Employee", event.id)
            elif event.type == "updated" and not expected:
                self.violate("lost update", f"written without saying after what: {event}", "Employee", event.id)

    # ---- commands against the log ----

    def check_commands(self):
        effects = collections.defaultdict(list)  # marker: events that brought it
        for entity, fields in (wire.EMPLOYEE, ("crew", "language", "termination_date", "hire_date", "given_name")), (wire.JOB, ("code",)), (wire.LOCATION, ("crop",)):
            for id_, events in self.logs[entity.name].by_id.items():
                before = None
                for event in events:
                    if not event.good:
                        continue
                    for field in fields:
                        value = event.state[field] if event.state else ""
                        if value and (before is None or before.state is None or before.state[field] != value):
                            effects[field, value].append(event)
                    before = event
        days = collections.defaultdict(list)
        for id_, events in self.logs["WorkDay"].by_id.items():
            days[id_.rpartition("_")[0]].append(events)
        self.newest_before = {}  # (epoch, kind, id): the newest version that was acknowledged of it
        self.told_before = set()  # of a log that went back since: (kind, id, version)
        for op in self.history.ops:
            if op.version and op.epoch != self.history.epoch:
                self.told_before.add((op.entity, op.id, op.version))
                key = op.epoch, op.entity, op.id
                self.newest_before[key] = max(op.version, self.newest_before.get(key, 0))
        self.changed = {(op.epoch, op.id, op.version) for op in self.history.ops if op.version and op.method.startswith(("Update", "Rehire"))}
        self.retried = {op.first.number for op in self.history.ops if op.first and op.outcome != REFUSED}
        for op in self.history.ops:
            if op.entity == "Clock":
                self.check_stroke(op, days)
            elif op.marker and op.marker[0] != "tax_id":
                self.check_command(op, effects[op.marker])
            elif op.version:
                self.check_read(op)

    def event_of(self, op):
        return self.logs[op.entity].events.get(op.version)

    def unseen(self, op):
        """Four newer ones came before the observer did, or the log lost it."""
        return op.version in self.logs[op.entity].gaps

    def check_command(self, op, effects):
        if self.is_refused(op) and effects:
            self.violate("refused, yet applied", f"{op}\n      {effects[0]}", op.entity, effects[0].id, op)
        ids = {event.id for event in effects}
        if op.first is None and (len(ids) > 1 or (len(effects) > 1 and not self.excused_twice(effects))):
            self.violate("applied twice", f"{op}\n      " + "\n      ".join(map(str, effects)), op.entity, effects[0].id, op)
        if op.outcome != OK:
            return
        if not effects and not self.unseen(op) and not self.was_so_already(op) and not self.superseded(op):
            self.violate("acknowledged and absent", f"{op}", op.entity, op.id or op.answer and next(iter(op.answer.values())).get("id"), op)
        elif op.version and not self.unseen(op):
            self.check_read(op)

    def is_refused(self, op):
        """For good: no repetition had another outcome."""
        return op.first is None and op.outcome == REFUSED and op.code in DEFINITE and op.number not in self.retried

    def excused_twice(self, effects):
        """More keyed commands between than the window holds."""
        first, last = effects[0], effects[-1]
        between = [event for event in self.logs[first.entity.name].by_id[first.id] if first.seq < event.seq < last.seq]
        return len(between) >= WINDOW

    def was_so_already(self, op):
        """A termination of somebody who has left writes nothing: the version it answers must say so, be it of a log that is no more, or
        it must be what another command made."""
        told = [event for event in self.logs[op.entity].lost if event.seq == op.version and event.id == op.id] + [self.event_of(op)]
        return op.method == "TerminateEmployee" and ((op.epoch, op.id, op.version) in self.changed or any(
            event is not None and event.state is not None and event.state["status"] == wire.TERMINATED for event in told))

    def superseded(self, op):
        """A log that went back is given what Redis has, and that is the newest state: those before it are lost, and nothing with them."""
        epochs = {op.epoch, op.first.epoch if op.first else op.epoch}  # a repetition is answered what the first one made
        return bool(op.version) and any(self.newest_before.get((epoch, op.entity, op.id), 0) > op.version for epoch in epochs)

    def was_lost(self, op):
        """A state of the log as it was: Redis has it, until it is published again under another version."""
        return (op.entity, op.id, op.version) in self.told_before or any(
            event.seq == op.version and (not op.id or event.id == op.id) for event in self.logs[op.entity].lost)

    def check_read(self, op):
        """What was answered is what the log has under that version."""
        event = self.event_of(op)
        if op.epoch != self.history.epoch or (op.first and op.first.epoch != op.epoch) or self.was_lost(op):
            return  # sequences were given away again since
        if event is None:
            if not self.unseen(op):
                self.violate("acknowledged and absent", f"{op}\n      the log has no such version", op.entity, op.id, op)
            return
        answered = next((value for value in op.answer.values() if isinstance(value, dict)), {})
        if event.state is None or event.id != answered.get("id", event.id) or self.differs(event, answered):
            self.violate("wrong answer", f"{op}\n      answered {answered}\n      the log has {event}", op.entity, event.id, op)

    def differs(self, event, answered):
        names = {"crew": "crew", "language": "language", "badge": "badge", "hire_date": "hireDate", "termination_date": "terminationDate", "code": "code", "crop": "crop"}
        return any(event.state[field] != answered.get(name, "") for field, name in names.items() if field in event.state)

    # ---- days ----

    def check_stroke(self, op, days):
        nanoseconds = ns_of(op.marker[1])
        found = []
        for events in days[op.id]:
            before = None
            for event in events:
                if event.good and event.state:
                    entry = wire.last_entry(event.state)
                    seen = before and before.state and wire.last_entry(before.state)
                    at = 0 if op.marker[0] == "start" else 1
                    if entry and entry[at] == nanoseconds and not (seen and seen[at] == nanoseconds):
                        found.append(event)
                    before = event
        if op.outcome == OK and not found and not (op.version in self.logs["WorkDay"].gaps) and not self.superseded(op):
            self.violate("acknowledged and absent", f"{op}\n      {self.kept_of('WorkDay', self.day_of(op))}", "WorkDay", self.day_of(op), op)
        if self.is_refused(op) and found:
            self.violate("refused, yet applied", f"{op}\n      {found[0]}", "WorkDay", found[0].id, op)
        if len(found) > 1 and op.first is None:
            self.violate("applied twice", f"{op}\n      " + "\n      ".join(map(str, found)), "WorkDay", found[0].id, op)

    def kept_of(self, name, id_):
        entity = wire.BY_NAME[name]
        try:
            return f"in Redis: {self.world.redis().command('GET', f'{entity.owner}:{{{name}}}:{id_}')!r}"
        except RedisError as error:
            return str(error)

    def day_of(self, op):
        return (op.answer or {}).get("day", {}).get("id") or next((id_ for id_ in self.logs["WorkDay"].by_id if id_.startswith(op.id + "_")), None)

    def check_days(self):
        """Nobody has two open days, and none that began before an end of the employment."""
        open_days = collections.defaultdict(list)
        for id_ in self.logs["WorkDay"].by_id:
            newest = self.logs["WorkDay"].newest(id_)
            if newest and newest.state and newest.state["status"] == wire.OPEN:
                open_days[newest.state["employee_id"]].append(newest)
        for employee, days in open_days.items():
            if len(days) > 1:
                self.violate("two open days", f"of {employee}:\n      " + "\n      ".join(map(str, days)), "WorkDay", days[0].id)
            ended = [event for event in self.logs["Employee"].by_id.get(employee, ()) if event.good and event.type == "terminated"]
            for day in days:
                begun = [event for event in self.logs["WorkDay"].by_id[day.id] if event.type == "clocked_in"]
                if begun and ended and begun[-1].time < ended[-1].time and age_s(ended[-1]) > 1:
                    self.violate("open day of who left", f"{begun[-1]}\n      {ended[-1]}\n      {day}", "WorkDay", day.id)

    def check_badges(self):
        holders = collections.defaultdict(list)
        for id_ in self.logs["Employee"].by_id:
            newest = self.logs["Employee"].newest(id_)
            if newest and newest.state and newest.state["status"] == wire.ACTIVE:
                holders[newest.state["badge"]].append(newest)
        for badge, events in holders.items():
            if len(events) > 1:
                self.violate("badge held twice", f"{badge}:\n      " + "\n      ".join(map(str, events)), "Employee", events[-1].id)

    # ---- answers at rest ----

    def check_answers(self):
        """Get and List against the log: of everybody who can change, and of some who cannot."""
        log = self.logs["Employee"]
        crews = collections.defaultdict(set)
        asked = 0
        for id_ in list(log.by_id):
            newest = log.newest(id_)
            if newest is None or newest.state is None:
                continue
            crews[newest.state["crew"]].add(id_)
            if not id_.startswith("S") and asked < 300:
                asked += 1
                answer = self.ask("employee.v1.EmployeeService.GetEmployee", {"id": id_})
                if int(answer.get("version", 0)) != newest.seq or self.differs(newest, answer.get("employee", {})):
                    self.violate("wrong answer", f"GetEmployee {id_} at rest: {answer}\n      the log has {newest}", "Employee", id_)
        some = sorted(crews, key=lambda crew: (len(crews[crew]), crew))[-20:]
        for crew in some:
            found, token = set(), ""
            while crew:
                page = self.ask("employee.v1.EmployeeService.ListEmployees", {"crew": crew, "pageSize": 1000, "pageToken": token})
                found |= {employee["id"] for employee in page.get("employees", [])}
                token = page.get("nextPageToken", "")
                if not token:
                    break
            if crew and found != crews[crew]:
                self.violate("wrong answer", f"ListEmployees of crew {crew} at rest: wrong are {sorted(found ^ crews[crew])[:10]}", "Employee", min(found ^ crews[crew]))

    def ask(self, subject, request):
        try:
            return json.loads(self.world.operator.request(subject, json.dumps(request).encode(), seconds=5).body)
        except (Lost, Silence, ValueError) as error:
            return {"error": repr(error)}

    def check_audit(self):
        """Our own witness must say the same."""
        try:
            self.world.furrow("audit")
        except Exception as error:  # whatever the tool says is what there is to see
            self.violate("audit", str(error)[:1500])

    def remember(self):
        """Where the next check begins."""
        self.checked = {name: log.known for name, log in self.logs.items()}


def ns_of(text):
    head, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.datetime.fromisoformat(head + "+00:00").timestamp())
    return seconds * 10**9 + int((fraction + "000000000")[:9])


def age_s(event):
    return time.time() - ns_of(event.time) / 10**9
