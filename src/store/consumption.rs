//! Sums of an account and those below it, from sums per month and day; never from the ledger. All of a statement's sums are of one instant.

use std::collections::HashMap;

use chrono::NaiveDate;
use sea_orm::{QueryResult, Value};

use super::{Source, StoreError, collecting::sql::Rows, convert::day};
use crate::{
    domain::{
        calendar::Month,
        pages::{Pages, StandardPages},
        query::{MonthSum, PageSum},
    },
    id::Uuid,
};

/// The sums that are kept of a month.
pub(super) const MONTH_SUMS: [&str; 8] =
    ["small", "large", "duplex", "standard", "certified_small", "certified_large", "certified_duplex", "certified_standard"];

/// Per account the sums of each month in which it or an account below it has entries, all months or those of a span, the earliest first;
/// only of accounts that `viewer` may see, if there is one.
///
/// They are the account's own, those of all below it as they were carried up, and what has moved on below it since then.
pub async fn months(
    from: &impl Source,
    viewer: Option<Uuid>,
    accounts: &[Uuid],
    span: Option<(Month, Month)>,
) -> Result<HashMap<Uuid, Vec<MonthSum>>, StoreError> {
    let within = if span.is_some() { "AND m.month BETWEEN a.first AND a.last" } else { "" };
    let columns = |of: fn(&str) -> String| MONTH_SUMS.map(of).join(", ");
    let tail = format!(
        "), a(id, first, last) AS (SELECT v.id, v.first, v.last FROM v CROSS JOIN account_closure s \
         WHERE s.ancestor_id = v.viewer AND s.descendant_id = v.id) \
         SELECT a.id, m.month, {stored} FROM a CROSS JOIN account_month m WHERE m.account_id = a.id {within} \
         UNION ALL SELECT a.id, m.month, {stored} FROM a CROSS JOIN account_month_below m WHERE m.account_id = a.id {within} \
         UNION ALL SELECT a.id, m.month, {since} FROM a CROSS JOIN account_closure c CROSS JOIN account_month m \
         WHERE c.ancestor_id = a.id AND c.depth > 0 AND m.account_id = c.descendant_id AND m.uncarried {within} \
         GROUP BY a.id, m.month",
        stored = columns(|sum| format!("m.{sum}")),
        since = columns(|sum| format!("CAST(sum(m.{sum} - m.carried_{sum}) AS BIGINT)")),
    );
    let span = span.map(|(first, last)| (first.to_string(), last.to_string()));
    let rows = asked(viewer, accounts, span.as_ref());
    let mut all: HashMap<Uuid, Vec<MonthSum>> = HashMap::new();
    for row in rows.query(from.db(), ASKED, &tail).await? {
        let month: String = row.try_get_by_index(1)?;
        let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
        let sum = MonthSum { month, sum: page_sum(&row, 2)?, certified: page_sum(&row, 6)? };
        all.entry(row.try_get_by_index(0)?).or_default().push(sum);
    }
    for months in all.values_mut() {
        months.sort_unstable_by_key(|sum| sum.month);
        months.dedup_by(|part, whole| {
            let same = part.month == whole.month;
            if same {
                whole.sum.add(&part.sum);
                whole.certified.add(&part.certified);
            }
            same
        });
    }
    Ok(all)
}

/// The same of each day of a span that has any, from the days of each account below.
pub async fn days(
    from: &impl Source,
    viewer: Uuid,
    accounts: &[Uuid],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<HashMap<Uuid, Vec<(NaiveDate, PageSum)>>, StoreError> {
    // PostgreSQL sums BIGINT to NUMERIC.
    let tail = ") SELECT c.ancestor_id, m.day, CAST(sum(m.small) AS BIGINT), CAST(sum(m.large) AS BIGINT), \
         CAST(sum(m.duplex) AS BIGINT), CAST(sum(m.standard) AS BIGINT) \
         FROM v CROSS JOIN account_closure s CROSS JOIN account_closure c CROSS JOIN account_day m \
         WHERE s.ancestor_id = v.viewer AND s.descendant_id = v.id AND c.ancestor_id = v.id AND m.account_id = c.descendant_id \
         AND m.day BETWEEN v.first AND v.last GROUP BY c.ancestor_id, m.day";
    let rows = asked(Some(viewer), accounts, Some(&(first.to_string(), last.to_string())));
    let mut all: HashMap<Uuid, Vec<(NaiveDate, PageSum)>> = HashMap::new();
    for row in rows.query(from.db(), ASKED, tail).await? {
        let on: String = row.try_get_by_index(1)?;
        all.entry(row.try_get_by_index(0)?).or_default().push((day("account_day.day", &on)?, page_sum(&row, 2)?));
    }
    // A few are sorted at less cost here than there.
    for days in all.values_mut() {
        days.sort_unstable_by_key(|(day, _)| *day);
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
