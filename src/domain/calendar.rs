//! Days, months, nights and business days in a zone.
//!
//! A day is the calendar date that a clock on the wall shows, so every instant has exactly one. Clocks are set forward and back:
//! a time of day may not exist (taken as the first instant after the gap) or come twice (taken the first time), and now and then
//! a date is left out or begins twice.

use std::{collections::BTreeSet, fmt, str::FromStr};

use chrono::{
    DateTime, Datelike as _, Days, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _,
    Weekday,
};
use chrono_tz::Tz;

use super::named_enum;
use crate::clock::Instant;

/// The first day that pages are counted of. Vendors' systems have no readings from before, so an earlier day is a slip of the hand (1900, 0026),
/// and would have a vendor's server asked for a century of nights.
pub const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// The day of an instant: the calendar date in `zone`.
pub fn day_of(instant: Instant, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// The day that current counters read at `instant` belong to: read before noon local, the day before; else that day.
pub fn reading_day(instant: Instant, zone: Tz) -> NaiveDate {
    let local = instant.with_timezone(&zone).naive_local();
    if local.time() < noon() { previous(local.date()) } else { local.date() }
}

/// The first instant of `day`; of a date that was left out, the instant of the leap.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> Instant {
    local_instant(day, NaiveTime::MIN, zone)
}

/// The first instant after which `day` never comes again: the start of the next day, or, when clocks are set back over midnight,
/// its second start.
pub fn end_of_day(day: NaiveDate, zone: Tz) -> Instant {
    let midnight = next(day).and_time(NaiveTime::MIN);
    if let MappedLocalTime::Ambiguous(a, b) = zone.from_local_datetime(&midnight) {
        let second = a.max(b).with_timezone(&chrono::Utc);
        if day_of(second - TimeDelta::milliseconds(1), zone) <= day {
            return second;
        }
    }
    start_of_day(next(day), zone)
}

/// The instant of a local date and time: the first if it comes twice, the first instant after the gap if it does not exist.
pub fn local_instant(day: NaiveDate, time: NaiveTime, zone: Tz) -> Instant {
    let local = day.and_time(time);
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => instant.with_timezone(&chrono::Utc),
        MappedLocalTime::Ambiguous(a, b) => a.min(b).with_timezone(&chrono::Utc),
        MappedLocalTime::None => after_gap(local, zone),
    }
}

/// The first nightly start after `after`.
pub fn next_nightly(after: Instant, nightly_at: NaiveTime, zone: Tz) -> Instant {
    // Clocks move by less than two days, so one of these is later.
    let first = previous(previous(day_of(after, zone)));
    let starts = first.iter_days().take(7).map(|day| local_instant(day, nightly_at, zone));
    starts.into_iter().find(|&start| start > after).unwrap_or(after)
}

/// The last nightly start at or before `instant`.
pub fn latest_nightly(instant: Instant, nightly_at: NaiveTime, zone: Tz) -> Instant {
    local_instant(night_of(instant, nightly_at, zone), nightly_at, zone)
}

/// The night that `instant` belongs to: the day of the last nightly start at or before it. A second run of the same night, by hand
/// or to recover, has the same one.
pub fn night_of(instant: Instant, nightly_at: NaiveTime, zone: Tz) -> NaiveDate {
    let today = day_of(instant, zone);
    let mut day = next(today);
    for _ in 0..7 {
        if local_instant(day, nightly_at, zone) <= instant {
            break;
        }
        day = previous(day);
    }
    day
}

/// The day after; the last day that can be told has none and is its own.
pub fn next(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

/// The day before; the first day that can be told has none and is its own.
pub fn previous(day: NaiveDate) -> NaiveDate {
    day.pred_opt().unwrap_or(day)
}

/// The days from `from` through `to`, both inclusive, the oldest first; none when `to` is before `from`.
pub fn days(from: NaiveDate, to: NaiveDate) -> impl DoubleEndedIterator<Item = NaiveDate> + ExactSizeIterator + Clone {
    // A day count fits 32 bits: chrono's calendar has less than 2 * 10^8 days.
    let count = i32::try_from((to - from).num_days() + 1).unwrap_or(0).max(0);
    (0..count).map(move |index| from.checked_add_days(Days::new(u64::from(index.unsigned_abs()))).unwrap_or(to))
}

const fn noon() -> NaiveTime {
    match NaiveTime::from_hms_opt(12, 0, 0) {
        Some(noon) => noon,
        None => NaiveTime::MIN,
    }
}

/// The instant at which clocks leap over `local`, which does not exist in `zone`.
fn after_gap(local: NaiveDateTime, zone: Tz) -> Instant {
    let mapped = |hours: i64| {
        let near = local.checked_add_signed(TimeDelta::hours(hours))?;
        let instant = match zone.from_local_datetime(&near) {
            MappedLocalTime::Single(instant) => instant,
            MappedLocalTime::Ambiguous(a, b) => {
                if hours < 0 {
                    a.max(b)
                } else {
                    a.min(b)
                }
            }
            MappedLocalTime::None => return None,
        };
        Some(instant.timestamp())
    };
    // No zone ever leapt over more than a day; between the nearest times that exist there is one leap only.
    let (Some(mut before), Some(mut after)) = ((1..=48).find_map(|h| mapped(-h)), (1..=48).find_map(mapped)) else {
        return local.and_utc();
    };
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let shown = DateTime::from_timestamp(middle, 0).unwrap_or_default().with_timezone(&zone).naive_local();
        if shown < local {
            before = middle;
        } else {
            after = middle;
        }
    }
    DateTime::from_timestamp(after, 0).unwrap_or_default()
}

/// A calendar month, written `2026-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(NaiveDate);

/// A text is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a month such as 2026-03")]
pub struct MonthError;

impl Month {
    /// The month of this number (1 to 12) in a year from 1 to 9999; `None` for others.
    pub fn new(year: i32, month: u32) -> Option<Self> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        (1..=9999).contains(&year).then_some(Self(first))
    }

    /// The month of a day.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// Its year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// Its number within the year, 1 to 12.
    pub fn number(self) -> u32 {
        self.0.month()
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// Its last day.
    pub fn last_day(self) -> NaiveDate {
        previous(self.next().0)
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(self.0))
    }

    /// The first month of its quarter.
    #[must_use]
    pub fn quarter(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(self.0.month0() % 3)).unwrap_or(self.0))
    }

    /// January of its year.
    #[must_use]
    pub fn january(self) -> Self {
        Self(self.0.with_month(1).unwrap_or(self.0))
    }

    /// Whether `day` is in it.
    pub fn contains(self, day: NaiveDate) -> bool {
        Self::of(day) == self
    }

    /// The months from this one through `last`, the oldest first; none when `last` is before it.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        std::iter::successors((self <= last).then_some(self), move |month| (*month < last).then(|| month.next()))
    }

    /// Its `nth` business day, counted from 1.
    pub fn business_day(self, nth: usize, holidays: &Holidays) -> NaiveDate {
        let found = self.0.iter_days().filter(|&day| holidays.is_business_day(day)).nth(nth.saturating_sub(1));
        found.unwrap_or_else(|| self.last_day())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        let (year, month) =
            text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2).ok_or(MonthError)?;
        let year = number(year).and_then(|year: u32| i32::try_from(year).ok());
        year.zip(number(month)).and_then(|(year, month)| Self::new(year, month)).ok_or(MonthError)
    }
}

/// Days from Monday to Friday that are no business days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(BTreeSet<NaiveDate>);

impl Holidays {
    /// Whether `day` is from Monday to Friday and no holiday.
    pub fn is_business_day(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.0.contains(&day)
    }

    /// How many business days there are after `after` (exclusive) up to `through` (inclusive).
    pub fn business_days(&self, after: NaiveDate, through: NaiveDate) -> usize {
        self.business_days_in(after, through).count()
    }

    /// The business days after `after` (exclusive) up to `through` (inclusive), the oldest first.
    pub fn business_days_in(&self, after: NaiveDate, through: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        days(next(after), through).filter(|&day| self.is_business_day(day))
    }
}

impl FromIterator<NaiveDate> for Holidays {
    fn from_iter<I: IntoIterator<Item = NaiveDate>>(days: I) -> Self {
        Self(days.into_iter().collect())
    }
}

named_enum! {
    /// Length of a point of consumption.
    Interval {
        /// A calendar day.
        Day = "DAY",
        /// An ISO week, Monday to Sunday.
        Week = "WEEK",
        /// A calendar month.
        Month = "MONTH",
    }
}

impl Interval {
    /// The intervals that touch the days from `from` through `to`, cut to these, as first and last days, the oldest first. Lazy:
    /// take no more than you allow.
    pub fn points(self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = (NaiveDate, NaiveDate)> {
        let point = move |first: NaiveDate| (first, self.last_day(first).min(to));
        std::iter::successors((from <= to).then(|| point(from)), move |&(_, last)| (last < to).then(|| point(next(last))))
    }

    /// The last day of the interval that `day` is in.
    pub fn last_day(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day.week(Weekday::Mon).checked_last_day().unwrap_or(day),
            Self::Month => Month::of(day).last_day(),
        }
    }
}

#[cfg(test)]
mod tests;
