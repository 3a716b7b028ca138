// Judges a running server with clients that nobody here wrote:
//
//   npm ci
//   coppice demo                                                             prints URL and key
//   npm test -- SUITE [http://127.0.0.1:8080/graphql --key KEY]
//
// A suite is a file in suites/. Those that judge the committed schema need no server. Exit status 0 if every check passed.

import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { key: { type: 'string' }, manifest: { type: 'string' } },
});
const [name, url] = positionals;
if (!name) {
  console.error('usage: npm test -- SUITE [URL --key KEY]');
  process.exit(2);
}
const { default: suite } = await import(`./suites/${name}.js`);
const results = await suite({ url, ...values });
const failed = results.filter((result) => result.error);
for (const { name, error } of failed) {
  console.error(`failed: ${name}: ${error.stack ?? error.reason ?? JSON.stringify(error)}`);
}
console.log(`${name}: ${results.length - failed.length} of ${results.length}`);
process.exit(failed.length ? 1 : 0);
