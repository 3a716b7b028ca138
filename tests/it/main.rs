//! Integration tests, one binary: `support` has what they share, and each concern has a folder.

// Makes helpers count as tests, where `unwrap` and `panic` are allowed.
#![cfg(test)]

mod connector;
mod engine;
mod house;
mod jobs;
mod render;
mod support;
