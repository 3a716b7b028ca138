use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use coppice::http::{HttpSettings, ServeError, ServeSettings, TlsFiles, serve};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::support::{Parts, Server};

const ASK: &str = "GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nhost: localhost\r\n";

async fn raw(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A peer that leaves without a TLS farewell has still said everything.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn plain(server: &Server, text: &str) -> String {
    raw(&mut TcpStream::connect(server.address).await.unwrap(), text).await
}

#[tokio::test]
async fn answers_plain_http_on_loopback() {
    let server = Parts::default().start().await;
    let answer = plain(&server, &format!("{ASK}connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(r#"{"data":{"hello":"world"}}"#), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
}

#[tokio::test]
async fn refuses_what_a_trusted_proxy_got_in_the_clear() {
    let settings = HttpSettings { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..HttpSettings::default() };
    let server = Parts::with(settings).start().await;
    let http = plain(&server, &format!("{ASK}x-forwarded-proto: http\r\nconnection: close\r\n\r\n")).await;
    assert!(http.starts_with("HTTP/1.1 403 Forbidden\r\n") && http.contains("FORBIDDEN"), "{http}");
    let https = plain(&server, &format!("{ASK}x-forwarded-proto: https\r\nconnection: close\r\n\r\n")).await;
    assert!(https.starts_with("HTTP/1.1 200 OK\r\n") && https.contains("strict-transport-security: max-age="), "{https}");
}

#[tokio::test]
async fn a_stop_lets_answers_finish_and_takes_no_more() {
    let settings = HttpSettings { request_timeout: Duration::from_millis(200), ..HttpSettings::default() };
    let server = Parts::with(settings).start().await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /graphql?query=%7Bnever%7D HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // An answered request proves that the listener has taken the earlier connection too.
    plain(&server, &format!("{ASK}connection: close\r\n\r\n")).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(format!("{ASK}\r\n").as_bytes()).await.unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();

    server.token.cancel();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("TIMEOUT"), "{answer}");
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.unwrap();
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let serve = ServeSettings { drain_timeout: Duration::from_millis(50), ..ServeSettings::default() };
    let server = Parts { serve, ..Parts::default() }.start().await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /graphql?query=%7Bnever%7D HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    plain(&server, &format!("{ASK}connection: close\r\n\r\n")).await;
    let begin = Instant::now();
    server.token.cancel();
    server.served.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_unread_stream_is_cut_off() {
    let serve = ServeSettings { write_timeout: Duration::from_millis(50), ..ServeSettings::default() };
    let server = Parts { serve, ..Parts::default() }.start().await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let ask = "GET /graphql?query=subscription%7Bflood%7D HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    client.write_all(ask.as_bytes()).await.unwrap();
    server.dropped.notified().await;
    // What was under way is there, and then an end, where an endless stream would go on.
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut rest)).await.expect("the stream ends");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let serve = ServeSettings { head_timeout: Duration::from_millis(50), ..ServeSettings::default() };
    let server = Parts { serve, ..Parts::default() }.start().await;
    let answer = plain(&server, ASK).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

struct Certificate {
    der: CertificateDer<'static>,
}

fn write_certificate(files: &TlsFiles) -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Certificate { der: made.cert.der().clone() }
}

async fn shake_hands(server: &Server, certificate: &Certificate) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn serves_tls_with_strict_transport_security() {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let certificate = write_certificate(&files);
    let serve = ServeSettings { tls: Some(files), ..ServeSettings::default() };
    let server = Parts { serve, ..Parts::default() }.start().await;
    let mut stream = shake_hands(&server, &certificate).await.unwrap();
    let answer = raw(&mut stream, &format!("{ASK}connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
}

#[tokio::test]
async fn takes_over_a_new_certificate_and_keeps_the_old_one_while_the_files_are_broken() {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let old = write_certificate(&files);
    let serve = ServeSettings { tls: Some(files.clone()), tls_refresh: Duration::from_millis(10), ..ServeSettings::default() };
    let server = Parts { serve, ..Parts::default() }.start().await;
    shake_hands(&server, &old).await.unwrap();
    std::fs::write(&files.key, "nothing").unwrap();
    for _ in 0..3 {
        shake_hands(&server, &old).await.unwrap();
    }
    let new = write_certificate(&files);
    while shake_hands(&server, &new).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(shake_hands(&server, &old).await.is_err());
}

#[tokio::test]
async fn certificate_files_that_cannot_be_used_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let settings = || ServeSettings { tls: Some(files.clone()), ..ServeSettings::default() };
    let started = async |settings| {
        let (router, drain) = Parts::default().router();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        serve(listener, router, drain, settings).await
    };
    assert!(matches!(started(settings()).await, Err(ServeError::TlsFile { .. })));
    write_certificate(&files);
    std::fs::write(&files.key, "nothing").unwrap();
    assert!(matches!(started(settings()).await, Err(ServeError::TlsPem(_))));
}

#[tokio::test]
async fn a_client_that_sends_everything_before_it_reads_hears_why_not() {
    let server = Parts::default().start().await;
    let heads = [
        ("content-type: application/json", 2_000_000, "413 Payload Too Large"),
        ("content-type: text/plain", 200_000, "415 Unsupported Media Type"),
        ("content-type: application/json\r\nx-api-key: bad", 200_000, "401 Unauthorized"),
    ];
    for (head, length, status) in heads {
        let head =
            format!("POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\ncontent-length: {length}");
        let answer = plain(&server, &format!("{head}\r\n\r\n{}", " ".repeat(length))).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    }
}
