use coppice::{
    app::{AppError, input::StartSync},
    domain::{
        run::{SyncStatus, SyncTrigger},
        server::Server,
        vendor::VendorKind,
    },
    store::run,
};

use crate::support::world::{Kind, World, on_both, reader, refused, writer};

on_both!(starts_one_run_at_a_time, refuses_what_is_wrong, cancels);

fn sync(server: &Server) -> StartSync {
    StartSync { server_id: server.id, feed_ids: None, idempotency_key: None }
}

async fn starts_one_run_at_a_time(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let calls = (0..6).map(|_| {
        let (app, input) = (world.app.clone(), sync(&server));
        tokio::spawn(async move { app.start_sync(&by, input).await.unwrap().unwrap() })
    });
    let mut started = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        started.push(call.await.unwrap());
    }
    started.dedup();
    assert_eq!((started.len(), started[0].status, started[0].trigger), (1, SyncStatus::Queued, SyncTrigger::Manual));
    assert_eq!(world.jobs.take().len(), 1, "who finds a run open queues nothing");
    let current = world.app.current_runs(&by, &[server.id]).await.unwrap();
    assert_eq!(current[&server.id], started[0]);

    // Once it has ended the next one is another, at the same instant too.
    let id = started[0].id;
    let ended = world.store.write(|tx| async move { run::transition(&tx, id, SyncStatus::Succeeded, None).await });
    assert!(ended.await.unwrap());
    let next = world.app.start_sync(&by, sync(&server)).await.unwrap().unwrap();
    assert_ne!(next.id, id);
    assert!(next.due_at > started[0].due_at);
    // What has ended stays as it is.
    let again = world.store.write(|tx| async move { run::transition(&tx, id, SyncStatus::Running, None).await });
    assert!(!again.await.unwrap());
}

async fn refuses_what_is_wrong(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let other = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let feed = world.feed(&by, &server, &tree.customer, "1", "2026-03-02").await;
    let input = StartSync { feed_ids: Some(vec![feed.id]), ..sync(&other) };
    assert_eq!(refused(world.app.start_sync(&by, input).await.unwrap()), "NOT_FOUND feedIds.0");
    let input = StartSync { feed_ids: Some(Vec::new()), ..sync(&server) };
    assert_eq!(refused(world.app.start_sync(&by, input).await.unwrap()), "INVALID feedIds");
    let outcome = world.app.start_sync(&writer(&tree.other_partner), sync(&server)).await.unwrap();
    assert_eq!(refused(outcome), "NOT_FOUND serverId");
    // A customer sees its feed and not its partner's server.
    let outcome = world.app.start_sync(&writer(&tree.customer), sync(&server)).await.unwrap();
    assert_eq!(refused(outcome), "NOT_FOUND serverId");
    assert!(matches!(world.app.start_sync(&reader(&tree.partner), sync(&server)).await, Err(AppError::Forbidden)));
    for column in ["paused_at", "removed_at"] {
        world.database.sql(&format!("UPDATE server SET {column} = 1")).await.unwrap();
        assert_eq!(refused(world.app.start_sync(&by, sync(&server)).await.unwrap()), "INVALID_STATE serverId");
    }
    assert!(world.jobs.take().is_empty());
}

async fn cancels(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let queued = world.app.start_sync(&by, sync(&server)).await.unwrap().unwrap();
    assert_eq!(refused(world.app.cancel_sync(&writer(&tree.other_partner), queued.id).await.unwrap()), "NOT_FOUND runId");
    let cancelled = world.app.cancel_sync(&by, queued.id).await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.finished_at.is_some()), (SyncStatus::Cancelled, true));
    assert!(cancelled.progress.seq > queued.progress.seq);
    assert_eq!(refused(world.app.cancel_sync(&by, queued.id).await.unwrap()), "INVALID_STATE runId");

    let running = world.app.start_sync(&by, sync(&server)).await.unwrap().unwrap().id;
    world.store.write(|tx| async move { run::transition(&tx, running, SyncStatus::Running, None).await }).await.unwrap();
    let asked = world.app.cancel_sync(&by, running).await.unwrap().unwrap();
    assert_eq!(asked.status, SyncStatus::Running, "it stops at its next day or feed");
    assert_eq!(world.database.sql("UPDATE sync_run SET pages = 0 WHERE cancel_requested").await.unwrap(), 1);
}
