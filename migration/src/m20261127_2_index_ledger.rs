//! Indexes that keep an account's ledger entries in the orders in which people and partners read them.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "DROP INDEX deposit_by_account",
            "CREATE INDEX deposit_by_account ON deposit (account_id, day, seq)",
            "CREATE INDEX deposit_by_account_posting ON deposit (account_id, tx, seq)",
            // A feed's days are in the order of what makes its entries unique.
            "DROP INDEX deposit_by_feed",
        ];
        dialect::run(manager, &statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "CREATE INDEX deposit_by_feed ON deposit (feed_id, day)",
            "DROP INDEX deposit_by_account_posting",
            "DROP INDEX deposit_by_account",
            "CREATE INDEX deposit_by_account ON deposit (account_id, day)",
        ];
        dialect::run(manager, &statements).await
    }
}
