//! Events that are rows in an order that only grows: a row that commits later stands behind. Whoever comes back with the place of the last
//! one it saw is told what came after; what the board has not kept, it reads for itself.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use tokio::sync::broadcast::Receiver;

use super::{Event, Follower, Found, News, Next, Reader, What};
use crate::{
    app::{AppError, Hub},
    id::Uuid,
    store::{Store, StoreError, account},
};

/// Rows read at a time, for all and for one.
const BATCH: u64 = 500;
const OWN_BATCH: u64 = 100;

/// Rows with their places, in order.
pub(in crate::app) type Rows<L> = Vec<(<L as Log>::Place, <L as Log>::Record)>;

/// One kind of such rows.
pub(in crate::app) trait Log: Send + 'static {
    /// A row's place.
    type Place: Copy + Ord + Send + Sync + 'static;
    /// What followers are told.
    type Record: Send + Sync + 'static;

    /// Tells when to look.
    fn hints(hub: &Hub) -> Receiver<Uuid>;

    /// The account that a row is of.
    fn account(record: &Self::Record) -> Uuid;

    /// The place behind all rows so far.
    fn end(store: &Store) -> impl Future<Output = Result<Self::Place, StoreError>> + Send;

    /// At most `limit` rows after a place; of one account and those below it, or of all.
    fn after(
        store: &Store,
        account: Option<Uuid>,
        place: Self::Place,
        limit: u64,
    ) -> impl Future<Output = Result<Rows<Self>, StoreError>> + Send;
}

/// Looks for all who follow a log.
pub(in crate::app) struct LogReader<L: Log>(L::Place);

impl<L: Log> Reader for LogReader<L> {
    type Place = L::Place;
    type Record = L::Record;

    fn hints(hub: &Hub) -> Receiver<Uuid> {
        L::hints(hub)
    }

    async fn open(store: &Store) -> Result<(Self, L::Place), StoreError> {
        let end = L::end(store).await?;
        Ok((Self(end), end))
    }

    async fn look(&mut self, store: &Store, _: &What) -> Result<Found<Self>, StoreError> {
        let rows = L::after(store, None, self.0, BATCH).await?;
        let accounts = account::lineages(store, rows.iter().map(|(_, record)| L::account(record))).await?;
        let more = rows.len() as u64 == BATCH;
        let events: Vec<_> = rows
            .into_iter()
            .map(|(place, record)| {
                let accounts = accounts.get(&L::account(&record)).cloned().unwrap_or_default();
                (place, Event { record: Arc::new(record), accounts, stays: false })
            })
            .collect();
        self.0 = events.last().map_or(self.0, |(place, _)| *place);
        Ok(Found { events, replaced: Vec::new(), more })
    }
}

/// The rows of `account` and those below it: those after `place`, or, with `None`, from now on.
pub(in crate::app) fn tail<L: Log>(
    mut follower: Follower<LogReader<L>>,
    account: Uuid,
    place: Option<L::Place>,
) -> BoxStream<'static, Result<News<L::Record>, AppError>> {
    let began = follower.began();
    // What was stored when it began may have been forgotten, or never been on the board.
    let behind = place.is_some_and(|place| place < began);
    follower.go_to(Some(place.unwrap_or(began)));
    let tail = Tail { follower, account, place: place.unwrap_or(began), own: VecDeque::new(), behind };
    stream::unfold(Some(tail), |tail| async move {
        let mut tail = tail?;
        match tail.next().await {
            Ok(news) => Some((Ok(news), Some(tail))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Tail<L: Log> {
    follower: Follower<LogReader<L>>,
    account: Uuid,
    /// While it is behind: of the last row read.
    place: L::Place,
    /// Rows it has read for itself.
    own: VecDeque<L::Record>,
    behind: bool,
}

impl<L: Log> Tail<L> {
    async fn next(&mut self) -> Result<News<L::Record>, AppError> {
        loop {
            if let Some(record) = self.own.pop_front() {
                return Ok(News { record: Arc::new(record), happened: false });
            }
            if self.behind {
                self.catch_up().await?;
                continue;
            }
            match self.follower.next(|_, event| event.accounts.contains(&self.account)).await? {
                Next::Event(record) => return Ok(News { record, happened: true }),
                Next::Behind => {
                    self.place = self.follower.place();
                    self.behind = true;
                }
            }
        }
    }

    /// Reads a batch, and goes back to the board with the last one.
    async fn catch_up(&mut self) -> Result<(), AppError> {
        // All up to here can be read by what begins now.
        let upto = self.follower.upto();
        let rows = L::after(self.follower.store(), Some(self.account), self.place, OWN_BATCH).await?;
        if (rows.len() as u64) < OWN_BATCH {
            self.behind = false;
        }
        for (place, record) in rows {
            self.place = place;
            self.own.push_back(record);
        }
        if !self.behind {
            self.own.shrink_to_fit();
            self.follower.go_to(Some(self.place.max(upto)));
        }
        Ok(())
    }
}
