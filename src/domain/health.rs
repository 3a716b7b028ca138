//! Health of servers and feeds.

use super::{failure::FailureReason, named_enum};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Verdict on a server or feed.
    HealthStatus {
        /// Not judged yet.
        Pending = "PENDING",
        /// Server: its check passes. Feed: new data came within 3 business days.
        Healthy = "HEALTHY",
        /// Server: its check fails. Feed: no new data for 3 business days, or the vendor refuses the customer.
        Unhealthy = "UNHEALTHY",
    }
}

/// Health as stored on a server or feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The last verdict.
    pub status: HealthStatus,
    /// Why it is not healthy; `None` unless UNHEALTHY.
    pub reason: Option<FailureReason>,
    /// When it was last checked; `None` before the first check.
    pub checked_at: Option<Instant>,
    /// When the status last changed; `None` while it never has.
    pub changed_at: Option<Instant>,
}

impl Health {
    /// Not judged yet.
    pub const PENDING: Self = Self { status: HealthStatus::Pending, reason: None, checked_at: None, changed_at: None };

    /// The health after a verdict at `now`: `Ok` is healthy, `Err` says why not.
    pub fn judged(self, verdict: Result<(), FailureReason>, now: Instant) -> Self {
        let (status, reason) = match verdict {
            Ok(()) => (HealthStatus::Healthy, None),
            Err(reason) => (HealthStatus::Unhealthy, Some(reason)),
        };
        let changed_at = if status == self.status { self.changed_at } else { Some(now) };
        Self { status, reason, checked_at: Some(now), changed_at }
    }
}

/// What a change of health is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthSubject {
    /// A server.
    Server(Uuid),
    /// A feed.
    Feed(Uuid),
}

/// A change of a server's or feed's health: a row numbered per account, in commit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// The server's or feed's account.
    pub account_id: Uuid,
    /// Place in the account's sequence, from 1.
    pub number: i64,
    /// What changed.
    pub subject: HealthSubject,
    /// The new status.
    pub status: HealthStatus,
    /// The status before.
    pub previous_status: HealthStatus,
    /// Why; `None` unless UNHEALTHY.
    pub reason: Option<FailureReason>,
    /// When it changed.
    pub changed_at: Instant,
}
