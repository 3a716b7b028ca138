//! The simulator by itself, for benchmarks and for trying things by hand.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    Access, FleetSpec, GenerateOptions, Options, Simulator, SimulatorError, Trouble,
    spec::{ServerSpec, Vendor},
};
use crate::clock::SharedClock;

/// What to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Decides everything that is made up.
    pub seed: u64,
    /// Number of servers.
    pub servers: usize,
    /// Customers of each server.
    pub customers: usize,
    /// Devices of each customer.
    pub devices: usize,
    /// Vendors, taken in turn.
    pub vendors: Vec<Vendor>,
    /// Zone of all servers.
    pub zone: Tz,
    /// First day of printing; `None`: 400 days before today in UTC.
    pub first_day: Option<NaiveDate>,
    /// What goes wrong.
    pub trouble: Trouble,
    /// Address to listen on; every server takes a free port of it.
    pub ip: IpAddr,
    /// Host name in the URLs.
    pub host: String,
    /// Where to write the certificate to trust.
    pub ca_file: PathBuf,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            servers: 3,
            customers: 4,
            devices: 10,
            vendors: Vendor::ALL.to_vec(),
            zone: Tz::Europe__Berlin,
            first_day: None,
            trouble: Trouble::NONE,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            host: "localhost".into(),
            ca_file: PathBuf::from("simulator-ca.pem"),
        }
    }
}

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It could not start.
    #[error("the simulator could not start")]
    Start(#[from] SimulatorError),
    /// The certificate or the description could not be written.
    #[error("what the simulator is could not be written down")]
    Write(#[from] std::io::Error),
}

/// Serves a made-up fleet until `shutdown` is done. Once it listens it writes the certificate to `ca_file` and one line of JSON
/// to `announce`: `{"ca":path,"firstDay":day,"servers":[{"name","vendor","url","zone","credentials":{..},"customers":
/// [{"externalId","name","devices"}]}]}`, with the vendor and the credentials spelled as in the API. At the end it writes
/// another line, `{"requests":n,"violations":[..]}`.
pub async fn serve_forever(
    options: ServeOptions,
    clock: SharedClock,
    mut announce: impl Write + Send,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let today = clock.now().date_naive();
    let first_day = options.first_day.or_else(|| today.checked_sub_days(Days::new(400))).unwrap_or(today);
    let mut generate = GenerateOptions::new(options.servers, options.customers, options.devices, first_day);
    generate.vendors = options.vendors;
    generate.zones = vec![options.zone];
    generate.trouble = options.trouble;
    let spec = FleetSpec::generate(options.seed, &generate);
    let listen = Options { ip: options.ip, host: options.host, keep_requests: 0, ..Options::default() };
    let simulator = Simulator::start_with(spec, clock, listen).await?;
    tokio::fs::write(&options.ca_file, simulator.ca_pem()).await?;
    let fleet = simulator.fleet();
    let servers: Vec<_> = fleet.spec().servers.iter().enumerate().map(|(i, s)| describe(s, &simulator.url(i))).collect();
    writeln!(announce, "{}", json!({ "ca": options.ca_file, "firstDay": first_day, "servers": servers }))?;
    announce.flush()?;
    shutdown.await;
    let requests: u64 = simulator.stats().iter().map(super::ServerStats::requests).sum();
    writeln!(announce, "{}", json!({ "requests": requests, "violations": simulator.violations() }))?;
    announce.flush()?;
    simulator.shutdown().await;
    Ok(())
}

fn describe(server: &ServerSpec, url: &str) -> Value {
    let credentials = match &server.access {
        Access::Printanista { username, password, api_key } => {
            json!({ "username": username, "password": password, "apiKey": api_key })
        }
        Access::ThreeManager { username, password } => json!({ "username": username, "password": password }),
        Access::MpsMonitor { dealer_token } => json!({ "dealerToken": dealer_token }),
    };
    let customers: Vec<_> = server
        .customers
        .iter()
        .map(|customer| json!({ "externalId": customer.external_id, "name": customer.name, "devices": customer.devices.len() }))
        .collect();
    json!({
        "name": server.name,
        "vendor": server.vendor().name(),
        "url": url,
        "zone": server.zone.name(),
        "credentials": credentials,
        "customers": customers,
    })
}
