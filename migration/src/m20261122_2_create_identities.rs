//! People and keys of partner systems; of a key only a digest is kept.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE user_account ( \
            id UUID PRIMARY KEY, \
            account_id UUID NOT NULL REFERENCES account (id), \
            name TEXT NOT NULL, \
            email TEXT NOT NULL UNIQUE, \
            permission TEXT NOT NULL, \
            status TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            updated_at BIGINT NOT NULL, \
            version INTEGER NOT NULL DEFAULT 1 \
        )",
    "CREATE INDEX user_account_by_account ON user_account (account_id)",
    "CREATE TABLE api_key ( \
            id UUID PRIMARY KEY, \
            account_id UUID NOT NULL REFERENCES account (id), \
            name TEXT NOT NULL, \
            hint TEXT NOT NULL, \
            permission TEXT NOT NULL, \
            digest BYTES NOT NULL UNIQUE, \
            created_at BIGINT NOT NULL, \
            expires_at BIGINT, \
            revoked_at BIGINT, \
            last_used_at BIGINT \
        )",
    "CREATE INDEX api_key_by_account ON api_key (account_id)",
];

const TABLES: &[&str] = &["api_key", "user_account"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
