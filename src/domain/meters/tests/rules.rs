//! Each rule by example.

use super::*;

#[test]
fn rule_0_only_later_readings_count() {
    let mut rig = Rig::at(of(100, 10, 5));
    let noon = day(1).and_hms_opt(12, 0, 0).unwrap().and_utc();
    rig.read_at(noon, Some(of(120, 10, 5)));
    assert!(rig.new_data);
    rig.read_at(noon, Some(of(500, 10, 5)));
    assert!(!rig.new_data);
    rig.read_at(noon - hours(1), Some(of(50, 10, 5))).read_at(noon, None);
    assert_eq!(rig.booked(), pages(20, 0, 0));
    assert_eq!(rig.device().last_read_at, Some(noon));
}

#[test]
fn a_device_known_but_unread_has_no_state() {
    let mut rig = Rig::new();
    let reading = DeviceReading { vendor_device_id: "d".to_owned(), managed: true, read_at: None, counters: None };
    assert_eq!(super::super::step(None, &reading, &rig.ctx), Step::default());
    rig.read(3, of(100, 0, 0));
    let kept = rig.state.clone();
    let step = super::super::step(kept.clone(), &DeviceReading { counters: Some(of(500, 0, 0)), ..reading }, &rig.ctx);
    assert_eq!(step.state, kept);
}

#[test]
fn rule_1_first_sight_books_nothing_and_rule_2_the_difference() {
    let mut rig = Rig::new();
    rig.read(7, of(1000, 100, 50));
    assert_eq!(rig.booked(), Pages::ZERO);
    rig.read(8, of(1010, 102, 54));
    assert_eq!(spread_out(&rig.bookings), [(8, false, pages(10, 2, 4))]);
    let device = rig.device();
    assert_eq!((device.initial_count(), device.latest_count(), device.life_count()), (Some(1100), Some(1112), 12));
    assert!(device.pending.is_empty());
}

#[test]
fn rule_3_up_to_nine_below_is_noise() {
    let mut rig = Rig::at(of(1000, 0, 0));
    rig.read(1, of(991, 0, 0)).read(2, of(1005, 0, 0));
    // The day of the noise counts as read.
    assert_eq!(spread_out(&rig.bookings), [(2, false, pages(5, 0, 0))]);
    assert!(rig.notes.is_empty());
}

#[test]
fn rule_3_noise_below_a_spike_does_not_withdraw_it() {
    let mut rig = Rig::at(of(1000, 0, 0));
    rig.read(1, of(90_000, 0, 0)).read(2, of(89_991, 0, 0));
    assert!(rig.withdrawn.is_empty());
    assert_eq!((rig.device().suspense(), rig.booked()), (pages(89_000, 0, 0), Pages::ZERO));
    rig.read(3, of(89_990, 0, 0));
    assert_eq!(rig.withdrawn.len(), 1);
}

#[test]
fn rule_4_a_drop_holds_the_whole_reading() {
    let mut rig = Rig::at(of(1000, 100, 0));
    rig.read(1, of(990, 150, 0));
    assert_eq!(rig.booked(), Pages::ZERO);
    assert_eq!(rig.device().pending.held, Some(Held { values: [990, 150, 0], day: day(1) }));
    // Every meter is back: it was noise.
    rig.read(2, of(991, 160, 0));
    assert_eq!(spread_out(&rig.bookings), [(1, true, pages(0, 30, 0)), (2, true, pages(0, 30, 0))]);
    assert!(rig.device().pending.is_empty() && rig.notes.is_empty());
}

#[test]
fn rule_4_a_higher_reading_confirms_a_reset() {
    let mut rig = Rig::at(of(1_000_100, 100, 10));
    rig.read(1, of(20, 110, 10)).read(2, of(20, 110, 10)).read(4, of(50, 120, 12));
    // SMALL starts at the value held since day 1, the others go on from day 0.
    assert_eq!(rig.kinds(), [AnomalyKind::MeterReset]);
    let reset = &rig.notes[0];
    assert_eq!((reset.meter, reset.previous_count, reset.count), (Some(MeterKind::Small), Some(1_000_100), Some(20)));
    assert_eq!((reset.from, reset.to, reset.held), (day(1), day(4), 0));
    assert_eq!(
        rig.bookings,
        [
            Booking { from: day(1), to: day(4), pages: pages(0, 20, 2) },
            Booking { from: day(2), to: day(4), pages: pages(30, 0, 0) }
        ]
    );
    let device = rig.device();
    assert_eq!((device.initial_count(), device.latest_count(), device.life_count()), (Some(1_000_200), Some(170), 50));
}

#[test]
fn rule_4_a_lower_reading_replaces_the_held_one() {
    let mut rig = Rig::at(of(5000, 0, 100));
    rig.read(1, of(400, 0, 100)).read(2, of(300, 0, 200)).read(3, of(310, 0, 200));
    assert_eq!(rig.booked(), pages(10, 0, 100));
    assert_eq!(rig.notes[0].count, Some(300));
    assert_eq!(rig.notes[0].from, day(2));
}

#[test]
fn rule_4_a_meter_that_recovers_does_not_reset() {
    let mut rig = Rig::at(of(5000, 300, 0));
    rig.read(1, of(40, 200, 0)).read(2, of(60, 310, 0));
    assert_eq!(rig.booked(), pages(20, 10, 0));
    assert_eq!(rig.kinds(), [AnomalyKind::MeterReset]);
}

#[test]
fn rule_5_nothing_is_lost_over_a_roll_over() {
    for last in ROLL_OVERS {
        let mut rig = Rig::at(of(last - 30, 0, 0));
        rig.read(1, of(last - 10, 0, 0)).read(2, of(14, 0, 0));
        assert_eq!(rig.booked(), pages(20, 0, 0), "held until confirmed");
        rig.read(3, of(20, 0, 0)).read(4, of(25, 0, 0));
        assert!(rig.notes.is_empty());
        assert_eq!(rig.booked(), pages(20 + 11 + 20 + 5, 0, 0), "{last}");
        assert_eq!(rig.bookings[1], Booking { from: day(2), to: day(3), pages: pages(31, 0, 0) });
        assert_eq!(rig.device().latest_count(), Some(25));
    }
}

#[test]
fn rule_5_reaches_as_far_as_the_spike_limit() {
    let last = 999_999;
    for (low, kinds) in [(9_900, vec![]), (9_901, vec![AnomalyKind::MeterReset])] {
        let mut rig = Rig::at(of(last - 99, 0, 0));
        rig.read(1, of(low, 0, 0)).read(2, of(low + 1, 0, 0));
        assert_eq!(rig.kinds(), kinds, "{low}");
    }
    // A device of 2,000 pages a day may wrap by 40,000, and goes on at that pace.
    let mut rig = Rig::at(of(last - 30_000, 0, 0));
    for number in 1..=10 {
        rig.read(number, of(last - 30_000 + i64::try_from(number).unwrap() * 2_000, 0, 0));
    }
    rig.read(11, of(29_999, 0, 0)).read(12, of(49_999, 0, 0));
    assert!(rig.notes.is_empty());
    assert_eq!(rig.booked(), pages(20_000 + 10_001 + 49_999, 0, 0));
}

#[test]
fn rule_5_works_on_what_is_left_of_a_total_that_wraps() {
    let counters = |total, large| Counters { total: Some(total), large: Some(large), ..Counters::default() };
    let mut rig = Rig::at(counters(999_990, 300));
    rig.read(1, counters(310, 300)).read(2, counters(330, 305));
    assert!(rig.notes.is_empty());
    assert_eq!(rig.booked(), pages(335, 5, 0));
}

#[test]
fn rule_6_a_spike_goes_whole_to_suspense() {
    let mut rig = Rig::at(of(1000, 100, 0));
    rig.read(1, of(11_000, 100, 0));
    assert!(rig.notes.is_empty(), "10,000 is the limit");
    let mut rig = Rig::at(of(1000, 100, 0));
    rig.read(2, of(21_001, 120, 0));
    let note = &rig.notes[0];
    assert_eq!((note.kind, note.meter, note.held), (AnomalyKind::MeterSpike, Some(MeterKind::Small), 20_001));
    assert_eq!((note.from, note.to), (day(1), day(2)));
    assert_eq!((note.previous_count, note.count), (Some(1000), Some(21_001)));
    assert_eq!(note.key, rig.spike());
    // The other meters are booked, and counting goes on above it.
    rig.read(3, of(21_011, 120, 0));
    assert_eq!(rig.booked(), pages(10, 20, 0));
    assert_eq!(rig.device().suspense(), pages(20_001, 0, 0));
    assert_eq!(rig.device().life_count(), 20_031);
}

#[test]
fn rule_6_the_limit_follows_the_daily_mean_and_the_days_spanned() {
    let mut rig = Rig::at(of(0, 0, 0));
    for number in 1..=4 {
        rig.read(number, of(i64::try_from(number).unwrap() * 1_000, 0, 0));
    }
    rig.read(5, of(24_000, 0, 0));
    assert!(rig.notes.is_empty(), "20 times 1,000");
    // The mean is 4,800 now.
    rig.read(7, of(24_000 + 2 * 96_000, 0, 0));
    assert!(rig.notes.is_empty());
    rig.read(8, of(216_000 + 20 * 216_000 / 7 + 1, 0, 0));
    assert_eq!(rig.kinds(), [AnomalyKind::MeterSpike]);
}

#[test]
fn rule_6_pages_in_suspense_do_not_raise_the_mean() {
    let mut rig = Rig::at(of(0, 0, 0));
    rig.read(1, of(50_000, 0, 0)).read(2, of(100_000, 0, 0));
    assert_eq!(rig.notes.len(), 2);
}

#[test]
fn rule_6_an_accepted_spike_is_posted_on_its_days() {
    let mut rig = Rig::at(of(0, 0, 0));
    rig.read(2, of(30_001, 0, 0));
    let key = rig.spike();
    rig.accept(&key);
    assert_eq!(spread_out(&rig.bookings), [(1, true, pages(15_001, 0, 0)), (2, true, pages(15_000, 0, 0))]);
    assert!(rig.device().pending.is_empty());
    assert!(super::super::accept(rig.device().clone(), &key).is_none(), "only once");
}

#[test]
fn rule_6_a_rejected_spike_is_left_out_of_life() {
    let mut rig = Rig::at(of(100, 0, 0));
    rig.read(1, of(150, 0, 0)).read(2, of(50_000, 0, 0)).read(3, of(50_020, 0, 0));
    let key = rig.spike();
    rig.reject(&key);
    assert_eq!(rig.device().life_count(), 70);
    assert_eq!(
        *rig.device().meter(MeterKind::Small),
        MeterState { first_initial: 100, initial: 50_000, initial_day: day(2), mark: 50_020, closed: 50 }
    );
    rig.read(4, of(50_030, 0, 0));
    assert_eq!(rig.booked(), pages(80, 0, 0));
    assert!(super::super::reject(rig.device().clone(), &key).is_none(), "only once");
}

#[test]
fn rule_6_spikes_are_decided_in_any_order() {
    for order in [[0, 1], [1, 0]] {
        for accepted in [[true, true], [true, false], [false, true], [false, false]] {
            let mut rig = Rig::at(of(0, 0, 0));
            rig.read(1, of(20_000, 0, 0)).read(2, of(20_100, 0, 0)).read(3, of(70_000, 0, 0)).read(4, of(70_005, 0, 0));
            let keys: Vec<_> = rig.device().pending.spikes.iter().map(|spike| spike.key.clone()).collect();
            for index in order {
                if accepted[index] {
                    rig.accept(&keys[index])
                } else {
                    rig.reject(&keys[index])
                };
            }
            let expected = 105 + i64::from(accepted[0]) * 20_000 + i64::from(accepted[1]) * 49_900;
            assert_eq!((rig.booked(), rig.device().life_count()), (pages(expected, 0, 0), expected));
        }
    }
}

#[test]
fn rule_6_a_spike_of_an_ended_segment_can_still_be_decided() {
    for accepted in [true, false] {
        let mut rig = Rig::at(of(1_000_000, 0, 0));
        rig.read(1, of(1_050_000, 0, 0));
        let key = rig.spike();
        rig.read(2, of(10, 0, 0)).read(3, of(30, 0, 0));
        if accepted {
            rig.accept(&key)
        } else {
            rig.reject(&key)
        };
        assert_eq!(rig.device().life_count(), 20 + i64::from(accepted) * 50_000);
        rig.read(4, of(35, 0, 0));
        assert_eq!(rig.booked().small, 25 + i64::from(accepted) * 50_000);
    }
}

#[test]
fn rule_6_a_reading_back_in_line_withdraws_a_spike() {
    let mut rig = Rig::at(of(1000, 0, 0));
    rig.read(1, of(90_000, 0, 0));
    let key = rig.spike();
    rig.read(2, of(1_020, 0, 0));
    assert_eq!(rig.withdrawn, [key]);
    assert_eq!(spread_out(&rig.bookings), [(1, true, pages(10, 0, 0)), (2, true, pages(10, 0, 0))]);
    assert!(rig.device().pending.is_empty());
    assert_eq!((rig.device().life_count(), rig.device().latest_count()), (20, Some(1_020)));
    // Just below the old mark it is a drop, not a withdrawal.
    let mut rig = Rig::at(of(1000, 0, 0));
    rig.read(1, of(90_000, 0, 0)).read(2, of(999, 0, 0));
    assert!(rig.withdrawn.is_empty() && rig.device().pending.held.is_some());
}

#[test]
fn rule_6_pages_booked_above_a_withdrawn_spike_stay_posted() {
    let mut rig = Rig::at(of(1000, 0, 0));
    rig.read(1, of(90_000, 0, 0)).read(2, of(90_010, 0, 0)).read(3, of(200_000, 0, 0)).read(4, of(1_005, 0, 0));
    assert_eq!(rig.withdrawn.len(), 2);
    assert_eq!(rig.booked(), pages(15, 0, 0));
    rig.read(5, of(1_006, 0, 0));
    assert_eq!(rig.device().life_count(), 16);
}

#[test]
fn rule_7_out_of_scope_is_dropped_and_back_in_scope_starts_anew() {
    let mut rig = Rig::new();
    rig.ctx.scope = CollectionScope::ManagedOnly;
    rig.read(0, of(100, 0, 0)).read(1, of(110, 0, 0));
    rig.managed = false;
    rig.read(2, of(150, 0, 0)).read(3, of(200, 0, 0));
    assert!(!rig.device().managed && !rig.device().counted);
    rig.managed = true;
    rig.read(4, of(250, 0, 0)).read(5, of(251, 0, 0));
    assert_eq!(spread_out(&rig.bookings), [(1, false, pages(10, 0, 0)), (5, false, pages(1, 0, 0))]);
    assert_eq!((rig.device().initial_count(), rig.device().latest_count()), (Some(100), Some(251)));
    assert!(rig.notes.is_empty());
}

#[test]
fn rule_7_a_widened_scope_starts_unmanaged_devices_anew() {
    let mut rig = Rig::new();
    rig.ctx.scope = CollectionScope::ManagedOnly;
    rig.managed = false;
    rig.read(0, of(100, 0, 0)).read(1, of(110, 0, 0));
    assert_eq!((rig.device().initial_count(), rig.device().life_count()), (None, 0));
    rig.ctx.scope = CollectionScope::All;
    rig.read(2, of(120, 0, 0)).read(3, of(125, 0, 0));
    assert_eq!(spread_out(&rig.bookings), [(3, false, pages(5, 0, 0))]);
    // A managed one goes on.
    let mut rig = Rig::new();
    rig.ctx.scope = CollectionScope::ManagedOnly;
    rig.read(0, of(100, 0, 0));
    rig.ctx.scope = CollectionScope::All;
    rig.read(1, of(110, 0, 0));
    assert_eq!(rig.booked(), pages(10, 0, 0));
}

#[test]
fn rule_7_a_scope_drops_what_was_held() {
    let mut rig = Rig::new();
    rig.ctx.scope = CollectionScope::ManagedOnly;
    rig.read(0, of(5000, 0, 0)).read(1, of(10, 0, 0));
    rig.managed = false;
    rig.read(2, of(20, 0, 0));
    rig.managed = true;
    rig.read(3, of(30, 0, 0)).read(4, of(31, 0, 0));
    assert_eq!(rig.booked(), pages(1, 0, 0));
    assert!(rig.notes.is_empty());
}

#[test]
fn a_users_pause_leaves_out_whole_days_with_history() {
    let mut rig = Rig::new();
    let end_of = |rig: &mut Rig, number: u64, small: i64| {
        rig.ctx.day = ReadingDay::EndOf(day(number));
        rig.read(number, of(small, 0, 0));
    };
    end_of(&mut rig, 0, 100);
    end_of(&mut rig, 1, 110);
    // Paused on day 2, resumed on day 4: day 3 is the last left out, and its end is read.
    rig.ctx.left_out = left_out(&[(2, 3)]);
    end_of(&mut rig, 3, 200);
    end_of(&mut rig, 4, 204);
    end_of(&mut rig, 5, 209);
    assert_eq!(
        spread_out(&rig.bookings),
        [(1, false, pages(10, 0, 0)), (4, false, pages(4, 0, 0)), (5, false, pages(5, 0, 0))]
    );
    // A device that was silent over the pause starts anew too.
    let mut rig = Rig::at(of(100, 0, 0));
    rig.ctx.left_out = left_out(&[(2, 3)]);
    rig.read(6, of(200, 0, 0)).read(7, of(201, 0, 0));
    assert_eq!(spread_out(&rig.bookings), [(7, false, pages(1, 0, 0))]);
}

#[test]
fn days_before_a_pause_are_caught_up_after_it() {
    let mut rig = Rig::new();
    rig.ctx.left_out = left_out(&[(2, 3), (6, 8)]);
    for (number, small) in [(0, 100), (1, 101), (3, 110), (4, 112), (5, 115), (8, 130), (9, 134)] {
        rig.ctx.day = ReadingDay::EndOf(day(number));
        rig.read(number, of(small, 0, 0));
    }
    let posted: Vec<_> = spread_out(&rig.bookings).into_iter().map(|(number, _, pages)| (number, pages.small)).collect();
    assert_eq!(posted, [(1, 1), (4, 2), (5, 3), (9, 4)]);
}

#[test]
fn a_users_pause_lasts_to_the_first_reading_after_it_without_history() {
    let resumed = day(4).and_hms_opt(10, 0, 0).unwrap().and_utc();
    for manual in [true, false] {
        let mut rig = Rig::at(of(100, 0, 0));
        rig.ctx.resumed_at = Some(resumed);
        if manual {
            // Read before the resume, collected after it.
            rig.read_at(resumed - hours(2), Some(of(150, 0, 0)));
        }
        rig.read_at(resumed + hours(17), Some(of(180, 0, 0))).read(5, of(183, 0, 0));
        assert_eq!(spread_out(&rig.bookings), [(5, false, pages(3, 0, 0))]);
    }
}

#[test]
fn the_last_reading_before_activation_is_the_baseline() {
    let mut rig = Rig::new();
    rig.ctx.first_day = day(10);
    rig.read(3, of(100, 0, 0)).read(9, of(150, 0, 0)).read(10, of(155, 0, 0));
    assert_eq!(spread_out(&rig.bookings), [(10, false, pages(5, 0, 0))]);
    assert_eq!(rig.device().initial_count(), Some(150));
    // Without one on the eve, what is posted is put on days from activation on.
    let mut rig = Rig::new();
    rig.ctx.first_day = day(10);
    rig.read(3, of(100, 0, 0)).read(11, of(108, 0, 0));
    assert_eq!(spread_out(&rig.bookings), [(10, true, pages(4, 0, 0)), (11, true, pages(4, 0, 0))]);
}

#[test]
fn an_earlier_activation_joins_on_at_the_old_baseline() {
    let mut later = Rig::new();
    later.read(10, of(500, 0, 0)).read(11, of(510, 0, 0));
    let mut earlier = Rig::new();
    earlier.read(0, of(100, 0, 0)).read(1, of(40_000, 0, 0)).read(10, of(40_007, 0, 0));
    let mut rig = Rig::new();
    rig.state = Some(DeviceState::joined(earlier.state.clone().unwrap(), later.state.clone().unwrap()));
    rig.bookings = [earlier.bookings.clone(), later.bookings.clone()].concat();
    rig.check();
    assert_eq!((rig.device().initial_count(), rig.device().latest_count()), (Some(100), Some(510)));
    let key = rig.spike();
    rig.reject(&key).read(12, of(511, 0, 0));
    assert_eq!((rig.booked(), rig.device().life_count()), (pages(18, 0, 0), 18));
}

#[test]
fn an_earlier_part_is_kept_of_a_device_that_was_never_in_scope_since() {
    let mut later = Rig::new();
    (later.ctx.scope, later.managed) = (CollectionScope::ManagedOnly, false);
    later.read(10, of(500, 0, 0)).read(11, of(510, 0, 0));
    let mut earlier = Rig::new();
    earlier.read(0, of(100, 0, 0)).read(9, of(490, 0, 0));
    let mut rig = Rig::new();
    rig.state = Some(DeviceState::joined(earlier.state.clone().unwrap(), later.state.clone().unwrap()));
    rig.bookings.clone_from(&earlier.bookings);
    rig.check();
    // Its next reading in scope starts anew.
    rig.read(12, of(520, 0, 0)).read(13, of(525, 0, 0));
    assert_eq!((rig.booked(), rig.device().life_count()), (pages(395, 0, 0), 395));
}

#[test]
fn current_counters_belong_to_a_day_by_their_time() {
    let mut rig = Rig::at(of(100, 0, 0));
    let noon = day(1).and_hms_opt(12, 0, 0).unwrap().and_utc();
    // Before noon it is still day 0, on which there was a reading: the gap is empty.
    rig.read_at(noon - hours(1), Some(of(101, 0, 0)));
    rig.read_at(noon, Some(of(103, 0, 0)));
    rig.read_at(noon + hours(15), Some(of(108, 0, 0)));
    assert_eq!(spread_out(&rig.bookings), [(0, false, pages(1, 0, 0)), (1, false, pages(7, 0, 0))]);
    // Asked for with a date, they belong to that date.
    rig.ctx.day = ReadingDay::EndOf(day(3));
    rig.read_at(noon + hours(20), Some(of(110, 0, 0)));
    assert_eq!(spread_out(&rig.bookings)[2..], [(2, true, pages(1, 0, 0)), (3, true, pages(1, 0, 0))]);
}

#[test]
fn a_silent_devices_pages_are_spread_over_the_gap() {
    let mut rig = Rig::at(of(100, 0, 0));
    rig.read(1, of(110, 0, 0)).read(4, of(117, 2, 0));
    assert_eq!(
        spread_out(&rig.bookings),
        [(1, false, pages(10, 0, 0)), (2, true, pages(3, 1, 0)), (3, true, pages(2, 1, 0)), (4, true, pages(2, 0, 0))]
    );
}

#[test]
fn a_day_has_at_most_two_sums() {
    let exact = Booking { from: day(2), to: day(2), pages: pages(5, 0, 0) };
    let range = Booking { from: day(1), to: day(2), pages: pages(3, 0, 0) };
    assert_eq!(
        spread_out(&[range, exact, range, exact]),
        [(1, true, pages(4, 0, 0)), (2, false, pages(10, 0, 0)), (2, true, pages(2, 0, 0))]
    );
}

#[test]
fn counters_are_fixed_at_the_baseline() {
    let all = Counters { total: Some(1000), small: Some(900), large: Some(100), duplex: Some(50) };
    let basis = |counters| Basis::of(&counters).map(Basis::code);
    assert_eq!(basis(all).unwrap(), "SLD");
    assert_eq!(basis(Counters { small: None, ..all }).unwrap(), "NLD");
    assert_eq!(basis(Counters { small: None, large: None, duplex: None, ..all }).unwrap(), "T");
    assert_eq!(basis(Counters { small: None, total: None, ..all }), None);
    let read = |code: &str, counters| Basis::parse(code).unwrap().read(&counters);
    assert_eq!(read("SLD", all), Some([900, 100, 50]));
    assert_eq!(read("N", all), Some([1000, 0, 0]));
    assert_eq!(read("NL", all), Some([900, 100, 0]));
    assert_eq!(read("TD", all), Some([1000, 0, 50]));
    assert_eq!(read("NL", Counters { total: Some(99), ..all }), None, "SMALL below 0");
    assert_eq!(read("SL", Counters { large: None, ..all }), None);
    assert_eq!(read("S", Counters { small: Some(i64::MAX), ..all }), None);
    assert_eq!(read("S", Counters { small: Some(-1), ..all }), None);
    for code in ["", "X", "SDL", "SLDX", "ü"] {
        assert_eq!(Basis::parse(code), None);
    }
}

#[test]
fn a_reading_that_lacks_a_counter_is_skipped_and_reported_once() {
    let mut rig = Rig::at(of(1000, 100, 50));
    let lacking = Counters { duplex: None, ..of(1010, 100, 0) };
    rig.read(1, lacking).read(2, Counters { small: Some(1020), ..lacking });
    assert_eq!(rig.kinds(), [AnomalyKind::DeviceUnreadable]);
    assert_eq!(rig.booked(), Pages::ZERO);
    assert!(rig.new_data);
    // Nothing is lost when it is back within 7 days; a counter that was absent at the baseline stays out.
    rig.read(6, Counters { total: Some(99), ..of(1060, 100, 50) });
    assert_eq!(rig.booked(), pages(60, 0, 0));
    assert_eq!(rig.bookings[0].from, day(1));
    assert!(rig.device().pending.is_empty());
    rig.read(7, lacking);
    assert_eq!(rig.notes.len(), 2, "another episode");
}

#[test]
fn a_device_that_lacks_a_counter_for_seven_days_starts_anew() {
    let mut rig = Rig::at(of(1000, 100, 50));
    rig.read(1, of(1010, 100, 50)).read(2, of(500, 100, 50));
    let lacking = |small| Counters { small: Some(small), ..Counters::default() };
    rig.read(3, lacking(1030)).read(9, lacking(1090));
    assert_eq!(rig.device().basis.unwrap().code(), "SLD");
    rig.read(10, lacking(1100)).read(11, lacking(1107));
    assert_eq!(rig.device().basis.unwrap().code(), "S");
    assert_eq!(spread_out(&rig.bookings), [(1, false, pages(10, 0, 0)), (11, false, pages(7, 0, 0))]);
    assert!(rig.device().pending.is_empty());
    assert_eq!(rig.kinds(), [AnomalyKind::DeviceUnreadable]);
}

#[test]
fn a_device_without_counters_waits_for_its_baseline() {
    let mut rig = Rig::new();
    rig.read(0, Counters { duplex: Some(5), ..Counters::default() }).read(9, Counters::default());
    assert_eq!(rig.kinds(), [AnomalyKind::DeviceUnreadable]);
    assert_eq!(rig.device().initial_count(), None);
    rig.read(10, of(100, 0, 0)).read(11, of(101, 0, 0));
    assert_eq!(rig.booked(), pages(1, 0, 0));
}

#[test]
fn impossible_duplex_is_flagged_and_booked() {
    let mut rig = Rig::at(of(100, 10, 5));
    rig.read(2, of(106, 12, 9));
    assert!(rig.notes.is_empty());
    rig.read(4, of(110, 12, 12));
    assert_eq!(rig.kinds(), [AnomalyKind::DuplexImpossible]);
    assert_eq!((rig.notes[0].from, rig.notes[0].to, rig.notes[0].meter), (day(3), day(4), None));
    assert_eq!(rig.booked(), pages(10, 2, 7));
}
