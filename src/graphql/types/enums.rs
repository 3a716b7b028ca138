//! The schema's enums: the domain's values with the words that clients read. The compiler refuses a value that one side lacks.

use async_graphql::Enum;

/// Level of an account in the tree.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::account::AccountRole")]
pub enum AccountRole {
    /// Top of a tree; its children are partners.
    Distributor,
    /// A dealer of managed print services: registers servers; its children are customers.
    Partner,
    /// An organisation that prints: holds feeds, deposits and certificates.
    Customer,
}

/// Whether an account or user is in use.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::account::ActiveStatus")]
pub enum ActiveStatus {
    /// In use.
    Active,
    /// Switched off; everything it has is kept.
    Inactive,
}

/// Orders of accounts; ties are broken by id.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::query::NameOrder")]
pub enum AccountOrder {
    /// Name, A to Z.
    NameAsc,
    /// Name, Z to A.
    NameDesc,
    /// Longest unchanged first, for clients that keep a copy.
    UpdatedAtAsc,
    /// Latest changed first.
    UpdatedAtDesc,
}

/// Whether a certificate is in force.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::certificate::CertificateStatus")]
pub enum CertificateStatus {
    /// In force.
    Issued,
    /// Withdrawn with a reason; its pages are pending again.
    Void,
}

/// Orders of certificates; ties are broken by id.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::query::CertificateOrder")]
pub enum CertificateOrder {
    /// Oldest first.
    IssuedAtAsc,
    /// Newest first.
    IssuedAtDesc,
    /// Longest unchanged first, for clients that keep a copy.
    UpdatedAtAsc,
    /// Latest changed first.
    UpdatedAtDesc,
}

/// Whether a project can be chosen.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::project::ProjectStatus")]
pub enum ProjectStatus {
    /// Can be chosen.
    Active,
    /// Takes no new trees; past certificates keep it.
    Closed,
}

/// What a user or API key may do within its account; each includes the one before.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::account::Permission")]
pub enum Permission {
    /// Queries and subscriptions.
    Read,
    /// Also accounts, projects, servers, feeds, runs, anomalies and deposits.
    Write,
    /// Also users, API keys and certificates.
    Admin,
}

/// The supported vendor systems.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::vendor::VendorKind")]
pub enum VendorKind {
    /// ECI Printanista (FMAudit): page totals of a customer between two dates.
    Printanista,
    /// 3manager: counters of each device, also as of past days.
    ThreeManager,
    /// MPS Monitor: current counters of each device.
    MpsMonitor,
}

/// What a vendor system can do.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::vendor::VendorCapability")]
pub enum VendorCapability {
    /// Past days can be read: a past activation date is backfilled. Without it collection begins now.
    History,
    /// Its customers can be listed: Server.customers fills a dropdown. Without it the external id is typed in.
    ListCustomers,
    /// Counters come per device: Feed.devices is filled. Without it totals come per customer.
    Devices,
    /// A feed can be limited to managed devices.
    ManagedOnly,
}

/// Length of a point of consumption.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::calendar::Interval")]
pub enum Interval {
    /// A calendar day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

/// Whether a server collects.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::server::ServerStatus")]
pub enum ServerStatus {
    /// Collects every night.
    Active,
    /// Its check fails; resumes by itself, and catches up, when it passes.
    PausedUnhealthy,
    /// Paused until resumed.
    PausedByUser,
    /// Removed: never collects again, credentials erased, kept for the record.
    Removed,
}

/// Orders of servers; ties are broken by id.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::query::NameOrder")]
pub enum ServerOrder {
    /// Name, A to Z.
    NameAsc,
    /// Name, Z to A.
    NameDesc,
    /// Longest unchanged first, for clients that keep a copy.
    UpdatedAtAsc,
    /// Latest changed first.
    UpdatedAtDesc,
}

/// Verdict on a server or feed.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::health::HealthStatus")]
pub enum HealthStatus {
    /// Not judged yet.
    Pending,
    /// Server: its check passes. Feed: new data came within 3 business days.
    Healthy,
    /// Server: its check fails. Feed: no new data for 3 business days, or the vendor refuses the customer.
    Unhealthy,
}

/// Why a check, feed, run or collection fails.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::failure::FailureReason")]
pub enum FailureReason {
    /// Server: the vendor refused the login.
    CredentialsRefused,
    /// Server: the vendor's user lacks a permission, such as Dealer Admin.
    PermissionMissing,
    /// Server: its name leads to an address that this installation does not call.
    AddressNotAllowed,
    /// Server: no connection, or its name is unknown.
    Unreachable,
    /// Server: no secure connection, such as an untrusted certificate.
    TlsFailed,
    /// Server: no answer in time.
    TimedOut,
    /// Server: it went on answering with errors of its own.
    VendorFailed,
    /// Server: it went on asking to slow down.
    VendorBusy,
    /// Feed: the vendor does not know the external id.
    CustomerNotFound,
    /// Feed: the vendor's report that the collection scope needs is not enabled for the customer.
    ReportNotEnabled,
    /// Feed: the answer lacks a required field or has another format; nothing was posted.
    AnswerNotUnderstood,
    /// Feed: no new data for 3 business days; the collector agent may have stopped.
    NoNewData,
    /// Run: it broke off three times and waits for a person to start it again.
    SetAside,
    /// A fault of ours; the operator's log has it.
    Internal,
}

/// Which devices of a customer count.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::feed::CollectionScope")]
pub enum CollectionScope {
    /// All devices.
    All,
    /// Only devices marked as managed on the vendor's server.
    ManagedOnly,
}

/// Whether a feed collects.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::feed::FeedStatus")]
pub enum FeedStatus {
    /// Waits for its activation date.
    Scheduled,
    /// Reads the days since a past activation date.
    Backfilling,
    /// Collects every night.
    Active,
    /// Its server is paused; resumes with it.
    PausedByServer,
    /// Paused until resumed; pages printed meanwhile do not count.
    PausedByUser,
    /// Removed: never collects again, kept for the record.
    Ended,
}

/// Orders of feeds; ties are broken by id.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::query::NameOrder")]
pub enum FeedOrder {
    /// Name, A to Z, unnamed last.
    NameAsc,
    /// Name, Z to A, unnamed last.
    NameDesc,
    /// Longest unchanged first, for clients that keep a copy.
    UpdatedAtAsc,
    /// Latest changed first.
    UpdatedAtDesc,
}

/// What a meter counts.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::device::MeterKind")]
pub enum MeterKind {
    /// Sides up to letter, A4 and legal.
    Small,
    /// Sides of 11x17, A3 and larger.
    Large,
    /// Sheets printed on both sides.
    Duplex,
}

/// What stands out.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::anomaly::AnomalyKind")]
pub enum AnomalyKind {
    /// More pages in a day than the device could be expected to print; held until accepted or rejected.
    MeterSpike,
    /// The counter began again from a lower value; counting goes on from there.
    MeterReset,
    /// More two-sided sheets than the sides printed allow.
    DuplexImpossible,
    /// The device's answer lacks a counter it was read by before; it was skipped whole.
    DeviceUnreadable,
    /// The device appeared in another feed of its server; counting began anew there.
    DeviceMoved,
}

/// Whether someone must decide on an anomaly.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::anomaly::AnomalyStatus")]
pub enum AnomalyStatus {
    /// Its pages are in suspense until someone decides.
    Open,
    /// Its pages were posted.
    Accepted,
    /// Its pages were dropped.
    Rejected,
    /// For information; nothing to decide.
    Noted,
}

/// What started a run.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::run::SyncTrigger")]
pub enum SyncTrigger {
    /// The nightly schedule.
    Nightly,
    /// startSync.
    Manual,
    /// A past activation date.
    Backfill,
    /// A server or feed that became healthy again.
    Recovery,
}

/// How far a run or collection is.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::run::SyncStatus")]
pub enum SyncStatus {
    /// Waits for its turn.
    Queued,
    /// Under way.
    Running,
    /// Ended, all done.
    Succeeded,
    /// Ended; some feeds failed. Runs only.
    PartlyFailed,
    /// Ended, nothing done or given up; the next night covers it.
    Failed,
    /// Broken off because the server is paused; caught up when it resumes.
    Paused,
    /// Ended by cancelSync; days already saved stay.
    Cancelled,
}

/// Why an entry was posted.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::domain::ledger::DepositKind")]
pub enum DepositKind {
    /// Pages read from a feed.
    Collected,
    /// The difference found when a day was read again.
    Correction,
    /// Pages held in suspense and accepted.
    Released,
    /// Pages entered by createDeposit.
    Manual,
    /// Takes back a MANUAL entry.
    Reversal,
}

/// What a caller can do wrong. New values may be added: treat an unknown one as INVALID.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::app::UserErrorCode")]
pub enum UserErrorCode {
    /// The value is out of range, malformed or does not fit the others.
    Invalid,
    /// The id names nothing that the caller may see.
    NotFound,
    /// Something else already has this name, external id or e-mail address.
    Taken,
    /// The object changed since expectedVersion; read it again.
    Conflict,
    /// The object's status does not allow it.
    InvalidState,
    /// The vendor cannot do this.
    Unsupported,
    /// Too many rows, or a quota is used up.
    LimitExceeded,
    /// The key was used with another input in the last 24 hours.
    IdempotencyKeyReused,
    /// The vendor refused the login.
    CredentialsRefused,
    /// The vendor's server could not be reached or did not answer properly.
    ConnectionFailed,
    /// E-mail address, password or token is wrong or used up.
    SignInFailed,
}
