//! The GraphQL API.

mod schema;
