//! A connection to PostgreSQL that a writer keeps from one transaction to the next.
//!
//! The pool asks the server whether a connection lives each time it takes one back, the transaction's beginning and its settings are two
//! more rounds, and a night is thousands of small transactions. Here it is one round for the beginning, and none for the pool.

use std::sync::Arc;

use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value};
use sqlx::{Arguments as _, AssertSqlSafe, PgPool, Postgres, pool::PoolConnection, postgres::PgArguments};
use tokio::sync::Mutex;

/// An open transaction on a connection that is taken out again at its end. Dropped before, the connection is closed.
pub(super) struct Kept(Mutex<Option<PoolConnection<Postgres>>>);

impl Kept {
    /// Begins by `begin`, whose first statement is BEGIN, on `kept` or, where there is none or it is lost, a connection of `pool`.
    pub(super) async fn begin(
        pool: &PgPool,
        kept: &mut Option<PoolConnection<Postgres>>,
        begin: &str,
    ) -> Result<Self, sqlx::Error> {
        if let Some(connection) = kept.take()
            && let Ok(begun) = Self::on(connection, begin).await
        {
            return Ok(begun);
        }
        Self::on(pool.acquire().await?, begin).await
    }

    async fn on(connection: PoolConnection<Postgres>, begin: &str) -> Result<Self, sqlx::Error> {
        let mut open = Self(Mutex::new(Some(connection)));
        open.run(begin).await?;
        Ok(open)
    }

    /// Commits, and gives the connection back.
    pub(super) async fn commit(mut self) -> Result<Option<PoolConnection<Postgres>>, DbErr> {
        self.run("COMMIT").await.map_err(failed)?;
        Ok(self.0.get_mut().take())
    }

    /// Takes everything back, and gives the connection back.
    pub(super) async fn roll_back(mut self) -> Result<Option<PoolConnection<Postgres>>, DbErr> {
        self.run("ROLLBACK").await.map_err(failed)?;
        Ok(self.0.get_mut().take())
    }

    async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        if let Some(connection) = self.0.get_mut() {
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **connection).await?;
        }
        Ok(())
    }

    pub(super) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let Statement { sql, values, .. } = statement;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values)?);
        let mut connection = self.0.lock().await;
        query.execute(&mut **connection.as_mut().ok_or_else(over)?).await.map(Into::into).map_err(failed)
    }

    pub(super) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Statement { sql, values, .. } = statement;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values)?);
        let mut connection = self.0.lock().await;
        let rows = query.fetch_all(&mut **connection.as_mut().ok_or_else(over)?).await.map_err(failed)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Whatever it was in the middle of.
        if let Some(mut connection) = self.0.get_mut().take() {
            connection.close_on_drop();
        }
    }
}

/// The kinds of values that the store's own statements have.
fn arguments(values: Option<sea_orm::Values>) -> Result<PgArguments, DbErr> {
    let mut arguments = PgArguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        let added = match value {
            Value::Bool(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::BigInt(value) => arguments.add(value),
            // Of LIMIT.
            Value::BigUnsigned(value) => arguments.add(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX))),
            Value::String(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value),
            other => return Err(DbErr::Type(format!("{other:?} is no kind of value that is written here"))),
        };
        added.map_err(|error| failed(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn over() -> DbErr {
    DbErr::Custom("the transaction has ended".to_owned())
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
