"""
What the servers count of themselves, read before and after a run: nats-server's bytes and messages (its monitoring port), the bytes that
JetStream and Redis keep, the requests that a service answered ($SRV.STATS), the processor time of each process. nats-server counts
headers and bodies of messages, both as they come in and as they go out; subjects and its protocol's own lines it does not count.
"""
import json
import os
import socket
import time
import urllib.request

from lib.world import PASSWORD, PATIENCE_S, Failure, cpu_seconds

CONNECT_S = 5


def ask_monitor(world, path):
    with urllib.request.urlopen(world.monitoring + path, timeout=CONNECT_S) as answer:
        return json.load(answer)


class Traffic:
    """Messages and bytes through nats-server, in and out together, since @before. @by_user: of each who is signed in, in bytes."""

    def __init__(self, world, before=None):
        now = ask_monitor(world, "/varz")
        self.messages, self.bytes = now["in_msgs"] + now["out_msgs"], now["in_bytes"] + now["out_bytes"]
        self.by_user = {}
        for connection in ask_monitor(world, "/connz?auth=1&limit=1024")["connections"]:
            user = connection.get("authorized_user", "")
            self.by_user[user] = self.by_user.get(user, 0) + connection["in_bytes"] + connection["out_bytes"]
        if before:
            self.messages -= before.messages
            self.bytes -= before.bytes
            self.by_user = {user: count - before.by_user.get(user, 0) for user, count in self.by_user.items()}


def jetstream_bytes(world):
    """Of each stream, as stored, indexes and checksums included: {stream: (messages, bytes)}."""
    streams = {}
    for account in ask_monitor(world, "/jsz?accounts=1&streams=1").get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            streams[stream["name"]] = (stream["state"]["messages"], stream["state"]["bytes"])
    return streams


def wait_at_rest(world, stream, durables):
    """Until each of @durables has delivered all of @stream, and all of that is acknowledged."""
    deadline, waiting = time.monotonic() + PATIENCE_S, set(durables)
    while waiting:
        for account in ask_monitor(world, "/jsz?accounts=1&streams=1&consumers=1").get("account_details") or []:
            for consumer in (consumer for detail in account.get("stream_detail") or [] if detail["name"] == stream
                             for consumer in detail.get("consumer_detail") or []):
                if consumer["num_pending"] == 0 and consumer["num_ack_pending"] == 0:
                    waiting.discard(consumer["name"])
        if time.monotonic() > deadline:
            raise Failure(f"{stream}: {', '.join(waiting)} do not catch up")
        time.sleep(0.02)


def redis_bytes(world):
    """All that Redis uses for data, once what was freed is given back: not the buffers of who is connected."""
    world.redis.command("MEMORY", "PURGE")
    lines = dict(line.split(":", 1) for line in world.redis.command("INFO", "memory").splitlines() if ":" in line)
    return int(lines["used_memory"]) - int(lines["mem_clients_normal"])


class Processors:
    """Microseconds of processor time of each process of @processes, {name: process}, since @before. Of one that is gone: what was last seen."""

    def __init__(self, processes, before=None):
        self.spent = {}
        for name, process in processes.items():
            try:
                self.spent[name] = 1e6 * cpu_nanoseconds(process.pid) / 1e9
            except FileNotFoundError:
                self.spent[name] = before.total[name] if before else 0
        self.total = dict(self.spent)
        if before:
            self.spent = {name: spent - before.total.get(name, 0) for name, spent in self.spent.items()}


def cpu_nanoseconds(pid):
    """To the nanosecond, of all threads that are alive: clock ticks are too coarse for runs of a second."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            continue
    return total or cpu_seconds(pid) * 1e9


class Silence(Failure):
    """Nobody answered in time."""


class Nats:
    """As much of a client as asking a service for its statistics needs: a connection for each request, since nobody answers the server's
    pings meanwhile."""

    def __init__(self, world, user="operator"):
        self.port, self.inbox = world.port, f"_INBOX_{user}.compare" if world.shipped else "_INBOX.compare"
        self.options = {"verbose": False, "headers": True, "no_responders": True, "lang": "python", "version": "0", "protocol": 1, "name": "compare"}
        if world.shipped:
            self.options |= {"user": user, "pass": PASSWORD}

    def _line_that(self, *begins):
        while True:
            try:
                line = self.input.readline().decode()
            except TimeoutError:
                raise Silence("no answer over NATS") from None
            if not line:
                raise Failure("nats-server ended the connection")
            if line.startswith("PING"):
                self.socket.sendall(b"PONG\r\n")
            if line.startswith("-ERR"):
                raise Failure(f"nats-server: {line.strip()}")
            if line.startswith(begins):
                return line.split()

    def request(self, subject, body=b""):
        """The answer's body. That nobody serves @subject, nats-server before 2.10 does not tell the operator."""
        with socket.create_connection(("127.0.0.1", self.port), CONNECT_S) as self.socket, self.socket.makefile("rb") as self.input:
            self.socket.sendall(f"CONNECT {json.dumps(self.options)}\r\nSUB {self.inbox} 1\r\nPUB {subject} {self.inbox} {len(body)}\r\n".encode() +
                                body + b"\r\n")
            words = self._line_that("MSG", "HMSG")
            skip = int(words[-2]) if words[0] == "HMSG" else 0
            return self.input.read(int(words[-1]))[skip:]

    def requests_of(self, service):
        """{endpoint: how many requests} of the one process that is @service. One that was stopped for so long that nats-server cut it off may
        still answer with what it had received, and then be gone until it has connected again: so silence is asked once more."""
        subject = f"$SRV.STATS.{service}"
        try:
            answer = json.loads(self.request(subject))
        except Silence:
            answer = json.loads(self.request(subject))
        return {endpoint["name"]: endpoint["num_requests"] for endpoint in answer["endpoints"]}


def settle(read, seconds=5.0):
    """What @read() gives once it gives the same twice: counters follow what they count by a moment."""
    deadline, last = time.monotonic() + seconds, read()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = read()
        if now == last:
            break
        last = now
    return last
