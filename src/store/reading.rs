//! The connections that read outside of transactions.
//!
//! The driver's pool asks the database whether a connection is alive before each statement, and once more after it, by a task of its own:
//! three round trips for one. Here a connection goes from statement to statement, and is asked only after a while without any. One that was
//! left in the middle of a statement (whoever asked has gone away) is closed.

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, sea_query::Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqlStr,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::{sync::Semaphore, time::Instant};
use tracing::dispatcher::{Dispatch, with_default};

/// A connection without a statement for so long is asked whether it lives: the server may have been restarted since.
pub(super) const IDLE: Duration = Duration::from_millis(100);
/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// How connections are made.
#[derive(Clone)]
pub(super) enum Options {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

/// Hears the text of each statement.
type Observe = Arc<dyn Fn(&str) + Send + Sync>;

/// A few connections; clones share them.
#[derive(Clone)]
pub struct Reading {
    shared: Arc<Shared>,
    observe: Option<Observe>,
}

struct Shared {
    options: Options,
    turns: Semaphore,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    /// At most so many connections, made when they are needed; the first one now, to see whether the database is there.
    pub(super) async fn open(options: Options, connections: u32) -> Result<Self, DbErr> {
        let shared = Shared { options, turns: Semaphore::new(connections as usize), idle: Mutex::default() };
        let reading = Self { shared: Arc::new(shared), observe: None };
        reading.ping().await?;
        Ok(reading)
    }

    /// Tells `observe` the text of each statement of this handle and the clones made of it later.
    pub(super) fn on_statement(&mut self, observe: Observe) {
        self.observe = Some(observe);
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        self.with(async |connection| connection.ping().await).await
    }

    /// Closes the connections; later statements fail.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.shared.turns.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        for (connection, _) in idle {
            connection.close().await.map_err(failed)?;
        }
        Ok(())
    }

    /// Runs `work` on a connection of its own.
    async fn with<T>(&self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error>) -> Result<T, DbErr> {
        let shared = &*self.shared;
        let turn = tokio::time::timeout(PATIENCE, shared.turns.acquire()).await;
        let _turn = turn.map_err(|_| failed(sqlx::Error::PoolTimedOut))?.map_err(|_| failed(sqlx::Error::PoolClosed))?;
        let mut connection = shared.connection().await.map_err(failed)?;
        let done = work(&mut connection).await;
        if done.as_ref().err().is_none_or(leaves_whole) {
            shared.idle().push((connection, Instant::now()));
        }
        done.map_err(failed)
    }

    fn observed(&self, statement: &Statement) {
        if let Some(observe) = &self.observe {
            observe(&statement.sql);
        }
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self) -> Result<Connection, sqlx::Error> {
        loop {
            let Some((mut connection, since)) = self.idle().pop() else { return self.options.connect().await };
            if since.elapsed() < IDLE || connection.ping().await.is_ok() {
                return Ok(connection);
            }
        }
    }
}

impl Options {
    async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(options) => Connection::Sqlite(options.connect().await?),
            Self::Postgres(options) => {
                let mut own = options.connect().await?;
                // Compiling a statement takes longer than any of ours, whatever the planner expects of it.
                sqlx::raw_sql("SET jit = off").execute(&mut own).await?;
                Connection::Postgres(own)
            }
        })
    }
}

/// A statement as the driver takes it.
pub(super) fn query(statement: Statement) -> (SqlStr, SqlxValues) {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    (sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(statement.sql)), SqlxValues(values))
}

impl Connection {
    async fn all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        let (sql, values) = query(statement);
        Ok(match self {
            Self::Sqlite(own) => {
                unseen(sqlx::query_with(sql, values).fetch_all(own)).await?.into_iter().map(Into::into).collect()
            }
            Self::Postgres(own) => {
                unseen(sqlx::query_with(sql, values).fetch_all(own)).await?.into_iter().map(Into::into).collect()
            }
        })
    }

    async fn one(&mut self, statement: Statement) -> Result<Option<QueryResult>, sqlx::Error> {
        let (sql, values) = query(statement);
        Ok(match self {
            Self::Sqlite(own) => sqlx::query_with(sql, values).fetch_optional(own).await?.map(Into::into),
            Self::Postgres(own) => sqlx::query_with(sql, values).fetch_optional(own).await?.map(Into::into),
        })
    }

    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, sqlx::Error> {
        let (sql, values) = query(statement);
        Ok(match self {
            Self::Sqlite(own) => sqlx::query_with(sql, values).execute(own).await?.into(),
            Self::Postgres(own) => sqlx::query_with(sql, values).execute(own).await?.into(),
        })
    }

    async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(own) => own.ping().await,
            Self::Postgres(own) => own.ping().await,
        }
    }

    async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(own) => own.close().await,
            Self::Postgres(own) => own.close().await,
        }
    }
}

/// Runs what the driver does without a log: it would enter and leave the request's span four times for each row, and says nothing.
async fn unseen<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let nobody = Dispatch::none();
    poll_fn(move |task| with_default(&nobody, || future.as_mut().poll(task))).await
}

/// Whether a connection can be used after the error: what the database refused leaves it as it was (but for class 57, the server's own
/// end); after anything else nobody knows.
fn leaves_whole(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(refused) if !refused.code().is_some_and(|code| code.starts_with("57")))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[async_trait]
impl ConnectionTrait for Reading {
    fn get_database_backend(&self) -> DatabaseBackend {
        match self.shared.options {
            Options::Sqlite(_) => DatabaseBackend::Sqlite,
            Options::Postgres(_) => DatabaseBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.observed(&statement);
        self.with(async |connection| connection.execute(statement).await).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.get_database_backend(), sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.observed(&statement);
        self.with(async |connection| connection.one(statement).await).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.observed(&statement);
        self.with(async |connection| connection.all(statement).await).await
    }
}
