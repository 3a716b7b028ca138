//! What the tests share.

pub mod issuer;
pub mod postgres;
pub mod world;
