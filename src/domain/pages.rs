//! Pages to standard pages to trees.
//!
//! Pages are 64-bit integers, standard pages integer millionths; everything else is derived from sums of these, exactly, and
//! rounded once, half to even. No float takes part. Sums saturate: absurd input gives an absurd number, never a panic.
//!
//! To change a constant, publish a further [`Methodology`]; those that exist never change.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
};

use serde::{Deserialize, Serialize};

use super::device::MeterKind;
use crate::clock::{self, Instant};

mod decimal;
mod split;

pub use decimal::{Decimal, DecimalError, format_fixed};
pub use split::{split_by_weight, split_evenly, split_standard};

/// Millionths in a whole.
const MILLION: i128 = 1_000_000;

/// Pages of one feed and day, or a difference of such: 64-bit integers, negative in corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Pages {
    /// Sides up to letter, A4 and legal.
    pub small: i64,
    /// Sides of 11x17, A3 and larger.
    pub large: i64,
    /// Sheets printed on both sides.
    pub duplex: i64,
}

impl Pages {
    /// No pages.
    pub const ZERO: Self = Self { small: 0, large: 0, duplex: 0 };

    /// Pages of one meter only.
    pub fn of(meter: MeterKind, value: i64) -> Self {
        Self::ZERO.with(meter, value)
    }

    /// What `meter` counts of them.
    pub const fn get(self, meter: MeterKind) -> i64 {
        match meter {
            MeterKind::Small => self.small,
            MeterKind::Large => self.large,
            MeterKind::Duplex => self.duplex,
        }
    }

    /// The same with `value` for `meter`.
    #[must_use]
    pub const fn with(mut self, meter: MeterKind, value: i64) -> Self {
        match meter {
            MeterKind::Small => self.small = value,
            MeterKind::Large => self.large = value,
            MeterKind::Duplex => self.duplex = value,
        }
        self
    }

    /// Sides printed, small and large.
    pub const fn sides(self) -> i64 {
        self.small.saturating_add(self.large)
    }

    /// Whether nothing was printed on any meter.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether more sheets were printed on both sides than the sides allow (`DUPLEX_IMPOSSIBLE`).
    pub const fn duplex_impossible(self) -> bool {
        self.duplex as i128 * 2 > self.small as i128 + self.large as i128
    }

    fn zip(self, other: Self, op: impl Fn(i64, i64) -> i64) -> Self {
        Self { small: op(self.small, other.small), large: op(self.large, other.large), duplex: op(self.duplex, other.duplex) }
    }
}

impl Add for Pages {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }
}

impl AddAssign for Pages {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Pages {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }
}

impl Neg for Pages {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl Sum for Pages {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::ZERO, Add::add)
    }
}

/// Standard pages (8.5" x 11", 20 lb bond) in whole millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct StandardPages(pub i64);

impl StandardPages {
    /// None.
    pub const ZERO: Self = Self(0);

    /// So many whole standard pages.
    pub const fn whole(pages: i64) -> Self {
        Self(pages.saturating_mul(1_000_000))
    }

    /// Rounded to whole pages, half to even.
    pub fn to_whole(self) -> i64 {
        clamp(div_half_even(self.0.into(), MILLION))
    }

    /// As an exact decimal with as few decimals as it needs, at most 6.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0.into(), 6).trimmed()
    }

    /// As a decimal rounded half to even to `scale` places, zeros kept (quotes use 3).
    pub fn to_fixed(self, scale: u32) -> Decimal {
        Decimal::new(self.0.into(), 6).rounded(scale)
    }
}

impl fmt::Display for StandardPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl Add for StandardPages {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for StandardPages {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for StandardPages {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for StandardPages {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for StandardPages {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::ZERO, Add::add)
    }
}

/// An amount of one kind of paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper {
    /// Sheets, 1 to 10^12.
    pub quantity: i64,
    /// Width in metres, above 0, at most 10, at most 6 decimals.
    pub width: Decimal,
    /// Height in metres, above 0, at most 10, at most 6 decimals.
    pub height: Decimal,
    /// Grammage in g/m2, above 0, at most 2000, at most 6 decimals.
    pub gsm: Decimal,
}

/// Why an amount of paper cannot be converted; each names the field of [`Paper`] it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// The quantity is not within 1 and 10^12.
    #[error("the quantity must be a whole number from 1 to 1000000000000")]
    Quantity,
    /// The width is not within its range, or too precise.
    #[error("the width must be above 0 and at most 10 metres, with at most 6 decimals")]
    Width,
    /// The height is not within its range, or too precise.
    #[error("the height must be above 0 and at most 10 metres, with at most 6 decimals")]
    Height,
    /// The grammage is not within its range, or too precise.
    #[error("the grammage must be above 0 and at most 2000 g/m2, with at most 6 decimals")]
    Gsm,
    /// There are too many kinds, or they come to more than can be counted.
    #[error("the amounts together are too large")]
    TooMuch,
}

/// The most kinds of paper in one amount.
pub const MAX_PAPERS: usize = 250;
const MAX_QUANTITY: i64 = 1_000_000_000_000;
const MAX_METRES: i128 = 10;
const MAX_GSM: i128 = 2000;

/// A numbered set of conversion constants; never changed once published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methodology {
    /// Its number; deposits and certificates record it.
    pub version: i32,
    /// Standard pages of one tree.
    pub pages_per_tree: i64,
    /// Standard pages of one large side.
    pub large_factor: Decimal,
    /// Standard pages saved by a sheet printed on both sides.
    pub duplex_credit: Decimal,
    /// Width of the standard page in metres.
    pub standard_width: Decimal,
    /// Height of the standard page in metres.
    pub standard_height: Decimal,
    /// Grammage that other papers are compared with, in g/m2.
    pub standard_gsm: Decimal,
    /// Grammage that weights on certificates use, in g/m2.
    pub weight_gsm: Decimal,
    /// How pages become trees, in plain words, with sources.
    pub description: &'static str,
    /// When it came into force, in milliseconds since 1970.
    published_ms: i64,
}

/// Every methodology, the oldest first.
pub const METHODOLOGIES: &[Methodology] = &[Methodology {
    version: 1,
    pages_per_tree: 8333,
    large_factor: Decimal::new(2, 0),
    duplex_credit: Decimal::new(1, 0),
    standard_width: Decimal::new(2159, 4),
    standard_height: Decimal::new(2794, 4),
    standard_gsm: Decimal::new(74, 0),
    weight_gsm: Decimal::new(75, 0),
    description: "A standard page is a letter-size sheet (8.5 by 11 inches, 0.2159 by 0.2794 m) of 20 lb bond paper, taken as 74 g/m2. \
        Standard pages are the small sides plus twice the large sides (11x17 has twice the area of letter), less one for each sheet \
        printed on both sides, because such a sheet was counted as two sides; never below zero for a feed and day. Paper of another \
        size or weight counts by its mass: quantity times width times height times grammage, divided by the same of a standard page. \
        One tree is exactly 8,333 standard pages, the figure that PrintReleaf publishes; it goes back to Conservatree's estimate of \
        8,333 sheets of copy paper to a tree. Trees are total standard pages divided by 8,333, rounded half to even. The weight on \
        a certificate takes 75 g/m2 for a standard page, as published certificates do. The factor of 2 and the credit of 1 are \
        Coppice's own, since no vendor-neutral formula is public.",
    published_ms: 1_767_225_600_000, // 2026-01-01T00:00:00Z
}];

impl Methodology {
    /// The one that new deposits and certificates use: the latest.
    pub const CURRENT: &'static Self = &METHODOLOGIES[METHODOLOGIES.len() - 1];

    /// The one of this number; `None` when there is none.
    pub fn find(version: i32) -> Option<&'static Self> {
        METHODOLOGIES.iter().find(|methodology| methodology.version == version)
    }

    /// When it came into force.
    pub fn published_at(&self) -> Instant {
        clock::from_millis(self.published_ms)
    }

    /// What pages come to: `small + 2 * large - duplex`, never below 0.
    pub fn standard(&self, pages: Pages) -> StandardPages {
        // Each factor has at most 6 decimals and a size of a few units, so the sums stay far inside 128 bits.
        let large = i128::from(pages.large) * self.large_factor.scaled(6).unwrap_or(0);
        let duplex = i128::from(pages.duplex) * self.duplex_credit.scaled(6).unwrap_or(0);
        StandardPages(clamp((i128::from(pages.small) * MILLION + large - duplex).max(0)))
    }

    /// What one entry comes to, given the sums of its feed and day without it (`before`); may be negative.
    ///
    /// Entries posted one after another so add up to what their sums come to, though each rounds up at 0.
    pub fn entry_standard(&self, before: Pages, entry: Pages) -> StandardPages {
        self.standard(before + entry) - self.standard(before)
    }

    /// What paper of any size and weight comes to: exact, rounded once, half to even.
    pub fn paper_standard(&self, papers: &[Paper]) -> Result<StandardPages, PaperError> {
        let one = self.mass_of_a_page().ok_or(PaperError::TooMuch)?;
        // With 6 decimals each, a kind is below 2 * 10^35 and 250 of them below 2^127.
        if papers.len() > MAX_PAPERS {
            return Err(PaperError::TooMuch);
        }
        let mass = papers.iter().map(Paper::mass).sum::<Result<i128, PaperError>>()?;
        let common = gcd(MILLION, one);
        let millionths = mass.checked_mul(MILLION / common).ok_or(PaperError::TooMuch)?;
        let rounded = div_half_even(millionths, one / common);
        i64::try_from(rounded).map(StandardPages).map_err(|_| PaperError::TooMuch)
    }

    /// Trees in hundredths, rounded half to even: accounts, volumes and certificates.
    pub fn trees_hundredths(&self, pages: StandardPages) -> i64 {
        self.trees(pages, 100)
    }

    /// Trees in thousandths, rounded half to even: quotes.
    pub fn trees_thousandths(&self, pages: StandardPages) -> i64 {
        self.trees(pages, 1000)
    }

    /// Weight in hundredths of a kilogram, as certificates state it, rounded half to even.
    pub fn weight_kg_hundredths(&self, pages: StandardPages) -> i64 {
        let (width, height, gsm) = (self.standard_width, self.standard_height, self.weight_gsm);
        let grams = width.digits() * height.digits() * gsm.digits();
        let scale = 10_i128.pow(width.scale() + height.scale() + gsm.scale());
        // Hundredths of a kilogram are 10 g, and the pages are millionths.
        clamp(div_half_even(i128::from(pages.0) * grams, scale * 10 * MILLION))
    }

    fn trees(&self, pages: StandardPages, parts: i128) -> i64 {
        clamp(div_half_even(i128::from(pages.0) * parts, i128::from(self.pages_per_tree) * MILLION))
    }

    /// Width times height times grammage of a standard page, each in millionths.
    fn mass_of_a_page(&self) -> Option<i128> {
        Some(self.standard_width.scaled(6)? * self.standard_height.scaled(6)? * self.standard_gsm.scaled(6)?)
    }
}

impl Paper {
    /// Quantity times width times height times grammage, each in millionths.
    fn mass(&self) -> Result<i128, PaperError> {
        let within = |value: Decimal, most: i128| value.scaled(6).filter(|v| (1..=most * MILLION).contains(v));
        if !(1..=MAX_QUANTITY).contains(&self.quantity) {
            return Err(PaperError::Quantity);
        }
        let width = within(self.width, MAX_METRES).ok_or(PaperError::Width)?;
        let height = within(self.height, MAX_METRES).ok_or(PaperError::Height)?;
        let gsm = within(self.gsm, MAX_GSM).ok_or(PaperError::Gsm)?;
        Ok(i128::from(self.quantity) * width * height * gsm)
    }
}

/// The price of whole standard pages at `rate` each, with 2 decimals, half to even; `None` for a rate below 0 or a price too large.
pub fn price(pages: StandardPages, rate: Decimal) -> Option<Decimal> {
    if rate.digits() < 0 {
        return None;
    }
    let exact = i128::from(pages.to_whole()).checked_mul(rate.digits())?;
    let cents = if rate.scale() >= 2 {
        div_half_even(exact, 10_i128.pow(rate.scale() - 2))
    } else {
        exact.checked_mul(10_i128.pow(2 - rate.scale()))?
    };
    Some(Decimal::new(cents, 2))
}

/// `numerator / denominator` rounded to the nearest whole, half to even; the denominator is above 0.
fn div_half_even(numerator: i128, denominator: i128) -> i128 {
    let floor = numerator.div_euclid(denominator);
    let rest = numerator.rem_euclid(denominator);
    match rest.cmp(&(denominator - rest)) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
