use std::time::Duration;

use coppice::http::{HttpSettings, SocketSettings};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest as _, handshake::client::Response},
};

use super::support::{Parts, Server};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

async fn open(server: &Server, headers: &[(&'static str, &str)]) -> Result<(Client, Response), tungstenite::Error> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (socket, response) = connect_async(request).await?;
    Ok((Client(socket), response))
}

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

impl Client {
    async fn open(server: &Server) -> Self {
        open(server, &[PROTOCOL]).await.unwrap().0
    }

    async fn acknowledged(server: &Server) -> Self {
        let mut client = Self::open(server).await;
        client.init(json!({})).await;
        client
    }

    async fn init(&mut self, payload: Value) {
        self.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(self.hear().await, json!({ "type": "connection_ack" }));
    }

    async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(&json!({ "id": id, "type": "subscribe", "payload": { "query": query } })).await;
    }

    async fn hear(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads to the close frame.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Message::Close(None) => panic!("a close frame without a code"),
                _ => {}
            }
        }
    }
}

async fn server() -> Server {
    Parts::default().start().await
}

async fn server_with(change: impl FnOnce(&mut SocketSettings)) -> Server {
    let mut settings = HttpSettings::default();
    change(&mut settings.socket);
    Parts::with(settings).start().await
}

#[tokio::test]
async fn runs_operations_of_every_kind() {
    let server = server().await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { count(to: 2) }").await;
    for number in [1, 2] {
        assert_eq!(client.hear().await, json!({ "id": "a", "type": "next", "payload": { "data": { "count": number } } }));
    }
    assert_eq!(client.hear().await, json!({ "id": "a", "type": "complete" }));
    // The id is free again.
    client.subscribe("a", "{ hello transport }").await;
    assert_eq!(client.hear().await["payload"]["data"], json!({ "hello": "world", "transport": "Socket" }));
    assert_eq!(client.hear().await["type"], "complete");
    client.subscribe("a", "mutation { bump }").await;
    assert_eq!(client.hear().await["payload"]["data"]["bump"], 1);
}

#[tokio::test]
async fn refusals_and_panics_are_error_messages_and_harm_no_other_operation() {
    let server = server().await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("other", "subscription { waiting }").await;
    assert_eq!(client.hear().await["payload"]["data"]["waiting"], 0);
    for query in ["{", "{ nothing }", "subscription { nothing }", "{ tooOften }", "{ boom }"] {
        client.subscribe("a", query).await;
        let message = client.hear().await;
        assert_eq!((&message["id"], &message["type"]), (&json!("a"), &json!("error")), "{query}");
        assert!(message["payload"][0]["extensions"]["requestId"].is_string(), "{message}");
        assert!(!message.to_string().contains("secret"));
    }
    client.subscribe("b", "subscription { broken }").await;
    assert_eq!(client.hear().await["payload"]["data"]["broken"], 0);
    assert_eq!(client.hear().await["payload"][0]["extensions"]["code"], "INTERNAL");
    client.subscribe("c", "{ hello }").await;
    assert_eq!(client.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn a_completed_operation_is_silent_and_its_id_free() {
    let server = server().await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { waiting }").await;
    client.hear().await;
    client.say(&json!({ "id": "a", "type": "complete" })).await;
    client.say(&json!({ "id": "unknown", "type": "complete" })).await;
    client.subscribe("a", "{ hello }").await;
    assert_eq!(client.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let server = server().await;
    let mut client = Client::open(&server).await;
    client.say(&json!({ "type": "ping" })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
    client.say(&json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong", "payload": { "n": 1 } }));
}

#[tokio::test]
async fn messages_that_are_none_close_with_4400() {
    let server = server().await;
    for text in ["", "nonsense", "[]", r#"{"type":"start"}"#, r#"{"type":"connection_init","payload":1}"#] {
        let mut client = Client::open(&server).await;
        client.0.send(Message::text(text)).await.unwrap();
        assert_eq!(client.closed().await.0, 4400, "{text}");
    }
    let mut client = Client::open(&server).await;
    client.0.send(Message::binary("{}")).await.unwrap();
    assert_eq!(client.closed().await.0, 4400);
}

#[tokio::test]
async fn an_operation_before_the_ack_closes_with_4401() {
    let mut client = Client::open(&server().await).await;
    client.subscribe("a", "{ hello }").await;
    assert_eq!(client.closed().await, (4401, "Unauthorized".into()));
}

#[tokio::test]
async fn credentials_come_with_connection_init() {
    let server = server().await;
    for payload in [json!({ "Authorization": "Bearer good" }), json!({ "authorization": "good" }), json!({ "apiKey": "good" })]
    {
        let mut client = Client::open(&server).await;
        client.init(payload).await;
        client.subscribe("a", "{ viewer }").await;
        assert_eq!(client.hear().await["payload"]["data"]["viewer"], "anna");
    }
    for payload in [json!({ "authorization": "Bearer bad" }), json!({ "apiKey": 1 })] {
        let mut client = Client::open(&server).await;
        client.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(client.closed().await, (4403, "Forbidden".into()));
    }
    let mut client = Client::open(&server).await;
    client.say(&json!({ "type": "connection_init", "payload": { "apiKey": "unlucky" } })).await;
    assert_eq!(client.closed().await.0, 4500);
}

#[tokio::test]
async fn credentials_may_come_with_the_upgrade() {
    let server = server().await;
    let (mut client, _) = open(&server, &[PROTOCOL, ("authorization", "Bearer good")]).await.unwrap();
    client.init(json!({})).await;
    client.subscribe("a", "{ viewer }").await;
    assert_eq!(client.hear().await["payload"]["data"]["viewer"], "anna");
    assert_eq!(refusal(&server, &[PROTOCOL, ("authorization", "Bearer bad")]).await, 401);
}

#[tokio::test]
async fn without_connection_init_it_closes_with_4408() {
    let server = server_with(|socket| socket.init_timeout = Duration::from_millis(20)).await;
    assert_eq!(Client::open(&server).await.closed().await, (4408, "Connection initialisation timeout".into()));
}

#[tokio::test]
async fn an_id_in_use_closes_with_4409_and_a_reason_that_fits() {
    let mut client = Client::acknowledged(&server().await).await;
    let id = "é".repeat(200);
    client.subscribe(&id, "subscription { waiting }").await;
    client.hear().await;
    client.subscribe(&id, "subscription { waiting }").await;
    let (code, reason) = client.closed().await;
    assert_eq!(code, 4409);
    assert!(reason.starts_with("Subscriber for é") && reason.len() <= 123, "{reason}");
}

#[tokio::test]
async fn a_second_init_closes_with_4429() {
    let mut client = Client::acknowledged(&server().await).await;
    client.say(&json!({ "type": "connection_init" })).await;
    assert_eq!(client.closed().await, (4429, "Too many initialisation requests".into()));
}

#[tokio::test]
async fn the_socket_ends_when_the_sign_in_is_ended() {
    let parts = Parts::with(HttpSettings { keep_alive: Duration::from_millis(20), ..HttpSettings::default() });
    let revoked = parts.revoked.clone();
    let mut client = Client::open(&parts.start().await).await;
    client.init(json!({ "authorization": "Bearer good" })).await;
    client.subscribe("a", "{ viewer }").await;
    assert_eq!(client.hear().await["payload"]["data"]["viewer"], "anna");
    revoked.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(client.closed().await, (4403, "The sign-in has ended".into()));
}

#[tokio::test]
async fn the_socket_ends_with_the_sign_in() {
    let parts = Parts { sign_in_lasts: Duration::from_millis(30), ..Parts::default() };
    let server = parts.start().await;
    let mut client = Client::open(&server).await;
    client.init(json!({ "authorization": "Bearer short" })).await;
    assert_eq!(client.closed().await, (4403, "The sign-in has ended".into()));
}

#[tokio::test]
async fn the_subprotocol_is_agreed_on_or_closes_with_4406() {
    let server = server().await;
    let offered = ("sec-websocket-protocol", "graphql-ws, graphql-transport-ws");
    let (_, response) = open(&server, &[offered]).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "graphql-transport-ws");
    let (mut client, response) = open(&server, &[]).await.unwrap();
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    assert_eq!(client.closed().await, (4406, "Subprotocol not acceptable".into()));
}

async fn refusal(server: &Server, headers: &[(&'static str, &str)]) -> u16 {
    match open(server, headers).await.map(|_| ()).unwrap_err() {
        tungstenite::Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_listed_origins_and_the_apis_own_open_sockets() {
    let settings = HttpSettings { origins: vec!["https://app.example.com".into()], ..HttpSettings::default() };
    let server = Parts::with(settings).start().await;
    let own = format!("http://{}", server.address);
    for origin in ["https://app.example.com", &own] {
        open(&server, &[PROTOCOL, ("origin", origin)]).await.unwrap();
    }
    for origin in ["https://evil.example", "http://app.example.com", "null", "https://app.example.com.evil.example"] {
        assert_eq!(refusal(&server, &[PROTOCOL, ("origin", origin)]).await, 403, "{origin}");
    }
}

#[tokio::test]
async fn operations_are_limited_per_socket() {
    let server = server_with(|socket| socket.max_operations = 1).await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { waiting }").await;
    client.hear().await;
    client.subscribe("b", "{ hello }").await;
    let refused = client.hear().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("b"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    client.say(&json!({ "id": "a", "type": "complete" })).await;
    client.subscribe("b", "{ hello }").await;
    assert_eq!(client.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn large_messages_close_with_1009() {
    let server = server_with(|socket| socket.max_message = 1000).await;
    for size in [1001, 3000, 100_000] {
        let mut client = Client::acknowledged(&server).await;
        client.0.send(Message::text(" ".repeat(size))).await.unwrap();
        assert_eq!(client.closed().await.0, 1009, "{size}");
    }
}

#[tokio::test]
async fn slow_readers_are_let_go_with_1013() {
    let server = server_with(|socket| socket.send_timeout = Duration::from_millis(50)).await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { flood }").await;
    // Not reading until the server has given up; then what was under way arrives, and the reason.
    server.dropped.notified().await;
    assert_eq!(client.closed().await.0, 1013);
}

#[tokio::test]
async fn clients_without_a_sign_of_life_are_let_go() {
    let settings = HttpSettings { keep_alive: Duration::from_millis(20), ..HttpSettings::default() };
    let server = Parts::with(settings).start().await;
    // The library answers pings when it is polled; this one is not, until the server has asked twice.
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { waiting }").await;
    server.dropped.notified().await;
    assert_eq!(client.closed().await, (1001, "No sign of life".into()));
}

#[tokio::test]
async fn clients_that_answer_pings_live_on() {
    let settings = HttpSettings { keep_alive: Duration::from_millis(200), ..HttpSettings::default() };
    let server = Parts::with(settings).start().await;
    let mut client = Client::acknowledged(&server).await;
    for _ in 0..3 {
        // The library answers by itself.
        assert!(matches!(client.0.next().await.unwrap().unwrap(), Message::Ping(_)));
    }
    client.subscribe("a", "{ hello }").await;
    assert_eq!(client.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn sockets_close_with_1001_when_the_process_stops() {
    let server = server().await;
    let mut client = Client::acknowledged(&server).await;
    client.subscribe("a", "subscription { waiting }").await;
    client.hear().await;
    server.token.cancel();
    assert_eq!(client.closed().await, (1001, "Going away".into()));
    assert!(client.0.next().await.is_none_or(|end| end.is_err()));
    server.served.await.unwrap();
}
