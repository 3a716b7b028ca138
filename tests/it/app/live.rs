//! Many who follow: what they cost, and that each is told everything once and in order, whatever happens beside.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, HealthStream, Hub, ProgressStream, input::StartSync,
        query::ProgressSelector,
    },
    clock::Clock as _,
    connector::{Client, ClientSettings},
    domain::{
        account::Account,
        failure::FailureReason,
        health::{HealthStatus, HealthSubject},
        run::{SyncRun, SyncStatus},
        server::Server,
        vendor::VendorKind,
    },
    graphql::{Answer, Caller, CoppiceSchema, Limits, RequestId, build_schema, prepare},
    id::Uuid,
    store::{Store, health, run},
};
use futures_util::{StreamExt as _, future::join_all};
use tokio::sync::Notify;

use crate::support::world::{Jobs, Kind, World, actor, on_both, reader, writer};

on_both!(
    one_look_serves_all_who_follow,
    who_joins_meanwhile_misses_nothing,
    who_was_away_for_long_misses_nothing,
    states_of_runs_rise_for_all_to_the_last_one,
    what_is_committed_late_is_told,
    nodes_need_no_hints,
    what_happened_is_resolved_once,
);

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it did not happen")
}

/// A change of a server's health, committed; nobody is told.
async fn change(store: &Store, server: &Server) {
    changes(store, server, 1).await;
}

async fn changes(store: &Store, server: &Server, count: usize) {
    let (account, subject) = (server.account_id, HealthSubject::Server(server.id));
    let why = Some(FailureReason::Unreachable);
    let appended = store.write(|tx| async move {
        for _ in 0..count {
            health::append(&tx, account, subject, HealthStatus::Healthy, HealthStatus::Unhealthy, why).await?;
        }
        Ok(())
    });
    appended.await.unwrap();
}

/// The number in its account of the next change.
async fn number(changes: &mut HealthStream) -> i64 {
    within(changes.next()).await.unwrap().unwrap().record.1.number
}

/// The place before all.
fn first() -> String {
    health::cursor(0)
}

async fn one_look_serves_all_who_follow(kind: Kind) {
    const FOLLOWERS: usize = 400;
    const CHANGES: i64 = 10;
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let strange = world.server(&tree.other_partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    // Of three kinds: who sees both, one, or the other.
    let viewers = [&tree.distributor, &tree.partner, &tree.other_partner];
    let follow = async |viewer: &&Account| world.app.health_changed(&reader(viewer), viewer.id, None).await.unwrap().unwrap();
    let followers = join_all(viewers.iter().cycle().take(FOLLOWERS).map(follow)).await;
    let told = followers.into_iter().zip(viewers.iter().cycle()).map(async |(stream, viewer)| {
        let count = if viewer.id == tree.distributor.id { 2 * CHANGES } else { CHANGES };
        let mut heard: HashMap<Uuid, Vec<i64>> = HashMap::new();
        let mut stream = stream.take(count.try_into().unwrap());
        while let Some(news) = within(stream.next()).await {
            let news = news.unwrap();
            assert!(news.happened);
            heard.entry(news.record.1.account_id).or_default().push(news.record.1.number);
        }
        heard
    });
    world.statements();
    let happen = async {
        for at in 1..=CHANGES {
            for server in [&server, &strange] {
                change(&world.store, server).await;
                // The last one nobody is told of.
                if at < CHANGES {
                    world.app.hub().health_changed(server.account_id);
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let (told, ()) = tokio::join!(join_all(told), happen);
    let statements = world.statements();
    let all: Vec<i64> = (1..=CHANGES).collect();
    for (heard, viewer) in told.into_iter().zip(viewers.iter().cycle()) {
        let seen = |server: &Server| viewer.id == tree.distributor.id || viewer.id == server.account_id;
        for server in [&server, &strange] {
            assert_eq!(heard.get(&server.account_id), seen(server).then_some(&all));
        }
    }
    // A look each for all would be thousands.
    assert!(statements < FOLLOWERS, "{statements} statements");
}

async fn who_joins_meanwhile_misses_nothing(kind: Kind) {
    const CHANGES: i64 = 60;
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let (by, account) = (reader(&tree.distributor), tree.partner.id);
    let happen = async {
        for _ in 0..CHANGES {
            change(&world.store, &server).await;
            world.app.hub().health_changed(account);
        }
    };
    let join = async {
        let mut followers = Vec::new();
        for at in 0..40 {
            let after = (at % 2 == 0).then(first);
            followers.push((after.is_some(), world.app.health_changed(&by, account, after.as_deref()).await.unwrap().unwrap()));
        }
        followers
    };
    let (followers, ()) = tokio::join!(join, happen);
    for (from_first, mut stream) in followers {
        // One more, so that each is told of something.
        change(&world.store, &server).await;
        let begun = number(&mut stream).await;
        assert!(!from_first || begun == 1, "from the first on");
        let mut last = begun;
        while last < CHANGES + 1 {
            let next = number(&mut stream).await;
            assert_eq!(next, last + 1, "without gap or repeat");
            last = next;
        }
    }
}

async fn who_was_away_for_long_misses_nothing(kind: Kind) {
    const CHANGES: i64 = 1_300;
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let strange = world.server(&tree.other_partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let follow = async |after: Option<String>| {
        let by = reader(&tree.partner);
        world.app.health_changed(&by, tree.partner.id, after.as_deref()).await.unwrap().unwrap()
    };
    let (mut slow, mut quick) = (follow(None).await, follow(None).await);
    for _ in 0..CHANGES / 100 {
        changes(&world.store, &server, 100).await;
        changes(&world.store, &strange, 1).await;
        world.app.hub().health_changed(server.account_id);
        for _ in 0..100 {
            number(&mut quick).await;
        }
    }
    // More than is kept for who is slow, and for who comes back.
    let mut back = follow(Some(first())).await;
    change(&world.store, &server).await;
    for stream in [&mut slow, &mut back] {
        for expected in 1..=CHANGES + 1 {
            assert_eq!(number(stream).await, expected);
        }
    }
    assert_eq!(number(&mut quick).await, CHANGES + 1);
}

async fn start(app: &App, by: &Account, server: &Server) -> SyncRun {
    let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
    app.start_sync(&writer(by), input).await.unwrap().unwrap()
}

async fn move_on(store: &Store, run: Uuid, to: SyncStatus) {
    store.write(|tx| async move { run::transition(&tx, run, to, None).await }).await.unwrap();
}

/// Reads a run's states, which rise, to the one of `status`.
async fn until(states: &mut ProgressStream, id: Uuid, status: SyncStatus) -> Arc<SyncRun> {
    let mut last = 0;
    loop {
        let state = within(states.next()).await.unwrap().unwrap().record;
        if state.id == id {
            assert!(state.progress.seq > last, "without repeat");
            last = state.progress.seq;
            if state.status == status {
                return state;
            }
        }
    }
}

async fn states_of_runs_rise_for_all_to_the_last_one(kind: Kind) {
    const FOLLOWERS: usize = 200;
    const STATES: i64 = 12;
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let other = world.server(&tree.partner, VendorKind::MpsMonitor, chrono_tz::UTC).await;
    let id = start(&world.app, &tree.partner, &server).await.id;
    let of_other = start(&world.app, &tree.partner, &other).await.id;
    let selectors = [
        ProgressSelector { run_id: Some(id), ..Default::default() },
        ProgressSelector { server_id: Some(server.id), ..Default::default() },
        ProgressSelector { account_id: Some(tree.partner.id), ..Default::default() },
        ProgressSelector::default(),
    ];
    let by = reader(&tree.distributor);
    let follow = async |which: &ProgressSelector| world.app.sync_progress(&by, which.clone()).await.unwrap().unwrap();
    let mut followers = join_all(selectors.iter().cycle().take(FOLLOWERS).map(follow)).await;
    let told = followers.iter_mut().map(|states| until(states, id, SyncStatus::Cancelled));
    world.statements();
    let happen = async {
        for _ in 0..STATES {
            move_on(&world.store, id, SyncStatus::Running).await;
            world.app.hub().run_changed(id);
            tokio::task::yield_now().await;
        }
        move_on(&world.store, id, SyncStatus::Cancelled).await;
        world.app.hub().run_changed(id);
    };
    let (told, ()) = tokio::join!(join_all(told), happen);
    let statements = world.statements();
    let last = run::find(&world.store, id).await.unwrap().unwrap();
    assert!(told.iter().all(|state| **state == last));
    assert!(statements < FOLLOWERS, "{statements} statements");

    // Nothing follows a run's last state: neither again, nor an open run that did not move.
    move_on(&world.store, of_other, SyncStatus::Running).await;
    for (which, mut states) in selectors.iter().cycle().zip(followers) {
        match (which.run_id, which.server_id) {
            (Some(_), _) => assert!(within(states.next()).await.is_none(), "it ends with its run"),
            (_, Some(_)) => {}
            _ => assert_eq!(within(states.next()).await.unwrap().unwrap().record.id, of_other),
        }
    }
    // Who comes now is told of what is open.
    let mut states = world.app.sync_progress(&reader(&tree.partner), ProgressSelector::default()).await.unwrap().unwrap();
    let news = within(states.next()).await.unwrap().unwrap();
    assert_eq!((news.record.id, news.happened), (of_other, false));
}

/// A run ends in a transaction that commits long after the time it says, while others look; another one begins and ends in it.
async fn what_is_committed_late_is_told(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let open = start(&world.app, &tree.partner, &server).await.id;
    let short = world.ids.uuid(world.clock.now());
    let by = reader(&tree.partner);
    let follow = async || world.app.sync_progress(&by, ProgressSelector::default()).await.unwrap().unwrap();
    let mut early = follow().await;
    assert_eq!(within(early.next()).await.unwrap().unwrap().record.id, open);

    let (written, commit) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (store, tell, wait, due) = (world.store.clone(), Arc::clone(&written), Arc::clone(&commit), world.clock.now());
    let late = tokio::spawn(async move {
        let (tell, wait, server) = (&tell, &wait, server.id);
        let written = store.write(|tx| async move {
            let trigger = coppice::domain::run::SyncTrigger::Recovery;
            let new = run::NewRun { id: short, server_id: server, trigger, due_at: due, requested_by: None, only_feeds: None };
            run::insert_one(&tx, new).await?;
            run::transition(&tx, short, SyncStatus::Failed, None).await?;
            run::transition(&tx, open, SyncStatus::Succeeded, None).await?;
            tell.notify_one();
            // PostgreSQL ends a transaction that is silent for 5 s.
            while tokio::time::timeout(Duration::from_millis(500), wait.notified()).await.is_err() {
                run::find(&tx, open).await?;
            }
            Ok(())
        });
        written.await.unwrap();
    });
    within(written.notified()).await;
    let mut later = Vec::new();
    for _ in 0..3 {
        world.advance(TimeDelta::hours(1));
        later.push(follow().await);
    }
    commit.notify_one();
    within(late).await.unwrap();
    let of_both = async |mut states: ProgressStream| {
        let mut ended = HashMap::new();
        while ended.len() < 2 {
            let state = within(states.next()).await.unwrap().unwrap().record;
            if state.status.ended() {
                assert!(ended.insert(state.id, state.status).is_none(), "without repeat");
            }
        }
        ended
    };
    let expected = HashMap::from([(open, SyncStatus::Succeeded), (short, SyncStatus::Failed)]);
    assert_eq!(of_both(early).await, expected);
    for states in later {
        assert_eq!(of_both(states).await, expected);
    }
}

/// Another node on the same database, which this one's hints do not reach.
async fn node(world: &World) -> App {
    let client = Client::new(ClientSettings::default(), Arc::clone(&world.clock) as _, Arc::clone(&world.ids)).unwrap();
    App::new(AppParts {
        store: world.database.open(&world.clock).await,
        clock: Arc::clone(&world.clock) as _,
        ids: Arc::clone(&world.ids),
        connectors: Arc::new(ConnectorCache::new(client, Arc::clone(&world.keys))),
        tokens: None,
        queue: Arc::new(Jobs::default()),
        hub: Hub::default(),
        settings: AppSettings::default(),
    })
}

async fn nodes_need_no_hints(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let other = node(&world).await;
    let by = reader(&tree.distributor);
    let mut changes = other.health_changed(&by, tree.partner.id, None).await.unwrap().unwrap();
    let mut states = other.sync_progress(&by, ProgressSelector::default()).await.unwrap().unwrap();
    let id = start(&world.app, &tree.partner, &server).await.id;
    change(&world.store, &server).await;
    assert_eq!(number(&mut changes).await, 1);
    until(&mut states, id, SyncStatus::Queued).await;
    // Both write.
    change(&world.store, &server).await;
    world.app.cancel_sync(&writer(&tree.partner), id).await.unwrap().unwrap();
    assert_eq!(number(&mut changes).await, 2);
    until(&mut states, id, SyncStatus::Cancelled).await;
    let again = start(&other, &tree.partner, &server).await.id;
    until(&mut states, again, SyncStatus::Queued).await;
}

/// The answers of a subscription; the first one says that it has begun.
fn subscribe(
    schema: &CoppiceSchema,
    app: &Arc<App>,
    by: &Account,
    text: &str,
) -> impl futures_util::Stream<Item = Answer> + use<> {
    let mut request = async_graphql::Request::new(text);
    let caller = Caller(Some(actor(by, coppice::domain::account::Permission::Read)));
    prepare(&mut request, app, caller, RequestId("req-1".into()));
    schema.subscribe(request)
}

async fn what_happened_is_resolved_once(kind: Kind) {
    const FOLLOWERS: usize = 100;
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let server = world.server(&tree.partner, VendorKind::ThreeManager, chrono_tz::UTC).await;
    let schema = build_schema(Arc::clone(&world.app), Limits::default());
    change(&world.store, &server).await;
    let text = |account: &Account| {
        let id = coppice::id::PublicId::new(coppice::id::Kind::Account, account.id);
        format!(
            "subscription {{ healthChanged(accountId: \"{id}\", after: \"{}\") {{ cursor subject {{ ... on Server {{ name \
             account {{ name parent {{ name }} }} }} }} }} }}",
            first()
        )
    };
    // Two accounts see the same change and not the same of it: what is above an account is not to be seen from there.
    let viewers = [&tree.distributor, &tree.partner];
    let follow = async |viewer: &&Account| {
        let mut answers = Box::pin(subscribe(&schema, &world.app, viewer, &text(&tree.partner)));
        let stored = within(answers.next()).await.unwrap();
        assert!(matches!(stored, Answer::Own(_)), "what it has read for itself is its own");
        answers
    };
    let mut followers = join_all(viewers.iter().cycle().take(FOLLOWERS).map(follow)).await;
    world.statements();
    let heard = Mutex::new(Vec::new());
    let told = followers.iter_mut().map(async |answers| match within(answers.next()).await.unwrap() {
        Answer::Shared(text) => heard.lock().unwrap().push(text),
        Answer::Own(response) => panic!("{response:?}"),
    });
    let happen = async {
        change(&world.store, &server).await;
        world.app.hub().health_changed(server.account_id);
    };
    tokio::join!(join_all(told), happen);
    let statements = world.statements();
    assert!(statements < FOLLOWERS, "{statements} statements");
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard.len(), FOLLOWERS);
    let different: std::collections::BTreeSet<String> = heard
        .iter()
        .map(|text| {
            let event: serde_json::Value = serde_json::from_str(text).unwrap();
            let subject = &event["data"]["healthChanged"]["subject"];
            assert_eq!(subject["account"]["name"], "Partner");
            subject["account"]["parent"].to_string()
        })
        .collect();
    assert_eq!(different.into_iter().collect::<Vec<_>>(), ["null", "{\"name\":\"Distributor\"}"]);
    drop(followers);

    // Who comes later is told of what is stored as it is then.
    start(&world.app, &tree.partner, &server).await;
    let stored = async |_: usize| {
        let text = "subscription { syncProgress { syncRun { server { name account { name } } } } }";
        let answer = within(subscribe(&schema, &world.app, &tree.partner, text).boxed().next()).await.unwrap();
        let data = async_graphql::Response::from(answer).data.into_json().unwrap();
        data["syncProgress"]["syncRun"]["server"]["account"]["name"].to_string()
    };
    world.statements();
    let mut one = subscribe(&schema, &world.app, &tree.partner, "subscription { syncProgress { cursor } }").boxed();
    within(one.next()).await.unwrap();
    assert!(join_all((0..FOLLOWERS).map(stored)).await.iter().all(|name| name == "\"Partner\""));
    let statements = world.statements();
    assert!(statements < FOLLOWERS, "{statements} statements");
    let key = world.database.key(tree.partner.id);
    world.database.sql(&format!("UPDATE account SET name = 'Renamed' WHERE id = {key}")).await.unwrap();
    assert_eq!(stored(0).await, "\"Renamed\"");
}
