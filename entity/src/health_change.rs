//! Changes of health, numbered per account in commit order.

use sea_orm::entity::prelude::*;

/// A row of `health_change`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "health_change")]
pub struct Model {
    /// The server's or feed's account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// Place in the account's sequence, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// SERVER or FEED.
    pub subject_kind: String,
    /// The server or feed.
    pub subject_id: Uuid,
    /// The new `HealthStatus`.
    pub status: String,
    /// The `HealthStatus` before.
    pub previous_status: String,
    /// `FailureReason`; null unless UNHEALTHY.
    pub reason: Option<String>,
    /// When it changed.
    pub changed_at: i64,
    /// Place in the one sequence of all accounts.
    pub place: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
