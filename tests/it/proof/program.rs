//! `coppice serve` as a process that a test may end, stop and let go.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Long enough for a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// How often is looked.
pub const LOOK: Duration = Duration::from_millis(20);

/// What the system calls an abort.
pub const ABORTED: i32 = 6;

/// A running program. It is killed when it is dropped.
pub struct Program {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line)));
        Self { child, log }
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", "kill -$0 $1", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "SIG{name} could not be sent");
    }

    /// As a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9), "{}", self.tail());
    }

    /// As an operator would.
    pub async fn stop(mut self) {
        until("it is up, and hears signals", async || self.said("jobs and schedules started")).await;
        self.signal("TERM");
        let status = self.wait().await;
        assert_eq!(status.code(), Some(0), "{}", self.tail());
    }

    pub async fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("the program does not end:\n{}", self.tail());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has logged this.
    pub fn said(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(text))
    }

    /// What follows this in its log.
    pub fn word_after(&self, text: &str) -> Option<String> {
        let log = self.log.lock().unwrap();
        let rest = log.iter().find_map(|line| line.split_once(text))?.1;
        rest.split_whitespace().next().map(str::to_owned)
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let log = self.log.lock().unwrap();
        log[log.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the program's last words:\n{}", self.tail());
        }
    }
}

/// Waits until `happened`.
pub async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if happened().await {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("{what}: it did not happen");
}
