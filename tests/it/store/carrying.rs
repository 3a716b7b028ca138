//! Sums of months carried up to the accounts above: whatever was carried and whatever was not, a read gives the sum of the accounts' own.

use std::{collections::HashMap, sync::Arc};

use coppice::{
    domain::{
        account::Account,
        pages::{Pages, StandardPages},
        query::{MonthSum, PageSum},
    },
    id::{IdSource, Uuid},
    store::{StoreError, carrying::carry_up, consumption::months},
};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::support::world::{Kind, Tree, World, on_both};

on_both!(
    read_the_same_whatever_was_carried,
    carries_while_others_write,
    a_month_that_goes_back_is_carried_too,
    months_from_before_are_carried_by_the_migration,
);

/// What is added to a month's own sums; the certified ones are a part of it.
struct Added<'a> {
    account: &'a Account,
    month: &'a str,
    sums: [i64; 8],
}

impl Added<'_> {
    fn sql(&self, world: &World) -> String {
        let names = ["small", "large", "duplex", "standard"].map(|name| [name.to_owned(), format!("certified_{name}")]);
        let names: Vec<&String> = names.iter().map(|both| &both[0]).chain(names.iter().map(|both| &both[1])).collect();
        let columns = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let values = self.sums.map(|sum| sum.to_string()).join(", ");
        let more: Vec<String> = names.iter().map(|name| format!("{name} = account_month.{name} + excluded.{name}")).collect();
        format!(
            "INSERT INTO account_month (account_id, month, {columns}) VALUES ({}, '{}', {values}) \
             ON CONFLICT (account_id, month) DO UPDATE SET {}",
            world.database.key(self.account.id),
            self.month,
            more.join(", "),
        )
    }
}

fn page_sum(sums: &[i64]) -> PageSum {
    PageSum { pages: Pages { small: sums[0], large: sums[1], duplex: sums[2] }, standard: StandardPages(sums[3]) }
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

async fn read(world: &World, tree: &Tree) -> HashMap<Uuid, Vec<MonthSum>> {
    let ids: Vec<Uuid> = accounts(tree).iter().map(|account| account.id).collect();
    months(&world.store, Some(tree.distributor.id), &ids, None).await.unwrap()
}

/// Replays from its seed.
async fn read_the_same_whatever_was_carried(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    for seed in 0..4 {
        let choice = IdSource::seeded(seed);
        let below = |limit: u32| (choice.fraction() * f64::from(limit)).floor();
        let mut own: HashMap<(Uuid, &str), [i64; 8]> = HashMap::new();
        world.database.sql("DELETE FROM account_month").await.unwrap();
        world.database.sql("DELETE FROM account_month_below").await.unwrap();
        for step in 0..40 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
            let account = accounts(&tree)[below(6) as usize];
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
            let month = ["2025-12", "2026-01", "2026-02"][below(3) as usize];
            #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
            let sums = [(); 8].map(|()| below(9) as i64 - 3);
            let sum = own.entry((account.id, month)).or_default();
            for (all, more) in sum.iter_mut().zip(sums) {
                *all += more;
            }
            print(&world, &[Added { account, month, sums }.sql(&world)]).await;
            if choice.fraction() < 0.3 {
                carry_up(&world.store).await.unwrap();
            }
            let found = read(&world, &tree).await;
            for account in accounts(&tree) {
                let mut expected: Vec<MonthSum> = Vec::new();
                for month in ["2025-12", "2026-01", "2026-02"] {
                    let mut sums = [0; 8];
                    let mut any = false;
                    for other in accounts(&tree).into_iter().filter(|other| within(account, other, &tree)) {
                        for (all, more) in sums.iter_mut().zip(own.get(&(other.id, month)).into_iter().flatten()) {
                            *all += more;
                            any = true;
                        }
                    }
                    if any {
                        let month = month.parse().unwrap();
                        expected.push(MonthSum { month, sum: page_sum(&sums[..4]), certified: page_sum(&sums[4..]) });
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
            let added = both.map(|account| Added { account, month: "2026-03", sums: [1, 0, 0, 2, 0, 0, 0, 0] }.sql(&world));
            for _ in 0..EACH {
                print(&world, &added).await;
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
    let mut last = 0;
    while last < 2 * WRITERS * EACH {
        let found = read(&world, &tree).await;
        let now = found.get(&tree.distributor.id).map_or(0, |months| months[0].sum.pages.small);
        assert!(
            now >= last && now % 2 == 0,
            "{now} after {last}: a read saw half of a transaction, or half of what was carried"
        );
        last = now;
    }
    while writers.join_next().await.transpose().unwrap().is_some() {}
    for carrier in carriers {
        carrier.abort();
        let _ = carrier.await;
    }
    while carry_up(&world.store).await.unwrap() > 0 {}
    // Everything lies with the accounts above now, once.
    world.database.sql("UPDATE account_month SET small = 0, carried_small = 0").await.unwrap();
    let found = read(&world, &tree).await;
    for account in [&tree.distributor, &tree.partner] {
        assert_eq!(found[&account.id][0].sum.pages.small, 2 * WRITERS * EACH);
    }
}

async fn a_month_that_goes_back_is_carried_too(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let added = |sums| Added { account: &tree.customer, month: "2026-03", sums };
    world.database.sql(&added([5, 0, 0, 5, 5, 0, 0, 5]).sql(&world)).await.unwrap();
    assert_eq!(carry_up(&world.store).await.unwrap(), 1);
    assert_eq!(carry_up(&world.store).await.unwrap(), 0);
    // A certificate that is void again, and nothing else.
    world.database.sql(&added([0, 0, 0, 0, -5, 0, 0, -5]).sql(&world)).await.unwrap();
    assert_eq!(carry_up(&world.store).await.unwrap(), 1);
    let found = read(&world, &tree).await;
    assert_eq!(found[&tree.distributor.id][0].certified, PageSum::default());
    assert_eq!(found[&tree.distributor.id][0].sum, page_sum(&[5, 0, 0, 5]));
}

async fn months_from_before_are_carried_by_the_migration(kind: Kind) {
    use coppice_migration::{Migrator, MigratorTrait as _};
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let db = sea_orm::Database::connect(&world.database.url).await.unwrap();
    let migrations = Migrator::migrations();
    let later = migrations.iter().rev().take_while(|one| !one.name().ends_with("create_sums_below")).count();
    Migrator::down(&db, Some(u32::try_from(later).unwrap() + 1)).await.unwrap();
    let added = Added { account: &tree.customer, month: "2026-03", sums: [5, 4, 3, 2, 4, 3, 2, 1] };
    world.database.sql(&added.sql(&world)).await.unwrap();
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(carry_up(&world.store).await.unwrap(), 0);
    let found = read(&world, &tree).await;
    for account in [&tree.customer, &tree.partner, &tree.distributor] {
        let month = found[&account.id][0];
        assert_eq!((month.sum, month.certified), (page_sum(&[5, 4, 3, 2]), page_sum(&[4, 3, 2, 1])), "{}", account.name);
    }
    assert_eq!(
        world.app.reconcile(false).await.unwrap().differences.iter().filter(|one| one.book == "ACCOUNT_MONTH_BELOW").count(),
        0
    );
}
