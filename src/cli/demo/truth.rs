//! What the accounts must hold, by what the simulator knows was printed.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    clock::Instant,
    domain::{
        pages::{Methodology, Pages},
        query::{Consumption, PageSum},
    },
    simulator::{Fleet, Posted, Scope, Totals, Vendor},
};

/// What one customer's account must hold, by day.
#[derive(Debug, Default)]
pub(super) struct Expected(BTreeMap<NaiveDate, PageSum>);

impl Expected {
    /// What the feeds of a customer (one on each server, named by the customer's place in the list) must have posted for the days from
    /// `activation` through `through`. `asked` tells when a server was asked for a customer's current counters.
    pub(super) fn of(
        fleet: &Fleet,
        customer: usize,
        (activation, through): (NaiveDate, NaiveDate),
        asked: impl Fn(usize, &str) -> Vec<Instant>,
    ) -> Self {
        let mut expected = Self::default();
        for (index, server) in fleet.spec().servers.iter().enumerate() {
            let Some(customer) = server.customers.get(customer) else { continue };
            let id = &customer.external_id;
            expected.add(&match server.vendor() {
                Vendor::Printanista | Vendor::ThreeManager => {
                    fleet.expected_deposits(index, id, Scope::All, activation, through)
                }
                Vendor::MpsMonitor => fleet.expected_between_readings(index, id, Scope::All, &asked(index, id)),
            });
        }
        expected
    }

    /// Adds a feed's days. Standard pages are told feed by feed, since a feed's day is never below zero.
    fn add(&mut self, feed: &Posted) {
        for (day, totals) in feed.by_day() {
            let Totals { small, large, duplex } = totals;
            let pages = Pages { small, large, duplex };
            let sum = PageSum { pages, standard: Methodology::CURRENT.standard(pages) };
            self.0.entry(day).or_default().add(&sum);
        }
    }

    /// The days on which the account holds something else.
    pub(super) fn differences(&self, held: &Consumption) -> Vec<Difference> {
        let mut rest = self.0.clone();
        let mut differences = Vec::new();
        for point in &held.points {
            let expected = rest.remove(&point.from).unwrap_or_default();
            if point.sum != expected {
                differences.push(Difference { day: point.from, held: point.sum, expected });
            }
        }
        // Days that were not even asked for.
        let outside = rest.into_iter().filter(|(_, expected)| *expected != PageSum::default());
        differences.extend(outside.map(|(day, expected)| Difference { day, held: PageSum::default(), expected }));
        differences
    }

    /// Standard pages of all days.
    #[cfg(test)]
    fn standard(&self) -> crate::domain::pages::StandardPages {
        self.0.values().map(|sum| sum.standard).sum()
    }
}

/// A day that is not as it was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) day: NaiveDate,
    pub(super) held: PageSum,
    pub(super) expected: PageSum,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |PageSum { pages, standard }: PageSum| {
            format!("{} small, {} large, {} duplex ({standard} standard pages)", pages.small, pages.large, pages.duplex)
        };
        write!(f, "{}: {} in the account, {} printed", self.day, show(self.held), show(self.expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{calendar::Interval, pages::StandardPages, query::ConsumptionPoint};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn sum(small: i64, duplex: i64) -> PageSum {
        let pages = Pages { small, large: 0, duplex };
        PageSum { pages, standard: Methodology::CURRENT.standard(pages) }
    }

    fn held(sums: &[PageSum]) -> Consumption {
        let points =
            day("2026-05-01").iter_days().zip(sums).map(|(day, sum)| ConsumptionPoint { from: day, to: day, sum: *sum });
        let points: Vec<_> = points.collect();
        let (from, to) = (points[0].from, points[points.len() - 1].to);
        Consumption { from, to, interval: Interval::Day, points, total: PageSum::default() }
    }

    #[test]
    fn every_day_must_agree() {
        let mut expected = Expected::default();
        let posted = |days: &[(&str, Totals)]| Posted {
            exact: days.iter().map(|(text, totals)| (day(text), *totals)).collect(),
            ..Posted::default()
        };
        expected.add(&posted(&[("2026-05-01", Totals::new(10, 0, 2)), ("2026-05-02", Totals::new(5, 0, 0))]));
        expected.add(&posted(&[("2026-05-01", Totals::new(1, 0, 3))]));
        // The second feed's day is below zero by itself and counts as zero: 8 + 0.
        assert_eq!(expected.standard(), StandardPages::whole(8 + 5));
        let first = PageSum { standard: StandardPages::whole(8), ..sum(11, 5) };
        assert_eq!(expected.differences(&held(&[first, sum(5, 0)])), []);
        assert_eq!(expected.differences(&held(&[first, sum(5, 0), sum(1, 0)])).len(), 1, "pages that nobody printed");
        let missing = expected.differences(&held(&[first]));
        assert_eq!((missing.len(), missing[0].day), (1, day("2026-05-02")));
    }
}
