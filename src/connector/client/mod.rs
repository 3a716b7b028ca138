//! The shared outbound client.

mod settings;

pub use settings::ClientSettings;
