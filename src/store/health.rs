//! Changes of health, and what needs attention.

use std::collections::HashMap;

use coppice_entity::{account_closure, account_sequence, anomaly, feed, health_change, server};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, JoinType, QueryFilter, QueryOrder as _, QuerySelect, RelationTrait, Select,
    Statement,
    sea_query::{Condition, ExprTrait as _, Func},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{below, insert, named, reason},
    paging::{KeyValue, SortKey, decode, encode, page},
};
use crate::{
    clock::from_millis,
    domain::{
        anomaly::AnomalyStatus,
        device::MeterKind,
        failure::FailureReason,
        health::{HealthChange, HealthStatus, HealthSubject},
        pages::Pages,
        paging::{Page, PageArgs},
        query::{HealthCounts, HealthSummary},
    },
    id::Uuid,
};

/// Names the list in cursors.
pub(super) const LIST: &str = "health";

pub(super) const SERVER: &str = "SERVER";
pub(super) const FEED: &str = "FEED";

const fn parts(subject: HealthSubject) -> (&'static str, Uuid) {
    match subject {
        HealthSubject::Server(id) => (SERVER, id),
        HealthSubject::Feed(id) => (FEED, id),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a row is turned into a record")]
pub(super) fn from_row(row: health_change::Model) -> Result<HealthChange, StoreError> {
    let subject = match row.subject_kind.as_str() {
        SERVER => HealthSubject::Server(row.subject_id),
        FEED => HealthSubject::Feed(row.subject_id),
        _ => return Err(StoreError::Corrupt("health_change.subject_kind")),
    };
    Ok(HealthChange {
        account_id: row.account_id,
        number: row.number,
        subject,
        status: named("health_change.status", HealthStatus::parse, &row.status)?,
        previous_status: named("health_change.previous_status", HealthStatus::parse, &row.previous_status)?,
        reason: reason("health_change.reason", row.reason.as_deref())?,
        changed_at: from_millis(row.changed_at),
    })
}

/// A page of the changes of one server or feed, the latest first; empty when `viewer` may not see it.
pub async fn history(
    store: &Store,
    viewer: Uuid,
    subject: HealthSubject,
    args: &PageArgs,
) -> Result<Page<HealthChange>, StoreError> {
    use health_change::Column as C;
    let (kind, id) = parts(subject);
    let select = health_change::Entity::find()
        .filter(C::SubjectKind.eq(kind))
        .filter(C::SubjectId.eq(id))
        .filter(below(C::AccountId, viewer));
    let keys = [SortKey::desc(C::Place.into_expr())];
    let values = |row: &health_change::Model| vec![KeyValue::Number(row.place)];
    page(&store.db, select, LIST, &keys, args, values, from_row).await
}

/// The cursor of a change at this place, in a page of a history as in a subscription.
pub fn cursor(place: i64) -> String {
    encode(LIST, &[KeyValue::Number(place)])
}

/// The place that a cursor names.
pub fn read_cursor(cursor: &str) -> Result<i64, StoreError> {
    match decode(LIST, 1, cursor)?.as_slice() {
        [KeyValue::Number(place)] => Ok(*place),
        _ => Err(StoreError::Cursor),
    }
}

/// The place of the last change of all.
pub async fn last_place(from: &impl Source) -> Result<i64, StoreError> {
    let sql = "SELECT number FROM sequence WHERE name = 'health'";
    let row = from.db().query_one_raw(Statement::from_string(from.db().get_database_backend(), sql)).await?;
    row.ok_or(StoreError::Corrupt("sequence"))?.try_get_by_index(0).map_err(Into::into)
}

/// The changes at `account` and those below it, or of all accounts, after a place, in order. Since places follow commit order, none is ever
/// added before one that was read.
pub async fn after(
    from: &impl Source,
    account: Option<Uuid>,
    place: i64,
    limit: u64,
) -> Result<Vec<(i64, HealthChange)>, StoreError> {
    use health_change::Column as C;
    let mut all = Condition::all().add(C::Place.gt(place));
    if let Some(account) = account {
        all = all.add(below(C::AccountId, account));
    }
    let rows = health_change::Entity::find().filter(all).order_by_asc(C::Place).limit(limit).all(from.db()).await?;
    rows.into_iter().map(|row| Ok((row.place, from_row(row)?))).collect()
}

/// Adds a change with the next number of all and of the account. The rows of both stay locked until the transaction ends, so numbers
/// follow commit order; the row of all comes first, so that nobody waits in a circle.
pub async fn append(
    tx: &Tx,
    account: Uuid,
    subject: HealthSubject,
    previous: HealthStatus,
    status: HealthStatus,
    why: Option<FailureReason>,
) -> Result<(), StoreError> {
    use account_sequence::Column as C;
    let sql = "UPDATE sequence SET number = number + 1 WHERE name = 'health' RETURNING number";
    let row = tx.db().query_one_raw(Statement::from_string(tx.db().get_database_backend(), sql)).await?;
    let place = row.ok_or(StoreError::Corrupt("sequence"))?.try_get_by_index(0)?;
    account_sequence::Entity::update_many()
        .col_expr(C::HealthNumber, C::HealthNumber.into_expr().add(1))
        .filter(C::AccountId.eq(account))
        .exec(tx.db())
        .await?;
    let sequence = account_sequence::Entity::find_by_id(account).one(tx.db()).await?;
    let (kind, id) = parts(subject);
    let row = health_change::Model {
        account_id: account,
        number: sequence.ok_or(StoreError::Corrupt("account_sequence"))?.health_number,
        subject_kind: kind.to_owned(),
        subject_id: id,
        status: status.as_str().to_owned(),
        previous_status: previous.as_str().to_owned(),
        reason: why.map(|why| why.as_str().to_owned()),
        changed_at: tx.now_millis(),
        place,
    };
    insert(tx.db(), vec![row]).await
}

/// Notes how many of an account have a health.
fn count(counts: &mut HealthCounts, status: &str, number: i64) -> Result<(), StoreError> {
    match named("health_status", HealthStatus::parse, status)? {
        HealthStatus::Pending => counts.pending = number,
        HealthStatus::Healthy => counts.healthy = number,
        HealthStatus::Unhealthy => counts.unhealthy = number,
    }
    Ok(())
}

/// The rows of `E` at `accounts` and those below them, with the account of `accounts` first; a row may be below several.
fn below_each<E: EntityTrait>(mut rows: Select<E>, account: E::Column, accounts: &[Uuid]) -> Select<E> {
    use account_closure::Column as C;
    let on = C::DescendantId.into_expr().eq(account.into_expr());
    QueryFilter::query(&mut rows).inner_join(account_closure::Entity, on);
    rows.select_only()
        .column_as(C::AncestorId, "account")
        .filter(C::AncestorId.is_in(accounts.iter().copied()))
        .group_by(C::AncestorId)
}

/// What is healthy and what needs attention at each of `accounts` and those below it, in three statements.
pub async fn summaries(from: &impl Source, accounts: &[Uuid]) -> Result<HashMap<Uuid, HealthSummary>, StoreError> {
    let mut all: HashMap<Uuid, HealthSummary> = accounts.iter().map(|account| (*account, HealthSummary::default())).collect();
    let servers = server::Entity::find().filter(server::Column::RemovedAt.is_null());
    let servers = below_each(servers, server::Column::AccountId, accounts)
        .column(server::Column::HealthStatus)
        .column_as(server::Column::Id.count(), "count")
        .group_by(server::Column::HealthStatus);
    for (account, status, number) in servers.into_tuple::<(Uuid, String, i64)>().all(from.db()).await? {
        count(&mut all.entry(account).or_default().servers, &status, number)?;
    }
    let feeds = feed::Entity::find().filter(feed::Column::EndedAt.is_null());
    let feeds = below_each(feeds, feed::Column::AccountId, accounts)
        .column(feed::Column::HealthStatus)
        .column_as(feed::Column::Id.count(), "count")
        .group_by(feed::Column::HealthStatus);
    for (account, status, number) in feeds.into_tuple::<(Uuid, String, i64)>().all(from.db()).await? {
        count(&mut all.entry(account).or_default().feeds, &status, number)?;
    }
    // Joined as feeds, whose accounts are counted.
    let anomalies = feed::Entity::find()
        .join_rev(JoinType::InnerJoin, anomaly::Relation::Feed.def())
        .filter(anomaly::Column::Status.eq(AnomalyStatus::Open.as_str()));
    let anomalies = below_each(anomalies, feed::Column::AccountId, accounts)
        .column(anomaly::Column::Meter)
        .column_as(anomaly::Column::Id.count(), "count")
        .expr_as(Func::cast_as(anomaly::Column::Held.into_expr().sum(), "BIGINT"), "held")
        .group_by(anomaly::Column::Meter);
    for (account, meter, number, held) in anomalies.into_tuple::<(Uuid, Option<String>, i64, i64)>().all(from.db()).await? {
        let summary = all.entry(account).or_default();
        summary.open_anomalies += number;
        if let Some(meter) = meter {
            summary.suspense += Pages::of(named("anomaly.meter", MeterKind::parse, &meter)?, held);
        }
    }
    Ok(all)
}
