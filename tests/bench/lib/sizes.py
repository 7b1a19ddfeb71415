"""
How many bytes the messages of the comparison have, counted by hand from the contracts: protobuf fields, NATS header blocks, what JetStream
and Redis put beside a value. Lengths of ids and texts are those that `loader` writes. The model stands on these and on nothing measured.
"""
ULID, TIME = 26, len("2026-11-23T06:00:00.000Z")
EMPLOYEE_ID = JOB_ID = LOCATION_ID = len("E0000001")
TIMESTAMP = 2 + 12  # a message of seconds (6) and nanoseconds (6), after its tag and length
DATE = len("20261123")


def text(length, tag=1):
    """A string or message field of protobuf; nothing when it is empty."""
    return tag + (1 if length < 128 else 2) + length if length else 0


def number(value, tag=1):
    """A varint field."""
    return tag + max(1, -(-value.bit_length() // 7)) if value else 0


def digits(value):
    return len(str(int(value)))


def headers(**fields):
    """A block of NATS headers (ADR-4) from names (with _ for -) and lengths of values."""
    return len("NATS/1.0\r\n") + sum(len(name) + len(": ") + length + len("\r\n") for name, length in fields.items()) + len("\r\n")


def event(entity, verb, owner, sequence):
    """The headers of an event as Furrow writes them: CloudEvents' own, without a trace, the sequence that it follows, and whose command it was."""
    return headers(ce_specversion=len("1.0"), ce_id=ULID, ce_type=len(entity) + 1 + len(verb), ce_source=1 + len(owner), ce_time=TIME,
                   ce_datacontenttype=len("application/protobuf"), **{"Nats-Expected-Last-Subject-Sequence": digits(sequence), "Furrow-By": len("_INBOX_client")})


def puback(stream, sequence):
    return len('{"stream":"", "seq":}') + len(stream) + digits(sequence)


def stored(subject, header_bytes, body):
    """A message in a file of JetStream: length, sequence, time, subject's length; a checksum behind it."""
    return 22 + subject + (4 + header_bytes if header_bytes else 0) + body + 8


# What jemalloc gives to who asks for at most so many bytes.
CLASSES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)


def allocated(size):
    return next(given for given in CLASSES if given >= size)


def sds(length):
    """A string of Redis: 3 bytes of header (5 past 255), its end."""
    return (3 if length < 256 else 5) + length + 1


def redis_string(key, value):
    """A key with its string: the entry, its share of the table (a slot of 8 bytes, at a load of a half to one), the key, the value beside or
    inside of its object."""
    slots = 8 / 0.75
    inside = value <= 44
    return 24 + slots + allocated(sds(key)) + (allocated(16 + sds(value)) if inside else 16 + allocated(sds(value)))
