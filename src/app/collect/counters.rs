//! Collecting from vendors with counters per device: day by day where past days can be read, else as they stand.

use chrono::NaiveDate;

use super::{
    EngineFault,
    feed::{Effects, FeedEnd, FeedRead, Next, Stopped},
    slice::Slice,
};
use crate::{
    connector::{Answer, ReadAt, ReadRequest},
    domain::{
        anomaly::{AnomalyKind, AnomalyStatus},
        calendar::{day_of, days, next, previous},
        device::{DeviceReading, ReadingDay},
        failure::FailureReason,
        ledger::DepositKind,
        meters::{self, DeviceState, StepContext, spread},
        run::SyncTrigger,
        vendor::VendorCapability,
    },
    store::{
        StoreError,
        collecting::{Fleet, NewAnomaly, NewDevice, NewEntry, StoredDevice},
    },
};

impl Slice<'_> {
    pub(super) async fn collect_counters(&mut self, read: &mut FeedRead<'_>) -> Result<Next, EngineFault> {
        let history = self.server.vendor.can(VendorCapability::History);
        let mut fleet = std::mem::take(&mut read.feed.fleet);
        let mut later = None;
        if read.collection.earlier {
            let earlier = with_keys_of(&fleet, std::mem::take(&mut read.feed.earlier_fleet));
            later = Some(std::mem::replace(&mut fleet, earlier));
        }
        let to = read.collection.to;
        let first = if history { read.collection.saved_through.map_or(read.collection.from, next) } else { to };
        let yesterday = previous(day_of(self.engine.now(), self.server.time_zone));
        let mut asked = false;
        for day in days(first, to) {
            if history && !read.feed.has_counters_read(day, yesterday) {
                continue;
            }
            if asked && self.over() {
                return Ok(Next::Stop(FeedEnd::SliceOver));
            }
            asked = true;
            let customer = read.feed.external_id.clone();
            let at = if history { ReadAt::Day(day) } else { ReadAt::Now };
            let ask = ReadRequest { customer: &customer, scope: read.feed.scope, at, report: None };
            let readings = match self.ask(&ask).await {
                Ok(Ok(Answer::Devices(readings))) => readings,
                Ok(Ok(Answer::Period(_))) => return Ok(Next::Stop(FeedEnd::ServerDown(FailureReason::Internal))),
                Ok(Err(error)) => return self.failed(read, &error).await,
                Err(Stopped::End(end)) => return Ok(Next::Stop(end)),
                Err(Stopped::Fault(fault)) => return Err(fault),
            };
            let heard_at = readings.iter().filter_map(|reading| reading.read_at).max();
            if history && self.recovers(read, heard_at, day) {
                return self.hand_to_recovery(read).await;
            }
            let day_read = if history { ReadingDay::EndOf(day) } else { ReadingDay::ByTime };
            let mut effects = self.decide(read, &mut fleet, &readings, day_read).await?;
            effects.heard_at = heard_at;
            effects.saved = Some(day);
            if let Some(later) = &later {
                keep_apart(&mut effects, later);
            }
            match self.commit(read, effects, day == to && later.is_none()).await? {
                Next::GoOn => {}
                end => return Ok(end),
            }
        }
        if let Some(later) = later {
            return self.commit(read, join(fleet, later)?, true).await;
        }
        // Only a window that was saved whole before its collection could be ended comes here.
        self.commit(read, Effects::default(), true).await
    }

    /// Steps every reading and sums up what follows.
    async fn decide(
        &self,
        read: &FeedRead<'_>,
        fleet: &mut Fleet,
        readings: &[DeviceReading],
        day: ReadingDay,
    ) -> Result<Effects, EngineFault> {
        let engine = self.engine;
        let now = engine.now();
        let history = matches!(day, ReadingDay::EndOf(_));
        let left_out = if history { read.feed.days_left_out() } else { Vec::new() };
        let context = StepContext {
            scope: read.feed.scope,
            zone: self.server.time_zone,
            first_day: read.feed.activation_date,
            day,
            left_out: &left_out,
            resumed_at: read.feed.left_out.last().filter(|_| !history).map(|left| left.resumed_at),
        };
        let mut effects = Effects { device_count: i32::try_from(readings.len()).ok(), ..Effects::default() };
        let mut bookings = Vec::new();
        let mut first_sights = Vec::new();
        let mut moved = false;
        for reading in readings {
            let known = fleet.get(&reading.vendor_device_id);
            let step = meters::step(known.map(|device| device.state.clone()), reading, &context);
            let Some(state) = step.state else { continue };
            let id = known.map_or_else(|| engine.ids.uuid(now), |device| device.id);
            bookings.extend(step.bookings);
            effects.withdrawn.extend(step.withdrawn.iter().map(|key| source_key(&state, key)));
            effects.anomalies.extend(step.notes.into_iter().map(|note| NewAnomaly {
                id: engine.ids.uuid(now),
                device_id: Some(id),
                meter: note.meter,
                kind: note.kind,
                status: if note.held == 0 { AnomalyStatus::Noted } else { AnomalyStatus::Open },
                from: note.from,
                to: note.to,
                previous_count: note.previous_count,
                count: note.count,
                held: note.held,
                source_key: source_key(&state, &note.key),
            }));
            if known.is_some_and(|device| device.state == state) {
                continue;
            }
            if known.is_none() {
                first_sights.push(state.vendor_device_id.clone());
                effects.new_devices.push(NewDevice { id, vendor_device_id: state.vendor_device_id.clone() });
            }
            moved = true;
            fleet.put(StoredDevice { id, state });
        }
        if moved {
            effects.fleet = Some(fleet.pack()?);
        }
        if !first_sights.is_empty() {
            self.note_moved(read, fleet, &first_sights, &mut effects).await?;
        }
        let day = match day {
            ReadingDay::EndOf(day) => day,
            ReadingDay::ByTime => read.collection.to,
        };
        effects.entries = spread(bookings)
            .into_iter()
            .map(|pages| NewEntry {
                id: engine.ids.uuid(now),
                day: pages.day,
                pages: pages.pages,
                estimated: pages.estimated,
                kind: DepositKind::Collected,
                source_key: format!("{}:{day}:{}", read.collection.id, if pages.estimated { "estimated" } else { "exact" }),
            })
            .collect();
        Ok(effects)
    }

    /// Devices that stood in another feed of the server are noted: counting began anew here.
    async fn note_moved(
        &self,
        read: &FeedRead<'_>,
        fleet: &Fleet,
        first_sights: &[String],
        effects: &mut Effects,
    ) -> Result<(), EngineFault> {
        let engine = self.engine;
        let feed_id = read.collection.feed_id;
        let day = read.collection.to;
        for id in engine.store.devices_elsewhere(self.server.id, feed_id, first_sights).await? {
            let Some(device) = fleet.get(&id) else { continue };
            effects.anomalies.push(NewAnomaly {
                id: engine.ids.uuid(engine.now()),
                device_id: Some(device.id),
                meter: None,
                kind: AnomalyKind::DeviceMoved,
                status: AnomalyStatus::Noted,
                from: day,
                to: day,
                previous_count: None,
                count: None,
                held: 0,
                source_key: source_key(&device.state, "moved"),
            });
        }
        Ok(())
    }

    /// Whether this answer is the first new data of a feed that fell silent, and days before it may have more to say by now.
    pub(super) fn recovers(&self, read: &FeedRead<'_>, heard_at: Option<crate::clock::Instant>, day: NaiveDate) -> bool {
        let state = &read.feed.state;
        read.run.trigger != SyncTrigger::Recovery
            && state.health.reason == Some(FailureReason::NoNewData)
            && heard_at > state.last_data_at
            && state.last_data_at.is_some_and(|at| day_of(at, self.server.time_zone) < day)
    }

    /// Ends the collection without taking its answer in: the RECOVERY run reads from the last new data on, in order.
    pub(super) async fn hand_to_recovery(&mut self, read: &mut FeedRead<'_>) -> Result<Next, EngineFault> {
        self.engine.open_run(self.server.id, SyncTrigger::Recovery, Some(vec![read.collection.feed_id])).await?;
        self.commit(read, Effects::default(), true).await
    }
}

/// Keeps what the earlier part moves apart from the devices of the later one.
fn keep_apart(effects: &mut Effects, later: &Fleet) {
    effects.earlier_fleet = effects.fleet.take();
    // A device that only the earlier part has seen is stored when both are joined.
    effects.new_devices.clear();
    for anomaly in &mut effects.anomalies {
        anomaly.device_id = anomaly.device_id.filter(|id| later.iter().any(|device| device.id == *id));
    }
}

/// The devices of the earlier part, with the keys that those of the later one have.
fn with_keys_of(later: &Fleet, earlier: Fleet) -> Fleet {
    let with_key = |StoredDevice { id, state }: StoredDevice| {
        let id = later.get(&state.vendor_device_id).map_or(id, |device| device.id);
        StoredDevice { id, state }
    };
    earlier.into_iter().map(with_key).collect()
}

/// The earlier part is complete: each device goes on from its later state, if it has one.
fn join(earlier: Fleet, later: Fleet) -> Result<Effects, StoreError> {
    let mut joined = later;
    let mut new_devices = Vec::new();
    for device in earlier {
        let vendor_device_id = &device.state.vendor_device_id;
        if let Some(after) = joined.get(vendor_device_id).cloned() {
            joined.put(StoredDevice { id: after.id, state: DeviceState::joined(device.state, after.state) });
        } else {
            new_devices.push(NewDevice { id: device.id, vendor_device_id: vendor_device_id.clone() });
            joined.put(device);
        }
    }
    Ok(Effects { new_devices, fleet: Some(joined.pack()?), joined: true, ..Effects::default() })
}

/// Names an anomaly within its feed.
fn source_key(device: &DeviceState, key: &str) -> String {
    format!("{}|{key}", device.vendor_device_id)
}
