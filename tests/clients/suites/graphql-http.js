// graphql-http's audits of GraphQL over HTTP. One that only warns has failed too.

import assert from 'node:assert/strict';

import { auditServer } from 'graphql-http';

export default async function audits({ url }) {
  const results = await auditServer({ url, fetchFn: fetch });
  const judged = await Promise.all(
    results.map(async ({ id, name, status, reason }) => ({ name: `${id} ${name}`, error: status === 'ok' ? undefined : { reason } })),
  );
  // A later version may have more of them, never less.
  assert.ok(judged.length >= 61);
  return judged;
}
