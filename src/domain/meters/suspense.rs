//! What becomes of pages in suspense: accepted, rejected or withdrawn.

use super::{Booking, DeviceState, Pending, Spike};
use crate::domain::{calendar, device::MeterKind, pages::Pages};

/// Accepts the pages of a spike: the state without it, and the pages to post. `None` when no such spike is open.
pub fn accept(mut state: DeviceState, key: &str) -> Option<(DeviceState, Booking)> {
    let index = state.pending.position(key)?;
    let spike = state.pending.spikes.remove(index);
    let pages = Pages::of(spike.kind(), spike.held);
    Some((state, Booking { from: spike.from, to: spike.to, pages }))
}

/// Rejects the pages of a spike: its segment ends at the mark before it, and one starts at its reading. `None` when no such spike is
/// open.
pub fn reject(mut state: DeviceState, key: &str) -> Option<DeviceState> {
    let index = state.pending.position(key)?;
    let spike = state.pending.spikes.remove(index);
    let meter = &mut state.meters[spike.kind() as usize];
    if spike.current {
        // In pages, since the old mark may lie before a roll-over: what the segment has up to the reading, less the spike.
        meter.closed = meter.closed.saturating_add(spike.count - meter.initial - spike.held);
        (meter.initial, meter.initial_day) = (spike.count, spike.to);
        state.pending.close_segment(spike.kind(), index);
    } else {
        meter.closed = meter.closed.saturating_sub(spike.held);
    }
    Some(state)
}

impl DeviceState {
    /// The first spike of a meter's segment that a reading is below without being below the mark before it.
    pub(super) fn withdrawn_by(&self, meter: MeterKind, value: i64) -> Option<usize> {
        let of_segment = |spike: &Spike| spike.current && spike.kind() == meter;
        let index = self.pending.spikes.iter().position(|spike| of_segment(spike) && value < spike.count)?;
        (value >= self.pending.spikes[index].mark).then_some(index)
    }

    /// Takes back a spike, and those after it on the same segment, which stood on it; the mark is again the one before it. Gives
    /// the spike, and the keys of all.
    pub(super) fn withdraw(&mut self, index: usize) -> (Spike, Vec<String>) {
        let spike = self.pending.spikes[index].clone();
        let mut withdrawn = Vec::new();
        let mut place = 0;
        self.pending.spikes.retain(|other| {
            let gone = place >= index && other.current && other.meter == spike.meter;
            place += 1;
            if gone {
                withdrawn.push(other.clone());
            }
            !gone
        });
        let meter = &mut self.meters[spike.kind() as usize];
        let held: i64 = withdrawn.iter().map(|spike| spike.held).sum();
        if meter.mark - held == spike.mark {
            meter.mark = spike.mark;
        } else {
            // Pages were booked above the spike: they stay, in a segment of their own.
            meter.closed = meter.life().saturating_sub(held);
            (meter.initial, meter.mark) = (spike.mark, spike.mark);
            meter.initial_day = calendar::previous(spike.from);
            self.pending.close_segment(spike.kind(), index);
        }
        (spike, withdrawn.into_iter().map(|spike| spike.key).collect())
    }
}

impl Pending {
    /// Notes that the spikes of `meter` before `place` belong to a segment that ended.
    pub(super) fn close_segment(&mut self, meter: MeterKind, place: usize) {
        for spike in self.spikes.iter_mut().take(place).filter(|spike| spike.kind() == meter) {
            spike.current = false;
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.spikes.iter().position(|spike| spike.key == key)
    }
}
