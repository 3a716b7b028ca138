//! What needs no database: the edge, the limits, and the fields that need no sign-in.

use async_graphql::{Request, Response, Variables};
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;

/// The schema without use cases: enough for what never reaches them.
fn schema() -> CoppiceSchema {
    gated(builder(), GateSettings::default(), Arc::new(ManualClock::default()))
}

async fn execute(request: impl Into<Request>) -> Response {
    let request = request.into().data(Caller(None)).data(RequestId("req-1".to_owned()));
    schema().execute(request).await
}

async fn data(query: &str) -> Value {
    let response = execute(query).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    response.data.into_json().unwrap()
}

/// The codes of an answer's errors, each of which must carry the request's id and no cause.
fn codes(response: &Response) -> Vec<&'static str> {
    let code = |error: &async_graphql::ServerError| {
        let id = error.extensions.as_ref().and_then(|values| values.get("requestId")).cloned();
        assert_eq!(id, Some("req-1".into()), "{error:?}");
        assert!(error.source.is_none());
        error_code(error).as_str()
    };
    response.errors.iter().map(code).collect()
}

async fn refused(query: &str) -> (String, &'static str) {
    let response = execute(query).await;
    assert_eq!(response.errors.len(), 1, "{query}: {response:?}");
    assert_eq!(response.data, async_graphql::Value::Null, "{query}");
    (response.errors[0].message.clone(), codes(&response)[0])
}

#[tokio::test]
async fn estimate_gives_the_published_figures() {
    let query = r#"{ estimate(rate: "0.0003", items: [
        { quantity: 20000, width: "0.2127", height: "0.2762", gsm: "216" }
        { quantity: 400000, width: "0.2127", height: "0.2762", gsm: "89.0" }
    ]) { standardPages trees price methodologyVersion } one: estimate(items: [{ quantity: 1 }]) { standardPages price } }"#;
    let answer = data(query).await;
    let pages: f64 = answer["estimate"]["standardPages"].as_str().unwrap().parse().unwrap();
    assert_eq!(format!("{pages:.0}"), "525377");
    assert_eq!(answer["estimate"]["trees"], "63.048");
    assert_eq!(answer["estimate"]["price"], "157.61");
    assert_eq!(answer["one"], json!({ "standardPages": "1.000", "price": null }));
}

#[tokio::test]
async fn a_number_out_of_range_is_refused_before_anything_runs() {
    let quantity = "estimate: the quantity must be a whole number from 1 to 1000000000000.";
    let (message, code) = refused(r"{ estimate(items: [{ quantity: 0 }]) { trees } methodology { version } }").await;
    assert_eq!((message.as_str(), code), (quantity, "BAD_REQUEST"));
    let (message, _) = refused(r"query ($n: Long! = 0) { estimate(items: [{ quantity: $n }]) { trees } }").await;
    assert_eq!(message, quantity);
    let (message, _) = refused(r#"{ estimate(items: [{ quantity: 1 }], rate: "-1") { price } }"#).await;
    assert_eq!(message, "estimate: the rate is below 0, or the price too large.");
}

#[tokio::test]
async fn methodology_is_found_by_number() {
    let answer =
        data("{ methodology(version: 1) { pagesPerTree publishedAt } none: methodology(version: 99) { version } }").await;
    assert_eq!(
        answer,
        json!({ "methodology": { "pagesPerTree": 8333, "publishedAt": "2026-01-01T00:00:00.000Z" }, "none": null })
    );
}

#[tokio::test]
async fn without_sign_in_nothing_else_is_answered() {
    assert_eq!(data("{ viewer { permission } }").await, json!({ "viewer": null }));
    for query in [
        "{ vendors { kind } }",
        "{ accounts { nodes { id } } }",
        "mutation { cancelSync(input: { runId: \"x\" }) { userErrors { code } } }",
    ] {
        assert_eq!(refused(query).await.1, "UNAUTHENTICATED", "{query}");
    }
    let response = execute("{ account(id: \"x\") { id } node(id: \"x\") { id } methodology { version } }").await;
    assert_eq!(codes(&response), ["UNAUTHENTICATED", "UNAUTHENTICATED"]);
    assert_eq!(response.data.into_json().unwrap(), json!({ "account": null, "node": null, "methodology": { "version": 1 } }));
}

#[tokio::test]
async fn a_subscription_needs_sign_in_too() {
    use async_graphql::futures_util::StreamExt as _;
    for query in [
        "subscription { syncProgress { cursor } }",
        // One stream, however the field is written.
        "subscription { syncProgress { cursor } syncProgress { status } }",
        "subscription { ...A ... on Subscription { syncProgress { status } } } fragment A on Subscription { syncProgress { cursor } }",
    ] {
        let request = Request::new(query).data(Caller(None)).data(RequestId("req-1".to_owned()));
        let responses: Vec<Response> = schema().execute_stream(request).collect().await;
        assert_eq!(responses.len(), 1, "{query}");
        assert_eq!(codes(&responses[0]), ["UNAUTHENTICATED"]);
    }
}

#[tokio::test]
async fn what_does_not_parse_or_fit_is_refused_with_one_line() {
    // One mistake is one error: that nothing else is selected is none of its own.
    let (message, _) = refused("{ methodology { nope } }").await;
    assert!(message.contains("does not have a field `nope`"), "{message}");
    let (message, code) = refused("{ methodology { version }").await;
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
    assert!(message.starts_with("Syntax error: ") && !message.contains('\n'), "{message}");
    for query in [
        "{ nothing }",
        "{ methodology(version: \"1\") { version } }",
        "query ($n: Long!) { estimate(items: [{ quantity: $n }]) { trees } other }",
        "{ consumption(accountId: \"x\", from: \"2026-02-30\", to: \"2026-03-01\") { from } }",
        "{ ...A } fragment A on Query { ...A }",
    ] {
        assert_eq!(refused(query).await.1, "GRAPHQL_VALIDATION_FAILED", "{query}");
    }
}

#[tokio::test]
async fn page_sizes_are_judged_before_anything_runs() {
    for (arguments, message) in [
        ("first: 0", "first must be from 1 to 100."),
        ("first: 101", "first must be from 1 to 100."),
        ("last: -1", "last must be from 1 to 100."),
        ("first: 1, last: 1", "first and last cannot be given together."),
    ] {
        assert_eq!(
            refused(&format!("{{ accounts({arguments}) {{ nodes {{ id }} }} }}")).await,
            (message.to_owned(), "BAD_REQUEST")
        );
    }
    let query = "query ($n: Int = 500) { feeds(first: $n) { nodes { id } } }";
    assert_eq!(refused(query).await.1, "BAD_REQUEST");
    let given = Request::new(query).variables(Variables::from_json(json!({ "n": 100 })));
    assert_eq!(codes(&execute(given).await), ["UNAUTHENTICATED"]);
    let ids = vec!["\"x\""; 101].join(",");
    assert_eq!(refused(&format!("{{ nodes(ids: [{ids}]) {{ id }} }}")).await.1, "BAD_REQUEST");
}

#[tokio::test]
async fn cursors_and_spans_are_judged_before_anything_runs() {
    for field in [
        r#"accounts(after: "x") { nodes { id } }"#,
        r#"feeds(last: 1, before: "") { nodes { id } }"#,
        r#"accounts(after: "e30") { nodes { id } }"#,
        r#"account(id: "x") { certificates { nodes { deposits(after: "12") { nodes { id } } } } }"#,
    ] {
        let (message, code) = refused(&format!("{{ {field} }}")).await;
        assert!(code == "BAD_REQUEST" && message.contains("is no cursor"), "{field}: {message}");
    }
    for field in
        [r#"syncProgress(runId: "x", after: "x") { cursor }"#, r#"healthChanged(accountId: "x", after: "12") { cursor }"#]
    {
        assert_eq!(refused(&format!("subscription {{ {field} }}")).await.1, "BAD_REQUEST", "{field}");
    }
    let with = |query: &str, variables: Value| Request::new(query).variables(Variables::from_json(variables));
    // Whether it is one of the list shows later; nobody is signed in.
    let after = |cursor: &str| with("query ($c: String) { accounts(after: $c) { nodes { id } } }", json!({ "c": cursor }));
    assert_eq!(codes(&execute(after("WyJmZWVkLm5hbWUiLFtdXQ")).await), ["UNAUTHENTICATED"]);
    assert_eq!(codes(&execute(after("feed 12")).await), ["BAD_REQUEST"]);
    let points = |to: &str, interval: &str| {
        let query = r#"query ($to: Date!, $by: Interval!) { consumption(accountId: "x", from: "2023-01-01", to: $to, interval: $by) { from } }"#;
        with(query, json!({ "to": to, "by": interval }))
    };
    let response = execute(points("2026-01-05", "DAY")).await;
    assert_eq!((codes(&response), &response.data), (vec!["TOO_COMPLEX"], &async_graphql::Value::Null));
    assert!(response.errors[0].path.is_empty());
    for (to, interval) in [("2026-01-04", "DAY"), ("2043-12-31", "WEEK"), ("2022-01-01", "DAY")] {
        assert_eq!(codes(&execute(points(to, interval)).await), ["UNAUTHENTICATED"], "{to}");
    }
}

#[tokio::test]
async fn a_field_is_asked_for_twenty_times_at_most() {
    let renamed =
        |from: u32, to: u32| (from..to).map(|n| format!("m{n}: methodology {{ version }}")).collect::<Vec<_>>().join(" ");
    let same = |times: usize| "methodology { version } ".repeat(times);
    let spread = |first: u32, second: u32| {
        let (a, b) = (renamed(0, first), renamed(100, 100 + second));
        format!("{{ ...A ...B }} fragment A on Query {{ {a} }} fragment B on Query {{ {b} }}")
    };
    // What components ask for, each in a fragment of its own.
    let component = |n: usize| format!("fragment F{n} on Query {{ {} }}", same(1));
    let spreads = (0..25).map(|n| format!("...F{n}")).collect::<Vec<_>>().join(" ");
    let components = format!("{{ {spreads} }} {}", (0..25).map(component).collect::<Vec<_>>().join(" "));
    for query in [
        format!("{{ {} }}", renamed(0, 20)),
        format!("{{ {} }}", same(20)),
        spread(10, 10),
        format!("{{ {} ... on Query {{ {} }} }}", same(11), same(10)),
        components,
    ] {
        let response = execute(query.as_str()).await;
        assert!(response.errors.is_empty(), "{query}: {:?}", response.errors);
    }
    for query in [
        format!("{{ {} }}", renamed(0, 21)),
        format!("{{ {} }}", same(21)),
        spread(11, 10),
        format!("{{ {} ... {{ {} }} }}", renamed(0, 11), renamed(20, 30)),
        format!("{{ {} ... {{ {} }} }}", same(11), same(10)),
        format!("{{ viewer {{ {} }} }}", (0..21).map(|n| format!("a{n}: permission")).collect::<Vec<_>>().join(" ")),
    ] {
        let (message, code) = refused(&query).await;
        assert!(code == "TOO_COMPLEX" && message.contains("more than 20 times"), "{query}: {message}");
    }
}

#[tokio::test]
async fn large_documents_are_refused() {
    let deep = format!("{{ accounts {{ nodes {{ {} id {} }} }} }}", "parent { ".repeat(13), "} ".repeat(13));
    let aliases = (0..101).map(|n| format!("a{n}: id")).collect::<Vec<_>>();
    let aliases = aliases.chunks(20).zip(["account", "feed", "server", "syncRun", "certificate", "node"]);
    let aliases = aliases.map(|(some, of)| format!(r#"{of}(id: "x") {{ {} }}"#, some.join(" "))).collect::<Vec<_>>().join(" ");
    let members = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    let costly =
        "{ accounts(first: 100) { nodes { children(first: 100) { nodes { children(first: 100) { nodes { id } } } } } } }";
    let by_variable = costly.replacen('{', "query ($n: Int = 100) {", 1).replace("100) { nodes", "$n) { nodes");
    let directives = format!("{{ methodology {} {{ version }} }}", "@include(if: true) ".repeat(9));
    for query in [deep, format!("{{ {aliases} }}"), members.to_owned(), costly.to_owned(), by_variable, directives] {
        assert_eq!(refused(&query).await.1, "TOO_COMPLEX", "{query}");
    }
}

#[tokio::test]
async fn a_fragment_bomb_is_refused() {
    let level = |n: u32| format!("fragment F{n} on Query {{ ...F{next} ...F{next} }}", next = n + 1);
    let levels = (0..30).map(level).collect::<Vec<_>>().join(" ");
    let query = format!("{{ ...F0 }} {levels} fragment F30 on Query {{ methodology {{ version }} }}");
    assert_eq!(refused(&query).await.1, "TOO_COMPLEX");
}

#[tokio::test]
async fn introspection_is_not_held_to_the_limits_of_data() {
    let reference = "kind name ofType { ".repeat(9);
    let query = format!(
        "{{ __schema {{ queryType {{ name }} types {{ kind name specifiedByURL isOneOf fields(includeDeprecated: true) {{ name args {{ name \
         type {{ {reference} name {} }} defaultValue }} type {{ {reference} name {} }} }} }} }} }}",
        "}".repeat(9),
        "}".repeat(9)
    );
    let answer = data(&query).await;
    let types = answer["__schema"]["types"].as_array().unwrap();
    assert!(types.iter().any(|ty| ty["name"] == "ServerCredentialsInput" && ty["isOneOf"] == true));
}
