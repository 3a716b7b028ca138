//! Accounts and their tree.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use coppice_entity::{account, account_closure, account_sequence};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DatabaseBackend, EntityTrait, PaginatorTrait as _, QueryFilter, QuerySelect,
    sea_query::{Condition, Expr, ExprTrait as _, LockType, Query},
};

use super::{
    Source, Store, StoreError, Tx,
    convert::{askable, below, containing, insert, key, named, seen, zone},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::from_millis,
    domain::{
        account::{Account, AccountRole, ActiveStatus},
        paging::{Page, PageArgs},
        query::{AccountFilter, NameOrder},
    },
    id::Uuid,
};

pub(super) fn from_row(row: account::Model) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.id,
        parent_id: row.parent_id,
        role: named("account.role", AccountRole::parse, &row.role)?,
        status: named("account.status", ActiveStatus::parse, &row.status)?,
        time_zone: zone("account.time_zone", &row.time_zone)?,
        name: row.name,
        external_id: row.external_id,
        created_at: from_millis(row.created_at),
        updated_at: from_millis(row.updated_at),
        version: row.version,
    })
}

/// The accounts with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Account>, StoreError> {
    let rows = account::Entity::find()
        .filter(account::Column::Id.is_in(ids.iter().copied()))
        .filter(below(account::Column::Id, viewer))
        .all(from.db())
        .await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// An account, for the operator and the engine.
pub async fn find(from: &impl Source, id: Uuid) -> Result<Option<Account>, StoreError> {
    account::Entity::find_by_id(id).one(from.db()).await?.map(from_row).transpose()
}

/// A page of the accounts that `viewer` may see.
pub async fn list(
    store: &Store,
    viewer: Uuid,
    filter: &AccountFilter,
    order: NameOrder,
    args: &PageArgs,
) -> Result<Page<Account>, StoreError> {
    use account::Column as C;
    let (owned, wide) = store.owned(C::Id, viewer, None).await?;
    let mut all = Condition::all().add(owned);
    if let Some(parent) = filter.parent_id {
        all = all.add(C::ParentId.eq(parent)).add(seen(parent, viewer));
    }
    if !filter.role.is_empty() {
        all = all.add(C::Role.is_in(filter.role.iter().map(|role| role.as_str())));
    }
    if let Some(status) = filter.status {
        all = all.add(C::Status.eq(status.as_str()));
    }
    if let Some(external_id) = &filter.external_id {
        all = all.add(C::ExternalId.eq(askable(external_id)));
    }
    if let Some(search) = &filter.search {
        all = all.add(C::NameKey.like(containing(search)));
    }
    if let Some(since) = filter.updated_since {
        all = all.add(C::UpdatedAt.gte(since.timestamp_millis()));
    }
    if order == NameOrder::UpdatedAtAsc {
        all = all.add(C::UpdatedAt.lt(store.settled_before().await?));
    }
    let (list, keys) = match order {
        NameOrder::NameAsc | NameOrder::NameDesc => {
            let descending = order == NameOrder::NameDesc;
            ("account.name", [SortKey::directed(C::NameKey.into_expr(), descending), SortKey::asc(C::Id.into_expr())])
        }
        NameOrder::UpdatedAtAsc | NameOrder::UpdatedAtDesc => {
            let descending = order == NameOrder::UpdatedAtDesc;
            ("account.updated", [SortKey::directed(C::UpdatedAt.into_expr(), descending), SortKey::asc(C::Id.into_expr())])
        }
    };
    let by_name = list == "account.name";
    let values = move |row: &account::Model| {
        let first = if by_name { KeyValue::Text(row.name_key.clone()) } else { KeyValue::Number(row.updated_at) };
        vec![first, KeyValue::id(row.id)]
    };
    page(&store.db, account::Entity::find().filter(all), list, &SortKey::along(keys, wide), args, values, from_row).await
}

/// Of `accounts`, those that lie below `top` (not `top` itself).
pub async fn strictly_below(from: &impl Source, top: Uuid, accounts: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    use account_closure::Column as C;
    let rows = account_closure::Entity::find()
        .filter(C::AncestorId.eq(top))
        .filter(C::DescendantId.is_in(accounts.iter().copied()))
        .filter(C::Depth.gt(0))
        .all(from.db())
        .await?;
    Ok(rows.into_iter().map(|row| row.descendant_id).collect())
}

/// Each of `accounts` with all above it: whoever belongs to one of them may see it. An account stays below the same ones for ever.
pub async fn lineages(
    from: &impl Source,
    accounts: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Arc<[Uuid]>>, StoreError> {
    use account_closure::Column as C;
    let accounts: Vec<Uuid> = accounts.collect::<HashSet<_>>().into_iter().collect();
    let mut above: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for some in accounts.chunks(1_000) {
        let rows = account_closure::Entity::find().filter(C::DescendantId.is_in(some.iter().copied())).all(from.db()).await?;
        for row in rows {
            above.entry(row.descendant_id).or_default().push(row.ancestor_id);
        }
    }
    Ok(above.into_iter().map(|(account, above)| (account, above.into())).collect())
}

/// Of `wanted` pairs of parent and external id, those that are there already.
pub async fn external_ids_taken(from: &impl Source, wanted: &[(Uuid, &str)]) -> Result<HashSet<(Uuid, String)>, StoreError> {
    use account::Column as C;
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = account::Entity::find()
        .filter(C::ParentId.is_in(wanted.iter().map(|(parent, _)| *parent)))
        .filter(C::ExternalId.is_in(wanted.iter().map(|(_, external_id)| *external_id)))
        .all(from.db())
        .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.parent_id?, row.external_id?))).collect())
}

/// How many accounts there are from `top` down.
pub async fn count_below(from: &impl Source, top: Uuid) -> Result<u64, StoreError> {
    Ok(account_closure::Entity::find().filter(account_closure::Column::AncestorId.eq(top)).count(from.db()).await?)
}

/// Whether there is any account at all.
pub async fn any(from: &impl Source) -> Result<bool, StoreError> {
    Ok(account::Entity::find().limit(1).count(from.db()).await? > 0)
}

/// Takes a lock on an account until the transaction ends: nobody else changes its settings meanwhile.
pub async fn lock(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    // SQLite's writers are alone anyway.
    if tx.get_database_backend() == DatabaseBackend::Postgres {
        account::Entity::find_by_id(id).lock(LockType::Update).one(tx.db()).await?;
    }
    Ok(())
}

/// Stores an account's name, status, zone and external id as they are in `account`; the version grows.
pub async fn update(tx: &Tx, account: &Account) -> Result<(), StoreError> {
    use account::Column as C;
    account::Entity::update_many()
        .col_expr(C::Name, Expr::val(account.name.as_str()))
        .col_expr(C::NameKey, Expr::val(key(&account.name)))
        .col_expr(C::Status, Expr::val(account.status.as_str()))
        .col_expr(C::TimeZone, Expr::val(account.time_zone.name()))
        .col_expr(C::ExternalId, Expr::val(account.external_id.clone()))
        .col_expr(C::UpdatedAt, Expr::val(tx.now_millis()))
        .col_expr(C::Version, C::Version.into_expr().add(1))
        .filter(C::Id.eq(account.id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Adds accounts whose parents are there already.
pub async fn insert_all(tx: &Tx, accounts: &[Account]) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let rows = accounts.iter().map(|account| account::Model {
        id: account.id,
        parent_id: account.parent_id,
        role: account.role.as_str().to_owned(),
        status: account.status.as_str().to_owned(),
        name: account.name.clone(),
        name_key: key(&account.name),
        time_zone: account.time_zone.name().to_owned(),
        external_id: account.external_id.clone(),
        created_at: account.created_at.timestamp_millis(),
        updated_at: account.updated_at.timestamp_millis(),
        version: account.version,
    });
    insert(tx.db(), rows.collect()).await?;
    let selves =
        accounts.iter().map(|account| account_closure::Model { ancestor_id: account.id, descendant_id: account.id, depth: 0 });
    insert(tx.db(), selves.collect()).await?;
    let sequences = accounts.iter().map(|account| account_sequence::Model { account_id: account.id, health_number: 0 });
    insert(tx.db(), sequences.collect()).await?;
    // Everything above a parent, and the parent, is above the child.
    let above = Query::select()
        .column((account_closure::Entity, account_closure::Column::AncestorId))
        .column((account::Entity, account::Column::Id))
        .expr(Expr::col((account_closure::Entity, account_closure::Column::Depth)).add(1))
        .from(account::Entity)
        .inner_join(
            account_closure::Entity,
            Expr::col((account_closure::Entity, account_closure::Column::DescendantId))
                .equals((account::Entity, account::Column::ParentId)),
        )
        .and_where(account::Column::Id.is_in(accounts.iter().map(|account| account.id)))
        .to_owned();
    let mut statement = Query::insert();
    statement.into_table(account_closure::Entity).columns([
        account_closure::Column::AncestorId,
        account_closure::Column::DescendantId,
        account_closure::Column::Depth,
    ]);
    statement.select_from(above).map_err(|error| sea_orm::DbErr::Custom(error.to_string()))?;
    tx.db().execute(&statement).await?;
    Ok(())
}
