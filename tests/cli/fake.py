"""Peers that do what the emulator never would: a TCP server, and a WebSocket service whose every word the test says."""
import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading


@contextlib.contextmanager
def peer(talk):
    """A TCP server on loopback whose every connection is given to `talk`; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = False

    def serve():
        while not ended:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection):
        with connection, contextlib.suppress(OSError):
            talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended = True
        listener.close()


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(4096)
        if not got:
            break
        data += got
    return data


class Gone(OSError):
    """The client closed."""


class Fake:
    """The service's end of one session after its setup."""

    def __init__(self, connection):
        self.connection = connection
        self.stream = connection.makefile("rb")
        head = list(iter(self.stream.readline, b"\r\n"))
        key = next(line.split(b":")[1].strip() for line in head if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.setup = self.receive()["setup"]
        self.send({"setupComplete": {}})

    def receive(self):
        """The next message; Gone after a close frame, which is answered."""
        first, second = self.stream.read(2)
        size = second & 127
        if size > 125:
            size = struct.unpack(">H" if size == 126 else ">Q", self.stream.read(2 if size == 126 else 8))[0]
        mask = self.stream.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.stream.read(size)))
        if first & 15 == 8:
            self.frame(8, data)
            raise Gone()
        return json.loads(data)

    def until(self, *keys):
        """The next message that holds one of the keys, at its top or in realtimeInput."""
        while True:
            message = self.receive()
            if any(k in message or k in message.get("realtimeInput", {}) for k in keys):
                return message

    def frame(self, kind, data):
        size = len(data)
        form = (">BB", size) if size < 126 else (">BBH", 126, size) if size < 65536 else (">BBQ", 127, size)
        self.connection.sendall(struct.pack(form[0], 128 | kind, *form[1:]) + data)

    def send(self, *messages):
        for message in messages:
            self.frame(2, message if isinstance(message, bytes) else json.dumps(message).encode())

    def content(self, **fields):
        self.send({"serverContent": fields})

    def text(self, text, **more):
        self.content(modelTurn={"parts": [{"text": text, **more}]})

    def audio(self, pcm, mime="audio/pcm;rate=24000"):
        self.content(modelTurn={"parts": [{"inlineData": {"data": base64.b64encode(pcm).decode(), "mimeType": mime}}]})

    def complete(self, **more):
        self.send({"serverContent": {"turnComplete": True}, **more})

    def close(self, code, reason=""):
        self.frame(8, struct.pack(">H", code) + reason.encode())
        with contextlib.suppress(OSError, Gone):
            while True:
                self.receive()


@contextlib.contextmanager
def service(script):
    """Yields the base URL of a service whose sessions run script(Fake); an AssertionError in it comes out here."""
    failures = []

    def talk(connection):
        try:
            fake = Fake(connection)
            script(fake)
            while True:
                fake.receive()
        except (OSError, ValueError):
            pass
        except AssertionError as failure:
            failures.append(failure)

    with peer(talk) as port:
        yield f"http://127.0.0.1:{port}"
    if failures:
        raise failures[0]
