"""Follows the logs from outside, message by message, so that the checker knows every state that there ever was and not only the last four."""
import base64
import collections
import json
import threading
import time

from nats import Lost, Message, Silence
from wire import ENTITIES

WINDOW = 128


class Event:
    """A message of a log. `state`: the fields; None after a deletion; `good` is False when it is no state of its entity."""

    __slots__ = ("entity", "seq", "id", "headers", "body", "time", "state", "good")

    def __init__(self, entity, stored):
        self.entity, self.seq, self.time = entity, stored["seq"], stored["time"]
        self.id = stored["subject"].removeprefix(entity.prefix)
        self.headers = Message("", base64.b64decode(stored.get("hdrs", "")), b"").headers
        self.body = base64.b64decode(stored.get("data", ""))
        self.state, self.good = None, False
        if not self.body:
            self.good = self.headers.get("ce-type", "").endswith("deleted") and self.headers.get("ce-source") == f"/{entity.owner}"
            return
        try:
            self.state = entity.unpack(self.body)
            self.good = self.state["id"] == self.id
        except ValueError:
            pass

    @property
    def type(self):
        return self.headers.get("ce-type", "?").rpartition(".")[2]

    def __str__(self):
        seen = "deleted" if self.state is None else {name: value for name, value in self.state.items() if value and not isinstance(value, (bytes, list))}
        return f"{self.entity.name} {self.id} #{self.seq} {self.time} {self.type} {seen if self.good else 'no state'}"


class Log:
    """What is known of one stream."""

    def __init__(self, entity):
        self.entity, self.events, self.by_id, self.known, self.gaps = entity, {}, collections.defaultdict(list), 0, set()
        self.lost = []  # what a log that went back had

    def add(self, event):
        self.events[event.seq] = event
        if not event.id.startswith("@"):  # what a log says of itself
            self.by_id[event.id].append(event)

    def newest(self, id_):
        """The newest good state of an entity, as an event."""
        return next((event for event in reversed(self.by_id.get(id_, ())) if event.good), None)

    def rewind(self, mark):
        """All after @mark is to be read again. Answers what it was."""
        dropped = [self.events.pop(seq) for seq in sorted(self.events) if seq > mark]
        for event in reversed(dropped):
            if event in self.by_id.get(event.id, ()):
                self.by_id[event.id].remove(event)
        self.known, self.gaps = min(mark, self.known), {seq for seq in self.gaps if seq <= mark}
        return dropped


class Observer(threading.Thread):
    def __init__(self, world):
        super().__init__(daemon=True)
        self.nats = world.connect("operator")
        self.logs = {entity.name: Log(entity) for entity in ENTITIES}
        self.stopping, self.lock = False, threading.Lock()

    def run(self):
        while not self.stopping:
            with self.lock:
                self.look()
            time.sleep(0.02)

    def look(self):
        """True if all that there is has been read."""
        try:
            return all([self.read(log, 1.0) for log in self.logs.values()])
        except (Lost, Silence, ValueError, KeyError):
            self.nats.close()
            return False

    def read(self, log, seconds):
        info = self.nats.api(log.entity.owner, f"STREAM.INFO.{log.entity.stream}", seconds=seconds)
        last = info["state"]["last_seq"]
        while log.known < last:
            wanted = range(log.known + 1, min(log.known + WINDOW, last) + 1)
            self.take(log, wanted, seconds)
            log.known = wanted[-1]
        return True

    def take(self, log, wanted, seconds):
        subject, found = f"$JS.{log.entity.owner}.API.STREAM.MSG.GET.{log.entity.stream}", {}
        asked = {self.nats.ask(subject, b'{"seq":%d}' % seq): seq for seq in wanted}
        deadline = time.monotonic() + seconds + 4
        while asked:
            number, message = self.nats.reply(deadline)
            seq = asked.pop(number, None)
            if seq is not None:
                found[seq] = json.loads(message.body)
        for seq, answer in found.items():
            if "message" not in answer and answer.get("error", {}).get("code") != 404:
                raise Lost(str(answer))
        for seq in wanted:
            if "message" in found[seq]:
                log.add(Event(log.entity, found[seq]["message"]))
            else:
                log.gaps.add(seq)  # four newer ones came before we did

    def marks(self):
        with self.lock:
            return {name: log.known for name, log in self.logs.items()}

    def rewind(self, marks):
        """The logs went back to some moment after @marks."""
        with self.lock:
            dropped = {name: log.rewind(marks[name]) for name, log in self.logs.items()}
            deadline = time.monotonic() + 60
            while not self.look() and time.monotonic() < deadline:
                time.sleep(0.1)
            for name, log in self.logs.items():
                for event in dropped[name]:
                    now = log.events.get(event.seq)
                    if now is None and event.seq in log.gaps:
                        log.gaps.discard(event.seq)
                    if now is None or now.time != event.time:
                        log.lost.append(event)

    def catch_up(self, seconds=30):
        """Everything that is in the logs now has been read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.lock:
                if self.look():
                    return True
            time.sleep(0.05)
        return False
