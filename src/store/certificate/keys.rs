//! The keys that certificates are signed with. They are never deleted: who holds a certificate may check it for ever.

use coppice_entity::certificate_key;
use sea_orm::{ConnectionTrait as _, EntityTrait, QueryOrder};

use crate::{
    clock::{Instant, from_millis},
    id::Uuid,
    store::{Source, StoreError, Tx, convert::insert},
};

/// A signing key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Key.
    pub id: Uuid,
    /// Its name in signatures.
    pub kid: String,
    /// Its public half.
    pub public: Vec<u8>,
    /// Its private half, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Instant,
}

/// All keys, the latest first: that one signs.
pub async fn all(from: &impl Source) -> Result<Vec<StoredKey>, StoreError> {
    use certificate_key::Column as C;
    let rows = certificate_key::Entity::find().order_by_desc(C::CreatedAt).order_by_desc(C::Id).all(from.db()).await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredKey {
            id: row.id,
            kid: row.kid,
            public: row.public,
            sealed: row.sealed,
            created_at: from_millis(row.created_at),
        })
        .collect())
}

/// Adds a key, unless there is one and only the first is wanted; says whether it was added.
pub async fn add(tx: &Tx, key: &StoredKey, only_first: bool) -> Result<bool, StoreError> {
    // Two nodes that start at once must not make two first keys.
    if tx.get_database_backend() == sea_orm::DbBackend::Postgres {
        tx.execute_unprepared("LOCK TABLE certificate_key IN SHARE ROW EXCLUSIVE MODE").await?;
    }
    if only_first && certificate_key::Entity::find().one(tx.db()).await?.is_some() {
        return Ok(false);
    }
    let row = certificate_key::Model {
        id: key.id,
        kid: key.kid.clone(),
        public: key.public.clone(),
        sealed: key.sealed.clone(),
        created_at: key.created_at.timestamp_millis(),
    };
    insert(tx.db(), vec![row]).await?;
    Ok(true)
}
