//! Integration tests, one binary: `support` has what they share, and each concern has a folder.

// Makes helpers count as tests, where `unwrap` and `panic` are allowed.
#![cfg(test)]

mod app;
mod certificates;
mod cli;
mod clients;
mod connector;
mod docs;
mod engine;
mod graphql;
mod house;
mod http;
mod jobs;
mod proof;
mod render;
mod store;
mod support;
