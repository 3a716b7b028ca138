//! Sums of an account and those below it, from sums per month and day and what was not carried up yet; never from the ledger as a whole.
//! All of a statement's sums are of one instant.

use std::collections::HashMap;

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Value};

use super::{Source, StoreError, collecting::sql::Rows, convert::day, posting_order::carried_through};
use crate::{
    domain::{
        calendar::Month,
        pages::{Pages, StandardPages},
        query::{MonthSum, PageSum},
    },
    id::Uuid,
};

/// What is summed by one kind of period: the table of each account's own sums, that of all below it, the period's column in both, and
/// the sums.
pub(super) struct Period {
    pub(super) own: &'static str,
    pub(super) below: &'static str,
    pub(super) key: &'static str,
    pub(super) sums: &'static [&'static str],
}

pub(super) const MONTH: Period = Period {
    own: "account_month",
    below: "account_month_below",
    key: "month",
    sums: &[
        "small",
        "large",
        "duplex",
        "standard",
        "certified_small",
        "certified_large",
        "certified_duplex",
        "certified_standard",
    ],
};

pub(super) const DAY: Period =
    Period { own: "account_day", below: "account_day_below", key: "day", sums: &["small", "large", "duplex", "standard"] };

impl Period {
    /// The sums, each written by `of`.
    pub(super) fn columns(&self, of: impl Fn(&str) -> String) -> String {
        self.sums.iter().copied().map(of).collect::<Vec<_>>().join(", ")
    }
}

/// What months have more than was carried up.
const SINCE_OF_MONTHS: &str = "since AS (SELECT account_id, month, small - carried_small AS small, large - carried_large AS large, \
     duplex - carried_duplex AS duplex, standard - carried_standard AS standard, \
     certified_small - carried_certified_small AS certified_small, certified_large - carried_certified_large AS certified_large, \
     certified_duplex - carried_certified_duplex AS certified_duplex, \
     certified_standard - carried_certified_standard AS certified_standard FROM account_month WHERE uncarried)";

/// The entries after the last that was carried up. Without their order, a planner that does not know how few they are would read the ledger.
fn since_of_days(sqlite: bool) -> String {
    let (order, through) = carried_through(sqlite);
    format!(
        "since AS MATERIALIZED (SELECT account_id, day, small, large, duplex, standard FROM deposit \
         WHERE ({order}) > {through} ORDER BY {order})"
    )
}

/// Per account the sums of each month in which it or an account below it has entries, all months or those of a span, the earliest first;
/// only of accounts that `viewer` may see, if there is one.
pub async fn months(
    from: &impl Source,
    viewer: Option<Uuid>,
    accounts: &[Uuid],
    span: Option<(Month, Month)>,
) -> Result<HashMap<Uuid, Vec<MonthSum>>, StoreError> {
    let span = span.map(|(first, last)| (first.to_string(), last.to_string()));
    let read = |row: &QueryResult| {
        let month: String = row.try_get_by_index(1)?;
        let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
        Ok(MonthSum { month, sum: page_sum(row, 2)?, certified: page_sum(row, 6)? })
    };
    let add = |whole: &mut MonthSum, part: &MonthSum| {
        whole.sum.add(&part.sum);
        whole.certified.add(&part.certified);
    };
    let rows = with_all_below(from, (&MONTH, SINCE_OF_MONTHS), viewer, accounts, span.as_ref()).await?;
    merged(&rows, read, |sum| sum.month, add)
}

/// The same of each day of a span.
pub async fn days(
    from: &impl Source,
    viewer: Uuid,
    accounts: &[Uuid],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<HashMap<Uuid, Vec<(NaiveDate, PageSum)>>, StoreError> {
    let span = (first.to_string(), last.to_string());
    let read = |row: &QueryResult| {
        let on: String = row.try_get_by_index(1)?;
        Ok((day("account_day.day", &on)?, page_sum(row, 2)?))
    };
    let add = |whole: &mut (NaiveDate, PageSum), part: &(NaiveDate, PageSum)| whole.1.add(&part.1);
    let since = since_of_days(from.db().get_database_backend() == DbBackend::Sqlite);
    let rows = with_all_below(from, (&DAY, &since), Some(viewer), accounts, Some(&span)).await?;
    merged(&rows, read, |(day, _)| *day, add)
}

/// Rows of an account, a period and its sums, up to three of the same: the account's own, those of all below it as they were carried up,
/// and what has moved on below it since then.
async fn with_all_below(
    from: &impl Source,
    (period, since): (&Period, &str),
    viewer: Option<Uuid>,
    accounts: &[Uuid],
    span: Option<&(String, String)>,
) -> Result<Vec<QueryResult>, StoreError> {
    let Period { own, below, key, .. } = period;
    let within = if span.is_some() { format!("AND m.{key} BETWEEN a.first AND a.last") } else { String::new() };
    // What has moved on is little: it is read first, and then whether it lies below.
    let tail = format!(
        "), a(id, first, last) AS (SELECT v.id, v.first, v.last FROM v CROSS JOIN account_closure s \
         WHERE s.ancestor_id = v.viewer AND s.descendant_id = v.id), {since} \
         SELECT a.id, m.{key}, {sums} FROM a CROSS JOIN {own} m WHERE m.account_id = a.id {within} \
         UNION ALL SELECT a.id, m.{key}, {sums} FROM a CROSS JOIN {below} m WHERE m.account_id = a.id {within} \
         UNION ALL SELECT a.id, m.{key}, {added} FROM a CROSS JOIN since m CROSS JOIN account_closure c \
         WHERE c.ancestor_id = a.id AND c.descendant_id = m.account_id AND c.depth > 0 {within} GROUP BY a.id, m.{key}",
        sums = period.columns(|sum| format!("m.{sum}")),
        // PostgreSQL sums BIGINT to NUMERIC.
        added = period.columns(|sum| format!("CAST(sum(m.{sum}) AS BIGINT)")),
    );
    Ok(asked(viewer, accounts, span).query(from.db(), ASKED, &tail).await?)
}

/// Per account what `read` makes of its rows, by `key`, those with the same key added up.
fn merged<T, K: Ord>(
    rows: &[QueryResult],
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut T, &T),
) -> Result<HashMap<Uuid, Vec<T>>, StoreError> {
    let mut all: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        all.entry(row.try_get_by_index(0)?).or_default().push(read(row)?);
    }
    // A few are sorted at less cost here than there.
    for sums in all.values_mut() {
        sums.sort_unstable_by_key(&key);
        sums.dedup_by(|part, whole| {
            let same = key(part) == key(whole);
            if same {
                add(whole, part);
            }
            same
        });
    }
    Ok(all)
}

/// What [`asked`] makes rows of.
const ASKED: &str = "WITH v(id, viewer, first, last) AS (";

/// The accounts whose sums are asked for, each with who asks and the ends of a span. All parameters stand in the one list of rows: the same
/// text for the same number of accounts.
fn asked(viewer: Option<Uuid>, accounts: &[Uuid], span: Option<&(String, String)>) -> Rows {
    let mut rows = Rows::new(&["uuid", "uuid", "text", "text"]);
    let (first, last) = span.map_or(("", ""), |(first, last)| (first, last));
    for account in accounts {
        let viewer = viewer.unwrap_or(*account);
        rows.push([Value::from(*account), viewer.into(), first.into(), last.into()]);
    }
    rows
}

/// Four columns of sums, from `first` on.
fn page_sum(row: &QueryResult, first: usize) -> Result<PageSum, StoreError> {
    let number = |place: usize| row.try_get_by_index::<i64>(first + place);
    Ok(PageSum {
        pages: Pages { small: number(0)?, large: number(1)?, duplex: number(2)? },
        standard: StandardPages(number(3)?),
    })
}
