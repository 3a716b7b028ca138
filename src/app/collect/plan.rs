//! Which days a run reads of which feed.

use chrono::{Days, NaiveDate};

use crate::{
    domain::{
        calendar::{days, next, previous},
        run::SyncTrigger,
        vendor::{VendorCapability, VendorKind},
    },
    store::collecting::{EarlierPart, FeedPlan},
};

/// Without HISTORY, a feed whose activation date lies ahead is read from this many days before it, so that its baseline is the last
/// reading before that date even when a few nights fail.
const BASELINE_NIGHTS: u64 = 7;

/// The window of a feed in a run, or `None` when there is nothing to read. `today` is the server's local day; `last_data` the local day
/// of the feed's last new data, from which a feed's own RECOVERY starts.
pub(super) fn window(
    feed: &FeedPlan,
    vendor: VendorKind,
    trigger: SyncTrigger,
    recover_from: Option<NaiveDate>,
    today: NaiveDate,
) -> Option<(NaiveDate, NaiveDate)> {
    let yesterday = previous(today);
    if !vendor.can(VendorCapability::History) {
        let begins = feed.activation_date.checked_sub_days(Days::new(BASELINE_NIGHTS)).unwrap_or(feed.activation_date);
        return (begins <= today).then(|| (feed.covered_through.map_or(yesterday, next).min(yesterday), yesterday));
    }
    let needs_baseline = vendor.can(VendorCapability::Devices);
    let first = match feed.covered_through {
        Some(covered) => next(covered),
        None if needs_baseline => previous(feed.activation_date),
        None => feed.activation_date,
    };
    let first = recover_from.map_or(first, |day| first.min(day.max(feed.activation_date)));
    if first <= yesterday {
        return Some((first, yesterday));
    }
    // Everything is covered: the last day is asked again, since an agent may have uploaded late. A backfill has nothing to add.
    let covered = feed.covered_through.is_some_and(|covered| covered >= feed.activation_date);
    (covered && trigger != SyncTrigger::Backfill).then_some((yesterday, yesterday))
}

/// The window of the part that an earlier activation date put before the days collected already: up to the old baseline.
pub(super) fn earlier_window(feed: &FeedPlan, part: EarlierPart, vendor: VendorKind) -> (NaiveDate, NaiveDate) {
    let first = if vendor.can(VendorCapability::Devices) { previous(feed.activation_date) } else { feed.activation_date };
    (part.saved.map_or(first, next).min(part.through), part.through)
}

/// How many answers a window takes.
pub(super) fn answers(vendor: VendorKind, (from, to): (NaiveDate, NaiveDate)) -> i32 {
    if vendor.can(VendorCapability::History) { i32::try_from(days(from, to).len()).unwrap_or(i32::MAX) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Uuid;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn feed(activation: &str, covered: Option<&str>) -> FeedPlan {
        FeedPlan {
            id: Uuid::nil(),
            activation_date: day(activation),
            covered_through: covered.map(day),
            last_data_at: None,
            silent: false,
            backfilling: false,
            earlier: None,
        }
    }

    fn of(feed: &FeedPlan, vendor: VendorKind, trigger: SyncTrigger) -> Option<(NaiveDate, NaiveDate)> {
        window(feed, vendor, trigger, None, day("2026-03-10"))
    }

    #[test]
    fn a_period_feed_is_read_from_its_activation_date_to_yesterday() {
        let feed = feed("2026-03-01", None);
        assert_eq!(of(&feed, VendorKind::Printanista, SyncTrigger::Backfill), Some((day("2026-03-01"), day("2026-03-09"))));
    }

    #[test]
    fn counters_need_the_end_of_the_day_before_as_a_baseline() {
        let feed = feed("2026-03-01", None);
        assert_eq!(of(&feed, VendorKind::ThreeManager, SyncTrigger::Backfill), Some((day("2026-02-28"), day("2026-03-09"))));
    }

    #[test]
    fn a_covered_feed_is_asked_for_yesterday_again_but_not_by_a_backfill() {
        let feed = feed("2026-03-01", Some("2026-03-09"));
        assert_eq!(of(&feed, VendorKind::Printanista, SyncTrigger::Manual), Some((day("2026-03-09"), day("2026-03-09"))));
        assert_eq!(of(&feed, VendorKind::Printanista, SyncTrigger::Backfill), None);
    }

    #[test]
    fn a_future_feed_waits_but_for_its_baseline() {
        let feed = |activation| feed(activation, None);
        assert_eq!(of(&feed("2026-03-10"), VendorKind::Printanista, SyncTrigger::Nightly), None);
        assert_eq!(
            of(&feed("2026-03-10"), VendorKind::ThreeManager, SyncTrigger::Nightly),
            Some((day("2026-03-09"), day("2026-03-09")))
        );
        assert_eq!(of(&feed("2026-03-11"), VendorKind::ThreeManager, SyncTrigger::Nightly), None);
        assert_eq!(
            of(&feed("2026-03-17"), VendorKind::MpsMonitor, SyncTrigger::Nightly),
            Some((day("2026-03-09"), day("2026-03-09")))
        );
        assert_eq!(of(&feed("2026-03-18"), VendorKind::MpsMonitor, SyncTrigger::Nightly), None);
    }

    #[test]
    fn a_recovery_goes_back_to_the_last_new_data_but_not_before_activation() {
        let feed = feed("2026-03-01", Some("2026-03-08"));
        let back_to = |recover_from| {
            window(&feed, VendorKind::Printanista, SyncTrigger::Recovery, Some(day(recover_from)), day("2026-03-10"))
        };
        assert_eq!(back_to("2026-03-04"), Some((day("2026-03-04"), day("2026-03-09"))));
        assert_eq!(back_to("2026-02-20"), Some((day("2026-03-01"), day("2026-03-09"))));
    }
}
