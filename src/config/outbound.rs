use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::section::section;

section! {
    /// How vendors' servers are reached: always by HTTPS, and only on public addresses unless opened here.
    Outbound {
        /// Certificate authorities that are trusted besides the public ones, a PEM file; for on-premises servers. Default:
        /// none.
        ca_file: Option<PathBuf> = None,
        /// The private networks, loopback included, whose servers may be registered, like `10.1.0.0/16`; there every port is
        /// open. Default: none.
        allow_cidrs: Vec<IpNet> = Vec::new(),
        /// The ports that are open on public addresses besides 443. Default: none.
        ports: Vec<u16> = Vec::new(),
        /// The longest that connecting may take, TLS included. Duration; default 10s.
        connect_timeout: Duration = Duration::from_secs(10),
        /// The longest silence within an answer. Duration; default 20s.
        read_timeout: Duration = Duration::from_secs(20),
        /// The longest that one request may take from start to end. Duration; default 60s.
        total_timeout: Duration = Duration::from_mins(1),
        /// How many requests one server gets at most, with bursts of as many. Requests a second, 0 for no limit; default 1000.
        requests_per_second: u32 = 1_000,
        /// How Coppice names itself to vendors.
        user_agent: String = concat!("coppice/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

impl Outbound {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let timeouts = [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("total_timeout", self.total_timeout),
        ];
        for (name, _) in timeouts.iter().filter(|(_, timeout)| timeout.is_zero()) {
            problems.push(format!("`outbound.{name}` must be longer than nothing"));
        }
        if self.ports.contains(&0) {
            problems.push("`outbound.ports` must not hold 0".to_owned());
        }
        if !self.user_agent.chars().all(|c| (' '..='~').contains(&c)) {
            problems.push("`outbound.user_agent` must be plain ASCII text".to_owned());
        }
    }
}
