//! The database: rows in, domain records out; the only home of SeaORM. One file per aggregate.
//!
//! - SQLite (embedded, WAL) and PostgreSQL, with the same migrations and the same statements; what differs is here and in
//!   `ledger`'s order of posting.
//! - Every write goes through [`Store::write`]: on SQLite `BEGIN IMMEDIATE` behind a fair in-process permit that is taken before a
//!   connection, so that a waiting writer holds none; on PostgreSQL a plain transaction that is run again when it lost a race.
//! - Inside a write the time is [`Tx::now`]: no `updated_at` that commits later is earlier than what a list in that order has given out.
//! - Reads take the viewer's account and join `account_closure`: what is not below it is not there. Functions without a viewer are
//!   for the engine and the operator.
//! - Status columns of runs change in `run::transition` only.
//!
//! To add a table: a migration, an entity, a file here with `from_row`, its reads and its writes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, RuntimeErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sqlx::{Connection as _, PgConnection, Postgres, pool::PoolConnection};
use tokio::sync::Semaphore;

use self::{
    kept::Kept,
    open::Opened,
    reading::Reading,
    tx::{Inner, WritePermit},
    width::Widths,
};
use crate::clock::SharedClock;

pub mod account;
pub mod anomaly;
pub mod audit;
pub mod below;
pub mod carrying;
pub mod certificate;
pub mod collecting;
mod columns;
pub mod consumption;
mod convert;
pub mod device;
pub mod feed;
pub mod feed_settings;
pub mod health;
pub mod hints;
pub mod idempotency;
pub mod identity;
mod kept;
pub mod ledger;
mod open;
mod paging;
mod posting_order;
pub mod project;
mod reading;
pub mod reconcile;
pub mod run;
pub mod sealing;
pub mod server;
pub mod server_settings;
pub mod session;
mod tx;
mod width;

pub(crate) use self::open::is_outside_transactions;
pub use self::{open::postgres_options, tx::Tx};

/// How often a transaction that lost a race is run in all.
const ATTEMPTS: usize = 5;
/// Two numbers ("copp", "ice") that name the migrations' lock on PostgreSQL.
const MIGRATION_LOCK: (i32, i32) = (0x636f_7070, 0x0069_6365);

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A cursor is not one of the list's.
    #[error("the cursor is not one of this list")]
    Cursor,
    /// A stored value is none that this version knows.
    #[error("the stored value of `{0}` is not understood")]
    Corrupt(&'static str),
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
    /// A row with this key is there already.
    #[error("a row with this key is there already")]
    Taken,
    /// The database failed or refused.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
}

/// What the database said; for the log only.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(#[from] DatabaseErrorKind);

#[derive(Debug, thiserror::Error)]
enum DatabaseErrorKind {
    #[error(transparent)]
    SeaOrm(#[from] DbErr),
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Database(DatabaseError(error.into())),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(DatabaseError(error.into()))
    }
}

impl StoreError {
    /// Whether the same transaction, run again, may pass: it lost against another one.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Taken => true,
            Self::Database(DatabaseError(DatabaseErrorKind::SeaOrm(
                DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)),
            ))) => error
                .as_database_error()
                .and_then(|error| error.code().map(|code| matches!(&*code, "40001" | "40P01")))
                .unwrap_or_default(),
            _ => false,
        }
    }
}

/// Which database, and how many connections to it.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://FILE` or `postgres://...`.
    pub url: String,
    /// The most connections open at a time.
    pub max_connections: u32,
}

impl DatabaseSettings {
    fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("DatabaseSettings").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}

/// The database.
#[derive(Clone)]
pub struct Store {
    db: Reading,
    writing: Writing,
    clock: SharedClock,
    turns: Arc<Semaphore>,
    /// Since when the open write transaction of this process may commit, in milliseconds (SQLite); `i64::MAX` while there is none.
    open_since: Arc<AtomicI64>,
    url: Arc<str>,
    widths: Widths,
    /// Bytes of one statement; only a single row may have more.
    statement_bytes: usize,
}

/// The connections that write: on SQLite two, one at a time; on PostgreSQL one pool.
#[derive(Clone)]
struct Writing {
    usual: DatabaseConnection,
    /// Its commits outlive a power failure. What other people hold in their hands is written through it.
    durable: DatabaseConnection,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.dialect()).finish()
    }
}

impl Store {
    /// Opens the database; an SQLite file is made when it is not there.
    pub async fn open(settings: &DatabaseSettings, clock: SharedClock) -> Result<Self, StoreError> {
        let Opened { reading, writing, statement_bytes } = open::open(settings).await?;
        Ok(Self {
            db: reading,
            writing,
            clock,
            turns: Arc::new(Semaphore::new(1)),
            open_since: Arc::new(AtomicI64::new(i64::MAX)),
            url: settings.url.as_str().into(),
            widths: Widths::default(),
            statement_bytes,
        })
    }

    /// Tells `observe` the text of each statement, those within transactions included, of this handle and the clones made of it later.
    pub fn on_statement(&mut self, observe: impl Fn(&str) + Send + Sync + 'static) {
        let observe = Arc::new(observe);
        self.db.on_statement(observe.clone());
        let within = observe.clone();
        self.writing.usual.set_metric_callback(move |info| within(&info.statement.sql));
        self.writing.durable.set_metric_callback(move |info| observe(&info.statement.sql));
    }

    /// Brings the tables up to date, and lets a restored database go on where it was; safe to call from several nodes at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.run_migrations(true).await
    }

    /// Takes all tables away.
    pub async fn migrate_down(&self) -> Result<(), StoreError> {
        self.run_migrations(false).await
    }

    /// The names of the migrations that are not applied yet, the first to be applied first.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        use coppice_migration::{Migrator, MigratorTrait as _};
        let pending = Migrator::get_pending_migrations_read_only(self.writer()).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    async fn run_migrations(&self, up: bool) -> Result<(), StoreError> {
        use coppice_migration::{Migrator, MigratorTrait as _};
        if self.is_sqlite() {
            // DDL is transactional: who comes second finds everything done.
            let _permit = self.permit().await?;
            let tx = self.writer().begin_with_options(immediate()).await?;
            let done = if up { Migrator::up(&tx, None).await } else { Migrator::down(&tx, None).await };
            done?;
            return Ok(tx.commit().await?);
        }
        // A connection of its own: the pool might hand out another one for the unlock.
        let mut lock = PgConnection::connect_with(&postgres_options(&self.url)?).await?;
        let (high, low) = MIGRATION_LOCK;
        sqlx::query("SELECT pg_advisory_lock($1, $2)").bind(high).bind(low).execute(&mut lock).await?;
        let done = async {
            if !up {
                return Ok(Migrator::down(self.writer(), None).await?);
            }
            Migrator::up(self.writer(), None).await?;
            posting_order::go_on(self).await
        };
        let done = done.await;
        // Closing releases the lock.
        lock.close().await?;
        done
    }

    /// Whether it is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        self.dialect() == DatabaseBackend::Sqlite
    }

    /// The dialect of its statements.
    fn dialect(&self) -> DatabaseBackend {
        self.db.get_database_backend()
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.db.ping().await?)
    }

    /// Closes its connections.
    pub async fn close(self) -> Result<(), StoreError> {
        self.writing.usual.close().await?;
        self.writing.durable.close().await?;
        Ok(self.db.close().await?)
    }

    /// Runs `body` in one write transaction and commits what it did, or nothing when it fails. It is run again when it lost a race
    /// against another transaction, so it must have no effect but through its [`Tx`]. The `Tx` must not outlive the body.
    pub async fn write<T, F, Fut>(&self, body: F) -> Result<T, StoreError>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        self.write_through(self.writer(), body).await
    }

    /// Like [`Self::write`], and once it has returned not even a power failure takes the commit back: for certificates, which leave the
    /// house.
    pub async fn write_durably<T, F, Fut>(&self, body: F) -> Result<T, StoreError>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        self.write_through(&self.writing.durable, body).await
    }

    async fn write_through<T, F, Fut>(&self, db: &DatabaseConnection, body: F) -> Result<T, StoreError>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let tx = self.begin_through(db).await?;
            let outcome = match body(tx.clone()).await {
                Ok(value) => tx.commit().await.map(|()| value),
                Err(error) => tx.roll_back().await.map(drop).and(Err(error)),
            };
            match outcome {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn writer(&self) -> &DatabaseConnection {
        &self.writing.usual
    }

    async fn permit(&self) -> Result<WritePermit, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        Ok(WritePermit::new(Arc::clone(&self.open_since), turn))
    }

    async fn begin_write(&self) -> Result<Tx, StoreError> {
        self.begin_through(self.writer()).await
    }

    async fn begin_through(&self, db: &DatabaseConnection) -> Result<Tx, StoreError> {
        if self.is_sqlite() {
            let permit = self.permit().await?;
            let tx = db.begin_with_options(immediate()).await?;
            permit.open_since.store(self.clock.now().timestamp_millis(), Ordering::SeqCst);
            return Ok(self.tx(Inner::Pooled(tx), Some(permit)));
        }
        let tx = db.begin().await?;
        // Shows readers of lists by `updated_at` the earliest instant that this transaction may still commit. And a node that freezes in
        // a transaction holds its locks: the server ends a connection that is silent in one, well before the shortest lease ends, so that
        // whoever takes over need not wait for the node. Our statements follow one another at once.
        let earliest = self.clock.now().timestamp_millis();
        let shown = "SELECT pg_advisory_xact_lock_shared($1), set_config('idle_in_transaction_session_timeout', '5s', TRUE)";
        tx.execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, shown, [earliest.into()])).await?;
        Ok(self.tx(Inner::Pooled(tx), None))
    }

    /// Like [`Self::begin_write`], on PostgreSQL on a connection that the caller keeps, which [`Tx::finish`] gives back.
    async fn begin_kept(&self, kept: &mut Option<PoolConnection<Postgres>>) -> Result<Tx, StoreError> {
        if self.is_sqlite() {
            return self.begin_write().await;
        }
        // The same as above.
        let earliest = self.clock.now().timestamp_millis();
        let begin = format!(
            "BEGIN; SELECT pg_advisory_xact_lock_shared({earliest}); SET LOCAL idle_in_transaction_session_timeout = '5s'"
        );
        let tx = Kept::begin(self.writer().get_postgres_connection_pool(), kept, &begin).await?;
        Ok(self.tx(Inner::Kept(tx), None))
    }

    fn tx(&self, inner: Inner, permit: Option<WritePermit>) -> Tx {
        Tx {
            inner: Arc::new(inner),
            now: self.clock.now(),
            permit: permit.map(Arc::new),
            statement_bytes: self.statement_bytes,
        }
    }

    /// The instant before which no `updated_at`, nor any other time of a write, will be committed any more, in milliseconds: what lists in
    /// that order may show.
    pub async fn settled_before(&self) -> Result<i64, StoreError> {
        let now = self.clock.now().timestamp_millis();
        if self.is_sqlite() {
            return Ok(now.min(self.open_since.load(Ordering::SeqCst)));
        }
        let open = "SELECT min((classid::bigint << 32) | objid::bigint) AS earliest FROM pg_locks \
             WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let row = self.db.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, open)).await?;
        let earliest: Option<i64> = row.map(|row| row.try_get("", "earliest")).transpose()?.flatten();
        Ok(earliest.map_or(now, |earliest| earliest.min(now)))
    }
}

/// Where rows are read from: the [`Store`], or a [`Tx`] for what a write depends on.
pub trait Source: Sync {
    /// The connection's type.
    #[doc(hidden)]
    type Connection: ConnectionTrait;
    /// The connection.
    #[doc(hidden)]
    fn db(&self) -> &Self::Connection;
}

impl Source for Store {
    type Connection = Reading;
    fn db(&self) -> &Reading {
        &self.db
    }
}

impl Source for Tx {
    type Connection = Self;
    fn db(&self) -> &Self {
        self
    }
}

fn immediate() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
