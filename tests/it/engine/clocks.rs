//! Our clock is set, forward and back, while the vendors' go on rightly.

use chrono::TimeDelta;
use coppice::{
    domain::run::SyncTrigger,
    simulator::{FleetSpec, GenerateOptions, Totals, Trouble},
};

use super::rig::{Rig, TestDatabase, night_of};

async fn rig(database: TestDatabase, seed: u64) -> Rig {
    let options = GenerateOptions { trouble: Trouble::NONE, ..GenerateOptions::new(3, 3, 4, "2026-01-01".parse().unwrap()) };
    let fleet = FleetSpec::generate(seed, &options);
    let mut rig = Rig::new(database, fleet, "2026-01-20".parse().unwrap(), night_of("2026-02-10")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig
}

/// Steps of some hours, within the day.
async fn small_steps_move_no_page(database: TestDatabase) {
    let mut rig = rig(database, 21).await;
    for minutes in [120, -180, 50, -20, 600, -1, 0] {
        rig.ours.step(TimeDelta::minutes(minutes));
        rig.night().await;
        rig.run_all(SyncTrigger::Manual).await;
    }
    rig.night().await;
    rig.assert_exact("2026-02-17".parse().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_steps_move_no_page_on_sqlite() {
    small_steps_move_no_page(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_steps_move_no_page_on_postgres() {
    small_steps_move_no_page(TestDatabase::postgres().await).await;
}

/// For one night it is two days ahead, so that days are read that have not come; and for another one two days behind.
#[tokio::test(flavor = "multi_thread")]
async fn days_that_had_not_come_lose_nothing() {
    let mut rig = rig(TestDatabase::sqlite(), 22).await;
    for hours in [48, -48, 0] {
        rig.ours.step(TimeDelta::hours(hours));
        rig.night().await;
        rig.run_all(SyncTrigger::Manual).await;
    }
    for _ in 0..8 {
        rig.night().await;
    }
    let through = rig.clock_day().pred_opt().unwrap();
    for feed in &rig.feeds {
        let posted: Totals = rig.posted(feed.id).await.into_values().sum();
        let expected: Totals = rig.expected(feed, through).by_day().into_values().sum();
        assert_eq!(posted, expected, "{} {}", rig.servers[feed.server].vendor, feed.external_id);
    }
    rig.assert_books().await;
    rig.assert_segments().await;
}
