//! Runs the use cases: queued jobs by workers, and whatever recurs by a table of schedules.
//!
//! ```text
//!  app ──push──► Queue ──► workers ──► Collecting::collect_server       one slice after another
//!                  ▲
//!                  └────── schedules ◄── Scheduling                     nights, checks, sweeper, retention
//! ```
//!
//! - The database is the truth and the queue is transport. A job is a fixed name plus ids, it may be lost (the sweeper pushes it
//!   again) and it may run twice (the server's lease lets one through).
//! - This is the only home of apalis. What it does badly is walked around here and said where: see `queue`, `worker` and
//!   `wake`.
//! - A handler always succeeds as far as apalis can see: when to try again is on our rows.
//!
//! To add a schedule, add a line to [`SCHEDULES`] and a method to [`Scheduling`]. To add a job, add a variant to
//! [`Job`](crate::app::ports::Job), a queue name and payload in `queue`, and a handler beside the one in `worker`.

mod queue;
mod schedule;
mod wake;
mod worker;

use std::{error::Error, fmt::Write as _, sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{queue::Pool, schedule::Scheduler, worker::Crew};
pub use self::{
    queue::Queue,
    schedule::{SCHEDULES, Schedule, What, When},
};
use crate::{
    app::work::{Collecting, Scheduling},
    id::SharedIds,
};

/// How often one of the idle workers looks in SQLite, where a process hears of no other's pushes.
const LOOK_SQLITE: Duration = Duration::from_secs(1);

/// How often one of the idle workers looks in PostgreSQL, which notifies.
const LOOK_POSTGRES: Duration = Duration::from_secs(2);

/// What this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers requests and works.
    All,
    /// Answers requests; pushes jobs that others work on.
    Api,
    /// Works.
    Worker,
}

/// How this node works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Servers collected at once by this node, at least 1; the queue needs a worker per four.
    pub slots: usize,
    /// Tells nodes apart in the queue's tables and in the log; need not be unique.
    pub node_name: String,
    /// What this process does.
    pub role: Role,
    /// How long jobs get to reach a boundary once shutdown began (30 s). Then they are dropped.
    pub grace: Duration,
}

/// What [`start`] needs.
pub struct JobsParts {
    /// The queue that the use cases push to.
    pub queue: Arc<Queue>,
    /// The handler of collections.
    pub collecting: Arc<dyn Collecting>,
    /// What the schedules call.
    pub scheduling: Arc<dyn Scheduling>,
    /// Names workers.
    pub ids: SharedIds,
    /// How this node works.
    pub settings: Settings,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

/// Workers and schedules that run.
#[derive(Debug)]
pub struct JobsHandle {
    task: JoinHandle<Ending>,
}

/// How the jobs of this process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every job came to its end or to a boundary.
    Clean,
    /// So many jobs were dropped where they stood; their leases end by time and the sweeper goes on.
    Dropped {
        /// How many.
        jobs: usize,
    },
}

impl JobsHandle {
    /// Waits until shutdown began and everything has ended, at most the grace and a few seconds after it.
    pub async fn wait(self) -> Ending {
        match self.task.await {
            Ok(ending) => ending,
            Err(error) => {
                tracing::error!(%error, "the supervisor of the jobs ended");
                Ending::Dropped { jobs: 0 }
            }
        }
    }
}

/// Starts the workers and schedules of this node; with [`Role::Api`] there are none. The queue's tables must exist
/// ([`Queue::migrate`]).
pub fn start(parts: JobsParts) -> JobsHandle {
    JobsHandle { task: tokio::spawn(run(parts)) }
}

async fn run(parts: JobsParts) -> Ending {
    let JobsParts { queue, collecting, scheduling, ids, settings, shutdown } = parts;
    if settings.role == Role::Api {
        shutdown.cancelled().await;
        return Ending::Clean;
    }
    let crew = Crew::new(Arc::clone(&queue), collecting, ids, &settings, shutdown.clone());
    let scheduler = Arc::new(Scheduler::new(Arc::clone(&queue), scheduling, shutdown.clone()));

    let mut tasks = JoinSet::new();
    let look = match &queue.pool {
        Pool::Sqlite(_) => LOOK_SQLITE,
        Pool::Postgres(pool) => {
            tasks.spawn(wake::listen(pool.clone(), Arc::clone(&queue.bell), shutdown.clone()));
            LOOK_POSTGRES
        }
    };
    tasks.spawn(wake::ring(Arc::clone(&queue.bell), look, shutdown.clone()));
    crew.spawn_workers(&mut tasks);
    // Not among the tasks that end with shutdown: it beats until the last job has ended, so that no other node takes it for lost.
    let _pulse = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&crew).pulse()));
    scheduler.spawn_all(&mut tasks);
    tracing::info!(jobs.node = %settings.node_name, jobs.slots = settings.slots, "jobs and schedules started");

    shutdown.cancelled().await;
    let drained = timeout(settings.grace, async {
        while tasks.join_next().await.is_some() {}
        crew.idle().await;
    });
    if drained.await.is_ok() {
        tracing::info!("jobs and schedules ended");
        return Ending::Clean;
    }
    let jobs = crew.drop_jobs().await;
    tasks.shutdown().await;
    crew.release_all().await;
    tracing::warn!(
        jobs.dropped = jobs,
        "jobs were dropped because shutdown took too long; they go on when their leases have ended"
    );
    Ending::Dropped { jobs }
}

/// The whole chain of an error in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {source}");
        next = source.source();
    }
    text
}
