"""python3-websockets as the peer of ws_echo_client, which is the client's whole transport: over TCP and over TLS."""

import asyncio
import os
import ssl
import subprocess
import sys
import tempfile

try:
    from websockets.legacy.server import serve
except ImportError:
    print("skipped: python3-websockets is missing (apt-get install python3-websockets)")
    sys.exit(77)

from judge import check, equal

SECONDS = 60
PATH = "/path?case=1&agent=judge"
SIZES = [0, 1, 125, 126, 65535, 65536, 300_000, 16 << 20]


async def converse(ws):
    equal(ws.path, PATH, "request target")
    for size in SIZES:
        for message in ("ä" * (size // 2), os.urandom(size)):  # str comes back as text, bytes as binary
            await ws.send(message)
            check(await ws.recv() == message, f"{type(message).__name__} of {size} bytes came back changed")
    await ws.send(["frag", "men", "ts"])
    equal(await ws.recv(), "fragments", "message of three frames")
    many = [os.urandom(50_000) for _ in range(100)]  # more than the connection takes at once
    sending = asyncio.create_task(send_all(ws, many))
    for message in many:
        check(await ws.recv() == message, "messages came back in another order")
    await sending
    await (await ws.ping(b"there?"))
    await ws.close(1000, "done")
    equal(ws.close_code, 1000, "close code back")


async def send_all(ws, messages):
    for message in messages:
        await ws.send(message)


async def serve_once(client, tls, folder):
    outcome = asyncio.get_running_loop().create_future()

    async def handler(ws):
        try:
            outcome.set_result(await converse(ws))
        except Exception as problem:
            outcome.set_exception(problem)

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    async with serve(handler, "127.0.0.1", 0, ssl=context, max_size=64 << 20, max_queue=None, ping_interval=None) as server:
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
        process = await asyncio.create_subprocess_exec(client, url, env={**os.environ, "SSL_CERT_FILE": f"{folder}/cert.pem"})
        try:
            await asyncio.wait_for(outcome, SECONDS)
            equal(await asyncio.wait_for(process.wait(), SECONDS), 0, "exit status")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    print(f"ok     {'wss' if tls else 'ws'}", flush=True)


with tempfile.TemporaryDirectory() as certificates:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{certificates}/key.pem",
                    "-out", f"{certificates}/cert.pem"], check=True, capture_output=True)
    for over_tls in (False, True):
        asyncio.run(serve_once(sys.argv[1], over_tls, certificates))
