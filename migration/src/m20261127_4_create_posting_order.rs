//! What orders ledger entries and certificates on PostgreSQL is written once, so that it can go on in a server that a dump is restored into.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The functions that number what is posted, with numbers that are `lead` before the server's own count of transactions.
///
/// A server that a dump is restored into has counted fewer than the one that it was taken from.
pub fn posting_functions(lead: i64) -> [String; 2] {
    [
        format!(
            "CREATE OR REPLACE FUNCTION posting_tx() RETURNS BIGINT LANGUAGE SQL VOLATILE AS \
             'SELECT pg_current_xact_id()::text::bigint + {lead}'"
        ),
        format!(
            "CREATE OR REPLACE FUNCTION settled_before() RETURNS BIGINT LANGUAGE SQL STABLE PARALLEL SAFE AS \
             'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {lead}'"
        ),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for function in posting_functions(0) {
            dialect::run(manager, &[&function]).await?;
        }
        for table in ["deposit", "certificate"] {
            dialect::run(manager, &[&format!("ALTER TABLE {table} ALTER COLUMN tx SET DEFAULT posting_tx()")]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in ["deposit", "certificate"] {
            let before = format!("ALTER TABLE {table} ALTER COLUMN tx SET DEFAULT (pg_current_xact_id()::text::bigint)");
            dialect::run(manager, &[&before]).await?;
        }
        dialect::run(manager, &["DROP FUNCTION posting_tx()", "DROP FUNCTION settled_before()"]).await
    }
}
