//! One transaction of waiting commits: one statement per table, rows in key order (so that two groups cannot wait for each other).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait as _, Value};

use super::{
    Committed, FeedCommit, NewEntry, PeriodDayRow, devices,
    sql::{Rows, statement},
};
use crate::{
    domain::{
        calendar::Month,
        health::HealthSubject,
        pages::{Methodology, Pages, StandardPages},
    },
    id::Uuid,
    store::{Source as _, StoreError, Tx, feed, health},
};

/// Writes what of `commits` still may be written; the answers are in the order of `commits`.
pub(super) async fn apply(tx: &Tx, commits: &[FeedCommit]) -> Result<Vec<Committed>, StoreError> {
    let servers = lock_servers(tx, commits).await?;
    let mut held: Vec<&FeedCommit> = commits
        .iter()
        .filter(|commit| servers.get(&commit.lease.server_id).is_some_and(|server| server.fence == commit.lease.fence))
        .collect();
    let kept = update_feeds(tx, &held).await?;
    held.retain(|commit| kept.contains(&commit.feed.id));

    rename_feeds(tx, &held).await?;
    let posted = post_entries(tx, &held).await?;
    devices::write(tx, &held).await?;
    write_anomalies(tx, &held).await?;
    close_days(tx, &held).await?;
    write_health_changes(tx, &held).await?;
    update_collections(tx, &held, &posted).await?;
    let cancelled = update_runs(tx, &held, &posted).await?;

    Ok(commits
        .iter()
        .map(|commit| {
            let Some(server) = servers.get(&commit.lease.server_id).filter(|server| server.fence == commit.lease.fence) else {
                return Committed::LeaseLost;
            };
            if !kept.contains(&commit.feed.id) {
                return Committed::FeedChanged;
            }
            let Posted { pages, standard } = posted.get(&commit.collection.id).copied().unwrap_or_default();
            Committed::Stored {
                pages,
                standard,
                cancel_requested: cancelled.contains(&commit.run_id),
                server_stopped: server.stopped,
            }
        })
        .collect())
}

struct ServerRow {
    fence: i64,
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
            "SELECT id, lease_fence, paused_at IS NOT NULL OR removed_at IS NOT NULL FROM server WHERE id IN (",
            lock,
        )
        .await?;
    found
        .into_iter()
        .map(|row| {
            let server = ServerRow { fence: row.try_get_by_index(1)?, stopped: row.try_get_by_index(2)? };
            Ok((row.try_get_by_index(0)?, server))
        })
        .collect()
}

/// Writes the feeds whose settings are still those they were read with, and says which.
async fn update_feeds(tx: &Tx, commits: &[&FeedCommit]) -> Result<Vec<Uuid>, StoreError> {
    let mut rows =
        Rows::new(&["uuid", "integer", "text", "boolean", "bigint", "integer", "text", "text", "bigint", "bigint", "bigint"]);
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
            feed.health.reason.map(|reason| reason.as_str()).into(),
            feed.health.checked_at.map(|at| at.timestamp_millis()).into(),
            feed.health.changed_at.map(|at| at.timestamp_millis()).into(),
            tx.now_millis().into(),
        ]);
    }
    let found = rows
        .query(tx.db(),
            "WITH v(id, version, covered_through, backfilling, last_data_at, device_count, \
             health_status, health_reason, health_checked_at, health_changed_at, updated_at) AS (",
            ") UPDATE feed SET covered_through = v.covered_through, backfilling = v.backfilling, \
             last_data_at = v.last_data_at, device_count = v.device_count, health_status = v.health_status, \
             health_reason = v.health_reason, health_checked_at = v.health_checked_at, health_changed_at = v.health_changed_at, \
             updated_at = v.updated_at \
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

impl Posted {
    fn add(&mut self, pages: Pages, standard: StandardPages) {
        self.pages = self.pages + pages;
        self.standard = self.standard + standard;
    }
}

/// Posts the entries: the sums of each feed and day first, because an entry's standard pages are the difference it makes to them;
/// then the totals of the account's months, whose rows give the numbers; then the entries.
async fn post_entries(tx: &Tx, commits: &[&FeedCommit]) -> Result<BTreeMap<Uuid, Posted>, StoreError> {
    let mut sums = add_to_feed_days(tx, commits).await?;

    let mut of_collection: BTreeMap<Uuid, Posted> = BTreeMap::new();
    let mut of_day: BTreeMap<(Uuid, NaiveDate), Posted> = BTreeMap::new();
    let mut of_month: BTreeMap<(Uuid, Month), (Posted, i64)> = BTreeMap::new();
    let mut entries: Vec<(&FeedCommit, &NewEntry, Month, StandardPages)> = Vec::new();
    for commit in commits {
        for entry in &commit.entries {
            let Some(before) = sums.get_mut(&(commit.feed.id, entry.day)) else { continue };
            let standard = Methodology::CURRENT.entry_standard(*before, entry.pages);
            *before = *before + entry.pages;
            let month = Month::of(entry.day);
            of_collection.entry(commit.collection.id).or_default().add(entry.pages, standard);
            of_day.entry((commit.account_id, entry.day)).or_default().add(entry.pages, standard);
            let (posted, count) = of_month.entry((commit.account_id, month)).or_default();
            posted.add(entry.pages, standard);
            *count += 1;
            entries.push((commit, entry, month, standard));
        }
    }
    if entries.is_empty() {
        return Ok(of_collection);
    }

    let mut numbers = add_to_account_months(tx, &of_month).await?;
    insert_entries(tx, &entries, &mut numbers).await?;
    add_to_account_days(tx, &of_day).await?;
    Ok(of_collection)
}

/// Adds the entries to the sums of their feeds and days, stores the period vendors' day states with them, and gives each sum as it
/// was *before*.
async fn add_to_feed_days(tx: &Tx, commits: &[&FeedCommit]) -> Result<BTreeMap<(Uuid, NaiveDate), Pages>, StoreError> {
    let mut added: BTreeMap<(Uuid, NaiveDate), (Pages, Option<&PeriodDayRow>)> = BTreeMap::new();
    for commit in commits {
        for entry in &commit.entries {
            let (pages, _) = added.entry((commit.feed.id, entry.day)).or_default();
            *pages = *pages + entry.pages;
        }
        for row in &commit.days {
            added.entry((commit.feed.id, row.day)).or_default().1 = Some(row);
        }
    }
    let mut rows = Rows::new(&[
        "uuid", "text", "bigint", "bigint", "bigint", "text", "bigint", "boolean", "bigint", "bigint", "bigint", "text",
    ]);
    for ((feed_id, date), (pages, state)) in &added {
        let lower = state.and_then(|row| row.state.lower);
        rows.push([
            (*feed_id).into(),
            date.to_string().into(),
            pages.small.into(),
            pages.large.into(),
            pages.duplex.into(),
            state.map(|row| row.report.as_str()).into(),
            state.map_or(0, |row| i64::from(row.state.revision)).into(),
            state.is_some_and(|row| row.open).into(),
            lower.map(|lower| lower.answer.small).into(),
            lower.map(|lower| lower.answer.large).into(),
            lower.map(|lower| lower.answer.duplex).into(),
            day(lower.map(|lower| lower.night)),
        ]);
    }
    let found = rows
        .query(
            tx.db(),
            "INSERT INTO feed_day (feed_id, day, small, large, duplex, report, revision, open, lower_small, lower_large, \
             lower_duplex, lower_night) ",
            " ON CONFLICT (feed_id, day) DO UPDATE SET small = feed_day.small + excluded.small, \
             large = feed_day.large + excluded.large, duplex = feed_day.duplex + excluded.duplex, \
             report = COALESCE(excluded.report, feed_day.report), \
             revision = CASE WHEN excluded.report IS NULL THEN feed_day.revision ELSE excluded.revision END, \
             open = CASE WHEN excluded.report IS NULL THEN feed_day.open ELSE excluded.open END, \
             lower_small = CASE WHEN excluded.report IS NULL THEN feed_day.lower_small ELSE excluded.lower_small END, \
             lower_large = CASE WHEN excluded.report IS NULL THEN feed_day.lower_large ELSE excluded.lower_large END, \
             lower_duplex = CASE WHEN excluded.report IS NULL THEN feed_day.lower_duplex ELSE excluded.lower_duplex END, \
             lower_night = CASE WHEN excluded.report IS NULL THEN feed_day.lower_night ELSE excluded.lower_night END \
             RETURNING feed_id, day, small, large, duplex",
        )
        .await?;
    found
        .into_iter()
        .map(|row| {
            let key = (row.try_get_by_index(0)?, parse_day(&row.try_get_by_index::<String>(1)?)?);
            let sum =
                Pages { small: row.try_get_by_index(2)?, large: row.try_get_by_index(3)?, duplex: row.try_get_by_index(4)? };
            let posted = added.get(&key).map(|(pages, _)| *pages).unwrap_or_default();
            Ok((key, sum - posted))
        })
        .collect()
}

/// Adds to the months' totals and takes numbers: gives each month's last number *before*.
async fn add_to_account_months(
    tx: &Tx,
    of_month: &BTreeMap<(Uuid, Month), (Posted, i64)>,
) -> Result<BTreeMap<(Uuid, Month), i64>, StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint", "bigint", "bigint", "bigint"]);
    for ((account_id, month), (posted, count)) in of_month {
        rows.push([
            (*account_id).into(),
            month.to_string().into(),
            posted.pages.small.into(),
            posted.pages.large.into(),
            posted.pages.duplex.into(),
            posted.standard.0.into(),
            (*count).into(),
        ]);
    }
    let found = rows
        .query(
            tx.db(),
            "INSERT INTO account_month (account_id, month, small, large, duplex, standard, last_number) ",
            " ON CONFLICT (account_id, month) DO UPDATE SET small = account_month.small + excluded.small, \
             large = account_month.large + excluded.large, duplex = account_month.duplex + excluded.duplex, \
             standard = account_month.standard + excluded.standard, \
             last_number = account_month.last_number + excluded.last_number RETURNING account_id, month, last_number",
        )
        .await?;
    found
        .into_iter()
        .map(|row| {
            let month: String = row.try_get_by_index(1)?;
            let month = month.parse().map_err(|_| StoreError::Corrupt("account_month.month"))?;
            let key = (row.try_get_by_index(0)?, month);
            let count = of_month.get(&key).map_or(0, |(_, count)| *count);
            Ok((key, row.try_get_by_index::<i64>(2)? - count))
        })
        .collect()
}

async fn insert_entries(
    tx: &Tx,
    entries: &[(&FeedCommit, &NewEntry, Month, StandardPages)],
    numbers: &mut BTreeMap<(Uuid, Month), i64>,
) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "uuid", "uuid", "uuid", "text", "text", "bigint", "bigint", "bigint", "bigint", "bigint", "boolean", "text",
        "text", "integer", "bigint",
    ]);
    for (commit, entry, month, standard) in entries {
        let number = numbers.entry((commit.account_id, *month)).or_default();
        *number += 1;
        rows.push([
            entry.id.into(),
            commit.account_id.into(),
            commit.feed.id.into(),
            commit.collection.id.into(),
            entry.day.to_string().into(),
            month.to_string().into(),
            (*number).into(),
            entry.pages.small.into(),
            entry.pages.large.into(),
            entry.pages.duplex.into(),
            standard.0.into(),
            entry.estimated.into(),
            entry.kind.as_str().into(),
            entry.source_key.clone().into(),
            Methodology::CURRENT.version.into(),
            tx.now_millis().into(),
        ]);
    }
    rows.execute(tx.db(),
        "INSERT INTO deposit (id, account_id, feed_id, collection_id, day, month, number, small, large, duplex, standard, estimated, \
         kind, source_key, methodology_version, created_at) ",
        "",
    )
    .await?;
    Ok(())
}

async fn add_to_account_days(tx: &Tx, of_day: &BTreeMap<(Uuid, NaiveDate), Posted>) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint", "bigint", "bigint"]);
    for ((account_id, day), posted) in of_day {
        rows.push([
            (*account_id).into(),
            day.to_string().into(),
            posted.pages.small.into(),
            posted.pages.large.into(),
            posted.pages.duplex.into(),
            posted.standard.0.into(),
        ]);
    }
    rows.execute(
        tx.db(),
        "INSERT INTO account_day (account_id, day, small, large, duplex, standard) ",
        " ON CONFLICT (account_id, day) DO UPDATE SET small = account_day.small + excluded.small, \
         large = account_day.large + excluded.large, duplex = account_day.duplex + excluded.duplex, \
         standard = account_day.standard + excluded.standard",
    )
    .await?;
    Ok(())
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
                anomaly.meter.map(|meter| meter.as_str()).into(),
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
            collection.error.map(|reason| reason.as_str()).into(),
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
