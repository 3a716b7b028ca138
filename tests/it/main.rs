//! Integration tests.

mod graphql;
