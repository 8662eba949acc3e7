// npm's ws as the peer of our frames, as server and as client:
//   node run.mjs PATH_TO_WS_PIPE
// Every case runs in both roles against tests/judges/ws_pipe.c; the exit status is 1 when one failed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import WebSocket, { WebSocketServer } from 'ws';

const CASE_MS = 20_000, ALL_MS = 170_000;
const TEXT = 1, BINARY = 2, CONTINUATION = 0, CLOSE = 8, PING = 9;
const pipe = process.argv[2];
if (!pipe) {
  console.error('usage: node run.mjs PATH_TO_WS_PIPE');
  process.exit(2);
}

// ---- ws_pipe ----

function startPipe(...args) {
  const child = spawn(pipe, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', line => printed.push(line));
  const ended = Promise.all([once(child, 'close'), once(lines, 'close')]).then(([[status]]) => ({ printed, status }));
  return { child, lines, ended };
}

// ---- raw frames, right and wrong ----

function frame(opcode, data = '', { fin = true, rsv = 0, size, masked } = {}) {
  const payload = Buffer.from(data);
  const claimed = BigInt(size ?? payload.length);
  const head = [(fin ? 0x80 : 0) | rsv << 4 | opcode];
  const long = claimed < 126n ? [] : claimed < 65536n ? [126] : [127];
  head.push((masked ? 0x80 : 0) | (long[0] ?? Number(claimed)));
  const bytes = { undefined: 0, 126: 2, 127: 8 }[long[0]];
  for (let i = bytes - 1; i >= 0; i--) head.push(Number(claimed >> BigInt(8 * i) & 255n));
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = Buffer.from([0x11, 0xf2, 0x33, 0x84]);
  return Buffer.concat([Buffer.from(head), mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

const closePayload = (code, reason = '') => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);

// ---- the judge's end ----

class Peer {
  #waiting = [];
  #arrived = [];

  constructor(ws, isClient) {
    this.ws = ws;
    this.isClient = isClient;
    this.ended = new Promise(resolve => ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() })));
    ws.on('message', (data, isBinary) => {
      const message = isBinary ? data : data.toString();
      this.#waiting.length ? this.#waiting.shift()(message) : this.#arrived.push(message);
    });
    ws.on('error', () => {}); // 'close' follows and carries what is checked
  }

  frame(opcode, data, options = {}) {
    this.ws._socket.write(frame(opcode, data, { masked: this.isClient, ...options }));
  }

  receive() {
    return this.#arrived.length ? this.#arrived.shift() : new Promise(resolve => this.#waiting.push(resolve));
  }

  async expect(message) {
    assert.deepEqual(await this.receive(), message);
  }

  async echo(message) {
    this.ws.send(message);
    await this.expect(message);
  }

  async ping(data) {
    const pong = once(this.ws, 'pong');
    this.ws.ping(data);
    assert.equal((await pong)[0].toString(), data);
  }

  async fails(code, reason) {
    const end = await this.ended;
    assert.equal(end.code, code);
    if (reason !== undefined) assert.equal(end.reason, reason);
  }

  async done() {
    this.ws.close(1000, 'done');
    await this.fails(1000);
  }
}

async function judgeServes(options, run) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true, maxPayload: 64 << 20 });
  await once(server, 'listening');
  const child = startPipe(...options, 'client', `ws://127.0.0.1:${server.address().port}/path?query`);
  try {
    const [ws] = await once(server, 'connection');
    await run(new Peer(ws, false));
    return await child.ended;
  } finally {
    child.child.kill('SIGKILL');
    server.close();
  }
}

async function judgeDials(options, run) {
  const child = startPipe(...options, 'server', '0');
  try {
    const [port] = await once(child.lines, 'line');
    const ws = new WebSocket(`ws://127.0.0.1:${port}/path`, { perMessageDeflate: true, maxPayload: 64 << 20 });
    const peer = new Peer(ws, true);
    await once(ws, 'open');
    await run(peer);
    return await child.ended;
  } finally {
    child.child.kill('SIGKILL');
  }
}

// ---- cases ----

const cases = [];
const add = (name, says, run, ...options) => cases.push({ name, says, run, options });
const broke = (code, section, text) => `error ${code} The peer broke the WebSocket protocol (RFC 6455 section ${section}): ${text}`;
const DONE = 'close 1000 done';

add('sizes', DONE, async peer => {
  for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1_000_000]) {
    await peer.echo('x'.repeat(size));
    await peer.echo(Buffer.alloc(size, 0xa5));
  }
  await peer.done();
});

add('large', DONE, async peer => {
  await peer.echo(Buffer.alloc(16 << 20, 0x5a));
  await peer.done();
});

// A ping goes between the fragments, and ws gives up when too many of them wait for their pong at once: few pieces.
add('our fragments', DONE, async peer => {
  for (const size of [0, 999, 1000, 1001, 9500]) await peer.echo('x'.repeat(size));
  await peer.done();
}, '--fragment', '1000');

add('our fragments split characters', DONE, async peer => {
  for (const text of ['κόσμε', '👩\u200d🚀']) await peer.echo(text);
  await peer.done();
}, '--fragment', '1');

add('their fragments with pings between', DONE, async peer => {
  for (let i = 0; i < 100; i++) {
    peer.ws.send(`piece ${i} `, { fin: i === 99 });
    if (i % 10 === 5) await peer.ping(`ping ${i}`);
  }
  await peer.expect(Array.from({ length: 100 }, (_, i) => `piece ${i} `).join(''));
  await peer.done();
});

add('pings while busy', DONE, async peer => {
  for (let i = 0; i < 100; i++) peer.ws.send(Buffer.alloc(100_000, i));
  for (let i = 0; i < 100; i++) {
    await peer.expect(Buffer.alloc(100_000, i));
    if (i % 20 === 0) await peer.ping(`ping ${i}`);
  }
  await peer.done();
});

add('our ping', DONE, async peer => {
  await peer.echo('x');
  await peer.done();
}, '--ping', 'are you there?');

add('valid UTF-8 split anywhere', DONE, async peer => {
  const data = Buffer.from('µ日𐍈😀e\u0301');
  for (let i = 0; i <= data.length; i++) {
    peer.frame(TEXT, data.subarray(0, i), { fin: false });
    peer.frame(CONTINUATION, data.subarray(i));
    await peer.expect(data.toString());
  }
  await peer.done();
});

for (const hex of ['80', 'c0af', 'c3', 'e28228', 'eda080', 'f4908080', 'fe', 'cebae1bdb9eda080']) {
  add(`invalid UTF-8 ${hex}`, broke(1007, '8.1', 'a text message is not UTF-8.'), async peer => {
    peer.frame(TEXT, Buffer.from(hex, 'hex'));
    await peer.fails(1007);
  });
}

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
  add(`their close ${code}`, `close ${code} because ✓`, async peer => {
    peer.ws.close(code, 'because ✓');
    await peer.fails(code);
  });
  add(`our close ${code}`, `close ${code} because ✓`, async peer => {
    await peer.echo('x');
    await peer.fails(code, 'because ✓');
  }, '--close', `${code}:because ✓`);
}
for (const code of [0, 999, 1004, 1005, 1006, 1015, 5000, 65535]) {
  add(`forbidden close ${code}`, broke(1002, '7.4', `a close frame has the code ${code}, which may not be sent.`), async peer => {
    peer.frame(CLOSE, closePayload(code, 'why'));
    await peer.fails(1002);
  });
}
add('their empty close', 'close 1005 ', async peer => {
  peer.ws.close();
  await peer.fails(1005);
});
add('our empty close', 'close 1005 ', async peer => {
  await peer.echo('x');
  await peer.fails(1005);
}, '--close', '1005');
add('connection lost', 'lost', async peer => {
  await peer.echo('x');
  peer.ws.terminate();
});

add('our limit', 'error 1009 The peer sent a message of at least 1001 bytes, more than the 1000 that are allowed; raise ' +
  'the message ceiling if such messages are expected.', async peer => {
  await peer.echo('x'.repeat(1000));
  peer.ws.send('x'.repeat(600), { fin: false });
  peer.ws.send('x'.repeat(401), { fin: true });
  await peer.fails(1009);
}, '--max', '1000');

const broken = (name, section, text, opcode, data, options) =>
  add(name, broke(1002, section, text), async peer => {
    peer.frame(opcode, data, options);
    await peer.fails(1002);
  });
broken('reserved bits', '5.2', 'a frame has reserved bits set, but no extension was agreed.', TEXT, 'x', { rsv: 4 });
broken('reserved opcode', '5.2', 'a frame has the reserved opcode 3.', 3, 'x');
broken('fragmented ping', '5.5', 'a control frame is fragmented.', PING, 'x', { fin: false });
broken('long ping', '5.5', 'a control frame is longer than 125 bytes.', PING, 'x'.repeat(126));
broken('continuation of nothing', '5.4', 'a continuation frame continues no message.', CONTINUATION, 'x');
broken('length with its top bit set', '5.2', "the highest bit of a frame's 64-bit length is set.", BINARY, '', { size: 1n << 63n });
broken('close of one byte', '5.5.1', 'a close frame has one byte of payload; a code takes two.', CLOSE, '\x03');

// ---- running them ----

const timeout = ms => new Promise((_, reject) => setTimeout(() => reject(new Error(`nothing after ${ms} ms`)), ms).unref());

async function one(role, judge, { name, says, run, options }) {
  try {
    const { printed, status } = await Promise.race([judge(options, run), timeout(CASE_MS)]);
    assert.equal(printed.at(-1), says);
    assert.equal(status, says.startsWith('close') ? 0 : 1);
    console.log(`ok     ${role} ${name}`);
    return 0;
  } catch (problem) {
    console.log(`FAILED ${role} ${name}: ${problem.message}`);
    return 1;
  }
}

async function refusedUpgrade() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('upgrade', (request, socket) =>
    socket.end('HTTP/1.1 429 Too Many\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n'));
  try {
    return await startPipe('client', `ws://127.0.0.1:${server.address().port}/`).ended;
  } finally {
    server.close();
  }
}

setTimeout(() => {
  console.log(`FAILED: not done after ${ALL_MS} ms`);
  process.exit(1);
}, ALL_MS).unref();
let failed = 0;
for (const each of cases) {
  failed += await one('server', judgeServes, each);
  failed += await one('client', judgeDials, each);
}
failed += await one('single', refusedUpgrade, { name: 'refused upgrade', says: 'http 429 {"a":1}' });
console.log(`${2 * cases.length + 1 - failed} of ${2 * cases.length + 1} passed`);
process.exit(failed ? 1 : 0);
