//! Which of the vendor's counters a device is read by.

use serde::{Deserialize, Serialize};

use super::MAX_COUNT;
use crate::domain::device::Counters;

/// Which of the vendor's counters a device is read by, fixed at its baseline: a counter that was absent then is 0 for good, one
/// that was there must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// What SMALL is made of.
    pub small: SmallBasis,
    /// Whether there is a counter of large sides; without one LARGE is 0.
    pub large: bool,
    /// Whether there is a counter of two-sided sheets; without one DUPLEX is 0.
    pub duplex: bool,
}

/// What SMALL is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SmallBasis {
    /// The counter of small sides.
    Small,
    /// All sides less the large ones.
    TotalLessLarge,
    /// All sides.
    Total,
}

impl Basis {
    /// The best that these counters allow: small sides, else all sides less the large ones, else all sides; `None` without either.
    pub fn of(counters: &Counters) -> Option<Self> {
        let small = match counters {
            Counters { small: Some(_), .. } => SmallBasis::Small,
            Counters { total: Some(_), large: Some(_), .. } => SmallBasis::TotalLessLarge,
            Counters { total: Some(_), .. } => SmallBasis::Total,
            _ => return None,
        };
        Some(Self { small, large: counters.large.is_some(), duplex: counters.duplex.is_some() })
    }

    /// The meters in the order of `MeterKind::ALL`; `None` if one of its counters is missing, below 0 or above [`MAX_COUNT`], or
    /// SMALL would be below 0.
    pub fn read(self, counters: &Counters) -> Option<[i64; 3]> {
        let given = |counter: Option<i64>| counter.filter(|value| (0..=MAX_COUNT).contains(value));
        let large = if self.large { given(counters.large)? } else { 0 };
        let duplex = if self.duplex { given(counters.duplex)? } else { 0 };
        let small = match self.small {
            SmallBasis::Small => given(counters.small)?,
            SmallBasis::TotalLessLarge => given(counters.total)? - large,
            SmallBasis::Total => given(counters.total)?,
        };
        (small >= 0).then_some([small, large, duplex])
    }

    /// The code it is stored by: the SMALL counter's letter, then `L` and `D` for the other counters.
    pub fn code(self) -> String {
        let small = match self.small {
            SmallBasis::Small => "S",
            SmallBasis::TotalLessLarge => "N",
            SmallBasis::Total => "T",
        };
        format!("{small}{}{}", if self.large { "L" } else { "" }, if self.duplex { "D" } else { "" })
    }

    /// The basis of a code; `None` for any other text.
    pub fn parse(code: &str) -> Option<Self> {
        let (small, rest) = code.split_at_checked(1)?;
        let small = match small {
            "S" => SmallBasis::Small,
            "N" => SmallBasis::TotalLessLarge,
            "T" => SmallBasis::Total,
            _ => return None,
        };
        let (large, duplex) = match rest {
            "" => (false, false),
            "L" => (true, false),
            "D" => (false, true),
            "LD" => (true, true),
            _ => return None,
        };
        Some(Self { small, large, duplex })
    }
}
