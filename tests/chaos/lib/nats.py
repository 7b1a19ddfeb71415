"""NATS by hand, as a client would have to live with it: one socket, requests with a deadline, and no retry that the caller does not see."""
import itertools
import json
import os
import socket
import time

from nkey import NKey


class Lost(Exception):
    """The connection is gone, or could not be made: whether the server took what was sent is not known."""


class Silence(Exception):
    """No answer in time."""


class Message:
    __slots__ = ("subject", "headers", "status", "body")

    def __init__(self, subject, block, body):
        self.subject, self.body, self.headers, self.status = subject, body, {}, ""
        if block:
            first, *lines = block.decode("utf-8", "replace").split("\r\n")
            self.status = first[len("NATS/1.0"):].strip()
            for line in lines:
                name, colon, value = line.partition(":")
                if colon:
                    self.headers.setdefault(name, value.strip())


class Nats:
    """As the user whose seed is in the file @seed and whose inboxes begin with @inbox. Connects when it is first used, and again after it was lost. Threads: one."""

    numbers = itertools.count()

    def __init__(self, address, seed, inbox):
        self.address = address
        with open(seed) as file:
            self.key = NKey(file.read())
        self.inbox = f"{inbox}.{os.getpid():x}{next(self.numbers):x}"
        self.socket, self.buffer, self.count = None, b"", 0
        self.late = None  # who wants what comes after its caller has given up: late(number, message)

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def connect(self, deadline):
        self.close()
        try:
            self.socket = socket.create_connection(self.address, timeout=max(deadline - time.monotonic(), 0.05))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            info = json.loads(self._line(deadline).removeprefix(b"INFO "))
            options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python", "version": "0",
                       "name": "chaos", "nkey": self.key.public, "sig": self.key.sign(info["nonce"].encode())}
            self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nSUB " + self.inbox.encode() + b".* 1\r\nPING\r\n")
            while (line := self._line(deadline)) != b"PONG":
                if line.startswith(b"-ERR"):
                    raise Lost(line.decode())
        except (OSError, ValueError, KeyError, Silence) as error:
            self.close()
            raise Lost(str(error)) from error

    def _send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.close()
            raise Lost(str(error)) from error

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Silence()
        try:
            self.socket.settimeout(left)
            data = self.socket.recv(262144)
        except TimeoutError:
            raise Silence() from None
        except OSError as error:
            self.close()
            raise Lost(str(error)) from error
        if not data:
            self.close()
            raise Lost("nats-server closed the connection")
        self.buffer += data

    def _line(self, deadline):
        while (end := self.buffer.find(b"\r\n")) < 0:
            self._more(deadline)
        line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
        return line

    def next_message(self, deadline):
        """Nothing of a message is taken before it is there whole: whoever gives up may go on later."""
        while True:
            while (end := self.buffer.find(b"\r\n")) < 0:
                self._more(deadline)
            words = self.buffer[:end].split()
            verb = words[0].upper() if words else b""
            if verb in (b"MSG", b"HMSG"):
                total = int(words[-1])
                while len(self.buffer) < end + 4 + total:
                    self._more(deadline)
                start, self_end = end + 2, end + 2 + total
                split = start + (int(words[-2]) if verb == b"HMSG" else 0)
                message = Message(words[1].decode(), self.buffer[start:split], self.buffer[split:self_end])
                self.buffer = self.buffer[self_end + 2:]
                return message
            self.buffer = self.buffer[end + 2:]
            if verb == b"PING":
                self._send(b"PONG\r\n")

    def _heed(self):
        """What was said while nobody listened: a server does not wait for a client that answers no PING, and then nothing may be sent that only seems to be."""
        patience = self.socket.gettimeout()
        self.socket.setblocking(False)
        try:
            while data := self.socket.recv(262144):
                self.buffer += data
        except BlockingIOError:
            self.socket.settimeout(patience)
            return
        except OSError:
            pass
        self.close()

    def send(self, subject, body=b"", headers=None, reply=""):
        """Returns at once."""
        if self.socket:
            self._heed()
        if not self.socket:
            self.connect(time.monotonic() + 1)
        head = f"{subject} {reply + ' ' if reply else ''}"
        if headers:
            block = ("NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()
            self._send(f"HPUB {head}{len(block)} {len(block) + len(body)}\r\n".encode() + block + body + b"\r\n")
        else:
            self._send(f"PUB {head}{len(body)}\r\n".encode() + body + b"\r\n")

    def ask(self, subject, body=b"", headers=None):
        """Sends a request and answers its number: replies() has what comes."""
        self.count += 1
        self.send(subject, body, headers, f"{self.inbox}.{self.count}")
        return self.count

    def reply(self, deadline):
        """The next one, as (number, message)."""
        message = self.next_message(deadline)
        return int(message.subject.rpartition(".")[2]), message

    def request(self, subject, body=b"", headers=None, seconds=2.0):
        """The answer. Lost, Silence."""
        deadline = time.monotonic() + seconds
        number = self.ask(subject, body, headers)
        while True:
            got, message = self.reply(deadline)
            if got == number:
                return message
            if self.late:
                self.late(got, message)

    def api(self, domain, what, request=None, seconds=2.0):
        """JetStream of @domain, as JSON."""
        body = json.dumps(request).encode() if request is not None else b""
        return json.loads(self.request(f"$JS.{domain}.API.{what}", body, seconds=seconds).body)
