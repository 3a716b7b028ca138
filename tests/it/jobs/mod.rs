//! The queue, its workers and the schedules, on both databases.

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use coppice::{
    app::work::{CollectEnd, CollectFault},
    id::Uuid,
    jobs::{Ending, Role},
};
use support::{App, Database, on_postgres, on_sqlite, wait_for};
use tokio::sync::Semaphore;

/// Runs each function as a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn test($database: Database) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                on_sqlite(test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                on_postgres(test).await;
            }
        }
    )*};
}

const OPEN_JOBS: &str = "SELECT COUNT(*) FROM jobs WHERE status = 'Pending' AND lock_by IS NULL";
const ALL_JOBS: &str = "SELECT COUNT(*) FROM jobs";

fn set(servers: &[Uuid]) -> BTreeSet<Uuid> {
    servers.iter().copied().collect()
}

on_both! {
    async fn a_key_is_queued_once_and_again_when_its_job_has_run(database: Database) {
        let node = database.node().await;
        let (app, server) = (Arc::clone(&node.app), node.server());
        let again = database.node().await;
        node.push(server, "night:1").await;
        node.push(server, "night:1").await;
        again.push(server, "night:1").await;
        assert_eq!(node.count(ALL_JOBS).await, 1);

        let started = node.start(&app, 3);
        app.ended(|ended| ended.len() == 1).await;
        node.push(server, "night:2").await;
        app.ended(|ended| ended.len() == 2).await;
        assert_eq!(started.stop().await, Ending::Clean);
        assert_eq!(node.count("SELECT COUNT(*) FROM jobs WHERE status = 'Done'").await, 2);

        node.push(server, "night:1").await;
        assert_eq!(node.count(OPEN_JOBS).await, 1);
        let started = node.start(&app, 3);
        app.ended(|ended| ended.len() == 3).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn one_job_waits_for_a_server_whatever_it_was_pushed_for(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let (server, other) = (node.server(), node.server());
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        app.on_collect(move |_, _| {
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.unwrap().forget();
                Ok(CollectEnd::Done)
            }
        });
        for key in ["night", "sweep:1", "sweep:2"] {
            node.push(server, key).await;
        }
        node.push(other, "night:other").await;
        assert_eq!(node.count(OPEN_JOBS).await, 2);

        let started = node.start(&app, 2);
        app.began(|began| began.len() == 2).await;
        // The one that runs may have looked at the rows already.
        node.push(server, "manual").await;
        assert_eq!(node.count(OPEN_JOBS).await, 1);
        gate.add_permits(3);
        app.ended(|ended| ended.len() == 3).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn a_key_pushed_at_once_from_many_places_is_queued_once(database: Database) {
        let node = Arc::new(database.node().await);
        let server = node.server();
        let pushes: Vec<_> = (0..8)
            .map(|_| {
                let node = Arc::clone(&node);
                tokio::spawn(async move { node.push(server, "night:1").await })
            })
            .collect();
        for push in pushes {
            push.await.unwrap();
        }
        assert_eq!(node.count(ALL_JOBS).await, 1);
    }

    async fn a_job_that_panics_or_breaks_off_takes_nothing_with_it(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let servers: Vec<_> = (0..6).map(|_| node.server()).collect();
        let (panics, breaks) = (servers[0], servers[1]);
        app.on_collect(move |server, _| async move {
            assert!(server != panics, "as the test wants it");
            if server == breaks {
                return Err(CollectFault("as the test wants it".into()));
            }
            Ok(CollectEnd::Done)
        });
        for server in &servers {
            node.push(*server, format!("night:{server}")).await;
        }
        let started = node.start(&app, 1);
        app.ended(|ended| set(ended) == set(&servers[2..])).await;
        let began = app.began(|_| true).await;
        assert_eq!(began.len(), servers.len(), "nothing is tried again by the queue");
        assert_eq!(started.stop().await, Ending::Clean);
        assert_eq!(node.count("SELECT COUNT(*) FROM jobs WHERE status <> 'Done'").await, 0);
    }

    /// More jobs than one worker may hold, all in flight: the case in which apalis alone hangs.
    async fn jobs_in_flight_reach_a_boundary_at_shutdown_and_the_rest_is_queued(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let servers: Vec<_> = (0..14).map(|_| node.server()).collect();
        app.on_collect(|server, shutdown| async move {
            shutdown.cancelled().await;
            Ok(CollectEnd::More { key: format!("rest:{server}") })
        });
        for server in &servers {
            node.push(*server, format!("night:{server}")).await;
        }
        let started = node.start(&app, 10);
        let began = app.began(|began| began.len() == 10).await;
        assert_eq!(started.stop().await, Ending::Clean);
        assert_eq!(node.count("SELECT COUNT(*) FROM jobs WHERE status = 'Done'").await, 10);
        assert_eq!(node.count("SELECT COUNT(*) FROM jobs WHERE idempotency_key LIKE 'rest:%'").await, 10);
        assert_eq!(node.count(OPEN_JOBS).await, 14);
        assert_eq!(set(&began).len(), 10);

        let next = App::new();
        let started = node.start(&next, 10);
        next.ended(|ended| set(ended) == set(&servers)).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn jobs_that_do_not_end_are_dropped_and_free_for_the_next_start(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let servers: Vec<_> = (0..6).map(|_| node.server()).collect();
        app.on_collect(|_, _| std::future::pending());
        for server in &servers {
            node.push(*server, format!("night:{server}")).await;
        }
        let started = node.start_with(&app, 6, Role::Worker, Duration::from_millis(50));
        app.began(|began| began.len() == 6).await;
        assert_eq!(started.stop().await, Ending::Dropped { jobs: 6 });
        assert_eq!(node.count(OPEN_JOBS).await, 6);

        let next = App::new();
        let started = node.start(&next, 6);
        next.ended(|ended| set(ended) == set(&servers)).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn two_nodes_share_the_work_and_one_of_them_may_leave(database: Database) {
        let (one, two) = (database.node().await, database.node().await);
        let servers: Vec<_> = (0..120).map(|_| one.server()).collect();
        let slow = |_, _| async {
            tokio::task::yield_now().await;
            Ok(CollectEnd::Done)
        };
        one.app.on_collect(slow);
        two.app.on_collect(slow);
        let (first, second) = (one.start(&one.app, 5), two.start(&two.app, 5));
        for (index, server) in servers.iter().enumerate() {
            let node = if index % 2 == 0 { &one } else { &two };
            node.push(*server, format!("night:{server}")).await;
            if index == 60 {
                one.app.ended(|ended| !ended.is_empty()).await;
                first.shutdown.cancel();
            }
        }
        assert_eq!(first.handle.wait().await, Ending::Clean);
        let done = one.app.ended(|_| true).await;
        two.app.ended(|ended| &set(ended) | &set(&done) == set(&servers)).await;
        assert_eq!(second.stop().await, Ending::Clean);
        assert_eq!(one.count("SELECT COUNT(*) FROM jobs WHERE status = 'Done'").await, 120);
    }

    /// The queue is transport: whatever is lost there comes back from the rows. Workers whose own row is gone recover too.
    async fn the_sweeper_refills_tables_that_were_emptied_by_hand(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let servers: Vec<_> = (0..12).map(|_| node.server()).collect();
        app.open.lock().unwrap().extend(servers.iter().map(|server| (*server, 1)));
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        app.on_collect(move |_, _| {
            let held = Arc::clone(&held);
            async move {
                let _pass = held.acquire().await.unwrap();
                Ok(CollectEnd::Done)
            }
        });
        let started = node.start(&app, 2);
        app.began(|began| began.len() == 2).await;
        node.execute("DELETE FROM jobs").await;
        node.execute("DELETE FROM workers").await;
        gate.add_permits(2);
        app.ended(|ended| set(ended) == set(&servers)).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn a_daily_tick_fires_once_for_all_nodes_and_starts(database: Database) {
        let (one, two) = (database.node().await, database.node().await);
        let app = App::new();
        let (first, second) = (one.start(&app, 1), two.start(&app, 1));
        wait_for(&app.ticks, |ticks| *ticks == 2).await;
        assert_eq!(first.stop().await, Ending::Clean);
        assert_eq!(second.stop().await, Ending::Clean);
        let third = one.start(&app, 1);
        wait_for(&app.ticks, |ticks| *ticks == 3).await;
        assert_eq!(third.stop().await, Ending::Clean);
        assert_eq!(app.retained.load(Ordering::SeqCst), 1);
    }

    async fn due_checks_are_run(database: Database) {
        let node = database.node().await;
        let servers: Vec<_> = (0..12).map(|_| node.server()).collect();
        node.app.checks.lock().unwrap().extend(&servers);
        let started = node.start(&node.app, 1);
        wait_for(&node.app.checked, |checked| set(checked) == set(&servers)).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn a_collection_goes_on_in_place_when_nobody_waits(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let slices = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&slices);
        app.on_collect(move |_, _| {
            let slice = count.fetch_add(1, Ordering::SeqCst);
            async move { Ok(if slice < 3 { CollectEnd::More { key: format!("rest:{slice}") } } else { CollectEnd::Done }) }
        });
        node.push(node.server(), "night:1").await;
        let started = node.start(&app, 1);
        app.ended(|ended| ended.len() == 4).await;
        assert_eq!(started.stop().await, Ending::Clean);
        assert_eq!(node.count(ALL_JOBS).await, 1);
    }

    /// With one slot, and a collection that only ends once the other one had its turn.
    async fn a_long_collection_lets_the_others_have_their_turn(database: Database) {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let (long, short) = (node.server(), node.server());
        let (slices, turn) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        app.on_collect(move |server, _| {
            let slice = slices.fetch_add(1, Ordering::SeqCst);
            turn.fetch_or(server == short, Ordering::SeqCst);
            let more = !turn.load(Ordering::SeqCst);
            async move { Ok(if more { CollectEnd::More { key: format!("rest:{slice}") } } else { CollectEnd::Done }) }
        });
        node.push(long, "night:long").await;
        let started = node.start(&app, 1);
        app.began(|began| !began.is_empty()).await;
        node.push(short, "night:short").await;
        let ended = app.ended(|ended| ended.contains(&short) && ended.last() == Some(&long)).await;
        assert_eq!(ended.iter().filter(|server| **server == short).count(), 1);
        assert_eq!(started.stop().await, Ending::Clean);
    }

    /// As after `kill -9`: the job's worker is only a row, and the job's key is still taken.
    async fn the_jobs_of_a_worker_that_is_gone_are_run_at_the_next_start(database: Database) {
        let node = database.node().await;
        let server = node.server();
        node.push(server, "night:1").await;
        node.execute("INSERT INTO workers (id, worker_type, storage_name) VALUES ('gone', 'collect', 'any')").await;
        node.execute("UPDATE jobs SET status = 'Queued', lock_by = 'gone'").await;
        node.age().await;
        let started = node.start(&node.app, 1);
        node.app.ended(|ended| ended == &[server]).await;
        assert_eq!(started.stop().await, Ending::Clean);
    }

    async fn finished_jobs_and_lost_workers_are_deleted_when_old(database: Database) {
        const DAY: Duration = Duration::from_hours(24);
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        node.push(node.server(), "night:1").await;
        let started = node.start_with(&app, 1, Role::Worker, Duration::from_secs(30));
        app.ended(|ended| ended.len() == 1).await;
        assert_eq!(started.stop().await, Ending::Clean);
        node.push(node.server(), "night:2").await;

        assert_eq!(node.queue.purge(DAY).await.unwrap(), (0, 0), "what is fresh stays");
        node.age().await;
        assert_eq!(node.queue.purge(DAY).await.unwrap(), (1, 1));
        assert_eq!(node.count(OPEN_JOBS).await, 1, "what waits stays, however old");
    }

    async fn a_node_of_role_api_runs_nothing(database: Database) {
        let (api, worker) = (database.node().await, database.node().await);
        let started = api.start_with(&api.app, 4, Role::Api, Duration::from_secs(30));
        let working = worker.start_with(&worker.app, 4, Role::Worker, Duration::from_secs(30));
        for index in 0..8 {
            api.push(api.server(), format!("night:{index}")).await;
        }
        worker.app.ended(|ended| ended.len() == 8).await;
        assert_eq!(started.stop().await, Ending::Clean);
        assert_eq!(working.stop().await, Ending::Clean);
        assert!(api.app.began(|_| true).await.is_empty());
    }
}

/// As when PostgreSQL is restarted: workers, listener and pushes find their connections gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_after_all_connections_were_cut() {
    on_postgres(async |database| {
        let node = database.node().await;
        let app = Arc::clone(&node.app);
        let servers: Vec<_> = (0..8).map(|_| node.server()).collect();
        let started = node.start(&app, 3);
        node.push(servers[0], "night:0").await;
        app.ended(|ended| ended.len() == 1).await;
        node.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        for (index, server) in servers.iter().enumerate().skip(1) {
            node.push(*server, format!("night:{index}")).await;
        }
        app.ended(|ended| set(ended) == set(&servers)).await;
        assert_eq!(started.stop().await, Ending::Clean);
    })
    .await;
}
