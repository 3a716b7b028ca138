//! When months close, what is on demand, supplements and voids.

use chrono::TimeDelta;
use coppice::{
    app::input::{IssueCertificates, VoidCertificate},
    domain::{
        account::Permission,
        certificate::{Certificate, CertificateStatus},
        paging::PageArgs,
        query::{Below, CertificateFilter, CertificateOrder, DepositFilter, Under},
        vendor::VendorKind,
    },
    id::Uuid,
};
use tokio_util::sync::CancellationToken;

use super::ledger::{Ledger, admin, id, month, project};
use crate::support::world::{Kind, World, actor, codes, on_both, reader, refused, writer};

on_both!(
    months_close_by_dates_in_the_accounts_zone,
    a_month_waits_for_days_that_are_not_covered,
    late_pages_get_a_supplement,
    a_void_frees_its_pages_for_the_next_sequence,
    issuing_on_demand_is_for_months_that_are_over,
    the_database_refuses_changes,
    lists_are_limited_to_what_may_be_seen,
);

pub async fn close(world: &World) -> usize {
    let report = world.app.certificate_desk().close_due(&CancellationToken::new()).await.unwrap();
    assert_eq!(report.mismatched, 0);
    report.issued
}

pub async fn certificates(world: &World, account: &coppice::domain::account::Account) -> Vec<Certificate> {
    let filter = CertificateFilter { account_id: Some(account.id), ..Default::default() };
    let page = PageArgs { limit: 100, ..PageArgs::default() };
    let found = world.app.certificates(&reader(account), &filter, CertificateOrder::IssuedAtAsc, &page).await.unwrap();
    found.items.into_iter().map(|(_, certificate)| certificate).collect()
}

fn set(world: &World, instant: &str) {
    world.clock.set(instant.parse().unwrap());
}

async fn months_close_by_dates_in_the_accounts_zone(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 12_345_500_000).await;
    ledger.post(id(&world), tree.customer.id, "2026-03-01", 1_000_000).await;
    ledger.post(id(&world), tree.sibling.id, "2026-02-10", 5_000_000).await;
    ledger.post(id(&world), tree.sibling.id, "2026-02-11", -5_000_000).await;
    // The accounts are in UTC; March 2026 begins on a Sunday, so its third business day is the 4th.
    set(&world, "2026-03-04T23:59:59Z");
    assert_eq!(close(&world).await, 0);
    set(&world, "2026-03-05T00:00:00Z");
    assert_eq!(close(&world).await, 1, "February of the one account whose entries are above zero");
    assert_eq!(close(&world).await, 0, "again changes nothing");
    ledger.check().await;
    let issued = certificates(&world, &tree.customer).await;
    let certificate = &issued[0];
    assert_eq!(certificate.number, "CR-2026-02-000001");
    assert_eq!((certificate.sequence, certificate.holder.as_str()), (1, "Customer"));
    assert_eq!(certificate.standard.to_string(), "12345.5");
    assert_eq!(certificate.trees(), 148);
    assert_eq!(certificate.allocations[0].project_name, "River");
    // An account that is switched off gets none.
    ledger.post(id(&world), tree.other_customer.id, "2026-02-10", 7_000_000).await;
    let off = format!("UPDATE account SET status = 'INACTIVE' WHERE id = {}", world.database.key(tree.other_customer.id));
    world.database.sql(&off).await.unwrap();
    assert_eq!(close(&world).await, 0);
}

async fn a_month_waits_for_days_that_are_not_covered(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    set(&world, "2026-02-01T12:00:00Z");
    let server = world.server(&tree.partner, VendorKind::Printanista, chrono_tz::UTC).await;
    let feed = world.feed(&writer(&tree.partner), &server, &tree.customer, "1", "2026-02-01").await;
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 3_000_000).await;
    set(&world, "2026-03-06T12:00:00Z");
    let key = world.database.key(feed.id);
    let put = async |text: String| world.database.sql(&text).await.unwrap();
    assert_eq!(close(&world).await, 0, "no day is covered");
    put(format!("UPDATE feed SET covered_through = '2026-02-27', backfilling = FALSE WHERE id = {key}")).await;
    assert_eq!(close(&world).await, 0, "the 28th is not covered");
    put(format!("INSERT INTO feed_pause (id, feed_id, from_day) VALUES ({key}, {key}, '2026-02-28')")).await;
    assert_eq!(close(&world).await, 1, "the 28th is left out by a pause");
    put(format!("DELETE FROM feed_pause WHERE feed_id = {key}")).await;

    ledger.post(id(&world), tree.customer.id, "2026-02-11", 3_000_000).await;
    put(format!("UPDATE feed SET covered_through = '2026-03-05' WHERE id = {key}")).await;
    put(format!("INSERT INTO feed_day (feed_id, day, open) VALUES ({key}, '2026-02-28', TRUE)")).await;
    assert_eq!(close(&world).await, 0, "the 28th is still open");
    let on_demand = async || {
        let input = IssueCertificates { account_id: tree.customer.id, month: month("2026-02"), idempotency_key: None };
        world.app.issue_certificates(&admin(&tree.customer), input).await.unwrap().unwrap().len()
    };
    assert_eq!(on_demand().await, 0, "not on demand either");
    set(&world, "2026-03-10T00:00:00Z");
    assert_eq!(close(&world).await, 1, "on the 10th it is closed whatever is missing");

    // A feed that has ended is not waited for, nor one that was not active in that month.
    ledger.post(id(&world), tree.customer.id, "2026-03-11", 3_000_000).await;
    set(&world, "2026-04-07T00:00:00Z");
    assert_eq!(close(&world).await, 0);
    put(format!("UPDATE feed SET ended_at = 1 WHERE id = {key}")).await;
    world.feed(&writer(&tree.partner), &server, &tree.customer, "2", "2026-04-01").await;
    assert_eq!(close(&world).await, 1);
    ledger.check().await;
}

async fn late_pages_get_a_supplement(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    let account = tree.customer.id;
    ledger.post(id(&world), account, "2026-02-10", 3_000_000).await;
    set(&world, "2026-03-12T00:00:00Z");
    assert_eq!(close(&world).await, 1);
    // A negative rest waits and is shown as pending.
    ledger.post(id(&world), account, "2026-02-20", -1_000_000).await;
    assert_eq!(close(&world).await, 0);
    let totals = world.app.totals(&reader(&tree.partner), &[account, tree.partner.id]).await.unwrap();
    for id in [account, tree.partner.id] {
        assert_eq!(totals[&id].certified.standard.0, 3_000_000);
        assert_eq!(totals[&id].pending().standard.0, -1_000_000);
        assert_eq!(totals[&id].lifetime.standard.0, 2_000_000);
    }
    world.advance(TimeDelta::hours(1));
    ledger.post(id(&world), account, "2026-02-21", 1_500_000).await;
    assert_eq!(close(&world).await, 1, "above zero again");
    let issued = certificates(&world, &tree.customer).await;
    assert_eq!(issued[1].sequence, 2);
    assert_eq!(issued[1].standard.0, 500_000);
    let first = world.app.first_certificates(&reader(&tree.customer), &[issued[0].id, issued[1].id]).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[&issued[1].id].id, issued[0].id);
    // Which entry is on which.
    let ask = Below::all(Under::Certificate, PageArgs::default());
    let deposits =
        world.app.deposits_below(&reader(&tree.customer), &[issued[1].id], &ask).await.unwrap().remove(&issued[1].id);
    let deposits = deposits.unwrap();
    let days: Vec<String> = deposits.items.iter().map(|(_, deposit)| deposit.day.to_string()).collect();
    assert_eq!(days, ["2026-02-20", "2026-02-21"]);
    let ids: Vec<Uuid> = deposits.items.iter().map(|(_, deposit)| deposit.id).collect();
    let on = world.app.certificates_of_deposits(&reader(&tree.customer), &ids).await.unwrap();
    assert!(ids.iter().all(|deposit| on[deposit].id == issued[1].id));
    ledger.check().await;
}

async fn a_void_frees_its_pages_for_the_next_sequence(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    let account = tree.customer.id;
    for (day, pages) in [("2026-02-10", 3_000_000), ("2026-02-11", 4_000_000)] {
        ledger.post(id(&world), account, day, pages).await;
    }
    set(&world, "2026-03-12T00:00:00Z");
    close(&world).await;
    world.advance(TimeDelta::hours(1));
    ledger.post(id(&world), account, "2026-02-12", 5_000_000).await;
    close(&world).await;
    let first = certificates(&world, &tree.customer).await[0].clone();
    let void = |reason: &str| VoidCertificate { certificate_id: first.id, reason: reason.to_owned() };
    let app = &world.app;
    assert!(app.void_certificate(&writer(&tree.customer), void("x")).await.is_err(), "it needs ADMIN");
    assert_eq!(refused(app.void_certificate(&admin(&tree.customer), void("  ")).await.unwrap()), "INVALID reason");
    assert_eq!(refused(app.void_certificate(&admin(&tree.sibling), void("x")).await.unwrap()), "NOT_FOUND certificateId");
    let voided = app.void_certificate(&admin(&tree.partner), void("Wrong name")).await.unwrap().unwrap();
    assert_eq!(voided.status(), CertificateStatus::Void);
    assert_eq!(voided.voided.as_ref().unwrap().reason, "Wrong name");
    assert!(voided.updated_at > voided.issued_at);
    assert_eq!(voided.jws, first.jws, "what was issued stays as it was");
    assert_eq!(refused(app.void_certificate(&admin(&tree.customer), void("x")).await.unwrap()), "INVALID_STATE certificateId");
    ledger.check().await;
    let totals = app.totals(&reader(&tree.customer), &[account]).await.unwrap();
    assert_eq!(totals[&account].pending().standard.0, 7_000_000);
    world.advance(TimeDelta::hours(1));
    assert_eq!(close(&world).await, 1);
    let all = certificates(&world, &tree.customer).await;
    let shown: Vec<(i32, i64, CertificateStatus)> = all.iter().map(|c| (c.sequence, c.standard.0, c.status())).collect();
    let (issued, void) = (CertificateStatus::Issued, CertificateStatus::Void);
    assert_eq!(shown, [(1, 7_000_000, void), (2, 5_000_000, issued), (3, 7_000_000, issued)]);
    ledger.check().await;
}

async fn issuing_on_demand_is_for_months_that_are_over(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let ledger = Ledger::of(&world).await;
    let issue = async |by: &coppice::domain::account::Actor, month_text: &str, key: Option<&str>| {
        let input = IssueCertificates {
            account_id: tree.partner.id,
            month: month(month_text),
            idempotency_key: key.map(str::to_owned),
        };
        world.app.issue_certificates(by, input).await
    };
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 3_000_000).await;
    ledger.post(id(&world), tree.sibling.id, "2026-02-10", 4_000_000).await;
    set(&world, "2026-03-01T00:00:00Z");
    let by = admin(&tree.partner);
    assert_eq!(refused(issue(&by, "2026-02", None).await.unwrap()), "INVALID_STATE ", "there is no project");
    project(&world, "River").await;
    assert!(issue(&actor(&tree.partner, Permission::Write), "2026-02", None).await.is_err(), "it needs ADMIN");
    assert_eq!(refused(issue(&admin(&tree.other_partner), "2026-02", None).await.unwrap()), "NOT_FOUND accountId");
    assert_eq!(refused(issue(&by, "2026-03", None).await.unwrap()), "INVALID month");
    let first = issue(&by, "2026-02", Some("k")).await.unwrap().unwrap();
    let numbers: Vec<&str> = first.iter().map(|certificate| certificate.number.as_str()).collect();
    assert_eq!(numbers, ["CR-2026-02-000001", "CR-2026-02-000002"]);
    assert_eq!(issue(&by, "2026-02", Some("k")).await.unwrap().unwrap(), first, "the same key, the same answer");
    assert_eq!(codes(&issue(&by, "2026-01", Some("k")).await.unwrap().unwrap_err()), ["IDEMPOTENCY_KEY_REUSED idempotencyKey"]);
    assert!(issue(&by, "2026-02", None).await.unwrap().unwrap().is_empty(), "nothing is left to issue");
    ledger.check().await;
}

async fn the_database_refuses_changes(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 3_000_000).await;
    set(&world, "2026-03-12T00:00:00Z");
    close(&world).await;
    let certificate = certificates(&world, &tree.customer).await[0].clone();
    world
        .app
        .void_certificate(&admin(&tree.customer), VoidCertificate { certificate_id: certificate.id, reason: "x".to_owned() })
        .await
        .unwrap()
        .unwrap();
    close(&world).await;
    for (table, column) in [
        ("certificate", "standard"),
        ("certificate", "jws"),
        ("certificate_void", "reason"),
        ("certificate_range", "last_number"),
        ("certificate_allocation", "trees"),
        ("certificate_key", "kid"),
    ] {
        assert!(world.database.sql(&format!("UPDATE {table} SET {column} = {column}")).await.is_err(), "{table}.{column}");
        assert!(world.database.sql(&format!("DELETE FROM {table}")).await.is_err(), "{table}");
    }
    let overlap = format!(
        "INSERT INTO certificate_range (certificate_id, account_id, month, first_number, last_number) \
         VALUES ({}, {}, '2026-02', 1, 5)",
        world.database.key(certificates(&world, &tree.customer).await[1].id),
        world.database.key(tree.customer.id),
    );
    let refused = world.database.sql(&overlap).await.unwrap_err().to_string();
    assert!(refused.contains("another certificate in force covers these entries"), "{refused}");
}

async fn lists_are_limited_to_what_may_be_seen(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    for account in [&tree.customer, &tree.sibling, &tree.other_customer] {
        ledger.post(id(&world), account.id, "2026-02-10", 3_000_000).await;
    }
    set(&world, "2026-03-12T00:00:00Z");
    assert_eq!(close(&world).await, 3);
    assert_eq!(certificates(&world, &tree.distributor).await.len(), 3);
    assert_eq!(certificates(&world, &tree.partner).await.len(), 2);
    let mine = certificates(&world, &tree.customer).await;
    assert_eq!(mine.len(), 1);
    assert!(world.app.certificates_by_id(&reader(&tree.sibling), &[mine[0].id]).await.unwrap().is_empty());
    let other = CertificateFilter { account_id: Some(tree.other_customer.id), ..Default::default() };
    let page = PageArgs::default();
    let found = world.app.certificates(&reader(&tree.partner), &other, CertificateOrder::UpdatedAtAsc, &page).await.unwrap();
    assert!(found.items.is_empty());
    // In the order of change, what was voided comes last.
    world.advance(TimeDelta::hours(1));
    let input = VoidCertificate { certificate_id: mine[0].id, reason: "x".to_owned() };
    world.app.void_certificate(&admin(&tree.customer), input).await.unwrap().unwrap();
    world.advance(TimeDelta::hours(1));
    let all = CertificateFilter::default();
    let by_change = world.app.certificates(&reader(&tree.partner), &all, CertificateOrder::UpdatedAtAsc, &page).await.unwrap();
    assert_eq!(by_change.items.last().unwrap().1.id, mine[0].id);
    let void = CertificateFilter { status: Some(CertificateStatus::Void), ..Default::default() };
    let found = world.app.certificates(&reader(&tree.partner), &void, CertificateOrder::IssuedAtDesc, &page).await.unwrap();
    assert_eq!(found.items.len(), 1);
    // The ledger itself is as it was.
    let entries = DepositFilter { account_id: Some(tree.customer.id), ..Default::default() };
    // On PostgreSQL other tests' transactions hold entries back for a moment.
    let entries = loop {
        let shown = world.app.deposits(&reader(&tree.customer), &entries, &page).await.unwrap();
        if !shown.items.is_empty() {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(entries.items.len(), 1);
}
