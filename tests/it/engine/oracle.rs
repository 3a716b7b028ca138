//! What a rig's database holds, against what the simulated vendors say it must.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use coppice::{
    app::work::Scheduling as _,
    clock::Instant,
    domain::{
        feed::CollectionScope,
        query::{MonthSum, PageSum},
        vendor::VendorCapability,
    },
    id::Uuid,
    simulator::{Kind, Posted, RequestRecord, Scope, Totals, Vendor},
    store::consumption::{days, months},
};
use sea_orm::{ConnectionTrait as _, Statement};
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, RigFeed};

impl Rig {
    /// When a customer's data was read: the instants of the answers that were whole.
    pub fn asked(&self, feed: &RigFeed) -> Vec<Instant> {
        let answered = |request: &RequestRecord| {
            request.kind == Kind::Data && !request.faulty && request.customer.as_deref() == Some(feed.external_id.as_str())
        };
        self.simulator.requests(feed.server).into_iter().filter(answered).map(|request| request.at).collect()
    }

    pub async fn one(&self, sql: &str) -> sea_orm::QueryResult {
        self.all(sql).await.into_iter().next().unwrap()
    }

    pub async fn all(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_all_raw(statement).await.unwrap()
    }

    /// Carries all sums up; on PostgreSQL other tests' transactions hold entries back for a moment.
    pub async fn carry_all(&self) {
        let left =
            "SELECT 1 FROM deposit WHERE (tx, seq) > ((SELECT tx FROM carried_through), (SELECT seq FROM carried_through))";
        loop {
            self.engine.carry_up(CancellationToken::new()).await.unwrap();
            if self.all(left).await.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What the ledger holds of a feed, by day.
    pub async fn posted(&self, feed: Uuid) -> BTreeMap<NaiveDate, Totals> {
        let mut days = BTreeMap::<NaiveDate, Totals>::new();
        for row in self.all("SELECT feed_id, day, small, large, duplex FROM deposit WHERE feed_id IS NOT NULL").await {
            if row.try_get_by_index::<Uuid>(0).unwrap() != feed {
                continue;
            }
            let day: String = row.try_get_by_index(1).unwrap();
            let sum = days.entry(day.parse().unwrap()).or_default();
            sum.small += row.try_get_by_index::<i64>(2).unwrap();
            sum.large += row.try_get_by_index::<i64>(3).unwrap();
            sum.duplex += row.try_get_by_index::<i64>(4).unwrap();
        }
        days.retain(|_, sum| *sum != Totals::ZERO);
        days
    }

    /// What the oracle says must have been posted of a feed through a day.
    pub fn expected(&self, feed: &RigFeed, through: NaiveDate) -> Posted {
        let fleet = self.fleet();
        let scope = scope_of(feed);
        if fleet.spec().servers[feed.server].vendor() == Vendor::MpsMonitor {
            fleet.expected_between_readings(feed.server, &feed.external_id, scope, &self.asked(feed))
        } else {
            fleet.expected_deposits(feed.server, &feed.external_id, scope, feed.activation, through)
        }
    }

    /// What the oracle says of current counters that were read at just these instants.
    pub fn expected_of_readings(&self, feed: &RigFeed, asked: &[Instant]) -> BTreeMap<NaiveDate, Totals> {
        let mut days = self.fleet().expected_between_readings(feed.server, &feed.external_id, scope_of(feed), asked).by_day();
        days.retain(|_, sum| *sum != Totals::ZERO);
        days
    }

    /// Compares every feed with the oracle, and the totals with the entries.
    pub async fn assert_exact(&self, through: NaiveDate) {
        for feed in &self.feeds {
            let mut expected = self.expected(feed, through).by_day();
            expected.retain(|_, sum| *sum != Totals::ZERO);
            let posted = self.posted(feed.id).await;
            let vendor = self.servers[feed.server].vendor;
            assert_eq!(posted, expected, "{vendor} {} ({})", feed.external_id, feed.scope);
        }
        self.assert_books().await;
    }

    /// The totals that reads use equal the entries, and no violation of the contract was seen.
    pub async fn assert_books(&self) {
        for (total, key) in [("account_day", "day"), ("account_month", "month")] {
            let sums = |table: &str| {
                format!(
                    "SELECT account_id, {key}, CAST(SUM(small) AS BIGINT), CAST(SUM(large) AS BIGINT), \
                     CAST(SUM(duplex) AS BIGINT), CAST(SUM(standard) AS BIGINT) FROM {table} \
                     GROUP BY account_id, {key} ORDER BY account_id, {key}"
                )
            };
            assert_eq!(self.rows(&sums(total)).await, self.rows(&sums("deposit")).await, "{total}");
        }
        let ids: Vec<Uuid> =
            self.all("SELECT id FROM account").await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        let four = |sum: &PageSum| [sum.pages.small, sum.pages.large, sum.pages.duplex, sum.standard.0];
        let mut of_months: Vec<(Uuid, String, [i64; 4])> = Vec::new();
        for (account, months) in months(&self.store, None, &ids, None).await.unwrap() {
            of_months.extend(months.iter().map(|MonthSum { month, sum, .. }| (account, month.to_string(), four(sum))));
        }
        let mut of_days = Vec::new();
        let always = (NaiveDate::default(), NaiveDate::from_ymd_opt(2100, 1, 1).unwrap());
        for id in ids {
            for (account, days) in days(&self.store, id, &[id], always).await.unwrap() {
                of_days.extend(days.iter().map(|(day, sum)| (account, day.to_string(), four(sum))));
            }
        }
        for (mut shown, key) in [(of_months, "month"), (of_days, "day")] {
            shown.sort();
            let below = format!(
                "SELECT c.ancestor_id, d.{key}, CAST(SUM(d.small) AS BIGINT), CAST(SUM(d.large) AS BIGINT), \
                 CAST(SUM(d.duplex) AS BIGINT), CAST(SUM(d.standard) AS BIGINT) FROM deposit d \
                 JOIN account_closure c ON c.descendant_id = d.account_id GROUP BY c.ancestor_id, d.{key} \
                 ORDER BY c.ancestor_id, d.{key}"
            );
            let mut expected = self.rows(&below).await;
            for sums in [&mut shown, &mut expected] {
                sums.retain(|(.., sums)| *sums != [0; 4]);
            }
            assert_eq!(shown, expected, "sums of accounts with all below them by {key}");
        }
        assert_eq!(self.simulator.violations(), Vec::<String>::new());
    }

    /// Invariant 1: what a feed's collections posted, with what is in suspense, is what its devices' segments come to.
    pub async fn assert_segments(&self) {
        let posted = "SELECT feed_id, CAST(SUM(small) AS BIGINT), CAST(SUM(large) AS BIGINT), CAST(SUM(duplex) AS BIGINT) \
                      FROM deposit WHERE feed_id IS NOT NULL GROUP BY feed_id";
        let held = "SELECT feed_id, CAST(SUM(CASE meter WHEN 'SMALL' THEN held ELSE 0 END) AS BIGINT), \
                    CAST(SUM(CASE meter WHEN 'LARGE' THEN held ELSE 0 END) AS BIGINT), \
                    CAST(SUM(CASE meter WHEN 'DUPLEX' THEN held ELSE 0 END) AS BIGINT) FROM anomaly WHERE status = 'OPEN' GROUP BY feed_id";
        let mut sums = BTreeMap::<Uuid, [i64; 3]>::new();
        for sql in [posted, held] {
            for row in self.all(sql).await {
                let sum = sums.entry(row.try_get_by_index(0).unwrap()).or_default();
                for (index, sum) in sum.iter_mut().enumerate() {
                    *sum += row.try_get_by_index::<Option<i64>>(index + 1).unwrap().unwrap_or_default();
                }
            }
        }
        for (feed, devices) in self.fleets().await {
            for device in devices.as_array().unwrap() {
                for (index, sum) in sums.entry(feed).or_default().iter_mut().enumerate() {
                    let Some(meter) = device.pointer(&format!("/7/{index}")) else { continue };
                    let [initial, mark, closed] = [1, 3, 4].map(|place| meter[place].as_i64().unwrap());
                    *sum -= closed + mark - initial;
                }
            }
        }
        for feed in self.feeds.iter().filter(|feed| self.servers[feed.server].vendor.can(VendorCapability::Devices)) {
            assert_eq!(sums.get(&feed.id).copied().unwrap_or_default(), [0; 3], "{}", feed.external_id);
        }
    }

    /// What is kept of feeds' devices.
    pub async fn fleets(&self) -> Vec<(Uuid, serde_json::Value)> {
        let rows = self.all("SELECT feed_id, devices FROM fleet").await;
        let devices = |row: &sea_orm::QueryResult| serde_json::from_str(&row.try_get_by_index::<String>(1).unwrap()).unwrap();
        rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), devices(row))).collect()
    }

    async fn rows(&self, sql: &str) -> Vec<(Uuid, String, [i64; 4])> {
        let rows = self.all(sql).await;
        rows.iter()
            .map(|row| {
                let number = |index| row.try_get_by_index(index).unwrap();
                (
                    row.try_get_by_index(0).unwrap(),
                    row.try_get_by_index(1).unwrap(),
                    [number(2), number(3), number(4), number(5)],
                )
            })
            .filter(|(_, _, sums)| *sums != [0; 4])
            .collect()
    }

    /// The statuses of all runs, by number.
    pub async fn run_statuses(&self) -> BTreeMap<String, i64> {
        let rows = self.all("SELECT status, COUNT(*) FROM sync_run GROUP BY status").await;
        rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
    }
}

fn scope_of(feed: &RigFeed) -> Scope {
    match feed.scope {
        CollectionScope::All => Scope::All,
        CollectionScope::ManagedOnly => Scope::ManagedOnly,
    }
}
