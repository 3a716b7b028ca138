//! The use cases over a real database of both kinds, with a clock that stands still and a queue that only remembers.

mod accounts;
mod audit;
mod feeds;
mod identity;
mod issuer;
mod live;
mod progress;
mod reads;
mod sealing;
mod servers;
mod sign_in;
mod syncs;
mod tokens;
mod users;
