#!/usr/bin/env python3
"""furrow dev: a service that is built against what `cmake --install` gives joins the local mesh while it runs, is started again when it is
built anew, stays joined, leaves; and whatever is refused or killed on the way leaves nothing.

    test_dev_run.py SERVICES      SERVICES: a build's programs

A mesh of its own, in a temporary directory; it goes when this process ends, also when that is killed.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import tutorial  # noqa: E402
from test_config_dev import BIN, PATIENCE_S, PROGRAMS, Dev, eventually, state_of

PICK = 'picking.v1.PickingService.PickBin'


def server_in_use():
    """FURROW_NATS_SERVER, where the suite runs on another."""
    return [f"{name}={os.environ[name]}" for name in ["FURROW_NATS_SERVER"] if os.environ.get(name)]


TRANSIENT = re.compile("@lease:|@reactions$")  # keys of a service that has records, and ran for a moment


class DevRun(unittest.TestCase):
    """One mesh for all, in the order of their names: each leaves it up, and picking out of it."""

    @classmethod
    def setUpClass(cls):
        cls.dev = Dev()
        cls.addClassCleanup(cls.dev.close)
        cls.prefix, cls.source = cls.dev.dir / "prefix", cls.dev.dir / "my picking"
        subprocess.run(["cmake", "--install", BIN.parent, "--prefix", cls.prefix], check=True, stdout=subprocess.DEVNULL)
        tutorial.write_with_test(cls.source)
        cls.dev.run.mkdir(parents=True)
        (cls.dev.run / "shown").touch()  # no morning
        (cls.dev.run / "nats.port").write_text(cls.dev.env["FURROW_DEV_NATS_PORT"])
        cls.dev.up()

    def command(self, *arguments):
        """In a shell as people have it: nothing is known but what .run/env says, and where the tool was installed."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("FURROW_", "NATS_"))}
        return dict(args=["bash", "-c", f'. "$0"; PATH={self.prefix}/bin:$PATH; exec "$@"', self.dev.run / "env", *arguments], env=env,
                    stdin=subprocess.DEVNULL, text=True, cwd=self.dev.dir)

    def shell(self, *arguments):
        done = subprocess.run(**self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
        return done.returncode, done.stdout

    def must(self, *arguments):
        code, said = self.shell(*arguments)
        self.assertEqual(code, 0, said)
        return said

    def pick(self, number):
        self.must("furrow", "call", "employee.v1.EmployeeService.HireEmployee", '{"id":"E1","givenName":"Ana","familyName":"Cruz","badge":"1"}',
                  "-H", "Idempotency-Key: 1")
        body = f'{{"id":"B{number}","ticket":"T{number}","employeeId":"E1","grams":400000}}'
        return eventually("a bin is picked", lambda: self.shell("furrow", "call", PICK, body)[0] == 0 or
                          "ALREADY_EXISTS" in self.shell("furrow", "call", PICK, body)[1])

    def snapshot(self):
        """All that says who is in the mesh: of servers what they say themselves."""
        redis = ["redis-cli", "-s", str(self.dev.run / "redis.sock"), "--user", "operator", "--no-auth-warning"]
        env = dict(os.environ, REDISCLI_AUTH=(self.dev.run / "keys/operator.redis").read_text())
        ask = lambda *command: sorted(subprocess.run([*redis, *command], env=env, capture_output=True, text=True, check=True).stdout.splitlines())
        consumers = self.must("furrow", "lineage", "--json")
        return dict(users=ask("acl", "list"), records=[key for key in ask("keys", "*") if key.startswith("picking:") and not TRANSIENT.search(key)], joined=self.must("furrow", "dev", "list"),
                    accounts=(self.dev.run / "accounts.conf").read_text(), keys=sorted(file.name for file in (self.dev.run / "keys").iterdir()),
                    files=sorted(file.name for file in (self.dev.run / "joined").iterdir()), knows='"picking"' in consumers,
                    runs=(self.dev.run / "picking.pid").exists())

    def alike(self, before):
        after = self.snapshot()
        for what, value in before.items():
            self.assertEqual(after[what], value, what)

    def assert_others_untouched(self, before):
        self.assertEqual(self.dev.pids(), before)
        for name in PROGRAMS:
            self.assertNotIn(state_of(before[name]), (None, "Z"), name)

    def test_0_what_is_killed_leaves_nothing(self):
        """Before and after each step; SIGKILL, to all that is not the mesh's."""
        before, pids = self.snapshot(), self.dev.pids()
        self.assertEqual((before["records"], before["files"]), ([], []))
        tool, real = self.dev.bin / "cli/furrow", self.dev.bin / "cli/furrow.real"
        tool.rename(real)
        self.addCleanup(lambda: real.rename(tool))
        marks = self.dev.dir / "killed"
        steps = "keys", "permissions --format nats", "permissions --format redis", "provision", "health"
        moments = [(step, when) for step in steps for when in ("before", "after")]
        for step, when in moments:
            with self.subTest(step, when=when):
                act = f'[ -e "{marks}" ] || {{ : >"{marks}"; kill -9 0; }}'
                tool.write_text(f'#!/bin/sh\ncase "$*" in "{step}"*) {act if when == "before" else ""}; "{real}" "$@"; code=$?; {act if when == "after" else ":"}; '
                                f'exit $code ;; esac\nexec "{real}" "$@"\n'.replace(") ;", ") :;"))
                tool.chmod(0o755)
                with subprocess.Popen(**self.command("furrow", "dev", "run", "--detach", "my picking"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      start_new_session=True) as child:
                    said = child.stdout.read()  # until the last that has it is gone, which is who takes it back
                self.assertEqual(child.returncode, -signal.SIGKILL, said)
                self.assertTrue(marks.exists())
                self.alike(before)
                marks.unlink()
        self.assert_others_untouched(pids)

    def test_1_it_joins_and_leaves_while_the_others_work_on(self):
        before, pids = self.snapshot(), self.dev.pids()
        said = self.must("furrow", "dev", "run", "--detach", "my picking")
        self.assertIn("picking serves", said)
        self.assert_others_untouched(pids)
        self.assertRegex(self.must("furrow", "dev", "list"), r"^picking +runs +.*/my picking/build/picking\n$")
        self.pick(1)
        self.assertIn("0 wrong", self.must("furrow", "check", "--keys", str(self.dev.run / "keys")))
        self.assertIn("picking has left", self.must("furrow", "dev", "leave", "picking"))
        self.assert_others_untouched(pids)
        after = self.snapshot()
        self.assertNotEqual(after["records"], [], "what it wrote is gone")
        self.alike(dict(before, records=after["records"]))
        self.must("furrow", "dev", "run", "--detach", "my picking/build/picking")
        self.assertIn('"grams":"400000"', self.must("furrow", "call", "picking.v1.PickingService.GetBin", '{"id":"B1"}'))
        self.pick(3)  # its log takes on where it was
        self.must("furrow", "dev", "leave", "picking")
        # One shell, from before to after: it knows picking as long as that has joined, and nothing is amiss when it has left.
        said = self.must("sh", "-ec", 'furrow dev run --detach "my picking"; furrow new shed1 --entity Tool --keeps picking.v1.Bin:id; furrow dev leave picking; '
                         'furrow new shed2 --entity Tool; ! furrow new shed3 --entity Tool --keeps picking.v1.Bin:id')
        self.assertIn("no contract here has an entity picking.v1.Bin", said)

    def test_2_it_stays_joined(self):
        self.must("furrow", "dev", "run", "--detach", "my picking")
        pids, own = self.dev.pids(), self.dev.pid("picking")
        self.assertIn("up: employee location job timesheet harvest payroll picking on", self.dev.up())
        self.dev.up(FURROW_CONTRACTS=str(self.dev.run / "joined"))  # of a shell that read .run/env
        self.assert_others_untouched(pids)
        self.assertEqual(self.dev.pid("picking"), own)
        self.assertEqual(self.dev.script("down")[0], 0)
        self.assertIn(state_of(own), (None, "Z"))
        self.dev.up()
        self.pick(2)
        # A build that is gone keeps nobody else from working.
        (self.source / "build").rename(self.source / "away")
        self.assertEqual(self.dev.script("down")[0], 0)
        self.assertIn("picking: its program", self.dev.up())
        (self.source / "away").rename(self.source / "build")
        self.assertNotIn("its program", self.dev.up())
        self.pick(2)
        self.must("furrow", "dev", "leave", "picking")

    def test_3_what_is_built_anew_is_started_again_until_ctrl_c(self):
        main = self.source / "picking.c"
        with subprocess.Popen(**self.command("furrow", "dev", "run", "my picking"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as child:
            self.addCleanup(lambda: child.poll() is None and os.killpg(child.pid, signal.SIGKILL))
            self.assertIn("picking serves", child.stdout.readline())
            first, pids = self.dev.pid("picking"), self.dev.pids()
            main.write_text(main.read_text() + "\nextern const char newer[];\nconst char newer[] = \"newer\";\n")
            subprocess.run(["cmake", "--build", self.source / "build"], check=True, stdout=subprocess.DEVNULL)
            eventually("it is told", lambda: "built anew, serves" in child.stdout.readline())
            self.assertNotEqual(self.dev.pid("picking"), first)
            self.assert_others_untouched(pids)
            second = self.dev.pid("picking")
            os.killpg(child.pid, signal.SIGINT)
            self.assertIn("picking is stopped", child.stdout.read())
            self.assertEqual(child.wait(PATIENCE_S), 0)
        self.assertIn(state_of(second), (None, "Z"))
        self.assertRegex(self.must("furrow", "dev", "list"), "^picking +stopped ")
        self.must("furrow", "dev", "leave", "picking")

    def test_4_what_is_refused_leaves_nothing(self):
        before, pids = self.snapshot(), self.dev.pids()
        program = self.source / "build/picking"
        program.rename(self.source / "build/good")
        self.addCleanup(lambda: (self.source / "build/good").rename(program))
        program.write_text("#!/bin/sh\necho no luck today\nexit 1\n")
        program.chmod(0o755)
        namesake = self.dev.dir / "namesake"
        namesake.mkdir()
        shutil.copy(self.dev.bin / "harvest", namesake)
        shutil.copy(self.dev.bin / "lib/furrow/contracts/harvest.so", namesake / "harvest_contracts.so")
        for argument, because in [(program, "picking ended: no luck today"), ("/nowhere", "/nowhere is not there"), (self.prefix, "has no CMakeLists.txt"),
                                  (namesake / "harvest", "harvest is taken by harvest/v1/harvest.proto: call yours otherwise"),
                                  (self.dev.bin / "job", "there are 0 *_contracts.so"), (self.source / "build/good", "has no service called good")]:
            with self.subTest(because):
                code, said = self.shell("furrow", "dev", "run", "--detach", str(argument))
                self.assertEqual(code, 1, said)
                self.assertIn(because, said)
                self.alike(before)
        code, said = self.shell("furrow", "dev", "leave", "picking")
        self.assertEqual((code, said), (1, "picking has not joined; who has: nobody\n"))
        self.assert_others_untouched(pids)

    def test_5_the_kit_brings_up_a_mesh_of_its_own(self):
        """With what was built on the way: test and service; and it sees what is wrong."""
        self.must("env", *server_in_use(), str(self.source / "build/picking_test"))  # in a shell that read .run/env
        broken = subprocess.run(["sed", "s/is not employed/is nobody/", self.source / "picking.c"], capture_output=True, check=True)
        (self.source / "picking.c").write_bytes(broken.stdout)
        subprocess.run(["cmake", "--build", self.source / "build"], check=True, stdout=subprocess.DEVNULL)
        code, said = self.shell("env", *server_in_use(), "ctest", "--test-dir", str(self.source / "build"), "--output-on-failure")
        self.assertNotEqual(code, 0, said)
        self.assertIn("no Ana Cruz is not employed in Ana Cruz is nobody", said)

    def test_6_a_new_folder_builds_joins_and_passes_its_test(self):
        said = self.must("furrow", "new", "barn", "--entity", "Berry", "--keeps", "employee.v1.Employee:display_name,status,ended_at", "--keeps", "Job:id,name")
        self.assertIn("now: furrow dev run barn", said)
        self.must("furrow", "dev", "run", "--detach", "barn")
        self.must("env", *server_in_use(), "ctest", "--test-dir", "barn/build", "--output-on-failure")
        self.must("furrow", "call", "employee.v1.EmployeeService.HireEmployee", '{"id":"E2","givenName":"Eva","familyName":"Paz","badge":"2"}')
        self.must("furrow", "call", "job.v1.JobService.OpenJob", '{"id":"J2","code":"J2","name":"Picking","kind":"JOB_KIND_HARVEST","pay":{"type":"PAY_TYPE_HOURLY"}}')
        made = '{"id":"1","name":"first","employeeId":"E2","jobId":"J2"}'
        eventually("a berry is made", lambda: self.shell("furrow", "call", "barn.v1.BarnService.CreateBerry", made)[0] == 0)
        listed = self.must("furrow", "call", "barn.v1.BarnService.ListBerries", '{"employeeId":"E2"}')
        self.assertIn('"employeeDisplayName":"Eva Paz","jobName":"Picking"', listed)
        # Another try at the same contract: what was written is not broken without a word, and with it in the way of nobody.
        (self.dev.dir / "barn").rename(self.dev.dir / "barn of before")
        self.must("env", "FURROW_CONTRACTS=", "furrow", "new", "barn", "--entity", "Berry")  # whose name is taken, by itself
        code, said = self.shell("furrow", "dev", "run", "--detach", "barn")
        self.assertEqual((code, "changes that break something furrow dev run --accept takes" in said), (1, True), said)
        self.assertIn("barn serves", self.must("furrow", "dev", "run", "--detach", "--accept", "barn"))
        self.assertIn('"name":"first"', self.must("furrow", "call", "barn.v1.BarnService.GetBerry", '{"id":"1"}'))
        self.must("furrow", "dev", "leave", "barn")
        self.must("furrow", "new", "shed", "--entity", "Tool")
        self.must("cmake", "-S", "shed", "-B", "shed/build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.must("cmake", "--build", "shed/build")
        self.must("env", *server_in_use(), "ctest", "--test-dir", "shed/build", "--output-on-failure")

    def test_7_where_no_mesh_is(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith("FURROW_")}
        for more, because in [({}, "no local mesh is known here"), ({"FURROW_DEV": "/nowhere"}, "/nowhere/join: No such file")]:
            done = subprocess.run([self.prefix / "bin/furrow", "dev", "list"], env=dict(env, **more), capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(because, done.stderr)
        self.assertEqual(self.dev.script("down")[0], 0)
        code, said = self.shell("furrow", "dev", "run", "my picking")
        self.assertEqual((code, said), (1, "the local mesh does not run: config/dev/up starts it\n"))


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
