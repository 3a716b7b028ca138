// Trusted documents as Relay and code generators name them, on a server that runs no others.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { createClient as overEvents } from 'graphql-sse';
import { createClient as overSocket } from 'graphql-ws';
import WebSocket from 'ws';

import { post } from '../api.js';
import { all, run } from '../check.js';

export default async function trusted({ url, key, manifest }) {
  const documents = Object.entries(JSON.parse(await readFile(manifest, 'utf8')));
  const idOf = (operation) => documents.find(([, text]) => text.includes(`${operation}(`))[0];
  const server = { url, key };
  const days = { from: '2026-01-01', to: '2026-03-31' };
  const relay = (accountId) => ({ documentId: idOf('query DashboardQuery'), variables: { accountId, ...days } });
  const codegen = (account) => ({ documentId: idOf('query Dashboard'), variables: { account, ...days } });
  const { data } = await post(server, relay('acc_nothing'));
  const { account } = data.viewer;

  const byGet = ({ documentId, variables }) => {
    const asked = new URLSearchParams({ documentId, variables: JSON.stringify(variables) });
    return fetch(`${url}?${asked}`, { headers: { 'x-api-key': key } });
  };
  const code = async (body) => (await post(server, body)).errors.map(({ extensions }) => extensions.code);

  return run({
    'a document of Relay': async () => {
      const { data, errors } = await post(server, relay(account.id));
      assert.equal(errors, undefined);
      assert.equal(data.account.name, account.name);
    },
    'a document of the code generator': async () => {
      const { data, errors } = await post(server, codegen(account.id));
      assert.equal(errors, undefined);
      assert.equal(data.account.name, account.name);
      assert.equal(data.account.consumption.points.length, 3);
    },
    'by GET': async () => {
      const response = await byGet(codegen(account.id));
      assert.equal(response.status, 200);
      assert.equal((await response.json()).data.account.name, account.name);
    },
    'a mutation, but not by GET': async () => {
      const input = { serverId: 'srv_nothing', accountId: account.id, externalId: '1', activationDate: '2026-01-01' };
      const asked = { documentId: idOf('mutation DashboardRegisterFeedMutation'), variables: { input } };
      const { data } = await post(server, asked);
      assert.equal(data.registerFeed.userErrors[0].code, 'NOT_FOUND');
      assert.equal((await byGet(asked)).status, 405);
    },
    'over a WebSocket': async () => {
      const address = url.replace(/^http/, 'ws');
      const client = overSocket({ url: address, webSocketImpl: WebSocket, connectionParams: { 'X-Api-Key': key }, retryAttempts: 0 });
      // This client wants a text, be it an empty one.
      const iterate = (asked) => client.iterate({ query: '', ...asked });
      const [answer] = await all(iterate(codegen(account.id)));
      assert.equal(answer.data.account.name, account.name);
      // There is no such run, so the stream is over.
      const progress = { documentId: idOf('subscription Progress'), variables: { run: 'run_nothing' } };
      assert.deepEqual(await all(iterate(progress)), []);
      await assert.rejects(all(client.iterate({ query: '{ viewer { permission } }' })), ([{ extensions }]) => extensions.code === 'FORBIDDEN');
      await client.dispose();
    },
    'over Server-Sent Events': async () => {
      const client = overEvents({ url, headers: { 'x-api-key': key }, retryAttempts: 0 });
      const [answer] = await all(client.iterate(relay(account.id)));
      assert.equal(answer.data.account.name, account.name);
      client.dispose();
    },
    'every document of the manifest is known': async () => {
      assert.equal(documents.length, 12);
      for (const [documentId, text] of documents) {
        // Without their variables they are refused, but each for itself.
        const { errors } = await post(server, { documentId });
        assert.equal(errors[0].extensions.code, text.startsWith('subscription') ? errors[0].extensions.code : 'GRAPHQL_VALIDATION_FAILED', text);
        assert.doesNotMatch(errors[0].message, /trusted/, text);
      }
    },
    'no other document is run': async () => {
      assert.deepEqual(await code({ query: '{ viewer { permission } }' }), ['FORBIDDEN']);
      assert.deepEqual(await code({ documentId: 'nothing' }), ['BAD_REQUEST']);
      assert.deepEqual(await code({ ...codegen(account.id), query: '{ viewer { permission } }' }), ['BAD_REQUEST']);
    },
  });
}
