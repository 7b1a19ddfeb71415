"""What the contracts say, once more and by hand: the checker must not believe the code that it checks. The wire format of protobuf, which
fields are kept where, and which index entries follow from a state.
"""
import pathlib
import re
import struct

PROTO = pathlib.Path(__file__).resolve().parent.parent.parent.parent / "proto"

TEXT, NUMBER, TEXTS, RAW = "text", "number", "texts", "raw"


def scan(data):
    """(field number, wire type, value, the field's own bytes) of a message. ValueError when it is none."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise ValueError("cut short")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        start = at
        tag = varint()
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value = varint()
        elif kind in (1, 2, 5):
            size = varint() if kind == 2 else 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
            if at > len(data):
                raise ValueError("cut short")
        else:
            raise ValueError(f"wire type {kind}")
        if number == 0:
            raise ValueError("field 0")
        yield number, kind, value, data[start:at]


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def timestamp_ns(data):
    parts = {number: signed(value) for number, kind, value, _ in scan(data) if kind == 0}
    return parts.get(1, 0) * 10**9 + parts.get(2, 0)


class Entity:
    """One kind of entity: who owns it, on which stream, and the fields that the checker looks at."""

    def __init__(self, name, owner, stream, fields, indexes, internal=False):
        self.name, self.owner, self.stream, self.fields, self.internal = name, owner, stream, fields, internal
        self.indexes = indexes  # (field, folded)
        self.prefix = f"{owner}.v1.{name}."
        self.numbers = {number: (field, kind) for field, (number, kind) in fields.items()}

    def unpack(self, body):
        """The fields by name, as far as they are listed here. ValueError when it is no such message."""
        state = {field: 0 if kind == NUMBER else [] if kind == TEXTS else b"" if kind == RAW else "" for field, (_, kind) in self.fields.items()}
        for number, wire, value, _ in scan(body):
            field, kind = self.numbers.get(number, (None, None))
            if kind is None:
                continue
            if (wire == 0) != (kind == NUMBER):
                raise ValueError(f"{field} has wire type {wire}")
            if kind == TEXTS:
                state[field] += [value if field == "entries" else value.decode()]
            else:
                state[field] = signed(value) if kind == NUMBER else value.decode() if kind == TEXT else value
        return state

    def entries(self, id_, state):
        """{index's field: set of members}"""
        return {field: {value + b"\0" + id_.encode()
                        for value in map(lambda v: index_value(v, folded), state[field] if isinstance(state[field], list) else [state[field]])}
                for field, folded in self.indexes}


def index_value(value, folded):
    if isinstance(value, int):
        digits = f"{value:x}" if value >= 0 else f"{~value:x}"
        if value >= 0:
            return (chr(ord("a") + len(digits) - 1) + digits).encode()
        return (chr(ord("Z") - len(digits) + 1) + "".join("fedcba9876543210"[int(digit, 16)] for digit in digits)).encode()
    return (value.lower() if folded else value).encode()[:256]  # the workload writes nothing longer, and ASCII


EMPLOYEE = Entity("Employee", "employee", "EMPLOYEE",
                  {"id": (1, TEXT), "display_name": (2, TEXT), "given_name": (3, TEXT), "family_name": (4, TEXT), "badge": (5, TEXT),
                   "status": (6, NUMBER), "crew": (7, TEXT), "language": (8, TEXT), "contact": (9, RAW), "rate": (10, NUMBER),
                   "hire_date": (11, TEXT), "termination_date": (12, TEXT), "private": (14, RAW)},
                  [("display_name", True), ("status", False), ("crew", False)])
CLAIM = Entity("BadgeClaim", "employee", "BADGE_CLAIM", {"id": (1, TEXT), "value": (2, TEXT), "holder": (3, TEXT)}, [("holder", False)], True)
KEY = Entity("EmployeeKey", "employee", "EMPLOYEE_KEY", {"id": (1, TEXT)}, [], True)
LOCATION = Entity("Location", "location", "LOCATION",
                  {"id": (1, TEXT), "kind": (2, NUMBER), "name": (3, TEXT), "parent_id": (4, TEXT), "ranch_id": (5, TEXT), "status": (6, NUMBER),
                   "crop": (7, TEXT)},
                  [("parent_id", False), ("ranch_id", False), ("status", False)])
TREE = Entity("Tree", "location", "TREE", {"id": (1, TEXT)}, [], True)
JOB = Entity("Job", "job", "JOB",
             {"id": (1, TEXT), "code": (2, TEXT), "name": (3, TEXT), "kind": (4, NUMBER), "status": (6, NUMBER), "location_ids": (7, TEXTS)},
             [("code", True), ("kind", False), ("status", False)])
WORK_DAY = Entity("WorkDay", "timesheet", "WORK_DAY",
                  {"id": (1, TEXT), "employee_id": (2, TEXT), "date": (3, TEXT), "status": (4, NUMBER), "entries": (5, TEXTS), "closed_by": (7, TEXT),
                   "open_employee_id": (8, TEXT)},
                  [("employee_id", False), ("date", False), ("open_employee_id", False)])
ENTITIES = [EMPLOYEE, CLAIM, KEY, LOCATION, TREE, JOB, WORK_DAY]
BY_NAME = {entity.name: entity for entity in ENTITIES}
ACTIVE, TERMINATED, OPEN, CLOSED = 1, 2, 1, 2


def replicas():
    """(service, entity, numbers of the fields that are kept) of every replica, as the contracts declare them."""
    for owner in {entity.owner for entity in ENTITIES}:
        text = (PROTO / owner / "v1" / f"{owner}.proto").read_text()
        for body in re.findall(r"^message \w+ \{\n(.*?)^\}", text, re.M | re.S):
            if of := re.search(r'replica_of\) = "[\w.]*\.(\w+)"', body):
                yield owner, BY_NAME[of[1]], {int(number) for number in re.findall(r"^  (?!option).*? = (\d+)[ ;]", body, re.M)}


# What is kept in Redis; None: the whole state.
TABLES = [(entity.owner, entity, None) for entity in ENTITIES] + sorted(replicas(), key=lambda table: (table[0], table[1].name))


def project(body, kept):
    return body if kept is None else b"".join(raw for number, _, _, raw in scan(body) if number in kept)


def version_of(record):
    return struct.unpack(">Q", record[:8])[0]


def last_entry(day):
    """(start, end or None, job) of the last entry of an unpacked day; times in nanoseconds."""
    if not day["entries"]:
        return None
    start, end, job = 0, None, ""
    for number, _, value, _ in scan(day["entries"][-1]):
        if number == 2:
            start = timestamp_ns(value)
        elif number == 3:
            end = timestamp_ns(value)
        elif number == 4:
            job = value.decode()
    return start, end, job
