//! Answers of status 200 that do not fit the contract.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::fault::Misfit;

/// A page such as a proxy in between makes.
pub(super) const HTML: &str = "<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>";

/// Required fields of some answer, renamed or mistyped.
const FIELDS: [&str; 8] = ["smallPageCount", "counters", "items", "access_token", "Mono", "Devices", "product", "Result"];

/// Numbers of pages.
const NUMBERS: [&str; 4] = ["smallPageCount", "lifecountA4", "totalPages", "Mono"];

/// `right`, made to not fit.
pub(super) fn response(misfit: Misfit, right: &str) -> Response {
    let json = |body: String| ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    let mut value: Value = serde_json::from_str(right).unwrap_or_default();
    match misfit {
        Misfit::Html => return ([(header::CONTENT_TYPE, "text/html")], HTML).into_response(),
        Misfit::Empty => return json("{}".into()),
        Misfit::MissingField => edit_first(&mut value, &FIELDS, |object, name| {
            if let Some(old) = object.remove(name) {
                object.insert(format!("{name}V2"), old);
            }
        }),
        Misfit::WrongType => edit_first(&mut value, &FIELDS, |object, name| {
            object.insert(name.into(), Value::from(if NUMBERS.contains(&name) { "many" } else { "other" }));
        }),
        Misfit::Negative => edit_all(&mut value, &NUMBERS, &|object, name| {
            object.insert(name.into(), Value::from(-1));
        }),
    }
    json(value.to_string())
}

type Object = serde_json::Map<String, Value>;

/// Edits the first of `names` that is found anywhere, everywhere it is found.
fn edit_first(value: &mut Value, names: &[&'static str], edit: impl Fn(&mut Object, &'static str)) {
    let text = value.to_string();
    if let Some(name) = names.iter().find(|name| text.contains(&format!("\"{name}\":"))) {
        edit_all(value, &[*name], &edit);
    }
}

fn edit_all(value: &mut Value, names: &[&'static str], edit: &dyn Fn(&mut Object, &'static str)) {
    match value {
        Value::Object(object) => {
            for name in names {
                if object.contains_key(*name) {
                    edit(object, name);
                }
            }
            object.values_mut().for_each(|value| edit_all(value, names, edit));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| edit_all(value, names, edit)),
        _ => {}
    }
}
