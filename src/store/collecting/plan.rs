//! Runs as the collecting side sees them: the next one to work on, its plan, its end.

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult};

use super::{
    EarlierPart, Lease,
    apply::{day, parse_day},
    sql::{Rows, statement},
};
use crate::{
    clock::{Instant, from_millis},
    domain::{
        failure::{Failure, FailureReason},
        run::{SyncStatus, SyncTrigger},
    },
    failpoint::{self, Point},
    id::Uuid,
    store::{
        Source as _, Store, StoreError, Tx,
        run::{self, NewRun},
    },
};

/// A run that has not ended, as the engine needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Key.
    pub id: Uuid,
    /// What started it.
    pub trigger: SyncTrigger,
    /// QUEUED or RUNNING.
    pub status: SyncStatus,
    /// Whether its collections exist.
    pub planned: bool,
    /// Whether `cancelSync` asked it to stop.
    pub cancel_requested: bool,
    /// How often its holder broke off since the last commit.
    pub crashes: i32,
    /// Only these feeds; `None` for all.
    pub only_feeds: Option<Vec<Uuid>>,
}

/// A feed that may be collected, for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPlan {
    /// Key.
    pub id: Uuid,
    /// The first day that counts.
    pub activation_date: NaiveDate,
    /// The last covered day.
    pub covered_through: Option<NaiveDate>,
    /// When the vendor last heard from its devices.
    pub last_data_at: Option<Instant>,
    /// Whether its first collection is still under way.
    pub backfilling: bool,
    /// Whether it is unhealthy for lack of new data.
    pub silent: bool,
    /// The part that an earlier activation date put before the days collected already.
    pub earlier: Option<EarlierPart>,
}

/// A collection to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCollection {
    /// Key.
    pub id: Uuid,
    /// The feed to read.
    pub feed_id: Uuid,
    /// Order of reading, from 0.
    pub position: i32,
    /// First day of the window.
    pub from: NaiveDate,
    /// Last day of the window.
    pub to: NaiveDate,
    /// Whether it reads the part that an earlier activation date put before the days collected already.
    pub earlier: bool,
    /// The last saved day.
    pub saved_through: Option<NaiveDate>,
    /// Attempts made.
    pub attempts: i32,
    /// When the first attempt began.
    pub started_at: Option<Instant>,
    /// When it is tried again; `None` for at once.
    pub next_attempt_at: Option<Instant>,
}

/// How a run ends or rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything was read, or failed for this night.
    Finished(SyncStatus),
    /// Its server is paused; why, if a check failed.
    Paused(Option<FailureReason>),
    /// `cancelSync`.
    Cancelled,
    /// Nothing more before this instant; then the rest is tried again.
    Resting(Instant),
}

impl Store {
    /// The next run of a server to work on. A night goes before the rest of a long backfill; else the first asked for comes first.
    pub async fn next_open_run(&self, server_id: Uuid, now: Instant) -> Result<Option<OpenRun>, StoreError> {
        let row = self
            .db()
            .query_one_raw(statement(
                self.dialect(),
                "SELECT id, trigger_kind, status, planned, cancel_requested, crashes, only_feeds FROM sync_run \
                 WHERE server_id = ? AND status IN ('QUEUED', 'RUNNING') AND (next_attempt_at IS NULL OR next_attempt_at <= ?) \
                 ORDER BY CASE trigger_kind WHEN 'NIGHTLY' THEN 0 ELSE 1 END, requested_at, id LIMIT 1",
                [server_id.into(), now.timestamp_millis().into()],
            ))
            .await?;
        row.as_ref().map(open_run).transpose()
    }

    /// Servers with a run to work on that nobody holds, with a text that changes whenever someone held them: for the sweeper.
    pub async fn idle_servers_with_runs(&self, now: Instant) -> Result<Vec<(Uuid, i64)>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT DISTINCT server.id, server.lease_fence FROM sync_run JOIN server ON server.id = sync_run.server_id \
                 WHERE sync_run.status IN ('QUEUED', 'RUNNING') \
                 AND (sync_run.next_attempt_at IS NULL OR sync_run.next_attempt_at <= ?) \
                 AND (server.lease_owner IS NULL OR server.lease_until <= ?)",
                [now.timestamp_millis().into(), now.timestamp_millis().into()],
            ))
            .await?;
        rows.into_iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// Opens a run due now, or adds to one of the same server and trigger that waits to be planned; gives its id. `only_feeds` limits it.
    pub async fn open_run(
        &self,
        id: Uuid,
        server_id: Uuid,
        trigger: SyncTrigger,
        only_feeds: Option<Vec<Uuid>>,
    ) -> Result<Uuid, StoreError> {
        let run = self
            .write(async |tx| {
                let only_feeds = only_feeds.clone();
                let new = NewRun { id, server_id, trigger, due_at: tx.now(), requested_by: None, only_feeds };
                run::insert_or_join(&tx, new).await
            })
            .await?;
        Ok(run.id)
    }

    /// Ends a collection whose feed is no longer to be collected.
    pub async fn cancel_collection(&self, lease: Lease, id: Uuid, now: Instant) -> Result<(), StoreError> {
        let tx = self.begin_write().await?;
        let cancelled = tx
            .db()
            .execute_raw(statement(
                self.dialect(),
                "UPDATE collection SET status = 'CANCELLED', finished_at = ?, next_attempt_at = NULL \
                 WHERE id = ? AND status IN ('QUEUED', 'RUNNING') \
                 AND EXISTS (SELECT 1 FROM server WHERE id = ? AND lease_fence = ?)",
                [now.timestamp_millis().into(), id.into(), lease.server_id.into(), lease.fence.into()],
            ))
            .await?
            .rows_affected();
        if cancelled == 1 {
            tx.db()
                .execute_raw(statement(
                    self.dialect(),
                    "UPDATE sync_run SET feeds_done = feeds_done + 1, progress_seq = progress_seq + 1 \
                     WHERE id = (SELECT run_id FROM collection WHERE id = ?)",
                    [id.into()],
                ))
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Opens a server's nightly run and moves the server on to its `next` night, in one transaction, so that any number of nodes start
    /// it once. A server that does not collect only moves on.
    pub async fn open_nightly_run(
        &self,
        id: Uuid,
        server_id: Uuid,
        due_at: Instant,
        next: Instant,
        collects: bool,
    ) -> Result<bool, StoreError> {
        let tx = self.begin_write().await?;
        let moved = tx
            .db()
            .execute_raw(statement(
                self.dialect(),
                "UPDATE server SET next_nightly_at = ? WHERE id = ? AND next_nightly_at = ?",
                [next.timestamp_millis().into(), server_id.into(), due_at.timestamp_millis().into()],
            ))
            .await?
            .rows_affected();
        if moved == 0 {
            return Ok(false);
        }
        if collects {
            let trigger = SyncTrigger::Nightly;
            run::insert_one(&tx, NewRun { id, server_id, trigger, due_at, requested_by: None, only_feeds: None }).await?;
        }
        tx.commit().await?;
        Ok(collects)
    }

    /// Counts a broken-off attempt on the runs under way of a server whose lease ran out.
    pub async fn count_crash(&self, lease: Lease) -> Result<(), StoreError> {
        let tx = self.begin_write().await?;
        tx.db()
            .execute_raw(statement(
                self.dialect(),
                "UPDATE sync_run SET crashes = crashes + 1 WHERE server_id = ? AND status = 'RUNNING'",
                [lease.server_id.into()],
            ))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Feeds of a server that may be collected: not ended, not paused by a user, of an account in use.
    pub async fn plannable_feeds(&self, server_id: Uuid) -> Result<Vec<FeedPlan>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT feed.id, feed.activation_date, feed.covered_through, feed.last_data_at, \
                 feed.backfilling, feed.health_reason, feed.earlier_through, feed.earlier_saved FROM feed \
                 JOIN account ON account.id = feed.account_id \
                 WHERE feed.server_id = ? AND feed.ended_at IS NULL AND feed.paused_at IS NULL AND account.status = 'ACTIVE' \
                 ORDER BY feed.id",
                [server_id.into()],
            ))
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(FeedPlan {
                    id: row.try_get_by_index(0)?,
                    activation_date: parse_day(&row.try_get_by_index::<String>(1)?)?,
                    covered_through: optional_day(&row, 2)?,
                    last_data_at: instant(&row, 3)?,
                    backfilling: row.try_get_by_index(4)?,
                    silent: row.try_get_by_index::<Option<String>>(5)?.as_deref() == Some(FailureReason::NoNewData.as_str()),
                    earlier: match optional_day(&row, 6)? {
                        Some(through) => Some(EarlierPart { through, saved: optional_day(&row, 7)? }),
                        None => None,
                    },
                })
            })
            .collect()
    }

    /// Whether a server has an open backfill.
    pub async fn has_open_backfill(&self, server_id: Uuid) -> Result<bool, StoreError> {
        let row = self
            .db()
            .query_one_raw(statement(
                self.dialect(),
                "SELECT 1 FROM sync_run WHERE server_id = ? AND trigger_kind = 'BACKFILL' AND status IN ('QUEUED', 'RUNNING')",
                [server_id.into()],
            ))
            .await?;
        Ok(row.is_some())
    }

    /// Stores a run's plan and sets it RUNNING; `false` when the lease is lost.
    pub async fn plan_run(
        &self,
        lease: Lease,
        run_id: Uuid,
        collections: &[PlannedCollection],
        days_total: i32,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let tx = self.begin_write().await?;
        let started = tx.db().execute_raw(statement(
                self.dialect(),
                "UPDATE sync_run SET status = 'RUNNING', planned = TRUE, started_at = COALESCE(started_at, ?), \
                 feeds_total = ?, days_total = ?, current_feed_id = ?, progress_seq = progress_seq + 1 \
                 WHERE id = ? AND status = 'QUEUED' AND NOT planned AND server_id IN (SELECT id FROM server WHERE id = ? AND lease_fence = ?)",
                [
                    now.timestamp_millis().into(),
                    i32::try_from(collections.len()).unwrap_or(i32::MAX).into(),
                    days_total.into(),
                    collections.first().map(|collection| collection.feed_id).into(),
                    run_id.into(),
                    lease.server_id.into(),
                    lease.fence.into(),
                ],
            ))
            .await?
            .rows_affected();
        if started == 0 {
            return Ok(false);
        }
        failpoint::at(Point::PlanRun);
        let mut rows = Rows::new(&["uuid", "uuid", "uuid", "integer", "text", "text", "text", "boolean"]);
        for collection in collections {
            rows.push([
                collection.id.into(),
                run_id.into(),
                collection.feed_id.into(),
                collection.position.into(),
                SyncStatus::Queued.as_str().into(),
                day(Some(collection.from)),
                day(Some(collection.to)),
                collection.earlier.into(),
            ]);
        }
        if !rows.is_empty() {
            rows.execute(
                tx.db(),
                "INSERT INTO collection (id, run_id, feed_id, position, status, from_day, to_day, earlier) ",
                "",
            )
            .await?;
        }
        failpoint::at(Point::PlanCollections);
        tx.commit().await?;
        Ok(true)
    }

    /// The next collections of a run, in their order: those not ended whose next attempt is due.
    pub async fn due_collections(&self, run_id: Uuid, now: Instant, limit: u32) -> Result<Vec<PlannedCollection>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT id, feed_id, position, from_day, to_day, saved_through, attempts, started_at, next_attempt_at, earlier \
                 FROM collection WHERE run_id = ? AND status IN ('QUEUED', 'RUNNING') \
                 AND (next_attempt_at IS NULL OR next_attempt_at <= ?) ORDER BY position LIMIT ?",
                [run_id.into(), now.timestamp_millis().into(), i64::from(limit).into()],
            ))
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PlannedCollection {
                    id: row.try_get_by_index(0)?,
                    feed_id: row.try_get_by_index(1)?,
                    position: row.try_get_by_index(2)?,
                    from: parse_day(&row.try_get_by_index::<String>(3)?)?,
                    to: parse_day(&row.try_get_by_index::<String>(4)?)?,
                    saved_through: optional_day(&row, 5)?,
                    attempts: row.try_get_by_index(6)?,
                    started_at: instant(&row, 7)?,
                    next_attempt_at: instant(&row, 8)?,
                    earlier: row.try_get_by_index(9)?,
                })
            })
            .collect()
    }

    /// How many collections of a run ended well, how many failed, and when the earliest of the rest is tried again.
    pub async fn run_tally(&self, run_id: Uuid) -> Result<(i64, i64, Option<Instant>), StoreError> {
        let row = self
            .db()
            .query_one_raw(statement(
                self.dialect(),
                "SELECT COUNT(CASE WHEN status = 'SUCCEEDED' THEN 1 END), COUNT(CASE WHEN status = 'FAILED' THEN 1 END), \
                 MIN(CASE WHEN status IN ('QUEUED', 'RUNNING') THEN COALESCE(next_attempt_at, 0) END) \
                 FROM collection WHERE run_id = ?",
                [run_id.into()],
            ))
            .await?;
        let Some(row) = row else { return Ok((0, 0, None)) };
        Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, instant(&row, 2)?))
    }

    /// Ends a run, or lets it rest, with its open collections; `false` when the lease is lost.
    pub async fn end_run(&self, lease: Lease, run_id: Uuid, end: RunEnd) -> Result<bool, StoreError> {
        let (status, error, next_attempt) = match end {
            RunEnd::Finished(status) => (status, None, None),
            RunEnd::Paused(reason) => (SyncStatus::Paused, reason, None),
            RunEnd::Cancelled => (SyncStatus::Cancelled, None, None),
            RunEnd::Resting(until) => (SyncStatus::Running, None, Some(until)),
        };
        let tx = self.begin_write().await?;
        let failure = (error.is_some() || next_attempt.is_some())
            .then(|| Failure { reason: error.unwrap_or(FailureReason::VendorFailed), next_attempt_at: next_attempt });
        if !holds(&tx, lease).await? || !run::transition(&tx, run_id, status, failure).await? {
            return Ok(false);
        }
        if matches!(status, SyncStatus::Paused | SyncStatus::Cancelled) {
            run::end_collections(&tx, run_id, status).await?;
        }
        failpoint::at(Point::RunEndBefore);
        tx.commit().await?;
        Ok(true)
    }
}

fn open_run(row: &QueryResult) -> Result<OpenRun, StoreError> {
    let trigger: String = row.try_get_by_index(1)?;
    let status: String = row.try_get_by_index(2)?;
    let only_feeds: Option<String> = row.try_get_by_index(6)?;
    Ok(OpenRun {
        id: row.try_get_by_index(0)?,
        trigger: SyncTrigger::parse(&trigger).ok_or(StoreError::Corrupt("sync_run.trigger_kind"))?,
        status: SyncStatus::parse(&status).ok_or(StoreError::Corrupt("sync_run.status"))?,
        planned: row.try_get_by_index(3)?,
        cancel_requested: row.try_get_by_index(4)?,
        crashes: row.try_get_by_index(5)?,
        only_feeds: only_feeds.map(|text| run::read_only_feeds(&text)).transpose()?,
    })
}

/// Whether the lease still holds, under a lock that a claim waits for.
async fn holds(tx: &Tx, lease: Lease) -> Result<bool, StoreError> {
    let dialect = tx.db().get_database_backend();
    let lock = if dialect == DbBackend::Postgres { " FOR SHARE" } else { "" };
    let sql = format!("SELECT lease_fence FROM server WHERE id = ?{lock}");
    let row = tx.db().query_one_raw(statement(dialect, &sql, [lease.server_id.into()])).await?;
    let fence: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(fence == Some(lease.fence))
}

fn optional_day(row: &QueryResult, index: usize) -> Result<Option<NaiveDate>, StoreError> {
    row.try_get_by_index::<Option<String>>(index)?.map(|text| parse_day(&text)).transpose()
}

fn instant(row: &QueryResult, index: usize) -> Result<Option<Instant>, StoreError> {
    Ok(row.try_get_by_index::<Option<i64>>(index)?.map(from_millis))
}
