//! Accounts and their closure: for each account a row with every account above it and with itself, so that a subtree is one join.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE account ( \
            id UUID PRIMARY KEY, \
            parent_id UUID REFERENCES account (id), \
            role TEXT NOT NULL, \
            status TEXT NOT NULL, \
            name TEXT NOT NULL, \
            name_key TEXT NOT NULL, \
            time_zone TEXT NOT NULL, \
            external_id TEXT, \
            created_at BIGINT NOT NULL, \
            updated_at BIGINT NOT NULL, \
            version INTEGER NOT NULL DEFAULT 1, \
            UNIQUE (parent_id, external_id) \
        )",
    "CREATE INDEX account_by_name ON account (name_key, id)",
    "CREATE INDEX account_by_update ON account (updated_at, id)",
    "CREATE TABLE account_closure ( \
            ancestor_id UUID NOT NULL REFERENCES account (id), \
            descendant_id UUID NOT NULL REFERENCES account (id), \
            depth INTEGER NOT NULL, \
            PRIMARY KEY (ancestor_id, descendant_id) \
        )",
    "CREATE INDEX account_closure_by_descendant ON account_closure (descendant_id)",
    "CREATE TABLE account_sequence ( \
            account_id UUID PRIMARY KEY REFERENCES account (id), \
            health_number BIGINT NOT NULL DEFAULT 0 \
        )",
];

const TABLES: &[&str] = &["account_sequence", "account_closure", "account"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
