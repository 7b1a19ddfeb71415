"""All check_*.py, one after the other; one that fails does not keep the others from running.

    checks.py TOOLS BUILD
"""
import importlib
import pathlib
import sys
import traceback

from chart import check

PARTS = ["refusals", "tools", "promises", "upgrade", "trial", "production"]


def main(tools, build):
    failed = []
    for part in PARTS:
        print(f"{part}:", flush=True)
        try:
            importlib.import_module(f"check_{part}").main(pathlib.Path(tools), pathlib.Path(build))
        except Exception:
            traceback.print_exc()
            failed.append(part)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; {check.count} checks passed")
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
