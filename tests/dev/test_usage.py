#!/usr/bin/env python3
"""Wrong usage of the furrow tool: each command says what is wrong and how it is used, exits 2, and asks no server first.

    test_usage.py SERVICES      SERVICES: a build's programs
"""
import os
import re
import subprocess
import sys
import unittest

FURROW = os.path.join(sys.argv.pop(1), "cli", "furrow")


def furrow(*arguments):
    """Where no server is."""
    nowhere = {"FURROW_NATS_URL": "nats://127.0.0.1:1", "FURROW_REDIS_URL": "unix:///nonexistent"}
    return subprocess.run([FURROW, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, **nowhere}, timeout=60)


def commands():
    """By the help: name and arguments of each."""
    lines = [line.split(None, 2) for line in furrow("--help").stdout.splitlines() if line.startswith("  furrow ")]
    return {words[1]: words[2] if len(words) > 2 else "" for words in lines}


class Usage(unittest.TestCase):
    def refused(self, *arguments, because):
        done = furrow(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done)
        self.assertIn(because, done.stderr)
        return done.stderr

    def test_every_command_refuses_options_that_it_does_not_have(self):
        self.assertGreater(len(commands()), 6)
        for name, arguments in commands().items():
            with self.subTest(name):
                said = self.refused(name, "--nonsense", because=f"furrow: {name}: no option --nonsense")
                self.assertIn(f"usage: furrow {name} {arguments}".strip(), said)

    def test_every_command_refuses_more_arguments_than_it_takes(self):
        for name, arguments in commands().items():
            if re.search(r"\w…", arguments):
                continue  # any number of them
            with self.subTest(name):
                self.refused(name, *["word"] * 9, because=f"furrow: {name}: too much: word")

    def test_every_option_with_a_value_misses_it(self):
        for name, arguments in commands().items():
            for option in set(re.findall(r"(--[a-z-]+) \w", arguments)):
                with self.subTest(name, option=option):
                    self.refused(name, option, because=f"furrow: {option} needs a value")

    def test_unknown_commands_and_none(self):
        self.refused("frobnicate", because="no command frobnicate; try --help")
        self.assertEqual(furrow().returncode, 2)
        self.assertEqual(furrow("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
