//! The dashboard's query (an account, its totals, 12 months, 50 feeds with health and last collection), beside the same query answered by
//! Mercurius from the same PostgreSQL database.
//!
//! Method: a fleet of 200 dealers with 50 customers each is written into an empty database: a year of monthly sums, a feed for each
//! customer, 30 nights of collections (300,000 rows). Then `coppice serve` (this build, with sign-in by API key, limits, cost and log
//! as they are by default) and `dashboard/rival.js` (Fastify, Mercurius with JIT and loaders, prepared statements, ten connections; no
//! sign-in, no limits, no log) answer for dealers in turn. Both answers are compared first, to the letter. Then a number of connections
//! ask without a pause, now the one and now the other, in rounds of some seconds; of each side's rounds the median counts. Client,
//! database and server share the machine, so a request's whole cost is in its rate.
//!
//! Run with `npm ci` in `benches/dashboard`, then `cargo bench --bench dashboard`. `COPPICE_BENCH_POSTGRES` names a server where a database
//! may be made (default `postgres://root@127.0.0.1:5432/postgres`); `COPPICE_BENCH_CONNECTIONS` (8,32), `COPPICE_BENCH_ROUNDS` (5) and
//! `COPPICE_BENCH_SECONDS` (4) change the load.
//!
//! Reached on 2026-11-27 (two cores for client, PostgreSQL and server; a virtual machine at its best speed; one run):
//!
//! | connections | Coppice | Mercurius | requests | 99 % |
//! |---|---|---|---|---|
//! | 8 | 1,247 a second, 9.4 ms (99 %), 0.87 ms of processor time | 719, 16.4 ms, 1.36 ms | 1.73 times | 0.57 times |
//! | 16 | 1,239 a second, 17.0 ms (99 %), 0.87 ms of processor time | 734, 38.2 ms, 1.37 ms | 1.69 times | 0.44 times |
//! | 32 | 1,217 a second, 32.3 ms (99 %), 0.88 ms of processor time | 657, 77.9 ms, 1.63 ms | 1.85 times | 0.41 times |
//!
//! The ratios change from one process of the rival to the next: at 8 connections, asked by another program on the same day, 1.73 to 2.05
//! times the requests and 0.42 to 0.57 times the 99 %; with 64, 1.9 and 0.28 times. Before sums were kept of all below an account, both
//! sides added up 750 monthly sums a request, and Coppice had 869 requests a second where it then had 1,218.
//!
//! What limits it: two fifths of a request's whole cost are PostgreSQL's (50 feeds and their last collections, half a millisecond; the rest a
//! tenth of that), by the number of rows and columns. Of Coppice's own time a third is the engine's futures and values, a quarter
//! statements and rows, a tenth HTTP. With few connections the 99 % is half again the median on both sides: it is what the machine makes of
//! it, so it goes with the rate.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at what it did not expect")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use coppice::{
    clock::{Clock as _, SystemClock},
    store::{DatabaseSettings, Store, carrying::carry_up},
};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

const QUERY: &str = include_str!("dashboard/dashboard.graphql");
const DEALERS: usize = 200;
const SEED: &str = include_str!("dashboard/seed.sql");

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A process that is ended with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A database of its own.
struct Bench {
    admin: String,
    name: String,
    url: String,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let admin =
            std::env::var("COPPICE_BENCH_POSTGRES").unwrap_or_else(|_| "postgres://root@127.0.0.1:5432/postgres".to_owned());
        let name = format!("coppice_bench_dashboard_{}", std::process::id());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let (server, rest) = admin.rsplit_once('/').unwrap();
        let options = rest.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
        let url = format!("{server}/{name}{options}");
        Self { name, url, admin, folder: tempfile::tempdir().unwrap() }
    }

    fn coppice(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coppice"));
        command.current_dir(self.folder.path()).env("COPPICE__DATABASE__URL", &self.url).env("COPPICE__KEYS__FILE", "keys");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.coppice().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The fleet; gives each dealer's public id, and an API key that sees them all.
    async fn fill(&self) -> (Vec<String>, String) {
        self.run(&["keys", "generate", "--file", "keys"]);
        self.run(&["migrate"]);
        let top = self.run(&["account", "create", "--name", "Top", "--role", "DISTRIBUTOR", "--time-zone", "Europe/Berlin"]);
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection.execute(sqlx::raw_sql(SEED)).await.unwrap();
        // As workers do every few seconds.
        let settings = DatabaseSettings { url: self.url.clone(), max_connections: 2 };
        let store = Store::open(&settings, Arc::new(SystemClock)).await.unwrap();
        while carry_up(&store).await.unwrap() > 0 {}
        connection.execute("VACUUM ANALYZE").await.unwrap();
        let rows =
            sqlx::query("SELECT id FROM account WHERE role = 'PARTNER' ORDER BY id").fetch_all(&mut connection).await.unwrap();
        let dealers: Vec<String> = rows
            .iter()
            .map(|row| coppice::id::PublicId::new(coppice::id::Kind::Account, row.get::<coppice::id::Uuid, _>(0)).to_string())
            .collect();
        assert_eq!(dealers.len(), DEALERS);
        (dealers, self.run(&["api-key", "create", "--account", &top, "--name", "bench", "--permission", "READ"]))
    }

    fn serve(&self) -> (Running, SocketAddr) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = self
            .coppice()
            .args(["serve", "--role", "api"])
            .env("COPPICE__HTTP__LISTEN", port.to_string())
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Running(child);
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(port).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        (server, port)
    }

    fn rival(&self) -> (Running, SocketAddr) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/dashboard");
        let mut child = Command::new("node")
            .args(["rival.js", &self.url])
            .current_dir(folder)
            .env("NODE_ENV", "production")
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js, and `npm ci` in benches/dashboard");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Running(child), SocketAddr::from(([127, 0, 0, 1], line.trim().parse().expect("the rival's port"))))
    }

    async fn drop(self) {
        let mut connection = PgConnection::connect(&self.admin).await.unwrap();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
}

/// A keep-alive connection that asks and reads answers whose length is told.
struct Client {
    stream: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(64 * 1024, stream), answer: Vec::new() }
    }

    fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.get_mut().write_all(request).unwrap();
        let (mut line, mut length) = (String::new(), None);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            assert!(!text.starts_with("HTTP/") || text.contains(" 200 "), "{text}");
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        self.answer.resize(length.expect("a content-length"), 0);
        self.stream.read_exact(&mut self.answer).unwrap();
        &self.answer
    }
}

fn request(address: SocketAddr, key: &str, dealer: &str) -> Vec<u8> {
    let now = SystemClock.now().date_naive();
    let first = chrono::Datelike::with_day(&now, 1).unwrap();
    let from = first.checked_sub_months(chrono::Months::new(11)).unwrap();
    let to = first.checked_add_months(chrono::Months::new(1)).unwrap().pred_opt().unwrap();
    let body = json!({ "query": QUERY, "variables": { "account": dealer, "from": from, "to": to } }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json\r\nX-Api-Key: {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What `connections` got in a round: answers a second, and how long each took.
fn round(requests: &[Vec<u8>], address: SocketAddr, connections: u64, lasting: Duration) -> (f64, Vec<Duration>) {
    let (begin, end) = (Instant::now(), Instant::now() + lasting);
    let threads: Vec<_> = (0..connections)
        .map(|connection| {
            let requests = requests.to_vec();
            std::thread::spawn(move || {
                let mut client = Client::new(address);
                let mut taken = Vec::new();
                for request in requests.iter().cycle().skip(usize::try_from(connection * 7).unwrap()) {
                    let asked = Instant::now();
                    if asked >= end {
                        break;
                    }
                    client.ask(request);
                    taken.push(asked.elapsed());
                }
                taken
            })
        })
        .collect();
    let taken: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = taken.len() as f64 / begin.elapsed().as_secs_f64();
    (rate, taken)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The `percent` of what took longest began here, in milliseconds.
fn percentile(taken: &mut [Duration], percent: usize) -> f64 {
    taken.sort();
    taken[(taken.len() * percent / 100).min(taken.len() - 1)].as_secs_f64() * 1000.0
}

/// Processor time of a process so far, from `/proc` in hundredths of a second.
fn processor_time(child: &Running) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.0.id())).unwrap();
    let ticks: u32 =
        stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).map(|f| f.parse::<u32>().unwrap()).sum();
    f64::from(ticks) * 10.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let bench = Bench::new().await;
    let (dealers, key) = bench.fill().await;
    let (ours, our_address) = bench.serve();
    let (rival, rival_address) = bench.rival();
    let sides = [("coppice", &ours, our_address), ("mercurius", &rival, rival_address)];
    let requests = sides.map(|(_, _, at)| dealers.iter().map(|dealer| request(at, &key, dealer)).collect::<Vec<_>>());

    let answer = |side: usize, which: usize| {
        let mut value: Value = serde_json::from_slice(Client::new(sides[side].2).ask(&requests[side][which])).unwrap();
        assert!(value["errors"].is_null(), "{value}");
        value["data"].take()
    };
    for which in [0, 1, DEALERS / 2, DEALERS - 1] {
        let (ours, theirs) = (answer(0, which), answer(1, which));
        assert!(ours["account"]["feeds"]["nodes"].as_array().is_some_and(|nodes| nodes.len() == 50), "{ours}");
        assert_eq!(ours, theirs);
    }
    println!("the answers are the same: {} bytes", answer(0, 0).to_string().len());

    let lasting = Duration::from_secs(number("COPPICE_BENCH_SECONDS", 4));
    let connections = std::env::var("COPPICE_BENCH_CONNECTIONS").unwrap_or_else(|_| "8,32".to_owned());
    for connections in connections.split(',').map(|text| text.parse().unwrap()) {
        let mut rates = [Vec::new(), Vec::new()];
        let mut taken = [Vec::new(), Vec::new()];
        let mut cpu = [0.0; 2];
        for place in 0..=number("COPPICE_BENCH_ROUNDS", 5) {
            for (side, (_, process, address)) in sides.iter().enumerate() {
                let before = processor_time(process);
                let (rate, times) = round(&requests[side], *address, connections, lasting);
                // The first round warms up.
                if place > 0 {
                    rates[side].push(rate);
                    cpu[side] += processor_time(process) - before;
                    taken[side].extend(times);
                }
            }
        }
        println!("{connections} connections");
        let mut summary = Vec::new();
        for (side, (name, ..)) in sides.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let each = cpu[side] / taken[side].len() as f64;
            let (rate, times) = (median(rates[side].clone()), &mut taken[side]);
            let (middle, late) = (percentile(times, 50), percentile(times, 99));
            println!(
                "{name:>12}: {rate:>6.0} a second, {middle:>6.2} ms (median), {late:>6.2} ms (99 %), {each:.2} ms of its processor time"
            );
            summary.push((rate, late));
        }
        println!(
            "{:>12}: {:.2} times the requests, {:.2} times the 99 %",
            "ratio",
            summary[0].0 / summary[1].0,
            summary[0].1 / summary[1].1
        );
    }
    drop((ours, rival));
    bench.drop().await;
}
