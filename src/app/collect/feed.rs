//! One feed's collection: what every answer has in common, whatever the vendor.

use chrono::NaiveDate;

use super::{EngineFault, slice::Slice};
use crate::{
    clock::Instant,
    connector::{Answer, ConnectorError, ReadRequest},
    domain::{
        calendar::day_of,
        failure::FailureReason,
        health::{FeedData, HealthStatus},
        run::SyncStatus,
        server::ServerStatus,
        vendor::VendorCapability,
    },
    failpoint::{self, Point},
    id::Uuid,
    store::collecting::{
        CollectingFeed, CollectionAfter, Committed, EarlierPart, FeedCommit, NewAnomaly, NewDevice, NewEntry, OpenRun,
        PackedFleet, PeriodDayRow, PlannedCollection, ProgressDelta, Renamed,
    },
};

/// How far a collection got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedEnd {
    /// It ended, well or not, or waits for another attempt; the next feed's turn.
    Ended,
    /// The slice's time is over; the rest of its days are the next slice's.
    SliceOver,
    /// Another holder has the server.
    LeaseLost,
    /// `cancelSync` asked the run to stop.
    Cancelled,
    /// A user paused or removed the server.
    ServerStopped,
    /// The server's check fails.
    ServerDown(FailureReason),
    /// The vendor asked for no more requests before this instant.
    Rest(Instant),
}

/// A collection under way.
pub(super) struct FeedRead<'r> {
    pub(super) run: &'r OpenRun,
    pub(super) collection: PlannedCollection,
    pub(super) feed: CollectingFeed,
    pub(super) started_at: Instant,
    /// Local days on which the server was paused, or the feed by a user.
    pub(super) pauses: Vec<(NaiveDate, NaiveDate)>,
    next_feed: Option<Uuid>,
}

/// What an answer comes to, beside what every answer moves.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) entries: Vec<NewEntry>,
    pub(super) new_devices: Vec<NewDevice>,
    /// The devices after it, if it moved any.
    pub(super) fleet: Option<PackedFleet>,
    /// The same in the earlier part.
    pub(super) earlier_fleet: Option<PackedFleet>,
    /// Whether `fleet` joins the earlier part to the later one.
    pub(super) joined: bool,
    pub(super) days: Vec<PeriodDayRow>,
    pub(super) close_through: Option<NaiveDate>,
    pub(super) anomalies: Vec<NewAnomaly>,
    pub(super) withdrawn: Vec<String>,
    /// The customer's name where the vendor reports one.
    pub(super) vendor_name: Option<String>,
    /// Devices in the answer.
    pub(super) device_count: Option<i32>,
    /// The latest audit or reading time in the answer.
    pub(super) heard_at: Option<Instant>,
    /// The day of the window that the answer covers; `None` for a day asked again.
    pub(super) saved: Option<NaiveDate>,
}

/// What comes after a step.
pub(super) enum Next {
    /// The next day.
    GoOn,
    /// The feed's or server's settings changed under the read: start the collection again from what is stored.
    Again,
    /// The collection stops here.
    Stop(FeedEnd),
}

impl Slice<'_> {
    /// Reads a feed's window and commits it.
    pub(super) async fn collect(
        &mut self,
        run: &OpenRun,
        collection: &PlannedCollection,
        next_feed: Option<Uuid>,
    ) -> Result<FeedEnd, EngineFault> {
        let mut collection = collection.clone();
        loop {
            let Some(feed) = self.feed(collection.feed_id).await? else {
                return self.drop_collection(&collection).await;
            };
            if feed.stopped || (collection.earlier && feed.state.earlier.is_none()) {
                return self.drop_collection(&collection).await;
            }
            let unhealthy = feed.state.health.status == HealthStatus::Unhealthy || feed.state.last_data_at.is_some();
            let mut pauses = if unhealthy { self.pauses().await? } else { Vec::new() };
            // Days that are left out are not covered, so they are no days without data.
            pauses.extend(feed.days_left_out());
            let started_at = collection.started_at.unwrap_or_else(|| self.engine.now());
            let mut read = FeedRead { run, collection, feed, started_at, pauses, next_feed };
            let next = if self.server.vendor.can(VendorCapability::Devices) {
                self.collect_counters(&mut read).await?
            } else {
                self.collect_totals(&mut read).await?
            };
            match next {
                Next::Stop(end) => return Ok(end),
                Next::GoOn => collection = read.collection,
                Next::Again => {
                    collection = read.collection;
                    self.refresh().await?;
                    if !matches!(self.server.status(), ServerStatus::Active | ServerStatus::PausedUnhealthy) {
                        return Ok(FeedEnd::ServerStopped);
                    }
                }
            }
        }
    }

    /// Asks the vendor, keeping the lease meanwhile.
    pub(super) async fn ask(&mut self, ask: &ReadRequest<'_>) -> Result<Result<Answer, ConnectorError>, Stopped> {
        let Some(connector) = self.connector.clone() else { return Err(Stopped::End(FeedEnd::ServerStopped)) };
        if !self.hold().await? {
            return Err(Stopped::End(FeedEnd::LeaseLost));
        }
        let answer = connector.read(ask);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    failpoint::at(Point::Answered);
                    return Ok(answer);
                }
                () = tokio::time::sleep(self.engine.settings.lease / 3) => {
                    if !self.hold().await? {
                        return Err(Stopped::End(FeedEnd::LeaseLost));
                    }
                }
            }
        }
    }

    /// Commits an answer. `done` says that it was the last of the window.
    pub(super) async fn commit(&mut self, read: &mut FeedRead<'_>, effects: Effects, done: bool) -> Result<Next, EngineFault> {
        let now = self.engine.now();
        let mut state = read.feed.state.clone();
        state.health_before = None;
        if effects.device_count.is_some() {
            state.device_count = effects.device_count;
        }
        if read.collection.earlier {
            let saved = effects.saved.or(state.earlier.and_then(|part| part.saved));
            state.earlier = state.earlier.filter(|_| !done).map(|part| EarlierPart { saved, ..part });
        } else if let Some(saved) = effects.saved {
            state.covered_through = Some(state.covered_through.map_or(saved, |covered| covered.max(saved)));
        }
        state.last_data_at = state.last_data_at.max(effects.heard_at);
        if done && state.earlier.is_none() {
            state.backfilling = false;
        }
        self.judge(read, &mut state, now);

        let renamed = effects.vendor_name.filter(|name| read.feed.vendor_name.as_ref() != Some(name)).map(|vendor_name| {
            Renamed { vendor_name, given_name: read.feed.given_name.clone(), external_id: read.feed.external_id.clone() }
        });
        let saved_through = effects.saved.or(read.collection.saved_through);
        let commit = FeedCommit {
            lease: self.lease,
            run_id: read.run.id,
            server_version: self.server.version,
            feed_version: read.feed.version,
            account_id: read.feed.account_id,
            now,
            entries: effects.entries,
            new_devices: effects.new_devices,
            fleet: effects.fleet,
            earlier_fleet: effects.earlier_fleet,
            joined: effects.joined,
            days: effects.days,
            close_through: effects.close_through,
            anomalies: effects.anomalies,
            withdrawn: effects.withdrawn,
            collection: CollectionAfter {
                id: read.collection.id,
                status: if done { SyncStatus::Succeeded } else { SyncStatus::Running },
                saved_through,
                device_count: effects.device_count,
                attempts: read.collection.attempts + i32::from(done),
                next_attempt_at: None,
                started_at: Some(read.started_at),
                finished_at: done.then_some(now),
                error: None,
            },
            progress: ProgressDelta {
                feeds_done: i32::from(done),
                feeds_failed: 0,
                days_done: i32::from(effects.saved.is_some()),
                current_feed: if done { read.next_feed } else { Some(state.id) },
            },
            feed: state.clone(),
            renamed,
            ahead: read.next_feed.filter(|_| done && self.goes_on()),
        };
        let next = self.store_commit(commit, done).await?;
        if !matches!(next, Next::Again) {
            read.feed.state = state;
            read.collection.saved_through = saved_through;
            read.collection.started_at = Some(read.started_at);
        }
        Ok(next)
    }

    /// The feed's verdict after an answer.
    fn judge(&self, read: &FeedRead<'_>, state: &mut crate::store::collecting::FeedAfter, now: Instant) {
        let zone = self.server.time_zone;
        let before = state.health.status;
        let since = read.feed.activation_date.max(day_of(read.feed.created_at, zone));
        let data = FeedData {
            last_new_data: state.last_data_at.map(|at| day_of(at, zone)),
            since,
            covered_through: state.covered_through.unwrap_or(since),
            server_paused: &read.pauses,
        };
        state.health = state.health.judged(data.verdict(&self.engine.settings.holidays), now);
        state.health_before = (state.health.status != before).then_some(before);
    }

    /// Gives a failed attempt its consequences: a check when it may be the server, another attempt later, or the end for this night.
    pub(super) async fn failed(&mut self, read: &mut FeedRead<'_>, error: &ConnectorError) -> Result<Next, EngineFault> {
        tracing::warn!(
            server.id = %self.server.id, feed.id = %read.feed.state.id, collection.id = %read.collection.id, %error,
            "a feed could not be read"
        );
        if (error.is_server_level() || error.needs_check())
            && let Err(reason) = self.check().await?
        {
            return Ok(Next::Stop(FeedEnd::ServerDown(reason)));
        }
        let now = self.engine.now();
        let own_fault = matches!(
            error.reason(),
            FailureReason::CustomerNotFound | FailureReason::ReportNotEnabled | FailureReason::AnswerNotUnderstood
        );
        let next_attempt = (!own_fault)
            .then(|| self.engine.next_attempt(read.collection.attempts, error.retry_after()))
            .flatten()
            .map(|wait| now + wait);
        let next = self.give_up(read, error.reason(), next_attempt, own_fault).await?;
        Ok(match (next, error.retry_after(), next_attempt) {
            (Next::Stop(FeedEnd::Ended), Some(_), Some(at)) => Next::Stop(FeedEnd::Rest(at)),
            (next, ..) => next,
        })
    }

    /// Leaves a feed at which the run broke off again and again for the next night.
    pub(super) async fn set_aside(
        &mut self,
        run: &OpenRun,
        collection: &PlannedCollection,
        next_feed: Option<Uuid>,
    ) -> Result<FeedEnd, EngineFault> {
        let Some(feed) = self.engine.store.feed_for_collecting(collection.feed_id).await? else {
            return self.drop_collection(collection).await;
        };
        tracing::error!(run.id = %run.id, feed.id = %collection.feed_id, "a run broke off three times at one feed, which is set aside");
        let started_at = collection.started_at.unwrap_or_else(|| self.engine.now());
        let mut read = FeedRead { run, collection: collection.clone(), feed, started_at, pauses: Vec::new(), next_feed };
        match self.give_up(&mut read, FailureReason::SetAside, None, false).await? {
            Next::Stop(end) => Ok(end),
            Next::GoOn | Next::Again => Ok(FeedEnd::Ended),
        }
    }

    async fn give_up(
        &mut self,
        read: &mut FeedRead<'_>,
        reason: FailureReason,
        next_attempt_at: Option<Instant>,
        unhealthy: bool,
    ) -> Result<Next, EngineFault> {
        let now = self.engine.now();
        let mut state = read.feed.state.clone();
        if unhealthy {
            let before = state.health.status;
            state.health = state.health.judged(Err(reason), now);
            state.health_before = (state.health.status != before).then_some(before);
        }
        let failed = next_attempt_at.is_none();
        let commit = FeedCommit {
            lease: self.lease,
            run_id: read.run.id,
            server_version: self.server.version,
            feed_version: read.feed.version,
            account_id: read.feed.account_id,
            now,
            entries: Vec::new(),
            new_devices: Vec::new(),
            fleet: None,
            earlier_fleet: None,
            joined: false,
            days: Vec::new(),
            close_through: None,
            anomalies: Vec::new(),
            withdrawn: Vec::new(),
            collection: CollectionAfter {
                id: read.collection.id,
                status: if failed { SyncStatus::Failed } else { SyncStatus::Queued },
                saved_through: read.collection.saved_through,
                device_count: None,
                attempts: read.collection.attempts + 1,
                next_attempt_at,
                started_at: Some(read.started_at),
                finished_at: failed.then_some(now),
                error: Some(reason),
            },
            progress: ProgressDelta {
                feeds_done: i32::from(failed),
                feeds_failed: i32::from(failed),
                days_done: 0,
                current_feed: read.next_feed,
            },
            feed: state,
            renamed: None,
            ahead: read.next_feed.filter(|_| self.goes_on()),
        };
        self.store_commit(commit, true).await
    }

    async fn store_commit(&mut self, commit: FeedCommit, done: bool) -> Result<Next, EngineFault> {
        let health_of = commit.feed.health_before.map(|_| commit.account_id);
        let next_feed = commit.ahead;
        let (committed, ahead) = self.engine.writer.commit(commit).await?;
        self.ahead = next_feed.zip(ahead);
        if let (Some(account_id), Committed::Stored { .. }) = (health_of, committed) {
            self.engine.hub.health_changed(account_id);
        }
        Ok(match committed {
            Committed::LeaseLost => Next::Stop(FeedEnd::LeaseLost),
            Committed::FeedChanged => Next::Again,
            Committed::Stored { cancel_requested: true, .. } => Next::Stop(FeedEnd::Cancelled),
            Committed::Stored { server_stopped: true, .. } => Next::Stop(FeedEnd::ServerStopped),
            Committed::Stored { .. } if done => Next::Stop(FeedEnd::Ended),
            Committed::Stored { .. } => Next::GoOn,
        })
    }

    /// The feed ended or was paused since the run was planned: its collection is no longer asked for.
    async fn drop_collection(&self, collection: &PlannedCollection) -> Result<FeedEnd, EngineFault> {
        self.engine.store.cancel_collection(self.lease, collection.id, self.engine.now()).await?;
        Ok(FeedEnd::Ended)
    }

    /// The feed as the commit before handed it out, or as it stands now.
    async fn feed(&mut self, id: Uuid) -> Result<Option<CollectingFeed>, EngineFault> {
        let store = &self.engine.store;
        match self.ahead.take().filter(|(feed_id, _)| *feed_id == id) {
            Some((_, ahead)) => Ok(Some(store.feed_from_ahead(&ahead).await?)),
            None => Ok(store.feed_for_collecting(id).await?),
        }
    }

    /// Local days on which the server was paused; a pause under way ends today.
    async fn pauses(&mut self) -> Result<Vec<(NaiveDate, NaiveDate)>, EngineFault> {
        let today = day_of(self.engine.now(), self.server.time_zone);
        if self.pauses.is_none() {
            self.pauses = Some(self.engine.store.server_pauses(self.server.id).await?);
        }
        let pauses = self.pauses.iter().flatten().copied();
        Ok(pauses.map(|(from, to)| (from, to.unwrap_or(today))).collect())
    }
}

/// Why nothing was asked.
pub(super) enum Stopped {
    /// The collection stops.
    End(FeedEnd),
    /// A fault of ours.
    Fault(EngineFault),
}

impl From<EngineFault> for Stopped {
    fn from(fault: EngineFault) -> Self {
        Self::Fault(fault)
    }
}
