//! Trusted documents, asked for by `documentId`, in every way in which an operation can be sent.

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use coppice::{
    graphql::{GateSettings, TrustedDocuments, TrustedOnly},
    http::{ServeSettings, serve},
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::gate::Site;

/// How an operation is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Post,
    Get,
    Events,
    EventsByGet,
    Socket,
}

const WAYS: [Way; 5] = [Way::Post, Way::Get, Way::Events, Way::EventsByGet, Way::Socket];

/// A document that needs no sign-in, one that does, a subscription.
fn manifest() -> TrustedDocuments {
    let manifest = json!({
        "3f9a": "query M($n: Int!) { methodology(version: $n) { version } }",
        "sha256:77": "query A($n: Int!) { accounts(first: $n) { nodes { name } } }",
        "5b": "subscription S($run: ID!) { syncProgress(runId: $run) { status } syncProgress(runId: $run) { cursor } }",
    });
    TrustedDocuments::from_manifest(&manifest.to_string()).unwrap()
}

/// What is heard of an operation until it is over: its answers, each as `Ok` of data or `Err` of a code.
type Heard = Vec<Result<Value, String>>;

fn only(answer: Result<Value, &str>) -> Heard {
    vec![answer.map_err(str::to_owned)]
}

fn answer(body: &Value) -> Result<Value, String> {
    match body["errors"][0]["extensions"]["code"].as_str() {
        Some(code) => {
            assert!(body.get("data").is_none(), "nothing has run: {body}");
            Err(code.to_owned())
        }
        None => Ok(body["data"].clone()),
    }
}

/// A site that also listens, for sockets.
struct Served {
    site: Site,
    address: std::net::SocketAddr,
}

impl Served {
    async fn new(trusted_only: TrustedOnly) -> Self {
        let site = Site::new(GateSettings { trusted: manifest(), trusted_only, ..GateSettings::default() }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, site.router.clone(), site.drain.clone(), ServeSettings::default()));
        Self { site, address }
    }

    async fn ask(&self, way: Way, key: Option<&str>, params: &Value) -> Heard {
        match way {
            Way::Post => {
                let found = self.site.ask(key, params.clone()).await;
                let status = match found.code() {
                    "" => StatusCode::OK,
                    "FORBIDDEN" => StatusCode::FORBIDDEN,
                    _ => StatusCode::BAD_REQUEST,
                };
                assert_eq!(found.status, status, "{}", found.body);
                vec![answer(&found.body)]
            }
            Way::Get => vec![answer(&self.site.send(by_get(key, params, "application/graphql-response+json")).await.body)],
            Way::Events => {
                let request = Request::post("/graphql").header("content-type", "application/json");
                let request = with(request, key).header("accept", "text/event-stream");
                self.events(request.body(Body::from(params.to_string())).unwrap()).await
            }
            Way::EventsByGet => self.events(by_get(key, params, "text/event-stream")).await,
            Way::Socket => self.socket(key, params).await,
        }
    }

    async fn events(&self, request: Request<Body>) -> Heard {
        let response = self.site.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let events = text.strip_suffix("event: complete\ndata: \n\n").unwrap();
        let data = |event: &str| serde_json::from_str(event.strip_prefix("event: next\ndata: ").unwrap()).unwrap();
        events.split_terminator("\n\n").map(|event| answer(&data(event))).collect()
    }

    async fn socket(&self, key: Option<&str>, params: &Value) -> Heard {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (mut socket, _) = connect_async(request).await.unwrap();
        let payload = key.map_or(json!({}), |key| json!({ "apiKey": key }));
        say(&mut socket, &json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(hear(&mut socket).await, json!({ "type": "connection_ack" }));
        say(&mut socket, &json!({ "type": "subscribe", "id": "1", "payload": params })).await;
        let mut heard = Vec::new();
        loop {
            let message = hear(&mut socket).await;
            assert_eq!(message["id"], "1", "{message}");
            match message["type"].as_str().unwrap() {
                "next" => heard.push(answer(&message["payload"])),
                "error" => {
                    heard.push(answer(&json!({ "errors": message["payload"] })));
                    return heard;
                }
                "complete" => return heard,
                other => panic!("{other}"),
            }
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn with(request: axum::http::request::Builder, key: Option<&str>) -> axum::http::request::Builder {
    match key {
        Some(key) => request.header("x-api-key", key),
        None => request,
    }
}

fn by_get(key: Option<&str>, params: &Value, accept: &str) -> Request<Body> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.as_object().unwrap() {
        query.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let request = Request::get(format!("/graphql?{}", query.finish())).header("accept", accept);
    with(request, key).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn documents_are_run_by_id_and_others_as_configured() {
    let all = [TrustedOnly::Nobody, TrustedOnly::Anonymous, TrustedOnly::Read, TrustedOnly::Write, TrustedOnly::Everybody];
    for (limited, trusted_only) in all.into_iter().enumerate() {
        let served = Served::new(trusted_only).await;
        let [reader, writer, administrator] = served.site.keys.each_ref().map(|key| Some(key.as_str()));
        for (level, key) in [None, reader, writer, administrator].into_iter().enumerate() {
            for way in WAYS {
                let ask = async |params: Value| served.ask(way, key, &params).await;
                let who = format!("{trusted_only:?}, level {level}, {way:?}");
                let version = json!({ "methodology": { "version": 1 } });
                for id in ["3f9a", "sha256:3f9a"] {
                    let by_id = ask(json!({ "documentId": id, "variables": { "n": 1 } })).await;
                    assert_eq!(by_id, only(Ok(version.clone())), "{who}");
                }
                let own = ask(json!({ "query": "{ methodology(version: 1) { version } }" })).await;
                let expected = if level < limited { Err("FORBIDDEN") } else { Ok(version) };
                assert_eq!(own, only(expected), "{who}");
                for wrong in [
                    json!({ "documentId": "4711" }),
                    json!({ "documentId": "3f9a", "query": "{ methodology { version } }", "variables": { "n": 1 } }),
                ] {
                    assert_eq!(ask(wrong).await, only(Err("BAD_REQUEST")), "{who}");
                }
                // It is judged like any other.
                let without = ask(json!({ "documentId": "3f9a" })).await;
                assert_eq!(without, only(Err("GRAPHQL_VALIDATION_FAILED")), "{who}");
            }
        }
    }
}

#[tokio::test]
async fn a_document_is_answered_as_its_caller_may_see_and_subscribed_to() {
    let served = Served::new(TrustedOnly::Everybody).await;
    let key = Some(served.site.keys[0].as_str());
    for way in WAYS {
        let accounts = served.ask(way, key, &json!({ "documentId": "sha256:77", "variables": { "n": 1 } })).await;
        assert_eq!(accounts, only(Ok(json!({ "accounts": { "nodes": [{ "name": "Customer" }] } }))), "{way:?}");
    }
    // Nobody may see a run that is not there: a stream without events.
    let follow = json!({ "documentId": "5b", "variables": { "run": "run_none" } });
    let own = json!({ "query": "subscription { syncProgress { status } }" });
    for way in [Way::Events, Way::EventsByGet, Way::Socket] {
        assert!(served.ask(way, key, &follow).await.is_empty(), "{way:?}");
        assert_eq!(served.ask(way, key, &own).await, only(Err("FORBIDDEN")), "{way:?}");
        let unknown = json!({ "documentId": "5c", "variables": { "run": "run_none" } });
        assert_eq!(served.ask(way, key, &unknown).await, only(Err("BAD_REQUEST")), "{way:?}");
    }
}
