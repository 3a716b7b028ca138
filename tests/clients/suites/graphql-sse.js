// The graphql-sse client in distinct connections mode.

import assert from 'node:assert/strict';

import { createClient } from 'graphql-sse';

import { signedIn, world } from '../api.js';
import { all, run, take } from '../check.js';

export default async function events(server) {
  const { url, key } = server;
  const { query, ended, endless, dealer } = await world(server);
  const client = (headers = { 'x-api-key': key }) => createClient({ url, headers, singleConnection: false, retryAttempts: 0 });

  return run({
    'a query as a stream of one': async () => {
      const answers = await all(client().iterate({ query }));
      assert.equal(answers.length, 1);
      assert.ok(answers[0].data.viewer);
    },
    'an invalid document is an answer with errors': async () => {
      const [answer] = await all(client().iterate({ query: '{ thisFieldIsNotThere }' }));
      assert.equal(answer.data, undefined);
      assert.equal(answer.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    },
    'credentials that are not valid': async () => {
      await assert.rejects(all(client({ authorization: 'Bearer no' }).iterate({ query })));
    },
    'an access token signs in': async () => {
      const { accessToken } = await signedIn(server, dealer.id, 'Emil Stream');
      const asked = { query: '{ viewer { user { name } } }' };
      const [answer] = await all(client({ authorization: `Bearer ${accessToken}` }).iterate(asked));
      assert.equal(answer.data.viewer.user.name, 'Emil Stream');
    },
    'a subscription ends by itself': async () => {
      const answers = await all(client().iterate({ query: ended }));
      assert.ok(answers.length > 0);
      assert.ok(answers.every((answer) => answer.data && !answer.errors));
      assert.equal(answers.at(-1).data.syncProgress.status, 'SUCCEEDED');
    },
    'a subscription is left by the client': async () => {
      const [answer] = await take(1, client().iterate({ query: endless }));
      assert.ok(answer.data.healthChanged.cursor);
    },
  });
}
