//! Vendor servers.

use sea_orm::entity::prelude::*;

/// A row of `server`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account that registered it.
    pub account_id: Uuid,
    /// `VendorKind`.
    pub vendor: String,
    /// Name for people.
    pub name: String,
    /// The name in lower case, for ordering.
    pub name_key: String,
    /// Name and address in lower case, for searching.
    pub search_key: String,
    /// Base address, https.
    pub url: String,
    /// Origin of the address: scheme, host and port.
    pub origin: String,
    /// IANA name of its zone.
    pub time_zone: String,
    /// `HH:MM` in its zone.
    pub nightly_at: String,
    /// Sealed credentials; null once removed.
    pub credentials: Option<Vec<u8>>,
    /// The user name; null for vendors that use a token.
    pub credentials_username: Option<String>,
    /// The secret masked down to its last characters.
    pub credentials_hint: String,
    /// When the credentials were last replaced.
    pub credentials_updated_at: i64,
    /// `HealthStatus`.
    pub health_status: String,
    /// `FailureReason`; null unless UNHEALTHY.
    pub health_reason: Option<String>,
    /// When it was last checked; null before the first check.
    pub health_checked_at: Option<i64>,
    /// When the status last changed; null while it never has.
    pub health_changed_at: Option<i64>,
    /// When a user paused it; null while not.
    pub paused_at: Option<i64>,
    /// When it was removed; null while not.
    pub removed_at: Option<i64>,
    /// Who collects from it; null for nobody.
    pub lease_owner: Option<String>,
    /// Grows with every lease; a commit under an older fence changes nothing.
    pub lease_fence: i64,
    /// When the lease ends.
    pub lease_until: i64,
    /// When the next nightly run is due; null while paused by a user or removed.
    pub next_nightly_at: Option<i64>,
    /// When the next check is due; null once removed.
    pub next_check_at: Option<i64>,
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
    /// By `account_id`.
    #[sea_orm(belongs_to = "super::account::Entity", from = "Column::AccountId", to = "super::account::Column::Id")]
    Account,
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
