//! What inputs must be like, each rule once.

use chrono::NaiveDate;

use super::{AppError, Outcome, UserError, UserErrorCode};
use crate::{
    domain::calendar::FIRST_DAY,
    secret::{Digest, digest},
};

/// The most rows of a bulk call.
pub(super) const MAX_ROWS: usize = 250;

/// A result per row of a bulk call.
pub(super) type Row<T> = Result<T, Vec<UserError>>;

/// Errors of one input, gathered.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<UserError>);

impl Problems {
    pub(super) fn add(&mut self, code: UserErrorCode, field: &str, message: impl Into<String>) {
        self.0.push(UserError::at(code, field, message));
    }

    pub(super) fn push(&mut self, error: UserError) {
        self.0.push(error);
    }

    /// `text` without white space around it; a problem unless it has `least` to 200 characters, none of them a control character.
    pub(super) fn text(&mut self, field: &str, text: &str, least: usize) -> String {
        let text = text.trim();
        let length = text.chars().count();
        if length < least || length > 200 {
            let message = if least == 0 { "At most 200 characters." } else { "1 to 200 characters." };
            self.add(UserErrorCode::Invalid, field, message);
        } else if text.chars().any(char::is_control) {
            self.add(UserErrorCode::Invalid, field, "Leave out line breaks and other control characters.");
        }
        text.to_owned()
    }

    /// Text of several lines: `least` to `most` characters without white space around them, no control characters but line breaks.
    pub(super) fn text_of(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        let text = text.trim();
        if !(least..=most).contains(&text.chars().count()) {
            self.add(UserErrorCode::Invalid, field, format!("{least} to {most} characters."));
        } else if text.chars().any(|letter| letter != '\n' && letter.is_control()) {
            self.add(UserErrorCode::Invalid, field, "Leave out control characters.");
        }
        text.to_owned()
    }

    /// Like [`Self::text`], where nothing is `None`.
    pub(super) fn optional_text(&mut self, field: &str, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(field, text, 0)).filter(|text| !text.is_empty())
    }

    /// What a person wrote as a reason, in any number of lines: a problem unless it has `least` to 1,000 characters. Nothing is `None`.
    pub(super) fn note(&mut self, field: &str, text: Option<&str>, least: usize) -> Option<String> {
        let text = text.unwrap_or_default().trim();
        let length = text.chars().count();
        if length < least || length > 1_000 {
            let message = if least == 0 { "At most 1,000 characters." } else { "1 to 1,000 characters." };
            self.add(UserErrorCode::Invalid, field, message);
        } else if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
            self.add(UserErrorCode::Invalid, field, "Leave out control characters.");
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A problem if nobody counted pages yet on `day`.
    pub(super) fn counted_day(&mut self, field: &str, day: NaiveDate) {
        if day < FIRST_DAY {
            let message = "Not before 2000-01-01, since vendors have no counts from then. Check the year, or give that day.";
            self.add(UserErrorCode::Invalid, field, message);
        }
    }

    /// A problem unless `key` can be one.
    pub(super) fn idempotency_key(&mut self, key: Option<&str>) {
        if let Some(key) = key
            && (key.is_empty() || key.chars().count() > 200 || key.chars().any(char::is_control))
        {
            self.add(UserErrorCode::Invalid, "idempotencyKey", "1 to 200 characters, no control characters.");
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value`, unless there are problems.
    pub(super) fn or<T>(self, value: T) -> Row<T> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// A use case's answer of one problem.
#[expect(clippy::unnecessary_wraps, reason = "it is the whole answer of a use case")]
pub(super) fn refuse<T>(error: UserError) -> Outcome<T> {
    Ok(Err(vec![error]))
}

/// Whether a bulk call has 1 to [`MAX_ROWS`] rows.
pub(super) fn row_count(list: &str, rows: usize) -> Result<(), Vec<UserError>> {
    match rows {
        0 => Err(vec![UserError::at(UserErrorCode::Invalid, list, "At least 1 row.")]),
        1..=MAX_ROWS => Ok(()),
        _ => Err(vec![UserError::at(UserErrorCode::LimitExceeded, list, "At most 250 rows in one call.")]),
    }
}

/// The one result of a bulk call of one row.
pub(super) fn only<T>(rows: Vec<Row<T>>) -> Outcome<T> {
    rows.into_iter().next().ok_or_else(|| AppError::internal("a bulk call lost its row"))
}

/// What tells two inputs apart: the digest of their `Debug` text, which shows no secret.
pub(super) fn fingerprint(input: &impl std::fmt::Debug) -> Digest {
    digest(format!("{input:?}").as_bytes())
}
