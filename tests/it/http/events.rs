use std::time::Duration;

use axum::{body::to_bytes, http::Request};
use coppice::http::HttpSettings;
use futures_util::StreamExt as _;
use tower::ServiceExt as _;

use super::support::{EVENTS, Parts, post, request};

async fn whole(request: Request<axum::body::Body>) -> String {
    let (router, _) = Parts::default().router();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], EVENTS);
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_subscription_is_next_events_and_complete() {
    let expected = "event: next\ndata: {\"data\":{\"count\":1}}\n\n\
                    event: next\ndata: {\"data\":{\"count\":2}}\n\n\
                    event: complete\ndata: \n\n";
    assert_eq!(whole(post(EVENTS, "subscription { count(to: 2) }")).await, expected);
    let path = "/graphql?query=subscription%7Bcount(to%3A2)%7D";
    assert_eq!(whole(request("GET", path, &[("accept", EVENTS)], "")).await, expected);
    // As urql asks for everything: one answer as JSON, a subscription as a stream.
    let both = "application/graphql-response+json, application/json, text/event-stream";
    assert_eq!(whole(post(both, "subscription { count(to: 2) }")).await, expected);
}

#[tokio::test]
async fn queries_and_mutations_are_streams_of_one() {
    let expected = "event: next\ndata: {\"data\":{\"bump\":1}}\n\nevent: complete\ndata: \n\n";
    assert_eq!(whole(post(EVENTS, "mutation { bump }")).await, expected);
}

#[tokio::test]
async fn refusals_and_panics_end_the_stream_as_events() {
    for query in ["{", "{ nothing }", "subscription { nothing }", "{ tooOften }"] {
        let text = whole(post(EVENTS, query)).await;
        assert!(text.starts_with("event: next\ndata: {\"errors\":["), "{text}");
        assert!(text.ends_with("event: complete\ndata: \n\n") && text.matches("event:").count() == 2, "{text}");
    }
    let text = whole(post(EVENTS, "subscription { broken }")).await;
    assert!(text.contains("\"broken\":0") && text.contains("INTERNAL") && !text.contains("secret"), "{text}");
    assert!(text.ends_with("event: complete\ndata: \n\n"), "{text}");
}

#[tokio::test]
async fn what_is_no_request_is_answered_as_json() {
    let (router, _) = Parts::default().router();
    let headers = [("accept", EVENTS), ("content-type", "application/json")];
    let response = router.oneshot(request("POST", "/graphql", &headers, "{")).await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_and_ends_with_the_process() {
    let settings = HttpSettings { keep_alive: Duration::from_millis(10), ..HttpSettings::default() };
    let parts = Parts::with(settings);
    let (router, _) = parts.router();
    let response = router.oneshot(post(EVENTS, "subscription { waiting }")).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while !text.contains("\n:\n\n") {
        text += std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap();
    }
    parts.token.cancel();
    while let Some(chunk) = body.next().await {
        text += std::str::from_utf8(&chunk.unwrap()).unwrap();
    }
    assert!(text.starts_with("event: next\ndata: {\"data\":{\"waiting\":0}}\n\n"), "{text}");
    assert!(!text.contains("complete"), "a client is to come back: {text}");
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in() {
    let parts = Parts { sign_in_lasts: Duration::from_millis(20), ..Parts::default() };
    let (router, _) = parts.router();
    let mut request = post(EVENTS, "subscription { waiting }");
    request.headers_mut().insert("authorization", "Bearer short".parse().unwrap());
    let response = router.oneshot(request).await.unwrap();
    // `waiting` alone would never end.
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("complete"), "a client is to come back");
}

#[tokio::test]
async fn a_stream_ends_when_the_sign_in_is_ended() {
    let settings = HttpSettings { keep_alive: Duration::from_millis(10), ..HttpSettings::default() };
    let parts = Parts::with(settings);
    let (router, _) = parts.router();
    let headers = [("accept", EVENTS), ("content-type", "application/json"), ("authorization", "Bearer good")];
    let body = r#"{"query":"subscription { waiting }"}"#;
    let response = router.oneshot(request("POST", "/graphql", &headers, body)).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(body.next().await.is_some());
    parts.revoked.store(true, std::sync::atomic::Ordering::SeqCst);
    // Comments may be on their way; then it ends, without `complete`.
    while let Some(chunk) = body.next().await {
        assert_eq!(chunk.unwrap(), ":\n\n");
    }
}
