//! Multi-row statements for both databases.
//!
//! A night is thousands of small commits, and most of their cost is hand-offs between threads, one per statement. So each table
//! gets one statement for all rows that a batch has for it. Row counts are capped, so that the texts are few enough to stay
//! in the driver's cache of prepared statements.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Most rows of one statement: 128 rows of 30 columns stay below SQLite's 32,766 parameters.
pub(in crate::store) const MAX_ROWS: usize = 128;

/// Rows waiting for one multi-row statement; `casts` names the PostgreSQL type of each column, since it cannot infer the types of
/// a bare VALUES list.
pub(in crate::store) struct Rows {
    casts: &'static [&'static str],
    values: Vec<Value>,
}

impl Rows {
    pub(in crate::store) fn new(casts: &'static [&'static str]) -> Self {
        Self { casts, values: Vec::new() }
    }

    pub(in crate::store) fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        self.values.extend(row);
        debug_assert_eq!(self.values.len() % self.casts.len(), 0);
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Runs `head (VALUES ..) tail` for all rows, in as few statements as fit, and collects what they return.
    pub(in crate::store) async fn query<C: ConnectionTrait>(
        self,
        db: &C,
        head: &str,
        tail: &str,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        for statement in self.statements(db.get_database_backend(), head, tail) {
            found.extend(db.query_all_raw(statement).await?);
        }
        Ok(found)
    }

    /// Runs `head (VALUES ..) tail` for all rows and gives the number of rows changed.
    pub(in crate::store) async fn execute<C: ConnectionTrait>(self, db: &C, head: &str, tail: &str) -> Result<u64, DbErr> {
        let mut changed = 0;
        for statement in self.statements(db.get_database_backend(), head, tail) {
            changed += db.execute_raw(statement).await?.rows_affected();
        }
        Ok(changed)
    }

    fn statements(self, backend: DbBackend, head: &str, tail: &str) -> Vec<Statement> {
        let width = self.casts.len();
        let mut rest = self.values;
        let mut statements = Vec::with_capacity(rest.len() / (width * MAX_ROWS) + 1);
        while !rest.is_empty() {
            let next = rest.split_off(rest.len().min(width * MAX_ROWS));
            let mut sql = String::with_capacity(head.len() + tail.len() + rest.len() * 6 + 8);
            sql.push_str(head);
            push_values(&mut sql, backend, self.casts, rest.len() / width);
            sql.push_str(tail);
            statements.push(Statement::from_sql_and_values(backend, sql, rest));
            rest = next;
        }
        statements
    }
}

/// `VALUES (..),(..)` with the database's placeholders; the first row carries the casts.
fn push_values(sql: &mut String, backend: DbBackend, casts: &[&str], rows: usize) {
    sql.push_str("VALUES ");
    let mut parameter = 0;
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for (column, cast) in casts.iter().enumerate() {
            if column > 0 {
                sql.push(',');
            }
            parameter += 1;
            if backend == DbBackend::Postgres {
                sql.push('$');
                sql.push_str(itoa(parameter).as_str());
                if row == 0 {
                    sql.push_str("::");
                    sql.push_str(cast);
                }
            } else {
                sql.push('?');
            }
        }
        sql.push(')');
    }
}

fn itoa(number: usize) -> String {
    number.to_string()
}

/// `?1` or `$1` style text for a statement with few parameters: write `?` for each.
pub(in crate::store) fn statement(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    if backend != DbBackend::Postgres {
        return Statement::from_sql_and_values(backend, sql, values);
    }
    let mut text = String::with_capacity(sql.len() + 16);
    let mut parameter = 0;
    for part in sql.split_inclusive('?') {
        match part.strip_suffix('?') {
            Some(before) => {
                parameter += 1;
                text.push_str(before);
                text.push('$');
                text.push_str(&parameter.to_string());
            }
            None => text.push_str(part),
        }
    }
    Statement::from_sql_and_values(backend, text, values)
}
