//! The queue before the database: commits that wait together are written together.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    Committed, FeedAhead, FeedCommit,
    apply::{self, Answer},
};
use crate::store::{Store, StoreError};

/// Most commits of one transaction; bounds the length of a transaction and of its statements.
const MAX_GROUP: usize = 64;
/// Commits that may wait; beyond it the collecting side waits instead.
const QUEUE: usize = 256;

type Waiting = (FeedCommit, oneshot::Sender<Result<Answer, StoreError>>);

/// Writes [`FeedCommit`]s, those that wait together in one transaction. Clones share the same queues.
#[derive(Debug, Clone)]
pub struct CommitWriter {
    queues: Arc<[mpsc::Sender<Waiting>]>,
}

impl CommitWriter {
    /// Starts the writing tasks: one on SQLite, which has one writer, four on PostgreSQL. They end when the last clone is
    /// dropped.
    pub fn spawn(store: &Store) -> Self {
        let writers = if store.is_sqlite() { 1 } else { 4 };
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
    while queue.recv_many(&mut group, MAX_GROUP).await > 0 {
        let (commits, answers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        match write_group(&store, &commits).await {
            Ok(outcomes) => answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| {
                let _ = answer.send(Ok(outcome));
            }),
            Err(error) if commits.len() == 1 => answers.into_iter().zip([error]).for_each(|(answer, error)| {
                let _ = answer.send(Err(error));
            }),
            Err(_) => {
                for (commit, answer) in commits.iter().zip(answers) {
                    let outcome = write_group(&store, std::slice::from_ref(commit)).await;
                    let _ = answer.send(outcome.and_then(|outcomes| outcomes.into_iter().next().ok_or(StoreError::Closed)));
                }
            }
        }
    }
}

/// One transaction; tried again a few times when the database asks for it (deadlock, serialization).
async fn write_group(store: &Store, commits: &[FeedCommit]) -> Result<Vec<Answer>, StoreError> {
    let mut attempt = 0;
    loop {
        let outcome = async {
            let tx = store.begin_write().await?;
            let outcomes = apply::apply(&tx, commits).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(outcomes)
        }
        .await;
        match outcome {
            Err(error) if error.is_retryable() && attempt < 5 => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            outcome => return outcome,
        }
    }
}
