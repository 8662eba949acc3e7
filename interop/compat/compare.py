#!/usr/bin/python3
"""Compares what genai-live writes with what the SDKs put on the wire.

usage: compare.py PROJECT_DIR GENAI_LIVE CASES.jsonl EXCEPTIONS.json TYPES SDK=CAPTURED.jsonl...

Messages are compared as the API reads them, by the schema: a field's two spellings are one, numbers and times count by
their value, an int64 may be text, base64 has two alphabets. Every difference that EXCEPTIONS.json does not explain is
printed, and so is an explanation that no longer explains any; the exit status is then 1. TYPES lists what the Python
SDK's types hold (sdk_types.py): what the schema lacks of it is a difference, too."""
import base64
import binascii
import collections
import concurrent.futures
import datetime
import decimal
import json
import os
import re
import subprocess
import sys

SENDS = {"sendClientContent": "client-content", "sendRealtimeInput": "realtime-input",
         "sendToolResponse": "tool-response", "sendContextUpdate": "context-update"}
SHOWN = 160  # characters of a value
MISSING = "(nothing)"
BOTH = "(both spellings)"


# ---- what the API makes of a message ----

def number(value):
    return decimal.Decimal(str(value)) if not isinstance(value, bool) else value


def free(value):
    """Free JSON: numbers by value, everything else as it is."""
    if isinstance(value, dict):
        return {name: free(member) for name, member in value.items()}
    if isinstance(value, list):
        return [free(item) for item in value]
    return number(value) if isinstance(value, (int, float)) else value


def binary(text):
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Reader:
    def __init__(self, messages):
        self.messages = messages
        self.spellings = {}

    def fields(self, message):
        """{spelling: (name, kind)}: camelCase, snake_case, and the name that Vertex wants."""
        if message not in self.spellings:
            table = self.spellings[message] = {}
            for name, field in self.messages[message].items():
                snake = re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)
                for spelling in {name, snake} | {alias for alias in field.aliases if alias}:
                    table[spelling] = (spelling if spelling in field.aliases else name, field.kind)
        return self.spellings[message]

    def read(self, kind, value):
        """The value in a form of which == is the API's equality. What is not of its kind stays as it is."""
        if value is None:
            return None
        container = re.fullmatch(r"(list|map)<(?:string,)?(.*)>", kind)
        if kind in ("any-json", "map<string,any-json>"):
            return free(value)
        if container and container[1] == "list":
            return [self.read(container[2], item) for item in value] if isinstance(value, list) else value
        if container:
            return {key: self.read(container[2], item) for key, item in value.items()} if isinstance(value, dict) else value
        if kind.startswith("struct:"):
            return self.read_message(kind[7:], value) if isinstance(value, dict) else value
        return self.read_scalar(kind, value)

    def read_message(self, message, value):
        table, out = self.fields(message), {}
        for spelling, member in value.items():
            name, kind = table.get(spelling, (spelling, "any-json"))
            out[name] = BOTH if name in out else self.read(kind, member)
        return out

    @staticmethod
    def read_scalar(kind, value):
        try:
            if kind == "bytes(base64)":
                return binary(value)
            if kind in ("int32", "int64", "float"):
                return number(value)
            if kind == "duration string" and value.endswith("s"):
                return decimal.Decimal(value[:-1])
            if kind == "string" and isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
                return instant(value)
        except (ValueError, AttributeError, decimal.InvalidOperation, binascii.Error):
            pass
        return value


def shown(value):
    text = value if isinstance(value, str) and value in (MISSING, BOTH) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def differences(ours, theirs, path=""):
    """Yields (path, ours, theirs) for each place where the two are not equal; list indexes are left out of the path."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(name, MISSING), theirs.get(name, MISSING), f"{path}.{name}".lstrip("."))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for a, b in zip(ours, theirs):
            yield from differences(a, b, path + "[]")
    elif type(ours) is not type(theirs) or ours != theirs:
        yield path, shown(ours), shown(theirs)


# ---- genai-live ----

def command(program, case):
    backend = ["--backend", "vertex" if case["backend"] == "express" else case["backend"]]
    if case["kind"] != "setup":
        return [program, "encode", SENDS[case["kind"]], *backend], case["params"]
    place = ["--express"] if case["backend"] == "express" else ["--project", "p1", "--location", "us-central1"]
    return [program, "setup", *backend, *place, "--model", case["model"], "--config", "-"], case["config"]


def ours_for(program, case):
    """{"wire": text} or {"refused": reason}, as the SDKs' captures have it."""
    arguments, text = command(program, case)
    done = subprocess.run(arguments, input=json.dumps(text, ensure_ascii=False).encode(), capture_output=True, timeout=60)
    if done.returncode not in (0, 2):
        sys.exit(f"compare.py: {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
    if bool(done.stdout) == (done.returncode == 2) or (done.returncode == 2 and not done.stderr):
        sys.exit(f"compare.py: {' '.join(arguments)} gave {case['name']} no message, or no reason for a refusal, or both.")
    return {"wire": done.stdout.decode()} if done.returncode == 0 else {"refused": done.stderr.decode().strip()}


# ---- the judgement ----

def merge_functions(message):
    """The message with all function declarations in one tool at the end of the list, and in a setup without tools that
    say nothing: as the Python SDK arranges them."""
    def arranged(tools, setup):
        declared = [function for tool in tools for function in tool.get("functionDeclarations", [])]
        rest = [{name: value for name, value in tool.items() if name != "functionDeclarations" or not value} for tool in tools]
        kept = [tool for tool, whole in zip(rest, tools) if tool or (tool == whole and not setup)]
        return kept + ([{"functionDeclarations": declared}] if declared else [])

    def visit(value, setup):
        return {name: arranged(member, setup) if name == "tools" and isinstance(member, list) else
                visit(member, setup) if isinstance(member, dict) else member for name, member in value.items()}
    return visit(message, "setup" in message)


# What an exception may do to our message before it is compared.
TRANSFORMS = {"merge functions": merge_functions}

class Exceptions:
    """Rules of EXCEPTIONS.json. Each has an `id` and a `reason`; its other members are regular expressions that must fit
    the whole of the difference's sdk, backend, method, case, kind, path, ours and theirs. A rule with a `transform`
    instead says how that SDK arranges a message."""

    def __init__(self, file):
        with open(file, encoding="utf-8") as text:
            self.rules = json.load(text)
        self.used = collections.Counter()

    def explain(self, difference):
        for rule in self.rules:
            if "transform" not in rule and all(re.fullmatch(pattern, difference.get(name, ""), re.DOTALL)
                                               for name, pattern in rule.items() if name not in ("id", "reason")):
                self.used[rule["id"]] += 1
                return rule["id"]
        return None

    def arrange(self, sdk, ours, theirs):
        """(our message as that SDK arranges it, whether that brought the two nearer)."""
        nearer = False
        for rule in self.rules:
            if "transform" not in rule or rule["sdk"] != sdk:
                continue
            arranged = TRANSFORMS[rule["transform"]](ours)
            if len(list(differences(arranged, theirs))) < len(list(differences(ours, theirs))):
                self.used[rule["id"]] += 1
                ours, nearer = arranged, True
        return ours, nearer


def judge(reader, exceptions, sdk, ours, theirs):
    """(the differences between two outcomes of a case: {kind, path, ours, theirs}, whether an exception arranged ours)."""
    if "refused" in ours and "refused" in theirs:
        return [], False
    if "refused" in ours or "refused" in theirs:
        kind = "we refuse" if "refused" in ours else "it refuses"
        return [{"kind": kind, "path": "", "ours": ours.get("refused", ours.get("wire", "").strip()),
                 "theirs": theirs.get("refused", theirs.get("wire", ""))}], False
    a, b = (reader.read_message("LiveClientMessage", json.loads(side["wire"])) for side in (ours, theirs))
    a, arranged = exceptions.arrange(sdk, a, b)
    return [{"kind": "differs", "path": path, "ours": x, "theirs": y} for path, x, y in differences(a, b)], arranged


def lacking(messages, enums, types):
    """What the SDK's types have and the schema has not."""
    for name in types:
        owner, member = re.split(r"[.=]", name, maxsplit=1)
        if member not in (enums if "=" in name else messages).get(owner, ()):
            yield name


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    project, program, cases_file, exceptions_file, types_file, *captures = sys.argv[1:]
    sys.path.insert(0, os.path.join(project, "tests"))
    from schema_coverage import read_schema
    messages, enums = read_schema(project)
    reader, exceptions, cases = Reader(messages), Exceptions(exceptions_file), read_lines(cases_file)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ours = list(pool.map(lambda case: ours_for(program, case), cases))
    table, unexplained = {}, 0
    with open(types_file, encoding="utf-8") as file:
        for name in lacking(messages, enums, file.read().split()):
            if not exceptions.explain({"kind": "schema lacks", "path": name}):
                unexplained += 1
                print(f"python has {name}, which schema/*.proto lacks")
    for capture in captures:
        sdk, file = capture.split("=", 1)
        theirs = read_lines(file)
        if len(theirs) != len(cases):
            sys.exit(f"compare.py: {sdk} has {len(theirs)} results for {len(cases)} cases.")
        for case, our, their in zip(cases, ours, theirs):
            found, arranged = judge(reader, exceptions, sdk, our, their)
            row = table.setdefault((sdk, case["backend"]), collections.Counter())
            row["configs" if case["kind"] == "setup" else "calls"] += 1
            known = [exceptions.explain({"sdk": sdk, "backend": case["backend"], "case": case["name"],
                                         "method": case["kind"], **d}) for d in found]
            row["different" if not all(known) else "excepted" if found or arranged else
                "refused alike" if "refused" in our else "equal"] += 1
            for difference, rule in zip(found, known):
                if rule is None:
                    unexplained += 1
                    print(f"{sdk} on {case['backend']}, {case['kind']} \"{case['name']}\": {difference['kind']} "
                          f"{difference['path']}\n    ours:   {shown(difference['ours'])}\n"
                          f"    theirs: {shown(difference['theirs'])}")
    stale = [rule["id"] for rule in exceptions.rules if not exceptions.used[rule["id"]]]
    for rule in stale:
        print(f"exceptions.json: \"{rule}\" explains nothing any more; remove it.")
    with open(os.path.join(project, "docs/compatibility.md"), encoding="utf-8") as file:
        manual = file.read()
    unwritten = [rule["id"] for rule in exceptions.rules if f"`{rule['id']}`" not in manual]
    for rule in unwritten:
        print(f"docs/compatibility.md does not tell of \"{rule}\".")
    columns = ("configs", "calls", "equal", "refused alike", "excepted", "different")
    print(f"{'SDK':<26} {'backend':<8} " + " ".join(f"{column:>13}" for column in columns))
    for (sdk, backend), row in table.items():
        print(f"{sdk:<26} {backend:<8} " + " ".join(f"{row[column]:>13}" for column in columns))
    return 1 if unexplained or stale or unwritten else 0


if __name__ == "__main__":
    sys.exit(main())
