//! Sums of an account and those below it, from the monthly and daily sums of each account's own entries; never from the ledger. All of a
//! statement's sums are of one instant.

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

/// Per account the sums of each month in which it or an account below it has entries, all months or those of a span, the earliest first;
/// only of accounts that `viewer` may see, if there is one.
pub async fn months(
    from: &impl Source,
    viewer: Option<Uuid>,
    accounts: &[Uuid],
    span: Option<(Month, Month)>,
) -> Result<HashMap<Uuid, Vec<MonthSum>>, StoreError> {
    let sums = [
        "small",
        "large",
        "duplex",
        "standard",
        "certified_small",
        "certified_large",
        "certified_duplex",
        "certified_standard",
    ];
    let span = span.map(|(first, last)| (first.to_string(), last.to_string()));
    let mut all: HashMap<Uuid, Vec<MonthSum>> = HashMap::new();
    for row in sums_by(from, "account_month", "month", &sums, viewer, accounts, span).await? {
        let month: String = row.try_get_by_index(1)?;
        let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
        let sum = MonthSum { month, sum: page_sum(&row, 2)?, certified: page_sum(&row, 6)? };
        all.entry(row.try_get_by_index(0)?).or_default().push(sum);
    }
    for months in all.values_mut() {
        months.sort_unstable_by_key(|sum| sum.month);
    }
    Ok(all)
}

/// The same of each day of a span that has any.
pub async fn days(
    from: &impl Source,
    viewer: Uuid,
    accounts: &[Uuid],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<HashMap<Uuid, Vec<(NaiveDate, PageSum)>>, StoreError> {
    let sums = ["small", "large", "duplex", "standard"];
    let span = Some((first.to_string(), last.to_string()));
    let mut all: HashMap<Uuid, Vec<(NaiveDate, PageSum)>> = HashMap::new();
    for row in sums_by(from, "account_day", "day", &sums, Some(viewer), accounts, span).await? {
        let on: String = row.try_get_by_index(1)?;
        all.entry(row.try_get_by_index(0)?).or_default().push((day("account_day.day", &on)?, page_sum(&row, 2)?));
    }
    for days in all.values_mut() {
        days.sort_unstable_by_key(|(day, _)| *day);
    }
    Ok(all)
}

/// Per account and `period` of a table of sums, the columns `sums` of the account and those below it, in no order: a few months are sorted
/// at less cost here than there.
async fn sums_by(
    from: &impl Source,
    table: &str,
    period: &str,
    sums: &[&str],
    viewer: Option<Uuid>,
    accounts: &[Uuid],
    span: Option<(String, String)>,
) -> Result<Vec<QueryResult>, StoreError> {
    // All parameters stand in the one list of rows: the same text for the same number of accounts.
    let mut rows = Rows::new(&["uuid", "uuid", "text", "text"]);
    let (first, last) = span.clone().unwrap_or_default();
    for account in accounts {
        let viewer = viewer.unwrap_or(*account);
        rows.push([Value::from(*account), viewer.into(), first.as_str().into(), last.as_str().into()]);
    }
    // PostgreSQL sums BIGINT to NUMERIC.
    let sums: Vec<String> = sums.iter().map(|column| format!("CAST(sum(m.{column}) AS BIGINT)")).collect();
    let within = if span.is_some() { format!("AND m.{period} BETWEEN v.first AND v.last") } else { String::new() };
    let tail = format!(
        ") SELECT c.ancestor_id, m.{period}, {} FROM v CROSS JOIN account_closure s CROSS JOIN account_closure c CROSS JOIN {table} m \
         WHERE s.ancestor_id = v.viewer AND s.descendant_id = v.id AND c.ancestor_id = v.id AND m.account_id = c.descendant_id {within} \
         GROUP BY c.ancestor_id, m.{period}",
        sums.join(", "),
    );
    Ok(rows.query(from.db(), "WITH v(id, viewer, first, last) AS (", &tail).await?)
}

/// Four columns of sums, from `first` on.
fn page_sum(row: &QueryResult, first: usize) -> Result<PageSum, StoreError> {
    let number = |place: usize| row.try_get_by_index::<i64>(first + place);
    Ok(PageSum {
        pages: Pages { small: number(0)?, large: number(1)?, duplex: number(2)? },
        standard: StandardPages(number(3)?),
    })
}
