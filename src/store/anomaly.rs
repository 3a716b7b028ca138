//! What stood out in feeds' counters.

use std::collections::HashMap;

use coppice_entity::{anomaly, feed};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Condition, Expr},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{below, day, instant, named},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::from_millis,
    domain::{
        anomaly::{Anomaly, AnomalyKind, AnomalyStatus},
        device::MeterKind,
        paging::{Page, PageArgs},
        query::AnomalyFilter,
    },
    id::Uuid,
};

pub(super) fn from_row(row: anomaly::Model) -> Result<Anomaly, StoreError> {
    Ok(Anomaly {
        id: row.id,
        feed_id: row.feed_id,
        device_id: row.device_id,
        meter: row.meter.map(|meter| named("anomaly.meter", MeterKind::parse, &meter)).transpose()?,
        kind: named("anomaly.kind", AnomalyKind::parse, &row.kind)?,
        status: named("anomaly.status", AnomalyStatus::parse, &row.status)?,
        from: day("anomaly.from_day", &row.from_day)?,
        to: day("anomaly.to_day", &row.to_day)?,
        previous_count: row.previous_count,
        count: row.count,
        held: row.held,
        note: row.note,
        raised_at: from_millis(row.raised_at),
        resolved_at: instant(row.resolved_at),
    })
}

/// The anomalies with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Anomaly>, StoreError> {
    let rows = anomaly::Entity::find()
        .join(JoinType::InnerJoin, anomaly::Relation::Feed.def())
        .filter(anomaly::Column::Id.is_in(ids.iter().copied()))
        .filter(below(feed::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// Notes how an anomaly was decided: nothing is held by it any more.
pub async fn resolve(tx: &Tx, id: Uuid, status: AnomalyStatus, note: Option<&str>, by: &str) -> Result<(), StoreError> {
    use anomaly::Column as C;
    anomaly::Entity::update_many()
        .col_expr(C::Status, Expr::val(status.as_str()))
        .col_expr(C::Held, Expr::val(0_i64))
        .col_expr(C::Note, Expr::val(note))
        .col_expr(C::ResolvedAt, Expr::val(tx.now_millis()))
        .col_expr(C::ResolvedBy, Expr::val(by))
        .filter(C::Id.eq(id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// A page of the anomalies that `viewer` may see.
pub async fn list(store: &Store, viewer: Uuid, filter: &AnomalyFilter, args: &PageArgs) -> Result<Page<Anomaly>, StoreError> {
    use anomaly::Column as C;
    let (owned, wide) = store.owned(feed::Column::AccountId, viewer, filter.account_id).await?;
    let mut all = Condition::all().add(owned);
    if let Some(feed) = filter.feed_id {
        all = all.add(C::FeedId.eq(feed));
    }
    if !filter.status.is_empty() {
        all = all.add(C::Status.is_in(filter.status.iter().map(|status| status.as_str())));
    }
    let select = anomaly::Entity::find().join(JoinType::InnerJoin, anomaly::Relation::Feed.def()).filter(all);
    let keys = [SortKey::desc(C::RaisedAt.into_expr()), SortKey::desc(C::Id.into_expr())];
    let values = |row: &anomaly::Model| vec![KeyValue::Number(row.raised_at), KeyValue::id(row.id)];
    page(&store.db, select, "anomaly", &SortKey::along(keys, wide), args, values, from_row).await
}
