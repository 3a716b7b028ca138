use coppice::{
    app::{App, AppError, input::StartSync, query::ProgressSelector},
    clock::Clock as _,
    domain::{run::SyncStatus, server::Server, vendor::VendorKind},
    store::run,
};
use futures_util::StreamExt as _;

use crate::support::world::{Kind, World, on_both, reader, writer};

on_both!(
    follows_a_run_to_its_end,
    misses_no_run_that_ends,
    who_misses_too_much_is_told_to_subscribe_again,
    shows_only_what_may_be_seen,
);

fn of_run(id: coppice::id::Uuid) -> ProgressSelector {
    ProgressSelector { run_id: Some(id), ..Default::default() }
}

async fn follows_a_run_to_its_end(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
    let started = world.app.start_sync(&by, input).await.unwrap().unwrap();
    let id = started.id;
    let mut states = world.app.sync_progress(&by, of_run(id)).await.unwrap().unwrap();
    assert_eq!(*states.next().await.unwrap().unwrap().record, started, "what is stored comes first");

    world.store.write(|tx| async move { run::transition(&tx, id, SyncStatus::Running, None).await }).await.unwrap();
    world.app.hub().run_changed(id);
    let running = states.next().await.unwrap().unwrap().record;
    assert_eq!(running.status, SyncStatus::Running);
    assert!(running.progress.seq > started.progress.seq);

    // Without a hint it is seen by looking.
    world.store.write(|tx| async move { run::transition(&tx, id, SyncStatus::Succeeded, None).await }).await.unwrap();
    let last = states.next().await.unwrap().unwrap().record;
    assert_eq!(last.status, SyncStatus::Succeeded);
    assert!(states.next().await.is_none(), "the stream ends with its run");

    // Who comes back with the last cursor is told nothing twice.
    for (after, expected) in [(&running, vec![last.clone()]), (&last, vec![])] {
        let which = ProgressSelector { after: Some(App::progress_cursor(after)), ..of_run(id) };
        let states = world.app.sync_progress(&by, which).await.unwrap().unwrap();
        assert_eq!(states.map(|state| state.unwrap().record).collect::<Vec<_>>().await, expected);
    }
}

async fn misses_no_run_that_ends(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let which = ProgressSelector { account_id: Some(tree.partner.id), ..Default::default() };
    let mut states = world.app.sync_progress(&reader(&tree.distributor), which).await.unwrap().unwrap();
    // It begins and ends before anybody looks, as a rule.
    let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
    let id = world.app.start_sync(&by, input).await.unwrap().unwrap().id;
    world.app.cancel_sync(&by, id).await.unwrap().unwrap();
    let mut last = states.next().await.unwrap().unwrap().record;
    if last.status == SyncStatus::Queued {
        last = states.next().await.unwrap().unwrap().record;
    }
    assert_eq!((last.id, last.status), (id, SyncStatus::Cancelled));
}

async fn who_misses_too_much_is_told_to_subscribe_again(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let start = async |server: &Server| {
        let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
        world.app.start_sync(&by, input).await.unwrap().unwrap()
    };
    let follow = async || world.app.sync_progress(&by, ProgressSelector::default()).await.unwrap().unwrap();
    let mut states = follow().await;
    let other = world.server(&tree.partner, VendorKind::MpsMonitor, chrono_tz::UTC).await;
    let one = start(&other).await;
    let mut states_of_one = world.app.sync_progress(&by, of_run(one.id)).await.unwrap().unwrap();
    assert_eq!(states_of_one.next().await.unwrap().unwrap().record.id, one.id);
    let (now, id) =
        (world.clock.now().timestamp_millis(), if kind == Kind::Postgres { "gen_random_uuid()" } else { "randomblob(16)" });
    let ended = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) \
         INSERT INTO sync_run (id, server_id, trigger_kind, status, due_at, requested_at, planned, cancel_requested, started_at, \
         finished_at, crashes, progress_seq, feeds_total, feeds_done, feeds_failed, days_total, days_done, pages) \
         SELECT {id}, {server}, 'MANUAL', 'SUCCEEDED', {now} + i, {now}, TRUE, FALSE, {now}, {now}, 0, 1, 0, 0, 0, 0, 0, 0 FROM n",
        server = world.database.key(server.id),
    );
    world.database.sql(&ended).await.unwrap();
    // Whoever begins waits for a look that sees them.
    let mut again = follow().await;
    let mut next = states.next().await;
    if matches!(&next, Some(Ok(state)) if state.record.id == one.id) {
        // A look before the others were there.
        next = states.next().await;
    }
    assert!(matches!(next, Some(Err(AppError::Behind))));
    assert!(states.next().await.is_none());
    assert_eq!(again.next().await.unwrap().unwrap().record.id, one.id, "what is open comes first");
    let started = start(&server).await;
    assert_eq!(again.next().await.unwrap().unwrap().record.id, started.id);

    // A run of its own is read again.
    world.app.cancel_sync(&by, one.id).await.unwrap().unwrap();
    let last = states_of_one.next().await.unwrap().unwrap().record;
    assert_eq!((last.id, last.status), (one.id, SyncStatus::Cancelled));
    assert!(states_of_one.next().await.is_none());
}

async fn shows_only_what_may_be_seen(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
    let id = world.app.start_sync(&by, input).await.unwrap().unwrap().id;
    for stranger in [&tree.other_partner, &tree.customer] {
        let of_server = ProgressSelector { server_id: Some(server.id), ..Default::default() };
        let of_account = ProgressSelector { account_id: Some(tree.partner.id), ..Default::default() };
        for which in [of_run(id), of_server, of_account] {
            assert!(world.app.sync_progress(&reader(stranger), which).await.unwrap().is_none());
        }
    }
}
