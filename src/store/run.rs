//! Sync runs and their collections. [`transition`] is the only place where a run's status changes.

use std::collections::HashMap;

use coppice_entity::{collection, feed, server, sync_run};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    columns::{Word, columns},
    convert::{below, day, day_opt, insert, instant, named, reason},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::{Instant, from_millis},
    domain::{
        failure::Failure,
        pages::{Pages, StandardPages},
        paging::{Page, PageArgs},
        query::{CollectionsOf, SyncRunFilter},
        run::{Collection, Progress, SyncRun, SyncStatus, SyncTrigger},
    },
    id::Uuid,
};

const OPEN: [&str; 2] = [SyncStatus::Queued.as_str(), SyncStatus::Running.as_str()];

#[expect(clippy::needless_pass_by_value, reason = "a row is turned into a record")]
pub(super) fn from_row(row: sync_run::Model) -> Result<SyncRun, StoreError> {
    let why = reason("sync_run.error_reason", row.error_reason.as_deref())?;
    Ok(SyncRun {
        id: row.id,
        server_id: row.server_id,
        trigger: named("sync_run.trigger_kind", SyncTrigger::parse, &row.trigger_kind)?,
        status: named("sync_run.status", SyncStatus::parse, &row.status)?,
        due_at: from_millis(row.due_at),
        progress: Progress {
            seq: row.progress_seq,
            feeds_total: row.feeds_total,
            feeds_done: row.feeds_done,
            feeds_failed: row.feeds_failed,
            days_total: row.days_total,
            days_done: row.days_done,
            current_feed: row.current_feed_id,
            pages: row.pages,
        },
        requested_at: from_millis(row.requested_at),
        started_at: instant(row.started_at),
        finished_at: instant(row.finished_at),
        error: why.map(|reason| Failure { reason, next_attempt_at: instant(row.next_attempt_at) }),
    })
}

columns! {
    /// One run over one feed.
    struct CollectionRow {
        id: Uuid = collection::Column::Id,
        run_id: Uuid = collection::Column::RunId,
        feed_id: Uuid = collection::Column::FeedId,
        position: i32 = collection::Column::Position,
        status: Word = collection::Column::Status,
        from_day: Word = collection::Column::FromDay,
        to_day: Word = collection::Column::ToDay,
        saved_through: Option<Word> = collection::Column::SavedThrough,
        device_count: Option<i32> = collection::Column::DeviceCount,
        small: i64 = collection::Column::Small,
        large: i64 = collection::Column::Large,
        duplex: i64 = collection::Column::Duplex,
        standard: i64 = collection::Column::Standard,
        attempts: i32 = collection::Column::Attempts,
        next_attempt_at: Option<i64> = collection::Column::NextAttemptAt,
        started_at: Option<i64> = collection::Column::StartedAt,
        finished_at: Option<i64> = collection::Column::FinishedAt,
        error_reason: Option<Word> = collection::Column::ErrorReason,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a row is turned into a record")]
pub(super) fn collection_from_row(row: CollectionRow) -> Result<Collection, StoreError> {
    let why = reason("collection.error_reason", row.error_reason.as_deref())?;
    Ok(Collection {
        id: row.id,
        run_id: row.run_id,
        feed_id: row.feed_id,
        position: row.position,
        status: named("collection.status", SyncStatus::parse, &row.status)?,
        from: day("collection.from_day", &row.from_day)?,
        to: day("collection.to_day", &row.to_day)?,
        saved_through: day_opt("collection.saved_through", row.saved_through.as_deref())?,
        device_count: row.device_count,
        pages: Pages { small: row.small, large: row.large, duplex: row.duplex },
        standard: StandardPages(row.standard),
        attempts: row.attempts,
        started_at: instant(row.started_at),
        finished_at: instant(row.finished_at),
        error: why.map(|reason| Failure { reason, next_attempt_at: instant(row.next_attempt_at) }),
    })
}

fn with_servers() -> Select<sync_run::Entity> {
    sync_run::Entity::find().join(JoinType::InnerJoin, sync_run::Relation::Server.def())
}

/// Runs of the servers that `viewer` may see.
pub(super) fn seen_by(viewer: Uuid) -> Select<sync_run::Entity> {
    with_servers().filter(below(server::Column::AccountId, viewer))
}

/// The runs with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, SyncRun>, StoreError> {
    let rows = seen_by(viewer).filter(sync_run::Column::Id.is_in(ids.iter().copied())).all(from.db()).await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// A run, for the engine.
pub async fn find(from: &impl Source, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
    sync_run::Entity::find_by_id(id).one(from.db()).await?.map(from_row).transpose()
}

/// The open run of each of `servers` that `viewer` may see: the running one, else the one due first.
pub async fn current(from: &impl Source, viewer: Uuid, servers: &[Uuid]) -> Result<HashMap<Uuid, SyncRun>, StoreError> {
    use sync_run::Column as C;
    let rows = seen_by(viewer)
        .filter(C::ServerId.is_in(servers.iter().copied()))
        .filter(C::Status.is_in(OPEN))
        .order_by_asc(C::DueAt)
        .order_by_asc(C::Id)
        .all(from.db())
        .await?;
    let mut all: HashMap<Uuid, SyncRun> = HashMap::new();
    for row in rows {
        let run = from_row(row)?;
        match all.get(&run.server_id) {
            Some(chosen) if chosen.status == SyncStatus::Running || run.status != SyncStatus::Running => {}
            _ => {
                all.insert(run.server_id, run);
            }
        }
    }
    Ok(all)
}

/// A page of the runs that `viewer` may see, the latest requested first.
pub async fn list(store: &Store, viewer: Uuid, filter: &SyncRunFilter, args: &PageArgs) -> Result<Page<SyncRun>, StoreError> {
    use sync_run::Column as C;
    let (owned, wide) = store.owned(server::Column::AccountId, viewer, filter.account_id).await?;
    let mut all = Condition::all().add(owned);
    if let Some(server) = filter.server_id {
        all = all.add(C::ServerId.eq(server));
    }
    if !filter.trigger.is_empty() {
        all = all.add(C::TriggerKind.is_in(filter.trigger.iter().map(|trigger| trigger.as_str())));
    }
    if !filter.status.is_empty() {
        all = all.add(C::Status.is_in(filter.status.iter().map(|status| status.as_str())));
    }
    if let Some(since) = filter.requested_since {
        all = all.add(C::RequestedAt.gte(since.timestamp_millis()));
    }
    let keys = [SortKey::desc(C::RequestedAt.into_expr()), SortKey::desc(C::Id.into_expr())];
    let values = |row: &sync_run::Model| vec![KeyValue::Number(row.requested_at), KeyValue::id(row.id)];
    page(&store.db, with_servers().filter(all), "run", &SortKey::along(keys, wide), args, values, from_row).await
}

/// Collections of the feeds that `viewer` may see.
pub(super) fn collections_seen_by(viewer: Uuid) -> Select<collection::Entity> {
    CollectionRow::select(collection::Entity::find())
        .join(JoinType::InnerJoin, collection::Relation::Feed.def())
        .filter(below(feed::Column::AccountId, viewer))
}

/// The collections with these ids that `viewer` may see.
pub async fn collections_by_ids(
    from: &impl Source,
    viewer: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Collection>, StoreError> {
    let rows = collections_seen_by(viewer)
        .filter(collection::Column::Id.is_in(ids.iter().copied()))
        .into_model::<CollectionRow>()
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, collection_from_row(row)?))).collect()
}

/// A page of the collections of a run or feed that `viewer` may see.
pub async fn collections(
    store: &Store,
    viewer: Uuid,
    of: CollectionsOf,
    args: &PageArgs,
) -> Result<Page<Collection>, StoreError> {
    use collection::Column as C;
    match of {
        CollectionsOf::Run(run) => {
            let select = collections_seen_by(viewer).filter(C::RunId.eq(run));
            let keys = [SortKey::asc(C::Position.into_expr()), SortKey::asc(C::Id.into_expr())];
            let values = |row: &CollectionRow| vec![KeyValue::Number(row.position.into()), KeyValue::id(row.id)];
            page(&store.db, select, "collection.run", &keys, args, values, collection_from_row).await
        }
        CollectionsOf::Feed(feed) => {
            let select = collections_seen_by(viewer).filter(C::FeedId.eq(feed));
            // Ids are made in the order of creation.
            let keys = [SortKey::desc(C::Id.into_expr())];
            let values = |row: &CollectionRow| vec![KeyValue::id(row.id)];
            page(&store.db, select, "collection.feed", &keys, args, values, collection_from_row).await
        }
    }
}

/// The runs that are open or ended at `since` (in milliseconds) or later, of all servers, the first requested first; each with the account
/// of its server.
pub async fn moving(from: &impl Source, since: i64) -> Result<Vec<(SyncRun, Uuid)>, StoreError> {
    use sync_run::Column as C;
    with_accounts(from, C::Status.is_in(OPEN).or(C::FinishedAt.gte(since))).await
}

/// The runs with these ids, of all servers, each with the account of its server.
pub async fn told(from: &impl Source, ids: impl Iterator<Item = Uuid>) -> Result<Vec<(SyncRun, Uuid)>, StoreError> {
    let ids: Vec<Uuid> = ids.collect();
    let mut found = Vec::new();
    for some in ids.chunks(1_000) {
        found.append(&mut with_accounts(from, sync_run::Column::Id.is_in(some.iter().copied())).await?);
    }
    Ok(found)
}

async fn with_accounts(from: &impl Source, which: Expr) -> Result<Vec<(SyncRun, Uuid)>, StoreError> {
    use sync_run::Column as C;
    let rows = sync_run::Entity::find()
        .find_also_related(server::Entity)
        .filter(which)
        .order_by_asc(C::RequestedAt)
        .order_by_asc(C::Id)
        .all(from.db())
        .await?;
    rows.into_iter()
        .map(|(run, server)| Ok((from_row(run)?, server.ok_or(StoreError::Corrupt("sync_run.server_id"))?.account_id)))
        .collect()
}

/// The open run of a server with one of `triggers`, the one due first.
pub async fn open_of(from: &impl Source, server: Uuid, triggers: &[SyncTrigger]) -> Result<Option<SyncRun>, StoreError> {
    use sync_run::Column as C;
    sync_run::Entity::find()
        .filter(C::ServerId.eq(server))
        .filter(C::Status.is_in(OPEN))
        .filter(C::TriggerKind.is_in(triggers.iter().map(|trigger| trigger.as_str())))
        .order_by_asc(C::DueAt)
        .one(from.db())
        .await?
        .map(from_row)
        .transpose()
}

/// A run to be made.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Key.
    pub id: Uuid,
    /// The server to read from.
    pub server_id: Uuid,
    /// What starts it.
    pub trigger: SyncTrigger,
    /// When it is due; moved on to be unique per server and trigger.
    pub due_at: Instant,
    /// Public id of who asks; `None` for the schedule.
    pub requested_by: Option<String>,
    /// The feeds it is limited to; `None` for all.
    pub only_feeds: Option<Vec<Uuid>>,
}

fn only_feeds_text(feeds: &[Uuid]) -> String {
    let texts: Vec<String> = feeds.iter().map(|id| id.simple().to_string()).collect();
    serde_json::Value::from(texts).to_string()
}

/// The feeds that a run is limited to; `None` for all.
pub async fn only_feeds(from: &impl Source, run: Uuid) -> Result<Option<Vec<Uuid>>, StoreError> {
    let row = sync_run::Entity::find_by_id(run).one(from.db()).await?;
    row.and_then(|row| row.only_feeds).map(|text| read_only_feeds(&text)).transpose()
}

pub(super) fn read_only_feeds(text: &str) -> Result<Vec<Uuid>, StoreError> {
    let corrupt = || StoreError::Corrupt("sync_run.only_feeds");
    let texts: Vec<String> = serde_json::from_str(text).map_err(|_| corrupt())?;
    texts.iter().map(|text| Uuid::try_parse(text).map_err(|_| corrupt())).collect()
}

/// Adds a QUEUED run, not planned yet.
pub async fn insert_one(tx: &Tx, new: NewRun) -> Result<SyncRun, StoreError> {
    use sync_run::Column as C;
    let last: Option<Option<i64>> = sync_run::Entity::find()
        .select_only()
        .column_as(C::DueAt.max(), "last")
        .filter(C::ServerId.eq(new.server_id))
        .filter(C::TriggerKind.eq(new.trigger.as_str()))
        .into_tuple()
        .one(tx.db())
        .await?;
    let due_at = new.due_at.timestamp_millis();
    let row = sync_run::Model {
        id: new.id,
        server_id: new.server_id,
        trigger_kind: new.trigger.as_str().to_owned(),
        status: SyncStatus::Queued.as_str().to_owned(),
        due_at: last.flatten().map_or(due_at, |last| std::cmp::max(due_at, last + 1)),
        requested_at: tx.now_millis(),
        requested_by: new.requested_by,
        only_feeds: new.only_feeds.as_deref().map(only_feeds_text),
        planned: false,
        cancel_requested: false,
        started_at: None,
        finished_at: None,
        error_reason: None,
        next_attempt_at: None,
        crashes: 0,
        progress_seq: 1,
        feeds_total: 0,
        feeds_done: 0,
        feeds_failed: 0,
        days_total: 0,
        days_done: 0,
        current_feed_id: None,
        pages: 0,
    };
    insert(tx.db(), vec![row.clone()]).await?;
    from_row(row)
}

/// Makes a run of `new`, or adds its feeds to a QUEUED one of that server and trigger that is not planned yet.
pub async fn insert_or_join(tx: &Tx, new: NewRun) -> Result<SyncRun, StoreError> {
    use sync_run::Column as C;
    let waiting = sync_run::Entity::find()
        .filter(C::ServerId.eq(new.server_id))
        .filter(C::TriggerKind.eq(new.trigger.as_str()))
        .filter(C::Status.eq(SyncStatus::Queued.as_str()))
        .filter(C::Planned.eq(false))
        .one(tx.db())
        .await?;
    let Some(waiting) = waiting else { return insert_one(tx, new).await };
    let joined = match (&waiting.only_feeds, new.only_feeds) {
        (Some(text), Some(more)) => {
            let mut feeds = read_only_feeds(text)?;
            feeds.extend(more);
            Some(only_feeds_text(&feeds))
        }
        _ => None,
    };
    // A worker may plan it at this moment; then the condition fails and a run of its own is made.
    let done = sync_run::Entity::update_many()
        .col_expr(C::OnlyFeeds, Expr::val(joined))
        .filter(C::Id.eq(waiting.id))
        .filter(C::Planned.eq(false))
        .exec(tx.db())
        .await?;
    if done.rows_affected == 0 {
        return Err(StoreError::Taken);
    }
    from_row(waiting)
}

/// Moves a run on; `false` when its status does not allow it (it has ended, or is no longer what the caller saw). Starts and ends its
/// clock, raises `progress.seq`.
pub async fn transition(tx: &Tx, run: Uuid, to: SyncStatus, error: Option<Failure>) -> Result<bool, StoreError> {
    use sync_run::Column as C;
    let now = tx.now_millis();
    let mut update = sync_run::Entity::update_many()
        .col_expr(C::Status, Expr::val(to.as_str()))
        .col_expr(C::ErrorReason, Expr::val(error.map(|error| error.reason.as_str())))
        .col_expr(C::NextAttemptAt, Expr::val(error.and_then(|error| error.next_attempt_at).map(|at| at.timestamp_millis())))
        .col_expr(C::ProgressSeq, C::ProgressSeq.into_expr().add(1));
    if to == SyncStatus::Running {
        update = update.col_expr(C::StartedAt, C::StartedAt.into_expr().if_null(now));
    }
    if to.ended() {
        update = update.col_expr(C::FinishedAt, Expr::val(now)).col_expr(C::CurrentFeedId, Expr::val(None::<Uuid>));
    }
    let done = update.filter(C::Id.eq(run)).filter(C::Status.is_in(OPEN)).exec(tx.db()).await?;
    Ok(done.rows_affected == 1)
}

/// Ends a run's collections that have not ended.
pub async fn end_collections(tx: &Tx, run: Uuid, to: SyncStatus) -> Result<(), StoreError> {
    use collection::Column as C;
    collection::Entity::update_many()
        .col_expr(C::Status, Expr::val(to.as_str()))
        .col_expr(C::FinishedAt, Expr::val(tx.now_millis()))
        .col_expr(C::NextAttemptAt, Expr::val(None::<i64>))
        .filter(C::RunId.eq(run))
        .filter(C::Status.is_in(OPEN))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Asks a RUNNING run to stop at its next day or feed; `false` when it is not running.
pub async fn request_cancel(tx: &Tx, run: Uuid) -> Result<bool, StoreError> {
    use sync_run::Column as C;
    let done = sync_run::Entity::update_many()
        .col_expr(C::CancelRequested, Expr::val(true))
        .filter(C::Id.eq(run))
        .filter(C::Status.eq(SyncStatus::Running.as_str()))
        .exec(tx.db())
        .await?;
    Ok(done.rows_affected == 1)
}
