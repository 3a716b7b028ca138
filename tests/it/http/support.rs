//! A toy backend and a server for it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Context, Object, Request, Response, Schema, ServerError, Subscription, Value, parser::types::DocumentOperations,
};
use async_trait::async_trait;
use axum::{Router, body::Body};
use coppice::{
    clock::{Clock as _, ManualClock},
    graphql::{Answer, Code},
    http::{
        AuthenticateError, Backend, Context as HttpContext, Credential, Drain, HttpParts, HttpSettings, Identity,
        ServeSettings, Transport, router, serve, set_code,
    },
    id::IdSource,
};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream, Stream},
};
use serde_json::Value as Json;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }

    async fn viewer(&self, ctx: &Context<'_>) -> Option<String> {
        ctx.data_unchecked::<Option<String>>().clone()
    }

    async fn transport(&self, ctx: &Context<'_>) -> String {
        format!("{:?}", ctx.data_unchecked::<Transport>())
    }

    async fn echo(&self, number: i32) -> i32 {
        number
    }

    async fn long(&self) -> String {
        "forest ".repeat(1000)
    }

    async fn never(&self) -> i32 {
        std::future::pending().await
    }

    async fn boom(&self) -> i32 {
        fall()
    }

    async fn failing(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err("It did not work.".into()))
    }
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self) -> i32 {
        1
    }
}

pub struct Subscription;

#[Subscription]
impl Subscription {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }

    /// One number, then silence.
    async fn waiting(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> {
        let alarm = Alarm(ctx.data_unchecked::<Arc<Notify>>().clone());
        stream::iter([0]).chain(stream::pending()).inspect(move |_| alarm.hold())
    }

    /// More than anybody reads.
    async fn flood(&self, ctx: &Context<'_>) -> impl Stream<Item = String> {
        let alarm = Alarm(ctx.data_unchecked::<Arc<Notify>>().clone());
        stream::repeat("x".repeat(64 * 1024)).inspect(move |_| alarm.hold())
    }

    async fn broken(&self) -> impl Stream<Item = i32> {
        stream::iter(0..2).map(|number| if number == 1 { fall() } else { number })
    }
}

/// Rings when the stream that holds it is dropped.
struct Alarm(Arc<Notify>);

impl Alarm {
    /// Lets a closure own it.
    fn hold(&self) {
        let _ = self;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn fall() -> i32 {
    panic!("the secret of the house")
}

pub struct Toy {
    schema: Schema<Query, Mutation, Subscription>,
    clock: Arc<ManualClock>,
    pub sign_in_lasts: Duration,
    revoked: Arc<AtomicBool>,
}

#[async_trait]
impl Backend for Toy {
    type Actor = String;

    async fn authenticate(
        &self,
        credential: &Credential,
        _client: Option<IpAddr>,
    ) -> Result<Option<Identity<String>>, AuthenticateError> {
        match credential.expose() {
            "good" => Ok(Some(Identity { actor: "anna".into(), expires_at: None })),
            "short" => Ok(Some(Identity { actor: "anna".into(), expires_at: Some(self.clock.now() + self.sign_in_lasts) })),
            "often" => Err(AuthenticateError::Throttled { retry_after: Duration::from_secs(7) }),
            "unlucky" => Err(AuthenticateError::Internal("the secret of the house".into())),
            _ => Ok(None),
        }
    }

    async fn holds(&self, _: &String) -> bool {
        !self.revoked.load(Ordering::SeqCst)
    }

    async fn prepare(&self, request: &mut Request, context: &HttpContext<'_, String>) -> Result<(), Vec<ServerError>> {
        request.data.insert(context.actor.cloned());
        request.data.insert(context.transport);
        if context.document_id == Some("sha256:hello") {
            request.query = "{ hello }".into();
        }
        if request.query.contains("tooOften") {
            let mut error = ServerError::new("Too often.", None);
            set_code(&mut error, Code::RateLimited);
            error.extensions.get_or_insert_default().set("retryAfter", 9);
            return Err(vec![error]);
        }
        let variables = request.variables.clone();
        match request.parsed_query() {
            Ok(document) => {
                let operations = match &document.operations {
                    DocumentOperations::Single(operation) => vec![operation],
                    DocumentOperations::Multiple(map) => map.values().collect(),
                };
                let missing = operations.iter().flat_map(|operation| &operation.node.variable_definitions).any(|definition| {
                    let definition = &definition.node;
                    let given = variables.get(&definition.name.node).is_some_and(|value| *value != Value::Null);
                    !definition.var_type.node.nullable && definition.default_value.is_none() && !given
                });
                if missing { Err(vec![ServerError::new("A variable is missing.", None)]) } else { Ok(()) }
            }
            Err(_) => Ok(()),
        }
    }

    async fn execute(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Answer> {
        // As it is behind the real schema: now and then one that others get too.
        let answers = self.schema.execute_stream(request).enumerate().map(|(place, response)| {
            let shared = place % 2 == 1 && response.errors.is_empty();
            if shared {
                Answer::Shared(serde_json::to_string(&response).unwrap().into())
            } else {
                Answer::Own(Box::new(response))
            }
        });
        answers.boxed()
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn key_set(&self) -> Json {
        serde_json::json!({ "keys": [] })
    }
}

pub struct Parts {
    pub settings: HttpSettings,
    pub serve: ServeSettings,
    pub sign_in_lasts: Duration,
    pub token: CancellationToken,
    /// Told when a subscription to `waiting` or `flood` is dropped.
    pub dropped: Arc<Notify>,
    /// Whether every sign-in was ended.
    pub revoked: Arc<AtomicBool>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            settings: HttpSettings::default(),
            serve: ServeSettings::default(),
            sign_in_lasts: Duration::from_hours(1),
            token: CancellationToken::new(),
            dropped: Arc::default(),
            revoked: Arc::default(),
        }
    }
}

impl Parts {
    pub fn with(settings: HttpSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    pub fn router(&self) -> (Router, Drain) {
        let clock = Arc::new(ManualClock::default());
        let drain = Drain::new(self.token.clone());
        let schema = Schema::build(Query, Mutation, Subscription).data(self.dropped.clone()).finish();
        let backend = Toy { schema, clock: clock.clone(), sign_in_lasts: self.sign_in_lasts, revoked: self.revoked.clone() };
        let parts = HttpParts {
            backend: Arc::new(backend),
            clock,
            ids: Arc::new(IdSource::seeded(1)),
            settings: self.settings.clone(),
            drain: drain.clone(),
            public: None,
        };
        (router(parts).unwrap(), drain)
    }

    pub async fn start(self) -> Server {
        let (router, drain) = self.router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move { serve(listener, router, drain, self.serve).await.unwrap() });
        Server { address, token: self.token, dropped: self.dropped, served }
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub token: CancellationToken,
    pub dropped: Arc<Notify>,
    pub served: JoinHandle<()>,
}

pub const JSON: &str = "application/json";
pub const RESPONSE: &str = "application/graphql-response+json";
pub const EVENTS: &str = "text/event-stream";

/// A request for `/graphql`; a header of the list with an empty value is left out.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> axum::http::Request<Body> {
    let mut builder = axum::http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

/// A JSON POST of a document.
pub fn post(accept: &str, query: &str) -> axum::http::Request<Body> {
    let body = serde_json::json!({ "query": query }).to_string();
    request("POST", "/graphql", &[("content-type", JSON), ("accept", accept)], body)
}
