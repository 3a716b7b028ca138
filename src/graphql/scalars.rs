//! The schema's own scalars. Each judges a value while the document is validated, so that a malformed one is refused before
//! anything runs.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, ID, InputValueError, InputValueResult, Number, OutputType, Positioned, Scalar, ScalarType,
    ServerResult, Value, parser::types::Field, registry::Registry,
};
use chrono::{Datelike as _, NaiveDate, NaiveTime, SecondsFormat, SubsecRound as _, Timelike as _};
use chrono_tz::Tz;

use crate::{
    clock::Instant,
    domain::{calendar, pages},
    id::PublicId,
};

/// Declares a scalar that is text outside and `$inner` inside.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident($inner:ty), $gql:literal, $url:literal, $read:expr, $write:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub $inner);

        $(#[$doc])*
        #[Scalar(name = $gql, specified_by_url = $url)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                let read: fn(&str) -> Option<$inner> = $read;
                let parsed = if let Value::String(text) = &value { read(text) } else { None };
                parsed.map(Self).ok_or_else(|| InputValueError::expected_type(value))
            }

            fn is_valid(value: &Value) -> bool {
                let read: fn(&str) -> Option<$inner> = $read;
                matches!(value, Value::String(text) if read(text).is_some())
            }

            fn to_value(&self) -> Value {
                let write: fn(&$inner) -> String = $write;
                Value::String(write(&self.0))
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }
    };
}

text_scalar!(
    /// An instant in UTC by RFC 3339 with three fraction digits, such as 2026-03-02T04:11:09.000Z.
    DateTime(Instant),
    "DateTime",
    "https://scalars.graphql.org/andimarek/date-time.html",
    |text| chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc().trunc_subsecs(3)),
    instant_text
);

text_scalar!(
    /// A calendar day, YYYY-MM-DD.
    Date(NaiveDate),
    "Date",
    "https://scalars.graphql.org/andimarek/local-date.html",
    |text| shaped(text, "dddd-dd-dd").then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten(),
    |day| day_text(*day)
);

text_scalar!(
    /// A calendar month, YYYY-MM.
    Month(calendar::Month),
    "Month",
    "https://html.spec.whatwg.org/multipage/common-microsyntaxes.html#months",
    |text| text.parse().ok(),
    ToString::to_string
);

text_scalar!(
    /// A time of day on a 24-hour clock, HH:MM.
    LocalTime(NaiveTime),
    "LocalTime",
    "https://html.spec.whatwg.org/multipage/common-microsyntaxes.html#times",
    |text| shaped(text, "dd:dd").then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten(),
    |time| time.format("%H:%M").to_string()
);

text_scalar!(
    /// An exact decimal number as a string, such as "14.82".
    Decimal(pages::Decimal),
    "Decimal",
    "https://www.w3.org/TR/xmlschema11-2/#decimal",
    |text| text.parse().ok(),
    |number| pages::format_fixed(number.digits(), number.scale())
);

text_scalar!(
    /// An absolute address; whether it must be https is judged where it is used, as a user error.
    Url(String),
    "URL",
    "https://url.spec.whatwg.org/",
    |text| url::Url::parse(text).is_ok().then(|| text.to_owned()),
    Clone::clone
);

text_scalar!(
    /// The name of a zone in the IANA time zone database, such as Europe/Berlin.
    TimeZone(Tz),
    "TimeZone",
    "https://www.iana.org/time-zones",
    |text| text.parse().ok(),
    |zone| zone.name().to_owned()
);

/// The id of a row, an ID of the schema.
impl OutputType for PublicId {
    fn type_name() -> Cow<'static, str> {
        <ID as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::String(self.text()))
    }
}

/// An instant as RFC 3339 has it: `chrono` goes by a format, and a page of feeds has some 300 instants and days.
fn instant_text(at: &Instant) -> String {
    if !(0..=9999).contains(&at.year()) || at.nanosecond() >= 1_000_000_000 {
        return at.to_rfc3339_opts(SecondsFormat::Millis, true);
    }
    let mut text = String::with_capacity(24);
    push_day(&mut text, at.date_naive());
    for (before, number, places) in
        [('T', at.hour(), 10), (':', at.minute(), 10), (':', at.second(), 10), ('.', at.nanosecond() / 1_000_000, 100)]
    {
        text.push(before);
        push_digits(&mut text, number, places);
    }
    text.push('Z');
    text
}

fn day_text(day: NaiveDate) -> String {
    if !(0..=9999).contains(&day.year()) {
        return day.to_string();
    }
    let mut text = String::with_capacity(10);
    push_day(&mut text, day);
    text
}

fn push_day(text: &mut String, day: NaiveDate) {
    push_digits(text, day.year().unsigned_abs(), 1_000);
    text.push('-');
    push_digits(text, day.month(), 10);
    text.push('-');
    push_digits(text, day.day(), 10);
}

/// The digits of a number from `place` (a power of ten) down.
fn push_digits(text: &mut String, number: u32, mut place: u32) {
    while place > 0 {
        text.extend(char::from_digit(number / place % 10, 10));
        place /= 10;
    }
}

/// The largest whole number that every JSON reader keeps exact.
const LONG_MAX: i64 = (1 << 53) - 1;

/// A whole number between -(2^53 - 1) and 2^53 - 1, as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long(pub i64);

/// A whole number between -(2^53 - 1) and 2^53 - 1, as a JSON number.
#[Scalar(name = "Long", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        long(&value).map(Self).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn is_valid(value: &Value) -> bool {
        long(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0.clamp(-LONG_MAX, LONG_MAX)))
    }
}

impl From<i64> for Long {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

fn long(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().filter(|number| (-LONG_MAX..=LONG_MAX).contains(number))
}

/// Whether a value is one of the scalar called `name`; `None` when that is none of ours.
pub(super) fn is_valid(name: &str, value: &Value) -> Option<bool> {
    Some(match name {
        "DateTime" => <DateTime as ScalarType>::is_valid(value),
        "Date" => <Date as ScalarType>::is_valid(value),
        "Month" => <Month as ScalarType>::is_valid(value),
        "LocalTime" => <LocalTime as ScalarType>::is_valid(value),
        "Decimal" => <Decimal as ScalarType>::is_valid(value),
        "URL" => <Url as ScalarType>::is_valid(value),
        "TimeZone" => <TimeZone as ScalarType>::is_valid(value),
        "Long" => <Long as ScalarType>::is_valid(value),
        _ => return None,
    })
}

/// Whether `text` has a digit wherever `shape` has a `d`, and the shape's own character elsewhere.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(have, want)| if want == b'd' { have.is_ascii_digit() } else { have == want })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Value {
        Value::String(value.into())
    }

    #[test]
    fn instants_have_three_fraction_digits() {
        for (given, shown) in [
            ("2026-03-02T04:11:09Z", "2026-03-02T04:11:09.000Z"),
            ("2026-03-02T05:11:09.1239+01:00", "2026-03-02T04:11:09.123Z"),
        ] {
            assert_eq!(<DateTime as ScalarType>::parse(text(given)).unwrap().to_value_(), text(shown));
        }
        for wrong in ["2026-03-02", "2026-03-02T04:11:09", "2026-13-02T04:11:09Z", "now", ""] {
            assert!(!<DateTime as ScalarType>::is_valid(&text(wrong)), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn instants_and_days_are_as_chrono_writes_them(millis in -70_000_000_000_000_i64..400_000_000_000_000) {
            let at = crate::clock::from_millis(millis);
            prop_assert_eq!(instant_text(&at), at.to_rfc3339_opts(SecondsFormat::Millis, true));
            prop_assert_eq!(day_text(at.date_naive()), at.date_naive().to_string());
        }
    }

    #[test]
    fn days_and_times_have_one_spelling() {
        for right in ["2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(<Date as ScalarType>::parse(text(right)).unwrap().to_value_(), text(right));
        }
        for wrong in ["2023-02-29", "2024-2-29", "+024-02-29", "2024-02-29 ", "20240229"] {
            assert!(!<Date as ScalarType>::is_valid(&text(wrong)), "{wrong}");
        }
        assert_eq!(<LocalTime as ScalarType>::parse(text("03:30")).unwrap().to_value_(), text("03:30"));
        for wrong in ["3:30", "24:00", "03:30:00", "03-30"] {
            assert!(!<LocalTime as ScalarType>::is_valid(&text(wrong)), "{wrong}");
        }
    }

    #[test]
    fn longs_stay_exact_in_json() {
        for (number, valid) in [(LONG_MAX, true), (-LONG_MAX, true), (LONG_MAX + 1, false), (i64::MIN, false)] {
            assert_eq!(<Long as ScalarType>::is_valid(&Value::Number(number.into())), valid, "{number}");
        }
        assert!(!<Long as ScalarType>::is_valid(&text("1")));
        assert!(!<Long as ScalarType>::is_valid(&Value::Number(Number::from_f64(1.5).unwrap())));
    }

    #[test]
    fn zones_and_addresses_are_checked() {
        assert!(<TimeZone as ScalarType>::is_valid(&text("Europe/Berlin")));
        assert!(!<TimeZone as ScalarType>::is_valid(&text("Mars/Olympus")));
        assert!(<Url as ScalarType>::is_valid(&text("http://example.com")));
        assert!(!<Url as ScalarType>::is_valid(&text("example.com")));
    }

    /// `to_value` is a method of two traits.
    trait Shown {
        fn to_value_(&self) -> Value;
    }

    impl<T: ScalarType> Shown for T {
        fn to_value_(&self) -> Value {
            ScalarType::to_value(self)
        }
    }
}
