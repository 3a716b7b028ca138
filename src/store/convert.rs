//! Stored values and domain values, both ways.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use coppice_entity::account_closure;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait as _, LikeExpr, SelectStatement},
};

use super::StoreError;
use crate::{
    clock::{Instant, from_millis},
    domain::{
        failure::FailureReason,
        health::{Health, HealthStatus},
    },
    id::Uuid,
};

/// The value that `text` names; `column` says where it stood.
pub(super) fn named<T>(column: &'static str, parse: impl Fn(&str) -> Option<T>, text: &str) -> Result<T, StoreError> {
    parse(text).ok_or(StoreError::Corrupt(column))
}

pub(super) fn day(column: &'static str, text: &str) -> Result<NaiveDate, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(column))
}

pub(super) fn day_opt(column: &'static str, text: Option<&str>) -> Result<Option<NaiveDate>, StoreError> {
    text.map(|text| day(column, text)).transpose()
}

pub(super) fn zone(column: &'static str, text: &str) -> Result<Tz, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(column))
}

pub(super) fn time(column: &'static str, text: &str) -> Result<NaiveTime, StoreError> {
    NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| StoreError::Corrupt(column))
}

pub(super) fn time_text(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

pub(super) fn millis(instant: Option<Instant>) -> Option<i64> {
    instant.map(|instant| instant.timestamp_millis())
}

pub(super) fn instant(millis: Option<i64>) -> Option<Instant> {
    millis.map(from_millis)
}

pub(super) fn reason(column: &'static str, text: Option<&str>) -> Result<Option<FailureReason>, StoreError> {
    text.map(|text| named(column, FailureReason::parse, text)).transpose()
}

pub(super) fn health(
    status: &str,
    why: Option<&str>,
    checked_at: Option<i64>,
    changed_at: Option<i64>,
) -> Result<Health, StoreError> {
    Ok(Health {
        status: named("health_status", HealthStatus::parse, status)?,
        reason: reason("health_reason", why)?,
        checked_at: instant(checked_at),
        changed_at: instant(changed_at),
    })
}

/// Text as it is ordered and searched by.
pub(super) fn key(text: &str) -> String {
    text.to_lowercase()
}

/// Text as a query may ask for it: PostgreSQL refuses NUL, which no stored text holds.
pub(super) fn askable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A pattern for text that contains `search`, upper and lower case alike, whatever wildcards it holds.
pub(super) fn containing(search: &str) -> LikeExpr {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for letter in key(&askable(search)).chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// The accounts from `top` down, a key or a column that has one.
pub(super) fn subtree(top: impl Into<Expr>) -> SelectStatement {
    account_closure::Entity::find()
        .select_only()
        .column(account_closure::Column::DescendantId)
        .filter(account_closure::Column::AncestorId.into_expr().eq(top))
        .into_query()
}

/// Whether `column` is an account from `top` down.
pub(super) fn below(column: impl ColumnTrait, top: impl Into<Expr>) -> Expr {
    column.in_subquery(subtree(top))
}

/// The same in a list; of a `wide` account asked for each row by itself, so that PostgreSQL goes along the list's order: it does not turn
/// what has an `OFFSET` into a join.
pub(super) fn within(column: impl ColumnTrait, top: impl Into<Expr>, wide: bool) -> Expr {
    let mut select = subtree(top);
    if !wide {
        return column.in_subquery(select);
    }
    select.and_where(account_closure::Column::DescendantId.into_expr().eq(column.into_expr())).limit(1).offset(0);
    Expr::exists(select)
}

/// Whether `account`, a key or a column that has one, is `viewer` or below it: asked once for a list, where `below` asks for each row. A list
/// below an account that is not to be seen is empty, as below one that is not there, though the caller's own may lie below it.
pub(super) fn seen(account: impl Into<Expr>, viewer: Uuid) -> Expr {
    let select = account_closure::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(account_closure::Column::AncestorId.eq(viewer))
        .filter(account_closure::Column::DescendantId.into_expr().eq(account))
        .into_query();
    Expr::exists(select)
}

/// The same of the feed or server that `key` names, a key or a column that has one. `account` and `id` are its columns. The account is found
/// first: joined, PostgreSQL may go through all accounts below the viewer for each row.
pub(super) fn owner_seen(key: impl Into<Expr>, account: impl ColumnTrait, id: impl ColumnTrait, viewer: Uuid) -> Expr {
    let mut owner = SelectStatement::new();
    owner.column(account.as_column_ref()).from(id.entity_name()).and_where(id.into_expr().eq(key));
    seen(Expr::SubQuery(None, Box::new(owner.into())), viewer)
}

/// Inserts rows, all columns set, in statements of at most 100 rows.
pub(super) async fn insert<M, A>(db: &impl ConnectionTrait, rows: Vec<M>) -> Result<(), StoreError>
where
    M: ModelTrait + IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = M::Entity> + Send,
{
    let mut rows = rows.into_iter().map(|row| row.into_active_model().reset_all()).peekable();
    while rows.peek().is_some() {
        let some: Vec<A> = rows.by_ref().take(100).collect();
        M::Entity::insert_many(some).exec_without_returning(db).await?;
    }
    Ok(())
}
