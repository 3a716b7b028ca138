//! What can be asked of lists: filters (fields joined by AND, the values of one list by OR; `None` or an empty list does not
//! restrict) and orders (ties broken by id); and the sums that reads give.

use chrono::NaiveDate;

use super::{
    account::{AccountRole, ActiveStatus},
    anomaly::AnomalyStatus,
    calendar::{Interval, Month},
    certificate::CertificateStatus,
    feed::FeedStatus,
    health::HealthStatus,
    named_enum,
    pages::{Pages, StandardPages},
    paging::PageArgs,
    run::{SyncStatus, SyncTrigger},
    server::ServerStatus,
    vendor::VendorKind,
};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Orders of accounts, servers and feeds.
    NameOrder {
        /// Name, A to Z; unnamed last.
        NameAsc = "NAME_ASC",
        /// Name, Z to A; unnamed last.
        NameDesc = "NAME_DESC",
        /// Longest unchanged first, for clients that keep a copy: no row is ever added before a cursor given out.
        UpdatedAtAsc = "UPDATED_AT_ASC",
        /// Latest changed first.
        UpdatedAtDesc = "UPDATED_AT_DESC",
    }
}

/// Orders of accounts.
pub type AccountOrder = NameOrder;
/// Orders of servers.
pub type ServerOrder = NameOrder;
/// Orders of feeds.
pub type FeedOrder = NameOrder;

/// Which accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Directly below this account.
    pub parent_id: Option<Uuid>,
    /// With one of these roles.
    pub role: Vec<AccountRole>,
    /// With this status.
    pub status: Option<ActiveStatus>,
    /// With exactly this external id.
    pub external_id: Option<String>,
    /// Whose name contains this text, upper and lower case alike.
    pub search: Option<String>,
    /// Changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Which servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFilter {
    /// Of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of one of these vendors.
    pub vendor: Vec<VendorKind>,
    /// With one of these statuses.
    pub status: Vec<ServerStatus>,
    /// With one of these healths.
    pub health: Vec<HealthStatus>,
    /// Whose name or address contains this text, upper and lower case alike.
    pub search: Option<String>,
    /// Changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Which feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of this server.
    pub server_id: Option<Uuid>,
    /// With one of these statuses.
    pub status: Vec<FeedStatus>,
    /// With one of these healths.
    pub health: Vec<HealthStatus>,
    /// With exactly this external id.
    pub external_id: Option<String>,
    /// Whose name or external id contains this text, upper and lower case alike.
    pub search: Option<String>,
    /// Changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Which runs; the latest requested first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncRunFilter {
    /// Of servers of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of this server.
    pub server_id: Option<Uuid>,
    /// Started by one of these.
    pub trigger: Vec<SyncTrigger>,
    /// With one of these statuses.
    pub status: Vec<SyncStatus>,
    /// Asked for at this instant or later.
    pub requested_since: Option<Instant>,
}

/// What the parents are whose lists are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Under {
    /// Accounts.
    Account,
    /// Servers.
    Server,
    /// Feeds.
    Feed,
    /// Runs.
    Run,
    /// Certificates.
    Certificate,
}

/// The same slice of a list of each of many parents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Below {
    /// What the parents are.
    pub under: Under,
    /// First day, inclusive, of ledger entries; `None` for the first there is.
    pub from: Option<NaiveDate>,
    /// Last day, inclusive, of ledger entries; `None` for the last there is.
    pub to: Option<NaiveDate>,
    /// The slice.
    pub page: PageArgs,
}

impl Below {
    /// A slice of all there is.
    pub fn all(under: Under, page: PageArgs) -> Self {
        Self { under, from: None, to: None, page }
    }
}

/// Which collections, and with it their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionsOf {
    /// Of this run, in the order of reading.
    Run(Uuid),
    /// Of this feed, the latest first.
    Feed(Uuid),
}

/// Which ledger entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepositFilter {
    /// Of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of this feed.
    pub feed_id: Option<Uuid>,
    /// Of this day or later.
    pub from: Option<NaiveDate>,
    /// Of this day or earlier.
    pub to: Option<NaiveDate>,
    /// Posted at this instant or later.
    pub created_since: Option<Instant>,
}

/// Which anomalies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnomalyFilter {
    /// Of feeds of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of this feed.
    pub feed_id: Option<Uuid>,
    /// With one of these statuses.
    pub status: Vec<AnomalyStatus>,
}

/// Which certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFilter {
    /// Of this account or those below it.
    pub account_id: Option<Uuid>,
    /// Of this month or later.
    pub from: Option<Month>,
    /// Of this month or earlier.
    pub to: Option<Month>,
    /// With this status.
    pub status: Option<CertificateStatus>,
    /// With exactly this number.
    pub number: Option<String>,
    /// Issued or voided at this instant or later.
    pub updated_since: Option<Instant>,
}

named_enum! {
    /// Orders of certificates.
    CertificateOrder {
        /// Oldest first.
        IssuedAtAsc = "ISSUED_AT_ASC",
        /// Newest first.
        IssuedAtDesc = "ISSUED_AT_DESC",
        /// Longest unchanged first, for clients that keep a copy: no row is ever added before a cursor given out.
        UpdatedAtAsc = "UPDATED_AT_ASC",
        /// Latest changed first.
        UpdatedAtDesc = "UPDATED_AT_DESC",
    }
}

/// A sum of ledger entries; trees are computed from it and never summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageSum {
    /// Sides and sheets.
    pub pages: Pages,
    /// What they come to.
    pub standard: StandardPages,
}

impl PageSum {
    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.pages.small += other.pages.small;
        self.pages.large += other.pages.large;
        self.pages.duplex += other.pages.duplex;
        self.standard.0 += other.standard.0;
    }
}

/// Sums of an account and those below it up to now, by the account's own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Since the 1st of this month.
    pub month_to_date: PageSum,
    /// Since the 1st of this quarter.
    pub quarter_to_date: PageSum,
    /// Since 1 January.
    pub year_to_date: PageSum,
    /// Since the first entry.
    pub lifetime: PageSum,
    /// The part of `lifetime` on a certificate that is not void.
    pub certified: PageSum,
}

/// The sums of one month, of an account and those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthSum {
    /// The month of the entries' days.
    pub month: Month,
    /// What was printed.
    pub sum: PageSum,
    /// The part of it on a certificate that is not void.
    pub certified: PageSum,
}

impl Totals {
    /// What all months come to, `this_month` being the one that is under way.
    pub fn of(months: &[MonthSum], this_month: Month) -> Self {
        let mut totals = Self::default();
        for MonthSum { month, sum, certified } in months {
            totals.lifetime.add(sum);
            totals.certified.add(certified);
            for (since, part) in [
                (this_month, &mut totals.month_to_date),
                (this_month.quarter(), &mut totals.quarter_to_date),
                (this_month.january(), &mut totals.year_to_date),
            ] {
                if *month >= since {
                    part.add(sum);
                }
            }
        }
        totals
    }

    /// The part of `lifetime` on no certificate.
    pub fn pending(&self) -> PageSum {
        let mut rest = self.lifetime;
        rest.pages.small -= self.certified.pages.small;
        rest.pages.large -= self.certified.pages.large;
        rest.pages.duplex -= self.certified.pages.duplex;
        rest.standard.0 -= self.certified.standard.0;
        rest
    }
}

/// Sums over a range of days, of an account and those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// First day, as asked.
    pub from: NaiveDate,
    /// Last day, as asked.
    pub to: NaiveDate,
    /// Length of a point, as asked.
    pub interval: Interval,
    /// One for each interval that touches the range, oldest first, empty ones included.
    pub points: Vec<ConsumptionPoint>,
    /// Of the whole range.
    pub total: PageSum,
}

/// The sum of one interval, cut at the ends of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumptionPoint {
    /// First day, inclusive.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// What was printed.
    pub sum: PageSum,
}

/// How many have which health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthCounts {
    /// Not judged yet.
    pub pending: i64,
    /// Healthy.
    pub healthy: i64,
    /// Unhealthy.
    pub unhealthy: i64,
}

/// What is healthy and what needs attention at an account and those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthSummary {
    /// Servers that are not removed.
    pub servers: HealthCounts,
    /// Feeds that have not ended.
    pub feeds: HealthCounts,
    /// Anomalies that wait for a decision.
    pub open_anomalies: i64,
    /// What they hold.
    pub suspense: Pages,
}
