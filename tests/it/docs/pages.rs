//! The pages say all that there is to say, and lead nowhere that is not there.

use std::collections::{BTreeMap, BTreeSet};

use coppice::{
    graphql::Code,
    http::{DOCS_SAMPLES, docs_pages},
    id::PublicId,
};

use super::installation::facts;
use crate::cli::support::Place;

fn all() -> BTreeMap<&'static str, String> {
    docs_pages(&facts("https://forest.example".to_owned())).into_iter().collect()
}

fn anchors(page: &str) -> BTreeSet<&str> {
    page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// `Type` and `Type.member` of everything in the schema's text.
fn members(schema: &str) -> Vec<String> {
    let (mut found, mut owner) = (Vec::new(), "");
    for line in schema.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["type" | "input" | "enum" | "interface" | "union" | "scalar", name, ..] if !line.starts_with(' ') => {
                owner = name;
                if !["Query", "Mutation", "Subscription"].contains(&name) {
                    found.push(name.to_owned());
                }
            }
            ["schema", ..] => owner = "",
            [member, ..]
                if line.starts_with("  ")
                    && !line.starts_with("   ")
                    && !owner.is_empty()
                    && !member.starts_with(['"', ')']) =>
            {
                let name: String = member.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
                found.push(format!("{owner}.{name}"));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_reference_has_every_type_and_member() {
    let pages = all();
    let (reference, schema) = (anchors(&pages["reference.html"]), &pages["schema.graphql"]);
    let members = members(schema);
    assert!(members.len() > 700, "{}", members.len());
    let missing: Vec<_> = members.iter().filter(|member| !reference.contains(member.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let examples = anchors(&pages["mutations.html"]);
    let mutations = members.iter().filter_map(|member| member.strip_prefix("Mutation."));
    let missing: Vec<_> = mutations.filter(|name| !examples.contains(name)).collect();
    assert!(missing.is_empty(), "mutations without an example: {missing:?}");
}

#[test]
fn every_code_is_told() {
    let pages = all();
    let errors = anchors(&pages["errors.html"]);
    for code in Code::ALL {
        assert!(errors.contains(code.as_str()), "{}", code.as_str());
    }
    let members = members(&pages["schema.graphql"]);
    for code in members.iter().filter(|member| member.starts_with("UserErrorCode.") || member.starts_with("FailureReason.")) {
        assert!(errors.contains(code.as_str()), "{code}");
    }
}

#[test]
fn links_lead_somewhere_and_nothing_is_loaded() {
    let pages = all();
    for (name, page) in pages.iter().filter(|(name, _)| **name != "schema.graphql") {
        assert!(!page.contains("{{") && !page.contains("<script") && !page.contains(" src="), "{name}");
        let ids: Vec<_> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.len(), anchors(page).len(), "{name} has an anchor twice");
        for target in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if target.starts_with("https://") || target == "data:," {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let page =
                pages.get(if file.is_empty() { *name } else { file }).unwrap_or_else(|| panic!("{name} leads to {target}"));
            assert!(anchor.is_empty() || anchors(page).contains(anchor), "{name} leads to {target}");
        }
    }
}

#[test]
fn what_is_in_force_is_shown() {
    let guide = &all()["index.html"];
    for text in [
        "https://forest.example/graphql",
        "wss://forest.example/graphql",
        "go 17 levels deep",
        "cost 54,321 points",
        "7,654,321 points, and gets 4,567 back each second",
        "signed in has no limit",
        "have 96 KiB",
        "take 23 seconds",
        "up to 37 operations",
        "works for 19 minutes",
        "works for 11 days",
    ] {
        assert!(guide.replace('\n', " ").contains(text), "{text}");
    }
}

#[test]
fn samples_look_like_what_they_stand_for() {
    for (name, sample) in DOCS_SAMPLES.into_iter().filter(|(_, sample)| sample.as_bytes()[3] == b'_') {
        assert!(PublicId::parse(sample).is_some(), "{name}: {sample}");
    }
}

#[test]
fn the_program_writes_them() {
    let place = Place::new();
    let told = place.run(&["docs", "--out", "new/docs"]).done();
    assert!(told.contains("new/docs/index.html"), "{told}");
    let guide = std::fs::read_to_string(place.path("new/docs/index.html")).unwrap();
    assert!(guide.contains("http://127.0.0.1:8080/graphql") && guide.contains("10,000,000 points"));
    let schema = place.run(&["schema"]).done();
    assert_eq!(std::fs::read_to_string(place.path("new/docs/schema.graphql")).unwrap(), schema);
    let files = place.run(&["docs", "--out", "new/docs", "--json"]).json();
    assert_eq!(files["files"].as_array().unwrap().len(), 6);
    std::fs::write(place.path("file"), "").unwrap();
    let text = place.run(&["docs", "--out", "file"]).refused(1);
    assert!(text.contains("file"), "{text}");
}
