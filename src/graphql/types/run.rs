//! Sync runs and collections.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    Feed, Server,
    enums::{FailureReason, SyncStatus, SyncTrigger},
    optional,
};
use crate::{
    app::App,
    domain::{
        failure::{self, Failure},
        query::Under,
        run,
    },
    graphql::{
        connection::{Connection, page_args},
        context::{Session, app, present},
        engine,
        error::Result,
        lists::slice,
        scalars::{Date, DateTime, Decimal, Long},
    },
    id::{Kind, PublicId},
};

/// The collections of one server, one after another, started by one trigger.
#[derive(Debug, Clone)]
pub struct SyncRun(pub run::SyncRun);

/// The collections of one server, one after another, started by one trigger.
#[Object(crate = "engine")]
impl SyncRun {
    /// Opaque id, run_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::SyncRun, self.0.id)
    }

    /// The server read from.
    async fn server(&self, ctx: &Context<'_>) -> Result<Server> {
        present(Session::of(ctx)?.server(self.0.server_id).await?, "a server")
    }

    /// What started it.
    fn trigger(&self) -> SyncTrigger {
        self.0.trigger.into()
    }

    /// How far it is.
    fn status(&self) -> SyncStatus {
        self.0.status.into()
    }

    /// How far it is, in numbers.
    fn progress(&self) -> SyncProgress {
        SyncProgress(self.0.clone())
    }

    /// Its collections in the order of reading.
    async fn collections(&self, ctx: &Context<'_>) -> Result<Connection<Collection>> {
        Session::of(ctx)?.below(|lists| &lists.collections, self.0.id, slice(Under::Run, page_args(ctx))).await
    }

    /// When it was asked for.
    fn requested_at(&self) -> DateTime {
        self.0.requested_at.into()
    }

    /// When it began; null while queued.
    fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended; null while it has not.
    fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// Why it failed or paused; null otherwise. Failures of single feeds are on their collections.
    fn error(&self) -> Option<SyncError> {
        self.0.error.map(SyncError::from)
    }
}

impl From<run::SyncRun> for SyncRun {
    fn from(record: run::SyncRun) -> Self {
        Self(record)
    }
}

/// State of a run, saved after every day and feed.
#[derive(Debug, Clone)]
pub struct SyncProgress(pub run::SyncRun);

/// State of a run, saved after every day and feed.
#[Object(crate = "engine")]
impl SyncProgress {
    /// Id of the run.
    fn run_id(&self) -> PublicId {
        PublicId::new(Kind::SyncRun, self.0.id)
    }

    /// The run.
    fn sync_run(&self) -> SyncRun {
        SyncRun(self.0.clone())
    }

    /// Opaque place in the run's sequence of states; pass it as after, with runId, to go on from here.
    fn cursor(&self) -> String {
        App::progress_cursor(&self.0)
    }

    /// How far the run is.
    fn status(&self) -> SyncStatus {
        self.0.status.into()
    }

    /// Feeds to read; 0 until the run is planned.
    fn feeds_total(&self) -> i32 {
        self.0.progress.feeds_total
    }

    /// Feeds read, failed ones included.
    fn feeds_done(&self) -> i32 {
        self.0.progress.feeds_done
    }

    /// Feeds that failed.
    fn feeds_failed(&self) -> i32 {
        self.0.progress.feeds_failed
    }

    /// Days to read over all feeds; 0 until the run is planned.
    fn days_total(&self) -> i32 {
        self.0.progress.days_total
    }

    /// Days read over all feeds.
    fn days_done(&self) -> i32 {
        self.0.progress.days_done
    }

    /// The feed being read; null for none.
    async fn current_feed(&self, ctx: &Context<'_>) -> Option<Result<Feed>> {
        let id = self.0.progress.current_feed?;
        optional(async { Session::of(ctx)?.feed(id).await }).await
    }

    /// Pages posted so far, in sides.
    fn pages(&self) -> Long {
        self.0.progress.pages.into()
    }

    /// When it began; null while queued.
    fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it should end at its pace so far; null while unknown or when ended.
    fn estimated_finish_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        app(ctx).map(|app| self.0.estimated_finish(app.now()).map(DateTime)).transpose()
    }
}

impl From<run::SyncRun> for SyncProgress {
    fn from(record: run::SyncRun) -> Self {
        Self(record)
    }
}

/// One run over one feed.
#[derive(Debug, Clone)]
pub struct Collection(pub run::Collection);

/// One run over one feed.
#[Object(crate = "engine")]
impl Collection {
    /// Opaque id, col_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Collection, self.0.id)
    }

    /// The feed read.
    async fn feed(&self, ctx: &Context<'_>) -> Result<Feed> {
        present(Session::of(ctx)?.feed(self.0.feed_id).await?, "a feed")
    }

    /// The run it is part of; null when the caller may not see the server.
    async fn sync_run(&self, ctx: &Context<'_>) -> Option<Result<SyncRun>> {
        optional(async { Session::of(ctx)?.sync_run(self.0.run_id).await }).await
    }

    /// How far it is.
    fn status(&self) -> SyncStatus {
        self.0.status.into()
    }

    /// First day of the window, inclusive.
    fn from(&self) -> Date {
        self.0.from.into()
    }

    /// Last day of the window, inclusive.
    fn to(&self) -> Date {
        self.0.to.into()
    }

    /// Devices in the answer; null before it came.
    fn device_count(&self) -> Option<i32> {
        self.0.device_count
    }

    /// Pages posted, in sides; corrections can make it negative.
    fn pages(&self) -> Long {
        self.0.pages.sides().into()
    }

    /// Standard pages posted; corrections can make it negative.
    fn standard_pages(&self) -> Decimal {
        self.0.standard.to_decimal().into()
    }

    /// Attempts made.
    fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// When it began; null while queued.
    fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended; null while it has not.
    fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// Why the last attempt failed; null when it did not.
    fn error(&self) -> Option<SyncError> {
        self.0.error.map(SyncError::from)
    }
}

impl From<run::Collection> for Collection {
    fn from(record: run::Collection) -> Self {
        Self(record)
    }
}

/// Why a run or collection failed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct SyncError {
    /// The reason, for programs.
    reason: FailureReason,
    /// The reason in plain words, with what to do; never the vendor's own text.
    message: &'static str,
    /// When it is tried again; null for not before the next run.
    next_attempt_at: Option<DateTime>,
}

impl From<Failure> for SyncError {
    fn from(failure: Failure) -> Self {
        Self { next_attempt_at: failure.next_attempt_at.map(Into::into), ..failure.reason.into() }
    }
}

impl From<failure::FailureReason> for SyncError {
    fn from(reason: failure::FailureReason) -> Self {
        Self { reason: reason.into(), message: reason.message(), next_attempt_at: None }
    }
}
