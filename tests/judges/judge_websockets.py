"""python3-websockets as the peer of our frames, as server and as client."""

import asyncio
import contextlib
import sys
from http import HTTPStatus

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.legacy.client import connect  # what websockets.connect is up to version 13; here for its transport
    from websockets.legacy.server import serve
except ImportError:
    print("skipped: python3-websockets is missing (apt-get install python3-websockets)")
    sys.exit(77)

from judge import *
import judge_cases


# ---- the judge's end ----

class Peer(Side):
    def __init__(self, ws):
        self.ws = ws
        self.judge_mask = MASK if ws.is_client else None
        self.send = ws.send
        self.receive = ws.recv
        self.wait_closed = ws.wait_closed
        self.raw = ws.transport.write
        self.abort = ws.transport.abort

    def set_limit(self, size):
        self.ws.max_size = size

    async def ping(self, data):
        await (await self.ws.ping(data))

    async def fails(self, code, reason=None):
        try:
            while True:
                await self.ws.recv()
        except ConnectionClosed:
            equal(self.ws.close_code, code, "close code from ws_pipe")
            if reason is not None:
                equal(self.ws.close_reason, reason, "close reason from ws_pipe")

    async def close(self, code, reason):
        await self.ws.close(code, reason)
        equal(self.ws.close_code, code, "close code back from ws_pipe")


LIMITS = dict(max_size=64 << 20, max_queue=None, ping_interval=None, close_timeout=5)


async def judge_serves(pipe, options, says, function):
    outcome = asyncio.get_running_loop().create_future()

    async def handler(ws):
        try:
            outcome.set_result(await function(Peer(ws)))
        except Exception as problem:
            outcome.set_exception(problem)

    async with serve(handler, "127.0.0.1", 0, **LIMITS) as server:
        port = server.sockets[0].getsockname()[1]
        process = await start(pipe, *options, "client", f"ws://127.0.0.1:{port}/path?query")
        try:
            await outcome
        finally:
            printed, status = await finish(process)
    verdict(printed, status, says)


async def judge_dials(pipe, options, says, function):
    process = await start(pipe, *options, "server", "0")
    try:
        port = int(await process.stdout.readline())
        ws = await connect(f"ws://127.0.0.1:{port}/path", **LIMITS)
        try:
            await function(Peer(ws))
        finally:
            with contextlib.suppress(ConnectionClosed):  # where the function cut the connection
                await ws.close()
    finally:
        printed, status = await finish(process)
    verdict(printed, status, says)


# ---- what only one role can do ----

async def masked_frame_from_the_server(pipe, options, says, function):
    async def send(peer):
        peer.raw(frame(TEXT, b"x", mask=b"1234"))
        await peer.fails(1002)
    await judge_serves(pipe, [], SECTION % (1002, "5.1", "the server sent a masked frame."), send)


async def unmasked_frame_from_the_client(pipe, options, says, function):
    async def send(peer):
        peer.raw(frame(TEXT, b"x"))
        await peer.fails(1002)
    await judge_dials(pipe, [], SECTION % (1002, "5.1", "the client sent a frame without a mask."), send)


async def refused_upgrade(pipe, options, says, function):
    async def refuse(path, headers):
        return HTTPStatus.FORBIDDEN, [("Content-Type", "application/json")], b'{"error": "not you"}'

    async with serve(refuse, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        printed, status = await finish(await start(pipe, "client", f"ws://127.0.0.1:{port}/"))
    verdict(printed, status, 'http 403 {"error": "not you"}')


async def main_cases():
    failed = await all_cases(sys.argv[1], [("server", judge_serves), ("client", judge_dials)])
    for run in (masked_frame_from_the_server, unmasked_frame_from_the_client, refused_upgrade):
        failed += await one("single", run, sys.argv[1], run.__name__, [], "", None)
    return failed


main(main_cases)
