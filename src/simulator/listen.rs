//! One listener per simulated server: TLS, HTTP/1.1, the books, the faults, and then the vendor's desk.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    handler::Handler as _,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    bomb,
    desk::{Answer, Call, Desk, Misuse},
    fault::{Fault, FaultBook, Kind, RetryAfter},
    fleet::Fleet,
    misfit,
    monitor::{InFlight, Monitor, RequestRecord},
    mps_monitor, printanista,
    spec::Vendor,
    three_manager,
    tokens::Tokens,
};
use crate::clock::{Instant, SharedClock};

/// Largest request body that is read, in bytes.
const BODY: usize = 64 * 1024;

/// Where a redirect leads; who asks for it has followed one.
const REDIRECTED: &str = "/redirected";

/// Everything one simulated server holds.
pub(super) struct Server {
    pub(super) index: usize,
    pub(super) vendor: Vendor,
    pub(super) fleet: Arc<RwLock<Arc<Fleet>>>,
    pub(super) clock: SharedClock,
    pub(super) faults: Mutex<FaultBook>,
    /// Whether there is any rule, so that an undisturbed server need not ask.
    pub(super) faulty: AtomicBool,
    pub(super) monitor: Arc<Monitor>,
    pub(super) tokens: Tokens,
}

impl Server {
    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn edit_faults(&self, edit: impl FnOnce(&mut FaultBook)) {
        edit(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        self.faulty.store(true, Ordering::SeqCst);
    }

    fn fault<T>(&self, ask: impl FnOnce(&mut FaultBook) -> Option<T>) -> Option<T> {
        if !self.faulty.load(Ordering::SeqCst) {
            return None;
        }
        ask(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn understand(&self, method: &Method, path: &str, query: &str, body: &str) -> Result<Call, Misuse> {
        if path.starts_with(REDIRECTED) {
            return Err((404, "a redirect was followed".into()));
        }
        match self.vendor {
            Vendor::Printanista => printanista::understand(method, path, query),
            Vendor::ThreeManager => three_manager::understand(method, path, query, body),
            Vendor::MpsMonitor => mps_monitor::understand(method, path, body),
        }
    }

    fn answer(&self, call: &Call, now: Instant, headers: &HeaderMap, shaky: bool) -> Answer {
        let fleet = self.fleet();
        let Some((spec, _)) = fleet.server(self.index) else { return (500, "{}".into()) };
        let desk = Desk { index: self.index, spec, fleet: &fleet, now, headers, tokens: &self.tokens, shaky };
        match self.vendor {
            Vendor::Printanista => printanista::answer(&desk, call),
            Vendor::ThreeManager => three_manager::answer(&desk, call, |text| self.monitor.violation(text)),
            Vendor::MpsMonitor => mps_monitor::answer(&desk, call),
        }
    }
}

/// The two faces a server can show.
#[derive(Clone)]
pub(super) struct Faces {
    pub(super) right: TlsAcceptor,
    pub(super) wrong: TlsAcceptor,
}

/// Accepts connections until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    faces: Faces,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: let some connections end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        server.monitor.connected();
        let acceptor = match server.fault(|book| book.of_connection(server.clock.now())) {
            Some(Fault::Down) => continue,
            Some(_) => faces.wrong.clone(),
            None => faces.right.clone(),
        };
        tasks.spawn(connection(stream, acceptor, Arc::clone(&server), stop.child_token()));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, server: Arc<Server>, close: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let work = async {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let service = handle.with_state((server, close.clone()));
        let service = TowerToHyperService::new(service);
        // A connection that breaks is the client's affair or a fault's.
        let _ = Builder::new(TokioExecutor::new()).http1_only().serve_connection(TokioIo::new(stream), service).await;
    };
    tokio::select! {
        () = close.cancelled() => {}
        () = work => {}
    }
}

async fn handle(State((server, close)): State<(Arc<Server>, CancellationToken)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let understood = server.understand(&parts.method, parts.uri.path(), query, std::str::from_utf8(&body).unwrap_or_default());
    let now = server.clock.now();
    let call = match understood {
        Ok(call) => call,
        Err((status, what)) => {
            server.monitor.violation(&format!("{} {}: {what}", parts.method, parts.uri.path()));
            let call = Call::new(Kind::Other);
            server.monitor.begin(call.kind);
            server.monitor.record(record(call, now, status, false));
            return json(status, r#"{"error":"bad_request"}"#.into());
        }
    };
    let flight = server.monitor.begin(call.kind);
    let fault = server.fault(|book| book.of_request(now, call.kind, call.customer.as_deref()));
    let faulty = fault.is_some();
    let (status, response) = match fault {
        None => {
            let (status, body) = server.answer(&call, now, &parts.headers, false);
            flight.answered();
            (status, json(status, body))
        }
        Some(fault) => disturbed(&server, &call, now, &parts.headers, fault, flight).await,
    };
    server.monitor.record(record(call, now, status, faulty));
    if status == 0 {
        close.cancel();
        // The connection is gone before anything returned here could be sent.
        return std::future::pending().await;
    }
    response
}

fn record(call: Call, at: Instant, status: u16, faulty: bool) -> RequestRecord {
    RequestRecord {
        at,
        kind: call.kind,
        customer: call.customer,
        first_day: call.first_day,
        last_day: call.last_day,
        managed_only: call.managed_only,
        status,
        faulty,
    }
}

fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "text/html")], misfit::HTML).into_response()
}

fn retry(status: StatusCode, now: Instant, after: RetryAfter) -> Response {
    let mut response = json(status.as_u16(), r#"{"error":"slow_down"}"#.into());
    let value = match after {
        RetryAfter::Absent => return response,
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date(seconds) => {
            (now + chrono::TimeDelta::seconds(i64::from(seconds))).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
        }
    };
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The status (0: close the connection) and the answer of a request hit by a fault.
async fn disturbed(
    server: &Server,
    call: &Call,
    now: Instant,
    headers: &HeaderMap,
    fault: Fault,
    flight: InFlight,
) -> (u16, Response) {
    let invalid = |code: &str| json(200, mps_monitor::invalid(code));
    let mps = server.vendor == Vendor::MpsMonitor;
    let response = match fault {
        Fault::CredentialsRefused if mps => invalid("InvalidDealerToken"),
        Fault::CredentialsRefused if call.kind == Kind::Token => json(400, r#"{"error":"invalid_grant"}"#.into()),
        Fault::CredentialsRefused | Fault::Unauthorized => json(401, r#"{"error":"unauthorized"}"#.into()),
        Fault::InsufficientPermissions => json(403, r#"{"error":"insufficient_permissions"}"#.into()),
        Fault::ReportNotEnabled => {
            let report = if call.managed_only { "PrintReleafManagedOnlyReport" } else { "PrintReleafReport" };
            json(403, format!(r#"{{"error":"report_not_enabled","report":"{report}"}}"#))
        }
        Fault::NotFound if mps => invalid("CustomerNotFound"),
        Fault::NotFound => json(404, r#"{"error":"customer_not_found"}"#.into()),
        Fault::TooManyRequests(after) => retry(StatusCode::TOO_MANY_REQUESTS, now, after),
        Fault::Unavailable(after) => retry(StatusCode::SERVICE_UNAVAILABLE, now, after),
        Fault::Status(status) => html(status),
        Fault::CutBody => {
            let body = if call.kind == Kind::Token {
                // No token is spent for an answer that cannot arrive.
                r#"{"access_token":"0000000000000000","token_type":"Bearer"}"#.into()
            } else {
                server.answer(call, now, headers, true).1
            };
            return (200, cut(body, flight));
        }
        Fault::Misfit(misfit) if call.kind == Kind::Token => misfit::response(misfit, r#"{"access_token":"0"}"#),
        Fault::Misfit(misfit) => misfit::response(misfit, &server.answer(call, now, headers, true).1),
        Fault::Slow(pause) => {
            tokio::time::sleep(pause).await;
            let (status, body) = server.answer(call, now, headers, true);
            json(status, body)
        }
        Fault::Drip(pause) => {
            let (status, body) = server.answer(call, now, headers, true);
            return (status, drip(status, body, pause, flight));
        }
        Fault::Redirect => {
            let location = format!("{REDIRECTED}/elsewhere");
            (StatusCode::FOUND, [(header::LOCATION, location)], "").into_response()
        }
        Fault::GzipBomb => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")];
            (headers, Body::from(bomb::gzip())).into_response()
        }
        Fault::Flood => {
            let spaces = Bytes::from(vec![b' '; 64 * 1024]);
            let body = futures_util::stream::repeat_with(move || Ok::<_, Infallible>(spaces.clone()));
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
        }
        Fault::Invalid(code) => invalid(&code),
        Fault::Drop | Fault::Down | Fault::WrongCertificate => {
            flight.answered();
            return (0, Response::new(Body::empty()));
        }
    };
    flight.answered();
    (response.status().as_u16(), response)
}

/// Announces all of a body, sends half of it and breaks off.
fn cut(body: String, flight: InFlight) -> Response {
    let length = body.len();
    let half = Bytes::from(body).slice(..length / 2);
    let stream = futures_util::stream::unfold((half, 0_u8, Some(flight)), |(half, step, flight)| async move {
        match step {
            0 => Some((Ok(half.clone()), (half, 1, flight))),
            1 => {
                // What is sent has to leave before the connection breaks.
                tokio::task::yield_now().await;
                flight.into_iter().for_each(InFlight::answered);
                Some((Err(std::io::Error::other("cut off")), (half, 2, None)))
            }
            _ => None,
        }
    });
    let headers = [(header::CONTENT_TYPE, String::from("application/json")), (header::CONTENT_LENGTH, length.to_string())];
    (headers, Body::from_stream(stream)).into_response()
}

/// Sends the head at once and each byte after a pause.
fn drip(status: u16, body: String, pause: Duration, flight: InFlight) -> Response {
    let body = Bytes::from(body);
    let stream = futures_util::stream::unfold((body, 0_usize, flight), move |(body, at, flight)| async move {
        if at >= body.len() {
            flight.answered();
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(body.slice(at..=at)), (body, at + 1, flight)))
    });
    let mut response = json(status, String::new());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from_stream(stream);
    response
}
