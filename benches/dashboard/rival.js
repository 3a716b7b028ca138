// The dashboard's query, answered by Mercurius (JIT, loaders, prepared statements) from Coppice's own PostgreSQL database:
//
//   node rival.js postgres://…
//
// Prints the port it listens on. It answers only what dashboard.graphql asks for and knows no sign-in, no limits, no cost and no logs:
// all of that is left to Coppice's side of the comparison.

import Fastify from 'fastify';
import mercurius from 'mercurius';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2], max: 10 });
pg.types.setTypeParser(20, Number); // BIGINT: these counts stay far below 2^53
pg.types.setTypeParser(1700, Number);

const schema = `
  scalar Date
  scalar DateTime
  scalar Decimal
  scalar Long
  scalar TimeZone
  enum Interval { DAY WEEK MONTH }
  type PagesAndTrees { pages: Long! standardPages: Decimal! trees: Decimal! }
  type Totals {
    monthToDate: PagesAndTrees! quarterToDate: PagesAndTrees! yearToDate: PagesAndTrees!
    lifetime: PagesAndTrees! certified: PagesAndTrees! pending: PagesAndTrees!
  }
  type ConsumptionPoint { from: Date! to: Date! pages: Long! standardPages: Decimal! trees: Decimal! }
  type Consumption { points: [ConsumptionPoint!]! total: PagesAndTrees! }
  type Health { status: String! reason: String message: String checkedAt: DateTime changedAt: DateTime }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Collection {
    id: ID! status: String! from: Date! to: Date! pages: Long! standardPages: Decimal! startedAt: DateTime finishedAt: DateTime
  }
  type CollectionConnection { nodes: [Collection!]! }
  type Feed {
    id: ID! name: String externalId: String! status: String! activationDate: Date! lastDataAt: DateTime coveredThrough: Date
    deviceCount: Int health: Health! collections(first: Int): CollectionConnection!
  }
  type FeedConnection { nodes: [Feed!]! pageInfo: PageInfo! }
  type Account {
    id: ID! name: String! role: String! timeZone: TimeZone! totals: Totals!
    consumption(from: Date!, to: Date!, interval: Interval!): Consumption
    feeds(first: Int): FeedConnection!
  }
  type Query { account(id: ID!): Account }
`;

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

// 128 bits as 26 digits of 5 bits, the first of them with 2 zero bits before it.
function publicId(prefix, uuid) {
  const hex = uuid.replaceAll('-', '');
  let text = `${prefix}_`;
  let [bits, held] = [0, 2];
  for (let place = 0; place < 32; place += 2) {
    bits = (bits << 8) | Number.parseInt(hex.slice(place, place + 2), 16);
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += DIGITS[(bits >> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  return text;
}

function uuidOf(id) {
  let value = 0n;
  for (const digit of id.slice(4)) value = (value << 5n) | BigInt(DIGITS.indexOf(digit));
  return value.toString(16).padStart(32, '0');
}

const instant = (millis) => (millis === null ? null : new Date(millis).toISOString());

// What is kept in millionths, as text without zeros at its end.
function decimal(millionths) {
  const sign = millionths < 0 ? '-' : '';
  const size = Math.abs(millionths);
  const rest = size % 1_000_000;
  const whole = `${sign}${(size - rest) / 1_000_000}`;
  return rest === 0 ? whole : `${whole}.${String(rest).padStart(6, '0').replace(/0+$/, '')}`;
}

// Hundredths of a tree, half to even; a page is a million millionths, a tree 8,333 pages.
function trees(millionths) {
  const divisor = 83_330_000;
  const size = Math.abs(millionths);
  const rest = size % divisor;
  let hundredths = (size - rest) / divisor;
  if (2 * rest > divisor || (2 * rest === divisor && hundredths % 2 === 1)) hundredths += 1;
  const text = String(hundredths).padStart(3, '0');
  return `${millionths < 0 && hundredths > 0 ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`;
}

class Sum {
  pages = 0;
  standard = 0;
  add(pages, standard) {
    this.pages += pages;
    this.standard += standard;
  }
  get standardPages() {
    return decimal(this.standard);
  }
  get trees() {
    return trees(this.standard);
  }
}

const query = async (name, text, values) => (await pool.query({ name, text, values })).rows;

// An account's own sums, those of all below it as they were carried up, and what has moved on since.
const SUMS = `SELECT month, sum(small + large) AS pages, sum(standard) AS standard,
    sum(certified_small + certified_large) AS certified_pages, sum(certified_standard) AS certified FROM (
    SELECT month, small, large, standard, certified_small, certified_large, certified_standard
      FROM account_month WHERE account_id = $1
    UNION ALL SELECT month, small, large, standard, certified_small, certified_large, certified_standard
      FROM account_month_below WHERE account_id = $1
    UNION ALL SELECT m.month, m.small - m.carried_small, m.large - m.carried_large, m.standard - m.carried_standard,
        m.certified_small - m.carried_certified_small, m.certified_large - m.carried_certified_large,
        m.certified_standard - m.carried_certified_standard
      FROM account_closure c JOIN account_month m ON m.account_id = c.descendant_id
      WHERE c.ancestor_id = $1 AND c.depth > 0 AND m.uncarried) AS sums`;

const MONTHS = `${SUMS} GROUP BY month`;

const SPAN = `${SUMS} WHERE month BETWEEN $2 AND $3 GROUP BY month`;

const FEEDS = `SELECT f.id, coalesce(f.given_name, f.vendor_name) AS name, f.external_id, f.activation_date, f.last_data_at,
    f.covered_through, f.device_count, f.health_status, f.health_reason, f.health_checked_at, f.health_changed_at, f.backfilling,
    f.paused_at, f.ended_at, f.name_key, s.paused_at AS server_paused_at, s.removed_at AS server_removed_at,
    s.health_status AS server_health, s.time_zone AS server_time_zone
  FROM feed f JOIN server s ON s.id = f.server_id
  WHERE f.account_id IN (SELECT descendant_id FROM account_closure WHERE ancestor_id = $1)
  ORDER BY f.name_key NULLS LAST, f.id LIMIT $2`;

const COLLECTIONS = `SELECT l.* FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted(id, place)
  CROSS JOIN LATERAL (SELECT id, feed_id, status, from_day, to_day, small + large AS pages, standard, started_at, finished_at
    FROM collection WHERE feed_id = wanted.id ORDER BY id DESC LIMIT $2) AS l`;

const today = (zone) => new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(new Date());

function status(feed) {
  if (feed.ended_at !== null) return 'ENDED';
  if (feed.paused_at !== null) return 'PAUSED_BY_USER';
  if (feed.server_paused_at !== null || feed.server_removed_at !== null || feed.server_health === 'UNHEALTHY') {
    return 'PAUSED_BY_SERVER';
  }
  if (feed.covered_through === null && feed.activation_date > today(feed.server_time_zone)) return 'SCHEDULED';
  return feed.backfilling ? 'BACKFILLING' : 'ACTIVE';
}

function cursor(feed) {
  const values = [{ n: feed.name_key === null ? 1 : 0 }, { t: feed.name_key ?? '' }, { u: feed.id.replaceAll('-', '') }];
  return Buffer.from(JSON.stringify(['feed.name', values])).toString('base64url');
}

const toFeed = (row) => ({
  key: row.id,
  id: publicId('fed', row.id),
  name: row.name,
  externalId: row.external_id,
  status: status(row),
  activationDate: row.activation_date,
  lastDataAt: instant(row.last_data_at),
  coveredThrough: row.covered_through,
  deviceCount: row.device_count,
  health: {
    status: row.health_status,
    reason: row.health_reason,
    message: null,
    checkedAt: instant(row.health_checked_at),
    changedAt: instant(row.health_changed_at),
  },
});

const toCollection = (row) => ({
  id: publicId('col', row.id),
  status: row.status,
  from: row.from_day,
  to: row.to_day,
  pages: row.pages,
  standardPages: decimal(row.standard),
  startedAt: instant(row.started_at),
  finishedAt: instant(row.finished_at),
});

const lastDay = (year, month) => new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);

const resolvers = {
  Query: {
    async account(_, { id }) {
      const key = uuidOf(id);
      const [row] = await query('account', 'SELECT id, name, role, time_zone FROM account WHERE id = $1', [key]);
      return row && { key: row.id, id, name: row.name, role: row.role, timeZone: row.time_zone };
    },
  },
  Account: {
    async totals(account) {
      const rows = await query('months', MONTHS, [account.key]);
      const now = today(account.timeZone);
      const [year, month] = [now.slice(0, 4), Number(now.slice(5, 7))];
      const since = {
        monthToDate: now.slice(0, 7),
        quarterToDate: `${year}-${String(month - ((month - 1) % 3)).padStart(2, '0')}`,
        yearToDate: `${year}-01`,
        lifetime: '',
      };
      const sums = { certified: new Sum(), pending: new Sum() };
      for (const name of Object.keys(since)) sums[name] = new Sum();
      for (const row of rows) {
        for (const [name, first] of Object.entries(since)) if (row.month >= first) sums[name].add(row.pages, row.standard);
        sums.certified.add(row.certified_pages, row.certified);
        sums.pending.add(row.pages - row.certified_pages, row.standard - row.certified);
      }
      return sums;
    },
    async consumption(account, { from, to }) {
      const rows = await query('span', SPAN, [account.key, from.slice(0, 7), to.slice(0, 7)]);
      const byMonth = new Map(rows.map((row) => [row.month, row]));
      const [points, total] = [[], new Sum()];
      let [year, month] = [Number(from.slice(0, 4)), Number(from.slice(5, 7))];
      for (let name = from.slice(0, 7); name <= to.slice(0, 7); name = `${year}-${String(month).padStart(2, '0')}`) {
        const row = byMonth.get(name);
        const sum = new Sum();
        if (row) sum.add(row.pages, row.standard);
        total.add(sum.pages, sum.standard);
        const { pages, standardPages, trees } = sum;
        points.push({ from: `${name}-01`, to: lastDay(year, month), pages, standardPages, trees });
        [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1];
      }
      return { points, total };
    },
    async feeds(account, { first }) {
      const rows = await query('feeds', FEEDS, [account.key, first + 1]);
      const shown = rows.slice(0, first);
      const pageInfo = { hasNextPage: rows.length > first, endCursor: shown.length > 0 ? cursor(shown.at(-1)) : null };
      return { nodes: shown.map(toFeed), pageInfo };
    },
  },
};

const loaders = {
  Feed: {
    async collections(asked) {
      const keys = asked.map(({ obj }) => obj.key);
      const rows = await query('collections', COLLECTIONS, [keys, asked[0].params.first]);
      const byFeed = new Map(keys.map((key) => [key, []]));
      for (const row of rows) byFeed.get(row.feed_id).push(toCollection(row));
      return keys.map((key) => ({ nodes: byFeed.get(key) }));
    },
  },
};

const app = Fastify();
app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(app.server.address().port);
