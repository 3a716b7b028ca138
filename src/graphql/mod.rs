//! The GraphQL schema: decode, one call into `app`, encode.
//!
//! - Types wrap domain records by hand (`types`); rows never reach the API.
//! - Every field that asks `app` does so as the request's caller; what that one may not see is absent.
//! - A nullable field that can fail is `Option<Result<T>>`: its failure costs that field and not its parent.
//! - Errors have a code of a closed list and the request's id (`error`, `edge`); causes stay in the log.
//! - What a document may ask is judged before the engine sees it (`limits`).
//!
//! To add a query or mutation: its use case in `app`, its resolver beside its siblings in `queries` or `mutations`, its types in
//! `types`, then `coppice schema` writes `schema.graphql` anew.

#![expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "doc comments on the schema's types are its descriptions, read where there is no markup"
)]

use std::sync::Arc;

use async_graphql::{SDLExportOptions, Schema, SchemaBuilder};

use crate::app::App;

mod connection;
mod context;
mod edge;
mod error;
mod limits;
mod loaders;
mod mutations;
mod queries;
mod scalars;
mod subscriptions;
mod types;

#[cfg(test)]
mod tests;

pub use context::{Caller, ClientAddress, RequestId, SessionId, prepare};
pub use error::{Code, error_code, server_error};
pub use limits::{Cost, Limits, precheck};

/// The schema's query root, with the page arguments of its connections.
pub type Query = connection::Paged<queries::Query>;

/// The schema, ready to execute requests made with [`prepare`].
pub type CoppiceSchema = Schema<Query, mutations::Mutation, subscriptions::Subscription>;

/// The schema over `app`, refusing what goes beyond `limits`.
pub fn build_schema(app: Arc<App>, limits: Limits) -> CoppiceSchema {
    builder().limit_complexity(limits.complexity).extension(edge::EdgeFactory(limits)).data(app).finish()
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
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.starts_with("directive @") {
            lines.pop();
        } else {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn builder() -> SchemaBuilder<Query, mutations::Mutation, subscriptions::Subscription> {
    Schema::build(connection::Paged(queries::Query::default()), mutations::Mutation::default(), subscriptions::Subscription)
}
