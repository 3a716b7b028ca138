//! The GraphQL schema: decode, one call into `app`, encode.
//!
//! - Types wrap domain records by hand (`types`); rows never reach the API.
//! - Every field that asks `app` does so as the request's caller; what that one may not see is absent.
//! - A nullable field that can fail is `Option<Result<T>>`: its failure costs that field and not its parent.
//! - Errors have a code of a closed list and the request's id (`error`, `edge`); causes stay in the log.
//! - A subscription's events are resolved once for all who ask for the same (`told`).
//! - Whether a request is valid, and how much it may ask, is judged before the engine sees it (`gate`).
//!
//! To add a query or mutation: its use case in `app`, its resolver beside its siblings in `queries` or `mutations`, its types in
//! `types`, then `coppice schema` writes `schema.graphql` anew.

#![expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "doc comments on the schema's types are its descriptions, read where there is no markup"
)]

use std::sync::Arc;

use async_graphql::{
    Request, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError,
    futures_util::stream,
    futures_util::stream::{BoxStream, StreamExt as _},
};

use self::{
    gate::{Admitted, Gate},
    written::Writing,
};
use crate::{app::App, clock::SharedClock};

mod connection;
mod context;
mod edge;
mod engine;
mod error;
mod gate;
mod lists;
mod loaders;
mod mutations;
mod queries;
mod scalars;
mod subscriptions;
mod sums;
mod told;
mod types;
mod written;

#[cfg(test)]
mod tests;

pub use context::{Caller, ClientAddress, RequestId, SessionId, prepare};
pub use error::{Code, error_code, server_error};
pub use gate::{
    Asker, GateSettings, Limits, MUTATION_COST, PLAIN_LIST, ROW_COST, Rate, TrustedDocuments, TrustedOnly, WEIGHTS,
};
pub use told::Answer;
pub use written::write_json;

/// The schema's query root, with the page arguments of its connections.
pub type Query = connection::Paged<queries::Query>;

type Engine = Schema<Query, mutations::Mutation, subscriptions::Subscription>;

/// The schema behind its gate, ready to run requests made with [`prepare`].
#[derive(Clone)]
pub struct CoppiceSchema {
    engine: Engine,
    gate: Arc<Gate>,
    told: Arc<told::Memory>,
}

impl CoppiceSchema {
    /// Judges a request, and takes its cost from the caller's budget; `Err` is what to answer instead of running it.
    pub fn admit(&self, request: &mut Request, asker: &Asker<'_>) -> Result<(), Vec<ServerError>> {
        self.gate.admit(request, asker).map(drop)
    }

    /// Runs a query or mutation. One that was not admitted is judged first, as nobody's.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        let mut request = request.into();
        match self.admitted(&mut request) {
            Ok(admitted) => self.run(request, &admitted, None).await,
            Err(refused) => *refused,
        }
    }

    /// The same for sending: most of the data is written as JSON already, and stands in it as [`Value::Binary`](async_graphql::Value), which
    /// [`write_json`] takes for what it is.
    pub async fn answer(&self, mut request: Request) -> Response {
        let admitted = match self.admitted(&mut request) {
            Ok(admitted) => admitted,
            Err(refused) => return *refused,
        };
        let writing = admitted.can_be_written().then(Arc::<Writing>::default);
        if let Some(writing) = &writing {
            request.data.insert(Arc::clone(writing));
        }
        self.run(request, &admitted, writing).await
    }

    async fn run(&self, request: Request, admitted: &Admitted, writing: Option<Arc<Writing>>) -> Response {
        let response = self.gate.run(admitted, Box::pin(self.engine.execute(request))).await;
        self.gate.settle(admitted, response, writing.map_or(0, |writing| writing.points()))
    }

    /// Starts a subscription; judged as by [`execute`](Self::execute).
    pub fn subscribe(&self, mut request: Request) -> BoxStream<'static, Answer> {
        match self.admitted(&mut request) {
            Ok(admitted) => told::start(&self.engine, &self.told, request, admitted),
            Err(refused) => stream::iter([Answer::Own(refused)]).boxed(),
        }
    }

    /// The same, each answer for itself.
    pub fn execute_stream(&self, request: impl Into<Request>) -> BoxStream<'static, Response> {
        self.subscribe(request.into()).map(Response::from).boxed()
    }

    /// What passed the gate, now if not before: nothing else reaches the engine, which judges nothing. `Err` is what to answer instead.
    fn admitted(&self, request: &mut Request) -> Result<Arc<Admitted>, Box<Response>> {
        match gate::admitted(request) {
            Some(admitted) => Ok(admitted),
            None => self.gate.admit(request, &Asker::default()).map_err(|errors| Box::new(edge::refuse(request, errors))),
        }
    }
}

/// The schema over `app`, refusing what goes beyond `limits`; the rest as [`GateSettings`] has it.
pub fn build_schema(app: Arc<App>, limits: Limits) -> CoppiceSchema {
    let clock = app.clock().clone();
    build_schema_with(app, GateSettings { limits, ..GateSettings::default() }, clock)
}

/// The schema over `app` behind a gate of these settings.
pub fn build_schema_with(app: Arc<App>, settings: GateSettings, clock: SharedClock) -> CoppiceSchema {
    gated(builder().data(app), settings, clock)
}

fn gated(
    builder: SchemaBuilder<Query, mutations::Mutation, subscriptions::Subscription>,
    settings: GateSettings,
    clock: SharedClock,
) -> CoppiceSchema {
    let engine = builder.extension(edge::EdgeFactory).finish();
    CoppiceSchema { engine, gate: Arc::new(Gate::new(settings, clock)), told: Arc::default() }
}

/// The schema as text: sorted, with `@specifiedBy`; what `schema.graphql` holds.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .prefer_single_line_descriptions()
        .use_space_ident();
    let text = builder().finish().sdl_with_options(options);
    // The engine also writes the directives that every schema has, each with a description of one line; some tools refuse that.
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("directive @") {
            lines.pop();
        } else {
            lines.push(described(line));
        }
    }
    lines.join("\n") + "\n"
}

/// A line's description between three quotes instead of one, as linters want it.
fn described(line: &str) -> String {
    let text = line.trim_start();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text_only) => {
            let indent = &line[..line.len() - text.len()];
            format!("{indent}\"\"\"{}\"\"\"", text_only.replace("\\\"", "\""))
        }
        None => line.to_owned(),
    }
}

fn builder() -> SchemaBuilder<Query, mutations::Mutation, subscriptions::Subscription> {
    Schema::build(connection::Paged(queries::Query::default()), mutations::Mutation::default(), subscriptions::Subscription)
}
