"""What a user's key can do in the hands of somebody hostile: every request that it may send, with the reply subject pointed at what is another's.
JetStream answers with the server's own rights, so where both are in one account the answer is stored as the other's state.
"""
import json
import socket

ASKED = b'{"batch":1,"no_wait":true}'


class RawNats:
    """The protocol by hand: a library would be too polite. with RawNats(port, user, password) as nats: …"""

    def __init__(self, port, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # INFO
        self.send(b"CONNECT " + json.dumps({"verbose": False, "user": user, "pass": password, "headers": True, "no_responders": True}).encode())
        self.user, self.errors, self.subscriptions = user, [], 0
        self.settle()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def send(self, line):
        self.socket.sendall(line + b"\r\n")

    def publish(self, subject, reply, body=ASKED):
        self.send(f"PUB {subject} {reply + ' ' if reply else ''}{len(body)}".encode() + b"\r\n" + body)

    def settle(self):
        """Until the server has taken all; what it refused is in `errors`. Messages are read over."""
        self.send(b"PING")
        while (line := self.lines.readline()) != b"PONG\r\n":
            if not line:
                raise ConnectionError("nats-server closed the connection")
            word = line.split(b" ")[0]
            if word == b"-ERR":
                self.errors.append(line.decode().strip())
            elif word in (b"MSG", b"HMSG"):
                self.lines.read(int(line.split()[-1]) + 2)

    def request(self, subject, body=b""):
        """The first reply, as JSON."""
        self.subscriptions += 1
        inbox = f"_INBOX_{self.user}.{self.subscriptions}"
        self.send(f"SUB {inbox} {self.subscriptions}".encode())
        self.publish(subject, inbox, body)
        while (line := self.lines.readline()).split(b" ")[0] != b"MSG":
            if not line:
                raise ConnectionError("nats-server closed the connection")
        return json.loads(self.lines.read(int(line.split()[-1]) + 2))


def users(permissions):
    """(account, user, its publish permissions) of everybody."""
    return [(name, user["name"], user["permissions"]["publish"]["allow"]) for name, account in permissions["accounts"].items() for user in account["users"]]


def entities(permissions):
    """The subject of one entity of each kind, with the service that owns it."""
    own = [(name, subject) for name, user, allowed in users(permissions) if user == f"{name}.log" for subject in allowed]
    return [(name, subject.replace("*", "attack")) for name, subject in own if subject[0].islower() and not subject.startswith("deadletter.")]


def requests_of(allowed):
    """What makes the server, or a service, answer: all but the user's own events and inboxes."""
    return [subject.replace("*", "1").replace(">", "1.1.1.1700000000000000000.0") for subject in allowed
            if subject.startswith(("$JS", "$SRV", "furrow.")) or "Service." in subject]


def states(port, permissions, operator):
    """Of every stream but dead letters: what it holds, by the operator."""
    found = {}
    with RawNats(port, "operator", operator) as nats:
        for service in {owner for owner, _ in entities(permissions)}:
            for stream in nats.request(f"$JS.{service}.API.STREAM.NAMES")["streams"]:
                state = nats.request(f"$JS.{service}.API.STREAM.INFO.{stream}")["state"]
                if stream != "DEADLETTER":
                    found[service, stream] = (state["messages"], state["last_seq"])
    return found


def attack(port, permissions, password, account, user, allowed):
    """Everything that @user may ask, answered onto everything that is another service's. How much that was."""
    victims = [subject for owner, subject in entities(permissions) if owner != account and owner != user]
    asked = requests_of(allowed)
    with RawNats(port, user, password) as nats:
        for subject in asked:
            for victim in victims:
                nats.publish(subject, victim)
        nats.settle()
    return len(asked) * len(victims)


def refused(port, password, user, subjects):
    """What of @subjects the server did not refuse @user, one by one."""
    with RawNats(port, user, password) as nats:
        for subject in subjects:
            before = len(nats.errors)
            nats.publish(subject, "", b"")
            nats.settle()
            if len(nats.errors) == before or "Permissions Violation for Publish" not in nats.errors[-1]:
                yield subject
