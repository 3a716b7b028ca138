//! Answers read from borrowed bytes; a field that does not fit is named by its path in our own contract.

use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Deserializer, de};

use super::fault::Misfit;
use crate::clock::{Instant, from_millis};

/// Longest id or name kept, in characters.
const LONGEST: usize = 200;

/// Reads an answer. Only a misfit pays for finding its path.
pub(in crate::connector) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Misfit> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    // Checked once for the whole body, where the reader of bytes checks string by string.
    let read = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Eof if !body.is_empty() => Misfit::Cut,
        serde_json::error::Category::Data => Misfit::Field(path::<T>(body)),
        _ => Misfit::Field("the body is not JSON".to_owned()),
    })
}

/// The path of the field that does not fit; made of names of our contract and places in lists, since unknown fields are never looked into.
fn path<'a, T: Deserialize<'a>>(body: &'a [u8]) -> String {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else { return "the body".to_owned() };
    let message = error.inner().to_string();
    // The only messages quoted are those that name a field of ours.
    let about = ["missing field", "duplicate field"].into_iter().find(|about| message.starts_with(about));
    if message.starts_with("negative") {
        return format!("{} is negative", error.path());
    }
    let field = about.and_then(|_| message.split('`').nth(1)).unwrap_or_default();
    match (about, error.path().to_string()) {
        (Some(about), path) if path == "." => format!("{about} {field}"),
        (Some(about), path) => format!("{about} {path}.{field}"),
        (None, path) if path == "." => "the body has another type".to_owned(),
        (None, path) => format!("{path} has another type"),
    }
}

/// For a field that must be there but may be null.
pub(in crate::connector) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer)
}

/// An ISO-8601 time; UTC unless it gives an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) struct IsoTime(pub(in crate::connector) Instant);

impl IsoTime {
    fn parse(text: &str) -> Option<Self> {
        let millis = match DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.timestamp_millis(),
            Err(_) => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?.and_utc().timestamp_millis(),
        };
        Some(Self(from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for IsoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = IsoTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<IsoTime, E> {
                IsoTime::parse(text).ok_or_else(|| E::custom("not a time"))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A number of sides or sheets: whole and not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) struct Count(pub(in crate::connector) i64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = i64::deserialize(deserializer)?;
        if count < 0 {
            return Err(de::Error::custom("negative"));
        }
        Ok(Self(count))
    }
}

/// A vendor's id as kept: opaque, 1 to 200 characters.
pub(in crate::connector) fn id(text: &str, field: &'static str) -> Result<String, Misfit> {
    if text.is_empty() || text.chars().nth(LONGEST).is_some() {
        return Err(Misfit::Field(format!("{field} is empty or too long")));
    }
    Ok(text.to_owned())
}

/// A vendor's name as kept: one line of at most 200 characters; `None` when nothing is left.
pub(in crate::connector) fn name(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        items: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        count: Count,
        #[serde(deserialize_with = "present")]
        seen: Option<IsoTime>,
    }

    fn misfit(body: &str) -> Misfit {
        json::<Outer>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn names_the_field_and_nothing_of_the_vendors_text() {
        for (body, path) in [
            (r#"{"items":[{"count":1,"seen":null},{"count":"hunter2","seen":null}]}"#, "items[1].count has another type"),
            (r#"{"items":[{"count":1.5,"seen":null}]}"#, "items[0].count has another type"),
            (r#"{"items":[{"count":99999999999999999999,"seen":null}]}"#, "items[0].count has another type"),
            (r#"{"items":[{"count":-1,"seen":null}]}"#, "items[0].count is negative"),
            (r#"{"items":[{"count":null,"seen":null}]}"#, "items[0].count has another type"),
            (r#"{"items":[{"count":1}]}"#, "missing field items[0].seen"),
            (r#"{"items":[{"count":1,"seen":"hunter2"}]}"#, "items[0].seen has another type"),
            (r#"{"hunter2":{"items":[]}}"#, "missing field items"),
            (r#"{"items":[],"items":[]}"#, "duplicate field items"),
            (r#""hunter2""#, "the body has another type"),
            ("<html>hunter2</html>", "the body is not JSON"),
            ("", "the body is not JSON"),
        ] {
            assert_eq!(misfit(body), Misfit::Field(path.to_owned()), "{body}");
        }
        assert_eq!(misfit(r#"{"items":[{"count":1,"se"#), Misfit::Cut);
        assert!(
            json::<Outer>("\u{feff}{\"items\":[],\"more\":[{}]}".as_bytes()).is_ok(),
            "a byte order mark and unknown fields"
        );
    }

    #[test]
    fn reads_times_with_and_without_offset() {
        let millis = |text: &str| IsoTime::parse(text).map(|time| time.0.to_rfc3339());
        for text in ["2026-03-02T04:11:09Z", "2026-03-02T05:11:09+01:00", "2026-03-02T04:11:09", "2026-03-02T04:11:09.0000000"]
        {
            assert_eq!(millis(text).as_deref(), Some("2026-03-02T04:11:09+00:00"), "{text}");
        }
        for text in ["", "2026-03-02", "02.03.2026 04:11", "2026-02-30T00:00:00Z", "yesterday"] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_ids_and_names() {
        assert_eq!(name(" Acme\nGmbH\u{7} ").as_deref(), Some("AcmeGmbH"));
        assert_eq!(name(" \t"), None);
        assert_eq!(name(&"ü".repeat(500)).map(|name| name.chars().count()), Some(200));
        assert!(id("", "x").is_err());
        assert!(id(&"a".repeat(201), "x").is_err());
        assert_eq!(id(" d/77 ", "x").as_deref(), Ok(" d/77 "), "opaque, so kept as it is");
    }
}
