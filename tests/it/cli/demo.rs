//! `demo --once`. The names put these into the group of heavy tests.

use super::support::Place;

#[test]
fn demo_ends_with_every_total_as_printed() {
    let place = Place::new();
    let ended = place.run(&["demo", "--once", "--customers", "3", "--seed", "11"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    let total = lines.iter().find(|line| line.starts_with("Total")).unwrap();
    assert_eq!(lines.iter().filter(|line| line.ends_with('✓')).count(), 4, "{}", ended.out);
    let pages: i64 = total.split_whitespace().nth(1).unwrap().replace(',', "").parse().unwrap();
    assert!(pages > 10_000, "{total}");
    let heading = lines.iter().position(|line| line.starts_with("Certificates of Reforestation, 20")).unwrap();
    let certificates: Vec<_> = lines[heading + 4..].iter().take_while(|line| !line.is_empty()).collect();
    assert_eq!(certificates.len(), 3, "{}", ended.out);
    for step in ["Simulated time", "Printanista, backfill", "3manager, backfill", "MPS Monitor, night"] {
        assert!(ended.err.contains(step), "{step}: {}", ended.err);
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn demo_keeps_its_database_where_it_is_told() {
    let place = Place::new();
    place.run(&["demo", "--once", "--customers", "1", "--directory", "kept"]).done();
    assert!(place.path("kept/coppice.db").exists());
    let text = place.run(&["demo", "--once", "--directory", "kept"]).refused(3);
    assert!(text.contains("is there already"), "{text}");
}

/// The server that is left running answers with the key it printed, and goes when it is told to.
#[test]
fn demo_leaves_a_server_running() {
    use std::io::{BufRead as _, BufReader};
    let place = Place::new();
    let mut command = place.command(&["demo", "--customers", "1", "--listen", "127.0.0.1:0"]);
    let mut demo = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let certificate = lines.by_ref().find(|line| line.contains("/certificates/")).unwrap();
    let certificate = certificate.split_whitespace().last().unwrap().to_owned();
    let mut after = |label: &str| {
        let line = lines.by_ref().find(|line| line.trim_start().starts_with(label)).unwrap();
        line.trim_start().strip_prefix(label).unwrap().trim().to_owned()
    };
    let (page, api, key) = (after("GraphiQL"), after("API"), after("API key"));
    let rest: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("mutation")).collect();
    let queries: Vec<&String> = rest.iter().filter(|line| line.starts_with('{')).collect();
    assert_eq!(queries.len(), 3, "{rest:#?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (page, certificate, answers) = runtime.block_on(async {
        let client = super::support::client();
        let page = client.get(&page).send().await.unwrap().text().await.unwrap();
        let certificate = client.get(&certificate).send().await.unwrap().text().await.unwrap();
        let mut answers = Vec::new();
        for query in queries {
            let request = client.post(&api).header("X-Api-Key", &key).json(&serde_json::json!({ "query": query }));
            answers.push(request.send().await.unwrap().json::<serde_json::Value>().await.unwrap());
        }
        (page, certificate, answers)
    });
    assert!(page.to_lowercase().contains("graphiql"));
    assert!(
        certificate.contains("Certificate of Reforestation") && certificate.contains("Genuine and in force."),
        "{certificate}"
    );
    for answer in &answers {
        assert!(answer["errors"].is_null() && answer["data"].is_object(), "{answer}");
    }
    let lifetime = answers[0]["data"]["accounts"]["nodes"][0]["totals"]["lifetime"]["pages"].as_i64().unwrap();
    assert!(lifetime > 0);
    assert_eq!(
        answers[1]["data"]["viewer"]["account"]["consumption"]["total"]["pages"], lifetime,
        "one customer is all of them"
    );
    assert_eq!(answers[2]["data"]["servers"]["nodes"].as_array().unwrap().len(), 3);
    super::support::terminate(&demo);
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}
