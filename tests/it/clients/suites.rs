//! The suites for Node.js. Each prints how many of its checks passed; all must.

use std::path::Path;

use super::{
    server::Demo,
    tools::{Run, folder, tool},
};
use crate::{
    cli::support::Place,
    proof::program::{Program, until},
};

fn node(node: &Path, arguments: &[&str]) -> String {
    let mut run = Run::new(node);
    run.command().args(arguments).current_dir(folder());
    run.done()
}

/// How many checks of a suite passed, which are all.
fn passed(said: &str, suite: &str) -> usize {
    let last = said.lines().last().unwrap_or_default();
    let (good, all) = last.strip_prefix(&format!("{suite}: ")).and_then(|rest| rest.split_once(" of ")).expect(said);
    assert_eq!(good, all, "{said}");
    good.parse().unwrap()
}

/// A suite that judges the committed schema.
fn judges_the_schema(suite: &str, at_least: usize) {
    let Some(program) = tool("node") else { return };
    let passed = passed(&node(&program, &["run.js", suite]), suite);
    assert!(passed >= at_least, "{passed}");
}

/// A suite that judges the running program.
fn judges_the_program(suite: &str, at_least: usize) {
    let Some(program) = tool("node") else { return };
    let demo = Demo::start();
    let passed = passed(&node(&program, &["run.js", suite, &demo.url, "--key", &demo.key]), suite);
    assert!(passed >= at_least, "{passed}");
}

#[test]
fn eslint() {
    judges_the_schema("eslint", 25);
}

#[test]
fn relay_compiler() {
    judges_the_schema("relay-compiler", 2);
}

#[test]
fn codegen() {
    judges_the_schema("codegen", 3);
}

#[test]
fn inspector() {
    judges_the_schema("inspector", 2);
}

#[test]
fn graphql_http() {
    judges_the_program("graphql-http", 61);
}

#[test]
fn graphql_ws() {
    judges_the_program("graphql-ws", 10);
}

#[test]
fn graphql_transport_ws() {
    judges_the_program("protocol", 27);
}

#[test]
fn graphql_sse() {
    judges_the_program("graphql-sse", 6);
}

#[test]
fn http2() {
    judges_the_program("http2", 1);
}

#[test]
fn corpus() {
    judges_the_program("corpus", 300);
}

#[test]
fn apollo() {
    judges_the_program("apollo", 14);
}

#[test]
fn urql() {
    judges_the_program("urql", 9);
}

#[test]
fn partner() {
    judges_the_program("partner", 8);
}

#[tokio::test]
async fn trusted_documents() {
    let Some(program) = tool("node") else { return };
    let place = Place::new();
    let manifest = place.path("manifest.json").display().to_string();
    node(&program, &["manifest.js", &manifest]);
    let place = place.with("GRAPHQL__TRUSTED_DOCUMENTS_FILE", manifest.as_str()).with("GRAPHQL__TRUSTED_ONLY", "everybody");
    let account = place.run(&["account", "create", "--name", "Nordwald", "--role", "DISTRIBUTOR"]).line();
    let key = place.run(&["api-key", "create", "--account", &account, "--name", "portal", "--permission", "ADMIN"]).line();
    let server = Program::start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    until("it listens", async || server.word_after("http.address=").is_some()).await;
    let url = format!("http://{}/graphql", server.word_after("http.address=").unwrap());
    let said = node(&program, &["run.js", "trusted", &url, "--key", &key, "--manifest", &manifest]);
    assert_eq!(passed(&said, "trusted"), 8);
}
