//! Feeds: one vendor customer mapped to one customer account.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{health::Health, named_enum};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Which devices of a customer count.
    CollectionScope {
        /// All devices.
        All = "ALL",
        /// Only devices marked as managed on the vendor's server.
        ManagedOnly = "MANAGED_ONLY",
    }
}

named_enum! {
    /// Whether a feed collects; derived (see `Feed::status`).
    FeedStatus {
        /// Waits for its activation date.
        Scheduled = "SCHEDULED",
        /// Reads the days since a past activation date.
        Backfilling = "BACKFILLING",
        /// Collects every night.
        Active = "ACTIVE",
        /// Its server is paused; resumes with it.
        PausedByServer = "PAUSED_BY_SERVER",
        /// Paused until resumed; pages printed meanwhile do not count.
        PausedByUser = "PAUSED_BY_USER",
        /// Removed: never collects again.
        Ended = "ENDED",
    }
}

/// One vendor customer mapped to one customer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Key.
    pub id: Uuid,
    /// The server it is read from.
    pub server_id: Uuid,
    /// The account that gets the pages.
    pub account_id: Uuid,
    /// The customer's id on the vendor's server.
    pub external_id: String,
    /// Name as given by the dealer.
    pub given_name: Option<String>,
    /// The customer's name where the vendor reports one.
    pub vendor_name: Option<String>,
    /// The first day that counts.
    pub activation_date: NaiveDate,
    /// Which devices count.
    pub scope: CollectionScope,
    /// Health.
    pub health: Health,
    /// Whether its first collection of a past activation date is still under way.
    pub backfilling: bool,
    /// When a user paused it; `None` while not.
    pub paused_at: Option<Instant>,
    /// When it was removed; `None` while not.
    pub ended_at: Option<Instant>,
    /// Whether its server is paused, by health or by a user (read with the feed, stored on the server).
    pub server_paused: bool,
    /// Its server's zone, which says what today is for it (read with the feed, stored on the server).
    pub server_time_zone: Tz,
    /// When the vendor last heard from the customer's devices; `None` before the first data.
    pub last_data_at: Option<Instant>,
    /// The last day whose pages are complete; `None` before the first.
    pub covered_through: Option<NaiveDate>,
    /// Devices in the last answer; `None` before the first.
    pub device_count: Option<i32>,
    /// When it was registered.
    pub created_at: Instant,
    /// When a stored field last changed.
    pub updated_at: Instant,
    /// Grows by one with each change of its settings.
    pub version: i32,
}

impl Feed {
    /// Name for people: as given, else the customer's name where the vendor reports one.
    pub fn name(&self) -> Option<&str> {
        self.given_name.as_deref().or(self.vendor_name.as_deref())
    }

    /// Whether it collects, and if not, why; `today` is the local day of its server.
    pub fn status(&self, today: NaiveDate) -> FeedStatus {
        if self.ended_at.is_some() {
            FeedStatus::Ended
        } else if self.paused_at.is_some() {
            FeedStatus::PausedByUser
        } else if self.server_paused {
            FeedStatus::PausedByServer
        } else if self.covered_through.is_none() && self.activation_date > today {
            FeedStatus::Scheduled
        } else if self.backfilling {
            FeedStatus::Backfilling
        } else {
            FeedStatus::Active
        }
    }
}
