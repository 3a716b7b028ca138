//! Answers as JSON. What is to be sent is written while it is resolved: an object's fields are text as soon as the last of them is known,
//! and the tree of values, of which a dashboard has some 1,500, is never built.
//!
//! A part that is written stands in the engine's values as [`Value::Binary`], which no type of the schema gives. Without a [`Writing`] in a
//! request all is values, as the engine has it.

use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_graphql::{Name, Number, Value};

/// Has a request's objects written, and counts what is in them.
#[derive(Debug, Default)]
pub(super) struct Writing(AtomicUsize);

impl Writing {
    /// Adds the points of fields that are written.
    pub(super) fn count(&self, points: usize) {
        self.0.fetch_add(points, Ordering::Relaxed);
    }

    /// The points of all fields written so far.
    pub(super) fn points(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// An object, written.
pub(super) fn object<'a>(fields: impl Iterator<Item = (&'a Name, &'a Value)> + Clone) -> Value {
    let mut out = Vec::with_capacity(object_length(fields.clone()));
    write_object(&mut out, fields);
    Value::Binary(out.into())
}

/// A list, written.
pub(super) fn list(values: &[Value]) -> Value {
    let mut out = Vec::with_capacity(list_length(values));
    write_list(&mut out, values);
    Value::Binary(out.into())
}

/// Writes a value, parts of which may be written already.
pub fn write_json(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        // Writing to memory cannot fail.
        Value::Number(number) => _ = write!(out, "{number}"),
        Value::String(text) => write_text(out, text),
        Value::Enum(name) => quote(out, name),
        Value::Binary(written) => out.extend_from_slice(written),
        Value::List(values) => write_list(out, values),
        Value::Object(object) => write_object(out, object.iter()),
    }
}

/// The value that a written part was.
pub(super) fn read(value: Value) -> Value {
    match value {
        Value::Binary(written) => serde_json::from_slice(&written).unwrap_or_default(),
        value => value,
    }
}

fn write_object<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = (&'a Name, &'a Value)>) {
    out.push(b'{');
    for (place, (name, value)) in fields.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        quote(out, name);
        out.push(b':');
        write_json(out, value);
    }
    out.push(b'}');
}

fn write_list(out: &mut Vec<u8>, values: &[Value]) {
    out.push(b'[');
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_json(out, value);
    }
    out.push(b']');
}

/// Text in quotes that needs no escapes, like the names of the schema.
fn quote(out: &mut Vec<u8>, plain: &str) {
    out.push(b'"');
    out.extend_from_slice(plain.as_bytes());
    out.push(b'"');
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Over all bytes without a way out: many at a time.
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |any, byte| any | special(byte)) {
        // Serialising text cannot fail.
        out.extend_from_slice(serde_json::to_string(text).unwrap_or_default().as_bytes());
    } else {
        quote(out, text);
    }
}

/// How long a value is as JSON: exact, so that nothing is moved or left over, but for text that needs escapes and for fractions.
fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Boolean(true) => 4,
        Value::Boolean(false) => 5,
        Value::Number(number) => number_length(number),
        Value::String(text) => text.len() + 2,
        Value::Enum(name) => name.len() + 2,
        Value::Binary(written) => written.len(),
        Value::List(values) => list_length(values),
        Value::Object(object) => object_length(object.iter()),
    }
}

fn object_length<'a>(fields: impl Iterator<Item = (&'a Name, &'a Value)>) -> usize {
    enclosed(fields.map(|(name, value)| name.len() + 3 + length(value)))
}

fn list_length(values: &[Value]) -> usize {
    enclosed(values.iter().map(length))
}

/// The length of parts with a comma after each but the last, and a bracket at either end.
fn enclosed(parts: impl Iterator<Item = usize>) -> usize {
    parts.map(|part| part + 1).sum::<usize>().max(1) + 1
}

fn number_length(number: &Number) -> usize {
    let digits = |number: u64| number.checked_ilog10().map_or(1, |tens| tens as usize + 1);
    match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => digits(positive),
        (_, Some(negative)) => 1 + digits(negative.unsigned_abs()),
        (None, None) => 24,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, indexmap::IndexMap};
    use proptest::prelude::*;

    use super::*;

    fn json(value: &Value) -> String {
        let mut out = Vec::new();
        write_json(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("a number of JSON", |number| serde_json::Number::from_f64(number).map(Value::Number)),
            any::<String>().prop_map(Value::from),
            "[A-Z_]{1,9}".prop_map(|name| Value::Enum(Name::new(name))),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let fields = proptest::collection::vec(("[a-z_]{1,6}", inner.clone()), 0..6);
            let object =
                |fields: Vec<(String, Value)>| fields.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
            prop_oneof![
                proptest::collection::vec(inner, 0..6).prop_map(Value::List),
                fields.prop_map(move |fields| Value::Object(object(fields))),
            ]
        })
    }

    /// The same with every second object and list written.
    fn partly_written(value: Value, depth: usize) -> Value {
        match value {
            Value::List(values) => {
                let values: Vec<Value> = values.into_iter().map(|value| partly_written(value, depth + 1)).collect();
                if depth.is_multiple_of(2) { list(&values) } else { Value::List(values) }
            }
            Value::Object(fields) => {
                let fields: IndexMap<Name, Value> =
                    fields.into_iter().map(|(name, value)| (name, partly_written(value, depth + 1))).collect();
                if depth.is_multiple_of(2) { object(fields.iter()) } else { Value::Object(fields) }
            }
            value => value,
        }
    }

    /// Whether there are neither escapes nor fractions in it.
    fn is_plain(value: &Value) -> bool {
        match value {
            Value::Number(number) => !number.is_f64(),
            Value::String(text) => !text.chars().any(|letter| letter < ' ' || matches!(letter, '"' | '\\')),
            Value::List(values) => values.iter().all(is_plain),
            Value::Object(fields) => fields.values().all(is_plain),
            _ => true,
        }
    }

    proptest! {
        #[test]
        fn written_is_what_the_values_are(value in value(), depth in 0_usize..2) {
            let expected = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(json(&value), &*expected);
            if is_plain(&value) {
                prop_assert_eq!(length(&value), expected.len());
            }
            prop_assert_eq!(json(&partly_written(value, depth)), expected);
        }
    }
}
