//! A year of months over random ledgers, checked at every step.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate, TimeDelta};
use coppice::{
    app::input::VoidCertificate,
    clock::Clock as _,
    domain::{
        account::AccountRole,
        reconcile::{Book, Difference, Reconciliation},
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{
    closing::{certificates, close},
    ledger::{Ledger, admin, id, project},
};
use crate::support::world::{Kind, World, on_both, reader};

on_both!(a_year_of_months_adds_up);

async fn a_year_of_months_adds_up(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let ledger = Ledger::of(&world).await;
    project(&world, "River").await;
    let mut accounts = vec![tree.customer.clone(), tree.sibling.clone(), tree.other_customer.clone(), tree.partner.clone()];
    accounts.push(world.account("Third", AccountRole::Customer, Some(&tree.partner)).await);
    for (account, zone) in accounts.iter().zip(["Pacific/Apia", "Asia/Kathmandu", "America/St_Johns", "UTC", "Europe/Berlin"]) {
        let text = format!("UPDATE account SET time_zone = '{zone}' WHERE id = {}", world.database.key(account.id));
        world.database.sql(&text).await.unwrap();
    }
    let mut random = StdRng::seed_from_u64(8333);
    let start: NaiveDate = "2026-01-01".parse().unwrap();
    world.clock.set("2026-01-01T12:00:00Z".parse().unwrap());
    let (mut issued, mut voided) = (0, 0);
    for step in 0_i64..400 {
        let today = start + Days::new(u64::try_from(step).unwrap());
        let now = world.clock.now();
        for _ in 0..random.random_range(0..3) {
            let account = &accounts[random.random_range(0..accounts.len())];
            // Mostly yesterday's pages, now and then late ones; some corrections, some fractions.
            let back = if random.random_bool(0.15) { random.random_range(1..120) } else { 1 };
            let day = (today - Days::new(back)).max(start);
            let pages =
                if random.random_bool(0.2) { -random.random_range(1..40_000_000) } else { random.random_range(1..90_000_000) };
            ledger.post(id(&world), account.id, &day.to_string(), pages).await;
        }
        if random.random_bool(0.3) {
            issued += close(&world).await;
            if step % 3 == 0 {
                assert_eq!(close(&world).await, 0, "again changes nothing");
            }
        }
        if random.random_bool(0.06) {
            let all = certificates(&world, &tree.distributor).await;
            let live: Vec<_> = all.into_iter().filter(|certificate| certificate.voided.is_none()).collect();
            if !live.is_empty() {
                let certificate_id = live[random.random_range(0..live.len())].id;
                let input = VoidCertificate { certificate_id, reason: "A test.".to_owned() };
                world.app.void_certificate(&admin(&tree.distributor), input).await.unwrap().unwrap();
                voided += 1;
            }
        }
        if step % 20 == 0 {
            ledger.check().await;
            let top = tree.distributor.id;
            let totals = world.app.totals(&reader(&tree.distributor), &[top]).await.unwrap()[&top];
            let entries = ledger.number("SELECT CAST(COALESCE(sum(standard), 0) AS BIGINT) FROM deposit").await;
            assert_eq!(totals.lifetime.standard.0, entries);
            assert_eq!(totals.certified.standard.0 + totals.pending().standard.0, entries);
        }
        world.clock.set(now + TimeDelta::days(1));
    }
    ledger.check().await;
    assert!(issued > 40 && voided > 10, "{issued} certificates, {voided} voided: the year was too quiet");

    let books =
        |report: &Reconciliation| -> BTreeSet<Option<Book>> { report.differences.iter().map(Difference::book).collect() };
    // This test's ledger keeps no sums of days.
    assert_eq!(books(&world.app.reconcile(true).await.unwrap()), BTreeSet::from([Some(Book::AccountDay)]));
    world.database.sql("UPDATE account_month SET certified_small = certified_small + 1 WHERE certificates > 0").await.unwrap();
    let found = world.app.reconcile(true).await.unwrap();
    assert_eq!((books(&found), found.repaired), (BTreeSet::from([Some(Book::Certified)]), 0));
}
