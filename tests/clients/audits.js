// graphql-http's audits of GraphQL over HTTP. One that only warns has failed too.

import { auditServer } from 'graphql-http';

/** @param {{ url: string }} options */
export async function audits({ url }) {
  const results = await auditServer({ url, fetchFn: fetch });
  return results.map(({ id, name, status, reason }) => ({
    name: `${id} ${name}`,
    error: status === 'ok' ? undefined : reason,
  }));
}
