//! Every sealed value of the database, whichever table it is in: which key sealed it, and sealing it anew when keys rotate.
//!
//! To add a sealed column: a line in [`SEALED`].

use sea_orm::ConnectionTrait as _;

use super::{Source as _, Store, StoreError, Tx, collecting::sql::statement};
use crate::{id::Uuid, secret::KeyId};

/// A column that holds sealed values.
#[derive(Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// The account that a value is sealed for, as SQL; rows of no account are sealed for the zero key.
    account: Option<&'static str>,
}

/// All of them.
pub const SEALED: &[Sealed] = &[
    Sealed { table: "server", column: "credentials", account: Some("account_id") },
    Sealed { table: "certificate_key", column: "sealed", account: None },
];

/// A sealed value and where it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The row's key.
    pub id: Uuid,
    /// The account it is sealed for.
    pub account: Uuid,
    /// The value.
    pub blob: Vec<u8>,
}

/// How many values of a column each key sealed; `None` stands for values that are no blob of ours.
pub async fn rows_by_key(store: &Store, of: &Sealed) -> Result<Vec<(Option<KeyId>, i64)>, StoreError> {
    let Sealed { table, column, .. } = of;
    let text = format!("SELECT substr({column}, 1, 9), count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1");
    let rows = store.db().query_all_raw(statement(store.dialect(), &text, [])).await?;
    rows.into_iter()
        .map(|row| {
            let head: Vec<u8> = row.try_get_by_index(0)?;
            Ok((KeyId::of_head(&head), row.try_get_by_index(1)?))
        })
        .collect()
}

/// Up to `limit` values of a column behind the row `after`, by key, that another key than `key` sealed.
pub async fn sealed_otherwise(
    store: &Store,
    of: &Sealed,
    key: KeyId,
    after: Uuid,
    limit: i64,
) -> Result<Vec<SealedRow>, StoreError> {
    let Sealed { table, column, account } = of;
    let account = account.unwrap_or("id");
    let text = format!(
        "SELECT id, {account}, {column} FROM {table} WHERE {column} IS NOT NULL AND substr({column}, 2, 8) <> ? AND id > ? \
         ORDER BY id LIMIT ?"
    );
    let values = [key.bytes().to_vec().into(), after.into(), limit.into()];
    let rows = store.db().query_all_raw(statement(store.dialect(), &text, values)).await?;
    rows.into_iter()
        .map(|row| {
            let account = if of.account.is_some() { row.try_get_by_index(1)? } else { Uuid::nil() };
            Ok(SealedRow { id: row.try_get_by_index(0)?, account, blob: row.try_get_by_index(2)? })
        })
        .collect()
}

/// Puts `sealed` in the place of a value, unless that was changed meanwhile; says whether it did. Nothing else of the row moves.
pub async fn replace(tx: &Tx, of: &Sealed, row: &SealedRow, sealed: &[u8]) -> Result<bool, StoreError> {
    let Sealed { table, column, .. } = of;
    let text = format!("UPDATE {table} SET {column} = ? WHERE id = ? AND {column} = ?");
    let values = [sealed.to_vec().into(), row.id.into(), row.blob.clone().into()];
    let done = tx.execute_raw(statement(tx.get_database_backend(), &text, values)).await?;
    Ok(done.rows_affected() == 1)
}
