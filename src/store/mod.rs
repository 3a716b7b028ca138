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
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sqlx::{
    Connection as _, PgConnection, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::kept::Kept;
use crate::clock::{Instant, SharedClock};

pub mod account;
pub mod anomaly;
pub mod audit;
pub mod below;
pub mod certificate;
pub mod collecting;
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
mod paging;
pub mod project;
pub mod reconcile;
pub mod run;
pub mod sealing;
pub mod server;
pub mod server_settings;
pub mod session;

/// The most connections that read an SQLite file: reads take microseconds, while each connection costs its own cache.
const SQLITE_READERS: u32 = 4;
/// Cache of a connection that reads an SQLite file, in KiB; what another one commits empties it.
const READER_CACHE: u32 = 1_024;
/// Cache of the connection that writes, in KiB: only its own commits change the file, so the cache stays true.
const WRITER_CACHE: u32 = 4_096;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 128;
/// After so many pages (of 4 KiB) the write-ahead log goes into the file. A night writes the same pages again and again.
const CHECKPOINT_PAGES: u32 = 4_096;
/// A connection that was unused for so long is asked whether it lives before it is used: each question is a round, and what was used just
/// now seldom dies.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// Bytes of one statement that stay, with what is around them, within one record of TLS. The PostgreSQL driver leaves Nagle's algorithm on,
/// which holds a second record until the server acknowledges the first: 40 ms.
const TLS_RECORD: usize = 15 * 1024;
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
    db: DatabaseConnection,
    /// SQLite: who writes, apart from who reads.
    writing: Option<Writing>,
    clock: SharedClock,
    turns: Arc<Semaphore>,
    /// Since when the open write transaction of this process may commit, in milliseconds (SQLite); `i64::MAX` while there is none.
    open_since: Arc<AtomicI64>,
    url: Arc<str>,
    /// Bytes of one statement; only a single row may have more.
    statement_bytes: usize,
}

/// The two connections that write to an SQLite file, one at a time.
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
        let connect = async |synchronous, cache: u32, connections, lazy| {
            let mut options = ConnectOptions::new(&settings.url);
            options
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(30))
                .connect_lazy(lazy)
                .test_before_acquire_if_idle_for(TEST_AFTER)
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite
                        .create_if_missing(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(synchronous)
                        .foreign_keys(true)
                        .busy_timeout(Duration::from_secs(30))
                        .pragma("cache_size", format!("-{cache}"))
                        // A statement for each number of rows that are written together.
                        .statement_cache_capacity(STATEMENTS)
                        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
                })
                .map_sqlx_sqlite_pool_opts(|pool| {
                    pool.before_acquire(|connection, _| Box::pin(async move { Ok(is_outside_transactions(connection)) }))
                });
            Database::connect(options).await
        };
        let most = if settings.is_sqlite() { SQLITE_READERS } else { u32::MAX };
        let db = connect(SqliteSynchronous::Normal, READER_CACHE, settings.max_connections.min(most), false).await?;
        let writing = match db.get_database_backend() {
            DatabaseBackend::Sqlite => Some(Writing {
                usual: connect(SqliteSynchronous::Normal, WRITER_CACHE, 1, true).await?,
                durable: connect(SqliteSynchronous::Full, READER_CACHE, 1, true).await?,
            }),
            _ => None,
        };
        Ok(Self {
            db,
            writing,
            clock,
            turns: Arc::new(Semaphore::new(1)),
            open_since: Arc::new(AtomicI64::new(i64::MAX)),
            url: settings.url.as_str().into(),
            statement_bytes: if may_use_tls(&settings.url) { TLS_RECORD } else { usize::MAX },
        })
    }

    /// Tells `observe` the text of each statement, those within transactions included, of this handle and the clones made of it later.
    pub fn on_statement(&mut self, observe: impl Fn(&str) + Send + Sync + 'static) {
        self.db.set_metric_callback(move |info| observe(&info.statement.sql));
    }

    /// Brings the tables up to date; safe to call from several nodes at once.
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
        let pending = Migrator::get_pending_migrations_read_only(&self.db).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    async fn run_migrations(&self, up: bool) -> Result<(), StoreError> {
        use coppice_migration::{Migrator, MigratorTrait as _};
        if self.is_sqlite() {
            // DDL is transactional: who comes second finds everything done.
            let _permit = self.permit().await?;
            let tx = self.db.begin_with_options(immediate()).await?;
            let done = if up { Migrator::up(&tx, None).await } else { Migrator::down(&tx, None).await };
            done?;
            return Ok(tx.commit().await?);
        }
        // A connection of its own: the pool might hand out another one for the unlock.
        let mut lock = PgConnection::connect(&self.url).await?;
        let (high, low) = MIGRATION_LOCK;
        sqlx::query("SELECT pg_advisory_lock($1, $2)").bind(high).bind(low).execute(&mut lock).await?;
        let done = if up { Migrator::up(&self.db, None).await } else { Migrator::down(&self.db, None).await };
        // Closing releases the lock.
        lock.close().await?;
        Ok(done?)
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
        if let Some(Writing { usual, durable }) = self.writing {
            usual.close().await?;
            durable.close().await?;
        }
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
        self.write_through(self.writing.as_ref().map_or(&self.db, |writing| &writing.durable), body).await
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
        self.writing.as_ref().map_or(&self.db, |writing| &writing.usual)
    }

    async fn permit(&self) -> Result<WritePermit, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        Ok(WritePermit { open_since: Arc::clone(&self.open_since), turn })
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
        let tx = Kept::begin(self.db.get_postgres_connection_pool(), kept, &begin).await?;
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

    /// The instant before which no `updated_at` will be committed any more, in milliseconds: what lists in that order may show.
    async fn settled_before(&self) -> Result<i64, StoreError> {
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

/// The right to write to SQLite, from before the connection is taken until the transaction has ended.
struct WritePermit {
    open_since: Arc<AtomicI64>,
    #[expect(dead_code, reason = "held, and released when dropped")]
    turn: OwnedSemaphorePermit,
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
    inner: Arc<Inner>,
    now: Instant,
    permit: Option<Arc<WritePermit>>,
    statement_bytes: usize,
}

enum Inner {
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

    fn now_millis(&self) -> i64 {
        self.now.timestamp_millis()
    }

    async fn commit(self) -> Result<(), StoreError> {
        self.finish().await.map(drop)
    }

    /// Commits, and gives back the connection that the caller keeps.
    async fn finish(self) -> Result<Option<PoolConnection<Postgres>>, StoreError> {
        let (tx, permit) = self.into_parts()?;
        let done = match tx {
            Inner::Pooled(tx) => tx.commit().await.map(|()| None),
            Inner::Kept(tx) => tx.commit().await,
        };
        drop(permit);
        Ok(done?)
    }

    async fn roll_back(self) -> Result<Option<PoolConnection<Postgres>>, StoreError> {
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
    type Connection = DatabaseConnection;
    fn db(&self) -> &DatabaseConnection {
        &self.db
    }
}

impl Source for Tx {
    type Connection = Self;
    fn db(&self) -> &Self {
        self
    }
}

/// Whether a connection may be given out by its pool. When the disk is full SQLite ends a transaction by itself, the roll-back after it
/// fails, and sqlx goes on to count one: the next transaction on that connection would be a savepoint that does not lock, and would lose
/// every race. Such a connection is closed instead.
pub(crate) fn is_outside_transactions(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

/// Whether the statements to this database may go through TLS: not by a socket of the machine, nor where it is turned off.
fn may_use_tls(url: &str) -> bool {
    url.parse::<PgConnectOptions>().is_ok_and(|options| {
        options.get_socket().is_none()
            && !options.get_host().starts_with('/')
            && !matches!(options.get_ssl_mode(), PgSslMode::Disable)
    })
}

fn immediate() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
