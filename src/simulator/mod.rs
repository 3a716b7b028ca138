//! The three vendors, simulated over HTTPS for `demo`, for tests and for benchmarks.
//!
//! Written from the vendors' contract and never from the connectors, so that each checks the other; it must not import them.
//! Everything answered is a function of a [`FleetSpec`] and of the clock handed in: past days can be asked for at once, and
//! the same seed replays exactly. (TLS keys alone are random.)
//!
//! - [`FleetSpec`] says what is simulated, [`FleetSpec::generate`] makes one up from a seed.
//! - [`Simulator::start`] serves it: one listener, so one origin, per server.
//! - [`Fleet`] is the oracle: what was truly printed, what a reading would show, what an undisturbed collector must post.
//! - [`Fault`]s are set per server, also while it runs; meter [`Anomaly`]s are part of the spec.
//! - [`Simulator::violations`] tells what clients did that the contract does not allow.
//!
//! To add a vendor: a kind in `spec.rs`, a desk file with `understand` and `answer`, two arms in `listen.rs`.

mod authority;
mod bomb;
mod desk;
mod fault;
mod fleet;
mod generate;
mod listen;
mod misfit;
mod monitor;
mod mps_monitor;
mod oracle;
mod printanista;
mod printing;
mod reference;
mod serve;
mod spec;
#[cfg(test)]
mod tests;
mod three_manager;
mod tokens;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::net::TcpListener;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use self::{
    authority::{Authority, AuthorityError},
    fault::{Fault, FaultRule, Kind, Misfit, RetryAfter},
    fleet::Fleet,
    generate::{GenerateOptions, Trouble},
    monitor::{RequestRecord, ServerStats},
    oracle::{Posted, Reading, Scope},
    serve::{ServeError, ServeOptions, serve_forever},
    spec::{
        Access, Anomaly, Counter, Counters, CustomerSpec, DeviceSpec, FleetSpec, LIMITS, Printing, Reports, ServerSpec, Shown,
        Totals, Vendor, Window,
    },
};
use self::{
    fault::FaultBook,
    listen::{Faces, Server},
    monitor::Monitor,
    printing::{hash, mix},
    tokens::Tokens,
};
use crate::clock::SharedClock;

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// No certificates could be made.
    #[error("the simulator's certificates could not be made")]
    Authority(#[from] AuthorityError),
    /// A port could not be opened.
    #[error("a port of the simulator could not be opened")]
    Listen(#[from] std::io::Error),
}

/// How it listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; each server takes a free port of it. Default 127.0.0.1.
    pub ip: IpAddr,
    /// Host name in [`Simulator::url`]. Default `localhost`.
    pub host: String,
    /// Names in the certificate beside `localhost`, `127.0.0.1` and the host.
    pub names: Vec<String>,
    /// How many of the last requests are kept for [`Simulator::requests`], per server. Default 1000; 0 for benchmarks.
    pub keep_requests: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), host: "localhost".into(), names: Vec::new(), keep_requests: 1000 }
    }
}

/// The running simulator. Servers are named by their place in [`FleetSpec::servers`]; a place that does not exist is ignored
/// or answered with nothing. Dropping it stops it.
pub struct Simulator {
    fleet: Arc<RwLock<Arc<Fleet>>>,
    servers: Vec<(Arc<Server>, SocketAddr)>,
    ca_pem: String,
    host: String,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("servers", &self.servers.len()).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Serves `spec` on free ports of 127.0.0.1; every answer is as of `clock`.
    pub async fn start(spec: FleetSpec, clock: SharedClock) -> Result<Self, SimulatorError> {
        Self::start_with(spec, clock, Options::default()).await
    }

    /// Serves `spec` as `options` say.
    pub async fn start_with(spec: FleetSpec, clock: SharedClock, options: Options) -> Result<Self, SimulatorError> {
        let authority = Authority::new("Coppice simulator")?;
        let mut names = vec![String::from("localhost"), String::from("127.0.0.1"), options.host.clone()];
        names.extend(options.names);
        names.sort();
        names.dedup();
        let stranger = Authority::new("Not the simulator")?;
        let faces = Faces { right: authority.acceptor(&names)?, wrong: stranger.acceptor(&names)? };
        let fleet = Arc::new(RwLock::new(Arc::new(Fleet::new(spec))));
        let ready = Arc::clone(&fleet.read().unwrap_or_else(PoisonError::into_inner));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut servers = Vec::new();
        for (index, spec) in ready.spec().servers.iter().enumerate() {
            let listener = TcpListener::bind((options.ip, 0)).await?;
            let address = listener.local_addr()?;
            let seed = mix(&[ready.spec().seed, index as u64, hash("server")]);
            let server = Arc::new(Server {
                index,
                vendor: spec.vendor(),
                fleet: Arc::clone(&fleet),
                clock: Arc::clone(&clock),
                faults: Mutex::new(FaultBook::new(seed, &spec.faults)),
                faulty: AtomicBool::new(!spec.faults.is_empty()),
                monitor: Monitor::new(spec.name.clone(), options.keep_requests),
                tokens: Tokens::new(seed),
            });
            tasks.spawn(listen::serve(listener, Arc::clone(&server), faces.clone(), tasks.clone(), stop.child_token()));
            servers.push((server, address));
        }
        tasks.close();
        let ca_pem = authority.ca_pem().to_owned();
        Ok(Self { fleet, servers, ca_pem, host: options.host, tasks, stop: stop.drop_guard() })
    }

    /// The base URL of a server, without a slash at the end, such as `https://localhost:40123`.
    pub fn url(&self, server: usize) -> String {
        self.address(server).map_or_else(String::new, |address| format!("https://{}:{}", self.host, address.port()))
    }

    /// The socket address of a server.
    pub fn address(&self, server: usize) -> Option<SocketAddr> {
        self.servers.get(server).map(|(_, address)| *address)
    }

    /// The certificate to trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The fleet as it is now: the oracle.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the fleet while it runs, for past days too. Servers may not be added, removed or change their vendor; faults in
    /// the spec are not looked at again.
    pub fn change(&self, edit: impl FnOnce(&mut FleetSpec)) {
        let mut fleet = self.fleet.write().unwrap_or_else(PoisonError::into_inner);
        let mut spec = fleet.spec().clone();
        edit(&mut spec);
        *fleet = Arc::new(Fleet::new(spec));
    }

    /// Makes every request to a server fail this way, in place of all rules it had; `None` heals it.
    pub fn set_fault(&self, server: usize, fault: Option<Fault>) {
        if let Some((server, _)) = self.servers.get(server) {
            let heals = fault.is_none();
            server.edit_faults(|book| book.set(fault));
            server.faulty.store(!heals, Ordering::SeqCst);
        }
    }

    /// Adds a rule after those the server has.
    pub fn add_fault(&self, server: usize, rule: FaultRule) {
        if let Some((server, _)) = self.servers.get(server) {
            server.edit_faults(|book| book.add(rule));
        }
    }

    /// Makes all access tokens of a 3manager server expire now.
    pub fn expire_tokens(&self, server: usize) {
        if let Some((server, _)) = self.servers.get(server) {
            server.tokens.expire();
        }
    }

    /// Makes all refresh tokens of a 3manager server worthless, so that only the password helps.
    pub fn revoke_refresh_tokens(&self, server: usize) {
        if let Some((server, _)) = self.servers.get(server) {
            server.tokens.revoke();
        }
    }

    /// Counts, one entry per server.
    pub fn stats(&self) -> Vec<ServerStats> {
        self.servers.iter().map(|(server, _)| server.monitor.stats()).collect()
    }

    /// The last requests of a server, oldest first.
    pub fn requests(&self, server: usize) -> Vec<RequestRecord> {
        self.servers.get(server).map(|(server, _)| server.monitor.records()).unwrap_or_default()
    }

    /// What clients did against the contract, in order, per server, at most 1000 each: two requests for customers' data at a time,
    /// anything that is no read of the contract, a spent refresh token used again, a redirect followed.
    pub fn violations(&self) -> Vec<String> {
        self.servers.iter().flat_map(|(server, _)| server.monitor.violations()).collect()
    }

    /// Closes every port and connection and waits for it.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.wait().await;
    }
}
