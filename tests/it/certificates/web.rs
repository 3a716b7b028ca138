//! Public pages, files and the GraphQL API, over the router that serves them.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use coppice::{
    app::input::OperatorApiKey,
    domain::account::{Account, Permission},
    graphql::{Limits, build_schema},
    http::{Drain, House, HttpParts, HttpSettings, Peer, router},
    id::{Kind, PublicId},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    closing::{certificates, close},
    ledger::{Ledger, id, project},
};
use crate::support::world::{Kind as On, World};

struct Web {
    world: World,
    router: Router,
    tree: crate::support::world::Tree,
}

impl Web {
    async fn new() -> Self {
        let world = World::new(On::Sqlite).await;
        let tree = world.tree().await;
        let backend = House {
            app: Arc::clone(&world.app),
            schema: build_schema(Arc::clone(&world.app), Limits::default()),
            tokens: None,
        };
        let router = router(HttpParts {
            backend: Arc::new(backend),
            clock: Arc::clone(&world.clock) as _,
            ids: Arc::clone(&world.ids),
            settings: HttpSettings::default(),
            drain: Drain::new(CancellationToken::new()),
            public: Some(Arc::clone(&world.app)),
        })
        .unwrap();
        Self { world, router, tree }
    }

    async fn ask(&self, mut request: Request<Body>) -> (StatusCode, header::HeaderMap, Vec<u8>) {
        let address: SocketAddr = "127.0.0.1:9999".parse().unwrap();
        request.extensions_mut().insert(Peer { address, secure: false });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, header::HeaderMap, Vec<u8>) {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn graphql(&self, key: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let body = json!({ "query": query, "variables": variables }).to_string();
        serde_json::from_slice(&self.ask(request.body(body.into()).unwrap()).await.2).unwrap()
    }

    async fn key(&self, account: &Account, permission: Permission) -> String {
        let input = OperatorApiKey { account_id: account.id, name: "test".to_owned(), permission, expires_in_days: None };
        self.world.app.operator_create_api_key(input).await.unwrap().unwrap().1.expose().to_owned()
    }
}

const HOSTILE: &str = "<script>alert(1)</script> & \"Söhne\"";

#[tokio::test]
async fn strangers_see_a_certificate_and_its_files() {
    let web = Web::new().await;
    project(&web.world, HOSTILE).await;
    let ledger = Ledger::of(&web.world).await;
    ledger.post(id(&web.world), web.tree.customer.id, "2026-02-10", 12_345_000_000).await;
    web.world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    close(&web.world).await;
    let certificate = certificates(&web.world, &web.tree.customer).await[0].clone();
    let here = format!("/certificates/{}/{}", certificate.number, certificate.code.digits());
    let (status, headers, pdf) = web.get(&format!("{here}/certificate.pdf")).await;
    assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "application/pdf"));
    assert!(pdf.starts_with(b"%PDF-"));
    assert_eq!(web.get(&format!("{here}/certificate.pdf")).await.2, pdf, "the same certificate, the same bytes");
    assert_ne!(web.get(&format!("{here}/certificate.pdf?paper=letter")).await.2, pdf);
    assert!(web.get(&format!("{here}/certificate.png")).await.2.starts_with(b"\x89PNG"));
    let svg = String::from_utf8(web.get(&format!("{here}/certificate.svg")).await.2).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    assert!(!svg.contains("<script"));
    let (status, headers, page) = web.get(&here).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Genuine and in force") && page.contains("1.48") && page.contains(&certificate.jws), "{page}");
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Söhne&quot;"));
    let digest = coppice::secret::digest(&pdf).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert!(page.contains(&digest), "the page names the file's digest");
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
    // What was typed by hand leads there.
    let typed = format!("/certificates?number={}&code={}", certificate.number.to_lowercase(), certificate.code);
    let (status, headers, _) = web.get(&typed).await;
    assert!(status.is_redirection());
    assert_eq!(headers[header::LOCATION], here.as_str());
    // Wrong addresses are all alike, whether there is such a number or not.
    let wrong = web.get(&format!("/certificates/{}/0000000000000000", certificate.number)).await;
    assert_eq!(wrong.0, StatusCode::NOT_FOUND);
    for path in [
        format!("/certificates/CR-2026-02-000009/{}", certificate.code.digits()),
        format!("/certificates/{}/0000000000000000/certificate.pdf", certificate.number),
        format!("/certificates/{}/x", certificate.number),
        format!("{here}/certificate.exe"),
        "/forests/01h455vb4pex5vsknk084sn02q".to_owned(),
    ] {
        let other = web.get(&path).await;
        assert_eq!((other.0, &other.2), (wrong.0, &wrong.2), "{path}");
    }
    let keys: Value = serde_json::from_slice(&web.get("/.well-known/certificate-jwks.json").await.2).unwrap();
    assert_eq!(keys["keys"][0]["kty"], "OKP");
    // One address may not try codes in bulk, by whatever door.
    let mut refused = false;
    for _ in 0..80 {
        refused |=
            web.get(&format!("/certificates/{}/0000000000000000", certificate.number)).await.0 == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
    let verify = "query($n: String!) { verifyCertificate(number: $n, code: \"x\") { result } }";
    let answer = web.graphql(None, verify, json!({ "n": certificate.number })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{answer}");
}

#[tokio::test]
async fn the_api_shows_certificates() {
    let web = Web::new().await;
    let river = project(&web.world, "River").await;
    let ledger = Ledger::of(&web.world).await;
    ledger.post(id(&web.world), web.tree.customer.id, "2026-02-10", 12_345_000_000).await;
    web.world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    let key = web.key(&web.tree.partner, Permission::Admin).await;
    let account = PublicId::new(Kind::Account, web.tree.customer.id).to_string();
    let project_id = PublicId::new(Kind::Project, river.id).to_string();
    let choose = "mutation($i: ChooseProjectsInput!) { chooseProjects(input: $i) { account { projects { name country } } userErrors { code } } }";
    let chosen = web.graphql(Some(&key), choose, json!({ "i": { "accountId": account, "projectIds": [project_id] } })).await;
    assert_eq!(
        chosen["data"]["chooseProjects"]["account"]["projects"][0],
        json!({ "name": "River", "country": "KE" }),
        "{chosen}"
    );
    let issue = "mutation($i: IssueCertificatesInput!) { issueCertificates(input: $i) { certificates { id number } userErrors { code message } } }";
    let issued = web.graphql(Some(&key), issue, json!({ "i": { "accountId": account, "month": "2026-02" } })).await;
    let id =
        issued["data"]["issueCertificates"]["certificates"][0]["id"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned();
    let read = "query($id: ID!, $account: ID!) {
        node(id: $id) { id ... on Certificate {
            number month sequence status standardPages trees weightKg verificationCode verificationUrl pdfUrl
            imageUrl png: imageUrl(format: PNG) supplementTo { id } account { name } voidedAt
            allocations { project { id } standardPages trees } deposits { nodes { date certificate { id } } } } }
        account(id: $account) { badgeUrl lifetimeCertificateUrl certificates { nodes { id } }
            totals { certified { trees } pending { standardPages } } }
        certificates(filter: { from: \"2026-02\", to: \"2026-02\", status: ISSUED }) { nodes { id } }
        projects { nodes { name status } } }";
    let shown = web.graphql(Some(&key), read, json!({ "id": id, "account": account })).await;
    assert_eq!(shown["errors"], Value::Null, "{shown}");
    let (node, data) = (&shown["data"]["node"], &shown["data"]);
    assert_eq!(
        (node["trees"].as_str(), node["status"].as_str(), node["month"].as_str()),
        (Some("1.48"), Some("ISSUED"), Some("2026-02"))
    );
    assert_eq!(node["deposits"]["nodes"][0], json!({ "date": "2026-02-10", "certificate": { "id": id } }));
    assert_eq!(node["allocations"][0], json!({ "project": { "id": project_id }, "standardPages": "12345", "trees": "1.48" }));
    assert_eq!(data["account"]["totals"], json!({ "certified": { "trees": "1.48" }, "pending": { "standardPages": "0" } }));
    assert_eq!(data["certificates"]["nodes"][0]["id"].as_str(), Some(id.as_str()));
    // The badge and the lifetime certificate are there.
    for (url, kind) in [("badgeUrl", "image/svg+xml"), ("lifetimeCertificateUrl", "text/html; charset=utf-8")] {
        let path = data["account"][url].as_str().unwrap().replace("http://127.0.0.1:8080", "");
        let (status, headers, body) = web.get(&path).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, kind));
        assert!(!body.is_empty());
        if url == "lifetimeCertificateUrl" {
            assert!(web.get(&format!("{path}/certificate.pdf")).await.2.starts_with(b"%PDF-"));
        }
    }
    // Anyone verifies it.
    let verify = "query($n: String!, $c: String!) { verifyCertificate(number: $n, code: $c) {
        result certificate { number holder trees allocations { project { name } } pdfUrl jws voidReason } } }";
    let ask = async |code: &str| {
        let variables = json!({ "n": node["number"], "c": code });
        web.graphql(None, verify, variables).await["data"]["verifyCertificate"].clone()
    };
    let code = node["verificationCode"].as_str().unwrap();
    let valid = ask(code).await;
    assert_eq!(
        (valid["result"].as_str(), valid["certificate"]["holder"].as_str()),
        (Some("VALID"), Some("Customer")),
        "{valid}"
    );
    assert_eq!(valid["certificate"]["allocations"][0]["project"]["name"], "River");
    assert_eq!(ask("0000-0000-0000-0000").await, json!({ "result": "NOT_FOUND", "certificate": null }));
    // A withdrawal shows.
    let void = "mutation($i: VoidCertificateInput!) { voidCertificate(input: $i) { certificate { status voidReason } userErrors { code } } }";
    let voided = web.graphql(Some(&key), void, json!({ "i": { "certificateId": id, "reason": "Wrong name" } })).await;
    assert_eq!(
        voided["data"]["voidCertificate"]["certificate"],
        json!({ "status": "VOID", "voidReason": "Wrong name" }),
        "{voided}"
    );
    let answer = ask(code).await;
    assert_eq!((answer["result"].as_str(), answer["certificate"]["voidReason"].as_str()), (Some("VOID"), Some("Wrong name")));
    // A sibling sees none of it.
    let sibling = web.key(&web.tree.sibling, Permission::Admin).await;
    let hidden = web.graphql(Some(&sibling), "query($id: ID!) { certificate(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(hidden["data"], json!({ "certificate": null }));
}
