"""What clients asked and what they were told, with times; what was broken when; and what all of it says is known."""
import itertools
import threading
import time

CODES = {1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND", 6: "ALREADY_EXISTS", 7: "PERMISSION_DENIED",
         8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 10: "ABORTED", 13: "INTERNAL", 14: "UNAVAILABLE", 15: "DATA_LOSS", 16: "UNAUTHENTICATED"}
OK, REFUSED, UNKNOWN = "OK", "refused", "unknown"
DEFINITE = {3, 5, 6, 7, 9}  # it did not happen, says the service
WRONG_ANYWAY = {2, 13, 15, 16}  # INTERNAL, DATA_LOSS: whatever happens to servers, nobody may be told so


class Op:
    """One request. `marker`: (field, value) that only this command writes. `version`: of the answer. `wrong`: why the answer cannot be true."""

    __slots__ = ("number", "client", "method", "entity", "id", "marker", "key", "after", "began", "ended", "outcome", "code", "text", "version", "answer",
                 "epoch", "first", "state")

    def __init__(self, number, client, method, entity, id_, marker=None, key=None, first=None):
        self.number, self.client, self.method, self.entity, self.id, self.marker, self.key = number, client, method, entity, id_, marker, key
        self.after = self.ended = self.outcome = self.code = self.version = self.answer = self.state = None
        self.text = ""
        self.first = first  # the command that this one repeats

    def __str__(self):
        what = f"{self.began:8.3f} to {self.ended or 0:8.3f}  client {self.client}  {self.method} {self.entity} {self.id}"
        if self.marker:
            what += f" {self.marker[0]}={self.marker[1]}"
        if self.key:
            what += f" key {self.key}" + (" again" if self.first else "")
        if self.after:
            what += f" after {self.after}"
        said = CODES.get(self.code, self.code) if self.code else self.outcome
        return f"{what}: {said}" + (f" #{self.version}" if self.version else "") + (f" {self.text[:160]}" if self.text else "")


class Violation:
    """@kind groups what is alike. @entity and @id: whose history explains it."""

    def __init__(self, kind, text, entity=None, id_=None, op=None):
        self.kind, self.text, self.entity, self.id, self.op = kind, text, entity, id_, op
        self.at = op.ended if op else None

    def __str__(self):
        return f"{self.kind}: {self.text}"


class History:
    """Threads: any."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.start = time.monotonic()
        self.lock, self.numbers = threading.Lock(), itertools.count(1)
        self.ops, self.faults, self.violations = [], [], []
        self.known = {}  # (entity, id): the newest version that anybody was answered
        self.epoch = 0  # how often the log went back
        self.totals = {}

    def now(self):
        return time.monotonic() - self.start

    def begin(self, op):
        """What the answer must not fall behind."""
        with self.lock:
            op.began, op.epoch = self.now(), self.epoch
            return self.known.get((op.entity, op.id), 0)

    def end(self, op, outcome, code=None, text="", version=None, answer=None):
        op.ended, op.outcome, op.code, op.text, op.version, op.answer = self.now(), outcome, code, text, version, answer
        with self.lock:
            self.ops.append(op)
            count = self.totals.setdefault(op.method, {})
            said = outcome if code is None else CODES.get(code, str(code))
            count[said] = count.get(said, 0) + 1
            if version and op.id and op.epoch == self.epoch and self.known.get((op.entity, op.id), 0) < version:
                self.known[op.entity, op.id] = version

    def went_back(self):
        with self.lock:
            self.epoch += 1
            self.known.clear()

    def note(self, text):
        with self.lock:
            self.faults.append((self.now(), text))
        if self.verbose:
            print(f"  {self.now():8.3f}  {text}", flush=True)

    def violate(self, kind, text, entity=None, id_=None, op=None):
        with self.lock:
            self.violations.append(Violation(kind, text, entity, id_, op))

    def next_round(self):
        """What has been checked is forgotten, but not what is known."""
        with self.lock:
            self.ops = []
