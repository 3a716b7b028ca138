//! What strangers see, and what anyone can check without us.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use coppice::{app::input::VoidCertificate, domain::certificate::CertificateStatus};
use serde_json::{Value, json};

use super::{
    closing::{certificates, close},
    ledger::{Ledger, admin, id, project},
};
use crate::support::world::{Kind, World, on_both, reader};

on_both!(
    number_and_code_open_a_certificate,
    certificates_are_checked_by_the_published_keys,
    forests_have_addresses_of_their_own
);

async fn issued(world: &World) -> (crate::support::world::Tree, coppice::domain::certificate::Certificate) {
    let tree = world.tree().await;
    project(world, "River").await;
    let ledger = Ledger::of(world).await;
    ledger.post(id(world), tree.customer.id, "2026-02-10", 2_475_111_000_000).await;
    world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    assert_eq!(close(world).await, 1);
    let certificate = certificates(world, &tree.customer).await[0].clone();
    (tree, certificate)
}

async fn number_and_code_open_a_certificate(kind: Kind) {
    let world = World::new(kind).await;
    let (tree, certificate) = issued(&world).await;
    let verify = async |number: &str, code: &str| world.app.verify_certificate(number, code).await.unwrap();
    let code = certificate.code.to_string();
    assert_eq!(verify(&certificate.number, &code).await.as_ref(), Some(&certificate));
    let typed = verify(&certificate.number.to_lowercase(), &code.to_lowercase().replace('-', " ")).await;
    assert_eq!(typed.as_ref(), Some(&certificate));
    let mut wrong = certificate.code.digits().to_owned();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(15.., last);
    for (number, code) in [
        (certificate.number.as_str(), wrong.as_str()),
        (&certificate.number, ""),
        (&certificate.number, "0000000000000000"),
        ("CR-2026-02-000002", &code),
        ("CR-2026-02-000002", "0000000000000000"),
        ("", ""),
        ("\0'; --", "\0"),
    ] {
        assert_eq!(verify(number, code).await, None, "{number} {code}");
    }
    let input = VoidCertificate { certificate_id: certificate.id, reason: "Wrong name".to_owned() };
    world.app.void_certificate(&admin(&tree.customer), input).await.unwrap().unwrap();
    close(&world).await;
    let page = world.app.public_certificate(&certificate.number, &code).await.unwrap().unwrap();
    assert_eq!(page.certificate.status(), CertificateStatus::Void);
    assert_eq!(page.others.iter().map(|other| other.sequence).collect::<Vec<_>>(), [2]);
    // Digests of its files are kept, each once.
    let desk = world.app.certificate_desk();
    for digest in [[1; 32], [2; 32], [1; 32]] {
        desk.remember_file(&certificate, &digest).await.unwrap();
    }
    let page = world.app.public_certificate(&certificate.number, &code).await.unwrap().unwrap();
    assert_eq!(page.files.iter().map(|(digest, _)| *digest).collect::<Vec<_>>(), [[1; 32], [2; 32]]);
}

async fn certificates_are_checked_by_the_published_keys(kind: Kind) {
    let world = World::new(kind).await;
    let (_, certificate) = issued(&world).await;
    world.app.certificate_desk().renew_key().await.unwrap();
    let keys = world.app.certificate_desk().key_set().await.unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "old keys stay published");
    assert!(!keys.to_string().contains("\"d\""));
    let parts: Vec<Value> = certificate
        .jws
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0]["typ"], "coppice-certificate+jwt");
    assert_eq!(parts[0]["alg"], "EdDSA");
    assert_eq!(
        parts[1],
        json!({
            "iss": "http://127.0.0.1:8080",
            "number": "CR-2026-02-000001",
            "holder": "Customer",
            "month": "2026-02",
            "sequence": 1,
            "standardPages": "2475111",
            "trees": "297.03",
            "weightKg": "11197.86",
            "allocations": [{ "project": "River", "country": "KE", "standardPages": "2475111", "trees": "297.03" }],
            "methodologyVersion": 1,
            "issuedAt": "2026-03-12T00:00:00.000Z",
        })
    );
    // Nobody who reads the database alone can sign.
    let bytes = world.database.bytes_on_disk();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("PRIVATE KEY"));
    another_library_agrees(&certificate.jws, &keys);
}

/// joserfc, a JOSE library for Python, checks the signature by the published keys, and refuses a changed one.
fn another_library_agrees(jws: &str, keys: &Value) {
    const CHECK: &str = "
import json, sys
from joserfc import jws
from joserfc.jwk import KeySet
text, keys = json.load(sys.stdin)
keys = KeySet.import_key_set(keys)
found = jws.deserialize_compact(text, keys, algorithms=['EdDSA', 'Ed25519'])
assert json.loads(found.payload)['number'] == 'CR-2026-02-000001'
head, body, signature = text.split('.')
other = body[:-2] + ('A' if body[-2] != 'A' else 'B') + body[-1]
try:
    jws.deserialize_compact('.'.join([head, other, signature]), keys, algorithms=['EdDSA', 'Ed25519'])
except Exception:
    print('agreed')
";
    use std::io::Write as _;
    let python = |arguments: &[&str]| {
        std::process::Command::new("python3")
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
    };
    let there = python(&["-c", "import joserfc"]).and_then(std::process::Child::wait_with_output);
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with joserfc is not installed, so no other JOSE library checked the signature");
        return;
    }
    let mut child = python(&["-c", CHECK]).unwrap();
    child.stdin.take().unwrap().write_all(json!([jws, keys]).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "agreed\n", "{}", String::from_utf8_lossy(&output.stderr));
}

async fn forests_have_addresses_of_their_own(kind: Kind) {
    let world = World::new(kind).await;
    let (tree, _) = issued(&world).await;
    let tokens = world.app.page_tokens(&reader(&tree.partner), &[tree.partner.id, tree.customer.id]).await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[&tree.partner.id], tokens[&tree.customer.id]);
    let again = world.app.page_tokens(&reader(&tree.partner), &[tree.customer.id]).await.unwrap();
    assert_eq!(again[&tree.customer.id], tokens[&tree.customer.id], "addresses stay");
    assert!(world.app.page_tokens(&reader(&tree.customer), &[tree.partner.id]).await.unwrap().is_empty());
    let forest = world.app.lifetime(&tokens[&tree.partner.id]).await.unwrap().unwrap();
    assert_eq!((forest.holder.as_str(), forest.year), ("Partner", 2026));
    assert_eq!(forest.lifetime.standard.0, 2_475_111_000_000);
    assert_eq!(forest.certified, forest.lifetime);
    assert!(world.app.lifetime("0000").await.unwrap().is_none());
}
