//! Sums of months and days, carried up to the accounts above.
//!
//! Whoever writes sums of an account's month or day leaves those of the accounts above alone: a night would wait at the distributor's row.
//! What has moved on since it was carried up is marked by the database itself; here it is added to what is above it, some at a time. Until
//! then [`super::consumption`] adds what there is more.

use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{
    Source as _, Store, StoreError, Tx,
    collecting::sql::{MAX_ROWS, Rows, statement},
    consumption::{DAY, MONTH, Period},
};
use crate::id::Uuid;

/// Carries up what has moved on of up to 128 months and 128 days, and gives of how many.
///
/// On PostgreSQL it passes by the rows that someone else holds, and holds its own for three statements; it waits at rows of the sums only,
/// which it takes in their order, so nodes may carry at the same time.
pub async fn carry_up(store: &Store) -> Result<usize, StoreError> {
    Ok(carry(store, &MONTH).await? + carry(store, &DAY).await?)
}

async fn carry(store: &Store, period: &Period) -> Result<usize, StoreError> {
    let Period { own, key, .. } = period;
    let any = format!("SELECT 1 FROM {own} WHERE uncarried LIMIT 1");
    if store.db().query_one_raw(statement(store.dialect(), &any, [])).await?.is_none() {
        return Ok(0);
    }
    let most = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let lock = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
            // Those of one period together: they are added to the same rows.
            let text = format!("SELECT account_id, {key} FROM {own} WHERE uncarried ORDER BY {key}, account_id LIMIT ? {lock}");
            let found = tx.query_all_raw(statement(backend, &text, [most.into()])).await?;
            let mut keys = Vec::with_capacity(found.len());
            for row in found {
                keys.push((row.try_get_by_index::<Uuid>(0)?, row.try_get_by_index::<String>(1)?));
            }
            let picked = || {
                let mut rows = Rows::new(&["uuid", "text"]);
                for (account_id, at) in &keys {
                    rows.push([(*account_id).into(), at.as_str().into()]);
                }
                rows
            };
            add_above(&tx, period, picked()).await?;
            let carried = period.columns(|sum| format!("carried_{sum} = {own}.{sum}"));
            let tail =
                format!(") UPDATE {own} SET {carried} FROM v WHERE {own}.account_id = v.account_id AND {own}.{key} = v.{key}");
            picked().execute(tx.db(), &format!("WITH v(account_id, {key}) AS ("), &tail).await?;
            Ok(keys.len())
        })
        .await
}

/// Adds what `picked` rows have more than was carried up to the sums of all accounts above theirs.
async fn add_above(tx: &Tx, period: &Period, picked: Rows) -> Result<(), StoreError> {
    let Period { own, below, key, .. } = period;
    let tail = format!(
        ") INSERT INTO {below} (account_id, {key}, {}) \
         SELECT c.ancestor_id, m.{key}, {} FROM v CROSS JOIN {own} m CROSS JOIN account_closure c \
         WHERE m.account_id = v.account_id AND m.{key} = v.{key} AND c.descendant_id = m.account_id AND c.depth > 0 \
         GROUP BY c.ancestor_id, m.{key} ORDER BY c.ancestor_id, m.{key} \
         ON CONFLICT (account_id, {key}) DO UPDATE SET {}",
        period.sums.join(", "),
        period.columns(|sum| format!("CAST(sum(m.{sum} - m.carried_{sum}) AS BIGINT)")),
        period.columns(|sum| format!("{sum} = {below}.{sum} + excluded.{sum}")),
    );
    picked.execute(tx.db(), &format!("WITH v(account_id, {key}) AS ("), &tail).await?;
    Ok(())
}
