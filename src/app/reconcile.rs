//! Reconciliation: every night, and by `coppice reconcile`. All totals and invariants are recomputed from the entries, some accounts and
//! feeds at a time; what differs is reported, and derived totals are written anew.

use super::{App, AppError};
use crate::{
    clock::SharedClock,
    domain::reconcile::{Difference, MAX_SHOWN, Reconciliation},
    id::SharedIds,
    store::{Store, StoreError, reconcile},
};

/// Accounts compared at a time.
const ACCOUNTS: u64 = 200;
/// Feeds compared at a time.
const FEEDS: u64 = 100;

impl App {
    /// Recomputes all books now, for the operator.
    pub async fn reconcile(&self, repair: bool) -> Result<Reconciliation, AppError> {
        Ok(reconcile_all(&self.parts.store, &self.parts.clock, &self.parts.ids, repair).await?)
    }
}

/// Recomputes all books, keeps the report and logs what differs.
pub(super) async fn reconcile_all(
    store: &Store,
    clock: &SharedClock,
    ids: &SharedIds,
    repair: bool,
) -> Result<Reconciliation, StoreError> {
    let started_at = clock.now();
    let mut report = Reconciliation {
        id: ids.uuid(started_at),
        started_at,
        finished_at: started_at,
        accounts: 0,
        feeds: 0,
        found: 0,
        repaired: 0,
        differences: Vec::new(),
    };
    // Feeds first: what their entries come to is what accounts' totals are made of.
    let mut after = None;
    while let Some((first, last, count)) = reconcile::feeds_after(store, after, FEEDS).await? {
        report.feeds += count;
        note(store, &mut report, reconcile::feed_differences(store, first, last).await?, repair).await?;
        after = Some(last);
    }
    let mut after = None;
    while let Some((first, last, count)) = reconcile::accounts_after(store, after, ACCOUNTS).await? {
        report.accounts += count;
        note(store, &mut report, reconcile::account_differences(store, first, last).await?, repair).await?;
        after = Some(last);
    }
    report.finished_at = clock.now();
    reconcile::keep(store, &report).await?;
    let (accounts, feeds, found, repaired) = (report.accounts, report.feeds, report.found, report.repaired);
    let took_ms = (report.finished_at - started_at).num_milliseconds();
    if found == 0 {
        tracing::info!(
            reconcile.accounts = accounts,
            reconcile.feeds = feeds,
            reconcile.differences = found,
            reconcile.took_ms = took_ms,
            "the books agree"
        );
    } else {
        tracing::error!(
            reconcile.accounts = accounts,
            reconcile.feeds = feeds,
            reconcile.differences = found,
            reconcile.repaired = repaired,
            reconcile.took_ms = took_ms,
            "the books do not agree; `coppice reconcile` shows where"
        );
    }
    Ok(report)
}

async fn note(store: &Store, report: &mut Reconciliation, found: Vec<Difference>, repair: bool) -> Result<(), StoreError> {
    for mut difference in found {
        difference.repaired = repair && reconcile::repair(store, &difference).await?;
        report.found += 1;
        report.repaired += i64::from(difference.repaired);
        tracing::warn!(
            reconcile.book = %difference.book,
            reconcile.subject = %difference.subject,
            reconcile.key = %difference.key,
            reconcile.pages = ?difference.pages,
            reconcile.standard = difference.standard,
            reconcile.repaired = difference.repaired,
            "a total does not agree with what it is made of"
        );
        if report.differences.len() < MAX_SHOWN {
            report.differences.push(difference);
        }
    }
    Ok(())
}
