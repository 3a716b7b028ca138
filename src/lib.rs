//! Coppice turns what offices print into forests, with proof.
//!
//! ```text
//!  vendor servers            connector   one small trait per vendor over one shared HTTPS client
//!       │ page counts            │
//!       ▼                        ▼
//!  ┌─────────┐  decides   ┌──────────┐  rows   ┌───────┐
//!  │ domain  │◄───────────│   app    │────────►│ store │  SQLite or PostgreSQL
//!  └─────────┘            └──────────┘         └───────┘
//!                           ▲      ▲
//!                    graphql│      │jobs        queries and mutations; queued collections
//!                           │      │
//!                         http   bootstrap      one process: `coppice serve`
//! ```
//!
//! # Who may import whom
//!
//! Arrows point strictly down and siblings do not see each other; `tests/it/house` reads this table and fails, with file and
//! line, on an import it does not allow. A name before a colon limits what follows, up to the semicolon, to those modules; at
//! level 0 a module may use those that stand before it. *Outside crates* are those that live in no other module; only what
//! a module *shares* of one may be re-exported.
//!
//! | level | modules | may use | outside crates that live only here |
//! |---|---|---|---|
//! | 0 | clock failpoint id secret token | id: clock; secret token: clock id | failpoint: `fail`; secret: `chacha20poly1305`, `argon2`; id: `uuid` (shares Uuid), `rand`; token: `jsonwebtoken`, `ed25519_dalek` |
//! | 1 | config domain | secret id clock | config: `figment`, `toml` |
//! | 2 | connector store render mail | domain secret id clock token; store: failpoint | connector: `reqwest`; mail: `lettre`; store: `sea_orm`, `sea_query_sqlx`, `coppice_entity`, `coppice_migration`, `sqlx`; render: `krilla`, `rustybuzz`, `tiny_skia`, `qrcodegen`, `unicode_bidi`, `unicode_linebreak` |
//! | 3 | app | connector store render mail domain secret id clock token failpoint | |
//! | 4 | graphql jobs | app domain secret id clock token; jobs: failpoint | graphql: `async_graphql`, `async_graphql_value`, `apollo_compiler`; jobs: `apalis`, `apalis_sqlite`, `apalis_postgres`, `sqlx` |
//! | 5 | http telemetry lifecycle simulator | http: graphql app domain secret id clock token; telemetry lifecycle: config domain; simulator: secret id clock token | http: `axum`, `tower`, `tower_http`, `tokio_rustls`, `hyper_util`, `async_graphql`; simulator: `axum`, `rcgen`, `tokio_rustls`, `hyper_util`; telemetry: `tracing_subscriber` |
//! | 6 | bootstrap | all below | `sqlx`, `async_graphql` |
//! | 7 | cli | bootstrap app config domain secret id clock token failpoint simulator telemetry lifecycle | `clap`, `indicatif` |
//! | 8 | main | all below | |
//!
//! # Invariants
//!
//! - The database is the truth and the queue is transport: a run exists as rows before anything is queued.
//! - Running is at least once, effects are exactly once: every effect of a collection is one transaction that checks the
//!   server's fence.
//! - Time, identifiers and randomness are arguments ([`clock`], [`id`]).
//! - A secret is a [`secret::Secret`]; it has no `Display` and its `Debug` shows nothing.

pub mod app;
pub mod bootstrap;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connector;
pub mod domain;
pub mod failpoint;
pub mod graphql;
pub mod http;
pub mod id;
pub mod jobs;
pub mod lifecycle;
pub mod mail;
pub mod render;
pub mod secret;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod token;
