//! `sync`: collects a server now.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{
    Global, configure,
    failure::{Failure, done},
    number::grouped,
    open,
    output::print,
    progress::{Board, outcome},
    values,
};
use crate::{
    app::{input::StartSync, query::CollectionsOf, work::CollectEnd},
    bootstrap::{Node, Purpose, Surroundings},
    domain::{
        account::Actor,
        paging::{MAX_PAGE, PageArgs},
        run::{SyncRun, SyncStatus},
    },
    id::{Kind, PublicId, Uuid},
    lifecycle::{self, CancellationToken},
};

/// How often the run's row is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long to wait when another process holds the server, or the run rests until its next attempt.
const REST: Duration = Duration::from_secs(1);

/// Collect a server now, all of its feeds up to yesterday.
///
/// With --wait it shows the progress and ends with the run. When no server runs on this database, or none gets to it, this process
/// collects by itself, under the same lease: two never read the same vendor server at a time. Without --wait a running server does the
/// work.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 4: the run did not succeed, or was interrupted; what it has saved stays, and
the next run goes on from there.

Example:
  coppice sync --server srv_01h455vb4pex5vsknk084sn02q --wait")]
pub(super) struct Sync {
    /// The server, srv_...
    #[arg(long, value_name = "ID", value_parser = values::server_id)]
    server: Uuid,
    /// Wait for the end of the run, and take part in it.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn sync(global: &Global, what: Sync) -> Result<(), Failure> {
    let shutdown = lifecycle::on_signals().map_err(|error| Failure::failed(&error))?;
    let node = open(configure(global, json!({}), false)?, Purpose::Command, Surroundings::real()).await?;
    let found = node.operator_of(what.server).await.map_err(|error| Failure::failed(&error))?;
    let id = PublicId::new(Kind::Server, what.server);
    let (server, actor) = found.ok_or_else(|| Failure::refused(format!("There is no server {id} in this database.")))?;
    let input = StartSync { server_id: what.server, feed_ids: None, idempotency_key: None };
    let run = done(node.app().start_sync(&actor, input).await)?;
    let run = if what.wait { Box::pin(follow(&node, &actor, &server.name, run, &shutdown)).await? } else { run };
    if global.json {
        print(json!({
            "id": PublicId::new(Kind::SyncRun, run.id).to_string(),
            "serverId": id.to_string(),
            "status": run.status.as_str(),
            "feedsTotal": run.progress.feeds_total,
            "feedsDone": run.progress.feeds_done,
            "feedsFailed": run.progress.feeds_failed,
            "daysDone": run.progress.days_done,
            "pages": run.progress.pages,
            "reason": run.error.map(|error| error.reason.as_str()),
        }));
    } else if what.wait {
        print(format!(
            "{}  {}  {}, {} pages",
            PublicId::new(Kind::SyncRun, run.id),
            run.status,
            outcome(&run),
            grouped(run.progress.pages)
        ));
    } else {
        print(PublicId::new(Kind::SyncRun, run.id));
    }
    let judged = if what.wait { judge(&node, &actor, &run).await } else { Ok(()) };
    node.close().await;
    judged
}

/// Works on the run, unless another process does, and shows it until it ends or we are interrupted.
async fn follow(
    node: &Node,
    actor: &Actor,
    label: &str,
    mut run: SyncRun,
    shutdown: &CancellationToken,
) -> Result<SyncRun, Failure> {
    let stop = shutdown.child_token();
    let work = async {
        while !stop.is_cancelled() {
            match node.collect(run.server_id, &stop).await {
                Ok(CollectEnd::More { .. }) => {}
                Ok(CollectEnd::Done | CollectEnd::Busy) => drop(stop.run_until_cancelled(tokio::time::sleep(REST)).await),
                Err(error) => return Err(Failure::failed(&error)),
            }
        }
        Ok(())
    };
    let watch = async {
        let mut board = Board::new();
        let mut last = run.clone();
        loop {
            if let Some(now) = node.app().runs_by_id(actor, &[last.id]).await?.remove(&last.id) {
                last = now;
            }
            board.show(label, &last);
            if last.status.ended() || stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                stop.cancel();
                return Ok::<_, Failure>(last);
            }
        }
    };
    // A failed look must not leave the work going on, nor a failed work the looking.
    let guarded = async {
        let worked = work.await;
        stop.cancel();
        worked
    };
    let watched = async {
        let watched = watch.await;
        stop.cancel();
        watched
    };
    let (worked, watched) = tokio::join!(guarded, watched);
    worked?;
    run = watched?;
    Ok(run)
}

async fn judge(node: &Node, actor: &Actor, run: &SyncRun) -> Result<(), Failure> {
    if run.status == SyncStatus::Succeeded {
        return Ok(());
    }
    if !run.status.ended() {
        return Err(Failure::unfinished(
            "Interrupted. What was saved stays; the run goes on with a running server or the next `sync`.",
        ));
    }
    let mut text = format!("The run did not succeed: {}.", outcome(run));
    if let Some(error) = run.error {
        text = format!("{text}\n  {}", error.reason.message());
    }
    let page = PageArgs { limit: MAX_PAGE, ..PageArgs::default() };
    let collections = node.app().collections(actor, CollectionsOf::Run(run.id), &page).await?;
    for (_, collection) in collections.items {
        if let Some(error) = collection.error.filter(|_| collection.status == SyncStatus::Failed) {
            text = format!("{text}\n  {}: {}", PublicId::new(Kind::Feed, collection.feed_id), error.reason.message());
        }
    }
    Err(Failure::unfinished(text))
}
