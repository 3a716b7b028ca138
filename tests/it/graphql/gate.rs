//! Limits and budgets, over HTTP as clients meet them.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use coppice::{
    app::input::OperatorApiKey,
    clock::ManualClock,
    domain::account::Permission,
    graphql::{GateSettings, Rate, build_schema_with},
    http::{Drain, House, HttpParts, HttpSettings, router},
    lifecycle::CancellationToken,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::world::{Kind, World};

/// The API as it is served, but for the network.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) drain: Drain,
    clock: Arc<ManualClock>,
    /// Of each level.
    pub(super) keys: [String; 3],
    _world: World,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or("")
    }

    fn header(&self, name: &str) -> u64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }
}

impl Site {
    pub(super) async fn new(settings: GateSettings) -> Self {
        let world = World::new(Kind::Sqlite).await;
        let account = world.tree().await.partner;
        let mut keys = Vec::new();
        for permission in [Permission::Read, Permission::Write, Permission::Admin] {
            let key = OperatorApiKey { account_id: account.id, name: "test".into(), permission, expires_in_days: None };
            keys.push(world.app.operator_create_api_key(key).await.unwrap().unwrap().1.expose().to_owned());
        }
        let clock = Arc::clone(&world.clock);
        let schema = build_schema_with(Arc::clone(&world.app), settings, Arc::clone(&clock) as _);
        let drain = Drain::new(CancellationToken::new());
        let router = router(HttpParts {
            backend: Arc::new(House { app: Arc::clone(&world.app), schema, tokens: None }),
            clock: Arc::clone(&clock) as _,
            ids: world.ids.clone(),
            settings: HttpSettings::default(),
            drain: drain.clone(),
            public: None,
        });
        Self { router: router.unwrap(), drain, clock, keys: keys.try_into().unwrap(), _world: world }
    }

    pub(super) async fn ask(&self, key: Option<&str>, body: Value) -> Answer {
        let mut request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

const LIST: &str = "{ accounts(first: 100) { nodes { id name } } }";

#[tokio::test]
async fn every_answer_tells_what_it_cost() {
    let site = Site::new(GateSettings { budget: Rate { points: 1_000, per_second: 10 }, ..GateSettings::default() }).await;
    let answer = site.ask(Some(&site.keys[0]), json!({ "query": LIST })).await;
    // A hundred accounts may come; three do.
    let cost = &answer.body["extensions"]["cost"];
    assert_eq!(
        (&cost["requested"], &cost["actual"], &cost["limit"], &cost["remaining"]),
        (&json!(202), &json!(8), &json!(1_000), &json!(992))
    );
    assert_eq!(cost["resetAt"], "2026-03-02T12:00:00.800Z");
    assert_eq!(
        (answer.header("ratelimit-limit"), answer.header("ratelimit-remaining"), answer.header("ratelimit-reset")),
        (1_000, 992, 1)
    );
}

#[tokio::test]
async fn who_spends_too_much_is_told_when_to_come_back() {
    let site = Site::new(GateSettings {
        budget: Rate { points: 300, per_second: 1 },
        anonymous_budget: Rate { points: 50, per_second: 1 },
        ..GateSettings::default()
    })
    .await;
    let key = Some(site.keys[0].as_str());
    let aliases = (0..20).map(|n| format!("a{n}: accounts(first: 1) {{ nodes {{ id name }} }}")).collect::<Vec<_>>().join(" ");
    let costly = json!({ "query": format!("{{ {aliases} }}") });
    for _ in 0..3 {
        assert_eq!(site.ask(key, costly.clone()).await.status, 200);
    }
    let answer = site.ask(key, costly.clone()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    let wait = answer.header("retry-after");
    assert_eq!(answer.body["errors"][0]["extensions"]["cost"]["requested"], 80);
    assert!(answer.body.get("data").is_none());
    // Another key has a budget of its own, and so has whoever is not signed in.
    assert_eq!(site.ask(Some(&site.keys[1]), costly.clone()).await.status, 200);
    assert_eq!(site.ask(None, json!({ "query": "{ viewer { permission } }" })).await.status, 200);
    site.clock.advance(chrono::TimeDelta::seconds(wait.try_into().unwrap()));
    assert_eq!(site.ask(key, costly).await.status, 200);
}

#[tokio::test]
async fn without_introspection_nothing_is_told_about_the_schema() {
    let site = Site::new(GateSettings { introspection: false, ..GateSettings::default() }).await;
    let key = Some(site.keys[1].as_str());
    for query in [
        "{ __schema { queryType { name } } }",
        r#"{ __type(name: "Account") { name } }"#,
        "{ ...A } fragment A on Query { __schema { queryType { name } } }",
    ] {
        let answer = site.ask(key, json!({ "query": query })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{query}");
    }
    for query in [
        "{ acounts { nodes { id } } }",
        "{ accounts(frist: 1) { nodes { id } } }",
        "{ accounts(orderBy: NAME_ASK) { nodes { id } } }",
        "{ viewer }",
    ] {
        let answer = site.ask(key, json!({ "query": query })).await;
        assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED");
        assert!(!answer.body.to_string().to_lowercase().contains("did you mean"), "{}", answer.body);
    }
    assert_eq!(
        site.ask(key, json!({ "query": "{ viewer { __typename } }" })).await.body["data"]["viewer"]["__typename"],
        "Viewer"
    );
}

#[tokio::test]
async fn all_who_ask_for_much_at_once_are_answered() {
    let site = Site::new(GateSettings { at_once: 1, ..GateSettings::default() }).await;
    let asked = (0..40).map(|_| site.ask(Some(&site.keys[0]), json!({ "query": LIST })));
    for answer in join_all(asked).await {
        assert_eq!(
            (answer.status, answer.body["data"]["accounts"]["nodes"].as_array().map(Vec::len)),
            (StatusCode::OK, Some(3))
        );
    }
}
