//! Feeds: each is read with what its server says of it (paused, zone).

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use coppice_entity::{feed, server};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect, RelationTrait, Select,
    sea_query::{CaseStatement, Condition, Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    columns::{Word, columns},
    convert::{askable, below, containing, day, day_opt, health, insert, instant, key, millis, named, zone},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::from_millis,
    domain::{
        calendar::day_of,
        feed::{CollectionScope, Feed, FeedStatus},
        health::HealthStatus,
        paging::{Page, PageArgs},
        query::{FeedFilter, NameOrder},
        vendor::VendorKind,
    },
    id::Uuid,
};

columns! {
    /// A feed with the columns of its server that say how it is.
    struct Row {
        id: Uuid = feed::Column::Id,
        server_id: Uuid = feed::Column::ServerId,
        account_id: Uuid = feed::Column::AccountId,
        external_id: String = feed::Column::ExternalId,
        given_name: Option<String> = feed::Column::GivenName,
        vendor_name: Option<String> = feed::Column::VendorName,
        name_key: Option<String> = feed::Column::NameKey,
        activation_date: Word = feed::Column::ActivationDate,
        scope: Word = feed::Column::Scope,
        health_status: Word = feed::Column::HealthStatus,
        health_reason: Option<Word> = feed::Column::HealthReason,
        health_checked_at: Option<i64> = feed::Column::HealthCheckedAt,
        health_changed_at: Option<i64> = feed::Column::HealthChangedAt,
        backfilling: bool = feed::Column::Backfilling,
        paused_at: Option<i64> = feed::Column::PausedAt,
        ended_at: Option<i64> = feed::Column::EndedAt,
        last_data_at: Option<i64> = feed::Column::LastDataAt,
        covered_through: Option<Word> = feed::Column::CoveredThrough,
        device_count: Option<i32> = feed::Column::DeviceCount,
        created_at: i64 = feed::Column::CreatedAt,
        updated_at: i64 = feed::Column::UpdatedAt,
        version: i32 = feed::Column::Version,
        server_paused_at: Option<i64> = server::Column::PausedAt,
        server_removed_at: Option<i64> = server::Column::RemovedAt,
        server_health: Word = server::Column::HealthStatus,
        server_time_zone: Word = server::Column::TimeZone,
    }
}

pub(super) fn select() -> Select<feed::Entity> {
    Row::select(feed::Entity::find().join(JoinType::InnerJoin, feed::Relation::Server.def()))
}

pub(super) fn from_row(row: Row) -> Result<Feed, StoreError> {
    let activation_date = day("feed.activation_date", &row.activation_date)?;
    Ok(Feed {
        id: row.id,
        server_id: row.server_id,
        account_id: row.account_id,
        scope: named("feed.scope", CollectionScope::parse, &row.scope)?,
        health: health(&row.health_status, row.health_reason.as_deref(), row.health_checked_at, row.health_changed_at)?,
        external_id: row.external_id,
        given_name: row.given_name,
        vendor_name: row.vendor_name,
        activation_date,
        backfilling: row.backfilling,
        paused_at: instant(row.paused_at),
        ended_at: instant(row.ended_at),
        server_paused: row.server_paused_at.is_some()
            || row.server_removed_at.is_some()
            || *row.server_health == *HealthStatus::Unhealthy.as_str(),
        server_time_zone: zone("server.time_zone", &row.server_time_zone)?,
        last_data_at: instant(row.last_data_at),
        // Until a day counts, the column only says that the baseline is read.
        covered_through: day_opt("feed.covered_through", row.covered_through.as_deref())?
            .filter(|covered| *covered >= activation_date),
        device_count: row.device_count,
        created_at: from_millis(row.created_at),
        updated_at: from_millis(row.updated_at),
        version: row.version,
    })
}

/// The feeds with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Feed>, StoreError> {
    let rows = select()
        .filter(feed::Column::Id.is_in(ids.iter().copied()))
        .filter(below(feed::Column::AccountId, viewer))
        .into_model::<Row>()
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// A feed, for the engine.
pub async fn find(from: &impl Source, id: Uuid) -> Result<Option<Feed>, StoreError> {
    select().filter(feed::Column::Id.eq(id)).into_model::<Row>().one(from.db()).await?.map(from_row).transpose()
}

/// Today on the feed's server, as an expression: its zone is one of `zones`.
fn today(store: &Store, zones: &[String]) -> Result<Expr, StoreError> {
    let now = store.clock.now();
    let mut case = CaseStatement::new();
    for name in zones {
        let today = day_of(now, zone("server.time_zone", name)?).to_string();
        case = case.case(server::Column::TimeZone.eq(name.as_str()), today);
    }
    Ok(case.finally(day_of(now, chrono_tz::UTC).to_string()).into())
}

fn with_status(status: FeedStatus, today: &Expr) -> Condition {
    use feed::Column as C;
    let all = Condition::all();
    if status == FeedStatus::Ended {
        return all.add(C::EndedAt.is_not_null());
    }
    let all = all.add(C::EndedAt.is_null());
    if status == FeedStatus::PausedByUser {
        return all.add(C::PausedAt.is_not_null());
    }
    let all = all.add(C::PausedAt.is_null());
    let server_paused = Condition::any()
        .add(server::Column::PausedAt.is_not_null())
        .add(server::Column::RemovedAt.is_not_null())
        .add(server::Column::HealthStatus.eq(HealthStatus::Unhealthy.as_str()));
    if status == FeedStatus::PausedByServer {
        return all.add(server_paused);
    }
    let all = all.add(server_paused.not());
    let scheduled = Condition::all()
        .add(C::CoveredThrough.is_null().or(C::CoveredThrough.into_expr().lt(C::ActivationDate.into_expr())))
        .add(C::ActivationDate.into_expr().gt(today.clone()));
    match status {
        FeedStatus::Scheduled => all.add(scheduled),
        FeedStatus::Backfilling => all.add(scheduled.not()).add(C::Backfilling.eq(true)),
        _ => all.add(scheduled.not()).add(C::Backfilling.eq(false)),
    }
}

/// A page of the feeds that `viewer` may see.
pub async fn list(
    store: &Store,
    viewer: Uuid,
    filter: &FeedFilter,
    order: NameOrder,
    args: &PageArgs,
) -> Result<Page<Feed>, StoreError> {
    use feed::Column as C;
    let (owned, wide) = store.owned(C::AccountId, viewer, filter.account_id).await?;
    let mut all = Condition::all().add(owned);
    if let Some(server) = filter.server_id {
        all = all.add(C::ServerId.eq(server));
    }
    if !filter.status.is_empty() {
        // Only these depend on the day, which each server's zone decides.
        let by_day = [FeedStatus::Scheduled, FeedStatus::Backfilling, FeedStatus::Active];
        let zones = if filter.status.iter().any(|status| by_day.contains(status)) { zones(store).await? } else { vec![] };
        let today = today(store, &zones)?;
        all = all.add(filter.status.iter().fold(Condition::any(), |any, status| any.add(with_status(*status, &today))));
    }
    if !filter.health.is_empty() {
        all = all.add(C::HealthStatus.is_in(filter.health.iter().map(|health| health.as_str())));
    }
    if let Some(external_id) = &filter.external_id {
        all = all.add(C::ExternalId.eq(askable(external_id)));
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
    let select = select().filter(all);
    let id = |row: &Row| KeyValue::id(row.id);
    match order {
        NameOrder::NameAsc | NameOrder::NameDesc => {
            let [unnamed, name] = SortKey::nulls_last(C::NameKey.into_expr(), order == NameOrder::NameDesc);
            let keys = [unnamed, name, SortKey::asc(C::Id.into_expr())];
            let values = |row: &Row| {
                let [unnamed, name] = KeyValue::nulls_last(row.name_key.clone());
                vec![unnamed, name, id(row)]
            };
            page(&store.db, select, "feed.name", &SortKey::along(keys, wide), args, values, from_row).await
        }
        NameOrder::UpdatedAtAsc | NameOrder::UpdatedAtDesc => {
            let keys = [
                SortKey::directed(C::UpdatedAt.into_expr(), order == NameOrder::UpdatedAtDesc),
                SortKey::asc(C::Id.into_expr()),
            ];
            let values = |row: &Row| vec![KeyValue::Number(row.updated_at), id(row)];
            page(&store.db, select, "feed.updated", &SortKey::along(keys, wide), args, values, from_row).await
        }
    }
}

async fn zones(store: &Store) -> Result<Vec<String>, StoreError> {
    Ok(server::Entity::find().select_only().column(server::Column::TimeZone).distinct().into_tuple().all(&store.db).await?)
}

/// What makes two feeds the same customer of the same installation within a partner's subtree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FeedKey {
    /// The account of the feed's server.
    pub account_id: Uuid,
    /// Its vendor.
    pub vendor: VendorKind,
    /// Scheme, host and port of its address.
    pub origin: String,
    /// The customer's id there.
    pub external_id: String,
}

impl FeedKey {
    /// The text that is unique among live feeds.
    pub(super) fn text(&self) -> String {
        // The external id comes last, so that whatever it holds, the parts cannot be confused.
        format!("{}|{}|{}|{}", self.account_id.simple(), self.vendor, self.origin, self.external_id)
    }
}

/// Of `keys`, those that a live feed has.
pub async fn live(from: &impl Source, keys: &[FeedKey]) -> Result<HashSet<FeedKey>, StoreError> {
    let rows: Vec<Option<String>> = feed::Entity::find()
        .select_only()
        .column(feed::Column::LiveKey)
        .filter(feed::Column::LiveKey.is_in(keys.iter().map(FeedKey::text)))
        .into_tuple()
        .all(from.db())
        .await?;
    let rows: HashSet<String> = rows.into_iter().flatten().collect();
    Ok(keys.iter().filter(|key| rows.contains(&key.text())).cloned().collect())
}

/// For each of `keys` the last day that ended feeds with it covered; keys without such a day are left out.
pub async fn covered_by_ended(from: &impl Source, keys: &[FeedKey]) -> Result<HashMap<FeedKey, NaiveDate>, StoreError> {
    use feed::Column as C;
    #[derive(FromQueryResult)]
    struct Covered {
        account_id: Uuid,
        vendor: String,
        origin: String,
        external_id: String,
        last_day: Option<String>,
    }
    let rows = feed::Entity::find()
        .select_only()
        .join(JoinType::InnerJoin, feed::Relation::Server.def())
        .column(server::Column::AccountId)
        .column(server::Column::Vendor)
        .column(server::Column::Origin)
        .column(C::ExternalId)
        .expr_as(C::CoveredThrough.max(), "last_day")
        .filter(C::EndedAt.is_not_null())
        .filter(C::CoveredThrough.into_expr().gte(C::ActivationDate.into_expr()))
        .filter(C::ExternalId.is_in(keys.iter().map(|key| key.external_id.as_str())))
        .filter(server::Column::AccountId.is_in(keys.iter().map(|key| key.account_id)))
        .group_by(server::Column::AccountId)
        .group_by(server::Column::Vendor)
        .group_by(server::Column::Origin)
        .group_by(C::ExternalId)
        .into_model::<Covered>()
        .all(from.db())
        .await?;
    let mut all = HashMap::new();
    for row in rows {
        let vendor = named("server.vendor", VendorKind::parse, &row.vendor)?;
        let key = FeedKey { account_id: row.account_id, vendor, origin: row.origin, external_id: row.external_id };
        if let Some(covered) = day_opt("feed.covered_through", row.last_day.as_deref())? {
            all.insert(key, covered);
        }
    }
    all.retain(|key, _| keys.contains(key));
    Ok(all)
}

/// Of `ids`, the feeds of `server` that have not ended.
pub async fn live_of_server(from: &impl Source, server: Uuid, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    use feed::Column as C;
    let rows: Vec<Uuid> = feed::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::ServerId.eq(server))
        .filter(C::Id.is_in(ids.iter().copied()))
        .filter(C::EndedAt.is_null())
        .into_tuple()
        .all(from.db())
        .await?;
    Ok(rows.into_iter().collect())
}

/// The name that feeds are ordered by, and the text that they are searched by.
pub(super) fn keys_of(given: Option<&str>, vendor: Option<&str>, external_id: &str) -> (Option<String>, String) {
    let name = given.or(vendor).map(key);
    let search = format!("{}\n{}", name.as_deref().unwrap_or_default(), key(external_id));
    (name, search)
}

/// Adds feeds, each live under its key.
pub async fn insert_all(tx: &Tx, feeds: &[(Feed, FeedKey)]) -> Result<(), StoreError> {
    let rows = feeds.iter().map(|(feed, live)| {
        let (name_key, search_key) = keys_of(feed.given_name.as_deref(), feed.vendor_name.as_deref(), &feed.external_id);
        feed::Model {
            id: feed.id,
            server_id: feed.server_id,
            account_id: feed.account_id,
            external_id: feed.external_id.clone(),
            given_name: feed.given_name.clone(),
            vendor_name: feed.vendor_name.clone(),
            name_key,
            search_key,
            activation_date: feed.activation_date.to_string(),
            scope: feed.scope.as_str().to_owned(),
            live_key: Some(live.text()),
            health_status: feed.health.status.as_str().to_owned(),
            health_reason: feed.health.reason.map(|reason| reason.as_str().to_owned()),
            health_checked_at: millis(feed.health.checked_at),
            health_changed_at: millis(feed.health.changed_at),
            backfilling: feed.backfilling,
            paused_at: millis(feed.paused_at),
            ended_at: millis(feed.ended_at),
            last_data_at: millis(feed.last_data_at),
            covered_through: feed.covered_through.map(|day| day.to_string()),
            earlier_through: None,
            earlier_saved: None,
            device_count: feed.device_count,
            created_at: feed.created_at.timestamp_millis(),
            updated_at: feed.updated_at.timestamp_millis(),
            version: feed.version,
        }
    });
    insert(tx.db(), rows.collect()).await
}
