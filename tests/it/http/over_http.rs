use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use coppice::http::HttpSettings;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::support::{JSON, Parts, RESPONSE, post, request};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or("")
    }
}

async fn ask_with(settings: HttpSettings, request: Request<Body>) -> Answer {
    let (router, _) = Parts::with(settings).router();
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn ask(request: Request<Body>) -> Answer {
    ask_with(HttpSettings::default(), request).await
}

#[tokio::test]
async fn answers_in_the_media_type_asked_for() {
    for (accept, expected) in [
        (JSON, "application/json; charset=utf-8"),
        (RESPONSE, "application/graphql-response+json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ] {
        let answer = ask(post(accept, "{ hello }")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), expected);
        assert_eq!(answer.body, json!({ "data": { "hello": "world" } }));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let answer = ask(post("text/html", "{ hello }")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_ACCEPTABLE, "BAD_REQUEST"));
}

#[tokio::test]
async fn request_errors_have_no_data_and_the_media_types_status() {
    for query in ["{", "{ nothing }", "query A { hello } query B { hello }", "query($id: ID!) { hello }"] {
        let new = ask(post(RESPONSE, query)).await;
        assert_eq!((new.status, new.code()), (StatusCode::BAD_REQUEST, "GRAPHQL_VALIDATION_FAILED"), "{query}");
        assert!(new.body.get("data").is_none(), "{query}");
        let old = ask(post(JSON, query)).await;
        assert_eq!((old.status, old.code()), (StatusCode::OK, "GRAPHQL_VALIDATION_FAILED"), "{query}");
    }
}

#[tokio::test]
async fn field_errors_are_a_success_with_data() {
    let answer = ask(post(RESPONSE, "{ hello failing }")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"], json!({ "hello": "world", "failing": null }));
    assert_eq!(answer.body["errors"][0]["path"], json!(["failing"]));
    assert_eq!(answer.body["errors"][0]["extensions"]["requestId"], answer.header("x-request-id"));
}

#[tokio::test]
async fn other_methods_are_refused_with_allow() {
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = ask(request(method, "/graphql", &[], "")).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD, POST, OPTIONS");
    }
}

#[tokio::test]
async fn get_runs_queries_only() {
    let answer = ask(request("GET", "/graphql?query=%7Bhello%7D", &[], "")).await;
    assert_eq!((answer.status, &answer.body["data"]["hello"]), (StatusCode::OK, &json!("world")));

    let named = "query=query%20A%7Bhello%7D%20mutation%20B%7Bbump%7D&operationName=";
    let answer = ask(request("GET", &format!("/graphql?{named}A"), &[], "")).await;
    assert_eq!(answer.body["data"]["hello"], "world");
    for accept in [JSON, RESPONSE, "text/event-stream"] {
        for query in [&format!("{named}B"), "query=mutation%7Bbump%7D"] {
            let answer = ask(request("GET", &format!("/graphql?{query}"), &[("accept", accept)], "")).await;
            assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"), "{query}");
        }
    }

    let variables = "/graphql?query=query(%24n%3AInt!)%7Becho(number%3A%24n)%7D&variables=%7B%22n%22%3A3%7D";
    assert_eq!(ask(request("GET", variables, &[], "")).await.body["data"]["echo"], 3);
    let broken = ask(request("GET", "/graphql?query=%7Bhello%7D&variables=%7B", &[], "")).await;
    assert_eq!((broken.status, broken.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
}

#[tokio::test]
async fn bodies_that_are_no_request_are_bad_requests() {
    for body in
        ["", "{", "1", "[]", r#"[{"query":"{hello}"}]"#, "{}", r#"{"query":1}"#, r#"{"query":"{hello}","variables":[]}"#]
    {
        let answer = ask(request("POST", "/graphql", &[("content-type", JSON)], body)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{body}");
    }
}

#[tokio::test]
async fn what_a_browser_posts_without_a_preflight_is_refused() {
    let body = r#"{"query":"mutation{bump}"}"#;
    for headers in [
        vec![],
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![("content-type", "multipart/form-data; boundary=x")],
        vec![("content-type", "application/json; charset=utf-16")],
        vec![("content-type", JSON), ("content-encoding", "gzip")],
    ] {
        let answer = ask(request("POST", "/graphql", &headers, body)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST"), "{headers:?}");
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_with_and_without_a_length() {
    let settings = HttpSettings { max_body: 100, ..HttpSettings::default() };
    let large = format!(r#"{{"query":"{{hello}}{}"}}"#, " ".repeat(100));
    let announced = [("content-type", JSON), ("content-length", "121")];
    for headers in [&announced[..], &announced[..1]] {
        let answer = ask_with(settings.clone(), request("POST", "/graphql", headers, large.clone())).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, "BAD_REQUEST"));
    }
}

#[tokio::test]
async fn slow_operations_and_bodies_time_out() {
    let settings = HttpSettings { request_timeout: Duration::from_millis(20), ..HttpSettings::default() };
    for accept in [JSON, RESPONSE] {
        let answer = ask_with(settings.clone(), post(accept, "{ never }")).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT"));
    }
    let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let answer = ask_with(settings, request("POST", "/graphql", &[("content-type", JSON)], body)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::REQUEST_TIMEOUT, "TIMEOUT"));
}

#[tokio::test]
async fn a_panic_tells_nothing_but_the_request_id() {
    let answer = ask(post(RESPONSE, "{ boom }")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"));
    assert!(!answer.body.to_string().contains("secret"));
    assert_eq!(answer.body["errors"][0]["extensions"]["requestId"], answer.header("x-request-id"));
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn a_clients_request_id_is_kept() {
    let mut request = post(JSON, "{ nothing }");
    request.headers_mut().insert("x-request-id", "partner-0001".parse().unwrap());
    let answer = ask(request).await;
    assert_eq!(answer.header("x-request-id"), "partner-0001");
    assert_eq!(answer.body["errors"][0]["extensions"]["requestId"], "partner-0001");
}

#[tokio::test]
async fn credentials_decide_who_asks() {
    let with = |name: &'static str, value: &'static str| {
        let mut request = post(RESPONSE, "{ viewer transport }");
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    assert_eq!(ask(post(RESPONSE, "{ viewer }")).await.body["data"]["viewer"], Value::Null);
    for request in [with("authorization", "Bearer good"), with("x-api-key", "good")] {
        assert_eq!(ask(request).await.body["data"], json!({ "viewer": "anna", "transport": "Http" }));
    }
    for request in [with("authorization", "Bearer bad"), with("authorization", "Basic good"), with("x-api-key", "bad")] {
        let answer = ask(request).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"));
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
    }
    let bare = ask(with("authorization", "good")).await;
    assert!(bare.body["errors"][0]["message"].as_str().unwrap().contains("`Authorization: Bearer`"), "{}", bare.body);
    let often = ask(with("x-api-key", "often")).await;
    assert_eq!((often.status, often.code(), often.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "7"));
    let unlucky = ask(with("x-api-key", "unlucky")).await;
    assert_eq!((unlucky.status, unlucky.code()), (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"));
    assert!(!unlucky.body.to_string().contains("secret"));
}

#[tokio::test]
async fn limits_of_the_backend_are_429_with_retry_after() {
    for accept in [JSON, RESPONSE] {
        let answer = ask(post(accept, "{ tooOften }")).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
        assert_eq!(answer.header("retry-after"), "9");
    }
}

#[tokio::test]
async fn a_trusted_document_is_asked_for_by_id() {
    let body = r#"{"documentId":"sha256:hello"}"#;
    let answer = ask(request("POST", "/graphql", &[("content-type", JSON)], body)).await;
    assert_eq!(answer.body["data"]["hello"], "world");
}

#[tokio::test]
async fn a_subscription_says_where_it_can_be_had() {
    let answer = ask(post(RESPONSE, "subscription { count(to: 1) }")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
}

#[tokio::test]
async fn only_listed_origins_pass_the_preflight() {
    let settings = HttpSettings { origins: vec!["https://app.example.com".into()], ..HttpSettings::default() };
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        request("OPTIONS", "/graphql", &headers, "")
    };
    let listed = ask_with(settings.clone(), preflight("https://app.example.com")).await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://app.example.com");
    assert!(listed.header("access-control-allow-headers").contains("authorization"));
    let stranger = ask_with(settings.clone(), preflight("https://evil.example")).await;
    assert_eq!(stranger.header("access-control-allow-origin"), "");

    let mut request = post(JSON, "{ hello }");
    request.headers_mut().insert("origin", "https://app.example.com".parse().unwrap());
    let answer = ask_with(settings, request).await;
    assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can() {
    let mut request = post(JSON, "{ long }");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    assert_eq!(ask(request).await.header("content-encoding"), "gzip");
    assert_eq!(ask(post(JSON, "{ long }")).await.header("content-encoding"), "");
}

#[tokio::test]
async fn documents_nested_without_end_do_no_harm() {
    for (open, close) in [("{a", "}"), ("{a(b:[", ""), ("{a(b:{c:", "")] {
        let times = 200_000 / (open.len() + close.len());
        let query = format!("{}{}", open.repeat(times), close.repeat(times));
        let answer = ask(post(RESPONSE, &query)).await;
        assert_eq!(answer.status, 400);
    }
    for value in ["[", "{\"a\":"] {
        let body = format!(r#"{{"query":"{{hello}}","variables":{{"a":{}"#, value.repeat(30_000));
        assert_eq!(ask(request("POST", "/graphql", &[("content-type", JSON)], body)).await.status, 400);
    }
}

#[tokio::test]
async fn the_other_pages() {
    assert_eq!(ask(request("GET", "/healthz", &[], "")).await.body, json!({ "status": "ok" }));
    assert_eq!(ask(request("GET", "/readyz", &[], "")).await.body, json!({ "status": "ready" }));
    let keys = ask(request("GET", "/.well-known/jwks.json", &[], "")).await;
    assert_eq!((keys.header("content-type"), &keys.body), ("application/jwk-set+json", &json!({ "keys": [] })));
    let nothing = ask(request("GET", "/nothing", &[], "")).await;
    assert_eq!((nothing.status, nothing.code()), (StatusCode::NOT_FOUND, "BAD_REQUEST"));

    assert_eq!(ask(request("GET", "/", &[], "")).await.status, 404);
    let settings = HttpSettings { graphiql: true, ..HttpSettings::default() };
    let page = ask_with(settings, request("GET", "/", &[], "")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("x-frame-options"), "DENY");
}

#[tokio::test]
async fn is_not_ready_while_it_stops() {
    let parts = Parts::default();
    parts.token.cancel();
    let (router, _) = parts.router();
    let response = router.oneshot(request("GET", "/readyz", &[], "")).await.unwrap();
    assert_eq!(response.status(), 503);
}
