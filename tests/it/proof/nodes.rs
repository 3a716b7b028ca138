//! Two nodes on one database, one of them frozen beyond its lease.
//!
//! `COPPICE_TEST_LEASE=90s` has it wait for leases of that length instead of the shortest.

use super::{program::until, stage::Stage};
use crate::support::world::Kind;

const HELD: &str = "SELECT COUNT(*) FROM server WHERE lease_owner IS NOT NULL";

async fn stage(seed: u64) -> Stage {
    let stage = Stage::new(Kind::Postgres, seed).await;
    match std::env::var("COPPICE_TEST_LEASE") {
        Ok(lease) => stage.with("COLLECT__LEASE", &lease),
        Err(_) => stage,
    }
}

/// Stopped with answers in its hands, and let go when another node has gone on: what it still writes carries an old fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_frozen_node_writes_nothing_when_it_is_let_go() {
    let stage = stage(31).await;
    // It has three answers, one of each server, and holds each up long enough to be stopped.
    let mut first = stage.serve("collect.answered=20*off->3*sleep(1500)");
    let some = "SELECT COUNT(*) FROM collection WHERE saved_through IS NOT NULL";
    until("it collects", async || stage.number(some).await > 1 && stage.number(HELD).await > 1).await;
    let mut before = -1;
    until("it holds answers", async || {
        let progress = stage.progress().await;
        std::mem::replace(&mut before, progress) == progress
    })
    .await;
    first.signal("STOP");
    let frozen = stage.progress().await;
    let mut second = stage.serve("");
    until("the other one goes on", async || stage.progress().await > frozen + 20).await;
    first.signal("CONT");
    until("everything is read", async || {
        assert!(first.ended().is_none() && second.ended().is_none());
        stage.is_idle().await
    })
    .await;
    stage.assert_books().await;
    stage.go_on().await;
    until("they go on together", async || stage.is_idle().await).await;
    first.stop().await;
    second.stop().await;
    stage.finish().await;
    stage.assert_exact().await;
}

/// One that freezes in the middle of a transaction holds the locks of its rows; the database ends that transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_node_frozen_in_a_transaction_keeps_no_server() {
    let stage = stage(32).await;
    let first = stage.serve("commit.entries=10*off->1*sleep(600000)");
    until("it hangs in a transaction", async || {
        let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' \
                    AND query LIKE '%INTO deposit%' AND now() - state_change > interval '1 second'";
        stage.number(idle).await == 1
    })
    .await;
    first.signal("STOP");
    let second = stage.serve("");
    until("everything is read", async || stage.is_idle().await).await;
    first.kill();
    second.stop().await;
    stage.finish().await;
    stage.assert_exact().await;
}
