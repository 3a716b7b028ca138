//! Monthly sums of all accounts below an account, so that what is read of a dealer or a distributor does not grow with the accounts below it.
//!
//! A night would wait at the distributor's row if it wrote there. So each account's month keeps what of it was carried up, and a month
//! whose sums have moved on since is `uncarried` by itself: whoever writes sums need not know of it.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The sums of a month.
const SUMS: [&str; 8] =
    ["small", "large", "duplex", "standard", "certified_small", "certified_large", "certified_duplex", "certified_standard"];

/// The sums, each written by `of`, with `between` them.
fn sums(between: &str, of: impl Fn(&str) -> String) -> String {
    SUMS.map(of).join(between)
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sum in SUMS {
            let column = format!("ALTER TABLE account_month ADD COLUMN carried_{sum} BIGINT NOT NULL DEFAULT 0");
            dialect::run(manager, &[&column]).await?;
        }
        let table = format!(
            "CREATE TABLE account_month_below ( \
                account_id UUID NOT NULL REFERENCES account (id), \
                month TEXT NOT NULL, \
                {}, \
                PRIMARY KEY (account_id, month) \
            )",
            sums(", ", |sum| format!("{sum} BIGINT NOT NULL DEFAULT 0")),
        );
        let known = format!(
            "INSERT INTO account_month_below (account_id, month, {}) \
             SELECT c.ancestor_id, m.month, {} FROM account_month m JOIN account_closure c ON c.descendant_id = m.account_id \
             WHERE c.depth > 0 GROUP BY c.ancestor_id, m.month",
            SUMS.join(", "),
            sums(", ", |sum| format!("sum(m.{sum})")),
        );
        let carried = format!("UPDATE account_month SET {}", sums(", ", |sum| format!("carried_{sum} = {sum}")));
        let uncarried = format!(
            "ALTER TABLE account_month ADD COLUMN uncarried BOOLEAN GENERATED ALWAYS AS ({}) COMPUTED",
            sums(" OR ", |sum| format!("{sum} <> carried_{sum}")),
        );
        let index = "CREATE INDEX account_month_uncarried ON account_month (account_id, month) WHERE uncarried";
        dialect::run(manager, &[&table, &known, &carried, &uncarried, index]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP INDEX account_month_uncarried", "ALTER TABLE account_month DROP COLUMN uncarried"])
            .await?;
        dialect::drop(manager, &["account_month_below"]).await?;
        for sum in SUMS {
            dialect::run(manager, &[&format!("ALTER TABLE account_month DROP COLUMN carried_{sum}")]).await?;
        }
        Ok(())
    }
}
