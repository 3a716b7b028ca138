//! Exact decimal numbers: what the API takes and gives as text.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

use super::div_half_even;

/// The most digits a decimal may have; more do not fit 128 bits.
const MAX_DIGITS: usize = 38;

/// An exact decimal number: `digits / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not an optional sign, digits and an optional point; exponents and separators are not known.
    #[error("must be a decimal number such as 14.82")]
    NotANumber,
    /// More digits than can be held.
    #[error("must have at most 38 digits")]
    TooLong,
}

impl Decimal {
    /// `digits / 10^scale`; the scale is cut to 38.
    pub const fn new(digits: i128, scale: u32) -> Self {
        Self { digits, scale: if scale > 38 { 38 } else { scale } }
    }

    /// The digits without the point.
    pub const fn digits(self) -> i128 {
        self.digits
    }

    /// How many of the digits stand behind the point, 0 to 38.
    pub const fn scale(self) -> u32 {
        self.scale
    }

    /// The number in units of `10^-scale`; `None` if it is not a whole number of these, or too large.
    pub fn scaled(self, scale: u32) -> Option<i128> {
        let trimmed = self.trimmed();
        let power = 10_i128.checked_pow(scale.checked_sub(trimmed.scale)?)?;
        trimmed.digits.checked_mul(power)
    }

    /// Without zeros at its end behind the point.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        while self.scale > 0
            && let Some(tenth) = tenth(self.digits)
        {
            self.digits = tenth;
            self.scale -= 1;
        }
        self
    }

    /// With exactly `scale` digits behind the point, half to even; as it is when more zeros would not fit.
    #[must_use]
    pub fn rounded(self, scale: u32) -> Self {
        if scale < self.scale {
            return Self { digits: div_half_even(self.digits, 10_i128.pow(self.scale - scale)), scale };
        }
        match 10_i128.checked_pow(scale - self.scale).and_then(|power| self.digits.checked_mul(power)) {
            Some(digits) => Self { digits, scale },
            None => self,
        }
    }
}

/// A tenth of `digits`, if that is a whole number. 64 bits, which are enough for most, are divided many times faster.
fn tenth(digits: i128) -> Option<i128> {
    match i64::try_from(digits) {
        Ok(digits) => (digits % 10 == 0).then(|| (digits / 10).into()),
        Err(_) => (digits % 10 == 0).then_some(digits / 10),
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_fixed(self.digits, self.scale))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads an XML Schema decimal: `1`, `-0.25`, `+3.`, `.5`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::NotANumber);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() + fraction.len() > MAX_DIGITS {
            return Err(DecimalError::TooLong);
        }
        let digits = whole.bytes().chain(fraction.bytes()).fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        // At most 38, so the conversion cannot fail.
        let scale = u32::try_from(fraction.len()).map_err(|_| DecimalError::TooLong)?;
        Ok(Self { digits: if negative { -digits } else { digits }, scale })
    }
}

/// `value / 10^scale` as text with exactly `scale` digits behind the point: `format_fixed(1482, 2)` is `14.82`.
pub fn format_fixed(value: i128, scale: u32) -> String {
    let scale = scale as usize;
    let mut text = String::with_capacity(24);
    if value < 0 {
        text.push('-');
    }
    // Writing to text cannot fail.
    let _ = write!(text, "{:0>width$}", value.unsigned_abs(), width = scale + 1);
    if scale > 0 {
        text.insert(text.len() - scale, '.');
    }
    text
}
