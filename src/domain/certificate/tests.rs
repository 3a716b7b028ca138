use proptest::prelude::*;

use super::*;
use crate::domain::{cases, pages::StandardPages, project::ProjectStatus};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn project(name: &str) -> Project {
    Project {
        id: Uuid::from_u128(name.len() as u128),
        name: name.to_owned(),
        country: "KE".to_owned(),
        latitude: None,
        longitude: None,
        description: String::new(),
        verifier: None,
        image_url: None,
        status: ProjectStatus::Active,
        is_default: false,
        stock: None,
        allocated: 0,
        created_at: Instant::default(),
        updated_at: Instant::default(),
    }
}

#[test]
fn a_month_is_due_after_three_business_days_and_at_the_latest_on_the_10th() {
    let phase = |month_text: &str, today: &str, holidays: &Holidays| Phase::of(month(month_text), day(today), holidays);
    let none = Holidays::default();
    // April 2026 begins on a Wednesday: its third business day is Friday the 3rd.
    for (today, expected) in [
        ("2026-03-31", Phase::Open),
        ("2026-04-01", Phase::Over),
        ("2026-04-03", Phase::Over),
        ("2026-04-04", Phase::Due),
        ("2026-04-09", Phase::Due),
        ("2026-04-10", Phase::Latest),
        ("2027-01-01", Phase::Latest),
    ] {
        assert_eq!(phase("2026-03", today, &none), expected, "{today}");
    }
    // August 2026 begins on a Saturday: Monday to Wednesday are the 3rd to 5th.
    assert_eq!(phase("2026-07", "2026-08-05", &none), Phase::Over);
    assert_eq!(phase("2026-07", "2026-08-06", &none), Phase::Due);
    // Holidays put it off, but not beyond the 10th.
    let holidays: Holidays = (1..=20).map(|d| NaiveDate::from_ymd_opt(2026, 4, d).unwrap()).collect();
    assert_eq!(phase("2026-03", "2026-04-09", &holidays), Phase::Over);
    assert_eq!(phase("2026-03", "2026-04-10", &holidays), Phase::Latest);
    let easter: Holidays = [day("2026-04-03"), day("2026-04-06")].into_iter().collect();
    assert_eq!(phase("2026-03", "2026-04-07", &easter), Phase::Over);
    assert_eq!(phase("2026-03", "2026-04-08", &easter), Phase::Due);
}

#[test]
fn codes_are_typed_by_people() {
    let code = VerificationCode::generate(&IdSource::seeded(1));
    let text = code.to_string();
    assert_eq!(text.len(), 19);
    assert_eq!(text.parse::<VerificationCode>(), Ok(code.clone()));
    assert_eq!(text.to_lowercase().replace('-', " ").parse::<VerificationCode>(), Ok(code.clone()));
    assert_eq!("OIL0-1111-2222-3333".parse::<VerificationCode>().unwrap().digits(), "0110111122223333");
    for wrong in ["", "1234", "0000-0000-0000-000U", "0000-0000-0000-00000", "0000-0000-0000-000é", &"9".repeat(5000)] {
        assert_eq!(wrong.parse::<VerificationCode>(), Err(CodeError), "{wrong}");
    }
    assert!(!format!("{code:?}").contains(code.digits()));
}

#[test]
fn numbers_are_read_as_typed() {
    let number = certificate_number(month("2026-03"), 42);
    assert_eq!(number, "CR-2026-03-000042");
    assert_eq!(read_number(" cr-2026-03-000042\n"), number);
    assert_eq!(certificate_number(month("2026-03"), 1_234_567), "CR-2026-03-1234567");
}

#[test]
fn one_and_a_half_pages_go_to_the_first_project() {
    let (one, two, three) = (project("a"), project("bb"), project("ccc"));
    let parts = allocate(StandardPages(10_500_000), Methodology::CURRENT, &[&one, &two, &three]);
    let pages: Vec<i64> = parts.iter().map(|part| part.standard.0).collect();
    assert_eq!(pages, [4_500_000, 3_000_000, 3_000_000]);
    assert_eq!(parts[1].project_name, "bb");
    // 1,234,567 pages are 148.15 trees.
    let parts = allocate(StandardPages::whole(1_234_567), Methodology::CURRENT, &[&one, &two]);
    let trees: Vec<i64> = parts.iter().map(|part| part.trees).collect();
    assert_eq!(trees, [7408, 7407]);
}

proptest! {
    #![proptest_config(cases(400))]

    /// Invariant 8: parts are whole but for one fraction, not negative, and add up exactly.
    #[test]
    fn divisions_are_exact(total in 1_i64..i64::MAX / 4, count in 1_usize..=MAX_PROJECTS) {
        let projects: Vec<Project> = (0..count).map(|n| project(&"p".repeat(n + 1))).collect();
        let projects: Vec<&Project> = projects.iter().collect();
        let total = StandardPages(total);
        let parts = allocate(total, Methodology::CURRENT, &projects);
        prop_assert_eq!(parts.iter().map(|part| part.standard).sum::<StandardPages>(), total);
        prop_assert_eq!(parts.iter().map(|part| part.trees).sum::<i64>(), Methodology::CURRENT.trees_hundredths(total));
        prop_assert!(parts.iter().skip(1).all(|part| part.standard.0 % 1_000_000 == 0));
        prop_assert!(parts.iter().all(|part| part.standard.0 >= 0 && part.trees >= 0));
        let most = parts.iter().map(|part| part.standard.0).max().unwrap();
        let least = parts.iter().map(|part| part.standard.0).min().unwrap();
        prop_assert!(most - least < 2_000_000);
    }

    /// What is free and what is covered together are all numbers, each once.
    #[test]
    fn free_ranges_complete_the_covered_ones(marks in proptest::collection::vec(any::<bool>(), 0..60)) {
        let last = i64::try_from(marks.len()).unwrap();
        let numbers = |wanted: bool| (1..=last).filter(move |n| marks[usize::try_from(n - 1).unwrap()] == wanted);
        let covered: Vec<EntryRange> = numbers.clone()(true).map(|n| EntryRange { first: n, last: n }).rev().collect();
        let free = uncovered(last, covered);
        prop_assert!(free.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
        let found: Vec<i64> = free.into_iter().flat_map(|range| range.first..=range.last).collect();
        prop_assert_eq!(found, numbers(false).collect::<Vec<_>>());
    }
}
