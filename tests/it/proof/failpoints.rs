//! Ended at every named place, one after another, on one database: what is left is always whole, and what comes of it in the end is what
//! was printed.

use std::{os::unix::process::ExitStatusExt as _, time::Instant};

use coppice::failpoint::Point;

use super::{
    program::{ABORTED, LOOK, PATIENCE},
    stage::Stage,
};
use crate::support::world::Kind;

/// Places on the way to certificates; they come when all days are read.
const CLOSING: [Point; 4] = [Point::CloseLocked, Point::CloseNumbered, Point::CloseBefore, Point::CloseAfter];

/// How often a place is passed before the program ends there. Where answers are written one of them is saved first, so that each life gets
/// somewhere: a feed at which three lives end without a commit is set aside.
fn passed(point: Point) -> u32 {
    u32::from(point.name().starts_with("commit.") || point == Point::Answered)
}

/// Lives until it ends at `point`.
async fn ends_at(stage: &Stage, point: Point) {
    stage.end_leases().await;
    match point {
        Point::NightOpened => stage.execute("UPDATE server SET next_nightly_at = 1").await,
        point if CLOSING.contains(&point) => stage.execute("DELETE FROM schedule_tick WHERE schedule = 'closing'").await,
        _ => {}
    }
    if stage.is_idle().await {
        stage.go_on().await;
    }
    let mut program = stage.serve(&format!("{}={}*off->return", point.name(), passed(point)));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = program.ended() {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "{} was never reached:\n{}", point.name(), program.tail());
        if stage.is_idle().await {
            stage.go_on().await;
        }
        tokio::time::sleep(LOOK).await;
    };
    assert_eq!(status.signal(), Some(ABORTED), "{}:\n{}", point.name(), program.tail());
    stage.assert_books().await;
}

async fn ended_everywhere(kind: Kind) {
    let stage = Stage::new(kind, 11).await;
    for point in Point::ALL.iter().filter(|point| !CLOSING.contains(point)) {
        ends_at(&stage, *point).await;
    }
    stage.end_leases().await;
    stage.finish().await;
    stage.assert_exact().await;
    assert_eq!(stage.sums().await, stage.undisturbed().await.sums().await);

    let trees = ["project", "create", "--name", "Slopes", "--country", "TZ", "--description", "Native trees."];
    stage.command(&trees).done();
    for point in CLOSING {
        ends_at(&stage, point).await;
    }
    stage.end_leases().await;
    stage.finish().await;
    stage.close_months().await;
    assert_certificates(&stage).await;
    stage.assert_exact().await;
}

/// Each account has one certificate a month, over all of its pages.
async fn assert_certificates(stage: &Stage) {
    let months = "SELECT COUNT(*) FROM certificate";
    assert!(stage.number(months).await > 4, "too few months were closed for a proof");
    let twice =
        "SELECT COUNT(*) FROM (SELECT 1 AS one FROM certificate GROUP BY account_id, month HAVING COUNT(*) > 1) AS twice";
    assert_eq!(stage.number(twice).await, 0);
    let differ = "SELECT COUNT(*) FROM certificate c JOIN (SELECT account_id, month, SUM(small) AS small, SUM(large) AS large, \
                  SUM(duplex) AS duplex FROM deposit GROUP BY account_id, month) AS d \
                  ON d.account_id = c.account_id AND d.month = c.month \
                  WHERE d.small <> c.small OR d.large <> c.large OR d.duplex <> c.duplex";
    assert_eq!(stage.number(differ).await, 0);
    let left = "SELECT COUNT(*) FROM account_month m WHERE m.standard > 0 AND m.month < (SELECT MAX(month) FROM account_month) \
                AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.account_id = m.account_id AND c.month = m.month)";
    assert_eq!(stage.number(left).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_ended_at_every_failpoint_on_sqlite() {
    Box::pin(ended_everywhere(Kind::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_ended_at_every_failpoint_on_postgres() {
    Box::pin(ended_everywhere(Kind::Postgres)).await;
}
