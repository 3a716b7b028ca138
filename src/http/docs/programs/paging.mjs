async function ask(query, variables) {
  const answer = await fetch('{{url}}', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Api-Key': process.env.COPPICE_KEY },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

const query = `query ($after: String) {
  accounts(first: 100, after: $after) {
    nodes { id name role }
    pageInfo { hasNextPage endCursor }
  }
}`;

let after = null;
do {
  const { accounts } = await ask(query, { after });
  for (const account of accounts.nodes) console.log(account.id, account.name);
  after = accounts.pageInfo.hasNextPage ? accounts.pageInfo.endCursor : null;
} while (after);
