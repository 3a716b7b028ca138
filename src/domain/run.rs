//! Sync runs and collections: states, windows and when a failed attempt is made again.

use chrono::NaiveDate;

use super::{failure::Failure, named_enum, pages::{Pages, StandardPages}};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// What started a run.
    SyncTrigger {
        /// The nightly schedule.
        Nightly = "NIGHTLY",
        /// `startSync`, or the command line.
        Manual = "MANUAL",
        /// A past activation date.
        Backfill = "BACKFILL",
        /// A server or feed that became healthy again.
        Recovery = "RECOVERY",
    }
}

named_enum! {
    /// How far a run or collection is.
    SyncStatus {
        /// Waits for its turn.
        Queued = "QUEUED",
        /// Under way.
        Running = "RUNNING",
        /// Ended, all done.
        Succeeded = "SUCCEEDED",
        /// Ended; some feeds failed. Runs only.
        PartlyFailed = "PARTLY_FAILED",
        /// Ended, nothing done or given up; the next night covers it.
        Failed = "FAILED",
        /// Broken off because the server is paused; caught up when it resumes.
        Paused = "PAUSED",
        /// Ended by `cancelSync`; days already saved stay.
        Cancelled = "CANCELLED",
    }
}

impl SyncStatus {
    /// Whether nothing more will happen.
    pub const fn ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// The collections of one server, one after another, started by one trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRun {
    /// Key.
    pub id: Uuid,
    /// The server read from.
    pub server_id: Uuid,
    /// What started it.
    pub trigger: SyncTrigger,
    /// How far it is.
    pub status: SyncStatus,
    /// When it was due; unique per server and trigger.
    pub due_at: Instant,
    /// How far it is, in numbers.
    pub progress: Progress,
    /// When it was asked for.
    pub requested_at: Instant,
    /// When it began; `None` while queued.
    pub started_at: Option<Instant>,
    /// When it ended; `None` while it has not.
    pub finished_at: Option<Instant>,
    /// Why it failed or paused.
    pub error: Option<Failure>,
}

/// State of a run, saved with every day and feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Place in the run's sequence of states; strictly rising.
    pub seq: i64,
    /// Feeds to read; 0 until the run is planned.
    pub feeds_total: i32,
    /// Feeds read, failed ones included.
    pub feeds_done: i32,
    /// Feeds that failed.
    pub feeds_failed: i32,
    /// Days to read over all feeds; 0 until the run is planned.
    pub days_total: i32,
    /// Days read over all feeds.
    pub days_done: i32,
    /// The feed being read.
    pub current_feed: Option<Uuid>,
    /// Pages posted so far, in sides.
    pub pages: i64,
}

/// One run over one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Key.
    pub id: Uuid,
    /// The run it is part of.
    pub run_id: Uuid,
    /// The feed read.
    pub feed_id: Uuid,
    /// Order of reading within the run, from 0.
    pub position: i32,
    /// How far it is.
    pub status: SyncStatus,
    /// First day of the window, inclusive.
    pub from: NaiveDate,
    /// Last day of the window, inclusive.
    pub to: NaiveDate,
    /// The last day of the window that is saved; `None` before the first.
    pub saved_through: Option<NaiveDate>,
    /// Devices in the answer; `None` before it came.
    pub device_count: Option<i32>,
    /// Pages posted; corrections can make them negative.
    pub pages: Pages,
    /// Standard pages posted.
    pub standard: StandardPages,
    /// Attempts made.
    pub attempts: i32,
    /// When it began; `None` while queued.
    pub started_at: Option<Instant>,
    /// When it ended; `None` while it has not.
    pub finished_at: Option<Instant>,
    /// Why the last attempt failed.
    pub error: Option<Failure>,
}
