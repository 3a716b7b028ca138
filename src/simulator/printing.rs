//! Days of a zone, and what a device prints on one: a pure function of (seed, device, day).

use std::collections::HashMap;

use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::spec::{Anomaly, DeviceSpec, Printing, Totals};
use crate::clock::{Instant, from_millis};

/// Days looked up in advance; later ones are computed when asked for.
const AHEAD: i64 = 1_500;

/// A well-mixed number of `parts` (splitmix64 over each).
pub(super) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A number of `text` (FNV-1a).
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `value` modulo `below`, as an `i64`; 0 if `below` is not positive.
pub(super) fn below(value: u64, below: i64) -> i64 {
    u64::try_from(below).ok().filter(|below| *below > 0).and_then(|b| i64::try_from(value % b).ok()).unwrap_or_default()
}

/// The first instant of a local day, in milliseconds: of a day that does not exist it is the first instant of the next.
fn day_start(zone: Tz, day: NaiveDate) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=26 * 4)
        .find_map(|quarter| zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarter))).earliest())
        .map_or_else(|| midnight.and_utc().timestamp_millis(), |instant| instant.timestamp_millis())
}

/// The days of one zone, numbered from the fleet's first day.
#[derive(Debug)]
pub(super) struct ZoneDays {
    zone: Tz,
    first: NaiveDate,
    starts: Vec<i64>,
}

impl ZoneDays {
    pub(super) fn new(zone: Tz, first: NaiveDate) -> Self {
        let mut days = Self { zone, first, starts: Vec::new() };
        days.starts = (0..=AHEAD).map(|number| day_start(zone, days.date(number))).collect();
        days
    }

    pub(super) fn date(&self, number: i64) -> NaiveDate {
        let days = Days::new(number.unsigned_abs());
        if number < 0 { self.first.checked_sub_days(days) } else { self.first.checked_add_days(days) }.unwrap_or(self.first)
    }

    pub(super) fn number(&self, day: NaiveDate) -> i64 {
        day.signed_duration_since(self.first).num_days()
    }

    /// The first instant of a day.
    pub(super) fn start(&self, number: i64) -> i64 {
        let known = usize::try_from(number).ok().and_then(|index| self.starts.get(index)).copied();
        known.unwrap_or_else(|| day_start(self.zone, self.date(number)))
    }

    fn exists(&self, number: i64) -> bool {
        self.start(number) < self.start(number + 1)
    }

    pub(super) fn day_of(&self, millis: i64) -> i64 {
        self.number(from_millis(millis).with_timezone(&self.zone).date_naive())
    }

    pub(super) fn moment(&self, millis: i64) -> Moment {
        let day = self.day_of(millis);
        let start = self.start(day);
        Moment { millis, day, elapsed: millis - start, length: (self.start(day + 1) - start).max(1) }
    }

    /// The end of a day: its last millisecond.
    pub(super) fn end(&self, number: i64) -> i64 {
        self.start(number + 1) - 1
    }

    pub(super) fn noon_passed(&self, millis: i64) -> bool {
        from_millis(millis).with_timezone(&self.zone).time() >= NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default()
    }
}

/// The days of every zone that a fleet uses.
pub(super) type Zones = HashMap<Tz, std::sync::Arc<ZoneDays>>;

/// An instant and its place in its local day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) millis: i64,
    pub(super) day: i64,
    elapsed: i64,
    length: i64,
}

impl Moment {
    pub(super) fn instant(&self) -> Instant {
        from_millis(self.millis)
    }

    /// How much of `amount` for the whole day has come by now: none before 7, all after 19 o'clock, evenly between.
    fn part(&self, amount: i64) -> i64 {
        let done = (24 * self.elapsed - 7 * self.length).clamp(0, 12 * self.length);
        i64::try_from(i128::from(amount) * i128::from(done) / i128::from(12 * self.length)).unwrap_or(amount)
    }
}

/// Everything about a device that decides what it prints.
#[derive(Debug)]
pub(super) struct Press {
    key: u64,
    printing: Printing,
    weekday_of_first: i64,
    spikes: Vec<(i64, Totals)>,
    impossible: Vec<(i64, i64)>,
    /// What was printed before every 8th day.
    sums: std::sync::RwLock<Vec<Totals>>,
}

const STEP: i64 = 8;

impl Press {
    pub(super) fn new(key: u64, spec: &DeviceSpec, days: &ZoneDays) -> Self {
        let mut press = Self {
            key,
            printing: spec.printing,
            weekday_of_first: i64::from(days.first.weekday().num_days_from_monday()),
            spikes: Vec::new(),
            impossible: Vec::new(),
            sums: std::sync::RwLock::default(),
        };
        for anomaly in &spec.anomalies {
            match anomaly {
                Anomaly::Spike { day, pages } => press.spikes.push((days.number(*day), *pages)),
                Anomaly::DuplexImpossible { first, last } => press.impossible.push((days.number(*first), days.number(*last))),
                _ => {}
            }
        }
        press
    }

    /// What is printed on a whole day.
    fn day(&self, days: &ZoneDays, number: i64) -> Totals {
        if number < 0 || !days.exists(number) {
            return Totals::ZERO;
        }
        let p = self.printing;
        let mean = if (self.weekday_of_first + number) % 7 >= 5 { p.weekend } else { p.weekday };
        let draw = mix(&[self.key, number.unsigned_abs()]);
        let sides = i64::from(mean) / 2 + below(draw & 0xffff_ffff, i64::from(mean) + 1);
        let share = |permille: u16, shift: u32| {
            let wobble = 750 + below((draw >> shift) & 0xfff, 501);
            (sides * i64::from(permille.min(1000)) * wobble / 1_000_000).min(sides)
        };
        let large = share(p.large_permille, 32);
        let mut totals = Totals::new(sides - large, large, share(p.duplex_permille, 44) / 2);
        for (day, pages) in &self.spikes {
            if *day == number {
                totals += *pages;
            }
        }
        if self.is_impossible(number) {
            totals.duplex = totals.small + totals.large;
        }
        totals
    }

    fn is_impossible(&self, number: i64) -> bool {
        self.impossible.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// What was printed on all days before this one.
    fn before(&self, days: &ZoneDays, number: i64) -> Totals {
        let number = number.max(0);
        let wanted = usize::try_from(number / STEP).unwrap_or_default();
        let known = self.sums.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(wanted).copied();
        let base = known.unwrap_or_else(|| {
            let mut sums = self.sums.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            while sums.len() <= wanted {
                let next = match sums.last() {
                    None => Totals::ZERO,
                    Some(last) => {
                        let from = i64::try_from(sums.len() - 1).unwrap_or_default() * STEP;
                        *last + (from..from + STEP).map(|day| self.day(days, day)).sum()
                    }
                };
                sums.push(next);
            }
            sums[wanted]
        });
        base + (number / STEP * STEP..number).map(|day| self.day(days, day)).sum()
    }

    /// What was printed from the first day up to `moment`.
    pub(super) fn until(&self, days: &ZoneDays, moment: &Moment) -> Totals {
        let whole = self.day(days, moment.day);
        let mut part = whole.zip(Totals::ZERO, |amount, _| moment.part(amount));
        if 2 * whole.duplex <= whole.small + whole.large {
            // Rounding each meter by itself must not make a possible day look impossible.
            part.duplex = part.duplex.min(i64::midpoint(part.small, part.large));
        }
        self.before(days, moment.day) + part
    }
}
