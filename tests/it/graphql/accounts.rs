//! Accounts: who sees them, who makes them, how lists are paged.

use coppice::domain::account::{AccountRole, Permission};
use serde_json::{Value, json};

use super::api::{Api, account_id};

const CREATE: &str = "mutation ($input: CreateAccountInput!) { createAccount(input: $input) {
    account { id name role externalId timeZone parent { id } } userErrors { code field message }
} }";
/// What two parts of a front end ask of one payload.
const CREATE_IN_PARTS: &str = "mutation ($input: CreateAccountInput!) { createAccount(input: $input) { ...Head ...Rest } }
fragment Head on CreateAccountPayload { account { id parent { id } } }
fragment Rest on CreateAccountPayload { account { name parent { name } } userErrors { code } }";
const CREATE_MANY: &str = "mutation ($input: CreateAccountsInput!) { createAccounts(input: $input) {
    results { account { id name } userErrors { code field } } userErrors { code field }
} }";

fn codes(errors: &Value) -> Vec<&str> {
    errors.as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_partner_adds_customers_below_itself() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Write).await;
    let dealer = account_id(dealer);

    let viewer = api
        .data(caller, "{ viewer { user { id } apiKey { name account { id } } account { id name } permission } }", json!({}))
        .await;
    assert_eq!(
        viewer["viewer"],
        json!({
            "user": null, "apiKey": { "name": "test", "account": { "id": dealer } },
            "account": { "id": dealer, "name": "Dealer" }, "permission": "WRITE",
        })
    );

    let input = json!({ "input": { "parentId": dealer, "name": "Acme", "role": "CUSTOMER", "externalId": "4711" } });
    let made = api.data(caller, CREATE, input.clone()).await["createAccount"].take();
    assert_eq!(made["userErrors"], json!([]));
    assert_eq!(made["account"]["parent"]["id"], json!(dealer));
    assert_eq!(made["account"]["timeZone"], "Europe/Berlin");

    let again = api.data(caller, CREATE, input).await["createAccount"].take();
    assert_eq!((&again["account"], codes(&again["userErrors"])), (&Value::Null, vec!["TAKEN"]));
    assert_eq!(again["userErrors"][0]["field"], json!(["externalId"]));

    let other = json!({ "input": { "parentId": dealer, "name": "Bolt", "role": "CUSTOMER" } });
    let parts = api.data(caller, CREATE_IN_PARTS, other).await["createAccount"].take();
    assert_eq!((&parts["account"]["name"], &parts["userErrors"]), (&json!("Bolt"), &json!([])));
    assert_eq!(parts["account"]["parent"], json!({ "id": dealer, "name": "Dealer" }));

    let found = api
        .data(
            caller,
            "query ($id: ID!) { node(id: $id) { id __typename ... on Account { name } } nodes(ids: [$id, \"acc_x\"]) { id } }",
            json!({ "id": made["account"]["id"] }),
        )
        .await;
    assert_eq!(found["node"]["name"], "Acme");
    assert_eq!(found["node"]["__typename"], "Account");
    assert_eq!(found["nodes"], json!([{ "id": made["account"]["id"] }, null]));
}

#[tokio::test]
async fn what_is_not_below_the_caller_is_absent() {
    let api = Api::start().await;
    let ours = api.account("Ours", AccountRole::Partner, None).await;
    let theirs = api.account("Theirs", AccountRole::Partner, None).await;
    let customer = api.account("Customer", AccountRole::Customer, Some(ours)).await;
    let caller = api.caller(ours, Permission::Write).await;
    let theirs = account_id(theirs);

    let query = "query ($id: ID!) { account(id: $id) { id } node(id: $id) { id } garbage: account(id: \"nonsense\") { id }
        consumption(accountId: $id, from: \"2026-06-01\", to: \"2026-06-02\") { points { pages } } health(accountId: $id) { openAnomalyCount }
        accounts(filter: { parentId: $id }) { nodes { id } } all: accounts { nodes { name } } }";
    let seen = api.data(caller, query, json!({ "id": theirs })).await;
    assert_eq!(
        seen,
        json!({
            "account": null, "node": null, "garbage": null, "consumption": null, "health": null,
            "accounts": { "nodes": [] }, "all": { "nodes": [{ "name": "Customer" }, { "name": "Ours" }] },
        })
    );
    let refused = api.data(caller, CREATE, json!({ "input": { "parentId": theirs, "name": "x", "role": "CUSTOMER" } })).await;
    assert_eq!(codes(&refused["createAccount"]["userErrors"]), ["NOT_FOUND"]);

    let below = api.caller(customer, Permission::Read).await;
    let seen = api
        .data(below, "query ($id: ID!) { account(id: $id) { name parent { id } } }", json!({ "id": account_id(customer) }))
        .await;
    assert_eq!(seen["account"], json!({ "name": "Customer", "parent": null }));
}

#[tokio::test]
async fn reading_does_not_allow_writing() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Read).await;
    let input = json!({ "input": { "parentId": account_id(dealer), "name": "x", "role": "CUSTOMER" } });
    let response = api.execute(caller, CREATE, input).await;
    let extensions = serde_json::to_value(&response.errors[0]).unwrap()["extensions"].take();
    assert_eq!(extensions, json!({ "code": "FORBIDDEN", "requestId": "req-1" }));
    assert_eq!(response.data, async_graphql::Value::Null);
}

#[tokio::test]
async fn many_rows_have_a_result_each_and_may_be_sent_again() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Write).await;
    let row = |name: &str| json!({ "parentId": account_id(dealer), "name": name, "role": "CUSTOMER" });
    let input = json!({ "input": { "accounts": [row("A"), row(""), row("C")], "idempotencyKey": "night" } });
    let first = api.data(caller, CREATE_MANY, input.clone()).await["createAccounts"].take();
    assert_eq!(first["results"][0]["account"]["name"], "A");
    assert_eq!(
        first["results"][1],
        json!({ "account": null, "userErrors": [{ "code": "INVALID", "field": ["accounts", "1", "name"] }] })
    );
    let second = api.data(caller, CREATE_MANY, input).await["createAccounts"].take();
    assert_eq!(first, second);

    let whole = api.data(caller, CREATE_MANY, json!({ "input": { "accounts": [] } })).await["createAccounts"].take();
    assert_eq!(whole["results"], json!([]));
    assert_eq!(whole["userErrors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_are_paged_both_ways() {
    let api = Api::start().await;
    let dealer = api.account("A", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Read).await;
    for name in ["B", "C", "D", "E"] {
        api.account(name, AccountRole::Customer, Some(dealer)).await;
    }
    let query = "query ($first: Int, $after: String, $last: Int, $before: String) {
        accounts(first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { name } } nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }";
    let page = async |variables: Value| {
        let page = api.data(caller, query, variables).await["accounts"].take();
        let names: String = page["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
        let info = page["pageInfo"].clone();
        assert_eq!(page["edges"].as_array().unwrap().len(), names.len());
        assert_eq!(page["edges"][0]["cursor"], info["startCursor"]);
        (names, info)
    };
    let (names, info) = page(json!({ "first": 2 })).await;
    assert_eq!((names.as_str(), &info["hasNextPage"], &info["hasPreviousPage"]), ("AB", &json!(true), &json!(false)));
    let (names, info) = page(json!({ "first": 2, "after": info["endCursor"] })).await;
    assert_eq!((names.as_str(), &info["hasPreviousPage"]), ("CD", &json!(true)));
    let (names, _) = page(json!({ "last": 1, "before": info["startCursor"] })).await;
    assert_eq!(names, "B");
    let (names, info) = page(json!({ "last": 2 })).await;
    assert_eq!((names.as_str(), &info["hasNextPage"]), ("DE", &json!(false)));
    let (names, info) = page(json!({})).await;
    assert_eq!((names.as_str(), &info["hasNextPage"]), ("ABCDE", &json!(false)));

    let response = api.execute(caller, query, json!({ "after": "not a cursor" })).await;
    assert_eq!(coppice::graphql::error_code(&response.errors[0]).as_str(), "BAD_REQUEST");
}

#[tokio::test]
async fn an_account_without_pages_has_sums_of_zero() {
    let api = Api::start().await;
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let caller = api.caller(dealer, Permission::Read).await;
    let query = "query ($id: ID!, $from: Date!) { account(id: $id) {
        totals { lifetime { pages standardPages trees } certified { pages } }
        consumption(from: $from, to: \"2026-06-10\", interval: WEEK) { interval points { from to pages } total { trees } }
        deposits { nodes { id } } health { servers { healthy } feeds { unhealthy } openAnomalyCount openAnomalies { nodes { id } } }
    } }";
    let id = account_id(dealer);
    let account = api.data(caller, query, json!({ "id": id, "from": "2026-06-03" })).await["account"].take();
    assert_eq!(account["totals"]["lifetime"], json!({ "pages": 0, "standardPages": "0", "trees": "0.00" }));
    assert_eq!(
        account["consumption"]["points"],
        json!([{ "from": "2026-06-03", "to": "2026-06-07", "pages": 0 }, { "from": "2026-06-08", "to": "2026-06-10", "pages": 0 }])
    );
    let long = "query ($id: ID!) { account(id: $id) { name consumption(from: \"2000-01-01\", to: \"2026-06-10\") { to } } }";
    let response = api.execute(caller, long, json!({ "id": id })).await;
    assert_eq!(coppice::graphql::error_code(&response.errors[0]).as_str(), "TOO_COMPLEX");
    assert_eq!(response.data, async_graphql::Value::Null, "it was refused before anything ran");
}
