use coppice::{
    app::{
        AppError,
        input::{RegisterFeed, RegisterFeeds},
        ports::Job,
    },
    domain::{
        feed::{CollectionScope, FeedStatus},
        paging::PageArgs,
        query::{FeedFilter, FeedOrder, SyncRunFilter},
        run::{SyncStatus, SyncTrigger},
        vendor::VendorKind,
    },
    store::run,
};

use crate::support::world::{Kind, World, codes, feed_input, on_both, reader, refused, writer};

on_both!(
    a_past_activation_starts_a_backfill,
    without_history_collection_begins_now,
    refuses_what_is_wrong,
    one_live_feed_per_customer,
    days_of_an_ended_feed_are_not_collected_again,
    registers_many_with_a_result_each,
    lists_by_status_and_name,
);

async fn runs(world: &World, by: &coppice::domain::account::Actor) -> Vec<coppice::domain::run::SyncRun> {
    let page = world.app.sync_runs(by, &SyncRunFilter::default(), &PageArgs::default()).await.unwrap();
    page.items.into_iter().map(|(_, run)| run).collect()
}

async fn a_past_activation_starts_a_backfill(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::Europe::Berlin).await;
    let today = world.feed(&by, &server, &tree.customer, "1", "2026-03-02").await;
    let ahead = world.feed(&by, &server, &tree.customer, "2", "2027-03-02").await;
    assert!(!today.backfilling && !ahead.backfilling);
    assert_eq!(world.app.feed_status(&today), FeedStatus::Active);
    assert_eq!(world.app.feed_status(&ahead), FeedStatus::Scheduled);
    assert!(world.jobs.take().is_empty() && runs(&world, &by).await.is_empty());

    let past = world.feed(&by, &server, &tree.customer, "3", "2026-03-01").await;
    assert_eq!(world.app.feed_status(&past), FeedStatus::Backfilling);
    let open = runs(&world, &by).await;
    assert_eq!((open.len(), open[0].trigger, open[0].status), (1, SyncTrigger::Backfill, SyncStatus::Queued));
    let [Job::Collect { server_id, key }] = &world.jobs.take()[..] else { panic!("one job") };
    assert_eq!((*server_id, key.contains(&open[0].id.to_string())), (server.id, true));

    // The next one joins the run while it waits.
    let joins = world.feed(&by, &server, &tree.sibling, "4", "2025-03-01").await;
    assert_eq!(runs(&world, &by).await.len(), 1);
    assert_eq!(run::only_feeds(&world.store, open[0].id).await.unwrap(), Some(vec![past.id, joins.id]));
    world.database.sql("UPDATE sync_run SET planned = TRUE, status = 'RUNNING'").await.unwrap();
    world.feed(&by, &server, &tree.sibling, "5", "2025-03-01").await;
    assert_eq!(runs(&world, &by).await.len(), 2);
}

async fn without_history_collection_begins_now(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::MpsMonitor, chrono_tz::UTC).await;
    let today = world.feed(&by, &server, &tree.customer, "1", "2026-03-02").await;
    assert!(today.backfilling);
    assert_eq!(world.jobs.take().len(), 1);
    let tomorrow = world.feed(&by, &server, &tree.customer, "2", "2026-03-03").await;
    assert!(!tomorrow.backfilling);
    assert!(world.jobs.take().is_empty());
}

async fn refuses_what_is_wrong(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let elsewhere = world.server(&tree.other_partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let above = world.server(&tree.distributor, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let good = feed_input(&server, &tree.customer, "1", "2026-03-02");
    let cases = [
        (feed_input(&elsewhere, &tree.customer, "1", "2026-03-02"), "NOT_FOUND serverId"),
        (feed_input(&above, &tree.customer, "1", "2026-03-02"), "NOT_FOUND serverId"),
        (feed_input(&server, &tree.other_customer, "1", "2026-03-02"), "NOT_FOUND accountId"),
        (feed_input(&server, &tree.partner, "1", "2026-03-02"), "INVALID accountId"),
        (feed_input(&server, &tree.customer, "", "2026-03-02"), "INVALID externalId"),
        (feed_input(&server, &tree.customer, &"x".repeat(201), "2026-03-02"), "INVALID externalId"),
        (feed_input(&server, &tree.customer, "1", "2027-03-03"), "INVALID activationDate"),
        (feed_input(&server, &tree.customer, "1", "1026-03-02"), "INVALID activationDate"),
        (feed_input(&server, &tree.customer, "1", "1900-01-01"), "INVALID activationDate"),
        (feed_input(&server, &tree.customer, "1", "1999-12-31"), "INVALID activationDate"),
        (RegisterFeed { name: Some("x".repeat(201)), ..good.clone() }, "INVALID name"),
    ];
    for (input, expected) in cases {
        assert_eq!(refused(world.app.register_feed(&by, input).await.unwrap()), expected);
    }
    let first_day = feed_input(&server, &tree.customer, "first day", "2000-01-01");
    world.app.register_feed(&by, first_day).await.unwrap().unwrap();
    // A distributor sees both, but a customer's feed is read from a server of its own line.
    let across = feed_input(&elsewhere, &tree.customer, "1", "2026-03-02");
    let outcome = world.app.register_feed(&writer(&tree.distributor), across).await.unwrap();
    assert_eq!(refused(outcome), "INVALID accountId");
    let from_above = feed_input(&above, &tree.customer, "1", "2026-03-02");
    world.app.register_feed(&writer(&tree.distributor), from_above).await.unwrap().unwrap();

    assert!(matches!(world.app.register_feed(&reader(&tree.partner), good.clone()).await, Err(AppError::Forbidden)));
    world.database.sql("UPDATE server SET removed_at = 1").await.unwrap();
    assert_eq!(refused(world.app.register_feed(&by, good).await.unwrap()), "INVALID_STATE serverId");
}

async fn one_live_feed_per_customer(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    // The same installation registered twice is the same customers.
    let twin = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let others = world.server(&tree.other_partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    world.feed(&by, &server, &tree.customer, "1", "2026-03-02").await;
    for (server, account) in [(&server, &tree.customer), (&server, &tree.sibling), (&twin, &tree.sibling)] {
        let again = world.app.register_feed(&by, feed_input(server, account, "1", "2026-03-02")).await.unwrap();
        assert_eq!(refused(again), "TAKEN externalId");
    }
    world.feed(&writer(&tree.other_partner), &others, &tree.other_customer, "1", "2026-03-02").await;

    // At the same moment too.
    let calls = (0..6).map(|_| {
        let (app, input) = (world.app.clone(), feed_input(&server, &tree.customer, "2", "2026-03-02"));
        tokio::spawn(async move { app.register_feed(&by, input).await.unwrap().is_ok() })
    });
    let mut registered = 0;
    for call in calls.collect::<Vec<_>>() {
        registered += usize::from(call.await.unwrap());
    }
    assert_eq!(registered, 1);
}

async fn days_of_an_ended_feed_are_not_collected_again(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    for (external_id, covered, asked, given) in [
        ("1", "2026-02-20", "2026-02-01", "2026-02-21"),
        ("2", "2026-02-20", "2026-02-25", "2026-02-25"),
        ("3", "2026-03-01", "2026-02-01", "2026-03-02"),
        // Nothing was covered: only its baseline was read.
        ("4", "2026-01-31", "2026-01-15", "2026-01-15"),
    ] {
        let first = world.feed(&by, &server, &tree.customer, external_id, "2026-02-01").await;
        let key = world.database.key(first.id);
        let end = format!("UPDATE feed SET ended_at = 1, live_key = NULL, covered_through = '{covered}' WHERE id = {key}");
        world.database.sql(&end).await.unwrap();
        let next = world.feed(&by, &server, &tree.sibling, external_id, asked).await;
        assert_eq!(next.activation_date, given.parse().unwrap(), "feed {external_id}");
        let stored = world.app.feeds_by_id(&by, &[next.id]).await.unwrap();
        assert_eq!(stored[&next.id], next);
        assert_eq!(next.backfilling, given < "2026-03-02", "feed {external_id}");
    }
}

async fn registers_many_with_a_result_each(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let other = world.server(&tree.partner, VendorKind::Printanista, chrono_tz::UTC).await;
    let mut feeds = vec![
        feed_input(&server, &tree.customer, "1", "2026-02-01"),
        feed_input(&server, &tree.customer, "2", "2026-03-02"),
        feed_input(&server, &tree.sibling, "1", "2026-02-01"),
        feed_input(&server, &tree.customer, "", "2026-02-01"),
        feed_input(&other, &tree.customer, "1", "2026-02-01"),
    ];
    feeds[4].scope = CollectionScope::ManagedOnly;
    let input = RegisterFeeds { feeds: feeds.clone(), idempotency_key: Some("bulk".into()) };
    let results = world.app.register_feeds(&by, input.clone()).await.unwrap().unwrap();
    let shown: Vec<String> = results
        .iter()
        .map(|row| row.as_ref().map_or_else(|errors| codes(errors).join(", "), |feed| feed.external_id.clone()))
        .collect();
    assert_eq!(shown, ["1", "2", "TAKEN feeds.2.externalId", "INVALID feeds.3.externalId", "1"]);
    // One run a server, however many feeds.
    assert_eq!(runs(&world, &by).await.len(), 2);
    assert_eq!(world.jobs.take().len(), 2);

    let again = world.app.register_feeds(&by, input.clone()).await.unwrap().unwrap();
    assert_eq!((&again[0], &again[1], &again[4]), (&results[0], &results[1], &results[4]));
    assert!(world.jobs.take().is_empty());
    let mut changed = input;
    changed.feeds[1].activation_date = "2026-03-03".parse().unwrap();
    let changed = world.app.register_feeds(&by, changed).await.unwrap().unwrap();
    assert_eq!(codes(changed[1].as_ref().unwrap_err()), ["IDEMPOTENCY_KEY_REUSED feeds.1.idempotencyKey"]);

    let many = (0..250).map(|number| feed_input(&server, &tree.customer, &format!("many {number}"), "2026-02-01"));
    let many = RegisterFeeds { feeds: many.collect(), idempotency_key: None };
    assert!(world.app.register_feeds(&by, many).await.unwrap().unwrap().iter().all(Result::is_ok));
}

async fn lists_by_status_and_name(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    // At noon UTC it is tomorrow already in Auckland.
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::Pacific::Auckland).await;
    for (external_id, activation, name) in
        [("1", "2026-03-03", Some("beta")), ("2", "2026-03-04", None), ("3", "2026-03-02", Some("Alpha"))]
    {
        let input =
            RegisterFeed { name: name.map(str::to_owned), ..feed_input(&server, &tree.customer, external_id, activation) };
        world.app.register_feed(&by, input).await.unwrap().unwrap();
    }
    let list_from = |filter: FeedFilter, order, backward| {
        let (app, by) = (&world.app, &by);
        async move {
            let mut ids = Vec::new();
            let mut args = PageArgs { limit: 1, backward, ..Default::default() };
            loop {
                let page = app.feeds(by, &filter, order, &args).await.unwrap();
                ids.extend(page.items.iter().map(|(_, feed)| feed.external_id.clone()));
                let (more, from) =
                    if backward { (page.has_previous, &mut args.before) } else { (page.has_next, &mut args.after) };
                if !more {
                    return ids;
                }
                *from = page.items.last().map(|(cursor, _)| cursor.clone());
            }
        }
    };
    let list = |filter, order| list_from(filter, order, false);
    let with = |status| FeedFilter { status: vec![status], ..Default::default() };
    assert_eq!(list(with(FeedStatus::Scheduled), FeedOrder::NameAsc).await, ["2"]);
    assert_eq!(list(with(FeedStatus::Active), FeedOrder::NameAsc).await, ["1"]);
    assert_eq!(list(with(FeedStatus::Backfilling), FeedOrder::NameAsc).await, ["3"]);
    assert_eq!(list(FeedFilter::default(), FeedOrder::NameAsc).await, ["3", "1", "2"], "unnamed last");
    assert_eq!(list(FeedFilter::default(), FeedOrder::NameDesc).await, ["1", "3", "2"], "unnamed last");
    assert_eq!(list_from(FeedFilter::default(), FeedOrder::NameAsc, true).await, ["2", "1", "3"]);
    assert_eq!(list_from(FeedFilter::default(), FeedOrder::NameDesc, true).await, ["2", "3", "1"]);
    let search = FeedFilter { search: Some("ALPH".into()), ..Default::default() };
    assert_eq!(list(search, FeedOrder::NameAsc).await, ["3"]);
    world.database.sql("UPDATE server SET paused_at = 1").await.unwrap();
    assert_eq!(list(with(FeedStatus::PausedByServer), FeedOrder::NameAsc).await.len(), 3);
    assert_eq!(list(with(FeedStatus::Active), FeedOrder::NameAsc).await.len(), 0);
}
