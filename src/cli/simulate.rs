//! The simulator by itself.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::Args;

use super::{failure::Failure, values};
use crate::{
    clock::SystemClock,
    lifecycle,
    simulator::{ServeOptions, serve_forever},
};

/// Serve simulated vendors over HTTPS, for benchmarks and for trying things by hand.
///
/// Prints one JSON object that describes the servers, with their credentials, once they listen; and another one, with what was asked
/// of them, at the end.
#[derive(Debug, Args)]
#[command(
    hide = true,
    after_help = "Example:\n  coppice simulate --servers 3 --customers 4 --devices 10 --ca-file simulator-ca.pem"
)]
pub(super) struct Simulate {
    /// Decides everything that is made up.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of servers; the vendors take turns.
    #[arg(long, default_value_t = 3)]
    servers: usize,
    /// Customers of each server.
    #[arg(long, default_value_t = 4)]
    customers: usize,
    /// Devices of each customer.
    #[arg(long, default_value_t = 10)]
    devices: usize,
    /// The zone of all servers.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, default_value = "Europe/Berlin")]
    zone: Tz,
    /// The first day of printing, like 2026-01-31 [default: 400 days before today].
    #[arg(long, value_name = "DAY")]
    first_day: Option<NaiveDate>,
    /// The address to listen on; every server takes a free port of it.
    #[arg(long, default_value = "127.0.0.1")]
    ip: IpAddr,
    /// The host name in the servers' URLs.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Where to write the certificate to trust.
    #[arg(long, value_name = "FILE", default_value = "simulator-ca.pem")]
    ca_file: PathBuf,
}

pub(super) async fn simulate(what: Simulate) -> Result<(), Failure> {
    let Simulate { seed, servers, customers, devices, zone, first_day, ip, host, ca_file } = what;
    let options =
        ServeOptions { seed, servers, customers, devices, zone, first_day, ip, host, ca_file, ..ServeOptions::default() };
    let shutdown = lifecycle::on_signals().map_err(|error| Failure::failed(&error))?;
    let served = serve_forever(options, Arc::new(SystemClock), std::io::stdout(), shutdown.cancelled_owned()).await;
    served.map_err(|error| Failure::failed(&error))
}
