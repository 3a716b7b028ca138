//! Accounts: DISTRIBUTOR > PARTNER > CUSTOMER.

use sea_orm::entity::prelude::*;

/// A row of `account`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account above; null at the top.
    pub parent_id: Option<Uuid>,
    /// `AccountRole`.
    pub role: String,
    /// `ActiveStatus`.
    pub status: String,
    /// Name, as certificates show it.
    pub name: String,
    /// The name in lower case, for ordering and searching.
    pub name_key: String,
    /// IANA name of its zone.
    pub time_zone: String,
    /// The partner system's own id; unique under one parent.
    pub external_id: Option<String>,
    /// When it was created.
    pub created_at: i64,
    /// When a stored field last changed.
    pub updated_at: i64,
    /// Grows by one with each change of settings.
    pub version: i32,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
