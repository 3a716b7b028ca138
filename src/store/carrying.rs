//! Sums of months, carried up to the accounts above.
//!
//! Whoever writes sums of an account's month leaves those of the accounts above alone: a night would wait at the distributor's row. A month
//! that has moved on since it was carried up is marked by the database itself; here such months are added to what is above them, some at a
//! time. Until then [`super::consumption`] adds what they have more.

use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{
    Source as _, Store, StoreError, Tx,
    collecting::sql::{MAX_ROWS, Rows, statement},
    consumption::MONTH_SUMS,
};
use crate::id::Uuid;

/// Carries up what has moved on of up to 128 months, and gives of how many.
///
/// On PostgreSQL it passes by the rows that someone else holds, and holds its own for three statements; it waits at rows of the sums only,
/// which it takes in their order, so nodes may carry at the same time.
pub async fn carry_up(store: &Store) -> Result<usize, StoreError> {
    let most = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    let any = statement(store.dialect(), "SELECT 1 FROM account_month WHERE uncarried LIMIT 1", []);
    if store.db().query_one_raw(any).await?.is_none() {
        return Ok(0);
    }
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let lock = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
            let text = format!(
                "SELECT account_id, month FROM account_month WHERE uncarried ORDER BY account_id, month LIMIT ? {lock}"
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
            add_above(&tx, picked()).await?;
            let carried = MONTH_SUMS.map(|sum| format!("carried_{sum} = account_month.{sum}")).join(", ");
            let tail = format!(
                ") UPDATE account_month SET {carried} FROM v \
                 WHERE account_month.account_id = v.account_id AND account_month.month = v.month"
            );
            picked().execute(tx.db(), "WITH v(account_id, month) AS (", &tail).await?;
            Ok(keys.len())
        })
        .await
}

/// Adds what `picked` months have more than was carried up to the sums of all accounts above theirs.
async fn add_above(tx: &Tx, picked: Rows) -> Result<(), StoreError> {
    let columns = |between: &str, of: fn(&str) -> String| MONTH_SUMS.map(of).join(between);
    let tail = format!(
        ") INSERT INTO account_month_below (account_id, month, {}) \
         SELECT c.ancestor_id, m.month, {} FROM v CROSS JOIN account_month m CROSS JOIN account_closure c \
         WHERE m.account_id = v.account_id AND m.month = v.month AND c.descendant_id = m.account_id AND c.depth > 0 \
         GROUP BY c.ancestor_id, m.month ORDER BY c.ancestor_id, m.month \
         ON CONFLICT (account_id, month) DO UPDATE SET {}",
        MONTH_SUMS.join(", "),
        columns(", ", |sum| format!("CAST(sum(m.{sum} - m.carried_{sum}) AS BIGINT)")),
        columns(", ", |sum| format!("{sum} = account_month_below.{sum} + excluded.{sum}")),
    );
    picked.execute(tx.db(), "WITH v(account_id, month) AS (", &tail).await?;
    Ok(())
}
