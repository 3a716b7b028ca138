//! Hints, within this process, that a run's progress has moved on. Only a hint: who waits polls as well.

use tokio::sync::broadcast;

use crate::id::Uuid;

/// Hints to everyone who waits.
#[derive(Debug, Clone)]
pub struct Hub(broadcast::Sender<Uuid>);

impl Default for Hub {
    fn default() -> Self {
        Self(broadcast::Sender::new(64))
    }
}

impl Hub {
    /// The progress of `run` has moved on and is committed.
    pub fn progress(&self, run: Uuid) {
        // Nobody listening is not an error.
        let _ = self.0.send(run);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Uuid> {
        self.0.subscribe()
    }
}
