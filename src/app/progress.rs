//! Live progress: first what is stored, then what is new, without gap or repeat.
//!
//! The hub only says when to look; a look every 2 s is the net. What is looked for are the runs that are open, and those that ended since
//! the subscription began, so that no run's last state is missed however short it was.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{App, AppError, query::ProgressSelector};
use crate::{
    clock::Instant,
    domain::{account::Actor, query::SyncRunFilter, run::SyncRun},
    id::Uuid,
    store::{Store, account, run, server},
};

/// The longest time between two looks.
const POLL: Duration = Duration::from_secs(2);

/// States of runs: per run strictly rising, the last one never missing.
pub type ProgressStream = BoxStream<'static, Result<SyncRun, AppError>>;

impl App {
    /// `syncProgress`: the stored state of each open run, then newer ones; `None` when the run, server or account is not to be seen.
    /// With a run it ends with that run.
    pub async fn sync_progress(&self, actor: &Actor, which: ProgressSelector) -> Result<Option<ProgressStream>, AppError> {
        let store = &self.parts.store;
        let viewer = actor.account_id;
        // Before the first look, so that nothing falls between.
        let (hints, since) = (self.hub().runs(), self.now());
        let after = which.after.as_deref().map(read_cursor).transpose()?;
        let seen = match (which.run_id, after) {
            (Some(run), Some(after)) => HashMap::from([(run, after)]),
            (None, Some(_)) => {
                return Err(AppError::BadRequest("`after` goes with `runId` only.".to_owned()));
            }
            (_, None) => HashMap::new(),
        };
        if let Some(id) = which.run_id
            && !run::by_ids(store, viewer, &[id]).await?.contains_key(&id)
        {
            return Ok(None);
        }
        if let Some(id) = which.server_id
            && !server::by_ids(store, viewer, &[id]).await?.contains_key(&id)
        {
            return Ok(None);
        }
        if let Some(id) = which.account_id
            && !account::by_ids(store, viewer, &[id]).await?.contains_key(&id)
        {
            return Ok(None);
        }
        let follow = Follow {
            store: store.clone(),
            viewer,
            run_id: which.run_id,
            filter: SyncRunFilter { account_id: which.account_id, server_id: which.server_id, ..Default::default() },
            since,
            hints,
            seen,
            ready: VecDeque::new(),
            looked: false,
            over: false,
        };
        Ok(Some(stream::unfold(follow, Follow::next).boxed()))
    }

    /// The cursor of a run's state, for [`ProgressSelector::after`].
    pub fn progress_cursor(run: &SyncRun) -> String {
        run.progress.seq.to_string()
    }
}

fn read_cursor(text: &str) -> Result<i64, AppError> {
    text.parse().map_err(|_| AppError::BadRequest("The cursor is not one of a run's states.".to_owned()))
}

/// A subscription under way.
struct Follow {
    store: Store,
    viewer: Uuid,
    run_id: Option<Uuid>,
    filter: SyncRunFilter,
    since: Instant,
    hints: Receiver<Uuid>,
    /// The last state sent of each run.
    seen: HashMap<Uuid, i64>,
    ready: VecDeque<SyncRun>,
    looked: bool,
    over: bool,
}

impl Follow {
    async fn next(mut self) -> Option<(Result<SyncRun, AppError>, Self)> {
        loop {
            if let Some(run) = self.ready.pop_front() {
                return Some((Ok(run), self));
            }
            if self.over {
                return None;
            }
            if self.looked {
                self.wait().await;
            }
            self.looked = true;
            if let Err(error) = self.look().await {
                self.over = true;
                return Some((Err(error), self));
            }
        }
    }

    /// Until a hint, or for as long as a hint may be missing.
    async fn wait(&mut self) {
        let hint = async {
            loop {
                match self.hints.recv().await {
                    Ok(run) if self.run_id.is_none_or(|only| only == run) => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // Running out of time is one of the two ways to go on.
        let _ = tokio::time::timeout(POLL, hint).await;
    }

    async fn look(&mut self) -> Result<(), AppError> {
        let runs = match self.run_id {
            Some(id) => {
                let found = run::by_ids(&self.store, self.viewer, &[id]).await?;
                self.over = found.get(&id).is_none_or(|run| run.status.ended());
                found.into_values().collect()
            }
            None => run::followed(&self.store, self.viewer, &self.filter, self.since).await?,
        };
        for run in runs {
            let last = self.seen.insert(run.id, run.progress.seq);
            if last.is_none_or(|last| last < run.progress.seq) {
                self.ready.push_back(run);
            }
        }
        Ok(())
    }
}
