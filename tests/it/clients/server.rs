//! What the suites talk to: `coppice demo`, which has a world of accounts, servers, history and certificates.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use crate::cli::support::Place;

/// A demo that goes on as a server. It is killed when it is dropped, and its folder goes with it.
pub struct Demo {
    process: Child,
    pub url: String,
    pub key: String,
    place: Place,
}

impl Demo {
    /// One with two customers, each with a feed on each of three servers.
    pub fn start() -> Self {
        let place = Place::new();
        let said = std::fs::File::create(place.path("said")).unwrap();
        let mut command = place.command(&["demo", "--customers", "2", "--listen", "127.0.0.1:0"]);
        // Where its database is.
        command.env("TMPDIR", place.folder());
        let mut process = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut after = |label: &str| {
            lines.by_ref().find_map(|line| line.trim_start().strip_prefix(label).map(|rest| rest.trim().to_owned()))
        };
        let (url, key) = (after("API "), after("API key "));
        // Somebody must read on, or it would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let mut demo = Self { process, url: String::new(), key: String::new(), place };
        demo.url = url.expect("the address of the API");
        demo.key = key.expect("the API key");
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("what the demo said:\n{}", std::fs::read_to_string(self.place.path("said")).unwrap_or_default());
        }
    }
}
