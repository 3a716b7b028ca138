//! Certificates of Reforestation: when a month closes, which entries a certificate covers, how it is divided, what it says.
//!
//! - A certificate covers an account's own entries of one month, as ranges of their numbers. Ranges of certificates in force never overlap.
//! - What it says is fixed when it is issued, the names on it included; a void is a row beside it.
//! - A month whose uncovered entries sum to zero or less gets no certificate: the rest is pending until the sum is above zero again.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    calendar::{self, Holidays, Month},
    named_enum,
    pages::{Methodology, Pages, StandardPages, format_fixed, split_by_weight, split_standard},
    project::Project,
};
use crate::{
    clock::Instant,
    id::{IdSource, Uuid},
};

/// The most projects that an account can choose.
pub const MAX_PROJECTS: usize = 20;
/// Business days of the next month after which a month whose days are all covered is closed.
const BUSINESS_DAYS: usize = 3;
/// The day of the next month on which a month is closed whatever is missing.
const LATEST_DAY: u64 = 10;

named_enum! {
    /// Whether a certificate is in force.
    CertificateStatus {
        /// In force.
        Issued = "ISSUED",
        /// Withdrawn with a reason; its pages are pending again.
        Void = "VOID",
    }
}

/// How far a month's closing has come, by the account's own today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It is not over.
    Open,
    /// It is over; only `issueCertificates` closes it, and only when all its days are covered.
    Over,
    /// 3 business days of the next month have passed: it is closed once all its days are covered.
    Due,
    /// The 10th of the next month has come: it is closed whatever is missing.
    Latest,
}

impl Phase {
    /// How far `month` is on `today`.
    pub fn of(month: Month, today: NaiveDate, holidays: &Holidays) -> Self {
        let next = month.next();
        let latest = next.first_day() + chrono::Days::new(LATEST_DAY - 1);
        let due = calendar::next(next.business_day(BUSINESS_DAYS, holidays));
        if today >= latest {
            Self::Latest
        } else if today >= due {
            Self::Due
        } else if today >= next.first_day() {
            Self::Over
        } else {
            Self::Open
        }
    }
}

/// Numbers of ledger entries of one account and month, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryRange {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// The numbers from 1 to `last` that are in none of `covered`, as ranges in order.
pub fn uncovered(last: i64, mut covered: Vec<EntryRange>) -> Vec<EntryRange> {
    covered.sort_unstable();
    let (mut free, mut next) = (Vec::new(), 1);
    for range in covered {
        if range.first > next {
            free.push(EntryRange { first: next, last: range.first - 1 });
        }
        next = next.max(range.last + 1);
    }
    if next <= last {
        free.push(EntryRange { first: next, last });
    }
    free
}

/// The part of a certificate that goes to one project, with the project's name at the time of issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The project.
    pub project_id: Uuid,
    /// Its name at the time of issue.
    pub project_name: String,
    /// Its country at the time of issue, ISO 3166-1 alpha-2.
    pub project_country: String,
    /// Its part.
    pub standard: StandardPages,
    /// Its part in hundredths of a tree; they add up to the certificate's.
    pub trees: i64,
}

/// Divides `total` over `projects`: whole pages evenly, the fraction of a page to the first; trees in proportion to the pages, in hundredths
/// that add up to the total's.
pub fn allocate(total: StandardPages, methodology: &Methodology, projects: &[&Project]) -> Vec<Allocation> {
    let pages = split_standard(total, projects.len());
    let weights: Vec<i64> = pages.iter().map(|part| part.0).collect();
    let trees = split_by_weight(methodology.trees_hundredths(total), &weights);
    let parts = projects.iter().zip(pages).zip(trees);
    parts
        .map(|((project, standard), trees)| Allocation {
            project_id: project.id,
            project_name: project.name.clone(),
            project_country: project.country.clone(),
            standard,
            trees,
        })
        .collect()
}

/// A withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voided {
    /// Why; shown to whoever verifies the certificate.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Key.
    pub id: Uuid,
    /// Number printed on it, unique in the installation.
    pub number: String,
    /// The public code that opens it.
    pub code: VerificationCode,
    /// The account it was issued to.
    pub account_id: Uuid,
    /// The month it covers.
    pub month: Month,
    /// From 1 in its account and month.
    pub sequence: i32,
    /// Name of the account when it was issued.
    pub holder: String,
    /// Sides and sheets certified.
    pub pages: Pages,
    /// What they come to.
    pub standard: StandardPages,
    /// The methodology it was computed with.
    pub methodology_version: i32,
    /// Its division over projects, in the order of choice.
    pub allocations: Vec<Allocation>,
    /// Its content, signed.
    pub jws: String,
    /// When it was issued.
    pub issued_at: Instant,
    /// Its withdrawal; `None` while in force.
    pub voided: Option<Voided>,
    /// When it was issued or voided, whichever is later.
    pub updated_at: Instant,
}

impl Certificate {
    /// Whether it is in force.
    pub fn status(&self) -> CertificateStatus {
        if self.voided.is_some() { CertificateStatus::Void } else { CertificateStatus::Issued }
    }

    /// The methodology it was computed with.
    pub fn methodology(&self) -> &'static Methodology {
        Methodology::find(self.methodology_version).unwrap_or(Methodology::CURRENT)
    }

    /// Hundredths of a tree.
    pub fn trees(&self) -> i64 {
        self.methodology().trees_hundredths(self.standard)
    }

    /// Hundredths of a kilogram.
    pub fn weight(&self) -> i64 {
        self.methodology().weight_kg_hundredths(self.standard)
    }

    /// What its signature is over.
    pub fn content<'a>(&'a self, issuer: &'a str) -> CertificateContent<'a> {
        let hundredths = |value: i64| format_fixed(value.into(), 2);
        CertificateContent {
            iss: issuer,
            number: &self.number,
            holder: &self.holder,
            month: self.month.to_string(),
            sequence: self.sequence,
            standard_pages: self.standard.to_string(),
            trees: hundredths(self.trees()),
            weight_kg: hundredths(self.weight()),
            allocations: self
                .allocations
                .iter()
                .map(|part| AllocationContent {
                    project: &part.project_name,
                    country: &part.project_country,
                    standard_pages: part.standard.to_string(),
                    trees: hundredths(part.trees),
                })
                .collect(),
            methodology_version: self.methodology_version,
            issued_at: self.issued_at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        }
    }
}

/// What a certificate's signature is over: exactly what the certificate shows. It cannot show a later withdrawal.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateContent<'a> {
    /// The installation that issued it.
    iss: &'a str,
    number: &'a str,
    holder: &'a str,
    month: String,
    sequence: i32,
    standard_pages: String,
    trees: String,
    weight_kg: String,
    allocations: Vec<AllocationContent<'a>>,
    methodology_version: i32,
    issued_at: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct AllocationContent<'a> {
    project: &'a str,
    country: &'a str,
    standard_pages: String,
    trees: String,
}

/// The number of the `nth` certificate of a month in the installation: `CR-2026-03-000042`.
pub fn certificate_number(month: Month, nth: i64) -> String {
    format!("CR-{month}-{nth:06}")
}

/// A number as somebody typed it, in the form in which it was issued.
pub fn read_number(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).take(40).collect::<String>().to_uppercase()
}

/// Digits of verification codes: Crockford's base 32, which has no two that look alike.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bytes of chance in a code.
const CODE_BYTES: usize = 10;
/// Digits of a code.
const CODE_DIGITS: usize = CODE_BYTES * 8 / 5;

/// The public code of a certificate: 80 bits of chance as 16 digits that people can type. Its text has groups of four.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationCode(String);

/// A text is not a verification code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a verification code of 16 letters and digits")]
pub struct CodeError;

impl VerificationCode {
    /// A new code.
    pub fn generate(ids: &IdSource) -> Self {
        let mut bytes = [0; CODE_BYTES];
        ids.fill(&mut bytes);
        let value = bytes.iter().fold(0_u128, |value, byte| (value << 8) | u128::from(*byte));
        let digit = |place: usize| char::from(DIGITS[(value >> (place * 5)) as usize & 31]);
        Self((0..CODE_DIGITS).rev().map(digit).collect())
    }

    /// Its digits without separators, as it is stored and stands in addresses.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for VerificationCode {
    type Err = CodeError;

    /// Reads what somebody typed: upper and lower case, with or without separators, `O` for `0`, `I` and `L` for `1`.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut digits = String::with_capacity(CODE_DIGITS);
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let digit = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if digits.len() == CODE_DIGITS || !u8::try_from(digit).is_ok_and(|digit| DIGITS.contains(&digit)) {
                return Err(CodeError);
            }
            digits.push(digit);
        }
        if digits.len() == CODE_DIGITS { Ok(Self(digits)) } else { Err(CodeError) }
    }
}

impl fmt::Display for VerificationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, digit) in self.0.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Who has the code can read the certificate, so logs do not.
impl fmt::Debug for VerificationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationCode")
    }
}

#[cfg(test)]
mod tests;
