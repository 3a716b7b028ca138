//! GraphiQL is served whole, and its example tabs work.

use std::io::Read as _;

use serde_json::{Value, json};

use super::installation::{Installation, PASSWORD};
use crate::{cli::support::client, support::world::Kind};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/graphiql");

async fn page(installation: &Installation) -> (reqwest::header::HeaderMap, String) {
    let response = client().get(installation.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    (response.headers().clone(), response.text().await.unwrap())
}

#[tokio::test]
async fn everything_it_needs_is_served_from_here() {
    let installation = Installation::new(Kind::Sqlite).await;
    let (headers, page) = page(&installation).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && policy.contains("connect-src 'self';"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let files = ["main.jsx", "main.css", "build.js", "package-lock.json"]
        .map(|file| std::fs::read(format!("{FOLDER}/{file}")).unwrap());
    let sources = coppice::secret::digest(&files.concat()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    // One that leaves what it gets as it is.
    let packed = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let own: Vec<&str> =
        page.split("application/json").map(|part| part.split_once("</script>").unwrap_or((part, part)).1).collect();
    assert!(own.iter().all(|part| !part.contains("://")), "{page}");
    for (tag, media) in
        [("<script src=\"", "text/javascript; charset=utf-8"), ("<link rel=\"stylesheet\" href=\"", "text/css; charset=utf-8")]
    {
        let path = page.split(tag).nth(1).unwrap().split('"').next().unwrap();
        let file = packed.get(installation.url(path)).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(file.status(), 200);
        let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("content-type"), header("content-encoding")), (media.to_owned(), "gzip".to_owned()));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("cache-control").contains("immutable"));
        let bytes = file.bytes().await.unwrap();
        assert!(bytes.len() < 600 * 1024, "{path} has {} bytes", bytes.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert!(
            text.lines().next().unwrap().contains(&sources),
            "{path} is older than its sources: `npm ci && npm run build` there"
        );
        for foreign in ["/node_modules/", "@font-face", "@import", "sourceMappingURL"] {
            assert!(!text.contains(foreign), "{path} has {foreign}");
        }
    }
    let licences = client().get(installation.url("/graphiql/licences.txt")).send().await.unwrap().text().await.unwrap();
    let manifest = std::fs::read_to_string(format!("{FOLDER}/package.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for package in ["graphiql", "graphql", "graphql-ws", "react", "react-dom"] {
        let version = manifest["devDependencies"][package].as_str().unwrap();
        assert!(licences.contains(&format!("\n{package} {version} (MIT)\n")), "{package} {version}");
    }
}

#[tokio::test]
async fn the_example_tabs_work() {
    let installation = Installation::new(Kind::Sqlite).await;
    let (_, page) = page(&installation).await;
    let tabs = page.split("id=\"tabs\">").nth(1).unwrap().split("</script>").next().unwrap();
    let tabs: Vec<Value> = serde_json::from_str(tabs).unwrap();
    assert_eq!(tabs.len(), 5);
    let mut ran = 0;
    for tab in &tabs {
        let query = tab["query"].as_str().unwrap();
        let mut variables: Value = serde_json::from_str(tab["variables"].as_str().unwrap()).unwrap_or(json!({}));
        if variables["server"].is_object() {
            // The credentials are the reader's to fill in.
            variables["server"]["url"] = json!(installation.simulator.url(2));
            variables["server"]["credentials"] = json!({ "threeManager": { "username": "coppice", "password": PASSWORD } });
        }
        let names = query.lines().filter_map(|line| {
            let (kind, rest) = line.split_once(' ')?;
            let name = rest.split(['(', ' ']).next()?;
            ["query", "mutation", "subscription"].contains(&kind).then_some((kind, name))
        });
        for (kind, name) in names {
            let body = json!({ "query": query, "operationName": name, "variables": variables });
            let answer =
                if kind == "subscription" { first_event(&installation, &body).await } else { installation.ask(body).await };
            assert_eq!(answer["errors"], Value::Null, "{name}: {answer}");
            assert!(answer["data"].as_object().unwrap().values().all(|value| !value.is_null()), "{name}: {answer}");
            match name {
                "RegisterServer" | "RegisterFeed" => assert!(answer.to_string().contains(r#""code":"NOT_FOUND""#), "{answer}"),
                "Dashboard" => assert!(answer["data"]["viewer"]["account"]["totals"]["lifetime"]["pages"].as_i64() > Some(0)),
                "Consumption" => {
                    assert_eq!(answer["data"]["viewer"]["account"]["consumption"]["points"].as_array().unwrap().len(), 12);
                }
                "Certificates" => assert_eq!(answer["data"]["certificates"]["nodes"].as_array().unwrap().len(), 2),
                _ => {}
            }
            ran += 1;
        }
    }
    assert_eq!(ran, 7, "two tabs have one operation more or less than this test knows");
}

/// The first event of a subscription.
async fn first_event(installation: &Installation, body: &Value) -> Value {
    let request = client().post(installation.url("/graphql")).header("X-Api-Key", &installation.key);
    let mut response = request.header("accept", "text/event-stream").json(body).send().await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: {")) {
            return serde_json::from_str(&format!("{{{data}")).unwrap();
        }
    }
    panic!("no event: {text}")
}
