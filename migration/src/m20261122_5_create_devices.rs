//! Devices with their meters' segments, and what stood out in their counters.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE device ( \
            id UUID PRIMARY KEY, \
            server_id UUID NOT NULL REFERENCES server (id), \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            vendor_device_id TEXT NOT NULL, \
            managed BOOLEAN NOT NULL, \
            counted BOOLEAN NOT NULL, \
            last_read_at BIGINT, \
            read_day TEXT, \
            basis TEXT, \
            small_first BIGINT, \
            small_initial BIGINT, \
            small_initial_day TEXT, \
            small_mark BIGINT, \
            small_closed BIGINT, \
            large_first BIGINT, \
            large_initial BIGINT, \
            large_initial_day TEXT, \
            large_mark BIGINT, \
            large_closed BIGINT, \
            duplex_first BIGINT, \
            duplex_initial BIGINT, \
            duplex_initial_day TEXT, \
            duplex_mark BIGINT, \
            duplex_closed BIGINT, \
            pending TEXT, \
            UNIQUE (feed_id, vendor_device_id) \
        )",
    "CREATE INDEX device_by_server ON device (server_id, vendor_device_id)",
    // States of devices in the days that an earlier activation date put before those collected already, until both are joined.
    "CREATE TABLE earlier_device ( \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            vendor_device_id TEXT NOT NULL, \
            state TEXT NOT NULL, \
            PRIMARY KEY (feed_id, vendor_device_id) \
        )",
    "CREATE TABLE anomaly ( \
            id UUID PRIMARY KEY, \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            device_id UUID REFERENCES device (id), \
            meter TEXT, \
            kind TEXT NOT NULL, \
            status TEXT NOT NULL, \
            from_day TEXT NOT NULL, \
            to_day TEXT NOT NULL, \
            previous_count BIGINT, \
            count BIGINT, \
            held BIGINT NOT NULL DEFAULT 0, \
            source_key TEXT NOT NULL, \
            note TEXT, \
            raised_at BIGINT NOT NULL, \
            resolved_at BIGINT, \
            resolved_by TEXT, \
            UNIQUE (feed_id, source_key) \
        )",
    "CREATE INDEX anomaly_by_feed ON anomaly (feed_id, raised_at)",
    "CREATE INDEX anomaly_by_status ON anomaly (status)",
];

const TABLES: &[&str] = &["anomaly", "earlier_device", "device"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
