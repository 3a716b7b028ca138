//! The rules for vendors with cumulative counters: from a device's readings to pages of days.
//!
//! [`step`] is a pure function of a device's state and one reading. Per meter the state holds segments (initial value, high-water
//! mark), of which the ended ones are kept as a sum; what is rare (a held reading, pages in suspense, counters that are missing)
//! stands in [`Pending`], which is empty on a normal device.
//!
//! After every [`step`], [`accept`] and [`reject`], for every meter:
//! pages booked and released + [`DeviceState::suspense`] = [`DeviceState::life`].
//!
//! The rules are numbered as in the specification: 0 what counts as a reading, 1 first sight, 2 difference, 3 noise, 4 held
//! readings, 5 roll-over, 6 spikes, 7 scope. 0, 1, 3, 4 and 7 are in `step`, 2, 5 and 6 in `advance`.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    anomaly::AnomalyKind,
    calendar,
    device::{DeviceReading, MeterKind, ReadingDay},
    feed::CollectionScope,
    pages::Pages,
};
use crate::clock::Instant;

mod advance;
mod basis;
mod spread;
mod step;
mod suspense;

pub use basis::{Basis, SmallBasis};
pub use spread::{DayPages, spread};
pub use step::step;
pub use suspense::{accept, reject};

/// How far a reading may be below the mark without being a drop: engines lose up to 9 impressions on power loss.
pub const NOISE: i64 = 9;
/// Pages of a day that are never a spike.
pub const SPIKE_FLOOR: i64 = 10_000;
/// How many times its daily mean a device may print without a spike.
pub const SPIKE_FACTOR: i64 = 20;
/// Days after which a device that lacks a counter is read by the counters it has.
pub const UNREADABLE_DAYS: i64 = 7;
/// The last values that counters show before they begin at 0 again, ascending.
pub const ROLL_OVERS: [i64; 5] = [999_999, 9_999_999, (1 << 24) - 1, (1 << 31) - 1, (1 << 32) - 1];
/// A counter above this is no counter: nothing ever prints so much, and sums of such values could overflow.
pub const MAX_COUNT: i64 = 1_000_000_000_000_000;

/// Everything that is kept of a device of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceState {
    /// The vendor's id of the device.
    pub vendor_device_id: String,
    /// Whether it was managed at its last reading that counted.
    pub managed: bool,
    /// Whether it was in scope then; a device that was not starts a new segment when it is again.
    pub counted: bool,
    #[serde(with = "chrono::serde::ts_milliseconds_option")]
    /// Time of its last reading that counted: accepted, held or out of scope.
    pub last_read_at: Option<Instant>,
    /// Day of its last accepted reading, from which the next difference starts; `None` before the baseline.
    pub read_day: Option<NaiveDate>,
    /// The counters it is read by; `None` before the baseline.
    pub basis: Option<Basis>,
    /// Its meters, in the order of [`MeterKind::ALL`].
    pub meters: [MeterState; 3],
    /// What is open.
    pub pending: Pending,
}

/// A meter of a device: its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MeterState {
    /// Where the first segment starts.
    pub first_initial: i64,
    /// Where the segment under way starts.
    pub initial: i64,
    /// Day of the reading that it starts with.
    pub initial_day: NaiveDate,
    /// Its high-water mark.
    pub mark: i64,
    /// Pages of the segments that ended: sum of mark - initial.
    pub closed: i64,
}

/// What is open on a device; empty on a normal one. Serialised to a JSON object without the parts that are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pending {
    /// A reading that showed a drop and is neither confirmed nor noise yet (rule 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Spikes that wait for a person, the oldest first (rule 6).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spikes: Vec<Spike>,
    /// Since when its readings are skipped for lack of a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<Unreadable>,
}

impl Pending {
    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Pages in suspense.
    pub fn suspense(&self) -> Pages {
        self.spikes.iter().map(|spike| Pages::of(spike.kind(), spike.held)).sum()
    }
}

/// A reading that showed a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its meters, in the order of [`MeterKind::ALL`].
    pub values: [i64; 3],
    /// The day of the first reading with these values.
    pub day: NaiveDate,
}

/// Pages in suspense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spike {
    /// Names it among the device's spikes, for good; the anomaly keeps it.
    pub key: String,
    /// The meter, as its place in [`MeterKind::ALL`].
    pub meter: u8,
    /// The pages held.
    pub held: i64,
    /// The mark before it.
    pub mark: i64,
    /// The reading that stood out.
    pub count: i64,
    /// First day they are spread over when accepted.
    pub from: NaiveDate,
    /// Last day they are spread over.
    pub to: NaiveDate,
    /// Whether they are part of the segment under way.
    pub current: bool,
}

/// Readings that are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Day of the first.
    pub since: NaiveDate,
    /// Time of the last.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub read_at: Instant,
}

/// What a step needs to know beside the state and the reading.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// The feed's collection scope.
    pub scope: CollectionScope,
    /// The server's zone.
    pub zone: Tz,
    /// The feed's activation date: a reading of a day before it is a baseline, and no pages are put on such a day.
    pub first_day: NaiveDate,
    /// How the reading's day is told.
    pub day: ReadingDay,
    /// With HISTORY: the whole days that users' pauses left out, first and last, inclusive; empty without. The last of each is read
    /// as the baseline (`FeedDays::counter_days`), and a device that is silent then starts anew at its next reading.
    pub left_out: &'a [(NaiveDate, NaiveDate)],
    /// Without HISTORY: when a user last resumed the feed, `None` if never. The first reading of a later time is the baseline.
    pub resumed_at: Option<Instant>,
}

/// What a reading comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The state to keep; `None` while the device has never been read.
    pub state: Option<DeviceState>,
    /// Pages to post, at most one booking for each range of days.
    pub bookings: Vec<Booking>,
    /// Anomalies to record.
    pub notes: Vec<Note>,
    /// Keys of the spikes that this reading withdrew: nothing is held by them any more and nothing is posted.
    pub withdrawn: Vec<String>,
    /// Whether the device's reading time moved on.
    pub new_data: bool,
}

/// Pages printed over a range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// First day, inclusive.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// What was printed, none negative.
    pub pages: Pages,
}

/// An anomaly that a reading showed; OPEN when it holds pages, NOTED else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What was seen.
    pub kind: AnomalyKind,
    /// The meter; `None` when it is about more than one.
    pub meter: Option<MeterKind>,
    /// First day concerned, inclusive.
    pub from: NaiveDate,
    /// Last day concerned, inclusive.
    pub to: NaiveDate,
    /// The mark before.
    pub previous_count: Option<i64>,
    /// The reading that stood out.
    pub count: Option<i64>,
    /// Pages in suspense, in the meter's unit; 0 for all but spikes.
    pub held: i64,
    /// The same whenever the same reading is stepped over again; unique within a device.
    pub key: String,
}

impl StepContext<'_> {
    /// The day that a reading of this time belongs to.
    pub fn reading_day(&self, read_at: Instant) -> NaiveDate {
        match self.day {
            ReadingDay::EndOf(day) => day,
            ReadingDay::ByTime => calendar::reading_day(read_at, self.zone),
        }
    }

    fn in_scope(&self, reading: &DeviceReading) -> bool {
        self.scope == CollectionScope::All || reading.managed
    }
}

impl MeterState {
    /// Pages of all segments.
    pub const fn life(&self) -> i64 {
        self.closed.saturating_add(self.mark - self.initial)
    }

    /// Ends the segment, and starts one at `initial`.
    fn restart(&mut self, initial: i64, day: NaiveDate) {
        self.closed = self.life();
        (self.initial, self.mark, self.initial_day) = (initial, initial, day);
    }
}

impl DeviceState {
    /// A device of which nothing was read yet.
    fn unread(reading: &DeviceReading) -> Self {
        Self {
            vendor_device_id: reading.vendor_device_id.clone(),
            managed: reading.managed,
            counted: false,
            last_read_at: None,
            read_day: None,
            basis: None,
            meters: [MeterState::default(); 3],
            pending: Pending::default(),
        }
    }

    /// Its state of `meter`.
    pub fn meter(&self, meter: MeterKind) -> &MeterState {
        &self.meters[meter as usize]
    }

    /// SMALL + LARGE where the first segment starts; `None` before the baseline.
    pub fn initial_count(&self) -> Option<i64> {
        self.basis.map(|_| self.sides(|meter| meter.first_initial))
    }

    /// SMALL + LARGE high-water mark; `None` before the baseline.
    pub fn latest_count(&self) -> Option<i64> {
        self.basis.map(|_| self.sides(|meter| meter.mark))
    }

    /// Sides of all segments, those in suspense included.
    pub fn life_count(&self) -> i64 {
        self.life().sides()
    }

    /// Whether it has this meter; none before the baseline.
    pub fn has(&self, kind: MeterKind) -> bool {
        self.basis.is_some_and(|basis| match kind {
            MeterKind::Small => true,
            MeterKind::Large => basis.large,
            MeterKind::Duplex => basis.duplex,
        })
    }

    /// Pages of all segments, those in suspense included.
    pub fn life(&self) -> Pages {
        MeterKind::ALL.iter().fold(Pages::ZERO, |pages, &kind| pages.with(kind, self.meter(kind).life()))
    }

    /// Pages in suspense.
    pub fn suspense(&self) -> Pages {
        self.pending.suspense()
    }

    /// The state of a device whose days before `later` were collected by themselves, up to the baseline of `later` (an activation
    /// date moved earlier).
    #[must_use]
    pub fn joined(earlier: Self, mut later: Self) -> Self {
        if earlier.basis.is_none() {
            return later;
        }
        if later.basis.is_none() {
            // It was never read in scope since: what it has is the earlier part, and its next reading in scope starts anew.
            return Self {
                managed: later.managed,
                counted: false,
                last_read_at: later.last_read_at.max(earlier.last_read_at),
                pending: Pending { spikes: earlier.pending.spikes, ..later.pending },
                ..earlier
            };
        }
        for (after, before) in later.meters.iter_mut().zip(&earlier.meters) {
            after.first_initial = before.first_initial;
            after.closed = after.closed.saturating_add(before.life());
        }
        let before = earlier.pending.spikes.into_iter().map(|spike| Spike { current: false, ..spike });
        later.pending.spikes = before.chain(later.pending.spikes).collect();
        later
    }

    fn sides(&self, of: impl Fn(&MeterState) -> i64) -> i64 {
        of(self.meter(MeterKind::Small)).saturating_add(of(self.meter(MeterKind::Large)))
    }
}

impl Spike {
    /// The meter.
    pub fn kind(&self) -> MeterKind {
        MeterKind::ALL[usize::from(self.meter) % MeterKind::ALL.len()]
    }
}

#[cfg(test)]
mod tests;
