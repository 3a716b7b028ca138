//! Neither a page of the ledger nor the days of a month grow with the ledger: for a customer, a dealer with 50 customers and a distributor
//! with 2,000, after one month of entries and after a year.
//!
//! Method: accounts by the store's own call, entries (one of each customer and day) by one plain statement; then the store's own calls
//! read the first page of 25 and the second, in turn, and the sums of 30 days; of 41 times the median counts. Printed are milliseconds after
//! a month and after a year, and their ratio; and how fast the entries were carried up to the accounts above, before anything was read.
//!
//! Run with `cargo bench --bench lists`; `COPPICE_BENCH_DATABASE=postgres://…` takes an empty PostgreSQL database instead of SQLite.
//!
//! Reached on 2026-11-27 (PostgreSQL; two cores, a virtual machine at its lower speed), in milliseconds after a month and after a year:
//!
//! | | by day | as posted |
//! |---|---|---|
//! | customer | 2.3, 1.3 | 1.6, 2.2 |
//! | dealer | 1.9, 1.2 | 1.0, 1.3 |
//! | distributor | 22, 36 | 0.4, 0.3 |
//!
//! On SQLite 0.5 to 3 ms for a customer and a dealer, after a month as after a year; for the distributor 7 and 14 by day, 0.3 and 0.6 as posted.
//! The sums of 30 days take 0.4 to 1.5 ms for all three on either database, and 44,000 to 69,000 entries a second are carried up (by a debug
//! build).
//!
//! Before, the distributor's page by day read all 730,000 entries, and with 10,000 customers and 3.6 million it ended at the time limit.
//!
//! What limits it: by day, each account below is asked twice where its latest entry is, so it grows with the accounts; as posted, a wide
//! account (more than 1,000 below it) is read along the order of posting.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use coppice::{
    clock::{Clock as _, ManualClock},
    domain::{
        account::{Account, AccountRole, ActiveStatus},
        ledger::Deposit,
        paging::{Page, PageArgs},
        query::{Below, DepositFilter, Under},
    },
    id::{IdSource, Uuid},
    store::{DatabaseSettings, Store, account, below, carrying::carry_up, consumption, ledger},
};
use sea_orm::{ConnectionTrait as _, Database, DatabaseBackend, DatabaseConnection};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEALERS: usize = 40;
/// Of each dealer.
const CUSTOMERS: usize = 50;
const MONTH: u32 = 30;
const YEAR: u32 = 365;
const TIMES: usize = 41;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let url = std::env::var("COPPICE_BENCH_DATABASE")
        .unwrap_or_else(|_| format!("sqlite://{}", folder.path().join("coppice.db").display()));
    let clock = Arc::new(ManualClock::at("2026-03-10T00:07:00Z".parse().unwrap()));
    let store = Store::open(&DatabaseSettings { url: url.clone(), max_connections: 8 }, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let [customer, dealer, distributor] = fleet(&store, &clock).await;
    let sql = Database::connect(&url).await.unwrap();
    // Their transactions are made up, and earlier than the server's.
    sql.execute_unprepared("UPDATE carried_through SET tx = 0, seq = 0").await.unwrap();
    post(&store, &sql, 0, MONTH).await;
    let viewers = [("customer", customer), ("dealer", dealer), ("distributor", distributor)];
    let mut first = Vec::new();
    for (_, viewer) in viewers {
        first.push(measured(&store, viewer).await);
    }
    post(&store, &sql, MONTH, YEAR).await;
    for ((who, viewer), month) in viewers.into_iter().zip(first) {
        let year = measured(&store, viewer).await;
        for (what, (month, year)) in
            ["by day, first", "by day, second", "as posted, first", "as posted, second", "sums of 30 days"]
                .into_iter()
                .zip(month.into_iter().zip(year))
        {
            println!("{who:>12}, {what:<18} {month:>8.2} ms {year:>8.2} ms {:>6.2} times", year / month);
        }
    }
}

/// A distributor with its dealers and customers; gives one of each, from the bottom up.
async fn fleet(store: &Store, clock: &ManualClock) -> [Uuid; 3] {
    let (ids, now) = (IdSource::from_os(), clock.now());
    let account = |parent_id, role, name: String| Account {
        id: ids.uuid(now),
        parent_id,
        role,
        status: ActiveStatus::Active,
        name,
        time_zone: chrono_tz::UTC,
        external_id: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let top = account(None, AccountRole::Distributor, "Distributor".to_owned());
    let partner = |number| account(Some(top.id), AccountRole::Partner, format!("Dealer {number}"));
    let dealers: Vec<Account> = (0..DEALERS).map(partner).collect();
    let below = |dealer: &Account| {
        let dealer = dealer.id;
        (0..CUSTOMERS).map(move |number| (dealer, number))
    };
    let customers: Vec<Account> = dealers
        .iter()
        .flat_map(below)
        .map(|(dealer, number)| account(Some(dealer), AccountRole::Customer, format!("Customer {number}")))
        .collect();
    for accounts in [std::slice::from_ref(&top), &dealers, &customers] {
        store.write(|tx| async move { account::insert_all(&tx, accounts).await }).await.unwrap();
    }
    [customers[0].id, dealers[0].id, top.id]
}

/// An entry of each customer for each of some days, day by day, with the sums of its day, which are then carried up.
async fn post(store: &Store, sql: &DatabaseConnection, from: u32, to: u32) {
    let postgres = sql.get_database_backend() == DatabaseBackend::Postgres;
    let (id, day) = if postgres {
        ("gen_random_uuid()", "to_char(DATE '2025-01-01' + n, 'YYYY-MM-DD')")
    } else {
        ("randomblob(16)", "date('2025-01-01', '+' || n || ' days')")
    };
    // A transaction for each dealer's night would take hours here; its number, which they are ordered by, is as if there had been one.
    let tx = if postgres { "1 + n" } else { "0" };
    let entries = format!(
        "WITH RECURSIVE days(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM days WHERE n + 1 < {to}) \
         INSERT INTO deposit (tx, id, account_id, day, month, number, small, large, duplex, standard, estimated, kind, source_key, \
         methodology_version, created_at) SELECT {tx}, {id}, a.id, {day}, substr({day}, 1, 7), n + 1, 300, 10, 50, 270000000, FALSE, \
         'COLLECTED', 'x', 1, 0 FROM days CROSS JOIN account a WHERE a.role = 'CUSTOMER' ORDER BY n"
    );
    sql.execute_unprepared(&entries).await.unwrap();
    let days = format!(
        "INSERT INTO account_day (account_id, day, small, large, duplex, standard) \
         SELECT account_id, day, small, large, duplex, standard FROM deposit WHERE number > {from}"
    );
    sql.execute_unprepared(&days).await.unwrap();
    let (begun, mut carried) = (Instant::now(), 0.0);
    loop {
        let some = u32::try_from(carry_up(store).await.unwrap()).unwrap();
        if some == 0 {
            break;
        }
        carried += f64::from(some);
    }
    println!("{:>12}, {carried} entries, {:.0} a second", "carried up", carried / begun.elapsed().as_secs_f64());
    sql.execute_unprepared("ANALYZE").await.unwrap();
}

/// Milliseconds of the first two pages by day, of the first two in the order of posting, and of the sums of 30 days.
async fn measured(store: &Store, viewer: Uuid) -> [f64; 5] {
    let by_day = async |page: PageArgs| {
        let ask = Below::all(Under::Account, page);
        below::deposits_of(store, viewer, &[viewer], &ask).await.unwrap().remove(&viewer).unwrap()
    };
    let posted = async |page: PageArgs| ledger::list(store, viewer, &DepositFilter::default(), &page).await.unwrap();
    let [day_first, day_second] = pages(by_day).await;
    let [posted_first, posted_second] = pages(posted).await;
    let span = ["2025-01-01", "2025-01-30"].map(|day| day.parse().unwrap());
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        let days = consumption::days(store, viewer, &[viewer], (span[0], span[1])).await.unwrap();
        taken.push(begun.elapsed());
        assert_eq!(days[&viewer].len(), 30);
    }
    [day_first, day_second, posted_first, posted_second, median(taken)]
}

/// The first page, and the one after it.
async fn pages(list: impl AsyncFn(PageArgs) -> Page<Deposit>) -> [f64; 2] {
    let first = PageArgs { limit: 25, ..PageArgs::default() };
    let after = list(first.clone()).await.items.last().map(|(cursor, _)| cursor.clone());
    let second = PageArgs { after, ..first.clone() };
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..TIMES {
        for (page, taken) in [&first, &second].into_iter().zip(&mut taken) {
            let begun = Instant::now();
            list(page.clone()).await;
            taken.push(begun.elapsed());
        }
    }
    taken.map(median)
}

/// In milliseconds.
fn median(mut taken: Vec<Duration>) -> f64 {
    taken.sort();
    taken.get(TIMES / 2).map_or(f64::NAN, Duration::as_secs_f64) * 1000.0
}
