//! Devices as people see them; the engine's own reads and writes are in `collecting`.

use std::collections::HashMap;

use coppice_entity::{device, feed};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use super::{
    Source, Store, StoreError,
    convert::{below, instant},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    domain::{
        device::{Device, MeterCounts, MeterKind},
        paging::{Page, PageArgs},
    },
    id::Uuid,
};

fn meter(
    kind: MeterKind,
    first: Option<i64>,
    initial: Option<i64>,
    mark: Option<i64>,
    closed: Option<i64>,
) -> Option<MeterCounts> {
    let (initial, mark) = (initial?, mark?);
    Some(MeterCounts { kind, first: first.unwrap_or(initial), initial, mark, life: closed.unwrap_or(0) + mark - initial })
}

fn from_row(row: device::Model) -> Device {
    let meters = [
        meter(MeterKind::Small, row.small_first, row.small_initial, row.small_mark, row.small_closed),
        meter(MeterKind::Large, row.large_first, row.large_initial, row.large_mark, row.large_closed),
        meter(MeterKind::Duplex, row.duplex_first, row.duplex_initial, row.duplex_mark, row.duplex_closed),
    ];
    Device {
        id: row.id,
        feed_id: row.feed_id,
        vendor_device_id: row.vendor_device_id,
        managed: row.managed,
        last_read_at: instant(row.last_read_at),
        meters: meters.into_iter().flatten().collect(),
    }
}

/// The devices with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Device>, StoreError> {
    let rows = device::Entity::find()
        .join(JoinType::InnerJoin, device::Relation::Feed.def())
        .filter(device::Column::Id.is_in(ids.iter().copied()))
        .filter(below(feed::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, from_row(row))).collect())
}

/// A page of a feed's devices by vendor device id; empty when `viewer` may not see the feed.
pub async fn list(store: &Store, viewer: Uuid, feed_id: Uuid, args: &PageArgs) -> Result<Page<Device>, StoreError> {
    use device::Column as C;
    let select = device::Entity::find()
        .join(JoinType::InnerJoin, device::Relation::Feed.def())
        .filter(C::FeedId.eq(feed_id))
        .filter(below(feed::Column::AccountId, viewer));
    // Unique within the feed, so it needs no tie-breaker.
    let keys = [SortKey::asc(C::VendorDeviceId.into_expr())];
    let values = |row: &device::Model| vec![KeyValue::Text(row.vendor_device_id.clone())];
    page(&store.db, select, "device", &keys, args, values, |row| Ok(from_row(row))).await
}
