//! Vendor servers: a vendor installation registered by a partner.

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::{
    health::{Health, HealthStatus},
    named_enum,
    vendor::VendorKind,
};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Whether a server collects; derived from what was done to it and from its health.
    ServerStatus {
        /// Collects every night.
        Active = "ACTIVE",
        /// Its check fails; resumes by itself, and catches up, when it passes.
        PausedUnhealthy = "PAUSED_UNHEALTHY",
        /// Paused until resumed.
        PausedByUser = "PAUSED_BY_USER",
        /// Removed: never collects again.
        Removed = "REMOVED",
    }
}

/// A vendor server without its credentials, which only the collecting side opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Key.
    pub id: Uuid,
    /// The account that registered it (PARTNER or DISTRIBUTOR).
    pub account_id: Uuid,
    /// Which vendor system.
    pub vendor: VendorKind,
    /// Name for people, 1 to 200 characters.
    pub name: String,
    /// Its base address, https, without a slash at the end.
    pub url: String,
    /// The zone of its nights, days and business days.
    pub time_zone: Tz,
    /// When the nightly run starts, in its zone.
    pub nightly_at: NaiveTime,
    /// The user name of its credentials; `None` for vendors that use a token.
    pub credentials_username: Option<String>,
    /// The secret masked down to its last characters.
    pub credentials_hint: String,
    /// When the credentials were last replaced.
    pub credentials_updated_at: Instant,
    /// Outcome of the checks.
    pub health: Health,
    /// When a user paused it; `None` while not.
    pub paused_at: Option<Instant>,
    /// When it was removed; `None` while not.
    pub removed_at: Option<Instant>,
    /// When it was registered.
    pub created_at: Instant,
    /// When a stored field last changed.
    pub updated_at: Instant,
    /// Grows by one with each change of its settings.
    pub version: i32,
}

impl Server {
    /// Whether it collects, and if not, why.
    pub fn status(&self) -> ServerStatus {
        if self.removed_at.is_some() {
            ServerStatus::Removed
        } else if self.paused_at.is_some() {
            ServerStatus::PausedByUser
        } else if self.health.status == HealthStatus::Unhealthy {
            ServerStatus::PausedUnhealthy
        } else {
            ServerStatus::Active
        }
    }
}
