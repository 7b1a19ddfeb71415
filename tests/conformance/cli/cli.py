"""What one sees of the mesh with the stock `nats` CLI: the tour of the README, every command of it; and every method, by `nats req` in JSON.

Of the tour, a block's lines that begin with "$ " are run, in one shell; each other line must be found in what its command prints ("…" stands for
anything, runs of white space for one space). So what the README shows is what the present code and the present CLI print. The CLI's own
validation of service replies is on.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

import mesh as mesh_module
from cases import contains, first_words, kept, substituted

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHAPTERS = ["## Five minutes", "## Looking inside with the nats CLI", "## Who keeps what of whom"]
END = "\x1e"  # between one command's output and the next
check = mesh_module.Checks()


def blocks(text):
    """Of each block with commands in the chapters: [(command, [line that it prints, …]), …]."""
    for chapter in CHAPTERS:
        start = text.index(chapter + "\n")
        for block in re.findall(r"^```\n(\$ .*?)^```$", text[start:text.index("\n## ", start + 1)], re.S | re.M):
            yield [(lines[0], lines[1:]) for lines in (part.splitlines() for part in re.split(r"^\$ ", block, flags=re.M)[1:])]


def pattern(line):
    words = [re.escape(word).replace("…", ".*") for word in line.split()]
    return re.compile(r"\s+".join(words))


def script(commands):
    """One in the background must have begun before the next; a terminal is what `nats stream view` wants."""
    text = ["shopt -s expand_aliases"]
    for command, _ in commands:
        if command.endswith("&"):
            text += [f"{command[:-1]} >background 2>&1 &", "until grep -q Subscribing background; do sleep 0.02; done"]
        elif " stream view " in command:
            text += [f"cat >paged <<'PAGED'\n{command}\nPAGED", "script -qec 'bash paged' /dev/null </dev/null 2>&1"]
        else:
            text += [f"{command} 2>&1"]
        text += [f"printf '{END}'"]
    return "\n".join(text + ["wait", "cat background 2>/dev/null"])


def run(commands, mesh, environment):
    text = script(commands).replace(".run/", f"{mesh.dir}/")
    done = subprocess.run(["bash", "-c", text], env=environment, cwd=mesh.dir, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    outputs = done.stdout.split(END)
    background = outputs.pop()
    assert len(outputs) == len(commands), (commands, done.stdout, done.stderr)
    for (command, expected), output in zip(commands, outputs):
        printed = re.sub(r"\s+", " ", output + background)
        missing = [line for line in expected if not pattern(line).search(printed)]
        check(command, not missing, f"not printed: {missing}\nbut: {output}{background}{done.stderr}")


def request(mesh, environment, case):
    """The answer's headers, as the CLI prints them behind the time of day, and its body."""
    user = case.get("as", "client")
    headers = [argument for name, value in case.get("headers", {}).items() for argument in ("-H", f"{name}:{value}")]
    done = subprocess.run(["nats", "--nkey", mesh.nkey(user), "--inbox-prefix", mesh.inbox(user), "req", *headers, case["call"], json.dumps(case["request"])],
                          env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    bodies = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0 and len(bodies) == 1, done
    return dict(re.findall(r"^(?:[\d:]{8} )?([A-Z][A-Za-z-]+): (.*)$", done.stdout + done.stderr, re.M)), json.loads(bodies[0])


def every_method(mesh, environment):
    words = first_words("cli")
    for case in json.loads((ROOT / "tests/conformance/cases.json").read_text())["cases"]:
        case = substituted(case, words)
        headers, answer = request(mesh, environment, case)
        what = f"nats req {case['call']}"
        if "refused" in case:
            check(f"{what}: {answer['message']}", headers.get("Nats-Service-Error-Code") == str(case["refused"]["code"]) == str(answer["code"])
                  and case["refused"]["text"] in headers["Nats-Service-Error"], (headers, answer))
        else:
            check(what, "Nats-Service-Error" not in headers and contains(answer, case["answer"]), (headers, answer))
            words |= kept(case, answer, headers)


def main(tools, build):
    tools = pathlib.Path(tools).resolve()
    server = os.environ.get("FURROW_NATS_SERVER") or f"{tools}/bin/nats-server"
    with mesh_module.Mesh(build, server) as mesh:
        sample = ROOT / "config/dev/sample"
        mesh.farm("import", *(str(sample / f"{what}.csv") for what in ("locations", "jobs", "employees")))
        environment = dict(mesh.env, NATS_URL=mesh.url, NATS_NKEY=mesh.nkey("operator"), HOME=str(mesh.dir), TERM="dumb",
                           PATH=f"{tools}/bin:{mesh.bin}/cli:{os.environ['PATH']}")
        for commands in blocks((ROOT / "README.md").read_text()):
            run(commands, mesh, environment)
        every_method(mesh, environment)
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main(*sys.argv[1:3])
