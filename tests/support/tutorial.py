"""The service of README.md's chapter "A service of one's own", as it stands there."""
import pathlib
import re
import shutil
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTSIDE = ROOT / "tests/conformance/outside"
NAMES = "proto/picking/v1/picking.proto", "picking.c", "leaving.c", "CMakeLists.txt"
LINES_MAX = 60  # hand-written, of C and of the rest


def chapter():
    return (ROOT / "README.md").read_text(encoding="utf-8").partition("## A service of one's own\n")[2].partition("\n## ")[0]


def blocks(*kinds):
    """Each as (kind, text)."""
    found = re.findall(rf"^ *```({'|'.join(kinds)})\n(.*?)^ *```$", chapter(), re.S | re.M)
    return [(kind, textwrap.dedent(text)) for kind, text in found]


def files():
    """{name: text}, in the order of the chapter, which names each before it."""
    written = blocks("proto", "c", "cmake")
    named = [name for name in re.findall(r"^\d\. `([^`]+)`", chapter(), re.M)]
    assert tuple(named) == NAMES and len(written) == len(NAMES), (named, len(written))
    return {name: text for name, (kind, text) in zip(named, written)}


def lines():
    """How many lines a hand has written: of C, and of the contract and CMake. Empty ones are none."""
    count = lambda name, text: sum(1 for line in text.splitlines() if line.strip())
    c = sum(count(name, text) for name, text in files().items() if name.endswith(".c"))
    return c, sum(count(name, text) for name, text in files().items() if not name.endswith(".c"))


def write(folder):
    """All of it in @folder."""
    folder = pathlib.Path(folder)
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_with_test(folder):
    """All of it in @folder, with the test that stands in our tree, and no warning allowed."""
    folder = write(folder)
    shutil.copy(OUTSIDE / "picking_test.c", folder)
    with (folder / "CMakeLists.txt").open("a", encoding="utf-8") as cmake:
        cmake.write("foreach(target picking picking_domain)\n  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-unused-parameter "
                    "-Wno-missing-field-initializers)\nendforeach()\n"
                    "furrow_service_test(picking_test SERVICE picking SOURCES picking_test.c NEEDS employee)\n")
    return folder
