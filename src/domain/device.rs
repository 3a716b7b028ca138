//! Devices and their meters, as kept: nothing else the vendor reports is stored.

use chrono::NaiveDate;

use super::named_enum;
use crate::clock::Instant;

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
