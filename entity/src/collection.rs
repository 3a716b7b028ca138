//! One run over one feed.

use sea_orm::entity::prelude::*;

/// A row of `collection`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "collection")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The run it is part of.
    pub run_id: Uuid,
    /// The feed read.
    pub feed_id: Uuid,
    /// Order of reading within the run, from 0.
    pub position: i32,
    /// `SyncStatus`.
    pub status: String,
    /// First day of the window, inclusive.
    pub from_day: String,
    /// Last day of the window, inclusive.
    pub to_day: String,
    /// Whether it reads a part that an earlier activation date put before the days collected already.
    pub earlier: bool,
    /// The last day of the window that is saved; null before the first.
    pub saved_through: Option<String>,
    /// Devices in the answer; null before it came.
    pub device_count: Option<i32>,
    /// Posted, in sides.
    pub small: i64,
    /// Posted, in sides.
    pub large: i64,
    /// Posted, in sheets.
    pub duplex: i64,
    /// Posted, in millionths of a standard page.
    pub standard: i64,
    /// Attempts made.
    pub attempts: i32,
    /// When it is tried again; null for not before the next run.
    pub next_attempt_at: Option<i64>,
    /// When it began; null while queued.
    pub started_at: Option<i64>,
    /// When it ended; null while it has not.
    pub finished_at: Option<i64>,
    /// `FailureReason` of the last attempt; null when it did not fail.
    pub error_reason: Option<String>,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `run_id`.
    #[sea_orm(belongs_to = "super::sync_run::Entity", from = "Column::RunId", to = "super::sync_run::Column::Id")]
    SyncRun,
    /// By `feed_id`.
    #[sea_orm(belongs_to = "super::feed::Entity", from = "Column::FeedId", to = "super::feed::Column::Id")]
    Feed,
}

impl Related<super::sync_run::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncRun.def()
    }
}

impl Related<super::feed::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Feed.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
