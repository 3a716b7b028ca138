//! Figures and dates in words, in English.

use chrono::{Datelike as _, NaiveDate};

use crate::domain::{
    calendar::Month,
    pages::{Decimal, Methodology, StandardPages},
};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `May 2026`.
pub(super) fn month(month: Month) -> String {
    format!("{} {}", name(month.number()), month.year())
}

/// `4 June 2026`.
pub(super) fn date(day: NaiveDate) -> String {
    format!("{} {} {}", day.day(), name(day.month()), day.year())
}

fn name(month: u32) -> &'static str {
    usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).copied().unwrap_or_default()
}

/// With commas between thousands: `2,475,111`, `1,234.50`.
pub(super) fn grouped(value: Decimal) -> String {
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Standard pages: whole, or with the two decimals that a fraction of a page needs.
pub(super) fn pages(pages: StandardPages) -> String {
    let fixed = pages.to_fixed(2);
    grouped(if fixed.trimmed().scale() == 0 { fixed.trimmed() } else { fixed })
}

/// Trees, from hundredths: `297.03`.
pub(super) fn trees(hundredths: i64) -> String {
    grouped(Decimal::new(hundredths.into(), 2))
}

/// A weight in kilograms and pounds: whole ones from 100 up, else with two decimals.
pub(super) fn weight(kg_hundredths: i64) -> (String, String) {
    let show = |hundredths: i128| {
        let exact = Decimal::new(hundredths, 2);
        grouped(if hundredths.abs() >= 10_000 { exact.rounded(0) } else { exact })
    };
    let kg = i128::from(kg_hundredths);
    // A pound is 0.45359237 kg.
    let pounds = (kg * 100_000_000 + 45_359_237 / 2) / 45_359_237;
    (show(kg), show(pounds))
}

/// What the constants of a methodology say, in sentences.
pub(super) fn methodology(methodology: &Methodology) -> String {
    let Methodology { version, pages_per_tree, large_factor, duplex_credit, .. } = methodology;
    let (width, height) = (methodology.standard_width, methodology.standard_height);
    format!(
        "Methodology {version}: one tree is {} standard pages. A standard page is {width} × {height} m of paper of {} g/m²; large sides \
         count {large_factor} times, and each sheet printed on both sides counts {duplex_credit} less. Weight is stated at {} g/m².",
        grouped(Decimal::new((*pages_per_tree).into(), 0)),
        methodology.standard_gsm,
        methodology.weight_gsm,
    )
}
