//! Devices, what the engine keeps of each feed's, and what stood out in their counters.

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
            UNIQUE (feed_id, vendor_device_id) \
        )",
    "CREATE INDEX device_by_server ON device (server_id, vendor_device_id)",
    // What the engine keeps of a feed's devices, whole: a JSON array of arrays (`store/collecting/fleet.rs`).
    "CREATE TABLE fleet ( \
            feed_id UUID PRIMARY KEY REFERENCES feed (id), \
            devices TEXT NOT NULL \
        )",
    // The same in the days that an earlier activation date put before those collected already, until both are joined.
    "CREATE TABLE earlier_fleet ( \
            feed_id UUID PRIMARY KEY REFERENCES feed (id), \
            devices TEXT NOT NULL \
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

const TABLES: &[&str] = &["anomaly", "earlier_fleet", "fleet", "device"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
