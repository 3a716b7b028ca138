//! `docs`: the guide and reference as files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Global, failure::Failure, output::print};
use crate::{bootstrap, config::Config};

/// Write the API's guide and reference as web pages: examples for every mutation, all error codes, every type and field.
///
/// A server has the same pages at `/docs/`, with its own address and limits; these have the defaults.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  coppice docs --out docs\n  xdg-open docs/index.html")]
pub(super) struct Docs {
    /// The folder to write them into; made if it is missing. Files of the same names are overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn docs(global: &Global, what: &Docs) -> Result<(), Failure> {
    let folder = &what.out;
    let failed = |error: &std::io::Error| Failure::failed_at(format!("{} cannot be written.", folder.display()), error);
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let pages = bootstrap::docs(&Config::default());
    for (name, text) in &pages {
        std::fs::write(folder.join(name), text).map_err(|error| failed(&error))?;
    }
    if global.json {
        let files: Vec<_> = pages.iter().map(|(name, _)| folder.join(name)).collect();
        print(json!({ "files": files }));
    } else {
        print(format!("{} files; begin with {}", pages.len(), folder.join("index.html").display()));
    }
    Ok(())
}
