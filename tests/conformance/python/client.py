"""What a stock client sees of the mesh: nats.py for NATS, protoc's Python for messages, Google's own google.rpc.Status for errors.

Knows of Furrow only what its .proto files and the documented headers say.
"""
import asyncio
import json
import os
import sys
import time

import nats
from employee.v1 import employee_pb2 as employee
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from job.v1 import job_pb2 as job
from location.v1 import location_pb2 as location
from nats.errors import NoRespondersError
from timesheet.v1 import timesheet_pb2 as timesheet

import mesh as mesh_module

PACKAGES = {"employee": employee, "location": location, "job": job, "timesheet": timesheet}
INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, UNIMPLEMENTED = 3, 4, 5, 12
CALLS = 1000
check = mesh_module.Checks()


class CallError(Exception):
    """An error reply, by its headers; body as it came."""

    def __init__(self, msg):
        self.text = msg.headers["Nats-Service-Error"]
        self.code = int(msg.headers["Nats-Service-Error-Code"])
        self.body = msg.data
        super().__init__(f"{self.code}: {self.text}")


class Client:
    """Calls methods by their protobuf names; the request's and response's types come from the descriptors."""

    def __init__(self, connection):
        self.connection = connection

    @staticmethod
    def method(name):
        short, method = name.split(".")
        service = next(iter(PACKAGES[short].DESCRIPTOR.services_by_name.values()))
        descriptor = service.methods_by_name[method]
        make = lambda message: getattr(PACKAGES[short], message.name)
        return f"{service.full_name}.{method}", make(descriptor.input_type), make(descriptor.output_type)

    async def raw(self, subject, body, headers=None, timeout=10):
        msg = await self.connection.request(subject, body, timeout=timeout, headers=headers)
        if msg.headers and "Nats-Service-Error" in msg.headers:
            raise CallError(msg)
        return msg

    async def protobuf(self, name, headers=None, /, **fields):
        subject, request, response = self.method(name)
        return response.FromString((await self.raw(subject, request(**fields).SerializeToString(), headers)).data)

    async def json(self, name, headers=None, /, **fields):
        """The reply as Google's own JSON mapping reads it: an unknown or misspelt field is an error."""
        subject, _, response = self.method(name)
        reply = await self.raw(subject, json.dumps(fields).encode(), headers)
        return json_format.Parse(reply.data, response())


async def refused(call):
    try:
        answer = await call
    except CallError as error:
        return error
    raise AssertionError(f"was not refused: {answer}")


async def every_service_in_both_encodings(client):
    ranch = (await client.protobuf("location.CreateLocation", id="R1", kind=location.LOCATION_KIND_RANCH, name="Rancho Ñuñez",
                                   time_zone="America/Los_Angeles", centroid={"latitude": 36.5, "longitude": -119.25})).location
    check("location: created in protobuf, doubles and UTF-8 intact", (ranch.name, ranch.centroid.longitude) == ("Rancho Ñuñez", -119.25), ranch)
    block = (await client.json("location.CreateLocation", id="B1", kind="LOCATION_KIND_BLOCK", name="Block 1", parentId="R1", areaHa=5.5)).location
    check("location: created in JSON", (block.kind, block.area_ha, block.ranch_id) == (location.LOCATION_KIND_BLOCK, 5.5, "R1"), block)
    same = [await getattr(client, how)("location.GetLocation", id="B1") for how in ("protobuf", "json")]
    check("location: both encodings answer the same state", same[0] == same[1] and same[0].location == block, same)

    hired = await client.json("employee.HireEmployee", id="E1", givenName="Ana", familyName="Cruz", badge="100", crew="crew-1", language="es",
                              hourlyRateCents="1850", contact={"phone": "+15595550123"})
    check("employee: hired in JSON, int64 as a string", hired.employee.hourly_rate_cents == 1850 and hired.version > 0, hired)
    got = await client.protobuf("employee.GetEmployee", id="E1")
    check("employee: read in protobuf", got == hired, got)
    changed = await client.protobuf("employee.UpdateEmployee", employee={"id": "E1", "crew": "crew-2"}, update_mask={"paths": ["crew"]},
                                    version=got.version)
    check("employee: updated by field mask, version grows", changed.employee.crew == "crew-2" and changed.version > got.version, changed)
    listed = await client.json("employee.ListEmployees", crew="crew-2")
    check("employee: listed by index", [e.id for e in listed.employees] == ["E1"], listed)

    opened = (await job_at(client, "J1")).job
    check("job: opened in JSON with nested message and enum names", opened.pay.rate_cents == 3200 and opened.kind == job.JOB_KIND_HARVEST, opened)
    check("job: read in protobuf", (await client.protobuf("job.GetJob", id="J1")).job == opened)

    day = await clocked_in(client, "E1")
    check("timesheet: clocked in on replicated employee, job and location", day.day.status == timesheet.DAY_STATUS_OPEN, day)
    days = await client.json("timesheet.ListDays", employeeId="E1")
    check("timesheet: lists the day with the name it keeps", days.days[0].employee_name == "Ana Cruz", days)
    out = await client.json("timesheet.ClockOut", employeeId="E1")
    check("timesheet: clocked out in JSON, timestamps parse", out.day.entries[0].HasField("end") and out.version > day.version, out)


async def until_known(make_call):
    """Replicas follow in milliseconds, not at once: a command that names what is on its way is repeated, with a deadline."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await make_call()
        except CallError as error:
            if time.monotonic() > deadline or error.code not in (NOT_FOUND, 9):
                raise


def job_at(client, name):
    return until_known(lambda: client.json("job.OpenJob", id=name, code="HARV", name="Harvest", kind="JOB_KIND_HARVEST",
                                           pay={"type": "PAY_TYPE_PIECE", "unit": "bin", "rateCents": "3200"}, locationIds=["B1"]))


def clocked_in(client, name):
    return until_known(lambda: client.protobuf("timesheet.ClockIn", employee_id=name, job_id="J1", location_id="B1"))


async def encodings_are_negotiated(client):
    subject = "employee.v1.EmployeeService.GetEmployee"
    reply = await client.raw(subject, b'{"id":"E1"}', {"Accept": "application/protobuf"})
    check("Accept: protobuf answers a JSON request in protobuf", employee.EmployeeState.FromString(reply.data).employee.id == "E1"
          and reply.headers["Content-Type"] == "application/protobuf", reply)
    reply = await client.raw(subject, employee.GetEmployeeRequest(id="E1").SerializeToString(), {"Accept": "application/json"})
    check("Accept: JSON answers a protobuf request in JSON", json.loads(reply.data)["employee"]["id"] == "E1", reply)
    reply = await client.raw(subject, employee.GetEmployeeRequest(id="E1").SerializeToString())
    check("a plain protobuf read answers without headers", not reply.headers, reply.headers)
    check("private fields are not in it", b'"private"' not in (await client.raw(subject, b'{"id":"E1"}')).data)


async def errors_are_google_rpc_status(client):
    error = await refused(client.protobuf("employee.GetEmployee", id="nobody"))
    status = status_pb2.Status.FromString(error.body)
    check("NOT_FOUND: header and google.rpc.Status agree", error.code == status.code == NOT_FOUND and status.message == error.text != "", status)
    error = await refused(client.protobuf("employee.HireEmployee", id="E9", given_name="A", family_name="B", badge="9", contact={"phone": "555"}))
    status = status_pb2.Status.FromString(error.body)
    bad = error_details_pb2.BadRequest()
    check("INVALID_ARGUMENT: carries google.rpc.BadRequest", error.code == INVALID_ARGUMENT and status.details[0].Unpack(bad), status)
    check("… which names the field", bad.field_violations[0].field == "contact.phone" and bad.field_violations[0].description, bad)
    error = await refused(client.json("employee.HireEmployee", id="E9", givenName="A", familyName="B", badge="9", contact={"phone": "555"}))
    status = json_format.ParseDict(json.loads(error.body), status_pb2.Status())
    check("… in JSON too, as Google's Any", status.code == INVALID_ARGUMENT and status.details[0].Unpack(bad)
          and bad.field_violations[0].field == "contact.phone", error.body)
    for what, body in {"broken JSON": b'{"id":', "an unknown JSON field": b'{"idd":"E1"}', "cut protobuf": b"\x0a\x7f", "bytes of nothing": b"\xff\xff"}.items():
        error = await refused(client.raw("employee.v1.EmployeeService.GetEmployee", body))
        check(f"{what} is INVALID_ARGUMENT", error.code == INVALID_ARGUMENT and error.text, error)
    error = await refused(client.raw("employee.v1.EmployeeService.Promote", b""))
    check("an unknown method is UNIMPLEMENTED", error.code == UNIMPLEMENTED, error)


async def keys_and_deadlines(client):
    async def hire(badge="200"):
        return await client.protobuf("employee.HireEmployee", {"Idempotency-Key": "hire-1"}, given_name="Eva", family_name="Paz", badge=badge)
    answers = await asyncio.gather(*(hire() for _ in range(8)))
    answers.append(await hire())
    check("an idempotency key, 8 at once and again: one effect, one answer", all(a == answers[0] for a in answers), answers)
    listed = await client.protobuf("employee.ListEmployees", name_prefix="Eva")
    check("… one employee", len(listed.employees) == 1, listed)
    error = await refused(hire("201"))
    check("the key with another request is INVALID_ARGUMENT", error.code == INVALID_ARGUMENT, error)
    error = await refused(client.protobuf("employee.HireEmployee", {"Grpc-Timeout": "0m"}, id="late", given_name="L", family_name="T", badge="300"))
    check("an expired deadline is DEADLINE_EXCEEDED", error.code == DEADLINE_EXCEEDED, error)
    error = await refused(client.protobuf("employee.GetEmployee", id="late"))
    check("… and nothing was done", error.code == NOT_FOUND, error)


async def stats(client):
    document = json.loads((await client.connection.request("$SRV.STATS.employee", b"", timeout=5)).data)
    return {endpoint["name"]: endpoint for endpoint in document["endpoints"]}


async def thousand_calls(client):
    connection, done, answers = client.connection, asyncio.Event(), {}
    before = (await stats(client))["GetEmployee"]["num_requests"]
    inbox = connection.new_inbox()

    async def on_reply(msg):
        answers.setdefault(int(msg.subject.rsplit(".", 1)[1]), []).append(msg)
        if len(answers) == CALLS:
            done.set()
    await connection.subscribe(f"{inbox}.*", cb=on_reply)
    request = employee.GetEmployeeRequest(id="E1").SerializeToString()
    for number in range(CALLS):
        body = b'{"id":"E1"}' if number % 2 else request
        await connection.publish("employee.v1.EmployeeService.GetEmployee", body, reply=f"{inbox}.{number}")
    await asyncio.wait_for(done.wait(), 20)
    await client.protobuf("employee.GetEmployee", id="E1")  # any second answer to the calls before would come before this one's
    check(f"{CALLS} calls at once: each answered once", all(len(a) == 1 for a in answers.values()))
    want = await client.protobuf("employee.GetEmployee", id="E1")
    decode = lambda number, data: json_format.Parse(data, employee.EmployeeState()) if number % 2 else employee.EmployeeState.FromString(data)
    check("… and rightly, in the encoding of each", all(decode(n, a[0].data) == want for n, a in answers.items()))
    after = (await stats(client))["GetEmployee"]["num_requests"]
    check("… and counted in $SRV.STATS", after - before == CALLS + 2, (before, after))


async def gather_replies(client, subject, want):
    connection = client.connection
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox)
    await connection.publish(subject, b"", reply=inbox)
    return [json.loads((await subscription.next_msg(timeout=5)).data) for _ in range(want)]


async def services_are_discovered(client):
    for verb in ("PING", "INFO", "STATS"):
        found = await gather_replies(client, f"$SRV.{verb}", len(PACKAGES))
        check(f"$SRV.{verb}: all four answer with their type", {d["name"] for d in found} == set(PACKAGES)
              and {d["type"] for d in found} == {f"io.nats.micro.v1.{verb.lower()}_response"}, found)
        one = found[0]
        named = (await gather_replies(client, f"$SRV.{verb}.{one['name']}.{one['id']}", 1))[0]
        check(f"$SRV.{verb}.<name>.<id> finds the instance", named["id"] == one["id"], named)
    for document in await gather_replies(client, "$SRV.INFO", len(PACKAGES)):
        service = next(iter(PACKAGES[document["name"]].DESCRIPTOR.services_by_name.values()))
        check(f"$SRV.INFO: {document['name']} describes every method of its .proto", {e["subject"] for e in document["endpoints"]}
              == {f"{service.full_name}.{m.name}" for m in service.methods} and all(e["queue_group"] == document["name"] for e in document["endpoints"]))


async def nobody_is_there(client, mesh):
    mesh.stop("employee")
    started = time.monotonic()
    try:
        await client.protobuf("employee.GetEmployee", id="E1")
        raise AssertionError("a stopped service answered")
    except NoRespondersError:
        check("a stopped service is \"no responders\" at once", time.monotonic() - started < 2)
    day = await clocked_in(client, "E1")
    check("with employee stopped, timesheet clocks its people in", day.day.status == timesheet.DAY_STATUS_OPEN, day)
    mesh.start_service("employee")
    mesh.wait_healthy("employee")
    check("started again, it answers", (await client.protobuf("employee.GetEmployee", id="E1")).employee.id == "E1")


async def main(tools, build):
    server = os.environ.get("FURROW_NATS_SERVER") or f"{tools}/bin/nats-server"
    with mesh_module.Mesh(build, server) as mesh:
        connection = await nats.connect(mesh.url)
        print(f"nats.py {nats.aio.client.__version__} and nats-server {connection.connected_server_version}")
        client = Client(connection)
        for part in (every_service_in_both_encodings, encodings_are_negotiated, errors_are_google_rpc_status, keys_and_deadlines,
                     thousand_calls, services_are_discovered):
            await part(client)
        await nobody_is_there(client, mesh)
        await connection.close()
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
