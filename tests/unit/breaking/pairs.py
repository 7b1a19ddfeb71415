#!/usr/bin/env python3
"""Every pairs/*.pair: what `furrow breaking` says of the two contracts in it is what its first line says.

    pairs.py TOOL PROTOC FOLDER [BUF]     FOLDER has furrow/v1/options.proto

With BUF, `buf breaking` with its category WIRE_JSON judges the same pairs: rule by rule and line by line the same, but for the rules
that are ours. tests/conformance/buf/run brings it.

A pair is "# RULE…", "--- before", a .proto, "--- after", another. A .proto without `syntax` is one of proto3 that may use our options.
"""
import json, pathlib, subprocess, sys, tempfile

OURS = {"METHOD_NO_DELETE", "ENTITY_NO_DELETE", "ENTITY_SAME_STORAGE", "FIELD_SAME_INDEX", "FIELD_SAME_PRIVATE", "FIELD_SAME_UNIQUE",
        "FIELD_KEPT_NO_DELETE"}
HEAD = 'syntax = "proto3";\npackage pair.v1;\nimport "furrow/v1/options.proto";\n'


def compile_pair(protoc, options, folder, text):
    """Descriptors of both sides: folder/before.binpb and folder/after.binpb."""
    for side, proto in zip(("before", "after"), text.split("--- before\n")[1].split("--- after\n")):
        (folder / side / "pair/v1").mkdir(parents=True)
        (folder / side / "pair/v1/pair.proto").write_text(proto if "syntax" in proto else HEAD + proto)
        done = subprocess.run([protoc, f"-I{folder / side}", f"-I{options}", "-I/usr/include", "--include_imports", "--include_source_info",
                               "-o", folder / f"{side}.binpb", "pair/v1/pair.proto"], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{side}: {done.stderr}")


def judge(command, good):
    """The findings, each an object a line."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in good:
        sys.exit(f"{command}: {done.returncode}: {done.stdout}{done.stderr}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if bool(found) != (done.returncode != 0):
        sys.exit(f"{command}: exit code {done.returncode} with {len(found)} findings")
    return found


def main(tool, protoc, options, buf=None):
    wrong, pairs = 0, sorted(pathlib.Path(__file__).parent.glob("pairs/*.pair"))
    for path in pairs:
        with tempfile.TemporaryDirectory() as name:
            folder, text = pathlib.Path(name), path.read_text()
            compile_pair(protoc, options, folder, text)
            wanted = set(text.splitlines()[0].lstrip("#").split())
            found = judge([tool, "breaking", folder / "after.binpb", "--against", folder / "before.binpb", "--json"], (0, 1))
            rules = {finding["type"] for finding in found}
            if rules != wanted:
                print(f"{path.name}: says {sorted(rules)}, not {sorted(wanted)}")
                wrong += 1
            for finding in found:
                if not finding["message"] or not finding["remedy"] or finding["path"] != "pair/v1/pair.proto":
                    print(f"{path.name}: {finding}")
                    wrong += 1
            if not buf:
                continue
            theirs = judge([buf, "breaking", folder / "after.binpb", "--against", folder / "before.binpb", "--error-format", "json",
                            "--config", '{"version":"v2","breaking":{"use":["WIRE_JSON"]}}'], (0, 100))
            if {finding["type"] for finding in theirs} != rules - OURS:
                print(f"{path.name}: Buf says {sorted({finding['type'] for finding in theirs})}, we {sorted(rules - OURS)}")
                wrong += 1
            # Of what stands in a line of its own; an option's place and a map's value's are not in what we keep.
            places = lambda all: {(finding["type"], finding.get("start_line", 0)) for finding in all if finding["type"] not in OURS}
            unplaced = rules & {"FILE_SAME_PACKAGE", "RPC_SAME_IDEMPOTENCY_LEVEL"} or any(finding["start_line"] == 0 for finding in found)
            if places(theirs) != places(found) and not unplaced:
                print(f"{path.name}: Buf at {sorted(places(theirs))}, we at {sorted(places(found))}")
                wrong += 1
    if len(pairs) < 30:
        sys.exit(f"{len(pairs)} pairs")
    print(f"{len(pairs)} pairs, {wrong} wrong" + (", as Buf says" if buf else ""))
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
