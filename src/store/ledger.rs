//! Ledger entries as people see them; they are written by `collecting`.

use std::collections::HashMap;

use coppice_entity::deposit;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError,
    convert::{below, day, named, seen},
    paging::{KeyValue, Nearest, SortKey, page},
    posting_order::settled_before,
};
use crate::{
    clock::from_millis,
    domain::{
        ledger::{Deposit, DepositKind},
        pages::{Pages, StandardPages},
        paging::{Page, PageArgs},
        query::DepositFilter,
    },
    id::Uuid,
};

pub(super) fn from_row(row: deposit::Model) -> Result<Deposit, StoreError> {
    Ok(Deposit {
        id: row.id,
        account_id: row.account_id,
        feed_id: row.feed_id,
        day: day("deposit.day", &row.day)?,
        number: row.number,
        pages: Pages { small: row.small, large: row.large, duplex: row.duplex },
        standard: StandardPages(row.standard),
        estimated: row.estimated,
        kind: named("deposit.kind", DepositKind::parse, &row.kind)?,
        note: row.note,
        reversal_of: row.reversal_of,
        methodology_version: row.methodology_version,
        created_at: from_millis(row.created_at),
    })
}

/// The entries with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Deposit>, StoreError> {
    let rows = deposit::Entity::find()
        .filter(deposit::Column::Id.is_in(ids.iter().copied()))
        .filter(below(deposit::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// Whether an entry is taken back.
pub async fn is_reversed(from: &impl Source, id: Uuid) -> Result<bool, StoreError> {
    Ok(deposit::Entity::find().filter(deposit::Column::ReversalOf.eq(id)).one(from.db()).await?.is_some())
}

/// A page of the entries that `viewer` may see, in the order of posting.
///
/// What an open transaction could still precede is held back: on PostgreSQL entries are ordered by their transaction and shown once every
/// earlier transaction has ended; on SQLite writers are alone, so the sequence is that order.
pub async fn list(store: &Store, viewer: Uuid, filter: &DepositFilter, args: &PageArgs) -> Result<Page<Deposit>, StoreError> {
    use deposit::Column as C;
    let mut all = Condition::all();
    if let Some(feed) = filter.feed_id {
        all = all.add(C::FeedId.eq(feed));
    }
    if let Some(from) = filter.from {
        all = all.add(C::Day.gte(from.to_string()));
    }
    if let Some(to) = filter.to {
        all = all.add(C::Day.lte(to.to_string()));
    }
    if let Some(since) = filter.created_since {
        all = all.add(C::CreatedAt.gte(since.timestamp_millis()));
    }
    if !store.is_sqlite() {
        all = all.add(C::Tx.into_expr().lt(settled_before()));
    }
    let select = deposit::Entity::find().filter(all);
    let list = "deposit.posting";
    let keys = [SortKey::asc(C::Tx.into_expr()), SortKey::asc(C::Seq.into_expr())];
    let values = |row: &deposit::Model| vec![KeyValue::Number(row.tx), KeyValue::Number(row.seq)];
    let top = filter.account_id.unwrap_or(viewer);
    // What else is asked for is found by an index of its own.
    let whole = filter.feed_id.is_none() && filter.from.is_none() && filter.to.is_none();
    if whole && !store.is_wide(top).await? {
        let all_time = [0, i64::MAX].map(KeyValue::Number);
        let nearest = Nearest::new(store, &select, C::AccountId, list, &keys, args, &all_time)?;
        let chosen = deposit::Entity::find().filter(nearest.of(&Expr::val(top))).filter(seen(top, viewer));
        return page(&store.db, chosen, list, &SortKey::chosen(keys), args, values, from_row).await;
    }
    let (owned, wide) = store.owned(C::AccountId, viewer, filter.account_id).await?;
    page(&store.db, select.filter(owned), list, &SortKey::along(keys, wide), args, values, from_row).await
}
