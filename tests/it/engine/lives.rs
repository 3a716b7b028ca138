//! Seeds of what people do while fleets with every anomaly are collected: feeds and servers paused and resumed, scopes and activation
//! dates changed, spikes decided on, feeds removed and registered again.
//!
//! Feeds that nobody touched equal the oracle to the page: what is done to one feed changes no other (invariant 9), and a server's pause
//! only delays. Printanista's feeds that were only paused equal it but for the days left out. All others keep the books and
//! their segments in agreement after every night.
//!
//! `COPPICE_SIMULATION_LIVES=1000..3000` plays those seeds instead of the first 40.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use chrono::{Days, NaiveDate, TimeDelta};
use coppice::{
    app::input::{RegisterFeed, ResolveAnomaly, UpdateFeed},
    clock::Clock as _,
    domain::{
        anomaly::AnomalyStatus, calendar::days, feed::CollectionScope, paging::PageArgs, query::AnomalyFilter,
        run::SyncTrigger, server::ServerStatus, vendor::VendorKind,
    },
    id::{IdSource, Uuid},
    simulator::{FleetSpec, GenerateOptions, Totals, Trouble},
};
use futures_util::FutureExt as _;

use super::rig::{Rig, RigFeed, TestDatabase, night_of};

const FIRST_DAY: &str = "2026-02-20";
const NIGHTS: u64 = 45;
/// Nights at the end on which nobody does anything, so that everything comes to rest.
const QUIET: u64 = 8;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("COPPICE_SIMULATION_LIVES") else { return 0..40 };
    match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => text.parse().map(|seed: u64| seed..seed + 1).unwrap(),
    }
}

/// What was done to a feed.
#[derive(Debug, Default)]
struct Life {
    /// Days that its pauses left out.
    left_out: BTreeSet<NaiveDate>,
    paused_on: Option<NaiveDate>,
    /// More than pauses.
    changed: bool,
}

struct Play {
    rig: Rig,
    choice: IdSource,
    lives: BTreeMap<Uuid, Life>,
    /// Feeds that are left alone.
    alone: BTreeSet<Uuid>,
    /// Feeds that were removed.
    gone: BTreeSet<Uuid>,
}

impl Play {
    fn chance(&self, share: f64) -> bool {
        self.choice.fraction() < share
    }

    fn up_to(&self, most: i64) -> i64 {
        let mut bytes = [0; 2];
        self.choice.fill(&mut bytes);
        i64::from(u16::from_le_bytes(bytes)) % most
    }

    fn today(&self) -> NaiveDate {
        self.rig.clock.now().with_timezone(&chrono_tz::Europe::Berlin).date_naive()
    }

    /// A person's hour between two nights.
    async fn meddle(&mut self) {
        let actor = self.rig.actor();
        for server in self.rig.servers.clone() {
            if !self.chance(0.08) {
                continue;
            }
            let now = self.rig.app.servers_by_id(&actor, &[server.id]).await.unwrap()[&server.id].status();
            if now == ServerStatus::PausedByUser {
                self.rig.app.resume_server(&actor, server.id).await.unwrap().unwrap();
            } else {
                self.rig.app.pause_server(&actor, server.id).await.unwrap().unwrap();
            }
        }
        for feed in self.rig.feeds.clone() {
            if self.alone.contains(&feed.id) || self.gone.contains(&feed.id) {
                continue;
            }
            if self.chance(0.15) {
                self.toggle(&feed).await;
            }
            if self.chance(0.03) {
                self.change_scope(&feed).await;
            }
            if self.chance(0.04) {
                self.activate_earlier(&feed).await;
            }
            if self.chance(0.01) {
                self.register_again(&feed).await;
            }
        }
        self.decide().await;
    }

    async fn toggle(&mut self, feed: &RigFeed) {
        let (actor, today) = (self.rig.actor(), self.today());
        let life = self.lives.entry(feed.id).or_default();
        if let Some(from) = life.paused_on.take() {
            self.rig.app.resume_feed(&actor, feed.id).await.unwrap().unwrap();
            life.left_out.extend(days(from, today.pred_opt().unwrap()));
        } else {
            self.rig.app.pause_feed(&actor, feed.id).await.unwrap().unwrap();
            life.paused_on = Some(today);
        }
    }

    async fn change_scope(&mut self, feed: &RigFeed) {
        let scope = if self.chance(0.5) { CollectionScope::All } else { CollectionScope::ManagedOnly };
        let update = UpdateFeed { feed_id: feed.id, scope: Some(scope), ..UpdateFeed::default() };
        self.rig.app.update_feed(&self.rig.actor(), update).await.unwrap().unwrap();
        self.lives.entry(feed.id).or_default().changed = true;
    }

    async fn activate_earlier(&mut self, feed: &RigFeed) {
        let now = self.rig.app.feeds_by_id(&self.rig.actor(), &[feed.id]).await.unwrap().remove(&feed.id).unwrap();
        let activation_date = now.activation_date.pred_opt();
        let update = UpdateFeed { feed_id: feed.id, activation_date, ..UpdateFeed::default() };
        // A vendor without HISTORY refuses, and so does a part that is still being collected.
        let _ = self.rig.app.update_feed(&self.rig.actor(), update).await.unwrap();
        self.lives.entry(feed.id).or_default().changed = true;
    }

    async fn register_again(&mut self, feed: &RigFeed) {
        let actor = self.rig.actor();
        let ended = self.rig.app.remove_feed(&actor, feed.id).await.unwrap().unwrap();
        self.gone.insert(feed.id);
        let again = RegisterFeed {
            server_id: ended.server_id,
            account_id: ended.account_id,
            external_id: ended.external_id,
            name: None,
            activation_date: feed.activation,
            scope: ended.scope,
            idempotency_key: None,
        };
        let again = self.rig.app.register_feed(&actor, again).await.unwrap().unwrap();
        self.lives.entry(again.id).or_default().changed = true;
        self.rig.feeds.push(RigFeed { id: again.id, ..feed.clone() });
    }

    /// Decides on spikes of the feeds that are not left alone, ended ones included.
    async fn decide(&mut self) {
        let actor = self.rig.actor();
        let filter = AnomalyFilter { status: vec![AnomalyStatus::Open], ..AnomalyFilter::default() };
        let open = self.rig.app.anomalies(&actor, &filter, &PageArgs { limit: 100, ..PageArgs::default() }).await.unwrap();
        for (_, anomaly) in open.items {
            if self.alone.contains(&anomaly.feed_id) || !self.chance(0.3) {
                continue;
            }
            let input = ResolveAnomaly { anomaly_id: anomaly.id, accept: self.chance(0.5), note: None };
            self.rig.app.resolve_anomaly(&actor, input).await.unwrap().unwrap();
            self.lives.entry(anomaly.feed_id).or_default().changed = true;
        }
    }

    /// Resumes everything that is paused.
    async fn settle(&mut self) {
        let actor = self.rig.actor();
        for server in self.rig.servers.clone() {
            self.rig.app.resume_server(&actor, server.id).await.unwrap().unwrap();
        }
        for feed in self.rig.feeds.clone() {
            let paused = self.lives.get(&feed.id).is_some_and(|life| life.paused_on.is_some());
            if paused && !self.gone.contains(&feed.id) {
                self.toggle(&feed).await;
            }
        }
    }

    /// Every feed against what can be known of it.
    async fn assert_lives(&self) {
        let through = self.today().pred_opt().unwrap();
        for feed in &self.rig.feeds {
            let life = self.lives.get(&feed.id);
            let vendor = self.rig.servers[feed.server].vendor;
            let untouched = life.is_none();
            let only_paused = vendor == VendorKind::Printanista && life.is_some_and(|life| !life.changed);
            if self.gone.contains(&feed.id) || !(untouched || only_paused) {
                continue;
            }
            let left_out = life.map(|life| life.left_out.clone()).unwrap_or_default();
            let mut expected = self.rig.expected(feed, through).by_day();
            expected.retain(|day, sum| *sum != Totals::ZERO && !left_out.contains(day));
            assert_eq!(self.rig.posted(feed.id).await, expected, "{vendor} {} {life:?}", feed.external_id);
        }
    }
}

async fn play(seed: u64) {
    let first_day: NaiveDate = FIRST_DAY.parse().unwrap();
    let trouble = Trouble { after: 10, days: 18, meters: 350, changes: 200, customers: 100, faults: 10 };
    let options = GenerateOptions { trouble, ..GenerateOptions::new(3, 3, 3, first_day) };
    let start = night_of(&(first_day + Days::new(8)).to_string()) + TimeDelta::hours(7);
    let rig = Rig::new(TestDatabase::sqlite(), FleetSpec::generate(seed, &options), first_day + Days::new(3), start).await;
    let alone = rig.feeds.iter().map(|feed| feed.id).step_by(2).collect();
    let choice = IdSource::seeded(seed);
    let mut play = Play { rig, choice, lives: BTreeMap::new(), alone, gone: BTreeSet::new() };
    play.rig.run_all(SyncTrigger::Backfill).await;
    for night in 0..NIGHTS {
        play.rig.night().await;
        if night + QUIET < NIGHTS {
            play.rig.clock.advance(TimeDelta::minutes(60 + play.up_to(900)));
            play.meddle().await;
        } else if night + QUIET == NIGHTS {
            play.settle().await;
        }
        play.rig.work().await;
        if play.chance(0.05) {
            play.rig.restart();
        }
        play.rig.assert_books().await;
        play.rig.assert_segments().await;
    }
    play.assert_lives().await;
    let report = play.rig.app.reconcile(false).await.unwrap();
    assert_eq!(report.found, 0, "{:?}", report.differences);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulation_of_many_lives_keeps_the_books() {
    for seed in seeds() {
        let played = std::panic::AssertUnwindSafe(play(seed)).catch_unwind().await;
        assert!(played.is_ok(), "seed {seed} failed; replay it with COPPICE_SIMULATION_LIVES={seed}");
    }
}
