//! The GraphQL API.

mod accounts;
mod api;
mod lives;
mod schema;
mod servers;
mod sign_in;
