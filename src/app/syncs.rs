//! Sync runs: started and cancelled by people. How they go is the engine's.

use serde_json::json;

use super::{
    App, AppError, Outcome, UserError, UserErrorCode, allow,
    audit::{self, Change},
    checks::{Problems, fingerprint, refuse},
    idempotent::{self, Keys, Known, Stored},
    input::StartSync,
    ports::Job,
};
use crate::{
    domain::{
        account::{Actor, Permission},
        run::{SyncRun, SyncStatus, SyncTrigger},
        server::{Server, ServerStatus},
    },
    id::{Kind, PublicId, Uuid},
    store::{
        StoreError, feed,
        run::{self, NewRun},
        server,
    },
};

const MUTATION: &str = "startSync";

impl App {
    /// `startSync`: collects a server, or some of its feeds, at once; gives the open MANUAL or NIGHTLY run when there is one.
    pub async fn start_sync(&self, actor: &Actor, input: StartSync) -> Outcome<SyncRun> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        if input.feed_ids.as_ref().is_some_and(Vec::is_empty) {
            problems.add(UserErrorCode::Invalid, "feedIds", "Name at least one feed, or leave it out for all.");
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let args = fingerprint(&StartSync { idempotency_key: None, ..input.clone() });
        let (input, args) = (&input, &args);
        let started = self
            .parts
            .store
            .write(|tx| async move {
                let key = input.idempotency_key.as_deref();
                let keys = Keys::hold(&tx, actor, MUTATION, key.as_slice(), tx.now()).await?;
                match keys.known(key, args) {
                    Known::New => {}
                    Known::Done(id) => {
                        let known = run::by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                        return Ok(known.map(|run| (run, false)).ok_or_else(|| vec![no_run("idempotencyKey")]));
                    }
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                }
                server::lock(&tx, &[input.server_id]).await?;
                let servers = server::by_ids(&tx, actor.account_id, &[input.server_id]).await?;
                if let Err(error) = collects(servers.get(&input.server_id)) {
                    return Ok(Err(vec![error]));
                }
                if let Some(ids) = &input.feed_ids {
                    let live = feed::live_of_server(&tx, input.server_id, ids).await?;
                    let mut problems = Problems::default();
                    for (index, _) in ids.iter().enumerate().filter(|(_, id)| !live.contains(id)) {
                        let message = "This server has no such feed, or it has ended.";
                        let mut error = UserError::at(UserErrorCode::NotFound, "feedIds", message);
                        error.field.get_or_insert_default().push(index.to_string());
                        problems.push(error);
                    }
                    if let Err(errors) = problems.or(()) {
                        return Ok(Err(errors));
                    }
                }
                let open = [SyncTrigger::Manual, SyncTrigger::Nightly];
                let (run, new) = match run::open_of(&tx, input.server_id, &open).await? {
                    Some(run) => (run, false),
                    None => (run::insert_one(&tx, self.manual_run(&tx, actor, input)).await?, true),
                };
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args: *args, result: run.id })]).await?;
                }
                if new {
                    let server = PublicId::new(Kind::Server, run.server_id).to_string();
                    let change = Change::new(MUTATION, Kind::SyncRun, run.id).after(json!({ "serverId": server }));
                    audit::record(&tx, actor, [change]).await?;
                }
                Ok(Ok((run, new)))
            })
            .await?;
        match started {
            Ok((run, new)) => {
                if new {
                    self.announce_run(run.server_id, run.id).await;
                }
                Ok(Ok(run))
            }
            Err(errors) => Ok(Err(errors)),
        }
    }

    fn manual_run(&self, tx: &crate::store::Tx, actor: &Actor, input: &StartSync) -> NewRun {
        NewRun {
            id: self.parts.ids.uuid(tx.now()),
            server_id: input.server_id,
            trigger: SyncTrigger::Manual,
            due_at: tx.now(),
            requested_by: Some(super::name_of(actor)),
            only_feeds: input.feed_ids.clone(),
        }
    }

    /// `cancelSync`: a queued run ends at once, a running one at its next day or feed; what is saved stays.
    pub async fn cancel_sync(&self, actor: &Actor, run_id: Uuid) -> Outcome<SyncRun> {
        allow(actor, Permission::Write)?;
        let cancelled = self
            .parts
            .store
            .write(|tx| async move {
                let Some(found) = run::by_ids(&tx, actor.account_id, &[run_id]).await?.remove(&run_id) else {
                    return Ok(Err(no_run("runId")));
                };
                let done = match found.status {
                    SyncStatus::Queued => {
                        run::end_collections(&tx, run_id, SyncStatus::Cancelled).await?;
                        run::transition(&tx, run_id, SyncStatus::Cancelled, None).await?
                    }
                    SyncStatus::Running => run::request_cancel(&tx, run_id).await?,
                    _ => {
                        let message = "The run has ended already.";
                        return Ok(Err(UserError::at(UserErrorCode::InvalidState, "runId", message)));
                    }
                };
                if !done {
                    // It moved on between the two statements: look again.
                    return Err(StoreError::Taken);
                }
                let found = json!({ "status": found.status.as_str() });
                audit::record(&tx, actor, [Change::new("cancelSync", Kind::SyncRun, run_id).before(found)]).await?;
                Ok(run::find(&tx, run_id).await?.ok_or_else(|| no_run("runId")))
            })
            .await?;
        match cancelled {
            Ok(run) => {
                self.hub().run_changed(run_id);
                Ok(Ok(run))
            }
            Err(error) => refuse(error),
        }
    }

    /// Queues a run that is committed, and tells who waits for it. If the queue fails, the sweeper finds the run.
    pub(super) async fn announce_run(&self, server_id: Uuid, run_id: Uuid) {
        self.hub().run_changed(run_id);
        let job = Job::Collect { server_id, key: format!("{server_id}:run:{run_id}") };
        if let Err(error) = self.parts.queue.push(job).await {
            let error: AppError = AppError::internal(error);
            tracing::warn!(
                server.id = %server_id,
                error = &error as &dyn std::error::Error,
                "a run was not queued; the sweeper will find it"
            );
        }
    }
}

fn collects(server: Option<&Server>) -> Result<(), UserError> {
    let refused = |message| Err(UserError::at(UserErrorCode::InvalidState, "serverId", message));
    match server.map(Server::status) {
        None => Err(UserError::at(UserErrorCode::NotFound, "serverId", "There is no such server.")),
        Some(ServerStatus::Removed) => refused("The server is removed and collects no more."),
        Some(ServerStatus::PausedByUser) => refused("The server is paused. Resume it first."),
        Some(ServerStatus::Active | ServerStatus::PausedUnhealthy) => Ok(()),
    }
}

fn no_run(field: &str) -> UserError {
    UserError::at(UserErrorCode::NotFound, field, "There is no such run.")
}
