//! Vendor servers. Their credentials arrive sealed and leave sealed.

use std::collections::HashMap;

use coppice_entity::{feed, server};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{below, containing, health, insert, instant, key, millis, named, time, time_text, zone},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::{Instant, from_millis},
    domain::{
        health::HealthStatus,
        paging::{Page, PageArgs},
        query::{NameOrder, ServerFilter},
        server::{Server, ServerStatus},
        vendor::VendorKind,
    },
    id::Uuid,
};

pub(super) fn from_row(row: server::Model) -> Result<Server, StoreError> {
    Ok(Server {
        id: row.id,
        account_id: row.account_id,
        vendor: named("server.vendor", VendorKind::parse, &row.vendor)?,
        time_zone: zone("server.time_zone", &row.time_zone)?,
        nightly_at: time("server.nightly_at", &row.nightly_at)?,
        health: health(&row.health_status, row.health_reason.as_deref(), row.health_checked_at, row.health_changed_at)?,
        name: row.name,
        url: row.url,
        credentials_username: row.credentials_username,
        credentials_hint: row.credentials_hint,
        credentials_updated_at: from_millis(row.credentials_updated_at),
        paused_at: instant(row.paused_at),
        removed_at: instant(row.removed_at),
        created_at: from_millis(row.created_at),
        updated_at: from_millis(row.updated_at),
        version: row.version,
    })
}

/// The servers with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Server>, StoreError> {
    let rows = server::Entity::find()
        .filter(server::Column::Id.is_in(ids.iter().copied()))
        .filter(below(server::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// A server, for the engine.
pub async fn find(from: &impl Source, id: Uuid) -> Result<Option<Server>, StoreError> {
    server::Entity::find_by_id(id).one(from.db()).await?.map(from_row).transpose()
}

/// A server's sealed credentials; `None` once it is removed.
pub async fn sealed_credentials(from: &impl Source, id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(server::Entity::find_by_id(id).one(from.db()).await?.and_then(|row| row.credentials))
}

/// The origins of servers, for the keys of their feeds.
pub async fn origins(from: &impl Source, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let rows = server::Entity::find().filter(server::Column::Id.is_in(ids.iter().copied())).all(from.db()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.origin)).collect())
}

fn with_status(status: ServerStatus) -> Condition {
    use server::Column as C;
    let unhealthy = HealthStatus::Unhealthy.as_str();
    match status {
        ServerStatus::Removed => Condition::all().add(C::RemovedAt.is_not_null()),
        ServerStatus::PausedByUser => Condition::all().add(C::RemovedAt.is_null()).add(C::PausedAt.is_not_null()),
        ServerStatus::PausedUnhealthy => {
            Condition::all().add(C::RemovedAt.is_null()).add(C::PausedAt.is_null()).add(C::HealthStatus.eq(unhealthy))
        }
        ServerStatus::Active => {
            Condition::all().add(C::RemovedAt.is_null()).add(C::PausedAt.is_null()).add(C::HealthStatus.ne(unhealthy))
        }
    }
}

/// A page of the servers that `viewer` may see.
pub async fn list(
    store: &Store,
    viewer: Uuid,
    filter: &ServerFilter,
    order: NameOrder,
    args: &PageArgs,
) -> Result<Page<Server>, StoreError> {
    use server::Column as C;
    let (owned, wide) = store.owned(C::AccountId, viewer, filter.account_id).await?;
    let mut all = Condition::all().add(owned);
    if !filter.vendor.is_empty() {
        all = all.add(C::Vendor.is_in(filter.vendor.iter().map(|vendor| vendor.as_str())));
    }
    if !filter.status.is_empty() {
        all = all.add(filter.status.iter().fold(Condition::any(), |any, status| any.add(with_status(*status))));
    }
    if !filter.health.is_empty() {
        all = all.add(C::HealthStatus.is_in(filter.health.iter().map(|health| health.as_str())));
    }
    if let Some(search) = &filter.search {
        all = all.add(C::SearchKey.like(containing(search)));
    }
    if let Some(since) = filter.updated_since {
        all = all.add(C::UpdatedAt.gte(since.timestamp_millis()));
    }
    if order == NameOrder::UpdatedAtAsc {
        all = all.add(C::UpdatedAt.lt(store.settled_before().await?));
    }
    let by_name = matches!(order, NameOrder::NameAsc | NameOrder::NameDesc);
    let (list, first) =
        if by_name { ("server.name", C::NameKey.into_expr()) } else { ("server.updated", C::UpdatedAt.into_expr()) };
    let descending = matches!(order, NameOrder::NameDesc | NameOrder::UpdatedAtDesc);
    let keys = [SortKey::directed(first, descending), SortKey::asc(C::Id.into_expr())];
    let values = move |row: &server::Model| {
        let first = if by_name { KeyValue::Text(row.name_key.clone()) } else { KeyValue::Number(row.updated_at) };
        vec![first, KeyValue::id(row.id)]
    };
    page(&store.db, server::Entity::find().filter(all), list, &SortKey::along(keys, wide), args, values, from_row).await
}

/// What is stored of a server beside its record.
#[derive(Debug, Clone)]
pub struct ServerSecrets<'a> {
    /// Sealed credentials.
    pub credentials: Vec<u8>,
    /// Scheme, host and port of its address.
    pub origin: &'a str,
    /// When its first nightly run is due.
    pub next_nightly_at: Instant,
    /// When its next check is due.
    pub next_check_at: Instant,
}

/// Adds a server.
pub async fn insert_one(tx: &Tx, server: &Server, beside: ServerSecrets<'_>) -> Result<(), StoreError> {
    let row = server::Model {
        id: server.id,
        account_id: server.account_id,
        vendor: server.vendor.as_str().to_owned(),
        name: server.name.clone(),
        name_key: key(&server.name),
        search_key: key(&format!("{}\n{}", server.name, server.url)),
        url: server.url.clone(),
        origin: beside.origin.to_owned(),
        time_zone: server.time_zone.name().to_owned(),
        nightly_at: time_text(server.nightly_at),
        credentials: Some(beside.credentials),
        credentials_username: server.credentials_username.clone(),
        credentials_hint: server.credentials_hint.clone(),
        credentials_updated_at: server.credentials_updated_at.timestamp_millis(),
        health_status: server.health.status.as_str().to_owned(),
        health_reason: server.health.reason.map(|reason| reason.as_str().to_owned()),
        health_checked_at: millis(server.health.checked_at),
        health_changed_at: millis(server.health.changed_at),
        paused_at: millis(server.paused_at),
        removed_at: millis(server.removed_at),
        lease_owner: None,
        lease_fence: 0,
        lease_until: 0,
        next_nightly_at: Some(beside.next_nightly_at.timestamp_millis()),
        next_check_at: Some(beside.next_check_at.timestamp_millis()),
        created_at: server.created_at.timestamp_millis(),
        updated_at: server.updated_at.timestamp_millis(),
        version: server.version,
    };
    insert(tx.db(), vec![row]).await
}

/// Takes a lock on servers until the transaction ends, so that what depends on their state holds at its commit.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<(), StoreError> {
    use sea_orm::QuerySelect as _;
    // SQLite's writers are alone anyway.
    if sea_orm::ConnectionTrait::get_database_backend(tx) == sea_orm::DatabaseBackend::Postgres {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        server::Entity::find()
            .filter(server::Column::Id.is_in(ids))
            .lock(sea_orm::sea_query::LockType::Update)
            .all(tx.db())
            .await?;
    }
    Ok(())
}

/// The live feeds of a server by their external id.
pub async fn live_feeds(from: &impl Source, server: Uuid) -> Result<HashMap<String, Uuid>, StoreError> {
    let rows = feed::Entity::find()
        .filter(feed::Column::ServerId.eq(server))
        .filter(Expr::col(feed::Column::EndedAt).is_null())
        .all(from.db())
        .await?;
    Ok(rows.into_iter().map(|row| (row.external_id, row.id)).collect())
}
