"""Called by run, with what it made, the tree and the build: has protoc-gen-furrow compile the contracts of protovalidate's cases, and asks testee.c of each."""
import collections
import pathlib
import re
import subprocess
import sys

import cases_pb2
from furrow.v1 import validate_pb2
from google.protobuf import descriptor_pb2

MADE, ROOT, BUILD = map(pathlib.Path, sys.argv[1:])
HERE = pathlib.Path(__file__).parent
THEIRS = 1159  # of all their extensions
FIELD, ONEOF = 50514, 50541  # of ours


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def as_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def parts(data):
    """(number, wire type, bytes with the tag left out) of each field."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        start = at
        if tag & 7 == 0:
            _, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            at += size
        else:
            at += {1: 8, 5: 4}[tag & 7]
        yield tag >> 3, tag & 7, data[start:at]


def take_rules(options, number):
    """Puts their option under our number. Returns what it holds."""
    rules, out = b"", b""
    for at, kind, body in parts(options.SerializeToString()):
        if at == THEIRS:
            at = number
            rules += body[varint(body, 0)[1]:]
        out += as_varint(at << 3 | kind) + body
    options.ParseFromString(out)
    return rules


def is_foreign(rules):
    """Does it say what furrow.v1.FieldRules has no word for: CEL, rules of Any, predefined ones?"""
    ours = validate_pb2.FieldRules.FromString(rules)
    size = ours.ByteSize()
    ours.DiscardUnknownFields()
    return ours.ByteSize() != size


def renumber(message):
    """Returns whether all of @message's rules are such as we have."""
    good = not any(number == THEIRS for number, _, _ in parts(message.options.SerializeToString()))
    for field in message.field:
        good &= not is_foreign(take_rules(field.options, FIELD))
    for oneof in message.oneof_decl:
        take_rules(oneof.options, ONEOF)
    return all([renumber(inner) for inner in message.nested_type]) and good


def types_within(message):
    for field in message.field:
        yield field.type_name.lstrip(".")
    for inner in message.nested_type:
        yield from types_within(inner)


class Contracts:
    """The files of all cases; messages leave them, for a reason, with those that have fields of them."""

    def __init__(self, suites):
        self.files = {file.name: file for suite in suites for file in suite.fdset.file}
        self.left = {"google.protobuf.Any": "no type of a contract"}
        for file in self.files.values():
            odd = [message.name for message in file.message_type if not renumber(message)]
            if file.name.startswith("buf/validate/conformance/"):
                for message in [message.name for message in file.message_type]:
                    if file.syntax != "proto3" or message in odd:
                        self.drop(file, message, "no proto3" if file.syntax != "proto3" else "rules that are no standard ones")
            del file.extension[:]
        self.drop_dependents()

    def drop(self, file, name, why):
        self.left[f"{file.package}.{name}"] = why
        kept = [message for message in file.message_type if message.name != name]
        assert len(kept) < len(file.message_type), name
        del file.message_type[:]
        file.message_type.extend(kept)

    def drop_dependents(self):
        while True:
            found = [(file, message.name) for file in self.files.values() for message in file.message_type
                     if any(name in self.left or name.rpartition(".")[0] in self.left for name in types_within(message))]
            for file, name in found:
                self.drop(file, name, "a field of such a message")
            if not found:
                return

    def compiled(self):
        return [file for name, file in self.files.items()
                if name.startswith("buf/validate/conformance/") and file.message_type]

    def write(self, path):
        compiled = {file.name for file in self.compiled()}
        gone = {name for name in self.files if name.startswith("buf/validate/") and name not in compiled} | {"google/protobuf/any.proto"}
        whole = descriptor_pb2.FileDescriptorSet()
        for file in self.files.values():
            if file.name in gone:
                continue
            copy = whole.file.add()
            copy.CopyFrom(file)
            copy.ClearField("public_dependency")
            copy.dependency[:] = [name for name in file.dependency if name not in gone]
        path.write_bytes(whole.SerializeToString())
        return [file.name for file in self.compiled()]

    def refuse(self, text):
        """Drops the messages that the compiler's sentences speak of."""
        found = {(file.name, message.name) for file in self.compiled() for message in file.message_type
                 if re.search(rf"\b{re.escape(file.package + '.' + message.name)}\b", text)}
        if not found:
            sys.exit(f"protovalidate: protoc refuses the cases:\n{text}")
        for name, message in found:
            why = next(line for line in text.splitlines() if re.search(rf"\.{message}\b", line))
            self.drop(self.files[name], message, "protoc-gen-furrow refuses what " + re.sub(r".*\.cases\.\w+ ", "", why))
        self.drop_dependents()


def compile_contracts(contracts):
    out = MADE / "c"
    out.mkdir()
    while True:
        names = contracts.write(MADE / "contracts")
        done = subprocess.run(["protoc", f"--descriptor_set_in={MADE / 'contracts'}", f"--plugin=protoc-gen-furrow={BUILD / 'common/codegen/protoc-gen-furrow'}",
                               f"--furrow_out={out}", f"--c_out={out}", *names], capture_output=True, text=True)
        if done.returncode == 0:
            break
        contracts.refuse(done.stderr)
    stems = [name.removesuffix(".proto") for name in names]
    headers = "".join(f'#include "{stem}.{kind}.h"\n' for stem in stems for kind in ("pb-c", "furrow"))
    text = "".join((out / f"{stem}.{kind}.h").read_text() for stem in stems for kind in ("pb-c", "furrow"))
    for type_, array in (("ProtobufCMessageDescriptor", "case_types"), ("furrow_rule_message", "case_rules")):
        symbols = re.findall(rf"^extern const {type_} (\w+);", text, re.M)
        headers += f"const {type_} *const {array}[] = {{{', '.join('&' + symbol for symbol in symbols)}, NULL}};\n"
    (out / "tables.c").write_text(headers)
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O0", f"-I{out}", f"-I{ROOT / 'common'}", f"-isystem{BUILD / 'proto'}", f"-isystem{BUILD / 'common/wire/wkt'}"]
    sources = [str(out / f"{stem}.{kind}.c") for stem in stems for kind in ("furrow", "descriptor")]  # the first has protobuf-c's within
    libraries = subprocess.run(["pkg-config", "--libs", "libprotobuf-c", "libuv", "libsodium"], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["cc", *flags, "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-c", HERE / "testee.c", "-o", out / "testee.o"], check=True)
    subprocess.run(["cc", *flags, "-w", out / "testee.o", out / "tables.c", *sources, BUILD / "libfurrow.a", *libraries, "-lm", "-pthread", "-o", out / "testee"], check=True)
    return out / "testee"


def quoted(text):
    out = ""
    for byte in text:
        out += "\\" + byte if byte in '"\\' else f"\\x{ord(byte):02x}" if ord(byte) < 32 or ord(byte) == 127 else byte
    return f'"{out}"'


def path_of(field):
    steps = []
    for element in field.elements:
        kind = element.WhichOneof("subscript")
        value = getattr(element, kind) if kind else None
        text = quoted(value) if kind == "string_key" else str(value).lower() if kind else ""
        steps.append(element.field_name + (f"[{text}]" if kind else ""))
    return ".".join(steps)


def wanted_of(case):
    kind = case.wanted.WhichOneof("result")
    if kind == "runtime_error":
        return "!"
    return sorted((path_of(found.field), found.rule_id, "key" if found.for_key else "value") for found in case.wanted.validation_error.violations)


def ask(testee, asked):
    lines = "".join(f"{case.input.type_url.rpartition('/')[2]} {case.input.value.hex()}\n" for _, case in asked)
    answer = subprocess.run([testee], input=lines.encode(), capture_output=True, check=True).stdout.decode().splitlines()
    found = []
    for line in answer:
        if line == ".":
            yield sorted(found)
            found = []
        elif line.startswith("!"):
            yield line
            found = []
        else:
            found.append(tuple(line.split("\t")))


def main():
    suites = cases_pb2.ResultSet.FromString((MADE / "dump").read_bytes()).suites
    contracts = Contracts(suites)
    testee = compile_contracts(contracts)
    expected = dict(line.split("  # ", 1) for line in (HERE / "failures.txt").read_text().splitlines() if line and not line.startswith("#"))
    every = sorted(((f"{suite.name}/{case.name}", case) for suite in suites for case in suite.cases), key=lambda pair: pair[0])
    asked = [(name, case) for name, case in every if case.input.type_url.rpartition("/")[2] not in contracts.left]
    why_not = collections.Counter(contracts.left[case.input.type_url.rpartition("/")[2]] for _, case in every if case.input.type_url.rpartition("/")[2] in contracts.left)
    passed, wrong, known = 0, [], len(expected)
    for (name, case), got in zip(asked, ask(testee, asked), strict=True):
        wanted = wanted_of(case)
        same = got == wanted
        passed += same
        if not same and not expected.pop(name, None):
            wrong.append(f"{name}: wanted {wanted}, got {got}")
        elif same and expected.pop(name, None):
            wrong.append(f"{name}: is in failures.txt, but does not differ")
    wrong += [f"{name}: is in failures.txt, but is no case" for name in expected]
    for why, count in sorted(why_not.items()):
        print(f"protovalidate: {count} cases left out: {why}")
    print("\n".join(wrong + [f"protovalidate: {passed} of {len(asked)} cases pass, {known} are expected to differ, {len(every)} there are"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
