//! The collections of one server, started by one trigger.

use sea_orm::entity::prelude::*;

/// A row of `sync_run`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_run")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The server read from.
    pub server_id: Uuid,
    /// `SyncTrigger`.
    pub trigger_kind: String,
    /// `SyncStatus`.
    pub status: String,
    /// When it was due; unique per server and trigger.
    pub due_at: i64,
    /// When it was asked for.
    pub requested_at: i64,
    /// Public id of who asked; null for the schedule.
    pub requested_by: Option<String>,
    /// JSON list of the feeds it is limited to; null for all.
    pub only_feeds: Option<String>,
    /// Whether its collections are written.
    pub planned: bool,
    /// Whether it stops at its next day or feed.
    pub cancel_requested: bool,
    /// When it began; null while queued.
    pub started_at: Option<i64>,
    /// When it ended; null while it has not.
    pub finished_at: Option<i64>,
    /// `FailureReason`; null for none.
    pub error_reason: Option<String>,
    /// When it goes on; null for now, or not before the next run.
    pub next_attempt_at: Option<i64>,
    /// How often it broke off since it last saved something.
    pub crashes: i32,
    /// Grows with every change of progress.
    pub progress_seq: i64,
    /// Feeds to read; 0 until planned.
    pub feeds_total: i32,
    /// Feeds read, failed ones included.
    pub feeds_done: i32,
    /// Feeds that failed.
    pub feeds_failed: i32,
    /// Days to read over all feeds; 0 until planned.
    pub days_total: i32,
    /// Days read over all feeds.
    pub days_done: i32,
    /// The feed being read; null for none.
    pub current_feed_id: Option<Uuid>,
    /// Pages posted so far, in sides.
    pub pages: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `server_id`.
    #[sea_orm(belongs_to = "super::server::Entity", from = "Column::ServerId", to = "super::server::Column::Id")]
    Server,
}

impl Related<super::server::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Server.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
