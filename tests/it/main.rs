//! Integration tests, one binary: `support` has what they share, and each concern has a folder.

mod house;
mod support;
