"""The checker is checked: with each of the faults that the services have planted in them (common/base/fault.h) a short run must find it, and find
it for the right reason.
"""
import argparse
import subprocess
import sys
import time

# What is planted: (how, what is broken meanwhile, kinds of which one must be found).
PLANTED = {
    "unwritten": ("unwritten:40", "cut-link", {"acknowledged and absent"}),
    "repeat-unseen": ("repeat-unseen", "cut-link", {"applied twice"}),
    "blind-write": ("blind-write", "cut-link", {"lost update"}),
    "stale-record": ("stale-record:2", "cut-link", {"stale"}),
    "claim-unasked": ("claim-unasked", "cut-link", {"badge held twice"}),
    "event-skipped": ("event-skipped:10", "cut-link", {"drift", "wrong answer"}),
    "entry-left": ("entry-left:10", "cut-link", {"index"}),
    "trust-all": ("trust-all", "flush", {"wrong answer"}),
    "reaction-skipped": ("reaction-skipped", "cut-link", {"open day of who left"}),
}
TRIES = 2


def found(options, plant, faults, tries):
    """The kinds of violation that a run with @plant finds, and all it said."""
    command = [sys.executable, sys.argv[0], "--build", str(options.build), "--minutes", "0.3", "--round", "5", "--entities", "400",
               "--seed", f"{options.seed}{tries}", "--faults", faults, "--plant", plant]
    if options.server:
        command += ["--server", options.server]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("found: ")), "found: ")
    return {kind.rpartition(" ")[0] for kind in line.removeprefix("found: ").split(", ")}, done.stdout + done.stderr


def self_test(options: argparse.Namespace):
    """The exit status."""
    names = [name for name in options.plant.split(",") if name] or list(PLANTED)
    missed = 0
    for name in names:
        plant, faults, kinds = PLANTED[name]
        began = time.monotonic()
        for tries in range(TRIES):
            seen, said = found(options, plant, faults, tries)
            if seen & kinds:
                break
        good = bool(seen & kinds)
        missed += not good
        print(f"{'ok  ' if good else 'FAIL'}  {name:18} {time.monotonic() - began:4.0f} s  found: {', '.join(sorted(seen)) or 'nothing'}", flush=True)
        if not good:
            print("\n".join(said.splitlines()[-40:]))
    seen, said = found(options, "", "cut-link,flush", 0)
    if seen - {""}:
        print(f"FAIL  nothing planted: found {seen}\n{said}")
        missed += 1
    else:
        print("ok    nothing planted, nothing found")
    return 1 if missed else 0
