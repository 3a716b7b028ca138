//! Failures of the transport, in our own words: nothing of the vendor's text, of a URL or of a header gets into an error.

use std::{error::Error as StdError, io};

use rustls::CertificateError;

use super::address::{AddressClosed, NameUnknown};
use crate::{
    connector::error::{ConnectorError, Retry},
    domain::failure::FailureReason,
};

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connector) enum Misfit {
    /// It ends before its end.
    Cut,
    /// It does not fit the contract; says where.
    Field(String),
}

impl From<Misfit> for ConnectorError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Cut => cut(),
            Misfit::Field(path) => Self::not_understood(path),
        }
    }
}

/// The connection ended in the midst of a request or answer.
pub(super) fn cut() -> ConnectorError {
    ConnectorError::new(FailureReason::VendorFailed, "the answer was cut off".into())
        .retried(Retry::Backoff)
        .calling_for_check()
}

/// What a failed request or body says, without saying more.
pub(super) fn of_transport(error: &reqwest::Error) -> ConnectorError {
    let cause = Cause::find(error);
    let failed = |reason, detail: &'static str| ConnectorError::new(reason, detail.into());
    match cause {
        Cause::AddressClosed => failed(FailureReason::AddressNotAllowed, "the name leads to closed addresses only"),
        Cause::NameUnknown => failed(FailureReason::Unreachable, "the name cannot be looked up").calling_for_check(),
        Cause::Tls(what) => failed(FailureReason::TlsFailed, what).calling_for_check(),
        _ if error.is_timeout() && error.is_connect() => {
            failed(FailureReason::TimedOut, "no connection in time").calling_for_check()
        }
        _ if error.is_timeout() => failed(FailureReason::TimedOut, "no answer in time").calling_for_check(),
        Cause::Io(kind) if error.is_connect() => failed(FailureReason::Unreachable, no_connection(kind)).calling_for_check(),
        _ if error.is_connect() => failed(FailureReason::Unreachable, "no connection").calling_for_check(),
        _ if error.is_builder() => failed(FailureReason::Internal, "the request could not be built"),
        _ => cut(),
    }
}

fn no_connection(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "the connection was refused",
        io::ErrorKind::ConnectionReset => "the connection was reset while it was made",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to the server",
        io::ErrorKind::UnexpectedEof => "the server hung up while the connection was made",
        _ => "no connection",
    }
}

enum Cause {
    AddressClosed,
    NameUnknown,
    Tls(&'static str),
    Io(io::ErrorKind),
    Other,
}

impl Cause {
    /// The most telling error of the chain.
    fn find(error: &reqwest::Error) -> Self {
        let mut found = Self::Other;
        let mut next: Option<&(dyn StdError + 'static)> = error.source();
        while let Some(error) = next {
            if error.is::<AddressClosed>() {
                return Self::AddressClosed;
            }
            if error.is::<NameUnknown>() {
                return Self::NameUnknown;
            }
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::Tls(tls_words(tls));
            }
            next = match error.downcast_ref::<io::Error>() {
                // `source` of an I/O error skips the error it wraps.
                Some(io) => {
                    found = Self::Io(io.kind());
                    io.get_ref().map(|inner| inner as &(dyn StdError + 'static))
                }
                None => error.source(),
            };
        }
        found
    }
}

fn tls_words(error: &rustls::Error) -> &'static str {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            C::UnknownIssuer => "the certificate's authority is not trusted",
            C::Expired | C::ExpiredContext { .. } => "the certificate has expired",
            C::NotValidYet | C::NotValidYetContext { .. } => "the certificate is not valid yet",
            C::NotValidForName | C::NotValidForNameContext { .. } => "the certificate is for another name",
            C::Revoked => "the certificate was revoked",
            _ => "the certificate is not valid",
        },
        rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) => "no common version or cipher of TLS",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        _ => "the TLS handshake failed",
    }
}
