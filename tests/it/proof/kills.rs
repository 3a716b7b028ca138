//! Killed at random times while it collects.
//!
//! `COPPICE_SIMULATION_KILLS=1000..1300` kills once for each of those seeds instead of the first few; a new installation is begun after
//! every twenty.

use std::{ops::Range, time::Duration};

use coppice::{
    clock::{Clock as _, SystemClock},
    id::IdSource,
};

use super::{program::until, stage::Stage};
use crate::support::world::Kind;

const KILLS_EACH: u64 = 20;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("COPPICE_SIMULATION_KILLS") else { return 0..3 };
    match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => text.parse().map(|seed: u64| seed..seed + 1).unwrap(),
    }
}

/// Starts it, and kills it after some commits and a moment.
async fn killed_once(stage: &Stage, seed: u64) {
    let choice = IdSource::seeded(seed);
    if stage.is_idle().await {
        stage.go_on().await;
    }
    let mut target = stage.progress().await;
    // Of the nothing, the little and the much of it that may be done.
    let share = choice.fraction() * choice.fraction();
    target += i64::try_from(Duration::from_millis(60).mul_f64(share).as_millis()).unwrap();
    let program = stage.serve("");
    let mut went_on = false;
    until("it collects", async || {
        if stage.is_idle().await && !std::mem::replace(&mut went_on, true) {
            stage.go_on().await;
        }
        stage.progress().await >= target || stage.is_idle().await
    })
    .await;
    tokio::time::sleep(Duration::from_millis(25).mul_f64(choice.fraction())).await;
    program.kill();
    stage.assert_books().await;
}

/// The milliseconds from the end of the last lease of a program that is gone until another one has the server.
async fn resumed_after(stage: &Stage) -> Option<i64> {
    let held = "SELECT lease_fence, lease_until FROM server WHERE lease_owner IS NOT NULL ORDER BY lease_until DESC LIMIT 1";
    let row = stage.all(held).await.pop()?;
    let (fence, until_): (i64, i64) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
    let server = format!("SELECT COUNT(*) FROM server WHERE lease_until = {until_} AND lease_fence = {fence}");
    let program = stage.serve("");
    until("the server is taken over", async || stage.number(&server).await == 0).await;
    let after = SystemClock.now().timestamp_millis() - until_;
    program.stop().await;
    Some(after)
}

async fn killed_at_random(kind: Kind) {
    let seeds = seeds();
    let mut done = 0;
    for first in seeds.clone().step_by(usize::try_from(KILLS_EACH).unwrap()) {
        let stage = Stage::new(kind, 1000 + first).await;
        for seed in first..seeds.end.min(first + KILLS_EACH) {
            let killed = std::panic::AssertUnwindSafe(killed_once(&stage, seed));
            let killed = futures_util::FutureExt::catch_unwind(killed).await;
            assert!(killed.is_ok(), "kill {seed} failed; try it with COPPICE_SIMULATION_KILLS={seed}");
            done += 1;
            // Once the lease is waited for.
            if seed == first
                && let Some(after) = resumed_after(&stage).await
            {
                println!("{kind:?}: resumed {after} ms after the end of the lease");
            }
            stage.end_leases().await;
        }
        stage.finish().await;
        stage.assert_exact().await;
        println!("{kind:?}: {done} kills, to the page");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_killed_at_random_on_sqlite() {
    killed_at_random(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_killed_at_random_on_postgres() {
    killed_at_random(Kind::Postgres).await;
}
