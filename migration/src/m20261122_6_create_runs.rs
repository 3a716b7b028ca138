//! Sync runs, their collections, and the ticks of the schedules: the truth that queued jobs are made from.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE sync_run ( \
            id UUID PRIMARY KEY, \
            server_id UUID NOT NULL REFERENCES server (id), \
            trigger_kind TEXT NOT NULL, \
            status TEXT NOT NULL, \
            due_at BIGINT NOT NULL, \
            requested_at BIGINT NOT NULL, \
            requested_by TEXT, \
            only_feeds TEXT, \
            planned BOOLEAN NOT NULL DEFAULT FALSE, \
            cancel_requested BOOLEAN NOT NULL DEFAULT FALSE, \
            started_at BIGINT, \
            finished_at BIGINT, \
            error_reason TEXT, \
            next_attempt_at BIGINT, \
            crashes INTEGER NOT NULL DEFAULT 0, \
            progress_seq BIGINT NOT NULL DEFAULT 0, \
            feeds_total INTEGER NOT NULL DEFAULT 0, \
            feeds_done INTEGER NOT NULL DEFAULT 0, \
            feeds_failed INTEGER NOT NULL DEFAULT 0, \
            days_total INTEGER NOT NULL DEFAULT 0, \
            days_done INTEGER NOT NULL DEFAULT 0, \
            current_feed_id UUID, \
            pages BIGINT NOT NULL DEFAULT 0, \
            UNIQUE (server_id, trigger_kind, due_at) \
        )",
    "CREATE INDEX sync_run_by_status ON sync_run (status, server_id)",
    "CREATE INDEX sync_run_by_server ON sync_run (server_id, requested_at)",
    "CREATE INDEX sync_run_by_request ON sync_run (requested_at, id)",
    "CREATE TABLE collection ( \
            id UUID PRIMARY KEY, \
            run_id UUID NOT NULL REFERENCES sync_run (id), \
            feed_id UUID NOT NULL REFERENCES feed (id), \
            position INTEGER NOT NULL, \
            status TEXT NOT NULL, \
            from_day TEXT NOT NULL, \
            to_day TEXT NOT NULL, \
            earlier BOOLEAN NOT NULL DEFAULT FALSE, \
            saved_through TEXT, \
            device_count INTEGER, \
            small BIGINT NOT NULL DEFAULT 0, \
            large BIGINT NOT NULL DEFAULT 0, \
            duplex BIGINT NOT NULL DEFAULT 0, \
            standard BIGINT NOT NULL DEFAULT 0, \
            attempts INTEGER NOT NULL DEFAULT 0, \
            next_attempt_at BIGINT, \
            started_at BIGINT, \
            finished_at BIGINT, \
            error_reason TEXT, \
            UNIQUE (run_id, feed_id) \
        )",
    "CREATE INDEX collection_by_position ON collection (run_id, position)",
    "CREATE INDEX collection_by_feed ON collection (feed_id, id)",
    "CREATE TABLE schedule_tick ( \
            schedule TEXT NOT NULL, \
            due_at BIGINT NOT NULL, \
            fired_at BIGINT NOT NULL, \
            PRIMARY KEY (schedule, due_at) \
        )",
];

const TABLES: &[&str] = &["schedule_tick", "collection", "sync_run"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
