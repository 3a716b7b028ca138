// The graphql-ws client over WebSockets; what a good client never does is in protocol.js.

import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { signedIn, world } from '../api.js';
import { all, run, take } from '../check.js';

export default async function sockets(server) {
  const { key } = server;
  const url = server.url.replace(/^http/, 'ws');
  const { query, ended, endless, servers, dealer } = await world(server);

  const client = (options = {}) =>
    createClient({ url, webSocketImpl: WebSocket, connectionParams: { 'X-Api-Key': key }, retryAttempts: 0, ...options });

  return run({
    'a query over a socket': async () => {
      const [answer, ...more] = await all(client().iterate({ query }));
      assert.ok(answer.data.viewer.account.id);
      assert.equal(answer.errors, undefined);
      assert.deepEqual(more, []);
    },
    'variables and an operation by its name': async () => {
      const query = 'query A($id: ID!) { account(id: $id) { id } } query B { viewer { permission } }';
      const variables = { id: dealer.id };
      const [answer] = await all(client().iterate({ query, variables, operationName: 'A' }));
      assert.equal(answer.data.account.id, dealer.id);
    },
    'an invalid document is an error message': async () => {
      await assert.rejects(all(client().iterate({ query: '{ thisFieldIsNotThere }' })), (errors) => {
        assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
        return true;
      });
    },
    'who is not signed in may look, and sees nothing': async () => {
      const [answer] = await all(client({ connectionParams: {} }).iterate({ query }));
      assert.deepEqual(answer, { data: { viewer: null }, extensions: answer.extensions });
    },
    'an access token signs in': async () => {
      const { accessToken } = await signedIn(server, dealer.id, 'Wanda Socket');
      const asked = { query: '{ viewer { user { name } } }' };
      const [answer] = await all(client({ connectionParams: { Authorization: `Bearer ${accessToken}` } }).iterate(asked));
      assert.equal(answer.data.viewer.user.name, 'Wanda Socket');
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
    'a subscription ends by itself': async () => {
      const answers = await all(client().iterate({ query: ended }));
      assert.ok(answers.length > 0);
      assert.ok(answers.every((answer) => answer.data && !answer.errors));
      assert.equal(answers.at(-1).data.syncProgress.status, 'SUCCEEDED');
    },
    'a subscription is completed by the client, and its socket goes on': async () => {
      const socket = client({ lazyCloseTimeout: 60_000 });
      const [answer] = await take(1, socket.iterate({ query: endless }));
      assert.ok(answer.data.healthChanged.cursor);
      assert.ok((await all(socket.iterate({ query })))[0].data);
      await socket.dispose();
    },
    'a run is followed from its start to its end': async () => {
      const socket = client({ lazyCloseTimeout: 60_000 });
      const start = `mutation { startSync(input: { serverId: "${servers[0].id}" }) { syncRun { id } userErrors { message } } }`;
      const [started] = await all(socket.iterate({ query: start }));
      const { syncRun, userErrors } = started.data.startSync;
      assert.deepEqual(userErrors, []);
      const follow = `subscription { syncProgress(runId: "${syncRun.id}") { status cursor feedsDone feedsTotal syncRun { id } } }`;
      const states = (await all(socket.iterate({ query: follow }))).map(({ data, errors }) => {
        assert.equal(errors, undefined);
        return data.syncProgress;
      });
      assert.equal(states.at(-1).status, 'SUCCEEDED');
      assert.equal(states.at(-1).feedsDone, states.at(-1).feedsTotal);
      const done = states.map((state) => state.feedsDone);
      assert.deepEqual(done, done.toSorted((a, b) => a - b));
      assert.equal(new Set(states.map((state) => state.cursor)).size, states.length, 'no state comes twice');
      // From the last state on there is only the end.
      const after = follow.replace(') {', `, after: "${states.at(-1).cursor}") {`);
      assert.deepEqual(await all(socket.iterate({ query: after })), []);
      await socket.dispose();
    },
    'a hundred operations share a socket': async () => {
      const socket = client({ lazyCloseTimeout: 60_000 });
      const answers = await Promise.all(Array.from({ length: 100 }, () => all(socket.iterate({ query }))));
      assert.ok(answers.every(([answer]) => answer.data.viewer));
      await socket.dispose();
    },
  });
}
