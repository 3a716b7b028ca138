//! Health of servers and feeds.

use async_graphql::{Context, Object, SimpleObject, Union};

use super::{
    Anomaly, Feed, Server,
    enums::{FailureReason, HealthStatus},
};
use crate::{
    domain::{
        failure, health,
        paging::{Cursors, PageArgs},
        query::{self, Under},
    },
    graphql::{
        connection::{Connection, page_args},
        context::{Session, present},
        engine,
        error::Result,
        lists::slice,
        scalars::{DateTime, Long},
    },
    id::Uuid,
};

/// Health of a server or feed.
#[derive(Debug, Clone)]
pub struct Health {
    pub(super) record: health::Health,
    pub(super) subject: health::HealthSubject,
}

/// Health of a server or feed.
#[Object(crate = "engine")]
impl Health {
    /// The last verdict.
    fn status(&self) -> HealthStatus {
        self.record.status.into()
    }

    /// Why it is not healthy; null unless UNHEALTHY.
    fn reason(&self) -> Option<FailureReason> {
        self.record.reason.map(Into::into)
    }

    /// The reason in plain words, with what to do; null unless UNHEALTHY.
    fn message(&self) -> Option<&'static str> {
        self.record.reason.map(failure::FailureReason::message)
    }

    /// When it was last checked; null before the first check.
    fn checked_at(&self) -> Option<DateTime> {
        self.record.checked_at.map(Into::into)
    }

    /// When the status last changed; null while it never has.
    fn changed_at(&self) -> Option<DateTime> {
        self.record.changed_at.map(Into::into)
    }

    /// Changes of status, the latest first.
    async fn history(&self, ctx: &Context<'_>) -> Result<Connection<HealthChange>> {
        let (under, id) = match self.subject {
            health::HealthSubject::Server(id) => (Under::Server, id),
            health::HealthSubject::Feed(id) => (Under::Feed, id),
        };
        // A change tells its own cursor.
        let args = PageArgs { cursors: Cursors::All, ..page_args(ctx) };
        let page = Session::of(ctx)?.page_below(|lists| &lists.changes, id, slice(under, args)).await?;
        Ok(Connection::map(page, |cursor, record| HealthChange::new(cursor.to_owned(), record)))
    }
}

/// A change of a server's or feed's health.
#[derive(Debug, Clone)]
pub struct HealthChange {
    cursor: String,
    record: health::HealthChange,
}

impl HealthChange {
    pub(in crate::graphql) fn new(cursor: String, record: health::HealthChange) -> Self {
        Self { cursor, record }
    }
}

/// A change of a server's or feed's health.
#[Object(crate = "engine")]
impl HealthChange {
    /// Opaque place in the account's sequence of changes; pass it as after to go on from here.
    fn cursor(&self) -> &str {
        &self.cursor
    }

    /// What changed.
    async fn subject(&self, ctx: &Context<'_>) -> Result<HealthSubject> {
        let session = Session::of(ctx)?;
        match self.record.subject {
            health::HealthSubject::Server(id) => Ok(present(session.server(id).await?, "a server")?.into()),
            health::HealthSubject::Feed(id) => Ok(present(session.feed(id).await?, "a feed")?.into()),
        }
    }

    /// The new status.
    fn status(&self) -> HealthStatus {
        self.record.status.into()
    }

    /// The status before.
    fn previous_status(&self) -> HealthStatus {
        self.record.previous_status.into()
    }

    /// Why; null unless UNHEALTHY.
    fn reason(&self) -> Option<FailureReason> {
        self.record.reason.map(Into::into)
    }

    /// The reason in plain words; null unless UNHEALTHY.
    fn message(&self) -> Option<&'static str> {
        self.record.reason.map(failure::FailureReason::message)
    }

    /// When it changed.
    fn changed_at(&self) -> DateTime {
        self.record.changed_at.into()
    }
}

/// What a change of health is about.
#[derive(Debug, Clone, Union)]
#[graphql(crate = "engine")]
pub enum HealthSubject {
    /// A server.
    Server(Server),
    /// A feed.
    Feed(Feed),
}

/// What is healthy and what needs attention at an account and those below it.
#[derive(Debug, Clone)]
pub struct HealthSummary {
    account_id: Uuid,
    record: query::HealthSummary,
}

impl HealthSummary {
    pub(in crate::graphql) fn new(account_id: Uuid, record: query::HealthSummary) -> Self {
        Self { account_id, record }
    }
}

/// What is healthy and what needs attention at an account and those below it.
#[Object(crate = "engine")]
impl HealthSummary {
    /// Servers that are not removed.
    fn servers(&self) -> HealthCounts {
        self.record.servers.into()
    }

    /// Feeds that have not ended.
    fn feeds(&self) -> HealthCounts {
        self.record.feeds.into()
    }

    /// Anomalies that wait for a decision.
    fn open_anomaly_count(&self) -> i32 {
        int(self.record.open_anomalies)
    }

    /// Sides held in suspense by these anomalies.
    fn held_pages(&self) -> Long {
        self.record.suspense.sides().into()
    }

    /// The longest unhealthy first.
    async fn unhealthy_servers(&self, ctx: &Context<'_>) -> Result<Connection<Server>> {
        let ask = slice(Under::Account, page_args(ctx));
        Session::of(ctx)?.below(|lists| &lists.unhealthy_servers, self.account_id, ask).await
    }

    /// The longest unhealthy first.
    async fn unhealthy_feeds(&self, ctx: &Context<'_>) -> Result<Connection<Feed>> {
        let ask = slice(Under::Account, page_args(ctx));
        Session::of(ctx)?.below(|lists| &lists.unhealthy_feeds, self.account_id, ask).await
    }

    /// Anomalies that wait for a decision, the oldest first.
    async fn open_anomalies(&self, ctx: &Context<'_>) -> Result<Connection<Anomaly>> {
        let ask = slice(Under::Account, page_args(ctx));
        Session::of(ctx)?.below(|lists| &lists.open_anomalies, self.account_id, ask).await
    }
}

/// How many have which health.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct HealthCounts {
    /// Not judged yet.
    pending: i32,
    /// Healthy.
    healthy: i32,
    /// Unhealthy.
    unhealthy: i32,
}

impl From<query::HealthCounts> for HealthCounts {
    fn from(counts: query::HealthCounts) -> Self {
        Self { pending: int(counts.pending), healthy: int(counts.healthy), unhealthy: int(counts.unhealthy) }
    }
}

/// The schema's Int has 32 bits; a count beyond is shown as the most it can say.
fn int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
