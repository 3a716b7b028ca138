//! What the collecting engine stores: leases, plans, and the commits of collected feeds.
//!
//! The rule of this room: *everything a read of the vendor causes is one [`FeedCommit`]*: device states, ledger entries, totals,
//! coverage, the collection's and the run's progress, and health; all of it or nothing, and only while the writer still holds the
//! server's lease (its fence) and the feed's settings are those it was read with.
//!
//! Commits that wait at the same moment are written together ([`CommitWriter`]): one statement per table for all of them. A group
//! is never waited for; a group that fails is written again one by one, so that one feed's trouble stays its own.

mod apply;
mod feeds;
mod fleet;
mod lease;
mod plan;
mod posting;
mod servers;
pub(super) mod sql;
mod writer;

use chrono::NaiveDate;

pub(super) use self::sql::statement;
pub use self::{
    feeds::{CollectingFeed, FeedAhead, LeftOut},
    fleet::{Fleet, NewDevice, PackedFleet, StoredDevice, take_spike},
    lease::Lease,
    plan::{FeedPlan, OpenRun, PlannedCollection, RunEnd},
    posting::{DaySums, Entry, FeedDaySums, post},
    servers::NightDue,
    writer::CommitWriter,
};
use crate::{
    clock::Instant,
    domain::{
        anomaly::{AnomalyKind, AnomalyStatus},
        device::MeterKind,
        failure::FailureReason,
        feed::CollectionScope,
        health::{Health, HealthStatus},
        ledger::DepositKind,
        pages::{Pages, StandardPages},
        period::PeriodDay,
        run::SyncStatus,
    },
    id::Uuid,
};

/// All effects of one answer of a vendor on one feed.
#[derive(Debug, Clone)]
pub struct FeedCommit {
    /// The lease under which the answer was read; an older fence commits nothing.
    pub lease: Lease,
    /// The run.
    pub run_id: Uuid,
    /// The server's version when it was read: changed settings commit nothing, and the answer is read again.
    pub server_version: i32,
    /// The feed's version when it was read: changed settings commit nothing, and the answer is read again.
    pub feed_version: i32,
    /// The feed's account: it gets the pages, and the change of the feed's health.
    pub account_id: Uuid,
    /// When the answer was taken in.
    pub now: Instant,
    /// Ledger entries to post, ordered by day.
    pub entries: Vec<NewEntry>,
    /// Devices that were not known before.
    pub new_devices: Vec<NewDevice>,
    /// The feed's devices after the answer, if it moved any.
    pub fleet: Option<PackedFleet>,
    /// The same in an earlier part of the feed's days, which is kept apart until both are joined.
    pub earlier_fleet: Option<PackedFleet>,
    /// Whether the earlier part is complete: it is joined with the later one in `fleet`, and forgotten.
    pub joined: bool,
    /// Period vendors: the states of the days asked for.
    pub days: Vec<PeriodDayRow>,
    /// Period vendors: days up to this one that wait for nothing more are closed; `None` closes none.
    pub close_through: Option<NaiveDate>,
    /// What stood out.
    pub anomalies: Vec<NewAnomaly>,
    /// Keys of open anomalies that a later reading withdrew.
    pub withdrawn: Vec<String>,
    /// The feed after the answer.
    pub feed: FeedAfter,
    /// The customer's name, when the vendor reports another one than before.
    pub renamed: Option<Renamed>,
    /// The collection after the answer.
    pub collection: CollectionAfter,
    /// What the run's progress grows by.
    pub progress: ProgressDelta,
    /// A feed of the server to hand out with the answer, as it then stands.
    pub ahead: Option<Uuid>,
}

/// A ledger entry to post; its standard pages and its number are found while posting.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Key.
    pub id: Uuid,
    /// The day the pages were printed.
    pub day: NaiveDate,
    /// What to post; may be negative.
    pub pages: Pages,
    /// Whether the day is a share of a longer difference.
    pub estimated: bool,
    /// COLLECTED or CORRECTION.
    pub kind: DepositKind,
    /// Unique per feed and day.
    pub source_key: String,
}

/// State of one day of a period vendor's feed, beside the sums that its entries keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodDayRow {
    /// The day.
    pub day: NaiveDate,
    /// The report the day was first read with.
    pub report: CollectionScope,
    /// Whether the day is asked again.
    pub open: bool,
    /// What was posted and what waits; of it `posted` is not written, since it follows from the entries.
    pub state: PeriodDay,
}

/// An anomaly to store.
#[derive(Debug, Clone)]
pub struct NewAnomaly {
    /// Key.
    pub id: Uuid,
    /// The device; `None` when it is about the customer's totals.
    pub device_id: Option<Uuid>,
    /// The meter; `None` when it is about more than one.
    pub meter: Option<MeterKind>,
    /// What was seen.
    pub kind: AnomalyKind,
    /// OPEN or NOTED.
    pub status: AnomalyStatus,
    /// First day concerned.
    pub from: NaiveDate,
    /// Last day concerned.
    pub to: NaiveDate,
    /// The reading before.
    pub previous_count: Option<i64>,
    /// The reading that stood out.
    pub count: Option<i64>,
    /// What is held in suspense, in the meter's unit.
    pub held: i64,
    /// Unique per feed; the same sight again stores nothing.
    pub source_key: String,
}

/// Another name of a customer, with what the feed's own sort and search keys are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The customer's name as the vendor reports it.
    pub vendor_name: String,
    /// The name given by the dealer, which goes before it.
    pub given_name: Option<String>,
    /// The customer's id on the vendor's server.
    pub external_id: String,
}

/// The stored fields of a feed that an answer can move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAfter {
    /// Key.
    pub id: Uuid,
    /// The last covered day.
    pub covered_through: Option<NaiveDate>,
    /// Whether the first collection is still under way.
    pub backfilling: bool,
    /// When the vendor last heard from the customer's devices.
    pub last_data_at: Option<Instant>,
    /// Devices in the last answer.
    pub device_count: Option<i32>,
    /// Health after the answer.
    pub health: Health,
    /// The status before, if the answer changed it.
    pub health_before: Option<HealthStatus>,
    /// The part that an earlier activation date put before the days collected already.
    pub earlier: Option<EarlierPart>,
}

/// Days that an earlier activation date put before those collected already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierPart {
    /// Its last day, the day of the old baseline.
    pub through: NaiveDate,
    /// The last day saved; `None` before the first.
    pub saved: Option<NaiveDate>,
}

/// A collection after an answer (or after a failed attempt).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionAfter {
    /// Key.
    pub id: Uuid,
    /// QUEUED (another attempt), RUNNING (more days to read) or ended.
    pub status: SyncStatus,
    /// The last saved day of the window.
    pub saved_through: Option<NaiveDate>,
    /// Devices in the answer.
    pub device_count: Option<i32>,
    /// Attempts made so far.
    pub attempts: i32,
    /// When it is tried again.
    pub next_attempt_at: Option<Instant>,
    /// When the first attempt began.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// Why the last attempt failed.
    pub error: Option<FailureReason>,
}

/// What a run's progress grows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProgressDelta {
    /// Feeds ended.
    pub feeds_done: i32,
    /// Feeds failed.
    pub feeds_failed: i32,
    /// Days saved.
    pub days_done: i32,
    /// The feed that is read next.
    pub current_feed: Option<Uuid>,
}

/// What became of a [`FeedCommit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Stored.
    Stored {
        /// Sides posted.
        pages: Pages,
        /// Standard pages posted.
        standard: StandardPages,
        /// Whether `cancelSync` asked the run to stop.
        cancel_requested: bool,
        /// Whether the server was paused or removed meanwhile.
        server_stopped: bool,
    },
    /// Another holder has the server: nothing was stored, and nothing more may be.
    LeaseLost,
    /// The feed's or its server's settings changed, or it ended, since it was read: nothing was stored.
    FeedChanged,
}
