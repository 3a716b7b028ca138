//! The GraphQL API.

mod accounts;
mod api;
mod authorisation;
mod corpus;
mod dashboard;
mod gate;
mod lives;
mod operations;
mod portfolio;
mod schema;
mod servers;
mod sign_in;
mod trespass;
mod trusted;
