//! The whole server: `coppice serve` and `coppice simulate` as processes of their own. A client registers everything over GraphQL, and then
//! has all servers read again and again by `startSync`, asking every 50 ms whether they are done.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use coppice::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{Size, most_memory, nights_to_play, processor_time, report};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coppice");
/// Rows of one call.
const ROWS: usize = 250;

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) async fn nights() {
    let size = Size::from_env();
    let folder = tempfile::tempdir().unwrap();
    let (_vendors, fleet) = simulate(&size, folder.path());
    let database = std::env::var("COPPICE_BENCH_DATABASE").unwrap_or("sqlite://whole.db".to_owned());
    let config = toml(&[
        ("database", &[("url", json!(database))]),
        ("keys", &[("file", json!("keys"))]),
        ("outbound", &[("ca_file", json!("ca.pem")), ("allow_cidrs", json!(["127.0.0.0/8", "::1/128"]))]),
        ("http", &[("listen", json!("127.0.0.1:0"))]),
    ]);
    fs::write(folder.path().join("coppice.toml"), config).unwrap();
    run(folder.path(), &["keys", "generate", "--file", "keys"]);
    let dealer =
        run(folder.path(), &["account", "create", "--name", "Dealer", "--role", "PARTNER", "--time-zone", "Europe/Berlin"]);
    let key = run(folder.path(), &["api-key", "create", "--account", &dealer, "--name", "bench", "--permission", "WRITE"]);
    let (server, address) = serve(folder.path());
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let api = Api { http: reqwest::Client::new(), url: format!("http://{address}/graphql"), key };
    let pid = server.0.id();
    println!("{} servers x {} feeds x {} devices, all vendors", size.servers, size.feeds, size.devices);
    println!("{:>16}: {} MiB at most", "started", most_memory(pid) / 1024);

    let (began, cpu) = (Instant::now(), processor_time(pid));
    let servers = register(&api, &dealer, &fleet).await;
    all_ended(&api).await;
    report("registering", &size, began.elapsed(), processor_time(pid).saturating_sub(cpu), most_memory(pid));
    for night in 1..=nights_to_play() {
        let (began, cpu) = (Instant::now(), processor_time(pid));
        for server in &servers {
            let start =
                "mutation ($input: StartSyncInput!) { startSync(input: $input) { syncRun { id } userErrors { message } } }";
            let started = api.ask(start, json!({ "input": { "serverId": server } })).await;
            assert!(started["startSync"]["syncRun"]["id"].is_string(), "{started}");
        }
        all_ended(&api).await;
        report(&format!("sync {night}"), &size, began.elapsed(), processor_time(pid).saturating_sub(cpu), most_memory(pid));
    }
}

fn toml(sections: &[(&str, &[(&str, Value)])]) -> String {
    let lines = sections.iter().flat_map(|(name, keys)| {
        std::iter::once(format!("[{name}]\n")).chain(keys.iter().map(|(key, value)| format!("{key} = {value}\n")))
    });
    lines.collect()
}

/// Starts the vendors; gives what they say of themselves.
fn simulate(size: &Size, folder: &Path) -> (Process, Value) {
    let mut child = Command::new(PROGRAM)
        .args(["simulate", "--ca-file", "ca.pem", "--servers", &size.servers.to_string()])
        .args(["--customers", &size.feeds.to_string(), "--devices", &size.devices.to_string()])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Process(child), serde_json::from_str(&line).unwrap())
}

/// Runs a command to its end and gives what it prints.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).current_dir(folder).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Starts the server; gives the address it listens on.
fn serve(folder: &Path) -> (Process, String) {
    let mut child = Command::new(PROGRAM).arg("serve").current_dir(folder).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log.find_map(|line| Some(line.split_once("http.address=")?.1.split_whitespace().next()?.to_owned())).unwrap();
    std::thread::spawn(move || log.filter(|line| !line.contains(" INFO ")).for_each(|line| eprintln!("{line}")));
    (Process(child), address)
}

struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    async fn ask(&self, query: &str, variables: Value) -> Value {
        let request = json!({ "query": query, "variables": variables });
        let answer = self.http.post(&self.url).header("X-Api-Key", &self.key).json(&request).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].take()
    }
}

/// Registers all servers and their customers, as a partner system would.
async fn register(api: &Api, dealer: &str, fleet: &Value) -> Vec<String> {
    let mut servers = Vec::new();
    let yesterday = (SystemClock.now() - chrono::TimeDelta::days(1)).date_naive();
    for vendor in fleet["servers"].as_array().unwrap() {
        let form = match vendor["vendor"].as_str().unwrap() {
            "PRINTANISTA" => "printanista",
            "THREE_MANAGER" => "threeManager",
            _ => "mpsMonitor",
        };
        let input = json!({
            "accountId": dealer, "name": vendor["name"], "url": vendor["url"], "timeZone": vendor["zone"],
            "credentials": { form: vendor["credentials"] },
        });
        let mutation = "mutation ($input: RegisterServerInput!) { registerServer(input: $input) { server { id } userErrors { message } } }";
        let registered = api.ask(mutation, json!({ "input": input })).await;
        let server = registered["registerServer"]["server"]["id"].as_str().expect("a server").to_owned();
        for customers in vendor["customers"].as_array().unwrap().chunks(ROWS) {
            let rows: Vec<_> = customers
                .iter()
                .map(|customer| json!({ "parentId": dealer, "name": customer["name"], "role": "CUSTOMER" }))
                .collect();
            let mutation = "mutation ($input: CreateAccountsInput!) { createAccounts(input: $input) {
                results { account { id } userErrors { message } } userErrors { message } } }";
            let accounts = api.ask(mutation, json!({ "input": { "accounts": rows } })).await;
            let accounts = accounts["createAccounts"]["results"].as_array().unwrap().clone();
            let rows: Vec<_> = customers
                .iter()
                .zip(&accounts)
                .map(|(customer, account)| {
                    json!({ "serverId": server, "accountId": account["account"]["id"], "externalId": customer["externalId"],
                        "activationDate": yesterday })
                })
                .collect();
            let mutation = "mutation ($input: RegisterFeedsInput!) { registerFeeds(input: $input) {
                results { feed { id } userErrors { message } } userErrors { message } } }";
            let feeds = api.ask(mutation, json!({ "input": { "feeds": rows } })).await;
            let results = feeds["registerFeeds"]["results"].as_array().unwrap();
            assert!(results.iter().all(|result| result["feed"]["id"].is_string()), "{feeds}");
        }
        servers.push(server);
    }
    servers
}

async fn all_ended(api: &Api) {
    loop {
        let open = api.ask("{ syncRuns(first: 1, filter: { status: [QUEUED, RUNNING] }) { nodes { id } } }", json!({})).await;
        if open["syncRuns"]["nodes"].as_array().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
