//! Hints that something stored has moved on, to everyone in this process who waits. Only hints: who waits polls as well. What other nodes
//! hint at comes in by the [relay](super::relay), and what this one does goes out by it.

use tokio::sync::broadcast;

use crate::id::Uuid;

/// What has moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    /// The progress of this run.
    Run(Uuid),
    /// The health of a server or feed of this account.
    Health(Uuid),
    /// A certificate was issued to this account.
    Certificate(Uuid),
}

/// Hints to everyone who waits.
#[derive(Debug, Clone)]
pub struct Hub {
    runs: broadcast::Sender<Uuid>,
    health: broadcast::Sender<Uuid>,
    certificates: broadcast::Sender<Uuid>,
    /// What this process did, for other nodes.
    told: broadcast::Sender<Hint>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            runs: broadcast::Sender::new(64),
            health: broadcast::Sender::new(64),
            certificates: broadcast::Sender::new(64),
            told: broadcast::Sender::new(1024),
        }
    }
}

impl Hub {
    /// The progress of `run` has moved on and is committed.
    pub fn run_changed(&self, run: Uuid) {
        self.tell(Hint::Run(run));
    }

    /// The health of a server or feed of `account` has changed and is committed.
    pub fn health_changed(&self, account: Uuid) {
        self.tell(Hint::Health(account));
    }

    /// A certificate was issued to `account` and is committed.
    pub fn certificate_issued(&self, account: Uuid) {
        self.tell(Hint::Certificate(account));
    }

    fn tell(&self, hint: Hint) {
        self.hear(hint);
        // Nobody listening is not an error, here and below.
        let _ = self.told.send(hint);
    }

    /// Another node says so; it is not told on.
    pub(super) fn hear(&self, hint: Hint) {
        let _ = match hint {
            Hint::Run(run) => self.runs.send(run),
            Hint::Health(account) => self.health.send(account),
            Hint::Certificate(account) => self.certificates.send(account),
        };
    }

    /// Hears of what this process does.
    pub(super) fn told(&self) -> broadcast::Receiver<Hint> {
        self.told.subscribe()
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
