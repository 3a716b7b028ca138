//! Idempotency keys with what their mutation made, kept for 24 hours.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE idempotency ( \
            account_id UUID NOT NULL REFERENCES account (id), \
            mutation TEXT NOT NULL, \
            key TEXT NOT NULL, \
            args_digest BYTES NOT NULL, \
            result TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            PRIMARY KEY (account_id, mutation, key) \
        )",
    "CREATE INDEX idempotency_by_age ON idempotency (created_at)",
];

const TABLES: &[&str] = &["idempotency"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
