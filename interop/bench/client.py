"""The same work as bench/bench_client.c, by Google's Python SDK. SSL_CERT_FILE says whom to trust.

python client.py receive|send|echo|hold|start COUNT BASE_URL
"""
import asyncio
import contextlib
import resource
import sys
import time

from google import genai
from google.genai import types

PCM, CHUNK, ASK, ANSWER = 11520, 3200, 640, 1920
what, count, base_url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
client = genai.Client(api_key="bench", http_options={"base_url": base_url})


def connect(model):
    return client.aio.live.connect(model=model, config={"response_modalities": ["AUDIO"]})


def audio_bytes(message):
    content = message.server_content
    parts = content.model_turn.parts if content and content.model_turn else None
    return sum(len(part.inline_data.data) for part in parts or [] if part.inline_data)


def chunk(size):
    return types.Blob(data=bytes(i * 37 % 256 for i in range(size)), mime_type="audio/pcm;rate=16000")


async def timed(model, work):
    async with connect(model) as session:
        before = time.process_time()
        await work(session)
        return (time.process_time() - before) * 1e6 / count


async def receive_all(session):
    got = 0
    while got < count * PCM:
        got += audio_bytes(await session._receive())  # receive() ends with the turn, and here there is none


async def send_all(session):
    pcm = chunk(CHUNK)
    for _ in range(count):
        await session.send_realtime_input(audio=pcm)


async def echo_all(session):
    pcm = chunk(ASK)
    for _ in range(count):
        await session.send_realtime_input(audio=pcm)
        if audio_bytes(await session._receive()) != ANSWER:
            sys.exit("client.py: an answer is not whole")


def receive():
    return timed(f"pour={count}", receive_all)


def send():
    return timed("sink", send_all)


def echo():
    return timed("talk=1/1-size=1920", echo_all)


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def hold():
    async with contextlib.AsyncExitStack() as sessions:
        await sessions.enter_async_context(connect("sink"))
        before = memory()
        for _ in range(count):
            await sessions.enter_async_context(connect("sink"))
        return (memory() - before) / count


async def start():
    async with connect("sink"):
        print("open", flush=True)


figure = asyncio.run({"receive": receive, "send": send, "echo": echo, "hold": hold, "start": start}[what]())
if figure is not None:
    print(f"{figure:.2f}")
