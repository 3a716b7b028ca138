//! Coppice's schema, the same list of migrations for SQLite and PostgreSQL.
//!
//! One file per aggregate, named `m<date>_<n>_<verb>_<noun>`; never edited once released, never importing the entities, so that
//! an old migration goes on meaning what it meant. To add one: a file with `up` and `down` statements and a line in
//! [`Migrator`]; `tests/it/store` runs the list up, down and up again on both databases.
//!
//! What every table follows: instants are epoch milliseconds (`BIGINT`), days `YYYY-MM-DD` and months `YYYY-MM` (`TEXT`), enums
//! their upper-case names (`TEXT`), keys UUIDs (16 bytes), pages `BIGINT`, standard pages `BIGINT` millionths. Text compares
//! by bytes on both databases. A `*_key` column holds text in lower case (by Unicode) for ordering and searching.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod dialect;
mod m20261122_11_create_reconciliations;
mod m20261122_1_create_accounts;
mod m20261122_20_create_projects;
mod m20261122_21_create_certificates;
mod m20261122_2_create_identities;
mod m20261122_3_create_servers;
mod m20261122_40_create_sessions;
mod m20261122_41_create_audit;
mod m20261122_4_create_feeds;
mod m20261122_5_create_fleets;
mod m20261122_6_create_runs;
mod m20261122_7_create_ledger;
mod m20261122_8_create_health;
mod m20261122_9_create_idempotency;
mod m20261127_1_create_sums_below;
mod m20261127_2_index_ledger;
mod m20261127_3_create_days_below;
mod m20261127_4_create_posting_order;

pub use m20261127_4_create_posting_order::posting_functions;

/// The migrations in their order.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_1_create_accounts::Migration),
            Box::new(m20261122_2_create_identities::Migration),
            Box::new(m20261122_3_create_servers::Migration),
            Box::new(m20261122_4_create_feeds::Migration),
            Box::new(m20261122_5_create_fleets::Migration),
            Box::new(m20261122_6_create_runs::Migration),
            Box::new(m20261122_7_create_ledger::Migration),
            Box::new(m20261122_8_create_health::Migration),
            Box::new(m20261122_9_create_idempotency::Migration),
            Box::new(m20261122_11_create_reconciliations::Migration),
            Box::new(m20261122_20_create_projects::Migration),
            Box::new(m20261122_21_create_certificates::Migration),
            Box::new(m20261122_40_create_sessions::Migration),
            Box::new(m20261122_41_create_audit::Migration),
            Box::new(m20261127_1_create_sums_below::Migration),
            Box::new(m20261127_2_index_ledger::Migration),
            Box::new(m20261127_3_create_days_below::Migration),
            Box::new(m20261127_4_create_posting_order::Migration),
        ]
    }
}
