"""What the nemesis can do. A fault begins, lasts, and ends; while it lasts it holds what it needs for itself alone, so that several can overlap.
`needs` names what that is. None of them may cost a single acknowledged command.
"""
import contextlib
import signal
import threading
import time

import wire
from nats import Lost, Silence
from resp import RedisError
from world import CLOCKED, FAKETIME, INSTANCES, SERVICES

DRAIN_S = 12.0  # FURROW_DRAIN_MS of 10 s, and a process's way out


class Fault:
    """One kind; an instance is one occurrence. `title`: for the history."""

    name, lasts = "", (0.5, 3.0)
    open = ""  # what it is known to break still: runs only if it is named

    def __init__(self, nemesis):
        self.world, self.history, self.observer, self.random = nemesis.world, nemesis.history, nemesis.observer, nemesis.random
        self.title, self.needs = self.name, set()
        self.seconds = self.random.uniform(*self.lasts)
        self.choose()

    @classmethod
    def impossible(cls, world):
        """Why this cannot be done here; "" when it can."""
        return ""

    def choose(self):
        pass

    def begin(self):
        pass

    def end(self):
        pass

    def redis(self, *words):
        """As an operator; what Redis says to it does not matter."""
        client = self.world.redis(2)
        with contextlib.suppress(RedisError):
            return client.command(*words)
        client.close()
        return None


def some_service(fault):
    """One process, or both of a service."""
    service = fault.random.choice(SERVICES)
    names = [name for name in INSTANCES if name.startswith(service)]
    chosen = names if fault.random.random() < 0.25 else [fault.random.choice(names)]
    fault.targets, fault.needs = chosen, set(chosen)
    fault.title = f"{fault.name} {' '.join(chosen)} for {fault.seconds:.1f} s"


def server(name):
    def choose(fault):
        fault.targets, fault.needs = [name], {name}
        fault.title = f"{fault.name} for {fault.seconds:.1f} s"
    return choose


class Kill(Fault):
    how = signal.SIGKILL

    def begin(self):
        for target in self.targets:
            status = self.world.kill(target, self.how, DRAIN_S)
            if self.how == signal.SIGTERM and target in INSTANCES and status != 0:
                said = f"ended with {status}" if status is not None else f"had not ended {DRAIN_S:.0f} s after SIGTERM"
                self.history.violate("drain", f"{target} {said}: {self.world.log(target)[-500:]}")

    def end(self):
        for target in self.targets:
            self.world.restart(target)


class KillService(Kill):
    name, choose = "kill-service", some_service


class TermService(Kill):
    name, choose, how = "term-service", some_service, signal.SIGTERM


class KillNats(Kill):
    name, choose, lasts = "kill-nats", server("nats"), (0.0, 2.5)


class TermNats(Kill):
    name, choose, how, lasts = "term-nats", server("nats"), signal.SIGTERM, (0.0, 2.5)


class KillRedis(Kill):
    name, choose, lasts = "kill-redis", server("redis"), (0.0, 2.5)


class TermRedis(Kill):
    name, choose, how, lasts = "term-redis", server("redis"), signal.SIGTERM, (0.0, 2.5)


class Stop(Fault):
    lasts = (0.3, 6.0)

    def begin(self):
        for target in self.targets:
            self.world.pause(target)

    def end(self):
        for target in self.targets:
            self.world.go_on(target)


class StopService(Stop):
    name, choose = "stop-service", some_service


class StopNats(Stop):
    name, choose = "stop-nats", server("nats")


class StopRedis(Stop):
    name, choose = "stop-redis", server("redis")


class StopBoth(Stop):
    """SIGTERM while a server stalls must not take longer than the drain allows."""

    name = "term-while-stalled"

    def choose(self):
        self.targets = [self.random.choice(["nats", "redis"])]
        self.victim = self.random.choice(INSTANCES)
        self.needs = {*self.targets, self.victim}
        self.title = f"{self.name} {self.victim} while {self.targets[0]} is stopped"

    def begin(self):
        super().begin()
        time.sleep(0.3)
        began = time.monotonic()
        status = self.world.kill(self.victim, signal.SIGTERM, DRAIN_S)
        if status is None:
            self.history.violate("drain", f"{self.victim} had not ended {time.monotonic() - began:.0f} s after SIGTERM while {self.targets[0]} was stopped")

    def end(self):
        super().end()
        self.world.restart(self.victim)


class Flush(Fault):
    name, lasts = "flush", (0.0, 0.5)

    def choose(self):
        self.needs = {"redis"}

    def begin(self):
        self.redis("FLUSHALL")


class FlushTwice(Fault):
    name, lasts = "flush-twice", (0.3, 2.0)

    def choose(self):
        self.needs, self.title = {"redis"}, f"flush-twice, {self.seconds:.1f} s between"

    def begin(self):
        self.redis("FLUSHALL")

    def end(self):
        self.redis("FLUSHALL")


class RedisOld(Fault):
    """Redis comes back with what it had a while ago."""

    name, lasts = "redis-old", (0.3, 4.0)

    def choose(self):
        self.needs, self.title = {"redis"}, f"redis-old, as it was {self.seconds:.1f} s before"

    def begin(self):
        self.world.copy("redis", self.world.dir / "redis.old")

    def end(self):
        self.world.put_back("redis", self.world.dir / "redis.old")
        self.world.start_redis()


class RedisEmpty(Fault):
    """A new Redis; an operator provisions it."""

    name, lasts = "redis-empty", (0.0, 1.0)

    def choose(self):
        self.needs = {"redis"}

    def begin(self):
        self.world.put_back("redis", None)

    def end(self):
        self.world.start_redis()
        self.world.provision("redis")


class RedisSetting(Fault):
    """A setting that keeps it from taking writes, or worse, and back."""

    settings = ()

    def choose(self):
        self.needs, self.title = {"redis"}, f"{self.name} for {self.seconds:.1f} s"

    def begin(self):
        self.before = [(name, self.redis("CONFIG", "GET", name)) for name, _ in self.settings]
        for name, value in self.settings:
            self.redis("CONFIG", "SET", name, value)

    def end(self):
        for name, answer in reversed(self.before):
            self.redis("CONFIG", "SET", name, answer[1] if answer else {"maxmemory": "0", "maxmemory-policy": "noeviction", "min-replicas-to-write": "0"}[name])


class RedisFull(RedisSetting):
    name, settings = "redis-full", (("maxmemory", "2mb"),)


class RedisReadOnly(RedisSetting):
    name, settings = "redis-read-only", (("min-replicas-to-write", "1"),)


class RedisEvicts(RedisSetting):
    """It may evict, and does, for as short as it likes; who reads meanwhile is not told that there is nothing."""

    name, settings, lasts = "redis-evicts", (("maxmemory-policy", "allkeys-lru"), ("maxmemory", "2mb")), (0.0, 4.0)

    def choose(self):
        """A process of each service looks, each second, before Redis may end: what nobody saw of it, nobody can know of its next run
        (common/replica/README.md). So it is held a little longer."""
        self.needs = {"redis", *(f"{service}-1" for service in SERVICES)}
        self.evicts_s, self.seconds = self.seconds, self.seconds + 2.0
        self.title = f"{self.name} for {self.evicts_s:.1f} s"

    def begin(self):
        super().begin()
        self.back = threading.Timer(self.evicts_s, super().end)
        self.back.start()

    def end(self):
        self.back.join()


class RedisReplica(RedisSetting):
    """It follows a primary that is not there: it keeps its data and takes no writes."""

    name = "redis-replica"

    def begin(self):
        self.redis("REPLICAOF", "127.0.0.1", "1")

    def end(self):
        self.redis("REPLICAOF", "NO", "ONE")


class RedisBusy(RedisSetting):
    """Somebody's script."""

    name = "redis-busy"

    def begin(self):
        client = self.world.redis(0.2)
        with contextlib.suppress(RedisError):
            client.command("CONFIG", "SET", "busy-reply-threshold", "100")
            client.command("EVAL", "while true do end", "0")
        client.close()

    def end(self):
        self.redis("SCRIPT", "KILL")


class LogBack(Fault):
    """A power cut: nats-server comes back with what it had a while ago. Redis keeps what was acknowledged."""

    name, lasts = "log-back", (0.3, 2.0)
    open = "now and then a state that was acknowledged in the last moment does not come back"

    def choose(self):
        """Alone: what log and Redis lose together is lost."""
        self.needs, self.title = {"nats", "redis", *INSTANCES}, f"log-back by {self.seconds:.1f} s"

    def begin(self):
        self.marks = self.observer.marks()
        self.world.copy("nats", self.world.dir / "nats.old")

    def end(self):
        with self.observer.lock:
            self.world.put_back("nats", self.world.dir / "nats.old")
            self.history.went_back()
        self.world.start_nats()
        self.history.note("nats-server is started")
        self.observer.rewind(self.marks)
        self.history.note("the log is read")
        waiting = self.world.wait_serving(60)  # until then Redis alone has what was acknowledged
        self.history.note(f"after log-back {', '.join(waiting) or 'nobody'} is missing")


class ConsumerDeleted(Fault):
    """Somebody deletes a durable consumer; an operator puts it back."""

    name, lasts = "consumer-deleted", (0.3, 4.0)

    def choose(self):
        self.service, self.entity, _ = self.random.choice([table for table in wire.TABLES if not table[1].internal])
        self.needs = {"nats"}
        self.title = f"consumer-deleted {self.service} of {self.entity.stream} for {self.seconds:.1f} s"

    def begin(self):
        with contextlib.suppress(Lost, Silence):
            self.world.operator.api(self.entity.owner, f"CONSUMER.DELETE.{self.entity.stream}.{self.service}")

    def end(self):
        self.world.provision("nats")


class Link(Fault):
    """Between the second process of a service and a server."""

    lasts = (0.5, 8.0)

    def choose(self):
        self.link = self.random.choice(sorted(self.world.links))
        self.needs = {self.link[0]}
        self.title = f"{self.name} {self.link[0]} to {self.link[1]} for {self.seconds:.1f} s"

    def begin(self):
        self.world.tell_proxy("/".join(self.link), self.name.partition("-")[0])

    def end(self):
        self.world.tell_proxy("/".join(self.link), "pass")


class Dark(Link):
    name = "dark-link"


class Slow(Link):
    name = "slow-link"


class Refuse(Link):
    name = "refuse-link"


class Cut(Link):
    name, lasts = "cut-link", (0.0, 0.1)


class SlowReader(Fault):
    """A client that asks for much and does not read it."""

    name, lasts = "slow-reader", (2.0, 6.0)

    def choose(self):
        self.title = f"slow-reader for {self.seconds:.1f} s"

    def begin(self):
        self.client = self.world.connect("client")
        with contextlib.suppress(Lost):
            for _ in range(300):
                self.client.ask("employee.v1.EmployeeService.ListEmployees", b'{"status":1,"pageSize":1000}')

    def end(self):
        self.client.close()


class Clock(Fault):
    """A process's clock jumps, and back."""

    name, lasts = "clock-jump", (2.0, 8.0)

    @classmethod
    def impossible(cls, world):
        return "libfaketime is not installed" if not FAKETIME else "libfaketime and a sanitizer exclude each other" if world.sanitized else ""

    def choose(self):
        self.target, self.by = self.random.choice(CLOCKED), self.random.choice([-3600, -20, 20, 240, 3600])
        self.needs = {self.target}
        self.title = f"clock-jump of {self.target} by {self.by} s for {self.seconds:.1f} s"

    def begin(self):
        self.world.set_clock(self.target, self.by)

    def end(self):
        self.world.set_clock(self.target, 0)


class DiskFull(Fault):
    lasts = (1.0, 4.0)

    @classmethod
    def impossible(cls, world):
        return "" if world.own_disks else "this machine lets nobody mount a disk of his own (unshare, mount)"

    def choose(self):
        self.needs, self.title = {self.server}, f"{self.name} for {self.seconds:.1f} s"

    def begin(self):
        self.ballast = self.world.fill_disk(self.server)


class RedisDisk(DiskFull):
    name, server = "disk-full-redis", "redis"

    def end(self):
        self.ballast.unlink(missing_ok=True)


class NatsDisk(DiskFull):
    """nats-server turns JetStream off when it cannot write; somebody makes room and starts it again."""

    name, server = "disk-full-nats", "nats"

    def end(self):
        self.world.kill("nats")
        self.ballast.unlink(missing_ok=True)
        self.world.start_nats()


class BadEvent(Fault):
    """Who has the log's key puts something on an entity's subject that is no state of it."""

    name, lasts = "bad-event", (0.0, 0.5)

    def choose(self):
        self.times = self.random.choice([1, 1, 2])
        self.id = f"P{self.random.randrange(40):02d}"
        self.body = self.random.choice([b"", b"\xff\xff\xff", b"\x0a\x03E99", b'{"error":{"code":404}}'])
        self.title = f"bad-event on Employee {self.id}, {self.times} times {self.body!r}"

    def begin(self):
        writer = self.world.connect("employee.log")
        with contextlib.suppress(Lost):
            for _ in range(self.times):
                writer.send(f"employee.v1.Employee.{self.id}", self.body)
        time.sleep(0.05)
        writer.close()


class Purge(Fault):
    """Who may, tries to take messages out of a log: the stream must refuse."""

    name, lasts = "purge", (0.0, 0.1)

    def begin(self):
        with contextlib.suppress(Lost, Silence, ValueError):
            for what, request in ("STREAM.PURGE.EMPLOYEE", {"keep": 1}), ("STREAM.MSG.DELETE.EMPLOYEE", {"seq": 1}):
                answer = self.world.operator.api("employee", what, request, seconds=1)
                if answer.get("success"):
                    self.history.violate("purge", f"{what} was allowed: {answer}")


ALL = {kind.name: kind for kind in [
    KillService, TermService, StopService, KillNats, TermNats, StopNats, KillRedis, TermRedis, StopRedis, StopBoth, Flush, FlushTwice, RedisOld, RedisEmpty,
    RedisFull, RedisReadOnly, RedisEvicts, RedisReplica, RedisBusy, LogBack, ConsumerDeleted, Dark, Slow, Refuse, Cut, SlowReader, Clock, RedisDisk, NatsDisk,
    BadEvent, Purge]}
