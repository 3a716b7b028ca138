//! How long the 10th of a month takes: 100,000 accounts whose month is due, each with a day's entry for every working day.
//!
//! Method: the accounts and their ledger are put into the database by plain statements (not measured), then the schedule's own call issues
//! all certificates: signed, divided over two projects, with their sums checked against the ledger. Printed: seconds, certificates per
//! second, and what a second look costs that finds nothing to do. On SQLite every commit is on the disk before the next begins.
//!
//! Run with `cargo bench --bench certificates`; `COPPICE_BENCH_DATABASE=postgres://…` takes an empty PostgreSQL database instead of
//! SQLite; `COPPICE_BENCH_ACCOUNTS` and `COPPICE_BENCH_ENTRIES` (of each) change the size.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at what it did not expect")]

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, Hub,
        input::{ChooseProjects, OperatorAccount, OperatorProject},
        ports::{Job, JobQueue, QueueError},
    },
    clock::ManualClock,
    connector::{Client, ClientSettings},
    domain::account::{AccountRole, Actor, Permission, Who},
    id::{IdSource, SharedIds, Uuid},
    secret::{KeyRing, SealingKey},
    store::{DatabaseSettings, Store},
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tokio_util::sync::CancellationToken;

struct NoQueue;

#[async_trait]
impl JobQueue for NoQueue {
    async fn push(&self, _: Job) -> Result<(), QueueError> {
        Ok(())
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let (accounts, entries) = (number("COPPICE_BENCH_ACCOUNTS", 100_000), number("COPPICE_BENCH_ENTRIES", 20));
    let folder = tempfile::tempdir().unwrap();
    let url = std::env::var("COPPICE_BENCH_DATABASE")
        .unwrap_or_else(|_| format!("sqlite://{}", folder.path().join("coppice.db").display()));
    let clock = Arc::new(ManualClock::at("2026-03-10T00:07:00Z".parse().unwrap()));
    let store = Store::open(&DatabaseSettings { url: url.clone(), max_connections: 8 }, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let ids: SharedIds = Arc::new(IdSource::from_os());
    let keys = Arc::new(KeyRing::new(SealingKey::generate(&ids), Vec::new()));
    let client = Client::new(ClientSettings::default(), clock.clone(), ids.clone()).unwrap();
    let app = App::new(AppParts {
        store,
        clock,
        ids,
        connectors: Arc::new(ConnectorCache::new(client, keys)),
        tokens: None,
        queue: Arc::new(NoQueue),
        hub: Hub::default(),
        settings: AppSettings::default(),
    });
    let partner = prepare(&app).await;
    let options = ConnectOptions::new(&url).sqlx_logging(false).to_owned();
    let db = Database::connect(options).await.expect("the database opens");
    fill(&db, partner, accounts, entries).await;

    let desk = app.certificate_desk();
    let begun = Instant::now();
    let report = desk.close_due(&CancellationToken::new()).await.unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(report.issued, accounts);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = accounts as f64 / took;
    println!("{accounts} accounts of {entries} entries closed in {took:.1} s: {rate:.0} certificates a second");
    let begun = Instant::now();
    let report = desk.close_due(&CancellationToken::new()).await.unwrap();
    assert_eq!(report.issued, 0);
    println!("a look that finds nothing to do: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
}

/// A partner with two projects.
async fn prepare(app: &App) -> Uuid {
    let account = |name: &str, role, parent_id| OperatorAccount {
        name: name.to_owned(),
        role,
        parent_id,
        time_zone: None,
        external_id: None,
    };
    let top = app.operator_create_account(account("Distributor", AccountRole::Distributor, None)).await.unwrap().unwrap();
    let partner = app.operator_create_account(account("Partner", AccountRole::Partner, Some(top.id))).await.unwrap().unwrap();
    let mut project_ids = Vec::new();
    for name in ["River", "Hill"] {
        let input = OperatorProject {
            name: name.to_owned(),
            country: "KE".to_owned(),
            description: "Trees.".to_owned(),
            ..OperatorProject::default()
        };
        project_ids.push(app.operator_create_project(input).await.unwrap().unwrap().id);
    }
    let actor = Actor { who: Who::ApiKey(partner.id), account_id: partner.id, permission: Permission::Admin };
    let choice = ChooseProjects { account_id: partner.id, project_ids, expected_version: None };
    app.choose_projects(&actor, choice).await.unwrap().unwrap();
    partner.id
}

/// Puts accounts and their ledger into the database.
async fn fill(db: &DatabaseConnection, partner: Uuid, accounts: usize, entries: usize) {
    let postgres = db.get_database_backend() == sea_orm::DbBackend::Postgres;
    let id = if postgres { "gen_random_uuid()" } else { "randomblob(16)" };
    let parent = if postgres { format!("'{partner}'::uuid") } else { format!("X'{}'", partner.simple()) };
    let counted = |to: usize| {
        if postgres {
            format!("n AS (SELECT generate_series(1, {to}) AS i)")
        } else {
            format!("n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to})")
        }
    };
    let run = async |text: String| {
        db.execute_unprepared(&text).await.expect("the ledger is put in");
    };
    run(format!(
        "WITH RECURSIVE {} INSERT INTO account (id, parent_id, role, status, name, name_key, time_zone, created_at, updated_at) \
         SELECT {id}, {parent}, 'CUSTOMER', 'ACTIVE', 'Customer ' || i, 'customer ' || i, 'UTC', 0, 0 FROM n",
        counted(accounts)
    ))
    .await;
    let of = format!("FROM account a WHERE a.parent_id = {parent}");
    run(format!("INSERT INTO account_closure (ancestor_id, descendant_id, depth) SELECT a.id, a.id, 0 {of}")).await;
    run(format!("INSERT INTO account_closure (ancestor_id, descendant_id, depth) SELECT {parent}, a.id, 1 {of}")).await;
    run(format!(
        "WITH RECURSIVE {} INSERT INTO deposit (id, account_id, day, month, number, small, large, duplex, standard, estimated, kind, \
         source_key, methodology_version, created_at) SELECT {id}, a.id, '2026-02-10', '2026-02', n.i, 100 + n.i, 0, 0, \
         (100 + n.i) * 1000000, FALSE, 'MANUAL', 'bench', 1, 0 FROM account a CROSS JOIN n WHERE a.parent_id = {parent}",
        counted(entries)
    ))
    .await;
    run("INSERT INTO account_month (account_id, month, small, large, duplex, standard, last_number) \
         SELECT account_id, month, sum(small), 0, 0, sum(standard), max(number) FROM deposit GROUP BY account_id, month"
        .to_owned())
    .await;
}
