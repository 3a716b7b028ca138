//! Backfill and nights, undisturbed and disturbed, on both databases.

use coppice::{
    domain::run::SyncTrigger,
    simulator::{Fault, FleetSpec, GenerateOptions, Trouble},
};

use super::rig::{Rig, TestDatabase, night_of};

fn fleet(seed: u64, trouble: Trouble) -> FleetSpec {
    let first_day = "2026-01-01".parse().unwrap();
    FleetSpec::generate(seed, &GenerateOptions { trouble, ..GenerateOptions::new(3, 4, 5, first_day) })
}

async fn backfill_and_nights(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(1, Trouble::NONE), "2026-01-05".parse().unwrap(), night_of("2026-02-10")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig.assert_exact("2026-02-09".parse().unwrap()).await;

    // The same again books nothing.
    let entries = rig.all("SELECT id FROM deposit").await.len();
    rig.run_all(SyncTrigger::Manual).await;
    assert_eq!(rig.all("SELECT id FROM deposit").await.len(), entries);

    rig.night().await;
    rig.assert_exact("2026-02-10".parse().unwrap()).await;
    for _ in 0..3 {
        rig.night().await;
    }
    rig.assert_exact("2026-02-13".parse().unwrap()).await;
    assert_eq!(rig.run_statuses().await.into_iter().collect::<Vec<_>>(), [("SUCCEEDED".to_owned(), 18)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_and_nights_on_sqlite() {
    backfill_and_nights(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_and_nights_on_postgres() {
    backfill_and_nights(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_with_one_vendor_down_is_caught_up() {
    let mut rig =
        Rig::new(TestDatabase::sqlite(), fleet(2, Trouble::NONE), "2026-01-20".parse().unwrap(), night_of("2026-02-10")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig.simulator.set_fault(1, Some(Fault::Down));
    rig.night().await;
    assert_eq!(rig.run_statuses().await["PAUSED"], 1);
    let status = rig.one("SELECT COUNT(*) FROM server WHERE health_status = 'UNHEALTHY'").await;
    assert_eq!(status.try_get_by_index::<i64>(0).unwrap(), 1);
    rig.simulator.set_fault(1, None);
    rig.night().await;
    rig.assert_exact("2026-02-11".parse().unwrap()).await;
}
