//! How many accounts lie below one: what decides how a list of what is theirs is read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::TimeDelta;
use coppice_entity::account_closure;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait as _, QueryFilter, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Store, StoreError,
    convert::{seen, within},
};
use crate::{clock::Instant, id::Uuid};

/// The most accounts of one that is not wide.
const NARROW: u64 = 1_000;
/// How long an account counts as not wide once its accounts were counted. A wide one stays wide: no account ever goes.
const KNOWN_FOR: TimeDelta = TimeDelta::minutes(10);
/// Accounts remembered.
const REMEMBERED: usize = 50_000;

/// The accounts whose width is known; `None` for a wide one, else when its accounts were counted.
#[derive(Clone)]
pub(super) struct Widths {
    narrow: u64,
    known: Arc<Mutex<HashMap<Uuid, Option<Instant>>>>,
}

impl Default for Widths {
    fn default() -> Self {
        Self { narrow: NARROW, known: Arc::default() }
    }
}

impl Store {
    /// The most accounts of one whose lists are gathered, of this handle and the clones made of it later.
    pub fn set_narrow(&mut self, accounts: u64) {
        self.widths = Widths { narrow: accounts, known: Arc::default() };
    }

    /// Whether what lies below `top` is so much that a list of it is best read along the list's own order, row by row asked whether it is
    /// below; else all that is below is gathered first. The database cannot tell: it plans for the average account, which has nothing below.
    pub(super) async fn is_wide(&self, top: Uuid) -> Result<bool, StoreError> {
        let known = || self.widths.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match known().get(&top) {
            Some(None) => return Ok(true),
            Some(Some(counted)) if now - *counted < KNOWN_FOR => return Ok(false),
            _ => {}
        }
        let counted = account_closure::Entity::find()
            .filter(account_closure::Column::AncestorId.eq(top))
            .limit(self.widths.narrow + 1)
            .count(&self.db)
            .await?;
        let wide = counted > self.widths.narrow;
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(top, (!wide).then_some(now));
        Ok(wide)
    }

    /// Whether a list below each of `parents` is best read so.
    pub(super) async fn are_wide(&self, parents: &[Uuid]) -> Result<bool, StoreError> {
        match parents {
            [only] => self.is_wide(*only).await,
            _ => Ok(false),
        }
    }

    /// The rows that `account` (the viewer's own where it is `None`) and all below it have by `column`, none when the account is not the
    /// viewer's to see; and whether they are best read along the list's order.
    pub(super) async fn owned(
        &self,
        column: impl ColumnTrait,
        viewer: Uuid,
        account: Option<Uuid>,
    ) -> Result<(Expr, bool), StoreError> {
        let top = account.unwrap_or(viewer);
        let wide = self.is_wide(top).await?;
        let within = within(column, top, wide);
        Ok((if account.is_some() { within.and(seen(top, viewer)) } else { within }, wide))
    }
}
