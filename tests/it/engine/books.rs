//! The books: reconciled, kept and forgotten in time; health told in order.

use std::{collections::BTreeSet, time::Duration};

use chrono::{NaiveDate, TimeDelta};
use coppice::{
    app::work::Scheduling as _,
    domain::{
        health::{HealthStatus, HealthSubject},
        paging::PageArgs,
        query::{Below, Under},
        reconcile::{Book, Difference},
        run::SyncTrigger,
    },
    simulator::{Fault, FleetSpec, GenerateOptions, Trouble},
};
use futures_util::StreamExt as _;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::rig::{Rig, TestDatabase, night_of};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn rig(database: TestDatabase, seed: u64, trouble: Trouble) -> Rig {
    let options = GenerateOptions { trouble, ..GenerateOptions::new(3, 3, 4, day("2026-01-01")) };
    let mut rig = Rig::new(database, FleetSpec::generate(seed, &options), day("2026-01-20"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig
}

async fn execute(rig: &Rig, sql: &str) {
    rig.db.execute_raw(Statement::from_string(rig.db.get_database_backend(), sql)).await.unwrap();
}

/// Every kind of damage is found; what is only a sum of entries is written anew.
async fn reconciliation_finds_and_repairs(database: TestDatabase) {
    let trouble = Trouble { after: 20, days: 40, meters: 500, changes: 200, customers: 200, faults: 0 };
    let mut rig = rig(database, 21, trouble).await;
    for _ in 0..10 {
        rig.night().await;
    }
    let report = rig.app.reconcile(true).await.unwrap();
    assert_eq!((report.found, report.feeds, report.accounts), (0, 9, 10), "{:?}", report.differences);

    execute(&rig, "UPDATE account_day SET small = small + 7 WHERE day = '2026-02-01'").await;
    execute(&rig, "DELETE FROM account_day WHERE day = '2026-02-02'").await;
    execute(&rig, "UPDATE account_month SET standard = standard - 1 WHERE month = '2026-02'").await;
    rig.carry_all().await;
    execute(&rig, "UPDATE account_month_below SET certified_large = certified_large + 3 WHERE month = '2026-02'").await;
    execute(&rig, "DELETE FROM account_month_below WHERE month = '2026-01'").await;
    execute(&rig, "UPDATE account_day_below SET standard = standard - 2 WHERE day = '2026-02-04'").await;
    execute(&rig, "DELETE FROM account_day_below WHERE day = '2026-02-05'").await;
    execute(&rig, "UPDATE feed_day SET duplex = duplex + 1 WHERE day = '2026-02-03'").await;
    let only_look = rig.app.reconcile(false).await.unwrap();
    assert!(only_look.found > 20 && only_look.repaired == 0);
    let repaired = rig.app.reconcile(true).await.unwrap();
    assert_eq!((repaired.found, repaired.repaired), (only_look.found, only_look.found));
    let books: BTreeSet<Book> = repaired.differences.iter().filter_map(Difference::book).collect();
    assert_eq!(
        books,
        [Book::AccountDay, Book::AccountMonth, Book::AccountDayBelow, Book::AccountMonthBelow, Book::FeedDay].into()
    );
    assert_eq!(rig.app.reconcile(true).await.unwrap().found, 0);
    rig.assert_books().await;

    execute(&rig, "UPDATE account_month SET last_number = last_number + 1 WHERE month = '2026-02'").await;
    for (feed, mut devices) in rig.fleets().await {
        for mark in devices.as_array_mut().unwrap().iter_mut().filter_map(|device| device.pointer_mut("/7/1/3")) {
            *mark = (mark.as_i64().unwrap() + 5).into();
        }
        let sql = if rig.db.get_database_backend() == DbBackend::Postgres {
            "UPDATE fleet SET devices = $1 WHERE feed_id = $2"
        } else {
            "UPDATE fleet SET devices = ? WHERE feed_id = ?"
        };
        let values = [devices.to_string().into(), feed.into()];
        rig.db.execute_raw(Statement::from_sql_and_values(rig.db.get_database_backend(), sql, values)).await.unwrap();
    }
    let reported = rig.app.reconcile(true).await.unwrap();
    let books: Vec<Book> = reported.differences.iter().filter_map(Difference::book).collect();
    assert!(books.contains(&Book::Numbers) && books.contains(&Book::Segments), "{books:?}");
    assert_eq!(reported.repaired, 0, "what is not derived is a person's to judge");
    let kept = rig.one("SELECT COUNT(*), MAX(found) FROM reconciliation").await;
    assert_eq!(kept.try_get_by_index::<i64>(0).unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciliation_finds_and_repairs_on_sqlite() {
    reconciliation_finds_and_repairs(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciliation_finds_and_repairs_on_postgres() {
    reconciliation_finds_and_repairs(TestDatabase::postgres().await).await;
}

async fn old_runs_are_forgotten(database: TestDatabase) {
    let mut rig = rig(database, 22, Trouble::NONE).await;
    rig.night().await;
    rig.engine.reconcile().await.unwrap();
    let entries = rig.all("SELECT id FROM deposit").await.len();
    rig.clock.advance(TimeDelta::days(399));
    rig.engine.retain().await.unwrap();
    assert_eq!(rig.all("SELECT id FROM sync_run").await.len(), 6);
    rig.clock.advance(TimeDelta::days(3));
    rig.engine.open_run(rig.servers[0].id, SyncTrigger::Manual, None).await.unwrap();
    rig.engine.retain().await.unwrap();
    let left = rig.one("SELECT (SELECT COUNT(*) FROM sync_run), (SELECT COUNT(*) FROM collection)").await;
    assert_eq!(left.try_get_by_index::<i64>(0).unwrap(), 1, "the open run stays");
    assert_eq!(left.try_get_by_index::<i64>(1).unwrap(), 0);
    assert_eq!(rig.all("SELECT id FROM deposit").await.len(), entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_runs_are_forgotten_on_sqlite() {
    old_runs_are_forgotten(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_runs_are_forgotten_on_postgres() {
    old_runs_are_forgotten(TestDatabase::postgres().await).await;
}

/// A subscriber that comes back with its cursor has missed nothing, whatever account a change is of.
async fn changes_of_health_are_told_in_order(database: TestDatabase) {
    let rig = rig(database, 23, Trouble::NONE).await;
    let actor = rig.actor();
    let mut stream = rig.app.health_changed(&actor, rig.partner, None).await.unwrap().unwrap();
    rig.simulator.set_fault(0, Some(Fault::Down));
    rig.app.check_server(&actor, rig.servers[0].id).await.unwrap().unwrap();
    let next = |stream: coppice::app::HealthStream| async move {
        let mut stream = stream;
        let news = tokio::time::timeout(Duration::from_mins(1), stream.next()).await.unwrap().unwrap().unwrap();
        ((*news.record).clone(), stream)
    };
    let ((cursor, change), rest) = next(stream).await;
    assert_eq!(change.subject, HealthSubject::Server(rig.servers[0].id));
    assert_eq!((change.previous_status, change.status), (HealthStatus::Healthy, HealthStatus::Unhealthy));
    drop(rest);

    // Away for the return of one server and the fall of another.
    rig.simulator.set_fault(0, None);
    rig.app.check_server(&actor, rig.servers[0].id).await.unwrap().unwrap();
    rig.simulator.set_fault(1, Some(Fault::CredentialsRefused));
    for _ in 0..2 {
        rig.app.check_server(&actor, rig.servers[1].id).await.unwrap().unwrap();
    }
    stream = rig.app.health_changed(&actor, rig.partner, Some(&cursor)).await.unwrap().unwrap();
    let ((_, healthy), rest) = next(stream).await;
    assert_eq!((healthy.subject, healthy.status), (HealthSubject::Server(rig.servers[0].id), HealthStatus::Healthy));
    let ((last, refused), _) = next(rest).await;
    assert_eq!((refused.subject, refused.status), (HealthSubject::Server(rig.servers[1].id), HealthStatus::Unhealthy));

    // The history has the same changes by the same cursors.
    let history = rig.app.health_history(&actor, refused.subject, &PageArgs::default()).await.unwrap();
    assert_eq!(history.items[0], (last.clone(), refused));
    assert!(rig.app.health_changed(&actor, rig.partner, Some("nonsense")).await.is_err());

    // A feed's change is one of its customer's account.
    let feed = rig.feeds[0].clone();
    let account = rig.app.feeds_by_id(&actor, &[feed.id]).await.unwrap()[&feed.id].account_id;
    let customer = coppice::domain::account::Actor { account_id: account, ..actor };
    assert!(rig.app.health_changed(&customer, rig.partner, None).await.unwrap().is_none());
    let own = rig.app.health_history(&customer, HealthSubject::Feed(feed.id), &PageArgs::default()).await.unwrap();
    let mut told = rig.app.health_changed(&customer, account, Some(&first_cursor())).await.unwrap().unwrap();
    let first = told.next().await.unwrap().unwrap().record;
    assert_eq!(Some(&*first), own.items.last());
    let summary = rig.app.health_summaries(&actor, &[rig.partner]).await.unwrap()[&rig.partner];
    assert_eq!((summary.servers.healthy, summary.servers.unhealthy), (2, 1));
    let ask = Below::all(Under::Account, PageArgs::default());
    let unhealthy = rig.app.unhealthy_servers_below(&actor, &[rig.partner], &ask).await.unwrap();
    assert_eq!(unhealthy[&rig.partner].items.len(), 1);
    assert!(rig.app.unhealthy_feeds_below(&actor, &[rig.partner], &ask).await.unwrap().is_empty());
}

/// The place before the first change of all.
fn first_cursor() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(r#"["health",[{"n":0}]]"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_health_are_told_in_order_on_sqlite() {
    changes_of_health_are_told_in_order(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_health_are_told_in_order_on_postgres() {
    changes_of_health_are_told_in_order(TestDatabase::postgres().await).await;
}
