//! app

pub mod ports;
pub mod work;
