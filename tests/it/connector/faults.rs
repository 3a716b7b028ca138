//! What the wire does to a connector: retried, told apart, and never quoted.

use std::time::Duration;

use coppice::domain::failure::FailureReason;

use super::{
    SECRETS, World, day, mps_monitor, printanista,
    scripted::{Say, Scripted},
    three_manager, totals,
};

#[tokio::test]
async fn passing_faults_are_asked_again() {
    for fault in [
        || Say::status(500, ""),
        || Say::status(502, ""),
        || Say::status(504, ""),
        || Say::status(503, ""),
        || Say::status(503, "").with("retry-after", "0"),
        || Say::status(429, "").with("retry-after", "Mon, 02 Mar 2026 00:00:00 GMT"),
        || Say::Cut(totals("a")),
        || Say::HangUp,
    ] {
        let server = Scripted::start(move |_, before| if before < 2 { fault() } else { Say::json(totals("a")) }).await;
        let connector = World::of(&server).open(&server.url(), printanista());
        assert!(connector.read(&day("a")).await.is_ok());
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn faults_that_stay_are_given_up_and_named() {
    type Expected = (FailureReason, bool);
    let cases: [(fn() -> Say, Expected); 5] = [
        (|| Say::status(500, "oops"), (FailureReason::VendorFailed, false)),
        (|| Say::status(503, ""), (FailureReason::VendorFailed, false)),
        (|| Say::status(429, ""), (FailureReason::VendorBusy, false)),
        (|| Say::Cut(totals("a")), (FailureReason::VendorFailed, true)),
        (|| Say::HangUp, (FailureReason::VendorFailed, true)),
    ];
    for (fault, expected) in cases {
        let server = Scripted::start(move |_, _| fault()).await;
        let connector = World::of(&server).open(&server.url(), printanista());
        let error = connector.read(&day("a")).await.unwrap_err();
        assert_eq!((error.reason(), error.needs_check()), expected, "{error}");
        assert!(error.passing() && !error.is_server_level());
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_long_retry_after_ends_the_call_and_silences_the_server() {
    let server = Scripted::start(|_, before| match before {
        0 => Say::status(429, "").with("retry-after", "90"),
        _ => Say::json(totals("a")),
    })
    .await;
    let world = World::of(&server);
    let connector = world.open(&server.url(), printanista());
    let error = connector.read(&day("a")).await.unwrap_err();
    assert_eq!((error.reason(), error.retry_after()), (FailureReason::VendorBusy, Some(Duration::from_secs(90))));
    world.clock.advance(chrono::TimeDelta::seconds(50));
    let error = connector.check().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
    assert_eq!(server.seen().len(), 1, "nobody asks before the time is over");
    world.clock.advance(chrono::TimeDelta::seconds(40));
    assert!(connector.read(&day("a")).await.is_ok());
}

#[tokio::test]
async fn mps_monitors_own_way_of_saying_slow_down_is_heard() {
    let server = Scripted::start(|_, _| {
        Say::json(r#"{"Result":null,"IsValid":false,"Errors":[{"Code":"TooManyRequests"}]}"#).with("retry-after", "45")
    })
    .await;
    let error = World::of(&server).open(&server.url(), mps_monitor()).check().await.unwrap_err();
    assert_eq!((error.reason(), error.retry_after()), (FailureReason::VendorBusy, Some(Duration::from_secs(45))));
}

#[tokio::test]
async fn failures_of_the_connection_are_told_apart() {
    let server = Scripted::start(|_, _| Say::json(totals("a"))).await;
    let stranger = Scripted::start(|_, _| Say::json(totals("a"))).await;
    let world = World::of(&server);
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let hanging_up = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging_up_port = hanging_up.local_addr().unwrap().port();
    tokio::spawn(async move { while hanging_up.accept().await.is_ok() {} });
    for (url, reason, detail) in [
        (stranger.url(), FailureReason::TlsFailed, "the certificate's authority is not trusted"),
        (format!("https://127.0.0.2:{}", server.port()), FailureReason::Unreachable, "the connection was refused"),
        (format!("https://127.0.0.1:{plain_port}"), FailureReason::TlsFailed, "the server does not speak TLS"),
        (format!("https://127.0.0.1:{closed}"), FailureReason::Unreachable, "the connection was refused"),
        ("https://nowhere.invalid".into(), FailureReason::Unreachable, "the name cannot be looked up"),
        ("https://10.0.0.1".into(), FailureReason::AddressNotAllowed, "the address is closed"),
        ("https://8.8.8.8:8443".into(), FailureReason::AddressNotAllowed, "the port is not listed"),
    ] {
        let error = world.open(&url, printanista()).check().await.unwrap_err();
        assert_eq!((error.reason(), error.detail()), (reason, detail), "{url}");
        assert!(error.is_server_level());
        assert_eq!(error.needs_check(), reason != FailureReason::AddressNotAllowed);
    }
    let error = world.open(&format!("https://127.0.0.1:{hanging_up_port}"), printanista()).check().await.unwrap_err();
    assert_eq!(error.reason(), FailureReason::Unreachable, "{error}");
    assert!(server.seen().is_empty() && stranger.seen().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_home_is_not_called_unless_opened() {
    let server = Scripted::start(|_, _| Say::json(r#"{"product":"Printanista"}"#)).await;
    let mut world = World::of(&server);
    let url = format!("https://localhost:{}", server.port());
    assert!(world.open(&url, printanista()).check().await.is_ok());
    world.settings.allow_cidrs.clear();
    world.settings.allowed_ports = vec![server.port()];
    let error = world.open(&url, printanista()).check().await.unwrap_err();
    assert_eq!(error.reason(), FailureReason::AddressNotAllowed);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn silence_ends_in_a_time_out_without_another_try() {
    let server = Scripted::start(|_, _| Say::Silence).await;
    let mut world = World::of(&server);
    world.settings.read_timeout = Duration::from_millis(100);
    let error = world.open(&server.url(), printanista()).read(&day("a")).await.unwrap_err();
    assert_eq!(error.reason(), FailureReason::TimedOut);
    assert!(error.needs_check() && error.is_server_level() && error.passing());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_vendor_that_echoes_secrets_gets_none_into_an_error() {
    for status in [200, 302, 400, 401, 403, 404, 418, 500, 503] {
        for shape in 0..4 {
            let server = Scripted::start(move |request, _| {
                let echo =
                    format!("{} {:?} {}", request.line, request.headers, request.body).replace('"', "'").replace('\\', "/");
                let body = match shape {
                    0 => echo.clone(),
                    1 => format!(r#"{{"error":"{echo}","items":"{echo}","customerId":"{echo}"}}"#),
                    2 => format!(r#"{{"IsValid":false,"Errors":[{{"Code":"{echo}"}}]}}"#),
                    _ => format!(r#"{{"access_token":"{echo}","expires_in":9,"Result":{{"Code":"{echo}"}},"{echo}":1}}"#),
                };
                Say::status(status, body).with("x-echo", echo)
            })
            .await;
            let world = World::of(&server);
            for credentials in [printanista(), three_manager(), mps_monitor()] {
                let connector = world.open(&server.url(), credentials);
                let ask = coppice::connector::ReadRequest { at: coppice::connector::ReadAt::Now, ..day("cust-Yt5") };
                for error in [
                    connector.check().await.err(),
                    connector.read(&ask).await.err(),
                    connector.read(&day("cust-Yt5")).await.err(),
                ] {
                    let Some(error) = error else { continue };
                    let shown = format!("{error} {error:?} {error:#?} {}", error.detail());
                    for secret in SECRETS.iter().chain(&["dXNlci1", "127.0.0.1", "cust-Yt5", "PrintReleaf/", "user-agent"]) {
                        assert!(!shown.contains(secret), "{shown}");
                    }
                }
            }
        }
    }
}
