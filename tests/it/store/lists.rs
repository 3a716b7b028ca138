//! Lists of what an account and all below it have: the same rows in the same order, however they are found and however they are paged.

use std::collections::HashSet;

use chrono::{NaiveDate, TimeDelta};
use coppice::{
    domain::{
        account::{Account, Permission},
        paging::{Page, PageArgs},
        query::{
            AccountFilter, AnomalyFilter, Below, CertificateFilter, CertificateOrder, DepositFilter, FeedFilter, NameOrder,
            ServerFilter, SyncRunFilter, Under,
        },
        vendor::VendorKind,
    },
    id::{IdSource, Uuid},
    store::{self, Store},
};

use super::deposit;
use crate::support::world::{Kind, Tree, World, actor, on_both};

on_both!(
    entries_come_in_their_order_below_any_account,
    lists_are_the_same_below_a_wide_account,
    a_cursor_of_another_list_is_refused_below_any_account,
);

fn accounts(tree: &Tree) -> [&Account; 6] {
    [&tree.distributor, &tree.partner, &tree.customer, &tree.sibling, &tree.other_partner, &tree.other_customer]
}

/// The accounts from one down.
fn from_down(top: &Account, tree: &Tree) -> HashSet<Uuid> {
    let mut found = HashSet::from([top.id]);
    // Parents stand before what is below them.
    for account in accounts(tree) {
        if account.parent_id.is_some_and(|parent| found.contains(&parent)) {
            found.insert(account.id);
        }
    }
    found
}

/// All of a list, page by page.
async fn walked<T>(limit: u32, backward: bool, id: impl Fn(&T) -> Uuid, list: impl AsyncFn(PageArgs) -> Page<T>) -> Vec<Uuid> {
    let mut found = Vec::new();
    let mut args = PageArgs { limit, backward, ..PageArgs::default() };
    loop {
        let page = list(args.clone()).await;
        let ids: Vec<Uuid> = page.items.iter().map(|(_, item)| id(item)).collect();
        assert!(ids.len() <= limit as usize && !ids.iter().any(|id| found.contains(id)), "{args:?}: {ids:?} after {found:?}");
        let cursor = |item: Option<&(String, T)>| item.map(|(cursor, _)| cursor.clone());
        let more = if backward {
            found.splice(0..0, ids);
            args.before = cursor(page.items.first());
            page.has_previous
        } else {
            found.extend(ids);
            args.after = cursor(page.items.last());
            page.has_next
        };
        if !more {
            return found;
        }
    }
}

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1 + number).unwrap()
}

/// Replays from its seed.
async fn entries_come_in_their_order_below_any_account(kind: Kind) {
    for seed in 0..2 {
        let world = World::new(kind).await;
        let tree = world.tree().await;
        let choice = IdSource::seeded(seed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
        let one_of = |many: u32| (choice.fraction() * f64::from(many)) as u32;
        let mut entries: Vec<(Uuid, NaiveDate, Uuid)> = Vec::new();
        // Some accounts have none, some all days, and the days of some lie before all others'.
        let busy = one_of(6);
        for number in 0..40 {
            let account = accounts(&tree)[if one_of(3) == 0 { one_of(6) } else { busy } as usize];
            let day = day(if account.id == tree.sibling.id { one_of(4) } else { 4 + one_of(20) });
            let id = world.ids.uuid(super::start());
            world.database.sql(&deposit(&world.database, id, account.id, &day.to_string(), number)).await.unwrap();
            entries.push((account.id, day, id));
        }
        let store = &world.store;
        // On PostgreSQL other tests' transactions hold entries back for a moment.
        let everything = PageArgs { limit: 100, ..PageArgs::default() };
        let all = DepositFilter::default();
        while store::ledger::list(store, tree.distributor.id, &all, &everything).await.unwrap().items.len() < entries.len() {
            tokio::task::yield_now().await;
        }
        let mut few = store.clone();
        few.set_narrow(2);
        for (top, store) in accounts(&tree).into_iter().flat_map(|top| [(top, store), (top, &few)]) {
            let below = from_down(top, &tree);
            let posted: Vec<Uuid> = entries.iter().filter(|entry| below.contains(&entry.0)).map(|entry| entry.2).collect();
            let (from, to) = (day(2 + one_of(4)), day(8 + one_of(16)));
            let mut by_day: Vec<_> = entries.iter().enumerate().filter(|(_, entry)| below.contains(&entry.0)).collect();
            by_day.sort_by_key(|(place, entry)| (std::cmp::Reverse(entry.1), std::cmp::Reverse(*place)));
            let some_days: Vec<Uuid> =
                by_day.iter().filter(|(_, entry)| (from..=to).contains(&entry.1)).map(|(_, entry)| entry.2).collect();
            let by_day: Vec<Uuid> = by_day.into_iter().map(|(_, entry)| entry.2).collect();
            for (limit, backward) in [3, 60].into_iter().flat_map(|limit| [(limit, false), (limit, true)]) {
                let what = format!("seed {seed}, {}, {limit} at a time, backward {backward}", top.name);
                let of_top = DepositFilter { account_id: Some(top.id), ..DepositFilter::default() };
                for (viewer, filter) in [(top, &all), (&tree.distributor, &of_top)] {
                    let list = async |args| store::ledger::list(store, viewer.id, filter, &args).await.unwrap();
                    assert_eq!(walked(limit, backward, |entry| entry.id, list).await, posted, "{what}");
                }
                for (days, expected) in [((None, None), &by_day), ((Some(from), Some(to)), &some_days)] {
                    let list = async |args| {
                        let ask = Below { from: days.0, to: days.1, ..Below::all(Under::Account, args) };
                        let found = store::below::deposits_of(store, tree.distributor.id, &[top.id], &ask).await;
                        let none = Page { items: Vec::new(), has_next: false, has_previous: false };
                        found.unwrap().remove(&top.id).unwrap_or(none)
                    };
                    assert_eq!(&walked(limit, backward, |entry| entry.id, list).await, expected, "{what}, {days:?}");
                }
            }
        }
        // The first of several accounts at once, and nothing of one that is not to be seen.
        let ids: Vec<Uuid> = accounts(&tree).iter().map(|account| account.id).collect();
        let ask = Below::all(Under::Account, PageArgs { limit: 3, ..PageArgs::default() });
        let alone = async |viewer: &Account, top: Uuid| {
            store::below::deposits_of(store, viewer.id, &[top], &ask).await.unwrap().remove(&top).map(ids_of)
        };
        for viewer in accounts(&tree) {
            let mut together = store::below::deposits_of(store, viewer.id, &ids, &ask).await.unwrap();
            for top in accounts(&tree) {
                let found = together.remove(&top.id).map(ids_of);
                assert_eq!(found, alone(viewer, top.id).await, "seed {seed}, {} by {}", top.name, viewer.name);
                assert!(found.is_none() || from_down(viewer, &tree).contains(&top.id));
            }
        }
    }
}

fn ids_of(page: Page<coppice::domain::ledger::Deposit>) -> Vec<Uuid> {
    page.items.into_iter().map(|(_, entry)| entry.id).collect()
}

/// What a store lists for each account, two at a time, in all orders.
async fn lists(store: &Store, tree: &Tree) -> Vec<Vec<Uuid>> {
    use NameOrder::{NameAsc, NameDesc, UpdatedAtAsc, UpdatedAtDesc};
    let mut found = Vec::new();
    let pairs = accounts(tree)
        .into_iter()
        .flat_map(|top| [(top, None), (&tree.distributor, Some(top.id)), (&tree.partner, Some(top.id))]);
    for ((viewer, account_id), backward) in pairs.flat_map(|pair| [(pair, false), (pair, true)]) {
        for order in [NameAsc, NameDesc, UpdatedAtAsc, UpdatedAtDesc] {
            let filter = AccountFilter { parent_id: account_id, ..AccountFilter::default() };
            let list = async |args| store::account::list(store, viewer.id, &filter, order, &args).await.unwrap();
            found.push(walked(2, backward, |item| item.id, list).await);
            let filter = ServerFilter { account_id, ..ServerFilter::default() };
            let list = async |args| store::server::list(store, viewer.id, &filter, order, &args).await.unwrap();
            found.push(walked(2, backward, |item| item.id, list).await);
            let filter = FeedFilter { account_id, ..FeedFilter::default() };
            let list = async |args| store::feed::list(store, viewer.id, &filter, order, &args).await.unwrap();
            found.push(walked(2, backward, |item| item.id, list).await);
        }
        let filter = SyncRunFilter { account_id, ..SyncRunFilter::default() };
        let list = async |args| store::run::list(store, viewer.id, &filter, &args).await.unwrap();
        found.push(walked(2, backward, |item| item.id, list).await);
        let filter = AnomalyFilter { account_id, ..AnomalyFilter::default() };
        let list = async |args| store::anomaly::list(store, viewer.id, &filter, &args).await.unwrap();
        found.push(walked(2, backward, |item| item.id, list).await);
        let filter = CertificateFilter { account_id, ..CertificateFilter::default() };
        let list = async |args| {
            store::certificate::list(store, viewer.id, &filter, CertificateOrder::IssuedAtDesc, &args).await.unwrap()
        };
        found.push(walked(2, backward, |item| item.id, list).await);
        let Some(parent) = account_id else { continue };
        let none = || Page { items: Vec::new(), has_next: false, has_previous: false };
        let list = async |args| {
            let found = store::below::feeds_of(store, viewer.id, &[parent], &Below::all(Under::Account, args)).await;
            found.unwrap().remove(&parent).unwrap_or_else(none)
        };
        found.push(walked(2, backward, |item| item.id, list).await);
        let none = || Page { items: Vec::new(), has_next: false, has_previous: false };
        let list = async |args| {
            let found = store::below::servers_of(store, viewer.id, &[parent], &Below::all(Under::Account, args)).await;
            found.unwrap().remove(&parent).unwrap_or_else(none)
        };
        found.push(walked(2, backward, |item| item.id, list).await);
    }
    found
}

async fn lists_are_the_same_below_a_wide_account(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.distributor, Permission::Admin);
    for (partner, customers) in
        [(&tree.partner, vec![&tree.customer, &tree.sibling]), (&tree.other_partner, vec![&tree.other_customer])]
    {
        let server = world.server(partner, VendorKind::Printanista, chrono_tz::UTC).await;
        for (customer, number) in customers.into_iter().flat_map(|customer| (0..3).map(move |number| (customer, number))) {
            world.advance(TimeDelta::seconds(1));
            let feed = world.feed(&by, &server, customer, &format!("{}{number}", customer.name), "2026-03-01").await;
            let named = ["'Beech'", "'ash'", "NULL"][number];
            let key = world.database.key(feed.id);
            let name = format!("UPDATE feed SET given_name = {named}, name_key = lower({named}) WHERE id = {key}");
            world.database.sql(&name).await.unwrap();
        }
    }
    // Past what a transaction under way could still precede.
    world.advance(TimeDelta::minutes(5));
    let narrow = lists(&world.store, &tree).await;
    let mut store = world.store.clone();
    store.set_narrow(2);
    let wide = lists(&store, &tree).await;
    assert_eq!(wide, narrow);
    assert!(narrow.iter().any(|list| list.len() == 9), "the distributor sees all feeds");
}

async fn a_cursor_of_another_list_is_refused_below_any_account(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let mut few = world.store.clone();
    few.set_narrow(2);
    for store in [&world.store, &few] {
        let args = PageArgs { after: Some("bm90aGluZw".to_owned()), ..PageArgs::default() };
        let posted = store::ledger::list(store, tree.distributor.id, &DepositFilter::default(), &args).await;
        assert!(matches!(posted, Err(store::StoreError::Cursor)));
        let ask = Below::all(Under::Account, args);
        let by_day = store::below::deposits_of(store, tree.distributor.id, &[tree.partner.id], &ask).await;
        assert!(matches!(by_day, Err(store::StoreError::Cursor)));
    }
}
