//! Runs the suites in `tests/clients`: `npm ci` there first.

use std::path::Path;

use tokio::process::Command;

use super::support::Parts;

#[tokio::test(flavor = "multi_thread")]
async fn public_client_libraries_and_audits_are_content() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let node = Command::new("node").arg("--version").output().await;
    if node.is_err() || !folder.join("node_modules").is_dir() {
        println!("skipped: needs Node.js and `npm ci` in tests/clients");
        return;
    }
    let server = Parts::default().start().await;
    let output = Command::new("node")
        .arg("run.js")
        .arg(server.url())
        .args(["--query", "{ hello }"])
        .args(["--subscription", "subscription { count(to: 3) }"])
        .args(["--endless", "subscription { waiting }"])
        .args(["--key", "good"])
        .current_dir(&folder)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("graphql-http: 61 of 61"), "{said}");
}
