//! Hints, within this process, that something stored has moved on. Only hints: who waits polls as well.

use tokio::sync::broadcast;

use crate::id::Uuid;

/// Hints to everyone who waits.
#[derive(Debug, Clone)]
pub struct Hub {
    runs: broadcast::Sender<Uuid>,
    health: broadcast::Sender<Uuid>,
    certificates: broadcast::Sender<Uuid>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { runs: broadcast::Sender::new(64), health: broadcast::Sender::new(64), certificates: broadcast::Sender::new(64) }
    }
}

impl Hub {
    /// The progress of `run` has moved on and is committed.
    pub fn run_changed(&self, run: Uuid) {
        // Nobody listening is not an error.
        let _ = self.runs.send(run);
    }

    /// The health of a server or feed of `account` has changed and is committed.
    pub fn health_changed(&self, account: Uuid) {
        let _ = self.health.send(account);
    }

    /// A certificate was issued to `account` and is committed.
    pub fn certificate_issued(&self, account: Uuid) {
        let _ = self.certificates.send(account);
    }

    /// Hears of accounts that certificates were issued to.
    pub fn certificates(&self) -> broadcast::Receiver<Uuid> {
        self.certificates.subscribe()
    }

    /// Hears of runs.
    pub fn runs(&self) -> broadcast::Receiver<Uuid> {
        self.runs.subscribe()
    }

    /// Hears of accounts whose servers' or feeds' health changed.
    pub fn health(&self) -> broadcast::Receiver<Uuid> {
        self.health.subscribe()
    }
}
