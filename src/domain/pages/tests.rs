use proptest::prelude::*;

use super::*;

const M: &Methodology = Methodology::CURRENT;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn paper(quantity: i64, width: &str, height: &str, gsm: &str) -> Paper {
    Paper { quantity, width: decimal(width), height: decimal(height), gsm: decimal(gsm) }
}

fn standard(papers: &[Paper]) -> StandardPages {
    M.paper_standard(papers).unwrap()
}

#[test]
fn published_figures_of_trees() {
    for (pages, trees) in [
        (1_234, "0.15"),
        (12_345, "1.48"),
        (123_456, "14.82"),
        (1_234_567, "148.15"),
        (2_469_134, "296.31"),
        (16_666, "2.00"),
        (2_475_111, "297.03"),
    ] {
        let hundredths = M.trees_hundredths(StandardPages::whole(pages));
        assert_eq!(format_fixed(hundredths.into(), 2), trees, "{pages} pages");
    }
    assert_eq!(format_fixed(M.trees_thousandths(StandardPages::whole(525_377)).into(), 3), "63.048");
}

#[test]
fn published_weight_of_a_certificate() {
    let hundredths = M.weight_kg_hundredths(StandardPages::whole(2_475_111));
    assert_eq!(hundredths, 1_119_786);
    // A pound is exactly 0.45359237 kg.
    assert_eq!(div_half_even(i128::from(hundredths) * 1_000_000, 45_359_237), 24_687);
}

#[test]
fn published_quote() {
    let quote = standard(&[paper(20_000, "0.2127", "0.2762", "216"), paper(400_000, "0.2127", "0.2762", "89.0")]);
    assert_eq!(quote.to_whole(), 525_377);
    assert_eq!(price(quote, decimal("0.0003")).unwrap().to_string(), "157.61");
}

/// The published figure of A3, 2.2355, is the exact one cut off; rounded it would be 2.2356. The exact ones are held.
#[test]
fn published_papers() {
    for (paper, exact, published) in [
        (paper(1, "0.2159", "0.2794", "74"), "1", "1.000"),
        (paper(1, "0.2794", "0.4318", "74"), "2", "2.000"),
        (paper(1, "0.210", "0.297", "80"), "1.117776", "1.1178"),
        (paper(1, "0.297", "0.420", "80"), "2.235553", "2.2355"),
    ] {
        let pages = standard(&[paper]);
        assert_eq!(pages.to_string(), exact);
        let off = i128::from(pages.0) - decimal(published).scaled(6).unwrap();
        assert!((-50..100).contains(&off), "{published} is not {pages}");
    }
}

#[test]
fn paper_out_of_range_is_refused_by_field() {
    let good = paper(1, "0.2159", "0.2794", "74");
    let refused = |paper| M.paper_standard(&[good, paper]).unwrap_err();
    assert_eq!(refused(Paper { quantity: 0, ..good }), PaperError::Quantity);
    assert_eq!(refused(Paper { quantity: MAX_QUANTITY + 1, ..good }), PaperError::Quantity);
    assert_eq!(refused(Paper { width: decimal("0"), ..good }), PaperError::Width);
    assert_eq!(refused(Paper { width: decimal("10.000001"), ..good }), PaperError::Width);
    assert_eq!(refused(Paper { height: decimal("0.1234567"), ..good }), PaperError::Height);
    assert_eq!(refused(Paper { gsm: decimal("-74"), ..good }), PaperError::Gsm);
    assert_eq!(refused(paper(MAX_QUANTITY, "10", "10", "2000")), PaperError::TooMuch);
    assert_eq!(M.paper_standard(&vec![good; MAX_PAPERS + 1]), Err(PaperError::TooMuch));
    // The most digits that are allowed, and an amount that just fits.
    let most = paper(MAX_QUANTITY, "0.215901", "0.279399", "74.000001");
    assert_eq!(standard(&[most]).to_whole(), 1_000_001_066_173);
    assert_eq!(M.paper_standard(&vec![most; 9]).unwrap().to_whole(), 9_000_009_595_556);
}

#[test]
fn sides_and_sheets_to_standard_pages() {
    let of = |small, large, duplex| M.standard(Pages { small, large, duplex });
    assert_eq!(of(100, 10, 30), StandardPages::whole(90));
    assert_eq!(of(10, 0, 30), StandardPages::ZERO);
    // Absurd input saturates.
    assert_eq!(of(i64::MAX, i64::MAX, i64::MIN), StandardPages(i64::MAX));
    assert_eq!(of(i64::MIN, i64::MIN, i64::MAX), StandardPages::ZERO);
    assert_eq!((Pages::of(MeterKind::Small, i64::MAX) + Pages::of(MeterKind::Small, 1)).small, i64::MAX);
    assert_eq!((-Pages::of(MeterKind::Large, i64::MIN)).large, i64::MAX);
}

#[test]
fn impossible_duplex() {
    let impossible = |small, large, duplex| Pages { small, large, duplex }.duplex_impossible();
    assert!(!impossible(3, 1, 2));
    assert!(!impossible(3, 0, 1));
    assert!(impossible(3, 0, 2));
    assert!(impossible(0, 0, i64::MAX));
    assert!(!impossible(0, 0, 0));
}

#[test]
fn rounding_is_half_to_even() {
    for (value, rounded) in
        [("0.125", "0.12"), ("0.135", "0.14"), ("-0.125", "-0.12"), ("-0.135", "-0.14"), ("0.1251", "0.13"), ("7", "7.00")]
    {
        assert_eq!(decimal(value).rounded(2).to_string(), rounded);
    }
    assert_eq!(StandardPages(500_000).to_whole(), 0);
    assert_eq!(StandardPages(1_500_000).to_whole(), 2);
}

#[test]
fn decimals_as_text() {
    for (text, shown) in [
        ("14.82", "14.82"),
        ("-0.25", "-0.25"),
        ("+3.", "3"),
        (".5", "0.5"),
        ("007.10", "7.10"),
        ("-0", "0"),
        ("0.000001", "0.000001"),
    ] {
        assert_eq!(decimal(text).to_string(), shown);
    }
    for text in ["", ".", "-", "1e3", "1,5", " 1", "1.2.3", "--1", "0x1", "NaN", "١"] {
        assert_eq!(text.parse::<Decimal>(), Err(DecimalError::NotANumber), "{text:?}");
    }
    assert_eq!("1".repeat(39).parse::<Decimal>(), Err(DecimalError::TooLong));
    assert_eq!(decimal(&"9".repeat(38)).to_string(), "9".repeat(38));
    assert_eq!(StandardPages(1_117_800).to_string(), "1.1178");
    assert_eq!(StandardPages(-1_000_000).to_string(), "-1");
    assert_eq!(StandardPages(-1).to_string(), "-0.000001");
}

#[test]
fn prices() {
    assert_eq!(price(StandardPages::whole(3), decimal("2")).unwrap().to_string(), "6.00");
    assert_eq!(price(StandardPages(2_400_000), decimal("0.5")).unwrap().to_string(), "1.00");
    assert_eq!(price(StandardPages::whole(1), decimal("-1")), None);
    assert_eq!(price(StandardPages(i64::MAX), decimal(&"9".repeat(38))), None);
}

#[test]
fn the_current_methodology_is_the_latest() {
    assert_eq!(M.version, 1);
    assert_eq!(Methodology::find(1), Some(M));
    assert_eq!(Methodology::find(2), None);
    assert_eq!(M.published_at().to_rfc3339(), "2026-01-01T00:00:00+00:00");
}

fn any_pages() -> impl Strategy<Value = Pages> {
    (any::<i64>(), any::<i64>(), any::<i64>()).prop_map(|(small, large, duplex)| Pages { small, large, duplex })
}

fn sane_pages() -> impl Strategy<Value = Pages> {
    (-1_000_000_i64..1_000_000, -1_000_000_i64..1_000_000, -1_000_000_i64..1_000_000).prop_map(|(small, large, duplex)| Pages {
        small,
        large,
        duplex,
    })
}

proptest! {
    #![proptest_config(crate::domain::cases(500))]

    /// Invariant 8.
    #[test]
    fn even_parts_are_whole_not_negative_and_add_up(total in 0..=i64::MAX, parts in 1_usize..400) {
        let split = split_evenly(total, parts);
        prop_assert_eq!(split.len(), parts);
        prop_assert_eq!(split.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(total));
        prop_assert!(split.iter().all(|&p| p >= 0 && split[0] - p <= 1));
        prop_assert!(split.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn negative_totals_split_too(total in i64::MIN..0, parts in 1_usize..400) {
        let split = split_evenly(total, parts);
        prop_assert_eq!(split.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(total));
        prop_assert!(split.iter().all(|&p| p <= 0));
    }

    #[test]
    fn standard_pages_split_whole_but_for_one_fraction(total in 0..=i64::MAX, parts in 1_usize..50) {
        let split = split_standard(StandardPages(total), parts);
        prop_assert_eq!(split.iter().copied().sum::<StandardPages>().0, total);
        prop_assert!(split.iter().all(|p| p.0 >= 0));
        prop_assert!(split[1..].iter().all(|p| p.0 % 1_000_000 == 0));
    }

    #[test]
    fn weighted_parts_are_not_negative_and_add_up(total in 0..=i64::MAX, weights in prop::collection::vec(0..=i64::MAX, 1..30)) {
        let split = split_by_weight(total, &weights);
        prop_assert_eq!(split.iter().map(|&p| i128::from(p)).sum::<i128>(), i128::from(total));
        let sum = weights.iter().map(|&w| i128::from(w)).sum::<i128>();
        for (&part, &weight) in split.iter().zip(&weights) {
            prop_assert!(part >= 0);
            if sum > 0 {
                let exact = i128::from(total) * i128::from(weight) / sum;
                prop_assert!((exact..=exact + 1).contains(&i128::from(part)));
            }
        }
    }

    #[test]
    fn entries_add_up_to_what_their_sums_come_to(entries in prop::collection::vec(sane_pages(), 0..20)) {
        let mut sums = Pages::ZERO;
        let mut posted = StandardPages::ZERO;
        for entry in entries {
            posted += M.entry_standard(sums, entry);
            sums += entry;
            prop_assert_eq!(posted, M.standard(sums));
        }
    }

    #[test]
    fn nothing_panics(a in any_pages(), b in any_pages(), pages in any::<i64>(), digits in any::<i128>(), scale in 0_u32..60) {
        let _ = (a + b, a - b, -a, a.sides(), a.duplex_impossible(), M.entry_standard(a, b));
        let pages = StandardPages(pages);
        let _ = (M.trees_hundredths(pages), M.trees_thousandths(pages), M.weight_kg_hundredths(pages), pages.to_string());
        let decimal = Decimal::new(digits.max(-i128::MAX), scale);
        let _ = (price(pages, decimal), decimal.trimmed(), decimal.rounded(3), decimal.scaled(6), decimal.to_string());
    }

    #[test]
    fn text_of_a_decimal_reads_back(digits in -(10_i128.pow(37))..10_i128.pow(37), scale in 0_u32..30) {
        let decimal = Decimal::new(digits, scale);
        prop_assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal));
    }
}
