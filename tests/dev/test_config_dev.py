#!/usr/bin/env python3
"""config/dev/up and config/dev/down where they are run: under a parent that never reaps, with a pipe of the caller's open, into a pipe and
on a terminal, again, after a build, after a change of configuration, beside a process that got an old id.

    test_config_dev.py SERVICES      SERVICES: FURROW_BIN, a build's programs

A mesh of its own, in a temporary directory; it goes when this process ends, also when that is killed.
"""
import contextlib
import ctypes
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.argv.pop(1)).resolve()
SERVICES = re.findall("^[a-z].*", (ROOT / "services/list").read_text(), re.M)
PROGRAMS = ["nats", "redis", *SERVICES]
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE_S = 300
libc = ctypes.CDLL(None, use_errno=True)


def eventually(what, condition, seconds=PATIENCE_S):
    """The first true value of condition(), asked again until the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {seconds} s")
        time.sleep(0.02)
    return value


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def state_of(pid):
    """The letter of /proc/PID/stat, or None."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return None


def children():
    """Our children, of which most were somebody else's first: {pid: state}."""
    pids = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid): state_of(pid) for pid in pids}


def die_with(parent):
    """A child's first act; the parent may have died before it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def is_alike(wanted, said):
    """A line as the README shows it, and one that was printed."""
    numbers = re.compile(r"-?\d+(?:\.\d+)?")
    words = [re.escape(word).replace("…", ".*") for word in numbers.sub("0", wanted).split()]
    if not re.fullmatch(r"\s+".join(words), numbers.sub("0", said).strip()):
        return False
    return "…" in wanted or all(abs(float(a) - float(b)) <= 0.1 * abs(float(a)) for a, b in zip(numbers.findall(wanted), numbers.findall(said)))


class Dev:
    """A local mesh: its folder, a copy of the programs that a test may change, and the scripts."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="furrow-dev-"))
        # A path as people have them.
        self.run, self.bin = self.dir / "Mein 'Höf" / "run", self.dir / "bin"
        for folder in "cli", "farm":
            (self.bin / folder).mkdir(parents=True)
        for name in [*SERVICES, "cli/furrow", "farm/farm"]:
            shutil.copy2(BIN / name, self.bin / name)
        shutil.copytree(BIN / "lib", self.bin / "lib")
        env = {name: value for name, value in os.environ.items() if not name.startswith("FURROW_") and name != "NO_COLOR"}
        # Hundreds of calls of the tool: under ThreadSanitizer each would wait a second before it ends.
        env["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + " atexit_sleep_ms=0"
        server = {"FURROW_NATS_SERVER": os.environ["FURROW_NATS_SERVER"]} if os.environ.get("FURROW_NATS_SERVER") else {}
        self.env = dict(env, FURROW_RUN=str(self.run), FURROW_BIN=str(self.bin), FURROW_DEV_NATS_PORT=str(free_port()), TERM="xterm", **server)
        # Reads until our end of its pipe closes, which it does however we end.
        script = f"read -r x; {ROOT}/config/dev/down --wipe; rm -rf {self.dir}"
        self.guard = subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env, start_new_session=True)

    def close(self):
        self.guard.stdin.close()
        self.guard.wait(PATIENCE_S)

    def script(self, name, *arguments, pass_fds=(), **env):
        """Runs config/dev/NAME to its end: its exit code and what it wrote, into a pipe."""
        done = subprocess.run([ROOT / "config/dev" / name, *arguments], env=dict(self.env, **env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, pass_fds=pass_fds, timeout=PATIENCE_S, text=True)
        return done.returncode, re.sub(r"^==\d+==WARNING: ASan doesn't fully support .*\n", "", done.stdout, flags=re.M)  # of each fiber

    def up(self, *arguments, **options):
        code, said = self.script("up", *arguments, **options)
        assert code == 0, said
        return said

    def on_terminal(self, name, **env):
        """The same on a terminal: what it wrote."""
        ours, theirs = pty.openpty()
        with subprocess.Popen([ROOT / "config/dev" / name], env=dict(self.env, **env), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as child:
            os.close(theirs)
            said = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
                while chunk := os.read(ours, 4096):
                    said += chunk
            assert child.wait(PATIENCE_S) == 0, said
        os.close(ours)
        return said.decode()

    def pid(self, name):
        return int((self.run / f"{name}.pid").read_text())

    def pids(self):
        return {name: self.pid(name) for name in PROGRAMS}


class Limits(unittest.TestCase):
    """What config/dev writes into every nats.conf about clients that do not read, on a server that lets anybody in."""

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="furrow-limits-")
        self.addCleanup(self.dir.cleanup)
        self.log, self.port = pathlib.Path(self.dir.name) / "log", free_port()
        limits = subprocess.run(["bash", "-c", f". {ROOT}/config/dev/mesh.sh; nats_limits"], stdout=subprocess.PIPE, text=True, check=True).stdout
        config = pathlib.Path(self.dir.name) / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\nlog_file: "{self.log}"\n{limits}')
        program = os.environ.get("FURROW_NATS_SERVER") or shutil.which("nats-server") or "/usr/sbin/nats-server"
        parent = os.getpid()
        server = subprocess.Popen([program, "-c", config], preexec_fn=lambda: die_with(parent))
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        eventually("nats-server is ready", lambda: self.log.exists() and "Server is ready" in self.log.read_text())

    def client(self, *commands):
        """Speaks the protocol itself: a library would read."""
        client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(client.close)
        client.sendall(b'CONNECT {"verbose":false}\r\n' + b"".join(commands) + b"PING\r\n")
        said = b""
        while b"PONG" not in said:
            said += client.recv(4096)
        return client

    def test_who_does_not_read_is_cut_off_after_the_write_deadline(self):
        self.client(b"SUB big 1\r\n")  # and reads no more
        self.client(*[b"PUB big 1000000\r\n" + b"x" * 1000000 + b"\r\n"] * 20)
        eventually("cut off", lambda: "Slow Consumer Detected: WriteDeadline of 2s" in self.log.read_text())


class ConfigDev(unittest.TestCase):
    """One mesh for all, in the order of their names: each leaves it up."""

    @classmethod
    def setUpClass(cls):
        # Whatever loses its parent becomes our child, and we reap none of them: as in many a container.
        assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        cls.dev = Dev()
        cls.addClassCleanup(cls.dev.close)

    def assert_only_restarted(self, before, names):
        after = self.dev.pids()
        self.assertEqual({name for name in PROGRAMS if after[name] != before[name]}, set(names))
        for name in PROGRAMS:
            self.assertNotIn(state_of(after[name]), (None, "Z"), name)

    def assert_as_in_the_readme(self, said):
        """What "Five minutes" shows of the morning, line by line; "…" stands for anything, and a figure may be off by a tenth: ids and times differ."""
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        shown = re.search(r"^```\n(1\. Import.*?)^```$", readme, re.S | re.M)[1].splitlines()
        lines = iter(said.splitlines())
        for wanted in filter(None, shown):
            self.assertTrue(any(is_alike(wanted, line) for line in lines), f"README.md shows, after the lines before it: {wanted}\n{said}")

    def test_1_first_up_under_a_parent_that_never_reaps_and_with_a_pipe_of_its_callers(self):
        theirs, caller_end = os.pipe()
        said = self.dev.up(pass_fds=[caller_end])
        os.close(caller_end)
        # Else who reads it waits for the daemons: no end while one of them has it.
        self.assertTrue(select.select([theirs], [], [], 0)[0], "a daemon has the caller's pipe")
        self.assertEqual(os.read(theirs, 1), b"")
        os.close(theirs)
        self.assertEqual(said.count("150 clocked in, 0 were already, 0 failures"), 2, said)
        self.assertIn("7. Bring them back; they catch up", said)
        self.assert_as_in_the_readme(said)
        self.assertIn('"status":"DAY_STATUS_OPEN"', said.partition("7. Bring")[2], "the new hand did not clock in")
        self.assertRegex(said.partition("6. Which service")[2], r"timesheet +employee\.v1\.Employee +4 of 15 +300 [^$]*\nStorage paid: .*\nBandwidth ")
        self.assertNotIn("\x1b", said)
        zombies = [pid for pid, state in children().items() if state == "Z"]
        self.assertGreaterEqual(len(zombies), 3, "what was killed was reaped: nothing was tried")
        for name in PROGRAMS:
            self.assertIn(self.dev.pid(name), children())

    def test_2_up_again_restarts_nothing_and_colours_only_a_terminal(self):
        before = self.dev.pids()
        self.assertNotIn("\x1b", self.dev.up())
        self.assertIn("\x1b[1m", self.dev.on_terminal("up"))
        self.assertNotIn("\x1b", self.dev.on_terminal("up", NO_COLOR="1"))
        self.assertIn("\x1b[1m", self.dev.on_terminal("up", NO_COLOR=""))
        self.assertNotIn("\x1b", self.dev.on_terminal("up", TERM="dumb"))
        self.assert_only_restarted(before, [])
        health = subprocess.run(["sh", "-c", '. "$0"; furrow health', self.dev.run / "env"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual({line.split()[0] for line in health.splitlines() if " SERVING " in line}, set(PROGRAMS[2:]), health)

    def test_3_what_was_rebuilt_is_restarted_and_nothing_else(self):
        before = self.dev.pids()
        rebuilt = self.dev.bin / "job.new"
        rebuilt.write_bytes((self.dev.bin / "job").read_bytes() + b"rebuilt")
        rebuilt.chmod(0o755)
        rebuilt.rename(self.dev.bin / "job")
        self.assertIn("job: built or configured anew", self.dev.up())
        self.assert_only_restarted(before, ["job"])

    def test_4_a_setting_that_changed_restarts_the_services(self):
        before = self.dev.pids()
        self.dev.env["FURROW_TIME_ZONE"] = "Europe/Madrid"
        self.dev.up()
        self.assert_only_restarted(before, SERVICES)

    def test_5_servers_read_what_contracts_changed(self):
        before = self.dev.pids()
        tool = self.dev.bin / "cli/furrow"
        tool.rename(self.dev.bin / "cli/furrow.real")
        tool.write_text(f"""#!/bin/sh
case "$*" in
*redis*--keys*) printf 'user added on nopass +ping\\n' ;;
*nats*--keys*) printf '# added\\n' ;;
esac
exec {self.dev.bin}/cli/furrow.real "$@"
""")
        tool.chmod(0o755)
        self.dev.up()
        self.assert_only_restarted(before, [])
        self.assertIn("# added", (self.dev.run / "accounts.conf").read_text())
        self.assertIn("Reloaded server configuration", (self.dev.run / "nats.log").read_text())
        pong = subprocess.run(["redis-cli", "-s", self.dev.run / "redis.sock", "--user", "added", "--pass", "any", "--no-auth-warning", "ping"],
                              capture_output=True, text=True, check=True)
        self.assertEqual(pong.stdout.strip(), "PONG")

    def test_6_a_process_that_got_an_old_id_is_not_taken_for_ours(self):
        stranger = subprocess.Popen(["sleep", "3600"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        os.kill(self.dev.pid("job"), signal.SIGKILL)
        (self.dev.run / "job.pid").write_text(f"{stranger.pid}\n")
        before = self.dev.pids()
        self.dev.up()
        self.assert_only_restarted(before, ["job"])
        self.addCleanup(os.kill, self.dev.pid("job"), signal.SIGKILL)
        (self.dev.run / "job.pid").write_text(f"{stranger.pid}\n")
        code, said = self.dev.script("down")
        self.assertEqual(code, 0, said)
        self.assertIsNone(stranger.poll(), "down ended somebody else's process")

    def test_7_show_plays_on_new_people(self):
        said = self.dev.up("--show")
        self.assertIn("employees: 300 imported, 0 unchanged, 0 bad", said)
        self.assertEqual(said.count("150 clocked in, 0 were already, 0 failures"), 2, said)
        self.assertIn("timesheet:{Employee}:E2-00001", said)

    def test_8_a_folder_with_other_files_is_left_alone(self):
        with tempfile.TemporaryDirectory() as home:
            letter = pathlib.Path(home) / "letter"
            letter.write_text("dear")
            for script in [["up"], ["down", "--wipe"]]:
                code, said = self.dev.script(*script, FURROW_RUN=home)
                self.assertEqual(code, 1, said)
                self.assertIn("has other files in it", said)
            self.assertEqual(list(pathlib.Path(home).iterdir()), [letter])

    def test_8b_what_cannot_be_is_one_sentence(self):
        for env, says in [({"FURROW_RUN": str(self.dev.dir / "a,b")}, "has a comma"),
                          ({"FURROW_RUN": str(self.dev.dir / ("x" * 100))}, "too long for the path of a socket"),
                          ({"FURROW_RUN": str(self.dev.dir / "new"), "FURROW_DEV_NATS_PORT": "x"}, "use a number from 1 to 65535"),
                          ({"FURROW_BIN": "/nowhere"}, "no program in /nowhere"), ({"FURROW_NATS_SERVER": "/nowhere"}, "no nats-server at /nowhere"),
                          ({"FURROW_RUN": str(self.dev.bin / "job")}, "is no folder"), ({"FURROW_CONTRACTS": "/nowhere.so"}, "/nowhere.so, with contracts")]:
            with self.subTest(says):
                code, said = self.dev.script("up", **env)
                self.assertEqual((code, len(said.splitlines())), (1, 1), said)
                self.assertIn(says, said)

    def test_8b_wrong_options_are_told_how_it_is_used_from_any_folder(self):
        for script, usage in ("up", "config/dev/up [--show]"), ("down", "--wipe forgets"):
            for option, code, says in ("--help", 0, usage), ("--sow", 2, f"config/dev/{script}: unknown option --sow; try --help"):
                done = subprocess.run([f"{ROOT.name}/config/dev/{script}", option], cwd=ROOT.parent, env=self.dev.env, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)
                self.assertEqual((done.returncode, says in done.stdout), (code, True), done.stdout)

    def test_8c_two_at_once_take_turns(self):
        before = self.dev.pids()
        with subprocess.Popen(["flock", self.dev.run.parent, "sh", "-c", "echo held; read -r x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            self.assertEqual(holder.stdout.readline(), b"held\n")
            with subprocess.Popen([ROOT / "config/dev/up"], env=self.dev.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as second:
                self.assertIn("another config/dev/up or config/dev/down, or a build of tests/run, is at work", second.stdout.readline())
                self.assertIsNone(second.poll())
                holder.stdin.close()
                self.assertIn("up: ", second.stdout.read())
        self.assert_only_restarted(before, [])

    def test_8d_interrupted_it_says_how_to_go_on(self):
        """Before each of its steps, as Ctrl-C does it; what it started is on record, so that the next one goes on."""
        tool, real = self.dev.bin / "cli/furrow", self.dev.bin / "cli/furrow.real"
        script = tool.read_text()
        for step in "keys", "permissions", "provision", "health":
            with self.subTest(step):
                self.assertEqual(self.dev.script("down")[0], 0)
                tool.write_text(f'#!/bin/sh\n[ "$1" != {step} ] || kill -INT 0\nexec "{real}" "$@"\n')
                with subprocess.Popen([ROOT / "config/dev/up"], env=self.dev.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, start_new_session=True) as child:
                    said = child.stdout.read()
                self.assertEqual(child.returncode, 130, said)
                self.assertIn("interrupted: config/dev/up goes on from here", said)
                tool.write_text(script)
                self.assertIn("up: ", self.dev.up())

    def test_8e_a_port_that_somebody_took_meanwhile_is_left_to_them(self):
        self.assertEqual(self.dev.script("down")[0], 0)
        with socket.create_server(("127.0.0.1", int((self.dev.run / "nats.port").read_text()))):
            self.assertIn("is somebody else's by now", self.dev.up())

    def test_8f_contracts_stay_known(self):
        self.assertEqual(self.dev.script("up", FURROW_CONTRACTS="")[0], 0)
        (self.dev.run / "keys/picking.log.nk").write_text("left behind")
        self.dev.up()
        self.assertTrue((self.dev.run / "keys/forgotten/picking.log.nk").exists())

    def test_9_down_ends_all_that_was_started(self):
        pids = self.dev.pids()
        code, said = self.dev.script("down")
        self.assertEqual((code, said), (0, "down\n"))
        self.assertEqual({name: state_of(pid) for name, pid in pids.items()}, {name: "Z" for name in pids})
        code, said = self.dev.script("down", "--wipe")
        self.assertEqual((code, said), (0, "down\n"))
        self.assertFalse(self.dev.run.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
