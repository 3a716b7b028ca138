//! Sums of an account and those below it, from the monthly and daily sums of each account's own entries; never from the ledger.

use std::collections::HashMap;

use chrono::NaiveDate;
use coppice_entity::{account_closure, account_day, account_month};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, FromQueryResult,
    sea_query::{ExprTrait as _, Func, IntoColumnRef, Query, SelectStatement},
};

use super::{Source, StoreError, collecting::sql::Rows, convert::day};
use crate::{
    domain::{
        calendar::Month,
        pages::{Pages, StandardPages},
        query::PageSum,
    },
    id::Uuid,
};

#[derive(FromQueryResult)]
struct Row {
    top: Uuid,
    period: String,
    small: i64,
    large: i64,
    duplex: i64,
    standard: i64,
}

impl Row {
    fn sum(&self) -> PageSum {
        PageSum {
            pages: Pages { small: self.small, large: self.large, duplex: self.duplex },
            standard: StandardPages(self.standard),
        }
    }
}

/// Sums per `period` of the rows of `E` below each of `tops`.
fn sums<E: EntityTrait>(
    tops: &[Uuid],
    account: E::Column,
    period: E::Column,
    numbers: [(E::Column, &'static str); 4],
) -> SelectStatement {
    use account_closure::Column as C;
    let mut select = Query::select();
    select
        .expr_as(C::AncestorId.into_expr(), "top")
        .expr_as(period.into_expr(), "period")
        .from(account_closure::Entity)
        .inner_join(E::default(), C::DescendantId.into_expr().equals(account.as_column_ref().into_column_ref()))
        .and_where(C::AncestorId.is_in(tops.iter().copied()))
        .add_group_by([C::AncestorId.into_expr(), period.into_expr()]);
    for (column, name) in numbers {
        // PostgreSQL sums BIGINT to NUMERIC.
        select.expr_as(Func::cast_as(column.into_expr().sum(), "BIGINT"), name);
    }
    select
}

async fn rows(from: &impl Source, select: &SelectStatement) -> Result<Vec<Row>, StoreError> {
    let rows = from.db().query_all(select).await?;
    Ok(rows.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

/// Per account the sums of each month in which it or an account below it has entries.
pub async fn months(
    from: &impl Source,
    accounts: &[Uuid],
    range: Option<(Month, Month)>,
) -> Result<HashMap<Uuid, Vec<(Month, PageSum)>>, StoreError> {
    use account_month::Column as C;
    let numbers = [(C::Small, "small"), (C::Large, "large"), (C::Duplex, "duplex"), (C::Standard, "standard")];
    let mut select = sums::<account_month::Entity>(accounts, C::AccountId, C::Month, numbers);
    if let Some((first, last)) = range {
        select.and_where(C::Month.between(first.to_string(), last.to_string()));
    }
    let mut all: HashMap<Uuid, Vec<(Month, PageSum)>> = HashMap::new();
    for row in rows(from, &select).await? {
        let month = row.period.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
        all.entry(row.top).or_default().push((month, row.sum()));
    }
    Ok(all)
}

/// Per account the sums of each month in which it or an account below it has entries, and of these the part on certificates in force; one
/// statement, so that both are of the same instant.
pub async fn months_with_certified(
    from: &impl Source,
    accounts: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(Month, PageSum, PageSum)>>, StoreError> {
    let mut rows = Rows::new(&["uuid"]);
    for account in accounts {
        rows.push([(*account).into()]);
    }
    let sum = |column: &str| format!("CAST(sum(m.{column}) AS BIGINT)");
    let columns = ["small", "large", "duplex", "standard"].map(sum).join(", ");
    let certified = ["certified_small", "certified_large", "certified_duplex", "certified_standard"].map(sum).join(", ");
    let tail = format!(
        ") SELECT c.ancestor_id, m.month, {columns}, {certified} \
         FROM v CROSS JOIN account_closure c CROSS JOIN account_month m \
         WHERE c.ancestor_id = v.id AND m.account_id = c.descendant_id GROUP BY c.ancestor_id, m.month"
    );
    let mut all: HashMap<Uuid, Vec<(Month, PageSum, PageSum)>> = HashMap::new();
    for row in rows.query(from.db(), "WITH v(id) AS (", &tail).await? {
        let month: String = row.try_get_by_index(1)?;
        let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
        let sum = |first: usize| {
            let number = |place: usize| row.try_get_by_index::<i64>(first + place);
            Ok::<_, StoreError>(PageSum {
                pages: Pages { small: number(0)?, large: number(1)?, duplex: number(2)? },
                standard: StandardPages(number(3)?),
            })
        };
        all.entry(row.try_get_by_index(0)?).or_default().push((month, sum(2)?, sum(6)?));
    }
    Ok(all)
}

/// The sums of an account and those below it, of each day of the range that has any.
pub async fn days(
    source: &impl Source,
    account: Uuid,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<(NaiveDate, PageSum)>, StoreError> {
    use account_day::Column as C;
    let numbers = [(C::Small, "small"), (C::Large, "large"), (C::Duplex, "duplex"), (C::Standard, "standard")];
    let mut select = sums::<account_day::Entity>(&[account], C::AccountId, C::Day, numbers);
    select.and_where(C::Day.between(from.to_string(), to.to_string()));
    rows(source, &select).await?.iter().map(|row| Ok((day("account_day.day", &row.period)?, row.sum()))).collect()
}
