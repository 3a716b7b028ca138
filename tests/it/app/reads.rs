use coppice::{
    app::AppError,
    clock::Clock as _,
    domain::{
        account::Account,
        calendar::Interval,
        health::HealthSubject,
        pages::{Pages, StandardPages},
        paging::PageArgs,
        query::{
            AccountFilter, AccountOrder, AnomalyFilter, CollectionsOf, DepositFilter, FeedFilter, FeedOrder, PageSum,
            ServerFilter, ServerOrder, SyncRunFilter,
        },
        vendor::VendorKind,
    },
};

use crate::support::world::{Kind, World, on_both, reader, writer};

on_both!(sums_a_subtree, shows_only_what_may_be_seen);

/// An entry, and the sums of its account, as whoever posts writes them.
async fn print(world: &World, account: &Account, day: &str, small: i64) {
    let (key, standard) = (world.database.key(account.id), (small + 2) * 1_000_000);
    for (table, period, value) in [("account_day", "day", day), ("account_month", "month", &day[..7])] {
        let insert = format!(
            "INSERT INTO {table} (account_id, {period}, small, large, duplex, standard) VALUES ({key}, '{value}', {small}, 1, 0, {standard}) \
             ON CONFLICT (account_id, {period}) DO UPDATE SET small = {table}.small + excluded.small, \
             large = {table}.large + excluded.large, standard = {table}.standard + excluded.standard",
        );
        world.database.sql(&insert).await.unwrap();
    }
    let id = world.database.key(world.ids.uuid(world.clock.now()));
    let entry = format!(
        "INSERT INTO deposit (id, account_id, day, month, number, small, large, duplex, standard, estimated, kind, source_key, \
         methodology_version, created_at) SELECT {id}, {key}, '{day}', '{}', COALESCE(max(number), 0) + 1, {small}, 1, 0, {standard}, FALSE, \
         'COLLECTED', 'x', 1, 0 FROM deposit WHERE account_id = {key}",
        &day[..7],
    );
    world.database.sql(&entry).await.unwrap();
}

fn sum(small: i64, entries: i64) -> PageSum {
    PageSum { pages: Pages { small, large: entries, duplex: 0 }, standard: StandardPages((small + 2 * entries) * 1_000_000) }
}

async fn sums_a_subtree(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    print(&world, &tree.customer, "2025-12-31", 1).await;
    print(&world, &tree.customer, "2026-01-15", 10).await;
    print(&world, &tree.customer, "2026-02-28", 100).await;
    print(&world, &tree.sibling, "2026-03-01", 1_000).await;
    print(&world, &tree.sibling, "2026-03-02", 10_000).await;
    print(&world, &tree.other_customer, "2026-03-02", 100_000).await;
    let by = reader(&tree.partner);

    let totals = world.app.totals(&by, &[tree.partner.id, tree.customer.id, tree.other_customer.id]).await.unwrap();
    assert_eq!(totals.len(), 2);
    let partner = totals[&tree.partner.id];
    assert_eq!(partner.month_to_date, sum(11_000, 2));
    assert_eq!(partner.quarter_to_date, sum(11_110, 4));
    assert_eq!(partner.year_to_date, sum(11_110, 4));
    assert_eq!(partner.lifetime, sum(11_111, 5));
    assert_eq!(partner.pending(), partner.lifetime);
    assert_eq!(totals[&tree.customer.id].month_to_date, PageSum::default());

    let consumption = |from: &str, to: &str, interval| {
        let (app, by, id, from, to) = (&world.app, &by, tree.partner.id, from.parse().unwrap(), to.parse().unwrap());
        async move {
            let consumption = app.consumption(by, id, from, to, interval).await.unwrap().unwrap();
            let points: Vec<(String, i64)> = consumption
                .points
                .iter()
                .map(|point| (format!("{}..{}", point.from, point.to), point.sum.pages.small))
                .collect();
            let total: i64 = points.iter().map(|(_, small)| small).sum();
            assert_eq!(consumption.total.pages.small, total);
            points
        }
    };
    let point = |text: &str, small: i64| (text.to_owned(), small);
    assert_eq!(
        consumption("2025-12-31", "2026-03-01", Interval::Month).await,
        [
            point("2025-12-31..2025-12-31", 1),
            point("2026-01-01..2026-01-31", 10),
            point("2026-02-01..2026-02-28", 100),
            point("2026-03-01..2026-03-01", 1_000),
        ],
    );
    assert_eq!(
        consumption("2026-02-27", "2026-03-02", Interval::Week).await,
        [point("2026-02-27..2026-03-01", 1_100), point("2026-03-02..2026-03-02", 10_000)],
    );
    assert_eq!(
        consumption("2026-02-28", "2026-03-02", Interval::Day).await,
        [point("2026-02-28..2026-02-28", 100), point("2026-03-01..2026-03-01", 1_000), point("2026-03-02..2026-03-02", 10_000)],
    );
    assert_eq!(consumption("2026-03-02", "2026-03-01", Interval::Day).await, []);

    let (from, to) = ("2020-01-01".parse().unwrap(), "2023-01-05".parse().unwrap());
    let too_many = world.app.consumption(&by, tree.partner.id, from, to, Interval::Day).await;
    assert!(matches!(too_many, Err(AppError::TooComplex(_))));
    assert!(world.app.consumption(&by, tree.partner.id, from, "2023-01-04".parse().unwrap(), Interval::Day).await.is_ok());
    assert!(world.app.consumption(&by, tree.other_partner.id, to, to, Interval::Day).await.unwrap().is_none());
}

async fn shows_only_what_may_be_seen(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let feed = world.feed(&by, &server, &tree.customer, "1", "2026-02-01").await;
    let run = world.app.current_runs(&by, &[server.id]).await.unwrap()[&server.id].clone();
    let (device, anomaly, collection) =
        (world.ids.uuid(feed.created_at), world.ids.uuid(feed.created_at), world.ids.uuid(feed.created_at));
    let key = |id| world.database.key(id);
    for statement in [
        format!(
            "INSERT INTO device (id, server_id, feed_id, vendor_device_id) VALUES ({}, {}, {}, 'd')",
            key(device),
            key(server.id),
            key(feed.id)
        ),
        format!(
            "INSERT INTO fleet (feed_id, devices) VALUES ({}, '[[\"{device}\",\"d\",true,true,null,null,\"SD\",\
             [[100,5,20485,25,50],[0,0,20485,0,0],[1,1,20485,4,0]],{{}}]]')",
            key(feed.id)
        ),
        format!(
            "INSERT INTO anomaly (id, feed_id, device_id, kind, status, from_day, to_day, source_key, raised_at) \
             VALUES ({}, {}, {}, 'METER_SPIKE', 'OPEN', '2026-02-01', '2026-02-02', 'x', 1)",
            key(anomaly),
            key(feed.id),
            key(device)
        ),
        format!(
            "INSERT INTO collection (id, run_id, feed_id, position, status, from_day, to_day) \
             VALUES ({}, {}, {}, 0, 'QUEUED', '2026-02-01', '2026-03-01')",
            key(collection),
            key(run.id),
            key(feed.id)
        ),
    ] {
        world.database.sql(&statement).await.unwrap();
    }
    let args = PageArgs::default();
    let app = &world.app;
    // The feed's side is for its customer and everyone above, the server's for its partner and everyone above.
    for (viewer, of_feed, of_server) in [
        (&tree.distributor, true, true),
        (&tree.partner, true, true),
        (&tree.customer, true, false),
        (&tree.sibling, false, false),
        (&tree.other_partner, false, false),
    ] {
        let who = &viewer.name;
        let by = &reader(viewer);
        let feeds = app.feeds(by, &FeedFilter::default(), FeedOrder::NameAsc, &args).await.unwrap();
        let of_the_feed = [
            app.feeds_by_id(by, &[feed.id]).await.unwrap().len(),
            feeds.items.len(),
            app.devices_by_id(by, &[device]).await.unwrap().len(),
            app.devices(by, feed.id, &args).await.unwrap().items.len(),
            app.anomalies_by_id(by, &[anomaly]).await.unwrap().len(),
            app.anomalies(by, &AnomalyFilter::default(), &args).await.unwrap().items.len(),
            app.collections_by_id(by, &[collection]).await.unwrap().len(),
            app.collections(by, CollectionsOf::Feed(feed.id), &args).await.unwrap().items.len(),
            app.collections(by, CollectionsOf::Run(run.id), &args).await.unwrap().items.len(),
        ];
        assert_eq!(of_the_feed, [usize::from(of_feed); 9], "{who}");
        let of_the_server = [
            app.servers_by_id(by, &[server.id]).await.unwrap().len(),
            app.servers(by, &ServerFilter::default(), ServerOrder::UpdatedAtDesc, &args).await.unwrap().items.len(),
            app.runs_by_id(by, &[run.id]).await.unwrap().len(),
            app.sync_runs(by, &SyncRunFilter::default(), &args).await.unwrap().items.len(),
            app.current_runs(by, &[server.id]).await.unwrap().len(),
        ];
        assert_eq!(of_the_server, [usize::from(of_server); 5], "{who}");
        // A filter by an account that is not to be seen gives nothing.
        let filter = FeedFilter { account_id: Some(tree.partner.id), ..Default::default() };
        let by_account = app.feeds(by, &filter, FeedOrder::NameAsc, &args).await.unwrap().items.len();
        assert_eq!(by_account, usize::from(of_server), "{who}");
        app.health_history(by, HealthSubject::Feed(feed.id), &args).await.unwrap();
        app.deposits(by, &DepositFilter::default(), &args).await.unwrap();
    }
    let summaries = app.health_summaries(&by, &[tree.partner.id, tree.other_partner.id]).await.unwrap();
    let summary = summaries[&tree.partner.id];
    assert_eq!((summary.servers.healthy, summary.feeds.pending, summary.open_anomalies), (1, 1, 1));
    assert_eq!(summaries.len(), 1);
    let found = app.devices_by_id(&by, &[device]).await.unwrap()[&device].clone();
    assert_eq!((found.initial_count(), found.latest_count(), found.life_count()), (100, 25, 70));
    assert_eq!(found.meters.len(), 2);

    let customers = AccountFilter { parent_id: Some(tree.partner.id), ..Default::default() };
    for (viewer, count) in [(&tree.partner, 2), (&tree.customer, 0), (&tree.other_partner, 0)] {
        let page = app.accounts(&reader(viewer), &customers, AccountOrder::NameAsc, &args).await.unwrap();
        assert_eq!(page.items.len(), count, "{}", viewer.name);
    }
}
