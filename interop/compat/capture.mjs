// What the official JavaScript SDK puts on the wire for each case, as JSON lines beside the cases:
//   node capture.mjs BASE_URL CASES.jsonl > captured.jsonl
// A line is {"wire": TEXT} or {"refused": REASON}.
import { readFileSync } from 'node:fs';
import { OAuth2Client } from 'google-auth-library';
import { GoogleGenAI } from '@google/genai';

const ANSWER_MS = 10_000;
const [baseUrl, file] = process.argv.slice(2);
if (!file) {
  console.error('usage: node capture.mjs BASE_URL CASES.jsonl');
  process.exit(2);
}
console.warn = console.info = () => {}; // the SDK's notes on deprecated fields
const authClient = new OAuth2Client();
authClient.setCredentials({ access_token: 'a-token', expiry_date: Date.now() + 86_400_000 });
const clients = {
  gemini: new GoogleGenAI({ apiKey: 'any-key', vertexai: false, httpOptions: { baseUrl } }),
  vertex: new GoogleGenAI({
    vertexai: true, project: 'p1', location: 'us-central1', googleAuthOptions: { authClient }, httpOptions: { baseUrl },
  }),
  express: new GoogleGenAI({ vertexai: true, apiKey: 'any-key', httpOptions: { baseUrl } }),
};

// Sessions answer by callback; next() awaits the answer that follows a send.
async function connect(backend, model, config) {
  let wake;
  const session = await clients[backend].live.connect({
    model, config, callbacks: { onmessage: message => { if (!message.setupComplete) wake?.(message); } },
  });
  const next = () => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server got nothing')), ANSWER_MS);
    wake = message => { clearTimeout(timer); resolve(message); };
  });
  return { session, next };
}

async function setup({ backend, model, config }) {
  const { session } = await connect(backend, model, config);
  session.close();
  return session.setupComplete.sessionId;
}

const open = {};
async function send({ backend, kind, params }) {
  open[backend] ??= await connect(backend, 'gemini-3.8-live', {});
  const { session, next } = open[backend];
  session[kind](params);
  return (await next()).serverContent.outputTranscription.text;
}

const lines = [];
for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
  const test = JSON.parse(line);
  try {
    lines.push({ wire: await (test.kind === 'setup' ? setup : send)(test) });
  } catch (error) {
    lines.push({ refused: String(error.message) });
  }
}
process.stdout.write(lines.map(line => JSON.stringify(line) + '\n').join(''), () => process.exit(0));
