"""What the tests of the command share: running it, the project's places, JSON compared by value."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"
COMMAND = os.environ.get("GENAI_LIVE", str(PROJECT / "build" / "genai-live"))
LAUNCHED = [*os.environ.get("GENAI_TEST_LAUNCHER", "").split(), COMMAND]
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

CLEAN = {k: v for k, v in os.environ.items()
         if not k.startswith(("GOOGLE_", "GEMINI_", "SSL_CERT_")) and not k.lower().endswith("_proxy")}


def run(*arguments, stdin=b"", timeout=60, env=None, cwd=None):
    """The finished process, with .stdout and .stderr as text."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([*LAUNCHED, *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, env={**CLEAN, **(env or {})}, cwd=cwd)
    done.stdout = done.stdout.decode("utf-8", "surrogateescape")
    done.stderr = done.stderr.decode("utf-8", "replace")
    return done


class Service:
    """An emulator under way: its URL, the file with its authority, what it told."""

    def __init__(self, process, started, ca):
        self.process, self.ca, self.url, self.port = process, ca, started["url"], started["port"]

    @property
    def env(self):
        return {"GOOGLE_GEMINI_BASE_URL": self.url, "SSL_CERT_FILE": self.ca, "GEMINI_API_KEY": "any"}


@contextlib.contextmanager
def emulator(*arguments):
    """`genai-live emulate` on a port of its own, until the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        ca = os.path.join(folder, "ca.pem")
        trust = [] if "--plain" in arguments else ["--ca-out", ca]
        process = subprocess.Popen([COMMAND, "emulate", "--json", *trust, *arguments], stdout=subprocess.PIPE, env=CLEAN)
        try:
            yield Service(process, json.loads(process.stdout.readline()), ca)
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


def first_existing(*paths):
    return next((p for p in paths if p.exists()), None)


def same_json(a, b):
    """Equal as JSON: numbers by value, true apart from 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    return type(a) is type(b) and a == b


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)


class Case(unittest.TestCase):
    maxDiff = None

    def check(self, done, status, stderr_has=()):
        self.assertEqual(done.returncode, status, f"\nstdout: {done.stdout[:2000]}\nstderr: {done.stderr[:4000]}")
        for text in [stderr_has] if isinstance(stderr_has, str) else stderr_has:
            self.assertIn(text, done.stderr)
        return done
