"""A client of another make through the emulator's chaos, and through kill -9 of the emulator itself:

    python chaos.py GENAI_LIVE [MESSAGES [SEED]]

Numbered texts and sounds over PyPI's websockets, with transparent resumption as Google's recipe has it: keep what was sent, prune by
the index that comes with a handle, resend the rest on the next connection before anything else. The emulator's ledger must
then show each number once, in order. The exit status is 1 when one was lost or doubled, or when it hangs."""
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

import websockets

MODEL = "projects/p/locations/l/publishers/google/models/m"
PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
KEPT_MAX = 200     # messages that no handle holds yet
SILENCE_S = 4      # then the connection is given up
HANG_S = 300
BROKEN = (OSError, EOFError, ValueError, asyncio.TimeoutError, websockets.WebSocketException)


class Emulator:
    """The service under test, which can be killed; its port and its state stay."""

    def __init__(self, program, folder, seed):
        self.ledger = os.path.join(folder, "ledger.jsonl")
        self.arguments = [program, "emulate", "--json", "--plain", "--fast", "--seed", str(seed),
                          "--state", os.path.join(folder, "state.jsonl"), "--ledger", self.ledger]
        self.port = 0
        self.process = None

    def start(self, *more):
        self.process = subprocess.Popen([*self.arguments, "--port", str(self.port), *more], stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def end(self, kill=False):
        self.process.kill() if kill else self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Client:
    """One conversation, over as many connections as it takes."""

    def __init__(self, count):
        self.count, self.next, self.handle, self.kept, self.connections = count, 1, None, [], 0

    def done(self):
        return self.next > self.count and not self.kept

    def message(self):
        number, self.next = self.next, self.next + 1
        if number % 4 == 0:
            return json.dumps({"realtimeInput": {"text": f"n{number}"}})
        if number % 4 == 1:
            turn = {"role": "user", "parts": [{"text": f"n{number}"}]}
            return json.dumps({"clientContent": {"turns": [turn], "turnComplete": True}})
        sound = number.to_bytes(16, "big") + bytes(640 - 16)  # 20 ms of silence, but for its number
        return json.dumps({"realtimeInput": {"audio": {
            "mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(sound).decode()}}})

    async def open(self, socket):
        resumption = {"transparent": True, **({"handle": self.handle} if self.handle else {})}
        await socket.send(json.dumps({"setup": {
            "model": MODEL, "generationConfig": {"responseModalities": ["TEXT"]}, "sessionResumption": resumption}}))
        while "setupComplete" not in json.loads(await asyncio.wait_for(socket.recv(), 2)):
            pass
        self.kept = [(index, message) for index, (_, message) in enumerate(self.kept, 1)]
        for _, message in self.kept:
            await socket.send(message)
        return len(self.kept)

    def take(self, raw):
        """Whether the session may go on."""
        try:
            message = json.loads(raw)
        except ValueError:
            return True  # a bad message is no bad session
        update = message.get("sessionResumptionUpdate", {})
        if update.get("resumable") and update.get("newHandle") and "lastConsumedClientMessageIndex" in update:
            self.handle, consumed = update["newHandle"], int(update["lastConsumedClientMessageIndex"])
            self.kept = [one for one in self.kept if one[0] > consumed]
        return "goAway" not in message

    async def session(self, port, until):
        socket = await websockets.connect(f"ws://127.0.0.1:{port}{PATH}", additional_headers={"x-goog-api-key": "k"},
                                          ping_interval=None, open_timeout=2, close_timeout=1, max_size=None)
        try:
            index, heard, sent = await self.open(socket), time.monotonic(), 0
            while not self.done() and time.monotonic() < min(until, heard + SILENCE_S):
                if self.next <= self.count and len(self.kept) < KEPT_MAX and time.monotonic() - sent > 0.005:
                    index, sent = index + 1, time.monotonic()
                    self.kept.append((index, self.message()))
                    await asyncio.wait_for(socket.send(self.kept[-1][1]), 2)
                try:
                    raw = await asyncio.wait_for(socket.recv(), 0.02)
                except asyncio.TimeoutError:
                    continue
                heard = time.monotonic()
                if not self.take(raw):
                    return
        finally:
            await socket.close()

    async def converse(self, port, until):
        while not self.done() and time.monotonic() < until:
            self.connections += 1
            try:
                await self.session(port, until)
            except BROKEN:
                pass
            await asyncio.sleep(0.05)


def number_of(record):
    return int(record["head"], 16) if record["kind"] == "audio" else int(record["text"][1:])


def judge(ledger, expected):
    """What the conversations hold in the end, by the rules of docs/emulator.md."""
    held, faults = {}, 0
    with open(ledger) as lines:
        for record in map(json.loads, lines):
            event, conversation = record["event"], record.get("conversation")
            if event == "begin":
                held[conversation] = []
            elif event == "resume":
                assert record["position"] <= len(held[conversation]), record
                del held[conversation][record["position"]:]
            elif event == "took":
                held[conversation].append(number_of(record))
                assert len(held[conversation]) == record["position"], record
            faults += event == "fault"
    return any(numbers == expected for numbers in held.values()), faults


def play(program, name, count, seed, chaos, kills):
    with tempfile.TemporaryDirectory() as folder:
        emulator, client, began = Emulator(program, folder, seed), Client(count), time.monotonic()

        async def run():
            conversation = asyncio.ensure_future(client.converse(emulator.port, began + HANG_S))
            for _ in range(kills):
                await asyncio.sleep(0.5)
                emulator.end(kill=True)
                emulator.start(*chaos)
            await conversation

        emulator.start(*chaos)
        asyncio.run(run())
        emulator.end()
        whole, faults = judge(emulator.ledger, list(range(1, count + 1)))
    good = client.done() and whole
    print(f"{'ok  ' if good else 'FAIL'} {name}: {count} messages, {client.connections} connections, {faults} faults, {kills} kills, "
          f"{time.monotonic() - began:.0f} s{'' if good else ', hung' if not client.done() else ', lost or doubled'}")
    return good


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: chaos.py GENAI_LIVE [MESSAGES [SEED]]")
    program, count, seed = sys.argv[1], int((sys.argv[2:] or [600])[0]), int((sys.argv[3:] or [1])[0])
    results = [play(program, "chaos", count, seed, ["--chaos", str(seed), "--chaos-every", "0.3"], 0),
               play(program, "kill -9", count, seed, [], 5),
               play(program, "both", count, seed, ["--chaos", str(seed + 1), "--chaos-every", "0.5"], 3)]
    return 0 if all(results) else 1


sys.exit(main())
