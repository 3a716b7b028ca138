//! Killed while issuing and started again: each certificate exactly once.

use std::{process::Stdio, sync::Arc, time::Duration};

use coppice::{
    app::{App, AppParts, AppSettings, CertificateSettings, ConnectorCache, Hub},
    clock::ManualClock,
    connector::{Client, ClientSettings},
    id::{IdSource, SharedIds},
    secret::KeyRing,
    store::{DatabaseSettings, Store},
};
use tokio_util::sync::CancellationToken;

use super::ledger::{Ledger, id, project};
use crate::support::world::{Jobs, Kind, World, on_both};

const URL: &str = "COPPICE_TEST_CLOSING_URL";
const KEYS: &str = "COPPICE_TEST_CLOSING_KEYS";
const NOW: &str = "2026-03-12T00:00:00Z";

/// How many accounts have a month to close; `COPPICE_TEST_ACCOUNTS` for more than a test run has time for.
fn accounts() -> i64 {
    std::env::var("COPPICE_TEST_ACCOUNTS").map_or(300, |count| count.parse().unwrap())
}

on_both!(killed_while_issuing_each_is_issued_once);

async fn killed_while_issuing_each_is_issued_once(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    world.clock.set(NOW.parse().unwrap());
    many_accounts(&world, &ledger, &tree.partner).await;
    // The first life makes the signing key; each later one is killed wherever it is.
    for life in 0..6_u64 {
        let before = ledger.number("SELECT count(*) FROM certificate").await;
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "certificates::killed::closes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(URL, &world.database.url)
            .env(KEYS, world.keys.format().expose())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut waited = 0;
        while ledger.number("SELECT count(*) FROM certificate").await <= before && waited < 3000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            waited += 1;
        }
        assert!(waited < 3000, "life {life} issued nothing");
        tokio::time::sleep(Duration::from_millis(life)).await;
        child.kill().await.unwrap();
        ledger.check().await;
        if ledger.number("SELECT count(*) FROM certificate").await == accounts() {
            break;
        }
    }
    world.app.certificate_desk().close_due(&CancellationToken::new()).await.unwrap();
    ledger.check().await;
    assert_eq!(ledger.number("SELECT count(*) FROM certificate").await, accounts());
    assert_eq!(ledger.number("SELECT count(DISTINCT account_id) FROM certificate").await, accounts());
    assert_eq!(ledger.number("SELECT count(*) FROM certificate_key").await, 1);
}

async fn many_accounts(world: &World, ledger: &Ledger, partner: &coppice::domain::account::Account) {
    use coppice::domain::account::AccountRole;
    for number in 0..accounts() {
        let account = world.account(&format!("Customer {number}"), AccountRole::Customer, Some(partner)).await;
        ledger.post(id(world), account.id, "2026-02-03", 1_000_000 * (number + 1)).await;
    }
}

/// Not a test: what the test above starts and kills.
#[tokio::test]
#[ignore = "started by killed_while_issuing_each_is_issued_once"]
async fn closes_until_it_is_killed() {
    let (Ok(url), Ok(keys)) = (std::env::var(URL), std::env::var(KEYS)) else { return };
    let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
    let settings = DatabaseSettings { url, max_connections: 4 };
    let store = Store::open(&settings, Arc::clone(&clock) as _).await.unwrap();
    let ids: SharedIds = Arc::new(IdSource::from_os());
    let client = Client::new(ClientSettings::default(), Arc::clone(&clock) as _, Arc::clone(&ids)).unwrap();
    let app = App::new(AppParts {
        store,
        clock,
        ids,
        connectors: Arc::new(ConnectorCache::new(client, Arc::new(KeyRing::parse(&keys).unwrap()))),
        tokens: None,
        queue: Arc::new(Jobs::default()),
        hub: Hub::default(),
        settings: AppSettings::default(),
    })
    .with_certificates(CertificateSettings { batch: 3, ..CertificateSettings::default() });
    app.certificate_desk().close_due(&CancellationToken::new()).await.unwrap();
    // Killed here at the latest.
    std::future::pending::<()>().await;
}
