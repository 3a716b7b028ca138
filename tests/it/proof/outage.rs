//! A vendor's server is down for four business days while a subscriber listens over a WebSocket: it is paused at once, read by nobody, and
//! caught up by itself when it is back. The whole program in this process, on a clock that is moved by hand; on PostgreSQL the subscriber's
//! node is another one than the worker.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use coppice::{
    app::App,
    bootstrap::{Listener, Node, Purpose, Surroundings, generate_keys},
    clock::{Clock as _, Instant, ManualClock},
    config::{Config, Sources},
    domain::{calendar::next_nightly, server::ServerStatus},
    id::{IdSource, Kind as IdKind, PublicId},
    lifecycle::CancellationToken,
    simulator::{Fault, FleetSpec, GenerateOptions, Options, Simulator},
};
use futures_util::{SinkExt as _, StreamExt as _};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::{
    books::{assert_equal, dealer, expected, register, sums},
    program::until,
};
use crate::support::world::{Kind, TestDatabase};

const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;
const NIGHT: NaiveTime = NaiveTime::from_hms_opt(3, 30, 0).unwrap();

struct Nodes {
    app: Arc<App>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    serving: Vec<tokio::task::JoinHandle<()>>,
}

impl Nodes {
    async fn start(url: &str, folder: &std::path::Path, clock: &Arc<ManualClock>, roles: &[&str]) -> Self {
        let keys = folder.join("keys");
        generate_keys(Some(&keys)).unwrap();
        let stop = CancellationToken::new();
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        let mut listener = Some(listener);
        let mut serving = Vec::new();
        let mut app = None;
        for role in roles {
            let flags = json!({
                "database": { "url": url },
                "keys": { "file": keys },
                "collect": { "role": role },
                "outbound": { "ca_file": folder.join("ca.pem"), "allow_cidrs": ["127.0.0.0/8", "::1/128"] },
            });
            let config = Config::load(&Sources { file: None, env: Vec::new(), flags }).unwrap();
            let around = Surroundings { clock: clock.clone(), ids: Arc::new(IdSource::from_os()), follows_database: false };
            let node = Node::open(config, Purpose::Serve, around).await.unwrap();
            app.get_or_insert_with(|| Arc::clone(node.app()));
            let (listener, stop) = (listener.take(), stop.clone());
            serving.push(tokio::spawn(async move { node.serve(listener, stop).await.unwrap() }));
        }
        Self { app: app.unwrap(), address, stop, serving }
    }

    /// Subscribes to changes of health; they are put into the list as they come.
    async fn listen(&self, key: &str, account: &str) -> Arc<Mutex<Vec<Value>>> {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (mut socket, _) = connect_async(request).await.unwrap();
        let query = format!(
            "subscription {{ healthChanged(accountId: \"{account}\") {{ status previousStatus \
             subject {{ __typename ... on Server {{ id }} ... on Feed {{ id }} }} }} }}"
        );
        let init = json!({ "type": "connection_init", "payload": { "apiKey": key } });
        socket.send(Message::text(init.to_string())).await.unwrap();
        let ack = socket.next().await.unwrap().unwrap();
        assert!(ack.to_text().unwrap().contains("connection_ack"), "{ack}");
        let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": query } });
        socket.send(Message::text(subscribe.to_string())).await.unwrap();
        // The protocol has no word for "subscribed": what changes before it is not heard.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] == "next" {
                    list.lock().unwrap().push(message["payload"]["data"]["healthChanged"].clone());
                }
            }
        });
        heard
    }
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

async fn idle(db: &DatabaseConnection) -> bool {
    number(db, "SELECT COUNT(*) FROM sync_run WHERE status IN ('QUEUED', 'RUNNING')").await == 0
}

/// The status that the subscriber last heard of a server.
fn last_of(heard: &Mutex<Vec<Value>>, id: &str) -> Option<String> {
    let heard = heard.lock().unwrap();
    let last = heard.iter().rfind(|change| change["subject"]["id"] == id)?;
    Some(last["status"].as_str().unwrap().to_owned())
}

async fn down_for_four_business_days(kind: Kind) {
    // Monday, noon.
    let monday: Instant = "2026-02-09T11:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(monday));
    let options = GenerateOptions::new(3, 2, 3, "2026-01-01".parse().unwrap());
    let simulator = Simulator::start_with(
        FleetSpec::generate(81, &options),
        clock.clone(),
        Options { keep_requests: 10_000, ..Options::default() },
    )
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), simulator.ca_pem()).unwrap();
    let database = TestDatabase::new(kind).await;
    let roles: &[&str] = if kind == Kind::Sqlite { &["all"] } else { &["api", "worker"] };
    let nodes = Nodes::start(&database.url, folder.path(), &clock, roles).await;
    let db = sea_orm::Database::connect(&database.url).await.unwrap();
    let (actor, key) = dealer(&nodes.app, ZONE).await;
    let account = PublicId::new(IdKind::Account, actor.account_id).to_string();
    let heard = nodes.listen(&key, &account).await;
    let simulated: Vec<_> = (0..3).map(|index| (&simulator, index)).collect();
    let activation: NaiveDate = "2026-02-01".parse().unwrap();
    let (servers, feeds) = register(&nodes.app, &actor, &simulated, activation).await;
    let ids: Vec<String> = servers.iter().map(|id| PublicId::new(IdKind::Server, *id).to_string()).collect();
    until("the past is read", async || idle(&db).await).await;

    simulator.set_fault(0, Some(Fault::Down));
    clock.advance(TimeDelta::minutes(16));
    until("the outage is heard of", async || last_of(&heard, &ids[0]).as_deref() == Some("UNHEALTHY")).await;
    let status = async || nodes.app.servers_by_id(&actor, &[servers[0]]).await.unwrap()[&servers[0]].status();
    assert_eq!(status().await, ServerStatus::PausedUnhealthy);

    for _ in 0..4 {
        night(&clock, &db, 2).await;
        // Through the day it is checked again and again.
        clock.advance(TimeDelta::hours(8));
    }
    assert_eq!(status().await, ServerStatus::PausedUnhealthy);
    simulator.set_fault(0, None);
    clock.advance(TimeDelta::minutes(16));
    until("the return is heard of", async || last_of(&heard, &ids[0]).as_deref() == Some("HEALTHY")).await;
    let caught_up = "SELECT COUNT(*) FROM sync_run WHERE trigger_kind = 'RECOVERY' AND status = 'SUCCEEDED'";
    until("it is caught up", async || number(&db, caught_up).await == 1 && idle(&db).await).await;
    assert_eq!(status().await, ServerStatus::Active);
    // By itself, up to the day before: nothing is left for the night.
    assert_equal(&sums(&db, &feeds).await, &expected(&feeds, &simulated, activation, "2026-02-12".parse().unwrap()));
    night(&clock, &db, 3).await;
    assert_equal(&sums(&db, &feeds).await, &expected(&feeds, &simulated, activation, "2026-02-13".parse().unwrap()));
    assert_eq!(simulator.violations(), [""; 0]);

    let all = "SELECT COUNT(*) FROM health_change";
    let changes = usize::try_from(number(&db, all).await).unwrap();
    until("everything is heard", async || heard.lock().unwrap().len() >= changes).await;
    let rows = Statement::from_string(
        db.get_database_backend(),
        "SELECT subject_kind, previous_status, status FROM health_change ORDER BY account_id, number",
    );
    let mut stored: Vec<[String; 3]> = db
        .query_all_raw(rows)
        .await
        .unwrap()
        .iter()
        .map(|row| [0, 1, 2].map(|index| row.try_get_by_index(index).unwrap()))
        .collect();
    let heard = heard.lock().unwrap().clone();
    let mut got: Vec<[String; 3]> = heard
        .iter()
        .map(|change| {
            let text = |value: &Value| value.as_str().unwrap().to_uppercase();
            [text(&change["subject"]["__typename"]), text(&change["previousStatus"]), text(&change["status"])]
        })
        .collect();
    // Of one server, in order; of all, none missing and none twice.
    let of_server: Vec<&str> = heard
        .iter()
        .filter(|change| change["subject"]["id"] == ids[0].as_str())
        .map(|change| change["status"].as_str().unwrap())
        .collect();
    assert_eq!(of_server[of_server.len() - 2..], ["UNHEALTHY", "HEALTHY"]);
    assert!(of_server.windows(2).all(|two| two[0] != two[1]), "{of_server:?}");
    stored.sort();
    got.sort();
    assert_eq!(got, stored);

    nodes.stop.cancel();
    for serving in nodes.serving {
        serving.await.unwrap();
    }
}

/// The next night, until the runs of so many servers have ended.
async fn night(clock: &ManualClock, db: &DatabaseConnection, servers: i64) {
    let night = next_nightly(clock.now(), NIGHT, ZONE);
    clock.set(night);
    let ended = format!(
        "SELECT COUNT(*) FROM sync_run WHERE trigger_kind = 'NIGHTLY' AND due_at = {} AND status = 'SUCCEEDED'",
        night.timestamp_millis()
    );
    until("the night is over", async || number(db, &ended).await == servers && idle(db).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_down_for_four_business_days_on_sqlite() {
    down_for_four_business_days(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_down_for_four_business_days_on_postgres() {
    down_for_four_business_days(Kind::Postgres).await;
}
