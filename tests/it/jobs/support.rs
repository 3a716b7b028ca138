//! A database per test, on both kinds, and an app that does as it is told.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use coppice::{
    app::{
        ports::{Job, JobQueue as _},
        work::{CollectEnd, CollectFault, Collecting, ScheduleFault, Scheduling},
    },
    clock::{Clock as _, Instant, SystemClock},
    id::{IdSource, SharedIds, Uuid},
    jobs::{JobsHandle, JobsParts, Queue, Role, Settings, start},
};
use sqlx::{
    AssertSqlSafe, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::support::postgres::PostgresDatabase;

/// Long enough for a machine that is busy with other things; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
enum Place {
    Sqlite(std::path::PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// A database of the test's own.
#[derive(Clone)]
pub struct Database {
    place: Place,
    pub ids: SharedIds,
}

/// Runs `test` on a database of SQLite.
pub async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let folder = TempDir::new().unwrap();
    let place = Place::Sqlite(folder.path().join("jobs.db"));
    test(Database { place, ids: Arc::new(IdSource::from_os()) }).await;
}

/// Runs `test` on a database of PostgreSQL.
pub async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let database = PostgresDatabase::create().await;
    let place = Place::Postgres(Box::new(database.url().parse().unwrap()));
    test(Database { place, ids: Arc::new(IdSource::from_os()) }).await;
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A queue and a pool for the test's own statements.
pub struct Node {
    pub queue: Arc<Queue>,
    pub app: Arc<App>,
    pub ids: SharedIds,
    pool: Pool,
}

impl Database {
    /// Another node on this database, its tables made.
    pub async fn node(&self) -> Node {
        let (queue, pool) = match &self.place {
            Place::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .busy_timeout(Duration::from_secs(30));
                let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
                (Queue::sqlite(pool.clone()), Pool::Sqlite(pool))
            }
            Place::Postgres(options) => {
                let pool = PgPoolOptions::new().max_connections(6).connect_with((**options).clone()).await.unwrap();
                (Queue::postgres(pool.clone()), Pool::Postgres(pool))
            }
        };
        queue.migrate().await.unwrap();
        let node = Node { queue: Arc::new(queue), app: App::new(), ids: Arc::clone(&self.ids), pool };
        node.execute("CREATE TABLE IF NOT EXISTS schedule_tick (schedule TEXT, due_at BIGINT, PRIMARY KEY (schedule, due_at))")
            .await;
        node
    }
}

impl Node {
    /// Runs a statement; `jobs` and `workers` stand for the queue's tables.
    pub async fn execute(&self, statement: &str) -> u64 {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap().rows_affected(),
            Pool::Postgres(pool) => {
                sqlx::query(AssertSqlSafe(in_schema(statement))).execute(pool).await.unwrap().rows_affected()
            }
        }
    }

    /// Reads one number.
    pub async fn count(&self, statement: &str) -> i64 {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(pool).await.unwrap(),
            Pool::Postgres(pool) => sqlx::query_scalar(AssertSqlSafe(in_schema(statement))).fetch_one(pool).await.unwrap(),
        }
    }

    /// Moves everything in the queue's tables two weeks back.
    pub async fn age(&self) {
        if matches!(self.pool, Pool::Sqlite(_)) {
            self.execute("UPDATE jobs SET done_at = done_at - 1209600").await;
            self.execute("UPDATE workers SET last_seen = last_seen - 1209600").await;
        } else {
            self.execute("UPDATE jobs SET done_at = done_at - interval '14 days'").await;
            self.execute("UPDATE workers SET last_seen = last_seen - interval '14 days'").await;
        }
    }

    pub fn server(&self) -> Uuid {
        self.ids.uuid(SystemClock.now())
    }

    pub async fn push(&self, server_id: Uuid, key: impl Into<String>) {
        self.queue.push(Job::Collect { server_id, key: key.into() }).await.unwrap();
    }

    /// Starts this node's workers and schedules on `app`.
    pub fn start(&self, app: &Arc<App>, slots: usize) -> Started {
        self.start_with(app, slots, Role::All, Duration::from_secs(30))
    }

    pub fn start_with(&self, app: &Arc<App>, slots: usize, role: Role, grace: Duration) -> Started {
        let shutdown = CancellationToken::new();
        let ticks = match &self.pool {
            Pool::Sqlite(pool) => Pool::Sqlite(pool.clone()),
            Pool::Postgres(pool) => Pool::Postgres(pool.clone()),
        };
        let handle = start(JobsParts {
            queue: Arc::clone(&self.queue),
            collecting: Arc::clone(app) as _,
            scheduling: Arc::new(Schedules { app: Arc::clone(app), ticks }),
            ids: Arc::clone(&self.ids),
            settings: Settings { slots, node_name: "node".to_owned(), role, grace },
            shutdown: shutdown.clone(),
        });
        Started { shutdown, handle }
    }
}

fn in_schema(statement: &str) -> String {
    statement.replace(" jobs", " apalis.jobs").replace(" workers", " apalis.workers")
}

pub struct Started {
    pub shutdown: CancellationToken,
    pub handle: JobsHandle,
}

impl Started {
    pub async fn stop(self) -> coppice::jobs::Ending {
        self.shutdown.cancel();
        timeout(PATIENCE, self.handle.wait()).await.expect("shutdown ends")
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<CollectEnd, CollectFault>> + Send>>;
type Act = Box<dyn Fn(Uuid, CancellationToken) -> Answer + Send + Sync>;

/// Stands for the app: remembers what was asked, answers as the test says.
pub struct App {
    act: Mutex<Arc<Act>>,
    began: watch::Sender<Vec<Uuid>>,
    ended: watch::Sender<Vec<Uuid>>,
    /// Servers with an open run, and the fence of the last claim.
    pub open: Mutex<BTreeMap<Uuid, u64>>,
    pub ticks: watch::Sender<usize>,
    pub retained: AtomicUsize,
    pub checks: Mutex<Vec<Uuid>>,
    pub checked: watch::Sender<Vec<Uuid>>,
}

impl App {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            act: Mutex::new(Arc::new(Box::new(|_, _| Box::pin(async { Ok(CollectEnd::Done) })))),
            began: watch::Sender::default(),
            ended: watch::Sender::default(),
            open: Mutex::default(),
            ticks: watch::Sender::default(),
            retained: AtomicUsize::default(),
            checks: Mutex::default(),
            checked: watch::Sender::default(),
        })
    }

    /// What a collection does from now on.
    pub fn on_collect<F>(&self, act: impl Fn(Uuid, CancellationToken) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<CollectEnd, CollectFault>> + Send + 'static,
    {
        *self.act.lock().unwrap() = Arc::new(Box::new(move |server_id, shutdown| Box::pin(act(server_id, shutdown))));
    }

    /// Waits until the collections that began satisfy `enough`.
    pub async fn began(&self, enough: impl FnMut(&Vec<Uuid>) -> bool) -> Vec<Uuid> {
        wait_for(&self.began, enough).await
    }

    /// Waits until the collections that returned satisfy `enough`.
    pub async fn ended(&self, enough: impl FnMut(&Vec<Uuid>) -> bool) -> Vec<Uuid> {
        wait_for(&self.ended, enough).await
    }
}

pub async fn wait_for<T: Clone + Debug>(sender: &watch::Sender<T>, enough: impl FnMut(&T) -> bool) -> T {
    let mut receiver = sender.subscribe();
    let reached = timeout(PATIENCE, receiver.wait_for(enough)).await.map(|value| value.unwrap().clone());
    reached.unwrap_or_else(|_| panic!("only reached {:?}", *sender.borrow()))
}

#[async_trait]
impl Collecting for App {
    async fn collect_server(&self, server_id: Uuid, shutdown: CancellationToken) -> Result<CollectEnd, CollectFault> {
        self.began.send_modify(|began| began.push(server_id));
        let act = Arc::clone(&self.act.lock().unwrap());
        let end = act(server_id, shutdown).await?;
        if end == CollectEnd::Done {
            self.open.lock().unwrap().remove(&server_id);
        }
        self.ended.send_modify(|ended| ended.push(server_id));
        Ok(end)
    }
}

struct Schedules {
    app: Arc<App>,
    ticks: Pool,
}

#[async_trait]
impl Scheduling for Schedules {
    async fn start_due_nightly_runs(&self) -> Result<Vec<Job>, ScheduleFault> {
        Ok(Vec::new())
    }

    async fn due_checks(&self, limit: usize) -> Result<Vec<Uuid>, ScheduleFault> {
        let mut checks = self.app.checks.lock().unwrap();
        let limit = limit.min(checks.len());
        Ok(checks.drain(..limit).collect())
    }

    async fn check_server(&self, server_id: Uuid, _: CancellationToken) -> Result<(), ScheduleFault> {
        self.app.checked.send_modify(|checked| checked.push(server_id));
        Ok(())
    }

    async fn sweep(&self) -> Result<Vec<Job>, ScheduleFault> {
        let open = self.app.open.lock().unwrap();
        let job = |(server_id, fence): (&Uuid, &u64)| Job::Collect {
            server_id: *server_id,
            key: format!("sweep:{server_id}:{fence}"),
        };
        Ok(open.iter().map(job).collect())
    }

    async fn tick(&self, schedule: &str, due_at: Instant) -> Result<bool, ScheduleFault> {
        let due_at = due_at.timestamp_millis();
        let written = match &self.ticks {
            Pool::Sqlite(pool) => sqlx::query("INSERT INTO schedule_tick VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .bind(schedule)
                .bind(due_at)
                .execute(pool)
                .await
                .map(|result| result.rows_affected()),
            Pool::Postgres(pool) => sqlx::query("INSERT INTO schedule_tick VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(schedule)
                .bind(due_at)
                .execute(pool)
                .await
                .map(|result| result.rows_affected()),
        };
        let fires = written.map_err(|error| ScheduleFault(Box::new(error)))? == 1;
        if schedule == "retention" {
            self.app.ticks.send_modify(|ticks| *ticks += 1);
        }
        Ok(fires)
    }

    async fn reconcile(&self) -> Result<(), ScheduleFault> {
        Ok(())
    }

    async fn retain(&self) -> Result<(), ScheduleFault> {
        self.app.retained.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
