//! Daily sums of all accounts below an account, and through which entry of the ledger they go.
//!
//! Whoever posts knows of neither: entries that come after that one in the order of posting are added by whoever reads, until they are
//! carried up.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE account_day_below ( \
        account_id UUID NOT NULL REFERENCES account (id), \
        day TEXT NOT NULL, \
        small BIGINT NOT NULL DEFAULT 0, \
        large BIGINT NOT NULL DEFAULT 0, \
        duplex BIGINT NOT NULL DEFAULT 0, \
        standard BIGINT NOT NULL DEFAULT 0, \
        PRIMARY KEY (account_id, day) \
    )",
    "CREATE TABLE carried_through (id INTEGER PRIMARY KEY, tx BIGINT NOT NULL, seq BIGINT NOT NULL)",
];

const KNOWN: &[&str] = &[
    "INSERT INTO account_day_below (account_id, day, small, large, duplex, standard) \
     SELECT c.ancestor_id, d.day, sum(d.small), sum(d.large), sum(d.duplex), sum(d.standard) \
     FROM carried_through k CROSS JOIN deposit d JOIN account_closure c ON c.descendant_id = d.account_id \
     WHERE (d.tx, d.seq) <= (k.tx, k.seq) AND c.depth > 0 GROUP BY c.ancestor_id, d.day",
    // Months that have moved on are read, and carried up, a month at a time.
    "DROP INDEX account_month_uncarried",
    "CREATE INDEX account_month_uncarried ON account_month (month, account_id) WHERE uncarried",
];

const DOWN: &[&str] = &[
    "DROP INDEX account_month_uncarried",
    "CREATE INDEX account_month_uncarried ON account_month (account_id, month) WHERE uncarried",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await?;
        // Other nodes may be posting: what is not settled now is carried up later.
        let settled = match manager.get_database_backend() {
            DbBackend::Postgres => {
                "INSERT INTO carried_through (id, tx, seq) \
                 VALUES (1, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807)"
            }
            _ => "INSERT INTO carried_through (id, tx, seq) SELECT 1, 0, COALESCE(max(seq), 0) FROM deposit",
        };
        dialect::run(manager, &[settled]).await?;
        dialect::run(manager, KNOWN).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await?;
        dialect::drop(manager, &["carried_through", "account_day_below"]).await
    }
}
