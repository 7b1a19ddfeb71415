"""Calls a method in JSON:  NATS_URL=nats://… python sample.py client.nk employee.v1.EmployeeService.GetEmployee '{"id":"E00002"}'"""
import asyncio
import os
import pathlib
import sys

import nats


async def main(seed, method, request):
    inbox = pathlib.Path(seed).with_suffix(".inbox").read_text()  # each user has a prefix of its own
    connection = await nats.connect(os.environ["NATS_URL"], nkeys_seed=seed, inbox_prefix=inbox)
    reply = await connection.request(method, request.encode(), timeout=5)
    await connection.close()
    if reply.headers and "Nats-Service-Error-Code" in reply.headers:
        sys.exit(f"{reply.headers['Nats-Service-Error-Code']}: {reply.headers['Nats-Service-Error']}")
    print(reply.data.decode())


asyncio.run(main(*sys.argv[1:]))
