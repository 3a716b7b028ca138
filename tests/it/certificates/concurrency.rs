//! Entries that are posted while months close are on this certificate or the next, never on both or none.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ledger::{Ledger, id, project};
use crate::support::world::{Kind, World, on_both};

on_both!(posting_goes_on_while_months_close);

async fn posting_goes_on_while_months_close(kind: Kind) {
    let world = Arc::new(World::new(kind).await);
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    let accounts = [tree.customer.id, tree.sibling.id, tree.other_customer.id];
    for account in accounts {
        ledger.post(id(&world), account, "2026-02-01", 1_000_000).await;
    }
    let (mut posters, done) = (JoinSet::new(), CancellationToken::new());
    for poster in 0..3_i64 {
        let (ledger, world) = (ledger.clone(), Arc::clone(&world));
        posters.spawn(async move {
            for entry in 0..40_i64 {
                let account = accounts[usize::try_from((poster + entry) % 3).unwrap()];
                ledger.post(id(&world), account, "2026-02-10", 1_000_000 + entry).await;
            }
        });
    }
    let mut closers = JoinSet::new();
    for _ in 0..2 {
        let (world, done) = (Arc::clone(&world), done.clone());
        closers.spawn(async move {
            let mut issued = 0;
            while !done.is_cancelled() {
                issued += world.app.certificate_desk().close_due(&CancellationToken::new()).await.unwrap().issued;
            }
            issued
        });
    }
    while let Some(posted) = posters.join_next().await {
        posted.unwrap();
    }
    done.cancel();
    let mut issued = 0;
    while let Some(count) = closers.join_next().await {
        issued += count.unwrap();
    }
    issued += world.app.certificate_desk().close_due(&CancellationToken::new()).await.unwrap().issued;
    ledger.check().await;
    let left = ledger.number("SELECT count(*) FROM account_month WHERE standard <> certified_standard").await;
    assert_eq!(left, 0, "everything is certified in the end");
    let made = ledger.number("SELECT count(*) FROM certificate").await;
    assert_eq!(i64::try_from(issued).unwrap(), made);
    assert!(made >= 3, "{made}: each account has one at least");
}
