// What a stock client sees of the mesh: nats.js and its services package, Buf's protobuf, google.rpc.Status.
//
// Knows of Furrow only what its .proto files and the documented headers say. Run by ../drive.py.
import { readFileSync } from "node:fs";
import { ServiceResponseType, Svcm } from "@nats-io/services";
import { createInbox, deadline, errors } from "@nats-io/transport-node";
import { encodingsOf, readContracts } from "./contracts.mjs";
import { check, checkRefused, contains, refused, same, User, WAIT_MS } from "./user.mjs";

const [contractsFile, casesFile, phase, url, keys] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(casesFile));
const contracts = readContracts(contractsFile);
const { json, protobuf } = encodingsOf(contracts);
const encodings = [json, protobuf];
const users = {
  client: await User.connect(url, keys, "client", contracts),
  operator: await User.connect(url, keys, "operator", contracts),
};
const { client } = users;

const INVALID_ARGUMENT = 3, DEADLINE_EXCEEDED = 4, NOT_FOUND = 5;
const CALLS = 1000;
const EMPLOYEES = "employee.v1.EmployeeService";
const ANA = { id: "E1-json" };

function substituted(one, words) {
  return JSON.parse(Object.entries(words).reduce((text, [word, value]) => text.replaceAll(`{${word}}`, value), JSON.stringify(one)));
}

async function rejected(promise, kind) {
  const error = await promise.then((answer) => answer, (reason) => reason);
  return error instanceof kind ? error : error?.cause instanceof kind ? error.cause : Promise.reject(error);
}

async function everyMethod() {
  const date = new Date(Date.now() - (4 + 24) * 3600e3).toISOString().slice(0, 10);
  for (const encoding of encodings) {
    const words = { set: encoding.name, date, day: date.replaceAll("-", "") };
    for (const [i, raw] of cases.cases.entries()) {
      const one = substituted(raw, words);
      const what = `${encoding.name} ${i + 1} ${one.call}`;
      if (one.as) {
        const error = await rejected(client.reply(one.call, "{}"), errors.PermissionViolationError);
        check(`${one.call}: NATS refuses it to the ordinary client`, error.operation === "publish" && error.subject === one.call, error);
      }
      const call = users[one.as ?? "client"].call(one.call, one.request, encoding, one.headers);
      if (one.refused) {
        checkRefused(what, await refused(call), encoding, one.refused, contracts);
        continue;
      }
      const { answer, headers } = await call;
      check(what, contains(answer, one.answer), [answer, one.answer]);
      for (const [word, where] of Object.entries(one.keep ?? {})) {
        words[word] = where.startsWith("header ") ? headers.get(where.slice(7)) : answer[where];
      }
    }
  }
  const called = new Set(cases.cases.map((one) => one.call));
  check(`these were all ${contracts.methods.size} methods`, same(called, new Set(contracts.methods.keys())), [...called]);
}

async function brokenRequests() {
  for (const one of cases.broken) {
    const error = await refused(users[one.as ?? "client"].reply(one.call, Buffer.from(one.base64, "base64"), one.headers));
    checkRefused(one.what, error, error.body[0] === "{".charCodeAt(0) ? json : protobuf, one.refused, contracts);
  }
}

async function encodingsAreNegotiated() {
  const method = `${EMPLOYEES}.GetEmployee`;
  const { input, output } = contracts.methods.get(method);
  for (const [encoding, other] of [encodings, [protobuf, json]]) {
    const msg = await client.reply(method, encoding.pack(input, ANA), { Accept: other.type });
    check(`Accept: a request in ${encoding.name} is answered in ${other.name}`, msg.headers.get("Content-Type") === other.type &&
      contains(other.value(output, msg.data), { employee: ANA }), msg.string());
  }
  const msg = await client.connection.request(method, protobuf.pack(input, ANA), { timeout: WAIT_MS });
  check("a plain protobuf read answers without headers", msg.headers === undefined, msg.headers?.toString());
}

async function keysTakeEffectOnce() {
  const hire = (encoding, badge = "200") => client.call(`${EMPLOYEES}.HireEmployee`, { givenName: "Zoe", familyName: "Paz", badge }, encoding,
    { "Idempotency-Key": "hire-1" });
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => hire(encodings[i % 2])));
  answers.push(await hire(json));
  check("an idempotency key, 8 at once in both encodings and again: one answer",
    answers.every(({ answer }) => same(answer, answers[0].answer)), answers);
  const listed = (await client.call(`${EMPLOYEES}.ListEmployees`, { namePrefix: "Zoe" }, json)).answer;
  check("… one effect", contains(listed, { employees: [{ id: answers[0].answer.employee.id }] }), listed);
  const error = await refused(hire(json, "201"));
  check("… and for another request it is INVALID_ARGUMENT", error.code === INVALID_ARGUMENT && error.message.includes("Idempotency-Key"), error);
}

async function deadlinesAreHonoured() {
  const late = { id: "late", givenName: "L", familyName: "T", badge: "300" };
  let error = await refused(client.call(`${EMPLOYEES}.HireEmployee`, late, protobuf, { "Grpc-Timeout": "0m" }));
  check("a deadline that has passed is DEADLINE_EXCEEDED", error.code === DEADLINE_EXCEEDED, error);
  error = await refused(client.call(`${EMPLOYEES}.GetEmployee`, { id: "late" }, protobuf));
  check("… and nothing was done", error.code === NOT_FOUND, error);
  const waits = async (timeout) => { // for a version that will not come
    const headers = { "Grpc-Timeout": timeout, "Furrow-After": "employee.v1.Employee.E1-json=999999999" };
    return { timeout, code: (await refused(client.call(`${EMPLOYEES}.GetEmployee`, ANA, json, headers))).code };
  };
  const long = waits("2S"), short = waits("100m");
  const first = await Promise.race([long, short]);
  check("the shorter of two deadlines ends first, though sent last", same(first, { timeout: "100m", code: DEADLINE_EXCEEDED }), first);
  check("… then the other", (await long).code === DEADLINE_EXCEEDED);
  error = await refused(client.call(`${EMPLOYEES}.GetEmployee`, ANA, json, { "Grpc-Timeout": "soon" }));
  check("a deadline that is none is INVALID_ARGUMENT", error.code === INVALID_ARGUMENT && error.message.includes("Grpc-Timeout"), error);
}

// What services answer to a verb of the NATS service protocol, by nats.js's own client of it; it ends when `want` have answered.
async function asked(verb, want, name, id) {
  const found = [];
  for await (const one of await new Svcm(client.connection).client({ strategy: "count", maxMessages: want, maxWait: WAIT_MS })[verb](name, id)) {
    found.push(one);
  }
  if (found.length !== want) {
    throw new Error(`${verb}: ${want} were to answer, not ${JSON.stringify(found)}`);
  }
  return found;
}

async function statistics(service, method) {
  return (await asked("stats", 1, service))[0].endpoints.find((endpoint) => endpoint.name === method);
}

async function servicesAreDiscovered() {
  for (const [verb, type] of Object.entries({ ping: ServiceResponseType.PING, info: ServiceResponseType.INFO, stats: ServiceResponseType.STATS })) {
    const found = await asked(verb, contracts.services.size);
    check(`${verb}: all answer`, same(new Set(found.map((one) => one.name)), new Set(contracts.services.keys())) &&
      found.every((one) => one.type === type), found);
    const job = found.find((one) => one.name === "job");
    const [named] = await asked(verb, 1, "job", job.id);
    check(`${verb} of one instance by its id`, named.id === job.id && named.version === job.version, named);
  }
  for (const [name, service] of contracts.services) {
    const [info] = await asked("info", 1, name);
    const described = info.endpoints.map((e) => [e.name, e.subject, e.queue_group, e.metadata.request, e.metadata.response]);
    const wanted = service.methods.map((m) => [m.name, `${service.typeName}.${m.name}`, name, m.input.typeName, m.output.typeName]);
    check(`info: ${name} describes every method of its .proto`, same(described.sort(), wanted.sort()) && info.description, info);
  }
}

async function statisticsCount() {
  const before = await statistics("job", "GetJob");
  await client.call("job.v1.JobService.GetJob", { id: "J1-json" }, json);
  await refused(client.call("job.v1.JobService.GetJob", { id: "nothing" }, protobuf));
  const after = await statistics("job", "GetJob");
  check("stats: counts requests and errors", after.num_requests - before.num_requests === 2 && after.num_errors - before.num_errors === 1, [before, after]);
  check("stats: keeps the last error and the time", after.last_error.includes("no job nothing") && after.processing_time > before.processing_time, after);
}

async function thousandCalls() {
  const method = `${EMPLOYEES}.GetEmployee`;
  const { input, output } = contracts.methods.get(method);
  const before = await statistics("employee", "GetEmployee");
  const inbox = createInbox(client.connection.options.inboxPrefix);
  const answers = new Map();
  const all = new Promise((resolve, reject) => client.connection.subscribe(`${inbox}.*`, {
    callback(error, msg) {
      const number = Number(msg.subject.split(".").pop());
      answers.set(number, [...answers.get(number) ?? [], msg]);
      if (error) reject(error);
      if (answers.size === CALLS) resolve();
    },
  }));
  for (let number = 0; number < CALLS; number++) {
    client.connection.publish(method, encodings[number % 2].pack(input, ANA), { reply: `${inbox}.${number}` });
  }
  await deadline(all, WAIT_MS);
  const want = (await client.call(method, ANA, json)).answer; // any second answer to the calls before would come before this one's
  check(`${CALLS} calls at once: each answered once`, [...answers.values()].every((a) => a.length === 1));
  check("… and rightly, in the encoding of each", [...answers].every(([n, [msg]]) => same(encodings[n % 2].value(output, msg.data), want)));
  const after = await statistics("employee", "GetEmployee");
  check("… and each handled once, by stats", after.num_requests - before.num_requests === CALLS + 1, [before, after]);
}

async function nobodyIsThere() {
  for (const encoding of encodings) {
    const error = await rejected(client.call(`${EMPLOYEES}.GetEmployee`, ANA, encoding), errors.NoRespondersError);
    check(`a stopped service in ${encoding.name}: ${error.message}`, true);
  }
  const found = new Set((await asked("ping", contracts.services.size - 1)).map((one) => one.name));
  check("… and the others are there", found.size === contracts.services.size - 1 && !found.has("employee"), [...found]);
  const { answer } = await client.call("timesheet.v1.TimesheetService.ClockIn", { employeeId: ANA.id, jobId: "J1-json", locationId: "B1-json" }, json);
  check("… and answer: timesheet clocks its people in", answer.day.status === "DAY_STATUS_OPEN", answer);
}

const phases = {
  calls: [everyMethod, brokenRequests, encodingsAreNegotiated, keysTakeEffectOnce, deadlinesAreHonoured, servicesAreDiscovered, statisticsCount, thousandCalls],
  stopped: [nobodyIsThere],
};
for (const part of phases[phase]) {
  await part();
}
await Promise.all(Object.values(users).map((user) => user.connection.close()));
