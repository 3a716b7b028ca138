//! Pages of any list by keyset: one statement a page, in both directions, with opaque cursors.
//!
//! A list names its sort keys, the last of which is unique. A cursor is the values of these keys in one row, with the list's name, as
//! base64url of JSON; one that is not of the list is refused ([`StoreError::Cursor`]).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Condition, Expr, ExprTrait as _},
};
use serde::{Deserialize, Serialize};

use super::{StoreError, convert::askable};
use crate::{
    domain::paging::{MAX_PAGE, Page, PageArgs},
    id::Uuid,
};

/// The value of a sort key in one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KeyValue {
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "n")]
    Number(i64),
    /// A UUID as 32 hexadecimal digits.
    #[serde(rename = "u")]
    Id(String),
}

impl KeyValue {
    pub(super) fn id(id: Uuid) -> Self {
        Self::Id(id.simple().to_string())
    }

    fn expr(&self) -> Result<Expr, StoreError> {
        Ok(match self {
            Self::Text(text) => Expr::val(askable(text)),
            Self::Number(number) => Expr::val(*number),
            Self::Id(hex) => Expr::val(Uuid::try_parse(hex).map_err(|_| StoreError::Cursor)?),
        })
    }
}

/// What a list is sorted by.
pub(super) struct SortKey {
    expr: Expr,
    descending: bool,
}

impl SortKey {
    pub(super) fn asc(expr: impl Into<Expr>) -> Self {
        Self { expr: expr.into(), descending: false }
    }

    pub(super) fn desc(expr: impl Into<Expr>) -> Self {
        Self { expr: expr.into(), descending: true }
    }

    pub(super) fn directed(expr: impl Into<Expr>, descending: bool) -> Self {
        Self { expr: expr.into(), descending }
    }
}

pub(super) fn encode(list: &str, values: &[KeyValue]) -> String {
    // Serialising text and numbers cannot fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, values)).unwrap_or_default())
}

pub(super) fn decode(list: &str, keys: usize, cursor: &str) -> Result<Vec<KeyValue>, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::Cursor)?;
    let (of, values): (String, Vec<KeyValue>) = serde_json::from_slice(&bytes).map_err(|_| StoreError::Cursor)?;
    if of == list && values.len() == keys { Ok(values) } else { Err(StoreError::Cursor) }
}

/// The rows beyond `values` in the keys' order, or against it.
fn beyond(keys: &[SortKey], values: &[KeyValue], against: bool) -> Result<Condition, StoreError> {
    let mut any = Condition::any();
    for (place, key) in keys.iter().enumerate() {
        let mut all = Condition::all();
        for (equal, value) in keys[..place].iter().zip(values) {
            all = all.add(equal.expr.clone().eq(value.expr()?));
        }
        let value = values[place].expr()?;
        let further = if key.descending == against { key.expr.clone().gt(value) } else { key.expr.clone().lt(value) };
        any = any.add(all.add(further));
    }
    Ok(any)
}

/// One page of `select`, which filters but neither sorts nor limits. `list` names the list and its order.
pub(super) async fn page<E, M, T>(
    db: &impl ConnectionTrait,
    mut select: Select<E>,
    list: &'static str,
    keys: &[SortKey],
    args: &PageArgs,
    values: impl Fn(&M) -> Vec<KeyValue>,
    into: impl Fn(M) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError>
where
    E: EntityTrait,
    M: FromQueryResult + Send + Sync + Unpin,
{
    for (cursor, against) in [(&args.after, false), (&args.before, true)] {
        if let Some(cursor) = cursor {
            select = select.filter(beyond(keys, &decode(list, keys.len(), cursor)?, against)?);
        }
    }
    for key in keys {
        let order = if key.descending == args.backward { Order::Asc } else { Order::Desc };
        select = select.order_by(key.expr.clone(), order);
    }
    let limit = args.limit.clamp(1, MAX_PAGE) as usize;
    let mut rows: Vec<M> = select.limit(limit as u64 + 1).into_model::<M>().all(db).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    if args.backward {
        rows.reverse();
    }
    let items =
        rows.into_iter().map(|row| Ok((encode(list, &values(&row)), into(row)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let (has_next, has_previous) = if args.backward { (args.before.is_some(), more) } else { (more, args.after.is_some()) };
    Ok(Page { items, has_next, has_previous })
}
