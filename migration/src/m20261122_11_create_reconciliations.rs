//! Reports of the reconciliation.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE reconciliation ( \
            id UUID PRIMARY KEY, \
            started_at BIGINT NOT NULL, \
            finished_at BIGINT NOT NULL, \
            accounts BIGINT NOT NULL, \
            feeds BIGINT NOT NULL, \
            found BIGINT NOT NULL, \
            repaired BIGINT NOT NULL, \
            differences TEXT NOT NULL \
        )",
    "CREATE INDEX sync_run_by_end ON sync_run (finished_at, id)",
];

const TABLES: &[&str] = &["reconciliation"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP INDEX sync_run_by_end"]).await?;
        dialect::drop(manager, TABLES).await
    }
}
