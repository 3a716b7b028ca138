//! Sessions, one-time addresses and failed sign-ins. A session that has ended is a row that is gone.

use std::collections::BTreeMap;

use coppice_entity::{password_link, user_session};
use sea_orm::{ColumnTrait, ConnectionTrait as _, DatabaseBackend, EntityTrait, QueryFilter, sea_query::Expr};

use super::{Source, StoreError, Tx, collecting::sql::statement, convert::insert};
use crate::{
    clock::{Instant, from_millis},
    id::Uuid,
    secret::{Digest, RefreshToken},
};

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Key.
    pub id: Uuid,
    /// Who signed in.
    pub user_id: Uuid,
    /// Its last refresh token.
    pub token: RefreshToken,
    /// When that one stops working, and with it the session.
    pub expires_at: Instant,
}

fn from_row(row: user_session::Model) -> Result<Session, StoreError> {
    let digest = |bytes: Vec<u8>| bytes.try_into().map_err(|_| StoreError::Corrupt("user_session.session"));
    Ok(Session {
        id: row.id,
        user_id: row.user_id,
        token: RefreshToken { session: digest(row.session)?, once: digest(row.once)? },
        expires_at: from_millis(row.expires_at),
    })
}

/// Starts a session.
pub async fn start(tx: &Tx, session: &Session) -> Result<(), StoreError> {
    let now = tx.now_millis();
    let row = user_session::Model {
        id: session.id,
        user_id: session.user_id,
        session: session.token.session.to_vec(),
        once: session.token.once.to_vec(),
        created_at: now,
        renewed_at: now,
        expires_at: session.expires_at.timestamp_millis(),
    };
    insert(tx.db(), vec![row]).await
}

/// The session whose tokens share this half.
pub async fn by_token(from: &impl Source, token: &RefreshToken) -> Result<Option<Session>, StoreError> {
    let found = user_session::Entity::find().filter(user_session::Column::Session.eq(token.session.to_vec()));
    found.one(from.db()).await?.map(from_row).transpose()
}

/// Whether a user's session goes on at `now`.
pub async fn is_live(from: &impl Source, id: Uuid, user: Uuid, now: Instant) -> Result<bool, StoreError> {
    let found = user_session::Entity::find_by_id(id).one(from.db()).await?;
    Ok(found.is_some_and(|row| row.user_id == user && row.expires_at > now.timestamp_millis()))
}

/// Replaces a session's refresh token; `false` when it is not `used` any more.
pub async fn renew(
    tx: &Tx,
    id: Uuid,
    used: &RefreshToken,
    next: &RefreshToken,
    expires_at: Instant,
) -> Result<bool, StoreError> {
    use user_session::Column as C;
    let done = user_session::Entity::update_many()
        .col_expr(C::Once, Expr::val(next.once.to_vec()))
        .col_expr(C::RenewedAt, Expr::val(tx.now_millis()))
        .col_expr(C::ExpiresAt, Expr::val(expires_at.timestamp_millis()))
        .filter(C::Id.eq(id))
        .filter(C::Once.eq(used.once.to_vec()))
        .exec(tx.db())
        .await?;
    Ok(done.rows_affected == 1)
}

/// Ends a session.
pub async fn end(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    user_session::Entity::delete_by_id(id).exec(tx.db()).await?;
    Ok(())
}

/// Ends all sessions of a user; says how many there were.
pub async fn end_all(tx: &Tx, user: Uuid) -> Result<u64, StoreError> {
    let done = user_session::Entity::delete_many().filter(user_session::Column::UserId.eq(user)).exec(tx.db()).await?;
    Ok(done.rows_affected)
}

/// Gives a user a one-time address in place of any other.
pub async fn set_link(tx: &Tx, user: Uuid, digest: &Digest, expires_at: Instant) -> Result<(), StoreError> {
    drop_link(tx, user).await?;
    let expires_at = expires_at.timestamp_millis();
    insert(tx.db(), vec![password_link::Model { user_id: user, digest: digest.to_vec(), expires_at }]).await
}

/// Takes a user's one-time address away; `false` when there was none.
pub async fn drop_link(tx: &Tx, user: Uuid) -> Result<bool, StoreError> {
    let done = password_link::Entity::delete_by_id(user).exec(tx.db()).await?;
    Ok(done.rows_affected == 1)
}

/// Whose one-time address has this token, if it works at `now`.
pub async fn link(from: &impl Source, digest: &Digest, now: Instant) -> Result<Option<Uuid>, StoreError> {
    use password_link::Column as C;
    let found = password_link::Entity::find()
        .filter(C::Digest.eq(digest.to_vec()))
        .filter(C::ExpiresAt.gt(now.timestamp_millis()))
        .one(from.db())
        .await?;
    Ok(found.map(|row| row.user_id))
}

/// Failed attempts of each subject with the instant of the last, locked until the transaction ends; a subject without any has none.
pub async fn failures(tx: &Tx, subjects: &[Digest]) -> Result<BTreeMap<Digest, (i64, Instant)>, StoreError> {
    let backend = tx.get_database_backend();
    let lock = if backend == DatabaseBackend::Postgres { " FOR UPDATE" } else { "" };
    let mut subjects = subjects.to_vec();
    // Everybody locks in the same order.
    subjects.sort_unstable();
    let mut found = BTreeMap::new();
    for subject in subjects {
        let key = || subject.to_vec().into();
        let text = "INSERT INTO sign_in_failure (subject, failures, last_at) VALUES (?, 0, ?) ON CONFLICT (subject) DO NOTHING";
        tx.execute_raw(statement(backend, text, [key(), tx.now_millis().into()])).await?;
        let text = format!("SELECT failures, last_at FROM sign_in_failure WHERE subject = ?{lock}");
        if let Some(row) = tx.query_one_raw(statement(backend, &text, [key()])).await? {
            let (failures, last_at): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            found.insert(subject, (failures, from_millis(last_at)));
        }
    }
    Ok(found)
}

/// Sets how many failed attempts a subject has, the last of them now.
pub async fn set_failures(tx: &Tx, subject: &Digest, failures: i64) -> Result<(), StoreError> {
    let text = "UPDATE sign_in_failure SET failures = ?, last_at = ? WHERE subject = ?";
    let values = [failures.into(), tx.now_millis().into(), subject.to_vec().into()];
    tx.execute_raw(statement(tx.get_database_backend(), text, values)).await?;
    Ok(())
}

/// Takes one failed attempt back, or all of them.
pub async fn forgive(tx: &Tx, subject: &Digest, all: bool) -> Result<(), StoreError> {
    let text = if all {
        "DELETE FROM sign_in_failure WHERE subject = ?"
    } else {
        "UPDATE sign_in_failure SET failures = failures - 1 WHERE subject = ? AND failures > 0"
    };
    tx.execute_raw(statement(tx.get_database_backend(), text, [subject.to_vec().into()])).await?;
    Ok(())
}
