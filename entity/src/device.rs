//! Devices with their meters' segments.

use sea_orm::entity::prelude::*;

/// A row of `device`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The server it is read from.
    pub server_id: Uuid,
    /// The feed it was seen in.
    pub feed_id: Uuid,
    /// The vendor's `DeviceID`; unique in its feed.
    pub vendor_device_id: String,
    /// Whether the vendor's server marks it as managed.
    pub managed: bool,
    /// Whether it is in the feed's scope.
    pub counted: bool,
    /// Time of its last reading; null while known but unread.
    pub last_read_at: Option<i64>,
    /// The day that reading belongs to.
    pub read_day: Option<String>,
    /// The counters it is read by, fixed at its baseline.
    pub basis: Option<String>,
    /// SMALL: initial of the first segment, in sides; null until first sight.
    pub small_first: Option<i64>,
    /// SMALL: initial of the current segment, in sides.
    pub small_initial: Option<i64>,
    /// SMALL: the day the current segment began.
    pub small_initial_day: Option<String>,
    /// SMALL: high-water mark, in sides.
    pub small_mark: Option<i64>,
    /// SMALL: counted by closed segments, in sides.
    pub small_closed: Option<i64>,
    /// LARGE: initial of the first segment, in sides; null until first sight.
    pub large_first: Option<i64>,
    /// LARGE: initial of the current segment, in sides.
    pub large_initial: Option<i64>,
    /// LARGE: the day the current segment began.
    pub large_initial_day: Option<String>,
    /// LARGE: high-water mark, in sides.
    pub large_mark: Option<i64>,
    /// LARGE: counted by closed segments, in sides.
    pub large_closed: Option<i64>,
    /// DUPLEX: initial of the first segment, in sheets; null until first sight.
    pub duplex_first: Option<i64>,
    /// DUPLEX: initial of the current segment, in sheets.
    pub duplex_initial: Option<i64>,
    /// DUPLEX: the day the current segment began.
    pub duplex_initial_day: Option<String>,
    /// DUPLEX: high-water mark, in sheets.
    pub duplex_mark: Option<i64>,
    /// DUPLEX: counted by closed segments, in sheets.
    pub duplex_closed: Option<i64>,
    /// A held reading as JSON; null for none.
    pub pending: Option<String>,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `feed_id`.
    #[sea_orm(belongs_to = "super::feed::Entity", from = "Column::FeedId", to = "super::feed::Column::Id")]
    Feed,
}

impl Related<super::feed::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Feed.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
