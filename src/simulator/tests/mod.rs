//! A tiny HTTP/1.1 client (the real one lives in the connectors, which the simulator must not see) and what tests share.

mod faults;
mod meters;
mod wire;

use std::{io, net::SocketAddr, sync::Arc};

use chrono::{Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::*;
use crate::clock::{Clock as _, Instant, ManualClock};

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

pub(super) fn after(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap()
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// One kept-alive connection.
pub(super) struct Client {
    stream: TlsStream<TcpStream>,
    pub(super) headers: Vec<(String, String)>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr, ca_pem: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream, headers: Vec::new() })
    }

    pub(super) async fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn until(&mut self, end: &str) -> io::Result<String> {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            text.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8(text).unwrap())
    }

    pub(super) async fn head(&mut self) -> io::Result<Reply> {
        let head = self.until("\r\n\r\n").await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Reply { status, head, body: Vec::new() })
    }

    pub(super) async fn rest(&mut self, mut reply: Reply) -> io::Result<Reply> {
        if let Some(length) = reply.header("content-length") {
            reply.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut reply.body).await?;
        } else if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(self.until("\r\n").await?.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).await?;
                reply.body.extend(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        Ok(reply)
    }

    pub(super) async fn call(&mut self, method: &str, path: &str, body: &str) -> io::Result<Reply> {
        self.send(method, path, body).await?;
        let head = self.head().await?;
        self.rest(head).await
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        self.call("GET", path, "").await.unwrap()
    }

    pub(super) async fn post(&mut self, path: &str, body: &str) -> Reply {
        self.call("POST", path, body).await.unwrap()
    }
}

/// A running simulator and its clock.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) simulator: Simulator,
}

impl World {
    pub(super) async fn start(spec: FleetSpec, now: &str) -> Self {
        let clock = Arc::new(ManualClock::at(at(now)));
        let simulator = Simulator::start(spec, clock.clone()).await.unwrap();
        Self { clock, simulator }
    }

    /// A made-up fleet of one server of `vendor` with 3 customers of 6 devices.
    pub(super) async fn of(vendor: Vendor, now: &str) -> Self {
        Self::start(fleet_of(vendor, 7), now).await
    }

    pub(super) async fn connect(&self, server: usize) -> io::Result<Client> {
        Client::connect(self.simulator.address(server).unwrap(), self.simulator.ca_pem()).await
    }

    /// A client that shows the right credentials.
    pub(super) async fn client(&self, server: usize) -> Client {
        use base64::Engine as _;
        let mut client = self.connect(server).await.unwrap();
        match &self.simulator.fleet().spec().servers[server].access {
            Access::Printanista { username, password, api_key } => {
                let basic = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
                client.headers =
                    vec![("Authorization".into(), format!("Basic {basic}")), ("X-Api-Key".into(), api_key.clone())];
            }
            Access::ThreeManager { .. } => {
                let token = self.login(&mut client, server).await;
                bear(&mut client, &token);
            }
            Access::MpsMonitor { dealer_token } => {
                client.headers = vec![("Authorization".into(), format!("DealerToken {dealer_token}"))];
            }
        }
        client
    }

    /// A token answer by password.
    pub(super) async fn login(&self, client: &mut Client, server: usize) -> Value {
        let fleet = self.simulator.fleet();
        let Access::ThreeManager { username, password } = &fleet.spec().servers[server].access else { panic!() };
        let username = username.replace('@', "%40");
        let reply = client.post("/oauth/token", &format!("grant_type=password&username={username}&password={password}")).await;
        assert_eq!(reply.status, 200);
        reply.json()
    }

    pub(super) fn customer(&self, server: usize, number: usize) -> String {
        self.simulator.fleet().spec().servers[server].customers[number].external_id.clone()
    }
}

pub(super) fn bear(client: &mut Client, token: &Value) {
    client.headers = vec![("Authorization".into(), format!("Bearer {}", token["access_token"].as_str().unwrap()))];
}

pub(super) fn fleet_of(vendor: Vendor, seed: u64) -> FleetSpec {
    let mut options = GenerateOptions::new(1, 3, 6, day("2026-01-01"));
    options.vendors = vec![vendor];
    FleetSpec::generate(seed, &options)
}

/// One 3manager customer `c` with one device `d` that prints 100 sides or so on every day, in UTC.
pub(super) fn one_device(edit: impl FnOnce(&mut DeviceSpec)) -> Fleet {
    let printing = Printing { weekday: 100, weekend: 100, large_permille: 100, duplex_permille: 500, color_permille: 300 };
    let mut device = DeviceSpec::new("d", printing);
    device.start = Totals::new(5000, 500, 900);
    edit(&mut device);
    let access = Access::ThreeManager { username: "u".into(), password: "p".into() };
    let mut server = ServerSpec::new("one", access, Tz::UTC);
    let mut customer = CustomerSpec::new("c", "C");
    customer.devices.push(device);
    server.customers = vec![customer, CustomerSpec::new("c2", "C2")];
    Fleet::new(FleetSpec { seed: 3, first_day: day("2026-01-01"), servers: vec![server] })
}

pub(super) fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}
