use std::path::PathBuf;

use super::{ConfigError, section::section};
use crate::secret::Secret;

section! {
    /// Where the data lives.
    Database {
        /// The database: `sqlite://FILE` (made on first start; `sqlite:///var/lib/...` is an absolute path) or
        /// `postgres://USER:PASSWORD@HOST/NAME`, which several nodes can share. Default: `coppice.db` in the working
        /// directory.
        url: Secret = Secret::new("sqlite://coppice.db"),
        /// A file that holds the URL, instead of `url`; the last line break is ignored.
        url_file: Option<PathBuf> = None,
        /// The most connections that are open at a time, on PostgreSQL a third of them for writing; the queue has a pool
        /// of its own. Connections, at least 1; on SQLite never more than 6, on PostgreSQL never fewer than 4; default 10.
        max_connections: u32 = 10,
    }
}

/// Which database serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded default: one file, one node.
    Sqlite,
    /// A server, for several nodes.
    Postgres,
}

impl Database {
    /// The engine that the URL names.
    pub fn engine(&self) -> Engine {
        let url = self.url.expose();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") { Engine::Postgres } else { Engine::Sqlite }
    }

    /// The file of an SQLite database.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        let path = self.url.expose().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        Some(PathBuf::from(path.split_once('?').map_or(path, |(path, _)| path)))
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if self.url_file.is_none() {
            problems.extend(self.url_problem().map(str::to_owned));
        }
        if self.max_connections == 0 {
            problems.push("`database.max_connections` must be at least 1".to_owned());
        }
    }

    /// Replaces the URL by what its file says.
    pub(super) fn read_url_file(&mut self) -> Result<(), ConfigError> {
        let Some(path) = &self.url_file else { return Ok(()) };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        self.url = Secret::new(text.trim());
        self.url_problem().map_or(Ok(()), |problem| Err(ConfigError::Invalid(vec![problem.to_owned()])))
    }

    fn url_problem(&self) -> Option<&'static str> {
        match (self.engine(), self.sqlite_path()) {
            (Engine::Sqlite, None) => Some("`database.url` must start with `sqlite://` or `postgres://`"),
            // Each connection would see a database of its own.
            (Engine::Sqlite, Some(path)) if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" => {
                Some("`database.url` must name a file")
            }
            _ => None,
        }
    }
}
