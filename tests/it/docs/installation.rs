//! A served installation in which every example can be carried out, and what stands there for the samples of the examples.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::TimeDelta;
use chrono_tz::Tz;
use coppice::{
    app::input::{CreateApiKey, CreateUser, OperatorApiKey, OperatorProject},
    clock::{Clock as _, ManualClock},
    connector::ClientSettings,
    domain::account::Permission,
    graphql::{Limits, Rate, TrustedOnly, build_schema},
    http::{DOCS_SAMPLES, DocsFacts, Drain, House, HttpParts, HttpSettings, ServeSettings, SocketSettings, router, serve},
    id::{Kind as Id, PublicId, Uuid},
    simulator::{Access, CustomerSpec, FleetSpec, ServerSpec, Simulator},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::support::world::{Kind, Tree, World, actor, start};

/// The password of the examples, for vendors' servers and people alike.
pub const PASSWORD: &str = "correct horse battery staple";

pub struct Installation {
    world: World,
    pub simulator: Simulator,
    pub address: SocketAddr,
    /// An API key with ADMIN of the dealer's account.
    pub key: String,
    samples: Vec<(&'static str, String)>,
    /// An anomaly with pages in suspense, a server, a user and a key that may be changed by one example alone.
    spare_server: String,
    spare_user: String,
    /// Number and code of a certificate, and the number of the one after it.
    pub certificate: (String, String),
    pub next_certificate: String,
    pub jws: String,
    _files: TempDir,
    _served: AbortOnDropHandle<()>,
}

/// Odd numbers, to be found again in the pages.
pub fn facts(origin: String) -> DocsFacts {
    DocsFacts {
        origin,
        limits: Limits { depth: 17, complexity: 54_321, ..Limits::default() },
        budget: Rate { points: 7_654_321, per_second: 4_567 },
        anonymous_budget: Rate { points: 0, per_second: 1 },
        trusted_only: TrustedOnly::Nobody,
        max_body: 96 * 1024,
        request_timeout: Duration::from_secs(23),
        keep_alive: Duration::from_secs(12),
        socket: SocketSettings { max_operations: 37, ..SocketSettings::default() },
        access_lifetime: Duration::from_mins(19),
        refresh_lifetime: Duration::from_hours(11 * 24),
    }
}

fn fleet() -> FleetSpec {
    let server = |name: &str| {
        let access = Access::ThreeManager { username: "coppice".into(), password: PASSWORD.into() };
        let mut server = ServerSpec::new(name, access, Tz::Europe__Berlin);
        server.customers = ["4710", "4711", "4712", "4713"].map(|id| CustomerSpec::new(id, format!("Customer {id}"))).into();
        server
    };
    FleetSpec { seed: 1, first_day: "2025-11-01".parse().unwrap(), servers: ["One", "Two", "Three"].map(server).into() }
}

impl Installation {
    pub async fn new(kind: Kind) -> Self {
        let simulator = Simulator::start(fleet(), Arc::new(ManualClock::at(start()))).await.unwrap();
        let files = TempDir::new().unwrap();
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, simulator.ca_pem()).unwrap();
        let client = ClientSettings {
            extra_ca: Some(ca),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..ClientSettings::default()
        };
        let world = World::calling(kind, client).await;
        let tree = world.tree().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = AbortOnDropHandle::new(serving(&world, listener));
        let key = OperatorApiKey {
            account_id: tree.partner.id,
            name: "examples".to_owned(),
            permission: Permission::Admin,
            expires_in_days: None,
        };
        let key = world.app.operator_create_api_key(key).await.unwrap().unwrap().1.expose().to_owned();
        let mut installation = Self {
            world,
            simulator,
            address,
            key,
            samples: Vec::new(),
            spare_server: String::new(),
            spare_user: String::new(),
            certificate: (String::new(), String::new()),
            next_certificate: String::new(),
            jws: String::new(),
            _files: files,
            _served: served,
        };
        installation.fill(&tree).await;
        // What was written only now is not yet in the order of changes: something slower could still come before it.
        installation.world.advance(TimeDelta::minutes(5));
        installation
    }

    /// Makes what the samples stand for.
    async fn fill(&mut self, tree: &Tree) {
        let public = |kind, id: Uuid| PublicId::new(kind, id).to_string();
        let (dealer, customer) = (public(Id::Account, tree.partner.id), public(Id::Account, tree.customer.id));
        let by = actor(&tree.partner, Permission::Admin);
        let project = OperatorProject {
            name: "River".to_owned(),
            country: "ke".to_owned(),
            description: "Trees along the river.".to_owned(),
            ..OperatorProject::default()
        };
        let project = self.world.app.operator_create_project(project).await.unwrap().unwrap();
        let person = |name: &str, email: &str| CreateUser {
            account_id: tree.partner.id,
            name: name.to_owned(),
            email: email.to_owned(),
            permission: Permission::Read,
            idempotency_key: None,
        };
        let (erika, link) = self.world.app.create_user(&by, person("Erika", "erika@example.com")).await.unwrap().unwrap();
        let (otto, _) = self.world.app.create_user(&by, person("Otto", "otto@example.com")).await.unwrap().unwrap();
        let link = link.unwrap().expose().split_once("#token=").unwrap().1.to_owned();
        let key = CreateApiKey {
            account_id: tree.partner.id,
            name: "portal".to_owned(),
            permission: Permission::Read,
            expires_at: None,
            idempotency_key: None,
        };
        let (api_key, _) = self.world.app.create_api_key(&by, key).await.unwrap().unwrap();
        let mut deposit = String::new();
        for day in ["2025-12-10", "2026-01-10", "2026-02-10"] {
            let input = json!({ "accountId": customer, "date": day, "small": 100_000 });
            deposit = self.made("createDeposit", "deposit", input).await;
        }
        let mut certificates = Vec::new();
        for month in ["2025-12", "2026-01"] {
            let issue = "mutation ($input: IssueCertificatesInput!) { issueCertificates(input: $input) {
                certificates { id number verificationCode jws } userErrors { message } } }";
            let input = json!({ "input": { "accountId": customer, "month": month } });
            certificates.push(self.data(issue, input).await["issueCertificates"]["certificates"][0].take());
        }
        let mut servers = Vec::new();
        for server in 0..2 {
            let input = json!({ "accountId": dealer, "name": "Office", "url": self.simulator.url(server),
                "credentials": { "threeManager": { "username": "coppice", "password": PASSWORD } } });
            servers.push(self.made("registerServer", "server", input).await);
        }
        let input =
            json!({ "serverId": servers[0], "accountId": customer, "externalId": "4710", "activationDate": "2026-01-01" });
        let feed = self.made("registerFeed", "feed", input).await;
        let anomaly = self.hold_pages(&feed, &servers[0]).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.certificate = (text(&certificates[0]["number"]), text(&certificates[0]["verificationCode"]));
        self.next_certificate = text(&certificates[1]["number"]);
        self.jws = text(&certificates[0]["jws"]);
        self.spare_server = servers[1].clone();
        self.spare_user = public(Id::User, otto.id);
        self.samples = vec![
            ("dealer", dealer),
            ("customer", customer),
            ("server", servers[0].clone()),
            ("feed", feed),
            ("anomaly", anomaly),
            ("deposit", deposit),
            ("certificate", text(&certificates[0]["id"])),
            ("project", public(Id::Project, project.id)),
            ("user", public(Id::User, erika.id)),
            ("apiKey", public(Id::ApiKey, api_key.id)),
            ("link", link),
            ("vendor", self.simulator.url(2)),
            ("password", PASSWORD.to_owned()),
        ];
    }

    /// The id of what a mutation made.
    async fn made(&self, mutation: &str, what: &str, input: Value) -> String {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {what} {{ id }} userErrors {{ message }} }} }}"
        );
        let answer = self.data(&query, json!({ "input": input })).await;
        answer[mutation][what]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// An anomaly of the feed that waits for a decision. No collection runs here, so its rows are written by hand.
    async fn hold_pages(&self, feed: &str, server: &str) -> String {
        let now = self.world.clock.now();
        let [device, anomaly] = [(); 2].map(|()| self.world.ids.uuid(now));
        let row = |kind, id: &str| self.world.database.key(PublicId::parse_kind(kind, id).unwrap());
        let (feed, server) = (row(Id::Feed, feed), row(Id::Server, server));
        let key = |id| self.world.database.key(id);
        for statement in [
            format!(
                "INSERT INTO device (id, server_id, feed_id, vendor_device_id) VALUES ({}, {server}, {feed}, 'd')",
                key(device)
            ),
            format!(
                "INSERT INTO fleet (feed_id, devices) VALUES ({feed}, '[[\"{device}\",\"d\",true,true,null,null,\"SD\",\
                 [[100,100,20485,100,0],[0,0,20485,0,0],[0,0,20485,0,0]],{{\"spikes\":[{{\"key\":\"k\",\"meter\":0,\"held\":12000,\"mark\":100,\
                 \"count\":12100,\"from\":\"2026-02-01\",\"to\":\"2026-02-02\",\"current\":true}}]}}]]')"
            ),
            format!(
                "INSERT INTO anomaly (id, feed_id, device_id, kind, status, from_day, to_day, source_key, raised_at, held) \
                 VALUES ({}, {feed}, {}, 'METER_SPIKE', 'OPEN', '2026-02-01', '2026-02-02', 'd|k', 1, 12000)",
                key(anomaly),
                key(device)
            ),
        ] {
            self.world.database.sql(&statement).await.unwrap();
        }
        PublicId::new(Id::Anomaly, anomaly).to_string()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The answer to a document, with the key.
    pub async fn ask(&self, body: Value) -> Value {
        let request = crate::cli::support::client().post(self.url("/graphql")).header("X-Api-Key", &self.key).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(json!({ "query": query, "variables": variables })).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"].take()
    }

    /// A new session of the user of the examples.
    async fn session(&self) -> Value {
        let query = "mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } } }";
        let input = json!({ "email": "erika@example.com", "password": PASSWORD });
        self.data(query, json!({ "input": input })).await["signIn"]["session"].take()
    }

    /// A program of the pages with what is here in place of its samples, and the access token it may need.
    pub async fn fitted(&self, name: &str, program: &str) -> (String, String) {
        let mut program =
            program.replace("CR-2026-03-000042", &self.certificate.0).replace("0000-0000-0000-0000", &self.certificate.1);
        let mut token = String::new();
        for (sample, written) in DOCS_SAMPLES {
            if !program.contains(written) {
                continue;
            }
            let real = match (sample, name) {
                ("server", "removeServer") => self.spare_server.clone(),
                ("user", "updateUser") => self.spare_user.clone(),
                ("run", _) => {
                    let query = "query ($id: ID!) { server(id: $id) { currentRun { id } } }";
                    let server = self.data(query, json!({ "id": self.sample("server") })).await;
                    server["server"]["currentRun"]["id"].as_str().unwrap_or_else(|| panic!("{server}")).to_owned()
                }
                ("refreshToken", _) => self.session().await["refreshToken"].as_str().unwrap().to_owned(),
                _ => self.sample(sample),
            };
            program = program.replace(written, &real);
        }
        if program.contains("COPPICE_TOKEN") {
            self.session().await["accessToken"].as_str().unwrap().clone_into(&mut token);
        }
        (program, token)
    }

    fn sample(&self, name: &str) -> String {
        self.samples.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}")).1.clone()
    }
}

fn serving(world: &World, listener: TcpListener) -> JoinHandle<()> {
    let backend = House {
        app: Arc::clone(&world.app),
        schema: build_schema(Arc::clone(&world.app), Limits::default()),
        tokens: Some(Arc::clone(&world.tokens)),
    };
    let drain = Drain::new(CancellationToken::new());
    let router = router(HttpParts {
        backend: Arc::new(backend),
        clock: Arc::clone(&world.clock) as _,
        ids: Arc::clone(&world.ids),
        settings: HttpSettings {
            graphiql: true,
            docs: Some(facts(format!("http://{}", listener.local_addr().unwrap()))),
            ..HttpSettings::default()
        },
        drain: drain.clone(),
        public: Some(Arc::clone(&world.app)),
    })
    .unwrap();
    tokio::spawn(async move { serve(listener, router, drain, ServeSettings::default()).await.unwrap() })
}
