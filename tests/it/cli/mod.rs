//! The program as it is run: its help, its results, its refusals and its exit codes.

mod arguments;
mod demo;
mod installation;
mod keys;
mod readme;
pub mod support;
mod sync;
