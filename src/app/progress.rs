//! Live progress: first what is stored, then what is new, without gap or repeat. A run has no log of its states, only the latest one, so
//! who is slow gets merged states, and the last one always.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use tokio::sync::broadcast::Receiver;

use super::{
    App, AppError, Hub,
    live::{Event, Follower, Found, News, Next, Reader, What},
    query::ProgressSelector,
};
use crate::{
    domain::{account::Actor, run::SyncRun},
    id::Uuid,
    store::{Store, StoreError, account, run, server},
};

/// By how much nodes may disagree about the time, in milliseconds.
const DISAGREEMENT: i64 = 10_000;

/// States of runs: per run strictly rising, the last one never missing. Of many runs it ends with [`AppError::Behind`] for who did not take
/// the ends of more than 1,024.
pub type ProgressStream = BoxStream<'static, Result<News<SyncRun>, AppError>>;

impl App {
    /// `syncProgress`: the stored state of each open run, then newer ones; `None` when the run, server or account is not to be seen.
    /// With a run it ends with that run.
    pub async fn sync_progress(&self, actor: &Actor, which: ProgressSelector) -> Result<Option<ProgressStream>, AppError> {
        let store = &self.parts.store;
        let viewer = actor.account_id;
        let after = which.after.as_deref().map(read_cursor).transpose()?;
        if after.is_some() && which.run_id.is_none() {
            return Err(AppError::BadRequest("`after` goes with `runId` only.".to_owned()));
        }
        // Before anything else is asked, so that nothing falls between.
        let mut follower = self.live.runs.follow(store, self.hub()).await?;
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
        let Some(id) = which.run_id else {
            let (account, server) = (which.account_id.unwrap_or(viewer), which.server_id);
            follower.go_to(None);
            return Ok(Some(stream::try_unfold(Many { follower, account, server }, Many::next).boxed()));
        };
        let Some(stored) = run::by_ids(store, viewer, &[id]).await?.remove(&id) else { return Ok(None) };
        let (over, seq) = (stored.status.ended(), stored.progress.seq);
        let known = after.is_some_and(|after| after >= seq);
        let first = stream::iter((!known).then(|| Ok(News { record: Arc::new(stored), happened: false })));
        if over {
            return Ok(Some(first.boxed()));
        }
        let one = One { follower, id, seq: after.unwrap_or(seq).max(seq), over };
        Ok(Some(first.chain(stream::try_unfold(one, One::next)).boxed()))
    }

    /// The cursor of a run's state, for [`ProgressSelector::after`].
    pub fn progress_cursor(run: &SyncRun) -> String {
        run.progress.seq.to_string()
    }
}

fn read_cursor(text: &str) -> Result<i64, AppError> {
    text.parse().map_err(|_| AppError::BadRequest("The cursor is not one of a run's states.".to_owned()))
}

/// One run, followed to its end.
struct One {
    follower: Follower<Runs>,
    id: Uuid,
    /// The last state sent.
    seq: i64,
    over: bool,
}

impl One {
    async fn next(mut self) -> Result<Option<(News<SyncRun>, Self)>, AppError> {
        if self.over {
            return Ok(None);
        }
        let (id, seq) = (self.id, self.seq);
        let wanted = |_, event: &Event<SyncRun>| event.record.id == id && event.record.progress.seq > seq;
        let record = loop {
            match self.follower.next(wanted).await? {
                Next::Event(record) => break record,
                // Others ended meanwhile, more than are kept; what became of one can be read.
                Next::Behind => {
                    self.follower.go_to(Some(self.follower.upto()));
                    let stored = run::told(self.follower.store(), std::iter::once(id)).await?;
                    if let Some((run, _)) = stored.into_iter().find(|(run, _)| run.progress.seq > seq) {
                        break Arc::new(run);
                    }
                }
            }
        };
        self.seq = record.progress.seq;
        self.over = record.status.ended();
        Ok(Some((News { record, happened: true }, self)))
    }
}

/// All runs of an account's servers, or of one of them.
struct Many {
    follower: Follower<Runs>,
    account: Uuid,
    server: Option<Uuid>,
}

impl Many {
    async fn next(mut self) -> Result<Option<(News<SyncRun>, Self)>, AppError> {
        let began = self.follower.began();
        let wanted = |place, event: &Event<SyncRun>| {
            (place > began || !event.record.status.ended())
                && event.accounts.contains(&self.account)
                && self.server.is_none_or(|server| server == event.record.server_id)
        };
        let Next::Event(record) = self.follower.next(wanted).await? else { return Err(AppError::Behind) };
        let happened = self.follower.place() > began;
        Ok(Some((News { record, happened }, self)))
    }
}

/// Looks for the runs that have moved on.
pub(super) struct Runs {
    /// The last place given.
    last: u64,
    /// In milliseconds: every run that ended before this had ended when all were looked at the last time.
    since: i64,
    /// The runs that are open, and those that ended since.
    known: HashMap<Uuid, Known>,
}

struct Known {
    seq: i64,
    place: u64,
    accounts: Arc<[Uuid]>,
    /// In milliseconds; `None` while open.
    ended_at: Option<i64>,
}

impl Reader for Runs {
    type Place = u64;
    type Record = SyncRun;

    fn hints(hub: &Hub) -> Receiver<Uuid> {
        hub.runs()
    }

    async fn open(store: &Store) -> Result<(Self, u64), StoreError> {
        let since = store.settled_before().await? - DISAGREEMENT;
        Ok((Self { last: 0, since, known: HashMap::new() }, 0))
    }

    async fn look(&mut self, store: &Store, what: &What) -> Result<Found<Self>, StoreError> {
        let (runs, gone, since) = match what {
            What::All => self.all(store).await?,
            What::Hinted(ids) => {
                let mut runs = run::told(store, ids.iter().copied()).await?;
                // A run that ended long ago, and is not known any more, was told.
                runs.retain(|(run, _)| {
                    self.known.contains_key(&run.id) || ended_at(run).is_none_or(|ended| ended >= self.since)
                });
                (runs, Vec::new(), self.since)
            }
        };
        let is_new = |run: &SyncRun| self.known.get(&run.id).is_none_or(|known| known.seq < run.progress.seq);
        let new: Vec<_> = runs.into_iter().filter(|(run, _)| is_new(run)).collect();
        let strange = new.iter().filter(|(run, _)| !self.known.contains_key(&run.id)).map(|(_, account)| *account);
        let lineages = account::lineages(store, strange).await?;

        // From here on nothing can fail, so what is known is on the board.
        let mut found = Found { events: Vec::new(), replaced: Vec::new(), more: false };
        found.replaced.extend(gone.iter().filter_map(|id| self.known.remove(id)).map(|known| known.place));
        for (run, account) in new {
            self.last += 1;
            let (seq, place, ended_at) = (run.progress.seq, self.last, ended_at(&run));
            let before = self.known.remove(&run.id);
            found.replaced.extend(before.as_ref().map(|before| before.place));
            let accounts = before.map_or_else(|| lineages.get(&account).cloned().unwrap_or_default(), |before| before.accounts);
            self.known.insert(run.id, Known { seq, place, accounts: Arc::clone(&accounts), ended_at });
            found.events.push((place, Event { record: Arc::new(run), accounts, stays: ended_at.is_none() }));
        }
        self.since = since;
        self.known.retain(|_, known| known.ended_at.is_none_or(|ended| ended >= since));
        Ok(found)
    }
}

impl Runs {
    /// Everything that may have moved on, the runs that were open and are no more, and since when runs end that this did not see.
    async fn all(&self, store: &Store) -> Result<(Vec<(SyncRun, Uuid)>, Vec<Uuid>, i64), StoreError> {
        // Whatever ended before this is committed, so the look that begins now sees it. A clock that was set back counts from there.
        let settled = store.settled_before().await? - DISAGREEMENT;
        let mut runs = run::moving(store, self.since.min(settled)).await?;
        let mut open: HashSet<Uuid> =
            self.known.iter().filter(|(_, known)| known.ended_at.is_none()).map(|(id, _)| *id).collect();
        for (run, _) in &runs {
            open.remove(&run.id);
        }
        if !open.is_empty() {
            // By another clock they ended long ago.
            runs.append(&mut run::told(store, open.iter().copied()).await?);
            for (run, _) in &runs {
                open.remove(&run.id);
            }
        }
        Ok((runs, open.into_iter().collect(), settled))
    }
}

fn ended_at(run: &SyncRun) -> Option<i64> {
    run.status.ended().then(|| run.finished_at.map_or(i64::MAX, |at| at.timestamp_millis()))
}
