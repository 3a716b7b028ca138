//! Servers as the collecting side sees them: with their sealed credentials, their nights and their checks.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use sea_orm::ConnectionTrait as _;

use super::sql::statement;
use crate::{
    clock::{Instant, from_millis},
    domain::{
        failure::FailureReason,
        health::{HealthStatus, HealthSubject},
        server::Server,
    },
    id::Uuid,
    store::{Source as _, Store, StoreError, health, server, server_settings},
};

/// A server whose night is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NightDue {
    /// The server.
    pub id: Uuid,
    /// When its night was due.
    pub due_at: Instant,
    /// Local time of its nights.
    pub nightly_at: NaiveTime,
    /// Its zone.
    pub time_zone: Tz,
    /// Whether a run makes sense: a server that a user paused only moves on to its next night.
    pub collects: bool,
}

impl Store {
    /// The database's own time, which several nodes can agree on; `None` on SQLite, where there is one process at a time.
    pub async fn database_time(&self) -> Result<Option<Instant>, StoreError> {
        if self.is_sqlite() {
            return Ok(None);
        }
        let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
        let row = self.db().query_one_raw(statement(self.dialect(), sql, [])).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(from_millis))
    }

    /// A server with its sealed credentials (`None` once removed); `None` when there is no such server.
    pub async fn server_for_collecting(&self, id: Uuid) -> Result<Option<(Server, Option<Vec<u8>>)>, StoreError> {
        let Some(server) = server::find(self, id).await? else { return Ok(None) };
        let sealed = server::sealed_credentials(self, id).await?;
        Ok(Some((server, sealed)))
    }

    /// Stores the outcome of a check, unless it was made with other settings than the server has by now; when it changed the status, also the change and the days of the pause. Gives whether it did.
    pub async fn record_server_check(&self, server: &Server, today: NaiveDate, now: Instant) -> Result<bool, StoreError> {
        let tx = self.begin_write().await?;
        let backend = self.dialect();
        let lock = if self.is_sqlite() { "" } else { " FOR UPDATE" };
        let before = tx
            .db()
            .query_one_raw(statement(
                backend,
                &format!(
                    "SELECT health_status, paused_at FROM server WHERE id = ? AND version = ? AND removed_at IS NULL{lock}"
                ),
                [server.id.into(), server.version.into()],
            ))
            .await?;
        let Some(before) = before else { return Ok(false) };
        let paused = before.try_get_by_index::<Option<i64>>(1)?.is_some();
        let before: String = before.try_get_by_index(0)?;
        let before = HealthStatus::parse(&before).ok_or(StoreError::Corrupt("server.health_status"))?;
        let after = server.health;
        let changed = before != after.status;
        tx.db()
            .execute_raw(statement(
                backend,
                "UPDATE server SET health_status = ?, health_reason = ?, health_checked_at = ?, \
                 health_changed_at = COALESCE(?, health_changed_at), updated_at = ? WHERE id = ?",
                [
                    after.status.as_str().into(),
                    after.reason.map(FailureReason::as_str).into(),
                    now.timestamp_millis().into(),
                    changed.then(|| now.timestamp_millis()).into(),
                    now.timestamp_millis().into(),
                    server.id.into(),
                ],
            ))
            .await?;
        if changed {
            let subject = HealthSubject::Server(server.id);
            health::append(&tx, server.account_id, subject, before, after.status, after.reason).await?;
            if after.status == HealthStatus::Unhealthy {
                server_settings::open_pause(&tx, server.id, uuid_of(server, now), today).await?;
            } else if !paused {
                server_settings::close_pause(&tx, server.id, today).await?;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Servers whose night is due, the longest due first.
    pub async fn servers_due_at_night(&self, now: Instant, limit: usize) -> Result<Vec<NightDue>, StoreError> {
        let rows = self
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "SELECT id, next_nightly_at, nightly_at, time_zone, paused_at IS NULL FROM server \
                 WHERE removed_at IS NULL AND next_nightly_at <= ? ORDER BY next_nightly_at LIMIT ?",
                [now.timestamp_millis().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
            ))
            .await?;
        rows.into_iter()
            .map(|row| {
                let nightly_at: String = row.try_get_by_index(2)?;
                let zone: String = row.try_get_by_index(3)?;
                Ok(NightDue {
                    id: row.try_get_by_index(0)?,
                    due_at: from_millis(row.try_get_by_index(1)?),
                    nightly_at: NaiveTime::parse_from_str(&nightly_at, "%H:%M")
                        .map_err(|_| StoreError::Corrupt("server.nightly_at"))?,
                    time_zone: zone.parse().map_err(|_| StoreError::Corrupt("server.time_zone"))?,
                    collects: row.try_get_by_index(4)?,
                })
            })
            .collect()
    }

    /// Takes the checks that are due, moves each on to `again`, and gives those of servers that no run talks to.
    pub async fn claim_due_checks(&self, now: Instant, again: Instant, limit: usize) -> Result<Vec<Uuid>, StoreError> {
        let tx = self.begin_write().await?;
        let millis = now.timestamp_millis();
        let rows = tx
            .db()
            .query_all_raw(statement(
                self.dialect(),
                "UPDATE server SET next_check_at = ? WHERE id IN (SELECT id FROM server WHERE removed_at IS NULL \
                 AND next_check_at <= ? ORDER BY next_check_at LIMIT ?) AND next_check_at <= ? \
                 RETURNING id, lease_owner IS NOT NULL AND lease_until > ?",
                [
                    again.timestamp_millis().into(),
                    millis.into(),
                    i64::try_from(limit).unwrap_or(i64::MAX).into(),
                    millis.into(),
                    millis.into(),
                ],
            ))
            .await?;
        tx.commit().await?;
        let mut claimed = Vec::new();
        for row in rows {
            let busy: bool = row.try_get_by_index(1)?;
            if !busy {
                claimed.push(row.try_get_by_index(0)?);
            }
        }
        Ok(claimed)
    }
}

impl Store {
    /// Records that a schedule fires for an instant; true for the first who says so.
    pub async fn record_tick(&self, schedule: &str, due_at: Instant) -> Result<bool, StoreError> {
        let tx = self.begin_write().await?;
        let recorded = tx
            .db()
            .execute_raw(statement(
                self.dialect(),
                "INSERT INTO schedule_tick (schedule, due_at, fired_at) VALUES (?, ?, ?) ON CONFLICT (schedule, due_at) DO NOTHING",
                [schedule.into(), due_at.timestamp_millis().into(), tx.now_millis().into()],
            ))
            .await?
            .rows_affected();
        tx.commit().await?;
        Ok(recorded == 1)
    }

    /// Deletes ticks, idempotency keys, and what of signing in was over before an instant.
    pub async fn forget_before(&self, before: Instant) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM schedule_tick WHERE fired_at < ?",
            "DELETE FROM idempotency WHERE created_at < ?",
            "DELETE FROM user_session WHERE expires_at < ?",
            "DELETE FROM password_link WHERE expires_at < ?",
            "DELETE FROM sign_in_failure WHERE last_at < ?",
        ] {
            let tx = self.begin_write().await?;
            tx.db().execute_raw(statement(self.dialect(), sql, [before.timestamp_millis().into()])).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Pauses are found by server and day; their key only has to be unique, and a server changes its health once an instant.
fn uuid_of(server: &Server, now: Instant) -> Uuid {
    let millis = u128::try_from(now.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(server.id.as_u128() ^ (millis << 64))
}
