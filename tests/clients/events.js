// The graphql-sse client in distinct connections mode.

import assert from 'node:assert/strict';

import { createClient } from 'graphql-sse';

import { all, run } from './check.js';

/** @param {{ url: string, query: string, subscription?: string, endless?: string, key?: string }} options */
export function events({ url, query, subscription, endless, key }) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const client = () => createClient({ url, headers, singleConnection: false, retryAttempts: 0 });

  const checks = {
    'a query as a stream of one': async () => {
      const answers = await all(client().iterate({ query }));
      assert.equal(answers.length, 1);
      assert.ok(answers[0].data);
    },
    'an invalid document is an answer with errors': async () => {
      const [answer] = await all(client().iterate({ query: '{ thisFieldIsNotThere }' }));
      assert.equal(answer.data, undefined);
      assert.equal(answer.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    },
    'credentials that are not valid': async () => {
      const stranger = createClient({ url, headers: { authorization: 'Bearer no' }, retryAttempts: 0 });
      await assert.rejects(all(stranger.iterate({ query })));
    },
  };
  if (subscription) {
    checks['a subscription ends by itself'] = async () => {
      const answers = await all(client().iterate({ query: subscription }));
      assert.ok(answers.length > 0);
      assert.ok(answers.every((answer) => answer.data && !answer.errors));
    };
  }
  if (endless) {
    checks['a subscription is left by the client'] = async () => {
      for await (const answer of client().iterate({ query: endless })) {
        assert.ok(answer.data);
        break;
      }
    };
  }
  return run(checks);
}
