//! The sealing keys, for the operator.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Global, configure, failure::Failure, open, output::print};
use crate::{
    app::KeyUse,
    bootstrap::{self, Node, Purpose, Surroundings},
    secret::KeyId,
};

const ORDER: &str = "To change keys while servers run:
  1. coppice keys generate                 put the line at the END of the key file of every node; restart them
  2. move the line to the TOP of the file of every node; restart them: it seals from now on, all open
  3. coppice keys rotate                   seal anew what other keys sealed
  4. coppice keys retire --key OLD         take the old key out of the file; refused while it is needed";

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a sealing key and print it as a line of a key file; or make a key file.
    #[command(
        after_help = "The first key of a file seals, all of them open: to change keys, see `coppice keys rotate --help`.\n\n\
        Examples:\n  coppice keys generate --file /etc/coppice/keys\n  COPPICE__KEYS__FILE=/etc/coppice/keys coppice serve"
    )]
    Generate {
        /// Make this file, with mode 0600, instead of printing; a file that is there is left as it is.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List the keys: which one seals, and how many values of the database each sealed.
    Status,
    /// Seal with the first key of the list whatever another key sealed. Servers may run meanwhile; broken off, it goes on when called again.
    #[command(after_help = ORDER)]
    Rotate,
    /// Take a key out of the key file, unless it is still needed. Access tokens that were signed with it end.
    #[command(after_help = ORDER)]
    Retire {
        /// The key, 16 hexadecimal digits, as `coppice keys status` lists it.
        #[arg(long, value_name = "ID", value_parser = key_id)]
        key: KeyId,
    },
}

pub(super) async fn keys(global: &Global, what: Keys) -> Result<(), Failure> {
    if let Keys::Generate { file } = what {
        return generate(file.as_ref(), global.json);
    }
    let node = open(configure(global, json!({}), false)?, Purpose::Command, Surroundings::real()).await?;
    let done = match what {
        Keys::Rotate => rotate(global, &node).await,
        Keys::Retire { key } => retire(global, &node, key).await,
        Keys::Status | Keys::Generate { .. } => status(global, &node).await,
    };
    node.close().await;
    done
}

fn generate(file: Option<&PathBuf>, as_json: bool) -> Result<(), Failure> {
    let line = bootstrap::generate_keys(file).map_err(|error| Failure::failed(&error))?;
    match (line, file, as_json) {
        (Some(line), _, false) => print(line.expose()),
        (Some(line), _, true) => print(json!({ "key": line.expose() })),
        (None, Some(path), true) => print(json!({ "file": path })),
        (None, Some(path), false) => {
            print(format!("Made {}. Set `keys.file` to it, and keep a copy in a safe place.", path.display()));
        }
        (None, None, _) => {}
    }
    Ok(())
}

async fn status(global: &Global, node: &Node) -> Result<(), Failure> {
    let keys = node.app().sealing_keys().await?;
    if global.json {
        let one = |key: &KeyUse| json!({ "id": key.id.to_string(), "seals": key.seals, "known": key.known, "rows": key.rows });
        print(json!({ "keys": keys.iter().map(one).collect::<Vec<_>>() }));
        return Ok(());
    }
    for key in &keys {
        let role = match key {
            KeyUse { seals: true, .. } => "seals",
            KeyUse { known: true, .. } => "opens",
            KeyUse { .. } => "MISSING",
        };
        let rows: Vec<String> = key.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
        let rows = if rows.is_empty() { "nothing".to_owned() } else { rows.join(", ") };
        print(format!("{}  {role:<7}  {rows}", key.id));
    }
    Ok(())
}

async fn rotate(global: &Global, node: &Node) -> Result<(), Failure> {
    let done = node.app().rotate_sealing_keys().await?;
    if global.json {
        print(json!({ "sealed": done.sealed, "unreadable": done.unreadable }));
    } else {
        print(format!("{} values were sealed anew.", done.sealed));
    }
    if done.unreadable > 0 {
        let message = "Some values do not open with the keys there are; `coppice keys status` tells which keys are missing.";
        return Err(Failure::unfinished(format!("{message} Values left as they are: {}.", done.unreadable)));
    }
    Ok(())
}

async fn retire(global: &Global, node: &Node, key: KeyId) -> Result<(), Failure> {
    let keys = node.app().sealing_keys().await?;
    let Some(found) = keys.iter().find(|known| known.id == key && known.known) else {
        return Err(Failure::refused("--key: The list of keys has no such key; see `coppice keys status`."));
    };
    if found.seals {
        return Err(Failure::refused(
            "--key: This key seals. Put another one before it first; see `coppice keys rotate --help`.",
        ));
    }
    if found.total() > 0 {
        let message = "--key: The key is still needed: run `coppice keys rotate`. Values that it sealed:";
        return Err(Failure::refused(format!("{message} {}.", found.total())));
    }
    let file = node.retire_key(key).map_err(|error| Failure::failed(&error))?;
    match (&file, global.json) {
        (file, true) => print(json!({ "id": key.to_string(), "file": file })),
        (Some(path), false) => print(format!("The key is out of {}. Restart the servers.", path.display())),
        (None, false) => print("Nothing needs the key any more: take it out of `keys.values` and restart the servers."),
    }
    Ok(())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "the id of a sealing key, 16 hexadecimal digits".to_owned())
}
