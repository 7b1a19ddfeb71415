#!/usr/bin/env python3
"""furrow lineage on a real mesh: every number of --json against one found another way (keys and values as redis-cli has them, taken apart here;
streams and consumers as JetStream tells of them; events as they lie in the log), and what it says of what is down, missing or not for its user.

    test_lineage.py BUILD
"""
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import mesh as mesh_module  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
KEPT = {"timesheet": {"employee.v1.Employee": [1, 2, 6, 15], "job.v1.Job": [1, 3, 6, 7], "location.v1.Location": [1, 3, 6]},
        "job": {"location.v1.Location": [1, 3, 6]},
        "harvest": {"employee.v1.Employee": [1, 2, 5, 6, 15], "job.v1.Job": [1, 3, 4, 5, 6], "location.v1.Location": [1, 3, 6]},
        "payroll": {"employee.v1.Employee": [1, 2, 10, 13], "job.v1.Job": [1, 5, 8], "timesheet.v1.WorkDay": [1, 2, 3, 4, 5],
                    "harvest.v1.Ticket": [1, 3, 5, 7, 8, 9, 10, 16]}}
DECLARED = {"employee.v1.Employee": range(1, 16), "job.v1.Job": range(1, 9), "location.v1.Location": range(1, 13), "timesheet.v1.WorkDay": range(1, 10),
            "harvest.v1.Ticket": range(1, 17), "payroll.v1.PayPeriod": range(1, 6), "payroll.v1.Statement": range(1, 11),
            "payroll.v1.EmployeeRates": range(1, 4), "payroll.v1.JobRates": range(1, 3)}
PRIVATE = {"employee.v1.Employee": 14}
STREAMS = {"employee.v1.Employee": "EMPLOYEE", "job.v1.Job": "JOB", "location.v1.Location": "LOCATION", "timesheet.v1.WorkDay": "WORK_DAY",
           "harvest.v1.Ticket": "TICKET", "payroll.v1.PayPeriod": "PAY_PERIOD", "payroll.v1.Statement": "STATEMENT",
           "payroll.v1.EmployeeRates": "EMPLOYEE_RATES", "payroll.v1.JobRates": "JOB_RATES"}
MARK = "[down"


class Bare(mesh_module.Mesh):
    """The servers, and nothing on them."""

    def start_all(self):
        services, mesh_module.SERVICES = mesh_module.SERVICES, []
        provision, self.furrow = self.furrow, lambda *words: provision(*words) if words[0] not in ("provision", "health") else ""
        try:
            super().start_all()
        finally:
            mesh_module.SERVICES, self.furrow = services, provision


def open_mesh(kind=mesh_module.Mesh, **more):
    return kind(BUILD, os.environ.get("FURROW_NATS_SERVER") or None, **more)


def lineage(mesh, *options, env=None, **settings):
    """Exit code, standard output and standard error, without what AddressSanitizer says to everybody with fibers of its own."""
    done = subprocess.run([mesh.bin / "cli/furrow", "lineage", *options], env=dict(env or mesh.env, **settings), capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, re.sub(r"^==\d+==WARNING: ASan doesn't fully support .*\n", "", done.stderr, flags=re.MULTILINE)


def as_user(mesh, user):
    return dict(mesh.env, FURROW_NATS_NKEY=mesh.nkey(user), FURROW_REDIS_USER=user, FURROW_REDIS_PASSWORD_FILE=str(mesh.keys / f"{user}.redis"))


def call(mesh, subject, body="{}", user="operator"):
    done = subprocess.run([mesh.bin / "cli/furrow", "call", subject, body if isinstance(body, str) else json.dumps(body)], env=as_user(mesh, user), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, (subject, body, done)
    return json.loads(done.stdout)


def redis(mesh, *words):
    """One command's answer as bytes."""
    env = dict(os.environ, REDISCLI_AUTH=(mesh.keys / "operator.redis").read_text().strip())
    done = subprocess.run(["redis-cli", "-s", mesh.dir / "redis.sock", "--user", "operator", *words], env=env, capture_output=True, check=True, timeout=60)
    return done.stdout.removesuffix(b"\n")


def records(mesh, service, entity):
    """{id: body} of a table, without tombstones and lists."""
    prefix = f"{service}:{{{entity.rpartition('.')[2]}}}:"
    keys = redis(mesh, "--raw", "--scan", "--pattern", prefix.replace("{", "[{]").replace("}", "[}]") + "*").decode().split()
    values = {key.removeprefix(prefix): redis(mesh, "--raw", "get", key) for key in keys if not key.removeprefix(prefix).startswith("@")}
    return {name: value[8:] for name, value in values.items() if len(value) > 8}


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def size_of(body, numbers):
    """Bytes that the fields of these numbers take in a message."""
    at = total = 0
    while at < len(body):
        start = at
        tag, at = varint(body, at)
        if tag & 7 == 0:
            _, at = varint(body, at)
        elif tag & 7 == 2:
            length, at = varint(body, at)
            at += length
        else:
            at += {1: 8, 5: 4}[tag & 7]
        total += at - start if tag >> 3 in numbers else 0
    assert at == len(body)
    return total


def owner_of(entity):
    return entity.partition(".")[0]


def api(mesh, entity, verb, body="{}"):
    return call(mesh, f"$JS.{owner_of(entity)}.API.{verb}", body)


def events(mesh, entity):
    """Bodies of all events that the log has."""
    state = api(mesh, entity, f"STREAM.INFO.{STREAMS[entity]}")["state"]
    found = [api(mesh, entity, f"STREAM.MSG.GET.{STREAMS[entity]}", {"seq": seq}) for seq in range(state["first_seq"], state["last_seq"] + 1)]
    return [base64.b64decode(answer["message"].get("data", "")) for answer in found if "message" in answer]


def hire(mesh, number, **more):
    call(mesh, "employee.v1.EmployeeService.HireEmployee", dict({"id": f"E{number}", "givenName": "Ana" * (number % 7 + 1), "familyName": "Luna", "badge": f"{number}",
                                                                 "contact": {"phone": "+15595550123"}}, **more), user="client")


def fill(mesh):
    for place in [{"id": "R1", "kind": "LOCATION_KIND_RANCH", "name": "Ranch"}] + [
            {"id": f"B{n}", "kind": "LOCATION_KIND_BLOCK", "name": f"Block {n}", "parentId": "R1", "crop": "citrus"} for n in range(4)]:
        call(mesh, "location.v1.LocationService.CreateLocation", place, user="client")
    mesh_module.eventually("job knows the blocks", lambda: set(records(mesh, "job", "location.v1.Location")) >= {f"B{n}" for n in range(4)})
    call(mesh, "job.v1.JobService.OpenJob", {"id": "J1", "code": "J1", "name": "Job", "kind": "JOB_KIND_HARVEST", "pay": {"type": "PAY_TYPE_HOURLY"},
                                            "locationIds": ["B0", "B1", "B2", "B3"]}, user="client")
    for number in range(12):
        hire(mesh, number, **({"private": {"taxId": "123-45-6789"}} if number % 2 else {}))
    # Changed, gone, and gone altogether: a tombstone is no record.
    call(mesh, "employee.v1.EmployeeService.UpdateEmployee", {"employee": {"id": "E3", "displayName": "Anita the third"}, "updateMask": "displayName"}, user="client")
    call(mesh, "employee.v1.EmployeeService.TerminateEmployee", {"id": "E11"}, user="client")
    call(mesh, "employee.v1.EmployeeService.TerminateEmployee", {"id": "E10"}, user="client")
    mesh_module.eventually("timesheet knows them", lambda: len(records(mesh, "timesheet", "employee.v1.Employee")) == 12)


def settled(mesh):
    """Every durable has given out and been acked all there is."""
    def done():
        for service, kept in KEPT.items():
            for entity in kept:
                info = api(mesh, entity, f"CONSUMER.INFO.{STREAMS[entity]}.{service}")
                if info["num_pending"] or info["num_ack_pending"]:
                    return False
        return True
    mesh_module.eventually("all is delivered", done)


def clock_in(mesh, employee):
    call(mesh, "timesheet.v1.TimesheetService.ClockIn", {"employeeId": employee, "jobId": "J1", "locationId": "B1"}, user="client")


def replica_of(read, service, entity):
    return next(row for row in read["replicas"] if (row["service"], row["entity"]) == (service, entity))


class Running(unittest.TestCase):
    """One mesh for all; the last test takes services away."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.mesh = open_mesh()
        cls.mesh.__enter__()
        cls.addClassCleanup(cls.mesh.__exit__)
        fill(cls.mesh)
        settled(cls.mesh)

    def read(self, *options, code=0, **more):
        status, out, said = lineage(self.mesh, "--json", *options, **more)
        self.assertEqual(status, code, out + said)
        return json.loads(out)

    def check_entity(self, row):
        entity, kept = row["entity"], records(self.mesh, owner_of(row["entity"]), row["entity"])
        full = [size_of(body, DECLARED[entity]) for body in kept.values()]
        self.assertEqual((row["owner"], row["stream"], row["field_count"]), (owner_of(entity), STREAMS[entity], len(DECLARED[entity])))
        self.assertEqual((row["records"], row["bytes"]), (len(kept), sum(full)), entity)
        self.assertEqual(row["answer_bytes"], sum(full) - sum(size_of(body, [PRIVATE.get(entity)]) for body in kept.values()))
        if kept:
            self.assertAlmostEqual(row["bytes_per_record"], sum(full) / len(kept), places=2)
        state = api(self.mesh, entity, f"STREAM.INFO.{STREAMS[entity]}")["state"]
        self.assertEqual((row["log_messages"], row["log_bytes"]), (state["messages"], state["bytes"]))
        return row

    def check_replica(self, row, entities):
        service, entity = row["service"], row["entity"]
        kept, owned = records(self.mesh, service, entity), records(self.mesh, owner_of(entity), entity)
        self.assertEqual((row["field_count"], row["field_total"], row["state"], row["mark"]), (len(KEPT[service][entity]), len(DECLARED[entity]), "ready", ""))
        storage, full = row["storage"], entities[entity]
        self.assertEqual(storage["records"], len(kept))
        self.assertEqual(storage["bytes"], sum(map(len, kept.values())))
        self.assertEqual(storage["bytes"], sum(size_of(body, KEPT[service][entity]) for body in owned.values()))
        self.assertEqual((storage["full_records"], storage["full_bytes"]), (full["records"], full["bytes"]))
        table = f"{service}:{{{entity.rpartition('.')[2]}}}:"
        keys = redis(self.mesh, "--raw", "--scan", "--pattern", table.replace("{", "[{]").replace("}", "[}]") + "*").decode().split()
        self.assertEqual(storage["memory_bytes"], sum(int(redis(self.mesh, "memory", "usage", key)) for key in keys if "@lease" not in key))
        info = api(self.mesh, entity, f"CONSUMER.INFO.{STREAMS[entity]}.{service}")
        self.assertEqual(row["consumer"], {"exists": True, "delivered": info["delivered"]["consumer_seq"], "redelivered": info["num_redelivered"],
                                           "pending": info["num_pending"]})

    def check_bandwidth(self, row, entities):
        """The services were started before there was an event, and the log still has each: history is longer."""
        log, moved, full = events(self.mesh, row["entity"]), row["bandwidth"], entities[row["entity"]]
        self.assertEqual((moved["events"], moved["event_bytes"]), (len(log), sum(map(len, log))), row)
        self.assertEqual(moved["asking_bytes"], round(moved["reads"] * full["answer_bytes"] / max(1, full["records"])))
        self.assertEqual(moved["saved_bytes"], moved["asking_bytes"] - moved["event_bytes"])

    def test_1_every_number_is_what_can_be_found_otherwise(self):
        read = self.read()
        entities = {row["entity"]: self.check_entity(row) for row in read["entities"]}
        self.assertEqual(set(entities), set(STREAMS))
        self.assertEqual({(row["service"], row["entity"]) for row in read["replicas"]}, {(service, entity) for service, kept in KEPT.items() for entity in kept})
        for row in read["replicas"]:
            self.check_replica(row, entities)
            self.check_bandwidth(row, entities)
        self.assertEqual(replica_of(read, "timesheet", "employee.v1.Employee")["fields"], ["id", "display_name", "status", "ended_at"])
        total = read["total"]
        for name in "bytes", "full_bytes", "memory_bytes":
            self.assertEqual(total[name], sum(row["storage"][name] for row in read["replicas"]))
        for name in "event_bytes", "reads", "asking_bytes", "saved_bytes":
            self.assertEqual(total[name], sum(row["bandwidth"][name] for row in read["replicas"]))
        self.assertEqual((total["stored_replicas"], total["moved_replicas"], read["complete"], read["notes"]), (11, 11, True, []))
        self.assertEqual({row["service"]: (row["state"], row["instances"]) for row in read["services"]}, {name: ("serving", 1) for name in mesh_module.SERVICES})

    def test_2_reads_are_counted_as_calls_make_them(self):
        """A clock-in looks at one employee, one job and one location; what a service reads of its own for its own ends is no question."""
        before = self.read()
        for number in range(5):
            clock_in(self.mesh, f"E{number}")
        after = self.read()
        for entity in KEPT["timesheet"]:
            grown = [replica_of(read, "timesheet", entity)["bandwidth"]["reads"] for read in (before, after)]
            self.assertEqual(grown[1] - grown[0], 5, entity)
        self.assertEqual(replica_of(after, "job", "location.v1.Location")["bandwidth"], replica_of(before, "job", "location.v1.Location")["bandwidth"])

    def test_3_the_table_has_the_same_in_few_columns(self):
        status, out, said = lineage(self.mesh)
        self.assertEqual((status, said), (0, ""))
        self.assertLessEqual(max(map(len, out.splitlines())), 100, out)
        self.assertRegex(out, r"timesheet +employee\.v1\.Employee +4 of 15 +12 +\d+\.\d ")
        self.assertRegex(out, r"Storage paid: [\d.]+ k?B of values \(full copies: [\d.]+ k?B\); with keys and indexes [\d.]+ kB of memory\n")
        self.assertRegex(out, r"Bandwidth (saved|spent): ")

    def test_4_the_pictures_are_well_formed(self):
        status, svg, said = lineage(self.mesh, "--svg")
        self.assertEqual((status, said), (0, ""))
        tree = xml.etree.ElementTree.fromstring(svg)
        texts = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
        self.assertTrue({"timesheet keeps", "job keeps", "employee owns", "Employee: 4 of 15 fields", "id, display_name, status, ended_at"} <= set(texts), texts)
        paths = [path for path in tree.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")]
        self.assertEqual(len(paths), 11)
        for shape in tree.iter("{http://www.w3.org/2000/svg}rect"):  # all in the picture
            if "%" not in shape.get("width"):
                self.assertLessEqual(float(shape.get("x")) + float(shape.get("width")), float(tree.get("width")))
                self.assertLessEqual(float(shape.get("y")) + float(shape.get("height")), float(tree.get("height")))
        status, dot, said = lineage(self.mesh, "--dot")
        self.assertEqual((status, said), (0, ""))
        edges = re.findall(r'^  "(\w+)" -> "(\w+)" \[label="((?:[^"\\]|\\.)*)"(?:, style=dashed)?\];$', dot, re.M)
        self.assertEqual(sorted((owner, service) for owner, service, _ in edges), [("employee", "harvest"), ("employee", "payroll"), ("employee", "timesheet"),
                                                                                ("harvest", "payroll"), ("job", "harvest"), ("job", "payroll"),
                                                                                ("job", "timesheet"), ("location", "harvest"), ("location", "job"),
                                                                                ("location", "timesheet"), ("timesheet", "payroll")])
        for line in dot.splitlines()[1:-1]:
            self.assertRegex(line, r'^  (?:\w+=|node |"(?:[^"\\]|\\.)*" ).*;$')
        self.assertTrue(dot.startswith("digraph lineage {\n") and dot.endswith("\n}\n"))

    def test_5_the_inspector_sees_all_but_memory_and_is_told_so(self):
        whole, seen = self.read(), self.read(env=as_user(self.mesh, "inspector"))
        self.assertEqual([note for note in seen["notes"] if "MEMORY USAGE" not in note], [])
        self.assertEqual(len(seen["notes"]), 1)
        self.assertTrue(seen["complete"])
        for row in whole["replicas"]:
            row["storage"]["memory_bytes"] = None
        whole["total"]["memory_bytes"] = None
        for name in "services", "entities", "replicas", "total":
            self.assertEqual(seen[name], whole[name])

    def test_5_a_client_sees_what_runs_and_is_told_what_it_may_not(self):
        seen = self.read(env=dict(as_user(self.mesh, "inspector"), FURROW_NATS_NKEY=self.mesh.nkey("client")))
        row = replica_of(seen, "timesheet", "employee.v1.Employee")
        self.assertEqual((row["state"], row["consumer"]["delivered"], row["storage"]["records"]), ("ready", None, 12))
        self.assertEqual([owner for owner in mesh_module.SERVICES if not any(f"the log of {owner}" in note for note in seen["notes"])], [])

    def test_5_a_service_sees_its_own_records_alone(self):
        seen = self.read(env=as_user(self.mesh, "timesheet") | {"FURROW_NATS_NKEY": self.mesh.nkey("operator")})
        self.assertEqual(replica_of(seen, "timesheet", "employee.v1.Employee")["storage"]["records"], 12)
        self.assertEqual(replica_of(seen, "job", "location.v1.Location")["storage"]["records"], None)
        self.assertTrue(any("Redis" in note for note in seen["notes"]), seen["notes"])

    def test_6_wrong_words_are_refused_before_anything_is_asked(self):
        nowhere = dict(self.mesh.env, FURROW_NATS_URL="nats://127.0.0.1:1", FURROW_REDIS_URL="unix:///nowhere")
        for words in ["--yaml"], ["employee"], ["--json", "--svg"], ["--dot", "--dot"], ["--json=1"], ["--single-account", "x"], ["--json", ""]:
            status, out, said = lineage(self.mesh, *words, env=nowhere)
            self.assertEqual((status, out), (2, ""), words)
            self.assertTrue(said.startswith("furrow: ") and len(said) > 20, said)
        status, out, _ = lineage(self.mesh, "--help", env=nowhere)
        self.assertEqual((status, "IF ASKED" in out), (0, True))

    def test_6_without_nats_there_is_nothing_to_tell(self):
        status, out, said = lineage(self.mesh, FURROW_NATS_URL="nats://127.0.0.1:1")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("no way into NATS at nats://127.0.0.1:1", said)
        self.assertIn("FURROW_NATS_URL", said)

    def test_6_without_redis_the_rest_is_told_and_the_exit_code_says_so(self):
        for settings in {"FURROW_REDIS_URL": "unix:///nowhere"}, {"FURROW_REDIS_PASSWORD_FILE": self.mesh.nkey("client")}, {"FURROW_REDIS_URL": "http://x"}:
            status, out, said = lineage(self.mesh, "--json", **settings)
            read = json.loads(out)
            row = replica_of(read, "timesheet", "employee.v1.Employee")
            self.assertEqual((status, read["complete"], row["storage"]["records"], row["storage"]["bytes"], row["bandwidth"]["asking_bytes"]),
                             (1, False, None, None, None if row["bandwidth"]["reads"] else 0), settings)
            self.assertEqual((row["field_count"], row["consumer"]["exists"], row["bandwidth"]["events"] > 0), (4, True, True))
            self.assertIn("FURROW_REDIS_URL", said)

    def test_6_with_one_redis_of_two_nothing_is_taken_for_empty(self):
        url = f"{self.mesh.env['FURROW_REDIS_URL']},unix:///nowhere"
        read = self.read(code=1, FURROW_REDIS_URL=url)
        self.assertEqual(replica_of(read, "timesheet", "employee.v1.Employee")["storage"]["records"], 12)

    def test_7_two_instances_are_added_up(self):
        self.mesh.start("timesheet-2", self.mesh.bin / "timesheet", env=self.mesh.service_env("timesheet"))

        def two():
            read = self.read()
            return read if {row["service"]: row["instances"] for row in read["services"]}["timesheet"] == 2 else None
        mesh_module.eventually("both answer", two)
        before = replica_of(self.read(), "timesheet", "employee.v1.Employee")["bandwidth"]
        for number in range(20, 40):
            hire(self.mesh, number)
        mesh_module.eventually("timesheet knows them", lambda: len(records(self.mesh, "timesheet", "employee.v1.Employee")) == 32)
        settled(self.mesh)
        after = replica_of(self.read(), "timesheet", "employee.v1.Employee")["bandwidth"]
        self.assertEqual(after["events"] - before["events"], 20)
        self.assertEqual(after["event_bytes"] - before["event_bytes"], sum(map(len, events(self.mesh, "employee.v1.Employee")[-20:])))
        self.mesh.stop("timesheet-2")

    def test_8_what_is_down_is_told_with_what_is_known(self):
        """Killed, and stopped so that it is there and does not answer."""
        before = self.read()
        self.mesh.stop("job", signal.SIGKILL)
        mesh_module.pause(self.mesh.processes["timesheet"])
        self.addCleanup(lambda: self.mesh.processes["timesheet"].send_signal(signal.SIGCONT))
        read = self.read()
        states = {row["service"]: row["state"] for row in read["services"]}
        self.assertEqual(states, {"employee": "serving", "location": "serving", "job": "down", "timesheet": "down", "harvest": "serving", "payroll": "serving"})
        for row in read["replicas"]:
            was = replica_of(before, row["service"], row["entity"])
            if row["service"] in ("harvest", "payroll"):
                self.assertEqual((row["mark"], row["state"]), ("", "ready"))
                continue
            self.assertEqual((row["mark"], row["state"]), ("down", ""))
            self.assertEqual((row["fields"], row["storage"]["bytes"], row["consumer"]["delivered"]), (was["fields"], was["storage"]["bytes"], was["consumer"]["delivered"]))
            self.assertEqual(row["bandwidth"], dict.fromkeys(row["bandwidth"]))
        status, out, _ = lineage(self.mesh)
        self.assertEqual((status, out.count(MARK)), (0, 4), out)
        self.assertIn("job is down: no instance answers", out)
        status, svg, _ = lineage(self.mesh, "--svg")
        self.assertEqual((status, svg.count("(down)")), (0, 4))  # as keepers and as owners
        self.assertIn("style=dashed", lineage(self.mesh, "--dot")[1])


class Empty(unittest.TestCase):
    def test_a_mesh_that_was_never_provisioned(self):
        with open_mesh(Bare) as mesh:
            status, out, said = lineage(mesh, "--json")
            read = json.loads(out)
            self.assertEqual(status, 0, said)
            self.assertEqual({row["mark"] for row in read["replicas"]}, {"down, no consumer"})
            self.assertEqual({(row["storage"]["records"], row["storage"]["bytes"]) for row in read["replicas"]}, {(0, 0)})
            self.assertTrue(any("furrow provision" in note for note in read["notes"]), read["notes"])
            for option in "--svg", "--dot":
                self.assertEqual(lineage(mesh, option)[0], 0)
            mesh.furrow("provision")
            read = json.loads(lineage(mesh, "--json")[1])
            self.assertEqual(({row["mark"] for row in read["replicas"]}, read["notes"]), ({"down"}, []))
            self.assertEqual(lineage(mesh)[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
