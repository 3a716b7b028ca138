//! `coppice reconcile`: finds what was put wrong by hand, repairs what are only sums, and says so.

use serde_json::Value;

use super::stage::Stage;
use crate::support::world::Kind;

async fn finds_and_repairs(kind: Kind) {
    let stage = Stage::new(kind, 61).await;
    stage.finish().await;
    let command = async |arguments: &'static [&'static str]| tokio::task::block_in_place(|| stage.command(arguments));

    let agree = command(&["reconcile", "--check", "--json"]).await.json();
    assert_eq!((&agree["found"], &agree["accounts"], &agree["feeds"]), (&0.into(), &7.into(), &6.into()), "{agree}");

    let one = "(SELECT account_id, day FROM account_day WHERE small > 0 ORDER BY account_id, day LIMIT 1)";
    stage.execute(&format!("UPDATE account_day SET small = small + 7 WHERE (account_id, day) = {one}")).await;
    let seen = command(&["reconcile", "--check"]).await;
    assert_eq!(seen.code, 4, "{seen:?}");
    assert!(seen.out.contains("acc_") && seen.out.contains("small -7") && !seen.out.contains("  repaired"), "{}", seen.out);
    assert!(seen.out.contains("1 differences, 0 of them repaired") && seen.err.contains("do not agree"), "{seen:?}");

    let repaired = command(&["reconcile", "--json"]).await.json();
    assert_eq!((&repaired["found"], &repaired["repaired"]), (&1.into(), &1.into()), "{repaired}");
    assert_eq!(repaired["differences"][0]["small"], Value::from(-7));
    assert_eq!(command(&["reconcile", "--check", "--json"]).await.json()["found"], 0);
    stage.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_reconcile_finds_and_repairs_on_sqlite() {
    finds_and_repairs(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_reconcile_finds_and_repairs_on_postgres() {
    finds_and_repairs(Kind::Postgres).await;
}
