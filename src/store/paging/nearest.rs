//! The first rows of what an account and all below it have, in an order that an index keeps for each account.

use coppice_entity::account_closure;
use sea_orm::{
    ColumnTrait, EntityTrait, Order, QueryFilter as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _, Func, JoinType, NullOrdering, Query, SelectStatement, TableRef},
};

use super::{KeyValue, SortKey, ask, rows};
use crate::{
    domain::paging::PageArgs,
    store::{Store, StoreError},
};

/// Names in its statements.
const FIRST: &str = "first_key";
const LAST: &str = "last_key";
const FIRSTS: &str = "firsts";
const NEAREST: &str = "nearest";

/// Which rows are on a page of a list of what an account and all below it have, whatever else they have: years of ledger entries, mostly.
///
/// An index on (account, keys) gives each account's own first rows, at most a page of them, and of these the first are taken. Where more
/// accounts have rows than are on a page, the edge of the page is known by the first row of each, and of no account more is read than up to
/// there.
pub(in crate::store) struct Nearest {
    sqlite: bool,
    keys: [Expr; 2],
    order: Order,
    /// Rows that are read for a page.
    rows: u64,
    /// The first rows of one account.
    each: SelectStatement,
    /// What its leading key is beyond which nothing lies.
    end: Expr,
    table: TableRef,
}

impl Nearest {
    /// Of the list that [`page`](super::page) gets `select`, `list`, `keys` and `args` for. Both `keys` go in one direction, and the
    /// leading one is never less than the first or more than the second of `ends`.
    pub(in crate::store) fn new<E: EntityTrait>(
        store: &Store,
        select: &Select<E>,
        account: impl ColumnTrait,
        list: &'static str,
        keys: &[SortKey; 2],
        args: &PageArgs,
        ends: &[KeyValue; 2],
    ) -> Result<Self, StoreError> {
        let of_account = account.into_expr().eq(account_closure::Column::DescendantId.into_expr());
        let keys = SortKey::along(keys.clone(), true);
        let order = keys[0].order(args);
        let end = if order == Order::Asc { &ends[1] } else { &ends[0] };
        Ok(Self {
            sqlite: store.is_sqlite(),
            each: ask(select.clone().select_only().filter(of_account), list, &keys, args)?.into_query(),
            keys: keys.map(|key| key.expr),
            end: end.expr()?,
            order,
            rows: rows(args),
            table: E::default().table_ref(),
        })
    }

    /// Whether a row is one of those below `top`, an account or a column that has one.
    pub(in crate::store) fn of(&self, top: &Expr) -> Expr {
        let [leading, unique] = self.keys.clone();
        let below = account_closure::Column::AncestorId.into_expr().eq(top.clone());
        let mut each = self.each.clone();
        if matches!(top, Expr::Value(_)) {
            // Of a column it would be found anew for each account.
            let edge = Func::coalesce([self.edge(below.clone()), self.end.clone()]);
            each.and_where(if self.order == Order::Asc { leading.clone().lte(edge) } else { leading.clone().gte(edge) });
        }
        let mut nearest = Query::select();
        nearest.from(account_closure::Entity).and_where(below);
        if self.sqlite {
            each.expr(unique.clone());
            nearest.expr(unique.clone()).cross_join(self.table.clone());
            nearest.and_where(unique.clone().in_subquery(each.clone()));
            nearest.order_by_expr(leading, self.order.clone()).order_by_expr(unique.clone(), self.order.clone());
        } else {
            each.expr_as(leading, FIRST).expr_as(unique.clone(), LAST);
            nearest.column((NEAREST, LAST)).join_lateral(JoinType::InnerJoin, each.clone(), NEAREST, Expr::cust("TRUE"));
            nearest.order_by((NEAREST, FIRST), self.order.clone()).order_by((NEAREST, LAST), self.order.clone());
        }
        unique.in_subquery(nearest.limit(self.rows).take())
    }

    /// The leading key of the last row that can be on the page; null where no more accounts have rows than are on it.
    fn edge(&self, below: Expr) -> Expr {
        let mut first = self.each.clone();
        first.expr(self.keys[0].clone()).reset_limit().limit(1);
        let mut firsts = Query::select();
        firsts.expr_as(Expr::SubQuery(None, Box::new(first.into())), FIRST).from(account_closure::Entity).and_where(below);
        let mut edge = Query::select();
        edge.column(FIRST).from_subquery(firsts, FIRSTS);
        edge.order_by_with_nulls(FIRST, self.order.clone(), NullOrdering::Last).limit(1).offset(self.rows);
        Expr::SubQuery(None, Box::new(edge.into()))
    }
}
