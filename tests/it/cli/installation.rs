//! Setting up an installation by script, on both databases, without a running server; then the server.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    thread::JoinHandle,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Place, client, terminate};
use crate::support::postgres::PostgresDatabase;

/// Makes accounts, a user and a key by script.
fn set_up(place: &Place) -> (String, String, String) {
    let top =
        place.run(&["account", "create", "--name", "Nordwald", "--role", "distributor", "--time-zone", "Europe/Berlin"]).line();
    assert!(top.starts_with("acc_"), "{top}");
    let dealer = place.run(&["account", "create", "--name", "Muster", "--role", "PARTNER", "--parent", &top, "--json"]).json();
    assert_eq!(dealer["parentId"], top.as_str());
    assert_eq!((&dealer["role"], &dealer["timeZone"]), (&"PARTNER".into(), &"Europe/Berlin".into()));
    let dealer = dealer["id"].as_str().unwrap();

    let user = ["user", "create", "--account", dealer, "--name", "Erika Muster", "--email", "Erika@Example.com"];
    let made = place.run(&[&user[..], &["--json", "--permission", "WRITE"]].concat()).json();
    assert_eq!((&made["email"], &made["permission"]), (&"erika@example.com".into(), &"WRITE".into()));
    let text = place.run(&user).refused(3);
    assert!(text.contains("--email"), "{text}");

    let key = place.run(&["api-key", "create", "--account", &top, "--name", "script", "--permission", "ADMIN"]).line();
    assert!(key.starts_with("coppice_key_"), "{key}");
    let other =
        place.run(&["api-key", "create", "--account", dealer, "--name", "b", "--expires-in-days", "9", "--json"]).json();
    assert!(other["id"].as_str().unwrap().starts_with("key_") && other["expiresAt"].is_string(), "{other}");
    let none = "acc_01h455vb4pex5vsknk084sn02q";
    let text = place.run(&["api-key", "create", "--account", none, "--name", "k"]).refused(3);
    assert!(text.contains("--account: There is no such account."), "{text}");
    let text = place.run(&["account", "create", "--name", "C", "--role", "CUSTOMER", "--parent", none]).refused(3);
    assert!(text.contains("--parent"), "{text}");
    (dealer.to_owned(), key, made["id"].as_str().unwrap().to_owned())
}

/// A server on a free port, once it listens.
struct Served {
    process: Child,
    url: String,
    /// What it says from then on, if anybody reads it.
    log: Option<JoinHandle<Vec<String>>>,
}

impl Served {
    fn start(place: &Place, read_on: bool) -> Self {
        let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut seen = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line.split("http.address=").nth(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned());
            seen.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("the server did not start: {seen:#?}"));
        // Somebody must read on, or the server would stop at a full pipe.
        let log = read_on.then(|| std::thread::spawn(move || lines.collect()));
        Self { process, url: format!("http://{address}"), log }
    }

    async fn viewer(&self, header: &str, credential: &str) -> Value {
        let query = json!({ "query": "{ viewer { account { id name } permission user { email } } }" });
        let request = client().post(format!("{}/graphql", self.url)).header(header, credential).json(&query);
        request.send().await.unwrap().json::<Value>().await.unwrap()["data"]["viewer"].take()
    }

    /// Ends it; gives its log.
    fn stop(mut self) -> Vec<String> {
        terminate(&self.process);
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "a server that is told to stop ends well");
        self.log.map(|log| log.join().unwrap()).unwrap_or_default()
    }
}

async fn serves(place: &Place, (dealer, key, user): (String, String, String)) {
    let served = Served::start(place, true);
    assert_eq!(served.viewer("X-Api-Key", &key).await["account"]["name"], "Nordwald");
    let token = place.run(&["token", "create", "--user", &user]).line();
    let viewer = served.viewer("Authorization", &format!("Bearer {token}")).await;
    assert_eq!((&viewer["account"]["id"], &viewer["permission"]), (&dealer.into(), &"WRITE".into()), "{viewer}");
    let keys: Value = client().get(format!("{}/.well-known/jwks.json", served.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    let ready = client().get(format!("{}/readyz", served.url)).send().await.unwrap().status();
    assert!(ready.is_success(), "{ready}");
    let preflight = client()
        .request(Method::OPTIONS, format!("{}/graphql", served.url))
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    assert!(!preflight.send().await.unwrap().headers().contains_key("access-control-allow-origin"));
    let log = served.stop();
    let told = log.iter().find(|line| line.contains("http.cors_origins"));
    assert!(told.is_some_and(|line| line.contains("https://app.example")), "{log:#?}");
}

/// As with `coppice serve 2>&1 | head`.
#[tokio::test]
async fn a_server_whose_log_nobody_reads_any_more_answers_and_stops() {
    let place = Place::new();
    let top = place.run(&["account", "create", "--name", "Nordwald", "--role", "DISTRIBUTOR"]).line();
    let key = place.run(&["api-key", "create", "--account", &top, "--name", "script"]).line();
    let served = Served::start(&place, false);
    for _ in 0..3 {
        assert_eq!(served.viewer("X-Api-Key", &key).await["account"]["name"], "Nordwald");
    }
    served.stop();
}

#[tokio::test]
async fn heavy_an_installation_on_sqlite_is_set_up_by_script_and_served() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let made = set_up(&place);
    assert!(!place.path("coppice.keys").exists(), "what seals nothing needs no keys");
    assert!(!place.path("coppice.db-wal").exists(), "the files are tidy after a command");
    assert_eq!(place.run(&["migrate", "status", "--json"]).json(), json!({ "pending": [] }));
    serves(&place, made).await;
    assert_eq!(place.path("coppice.keys").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn heavy_an_installation_on_postgresql_is_set_up_by_script_and_served() {
    let database = PostgresDatabase::create().await;
    let place = Place::new().with("DATABASE__URL", database.url());
    let pending = place.run(&["migrate", "status", "--json"]).json();
    assert!(!pending["pending"].as_array().unwrap().is_empty());
    assert_eq!(place.run(&["migrate", "--json"]).json()["applied"], pending["pending"]);
    let made = set_up(&place);
    let text = place.run(&["serve", "--listen", "127.0.0.1:0"]).refused(1);
    assert!(text.contains("There are no sealing keys") && text.contains("coppice keys generate"), "{text}");
    place.run(&["keys", "generate", "--file", "shared.keys"]).done();
    let place = place.with("KEYS__FILE", "shared.keys");
    serves(&place, made).await;
}

#[tokio::test]
async fn who_hides_the_schema_hides_the_guide_too() {
    for (introspection, status) in [("true", 200), ("false", 404)] {
        let place = Place::new().with("GRAPHQL__INTROSPECTION", introspection);
        let served = Served::start(&place, true);
        for page in ["/docs/", "/docs/reference.html"] {
            assert_eq!(client().get(format!("{}{page}", served.url)).send().await.unwrap().status(), status, "{page}");
        }
        let query = json!({ "query": "{ __schema { queryType { name } } }" });
        let answer = client().post(format!("{}/graphql", served.url)).json(&query).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        match introspection {
            "true" => assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query"),
            _ => assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN"),
        }
        served.stop();
    }
}

#[test]
fn what_cannot_be_opened_says_what_to_check() {
    let place = Place::new();
    let text = place.run(&["--database-url", "sqlite://no/such/folder/x.db", "migrate"]).refused(1);
    assert!(text.contains("database.url") && text.contains("because: "), "{text}");
    let named = Place::new().with("KEYS__FILE", "missing.keys");
    let text = named.run(&["token", "create", "--user", "usr_01h455vb4pex5vsknk084sn02q"]).refused(1);
    assert!(text.contains("missing.keys") && text.contains("keys.file"), "{text}");
    let ca = Place::new().with("OUTBOUND__CA_FILE", "missing.pem");
    let text = ca.run(&["sync", "--server", "srv_01h455vb4pex5vsknk084sn02q"]).refused(1);
    assert!(text.contains("outbound.ca_file"), "{text}");
}
