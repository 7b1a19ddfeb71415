"""What a stock client sees of the mesh: nats.py for NATS, protoc's Python for messages, Google's own google.rpc.Status for errors.

Knows of Furrow only what its .proto files and the documented headers say. Run by ../drive.py.
"""
import asyncio
import base64
import importlib
import json
import pathlib
import re
import sys

import nats
from furrow.v1 import options_pb2
from google.protobuf import json_format, symbol_database
from google.rpc import error_details_pb2, status_pb2
from nats.errors import NoRespondersError
from nats.micro import request as micro_request
from nats.micro import service as micro

from cases import contains, first_words, kept, substituted

LIST = pathlib.Path(__file__).resolve().parents[3] / "services/list"
FILES = {name: importlib.import_module(f"{name}.v1.{name}_pb2") for name in re.findall("^[a-z].*", LIST.read_text(), re.M)}
SERVICES = {name: next(iter(file.DESCRIPTOR.services_by_name.values())) for name, file in FILES.items()}
INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = 3, 4, 5
EMPLOYEES = "employee.v1.EmployeeService"
CALLS = 1000
WAIT_S = 20
TYPE = {"json": "application/json", "protobuf": "application/protobuf"}


def check(what, good, seen=""):
    if not good:
        raise AssertionError(f"{what}: {seen}")
    print(f"  ok  {what}", flush=True)


class Encoding:
    """Bytes of messages and back, in "json" or "protobuf"; what the program sees is proto3 JSON either way."""

    def __init__(self, name):
        self.name = name

    def pack(self, message_type, value):
        if self.name == "json":
            return json.dumps(value).encode()
        return json_format.ParseDict(value, message_type()).SerializeToString()

    def parse(self, message_type, data):
        """Google's own reading: an unknown or misspelt JSON field is an error."""
        return json_format.Parse(data, message_type()) if self.name == "json" else message_type.FromString(data)

    def value(self, message_type, data):
        message = self.parse(message_type, data)
        return json.loads(data) if self.name == "json" else json_format.MessageToDict(message)


ENCODINGS = [Encoding("json"), Encoding("protobuf")]
JSON, PROTOBUF = ENCODINGS


def types_of(method):
    service, name = method.rsplit(".", 1)
    descriptor = next(s for s in SERVICES.values() if s.full_name == service).methods_by_name[name]
    symbols = symbol_database.Default()
    return symbols.GetPrototype(descriptor.input_type), symbols.GetPrototype(descriptor.output_type)


class User:
    """A connection with the seed of a user."""

    def __init__(self, connection, errors):
        self.connection, self.errors = connection, errors

    @classmethod
    async def connect(cls, url, keys, name):
        errors = asyncio.Queue()
        inbox = pathlib.Path(f"{keys}/{name}.inbox").read_text()
        connection = await nats.connect(url, nkeys_seed=f"{keys}/{name}.nk", inbox_prefix=inbox, error_cb=errors.put)
        return cls(connection, errors)

    async def reply(self, method, body, headers=None):
        """An error reply is nats.py's ServiceError, with the code as a number and the body."""
        msg = await self.connection.request(method, body, timeout=WAIT_S, headers=headers)
        if msg.headers and micro_request.ERROR_CODE_HEADER in msg.headers:
            error = micro_request.ServiceError(int(msg.headers[micro_request.ERROR_CODE_HEADER]), msg.headers[micro_request.ERROR_HEADER])
            error.body = msg.data
            raise error
        return msg

    async def call(self, method, value, encoding, headers=None):
        """The answer and the reply's headers."""
        request, response = types_of(method)
        msg = await self.reply(method, encoding.pack(request, value), headers)
        return encoding.value(response, msg.data), msg.headers or {}


async def refused(call):
    try:
        answer = await call
    except micro_request.ServiceError as error:
        return error
    raise AssertionError(f"was not refused: {answer}")


def check_refused(what, error, encoding, wanted):
    """The headers say what `wanted` says, and the body the same as google.rpc.Status, with the field that is wrong."""
    status = encoding.parse(status_pb2.Status, error.body)
    check(f"{what}: {wanted['code']}, {error.description}", error.code == wanted["code"] == status.code and wanted["text"] in error.description
          and error.description and error.description.endswith(status.message), f"{error.code}: {error.description}; {status}")
    if "field" in wanted:
        bad = error_details_pb2.BadRequest()
        check(f"{what}: google.rpc.BadRequest names {wanted['field']}", status.details[0].Unpack(bad) and bad.field_violations[0].description
              and [v.field for v in bad.field_violations] == [wanted["field"]], status)


async def forbidden(user, method):
    """NATS tells who may not publish; nobody answers."""
    await user.connection.publish(method, b"{}", reply=user.connection.new_inbox())
    error = str(await asyncio.wait_for(user.errors.get(), WAIT_S)).lower()
    check(f"{method}: NATS refuses it to the ordinary client", "permissions violation for publish" in error and method.lower() in error, error)


async def every_method(users, cases):
    for encoding in ENCODINGS:
        words = first_words(encoding.name)
        for number, case in enumerate(cases):
            case = substituted(case, words)
            method, what = case["call"], f"{encoding.name} {number + 1} {case['call']}"
            if "as" in case:
                await forbidden(users["client"], method)
            call = users[case.get("as", "client")].call(method, case["request"], encoding, case.get("headers"))
            if "refused" in case:
                check_refused(what, await refused(call), encoding, case["refused"])
                continue
            answer, headers = await call
            check(what, contains(answer, case["answer"]), f"{answer} lacks some of {case['answer']}")
            words |= kept(case, answer, headers)
    methods = {f"{s.full_name}.{m.name}": m.GetOptions().Extensions[options_pb2.restricted] for s in SERVICES.values() for m in s.methods}
    check(f"these were all {len(methods)} methods, the restricted ones as another user", methods == {c["call"]: "as" in c for c in cases}, methods)


async def broken_requests(users, cases):
    for case in cases:
        error = await refused(users[case.get("as", "client")].reply(case["call"], base64.b64decode(case["base64"]), case.get("headers")))
        check_refused(case["what"], error, JSON if error.body.startswith(b"{") else PROTOBUF, case["refused"])


async def encodings_are_negotiated(users, _):
    method, value = f"{EMPLOYEES}.GetEmployee", {"id": "E1-json"}
    request, response = types_of(method)
    for encoding, other in (ENCODINGS, ENCODINGS[::-1]):
        msg = await users["client"].reply(method, encoding.pack(request, value), {"Accept": TYPE[other.name]})
        check(f"Accept: a request in {encoding.name} is answered in {other.name}", msg.headers["Content-Type"] == TYPE[other.name]
              and other.value(response, msg.data)["employee"]["id"] == "E1-json", msg)
    msg = await users["client"].reply(method, PROTOBUF.pack(request, value))
    check("a plain protobuf read answers without headers", not msg.headers, msg.headers)


async def keys_take_effect_once(users, _):
    client, headers = users["client"], {"Idempotency-Key": "hire-1"}
    def hire(encoding, badge="200"):
        return client.call(f"{EMPLOYEES}.HireEmployee", {"givenName": "Zoe", "familyName": "Paz", "badge": badge}, encoding, headers)
    answers = await asyncio.gather(*(hire(ENCODINGS[i % 2]) for i in range(8)))
    answers.append(await hire(JSON))
    ids = {answer["employee"]["id"] for answer, _ in answers}
    check("an idempotency key, 8 at once in both encodings and again: one answer", len(ids) == 1 and all(a == answers[0][0] for a, _ in answers), answers)
    listed, _ = await client.call(f"{EMPLOYEES}.ListEmployees", {"namePrefix": "Zoe"}, JSON)
    check("… one effect", [e["id"] for e in listed["employees"]] == list(ids), listed)
    error = await refused(hire(JSON, "201"))
    check("… and for another request it is INVALID_ARGUMENT", error.code == INVALID_ARGUMENT and "Idempotency-Key" in error.description, error)


async def deadlines_are_honoured(users, _):
    client, late = users["client"], {"id": "late", "givenName": "L", "familyName": "T", "badge": "300"}
    error = await refused(client.call(f"{EMPLOYEES}.HireEmployee", late, PROTOBUF, {"Grpc-Timeout": "0m"}))
    check("a deadline that has passed is DEADLINE_EXCEEDED", error.code == DEADLINE_EXCEEDED, error)
    error = await refused(client.call(f"{EMPLOYEES}.GetEmployee", {"id": "late"}, PROTOBUF))
    check("… and nothing was done", error.code == NOT_FOUND, error)
    def waits(timeout):  # for a version that will not come
        headers = {"Grpc-Timeout": timeout, "Furrow-After": "employee.v1.Employee.E1-json=999999999"}
        return asyncio.ensure_future(refused(client.call(f"{EMPLOYEES}.GetEmployee", {"id": "E1-json"}, JSON, headers)))
    long, short = waits("2S"), waits("100m")
    done, _ = await asyncio.wait([long, short], return_when=asyncio.FIRST_COMPLETED)
    check("the shorter of two deadlines ends first, though sent last", done == {short} and short.result().code == DEADLINE_EXCEEDED, (long, short))
    check("… then the other", (await long).code == DEADLINE_EXCEEDED, long)
    error = await refused(client.call(f"{EMPLOYEES}.GetEmployee", {"id": "E1-json"}, JSON, {"Grpc-Timeout": "soon"}))
    check("a deadline that is none is INVALID_ARGUMENT", error.code == INVALID_ARGUMENT and "Grpc-Timeout" in error.description, error)


async def asked(user, verb, kind, want, name=None, instance=None):
    """What services answer to a verb of the NATS service protocol, as nats.py's own types."""
    inbox = user.connection.new_inbox()
    subscription = await user.connection.subscribe(inbox)
    await user.connection.publish(micro.control_subject(verb, name, instance), b"", reply=inbox)
    found = [json.loads((await subscription.next_msg(timeout=WAIT_S)).data) for _ in range(want)]
    await subscription.unsubscribe()
    assert {one["type"] for one in found} == {f"io.nats.micro.v1.{verb.value.lower()}_response"}, found
    return [kind.from_dict(one) for one in found]


async def statistics(user, service, method):
    found, = await asked(user, micro.ServiceVerb.STATS, micro.ServiceStats, 1, service)
    return next(endpoint for endpoint in found.endpoints if endpoint.name == method)


async def services_are_discovered(users, _):
    client = users["client"]
    for verb, kind in ((micro.ServiceVerb.PING, micro.ServicePing), (micro.ServiceVerb.INFO, micro.ServiceInfo), (micro.ServiceVerb.STATS, micro.ServiceStats)):
        found = {one.name: one for one in await asked(client, verb, kind, len(SERVICES))}
        check(f"{verb.value}: all answer", set(found) == set(SERVICES), found)
        one = found["job"]
        named, = await asked(client, verb, kind, 1, "job", one.id)
        check(f"{verb.value} of one instance by its id", (named.name, named.id, named.version) == ("job", one.id, one.version), named)
    for name, service in SERVICES.items():
        info, = await asked(client, micro.ServiceVerb.INFO, micro.ServiceInfo, 1, name)
        check(f"INFO: {name} describes every method of its .proto", {(e.name, e.subject, e.queue_group) for e in info.endpoints}
              == {(m.name, f"{service.full_name}.{m.name}", name) for m in service.methods} and info.description, info)
        check("INFO: … with the types of its requests and answers", {(e.name, e.metadata["request"], e.metadata["response"]) for e in info.endpoints}
              == {(m.name, m.input_type.full_name, m.output_type.full_name) for m in service.methods}, info)


async def statistics_count(users, _):
    client = users["client"]
    before = await statistics(client, "job", "GetJob")
    await client.call("job.v1.JobService.GetJob", {"id": "J1-json"}, JSON)
    await refused(client.call("job.v1.JobService.GetJob", {"id": "nothing"}, PROTOBUF))
    after = await statistics(client, "job", "GetJob")
    check("STATS: counts requests and errors", (after.num_requests - before.num_requests, after.num_errors - before.num_errors) == (2, 1), (before, after))
    check("STATS: keeps the last error and the time", "no job nothing" in after.last_error and after.processing_time > before.processing_time, after)


async def thousand_calls(users, _):
    client = users["client"]
    connection, method, done, answers = client.connection, f"{EMPLOYEES}.GetEmployee", asyncio.Event(), {}
    request, response = types_of(method)
    before = await statistics(client, "employee", "GetEmployee")
    inbox = connection.new_inbox()

    async def on_reply(msg):
        answers.setdefault(int(msg.subject.rsplit(".", 1)[1]), []).append(msg)
        if len(answers) == CALLS:
            done.set()
    await connection.subscribe(f"{inbox}.*", cb=on_reply)
    for number in range(CALLS):
        await connection.publish(method, ENCODINGS[number % 2].pack(request, {"id": "E1-json"}), reply=f"{inbox}.{number}")
    await asyncio.wait_for(done.wait(), WAIT_S)
    want, _ = await client.call(method, {"id": "E1-json"}, JSON)  # any second answer to the calls before would come before this one's
    check(f"{CALLS} calls at once: each answered once", all(len(a) == 1 for a in answers.values()))
    check("… and rightly, in the encoding of each", all(ENCODINGS[n % 2].value(response, a[0].data) == want for n, a in answers.items()))
    after = await statistics(client, "employee", "GetEmployee")
    check("… and each handled once, by STATS", after.num_requests - before.num_requests == CALLS + 1, (before, after))


async def nobody_is_there(users, _):
    client = users["client"]
    for encoding in ENCODINGS:
        try:
            answer = await client.call(f"{EMPLOYEES}.GetEmployee", {"id": "E1-json"}, encoding)
            raise AssertionError(f"a stopped service answered {answer}")
        except NoRespondersError as error:
            check(f"a stopped service in {encoding.name}: {error}", True)
    found = {one.name for one in await asked(client, micro.ServiceVerb.PING, micro.ServicePing, len(SERVICES) - 1)}
    check("… and the others are there", found == set(SERVICES) - {"employee"}, found)
    answer, _ = await client.call("timesheet.v1.TimesheetService.ClockIn", {"employeeId": "E1-json", "jobId": "J1-json", "locationId": "B1-json"}, JSON)
    check("… and answer: timesheet clocks its people in", answer["day"]["status"] == "DAY_STATUS_OPEN", answer)


PHASES = {"calls": [(every_method, "cases"), (broken_requests, "broken"), (encodings_are_negotiated, None), (keys_take_effect_once, None),
                    (deadlines_are_honoured, None), (services_are_discovered, None), (statistics_count, None), (thousand_calls, None)],
          "stopped": [(nobody_is_there, None)]}


async def main(cases, phase, url, keys):
    with open(cases, encoding="utf-8") as file:
        cases = json.load(file)
    users = {name: await User.connect(url, keys, name) for name in ("client", "operator")}
    for part, what in PHASES[phase]:
        await part(users, cases.get(what))
    for user in users.values():
        await user.connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
