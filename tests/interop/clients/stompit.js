// stompit against a STOMP server: stompit.js HOST PORT VERSION LOGIN PASSCODE VHOST, with NODE_PATH set to where stompit is
// installed; ends with 1 at the first mismatch.
'use strict';
const stompit = require('stompit');

const [host, port, version, login, passcode, vhost] = process.argv.slice(2);
const WAIT = 5000;

function fail(text) {
  console.error(text);
  process.exit(1);
}

function check(condition, text) {
  if (!condition) fail(text);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function within(promise, what) {
  let timer;
  const late = new Promise(() => { timer = setTimeout(() => fail(`no ${what} within ${WAIT} ms`), WAIT); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const promised = (call) => new Promise((resolve) => call(resolve)); // for callbacks without an error

const connected = within(new Promise((resolve) => {
  const client = stompit.connect({
    host, port: Number(port), resetDisconnect: false,
    connectHeaders: { 'accept-version': version, host: vhost, login, passcode, 'heart-beat': '1000,1000' },
  }, (error, it) => {
    if (error) fail(`connect: ${error.message}`);
    resolve(it);
  });
  client.on('error', (error) => fail(`error: ${error.message} ${error.longMessage || ''}`));
}), 'CONNECTED');

async function main() {
  const client = await connected;
  check((client.headers.version || '1.0') === version, `version ${client.headers.version}`);

  const inbox = {}; // subscription id -> messages arrived, and those who wait for one
  function subscribe(id, destination, ack) {
    const box = inbox[id] = { arrived: [], waiting: [] };
    return promised((done) => {
      // not client.subscribe(headers): that one has no room for a receipt
      client.setImplicitSubscription(id, ack, (error, message) => {
        if (error) fail(`subscription: ${error.message}`);
        const chunks = [];
        message.on('data', (chunk) => chunks.push(chunk));
        message.on('end', () => {
          message.content = Buffer.concat(chunks);
          if (message.headers.redelivered === 'true') return; // repeated after the NACK below
          const waiting = box.waiting.shift();
          if (waiting) waiting(message); else box.arrived.push(message);
        });
      });
      client.sendFrame('SUBSCRIBE', { id, destination, ack }, { onReceipt: done }).end();
    });
  }

  async function message(body, id, headers = {}) { // the next message, which must be exactly this one
    const box = inbox[id];
    const next = box.arrived.length ? Promise.resolve(box.arrived.shift()) : new Promise((resolve) => box.waiting.push(resolve));
    const got = await within(next, `message ${JSON.stringify(String(body))}`);
    check(got.content.equals(Buffer.from(body)), `body ${JSON.stringify(String(got.content))} instead of ${JSON.stringify(String(body))}`);
    for (const [name, value] of Object.entries(headers)) {
      check(got.headers[name] === value, `header ${name} is ${JSON.stringify(got.headers[name])} instead of ${JSON.stringify(value)}`);
    }
    return got;
  }

  const receipt = (call, what) => within(promised((done) => call({ onReceipt: done })), `receipt of ${what}`);

  function send(destination, body, headers = {}, sender = client) {
    return receipt((options) => sender.send({ destination, ...headers }, options).end(body), 'SEND');
  }

  async function silence(id, why) {
    await sleep(300);
    check(inbox[id].arrived.length === 0, `a message arrived ${why}`);
  }

  const queue = `/queue/stompit-${version}-${process.pid}`;
  const [name, value] = {
    '1.0': ['key', 'a:b c'], '1.1': ['k:e\ny', 'a:b\nc\\d'], '1.2': ['k:e\ny', 'a:b\nc\\d\re'],
  }[version];

  // text (streamed, so without content-length, and ended by its NUL) and binary
  await within(subscribe('s1', `${queue}-auto`, 'auto'), 'receipt of SUBSCRIBE');
  const sent = send(`${queue}-auto`, 'hello, world', { [name]: value, 'content-type': 'text/plain' });
  await message('hello, world', 's1', { [name]: value, 'content-type': 'text/plain', destination: `${queue}-auto` });
  await sent;
  const text = 'zażółć – 日本 😀';
  await send(`${queue}-auto`, text, { word: text });
  await message(text, 's1', { word: text });
  const all = Buffer.concat(Array.from({ length: 300 }, () => Buffer.from(Array.from({ length: 256 }, (_, n) => n))));
  for (const body of [Buffer.from('\0first'), Buffer.from('in\0side\0\n\0'), Buffer.from('last\0'), all]) {
    await send(`${queue}-auto`, body, { 'content-length': body.length });
    await message(body, 's1');
  }
  await send(`${queue}-auto`, '');
  await message('', 's1');
  await receipt((options) => client.sendFrame('UNSUBSCRIBE', { id: 's1', destination: `${queue}-auto` }, options).end(), 'UNSUBSCRIBE');

  // acknowledgements: cumulative, one by one, and refused
  const ack = (frame, headers = {}) => receipt((options) => client.ack(frame, headers, options), 'ACK');
  await within(subscribe('s2', `${queue}-client`, 'client'), 'receipt of SUBSCRIBE');
  for (const n of [0, 1, 2]) await send(`${queue}-client`, `m${n}`);
  const frames = [];
  for (const n of [0, 1, 2]) frames.push(await message(`m${n}`, 's2'));
  await ack(frames[1]);
  await ack(frames[2]);
  await within(subscribe('s3', `${queue}-individual`, 'client-individual'), 'receipt of SUBSCRIBE');
  for (const n of [0, 1]) await send(`${queue}-individual`, `i${n}`);
  const [first, second] = [await message('i0', 's3'), await message('i1', 's3')];
  await ack(second);
  if (version === '1.0') await ack(first);
  else await receipt((options) => client.nack(first, {}, options), 'NACK');

  // transactions: nothing before COMMIT, nothing ever after ABORT
  await within(subscribe('s4', `${queue}-tx`, 'client'), 'receipt of SUBSCRIBE');
  const one = client.begin('t1');
  one.send({ destination: `${queue}-tx` }).end('in t1');
  await silence('s4', 'before COMMIT');
  const committed = receipt((options) => one.commit(options), 'COMMIT');
  const kept = await message('in t1', 's4');
  await committed;
  const two = client.begin('t2');
  two.send({ destination: `${queue}-tx` }).end('in t2');
  client.ack(kept, { transaction: 't2' });
  await receipt((options) => two.abort(options), 'ABORT');
  await silence('s4', 'after ABORT');
  await ack(kept); // ABORT took the first one back

  if (version !== '1.0') { // idle for longer than either side tolerates silence; stompit ends by itself when beats stop
    const before = client.getTransportSocket().bytesRead;
    await sleep(4500);
    const beats = client.getTransportSocket().bytesRead - before;
    check(beats >= 2, `${beats} heart-beats in 4.5 s`);
  }

  await within(promised((done) => client.disconnect((error) => {
    if (error) fail(`disconnect: ${error.message}`);
    done();
  })), 'the end after DISCONNECT');
  process.exit(0);
}

main().catch((error) => fail(error.stack));
