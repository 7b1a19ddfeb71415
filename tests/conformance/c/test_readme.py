#!/usr/bin/env python3
"""Each sample, which integration/test_samples runs, is shown in README.md's chapter "Calling it from a program" as it stands."""
import pathlib
import re
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class Readme(unittest.TestCase):
    def test_its_samples_are_those_that_run(self):
        chapter = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Calling it from a program\n")[2].partition("\n## ")[0]
        shown = re.findall(r"^```c\n(.*?)^```$", chapter, re.S | re.M)
        samples = [path.read_text(encoding="utf-8") for path in HERE.glob("*.c")]
        self.assertGreater(len(samples), 0)
        for sample in samples:
            self.assertTrue(any(textwrap.indent(block, "    ") in sample for block in shown), sample)


if __name__ == "__main__":
    unittest.main()
