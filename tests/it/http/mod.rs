//! The HTTP interface over a toy schema: every status and close code, by clients that share no code with it.

mod events;
mod over_http;
mod serving;
mod socket;
mod support;
