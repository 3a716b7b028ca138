//! What can be asked: the filters and orders of `domain::query`, and what only use cases know.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

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
/// What to do about more.
pub const TOO_MANY_POINTS: &str = "At most 1,100 points: ask for a shorter range or a longer interval.";

/// Whether a text is a cursor of a list at all: base64url of a JSON array. Whether it is one of the list that it is given to shows when
/// that is read.
pub fn is_cursor(text: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
    serde_json::from_slice::<Vec<serde_json::Value>>(&bytes).is_ok()
}

/// The same of a run's states, which are numbered.
pub fn is_progress_cursor(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

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
