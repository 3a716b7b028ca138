//! The database on both kinds: migrations, append-only tables, paging, and what two writers at once may do to a reader.

mod carrying;
mod lists;

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;
use coppice::{
    clock::{Clock as _, ManualClock},
    domain::{
        account::{Account, AccountRole, ActiveStatus},
        paging::{Page, PageArgs},
        query::{AccountFilter, DepositFilter, NameOrder},
    },
    id::{IdSource, Uuid},
    store::{self, Store, StoreError, Tx},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::oneshot;

use crate::support::world::{Kind, TestDatabase, World, on_both, start};

on_both!(
    migrates_up_down_and_up,
    nodes_that_start_together_migrate_once,
    refuses_to_change_the_ledger,
    pages_in_both_directions,
    searches_whatever_is_typed,
    writes_side_by_side,
    rolls_back_what_fails,
    lists_by_update_are_never_overtaken,
    deposits_are_never_overtaken,
);

async fn opened(kind: Kind) -> (TestDatabase, Arc<ManualClock>, Store) {
    let database = TestDatabase::new(kind).await;
    let clock = Arc::new(ManualClock::at(start()));
    let store = database.open(&clock).await;
    (database, clock, store)
}

async fn migrates_up_down_and_up(kind: Kind) {
    let (database, _, store) = opened(kind).await;
    let tables = "SELECT 1 FROM account, account_closure, account_sequence, user_account, api_key, server, server_pause, feed, \
         feed_pause, feed_day, device, anomaly, sync_run, collection, schedule_tick, deposit, account_month, account_month_below, account_day, \
         account_day_below, carried_through, health_change, idempotency";
    assert!(database.sql(tables).await.is_err());
    store.migrate().await.unwrap();
    database.sql(tables).await.unwrap();
    store.migrate_down().await.unwrap();
    for table in tables.trim_start_matches("SELECT 1 FROM ").split(", ") {
        assert!(database.sql(&format!("SELECT 1 FROM {table}")).await.is_err(), "{table} is still there");
    }
    store.migrate().await.unwrap();
    database.sql(tables).await.unwrap();
}

async fn nodes_that_start_together_migrate_once(kind: Kind) {
    let (database, clock, store) = opened(kind).await;
    let other = database.open(&clock).await;
    let (one, two) = tokio::join!(store.migrate(), other.migrate());
    one.unwrap();
    two.unwrap();
    database.sql("SELECT 1 FROM account").await.unwrap();
}

fn account(ids: &IdSource, clock: &ManualClock, name: &str, parent: Option<Uuid>) -> Account {
    let now = clock.now();
    Account {
        id: ids.uuid(now),
        parent_id: parent,
        role: AccountRole::Partner,
        status: ActiveStatus::Active,
        name: name.to_owned(),
        time_zone: chrono_tz::UTC,
        external_id: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// Adds an account with the transaction's own time.
async fn add(tx: &Tx, account: &Account) -> Result<(), StoreError> {
    let account = Account { updated_at: tx.now(), ..account.clone() };
    store::account::insert_all(tx, &[account]).await
}

fn deposit(database: &TestDatabase, id: Uuid, account: Uuid, day: &str, number: i64) -> String {
    format!(
        "INSERT INTO deposit (id, account_id, day, month, number, small, large, duplex, standard, estimated, kind, source_key, \
         methodology_version, created_at) VALUES ({}, {}, '{day}', '{}', {number}, 10, 0, 0, 10000000, FALSE, 'MANUAL', 'test', 1, 0)",
        database.key(id),
        database.key(account),
        &day[..7],
    )
}

async fn refuses_to_change_the_ledger(kind: Kind) {
    let world = World::new(kind).await;
    let top = world.tree().await.customer;
    let id = world.ids.uuid(start());
    world.database.sql(&deposit(&world.database, id, top.id, "2026-03-01", 1)).await.unwrap();
    let mut attempts = vec!["UPDATE deposit SET small = 11", "DELETE FROM deposit", "UPDATE deposit SET note = note"];
    if kind == Kind::Postgres {
        attempts.push("TRUNCATE deposit");
    }
    for attempt in attempts {
        let refused = world.database.sql(attempt).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{attempt}: {refused}");
    }
    let entries = store::ledger::by_ids(&world.store, top.id, &[id]).await.unwrap();
    assert_eq!(entries[&id].pages.small, 10);
}

fn names(page: &Page<Account>) -> Vec<&str> {
    page.items.iter().map(|(_, account)| account.name.as_str()).collect()
}

async fn pages_in_both_directions(kind: Kind) {
    let (_database, clock, store) = opened(kind).await;
    store.migrate().await.unwrap();
    let ids = IdSource::seeded(1);
    let top = account(&ids, &clock, "Top", None);
    // Equal names, so that the tie-breaker matters; upper and lower case, so that the order is people's.
    let below: Vec<Account> =
        ["b", "A", "b", "a", "C", "b", "Ä"].iter().map(|name| account(&ids, &clock, name, Some(top.id))).collect();
    let (first, rest) = (&top, &below);
    store
        .write(|tx| async move {
            add(&tx, first).await?;
            store::account::insert_all(&tx, rest).await
        })
        .await
        .unwrap();
    let filter = AccountFilter { parent_id: Some(top.id), ..Default::default() };
    for order in [NameOrder::NameAsc, NameOrder::NameDesc, NameOrder::UpdatedAtDesc] {
        let list = |args: PageArgs| {
            let (store, filter) = (&store, &filter);
            async move { store::account::list(store, top.id, filter, order, &args).await.unwrap() }
        };
        let whole = list(PageArgs { limit: 100, ..Default::default() }).await;
        assert_eq!(whole.items.len(), 7);
        assert!(!whole.has_next && !whole.has_previous);
        match order {
            NameOrder::NameAsc => assert_eq!(names(&whole), ["A", "a", "b", "b", "b", "C", "Ä"]),
            NameOrder::NameDesc => assert_eq!(names(&whole), ["Ä", "C", "b", "b", "b", "A", "a"]),
            _ => {}
        }
        let all: Vec<Uuid> = whole.items.iter().map(|(_, account)| account.id).collect();

        let mut forward = Vec::new();
        let mut args = PageArgs { limit: 2, ..Default::default() };
        loop {
            let page = list(args.clone()).await;
            assert_eq!(page.has_previous, args.after.is_some());
            forward.extend(page.items.iter().map(|(_, account)| account.id));
            if !page.has_next {
                break;
            }
            args.after = page.items.last().map(|(cursor, _)| cursor.clone());
        }
        assert_eq!(forward, all);

        let mut backward = Vec::new();
        let mut args = PageArgs { limit: 3, backward: true, ..Default::default() };
        loop {
            let page = list(args.clone()).await;
            let ids: Vec<Uuid> = page.items.iter().map(|(_, account)| account.id).collect();
            backward.splice(0..0, ids);
            if !page.has_previous {
                break;
            }
            args.before = page.items.first().map(|(cursor, _)| cursor.clone());
        }
        assert_eq!(backward, all);

        let between = list(PageArgs {
            limit: 100,
            backward: false,
            after: Some(whole.items[1].0.clone()),
            before: Some(whole.items[4].0.clone()),
            ..PageArgs::default()
        })
        .await;
        assert_eq!(between.items.iter().map(|(_, account)| account.id).collect::<Vec<_>>(), all[2..4]);
    }
    let of_another_list =
        store::account::list(&store, top.id, &filter, NameOrder::NameAsc, &PageArgs::default()).await.unwrap();
    for cursor in [of_another_list.items[0].0.as_str(), "", "x", "W10"] {
        let args = PageArgs { after: Some(cursor.to_owned()), ..Default::default() };
        let refused = store::account::list(&store, top.id, &filter, NameOrder::UpdatedAtAsc, &args).await;
        assert!(matches!(refused, Err(StoreError::Cursor)), "{cursor}");
    }
}

async fn searches_whatever_is_typed(kind: Kind) {
    let (_database, clock, store) = opened(kind).await;
    store.migrate().await.unwrap();
    let ids = IdSource::seeded(1);
    let top = account(&ids, &clock, "100%_Öko\\Druck", None);
    let (first, other) = (&top, &account(&ids, &clock, "Other", Some(top.id)));
    store
        .write(|tx| async move {
            add(&tx, first).await?;
            add(&tx, other).await
        })
        .await
        .unwrap();
    for (search, found) in
        [("öKO", 1), ("0%_", 1), ("%", 1), ("_", 1), ("\\d", 1), ("e", 1), ("", 2), ("x", 0), ("a\0b", 0), ("'", 0)]
    {
        let filter = AccountFilter { search: Some(search.to_owned()), ..Default::default() };
        let page = store::account::list(&store, top.id, &filter, NameOrder::NameAsc, &PageArgs::default()).await.unwrap();
        assert_eq!(page.items.len(), found, "{search:?}");
    }
}

async fn writes_side_by_side(kind: Kind) {
    let (_database, clock, store) = opened(kind).await;
    store.migrate().await.unwrap();
    let ids = Arc::new(IdSource::seeded(1));
    let writers = (0..40).map(|number| {
        let (store, clock, ids) = (store.clone(), Arc::clone(&clock), Arc::clone(&ids));
        tokio::spawn(async move {
            let account = account(&ids, &clock, &format!("{number}"), None);
            let account = &account;
            store
                .write(|tx| async move {
                    // A read before the write is what fails under load unless the transaction is a writing one from the start.
                    store::account::any(&tx).await?;
                    add(&tx, account).await
                })
                .await
                .map(|()| account.id)
        })
    });
    let mut made = HashSet::new();
    for writer in writers.collect::<Vec<_>>() {
        made.insert(writer.await.unwrap().unwrap());
    }
    assert_eq!(made.len(), 40);
}

async fn rolls_back_what_fails(kind: Kind) {
    let (_database, clock, store) = opened(kind).await;
    store.migrate().await.unwrap();
    let account = account(&IdSource::seeded(1), &clock, "Never", None);
    let added = &account;
    let failed: Result<(), StoreError> = store
        .write(|tx| async move {
            add(&tx, added).await?;
            Err(StoreError::Cursor)
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Cursor)));
    assert!(store::account::find(&store, account.id).await.unwrap().is_none());
}

/// One writer begins first and commits last: what the other committed meanwhile may not be shown before it.
async fn lists_by_update_are_never_overtaken(kind: Kind) {
    let (_database, clock, store) = opened(kind).await;
    store.migrate().await.unwrap();
    let ids = IdSource::seeded(1);
    let top = account(&ids, &clock, "Top", None);
    let added = &top;
    store.write(|tx| async move { add(&tx, added).await }).await.unwrap();
    clock.advance(TimeDelta::seconds(1));

    let (slow, quick) = (account(&ids, &clock, "slow", Some(top.id)), account(&ids, &clock, "quick", Some(top.id)));
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let first = tokio::spawn({
        let store = store.clone();
        let once = Arc::new(std::sync::Mutex::new(Some((begun, may_go_on))));
        async move {
            let (once, slow) = (&once, &slow);
            store
                .write(|tx| async move {
                    add(&tx, slow).await?;
                    let taken = once.lock().unwrap().take();
                    if let Some((begun, may_go_on)) = taken {
                        begun.send(()).unwrap();
                        may_go_on.await.unwrap();
                    }
                    Ok(())
                })
                .await
        }
    });
    has_begun.await.unwrap();
    clock.advance(TimeDelta::seconds(1));
    let second = tokio::spawn({
        let store = store.clone();
        async move {
            let quick = &quick;
            store.write(|tx| async move { add(&tx, quick).await }).await
        }
    });
    let second = if kind == Kind::Postgres {
        second.await.unwrap().unwrap();
        None
    } else {
        // It waits for the first one.
        Some(second)
    };
    clock.advance(TimeDelta::seconds(1));

    let filter = AccountFilter { parent_id: Some(top.id), ..Default::default() };
    let list = |after: Option<String>| {
        let (store, filter) = (&store, &filter);
        async move {
            let args = PageArgs { after, ..Default::default() };
            store::account::list(store, top.id, filter, NameOrder::UpdatedAtAsc, &args).await.unwrap()
        }
    };
    let before = list(None).await;
    assert_eq!(names(&before), [""; 0], "what an open transaction could still precede is held back");
    go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    if let Some(second) = second {
        second.await.unwrap().unwrap();
    }
    clock.advance(TimeDelta::seconds(1));
    let after = list(None).await;
    assert_eq!(names(&after), ["slow", "quick"]);
    assert_eq!(names(&list(Some(after.items[0].0.clone())).await), ["quick"]);
}

async fn deposits_are_never_overtaken(kind: Kind) {
    let world = World::new(kind).await;
    let top = world.tree().await.customer;
    let list = |after: Option<String>| {
        let store = &world.store;
        async move {
            let args = PageArgs { after, ..Default::default() };
            let all = DepositFilter::default();
            store::ledger::list(store, top.id, &all, &args).await.unwrap()
        }
    };
    let numbers = |page: &Page<_>| -> Vec<i64> {
        page.items.iter().map(|(_, entry): &(String, coppice::domain::ledger::Deposit)| entry.number).collect()
    };
    // On PostgreSQL other tests' transactions hold entries back for a moment too.
    let shown = |count: usize| {
        let list = &list;
        async move {
            loop {
                let page = list(None).await;
                if page.items.len() >= count {
                    return page;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    let database = &world.database;
    let entry = |number: i64| deposit(database, world.ids.uuid(start()), top.id, "2026-03-01", number);
    if kind == Kind::Postgres {
        let mut first = PgConnection::connect(&database.url).await.unwrap();
        let mut slow = first.begin().await.unwrap();
        slow.execute(AssertSqlSafe(entry(1))).await.unwrap();
        database.sql(&entry(2)).await.unwrap();
        assert_eq!(numbers(&list(None).await), [0; 0], "the open transaction could still precede it");
        slow.commit().await.unwrap();
    } else {
        database.sql(&entry(1)).await.unwrap();
        database.sql(&entry(2)).await.unwrap();
    }
    let two = shown(2).await;
    assert_eq!(numbers(&two), [1, 2]);
    let bookmark = two.items[1].0.clone();
    assert!(list(Some(bookmark.clone())).await.items.is_empty());
    database.sql(&entry(3)).await.unwrap();
    shown(3).await;
    assert_eq!(numbers(&list(Some(bookmark)).await), [3]);
}

/// A dump that is restored into a server which has counted fewer transactions.
#[tokio::test]
async fn postgres_posting_goes_on_after_a_restore() {
    let world = World::new(Kind::Postgres).await;
    let customer = world.tree().await.customer;
    let entry = |number: i64| deposit(&world.database, world.ids.uuid(start()), customer.id, "2026-03-01", number);
    for number in [1, 2] {
        world.database.sql(&entry(number)).await.unwrap();
    }
    for text in [
        "ALTER TABLE deposit DISABLE TRIGGER USER",
        "UPDATE deposit SET tx = tx + 5000000000",
        "ALTER TABLE deposit ENABLE TRIGGER USER",
    ] {
        world.database.sql(text).await.unwrap();
    }
    let list = async |after: Option<String>| {
        let args = PageArgs { after, ..Default::default() };
        store::ledger::list(&world.store, customer.id, &DepositFilter::default(), &args).await.unwrap().items
    };
    // The store as it is opened on every start, twice.
    for _ in 0..2 {
        world.store.migrate().await.unwrap();
    }
    // Other tests' transactions hold entries back for a moment.
    let shown = async |after: Option<String>, count: usize| loop {
        let items = list(after.clone()).await;
        if items.len() >= count {
            return items;
        }
        tokio::task::yield_now().await;
    };
    let restored = shown(None, 2).await;
    let bookmark = restored[1].0.clone();
    world.database.sql(&entry(3)).await.unwrap();
    let next = shown(Some(bookmark), 1).await;
    assert_eq!(next.iter().map(|(_, entry)| entry.number).collect::<Vec<_>>(), [3], "what is posted next comes after it");
}
