//! Client libraries, compilers and test programs that nobody here wrote (`tests/clients`), each against the real program.
//!
//! `tests/run` installs what they need. Where it is not there they are left out, but for CI, where they must run.

mod fuzz;
mod server;
mod suites;
mod tools;
