//! What can be asked: the filters and orders of `domain::query`, and what only use cases know.

pub use crate::domain::query::*;
use crate::{
    domain::{
        account::{Account, ApiKey, Permission, User},
        failure::FailureReason,
        paging::Page,
    },
    id::Uuid,
};

/// The most points that consumption is given in.
pub const MAX_POINTS: usize = 1_100;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The user; `None` for an API key.
    pub user: Option<User>,
    /// The key; `None` for a user.
    pub api_key: Option<ApiKey>,
    /// The account it belongs to.
    pub account: Account,
    /// What it may do there.
    pub permission: Permission,
}

/// A vendor's customers, asked live.
#[derive(Debug, Clone)]
pub struct VendorCustomers {
    /// The customers by name; empty when they could not be read.
    pub page: Page<VendorCustomer>,
    /// Why they could not be read; `None` when they were.
    pub error: Option<FailureReason>,
}

/// A customer as the vendor's server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorCustomer {
    /// The id to register a feed with.
    pub external_id: String,
    /// Name on the vendor's server.
    pub name: String,
    /// The live feed of this server that has it; `None` when it can be registered.
    pub feed_id: Option<Uuid>,
}

/// Which runs' progress to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgressSelector {
    /// Only this run; the stream ends with it.
    pub run_id: Option<Uuid>,
    /// Only runs of this server.
    pub server_id: Option<Uuid>,
    /// Only runs of servers of this account or those below it.
    pub account_id: Option<Uuid>,
    /// With `run_id`: cursor of the last state received.
    pub after: Option<String>,
}
