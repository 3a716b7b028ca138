//! Users and API keys.

use std::collections::HashMap;

use coppice_entity::{api_key, user_account};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{below, insert, instant, millis, named},
};
use crate::{
    clock::{Instant, from_millis},
    domain::account::{ActiveStatus, ApiKey, Permission, User},
    id::Uuid,
    secret::Digest,
};

fn user_from_row(row: user_account::Model) -> Result<User, StoreError> {
    Ok(User {
        id: row.id,
        account_id: row.account_id,
        name: row.name,
        email: row.email,
        permission: named("user_account.permission", Permission::parse, &row.permission)?,
        status: named("user_account.status", ActiveStatus::parse, &row.status)?,
        created_at: from_millis(row.created_at),
        updated_at: from_millis(row.updated_at),
        version: row.version,
    })
}

fn key_from_row(row: api_key::Model) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.id,
        account_id: row.account_id,
        name: row.name,
        hint: row.hint,
        permission: named("api_key.permission", Permission::parse, &row.permission)?,
        created_at: from_millis(row.created_at),
        expires_at: instant(row.expires_at),
        revoked_at: instant(row.revoked_at),
        last_used_at: instant(row.last_used_at),
    })
}

/// A user, for signing in.
pub async fn user(from: &impl Source, id: Uuid) -> Result<Option<User>, StoreError> {
    user_account::Entity::find_by_id(id).one(from.db()).await?.map(user_from_row).transpose()
}

/// A key, for signing in.
pub async fn api_key(from: &impl Source, id: Uuid) -> Result<Option<ApiKey>, StoreError> {
    api_key::Entity::find_by_id(id).one(from.db()).await?.map(key_from_row).transpose()
}

/// The key with this digest, revoked and expired ones included.
pub async fn api_key_by_digest(from: &impl Source, digest: &Digest) -> Result<Option<ApiKey>, StoreError> {
    api_key::Entity::find()
        .filter(api_key::Column::Digest.eq(digest.to_vec()))
        .one(from.db())
        .await?
        .map(key_from_row)
        .transpose()
}

/// The users with these ids in `viewer`'s subtree.
pub async fn users_by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, User>, StoreError> {
    let rows = user_account::Entity::find()
        .filter(user_account::Column::Id.is_in(ids.iter().copied()))
        .filter(below(user_account::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, user_from_row(row)?))).collect()
}

/// The keys with these ids in `viewer`'s subtree.
pub async fn api_keys_by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, ApiKey>, StoreError> {
    let rows = api_key::Entity::find()
        .filter(api_key::Column::Id.is_in(ids.iter().copied()))
        .filter(below(api_key::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, key_from_row(row)?))).collect()
}

/// Whether a user has this address (in lower case).
pub async fn email_taken(from: &impl Source, email: &str) -> Result<bool, StoreError> {
    let row = user_account::Entity::find().filter(user_account::Column::Email.eq(email)).one(from.db()).await?;
    Ok(row.is_some())
}

/// Adds a user.
pub async fn insert_user(tx: &Tx, user: &User) -> Result<(), StoreError> {
    let row = user_account::Model {
        id: user.id,
        account_id: user.account_id,
        name: user.name.clone(),
        email: user.email.clone(),
        permission: user.permission.as_str().to_owned(),
        status: user.status.as_str().to_owned(),
        created_at: user.created_at.timestamp_millis(),
        updated_at: user.updated_at.timestamp_millis(),
        version: user.version,
    };
    insert(tx.db(), vec![row]).await
}

/// Adds a key.
pub async fn insert_api_key(tx: &Tx, key: &ApiKey, digest: &Digest) -> Result<(), StoreError> {
    let row = api_key::Model {
        id: key.id,
        account_id: key.account_id,
        name: key.name.clone(),
        hint: key.hint.clone(),
        permission: key.permission.as_str().to_owned(),
        digest: digest.to_vec(),
        created_at: key.created_at.timestamp_millis(),
        expires_at: millis(key.expires_at),
        revoked_at: millis(key.revoked_at),
        last_used_at: millis(key.last_used_at),
    };
    insert(tx.db(), vec![row]).await
}

/// Notes that a key was used at `used_at`, unless a later use is noted.
pub async fn touch_api_key(store: &Store, id: Uuid, used_at: Instant) -> Result<(), StoreError> {
    use api_key::Column as C;
    let used_at = used_at.timestamp_millis();
    store
        .write(|tx| async move {
            api_key::Entity::update_many()
                .set(api_key::ActiveModel { last_used_at: Set(Some(used_at)), ..Default::default() })
                .filter(C::Id.eq(id))
                .filter(C::LastUsedAt.is_null().or(Expr::col(C::LastUsedAt).lt(used_at)))
                .exec(tx.db())
                .await?;
            Ok(())
        })
        .await
}
