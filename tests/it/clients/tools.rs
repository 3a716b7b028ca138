//! What `tests/clients/install` installed.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Longer than any suite takes on the busiest machine. Seconds.
const LIMIT: &str = "900";

/// `tests/clients`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A tool's path, where it is installed.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients").join(name);
    if path.exists() && folder().join("node_modules/.digest").exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "the client suites are not installed: run tests/run, or tests/clients/install");
    println!("skipped: run tests/run, or tests/clients/install, to install the client suites");
    None
}

/// A tool with its variables. Nothing of the machine's is handed on, such as proxies or settings of npm and Python, and its home
/// is a folder of its own.
pub struct Run {
    command: Command,
    _home: TempDir,
}

impl Run {
    pub fn new(program: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        // Ends what the tool started as well, should it hang.
        let mut command = Command::new("timeout");
        command.args(["-k", "10", LIMIT]).arg(program).current_dir(home.path()).stdin(Stdio::null()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path()).env("TMPDIR", home.path());
        command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        Self { command, _home: home }
    }

    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// What it printed, when it went well.
    #[track_caller]
    pub fn done(mut self) -> String {
        let output = self.command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        said
    }
}
