//! schemathesis: made-up documents and values for every query and mutation of the schema.

use super::{
    server::Demo,
    tools::{Run, folder, tool},
};

/// With these every field of the root types is asked so many times; each seed asks something else.
const SEED: &str = "1";
const EXAMPLES: &str = "5";

#[test]
fn schemathesis_finds_no_field_that_fails() {
    let Some(program) = tool("python/bin/schemathesis") else { return };
    let demo = Demo::start();
    let key = format!("X-Api-Key: {}", demo.key);
    let mut run = Run::new(&program);
    let command = run.command();
    command
        .env("SUITE_URL", &demo.url)
        .env("SUITE_KEY", &demo.key)
        .env("SCHEMATHESIS_HOOKS", "fuzz")
        .env("PYTHONPATH", folder());
    command.args(["run", &demo.url, "--header", &key, "--checks", "no_field_fails", "--continue-on-failure", "--no-color"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none"]);
    // How long it takes on this machine is not the question.
    command.args(["--request-timeout", "60", "--suppress-health-check", "all"]);
    let said = run.done();
    let fields = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")).expect(&said);
    assert!(fields.parse::<usize>().unwrap() >= 55, "{said}");
}
