#!/usr/bin/python3
"""Every leaf of the schema through the command: server messages that hold one leaf through `decode`, configurations and calls
through `setup` and `encode` on each backend. The messages come from schema/*.proto by protoc, what is to come out is written
down here by the rules of the API, and Python's json reads both: nothing of ours but the command itself is believed."""
import collections
import concurrent.futures
import copy
import json
import os
import sys
import unittest

from command import Case, PROJECT, run

sys.path[:0] = [str(PROJECT / "interop" / "compat"), str(PROJECT / "tests")]
from compare import Reader, SENDS, differences  # noqa: E402
from generate import BACKENDS, Generator, MODEL, SENDS as SEND_MESSAGES  # noqa: E402
from schema_coverage import read_schema  # noqa: E402

# What a live session refuses on both backends (protocol.md: one voice a session).
REFUSED_ANYWHERE = "speechConfig.multiSpeakerVoiceConfig"
MIME_PREFIX = {"audio": "audio/", "video": "image/"}
MODEL_PREFIX = {"gemini": "models/", "vertex": "projects/p1/locations/us-central1/publishers/google/models/",
                "express": "publishers/google/models/"}
# The options for a backend, and what `setup` is told beside them.
OPTIONS = {backend: ("--backend", "gemini" if backend == "gemini" else "vertex") for backend in BACKENDS}
PLACE = {"gemini": (), "vertex": ("--project", "p1", "--location", "us-central1"), "express": ("--express",)}


def setUpModule():
    global messages, reader, generator
    messages, enums = read_schema(str(PROJECT))  # without protoc it ends the test as skipped
    reader, generator = Reader(messages), Generator(messages, enums)


def foreign(message, value, backend):
    """Whether the value holds a field that the backend does not accept."""
    for name, member in value.items():
        field = messages[message][name]
        if field.only not in (0, BACKENDS[backend]):
            return True
        if field.refused and field.refused in member:
            return True
        kind = field.kind.removeprefix("list<").removeprefix("map<string,").rstrip(">")
        inner = member if field.kind.startswith("list") else member.values() if field.kind.startswith("map") else [member]
        if kind.startswith("struct:") and any(foreign(kind[7:], item, backend) for item in inner):
            return True
    return False


def put(target, path, value):
    *above, last = path.split(".")
    for name in above:
        target = target.setdefault(name, {})
    target[last] = value


def setup_of(config, backend):
    """The setup that a configuration becomes, or None."""
    if foreign("LiveConnectConfig", config, backend):
        return None
    setup = {"model": MODEL_PREFIX[backend] + MODEL}
    for name, value in copy.deepcopy(config).items():
        put(setup, messages["LiveConnectConfig"][name].place, value)
    if backend != "gemini":
        generation = setup.setdefault("generationConfig", {})
        generation.setdefault("responseModalities", ["AUDIO"])
        for name, field in messages["GenerationConfig"].items():
            if field.vertex_name and name in generation:
                generation[field.vertex_name] = generation.pop(name)
    return {"setup": setup}


def send_of(kind, params, backend):
    """The message that a call becomes, or None."""
    if kind == "sendClientContent":
        if backend == "gemini" and foreign("LiveClientContent", params, backend):
            return None
        return {"clientContent": {"turnComplete": True, **params}}
    if kind == "sendToolResponse":
        responses = params["functionResponses"]
        good = responses and (backend != "gemini" or all(response.get("id") for response in responses))
        return {"toolResponse": params} if good else None
    if foreign(SEND_MESSAGES[kind], params, backend):
        return None
    if kind == "sendContextUpdate":
        return {"contextUpdate": params}
    (name, value), = params.items()
    if name in MIME_PREFIX and not value.get("mimeType", "").startswith(MIME_PREFIX[name]):
        return None
    return {"realtimeInput": {"mediaChunks": [value]} if name == "media" else params}


class Leaves(Case):
    def assert_same(self, message, expected, text, label):
        a, b = (reader.read_message(message, value) for value in (expected, json.loads(text)))
        self.assertEqual([], list(differences(a, b)), label)

    def decode(self, message, *options):
        cases = [(label, value) for label, value in generator.leaves(message)]
        lines = self.check(run("decode", *options, stdin="".join(json.dumps(v) + "\n" for _, v in cases)), 0).stdout.splitlines()
        self.assertEqual(len(cases), len(lines))
        for (label, value), line in zip(cases, lines):
            self.assert_same(message, value, line, label)
        leaves = {label for label, _ in cases if "=" not in label}
        print(f"decode {message}: {len(leaves)} leaves, {len(cases)} messages", file=sys.stderr)
        return leaves

    def test_each_leaf_survives_decode(self):
        self.assertGreater(len(self.decode("LiveServerMessage")), 200)
        self.assertGreater(len(self.decode("LiveMusicServerMessage", "--music")), 10)

    def through(self, what, cases, backends, command, expected):
        """Each case on each of the backends: (the leaves, those that passed on neither)."""
        def outcome(job):
            (_, value), backend = job
            return run(*command(backend), stdin=json.dumps(value))
        jobs = [(case, backend) for case in cases for backend in backends]
        leaves, passed, counts = {label for label, _ in cases if "=" not in label}, set(), collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for ((label, value), backend), done in zip(jobs, pool.map(outcome, jobs)):
                wanted = expected(value, backend)
                self.check(done, 0 if wanted else 2)
                if wanted:
                    self.assert_same("LiveClientMessage", wanted, done.stdout, f"{label} on {backend}")
                    passed.add(label)
                counts["passed" if wanted else "refused"] += 1
        print(f"{what}: {len(leaves)} leaves, {counts['passed']} messages, {counts['refused']} refusals", file=sys.stderr)
        return leaves, leaves - passed

    def test_each_leaf_of_a_configuration(self):
        def command(backend):
            return "setup", *OPTIONS[backend], *PLACE[backend], "--model", MODEL, "--config", "-"
        leaves, never = self.through("setup", list(generator.leaves("LiveConnectConfig")), BACKENDS, command, setup_of)
        self.assertGreater(len(leaves), 300)
        self.assertEqual([], [path for path in never if REFUSED_ANYWHERE not in path])

    def test_express_mode_is_of_vertex(self):
        done = self.check(run("setup", "--express"), 2, "give --backend vertex, too")
        self.assertEqual(done.stdout, "")

    def test_each_leaf_of_a_call(self):
        for kind, message in SEND_MESSAGES.items():
            def command(backend, kind=kind):
                return "encode", SENDS[kind], *OPTIONS[backend]
            _, never = self.through(f"encode {SENDS[kind]}", list(generator.leaves(message)), ("gemini", "vertex"), command,
                                    lambda params, backend, kind=kind: send_of(kind, params, backend))
            self.assertEqual(set(), never)


if __name__ == "__main__":
    unittest.main()
