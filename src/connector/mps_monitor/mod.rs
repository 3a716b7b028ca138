//! MPS Monitor: current counters of each device.

mod convert;
mod wire;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::{
    Answer, Connector, ReadAt, ReadRequest, VendorCustomer,
    client::{Call, Misfit, Session, all_pages, secret_header},
    error::{ConnectorError, Retry},
};
use crate::{
    domain::{device::DeviceReading, failure::FailureReason, vendor::VendorKind},
    secret::Secret,
};

/// What this vendor's answers can say other than data.
#[derive(Debug)]
enum Error {
    TokenRefused,
    CustomerNotFound,
    TooManyRequests,
    /// `IsValid` is false for a reason that is not in the contract.
    Invalid,
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
            Error::TokenRefused => Self::new(FailureReason::CredentialsRefused, "the dealer token was refused".into()),
            Error::CustomerNotFound => Self::new(FailureReason::CustomerNotFound, "the customer code is unknown".into()),
            Error::TooManyRequests => {
                Self::new(FailureReason::VendorBusy, "the server answered TooManyRequests".into()).retried(Retry::After(None))
            }
            Error::Invalid => {
                Self::new(FailureReason::VendorFailed, "the server answered IsValid false".into()).retried(Retry::Backoff)
            }
            Error::Misfit(misfit) => misfit.into(),
            Error::Status(status) => Self::not_understood(format!("the server answered {status}")),
        }
    }
}

/// One MPS Monitor server, as one dealer sees it.
pub(super) struct MpsMonitor {
    session: Session,
    /// The dealer token; `None` when it cannot be sent in a header.
    headers: Option<HeaderMap>,
}

impl MpsMonitor {
    pub(super) fn new(session: Session, dealer_token: &Secret) -> Self {
        Self { session, headers: secret_header(AUTHORIZATION, &wire::authorization(dealer_token)) }
    }

    fn headers(&self) -> Result<&HeaderMap, ConnectorError> {
        self.headers.as_ref().ok_or_else(|| Error::TokenRefused.into())
    }
}

#[async_trait]
impl Connector for MpsMonitor {
    fn vendor(&self) -> VendorKind {
        VendorKind::MpsMonitor
    }

    async fn check(&self) -> Result<(), ConnectorError> {
        let call = Call::post_json(wire::DEALER, "{}");
        self.session.call(&call, self.headers()?, |reply| Ok(convert::dealer(&reply)?)).await
    }

    async fn customers(&self) -> Result<Vec<VendorCustomer>, ConnectorError> {
        Err(ConnectorError::misused("this vendor does not list customers"))
    }

    async fn read(&self, ask: &ReadRequest<'_>) -> Result<Answer, ConnectorError> {
        if ask.at != ReadAt::Now {
            return Err(ConnectorError::misused("this vendor has current counters only"));
        }
        let _turn = self.session.turn().await;
        let (headers, customer) = (self.headers()?, ask.customer);
        let devices = all_pages(
            |device: &DeviceReading| &device.vendor_device_id,
            |page| async move {
                let call = Call::post_json(wire::CUSTOMER, wire::customer_body(customer, page));
                self.session.call(&call, headers, |reply| Ok(convert::devices(&reply, customer)?)).await
            },
        )
        .await?;
        Ok(Answer::Devices(devices))
    }
}

/// What any reader here says of an answer.
#[cfg(test)]
pub(super) fn errors(reply: &super::client::Reply<'_>) -> Vec<ConnectorError> {
    let read = [convert::dealer(reply).err(), convert::devices(reply, "c").err()];
    read.into_iter().flatten().map(ConnectorError::from).collect()
}
