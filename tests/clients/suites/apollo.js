// A front end's data layer with Apollo Client: normalised cache, Relay pages, mutations, live progress.

import assert from 'node:assert/strict';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { BatchHttpLink } from '@apollo/client/link/batch-http';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { ask, unique, world } from '../api.js';
import { run, until } from '../check.js';

/** What a build step writes for the cache: which types an interface or union has. */
async function possibleTypes(server) {
  const { __schema } = await ask(server, '{ __schema { types { kind name possibleTypes { name } } } }');
  const abstract = __schema.types.filter(({ kind }) => kind === 'INTERFACE' || kind === 'UNION');
  return Object.fromEntries(abstract.map(({ name, possibleTypes }) => [name, possibleTypes.map((type) => type.name)]));
}

const FEED = gql`
  fragment FeedRow on Feed {
    id
    externalId
    status
    version
    health { status message }
  }
`;

export default async function apollo(server) {
  const { url, key } = server;
  const { dealer, customers, servers, ended } = await world(server);
  const types = await possibleTypes(server);

  const headers = { 'x-api-key': key };
  const socket = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0 });
  const client = (http = new HttpLink({ uri: url, headers })) => {
    const live = ({ query }) => getMainDefinition(query).operation === 'subscription';
    return new ApolloClient({
      link: ApolloLink.split(live, new GraphQLWsLink(socket), http),
      cache: new InMemoryCache({
        possibleTypes: types,
        typePolicies: { Query: { fields: { servers: relayStylePagination(['filter', 'orderBy']) } }, Server: { fields: { feeds: relayStylePagination() } } },
      }),
    });
  };
  const fails = (promise, ...codes) =>
    assert.rejects(promise, (error) => {
      assert.ok(CombinedGraphQLErrors.is(error), String(error));
      assert.deepEqual(error.errors.map(({ extensions }) => extensions.code), codes);
      assert.ok(error.errors.every(({ extensions }) => extensions.requestId));
      return true;
    });

  const results = await run({
    'a page with variables': async () => {
      const query = gql`query Dealer($id: ID!) { account(id: $id) { id name totals { lifetime { pages trees } } } }`;
      const { data } = await client().query({ query, variables: { id: dealer.id } });
      assert.equal(data.account.name, dealer.name);
      assert.ok(data.account.totals.lifetime.pages > 0);
      assert.equal(typeof data.account.totals.lifetime.trees, 'string');
    },
    'an object is kept once, whatever way it was reached': async () => {
      const front = client();
      const query = gql`query Both($id: ID!) { node(id: $id) { ...FeedRow } server(id: "${servers[0].id}") { id feeds { nodes { ...FeedRow } } } } ${FEED}`;
      const { data } = await front.query({ query, variables: { id: servers[0].feeds.nodes[0].id } });
      assert.equal(data.node.__typename, 'Feed');
      const kept = front.cache.readFragment({ id: front.cache.identify(data.node), fragment: FEED });
      assert.deepEqual(kept, data.node);
      assert.deepEqual(data.server.feeds.nodes.find(({ id }) => id === data.node.id), data.node);
    },
    'a list grows page by page': async () => {
      const query = gql`query Pages($after: String) { servers(first: 1, after: $after) {
        edges { cursor node { id name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
      const front = client();
      const watched = front.watchQuery({ query });
      const subscription = watched.subscribe({});
      const shown = () => front.cache.readQuery({ query })?.servers;
      await until(shown);
      while (shown().pageInfo.hasNextPage) await watched.fetchMore({ variables: { after: shown().pageInfo.endCursor } });
      await until(() => watched.getCurrentResult().data.servers.edges.length === servers.length);
      subscription.unsubscribe();
      assert.deepEqual(shown().edges.map(({ node }) => node.id), servers.map(({ id }) => id));
    },
    'a mutation changes what is shown': async () => {
      const front = client();
      const query = gql`query One($id: ID!) { account(id: $id) { id name version } }`;
      const variables = { id: customers[0].id };
      const before = (await front.query({ query, variables })).data.account;
      const names = [];
      const subscription = front.watchQuery({ query, variables }).subscribe(({ data }) => names.push(data?.account?.name));
      const rename = gql`mutation Rename($input: UpdateAccountInput!) { updateAccount(input: $input) { account { id name version } userErrors { code } } }`;
      const input = { accountId: before.id, name: unique('Renamed'), expectedVersion: before.version };
      const { data } = await front.mutate({ mutation: rename, variables: { input } });
      assert.deepEqual(data.updateAccount.userErrors, []);
      await until(() => names.at(-1) === input.name);
      subscription.unsubscribe();
      // The same again, by somebody who has not seen the change.
      const late = await front.mutate({ mutation: rename, variables: { input } });
      assert.equal(late.data.updateAccount.account, null);
      assert.deepEqual(late.data.updateAccount.userErrors.map(({ code }) => code), ['CONFLICT']);
      await front.mutate({ mutation: rename, variables: { input: { accountId: before.id, name: before.name } } });
    },
    'what a caller can put right is data': async () => {
      const mutation = gql`mutation { registerFeed(input: { serverId: "${servers[0].id}", accountId: "${customers[0].id}", externalId: "", activationDate: "2020-01-01" }) {
        feed { ...FeedRow } userErrors { code field message } } } ${FEED}`;
      const { data, error } = await client().mutate({ mutation });
      assert.equal(error, undefined);
      assert.equal(data.registerFeed.feed, null);
      assert.deepEqual(data.registerFeed.userErrors.map(({ code, field }) => [code, field]), [['INVALID', ['externalId']]]);
    },
    'what does not validate is an error with its code': async () => {
      await fails(client().query({ query: gql`{ thisFieldIsNotThere }` }), 'GRAPHQL_VALIDATION_FAILED');
      await fails(client().query({ query: gql`query ($id: ID!) { account(id: $id) { id } }` }), 'GRAPHQL_VALIDATION_FAILED');
    },
    'who is not signed in is told so': async () => {
      const stranger = client(new HttpLink({ uri: url }));
      await fails(stranger.query({ query: gql`{ servers { nodes { id } } }` }), 'UNAUTHENTICATED');
      await fails(client(new HttpLink({ uri: url, headers: { 'x-api-key': 'no' } })).query({ query: gql`{ viewer { permission } }` }), 'UNAUTHENTICATED');
      assert.equal((await stranger.query({ query: gql`{ viewer { permission } }` })).data.viewer, null);
    },
    'what asks for too much is told so': async () => {
      const query = gql`query Much { account(id: "${dealer.id}") { id name consumption(from: "1990-01-01", to: "2026-01-01") { total { pages } } } }`;
      await fails(client().query({ query }), 'TOO_COMPLEX');
    },
    'unions and interfaces': async () => {
      const query = gql`query Subjects { servers { nodes { id health { history(first: 1) { nodes { subject { __typename ... on Server { id url } ... on Feed { id externalId } } } } } } } }`;
      const { data } = await client().query({ query });
      for (const { id, health } of data.servers.nodes) assert.equal(health.history.nodes[0].subject.id, id);
      const nodes = gql`query Nodes($ids: [ID!]!) { nodes(ids: $ids) { id ... on Account { name } ... on Server { vendor } } }`;
      const ids = [servers[0].id, 'srv_nothing', dealer.id];
      const answer = await client().query({ query: nodes, variables: { ids } });
      assert.deepEqual(answer.data.nodes.map((node) => node?.__typename ?? null), ['Server', null, 'Account']);
    },
    'queries by GET, so that they could be cached': async () => {
      const used = [];
      const spying = (input, init) => (used.push(init.method), fetch(input, init));
      const front = client(new HttpLink({ uri: url, headers, useGETForQueries: true, fetch: spying }));
      const query = gql`query One($id: ID!) { account(id: $id) { name } }`;
      assert.equal((await front.query({ query, variables: { id: dealer.id } })).data.account.name, dealer.name);
      assert.deepEqual(used, ['GET']);
    },
    'several operations in one request are refused as a whole': async () => {
      const batching = client(new BatchHttpLink({ uri: url, headers, batchMax: 2, batchInterval: 60_000 }));
      const both = ['{ viewer { permission } }', '{ vendors { kind } }'].map((text) => batching.query({ query: gql(text) }));
      const settled = await Promise.allSettled(both);
      assert.ok(settled.every(({ status }) => status === 'rejected'));
    },
    'what is not waited for any more is left': async () => {
      const controller = new AbortController();
      const asked = client().query({ query: gql`{ vendors { kind } }`, context: { fetchOptions: { signal: controller.signal } } });
      controller.abort();
      await assert.rejects(asked);
    },
    'live progress of a run': async () => {
      const front = client();
      const start = gql`mutation Start($input: StartSyncInput!) { startSync(input: $input) { syncRun { id status } userErrors { code } } }`;
      const { data } = await front.mutate({ mutation: start, variables: { input: { serverId: servers[1].id } } });
      const query = gql`subscription Progress($id: ID!) { syncProgress(runId: $id) { status pages syncRun { id status finishedAt } } }`;
      const states = [];
      await new Promise((complete, error) => {
        const next = ({ data, error }) => states.push(error ?? data.syncProgress);
        front.subscribe({ query, variables: { id: data.startSync.syncRun.id } }).subscribe({ next, complete, error });
      });
      assert.equal(states.at(-1).status, 'SUCCEEDED');
      // The cache holds the run as it ended.
      const fragment = gql`fragment Run on SyncRun { status finishedAt }`;
      assert.equal(front.cache.readFragment({ id: front.cache.identify(states.at(-1).syncRun), fragment }).status, 'SUCCEEDED');
    },
    'a subscription to what has ended': async () => {
      const states = [];
      await new Promise((complete, error) => {
        client().subscribe({ query: gql(ended) }).subscribe({ next: (state) => states.push(state), complete, error });
      });
      assert.equal(states.at(-1).data?.syncProgress.status, 'SUCCEEDED', String(states.at(-1).error?.stack));
    },
  });
  await socket.dispose();
  return results;
}
