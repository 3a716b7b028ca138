//! The audit log: who changed what, in the transaction of the change. Each entry carries a digest over itself and the digest of the one before,
//! so that an entry that was changed, removed or put in between breaks the chain from there on.
//!
//! Appending takes a lock that is held until the transaction ends, so that entries are numbered in the order of commits: append last.

use sea_orm::{ConnectionTrait as _, DatabaseBackend};

use super::{
    Source as _, Store, StoreError, Tx,
    collecting::sql::{Rows, statement},
};
use crate::{
    clock::{Instant, from_millis},
    secret::{Digest, digest},
};

/// Two numbers ("copp", "audt") that name the log's lock on PostgreSQL.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1668247664, 1635083380)";
/// Entries that are read at a time.
const PAGE: u64 = 1_000;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Who did it: a public id, or `operator`, or `system`.
    pub actor: String,
    /// The request that asked for it; `None` without one.
    pub request_id: Option<String>,
    /// What was done, like the mutation's name.
    pub action: String,
    /// The public id of what it was done to.
    pub object: String,
    /// Fields as they were, as JSON, none of them personal or secret; `None` when there were none.
    pub before: Option<String>,
    /// Fields as they are now, likewise.
    pub after: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1 on without gaps.
    pub seq: i64,
    /// When it was made.
    pub at: Instant,
    /// What was recorded.
    pub what: NewEntry,
    /// The digest over it and the one before.
    pub hash: Digest,
}

impl Entry {
    /// The digest that it must have behind an entry with the digest `before`.
    fn chained(seq: i64, at: i64, what: &NewEntry, before: &Digest) -> Digest {
        let mut bytes = before.to_vec();
        bytes.extend_from_slice(&seq.to_be_bytes());
        bytes.extend_from_slice(&at.to_be_bytes());
        let parts = [
            Some(&what.actor),
            what.request_id.as_ref(),
            Some(&what.action),
            Some(&what.object),
            what.before.as_ref(),
            what.after.as_ref(),
        ];
        for part in parts {
            // Lengths stand before the texts, so that no two entries read alike; nothing is longer than anything.
            let length = part.map_or(u64::MAX, |text| text.len() as u64);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part.map_or(&[][..], |text| text.as_bytes()));
        }
        digest(&bytes)
    }
}

/// What a look through the log came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that were looked at, up to the first that is wrong.
    pub entries: i64,
    /// The number of the first entry that is wrong or missing; `None` when the chain holds.
    pub broken_at: Option<i64>,
    /// The digest of the last entry that is right; zeros for an empty log.
    pub head: Digest,
}

/// Records entries.
pub async fn append(tx: &Tx, entries: &[NewEntry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    if tx.get_database_backend() == DatabaseBackend::Postgres {
        tx.execute_unprepared(LOCK).await?;
    }
    let last = "SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1";
    let last = tx.query_one_raw(statement(tx.get_database_backend(), last, [])).await?;
    let (mut seq, mut hash): (i64, Digest) = match last {
        Some(row) => (row.try_get_by_index(0)?, to_digest(row.try_get_by_index(1)?)?),
        None => (0, Digest::default()),
    };
    let mut rows = Rows::new(&["bigint", "bigint", "text", "text", "text", "text", "text", "text", "bytea"]);
    for entry in entries {
        seq += 1;
        hash = Entry::chained(seq, tx.now_millis(), entry, &hash);
        rows.push([
            seq.into(),
            tx.now_millis().into(),
            entry.actor.clone().into(),
            entry.request_id.clone().into(),
            entry.action.clone().into(),
            entry.object.clone().into(),
            entry.before.clone().into(),
            entry.after.clone().into(),
            hash.to_vec().into(),
        ]);
    }
    let head = "INSERT INTO audit_entry (seq, at, actor, request_id, action, object, before_json, after_json, hash) ";
    rows.execute(tx.db(), head, "").await?;
    Ok(())
}

/// The entries after `after`, oldest first, at most [`PAGE`] of them; with `object` only those about it.
pub async fn page(store: &Store, after: i64, object: Option<&str>) -> Result<Vec<Entry>, StoreError> {
    let only = if object.is_some() { "AND object = ? " } else { "" };
    let text = format!(
        "SELECT seq, at, actor, request_id, action, object, before_json, after_json, hash FROM audit_entry \
         WHERE seq > ? {only}ORDER BY seq LIMIT {PAGE}"
    );
    let values = std::iter::once(after.into()).chain(object.map(Into::into));
    let rows = store.db().query_all_raw(statement(store.dialect(), &text, values)).await?;
    let entry = |row: sea_orm::QueryResult| {
        Ok(Entry {
            seq: row.try_get_by_index(0)?,
            at: from_millis(row.try_get_by_index(1)?),
            what: NewEntry {
                actor: row.try_get_by_index(2)?,
                request_id: row.try_get_by_index(3)?,
                action: row.try_get_by_index(4)?,
                object: row.try_get_by_index(5)?,
                before: row.try_get_by_index(6)?,
                after: row.try_get_by_index(7)?,
            },
            hash: to_digest(row.try_get_by_index(8)?)?,
        })
    };
    rows.into_iter().map(entry).collect()
}

/// Goes through the whole log; with `known`, an entry's number and digest from an earlier look, the chain must still contain it.
pub async fn verify(store: &Store, known: Option<(i64, Digest)>) -> Result<Verdict, StoreError> {
    let (mut seq, mut head) = (0, Digest::default());
    loop {
        let entries = page(store, seq, None).await?;
        let last = (entries.len() as u64) < PAGE;
        for entry in entries {
            let right = Entry::chained(entry.seq, entry.at.timestamp_millis(), &entry.what, &head);
            let as_known = known.is_none_or(|(number, hash)| number != entry.seq || hash == entry.hash);
            if entry.seq != seq + 1 || entry.hash != right || !as_known {
                return Ok(Verdict { entries: seq, broken_at: Some(seq + 1), head });
            }
            (seq, head) = (entry.seq, entry.hash);
        }
        if last {
            let cut = known.is_some_and(|(number, _)| number > seq);
            return Ok(Verdict { entries: seq, broken_at: cut.then_some(seq + 1), head });
        }
    }
}

fn to_digest(bytes: Vec<u8>) -> Result<Digest, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("audit_entry.hash"))
}
