//! Daily sums of all accounts below an account, as of months: each account's day keeps what of it was carried up, and a day whose sums
//! have moved on since is `uncarried` by itself.
//!
//! What has moved on is kept in the order of the period: it is read, and carried up, a period at a time.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The sums of a day.
const SUMS: [&str; 4] = ["small", "large", "duplex", "standard"];

/// The sums, each written by `of`, with `between` them.
fn sums(between: &str, of: impl Fn(&str) -> String) -> String {
    SUMS.map(of).join(between)
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (kept, list) = (sums(", ", |sum| format!("{sum} BIGINT NOT NULL DEFAULT 0")), SUMS.join(", "));
        // A new table takes a fraction of the time that changing each row of the old one would.
        let day = format!(
            "CREATE TABLE account_day ( \
                account_id UUID NOT NULL REFERENCES account (id), \
                day TEXT NOT NULL, \
                {kept}, \
                {}, \
                uncarried BOOLEAN GENERATED ALWAYS AS ({}) COMPUTED, \
                PRIMARY KEY (account_id, day) \
            )",
            sums(", ", |sum| format!("carried_{sum} BIGINT NOT NULL DEFAULT 0")),
            sums(" OR ", |sum| format!("{sum} <> carried_{sum}")),
        );
        let carried = format!(
            "INSERT INTO account_day (account_id, day, {list}, {}) SELECT account_id, day, {list}, {list} FROM account_day_before",
            sums(", ", |sum| format!("carried_{sum}")),
        );
        let table = format!(
            "CREATE TABLE account_day_below ( \
                account_id UUID NOT NULL REFERENCES account (id), \
                day TEXT NOT NULL, \
                {kept}, \
                PRIMARY KEY (account_id, day) \
            )"
        );
        let known = format!(
            "INSERT INTO account_day_below (account_id, day, {list}) \
             SELECT c.ancestor_id, d.day, {} FROM account_day d JOIN account_closure c ON c.descendant_id = d.account_id \
             WHERE c.depth > 0 GROUP BY c.ancestor_id, d.day",
            sums(", ", |sum| format!("sum(d.{sum})")),
        );
        let statements = [
            "ALTER TABLE account_day RENAME TO account_day_before",
            &day,
            &carried,
            "DROP TABLE account_day_before",
            &table,
            &known,
            "CREATE INDEX account_day_uncarried ON account_day (day, account_id) WHERE uncarried",
            "DROP INDEX account_month_uncarried",
            "CREATE INDEX account_month_uncarried ON account_month (month, account_id) WHERE uncarried",
        ];
        dialect::run(manager, &statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "DROP INDEX account_month_uncarried",
            "CREATE INDEX account_month_uncarried ON account_month (account_id, month) WHERE uncarried",
            "DROP INDEX account_day_uncarried",
            "ALTER TABLE account_day DROP COLUMN uncarried",
        ];
        dialect::run(manager, &statements).await?;
        dialect::drop(manager, &["account_day_below"]).await?;
        for sum in SUMS {
            dialect::run(manager, &[&format!("ALTER TABLE account_day DROP COLUMN carried_{sum}")]).await?;
        }
        Ok(())
    }
}
