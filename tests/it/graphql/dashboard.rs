//! Lists within lists cost as many statements for many parents as for one, and say the same as each list asked for alone.

use std::sync::Arc;

use async_graphql::{Request, Response, Variables};
use chrono::TimeDelta;
use chrono_tz::Tz;
use coppice::{
    clock::Clock as _,
    domain::{account::Actor, vendor::VendorKind},
    graphql::{Caller, CoppiceSchema, Limits, RequestId, build_schema, prepare},
    id::{Kind as Id, PublicId, Uuid},
};
use serde_json::{Value, json};

use crate::support::world::{Kind, Tree, World, on_both, writer};

on_both!(
    a_dashboard_of_fifty_feeds_asks_no_more_than_one_of_two,
    every_list_says_what_it_says_alone,
    a_cursor_of_another_list_costs_its_own_field,
);

struct Office {
    world: World,
    tree: Tree,
    by: Actor,
    schema: CoppiceSchema,
    server: Uuid,
    feeds: Vec<Uuid>,
}

impl Office {
    /// One server with so many feeds, each with three ended collections, two devices and changes of health.
    async fn new(kind: Kind, feeds: usize) -> Self {
        let world = World::new(kind).await;
        let tree = world.tree().await;
        let by = writer(&tree.partner);
        let server = world.server(&tree.partner, VendorKind::Printanista, Tz::UTC).await;
        let mut keys = Vec::new();
        for number in 0..feeds {
            // Feeds without names are in the order of their keys.
            world.advance(TimeDelta::milliseconds(1));
            let account = if number % 2 == 0 { &tree.customer } else { &tree.sibling };
            keys.push(world.feed(&by, &server, account, &format!("{number:03}"), "2026-03-01").await.id);
        }
        let office = Self {
            schema: build_schema(Arc::clone(&world.app), Limits::default()),
            world,
            tree,
            by,
            server: server.id,
            feeds: keys,
        };
        office.fill().await;
        office
    }

    fn key(&self) -> String {
        // Collections are in the order of their keys.
        self.world.advance(TimeDelta::milliseconds(1));
        let id = self.world.ids.uuid(self.world.clock.now());
        self.world.database.key(id)
    }

    async fn fill(&self) {
        let database = &self.world.database;
        let server = database.key(self.server);
        for run in 0..3_i64 {
            let key = self.key();
            let at = 1_772_500_000_000 + run * 86_400_000;
            let insert = format!(
                "INSERT INTO sync_run (id, server_id, trigger_kind, status, due_at, requested_at, planned, cancel_requested, finished_at, \
                 crashes, progress_seq, feeds_total, feeds_done, feeds_failed, days_total, days_done, pages) \
                 VALUES ({key}, {server}, 'NIGHTLY', 'SUCCEEDED', {at}, {at}, TRUE, FALSE, {at}, 0, 1, 0, 0, 0, 0, 0, 0)"
            );
            database.sql(&insert).await.unwrap();
            let rows = self.feeds.iter().enumerate().map(|(position, feed)| {
                format!(
                    "({}, {key}, {}, {position}, 'SUCCEEDED', '2026-03-01', '2026-03-01', FALSE, {run}, 0, 0, 0, 1, {at})",
                    self.key(),
                    database.key(*feed),
                )
            });
            let columns = "collection (id, run_id, feed_id, position, status, from_day, to_day, earlier, small, large, duplex, standard, \
                           attempts, finished_at)";
            self.insert(columns, rows).await;
        }
        let devices: Vec<[Uuid; 2]> =
            self.feeds.iter().map(|_| [0, 1].map(|_| self.world.ids.uuid(self.world.clock.now()))).collect();
        let of_feeds = || self.feeds.iter().map(|feed| database.key(*feed)).zip(&devices).enumerate();
        let rows = of_feeds().flat_map(|(number, (feed, devices))| {
            let named = ["a", "b"].into_iter().zip(devices);
            let row = |(name, id): (&str, &Uuid)| format!("({}, {server}, {feed}, '{number:03}{name}')", database.key(*id));
            named.map(row).collect::<Vec<_>>()
        });
        self.insert("device (id, server_id, feed_id, vendor_device_id)", rows).await;
        let rows = of_feeds().map(|(number, (feed, [a, b]))| {
            let counts = format!("true,true,null,null,\"SD\",[[{number},5,20485,25,50],[0,0,20485,0,0],[1,1,20485,4,0]],{{}}");
            format!("({feed}, '[[\"{a}\",\"{number:03}a\",{counts}],[\"{b}\",\"{number:03}b\",{counts}]]')")
        });
        self.insert("fleet (feed_id, devices)", rows).await;
        let rows = of_feeds().flat_map(|(number, (feed, _))| {
            let account = database.key(if number % 2 == 0 { self.tree.customer.id } else { self.tree.sibling.id });
            let row = |(place, status)| {
                format!("({account}, {place}, {place}, 'FEED', {feed}, '{status}', 'PENDING', 1772000000000)")
            };
            [(number * 2 + 1, "HEALTHY"), (number * 2 + 2, "UNHEALTHY")].map(row)
        });
        let columns =
            "health_change (account_id, number, place, subject_kind, subject_id, status, previous_status, changed_at)";
        self.insert(columns, rows).await;
    }

    async fn insert(&self, columns: &str, rows: impl Iterator<Item = String>) {
        let rows: Vec<String> = rows.collect();
        self.world.database.sql(&format!("INSERT INTO {columns} VALUES {}", rows.join(", "))).await.unwrap();
    }

    async fn execute(&self, query: &str, variables: Value) -> Response {
        let mut request = Request::new(query).variables(Variables::from_json(variables));
        prepare(&mut request, &self.world.app, Caller(Some(self.by)), RequestId("req-1".into()));
        self.schema.execute(request).await
    }

    async fn data(&self, query: &str, variables: Value) -> Value {
        let response = self.execute(query, variables).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()
    }
}

const DASHBOARD: &str = r#"query ($account: ID!) {
  account(id: $account) {
    name
    totals { monthToDate { pages trees } lifetime { pages trees } }
    consumption(from: "2025-04-01", to: "2026-03-31", interval: MONTH) { points { from pages trees } }
    feeds(first: 50) { nodes {
      id name externalId status health { status changedAt history(first: 1) { nodes { status } } }
      account { name } server { name currentRun { id } syncRuns(first: 1) { nodes { requestedAt } } }
      collections(first: 1) { nodes { status pages finishedAt syncRun { trigger } } }
      deposits(first: 3) { nodes { date small } } devices(first: 5) { nodes { id vendorDeviceId } } anomalies(first: 1) { nodes { id } }
    } }
  }
}"#;

async fn a_dashboard_of_fifty_feeds_asks_no_more_than_one_of_two(kind: Kind) {
    let mut counts = Vec::new();
    for feeds in [2, 50] {
        let office = Office::new(kind, feeds).await;
        let account = json!({ "account": PublicId::new(Id::Account, office.tree.partner.id).to_string() });
        office.world.statements();
        let data = office.data(DASHBOARD, account).await;
        counts.push(office.world.statements());
        let nodes = data["account"]["feeds"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), feeds);
        for node in nodes {
            let last = &node["collections"]["nodes"];
            assert_eq!(
                (last.as_array().unwrap().len(), &last[0]["pages"], &last[0]["syncRun"]["trigger"]),
                (1, &json!(2), &json!("NIGHTLY"))
            );
            assert_eq!(node["health"]["history"]["nodes"], json!([{ "status": "UNHEALTHY" }]));
            let names: Vec<&str> = node["devices"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|device| device["vendorDeviceId"].as_str().unwrap())
                .collect();
            let of = node["externalId"].as_str().unwrap();
            assert_eq!(names, ["a", "b"].map(|name| format!("{of}{name}")));
        }
    }
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] > 5 && counts[0] <= 20, "{counts:?}");
}

async fn every_list_says_what_it_says_alone(kind: Kind) {
    let office = Office::new(kind, 5).await;
    let lists = "collections(PAGE) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } \
                 health { history(PAGE) { edges { cursor node { status } } pageInfo { hasNextPage hasPreviousPage } } } \
                 deposits(PAGE) { nodes { id } pageInfo { hasNextPage hasPreviousPage } } \
                 devices(PAGE) { edges { cursor node { id meters { kind lifeCount } } } pageInfo { hasNextPage hasPreviousPage } }";
    for page in ["first: 2", "last: 2", "first: 1", "last: 100"] {
        let lists = lists.replace("PAGE", page);
        let all = office.data(&format!("{{ feeds(first: 5) {{ nodes {{ id {lists} }} }} }}"), json!({})).await;
        let nodes = all["feeds"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 5);
        for node in nodes {
            let one = office
                .data(&format!("query ($id: ID!) {{ feed(id: $id) {{ id {lists} }} }}"), json!({ "id": node["id"] }))
                .await;
            assert_eq!(one["feed"], *node, "{page}");
        }
        let taken = nodes[0]["collections"]["edges"].as_array().unwrap().len();
        assert_eq!(
            taken,
            match page {
                "first: 1" => 1,
                "last: 100" => 3,
                _ => 2,
            },
            "{page}"
        );
        assert_eq!(nodes[0]["collections"]["pageInfo"]["hasNextPage"], page.starts_with("first"), "{page}");
    }
    // From a cursor on, and the lists of other parents.
    let query = "{ servers { nodes { syncRuns(first: 2) { nodes { requestedAt collections(first: 2) { nodes { feed { externalId } } pageInfo { endCursor } } } } feeds(last: 1) { nodes { externalId } } } } \
                 accounts { nodes { name children(first: 1) { nodes { name } pageInfo { hasNextPage } } servers { nodes { name } } feeds(first: 1) { nodes { externalId } } } } }";
    let data = office.data(query, json!({})).await;
    let runs = &data["servers"]["nodes"][0]["syncRuns"]["nodes"];
    assert!(runs[0]["requestedAt"].as_str() > runs[1]["requestedAt"].as_str());
    let ids = |list: &Value| -> Vec<String> {
        list["nodes"].as_array().unwrap().iter().map(|node| node["feed"]["externalId"].as_str().unwrap().to_owned()).collect()
    };
    for run in runs.as_array().unwrap() {
        assert_eq!(ids(&run["collections"]), ["000", "001"]);
    }
    assert_eq!(data["servers"]["nodes"][0]["feeds"]["nodes"], json!([{ "externalId": "004" }]));
    let partner = &data["accounts"]["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "Partner").unwrap();
    assert_eq!(partner["children"], json!({ "nodes": [{ "name": "Customer" }], "pageInfo": { "hasNextPage": true } }));
    assert_eq!(partner["servers"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(partner["feeds"]["nodes"], json!([{ "externalId": "000" }]));
    let sibling = &data["accounts"]["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "Sibling").unwrap();
    assert_eq!(sibling["children"], json!({ "nodes": [], "pageInfo": { "hasNextPage": false } }));
    assert_eq!(sibling["feeds"]["nodes"], json!([{ "externalId": "001" }]));
    let after = &runs[0]["collections"]["pageInfo"]["endCursor"];
    let query = "query ($after: String) { syncRuns(first: 2) { nodes { collections(first: 2, after: $after) { nodes { feed { externalId } } pageInfo { hasPreviousPage } } } } }";
    let data = office.data(query, json!({ "after": after })).await;
    assert!(data["syncRuns"]["nodes"].as_array().unwrap().iter().all(|run| {
        run["collections"]["pageInfo"]["hasPreviousPage"] == true
            && ids(&run["collections"]).first().map(String::as_str) >= Some("001")
    }));
}

async fn a_cursor_of_another_list_costs_its_own_field(kind: Kind) {
    let office = Office::new(kind, 2).await;
    let id = PublicId::new(Id::Feed, office.feeds[0]).to_string();
    let cursor = "{ servers(first: 1) { edges { cursor } } }";
    let cursor = office.data(cursor, json!({})).await["servers"]["edges"][0]["cursor"].take();
    let query = "query ($id: ID!, $of: String) { good: feed(id: $id) { collections(first: 1) { nodes { pages } } }
        bad: feed(id: $id) { collections(first: 1, after: $of) { nodes { pages } } } }";
    let response = office.execute(query, json!({ "id": id, "of": cursor })).await;
    assert_eq!(response.errors.len(), 1);
    assert!(response.errors[0].message.starts_with("The cursor is one of another list"), "{:?}", response.errors);
    let data = response.data.into_json().unwrap();
    assert_eq!(data, json!({ "good": { "collections": { "nodes": [{ "pages": 2 }] } }, "bad": null }));
}
