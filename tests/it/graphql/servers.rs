//! Servers, feeds and runs, from registration to a cancelled run.

use coppice::domain::account::{AccountRole, Permission};
use serde_json::{Value, json};

use super::api::{Api, account_id};

const TEST: &str = "mutation ($input: TestServerConnectionInput!) { testServerConnection(input: $input) {
    passed reason message userErrors { code field }
} }";
const REGISTER: &str = "mutation ($input: RegisterServerInput!) { registerServer(input: $input) {
    server { id vendor name timeZone nightlyAt status nextRunAt version credentials { username hint } health { status history { nodes { status subject { __typename } } } } account { id } }
    userErrors { code field message }
} }";
const FEED: &str = "mutation ($input: RegisterFeedInput!) { registerFeed(input: $input) {
    feed { id name status externalId collectionScope server { id } account { id } coveredThrough } userErrors { code field }
} }";
const CUSTOMERS: &str =
    "query ($id: ID!) { server(id: $id) { customers { nodes { externalId name feed { id } } error { reason } } } }";

#[tokio::test]
async fn from_registration_to_a_cancelled_run() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let customer = api.account("Acme", AccountRole::Customer, Some(dealer)).await;
    let caller = api.caller(dealer, Permission::Write).await;
    let (dealer, acme) = (account_id(dealer), account_id(customer));

    let server = api.data(caller, REGISTER, json!({ "input": api.server(&dealer) })).await["registerServer"].take();
    assert_eq!(server["userErrors"], json!([]), "{server}");
    let server = &server["server"];
    assert_eq!(server["vendor"], "THREE_MANAGER");
    assert_eq!(
        (&server["timeZone"], &server["nightlyAt"], &server["status"]),
        (&json!("Europe/Berlin"), &json!("03:30"), &json!("ACTIVE"))
    );
    assert_eq!(server["nextRunAt"], "2026-06-11T01:30:00.000Z");
    assert_eq!(server["credentials"]["username"], "dealer");
    assert!(!server.to_string().contains("right"), "a secret is shown");
    assert_eq!(server["health"]["history"]["nodes"], json!([{ "status": "HEALTHY", "subject": { "__typename": "Server" } }]));
    let id = json!({ "id": server["id"] });

    let listed = api.data(caller, CUSTOMERS, id.clone()).await["server"]["customers"].take();
    assert_eq!(
        listed,
        json!({ "nodes": [{ "externalId": "acme", "name": "Acme", "feed": null }, { "externalId": "bolt", "name": "Bolt", "feed": null }], "error": null })
    );

    let input = json!({ "serverId": server["id"], "accountId": acme, "externalId": "acme", "activationDate": "2026-06-10" });
    let feed = api.data(caller, FEED, json!({ "input": input })).await["registerFeed"].take();
    assert_eq!(feed["userErrors"], json!([]));
    let feed = feed["feed"].clone();
    assert_eq!(
        (&feed["status"], &feed["collectionScope"], &feed["coveredThrough"]),
        (&json!("ACTIVE"), &json!("ALL"), &Value::Null)
    );
    let twice = api.data(caller, FEED, json!({ "input": input })).await["registerFeed"].take();
    assert_eq!(twice["userErrors"][0]["code"], "TAKEN");
    let listed = api.data(caller, CUSTOMERS, id.clone()).await["server"]["customers"]["nodes"].take();
    assert_eq!(listed[0]["feed"]["id"], feed["id"]);

    let start = "mutation ($input: StartSyncInput!) { startSync(input: $input) {
        syncRun { id status trigger server { id currentRun { id } } progress { runId cursor feedsTotal } } userErrors { code }
    } }";
    let started =
        api.data(caller, start, json!({ "input": { "serverId": server["id"] } })).await["startSync"]["syncRun"].take();
    assert_eq!((&started["status"], &started["trigger"]), (&json!("QUEUED"), &json!("MANUAL")));
    assert_eq!(started["server"]["currentRun"]["id"], started["id"]);

    let cancel = "mutation ($input: CancelSyncInput!) { cancelSync(input: $input) { syncRun { status finishedAt } userErrors { code } } }";
    let run = json!({ "input": { "runId": started["id"] } });
    let cancelled = api.data(caller, cancel, run.clone()).await["cancelSync"].take();
    assert_eq!(cancelled["syncRun"]["status"], "CANCELLED");

    let progress = "subscription ($run: ID, $after: String) { syncProgress(runId: $run, after: $after) { runId cursor status syncRun { server { name } } estimatedFinishAt } }";
    let states = api.events(caller, progress, json!({ "run": started["id"] })).await;
    assert_eq!(states.len(), 1, "the stored state, then the end");
    assert_eq!(states[0]["syncProgress"]["status"], "CANCELLED");
    assert_eq!(states[0]["syncProgress"]["syncRun"]["server"]["name"], "Office");

    let runs = "query ($id: ID) { syncRuns(filter: { serverId: $id, status: [CANCELLED] }) { nodes { id } } none: syncRuns(filter: { serverId: $id, status: [RUNNING] }) { nodes { id } } }";
    assert_eq!(
        api.data(caller, runs, id).await,
        json!({ "syncRuns": { "nodes": [{ "id": started["id"] }] }, "none": { "nodes": [] } })
    );

    let below = api.caller(customer, Permission::Read).await;
    let seen = "query ($feed: ID!, $server: ID!, $run: ID!) { feed(id: $feed) { name server { id } devices { nodes { id } } collections { nodes { id } } }
        server(id: $server) { id } syncRun(id: $run) { id } servers { nodes { id } } }";
    let variables = json!({ "feed": feed["id"], "server": server["id"], "run": started["id"] });
    assert_eq!(
        api.data(below, seen, variables).await,
        json!({
            "feed": { "name": null, "server": null, "devices": { "nodes": [] }, "collections": { "nodes": [] } },
            "server": null, "syncRun": null, "servers": { "nodes": [] },
        }),
        "a customer sees its feed and not its partner's server"
    );
    assert_eq!(api.events(below, progress, json!({ "run": started["id"] })).await, Vec::<Value>::new());
}

#[tokio::test]
async fn bad_input_is_named_and_stores_nothing() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let stranger = api.account("Stranger", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Write).await;
    let dealer = account_id(dealer);
    let with = |field: &str, value: Value| {
        let mut input = api.server(&dealer);
        input[field] = value;
        input
    };
    let wrong = json!({ "threeManager": { "username": "dealer", "password": "wrong" } });
    for (input, code, field) in [
        (with("url", json!("http://example.com")), "INVALID", json!(["url"])),
        (with("url", json!("https://127.0.0.1:1")), "CONNECTION_FAILED", json!(["url"])),
        (with("credentials", wrong.clone()), "CREDENTIALS_REFUSED", json!(["credentials"])),
        (with("accountId", json!(account_id(stranger))), "NOT_FOUND", json!(["accountId"])),
        (with("accountId", json!("nonsense")), "NOT_FOUND", json!(["accountId"])),
        (with("name", json!("")), "INVALID", json!(["name"])),
    ] {
        let answer = api.data(caller, REGISTER, json!({ "input": input })).await["registerServer"].take();
        assert_eq!(answer["server"], Value::Null, "{input}");
        assert_eq!((&answer["userErrors"][0]["code"], &answer["userErrors"][0]["field"]), (&json!(code), &field), "{input}");
    }
    let tested = api.data(caller, TEST, json!({ "input": { "url": api.simulator.url(0), "credentials": wrong } })).await;
    assert_eq!(tested["testServerConnection"]["reason"], "CREDENTIALS_REFUSED");
    assert_eq!(tested["testServerConnection"]["passed"], false);
    assert_eq!(tested["testServerConnection"]["userErrors"], json!([]));
    assert_eq!(api.data(caller, "{ servers { nodes { id } } }", json!({})).await["servers"]["nodes"], json!([]));
}
