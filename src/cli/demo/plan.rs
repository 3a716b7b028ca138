//! What is played: which fleet, when, and with which activation dates.

use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::{
    clock::Instant,
    domain::calendar::{day_of, latest_nightly, local_instant, next, previous},
    simulator::{FleetSpec, GenerateOptions, Trouble},
};

/// The zone of everything in the demo.
pub(super) const ZONE: Tz = Tz::Europe__Berlin;
/// How many nights are played. A vendor without history has its baseline in the first one.
const NIGHTS: u64 = 3;
/// Devices of each customer on each server.
const DEVICES: usize = 3;
/// Days between the first customer's activation date and the first night; each further customer has others.
const LONGEST: u64 = 120;
const SHORTEST: u64 = 45;

/// The times and dates of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// When the nightly runs start.
    pub(super) nightly_at: NaiveTime,
    /// The first day of printing.
    pub(super) first_day: NaiveDate,
    /// The evening on which everything is registered.
    pub(super) evening: Instant,
    /// The nights that are played, the last one being the real last night.
    pub(super) nights: Vec<Instant>,
}

impl Plan {
    /// The plan of a demo that runs at `now`.
    pub(super) fn at(now: Instant) -> Self {
        let nightly_at = NaiveTime::from_hms_opt(3, 30, 0).unwrap_or_default();
        // A minute's room, so that the clock never has to be set back when the nights are over.
        let last = latest_nightly(now - chrono::TimeDelta::minutes(1), nightly_at, ZONE);
        let last_day = day_of(last, ZONE);
        let first_night = back(last_day, NIGHTS - 1);
        let nights = first_night.iter_days().take_while(|day| *day <= last_day);
        Self {
            nightly_at,
            first_day: back(first_night, LONGEST + 10),
            evening: local_instant(previous(first_night), NaiveTime::from_hms_opt(20, 0, 0).unwrap_or_default(), ZONE),
            nights: nights.map(|day| local_instant(day, nightly_at, ZONE)).collect(),
        }
    }

    /// The day on which customer number `index` begins to count.
    pub(super) fn activation(&self, index: usize) -> NaiveDate {
        let spread = LONGEST - SHORTEST;
        let fewer = (u64::try_from(index).unwrap_or(0) * 17) % spread;
        back(day_of(self.evening, ZONE), LONGEST - fewer)
    }

    /// The last day that the last night covers.
    pub(super) fn last_day(&self) -> NaiveDate {
        self.nights.last().map_or(self.first_day, |night| previous(day_of(*night, ZONE)))
    }

    /// The first day after everything.
    pub(super) fn today(&self) -> NaiveDate {
        next(self.last_day())
    }

    /// Three servers, one of each vendor, that all have the same `customers`. Some devices are installed late, taken away, moved or
    /// change whether they are managed.
    pub(super) fn fleet(&self, seed: u64, customers: usize) -> FleetSpec {
        let mut options = GenerateOptions::new(3, customers, DEVICES, self.first_day);
        options.zones = vec![ZONE];
        options.trouble = Trouble { after: 30, days: 80, changes: 120, ..Trouble::NONE };
        let mut fleet = FleetSpec::generate(seed, &options);
        for (server, name) in fleet.servers.iter_mut().zip(["Printanista", "3manager", "MPS Monitor"]) {
            name.clone_into(&mut server.name);
        }
        fleet
    }
}

fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(now: &str) -> Plan {
        Plan::at(now.parse().unwrap())
    }

    #[test]
    fn the_last_night_is_the_real_one() {
        let plan = plan("2026-03-31T10:00:00Z");
        let nights: Vec<_> = plan.nights.iter().map(ToString::to_string).collect();
        // Clocks went forward on the 29th.
        assert_eq!(nights, ["2026-03-29 01:30:00 UTC", "2026-03-30 01:30:00 UTC", "2026-03-31 01:30:00 UTC"]);
        assert_eq!(plan.evening.to_string(), "2026-03-28 19:00:00 UTC");
        assert_eq!(plan.last_day().to_string(), "2026-03-30");
    }

    #[test]
    fn activation_dates_lie_months_back_and_after_the_first_day_of_printing() {
        let plan = plan("2026-06-15T01:29:00Z");
        assert_eq!(plan.last_day().to_string(), "2026-06-13", "the night that is not over yet is not played");
        for index in 0..50 {
            let days = (day_of(plan.evening, ZONE) - plan.activation(index)).num_days();
            assert!((45..=120).contains(&days), "{index}: {days}");
            assert!(plan.activation(index) > plan.first_day);
        }
    }

    #[test]
    fn the_fleet_has_a_server_of_each_vendor_with_the_same_customers() {
        let fleet = plan("2026-06-15T12:00:00Z").fleet(7, 12);
        let names: Vec<Vec<_>> =
            fleet.servers.iter().map(|server| server.customers.iter().map(|customer| &customer.name).collect()).collect();
        assert_eq!((names.len(), names[0].len()), (3, 12));
        assert_eq!((&names[0], &names[1]), (&names[1], &names[2]));
    }
}
