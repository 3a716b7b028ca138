//! Devices' states: one row each, read whole before a feed's answer is decided on and written back with it.
//!
//! On a normal night only marks and times move on, so there is a narrow statement for those rows and a wide one for the others.

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, QueryResult, Value};

use super::{
    FeedCommit,
    apply::{day, parse_day},
    sql::{Rows, statement},
};
use crate::{
    clock::from_millis,
    domain::meters::{self, Basis, Booking, DeviceState, MeterState},
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

const COLUMNS: &str = "id, vendor_device_id, managed, counted, last_read_at, read_day, basis, \
     small_first, small_initial, small_initial_day, small_mark, small_closed, \
     large_first, large_initial, large_initial_day, large_mark, large_closed, \
     duplex_first, duplex_initial, duplex_initial_day, duplex_mark, duplex_closed, pending";

impl Store {
    /// The devices of a feed, by the vendor's id.
    pub async fn devices_for_collecting(&self, feed_id: Uuid) -> Result<Vec<StoredDevice>, StoreError> {
        let sql = format!("SELECT {} FROM device WHERE feed_id = ? ORDER BY vendor_device_id", packed_columns(self.dialect()));
        let rows = self.db().query_all_raw(statement(self.dialect(), &sql, [feed_id.into()])).await?;
        rows.iter().map(device).collect()
    }

    /// The states of devices in the days that an earlier activation date put before those collected already.
    pub async fn earlier_devices(&self, feed_id: Uuid) -> Result<Vec<DeviceState>, StoreError> {
        let sql = "SELECT state FROM earlier_device WHERE feed_id = ?";
        let rows = self.db().query_all_raw(statement(self.dialect(), sql, [feed_id.into()])).await?;
        rows.iter().map(|row| read_state(&row.try_get_by_index::<String>(0)?)).collect()
    }

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
    let mut whole = Vec::new();
    for commit in commits {
        for device in &commit.devices {
            whole.push((commit.feed.id, commit.lease.server_id, device));
        }
    }
    write_whole(tx, &whole).await?;
    write_marks(tx, commits).await
}

/// Writes all of devices, each with its feed and server.
async fn write_whole(tx: &Tx, devices: &[(Uuid, Uuid, &StoredDevice)]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "text", "boolean", "boolean", "bigint", "text", "text", "bigint", "bigint", "text", "bigint", "bigint",
        "bigint", "bigint", "text", "bigint", "bigint", "bigint", "bigint", "text", "bigint", "bigint", "text", "uuid", "uuid",
    ]);
    for (feed_id, server_id, StoredDevice { id, state }) in devices {
        let pending = if state.pending.is_empty() {
            None
        } else {
            Some(serde_json::to_string(&state.pending).map_err(|_| StoreError::Corrupt("device.pending"))?)
        };
        let about = [
            (*id).into(),
            state.vendor_device_id.clone().into(),
            state.managed.into(),
            state.counted.into(),
            state.last_read_at.map(|at| at.timestamp_millis()).into(),
            day(state.read_day),
            state.basis.map(Basis::code).into(),
        ];
        let meters = state.meters.map(|meter| meter_values(state.basis.is_some(), meter));
        let last = [pending.into(), (*feed_id).into(), (*server_id).into()];
        rows.push(about.into_iter().chain(meters.into_iter().flatten()).chain(last));
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.execute(tx.db(),
        &format!("INSERT INTO device ({COLUMNS}, feed_id, server_id) "),
        " ON CONFLICT (id) DO UPDATE SET managed = excluded.managed, counted = excluded.counted, \
         last_read_at = excluded.last_read_at, read_day = excluded.read_day, basis = excluded.basis, \
         small_first = excluded.small_first, small_initial = excluded.small_initial, \
         small_initial_day = excluded.small_initial_day, small_mark = excluded.small_mark, small_closed = excluded.small_closed, \
         large_first = excluded.large_first, large_initial = excluded.large_initial, \
         large_initial_day = excluded.large_initial_day, large_mark = excluded.large_mark, large_closed = excluded.large_closed, \
         duplex_first = excluded.duplex_first, duplex_initial = excluded.duplex_initial, \
         duplex_initial_day = excluded.duplex_initial_day, duplex_mark = excluded.duplex_mark, \
         duplex_closed = excluded.duplex_closed, pending = excluded.pending",
    )
    .await?;
    Ok(())
}

async fn write_marks(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "boolean", "boolean", "bigint", "text", "bigint", "bigint", "bigint"]);
    for commit in commits {
        for StoredDevice { id, state } in &commit.marks {
            let [small, large, duplex] = state.meters.map(|meter| meter.mark);
            rows.push([
                (*id).into(),
                state.managed.into(),
                state.counted.into(),
                state.last_read_at.map(|at| at.timestamp_millis()).into(),
                day(state.read_day),
                small.into(),
                large.into(),
                duplex.into(),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.execute(
        tx.db(),
        "WITH v(id, managed, counted, last_read_at, read_day, small_mark, large_mark, duplex_mark) AS (",
        ") UPDATE device SET managed = v.managed, counted = v.counted, last_read_at = v.last_read_at, read_day = v.read_day, \
         small_mark = v.small_mark, large_mark = v.large_mark, duplex_mark = v.duplex_mark FROM v WHERE device.id = v.id",
    )
    .await?;
    Ok(())
}

/// Meters are null until the first sight.
fn meter_values(seen: bool, meter: MeterState) -> [Value; 5] {
    let number = |value: i64| Value::from(seen.then_some(value));
    [
        number(meter.first_initial),
        number(meter.initial),
        day(seen.then_some(meter.initial_day)),
        number(meter.mark),
        number(meter.closed),
    ]
}

/// Between the values of a packed row; no number, day or code has it.
const SEPARATOR: char = '|';

/// A row's id and short values packed into one text: a driver copies every value of a row by itself, and a feed's devices have a
/// thousand of them. What may hold any text is apart.
fn packed_columns(dialect: sea_orm::DbBackend) -> String {
    let id = if dialect == sea_orm::DbBackend::Postgres { "id::text" } else { "lower(hex(id))" };
    let flag = |column| format!("CASE WHEN {column} THEN '1' ELSE '0' END");
    let mut parts = vec![id.to_owned(), flag("managed"), flag("counted")];
    let short = COLUMNS.split(',').map(str::trim).filter(|column| !APART.contains(column));
    parts.extend(short.map(|column| format!("COALESCE(CAST({column} AS TEXT), '')")));
    format!("{}, vendor_device_id, pending", parts.join(&format!(" || '{SEPARATOR}' || ")))
}

/// Columns that are not packed with the others, or are packed first.
const APART: [&str; 5] = ["id", "vendor_device_id", "managed", "counted", "pending"];

fn device(row: &QueryResult) -> Result<StoredDevice, StoreError> {
    let packed: String = row.try_get_by_index(0)?;
    let pending: Option<String> = row.try_get_by_index(2)?;
    let mut values = Unpacked(packed.split(SEPARATOR));
    let id = Uuid::try_parse(values.text()?).map_err(|_| CORRUPT)?;
    let (managed, counted) = (values.text()? == "1", values.text()? == "1");
    let last_read_at = values.number()?.map(from_millis);
    let read_day = values.day()?;
    let basis = Some(values.text()?).filter(|code| !code.is_empty());
    let basis = basis.map(|code| Basis::parse(code).ok_or(StoreError::Corrupt("device.basis"))).transpose()?;
    let state = DeviceState {
        vendor_device_id: row.try_get_by_index(1)?,
        managed,
        counted,
        last_read_at,
        read_day,
        basis,
        meters: [values.meter()?, values.meter()?, values.meter()?],
        pending: pending
            .map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("device.pending")))
            .transpose()?
            .unwrap_or_default(),
    };
    Ok(StoredDevice { id, state })
}

const CORRUPT: StoreError = StoreError::Corrupt("device");

/// The values of a packed row, in their order; an empty one is null.
struct Unpacked<'a>(std::str::Split<'a, char>);

impl<'a> Unpacked<'a> {
    fn text(&mut self) -> Result<&'a str, StoreError> {
        self.0.next().ok_or(CORRUPT)
    }

    fn number(&mut self) -> Result<Option<i64>, StoreError> {
        let text = self.text()?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| CORRUPT) }
    }

    fn day(&mut self) -> Result<Option<NaiveDate>, StoreError> {
        let text = self.text()?;
        if text.is_empty() { Ok(None) } else { parse_day(text).map(Some) }
    }

    /// Null until the first sight.
    fn meter(&mut self) -> Result<MeterState, StoreError> {
        Ok(MeterState {
            first_initial: self.number()?.unwrap_or_default(),
            initial: self.number()?.unwrap_or_default(),
            initial_day: self.day()?.unwrap_or_default(),
            mark: self.number()?.unwrap_or_default(),
            closed: self.number()?.unwrap_or_default(),
        })
    }
}

fn read_state(text: &str) -> Result<DeviceState, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("earlier_device.state"))
}

/// Stores states of devices in the days before those collected already.
pub(super) async fn write_earlier(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    for commit in commits {
        for state in &commit.earlier {
            write_earlier_one(tx, commit.feed.id, state).await?;
        }
        if commit.joined {
            let sql = "DELETE FROM earlier_device WHERE feed_id = ?";
            tx.db().execute_raw(statement(tx.db().get_database_backend(), sql, [commit.feed.id.into()])).await?;
        }
    }
    Ok(())
}

async fn write_earlier_one(tx: &Tx, feed_id: Uuid, state: &DeviceState) -> Result<(), StoreError> {
    let text = serde_json::to_string(state).map_err(|_| StoreError::Corrupt("earlier_device.state"))?;
    tx.db()
        .execute_raw(statement(
            tx.db().get_database_backend(),
            "INSERT INTO earlier_device (feed_id, vendor_device_id, state) VALUES (?, ?, ?) \
             ON CONFLICT (feed_id, vendor_device_id) DO UPDATE SET state = excluded.state",
            [feed_id.into(), state.vendor_device_id.clone().into(), text.into()],
        ))
        .await?;
    Ok(())
}

/// Takes the spike that an anomaly of a feed is about out of its device's state: `accept` gives its pages to be posted, else they are
/// dropped. `None` when nothing is held by it any more.
pub async fn take_spike(
    tx: &Tx,
    feed_id: Uuid,
    server_id: Uuid,
    anomaly: Uuid,
    accept: bool,
) -> Result<Option<Booking>, StoreError> {
    let backend = tx.db().get_database_backend();
    let sql = "SELECT source_key FROM anomaly WHERE id = ?";
    let Some(row) = tx.db().query_one_raw(statement(backend, sql, [anomaly.into()])).await? else { return Ok(None) };
    let source: String = row.try_get_by_index(0)?;
    // The device's own id comes first and may hold anything.
    let Some((vendor_device_id, key)) = source.rsplit_once('|') else { return Ok(None) };

    let sql = format!("SELECT {} FROM device WHERE feed_id = ? AND vendor_device_id = ?", packed_columns(backend));
    let stored = tx.db().query_one_raw(statement(backend, &sql, [feed_id.into(), vendor_device_id.into()])).await?;
    if let Some(StoredDevice { id, state }) = stored.as_ref().map(device).transpose()?
        && let Some((state, booking)) = decide(state, key, accept)
    {
        write_whole(tx, &[(feed_id, server_id, &StoredDevice { id, state })]).await?;
        return Ok(Some(booking));
    }
    let sql = "SELECT state FROM earlier_device WHERE feed_id = ? AND vendor_device_id = ?";
    let Some(row) = tx.db().query_one_raw(statement(backend, sql, [feed_id.into(), vendor_device_id.into()])).await? else {
        return Ok(None);
    };
    let state = read_state(&row.try_get_by_index::<String>(0)?)?;
    let Some((state, booking)) = decide(state, key, accept) else { return Ok(None) };
    write_earlier_one(tx, feed_id, &state).await?;
    Ok(Some(booking))
}

/// The state after a decision on a spike, and the spike's pages; `None` when it is not held.
fn decide(state: DeviceState, key: &str, accept: bool) -> Option<(DeviceState, Booking)> {
    let (accepted, booking) = meters::accept(state.clone(), key)?;
    let state = if accept { accepted } else { meters::reject(state, key)? };
    Some((state, booking))
}
