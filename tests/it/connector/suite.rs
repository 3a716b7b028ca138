//! What every connector does, whatever the vendor: one suite, chosen by capabilities, against the simulated vendors.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::NaiveDate;
use coppice::{
    clock::{ManualClock, SharedClock},
    connector::{
        Answer, Client, ClientSettings, Connector, ConnectorError, Credentials, Endpoint, ReadAt, ReadRequest, ServerUrl, open,
    },
    domain::{failure::FailureReason, feed::CollectionScope, vendor::VendorCapability},
    id::IdSource,
    secret::Secret,
    simulator::{Access, Fault, FleetSpec, GenerateOptions, Misfit, RetryAfter, Simulator},
};

const DEVICES: usize = 230;

struct Suite {
    simulator: Simulator,
    server: usize,
    connector: Arc<dyn Connector>,
    customer: String,
    ask_at: ReadAt,
}

fn credentials(access: &Access, wrong: bool) -> Credentials {
    let secret = |text: &String| Secret::new(if wrong { format!("{text}x") } else { text.clone() });
    match access {
        Access::Printanista { username, password, api_key } => {
            Credentials::Printanista { username: username.clone(), password: secret(password), api_key: secret(api_key) }
        }
        Access::ThreeManager { username, password } => {
            Credentials::ThreeManager { username: username.clone(), password: secret(password) }
        }
        Access::MpsMonitor { dealer_token } => Credentials::MpsMonitor { dealer_token: secret(dealer_token) },
    }
}

fn first_day() -> NaiveDate {
    "2026-03-02".parse().unwrap()
}

impl Suite {
    async fn start(server: usize) -> Self {
        let clock: SharedClock = Arc::new(ManualClock::at("2026-03-11T09:00:00Z".parse().unwrap()));
        let spec = FleetSpec::generate(7, &GenerateOptions::new(3, 3, DEVICES, first_day()));
        let simulator = Simulator::start(spec, clock.clone()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, simulator.ca_pem()).unwrap();
        let settings = ClientSettings {
            extra_ca: Some(ca),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            requests_per_second: 0,
            attempts: 3,
            backoff: Duration::from_millis(4),
            read_timeout: Duration::from_millis(1500),
            ..ClientSettings::default()
        };
        let client = Client::new(settings, clock, Arc::new(IdSource::seeded(1))).unwrap();
        let fleet = simulator.fleet();
        let spec = &fleet.spec().servers[server];
        let url = ServerUrl::parse(&simulator.url(server)).unwrap();
        let connector = open(&client, &Endpoint { url: url.clone(), credentials: credentials(&spec.access, false) });
        let stranger = open(&client, &Endpoint { url, credentials: credentials(&spec.access, true) });
        assert_eq!(reason(stranger.check().await), Some(FailureReason::CredentialsRefused));
        let history = connector.vendor().can(VendorCapability::History);
        let ask_at = if history { ReadAt::Day("2026-03-09".parse().unwrap()) } else { ReadAt::Now };
        let customer = spec.customers[0].external_id.clone();
        Self { simulator, server, connector, customer, ask_at }
    }

    async fn read_at(&self, customer: &str, at: ReadAt) -> Result<Answer, ConnectorError> {
        self.connector.read(&ReadRequest { customer, scope: CollectionScope::All, at, report: None }).await
    }

    async fn read(&self) -> Result<Answer, ConnectorError> {
        self.read_at(&self.customer, self.ask_at).await
    }

    fn can(&self, capability: VendorCapability) -> bool {
        self.connector.vendor().can(capability)
    }
}

fn reason<T>(answer: Result<T, ConnectorError>) -> Option<FailureReason> {
    answer.err().map(|error| error.reason())
}

async fn connector_suite(server: usize) {
    let suite = Suite::start(server).await;
    suite.connector.check().await.unwrap();
    reads_what_its_capabilities_promise(&suite).await;
    names_every_fault(&suite).await;
    assert_eq!(suite.simulator.violations(), Vec::<String>::new());
    assert_eq!(suite.simulator.stats()[server].max_data_in_flight, 1);
}

async fn reads_what_its_capabilities_promise(suite: &Suite) {
    let listed = suite.connector.customers().await;
    if suite.can(VendorCapability::ListCustomers) {
        let fleet = suite.simulator.fleet();
        let expected: Vec<_> =
            fleet.spec().servers[suite.server].customers.iter().map(|known| known.external_id.clone()).collect();
        assert_eq!(listed.unwrap().into_iter().map(|customer| customer.external_id).collect::<Vec<_>>(), expected);
    } else {
        assert_eq!(reason(listed), Some(FailureReason::Internal));
    }

    match suite.read().await.unwrap() {
        Answer::Devices(devices) => {
            assert!(suite.can(VendorCapability::Devices));
            let ids: HashSet<_> = devices.iter().map(|device| &device.vendor_device_id).collect();
            assert_eq!((devices.len(), ids.len()), (DEVICES, DEVICES));
            assert!(devices.iter().all(|device| device.read_at.is_some() && device.counters.is_some()));
        }
        Answer::Period(totals) => {
            assert!(!suite.can(VendorCapability::Devices));
            assert_eq!(totals.devices, Some(i32::try_from(DEVICES).unwrap()));
            assert!(totals.pages.small > 0 && totals.last_audit.is_some() && totals.customer_name.is_some());
        }
    }

    let past = suite.read_at(&suite.customer, ReadAt::Day(first_day())).await;
    assert_eq!(past.is_ok(), suite.can(VendorCapability::History));
    for unknown in ["nobody", "..", "a/b?c=d&e", "ü \u{7f}"] {
        let refused = suite.read_at(unknown, suite.ask_at).await;
        assert_eq!(reason(refused), Some(FailureReason::CustomerNotFound), "{unknown}");
    }
    let (first, second) = tokio::join!(suite.read(), suite.read());
    assert_eq!(first.unwrap(), second.unwrap());
}

async fn names_every_fault(suite: &Suite) {
    use FailureReason as R;
    for (fault, expected) in [
        (Fault::CredentialsRefused, R::CredentialsRefused),
        (Fault::Unauthorized, R::CredentialsRefused),
        (Fault::TooManyRequests(RetryAfter::Absent), R::VendorBusy),
        (Fault::TooManyRequests(RetryAfter::Date(0)), R::VendorBusy),
        (Fault::Unavailable(RetryAfter::Seconds(0)), R::VendorBusy),
        (Fault::Status(500), R::VendorFailed),
        (Fault::Status(502), R::VendorFailed),
        (Fault::Status(504), R::VendorFailed),
        (Fault::CutBody, R::VendorFailed),
        (Fault::Drop, R::VendorFailed),
        (Fault::Misfit(Misfit::Html), R::AnswerNotUnderstood),
        (Fault::Misfit(Misfit::Empty), R::AnswerNotUnderstood),
        (Fault::Misfit(Misfit::MissingField), R::AnswerNotUnderstood),
        (Fault::Slow(Duration::from_secs(30)), R::TimedOut),
        (Fault::Down, R::Unreachable),
        (Fault::WrongCertificate, R::TlsFailed),
        (Fault::Redirect, R::AnswerNotUnderstood),
        (Fault::GzipBomb, R::AnswerNotUnderstood),
    ] {
        suite.simulator.set_fault(suite.server, Some(fault.clone()));
        assert_eq!(reason(suite.connector.check().await), Some(expected), "check, {fault:?}");
        if !matches!(fault, Fault::Down | Fault::WrongCertificate | Fault::Slow(_)) {
            assert_eq!(reason(suite.read().await), Some(expected), "read, {fault:?}");
        }
        suite.simulator.set_fault(suite.server, None);
        assert!(suite.read().await.is_ok(), "after {fault:?}");
    }
    for misfit in [Misfit::WrongType, Misfit::Negative] {
        suite.simulator.set_fault(suite.server, Some(Fault::Misfit(misfit)));
        assert_eq!(reason(suite.read().await), Some(R::AnswerNotUnderstood), "read, {misfit:?}");
        suite.simulator.set_fault(suite.server, None);
    }
    // The access token runs out, and then the refresh token is worth nothing either.
    suite.simulator.expire_tokens(suite.server);
    assert!(suite.read().await.is_ok());
    suite.simulator.expire_tokens(suite.server);
    suite.simulator.revoke_refresh_tokens(suite.server);
    assert!(suite.read().await.is_ok());
}

#[tokio::test]
async fn printanista() {
    connector_suite(0).await;
}

#[tokio::test]
async fn three_manager() {
    connector_suite(1).await;
}

#[tokio::test]
async fn mps_monitor() {
    connector_suite(2).await;
}
