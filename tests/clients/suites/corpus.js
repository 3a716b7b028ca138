// Some 300 documents, judged by graphql-js and by the server: the differential test.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { post } from '../api.js';
import { run } from '../check.js';
import { text, verdicts, written } from '../corpus/judge.js';

export default async function corpus(server) {
  const said = verdicts();
  const results = await run({
    // The Rust tests read them.
    'the written verdicts are those of graphql-js': () => assert.equal(readFileSync(written, 'utf8'), text(said)),
  });
  for (const { name, query, variables, operationName, valid, reason, different } of said) {
    const { errors = [] } = await post(server, { query, variables, operationName });
    const refused = errors.find(({ extensions }) => extensions.code === 'GRAPHQL_VALIDATION_FAILED');
    const agreed = !refused === (valid !== Boolean(different));
    const disagreement = refused ? `refused: ${refused.message}` : `accepted, but: ${different ?? reason}`;
    results.push({ name, error: agreed ? undefined : { reason: disagreement } });
  }
  return results;
}
