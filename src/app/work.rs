//! How the layer above drives the use cases: a worker calls [`Collecting`], a schedule calls [`Scheduling`].
//!
//! Everything here may be called twice, by several nodes at once, and again after a failure.

use std::error::Error;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::ports::Job;
use crate::{clock::Instant, id::Uuid};

/// Collects one server, a slice at a time.
#[async_trait]
pub trait Collecting: Send + Sync {
    /// Claims the server and works on its open runs until they are done, the slice ends (20 to 30 s) or `shutdown` began.
    ///
    /// The claim is given up before this returns, whatever it returns, so that the rest may go on elsewhere. When the future
    /// is dropped (a shutdown that took too long) the claim ends by its time.
    async fn collect_server(&self, server_id: Uuid, shutdown: CancellationToken) -> Result<CollectEnd, CollectFault>;
}

/// How a slice of a server's collection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectEnd {
    /// Nothing is left that is due.
    Done,
    /// Someone else holds the server; the sweeper comes back when the claim has ended.
    Busy,
    /// The slice ended, or shutdown began, before the work did.
    More {
        /// The key of the job that goes on; it differs from the key of the job that is running.
        key: String,
    },
}

/// A surprise in a collection; the expected outcomes are rows. It is logged, and the sweeper comes back.
#[derive(Debug, thiserror::Error)]
#[error("a server's collection could not go on")]
pub struct CollectFault(#[source] pub Box<dyn Error + Send + Sync>);

/// What the schedules call. Each method may be called by several nodes at once, and on failure is called again.
#[async_trait]
pub trait Scheduling: Send + Sync {
    /// Writes the runs of the servers whose night is due by the database's clock, moves their next night on, and returns
    /// the jobs to push.
    async fn start_due_nightly_runs(&self) -> Result<Vec<Job>, ScheduleFault>;

    /// Takes up to `limit` servers whose check is due by the database's clock, and moves their next check on, so that no
    /// other node takes them too.
    async fn due_checks(&self, limit: usize) -> Result<Vec<Uuid>, ScheduleFault>;

    /// Checks one server that [`Self::due_checks`] returned; ends early when `shutdown` began.
    async fn check_server(&self, server_id: Uuid, shutdown: CancellationToken) -> Result<(), ScheduleFault>;

    /// The jobs of servers with an open run, no live lease, and a next attempt that is due. Called every 2 s; that a job is
    /// named again while it waits is fine.
    async fn sweep(&self) -> Result<Vec<Job>, ScheduleFault>;

    /// Records that `schedule` fires for `due_at`; true for the one caller that gets to act.
    async fn tick(&self, schedule: &str, due_at: Instant) -> Result<bool, ScheduleFault>;

    /// Issues the certificates of months that are due; ends early when `shutdown` began, and then the next call goes on.
    async fn close_months(&self, _shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        Ok(())
    }

    /// Sends the e-mails that are due; ends early when `shutdown` began.
    async fn deliver(&self, _shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        Ok(())
    }

    /// Carries the sums of months that have moved on up to the accounts above; ends early when `shutdown` began.
    async fn carry_up(&self, _shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        Ok(())
    }

    /// Recomputes all totals and invariants of the books, reports what differs and repairs derived totals.
    async fn reconcile(&self) -> Result<(), ScheduleFault>;

    /// Deletes what has been kept long enough: ticks, run history, idempotency keys.
    async fn retain(&self) -> Result<(), ScheduleFault>;
}

/// A schedule's call failed; it is logged once per episode and called again.
#[derive(Debug, thiserror::Error)]
#[error("a scheduled call failed")]
pub struct ScheduleFault(#[source] pub Box<dyn Error + Send + Sync>);
