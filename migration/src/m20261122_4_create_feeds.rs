//! Feeds, the days a user's pause leaves out, and what is posted and known of each of a feed's days.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE feed ( \
            id UUID PRIMARY KEY, \
            server_id UUID NOT NULL REFERENCES server (id), \
            account_id UUID NOT NULL REFERENCES account (id), \
            external_id TEXT NOT NULL, \
            given_name TEXT, \
            vendor_name TEXT, \
            name_key TEXT, \
            search_key TEXT NOT NULL, \
            activation_date TEXT NOT NULL, \
            scope TEXT NOT NULL, \
            live_key TEXT UNIQUE, \
            health_status TEXT NOT NULL, \
            health_reason TEXT, \
            health_checked_at BIGINT, \
            health_changed_at BIGINT, \
            backfilling BOOLEAN NOT NULL DEFAULT FALSE, \
            paused_at BIGINT, \
            ended_at BIGINT, \
            last_data_at BIGINT, \
            covered_through TEXT, \
            earlier_through TEXT, \
            earlier_saved TEXT, \
            device_count INTEGER, \
            created_at BIGINT NOT NULL, \
            updated_at BIGINT NOT NULL, \
            version INTEGER NOT NULL DEFAULT 1 \
        )",
    "CREATE INDEX feed_by_server ON feed (server_id)",
    "CREATE INDEX feed_by_account ON feed (account_id)",
    "CREATE INDEX feed_by_external_id ON feed (external_id)",
    "CREATE INDEX feed_by_name ON feed (name_key, id)",
    "CREATE INDEX feed_by_update ON feed (updated_at, id)",
    "CREATE TABLE feed_pause ( \
            id UUID PRIMARY KEY, \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            from_day TEXT NOT NULL, \
            to_day TEXT, \
            resumed_at BIGINT \
        )",
    "CREATE INDEX feed_pause_by_feed ON feed_pause (feed_id)",
    "CREATE TABLE feed_day ( \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            day TEXT NOT NULL, \
            small BIGINT NOT NULL DEFAULT 0, \
            large BIGINT NOT NULL DEFAULT 0, \
            duplex BIGINT NOT NULL DEFAULT 0, \
            report TEXT, \
            revision BIGINT NOT NULL DEFAULT 0, \
            open BOOLEAN NOT NULL DEFAULT FALSE, \
            lower_small BIGINT, \
            lower_large BIGINT, \
            lower_duplex BIGINT, \
            lower_night TEXT, \
            PRIMARY KEY (feed_id, day) \
        )",
];

const TABLES: &[&str] = &["feed_day", "feed_pause", "feed"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
