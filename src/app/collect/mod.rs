//! The collecting engine: at-least-once running, exactly-once effects.
//!
//! ```text
//! tick, startSync, registerFeed, recovery ──► sync_run row ──► job ──► Engine::collect_server
//!                                                                        │ claim the server (lease, fence)
//!                                                                        │ check its health, plan the run
//!                                                                        ▼
//!                         for each feed, one after another: read ─► decide (domain) ─► one commit (store)
//! ```
//!
//! - The database is the truth: the engine keeps nothing between two slices. Killed anywhere, the next claim goes on from the last
//!   commit.
//! - A fetch runs outside any transaction; all that follows from it is one [`FeedCommit`](crate::store::collecting::FeedCommit).
//! - One feed's failure is its own; the server's failure pauses the run.
//!
//! To make another kind of run: a `SyncTrigger`, its windows in `plan`, and who opens it in `schedule`.

mod attempt;
pub(super) mod check;
mod counters;
mod feed;
mod plan;
mod schedule;
mod slice;
mod totals;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{
        Certificates, ConnectorCache, Hub, Unopened,
        ports::{JobQueue, QueueError},
        work::{self, CollectEnd, Collecting},
    },
    clock::{Instant, SharedClock},
    domain::calendar::Holidays,
    failpoint::{self, Point},
    id::{SharedIds, Uuid},
    store::{
        Store, StoreError,
        collecting::{CommitWriter, Lease},
    },
};

/// How the engine paces itself.
#[derive(Debug, Clone)]
pub struct CollectSettings {
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// After this time a slice ends, so that shutdown and other servers get their turn.
    pub slice: Duration,
    /// After this many feeds a slice ends.
    pub slice_feeds: u32,
    /// Time between two checks of a server's health.
    pub check_every: Duration,
    /// Days that are no business days.
    pub holidays: Holidays,
}

impl Default for CollectSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            slice: Duration::from_secs(25),
            slice_feeds: 25,
            check_every: Duration::from_mins(15),
            holidays: Holidays::default(),
        }
    }
}

/// Why the engine itself could not go on; the run stays open and is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum EngineFault {
    /// The database failed.
    #[error("the database failed while collecting")]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error("the queue refused a job")]
    Queue(#[from] QueueError),
    /// A server's credentials do not open: the sealing key is missing.
    #[error("a server cannot be opened")]
    Sealed(#[from] Unopened),
    /// There is no such server.
    #[error("there is no server {0}")]
    NoServer(Uuid),
}

/// Collects servers.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    writer: CommitWriter,
    connectors: Arc<ConnectorCache>,
    clock: SharedClock,
    ids: SharedIds,
    queue: Arc<dyn JobQueue>,
    hub: Hub,
    settings: Arc<CollectSettings>,
    /// Names this process in the leases it holds.
    owner: Arc<str>,
    certificates: Option<Certificates>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// What an [`Engine`] is made of.
pub struct EngineParts {
    /// The database.
    pub store: Store,
    /// Opened vendor servers.
    pub connectors: Arc<ConnectorCache>,
    /// The time.
    pub clock: SharedClock,
    /// Ids and jitter.
    pub ids: SharedIds,
    /// Where jobs go.
    pub queue: Arc<dyn JobQueue>,
    /// Whom to tell of progress.
    pub hub: Hub,
    /// Paces.
    pub settings: CollectSettings,
}

impl Engine {
    /// An engine that writes through one group of writing tasks; needs a tokio runtime.
    pub fn new(parts: EngineParts) -> Self {
        let owner = parts.ids.uuid(parts.clock.now()).to_string();
        Self {
            writer: CommitWriter::spawn(&parts.store),
            store: parts.store,
            connectors: parts.connectors,
            clock: parts.clock,
            ids: parts.ids,
            queue: parts.queue,
            hub: parts.hub,
            settings: Arc::new(parts.settings),
            owner: owner.into(),
            certificates: None,
        }
    }

    /// The same, whose schedules also close months and send certificates.
    #[must_use]
    pub fn with_certificates(mut self, certificates: Certificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Claims a server and works on its open runs until none is left, the slice ends, or `shutdown` begins.
    pub async fn collect(&self, server_id: Uuid, shutdown: &CancellationToken) -> Result<CollectEnd, EngineFault> {
        let now = self.now();
        let until = now + chrono::TimeDelta::from_std(self.settings.lease).unwrap_or_default();
        let Some((lease, crashed)) = self.store.claim_server(server_id, &self.owner, now, until).await? else {
            return Ok(CollectEnd::Busy);
        };
        failpoint::at(Point::LeaseClaimed);
        if crashed {
            tracing::warn!(server.id = %server_id, "the holder before let its lease run out; going on from its last commit");
            self.store.count_crash(lease).await?;
        }
        let end = self.work(lease, shutdown).await;
        failpoint::at(Point::LeaseBeforeRelease);
        // An error leaves the lease to run out by itself only when the database is gone too.
        let released = self.store.release_lease(lease).await;
        let end = end?;
        released?;
        Ok(end)
    }

    async fn work(&self, lease: Lease, shutdown: &CancellationToken) -> Result<CollectEnd, EngineFault> {
        let mut slice = slice::Slice::begin(self, lease, shutdown).await?;
        while let Some(run) = self.store.next_open_run(lease.server_id, self.now()).await? {
            match slice.run(&run).await? {
                slice::RunStep::Ended => {}
                slice::RunStep::SliceOver => {
                    return Ok(CollectEnd::More { key: format!("more:{}:{}", lease.server_id, lease.fence) });
                }
                slice::RunStep::LeaseLost => return Ok(CollectEnd::Busy),
            }
        }
        Ok(CollectEnd::Done)
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

#[async_trait]
impl Collecting for Engine {
    async fn collect_server(&self, server_id: Uuid, shutdown: CancellationToken) -> Result<CollectEnd, work::CollectFault> {
        self.collect(server_id, &shutdown).await.map_err(|fault| work::CollectFault(Box::new(fault)))
    }
}
