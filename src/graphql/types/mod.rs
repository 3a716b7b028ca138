//! The schema's types. Each wraps a domain record by hand; what a record does not hold is one call into `app`, through the
//! request's loaders where many items ask for the same kind.
//!
//! To add a type: its file here, its descriptions word for word as clients should read them, and, if it has an id, its variant in
//! [`Node`] and its loader.

use std::future::Future;

use super::error::Result;

mod account;
mod certificate;
pub mod enums;
mod feed;
mod health;
mod ledger;
mod node;
mod run;
mod server;
mod session;
mod vendor;
mod viewer;

pub use account::{Account, Consumption, Totals};
pub use certificate::{Certificate, CertificateVerification, Project};
pub use feed::{Anomaly, Device, Feed};
pub use health::{Health, HealthChange, HealthSummary};
pub use ledger::{Deposit, Estimate, Methodology, PaperInput};
pub use node::Node;
pub use run::{Collection, SyncError, SyncProgress, SyncRun};
pub use server::{Server, VendorCustomerConnection};
pub use session::Session;
pub use vendor::Vendor;
pub use viewer::{ApiKey, User, Viewer};

/// For a nullable field that can fail: a failure then costs that field only, not its parent.
pub(super) async fn optional<T>(found: impl Future<Output = Result<Option<T>>>) -> Option<Result<T>> {
    found.await.transpose()
}
