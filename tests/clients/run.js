// Judges a running server with clients that nobody here wrote:
//
//   npm ci
//   npm test -- http://127.0.0.1:8080/graphql --key KEY
//
// --query         a query that answers without errors                      { __typename }
// --subscription  one that ends by itself                                  none: its checks are left out
// --endless       one that sends something and then goes on                none: its checks are left out
// --key           an API key or token, where the operations need one
//
// Exit status 0 if every check passed.

import { parseArgs } from 'node:util';

import { audits } from './audits.js';
import { events } from './events.js';
import { http2 } from './http2.js';
import { sockets } from './sockets.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    query: { type: 'string', default: '{ __typename }' },
    subscription: { type: 'string' },
    endless: { type: 'string' },
    key: { type: 'string' },
  },
});
const [url] = positionals;
if (!url) {
  console.error('usage: npm test -- URL [--query Q] [--subscription S] [--endless S] [--key KEY]');
  process.exit(2);
}

let failed = 0;
for (const [name, suite] of Object.entries({ 'graphql-http': audits, 'graphql-ws': sockets, 'graphql-sse': events, http2 })) {
  const results = await suite({ url, ...values });
  const good = results.filter((result) => !result.error);
  for (const { name, error } of results.filter((result) => result.error)) {
    console.error(`failed: ${name}: ${error.message || error.reason || JSON.stringify(error)}`);
  }
  console.log(`${name}: ${good.length} of ${results.length}`);
  failed += results.length - good.length;
}
process.exit(failed ? 1 : 0);
