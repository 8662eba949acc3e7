// The server that both SDKs talk to: it sends every message back, so that a client learns what it really put on the wire.
//   node server.mjs CERTIFICATE.pem KEY.pem
// Prints two base URLs, http and https, and serves until standard input ends. The setup comes back as setupComplete's
// sessionId, anything else as the text of an output transcription.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { WebSocketServer } from 'ws';

const [certificate, key] = process.argv.slice(2);
if (!key) {
  console.error('usage: node server.mjs CERTIFICATE.pem KEY.pem');
  process.exit(2);
}
function converse(socket) {
  let setUp = false;
  socket.on('error', () => socket.terminate());
  socket.on('message', data => {
    const text = data.toString();
    const answer = setUp ? { serverContent: { outputTranscription: { text } } } : { setupComplete: { sessionId: text } };
    setUp = true;
    socket.send(Buffer.from(JSON.stringify(answer)), { binary: true });
  });
}
for (const server of [http.createServer(), https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })]) {
  new WebSocketServer({ server }).on('connection', converse);
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  console.log(`${server instanceof https.Server ? 'https' : 'http'}://localhost:${server.address().port}`);
}
process.stdin.on('end', () => process.exit(0)).resume();
