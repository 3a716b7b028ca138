//! Counters, anomalies and the oracle.

use super::*;

/// The reading as of the end of a day.
fn end_of(fleet: &Fleet, date: &str) -> Option<Reading> {
    fleet.reading(0, "c", "d", fleet.day_end(0, day(date)))
}

fn shown(fleet: &Fleet, date: &str) -> Totals {
    end_of(fleet, date).unwrap().meters.unwrap()
}

fn printed(fleet: &Fleet, date: &str) -> Totals {
    fleet.printed(0, "c", day(date), Scope::All)
}

#[test]
fn counters_rise_by_what_is_printed_on_every_day_in_every_zone() {
    for zone in [
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::Asia__Kathmandu,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Apia,
        Tz::America__St_Johns,
        Tz::America__Havana,
        Tz::America__Sao_Paulo,
    ] {
        let mut spec = fleet_of(Vendor::ThreeManager, 5);
        spec.servers[0].zone = zone;
        spec.first_day = day("2011-12-01");
        let customer = spec.servers[0].customers[0].external_id.clone();
        let fleet = Fleet::new(spec);
        let read = |date| -> Totals {
            let readings = fleet.readings(0, &customer, fleet.day_end(0, date));
            readings.values().map(|reading| reading.meters.unwrap()).sum()
        };
        let mut before = read(day("2011-12-01"));
        for number in 1..400 {
            let date = after(day("2011-12-01"), number);
            let (now, truth) = (read(date), fleet.printed(0, &customer, date, Scope::All));
            assert_eq!((now - before).small, truth.small, "{zone} {date}");
            let gone = zone == Tz::Pacific__Apia && date == day("2011-12-30");
            assert!(!gone || truth == Totals::ZERO, "{zone} {date}");
            assert!(2 * truth.duplex <= truth.small + truth.large);
            before = now;
        }
    }
}

#[test]
fn what_is_printed_within_a_day_adds_up_to_it() {
    let fleet = one_device(|_| {});
    let (start, end) = (at("2026-02-02T00:00:00Z"), at("2026-02-03T00:00:00Z"));
    let (mut sum, mut now) = (Totals::ZERO, start);
    while now < end {
        let next = now + TimeDelta::minutes(30);
        let part = fleet.printed_between(0, "c", now, next, Scope::All);
        assert!(part.small >= 0 && part.large >= 0 && part.duplex >= 0);
        assert_eq!(part, fleet.device_printed_between(0, "d", now, next));
        sum += part;
        now = next;
    }
    assert_eq!(sum, printed(&fleet, "2026-02-02"));
    assert!(sum.small > 0 && sum.large > 0 && sum.duplex > 0);
}

#[test]
fn a_swapped_board_counts_on_from_its_own_value() {
    let reset = |small, large, duplex| Anomaly::Reset { at: at("2026-02-03T00:00:00Z"), small, large, duplex };
    let fleet = one_device(|d| d.anomalies = vec![reset(Some(0), Some(0), Some(0))]);
    assert!(shown(&fleet, "2026-02-02").small > 5000);
    assert_eq!(shown(&fleet, "2026-02-03"), printed(&fleet, "2026-02-03"));
    let fleet = one_device(|d| d.anomalies = vec![reset(Some(40), None, None)]);
    let difference = shown(&fleet, "2026-02-03") - shown(&fleet, "2026-02-02");
    assert_eq!(shown(&fleet, "2026-02-03").small, 40 + printed(&fleet, "2026-02-03").small);
    assert_eq!(
        (difference.large, difference.duplex),
        (printed(&fleet, "2026-02-03").large, printed(&fleet, "2026-02-03").duplex)
    );
}

#[test]
fn lost_impressions_stay_lost() {
    let fleet =
        one_device(|d| d.anomalies = vec![Anomaly::Lost { at: at("2026-02-03T00:00:00Z"), pages: Totals::new(9, 0, 2) }]);
    let difference = shown(&fleet, "2026-02-03") - shown(&fleet, "2026-02-02");
    assert_eq!(difference + Totals::new(9, 0, 2), printed(&fleet, "2026-02-03"));
    assert_eq!(shown(&fleet, "2026-02-04") - shown(&fleet, "2026-02-03"), printed(&fleet, "2026-02-04"));
}

#[test]
fn wrong_readings_last_as_long_as_their_window() {
    let window = Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-04T12:00:00Z"));
    let plain = one_device(|_| {});
    let low = one_device(|d| d.anomalies = vec![Anomaly::Low { window, shows: Totals::new(1, 2, 3) }]);
    let high = one_device(|d| d.anomalies = vec![Anomaly::High { window, by: Totals::new(90_000, 0, 0) }]);
    assert_eq!(shown(&low, "2026-02-03"), Totals::new(1, 2, 3));
    assert_eq!(shown(&high, "2026-02-03"), shown(&plain, "2026-02-03") + Totals::new(90_000, 0, 0));
    for date in ["2026-02-02", "2026-02-04"] {
        assert_eq!((shown(&low, date), shown(&high, date)), (shown(&plain, date), shown(&plain, date)));
    }
}

#[test]
fn real_spikes_and_impossible_duplex_are_truly_printed() {
    let spiked =
        one_device(|d| d.anomalies = vec![Anomaly::Spike { day: day("2026-02-03"), pages: Totals::new(70_000, 0, 0) }]);
    let plain = one_device(|_| {});
    assert_eq!(printed(&spiked, "2026-02-03"), printed(&plain, "2026-02-03") + Totals::new(70_000, 0, 0));
    assert_eq!(shown(&spiked, "2026-02-03") - shown(&spiked, "2026-02-02"), printed(&spiked, "2026-02-03"));
    let (first, last) = (day("2026-02-03"), day("2026-02-03"));
    let fleet = one_device(|d| d.anomalies = vec![Anomaly::DuplexImpossible { first, last }]);
    let pages = printed(&fleet, "2026-02-03");
    assert_eq!(pages.duplex, pages.small + pages.large);
    assert_eq!(shown(&fleet, "2026-02-03") - shown(&fleet, "2026-02-02"), pages);
}

#[test]
fn counters_roll_over_at_each_limit_and_lose_nothing() {
    for limit in LIMITS {
        let fleet = one_device(|d| {
            d.limit = Some(limit);
            d.start = Totals::new(limit - 20, 0, 0);
        });
        let (before, now) = (end_of(&fleet, "2025-12-31"), shown(&fleet, "2026-01-01"));
        assert_eq!(before, None, "nothing is read before the first day");
        assert_eq!(now.small, limit - 20 + printed(&fleet, "2026-01-01").small - (limit + 1), "{limit}");
    }
}

#[test]
fn mps_monitor_rolls_over_its_own_counters() {
    let mut spec = fleet_of(Vendor::MpsMonitor, 1);
    let customer = spec.servers[0].customers[0].external_id.clone();
    let device = &mut spec.servers[0].customers[0].devices[0];
    device.printing.color_permille = 0;
    device.printing.large_permille = 0;
    device.limit = Some(999_999);
    device.start = Totals::new(999_990, 0, 0);
    let id = device.id.clone();
    let fleet = Fleet::new(spec);
    let reading = fleet.reading(0, &customer, &id, at("2026-01-07T02:00:00Z")).unwrap().meters.unwrap();
    let printed = fleet.device_printed_between(0, &id, at("2025-12-31T23:00:00Z"), at("2026-01-06T23:00:00Z"));
    assert_eq!(reading.small, 999_990 + printed.small - 1_000_000);
}

#[test]
fn a_missing_counter_comes_back() {
    let window = Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-05T12:00:00Z"));
    let missing = |counter| one_device(|d| d.anomalies = vec![Anomaly::Missing { window, counter }]);
    let plain = one_device(|_| {});
    let meters = |fleet: &Fleet, date| end_of(fleet, date).unwrap().meters;
    for date in ["2026-02-02", "2026-02-05"] {
        assert_eq!(meters(&missing(Counter::All), date), meters(&plain, date));
    }
    assert_eq!(meters(&missing(Counter::All), "2026-02-03"), None);
    assert_eq!(meters(&missing(Counter::Small), "2026-02-03"), meters(&plain, "2026-02-03"), "totalPages stands in");
    assert_eq!(meters(&missing(Counter::Duplex), "2026-02-04").unwrap().duplex, 0);
}

#[test]
fn a_silent_device_stands_still_and_returns_with_everything() {
    let window = Window::between(at("2026-02-03T10:00:00Z"), at("2026-02-06T10:00:00Z"));
    let fleet = one_device(|d| d.anomalies = vec![Anomaly::Silent { window }]);
    let still = end_of(&fleet, "2026-02-03").unwrap();
    assert_eq!(still.at, at("2026-02-03T09:10:00Z"));
    for date in ["2026-02-04", "2026-02-05"] {
        assert_eq!(end_of(&fleet, date), Some(still));
    }
    let posted = fleet.expected_deposits(0, "c", Scope::All, day("2026-02-01"), day("2026-02-08"));
    let truth: Totals = (0..8).map(|n| fleet.printed(0, "c", after(day("2026-02-01"), n), Scope::All)).sum();
    assert_eq!(posted.total(), truth);
    assert_eq!(posted.estimated.keys().copied().collect::<Vec<_>>(), [day("2026-02-04"), day("2026-02-05"), day("2026-02-06")]);
}

#[test]
fn a_device_is_listed_where_it_is() {
    let fleet = one_device(|d| {
        d.installed = Some(at("2026-01-10T12:00:00Z"));
        d.moves = vec![(at("2026-01-20T12:00:00Z"), Some("c2".into())), (at("2026-01-30T12:00:00Z"), None)];
        d.managed_changes = vec![(at("2026-01-15T12:00:00Z"), false)];
    });
    let listed = |customer: &str, date: &str| fleet.reading(0, customer, "d", fleet.day_end(0, day(date))).is_some();
    let seen: Vec<_> = ["2026-01-09", "2026-01-10", "2026-01-19", "2026-01-20", "2026-01-29", "2026-01-30"]
        .map(|date| (listed("c", date), listed("c2", date)))
        .into();
    assert_eq!(seen, [(false, false), (true, false), (true, false), (false, true), (false, true), (false, false)]);
    // No page is counted twice or lost by moving.
    let whole = fleet.device_printed_between(0, "d", at("2026-01-10T12:00:00Z"), at("2026-01-30T12:00:00Z"));
    let at_both: Totals =
        (0..31).flat_map(|n| ["c", "c2"].map(|c| fleet.printed(0, c, after(day("2026-01-01"), n), Scope::All))).sum();
    assert_eq!(at_both, whole);
    let managed: Totals = (0..31).map(|n| fleet.printed(0, "c", after(day("2026-01-01"), n), Scope::ManagedOnly)).sum();
    assert_eq!(managed, fleet.device_printed_between(0, "d", at("2026-01-10T12:00:00Z"), at("2026-01-15T12:00:00Z")));
    assert!(end_of(&fleet, "2026-01-14").unwrap().managed && !end_of(&fleet, "2026-01-15").unwrap().managed);
    // First sight and readings out of scope book nothing.
    let posted = fleet.expected_deposits(0, "c", Scope::ManagedOnly, day("2026-01-01"), day("2026-01-31"));
    assert_eq!(
        posted.exact.keys().copied().collect::<Vec<_>>(),
        (11..=14).map(|d| day(&format!("2026-01-{d}"))).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn late_uploads_and_stopped_agents_show_later() {
    let mut spec = fleet_of(Vendor::Printanista, 7);
    spec.servers[0].zone = Tz::UTC;
    let late = Shown { day: day("2026-02-03"), window: Window::ending(at("2026-02-05T10:00:00Z")), permille: 0 };
    spec.servers[0].customers[0].shown = vec![late];
    spec.servers[0].customers[1].stale = vec![Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-06T12:00:00Z"))];
    let world = World::start(spec, "2026-02-04T03:30:00Z").await;
    let mut client = world.client(0).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        for number in 0..2 {
            let path = format!(
                "/PublicApi/PrintReleaf/Report?customerId={}&startDate=2026-02-03&endDate=2026-02-03",
                world.customer(0, number)
            );
            let report = client.get(&path).await.json();
            seen.push((report["smallPageCount"].as_i64().unwrap(), report["lastAuditDate"].as_str().unwrap().to_owned()));
        }
        world.clock.advance(hours(24));
    }
    let truth = [0, 1].map(|n| world.simulator.fleet().printed(0, &world.customer(0, n), day("2026-02-03"), Scope::All).small);
    let half = seen[1].0;
    assert!(0 < half && half < truth[1]);
    let expected = [
        (0, "2026-02-04T03:10:00Z"),
        (half, "2026-02-03T11:10:00Z"),
        (0, "2026-02-05T03:10:00Z"),
        (half, "2026-02-03T11:10:00Z"),
        (truth[0], "2026-02-06T03:10:00Z"),
        (half, "2026-02-03T11:10:00Z"),
        (truth[0], "2026-02-07T03:10:00Z"),
        (truth[1], "2026-02-07T03:10:00Z"),
    ];
    assert_eq!(seen, expected.map(|(pages, audit)| (pages, audit.to_owned())));
}

#[tokio::test]
async fn the_fleet_can_change_while_it_runs() {
    let world = World::of(Vendor::MpsMonitor, "2026-02-04T03:30:00Z").await;
    let customer = world.customer(0, 0);
    let before = world.simulator.fleet().readings(0, &customer, world.clock.now());
    world.simulator.change(|spec| {
        spec.servers[0].customers[0].devices.remove(0);
    });
    let now = world.simulator.fleet().readings(0, &customer, world.clock.now());
    assert_eq!((before.len(), now.len()), (6, 5));
    assert!(now.iter().all(|(id, reading)| before.get(id) == Some(reading)));
}

#[test]
fn made_up_trouble_is_of_every_kind() {
    let mut options = GenerateOptions::new(3, 6, 40, day("2026-01-01"));
    options.trouble = Trouble { after: 30, days: 60, meters: 1000, changes: 500, customers: 1000, faults: 50 };
    let spec = FleetSpec::generate(4, &options);
    assert_eq!(format!("{spec:?}"), format!("{:?}", FleetSpec::generate(4, &options)));
    let text = format!("{spec:?}");
    for word in [
        "Reset",
        "Lost",
        "Low",
        "High",
        "Spike",
        "Missing",
        "Silent",
        "DuplexImpossible",
        "limit: Some",
        "installed: Some",
        "Shown",
        "stale: [Window",
        "moves: [(",
        "managed_changes: [(",
        "CutBody",
        "Redirect",
        "Down",
    ] {
        assert!(text.contains(word), "{word}");
    }
    let calm = FleetSpec::generate(4, &GenerateOptions::new(3, 6, 40, day("2026-01-01")));
    let devices = calm.servers.iter().flat_map(|s| &s.customers).flat_map(|c| &c.devices);
    assert!(devices.clone().count() == 720 && devices.clone().all(|d| d.anomalies.is_empty() && d.moves.is_empty()));
    let ids: std::collections::BTreeSet<_> = devices.map(|d| &d.id).collect();
    assert_eq!(ids.len(), 720);
}

/// What is expected of the device's first 20 days of February with these anomalies, and what it truly printed.
fn expected(edit: impl FnOnce(&mut DeviceSpec)) -> (Posted, Totals) {
    let fleet = one_device(edit);
    let (first, last) = (day("2026-02-01"), day("2026-02-20"));
    let truth = fleet.device_printed_between(0, "d", fleet.day_start(0, first), fleet.day_end(0, last));
    (fleet.expected_deposits(0, "c", Scope::All, first, last), truth)
}

fn february(days: impl IntoIterator<Item = u64>) -> Vec<NaiveDate> {
    days.into_iter().map(|number| after(day("2026-01-31"), number)).collect()
}

#[test]
fn an_undisturbed_device_is_expected_exactly() {
    let (posted, truth) = expected(|_| {});
    assert_eq!((posted.total(), posted.estimated.len(), posted.suspense), (truth, 0, Totals::ZERO));
    assert_eq!(posted.exact.keys().copied().collect::<Vec<_>>(), february(1..=20));
}

#[test]
fn noise_costs_nothing_but_exactness() {
    let window = Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-04T12:00:00Z"));
    for anomaly in [
        Anomaly::Low { window, shows: Totals::ZERO },
        Anomaly::Low { window, shows: Totals::new(4000, 100_000, 900) },
        Anomaly::Missing { window, counter: Counter::All },
        Anomaly::Missing { window, counter: Counter::Duplex },
        Anomaly::Missing { window, counter: Counter::Small },
    ] {
        let (posted, truth) = expected(|d| d.anomalies = vec![anomaly.clone()]);
        assert_eq!((posted.total(), posted.suspense), (truth, Totals::ZERO), "{anomaly:?}");
        assert_eq!(posted.estimated.keys().copied().collect::<Vec<_>>(), february([3, 4]), "{anomaly:?}");
    }
    let (posted, truth) =
        expected(|d| d.anomalies = vec![Anomaly::Lost { at: at("2026-02-03T00:00:00Z"), pages: Totals::new(9, 9, 9) }]);
    assert_eq!(posted.total(), truth - Totals::new(9, 9, 9));
}

#[test]
fn a_withdrawn_spike_costs_nothing_and_a_real_one_waits_in_suspense() {
    let window = Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-04T12:00:00Z"));
    let (posted, truth) = expected(|d| d.anomalies = vec![Anomaly::High { window, by: Totals::new(90_000, 0, 0) }]);
    assert_eq!((posted.total(), posted.suspense), (truth, Totals::ZERO));
    assert_eq!(posted.estimated.keys().copied().collect::<Vec<_>>(), february([3, 4]));

    let pages = Totals::new(70_000, 0, 0);
    let (plain, _) = expected(|_| {});
    let (posted, truth) = expected(|d| d.anomalies = vec![Anomaly::Spike { day: day("2026-02-03"), pages }]);
    assert_eq!(posted.total() + posted.suspense, truth);
    assert_eq!(posted.suspense.small, 70_000 + plain.exact[&day("2026-02-03")].small);
}

#[test]
fn a_swapped_board_costs_its_first_day_and_a_roll_over_nothing() {
    let reset = Anomaly::Reset { at: at("2026-02-03T00:00:00Z"), small: Some(0), large: Some(0), duplex: Some(0) };
    let (plain, _) = expected(|_| {});
    let (posted, truth) = expected(|d| d.anomalies = vec![reset]);
    assert_eq!(posted.total(), truth - plain.exact[&day("2026-02-03")], "what the held reading shows is the new start");
    assert!(posted.estimated.is_empty());
    for limit in LIMITS {
        let (posted, truth) = expected(|d| {
            d.limit = Some(limit);
            d.start = Totals::new(limit - 3_500, 0, 0);
        });
        assert_eq!((posted.total(), posted.suspense), (truth, Totals::ZERO), "{limit}");
        assert_eq!(posted.estimated.len(), 2, "the reading across the limit is held for a day");
    }
}

#[test]
fn a_counter_that_stays_away_is_given_up_after_a_week() {
    let window = Window::between(at("2026-02-03T12:00:00Z"), at("2026-02-13T12:00:00Z"));
    let (posted, _) = expected(|d| d.anomalies = vec![Anomaly::Missing { window, counter: Counter::Duplex }]);
    let days: Vec<_> = posted.by_day().into_keys().collect();
    // Skipped from the 3rd; on the 10th it starts anew without the counter.
    assert_eq!(days, february([1, 2].into_iter().chain(11..=20)));
    assert!(posted.exact[&day("2026-02-15")].duplex == 0 && posted.exact[&day("2026-02-02")].duplex > 0);
}

#[test]
fn made_up_trouble_loses_no_more_than_it_must() {
    let mut options = GenerateOptions::new(2, 3, 30, day("2026-01-01"));
    options.vendors = vec![Vendor::ThreeManager, Vendor::MpsMonitor];
    options.trouble = Trouble { after: 20, days: 30, meters: 700, changes: 0, customers: 300, faults: 0 };
    let fleet = Fleet::new(FleetSpec::generate(11, &options));
    let (first, last) = (day("2026-01-05"), day("2026-04-01"));
    for server in 0..2 {
        for customer in &fleet.spec().servers[server].customers {
            let posted = if server == 0 {
                fleet.expected_deposits(0, &customer.external_id, Scope::All, first, last)
            } else {
                let nights: Vec<_> = (0..88).map(|n| fleet.day_start(1, after(first, n)) + TimeDelta::minutes(210)).collect();
                fleet.expected_between_readings(1, &customer.external_id, Scope::All, &nights)
            };
            let small = posted.total().small + posted.suspense.small;
            let truth: i64 =
                (0..87).map(|n| fleet.printed(server, &customer.external_id, after(first, n), Scope::All).small).sum();
            // A swapped board costs two readings of one of 30 devices, no more.
            assert!((truth * 97 / 100..=truth).contains(&small), "{small} of {truth} on server {server}");
            assert!(posted.suspense.small < truth);
        }
    }
}
