//! 3manager: counters of each device, now or as of the end of a day.

mod convert;
mod wire;

use async_trait::async_trait;

use super::{
    Answer, Connector, ReadAt, ReadRequest, VendorCustomer,
    client::{Call, Misfit, Session, Tokens, all_pages},
    error::{ConnectorError, Retry},
};
use crate::{
    domain::{device::DeviceReading, failure::FailureReason, vendor::VendorKind},
    secret::Secret,
};

/// What this vendor's answers can say other than data.
#[derive(Debug)]
enum Error {
    LoginRefused,
    TokenRefused,
    PermissionMissing,
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
            Error::LoginRefused => Self::new(FailureReason::CredentialsRefused, "user name or password was refused".into()),
            Error::TokenRefused => {
                Self::new(FailureReason::CredentialsRefused, "the access token was refused".into()).retried(Retry::NewToken)
            }
            Error::PermissionMissing => {
                Self::new(FailureReason::PermissionMissing, "the user may not list organizations".into())
            }
            Error::CustomerNotFound => Self::new(FailureReason::CustomerNotFound, "the organization is unknown".into()),
            Error::Misfit(misfit) => misfit.into(),
            Error::Status(status) => Self::not_understood(format!("the server answered {status}")),
        }
    }
}

/// One 3manager server.
pub(super) struct ThreeManager {
    session: Session,
    tokens: Tokens,
}

impl ThreeManager {
    pub(super) fn new(session: Session, username: &str, password: &Secret) -> Self {
        let tokens = Tokens::new(wire::login(username, password), wire::refresh, |reply| Ok(convert::grant(&reply)?));
        Self { session, tokens }
    }
}

#[async_trait]
impl Connector for ThreeManager {
    fn vendor(&self) -> VendorKind {
        VendorKind::ThreeManager
    }

    async fn check(&self) -> Result<(), ConnectorError> {
        self.tokens.log_in(&self.session).await?;
        let call = Call::get(wire::organizations_path(1, 1));
        self.tokens.call(&self.session, &call, |reply| Ok(convert::organizations(&reply)?)).await.map(drop)
    }

    async fn customers(&self) -> Result<Vec<VendorCustomer>, ConnectorError> {
        all_pages(
            |customer: &VendorCustomer| &customer.external_id,
            |page| async move {
                let call = Call::get(wire::organizations_path(page, wire::PAGE_SIZE));
                self.tokens.call(&self.session, &call, |reply| Ok(convert::organizations(&reply)?)).await
            },
        )
        .await
    }

    async fn read(&self, ask: &ReadRequest<'_>) -> Result<Answer, ConnectorError> {
        let _turn = self.session.turn().await;
        let day = match ask.at {
            ReadAt::Day(day) => Some(day),
            ReadAt::Now => None,
        };
        let path = &wire::devices_path(ask.customer, day).ok_or(Error::CustomerNotFound)?;
        let devices = all_pages(
            |device: &DeviceReading| &device.vendor_device_id,
            |page| async move {
                let call = Call::get(wire::page_of(path, page));
                self.tokens.call(&self.session, &call, |reply| Ok(convert::devices(&reply)?)).await
            },
        )
        .await?;
        Ok(Answer::Devices(devices))
    }
}

/// What any reader here says of an answer.
#[cfg(test)]
pub(super) fn errors(reply: &super::client::Reply<'_>) -> Vec<ConnectorError> {
    let read = [convert::grant(reply).err(), convert::organizations(reply).err(), convert::devices(reply).err()];
    read.into_iter().flatten().map(ConnectorError::from).collect()
}
