//! The pages of prose, with what is in force filled in.

use std::{fmt::Write as _, time::Duration};

use super::{
    DocsFacts,
    examples::{By, with_samples},
    layout::{CHOICE, headings, page, program, prose},
    mutations::programs,
    reference::Reference,
    snippets::Snippet,
};
use crate::{
    app::LINK_LIFETIME,
    domain::paging::{DEFAULT_PAGE, MAX_PAGE},
    graphql::{MUTATION_COST, PLAIN_LIST, ROW_COST, Rate, TrustedOnly, WEIGHTS},
    http::html::escape,
};

const FIRST: &str = "{
  viewer {
    permission
    account {
      id
      name
      totals { lifetime { pages standardPages trees } }
    }
  }
}";

const VERIFY: &str = "query ($number: String!, $code: String!) {
  verifyCertificate(number: $number, code: $code) {
    result
    certificate { holder month trees jws }
  }
}";

const VERIFY_VARIABLES: &str = r#"{
  "number": "CR-2026-03-000042",
  "code": "0000-0000-0000-0000"
}"#;

/// The first page.
pub(super) fn guide(facts: &DocsFacts, url: &str) -> String {
    let socket_url = url.replacen("http", "ws", 1);
    let program = |name: &str, language: &str, label: &str, text: &str| {
        let text = with_samples(text);
        let filled = [("{{url}}", url), ("{{origin}}", &facts.origin), ("{{socket_url}}", &socket_url)];
        let text = filled.into_iter().fold(text, |text, (name, value)| text.replace(name, value));
        program(name, language, label, text.replace("{{keep_alive}}", &lasting(facts.keep_alive)).trim_end())
    };
    let request = |name: &str, by, document, variables, field| programs(name, &Snippet { url, by, document, variables, field });
    let limits = &facts.limits;
    let values = [
        ("choice", CHOICE.to_owned()),
        ("first", request("first", By::Key, FIRST, None, "viewer")),
        (
            "paging",
            program("paging", "javascript", "JavaScript", include_str!("programs/paging.mjs"))
                + &program("paging", "python", "Python", include_str!("programs/paging.py")),
        ),
        (
            "events",
            program("events", "curl", "curl", include_str!("programs/events.sh"))
                + &program("events", "javascript", "JavaScript", include_str!("programs/events.mjs"))
                + &program("events", "python", "Python", include_str!("programs/events.py")),
        ),
        ("socket", program("socket", "graphql-ws", "JavaScript", include_str!("programs/socket.mjs"))),
        (
            "copy",
            program("copy", "javascript", "JavaScript", include_str!("programs/copy.mjs"))
                + &program("copy", "python", "Python", include_str!("programs/copy.py")),
        ),
        ("verify", request("verify", By::Nobody, VERIFY, Some(VERIFY_VARIABLES), "verifyCertificate")),
        ("offline", program("offline", "node", "JavaScript", include_str!("programs/offline.mjs"))),
        ("url", escape(url)),
        ("origin", escape(&facts.origin)),
        ("socket_url", escape(&socket_url)),
        ("max_body", bytes(facts.max_body)),
        ("request_timeout", lasting(facts.request_timeout)),
        ("access_lifetime", lasting(facts.access_lifetime)),
        ("refresh_lifetime", lasting(facts.refresh_lifetime)),
        ("link_lifetime", lasting(LINK_LIFETIME.to_std().unwrap_or_default())),
        ("default_page", DEFAULT_PAGE.to_string()),
        ("max_page", MAX_PAGE.to_string()),
        ("max_depth", limits.depth.to_string()),
        ("max_fields", grouped(count(limits.fields))),
        ("max_aliases", grouped(count(limits.aliases))),
        ("max_tokens", grouped(count(limits.tokens))),
        ("max_cost", format!("{} points", grouped(count(limits.complexity)))),
        ("plain_list", PLAIN_LIST.to_string()),
        ("mutation_cost", MUTATION_COST.to_string()),
        ("row_cost", ROW_COST.to_string()),
        ("weights", weights()),
        ("budget", rate(facts.budget)),
        ("anonymous_budget", rate(facts.anonymous_budget)),
        ("max_operations", facts.socket.max_operations.to_string()),
        ("trusted_only", trusted_only(facts.trusted_only).to_owned()),
    ];
    let main = filled(include_str!("guide.html"), &values);
    page("index.html", &headings(&main), &main)
}

/// The page of what may change.
pub(super) fn changes(reference: &Reference) -> String {
    let mut deprecated = String::new();
    for (member, reason) in reference.deprecated() {
        let _ =
            write!(deprecated, "<li><a href=\"reference.html#{member}\"><code>{member}</code></a>: {}</li>", prose(&reason));
    }
    let deprecated = if deprecated.is_empty() { "<p>Nothing.</p>".to_owned() } else { format!("<ul>{deprecated}</ul>") };
    let main = filled(include_str!("changes.html"), &[("deprecated", deprecated)]);
    page("changes.html", &headings(&main), &main)
}

fn filled(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

fn weights() -> String {
    let mut costs: Vec<usize> = WEIGHTS.iter().map(|(.., cost)| *cost).collect();
    costs.sort_unstable();
    costs.dedup();
    let of = |cost: usize| {
        let members = WEIGHTS.iter().filter(|(.., of)| *of == cost);
        let links =
            members.map(|(owner, field, _)| format!("<a href=\"reference.html#{owner}.{field}\"><code>{field}</code></a>"));
        format!("{} {cost} more", links.collect::<Vec<_>>().join(", "))
    };
    costs.into_iter().rev().map(of).collect::<Vec<_>>().join("; ")
}

fn rate(rate: Rate) -> String {
    match rate.points {
        0 => "no limit".to_owned(),
        points => {
            let again = grouped(rate.per_second.into());
            format!("{} points, and gets {again} back each second", grouped(points.into()))
        }
    }
}

const fn trusted_only(who: TrustedOnly) -> &'static str {
    match who {
        TrustedOnly::Nobody => "Here everybody may send documents of their own too.",
        TrustedOnly::Anonymous => "Here whoever is not signed in may ask for these only.",
        TrustedOnly::Read => "Here whoever is not signed in, and callers of level <code>READ</code>, may ask for these only.",
        TrustedOnly::Write => "Here all but callers of level <code>ADMIN</code> may ask for these only.",
        TrustedOnly::Everybody => "Here nothing but these is run.",
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let places = digits.len();
    digits.chars().enumerate().fold(String::new(), |mut text, (place, digit)| {
        if place > 0 && (places - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn bytes(number: usize) -> String {
    let number = count(number);
    if number.is_multiple_of(1024) { format!("{} KiB", grouped(number / 1024)) } else { format!("{} bytes", grouped(number)) }
}

/// How long something lasts, in its largest whole unit.
fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) =
        units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length) && seconds >= *length).unwrap_or((1, "second"));
    let number = seconds / length;
    format!("{} {unit}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([1, 1_000, 12_345_678].map(grouped), ["1", "1,000", "12,345,678"]);
        assert_eq!([256 * 1024, 1_000].map(bytes), ["256 KiB", "1,000 bytes"]);
        let lasting = |seconds| lasting(Duration::from_secs(seconds));
        assert_eq!(
            [1, 10, 900, 90, 7_200, 2_592_000].map(lasting),
            ["1 second", "10 seconds", "15 minutes", "90 seconds", "2 hours", "30 days"]
        );
    }
}
