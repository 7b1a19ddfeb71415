// Calls a method in JSON:  NATS_URL=nats://… node sample.mjs client.nk employee.v1.EmployeeService.GetEmployee '{"id":"E00002"}'
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { ServiceError } from "@nats-io/services";

const [seed, method, request] = process.argv.slice(2);
const user = basename(seed, ".nk"); // each user has an inbox of its own
const connection = await connect({
  servers: process.env.NATS_URL,
  authenticator: nkeyAuthenticator(readFileSync(seed)),
  inboxPrefix: `_INBOX_${user}`,
});
const reply = await connection.request(method, request, { timeout: 5000 });
await connection.close();
const error = ServiceError.toServiceError(reply);
if (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
}
console.log(reply.string());
