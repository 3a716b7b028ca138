use chrono::{Days, TimeDelta};

use super::*;
use crate::domain::device::Counters;

mod properties;
mod rules;

/// A device under test: every step is checked against the books.
pub(super) struct Rig {
    pub(super) state: Option<DeviceState>,
    pub(super) ctx: StepContext<'static>,
    pub(super) managed: bool,
    pub(super) bookings: Vec<Booking>,
    pub(super) notes: Vec<Note>,
    pub(super) withdrawn: Vec<String>,
    pub(super) new_data: bool,
}

pub(super) fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(number)
}

pub(super) fn of(small: i64, large: i64, duplex: i64) -> Counters {
    Counters { small: Some(small), large: Some(large), duplex: Some(duplex), total: None }
}

pub(super) fn pages(small: i64, large: i64, duplex: i64) -> Pages {
    Pages { small, large, duplex }
}

impl Rig {
    /// A feed of all devices that is active from the first.
    pub(super) fn new() -> Self {
        Self {
            state: None,
            ctx: StepContext {
                scope: CollectionScope::All,
                zone: chrono_tz::UTC,
                first_day: day(0),
                day: ReadingDay::ByTime,
                left_out: &[],
                resumed_at: None,
            },
            managed: true,
            bookings: Vec::new(),
            notes: Vec::new(),
            withdrawn: Vec::new(),
            new_data: false,
        }
    }

    /// With a baseline at the end of day 0.
    pub(super) fn at(counters: Counters) -> Self {
        let mut rig = Self::new();
        rig.read(0, counters);
        assert_eq!((rig.booked(), rig.notes.len()), (Pages::ZERO, 0));
        rig
    }

    /// Reads the counters as of 22:00 on day `number`, which belongs to that day.
    pub(super) fn read(&mut self, number: u64, counters: Counters) -> &mut Self {
        self.read_at(day(number).and_hms_opt(22, 0, 0).unwrap().and_utc(), Some(counters))
    }

    pub(super) fn read_at(&mut self, read_at: Instant, counters: Option<Counters>) -> &mut Self {
        let reading =
            DeviceReading { vendor_device_id: "d".to_owned(), managed: self.managed, read_at: Some(read_at), counters };
        let step = super::step(self.state.take(), &reading, &self.ctx);
        self.state = step.state;
        self.bookings.extend(step.bookings);
        self.notes.extend(step.notes);
        self.withdrawn.extend(step.withdrawn);
        self.new_data = step.new_data;
        self.check();
        // Invariant 2: the same reading again changes nothing.
        let again = super::step(self.state.clone(), &reading, &self.ctx);
        assert_eq!(again.state, self.state);
        assert_eq!((again.bookings, again.notes, again.withdrawn, again.new_data), (vec![], vec![], vec![], false));
        self
    }

    pub(super) fn accept(&mut self, key: &str) -> &mut Self {
        let (state, booking) = super::accept(self.state.take().unwrap(), key).unwrap();
        self.state = Some(state);
        self.bookings.push(booking);
        self.check();
        self
    }

    pub(super) fn reject(&mut self, key: &str) -> &mut Self {
        self.state = Some(super::reject(self.state.take().unwrap(), key).unwrap());
        self.check();
        self
    }

    pub(super) fn device(&self) -> &DeviceState {
        self.state.as_ref().unwrap()
    }

    pub(super) fn booked(&self) -> Pages {
        self.bookings.iter().map(|booking| booking.pages).sum()
    }

    pub(super) fn kinds(&self) -> Vec<AnomalyKind> {
        self.notes.iter().map(|note| note.kind).collect()
    }

    /// The key of the last spike.
    pub(super) fn spike(&self) -> String {
        self.device().pending.spikes.last().unwrap().key.clone()
    }

    /// Invariants 1 and 8, and that the state reads back from what is stored.
    fn check(&self) {
        let Some(device) = &self.state else { return };
        assert_eq!(self.booked() + device.suspense(), device.life(), "{device:?}");
        for booking in &self.bookings {
            assert!(booking.from <= booking.to && booking.from >= self.ctx.first_day);
            assert!(MeterKind::ALL.iter().all(|&meter| booking.pages.get(meter) >= 0));
        }
        let text = serde_json::to_string(&device.pending).unwrap();
        assert_eq!(serde_json::from_str::<Pending>(&text).unwrap(), device.pending);
        assert_eq!(device.pending.is_empty(), text == "{}");
        assert_eq!(device.basis, device.basis.map(|basis| Basis::parse(&basis.code()).unwrap()));
    }
}

/// What was booked, day by day: (day, estimated, pages).
pub(super) fn spread_out(bookings: &[Booking]) -> Vec<(u64, bool, Pages)> {
    let number = |date: NaiveDate| u64::try_from((date - day(0)).num_days()).unwrap();
    spread(bookings.iter().copied()).into_iter().map(|part| (number(part.day), part.estimated, part.pages)).collect()
}

/// Whole days that a pause left out, for good: tests are short.
pub(super) fn left_out(windows: &[(u64, u64)]) -> &'static [(NaiveDate, NaiveDate)] {
    Vec::leak(windows.iter().map(|&(from, to)| (day(from), day(to))).collect())
}

pub(super) fn hours(number: i64) -> TimeDelta {
    TimeDelta::hours(number)
}
