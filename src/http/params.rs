//! The parameters of an operation, from a JSON body, a socket's message or a query string.

use async_graphql::{Request, Variables};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// A GraphQL request as the client wrote it.
#[derive(Debug)]
pub(super) struct Params {
    query: String,
    operation_name: Option<String>,
    variables: Map<String, Value>,
    extensions: Map<String, Value>,
    /// The trusted document it asks for.
    pub(super) document_id: Option<String>,
}

/// Why parameters cannot be read, for the client.
pub(super) type Wrong = &'static str;

impl Params {
    /// Reads a request body.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, Wrong> {
        let value = serde_json::from_slice(body).map_err(|_| "The body is not valid JSON.")?;
        Self::from_value(value)
    }

    /// Reads a JSON value.
    pub(super) fn from_value(value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Self::from_map(map),
            Value::Array(_) => Err("Batches are not supported; send one operation per request."),
            _ => Err("The body is not a JSON object."),
        }
    }

    /// Reads a query string; `variables` and `extensions` are JSON text in it, and an empty value counts as none.
    pub(super) fn from_query(query: &str) -> Result<Self, Wrong> {
        let mut map = Map::new();
        for (key, text) in form_urlencoded::parse(query.as_bytes()) {
            let value = match &*key {
                _ if text.is_empty() => continue,
                "query" | "operationName" | "documentId" => Value::String(text.into_owned()),
                "variables" | "extensions" => {
                    serde_json::from_str(&text).map_err(|_| "`variables` and `extensions` must be valid JSON.")?
                }
                _ => continue,
            };
            if map.insert(key.into_owned(), value).is_some() {
                return Err("A parameter is given twice.");
            }
        }
        Self::from_map(map)
    }

    fn from_map(mut map: Map<String, Value>) -> Result<Self, Wrong> {
        let document_id = text(&mut map, "documentId", "`documentId` must be a string.")?;
        let query = text(&mut map, "query", "`query` must be a string.")?;
        if query.is_none() && document_id.is_none() {
            return Err("`query` is missing.");
        }
        Ok(Self {
            query: query.unwrap_or_default(),
            operation_name: text(&mut map, "operationName", "`operationName` must be a string.")?,
            variables: object(&mut map, "variables", "`variables` must be an object.")?,
            extensions: object(&mut map, "extensions", "`extensions` must be an object.")?,
            document_id,
        })
    }

    /// For the engine.
    pub(super) fn into_request(self) -> Result<Request, Wrong> {
        let mut request = Request::new(self.query).variables(Variables::from_json(Value::Object(self.variables)));
        request.operation_name = self.operation_name;
        request.extensions =
            serde_json::from_value(Value::Object(self.extensions)).map_err(|_| "`extensions` cannot be read.")?;
        Ok(request)
    }
}

fn text(map: &mut Map<String, Value>, key: &str, wrong: Wrong) -> Result<Option<String>, Wrong> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong),
    }
}

fn object(map: &mut Map<String, Value>, key: &str, wrong: Wrong) -> Result<Map<String, Value>, Wrong> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_query_string() {
        let params = Params::from_query("query=%7Ba%7D&operationName=&variables=%7B%22n%22%3A1%7D&other=1").unwrap();
        assert_eq!(params.query, "{a}");
        assert_eq!(params.operation_name, None);
        assert_eq!(params.variables["n"], 1);
    }

    #[test]
    fn says_what_is_wrong() {
        for (query, expected) in [
            ("", "`query` is missing."),
            ("query=a&query=b", "A parameter is given twice."),
            ("query=a&variables=%7B", "`variables` and `extensions` must be valid JSON."),
            ("query=a&variables=%5B%5D", "`variables` must be an object."),
        ] {
            assert_eq!(Params::from_query(query).unwrap_err(), expected, "{query}");
        }
        for (body, expected) in [
            ("", "The body is not valid JSON."),
            ("[]", "Batches are not supported; send one operation per request."),
            ("1", "The body is not a JSON object."),
            (r#"{"query":["a"]}"#, "`query` must be a string."),
            (r#"{"query":"a","operationName":1}"#, "`operationName` must be a string."),
            (r#"{"query":"a","extensions":"x"}"#, "`extensions` must be an object."),
        ] {
            assert_eq!(Params::from_json(body.as_bytes()).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn a_trusted_document_needs_no_text() {
        let params = Params::from_json(br#"{"documentId":"sha256:1"}"#).unwrap();
        assert_eq!(params.document_id.as_deref(), Some("sha256:1"));
    }
}
