//! What is listed below each of many accounts costs as many statements as below a few, and is what each account says alone.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use chrono::TimeDelta;
use chrono_tz::Tz;
use coppice::{
    app::input::{CreateApiKey, CreateDeposit, CreateUser, IssueCertificates, OperatorProject},
    clock::Clock as _,
    domain::{
        account::{Account, AccountRole, Actor, Permission},
        pages::Pages,
        vendor::VendorKind,
    },
    graphql::{Caller, CoppiceSchema, GateSettings, Limits, Rate, RequestId, build_schema_with, prepare},
};
use serde_json::{Value, json};

use crate::support::world::{Kind, World, actor, on_both};

on_both!(thirty_accounts_ask_no_more_than_three, each_account_gets_what_it_gets_alone, people_are_shown_to_administrators);

struct Portfolio {
    world: World,
    by: Actor,
    schema: CoppiceSchema,
}

impl Portfolio {
    /// A partner with so many customers that have two or three of everything, and two that have nothing.
    async fn new(kind: Kind, customers: usize) -> Self {
        let world = World::new(kind).await;
        let tree = world.tree().await;
        let by = actor(&tree.partner, Permission::Admin);
        let project = OperatorProject {
            name: "River".to_owned(),
            country: "ke".to_owned(),
            description: "Trees along the river.".to_owned(),
            ..OperatorProject::default()
        };
        world.app.operator_create_project(project).await.unwrap().unwrap();
        let server = world.server(&tree.partner, VendorKind::Printanista, Tz::UTC).await;
        let (mut anomalies, mut unhealthy) = (Vec::new(), Vec::new());
        for number in 0..customers {
            let account = world.account(&format!("Customer {number:02}"), AccountRole::Customer, Some(&tree.partner)).await;
            people(&world, &by, &account, number).await;
            certificates(&world, &by, &account).await;
            for part in 0..2 {
                world.advance(TimeDelta::milliseconds(1));
                let own = world.server(&account, VendorKind::Printanista, Tz::UTC).await;
                let name = format!("{number}-{part}");
                let feed = world.feed(&by, &server, &account, &name, "2026-03-01").await;
                let anomaly = world.ids.uuid(world.clock.now());
                let [anomaly, feed, own] = [anomaly, feed.id, own.id].map(|id| world.database.key(id));
                anomalies.push(format!(
                    "({anomaly}, {feed}, 'METER_SPIKE', 'OPEN', 'LETTER', {number}, '2026-02-01', '2026-02-02', '{name}', {number})"
                ));
                unhealthy.push(("feed", feed));
                unhealthy.push(("server", own));
            }
        }
        let meter = coppice::domain::device::MeterKind::ALL[0].as_str();
        let insert = format!(
            "INSERT INTO anomaly (id, feed_id, kind, status, meter, held, from_day, to_day, source_key, raised_at) VALUES {}",
            anomalies.join(", ").replace("LETTER", meter)
        );
        world.database.sql(&insert).await.unwrap();
        for (table, key) in unhealthy {
            let update = format!(
                "UPDATE {table} SET health_status = 'UNHEALTHY', health_reason = 'UNREACHABLE', health_changed_at = 1 WHERE id = {key}"
            );
            world.database.sql(&update).await.unwrap();
        }
        // What is compared is more than anybody may ask at once.
        let unlimited = Rate { points: 0, per_second: 1 };
        let settings = GateSettings {
            limits: Limits { complexity: usize::MAX, ..Limits::default() },
            budget: unlimited,
            anonymous_budget: unlimited,
            ..GateSettings::default()
        };
        let schema = build_schema_with(Arc::clone(&world.app), settings, Arc::clone(&world.clock) as _);
        Self { world, by, schema }
    }

    async fn data_for(&self, by: Actor, query: &str, variables: Value) -> Value {
        let mut request = Request::new(query).variables(Variables::from_json(variables));
        prepare(&mut request, &self.world.app, Caller(Some(by)), RequestId("req-1".into()));
        let response = self.schema.execute(request).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()
    }

    async fn data(&self, query: &str, variables: Value) -> Value {
        self.data_for(self.by, query, variables).await
    }

    /// What is asked of all customers in one request, by customer.
    async fn all(&self, fields: &str) -> Vec<Value> {
        let query = format!("{{ accounts(first: 100, filter: {{ role: CUSTOMER }}) {{ nodes {{ id {fields} }} }} }}");
        self.data(&query, json!({})).await["accounts"]["nodes"].as_array().unwrap().clone()
    }

    /// Whether each customer alone gets the same.
    async fn compare(&self, fields: &str) -> Vec<Value> {
        let all = self.all(fields).await;
        for one in &all {
            let query = format!("query ($id: ID!) {{ account(id: $id) {{ id {fields} }} }}");
            assert_eq!(self.data(&query, json!({ "id": one["id"] })).await["account"], *one, "{fields}");
        }
        all
    }
}

async fn people(world: &World, by: &Actor, account: &Account, number: usize) {
    for name in ["Zoe", "Adam", "Mia"] {
        world.advance(TimeDelta::milliseconds(1));
        let user = CreateUser {
            account_id: account.id,
            name: name.to_owned(),
            email: format!("{name}{number}@example.com"),
            permission: Permission::Read,
            idempotency_key: None,
        };
        world.app.create_user(by, user).await.unwrap().unwrap();
        let key = CreateApiKey {
            account_id: account.id,
            name: name.to_owned(),
            permission: Permission::Read,
            expires_at: None,
            idempotency_key: None,
        };
        world.app.create_api_key(by, key).await.unwrap().unwrap();
    }
}

/// Two certificates of an account, each of two entries.
async fn certificates(world: &World, by: &Actor, account: &Account) {
    for month in ["2026-01", "2026-02"] {
        for day in ["20", "10"] {
            let entry = CreateDeposit {
                account_id: account.id,
                day: format!("{month}-{day}").parse().unwrap(),
                pages: Pages { small: 100_000, large: 0, duplex: 0 },
                paper: Vec::new(),
                note: None,
                idempotency_key: None,
            };
            world.app.create_deposit(by, entry).await.unwrap().unwrap();
        }
        world.advance(TimeDelta::milliseconds(1));
        let issue = IssueCertificates { account_id: account.id, month: month.parse().unwrap(), idempotency_key: None };
        assert_eq!(world.app.issue_certificates(by, issue).await.unwrap().unwrap().len(), 1);
    }
}

const SLICE: &str = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";

/// Everything that is listed below an account, a page of each.
fn lists(page: &str) -> String {
    let list = |name: &str, fields: &str| format!("{name}({page}) {{ edges {{ cursor node {{ id {fields} }} }} {SLICE} }}");
    let deposits = list("deposits", "date");
    format!(
        "totals {{ lifetime {{ pages }} }} \
         months: consumption(from: \"2026-01-01\", to: \"2026-03-31\", interval: MONTH) {{ points {{ pages }} total {{ pages }} }} \
         weeks: consumption(from: \"2026-01-10\", to: \"2026-02-20\", interval: WEEK) {{ points {{ from pages }} }} {} {} {} \
         health {{ servers {{ healthy unhealthy }} feeds {{ pending unhealthy }} openAnomalyCount heldPages {} {} {} }}",
        list("users", "name"),
        list("apiKeys", "name"),
        list("certificates", &format!("trees allocations {{ trees project {{ name }} }} {deposits}")),
        list("unhealthyServers", "name"),
        list("unhealthyFeeds", "externalId"),
        list("openAnomalies", "raisedAt"),
    )
}

async fn thirty_accounts_ask_no_more_than_three(kind: Kind) {
    let mut counts = Vec::new();
    for customers in [3, 30] {
        let portfolio = Portfolio::new(kind, customers).await;
        portfolio.world.statements();
        let all = portfolio.all(&lists("first: 5")).await;
        counts.push(portfolio.world.statements());
        assert_eq!(all.len(), customers + 2);
        let full = all.iter().filter(|one| one["certificates"]["edges"].as_array().unwrap().len() == 2);
        assert_eq!(full.count(), customers);
    }
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] > 10 && counts[0] <= 25, "{counts:?}");
}

async fn each_account_gets_what_it_gets_alone(kind: Kind) {
    let portfolio = Portfolio::new(kind, 3).await;
    for page in ["first: 1", "last: 1", "first: 2", "last: 100"] {
        portfolio.compare(&lists(page)).await;
    }
    let all = portfolio.compare(&lists("first: 100")).await;
    let one = all.iter().find(|one| one["health"]["heldPages"] == 4).unwrap();
    let names = |list: &Value, name: &str| -> Vec<String> {
        list["edges"].as_array().unwrap().iter().map(|edge| edge["node"][name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&one["users"], "name"), ["Adam", "Mia", "Zoe"]);
    assert_eq!(names(&one["apiKeys"], "name"), ["Mia", "Adam", "Zoe"]);
    assert_eq!(names(&one["certificates"]["edges"][0]["node"]["deposits"], "date"), ["2026-02-10", "2026-02-20"]);
    assert_eq!(names(&one["certificates"]["edges"][1]["node"]["deposits"], "date"), ["2026-01-10", "2026-01-20"]);
    assert_eq!(names(&one["health"]["unhealthyFeeds"], "externalId"), ["2-0", "2-1"]);
    let health = &one["health"];
    assert_eq!((&health["servers"], &health["openAnomalyCount"]), (&json!({ "healthy": 0, "unhealthy": 2 }), &json!(2)));
    let summary = "query ($id: ID!) { health(accountId: $id) { openAnomalyCount heldPages } }";
    let summary = portfolio.data(summary, json!({ "id": one["id"] })).await;
    assert_eq!(summary["health"], json!({ "openAnomalyCount": 2, "heldPages": 4 }));

    // From one account's cursors on.
    for name in ["users", "apiKeys", "certificates"] {
        let cursor = one[name]["edges"][0]["cursor"].as_str().unwrap();
        for page in [format!("after: {cursor:?}"), format!("last: 1, before: {cursor:?}")] {
            portfolio.compare(&format!("{name}({page}) {{ edges {{ cursor node {{ id }} }} {SLICE} }}")).await;
        }
    }
    for name in ["unhealthyServers", "unhealthyFeeds", "openAnomalies"] {
        let cursor = one["health"][name]["edges"][0]["cursor"].as_str().unwrap();
        portfolio
            .compare(&format!("health {{ {name}(after: {cursor:?}) {{ edges {{ cursor node {{ id }} }} {SLICE} }} }}"))
            .await;
    }
    // The partner's lists hold those of all its customers, in statements of their own.
    let partner = "{ viewer { account { certificates { nodes { id } } health { openAnomalyCount heldPages
        unhealthyFeeds { nodes { id } } } users { nodes { id } } children { nodes { certificates { nodes { id } } } } } } }";
    let partner = portfolio.data(partner, json!({})).await["viewer"]["account"].take();
    assert_eq!(partner["certificates"]["nodes"].as_array().unwrap().len(), 6);
    assert_eq!(partner["users"]["nodes"], json!([]), "users are of the account itself");
    assert_eq!((&partner["health"]["openAnomalyCount"], &partner["health"]["heldPages"]), (&json!(6), &json!(6)));
}

async fn people_are_shown_to_administrators(kind: Kind) {
    let portfolio = Portfolio::new(kind, 1).await;
    let query = "{ accounts(filter: { role: CUSTOMER }) { nodes { users { nodes { id } } apiKeys { nodes { id } } } } }";
    let writer = Actor { permission: Permission::Write, ..portfolio.by };
    let data = portfolio.data_for(writer, query, json!({})).await;
    let nodes = data["accounts"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    assert!(nodes.iter().all(|node| *node == json!({ "users": null, "apiKeys": null })), "{data}");
}
