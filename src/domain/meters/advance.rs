//! The difference of one accepted reading, meter by meter: booked, put in suspense or carried over a roll-over (rules 2, 5, 6).

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Booking, DeviceState, Held, NOISE, Note, ROLL_OVERS, SPIKE_FACTOR, SPIKE_FLOOR, Spike, Step};
use crate::{
    clock::Instant,
    domain::{anomaly::AnomalyKind, calendar, device::MeterKind, pages::Pages},
};

/// An accepted reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accepted {
    pub(super) values: [i64; 3],
    pub(super) read_at: Instant,
    pub(super) day: NaiveDate,
    /// The first day that pages may be put on.
    pub(super) first_day: NaiveDate,
    /// The reading that held a drop which this one confirms.
    pub(super) confirmed: Option<Held>,
}

/// A difference.
struct Difference {
    pages: i64,
    /// The first day it may have been printed on.
    from: NaiveDate,
    /// What the segment it goes on from printed so far.
    mean: Mean,
}

/// Pages that a segment booked, and its days so far (1 or more).
#[derive(Clone, Copy)]
struct Mean {
    booked: i64,
    days: i64,
}

impl Mean {
    /// Whether `pages` in `span` days are more than could be expected.
    fn is_exceeded(self, pages: i64, span: i64) -> bool {
        let days = i128::from(self.days);
        let a_day = (i128::from(SPIKE_FLOOR) * days).max(i128::from(SPIKE_FACTOR) * i128::from(self.booked));
        i128::from(pages) * days > a_day * i128::from(span)
    }
}

impl DeviceState {
    /// Whether `value` is a drop: more than noise below the mark, without withdrawing a spike.
    pub(super) fn drops(&self, meter: MeterKind, value: i64) -> bool {
        value < self.meter(meter).mark - NOISE && self.withdrawn_by(meter, value).is_none()
    }

    /// Takes the differences up to an accepted reading. The caller then sets the reading's day and time.
    pub(super) fn advance(&mut self, reading: &Accepted, read_day: NaiveDate, step: &mut Step) {
        let mut bookings = BTreeMap::<NaiveDate, Pages>::new();
        let (mut printed, mut since) = (Pages::ZERO, reading.day);
        for &meter in MeterKind::ALL {
            let Difference { pages, from, mean } = self.difference(meter, reading, read_day, step);
            if pages == 0 {
                continue;
            }
            let span = reading.day.signed_duration_since(from).num_days().max(0) + 1;
            // With the gap empty, or partly before the activation date, the days begin later than the difference.
            let from = from.max(reading.first_day).min(reading.day);
            printed = printed.with(meter, pages);
            since = since.min(from);
            if mean.is_exceeded(pages, span) {
                step.notes.push(self.suspend(meter, pages, from, reading));
            } else {
                *bookings.entry(from).or_default() += Pages::of(meter, pages);
            }
            self.meters[meter as usize].mark = reading.values[meter as usize];
        }
        if printed.duplex_impossible() {
            step.notes.push(note(AnomalyKind::DuplexImpossible, None, since, reading));
        }
        step.bookings.extend(bookings.into_iter().map(|(from, pages)| Booking { from, to: reading.day, pages }));
    }

    /// What `meter` printed up to the reading. Segments that end on the way are ended and spikes withdrawn; the mark is left behind.
    fn difference(&mut self, meter: MeterKind, reading: &Accepted, read_day: NaiveDate, step: &mut Step) -> Difference {
        let value = reading.values[meter as usize];
        let mark = self.meter(meter).mark;
        let (from, mean) = (calendar::next(read_day), self.mean(meter, read_day));
        // Noise comes first: a few pages below a spike do not show that it was none.
        if value >= mark - NOISE {
            return Difference { pages: (value - mark).max(0), from, mean };
        }
        if let Some(index) = self.withdrawn_by(meter, value) {
            let (spike, keys) = self.withdraw(index);
            step.withdrawn.extend(keys);
            return Difference { pages: value - spike.mark, from: spike.from, mean: self.mean(meter, read_day) };
        }
        let Some(held) = reading.confirmed else {
            return Difference { pages: 0, from, mean };
        };
        let low = held.values[meter as usize];
        if let Some(end) = roll_over(mark, low, mean, held.day.signed_duration_since(read_day).num_days()) {
            self.meters[meter as usize].mark = end;
            self.end_segment(meter, 0, read_day);
            return Difference { pages: end - mark + value, from, mean };
        }
        self.end_segment(meter, low, held.day);
        let reset = note(AnomalyKind::MeterReset, Some(meter), held.day, reading);
        step.notes.push(Note { previous_count: Some(mark), count: Some(low), ..reset });
        Difference { pages: value - low, from: calendar::next(held.day), mean: self.mean(meter, held.day) }
    }

    /// Ends the segment of `meter`, and starts one.
    pub(super) fn end_segment(&mut self, meter: MeterKind, initial: i64, day: NaiveDate) {
        self.meters[meter as usize].restart(initial, day);
        self.pending.close_segment(meter, usize::MAX);
    }

    /// What the segment under way booked, without what is in suspense.
    fn mean(&self, meter: MeterKind, read_day: NaiveDate) -> Mean {
        let state = self.meter(meter);
        let held: i64 = self.pending.spikes.iter().filter(|s| s.current && s.kind() == meter).map(|spike| spike.held).sum();
        // A spike over a roll-over starts before its segment, so the rest may be below 0.
        let booked = (state.mark - state.initial - held).max(0);
        Mean { booked, days: read_day.signed_duration_since(state.initial_day).num_days().max(1) }
    }

    fn suspend(&mut self, meter: MeterKind, held: i64, from: NaiveDate, reading: &Accepted) -> Note {
        let count = reading.values[meter as usize];
        // After a roll-over or reset it is where the segment starts.
        let mark = self.meter(meter).mark;
        let seen = note(AnomalyKind::MeterSpike, Some(meter), from, reading);
        self.pending.spikes.push(Spike {
            key: seen.key.clone(),
            meter: meter as u8,
            held,
            mark,
            count,
            from,
            to: reading.day,
            current: true,
        });
        Note { previous_count: Some(mark), count: Some(count), held, ..seen }
    }
}

/// The value at which a meter began again from 0 (one above the last it can show), if the drop from `mark` to `low` is a roll-over.
fn roll_over(mark: i64, low: i64, mean: Mean, span: i64) -> Option<i64> {
    let end = ROLL_OVERS.into_iter().find(|&last| mark <= last)? + 1;
    (!mean.is_exceeded(end - mark + low, span.max(1))).then_some(end)
}

fn note(kind: AnomalyKind, meter: Option<MeterKind>, from: NaiveDate, reading: &Accepted) -> Note {
    let subject = meter.map_or("DEVICE", MeterKind::as_str);
    Note {
        kind,
        meter,
        from: from.min(reading.day),
        to: reading.day,
        previous_count: None,
        count: None,
        held: 0,
        key: format!("{kind}:{subject}:{}", reading.read_at.timestamp_millis()),
    }
}
