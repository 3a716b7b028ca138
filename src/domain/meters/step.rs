//! One reading of one device: whether it counts, and how (rules 0, 1, 3, 4, 7).

use chrono::NaiveDate;

use super::{DeviceState, Held, Note, Step, StepContext, UNREADABLE_DAYS, Unreadable, advance::Accepted, basis::Basis};
use crate::{
    clock::Instant,
    domain::{
        anomaly::AnomalyKind,
        device::{Counters, DeviceReading, MeterKind},
    },
};

/// Takes one reading of a device.
///
/// Readings of one device must be stepped over in the order of their days. The same reading again, or an older one, changes
/// nothing; so a device that is missing from an answer needs no step.
pub fn step(state: Option<DeviceState>, reading: &DeviceReading, ctx: &StepContext<'_>) -> Step {
    let (Some(read_at), Some(counters)) = (reading.read_at, reading.counters) else {
        return Step { state, ..Step::default() };
    };
    if state.as_ref().is_some_and(|device| device.last_read_at.is_some_and(|last| read_at <= last)) {
        return Step { state, ..Step::default() };
    }
    let mut device = state.unwrap_or_else(|| DeviceState::unread(reading));
    let new_data = device.pending.unreadable.is_none_or(|skipped| read_at > skipped.read_at);
    let mut step = Step { new_data, ..Step::default() };

    if !ctx.in_scope(reading) {
        device.count(reading, read_at, false);
        step.state = Some(device);
        return step;
    }
    let day = ctx.reading_day(read_at);
    let basis = device.basis.filter(|_| !device.awaits_baseline(day, ctx)).or_else(|| Basis::of(&counters));
    let fresh = Basis::of(&counters).filter(|_| device.anew(day));
    if let Some((basis, values)) = read(basis, &counters) {
        device.basis = Some(basis);
        device.take(values, read_at, day, ctx, &mut step);
        device.count(reading, read_at, true);
    } else if let Some((basis, values)) = read(fresh, &counters) {
        device.basis = Some(basis);
        device.start(values, day);
        device.count(reading, read_at, true);
    } else {
        device.skip(read_at, day, &mut step);
    }
    step.state = Some(device);
    step
}

fn read(basis: Option<Basis>, counters: &Counters) -> Option<(Basis, [i64; 3])> {
    basis.and_then(|basis| Some((basis, basis.read(counters)?)))
}

impl DeviceState {
    /// Takes a reading in scope that has all counters.
    fn take(&mut self, values: [i64; 3], read_at: Instant, day: NaiveDate, ctx: &StepContext<'_>, step: &mut Step) {
        let held = self.pending.held.take();
        let Some(read_day) = self.read_day.filter(|_| !self.awaits_baseline(day, ctx)) else {
            return self.baseline(values, day);
        };
        if !self.counted || day < ctx.first_day || self.begins_anew(read_day, day, ctx) {
            return self.start(values, day);
        }
        let accepted = Accepted { values, read_at, day, first_day: ctx.first_day, confirmed: None };
        let drops = MeterKind::ALL.iter().any(|&meter| self.drops(meter, values[meter as usize]));
        let confirmed = match held {
            _ if !drops => None,
            Some(held) if held.values == values => {
                self.pending.held = Some(held);
                return;
            }
            Some(held) if held.values.iter().zip(&values).all(|(low, value)| value >= low) => Some(held),
            _ => {
                self.pending.held = Some(Held { values, day });
                return;
            }
        };
        self.advance(&Accepted { confirmed, ..accepted }, read_day, step);
        self.read_day = Some(day);
    }

    /// Whether there is no baseline, or one that a later reading of a day before the activation date replaces.
    fn awaits_baseline(&self, day: NaiveDate, ctx: &StepContext<'_>) -> bool {
        self.basis.is_none() || day < ctx.first_day && self.life().is_zero()
    }

    /// First sight: nothing is booked, and the first segment starts.
    fn baseline(&mut self, values: [i64; 3], day: NaiveDate) {
        self.start(values, day);
        for (meter, value) in self.meters.iter_mut().zip(values) {
            meter.first_initial = value;
        }
    }

    /// Starts a new segment on every meter: what was printed up to the reading is dropped.
    fn start(&mut self, values: [i64; 3], day: NaiveDate) {
        for &meter in MeterKind::ALL {
            self.end_segment(meter, values[meter as usize], day);
        }
        self.read_day = Some(day);
        self.pending.held = None;
    }

    /// Whether a user's pause lies between the last reading and this one.
    fn begins_anew(&self, read_day: NaiveDate, day: NaiveDate, ctx: &StepContext<'_>) -> bool {
        let resumed = ctx.resumed_at.is_some_and(|resumed| self.last_read_at.is_none_or(|last| last < resumed));
        resumed || ctx.left_out.iter().any(|&(_, last)| read_day < last && last <= day)
    }

    /// Notes that a reading counted, in scope (`counted`) or out of it.
    fn count(&mut self, reading: &DeviceReading, read_at: Instant, counted: bool) {
        if !counted {
            self.pending.held = None;
        }
        self.pending.unreadable = None;
        self.managed = reading.managed;
        self.counted = counted;
        self.last_read_at = Some(read_at);
    }

    /// Whether it has lacked a counter for so long that it is to be read by those it has.
    fn anew(&self, day: NaiveDate) -> bool {
        let since = self.pending.unreadable.map(|skipped| skipped.since);
        since.is_some_and(|since| day.signed_duration_since(since).num_days() >= UNREADABLE_DAYS)
    }

    /// Skips a reading that lacks a counter; the first of them is reported.
    fn skip(&mut self, read_at: Instant, day: NaiveDate, step: &mut Step) {
        let since = self.pending.unreadable.map_or(day, |skipped| skipped.since);
        if self.pending.unreadable.is_none() {
            step.notes.push(Note {
                kind: AnomalyKind::DeviceUnreadable,
                meter: None,
                from: day,
                to: day,
                previous_count: None,
                count: None,
                held: 0,
                key: format!("{}:DEVICE:{}", AnomalyKind::DeviceUnreadable, read_at.timestamp_millis()),
            });
        }
        self.pending.unreadable = Some(Unreadable {
            since,
            read_at: self.pending.unreadable.map_or(read_at, |skipped| skipped.read_at.max(read_at)),
        });
    }
}
