// Makes graphiql.js.gz, graphiql.css.gz and licences.txt, which the program serves: `npm ci && npm run build`. With --check it only tells
// whether the committed files are what it would make.
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
/** What the bundle is made of. */
const SOURCES = ['main.jsx', 'main.css', 'build.js', 'package-lock.json'];
/** Licences that let the bundle be passed on with the program. */
const ALLOWED = ['Apache-2.0', 'MIT', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD'];
const check = process.argv.includes('--check');

/** Name, version, licence and its text of each package that ends in the bundle. */
async function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+\//);
    if (found) folders.add(found[0]);
  }
  const users = new Map();
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${here}${folder}package.json`, 'utf8'));
    if (!ALLOWED.includes(license)) throw new Error(`${name} has the licence ${license}`);
    const file = (await readdir(`${here}${folder}`)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(`${here}${folder}${file}`, 'utf8') : '';
    users.set(text.trim(), [...(users.get(text.trim()) ?? []), `${name} ${version} (${license})`]);
  }
  const parts = [...users].map(([text, packages]) => `${packages.join('\n')}\n\n${text}`.trim());
  return ['graphiql.js and graphiql.css are made of these packages.', ...parts].join(`\n\n${'-'.repeat(80)}\n\n`) + '\n';
}

/** GraphiQL's fonts are most of its style sheet; the system's serve as well. */
const withoutFonts = {
  name: 'without-fonts',
  setup({ onLoad }) {
    onLoad({ filter: /graphiql\/dist\/style\.css$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return { contents: text.replace(/@font-face\s*\{[^}]*\}/g, ''), loader: 'css' };
    });
  },
};

const built = await build({
  absWorkingDir: here,
  entryPoints: { graphiql: 'main.jsx' },
  outdir: here,
  bundle: true,
  minify: true,
  metafile: true,
  write: false,
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  // They are in licences.txt, each whole.
  legalComments: 'none',
  plugins: [withoutFonts],
});
// A test compares this digest with the files, so that none is changed without building anew.
const sources = createHash('sha256');
for (const file of SOURCES) sources.update(await readFile(here + file));
const note = `/*! GraphiQL and what it needs; their licences are in licences.txt. Sources: ${sources.digest('hex')} */\n`;
const made = new Map(built.outputFiles.map(({ path, text }) => [`${path.slice(here.length)}.gz`, note + text]));
made.set('licences.txt', await licences(Object.keys(built.metafile.inputs)));
for (const [file, text] of made) {
  const packed = file.endsWith('.gz');
  if (check) {
    const committed = await readFile(here + file);
    if ((packed ? gunzipSync(committed) : committed).toString() !== text) {
      console.error(`graphiql: ${file} is not what build.js makes; run npm run build`);
      process.exitCode = 1;
    }
  } else {
    const bytes = packed ? gzipSync(text, { level: 9 }) : Buffer.from(text);
    await writeFile(here + file, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  }
}
