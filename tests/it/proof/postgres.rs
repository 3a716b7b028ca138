//! PostgreSQL restarted under the program's feet.

use super::{
    program::until,
    stage::{Stage, Vendors},
};
use crate::support::{
    postgres::Cluster,
    world::{Kind, TestDatabase},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_the_database_restarts_while_it_collects() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let url = cluster.database("coppice").await;
    // It is not used; the cluster's database is.
    let unused = TestDatabase::new(Kind::Sqlite).await;
    let stage = Stage::at(Vendors::start(41).await, unused, &url).await.with("OUTBOUND__REQUESTS_PER_SECOND", "60");
    let mut program = stage.serve("");
    for mode in ["fast", "immediate", "fast"] {
        let before = stage.progress().await;
        until("it collects", async || {
            if stage.is_idle().await {
                stage.go_on().await;
            }
            stage.progress().await > before + 25
        })
        .await;
        let restart = cluster.clone();
        tokio::task::spawn_blocking(move || restart.restart(mode)).await.unwrap();
    }
    until("everything is read", async || {
        assert!(program.ended().is_none(), "{}", program.tail());
        stage.is_idle().await
    })
    .await;
    program.stop().await;
    stage.finish().await;
    stage.assert_exact().await;
}
