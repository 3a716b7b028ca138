//! The schema over real parts: an SQLite file, the simulated vendors, a clock that stands still. No job runs.

use std::sync::Arc;

use async_graphql::{Request, Response, Variables, futures_util::StreamExt as _};
use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, Hub,
        input::{OperatorAccount, OperatorApiKey},
        ports::{Job, JobQueue, QueueError},
    },
    clock::{ManualClock, SharedClock, from_millis},
    connector::{Client, ClientSettings},
    domain::account::{AccountRole, Actor, Permission},
    graphql::{Caller, CoppiceSchema, Limits, RequestId, build_schema, prepare, write_json},
    id::{IdSource, Kind, PublicId, Uuid},
    secret::{KeyRing, SealingKey},
    simulator::{Access, CustomerSpec, FleetSpec, ServerSpec, Simulator},
    store::{DatabaseSettings, Store},
    token::{TokenKey, TokenKeys},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// 10 June 2026, 12:00 UTC.
const NOW: i64 = 1_781_092_800_000;

/// Forgets jobs: here nobody works.
struct NoQueue;

#[async_trait]
impl JobQueue for NoQueue {
    async fn push(&self, _: Job) -> Result<(), QueueError> {
        Ok(())
    }
}

pub(super) struct Api {
    pub(super) app: Arc<App>,
    pub(super) simulator: Simulator,
    pub(super) schema: CoppiceSchema,
    _files: TempDir,
}

impl Api {
    pub(super) async fn start() -> Self {
        let clock: SharedClock = Arc::new(ManualClock::at(from_millis(NOW)));
        let ids = Arc::new(IdSource::seeded(7));
        let files = TempDir::new().unwrap();
        let simulator = Simulator::start(fleet(), Arc::clone(&clock)).await.unwrap();
        let ca = files.path().join("ca.pem");
        std::fs::write(&ca, simulator.ca_pem()).unwrap();
        let url = format!("sqlite://{}", files.path().join("coppice.db").display());
        let store = Store::open(&DatabaseSettings { url, max_connections: 4 }, Arc::clone(&clock)).await.unwrap();
        store.migrate().await.unwrap();
        let calls = ClientSettings {
            extra_ca: Some(ca),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..ClientSettings::default()
        };
        let client = Client::new(calls, Arc::clone(&clock), Arc::clone(&ids)).unwrap();
        let keys = Arc::new(KeyRing::new(SealingKey::generate(&ids), Vec::new()));
        let app = Arc::new(App::new(AppParts {
            store,
            clock,
            ids,
            connectors: Arc::new(ConnectorCache::new(client, keys)),
            tokens: Some(Arc::new(TokenKeys::new(vec![TokenKey::from_seed(&[7; 32]).unwrap()], "coppice", "coppice").unwrap())),
            queue: Arc::new(NoQueue),
            hub: Hub::default(),
            settings: AppSettings::default(),
        }));
        let schema = build_schema(Arc::clone(&app), Limits::default());
        Self { app, simulator, schema, _files: files }
    }

    /// An account made by the operator.
    pub(super) async fn account(&self, name: &str, role: AccountRole, parent_id: Option<Uuid>) -> Uuid {
        let account =
            OperatorAccount { name: name.into(), role, parent_id, time_zone: Some(Tz::Europe__Berlin), external_id: None };
        self.app.operator_create_account(account).await.unwrap().unwrap().id
    }

    /// Who a new API key of an account is.
    pub(super) async fn caller(&self, account_id: Uuid, permission: Permission) -> Actor {
        let key = OperatorApiKey { account_id, name: "test".into(), permission, expires_in_days: None };
        let (_, text) = self.app.operator_create_api_key(key).await.unwrap().unwrap();
        self.app.authenticate_api_key(text.expose()).await.unwrap().unwrap()
    }

    fn request(&self, caller: Actor, query: &str, variables: Value) -> Request {
        let mut request = Request::new(query).variables(Variables::from_json(variables));
        prepare(&mut request, &self.app, Caller(Some(caller)), RequestId("req-1".into()));
        request
    }

    /// The answer to a stranger.
    pub(super) async fn stranger(&self, query: &str, variables: Value) -> Response {
        let mut request = Request::new(query).variables(Variables::from_json(variables));
        prepare(&mut request, &self.app, Caller(None), RequestId("req-2".into()));
        self.schema.execute(request).await
    }

    /// The answer as it is sent, read again.
    pub(super) async fn execute(&self, caller: Actor, query: &str, variables: Value) -> Response {
        let mut response = self.schema.answer(self.request(caller, query, variables)).await;
        let mut sent = Vec::new();
        write_json(&mut sent, &response.data);
        response.data = serde_json::from_slice(&sent).unwrap();
        response
    }

    /// The data of an answer without errors.
    pub(super) async fn data(&self, caller: Actor, query: &str, variables: Value) -> Value {
        let response = self.execute(caller, query, variables).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()
    }

    /// The data of a subscription's events, to its end.
    pub(super) async fn events(&self, caller: Actor, query: &str, variables: Value) -> Vec<Value> {
        let stream = self.schema.execute_stream(self.request(caller, query, variables));
        let event = async |response: Response| {
            assert!(response.errors.is_empty(), "{:?}", response.errors);
            response.data.into_json().unwrap()
        };
        stream.then(event).collect().await
    }

    /// The data of the first so many events of a subscription that does not end.
    pub(super) async fn first_events(&self, caller: Actor, query: &str, variables: Value, number: usize) -> Vec<Value> {
        let stream = self.schema.execute_stream(self.request(caller, query, variables)).take(number);
        let event = async |response: Response| {
            assert!(response.errors.is_empty(), "{:?}", response.errors);
            response.data.into_json().unwrap()
        };
        stream.then(event).collect().await
    }

    /// Input of `registerServer` for the simulated 3manager.
    pub(super) fn server(&self, account: &str) -> Value {
        json!({
            "accountId": account,
            "name": "Office",
            "url": self.simulator.url(0),
            "credentials": { "threeManager": { "username": "dealer", "password": "right" } },
        })
    }
}

fn fleet() -> FleetSpec {
    let access = Access::ThreeManager { username: "dealer".into(), password: "right".into() };
    let mut server = ServerSpec::new("Office", access, Tz::Europe__Berlin);
    server.customers = vec![CustomerSpec::new("acme", "Acme"), CustomerSpec::new("bolt", "Bolt")];
    FleetSpec { seed: 1, first_day: NaiveDate::from_ymd_opt(2026, 5, 1).unwrap(), servers: vec![server] }
}

/// An account's public id.
pub(super) fn account_id(id: Uuid) -> String {
    PublicId::new(Kind::Account, id).to_string()
}
