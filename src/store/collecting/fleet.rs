//! The devices of a feed as the engine works with them: one row a feed, read whole before an answer is decided on and written back
//! with it. A night moves every device, so a row a device would cost the database fifty times the work.
//!
//! A fleet is kept as a JSON array with one array a device ([`DeviceRow`]); `device` has what is looked up by: keys and the vendor's
//! ids. Days that an earlier activation date put before those collected already have a fleet of their own until both are joined.

use std::borrow::Cow;

use chrono::NaiveDate;
use sea_orm::ConnectionTrait as _;
use serde::{Deserialize, Serialize};

use super::{
    FeedCommit,
    sql::{Rows, statement},
};
use crate::{
    clock::from_millis,
    domain::meters::{self, Basis, Booking, DeviceState, MeterState, Pending},
    id::Uuid,
    store::{Source as _, Store, StoreError, Tx},
};

/// A device's state with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Key.
    pub id: Uuid,
    /// What is kept of it.
    pub state: DeviceState,
}

/// The devices of a feed, in the order of the vendor's ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet(Vec<StoredDevice>);

impl Fleet {
    /// The device with this vendor's id.
    pub fn get(&self, vendor_device_id: &str) -> Option<&StoredDevice> {
        self.place(vendor_device_id).ok().and_then(|place| self.0.get(place))
    }

    /// Adds a device, or puts it in the place of the one with the same vendor's id.
    pub fn put(&mut self, device: StoredDevice) {
        match self.place(&device.state.vendor_device_id) {
            Ok(place) => self.0[place] = device,
            Err(place) => self.0.insert(place, device),
        }
    }

    /// The devices.
    pub fn iter(&self) -> impl Iterator<Item = &StoredDevice> {
        self.0.iter()
    }

    fn place(&self, vendor_device_id: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|device| device.state.vendor_device_id.as_str().cmp(vendor_device_id))
    }

    /// As it is stored.
    pub fn pack(&self) -> Result<PackedFleet, StoreError> {
        let mut packed = Vec::with_capacity(self.0.len() * DEVICE_BYTES + 2);
        let mut array = serde_json::Serializer::new(&mut packed);
        serde::Serializer::collect_seq(&mut array, self.0.iter().map(DeviceRow::of)).map_err(|_| CORRUPT)?;
        String::from_utf8(packed).map(PackedFleet).map_err(|_| CORRUPT)
    }

    pub(in crate::store) fn unpack(packed: &str) -> Result<Self, StoreError> {
        let rows: Vec<DeviceRow<'_>> = serde_json::from_str(packed).map_err(|_| CORRUPT)?;
        rows.into_iter().map(DeviceRow::device).collect::<Result<_, _>>().map(Self)
    }
}

impl FromIterator<StoredDevice> for Fleet {
    fn from_iter<I: IntoIterator<Item = StoredDevice>>(devices: I) -> Self {
        let mut devices: Vec<_> = devices.into_iter().collect();
        devices.sort_unstable_by(|a, b| a.state.vendor_device_id.cmp(&b.state.vendor_device_id));
        Self(devices)
    }
}

impl IntoIterator for Fleet {
    type Item = StoredDevice;
    type IntoIter = std::vec::IntoIter<StoredDevice>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A fleet as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFleet(String);

/// About what a device takes.
const DEVICE_BYTES: usize = 192;
const CORRUPT: StoreError = StoreError::Corrupt("fleet");

/// A device: key, vendor's id, managed, counted, time of the last reading (ms), day of the last accepted reading, basis, its meters
/// (null before the baseline), what is open.
#[derive(Serialize, Deserialize)]
struct DeviceRow<'a>(
    Uuid,
    #[serde(borrow)] Cow<'a, str>,
    bool,
    bool,
    Option<i64>,
    Option<EpochDay>,
    #[serde(borrow)] Option<Cow<'a, str>>,
    Option<[MeterRow; 3]>,
    Pending,
);

/// A meter: first initial, initial, its day, mark, closed.
#[derive(Serialize, Deserialize)]
struct MeterRow(i64, i64, EpochDay, i64, i64);

/// A day by its number since 1970-01-01, which is read and written at a tenth of the cost of its text: a fleet has four a device.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct EpochDay(i32);

impl EpochDay {
    fn of(day: NaiveDate) -> Self {
        Self(day.to_epoch_days())
    }

    fn day(self) -> Result<NaiveDate, StoreError> {
        NaiveDate::from_epoch_days(self.0).ok_or(CORRUPT)
    }
}

impl<'a> DeviceRow<'a> {
    fn of(StoredDevice { id, state }: &'a StoredDevice) -> Self {
        let meter = |meter: MeterState| {
            MeterRow(meter.first_initial, meter.initial, EpochDay::of(meter.initial_day), meter.mark, meter.closed)
        };
        Self(
            *id,
            Cow::Borrowed(&state.vendor_device_id),
            state.managed,
            state.counted,
            state.last_read_at.map(|at| at.timestamp_millis()),
            state.read_day.map(EpochDay::of),
            state.basis.map(|basis| basis.code().into()),
            state.basis.map(|_| state.meters.map(meter)),
            state.pending.clone(),
        )
    }

    fn device(self) -> Result<StoredDevice, StoreError> {
        let Self(id, vendor_device_id, managed, counted, last_read_at, read_day, basis, meters, pending) = self;
        let meter = |MeterRow(first_initial, initial, day, mark, closed)| {
            Ok::<_, StoreError>(MeterState { first_initial, initial, initial_day: day.day()?, mark, closed })
        };
        let meters = match meters {
            Some([small, large, duplex]) => [meter(small)?, meter(large)?, meter(duplex)?],
            None => Default::default(),
        };
        let state = DeviceState {
            vendor_device_id: vendor_device_id.into_owned(),
            managed,
            counted,
            last_read_at: last_read_at.map(from_millis),
            read_day: read_day.map(EpochDay::day).transpose()?,
            basis: basis.map(|code| Basis::parse(&code).ok_or(CORRUPT)).transpose()?,
            meters,
            pending,
        };
        Ok(StoredDevice { id, state })
    }
}

/// A device that a feed has not seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Key.
    pub id: Uuid,
    /// The vendor's id.
    pub vendor_device_id: String,
}

impl Store {
    /// Which of these devices stand in another feed of the server, for first sights.
    pub async fn devices_elsewhere(
        &self,
        server_id: Uuid,
        feed_id: Uuid,
        vendor_device_ids: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut rows = Rows::new(&["text"]);
        for id in vendor_device_ids {
            rows.push([id.clone().into()]);
        }
        let head = format!(
            "SELECT DISTINCT vendor_device_id FROM device WHERE server_id = {} AND feed_id <> {} AND vendor_device_id IN (",
            literal(self.dialect(), server_id),
            literal(self.dialect(), feed_id),
        );
        for row in rows.query(self.db(), &head, ")").await? {
            found.push(row.try_get_by_index(0)?);
        }
        Ok(found)
    }
}

/// A UUID as a literal of the database; it is made of hexadecimal digits only.
fn literal(backend: sea_orm::DbBackend, id: Uuid) -> String {
    if backend == sea_orm::DbBackend::Postgres { format!("'{id}'::uuid") } else { format!("x'{}'", id.simple()) }
}

pub(super) async fn write(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    let mut devices = Rows::new(&["uuid", "uuid", "uuid", "text"]);
    for commit in commits {
        for NewDevice { id, vendor_device_id } in &commit.new_devices {
            let (server_id, feed_id) = (commit.lease.server_id, commit.feed.id);
            devices.push([(*id).into(), server_id.into(), feed_id.into(), vendor_device_id.clone().into()]);
        }
    }
    devices.execute(tx.db(), "INSERT INTO device (id, server_id, feed_id, vendor_device_id) ", "").await?;
    let (mut fleets, mut earlier) = (Vec::new(), Vec::new());
    for commit in commits {
        fleets.extend(commit.fleet.as_ref().map(|fleet| (commit.feed.id, fleet)));
        earlier.extend(commit.earlier_fleet.as_ref().map(|fleet| (commit.feed.id, fleet)));
    }
    write_fleets(tx, "fleet", &fleets).await?;
    write_fleets(tx, "earlier_fleet", &earlier).await?;
    for commit in commits.iter().filter(|commit| commit.joined) {
        let sql = "DELETE FROM earlier_fleet WHERE feed_id = ?";
        tx.db().execute_raw(statement(tx.db().get_database_backend(), sql, [commit.feed.id.into()])).await?;
    }
    Ok(())
}

async fn write_fleets(tx: &Tx, table: &str, mut fleets: &[(Uuid, &PackedFleet)]) -> Result<(), StoreError> {
    let head = format!("INSERT INTO {table} (feed_id, devices) ");
    let tail = " ON CONFLICT (feed_id) DO UPDATE SET devices = excluded.devices";
    while !fleets.is_empty() {
        let mut rows = Rows::new(&["uuid", "text"]);
        let mut bytes = 0;
        while let Some(((feed_id, PackedFleet(packed)), rest)) = fleets.split_first()
            && (bytes == 0 || bytes + packed.len() <= tx.statement_bytes)
        {
            bytes += packed.len();
            rows.push([(*feed_id).into(), packed.clone().into()]);
            fleets = rest;
        }
        rows.execute(tx.db(), &head, tail).await?;
    }
    Ok(())
}

/// Takes the spike that an anomaly of a feed is about out of its device's state: `accept` gives its pages to be posted, else they are
/// dropped. `None` when nothing is held by it any more. The feed is locked.
pub async fn take_spike(tx: &Tx, feed_id: Uuid, anomaly: Uuid, accept: bool) -> Result<Option<Booking>, StoreError> {
    let backend = tx.db().get_database_backend();
    let sql = "SELECT source_key FROM anomaly WHERE id = ?";
    let Some(row) = tx.db().query_one_raw(statement(backend, sql, [anomaly.into()])).await? else { return Ok(None) };
    let source: String = row.try_get_by_index(0)?;
    // The device's own id comes first and may hold anything.
    let Some((vendor_device_id, key)) = source.rsplit_once('|') else { return Ok(None) };

    for table in ["fleet", "earlier_fleet"] {
        let sql = format!("SELECT devices FROM {table} WHERE feed_id = ?");
        let Some(row) = tx.db().query_one_raw(statement(backend, &sql, [feed_id.into()])).await? else { continue };
        let mut fleet = Fleet::unpack(&row.try_get_by_index::<String>(0)?)?;
        let Some(StoredDevice { id, state }) = fleet.get(vendor_device_id).cloned() else { continue };
        let Some((state, booking)) = decide(state, key, accept) else { continue };
        fleet.put(StoredDevice { id, state });
        let PackedFleet(packed) = fleet.pack()?;
        let sql = format!("UPDATE {table} SET devices = ? WHERE feed_id = ?");
        tx.db().execute_raw(statement(backend, &sql, [packed.into(), feed_id.into()])).await?;
        return Ok(Some(booking));
    }
    Ok(None)
}

/// The state after a decision on a spike, and the spike's pages; `None` when it is not held.
fn decide(state: DeviceState, key: &str, accept: bool) -> Option<(DeviceState, Booking)> {
    let (accepted, booking) = meters::accept(state.clone(), key)?;
    let state = if accept { accepted } else { meters::reject(state, key)? };
    Some((state, booking))
}
