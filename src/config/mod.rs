//! What the operator decides, one section per file.
//!
//! A value comes from, weakest first: the default, the TOML file, the environment (`COPPICE__SECTION__KEY`), the command line.
//! The doc comment of a field is its documentation everywhere: [`defaults_toml`] prints the same text. A key nobody knows is
//! refused with the nearest known one, and every problem is reported at once. No message shows a value, since it may be secret.
//!
//! To add a key: one documented field with its default in its section, plus a rule in [`check`] if it depends on others.

mod auth;
mod check;
mod collect;
mod database;
mod graphql;
mod http;
mod keys;
mod leaf;
mod log;
mod mail;
mod outbound;
mod section;
mod sources;

use std::{fmt::Write as _, path::PathBuf};

pub use self::{
    auth::Auth,
    collect::{Collect, Role},
    database::{Database, Engine},
    graphql::{Graphql, TrustedOnly},
    http::Http,
    keys::Keys,
    log::{Format, Log},
    mail::Mail,
    outbound::Outbound,
    section::Key,
    sources::Sources,
};
use self::{
    section::{Reader, Section, sections},
    sources::merge,
};

/// Everything the operator decides; valid by construction, see [`Config::load`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// Where the data lives.
    pub database: Database,
    /// What the API listens on and to whom it answers.
    pub http: Http,
    /// What callers of the API may ask.
    pub graphql: Graphql,
    /// How vendors' servers are reached.
    pub outbound: Outbound,
    /// When and how collections run.
    pub collect: Collect,
    /// The keys that seal credentials.
    pub keys: Keys,
    /// How certificates are e-mailed.
    pub mail: Mail,
    /// Who signs the tokens that are accepted.
    pub auth: Auth,
    /// What is logged, and how.
    pub log: Log,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file, or a file that a key names, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not TOML, at line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, without the line's text.
        message: String,
    },
    /// What was given cannot be used: a sentence for each problem, each naming its key.
    #[error("the configuration has {} problem{}:\n- {}", .0.len(), if .0.len() == 1 { "" } else { "s" }, .0.join("\n- "))]
    Invalid(Vec<String>),
}

impl Config {
    /// Reads, merges and checks everything.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let figment = merge(sources)?;
        let mut reader = Reader::new(&figment);
        reader.refuse_unknown();
        let mut config = Self::read(&mut reader);
        reader.refuse_twice("database.url", "database.url_file");
        let mut problems = reader.into_problems();
        problems.extend(check::check(&config));
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        config.database.read_url_file()?;
        Ok(config)
    }

    /// Whether others depend on this installation: PostgreSQL, or an address that is not loopback. It then needs keys that an
    /// operator made, since a key file made on the fly is lost with the machine.
    pub fn is_production(&self) -> bool {
        self.database.engine() == Engine::Postgres || !self.http.listen.ip().is_loopback()
    }

    /// The key file: the one named, or `<database>.keys` beside an SQLite database; `None` on PostgreSQL when none is named.
    pub fn keys_file(&self) -> Option<PathBuf> {
        let beside = || self.database.sqlite_path().map(|path| path.with_extension("keys"));
        self.keys.file.clone().or_else(beside)
    }
}

sections! {
    database: Database, http: Http, graphql: Graphql, outbound: Outbound, collect: Collect, keys: Keys, mail: Mail, auth: Auth,
    log: Log,
}

/// A configuration file that says the defaults: every key with its documentation; keys without a default are commented out.
pub fn defaults_toml() -> String {
    let mut text = String::from(
        "# Coppice's configuration: every key, its meaning, its default.\n\
         # The same keys in the environment: COPPICE__SECTION__KEY, for example COPPICE__HTTP__LISTEN=127.0.0.1:9000.\n\
         # A list is a TOML array, or in the environment also values with commas between. A duration is a number with\n\
         # ms, s, m, h or d. Relative paths start at the working directory.\n",
    );
    for (section, doc, keys) in Config::sections() {
        let _ = write!(text, "\n{}[{section}]\n", comment(doc));
        for Key { name, doc, default } in keys {
            let _ = match default {
                Some(default) => write!(text, "\n{}{name} = {default}\n", comment(doc)),
                None => write!(text, "\n{}# {name} =\n", comment(doc)),
            };
        }
    }
    text
}

fn comment(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| ["#", line, "\n"]).collect()
}

#[cfg(test)]
mod tests;
