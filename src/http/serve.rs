//! The listener: connections, TLS, and a stop that lets answers finish.

use std::{
    error::Error,
    future::Future,
    io,
    net::SocketAddr,
    path::PathBuf,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;
use tracing::{debug, warn};

use super::{
    guard::Peer,
    tls::{Tls, TlsFiles},
    write_deadline::WriteDeadline,
};

/// Ends the interface: sockets close with 1001, streams end, answers under way are finished.
#[derive(Debug, Clone)]
pub struct Drain {
    token: CancellationToken,
    sockets: TaskTracker,
}

impl Drain {
    /// Starts when `token` is cancelled.
    pub fn new(token: CancellationToken) -> Self {
        Self { token, sockets: TaskTracker::new() }
    }

    /// Whether it has started.
    pub fn is_started(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it starts.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }

    /// The sockets that are open.
    pub(super) const fn sockets(&self) -> &TaskTracker {
        &self.sockets
    }
}

/// How connections are served.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Certificate and key; null for plain HTTP, which only loopback and trusted proxies may speak.
    pub tls: Option<TlsFiles>,
    /// How often the certificate's files are looked at. Default: 10 s.
    pub tls_refresh: Duration,
    /// How long a connection may stay idle and take for a request's head; longer than proxies keep theirs (60 s), so that
    /// none sends into a connection that is just closed. Default: 75 s.
    pub head_timeout: Duration,
    /// How long an answer may wait for its reader. Default: 30 s.
    pub write_timeout: Duration,
    /// How long answers and farewells may take once the drain has started. Default: 10 s.
    pub drain_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            tls: None,
            tls_refresh: Duration::from_secs(10),
            head_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Why the listener cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A file of [`TlsFiles`] cannot be read.
    #[error("cannot read {path}")]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of [`TlsFiles`] is not PEM.
    #[error("the certificate or key file is not PEM")]
    TlsPem(#[source] Box<dyn Error + Send + Sync>),
    /// Certificate and key do not make a server.
    #[error("the certificate and key cannot be used")]
    Tls(#[source] rustls::Error),
}

/// How long a TLS handshake, or the answer to an HTTP/2 ping, may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Streams a client may have open on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Serves until the drain has started and everything is finished, or the time for that is up.
///
/// # Errors
///
/// If the certificate files cannot be used at the start.
pub async fn serve(listener: TcpListener, router: Router, drain: Drain, settings: ServeSettings) -> Result<(), ServeError> {
    let mut tls = match settings.tls.clone() {
        Some(files) => Some(Tls::load(files).await?),
        None => None,
    };
    let mut refresh = interval(settings.tls_refresh);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connections = JoinSet::new();
    let mut warned = None;
    loop {
        tokio::select! {
            () = drain.started() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let acceptor = tls.as_ref().map(|tls| TlsAcceptor::from(tls.config()));
                    connections.spawn(connect(stream, address, acceptor, router.clone(), drain.clone(), settings.clone()));
                }
                Err(error) => pause(&error, &mut warned).await,
            },
            _ = refresh.tick(), if tls.is_some() => {
                if let Some(tls) = &mut tls {
                    tls.refresh().await;
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    drain.sockets.close();
    let finish = async {
        while connections.join_next().await.is_some() {}
        drain.sockets.wait().await;
    };
    if timeout(settings.drain_timeout, finish).await.is_err() {
        warn!("Connections were cut off, since they did not end in time");
    }
    Ok(())
}

/// A failed accept is either one connection's trouble or a lack of file descriptors, which may last: the connections that are open are
/// served on, and the others wait in the system's queue. The log says so once a minute.
async fn pause(error: &io::Error, warned: &mut Option<Instant>) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        if warned.is_none_or(|warned| warned.elapsed() >= Duration::from_mins(1)) {
            warn!(
                error = error as &dyn Error,
                "Connections cannot be accepted; each open one needs a file descriptor (ulimit -n)"
            );
            *warned = Some(Instant::now());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn connect(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    drain: Drain,
    settings: ServeSettings,
) {
    // Answers are written whole; waiting for more to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return converse(stream, Peer { address, secure: false }, router, &drain, &settings).await;
    };
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, Peer { address, secure: true }, router, &drain, &settings).await,
        Ok(Err(error)) => debug!(error = &error as &dyn Error, "A TLS handshake failed"),
        Err(_) => debug!("A TLS handshake took too long"),
    }
}

fn converse<S>(
    stream: S,
    peer: Peer,
    router: Router,
    drain: &Drain,
    settings: &ServeSettings,
) -> impl Future<Output = ()> + Send
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(WriteDeadline::new(stream, settings.write_timeout));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.head_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(HANDSHAKE);
    let drain = drain.clone();
    async move {
        let connection = builder.serve_connection_with_upgrades(io, TowerToHyperService::new(WithPeer { router, peer }));
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.started() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(error = &*error, "A connection failed");
        }
    }
}

/// The router, told who is at the other end.
#[derive(Clone)]
struct WithPeer {
    router: Router,
    peer: Peer,
}

impl<B> Service<Request<B>> for WithPeer
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.router.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}
