// The graphql-ws client over WebSockets, and a bare socket for what a good client never does.

import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { all, run } from './check.js';

const PROTOCOL = 'graphql-transport-ws';

/** @param {{ url: string, query: string, subscription?: string, endless?: string, key?: string }} options */
export function sockets({ url, query, subscription, endless, key }) {
  const address = url.replace(/^http/, 'ws');
  const connectionParams = key ? { Authorization: `Bearer ${key}` } : {};

  const client = (options = {}) =>
    createClient({ url: address, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazy: true, ...options });

  /** Says messages on a bare socket and waits for the close code. */
  const code = (messages, { protocol = PROTOCOL, ...options } = {}) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(address, protocol, options);
      socket.on('open', () => messages.forEach((message) => socket.send(message)));
      socket.on('close', resolve);
      socket.on('error', reject);
    });

  const init = JSON.stringify({ type: 'connection_init', payload: connectionParams });
  const subscribe = (query) => JSON.stringify({ id: 'a', type: 'subscribe', payload: { query } });

  const checks = {
    'a query over a socket': async () => {
      const [answer] = await all(client().iterate({ query }));
      assert.ok(answer.data);
      assert.equal(answer.errors, undefined);
    },
    'an invalid document is an error message': async () => {
      await assert.rejects(all(client().iterate({ query: '{ thisFieldIsNotThere }' })), (errors) => {
        assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
        return true;
      });
    },
    'pings are answered': () =>
      new Promise((resolve) => {
        const pinging = client({ lazy: false, keepAlive: 50 });
        pinging.on('pong', (received) => {
          if (!received) return;
          pinging.dispose();
          resolve();
        });
      }),
    'no message: 4400': async () => assert.equal(await code(['nonsense']), 4400),
    'an operation before the ack: 4401': async () => assert.equal(await code([subscribe(query)]), 4401),
    'credentials that are not valid: 4403': async () =>
      assert.equal(await code([JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer no' } })]), 4403),
    'no connection_init: 4408': async () => assert.equal(await code([]), 4408),
    'a second connection_init: 4429': async () => assert.equal(await code([init, init]), 4429),
    'a page of another origin': async () =>
      assert.rejects(code([], { origin: 'https://evil.example' }), /403/),
  };
  if (subscription) {
    checks['a subscription ends by itself'] = async () => {
      const answers = await all(client().iterate({ query: subscription }));
      assert.ok(answers.length > 0);
      assert.ok(answers.every((answer) => answer.data && !answer.errors));
    };
  }
  if (endless) {
    checks['an id in use: 4409'] = async () =>
      assert.equal(await code([init, subscribe(endless), subscribe(endless)]), 4409);
    checks['a subscription is completed by the client'] = async () => {
      const socket = client({ lazyCloseTimeout: 1_000 });
      for await (const answer of socket.iterate({ query: endless })) {
        assert.ok(answer.data);
        break;
      }
      // The same socket still works.
      assert.ok((await all(socket.iterate({ query })))[0].data);
      await socket.dispose();
    };
  }
  return run(checks);
}
