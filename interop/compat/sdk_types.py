"""Lists what the Python SDK's types of a live session hold: a line Type.field or Enum=VALUE each, in the API's spelling."""
import enum
import typing

import pydantic
from google.genai import types

ROOTS = ("LiveConnectConfig", "LiveClientContent", "LiveSendRealtimeInputParameters", "LiveClientToolResponse",
         "LiveClientContextUpdate", "LiveServerMessage", "LiveMusicClientMessage", "LiveMusicServerMessage",
         "CreateAuthTokenConfig", "AuthToken")
# Objects of the SDK itself, which are no part of any message. A File stands for its FileData in a list of parts.
CLIENT_SIDE = {"HttpOptions", "File"}


def classes(annotation):
    """The models and enums that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, (pydantic.BaseModel, enum.Enum)):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from classes(inner)


def walk(kind, seen):
    if kind.__name__ in seen:
        return
    seen.add(kind.__name__)
    if issubclass(kind, enum.Enum):
        for value in kind:
            print(f"{kind.__name__}={value.value}")
        return
    for name, field in kind.model_fields.items():
        mentioned = list(classes(field.annotation))
        if not any(inner.__name__ in CLIENT_SIDE for inner in mentioned) or len(mentioned) > 1:
            print(f"{kind.__name__}.{field.alias or name}")
        for inner in mentioned:
            if inner.__name__ not in CLIENT_SIDE:
                walk(inner, seen)


known = set()
for root in ROOTS:
    walk(getattr(types, root), known)
