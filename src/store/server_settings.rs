//! What people do to servers. A change of settings raises the version, so that an answer read under the old ones is thrown away and
//! read again; a pause only delays and raises nothing.

use chrono::NaiveDate;
use coppice_entity::{feed, server, server_pause, sync_run};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Source as _, StoreError, Tx,
    convert::{insert, key, named, time_text},
    feed::FeedKey,
    run,
};
use crate::{
    clock::Instant,
    domain::{run::SyncStatus, server::Server, vendor::VendorKind},
    id::Uuid,
};

/// Notes that a server's pause began on the day `today`, unless one is under way; `id` is its key.
pub(super) async fn open_pause(tx: &Tx, server_id: Uuid, id: Uuid, today: NaiveDate) -> Result<(), StoreError> {
    use server_pause::Column as C;
    let open = server_pause::Entity::find().filter(C::ServerId.eq(server_id)).filter(C::ToDay.is_null()).one(tx.db()).await?;
    if open.is_none() {
        let row = server_pause::Model { id, server_id, from_day: today.to_string(), to_day: None };
        insert(tx.db(), vec![row]).await?;
    }
    Ok(())
}

/// Notes that a server's pause ended on the day `today`.
pub(super) async fn close_pause(tx: &Tx, server_id: Uuid, today: NaiveDate) -> Result<(), StoreError> {
    use server_pause::Column as C;
    server_pause::Entity::update_many()
        .col_expr(C::ToDay, Expr::val(today.to_string()))
        .filter(C::ServerId.eq(server_id))
        .filter(C::ToDay.is_null())
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Pauses a server on the day `today`; `id` is the pause's key. Its runs end at once, but for one under way, which stops at its next commit.
pub async fn pause(tx: &Tx, server_id: Uuid, id: Uuid, today: NaiveDate) -> Result<(), StoreError> {
    use server::Column as C;
    server::Entity::update_many()
        .col_expr(C::PausedAt, Expr::val(tx.now_millis()))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .filter(C::Id.eq(server_id))
        .exec(tx.db())
        .await?;
    open_pause(tx, server_id, id, today).await?;
    end_waiting_runs(tx, server_id, SyncStatus::Paused).await
}

/// Resumes a server on the day `today`. While its check fails, the days of its pause go on.
pub async fn resume(tx: &Tx, server_id: Uuid, today: NaiveDate, healthy: bool) -> Result<(), StoreError> {
    use server::Column as C;
    server::Entity::update_many()
        .col_expr(C::PausedAt, Expr::val(None::<i64>))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .filter(C::Id.eq(server_id))
        .exec(tx.db())
        .await?;
    if healthy { close_pause(tx, server_id, today).await } else { Ok(()) }
}

/// Removes a server for good: its credentials are erased, its runs end.
pub async fn remove(tx: &Tx, server_id: Uuid, today: NaiveDate) -> Result<(), StoreError> {
    use server::Column as C;
    server::Entity::update_many()
        .col_expr(C::RemovedAt, Expr::val(tx.now_millis()))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .col_expr(C::Version, C::Version.into_expr().add(1))
        .col_expr(C::Credentials, Expr::val(None::<Vec<u8>>))
        .col_expr(C::CredentialsUsername, Expr::val(None::<String>))
        .col_expr(C::CredentialsHint, Expr::val(""))
        .col_expr(C::NextNightlyAt, Expr::val(None::<i64>))
        .col_expr(C::NextCheckAt, Expr::val(None::<i64>))
        .filter(C::Id.eq(server_id))
        .exec(tx.db())
        .await?;
    close_pause(tx, server_id, today).await?;
    end_waiting_runs(tx, server_id, SyncStatus::Cancelled).await
}

/// Ends the runs of a server that nobody works on at this moment; its row is locked, so nobody begins to.
async fn end_waiting_runs(tx: &Tx, server_id: Uuid, to: SyncStatus) -> Result<(), StoreError> {
    use sync_run::Column as C;
    let held = server::Entity::find_by_id(server_id).one(tx.db()).await?;
    let held = held.is_some_and(|row| row.lease_owner.is_some() && row.lease_until > tx.now_millis());
    let mut open = vec![SyncStatus::Queued.as_str()];
    if !held {
        open.push(SyncStatus::Running.as_str());
    }
    let runs = sync_run::Entity::find().filter(C::ServerId.eq(server_id)).filter(C::Status.is_in(open)).all(tx.db()).await?;
    for open in runs {
        run::end_collections(tx, open.id, to).await?;
        run::transition(tx, open.id, to, None).await?;
    }
    Ok(())
}

/// New settings of a server; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct ServerChange {
    /// Its new address with scheme, host and port of it.
    pub origin: Option<String>,
    /// New credentials, sealed.
    pub credentials: Option<Vec<u8>>,
    /// When its next night is, when zone or time changed.
    pub next_nightly_at: Option<Instant>,
}

/// Stores a server's settings as they are in `server`, and what changed beside them.
pub async fn change(tx: &Tx, server: &Server, beside: &ServerChange) -> Result<(), StoreError> {
    use server::Column as C;
    let mut update = server::Entity::update_many()
        .col_expr(C::Version, C::Version.into_expr().add(1))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .col_expr(C::Name, Expr::val(server.name.as_str()))
        .col_expr(C::NameKey, Expr::val(key(&server.name)))
        .col_expr(C::SearchKey, Expr::val(key(&format!("{}\n{}", server.name, server.url))))
        .col_expr(C::Url, Expr::val(server.url.as_str()))
        .col_expr(C::TimeZone, Expr::val(server.time_zone.name()))
        .col_expr(C::NightlyAt, Expr::val(time_text(server.nightly_at)));
    if let Some(origin) = &beside.origin {
        update = update.col_expr(C::Origin, Expr::val(origin.as_str()));
    }
    if let Some(sealed) = &beside.credentials {
        update = update
            .col_expr(C::Credentials, Expr::val(sealed.clone()))
            .col_expr(C::CredentialsUsername, Expr::val(server.credentials_username.clone()))
            .col_expr(C::CredentialsHint, Expr::val(server.credentials_hint.as_str()))
            .col_expr(C::CredentialsUpdatedAt, Expr::val(tx.now_millis()));
    }
    if let Some(at) = beside.next_nightly_at {
        update = update.col_expr(C::NextNightlyAt, Expr::val(at.timestamp_millis()));
    }
    update.filter(C::Id.eq(server.id)).exec(tx.db()).await?;
    Ok(())
}

/// The live feeds of a server with the keys they have at another origin.
pub async fn keys_at(tx: &Tx, server_id: Uuid, origin: &str) -> Result<Vec<(Uuid, FeedKey)>, StoreError> {
    let Some(row) = server::Entity::find_by_id(server_id).one(tx.db()).await? else { return Ok(Vec::new()) };
    let vendor = named("server.vendor", VendorKind::parse, &row.vendor)?;
    let feeds = feed::Entity::find()
        .filter(feed::Column::ServerId.eq(server_id))
        .filter(feed::Column::EndedAt.is_null())
        .all(tx.db())
        .await?;
    let key = |external_id| FeedKey { account_id: row.account_id, vendor, origin: origin.to_owned(), external_id };
    Ok(feeds.into_iter().map(|feed| (feed.id, key(feed.external_id))).collect())
}

/// Gives live feeds the keys of another origin.
pub async fn change_keys(tx: &Tx, keys: &[(Uuid, FeedKey)]) -> Result<(), StoreError> {
    for (id, key) in keys {
        feed::Entity::update_many()
            .col_expr(feed::Column::LiveKey, Expr::val(key.text()))
            .filter(feed::Column::Id.eq(*id))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}
