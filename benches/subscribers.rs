//! How live a node is: 5,000 subscribers, each on a WebSocket of its own, and how long an event takes to reach them.
//!
//! Method: this process is a node (`--role api`, no TLS) and makes the events; a second process of this program is the clients, in one
//! thread, since it shares the cores. Each client subscribes and waits for what is stored, so that it is known to listen. Then, twice, once
//! with `healthChanged` and once with `syncProgress`: single events, a while apart, each a commit and the hint after it. With
//! `syncProgress` then 15 runs move on four times a second each, for ten seconds, and at last all at once: who is slow gets merged states,
//! and the last one of each run. Printed are the times from an event's commit to the first, the median and the last of all clients, and
//! the resident memory of the node; per subscriber what it has grown by since there was none.
//!
//! Run with `cargo bench --bench subscribers`; each process needs a file descriptor for each subscriber, so `ulimit -n 20000` first.
//! `COPPICE_BENCH_SUBSCRIBERS` changes their number; `COPPICE_BENCH_DATABASE=postgres://…` takes an empty PostgreSQL database instead of
//! SQLite.
//!
//! Reached on 2026-11-27 (5,000 subscribers, SQLite; two cores, which the clients share):
//!
//! | | first | median | last | memory a subscriber |
//! |---|---|---|---|---|
//! | `healthChanged` | 4 to 11 ms | 43 to 72 ms | 91 to 118 ms | 25 KiB |
//! | `syncProgress` | 1 to 22 ms | 50 to 80 ms | 89 to 123 ms | 13 KiB (of what the first 5,000 had freed) |
//! | 48 states a second, merged to 138,000 messages a second | | 0.24 s | 1.0 s, 99 % within 0.62 s | 12 KiB |
//!
//! On PostgreSQL, on a machine at a quarter of that speed: an event reaches all within 0.18 to 0.33 s, at 29 KiB a subscriber.
//!
//! What limits it: an event is read once and, for all who ask the same, resolved and written as JSON once; what is left for each subscriber
//! is to wake its task, to frame the text and to hand it to the system, and that the clients read it on the same two cores.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it did not expect")]

use std::{cell::RefCell, fs::File, io::Write as _, path::Path, process::Stdio, rc::Rc, time::Duration};

use chrono::NaiveTime;
use coppice::{
    app::{
        App, Hub,
        input::{OperatorAccount, OperatorApiKey, StartSync},
    },
    bootstrap::{Listener, Node, Purpose, Surroundings, generate_keys},
    clock::{Clock as _, Instant, SystemClock},
    config::{Config, Sources},
    domain::{
        account::{AccountRole, Permission},
        failure::FailureReason,
        health::{Health, HealthStatus, HealthSubject},
        server::Server,
        vendor::VendorKind,
    },
    id::{IdSource, Kind, PublicId, SharedIds, Uuid},
    lifecycle::CancellationToken,
    store::{DatabaseSettings, Store, health, server},
};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    time::sleep,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Single events of each kind.
const EVENTS: usize = 5;
/// Time between two of them.
const APART: Duration = Duration::from_secs(2);
/// Runs that move at once.
const RUNS: usize = 15;
/// How long, and how often each.
const BURST: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_millis(250);

fn subscribers() -> usize {
    std::env::var("COPPICE_BENCH_SUBSCRIBERS").map_or(5_000, |text| text.parse().unwrap())
}

/// Time in microseconds, the same for both processes.
fn micros() -> i64 {
    SystemClock.now().timestamp_micros()
}

fn main() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let open = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let most: usize = open.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    if most < subscribers() + 200 {
        println!("{} subscribers need more file descriptors than {most}: `ulimit -n 20000` first.", subscribers());
        return;
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != "clients").skip(1);
    if let (Some(address), Some(key), Some(query)) = (arguments.next(), arguments.next(), arguments.next()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, clients(&address, &key, &query));
    } else {
        tokio::runtime::Runtime::new().unwrap().block_on(bench());
    }
}

/// What the clients have heard.
#[derive(Default)]
struct Heard {
    /// Clients that listen.
    listening: usize,
    /// By number of the message after the first ones: when each client had it.
    at: Vec<Vec<i64>>,
    /// Messages in all, and for those that say when they were committed, how long ago that was.
    messages: usize,
    delays: Vec<i64>,
    /// The latest time of commit, and how many messages said it.
    last: i64,
    of_last: usize,
}

/// The other process. Reads commands: `wait`, `single`, `burst LAST`; answers with one line each.
async fn clients(address: &str, key: &str, query: &str) {
    let heard = Rc::new(RefCell::new(Heard::default()));
    stream::iter(0..subscribers())
        .for_each_concurrent(50, |_| async {
            let listening = heard.borrow().listening;
            let client =
                tokio::task::spawn_local(client(address.to_owned(), key.to_owned(), query.to_owned(), Rc::clone(&heard)));
            // A few at a time: each waits for what is stored.
            while heard.borrow().listening == listening && !client.is_finished() {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    let (said, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().for_each(|line| said.send(line.unwrap()).unwrap()));
    while let Some(line) = lines.recv().await {
        let (command, number) = line.split_once(' ').unwrap();
        let number: i64 = number.parse().unwrap();
        let all = subscribers();
        let answer = match command {
            "wait" => {
                while heard.borrow().listening < all {
                    sleep(Duration::from_millis(20)).await;
                }
                json!(heard.borrow().listening)
            }
            "single" => {
                let event = usize::try_from(number).unwrap();
                while heard.borrow().at.get(event).is_none_or(|at| at.len() < all) {
                    sleep(Duration::from_millis(20)).await;
                }
                let mut at = heard.borrow().at[event].clone();
                at.sort_unstable();
                json!([at[0], at[all / 2], at[all - 1]])
            }
            _ => {
                let all_had = |heard: &Heard| heard.last == number && heard.of_last == all * RUNS;
                while !all_had(&heard.borrow()) {
                    sleep(Duration::from_millis(20)).await;
                }
                let mut heard = heard.borrow_mut();
                heard.delays.sort_unstable();
                let (delays, messages) = (&heard.delays, heard.messages);
                json!([messages, delays[delays.len() / 2], delays[delays.len() * 99 / 100], delays[delays.len() - 1]])
            }
        };
        println!("{answer}");
        std::io::stdout().flush().unwrap();
    }
}

async fn client(address: String, key: String, query: String, heard: Rc<RefCell<Heard>>) {
    let stored = if query.contains("syncProgress") { RUNS } else { 1 };
    let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let connection = TcpStream::connect(&address).await.unwrap();
    let (mut socket, _) = client_async(request, connection).await.unwrap();
    let hello = [
        json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {key}") } }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": query } }),
    ];
    socket.send(Message::text(hello[0].to_string())).await.unwrap();
    let mut next = 0;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else { continue };
        let now = micros();
        if text.contains("connection_ack") {
            socket.send(Message::text(hello[1].to_string())).await.unwrap();
            continue;
        }
        assert!(text.contains(r#""type":"next""#) && !text.contains("errors"), "{text}");
        let mut heard = heard.borrow_mut();
        next += 1;
        if next <= stored {
            heard.listening += usize::from(next == stored);
            continue;
        }
        let event = next - stored - 1;
        if event < EVENTS {
            if heard.at.len() <= event {
                heard.at.push(Vec::new());
            }
            heard.at[event].push(now);
        } else if let Some((_, rest)) = text.split_once(r#""pages":"#) {
            let committed: i64 = rest.split([',', '}', '"']).find(|word| !word.is_empty()).unwrap().parse().unwrap();
            heard.messages += 1;
            heard.delays.push(now - committed);
            if committed > heard.last {
                (heard.last, heard.of_last) = (committed, 0);
            }
            heard.of_last += usize::from(committed == heard.last);
        }
    }
}

struct Clients {
    child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    fn start(address: &str, key: &str, query: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["clients", address, key, query])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, answers: BufReader::new(stdout).lines() }
    }

    async fn ask(&mut self, command: &str, number: i64) -> Value {
        self.stdin.write_all(format!("{command} {number}\n").as_bytes()).await.unwrap();
        serde_json::from_str(&self.answers.next_line().await.unwrap().unwrap()).unwrap()
    }
}

/// A connection for what no use case does.
enum Db {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

/// What makes the events.
struct Maker {
    db: Mutex<Db>,
    store: Store,
    hub: Hub,
    servers: Vec<Server>,
    runs: Vec<Uuid>,
}

impl Maker {
    /// Changes a server's health; when it was committed.
    async fn change(&self) -> i64 {
        let server = &self.servers[0];
        let (account, subject) = (server.account_id, HealthSubject::Server(server.id));
        let why = Some(FailureReason::Unreachable);
        let (old, new) = (HealthStatus::Healthy, HealthStatus::Unhealthy);
        self.store.write(|tx| async move { health::append(&tx, account, subject, old, new, why).await }).await.unwrap();
        let committed = micros();
        self.hub.health_changed(account);
        committed
    }

    /// Moves runs on, and says in them when; when it was committed.
    async fn move_on(&self, runs: &[Uuid]) -> (i64, i64) {
        let said = micros();
        let set = format!("UPDATE sync_run SET progress_seq = progress_seq + 1, pages = {said} WHERE id IN");
        let list = |key: fn(&Uuid) -> String| runs.iter().map(key).collect::<Vec<_>>().join(", ");
        match &mut *self.db.lock().await {
            Db::Sqlite(db) => {
                let ids = list(|id| format!("X'{}'", id.simple()));
                db.execute(AssertSqlSafe(format!("{set} ({ids})"))).await.unwrap();
            }
            Db::Postgres(db) => {
                let ids = list(|id| format!("'{id}'"));
                db.execute(AssertSqlSafe(format!("{set} ({ids})"))).await.unwrap();
            }
        }
        let committed = micros();
        for run in runs {
            self.hub.run_changed(*run);
        }
        (said, committed)
    }
}

async fn bench() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}", folder.path().join("live.db").display());
    let url = std::env::var("COPPICE_BENCH_DATABASE").unwrap_or(sqlite);
    let keys = folder.path().join("keys");
    generate_keys(Some(&keys)).unwrap();
    let flags = json!({ "database": { "url": url }, "keys": { "file": keys }, "collect": { "role": "api" } });
    let config = Config::load(&Sources { file: None, env: Vec::new(), flags }).unwrap();
    let node = Node::open(config, Purpose::Serve, Surroundings::real()).await.unwrap();
    let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    let app = node.app().clone();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(node.serve(Some(listener), shutdown.clone()));

    let (maker, account, key) = prepare(&app, url).await;
    let id = PublicId::new(Kind::Account, account);
    println!("{} subscribers, {}", subscribers(), if maker.store.is_sqlite() { "SQLite" } else { "PostgreSQL" });
    let first = health::cursor(0);
    let changed = format!(
        "subscription {{ healthChanged(accountId: \"{id}\", after: \"{first}\") {{ cursor status reason changedAt subject {{ \
         ... on Server {{ id name }} }} }} }}"
    );
    let progress = "subscription { syncProgress { runId status feedsDone feedsTotal pages syncRun { server { name } } } }";

    maker.change().await;
    let before = memory("VmRSS:");
    let mut clients = connect(&address, &key, &changed, before).await;
    for event in 0..EVENTS {
        sleep(APART).await;
        let committed = maker.change().await;
        single("healthChanged", committed, &clients.ask("single", event.try_into().unwrap()).await);
    }
    drop(clients.stdin);
    clients.child.wait().await.unwrap();
    sleep(APART).await;

    let mut clients = connect(&address, &key, progress, before).await;
    for event in 0..EVENTS {
        sleep(APART).await;
        let (_, committed) = maker.move_on(&maker.runs[..1]).await;
        single("syncProgress", committed, &clients.ask("single", event.try_into().unwrap()).await);
    }
    burst(&maker, &mut clients, before).await;
    drop(clients.stdin);
    clients.child.wait().await.unwrap();
    shutdown.cancel();
    served.await.unwrap().unwrap();
}

/// Starts clients, waits until all of them listen, and tells the memory; `before` is what there was without any.
async fn connect(address: &str, key: &str, query: &str, before: u64) -> Clients {
    let started = micros();
    let mut clients = Clients::start(address, key, query);
    clients.ask("wait", 0).await;
    let took = micros() - started;
    sleep(APART).await;
    let idle = memory("VmRSS:");
    println!(
        "all listen after {}; memory {} MiB, before {} MiB: {} KiB each",
        ms(took),
        idle / 1024,
        before / 1024,
        each(idle, before)
    );
    clients
}

fn single(what: &str, committed: i64, at: &Value) {
    let [first, median, last] = [0, 1, 2].map(|place| ms(at[place].as_i64().unwrap() - committed));
    println!("{what:>14}: first {first}, median {median}, last {last}");
}

async fn burst(maker: &Maker, clients: &mut Clients, before: u64) {
    // From here on the most memory is counted anew.
    File::options().write(true).open("/proc/self/clear_refs").unwrap().write_all(b"5").unwrap();
    let (cpu, began) = (processor_time(), micros());
    let mut states = 0;
    while micros() - began < i64::try_from(BURST.as_micros()).unwrap() {
        // Not all at once.
        for run in &maker.runs {
            maker.move_on(&[*run]).await;
            states += 1;
            sleep(BEAT / u32::try_from(RUNS).unwrap()).await;
        }
    }
    let took = micros() - began;
    let (last, committed) = maker.move_on(&maker.runs).await;
    let answer = clients.ask("burst", last).await;
    let after = micros() - committed;
    let seconds = took / 1_000_000;
    let number = |place: usize| answer[place].as_i64().unwrap();
    let most = memory("VmHWM:");
    println!(
        "{states} states in {seconds} s, {} messages a second: median {}, 99 % within {}, at most {}; all had the last states after {}; \
         {} MiB at most: {} KiB each; {} % of a core",
        number(0) / seconds,
        ms(number(1)),
        ms(number(2)),
        ms(number(3)),
        ms(after),
        most / 1024,
        each(most, before),
        processor_time().saturating_sub(cpu).as_micros() * 100 / u128::try_from(took).unwrap(),
    );
}

async fn prepare(app: &App, url: String) -> (Maker, Uuid, String) {
    let zone = chrono_tz::Europe::Berlin;
    let role = AccountRole::Partner;
    let partner =
        OperatorAccount { name: "Dealer".to_owned(), role, parent_id: None, time_zone: Some(zone), external_id: None };
    let account = app.operator_create_account(partner).await.unwrap().unwrap().id;
    let permission = Permission::Write;
    let key = OperatorApiKey { account_id: account, name: "bench".to_owned(), permission, expires_in_days: None };
    let (_, key) = app.operator_create_api_key(key).await.unwrap().unwrap();
    let actor = app.authenticate_api_key(key.expose()).await.unwrap().unwrap();
    let settings = DatabaseSettings { url: url.clone(), max_connections: 2 };
    let store = Store::open(&settings, std::sync::Arc::new(SystemClock)).await.unwrap();
    let ids: SharedIds = std::sync::Arc::new(IdSource::from_os());
    let (mut servers, mut runs) = (Vec::new(), Vec::new());
    for number in 0..RUNS {
        let server = stored_server(&store, ids.uuid(SystemClock.now()), account, number).await;
        let input = StartSync { server_id: server.id, feed_ids: None, idempotency_key: None };
        runs.push(app.start_sync(&actor, input).await.unwrap().unwrap().id);
        servers.push(server);
    }
    let db = Mutex::new(if store.is_sqlite() {
        Db::Sqlite(sqlx::SqliteConnection::connect(&url).await.unwrap())
    } else {
        Db::Postgres(sqlx::PgConnection::connect(&url).await.unwrap())
    });
    let maker = Maker { db, store, hub: app.hub().clone(), servers, runs };
    (maker, account, key.expose().to_owned())
}

async fn stored_server(store: &Store, id: Uuid, account_id: Uuid, number: usize) -> Server {
    let now: Instant = SystemClock.now();
    let server = Server {
        id,
        account_id,
        vendor: VendorKind::MpsMonitor,
        name: format!("Server {number}"),
        url: format!("https://vendor{number}.example.com"),
        time_zone: chrono_tz::Europe::Berlin,
        nightly_at: NaiveTime::default(),
        credentials_username: None,
        credentials_hint: String::new(),
        credentials_updated_at: now,
        health: Health { status: HealthStatus::Healthy, reason: None, checked_at: Some(now), changed_at: Some(now) },
        paused_at: None,
        removed_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let stored = &server;
    let written = store.write(|tx| async move {
        let beside = server::ServerSecrets {
            credentials: b"none".to_vec(),
            origin: &stored.url,
            next_nightly_at: now + chrono::TimeDelta::days(1),
            next_check_at: now + chrono::TimeDelta::days(1),
        };
        server::insert_one(&tx, stored, beside).await
    });
    written.await.unwrap();
    server
}

fn ms(micros: i64) -> String {
    format!("{}.{} ms", micros / 1000, micros / 100 % 10)
}

fn each(now: u64, before: u64) -> u64 {
    now.saturating_sub(before) / u64::try_from(subscribers()).unwrap()
}

/// Memory of this process in KiB.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// User and system time of this process, from `/proc/self/stat` in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
