//! Health of servers and feeds.

use chrono::NaiveDate;

use super::{calendar::Holidays, failure::FailureReason, named_enum};
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
    #[must_use]
    pub fn judged(self, verdict: Result<(), FailureReason>, now: Instant) -> Self {
        let (status, reason) = match verdict {
            Ok(()) => (HealthStatus::Healthy, None),
            Err(reason) => (HealthStatus::Unhealthy, Some(reason)),
        };
        let changed_at = if status == self.status { self.changed_at } else { Some(now) };
        Self { status, reason, checked_at: Some(now), changed_at }
    }
}

/// Business days without new data at which a feed is unhealthy.
pub const SILENT_DAYS: usize = 3;

/// What is known of a feed's data after an answered collection; all days are of its server's zone.
#[derive(Debug, Clone, Copy)]
pub struct FeedData<'a> {
    /// The day of the last new data: the audit date, or the latest time of a device's reading; `None` if none ever came.
    pub last_new_data: Option<NaiveDate>,
    /// The activation date or the day of registration, whichever is later.
    pub since: NaiveDate,
    /// The last day that the collection covers completely.
    pub covered_through: NaiveDate,
    /// First and last days, inclusive, on which the server was paused, whole or in part.
    pub server_paused: &'a [(NaiveDate, NaiveDate)],
}

impl FeedData<'_> {
    /// The verdict, for [`Health::judged`]: unhealthy once 3 business days after the last new data are covered.
    pub fn verdict(&self, holidays: &Holidays) -> Result<(), FailureReason> {
        let paused = |day: NaiveDate| self.server_paused.iter().any(|&(from, to)| from <= day && day <= to);
        let silent = holidays.business_days_in(self.last_new_data.unwrap_or(self.since), self.covered_through);
        let silent = silent.filter(|&day| !paused(day)).take(SILENT_DAYS).count();
        if silent < SILENT_DAYS { Ok(()) } else { Err(FailureReason::NoNewData) }
    }

    /// The first day that is collected when new data comes again (RECOVERY), told before the new data is noted.
    pub fn recovery_start(&self) -> NaiveDate {
        self.last_new_data.unwrap_or(self.since)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Last data on Friday 6 March 2026.
    fn friday(covered_through: &str) -> FeedData<'static> {
        FeedData {
            last_new_data: Some(day("2026-03-06")),
            since: day("2026-01-01"),
            covered_through: day(covered_through),
            server_paused: &[],
        }
    }

    fn healthy(data: FeedData<'_>) -> bool {
        data.verdict(&Holidays::default()).is_ok()
    }

    #[test]
    fn unhealthy_with_the_run_that_covers_the_third_business_day() {
        // The run early on Wednesday covers Tuesday, the one early on Thursday Wednesday.
        assert!(healthy(friday("2026-03-10")));
        assert_eq!(friday("2026-03-11").verdict(&Holidays::default()), Err(FailureReason::NoNewData));
        assert!(!healthy(friday("2027-03-11")));
        assert!(healthy(friday("2026-03-01")));
    }

    #[test]
    fn holidays_and_days_of_a_paused_server_do_not_count() {
        let holidays: Holidays = [day("2026-03-09")].into_iter().collect();
        assert!(friday("2026-03-11").verdict(&holidays).is_ok());
        assert!(friday("2026-03-12").verdict(&holidays).is_err());
        let paused = [(day("2026-03-09"), day("2026-03-10"))];
        assert!(healthy(FeedData { server_paused: &paused, ..friday("2026-03-12") }));
        assert!(!healthy(FeedData { server_paused: &paused, ..friday("2026-03-13") }));
    }

    #[test]
    fn without_any_data_it_counts_from_activation() {
        let never = |covered| FeedData { last_new_data: None, since: day("2026-03-06"), ..friday(covered) };
        assert!(healthy(never("2026-03-10")));
        assert!(!healthy(never("2026-03-11")));
        assert_eq!(never("2026-03-11").recovery_start(), day("2026-03-06"));
    }

    #[test]
    fn data_of_the_day_that_is_not_over_is_healthy() {
        assert!(healthy(FeedData { last_new_data: Some(day("2026-03-12")), ..friday("2026-03-11") }));
    }

    #[test]
    fn recovery_goes_back_to_the_last_new_data() {
        assert_eq!(friday("2026-03-11").recovery_start(), day("2026-03-06"));
    }

    #[test]
    fn a_verdict_changes_health_once() {
        let at = crate::clock::from_millis;
        let healthy = Health::PENDING.judged(Ok(()), at(1));
        assert_eq!((healthy.status, healthy.changed_at), (HealthStatus::Healthy, Some(at(1))));
        let again = healthy.judged(Ok(()), at(2));
        assert_eq!((again.checked_at, again.changed_at), (Some(at(2)), Some(at(1))));
        let silent = again.judged(Err(FailureReason::NoNewData), at(3));
        assert_eq!(
            (silent.status, silent.reason, silent.changed_at),
            (HealthStatus::Unhealthy, Some(FailureReason::NoNewData), Some(at(3)))
        );
    }
}
