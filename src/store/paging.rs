//! Pages of any list by keyset: one statement a page, in both directions, with opaque cursors; and the pages of many parents' lists
//! in one statement.
//!
//! A list names its sort keys, the last of which is unique. A cursor is the values of these keys in one row, with the list's name, as
//! base64url of JSON; one that is not of the list is refused ([`StoreError::Cursor`]).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    Select, Statement, Value,
    sea_query::{
        Asterisk, CaseStatement, Condition, Expr, ExprTrait as _, JoinType as SqlJoin, NullOrdering, Query, SelectStatement,
        UnionType, Values,
    },
};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, convert::askable};
use crate::{
    domain::paging::{MAX_PAGE, Page, PageArgs},
    id::Uuid,
};
pub(super) use nearest::Nearest;

mod nearest;

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

    /// Of [`SortKey::nulls_last`].
    pub(super) fn nulls_last(text: Option<String>) -> [Self; 2] {
        [Self::Number(text.is_none().into()), Self::Text(text.unwrap_or_default())]
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
#[derive(Clone)]
pub(super) struct SortKey {
    /// What cursors are compared with; never null.
    expr: Expr,
    descending: bool,
    sorts: Sorts,
    beyond: Beyond,
}

/// How the rows beyond a cursor are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// Each row is compared.
    Compared,
    /// An index on the keys is entered there.
    Entered,
    /// No other rows are there.
    Chosen,
}

/// What rows are sorted by for a key.
#[derive(Clone)]
enum Sorts {
    Itself,
    /// By the column of which two keys are, in less time than by these.
    Nullable(Expr),
    /// The key that follows does it.
    Nothing,
}

impl SortKey {
    pub(super) fn asc(expr: impl Into<Expr>) -> Self {
        Self::directed(expr, false)
    }

    pub(super) fn desc(expr: impl Into<Expr>) -> Self {
        Self::directed(expr, true)
    }

    pub(super) fn directed(expr: impl Into<Expr>, descending: bool) -> Self {
        Self { expr: expr.into(), descending, sorts: Sorts::Itself, beyond: Beyond::Compared }
    }

    /// The same keys, and whether the rows are best read along an index on them. PostgreSQL is told by how cursors are compared: it may enter
    /// an index only where it should, since it takes a place in one for the nearer the less it knows.
    pub(super) fn along<const N: usize>(keys: [Self; N], along: bool) -> [Self; N] {
        let beyond = if along { Beyond::Entered } else { Beyond::Compared };
        keys.map(|key| Self { beyond, ..key })
    }

    /// The same keys, of rows that [`Nearest`] has chosen with the cursors in mind.
    pub(super) fn chosen<const N: usize>(keys: [Self; N]) -> [Self; N] {
        keys.map(|key| Self { beyond: Beyond::Chosen, ..key })
    }

    /// The direction in which a page is read.
    fn order(&self, args: &PageArgs) -> Order {
        if self.descending == args.backward { Order::Asc } else { Order::Desc }
    }

    /// A text that may be null, which is last in both directions: whether it is, and what it is.
    pub(super) fn nulls_last(text: Expr, descending: bool) -> [Self; 2] {
        let is_null = CaseStatement::new().case(text.clone().is_null(), 1_i64).finally(0_i64);
        let known = CaseStatement::new().case(text.clone().is_null(), "").finally(text.clone());
        [
            Self { sorts: Sorts::Nothing, ..Self::asc(is_null) },
            Self { sorts: Sorts::Nullable(text), ..Self::directed(known, descending) },
        ]
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

/// The rows beyond `values` in the keys' order, or against it. Along an index on the keys it is entered there: by one comparison of all keys
/// where they go in one direction, else by the first one.
fn beyond(keys: &[SortKey], values: &[KeyValue], against: bool) -> Result<Condition, StoreError> {
    let exprs = values.iter().map(KeyValue::expr).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(value)) = (keys.first(), exprs.first()) else { return Err(StoreError::Cursor) };
    let grows = first.descending == against;
    if first.beyond == Beyond::Entered && keys.iter().all(|key| key.descending == first.descending) {
        let (row, place) = (Expr::tuple(keys.iter().map(|key| key.expr.clone())), Expr::tuple(exprs));
        return Ok(Condition::all().add(if grows { row.gt(place) } else { row.lt(place) }));
    }
    let (key, value) = (first.expr.clone(), value.clone());
    let from_there = (first.beyond == Beyond::Entered).then(|| if grows { key.gte(value) } else { key.lte(value) });
    let mut any = Condition::any();
    for (place, key) in keys.iter().enumerate() {
        let mut all = Condition::all();
        for (equal, value) in keys[..place].iter().zip(&exprs) {
            all = all.add(equal.expr.clone().eq(value.clone()));
        }
        let value = exprs[place].clone();
        let further = if key.descending == against { key.expr.clone().gt(value) } else { key.expr.clone().lt(value) };
        any = any.add(all.add(further));
    }
    Ok(Condition::all().add_option(from_there).add(any))
}

/// One page of `select`, which filters but neither sorts nor limits. `list` names the list and its order.
pub(super) async fn page<E, M, T>(
    db: &impl ConnectionTrait,
    select: Select<E>,
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
    let statement = planned(db.get_database_backend().build(&ask(select, list, keys, args)?.into_query()));
    let mut rows: Vec<M> = M::find_by_statement(statement).all(db).await?;
    let more = rows.len() > limit(args);
    rows.truncate(limit(args));
    cut(rows, more, list, args, &values, &into)
}

/// The rows of a page, and one more if anyone asks whether there is more, in the order they are read.
fn ask<E: EntityTrait>(
    mut select: Select<E>,
    list: &'static str,
    keys: &[SortKey],
    args: &PageArgs,
) -> Result<Select<E>, StoreError> {
    for (cursor, against) in [(&args.after, false), (&args.before, true)] {
        if let Some(cursor) = cursor
            && !keys.iter().any(|key| key.beyond == Beyond::Chosen)
        {
            select = select.filter(beyond(keys, &decode(list, keys.len(), cursor)?, against)?);
        }
    }
    for key in keys {
        let order = key.order(args);
        select = match &key.sorts {
            Sorts::Itself => select.order_by(key.expr.clone(), order),
            Sorts::Nullable(text) => {
                let nulls = if args.backward { NullOrdering::First } else { NullOrdering::Last };
                select.order_by_with_nulls(text.clone(), order, nulls)
            }
            Sorts::Nothing => select,
        };
    }
    Ok(select.limit(rows(args)))
}

/// The statement with the sizes of its pages in its text. As parameters, PostgreSQL plans for a tenth of all rows, or anew each time.
fn planned(statement: Statement) -> Statement {
    let (DbBackend::Postgres, Some(Values(values))) = (statement.db_backend, &statement.values) else { return statement };
    let mut parts = statement.sql.split('$');
    let mut sql = String::with_capacity(statement.sql.len());
    sql.push_str(parts.next().unwrap_or_default());
    let mut kept = Vec::with_capacity(values.len());
    // Parameters stand in the text in their order, each once.
    for (value, part) in values.iter().zip(parts) {
        if let Value::BigUnsigned(Some(size)) = value {
            sql.push_str(&size.to_string());
        } else {
            kept.push(value.clone());
            sql.push('$');
            sql.push_str(&kept.len().to_string());
        }
        sql.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    Statement::from_sql_and_values(statement.db_backend, sql, kept)
}

/// Rows that are read for a page.
fn rows(args: &PageArgs) -> u64 {
    limit(args) as u64 + u64::from(args.asks_for_more)
}

fn limit(args: &PageArgs) -> usize {
    args.limit.clamp(1, MAX_PAGE) as usize
}

/// The page that rows read by [`ask`] are, but for the one beyond it, which only says that there are `more`.
fn cut<M, T>(
    mut rows: Vec<M>,
    more: bool,
    list: &'static str,
    args: &PageArgs,
    values: &impl Fn(&M) -> Vec<KeyValue>,
    into: &impl Fn(M) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    if args.backward {
        rows.reverse();
    }
    let length = rows.len();
    let item = |(place, row)| {
        let cursor = if args.cursors.has(place, length) { encode(list, &values(&row)) } else { String::new() };
        Ok((cursor, into(row)?))
    };
    let items = rows.into_iter().enumerate().map(item).collect::<Result<Vec<_>, StoreError>>()?;
    let (has_next, has_previous) = if args.backward { (args.before.is_some(), more) } else { (more, args.after.is_some()) };
    Ok(Page { items, has_next, has_previous })
}

/// Names in the statements of [`pages`].
const PARENTS: &str = "parents";
const PARENT: &str = "parent_key";
const LISTED: &str = "listed";
/// Parents of one statement; SQLite takes at most 500 parts.
const PARENTS_AT_ONCE: usize = 100;

/// The page of each parent's list in one statement for every 100 parents; a parent whose list is empty is left out. `of` says which
/// rows are in the list of the parent whose key it is given; the rest is as for [`page`].
#[expect(clippy::too_many_arguments, reason = "the same as of a page, and whose")]
pub(super) async fn pages<E, M, T>(
    store: &Store,
    select: &Select<E>,
    parents: &[Uuid],
    of: impl Fn(Expr) -> Expr,
    list: &'static str,
    keys: &[SortKey],
    args: &PageArgs,
    values: impl Fn(&M) -> Vec<KeyValue>,
    into: impl Fn(M) -> Result<T, StoreError>,
) -> Result<HashMap<Uuid, Page<T>>, StoreError>
where
    E: EntityTrait,
    M: FromQueryResult,
{
    let mut found: HashMap<Uuid, (Vec<M>, bool)> = HashMap::with_capacity(parents.len());
    // A vector begins with four places, and the latest of each is what is asked for mostly.
    let few = limit(args).min(4);
    let one = |parent: Expr| Ok::<_, StoreError>(ask(select.clone().filter(of(parent)), list, keys, args)?.into_query());
    for parents in parents.chunks(PARENTS_AT_ONCE) {
        let mut statement: Option<SelectStatement> = None;
        if store.is_sqlite() || parents.len() == 1 {
            for parent in parents {
                let mut part = Query::select();
                part.column((LISTED, Asterisk)).expr_as(Expr::val(*parent), PARENT);
                part.from_subquery(one(Expr::val(*parent))?, LISTED);
                match &mut statement {
                    Some(statement) => _ = statement.union(UnionType::All, part),
                    None => statement = Some(part),
                }
            }
        } else {
            // As many parents as there are parameters: of an array's length PostgreSQL guesses wrong, and plans anew each time.
            let key = || Expr::col((PARENTS, "column1"));
            let mut all = Query::select();
            all.column((LISTED, Asterisk)).expr_as(key(), PARENT).from_values(parents.iter().copied(), PARENTS);
            all.join_lateral(SqlJoin::InnerJoin, one(key())?, LISTED, Expr::cust("TRUE"));
            statement = Some(all);
        }
        let Some(statement) = statement else { continue };
        let statement = planned(store.db.get_database_backend().build(&statement));
        for row in store.db.query_all_raw(statement).await? {
            let (rows, more) = found.entry(row.try_get("", PARENT)?).or_insert_with(|| (Vec::with_capacity(few), false));
            if rows.len() < limit(args) {
                rows.push(M::from_query_result(&row, "")?);
            } else {
                *more = true;
            }
        }
    }
    let page = |(parent, (rows, more))| Ok((parent, cut(rows, more, list, args, &values, &into)?));
    found.into_iter().map(page).collect()
}
