//! Sync runs.
use super::{App, Outcome, accounts::todo_later, input::StartSync};
use crate::{
    domain::{account::Actor, run::SyncRun},
    id::Uuid,
};

impl App {
    /// `startSync`: collects a server, or some of its feeds, at once; gives the open run when there is one.
    pub async fn start_sync(&self, actor: &Actor, input: StartSync) -> Outcome<SyncRun> {
        todo_later(actor, input)
    }

    /// `cancelSync`: stops a run at the next day or feed; what is saved stays.
    pub async fn cancel_sync(&self, actor: &Actor, run_id: Uuid) -> Outcome<SyncRun> {
        todo_later(actor, run_id)
    }
}
