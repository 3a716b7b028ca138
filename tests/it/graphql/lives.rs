//! What is done to servers, feeds and the ledger once they are there.

use coppice::{
    domain::account::{AccountRole, Actor, Permission},
    simulator::Fault,
};
use serde_json::{Value, json};

use super::api::{Api, account_id};

struct World {
    api: Api,
    caller: Actor,
    dealer: String,
    customer: String,
    server: Value,
    feed: Value,
}

impl World {
    async fn new() -> Self {
        let api = Api::start().await;
        let dealer = api.account("Dealer", AccountRole::Partner, None).await;
        let customer = api.account("Acme", AccountRole::Customer, Some(dealer)).await;
        let caller = api.caller(dealer, Permission::Write).await;
        let (dealer, customer) = (account_id(dealer), account_id(customer));
        let register = "mutation ($input: RegisterServerInput!) { registerServer(input: $input) { server { id } } }";
        let server = api.data(caller, register, json!({ "input": api.server(&dealer) })).await;
        let server = server["registerServer"]["server"]["id"].clone();
        let register = "mutation ($input: RegisterFeedInput!) { registerFeed(input: $input) { feed { id } } }";
        let input = json!({ "serverId": server, "accountId": customer, "externalId": "acme", "activationDate": "2026-06-01",
            "name": "Head office" });
        let feed = api.data(caller, register, json!({ "input": input })).await["registerFeed"]["feed"]["id"].take();
        Self { api, caller, dealer, customer, server, feed }
    }

    /// The payload of a mutation.
    async fn change(&self, name: &str, fields: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query =
            format!("mutation ($input: {kind}!) {{ {name}(input: $input) {{ {fields} userErrors {{ code field }} }} }}");
        self.api.data(self.caller, &query, json!({ "input": input })).await[name].take()
    }
}

#[tokio::test]
async fn a_feed_is_changed_paused_resumed_and_removed() {
    let world = World::new().await;
    let feed = "feed { status name activationDate collectionScope version }";
    let id = json!({ "feedId": world.feed });
    let paused = world.change("pauseFeed", feed, id.clone()).await;
    assert_eq!((&paused["feed"]["status"], &paused["feed"]["version"]), (&json!("PAUSED_BY_USER"), &json!(2)));
    let resumed = world.change("resumeFeed", feed, id.clone()).await;
    assert_eq!((&resumed["feed"]["status"], &resumed["feed"]["version"]), (&json!("BACKFILLING"), &json!(3)));

    let update = |change: Value| {
        let mut input = id.clone();
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        input
    };
    let scope = update(json!({ "collectionScope": "MANAGED_ONLY", "expectedVersion": 3 }));
    let changed = world.change("updateFeed", feed, scope.clone()).await;
    assert_eq!(
        (&changed["feed"]["collectionScope"], &changed["feed"]["name"]),
        (&json!("MANAGED_ONLY"), &json!("Head office"))
    );
    let conflict = world.change("updateFeed", feed, scope).await;
    assert_eq!(conflict["userErrors"], json!([{ "code": "CONFLICT", "field": ["expectedVersion"] }]));
    let unnamed = world.change("updateFeed", feed, update(json!({ "name": null }))).await;
    assert_eq!(unnamed["feed"]["name"], Value::Null);
    let earlier = world.change("updateFeed", feed, update(json!({ "activationDate": "2026-05-20" }))).await;
    assert_eq!(earlier["feed"]["activationDate"], "2026-05-20");
    let mistyped = update(json!({ "activationDate": "1926-05-20" }));
    let mistyped = world.change("updateFeed", "userErrors { message }", mistyped).await;
    assert_eq!(mistyped["userErrors"][0]["code"], "INVALID");
    assert!(mistyped["userErrors"][0]["message"].as_str().unwrap().starts_with("Not before 2000-01-01"), "{mistyped}");
    let later = world.change("updateFeed", feed, update(json!({ "activationDate": "2026-06-20" }))).await;
    assert_eq!(later["userErrors"], json!([{ "code": "INVALID_STATE", "field": ["activationDate"] }]));

    let removed = world.change("removeFeed", feed, id.clone()).await;
    assert_eq!(removed["feed"]["status"], "ENDED");
    for name in ["pauseFeed", "resumeFeed", "updateFeed"] {
        assert_eq!(world.change(name, feed, id.clone()).await["userErrors"][0]["code"], "INVALID_STATE");
    }
    let nothing = world.change("removeFeed", feed, json!({ "feedId": "fed_nothing" })).await;
    assert_eq!(nothing["userErrors"], json!([{ "code": "NOT_FOUND", "field": ["feedId"] }]));
}

#[tokio::test]
async fn a_server_is_changed_paused_resumed_checked_and_removed() {
    let world = World::new().await;
    let server = "server { status name nightlyAt version nextRunAt credentials { hint username } health { status reason } currentRun { trigger } }";
    let id = json!({ "serverId": world.server });
    let changed = json!({ "serverId": world.server, "name": "Depot", "nightlyAt": "04:15", "expectedVersion": 1 });
    let changed = world.change("updateServer", server, changed).await;
    assert_eq!(
        (&changed["server"]["name"], &changed["server"]["nightlyAt"], &changed["server"]["version"]),
        (&json!("Depot"), &json!("04:15"), &json!(2)),
        "{changed}"
    );
    let elsewhere = json!({ "serverId": world.server, "url": "https://example.com" });
    let refused = world.change("updateServer", server, elsewhere).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "INVALID", "field": ["credentials"] }]));
    let wrong = json!({ "threeManager": { "username": "dealer", "password": "wrong" } });
    let refused = world.change("updateServer", server, json!({ "serverId": world.server, "credentials": wrong })).await;
    assert_eq!(refused["userErrors"][0]["code"], "CREDENTIALS_REFUSED");

    let paused = world.change("pauseServer", server, id.clone()).await;
    assert_eq!(paused["server"]["status"], "PAUSED_BY_USER");
    assert_eq!((&paused["server"]["nextRunAt"], &paused["server"]["currentRun"]), (&Value::Null, &Value::Null));
    let resumed = world.change("resumeServer", server, id.clone()).await;
    assert_eq!(
        (&resumed["server"]["status"], &resumed["server"]["currentRun"]["trigger"]),
        (&json!("ACTIVE"), &json!("RECOVERY"))
    );

    world.api.simulator.set_fault(0, Some(Fault::Down));
    let checked = world.change("checkServer", server, id.clone()).await;
    assert_eq!(checked["userErrors"], json!([]), "an unhealthy server is an answer");
    assert_eq!(
        (&checked["server"]["status"], &checked["server"]["health"]["reason"]),
        (&json!("PAUSED_UNHEALTHY"), &json!("UNREACHABLE"))
    );

    let removed = world.change("removeServer", server, id.clone()).await;
    assert_eq!(removed["server"]["status"], "REMOVED");
    assert_eq!(removed["server"]["credentials"], json!({ "hint": "", "username": null }));
    let feed = "query ($id: ID!) { feed(id: $id) { status } }";
    assert_eq!(world.api.data(world.caller, feed, json!({ "id": world.feed })).await["feed"]["status"], "ENDED");
    assert_eq!(world.change("checkServer", server, id).await["userErrors"][0]["code"], "INVALID_STATE");
}

#[tokio::test]
async fn changes_of_health_are_heard_and_summed_up() {
    let world = World::new().await;
    world.api.simulator.set_fault(0, Some(Fault::Down));
    let health =
        "query ($id: ID!) { health(accountId: $id) { servers { healthy unhealthy } feeds { pending } openAnomalyCount heldPages
        unhealthyServers { nodes { id health { history { edges { cursor node { cursor status previousStatus } } } } } }
        unhealthyFeeds { nodes { id } } openAnomalies { nodes { id } } } }";
    let id = json!({ "id": world.dealer });
    let subscribe = "subscription ($id: ID!, $after: String) { healthChanged(accountId: $id, after: $after) {
        cursor status previousStatus reason message changedAt subject { __typename ... on Server { id status } ... on Feed { id } } } }";
    let heard = world.api.first_events(world.caller, subscribe, id.clone(), 1);
    let checked = async {
        tokio::task::yield_now().await;
        world.change("checkServer", "server { status }", json!({ "serverId": world.server })).await
    };
    let (heard, _) = tokio::join!(heard, checked);
    let change = &heard[0]["healthChanged"];
    assert_eq!(
        (&change["previousStatus"], &change["status"], &change["reason"]),
        (&json!("HEALTHY"), &json!("UNHEALTHY"), &json!("UNREACHABLE"))
    );
    assert_eq!(change["subject"], json!({ "__typename": "Server", "id": world.server, "status": "PAUSED_UNHEALTHY" }));

    let summary = world.api.data(world.caller, health, id.clone()).await["health"].take();
    assert_eq!(summary["servers"], json!({ "healthy": 0, "unhealthy": 1 }));
    assert_eq!((&summary["heldPages"], &summary["openAnomalyCount"]), (&json!(0), &json!(0)));
    let shown = &summary["unhealthyServers"]["nodes"][0];
    assert_eq!(shown["id"], world.server);
    let history = &shown["health"]["history"]["edges"];
    assert_eq!((&history[0]["cursor"], &history[0]["node"]["cursor"]), (&change["cursor"], &change["cursor"]));

    // From the change before on, it is heard again.
    let after = json!({ "id": world.dealer, "after": history[1]["cursor"] });
    let again = world.api.first_events(world.caller, subscribe, after, 1).await;
    assert_eq!(again[0]["healthChanged"]["cursor"], change["cursor"]);
}

#[tokio::test]
async fn entries_are_posted_and_taken_back_by_hand() {
    let world = World::new().await;
    let deposit = "deposit { id kind date small standardPages note methodologyVersion feed { id } reversalOf { id } }";
    let input = json!({ "accountId": world.customer, "date": "2026-06-09", "small": 100, "paper": [{ "quantity": 10 }],
        "note": "brochures", "idempotencyKey": "k1" });
    let made = world.change("createDeposit", deposit, input.clone()).await["deposit"].take();
    assert_eq!(
        (&made["kind"], &made["standardPages"], &made["feed"]),
        (&json!("MANUAL"), &json!("110"), &Value::Null),
        "{made}"
    );
    assert_eq!(world.change("createDeposit", deposit, input).await["deposit"]["id"], made["id"]);
    let future = json!({ "accountId": world.customer, "date": "2026-06-11", "small": 1 });
    let refused = world.change("createDeposit", deposit, future).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "INVALID", "field": ["date"] }]));

    let back = json!({ "depositId": made["id"], "note": "entered twice" });
    let reversal = world.change("reverseDeposit", deposit, back.clone()).await["deposit"].take();
    assert_eq!(
        (&reversal["kind"], &reversal["small"], &reversal["standardPages"]),
        (&json!("REVERSAL"), &json!(-100), &json!("-110"))
    );
    assert_eq!(reversal["reversalOf"]["id"], made["id"]);
    let refused = world.change("reverseDeposit", deposit, back).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "INVALID_STATE", "field": ["depositId"] }]));
    let nothing = json!({ "anomalyId": "ano_nothing", "decision": "ACCEPT" });
    let refused = world.change("resolveAnomaly", "anomaly { id }", nothing).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "NOT_FOUND", "field": ["anomalyId"] }]));
    let totals = "query ($id: ID!) { account(id: $id) { totals { lifetime { pages standardPages } } } }";
    let totals = world.api.data(world.caller, totals, json!({ "id": world.customer })).await;
    assert_eq!(totals["account"]["totals"]["lifetime"], json!({ "pages": 0, "standardPages": "0" }));
}
