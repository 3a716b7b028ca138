//! Integration tests.

mod jobs;
