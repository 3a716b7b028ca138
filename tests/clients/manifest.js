// Writes what `graphql.trusted_documents_file` reads: all documents of relay-compiler and GraphQL Code Generator.
//
//   node manifest.js FILE

import { writeFile } from 'node:fs/promises';

import { manifest } from './suites/codegen.js';
import { compile } from './suites/relay-compiler.js';

const [relay, codegen] = await Promise.all([compile(), manifest()]);
await writeFile(process.argv[2], JSON.stringify({ ...relay.manifest, ...codegen }, null, 2));
