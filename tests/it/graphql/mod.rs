//! The GraphQL API.

mod accounts;
mod api;
mod schema;
mod servers;
