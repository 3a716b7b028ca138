//! The audit log: append-only by trigger, each entry with a digest over itself and the one before.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE audit_entry ( \
            seq BIGINT PRIMARY KEY, \
            at BIGINT NOT NULL, \
            actor TEXT NOT NULL, \
            request_id TEXT, \
            action TEXT NOT NULL, \
            object TEXT NOT NULL, \
            before_json TEXT, \
            after_json TEXT, \
            hash BYTES NOT NULL \
        )",
    "CREATE INDEX audit_entry_by_object ON audit_entry (object, seq)",
];

const APPEND_ONLY_SQLITE: &[&str] = &[
    "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry \
     BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry \
     BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
];

const APPEND_ONLY_POSTGRES: &[&str] = &[
    "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN RAISE EXCEPTION ''the audit log is append-only''; END'",
    "CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry \
     FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()",
    "CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry \
     FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        dialect::run(manager, if postgres { APPEND_ONLY_POSTGRES } else { APPEND_ONLY_SQLITE }).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, &["audit_entry"]).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::run(manager, &["DROP FUNCTION refuse_audit_change()"]).await?;
        }
        Ok(())
    }
}
