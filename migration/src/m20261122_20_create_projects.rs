//! Reforestation projects, and which an account's certificates go to.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE project ( \
            id UUID PRIMARY KEY, \
            name TEXT NOT NULL, \
            name_key TEXT NOT NULL, \
            country TEXT NOT NULL, \
            latitude BIGINT, \
            longitude BIGINT, \
            description TEXT NOT NULL, \
            verifier TEXT, \
            image_url TEXT, \
            status TEXT NOT NULL, \
            is_default BOOLEAN NOT NULL DEFAULT FALSE, \
            stock BIGINT, \
            allocated BIGINT NOT NULL DEFAULT 0, \
            created_at BIGINT NOT NULL, \
            updated_at BIGINT NOT NULL \
        )",
    "CREATE INDEX project_by_name ON project (name_key, id)",
    "CREATE UNIQUE INDEX project_default ON project (is_default) WHERE is_default",
    "CREATE TABLE account_project ( \
            account_id UUID NOT NULL REFERENCES account (id), \
            position INTEGER NOT NULL, \
            project_id UUID NOT NULL REFERENCES project (id), \
            PRIMARY KEY (account_id, position), \
            UNIQUE (account_id, project_id) \
        )",
];

const TABLES: &[&str] = &["account_project", "project"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop(manager, TABLES).await
    }
}
