#!/usr/bin/env python3
"""The tables of commands of the furrow tool and of the farm's program, as their help shows them: help and version of each do nothing, wrong usage of each is told and exits 2, and
--dry-run makes nothing. No server is anywhere, so none can be asked first.

    test_usage.py SERVICES      SERVICES: a build's programs
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SERVICES = os.path.abspath(sys.argv.pop(1))
PROGRAMS = {"furrow": os.path.join(SERVICES, "cli", "furrow"), "farm": os.path.join(SERVICES, "farm", "farm")}
NOWHERE = {"FURROW_NATS_URL": "nats://127.0.0.1:1", "FURROW_REDIS_URL": "unix:///nonexistent"}
# Words that a command takes, so that the option alone is what is wrong.
WORDS = {"FOLDER": "made", "SUBJECT": "a.b", "SERVICE": "job", "ENTITY": "Job", "ID": "J1", "MESSAGE": "job.v1.Job", "LETTER…": "job/1",
         "FILE.csv…": "jobs.csv", "NAME": "job"}


def program(name, *arguments, cwd=None, **more):
    """Where no server is. What ASan says of task stacks is not the program's."""
    done = subprocess.run([PROGRAMS[name], *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                          env={**os.environ, **NOWHERE, **more}, timeout=60)
    done.stderr = re.sub(r"^==\d+==WARNING: ASan doesn't fully support .*\n", "", done.stderr, flags=re.MULTILINE)
    return done


def furrow(*arguments, **more):
    return program("furrow", *arguments, **more)


def commands(of):
    """By the help: name ("deadletter list") and arguments of each."""
    lines = [line[len(f"  {of} "):] for line in program(of, "--help").stdout.splitlines() if line.startswith(f"  {of} ")]
    found = [re.fullmatch(r"([a-z]+(?: [a-z]+)?)(?: (.*))?", line) for line in lines]
    return {match[1]: match[2] or "" for match in found}


def options(of, name):
    """By the help of the command: each option, and whether it has a value."""
    usage = program(of, *name.split(), "--help").stdout.splitlines()[0]
    return dict(re.findall(r"\[(--?[A-Za-z-]+)(?: ([^]]+))?\]", usage))


def words(arguments):
    """The arguments that must be there."""
    return [WORDS[word] for word in arguments.split(" | ")[0].split() if word in WORDS]


class Usage:
    """What holds of both programs; of is the one that is tried."""
    of = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_here(self, *arguments, **more):
        return program(self.of, *arguments, cwd=self.folder, **more)

    def refused(self, *arguments, because):
        done = self.run_here(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done)
        self.assertIn(because, done.stderr)
        self.assertEqual(os.listdir(self.folder), [], arguments)
        return done.stderr

    def told(self, *arguments):
        done = self.run_here(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(os.listdir(self.folder), [], arguments)
        return done.stdout

    def test_the_help_of_every_command_does_nothing(self):
        self.assertGreater(len(commands(self.of)), {"furrow": 15, "farm": 3}[self.of])
        for name, arguments in commands(self.of).items():
            with self.subTest(name):
                said = self.told(*name.split(), "--help")
                self.assertIn(f"Usage: {self.of} {name} {arguments}".strip(), said)
                for part in ["Exit code", "--version"] + list(options(self.of, name)):
                    self.assertIn(part, said)
                self.assertEqual(said, self.told(*name.split(), *words(arguments), "--help"))
                self.assertEqual(said, self.told(*name.split(), "--nonsense", "--help", "x"))
                self.assertEqual(said, self.told("help", *name.split()))

    def test_the_version_of_every_command_does_nothing(self):
        for name, arguments in {"": "", **commands(self.of)}.items():
            with self.subTest(name):
                self.assertRegex(self.told(*name.split(), *words(arguments), "--version"), rf"^{self.of} \d+\.\d+\.\d+\n$")

    def test_every_command_refuses_options_that_it_does_not_have(self):
        for name, arguments in commands(self.of).items():
            for option in "--nonsense", "-x", "--nonsense=1", "--hel":
                with self.subTest(name, option=option):
                    said = self.refused(*name.split(), *words(arguments), option, because=f"{self.of}: {name}: no option {option}")
                    self.assertIn(f"usage: {self.of} {name} {arguments}".strip(), said)

    def test_every_command_refuses_more_arguments_than_it_takes(self):
        for name, arguments in commands(self.of).items():
            if re.search(r"\w…", arguments) and name != "health":
                continue  # any number of them
            with self.subTest(name):
                self.refused(*name.split(), *["word"] * 90, because=f"{self.of}: {name}: too much: word")

    def test_every_command_misses_what_it_needs(self):
        for name, arguments in commands(self.of).items():
            if words(arguments) and not arguments.startswith("["):
                with self.subTest(name):
                    self.refused(*name.split(), because=f"{self.of}: {name}: something is missing")

    def test_every_option_is_checked(self):
        for name, arguments in commands(self.of).items():
            for option, value in options(self.of, name).items():
                with self.subTest(name, option=option):
                    before = [*name.split(), *words(arguments), option]
                    if not value:
                        self.refused(*before, option, because=f"given twice: {option}")
                        if option.startswith("--"):
                            self.refused(*before[:-1], f"{option}=1", because=f"takes no value: {option}=1")
                        continue
                    self.refused(*before, because=f"{option} needs a value")
                    self.refused(*before, "--nonsense", because=f"{option} needs a value")
                    if "|" in value:
                        self.refused(*before, "nonsense", because=f'{option} is "nonsense": use {value.split("|")[0]}')
                    if f"  {option} {value} " in self.told(*name.split(), "--help") and value in ("N", "MS", "SECONDS"):
                        self.refused(*before, "1x", because=f'{option} is "1x": use a number from')

    def test_a_dry_run_makes_nothing_and_is_json_where_it_says_so(self):
        for words_ in self.dry:
            with self.subTest(words_[0]):
                self.assertIn("would", self.told(*words_, "--dry-run"))
                for line in self.told(*words_, "--dry-run", "--json").splitlines():
                    json.loads(line)

    def test_what_was_made_is_json(self):
        for words_ in self.making:
            with self.subTest(words_[0]):
                lines = self.run_here(*words_, "--json").stdout.splitlines()
                self.assertTrue(lines)
                for line in lines:
                    made = json.loads(line)
                    self.assertTrue(os.path.exists(os.path.join(self.folder, made.get("made") or made["file"])), line)

    def test_an_output_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([PROGRAMS[self.of], "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)

    def test_unknown_commands_and_none(self):
        self.refused("frobnicate", because="no command frobnicate; try --help")
        self.refused("frobnicate", "--help", because="no command frobnicate; try --help")
        self.assertEqual(program(self.of).returncode, 2)
        self.assertEqual(self.told("--help"), self.told("help"))

    # What else comes from the table: completions and man pages.

    def complete(self, *words_):
        script = ('source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _$1; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, PROGRAMS[self.of], self.of, *words_], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.split()

    def test_bash_completes_every_command_and_option(self):
        for name in commands(self.of):
            with self.subTest(name):
                self.assertIn(name.split()[-1], self.complete(*name.split()[:-1], ""))
                self.assertEqual(set(self.complete(*name.split(), "-")), {*options(self.of, name), "--help", "--version"})
                for option, value in options(self.of, name).items():
                    if "|" in (value or ""):
                        self.assertEqual(self.complete(*name.split(), option, ""), value.split("|"))

    def test_zsh_reads_its_completions(self):
        made = program(self.of, "completion", "zsh").stdout
        for name in commands(self.of):
            self.assertIn(f"'{name}')", made)
        if subprocess.run(["sh", "-c", "command -v zsh"], stdout=subprocess.DEVNULL, check=False).returncode == 0:
            subprocess.run(["zsh", "-n"], input=made, text=True, check=True)

    def test_every_command_has_a_page(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(program(self.of, "manual", folder).returncode, 0)
            with open(os.path.join(folder, f"{self.of}.1"), encoding="utf-8") as page:
                tool = page.read()
            for name in commands(self.of):
                page_name = f"{self.of}-" + name.replace(" ", "-")
                self.assertIn(page_name.replace("-", "\\-"), tool)
                with open(os.path.join(folder, page_name + ".1"), encoding="utf-8") as page:
                    text = page.read()
                for option in options(self.of, name):
                    self.assertIn(".B " + option.replace("-", "\\-"), text)


class Furrow(Usage, unittest.TestCase):
    of = "furrow"
    dry = ["keys", "made"], ["new", "made", "--entity", "Bin"], ["rebuild", "timesheet", "Job"], ["restore", "job"]
    making = ["new", "made", "--entity", "Bin"], ["keys", "made"]

    def test_what_new_cannot_make_is_told(self):
        for arguments, because in [(["barn"], "--entity is missing"), (["Barn", "--entity", "Bin"], "the folder is called as the service"),
                                   (["job", "--entity", "Bin"], "job is taken"), (["harvest", "--entity", "Bin"], "call yours otherwise"), (["operator", "--entity", "Bin"], "operator is taken"),
                                   (["barn", "--entity", "bin"], '--entity is "bin"'), (["barn", "--entity", "Bin", "--keeps", "Employee"], "use ENTITY:FIELD,FIELD"),
                                   (["barn", "--entity", "Bin", "--keeps", "Cow:id"], "has an entity Cow"), (["barn", "--entity", "Job", "--keeps", "Job:id"], "what it owns and what it keeps"),
                                   (["barn", "--entity", "Bin", "--keeps", "Job:colour"], 'job.v1.Job has no field "colour"'),
                                   (["barn", "--entity", "Bin", "--keeps", "Employee:private"], "is private"),
                                   (["barn", "--entity", "Bin", "--keeps", "BadgeClaim:id"], "that others may keep"),
                                   (["barn", "--entity", "Bin", "--keeps", "Job:id", "--keeps", "Job:name"], "Job stands there twice")]:
            with self.subTest(because):
                self.refused("new", *arguments, because=because)
        made = self.run_here("new", "barn", "--entity", "Bin")
        self.assertEqual(made.returncode, 0, made)
        self.assertEqual(self.run_here("new", "barn", "--entity", "Bin").stderr, "furrow: barn is there already\n")

    def test_two_dashes_end_the_options(self):
        self.run_here("keys", "--", "--help")
        self.assertIn("operator.nk", os.listdir(os.path.join(self.folder, "--help")))

    def test_groups_of_commands(self):
        self.refused("deadletter", because="use list, show, replay, discard")
        self.refused("deadletter", "frobnicate", because="frobnicate: use list, show, replay, discard")
        self.assertIn("furrow deadletter discard", self.told("deadletter", "--help"))

    def test_bash_completes_services(self):
        self.assertIn("timesheet", self.complete("restore", "t"))

    def test_a_command_may_be_another_program(self):
        """As with git and kubectl: beside it, or on the PATH."""
        for words_ in (["import", "--help"], ["help", "seed"], ["seed", "--people", "5", "--out", "made", "--dry-run"]):
            self.assertEqual(self.told(*words_), program("farm", *words_, cwd=self.folder).stdout)
        self.refused("import", because="farm: import")
        with tempfile.TemporaryDirectory() as folder:
            other = os.path.join(folder, "furrow-frob")
            with open(other, "w", encoding="ascii") as file:
                file.write('#!/bin/sh\necho "$@"; exit 7\n')
            os.chmod(other, 0o755)
            done = program("furrow", "frob", "a", "--b", PATH=f"{folder}:{os.environ['PATH']}")
        self.assertEqual((done.returncode, done.stdout), (7, "a --b\n"), done)


class Farm(Usage, unittest.TestCase):
    of = "farm"
    dry = making = (["seed", "--out", "made", "--people", "5"],)


class Settings(unittest.TestCase):
    """Of the environment what nobody knows, and what a service runs with."""

    def service(self, **env):
        """What job logs until it ends for a wrong setting, or, if there is none, says what it runs with."""
        running = subprocess.Popen([os.path.join(SERVICES, "job")], stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **NOWHERE, **env})
        said = ""
        for line in running.stderr:
            said += line
            if "FURROW_REACTIONS=" in line or "FURROW_REACTION_PATIENCE_S=" in line and "FURROW_REACTIONS=" in said:
                break
        running.kill()
        running.wait()
        running.stderr.close()
        return said

    def test_an_unknown_variable_is_named_with_the_nearest(self):
        for wrong, right in [("NATSURL", "NATS_URL"), ("NATS_ULR", "NATS_URL"), ("LOGLEVEL", "LOG_LEVEL"), ("MAX_CALL", "MAX_CALLS"),
                             ("REDIS_PASWORD_FILE", "REDIS_PASSWORD"), ("TIMEOUT", "TIMEOUT_MS"), ("SEAL_KEY", "SEAL_KEY_FILE")]:
            with self.subTest(wrong):
                done = furrow("keys", "x", "--dry-run", **{f"FURROW_{wrong}": "x"})
                self.assertEqual((done.returncode, done.stderr.count("warning")), (0, 1), done)
                self.assertIn(f"FURROW_{wrong} is no setting: did you mean FURROW_{right}?", done.stderr)
                said = self.service(FURROW_MAX_TASKS="x", **{f"FURROW_{wrong}": "x"})
                self.assertIn(f'level=warn service=job msg="unknown setting" name=FURROW_{wrong} meant=FURROW_{right}', said)
        self.assertIn("did you mean FURROW_CONTRACTS?", furrow("keys", "x", "--dry-run", FURROW_CONTRACT="x").stderr)

    def test_variables_of_other_programs_are_no_mistake(self):
        """Those of this tree's own scripts and tests, of another service and of one's own, of Kubernetes: one environment may be for all."""
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        found = set()
        for folder in "common", "config", "proto", "services", "tests":
            for path in pathlib.Path(root, folder).rglob("*"):
                text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
                found |= set(re.findall(r"(?:\$\{|getenv\(\"|environ[^A-Z]*)(FURROW_[A-Z_]+[A-Z])", text))
        self.assertIn("FURROW_NATS_SERVER", found)
        found |= {"FURROW_PICKING_ROWS", "FURROW_WEATHER_URL", "FURROW_NATS_SERVICE_HOST", "FURROW_TIME_ZONE", "FURROW_DAY_START_HOUR"}
        read = self.service(**{name: "" for name in found}, **{"FURROW_MAX_TASKS": "x"})
        self.assertNotIn("warn", read)
        self.assertIn('level=info service=job msg="not read here"', read)
        self.assertIn("FURROW_PICKING_ROWS", read)
        self.assertEqual(furrow("keys", "x", "--dry-run", **{name: "" for name in found}, FURROW_X_PORT="tcp://a").stderr, "")

    def test_settings_are_logged_without_secrets(self):
        said = self.service(FURROW_NATS_USER="ana", FURROW_NATS_PASSWORD="geheim", FURROW_NATS_URL="nats://eve:geheim@127.0.0.1:1",
                            FURROW_MAX_CALLS="77")
        for part in "FURROW_MAX_CALLS=77", "FURROW_NATS_USER=ana", "FURROW_NATS_PASSWORD=(set)", "FURROW_NATS_URL=nats://127.0.0.1:1":
            self.assertIn(part, said)
        self.assertNotIn("geheim", said)
        self.assertNotIn("geheim", self.service(FURROW_NATS_URL="eve:geheim@127.0.0.1:1"))


class Server(unittest.TestCase):
    """Where the tool looks for NATS, and as whom, as it says itself when none is there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = folder.name
        os.makedirs(os.path.join(self.config, "nats", "context"))
        for name, more in ("one", {"nkey": "/keys/nobody.nk"}), ("two", {"user": "ana", "password": "geheim"}):
            with open(os.path.join(self.config, "nats", "context", name + ".json"), "w", encoding="ascii") as file:
                json.dump({"description": "", "url": f"nats://{name}.invalid:1", "creds": "", **more}, file)

    def select(self, name):
        with open(os.path.join(self.config, "nats", "context.txt"), "w", encoding="ascii") as file:
            file.write(name)

    def looks(self, **env):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "FURROW_"))}
        done = subprocess.run([PROGRAMS["furrow"], "health", "--probe", "ready", "--timeout", "50", "job"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, env={**clean, "XDG_CONFIG_HOME": self.config, "FURROW_INSTANCE_ID": "i", **env})
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("geheim", done.stdout)
        return done.stdout

    def test_the_first_that_says_it_counts(self):
        self.assertIn("nats://127.0.0.1:4222 as nobody", self.looks(NATS_URL="nats://127.0.0.1:4222"))
        self.assertIn("default", self.looks())
        self.assertIn("nats://a.invalid:1 as nobody", self.looks(NATS_URL="nats://a.invalid:1"))
        self.assertIn("nats://b.invalid:1", self.looks(NATS_URL="nats://a.invalid:1", FURROW_NATS_URL="nats://b.invalid:1"))
        self.assertIn("nats://two.invalid:1 as ana, by the context NATS_CONTEXT", self.looks(NATS_CONTEXT="two"))
        self.assertIn("nats://a.invalid:1 as ana", self.looks(NATS_CONTEXT="two", NATS_URL="nats://a.invalid:1"))
        self.select("two\n")
        self.assertIn("nats://two.invalid:1 as ana, by the selected context", self.looks())
        self.assertIn("nats://a.invalid:1 as nobody", self.looks(NATS_URL="nats://a.invalid:1"))

    def test_a_key_is_never_taken_to_the_selected_server(self):
        self.select("two")
        self.assertIn("127.0.0.1:4222 as eve", self.looks(FURROW_NATS_USER="eve", FURROW_NATS_PASSWORD="geheim"))
        self.assertIn("127.0.0.1:4222 as eve", self.looks(NATS_USER="eve", NATS_PASSWORD="geheim"))

    def test_certificates_are_named_by_what_named_them(self):
        context = os.path.join(self.config, "nats", "context", "tls.json")
        authority, none = os.path.join(self.config, "ca.pem"), os.path.join(self.config, "none.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=farm", "-days", "2",
                        "-keyout", os.path.join(self.config, "ca.key"), "-out", authority], check=True, capture_output=True)
        for members, env, says in [
                ({"ca": none}, {}, f"ca in {context}: cannot read {none}"),
                ({"cert": none}, {}, f"cert in {context} is set without FURROW_NATS_CA"),
                ({"ca": authority, "cert": none}, {}, f"cert in {context} is set without key in {context}"),
                ({"ca": authority, "cert": none, "key": none}, {}, f"cert in {context}: cannot read {none}"),
                ({"ca": authority, "cert": authority, "key": none}, {}, f"key in {context}: cannot read {none}"),
                ({"ca": none}, {"NATS_CA": authority, "NATS_CERT": none, "NATS_KEY": none}, f"NATS_CERT: cannot read {none}"),
                ({"cert": none, "key": none}, {"FURROW_NATS_CA": none}, f"FURROW_NATS_CA: cannot read {none}"),
                ({"cert": none, "key": none}, {"NATS_CA": none}, f": NATS_CA: cannot read {none}")]:
            with self.subTest(says):
                with open(context, "w", encoding="ascii") as file:
                    json.dump({"url": "nats://tls.invalid:1", **members}, file)
                self.assertIn(says, self.looks(NATS_CONTEXT="tls", **env))

    def test_refusals_name_the_file_and_no_secret(self):
        self.assertIn("/keys/nobody.nk", self.looks(NATS_CONTEXT="one"))
        self.assertIn("/keys/none.creds", self.looks(NATS_CREDS="/keys/none.creds"))
        for member in "token", "user_jwt", "user_seed", "nsc":
            with open(os.path.join(self.config, "nats", "context", "token.json"), "w", encoding="ascii") as file:
                json.dump({"url": "nats://token.invalid:1", member: "geheim"}, file)
            self.assertIn(f"token.json signs in with its {member}", self.looks(NATS_CONTEXT="token"))
        self.assertIn("No such file", self.looks(NATS_CONTEXT="three"))
        self.assertIn("no name of a context", self.looks(NATS_CONTEXT="../two"))
        self.assertIn("nats://a.invalid:1,nats://b.invalid:1 as", self.looks(NATS_URL="nats://ana:geheim@a.invalid:1,nats://b.invalid:1"))


class Install(unittest.TestCase):
    def test_what_cmake_installs_is_built_by_up(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        with open(os.path.join(root, "config", "cmake", "FurrowInstall.cmake"), encoding="utf-8") as file:
            text = file.read()
        installed = set(" ".join(re.findall(r"install\(TARGETS (.+?) (?:ARCHIVE|RUNTIME|LIBRARY)", text)).split())
        built = set(re.search(r"add_custom_target\(installed DEPENDS (.*)\)", text)[1].split())
        # Of the contracts the tool has a dependency.
        self.assertEqual(installed - built, {"furrow_proto_${service}_contracts"})
        with open(os.path.join(root, "config", "dev", "up"), encoding="utf-8") as file:
            self.assertIn("--target installed;", file.read())


if __name__ == "__main__":
    unittest.main()
