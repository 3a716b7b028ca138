// A front end's documents, and what its compiler may rely on in the answers.

import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';

import { type FragmentType, graphql, useFragment } from './generated';
import type { RegisterServerInput, ServerCredentialsInput } from './generated/graphql';

export const Row = graphql(`
  fragment FeedRow on Feed {
    id
    name
    externalId
    status
    lastDataAt
    health { status reason message }
    server { name }
  }
`);

export const Dashboard = graphql(`
  query Dashboard($account: ID!, $from: Date!, $to: Date!, $after: String) {
    account(id: $account) {
      name
      parent { name }
      totals { lifetime { pages trees } }
      consumption(from: $from, to: $to, interval: MONTH) { points { from pages trees } }
      feeds(first: 50, after: $after) { nodes { ...FeedRow } pageInfo { hasNextPage endCursor } }
    }
  }
`);

export const Subject = graphql(`
  query Subject($id: ID!) {
    server(id: $id) { health { history(first: 1) { nodes { subject { __typename ... on Server { url } ... on Feed { externalId } } } } } }
  }
`);

export const Register = graphql(`
  mutation Register($input: RegisterServerInput!) {
    registerServer(input: $input) { server { id vendor } userErrors { code field message } }
  }
`);

export const Progress = graphql(`
  subscription Progress($run: ID!) {
    syncProgress(runId: $run) { status feedsDone feedsTotal estimatedFinishAt currentFeed { name } }
  }
`);

/** The identity, if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;

type Account = NonNullable<ResultOf<typeof Dashboard>['account']>;

// An account may not be there, its name is; a parent may not be.
same<ResultOf<typeof Dashboard>['account'], Account | null | undefined>(true);
same<Account['name'], string>(true);
same<Account['totals']['lifetime']['trees'], string>(true);
same<Account['totals']['lifetime']['pages'], number>(true);
// What is asked for must be given, what may be left out need not.
export const variables: VariablesOf<typeof Dashboard> = { account: 'acc_1', from: '2026-01-01', to: '2026-03-31' };
// @ts-expect-error a day is missing
export const incomplete: VariablesOf<typeof Dashboard> = { account: 'acc_1', from: '2026-01-01' };

export function row(feed: FragmentType<typeof Row>): string {
  const { name, externalId, health, server } = useFragment(Row, feed);
  // @ts-expect-error a customer does not see its partner's server
  server.name;
  // @ts-expect-error nobody asked for it
  health.changedAt;
  return `${name ?? externalId} ${health.status === 'UNHEALTHY' ? (health.message ?? '') : ''} ${server?.name ?? ''}`;
}

export function table(answer: ResultOf<typeof Dashboard>): string[] {
  // @ts-expect-error it may be null
  answer.account.name;
  return answer.account?.feeds.nodes.map(row) ?? [];
}

export function subject(answer: ResultOf<typeof Subject>): string[] {
  const changes = answer.server?.health.history.nodes ?? [];
  return changes.map(({ subject }) => (subject.__typename === 'Server' ? subject.url : subject.externalId));
}

export const credentials: ServerCredentialsInput = { mpsMonitor: { dealerToken: 'token' } };
// @ts-expect-error exactly one vendor
export const two: ServerCredentialsInput = { mpsMonitor: { dealerToken: 'token' }, threeManager: { username: 'a', password: 'b' } };
// @ts-expect-error at least one vendor
export const none: ServerCredentialsInput = {};

export const input: RegisterServerInput = { accountId: 'acc_1', name: 'Printers', url: 'https://printers.example', credentials };

export function registered(answer: ResultOf<typeof Register>): string {
  const { server, userErrors } = answer.registerServer;
  if (!server) return userErrors.map(({ code, message }) => (code === 'CREDENTIALS_REFUSED' ? 'Log in again.' : message)).join(' ');
  // @ts-expect-error there is no such vendor
  if (server.vendor === 'SOMEBODY') return '';
  return server.id;
}

export const share = ({ syncProgress }: ResultOf<typeof Progress>): number => syncProgress.feedsDone / (syncProgress.feedsTotal || 1);
