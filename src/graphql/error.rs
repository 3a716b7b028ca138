//! The one table of errors: a stable code, a sentence for the caller, a cause that never leaves.
//!
//! What a caller can do wrong in a mutation is data (`userErrors`); these are for the rest. Clients treat the list of [`Code`]s as
//! closed; the guide at `/docs/` shows it.

use std::{borrow::Cow, error::Error as StdError, sync::Arc};

use async_graphql::{Error, ErrorExtensionValues, ServerError, Value};

use crate::app::AppError;

/// The codes in `extensions.code`; a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Nobody is signed in.
    Unauthenticated,
    /// The caller's permission does not suffice.
    Forbidden,
    /// The request cannot be carried out as it is.
    BadRequest,
    /// The document does not parse or does not fit the schema.
    GraphqlValidationFailed,
    /// The document asks for too much at once.
    TooComplex,
    /// Too much was asked in too short a time.
    RateLimited,
    /// It took too long.
    Timeout,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::BadRequest,
        Self::GraphqlValidationFailed,
        Self::TooComplex,
        Self::RateLimited,
        Self::Timeout,
        Self::Internal,
    ];

    /// The spelling in `extensions.code`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadRequest => "BAD_REQUEST",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::TooComplex => "TOO_COMPLEX",
            Self::RateLimited => "RATE_LIMITED",
            Self::Timeout => "TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }

    /// What it means and what to do, for whoever writes a client.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Unauthenticated => {
                "Nobody is signed in and this needs it, or the credential is not valid (any more). Sign in, refresh the session, or send \
                 another key."
            }
            Self::Forbidden => {
                "The caller's permission does not suffice, or this installation does not allow it, such as introspection or documents that \
                 are not trusted. Sending it again does not help."
            }
            Self::BadRequest => {
                "The request cannot be carried out as it is: its JSON, a variable, an argument or a header. The message says which."
            }
            Self::GraphqlValidationFailed => "The document does not parse or does not fit the schema. The message says where.",
            Self::TooComplex => {
                "The document asks for too much at once: levels, fields, points of cost, or points in time. Ask for less, or in parts."
            }
            Self::RateLimited => {
                "Too much was asked, or too many sign-ins failed, in too short a time. Try again after `retryAfter` seconds, in the \
                 error's extensions and the `Retry-After` header."
            }
            Self::Timeout => {
                "It took too long and was stopped, or a subscription did not keep up. A query can be sent again, and a subscription begun \
                 again; a mutation may have been carried out, so send it again with the same idempotency key."
            }
            Self::Internal => {
                "A fault of ours. The operator finds the cause in the log by the request id. Try again later, a mutation with the same \
                 idempotency key."
            }
        }
    }
}

/// The code of an error in a response; [`Code::BadRequest`] when it carries none, as the engine's own errors about arguments do.
pub fn error_code(error: &ServerError) -> Code {
    match error.extensions.as_ref().and_then(|values| values.get("code")) {
        Some(Value::String(text)) => Code::ALL.into_iter().find(|code| code.as_str() == text).unwrap_or(Code::Internal),
        _ => Code::BadRequest,
    }
}

/// A request error of our own making, with its code; for the HTTP side's own refusals too.
pub fn server_error(code: Code, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    error
}

pub(super) fn set_code(error: &mut ServerError, code: Code) {
    error.extensions.get_or_insert_default().set("code", code.as_str());
}

/// Why a field could not be resolved.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    /// Seconds after which to try again.
    retry_after: Option<i64>,
    cause: Option<Cause>,
}

/// What the log gets and the caller does not; travels in the engine's error as its source.
#[derive(Debug, Clone)]
pub(super) struct Cause(pub(super) Arc<dyn StdError + Send + Sync>);

/// What a resolver gives.
pub type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    /// An error with a code and a sentence for the caller.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None, cause: None }
    }

    /// Nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Sign in, or send an API key, to see this.")
    }

    /// A fault of ours; `cause` is logged, never shown.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = Cause(Arc::from(cause.into()));
        Self { code: Code::Internal, message: INTERNAL.into(), retry_after: None, cause: Some(cause) }
    }
}

const INTERNAL: &str = "A fault of ours. Quote the request id to the operator.";

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Forbidden => Self::new(Code::Forbidden, "The caller's permission does not suffice for this."),
            AppError::TooComplex(message) => Self::new(Code::TooComplex, message),
            AppError::BadRequest(message) => Self::new(Code::BadRequest, message),
            AppError::Throttled(wait) => {
                // Rounded up: who comes back after so many seconds is not sent away again.
                let seconds = (wait.num_milliseconds() + 999) / 1000;
                let message = format!("Too many attempts failed; try again in {seconds} seconds.");
                Self { retry_after: Some(seconds), ..Self::new(Code::RateLimited, message) }
            }
            AppError::Behind => Self::new(
                Code::Timeout,
                "The subscription did not keep up, and what it missed is not known any more. Subscribe again: it begins with what is stored.",
            ),
            AppError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code.as_str());
        if let Some(seconds) = error.retry_after {
            extensions.set("retryAfter", seconds);
        }
        Self {
            message: error.message.into_owned(),
            source: error.cause.map(|cause| Arc::new(cause) as Arc<_>),
            extensions: Some(extensions),
        }
    }
}
