"""python3-autobahn as the peer of our frames, as server and as client."""

import asyncio
import sys

try:
    from autobahn.asyncio.websocket import (WebSocketClientFactory, WebSocketClientProtocol, WebSocketServerFactory,
                                            WebSocketServerProtocol)
except ImportError:
    print("skipped: python3-autobahn is missing (apt-get install python3-autobahn)")
    sys.exit(77)

from judge import *
import judge_cases

SECONDS = 5
# Autobahn 22.7 knows no 1014, which IANA registered for a bad gateway.
UNKNOWN_TO_AUTOBAHN = {"our_close_1014", "their_close_1014"}
LIMITS = dict(failByDrop=False, echoCloseCodeReason=True, openHandshakeTimeout=SECONDS, closeHandshakeTimeout=SECONDS,
              tcpNoDelay=True)


# ---- the judge's end ----

class Peer(Side):
    """Mixed into Autobahn's protocols, which call its on... methods."""

    def begin(self):
        self.opened = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.messages = asyncio.Queue()
        self.receive = self.messages.get
        self.pongs = {}
        self.abort = lambda: self.transport.abort()

    def onOpen(self):
        self.opened.set_result(self)

    def onMessage(self, payload, isBinary):
        self.messages.put_nowait(payload if isBinary else payload.decode())

    def onPong(self, payload):
        if payload in self.pongs:
            self.pongs.pop(payload).set_result(None)

    def onClose(self, wasClean, code, reason):
        self.ended.set_result((code or 1005, reason))

    def raw(self, data):
        self.transport.write(data)

    def set_limit(self, size):
        self.maxMessagePayloadSize = size

    async def send(self, message):
        if isinstance(message, list):
            self.beginMessage(isBinary=isinstance(message[0], bytes))
            for piece in message:
                self.sendMessageFrame(piece if isinstance(piece, bytes) else piece.encode())
            self.endMessage()
        else:
            binary = isinstance(message, bytes)
            self.sendMessage(message if binary else message.encode(), isBinary=binary)
        await asyncio.sleep(0)

    async def ping(self, data):
        self.pongs[data] = asyncio.get_running_loop().create_future()
        pong = self.pongs[data]
        self.sendPing(data)
        await pong

    async def wait_closed(self):
        await self.ended

    async def fails(self, code, reason=None):
        got, text = await self.ended
        equal(got, code, "close code from ws_pipe")
        if reason is not None:
            equal(text, reason, "close reason from ws_pipe")

    async def close(self, code, reason):
        self.sendCloseFrame(code=code, reasonUtf8=reason.encode(), isReply=False)
        await self.fails(code)


class Server(Peer, WebSocketServerProtocol):
    pass


class Client(Peer, WebSocketClientProtocol):
    judge_mask = MASK


async def judge_serves(pipe, options, says, function):
    loop = asyncio.get_running_loop()
    factory = WebSocketServerFactory(loop=loop)
    factory.setProtocolOptions(**LIMITS)
    peer = Server()
    peer.factory = factory
    peer.begin()
    server = await loop.create_server(lambda: peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    factory.setSessionParameters(url=f"ws://127.0.0.1:{port}")
    process = await start(pipe, *options, "client", f"ws://127.0.0.1:{port}/path?query")
    try:
        await function(await peer.opened)
    finally:
        server.close()
        printed, status = await finish(process)
    verdict(printed, status, says)


async def judge_dials(pipe, options, says, function):
    loop = asyncio.get_running_loop()
    process = await start(pipe, *options, "server", "0")
    try:
        port = int(await process.stdout.readline())
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}/path", loop=loop)
        factory.setProtocolOptions(serverConnectionDropTimeout=SECONDS, **LIMITS)
        peer = Client()
        peer.factory = factory
        peer.begin()
        await loop.create_connection(lambda: peer, "127.0.0.1", port)
        await function(await peer.opened)
    finally:
        printed, status = await finish(process)
    verdict(printed, status, says)


# ---- what only Autobahn can do: frames by its own writer, chopped into small writes ----

@case()
async def chopped_frames(peer):
    for size in (1, 125, 126, 700):
        data = bytes(i * 5 & 255 for i in range(size))
        peer.sendFrame(opcode=BINARY, payload=data[:size // 2], fin=False, chopsize=1)
        peer.sendFrame(opcode=PING, payload=b"between", chopsize=3)
        peer.sendFrame(opcode=CONTINUATION, payload=data[size // 2:], chopsize=7)
        await peer.expect(data)
    await peer.done()


@case()
async def automatic_fragments(peer):
    for fragment in (1, 63, 1000, 65536):
        peer.sendMessage(b"x" * 10007, isBinary=True, fragmentSize=fragment)
        await peer.expect(b"x" * 10007)
    peer.sendMessage(b"y" * (4 << 20), isBinary=True, fragmentSize=4096)
    await peer.expect(b"y" * (4 << 20))
    await peer.done()


@case(says=SECTION % (1002, "5.2", RESERVED))
async def reserved_bits_by_autobahn(peer):
    peer.sendFrame(opcode=TEXT, payload=b"x", rsv=5, chopsize=1)
    await peer.fails(1002)


@case(says="close 1000 done")
async def nothing_after_the_close(peer):
    peer.sendFrame(opcode=CLOSE, payload=close_payload(1000, "done"))
    peer.sendFrame(opcode=TEXT, payload=b"late")
    peer.sendFrame(opcode=PING, payload=b"late")
    await peer.fails(1000)
    check(peer.messages.empty(), "a message after the close was answered")


async def main_cases():
    cases[:] = [one for one in cases if one[0] not in UNKNOWN_TO_AUTOBAHN]
    return await all_cases(sys.argv[1], [("server", judge_serves), ("client", judge_dials)])


main(main_cases)
