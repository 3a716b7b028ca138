//! Changes of health as they happen: first those after the caller's cursor, then each new one, in the order of their commits, none missing.
//!
//! The rows are the truth: a cursor is a place in the one sequence of all changes, so it holds for any number of accounts. The hub only
//! says when to look; a look every 2 s is the net.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{App, AppError};
use crate::{
    domain::{account::Actor, health::HealthChange},
    id::Uuid,
    store::{Store, account, health},
};

/// The longest time between two looks.
const POLL: Duration = Duration::from_secs(2);
/// Changes read at a time; a subscriber that was away for long gets them in pieces.
const BATCH: u64 = 100;

/// Changes of health, each with its cursor.
pub type HealthStream = BoxStream<'static, Result<(String, HealthChange), AppError>>;

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
        // Before the first look, so that nothing falls between.
        let hints = self.hub().health();
        if !account::by_ids(store, actor.account_id, &[account_id]).await?.contains_key(&account_id) {
            return Ok(None);
        }
        let place = match after {
            Some(cursor) => health::read_cursor(cursor)?,
            None => health::last_place(store).await?,
        };
        let follow = Follow {
            store: store.clone(),
            viewer: actor.account_id,
            account: account_id,
            place,
            hints,
            ready: VecDeque::new(),
            wait: false,
            over: false,
        };
        Ok(Some(stream::unfold(follow, Follow::next).boxed()))
    }
}

/// A subscription under way.
struct Follow {
    store: Store,
    viewer: Uuid,
    account: Uuid,
    /// The place of the last change read.
    place: i64,
    hints: Receiver<Uuid>,
    ready: VecDeque<(String, HealthChange)>,
    wait: bool,
    over: bool,
}

impl Follow {
    async fn next(mut self) -> Option<(Result<(String, HealthChange), AppError>, Self)> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some((Ok(change), self));
            }
            if self.over {
                return None;
            }
            if self.wait {
                self.wait().await;
            }
            match health::after(&self.store, self.viewer, self.account, self.place, BATCH).await {
                Ok(found) => {
                    self.wait = (found.len() as u64) < BATCH;
                    self.place = found.last().map_or(self.place, |(place, _)| *place);
                    self.ready = found.into_iter().map(|(place, change)| (health::cursor(place), change)).collect();
                }
                Err(error) => {
                    self.over = true;
                    return Some((Err(error.into()), self));
                }
            }
        }
    }

    /// Until a hint, or for as long as a hint may be missing. Whose health it is decides the look.
    async fn wait(&mut self) {
        let hint = async {
            match self.hints.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        };
        // Running out of time is one of the two ways to go on.
        let _ = tokio::time::timeout(POLL, hint).await;
    }
}
