//! Posting: the one way into the ledger, whoever posts.
//!
//! The sums of a feed's day come first, because an entry's standard pages are the difference it makes to them; then the totals of
//! the account's months, whose rows give the numbers and stay locked until the commit, so that numbers follow commit order; then
//! the entries; then the totals of the account's days. Rows are written in key order, so that two who post cannot wait for each other.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    PeriodDayRow,
    apply::{day, parse_day},
    sql::Rows,
};
use crate::{
    domain::{
        calendar::Month,
        ledger::DepositKind,
        pages::{Methodology, Pages, StandardPages},
    },
    failpoint::{self, Point},
    id::Uuid,
    store::{Source as _, StoreError, Tx},
};

/// A ledger entry to post; its number is found while posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key.
    pub id: Uuid,
    /// The account that gets the pages.
    pub account_id: Uuid,
    /// The feed it comes from; `None` for pages entered by hand.
    pub feed_id: Option<Uuid>,
    /// The collection that read it.
    pub collection_id: Option<Uuid>,
    /// The day the pages were printed.
    pub day: NaiveDate,
    /// What to post; may be negative.
    pub pages: Pages,
    /// What it comes to; of a feed's entry [`DaySums::standard_of`].
    pub standard: StandardPages,
    /// Whether the day is a share of a longer difference.
    pub estimated: bool,
    /// Why it is posted.
    pub kind: DepositKind,
    /// Unique per feed and day.
    pub source_key: String,
    /// The reason given by a person.
    pub note: Option<String>,
    /// The entry it takes back; unique.
    pub reversal_of: Option<Uuid>,
    /// The methodology its standard pages were computed with.
    pub methodology_version: i32,
}

/// What is added to the sums of feeds' days.
#[derive(Debug, Default)]
pub struct FeedDaySums<'a>(BTreeMap<(Uuid, NaiveDate), (Pages, Option<&'a PeriodDayRow>)>);

/// The sums of feeds' days, moved on entry by entry.
#[derive(Debug)]
pub struct DaySums(BTreeMap<(Uuid, NaiveDate), Pages>);

impl DaySums {
    /// What the feed's next entry of the day comes to.
    pub fn standard_of(&mut self, feed: Uuid, day: NaiveDate, pages: Pages) -> StandardPages {
        let before = self.0.entry((feed, day)).or_default();
        let standard = Methodology::CURRENT.entry_standard(*before, pages);
        *before += pages;
        standard
    }
}

impl<'a> FeedDaySums<'a> {
    /// Pages of an entry.
    pub fn add(&mut self, feed: Uuid, day: NaiveDate, pages: Pages) {
        self.0.entry((feed, day)).or_default().0 += pages;
    }

    /// The state of a period vendor's day.
    pub(super) fn set_state(&mut self, feed: Uuid, row: &'a PeriodDayRow) {
        self.0.entry((feed, row.day)).or_default().1 = Some(row);
    }

    /// Adds to the stored sums and gives them as they were before.
    pub async fn store(self, tx: &Tx) -> Result<DaySums, StoreError> {
        let added = self.0;
        let mut rows = Rows::new(&[
            "uuid", "text", "bigint", "bigint", "bigint", "text", "bigint", "boolean", "bigint", "bigint", "bigint", "text",
        ]);
        for ((feed_id, date), (pages, state)) in &added {
            let lower = state.and_then(|row| row.state.lower);
            rows.push([
                (*feed_id).into(),
                date.to_string().into(),
                pages.small.into(),
                pages.large.into(),
                pages.duplex.into(),
                state.map(|row| row.report.as_str()).into(),
                state.map_or(0, |row| i64::from(row.state.revision)).into(),
                state.is_some_and(|row| row.open).into(),
                lower.map(|lower| lower.answer.small).into(),
                lower.map(|lower| lower.answer.large).into(),
                lower.map(|lower| lower.answer.duplex).into(),
                day(lower.map(|lower| lower.night)),
            ]);
        }
        let found = rows
            .query(
                tx.db(),
                "INSERT INTO feed_day (feed_id, day, small, large, duplex, report, revision, open, lower_small, lower_large, \
                 lower_duplex, lower_night) ",
                " ON CONFLICT (feed_id, day) DO UPDATE SET small = feed_day.small + excluded.small, \
                 large = feed_day.large + excluded.large, duplex = feed_day.duplex + excluded.duplex, \
                 report = COALESCE(excluded.report, feed_day.report), \
                 revision = CASE WHEN excluded.report IS NULL THEN feed_day.revision ELSE excluded.revision END, \
                 open = CASE WHEN excluded.report IS NULL THEN feed_day.open ELSE excluded.open END, \
                 lower_small = CASE WHEN excluded.report IS NULL THEN feed_day.lower_small ELSE excluded.lower_small END, \
                 lower_large = CASE WHEN excluded.report IS NULL THEN feed_day.lower_large ELSE excluded.lower_large END, \
                 lower_duplex = CASE WHEN excluded.report IS NULL THEN feed_day.lower_duplex ELSE excluded.lower_duplex END, \
                 lower_night = CASE WHEN excluded.report IS NULL THEN feed_day.lower_night ELSE excluded.lower_night END \
                 RETURNING feed_id, day, small, large, duplex",
            )
            .await?;
        let before = found.into_iter().map(|row| {
            let key = (row.try_get_by_index(0)?, parse_day(&row.try_get_by_index::<String>(1)?)?);
            let sum =
                Pages { small: row.try_get_by_index(2)?, large: row.try_get_by_index(3)?, duplex: row.try_get_by_index(4)? };
            let posted = added.get(&key).map(|(pages, _)| *pages).unwrap_or_default();
            Ok((key, sum - posted))
        });
        Ok(DaySums(before.collect::<Result<_, StoreError>>()?))
    }
}

/// Sums of entries.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    pages: Pages,
    standard: StandardPages,
    entries: i64,
}

impl Sum {
    fn add(&mut self, entry: &Entry) {
        self.pages += entry.pages;
        self.standard += entry.standard;
        self.entries += 1;
    }
}

/// Posts entries; of feeds' entries the days' sums are stored already ([`FeedDaySums::store`]).
pub async fn post(tx: &Tx, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut of_day: BTreeMap<(Uuid, NaiveDate), Sum> = BTreeMap::new();
    let mut of_month: BTreeMap<(Uuid, Month), Sum> = BTreeMap::new();
    for entry in entries {
        of_day.entry((entry.account_id, entry.day)).or_default().add(entry);
        of_month.entry((entry.account_id, Month::of(entry.day))).or_default().add(entry);
    }
    let numbers = add_to_account_months(tx, &of_month).await?;
    failpoint::at(Point::CommitMonths);
    insert_entries(tx, entries, numbers).await?;
    failpoint::at(Point::CommitEntries);
    add_to_account_days(tx, &of_day).await?;
    failpoint::at(Point::CommitDays);
    Ok(())
}

/// Adds to the months' totals and takes numbers: gives each month's last number *before*.
async fn add_to_account_months(
    tx: &Tx,
    of_month: &BTreeMap<(Uuid, Month), Sum>,
) -> Result<BTreeMap<(Uuid, Month), i64>, StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint", "bigint", "bigint", "bigint"]);
    for ((account_id, month), sum) in of_month {
        rows.push([
            (*account_id).into(),
            month.to_string().into(),
            sum.pages.small.into(),
            sum.pages.large.into(),
            sum.pages.duplex.into(),
            sum.standard.0.into(),
            sum.entries.into(),
        ]);
    }
    let found = rows
        .query(
            tx.db(),
            "INSERT INTO account_month (account_id, month, small, large, duplex, standard, last_number) ",
            " ON CONFLICT (account_id, month) DO UPDATE SET small = account_month.small + excluded.small, \
             large = account_month.large + excluded.large, duplex = account_month.duplex + excluded.duplex, \
             standard = account_month.standard + excluded.standard, \
             last_number = account_month.last_number + excluded.last_number RETURNING account_id, month, last_number",
        )
        .await?;
    found
        .into_iter()
        .map(|row| {
            let month: String = row.try_get_by_index(1)?;
            let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
            let key = (row.try_get_by_index(0)?, month);
            let taken = of_month.get(&key).map_or(0, |sum| sum.entries);
            Ok((key, row.try_get_by_index::<i64>(2)? - taken))
        })
        .collect()
}

async fn insert_entries(tx: &Tx, entries: &[Entry], mut numbers: BTreeMap<(Uuid, Month), i64>) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "uuid", "uuid", "uuid", "text", "text", "bigint", "bigint", "bigint", "bigint", "bigint", "boolean", "text",
        "text", "text", "uuid", "integer", "bigint",
    ]);
    for entry in entries {
        let month = Month::of(entry.day);
        let number = numbers.entry((entry.account_id, month)).or_default();
        *number += 1;
        rows.push([
            entry.id.into(),
            entry.account_id.into(),
            entry.feed_id.into(),
            entry.collection_id.into(),
            entry.day.to_string().into(),
            month.to_string().into(),
            (*number).into(),
            entry.pages.small.into(),
            entry.pages.large.into(),
            entry.pages.duplex.into(),
            entry.standard.0.into(),
            entry.estimated.into(),
            entry.kind.as_str().into(),
            entry.source_key.clone().into(),
            entry.note.clone().into(),
            entry.reversal_of.into(),
            entry.methodology_version.into(),
            tx.now_millis().into(),
        ]);
    }
    rows.execute(
        tx.db(),
        "INSERT INTO deposit (id, account_id, feed_id, collection_id, day, month, number, small, large, duplex, standard, \
         estimated, kind, source_key, note, reversal_of, methodology_version, created_at) ",
        "",
    )
    .await?;
    Ok(())
}

async fn add_to_account_days(tx: &Tx, of_day: &BTreeMap<(Uuid, NaiveDate), Sum>) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint", "bigint", "bigint"]);
    for ((account_id, day), sum) in of_day {
        rows.push([
            (*account_id).into(),
            day.to_string().into(),
            sum.pages.small.into(),
            sum.pages.large.into(),
            sum.pages.duplex.into(),
            sum.standard.0.into(),
        ]);
    }
    rows.execute(
        tx.db(),
        "INSERT INTO account_day (account_id, day, small, large, duplex, standard) ",
        " ON CONFLICT (account_id, day) DO UPDATE SET small = account_day.small + excluded.small, \
         large = account_day.large + excluded.large, duplex = account_day.duplex + excluded.duplex, \
         standard = account_day.standard + excluded.standard",
    )
    .await?;
    Ok(())
}
