//! The invariants, over any input and against what was truly printed.

use proptest::prelude::*;

use super::*;

/// Something that happens to a device.
#[derive(Debug, Clone)]
enum Event {
    Reading { hours: i64, counters: Counters, managed: bool },
    Scope(CollectionScope),
    Resumed(u64),
    Activation(u64),
    Decide { index: usize, accepted: bool },
}

fn any_count() -> impl Strategy<Value = Option<i64>> {
    let near_roll_over = (prop::sample::select(&ROLL_OVERS[..]), -200_i64..200).prop_map(|(last, offset)| last + offset);
    prop_oneof![
        20 => (0_i64..60_000).prop_map(Some),
        6 => near_roll_over.prop_map(Some),
        1 => any::<i64>().prop_map(Some),
        1 => Just(None),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let counters = (any_count(), any_count(), any_count(), any_count()).prop_map(|(total, small, large, duplex)| Counters {
        total,
        small,
        large,
        duplex,
    });
    prop_oneof![
        24 => (-3_i64..60, counters, prop::bool::weighted(0.9))
            .prop_map(|(hours, counters, managed)| Event::Reading { hours, counters, managed }),
        1 => prop::sample::select(CollectionScope::ALL).prop_map(Event::Scope),
        1 => (0_u64..40).prop_map(Event::Resumed),
        1 => (0_u64..5).prop_map(Event::Activation),
        6 => (0_usize..4, any::<bool>()).prop_map(|(index, accepted)| Event::Decide { index, accepted }),
    ]
}

proptest! {
    #![proptest_config(crate::domain::cases(600))]

    /// Invariants 1, 2 and 8: `Rig` checks them after every step and decision.
    #[test]
    fn books_balance_whatever_happens(events in prop::collection::vec(any_event(), 1..40)) {
        let mut rig = Rig::new();
        let mut now = day(1).and_hms_opt(0, 0, 0).unwrap().and_utc();
        for event in events {
            match event {
                Event::Reading { hours: passed, counters, managed } => {
                    now += hours(passed);
                    rig.managed = managed;
                    rig.read_at(now, Some(counters));
                }
                Event::Scope(scope) => rig.ctx.scope = scope,
                Event::Resumed(number) if number % 2 == 0 => rig.ctx.left_out = left_out(&[(number, number + 2), (number + 9, number + 9)]),
                Event::Resumed(_) => rig.ctx.resumed_at = Some(now),
                Event::Activation(number) => rig.ctx.first_day = rig.ctx.first_day.min(day(number)),
                Event::Decide { index, accepted } => {
                    let spikes = rig.state.iter().flat_map(|device| &device.pending.spikes);
                    let key = spikes.map(|spike| spike.key.clone()).nth(index);
                    if let Some(key) = key {
                        if accepted { rig.accept(&key) } else { rig.reject(&key) };
                    }
                }
            }
        }
        // A skipped reading does not count, so the same one may be seen, and reported under its key, again.
        let keyed: Vec<_> = rig.notes.iter().filter(|note| note.kind != AnomalyKind::DeviceUnreadable).collect();
        let keys: std::collections::BTreeSet<_> = keyed.iter().map(|note| &note.key).collect();
        prop_assert_eq!(keys.len(), keyed.len());
        let parts = spread(rig.bookings.iter().copied());
        prop_assert_eq!(parts.iter().map(|part| part.pages).sum::<Pages>(), rig.booked());
        prop_assert!(parts.is_sorted_by(|a, b| (a.day, a.estimated) < (b.day, b.estimated)));
    }
}

/// What a device does between two readings.
#[derive(Debug, Clone)]
enum Life {
    /// Prints; read.
    Prints([i64; 3]),
    /// Prints; not read that day.
    Silent([i64; 3]),
    /// A single wrong low reading: each counter at so many hundredths of what it is.
    ReadsLow([i64; 3]),
    /// A single wrong high reading of SMALL.
    ReadsHigh(i64),
    /// Loses so many impressions of SMALL on power loss; read.
    Loses(i64),
    /// SMALL begins again at 0, prints, is read, prints and is read.
    Resets(i64, i64),
    /// Is no longer managed, prints, is read, prints, is managed again and read.
    Unmanaged([i64; 3], [i64; 3]),
}

fn sane() -> impl Strategy<Value = [i64; 3]> {
    // Sheets printed on both sides never more than half the sides.
    (0_i64..400, 0_i64..40)
        .prop_flat_map(|(small, large)| (Just(small), Just(large), 0..=i64::midpoint(small, large)))
        .prop_map(|(small, large, duplex)| [small, large, duplex])
}

fn any_life() -> impl Strategy<Value = Life> {
    prop_oneof![
        10 => sane().prop_map(Life::Prints),
        4 => sane().prop_map(Life::Silent),
        2 => (0_i64..=100, 0_i64..=100, 0_i64..=100).prop_map(|(a, b, c)| Life::ReadsLow([a, b, c])),
        1 => (40_000_i64..90_000).prop_map(Life::ReadsHigh),
        1 => (1_i64..=NOISE).prop_map(Life::Loses),
        1 => (0_i64..300, 1_i64..300).prop_map(|(a, b)| Life::Resets(a, b)),
        2 => (sane(), sane()).prop_map(|(a, b)| Life::Unmanaged(a, b)),
    ]
}

/// A device that is read once a day, and what of its pages should count.
struct World {
    rig: Rig,
    /// SMALL, LARGE, DUPLEX as the device counts, without end.
    counters: [i64; 3],
    /// Where SMALL begins at 0 again; `None` for never.
    roll_over: Option<i64>,
    expected: Pages,
    /// Printed since the last reading that was right.
    unread: Pages,
    today: u64,
}

impl World {
    fn new(start: [i64; 3], roll_over: Option<i64>) -> Self {
        let mut rig = Rig::new();
        rig.ctx.scope = CollectionScope::ManagedOnly;
        let mut world = Self { rig, counters: start, roll_over, expected: Pages::ZERO, unread: Pages::ZERO, today: 0 };
        world.read();
        world
    }

    fn print(&mut self, sheets: [i64; 3]) {
        for (counter, printed) in self.counters.iter_mut().zip(sheets) {
            *counter += printed;
        }
        self.unread += pages(sheets[0], sheets[1], sheets[2]);
    }

    fn shown(&self) -> [i64; 3] {
        let [small, large, duplex] = self.counters;
        [self.roll_over.map_or(small, |last| small % (last + 1)), large, duplex]
    }

    fn read(&mut self) {
        let [small, large, duplex] = self.shown();
        self.rig.read(self.today, of(small, large, duplex));
        self.today += 1;
    }

    fn read_right(&mut self) {
        self.read();
        self.expected += self.unread;
        self.unread = Pages::ZERO;
    }

    fn live(&mut self, life: &Life) {
        match *life {
            Life::Prints(sheets) => {
                self.print(sheets);
                self.read_right();
            }
            Life::Silent(sheets) => {
                self.print(sheets);
                self.today += 1;
            }
            Life::ReadsLow(hundredths) => {
                let shown = self.shown();
                let low = |index: usize| shown[index] * hundredths[index] / 100;
                self.rig.read(self.today, of(low(0), low(1), low(2)));
                self.today += 1;
                // Good again, before anything else happens.
                self.print([1, 0, 0]);
                self.read_right();
            }
            Life::ReadsHigh(more) => {
                let [small, large, duplex] = self.shown();
                // Above what any mean here allows in the days since the last reading.
                self.rig.read(self.today, of(small + more * 50, large, duplex));
                self.today += 1;
                self.print([2, 0, 0]);
                self.read_right();
                assert_eq!(self.rig.device().suspense(), Pages::ZERO);
            }
            Life::Loses(lost) => {
                self.read_right();
                self.counters[0] -= lost;
                self.read();
                // Printed again, they lift the counter to its mark only.
                self.counters[0] += lost;
            }
            Life::Resets(before, after) => {
                // What was printed between the last reading and the held one is lost with the counter, of SMALL only.
                self.unread.small = 0;
                self.counters[0] = before;
                self.read();
                self.counters[0] += after;
                self.unread.small = after;
                self.read_right();
            }
            Life::Unmanaged(printed, again) => {
                self.rig.managed = false;
                self.print(printed);
                self.read();
                self.print(again);
                self.rig.managed = true;
                self.read();
                // As far as the readings show: all since the last reading in scope.
                self.unread = Pages::ZERO;
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::domain::cases(500))]

    /// Invariants 1, 6 and 7 against the truth: what is posted is what was printed while it counted.
    #[test]
    fn what_counts_is_posted(lives in prop::collection::vec(any_life(), 0..40)) {
        let mut world = World::new([2_000_000_000, 50_000, 60_000], None);
        let mut resets = 0;
        for life in lives {
            // Another reset would not be a drop before the counter has grown.
            if let Life::Resets(..) = life {
                resets += 1;
                if resets > 1 {
                    continue;
                }
            }
            // A low reading next to a reset would be a drop that is no single one.
            world.live(&life);
        }
        world.print([1, 0, 0]);
        world.read_right();
        prop_assert_eq!(world.rig.booked(), world.expected);
        prop_assert_eq!(world.rig.device().suspense(), Pages::ZERO);
        prop_assert_eq!(world.rig.device().life(), world.expected);
        let resets_noted = world.rig.kinds().iter().filter(|&&kind| kind == AnomalyKind::MeterReset).count();
        prop_assert_eq!(resets_noted, resets.min(1));
    }

    /// Rule 5: at each limit, whatever is skipped or read wrong.
    #[test]
    fn nothing_is_lost_over_a_roll_over(
        last in prop::sample::select(&ROLL_OVERS[..]),
        ahead in 0_i64..2_000,
        prints in prop::collection::vec((sane(), any::<bool>()), 1..30),
    ) {
        let mut world = World::new([last - ahead, 0, 0], Some(last));
        for (sheets, read) in prints {
            world.live(&if read { Life::Prints(sheets) } else { Life::Silent(sheets) });
        }
        world.live(&Life::Prints([1, 0, 0]));
        // A reading that has just gone over is held until the next confirms it.
        if world.rig.device().pending.held.is_some() {
            world.live(&Life::Prints([1, 0, 0]));
        }
        prop_assert_eq!(world.rig.booked(), world.expected);
        prop_assert_eq!(&world.rig.device().pending, &Pending::default());
        let only_flags = world.rig.kinds().iter().all(|&kind| kind == AnomalyKind::DuplexImpossible);
        prop_assert!(only_flags, "{:?}", world.rig.notes);
    }

    /// Invariant 5 without HISTORY: skipped readings change no total, if none of them showed anything odd.
    #[test]
    fn skipped_nights_change_no_total(prints in prop::collection::vec((sane(), any::<bool>()), 1..40)) {
        let mut all = World::new([100_000, 0, 0], None);
        let mut some = World::new([100_000, 0, 0], None);
        for &(sheets, read) in &prints {
            all.live(&Life::Prints(sheets));
            some.live(&if read { Life::Prints(sheets) } else { Life::Silent(sheets) });
        }
        for world in [&mut all, &mut some] {
            world.live(&Life::Prints([1, 0, 0]));
        }
        prop_assert_eq!(all.rig.booked(), some.rig.booked());
        prop_assert_eq!(all.rig.device().meters.map(|meter| meter.mark), some.rig.device().meters.map(|meter| meter.mark));
    }

    /// Invariant 7: one wrong low reading changes nothing after the next good one.
    #[test]
    fn one_wrong_low_reading_changes_nothing(
        prints in prop::collection::vec(sane(), 1..20),
        place in any::<prop::sample::Index>(),
        hundredths in [0_i64..=100, 0_i64..=100, 0_i64..=100],
    ) {
        let (mut right, mut wrong) = (World::new([100_000, 500, 700], None), World::new([100_000, 500, 700], None));
        let place = place.index(prints.len());
        for (index, &sheets) in prints.iter().enumerate() {
            right.live(&Life::Prints(sheets));
            if index == place {
                wrong.print(sheets);
                let shown = wrong.shown();
                let low = |index: usize| shown[index] * hundredths[index] / 100;
                wrong.rig.read(wrong.today, of(low(0), low(1), low(2)));
                wrong.today += 1;
            } else {
                wrong.live(&Life::Prints(sheets));
            }
        }
        for world in [&mut right, &mut wrong] {
            world.live(&Life::Prints([1, 0, 0]));
        }
        prop_assert_eq!(right.rig.booked(), wrong.rig.booked());
        prop_assert_eq!(&right.rig.device().meters, &wrong.rig.device().meters);
        prop_assert_eq!(&right.rig.device().pending, &wrong.rig.device().pending);
    }

    /// Invariant 6: whole days that a user's pause left out, and those before activation, reach no account; days are exact.
    #[test]
    fn paused_days_reach_no_account(
        prints in prop::collection::vec(sane(), 12..30),
        activation in 1_u64..4,
        pause in 4_u64..10,
        length in 1_u64..6,
    ) {
        let mut rig = Rig::new();
        rig.ctx.first_day = day(activation);
        rig.ctx.left_out = left_out(&[(pause, pause + length - 1)]);
        let mut counters = [1000_i64, 100, 50];
        let mut expected = Vec::new();
        for (number, sheets) in (0_u64..).zip(&prints) {
            for (counter, printed) in counters.iter_mut().zip(sheets) {
                *counter += printed;
            }
            let left_out = pause <= number && number < pause + length;
            // The end of the day before activation and of the last day left out are read as baselines.
            if number + 1 < activation || left_out && number + 1 < pause + length {
                continue;
            }
            rig.ctx.day = ReadingDay::EndOf(day(number));
            rig.read(number, of(counters[0], counters[1], counters[2]));
            if number >= activation && !left_out && sheets.iter().any(|&printed| printed > 0) {
                expected.push((number, false, pages(sheets[0], sheets[1], sheets[2])));
            }
        }
        prop_assert_eq!(spread_out(&rig.bookings), expected);
    }
}
