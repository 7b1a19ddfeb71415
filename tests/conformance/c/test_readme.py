#!/usr/bin/env python3
"""What README.md's chapter "Calling it from a program" shows of C stands so in a sample, which integration/test_samples runs."""
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
        self.assertEqual(len(shown), len(samples))
        for block in shown:
            self.assertTrue(any(textwrap.indent(block, "    ") in sample for sample in samples), block)


if __name__ == "__main__":
    unittest.main()
