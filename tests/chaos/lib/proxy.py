"""Stands between processes and servers and breaks links as networks do.

    proxy.py NAME=PORT=TARGET…      TARGET is host:port or a socket's path

Reads "NAME HOW" from its input, line by line:
    pass       what comes goes on (as it begins)
    dark       nothing comes through any more, nobody is told: half-open
    cut        connections are reset; new ones are taken
    refuse     connections are reset, and new ones too
    slow       100 ms later, and at most 64 KB a second
Ends with its input. One thread.
"""
import collections
import os
import selectors
import socket
import sys
import time

CHUNK, DELAY_S, PER_S, UNSENT, IDLE_S, FULL_S = 65536, 0.1, 65536, 4 << 20, 0.5, 0.002


class Pipe:
    """One direction of a connection."""

    def __init__(self, source, target):
        self.source, self.target, self.chunks, self.unsent, self.at = source, target, collections.deque(), 0, 0.0

    def take(self, data, slow):
        now = time.monotonic()
        self.at = max(self.at, now + DELAY_S) + len(data) / PER_S if slow else max(self.at, now)
        self.chunks.append((self.at, memoryview(data)))
        self.unsent += len(data)

    def give(self):
        """Sends what is due. When more is; None when nothing waits, 0 when the socket is full."""
        now = time.monotonic()
        while self.chunks:
            due, data = self.chunks[0]
            if due > now:
                return due - now
            try:
                sent = self.target.send(data)
            except BlockingIOError:
                return 0
            self.unsent -= sent
            if sent < len(data):
                self.chunks[0] = due, data[sent:]
                return 0
            self.chunks.popleft()
        return None


class Link:
    def __init__(self, name, port, target):
        self.name, self.target, self.how, self.pairs = name, target, "pass", []
        self.listener = socket.create_server(("127.0.0.1", int(port)))
        self.listener.setblocking(False)

    def connect(self):
        if ":" in self.target and not self.target.startswith("/"):
            host, _, port = self.target.partition(":")
            return socket.create_connection((host, int(port)), 1)
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(self.target)
        return upstream


class Proxy:
    def __init__(self, links):
        self.selector = selectors.DefaultSelector()
        self.links = {name: Link(name, port, target) for name, port, target in links}
        for link in self.links.values():
            self.selector.register(link.listener, selectors.EVENT_READ, lambda link=link: self.accept(link))
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.hear)
        self.alive, self.heard = True, b""

    def accept(self, link):
        near, _ = link.listener.accept()
        try:
            if link.how == "refuse":
                raise OSError
            far = link.connect()
        except OSError:
            near.close()
            return
        link.pairs.append([Pipe(near, far), Pipe(far, near)])
        for end in near, far:
            end.setblocking(False)
            if end.family == socket.AF_INET:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, link, pair, pipe):
        try:
            data = pipe.source.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            pipe.take(data, link.how == "slow")
        else:
            self.drop(link, pair)

    def drop(self, link, pair):
        if pair in link.pairs:
            link.pairs.remove(pair)
            for pipe in pair:
                self.watch(link, pair, pipe, False)
                pipe.source.close()

    def hear(self):
        data = os.read(sys.stdin.fileno(), 4096)
        *lines, self.heard = (self.heard + data).split(b"\n")
        self.alive = bool(data)
        for line in lines:
            name, how = line.decode().split()
            link = self.links[name]
            if how in ("cut", "refuse"):
                for pair in list(link.pairs):
                    self.drop(link, pair)
            link.how = "pass" if how == "cut" else how

    def watch(self, link, pair, pipe, wanted):
        """A dark link's sockets are not asked: they would be readable all the time."""
        watched = pipe.source in self.selector.get_map()
        if wanted and not watched:
            self.selector.register(pipe.source, selectors.EVENT_READ, lambda: self.read(link, pair, pipe))
        elif watched and not wanted:
            self.selector.unregister(pipe.source)

    def pump(self, link, pair):
        """Sends what is due on both ways. For how long there is nothing more to send."""
        wait = IDLE_S
        for pipe in pair:
            left = pipe.give() if link.how != "dark" else None
            if left is not None:
                wait = min(wait, left or FULL_S)
            self.watch(link, pair, pipe, link.how != "dark" and pipe.unsent < UNSENT)
        return wait

    def step(self):
        wait = IDLE_S
        for link in self.links.values():
            for pair in list(link.pairs):
                try:
                    wait = min(wait, self.pump(link, pair))
                except OSError:
                    self.drop(link, pair)
        for key, _ in self.selector.select(wait):
            if key.fileobj.fileno() >= 0:  # not dropped meanwhile
                key.data()


def main():
    proxy = Proxy([argument.split("=", 2) for argument in sys.argv[1:]])
    print("ready", flush=True)
    while proxy.alive:
        proxy.step()


main()
