"""Plans from the seed what is broken when, does it, mends all, and measures how soon the mesh serves again. The main thread."""
import random
import threading
import time

from faults import ALL
from nats import Lost, Silence
from world import INSTANCES, SERVICES

TOGETHER = 3  # faults at once
PROBE_S = 0.02
LONG_S, PATIENCE_S = 5, 60  # after it is asked why; until it is given up


class Prober(threading.Thread):
    """Asks each service all the time, as a client that only wants to know whether it is there."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.nats, self.stopping = world, world.connect("client"), False
        self.served = dict.fromkeys(SERVICES, 0.0)  # when it last answered

    def run(self):
        while not self.stopping:
            for service in SERVICES:
                began = time.monotonic()
                if self.world.serving(self.nats, service, 0.5):
                    self.served[service] = began
            time.sleep(PROBE_S)

    def all_since(self, moment, seconds):
        """How long after @moment the last of them had answered something asked since; None if one had not after @seconds."""
        while time.monotonic() < moment + seconds:
            if min(self.served.values()) > moment:
                return max(self.served.values()) - moment
            time.sleep(PROBE_S)
        return None


class Nemesis:
    def __init__(self, world, history, observer, seed, names=None):
        self.world, self.history, self.observer = world, history, observer
        self.random = random.Random(f"{seed}/nemesis")
        self.skipped = {name: why for name, kind in ALL.items() if (why := kind.impossible(world))}
        self.kinds = [ALL[name] for name in names or ALL if name not in self.skipped and (names or not ALL[name].open)]
        self.recoveries, self.bag = [], []  # (what, seconds)
        self.prober = Prober(world)

    def next_kind(self):
        """Every kind has its turn before one comes again."""
        if not self.bag:
            self.bag = self.random.sample(self.kinds, len(self.kinds))
        return self.bag.pop()

    def strike(self, seconds):
        """Breaks things for so long, one after the other and together, and leaves all mended."""
        until, running = time.monotonic() + seconds, []
        while time.monotonic() < until or running:
            now = time.monotonic()
            for due, fault in [entry for entry in running if entry[0] <= now]:
                running.remove((due, fault))
                self.act(fault.end, f"end of {fault.title}")
                if not running and self.random.random() < 0.5:
                    self.measure(fault.name)
            if now < until and len(running) < TOGETHER and (not running or self.random.random() < 0.5):
                self.start_one(running)
            pause = self.random.uniform(0.1, 2.0)
            time.sleep(max(0.0, min([pause, *(due - time.monotonic() for due, _ in running)])))
        self.mend()

    def start_one(self, running):
        fault = self.next_kind()(self)
        held = set().union(*(other.needs for _, other in running))
        if fault.needs & held:
            self.bag.insert(0, type(fault))
            return
        self.act(fault.begin, fault.title)
        running.append((time.monotonic() + fault.seconds, fault))

    def act(self, what, title):
        self.history.note(title)
        try:
            what()
        except (OSError, Lost, Silence) as error:
            self.history.note(f"{title}: {error!r}")

    def mend(self):
        dead = self.world.mend()
        for name in dead:
            self.history.violate("crash", f"{name} ended by itself: {self.world.log(name)[-1500:]}")
        self.history.note("all mended")
        self.measure("all mended")

    def measure(self, what):
        """How soon all serve again."""
        moment = time.monotonic()
        took = self.prober.all_since(moment, LONG_S)
        if took is None:
            for name in INSTANCES:
                if not self.world.ready(name):
                    self.history.note(f"{name} does not serve: {self.world.why(name)}")
            took = self.prober.all_since(moment, PATIENCE_S)
        self.recoveries.append((what, took))
        self.history.note(f"all serve again after {took:.2f} s" if took is not None else f"not all serve after {PATIENCE_S} s")
