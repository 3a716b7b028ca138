use chrono::Utc;
use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn time(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse::<DateTime<Utc>>().unwrap()
}

fn zone(name: &str) -> Tz {
    name.parse().unwrap()
}

const ZONES: [&str; 14] = [
    "UTC",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Pacific/Kwajalein",
    "America/Sao_Paulo",
    "Pacific/Kiritimati",
    "Europe/Dublin",
];

#[test]
fn a_day_is_what_the_wall_shows() {
    assert_eq!(day_of(at("2026-03-01T18:14:59.999Z"), zone("Asia/Kathmandu")), day("2026-03-01"));
    assert_eq!(day_of(at("2026-03-01T18:15:00Z"), zone("Asia/Kathmandu")), day("2026-03-02"));
    assert_eq!(day_of(at("2024-02-29T23:30:00Z"), zone("America/St_Johns")), day("2024-02-29"));
    assert_eq!(day_of(at("2024-02-29T23:30:00Z"), zone("Europe/Berlin")), day("2024-03-01"));
}

#[test]
fn days_of_23_and_25_hours() {
    for (name, date, minutes) in [
        ("Europe/Berlin", "2026-03-29", 23 * 60),
        ("Europe/Berlin", "2026-10-25", 25 * 60),
        ("Australia/Lord_Howe", "2026-04-05", 24 * 60 + 30),
        ("Australia/Lord_Howe", "2026-10-04", 24 * 60 - 30),
        ("America/Havana", "2026-11-01", 25 * 60),
        ("Asia/Beirut", "2026-03-29", 23 * 60),
        ("Asia/Kathmandu", "2026-02-28", 24 * 60),
    ] {
        let (start, end) = (start_of_day(day(date), zone(name)), end_of_day(day(date), zone(name)));
        assert_eq!((end - start).num_minutes(), minutes, "{name} {date}");
        assert_eq!(end, start_of_day(next(day(date)), zone(name)), "{name} {date}");
    }
}

#[test]
fn a_date_that_was_left_out_has_no_instant() {
    let apia = zone("Pacific/Apia");
    let leap = at("2011-12-30T10:00:00Z");
    assert_eq!(day_of(leap - TimeDelta::milliseconds(1), apia), day("2011-12-29"));
    assert_eq!(day_of(leap, apia), day("2011-12-31"));
    for skipped in ["2011-12-30", "2011-12-31"] {
        assert_eq!(start_of_day(day(skipped), apia), leap);
    }
    assert_eq!(end_of_day(day("2011-12-29"), apia), leap);
    assert_eq!(end_of_day(day("2011-12-30"), apia), leap);
}

#[test]
fn a_day_that_begins_twice_ends_after_the_last_of_it() {
    // At 00:01 clocks went back to 23:01 of the day before.
    let (st_johns, eve) = (zone("America/St_Johns"), day("2010-11-06"));
    assert_eq!(start_of_day(day("2010-11-07"), st_johns), at("2010-11-07T02:30:00Z"));
    assert_eq!(end_of_day(eve, st_johns), at("2010-11-07T03:30:00Z"));
    assert_eq!(day_of(at("2010-11-07T03:29:59Z"), st_johns), eve);
}

#[test]
fn local_times_that_do_not_exist_or_come_twice() {
    let berlin = zone("Europe/Berlin");
    assert_eq!(local_instant(day("2026-03-29"), time("02:30:00"), berlin), at("2026-03-29T01:00:00Z"));
    assert_eq!(local_instant(day("2026-10-25"), time("02:30:00"), berlin), at("2026-10-25T00:30:00Z"));
    let lord_howe = zone("Australia/Lord_Howe");
    assert_eq!(local_instant(day("2026-10-04"), time("02:15:00"), lord_howe), at("2026-10-03T15:30:00Z"));
    assert_eq!(local_instant(day("2026-04-05"), time("01:45:00"), lord_howe), at("2026-04-04T14:45:00Z"));
}

#[test]
fn nightly_starts_once_a_night() {
    let (berlin, half_past_two) = (zone("Europe/Berlin"), time("02:30:00"));
    let spring = next_nightly(at("2026-03-28T12:00:00Z"), half_past_two, berlin);
    assert_eq!(spring, at("2026-03-29T01:00:00Z"));
    assert_eq!(next_nightly(spring, half_past_two, berlin), at("2026-03-30T00:30:00Z"));
    let autumn = next_nightly(at("2026-10-24T12:00:00Z"), half_past_two, berlin);
    assert_eq!(autumn, at("2026-10-25T00:30:00Z"));
    assert_eq!(next_nightly(autumn, half_past_two, berlin), at("2026-10-26T01:30:00Z"));
    assert_eq!(latest_nightly(at("2026-10-25T01:30:00Z"), half_past_two, berlin), autumn);
    assert_eq!(night_of(at("2026-10-25T00:29:59Z"), half_past_two, berlin), day("2026-10-24"));
    assert_eq!(night_of(autumn, half_past_two, berlin), day("2026-10-25"));
}

#[test]
fn current_counters_belong_to_the_day_they_end() {
    let kathmandu = zone("Asia/Kathmandu");
    assert_eq!(reading_day(at("2026-03-02T06:14:59Z"), kathmandu), day("2026-03-01"));
    assert_eq!(reading_day(at("2026-03-02T06:15:00Z"), kathmandu), day("2026-03-02"));
    assert_eq!(reading_day(at("2024-03-01T03:00:00Z"), zone("UTC")), day("2024-02-29"));
}

#[test]
fn months() {
    let february: Month = "2024-02".parse().unwrap();
    assert_eq!((february.first_day(), february.last_day()), (day("2024-02-01"), day("2024-02-29")));
    assert_eq!(february.to_string(), "2024-02");
    assert_eq!((february.year(), february.number()), (2024, 2));
    assert!(february.contains(day("2024-02-29")) && !february.contains(day("2023-02-28")));
    let names = |from: &str, to: &str| {
        let (from, to): (Month, Month) = (from.parse().unwrap(), to.parse().unwrap());
        from.through(to).map(|month| month.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("2023-11", "2024-02"), ["2023-11", "2023-12", "2024-01", "2024-02"]);
    assert!(names("2024-02", "2024-01").is_empty());
    assert_eq!(Month::of(day("2026-12-31")).next().to_string(), "2027-01");
    assert_eq!(Month::of(day("2026-01-31")).previous().to_string(), "2025-12");
    assert_eq!(Month::of(day("2026-06-30")).quarter().to_string(), "2026-04");
    assert_eq!(Month::of(day("2026-06-30")).january().to_string(), "2026-01");
    for text in ["2024-13", "2024-00", "0000-01", "2024-1", "24-01", "2024-01-01", "+024-01", "2024/01", "", "-", "２024-01"] {
        assert_eq!(text.parse::<Month>(), Err(MonthError), "{text:?}");
    }
}

#[test]
fn business_days() {
    let new_year: Holidays = [day("2026-01-01")].into_iter().collect();
    let none = Holidays::default();
    // From Wednesday 31 December to Monday 5 January.
    assert_eq!(none.business_days(day("2025-12-31"), day("2026-01-05")), 3);
    assert_eq!(new_year.business_days(day("2025-12-31"), day("2026-01-05")), 2);
    assert_eq!(none.business_days(day("2026-01-05"), day("2026-01-05")), 0);
    assert_eq!(none.business_days(day("2026-01-06"), day("2026-01-05")), 0);
    let january: Month = "2026-01".parse().unwrap();
    assert_eq!(january.business_day(3, &none), day("2026-01-05"));
    assert_eq!(january.business_day(3, &new_year), day("2026-01-06"));
}

#[test]
fn points_are_cut_to_the_range() {
    let points = |interval: Interval, from: &str, to: &str| {
        interval.points(day(from), day(to)).map(|(a, b)| format!("{a}/{b}")).collect::<Vec<_>>()
    };
    assert_eq!(
        points(Interval::Week, "2025-12-31", "2026-01-13"),
        ["2025-12-31/2026-01-04", "2026-01-05/2026-01-11", "2026-01-12/2026-01-13"]
    );
    assert_eq!(
        points(Interval::Month, "2024-01-31", "2024-03-01"),
        ["2024-01-31/2024-01-31", "2024-02-01/2024-02-29", "2024-03-01/2024-03-01"]
    );
    assert_eq!(points(Interval::Day, "2024-02-29", "2024-03-01"), ["2024-02-29/2024-02-29", "2024-03-01/2024-03-01"]);
    assert!(points(Interval::Day, "2024-03-01", "2024-02-29").is_empty());
    assert_eq!(Interval::Day.points(NaiveDate::MIN, NaiveDate::MAX).take(1101).count(), 1101);
    assert_eq!(Interval::Week.points(NaiveDate::MAX, NaiveDate::MAX).count(), 1);
}

#[test]
fn lists_of_days() {
    assert_eq!(
        days(day("2024-02-28"), day("2024-03-01")).collect::<Vec<_>>(),
        ["2024-02-28", "2024-02-29", "2024-03-01"].map(day)
    );
    assert_eq!(days(day("2024-03-01"), day("2024-02-28")).len(), 0);
    assert_eq!(days(day("2024-02-28"), day("2024-03-01")).next_back(), Some(day("2024-03-01")));
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop_oneof![prop::sample::select(&ZONES[..]).prop_map(zone), prop::sample::select(&chrono_tz::TZ_VARIANTS[..])]
}

/// Instants from 1960 to 2040, every third of them near a change of some clock.
fn any_instant() -> impl Strategy<Value = Instant> {
    let leaps = vec![
        "2011-12-30T10:00:00Z",
        "2010-11-07T02:31:00Z",
        "1993-08-21T12:00:00Z",
        "1969-09-30T13:00:00Z",
        "2026-10-25T01:00:00Z",
    ];
    prop_oneof![
        2 => (-315_619_200_000_i64..2_208_988_800_000).prop_map(crate::clock::from_millis),
        1 => (prop::sample::select(leaps), -180_000_000_i64..180_000_000)
            .prop_map(|(leap, offset)| at(leap) + TimeDelta::milliseconds(offset)),
    ]
}

proptest! {
    #![proptest_config(crate::domain::cases(2000))]

    /// Invariant 10: the day is the wall's date, lies within its own bounds, and its month holds it.
    #[test]
    fn each_instant_is_in_exactly_one_day(zone in any_zone(), instant in any_instant()) {
        let today = day_of(instant, zone);
        prop_assert_eq!(today, instant.with_timezone(&zone).date_naive());
        prop_assert!(start_of_day(today, zone) <= instant);
        prop_assert!(instant < end_of_day(today, zone));
        prop_assert!(Month::of(today).contains(today));
        prop_assert!(Month::of(today).first_day() <= today && today <= Month::of(today).last_day());
        // A day neither starts nor ends within another, but where clocks go back over midnight.
        for other in [previous(today), next(today)] {
            let (start, end) = (start_of_day(other, zone), end_of_day(other, zone));
            let repeated = end_of_day(previous(other.max(today)), zone) > start_of_day(other.max(today), zone);
            prop_assert!(repeated || instant < start || end <= instant);
        }
    }

    #[test]
    fn a_reading_belongs_to_the_day_or_the_day_before(zone in any_zone(), instant in any_instant()) {
        let today = day_of(instant, zone);
        let before_noon = instant.with_timezone(&zone).time() < time("12:00:00");
        prop_assert_eq!(reading_day(instant, zone), if before_noon { previous(today) } else { today });
    }

    /// A local time that exists is found; every other is the first instant that shows a later one.
    #[test]
    fn local_times_are_found(zone in any_zone(), instant in any_instant(), minute in 0_u32..1440) {
        let (today, time) = (day_of(instant, zone), NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap());
        let found = local_instant(today, time, zone);
        let shown = |instant: Instant| instant.with_timezone(&zone).naive_local();
        if shown(found) != today.and_time(time) {
            prop_assert!(shown(found) > today.and_time(time));
            prop_assert!(shown(found - TimeDelta::seconds(1)) < today.and_time(time));
        }
    }

    #[test]
    fn nightly_starts_follow_each_other(zone in any_zone(), instant in any_instant(), minute in 0_u32..1440) {
        let nightly_at = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap();
        let next = next_nightly(instant, nightly_at, zone);
        let latest = latest_nightly(instant, nightly_at, zone);
        prop_assert!(latest <= instant && instant < next);
        prop_assert_eq!(next_nightly(latest, nightly_at, zone), next);
        prop_assert_eq!(latest_nightly(next, nightly_at, zone), next);
        // Two days and the largest leap.
        prop_assert!(next - latest < TimeDelta::hours(49));
    }

    #[test]
    fn points_cover_the_range_without_gap(from in 0_u64..40_000, length in 0_u64..800, interval in prop::sample::select(Interval::ALL)) {
        let from = day("1960-01-01") + Days::new(from);
        let to = from + Days::new(length);
        let mut expected = from;
        for (first, last) in interval.points(from, to) {
            prop_assert_eq!(first, expected);
            prop_assert!(first <= last);
            expected = next(last);
        }
        prop_assert_eq!(expected, next(to));
    }

    #[test]
    fn months_as_text_read_back(year in 1_i32..=9999, month in 1_u32..=12) {
        let month = Month::new(year, month).unwrap();
        prop_assert_eq!(month.to_string().parse::<Month>(), Ok(month));
        prop_assert_eq!(month.next().previous(), month);
    }
}
