//! The page of error codes, from the tables that the answers are made by.

use std::fmt::Write as _;

use super::{
    layout::{Entry, page, prose},
    reference::{Reference, value_list},
};
use crate::{
    graphql::Code,
    http::{accept::Media, operation::status_of},
};

pub(super) fn errors(reference: &Reference) -> String {
    let mut rows = String::new();
    for code in Code::ALL {
        let name = code.as_str();
        let _ = writeln!(
            rows,
            "<tr id=\"{name}\"><th scope=\"row\"><code>{name}</code></th><td>{}</td><td>{}</td></tr>",
            status_of(code, Media::GraphqlResponse).as_u16(),
            prose(code.meaning())
        );
    }
    let list = |name: &str| reference.values(name).map(|values| value_list(name, values)).unwrap_or_default();
    let main = format!(
        "<h1>Errors</h1>\n\
         <p>Three kinds of things go wrong: a request as a whole, what a mutation was asked to do, and what vendors' servers do. The \
         <a href=\"index.html#errors\">guide</a> tells where each is found.</p>\n\
         <h2 id=\"codes\">Codes in errors</h2>\n\
         <p>In <code>extensions.code</code> of each of the answer's <code>errors</code>. The list is closed. The status is that of an answer in \
         <code>application/graphql-response+json</code> where nothing was run; where a single field failed it is 200, and the error has \
         the field's <code>path</code>. In <code>application/json</code> what has 400 here has 200.</p>\n\
         <table><thead><tr><th scope=\"col\">Code</th><th scope=\"col\">Status</th><th scope=\"col\">What it means, and what to do</th></tr></thead>\
         <tbody>\n{rows}</tbody></table>\n\
         <h2 id=\"user-errors\">Codes in userErrors</h2>\n\
         <p>In <code>userErrors</code> of a mutation's payload, each with the path of the input's field and a message for people. New \
         ones may come: treat one that you do not know as <code>INVALID</code>.</p>\n{}\
         <h2 id=\"failures\">Why servers, feeds and runs fail</h2>\n\
         <p>In <code>reason</code> of <code>Health</code>, <code>SyncError</code> and <code>TestServerConnectionPayload</code>, with a \
         message that says what to do. These are answers, not errors of the request.</p>\n{}",
        list("UserErrorCode"),
        list("FailureReason")
    );
    let contents = [
        Entry::new("codes", "Codes in errors"),
        Entry::new("user-errors", "Codes in userErrors"),
        Entry::new("failures", "Why servers, feeds and runs fail"),
    ];
    page("errors.html", &contents, &main)
}
