// Folders for tools that write files: nothing of theirs lands in the tree.

import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The committed schema. */
export const SCHEMA = here('../../schema.graphql');

/** Does something in a new folder with a copy of `front/NAME`, the schema and the installed packages. */
export async function workshop(name, work) {
  const folder = await mkdtemp(join(tmpdir(), `coppice-${name}-`));
  try {
    await cp(here(`front/${name}`), folder, { recursive: true });
    await cp(SCHEMA, join(folder, 'schema.graphql'));
    await symlink(here('node_modules'), join(folder, 'node_modules'));
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const execute = promisify(execFile);

/** Runs a package's program with this Node.js; what it prints is in the error if it fails. */
export async function program(path, args, cwd) {
  const { stdout, stderr } = await execute(process.execPath, [here(`node_modules/${path}`), ...args], { cwd }).catch((error) => {
    throw new Error(`${path} ${args.join(' ')}: ${error.message}\n${error.stdout}`);
  });
  return stdout + stderr;
}
