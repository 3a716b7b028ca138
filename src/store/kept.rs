//! A connection to PostgreSQL that a writer keeps from one transaction to the next.
//!
//! The pool asks the server whether a connection lives each time it takes one back, the transaction's beginning and its settings are two
//! more rounds, and a night is thousands of small transactions. Here it is one round for the beginning, and none for the pool.

use std::sync::Arc;

use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sqlx::{AssertSqlSafe, PgPool, Postgres, pool::PoolConnection};
use tokio::sync::Mutex;

use super::reading::query;

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
        let (sql, values) = query(statement);
        let query = sqlx::query_with(sql, values);
        let mut connection = self.0.lock().await;
        query.execute(&mut **connection.as_mut().ok_or_else(over)?).await.map(Into::into).map_err(failed)
    }

    pub(super) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, values) = query(statement);
        let query = sqlx::query_with(sql, values);
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

fn over() -> DbErr {
    DbErr::Custom("the transaction has ended".to_owned())
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
