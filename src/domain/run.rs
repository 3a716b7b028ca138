//! Sync runs and collections: states, windows and when a failed attempt is made again.

use chrono::{NaiveDate, TimeDelta};

use super::{
    failure::Failure,
    named_enum,
    pages::{Pages, StandardPages},
};
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

/// Attempts that are made of a run or collection in a night.
pub const MAX_ATTEMPTS: i32 = 6;
/// The longest wait after the first attempt; four times as long after each further one.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
/// The longest wait of all.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// How long to wait after the failure of attempt number `attempt` (from 1); `None` when it was the last of the night.
///
/// Full jitter: `fraction`, a random number from 0 to 1, of 30 s, 2 min, 8 min, 32 min, 1 h; at least `retry_after`, as the vendor
/// asked.
pub fn next_attempt(attempt: i32, fraction: f64, retry_after: Option<TimeDelta>) -> Option<TimeDelta> {
    if attempt >= MAX_ATTEMPTS {
        return None;
    }
    let longest = (1..attempt).fold(FIRST_WAIT, |wait, _| (wait * 4).min(LONGEST_WAIT));
    // Thousandths are exact in integers, and no caller needs more.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=1000; a NaN becomes 0")]
    let thousandths = (fraction.clamp(0.0, 1.0) * 1000.0) as i32;
    let wait = longest * thousandths / 1000;
    Some(retry_after.map_or(wait, |asked| wait.max(asked)))
}

/// The status of a run whose collections have these; `None` while one has not ended.
pub fn outcome(collections: impl IntoIterator<Item = SyncStatus>) -> Option<SyncStatus> {
    let (mut all, mut failed) = (0_usize, 0_usize);
    let (mut paused, mut cancelled) = (false, false);
    for status in collections {
        all += 1;
        match status {
            SyncStatus::Queued | SyncStatus::Running => return None,
            SyncStatus::Succeeded => {}
            SyncStatus::Failed | SyncStatus::PartlyFailed => failed += 1,
            SyncStatus::Paused => paused = true,
            SyncStatus::Cancelled => cancelled = true,
        }
    }
    Some(match (cancelled, paused) {
        (true, _) => SyncStatus::Cancelled,
        (_, true) => SyncStatus::Paused,
        _ if failed == 0 => SyncStatus::Succeeded,
        _ if failed == all => SyncStatus::Failed,
        _ => SyncStatus::PartlyFailed,
    })
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

impl SyncRun {
    /// When it should end at its pace so far; `None` while nothing is done, and once it has ended.
    pub fn estimated_finish(&self, now: Instant) -> Option<Instant> {
        self.started_at.filter(|_| !self.status.ended()).and_then(|started_at| self.progress.estimated_finish(started_at, now))
    }
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

impl Progress {
    /// When a run that began at `started_at` should end, at its pace up to `now`; `None` while nothing is done.
    pub fn estimated_finish(&self, started_at: Instant, now: Instant) -> Option<Instant> {
        let (done, total) =
            if self.days_total > 0 { (self.days_done, self.days_total) } else { (self.feeds_done, self.feeds_total) };
        if done <= 0 {
            return None;
        }
        let elapsed = i128::from((now - started_at).num_milliseconds().max(0));
        let whole = elapsed * i128::from(total.max(done)) / i128::from(done);
        let finish = started_at.checked_add_signed(TimeDelta::try_milliseconds(i64::try_from(whole).ok()?)?)?;
        Some(finish.max(now))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    #[test]
    fn waits_grow_up_to_an_hour_and_end_after_six_attempts() {
        let longest: Vec<_> = (1..=7).map(|attempt| next_attempt(attempt, 1.0, None).map(|wait| wait.num_seconds())).collect();
        assert_eq!(longest, [Some(30), Some(120), Some(480), Some(1920), Some(3600), None, None]);
    }

    #[test]
    fn jitter_takes_any_part_of_the_wait() {
        assert_eq!(next_attempt(1, 0.0, None), Some(TimeDelta::zero()));
        assert_eq!(next_attempt(2, 0.5, None), Some(TimeDelta::seconds(60)));
        for odd in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(next_attempt(1, odd, None), Some(TimeDelta::zero()));
        }
        assert_eq!(next_attempt(1, f64::INFINITY, None), Some(TimeDelta::seconds(30)));
        assert_eq!(next_attempt(0, 1.0, None), Some(TimeDelta::seconds(30)));
    }

    #[test]
    fn a_vendor_is_not_asked_before_the_time_it_gave() {
        let asked = Some(TimeDelta::minutes(5));
        assert_eq!(next_attempt(1, 1.0, asked), asked);
        assert_eq!(next_attempt(4, 1.0, asked), Some(TimeDelta::seconds(1920)));
        assert_eq!(next_attempt(6, 1.0, asked), None);
    }

    #[test]
    fn outcomes_of_runs() {
        use SyncStatus::{Cancelled, Failed, PartlyFailed, Paused, Queued, Running, Succeeded};
        assert_eq!(outcome([Succeeded, Queued]), None);
        assert_eq!(outcome([Running]), None);
        assert_eq!(outcome([]), Some(Succeeded));
        assert_eq!(outcome([Succeeded, Succeeded]), Some(Succeeded));
        assert_eq!(outcome([Succeeded, Failed]), Some(PartlyFailed));
        assert_eq!(outcome([Failed, Failed]), Some(Failed));
        assert_eq!(outcome([Succeeded, Failed, Paused]), Some(Paused));
        assert_eq!(outcome([Succeeded, Paused, Cancelled]), Some(Cancelled));
    }

    #[test]
    fn the_end_is_told_from_the_pace() {
        let (started, now) = (from_millis(1_000), from_millis(11_000));
        let progress = Progress { days_total: 40, days_done: 10, feeds_total: 2, ..Progress::default() };
        assert_eq!(progress.estimated_finish(started, now), Some(from_millis(41_000)));
        assert_eq!(Progress::default().estimated_finish(started, now), None);
        let feeds = Progress { feeds_total: 2, feeds_done: 1, ..Progress::default() };
        assert_eq!(feeds.estimated_finish(started, now), Some(from_millis(21_000)));
        let over = Progress { days_total: 40, days_done: 50, ..Progress::default() };
        assert_eq!(over.estimated_finish(started, now), Some(now));
    }
}
