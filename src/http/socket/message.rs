//! The messages of graphql-transport-ws.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::http::{operation::json, params::Params};

/// What a client says.
#[derive(Debug)]
pub(super) enum ClientMessage {
    Init(Map<String, Value>),
    Ping(Option<Value>),
    Pong,
    Subscribe { id: String, params: Params },
    Complete { id: String },
}

impl ClientMessage {
    /// Reads a message, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let Ok(Value::Object(mut map)) = serde_json::from_str(text) else {
            return Err("A message must be a JSON object");
        };
        let payload = map.remove("payload").filter(|payload| !payload.is_null());
        let object = |payload| match payload {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err("A payload must be an object"),
        };
        match map.get("type").and_then(Value::as_str) {
            Some("connection_init") => Ok(Self::Init(object(payload)?.unwrap_or_default())),
            Some("ping") => Ok(Self::Ping(object(payload)?.map(Value::Object))),
            Some("pong") => object(payload).map(|_| Self::Pong),
            Some("subscribe") => {
                let params = Params::from_value(payload.ok_or("A subscribe message must have a payload")?)?;
                Ok(Self::Subscribe { id: id(&map)?, params })
            }
            Some("complete") => Ok(Self::Complete { id: id(&map)? }),
            _ => Err("A message must have a type of graphql-transport-ws"),
        }
    }
}

fn id(map: &Map<String, Value>) -> Result<String, &'static str> {
    match map.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err("A message must have an id that is a string"),
    }
}

/// `connection_ack`.
pub(super) fn ack() -> String {
    json(&json!({ "type": "connection_ack" }))
}

/// `pong`, with what the ping brought.
pub(super) fn pong(payload: Option<&Value>) -> String {
    match payload {
        Some(payload) => json(&json!({ "type": "pong", "payload": payload })),
        None => json(&json!({ "type": "pong" })),
    }
}

/// `next`, `error` or `complete` of an operation.
#[derive(Serialize)]
pub(super) struct OfOperation<'a, P> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<P>,
}

/// `next` with a payload that is JSON already.
pub(super) fn next(id: &str, payload: &str) -> String {
    let id = json(&id);
    let mut text = String::with_capacity(id.len() + payload.len() + 40);
    for part in ["{\"id\":", &id, ",\"type\":\"next\",\"payload\":", payload, "}"] {
        text.push_str(part);
    }
    text
}

/// A close reason cut to what a close frame holds (RFC 6455, section 5.5: 125 bytes with the code).
pub(super) fn reason(text: &str) -> &str {
    &text[..text.floor_char_boundary(123)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_protocols_messages() {
        assert!(
            matches!(ClientMessage::parse(r#"{"type":"connection_init"}"#), Ok(ClientMessage::Init(map)) if map.is_empty())
        );
        assert!(matches!(ClientMessage::parse(r#"{"type":"ping","payload":null}"#), Ok(ClientMessage::Ping(None))));
        assert!(matches!(ClientMessage::parse(r#"{"type":"pong","payload":{}}"#), Ok(ClientMessage::Pong)));
        assert!(
            matches!(ClientMessage::parse(r#"{"type":"complete","id":"a"}"#), Ok(ClientMessage::Complete { id }) if id == "a")
        );
        let subscribe = r#"{"type":"subscribe","id":"a","payload":{"query":"{a}"}}"#;
        assert!(matches!(ClientMessage::parse(subscribe), Ok(ClientMessage::Subscribe { id, .. }) if id == "a"));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type":"start","id":"a","payload":{"query":"{a}"}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"subscribe","id":"a"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"a","payload":{"query":1}}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert!(ClientMessage::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_payload_is_put_in_as_it_is() {
        let whole = OfOperation { id: "a\"b", r#type: "next", payload: Some(json!({ "data": { "a": 1 } })) };
        assert_eq!(next("a\"b", r#"{"data":{"a":1}}"#), json(&whole));
    }

    #[test]
    fn a_reason_fits_its_frame() {
        assert_eq!(reason(&"é".repeat(100)).len(), 122);
        assert_eq!(reason("short"), "short");
    }
}
