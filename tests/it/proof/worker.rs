//! A node that only works: it collects, and answers probes.

use serde_json::json;

use super::{program::until, stage::Stage};
use crate::{cli::support::client, support::world::Kind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_worker_collects_and_answers_probes_alone() {
    let stage = Stage::new(Kind::Postgres, 71).await.with("COLLECT__ROLE", "worker");
    let program = stage.serve("");
    until("the probes listen", async || program.word_after("http.address=").is_some()).await;
    let address = program.word_after("http.address=").unwrap();
    let ask = async |path: &str| client().get(format!("http://{address}{path}")).send().await.unwrap();
    assert_eq!(ask("/healthz").await.json::<serde_json::Value>().await.unwrap(), json!({ "status": "ok" }));
    assert_eq!(ask("/readyz").await.json::<serde_json::Value>().await.unwrap(), json!({ "status": "ready" }));
    for path in ["/graphql", "/", "/.well-known/jwks.json"] {
        assert_eq!(ask(path).await.status(), 404, "{path}");
    }
    until("it collects", async || stage.is_idle().await).await;
    program.stop().await;
    stage.finish().await;
    stage.assert_exact().await;
}
