//! Vendor servers with their sealed credentials, and the days on which they were paused.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE server ( \
            id UUID PRIMARY KEY, \
            account_id UUID NOT NULL REFERENCES account (id), \
            vendor TEXT NOT NULL, \
            name TEXT NOT NULL, \
            name_key TEXT NOT NULL, \
            search_key TEXT NOT NULL, \
            url TEXT NOT NULL, \
            origin TEXT NOT NULL, \
            time_zone TEXT NOT NULL, \
            nightly_at TEXT NOT NULL, \
            credentials BYTES, \
            credentials_username TEXT, \
            credentials_hint TEXT NOT NULL, \
            credentials_updated_at BIGINT NOT NULL, \
            health_status TEXT NOT NULL, \
            health_reason TEXT, \
            health_checked_at BIGINT, \
            health_changed_at BIGINT, \
            paused_at BIGINT, \
            removed_at BIGINT, \
            lease_owner TEXT, \
            lease_fence BIGINT NOT NULL DEFAULT 0, \
            lease_until BIGINT NOT NULL DEFAULT 0, \
            next_nightly_at BIGINT, \
            next_check_at BIGINT, \
            created_at BIGINT NOT NULL, \
            updated_at BIGINT NOT NULL, \
            version INTEGER NOT NULL DEFAULT 1 \
        )",
    "CREATE INDEX server_by_account ON server (account_id)",
    "CREATE INDEX server_by_name ON server (name_key, id)",
    "CREATE INDEX server_by_update ON server (updated_at, id)",
    "CREATE INDEX server_by_night ON server (next_nightly_at)",
    "CREATE INDEX server_by_check ON server (next_check_at)",
    "CREATE TABLE server_pause ( \
            id UUID PRIMARY KEY, \
            server_id UUID NOT NULL REFERENCES server (id), \
            from_day TEXT NOT NULL, \
            to_day TEXT \
        )",
    "CREATE INDEX server_pause_by_server ON server_pause (server_id)",
];

const TABLES: &[&str] = &["server_pause", "server"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
