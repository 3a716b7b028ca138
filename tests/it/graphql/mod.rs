//! The GraphQL API.

mod accounts;
mod api;
mod authorisation;
mod corpus;
mod dashboard;
mod gate;
mod lives;
mod portfolio;
mod schema;
mod servers;
mod sign_in;
mod trusted;
