import { createClient } from 'graphql-ws';

const client = createClient({
  url: '{{socket_url}}',
  connectionParams: { 'X-Api-Key': process.env.COPPICE_KEY },
  retryAttempts: 0,
});

let after = '$certificate';
for (;;) {
  const issued = client.iterate({
    query: `subscription ($account: ID!, $after: ID) {
      certificateIssued(accountId: $account, after: $after) { id number trees }
    }`,
    variables: { account: '$dealer', after },
  });
  try {
    for await (const { data, errors } of issued) {
      if (errors) throw new Error(errors[0].message);
      after = data.certificateIssued.id;
      console.log(data.certificateIssued);
    }
  } catch (error) {
    // A socket that was closed, other than for a refused sign-in, is opened again.
    if (!('code' in error) || error.code === 4403) throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
