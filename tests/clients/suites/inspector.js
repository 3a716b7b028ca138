// GraphQL Inspector: nothing that was released is taken away. At a release, `released.graphql` becomes a copy of the schema.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

import { run } from '../check.js';
import { SCHEMA, here } from '../workshop.js';

/** What clients of the one schema would find broken in the other. */
async function broken(before, after) {
  const changes = await diff(buildSchema(before), buildSchema(after));
  return changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking).map(({ message }) => message);
}

export default async function inspector() {
  const [released, schema] = await Promise.all([here('released.graphql'), SCHEMA].map((path) => readFile(path, 'utf8')));
  return run({
    'nothing that was released is broken': async () => assert.deepEqual(await broken(released, schema), []),
    'what would be is noticed': async () => {
      const less = schema.replace(/^  """.*"""\n  lifetimeCertificateUrl: URL!\n/m, '');
      assert.notEqual(less, schema);
      assert.deepEqual(await broken(schema, less), ["Field 'lifetimeCertificateUrl' was removed from object type 'Account'"]);
    },
  });
}
