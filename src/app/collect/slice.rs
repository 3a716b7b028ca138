//! One slice of work on a server under one lease: runs are checked, planned, read feed by feed, and ended.

use std::sync::Arc;

use chrono::NaiveDate;
use tokio::time::Instant as Monotonic;
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineFault, plan};
use crate::{
    app::collect::feed::FeedEnd,
    connector::Connector,
    domain::{
        calendar::day_of,
        failure::FailureReason,
        run::{SyncStatus, SyncTrigger},
        server::{Server, ServerStatus},
    },
    failpoint::{self, Point},
    id::Uuid,
    store::collecting::{FeedAhead, Lease, OpenRun, PlannedCollection, RunEnd},
};

/// After this many broken-off attempts at the same feed it is left for the next night.
const MAX_CRASHES: i32 = 3;

/// How far a run got in this slice.
pub(super) enum RunStep {
    /// It ended, or rests until a later attempt.
    Ended,
    /// The slice's time is over; the run goes on in the next one.
    SliceOver,
    /// Another holder has the server.
    LeaseLost,
}

/// A slice of work on one server.
pub(super) struct Slice<'a> {
    pub(super) engine: &'a Engine,
    pub(super) lease: Lease,
    pub(super) server: Server,
    pub(super) connector: Option<Arc<dyn Connector>>,
    shutdown: &'a CancellationToken,
    ends_at: Monotonic,
    lease_ends_at: Monotonic,
    feeds_left: u32,
    /// The next feed, as the last commit handed it out.
    pub(super) ahead: Option<(Uuid, FeedAhead)>,
    /// When the server was paused, once it was asked for; forgotten when it may have changed.
    pub(super) pauses: Option<Vec<(NaiveDate, Option<NaiveDate>)>>,
}

impl<'a> Slice<'a> {
    pub(super) async fn begin(engine: &'a Engine, lease: Lease, shutdown: &'a CancellationToken) -> Result<Self, EngineFault> {
        let started = Monotonic::now();
        let (server, connector) = engine.checks().open(lease.server_id).await?;
        Ok(Self {
            engine,
            lease,
            server,
            connector,
            shutdown,
            ends_at: started + engine.settings.slice,
            lease_ends_at: started + engine.settings.lease,
            feeds_left: engine.settings.slice_feeds,
            ahead: None,
            pauses: None,
        })
    }

    /// Whether to stop at the next day or feed and let the rest be another slice.
    pub(super) fn over(&self) -> bool {
        self.feeds_left == 0 || self.shutdown.is_cancelled() || Monotonic::now() >= self.ends_at
    }

    /// Whether this slice has another feed's turn after the one under way.
    pub(super) fn goes_on(&self) -> bool {
        self.feeds_left > 1 && !self.over()
    }

    /// Extends the lease when half of it is gone; `false` when it is lost. Called before each request.
    pub(super) async fn hold(&mut self) -> Result<bool, EngineFault> {
        let lease = self.engine.settings.lease;
        let now = Monotonic::now();
        if now + lease / 2 < self.lease_ends_at {
            return Ok(true);
        }
        let until = self.engine.now() + chrono::TimeDelta::from_std(lease).unwrap_or_default();
        let held = self.engine.store.renew_lease(self.lease, until).await?;
        if held {
            self.lease_ends_at = now + lease;
        }
        Ok(held)
    }

    /// Works on one run.
    pub(super) async fn run(&mut self, run: &OpenRun) -> Result<RunStep, EngineFault> {
        if run.cancel_requested {
            return self.end(run, RunEnd::Cancelled).await;
        }
        match self.server.status() {
            ServerStatus::Removed => return self.end(run, RunEnd::Cancelled).await,
            ServerStatus::PausedByUser => return self.end(run, RunEnd::Paused(None)).await,
            ServerStatus::Active | ServerStatus::PausedUnhealthy => {}
        }
        if run.status == SyncStatus::Queued {
            if let Err(reason) = self.check().await? {
                return self.end(run, RunEnd::Paused(Some(reason))).await;
            }
            if !self.plan(run).await? {
                return Ok(RunStep::LeaseLost);
            }
            self.engine.hub.run_changed(run.id);
        }
        let mut crashes = run.crashes;
        loop {
            let batch = self.engine.store.due_collections(run.id, self.engine.now(), self.engine.settings.slice_feeds).await?;
            if batch.is_empty() {
                return self.finish(run).await;
            }
            for (index, collection) in batch.iter().enumerate() {
                if self.over() {
                    return Ok(RunStep::SliceOver);
                }
                let next_feed = batch.get(index + 1).map(|next| next.feed_id);
                let end = if crashes >= MAX_CRASHES {
                    crashes = 0;
                    self.set_aside(run, collection, next_feed).await?
                } else {
                    self.collect(run, collection, next_feed).await?
                };
                self.engine.hub.run_changed(run.id);
                self.feeds_left = self.feeds_left.saturating_sub(1);
                match end {
                    FeedEnd::Ended => failpoint::at(Point::BetweenFeeds),
                    FeedEnd::SliceOver => return Ok(RunStep::SliceOver),
                    FeedEnd::LeaseLost => return Ok(RunStep::LeaseLost),
                    FeedEnd::Cancelled => return self.end(run, RunEnd::Cancelled).await,
                    FeedEnd::ServerStopped => return self.end(run, RunEnd::Paused(None)).await,
                    FeedEnd::ServerDown(reason) => return self.end(run, RunEnd::Paused(Some(reason))).await,
                    FeedEnd::Rest(until) => return self.end(run, RunEnd::Resting(until)).await,
                }
            }
        }
    }

    /// Reads the server again: its settings changed under a read.
    pub(super) async fn refresh(&mut self) -> Result<(), EngineFault> {
        (self.server, self.connector) = self.engine.checks().open(self.lease.server_id).await?;
        self.pauses = None;
        Ok(())
    }

    /// The check before a run; it also moves the server's health.
    pub(super) async fn check(&mut self) -> Result<Result<(), FailureReason>, EngineFault> {
        let Some(connector) = self.connector.clone() else { return Ok(Err(FailureReason::Internal)) };
        let (server, verdict) = self.engine.checks().check_health(&self.server, connector.as_ref()).await?;
        self.server = server;
        self.pauses = None;
        Ok(verdict)
    }

    async fn plan(&self, run: &OpenRun) -> Result<bool, EngineFault> {
        failpoint::at(Point::PlanBefore);
        let engine = self.engine;
        let now = engine.now();
        let zone = self.server.time_zone;
        let today = day_of(now, zone);
        let feeds = engine.store.plannable_feeds(self.server.id).await?;
        let backfill_waits = run.trigger == SyncTrigger::Nightly && engine.store.has_open_backfill(self.server.id).await?;
        let parts: Vec<_> = feeds.iter().filter(|feed| feed.earlier.is_some()).map(|feed| feed.id).collect();
        if run.trigger == SyncTrigger::Nightly && !backfill_waits && !parts.is_empty() {
            // Their backfill was broken off; a run reads a feed once, so they get one of their own again.
            engine.open_run(self.server.id, SyncTrigger::Backfill, Some(parts)).await?;
        }
        let mut collections = Vec::new();
        let mut answers = 0;
        for feed in &feeds {
            let chosen = match run.trigger {
                SyncTrigger::Backfill => feed.backfilling || feed.earlier.is_some(),
                // The days after an earlier part are collected beside its backfill.
                _ => !(feed.backfilling && backfill_waits) || feed.earlier.is_some(),
            };
            if !chosen || run.only_feeds.as_ref().is_some_and(|only| !only.contains(&feed.id)) {
                continue;
            }
            let recovers = run.trigger == SyncTrigger::Recovery && feed.silent;
            let recover_from = feed.last_data_at.filter(|_| recovers).map(|at| day_of(at, zone));
            let part = feed.earlier.filter(|_| run.trigger == SyncTrigger::Backfill);
            let window = match part {
                Some(part) => Some(plan::earlier_window(feed, part, self.server.vendor)),
                None => plan::window(feed, self.server.vendor, run.trigger, recover_from, today),
            };
            let Some(window) = window else { continue };
            answers += plan::answers(self.server.vendor, window);
            collections.push(PlannedCollection {
                id: engine.ids.uuid(now),
                feed_id: feed.id,
                position: i32::try_from(collections.len()).unwrap_or(i32::MAX),
                from: window.0,
                to: window.1,
                earlier: part.is_some(),
                saved_through: None,
                attempts: 0,
                started_at: None,
                next_attempt_at: None,
            });
        }
        let planned = engine.store.plan_run(self.lease, run.id, &collections, answers, now).await?;
        failpoint::at(Point::PlanAfter);
        Ok(planned)
    }

    /// All collections ended, or wait for another attempt.
    async fn finish(&self, run: &OpenRun) -> Result<RunStep, EngineFault> {
        let (succeeded, failed, next_attempt) = self.engine.store.run_tally(run.id).await?;
        let end = match next_attempt {
            Some(at) => RunEnd::Resting(at),
            None if failed == 0 => RunEnd::Finished(SyncStatus::Succeeded),
            None if succeeded == 0 => RunEnd::Finished(SyncStatus::Failed),
            None => RunEnd::Finished(SyncStatus::PartlyFailed),
        };
        self.end(run, end).await
    }

    async fn end(&self, run: &OpenRun, end: RunEnd) -> Result<RunStep, EngineFault> {
        let ended = self.engine.store.end_run(self.lease, run.id, end).await?;
        failpoint::at(Point::RunEnded);
        self.engine.hub.run_changed(run.id);
        Ok(if ended { RunStep::Ended } else { RunStep::LeaseLost })
    }
}
