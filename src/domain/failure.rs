//! Why a check, feed, run or collection fails: the reason for programs, a sentence for people that says what to do.

use super::named_enum;
use crate::clock::Instant;

named_enum! {
    /// Why a check, feed, run or collection fails.
    FailureReason {
        /// Server: the vendor refused the login.
        CredentialsRefused = "CREDENTIALS_REFUSED",
        /// Server: the vendor's user lacks a permission, such as Dealer Admin.
        PermissionMissing = "PERMISSION_MISSING",
        /// Server: its name leads to an address that this installation does not call.
        AddressNotAllowed = "ADDRESS_NOT_ALLOWED",
        /// Server: no connection, or its name is unknown.
        Unreachable = "UNREACHABLE",
        /// Server: no secure connection, such as an untrusted certificate.
        TlsFailed = "TLS_FAILED",
        /// Server: no answer in time.
        TimedOut = "TIMED_OUT",
        /// Server: it went on answering with errors of its own.
        VendorFailed = "VENDOR_FAILED",
        /// Server: it went on asking to slow down.
        VendorBusy = "VENDOR_BUSY",
        /// Feed: the vendor does not know the external id.
        CustomerNotFound = "CUSTOMER_NOT_FOUND",
        /// Feed: the vendor's report that the scope needs is not enabled for the customer.
        ReportNotEnabled = "REPORT_NOT_ENABLED",
        /// Feed: the answer lacks a required field or has another format; nothing was posted.
        AnswerNotUnderstood = "ANSWER_NOT_UNDERSTOOD",
        /// Feed: no new data for 3 business days.
        NoNewData = "NO_NEW_DATA",
        /// Run: it broke off three times and waits for a person to start it again.
        SetAside = "SET_ASIDE",
        /// A fault of ours; the operator's log has it.
        Internal = "INTERNAL",
    }
}

impl FailureReason {
    /// The reason in plain words, with what to do; never the vendor's own text.
    pub const fn message(self) -> &'static str {
        match self {
            Self::CredentialsRefused => "The vendor's server refused the login. Check the credentials and replace them.",
            Self::PermissionMissing => {
                "The vendor's user lacks a permission. Give it the role that the setup steps name (Printanista: Dealer Admin)."
            }
            Self::AddressNotAllowed => {
                "The server's name leads to an address that this installation does not call. Use its public address, or ask the operator to allow the private one."
            }
            Self::Unreachable => "The vendor's server cannot be reached. Check the address and that the server is up.",
            Self::TlsFailed => {
                "No secure connection to the vendor's server. Check its certificate, or ask the operator to trust its authority."
            }
            Self::TimedOut => "The vendor's server did not answer in time. It is tried again by itself.",
            Self::VendorFailed => "The vendor's server keeps answering with errors of its own. It is tried again by itself.",
            Self::VendorBusy => "The vendor's server keeps asking to slow down. It is tried again by itself.",
            Self::CustomerNotFound => {
                "The vendor does not know this external id. Check it on the vendor's server and register the feed again."
            }
            Self::ReportNotEnabled => {
                "The report that this feed's collection scope needs is not enabled for the customer. Enable it on the vendor's server, or change the scope."
            }
            Self::AnswerNotUnderstood => {
                "The vendor's answer lacks a required value or has another format. Nothing was posted; the operator's log says which value."
            }
            Self::NoNewData => "No new data for 3 business days. Check that the customer's collector agent is running.",
            Self::SetAside => "The run broke off three times at the same feed. Start it again, or wait for the next night.",
            Self::Internal => "A fault of ours. The operator's log has the details.",
        }
    }
}

/// Why a run or collection failed, and when it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: FailureReason,
    /// When it is tried again; `None` for not before the next run.
    pub next_attempt_at: Option<Instant>,
}
