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
    ConnectOptions as _, Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::reading::Reading;
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
pub mod ledger;
mod paging;
pub mod project;
mod reading;
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
        let (db, writing) = if settings.is_sqlite() { open_sqlite(settings).await? } else { open_postgres(settings).await? };
        Ok(Self {
            db,
            writing,
            clock,
            turns: Arc::new(Semaphore::new(1)),
            open_since: Arc::new(AtomicI64::new(i64::MAX)),
            url: settings.url.as_str().into(),
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
        let done = if up { Migrator::up(self.writer(), None).await } else { Migrator::down(self.writer(), None).await };
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
                Err(error) => tx.roll_back().await.and(Err(error)),
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
            return Ok(Tx { inner: Arc::new(tx), now: self.clock.now(), permit: Some(Arc::new(permit)) });
        }
        let tx = db.begin().await?;
        // Shows readers of lists by `updated_at` the earliest instant that this transaction may still commit. And a node that freezes in
        // a transaction holds its locks: the server ends a connection that is silent in one, well before the shortest lease ends, so that
        // whoever takes over need not wait for the node. Our statements follow one another at once.
        let earliest = self.clock.now().timestamp_millis();
        let shown = "SELECT pg_advisory_xact_lock_shared($1), set_config('idle_in_transaction_session_timeout', '5s', TRUE)";
        tx.execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, shown, [earliest.into()])).await?;
        Ok(Tx { inner: Arc::new(tx), now: self.clock.now(), permit: None })
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
    inner: Arc<DatabaseTransaction>,
    now: Instant,
    permit: Option<Arc<WritePermit>>,
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
        let (tx, permit) = self.into_parts()?;
        let done = tx.commit().await;
        drop(permit);
        Ok(done?)
    }

    async fn roll_back(self) -> Result<(), StoreError> {
        let (tx, permit) = self.into_parts()?;
        let done = tx.rollback().await;
        drop(permit);
        Ok(done?)
    }

    fn into_parts(self) -> Result<(DatabaseTransaction, Option<Arc<WritePermit>>), StoreError> {
        let kept = |_| DbErr::Custom("the transaction was kept beyond its body".to_owned());
        Ok((Arc::try_unwrap(self.inner).map_err(kept)?, self.permit))
    }
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
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

/// Whether a connection may be given out by its pool. When the disk is full SQLite ends a transaction by itself, the roll-back after it
/// fails, and sqlx goes on to count one: the next transaction on that connection would be a savepoint that does not lock, and would lose
/// every race. Such a connection is closed instead.
pub(crate) fn is_outside_transactions(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

async fn open_sqlite(settings: &DatabaseSettings) -> Result<(Reading, Writing), StoreError> {
    let with = |options: SqliteConnectOptions, synchronous, cache: u32| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            .pragma("cache_size", format!("-{cache}"))
            // A statement for each number of rows that are written together.
            .statement_cache_capacity(STATEMENTS)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .disable_statement_logging()
    };
    let writing = async |synchronous, cache| {
        let mut options = pooled(settings, 1);
        options.connect_lazy(true).test_before_acquire(false);
        options.map_sqlx_sqlite_opts(move |options| with(options, synchronous, cache));
        options.map_sqlx_sqlite_pool_opts(|pool| {
            pool.before_acquire(|connection, _| Box::pin(async move { Ok(is_outside_transactions(connection)) }))
        });
        Database::connect(options).await
    };
    let reading = with(settings.url.parse()?, SqliteSynchronous::Normal, READER_CACHE);
    let reading = Reading::open(reading::Options::Sqlite(reading), settings.max_connections.min(SQLITE_READERS)).await?;
    let usual = writing(SqliteSynchronous::Normal, WRITER_CACHE).await?;
    let durable = writing(SqliteSynchronous::Full, READER_CACHE).await?;
    Ok((reading, Writing { usual, durable }))
}

async fn open_postgres(settings: &DatabaseSettings) -> Result<(Reading, Writing), StoreError> {
    let own = postgres_options(&settings.url)?;
    let writers = (settings.max_connections / 2).max(1);
    let readers = settings.max_connections.saturating_sub(writers).max(1);
    let reading = Reading::open(reading::Options::Postgres(own.clone().statement_cache_capacity(STATEMENTS)), readers).await?;
    let mut options = pooled(settings, writers);
    options.test_before_acquire_if_idle_for(reading::IDLE).map_sqlx_postgres_opts(move |_| own.clone());
    let usual = Database::connect(options).await?;
    Ok((reading, Writing { durable: usual.clone(), usual }))
}

fn pooled(settings: &DatabaseSettings, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(&settings.url);
    options.max_connections(connections).acquire_timeout(Duration::from_secs(30)).sqlx_logging(false);
    options
}

/// How connections to the PostgreSQL server at `url` are made: as it says, but that TLS is not negotiated with a server on this machine
/// unless the URL asks for it (`sslmode`), since nothing leaves the machine.
///
/// # Errors
///
/// If the URL is none of PostgreSQL's.
pub fn postgres_options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
    let here = matches!(options.get_host(), "localhost" | "127.0.0.1" | "::1" | "[::1]");
    let unasked =
        matches!(options.get_ssl_mode(), PgSslMode::Prefer) && !url.contains("sslmode=") && !url.contains("ssl-mode=");
    Ok(if here && unasked { options.ssl_mode(PgSslMode::Disable) } else { options })
}

fn immediate() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
