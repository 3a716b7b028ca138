//! Sums of months and days, carried up to the accounts above.
//!
//! Whoever writes sums of an account leaves those of the accounts above alone: a night would wait at the distributor's row. What has moved
//! on since is carried up here, some at a time: months, which certificates move too, are marked by the database itself; days are what the
//! ledger's entries come to, so they are known by the last entry that was. Until then [`super::consumption`] adds what there is more.

use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{
    Source as _, Store, StoreError,
    collecting::sql::{MAX_ROWS, Rows, statement},
    consumption::{DAY, MONTH, Period},
    posting_order::carried_through,
};
use crate::id::Uuid;

/// Entries that are carried up in one transaction.
const ENTRIES: i64 = 1_024;

/// Carries up what has moved on of up to 128 months, and up to 1,024 entries, and gives of how many.
///
/// On PostgreSQL it passes by the months that someone else holds, and holds its own for three statements; it waits at rows of the sums only,
/// which it takes in their order, so nodes may carry at the same time. Entries are carried by one node at a time.
pub async fn carry_up(store: &Store) -> Result<usize, StoreError> {
    Ok(carry_months(store).await? + carry_entries(store).await?)
}

async fn any(store: &Store, text: &str) -> Result<bool, StoreError> {
    Ok(store.db().query_one_raw(statement(store.dialect(), text, [])).await?.is_some())
}

async fn carry_months(store: &Store) -> Result<usize, StoreError> {
    if !any(store, "SELECT 1 FROM account_month WHERE uncarried LIMIT 1").await? {
        return Ok(0);
    }
    let most = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let lock = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
            // Those of one month together: they are added to the same rows.
            let text = format!(
                "SELECT account_id, month FROM account_month WHERE uncarried ORDER BY month, account_id LIMIT ? {lock}"
            );
            let found = tx.query_all_raw(statement(backend, &text, [most.into()])).await?;
            let mut keys = Vec::with_capacity(found.len());
            for row in found {
                keys.push((row.try_get_by_index::<Uuid>(0)?, row.try_get_by_index::<String>(1)?));
            }
            let picked = || {
                let mut rows = Rows::new(&["uuid", "text"]);
                for (account_id, month) in &keys {
                    rows.push([(*account_id).into(), month.as_str().into()]);
                }
                rows
            };
            let more = format!(
                ") INSERT INTO account_month_below (account_id, month, {}) \
                 SELECT c.ancestor_id, m.month, {} FROM v CROSS JOIN account_month m CROSS JOIN account_closure c \
                 WHERE m.account_id = v.account_id AND m.month = v.month AND c.descendant_id = m.account_id AND c.depth > 0 {}",
                MONTH.sums.join(", "),
                MONTH.columns(|sum| format!("CAST(sum(m.{sum} - m.carried_{sum}) AS BIGINT)")),
                added("m", &MONTH),
            );
            picked().execute(tx.db(), "WITH v(account_id, month) AS (", &more).await?;
            let carried = MONTH.columns(|sum| format!("carried_{sum} = account_month.{sum}"));
            let tail = format!(
                ") UPDATE account_month SET {carried} FROM v \
                 WHERE account_month.account_id = v.account_id AND account_month.month = v.month"
            );
            picked().execute(tx.db(), "WITH v(account_id, month) AS (", &tail).await?;
            Ok(keys.len())
        })
        .await
}

/// How rows of sums by ancestor and period, `of` some alias, end: added to what is there, in the order in which all take their rows.
fn added(of: &str, Period { below, key, sums, .. }: &Period) -> String {
    let sums = sums.iter().map(|sum| format!("{sum} = {below}.{sum} + excluded.{sum}")).collect::<Vec<_>>().join(", ");
    format!(
        "GROUP BY c.ancestor_id, {of}.{key} ORDER BY c.ancestor_id, {of}.{key} ON CONFLICT (account_id, {key}) DO UPDATE SET {sums}"
    )
}

async fn carry_entries(store: &Store) -> Result<usize, StoreError> {
    let sqlite = store.is_sqlite();
    let (order, through) = carried_through(sqlite);
    let (lock, settled) = if sqlite { ("", "") } else { ("FOR UPDATE SKIP LOCKED", "AND tx < settled_before()") };
    let next = &format!("FROM deposit WHERE ({order}) > {through} {settled} ORDER BY {order} LIMIT");
    if !any(store, &format!("SELECT 1 {next} 1")).await? {
        return Ok(0);
    }
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let held = format!("SELECT id FROM carried_through {lock}");
            if tx.query_one_raw(statement(backend, &held, [])).await?.is_none() {
                return Ok(0);
            }
            let found = tx.query_all_raw(statement(backend, &format!("SELECT tx, seq {next} ?"), [ENTRIES.into()])).await?;
            let Some(row) = found.last() else { return Ok(0) };
            let (last_tx, last): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let up_to = if sqlite { "(?)" } else { "(?, ?)" };
            let text = format!(
                "WITH e AS MATERIALIZED (SELECT account_id, day, small, large, duplex, standard FROM deposit \
                 WHERE ({order}) > {through} AND ({order}) <= {up_to} ORDER BY {order} LIMIT ?) \
                 INSERT INTO account_day_below (account_id, day, {}) \
                 SELECT c.ancestor_id, e.day, {} FROM e CROSS JOIN account_closure c \
                 WHERE c.descendant_id = e.account_id AND c.depth > 0 {}",
                DAY.sums.join(", "),
                DAY.columns(|sum| format!("CAST(sum(e.{sum}) AS BIGINT)")),
                added("e", &DAY),
            );
            let place = [last_tx.into(), last.into()].into_iter().skip(usize::from(sqlite));
            tx.execute_raw(statement(backend, &text, place.chain([ENTRIES.into()]))).await?;
            let moved = "UPDATE carried_through SET tx = ?, seq = ?";
            tx.execute_raw(statement(backend, moved, [last_tx.into(), last.into()])).await?;
            Ok(found.len())
        })
        .await
}
