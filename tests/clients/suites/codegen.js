// GraphQL Code Generator's client preset, and TypeScript at its strictest on what comes of it.

import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../check.js';
import { program, workshop } from '../workshop.js';

const generate = (folder) => program('@graphql-codegen/cli/cjs/bin.js', ['--config', 'codegen.ts'], folder);
const typecheck = (folder) => program('typescript/bin/tsc', ['--project', '.'], folder);

/** The manifest of trusted documents: ids and documents. */
export const manifest = () =>
  workshop('codegen', async (folder) => {
    await generate(folder);
    return JSON.parse(await readFile(join(folder, 'generated/persisted-documents.json'), 'utf8'));
  });

export default function codegen() {
  return run({
    'documents become types that hold': () =>
      workshop('codegen', async (folder) => {
        await generate(folder);
        await typecheck(folder);
      }),
    'types that do not hold are noticed': () =>
      workshop('codegen', async (folder) => {
        await generate(folder);
        await appendFile(join(folder, 'dashboard.ts'), "same<Account['name'], string | null>(true);\n");
        await assert.rejects(typecheck(folder), /not assignable/);
      }),
    'what the schema does not have is not generated': () =>
      workshop('codegen', async (folder) => {
        await appendFile(join(folder, 'dashboard.ts'), 'graphql(`query Broken { viewer { shoeSize } }`);\n');
        await assert.rejects(generate(folder), /shoeSize/);
      }),
  });
}
