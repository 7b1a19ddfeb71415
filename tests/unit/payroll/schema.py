#!/usr/bin/env python3
"""Every file of rules obeys their schema, and what breaks it is found: schema.py FOLDER

Of JSON Schema it knows what schema.json uses; a keyword that it does not know is an error.
"""
import copy
import json
import pathlib
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "integer": int}
NOTES = {"$schema", "$defs", "title", "description", "properties", "additionalProperties"}
CHECKS = {
    "type": lambda v, want: any(isinstance(v, TYPES[t]) for t in ([want] if isinstance(want, str) else want)),
    "enum": lambda v, want: v in want,
    "required": lambda v, want: all(name in v for name in want),
    "pattern": lambda v, want: not isinstance(v, str) or re.search(want, v),
    "minLength": lambda v, want: len(v) >= want,
    "maxLength": lambda v, want: len(v) <= want,
    "minItems": lambda v, want: len(v) >= want,
    "maxItems": lambda v, want: len(v) <= want,
    "minimum": lambda v, want: int(v) >= want,
    "exclusiveMinimum": lambda v, want: int(v) > want,
    "maximum": lambda v, want: int(v) <= want,
}


def problems(value, schema, root, at=""):
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for word, want in schema.items():
        if word == "items":
            for i, item in enumerate(value):
                yield from problems(item, want, root, f"{at}[{i}]")
        elif word not in NOTES and not CHECKS[word](value, want):
            yield f"{at}: {word}"
    for name, item in value.items() if isinstance(value, dict) else ():
        if name in schema.get("properties", {}):
            yield from problems(item, schema["properties"][name], root, f"{at}.{name}")
        elif schema.get("additionalProperties", True) is False:
            yield f"{at}.{name}: unknown"


BREAKS = [
    (lambda r: r.pop("methods"), ": required"),
    (lambda r: r.update(wages=[]), ".wages: unknown"),
    (lambda r: r["minimumWages"][0].update(centsPerHour=0), ".minimumWages[0].centsPerHour: minimum"),
    (lambda r: r["minimumWages"][0].update(sources=[]), ".minimumWages[0].sources: minItems"),
    (lambda r: r["overtime"][0].update({"from": "soon"}), ".overtime[0].from: pattern"),
    (lambda r: r["overtime"][0]["daily"][0].update(percent=100), ".overtime[0].daily[0].percent: exclusiveMinimum"),
    (lambda r: r["methods"][0].update(topUp="DAY"), ".methods[0].topUp: enum"),
]


def main(folder):
    folder = pathlib.Path(folder)
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    files = [path for path in sorted(folder.glob("*.json")) if path.name != "schema.json"]
    assert files, f"no rules in {folder}"
    found = []
    for path in files:
        rules = json.loads(path.read_text(encoding="utf-8"))
        found += [f"{path.name}{problem}" for problem in problems(rules, schema, schema)]
        for change, expected in BREAKS:
            broken = copy.deepcopy(rules)
            change(broken)
            assert list(problems(broken, schema, schema)) == [expected], f"not found: {expected}"
    print("\n".join(found) or f"{len(files)} files of rules obey the schema")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
