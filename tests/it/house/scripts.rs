//! What CI runs is what the README tells people to run.

use super::{read, root};

/// The README's second command.
const TESTS: &str = "tests/run";

fn is_command(line: &str) -> bool {
    line.trim().trim_start_matches("./") == TESTS
}

#[test]
fn ci_runs_the_readme_s_test_command() {
    let readme = read("README.md");
    let mut fenced = false;
    let mut told = readme.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        fenced
    });
    assert!(told.any(is_command), "the README has no code block with the line `{TESTS}`");
    assert!(read(".ci/run").lines().any(is_command), ".ci/run does not run `{TESTS}`");
}

#[test]
fn scripts_stop_at_the_first_failure_and_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    for script in [".ci/run", TESTS, "tests/clients/install"] {
        assert!(read(script).contains("\nset -euo pipefail\n"), "{script}");
        assert_ne!(root().join(script).metadata().unwrap().permissions().mode() & 0o111, 0, "{script}");
    }
}
