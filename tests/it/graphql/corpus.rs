//! The verdicts of graphql-js, as `node tests/clients/corpus/verdicts.js` wrote them, are ours.

use async_graphql::{Request, Variables};
use coppice::graphql::{Asker, Code, error_code};
use serde_json::Value;

use super::api::Api;

#[tokio::test]
async fn requests_are_valid_where_graphql_js_says_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/corpus/verdicts.json");
    let corpus: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(corpus.len() > 300);
    let api = Api::start().await;
    let mut disagreements = Vec::new();
    for case in &corpus {
        let mut request = Request::new(case["query"].as_str().unwrap());
        request.operation_name = case["operationName"].as_str().map(str::to_owned);
        request.variables = Variables::from_json(case["variables"].clone());
        let refused = match api.schema.admit(&mut request, &Asker::default()) {
            Ok(()) => None,
            Err(errors) => {
                // What is refused here for another reason has no verdict.
                assert!(errors.iter().all(|error| error_code(error) == Code::GraphqlValidationFailed), "{case}: {errors:?}");
                assert!(errors.iter().all(|error| !error.message.contains('\n')), "{errors:?}");
                Some(errors[0].message.clone())
            }
        };
        // Where we differ, the corpus says why; what has become alike should not say so any more.
        let expected = case["valid"].as_bool().unwrap() != case["different"].is_string();
        if refused.is_none() != expected {
            disagreements.push(format!("{}: {} / {}", case["name"], refused.unwrap_or("accepted".into()), case["reason"]));
        }
    }
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}
