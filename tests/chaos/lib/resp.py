"""A Redis client of bytes: one command, one answer. Connects when it is first used, and again after it was lost."""
import socket


class RedisError(Exception):
    """What Redis answered, or that it did not."""


class Redis:
    """As @user at the socket @path. Threads: one."""

    def __init__(self, path, user, password, seconds=5):
        self.path, self.user, self.password, self.seconds = path, user, password, seconds
        self.socket = self.input = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = self.input = None

    def command(self, *words):
        try:
            if not self.socket:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(self.seconds)
                self.socket.connect(self.path)
                self.input = self.socket.makefile("rb")
                self._ask("AUTH", self.user, self.password)
            return self._ask(*words)
        except (OSError, ValueError) as error:
            self.close()
            raise RedisError(str(error)) from error

    def _ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._answer()

    def _answer(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"$":
            return self.input.read(int(rest) + 2)[:-2] if rest != b"-1" else None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def scan(self, pattern):
        cursor = b"0"
        while True:
            cursor, keys = self.command("SCAN", cursor, "MATCH", pattern, "COUNT", "5000")
            yield from keys
            if cursor == b"0":
                return
