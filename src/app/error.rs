//! What can go wrong in a use case: expected outcomes are data ([`UserError`]), everything else is an [`AppError`].

use std::error::Error;

use chrono::TimeDelta;

use crate::{domain::named_enum, store::StoreError};

/// What a mutation comes to: what it made, what the caller can put right, or a fault.
pub type Outcome<T> = Result<Result<T, Vec<UserError>>, AppError>;

/// Why a use case gave no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The caller's permission does not allow it.
    #[error("the caller's permission does not allow it")]
    Forbidden,
    /// The answer would be too large; the text says how to ask for less.
    #[error("{0}")]
    TooComplex(&'static str),
    /// The request cannot be understood, such as a cursor that is none; the text is for the caller.
    #[error("{0}")]
    BadRequest(String),
    /// Too many attempts failed; the next may come after this time.
    #[error("too many attempts failed")]
    Throttled(TimeDelta),
    /// A subscriber did not keep up, and what it missed is not known any more.
    #[error("a subscriber did not keep up")]
    Behind,
    /// A fault of ours; its cause is logged and never leaves.
    #[error("a fault of ours")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl AppError {
    /// A fault of ours with its cause.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

/// A cursor that another list gave, or this one in another order.
pub(super) const OTHER_LIST: &str = "The cursor is one of another list or order. Pass one that this list gave in this order.";

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cursor => Self::BadRequest(OTHER_LIST.to_owned()),
            error => Self::Internal(Box::new(error)),
        }
    }
}

named_enum! {
    /// What a caller can do wrong.
    UserErrorCode {
        /// The value is out of range, malformed or does not fit the others.
        Invalid = "INVALID",
        /// The id names nothing that the caller may see.
        NotFound = "NOT_FOUND",
        /// Something else already has this name, external id or e-mail address.
        Taken = "TAKEN",
        /// The object changed since the expected version.
        Conflict = "CONFLICT",
        /// The object's status does not allow it.
        InvalidState = "INVALID_STATE",
        /// The vendor cannot do this.
        Unsupported = "UNSUPPORTED",
        /// Too many rows, or a quota is used up.
        LimitExceeded = "LIMIT_EXCEEDED",
        /// The key was used with another input in the last 24 hours.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        /// The vendor refused the login.
        CredentialsRefused = "CREDENTIALS_REFUSED",
        /// The vendor's server could not be reached or did not answer properly.
        ConnectionFailed = "CONNECTION_FAILED",
        /// E-mail address, password or token is wrong or used up.
        SignInFailed = "SIGN_IN_FAILED",
    }
}

/// Something the caller can put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// For programs.
    pub code: UserErrorCode,
    /// Path into the input, list indexes included; `None` when it is about the whole.
    pub field: Option<Vec<String>>,
    /// For people: what is wrong and what to do.
    pub message: String,
}

impl UserError {
    /// An error about one field of the input.
    pub fn at(code: UserErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self { code, field: Some(vec![field.to_owned()]), message: message.into() }
    }

    /// An error about the whole input.
    pub fn whole(code: UserErrorCode, message: impl Into<String>) -> Self {
        Self { code, field: None, message: message.into() }
    }

    /// The same error in row `index` of the list `list`.
    #[must_use]
    pub fn in_row(mut self, list: &str, index: usize) -> Self {
        let path = self.field.get_or_insert_default();
        path.splice(0..0, [list.to_owned(), index.to_string()]);
        self
    }
}
