//! Sign-in: passwords, sessions, one-time addresses for setting a password, and failed attempts. Of every secret only a digest is kept, of
//! passwords an Argon2id hash.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE user_account ADD COLUMN name_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE user_account ADD COLUMN password TEXT",
    // SQLite lowers ASCII letters only; a name with others finds its place in lists when it is next changed.
    "UPDATE user_account SET name_key = lower(name)",
    "CREATE INDEX user_account_by_name ON user_account (account_id, name_key, id)",
    "CREATE INDEX api_key_by_creation ON api_key (account_id, created_at, id)",
    "CREATE TABLE user_session ( \
            id UUID PRIMARY KEY, \
            user_id UUID NOT NULL REFERENCES user_account (id), \
            session BYTES NOT NULL UNIQUE, \
            once BYTES NOT NULL, \
            created_at BIGINT NOT NULL, \
            renewed_at BIGINT NOT NULL, \
            expires_at BIGINT NOT NULL \
        )",
    "CREATE INDEX user_session_by_user ON user_session (user_id)",
    "CREATE INDEX user_session_by_expiry ON user_session (expires_at)",
    "CREATE TABLE password_link ( \
            user_id UUID PRIMARY KEY REFERENCES user_account (id), \
            digest BYTES NOT NULL UNIQUE, \
            expires_at BIGINT NOT NULL \
        )",
    "CREATE TABLE sign_in_failure ( \
            subject BYTES PRIMARY KEY, \
            failures BIGINT NOT NULL, \
            last_at BIGINT NOT NULL \
        )",
    "CREATE INDEX sign_in_failure_by_age ON sign_in_failure (last_at)",
];

const TABLES: &[&str] = &["sign_in_failure", "password_link", "user_session"];

const DOWN: &[&str] = &[
    "DROP INDEX api_key_by_creation",
    "DROP INDEX user_account_by_name",
    "ALTER TABLE user_account DROP COLUMN password",
    "ALTER TABLE user_account DROP COLUMN name_key",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await?;
        dialect::run(manager, DOWN).await
    }
}
