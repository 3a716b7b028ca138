//! `reconcile`: recomputes the books now.

use clap::Args;
use serde_json::json;

use super::{Global, configure, failure::Failure, open, output::print};
use crate::{
    bootstrap::{Purpose, Surroundings},
    domain::reconcile::{Book, Difference, Reconciliation},
    id::{Kind, PublicId},
};

/// Recompute every total from the entries and check the books, as is done every night.
///
/// What differs is reported. Totals that are only sums of entries are written anew, unless --check is given; entries never change.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 4: something differs that was not repaired.\n\nExamples:\n  coppice reconcile\n  coppice reconcile --check --json"
)]
pub(super) struct Reconcile {
    /// Only look: repair nothing.
    #[arg(long)]
    check: bool,
}

pub(super) async fn reconcile(global: &Global, what: Reconcile) -> Result<(), Failure> {
    let node = open(configure(global, json!({}), false)?, Purpose::Directory, Surroundings::real()).await?;
    let report = node.app().reconcile(!what.check).await.map_err(|error| Failure::failed(&error))?;
    if global.json {
        print(as_json(&report));
    } else {
        for difference in &report.differences {
            print(line(difference));
        }
        print(format!(
            "{} accounts and {} feeds: {} differences, {} of them repaired.",
            report.accounts, report.feeds, report.found, report.repaired
        ));
    }
    if report.found > report.repaired {
        return Err(Failure::unfinished("The books do not agree. The lines above, and the log, say where.".to_owned()));
    }
    Ok(())
}

fn subject(difference: &Difference) -> String {
    let kind = match difference.book() {
        Some(Book::FeedDay | Book::Segments | Book::Suspense) => Kind::Feed,
        _ => Kind::Account,
    };
    PublicId::new(kind, difference.subject).to_string()
}

fn line(difference: &Difference) -> String {
    let pages = difference.pages;
    format!(
        "{}  {}  {}  small {:+}, large {:+}, duplex {:+}{}",
        difference.book,
        subject(difference),
        if difference.key.is_empty() { "-" } else { &difference.key },
        pages.small,
        pages.large,
        pages.duplex,
        if difference.repaired { "  repaired" } else { "" }
    )
}

fn as_json(report: &Reconciliation) -> serde_json::Value {
    let differences = report.differences.iter().map(|difference| {
        json!({
            "book": difference.book,
            "subjectId": subject(difference),
            "key": difference.key,
            "small": difference.pages.small,
            "large": difference.pages.large,
            "duplex": difference.pages.duplex,
            "standard": difference.standard,
            "repaired": difference.repaired,
        })
    });
    json!({
        "accounts": report.accounts,
        "feeds": report.feeds,
        "found": report.found,
        "repaired": report.repaired,
        "differences": differences.collect::<Vec<_>>(),
    })
}
