//! What people change about feeds. Every change raises the version, so that an answer read under the old settings is thrown away by the
//! engine's commit and read again.

use chrono::NaiveDate;
use coppice_entity::{feed, feed_pause};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DatabaseBackend, EntityTrait, QueryFilter, QuerySelect as _, UpdateMany,
    sea_query::{Expr, ExprTrait as _, LockType},
};

use super::{Source as _, StoreError, Tx, convert::insert, feed::keys_of};
use crate::{
    domain::feed::{CollectionScope, Feed},
    id::Uuid,
};

/// Takes a lock on a feed until the transaction ends: no collection of it commits meanwhile.
pub async fn lock(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    // SQLite's writers are alone anyway.
    if tx.get_database_backend() == DatabaseBackend::Postgres {
        feed::Entity::find_by_id(id).lock(LockType::Update).one(tx.db()).await?;
    }
    Ok(())
}

/// A change of a feed's settings.
fn changed(tx: &Tx) -> UpdateMany<feed::Entity> {
    feed::Entity::update_many()
        .col_expr(feed::Column::Version, feed::Column::Version.into_expr().add(1))
        .col_expr(feed::Column::UpdatedAt, Expr::val(tx.now_millis()))
}

/// Raises a feed's version, so that a collection under way reads it again.
pub async fn touch(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    changed(tx).filter(feed::Column::Id.eq(id)).exec(tx.db()).await?;
    Ok(())
}

/// Pauses a feed from the day `today` on; `id` is the pause's key.
pub async fn pause(tx: &Tx, feed_id: Uuid, id: Uuid, today: NaiveDate) -> Result<(), StoreError> {
    let row = feed_pause::Model { id, feed_id, from_day: today.to_string(), to_day: None, resumed_at: None };
    insert(tx.db(), vec![row]).await?;
    changed(tx)
        .col_expr(feed::Column::PausedAt, Expr::val(tx.now_millis()))
        .filter(feed::Column::Id.eq(feed_id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Resumes a feed; `last` is the last day that is left out. A pause that left out no whole day is forgotten.
pub async fn resume(tx: &Tx, feed_id: Uuid, last: NaiveDate) -> Result<(), StoreError> {
    use feed_pause::Column as C;
    feed_pause::Entity::delete_many()
        .filter(C::FeedId.eq(feed_id))
        .filter(C::ToDay.is_null())
        .filter(C::FromDay.gt(last.to_string()))
        .exec(tx.db())
        .await?;
    feed_pause::Entity::update_many()
        .col_expr(C::ToDay, Expr::val(last.to_string()))
        .col_expr(C::ResumedAt, Expr::val(tx.now_millis()))
        .filter(C::FeedId.eq(feed_id))
        .filter(C::ToDay.is_null())
        .exec(tx.db())
        .await?;
    changed(tx)
        .col_expr(feed::Column::PausedAt, Expr::val(None::<i64>))
        .filter(feed::Column::Id.eq(feed_id))
        .exec(tx.db())
        .await?;
    Ok(())
}

fn end(tx: &Tx) -> UpdateMany<feed::Entity> {
    changed(tx)
        .col_expr(feed::Column::EndedAt, Expr::val(tx.now_millis()))
        .col_expr(feed::Column::LiveKey, Expr::val(None::<String>))
        .col_expr(feed::Column::Backfilling, Expr::val(false))
        .filter(feed::Column::EndedAt.is_null())
}

/// Ends a feed for good.
pub async fn remove(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    end(tx).filter(feed::Column::Id.eq(id)).exec(tx.db()).await?;
    Ok(())
}

/// Ends all feeds of a server for good.
pub async fn remove_of_server(tx: &Tx, server: Uuid) -> Result<(), StoreError> {
    end(tx).filter(feed::Column::ServerId.eq(server)).exec(tx.db()).await?;
    Ok(())
}

/// New settings of a feed; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedChange {
    /// Name given by the dealer; `Some(None)` clears it.
    pub given_name: Option<Option<String>>,
    /// Which devices count from now on.
    pub scope: Option<CollectionScope>,
    /// The first day that counts.
    pub activation_date: Option<NaiveDate>,
    /// Whether days of the past are to be collected now.
    pub backfilling: Option<bool>,
    /// The last day of the part that a new activation date puts before the days collected already.
    pub earlier_through: Option<NaiveDate>,
}

/// Changes a feed's settings.
pub async fn change(tx: &Tx, feed: &Feed, change: &FeedChange) -> Result<(), StoreError> {
    use feed::Column as C;
    let mut update = changed(tx);
    if let Some(given) = &change.given_name {
        let (name_key, search_key) = keys_of(given.as_deref(), feed.vendor_name.as_deref(), &feed.external_id);
        update = update
            .col_expr(C::GivenName, Expr::val(given.clone()))
            .col_expr(C::NameKey, Expr::val(name_key))
            .col_expr(C::SearchKey, Expr::val(search_key));
    }
    if let Some(scope) = change.scope {
        update = update.col_expr(C::Scope, Expr::val(scope.as_str()));
    }
    if let Some(day) = change.activation_date {
        update = update.col_expr(C::ActivationDate, Expr::val(day.to_string()));
    }
    if let Some(backfilling) = change.backfilling {
        update = update.col_expr(C::Backfilling, Expr::val(backfilling));
    }
    if let Some(day) = change.earlier_through {
        update = update.col_expr(C::EarlierThrough, Expr::val(day.to_string()));
    }
    update.filter(C::Id.eq(feed.id)).exec(tx.db()).await?;
    Ok(())
}

/// What the collecting of a feed has stored: its last covered day, a baseline's included, and the last day of an earlier part that is
/// not collected yet.
pub async fn collected(tx: &Tx, id: Uuid) -> Result<(Option<NaiveDate>, Option<NaiveDate>), StoreError> {
    use super::convert::day_opt;
    let row = feed::Entity::find_by_id(id).one(tx.db()).await?;
    let Some(row) = row else { return Ok((None, None)) };
    Ok((
        day_opt("feed.covered_through", row.covered_through.as_deref())?,
        day_opt("feed.earlier_through", row.earlier_through.as_deref())?,
    ))
}
