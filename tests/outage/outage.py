"""What the tests of outages share: services that are killed and come back, commands whose events are followed as they come."""
import array
import concurrent.futures
import contextlib
import json
import math
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from command import CLEAN, COMMAND, Case, LAUNCHED, SHARED, run, skip  # noqa: E402,F401
from sound import read_wav  # noqa: E402,F401

SCALE = max(1, int(os.environ.get("GENAI_TEST_SCALE", "1")))  # how much slower this machine may be
LONG = bool(os.environ.get("GENAI_OUTAGE_LONG"))  # the real durations: some minutes
VERTEX = ["--backend", "vertex", "--project", "p", "--location", "l", "--api-version", "v1beta1"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Emulator:
    """`genai-live emulate` as a process that can die, on one port, with one certificate and one state over all its lives."""

    def __init__(self, folder, *arguments, prefix=(), plain=True, host="127.0.0.1", port=None):
        self.folder, self.arguments, self.prefix, self.plain, self.host = pathlib.Path(folder), arguments, list(prefix), plain, host
        self.port = port or free_port()
        self.ca = self.folder / "emulator-ca.pem"
        self.process = None

    @property
    def url(self):
        return f"{'http' if self.plain else 'https'}://{self.host}:{self.port}"

    def start(self, *more):
        trust = ["--plain"] if self.plain else ["--cert", str(self.folder / "emulator.pem"), "--ca-out", str(self.ca)]
        self.process = subprocess.Popen([*self.prefix, COMMAND, "emulate", "--json", *trust, "--host", self.host, "--port", str(self.port),
                                         "--state", str(self.folder / "state.json"), *self.arguments, *more],
                                        stdout=subprocess.PIPE, env=CLEAN)
        assert json.loads(self.process.stdout.readline())["port"] == self.port
        return self

    def kill(self):
        self.process.kill()
        self.reap()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.reap()

    def reap(self):
        self.process.wait(10)
        self.process.stdout.close()
        self.process = None

    @contextlib.contextmanager
    def running(self, *more):
        try:
            yield self.start(*more)
        finally:
            self.stop()


class Run:
    """A command under way whose JSON Lines are read as they come."""

    def __init__(self, *arguments, prefix=(), env=None, program=None, **more):
        self.started = time.monotonic()
        self.events, self.errors, self.fresh = [], [], queue.Queue()
        command = [*prefix, program] if program else [*prefix, *LAUNCHED]
        self.process = subprocess.Popen([*command, *map(str, arguments), *([] if program else ["--json"])], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**CLEAN, "GEMINI_API_KEY": "any", **(env or {})}, **more)
        self.readers = [threading.Thread(target=self.read, args=(self.process.stdout, True), daemon=True),
                        threading.Thread(target=self.read, args=(self.process.stderr, False), daemon=True)]
        for r in self.readers:
            r.start()

    def read(self, stream, lines):
        for line in stream:
            text = line.decode("utf-8", "replace")
            if lines:
                self.events.append(json.loads(text))
                self.fresh.put(self.events[-1])
            else:
                self.errors.append(text)

    def until(self, name, seconds=30, count=1):
        """The count-th event of that name from here on."""
        end = time.monotonic() + seconds * SCALE
        while True:
            try:
                event = self.fresh.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} in {seconds} s; there were {self.told()}{self.stderr}") from None
            count -= event["event"] == name
            if count == 0:
                return event

    def end(self, seconds=60):
        """The exit status; the process has left nothing behind when this returns."""
        try:
            self.process.wait(seconds * SCALE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still there after {seconds} s; there were {self.told()}{self.stderr}") from None
        for r in self.readers:
            r.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        self.seconds = time.monotonic() - self.started
        return self.process.returncode

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.end()

    @property
    def stderr(self):
        return "".join(self.errors)

    def named(self, *names):
        return [e for e in self.events if e["event"] in names]

    def told(self):
        """What happened, one line each, without the tellings of every piece."""
        small = {"inputTranscription", "outputTranscription", "usage", "summary"}
        lines = (f"\n  {e['ms']:6} {e['event']} {e.get('text', e.get('message', ''))}" for e in self.events if e["event"] not in small)
        return "".join(lines) + "\n"


def transcript(events):
    """[(heard, said)] of the turns, as one who follows the JSON Lines has them at the end."""
    turns, heard, said = [], "", ""
    for e in events:
        if e["event"] == "answerAgain":
            heard, said = "", ""
        elif e["event"] == "inputAgain":
            heard = ""  # the emulator tells it whole
        elif e["event"] == "inputTranscription":
            heard += e["text"]
        elif e["event"] in ("outputTranscription", "text"):
            said += e["text"]
        elif e["event"] == "turnComplete":
            turns.append((heard, said))
            heard, said = "", ""
    return turns


def envelope(samples, rate=24000, window_ms=20):
    """How loud it is, window by window."""
    n = rate * window_ms // 1000
    return [math.sqrt(sum(s * s for s in samples[i:i + n]) / n) for i in range(0, len(samples) - n, n)]


def likeness(a, b):
    """How alike two envelopes are, 1 for the same, at the shift (of half a second at most) that fits best."""
    def correlation(x, y):
        n = min(len(x), len(y))
        if n == 0:
            return 0
        x, y = x[:n], y[:n]
        mx, my = sum(x) / n, sum(y) / n
        over = math.sqrt(sum((v - mx) ** 2 for v in x) * sum((v - my) ** 2 for v in y))
        return sum((v - mx) * (w - my) for v, w in zip(x, y)) / over if over else 0
    return max(max(correlation(a[s:], b), correlation(a, b[s:])) for s in range(26))


def loud(samples, level=200):
    """The envelope without its pauses."""
    return [e for e in envelope(samples) if e >= level]


def speech():
    """Real speech, 16 kHz; None where it is missing."""
    path = SHARED / "audio" / "hello_are_you_there.pcm"
    return array.array("h", path.read_bytes()) if path.exists() else None


def pcm_file(path, samples):
    a = array.array("h", samples)
    if sys.byteorder == "big":
        a.byteswap()
    path.write_bytes(a.tobytes())
    return path


def run_together(module, at_once=5):
    """Runs a module's tests side by side, for they wait most of the time. All of it skipped is told as such."""
    def cases(suite):
        for test in suite:
            yield from cases(test) if isinstance(test, unittest.TestSuite) else [test]

    def run(test):
        result = unittest.TestResult()
        test.run(result)
        return test, result

    failed, ran = False, 0
    chosen = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:], sys.modules[module]) if sys.argv[1:] else \
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module])
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for test, result in pool.map(run, cases(chosen)):
            for _, why in result.failures + result.errors:
                print(f"FAILED: {test.id()}\n{why}")
            for _, why in result.skipped:
                print(f"skipped: {test.id()}: {why}")
            failed |= not result.wasSuccessful()
            ran += not result.skipped
    print(f"{ran} tests ran")
    sys.exit(1 if failed else 0 if ran else 77)
