#!/usr/bin/python3
"""Compares schema/*.proto with what the API's SDKs and the recorded calls show of it.

usage: schema_coverage.py PROJECT_DIR

Reads ../shared/spec/live-schema.json (every type, field and enum value), section 20 of ../shared/spec/protocol.md (what
is newer, and which backend alone accepts a field) and ../shared/vectors/*.jsonl (configs, calls and wire messages), and
prints one line for each thing that is missing or of another kind. Exit status 1 if there is one, 77 if the inputs or
the tools are missing."""
import json
import os
import re
import subprocess
import sys
import tempfile

# The SDKs' own objects: nothing of them is ever a message.
CLIENT_SIDE = {
    "HttpOptions": "HTTP settings", "HttpRetryOptions": "HTTP settings", "ResourceScope": "HTTP settings",
    "CreateAuthTokenParameters": "wraps its config", "LiveConnectParameters": "genai_live_connect_params",
    "LiveMusicConnectParameters": "wraps the model's name", "LiveMusicSetConfigParameters": "wraps its config",
    "LiveMusicSetWeightedPromptsParameters": "wraps LiveMusicClientContent",
}
CLIENT_SIDE_FIELDS = {"httpOptions", "callbacks", "abortSignal"}
# Section 20 of protocol.md, with the kinds that it states, and what version 3.4.0 of the Python SDK has beyond it.
NEWER = {
    "LiveClientMessage.contextUpdate": "struct:LiveClientContextUpdate",
    "LiveClientContextUpdate.systemInstruction": "struct:Content",
    "LiveClientContextUpdate.tools": "struct:LiveClientContextUpdateTools",
    "LiveClientContextUpdateTools.tools": "list<struct:Tool>",
    "LiveConnectConfig.labels": "map<string,string>", "LiveClientSetup.labels": "map<string,string>",
    "LiveClientSetup.realtimeInputConfig": "struct:RealtimeInputConfig",
    "AudioTranscriptionConfig.mode": "enum:AudioTranscriptionConfigMode",
    "AudioTranscriptionConfig.sourceText": "string",
    "RealtimeInputConfig.interimTranscriptTimestampEnabled": "bool", "ProactivityConfig.proactiveVideo": "bool",
    "VoiceConfig.voice": "string", "Transcription.startOffset": "duration string",
    "Transcription.endOffset": "duration string", "Part.mediaProcessing": "enum:MediaProcessing",
    "Part.speechMetadata": "struct:SpeechMetadata", "SpeechMetadata.speaker": "string",
    "SpeechMetadata.style": "string", "FunctionResponsePart.mediaProcessing": "enum:MediaProcessing",
    "VideoResponseFormat.resolution": "string", "LiveServerMessage.error": "struct:LiveServerError",
    "LiveServerError.code": "int32", "LiveServerError.message": "string", "LiveServerError.status": "string",
    "LiveServerError.details": "any-json", "AuthToken.bidiGenerateContentSetup": "struct:LiveClientSetup",
    "AuthToken.fieldMask": "string",
    "FunctionResponsePart.mediaResolution": "struct:PartMediaResolution",
    "FunctionResponsePart.videoMetadata": "struct:VideoMetadata",
    **{f"{owner}.{name}Metadata": f"struct:{name.capitalize()}Metadata" for owner in ("Part", "FunctionResponsePart")
       for name in ("document", "spreadsheet", "audio")},
    **{f"{name}Metadata.contentLayers": f"list<enum:{name}MetadataContentLayer>" for name in ("Video", "Document", "Spreadsheet")},
    "DocumentMetadata.startPage": "int32", "DocumentMetadata.endPage": "int32",
    "SpreadsheetMetadata.visibleCells": "string", "SpreadsheetMetadata.sheetIndex": "int32",
    "AudioMetadata.startOffset": "duration string", "AudioMetadata.endOffset": "duration string",
}
NEWER_VALUES = {
    "AudioTranscriptionConfigMode": ["MODE_UNSPECIFIED", "VERBATIM", "SMART"],
    "MediaProcessing": ["MEDIA_PROCESSING_UNSPECIFIED", "STATIC", "AGENTIC"],
    "TrafficType": ["ON_DEMAND_OFFPEAK"], "ToolType": ["MEDIA_PROCESSING"],
    "ThinkingLevel": ["XHIGH"],
    "VideoMetadataContentLayer": ["CONTENT_LAYER_UNSPECIFIED", "FRAMES", "AUDIO", "TRANSCRIPT"],
    "DocumentMetadataContentLayer": ["CONTENT_LAYER_UNSPECIFIED", "PAGE_IMAGE", "PAGE_TEXT"],
    "SpreadsheetMetadataContentLayer": ["CONTENT_LAYER_UNSPECIFIED", "DATA", "FORMULAS", "VISUAL"],
}
# The wire's form of LiveConnectConfig.explicitVadSignal, which section 20 lists under the public name alone.
ALSO_VERTEX = {"LiveClientSetup.explicitVadSignal"}
# What both SDKs refuse on Vertex beside section 20's list (interop/compat found it).
ALSO_GEMINI = {"FunctionResponsePart.mediaProcessing"}
WELL_KNOWN = {"google.protobuf.Value": "any-json", "google.protobuf.Struct": "map<string,any-json>",
              "google.protobuf.Duration": "duration string"}
VECTOR_ROOTS = {
    "config": "LiveConnectConfig", "expect": "LiveClientMessage", "sendClientContent": "LiveClientContent",
    "sendRealtimeInput": "LiveSendRealtimeInputParameters", "sendToolResponse": "LiveClientToolResponse",
    "sendContextUpdate": "LiveClientContextUpdate",
}

problems = []


def skip(sentence):
    print(f"skipped: {sentence}")
    sys.exit(77)


def load_pool(project):
    """The schema as protoc sees it, with the options' values readable."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        skip("python3-protobuf is missing")
    with tempfile.NamedTemporaryFile() as file:
        try:
            subprocess.run([os.path.join(project, "tools/generate"), "--descriptors", file.name], check=True)
        except subprocess.CalledProcessError as error:
            if error.returncode != 127:
                raise
            skip("protoc (protobuf-compiler) is missing")
        protos = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
    pool = descriptor_pool.DescriptorPool()
    for proto in protos:
        pool.Add(proto)
    factory = message_factory.MessageFactory(pool)
    factory.GetMessages([proto.name for proto in protos])
    types = {name: factory.GetPrototype(pool.FindMessageTypeByName(f"google.protobuf.{name}"))
             for name in ("FieldOptions", "EnumValueOptions")}

    def options(message):
        return {field.name: value for field, value in
                types[message.DESCRIPTOR.name].FromString(message.SerializeToString()).ListFields()}
    return protos, options


class Field:
    def __init__(self, kind, options):
        self.kind, self.only = kind, options.get("only", 0)
        self.place, self.refused = options.get("place"), options.get("refused")
        self.aliases = {options.get("alias"), options.get("vertex_name")}
        self.vertex_name = options.get("vertex_name")


def kind_of(field, entries):
    """The field's kind in the words of live-schema.json."""
    proto = type(field)
    name = field.type_name.lstrip(".")
    if name in entries:
        return f"map<string,{kind_of(entries[name].field[1], entries)}>"
    short = name.removeprefix("genai.")
    if field.type == proto.TYPE_ENUM:
        kind = f"enum:{short}"
    elif field.type == proto.TYPE_MESSAGE:
        kind = WELL_KNOWN.get(name) or f"struct:{short}"
    else:
        kind = {proto.TYPE_STRING: "string", proto.TYPE_BYTES: "bytes(base64)", proto.TYPE_BOOL: "bool",
                proto.TYPE_INT32: "int32", proto.TYPE_INT64: "int64", proto.TYPE_DOUBLE: "float",
                proto.TYPE_FLOAT: "float"}[field.type]
    return f"list<{kind}>" if field.label == proto.LABEL_REPEATED else kind


def read_schema(project):
    """({"Type": {"field": Field}}, {"Enum": [wire text]})"""
    protos, options = load_pool(project)
    messages, enums = {}, {}
    for proto in protos:
        if proto.package != "genai" or proto.name == "options.proto":
            continue
        for enum in proto.enum_type:
            enums[enum.name] = [options(value.options).get("wire", value.name) for value in enum.value]
        for message in proto.message_type:
            entries = {f"genai.{message.name}.{nested.name}": nested for nested in message.nested_type}
            messages[message.name] = {field.json_name: Field(kind_of(field, entries), options(field.options))
                                      for field in message.field}
    return messages, enums


def check_field(messages, path, kind):
    owner, name = path.split(".")
    field = messages.get(owner, {}).get(name)
    kind = {"timestamp string": "string", "double": "float"}.get(kind, kind)
    if not field:
        problems.append(f"{path}: missing, {kind}")
    elif field.kind != kind:
        problems.append(f"{path}: is {field.kind}, should be {kind}")


def check_values(enums, name, texts):
    for text in texts:
        if text not in enums.get(name, []):
            problems.append(f"{name}: the value {text} is missing")


def check_types(messages, enums, types):
    count = 0
    for name, entry in types.items():
        if name in CLIENT_SIDE:
            continue
        if name not in (enums if entry["kind"] == "enum" else messages):
            problems.append(f"{name}: the {entry['kind']} is missing")
        elif entry["kind"] == "enum":
            count += len(entry["values"])
            check_values(enums, name, entry["values"])
        for field in entry.get("fields", []):
            if field["wire_name"] in CLIENT_SIDE_FIELDS or field["type"].startswith("python-object:"):
                continue
            count += 1
            check_field(messages, f"{name}.{field['wire_name']}", field["type"])
            check_names(messages, f"{name}.{field['wire_name']}", field)
    return count


def check_names(messages, path, field):
    """Names read beside the canonical one, and what Vertex wants to be sent."""
    owner, name = path.split(".")
    ours = messages.get(owner, {}).get(name)
    if not ours:
        return
    for other in set(field.get("wire_name_on_receive", {}).values()):
        if other not in ours.aliases:
            problems.append(f"{path}: is not read as {other}")
    if owner == "LiveConnectConfig":
        for where in field.get("wire_path", {}).values():
            if where != f"setup.{ours.place}":
                problems.append(f"{path}: goes to setup.{ours.place}, should go to {where}")
    elif owner == "GenerationConfig":
        renamed = field.get("wire_path", {}).get("vertex")
        if renamed != ours.vertex_name:
            problems.append(f"{path}: is sent to Vertex as {ours.vertex_name}, should be {renamed}")


def check_only(messages, text):
    """Section 20 lists every field that one backend alone accepts."""
    backends = (("Gemini", 1, "only on the Gemini Developer API:", ALSO_GEMINI),
                ("Vertex", 2, "only on the Gemini Enterprise Agent Platform (Vertex):", ALSO_VERTEX))
    for backend, number, phrase, extra in backends:
        line = text.split(phrase)[1].split("\n")[0]
        wanted = set(extra)
        for owner, braced, single in re.findall(r"`(\w+)\.(?:\{([^}]*)\}|(\w+))`", line):
            wanted |= {f"{owner}.{name.strip()}" for name in (braced or single).split(",")}
        ours = {f"{owner}.{name}" for owner, fields in messages.items()
                for name, field in fields.items() if field.only == number}
        problems.extend(f"{path}: {backend} alone should accept it" for path in sorted(wanted - ours))
        problems.extend(f"{path}: is marked for {backend} alone, without need" for path in sorted(ours - wanted))
    if messages["LiveConnectConfig"]["speechConfig"].refused != "multiSpeakerVoiceConfig":
        problems.append("LiveConnectConfig.speechConfig: should refuse multiSpeakerVoiceConfig")


def walk(messages, enums, kind, value, path):
    """Every name and enum text of a JSON value must be in the schema."""
    if kind.startswith("list<"):
        for item in value:
            walk(messages, enums, kind[5:-1], item, path)
    elif kind.startswith("map<string,") and kind != "map<string,any-json>":
        for key, item in value.items():
            walk(messages, enums, kind[11:-1], item, f"{path}.{key}")
    elif kind.startswith("enum:"):
        check_values(enums, kind[5:], [value])
    elif kind.startswith("struct:"):
        for name, item in value.items():
            field = messages[kind[7:]].get(name)
            if field:
                walk(messages, enums, field.kind, item, f"{path}.{name}")
            else:
                problems.append(f"{path}.{name}: a vector has it, {kind[7:]} does not")


def check_vectors(messages, enums, directory):
    count = 0
    for file in sorted(os.listdir(directory)):
        for line in open(os.path.join(directory, file)) if file.endswith(".jsonl") else ():
            case = json.loads(line)
            count += 1
            for key, root in (("config", "config"), ("params", case.get("method")), ("expect", "expect")):
                if key in case:
                    walk(messages, enums, f"struct:{VECTOR_ROOTS[root]}", case[key], case["name"])
    return count


def main():
    project = sys.argv[1]
    shared = os.path.join(project, "../shared")
    for needed in ("spec/live-schema.json", "spec/protocol.md", "vectors"):
        if not os.path.exists(os.path.join(shared, needed)):
            skip(f"../shared/{needed} is missing")
    messages, enums = read_schema(project)
    with open(os.path.join(shared, "spec/live-schema.json")) as file:
        count = check_types(messages, enums, json.load(file)["types"])
    for path, kind in NEWER.items():
        check_field(messages, path, kind)
    for name, texts in NEWER_VALUES.items():
        check_values(enums, name, texts)
    with open(os.path.join(shared, "spec/protocol.md")) as file:
        check_only(messages, file.read().split("\n## 20. ")[1])
    cases = check_vectors(messages, enums, os.path.join(shared, "vectors"))
    found = sorted(set(problems))
    for problem in found:
        print(problem)
    print(f"{count} fields and values of live-schema.json, {len(NEWER)} newer fields, {cases} vectors: "
          f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
