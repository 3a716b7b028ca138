//! Vendors' servers, read: one small trait, one folder per vendor, one shared client.
//!
//! ```text
//!   engine ──► Connector ──► printanista │ three_manager │ mps_monitor     what to ask, what the answer means
//!                                        │
//!                                     client      waits, retries, pages, renews tokens, bounds, redacts, guards addresses
//! ```
//!
//! - Nothing is ever written to a vendor's server, and of an answer nothing leaves but [`Answer`].
//! - A vendor module never loops, sleeps or keeps tokens; `wire.rs` alone knows its paths and spellings, so that a dealer with the vendor's
//!   manual corrects one file. Its private error has one `From` into [`ConnectorError`].
//! - What a vendor can do is said by `domain::vendor` (`VendorKind::can`), never by its name.
//!
//! To add a vendor: a `VendorKind` with its description, a variant of [`Credentials`], a folder with `mod.rs`, `wire.rs` and `convert.rs`, an
//! arm in [`open`], a simulator, a line in the connector suite.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::{
    clock::Instant,
    domain::{device::DeviceReading, feed::CollectionScope, pages::Pages, vendor::VendorKind},
};

mod client;
mod credentials;
mod error;
mod issuer;
mod mps_monitor;
mod printanista;
mod registry;
mod three_manager;
mod url;

pub use self::{
    client::{Client, ClientProblem, ClientSettings},
    credentials::{Credentials, CredentialsUnreadable},
    error::ConnectorError,
    issuer::{Published, read_issuer, same_issuer},
    registry::{Connectors, Endpoint, open},
    url::{ServerUrl, UrlProblem, validate_server_url},
};

/// Reads one registered server. Opened once per server and process ([`Connectors`]), since it holds the vendor's tokens and the server's pace.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The vendor.
    fn vendor(&self) -> VendorKind;

    /// The health check: logs in with the stored credentials. May run beside anything else.
    async fn check(&self) -> Result<(), ConnectorError>;

    /// The customers on the server, in the vendor's order; only for `ListCustomers`. May run beside anything else.
    async fn customers(&self) -> Result<Vec<VendorCustomer>, ConnectorError>;

    /// What the server says of one customer. Waits while another `read` of this server is under way.
    async fn read(&self, ask: &ReadRequest<'_>) -> Result<Answer, ConnectorError>;
}

/// A customer as the vendor lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorCustomer {
    /// Its id on the vendor's server, opaque.
    pub external_id: String,
    /// Its name.
    pub name: String,
}

/// What to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest<'a> {
    /// The customer's id on the vendor's server, opaque.
    pub customer: &'a str,
    /// Which devices count. Vendors with `Devices` answer with all of them, marked as managed or not, whatever the scope.
    pub scope: CollectionScope,
    /// The day, or now.
    pub at: ReadAt,
    /// The report that the day was first read with; `None` for a day not read yet. With it no other report is asked for, whatever the
    /// scope. Period vendors only.
    pub report: Option<Report>,
}

/// When the counts asked for stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAt {
    /// Printed on this day, or counted at its end, in the server's zone; only for `History`.
    Day(NaiveDate),
    /// As they stand; only for vendors with `Devices`.
    Now,
}

/// Which of a period vendor's two reports gave the totals: all devices, or only managed ones.
pub type Report = CollectionScope;

/// What a server said of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Totals of the customer (vendors without `Devices`).
    Period(PeriodAnswer),
    /// Counters of its devices, each device once (vendors with `Devices`).
    Devices(Vec<DeviceReading>),
}

/// Totals of one customer and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodAnswer {
    /// The customer's name; `None` when the vendor has none.
    pub customer_name: Option<String>,
    /// How many devices the report covers; `None` when the vendor does not say.
    pub devices: Option<i32>,
    /// Pages printed on the day, none negative.
    pub pages: Pages,
    /// When the customer's devices were last read; `None` for never.
    pub last_audit: Option<Instant>,
    /// The report that gave the totals.
    pub report: Report,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ConnectorError, client::Reply, mps_monitor, printanista, three_manager};

    /// Every way in which the vendors' modules make an error of an answer.
    fn errors(status: u16, body: &[u8]) -> Vec<ConnectorError> {
        let reply = || Reply { status, body };
        [printanista::errors(&reply()), three_manager::errors(&reply()), mps_monitor::errors(&reply())].concat()
    }

    proptest! {
        #[test]
        fn no_text_of_an_answer_gets_into_an_error(
            status in prop_oneof![Just(200_u16), Just(400), Just(401), Just(403), Just(404), 100..600_u16],
            secret in "[Q-Z]{8}[0-9]{4}",
            shape in prop_oneof![
                Just(r#""@""#),
                Just(r#"{"@":1}"#),
                Just(r#"{"error":"@"}"#),
                Just(r#"{"access_token":"@","expires_in":"@"}"#),
                Just(r#"{"items":[{"deviceId":"@","isManaged":"@"}],"totalCount":1}"#),
                Just(r#"{"items":[{"deviceId":"d","isManaged":true,"lastSeenAt":"@","counters":{"@":1}}],"totalCount":1}"#),
                Just(r#"{"items":[{"organizationId":"o","name":["@"]}],"totalCount":1}"#),
                Just(r#"{"customerId":"@","customerName":"@","numberOfDevices":1,"smallPageCount":"@"}"#),
                Just(r#"{"IsValid":false,"Errors":[{"Code":"@","Description":"@"}],"Result":"@"}"#),
                Just(r#"{"IsValid":true,"TotalRows":1,"Result":{"Code":"@","Devices":[]}}"#),
                Just(r#"{"IsValid":true,"TotalRows":1,"Result":{"Code":"c","Devices":[{"Id":"d","IsInsideProject":"@"}]}}"#),
                Just("@<html>@"),
                Just(r#"{"items":[@]}"#),
                Just(r#"{"items":["@"#),
            ],
        ) {
            for error in errors(status, shape.replace('@', &secret).as_bytes()) {
                let shown = format!("{error} {error:?} {error:#?} {}", error.detail());
                prop_assert!(!shown.contains(&secret), "{}", shown);
            }
        }
    }
}
