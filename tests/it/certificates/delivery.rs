//! E-mail to recipients, against a mail server on a socket, and the subscription.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use coppice::{
    app::{
        App, AppParts, AppSettings, CertificateSettings, ConnectorCache,
        input::{OperatorUser, VoidCertificate},
    },
    connector::{Client, ClientSettings},
    domain::account::Permission,
    mail::{MailSettings, Mailer},
    secret::Secret,
};
use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{
    closing::{certificates, close},
    ledger::{Ledger, admin, id, project},
};
use crate::support::world::{Jobs, Kind, World, on_both, reader};

on_both!(recipients_get_an_e_mail, subscribers_get_each_certificate_once);

/// A mail server that puts the first e-mail off, takes the others, and hands on what it took.
async fn mail_server() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (taken, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((stream, _)) = listener.accept().await {
            let put_off = std::mem::replace(&mut first, false);
            let taken = taken.clone();
            tokio::spawn(serve(stream, put_off, taken));
        }
    });
    (url, receiver)
}

async fn serve(stream: tokio::net::TcpStream, put_off: bool, taken: mpsc::UnboundedSender<String>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
    let mut letter: Option<String> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match (&mut letter, line.split(' ').next().unwrap_or_default().to_uppercase().as_str()) {
            (Some(text), _) if line == "." => {
                taken.send(std::mem::take(text)).unwrap();
                letter = None;
                "250 taken"
            }
            (Some(text), _) => {
                text.push_str(&line);
                text.push('\n');
                continue;
            }
            (None, "EHLO" | "HELO") => "250 mail.example",
            (None, "MAIL") if put_off => "451 come back later",
            (None, "MAIL" | "RCPT" | "RSET" | "NOOP") => "250 ok",
            (None, "DATA") => {
                letter = Some(String::new());
                "354 go on"
            }
            (None, "QUIT") => "221 bye",
            (None, _) => "502 what?",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        if answer.starts_with("221") {
            break;
        }
    }
}

fn with_mail(world: &World, url: &str) -> App {
    let settings = MailSettings {
        url: Secret::new(url),
        from: "Coppice <forest@coppice.example>".to_owned(),
        timeout: Duration::from_secs(10),
    };
    let client = Client::new(ClientSettings::default(), Arc::clone(&world.clock) as _, Arc::clone(&world.ids)).unwrap();
    App::new(AppParts {
        store: world.store.clone(),
        clock: Arc::clone(&world.clock) as _,
        ids: Arc::clone(&world.ids),
        connectors: Arc::new(ConnectorCache::new(client, Arc::clone(&world.keys))),
        tokens: None,
        queue: Arc::new(Jobs::default()),
        hub: world.app.hub().clone(),
        settings: AppSettings::default(),
    })
    .with_certificates(CertificateSettings { mail: Some(Mailer::new(&settings).unwrap()), ..CertificateSettings::default() })
}

async fn recipients_get_an_e_mail(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let (url, mut taken) = mail_server().await;
    let app = with_mail(&world, &url);
    let user = |name: &str, email: &str, permission: Permission| OperatorUser {
        account_id: tree.customer.id,
        name: name.to_owned(),
        email: email.to_owned(),
        permission,
    };
    for (name, email, permission) in
        [("Jörg Ärger", "joerg@example.com", Permission::Admin), ("Reader", "reader@example.com", Permission::Read)]
    {
        app.operator_create_user(user(name, email, permission)).await.unwrap().unwrap();
    }
    let ledger = Ledger::of(&world).await;
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 12_345_000_000).await;
    world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    let shutdown = CancellationToken::new();
    assert_eq!(app.certificate_desk().close_due(&shutdown).await.unwrap().issued, 1);
    let deliver = async || app.certificate_desk().deliver_due(&shutdown).await.unwrap();
    assert_eq!(deliver().await, 0, "the mail server put it off");
    assert_eq!(deliver().await, 0, "and is left alone for a while");
    world.advance(TimeDelta::minutes(3));
    assert_eq!(deliver().await, 1);
    let letter = taken.recv().await.unwrap();
    let certificate = certificates(&world, &tree.customer).await[0].clone();
    assert!(letter.contains("joerg@example.com"), "{letter}");
    assert!(letter.contains("Subject: Certificate of Reforestation, February 2026: 1.48 trees"), "{letter}");
    let text = letter.replace("=\n", "").replace("=3D", "=");
    assert!(text.contains(&certificate.number) && text.contains(&certificate.code.to_string()), "{letter}");
    assert!(text.contains(&app.certificate_desk().pdf_url(&certificate)), "{letter}");
    world.advance(TimeDelta::days(3));
    assert_eq!(deliver().await, 0, "once");
    // A certificate that is voided before it was sent is not sent.
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 1_000_000).await;
    app.certificate_desk().close_due(&shutdown).await.unwrap();
    let late = certificates(&world, &tree.customer).await[1].clone();
    let input = VoidCertificate { certificate_id: late.id, reason: "x".to_owned() };
    app.void_certificate(&admin(&tree.customer), input).await.unwrap().unwrap();
    assert_eq!(deliver().await, 0);
}

/// Waits until no transaction of the whole server, of other tests say, is older than the last certificate: until then it counts as new.
async fn settled(ledger: &Ledger, kind: Kind) {
    let settled = match kind {
        Kind::Sqlite => "SELECT 1",
        Kind::Postgres => {
            "SELECT (CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) > MAX(tx))::INT::BIGINT FROM certificate"
        }
    };
    while ledger.number(settled).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn subscribers_get_each_certificate_once(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    project(&world, "River").await;
    let ledger = Ledger::of(&world).await;
    world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    ledger.post(id(&world), tree.customer.id, "2026-02-10", 1_000_000).await;
    close(&world).await;
    let before = certificates(&world, &tree.customer).await[0].clone();
    settled(&ledger, kind).await;
    let by = reader(&tree.partner);
    assert!(world.app.certificate_issued(&reader(&tree.customer), tree.partner.id, None).await.unwrap().is_none());
    let mut from_now = world.app.certificate_issued(&by, tree.partner.id, None).await.unwrap().unwrap();
    for (account, day) in [(&tree.customer, "2026-02-11"), (&tree.other_customer, "2026-02-11"), (&tree.sibling, "2026-02-11")]
    {
        world.advance(TimeDelta::minutes(1));
        ledger.post(id(&world), account.id, day, 1_000_000).await;
        close(&world).await;
    }
    let seen = from_now.next().await.unwrap().unwrap().record;
    assert_eq!((seen.account_id, seen.sequence), (tree.customer.id, 2));
    let seen = from_now.next().await.unwrap().unwrap().record;
    assert_eq!(seen.account_id, tree.sibling.id, "not those of another partner");
    // From a known one on, as after a lost connection.
    let mut resumed = world.app.certificate_issued(&by, tree.partner.id, Some(before.id)).await.unwrap().unwrap();
    let mut sequence = async || resumed.next().await.unwrap().unwrap().record.sequence;
    let sequences = [sequence().await, sequence().await];
    assert_eq!(sequences, [2, 1]);
    assert!(world.app.certificate_issued(&by, tree.partner.id, Some(seen.account_id)).await.unwrap().is_none());
}
