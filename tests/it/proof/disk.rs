//! The disk is full for a while.

use std::process::Command;

use super::{program::until, stage::Stage};
use crate::support::world::Kind;

/// A limit on the size of files stands in for the disk: every write beyond it fails. (The signal that goes with it is ignored, as if it
/// were a disk.) Then there is room again: the running program goes on, with no help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_full_disk_only_delays() {
    let stage = Stage::new(Kind::Sqlite, 51).await;
    // The beginning, with all tables made.
    stage.serve("commit.after=25*off->return").wait().await;
    stage.end_leases().await;
    let file = stage.database.url.strip_prefix("sqlite://").unwrap();
    stage.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    // In blocks of 512 bytes, as shells count. The log of what is written grows to some megabytes if it can.
    let limit = (std::fs::metadata(file).unwrap().len() + 100_000) / 512;
    let script = format!("ulimit -S -f {limit}; trap '' XFSZ; exec \"$0\" \"$@\"");
    let mut program = stage.serve_by(&script);
    until("the disk is full", async || {
        assert!(program.ended().is_none(), "{}", program.tail());
        assert!(!stage.is_idle().await, "there was room for everything:\n{}", program.tail());
        program.said("a collection broke off")
    })
    .await;
    stage.assert_books().await;
    let room = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &program.id().to_string()]).status().unwrap();
    assert!(room.success());
    until("everything is read", async || {
        assert!(program.ended().is_none(), "{}", program.tail());
        stage.is_idle().await
    })
    .await;
    program.stop().await;
    stage.finish().await;
    stage.assert_exact().await;
}
