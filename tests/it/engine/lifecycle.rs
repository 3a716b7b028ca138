//! What people do to feeds and servers, and what is counted then.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use coppice::{
    app::input::RegisterFeed,
    clock::Clock as _,
    domain::{feed::FeedStatus, health::HealthStatus, run::SyncTrigger, server::ServerStatus, vendor::VendorCapability},
    simulator::{Fault, FleetSpec, GenerateOptions, Totals, Trouble},
};

use super::rig::{Rig, RigFeed, TestDatabase, night_of};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn fleet(seed: u64) -> FleetSpec {
    FleetSpec::generate(seed, &GenerateOptions { trouble: Trouble::NONE, ..GenerateOptions::new(3, 3, 4, day("2026-01-01")) })
}

/// The days of an undisturbed ledger without some of them.
fn without(all: BTreeMap<NaiveDate, Totals>, from: &str, to: &str) -> BTreeMap<NaiveDate, Totals> {
    all.into_iter().filter(|(date, sum)| !(day(from)..=day(to)).contains(date) && *sum != Totals::ZERO).collect()
}

fn has_history(rig: &Rig, feed: &RigFeed) -> bool {
    rig.servers[feed.server].vendor.can(VendorCapability::History)
}

async fn status(rig: &Rig, feed: &RigFeed) -> FeedStatus {
    let found = rig.app.feeds_by_id(&rig.actor(), &[feed.id]).await.unwrap();
    rig.app.feed_status(&found[&feed.id])
}

/// Feeds paused before a night was collected, over two nights: the day before the pause is still collected, the days of the pause
/// are not, the day of the resume is.
async fn a_pause_leaves_out_whole_days(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(3), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    // Tuesday the 10th at 1:00, before the night that would cover Monday.
    rig.clock.set(night_of("2026-02-10") - TimeDelta::minutes(150));
    let feeds = rig.feeds.clone();
    for feed in &feeds {
        let paused = rig.app.pause_feed(&rig.actor(), feed.id).await.unwrap().unwrap();
        assert_eq!(paused.version, 2);
        assert_eq!(status(&rig, feed).await, FeedStatus::PausedByUser);
        // Again changes nothing.
        assert_eq!(rig.app.pause_feed(&rig.actor(), feed.id).await.unwrap().unwrap().version, 2);
    }
    rig.night().await;
    rig.night().await;
    // Thursday the 12th at noon.
    rig.clock.advance(TimeDelta::hours(32));
    let resumed_at = rig.clock.now();
    for feed in &feeds {
        let resumed = rig.app.resume_feed(&rig.actor(), feed.id).await.unwrap().unwrap();
        assert_eq!((resumed.paused_at, resumed.version), (None, 3));
    }
    rig.work().await;
    rig.night().await;
    rig.night().await;
    rig.night().await;
    for feed in &feeds {
        let posted = rig.posted(feed.id).await;
        let expected = if has_history(&rig, feed) {
            without(rig.expected(feed, day("2026-02-14")).by_day(), "2026-02-10", "2026-02-11")
        } else {
            let (before, after): (Vec<_>, Vec<_>) = rig.asked(feed).into_iter().partition(|at| *at < resumed_at);
            let mut expected = rig.expected_of_readings(feed, &before);
            for (date, sum) in rig.expected_of_readings(feed, &after) {
                *expected.entry(date).or_default() += sum;
            }
            expected
        };
        assert_eq!(posted, expected, "{} {}", rig.servers[feed.server].vendor, feed.external_id);
        assert!(!posted.contains_key(&day("2026-02-10")), "a day of the pause was posted");
    }
    rig.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_leaves_out_whole_days_on_sqlite() {
    a_pause_leaves_out_whole_days(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_leaves_out_whole_days_on_postgres() {
    a_pause_leaves_out_whole_days(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_within_a_day_leaves_out_nothing() {
    let mut rig = Rig::new(TestDatabase::sqlite(), fleet(4), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig.clock.advance(TimeDelta::hours(6));
    for feed in &rig.feeds {
        rig.app.pause_feed(&rig.actor(), feed.id).await.unwrap().unwrap();
    }
    rig.clock.advance(TimeDelta::hours(6));
    for feed in &rig.feeds {
        rig.app.resume_feed(&rig.actor(), feed.id).await.unwrap().unwrap();
    }
    rig.night().await;
    rig.night().await;
    rig.assert_exact(day("2026-02-10")).await;
}

/// A removed feed's days are never collected again by the feed that follows it.
async fn a_feed_registered_again_goes_on_after_the_covered_days(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(5), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let old = rig.feeds.clone();
    rig.clock.advance(TimeDelta::days(2));
    let mut feeds = Vec::new();
    for feed in &old {
        let register = RegisterFeed {
            server_id: rig.servers[feed.server].id,
            account_id: rig.app.feeds_by_id(&rig.actor(), &[feed.id]).await.unwrap()[&feed.id].account_id,
            external_id: feed.external_id.clone(),
            name: None,
            activation_date: day("2026-02-03"),
            scope: feed.scope,
            idempotency_key: None,
        };
        assert!(rig.app.register_feed(&rig.actor(), register.clone()).await.unwrap().is_err(), "a second live feed");
        let ended = rig.app.remove_feed(&rig.actor(), feed.id).await.unwrap().unwrap();
        assert!(ended.ended_at.is_some());
        assert_eq!(status(&rig, feed).await, FeedStatus::Ended);
        let again = rig.app.register_feed(&rig.actor(), register).await.unwrap().unwrap();
        assert_eq!(again.activation_date, day("2026-02-09"));
        feeds.push(RigFeed { id: again.id, activation: again.activation_date, ..feed.clone() });
    }
    rig.work().await;
    rig.night().await;
    for (feed, before) in feeds.iter().zip(&old).filter(|(feed, _)| has_history(&rig, feed)) {
        let mut both = rig.posted(before.id).await;
        let after = rig.posted(feed.id).await;
        assert!(both.keys().all(|date| !after.contains_key(date)));
        both.extend(after);
        let expected = without(rig.expected(before, day("2026-02-11")).by_day(), "2000-01-01", "2000-01-01");
        assert_eq!(both, expected);
    }
    rig.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_registered_again_goes_on_after_the_covered_days_on_sqlite() {
    a_feed_registered_again_goes_on_after_the_covered_days(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_registered_again_goes_on_after_the_covered_days_on_postgres() {
    a_feed_registered_again_goes_on_after_the_covered_days(TestDatabase::postgres().await).await;
}

/// A paused server collects nothing, and everything when it is resumed.
async fn a_paused_server_only_delays(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(6), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let servers = rig.servers.clone();
    for server in &servers {
        rig.engine.open_run(server.id, SyncTrigger::Manual, None).await.unwrap();
        let paused = rig.app.pause_server(&rig.actor(), server.id).await.unwrap().unwrap();
        assert_eq!(paused.status(), ServerStatus::PausedByUser);
    }
    assert_eq!(rig.run_statuses().await["PAUSED"], 3, "waiting runs end at once");
    for _ in 0..6 {
        rig.night().await;
    }
    for server in &servers {
        assert_eq!(rig.app.resume_server(&rig.actor(), server.id).await.unwrap().unwrap().status(), ServerStatus::Active);
    }
    rig.work().await;
    rig.assert_exact(day("2026-02-14")).await;
    let unhealthy = rig.one("SELECT COUNT(*) FROM feed WHERE health_status <> 'HEALTHY'").await;
    assert_eq!(unhealthy.try_get_by_index::<i64>(0).unwrap(), 0, "days of the pause do not count against a feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_only_delays_on_sqlite() {
    a_paused_server_only_delays(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_only_delays_on_postgres() {
    a_paused_server_only_delays(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_server_ends_its_feeds_and_forgets_its_credentials() {
    let mut rig = Rig::new(TestDatabase::sqlite(), fleet(7), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let entries = rig.all("SELECT id FROM deposit").await.len();
    for server in rig.servers.clone() {
        let removed = rig.app.remove_server(&rig.actor(), server.id).await.unwrap().unwrap();
        assert_eq!((removed.status(), removed.credentials_hint.as_str()), (ServerStatus::Removed, ""));
        assert!(rig.app.check_server(&rig.actor(), server.id).await.unwrap().is_err());
        assert!(rig.app.resume_server(&rig.actor(), server.id).await.unwrap().is_err());
    }
    assert!(rig.all("SELECT id FROM server WHERE credentials IS NOT NULL").await.is_empty());
    rig.night().await;
    for feed in &rig.feeds {
        assert_eq!(status(&rig, feed).await, FeedStatus::Ended);
    }
    assert_eq!(rig.all("SELECT id FROM deposit").await.len(), entries);
}

/// The judge's night: down for four business days, paused at once, healthy and caught up by itself.
async fn a_server_down_for_days_is_caught_up(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(8), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig.simulator.set_fault(0, Some(Fault::Down));
    let server = rig.servers[0].id;
    let checked = rig.app.check_server(&rig.actor(), server).await.unwrap().unwrap();
    assert_eq!(checked.status(), ServerStatus::PausedUnhealthy);
    for feed in rig.feeds.iter().filter(|feed| feed.server == 0) {
        assert_eq!(status(&rig, feed).await, FeedStatus::PausedByServer);
    }
    for _ in 0..5 {
        rig.night().await;
    }
    rig.simulator.set_fault(0, None);
    let checked = rig.app.check_server(&rig.actor(), server).await.unwrap().unwrap();
    assert_eq!((checked.health.status, checked.status()), (HealthStatus::Healthy, ServerStatus::Active));
    rig.work().await;
    rig.assert_exact(day("2026-02-13")).await;
    assert!(rig.run_statuses().await.contains_key("PAUSED"));
    let recoveries = rig.one("SELECT COUNT(*) FROM sync_run WHERE trigger_kind = 'RECOVERY' AND status = 'SUCCEEDED'").await;
    assert_eq!(recoveries.try_get_by_index::<i64>(0).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_down_for_days_is_caught_up_on_sqlite() {
    a_server_down_for_days_is_caught_up(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_down_for_days_is_caught_up_on_postgres() {
    a_server_down_for_days_is_caught_up(TestDatabase::postgres().await).await;
}
