//! Write transactions, whichever way they hold their connection.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, ExecResult, QueryResult, Statement};
use sqlx::{Postgres, pool::PoolConnection};
use tokio::sync::OwnedSemaphorePermit;

use super::{StoreError, kept::Kept};
use crate::clock::Instant;

/// The right to write to SQLite, from before the connection is taken until the transaction has ended.
pub(super) struct WritePermit {
    pub(super) open_since: Arc<AtomicI64>,
    #[expect(dead_code, reason = "held, and released when dropped")]
    turn: OwnedSemaphorePermit,
}

impl WritePermit {
    pub(super) fn new(open_since: Arc<AtomicI64>, turn: OwnedSemaphorePermit) -> Self {
        Self { open_since, turn }
    }
}

impl Drop for WritePermit {
    fn drop(&mut self) {
        self.open_since.store(i64::MAX, Ordering::SeqCst);
    }
}

/// A write transaction; see [`Store::write`].
#[derive(Clone)]
pub struct Tx {
    // Dropped before the permit.
    pub(super) inner: Arc<Inner>,
    pub(super) now: Instant,
    pub(super) permit: Option<Arc<WritePermit>>,
    /// Bytes of one statement; only a single row may have more.
    pub(super) statement_bytes: usize,
}

pub(super) enum Inner {
    Pooled(DatabaseTransaction),
    Kept(Kept),
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Tx {
    /// The time of everything that this transaction does.
    pub fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn now_millis(&self) -> i64 {
        self.now.timestamp_millis()
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.finish().await.map(drop)
    }

    /// Commits, and gives back the connection that the caller keeps.
    pub(super) async fn finish(self) -> Result<Option<PoolConnection<Postgres>>, StoreError> {
        let (tx, permit) = self.into_parts()?;
        let done = match tx {
            Inner::Pooled(tx) => tx.commit().await.map(|()| None),
            Inner::Kept(tx) => tx.commit().await,
        };
        drop(permit);
        Ok(done?)
    }

    pub(super) async fn roll_back(self) -> Result<Option<PoolConnection<Postgres>>, StoreError> {
        let (tx, permit) = self.into_parts()?;
        let done = match tx {
            Inner::Pooled(tx) => tx.rollback().await.map(|()| None),
            Inner::Kept(tx) => tx.roll_back().await,
        };
        drop(permit);
        Ok(done?)
    }

    fn into_parts(self) -> Result<(Inner, Option<Arc<WritePermit>>), StoreError> {
        let kept = |_| DbErr::Custom("the transaction was kept beyond its body".to_owned());
        Ok((Arc::try_unwrap(self.inner).map_err(kept)?, self.permit))
    }
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DatabaseBackend {
        match &*self.inner {
            Inner::Pooled(tx) => tx.get_database_backend(),
            Inner::Kept(_) => DatabaseBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &*self.inner {
            Inner::Pooled(tx) => tx.execute_raw(statement).await,
            Inner::Kept(tx) => tx.execute(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &*self.inner {
            Inner::Pooled(tx) => tx.execute_unprepared(sql).await,
            Inner::Kept(tx) => tx.execute(Statement::from_string(DatabaseBackend::Postgres, sql)).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &*self.inner {
            Inner::Pooled(tx) => tx.query_one_raw(statement).await,
            Inner::Kept(tx) => Ok(tx.query_all(statement).await?.into_iter().next()),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &*self.inner {
            Inner::Pooled(tx) => tx.query_all_raw(statement).await,
            Inner::Kept(tx) => tx.query_all(statement).await,
        }
    }
}
