//! What is true, for comparing with what was collected. It promises:
//!
//! - [`Fleet::printed`], [`Fleet::printed_between`] and [`Fleet::device_printed_between`]: the pages truly printed, whatever
//!   the vendors show. No anomaly but [`super::Anomaly::Spike`] and [`super::Anomaly::DuplexImpossible`] changes them, and no
//!   fault.
//! - [`Fleet::reading`]: exactly what the vendor's answer about a device amounts to at an instant, anomalies included.
//! - [`Fleet::expected_deposits`] and [`Fleet::expected_between_readings`]: what a correct collector has posted for each day
//!   once everything is over, by the rules in `reference.rs`, which reads the field's rules on its own. For Printanista these are
//!   the totals of the days, so days must be shown right before they close. For the others every anomaly is followed
//!   through. Three things the oracle does not follow: what people decide on spikes, pauses, and changes of scope or activation.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    fleet::{CustomerView, Fleet},
    printing::ZoneDays,
    reference::follow,
    spec::{Totals, Vendor},
};
use crate::clock::{Instant, from_millis};

/// Which devices count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All devices.
    All,
    /// Managed devices only.
    ManagedOnly,
}

impl Scope {
    pub(super) const fn takes(self, managed: bool) -> bool {
        managed || matches!(self, Self::All)
    }
}

/// What a vendor's answer about one device amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When it was read: `lastSeenAt`, `Counter.Received`.
    pub at: Instant,
    /// Whether it is listed as managed.
    pub managed: bool,
    /// The meters by the contract's mapping; `None` if they cannot be told from the counters.
    pub meters: Option<Totals>,
}

/// What is posted: by local day, apart for exact and estimated (spread over several days). Days with no pages are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posted {
    /// Of one day's difference.
    pub exact: BTreeMap<NaiveDate, Totals>,
    /// Spread from a difference over several days.
    pub estimated: BTreeMap<NaiveDate, Totals>,
    /// Open suspense: differences too large to be posted until a person decides.
    pub suspense: Totals,
}

impl Posted {
    /// Exact and estimated together, by day.
    pub fn by_day(&self) -> BTreeMap<NaiveDate, Totals> {
        let mut days = self.exact.clone();
        for (day, pages) in &self.estimated {
            *days.entry(*day).or_default() += *pages;
        }
        days
    }

    /// Everything posted together; not what is in suspense.
    pub fn total(&self) -> Totals {
        self.by_day().into_values().sum()
    }

    /// Books `pages`, printed after the day `after` up to and with the day `last`, both by number.
    pub(super) fn book(&mut self, days: &ZoneDays, after: i64, last: i64, pages: Totals) {
        if pages == Totals::ZERO {
            return;
        }
        let span = last - after;
        if span <= 1 {
            *self.exact.entry(days.date(last)).or_default() += pages;
            return;
        }
        for (place, number) in (0..span).zip(after + 1..) {
            // Evenly, the rest one by one to the earlier days.
            let part = pages.zip(Totals::ZERO, |amount, _| amount / span + i64::from(place < amount % span));
            if part != Totals::ZERO {
                *self.estimated.entry(days.date(number)).or_default() += part;
            }
        }
    }
}

impl Fleet {
    /// What the devices at a customer truly printed on a local day while in scope; nothing for a customer that does not exist.
    pub fn printed(&self, server: usize, external_id: &str, day: NaiveDate, scope: Scope) -> Totals {
        self.customer(server, external_id).map_or(Totals::ZERO, |view| {
            let number = view.days().number(day);
            view.printed(view.days().start(number), view.days().start(number + 1), scope == Scope::ManagedOnly, None)
        })
    }

    /// The same from an instant (included) to another (excluded).
    pub fn printed_between(&self, server: usize, external_id: &str, from: Instant, until: Instant, scope: Scope) -> Totals {
        self.customer(server, external_id).map_or(Totals::ZERO, |view| {
            view.printed(from.timestamp_millis(), until.timestamp_millis(), scope == Scope::ManagedOnly, None)
        })
    }

    /// What one device truly printed, wherever it was and whether it was managed or not.
    pub fn device_printed_between(&self, server: usize, device: &str, from: Instant, until: Instant) -> Totals {
        self.device(server, device).map_or(Totals::ZERO, |(plan, device)| {
            let at = |instant: Instant| device.press.until(&plan.days, &plan.days.moment(instant.timestamp_millis()));
            at(until) - at(from)
        })
    }

    /// What the vendor shows of a customer's devices when asked at (or, 3manager, as of the end of a day that ends at) `at`;
    /// by device id. Devices not listed then, or listed without ever having been read there, are absent.
    pub fn readings(&self, server: usize, external_id: &str, at: Instant) -> BTreeMap<String, Reading> {
        self.customer(server, external_id).map(|view| readings(&view, at.timestamp_millis())).unwrap_or_default()
    }

    /// The same of one device.
    pub fn reading(&self, server: usize, external_id: &str, device: &str, at: Instant) -> Option<Reading> {
        self.readings(server, external_id, at).remove(device)
    }

    /// The first instant of a local day of a server.
    pub fn day_start(&self, server: usize, day: NaiveDate) -> Instant {
        self.server(server).map_or_else(|| from_millis(0), |(_, plan)| from_millis(plan.days.start(plan.days.number(day))))
    }

    /// The last instant of a local day of a server, a millisecond before the next.
    pub fn day_end(&self, server: usize, day: NaiveDate) -> Instant {
        self.server(server).map_or_else(|| from_millis(0), |(_, plan)| from_millis(plan.days.end(plan.days.number(day))))
    }

    /// What a correct collector has posted for the days `activation..=through` of a vendor with history, once each of them is
    /// final: Printanista, the totals of each day; 3manager, the differences between the ends of days, from the end of the day
    /// before `activation` on. A device books nothing at first sight, nor up to or from a reading that shows it out of
    /// scope. For MPS Monitor, which has no history, it is empty: see [`Fleet::expected_between_readings`].
    pub fn expected_deposits(
        &self,
        server: usize,
        external_id: &str,
        scope: Scope,
        activation: NaiveDate,
        through: NaiveDate,
    ) -> Posted {
        let Some(view) = self.customer(server, external_id) else { return Posted::default() };
        let days = view.days();
        let numbers = days.number(activation)..=days.number(through);
        match view.server.vendor() {
            Vendor::Printanista => {
                let mut posted = Posted::default();
                for number in numbers {
                    let pages = view.printed(days.start(number), days.start(number + 1), scope == Scope::ManagedOnly, None);
                    posted.book(days, number - 1, number, pages);
                }
                posted
            }
            Vendor::ThreeManager => {
                let asked = (days.number(activation) - 1..=days.number(through)).map(|number| (days.end(number), Some(number)));
                follow(&view, scope, asked)
            }
            Vendor::MpsMonitor => Posted::default(),
        }
    }

    /// What a correct collector has posted that read the current counters at just these instants, in order: the first is the
    /// baseline. Differences go to the days by the readings' own times (before noon: the day before).
    pub fn expected_between_readings(&self, server: usize, external_id: &str, scope: Scope, asked: &[Instant]) -> Posted {
        let Some(view) = self.customer(server, external_id) else { return Posted::default() };
        follow(&view, scope, asked.iter().map(|at| (at.timestamp_millis(), None)))
    }
}

fn readings(view: &CustomerView<'_>, at: i64) -> BTreeMap<String, Reading> {
    let listed = view.listed(at).into_iter();
    listed
        .filter_map(|device| {
            let (read, shows) = device.read?;
            Some((device.spec.id.clone(), Reading { at: from_millis(read), managed: device.managed, meters: shows.meters() }))
        })
        .collect()
}
