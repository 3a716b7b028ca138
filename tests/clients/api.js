// The plainest client there is, for what suites need to know before they begin.

import { randomUUID } from 'node:crypto';

/** Asks by POST; gives status, headers and the answer. */
export async function post({ url, key, headers }, body) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { 'x-api-key': key }), ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, ...(await response.json()) };
}

/** The data of an answer without errors. */
export async function ask(server, query, variables) {
  const { data, errors } = await post(server, { query, variables });
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

/** What is there to ask for: the ids of a server's world, such as the one that `coppice demo` leaves running. */
export async function world(server) {
  const { viewer, dealers, customers, servers, syncRuns } = await ask(
    server,
    `{
      viewer { account { id name } }
      dealers: accounts(filter: { role: [PARTNER] }) { nodes { id name } }
      customers: accounts(filter: { role: [CUSTOMER] }) { nodes { id name } }
      servers { nodes { id name vendor feeds { nodes { id } } health { history(last: 1) { nodes { cursor } } } } }
      syncRuns(filter: { status: [SUCCEEDED] }, last: 1) { nodes { id } }
    }`,
  );
  return {
    top: viewer.account,
    dealer: dealers.nodes[0],
    customers: customers.nodes,
    servers: servers.nodes,
    // Its progress is one event, and the end.
    ended: `subscription { syncProgress(runId: "${syncRuns.nodes[0].id}") { runId status pages } }`,
    // What changed since a server was first seen is sent at once, such as its feeds, and then it waits.
    endless: `subscription { healthChanged(accountId: "${viewer.account.id}",
      after: "${servers.nodes[0].health.history.nodes[0].cursor}") { cursor status subject { __typename } } }`,
    query: '{ viewer { account { id name } } }',
  };
}

/** A name that nothing has yet, however often a suite runs on one server. */
export const unique = (name) => `${name}-${randomUUID()}`;

/** Makes a user of an account and signs them in; gives the session. */
export async function signedIn(server, accountId, name) {
  const input = { accountId, name, email: `${unique('user')}@example.com`, permission: 'WRITE' };
  const made = await ask(
    server,
    'mutation ($input: CreateUserInput!) { createUser(input: $input) { passwordUrl userErrors { message } } }',
    { input },
  );
  const { passwordUrl, userErrors } = made.createUser;
  if (userErrors.length) throw new Error(userErrors[0].message);
  const token = /[^=/#?]+$/.exec(passwordUrl)[0];
  const set = await ask(
    { url: server.url },
    `mutation ($input: SetPasswordInput!) { setPassword(input: $input) {
      session { accessToken refreshToken viewer { user { name } } } userErrors { message } } }`,
    { input: { token, password: 'nine trees and a river' } },
  );
  if (set.setPassword.userErrors.length) throw new Error(set.setPassword.userErrors[0].message);
  return set.setPassword.session;
}
