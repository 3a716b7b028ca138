//! What all pages have: head, navigation, style. Nothing in them runs or is loaded.

use std::fmt::Write as _;

use crate::http::html::escape;

/// Of every page; its digest is in the policy that pages are served with.
pub(super) const STYLE: &str = include_str!("style.css");

/// The pages with their files, in the order of the navigation.
pub(super) const NAVIGATION: [(&str, &str); 5] = [
    ("index.html", "Guide"),
    ("mutations.html", "Mutations by example"),
    ("errors.html", "Errors"),
    ("reference.html", "Reference"),
    ("changes.html", "Changes"),
];

/// An entry of a page's contents: where it leads, its text, and what is below it.
pub(super) struct Entry {
    pub(super) anchor: String,
    pub(super) text: String,
    pub(super) below: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(anchor: impl Into<String>, text: impl Into<String>) -> Self {
        Self { anchor: anchor.into(), text: text.into(), below: Vec::new() }
    }
}

/// A whole page; `main` is HTML.
pub(super) fn page(file: &str, contents: &[Entry], main: &str) -> String {
    let title = NAVIGATION.iter().find(|(name, _)| *name == file).map_or("", |(_, title)| title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} · Coppice API</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head>\n<body>\
         <a class=\"skip\" href=\"#main\">To the text</a>\n<nav class=\"top\" aria-label=\"Pages\"><strong>Coppice API</strong>"
    );
    // Writing to a String cannot fail.
    for (name, title) in NAVIGATION {
        let current = if name == file { " aria-current=\"page\"" } else { "" };
        let _ = write!(text, "<a href=\"{name}\"{current}>{title}</a>");
    }
    let _ = write!(
        text,
        "<a href=\"schema.graphql\">Schema</a></nav>\n<div class=\"page\"><nav class=\"toc\" aria-label=\"On this page\"><details open>\
         <summary>On this page</summary>{}</details></nav>\n<main id=\"main\">{main}\n<footer>Coppice {}</footer></main></div></body></html>\n",
        list(contents),
        env!("CARGO_PKG_VERSION")
    );
    text
}

fn list(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut text = "<ul>".to_owned();
    for Entry { anchor, text: name, below } in entries {
        let _ = write!(text, "<li><a href=\"#{anchor}\">{}</a>{}</li>", escape(name), list(below));
    }
    text + "</ul>"
}

/// The contents of hand-written HTML, from its headings `<h2 id="...">`.
pub(super) fn headings(html: &str) -> Vec<Entry> {
    html.split("<h2 id=\"")
        .skip(1)
        .filter_map(|rest| {
            let (anchor, rest) = rest.split_once("\">")?;
            let (title, _) = rest.split_once("</h2>")?;
            Some(Entry::new(anchor, title))
        })
        .collect()
}

/// A description: text, in which names in backquotes and in capitals stay as they are.
pub(super) fn prose(text: &str) -> String {
    text.split('`').enumerate().fold(String::new(), |mut html, (place, part)| {
        let part = escape(part);
        let _ = if place % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
        html
    })
}

/// A program to be copied; `name` is unique on the page, and `language` is what it is run with.
pub(super) fn program(name: &str, language: &str, label: &str, text: &str) -> String {
    format!(
        "<pre class=\"{language}\" id=\"{name}-{language}\" tabindex=\"0\" aria-label=\"{label}\"><code>{}</code></pre>\n",
        escape(text)
    )
}

/// The choice of a language for all programs of a page.
pub(super) const CHOICE: &str = "<fieldset class=\"choice\"><legend>Show the examples in</legend>\
    <input type=\"radio\" name=\"language\" id=\"curl\" checked><label for=\"curl\">curl</label>\
    <input type=\"radio\" name=\"language\" id=\"javascript\"><label for=\"javascript\">JavaScript</label>\
    <input type=\"radio\" name=\"language\" id=\"python\"><label for=\"python\">Python</label></fieldset>\n";
