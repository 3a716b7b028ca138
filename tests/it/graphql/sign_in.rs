//! Signing in by the API, and what administrators do with users and keys.

use coppice::domain::account::{AccountRole, Permission};
use serde_json::{Value, json};

use super::api::{Api, account_id};

const SESSION: &str = "session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt
    viewer { permission user { email account { name totals { lifetime { pages } } } } apiKey { id } account { name } } }
    userErrors { code field }";

/// Makes a user and sets the password; gives the session.
async fn session(api: &Api) -> Value {
    let dealer = api.account("Dealer", AccountRole::Partner, None).await;
    let admin = api.caller(dealer, Permission::Admin).await;
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) {
        user { id email permission status version account { name } } passwordUrl userErrors { code field } } }";
    let input =
        json!({ "accountId": account_id(dealer), "name": "Erika", "email": "erika@example.com", "permission": "WRITE" });
    let made = api.data(admin, create, json!({ "input": input })).await["createUser"].take();
    assert_eq!(made["user"]["account"]["name"], "Dealer");
    let url = made["passwordUrl"].as_str().unwrap();
    let (page, token) = url.split_once("#token=").unwrap();
    assert!(page.ends_with("/set-password"), "{page}");
    let set = format!("mutation($input: SetPasswordInput!) {{ setPassword(input: $input) {{ {SESSION} }} }}");
    let answer = api.stranger(&set, json!({ "input": { "token": token, "password": "correct horse battery" } })).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    answer.data.into_json().unwrap()["setPassword"].take()
}

#[tokio::test]
async fn a_stranger_signs_in_and_sees_at_once_what_belongs_to_the_account() {
    let api = Api::start().await;
    let set = session(&api).await;
    assert_eq!(set["session"]["viewer"]["user"]["account"]["totals"]["lifetime"]["pages"], 0, "{set}");

    let document = format!("mutation($input: SignInInput!) {{ signIn(input: $input) {{ {SESSION} }} }}");
    let input = json!({ "input": { "email": "Erika@example.com", "password": "correct horse battery" } });
    let answer = api.stranger(&document, input).await.data.into_json().unwrap()["signIn"].take();
    let viewer = &answer["session"]["viewer"];
    assert_eq!((&viewer["permission"], &viewer["user"]["email"]), (&json!("WRITE"), &json!("erika@example.com")), "{answer}");
    assert_eq!(answer["session"]["accessTokenExpiresAt"], "2026-06-10T12:15:00.000Z");
    assert_eq!(answer["session"]["refreshTokenExpiresAt"], "2026-07-10T12:00:00.000Z");

    let document = format!("mutation($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{ {SESSION} }} }}");
    let input = json!({ "input": { "refreshToken": answer["session"]["refreshToken"] } });
    let renewed = api.stranger(&document, input.clone()).await.data.into_json().unwrap()["refreshSession"].take();
    assert_ne!(renewed["session"]["refreshToken"], answer["session"]["refreshToken"]);
    let reused = api.stranger(&document, input).await.data.into_json().unwrap()["refreshSession"].take();
    assert_eq!(reused, json!({ "session": null, "userErrors": [{ "code": "SIGN_IN_FAILED", "field": null }] }));
}

#[tokio::test]
async fn a_document_is_one_attempt_and_failures_are_told_when_to_come_again() {
    let api = Api::start().await;
    session(&api).await;
    let many = "mutation($a: SignInInput!) { one: signIn(input: $a) { userErrors { code } } two: signIn(input: $a) { userErrors { code } } }";
    let wrong = json!({ "a": { "email": "erika@example.com", "password": "wrong" } });
    let answer = api.stranger(many, wrong.clone()).await;
    assert_eq!(coppice::graphql::error_code(&answer.errors[0]).as_str(), "BAD_REQUEST");
    let one = "mutation($a: SignInInput!) { signIn(input: $a) { userErrors { code } } }";
    for _ in 0..4 {
        let answer = api.stranger(one, wrong.clone()).await.data.into_json().unwrap();
        assert_eq!(answer["signIn"]["userErrors"][0]["code"], "SIGN_IN_FAILED");
    }
    let answer = api.stranger(one, wrong).await;
    let extensions = serde_json::to_value(&answer.errors[0]).unwrap()["extensions"].take();
    assert_eq!(extensions, json!({ "code": "RATE_LIMITED", "retryAfter": 1, "requestId": "req-2" }));
    let out = api.stranger("mutation { signOut { userErrors { code } } }", json!({})).await;
    assert_eq!(coppice::graphql::error_code(&out.errors[0]).as_str(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn administrators_see_users_and_keys_and_others_do_not() {
    let api = Api::start().await;
    session(&api).await;
    let dealer = api.account("Second", AccountRole::Partner, None).await;
    let admin = api.caller(dealer, Permission::Admin).await;
    let create = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
        apiKey { id hint permission expiresAt revokedAt } secret userErrors { code field } } }";
    let input = json!({ "accountId": account_id(dealer), "name": "portal", "expiresAt": "2026-07-01T00:00:00Z", "idempotencyKey": "k" });
    let made = api.data(admin, create, json!({ "input": input })).await["createApiKey"].take();
    assert!(made["secret"].as_str().unwrap().starts_with("coppice_key_"));
    assert_eq!(
        (&made["apiKey"]["permission"], &made["apiKey"]["expiresAt"]),
        (&json!("READ"), &json!("2026-07-01T00:00:00.000Z"))
    );
    let again = api.data(admin, create, json!({ "input": input })).await["createApiKey"].take();
    assert_eq!((&again["secret"], &again["apiKey"]), (&Value::Null, &made["apiKey"]));

    let list =
        "{ viewer { account { users(first: 5) { nodes { name } pageInfo { hasNextPage } } apiKeys { nodes { name } } } } }";
    let seen = api.data(admin, list, json!({})).await["viewer"]["account"].take();
    let users = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(seen["users"], users);
    assert_eq!(seen["apiKeys"]["nodes"].as_array().unwrap().len(), 2, "{seen}");
    let writer = api.caller(dealer, Permission::Write).await;
    let seen = api.data(writer, list, json!({})).await["viewer"]["account"].take();
    assert_eq!(seen, json!({ "users": null, "apiKeys": null }));

    let revoke =
        "mutation($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { apiKey { revokedAt } userErrors { code } } }";
    let revoked =
        api.data(admin, revoke, json!({ "input": { "apiKeyId": made["apiKey"]["id"] } })).await["revokeApiKey"].take();
    assert_eq!(revoked["apiKey"]["revokedAt"], "2026-06-10T12:00:00.000Z");
    let update = "mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { account { name version } userErrors { code } } }";
    let input = json!({ "accountId": account_id(dealer), "name": "Renamed", "expectedVersion": 1 });
    let updated = api.data(admin, update, json!({ "input": input })).await["updateAccount"].take();
    assert_eq!(updated["account"], json!({ "name": "Renamed", "version": 2 }));
}
