//! Sealing keys in use: how much each still seals, and sealing everything anew with the first one.

use std::collections::BTreeMap;

use super::{App, AppError};
use crate::{
    id::Uuid,
    secret::{KeyId, OpenError, Place},
    store::sealing::{self, SEALED, Sealed},
};

/// Values that one transaction seals anew.
const BATCH: i64 = 100;

/// A sealing key, and what it sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Its name.
    pub id: KeyId,
    /// Whether it is the one that seals.
    pub seals: bool,
    /// Whether the list of keys has it; what a key that is missing sealed cannot be read.
    pub known: bool,
    /// Values that it sealed, by table.
    pub rows: BTreeMap<&'static str, i64>,
}

impl KeyUse {
    /// Values that it sealed, in all tables.
    pub fn total(&self) -> i64 {
        self.rows.values().sum()
    }
}

/// What sealing anew came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// Values that the first key seals now.
    pub sealed: u64,
    /// Values that do not open with the keys there are; they stay as they are.
    pub unreadable: u64,
}

impl App {
    /// The sealing keys in their order, then those that are missing, each with what it sealed.
    pub async fn sealing_keys(&self) -> Result<Vec<KeyUse>, AppError> {
        let ring = self.parts.connectors.keys();
        let new = |id, known| KeyUse { id, seals: id == ring.sealing_key(), known, rows: BTreeMap::new() };
        let mut keys: Vec<KeyUse> = ring.keys().map(|id| new(id, true)).collect();
        for of in SEALED {
            for (id, rows) in sealing::rows_by_key(&self.parts.store, of).await? {
                let id = id.ok_or_else(|| AppError::internal(OpenError::Format))?;
                let place = keys.iter().position(|key| key.id == id).unwrap_or_else(|| {
                    keys.push(new(id, false));
                    keys.len() - 1
                });
                keys[place].rows.insert(of.table, rows);
            }
        }
        Ok(keys)
    }

    /// Seals with the first key whatever another one sealed, some values a transaction: servers may run meanwhile, and when it is broken off
    /// the next call goes on.
    pub async fn rotate_sealing_keys(&self) -> Result<Rotation, AppError> {
        let mut done = Rotation::default();
        for of in SEALED {
            let mut after = Uuid::nil();
            while let Some(last) = self.reseal_some(of, after, &mut done).await? {
                after = last;
            }
        }
        Ok(done)
    }

    /// One batch behind the row `after`; gives its last row.
    async fn reseal_some(&self, of: &Sealed, after: Uuid, done: &mut Rotation) -> Result<Option<Uuid>, AppError> {
        let (store, ring) = (&self.parts.store, self.parts.connectors.keys());
        let rows = sealing::sealed_otherwise(store, of, ring.sealing_key(), after, BATCH).await?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
        let mut anew = Vec::with_capacity(rows.len());
        for row in rows {
            let place = Place { table: of.table, column: of.column, row: row.id, account: row.account };
            match ring.open(&place, &row.blob) {
                Ok(plain) => {
                    let sealed = ring.seal(&place, &plain, &self.parts.ids).map_err(AppError::internal)?;
                    anew.push((row, sealed));
                }
                Err(error) => {
                    tracing::warn!(table = of.table, row.id = %row.id, error = %error, "a sealed value does not open and stays as it is");
                    done.unreadable += 1;
                }
            }
        }
        let anew = &anew;
        done.sealed += store
            .write(|tx| async move {
                let mut replaced = 0;
                for (row, sealed) in anew {
                    replaced += u64::from(sealing::replace(&tx, of, row, sealed).await?);
                }
                Ok(replaced)
            })
            .await?;
        Ok(Some(last))
    }
}
