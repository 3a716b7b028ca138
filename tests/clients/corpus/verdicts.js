// Writes verdicts.json, what graphql-js says of the corpus: `node corpus/verdicts.js`.

import { writeFileSync } from 'node:fs';

import { text, verdicts, written } from './judge.js';

const said = verdicts();
writeFileSync(written, text(said));
console.log(`${said.length} documents, ${said.filter(({ valid }) => valid).length} of them valid`);
