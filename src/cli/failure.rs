//! How a command ends when it does not end well.

use std::{error::Error, fmt::Write as _, process::ExitCode};

use crate::app::{AppError, Outcome, UserError};

/// What is said on the standard error stream, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// It failed; `error` says what to do, its causes why.
    pub(super) fn failed(error: &(dyn Error + 'static)) -> Self {
        Self { message: with_causes(error.to_string(), error.source()), code: 1 }
    }

    /// It failed; `message` says what to do, `error` why.
    pub(super) fn failed_at(message: String, error: &(dyn Error + 'static)) -> Self {
        Self { message: with_causes(message, Some(error)), code: 1 }
    }

    /// The command line or configuration cannot be used.
    pub(super) fn usage(error: &(dyn Error + 'static)) -> Self {
        Self { message: with_causes(error.to_string(), error.source()), code: 2 }
    }

    /// What was asked for is not possible; `message` says why and what to do.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3 }
    }

    /// It was done, and the result is not what it should be.
    pub(super) fn unfinished(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 4 }
    }

    pub(super) fn report(&self) {
        eprintln!("coppice: {}", self.message);
    }

    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::Internal(cause) => Self::failed_at("The command failed.".to_owned(), cause.as_ref()),
            _ => Self::failed(&error),
        }
    }
}

/// The value of an outcome; what the caller did wrong becomes sentences, each with the argument it is about.
pub(super) fn done<T>(outcome: Outcome<T>) -> Result<T, Failure> {
    outcome?.map_err(|errors| Failure::refused(errors.iter().map(sentence).collect::<Vec<_>>().join("\n  ")))
}

fn sentence(error: &UserError) -> String {
    match &error.field {
        Some(field) => format!("{}: {}", argument(field), error.message),
        None => error.message.clone(),
    }
}

/// The argument that an input's field came from: `accountId` is `--account`.
fn argument(field: &[String]) -> String {
    let name = field.last().map_or("", String::as_str);
    let mut text = String::from("--");
    for letter in name.strip_suffix("Id").unwrap_or(name).chars() {
        if letter.is_ascii_uppercase() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    // A partner system's own id is called what it is.
    if name == "externalId" { "--external-id".to_owned() } else { text }
}

fn with_causes(mut text: String, mut cause: Option<&(dyn Error + 'static)>) -> String {
    let mut last = text.clone();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors only repeat what their source says.
        if !last.contains(&said) {
            let _ = write!(text, "\n  because: {said}");
        }
        last = said;
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::UserErrorCode;

    #[test]
    fn what_is_refused_names_the_argument() {
        let about = |field: &str| sentence(&UserError::at(UserErrorCode::Invalid, field, "No."));
        assert_eq!(about("accountId"), "--account: No.");
        assert_eq!(about("timeZone"), "--time-zone: No.");
        assert_eq!(about("expiresInDays"), "--expires-in-days: No.");
        assert_eq!(about("externalId"), "--external-id: No.");
        assert_eq!(sentence(&UserError::whole(UserErrorCode::Invalid, "No.")), "No.");
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Link {
            text: &'static str,
            source: Option<Box<Link>>,
        }
        let chain = ["It failed.", "the file is not there: code 2", "code 2"].into_iter().rev();
        let chain = chain.fold(None, |source, text| Some(Box::new(Link { text, source }))).unwrap();
        assert_eq!(Failure::failed(chain.as_ref()).message, "It failed.\n  because: the file is not there: code 2");
    }
}
