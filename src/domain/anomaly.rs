//! Anomalies: something about a feed's counters that a person should know or decide.

use chrono::NaiveDate;

use super::named_enum;
use crate::{clock::Instant, domain::device::MeterKind, id::Uuid};

named_enum! {
    /// What stands out.
    AnomalyKind {
        /// More pages in a day than the device could be expected to print; held until accepted or rejected.
        MeterSpike = "METER_SPIKE",
        /// The counter began again from a lower value; counting goes on from there.
        MeterReset = "METER_RESET",
        /// More two-sided sheets than the sides printed allow.
        DuplexImpossible = "DUPLEX_IMPOSSIBLE",
        /// The device's answer lacks a counter it was read by before; it was skipped whole.
        DeviceUnreadable = "DEVICE_UNREADABLE",
        /// The device appeared in another feed of its server; counting began anew there.
        DeviceMoved = "DEVICE_MOVED",
    }
}

named_enum! {
    /// Whether someone must decide on an anomaly.
    AnomalyStatus {
        /// Its pages are in suspense until someone decides.
        Open = "OPEN",
        /// Its pages were posted.
        Accepted = "ACCEPTED",
        /// Its pages were dropped.
        Rejected = "REJECTED",
        /// For information; nothing to decide.
        Noted = "NOTED",
    }
}

/// An anomaly as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Key.
    pub id: Uuid,
    /// The feed it was seen in.
    pub feed_id: Uuid,
    /// The device; `None` when it is about the customer's totals.
    pub device_id: Option<Uuid>,
    /// The meter; `None` when it is about more than one.
    pub meter: Option<MeterKind>,
    /// What was seen.
    pub kind: AnomalyKind,
    /// Whether someone must decide.
    pub status: AnomalyStatus,
    /// First day concerned, inclusive.
    pub from: NaiveDate,
    /// Last day concerned, inclusive.
    pub to: NaiveDate,
    /// The reading before, in the meter's unit.
    pub previous_count: Option<i64>,
    /// The reading that stood out, in the meter's unit.
    pub count: Option<i64>,
    /// What is held in suspense, in the meter's unit; 0 when nothing is.
    pub held: i64,
    /// What the person who decided wrote.
    pub note: Option<String>,
    /// When it was seen.
    pub raised_at: Instant,
    /// When it was decided.
    pub resolved_at: Option<Instant>,
}

impl AnomalyKind {
    /// What was seen, in plain words.
    pub const fn message(self) -> &'static str {
        match self {
            Self::MeterSpike => {
                "More pages in a day than the device could be expected to print. They are held until someone decides."
            }
            Self::MeterReset => "The counter began again from a lower value. Counting goes on from there.",
            Self::DuplexImpossible => "More two-sided sheets than the sides printed allow.",
            Self::DeviceUnreadable => "The device's answer lacks a counter it was read by before. It was skipped whole.",
            Self::DeviceMoved => "The device appeared in another feed of its server. Counting began anew there.",
        }
    }
}

impl Anomaly {
    /// What is held in suspense, in sides; sheets printed on both sides are none.
    pub fn held_sides(&self) -> i64 {
        if self.meter == Some(MeterKind::Duplex) { 0 } else { self.held }
    }
}
