//! One transaction of waiting commits: one statement per table, rows in key order (so that two groups cannot wait for each other).

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, Value};

use super::{
    Committed, FeedAhead, FeedCommit, feeds, fleet,
    posting::{self, Entry, FeedDaySums},
    sql::{Rows, statement},
};
use crate::{
    domain::{
        device::MeterKind,
        failure::FailureReason,
        health::HealthSubject,
        pages::{Methodology, Pages, StandardPages},
    },
    failpoint::{self, Point},
    id::Uuid,
    store::{Source as _, StoreError, Tx, feed, health},
};

/// What became of a commit, and the feed that it asked for.
pub(super) type Answer = (Committed, Option<FeedAhead>);

/// Writes what of `commits` still may be written; the answers are in the order of `commits`.
pub(super) async fn apply(tx: &Tx, commits: &[FeedCommit]) -> Result<Vec<Answer>, StoreError> {
    let servers = lock_servers(tx, commits).await?;
    failpoint::at(Point::CommitLocked);
    let mut held: Vec<&FeedCommit> = commits
        .iter()
        .filter(|commit| {
            let server = servers.get(&commit.lease.server_id);
            server.is_some_and(|server| server.fence == commit.lease.fence && server.version == commit.server_version)
        })
        .collect();
    let kept: HashSet<Uuid> = update_feeds(tx, &held).await?.into_iter().collect();
    held.retain(|commit| kept.contains(&commit.feed.id));
    failpoint::at(Point::CommitFeeds);

    rename_feeds(tx, &held).await?;
    let posted = post_entries(tx, &held).await?;
    fleet::write(tx, &held).await?;
    failpoint::at(Point::CommitDevices);
    write_anomalies(tx, &held).await?;
    failpoint::at(Point::CommitAnomalies);
    close_days(tx, &held).await?;
    write_health_changes(tx, &held).await?;
    failpoint::at(Point::CommitHealth);
    update_collections(tx, &held, &posted).await?;
    failpoint::at(Point::CommitCollections);
    let cancelled = update_runs(tx, &held, &posted).await?;

    let mut ahead = feeds::ahead(tx, commits.iter().filter_map(|commit| commit.ahead).collect()).await?;

    let became = |commit: &FeedCommit| {
        let Some(server) = servers.get(&commit.lease.server_id).filter(|server| server.fence == commit.lease.fence) else {
            return Committed::LeaseLost;
        };
        if server.version != commit.server_version || !kept.contains(&commit.feed.id) {
            return Committed::FeedChanged;
        }
        let Posted { pages, standard } = posted.get(&commit.collection.id).copied().unwrap_or_default();
        Committed::Stored {
            pages,
            standard,
            cancel_requested: cancelled.contains(&commit.run_id),
            server_stopped: server.stopped,
        }
    };
    Ok(commits.iter().map(|commit| (became(commit), commit.ahead.and_then(|id| ahead.remove(&id)))).collect())
}

struct ServerRow {
    fence: i64,
    version: i32,
    stopped: bool,
}

/// Reads the fences under a lock that a claim waits for.
async fn lock_servers(tx: &Tx, commits: &[FeedCommit]) -> Result<BTreeMap<Uuid, ServerRow>, StoreError> {
    let mut ids: Vec<Uuid> = commits.iter().map(|commit| commit.lease.server_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut rows = Rows::new(&["uuid"]);
    for id in ids {
        rows.push([id.into()]);
    }
    let lock = if tx.db().get_database_backend() == sea_orm::DbBackend::Postgres { ") ORDER BY id FOR SHARE" } else { ")" };
    let found = rows
        .query(
            tx.db(),
            "SELECT id, lease_fence, paused_at IS NOT NULL OR removed_at IS NOT NULL, version FROM server WHERE id IN (",
            lock,
        )
        .await?;
    found
        .into_iter()
        .map(|row| {
            let server = ServerRow {
                fence: row.try_get_by_index(1)?,
                version: row.try_get_by_index(3)?,
                stopped: row.try_get_by_index(2)?,
            };
            Ok((row.try_get_by_index(0)?, server))
        })
        .collect()
}

/// Writes the feeds whose settings are still those they were read with, and says which.
async fn update_feeds(tx: &Tx, commits: &[&FeedCommit]) -> Result<Vec<Uuid>, StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "integer", "text", "boolean", "bigint", "integer", "text", "text", "bigint", "bigint", "bigint", "text", "text",
    ]);
    for commit in sorted_by(commits, |commit| commit.feed.id) {
        let feed = &commit.feed;
        rows.push([
            feed.id.into(),
            commit.feed_version.into(),
            day(feed.covered_through),
            feed.backfilling.into(),
            feed.last_data_at.map(|at| at.timestamp_millis()).into(),
            feed.device_count.into(),
            feed.health.status.as_str().into(),
            feed.health.reason.map(FailureReason::as_str).into(),
            feed.health.checked_at.map(|at| at.timestamp_millis()).into(),
            feed.health.changed_at.map(|at| at.timestamp_millis()).into(),
            tx.now_millis().into(),
            day(feed.earlier.map(|part| part.through)),
            day(feed.earlier.and_then(|part| part.saved)),
        ]);
    }
    let found = rows
        .query(tx.db(),
            "WITH v(id, version, covered_through, backfilling, last_data_at, device_count, \
             health_status, health_reason, health_checked_at, health_changed_at, updated_at, earlier_through, earlier_saved) AS (",
            ") UPDATE feed SET covered_through = v.covered_through, backfilling = v.backfilling, \
             last_data_at = v.last_data_at, device_count = v.device_count, health_status = v.health_status, \
             health_reason = v.health_reason, health_checked_at = v.health_checked_at, health_changed_at = v.health_changed_at, \
             updated_at = v.updated_at, earlier_through = v.earlier_through, earlier_saved = v.earlier_saved \
             FROM v WHERE feed.id = v.id AND feed.version = v.version AND feed.ended_at IS NULL RETURNING feed.id",
        )
        .await?;
    found.into_iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Stores the customer's name where the vendor reports another one than before, with what feeds are ordered and searched by.
async fn rename_feeds(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    for commit in commits {
        let Some(renamed) = &commit.renamed else { continue };
        let vendor_name = Some(renamed.vendor_name.as_str());
        let (name_key, search_key) = feed::keys_of(renamed.given_name.as_deref(), vendor_name, &renamed.external_id);
        tx.db()
            .execute_raw(statement(
                tx.db().get_database_backend(),
                "UPDATE feed SET vendor_name = ?, name_key = ?, search_key = ? WHERE id = ?",
                [vendor_name.into(), name_key.into(), search_key.into(), commit.feed.id.into()],
            ))
            .await?;
    }
    Ok(())
}

/// What a commit posted.
#[derive(Debug, Clone, Copy, Default)]
struct Posted {
    pages: Pages,
    standard: StandardPages,
}

/// Posts the entries, and the states of period vendors' days with them.
async fn post_entries(tx: &Tx, commits: &[&FeedCommit]) -> Result<BTreeMap<Uuid, Posted>, StoreError> {
    let mut days = FeedDaySums::default();
    for commit in commits {
        for entry in &commit.entries {
            days.add(commit.feed.id, entry.day, entry.pages);
        }
        for row in &commit.days {
            days.set_state(commit.feed.id, row);
        }
    }
    let mut sums = days.store(tx).await?;
    failpoint::at(Point::CommitFeedDays);

    let mut of_collection: BTreeMap<Uuid, Posted> = BTreeMap::new();
    let mut entries = Vec::new();
    for commit in commits {
        for entry in &commit.entries {
            let standard = sums.standard_of(commit.feed.id, entry.day, entry.pages);
            let posted = of_collection.entry(commit.collection.id).or_default();
            posted.pages += entry.pages;
            posted.standard += standard;
            entries.push(Entry {
                id: entry.id,
                account_id: commit.account_id,
                feed_id: Some(commit.feed.id),
                collection_id: Some(commit.collection.id),
                day: entry.day,
                pages: entry.pages,
                standard,
                estimated: entry.estimated,
                kind: entry.kind,
                source_key: entry.source_key.clone(),
                note: None,
                reversal_of: None,
                methodology_version: Methodology::CURRENT.version,
            });
        }
    }
    posting::post(tx, &entries).await?;
    Ok(of_collection)
}

async fn close_days(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "text"]);
    for commit in sorted_by(commits, |commit| commit.feed.id) {
        if let Some(through) = commit.close_through {
            rows.push([commit.feed.id.into(), through.to_string().into()]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.execute(
        tx.db(),
        "WITH v(feed_id, through) AS (",
        ") UPDATE feed_day SET open = FALSE FROM v \
         WHERE feed_day.feed_id = v.feed_id AND feed_day.open AND feed_day.day <= v.through AND feed_day.lower_night IS NULL",
    )
    .await?;
    Ok(())
}

async fn write_anomalies(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "uuid", "uuid", "text", "text", "text", "text", "text", "bigint", "bigint", "bigint", "text", "bigint",
    ]);
    for commit in commits {
        for anomaly in &commit.anomalies {
            rows.push([
                anomaly.id.into(),
                commit.feed.id.into(),
                anomaly.device_id.into(),
                anomaly.meter.map(MeterKind::as_str).into(),
                anomaly.kind.as_str().into(),
                anomaly.status.as_str().into(),
                anomaly.from.to_string().into(),
                anomaly.to.to_string().into(),
                anomaly.previous_count.into(),
                anomaly.count.into(),
                anomaly.held.into(),
                anomaly.source_key.clone().into(),
                tx.now_millis().into(),
            ]);
        }
    }
    if !rows.is_empty() {
        rows.execute(
            tx.db(),
            "INSERT INTO anomaly (id, feed_id, device_id, meter, kind, status, from_day, to_day, previous_count, count, held, \
             source_key, raised_at) ",
            " ON CONFLICT (feed_id, source_key) DO NOTHING",
        )
        .await?;
    }
    for commit in commits {
        for key in &commit.withdrawn {
            tx.db().execute_raw(statement(
                tx.db().get_database_backend(),
                "UPDATE anomaly SET status = 'REJECTED', held = 0, resolved_at = ?, note = 'A later reading showed it wrong.' \
                 WHERE feed_id = ? AND source_key = ? AND status = 'OPEN'",
                [tx.now_millis().into(), commit.feed.id.into(), key.clone().into()],
            ))
            .await?;
        }
    }
    Ok(())
}

/// A change of health takes the next number of its account, under that row's lock.
async fn write_health_changes(tx: &Tx, commits: &[&FeedCommit]) -> Result<(), StoreError> {
    for commit in sorted_by(commits, |commit| commit.account_id) {
        let Some(before) = commit.feed.health_before else { continue };
        let after = commit.feed.health;
        let subject = HealthSubject::Feed(commit.feed.id);
        health::append(tx, commit.account_id, subject, before, after.status, after.reason).await?;
    }
    Ok(())
}

async fn update_collections(tx: &Tx, commits: &[&FeedCommit], posted: &BTreeMap<Uuid, Posted>) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "text", "text", "integer", "integer", "bigint", "bigint", "bigint", "text", "bigint", "bigint", "bigint",
        "bigint",
    ]);
    for commit in sorted_by(commits, |commit| commit.collection.id) {
        let collection = &commit.collection;
        let Posted { pages, standard } = posted.get(&collection.id).copied().unwrap_or_default();
        rows.push([
            collection.id.into(),
            collection.status.as_str().into(),
            day(collection.saved_through),
            collection.device_count.into(),
            collection.attempts.into(),
            collection.next_attempt_at.map(|at| at.timestamp_millis()).into(),
            collection.started_at.map(|at| at.timestamp_millis()).into(),
            collection.finished_at.map(|at| at.timestamp_millis()).into(),
            collection.error.map(FailureReason::as_str).into(),
            pages.small.into(),
            pages.large.into(),
            pages.duplex.into(),
            standard.0.into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.execute(tx.db(),
        "WITH v(id, status, saved_through, device_count, attempts, next_attempt_at, started_at, finished_at, error_reason, small, \
         large, duplex, standard) AS (",
        ") UPDATE collection SET status = v.status, saved_through = v.saved_through, device_count = v.device_count, \
         attempts = v.attempts, next_attempt_at = v.next_attempt_at, started_at = v.started_at, finished_at = v.finished_at, \
         error_reason = v.error_reason, small = collection.small + v.small, large = collection.large + v.large, \
         duplex = collection.duplex + v.duplex, standard = collection.standard + v.standard FROM v WHERE collection.id = v.id",
    )
    .await?;
    Ok(())
}

/// Moves the runs on, and gives those that `cancelSync` asked to stop.
async fn update_runs(tx: &Tx, commits: &[&FeedCommit], posted: &BTreeMap<Uuid, Posted>) -> Result<Vec<Uuid>, StoreError> {
    let mut rows = Rows::new(&["uuid", "integer", "integer", "integer", "bigint", "uuid"]);
    for commit in sorted_by(commits, |commit| commit.run_id) {
        let pages = posted.get(&commit.collection.id).copied().unwrap_or_default().pages;
        rows.push([
            commit.run_id.into(),
            commit.progress.feeds_done.into(),
            commit.progress.feeds_failed.into(),
            commit.progress.days_done.into(),
            (pages.small + pages.large).into(),
            commit.progress.current_feed.into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found = rows
        .query(tx.db(),
            "WITH v(id, feeds_done, feeds_failed, days_done, pages, current_feed_id) AS (",
            ") UPDATE sync_run SET progress_seq = sync_run.progress_seq + 1, crashes = 0, \
             feeds_done = sync_run.feeds_done + v.feeds_done, feeds_failed = sync_run.feeds_failed + v.feeds_failed, \
             days_done = sync_run.days_done + v.days_done, pages = sync_run.pages + v.pages, current_feed_id = v.current_feed_id \
             FROM v WHERE sync_run.id = v.id RETURNING sync_run.id, sync_run.cancel_requested",
        )
        .await?;
    let mut cancelled = Vec::new();
    for row in found {
        if row.try_get_by_index(1)? {
            cancelled.push(row.try_get_by_index(0)?);
        }
    }
    Ok(cancelled)
}

fn sorted_by<'a, K: Ord>(commits: &[&'a FeedCommit], key: impl Fn(&FeedCommit) -> K) -> Vec<&'a FeedCommit> {
    let mut sorted = commits.to_vec();
    sorted.sort_unstable_by_key(|commit| key(commit));
    sorted
}

pub(super) fn day(day: Option<NaiveDate>) -> Value {
    day.map(|day| day.to_string()).into()
}

pub(super) fn parse_day(text: &str) -> Result<NaiveDate, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("day"))
}
