//! How the database is opened: which connections read and which write, and their settings.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database};
use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    DatabaseSettings, StoreError, Writing,
    reading::{self, Reading},
};

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
/// Bytes of one statement that stay, with what is around them, within one record of TLS. The PostgreSQL driver leaves Nagle's algorithm on,
/// which holds a second record until the server acknowledges the first: 40 ms.
const TLS_RECORD: usize = 15 * 1024;

/// PostgreSQL: two are kept by whoever commits what is collected, so that one is left for everything else.
const FEWEST_WRITERS: u32 = 3;

impl DatabaseSettings {
    /// How many questions a machine of so many processors best works on at once. Where the database is on the same machine they share its
    /// processors, and more than one beyond these would only wait; else as many as there are connections to wait at.
    pub fn questions_at_once(&self, processors: usize) -> usize {
        let busy = processors.saturating_add(1);
        let here = self.is_sqlite() || postgres_options(&self.url).is_ok_and(|options| is_here(&options));
        if here { busy } else { busy.max(self.postgres_connections().0 as usize) }
    }

    /// Of PostgreSQL's connections, how many read and how many write.
    fn postgres_connections(&self) -> (u32, u32) {
        let writers = (self.max_connections / 3).max(FEWEST_WRITERS);
        (self.max_connections.saturating_sub(writers).max(1), writers)
    }
}

/// An open database.
pub(super) struct Opened {
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    /// Bytes of one statement; only a single row may have more.
    pub(super) statement_bytes: usize,
}

pub(super) async fn open(settings: &DatabaseSettings) -> Result<Opened, StoreError> {
    if settings.is_sqlite() { open_sqlite(settings).await } else { open_postgres(settings).await }
}

async fn open_sqlite(settings: &DatabaseSettings) -> Result<Opened, StoreError> {
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
    Ok(Opened { reading, writing: Writing { usual, durable }, statement_bytes: usize::MAX })
}

async fn open_postgres(settings: &DatabaseSettings) -> Result<Opened, StoreError> {
    let own = postgres_options(&settings.url)?;
    let statement_bytes = if may_use_tls(&own) { TLS_RECORD } else { usize::MAX };
    let (readers, writers) = settings.postgres_connections();
    let reading = Reading::open(reading::Options::Postgres(own.clone().statement_cache_capacity(STATEMENTS)), readers).await?;
    let mut options = pooled(settings, writers);
    options.test_before_acquire_if_idle_for(reading::IDLE).map_sqlx_postgres_opts(move |_| own.clone());
    let usual = Database::connect(options).await?;
    Ok(Opened { reading, writing: Writing { durable: usual.clone(), usual }, statement_bytes })
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
    let unasked =
        matches!(options.get_ssl_mode(), PgSslMode::Prefer) && !url.contains("sslmode=") && !url.contains("ssl-mode=");
    Ok(if is_here(&options) && unasked { options.ssl_mode(PgSslMode::Disable) } else { options })
}

/// Whether the server is on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    by_socket(options) || matches!(options.get_host(), "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

fn by_socket(options: &PgConnectOptions) -> bool {
    options.get_socket().is_some() || options.get_host().starts_with('/')
}

/// Whether statements may go through TLS: not by a socket of the machine, nor where it is turned off.
fn may_use_tls(options: &PgConnectOptions) -> bool {
    !by_socket(options) && !matches!(options.get_ssl_mode(), PgSslMode::Disable)
}

/// Whether a connection may be given out by its pool. When the disk is full SQLite ends a transaction by itself, the roll-back after it
/// fails, and sqlx goes on to count one: the next transaction on that connection would be a savepoint that does not lock, and would lose
/// every race. Such a connection is closed instead.
pub(crate) fn is_outside_transactions(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_is_waited_for_at_all_connections_that_read() {
        let at_once =
            |url: &str, processors| DatabaseSettings { url: url.to_owned(), max_connections: 10 }.questions_at_once(processors);
        for here in [
            "sqlite:coppice.db",
            "postgres://localhost/coppice",
            "postgres://127.0.0.1:5432/coppice?sslmode=require",
            "postgres:///coppice?host=/run/postgresql",
        ] {
            assert_eq!((at_once(here, 2), at_once(here, 16)), (3, 17), "{here}");
        }
        let elsewhere = "postgres://db.example/coppice";
        assert_eq!((at_once(elsewhere, 2), at_once(elsewhere, 16)), (7, 17));
    }
}
