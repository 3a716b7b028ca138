//! Feeds: one vendor customer mapped to one customer account.

use sea_orm::entity::prelude::*;

/// A row of `feed`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The server it is read from.
    pub server_id: Uuid,
    /// The account that gets the pages.
    pub account_id: Uuid,
    /// The customer's id on the vendor's server.
    pub external_id: String,
    /// Name as given by the dealer; null for none.
    pub given_name: Option<String>,
    /// The customer's name where the vendor reports one.
    pub vendor_name: Option<String>,
    /// The name people see in lower case; null for none.
    pub name_key: Option<String>,
    /// Name and external id in lower case, for searching.
    pub search_key: String,
    /// The first day that counts.
    pub activation_date: String,
    /// `CollectionScope`.
    pub scope: String,
    /// `account|vendor|origin|external id` of its server and itself, unique; null once ended.
    pub live_key: Option<String>,
    /// `HealthStatus`.
    pub health_status: String,
    /// `FailureReason`; null unless UNHEALTHY.
    pub health_reason: Option<String>,
    /// When it was last checked; null before the first check.
    pub health_checked_at: Option<i64>,
    /// When the status last changed; null while it never has.
    pub health_changed_at: Option<i64>,
    /// Whether the collection of a past activation date is under way.
    pub backfilling: bool,
    /// When a user paused it; null while not.
    pub paused_at: Option<i64>,
    /// When it was removed; null while not.
    pub ended_at: Option<i64>,
    /// When the vendor last heard from the customer's devices.
    pub last_data_at: Option<i64>,
    /// The last day whose pages are complete; the day before activation once the baseline is read.
    pub covered_through: Option<String>,
    /// The last day of a part that an earlier activation date put before the days collected already; null once it is collected.
    pub earlier_through: Option<String>,
    /// The last day of that part that is saved; null before the first.
    pub earlier_saved: Option<String>,
    /// Devices in the last answer; null before the first.
    pub device_count: Option<i32>,
    /// When it was created.
    pub created_at: i64,
    /// When a stored field last changed.
    pub updated_at: i64,
    /// Grows by one with each change of settings.
    pub version: i32,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `server_id`.
    #[sea_orm(belongs_to = "super::server::Entity", from = "Column::ServerId", to = "super::server::Column::Id")]
    Server,
    /// By `account_id`.
    #[sea_orm(belongs_to = "super::account::Entity", from = "Column::AccountId", to = "super::account::Column::Id")]
    Account,
}

impl Related<super::server::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Server.def()
    }
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
