// Calls a method in JSON:  NATS_URL=nats://… node sample.mjs client.nk employee.v1.EmployeeService.GetEmployee '{"id":"E00002"}'
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { ServiceError } from "@nats-io/services";

const [seed, method, request] = process.argv.slice(2);
const connection = await connect({
  servers: process.env.NATS_URL,
  authenticator: nkeyAuthenticator(readFileSync(seed)),
  inboxPrefix: readFileSync(seed.replace(/nk$/, "inbox"), "utf8"), // each user has a prefix of its own
});
const reply = await connection.request(method, request, { timeout: 5000 });
await connection.close();
const error = ServiceError.toServiceError(reply);
if (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
}
console.log(reply.string());
