"""One run: a mesh, clients, the nemesis and the checker, round after round, and the report of what was found."""
import collections
import os
import statistics
import subprocess
import time

from checker import Checker
from clients import Client, populate
from history import History
from nemesis import Nemesis, Prober  # noqa: F401
from observer import Observer
from world import World

SHOWN = 8  # violations that are shown whole
RELEVANT = 16  # lines of an entity's history


class Campaign:
    def __init__(self, options):
        self.options, self.stable = options, max(options.entities // 40, 2) * 40
        self.history = History(options.verbose)
        self.rounds = 0

    def run(self):
        """The exit status."""
        options = self.options
        version = subprocess.run([options.server or "nats-server", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        print(f"chaos: seed {options.seed}, {options.minutes:g} min, {self.stable} employees, {options.clients} clients, {version}", flush=True)
        with World(options.build, options.server, options.plant) as self.world:
            populate(self.world, self.stable)
            self.start()
            until = time.monotonic() + 60 * options.minutes
            while time.monotonic() < until and not self.history.violations:
                self.round(min(options.round, max(until - time.monotonic(), 5)))
            self.stop()
            for line in self.world.crashes():
                self.history.violate("crash", line)
            self.report()
            if options.keep:
                os.makedirs(options.keep, exist_ok=True)
                subprocess.run(["cp", "-r", *self.world.dir.glob("*.log"), options.keep], check=True)
        return 1 if self.history.violations else 0

    def start(self):
        options = self.options
        self.observer = Observer(self.world)
        self.observer.start()
        self.nemesis = Nemesis(self.world, self.history, self.observer, options.seed, options.faults)
        self.nemesis.prober.start()
        for name, why in self.nemesis.skipped.items():
            print(f"  skip {name}: {why}", flush=True)
        self.checker = Checker(self.world, self.history, self.observer, self.stable)
        self.clients = [Client(self.world, self.history, number, options.clients, options.seed, self.stable) for number in range(options.clients)]
        for client in self.clients:
            client.start()

    def stop(self):
        for thread in [*self.clients, self.observer, self.nemesis.prober]:
            thread.stopping = True
        for client in self.clients:
            client.go.set()
        for thread in [*self.clients, self.observer, self.nemesis.prober]:
            thread.join(15)

    def round(self, seconds):
        self.rounds += 1
        self.history.note(f"round {self.rounds}")
        for client in self.clients:
            client.idle.clear()
            client.go.set()
        self.nemesis.strike(seconds)
        for client in self.clients:
            client.go.clear()
        for client in self.clients:
            client.idle.wait(30)
        rested = self.checker.rest()
        asked, began = len(self.history.ops), time.monotonic()
        if rested:
            self.checker.run()
        self.checker.remember()
        print(f"  round {self.rounds}: {asked} requests, {sum(log.known for log in self.observer.logs.values())} events, checked in "
              f"{time.monotonic() - began:.1f} s: {len(self.history.violations)} violations", flush=True)
        if not self.history.violations:
            self.history.next_round()

    # ---- the report ----

    def report(self):
        violations = self.history.violations
        if violations:
            began = next((at for at, text in reversed(self.history.faults) if text == f"round {self.rounds}"), 0)
            print("what was broken in that round:")
            for at, text in self.history.faults:
                if at >= began:
                    print(f"  {at:8.3f}  {text}")
            for violation in violations[:SHOWN]:
                self.explain(violation)
            kinds = collections.Counter(violation.kind for violation in violations)
            print("\nfound: " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
            print(f"again: tests/chaos/run --seed {self.options.seed} --minutes {self.options.minutes:g}"
                  + (f" --faults {','.join(self.options.faults)}" if self.options.faults else ""))
        self.figures()

    def explain(self, violation):
        """With the shortest history of the entity that has all that bears on it."""
        print(f"\n{violation}")
        if not violation.id:
            return
        ops = [op for op in self.history.ops if op.id == violation.id or (op.entity == "Clock" and violation.id.startswith(op.id + "_") and op.id)]
        lines = [(op.began, str(op)) for op in ops if violation.at is None or op.began <= violation.at]
        kept = [line for _, line in sorted(lines) if "Lost" not in line and "UNAVAILABLE" not in line]
        for line in kept[-RELEVANT:]:
            print(f"    {line}")
        log = self.observer.logs.get(violation.entity if violation.entity != "Clock" else "WorkDay")
        for event in (log.by_id.get(violation.id, []) if log else [])[-8:]:
            print(f"    log: {event}")
        for event in log.lost if log else []:
            if event.id == violation.id:
                print(f"    lost: {event}")

    def figures(self):
        total = {}
        for method, outcomes in sorted(self.history.totals.items()):
            for outcome, count in outcomes.items():
                total[outcome] = total.get(outcome, 0) + count
        struck = {}
        for _, text in self.history.faults:
            name = text.split()[0].rstrip(",")
            if name in {kind.name for kind in self.nemesis.kinds}:
                struck[name] = struck.get(name, 0) + 1
        print(f"\n{self.rounds} rounds, {sum(total.values())} requests: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(total.items(), key=lambda item: -item[1])))
        print(f"{sum(struck.values())} faults: " + ", ".join(f"{name} {count}" for name, count in sorted(struck.items())))
        times = [took for _, took in self.nemesis.recoveries if took is not None]
        if times:
            print(f"all services answer again after a fault has ended, {self.stable} employees: median {statistics.median(times):.2f} s, "
                  f"longest {max(times):.2f} s ({max((took, what) for what, took in self.nemesis.recoveries if took is not None)[1]}), "
                  f"within 3 s {sum(took <= 3 for took in times)} of {len(self.nemesis.recoveries)}")
