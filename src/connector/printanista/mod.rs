//! ECI Printanista: page totals of a customer between two dates.

mod convert;
mod wire;

use async_trait::async_trait;
use reqwest::header::HeaderMap;

use super::{
    Answer, Connector, ReadAt, ReadRequest, Report, VendorCustomer,
    client::{Call, Misfit, Session},
    error::ConnectorError,
};
use crate::{
    domain::{failure::FailureReason, feed::CollectionScope, vendor::VendorKind},
    secret::Secret,
};

/// What this vendor's answers can say other than data.
#[derive(Debug)]
enum Error {
    CredentialsRefused,
    PermissionMissing,
    ReportNotEnabled,
    CustomerNotFound,
    Misfit(Misfit),
    Status(u16),
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}

impl From<Error> for ConnectorError {
    fn from(error: Error) -> Self {
        match error {
            Error::CredentialsRefused => {
                Self::new(FailureReason::CredentialsRefused, "user name, password or key was refused".into())
            }
            Error::PermissionMissing => Self::new(FailureReason::PermissionMissing, "the user is not a Dealer Admin".into()),
            Error::ReportNotEnabled => Self::new(FailureReason::ReportNotEnabled, "the report is not enabled".into()),
            Error::CustomerNotFound => Self::new(FailureReason::CustomerNotFound, "the customer is unknown".into()),
            Error::Misfit(misfit) => misfit.into(),
            Error::Status(status) => Self::not_understood(format!("the server answered {status}")),
        }
    }
}

/// One Printanista server.
pub(super) struct Printanista {
    session: Session,
    /// User, password and key; `None` when they cannot be sent in headers.
    headers: Option<HeaderMap>,
}

impl Printanista {
    pub(super) fn new(session: Session, username: &str, password: &Secret, api_key: &Secret) -> Self {
        Self { session, headers: wire::headers(username, password, api_key) }
    }

    fn headers(&self) -> Result<&HeaderMap, ConnectorError> {
        self.headers.as_ref().ok_or_else(|| Error::CredentialsRefused.into())
    }

    async fn report(&self, report: Report, ask: &ReadRequest<'_>) -> Result<Answer, ConnectorError> {
        let ReadAt::Day(day) = ask.at else { return Err(ConnectorError::misused("totals are read by day")) };
        let call = Call::get(wire::report_path(report, ask.customer, day, day));
        let answer =
            self.session.call(&call, self.headers()?, |reply| Ok(convert::report(&reply, ask.customer, report)?)).await?;
        Ok(Answer::Period(answer))
    }
}

#[async_trait]
impl Connector for Printanista {
    fn vendor(&self) -> VendorKind {
        VendorKind::Printanista
    }

    async fn check(&self) -> Result<(), ConnectorError> {
        self.session.call(&Call::get(wire::STATUS), self.headers()?, |reply| Ok(convert::status(&reply)?)).await
    }

    async fn customers(&self) -> Result<Vec<VendorCustomer>, ConnectorError> {
        Err(ConnectorError::misused("this vendor does not list customers"))
    }

    async fn read(&self, ask: &ReadRequest<'_>) -> Result<Answer, ConnectorError> {
        let _turn = self.session.turn().await;
        match (ask.report, ask.scope) {
            (Some(report), _) => self.report(report, ask).await,
            (None, CollectionScope::ManagedOnly) => self.report(Report::ManagedOnly, ask).await,
            // All devices win when both reports are enabled.
            (None, CollectionScope::All) => match self.report(Report::All, ask).await {
                Err(error) if error.reason() == FailureReason::ReportNotEnabled => self.report(Report::ManagedOnly, ask).await,
                answer => answer,
            },
        }
    }
}

/// What any reader here says of an answer.
#[cfg(test)]
pub(super) fn errors(reply: &super::client::Reply<'_>) -> Vec<ConnectorError> {
    let read = [convert::status(reply).err(), convert::report(reply, "c", Report::All).err()];
    read.into_iter().flatten().map(ConnectorError::from).collect()
}
