//! What the use cases need from above: a queue that carries work. The rows are the truth; what the queue loses, the sweeper finds.

use std::error::Error;

use async_trait::async_trait;

use crate::id::Uuid;

/// Carries jobs to workers.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Queues `job`; success too when one with its key is queued already.
    async fn push(&self, job: Job) -> Result<(), QueueError>;
}

/// Work as the queue carries it: a name and ids; it reads the world itself and may run twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Go on with the runs of a server.
    Collect {
        /// The server.
        server_id: Uuid,
        /// Purpose, id and scheduled instant; equal keys are one job.
        key: String,
    },
}

/// The queue did not take a job.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take the job")]
pub struct QueueError(#[source] pub Box<dyn Error + Send + Sync>);
