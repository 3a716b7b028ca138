import { readFile, writeFile } from 'node:fs/promises';

const query = `query ($after: String) {
  accounts(first: 100, after: $after, orderBy: UPDATED_AT_ASC) {
    nodes { id name status updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** The copy: what was read, and the place to go on from. */
const copy = JSON.parse(await readFile('accounts.json', 'utf8').catch(() => '{ "after": null, "accounts": {} }'));
let more = true;
while (more) {
  const answer = await fetch('{{url}}', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Api-Key': process.env.COPPICE_KEY },
    body: JSON.stringify({ query, variables: { after: copy.after } }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  const { nodes, pageInfo } = data.accounts;
  for (const account of nodes) copy.accounts[account.id] = account;
  copy.after = pageInfo.endCursor ?? copy.after;
  more = pageInfo.hasNextPage;
}
await writeFile('accounts.json', JSON.stringify(copy));
console.log(Object.keys(copy.accounts).length, 'accounts');
