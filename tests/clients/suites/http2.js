// Node's own HTTP/2 client; without TLS by prior knowledge.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';

import { run } from '../check.js';

export default function http2({ url, key }) {
  const { origin, pathname } = new URL(url);
  return run({
    'many queries on one connection': async () => {
      const session = connect(origin);
      const ask = () =>
        new Promise((resolve, reject) => {
          const stream = session.request({
            ':method': 'POST',
            ':path': pathname,
            'content-type': 'application/json',
            'x-api-key': key,
          });
          let text = '';
          stream.setEncoding('utf8');
          stream.on('data', (chunk) => (text += chunk));
          stream.on('end', () => resolve(JSON.parse(text)));
          stream.on('error', reject);
          stream.end(JSON.stringify({ query: '{ viewer { account { name } } }' }));
        });
      const answers = await Promise.all(Array.from({ length: 50 }, ask));
      session.close();
      assert.ok(answers.every((answer) => answer.data.viewer && !answer.errors));
    },
  });
}
