//! The books recomputed from the entries. The database does the sums and gives only what differs, for some accounts or feeds at a time,
//! so memory is bounded; each comparison is one statement, so it sees one state of the books however busy they are.

use std::collections::BTreeMap;

use coppice_entity::{account, feed};
use sea_orm::{ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder as _, QueryResult, QuerySelect as _};

use super::{
    Source as _, Store, StoreError,
    collecting::{Fleet, statement},
    consumption::{DAY, MONTH, Period},
};
use crate::{
    clock::Instant,
    domain::{
        device::MeterKind,
        pages::Pages,
        reconcile::{Book, Difference, Reconciliation},
        vendor::{VendorCapability, VendorKind},
    },
    id::Uuid,
};

/// Rows of one comparison; the rest is found when these are repaired.
const MOST: i64 = 1_000;

/// The next accounts in the order of their ids: the first and last of at most `limit`, and how many.
pub async fn accounts_after(store: &Store, after: Option<Uuid>, limit: u64) -> Result<Option<(Uuid, Uuid, i64)>, StoreError> {
    use account::Column as C;
    let mut select = account::Entity::find().select_only().column(C::Id).order_by_asc(C::Id).limit(limit);
    if let Some(after) = after {
        select = select.filter(C::Id.gt(after));
    }
    Ok(ends(&select.into_tuple::<Uuid>().all(store.db()).await?))
}

/// The next feeds in the order of their ids: the first and last of at most `limit`, and how many.
pub async fn feeds_after(store: &Store, after: Option<Uuid>, limit: u64) -> Result<Option<(Uuid, Uuid, i64)>, StoreError> {
    use feed::Column as C;
    let mut select = feed::Entity::find().select_only().column(C::Id).order_by_asc(C::Id).limit(limit);
    if let Some(after) = after {
        select = select.filter(C::Id.gt(after));
    }
    Ok(ends(&select.into_tuple::<Uuid>().all(store.db()).await?))
}

fn ends(ids: &[Uuid]) -> Option<(Uuid, Uuid, i64)> {
    Some((*ids.first()?, *ids.last()?, i64::try_from(ids.len()).ok()?))
}

/// What differs in the books of the accounts from `first` to `last`.
pub async fn account_differences(store: &Store, first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let mut found = Vec::new();
    for (book, Period { own, key, .. }) in [(Book::AccountDay, DAY), (Book::AccountMonth, MONTH)] {
        found.extend(sums(store, book, ("account_id", own, key), true, first, last).await?);
    }
    found.extend(certified(store, first, last).await?);
    found.extend(days_below(store, first, last).await?);
    for sums in MONTH.sums.chunks(4) {
        found.extend(months_below(store, sums, first, last).await?);
    }
    let sql = "SELECT account_id, month, CAST(SUM(entries) AS BIGINT), MAX(number), MAX(last_number) FROM ( \
         SELECT account_id, month, 1 AS entries, number, 0 AS last_number FROM deposit WHERE account_id >= ? AND account_id <= ? \
         UNION ALL SELECT account_id, month, 0, 0, last_number FROM account_month WHERE account_id >= ? AND account_id <= ?) AS books \
         GROUP BY account_id, month \
         HAVING SUM(entries) <> MAX(number) OR MAX(number) <> MAX(last_number) ORDER BY account_id, month LIMIT ?";
    let values = [first.into(), last.into(), first.into(), last.into(), MOST.into()];
    for row in store.db().query_all_raw(statement(store.dialect(), sql, values)).await? {
        let (entries, number): (i64, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        let last: i64 = row.try_get_by_index(4)?;
        found.push(Difference {
            book: Book::Numbers.to_string(),
            subject: row.try_get_by_index(0)?,
            key: row.try_get_by_index(1)?,
            pages: Pages::ZERO,
            standard: if entries == number { number - last } else { entries - number },
            repaired: false,
        });
    }
    Ok(found)
}

/// What differs in the books of the feeds from `first` to `last`.
pub async fn feed_differences(store: &Store, first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let mut found = sums(store, Book::FeedDay, ("feed_id", "feed_day", "day"), false, first, last).await?;
    found.extend(segments(store, first, last).await?);
    Ok(found)
}

/// The entries' sums less those of a table of totals, where they differ.
async fn sums(
    store: &Store,
    book: Book,
    (subject, table, key): (&str, &str, &str),
    has_standard: bool,
    first: Uuid,
    last: Uuid,
) -> Result<Vec<Difference>, StoreError> {
    let (standard, minus) = if has_standard { ("standard", "-standard") } else { ("0", "0") };
    let entries = format!(
        "SELECT {subject} AS subject, {key} AS place, small, large, duplex, {standard} AS standard FROM deposit \
         WHERE {subject} >= ? AND {subject} <= ?"
    );
    let totals = format!(
        "SELECT {subject}, {key}, -small, -large, -duplex, {minus} FROM {table} WHERE {subject} >= ? AND {subject} <= ?"
    );
    differing(store, book, &entries, &totals, first, last).await
}

/// The entries that were carried up, each with an account above its own.
const CARRIED: &str = "FROM account_closure c JOIN deposit d ON d.account_id = c.descendant_id WHERE c.depth > 0 \
     AND (d.tx, d.seq) <= ((SELECT tx FROM carried_through), (SELECT seq FROM carried_through))";

/// What the entries that were carried up come to, less the days below accounts.
async fn days_below(store: &Store, first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let carried = format!(
        "SELECT c.ancestor_id AS subject, d.day AS place, d.small, d.large, d.duplex, d.standard {CARRIED} \
         AND c.ancestor_id >= ? AND c.ancestor_id <= ?"
    );
    let kept = "SELECT account_id, day, -small, -large, -duplex, -standard FROM account_day_below \
         WHERE account_id >= ? AND account_id <= ?";
    differing(store, Book::AccountDayBelow, &carried, kept, first, last).await
}

/// What the months below accounts say was carried up, less what was, of four sums.
async fn months_below(store: &Store, sums: &[&str], first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let columns = |before: &str| {
        let columns = sums.iter().zip(["small", "large", "duplex", "standard"]);
        columns.map(|(sum, name)| format!("{before}{sum} AS {name}")).collect::<Vec<_>>().join(", ")
    };
    let carried = format!(
        "SELECT c.ancestor_id AS subject, m.month AS place, {} FROM account_closure c JOIN account_month m \
         ON m.account_id = c.descendant_id WHERE c.depth > 0 AND c.ancestor_id >= ? AND c.ancestor_id <= ?",
        columns("m.carried_"),
    );
    let kept = format!(
        "SELECT account_id, month, {} FROM account_month_below WHERE account_id >= ? AND account_id <= ?",
        columns("-")
    );
    differing(store, Book::AccountMonthBelow, &carried, &kept, first, last).await
}

/// What each certificate covers, void or not, less what it says; and what those in force say less what the months say is certified.
async fn certified(store: &Store, first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let covered = "SELECT certificate.account_id AS subject, certificate.number AS place, deposit.small, deposit.large, \
         deposit.duplex, deposit.standard FROM certificate \
         JOIN certificate_range ON certificate_range.certificate_id = certificate.id \
         JOIN deposit ON deposit.account_id = certificate_range.account_id AND deposit.month = certificate_range.month \
         AND deposit.number >= certificate_range.first_number AND deposit.number <= certificate_range.last_number \
         WHERE certificate.account_id >= ? AND certificate.account_id <= ?";
    let said = "SELECT account_id, number, -small, -large, -duplex, -standard FROM certificate \
         WHERE account_id >= ? AND account_id <= ?";
    let mut found = differing(store, Book::Certificate, covered, said, first, last).await?;
    let in_force = "SELECT account_id AS subject, month AS place, small, large, duplex, standard FROM certificate \
         WHERE account_id >= ? AND account_id <= ? \
         AND NOT EXISTS (SELECT 1 FROM certificate_void WHERE certificate_void.certificate_id = certificate.id)";
    let kept = "SELECT account_id, month, -certified_small, -certified_large, -certified_duplex, -certified_standard \
         FROM account_month WHERE account_id >= ? AND account_id <= ?";
    found.extend(differing(store, Book::Certified, in_force, kept, first, last).await?);
    Ok(found)
}

/// Where the sums of two selections of `subject, place, small, large, duplex, standard`, the second with its signs turned, are not zero.
async fn differing(
    store: &Store,
    book: Book,
    these: &str,
    those: &str,
    first: Uuid,
    last: Uuid,
) -> Result<Vec<Difference>, StoreError> {
    let sql = format!(
        "SELECT subject, place, CAST(SUM(small) AS BIGINT), CAST(SUM(large) AS BIGINT), CAST(SUM(duplex) AS BIGINT), \
         CAST(SUM(standard) AS BIGINT) FROM ({these} UNION ALL {those}) AS books GROUP BY subject, place \
         HAVING SUM(small) <> 0 OR SUM(large) <> 0 OR SUM(duplex) <> 0 OR SUM(standard) <> 0 ORDER BY subject, place LIMIT ?"
    );
    let values = [first.into(), last.into(), first.into(), last.into(), MOST.into()];
    let rows = store.db().query_all_raw(statement(store.dialect(), &sql, values)).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Difference {
                book: book.to_string(),
                subject: row.try_get_by_index(0)?,
                key: row.try_get_by_index(1)?,
                pages: pages(&row, 2)?,
                standard: row.try_get_by_index(5)?,
                repaired: false,
            })
        })
        .collect()
}

fn pages(row: &QueryResult, first: usize) -> Result<Pages, StoreError> {
    let number = |index| row.try_get_by_index::<Option<i64>>(index).map(Option::unwrap_or_default);
    Ok(Pages { small: number(first)?, large: number(first + 1)?, duplex: number(first + 2)? })
}

/// What is known of a feed with devices.
#[derive(Default)]
struct Feed {
    posted: Pages,
    /// By the anomalies.
    held: Pages,
    /// By the devices.
    suspense: Pages,
    life: Pages,
}

/// Compares entries and suspense with segments, and the suspense of anomalies with that of devices.
async fn segments(store: &Store, first: Uuid, last: Uuid) -> Result<Vec<Difference>, StoreError> {
    let vendors: Vec<String> = VendorKind::ALL
        .iter()
        .filter(|vendor| vendor.can(VendorCapability::Devices))
        .map(|vendor| format!("'{vendor}'"))
        .collect();
    let sql = format!(
        "WITH chosen AS (SELECT feed.id FROM feed JOIN server ON server.id = feed.server_id \
         WHERE feed.id >= ? AND feed.id <= ? AND server.vendor IN ({})) \
         SELECT feed_id, 'POSTED', CAST(SUM(small) AS BIGINT), CAST(SUM(large) AS BIGINT), CAST(SUM(duplex) AS BIGINT), '' \
         FROM deposit WHERE feed_id IN (SELECT id FROM chosen) GROUP BY feed_id \
         UNION ALL SELECT feed_id, 'HELD', CAST(SUM(CASE meter WHEN 'SMALL' THEN held ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE meter WHEN 'LARGE' THEN held ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE meter WHEN 'DUPLEX' THEN held ELSE 0 END) AS BIGINT), '' \
         FROM anomaly WHERE status = 'OPEN' AND feed_id IN (SELECT id FROM chosen) GROUP BY feed_id \
         UNION ALL SELECT feed_id, 'FLEET', 0, 0, 0, devices FROM fleet WHERE feed_id IN (SELECT id FROM chosen) \
         UNION ALL SELECT feed_id, 'FLEET', 0, 0, 0, devices FROM earlier_fleet WHERE feed_id IN (SELECT id FROM chosen)",
        vendors.join(",")
    );
    let mut feeds: BTreeMap<Uuid, Feed> = BTreeMap::new();
    for row in store.db().query_all_raw(statement(store.dialect(), &sql, [first.into(), last.into()])).await? {
        let feed = feeds.entry(row.try_get_by_index(0)?).or_default();
        let kind: String = row.try_get_by_index(1)?;
        match kind.as_str() {
            "POSTED" => feed.posted += pages(&row, 2)?,
            "HELD" => feed.held += pages(&row, 2)?,
            _ => {
                for device in Fleet::unpack(&row.try_get_by_index::<String>(5)?)? {
                    feed.life += device.state.life();
                    feed.suspense += device.state.suspense();
                }
            }
        }
    }
    let mut found = Vec::new();
    for (subject, feed) in feeds {
        for (book, pages) in
            [(Book::Segments, feed.posted + feed.suspense - feed.life), (Book::Suspense, feed.held - feed.suspense)]
        {
            if MeterKind::ALL.iter().any(|meter| pages.get(*meter) != 0) {
                let book = book.to_string();
                found.push(Difference { book, subject, key: String::new(), pages, standard: 0, repaired: false });
            }
        }
    }
    Ok(found)
}

/// Writes a derived total anew from the entries, under the lock that everyone who posts takes; `false` for what is not derived.
pub async fn repair(store: &Store, difference: &Difference) -> Result<bool, StoreError> {
    let (subject, key) = (difference.subject, difference.key.as_str());
    let Some(book) = difference.book().filter(|book| book.is_derived()) else { return Ok(false) };
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let lock = if store.is_sqlite() { "" } else { " FOR UPDATE" };
            let of_month = |month: &str| {
                let text = format!("SELECT account_id FROM account_month WHERE account_id = ? AND month = ?{lock}");
                (text, vec![subject.into(), month.into()])
            };
            let ((locked, values), rebuilt) = match book {
                Book::FeedDay => (
                    (format!("SELECT id FROM feed WHERE id = ?{lock}"), vec![subject.into()]),
                    rebuilt(("feed_id", "feed_day", "day"), &["small", "large", "duplex"]),
                ),
                Book::AccountDay => (of_month(key.get(..7).unwrap_or_default()), rebuilt_own(&DAY)),
                // Whoever carries up waits here, or has committed what it says was carried.
                Book::AccountDayBelow => ((format!("SELECT tx FROM carried_through{lock}"), Vec::new()), rebuilt_day_below()),
                Book::AccountMonthBelow => (
                    (
                        "INSERT INTO account_month_below (account_id, month) VALUES (?, ?) \
                         ON CONFLICT (account_id, month) DO UPDATE SET month = excluded.month"
                            .to_owned(),
                        vec![subject.into(), key.into()],
                    ),
                    rebuilt_month_below(),
                ),
                _ => (of_month(key), rebuilt_own(&MONTH)),
            };
            tx.query_one_raw(statement(backend, &locked, values)).await?;
            let rebuilt = if store.is_sqlite() { rebuilt } else { typed(&rebuilt) };
            tx.execute_raw(statement(backend, &rebuilt, [subject.into(), key.into(), subject.into(), key.into()])).await?;
            Ok(true)
        })
        .await
}

/// The sums of a subject's period, from its entries.
fn rebuilt((subject, table, key): (&str, &str, &str), sums: &[&str]) -> String {
    let columns = |of: fn(&str) -> String| sums.iter().copied().map(of).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO {table} ({subject}, {key}, {}) SELECT ?, ?, {} FROM deposit WHERE {subject} = ? AND {key} = ? \
         ON CONFLICT ({subject}, {key}) DO UPDATE SET {}",
        sums.join(", "),
        columns(|sum| format!("COALESCE(SUM({sum}), 0)")),
        columns(|sum| format!("{sum} = excluded.{sum}")),
    )
}

/// The sums of an account's own entries; those on certificates are no sums of entries.
fn rebuilt_own(Period { own, key, .. }: &Period) -> String {
    rebuilt(("account_id", own, key), DAY.sums)
}

/// The sums of a month below an account, from what those below say was carried up.
fn rebuilt_month_below() -> String {
    format!(
        "INSERT INTO account_month_below (account_id, month, {}) SELECT ?, ?, {} \
         FROM account_closure c JOIN account_month m ON m.account_id = c.descendant_id \
         WHERE c.depth > 0 AND c.ancestor_id = ? AND m.month = ? ON CONFLICT (account_id, month) DO UPDATE SET {}",
        MONTH.sums.join(", "),
        MONTH.columns(|sum| format!("COALESCE(SUM(m.carried_{sum}), 0)")),
        MONTH.columns(|sum| format!("{sum} = excluded.{sum}")),
    )
}

/// The sums of a day below an account, from the entries that were carried up.
fn rebuilt_day_below() -> String {
    format!(
        "INSERT INTO account_day_below (account_id, day, {}) SELECT ?, ?, {} {CARRIED} AND c.ancestor_id = ? AND d.day = ? \
         ON CONFLICT (account_id, day) DO UPDATE SET {}",
        DAY.sums.join(", "),
        DAY.columns(|sum| format!("COALESCE(SUM(d.{sum}), 0)")),
        DAY.columns(|sum| format!("{sum} = excluded.{sum}")),
    )
}

/// PostgreSQL cannot tell the types of a bare parameter in a select list.
fn typed(sql: &str) -> String {
    sql.replacen("SELECT ?, ?,", "SELECT CAST(? AS UUID), CAST(? AS TEXT),", 1)
}

/// Keeps a report.
pub async fn keep(store: &Store, report: &Reconciliation) -> Result<(), StoreError> {
    let shown = serde_json::to_string(&report.differences).map_err(|_| StoreError::Corrupt("reconciliation.differences"))?;
    let shown = shown.as_str();
    store
        .write(|tx| async move {
            tx.execute_raw(statement(
                tx.get_database_backend(),
                "INSERT INTO reconciliation (id, started_at, finished_at, accounts, feeds, found, repaired, differences) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    report.id.into(),
                    report.started_at.timestamp_millis().into(),
                    report.finished_at.timestamp_millis().into(),
                    report.accounts.into(),
                    report.feeds.into(),
                    report.found.into(),
                    report.repaired.into(),
                    shown.into(),
                ],
            ))
            .await?;
            Ok(())
        })
        .await
}

/// Deletes what has been kept long enough: ended runs with their collections, `limit` at a time, and reports. Gives how many runs.
pub async fn forget_runs(store: &Store, before: Instant, limit: i64) -> Result<u64, StoreError> {
    let before = before.timestamp_millis();
    store
        .write(|tx| async move {
            let backend = tx.get_database_backend();
            let old = "SELECT id FROM sync_run WHERE finished_at < ? ORDER BY finished_at, id LIMIT ?";
            let of_old = format!("DELETE FROM collection WHERE run_id IN ({old})");
            tx.execute_raw(statement(backend, &of_old, [before.into(), limit.into()])).await?;
            let runs = format!("DELETE FROM sync_run WHERE id IN ({old})");
            let runs = tx.execute_raw(statement(backend, &runs, [before.into(), limit.into()])).await?.rows_affected();
            tx.execute_raw(statement(backend, "DELETE FROM reconciliation WHERE finished_at < ?", [before.into()])).await?;
            Ok(runs)
        })
        .await
}
