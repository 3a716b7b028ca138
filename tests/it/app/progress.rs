use coppice::{
    app::{App, input::StartSync, query::ProgressSelector},
    domain::{run::SyncStatus, vendor::VendorKind},
    store::run,
};
use futures_util::StreamExt as _;

use crate::support::world::{Kind, World, on_both, reader, writer};

on_both!(follows_a_run_to_its_end, misses_no_run_that_ends, shows_only_what_may_be_seen);

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
