//! The one error that leaves a connector.

use std::{borrow::Cow, fmt, time::Duration};

use crate::domain::failure::FailureReason;

/// Why a vendor's server could not be read.
///
/// `Display` and `Debug` are for the operator's log: they hold our own words, field names and status codes, never the vendor's text, a
/// credential, a header or a URL. People are shown `reason().message()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorError {
    reason: FailureReason,
    detail: Cow<'static, str>,
    retry: Retry,
    checks: bool,
}

/// What the shared client does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// Asking again gives the same answer, or is for somebody else to decide.
    No,
    /// Asking again later may help; backs off first.
    Backoff,
    /// The vendor asked to wait; `None` when it did not say how long.
    After(Option<Duration>),
    /// The access token was refused: renew it, then ask again.
    NewToken,
}

impl ConnectorError {
    pub(super) const fn new(reason: FailureReason, detail: Cow<'static, str>) -> Self {
        Self { reason, detail, retry: Retry::No, checks: false }
    }

    pub(super) const fn retried(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Marks a failure that says as much about the server as about the customer asked for.
    pub(super) const fn calling_for_check(mut self) -> Self {
        self.checks = true;
        self
    }

    /// An answer that does not fit the contract; `what` is a field's path or our own words.
    pub(super) fn not_understood(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FailureReason::AnswerNotUnderstood, what.into())
    }

    /// A call that the vendor's capabilities rule out.
    pub(super) const fn misused(what: &'static str) -> Self {
        Self::new(FailureReason::Internal, Cow::Borrowed(what))
    }

    pub(super) const fn retry(&self) -> Retry {
        self.retry
    }

    /// The reason, for programs and for people.
    pub const fn reason(&self) -> FailureReason {
        self.reason
    }

    /// Whether it concerns the whole server rather than the customer asked for. While collecting, see [`Self::needs_check`] first.
    pub const fn is_server_level(&self) -> bool {
        matches!(
            self.reason,
            FailureReason::CredentialsRefused
                | FailureReason::PermissionMissing
                | FailureReason::AddressNotAllowed
                | FailureReason::Unreachable
                | FailureReason::TlsFailed
                | FailureReason::TimedOut
        )
    }

    /// Whether, while collecting, one check decides at once: the server's failure if the check fails too, else the feed's passing fault.
    /// (Connection, DNS, TLS, time-out, cut answer.)
    pub const fn needs_check(&self) -> bool {
        self.checks
    }

    /// Whether it may go away by itself, so that another attempt later makes sense.
    pub const fn passing(&self) -> bool {
        matches!(
            self.reason,
            FailureReason::Unreachable
                | FailureReason::TlsFailed
                | FailureReason::TimedOut
                | FailureReason::VendorFailed
                | FailureReason::VendorBusy
        )
    }

    /// How long the vendor asked to wait, when that is longer than a call waits by itself; the slice ends and the next attempt is due then.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry {
            Retry::After(wait) => wait,
            _ => None,
        }
    }

    /// What happened, for the operator's log; never for a tenant.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for ConnectorError {}
