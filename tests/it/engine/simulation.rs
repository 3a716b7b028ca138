//! Seeds: fleets with every meter anomaly and fault, nights that are skipped, doubled and broken off. After each seed the ledger
//! equals what the simulator knows must have been counted.
//!
//! `COPPICE_SIMULATION_SEEDS=1000..3000` runs those seeds instead of the first 200; a failing seed is named and replays alone.

use std::ops::Range;

use chrono::{Days, NaiveDate, TimeDelta};
use coppice::{
    app::work::Scheduling as _,
    clock::Clock as _,
    domain::run::SyncTrigger,
    id::IdSource,
    simulator::{FleetSpec, GenerateOptions, Trouble},
};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, TestDatabase, night_of};

const FIRST_DAY: &str = "2026-02-20";
/// Nights that are played; the last effect of any trouble lies well before the last of them.
const NIGHTS: u64 = 50;

/// The seeds of one of four tests, which run side by side; the first takes those that were asked for.
fn seeds(quarter: u64) -> Range<u64> {
    let Ok(text) = std::env::var("COPPICE_SIMULATION_SEEDS") else { return quarter * 50..(quarter + 1) * 50 };
    if quarter > 0 {
        return 0..0;
    }
    match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => text.parse().map(|seed: u64| seed..seed + 1).unwrap(),
    }
}

async fn play(seed: u64) {
    let first_day: NaiveDate = FIRST_DAY.parse().unwrap();
    let choice = IdSource::seeded(seed);
    let chance = |share: f64| choice.fraction() < share;
    let trouble = Trouble { after: 10, days: 18, meters: 350, changes: 200, customers: 300, faults: 30 };
    let options = GenerateOptions { trouble, ..GenerateOptions::new(3, 2, 4, first_day) };
    let start = night_of(&(first_day + Days::new(8)).to_string()) + TimeDelta::hours(7);
    let activation = first_day + Days::new(3);
    let mut rig = Rig::new(TestDatabase::sqlite(), FleetSpec::generate(seed, &options), activation, start).await;
    rig.run_all(SyncTrigger::Backfill).await;
    for _ in 0..NIGHTS {
        rig.night().await;
        if chance(0.1) {
            rig.run_all(SyncTrigger::Manual).await;
        }
        if chance(0.2) {
            rig.engine.carry_up(CancellationToken::new()).await.unwrap();
        }
        if chance(0.05) {
            rig.restart();
        }
    }
    let last_night = rig.clock.now().with_timezone(&chrono_tz::Europe::Berlin).date_naive();
    rig.assert_exact(last_night.pred_opt().unwrap()).await;
}

async fn play_all(quarter: u64) {
    for seed in seeds(quarter) {
        let played = std::panic::AssertUnwindSafe(play(seed)).catch_unwind().await;
        assert!(played.is_ok(), "seed {seed} failed; replay it with COPPICE_SIMULATION_SEEDS={seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulation_of_seeds_equals_the_oracle_first_quarter() {
    play_all(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulation_of_seeds_equals_the_oracle_second_quarter() {
    play_all(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulation_of_seeds_equals_the_oracle_third_quarter() {
    play_all(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulation_of_seeds_equals_the_oracle_last_quarter() {
    play_all(3).await;
}
