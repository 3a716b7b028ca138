//! A feed as the collecting side reads it, right before it asks the vendor.

use std::{collections::BTreeMap, fmt};

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, QueryResult};

use super::{
    EarlierPart, FeedAfter, Fleet, PeriodDayRow,
    apply::parse_day,
    sql::{Rows, statement},
};
use crate::{
    clock::{Instant, from_millis},
    domain::{
        calendar::next,
        failure::FailureReason,
        feed::CollectionScope,
        health::{Health, HealthStatus},
        pages::Pages,
        period::{FeedDays, Lower, PeriodDay},
    },
    id::Uuid,
    store::{Source as _, Store, StoreError, Tx},
};

/// A feed with what its collection needs and moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectingFeed {
    /// The account that gets the pages.
    pub account_id: Uuid,
    /// The customer's id on the vendor's server.
    pub external_id: String,
    /// Which devices count.
    pub scope: CollectionScope,
    /// Name as given by the dealer.
    pub given_name: Option<String>,
    /// The customer's name as the vendor last reported it.
    pub vendor_name: Option<String>,
    /// The first day that counts.
    pub activation_date: NaiveDate,
    /// The version of its settings; a commit checks that it still is the same.
    pub version: i32,
    /// When it was registered.
    pub created_at: Instant,
    /// Whether it must not be collected: ended, paused by a user, or its account is not in use.
    pub stopped: bool,
    /// What users' pauses left out, the oldest first; without the one under way.
    pub left_out: Vec<LeftOut>,
    /// Its devices; none of a vendor with totals per customer.
    pub fleet: Fleet,
    /// The devices as they stand in the earlier part of its days.
    pub earlier_fleet: Fleet,
    /// What a collection moves, as it stands.
    pub state: FeedAfter,
}

/// Whole local days that a user's pause left out, and when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// First day.
    pub from: NaiveDate,
    /// Last day; before `from` when the pause left out no whole day.
    pub to: NaiveDate,
    /// When the feed was resumed.
    pub resumed_at: Instant,
}

impl CollectingFeed {
    /// Whether the totals of `day` count.
    pub fn counts(&self, day: NaiveDate, yesterday: NaiveDate) -> bool {
        self.with_days(yesterday, |days| days.counts(day))
    }

    /// Whether the counters at the end of `day` are read: it counts, or it is the baseline of a day that does.
    pub fn has_counters_read(&self, day: NaiveDate, yesterday: NaiveDate) -> bool {
        self.counts(day, yesterday) || next(day) == self.activation_date || self.left_out.iter().any(|left| left.to == day)
    }

    /// The open days that are asked for again.
    pub fn asked_again(&self, open: &[NaiveDate], asked: &[NaiveDate], yesterday: NaiveDate) -> Vec<NaiveDate> {
        self.with_days(yesterday, |days| days.asked_again(open, asked))
    }

    /// Days left out, first and last, inclusive.
    pub fn days_left_out(&self) -> Vec<(NaiveDate, NaiveDate)> {
        self.left_out.iter().filter(|left| left.from <= left.to).map(|left| (left.from, left.to)).collect()
    }

    fn with_days<T>(&self, yesterday: NaiveDate, ask: impl FnOnce(FeedDays<'_>) -> T) -> T {
        let left_out = self.days_left_out();
        ask(FeedDays {
            activation: self.activation_date,
            covered_through: self.state.covered_through,
            left_out: &left_out,
            yesterday,
        })
    }
}

/// What is read of feeds; `WHERE` follows.
const SELECT: &str = "SELECT feed.account_id, feed.external_id, feed.scope, feed.activation_date, feed.version, feed.created_at, \
     feed.ended_at IS NOT NULL OR feed.paused_at IS NOT NULL OR account.status <> 'ACTIVE', feed.vendor_name, \
     feed.covered_through, feed.backfilling, feed.last_data_at, feed.device_count, feed.health_status, feed.health_reason, \
     feed.health_checked_at, feed.health_changed_at, EXISTS (SELECT 1 FROM feed_pause WHERE feed_pause.feed_id = feed.id \
     AND feed_pause.to_day IS NOT NULL), feed.given_name, feed.earlier_through, feed.earlier_saved, fleet.devices, \
     earlier_fleet.devices, feed.id FROM feed JOIN account ON account.id = feed.account_id LEFT JOIN fleet ON fleet.feed_id = \
     feed.id LEFT JOIN earlier_fleet ON earlier_fleet.feed_id = feed.id";

/// A feed as it stood at the end of a commit, for who reads it next: it saves a question of its own.
pub struct FeedAhead(QueryResult);

impl fmt::Debug for FeedAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedAhead").finish_non_exhaustive()
    }
}

/// These feeds as they stand in `tx`.
pub(super) async fn ahead(tx: &Tx, mut ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, FeedAhead>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let mut rows = Rows::new(&["uuid"]);
    for id in ids {
        rows.push([id.into()]);
    }
    let found = rows.query(tx.db(), &format!("{SELECT} WHERE feed.id IN ("), ")").await?;
    found.into_iter().map(|row| Ok((row.try_get_by_index(22)?, FeedAhead(row)))).collect()
}

impl Store {
    /// A feed as it stands now; `None` when there is none.
    pub async fn feed_for_collecting(&self, id: Uuid) -> Result<Option<CollectingFeed>, StoreError> {
        let sql = format!("{SELECT} WHERE feed.id = ?");
        match self.db().query_one_raw(statement(self.dialect(), &sql, [id.into()])).await? {
            Some(row) => self.feed_of_row(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// A feed as a commit handed it out.
    pub async fn feed_from_ahead(&self, ahead: &FeedAhead) -> Result<CollectingFeed, StoreError> {
        self.feed_of_row(&ahead.0).await
    }

    async fn feed_of_row(&self, row: &QueryResult) -> Result<CollectingFeed, StoreError> {
        let mut feed = feed(row)?;
        if row.try_get_by_index(16)? {
            feed.left_out = self.left_out(feed.state.id).await?;
        }
        Ok(feed)
    }

    async fn left_out(&self, feed_id: Uuid) -> Result<Vec<LeftOut>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT from_day, to_day, resumed_at FROM feed_pause \
                 WHERE feed_id = ? AND to_day IS NOT NULL ORDER BY resumed_at",
                [feed_id.into()],
            ))
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LeftOut {
                    from: parse_day(&row.try_get_by_index::<String>(0)?)?,
                    to: parse_day(&row.try_get_by_index::<String>(1)?)?,
                    resumed_at: from_millis(row.try_get_by_index(2)?),
                })
            })
            .collect()
    }

    /// The days of a period vendor's feed that may be asked again: those open from `first` on, and `day` itself if it was read.
    pub async fn period_days(&self, feed_id: Uuid, first: NaiveDate, from: NaiveDate) -> Result<Vec<PeriodDayRow>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT day, small, large, duplex, report, revision, open, lower_small, lower_large, lower_duplex, lower_night \
                 FROM feed_day WHERE feed_id = ? AND report IS NOT NULL AND ((open AND day >= ?) OR day >= ?) ORDER BY day",
                [feed_id.into(), first.to_string().into(), from.to_string().into()],
            ))
            .await?;
        rows.iter().map(period_day).collect()
    }

    /// Local days on which a server was paused, as ranges; the last one may be open.
    pub async fn server_pauses(&self, server_id: Uuid) -> Result<Vec<(NaiveDate, Option<NaiveDate>)>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT from_day, to_day FROM server_pause WHERE server_id = ? ORDER BY from_day DESC LIMIT 100",
                [server_id.into()],
            ))
            .await?;
        rows.into_iter()
            .map(|row| {
                let to: Option<String> = row.try_get_by_index(1)?;
                Ok((parse_day(&row.try_get_by_index::<String>(0)?)?, to.map(|to| parse_day(&to)).transpose()?))
            })
            .collect()
    }
}

fn feed(row: &QueryResult) -> Result<CollectingFeed, StoreError> {
    let scope: String = row.try_get_by_index(2)?;
    let status: String = row.try_get_by_index(12)?;
    let reason: Option<String> = row.try_get_by_index(13)?;
    let instant = |index| row.try_get_by_index::<Option<i64>>(index).map(|millis| millis.map(from_millis));
    let fleet = |index| -> Result<Fleet, StoreError> {
        let packed: Option<String> = row.try_get_by_index(index)?;
        packed.as_deref().map(Fleet::unpack).transpose().map(Option::unwrap_or_default)
    };
    let optional_day = |index| -> Result<Option<NaiveDate>, StoreError> {
        row.try_get_by_index::<Option<String>>(index)?.map(|day| parse_day(&day)).transpose()
    };
    let health = Health {
        status: HealthStatus::parse(&status).ok_or(StoreError::Corrupt("feed.health_status"))?,
        reason: reason.map(|text| FailureReason::parse(&text).ok_or(StoreError::Corrupt("feed.health_reason"))).transpose()?,
        checked_at: instant(14)?,
        changed_at: instant(15)?,
    };
    Ok(CollectingFeed {
        account_id: row.try_get_by_index(0)?,
        external_id: row.try_get_by_index(1)?,
        scope: CollectionScope::parse(&scope).ok_or(StoreError::Corrupt("feed.scope"))?,
        activation_date: parse_day(&row.try_get_by_index::<String>(3)?)?,
        version: row.try_get_by_index(4)?,
        created_at: from_millis(row.try_get_by_index(5)?),
        stopped: row.try_get_by_index(6)?,
        left_out: Vec::new(),
        fleet: fleet(20)?,
        earlier_fleet: fleet(21)?,
        vendor_name: row.try_get_by_index(7)?,
        given_name: row.try_get_by_index(17)?,
        state: FeedAfter {
            id: row.try_get_by_index(22)?,
            covered_through: row.try_get_by_index::<Option<String>>(8)?.map(|day| parse_day(&day)).transpose()?,
            backfilling: row.try_get_by_index(9)?,
            last_data_at: instant(10)?,
            device_count: row.try_get_by_index(11)?,
            health,
            health_before: None,
            earlier: optional_day(18)?
                .map(|through| Ok::<_, StoreError>(EarlierPart { through, saved: optional_day(19)? }))
                .transpose()?,
        },
    })
}

fn period_day(row: &QueryResult) -> Result<PeriodDayRow, StoreError> {
    let pages = |first: usize| -> Result<Option<Pages>, StoreError> {
        let small: Option<i64> = row.try_get_by_index(first)?;
        let large: Option<i64> = row.try_get_by_index(first + 1)?;
        let duplex: Option<i64> = row.try_get_by_index(first + 2)?;
        Ok(small.zip(large).zip(duplex).map(|((small, large), duplex)| Pages { small, large, duplex }))
    };
    let report: String = row.try_get_by_index(4)?;
    let report = CollectionScope::parse(&report).ok_or(StoreError::Corrupt("feed_day.report"))?;
    let night: Option<String> = row.try_get_by_index(10)?;
    let night = night.map(|night| parse_day(&night)).transpose()?;
    let revision: i64 = row.try_get_by_index(5)?;
    Ok(PeriodDayRow {
        day: parse_day(&row.try_get_by_index::<String>(0)?)?,
        report,
        open: row.try_get_by_index(6)?,
        state: PeriodDay {
            posted: pages(1)?.unwrap_or_default(),
            revision: i32::try_from(revision).unwrap_or(i32::MAX),
            report,
            lower: pages(7)?.zip(night).map(|(answer, night)| Lower { answer, night }),
        },
    })
}
