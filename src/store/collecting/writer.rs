//! The queue before the database: commits that wait together are written together.

use std::{sync::Arc, time::Duration};

use sqlx::{Postgres, pool::PoolConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Committed, FeedAhead, FeedCommit,
    apply::{self, Answer},
};
use crate::{
    failpoint::{self, Point},
    store::{Store, StoreError},
};

/// Most commits of one transaction; bounds the length of a transaction and of its statements.
const MAX_GROUP: usize = 64;
/// Commits that may wait; beyond it the collecting side waits instead.
const QUEUE: usize = 256;
/// Writing tasks on PostgreSQL: one can be written while another group gathers, and with few of them groups are large.
const WRITERS_POSTGRES: usize = 2;
/// How long a writing task keeps its connection without a commit.
const KEEP: Duration = Duration::from_secs(1);

type Kept = Option<PoolConnection<Postgres>>;
type Waiting = (FeedCommit, oneshot::Sender<Result<Answer, StoreError>>);

/// Writes [`FeedCommit`]s, those that wait together in one transaction. Clones share the same queues.
#[derive(Debug, Clone)]
pub struct CommitWriter {
    queues: Arc<[mpsc::Sender<Waiting>]>,
}

impl CommitWriter {
    /// Starts the writing tasks: one on SQLite, which has one writer, two on PostgreSQL. They end when the last clone is dropped.
    pub fn spawn(store: &Store) -> Self {
        let writers = if store.is_sqlite() { 1 } else { WRITERS_POSTGRES };
        let queues = (0..writers)
            .map(|_| {
                let (sender, receiver) = mpsc::channel(QUEUE);
                tokio::spawn(write_all(store.clone(), receiver));
                sender
            })
            .collect();
        Self { queues }
    }

    /// Stores one commit and says what became of it, with the feed that it asked for.
    pub async fn commit(&self, commit: FeedCommit) -> Result<(Committed, Option<FeedAhead>), StoreError> {
        // One server's commits keep to one queue, so that they stay in their order.
        let queue = usize::try_from(commit.lease.server_id.as_u128() % self.queues.len() as u128).unwrap_or_default();
        let (answer, answered) = oneshot::channel();
        if self.queues[queue].send((commit, answer)).await.is_err() {
            return Err(StoreError::Closed);
        }
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn write_all(store: Store, mut queue: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    let mut kept = None;
    loop {
        let received = if let Ok(received) = timeout(KEEP, queue.recv_many(&mut group, MAX_GROUP)).await {
            received
        } else {
            kept = None;
            queue.recv_many(&mut group, MAX_GROUP).await
        };
        if received == 0 {
            return;
        }
        let (commits, answers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        match write_group(&store, &mut kept, &commits).await {
            Ok(outcomes) => answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| {
                let _ = answer.send(Ok(outcome));
            }),
            Err(Failed { nothing_written: true, .. }) if commits.len() > 1 => {
                for (commit, answer) in commits.iter().zip(answers) {
                    let outcome =
                        write_group(&store, &mut kept, std::slice::from_ref(commit)).await.map_err(|failed| failed.error);
                    let _ = answer.send(outcome.and_then(|outcomes| outcomes.into_iter().next().ok_or(StoreError::Closed)));
                }
            }
            Err(Failed { error, .. }) => {
                let mut error = Some(error);
                for answer in answers {
                    let _ = answer.send(Err(error.take().unwrap_or(StoreError::Closed)));
                }
            }
        }
    }
}

/// Why a group was not written.
struct Failed {
    error: StoreError,
    /// Whether it is certain that nothing was. When the connection is lost at the commit it may have happened: then nobody may write the
    /// same again, and the engine goes on from what it finds in the rows.
    nothing_written: bool,
}

/// One transaction; tried again a few times when the database asks for it (deadlock, serialization).
async fn write_group(store: &Store, kept: &mut Kept, commits: &[FeedCommit]) -> Result<Vec<Answer>, Failed> {
    let mut attempt = 0;
    loop {
        match write_once(store, kept, commits).await {
            Err(Failed { error, nothing_written: true }) if error.is_retryable() && attempt < 5 => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn write_once(store: &Store, kept: &mut Kept, commits: &[FeedCommit]) -> Result<Vec<Answer>, Failed> {
    let before = |error| Failed { error, nothing_written: true };
    let tx = store.begin_kept(kept).await.map_err(before)?;
    let outcomes = match apply::apply(&tx, commits).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            // A connection that does not even roll back is closed.
            *kept = tx.roll_back().await.unwrap_or_default();
            return Err(before(error));
        }
    };
    failpoint::at(Point::CommitBefore);
    // What the database says of it is certain; any other error is one of the connection.
    *kept = tx.finish().await.map_err(|error| Failed { nothing_written: error.is_retryable(), error })?;
    failpoint::at(Point::CommitAfter);
    Ok(outcomes)
}
