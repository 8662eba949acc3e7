#!/usr/bin/python3
"""Writes configs and calls, made from schema/*.proto, as JSON lines.

usage: generate.py PROJECT_DIR > cases.jsonl

A case is {"name", "backend", "kind": "setup", "model", "config"} or {"name", "backend", "kind": SEND, "params"}, in the
SDKs' public JSON (camelCase, base64). Every leaf of LiveConnectConfig and of the four sends comes with a plausible value
and with an explicitly empty one, every message as {} too, on each backend; then the models' name forms, the loose forms
of contents and tools, every pair of a config's fields, and random combinations. The same schema gives the same cases."""
import base64
import itertools
import json
import os
import random
import re
import sys

SEED = 3
RANDOM_CONFIGS = 240
RANDOM_CALLS = 60  # of each send and backend
BACKENDS = {"gemini": 1, "vertex": 2, "express": 2}  # express is Vertex with an API key; with the number that the schema's option `only` has for it
MODEL = "gemini-3.8-live"
SENDS = {
    "sendClientContent": "LiveClientContent", "sendRealtimeInput": "LiveSendRealtimeInputParameters",
    "sendToolResponse": "LiveClientToolResponse", "sendContextUpdate": "LiveClientContextUpdate",
}
# What the alphabets, the escapes and the number formats could spoil.
TEXTS = ["plain", "a \"quoted\" \\ text", "línea\nnueva\ttab", "日本語 🎵", "<b>&amp;</b>", "x" * 300]
BYTES = [b"", b"\x00", b"\xfb\xff\xfe", b"\xff\xef\xbe\xfb\xf0", bytes(range(256))]
NUMBERS = {
    "int32": [1, 7, 2147483647, -2147483648, -1], "int64": [1, 16000, 2147483648, 9007199254740991, -5],
    "float": [0.5, 1, 0.1, 1e-7, 1e21, -2.25, 40, 3.4028234663852886e38],
}
JSON_VALUES = [{"type": "object", "properties": {"snake_case": {"type": "string"}}}, "text", 7, 0.5, True, [1, "a", {}],
               {"a": {"b": [False, 0, ""]}}]
JSON_OBJECTS = [{"location": "Zürich"}, {"snake_case": 1, "camelCase": [True, None]}, {"a": {"b": {"c": []}}}, {"n": 0.1}]
# Strings with a form of their own, by the end of their name.
FORMS = [(r"[tT]ime$", ["2026-05-01T00:00:00Z", "2026-05-01T12:30:15.250Z", "2026-05-01T14:30:00+02:00"]),
         (r"[oO]ffset$", ["1.200s", "0.5s"]), (r"^role$", ["user", "model"]), (r"^languageCode$", ["en-US", "de-CH"]),
         (r"^modelRoutingPreference$", ["BALANCED", "PRIORITIZE_COST"]), (r"^nullValue$", ["NULL_VALUE"])]
MEDIA = {"audio": "audio/pcm;rate=16000", "video": "image/jpeg", "media": "video/mp4"}
DURATIONS = ["10s", "1.5s", "0.000001s", "3600s"]


def element(kind):
    """("list", inner), ("map", inner) or (None, kind)."""
    match = re.fullmatch(r"(list|map)<(?:string,)?(.*)>", kind)
    return match.groups() if match and kind != "map<string,any-json>" else (None, kind)


class Generator:
    def __init__(self, messages, enums):
        self.messages, self.enums = messages, enums
        self.turn = itertools.count()

    # ---- one value ----

    def pick(self, values):
        """Each in its turn, so that all of them are used whatever the schema's size."""
        return values[next(self.turn) % len(values)]

    def scalar(self, kind, name, media=None):
        """A plausible value of a kind that has no fields."""
        if name == "additionalProperties":
            return self.pick([True, False, {"type": "STRING"}, {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}}])
        if kind == "string":
            if name == "mimeType":
                return MEDIA.get(media, "application/pdf")
            return self.pick(next((values for form, values in FORMS if re.search(form, name)), TEXTS))
        if kind.startswith("enum:"):
            return self.pick(self.enums[kind[5:]])
        return {
            "bool": lambda: True,
            "bytes(base64)": lambda: base64.b64encode(self.pick(BYTES[1:])).decode(),
            "duration string": lambda: self.pick(DURATIONS),
            "any-json": lambda: self.pick(JSON_VALUES),
            "map<string,any-json>": lambda: self.pick(JSON_OBJECTS),
        }.get(kind, lambda: self.pick(NUMBERS[kind]))()

    def empty(self, kind):
        """The explicit zero of a kind."""
        if kind.startswith("enum:"):
            return self.enums[kind[5:]][0]
        return {"string": "", "bool": False, "bytes(base64)": "", "duration string": "0s", "any-json": {}}.get(
            kind, [] if kind.startswith("list") else {} if kind.startswith(("map", "struct")) else 0)

    def needed(self, message, name):
        """What a message is refused without, so that the field under test is what decides."""
        if message == "FunctionResponse":
            return {"id": "call-1", "name": "f", "response": {}}
        if message == "Blob" and name in MEDIA:
            return {"mimeType": MEDIA[name]}
        return {}

    # ---- every leaf ----

    def leaves(self, message, name="", within=()):
        """Yields (path, a message with that one leaf): the plausible value of each leaf, two of a list's, the empty one."""
        needed = self.needed(message, name)
        for field, kind in ((field, field_kind.kind) for field, field_kind in self.messages[message].items()):
            container, inner = element(kind)

            def holding(value, field=field, container=container):
                held = [value] if container == "list" else {"key": value} if container == "map" else value
                return {**needed, field: held}

            yield f"{field}=empty", {**needed, field: self.empty(kind)}
            if not inner.startswith("struct:"):
                yield field, holding(self.scalar(inner, field, name))
                two = self.scalar(inner, field, name), self.scalar(inner, field, name)
                if container:
                    yield f"{field}=two", {**needed, field: list(two) if container == "list" else
                                           {"snake_case": two[0], "camelCase": two[1]}}
                continue
            child = inner[7:]
            if container:
                yield f"{field}=item", holding(self.needed(child, field))
            if child in within + (message,):
                continue  # a message inside itself: the place has been shown, its fields are shown outside
            for path, value in self.leaves(child, field, within + (message,)):
                yield f"{field}.{path}", holding(value)

    # ---- random combinations ----

    def some(self, rng, message, backend, depth=0, strict=True, media=None):
        """A message with a random choice of its fields; if strict, of those alone that the backend accepts."""
        fields = [(name, field) for name, field in self.messages[message].items()
                  if not strict or field.only in (0, BACKENDS[backend])]
        if message == "Schema":  # one form of a schema at a time; the SDKs refuse type beside anyOf
            fields = [(n, f) for n, f in fields if n != ("anyOf" if rng.random() < 0.7 else "type")]
        if not fields:
            return {}
        count = 1 + int(rng.expovariate(0.5 if depth == 0 else 0.9))
        value = {name: self.value(rng, field.kind, name, backend, depth, strict, media)
                 for name, field in rng.sample(fields, min(count, len(fields)))}
        return self.complete(rng, message, value)

    def complete(self, rng, message, value):
        if message == "FunctionResponse":
            return {"id": f"call-{rng.randrange(100)}", "name": "f", "response": {"output": 1}, **value}
        return {**{"FunctionDeclaration": {"name": "f"}, "Content": {"parts": [{"text": "a"}]}}.get(message, {}), **value}

    def value(self, rng, kind, name, backend, depth, strict, media=None):
        container, inner = element(kind)
        if container:
            values = [self.value(rng, inner, name, backend, depth, strict) for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3]))]
            return values if container == "list" else {f"key_{i}": v for i, v in enumerate(values)}
        if inner.startswith("struct:"):
            child = inner[7:]
            deep = depth >= 6 or rng.random() < 0.08
            return self.complete(rng, child, {}) if deep else self.some(rng, child, backend, depth + 1, strict, name)
        return self.empty(inner) if rng.random() < 0.25 and name != "mimeType" else self.scalar(inner, name, media)


def setup(name, backend, config, model=MODEL):
    return {"name": name, "backend": backend, "kind": "setup", "model": model, "config": config}


def call(name, backend, method, params):
    return {"name": name, "backend": backend, "kind": method, "params": params}


def models(backend):
    """Every form of a model's name, right and wrong."""
    for model in [MODEL, f"models/{MODEL}", "tunedModels/mine", f"publishers/google/models/{MODEL}",
                  f"projects/p2/locations/europe-west4/publishers/google/models/{MODEL}", "google/gemini-live-2.5",
                  "meta/llama/x", "", "..", "a/../b", "a?b", "a&b", "Modell-ü", "endpoints/123",
                  "projects/p2/locations/l2/endpoints/123", "models/", "publishers/"]:
        yield setup(f"model {model!r}", backend, {}, model)


def loose(backend):
    """The forms that the public JSON allows for contents."""
    for label, value in [("text", "Be kind."), ("empty text", ""), ("part", {"text": "Be kind."}),
                         ("parts", [{"text": "a"}, {"text": "b"}]), ("texts", ["a", "b"])]:
        yield setup(f"systemInstruction as {label}", backend, {"systemInstruction": value})
        yield call(f"systemInstruction as {label}", backend, "sendContextUpdate", {"systemInstruction": value})
        yield call(f"turns as {label}", backend, "sendClientContent", {"turns": value})
    content = {"role": "user", "parts": [{"text": "a"}]}
    yield call("turns as content", backend, "sendClientContent", {"turns": content})
    yield call("turns as contents", backend, "sendClientContent",
               {"turns": [content, {"role": "model", "parts": [{"text": "b"}]}, content], "turnComplete": False})
    yield call("turns with and without parts", backend, "sendClientContent", {"turns": [content, {"role": "model"}]})
    answer = {"id": "1", "name": "f", "response": {"output": 1}}
    yield call("functionResponses as one", backend, "sendToolResponse", {"functionResponses": answer})
    yield call("functionResponses as two", backend, "sendToolResponse",
               {"functionResponses": [answer, {**answer, "id": "2", "scheduling": "SILENT", "willContinue": False}]})
    for missing in answer:
        yield call(f"functionResponses without {missing}", backend, "sendToolResponse",
                   {"functionResponses": [{k: v for k, v in answer.items() if k != missing}]})
    yield call("functionResponses with an empty id", backend, "sendToolResponse",
               {"functionResponses": [{**answer, "id": ""}]})


def both_places(backend):
    """The same field at the top level and in generationConfig, also as an explicit zero."""
    for name, top, inner in (("temperature", 0.5, 0.5), ("temperature", 0.7, 0.5), ("temperature", 0, 0.5), ("maxOutputTokens", 0, 7),
                             ("seed", 7, 0)):
        yield setup(f"both places of {name}, {top} and {inner}", backend, {name: top, "generationConfig": {name: inner}})
    thoughts = {"thinkingConfig": {"includeThoughts": True}}
    yield setup("both places of thinkingConfig", backend, {"thinkingConfig": {"thinkingBudget": 5}, "generationConfig": thoughts})


def realtime(backend):
    """Media types right and wrong, and more or fewer than one field."""
    for field in ("audio", "video", "media"):
        for mime in ("audio/pcm", "audio/pcm;rate=16000", "audio/", "audio", "image/jpeg", "image/", "video/mp4", "text/plain",
                     "", "AUDIO/PCM"):
            yield call(f"{field} of type {mime!r}", backend, "sendRealtimeInput",
                       {field: {"data": "AAECAw==", "mimeType": mime}})
        for data in BYTES:
            yield call(f"{field} of {len(data)} bytes", backend, "sendRealtimeInput",
                       {field: {"data": base64.b64encode(data).decode(), "mimeType":
                                "image/png" if field == "video" else "audio/pcm"}})
    yield call("two fields", backend, "sendRealtimeInput", {"text": "a", "audioStreamEnd": True})
    yield call("media without a type", backend, "sendRealtimeInput", {"audio": {"data": "AAECAw=="}})


def all_cases(generator):
    config_fields = generator.messages["LiveConnectConfig"]
    for backend in BACKENDS:
        yield setup("nothing", backend, {})
        yield from models(backend)
        for label, config in generator.leaves("LiveConnectConfig"):
            yield setup(label, backend, config)
        for method, message in SENDS.items():
            yield call(f"{method} nothing", backend, method, {})
            for label, params in generator.leaves(message):
                yield call(f"{method} {label}", backend, method, params)
        yield from loose(backend)
        yield from both_places(backend)
        yield from realtime(backend)
    rng = random.Random(SEED)
    for i, (a, b) in enumerate(itertools.combinations(config_fields, 2)):
        backend = list(BACKENDS)[i % len(BACKENDS)]
        values = {name: generator.value(rng, config_fields[name].kind, name, backend, 0, True) for name in (a, b)}
        yield setup(f"{a} with {b}", backend, values)
    for backend in BACKENDS:
        for i in range(RANDOM_CONFIGS):
            strict = i % 8 != 0
            yield setup(f"random {i}", backend, generator.some(rng, "LiveConnectConfig", backend, 0, strict))
        for method, message in SENDS.items():
            for i in range(RANDOM_CALLS):
                params = generator.some(rng, message, backend, 0, i % 8 != 0)
                if method == "sendRealtimeInput":  # exactly one field
                    params = dict(list(params.items())[:1])
                yield call(f"{method} random {i}", backend, method, params)


def main():
    project = os.path.abspath(sys.argv[1])
    sys.path.insert(0, os.path.join(project, "tests"))
    from schema_coverage import read_schema
    for case in all_cases(Generator(*read_schema(project))):
        print(json.dumps(case, ensure_ascii=False))


if __name__ == "__main__":
    main()
