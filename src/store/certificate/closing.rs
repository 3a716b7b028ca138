//! Closing months: one transaction takes many accounts of one month, each under the lock of its (account, month) row, and writes what they
//! have pending on a certificate.
//!
//! - Posting an entry takes the same lock for its number. So an entry that is committed before a month's row is locked is on this
//!   certificate, and one after it on the next; never on both, never on none.
//! - What is certified is summed up from the ledger itself and compared with the sums kept beside it: where they differ, nothing is issued.
//! - Certified sums, ranges, certificate and deliveries are one transaction, so a process killed here leaves whole certificates only, and
//!   what is done is not pending any more when closing begins again.
//! - Rows are locked in key order, as posting does.

use std::collections::{BTreeMap, HashMap};

use coppice_entity::account;
use sea_orm::{ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, QueryFilter, QuerySelect, Value};

use super::promise;
use crate::{
    domain::{
        calendar::Month,
        certificate::{Certificate, EntryRange, VerificationCode, allocate, certificate_number, uncovered},
        pages::{Methodology, Pages, StandardPages},
        project::Project,
    },
    failpoint::{self, Point},
    id::{IdSource, Uuid},
    store::{
        Source as _, Store, StoreError, Tx,
        collecting::sql::{Rows, statement},
        project,
    },
};

/// A zone, by its name, and whether its accounts' month is closed whatever is missing.
pub type ZonePhase = (&'static str, bool);

/// Which months of which accounts to close.
#[derive(Debug, Clone)]
pub struct Due<'a> {
    /// The month.
    pub month: Month,
    /// The zones in which it may be closed.
    pub zones: &'a [ZonePhase],
    /// Only this account and those below it.
    pub top: Option<Uuid>,
    /// Feeds registered at this instant or later that read their past days are waited for, even when nothing else is.
    pub registered_since: crate::clock::Instant,
}

/// What one transaction came to.
#[derive(Debug, Default)]
pub struct Closed {
    /// The certificates issued.
    pub issued: Vec<Certificate>,
    /// Accounts whose certificate would have no project: nothing was issued.
    pub without_project: Vec<Uuid>,
    /// Accounts whose kept sums are not those of their entries: nothing was issued.
    pub mismatched: Vec<Uuid>,
}

/// What a certificate is made with.
pub struct Press<'a> {
    /// Makes keys and codes.
    pub ids: &'a IdSource,
    /// Signs a certificate's content.
    pub sign: &'a (dyn Fn(&Certificate) -> Option<String> + Sync),
    /// Whether its recipients are to get it by e-mail.
    pub deliver: bool,
}

/// The zones of all accounts.
pub async fn zones(store: &Store) -> Result<Vec<String>, StoreError> {
    let rows = store.db.query_all_raw(statement(store.dialect(), "SELECT DISTINCT time_zone FROM account", [])).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// The months up to `last` in which any account has pages pending, the oldest first.
pub async fn pending_months(store: &Store, last: Month) -> Result<Vec<Month>, StoreError> {
    let text = "SELECT DISTINCT month FROM account_month WHERE standard > certified_standard AND month <= ? ORDER BY month";
    let rows = store.db.query_all_raw(statement(store.dialect(), text, [last.to_string().into()])).await?;
    rows.iter()
        .map(|row| row.try_get_by_index::<String>(0)?.parse().map_err(|_| StoreError::Corrupt("account_month.month")))
        .collect()
}

/// Up to `limit` accounts, in key order, whose month is to be closed: active ones with more pages than are certified, and no
/// feed that still has days of the month to read (unless their zone closes it whatever is missing).
pub async fn due(store: &Store, due: &Due<'_>, limit: u64) -> Result<Vec<Uuid>, StoreError> {
    if due.zones.is_empty() {
        return Ok(Vec::new());
    }
    let (first, last) = (due.month.first_day().to_string(), due.month.last_day().to_string());
    let mut values: Vec<Value> = Vec::new();
    for (zone, latest) in due.zones {
        values.extend([Value::from(*zone), (*latest).into()]);
    }
    let zones = vec!["(CAST(? AS TEXT), CAST(? AS BOOLEAN))"; due.zones.len()].join(",");
    values.push(due.month.to_string().into());
    let below = if let Some(top) = due.top {
        values.push(top.into());
        "AND m.account_id IN (SELECT descendant_id FROM account_closure WHERE ancestor_id = ?)"
    } else {
        ""
    };
    let day_before = match store.dialect() {
        DbBackend::Postgres => "to_char(p.from_day::date - 1, 'YYYY-MM-DD')",
        _ => "date(p.from_day, '-1 day')",
    };
    let text = format!(
        "WITH z(name, latest) AS (VALUES {zones}) \
         SELECT m.account_id FROM account_month m JOIN account a ON a.id = m.account_id JOIN z ON z.name = a.time_zone \
         WHERE m.month = ? AND m.standard > m.certified_standard AND a.status = 'ACTIVE' {below} \
         AND NOT EXISTS (SELECT 1 FROM feed f WHERE f.account_id = m.account_id AND f.ended_at IS NULL \
             AND f.activation_date <= ? AND (\
                 ((f.covered_through IS NULL OR f.covered_through < ?) \
                     AND (NOT z.latest OR (f.backfilling AND f.created_at >= ?)) \
                     AND NOT EXISTS (SELECT 1 FROM feed_pause p WHERE p.feed_id = f.id \
                         AND (p.to_day IS NULL OR p.to_day >= ?) \
                         AND (p.from_day <= ? OR p.from_day <= f.activation_date OR {day_before} <= f.covered_through))) \
                 OR (NOT z.latest AND EXISTS (SELECT 1 FROM feed_day d WHERE d.feed_id = f.id AND d.open \
                     AND d.day BETWEEN ? AND ?)))) \
         ORDER BY m.account_id LIMIT ?"
    );
    values.extend([
        last.clone().into(),
        last.clone().into(),
        due.registered_since.timestamp_millis().into(),
        last.clone().into(),
        first.clone().into(),
        first.into(),
        last.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ]);
    let rows = store.db.query_all_raw(statement(store.dialect(), &text, values)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// An (account, month) row under its lock, and what it has pending.
struct Pending {
    account_id: Uuid,
    /// By the sums kept beside the ledger.
    kept: Sum,
    last_number: i64,
    certificates: i32,
    ranges: Vec<EntryRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    pages: Pages,
    standard: StandardPages,
}

/// Issues certificates over what `accounts` have pending in `month`.
pub async fn close(tx: &Tx, month: Month, accounts: &[Uuid], press: &Press<'_>) -> Result<Closed, StoreError> {
    let mut pending = lock(tx, month, accounts).await?;
    if pending.is_empty() {
        return Ok(Closed::default());
    }
    failpoint::at(Point::CloseLocked);
    let mut covered = live_ranges(tx, month, &pending).await?;
    for row in &mut pending {
        row.ranges = uncovered(row.last_number, covered.remove(&row.account_id).unwrap_or_default());
    }
    let sums = sum_entries(tx, month, &pending).await?;
    let ids: Vec<Uuid> = pending.iter().map(|row| row.account_id).collect();
    let holders = holders(tx, &ids).await?;
    let projects = Projects::read(tx, &ids).await?;

    let mut closed = Closed::default();
    let mut ready: Vec<(Pending, String, Vec<&Project>)> = Vec::with_capacity(pending.len());
    for row in pending {
        let (account, sum) = (row.account_id, sums.get(&row.account_id).copied().unwrap_or_default());
        let (Some(holder), projects) = (holders.get(&account), projects.of(account)) else { continue };
        if sum != row.kept {
            closed.mismatched.push(account);
        } else if projects.is_empty() {
            closed.without_project.push(account);
        } else {
            ready.push((row, holder.clone(), projects));
        }
    }
    if ready.is_empty() {
        return Ok(closed);
    }
    let first = take_numbers(tx, month, ready.len()).await?;
    failpoint::at(Point::CloseNumbered);
    let methodology = Methodology::CURRENT;
    let mut ranges = Vec::with_capacity(ready.len());
    for ((row, holder, projects), nth) in ready.into_iter().zip(first..) {
        let mut certificate = Certificate {
            id: press.ids.uuid(tx.now()),
            number: certificate_number(month, nth),
            code: VerificationCode::generate(press.ids),
            account_id: row.account_id,
            month,
            sequence: row.certificates + 1,
            holder,
            pages: row.kept.pages,
            standard: row.kept.standard,
            methodology_version: methodology.version,
            allocations: allocate(row.kept.standard, methodology, &projects),
            jws: String::new(),
            issued_at: tx.now(),
            voided: None,
            updated_at: tx.now(),
        };
        certificate.jws = (press.sign)(&certificate).ok_or(StoreError::Corrupt("certificate_key"))?;
        ranges.push(row.ranges);
        closed.issued.push(certificate);
    }
    insert_certificates(tx, &closed.issued).await?;
    insert_ranges(tx, &closed.issued, &ranges).await?;
    insert_allocations(tx, &closed.issued).await?;
    add_certified(tx, &closed.issued).await?;
    promise(tx, &closed.issued, 1).await?;
    if press.deliver {
        queue_deliveries(tx, &closed.issued).await?;
    }
    Ok(closed)
}

fn keyed(month: Month, accounts: impl Iterator<Item = Uuid>) -> Rows {
    let mut rows = Rows::new(&["uuid", "text"]);
    for account in accounts {
        rows.push([account.into(), month.to_string().into()]);
    }
    rows
}

/// Locks the rows that have pages pending, in key order.
async fn lock(tx: &Tx, month: Month, accounts: &[Uuid]) -> Result<Vec<Pending>, StoreError> {
    let mut accounts = accounts.to_vec();
    accounts.sort_unstable();
    accounts.dedup();
    let tail = ") SELECT m.account_id, m.small - m.certified_small, m.large - m.certified_large, \
         m.duplex - m.certified_duplex, m.standard - m.certified_standard, m.last_number, m.certificates \
         FROM v CROSS JOIN account_month m WHERE m.account_id = v.account_id AND m.month = v.month \
         AND m.standard > m.certified_standard ORDER BY m.account_id";
    let tail =
        if tx.get_database_backend() == DbBackend::Postgres { format!("{tail} FOR UPDATE OF m") } else { tail.to_owned() };
    let rows = keyed(month, accounts.into_iter());
    let found = rows.query(tx.db(), "WITH v(account_id, month) AS (", &tail).await?;
    found
        .iter()
        .map(|row| {
            Ok(Pending {
                account_id: row.try_get_by_index(0)?,
                kept: Sum {
                    pages: Pages {
                        small: row.try_get_by_index(1)?,
                        large: row.try_get_by_index(2)?,
                        duplex: row.try_get_by_index(3)?,
                    },
                    standard: StandardPages(row.try_get_by_index(4)?),
                },
                last_number: row.try_get_by_index(5)?,
                certificates: row.try_get_by_index(6)?,
                ranges: Vec::new(),
            })
        })
        .collect()
}

/// The ranges of certificates in force, by account.
async fn live_ranges(tx: &Tx, month: Month, pending: &[Pending]) -> Result<HashMap<Uuid, Vec<EntryRange>>, StoreError> {
    let rows = keyed(month, pending.iter().filter(|row| row.certificates > 0).map(|row| row.account_id));
    let found = rows
        .query(
            tx.db(),
            "WITH v(account_id, month) AS (",
            ") SELECT r.account_id, r.first_number, r.last_number FROM v CROSS JOIN certificate_range r \
             WHERE r.account_id = v.account_id AND r.month = v.month \
             AND NOT EXISTS (SELECT 1 FROM certificate_void x WHERE x.certificate_id = r.certificate_id)",
        )
        .await?;
    let mut all: HashMap<Uuid, Vec<EntryRange>> = HashMap::new();
    for row in found {
        let range = EntryRange { first: row.try_get_by_index(1)?, last: row.try_get_by_index(2)? };
        all.entry(row.try_get_by_index(0)?).or_default().push(range);
    }
    Ok(all)
}

/// The sums of the entries themselves, over the ranges to be certified.
async fn sum_entries(tx: &Tx, month: Month, pending: &[Pending]) -> Result<HashMap<Uuid, Sum>, StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint"]);
    for row in pending {
        for range in &row.ranges {
            rows.push([row.account_id.into(), month.to_string().into(), range.first.into(), range.last.into()]);
        }
    }
    // Ranges of one account may be cut apart by the size of a statement, so sums are added up here.
    let found = rows
        .query(
            tx.db(),
            "WITH v(account_id, month, first_number, last_number) AS (",
            ") SELECT d.account_id, CAST(sum(d.small) AS BIGINT), CAST(sum(d.large) AS BIGINT), \
             CAST(sum(d.duplex) AS BIGINT), CAST(sum(d.standard) AS BIGINT) FROM v CROSS JOIN deposit d \
             WHERE d.account_id = v.account_id AND d.month = v.month AND d.number BETWEEN v.first_number AND v.last_number \
             GROUP BY d.account_id",
        )
        .await?;
    let mut sums: HashMap<Uuid, Sum> = HashMap::new();
    for row in found {
        let sum = sums.entry(row.try_get_by_index(0)?).or_default();
        sum.pages +=
            Pages { small: row.try_get_by_index(1)?, large: row.try_get_by_index(2)?, duplex: row.try_get_by_index(3)? };
        sum.standard += StandardPages(row.try_get_by_index(4)?);
    }
    Ok(sums)
}

async fn holders(tx: &Tx, accounts: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let rows = account::Entity::find()
        .select_only()
        .columns([account::Column::Id, account::Column::Name])
        .filter(account::Column::Id.is_in(accounts.iter().copied()))
        .into_tuple::<(Uuid, String)>()
        .all(tx.db())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Where the trees of a batch of accounts go.
struct Projects {
    chosen: HashMap<Uuid, Vec<Uuid>>,
    by_id: HashMap<Uuid, Project>,
    default: Option<Project>,
}

impl Projects {
    async fn read(tx: &Tx, accounts: &[Uuid]) -> Result<Self, StoreError> {
        let chosen = project::effective(tx, accounts).await?;
        let mut ids: Vec<Uuid> = chosen.values().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { chosen, by_id: project::by_ids(tx, &ids).await?, default: project::default(tx).await? })
    }

    fn of(&self, account: Uuid) -> Vec<&Project> {
        match self.chosen.get(&account) {
            Some(chosen) => chosen.iter().filter_map(|id| self.by_id.get(id)).collect(),
            None => self.default.iter().collect(),
        }
    }
}

/// Takes `count` numbers of a month; gives the first.
async fn take_numbers(tx: &Tx, month: Month, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let text = "INSERT INTO certificate_number (month, last_number) VALUES (?, ?) ON CONFLICT (month) \
         DO UPDATE SET last_number = certificate_number.last_number + excluded.last_number RETURNING last_number";
    let values = [month.to_string().into(), count.into()];
    let row = tx.query_one_raw(statement(tx.get_database_backend(), text, values)).await?;
    let last: i64 = row.ok_or(StoreError::Corrupt("certificate_number"))?.try_get_by_index(0)?;
    Ok(last - count + 1)
}

async fn insert_certificates(tx: &Tx, certificates: &[Certificate]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        "uuid", "text", "text", "uuid", "text", "integer", "text", "bigint", "bigint", "bigint", "bigint", "integer", "text",
        "bigint", "bigint",
    ]);
    for certificate in certificates {
        rows.push([
            certificate.id.into(),
            certificate.number.clone().into(),
            certificate.code.digits().into(),
            certificate.account_id.into(),
            certificate.month.to_string().into(),
            certificate.sequence.into(),
            certificate.holder.clone().into(),
            certificate.pages.small.into(),
            certificate.pages.large.into(),
            certificate.pages.duplex.into(),
            certificate.standard.0.into(),
            certificate.methodology_version.into(),
            certificate.jws.clone().into(),
            certificate.issued_at.timestamp_millis().into(),
            certificate.updated_at.timestamp_millis().into(),
        ]);
    }
    let head = "INSERT INTO certificate (id, number, code, account_id, month, sequence, holder, small, large, duplex, standard, \
         methodology_version, jws, issued_at, updated_at) ";
    rows.execute(tx.db(), head, "").await?;
    Ok(())
}

async fn insert_ranges(tx: &Tx, certificates: &[Certificate], ranges: &[Vec<EntryRange>]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "uuid", "text", "bigint", "bigint"]);
    for (certificate, ranges) in certificates.iter().zip(ranges) {
        for range in ranges {
            rows.push([
                certificate.id.into(),
                certificate.account_id.into(),
                certificate.month.to_string().into(),
                range.first.into(),
                range.last.into(),
            ]);
        }
    }
    let head = "INSERT INTO certificate_range (certificate_id, account_id, month, first_number, last_number) ";
    rows.execute(tx.db(), head, "").await?;
    Ok(())
}

async fn insert_allocations(tx: &Tx, certificates: &[Certificate]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "integer", "uuid", "text", "text", "bigint", "bigint"]);
    for certificate in certificates {
        for (part, position) in certificate.allocations.iter().zip(0_i32..) {
            rows.push([
                certificate.id.into(),
                position.into(),
                part.project_id.into(),
                part.project_name.clone().into(),
                part.project_country.clone().into(),
                part.standard.0.into(),
                part.trees.into(),
            ]);
        }
    }
    let head = "INSERT INTO certificate_allocation (certificate_id, position, project_id, project_name, project_country, standard, \
         trees) ";
    rows.execute(tx.db(), head, "").await?;
    Ok(())
}

/// Moves the certified sums on, with the last sequence.
async fn add_certified(tx: &Tx, certificates: &[Certificate]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "text", "bigint", "bigint", "bigint", "bigint", "integer"]);
    for certificate in certificates {
        rows.push([
            certificate.account_id.into(),
            certificate.month.to_string().into(),
            certificate.pages.small.into(),
            certificate.pages.large.into(),
            certificate.pages.duplex.into(),
            certificate.standard.0.into(),
            certificate.sequence.into(),
        ]);
    }
    let tail = ") UPDATE account_month SET certified_small = certified_small + v.small, certified_large = certified_large + v.large, \
         certified_duplex = certified_duplex + v.duplex, certified_standard = certified_standard + v.standard, \
         certificates = v.sequence FROM v WHERE account_month.account_id = v.account_id AND account_month.month = v.month";
    rows.execute(tx.db(), "WITH v(account_id, month, small, large, duplex, standard, sequence) AS (", tail).await?;
    Ok(())
}

/// The recipients are the account's own users with ADMIN.
async fn queue_deliveries(tx: &Tx, certificates: &[Certificate]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "uuid", "bigint"]);
    for certificate in certificates {
        rows.push([certificate.id.into(), certificate.account_id.into(), tx.now_millis().into()]);
    }
    let found = rows
        .query(
            tx.db(),
            "WITH v(certificate_id, account_id, at) AS (",
            ") SELECT v.certificate_id, u.id, v.at FROM v CROSS JOIN user_account u \
             WHERE u.account_id = v.account_id AND u.permission = 'ADMIN' AND u.status = 'ACTIVE'",
        )
        .await?;
    let mut deliveries: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for row in found {
        deliveries.insert((row.try_get_by_index(0)?, row.try_get_by_index(1)?), row.try_get_by_index(2)?);
    }
    let mut rows = Rows::new(&["uuid", "uuid", "bigint"]);
    for ((certificate, user), at) in deliveries {
        rows.push([certificate.into(), user.into(), at.into()]);
    }
    rows.execute(tx.db(), "INSERT INTO certificate_delivery (certificate_id, user_id, next_attempt_at) ", "").await?;
    Ok(())
}
