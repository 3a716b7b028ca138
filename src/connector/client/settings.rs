//! The operator's say in how vendors' servers are called.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;

/// How vendors' servers are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Longest time to a secure connection; default 10 s.
    pub connect_timeout: Duration,
    /// Longest silence within an answer; default 20 s.
    pub read_timeout: Duration,
    /// Longest time from the request to the end of its answer; default 60 s.
    pub total_timeout: Duration,
    /// How long an idle connection is kept; default 30 s.
    pub idle_timeout: Duration,
    /// A PEM file of certificate authorities to trust besides the public ones; `None` for none.
    pub extra_ca: Option<PathBuf>,
    /// Ports that may be called on public addresses; default 443.
    pub allowed_ports: Vec<u16>,
    /// Private or reserved networks that may be called, on any port, such as `192.168.7.0/24`; default none.
    pub allow_cidrs: Vec<IpNet>,
    /// Longest body in bytes, after decompression; default 32 MiB.
    pub max_body: usize,
    /// Requests a second to one server, with bursts of as many; 0 for no limit; default 20.
    pub requests_per_second: u32,
    /// How often one request is sent at most when the vendor's faults pass; default 4.
    pub attempts: u32,
    /// Ceiling of the first wait between two of them, doubled with each; the wait itself is random below it; default 500 ms.
    pub backoff: Duration,
    /// Longest that one request waits in all between attempts, `Retry-After` included; a longer wish ends the call; default 30 s.
    pub max_wait: Duration,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_secs(30),
            extra_ca: None,
            allowed_ports: vec![443],
            allow_cidrs: Vec::new(),
            max_body: 32 * 1024 * 1024,
            requests_per_second: 1_000,
            attempts: 4,
            backoff: Duration::from_millis(500),
            max_wait: Duration::from_secs(30),
        }
    }
}
