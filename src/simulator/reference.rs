//! A collector of cumulative counters in small, for the oracle: the field's rules on counters that drop, jump, roll over or
//! are missing, written apart from the real collector's so that each checks the other. Numbers in comments are the rules'.

use std::collections::BTreeMap;

use super::{
    fleet::{CustomerView, Shows},
    oracle::{Posted, Scope},
    printing::ZoneDays,
    spec::{LIMITS, Totals},
};

/// Engines lose up to this many impressions when power goes.
const NOISE: i64 = 9;

/// After so many days without a counter of its baseline a device starts anew.
const LACKING: i64 = 7;

/// Which of small, large, duplex and total a device is read by.
type Signature = [bool; 4];

/// A meter of a device.
#[derive(Debug, Clone, Copy)]
struct Meter {
    mark: i64,
    /// Day of the reading that the next difference starts from.
    since: i64,
    /// First day of the segment and what it has booked.
    first: i64,
    booked: i64,
    /// A difference in suspense and the meter before it.
    spike: Option<(i64, i64, i64)>,
}

impl Meter {
    const fn new(mark: i64, day: i64) -> Self {
        Self { mark, since: day, first: day, booked: 0, spike: None }
    }

    /// 6: what may be printed at most up to a day without being a spike.
    fn limit(&self, day: i64) -> i64 {
        let mean = self.booked / (self.since - self.first).max(1);
        (20 * mean).max(10_000) * (day - self.since).max(1)
    }

    /// 5: the value after the roll-over that a drop to `held` is, if it is one.
    fn rolled(&self, held: i64, held_day: i64) -> Option<i64> {
        LIMITS.iter().map(|limit| limit + 1).find(|end| self.mark < *end && end - self.mark + held <= self.limit(held_day))
    }
}

struct Device {
    meters: [Meter; 3],
    signature: Signature,
    /// 4: a reading that dropped, and its day.
    held: Option<([i64; 3], i64)>,
    /// First day of readings that lack a counter.
    lacking: Option<i64>,
}

/// What to post: meter, first day not in it, last day in it, pages.
type Bookings = Vec<(usize, i64, i64, i64)>;

impl Device {
    fn new(values: [i64; 3], day: i64, signature: Signature) -> Self {
        Self { meters: values.map(|value| Meter::new(value, day)), signature, held: None, lacking: None }
    }

    fn read(&mut self, values: [i64; 3], day: i64, out: &mut Bookings, suspense: &mut [i64; 3]) {
        for (index, (meter, value)) in self.meters.iter_mut().zip(values).enumerate() {
            // 6: below the spike but not below the old mark withdraws it.
            if let Some((old, since, pages)) = meter.spike
                && (old..meter.mark).contains(&value)
            {
                suspense[index] -= pages;
                *meter = Meter { mark: old, since, spike: None, ..*meter };
            }
        }
        let dropped = |meter: &Meter, value: i64| value < meter.mark - NOISE;
        if !self.meters.iter().zip(values).any(|(meter, value)| dropped(meter, value)) {
            self.held = None;
            self.advance(values, day, out, suspense);
            return;
        }
        let Some((held, held_day)) = self.held else {
            self.held = Some((values, day));
            return;
        };
        if values == held {
            return;
        }
        if values.iter().zip(held).any(|(value, held)| *value < held) {
            self.held = Some((values, day));
            return;
        }
        for (index, meter) in self.meters.iter_mut().enumerate() {
            if dropped(meter, held[index]) && dropped(meter, values[index]) {
                match meter.rolled(held[index], held_day) {
                    Some(end) => {
                        out.push((index, meter.since, day, end - meter.mark + values[index]));
                        *meter =
                            Meter { mark: values[index], since: day, first: meter.since, booked: values[index], spike: None };
                    }
                    None => *meter = Meter::new(held[index], held_day),
                }
            }
        }
        self.held = None;
        self.advance(values, day, out, suspense);
    }

    /// 2, 3 and 6: no meter dropped.
    fn advance(&mut self, values: [i64; 3], day: i64, out: &mut Bookings, suspense: &mut [i64; 3]) {
        for (index, (meter, value)) in self.meters.iter_mut().zip(values).enumerate() {
            let pages = (value - meter.mark).max(0);
            if pages > meter.limit(day) {
                suspense[index] += pages;
                meter.spike = Some((meter.mark, meter.since, pages));
            } else {
                out.push((index, meter.since, day, pages));
                meter.booked += pages;
            }
            meter.mark = meter.mark.max(value);
            meter.since = day.max(meter.since);
        }
    }
}

fn signature(shows: &Shows) -> Signature {
    // With lifecountA4 there, totalPages is not looked at.
    [shows.small.is_some(), shows.large.is_some(), shows.duplex.is_some(), shows.small.is_none() && shows.total.is_some()]
}

/// The meters read by the counters of `signature`; `None` if one is missing or the pages come out negative.
fn values(shows: &Shows, [small, large, duplex, total]: Signature) -> Option<[i64; 3]> {
    let take = |wanted: bool, value: Option<i64>| if wanted { value } else { Some(0) };
    let large = take(large, shows.large)?;
    let small = if small {
        shows.small?
    } else if total {
        shows.total? - large
    } else {
        return None;
    };
    (small >= 0).then_some([small, large, take(duplex, shows.duplex)?])
}

/// Follows a customer's readings at instants, each with the day it is asked for or none.
pub(super) fn follow(view: &CustomerView<'_>, scope: Scope, asked: impl Iterator<Item = (i64, Option<i64>)>) -> Posted {
    let days = view.days();
    let mut posted = Posted::default();
    // By device: when it was last read, and what is known of it while in scope.
    let mut known: BTreeMap<&str, (i64, Option<Device>)> = BTreeMap::new();
    let mut out = Bookings::new();
    let mut suspense = [0_i64; 3];
    for (at, asked_day) in asked {
        for listed in view.listed(at) {
            let Some((read, shows)) = listed.read else { continue };
            let day = asked_day.unwrap_or_else(|| days.day_of(read) - i64::from(!days.noon_passed(read)));
            let anew = || Some((signature(&shows), values(&shows, signature(&shows))?)).map(|(s, v)| Device::new(v, day, s));
            let (last, device) = known.entry(&listed.spec.id).or_insert((i64::MIN, None));
            if read <= *last {
                continue;
            }
            if !scope.takes(listed.managed) {
                (*last, *device) = (read, None);
                continue;
            }
            let Some(state) = device else {
                if let Some(new) = anew() {
                    (*last, *device) = (read, Some(new));
                }
                continue;
            };
            match values(&shows, state.signature) {
                Some(values) => {
                    *last = read;
                    state.lacking = None;
                    state.read(values, day, &mut out, &mut suspense);
                }
                None if day - *state.lacking.get_or_insert(day) >= LACKING => {
                    if let Some(new) = anew() {
                        (*last, *device) = (read, Some(new));
                    }
                }
                None => {}
            }
        }
        book(&mut posted, days, &mut out);
    }
    posted.suspense = Totals::new(suspense[0], suspense[1], suspense[2]);
    posted
}

fn book(posted: &mut Posted, days: &ZoneDays, out: &mut Bookings) {
    for (meter, after, last, pages) in out.drain(..) {
        let of = |index: usize| if meter == index { pages } else { 0 };
        posted.book(days, after, last, Totals::new(of(0), of(1), of(2)));
    }
}
