//! Integration tests.

mod connector;
