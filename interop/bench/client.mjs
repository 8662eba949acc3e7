// The same work as bench/bench_client.c, by Google's JavaScript SDK. NODE_EXTRA_CA_CERTS says whom to trust.
//   node client.mjs receive|send|echo|hold|start COUNT BASE_URL
import {GoogleGenAI, Modality} from '@google/genai';

const [what, argument, baseUrl] = process.argv.slice(2);
const count = Number(argument);
const PCM = 11520, CHUNK = 3200, ASK = 640, ANSWER = 1920;
const ai = new GoogleGenAI({apiKey: 'bench', httpOptions: {baseUrl}});

function fail(text) {
  console.error('client.mjs:', text);
  process.exit(1);
}

// The audio bytes in hand, as an application plays them.
function audioBytes(message) {
  let bytes = 0;
  for (const part of message.serverContent?.modelTurn?.parts ?? [])
    if (part.inlineData) bytes += Buffer.from(part.inlineData.data, 'base64').length;
  return bytes;
}

async function open(model, onmessage = () => {}) {
  let closed;
  const closing = new Promise(resolve => (closed = resolve));
  const session = await ai.live.connect({
    model,
    config: {responseModalities: [Modality.AUDIO]},
    callbacks: {onmessage, onerror: event => fail(event.message ?? event), onclose: () => closed()},
  });
  return {session, closing};
}

function chunk(size) {
  const pcm = Buffer.alloc(size);
  for (let i = 0; i < size; i++) pcm[i] = i * 37;
  return pcm;
}

// The base64 is the application's work in this SDK, and so part of the price.
const send = (session, pcm) =>
  session.sendRealtimeInput({audio: {data: pcm.toString('base64'), mimeType: 'audio/pcm;rate=16000'}});

const microseconds = before => {
  const used = process.cpuUsage(before);
  return (used.user + used.system) / count;
};

const works = {
  async receive() {
    let bytes = 0;
    const {closing} = await open(`pour=${count}`, message => (bytes += audioBytes(message)));
    const before = process.cpuUsage();
    await closing;
    if (bytes !== count * PCM) fail(`${bytes} bytes of audio instead of ${count * PCM}`);
    return microseconds(before);
  },
  async send() {
    const {session, closing} = await open('sink');
    const before = process.cpuUsage();
    const pcm = chunk(CHUNK);
    for (let i = 0; i < count; i++) {
      send(session, pcm);
      // Let the socket drain, as a program that sends at the pace of speech does; otherwise all of it piles up in memory.
      if (i % 64 === 63) await new Promise(setImmediate);
    }
    session.close();
    await closing;
    return microseconds(before);
  },
  async echo() {
    let answered;
    const {session, closing} = await open('talk=1/1-size=1920', message => {
      const bytes = audioBytes(message);
      if (bytes === ANSWER) answered?.();
      else if (bytes) fail('an answer is not whole');
    });
    const before = process.cpuUsage();
    const pcm = chunk(ASK);
    for (let i = 0; i < count; i++) {
      const answer = new Promise(resolve => (answered = resolve));
      send(session, pcm);
      await answer;
    }
    session.close();
    await closing;
    return microseconds(before);
  },
  async hold() {
    await open('sink');
    const before = process.resourceUsage().maxRSS;
    for (let i = 0; i < count; i++) await open('sink');
    return (process.resourceUsage().maxRSS - before) / count;
  },
  async start() {
    await open('sink');
    return 'open';
  },
};

const figure = await works[what]();
process.stdout.write((typeof figure === 'number' ? figure.toFixed(2) : figure) + '\n', () => process.exit(0));
