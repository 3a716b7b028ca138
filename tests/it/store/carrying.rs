//! Sums of months and days carried up to the accounts above: whatever was carried and whatever was not, a read gives the sum of the accounts' own.

use std::{collections::HashMap, sync::Arc};

use coppice::{
    clock::Clock as _,
    domain::{
        account::Account,
        query::{MonthSum, PageSum},
    },
    id::{IdSource, Uuid},
    store::{
        StoreError,
        carrying::carry_up,
        consumption::{days, months},
    },
};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::support::world::{Kind, Tree, World, on_both};

on_both!(
    read_the_same_whatever_was_carried,
    carries_while_others_write,
    a_month_that_goes_back_is_carried_too,
    sums_from_before_are_carried_by_the_migrations,
);

/// The four sums, and of a month the part of them that is certified.
type Sums = [i64; 8];

/// The days of the span that is read; the sums of others are not seen.
const SPAN: [&str; 2] = ["2026-01-31", "2026-02-01"];

/// What is added to the own sums of a month or a day.
struct Added<'a> {
    account: &'a Account,
    at: &'a str,
    sums: Sums,
}

impl Added<'_> {
    /// A day's is posted: an entry of the ledger, and the sums of its day.
    fn sql(&self, world: &World) -> Vec<String> {
        let mut names = ["small", "large", "duplex", "standard"].map(str::to_owned).to_vec();
        let (table, key) = if is_month(self.at) { ("account_month", "month") } else { ("account_day", "day") };
        if is_month(self.at) {
            names.extend_from_within(..);
            names[4..].iter_mut().for_each(|name| name.insert_str(0, "certified_"));
        }
        let values: Vec<String> = self.sums.iter().take(names.len()).map(i64::to_string).collect();
        let (columns, values, account) = (names.join(", "), values.join(", "), world.database.key(self.account.id));
        let more: Vec<String> = names.iter().map(|name| format!("{name} = {table}.{name} + excluded.{name}")).collect();
        let mut all = vec![format!(
            "INSERT INTO {table} (account_id, {key}, {columns}) VALUES ({account}, '{}', {values}) \
             ON CONFLICT (account_id, {key}) DO UPDATE SET {}",
            self.at,
            more.join(", "),
        )];
        if !is_month(self.at) {
            let id = world.ids.uuid(world.clock.now());
            all.push(format!(
                "INSERT INTO deposit (id, account_id, day, month, number, {columns}, estimated, kind, source_key, \
                 methodology_version, created_at) SELECT {}, {account}, '{}', '{}', COALESCE(max(number), 0) + 1, {values}, FALSE, \
                 'COLLECTED', '{id}', 1, 0 FROM deposit WHERE account_id = {account}",
                world.database.key(id),
                self.at,
                &self.at[..7],
            ));
        }
        all
    }
}

fn is_month(at: &str) -> bool {
    at.len() == "2026-01".len()
}

fn four(sum: &PageSum) -> [i64; 4] {
    [sum.pages.small, sum.pages.large, sum.pages.duplex, sum.standard.0]
}

fn accounts(tree: &Tree) -> [&Account; 6] {
    [&tree.distributor, &tree.partner, &tree.customer, &tree.sibling, &tree.other_partner, &tree.other_customer]
}

/// The account itself and those below it.
fn within(account: &Account, other: &Account, tree: &Tree) -> bool {
    let above: HashMap<Uuid, Option<Uuid>> = accounts(tree).iter().map(|one| (one.id, one.parent_id)).collect();
    let mut up = Some(other.id);
    while let Some(id) = up {
        if id == account.id {
            return true;
        }
        up = above[&id];
    }
    false
}

/// What reads give of every account, all months and the days of [`SPAN`], in that order.
async fn read(world: &World, tree: &Tree) -> HashMap<Uuid, Vec<(String, Sums)>> {
    let ids: Vec<Uuid> = accounts(tree).iter().map(|account| account.id).collect();
    let mut all: HashMap<Uuid, Vec<(String, Sums)>> = HashMap::new();
    for (account, months) in months(&world.store, Some(tree.distributor.id), &ids, None).await.unwrap() {
        for MonthSum { month, sum, certified } in months {
            let mut sums = [0; 8];
            sums[..4].copy_from_slice(&four(&sum));
            sums[4..].copy_from_slice(&four(&certified));
            all.entry(account).or_default().push((month.to_string(), sums));
        }
    }
    let [first, last] = SPAN.map(|day| day.parse().unwrap());
    for (account, days) in days(&world.store, tree.distributor.id, &ids, (first, last)).await.unwrap() {
        for (day, sum) in days {
            let mut sums = [0; 8];
            sums[..4].copy_from_slice(&four(&sum));
            all.entry(account).or_default().push((day.to_string(), sums));
        }
    }
    all
}

/// Replays from its seed.
async fn read_the_same_whatever_was_carried(kind: Kind) {
    const PERIODS: [&str; 7] = ["2025-12", "2026-01", "2026-02", "2026-01-30", SPAN[0], SPAN[1], "2026-02-02"];
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let mut own: HashMap<(Uuid, &str), Sums> = HashMap::new();
    for seed in 0..4 {
        let choice = IdSource::seeded(seed);
        let below = |limit: u32| (choice.fraction() * f64::from(limit)).floor();
        for step in 0..60 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
            let account = accounts(&tree)[below(6) as usize];
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
            let at = PERIODS[below(7) as usize];
            #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
            let sums = [(); 8].map(|()| below(9) as i64 - 3);
            let sum = own.entry((account.id, at)).or_default();
            for (all, more) in sum.iter_mut().zip(sums).take(if is_month(at) { 8 } else { 4 }) {
                *all += more;
            }
            print(&world, &Added { account, at, sums }.sql(&world)).await;
            if choice.fraction() < 0.3 {
                carry_up(&world.store).await.unwrap();
            }
            let found = read(&world, &tree).await;
            for account in accounts(&tree) {
                let mut expected: Vec<(String, Sums)> = Vec::new();
                for at in PERIODS.into_iter().filter(|at| is_month(at) || SPAN.contains(at)) {
                    let mut sums = [0; 8];
                    let mut any = false;
                    for other in accounts(&tree).into_iter().filter(|other| within(account, other, &tree)) {
                        for (all, more) in sums.iter_mut().zip(own.get(&(other.id, at)).into_iter().flatten()) {
                            *all += more;
                            any = true;
                        }
                    }
                    if any {
                        expected.push((at.to_owned(), sums));
                    }
                }
                let sums = found.get(&account.id).map_or(&[][..], Vec::as_slice);
                assert_eq!(sums, expected, "seed {seed}, step {step}, {}", account.name);
            }
        }
    }
}

/// Runs statements as one transaction.
async fn print(world: &World, statements: &[String]) {
    world
        .store
        .write(|tx| async move {
            for text in statements {
                tx.execute_raw(Statement::from_string(tx.get_database_backend(), text)).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

async fn carries_while_others_write(kind: Kind) {
    const WRITERS: i64 = 4;
    const EACH: i64 = 60;
    let world = Arc::new(World::new(kind).await);
    let tree = Arc::new(world.tree().await);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (world, tree) = (Arc::clone(&world), Arc::clone(&tree));
        writers.spawn(async move {
            let mut both = [&tree.customer, &tree.sibling];
            both.sort_by_key(|account| account.id);
            let of = |at| both.map(|account| Added { account, at, sums: [1, 0, 0, 2, 0, 0, 0, 0] }.sql(&world)).concat();
            for _ in 0..EACH {
                print(&world, &[of("2026-02"), of(SPAN[1])].concat()).await;
            }
        });
    }
    let carrier = |world: Arc<World>| async move {
        loop {
            carry_up(&world.store).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let carriers = [tokio::spawn(carrier(Arc::clone(&world))), tokio::spawn(carrier(Arc::clone(&world)))];
    let mut last = [0; 2];
    while last.iter().any(|sum| *sum < 2 * WRITERS * EACH) {
        let found = read(&world, &tree).await;
        for (last, at) in last.iter_mut().zip(["2026-02", SPAN[1]]) {
            let sums = found.get(&tree.distributor.id).map_or(&[][..], Vec::as_slice);
            let now = sums.iter().find(|(period, _)| period == at).map_or(0, |(_, sums)| sums[0]);
            assert!(
                now >= *last && now % 2 == 0,
                "{at}: {now} after {last}: a read saw half of a transaction, or half of what was carried"
            );
            *last = now;
        }
    }
    while writers.join_next().await.transpose().unwrap().is_some() {}
    for carrier in carriers {
        carrier.abort();
        let _ = carrier.await;
    }
    carry_all(&world).await;
    // Everything lies with the accounts above now, once.
    world.database.sql("UPDATE account_month SET small = 0, carried_small = 0").await.unwrap();
    world.database.sql("UPDATE account_day SET small = 0").await.unwrap();
    let found = read(&world, &tree).await;
    for account in [&tree.distributor, &tree.partner] {
        assert_eq!(found[&account.id].iter().map(|(_, sums)| sums[0]).collect::<Vec<_>>(), [2 * WRITERS * EACH; 2]);
    }
}

/// On PostgreSQL other tests' transactions hold entries back for a moment.
async fn carry_all(world: &World) {
    let db = sea_orm::Database::connect(&world.database.url).await.unwrap();
    let left = "SELECT 1 FROM deposit WHERE (tx, seq) > ((SELECT tx FROM carried_through), (SELECT seq FROM carried_through))";
    loop {
        let carried = carry_up(&world.store).await.unwrap();
        let left = db.query_one_raw(Statement::from_string(db.get_database_backend(), left)).await.unwrap();
        if carried == 0 && left.is_none() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_month_that_goes_back_is_carried_too(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let added = |sums| Added { account: &tree.customer, at: "2026-03", sums };
    print(&world, &added([5, 0, 0, 5, 5, 0, 0, 5]).sql(&world)).await;
    assert_eq!(carry_up(&world.store).await.unwrap(), 1);
    assert_eq!(carry_up(&world.store).await.unwrap(), 0);
    // A certificate that is void again, and nothing else.
    print(&world, &added([0, 0, 0, 0, -5, 0, 0, -5]).sql(&world)).await;
    assert_eq!(carry_up(&world.store).await.unwrap(), 1);
    let found = read(&world, &tree).await;
    assert_eq!(found[&tree.distributor.id], [("2026-03".to_owned(), [5, 0, 0, 5, 0, 0, 0, 0])]);
}

async fn sums_from_before_are_carried_by_the_migrations(kind: Kind) {
    use coppice_migration::{Migrator, MigratorTrait as _};
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let db = sea_orm::Database::connect(&world.database.url).await.unwrap();
    let migrations = Migrator::migrations();
    let later = migrations.iter().rev().take_while(|one| !one.name().ends_with("create_sums_below")).count();
    Migrator::down(&db, Some(u32::try_from(later).unwrap() + 1)).await.unwrap();
    let (month, day) = ([5, 4, 3, 2, 4, 3, 2, 1], [5, 4, 3, 2, 0, 0, 0, 0]);
    for (at, sums) in [("2026-02", month), (SPAN[1], day)] {
        print(&world, &Added { account: &tree.customer, at, sums }.sql(&world)).await;
    }
    Migrator::up(&db, None).await.unwrap();
    // Whether or not another test's transaction held the entry back from the migration.
    let found = read(&world, &tree).await;
    for account in [&tree.customer, &tree.partner, &tree.distributor] {
        let expected = [("2026-02".to_owned(), month), (SPAN[1].to_owned(), day)];
        assert_eq!(found[&account.id], expected, "{}", account.name);
    }
    let report = world.app.reconcile(false).await.unwrap();
    assert!(!report.differences.iter().any(|one| one.book.ends_with("_BELOW")), "{:?}", report.differences);
}
