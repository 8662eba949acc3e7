"""What the official Python SDK puts on the wire for each case, as JSON lines beside the cases.

usage: SSL_CERT_FILE=CA.pem capture.py BASE_URL CASES.jsonl > captured.jsonl

A line is {"wire": TEXT} or {"refused": REASON}. The SDK takes no plain WebSocket, so BASE_URL is https. The cases go
through the SDK's own JSON reading (pydantic), which decodes base64 and makes its typed objects."""
import asyncio
import contextlib
import json
import logging
import sys
import warnings

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

ANSWER_S = 10


def parse(model, value):
    return model.model_validate_json(json.dumps(value))


def fields(value):
    """The given fields of a parsed object, by their Python names."""
    return {name: getattr(value, name) for name in value.model_fields_set}


def client_content(params):
    return fields(parse(types.LiveClientContent, params))


def tool_response(params):
    one = params.get("functionResponses")
    if isinstance(one, dict):
        return {"function_responses": parse(types.FunctionResponse, one)}
    return fields(parse(types.LiveClientToolResponse, params))


def context_update(params):
    update = fields(parse(types.LiveClientContextUpdate, params))
    if update.get("tools") is not None:
        update["tools"] = update["tools"].tools
    return update


SENDS = {
    "sendClientContent": ("send_client_content", client_content),
    "sendRealtimeInput": ("send_realtime_input",
                          lambda params: fields(parse(types.LiveSendRealtimeInputParameters, params))),
    "sendToolResponse": ("send_tool_response", tool_response),
    "sendContextUpdate": ("send_context_update", context_update),
}


async def setup(client, case):
    config = parse(types.LiveConnectConfig, case["config"])
    async with client.aio.live.connect(model=case["model"], config=config) as session:
        return session.setup_complete.session_id


async def send(session, case):
    name, arguments = SENDS[case["kind"]]
    await getattr(session, name)(**arguments(case["params"]))
    message = await asyncio.wait_for(anext(session.receive()), ANSWER_S)
    return message.server_content.output_transcription.text


async def main():
    base_url, cases = sys.argv[1:]
    options = types.HttpOptions(base_url=base_url)
    clients = {
        "gemini": genai.Client(api_key="any-key", vertexai=False, http_options=options),
        "vertex": genai.Client(vertexai=True, project="p1", location="us-central1",
                               credentials=Credentials(token="a-token"), http_options=options),
        "express": genai.Client(vertexai=True, api_key="any-key", http_options=options),
    }
    async with contextlib.AsyncExitStack() as stack:
        sessions = {backend: await stack.enter_async_context(client.aio.live.connect(model="gemini-3.8-live"))
                    for backend, client in clients.items()}
        with open(cases, encoding="utf-8") as file:
            for line in file:
                case = json.loads(line)
                try:
                    if case["kind"] == "setup":
                        wire = await setup(clients[case["backend"]], case)
                    else:
                        wire = await send(sessions[case["backend"]], case)
                    print(json.dumps({"wire": wire}))
                except Exception as error:  # whatever the SDK throws is its refusal
                    print(json.dumps({"refused": f"{type(error).__name__}: {error}"}))


warnings.simplefilter("ignore")
logging.disable()
asyncio.run(main())
