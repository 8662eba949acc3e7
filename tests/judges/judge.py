"""What the judges share: ws_pipe as a child process, raw frames of our own making, and the list of cases.

A case is a coroutine `case(peer)`; peer is the judge's end of one connection, in both roles in turn. It may carry
`options` for ws_pipe and `says`, the last line that ws_pipe must print (its beginning, when it ends in *).
"""

import asyncio
import struct
import sys
import traceback

CASE_SECONDS = 30
ALL_SECONDS = 170
cases = []

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

SENDABLE = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
FORBIDDEN = [0, 1, 999, 1004, 1005, 1006, 1015, 5000, 65535]

UTF8_VALID = ["", "\u0000", "\u007f\u0080\u07ff\u0800\uffff", "\ud7ff\ue000\ufffd\U00010000\U0010ffff", "κόσμε",
              "Hello-µ@ßöäüàá-UTF-8!!", "日本語", "👩\u200d🚀 e\u0301"]
UTF8_INVALID = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xc3(", b"\xe0\x80\x80", b"\xe2\x82",
                b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80",
                b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", "κόσμε".encode() + b"\xed\xa0\x80edited"]

MASK = b"\x11\xf2\x33\x84"

RESERVED = "a frame has reserved bits set, but no extension was agreed."
SECTION = "error %d The peer broke the WebSocket protocol (RFC 6455 section %s): %s"


class Failed(Exception):
    pass


def check(truth, what):
    if not truth:
        raise Failed(what)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: got {got!r:.200}, wanted {wanted!r:.200}")


def frame(opcode, data=b"", fin=True, mask=None, rsv=0, size=None, size_bytes=None):
    """A frame's bytes, right or wrong; size claims another length than the data has."""
    size = len(data) if size is None else size
    size_bytes = size_bytes or (1 if size < 126 else 2 if size < 65536 else 8)
    length = (b"" if size_bytes == 1 else b"\x7e" if size_bytes == 2 else b"\x7f") + size.to_bytes(size_bytes, "big")
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode, (0x80 if mask else 0) | length[0]]) + length[1:]
    if mask:
        head += mask
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
    return head + data


def close_payload(code, reason=""):
    return struct.pack(">H", code) + reason.encode()


class Side:
    """What every judge's end has in common, on top of its raw, receive, send and close."""
    judge_mask = None  # a server's; a client's is MASK

    def frame(self, opcode, data=b"", **more):
        self.raw(frame(opcode, data, mask=self.judge_mask, **more))

    async def expect(self, message):
        equal(await self.receive(), message, "message")

    async def echo(self, message):
        await self.send(message)
        await self.expect(message)

    async def done(self):
        await self.close(1000, "done")


def case(options=(), says=None, name=None):
    def add(function):
        cases.append((name or function.__name__, list(options), says, function))
        return function
    return add


async def start(pipe, *arguments):
    return await asyncio.create_subprocess_exec(pipe, *arguments, stdout=asyncio.subprocess.PIPE)


async def finish(process):
    """What it printed; it is never left behind."""
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        return out.decode(), process.returncode
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def verdict(printed, status, says):
    lines = printed.splitlines()
    check(lines and status in (0, 1), f"ws_pipe ended with {status}: {printed!r}")
    if says.endswith("*"):
        check(lines[-1].startswith(says[:-1]), f"ws_pipe said last: {lines[-1]!r}")
    else:
        equal(lines[-1], says, "ws_pipe said last")
    equal(status, 0 if says.startswith("close") else 1, "ws_pipe's exit status")


async def one(role, run, pipe, name, options, says, function):
    try:
        await asyncio.wait_for(run(pipe, options, says, function), CASE_SECONDS)
        print(f"ok     {role} {name}", flush=True)
        return 0
    except (Exception, asyncio.TimeoutError) as problem:
        print(f"FAILED {role} {name}: {type(problem).__name__} {problem}", flush=True)
        if not isinstance(problem, (Failed, asyncio.TimeoutError)):
            traceback.print_exc()
        return 1


async def all_cases(pipe, roles):
    failed = 0
    for name, options, says, function in cases:
        for role, run in roles:
            failed += await one(role, run, pipe, name, options, says or "close 1000 done", function)
    print(f"{len(cases) * len(roles) - failed} of {len(cases) * len(roles)} passed")
    return failed


def main(run):
    """run: a coroutine that returns how many cases failed."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PATH_TO_WS_PIPE")
    sys.exit(1 if asyncio.run(asyncio.wait_for(run(), ALL_SECONDS)) else 0)
