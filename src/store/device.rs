//! Devices as people see them; the engine's own reads and writes are in `collecting`.

use std::collections::{BTreeSet, HashMap};

use coppice_entity::{device, feed, fleet};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use super::{
    Source, Store, StoreError,
    collecting::Fleet,
    convert::below,
    paging::{KeyValue, SortKey, page},
};
use crate::{
    domain::{
        device::{Device, MeterCounts, MeterKind},
        meters::{DeviceState, MeterState},
        paging::{Page, PageArgs},
    },
    id::Uuid,
};

/// The devices that `rows` name, as their feeds' fleets have them.
async fn described(from: &impl Source, rows: Vec<device::Model>) -> Result<Vec<Device>, StoreError> {
    let feeds: BTreeSet<Uuid> = rows.iter().map(|row| row.feed_id).collect();
    let fleets = fleet::Entity::find().filter(fleet::Column::FeedId.is_in(feeds)).all(from.db()).await?;
    let fleets = fleets.iter().map(|row| Ok((row.feed_id, Fleet::unpack(&row.devices)?)));
    let fleets: HashMap<Uuid, Fleet> = fleets.collect::<Result<_, StoreError>>()?;
    let device = |row: device::Model| {
        let state = fleets.get(&row.feed_id).and_then(|fleet| fleet.get(&row.vendor_device_id)).map(|device| &device.state);
        let state = state.ok_or(StoreError::Corrupt("fleet"))?;
        Ok(Device {
            id: row.id,
            feed_id: row.feed_id,
            vendor_device_id: row.vendor_device_id,
            managed: state.managed,
            last_read_at: state.last_read_at,
            meters: MeterKind::ALL.iter().copied().filter(|kind| state.has(*kind)).map(|kind| meter(kind, state)).collect(),
        })
    };
    rows.into_iter().map(device).collect()
}

/// Pages of devices, as their feeds' fleets have them; the fleets of all are read at once.
pub(super) async fn described_below(
    store: &Store,
    pages: HashMap<Uuid, Page<device::Model>>,
) -> Result<HashMap<Uuid, Page<Device>>, StoreError> {
    let rows = pages.values().flat_map(|page| &page.items).map(|(_, row)| row.clone()).collect();
    let mut devices: HashMap<Uuid, Device> =
        described(store, rows).await?.into_iter().map(|device| (device.id, device)).collect();
    let described = |(parent, page): (Uuid, Page<device::Model>)| {
        let item =
            |(cursor, row): (String, device::Model)| Ok((cursor, devices.remove(&row.id).ok_or(StoreError::Corrupt("fleet"))?));
        let items = page.items.into_iter().map(item).collect::<Result<_, StoreError>>()?;
        Ok((parent, Page { items, has_next: page.has_next, has_previous: page.has_previous }))
    };
    pages.into_iter().map(described).collect()
}

fn meter(kind: MeterKind, state: &DeviceState) -> MeterCounts {
    let MeterState { first_initial, initial, mark, .. } = state.meters[kind as usize];
    MeterCounts { kind, first: first_initial, initial, mark, life: state.meters[kind as usize].life() }
}

/// The devices with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Device>, StoreError> {
    let rows = device::Entity::find()
        .join(JoinType::InnerJoin, device::Relation::Feed.def())
        .filter(device::Column::Id.is_in(ids.iter().copied()))
        .filter(below(feed::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    Ok(described(from, rows).await?.into_iter().map(|device| (device.id, device)).collect())
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
    let page = page(&store.db, select, "device", &keys, args, values, Ok).await?;
    let (cursors, rows) = page.items.into_iter().unzip();
    let items = Vec::into_iter(cursors).zip(described(store, rows).await?).collect();
    Ok(Page { items, has_next: page.has_next, has_previous: page.has_previous })
}
