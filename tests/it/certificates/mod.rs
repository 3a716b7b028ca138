//! Certificates: every entry on one certificate in force or pending, nothing twice, at every commit.

mod closing;
mod concurrency;
mod delivery;
mod killed;
mod ledger;
mod projects;
mod public;
mod web;
mod year;
