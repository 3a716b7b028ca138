//! The queue's tables: what pushes, counts, frees and forgets jobs.
//!
//! The queue has a pool of its own on the same database as the store, so that writers waiting for a row do not starve
//! heartbeats. Its migrations are apalis's; they keep their own history (`_sqlx_migrations`, on PostgreSQL in the schema
//! `apalis`), apart from the store's.

use std::{sync::Arc, time::Duration};

use apalis::prelude::{TaskBuilder, TaskSink, TaskSinkError};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, SqlitePool};
use tokio::sync::Notify;

use crate::{
    app::ports::{Job, JobQueue, QueueError},
    clock::{Clock as _, Instant, SystemClock, from_millis},
    id::Uuid,
};

/// The queue's name in the database. apalis would use the payload's Rust path, which changes when a module moves.
pub(super) const QUEUE: &str = "collect";

/// How often a worker of apalis says by itself that it lives, beside what this process says for all its workers.
pub(super) const HEARTBEAT: Duration = Duration::from_mins(5);

/// Heartbeats missed before apalis gives a worker's jobs to others.
pub(super) const MISSED_HEARTBEATS: usize = 3;

/// How long a worker need not be heard of before its jobs are given to others; shorter than a server's lease, so that a key
/// is free again when the sweeper needs it.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// How far in the past a job's start time is put. The databases compare it with a clock (PostgreSQL its own, SQLite this
/// machine's at that time), so a job pushed by a node whose clock is ahead, or before a clock was set back, would wait for as
/// long. Only the order of these times matters.
const HEAD_START: TimeDelta = TimeDelta::days(1);

/// What apalis stores for [`Job::Collect`].
///
/// Every JSON object can be read as one: a payload that cannot be read ends the worker that fetched it, and after the rescue
/// the next one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Collect {
    pub(super) server_id: String,
}

#[derive(Debug, Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The job queue on either database. Cheap to share; `serve`, `sync` and the tests all push through it.
#[derive(Debug)]
pub struct Queue {
    pub(super) pool: Pool,
    /// Rung once for each push, and wakes one idle worker of this process.
    pub(super) bell: Arc<Notify>,
}

impl Queue {
    /// The queue on SQLite. The pool is its own, with WAL, `foreign_keys` and a busy time-out of 30 s; two connections do.
    pub fn sqlite(pool: SqlitePool) -> Self {
        Self { pool: Pool::Sqlite(pool), bell: Arc::default() }
    }

    /// The queue on PostgreSQL. The pool is its own; eight connections do, and a worker node opens one more to listen.
    pub fn postgres(pool: PgPool) -> Self {
        Self { pool: Pool::Postgres(pool), bell: Arc::default() }
    }

    /// Creates the queue's tables, or brings them up to date. On PostgreSQL nodes may do so at the same time; the role needs
    /// the right to create the schema `apalis` and the trusted extensions `pgcrypto` and `hstore`.
    pub async fn migrate(&self) -> Result<(), QueueError> {
        // Not `setup`: on SQLite that turns `synchronous` off on a pooled connection.
        match &self.pool {
            Pool::Sqlite(pool) => SqliteStorage::migrations().run(pool).await.map_err(failed),
            Pool::Postgres(pool) => PostgresStorage::migrations().run(pool).await.map_err(failed),
        }
    }

    /// Queues a collection of `server_id`, unless one waits that nobody has taken (which will find the same world when it is
    /// taken), or one with `key` waits or runs.
    async fn push_collect(&self, server_id: Uuid, key: &str) -> Result<(), QueueError> {
        let payload = Collect { server_id: server_id.to_string() };
        match self.state_of(&payload, key).await? {
            State::Open => {}
            // apalis would drop the job (SQLite) or refuse it (PostgreSQL) for as long as the finished one is kept.
            State::Finished => {
                self.forget(key).await?;
                self.insert(payload, key).await?;
            }
            State::Unknown => self.insert(payload, key).await?,
        }
        self.bell.notify_one();
        Ok(())
    }

    /// Hands the job to apalis, one at a time: on PostgreSQL a duplicate key fails all that go with it.
    async fn insert(&self, payload: Collect, key: &str) -> Result<(), QueueError> {
        let run_at = (SystemClock.now() - HEAD_START).timestamp();
        let task = TaskBuilder::new(payload)
            .idempotency_key(key)
            .run_at_timestamp(u64::try_from(run_at).unwrap_or_default())
            // A job that failed is never fetched again by apalis, which would do so at once; the sweeper decides when.
            .max_attempts(1)
            .build();
        match &self.pool {
            Pool::Sqlite(pool) => {
                let config = apalis_sqlite::Config::default().queue(QUEUE);
                let mut storage = SqliteStorage::<Collect>::new(pool).with_config(config);
                storage.push_task(task).await.map_err(failed)
            }
            Pool::Postgres(pool) => {
                let config = apalis_postgres::Config::default().queue(QUEUE);
                let mut storage = PostgresStorage::<Collect>::new(pool).with_config(config);
                match storage.push_task(task).await {
                    Err(TaskSinkError::PushError(apalis_postgres::Error::Database(sqlx::Error::Database(error))))
                        if error.is_unique_violation() =>
                    {
                        Ok(())
                    }
                    pushed => pushed.map_err(failed),
                }
            }
        }
    }

    async fn state_of(&self, payload: &Collect, key: &str) -> Result<State, QueueError> {
        let payload = serde_json::to_vec(payload).map_err(failed)?;
        let (waits, finished): (bool, Option<bool>) = match &self.pool {
            Pool::Sqlite(pool) => {
                sqlx::query_as(
                    "SELECT EXISTS (SELECT 1 FROM Jobs
                        WHERE job_type = ?1 AND status = 'Pending' AND lock_by IS NULL AND job = ?3),
                     (SELECT status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts)
                        FROM Jobs WHERE job_type = ?1 AND idempotency_key = ?2)",
                )
                .bind(QUEUE)
                .bind(key)
                .bind(payload)
                .fetch_one(pool)
                .await
            }
            Pool::Postgres(pool) => {
                sqlx::query_as(
                    "SELECT EXISTS (SELECT 1 FROM apalis.jobs
                        WHERE job_type = $1 AND status = 'Pending' AND job = $3),
                     (SELECT status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts)
                        FROM apalis.jobs WHERE job_type = $1 AND idempotency_key = $2)",
                )
                .bind(QUEUE)
                .bind(key)
                .bind(payload)
                .fetch_one(pool)
                .await
            }
        }
        .map_err(failed)?;
        Ok(match finished {
            Some(false) => State::Open,
            _ if waits => State::Open,
            Some(true) => State::Finished,
            None => State::Unknown,
        })
    }

    /// Deletes the finished job of `key`.
    async fn forget(&self, key: &str) -> Result<(), QueueError> {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(
                "DELETE FROM Jobs WHERE job_type = ?1 AND idempotency_key = ?2
                 AND (status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts))",
            )
            .bind(QUEUE)
            .bind(key)
            .execute(pool)
            .await
            .map(|_| ()),
            Pool::Postgres(pool) => sqlx::query(
                "DELETE FROM apalis.jobs WHERE job_type = $1 AND idempotency_key = $2
                 AND (status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts))",
            )
            .bind(QUEUE)
            .bind(key)
            .execute(pool)
            .await
            .map(|_| ()),
        }
        .map_err(failed)
    }

    /// Whether a job waits that no worker has taken.
    pub(super) async fn has_waiting(&self) -> Result<bool, QueueError> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM Jobs WHERE job_type = ?1 AND status = 'Pending')")
                    .bind(QUEUE)
                    .fetch_one(pool)
                    .await
            }
            Pool::Postgres(pool) => {
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM apalis.jobs WHERE job_type = $1 AND status = 'Pending')")
                    .bind(QUEUE)
                    .fetch_one(pool)
                    .await
            }
        }
        .map_err(failed)
    }

    /// Gives back what the ended worker `name` had taken and not finished, so that it need not wait for the rescue.
    pub(super) async fn release(&self, name: &str) -> Result<(), QueueError> {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(
                "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                 WHERE lock_by = ?1 AND status IN ('Queued', 'Running')",
            )
            .bind(name)
            .execute(pool)
            .await
            .map(|_| ()),
            Pool::Postgres(pool) => sqlx::query(
                "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                 WHERE lock_by = $1 AND status IN ('Queued', 'Running')",
            )
            .bind(name)
            .execute(pool)
            .await
            .map(|_| ()),
        }
        .map_err(failed)
    }

    /// Says that the workers `names` live.
    pub(super) async fn keep_alive(&self, names: &[String]) -> Result<(), QueueError> {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(
                "UPDATE Workers SET last_seen = CAST(strftime('%s', 'now') AS INTEGER)
                 WHERE id IN (SELECT value FROM json_each(?1))",
            )
            .bind(serde_json::to_string(names).map_err(failed)?)
            .execute(pool)
            .await
            .map(|_| ()),
            Pool::Postgres(pool) => sqlx::query("UPDATE apalis.workers SET last_seen = now() WHERE id = ANY($1)")
                .bind(names)
                .execute(pool)
                .await
                .map(|_| ()),
        }
        .map_err(failed)
    }

    /// Gives back what workers had taken that were not heard of for [`SILENCE`]; returns how many jobs.
    pub(super) async fn rescue(&self) -> Result<u64, QueueError> {
        let silence = i64::try_from(SILENCE.as_secs()).unwrap_or(i64::MAX);
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(
                "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                 WHERE status IN ('Queued', 'Running') AND lock_by IN
                 (SELECT id FROM Workers WHERE last_seen <= CAST(strftime('%s', 'now') AS INTEGER) - ?1)",
            )
            .bind(silence)
            .execute(pool)
            .await
            .map(|result| result.rows_affected()),
            Pool::Postgres(pool) => sqlx::query(
                "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL WHERE id IN
                 (SELECT jobs.id FROM apalis.jobs JOIN apalis.workers ON jobs.lock_by = workers.id
                  WHERE jobs.status IN ('Queued', 'Running')
                  AND workers.last_seen <= now() - make_interval(secs => $1::float8)
                  FOR UPDATE OF jobs SKIP LOCKED)",
            )
            .bind(silence)
            .execute(pool)
            .await
            .map(|result| result.rows_affected()),
        }
        .map_err(failed)
    }

    /// Deletes jobs that finished longer ago than `keep`, then workers not seen for as long; returns how many of each.
    pub async fn purge(&self, keep: Duration) -> Result<(u64, u64), QueueError> {
        let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        // Own statements: of apalis's, SQLite's deletes by a comparison of a number with a text, which is always true, and
        // PostgreSQL has none. A worker whose job is still kept is referred to by it.
        match &self.pool {
            Pool::Sqlite(pool) => {
                let jobs = sqlx::query(
                    "DELETE FROM Jobs WHERE (status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts))
                     AND done_at <= CAST(strftime('%s', 'now') AS INTEGER) - ?1",
                )
                .bind(keep)
                .execute(pool)
                .await
                .map_err(failed)?;
                let workers = sqlx::query(
                    "DELETE FROM Workers WHERE last_seen <= CAST(strftime('%s', 'now') AS INTEGER) - ?1
                     AND NOT EXISTS (SELECT 1 FROM Jobs WHERE Jobs.lock_by = Workers.id)",
                )
                .bind(keep)
                .execute(pool)
                .await
                .map_err(failed)?;
                Ok((jobs.rows_affected(), workers.rows_affected()))
            }
            Pool::Postgres(pool) => {
                let jobs = sqlx::query(
                    "DELETE FROM apalis.jobs
                     WHERE (status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts))
                     AND done_at <= now() - make_interval(secs => $1::float8)",
                )
                .bind(keep)
                .execute(pool)
                .await
                .map_err(failed)?;
                let workers = sqlx::query(
                    "DELETE FROM apalis.workers WHERE last_seen <= now() - make_interval(secs => $1::float8)
                     AND NOT EXISTS (SELECT 1 FROM apalis.jobs WHERE jobs.lock_by = workers.id)",
                )
                .bind(keep)
                .execute(pool)
                .await
                .map_err(failed)?;
                Ok((jobs.rows_affected(), workers.rows_affected()))
            }
        }
    }

    /// Now, by the database's clock: nodes whose clocks differ agree on what is due.
    pub(super) async fn database_now(&self) -> Result<Instant, QueueError> {
        let seconds: i64 = match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar("SELECT CAST(strftime('%s', 'now') AS INTEGER)").fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar("SELECT floor(extract(epoch FROM now()))::bigint").fetch_one(pool).await,
        }
        .map_err(failed)?;
        Ok(from_millis(seconds * 1_000))
    }
}

#[async_trait]
impl JobQueue for Queue {
    async fn push(&self, job: Job) -> Result<(), QueueError> {
        match job {
            Job::Collect { server_id, key } => self.push_collect(server_id, &key).await,
        }
    }
}

/// What is known of a job that is to be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It waits or runs, or another waits that does the same.
    Open,
    /// Its key has run, for better or worse.
    Finished,
    /// Its key is not known.
    Unknown,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError(Box::new(error))
}
