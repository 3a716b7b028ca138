//! Runs the program in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run the program in, with its variables.
pub struct Place {
    folder: TempDir,
    env: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    /// A variable of every call.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((format!("COPPICE__{key}"), value.into()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coppice"));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // What the machine has set is nothing to the tests.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COPPICE__")) {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Ended { code: status.code().unwrap(), out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap() }
    }
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it printed, when it went well.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The line it printed.
    #[track_caller]
    pub fn line(self) -> String {
        let text = self.done();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line.to_owned()
    }

    /// The object it printed.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// What it said, when it ended with `code` and printed nothing.
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        self.err
    }
}

/// A client for the API on this machine.
pub fn client() -> reqwest::Client {
    // One provider serves all tests of the process; the second call finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Asks a process to end.
pub fn terminate(process: &std::process::Child) {
    let status = Command::new("sh").args(["-c", "kill -TERM $0", &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}
