//! Users and API keys.

use std::collections::HashMap;

use coppice_entity::{api_key, certificate_delivery, user_account};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait as _, DatabaseBackend, EntityTrait, QueryFilter, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LockType},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{askable, below, insert, instant, key, millis, named},
    session,
};
use crate::{
    clock::{Instant, from_millis},
    domain::account::{ActiveStatus, ApiKey, Permission, User},
    id::Uuid,
    secret::{Digest, Secret},
};

pub(super) fn user_from_row(row: user_account::Model) -> Result<User, StoreError> {
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

pub(super) fn key_from_row(row: api_key::Model) -> Result<ApiKey, StoreError> {
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

/// The user with this address (in lower case), with the hash of the password if there is one.
pub async fn by_email(from: &impl Source, email: &str) -> Result<Option<(User, Option<Secret>)>, StoreError> {
    let found = user_account::Entity::find().filter(user_account::Column::Email.eq(askable(email))).one(from.db()).await?;
    found.map(with_password).transpose()
}

/// A user with the hash of the password if there is one.
pub async fn user_with_password(from: &impl Source, id: Uuid) -> Result<Option<(User, Option<Secret>)>, StoreError> {
    user_account::Entity::find_by_id(id).one(from.db()).await?.map(with_password).transpose()
}

fn with_password(mut row: user_account::Model) -> Result<(User, Option<Secret>), StoreError> {
    let password = row.password.take().map(Secret::from);
    Ok((user_from_row(row)?, password))
}

/// Sets the hash of a user's password, or takes it away.
pub async fn set_password(tx: &Tx, id: Uuid, hash: Option<&Secret>) -> Result<(), StoreError> {
    use user_account::Column as C;
    user_account::Entity::update_many()
        .col_expr(C::Password, Expr::val(hash.map(Secret::expose)))
        .filter(C::Id.eq(id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Takes a lock on a user until the transaction ends: nobody else changes it meanwhile.
pub async fn lock_user(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    // SQLite's writers are alone anyway.
    if tx.get_database_backend() == DatabaseBackend::Postgres {
        user_account::Entity::find_by_id(id).lock(LockType::Update).one(tx.db()).await?;
    }
    Ok(())
}

/// Stores a user's name, permission and status as they are in `user`; the version grows.
pub async fn update_user(tx: &Tx, user: &User) -> Result<(), StoreError> {
    use user_account::Column as C;
    user_account::Entity::update_many()
        .col_expr(C::Name, Expr::val(user.name.as_str()))
        .col_expr(C::NameKey, Expr::val(key(&user.name)))
        .col_expr(C::Permission, Expr::val(user.permission.as_str()))
        .col_expr(C::Status, Expr::val(user.status.as_str()))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .col_expr(C::Version, C::Version.into_expr().add(1))
        .filter(C::Id.eq(user.id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Erases a user with everything that is only about the user.
pub async fn remove_user(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    session::end_all(tx, id).await?;
    session::drop_link(tx, id).await?;
    certificate_delivery::Entity::delete_many().filter(certificate_delivery::Column::UserId.eq(id)).exec(tx.db()).await?;
    user_account::Entity::delete_by_id(id).exec(tx.db()).await?;
    Ok(())
}

/// Ends a key.
pub async fn revoke_api_key(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    use api_key::Column as C;
    api_key::Entity::update_many()
        .col_expr(C::RevokedAt, Expr::val(tx.now_millis()))
        .filter(C::Id.eq(id))
        .filter(C::RevokedAt.is_null())
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Adds a user, who has no password yet.
pub async fn insert_user(tx: &Tx, user: &User) -> Result<(), StoreError> {
    let row = user_account::Model {
        id: user.id,
        account_id: user.account_id,
        name: user.name.clone(),
        name_key: key(&user.name),
        email: user.email.clone(),
        password: None,
        permission: user.permission.as_str().to_owned(),
        status: user.status.as_str().to_owned(),
        created_at: user.created_at.timestamp_millis(),
        updated_at: user.updated_at.timestamp_millis(),
        version: user.version,
    };
    insert(tx.db(), vec![row]).await
}

/// Adds a key.
pub async fn insert_api_key(tx: &Tx, record: &ApiKey, digest: &Digest) -> Result<(), StoreError> {
    let row = api_key::Model {
        id: record.id,
        account_id: record.account_id,
        name: record.name.clone(),
        hint: record.hint.clone(),
        permission: record.permission.as_str().to_owned(),
        digest: digest.to_vec(),
        created_at: record.created_at.timestamp_millis(),
        expires_at: millis(record.expires_at),
        revoked_at: millis(record.revoked_at),
        last_used_at: millis(record.last_used_at),
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
