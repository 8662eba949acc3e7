"""The cases that every judge tries in both roles. peer is the judge's end: echo, send, expect, ping, frame (raw), close,
fails (ws_pipe closes with this code), done (an orderly close), wait_closed, abort, set_limit."""

import asyncio

from judge import *


# ---- messages ----

@case()
async def sizes(peer):
    for size in (0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 1000000):
        await peer.echo("x" * size)
        await peer.echo(bytes(i * 7 & 255 for i in range(size)))
    await peer.done()


@case()
async def large(peer):
    await peer.echo(bytes(range(256)) * (16 << 12))
    await peer.echo("ü" * (8 << 20))
    await peer.done()


@case(options=["--fragment", "1000"])
async def our_fragments(peer):
    for size in (0, 999, 1000, 1001, 100000):
        await peer.echo("x" * size)
        await peer.echo(b"y" * size)
    await peer.done()


@case(options=["--fragment", "1"])
async def our_fragments_split_characters(peer):
    for text in UTF8_VALID:
        await peer.echo(text)
    await peer.done()


@case()
async def their_fragments(peer):
    for pieces in ([""], ["a", "b"], ["", "", "x", ""], ["κόσ", "με"], ["y" * 70000] * 5):
        await peer.send(pieces)
        await peer.expect("".join(pieces))
    await peer.send([b"z"] * 5000)
    await peer.expect(b"z" * 5000)
    await peer.done()


@case()
async def control_frames_between_fragments(peer):
    peer.frame(TEXT, b"one ", fin=False)
    for i in range(0, 126, 25):
        await peer.ping(bytes([i]) * i)
    peer.frame(CONTINUATION, b"two ", fin=False)
    peer.frame(PONG, b"unsolicited")
    peer.frame(CONTINUATION, b"", fin=False)
    await peer.ping(b"last")
    peer.frame(CONTINUATION, b"three")
    await peer.expect("one two three")
    await peer.done()


@case()
async def one_byte_at_a_time(peer):
    message = frame(TEXT, "κόσμε".encode(), fin=False, mask=peer.judge_mask) + frame(PING, b"p", mask=peer.judge_mask)
    message += frame(CONTINUATION, b"x" * 130, mask=peer.judge_mask)
    for byte in message:
        peer.raw(bytes([byte]))
        await asyncio.sleep(0.001)
    await peer.expect("κόσμε" + "x" * 130)
    await peer.done()


# ---- pings ----

@case(options=["--ping", "are you there?"])
async def our_ping(peer):
    await peer.echo("x")
    await peer.done()


@case()
async def their_pings(peer):
    for size in (0, 1, 125):
        await peer.ping(b"p" * size)
    await peer.done()


@case()
async def pings_while_busy(peer):
    async def pour():
        for i in range(100):
            await peer.send(bytes([i]) * 100000)

    sending = asyncio.create_task(pour())
    for i in range(100):
        await peer.expect(bytes([i]) * 100000)
        if i % 10 == 0:
            await peer.ping(str(i).encode())
    await sending
    await peer.done()


# ---- UTF-8 ----

@case()
async def valid_utf8_split_anywhere(peer):
    for text in UTF8_VALID:
        data = text.encode()
        await peer.echo(text)
        for i in range(len(data) + 1):
            peer.frame(TEXT, data[:i], fin=False)
            peer.frame(CONTINUATION, data[i:])
            await peer.expect(text)
    await peer.done()


def invalid_text(number, data):
    @case(name=f"invalid_utf8_{number}", says=SECTION % (1007, "8.1", "a text message is not UTF-8."))
    async def whole(peer):
        peer.frame(TEXT, data)
        await peer.fails(1007)

    @case(name=f"invalid_utf8_{number}_fragmented", says=SECTION % (1007, "8.1", "a text message is not UTF-8."))
    async def fragmented(peer):
        peer.frame(TEXT, data[:1], fin=False)
        for byte in data[1:]:
            peer.frame(CONTINUATION, bytes([byte]), fin=False)
        peer.frame(CONTINUATION)
        await peer.fails(1007)


for number, data in enumerate(UTF8_INVALID):
    invalid_text(number, data)


@case()
async def binary_is_not_text(peer):
    for data in UTF8_INVALID:
        await peer.echo(data)
    await peer.done()


# ---- closes ----

def close_codes():
    for code in SENDABLE:
        @case(name=f"their_close_{code}", says=f"close {code} because ✓")
        async def theirs(peer, code=code):
            await peer.close(code, "because ✓")

        @case(name=f"our_close_{code}", options=["--close", f"{code}:because ✓"], says=f"close {code} because ✓")
        async def ours(peer, code=code):
            await peer.echo("x")
            await peer.fails(code, "because ✓")

    for code in (1016, 2000, 2999):
        @case(name=f"unregistered_close_{code}", says=f"close {code} why")
        async def unregistered(peer, code=code):
            peer.frame(CLOSE, close_payload(code, "why"))
            await peer.fails(1005)

    for code in FORBIDDEN:
        @case(name=f"forbidden_close_{code}",
              says=SECTION % (1002, "7.4", f"a close frame has the code {code}, which may not be sent."))
        async def forbidden(peer, code=code):
            peer.frame(CLOSE, close_payload(code, "why"))
            await peer.fails(1002)


close_codes()


@case(says="close 1005 ")
async def their_empty_close(peer):
    peer.frame(CLOSE)
    await peer.fails(1005)


@case(options=["--close", "1005"], says="close 1005 ")
async def our_empty_close(peer):
    await peer.echo("x")
    await peer.fails(1005)


@case(options=["--close", "4000:" + "é" * 100], says="close 4000 " + "é" * 61)
async def our_long_reason(peer):
    await peer.echo("x")
    await peer.fails(4000, "é" * 61)


@case(says="lost")
async def connection_lost(peer):
    await peer.echo("x")
    peer.abort()


# ---- limits ----

@case(options=["--max", "1000"],
      says="error 1009 The peer sent a message of at least 1001 bytes, more than the 1000 that are allowed; raise the "
           "message ceiling if such messages are expected.")
async def our_limit(peer):
    await peer.echo("x" * 1000)
    await peer.send(["x" * 500, "x" * 500])
    await peer.expect("x" * 1000)
    await peer.send(["x" * 500, "x" * 501])
    await peer.fails(1009)


@case(options=["--max", "1000"],
      says=f"error 1009 The peer sent a message of at least {1 << 40} bytes, more than the 1000 that are allowed; raise "
           "the message ceiling if such messages are expected.")
async def our_limit_by_the_header_alone(peer):
    peer.frame(BINARY, size=1 << 40)
    await peer.fails(1009)


@case(says="close 1009 *")
async def their_limit(peer):
    peer.set_limit(100)
    await peer.echo("x")  # a judge reads its limit before it waits for a message
    peer.frame(TEXT, b"x" * 101)
    await peer.wait_closed()


# ---- broken frames ----

def broken(name, section, text, *frames):
    @case(name=name, says=SECTION % (1002, section, text))
    async def send(peer):
        for arguments, more in frames:
            peer.frame(*arguments, **more)
        await peer.fails(1002)


def f(*arguments, **more):
    return arguments, more


for rsv in (1, 2, 4, 7):
    broken(f"reserved_bits_{rsv}", "5.2", RESERVED, f(TEXT, b"x", rsv=rsv))
for opcode in (3, 7, 11, 15):
    broken(f"reserved_opcode_{opcode}", "5.2", f"a frame has the reserved opcode {opcode}.", f(opcode, b"x"))
broken("fragmented_ping", "5.5", "a control frame is fragmented.", f(PING, b"x", fin=False))
broken("fragmented_close", "5.5", "a control frame is fragmented.", f(CLOSE, b"", fin=False))
broken("long_ping", "5.5", "a control frame is longer than 125 bytes.", f(PING, b"x" * 126))
broken("continuation_of_nothing", "5.4", "a continuation frame continues no message.", f(CONTINUATION, b"x"))
broken("continuation_after_the_end", "5.4", "a continuation frame continues no message.",
       f(TEXT, b"x", fin=False), f(CONTINUATION, b"y"), f(CONTINUATION, b"z"))
broken("message_inside_a_message", "5.4", "a new message began before the fragmented one was finished.",
       f(TEXT, b"x", fin=False), f(BINARY, b"y"))
broken("long_length_16", "5.2", "a frame's length is not encoded in the fewest bytes.", f(TEXT, b"x" * 125, size_bytes=2))
broken("long_length_64", "5.2", "a frame's length is not encoded in the fewest bytes.", f(TEXT, b"x", size_bytes=8))
broken("length_top_bit", "5.2", "the highest bit of a frame's 64-bit length is set.", f(BINARY, b"", size=1 << 63))
broken("close_of_one_byte", "5.5.1", "a close frame has one byte of payload; a code takes two.", f(CLOSE, b"\x03"))


@case(says=SECTION % (1007, "5.5.1", "the reason in a close frame (code 1000) is not UTF-8."))
async def close_reason_not_utf8(peer):
    peer.frame(CLOSE, b"\x03\xe8\xff")
    await peer.fails(1007)
