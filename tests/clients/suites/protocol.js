// graphql-transport-ws, message by message on a bare socket: what no good client does is among it.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import WebSocket from 'ws';

import { ask, signedIn, world } from '../api.js';
import { run } from '../check.js';

const PROTOCOL = 'graphql-transport-ws';

export default async function protocol(server) {
  const address = server.url.replace(/^http/, 'ws');
  const { query, ended, endless, dealer } = await world(server);

  /** A socket that keeps what it hears. */
  class Line {
    constructor({ protocols = PROTOCOL, ...options } = {}) {
      this.socket = new WebSocket(address, protocols, options);
      this.heard = [];
      this.waiting = [];
      this.code = new Promise((resolve, reject) => {
        this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
        this.socket.on('error', reject);
      });
      // Whoever waits for a message hears of a close instead.
      this.code.then(
        ({ code, reason }) => this.waiting.forEach(({ reject }) => reject(new Error(`closed: ${code} ${reason}`))),
        (error) => this.waiting.forEach(({ reject }) => reject(error)),
      );
      this.socket.on('message', (text) => {
        const message = JSON.parse(text);
        const waiting = this.waiting.shift();
        if (waiting) waiting.resolve(message);
        else this.heard.push(message);
      });
    }

    async open() {
      await Promise.race([once(this.socket, 'open'), this.code.then(({ code }) => Promise.reject(new Error(`closed: ${code}`)))]);
      return this;
    }

    say(...messages) {
      for (const message of messages) this.socket.send(JSON.stringify(message));
    }

    next() {
      if (this.heard.length) return Promise.resolve(this.heard.shift());
      return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    }

    async until(type, id) {
      for (;;) {
        const message = await this.next();
        if (message.type === type && (id === undefined || message.id === id)) return message;
      }
    }

    hang() {
      this.socket.terminate();
    }
  }

  const open = (options) => new Line(options).open();
  const init = (payload = { 'X-Api-Key': server.key }) => ({ type: 'connection_init', payload });
  const subscribe = (id, query, more) => ({ id, type: 'subscribe', payload: { query, ...more } });
  const acknowledged = async (payload, options) => {
    const line = await open(options);
    line.say(init(payload));
    assert.equal((await line.next()).type, 'connection_ack');
    return line;
  };
  /** How the server ends a socket on which this is said. */
  const ends = async (messages, options) => {
    const line = await open(options);
    for (const message of messages) {
      line.socket.send(typeof message === 'object' && !Buffer.isBuffer(message) ? JSON.stringify(message) : message);
    }
    const { code, reason } = await line.code;
    assert.ok(Buffer.byteLength(reason) <= 123);
    return code;
  };
  /** What the server answers instead of a socket. */
  const refused = async (options) => {
    await assert.rejects(open(options), /Unexpected server response: 403/);
  };

  return run({
    'no subprotocol: 4406': async () => assert.equal(await ends([], { protocols: [] }), 4406),
    'the protocol before it, which we do not speak': async () => {
      // Its client notices by itself that nothing was chosen.
      await assert.rejects(open({ protocols: 'graphql-ws' }), /subprotocol/);
    },
    'ours among others': async () => {
      const line = await open({ protocols: ['graphql-ws', PROTOCOL] });
      assert.equal(line.socket.protocol, PROTOCOL);
      line.hang();
    },
    'no JSON: 4400': async () => assert.equal(await ends(['nonsense']), 4400),
    'no such type: 4400': async () => assert.equal(await ends([{ type: 'connection_terminate' }]), 4400),
    'no object: 4400': async () => assert.equal(await ends(['[]']), 4400),
    'subscribe without an id: 4400': async () => {
      assert.equal(await ends([init(), { type: 'subscribe', payload: { query } }]), 4400);
    },
    'subscribe without a document: 4400': async () => {
      assert.equal(await ends([init(), { id: 'a', type: 'subscribe', payload: {} }]), 4400);
    },
    'a binary message: 4400': async () => assert.equal(await ends([Buffer.from(JSON.stringify(init()))]), 4400),
    'an operation before connection_init: 4401': async () => assert.equal(await ends([subscribe('a', query)]), 4401),
    'credentials that are not valid: 4403': async () => {
      assert.equal(await ends([init({ Authorization: 'Bearer no' })]), 4403);
      assert.equal(await ends([init({ 'X-Api-Key': 'coppice_key_no' })]), 4403);
      assert.equal(await ends([init({ Authorization: 7 })]), 4403);
    },
    'no connection_init in time: 4408': async () => assert.equal(await ends([]), 4408),
    'an id in use: 4409': async () => {
      assert.equal(await ends([init(), subscribe('a', endless), subscribe('a', endless)]), 4409);
    },
    'an id so long that the reason for its end has no room': async () => {
      const id = 'ä'.repeat(500);
      assert.equal(await ends([init(), subscribe(id, endless), subscribe(id, endless)]), 4409);
    },
    'two connection_inits: 4429': async () => assert.equal(await ends([init(), init()]), 4429),
    'a second connection_init later: 4429': async () => {
      const line = await acknowledged();
      line.say(init());
      assert.equal((await line.code).code, 4429);
    },
    'pings are answered, before and after the ack, with what they carry': async () => {
      const line = await open();
      line.say({ type: 'ping' });
      assert.deepEqual(await line.next(), { type: 'pong' });
      line.say(init());
      await line.until('connection_ack');
      line.say({ type: 'ping', payload: { sent: [1, 'ä'] } });
      assert.deepEqual(await line.next(), { type: 'pong', payload: { sent: [1, 'ä'] } });
      // A pong nobody asked for is none of the server's business.
      line.say({ type: 'pong' }, { type: 'ping' });
      assert.deepEqual(await line.next(), { type: 'pong' });
      line.hang();
    },
    'a query is next, then complete': async () => {
      const line = await acknowledged();
      line.say(subscribe('a', query));
      const { id, type, payload } = await line.next();
      assert.deepEqual([id, type], ['a', 'next']);
      assert.ok(payload.data.viewer.account.id);
      assert.deepEqual(await line.next(), { id: 'a', type: 'complete' });
      // Its id is free again.
      line.say(subscribe('a', query));
      await line.until('complete', 'a');
      line.hang();
    },
    'an invalid document is error, and nothing after': async () => {
      const line = await acknowledged();
      line.say(subscribe('a', '{ thisFieldIsNotThere }'));
      const { id, type, payload } = await line.next();
      assert.deepEqual([id, type], ['a', 'error']);
      assert.equal(payload[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
      line.say(subscribe('a', query));
      assert.equal((await line.next()).type, 'next');
      line.hang();
    },
    'complete stops a stream': async () => {
      const line = await acknowledged();
      line.say(subscribe('a', endless));
      await line.until('next', 'a');
      line.say({ id: 'a', type: 'complete' }, { type: 'ping' });
      // What was under way may still come; behind the pong nothing of it does, and the id is free.
      await line.until('pong');
      line.say(subscribe('a', ended));
      const rest = [];
      for (let message; (message = await line.next()).type !== 'complete'; ) rest.push(message);
      assert.ok(rest.every(({ id, type, payload }) => id === 'a' && type === 'next' && payload.data.syncProgress), JSON.stringify(rest));
      // One that is not known is nothing to complain about.
      line.say({ id: 'z', type: 'complete' }, { type: 'ping' });
      assert.deepEqual(await line.next(), { type: 'pong' });
      line.hang();
    },
    'streams end each for itself': async () => {
      const line = await acknowledged();
      const ids = Array.from({ length: 30 }, (_, number) => `s${number}`);
      line.say(subscribe('endless', endless), ...ids.map((id) => subscribe(id, ended)));
      const open = new Set(ids);
      while (open.size) {
        const { id, type } = await line.next();
        assert.ok(type === 'next' || type === 'complete', type);
        if (type === 'complete') assert.ok(open.delete(id), id);
      }
      line.hang();
    },
    'a client that leaves is answered: 1000': async () => {
      const line = await acknowledged();
      line.say(subscribe('a', endless));
      line.socket.close(1000, 'Bye');
      assert.equal((await line.code).code, 1000);
    },
    'an API key in connection_init': async () => {
      for (const payload of [{ 'x-api-key': server.key }, { apiKey: server.key }, { authorization: `Bearer ${server.key}` }]) {
        const line = await acknowledged(payload);
        line.say(subscribe('a', '{ viewer { apiKey { name } } }'));
        assert.ok((await line.next()).payload.data.viewer.apiKey.name);
        line.hang();
      }
    },
    'an access token in connection_init, until its session ends: 4403': async () => {
      const { accessToken } = await signedIn(server, dealer.id, 'Frida Frame');
      const line = await acknowledged({ Authorization: `Bearer ${accessToken}` });
      line.say(subscribe('a', '{ viewer { user { name } } }'));
      assert.equal((await line.until('next', 'a')).payload.data.viewer.user.name, 'Frida Frame');
      const user = { url: server.url, headers: { authorization: `Bearer ${accessToken}` } };
      await ask(user, 'mutation { signOut { userErrors { message } } }');
      assert.equal((await line.code).code, 4403);
    },
    'nobody is signed in: null, or an error of the field': async () => {
      const line = await acknowledged({});
      line.say(subscribe('a', '{ viewer { permission } }'));
      assert.deepEqual((await line.until('next', 'a')).payload.data, { viewer: null });
      await line.until('complete', 'a');
      line.say(subscribe('b', endless));
      const { type, payload } = await line.next();
      const [error] = type === 'error' ? payload : payload.errors;
      assert.equal(error.extensions.code, 'UNAUTHENTICATED');
      line.hang();
    },
    'a page of another origin is refused before there is a socket': async () => {
      await refused({ origin: 'https://evil.example' });
      await refused({ origin: 'null' });
    },
    'a page of its own origin is not': async () => {
      const line = await acknowledged(undefined, { origin: new URL(server.url).origin });
      line.hang();
    },
  });
}
