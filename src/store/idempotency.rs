//! Idempotency keys: stored in the transaction of the effect they stand for, so that both are there or neither.

use std::collections::HashMap;

use coppice_entity::idempotency;
use sea_orm::{ColumnTrait, ConnectionTrait as _, DatabaseBackend, EntityTrait, QueryFilter, Statement};

use super::{Source, StoreError, Tx, convert::insert};
use crate::{
    clock::Instant,
    id::Uuid,
    secret::{Digest, digest},
};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Digest of the arguments it was first used with.
    pub args: Digest,
    /// The id that came of it.
    pub result: Uuid,
}

/// Names the locks of [`lock`] on PostgreSQL ("idem").
const LOCK: i32 = 0x6964_656d;

/// Until the transaction ends nobody else uses keys of this account and mutation: who comes second sees all that the first one did, the key
/// with its effect, and never the effect alone.
pub async fn lock(tx: &Tx, account: Uuid, mutation: &str) -> Result<(), StoreError> {
    // SQLite's writers are alone anyway.
    if tx.get_database_backend() == DatabaseBackend::Postgres {
        let name = digest(&[account.as_bytes(), mutation.as_bytes()].concat());
        let name = i32::from_be_bytes([name[0], name[1], name[2], name[3]]);
        let take = "SELECT pg_advisory_xact_lock($1, $2)";
        tx.execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, take, [LOCK.into(), name.into()])).await?;
    }
    Ok(())
}

/// Of `keys` of one caller's account and mutation, those used at `since` or later.
pub async fn find(
    from: &impl Source,
    account: Uuid,
    mutation: &str,
    keys: &[&str],
    since: Instant,
) -> Result<HashMap<String, Stored>, StoreError> {
    use idempotency::Column as C;
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = idempotency::Entity::find()
        .filter(C::AccountId.eq(account))
        .filter(C::Mutation.eq(mutation))
        .filter(C::Key.is_in(keys.iter().copied()))
        .filter(C::CreatedAt.gte(since.timestamp_millis()))
        .all(from.db())
        .await?;
    let stored = |row: &idempotency::Model| {
        Some(Stored { args: row.args_digest.clone().try_into().ok()?, result: Uuid::try_parse(&row.result).ok()? })
    };
    rows.into_iter()
        .map(|row| {
            let stored = stored(&row).ok_or(StoreError::Corrupt("idempotency.result"))?;
            Ok((row.key, stored))
        })
        .collect()
}

/// Keeps keys; ones of the same name from before `since` give way, later ones are [`StoreError::Taken`].
pub async fn insert_all(
    tx: &Tx,
    account: Uuid,
    mutation: &str,
    keys: &[(&str, Stored)],
    since: Instant,
) -> Result<(), StoreError> {
    use idempotency::Column as C;
    if keys.is_empty() {
        return Ok(());
    }
    idempotency::Entity::delete_many()
        .filter(C::AccountId.eq(account))
        .filter(C::Mutation.eq(mutation))
        .filter(C::Key.is_in(keys.iter().map(|(key, _)| *key)))
        .filter(C::CreatedAt.lt(since.timestamp_millis()))
        .exec(tx.db())
        .await?;
    let rows = keys.iter().map(|(key, stored)| idempotency::Model {
        account_id: account,
        mutation: mutation.to_owned(),
        key: (*key).to_owned(),
        args_digest: stored.args.to_vec(),
        result: stored.result.simple().to_string(),
        created_at: tx.now_millis(),
    });
    insert(tx.db(), rows.collect()).await
}

/// Forgets keys from before `before`, for the maintenance job.
pub async fn forget(tx: &Tx, before: Instant) -> Result<u64, StoreError> {
    let done = idempotency::Entity::delete_many()
        .filter(idempotency::Column::CreatedAt.lt(before.timestamp_millis()))
        .exec(tx.db())
        .await?;
    Ok(done.rows_affected)
}
