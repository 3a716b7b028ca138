//! Changes of health as they happen: first those after the caller's cursor, then each new one, in the order of their commits, none missing.
//! A cursor is a place in the one sequence of all changes, so it holds for any number of accounts.

use futures_util::stream::BoxStream;
use tokio::sync::broadcast::Receiver;

use super::{
    App, AppError, Hub,
    live::{Log, News, tail},
};
use crate::{
    domain::{account::Actor, health::HealthChange},
    id::Uuid,
    store::{Store, StoreError, account, health},
};

/// Changes of health, each with its cursor.
pub type HealthStream = BoxStream<'static, Result<News<(String, HealthChange)>, AppError>>;

/// All changes, in the order of their commits.
pub(super) struct HealthLog;

impl Log for HealthLog {
    type Place = i64;
    type Record = (String, HealthChange);

    fn hints(hub: &Hub) -> Receiver<Uuid> {
        hub.health()
    }

    fn account((_, change): &Self::Record) -> Uuid {
        change.account_id
    }

    async fn end(store: &Store) -> Result<i64, StoreError> {
        health::last_place(store).await
    }

    async fn after(
        store: &Store,
        account: Option<Uuid>,
        place: i64,
        limit: u64,
    ) -> Result<Vec<(i64, Self::Record)>, StoreError> {
        let found = health::after(store, account, place, limit).await?;
        Ok(found.into_iter().map(|(place, change)| (place, (health::cursor(place), change))).collect())
    }
}

impl App {
    /// `healthChanged`: each change at an account and those below it after the cursor, or from now on; `None` when the account is not to be
    /// seen.
    pub async fn health_changed(
        &self,
        actor: &Actor,
        account_id: Uuid,
        after: Option<&str>,
    ) -> Result<Option<HealthStream>, AppError> {
        let store = &self.parts.store;
        let place = after.map(health::read_cursor).transpose()?;
        // Before anything else is asked, so that nothing falls between.
        let follower = self.live.health.follow(store, self.hub()).await?;
        if !account::by_ids(store, actor.account_id, &[account_id]).await?.contains_key(&account_id) {
            return Ok(None);
        }
        Ok(Some(tail::<HealthLog>(follower, account_id, place)))
    }
}
