//! Every program of the pages, run by the tool it is for.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use super::installation::Installation;
use crate::{
    cli::support::client,
    support::world::{Kind, on_both},
};

on_both!(heavy_programs_for_curl);

/// How long a program may take at the most, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// Programs that go on for ever.
const ENDLESS: [&str; 2] = ["events", "socket"];

/// What runs a language, and the file it is written to.
struct Tool {
    program: &'static str,
    file: &'static str,
    /// The languages of the pages that it runs.
    languages: &'static [&'static str],
}

const CURL: Tool = Tool { program: "curl", file: "example.sh", languages: &["curl"] };
const NODE: Tool = Tool { program: "node", file: "example.mjs", languages: &["javascript", "node", "graphql-ws"] };
const PYTHON: Tool = Tool { program: "python3", file: "example.py", languages: &["python"] };

async fn heavy_programs_for_curl(kind: Kind) {
    run_all(kind, &CURL).await;
}

// The programs are the same on either database, so the two that take longer to start are run on one.

#[tokio::test]
async fn heavy_programs_for_node() {
    run_all(Kind::Sqlite, &NODE).await;
}

#[tokio::test]
async fn heavy_programs_for_python() {
    run_all(Kind::Sqlite, &PYTHON).await;
}

async fn run_all(kind: Kind, tool: &Tool) {
    let found = Command::new(tool.program).arg("--version").output().await;
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "{} is not installed", tool.program);
        println!("skipped: {} is not installed", tool.program);
        return;
    }
    let installation = Installation::new(kind).await;
    let mut ran = BTreeSet::new();
    for page in ["index.html", "mutations.html"] {
        let text = client().get(installation.url(&format!("/docs/{page}"))).send().await.unwrap().text().await.unwrap();
        for (name, language, program) in programs(&text) {
            if tool.languages.contains(&language.as_str()) && run(&installation, tool, &name, &language, &program).await {
                ran.insert(name);
            }
        }
    }
    let query = json!({ "query": "{ __schema { mutationType { fields { name } } } }" });
    let fields = installation.ask(query).await["data"]["__schema"]["mutationType"]["fields"].take();
    for field in fields.as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        assert!(ran.contains(name), "{name} has no example for {}", tool.program);
    }
}

/// Name, language and text of each program of a page.
fn programs(page: &str) -> Vec<(String, String, String)> {
    let pieces = page.split("<pre class=\"").skip(1).map(|piece| {
        let (language, rest) = piece.split_once("\" id=\"").unwrap();
        let (id, rest) = rest.split_once('"').unwrap();
        let (_, rest) = rest.split_once("<code>").unwrap();
        let (text, _) = rest.split_once("</code>").unwrap();
        let name = id.strip_suffix(&format!("-{language}")).unwrap();
        let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        let text = plain.into_iter().fold(text.to_owned(), |text, (written, letter)| text.replace(written, letter));
        (name.to_owned(), language.to_owned(), text)
    });
    pieces.collect()
}

/// Runs one program and looks at what it printed; false when something it needs beside its tool is not here.
async fn run(installation: &Installation, tool: &Tool, name: &str, language: &str, program: &str) -> bool {
    let (mut program, token) = installation.fitted(name, program).await;
    let folder = TempDir::new().unwrap();
    if language == "graphql-ws" {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node_modules");
        if !packages.join("graphql-ws").is_dir() || !packages.join("ws").is_dir() {
            println!("skipped: {name} needs `npm ci` in tests/clients");
            return false;
        }
        std::os::unix::fs::symlink(packages, folder.path().join("node_modules")).unwrap();
        // Node.js has a WebSocket of its own from version 22 on; browsers always did.
        program = format!("import {{ WebSocket }} from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n{program}");
    }
    std::fs::write(folder.path().join(tool.file), &program).unwrap();
    let mut command = Command::new(if tool.program == "curl" { "sh" } else { tool.program });
    command
        .arg(tool.file)
        .current_dir(folder.path())
        .env("COPPICE_KEY", &installation.key)
        .env("COPPICE_TOKEN", token)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if name == "offline" {
        command.arg(&installation.jws);
    }
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    let done = timeout(PATIENCE, async {
        if ENDLESS.contains(&name) {
            // Until the next event is there.
            while !said.contains(&installation.next_certificate) && out.read_line(&mut said).await.unwrap() > 0 {}
        } else {
            out.read_to_string(&mut said).await.unwrap();
        }
    });
    done.await.unwrap_or_else(|_| panic!("{name} by {} does not end: {said}\n{program}", tool.program));
    if ENDLESS.contains(&name) {
        if !said.contains(&installation.next_certificate) {
            let output = child.wait_with_output().await.unwrap();
            panic!("{name} by {}: {said}{}\n{program}", tool.program, String::from_utf8_lossy(&output.stderr));
        }
        return true;
    }
    let output = child.wait_with_output().await.unwrap();
    let told = format!("{name} by {}: {said}{}\n{program}", tool.program, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    judge(installation, name, &said, &told);
    true
}

/// Whether what a program printed is what it is meant to.
fn judge(installation: &Installation, name: &str, said: &str, told: &str) {
    match name {
        "paging" => assert_eq!(said.lines().count(), 3, "{told}"),
        "copy" => assert_eq!(said.trim(), "3 accounts", "{told}"),
        "offline" => assert!(said.contains(&installation.certificate.0), "{told}"),
        _ => {
            let mut answer: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {told}"));
            if let Some(data) = answer.get_mut("data").map(Value::take) {
                assert_eq!(answer["errors"], Value::Null, "{told}");
                answer = data.as_object().unwrap().values().next().unwrap().clone();
            }
            assert!(answer.is_object(), "{told}");
            assert!(is_content(&answer), "{told}");
            if name == "verify" {
                assert_eq!(answer["result"], "VALID", "{told}");
            }
        }
    }
}

/// Whether there is no user error in it, at any depth.
fn is_content(answer: &Value) -> bool {
    match answer {
        Value::Object(fields) => fields.iter().all(|(name, value)| {
            if name == "userErrors" { value.as_array().is_some_and(Vec::is_empty) } else { is_content(value) }
        }),
        Value::Array(items) => items.iter().all(is_content),
        _ => true,
    }
}
