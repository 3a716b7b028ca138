// What a partner's script does: registers a thousand feeds in bulk, and is run again, since nobody knows whether the first time went well.

import assert from 'node:assert/strict';

import { ask, post, unique, world } from '../api.js';
import { run } from '../check.js';

const FEEDS = 1000;
/** Rows of one call. */
const BULK = 250;

const REGISTER = `mutation ($input: RegisterFeedsInput!) {
  registerFeeds(input: $input) {
    results { feed { id externalId status account { id } } userErrors { code field message } }
    userErrors { code field message }
  }
}`;

/** As a script should: what was busy or took too long is asked for again, with the same keys. */
async function patiently(server, query, variables) {
  for (;;) {
    const { status, headers, data, errors } = await post(server, { query, variables });
    const again = errors?.find(({ extensions }) => ['TIMEOUT', 'RATE_LIMITED'].includes(extensions.code));
    if (!again) {
      assert.equal(errors, undefined, JSON.stringify(errors));
      assert.equal(status, 200);
      return data;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(headers.get('retry-after') ?? 1)));
  }
}

const batches = (rows) => Array.from({ length: rows.length / BULK }, (_, batch) => rows.slice(batch * BULK, (batch + 1) * BULK));

const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

export default async function partner(server) {
  const { dealer, servers } = await world(server);
  const name = unique('import');
  const number = (index) => `${name}-${String(index).padStart(4, '0')}`;

  /** All accounts, then all feeds; gives their ids in the rows' order. */
  async function register(rows) {
    const accounts = [];
    for (const [batch, some] of batches(rows).entries()) {
      const input = {
        idempotencyKey: `${name}-accounts-${batch}`,
        accounts: some.map((externalId) => ({ parentId: dealer.id, name: `Customer ${externalId}`, role: 'CUSTOMER', externalId })),
      };
      const { createAccounts } = await patiently(
        server,
        'mutation ($input: CreateAccountsInput!) { createAccounts(input: $input) { results { account { id } userErrors { code message } } userErrors { code } } }',
        { input },
      );
      assert.deepEqual(createAccounts.userErrors, []);
      accounts.push(...createAccounts.results.map((result) => (assert.deepEqual(result.userErrors, []), result.account.id)));
    }
    const feeds = [];
    for (const [batch, some] of batches(rows).entries()) {
      const { registerFeeds } = await patiently(server, REGISTER, { input: input(batch, some, accounts) });
      assert.deepEqual(registerFeeds.userErrors, []);
      assert.equal(registerFeeds.results.length, some.length);
      for (const [place, { feed, userErrors }] of registerFeeds.results.entries()) {
        assert.deepEqual(userErrors, []);
        assert.deepEqual([feed.externalId, feed.status, feed.account.id], [some[place], 'SCHEDULED', accounts[batch * BULK + place]]);
        feeds.push(feed.id);
      }
    }
    return { accounts, feeds };
  }

  const input = (batch, rows, accounts) => ({
    idempotencyKey: `${name}-feeds-${batch}`,
    feeds: rows.map((externalId, place) => ({
      serverId: servers[0].id,
      accountId: accounts[batch * BULK + place],
      externalId,
      activationDate: inDays(30),
    })),
  });

  /** Every feed of the import, page by page. */
  async function listed() {
    const query = `query ($search: String!, $after: String) {
      feeds(filter: { search: $search }, first: 100, after: $after, orderBy: UPDATED_AT_ASC) {
        nodes { id externalId } pageInfo { hasNextPage endCursor }
      }
    }`;
    const nodes = [];
    for (let after = null; ; ) {
      const { feeds } = await ask(server, query, { search: name, after });
      nodes.push(...feeds.nodes);
      if (!feeds.pageInfo.hasNextPage) return nodes;
      after = feeds.pageInfo.endCursor;
    }
  }

  const rows = Array.from({ length: FEEDS }, (_, index) => number(index));
  let first;
  return run({
    'a thousand feeds, 250 a call': async () => {
      first = await register(rows);
      assert.equal(new Set(first.feeds).size, FEEDS);
    },
    'the same calls once more: the same ids': async () => assert.deepEqual(await register(rows), first),
    'there are exactly a thousand': async () => {
      const feeds = await listed();
      assert.deepEqual(feeds.map((feed) => feed.id).sort(), first.feeds.toSorted());
      assert.deepEqual(feeds.map((feed) => feed.externalId).sort(), rows);
    },
    'the same call from two machines at once: the same ids': async () => {
      const some = rows.slice(0, BULK).map((row) => `${row}-again`);
      const twin = { ...input(0, some, first.accounts), idempotencyKey: `${name}-twin` };
      const [one, other] = await Promise.all([patiently(server, REGISTER, { input: twin }), patiently(server, REGISTER, { input: twin })]);
      const ids = ({ registerFeeds }) => registerFeeds.results.map(({ feed, userErrors }) => feed?.id ?? userErrors);
      assert.deepEqual(ids(one), ids(other));
      assert.equal((await listed()).length, FEEDS + BULK);
    },
    'a key with other rows is refused, row by row': async () => {
      const other = input(0, rows.slice(0, BULK), first.accounts);
      other.feeds[7].activationDate = inDays(31);
      const { registerFeeds } = await patiently(server, REGISTER, { input: other });
      const [changed] = registerFeeds.results.splice(7, 1);
      assert.equal(changed.feed, null);
      assert.equal(changed.userErrors[0].code, 'IDEMPOTENCY_KEY_REUSED');
      assert.ok(registerFeeds.results.every(({ feed }) => feed));
    },
    'without keys the rows are there already': async () => {
      const plain = { feeds: input(0, rows.slice(0, BULK), first.accounts).feeds };
      const { registerFeeds } = await patiently(server, REGISTER, { input: plain });
      assert.ok(registerFeeds.results.every(({ feed, userErrors }) => feed === null && userErrors[0].code === 'TAKEN'));
    },
    'what is wrong with a row is said of that row, and the others are registered': async () => {
      const [accountId] = first.accounts;
      const row = { serverId: servers[0].id, accountId, externalId: number('ok'), activationDate: inDays(30) };
      const feeds = [
        row,
        { ...row, externalId: number('a'), accountId: 'acc_01h455vb4pex5vsknk084sn02q' },
        { ...row, externalId: number('b'), serverId: 'srv_01h455vb4pex5vsknk084sn02q' },
        { ...row, externalId: number('c'), activationDate: inDays(730) },
        { ...row, externalId: '' },
        row,
        { ...row, externalId: number('fine') },
      ];
      const { registerFeeds } = await patiently(server, REGISTER, { input: { feeds } });
      const said = registerFeeds.results.map(({ feed, userErrors }) => [Boolean(feed), ...userErrors.map(({ code, field }) => `${code} ${field.join('.')}`)]);
      assert.deepEqual(said, [
        [true],
        [false, 'NOT_FOUND feeds.1.accountId'],
        [false, 'NOT_FOUND feeds.2.serverId'],
        [false, 'INVALID feeds.3.activationDate'],
        [false, 'INVALID feeds.4.externalId'],
        [false, 'TAKEN feeds.5.externalId'],
        [true],
      ]);
      assert.ok(registerFeeds.results.every(({ userErrors }) => userErrors.every(({ message }) => /[.]$/.test(message))));
    },
    'too many rows, or none, are said of the whole': async () => {
      const [row] = input(0, rows.slice(0, 1), first.accounts).feeds;
      const many = Array.from({ length: BULK + 1 }, (_, index) => ({ ...row, externalId: number(`many-${index}`) }));
      for (const [feeds, code] of [[many, 'LIMIT_EXCEEDED'], [[], 'INVALID']]) {
        const { registerFeeds } = await patiently(server, REGISTER, { input: { feeds } });
        assert.deepEqual(registerFeeds.results, []);
        assert.deepEqual(registerFeeds.userErrors.map((error) => [error.code, error.field]), [[code, ['feeds']]]);
      }
    },
  });
}
