//! What the engine keeps of a feed's devices.

use sea_orm::entity::prelude::*;

/// A row of `fleet`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fleet")]
pub struct Model {
    /// The feed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feed_id: Uuid,
    /// A JSON array with one array a device: key, vendor's id, managed, counted, time of the last reading (ms), day of the last
    /// accepted reading, basis, meters (null before the baseline; small, large, duplex: first initial, initial, its day, mark, closed;
    /// sides, of duplex sheets), what is open. Days are numbers since 1970-01-01.
    pub devices: String,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
