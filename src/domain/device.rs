//! Devices and their meters, as kept: nothing else the vendor reports is stored.

use chrono::NaiveDate;

use super::named_enum;
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// What a meter counts.
    MeterKind {
        /// Sides up to letter, A4 and legal.
        Small = "SMALL",
        /// Sides of 11x17, A3 and larger.
        Large = "LARGE",
        /// Sheets printed on both sides.
        Duplex = "DUPLEX",
    }
}

/// What a vendor's answer says of one device: the only shape in which counters leave a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReading {
    /// The vendor's id of the device.
    pub vendor_device_id: String,
    /// Whether the vendor's server marks it as managed.
    pub managed: bool,
    /// When the vendor last read the device; `None` while known but unread.
    pub read_at: Option<Instant>,
    /// The counters as the vendor names them, reduced to those that meters are made of; `None` while unread.
    pub counters: Option<Counters>,
}

/// The vendor's counters that meters are made of; `None` where the answer has none. Which of them a device is read by is fixed at
/// its baseline (`Basis`), so a connector passes on all it got instead of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sides of all sizes.
    pub total: Option<i64>,
    /// Sides of small sizes.
    pub small: Option<i64>,
    /// Sides of large sizes.
    pub large: Option<i64>,
    /// Sheets printed on both sides.
    pub duplex: Option<i64>,
}

/// The day a reading belongs to is given for counters asked for with a date, and follows from its time for current counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingDay {
    /// The counters stood so at the end of this day.
    EndOf(NaiveDate),
    /// Current counters: before noon local the day before, else that day.
    ByTime,
}

/// A device of a feed as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Key.
    pub id: Uuid,
    /// The feed it was seen in.
    pub feed_id: Uuid,
    /// The vendor's `DeviceID`.
    pub vendor_device_id: String,
    /// Whether the vendor's server marks it as managed.
    pub managed: bool,
    /// When the vendor last read it; `None` while known but unread.
    pub last_read_at: Option<Instant>,
    /// Its meters, at most one of each kind; none while unread.
    pub meters: Vec<MeterCounts>,
}

/// What is counted of one meter, in the kind's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterCounts {
    /// What it counts.
    pub kind: MeterKind,
    /// Reading when the first segment began.
    pub first: i64,
    /// Reading when the current segment began.
    pub initial: i64,
    /// High-water mark: the last accepted reading.
    pub mark: i64,
    /// Counted over all segments.
    pub life: i64,
}

impl Device {
    /// Life count when counting began, in sides (`InitialCount`).
    pub fn initial_count(&self) -> i64 {
        self.sides(|meter| meter.first)
    }

    /// Life count of the last accepted reading, in sides (`LatestCount`).
    pub fn latest_count(&self) -> i64 {
        self.sides(|meter| meter.mark)
    }

    /// Sides counted since, summed over segments (`LifeCount`).
    pub fn life_count(&self) -> i64 {
        self.sides(|meter| meter.life)
    }

    fn sides(&self, of: impl Fn(&MeterCounts) -> i64) -> i64 {
        self.meters.iter().filter(|meter| meter.kind != MeterKind::Duplex).map(of).sum()
    }
}
