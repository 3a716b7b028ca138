//! The kinds of values. Each is read from text, since the environment has nothing else; numbers and booleans of a TOML file
//! go through their text as well, so that both are read alike.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use chrono::{NaiveDate, NaiveTime};
use figment::value::Value;
use ipnet::IpNet;
use url::Url;

use crate::secret::Secret;

/// A value that one key can hold.
pub(super) trait Leaf: Sized {
    /// What a value looks like, to end the sentence "must be".
    fn wanted() -> String;
    /// The value; `None` when it is not one.
    fn read(value: &Value) -> Option<Self>;
    /// The value as TOML, for defaults only; `None` when there is none.
    fn show(&self) -> Option<toml::Value>;
}

/// The text of a value that is not a list or a table.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.trim().to_owned()),
        Value::Char(_, char) => Some(char.to_string()),
        Value::Bool(_, bool) => Some(bool.to_string()),
        Value::Num(..) => value.to_i128().map(|n| n.to_string()).or_else(|| value.to_u128().map(|n| n.to_string())),
        // A TOML date or time without quotes arrives as a table with one entry.
        Value::Dict(_, dict) => match dict.iter().next() {
            Some((key, Value::String(_, text))) if key.starts_with("$__toml_private") => Some(text.clone()),
            _ => None,
        },
        Value::Empty(..) | Value::Array(..) => None,
    }
}

/// A kind that is written as text in TOML and read by a function from text.
macro_rules! leaf {
    ($type:ty, $wanted:expr, $read:expr, $show:expr) => {
        impl Leaf for $type {
            fn wanted() -> String {
                String::from($wanted)
            }

            fn read(value: &Value) -> Option<Self> {
                let read: fn(&str) -> Option<$type> = $read;
                read(&text(value)?)
            }

            fn show(&self) -> Option<toml::Value> {
                let show: fn(&$type) -> toml::Value = $show;
                Some(show(self))
            }
        }
    };
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn shown<T: ToString>(value: &T) -> toml::Value {
    toml::Value::String(value.to_string())
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

leaf!(bool, "true or false", parsed, |value| toml::Value::Boolean(*value));
leaf!(u16, "a whole number from 0 to 65535", parsed, |value| i64::from(*value).into());
leaf!(u32, "a whole number from 0 to 4294967295", parsed, |value| i64::from(*value).into());
leaf!(String, "text that is not empty", filled, shown);
leaf!(PathBuf, "a path", |text| filled(text).map(PathBuf::from), |value| toml::Value::String(value.display().to_string()));
leaf!(SocketAddr, "an address and a port like 127.0.0.1:8080 or [::1]:8080", parsed, shown);
leaf!(Url, "a URL like https://coppice.example", parsed, shown);
leaf!(NaiveDate, "a day like 2026-12-25", parsed, shown);
leaf!(NaiveTime, "a time of day like 03:30", time, |value| toml::Value::String(value.format("%H:%M").to_string()));
leaf!(Duration, "a duration like 500ms, 30s, 15m, 2h or 1d", duration, duration_text);
leaf!(Secret, "text that is not empty", |text| filled(text).map(Secret::from), |value| shown(&value.expose()));
leaf!(
    IpNet,
    "a network like 10.0.0.0/8 or one address",
    |text| parsed(text).or_else(|| parsed::<std::net::IpAddr>(text).map(IpNet::from)),
    shown
);

/// Absent, or said to be by empty text.
impl<T: Leaf> Leaf for Option<T> {
    fn wanted() -> String {
        T::wanted()
    }

    fn read(value: &Value) -> Option<Self> {
        if value.as_str() == Some("") { Some(None) } else { T::read(value).map(Some) }
    }

    fn show(&self) -> Option<toml::Value> {
        self.as_ref().and_then(T::show)
    }
}

/// An array; or text that holds one, or holds values with commas between.
impl<T: Leaf> Leaf for Vec<T> {
    fn wanted() -> String {
        format!("a list, each value {}", T::wanted())
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_, values) => values.iter().map(T::read).collect(),
            Value::String(_, text) if text.trim_start().starts_with('[') => {
                let mut table: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
                let list = table.remove("list").filter(|_| table.is_empty())?;
                Self::read(&Value::serialize(list).ok()?)
            }
            Value::String(_, text) => {
                let values = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                values.map(|text| T::read(&Value::from(text))).collect()
            }
            other => Some(vec![T::read(other)?]),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        self.iter().map(T::show).collect::<Option<Vec<_>>>().map(toml::Value::Array)
    }
}

fn time(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" => "s",
        unit => unit,
    };
    let millis = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

fn duration_text(value: &Duration) -> toml::Value {
    let millis = value.as_millis();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| millis >= u128::from(*size) && millis.is_multiple_of(u128::from(*size)))
        .unwrap_or(("s", 1000));
    toml::Value::String(format!("{}{unit}", millis / u128::from(size)))
}

/// Declares a value that is one of a few words.
macro_rules! choice {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $crate::config::leaf::Leaf for $name {
            fn wanted() -> String {
                format!("one of {}", [$(concat!("`", $word, "`")),+].join(", "))
            }

            fn read(value: &figment::value::Value) -> Option<Self> {
                match value.as_str()?.trim() { $($word => Some(Self::$variant),)+ _ => None }
            }

            fn show(&self) -> Option<toml::Value> {
                Some(match self { $(Self::$variant => $word.into(),)+ })
            }
        }
    };
}
pub(super) use choice;
