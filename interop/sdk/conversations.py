"""The official Python SDK, unchanged, in conversation with the emulator over TLS:

    SSL_CERT_FILE=CA.pem python conversations.py BASE_URL SPEECH.wav

CA.pem is the emulator's certificate. Every case runs; the exit status is 1 when one failed."""
import array
import asyncio
import sys
import warnings
import wave

from google import genai
from google.genai import types

ANSWER_S = 30
MODEL = "gemini-3.8-live"


async def turn(session):
    """The messages up to the turn's end, or to a tool call."""
    messages = []
    async for message in session.receive():
        messages.append(message)
        if message.tool_call:
            break
    return messages


def parts(messages):
    return [part for message in messages if message.server_content and message.server_content.model_turn
            for part in message.server_content.model_turn.parts or []]


def said(messages):
    return "".join(part.text or "" for part in parts(messages))


def transcript(messages, field):
    pieces = [getattr(message.server_content, field) for message in messages if message.server_content]
    return "".join(piece.text or "" for piece in pieces if piece)


async def audio(client, speech):
    with wave.open(speech) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    config = {"response_modalities": ["AUDIO"], "input_audio_transcription": {}, "output_audio_transcription": {}}
    async with client.aio.live.connect(model=MODEL, config=config) as session:
        chunk = rate // 25 * 2  # 40 ms
        for at in range(0, len(pcm), chunk):
            await session.send_realtime_input(
                audio=types.Blob(data=pcm[at:at + chunk], mime_type=f"audio/pcm;rate={rate}"))
        await session.send_realtime_input(audio_stream_end=True)
        messages = await turn(session)
    blobs = [part.inline_data for part in parts(messages) if part.inline_data]
    assert all(blob.mime_type.startswith("audio/pcm") for blob in blobs), "a blob is no audio/pcm"
    samples = array.array("h", b"".join(blob.data for blob in blobs))
    if sys.byteorder == "big":
        samples.byteswap()
    assert len(samples) > 24000 // 2, f"{len(samples)} samples came back"
    peak = max(map(abs, samples))
    assert peak > 1000, f"the loudest sample that came back is {peak}"
    heard, spoken = (transcript(messages, f"{side}_transcription") for side in ("input", "output"))
    assert heard, "no input transcription"
    assert spoken, "no output transcription"
    assert any(m.server_content and m.server_content.generation_complete for m in messages), "no generationComplete"
    assert any(m.usage_metadata and m.usage_metadata.total_token_count for m in messages), "no usageMetadata"
    return f"{len(samples) / 24000:.2f} s of sound, \"{spoken.strip()}\""


async def text(client, _):
    async with client.aio.live.connect(model=MODEL, config={"response_modalities": ["TEXT"]}) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Where is the library?"}]})
        first = said(await turn(session))
        assert first, "no text came back"
        await session.send_realtime_input(text="And the café, 日本?")
        second = said(await turn(session))
        assert second, "no text came back to realtime text"
    return f"\"{first.strip()}\", \"{second.strip()}\""


async def tool_call(client, _):
    weather = {"name": "get_weather", "description": "The weather at a place, now.",
               "parameters": {"type": "OBJECT", "properties": {"location": {"type": "STRING"}}, "required": ["location"]}}
    config = {"response_modalities": ["TEXT"], "tools": [{"function_declarations": [weather]}]}
    async with client.aio.live.connect(model=MODEL, config=config) as session:
        await session.send_client_content(turns={"parts": [{"text": "Call get_weather for Paris."}]})
        asked = (await turn(session))[-1].tool_call
        assert asked and asked.function_calls, "no tool call came"
        call = asked.function_calls[0]
        assert call.name == "get_weather", f"the call is of {call.name}"
        assert isinstance(call.args, dict), f"the arguments are {call.args!r}"
        await session.send_tool_response(function_responses=types.FunctionResponse(
            id=call.id, name=call.name, response={"temperature": 21}))
        answer = said(await turn(session))
        assert answer, "no answer after the tool response"
    return f"{call.name}({call.args}), \"{answer.strip()}\""


async def ask_resumable(session, question):
    """Asks, and waits for the turn's end and the handle that comes after it, which receive() ends before."""
    await session.send_client_content(turns={"role": "user", "parts": [{"text": question}]})
    answer = said(await turn(session))
    while True:
        async for message in session.receive():
            update = message.session_resumption_update
            if update and update.resumable:
                return answer, update.new_handle


async def refused(client, config, code):
    try:
        async with client.aio.live.connect(model=MODEL, config=config):
            return False
    except genai.errors.APIError as refusal:
        return refusal.code == code


async def resumption(client, _):
    """A conversation over two connections: the second knows what was said in the first."""
    def config(resume):
        return {"response_modalities": ["TEXT"], "session_resumption": resume}
    async with client.aio.live.connect(model=MODEL, config=config({})) as session:
        _, handle = await ask_resumable(session, "Where is the library?")
    assert handle, "no handle came"
    async with client.aio.live.connect(model=MODEL, config=config({"handle": handle})) as session:
        answer, _ = await ask_resumable(session, "What did I say?")
        assert "Where is the library?" in answer, f"the context was lost: {answer}"
        assert await refused(client, config({"handle": handle}), 1011), "resumed beside a live session"
    assert await refused(client, config({"handle": "unknown"}), 1007), "an unknown handle was taken"
    return f"\"{answer.strip()}\""


def alpha(base_url, key):
    return genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=base_url, api_version="v1alpha"))


async def token(base_url, _):
    """A token for one session, bound to text; the session asks for sound and is given what the token says."""
    server = alpha(base_url, "any-key-will-do")  # a client that nobody holds is closed at once
    made = server.auth_tokens.create(config={
        "uses": 1, "live_connect_constraints": {"model": MODEL, "config": {"response_modalities": ["TEXT"], "temperature": 0.5}},
        "lock_additional_fields": ["top_k"]})
    assert made.name.startswith("auth_tokens/"), made.name
    device = alpha(base_url, made.name)
    async with device.aio.live.connect(model=MODEL, config={"response_modalities": ["AUDIO"]}) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Where is the library?"}]})
        answer = said(await turn(session))
    assert answer, "no text came back: the token did not bind the session"
    try:
        async with device.aio.live.connect(model=MODEL, config={}):
            raise AssertionError("the token opened a second session")
    except genai.errors.APIError as refusal:
        assert refusal.code == 1008, refusal
    return f"one session, \"{answer.strip()}\""


async def music(base_url, _):
    chunks, filtered = [], []
    client = alpha(base_url, "any-key-will-do")
    async with client.aio.live.music.connect(model="models/lyria-realtime-exp") as session:
        await session.set_weighted_prompts(prompts=[types.WeightedPrompt(text="jazz", weight=1),
                                                    types.WeightedPrompt(text="a forbidden song", weight=0.5)])
        await session.set_music_generation_config(
            config=types.LiveMusicGenerationConfig(bpm=120, scale=types.Scale.C_MAJOR_A_MINOR))
        await session.play()
        async for message in session.receive():
            if message.filtered_prompt:
                filtered.append(message.filtered_prompt.text)
            if message.server_content:
                chunks += message.server_content.audio_chunks or []
            if len(chunks) >= 2:
                break
        await session.pause()
        await session.stop()
    assert chunks[0].mime_type == "audio/l16;rate=48000;channels=2", chunks[0].mime_type
    assert chunks[0].source_metadata.music_generation_config.bpm == 120, chunks[0].source_metadata
    assert filtered == ["a forbidden song"], filtered
    size = sum(len(chunk.data) for chunk in chunks)
    assert size > 48000 * 4, f"{size} bytes of music came"
    return f"{size / 48000 / 4:.2f} s of music"


async def main():
    if len(sys.argv) != 3:
        sys.exit("usage: conversations.py BASE_URL SPEECH.wav")
    base_url, speech = sys.argv[1:]
    client = genai.Client(api_key="any-key-will-do", vertexai=False, http_options=types.HttpOptions(base_url=base_url))
    failures = 0
    for conversation in (audio, text, tool_call, resumption, token, music):
        place = base_url if conversation in (token, music) else client
        try:
            print(f"ok   {conversation.__name__}: {await asyncio.wait_for(conversation(place, speech), ANSWER_S)}")
        except Exception as error:  # whatever the SDK or a check throws
            failures += 1
            print(f"FAIL {conversation.__name__}: {type(error).__name__}: {error}")
    return 1 if failures else 0


warnings.simplefilter("ignore")
sys.exit(asyncio.run(main()))
