//! Workers: what fetches jobs, and what becomes of a job.
//!
//! An apalis worker polls its database and drives its jobs in one task, acknowledges through a channel of four places that
//! nobody empties while it drains, and ends at the first error of its database. Hence:
//!
//! - A worker has at most `MOST_PER_WORKER` jobs, one fetched at a time, and does not announce the start of a job, which would
//!   take places in that channel: a job stays `Queued` while it runs, and its worker's heartbeat guards it either way.
//! - Jobs run in tasks of their own, so that they use all cores, survive their worker, and may panic.
//! - A worker that ended is started again after a pause, under a new name, with the same slots: a job that survived its
//!   worker keeps its slot.
//! - What a worker had taken and not acknowledged when it ended is given back at once. That includes a job whose fetch was cut
//!   off by the end. One that still runs is then run twice, and the second finds its server busy.
//! - A worker that drains, or has a job in hand and waits for a place, sends no heartbeat: this process sends one for all its
//!   workers, until the last job has ended, and looks for the jobs of workers that are silent. So apalis's own heartbeat, four
//!   statements a worker and a look for a job each time, is rare.
//! - A worker sees what it has to acknowledge, and fetches, only when it is woken (`wake`).

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use apalis::prelude::{BackendExt as _, BoxDynError, Service, Task, WorkerBuilder, WorkerContext, WorkerError};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::FutureExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, PollSemaphore},
    task::{AbortOnDropHandle, TaskTracker},
};

use super::{
    Settings, chain,
    queue::{Collect, HEARTBEAT, MISSED_HEARTBEATS, Pool, QUEUE, Queue},
    wake::Wake,
};
use crate::{
    app::{
        ports::{Job, JobQueue as _},
        work::{CollectEnd, Collecting},
    },
    clock::{Clock as _, SystemClock},
    failpoint::{self, Point},
    id::{SharedIds, Uuid},
};

/// Above this, a worker of apalis hangs when it is stopped: see the module's header.
const MOST_PER_WORKER: usize = 4;

/// The pause before a worker that ended is started again, doubled each time up to the second one; a worker that lasted longer
/// than that begins anew.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How often this process says that its workers live, and looks for those that do not.
const PULSE: Duration = Duration::from_secs(5);

/// The workers of this process and the jobs they run.
pub(super) struct Crew {
    queue: Arc<Queue>,
    ids: SharedIds,
    node_name: String,
    slots: usize,
    shutdown: CancellationToken,
    desk: Arc<Desk>,
    names: Mutex<Vec<String>>,
}

impl Crew {
    pub(super) fn new(
        queue: Arc<Queue>,
        collecting: Arc<dyn Collecting>,
        ids: SharedIds,
        settings: &Settings,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let slots = settings.slots.max(1);
        let desk = Arc::new(Desk {
            queue: Arc::clone(&queue),
            collecting,
            slots,
            running: AtomicUsize::new(0),
            jobs: TaskTracker::new(),
            shutdown: shutdown.clone(),
            end: CancellationToken::new(),
        });
        let names = Mutex::default();
        Arc::new(Self { queue, ids, node_name: settings.node_name.clone(), slots, shutdown, desk, names })
    }

    /// As many workers as the slots need.
    pub(super) fn spawn_workers(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        for first in (0..self.slots).step_by(MOST_PER_WORKER) {
            let size = MOST_PER_WORKER.min(self.slots - first);
            tasks.spawn(Arc::clone(self).keep_worker(first / MOST_PER_WORKER, size));
        }
    }

    /// Keeps this process's workers alive in the queue's tables and gives back the jobs of silent ones, until it is dropped.
    pub(super) async fn pulse(self: Arc<Self>) {
        let mut timer = interval(PULSE);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            timer.tick().await;
            let names = self.names().clone();
            let beat = async {
                self.queue.keep_alive(&names).await?;
                self.queue.rescue().await
            };
            match beat.await {
                Ok(rescued) => {
                    failing = false;
                    if rescued > 0 {
                        tracing::warn!(jobs.rescued = rescued, "the jobs of workers that are silent were given back");
                    }
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(error = %chain(&error), "no heartbeat reaches the queue's tables");
                    }
                    failing = true;
                }
            }
        }
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no job runs.
    pub(super) async fn idle(&self) {
        self.desk.jobs.close();
        self.desk.jobs.wait().await;
    }

    /// Drops the jobs that still run; returns how many.
    pub(super) async fn drop_jobs(&self) -> usize {
        let jobs = self.desk.running.load(Ordering::SeqCst);
        self.desk.end.cancel();
        // A job that does not come to a point where it can be dropped is left to the end of the process.
        let _ = timeout(Duration::from_secs(1), self.idle()).await;
        jobs
    }

    /// Gives back what the workers that run now have taken.
    pub(super) async fn release_all(&self) {
        let names = std::mem::take(&mut *self.names());
        let release = async {
            for name in &names {
                if let Err(error) = self.queue.release(name).await {
                    tracing::warn!(jobs.worker = %name, error = %chain(&error), "a worker's jobs stay taken for half a minute");
                }
            }
        };
        let _ = timeout(Duration::from_secs(2), release).await;
    }

    /// Runs one worker after another in the same place until shutdown.
    async fn keep_worker(self: Arc<Self>, index: usize, size: usize) {
        let places = Arc::new(Semaphore::new(size));
        let mut pause = PAUSES.0;
        while !self.shutdown.is_cancelled() {
            // A name that was used within half a minute is refused on SQLite.
            let start = self.ids.uuid(SystemClock.now());
            let name = format!("{}-{index}-{start}", self.node_name);
            self.names().push(name.clone());
            let began = Instant::now();
            // In a task, so that a panic in apalis is an error here too.
            let crew = Arc::clone(&self);
            let (worker, own) = (name.clone(), Arc::clone(&places));
            let ended = AbortOnDropHandle::new(tokio::spawn(async move { crew.work(&worker, own, size).await })).await;
            if let Err(error) = self.queue.release(&name).await {
                // The rescue of a silent worker's jobs will do it.
                tracing::debug!(jobs.worker = %name, error = %chain(&error), "the jobs of a worker that ended stay taken for half a minute");
            }
            self.names().retain(|known| *known != name);
            if self.shutdown.is_cancelled() {
                break;
            }
            let reason = match ended {
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(error)) => chain(&error),
                Err(error) => chain(&error),
            };
            if began.elapsed() > PAUSES.1 {
                pause = PAUSES.0;
            }
            if pause == PAUSES.0 {
                tracing::warn!(jobs.worker = %name, error = %reason, "a worker ended and is started again");
            } else {
                tracing::debug!(jobs.worker = %name, error = %reason, "a worker ended again and is started again");
            }
            let _ = self.shutdown.run_until_cancelled(sleep(pause)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// One worker, until it fails or shutdown began and its jobs have ended.
    async fn work(&self, name: &str, places: Arc<Semaphore>, size: usize) -> Result<(), WorkerError> {
        let context = WorkerContext::new(name);
        let wake = Wake::new(Arc::clone(&self.queue.bell), Arc::clone(&places), size);
        let handler = Handler { desk: Arc::clone(&self.desk), places: PollSemaphore::new(places), place: None };
        match &self.queue.pool {
            Pool::Sqlite(pool) => {
                let config = apalis_sqlite::Config::default()
                    .queue(QUEUE)
                    .batch_size(1)
                    .heartbeat_interval(HEARTBEAT)
                    .missed_heartbeats(MISSED_HEARTBEATS)
                    .lock_tasks(false);
                let storage = SqliteStorage::<Collect>::new(pool).with_config(config);
                let backend = storage.poll_with_strategy(wake);
                let worker = WorkerBuilder::new(&context).backend(backend).build(handler);
                self.until_shutdown(&context, worker.run()).await
            }
            Pool::Postgres(pool) => {
                let config = apalis_postgres::Config::default()
                    .queue(QUEUE)
                    .batch_size(1)
                    .heartbeat_interval(HEARTBEAT)
                    .missed_heartbeats(MISSED_HEARTBEATS)
                    .lock_tasks(false);
                let storage = PostgresStorage::<Collect>::new(pool).with_config(config);
                let backend = storage.poll_with_strategy(wake);
                let worker = WorkerBuilder::new(&context).backend(backend).build(handler);
                self.until_shutdown(&context, worker.run()).await
            }
        }
    }

    async fn until_shutdown(
        &self,
        context: &WorkerContext,
        worker: impl Future<Output = Result<(), WorkerError>>,
    ) -> Result<(), WorkerError> {
        let mut worker = std::pin::pin!(worker);
        tokio::select! {
            // First, because a worker that was never polled has not started and cannot be stopped.
            biased;
            ended = &mut worker => return ended,
            () = self.shutdown.cancelled() => context.stop()?,
        }
        worker.await
    }
}

/// What apalis calls for each job of a worker. It is ready while one of the worker's places is free.
struct Handler {
    desk: Arc<Desk>,
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
}

impl Service<Task<Collect>> for Handler {
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        if self.place.is_none() {
            self.place = ready!(self.places.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Collect>) -> Self::Future {
        let place = self.place.take();
        let desk = Arc::clone(&self.desk);
        let end = self.desk.end.clone();
        let job = self.desk.jobs.spawn(async move {
            desk.handle(&task.args).await;
            drop(place);
        });
        Box::pin(async move {
            // Whatever became of it, it is not apalis's to try it again.
            let _ = job.await;
            failpoint::at(Point::JobBeforeAck);
            if end.is_cancelled() {
                // It may have been dropped, and is not to be acknowledged: the worker is dropped too, at once.
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

/// Where jobs are worked on.
struct Desk {
    queue: Arc<Queue>,
    collecting: Arc<dyn Collecting>,
    slots: usize,
    running: AtomicUsize,
    jobs: TaskTracker,
    shutdown: CancellationToken,
    /// Cancelled when the grace is over.
    end: CancellationToken,
}

impl Desk {
    async fn handle(&self, job: &Collect) {
        let Ok(server_id) = Uuid::parse_str(&job.server_id) else {
            tracing::error!("a queued job names no server and is left out");
            return;
        };
        let _running = Running::new(&self.running);
        let work = AssertUnwindSafe(self.collect(server_id)).catch_unwind();
        match self.end.run_until_cancelled(work).await {
            Some(Ok(())) | None => {}
            Some(Err(_)) => tracing::error!(server.id = %server_id, "a collection panicked; the sweeper comes back to it"),
        }
    }

    /// Slice after slice, in place as long as nobody waits for the slot.
    async fn collect(&self, server_id: Uuid) {
        loop {
            match self.collecting.collect_server(server_id, self.shutdown.child_token()).await {
                Ok(CollectEnd::Done | CollectEnd::Busy) => return,
                Ok(CollectEnd::More { key }) => {
                    if self.is_to_yield().await {
                        match self.queue.push(Job::Collect { server_id, key }).await {
                            Ok(()) => return,
                            Err(error) => {
                                tracing::warn!(server.id = %server_id, error = %chain(&error), "the rest of a collection was not queued");
                            }
                        }
                    }
                    if self.shutdown.is_cancelled() {
                        // The sweeper of the next start goes on.
                        return;
                    }
                }
                Err(fault) => {
                    tracing::error!(server.id = %server_id, error = %chain(&fault), "a collection broke off; the sweeper comes back to it");
                    return;
                }
            }
        }
    }

    /// Whether the rest of a collection is to be the next job: shutdown began, or all slots are taken and a job waits.
    async fn is_to_yield(&self) -> bool {
        if self.shutdown.is_cancelled() {
            return true;
        }
        if self.running.load(Ordering::SeqCst) < self.slots {
            return false;
        }
        self.queue.has_waiting().await.unwrap_or(false)
    }
}

/// Counts a job for as long as it lives.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
