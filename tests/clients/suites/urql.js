// A front end's data layer with urql: document cache, then Graphcache with the schema, which judges every answer.

import assert from 'node:assert/strict';

import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange as graphcache } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { getIntrospectionQuery } from 'graphql';
import { createClient as overEvents } from 'graphql-sse';
import { createClient as overSocket } from 'graphql-ws';
import WebSocket from 'ws';

import { ask, unique, world } from '../api.js';
import { run, until } from '../check.js';

export default async function urql(server) {
  const { url, key } = server;
  const { dealer, customers, servers } = await world(server);
  const headers = { 'x-api-key': key };
  const schema = await ask(server, getIntrospectionQuery());
  const warnings = [];

  const client = (exchanges = [cacheExchange, fetchExchange], fetchOptions = { headers }) =>
    new Client({ url, exchanges, fetchOptions, preferGetMethod: false });

  /** With a normalised cache; what the answers lack of the schema is a warning. */
  const normalised = () =>
    client([
      graphcache({
        schema,
        keys: Object.fromEntries(schema.__schema.types.filter(({ kind, fields }) => kind === 'OBJECT' && !fields.some(({ name }) => name === 'id')).map(({ name }) => [name, () => null])),
        resolvers: { Query: { servers: relayPagination() } },
        optimistic: { updateAccount: ({ input }) => ({ __typename: 'UpdateAccountPayload', userErrors: [], account: { __typename: 'Account', id: input.accountId, name: input.name } }) },
        logger: (severity, message) => severity !== 'debug' && warnings.push(`${severity}: ${message}`),
      }),
      fetchExchange,
    ]);

  const socket = overSocket({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0, lazyCloseTimeout: 60_000 });
  const events = overEvents({ url, headers, retryAttempts: 0 });
  const live = (transport) => {
    const forwardSubscription = (request) => ({ subscribe: (sink) => ({ unsubscribe: transport.subscribe({ ...request, query: request.query ?? '' }, sink) }) });
    return client([cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })]);
  };
  const followed = async (transport) => {
    const front = live(transport);
    const start = gql`mutation Start($input: StartSyncInput!) { startSync(input: $input) { syncRun { id } userErrors { code } } }`;
    const { data, error } = await front.mutation(start, { input: { serverId: servers[2].id } });
    assert.equal(error, undefined);
    const query = gql`subscription Progress($id: ID!) { syncProgress(runId: $id) { status feedsDone feedsTotal } }`;
    const states = [];
    const { unsubscribe } = front.subscription(query, { id: data.startSync.syncRun.id }).subscribe((state) => states.push(state));
    await until(() => states.at(-1)?.error || states.at(-1)?.data?.syncProgress.status === 'SUCCEEDED');
    unsubscribe();
    assert.deepEqual(states.map(({ error }) => error).filter(Boolean), []);
  };

  const results = await run({
    'a page with variables, then from the cache': async () => {
      const front = client();
      const query = gql`query Dealer($id: ID!) { account(id: $id) { id name totals { lifetime { pages trees } } } }`;
      const first = await front.query(query, { id: dealer.id });
      assert.equal(first.error, undefined);
      assert.equal(first.data.account.name, dealer.name);
      const second = await front.query(query, { id: dealer.id }, { requestPolicy: 'cache-only' });
      assert.deepEqual(second.data, first.data);
    },
    'the cache knows the schema, and misses nothing': async () => {
      const front = normalised();
      const query = gql`query Feeds { servers { nodes { __typename id name vendor health { __typename status history(first: 1) { nodes { __typename subject { __typename ... on Server { id } ... on Feed { id } } } } }
        feeds { nodes { __typename id externalId account { id name } lastDataAt } } } } }`;
      const { data, error } = await front.query(query);
      assert.equal(error, undefined);
      const again = await front.query(query, {}, { requestPolicy: 'cache-only' });
      assert.deepEqual(again.data, data);
      assert.equal(again.stale, false);
      assert.deepEqual(warnings, []);
    },
    'a list grows page by page': async () => {
      const front = normalised();
      const query = gql`query Pages($after: String) { servers(first: 1, after: $after) { edges { node { id name } } pageInfo { hasNextPage endCursor } } }`;
      let shown;
      let after = null;
      do {
        const { data, error } = await front.query(query, { after });
        assert.equal(error, undefined);
        shown = data.servers;
        after = shown.pageInfo.endCursor;
      } while (shown.pageInfo.hasNextPage);
      assert.deepEqual(shown.edges.map(({ node }) => node.id), servers.map(({ id }) => id));
      assert.deepEqual(warnings, []);
    },
    'a mutation is shown at once, and as the server says then': async () => {
      const front = normalised();
      const query = gql`query One($id: ID!) { account(id: $id) { id name version } }`;
      const names = [];
      const { unsubscribe } = front.query(query, { id: customers[0].id }).subscribe(({ data }) => names.push(data?.account.name));
      await until(() => names.length);
      const before = names[0];
      const rename = gql`mutation Rename($input: UpdateAccountInput!) { updateAccount(input: $input) { account { id name version } userErrors { code } } }`;
      const name = unique('Renamed');
      const { data } = await front.mutation(rename, { input: { accountId: customers[0].id, name } });
      assert.equal(data.updateAccount.account.name, name);
      await until(() => names.at(-1) === name);
      await front.mutation(rename, { input: { accountId: customers[0].id, name: before } });
      await until(() => names.at(-1) === before);
      unsubscribe();
    },
    'what a caller can put right is data': async () => {
      const mutation = gql`mutation Wrong($input: RegisterFeedInput!) { registerFeed(input: $input) { feed { id } userErrors { code field message } } }`;
      const input = { serverId: servers[0].id, accountId: customers[0].id, externalId: '', activationDate: '2020-01-01' };
      const { data, error } = await client().mutation(mutation, { input });
      assert.equal(error, undefined);
      assert.deepEqual(data.registerFeed.userErrors.map(({ code, field }) => [code, field]), [['INVALID', ['externalId']]]);
    },
    'errors have their codes': async () => {
      const code = async (front, text) => (await front.query(gql(text), {})).error.graphQLErrors.map(({ extensions }) => extensions.code);
      assert.deepEqual(await code(client(), '{ thisFieldIsNotThere }'), ['GRAPHQL_VALIDATION_FAILED']);
      assert.deepEqual(await code(client(undefined, {}), '{ servers { nodes { id } } }'), ['UNAUTHENTICATED']);
    },
    'queries by GET': async () => {
      const front = new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers }, preferGetMethod: 'force' });
      const { data, error } = await front.query(gql`query One($id: ID!) { account(id: $id) { name } }`, { id: dealer.id });
      assert.equal(error, undefined);
      assert.equal(data.account.name, dealer.name);
    },
    'live progress over a WebSocket': () => followed(socket),
    'live progress over Server-Sent Events': () => followed(events),
  });
  await socket.dispose();
  events.dispose();
  return results;
}
