#!/usr/bin/env python3
"""README.md's chapter "A service of one's own" as a newcomer follows it: its files and its commands as they stand there, from `config/dev/up` and
`cmake --install` on, in the order of the chapter. It needs nothing but what config/dev/packages names: tests/debian13/run runs it where nothing else is.

    written.py      as root: it installs into the prefix that the README names. The local mesh in .run is made and wiped.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import tutorial  # noqa: E402

ROOT = tutorial.ROOT
PATIENCE_S = 300


def shell(what, lines, folder, env):
    """In one shell, until the first that fails: what they print."""
    done = subprocess.run(["bash", "-euc", lines], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f"{what} fails: {lines}\n{done.stdout[-5000:]}")
    return done.stdout


def without_morning(run):
    """What `up` plays the first time has tests of its own. Somebody's mesh is not wiped by the way."""
    if run.exists():
        sys.exit(f"written.py: {run} is there, and is made and wiped here: if nothing in it is needed, config/dev/down --wipe first")
    run.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        (run / "nats.port").write_text(str(probe.getsockname()[1]))
    (run / "shown").touch()


def follow(work, run, instead, **settings):
    """The chapter in the folder @work, with the local mesh in @run; @instead: {what the README says: what it is here}."""
    def as_here(lines):
        for said, is_here in {"path/to/furrow/.run": run, "path/to/furrow": ROOT, **instead}.items():
            lines = lines.replace(said, str(is_here))
        return lines

    install, join, test = (as_here(text) for _, text in tutorial.blocks("sh"))
    new = re.search(r"`(furrow new [^`]*)`", tutorial.chapter())[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FURROW_", "NATS_"))}
    env.update(settings)
    env["PATH"] = ":".join(folder for folder in env["PATH"].split(":") if not folder.endswith("sbin"))  # as people have it who are not root
    without_morning(run)
    people = " ".join(str(ROOT / f"config/dev/sample/{name}.csv") for name in ("locations", "jobs", "employees"))
    # Reads until our end of its pipe closes, which it does however we end.
    guard = subprocess.Popen(["bash", "-c", "read -r x; config/dev/down --wipe"], cwd=ROOT, env=env, stdin=subprocess.PIPE, start_new_session=True)
    try:
        shell("the installation", install, ROOT, env)
        shell("the import", f". '{run}/env'; farm import {people}", ROOT, env)
        said = shell("what furrow new makes", f"{new}; cmake -S picking -B picking/build; cmake --build picking/build; ctest --test-dir picking/build", work, env)
        assert "100% tests passed" in said, said
        source = tutorial.write(work / "by hand")
        said = shell("a shell line of the chapter", f"{join}\n{test}\nfurrow dev leave picking", source, env)
        for wanted in '"grams":"400000"', '"employeeName":"Guadalupe García Rodríguez"', "100% tests passed":
            assert wanted in said, said
    finally:
        guard.stdin.close()
        assert guard.wait(PATIENCE_S) == 0 and not run.exists()


def main():
    assert max(tutorial.lines()) <= tutorial.LINES_MAX, tutorial.lines()
    with tempfile.TemporaryDirectory(prefix="furrow-written-") as work:
        follow(pathlib.Path(work), ROOT / ".run", {})
    print(f"the chapter works as it is written: {tutorial.lines()[0]} lines of C, {tutorial.lines()[1]} of the rest")


if __name__ == "__main__":
    main()
