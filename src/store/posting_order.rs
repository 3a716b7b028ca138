//! The order in which ledger entries and certificates were posted.
//!
//! On PostgreSQL a sequence alone is not the order of commits, so what is posted is ordered by its transaction, and shown once every earlier
//! transaction has ended. A server that a dump is restored into counts its transactions anew: there the numbers go on after those that were
//! restored, or what was posted would be hidden, and what is posted next would come before it.

use sea_orm::{
    ConnectionTrait as _, TransactionTrait as _,
    sea_query::{Expr, SimpleExpr},
};

use super::{Store, StoreError, collecting::statement};

/// The number that transactions under way may still post under, and every later one; PostgreSQL only.
pub(super) fn settled_before() -> SimpleExpr {
    Expr::cust("settled_before()")
}

/// The columns that are the order of posting, and what they are of the last entry that was carried up. On SQLite the sequence alone is that
/// order, and an index is entered by it.
pub(super) const fn carried_through(sqlite: bool) -> (&'static str, &'static str) {
    if sqlite {
        ("seq", "(SELECT seq FROM carried_through)")
    } else {
        ("tx, seq", "((SELECT tx FROM carried_through), (SELECT seq FROM carried_through))")
    }
}

/// Lets the numbers go on after what was posted; on PostgreSQL only, and before anything is posted.
pub(super) async fn go_on(store: &Store) -> Result<(), StoreError> {
    let text = "SELECT GREATEST((SELECT max(tx) FROM deposit), (SELECT max(tx) FROM certificate), 0), \
         pg_snapshot_xmax(pg_current_snapshot())::text::bigint, \
         settled_before() - pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
    let row = store.writer().query_one_raw(statement(store.dialect(), text, [])).await?;
    let row = row.ok_or(StoreError::Corrupt("deposit.tx"))?;
    let (last, next, lead): (i64, i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    if last < next + lead {
        return Ok(());
    }
    let lead = last + 1 - next;
    let tx = store.writer().begin().await?;
    for function in coppice_migration::posting_functions(lead) {
        tx.execute_unprepared(&function).await?;
    }
    tx.commit().await?;
    tracing::info!("this database was restored from another server: the order of posting goes on after what it holds");
    Ok(())
}
