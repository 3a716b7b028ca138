//! Changes of health, numbered per account, and in one sequence of all accounts, in commit order.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    // One row for each sequence that spans accounts; its lock makes numbers follow commit order.
    "CREATE TABLE sequence ( \
            name TEXT PRIMARY KEY, \
            number BIGINT NOT NULL \
        )",
    "INSERT INTO sequence (name, number) VALUES ('health', 0)",
    "CREATE TABLE health_change ( \
            account_id UUID NOT NULL REFERENCES account (id), \
            number BIGINT NOT NULL, \
            subject_kind TEXT NOT NULL, \
            subject_id UUID NOT NULL, \
            status TEXT NOT NULL, \
            previous_status TEXT NOT NULL, \
            reason TEXT, \
            changed_at BIGINT NOT NULL, \
            place BIGINT NOT NULL UNIQUE, \
            PRIMARY KEY (account_id, number) \
        )",
    "CREATE INDEX health_change_by_subject ON health_change (subject_id, number)",
];

const TABLES: &[&str] = &["health_change", "sequence"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
