// Relay's compiler, which wants connections, Node and refetchable objects as its specifications have them.

import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../check.js';
import { program, workshop } from '../workshop.js';

/** The compiler wants the folder that it fills. */
async function compiler(folder) {
  await mkdir(join(folder, '__generated__'));
  return program('relay-compiler/cli.js', ['relay.config.json'], folder);
}

/** Compiles; gives the names of what was written, and the manifest: ids and documents. */
export const compile = () =>
  workshop('relay', async (folder) => {
    await compiler(folder);
    const artifacts = await readdir(join(folder, '__generated__'));
    return { artifacts, manifest: JSON.parse(await readFile(join(folder, 'persisted.json'), 'utf8')) };
  });

export default function relay() {
  return run({
    'a dashboard compiles': async () => {
      const { artifacts, manifest } = await compile();
      for (const name of ['DashboardQuery', 'DashboardFeedsPaginationQuery', 'DashboardDevicesBackwardsQuery', 'Dashboard_account']) {
        assert.ok(artifacts.includes(`${name}.graphql.js`), `${name}: ${artifacts}`);
      }
      assert.equal(Object.keys(manifest).length, 8);
    },
    'what the schema does not have does not': async () => {
      const broken = workshop('relay', async (folder) => {
        await appendFile(join(folder, 'Dashboard.js'), 'graphql`query DashboardBrokenQuery { viewer { shoeSize } }`;');
        await compiler(folder);
      });
      await assert.rejects(broken, /shoeSize/);
    },
  });
}
