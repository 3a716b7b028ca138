//! Integration tests.

mod http;
