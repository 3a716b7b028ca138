//! How fast a night is: 1,000 feeds of 50 devices on 10 servers, against vendors that answer at once.
//!
//! Method: a second process of this program simulates the vendors over HTTPS (so that their processor time is not counted), this
//! one registers everything through the use cases, reads the first counters, and then plays nights on a clock moved by hand: each
//! night every device has printed, every feed gets deposits, totals, coverage and health. Ten tasks work on ten servers, as ten
//! worker slots would, and in the end the sums are carried up; the queue's own cost (one job a server) is left out. Printed per night:
//! feeds per second, processor time of this process per feed, and the most memory it ever had.
//!
//! Run with `cargo bench --bench night`; `COPPICE_BENCH_DATABASE=postgres://…` takes an empty PostgreSQL database instead of SQLite;
//! `COPPICE_BENCH_VENDOR=mps` (default), `3manager` or `printanista`; `COPPICE_BENCH_SERVERS`, `_FEEDS` (of each) and `_DEVICES`
//! change the fleet; `COPPICE_BENCH_ANSWER_MS` makes vendors take that long for each customer; `COPPICE_BENCH_NIGHTS` plays more nights.
//! With `COPPICE_BENCH_WHOLE=1` the whole program is measured instead: `coppice serve` and `coppice simulate` (all three vendors) run as
//! processes of their own, everything is registered over GraphQL and then read again and again by `startSync`; queue, schedules and API
//! are counted too.
//!
//! Reached on 2026-11-27 (two cores, which the vendors' process and, where it is used, PostgreSQL share):
//!
//! | what | database | feeds/s | processor time a feed | memory |
//! |---|---|---|---|---|
//! | collecting | SQLite | 1,710 to 1,860 | 0.52 to 0.59 ms | 51 MiB |
//! | collecting | PostgreSQL by TCP, without TLS | 1,230 to 1,395 | 0.32 to 0.35 ms | 34 MiB |
//! | collecting | PostgreSQL by its socket | 1,130 to 1,210 | 0.34 to 0.37 ms | 33 MiB |
//! | the whole program | SQLite | 1,745 to 2,600 | 0.41 to 0.55 ms | 71 MiB |
//! | the whole program | PostgreSQL by its socket | 1,150 to 1,330 | 0.32 to 0.36 ms | 52 MiB |
//!
//! A server that has just started has 35 MiB on SQLite, 31 on PostgreSQL. Registering 1,000 feeds over GraphQL, their first readings
//! included, takes 1.4 ms a feed on SQLite, 0.9 on PostgreSQL. The whole program's nights are read on one day, so that most of them find
//! nothing new to book; those of collecting have new pages of every device.
//!
//! 100 servers of 50 feeds whose vendors take 1 s a customer: 2.0 % over one server's answers one after another, 115 MiB.
//!
//! What limits it: on SQLite 55 % of the processor time is SQLite's (half of that the kernel's, for the log and the file), the rest
//! hand-offs between threads, TLS, HTTP, JSON and the meters' arithmetic. On PostgreSQL it is the rounds to
//! the server: a dozen statements for all feeds that are committed together, so larger groups cost less.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at what it did not expect")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant as Monotonic},
};

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, Hub,
        collect::{CollectSettings, Engine, EngineParts},
        input::{CreateAccount, CreateAccounts, OperatorAccount, RegisterFeed, RegisterFeeds, RegisterServer},
        ports::{Job, JobQueue, QueueError},
        work::{CollectEnd, Collecting as _, Scheduling as _},
    },
    clock::{Clock as _, ManualClock, SharedClock, from_millis},
    connector::{Client, ClientSettings, Credentials},
    domain::{
        account::{AccountRole, Actor, Permission, Who},
        calendar::{local_instant, next_nightly},
        feed::CollectionScope,
    },
    id::{IdSource, SharedIds, Uuid},
    secret::{KeyRing, SealingKey, Secret},
    simulator::{Access, Fault, FaultRule, FleetSpec, GenerateOptions, Kind, Options, Simulator, Vendor},
    store::{DatabaseSettings, Store},
};
use tokio_util::sync::CancellationToken;

#[path = "night/whole.rs"]
mod whole;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;
const NIGHT: NaiveTime = NaiveTime::from_hms_opt(3, 30, 0).unwrap();
const FIRST_DAY: &str = "2026-01-01";
const START: &str = "2026-02-02";

fn nights_to_play() -> usize {
    number("COPPICE_BENCH_NIGHTS", 4)
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

struct Size {
    servers: usize,
    feeds: usize,
    devices: usize,
    vendor: Vendor,
    /// How long a vendor takes for each customer.
    answer: Duration,
}

impl Size {
    fn from_env() -> Self {
        Self {
            servers: number("COPPICE_BENCH_SERVERS", 10),
            feeds: number("COPPICE_BENCH_FEEDS", 100),
            devices: number("COPPICE_BENCH_DEVICES", 50),
            answer: Duration::from_millis(number("COPPICE_BENCH_ANSWER_MS", 0).try_into().unwrap()),
            vendor: match std::env::var("COPPICE_BENCH_VENDOR").as_deref() {
                Ok("3manager") => Vendor::ThreeManager,
                Ok("printanista") => Vendor::Printanista,
                _ => Vendor::MpsMonitor,
            },
        }
    }

    fn fleet(&self) -> FleetSpec {
        let options = GenerateOptions {
            vendors: vec![self.vendor],
            ..GenerateOptions::new(self.servers, self.feeds, self.devices, FIRST_DAY.parse().unwrap())
        };
        FleetSpec::generate(1, &options)
    }
}

fn start() -> DateTime<Utc> {
    local_instant(START.parse().unwrap(), NIGHT, ZONE)
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().any(|argument| argument == "vendors") {
        runtime.block_on(vendors());
    } else if std::env::var_os("COPPICE_BENCH_WHOLE").is_some() {
        runtime.block_on(whole::nights());
    } else {
        runtime.block_on(nights());
    }
}

/// The other process: says where it listens, then sets its clock to each line of milliseconds it reads.
async fn vendors() {
    let clock = Arc::new(ManualClock::at(start()));
    let options = Options { keep_requests: 0, ..Options::default() };
    let simulator = Simulator::start_with(Size::from_env().fleet(), clock.clone(), options).await.unwrap();
    let answer = Size::from_env().answer;
    for server in (0..Size::from_env().servers).filter(|_| !answer.is_zero()) {
        simulator.add_fault(server, FaultRule::new(Fault::Slow(answer)).on([Kind::Data]));
    }
    let urls: Vec<String> = (0..Size::from_env().servers).map(|server| simulator.url(server)).collect();
    println!("{}", serde_json::json!({ "ca": simulator.ca_pem(), "urls": urls }));
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lines() {
            clock.set(from_millis(line.unwrap().parse().unwrap()));
            println!("ok");
        }
    })
    .await
    .unwrap();
    assert!(simulator.violations().is_empty(), "{:?}", simulator.violations());
}

struct Vendors {
    child: Child,
    stdin: ChildStdin,
    answers: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Vendors {
    fn start() -> (Self, String, Vec<String>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("vendors")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let hello: serde_json::Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        let urls = hello["urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect();
        let stdin = child.stdin.take().unwrap();
        (Self { child, stdin, answers }, hello["ca"].as_str().unwrap().to_owned(), urls)
    }

    fn set(&mut self, now: DateTime<Utc>) {
        writeln!(self.stdin, "{}", now.timestamp_millis()).unwrap();
        assert_eq!(self.answers.next().unwrap().unwrap(), "ok");
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().unwrap().success());
    }
}

struct NoQueue;

#[async_trait]
impl JobQueue for NoQueue {
    async fn push(&self, _: Job) -> Result<(), QueueError> {
        Ok(())
    }
}

async fn nights() {
    let size = Size::from_env();
    let (mut vendors, ca, urls) = Vendors::start();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca).unwrap();
    let sqlite = format!("sqlite://{}", folder.path().join("night.db").display());
    let url = std::env::var("COPPICE_BENCH_DATABASE").unwrap_or(sqlite);

    let manual = Arc::new(ManualClock::at(start()));
    let clock: SharedClock = manual.clone();
    let ids: SharedIds = Arc::new(IdSource::seeded(1));
    let keys = Arc::new(KeyRing::new(SealingKey::generate(&ids), Vec::new()));
    let store = Store::open(&DatabaseSettings { url, max_connections: 10 }, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let settings = ClientSettings {
        extra_ca: Some(ca_file),
        allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..ClientSettings::default()
    };
    let client = Client::new(settings, clock.clone(), ids.clone()).unwrap();
    let connectors = Arc::new(ConnectorCache::new(client, keys.clone()));
    let queue: Arc<dyn JobQueue> = Arc::new(NoQueue);
    let engine = Engine::new(EngineParts {
        store: store.clone(),
        connectors: connectors.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        queue: queue.clone(),
        hub: Hub::default(),
        settings: CollectSettings::default(),
    });
    let app = App::new(AppParts {
        store,
        clock: clock.clone(),
        ids,
        connectors,
        queue,
        hub: Hub::default(),
        tokens: None,
        settings: AppSettings::default(),
    });
    let servers = register(&app, &size, &urls).await;

    println!("{} servers x {} feeds x {} devices, {}", size.servers, size.feeds, size.devices, size.vendor.name());
    measure("first readings", &engine, &servers, &size).await;
    for night in 1..=if size.answer.is_zero() { nights_to_play() } else { 1 } {
        let now = next_nightly(manual.now(), NIGHT, ZONE);
        manual.set(now);
        vendors.set(now);
        assert_eq!(engine.start_due_nightly_runs().await.unwrap().len(), size.servers);
        measure(&format!("night {night}"), &engine, &servers, &size).await;
    }
    vendors.end();
}

async fn register(app: &App, size: &Size, urls: &[String]) -> Vec<Uuid> {
    let partner = OperatorAccount {
        name: "Dealer".to_owned(),
        role: AccountRole::Partner,
        parent_id: None,
        time_zone: Some(ZONE),
        external_id: None,
    };
    let partner = app.operator_create_account(partner).await.unwrap().unwrap();
    let actor = Actor { who: Who::ApiKey(Uuid::nil()), account_id: partner.id, permission: Permission::Admin };
    let fleet = size.fleet();
    let mut servers = Vec::new();
    for (spec, url) in fleet.servers.iter().zip(urls) {
        let secret = |text: &String| Secret::from(text.clone());
        let credentials = match &spec.access {
            Access::Printanista { username, password, api_key } => {
                Credentials::Printanista { username: username.clone(), password: secret(password), api_key: secret(api_key) }
            }
            Access::ThreeManager { username, password } => {
                Credentials::ThreeManager { username: username.clone(), password: secret(password) }
            }
            Access::MpsMonitor { dealer_token } => Credentials::MpsMonitor { dealer_token: secret(dealer_token) },
        };
        let input = RegisterServer {
            account_id: partner.id,
            name: spec.name.clone(),
            url: url.clone(),
            time_zone: Some(ZONE),
            nightly_at: Some(NIGHT),
            credentials,
            idempotency_key: None,
        };
        let server = app.register_server(&actor, input).await.unwrap().unwrap();
        servers.push(server.id);
        let activation = START.parse::<NaiveDate>().unwrap() - Days::new(1);
        for customers in spec.customers.chunks(250) {
            let accounts = customers.iter().map(|customer| CreateAccount {
                parent_id: partner.id,
                name: customer.name.clone(),
                role: AccountRole::Customer,
                time_zone: None,
                external_id: None,
                idempotency_key: None,
            });
            let accounts = CreateAccounts { accounts: accounts.collect(), idempotency_key: None };
            let accounts = app.create_accounts(&actor, accounts).await.unwrap().unwrap();
            let feeds = customers.iter().zip(accounts).map(|(customer, account)| RegisterFeed {
                server_id: server.id,
                account_id: account.expect("an account").id,
                external_id: customer.external_id.clone(),
                name: None,
                activation_date: activation,
                scope: CollectionScope::All,
                idempotency_key: None,
            });
            let feeds = RegisterFeeds { feeds: feeds.collect(), idempotency_key: None };
            for feed in app.register_feeds(&actor, feeds).await.unwrap().unwrap() {
                feed.expect("a feed");
            }
        }
    }
    servers
}

async fn measure(what: &str, engine: &Engine, servers: &[Uuid], size: &Size) {
    let (started, cpu) = (Monotonic::now(), processor_time(std::process::id()));
    let tasks: Vec<_> = servers
        .iter()
        .map(|&server| {
            let engine = engine.clone();
            tokio::spawn(async move {
                while let CollectEnd::More { .. } = engine.collect_server(server, CancellationToken::new()).await.unwrap() {}
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    engine.carry_up(CancellationToken::new()).await.unwrap();
    report(
        what,
        size,
        started.elapsed(),
        processor_time(std::process::id()).saturating_sub(cpu),
        most_memory(std::process::id()),
    );
    if !size.answer.is_zero() {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let serial = size.answer.as_secs_f64() * size.feeds as f64;
        println!(
            "{:>18}{:.1} % over one server's answers one after another",
            "",
            (started.elapsed().as_secs_f64() / serial - 1.0) * 100.0
        );
    }
}

fn report(what: &str, size: &Size, wall: Duration, cpu: Duration, memory: u64) {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let count = (size.servers * size.feeds) as f64;
    println!(
        "{what:>16}: {:>6.0} feeds/s  {:>5.3} ms of processor time a feed  {} MiB at most",
        count / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1000.0 / count,
        memory / 1024,
    );
}

/// User and system time of a process, from its `stat` in hundredths of a second.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Peak resident memory of a process in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
