// A user of the mesh with nats.js, and what it sees of answers and errors.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ServiceError } from "@nats-io/services";
import { connect, headers as makeHeaders, nkeyAuthenticator } from "@nats-io/transport-node";

export const WAIT_MS = 20000;

// Says what was seen to be right, and ends the program when it is not.
export function check(what, good, seen) {
  if (!good) {
    throw new Error(`${what}: ${JSON.stringify(seen)}`);
  }
  console.log(`  ok  ${what}`);
}

// An error reply: nats.js's ServiceError (code, message) with its body.
class CallError extends Error {
  constructor(error, body) {
    super(error.message);
    this.code = error.code;
    this.body = body;
  }
}

export class User {
  static async connect(url, keys, name, contracts) {
    const user = new User();
    user.contracts = contracts;
    user.connection = await connect({
      servers: url,
      authenticator: nkeyAuthenticator(readFileSync(`${keys}/${name}.nk`)),
      inboxPrefix: readFileSync(`${keys}/${name}.inbox`, "utf8"),
    });
    return user;
  }

  async reply(method, body, headers = {}) {
    const sent = makeHeaders();
    Object.entries(headers).forEach(([name, value]) => sent.set(name, value));
    const msg = await this.connection.request(method, body, { timeout: WAIT_MS, headers: sent });
    const error = ServiceError.toServiceError(msg);
    if (error) {
      throw new CallError(error, msg.data);
    }
    return msg;
  }

  // The answer as proto3 JSON, and the reply's headers.
  async call(method, value, encoding, headers) {
    const { input, output } = this.contracts.methods.get(method);
    const msg = await this.reply(method, encoding.pack(input, value), headers);
    return { answer: encoding.value(output, msg.data), headers: msg.headers };
  }
}

export async function refused(call) {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof CallError) {
      return error;
    }
    throw error;
  }
  throw new Error(`was not refused: ${JSON.stringify(answer)}`);
}

// The headers say what is wanted, and the body the same as google.rpc.Status, with the field that is wrong.
export function checkRefused(what, error, encoding, wanted, { registry }) {
  const status = encoding.parse(registry.getMessage("google.rpc.Status"), error.body);
  check(`${what}: ${wanted.code}, ${error.message}`, error.code === wanted.code && status.code === wanted.code && error.message &&
    error.message.includes(wanted.text) && error.message.endsWith(status.message), [error, status, wanted]);
  if (wanted.field) {
    const bad = anyUnpack(status.details[0], registry.getMessage("google.rpc.BadRequest"));
    check(`${what}: google.rpc.BadRequest names ${wanted.field}`, bad.fieldViolations.length === 1 &&
      bad.fieldViolations[0].field === wanted.field && bad.fieldViolations[0].description, bad);
  }
}

// Is everything of `wanted` in the answer? null: not there. Lists have the same length.
export function contains(answer, wanted) {
  if (Array.isArray(wanted)) {
    return Array.isArray(answer) && answer.length === wanted.length && wanted.every((one, i) => contains(answer[i], one));
  }
  if (typeof wanted === "object") {
    return typeof answer === "object" &&
      Object.entries(wanted).every(([name, value]) => value === null ? !(name in answer) : name in answer && contains(answer[name], value));
  }
  return answer === wanted;
}

export const same = isDeepStrictEqual;
