//! The rules for vendors with totals of a period: which days are asked for, and what an answer posts.
//!
//! A day is asked for again while it is open, because collector agents upload late. What is posted follows the answers up at once
//! and down only when two nights agree, so that one bad answer takes nothing back.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{calendar, device::MeterKind, feed::CollectionScope, pages::Pages};
use crate::clock::Instant;

/// Age in days from which a day may close.
pub const OPEN_DAYS: i64 = 3;
/// How far back from today open days are asked for again, in days.
pub const DAYS_AGAIN: u64 = 60;

/// What is kept of a day of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodDay {
    /// What this feed's own collections posted for it.
    pub posted: Pages,
    /// Entries posted for it so far; an entry's key is (feed, day, revision).
    pub revision: i32,
    /// The report it was first read with, of all or of managed devices; it is never read with the other.
    pub report: CollectionScope,
    /// An answer below what is posted that waits for the next night's.
    pub lower: Option<Lower>,
}

/// An answer below what is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lower {
    /// The answer.
    pub answer: Pages,
    /// The night it came in (`calendar::night_of`).
    pub night: NaiveDate,
}

/// What an answer does to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The day to keep; its revision counts the entry to post.
    pub day: PeriodDay,
    /// The entry to post, with the key (feed, day, `day.revision`); `None` for none.
    pub post: Option<Pages>,
    /// Whether the answer has more two-sided sheets than its sides allow (`DUPLEX_IMPOSSIBLE`).
    pub duplex_impossible: bool,
}

impl PeriodDay {
    /// A day that was not asked for yet.
    pub const fn new(report: CollectionScope) -> Self {
        Self { posted: Pages::ZERO, revision: 0, report, lower: None }
    }

    /// Takes the answer of `night`.
    ///
    /// Each meter is raised to the answer at once. One that the answer has lower waits until another night's answer has it lower
    /// too, and is then lowered to the higher of both.
    #[must_use]
    pub fn revise(self, answer: Pages, night: NaiveDate) -> Revision {
        let earlier = self.lower.filter(|lower| lower.night < night);
        let posted = MeterKind::ALL.iter().fold(self.posted, |posted, &meter| {
            let (now, then) = (answer.get(meter), earlier.map_or(i64::MAX, |lower| lower.answer.get(meter)));
            if now >= self.posted.get(meter) {
                posted.with(meter, now)
            } else {
                posted.with(meter, self.posted.get(meter).min(now.max(then)))
            }
        });
        let still_lower = MeterKind::ALL.iter().any(|&meter| answer.get(meter) < posted.get(meter));
        let post = Some(posted - self.posted).filter(|pages| !pages.is_zero());
        let day = Self {
            posted,
            revision: self.revision + i32::from(post.is_some()),
            lower: still_lower.then_some(Lower { answer, night }),
            ..self
        };
        Revision { day, post, duplex_impossible: answer.duplex_impossible() }
    }

    /// Whether `day` stays open, judged at the end of a run: until it is 3 days old and an audit date later than its end was seen,
    /// and while a lower answer waits.
    pub fn is_open(&self, day: NaiveDate, today: NaiveDate, last_audit: Option<Instant>, zone: Tz) -> bool {
        let young = today.signed_duration_since(day).num_days() < OPEN_DAYS;
        let heard = last_audit.is_some_and(|audit| audit > calendar::end_of_day(day, zone));
        young || !heard || self.lower.is_some()
    }
}

/// The days of a feed that may be asked for. Serves every vendor with HISTORY.
#[derive(Debug, Clone, Copy)]
pub struct FeedDays<'a> {
    /// The feed's activation date: no day before it counts.
    pub activation: NaiveDate,
    /// The last day that is covered.
    pub covered_through: Option<NaiveDate>,
    /// First and last days, inclusive, that users' pauses left out.
    pub left_out: &'a [(NaiveDate, NaiveDate)],
    /// The last complete day.
    pub yesterday: NaiveDate,
}

impl FeedDays<'_> {
    /// Whether a day counts: not before activation, not left out by a pause, and complete.
    pub fn counts(&self, day: NaiveDate) -> bool {
        let left_out = self.left_out.iter().any(|&(from, to)| from <= day && day <= to);
        self.activation <= day && day <= self.yesterday && !left_out
    }

    /// The days that are not covered, the oldest first.
    pub fn uncovered(&self) -> impl Iterator<Item = NaiveDate> {
        let first = self.covered_through.map_or(self.activation, |day| calendar::next(day).max(self.activation));
        calendar::days(first, self.yesterday).filter(|&day| self.counts(day))
    }

    /// The days whose end is read of cumulative counters, the oldest first: those not covered, and before each stretch of them the
    /// day before, if it does not count, as the baseline.
    pub fn counter_days(&self) -> Vec<NaiveDate> {
        let mut days = Vec::new();
        for day in self.uncovered() {
            let eve = calendar::previous(day);
            if !self.counts(eve) {
                days.push(eve);
            }
            days.push(day);
        }
        days
    }

    /// The days that a run of a period vendor asks for in any case: those not covered, or else yesterday, whose answer tells
    /// whether the audit date has moved.
    pub fn first_asked(&self) -> Vec<NaiveDate> {
        let days: Vec<_> = self.uncovered().collect();
        if days.is_empty() && self.counts(self.yesterday) { vec![self.yesterday] } else { days }
    }

    /// The days that it asks for again when the audit date has moved: of those that are open the ones at most 60 days back, the
    /// oldest first, without those just `asked`.
    pub fn asked_again(&self, open: &[NaiveDate], asked: &[NaiveDate]) -> Vec<NaiveDate> {
        let first = calendar::next(self.yesterday).checked_sub_days(Days::new(DAYS_AGAIN)).unwrap_or(self.activation);
        let mut days: Vec<_> =
            open.iter().copied().filter(|&day| day >= first && self.counts(day) && !asked.contains(&day)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn pages(small: i64, large: i64, duplex: i64) -> Pages {
        Pages { small, large, duplex }
    }

    fn night(number: u64) -> NaiveDate {
        day("2026-03-01") + Days::new(number)
    }

    /// Answers of nights, and what is posted after each.
    fn play(answers: &[(u64, Pages)]) -> (PeriodDay, Vec<Pages>) {
        let mut state = PeriodDay::new(CollectionScope::All);
        let posted = answers
            .iter()
            .map(|&(number, answer)| {
                let revision = state.revise(answer, night(number));
                assert_eq!(revision.post.unwrap_or_default(), revision.day.posted - state.posted);
                assert_eq!(revision.day.revision - state.revision, i32::from(revision.post.is_some()));
                state = revision.day;
                state.posted
            })
            .collect();
        (state, posted)
    }

    #[test]
    fn late_uploads_raise_a_day_at_once() {
        let (state, posted) = play(&[(1, pages(100, 10, 20)), (2, pages(100, 10, 20)), (3, pages(130, 10, 25))]);
        assert_eq!(posted, [pages(100, 10, 20), pages(100, 10, 20), pages(130, 10, 25)]);
        assert_eq!(state.revision, 2);
    }

    #[test]
    fn one_low_answer_takes_nothing_back() {
        let (state, posted) = play(&[(1, pages(100, 10, 20)), (2, pages(0, 0, 0)), (3, pages(100, 10, 20))]);
        assert_eq!(posted, [pages(100, 10, 20); 3]);
        assert_eq!((state.revision, state.lower), (1, None));
    }

    #[test]
    fn a_second_run_of_the_same_night_lowers_nothing() {
        let (state, posted) = play(&[(1, pages(100, 0, 0)), (2, pages(60, 0, 0)), (2, pages(60, 0, 0))]);
        assert_eq!(posted[2], pages(100, 0, 0));
        assert_eq!(state.lower, Some(Lower { answer: pages(60, 0, 0), night: night(2) }));
    }

    #[test]
    fn two_nights_lower_as_far_as_they_agree() {
        let start = (1, pages(100, 10, 20));
        let (state, posted) = play(&[start, (2, pages(60, 10, 20)), (3, pages(80, 9, 20))]);
        assert_eq!(posted[2], pages(80, 10, 20));
        // LARGE is lower in one night only.
        assert_eq!(state.lower, Some(Lower { answer: pages(80, 9, 20), night: night(3) }));
        let (state, posted) = play(&[start, (2, pages(80, 10, 20)), (4, pages(60, 10, 20)), (5, pages(60, 10, 20))]);
        assert_eq!(posted[2..], [pages(80, 10, 20), pages(60, 10, 20)]);
        assert_eq!(state.lower, None);
    }

    #[test]
    fn meters_are_judged_one_by_one() {
        let (_, posted) = play(&[(1, pages(100, 10, 0)), (2, pages(90, 12, 0)), (3, pages(90, 12, 0))]);
        assert_eq!(posted[1..], [pages(100, 12, 0), pages(90, 12, 0)]);
    }

    #[test]
    fn impossible_duplex_is_judged_on_the_day() {
        let revision = PeriodDay::new(CollectionScope::All).revise(pages(10, 0, 5), night(1));
        assert!(!revision.duplex_impossible);
        assert!(!revision.day.revise(pages(12, 0, 6), night(2)).duplex_impossible);
        assert!(revision.day.revise(pages(12, 0, 7), night(2)).duplex_impossible);
    }

    #[test]
    fn a_day_closes_when_old_and_audited_since() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let state = PeriodDay::new(CollectionScope::All);
        let asked = day("2026-03-02");
        let open = |state: &PeriodDay, today: &str, audit: Option<&str>| {
            state.is_open(asked, day(today), audit.map(|at| at.parse().unwrap()), berlin)
        };
        assert!(open(&state, "2026-03-04", Some("2026-03-04T04:00:00Z")));
        assert!(!open(&state, "2026-03-05", Some("2026-03-04T04:00:00Z")));
        assert!(open(&state, "2026-03-20", Some("2026-03-02T23:00:00Z")), "the end itself is not later");
        assert!(!open(&state, "2026-03-20", Some("2026-03-02T23:00:00.001Z")));
        assert!(open(&state, "2026-03-20", None));
        let waiting = PeriodDay { lower: Some(Lower { answer: Pages::ZERO, night: asked }), ..state };
        assert!(open(&waiting, "2026-03-20", Some("2026-03-20T04:00:00Z")));
    }

    #[test]
    fn days_asked_for() {
        let feed = FeedDays {
            activation: day("2026-01-10"),
            covered_through: Some(day("2026-03-01")),
            left_out: &[(day("2026-03-03"), day("2026-03-04"))],
            yesterday: day("2026-03-06"),
        };
        let asked = feed.first_asked();
        assert_eq!(asked, ["2026-03-02", "2026-03-05", "2026-03-06"].map(day));
        let open = ["2026-03-06", "2026-03-04", "2026-02-01", "2026-01-09", "2026-01-10", "2026-01-05"].map(day);
        assert_eq!(feed.asked_again(&open, &asked), ["2026-01-10", "2026-02-01"].map(day));
        let later = FeedDays { yesterday: day("2026-03-31"), ..feed };
        assert_eq!(later.asked_again(&["2026-01-30", "2026-01-31"].map(day), &[]), [day("2026-01-31")], "60 days back");
        // Again in the same night: yesterday tells whether the audit date has moved.
        let done = FeedDays { covered_through: Some(day("2026-03-06")), ..feed };
        assert_eq!(done.first_asked(), [day("2026-03-06")]);
        assert!(FeedDays { covered_through: None, activation: day("2026-03-07"), ..feed }.first_asked().is_empty());
        assert_eq!(feed.counter_days(), ["2026-03-02", "2026-03-04", "2026-03-05", "2026-03-06"].map(day));
        let fresh = FeedDays { covered_through: None, yesterday: day("2026-01-11"), ..feed };
        assert_eq!(fresh.counter_days(), ["2026-01-09", "2026-01-10", "2026-01-11"].map(day));
        assert_eq!(FeedDays { covered_through: None, ..feed }.uncovered().next(), Some(day("2026-01-10")));
        assert!(
            FeedDays { yesterday: day("2026-03-04"), covered_through: Some(day("2026-03-02")), ..feed }
                .first_asked()
                .is_empty()
        );
    }

    fn any_answer() -> impl Strategy<Value = Pages> {
        (0_i64..50, 0_i64..50, 0_i64..50).prop_map(|(small, large, duplex)| pages(small, large, duplex))
    }

    proptest! {
        #![proptest_config(crate::domain::cases(500))]

        /// Invariant 2: the same answer in the same night again posts nothing.
        #[test]
        fn the_same_answer_again_posts_nothing(answers in prop::collection::vec((0_u64..3, any_answer()), 1..12)) {
            let mut state = PeriodDay::new(CollectionScope::All);
            let mut number = 0;
            for (step, answer) in answers {
                number += step;
                state = state.revise(answer, night(number)).day;
                let again = state.revise(answer, night(number));
                prop_assert_eq!(again.post, None);
                prop_assert_eq!(again.day, state);
            }
        }

        /// Two nights with the same answer bring the day to it, whatever came before.
        #[test]
        fn nights_that_agree_are_followed(answers in prop::collection::vec(any_answer(), 0..12), last in any_answer()) {
            let all: Vec<_> = (0..).zip(answers.into_iter().chain([last, last])).collect();
            let (state, _) = play(&all);
            prop_assert_eq!(state.posted, last);
            prop_assert_eq!(state.lower, None);
        }

        /// No meter falls below both of the last two nights' answers, nor stays below the last.
        #[test]
        fn one_night_alone_lowers_nothing(answers in prop::collection::vec(any_answer(), 2..12)) {
            let all: Vec<_> = (0..).zip(answers.iter().copied()).collect();
            let (state, _) = play(&all);
            for &meter in MeterKind::ALL {
                let [then, now] = [answers.len() - 2, answers.len() - 1].map(|place| answers[place].get(meter));
                prop_assert!(state.posted.get(meter) >= now);
                prop_assert!(state.posted.get(meter) <= answers.iter().map(|answer| answer.get(meter)).max().unwrap());
                prop_assert!(now > then || state.posted.get(meter) <= then.max(now) || answers.len() == 2);
            }
        }
    }
}
