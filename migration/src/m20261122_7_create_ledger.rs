//! The ledger, append-only by trigger, and the sums of each account's own entries that people's reads are made of.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const DEPOSIT: &str = "CREATE TABLE deposit ( \
        seq SERIAL_KEY, \
        tx BIGINT NOT NULL DEFAULT TRANSACTION, \
        id UUID NOT NULL UNIQUE, \
        account_id UUID NOT NULL REFERENCES account (id), \
        feed_id UUID REFERENCES feed (id), \
        collection_id UUID, \
        day TEXT NOT NULL, \
        month TEXT NOT NULL, \
        number BIGINT NOT NULL, \
        small BIGINT NOT NULL, \
        large BIGINT NOT NULL, \
        duplex BIGINT NOT NULL, \
        standard BIGINT NOT NULL, \
        estimated BOOLEAN NOT NULL, \
        kind TEXT NOT NULL, \
        source_key TEXT NOT NULL, \
        note TEXT, \
        reversal_of UUID UNIQUE, \
        methodology_version INTEGER NOT NULL, \
        created_at BIGINT NOT NULL, \
        UNIQUE (feed_id, day, source_key), \
        UNIQUE (account_id, month, number) \
    )";

const UP: &[&str] = &[
    "CREATE INDEX deposit_by_account ON deposit (account_id, day)",
    "CREATE INDEX deposit_by_feed ON deposit (feed_id, day)",
    "CREATE INDEX deposit_by_posting ON deposit (tx, seq)",
    "CREATE TABLE account_month ( \
        account_id UUID NOT NULL REFERENCES account (id), \
        month TEXT NOT NULL, \
        small BIGINT NOT NULL DEFAULT 0, \
        large BIGINT NOT NULL DEFAULT 0, \
        duplex BIGINT NOT NULL DEFAULT 0, \
        standard BIGINT NOT NULL DEFAULT 0, \
        last_number BIGINT NOT NULL DEFAULT 0, \
        PRIMARY KEY (account_id, month) \
    )",
    "CREATE TABLE account_day ( \
        account_id UUID NOT NULL REFERENCES account (id), \
        day TEXT NOT NULL, \
        small BIGINT NOT NULL DEFAULT 0, \
        large BIGINT NOT NULL DEFAULT 0, \
        duplex BIGINT NOT NULL DEFAULT 0, \
        standard BIGINT NOT NULL DEFAULT 0, \
        PRIMARY KEY (account_id, day) \
    )",
];

const APPEND_ONLY_SQLITE: &[&str] = &[
    "CREATE TRIGGER deposit_no_update BEFORE UPDATE ON deposit \
     BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
    "CREATE TRIGGER deposit_no_delete BEFORE DELETE ON deposit \
     BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
];

const APPEND_ONLY_POSTGRES: &[&str] = &[
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN RAISE EXCEPTION ''ledger entries are append-only''; END'",
    "CREATE TRIGGER deposit_no_change BEFORE UPDATE OR DELETE ON deposit \
     FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER deposit_no_truncate BEFORE TRUNCATE ON deposit \
     FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        // Entries are read in the order of (tx, seq): on PostgreSQL a sequence alone is not the order of commits.
        let transaction = if postgres { "(pg_current_xact_id()::text::bigint)" } else { "0" };
        dialect::run(manager, &[&DEPOSIT.replace("TRANSACTION", transaction)]).await?;
        dialect::run(manager, UP).await?;
        dialect::run(manager, if postgres { APPEND_ONLY_POSTGRES } else { APPEND_ONLY_SQLITE }).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, &["account_day", "account_month", "deposit"]).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::run(manager, &["DROP FUNCTION refuse_change()"]).await?;
        }
        Ok(())
    }
}
