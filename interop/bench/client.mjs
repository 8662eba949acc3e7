// The same work as `bench_session session`, by Google's JavaScript SDK: microseconds of CPU a message.
//   node client.mjs receive|send MESSAGES http(s)://127.0.0.1:PORT
import {GoogleGenAI, Modality} from '@google/genai';

const [what, count, baseUrl] = process.argv.slice(2);
const messages = Number(count);
const PCM = 11520, CHUNK = 3200;
const ai = new GoogleGenAI({apiKey: 'bench', httpOptions: {baseUrl}});
let bytes = 0, closed;
const closing = new Promise(resolve => (closed = resolve));
const before = {};
const session = await ai.live.connect({
  model: what === 'receive' ? `pour=${messages}` : 'sink',
  config: {responseModalities: [Modality.AUDIO]},
  callbacks: {
    onmessage(message) {
      // The audio bytes in hand, as an application plays them.
      for (const part of message.serverContent?.modelTurn?.parts ?? [])
        if (part.inlineData) bytes += Buffer.from(part.inlineData.data, 'base64').length;
    },
    onerror(event) { console.error('client.mjs:', event.message ?? event); process.exit(1); },
    onclose() { closed(); },
  },
});
Object.assign(before, process.cpuUsage());
if (what === 'send') {
  const pcm = Buffer.alloc(CHUNK);
  for (let i = 0; i < CHUNK; i++) pcm[i] = i * 37;
  for (let i = 0; i < messages; i++) {
    session.sendRealtimeInput({audio: {data: pcm.toString('base64'), mimeType: 'audio/pcm;rate=16000'}});
    // Let the socket drain, as a program that sends at the pace of speech does; otherwise all of it piles up in memory.
    if (i % 64 === 63) await new Promise(setImmediate);
  }
  session.close();
}
await closing;
const used = process.cpuUsage(before);
if (what === 'receive' && bytes !== messages * PCM) {
  console.error(`client.mjs: ${bytes} bytes of audio instead of ${messages * PCM}`);
  process.exit(1);
}
console.log(((used.user + used.system) / messages).toFixed(2));
