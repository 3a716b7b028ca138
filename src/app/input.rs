//! What mutations take, with scalars already read. An id of another kind, or garbage, arrives as a UUID that names nothing.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

pub use crate::connector::Credentials;
use crate::{
    clock::Instant,
    domain::{
        account::{AccountRole, ActiveStatus, Permission},
        calendar::Month,
        feed::CollectionScope,
        pages::{Pages, Paper},
    },
    id::Uuid,
};

/// Input of `createAccount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAccount {
    /// The account above.
    pub parent_id: Uuid,
    /// Name, 1 to 200 characters.
    pub name: String,
    /// Level below the parent's.
    pub role: AccountRole,
    /// Its zone; `None` for the parent's.
    pub time_zone: Option<Tz>,
    /// The partner system's own id, at most 200 characters.
    pub external_id: Option<String>,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `updateAccount`; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateAccount {
    /// The account.
    pub account_id: Uuid,
    /// New name, 1 to 200 characters.
    pub name: Option<String>,
    /// New status.
    pub status: Option<ActiveStatus>,
    /// New zone.
    pub time_zone: Option<Tz>,
    /// New external id, at most 200 characters; `Some(None)` clears it.
    pub external_id: Option<Option<String>>,
    /// Refused with CONFLICT when the account has another version.
    pub expected_version: Option<i32>,
}

/// Input of `createUser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// The account it will belong to.
    pub account_id: Uuid,
    /// Full name, 1 to 200 characters.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// What the user may do.
    pub permission: Permission,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `updateUser`; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateUser {
    /// The user.
    pub user_id: Uuid,
    /// New full name, 1 to 200 characters.
    pub name: Option<String>,
    /// New permission.
    pub permission: Option<Permission>,
    /// New status; INACTIVE ends the user's sessions.
    pub status: Option<ActiveStatus>,
    /// Refused with CONFLICT when the user has another version.
    pub expected_version: Option<i32>,
}

/// Input of `createApiKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateApiKey {
    /// The account it will belong to.
    pub account_id: Uuid,
    /// What it is for, 1 to 200 characters.
    pub name: String,
    /// What the key may do.
    pub permission: Permission,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Instant>,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `testServerConnection`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestServerConnection {
    /// Base address as typed.
    pub url: String,
    /// Its credentials.
    pub credentials: Credentials,
}

/// Input of `registerServer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterServer {
    /// The partner or distributor account that it will belong to.
    pub account_id: Uuid,
    /// Name for people, 1 to 200 characters.
    pub name: String,
    /// Base address as typed.
    pub url: String,
    /// Its zone; `None` for the account's.
    pub time_zone: Option<Tz>,
    /// When the nightly run starts; `None` for the configured time.
    pub nightly_at: Option<NaiveTime>,
    /// Its credentials; they decide the vendor.
    pub credentials: Credentials,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `registerFeed` and a row of `registerFeeds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterFeed {
    /// The server it is read from.
    pub server_id: Uuid,
    /// The customer account that gets the pages.
    pub account_id: Uuid,
    /// The customer's id on the vendor's server, 1 to 200 characters.
    pub external_id: String,
    /// Name for people, at most 200 characters.
    pub name: Option<String>,
    /// The first day that counts.
    pub activation_date: NaiveDate,
    /// Which devices count.
    pub scope: CollectionScope,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `registerFeeds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterFeeds {
    /// 1 to 250 rows.
    pub feeds: Vec<RegisterFeed>,
    /// Stands in for the key of each row that has none, joined with the row's index.
    pub idempotency_key: Option<String>,
}

/// Input of `createAccounts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAccounts {
    /// 1 to 250 rows.
    pub accounts: Vec<CreateAccount>,
    /// Stands in for the key of each row that has none, joined with the row's index.
    pub idempotency_key: Option<String>,
}

/// Input of `startSync`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartSync {
    /// The server.
    pub server_id: Uuid,
    /// Only these of its feeds; `None` for all.
    pub feed_ids: Option<Vec<Uuid>>,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `updateServer`; `None` leaves a setting as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateServer {
    /// The server.
    pub server_id: Uuid,
    /// New name, 1 to 200 characters.
    pub name: Option<String>,
    /// New base address as typed; another host, or another port, needs credentials in the same call.
    pub url: Option<String>,
    /// New zone.
    pub time_zone: Option<Tz>,
    /// New start of the nightly run.
    pub nightly_at: Option<NaiveTime>,
    /// New credentials, of the same vendor.
    pub credentials: Option<Credentials>,
    /// Refused with CONFLICT when the server has another version.
    pub expected_version: Option<i32>,
}

/// Input of `updateFeed`; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateFeed {
    /// The feed.
    pub feed_id: Uuid,
    /// New name, at most 200 characters; `Some(None)` clears it.
    pub name: Option<Option<String>>,
    /// New first day that counts.
    pub activation_date: Option<NaiveDate>,
    /// Which devices count from now on.
    pub scope: Option<CollectionScope>,
    /// Refused with CONFLICT when the feed has another version.
    pub expected_version: Option<i32>,
}

/// Input of `resolveAnomaly`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveAnomaly {
    /// The anomaly; OPEN.
    pub anomaly_id: Uuid,
    /// Whether its pages are posted; else they are dropped.
    pub accept: bool,
    /// Why, at most 1,000 characters.
    pub note: Option<String>,
}

/// Input of `createDeposit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDeposit {
    /// The customer account that gets the pages.
    pub account_id: Uuid,
    /// The day they were printed; not in the future.
    pub day: NaiveDate,
    /// Sides and sheets, 0 or more each.
    pub pages: Pages,
    /// Paper of other sizes and weights; only standard pages are kept of it.
    pub paper: Vec<Paper>,
    /// What it is for, at most 1,000 characters.
    pub note: Option<String>,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// Input of `reverseDeposit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReverseDeposit {
    /// The entry to take back; MANUAL and not taken back yet.
    pub deposit_id: Uuid,
    /// Why, 1 to 1,000 characters.
    pub note: String,
    /// Makes a repeated call answer like the first for 24 hours.
    pub idempotency_key: Option<String>,
}

/// An account made by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAccount {
    /// Name, 1 to 200 characters.
    pub name: String,
    /// Level in the tree.
    pub role: AccountRole,
    /// The account above; `None` for a top-level account.
    pub parent_id: Option<Uuid>,
    /// Its zone; `None` for the parent's, or UTC at the top.
    pub time_zone: Option<Tz>,
    /// The partner system's own id.
    pub external_id: Option<String>,
}

/// A user made by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorUser {
    /// The account the user belongs to.
    pub account_id: Uuid,
    /// Full name, 1 to 200 characters.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// What the user may do.
    pub permission: Permission,
}

/// An API key made by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorApiKey {
    /// The account the key belongs to.
    pub account_id: Uuid,
    /// What it is for, 1 to 200 characters.
    pub name: String,
    /// What the key may do.
    pub permission: Permission,
    /// Days until it stops working; `None` for never.
    pub expires_in_days: Option<u32>,
}

/// A project made by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperatorProject {
    /// Name, 1 to 200 characters.
    pub name: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// What is planted and by whom, 1 to 2,000 characters.
    pub description: String,
    /// Millionths of a degree north of the equator.
    pub latitude: Option<i64>,
    /// Millionths of a degree east of Greenwich.
    pub longitude: Option<i64>,
    /// Who verifies it.
    pub verifier: Option<String>,
    /// An https address of a picture.
    pub image_url: Option<String>,
    /// Trees it can take in all; `None` for no limit.
    pub trees: Option<i64>,
}

/// `chooseProjects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChooseProjects {
    /// The account.
    pub account_id: Uuid,
    /// All projects chosen from now on, at most 20; empty for the choice of the nearest account above.
    pub project_ids: Vec<Uuid>,
    /// The account's version that the caller knows; `None` to change it whatever it is.
    pub expected_version: Option<i32>,
}

/// `issueCertificates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueCertificates {
    /// The account, with those below it.
    pub account_id: Uuid,
    /// A month that is over.
    pub month: Month,
    /// Makes repeating the call safe for 24 hours.
    pub idempotency_key: Option<String>,
}

/// `voidCertificate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidCertificate {
    /// The certificate.
    pub certificate_id: Uuid,
    /// Why, 1 to 1,000 characters.
    pub reason: String,
}
