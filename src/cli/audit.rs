//! The audit log, for the operator: shown and checked on the configured database; no server need run.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Global, configure, failure::Failure, open, output::print};
use crate::{
    app::audit::AuditEntry,
    bootstrap::{Purpose, Surroundings},
    secret::Digest,
};

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check that no entry was changed or removed, and print how many there are and the last one's digest.
    ///
    /// Every entry carries a digest over itself and the entry before. Keep what is printed somewhere else and give it to a later check:
    /// then it is noticed as well when the end of the log was cut off or the whole log was written anew.
    #[command(
        after_help = "Examples:\n  coppice audit verify\n  coppice audit verify --known 1042:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Verify {
        /// What an earlier check printed, NUMBER:DIGEST.
        #[arg(long, value_name = "NUMBER:DIGEST", value_parser = known)]
        known: Option<(i64, Digest)>,
    },
    /// Print entries as lines of JSON, oldest first.
    #[command(after_help = "Examples:\n  coppice audit show --object usr_...\n  coppice audit show --after 1042")]
    Show {
        /// Only entries about this object, by its public id.
        #[arg(long, value_name = "ID")]
        object: Option<String>,
        /// Only entries behind the one with this number.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
}

pub(super) async fn audit(global: &Global, what: Audit) -> Result<(), Failure> {
    let node = open(configure(global, json!({}), false)?, Purpose::Directory, Surroundings::real()).await?;
    let done = match what {
        Audit::Verify { known } => verify(global, node.app(), known).await,
        Audit::Show { object, after } => show(node.app(), object.as_deref(), after).await,
    };
    node.close().await;
    done
}

async fn verify(global: &Global, app: &crate::app::App, known: Option<(i64, Digest)>) -> Result<(), Failure> {
    let verdict = app.verify_audit(known).await?;
    if let Some(number) = verdict.broken_at {
        return Err(Failure::unfinished(format!(
            "The audit log is not whole: entry {number} is missing or is not what was recorded. The {} before it are right.",
            verdict.entries
        )));
    }
    let head = hex(&verdict.head);
    if global.json {
        print(json!({ "entries": verdict.entries, "head": head }));
    } else {
        print(format!("{}:{head}", verdict.entries));
    }
    Ok(())
}

async fn show(app: &crate::app::App, object: Option<&str>, after: i64) -> Result<(), Failure> {
    let mut last = after;
    loop {
        let entries = app.audit_entries(last, object).await?;
        let Some(end) = entries.last() else { return Ok(()) };
        last = end.seq;
        for entry in &entries {
            print(line(entry));
        }
    }
}

fn line(entry: &AuditEntry) -> Value {
    let fields = |text: &Option<String>| text.as_deref().map(|text| serde_json::from_str(text).unwrap_or(Value::Null));
    let what = &entry.what;
    json!({
        "number": entry.seq,
        "at": entry.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "actor": what.actor,
        "requestId": what.request_id,
        "action": what.action,
        "object": what.object,
        "before": fields(&what.before),
        "after": fields(&what.after),
        "digest": hex(&entry.hash),
    })
}

fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
        text.extend([digit(byte >> 4), digit(byte & 15)]);
        text
    })
}

fn known(text: &str) -> Result<(i64, Digest), String> {
    let wrong = || "what `coppice audit verify` printed: a number, a colon, 64 hexadecimal digits".to_owned();
    let (number, digits) = text.split_once(':').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut digest = Digest::default();
    for (byte, place) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16).map_err(|_| wrong())?;
    }
    Ok((number, digest))
}
