//! What people decide: pages in suspense, entries by hand. Entries are posted, never edited.

use chrono::NaiveDate;
use coppice::{
    app::{
        UserErrorCode,
        input::{CreateDeposit, ResolveAnomaly, ReverseDeposit},
    },
    domain::{
        anomaly::AnomalyStatus,
        ledger::DepositKind,
        pages::{Methodology, Pages, Paper, StandardPages},
        paging::PageArgs,
        query::{Below, Under},
        run::SyncTrigger,
    },
    simulator::{FleetSpec, GenerateOptions, Trouble},
};

use super::rig::{Rig, TestDatabase, night_of};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn posted_sides(rig: &Rig) -> i64 {
    rig.one("SELECT CAST(COALESCE(SUM(small + large), 0) AS BIGINT) FROM deposit").await.try_get_by_index(0).unwrap()
}

async fn open(rig: &Rig) -> Vec<coppice::domain::anomaly::Anomaly> {
    let ask = Below::all(Under::Account, PageArgs { limit: 100, ..PageArgs::default() });
    let mut pages = rig.app.open_anomalies_below(&rig.actor(), &[rig.partner], &ask).await.unwrap();
    pages.remove(&rig.partner).map_or_else(Vec::new, |page| page.items.into_iter().map(|(_, anomaly)| anomaly).collect())
}

/// Spikes, some accepted and some rejected, while nights go on.
async fn suspense_is_released_or_dropped(database: TestDatabase) {
    let trouble = Trouble { after: 5, days: 20, meters: 900, changes: 0, customers: 0, faults: 0 };
    let options = GenerateOptions { trouble, ..GenerateOptions::new(3, 4, 6, day("2026-02-01")) };
    let mut rig = Rig::new(database, FleetSpec::generate(5, &options), day("2026-02-02"), night_of("2026-02-04")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let (mut accepted, mut rejected) = (0, 0);
    for _ in 0..25 {
        rig.night().await;
        for (place, anomaly) in open(&rig).await.into_iter().enumerate() {
            let before = posted_sides(&rig).await;
            let accept = place % 2 == 0;
            let input = ResolveAnomaly { anomaly_id: anomaly.id, accept, note: Some("seen it".to_owned()) };
            let decided = rig.app.resolve_anomaly(&rig.actor(), input.clone()).await.unwrap().unwrap();
            assert_eq!((decided.held, decided.note.as_deref()), (0, Some("seen it")));
            assert_eq!(decided.resolved_at, Some(coppice::clock::Clock::now(&*rig.clock)));
            let released = posted_sides(&rig).await - before;
            if accept {
                accepted += 1;
                assert_eq!((decided.status, released), (AnomalyStatus::Accepted, anomaly.held_sides()));
            } else {
                rejected += 1;
                assert_eq!((decided.status, released), (AnomalyStatus::Rejected, 0));
            }
            let again = rig.app.resolve_anomaly(&rig.actor(), input).await.unwrap().unwrap_err();
            assert_eq!(again[0].code, UserErrorCode::InvalidState);
        }
        rig.assert_segments().await;
    }
    assert!(accepted > 3 && rejected > 1, "{accepted} accepted, {rejected} rejected: too few spikes to say anything");
    rig.assert_books().await;
    let who = rig.one("SELECT COUNT(*) FROM anomaly WHERE resolved_by LIKE 'usr_%'").await;
    assert_eq!(who.try_get_by_index::<i64>(0).unwrap(), accepted + rejected);
    let released = rig.all("SELECT id FROM deposit WHERE kind = 'RELEASED' AND note = 'seen it'").await;
    assert!(!released.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn suspense_is_released_or_dropped_on_sqlite() {
    suspense_is_released_or_dropped(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspense_is_released_or_dropped_on_postgres() {
    suspense_is_released_or_dropped(TestDatabase::postgres().await).await;
}

/// A slip of the hand.
type Slip<'a> = &'a dyn Fn(&mut CreateDeposit);

async fn entries_by_hand(database: TestDatabase) {
    let options = GenerateOptions { trouble: Trouble::NONE, ..GenerateOptions::new(3, 2, 2, day("2026-01-01")) };
    let mut rig = Rig::new(database, FleetSpec::generate(1, &options), day("2026-02-01"), night_of("2026-02-09")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    let feed = rig.feeds[0].clone();
    let account_id = rig.app.feeds_by_id(&rig.actor(), &[feed.id]).await.unwrap()[&feed.id].account_id;
    let methodology = Methodology::CURRENT;
    let letter = Paper {
        quantity: 1_000,
        width: methodology.standard_width,
        height: methodology.standard_height,
        gsm: methodology.standard_gsm,
    };
    let input = CreateDeposit {
        account_id,
        day: day("2026-02-03"),
        pages: Pages { small: 100, large: 10, duplex: 5 },
        paper: vec![letter],
        note: Some("brochures".to_owned()),
        idempotency_key: Some("one".to_owned()),
    };
    let actor = rig.actor();
    let made = rig.app.create_deposit(&actor, input.clone()).await.unwrap().unwrap();
    assert_eq!(made.standard, StandardPages::whole(100 + 20 - 5 + 1_000));
    assert_eq!((made.kind, made.feed_id, made.note.as_deref()), (DepositKind::Manual, None, Some("brochures")));
    assert_eq!(rig.app.create_deposit(&actor, input.clone()).await.unwrap().unwrap().id, made.id);
    rig.assert_books().await;

    let with = |change: &dyn Fn(&mut CreateDeposit)| {
        let mut other = CreateDeposit { idempotency_key: None, ..input.clone() };
        change(&mut other);
        other
    };
    let wrong: [(Slip<'_>, &str); 6] = [
        (&|input| input.day = day("2026-02-10"), "date"),
        (&|input| input.pages.small = -1, "small"),
        (&|input| input.pages.duplex = 56, "duplex"),
        (&|input| input.account_id = rig.partner, "accountId"),
        (&|input| input.paper[0].quantity = 0, "paper"),
        (&|input| input.note = Some("x".repeat(1_001)), "note"),
    ];
    for (change, field) in wrong {
        let refused = rig.app.create_deposit(&actor, with(change)).await.unwrap().unwrap_err();
        assert_eq!(refused[0].field, Some(vec![field.to_owned()]));
    }
    let nothing = with(&|input| (input.pages, input.paper) = (Pages::ZERO, Vec::new()));
    assert!(rig.app.create_deposit(&actor, nothing).await.unwrap().is_err());

    let take_back = |id| ReverseDeposit { deposit_id: id, note: "twice".to_owned(), idempotency_key: None };
    let reversal = rig.app.reverse_deposit(&actor, take_back(made.id)).await.unwrap().unwrap();
    assert_eq!((reversal.reversal_of, reversal.kind), (Some(made.id), DepositKind::Reversal));
    assert_eq!((reversal.pages, reversal.standard), (-made.pages, StandardPages(0) - made.standard));
    for id in [made.id, reversal.id] {
        let refused = rig.app.reverse_deposit(&actor, take_back(id)).await.unwrap().unwrap_err();
        assert_eq!(refused[0].code, UserErrorCode::InvalidState);
    }
    let collected: coppice::id::Uuid =
        rig.one("SELECT id FROM deposit WHERE kind = 'COLLECTED'").await.try_get_by_index(0).unwrap();
    assert!(rig.app.reverse_deposit(&actor, take_back(collected)).await.unwrap().is_err());
    rig.assert_books().await;
    rig.assert_exact(day("2026-02-08")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_by_hand_on_sqlite() {
    entries_by_hand(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_by_hand_on_postgres() {
    entries_by_hand(TestDatabase::postgres().await).await;
}
