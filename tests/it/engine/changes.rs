//! Settings of feeds and servers changed while they are collected.

use chrono::{NaiveDate, TimeDelta};
use coppice::{
    app::{
        UserErrorCode,
        input::{UpdateFeed, UpdateServer},
    },
    domain::{
        feed::{CollectionScope, FeedStatus},
        run::SyncTrigger,
        server::ServerStatus,
        vendor::{VendorCapability, VendorKind},
    },
    simulator::{Fault, FleetSpec, GenerateOptions, Trouble},
};

use super::rig::{Rig, RigFeed, TestDatabase, credentials, night_of};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn fleet(seed: u64) -> FleetSpec {
    FleetSpec::generate(seed, &GenerateOptions { trouble: Trouble::NONE, ..GenerateOptions::new(3, 3, 4, day("2026-01-01")) })
}

fn with_history(rig: &Rig) -> Vec<RigFeed> {
    let history = |feed: &&RigFeed| rig.servers[feed.server].vendor.can(VendorCapability::History);
    rig.feeds.iter().filter(history).cloned().collect()
}

fn server_update(rig: &Rig, index: usize) -> UpdateServer {
    UpdateServer {
        server_id: rig.servers[index].id,
        name: None,
        url: None,
        time_zone: None,
        nightly_at: None,
        credentials: None,
        expected_version: None,
    }
}

/// The days before are collected by themselves and end at the old baseline, however often their backfill is broken off, and beside the
/// nights that go on.
async fn an_earlier_activation_date_adds_the_days_before(database: TestDatabase) {
    let mut rig = Rig::new(database, fleet(11), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let feeds = with_history(&rig);
    for feed in &feeds {
        let earlier = UpdateFeed { feed_id: feed.id, activation_date: Some(day("2026-01-12")), ..UpdateFeed::default() };
        let moved = rig.app.update_feed(&rig.actor(), earlier.clone()).await.unwrap().unwrap();
        assert_eq!(rig.app.feed_status(&moved), FeedStatus::Backfilling);
        let again = UpdateFeed { activation_date: Some(day("2026-01-11")), ..earlier };
        assert!(rig.app.update_feed(&rig.actor(), again).await.unwrap().is_err(), "while the part before is collected");
    }
    for run in rig.all("SELECT id FROM sync_run WHERE status = 'QUEUED'").await {
        rig.app.cancel_sync(&rig.actor(), run.try_get_by_index(0).unwrap()).await.unwrap().unwrap();
    }
    // The night collects its own day, and opens the backfill again.
    rig.night().await;
    for feed in rig.feeds.iter_mut().filter(|feed| feeds.iter().any(|moved| moved.id == feed.id)) {
        feed.activation = day("2026-01-12");
    }
    rig.assert_exact(day("2026-02-09")).await;
    rig.assert_segments().await;
    rig.night().await;
    rig.assert_exact(day("2026-02-10")).await;
    rig.assert_segments().await;
    for feed in &feeds {
        let now = rig.app.feeds_by_id(&rig.actor(), &[feed.id]).await.unwrap().remove(&feed.id).unwrap();
        assert_eq!(rig.app.feed_status(&now), FeedStatus::Active);
        let later = UpdateFeed { feed_id: feed.id, activation_date: Some(day("2026-01-20")), ..UpdateFeed::default() };
        let refused = rig.app.update_feed(&rig.actor(), later).await.unwrap().unwrap_err();
        assert_eq!(refused[0].code, UserErrorCode::InvalidState);
    }
    assert!(rig.all("SELECT feed_id FROM earlier_fleet").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_activation_date_adds_the_days_before_on_sqlite() {
    an_earlier_activation_date_adds_the_days_before(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_activation_date_adds_the_days_before_on_postgres() {
    an_earlier_activation_date_adds_the_days_before(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_feed_is_moved_freely() {
    let mut rig = Rig::new(TestDatabase::sqlite(), fleet(12), day("2026-02-20"), night_of("2026-02-09")).await;
    rig.night().await;
    for feed in rig.feeds.clone() {
        let to = |date| UpdateFeed { feed_id: feed.id, activation_date: Some(day(date)), ..UpdateFeed::default() };
        let later = rig.app.update_feed(&rig.actor(), to("2026-03-20")).await.unwrap().unwrap();
        assert_eq!(rig.app.feed_status(&later), FeedStatus::Scheduled);
        let past = rig.app.update_feed(&rig.actor(), to("2026-02-04")).await.unwrap().unwrap();
        assert_eq!(past.activation_date, day("2026-02-04"));
    }
    rig.work().await;
    for feed in &mut rig.feeds {
        feed.activation = day("2026-02-04");
    }
    rig.night().await;
    rig.night().await;
    for feed in with_history(&rig) {
        let expected = rig.expected(&feed, day("2026-02-11")).by_day();
        assert_eq!(rig.posted(feed.id).await, expected, "{}", feed.external_id);
    }
    rig.assert_books().await;
    rig.assert_segments().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_scope_counts_from_now_on() {
    let mut rig = Rig::new(TestDatabase::sqlite(), fleet(13), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let before: Vec<_> = rig.feeds.clone();
    for feed in &before {
        let scope = match feed.scope {
            CollectionScope::All => CollectionScope::ManagedOnly,
            CollectionScope::ManagedOnly => CollectionScope::All,
        };
        let update = UpdateFeed { feed_id: feed.id, scope: Some(scope), expected_version: Some(1), ..UpdateFeed::default() };
        let changed = rig.app.update_feed(&rig.actor(), update.clone()).await.unwrap().unwrap();
        assert_eq!((changed.scope, changed.version), (scope, 2));
        let refused = rig.app.update_feed(&rig.actor(), update).await.unwrap().unwrap_err();
        assert_eq!(refused[0].code, UserErrorCode::Conflict);
    }
    rig.night().await;
    rig.night().await;
    for feed in &before {
        if rig.servers[feed.server].vendor != VendorKind::Printanista {
            continue;
        }
        // Days covered before keep the report they were read with; later ones are read with the new one.
        let mut expected = rig.expected(feed, day("2026-02-08")).by_day();
        let other = match feed.scope {
            CollectionScope::All => CollectionScope::ManagedOnly,
            CollectionScope::ManagedOnly => CollectionScope::All,
        };
        let after = RigFeed { scope: other, activation: day("2026-02-09"), ..feed.clone() };
        expected.extend(rig.expected(&after, day("2026-02-10")).by_day());
        assert_eq!(rig.posted(feed.id).await, expected);
    }
    rig.assert_books().await;
    rig.assert_segments().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_changed_only_to_what_works() {
    let mut rig = Rig::new(TestDatabase::sqlite(), fleet(14), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let access: Vec<_> = rig.fleet().spec().servers.iter().map(|server| server.access.clone()).collect();

    // Names are not tested.
    let renamed = UpdateServer { name: Some("Head office".to_owned()), ..server_update(&rig, 0) };
    let server = rig.app.update_server(&rig.actor(), renamed).await.unwrap().unwrap();
    assert_eq!((server.name.as_str(), server.version), ("Head office", 2));
    let stale = UpdateServer { expected_version: Some(1), ..server_update(&rig, 0) };
    assert_eq!(rig.app.update_server(&rig.actor(), stale).await.unwrap().unwrap_err()[0].code, UserErrorCode::Conflict);

    // Stored credentials never go to another host; those of another vendor are refused; wrong ones change nothing.
    let moved = UpdateServer { url: Some(rig.simulator.url(1)), ..server_update(&rig, 0) };
    let refused = rig.app.update_server(&rig.actor(), moved).await.unwrap().unwrap_err();
    assert_eq!(refused[0].field, Some(vec!["credentials".to_owned()]));
    let foreign = UpdateServer { credentials: Some(credentials(&access[1])), ..server_update(&rig, 0) };
    assert!(rig.app.update_server(&rig.actor(), foreign).await.unwrap().is_err());
    rig.simulator.set_fault(0, Some(Fault::CredentialsRefused));
    let wrong = UpdateServer { credentials: Some(credentials(&access[0])), ..server_update(&rig, 0) };
    let refused = rig.app.update_server(&rig.actor(), wrong.clone()).await.unwrap().unwrap_err();
    assert_eq!(refused[0].code, UserErrorCode::CredentialsRefused);

    // The stored ones stop working: paused. New ones that work: healthy, and caught up by itself.
    rig.night().await;
    let unhealthy = rig.app.check_server(&rig.actor(), rig.servers[0].id).await.unwrap().unwrap();
    assert_eq!(unhealthy.status(), ServerStatus::PausedUnhealthy);
    rig.night().await;
    rig.simulator.set_fault(0, None);
    rig.clock.advance(TimeDelta::hours(5));
    let healthy = rig.app.update_server(&rig.actor(), wrong).await.unwrap().unwrap();
    assert_eq!(healthy.status(), ServerStatus::Active);
    rig.work().await;
    rig.assert_exact(day("2026-02-10")).await;

    // A night in another zone.
    let zone = UpdateServer { time_zone: Some(chrono_tz::America::New_York), ..server_update(&rig, 0) };
    let server = rig.app.update_server(&rig.actor(), zone).await.unwrap().unwrap();
    assert_eq!(server.time_zone, chrono_tz::America::New_York);
    let due = rig.one("SELECT MAX(next_nightly_at) - MIN(next_nightly_at) FROM server").await;
    // It is 2:30 there: the night is today, and everyone else's was.
    assert_eq!(due.try_get_by_index::<i64>(0).unwrap(), 18 * 3_600_000);
}
