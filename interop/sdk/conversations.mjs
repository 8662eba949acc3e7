// The official JavaScript SDK, unchanged, in conversation with the emulator:
//   node conversations.mjs BASE_URL SPEECH.wav
// Over TLS NODE_EXTRA_CA_CERTS names the emulator's certificate. Every case runs; the exit status is 1 when one failed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { GoogleGenAI, Modality } from '@google/genai';

const ANSWER_MS = 30_000;
const [baseUrl, speechFile] = process.argv.slice(2);
if (!speechFile) {
  console.error('usage: node conversations.mjs BASE_URL SPEECH.wav');
  process.exit(2);
}
const ai = new GoogleGenAI({ apiKey: 'any-key-will-do', httpOptions: { baseUrl } });

// A session whose messages are awaited one by one, as the SDK only calls back.
async function connect(config, client = ai) {
  const messages = [], waiting = [];
  let closed, failed;
  const wake = () => waiting.splice(0).forEach(resolve => resolve());
  const ended = new Promise(resolve => { closed = event => { resolve(event); failed ??= `closed: ${event.code} ${event.reason}`; wake(); }; });
  const session = await client.live.connect({
    model: 'gemini-3.8-live',
    config,
    callbacks: {
      onmessage: message => { messages.push(message); wake(); },
      onerror: event => { failed = `error: ${event.message}`; wake(); },
      onclose: closed,
    },
  });
  const next = async () => {
    const until = Date.now() + ANSWER_MS;
    while (messages.length === 0) {
      if (failed) throw new Error(failed);
      const left = until - Date.now();
      if (left <= 0) throw new Error(`nothing came for ${ANSWER_MS} ms`);
      await new Promise(resolve => { waiting.push(resolve); setTimeout(resolve, left).unref(); });
    }
    return messages.shift();
  };
  // Takes messages up to the turn's end, or to a tool call.
  const turn = async () => {
    const all = [];
    for (;;) {
      const message = await next();
      all.push(message);
      if (message.serverContent?.turnComplete || message.toolCall) return all;
    }
  };
  const close = async () => {
    session.close();
    const event = await ended;
    // The SDK's close frame is empty, and so must the answer be: 1005 (1006 would be none at all).
    assert.equal(event.code, 1005, `close code ${event.code} ${event.reason}`);
  };
  return { session, next, turn, close };
}

const parts = messages => messages.flatMap(m => m.serverContent?.modelTurn?.parts ?? []);
const texts = (messages, field) => messages.map(m => m.serverContent?.[field]?.text ?? '').join('');
const said = messages => parts(messages).map(p => p.text ?? '').join('');

// A canonical 16-bit mono WAV: the rate and the samples.
function readSpeech(file) {
  const bytes = readFileSync(file);
  assert.equal(bytes.toString('latin1', 0, 4), 'RIFF');
  const data = bytes.indexOf('data', 12, 'latin1') + 8;
  return { rate: bytes.readUInt32LE(24), pcm: bytes.subarray(data) };
}

async function audio() {
  const { rate, pcm } = readSpeech(speechFile);
  const { session, turn, close } = await connect({
    responseModalities: [Modality.AUDIO], inputAudioTranscription: {}, outputAudioTranscription: {},
  });
  const chunk = Math.floor(rate / 25) * 2; // 40 ms
  const blob = data => ({ audio: { data: data.toString('base64'), mimeType: `audio/pcm;rate=${rate}` } });
  for (let at = 0; at < pcm.length; at += chunk) session.sendRealtimeInput(blob(pcm.subarray(at, at + chunk)));
  session.sendRealtimeInput({ audioStreamEnd: true });
  const messages = await turn();
  let samples = 0, peak = 0;
  for (const part of parts(messages)) {
    if (!part.inlineData) continue;
    assert.match(part.inlineData.mimeType, /^audio\/pcm/);
    const sound = Buffer.from(part.inlineData.data, 'base64');
    for (let i = 0; i + 1 < sound.length; i += 2, samples++) peak = Math.max(peak, Math.abs(sound.readInt16LE(i)));
  }
  assert.ok(samples > 24000 / 2, `${samples} samples came back`);
  assert.ok(peak > 1000, `the loudest sample that came back is ${peak}`);
  assert.ok(texts(messages, 'inputTranscription') !== '', 'no input transcription');
  assert.ok(texts(messages, 'outputTranscription') !== '', 'no output transcription');
  assert.ok(messages.some(m => m.serverContent?.generationComplete), 'no generationComplete');
  assert.ok(messages.some(m => m.usageMetadata?.totalTokenCount > 0), 'no usageMetadata');
  await close();
  return `${(samples / 24000).toFixed(2)} s of sound, "${texts(messages, 'outputTranscription').trim()}"`;
}

async function text() {
  const { session, turn, close } = await connect({ responseModalities: [Modality.TEXT] });
  session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'Where is the library?' }] }] });
  const first = said(await turn());
  assert.notEqual(first, '', 'no text came back');
  session.sendRealtimeInput({ text: 'And the café, 日本?' });
  const second = said(await turn());
  assert.notEqual(second, '', 'no text came back to realtime text');
  await close();
  return `"${first.trim()}", "${second.trim()}"`;
}

async function toolCall() {
  const { session, turn, close } = await connect({
    responseModalities: [Modality.TEXT],
    tools: [{ functionDeclarations: [{
      name: 'get_weather',
      description: 'The weather at a place, now.',
      parameters: { type: 'OBJECT', properties: { location: { type: 'STRING' } }, required: ['location'] },
    }] }],
  });
  session.sendClientContent({ turns: 'Call get_weather for Paris.' });
  const call = (await turn()).at(-1).toolCall?.functionCalls?.[0];
  assert.equal(call?.name, 'get_weather');
  assert.equal(typeof call.args, 'object');
  session.sendToolResponse({ functionResponses: [{ id: call.id, name: call.name, response: { temperature: 21 } }] });
  const answer = said(await turn());
  assert.notEqual(answer, '', 'no answer after the tool response');
  await close();
  return `${call.name}(${JSON.stringify(call.args)}), "${answer.trim()}"`;
}

const alpha = apiKey => new GoogleGenAI({ apiKey, httpOptions: { baseUrl, apiVersion: 'v1alpha' } });

// A token for one session, bound to text; the session asks for sound and is given what the token says.
async function token() {
  const made = await alpha('any-key-will-do').authTokens.create({ config: {
    uses: 1,
    liveConnectConstraints: { model: 'gemini-3.8-live', config: { responseModalities: [Modality.TEXT], temperature: 0.5 } },
    lockAdditionalFields: ['topK'],
  } });
  assert.match(made.name, /^auth_tokens\/./);
  const { session, turn, close } = await connect({ responseModalities: [Modality.AUDIO] }, alpha(made.name));
  session.sendClientContent({ turns: 'Where is the library?' });
  const answer = said(await turn());
  assert.notEqual(answer, '', 'no text came back: the token did not bind the session');
  await close();
  await assert.rejects(connect({}, alpha(made.name)), /1008/, 'the token opened a second session');
  return `one session, "${answer.trim()}"`;
}

// Asks, and waits for the turn's end and the handle that comes after it.
async function askResumable({ session, turn, next }, question) {
  session.sendClientContent({ turns: question });
  const answer = said(await turn());
  for (;;) {
    const update = (await next()).sessionResumptionUpdate;
    if (update?.resumable) return { answer, handle: update.newHandle };
  }
}

// A conversation over two connections: the second knows what was said in the first.
async function resumption() {
  const config = sessionResumption => ({ responseModalities: [Modality.TEXT], sessionResumption });
  const first = await connect(config({}));
  const { handle } = await askResumable(first, 'Where is the library?');
  assert.ok(handle, 'no handle came');
  await first.close();
  const second = await connect(config({ handle }));
  const { answer } = await askResumable(second, 'What did I say?');
  assert.match(answer, /Where is the library\?/, 'the context was lost');
  await assert.rejects(connect(config({ handle })), /1011/, 'resumed beside a live session');
  await second.close();
  await assert.rejects(connect(config({ handle: 'unknown' })), /1007/, 'an unknown handle was taken');
  return `"${answer.trim()}"`;
}

async function music() {
  const chunks = [], filtered = [];
  let enough, failed;
  const played = new Promise((resolve, reject) => { enough = resolve; failed = reject; });
  const session = await alpha('any-key-will-do').live.music.connect({
    model: 'models/lyria-realtime-exp',
    callbacks: {
      onmessage: message => {
        chunks.push(...message.serverContent?.audioChunks ?? []);
        if (message.filteredPrompt) filtered.push(message.filteredPrompt.text);
        if (chunks.length >= 2) enough();
      },
      onclose: event => failed(new Error(`closed: ${event.code} ${event.reason}`)),
    },
  });
  const late = setTimeout(() => failed(new Error(`nothing came for ${ANSWER_MS} ms`)), ANSWER_MS);
  await session.setWeightedPrompts({ weightedPrompts: [{ text: 'jazz', weight: 1 }, { text: 'a forbidden song', weight: 0.5 }] });
  await session.setMusicGenerationConfig({ musicGenerationConfig: { bpm: 120, scale: 'C_MAJOR_A_MINOR' } });
  session.play();
  await played;
  clearTimeout(late);
  session.pause();
  session.stop();
  session.close();
  assert.equal(chunks[0].mimeType, 'audio/l16;rate=48000;channels=2');
  assert.equal(chunks[0].sourceMetadata.musicGenerationConfig.bpm, 120);
  assert.deepEqual(filtered, ['a forbidden song']);
  const bytes = chunks.reduce((sum, chunk) => sum + Buffer.from(chunk.data, 'base64').length, 0);
  assert.ok(bytes > 48000 * 4, `${bytes} bytes of music came`);
  return `${(bytes / 48000 / 4).toFixed(2)} s of music`;
}

let failures = 0;
for (const conversation of [audio, text, toolCall, resumption, token, music]) {
  try {
    console.log(`ok   ${conversation.name}: ${await conversation()}`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${conversation.name}: ${error.message}`);
  }
}
process.exit(failures ? 1 : 0);
